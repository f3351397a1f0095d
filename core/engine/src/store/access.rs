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
        "INSERT OR IGNORE INTO access_event(log, change, item, body) VALUES(?1, ?2, ?3, ?4)",
    )?;
    insert.execute((log, change, item, body))?;
    Ok(())
}

/// Every line of a compartment, causes before what they caused.
pub fn lines(connection: &Connection, log: i64) -> Result<Vec<AccessLine>> {
    select(connection, log, "ORDER BY c.lamport, c.id, e.item")
}

/// The last line of each author.
pub fn last_lines(connection: &Connection, log: i64) -> Result<Vec<AccessLine>> {
    select(
        connection,
        log,
        "AND NOT EXISTS(SELECT 1 FROM access_event later JOIN change d ON d.change = later.change
           WHERE later.log = e.log AND d.author = c.author AND (d.seq, later.item) > (c.seq, e.item))",
    )
}

fn select(connection: &Connection, log: i64, rest: &str) -> Result<Vec<AccessLine>> {
    let mut select = connection.prepare_cached(&format!(
        "SELECT a.device, a.incarnation, e.body FROM access_event e JOIN change c USING(change)
         JOIN author a USING(author) WHERE e.log = ?1 {rest}"
    ))?;
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
