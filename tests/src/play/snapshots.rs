//! Snapshots in a play: made now and then, acknowledged by whoever syncs, after which the relay is told to let go of what they
//! replace and really deletes it once thirty days have passed; pieces the relay loses; a phone that comes out of a drawer in
//! the end and has to begin with what is left.
//!
//! All of this follows from dice of its own, so that a seed without snapshots plays as it did before there were any.

use super::{DAY, Play, Stage};
use crate::dice::Dice;

/// What a seed decides about snapshots.
#[derive(Debug, Clone, Copy, Default)]
pub struct SnapshotRules {
    /// In how many of 100 steps one is made.
    pub made: u64,
    /// Whether the last phone lies in a drawer until the end.
    pub drawer: bool,
    /// Whether relays lose pieces. Then nobody imports documents: those nobody can make again.
    pub lost: bool,
}

impl SnapshotRules {
    pub(super) fn draw(stage: Stage, phones: usize, dice: &mut Dice) -> Self {
        if dice.chance(40) {
            return Self::default();
        }
        Self {
            made: *dice.pick(&[5, 15, 30]),
            drawer: phones > 2 && dice.chance(50),
            lost: stage == Stage::Honest && dice.chance(25),
        }
    }
}

/// Days after which an owner's device asks a relay again whether it has all pieces.
const ASKED_AGAIN_DAYS: u64 = 8;

impl Play {
    /// How many phones act before the end.
    pub(super) fn awake(&self) -> u64 {
        self.phones.len() as u64 - u64::from(self.rules.snapshots.drawer)
    }

    /// Now and then a phone makes snapshots of a record.
    pub(super) fn perhaps_compact(&mut self) {
        if !self.upkeep.chance(self.rules.snapshots.made) {
            return;
        }
        let at = self.upkeep.below(self.awake()) as usize;
        self.say(|| format!("{at} compacts"));
        self.time("compact", |play| play.compact(at));
    }

    fn compact(&mut self, at: usize) {
        let mut persons = self.phones[at].vault.persons().expect("persons");
        persons.sort_by_key(|person| person.record);
        let record = self.upkeep.pick(&persons).record;
        let made = self.phones[at]
            .vault
            .compact(record, None)
            .expect("a snapshot");
        self.costs.entry("pieces made").or_default().0 += made.made;
        self.costs.entry("pieces reused").or_default().0 += made.reused;
    }

    /// A relay loses a piece, and time passes, so that whoever made it asks for it again.
    pub(super) fn perhaps_lose_a_piece(&mut self) {
        if !self.rules.snapshots.lost || !self.upkeep.chance(50) {
            return;
        }
        let at = self.upkeep.below(self.relays.len() as u64) as usize;
        if self.relays[at].lose_a_blob(&mut self.upkeep) {
            self.say(|| format!("relay {at} loses a piece"));
            self.costs.entry("pieces lost").or_default().0 += 1;
            let days = ASKED_AGAIN_DAYS * DAY;
            self.relays.iter().for_each(|relay| relay.pass(days));
            let clocks = self.phones.iter().map(|phone| &phone.clock);
            clocks.for_each(|clock| clock.jump((days * 1_000) as i64));
        }
    }

    /// Counts what relays were told to let go of.
    pub(super) fn count_retired(&mut self) {
        let retired: u64 = self.relays.iter().map(|relay| relay.retired()).sum();
        self.costs.entry("retired").or_default().0 += retired;
    }
}
