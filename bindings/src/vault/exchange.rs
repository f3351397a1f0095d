//! Every path by which changes travel, and the relays that are remembered.

use super::{Meeting, Vault};
use crate::cancel::{Cancel, ProgressObserver};
use crate::error::{HostError, Result};
use crate::feed::Queue;
use carnet::VaultError;
use carnet::vault::{Role as MeetingRole, SyncReport, Transfer, WatchEvent};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Hears what watching does.
#[uniffi::export(foreign)]
pub trait WatchObserver: Send + Sync {
    /// A sync is done, or failed and is tried again.
    fn on_event(&self, event: WatchEvent) -> std::result::Result<(), HostError>;
}

/// Hears from a phone that waits for others in the same network.
#[uniffi::export(foreign)]
pub trait ListenObserver: Send + Sync {
    /// The address to type on the other phone.
    fn on_listening(&self, address: String) -> std::result::Result<(), HostError>;
    /// What was exchanged with one.
    fn on_met(&self, report: SyncReport) -> std::result::Result<(), HostError>;
    /// An exchange with one that failed.
    fn on_failed(&self, error: VaultError) -> std::result::Result<(), HostError>;
}

/// What a [`ListenObserver`] is told.
enum Heard {
    Listening(String),
    Met(SyncReport),
    Failed(VaultError),
}

#[uniffi::export]
impl Vault {
    /// The relays this vault syncs with, the first one first.
    pub async fn relays(&self) -> Result<Vec<String>> {
        self.call(|vault| vault.relays()).await
    }

    /// Pushes and pulls with `relay` (then remembered), or with all that are remembered, until all is exchanged or the deadline
    /// has passed.
    pub async fn sync(
        &self,
        relay: Option<String>,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<SyncReport> {
        self.within(
            deadline,
            cancel,
            observer,
            move |vault, left, watcher| match relay.as_deref() {
                Some(relay) => vault.sync(Some(relay), left, watcher),
                None => vault.sync_relays(&[], left, watcher),
            },
        )
        .await
    }

    /// Syncs with several relays, remembered from now on in place of those before.
    pub async fn sync_relays(
        &self,
        relays: Vec<String>,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<SyncReport> {
        self.within(deadline, cancel, observer, move |vault, left, watcher| {
            vault.sync_relays(&relays, left, watcher)
        })
        .await
    }

    /// Syncs in a background window: pushes what is sealed, stores what comes. `merge_inbox` merges it later.
    pub async fn sync_background(
        &self,
        deadline: Duration,
        cancel: Option<Arc<Cancel>>,
    ) -> Result<SyncReport> {
        self.within(Some(deadline), cancel, None, |vault, left, watcher| {
            vault.sync_background(None, left, watcher)
        })
        .await
    }

    /// Merges what background syncs stored. Call it when the app comes to the front.
    pub async fn merge_inbox(
        &self,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<SyncReport> {
        self.within(deadline, cancel, observer, |vault, left, watcher| {
            vault.merge_inbox(left, watcher)
        })
        .await
    }

    /// Syncs again and again: when the relay or this vault has news, or after a pause where it failed. Returns when it is
    /// cancelled, or with a failure that waiting does not mend.
    pub async fn watch(&self, cancel: Arc<Cancel>, observer: Arc<dyn WatchObserver>) -> Result<()> {
        let events = Queue::new(move |event| observer.on_event(event));
        self.long(Some(cancel), None, move |vault, watcher| {
            vault.watch(None, watcher, &mut |event| events.offer(event))
        })
        .await
    }

    /// Parts of documents that the phone's own transfer service may carry.
    pub async fn transfers(&self) -> Result<Vec<Transfer>> {
        self.call(|vault| vault.transfers()).await
    }

    /// Says that a transfer was carried; `file` holds what a download brought. Returns whether the document is complete.
    pub async fn finish_transfer(&self, id: String, file: Option<PathBuf>) -> Result<bool> {
        self.call(move |vault| vault.finish_transfer(&id, file.as_deref()))
            .await
    }

    /// Begins a direct exchange over a byte stream of the app (Bluetooth, Wi-Fi Direct).
    pub async fn meet(&self, role: MeetingRole) -> Result<Arc<Meeting>> {
        self.call(move |vault| vault.meet(role).map(Meeting::new))
            .await
    }

    /// Exchanges with the phone that listens at `address` (`HOST:PORT`).
    pub async fn sync_with_peer(
        &self,
        address: String,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<SyncReport> {
        self.within(deadline, cancel, observer, move |vault, left, watcher| {
            vault.sync_with_peer(&address, left, watcher)
        })
        .await
    }

    /// Waits for other phones at `address` and exchanges with each, until it is cancelled or the deadline has passed.
    pub async fn listen(
        &self,
        address: String,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Arc<dyn ListenObserver>,
    ) -> Result<()> {
        let heard = Queue::new(move |heard| tell(&*observer, heard));
        self.within(deadline, cancel, None, move |vault, left, watcher| {
            let announce = &mut |at: &str| heard.offer(Heard::Listening(at.to_owned()));
            vault.listen(&address, left, watcher, announce, &mut |met| {
                heard.offer(met.map_or_else(Heard::Failed, Heard::Met));
                true
            })
        })
        .await
    }

    /// Exchanges with the sync file at `path`, which is made when there is none.
    pub async fn sync_file(
        &self,
        path: PathBuf,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<SyncReport> {
        self.within(deadline, cancel, observer, move |vault, left, watcher| {
            vault.sync_file(&path, left, watcher)
        })
        .await
    }
}

fn tell(observer: &dyn ListenObserver, heard: Heard) -> std::result::Result<(), HostError> {
    match heard {
        Heard::Listening(address) => observer.on_listening(address),
        Heard::Met(report) => observer.on_met(report),
        Heard::Failed(error) => observer.on_failed(error),
    }
}
