//! Appending: the numbers of a transaction are given in memory and written once per mailbox.
//!
//! Invariants: a number is given by the one connection that writes, inside its transaction, to the row inserted with it; head,
//! bytes and objects of a mailbox go into the same transaction; the unique index of numbers would stop a mistake here.

use crate::RelayError;
use crate::storage::{Append, MailboxNumber, Moved, Quota};
use carnet_wire::EnvelopeId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// What is known of the mailboxes that a transaction appends to.
pub(super) struct Tallies {
    quota: Quota,
    known: BTreeMap<MailboxNumber, Option<Tally>>,
    moved: BTreeMap<MailboxNumber, u64>,
}

/// A mailbox row, as it will be at the end of the transaction.
#[derive(Clone, Copy)]
struct Tally {
    head: i64,
    bytes: i64,
    objects: i64,
    expires_at: i64,
    head_retired: Option<i64>,
    is_changed: bool,
}

impl Tallies {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            quota,
            known: BTreeMap::new(),
            moved: BTreeMap::new(),
        }
    }

    /// The outer error fails the transaction, the inner one only this envelope.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        item: &Append,
        now: i64,
    ) -> Result<Result<u64, RelayError>, RelayError> {
        let quota = self.quota;
        let tally = match self.known.entry(item.mailbox) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(unknown) => {
                unknown.insert(tally(connection, item.mailbox)?)
            }
        };
        let Some(tally) = tally.as_mut().filter(|tally| tally.expires_at > now) else {
            return Ok(Err(RelayError::NOT_FOUND));
        };
        if let Some(earlier) = find(connection, item.mailbox, &item.id)? {
            return Ok(Ok(earlier.seq.cast_unsigned()));
        }
        let length = i64::try_from(item.bytes.len()).unwrap_or(i64::MAX);
        if !fits(quota, tally.bytes, length, tally.objects) {
            return Ok(Err(RelayError::QUOTA));
        }
        if let Some(at) = tally.head_retired.take() {
            connection
                .prepare_cached("UPDATE log SET retired = ?3 WHERE mailbox = ?1 AND seq = ?2 AND retired IS NULL")?
                .execute(params![item.mailbox.0, tally.head, at])?;
        }
        tally.head += 1;
        tally.bytes = tally.bytes.saturating_add(length);
        tally.objects += 1;
        tally.is_changed = true;
        connection
            .prepare_cached(
                "INSERT INTO log (mailbox, seq, prefix, envelope, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                item.mailbox.0,
                tally.head,
                prefix(&item.id),
                item.id.as_ref(),
                item.bytes
            ])?;
        self.moved.insert(item.mailbox, tally.head.cast_unsigned());
        Ok(Ok(tally.head.cast_unsigned()))
    }

    /// Writes what changed, and forgets: somebody else is going to look at the rows.
    pub(super) fn flush(&mut self, connection: &Connection) -> Result<(), RelayError> {
        for (mailbox, tally) in std::mem::take(&mut self.known) {
            let Some(tally) = tally.filter(|tally| tally.is_changed) else {
                continue;
            };
            connection
                .prepare_cached(
                    "UPDATE mailbox SET head = ?2, bytes = ?3, objects = ?4, head_retired = ?5,
                     expires_at = iif(is_lasting, 9223372036854775807, expires_at) WHERE number = ?1",
                )?
                .execute(params![
                    mailbox.0,
                    tally.head,
                    tally.bytes,
                    tally.objects,
                    tally.head_retired
                ])?;
        }
        Ok(())
    }

    /// Writes what changed and says which mailboxes moved.
    pub(super) fn finish(mut self, connection: &Connection) -> Result<Vec<Moved>, RelayError> {
        self.flush(connection)?;
        Ok(self.moved.into_iter().collect())
    }
}

fn tally(connection: &Connection, mailbox: MailboxNumber) -> Result<Option<Tally>, RelayError> {
    Ok(connection
        .prepare_cached(
            "SELECT head, bytes, objects, expires_at, head_retired FROM mailbox WHERE number = ?1",
        )?
        .query_row([mailbox.0], |row| {
            Ok(Tally {
                head: row.get(0)?,
                bytes: row.get(1)?,
                objects: row.get(2)?,
                expires_at: row.get(3)?,
                head_retired: row.get(4)?,
                is_changed: false,
            })
        })
        .optional()?)
}

/// Whether one more object of this length may be kept.
pub(super) fn fits(quota: Quota, bytes: i64, length: i64, objects: i64) -> bool {
    let kept = bytes.cast_unsigned().saturating_add(length.cast_unsigned());
    kept <= quota.bytes && objects.cast_unsigned() < quota.objects
}

/// An envelope that is known.
pub(super) struct Known {
    pub(super) number: i64,
    pub(super) seq: i64,
    pub(super) is_retired: bool,
}

/// The envelope of this id. Others may share its first bytes, on purpose even; they are told apart by the row.
pub(super) fn find(
    connection: &Connection,
    mailbox: MailboxNumber,
    id: &EnvelopeId,
) -> Result<Option<Known>, RelayError> {
    Ok(connection
        .prepare_cached(
            "SELECT number, seq, retired IS NOT NULL FROM log
             WHERE mailbox = ?1 AND prefix = ?2 AND envelope = ?3",
        )?
        .query_row(params![mailbox.0, prefix(id), id.as_ref()], |row| {
            Ok(Known {
                number: row.get(0)?,
                seq: row.get(1)?,
                is_retired: row.get(2)?,
            })
        })
        .optional()?)
}

/// What the index keeps of an id.
pub(crate) fn prefix(id: &EnvelopeId) -> i64 {
    let (first, _) = id.0.split_first_chunk().unwrap_or((&[0; 8], &[]));
    i64::from_be_bytes(*first)
}
