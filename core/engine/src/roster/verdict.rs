//! Does this change of a record count? The question `vault` asks for each envelope, answered from the folded roster.
//!
//! A change counts if its author was allowed to write there **as far as the change knew** (the frontier in its header), and no
//! removal or lesser access that it did not know of leaves it out. Such an event leaves out what lies beyond the numbers it
//! names for the device's chains. What lies beyond is kept, shown, and counts after all when somebody else's change that
//! counts had seen it, or when an owner adopts it.

use super::access::Role;
use super::facts::{Cut, Event, Seniority, chains_reach};
use super::order::History;
use super::record::authors;
use super::state::{KnownRecord, Roster};
use carnet_wire::{AccountId, Author, ChangeId, CompartmentId, RecordId, Seen};

/// What a change of a record says of itself in its signed header.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Its id.
    pub id: ChangeId,
    /// The record.
    pub record: RecordId,
    /// The compartment.
    pub compartment: CompartmentId,
    /// Who signed.
    pub author: Author,
    /// Its number on the author's chain.
    pub seq: u64,
    /// What the author had merged.
    pub seen: &'a [Seen],
    /// The heads of the roster the author knew.
    pub frontier: &'a [ChangeId],
}

/// Whether a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It does.
    Counts,
    /// It names roster changes that are not here yet: ask again when the roster advances.
    Waits,
    /// Its author lost the right without knowing, and nobody had seen it: into quarantine, shown, and an owner may adopt it.
    Beyond,
    /// Its author had no right to write there, as far as it knew: into quarantine.
    Refused,
}

impl Roster {
    /// Judges one change by itself. What others had seen of it is for [`Roster::settle`].
    pub fn verdict(&self, written: &Written<'_>) -> Verdict {
        self.verdict_of_role(written, Role::writes)
    }

    /// Judges a snapshot, which says what others wrote: only owners may.
    pub fn verdict_of_snapshot(&self, written: &Written<'_>) -> Verdict {
        self.verdict_of_role(written, |role| role == Role::Owner)
    }

    fn verdict_of_role(&self, written: &Written<'_>, may: fn(Role) -> bool) -> Verdict {
        let Some(known) = self.record(written.record) else {
            return Verdict::Waits;
        };
        let Some(words) = self.history.joint_past(written.frontier) else {
            return Verdict::Waits;
        };
        let past = History::view(&words);
        let authors = authors(&self.accounts, &known.facts, past, written.author.device);
        // Nobody vouches for themselves: an adoption signed before a removal could name what is dated back after it.
        let mut adopted = known.facts.adopted.get(&written.id).into_iter().flatten();
        if adopted.any(|(by, _)| !authors.contains(by)) {
            return Verdict::Counts;
        }
        let verdicts = authors.into_iter().map(|account| {
            let name = known.name_of(written.compartment)?;
            let standing = known
                .facts
                .standing(&self.history, account, past, Seniority::MEMBER)?;
            if !may(standing.access.role) || !standing.access.reaches(name) {
                return None;
            }
            let knew = |event: &Event| reaches(written, &event.chains);
            let everybody = Seniority::MEMBER;
            let left = known.facts.limited(
                &self.history,
                account,
                &standing.access,
                past,
                everybody,
                knew,
            );
            let allowed = left.is_some_and(|left| may(left.role) && left.reaches(name));
            let by_rank = if allowed {
                Verdict::Counts
            } else {
                Verdict::Beyond
            };
            Some(by_rank.max(Self::verdict_of_cuts(known, account, past, written)))
        });
        verdicts.flatten().min().unwrap_or(Verdict::Refused)
    }

    fn verdict_of_cuts(
        known: &KnownRecord,
        account: AccountId,
        past: super::order::Past<'_>,
        written: &Written<'_>,
    ) -> Verdict {
        let of_device = |cut: &&Cut| cut.account == account && cut.device == written.author.device;
        let cuts = known.facts.cuts.iter().filter(of_device);
        let judged = cuts.map(|cut| {
            if past.holds(cut.place) {
                Verdict::Refused
            } else if reaches(written, &cut.chains) {
                Verdict::Counts
            } else {
                Verdict::Beyond
            }
        });
        judged.max().unwrap_or(Verdict::Counts)
    }

    /// Judges the changes of one compartment together: what lies beyond a removal counts if the change of another device,
    /// which counts itself, had seen it.
    pub fn settle(&self, changes: &[Written<'_>]) -> Vec<Verdict> {
        let mut verdicts: Vec<Verdict> =
            changes.iter().map(|change| self.verdict(change)).collect();
        loop {
            let sheltered: Vec<usize> = (0..)
                .zip(changes)
                .zip(&verdicts)
                .filter(|((_, change), verdict)| {
                    **verdict == Verdict::Beyond && is_seen(change, changes, &verdicts)
                })
                .map(|((at, _), _)| at)
                .collect();
            if sheltered.is_empty() {
                return verdicts;
            }
            for at in sheltered {
                if let Some(verdict) = verdicts.get_mut(at) {
                    *verdict = Verdict::Counts;
                }
            }
        }
    }
}

fn is_seen(change: &Written<'_>, changes: &[Written<'_>], verdicts: &[Verdict]) -> bool {
    changes.iter().zip(verdicts).any(|(other, verdict)| {
        *verdict == Verdict::Counts
            && other.compartment == change.compartment
            && other.author.device != change.author.device
            && other
                .seen
                .iter()
                .any(|seen| seen.author == change.author && seen.seq >= change.seq)
    })
}

fn reaches(written: &Written<'_>, chains: &[super::Chain]) -> bool {
    chains_reach(chains, written.author, written.compartment, written.seq)
}
