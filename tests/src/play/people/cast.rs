//! Who plays: two to five people with one or two phones each, and one record they share. Made once and copied for every play,
//! because accounts, pairings and recovery kits cost more than a whole play.

use crate::chance;
use crate::devices::{MemoryKeyStore, NEW_YEAR, StepClock};
use crate::paths::copy_folder;
use crate::play::family::{FIRST_RELAY, join, sync_well};
use crate::play::moves::observation;
use crate::play::relay::SimRelay;
use carnet::Vault;
use carnet::host::Transport;
use carnet::vault::{Access, Host, MemberRole};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// People, and what their phones are called. The first founds the record.
pub const PEOPLE: [(&str, &[&str]); 5] = [
    ("Ana", &["ana-1", "ana-2"]),
    ("Ben", &["ben-1", "ben-2"]),
    ("Cleo", &["cleo-1"]),
    ("Dov", &["dov-1", "dov-2"]),
    ("Eve", &["eve-1"]),
];
/// How many take part.
pub const SIZES: [usize; 4] = [2, 3, 4, 5];
/// Items the record begins with in `general`.
pub const ITEMS: u64 = 4;
/// The chance everybody begins with.
const SEED: u64 = 0x9e0_9e1e;

/// Some people and a relay, closed, in folders below `folder`.
pub struct Cast {
    /// Where they lie.
    pub folder: PathBuf,
    /// What each phone's platform keeps, person by person.
    pub key_stores: Vec<Vec<Arc<MemoryKeyStore>>>,
    /// Each person's 24 words.
    pub kits: Vec<String>,
}

/// One cast of each size.
pub struct Casts(Vec<Cast>);

impl Casts {
    /// Makes them below a folder. On a thread of its own: what a thread draws first is not the same the second time.
    pub fn make(below: &Path) -> Self {
        std::thread::scope(|scope| scope.spawn(|| Self::grow(below)).join().expect("casts"))
    }

    fn grow(below: &Path) -> Self {
        chance::seed(SEED);
        let folder = below.join("rehearsal");
        let relay = Arc::new(SimRelay::open(&folder.join("relay-0"), FIRST_RELAY));
        let mut rehearsal = Rehearsal {
            folder,
            relay,
            people: Vec::new(),
        };
        let mut casts = Vec::new();
        for size in SIZES {
            while rehearsal.people.len() < size {
                rehearsal.add();
            }
            casts.push(rehearsal.copy(&below.join(format!("cast-{size}"))));
        }
        Self(casts)
    }

    /// The cast of this many people.
    pub fn of(&self, size: usize) -> &Cast {
        let found = self.0.iter().find(|cast| cast.kits.len() == size);
        found.expect("a cast of this size")
    }
}

struct Person {
    vaults: Vec<Vault>,
    key_stores: Vec<Arc<MemoryKeyStore>>,
    kit: String,
}

/// A cast while it grows.
struct Rehearsal {
    folder: PathBuf,
    relay: Arc<SimRelay>,
    people: Vec<Person>,
}

impl Rehearsal {
    fn host(&self) -> (Host, Arc<MemoryKeyStore>) {
        let key_store = Arc::new(MemoryKeyStore::default());
        let relay: Arc<dyn Transport> = self.relay.clone();
        let host = Host {
            key_store: key_store.clone(),
            clock: Arc::new(StepClock::new(NEW_YEAR)),
            transport: relay,
        };
        (host, key_store)
    }

    /// One more person with all their phones; whoever is not the first is let into the first one's record.
    fn add(&mut self) {
        let at = self.people.len();
        let (name, phones) = PEOPLE[at];
        let (host, key_store) = self.host();
        let first = Vault::create(&self.folder.join(phones[0]), host, phones[0], name, None);
        let first = first.expect("a vault");
        let kit = first.make_kit("paper", Some(FIRST_RELAY)).expect("a kit");
        sync_well(&first);
        let mut person = Person {
            vaults: vec![first],
            key_stores: vec![key_store],
            kit: kit.english.to_string(),
        };
        for (number, phone) in phones.iter().enumerate().skip(1) {
            let (host, key_store) = self.host();
            let seed = SEED + (at * 8 + number) as u64;
            let folder = self.folder.join(phone);
            let joined = join(&person.vaults[0], folder, host, (phone, seed));
            person.vaults.push(joined);
            person.key_stores.push(key_store);
        }
        self.people.push(person);
        match at {
            0 => self.found(),
            _ => self.invite(at, name),
        }
        for _ in 0..2 {
            let all = self.people.iter().flat_map(|person| &person.vaults);
            all.for_each(sync_well);
        }
    }

    fn found(&self) {
        let first = &self.people[0].vaults[0];
        let record = first.persons().expect("persons")[0].record;
        let lines: Vec<String> = (0..ITEMS)
            .map(|number| observation(&format!("open-{number}"), number, 0))
            .collect();
        let file = self.folder.join("record.ndjson");
        std::fs::write(&file, lines.join("\n")).expect("a file");
        first.import(record, &[file], None).expect("an import");
    }

    fn invite(&self, at: usize, name: &str) {
        let (host, guest) = (&self.people[0].vaults[0], &self.people[at].vaults[0]);
        let record = host.persons().expect("persons")[0].record;
        let access = match at {
            1 => Access::everywhere(MemberRole::Owner),
            2 => Access::everywhere(MemberRole::Caregiver),
            _ => Access::within(MemberRole::Caregiver, &["general"]),
        };
        let code = host.invite(record, &access, PEOPLE[0].0, Some(FIRST_RELAY));
        let code = code.expect("an invitation");
        sync_well(host);
        guest
            .accept_invitation(&code, name, None)
            .expect("an acceptance");
        for _ in 0..2 {
            sync_well(host);
            sync_well(guest);
        }
    }

    /// Closes everything, copies it, and opens it again.
    fn copy(&mut self, to: &Path) -> Cast {
        let vaults = || self.people.iter().flat_map(|person| &person.vaults);
        vaults().for_each(|vault| vault.lock().expect("a lock"));
        let relay = self.relay.copy();
        for (_, phones) in PEOPLE.iter().take(self.people.len()) {
            for phone in *phones {
                copy_folder(&self.folder.join(phone), &to.join(phone));
            }
        }
        std::fs::rename(relay, to.join("relay-0")).expect("a copy of the relay");
        vaults().for_each(|vault| vault.unlock().expect("the vault opens again"));
        let copy = |store: &Arc<MemoryKeyStore>| Arc::new(store.copy());
        let stores = self.people.iter().map(|person| &person.key_stores);
        Cast {
            folder: to.to_owned(),
            key_stores: stores
                .map(|stores| stores.iter().map(copy).collect())
                .collect(),
            kits: self
                .people
                .iter()
                .map(|person| person.kit.clone())
                .collect(),
        }
    }
}
