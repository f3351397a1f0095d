//! What a refused request still sends.
//!
//! A refusal (no session, too many requests) is often known before the body was read. A connection that is closed while the
//! client still sends resets, and the client sees a broken network instead of the answer: a phone whose session has ended
//! would not open a new one. So the rest is read and thrown away, up to limits, before the answer goes out.

use axum::body::{Body, Bytes};
use carnet_wire::limits;
use hyper::body::{Body as _, Frame, SizeHint};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest of a request may take.
const MOST_TIME: Duration = Duration::from_secs(5);
/// Most bytes that are thrown away: the longest body there is.
const MOST_BYTES: usize = limits::MAX_EXCHANGE_BYTES;

/// A request's body, and a way to what its handler leaves of it.
#[derive(Clone)]
pub(super) struct Unread(Arc<Mutex<Body>>);

impl Unread {
    /// Takes a body; the handler gets `Body::new` of a clone.
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads what is left and keeps nothing of it; not at all when it is announced to be more than any body may be.
    pub(super) async fn discard(mut self) {
        let announced = self.body().size_hint().lower();
        if announced > MOST_BYTES as u64 {
            return;
        }
        let rest = async {
            let mut bytes = 0;
            while bytes <= MOST_BYTES {
                let frame = poll_fn(|context| Pin::new(&mut self).poll_frame(context)).await;
                let Some(Ok(frame)) = frame else { break };
                bytes += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        let _ = tokio::time::timeout(MOST_TIME, rest).await;
    }

    fn body(&self) -> MutexGuard<'_, Body> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl hyper::body::Body for Unread {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *self.body()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body().size_hint()
    }
}
