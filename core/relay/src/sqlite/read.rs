//! Reading: a small pool of connections, and the queries.

use super::heads::{Before, Head, Heads};
use super::open;
use crate::storage::{BlobPlace, Mailbox, MailboxNumber, Page, Position, ReadLimit};
use crate::{RelayError, StartError};
use carnet_wire::relay::Entry;
use carnet_wire::{BlobId, MailboxId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Connections: enough to keep the cores busy while some wait for the disk.
const READERS: usize = 4;
/// How long a read waits for a connection before the relay calls itself busy.
const WAIT: Duration = Duration::from_secs(5);

/// Connections that are lent out one by one.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    pub(super) fn open(file: &Path) -> Result<Self, StartError> {
        let idle: Result<Vec<_>, _> = (0..READERS).map(|_| open::reader(file)).collect();
        Ok(Self {
            idle: Mutex::new(idle?),
            returned: Condvar::new(),
        })
    }

    /// Runs `query` on a connection of its own.
    pub(super) fn with<T>(
        &self,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, RelayError> {
        let connection = self.borrow()?;
        let answer = query(&connection);
        self.lock().push(connection);
        self.returned.notify_one();
        Ok(answer?)
    }

    fn borrow(&self) -> Result<Connection, RelayError> {
        let (mut idle, _) = self
            .returned
            .wait_timeout_while(self.lock(), WAIT, |idle| idle.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        idle.pop().ok_or(RelayError::BUSY)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn mailboxes(
    connection: &Connection,
    ids: &[MailboxId],
    now: i64,
) -> rusqlite::Result<Vec<Option<Mailbox>>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, read_key, write_key, retire_key, is_closed FROM mailbox
         WHERE id = ?1 AND expires_at > ?2",
    )?;
    ids.iter()
        .map(|id| {
            statement
                .query_row(params![id.as_ref(), now], mailbox)
                .optional()
        })
        .collect()
}

fn mailbox(row: &Row<'_>) -> rusqlite::Result<Mailbox> {
    Ok(Mailbox {
        number: MailboxNumber(row.get(0)?),
        read_key: row.get(1)?,
        write_key: row.get(2)?,
        retire_key: row.get(3)?,
        is_closed: row.get(4)?,
    })
}

pub(super) fn expired(
    connection: &Connection,
    now: i64,
    limit: usize,
) -> rusqlite::Result<Vec<MailboxNumber>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT number FROM mailbox
             WHERE expires_at < 9223372036854775807 AND expires_at <= ?1 LIMIT ?2",
        )?
        .query_map([now, limit], |row| row.get(0).map(MailboxNumber))?
        .collect()
}

pub(super) fn reserved(
    connection: &Connection,
    blob: BlobPlace,
    now: i64,
) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached(
            "SELECT size FROM blob JOIN mailbox ON mailbox.number = blob.mailbox
             WHERE blob.mailbox = ?1 AND blob.id = ?2 AND blob.retired IS NULL AND expires_at > ?3",
        )?
        .query_row(params![blob.mailbox.0, blob.blob.as_ref(), now], |row| {
            row.get(0).map(i64::cast_unsigned)
        })
        .optional()
}

pub(super) fn retired_blobs(
    connection: &Connection,
    before: i64,
    limit: usize,
) -> rusqlite::Result<Vec<BlobPlace>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "SELECT mailbox, id FROM blob WHERE retired >= 0 AND retired <= ?1 LIMIT ?2",
        )?
        .query_map([before, limit], |row| {
            Ok(BlobPlace {
                mailbox: MailboxNumber(row.get(0)?),
                blob: BlobId(row.get(1)?),
            })
        })?
        .collect()
}

pub(super) fn heads(
    connection: &Connection,
    mailboxes: &[MailboxNumber],
    now: i64,
    heads: &Heads,
) -> rusqlite::Result<Vec<Option<u64>>> {
    mailboxes
        .iter()
        .map(|mailbox| {
            let before = heads.before(*mailbox);
            let found = head(connection, *mailbox, now)?;
            if let Some(found) = found {
                heads.keep(*mailbox, found, before);
            }
            Ok(found.map(|found| found.head))
        })
        .collect()
}

pub(super) fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    Ok((pragma("page_count")? * pragma("page_size")?).cast_unsigned())
}

pub(super) fn pages(
    connection: &Connection,
    positions: &[Position],
    limit: ReadLimit,
    now: i64,
    heads: &Heads,
) -> rusqlite::Result<Vec<Result<Page, RelayError>>> {
    let before: Vec<Before> = positions
        .iter()
        .map(|it| heads.before(it.mailbox))
        .collect();
    // One view for all: a head never counts an envelope that the same answer could not show.
    let view = connection.unchecked_transaction()?;
    let mut budget = Budget { limit, first: true };
    positions
        .iter()
        .zip(before)
        .map(|(position, before)| {
            let Some(head) = head(&view, position.mailbox, now)? else {
                return Ok(Err(RelayError::NOT_FOUND));
            };
            heads.keep(position.mailbox, head, before);
            page(&view, *position, head.head, &mut budget).map(Ok)
        })
        .collect()
}

fn head(
    connection: &Connection,
    mailbox: MailboxNumber,
    now: i64,
) -> rusqlite::Result<Option<Head>> {
    connection
        .prepare_cached(
            "SELECT head, expires_at FROM mailbox WHERE number = ?1 AND expires_at > ?2",
        )?
        .query_row([mailbox.0, now], |row| {
            Ok(Head {
                head: row.get::<_, i64>(0)?.cast_unsigned(),
                expires_at: row.get(1)?,
            })
        })
        .optional()
}

fn page(
    connection: &Connection,
    position: Position,
    head: u64,
    budget: &mut Budget,
) -> rusqlite::Result<Page> {
    let entries = if position.after < head {
        entries(connection, position, budget)?
    } else {
        Vec::new()
    };
    Ok(Page { head, entries })
}

fn entries(
    connection: &Connection,
    position: Position,
    budget: &mut Budget,
) -> rusqlite::Result<Vec<Entry>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, bytes FROM log WHERE mailbox = ?1 AND seq > ?2 AND retired IS NULL ORDER BY seq",
    )?;
    // Below a head, so it fits SQLite's integers.
    let mut rows = statement.query([position.mailbox.0, position.after.cast_signed()])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let envelope = row.get_ref(1)?.as_blob()?;
        if !budget.take(envelope.len()) {
            break;
        }
        entries.push(Entry {
            seq: row.get::<_, i64>(0)?.cast_unsigned(),
            envelope: envelope.to_vec(),
        });
    }
    Ok(entries)
}

/// What may still be answered.
struct Budget {
    limit: ReadLimit,
    first: bool,
}

impl Budget {
    fn take(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.limit.bytes && self.limit.entries > 0;
        if !fits && !self.first {
            // Nothing smaller slips past: entries of a mailbox are answered in order.
            self.limit.bytes = 0;
            return false;
        }
        self.first = false;
        self.limit.bytes = self.limit.bytes.saturating_sub(bytes);
        self.limit.entries = self.limit.entries.saturating_sub(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_is_always_given_and_the_limits_hold_after_it() {
        let limit = ReadLimit {
            bytes: 10,
            entries: 3,
        };
        let mut budget = Budget { limit, first: true };
        assert!(budget.take(11));
        assert!(!budget.take(1));
        let mut budget = Budget { limit, first: true };
        assert!(budget.take(4) && budget.take(4));
        assert!(!budget.take(3));
        assert!(!budget.take(2));
        let mut budget = Budget { limit, first: true };
        assert!(budget.take(1) && budget.take(1) && budget.take(1));
        assert!(!budget.take(1));
    }
}
