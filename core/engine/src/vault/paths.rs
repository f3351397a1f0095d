//! What every path but the relay's own exchange shares: taking envelopes in, and saying which changes another side lacks.
//!
//! Invariant: whatever carried an envelope, it goes through `merge::receive` and is trusted no more than what a relay gave.

use super::brake::Brake;
use super::detect;
use super::merge::Received;
use super::open::Unlocked;
use super::snapshot::HandOn;
use super::steps::{self, Merger, Pace, Retry};
use super::{SyncReport, inbox};
use crate::error::Result;
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::store::log::{self, HeldFor};
use carnet_wire::stream::Tip;
use carnet_wire::{Author, EnvelopeId, MailboxId};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// What became of envelopes that came.
#[derive(Debug, Default)]
pub struct Taken {
    /// How many were merged, those that had waited for them included.
    pub merged: u64,
    /// How many are new in quarantine.
    pub held: u64,
    /// Why, in stable words.
    pub news: BTreeSet<&'static str>,
}

/// Takes envelopes in, in steps of one transaction each that are as long as a background window allows.
pub struct Intake {
    pace: Pace,
    retry: Retry,
}

impl Intake {
    /// Begins, or goes on where another sync was stopped.
    pub fn begin(open: &Unlocked) -> Result<Self> {
        Ok(Self {
            pace: Pace::default(),
            retry: Retry::load(open)?,
        })
    }

    /// Merges or holds envelopes, and tries again what waited for them.
    pub fn receive(&mut self, open: &Unlocked, envelopes: &[(MailboxId, &[u8])]) -> Result<Taken> {
        let mut taken = Taken::default();
        let mut held = Vec::new();
        let mut rest = envelopes;
        while !rest.is_empty() {
            let count = self.step(open, rest, &mut taken, &mut held)?;
            rest = rest.get(count..).unwrap_or_default();
        }
        let mut waited = SyncReport::default();
        let brake = Brake::new(None, None);
        steps::finish_retries(open, &mut self.retry, &brake, &mut waited)?;
        taken.merged += waited.received;
        // What only waited for another envelope of the same batch is no news.
        open.store.read(|conn| {
            for (id, reason) in held {
                if log::is_held(conn, id)? {
                    taken.held += 1;
                    taken.news.insert(reason.word());
                }
            }
            Ok(())
        })?;
        Ok(taken)
    }

    /// Tries again what waits in quarantine, because something else than an envelope came.
    pub fn try_again(&mut self, open: &Unlocked, report: &mut SyncReport) -> Result<()> {
        self.retry.begin();
        let brake = Brake::new(None, None);
        steps::finish_retries(open, &mut self.retry, &brake, report).map(drop)
    }

    /// One transaction; returns how many envelopes it took.
    fn step(
        &mut self,
        open: &Unlocked,
        envelopes: &[(MailboxId, &[u8])],
        taken: &mut Taken,
        held: &mut Vec<(EnvelopeId, HeldFor)>,
    ) -> Result<usize> {
        let begun = Instant::now();
        let mut retry = self.retry.clone();
        let pace = &self.pace;
        let (count, size, merged, new) = open.write(|tx| {
            let mut merger = Merger::begin(tx, open, pace)?;
            let (mut count, mut merged) = (0, 0);
            let mut new = Vec::new();
            for (mailbox, bytes) in envelopes {
                let id = EnvelopeId::derive(bytes);
                let known = log::is_held(tx, id)?;
                match merger.receive(*mailbox, bytes)? {
                    Received::Merged => merged += 1,
                    Received::Held(reason) if !known => new.push((id, reason)),
                    Received::Held(_) | Received::Known => {}
                }
                count += 1;
                if merger.is_over() {
                    break;
                }
            }
            if merged > 0 {
                retry.begin();
            }
            merged += retry.run(&mut merger)?;
            let size = merger.bytes();
            merger.finish()?;
            Ok((count, size, merged, new))
        })?;
        self.retry = retry;
        self.pace.learn(size, begun.elapsed());
        taken.merged += merged;
        held.extend(new);
        Ok(count)
    }
}

/// Merges what a background sync stored, so that what this vault says it has is what it has; `false` when the brake acted.
pub fn settle(open: &Unlocked, brake: &Brake<'_>, report: &mut SyncReport) -> Result<bool> {
    let mut retry = Retry::load(open)?;
    inbox::merge_inbox(open, &mut Pace::default(), &mut retry, brake, report)
}

/// The order that lets changes be understood when they arrive: devices, keys, rosters, then data.
pub fn need(name: &str) -> u8 {
    match name {
        DEVICES => 0,
        KEYRING => 1,
        ROSTER => 2,
        _ => 3,
    }
}

/// How much each log is needed.
pub fn needs(conn: &Connection) -> Result<BTreeMap<i64, u8>> {
    let logs = log::logs(conn)?.into_iter();
    Ok(logs.map(|log| (log.number, need(&log.name))).collect())
}

/// What another side lacks of a log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Logical time and local number of each change.
    pub changes: Vec<(u64, i64)>,
    /// Whether it has another change at a place where this vault has one.
    pub forked: bool,
}

/// What a side that has `theirs` of a log lacks, beside what it is handed on as a snapshot. Where its chain is another one,
/// the change it contradicts is sent: two signed headers at one place are the proof.
pub fn lacking(conn: &Connection, log: i64, theirs: &[Tip], how: &HandOn) -> Result<Lacking> {
    let theirs: BTreeMap<Author, &Tip> = theirs.iter().map(|tip| (tip.author, tip)).collect();
    let mut lacking = Lacking::default();
    for ours in log::tips(conn, log)? {
        let author = &ours.author;
        let Some(their) = theirs.get(author).filter(|tip| tip.seq > 0) else {
            lacking
                .changes
                .extend(log::changes_after(conn, log, author, how.after(author))?);
            continue;
        };
        if their.seq > ours.seq {
            continue;
        }
        match log::change_at(conn, log, author, their.seq)? {
            Some((number, id)) if id != their.id => {
                let after = log::changes_after(conn, log, author, their.seq - 1)?;
                let proof = after.into_iter().find(|(_, change)| *change == number);
                lacking.changes.extend(proof);
                lacking.forked = true;
            }
            _ => {
                let from = their.seq.max(how.after(author));
                let after = log::changes_after(conn, log, author, from)?;
                lacking.changes.extend(after);
            }
        }
    }
    Ok(lacking)
}

/// Adds what came to a report.
pub fn note(report: &mut SyncReport, taken: &Taken) {
    report.received += taken.merged;
    taken.news.iter().for_each(|word| notice(report, word));
}

/// Adds a notice to a report once.
pub fn notice(report: &mut SyncReport, word: &'static str) {
    if !report.notices.contains(&word) {
        report.notices.push(word);
    }
}

/// Ends a contact that exchanged everything: what is missing now is missing.
pub fn conclude(open: &Unlocked, report: &mut SyncReport) -> Result<()> {
    report.quarantined = quarantined(open)?;
    if report.complete {
        report.findings = detect::look(open)?;
    }
    Ok(())
}

/// How many envelopes are in quarantine.
pub fn quarantined(open: &Unlocked) -> Result<u64> {
    open.store
        .read(|conn| Ok(log::held_counts(conn)?.iter().map(|(_, count)| count).sum()))
}
