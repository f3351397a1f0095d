//! Waiting for news over HTTP.
//!
//! Whoever waits keeps its connection, its places in the hub and a timer. Everything the request needed before that, body and
//! session included, is gone by then: this future is what tens of thousands of idle phones cost.

use super::{Answer, App, REQUEST_TIMEOUT, bearer, blocking, cbor};
use crate::RelayError;
use crate::metrics::Metrics;
use crate::service::Waiting;
use axum::extract::{Request, State};
use carnet_wire::relay::Wait;
use carnet_wire::{Canonical, MailboxId, limits};
use std::sync::Arc;

/// Longest body of a wait: 43 bytes a mailbox.
const MAX_WAIT_BYTES: usize = limits::MAX_MAILBOXES * 43 + 64;

enum Begun {
    Moved(Vec<MailboxId>),
    Waits(Waiting),
}

pub(super) async fn wait(State(app): State<App>, request: Request) -> Answer {
    app.count(&request)?;
    // Boxed, and dropped here: it is much larger than what remains.
    let begun = Box::pin(tokio::time::timeout(REQUEST_TIMEOUT, begin(&app, request))).await;
    let moved = match begun.map_err(|_| RelayError::TOO_SLOW)?? {
        Begun::Moved(moved) => moved,
        Begun::Waits(waiting) => {
            let _counted = Counted::new(app.service.metrics());
            waiting.settle().await
        }
    };
    app.service
        .metrics()
        .wakes
        .add(u64::from(!moved.is_empty()));
    Ok(cbor(app.service.waited(moved).to_canonical()))
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
