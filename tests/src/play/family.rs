//! Paired phones to copy: a pairing costs more than a whole play, so families of 2, 3, 5 and 8 phones are made once and
//! shared by all plays.

use super::relay::SimRelay;
use crate::chance;
use crate::devices::{MemoryKeyStore, NEW_YEAR, StepClock};
use carnet::Vault;
use carnet::host::Transport;
use carnet::vault::Host;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What the first relay is called.
pub const FIRST_RELAY: &str = "https://relay.test";
/// The names of phones, as folders and as people see them.
pub const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
/// How many phones families have.
pub const SIZES: [usize; 4] = [2, 3, 5, 8];
/// The chance all families begin with.
const SEED: u64 = 0x0c0f_fee0;

/// Phones `a`, `b`… and the relay they met at, closed, in folders below `folder`.
pub struct Family {
    /// Where they lie.
    pub folder: PathBuf,
    /// What each phone's platform keeps outside of its vault.
    pub key_stores: Vec<Arc<MemoryKeyStore>>,
}

/// One family of each size.
pub struct Families(Vec<Family>);

impl Families {
    /// Makes them below a folder. On a thread of its own: what a thread draws first is not the same the second time.
    pub fn make(below: &Path) -> Self {
        std::thread::scope(|scope| scope.spawn(|| Self::grow(below)).join().expect("families"))
    }

    /// Each is the one before it and a few phones more.
    fn grow(below: &Path) -> Self {
        let working = below.join("working");
        let mut house = House::found(&working);
        let mut families = Vec::new();
        for size in SIZES {
            while house.vaults.len() < size {
                house.add();
            }
            families.push(house.copy(&below.join(format!("family-{size}"))));
        }
        Self(families)
    }

    /// The family of this many phones.
    pub fn of(&self, size: usize) -> &Family {
        let found = self.0.iter().find(|family| family.key_stores.len() == size);
        found.expect("a family of this size")
    }
}

/// A family while it grows.
struct House {
    folder: PathBuf,
    relay: Arc<SimRelay>,
    vaults: Vec<Vault>,
    key_stores: Vec<Arc<MemoryKeyStore>>,
}

impl House {
    fn found(folder: &Path) -> Self {
        chance::seed(SEED);
        let relay = Arc::new(SimRelay::open(&folder.join("relay-0"), FIRST_RELAY));
        let mut house = Self {
            folder: folder.to_owned(),
            relay,
            vaults: Vec::new(),
            key_stores: Vec::new(),
        };
        let host = house.host();
        let first = Vault::create(&folder.join(NAMES[0]), host, "a", "Camille Martin", None);
        let first = first.expect("a vault");
        sync_well(&first);
        house.vaults.push(first);
        house
    }

    fn host(&mut self) -> Host {
        let key_store = Arc::new(MemoryKeyStore::default());
        self.key_stores.push(Arc::clone(&key_store));
        let relay: Arc<dyn Transport> = self.relay.clone();
        Host {
            key_store,
            clock: Arc::new(StepClock::new(NEW_YEAR)),
            transport: relay,
        }
    }

    /// One more phone; everybody then knows it.
    fn add(&mut self) {
        let at = self.vaults.len();
        let (host, folder) = (self.host(), self.folder.join(NAMES[at]));
        let joined = join(&self.vaults[0], folder, host, (NAMES[at], SEED + at as u64));
        self.vaults.push(joined);
        for _ in 0..2 {
            self.vaults.iter().for_each(sync_well);
        }
    }

    /// Closes everything, copies it, and opens it again.
    fn copy(&mut self, to: &Path) -> Family {
        self.vaults
            .iter()
            .for_each(|vault| vault.lock().expect("a lock"));
        let relay = self.relay.copy();
        for name in NAMES.iter().take(self.vaults.len()) {
            crate::paths::copy_folder(&self.folder.join(name), &to.join(name));
        }
        std::fs::rename(relay, to.join("relay-0")).expect("a copy of the relay");
        let key_stores = self.key_stores.iter().map(|store| Arc::new(store.copy()));
        let family = Family {
            folder: to.to_owned(),
            key_stores: key_stores.collect(),
        };
        for vault in &self.vaults {
            vault.unlock().expect("the vault opens again");
        }
        family
    }
}

/// The two halves of a pairing, each on its thread and with a chance of its own.
pub(super) fn join(
    old: &Vault,
    folder: PathBuf,
    host: Host,
    (name, seed): (&'static str, u64),
) -> Vault {
    let (send, code) = mpsc::channel();
    std::thread::scope(|scope| {
        let joining = scope.spawn(move || {
            chance::seed(seed);
            let mut announce = |code: &str| drop(send.send(code.to_owned()));
            let patience = Duration::from_secs(60);
            Vault::join(&folder, host, name, FIRST_RELAY, patience, &mut announce)
                .expect("a joined vault")
        });
        let code = code.recv_timeout(Duration::from_secs(60)).expect("a code");
        old.pair(&code).expect("a pairing");
        joining.join().expect("the new phone")
    })
}

/// A sync in fair weather, to its end.
pub(super) fn sync_well(vault: &Vault) {
    let report = vault.sync(Some(FIRST_RELAY), None, None);
    let report = report.expect("a sync in fair weather");
    assert!(report.complete, "a sync in fair weather ends");
}
