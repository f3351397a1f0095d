//! What every path but the relay's own exchange shares: taking envelopes in, and saying which changes another side lacks.
//!
//! Invariant: whatever carried an envelope, it goes through [`merge::receive`] and is trusted no more than what a relay gave.

use super::merge::{self, Received, Unprojected};
use super::open::Unlocked;
use super::{SyncReport, keyring::Keyring};
use crate::error::Result;
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::store::log;
use carnet_wire::stream::Tip;
use carnet_wire::{Author, EnvelopeId, MailboxId};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of envelopes merged in one transaction: a step stays well under the 250 ms a background window allows.
const STEP_BYTES: usize = 512 << 10;

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

/// Takes envelopes in, in steps of one transaction each.
pub fn receive(open: &Unlocked, envelopes: &[(MailboxId, &[u8])]) -> Result<Taken> {
    let mut taken = Taken::default();
    let mut rest = envelopes;
    while !rest.is_empty() {
        let mut size = 0;
        let fits = rest.iter().take_while(|(_, bytes)| {
            size += bytes.len();
            size <= STEP_BYTES
        });
        let (step, after) = rest.split_at(fits.count().max(1).min(rest.len()));
        receive_step(open, step, &mut taken)?;
        rest = after;
    }
    Ok(taken)
}

fn receive_step(open: &Unlocked, step: &[(MailboxId, &[u8])], taken: &mut Taken) -> Result<()> {
    let key = &open.database_key;
    let (merged, held) = open.write(|tx| {
        let mut keyring = open.keyring_in(tx)?;
        let mut unprojected = Unprojected::default();
        let mut merged = 0;
        let mut held = Vec::new();
        for (mailbox, bytes) in step {
            let id = EnvelopeId::derive(bytes);
            let known = log::is_held(tx, id)?;
            match merge::receive(tx, &mut keyring, key, &mut unprojected, *mailbox, bytes)? {
                Received::Merged => merged += 1,
                Received::Known => {}
                Received::Held(reason) if !known => held.push((id, reason)),
                Received::Held(_) => {}
            }
        }
        if merged > 0 {
            merged += merge::retry_held(tx, &mut keyring, key, &mut unprojected)?;
        }
        unprojected.project(tx)?;
        // What only waited for another envelope of the same step is no news.
        let mut waiting = Vec::new();
        for (id, reason) in held {
            if log::is_held(tx, id)? {
                waiting.push(reason);
            }
        }
        Ok((merged, waiting))
    })?;
    taken.merged += merged;
    taken.held += held.len() as u64;
    taken.news.extend(held.iter().map(|reason| reason.word()));
    Ok(())
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

/// What a side that has `theirs` of a log lacks. Where its chain is another one, the change it contradicts is sent: two
/// signed headers at one place are the proof.
pub fn lacking(conn: &Connection, log: i64, theirs: &[Tip]) -> Result<Lacking> {
    let theirs: BTreeMap<Author, &Tip> = theirs.iter().map(|tip| (tip.author, tip)).collect();
    let mut lacking = Lacking::default();
    for ours in log::tips(conn, log)? {
        let author = &ours.author;
        let Some(their) = theirs.get(author).filter(|tip| tip.seq > 0) else {
            lacking
                .changes
                .extend(log::changes_after(conn, log, author, 0)?);
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
                let after = log::changes_after(conn, log, author, their.seq)?;
                lacking.changes.extend(after);
            }
        }
    }
    Ok(lacking)
}

/// Every mailbox this vault can open.
pub fn mailboxes(keyring: &Keyring) -> BTreeSet<MailboxId> {
    let epochs = keyring.epochs.iter();
    epochs.map(|(_, epoch)| epoch.mailbox).collect()
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

/// How many envelopes are in quarantine.
pub fn quarantined(open: &Unlocked) -> Result<u64> {
    open.store
        .read(|conn| Ok(log::held_counts(conn)?.iter().map(|(_, count)| count).sum()))
}
