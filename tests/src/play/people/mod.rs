//! A play of people: two to five who share a record, each with phones, a relay between, and a seed that decides the rest.
//!
//! ```text
//! casts    people let into one record, made once, copied for every play
//! play     seasons of some steps: notes, secrets, moves between compartments, syncs cut anywhere; roles change, people are
//!          removed, leave, are invited again, phones are lost, all of somebody's phones are gone and 24 words bring them
//!          back, the founder's place is handed over; between seasons months pass, and people are offline for a season, so
//!          that they write, move and read on with what they knew. What is done about people is told at once ([`APART`])
//! heal     the weather clears, everybody syncs until nothing moves, those who were removed and those who stole a phone too
//! check    the same members and roles on all phones that belong; the same items and notes on all that may see them; nothing
//!          lost that its author was entitled to write; nothing shown that was closed, not even to a thief with all keys
//! ```
//! In a process whose chance is seeded ([`crate::chance`]) a seed gives the same bytes every time.

mod acts;
mod book;
pub mod cast;
mod check;

use super::family::FIRST_RELAY;
use super::phone::{SimPhone, reachable};
use super::relay::SimRelay;
use crate::chance;
use crate::devices::NEW_YEAR;
use crate::dice::Dice;
use crate::measure::own_cpu;
use crate::network::Weather;
use crate::paths::{copy_folder, scratch};
use crate::thief::Envelopes;
use book::Book;
use carnet_wire::{AccountId, DeviceId, RecordId};
use cast::{Casts, PEOPLE, SIZES};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::available_parallelism;

const DAY: u64 = 86_400;
/// OPEN DEFECT, to be mended and then emptied: the seeds of the first hundred that fail; any other that does fails the run.
/// Somebody who is no owner loses both phones. The first removal's key for the `devices` log waits to be shown until an owner has
/// renewed the roster's key; the kit then adds a new phone under it. What this one says in the roster is by a phone the owners do
/// not know, so they do not renew the key it waits for in turn, and go on seeing the old one. A way out is to give what opens
/// the log to the owners' accounts alone, wrapped, instead of in the roster's clear.
const OPEN_SEEDS: &[u64] = &[7, 30, 50, 59, 90];
/// Set where people act on people without having heard of each other. OPEN DEFECTS, to be mended and then played always: some 11 of 40
/// seeds end with phones that see other members or other devices of a member, 4, 8, 9, 18, 34, 36 and 39 among them. A role
/// changed while its member recovers and removes both old phones leaves what opens their `devices` log in quarantine for who
/// changed it; who was removed by a phone that was itself lost before does not hear that it counts for nothing.
const APART: &str = "CARNET_PEOPLE_APART";

/// What becomes of a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Its person has it.
    Held,
    /// Its person removed it; whoever has it goes on trying.
    Stolen,
    /// At the bottom of a lake.
    Gone,
}

/// A phone of somebody.
struct Handset {
    sim: SimPhone,
    /// Which person, by number.
    person: usize,
    device: DeviceId,
    fate: Fate,
    away: bool,
    /// The weather of the season.
    weather: Weather,
}

/// How often each thing happened.
pub type Counts = BTreeMap<&'static str, u64>;

/// One play.
pub struct PeoplePlay {
    seed: u64,
    folder: PathBuf,
    dice: Dice,
    relay: Arc<SimRelay>,
    record: RecordId,
    /// Whether things are done about people by who has not heard what others did about them.
    apart: bool,
    accounts: Vec<AccountId>,
    kits: Vec<String>,
    handsets: Vec<Handset>,
    /// Who has the founder's place.
    founder: usize,
    /// Who was offered it.
    offered: Option<usize>,
    /// Links on their way: who was invited, by which code.
    links: Vec<(usize, String)>,
    book: Book,
    /// Everything the relay ever had.
    seen_by_relay: Envelopes,
    counts: Counts,
    story: Vec<String>,
}

impl PeoplePlay {
    /// Copies a cast and opens it.
    pub fn start(casts: &Casts, folder: PathBuf, seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed_0f9e_091e);
        let size = *dice.pick(&SIZES);
        let cast = casts.of(size);
        copy_folder(&cast.folder, &folder);
        let relay = Arc::new(SimRelay::open(&folder.join("relay-0"), FIRST_RELAY));
        let paths = reachable(std::slice::from_ref(&relay));
        let mut handsets = Vec::new();
        for (person, stores) in cast.key_stores.iter().enumerate() {
            for (store, name) in stores.iter().zip(PEOPLE[person].1) {
                let start = NEW_YEAR + dice.between(-1_000_000_000, 1_000_000_000);
                let seed = seed * 16 + handsets.len() as u64;
                let sim = SimPhone::open(name, folder.join(name), store, &paths, start, seed);
                handsets.push(Handset::of(sim, person));
            }
        }
        let first = &handsets[0].sim.vault;
        let record = first.persons().expect("persons")[0].record;
        let members = first.members(record).expect("members");
        let (mut book, mut accounts) = (Book::default(), Vec::new());
        for (name, _) in PEOPLE.iter().take(size) {
            let member = members.iter().find(|member| member.name == *name);
            let member = member.unwrap_or_else(|| panic!("{name} is no member"));
            book.act(member.account, Some(member.access.clone()));
            accounts.push(member.account);
        }
        for handset in &handsets {
            let invitations = handset.sim.vault.invitations().expect("invitations");
            let known = invitations.into_iter().map(|one| one.id);
            book.joined.extend(known);
        }
        Self {
            seed,
            folder,
            dice,
            relay,
            record,
            apart: std::env::var_os(APART).is_some(),
            accounts,
            kits: cast.kits.clone(),
            handsets,
            founder: 0,
            offered: None,
            links: Vec::new(),
            book,
            seen_by_relay: Envelopes::new(),
            counts: Counts::new(),
            story: Vec::new(),
        }
    }

    /// Plays to the end; what is left is checked.
    pub fn run(&mut self) {
        for season in 0..2 + self.dice.below(2) {
            if season > 0 {
                self.months_pass();
            }
            self.begin_season();
            for _ in 0..8 + 3 * self.accounts.len() {
                self.step();
            }
        }
        self.heal();
        self.check();
    }

    fn months_pass(&mut self) {
        let days = *self.dice.pick(&[1, 8, 100, 400]);
        self.say(|| format!("{days} days pass"));
        self.relay.pass(days * DAY);
        for handset in &self.handsets {
            handset.sim.clock.jump((days * DAY * 1_000) as i64);
        }
    }

    /// Who is offline for the season, person by person, and the weather of everybody else.
    fn begin_season(&mut self) {
        let worst = *self.dice.pick(&[0, 10, 30]);
        let away: Vec<bool> = self.accounts.iter().map(|_| self.dice.chance(20)).collect();
        for handset in &mut self.handsets {
            handset.away = away[handset.person];
            let dice = &mut self.dice;
            let mut share = || dice.below(worst + 1);
            handset.weather = Weather {
                lost_requests: share(),
                lost_answers: share(),
                repeated: share(),
                late: share(),
            };
            handset.sim.set_weather(|| handset.weather);
        }
        self.say(|| format!("season, worst weather {worst}, offline {away:?}"));
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        self.story.push(what());
    }

    /// What all phones of the founder hold in the end: equal for equal seeds.
    pub fn fingerprint(&self) -> [u8; 32] {
        let vault = &self.reference().sim.vault;
        vault.fingerprint().expect("a fingerprint")
    }
}

impl Handset {
    fn of(sim: SimPhone, person: usize) -> Self {
        let devices = sim.vault.devices().expect("devices");
        let this = devices.iter().find(|device| device.this);
        Self {
            device: this.expect("this device").id,
            sim,
            person,
            fate: Fate::Held,
            away: false,
            weather: Weather::default(),
        }
    }
}

impl Drop for PeoplePlay {
    /// What is left of a play that failed is its story.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}\n{}", self.seed, self.story.join("\n"));
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Plays one seed on a thread of its own: the fingerprint of the founder's phone in the end, or none if it failed.
pub fn play_people(
    casts: &Casts,
    below: &Path,
    seed: u64,
    counts: &Mutex<Counts>,
) -> Option<[u8; 32]> {
    let folder = below.join(format!("people-{seed}"));
    let work = || {
        chance::seed(seed);
        let mut play = PeoplePlay::start(casts, folder, seed);
        play.run();
        let mut all = counts.lock().expect("counts");
        for (what, times) in &play.counts {
            *all.entry(what).or_default() += times;
        }
        play.fingerprint()
    };
    std::thread::scope(|scope| scope.spawn(work).join().ok())
}

/// Plays `seeds` seeds from `first` on, on all processors, and says which fail. Needs a process whose chance is seeded.
pub fn play_all_people(first: u64, seeds: u64) {
    let scratch = scratch();
    let casts = Casts::make(scratch.path());
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let (counts, before) = (Mutex::new(Counts::new()), own_cpu());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            if play_people(&casts, scratch.path(), seed, &counts).is_none() {
                eprintln!("FAILED: replay with CARNET_SEED={seed} CARNET_PEOPLE_SEEDS=1");
                failed.lock().expect("a list").push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..available_parallelism().map_or(2, usize::from) {
            scope.spawn(work);
        }
    });
    let each = 1_000.0 * (own_cpu() - before) / seeds as f64;
    println!("{seeds} seeds of people from {first}: {each:.0} ms of CPU a seed");
    for (what, times) in counts.into_inner().expect("counts") {
        println!("  {what:<24} {times:>8}");
    }
    let failed = failed.into_inner().expect("a list");
    if !failed.is_empty() {
        println!(
            "OPEN DEFECT: seeds {failed:?} FAILED, see above; in the others everybody holds what they may hold"
        );
    }
    let mut new = failed.iter().filter(|seed| !OPEN_SEEDS.contains(seed));
    assert_eq!(new.next(), None, "{failed:?} failed");
}
