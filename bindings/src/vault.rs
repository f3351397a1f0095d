//! The vault as an app holds it: opening, locking, and how every call gets to the engine. The calls themselves stand by
//! subject, one line each.

mod documents;
mod exchange;
mod file;
mod meeting;
mod people;
mod record;
mod safety;
mod upkeep;

pub use exchange::{ListenObserver, WatchObserver};
pub use meeting::Meeting;

use crate::cancel::{Cancel, ProgressObserver, Watcher};
use crate::changes::{ChangesObserver, ChangesSubscription};
use crate::error::{HostError, Result};
use crate::feed::Queue;
use crate::host::{KeyStore, Transport, host};
use crate::work::run;
use carnet::vault::{Observer, OpenWarning, Person};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The encrypted store of one phone. Open it once and keep it: calls may come from any thread, at the same time. In Kotlin
/// `destroy()` lets it go, in Swift its last reference; the keys go with it, `lock()` makes them go at once.
#[derive(uniffi::Object)]
pub struct Vault(Arc<carnet::Vault>);

/// Is shown the code of a phone that joins.
#[uniffi::export(foreign)]
pub trait JoinObserver: Send + Sync {
    /// Show this code, as a QR code too, and wait for the other phone.
    fn on_code(&self, code: String) -> std::result::Result<(), HostError>;
}

#[uniffi::export]
impl Vault {
    /// Makes a vault in an empty or missing folder, with its person and their record. `birth_date` may be a year only.
    #[uniffi::constructor]
    pub async fn create(
        folder: PathBuf,
        keys: Arc<dyn KeyStore>,
        network: Option<Arc<dyn Transport>>,
        device_name: String,
        person: String,
        birth_date: Option<String>,
    ) -> Result<Arc<Self>> {
        opened(move || {
            let host = host(keys, network)?;
            carnet::Vault::create(&folder, host, &device_name, &person, birth_date.as_deref())
        })
        .await
    }

    /// Makes the vault of a new phone by joining the person's account: `observer` gets the code for the other phone, which has
    /// `wait` to complete it. A sync then brings the records.
    #[uniffi::constructor]
    pub async fn join(
        folder: PathBuf,
        keys: Arc<dyn KeyStore>,
        network: Option<Arc<dyn Transport>>,
        device_name: String,
        relay: String,
        wait: Duration,
        observer: Arc<dyn JoinObserver>,
    ) -> Result<Arc<Self>> {
        opened(move || {
            let host = host(keys, network)?;
            let codes = Queue::new(move |code| observer.on_code(code));
            let announce = &mut |code: &str| codes.offer(code.to_owned());
            carnet::Vault::join(&folder, host, &device_name, &relay, wait, announce)
        })
        .await
    }

    /// Opens a vault. `Locked` before the first unlock of the phone since it was started.
    #[uniffi::constructor]
    pub async fn open(
        folder: PathBuf,
        keys: Arc<dyn KeyStore>,
        network: Option<Arc<dyn Transport>>,
    ) -> Result<Arc<Self>> {
        opened(move || carnet::Vault::open(&folder, host(keys, network)?)).await
    }

    /// What opening noticed.
    pub fn warnings(&self) -> Vec<OpenWarning> {
        self.0.warnings()
    }

    /// Forgets the keys: every call answers `Locked` until `unlock`. A call that is under way ends first.
    pub async fn lock(&self) -> Result<()> {
        self.call(|vault| vault.lock()).await
    }

    /// Opens again with the phone's key.
    pub async fn unlock(&self) -> Result<()> {
        self.call(|vault| vault.unlock()).await
    }

    /// Whether the vault is locked.
    pub fn is_locked(&self) -> bool {
        self.0.is_locked()
    }

    /// The persons whose records the vault holds, in the order they were added.
    pub async fn persons(&self) -> Result<Vec<Person>> {
        self.call(|vault| vault.persons()).await
    }

    /// Adds a person and their record.
    pub async fn add_person(&self, name: String, birth_date: Option<String>) -> Result<Person> {
        self.call(move |vault| vault.add_person(&name, birth_date.as_deref()))
            .await
    }

    /// Tells an app on the screen that something was written, by this process or another.
    pub fn subscribe(
        &self,
        observer: Arc<dyn ChangesObserver>,
    ) -> Result<Arc<ChangesSubscription>> {
        ChangesSubscription::start(&self.0, observer)
    }
}

async fn opened(
    open: impl FnOnce() -> Result<carnet::Vault> + Send + 'static,
) -> Result<Arc<Vault>> {
    run(move || Ok(Arc::new(Vault(Arc::new(open()?))))).await
}

/// The time a call was given, counted from the call: waiting for a thread is part of it.
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    fn after(time: Option<Duration>) -> Self {
        // A time beyond what the clock can count is no deadline.
        Self(time.and_then(|time| Instant::now().checked_add(time)))
    }

    fn left(&self) -> Option<Duration> {
        self.0
            .map(|end| end.saturating_duration_since(Instant::now()))
    }
}

impl Vault {
    /// A call that is over soon.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&carnet::Vault) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let vault = self.0.clone();
        run(move || work(&vault)).await
    }

    /// A call that may take long: it can be cancelled, and says how far it is.
    async fn long<T: Send + 'static>(
        &self,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
        work: impl FnOnce(&carnet::Vault, &dyn Observer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let watcher = Watcher::new(cancel, observer);
        self.call(move |vault| work(vault, &watcher)).await
    }

    /// A long call with a deadline.
    async fn within<T: Send + 'static>(
        &self,
        deadline: Option<Duration>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
        work: impl FnOnce(&carnet::Vault, Option<Duration>, Option<&dyn Observer>) -> Result<T>
        + Send
        + 'static,
    ) -> Result<T> {
        let deadline = Deadline::after(deadline);
        self.long(cancel, observer, move |vault, watcher| {
            work(vault, deadline.left(), Some(watcher))
        })
        .await
    }
}
