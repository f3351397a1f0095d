//! A play: a family of phones, one or two relays, and a seed that decides everything else.
//!
//! ```text
//! families   paired phones, made once, copied for every play
//! play       seasons of some steps: imports, notes, corrections, documents, persons, syncs, restarts; each season has its
//!            weather, its travellers without a network, its partitions; between seasons months pass, clocks jump, a phone or
//!            a relay is put back from an old copy; snapshots are made, acknowledged, retired, lost, begun with
//! heal       the weather clears, everybody syncs with everybody until nothing moves
//! check      the same views, heads and devices on all phones; everything a person was told is done is there, nothing else;
//!            nothing is left unsent or in quarantine; now and then every view is rebuilt and compared
//! ```
//! In a process whose chance is seeded ([`crate::chance`]) a seed gives the same bytes every time.

mod all;
mod check;
pub mod family;
mod ledger;
pub mod malice;
mod moves;
mod paths;
pub mod people;
pub mod phone;
pub mod relay;
pub mod snapshots;
mod witness;

pub use all::play_all;

use crate::chance;
use crate::devices::NEW_YEAR;
use crate::dice::Dice;
use crate::network::Weather;
use crate::paths::copy_folder;
use family::{FIRST_RELAY, Families, NAMES, SIZES};
use ledger::{Item, Ledger};
use malice::{Liar, Malice, Memory};
use phone::{SimPhone, reachable};
use relay::SimRelay;
use snapshots::SnapshotRules;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use witness::Witnesses;

/// What the second relay is called.
const SECOND_RELAY: &str = "https://other.test";
const DAY: u64 = 86_400;
/// Fifty years in milliseconds.
const FIFTY_YEARS: i64 = 1_577_880_000_000;

/// Where a play is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// All relays honest and in this process.
    Honest,
    /// The first relay lies; the second is honest, and met only in the end.
    Lying,
    /// Relays are programs, and requests go through sockets.
    Http,
}

/// What a seed decides before the first step.
#[derive(Debug, Clone)]
pub struct Rules {
    /// How many phones.
    pub phones: usize,
    /// How many relays.
    pub relays: usize,
    /// Whether phones are put back from copies.
    pub phones_put_back: bool,
    /// Whether relays are put back from copies.
    pub relays_put_back: bool,
    /// Seasons.
    pub seasons: u64,
    /// Where.
    pub stage: Stage,
    /// Whether phones find together in the end without a relay.
    pub ends_without_relay: bool,
    /// Snapshots.
    pub snapshots: SnapshotRules,
}

impl Rules {
    fn draw(stage: Stage, dice: &mut Dice) -> Self {
        if stage == Stage::Lying {
            return Self::draw_lying(dice);
        }
        let phones = match dice.below(100) {
            0..45 => SIZES[0],
            45..80 => SIZES[1],
            80..95 => SIZES[2],
            _ => SIZES[3],
        };
        let accident = dice.below(100);
        Self {
            phones,
            relays: 1 + usize::from(dice.chance(25)),
            phones_put_back: accident < 25,
            relays_put_back: (20..40).contains(&accident),
            seasons: 2 + dice.below(2),
            stage,
            ends_without_relay: dice.chance(12),
            snapshots: SnapshotRules::default(),
        }
    }

    /// A play against a lying relay.
    fn draw_lying(dice: &mut Dice) -> Self {
        Self {
            phones: SIZES[dice.below(3) as usize],
            relays: 2,
            phones_put_back: dice.chance(20),
            relays_put_back: false,
            seasons: 2 + dice.below(2),
            stage: Stage::Lying,
            ends_without_relay: dice.chance(30),
            snapshots: SnapshotRules::default(),
        }
    }
}

/// CPU seconds by part of a play; and how often each finding was made, which costs nothing.
pub type Costs = BTreeMap<&'static str, (u64, f64)>;

/// One play.
pub struct Play {
    /// What was decided.
    pub rules: Rules,
    /// What it cost.
    pub costs: Costs,
    seed: u64,
    folder: PathBuf,
    dice: Dice,
    relays: Vec<Arc<SimRelay>>,
    /// The faces of the first relay, one for each phone, where it lies.
    liars: Vec<Arc<Liar>>,
    phones: Vec<SimPhone>,
    /// Whether a phone is on a journey: it writes and does not sync.
    away: Vec<bool>,
    /// Phones that lacked a document when they last synced.
    lacking: BTreeSet<usize>,
    /// Decides about snapshots.
    upkeep: Dice,
    witnesses: Witnesses,
    ledger: Ledger,
    phone_copies: Vec<(usize, PathBuf, BTreeSet<Item>)>,
    relay_copies: Vec<(usize, PathBuf)>,
    /// What happened, for whoever looks for a fault.
    story: Vec<String>,
}

impl Play {
    /// Copies a family and opens it.
    pub fn start(families: &Families, folder: PathBuf, seed: u64, stage: Stage) -> Self {
        let mut dice = Dice::new(seed);
        let mut rules = Rules::draw(stage, &mut dice);
        let mut upkeep = Dice::new(!seed);
        rules.snapshots = SnapshotRules::draw(stage, rules.phones, &mut upkeep);
        let family = families.of(rules.phones);
        copy_folder(&family.folder, &folder);
        let urls = [FIRST_RELAY, SECOND_RELAY];
        let relays: Vec<_> = (0..rules.relays)
            .map(|at| {
                Arc::new(SimRelay::open(
                    &folder.join(format!("relay-{at}")),
                    urls[at],
                ))
            })
            .collect();
        let (memory, mut liars) = (Memory::default(), Vec::new());
        let phones: Vec<_> = (0..rules.phones)
            .map(|at| {
                let mut paths = reachable(&relays);
                if stage == Stage::Lying {
                    let honest = Arc::clone(&paths[0].1);
                    let liar = Liar::new(honest, Arc::clone(&memory), seed * 8 + at as u64);
                    liars.push(Arc::new(liar));
                    paths[0].1 = liars[at].clone();
                }
                let start = NEW_YEAR + dice.between(-1_000_000_000, 1_000_000_000);
                let (name, store) = (NAMES[at], &family.key_stores[at]);
                let seed = seed * 8 + at as u64;
                SimPhone::open(name, folder.join(name), store, &paths, start, seed)
            })
            .collect();
        let mut ledger = Ledger::default();
        ledger.wrote(0, Item::Person("Camille Martin".to_owned()));
        Self {
            away: vec![false; rules.phones],
            rules,
            costs: Costs::new(),
            seed,
            folder,
            dice,
            relays,
            liars,
            phones,
            lacking: BTreeSet::new(),
            upkeep,
            witnesses: Witnesses::default(),
            ledger,
            phone_copies: Vec::new(),
            relay_copies: Vec::new(),
            story: Vec::new(),
        }
    }

    /// Plays to the end; what is left is checked.
    pub fn run(&mut self) {
        for season in 0..self.rules.seasons {
            if season > 0 {
                self.between_seasons();
            }
            self.begin_season();
            for _ in 0..3 + self.dice.below(3) + self.rules.phones as u64 {
                self.perhaps_compact();
                self.step();
            }
        }
        self.perhaps_lose_a_piece();
        self.heal();
        self.count_retired();
        self.check();
    }

    /// Time passes and accidents happen.
    fn between_seasons(&mut self) {
        let days = *self.dice.pick(&[1, 7, 40, 400]);
        self.relays.iter().for_each(|relay| relay.pass(days * DAY));
        for at in 0..self.phones.len() {
            self.phones[at].clock.jump((days * DAY * 1_000) as i64);
            if self.dice.chance(15) {
                let by = self.dice.between(-FIFTY_YEARS, FIFTY_YEARS);
                self.phones[at].clock.jump(by);
            }
        }
        if self.rules.phones_put_back {
            self.put_back_or_copy_phone();
        }
        if self.rules.relays_put_back {
            self.put_back_or_copy_relay();
        }
        self.perhaps_lose_a_piece();
    }

    /// Who travels, how bad the weather is, and which relays can be reached from where.
    fn begin_season(&mut self) {
        let worst = *self.dice.pick(&[0, 10, 30, 60]);
        for at in 0..self.phones.len() {
            self.away[at] = self.dice.chance(20);
            let dice = &mut self.dice;
            self.phones[at].set_weather(|| {
                if dice.chance(10) {
                    return Weather::NONE;
                }
                let mut share = || dice.below(worst + 1);
                Weather {
                    lost_requests: share(),
                    lost_answers: share(),
                    repeated: share(),
                    late: share(),
                }
            });
        }
        if self.lies() {
            let malice = Malice::draw(&mut self.dice);
            self.liars.iter().for_each(|liar| liar.set(malice));
            self.say(|| format!("{malice:?}"));
        }
        self.say(|| format!("season, worst weather {worst}"));
    }

    fn put_back_or_copy_phone(&mut self) {
        if self.phone_copies.is_empty() || self.dice.chance(30) {
            let at = self.dice.below(self.phones.len() as u64) as usize;
            let copy = self.phones[at].copy();
            self.say(|| format!("{at} is copied"));
            let own = self.ledger.written_by(at);
            return self.phone_copies.push((at, copy, own));
        }
        let (at, copy, own) = self.dice.pick(&self.phone_copies).clone();
        self.say(|| format!("{at} is put back"));
        self.phones[at].put_back(&copy);
        self.ledger.phone_put_back(at, &own);
        self.settle_ledger();
    }

    fn put_back_or_copy_relay(&mut self) {
        if self.relay_copies.is_empty() || self.dice.chance(30) {
            let at = self.dice.below(self.relays.len() as u64) as usize;
            self.say(|| format!("relay {at} is copied"));
            return self.relay_copies.push((at, self.relays[at].copy()));
        }
        let (at, copy) = self.dice.pick(&self.relay_copies).clone();
        let honest = self.dice.chance(50);
        self.say(|| format!("relay {at} is put back, honest {honest}"));
        self.relays[at].put_back(&copy, honest);
        self.ledger.relay_put_back(at);
        self.settle_ledger();
    }

    /// Whether the first relay lies.
    fn lies(&self) -> bool {
        self.rules.stage == Stage::Lying
    }

    fn settle_ledger(&mut self) {
        let shown = self.shown_by_any();
        self.ledger.put_back(&shown);
    }

    fn shown_by_any(&self) -> BTreeSet<Item> {
        let phones = self.phones.iter();
        phones
            .flat_map(|phone| ledger::shown(&phone.vault, |_, _| ()))
            .collect()
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        self.story.push(what());
    }
}

impl Drop for Play {
    /// What is left of a play that failed is its story.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {}: {:?}\n{}",
                self.seed,
                self.rules,
                self.story.join("\n")
            );
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Plays one seed on a thread of its own, so that its chance begins anew: the fingerprint of what all phones hold in the
/// end, or none if it failed.
pub fn play(
    families: &Families,
    below: &Path,
    (seed, stage): (u64, Stage),
    costs: &Mutex<Costs>,
) -> Option<[u8; 32]> {
    let folder = below.join(format!("play-{seed}"));
    let work = || {
        chance::seed(seed);
        let mut costs_of_start = Costs::new();
        let mut play = check::timed(&mut costs_of_start, "open", || {
            Play::start(families, folder, seed, stage)
        });
        play.costs = costs_of_start;
        play.run();
        let mut all = costs.lock().expect("costs");
        for (part, (times, seconds)) in &play.costs {
            let sum = all.entry(part).or_default();
            *sum = (sum.0 + times, sum.1 + seconds);
        }
        play.fingerprint()
    };
    std::thread::scope(|scope| scope.spawn(work).join().ok())
}
