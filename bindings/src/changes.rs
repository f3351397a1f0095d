//! Telling an app that the vault was written, by itself or by another process, so that it can read its lists again.
//!
//! The vault is asked for the number of its writes, four times a second: one indexed read of a page that is in memory. It costs
//! wake-ups, so it is for an app that is on the screen: stop it in the background.

use crate::error::{HostError, Result};
use crate::feed::Latest;
use carnet::{Vault, VaultError};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Hears that something in the vault has changed: read again what is on the screen.
#[uniffi::export(foreign)]
pub trait ChangesObserver: Send + Sync {
    /// Something was written, or the vault was locked or unlocked. Several writes may be told at once.
    fn on_changes(&self) -> std::result::Result<(), HostError>;
}

/// Tells an observer of changes until it is stopped or let go.
#[derive(uniffi::Object)]
pub struct ChangesSubscription(SyncSender<()>);

#[uniffi::export]
impl ChangesSubscription {
    /// Stops telling. A call that is under way ends first; none follows.
    pub fn stop(&self) {
        // A full channel says that it was stopped already.
        let _ = self.0.try_send(());
    }
}

/// What an observer is told a change of.
#[derive(PartialEq, Eq)]
enum Seen {
    Writes(u64),
    Locked,
}

impl ChangesSubscription {
    /// Starts the thread. It ends with the subscription or with the vault.
    pub fn start(vault: &Arc<Vault>, observer: Arc<dyn ChangesObserver>) -> Result<Arc<Self>> {
        let (stop, stopped) = sync_channel(1);
        let vault = Arc::downgrade(vault);
        let mut seen = look(&vault);
        let watch = move || {
            let feed = Latest::new(move |()| observer.on_changes());
            while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now = look(&vault);
                if now.is_none() {
                    break;
                }
                if now != seen {
                    seen = now;
                    feed.offer(());
                }
            }
        };
        thread::Builder::new()
            .name("carnet-changes".into())
            .spawn(watch)
            .map_err(|_| VaultError::HostFailed("a thread could not be started"))?;
        Ok(Arc::new(Self(stop)))
    }
}

/// None once the vault is gone.
fn look(vault: &Weak<Vault>) -> Option<Seen> {
    let writes = vault.upgrade()?.writes();
    Some(writes.map_or(Seen::Locked, Seen::Writes))
}
