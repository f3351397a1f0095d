//! Sealing a merged change again: what a peer, a file or another relay gets is the change as its author signed it, in an
//! envelope made here. Its [`carnet_wire::ChangeId`] stays, so whoever has it already knows it again.
//!
//! Under the log's *current* epoch: who was removed holds older ones, and must not learn from this device what was written
//! since.
//!
//! A roster is different, because keys are handed out in it: the change that mints an epoch is sealed by its author under the
//! one before. Sealed again under the new one it would be of no use to those it is for, and a phone that was away would meet
//! everybody and open nothing (seed 91 of the simulation, 73 of the lying relay). So a roster's change may also be sealed
//! again under the epoch its author sealed it under ([`epoch_of_author`]), which is the newest whose minting the author had
//! merged. The threat: somebody removed, who holds that epoch, gets it from us. The answer: the author had left the same change
//! in the same mailbox, where the removed can fetch it; nothing whose author knew of a later epoch goes out under this one.

use super::keyring::Keyring;
use crate::error::{Error, Result};
use crate::roster::{DEVICES, ROSTER};
use crate::seal::{self, Epoch};
use crate::store::log::{self, StoredChange};
use carnet_wire::{ChangeId, EpochId, Header, Inner, MailboxId};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Seals a merged change, this device's or another's, under the current epoch of its log. One whose bytes a snapshot
/// replaced is `NotFound`: the snapshot is sent instead.
pub fn reseal(conn: &Connection, keyring: &Keyring, change: i64) -> Result<(MailboxId, Vec<u8>)> {
    let stored = stored(conn, change)?;
    let epoch = keyring.current_epoch(stored.log)?;
    Ok((epoch.mailbox, seal_stored(keyring, epoch, stored)?))
}

/// Seals a change of a roster under the epoch of a mailbox, which may have ended: the one its author sealed it under, or one
/// that follows it. `NotFound` where its author knew of another.
pub fn reseal_for(
    conn: &Connection,
    keyring: &Keyring,
    change: i64,
    mailbox: MailboxId,
) -> Result<Vec<u8>> {
    let stored = stored(conn, change)?;
    let refused = Error::NotFound("a change whose author knew no later key");
    let Some((_, epoch)) = keyring.epoch_of(mailbox) else {
        return Err(refused);
    };
    match epoch_of_author(conn, keyring, &stored)? {
        Some(first) if follows(keyring, epoch.id, first.id) => seal_stored(keyring, epoch, stored),
        _ => Err(refused),
    }
}

/// A change that is to be sealed again, and under what.
pub struct Resealing<'k> {
    stored: StoredChange,
    epoch: &'k Epoch,
}

impl<'k> Resealing<'k> {
    /// For whoever may not have the current epoch yet: a roster's change under its author's epoch, if this device may write in
    /// its mailbox, any other under the current one.
    pub fn as_first(conn: &Connection, keyring: &'k Keyring, change: i64) -> Result<Self> {
        let stored = stored(conn, change)?;
        let first = epoch_of_author(conn, keyring, &stored)?;
        let epoch = match first.filter(|epoch| epoch.secrets.write.is_some()) {
            Some(epoch) => epoch,
            None => keyring.current_epoch(stored.log)?,
        };
        Ok(Self { stored, epoch })
    }

    /// Where it will lie.
    pub fn mailbox(&self) -> MailboxId {
        self.epoch.mailbox
    }

    /// Seals it.
    pub fn seal(self, keyring: &Keyring) -> Result<Vec<u8>> {
        seal_stored(keyring, self.epoch, self.stored)
    }
}

/// The epoch a roster's change was sealed under by its author: the newest that this had merged. None for other logs, and where
/// it cannot be told or is not held here.
fn epoch_of_author<'k>(
    conn: &Connection,
    keyring: &'k Keyring,
    change: &StoredChange,
) -> Result<Option<&'k Epoch>> {
    let Some((record, ROSTER | DEVICES)) = keyring.place_of(change.log) else {
        return Ok(None);
    };
    let header = Header::from_bytes(&change.header)?;
    let minted = keyring
        .roster(record)
        .and_then(|roster| roster.epochs(record, header.compartment));
    let (mut had, mut followed) = (BTreeSet::<EpochId>::new(), BTreeSet::<EpochId>::new());
    for (id, ways) in minted.into_iter().flatten() {
        for way in ways {
            let mut knew = false;
            for by in &way.changes {
                match had_merged(conn, change.log, &header, *by)? {
                    Some(merged) => knew |= merged,
                    // Minted elsewhere: what its author knew of it does not show.
                    None => return Ok(None),
                }
            }
            if knew {
                had.insert(*id);
                followed.extend(way.parents.iter().copied());
            }
        }
    }
    let is_minted = |id: &EpochId| minted.is_some_and(|minted| minted.contains_key(id));
    let mut heads = keyring
        .epochs
        .iter()
        .filter(|(log, epoch)| {
            *log == change.log
                && match had.is_empty() {
                    true => !is_minted(&epoch.id),
                    false => had.contains(&epoch.id) && !followed.contains(&epoch.id),
                }
        })
        .map(|(_, epoch)| epoch);
    // Of two that were minted at once it cannot be told which the author took.
    match (heads.next(), heads.next()) {
        (Some(only), None) => Ok(Some(only)),
        _ => Ok(None),
    }
}

/// Whether the author of a header had merged a change of the same log before, or had written it; none where it is of
/// another log.
fn had_merged(
    conn: &Connection,
    log: i64,
    header: &Header,
    change: ChangeId,
) -> Result<Option<bool>> {
    let Some(number) = log::number_of(conn, change)? else {
        return Ok(None);
    };
    let Some(stored) = log::change(conn, number)?.filter(|stored| stored.log == log) else {
        return Ok(None);
    };
    let minting = Header::from_bytes(&stored.header)?;
    if minting.author == header.author {
        return Ok(Some(minting.seq < header.seq));
    }
    let mut seen = header.seen.iter();
    Ok(Some(seen.any(|seen| {
        seen.author == minting.author && seen.seq >= minting.seq
    })))
}

/// Whether an epoch is `first`, or one that came after it.
fn follows(keyring: &Keyring, epoch: EpochId, first: EpochId) -> bool {
    let (mut next, mut looked_at) = (vec![epoch], BTreeSet::new());
    while let Some(id) = next.pop() {
        if id == first {
            return true;
        }
        if looked_at.insert(id) {
            let parents = keyring.epoch(id).map(|epoch| epoch.parents.as_slice());
            next.extend(parents.unwrap_or_default());
        }
    }
    false
}

fn stored(conn: &Connection, change: i64) -> Result<StoredChange> {
    let stored = log::change(conn, change)?.ok_or(Error::NotFound("a change"))?;
    match stored.header.is_empty() {
        true => Err(Error::NotFound("the bytes of a change: a snapshot has it")),
        false => Ok(stored),
    }
}

fn seal_stored(keyring: &Keyring, epoch: &Epoch, stored: StoredChange) -> Result<Vec<u8>> {
    let inner = Inner {
        header: stored.header,
        signature: stored.signature,
        body: stored.body,
    };
    seal::seal(epoch, &keyring.device, &inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::keyring::{self, GENERAL};
    use super::super::rotation;
    use super::super::sync_tests::{FakeRelay, Phone};
    use super::*;
    use carnet_wire::Envelope;

    #[test]
    fn a_change_keeps_its_identity_in_a_new_envelope() {
        let phone = Phone::found(&FakeRelay::new());
        phone.import(2);
        let record = phone.vault.persons().unwrap()[0].record;
        let open = phone.vault.unlocked().unwrap();
        let keyring = open.keyring().unwrap();
        let (mailbox, first, second, stored) = open
            .store
            .read(|conn| {
                let log = keyring::log_number(conn, record, GENERAL)?;
                let tip = log::tips(conn, log)?[0];
                let (number, id) = log::change_at(conn, log, &tip.author, tip.seq)?.unwrap();
                assert_eq!(id, tip.id);
                let (mailbox, first) = reseal(conn, &keyring, number)?;
                let second = reseal(conn, &keyring, number)?.1;
                Ok((mailbox, first, second, log::change(conn, number)?.unwrap()))
            })
            .unwrap();
        assert_ne!(first, second, "a nonce was used twice");
        let epoch = &keyring.epoch_of(mailbox).unwrap().1;
        for bytes in [first, second] {
            let opened = seal::open(epoch, &Envelope::from_bytes(&bytes).unwrap()).unwrap();
            assert_eq!(opened.id, stored.id);
            assert_eq!(opened.header_bytes, stored.header);
            assert_eq!(opened.body, stored.body);
        }
    }

    #[test]
    fn the_newest_epoch_seals_and_what_a_snapshot_replaced_is_not_there() {
        let phone = Phone::found(&FakeRelay::new());
        phone.import(1);
        let record = phone.vault.persons().unwrap()[0].record;
        let open = phone.vault.unlocked().unwrap();
        let old = open.keyring().unwrap();
        let log = open
            .store
            .read(|conn| keyring::log_number(conn, record, GENERAL))
            .unwrap();
        let parent = old.current_epoch(log).unwrap().clone();
        let (mailbox, next) = open
            .store
            .write(|tx| {
                rotation::mint(tx, &old, record, &[GENERAL])?;
                let keyring = Keyring::load(tx, &open.database_key)?;
                let tip = log::tips(tx, log)?[0];
                let (number, _) = log::change_at(tx, log, &tip.author, tip.seq)?.unwrap();
                let mailbox = reseal(tx, &keyring, number)?.0;
                tx.execute("UPDATE change SET header = x'', signature = x''", [])?;
                assert!(matches!(
                    reseal(tx, &keyring, number),
                    Err(Error::NotFound(_))
                ));
                assert!(matches!(
                    reseal(tx, &keyring, 9_999),
                    Err(Error::NotFound(_))
                ));
                Ok((mailbox, keyring.current_epoch(log)?.clone()))
            })
            .unwrap();
        assert_eq!((mailbox, next.parents), (next.mailbox, vec![parent.id]));
        assert_ne!(mailbox, parent.mailbox);
    }
}
