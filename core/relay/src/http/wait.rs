//! Waiting for news over HTTP.
//!
//! A phone that waits must cost little, and there are tens of thousands of them. A connection that is being served holds two
//! buffers of 8 KiB, a parser and a request; so the handler of a wait does not stay: it *parks* the connection. Everything that
//! served it is taken down, and what is left is the socket, a timer and a place in the hub. The answer is written by hand,
//! and serving begins anew on the same connection.

use super::{Answer, App, Ends, REQUEST_TIMEOUT, bearer, blocking, cbor};
use crate::metrics::Metrics;
use crate::service::Waiting;
use crate::{RelayError, Service};
use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, Version, header};
use carnet_wire::relay::Wait;
use carnet_wire::{Canonical, MailboxId, limits};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Longest body of a wait: 43 bytes a mailbox.
const MAX_WAIT_BYTES: usize = limits::MAX_MAILBOXES * 43 + 64;

/// Where the handler of a wait tells its connection to be parked.
#[derive(Default)]
pub(crate) struct Parking {
    parked: Mutex<Option<Parked>>,
    told: Notify,
}

impl Parking {
    fn park(&self, parked: Parked) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = Some(parked);
        self.told.notify_one();
    }

    /// Ends when the connection is to be parked.
    pub(crate) async fn parked(&self) -> Parked {
        loop {
            self.told.notified().await;
            let mut parked = self.parked.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(parked) = parked.take() {
                return parked;
            }
        }
    }
}

/// A wait whose connection is parked.
pub(crate) struct Parked {
    waiting: Waiting,
    service: Arc<Service>,
    keeps: bool,
}

impl Parked {
    /// Waits, answers, and gives the connection back if it goes on.
    pub(crate) async fn answer(self, stream: TcpStream, is_last: bool) -> Option<TcpStream> {
        let _counted = Counted::new(self.service.metrics());
        let moved = tokio::select! {
            moved = self.waiting.settle() => moved,
            () = hangs_up(&stream) => return None,
        };
        let metrics = self.service.metrics();
        metrics.wakes.add(u64::from(!moved.is_empty()));
        let body = self.service.waited(moved).to_canonical();
        let keeps = self.keeps && !is_last;
        let mut answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/cbor\r\ncache-control: no-store\r\n\
             content-length: {}\r\n{}\r\n",
            body.len(),
            if keeps { "" } else { "connection: close\r\n" }
        )
        .into_bytes();
        answer.extend_from_slice(&body);
        let written = tokio::time::timeout(REQUEST_TIMEOUT, write_all(&stream, &answer)).await;
        (keeps && matches!(written, Ok(Ok(())))).then_some(stream)
    }
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> std::io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Ends when the client is gone. One that sends more instead is not watched any longer.
async fn hangs_up(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        std::future::pending().await
    }
}

enum Begun {
    Moved(Vec<MailboxId>),
    Waits(Waiting),
}

pub(super) async fn wait(
    State(app): State<App>,
    Extension(Ends { parking, .. }): Extension<Ends>,
    request: Request,
) -> Answer {
    app.count(&request)?;
    let keeps = keeps_alive(request.version(), request.headers());
    let begun = tokio::time::timeout(REQUEST_TIMEOUT, begin(&app, request)).await;
    match begun.map_err(|_| RelayError::TOO_SLOW)?? {
        Begun::Moved(moved) => {
            app.service.metrics().wakes.add(1);
            Ok(cbor(app.service.waited(moved).to_canonical()))
        }
        Begun::Waits(waiting) => {
            parking.park(Parked {
                waiting,
                service: Arc::clone(&app.service),
                keeps,
            });
            // Taken down with everything else.
            std::future::pending().await
        }
    }
}

/// Whether the client expects to go on with this connection after the answer.
fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::CONNECTION).iter();
    let mut named = named.filter_map(|value| value.to_str().ok());
    version == Version::HTTP_11 && !named.any(|value| value.to_ascii_lowercase().contains("close"))
}

async fn begin(app: &App, request: Request) -> Result<Begun, RelayError> {
    let session = app.service.session(&bearer(request.headers())?)?;
    let (body, _permit) = app.body(request, MAX_WAIT_BYTES).await?;
    let wait = Wait::from_canonical(&body)?;
    // In line before the heads are looked at: what moves in between is told to this place.
    let waiting = app.service.begin_wait(&session, &wait)?;
    let moved = match app.service.moved_at_once(&session, &wait.pulls) {
        Some(moved) => moved,
        None => {
            let service = Arc::clone(&app.service);
            blocking(move || service.moved(&session, &wait.pulls)).await?
        }
    };
    Ok(match moved.is_empty() {
        true => Begun::Waits(waiting),
        false => Begun::Moved(moved),
    })
}

/// One more who waits, until dropped.
struct Counted(Arc<Metrics>);

impl Counted {
    fn new(metrics: &Arc<Metrics>) -> Self {
        metrics.waiters.add(1);
        Self(Arc::clone(metrics))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.waiters.sub(1);
    }
}
