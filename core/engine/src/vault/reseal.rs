//! Sealing a merged change again: what a peer, a file or another relay gets is the change as its author signed it, in an
//! envelope made here. Its [`carnet_wire::ChangeId`] stays, so whoever has it already knows it again.
//!
//! Always under the log's *current* epoch: who was removed holds older ones, and must not learn from this device what was
//! written since.

use super::keyring::Keyring;
use crate::error::{Error, Result};
use crate::seal;
use crate::store::log;
use carnet_wire::{Inner, MailboxId};
use rusqlite::Connection;

/// Seals a merged change, this device's or another's, under the current epoch of its log. One whose bytes a snapshot
/// replaced is `NotFound`: the snapshot is sent instead.
pub fn reseal(conn: &Connection, keyring: &Keyring, change: i64) -> Result<(MailboxId, Vec<u8>)> {
    let stored = log::change(conn, change)?.ok_or(Error::NotFound("a change"))?;
    if stored.header.is_empty() {
        return Err(Error::NotFound("the bytes of a change: a snapshot has it"));
    }
    let epoch = keyring.current_epoch(stored.log)?;
    let inner = Inner {
        header: stored.header,
        signature: stored.signature,
        body: stored.body,
    };
    let bytes = seal::seal(epoch, &keyring.device, &inner)?;
    Ok((epoch.mailbox, bytes))
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
