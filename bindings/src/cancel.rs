//! Stopping a long call, and hearing how far it is.

use crate::error::HostError;
use crate::feed::Latest;
use carnet::vault::{Observer, Progress as CallProgress};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops the calls it was given to: each returns `Cancelled` within a quarter of a second, what was committed stays, and no
/// lock is held. Give one to several calls to stop them together; once cancelled it stays so.
#[derive(Debug, Default, uniffi::Object)]
pub struct Cancel(AtomicBool);

#[uniffi::export]
impl Cancel {
    /// One that has not been cancelled.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Stops the calls. From any thread, any number of times.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Hears how far a long call is, at most ten times a second and the last time perhaps shortly after the call has returned. What
/// it throws is ignored; to stop the call there is [`Cancel`].
#[uniffi::export(foreign)]
pub trait ProgressObserver: Send + Sync {
    /// How far it is.
    fn on_progress(&self, progress: CallProgress) -> Result<(), HostError>;
}

/// What a long call is watched with.
pub struct Watcher {
    cancel: Option<Arc<Cancel>>,
    progress: Option<Latest<CallProgress>>,
}

impl Watcher {
    /// Both are optional.
    pub fn new(cancel: Option<Arc<Cancel>>, observer: Option<Arc<dyn ProgressObserver>>) -> Self {
        let tell = |observer: Arc<dyn ProgressObserver>| {
            Latest::new(move |progress| observer.on_progress(progress))
        };
        Self {
            cancel,
            progress: observer.map(tell),
        }
    }
}

impl Observer for Watcher {
    fn progress(&self, progress: CallProgress) -> bool {
        if let Some(latest) = &self.progress {
            latest.offer(progress);
        }
        self.cancel
            .as_ref()
            .is_none_or(|cancel| !cancel.is_cancelled())
    }
}
