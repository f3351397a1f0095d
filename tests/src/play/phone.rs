//! A phone of a play: a vault, a clock that jumps, and a network of its own to every relay.

use super::relay::SimRelay;
use crate::devices::{MemoryKeyStore, StepClock};
use crate::network::{Lossy, Weather};
use crate::paths::copy_folder;
use crate::thief::Thief;
use carnet::Vault;
use carnet::VaultError;
use carnet::host::{HostError, HttpRequest, HttpResponse, Transport};
use carnet::vault::{Host, Observer, OpenWarning, Progress, SyncReport};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A phone.
pub struct SimPhone {
    /// Its name and folder.
    pub name: &'static str,
    /// Its vault.
    pub vault: Vault,
    /// Its clock.
    pub clock: Arc<StepClock>,
    /// How many copies of it were made.
    copies: u64,
    folder: PathBuf,
    host: Host,
    /// A network to each relay: its name, and the weather on the way.
    networks: Vec<(String, Arc<Lossy>)>,
}

/// Sends each request to the relay it names.
struct Routes(Vec<(String, Arc<Lossy>)>);

impl Transport for Routes {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let route = self.0.iter().find(|(url, _)| request.url.starts_with(url));
        route.ok_or(HostError::Offline)?.1.send(request)
    }
}

/// Stops a sync after so many looks.
pub struct StopAfter(pub AtomicI64);

impl Observer for StopAfter {
    fn progress(&self, _: Progress) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

impl SimPhone {
    /// Opens the phone of this folder.
    pub fn open(
        name: &'static str,
        folder: PathBuf,
        key_store: &MemoryKeyStore,
        relays: &[(String, Arc<dyn Transport>)],
        start: i64,
        seed: u64,
    ) -> Self {
        let open = |folder: &Path, host| Vault::open(folder, host).ok();
        let phone = Self::try_begin(name, folder, key_store, relays, (start, seed), open);
        phone.expect("a copied vault")
    }

    /// A phone whose vault is made, or opened, by `make`; none where it is not.
    pub fn try_begin(
        name: &'static str,
        folder: PathBuf,
        key_store: &MemoryKeyStore,
        relays: &[(String, Arc<dyn Transport>)],
        (start, seed): (i64, u64),
        make: impl FnOnce(&Path, Host) -> Option<Vault>,
    ) -> Option<Self> {
        let networks: Vec<_> = relays
            .iter()
            .zip(0..)
            .map(|((url, relay), number)| {
                let network = Lossy::new(Arc::clone(relay), seed * 64 + number);
                (url.clone(), Arc::new(network))
            })
            .collect();
        let clock = Arc::new(StepClock::new(start));
        let host = Host {
            key_store: Arc::new(key_store.copy()),
            clock: clock.clone(),
            transport: Arc::new(Routes(networks.clone())),
        };
        let vault = make(&folder, host.clone())?;
        Some(Self {
            name,
            vault,
            clock,
            copies: 0,
            folder,
            host,
            networks,
        })
    }

    /// The weather on the way to each relay, in their order.
    pub fn set_weather(&self, mut weather: impl FnMut() -> Weather) {
        for (_, network) in &self.networks {
            network.set(weather());
        }
    }

    /// Fair weather everywhere; what was late arrives.
    pub fn clear_weather(&self) {
        for (_, network) in &self.networks {
            network.set(Weather::default());
            network.deliver_late();
        }
    }

    /// Syncs with one relay.
    pub fn sync(&self, relay: &str, stop: Option<StopAfter>) -> Result<SyncReport, VaultError> {
        let observer = stop.as_ref().map(|stop| stop as &dyn Observer);
        self.vault.sync(Some(relay), None, observer)
    }

    /// Ends the app and starts it again.
    pub fn reopen(&mut self) {
        self.vault.lock().expect("the vault locks");
        self.vault = Vault::open(&self.folder, self.host.clone()).expect("the vault opens");
        assert_eq!(self.vault.warnings(), [], "{}", self.name);
    }

    /// Copies the vault's folder, as a backup of the phone does, and returns the copy.
    pub fn copy(&mut self) -> PathBuf {
        self.copies += 1;
        let to = self.folder.with_extension(format!("copy-{}", self.copies));
        self.vault.lock().expect("the vault locks");
        copy_folder(&self.folder, &to);
        self.vault.unlock().expect("the vault opens again");
        to
    }

    /// What somebody can do who has it, and what unlocks it.
    pub fn robbed(&self) -> Thief {
        Thief::rob_with(&self.folder, |wrapped| {
            *self.host.key_store.unwrap(wrapped).expect("the key")
        })
    }

    /// Puts a copy back: what the platform keeps outside of the folder stays, and gives it away.
    pub fn put_back(&mut self, copy: &Path) {
        self.vault.lock().expect("the vault locks");
        std::fs::remove_dir_all(&self.folder).expect("the folder goes");
        copy_folder(copy, &self.folder);
        self.vault = Vault::open(&self.folder, self.host.clone()).expect("the copy opens");
        let said = self.vault.warnings();
        assert!(!said.contains(&OpenWarning::AnchorMissing), "{said:?}");
    }
}

/// The relays as a phone reaches them.
pub fn reachable(relays: &[Arc<SimRelay>]) -> Vec<(String, Arc<dyn Transport>)> {
    let one = |relay: &Arc<SimRelay>| {
        let transport: Arc<dyn Transport> = relay.clone();
        (relay.url().to_owned(), transport)
    };
    relays.iter().map(one).collect()
}
