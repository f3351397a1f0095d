//! Merging: what comes from a relay is opened, checked, chained and projected, or held in quarantine with a reason.
//!
//! Nothing that arrives is skipped (INV-8): an envelope is either merged, already known, or held. What is held is tried
//! again whenever a chain, a roster or a key advances. Checks go from cheap to dear, and a body is inflated only after the
//! signature over its hash holds:
//! envelope → epoch → AEAD → signature → chain → authorisation → content.

use super::keyring::{self, Keyring, ROSTER};
use crate::error::{Error, Result};
use crate::record::change::Change;
use crate::roster;
use crate::seal::{self, Opened};
use crate::store::log::{self, HeldFor, StoredChange};
use crate::store::project;
use carnet_wire::{Envelope, EnvelopeId, MailboxId, kind};
use rusqlite::Transaction;
use std::sync::Arc;

/// Greatest logical time accepted: a member cannot push the clock of a compartment to its end.
const MAX_LAMPORT: u64 = 1 << 52;

/// What became of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was merged.
    Merged,
    /// It had been merged before, or this device wrote it.
    Known,
    /// It is in quarantine.
    Held(HeldFor),
}

/// Merges one envelope, or holds it. `keyring` is loaded again inside when operations arrive.
pub fn receive(
    tx: &Transaction<'_>,
    keyring: &mut Arc<Keyring>,
    key: &[u8; 32],
    mailbox: MailboxId,
    bytes: &[u8],
) -> Result<Received> {
    let id = EnvelopeId::derive(bytes);
    if log::is_own(tx, id)? {
        return Ok(Received::Known);
    }
    let received = match try_merge(tx, keyring, mailbox, bytes)? {
        Outcome::Merged { operations } => {
            log::release(tx, id)?;
            if operations {
                absorb_operations(tx, keyring, key)?;
            }
            Received::Merged
        }
        Outcome::Known => {
            log::release(tx, id)?;
            Received::Known
        }
        Outcome::Held(reason) => {
            log::hold(tx, mailbox, bytes, reason)?;
            Received::Held(reason)
        }
    };
    Ok(received)
}

/// Tries everything in quarantine again until nothing more can be merged; returns how many were.
pub fn retry_held(tx: &Transaction<'_>, keyring: &mut Arc<Keyring>, key: &[u8; 32]) -> Result<u64> {
    let mut merged = 0;
    loop {
        let mailboxes: Vec<MailboxId> = keyring
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.mailbox)
            .collect();
        let before = merged;
        for held in log::held_in(tx, &mailboxes)? {
            // A fork or a refusal does not heal by itself: only what waits for something is worth opening again.
            let waits = matches!(
                held.reason,
                HeldFor::Gap | HeldFor::Unauthorised | HeldFor::Unopenable
            );
            if waits && receive(tx, keyring, key, held.mailbox, &held.bytes)? == Received::Merged {
                merged += 1;
            }
        }
        if merged == before {
            return Ok(merged);
        }
    }
}

enum Outcome {
    Merged { operations: bool },
    Known,
    Held(HeldFor),
}

fn try_merge(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    mailbox: MailboxId,
    bytes: &[u8],
) -> Result<Outcome> {
    let Some((log, opened)) = open(keyring, mailbox, bytes)? else {
        return Ok(Outcome::Held(HeldFor::Unopenable));
    };
    if log::has_change(tx, opened.id)? {
        return Ok(Outcome::Known);
    }
    let (seq, tip) = log::position(tx, log, &opened.header.author)?;
    let header = &opened.header;
    if header.seq > seq + 1 {
        return Ok(Outcome::Held(HeldFor::Gap));
    }
    if header.seq <= seq || header.prev != tip {
        return Ok(Outcome::Held(HeldFor::Fork));
    }
    if header.lamport > MAX_LAMPORT {
        return Ok(Outcome::Held(HeldFor::Refused));
    }
    match header.kind {
        kind::CHANGE => merge_change(tx, keyring, log, opened),
        kind::OPERATIONS => merge_operations(tx, log, opened),
        _ => Ok(Outcome::Held(HeldFor::Unknown)),
    }
}

/// Opens an envelope with the epoch of the mailbox it lay in; `None` when it cannot be opened.
fn open(keyring: &Keyring, mailbox: MailboxId, bytes: &[u8]) -> Result<Option<(i64, Opened)>> {
    let Some((log, epoch)) = keyring.epoch_of(mailbox) else {
        return Ok(None);
    };
    let Ok(envelope) = Envelope::from_bytes(bytes) else {
        return Ok(None);
    };
    match seal::open(epoch, &envelope) {
        Ok(opened) => Ok(Some((log, opened))),
        Err(
            Error::Unsealable
            | Error::Wire(_)
            | Error::Unauthorised(_)
            | Error::Invalid(_)
            | Error::TooLarge(_),
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

fn merge_change(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    opened: Opened,
) -> Result<Outcome> {
    let header = &opened.header;
    let allowed = keyring
        .roster(header.record)
        .is_some_and(|roster| roster.may_write(header.author.device, header.compartment));
    if !allowed {
        return Ok(Outcome::Held(HeldFor::Unauthorised));
    }
    let Ok(change) =
        seal::unpack_body(&opened.body).and_then(|payload| Change::from_payload(&payload))
    else {
        return Ok(Outcome::Held(HeldFor::Refused));
    };
    // A savepoint, because a refused item must leave nothing of its change behind.
    tx.execute_batch("SAVEPOINT merge")?;
    let header = opened.header.clone();
    let number = log::append(tx, log, &header, &stored(log, opened))?;
    match project::project(tx, log, number, &header, &change, None) {
        Ok(_) => tx.execute_batch("RELEASE merge")?,
        Err(Error::Invalid(_) | Error::TooLarge(_) | Error::Unauthorised(_) | Error::Wire(_)) => {
            tx.execute_batch("ROLLBACK TO merge; RELEASE merge")?;
            return Ok(Outcome::Held(HeldFor::Refused));
        }
        Err(error) => return Err(error),
    }
    Ok(Outcome::Merged { operations: false })
}

/// Operations are kept whoever signed them: the fold decides which count, and shows those that do not.
fn merge_operations(tx: &Transaction<'_>, log: i64, opened: Opened) -> Result<Outcome> {
    let readable =
        seal::unpack_body(&opened.body).and_then(|payload| roster::decode_operations(&payload));
    if readable.is_err() {
        return Ok(Outcome::Held(HeldFor::Unknown));
    }
    let header = opened.header.clone();
    log::append(tx, log, &header, &stored(log, opened))?;
    keyring::count_operations(tx)?;
    Ok(Outcome::Merged { operations: true })
}

fn stored(log: i64, opened: Opened) -> StoredChange {
    StoredChange {
        number: 0,
        log,
        id: opened.id,
        header: opened.header_bytes,
        signature: opened.signature,
        body: opened.body,
    }
}

/// Folds again, and keeps the epochs that new operations give this account: rosters named in the keyring, then the
/// compartments those rosters name.
pub fn absorb_operations(
    tx: &Transaction<'_>,
    keyring: &mut Arc<Keyring>,
    key: &[u8; 32],
) -> Result<()> {
    *keyring = Arc::new(Keyring::load(tx, key)?);
    let known = keep_known_records(tx, keyring)?;
    let minted = keep_minted_epochs(tx, keyring)?;
    if known || minted {
        *keyring = Arc::new(Keyring::load(tx, key)?);
    }
    Ok(())
}

fn keep_known_records(tx: &Transaction<'_>, keyring: &Keyring) -> Result<bool> {
    let mut news = false;
    for epoch in keyring
        .roster(keyring.account_record())
        .map(roster::Roster::known_records)
        .unwrap_or_default()?
    {
        if keyring.epoch_of(epoch.mailbox).is_none() {
            keyring::keep_epoch(tx, &epoch, ROSTER)?;
            news = true;
        }
    }
    Ok(news)
}

fn keep_minted_epochs(tx: &Transaction<'_>, keyring: &Keyring) -> Result<bool> {
    let mut news = false;
    for (record, roster) in &keyring.rosters {
        for minted in roster.epochs() {
            let held = keyring
                .epochs
                .iter()
                .any(|(_, epoch)| epoch.id == minted.epoch);
            if held {
                continue;
            }
            if let Some(epoch) =
                roster::unwrap_epoch(*record, minted, keyring.account, &keyring.account_keys)?
            {
                keyring::keep_epoch(tx, &epoch, &minted.name)?;
                news = true;
            }
        }
    }
    Ok(news)
}
