//! What left a compartment, and what came back. Invariant: of whatever left a compartment no view shows anything from there, however
//! its versions, its departure and its return are ordered on arrival: the last word decides for all of them.
//!
//! A departure takes rows, words, names, versions and documents out of the views. A return cannot put them back from there, so the
//! compartment's changes are projected once more: rare, and as long as an import.

use super::project::{Projection, project_all};
use super::texts::load;
use super::unproject::remove_row;
use crate::error::Result;
use crate::record::ids::ResourceId;
use crate::record::resource::Resource;
use carnet_wire::{Author, DeviceId, Incarnation, RecordId, kind};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeSet;

/// Changes projected together.
const BATCH: usize = 32;

/// Whether something left a compartment and has not come back.
pub fn is_gone(connection: &Connection, log: i64, id: &[u8; 16]) -> Result<bool> {
    let mut select = connection.prepare_cached(
        "SELECT p.here FROM presence p JOIN change c USING(change) WHERE p.log = ?1 AND p.id = ?2 \
         ORDER BY c.lamport DESC, c.id DESC, p.item DESC LIMIT 1",
    )?;
    let here: Option<bool> = select.query_row((log, id), |row| row.get(0)).optional()?;
    Ok(here == Some(false))
}

/// The compartments of a record a resource left and has not come back to.
pub fn left(connection: &Connection, record: i64, id: ResourceId) -> Result<Vec<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT p.log FROM presence p JOIN log l USING(log) WHERE p.id = ?2 \
         AND l.record = (SELECT record FROM log WHERE log = ?1)",
    )?;
    let logs = select.query_map((record, id.0), |row| row.get(0))?;
    let mut left = Vec::new();
    for log in logs.collect::<rusqlite::Result<Vec<i64>>>()? {
        if is_gone(connection, log, &id.0)? {
            left.push(log);
        }
    }
    Ok(left)
}

/// Whether something left a compartment of a record and has not come back to it.
pub fn has_left(connection: &Connection, record: RecordId, id: &[u8; 16]) -> Result<bool> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT p.log FROM presence p JOIN log l USING(log) WHERE p.id = ?1 AND l.record = ?2",
    )?;
    let logs = select.query_map((id, record.0), |row| row.get(0))?;
    for log in logs.collect::<rusqlite::Result<Vec<i64>>>()? {
        if is_gone(connection, log, id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anything ever left any compartment: an import into a vault without secrets asks nothing more.
pub(super) fn any(connection: &Connection) -> Result<bool> {
    let mut select = connection.prepare_cached("SELECT EXISTS(SELECT 1 FROM presence)")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Notes a word; returns whether it is new.
pub(super) fn insert(
    connection: &Connection,
    log: i64,
    (change, item): (i64, u32),
    (id, here): (&[u8; 16], bool),
) -> Result<bool> {
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO presence(log, id, change, item, here) VALUES(?1, ?2, ?3, ?4, ?5)",
    )?;
    Ok(insert.execute((log, id, change, item, here))? == 1)
}

/// Takes out of the views what left, and returns the row it had.
pub(super) fn hide(connection: &Connection, log: i64, id: &[u8; 16]) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT row FROM row WHERE log = ?1 AND id = ?2")?;
    let row: Option<i64> = select.query_row((log, id), |row| row.get(0)).optional()?;
    if let Some(row) = row {
        for sql in [
            "INSERT OR IGNORE INTO departed SELECT r.log, r.id, s.origin, s.item, s.content \
             FROM sighting s JOIN row r USING(row) WHERE s.row = ?1",
            "DELETE FROM sighting WHERE row = ?1",
        ] {
            connection.prepare_cached(sql)?.execute([row])?;
        }
        remove_row(connection, row)?;
    }
    connection
        .prepare_cached("DELETE FROM attachment WHERE log = ?1 AND id = ?2")?
        .execute((log, id))?;
    Ok(row)
}

/// Keeps a version of what left out of the views.
pub(super) fn keep_aside(
    connection: &Connection,
    log: i64,
    resource: &Resource,
    (origin, item): (i64, u32),
) -> Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO departed(log, id, origin, item, content) VALUES(?1, ?2, ?3, ?4, ?5)")?
        .execute((log, resource.id.0, origin, item, resource.content.0))?;
    Ok(())
}

/// Forgets what was kept aside of something that is here again: it is shown.
pub(super) fn take_back(connection: &Connection, log: i64, id: &[u8; 16]) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM departed WHERE log = ?1 AND id = ?2")?
        .execute((log, id))?;
    Ok(())
}

/// Versions that came too late to a compartment of a record their item had left, and are nowhere it is now: the item and the
/// compartment it left.
pub fn stranded(connection: &Connection, record: RecordId) -> Result<Vec<(ResourceId, i64)>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT d.id, d.log FROM departed d JOIN log l USING(log) WHERE l.record = ?1 \
         AND EXISTS(SELECT 1 FROM row r JOIN log o ON o.log = r.log WHERE r.id = d.id AND o.record = l.record) \
         AND NOT EXISTS(SELECT 1 FROM row r JOIN log o ON o.log = r.log JOIN sighting s ON s.row = r.row \
           WHERE r.id = d.id AND o.record = l.record AND s.content = d.content)",
    )?;
    let found = select.query_map([record.0], |row| Ok((ResourceId(row.get(0)?), row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Takes back the words of a change that is leaving the views, and shows or hides what it spoke of as the others say. `leaving`
/// are the changes that go with it.
pub(super) fn forget(connection: &Connection, log: i64, leaving: &[i64]) -> Result<()> {
    let mut concerned = BTreeSet::new();
    for change in leaving {
        let mut select =
            connection.prepare_cached("SELECT DISTINCT id FROM presence WHERE change = ?1")?;
        let ids = select.query_map([change], |row| row.get::<_, [u8; 16]>(0))?;
        concerned.extend(ids.collect::<rusqlite::Result<Vec<_>>>()?);
        connection
            .prepare_cached("DELETE FROM presence WHERE change = ?1")?
            .execute([change])?;
    }
    let mut returned = false;
    for id in concerned {
        if is_gone(connection, log, &id)? {
            hide(connection, log, &id)?;
        } else {
            take_back(connection, log, &id)?;
            returned = true;
        }
    }
    match returned {
        true => show_again(connection, log, leaving),
        false => Ok(()),
    }
}

/// Projects a compartment's changes once more, but for some. What is shown already stays as it is.
pub(super) fn show_again(connection: &Connection, log: i64, but: &[i64]) -> Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT c.change, a.device, a.incarnation FROM change c JOIN author a USING(author) \
         WHERE c.log = ?1 AND c.kind = ?2 ORDER BY c.lamport, c.id",
    )?;
    let changes = select.query_map((log, kind::CHANGE), |row| {
        let author = Author {
            device: DeviceId(row.get(1)?),
            incarnation: Incarnation(row.get(2)?),
        };
        Ok((row.get(0)?, author))
    })?;
    let mut changes: Vec<(i64, Author)> = changes.collect::<rusqlite::Result<_>>()?;
    changes.retain(|(change, _)| !but.contains(change));
    for batch in changes.chunks(BATCH) {
        let values = batch.iter().map(|(change, _)| load(connection, *change));
        let values = values.collect::<Result<Vec<_>>>()?;
        let together = batch
            .iter()
            .zip(&values)
            .map(|((change, author), value)| Projection {
                log,
                change: *change,
                author,
                value,
                parsed: None,
                segments: &[],
            });
        project_all(connection, &together.collect::<Vec<_>>())?;
    }
    Ok(())
}
