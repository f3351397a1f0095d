//! Lines of the access log: kept as they came, in the order every device gives them.

use crate::error::Result;
use carnet_wire::{Author, DeviceId, Incarnation};
use rusqlite::Connection;

/// A line, and who signed the change it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLine {
    /// Who signed it.
    pub author: Author,
    /// The event's bytes.
    pub body: Vec<u8>,
}

pub(super) fn insert(
    connection: &Connection,
    log: i64,
    (change, item): (i64, u32),
    body: &[u8],
) -> Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO access_event(log, change, item, author, seq, body)
         SELECT ?1, ?2, ?3, author, seq, ?4 FROM change WHERE change = ?2",
    )?;
    insert.execute((log, change, item, body))?;
    Ok(())
}

/// Every line of a compartment, causes before what they caused.
pub fn lines(connection: &Connection, log: i64) -> Result<Vec<AccessLine>> {
    select(
        connection,
        log,
        "SELECT a.device, a.incarnation, e.body FROM access_event e JOIN change c USING(change)
         JOIN author a ON a.author = c.author WHERE e.log = ?1 ORDER BY c.lamport, c.id, e.item",
    )
}

/// The last line of each author: by the index alone, because every import asks (two processes that imported 2,500 files each
/// took minutes when the whole log was compared with itself).
pub fn last_lines(connection: &Connection, log: i64) -> Result<Vec<AccessLine>> {
    select(
        connection,
        log,
        "SELECT a.device, a.incarnation, e.body, max(e.item)
         FROM (SELECT author, max(seq) AS seq FROM access_event WHERE log = ?1 GROUP BY author) last
         JOIN access_event e ON e.log = ?1 AND e.author = last.author AND e.seq = last.seq
         JOIN author a ON a.author = e.author GROUP BY e.author",
    )
}

fn select(connection: &Connection, log: i64, lines: &str) -> Result<Vec<AccessLine>> {
    let mut select = connection.prepare_cached(lines)?;
    let lines = select.query_map([log], |row| {
        Ok(AccessLine {
            author: Author {
                device: DeviceId(row.get(0)?),
                incarnation: Incarnation(row.get(1)?),
            },
            body: row.get(2)?,
        })
    })?;
    Ok(lines.collect::<rusqlite::Result<_>>()?)
}
