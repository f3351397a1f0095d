//! Appending: the numbers of a transaction are given in memory and written once per mailbox.
//!
//! Invariants: a number is given by the one connection that writes, inside its transaction, to the row inserted with it; head,
//! bytes and objects of a mailbox go into the same transaction; the unique index of numbers would stop a mistake here. What is
//! remembered from one transaction to the next is what the rows say: it is dropped whenever a transaction fails and whenever
//! anything but an append has touched the rows.

use crate::RelayError;
use crate::storage::{Append, MailboxNumber, Moved, Quota};
use carnet_wire::EnvelopeId;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Mailboxes remembered; more, and all are forgotten.
const MAX_KNOWN: usize = 16_384;

/// The mailboxes that were appended to lately.
pub(super) struct Tallies {
    quota: Quota,
    known: HashMap<MailboxNumber, Tally>,
    /// Those whose rows are behind.
    changed: BTreeSet<MailboxNumber>,
    moved: BTreeMap<MailboxNumber, u64>,
}

/// A mailbox row.
#[derive(Clone, Copy)]
struct Tally {
    head: i64,
    bytes: i64,
    objects: i64,
    expires_at: i64,
    is_lasting: bool,
    is_closed: bool,
    head_retired: Option<i64>,
}

impl Tallies {
    pub(super) fn new(quota: Quota) -> Self {
        Self {
            quota,
            known: HashMap::new(),
            changed: BTreeSet::new(),
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
        let mailbox = item.mailbox;
        let Some(mut tally) = self.tally(connection, mailbox)? else {
            return Ok(Err(RelayError::NOT_FOUND));
        };
        if tally.expires_at <= now {
            return Ok(Err(RelayError::NOT_FOUND));
        }
        if tally.is_closed {
            let known = find(connection, mailbox, &item.id)?;
            let known = known.map(|known| known.seq.cast_unsigned());
            return Ok(known.ok_or(RelayError::CLOSED));
        }
        let length = i64::try_from(item.bytes.len()).unwrap_or(i64::MAX);
        if !fits(self.quota, tally.bytes, length, tally.objects) {
            let known = find(connection, mailbox, &item.id)?;
            let known = known.map(|known| known.seq.cast_unsigned());
            return Ok(known.ok_or(RelayError::QUOTA));
        }
        if !insert(connection, item, tally.head + 1)? {
            let known = find(connection, mailbox, &item.id)?;
            let known = known.map(|known| known.seq.cast_unsigned());
            return known.ok_or(RelayError::INTERNAL).map(Ok);
        }
        if let Some(at) = tally.head_retired.take() {
            connection
                .prepare_cached(
                    "UPDATE log SET retired = ?3 WHERE mailbox = ?1 AND seq = ?2 AND retired IS NULL",
                )?
                .execute(params![mailbox.0, tally.head, at])?;
        }
        tally.head += 1;
        tally.bytes = tally.bytes.saturating_add(length);
        tally.objects += 1;
        if tally.is_lasting {
            tally.expires_at = i64::MAX;
        }
        self.known.insert(mailbox, tally);
        self.changed.insert(mailbox);
        self.moved.insert(mailbox, tally.head.cast_unsigned());
        Ok(Ok(tally.head.cast_unsigned()))
    }

    fn tally(
        &mut self,
        connection: &Connection,
        mailbox: MailboxNumber,
    ) -> Result<Option<Tally>, RelayError> {
        if let Some(tally) = self.known.get(&mailbox) {
            return Ok(Some(*tally));
        }
        read(connection, mailbox)
    }

    /// Writes what changed.
    fn flush(&mut self, connection: &Connection) -> Result<(), RelayError> {
        for mailbox in std::mem::take(&mut self.changed) {
            let Some(tally) = self.known.get(&mailbox) else {
                continue;
            };
            connection
                .prepare_cached(
                    "UPDATE mailbox SET head = ?2, bytes = ?3, objects = ?4, head_retired = ?5,
                     expires_at = ?6 WHERE number = ?1",
                )?
                .execute(params![
                    mailbox.0,
                    tally.head,
                    tally.bytes,
                    tally.objects,
                    tally.head_retired,
                    tally.expires_at
                ])?;
        }
        Ok(())
    }

    /// Writes what changed and forgets: somebody else is going to touch the rows.
    pub(super) fn step_aside(&mut self, connection: &Connection) -> Result<(), RelayError> {
        self.flush(connection)?;
        self.known.clear();
        Ok(())
    }

    /// Writes what changed and says which mailboxes moved.
    pub(super) fn finish(&mut self, connection: &Connection) -> Result<Vec<Moved>, RelayError> {
        self.flush(connection)?;
        if self.known.len() > MAX_KNOWN {
            self.known.clear();
        }
        Ok(std::mem::take(&mut self.moved).into_iter().collect())
    }

    /// Forgets everything: the transaction it was true in is undone.
    pub(super) fn clear(&mut self) {
        self.known.clear();
        self.changed.clear();
        self.moved.clear();
    }
}

fn read(connection: &Connection, mailbox: MailboxNumber) -> Result<Option<Tally>, RelayError> {
    Ok(connection
        .prepare_cached(
            "SELECT head, bytes, objects, expires_at, is_lasting, is_closed, head_retired
             FROM mailbox WHERE number = ?1",
        )?
        .query_row([mailbox.0], |row| {
            Ok(Tally {
                head: row.get(0)?,
                bytes: row.get(1)?,
                objects: row.get(2)?,
                expires_at: row.get(3)?,
                is_lasting: row.get(4)?,
                is_closed: row.get(5)?,
                head_retired: row.get(6)?,
            })
        })
        .optional()?)
}

/// `false` if the envelope is known. `OR FAIL` spares the journal that undoes one statement: any error undoes the transaction.
fn insert(connection: &Connection, item: &Append, seq: i64) -> Result<bool, RelayError> {
    let inserted = connection
        .prepare_cached(
            "INSERT OR FAIL INTO log (mailbox, seq, prefix, envelope, bytes) SELECT ?1, ?2, ?3, ?4, ?5
             WHERE NOT EXISTS
             (SELECT 1 FROM log WHERE mailbox = ?1 AND prefix = ?3 AND envelope = ?4)",
        )?
        .execute(params![
            item.mailbox.0,
            seq,
            prefix(&item.id),
            item.id.as_ref(),
            item.bytes
        ])?;
    Ok(inserted > 0)
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
