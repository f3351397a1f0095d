//! The log side of the database: chains, changes and epochs here, what went to and came from relays in `delivery`, what came in the
//! background in `inbox`, what is sent on in `lookup`, what could not be merged in `quarantine`, what relays hold in `listing`, what is
//! wrong in `findings` and `forks`. Rows in, rows out: what they
//! mean is decided by `sync`, `seal` and the vault.
//!
//! Every function runs inside a transaction of its caller; none begins one.

mod closing;
mod coverage;
mod delivery;
mod findings;
mod forks;
mod inbox;
mod listing;
mod lookup;
mod quarantine;
mod retiring;
mod snapshots;

pub use closing::*;
pub use coverage::*;
pub use delivery::*;
pub use findings::*;
pub use forks::*;
pub use inbox::*;
pub use listing::*;
pub use lookup::*;
pub use quarantine::*;
pub use retiring::*;
pub use snapshots::*;

use crate::error::{Error, Result};
use carnet_wire::{
    Author, ChangeId, CompartmentId, DeviceId, EpochId, Header, Incarnation, MailboxId, RecordId,
    Seen,
};
use rusqlite::{Connection, OptionalExtension, params};

/// The log of one compartment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its local number, which other tables refer to.
    pub number: i64,
    /// The record (or account).
    pub record: RecordId,
    /// The compartment.
    pub compartment: CompartmentId,
    /// The compartment's name.
    pub name: String,
}

/// Reads a setting.
pub fn meta(conn: &Connection, key: &str) -> Result<Option<Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(query.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a setting.
pub fn set_meta(conn: &Connection, key: &str, value: &[u8]) -> Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    insert.execute(params![key, value])?;
    Ok(())
}

/// Forgets a setting.
pub fn remove_meta(conn: &Connection, key: &str) -> Result<()> {
    conn.prepare_cached("DELETE FROM meta WHERE key = ?1")?
        .execute([key])?;
    Ok(())
}

/// Every setting whose key begins with `prefix`, sorted.
pub fn meta_of(conn: &Connection, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut query = conn.prepare_cached(
        "SELECT key, value FROM meta WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
    )?;
    let rows = query.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Reads a sealed private key.
pub fn secret(conn: &Connection, slot: &str) -> Result<Option<Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT sealed FROM secret WHERE slot = ?1")?;
    Ok(query.query_row([slot], |row| row.get(0)).optional()?)
}

/// Writes a sealed private key.
pub fn set_secret(conn: &Connection, slot: &str, sealed: &[u8]) -> Result<()> {
    conn.execute(
        "INSERT INTO secret VALUES (?1, ?2) ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
        params![slot, sealed],
    )?;
    Ok(())
}

/// Every sealed private key whose slot begins with `prefix`, sorted by slot.
pub fn secrets_of(conn: &Connection, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let mut query = conn.prepare_cached(
        "SELECT slot, sealed FROM secret WHERE substr(slot, 1, length(?1)) = ?1 ORDER BY slot",
    )?;
    let rows = query.query_map([prefix], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets a sealed private key.
pub fn remove_secret(conn: &Connection, slot: &str) -> Result<()> {
    conn.execute("DELETE FROM secret WHERE slot = ?1", [slot])?;
    Ok(())
}

/// The log of a compartment, made when it is new.
pub fn ensure_log(
    conn: &Connection,
    record: RecordId,
    compartment: CompartmentId,
    name: &str,
) -> Result<i64> {
    if let Some(log) = log_of(conn, record, compartment)? {
        return Ok(log.number);
    }
    let mut insert =
        conn.prepare_cached("INSERT INTO log (record, compartment, name) VALUES (?1, ?2, ?3)")?;
    Ok(insert.insert(params![record.as_ref(), compartment.as_ref(), name])?)
}

/// The log of a compartment, if this vault holds it.
pub fn log_of(
    conn: &Connection,
    record: RecordId,
    compartment: CompartmentId,
) -> Result<Option<Log>> {
    let mut query = conn.prepare_cached(
        "SELECT log, record, compartment, name FROM log WHERE record = ?1 AND compartment = ?2",
    )?;
    Ok(query
        .query_row(params![record.as_ref(), compartment.as_ref()], read_log)
        .optional()?)
}

/// Every log of this vault, in the order they were made.
pub fn logs(conn: &Connection) -> Result<Vec<Log>> {
    let mut query =
        conn.prepare_cached("SELECT log, record, compartment, name FROM log ORDER BY log")?;
    let logs = query
        .query_map([], read_log)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(logs)
}

fn read_log(row: &rusqlite::Row<'_>) -> rusqlite::Result<Log> {
    Ok(Log {
        number: row.get(0)?,
        record: RecordId(row.get(1)?),
        compartment: CompartmentId(row.get(2)?),
        name: row.get(3)?,
    })
}

/// The local number of an author, made when it is new.
pub fn ensure_author(conn: &Connection, author: &Author) -> Result<i64> {
    let found = {
        let mut query = conn
            .prepare_cached("SELECT author FROM author WHERE device = ?1 AND incarnation = ?2")?;
        query
            .query_row(
                params![author.device.as_ref(), author.incarnation.as_ref()],
                |row| row.get(0),
            )
            .optional()?
    };
    if let Some(number) = found {
        return Ok(number);
    }
    let mut insert =
        conn.prepare_cached("INSERT INTO author (device, incarnation) VALUES (?1, ?2)")?;
    Ok(insert.insert(params![author.device.as_ref(), author.incarnation.as_ref()])?)
}

fn read_author(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Author> {
    Ok(Author {
        device: DeviceId(row.get(at)?),
        incarnation: Incarnation(row.get(at + 1)?),
    })
}

/// How far an author's chain has been merged: the last sequence number and its change; `(0, zeros)` before the first.
pub fn position(conn: &Connection, log: i64, author: &Author) -> Result<(u64, ChangeId)> {
    let mut query = conn.prepare_cached(
        "SELECT seq, tip FROM chain JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
    )?;
    let found = query
        .query_row(
            params![log, author.device.as_ref(), author.incarnation.as_ref()],
            |row| Ok((row.get(0)?, ChangeId(row.get(1)?))),
        )
        .optional()?;
    Ok(found.unwrap_or((0, ChangeId([0; 32]))))
}

/// The version vector of a log without `except`, sorted by author: what is here, not what a snapshot has promised.
pub fn version_vector(conn: &Connection, log: i64, except: Option<&Author>) -> Result<Vec<Seen>> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, whole FROM chain JOIN author USING (author) WHERE log = ?1 AND whole > 0",
    )?;
    let rows = query.query_map([log], |row| {
        Ok(Seen {
            author: read_author(row, 0)?,
            seq: row.get(2)?,
        })
    })?;
    let mut seen = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    seen.retain(|entry| Some(&entry.author) != except);
    seen.sort_unstable();
    Ok(seen)
}

/// The greatest logical time merged in a log.
pub fn lamport(conn: &Connection, log: i64) -> Result<u64> {
    let mut query = conn.prepare_cached("SELECT lamport FROM log WHERE log = ?1")?;
    Ok(query.query_row([log], |row| row.get(0))?)
}

/// A change as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// Local number.
    pub number: i64,
    /// Which log.
    pub log: i64,
    /// Lasting identity.
    pub id: ChangeId,
    /// Canonical header.
    pub header: Vec<u8>,
    /// Signature over the header.
    pub signature: [u8; 64],
    /// Compressed body.
    pub body: Vec<u8>,
}

/// Whether a change has been merged.
pub fn has_change(conn: &Connection, id: ChangeId) -> Result<bool> {
    let mut query = conn.prepare_cached("SELECT 1 FROM change WHERE id = ?1")?;
    Ok(query.exists([id.as_ref()])?)
}

/// Appends a change that continues its author's chain, and returns its local number.
pub fn append(conn: &Connection, log: i64, header: &Header, change: &StoredChange) -> Result<i64> {
    let (seq, tip) = position(conn, log, &header.author)?;
    if header.seq != seq + 1 || header.prev != tip {
        return Err(Error::Bug("a change must continue its author's chain"));
    }
    let author = ensure_author(conn, &header.author)?;
    let lamport = i64::try_from(header.lamport).map_err(|_| Error::TooLarge("logical time"))?;
    let number = conn
        .prepare_cached(
            "INSERT INTO change (log, author, seq, id, lamport, kind, header, signature, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            log,
            author,
            header.seq,
            change.id.as_ref(),
            lamport,
            header.kind,
            change.header,
            change.signature,
            change.body
        ])?;
    conn.prepare_cached(
        "INSERT INTO chain (log, author, seq, tip, whole) VALUES (?1, ?2, ?3, ?4, ?3)
         ON CONFLICT DO UPDATE SET seq = excluded.seq, tip = excluded.tip,
         whole = CASE WHEN whole = seq THEN excluded.seq ELSE whole END",
    )?
    .execute(params![log, author, header.seq, change.id.as_ref()])?;
    conn.prepare_cached("UPDATE log SET lamport = max(lamport, ?2) WHERE log = ?1")?
        .execute(params![log, lamport])?;
    note_acknowledgement(conn, log, header)?;
    Ok(number)
}

/// Ends an author's chain at an earlier change: what came behind it is gone from here, with what was to be sent of it.
pub fn cut_chain(conn: &Connection, log: i64, author: &Author, last: u64) -> Result<()> {
    let tip = match change_at(conn, log, author, last)? {
        Some((_, id)) => Some(id),
        None => covered_tip(conn, log, author, last)?,
    };
    let number = ensure_author(conn, author)?;
    let place = params![log, number, last];
    for statement in [
        "DELETE FROM outbox WHERE change IN (SELECT change FROM change WHERE log = ?1 AND author = ?2 AND seq > ?3)",
        "DELETE FROM snapshot WHERE log = ?1 AND author = ?2 AND seq > ?3",
        "DELETE FROM change WHERE log = ?1 AND author = ?2 AND seq > ?3",
    ] {
        conn.execute(statement, place)?;
    }
    match tip {
        Some(tip) => conn.execute(
            "UPDATE chain SET seq = ?3, tip = ?4, whole = min(whole, ?3) WHERE log = ?1 AND author = ?2",
            params![log, number, last, tip.as_ref()],
        )?,
        None => conn.execute(
            "DELETE FROM chain WHERE log = ?1 AND author = ?2",
            params![log, number],
        )?,
    };
    Ok(())
}

/// The changes of a log and kind in canonical order (logical time, then id), without loading them all.
pub fn each_change(
    conn: &Connection,
    log: i64,
    kind: u8,
    mut visit: impl FnMut(StoredChange) -> Result<()>,
) -> Result<()> {
    let mut query = conn.prepare(
        "SELECT change, log, id, header, signature, body FROM change WHERE log = ?1 AND kind = ?2 ORDER BY lamport, id",
    )?;
    let mut rows = query.query(params![log, kind])?;
    while let Some(row) = rows.next()? {
        visit(read_stored(row)?)?;
    }
    Ok(())
}

/// A change from the columns `change, log, id, header, signature, body`.
fn read_stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredChange> {
    Ok(StoredChange {
        number: row.get(0)?,
        log: row.get(1)?,
        id: ChangeId(row.get(2)?),
        header: row.get(3)?,
        signature: row.get(4)?,
        body: row.get(5)?,
    })
}

/// A stored epoch: which log, which mailbox, its parents and its secrets as `seal` writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEpoch {
    /// Commitment to the key.
    pub epoch: EpochId,
    /// Which log.
    pub log: i64,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// Canonical list of parent epochs.
    pub parents: Vec<u8>,
    /// Canonical secrets.
    pub secrets: Vec<u8>,
}

/// The stored secrets of an epoch, if this vault has a key of it.
pub fn epoch_secrets(conn: &Connection, epoch: EpochId) -> Result<Option<Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT secrets FROM epoch WHERE epoch = ?1")?;
    Ok(query
        .query_row([epoch.as_ref()], |row| row.get(0))
        .optional()?)
}

/// Keeps an epoch; of one that is here already, the secrets as they are now.
pub fn put_epoch(conn: &Connection, epoch: &StoredEpoch) -> Result<()> {
    conn.execute(
        "INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (epoch) DO UPDATE SET secrets = excluded.secrets",
        params![
            epoch.epoch.as_ref(),
            epoch.log,
            epoch.mailbox.as_ref(),
            epoch.parents,
            epoch.secrets
        ],
    )?;
    Ok(())
}

/// Every epoch this vault has a key of.
pub fn epochs(conn: &Connection) -> Result<Vec<StoredEpoch>> {
    let mut query = conn.prepare_cached(
        "SELECT epoch, log, mailbox, parents, secrets FROM epoch ORDER BY log, epoch",
    )?;
    let rows = query.query_map([], |row| {
        Ok(StoredEpoch {
            epoch: EpochId(row.get(0)?),
            log: row.get(1)?,
            mailbox: MailboxId(row.get(2)?),
            parents: row.get(3)?,
            secrets: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(crate) fn database() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("../schema/log.sql"))
            .unwrap();
        conn.execute_batch(include_str!("../schema/trust.sql"))
            .unwrap();
        conn
    }

    pub(super) fn author(byte: u8) -> Author {
        Author {
            device: DeviceId([byte; 32]),
            incarnation: Incarnation([byte; 8]),
        }
    }

    pub(super) fn change(
        conn: &Connection,
        log: i64,
        by: u8,
        seq: u64,
        prev: ChangeId,
        lamport: u64,
    ) -> Result<ChangeId> {
        let id = ChangeId::derive(&[by, seq as u8]);
        let header = Header {
            version: 1,
            record: RecordId([1; 32]),
            compartment: CompartmentId([2; 16]),
            author: author(by),
            seq,
            prev,
            seen: Vec::new(),
            frontier: Vec::new(),
            lamport,
            kind: 1,
            body_hash: [0; 32],
        };
        let stored = StoredChange {
            number: 0,
            log,
            id,
            header: vec![by, seq as u8],
            signature: [0; 64],
            body: vec![0],
        };
        append(conn, log, &header, &stored).map(|_| id)
    }

    const NONE: ChangeId = ChangeId([0; 32]);

    #[test]
    fn a_chain_takes_only_what_continues_it() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let first = change(&conn, log, 7, 1, NONE, 1).unwrap();
        assert!(change(&conn, log, 7, 3, first, 2).is_err());
        assert!(change(&conn, log, 7, 2, NONE, 2).is_err());
        let second = change(&conn, log, 7, 2, first, 5).unwrap();
        assert_eq!(position(&conn, log, &author(7)).unwrap(), (2, second));
        assert_eq!(lamport(&conn, log).unwrap(), 5);
        assert!(has_change(&conn, first).unwrap() && !has_change(&conn, NONE).unwrap());
    }

    #[test]
    fn the_version_vector_is_sorted_and_leaves_out_whom_it_is_told() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        for by in [9, 3, 5] {
            change(&conn, log, by, 1, NONE, u64::from(by)).unwrap();
        }
        let seen = version_vector(&conn, log, Some(&author(5))).unwrap();
        assert_eq!(
            seen.iter().map(|entry| entry.author).collect::<Vec<_>>(),
            [author(3), author(9)]
        );
    }

    #[test]
    fn changes_come_in_the_order_of_logical_time_then_id() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let late = change(&conn, log, 1, 1, NONE, 9).unwrap();
        let mut early = [
            change(&conn, log, 2, 1, NONE, 4).unwrap(),
            change(&conn, log, 3, 1, NONE, 4).unwrap(),
        ];
        early.sort_unstable();
        let mut order = Vec::new();
        each_change(&conn, log, 1, |change| {
            order.push(change.id);
            Ok(())
        })
        .unwrap();
        assert_eq!(order, [early[0], early[1], late]);
    }

    #[test]
    fn a_log_is_made_once() {
        let conn = database();
        let place = |name: &str| {
            ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), name).unwrap()
        };
        assert_eq!(place("general"), place("another name"));
        assert_eq!(logs(&conn).unwrap()[0].name, "general");
    }
}
