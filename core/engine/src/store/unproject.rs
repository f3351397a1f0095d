//! Takes changes out of the views again: those of somebody whose right to write had ended before they were written. Afterwards
//! the views are what they would be had the changes never come (INV-1); a rebuild proves it.

use super::entries::{self, Desk};
use super::presence;
use super::project::{record_number, refresh_about, refresh_rows};
use super::series::Samples;
use super::snapshot::NOBODY;
use super::texts::{body_of, load};
use crate::error::Result;
use crate::record::change::Item;
use crate::record::ids::{ResourceId, ShardId};
use crate::record::patient::Shard;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Hashes of Automerge changes, by the document they are in.
type Edits = BTreeMap<ShardId, HashSet<[u8; 32]>>;

/// Takes changes of one log out of the views. They must still be in `change`, and the caller takes them out there next.
pub fn unproject(connection: &Connection, log: i64, changes: &[i64]) -> Result<()> {
    let mut edits = Edits::new();
    let mut stale = BTreeSet::new();
    for change in changes {
        add_edits(connection, *change, &mut edits)?;
        stale.extend(remove_sightings(connection, *change)?);
    }
    let desk = Desk {
        connection,
        log,
        record: record_number(connection, log)?,
    };
    let mut touched = BTreeSet::new();
    for (shard, gone) in edits {
        touched.extend(desk.remove(shard, &gone)?);
    }
    stale.retain(|row| has_sighting(connection, *row).unwrap_or(true));
    refresh_rows(connection, stale)?;
    refresh_about(connection, log, touched)?;
    presence::forget(connection, log, changes)?;
    Samples::new(connection).remove(log, changes)
}

fn add_edits(connection: &Connection, change: i64, edits: &mut Edits) -> Result<()> {
    let value = load(connection, change)?;
    for item in &value.items {
        if let Item::Edit { shard, body, .. } = item
            && let Ok(hash) = Shard::hash_of(body_of(&value, *body).unwrap_or_default())
        {
            edits.entry(*shard).or_default().insert(hash);
        }
    }
    Ok(())
}

/// Removes what a change showed of resources and documents, and returns the rows that showed it.
fn remove_sightings(connection: &Connection, change: i64) -> Result<Vec<i64>> {
    const OF_CHANGE: &str = "origin IN (SELECT origin FROM origin WHERE change = ?1)";
    let sql = format!("SELECT DISTINCT row FROM sighting WHERE {OF_CHANGE}");
    let mut select = connection.prepare(&sql)?;
    let rows = select.query_map([change], |row| row.get(0))?;
    let rows: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    for table in ["sighting", "attachment", "departed"] {
        connection.execute(&format!("DELETE FROM {table} WHERE {OF_CHANGE}"), [change])?;
    }
    connection.execute("DELETE FROM access_event WHERE change = ?1", [change])?;
    for row in &rows {
        if !has_sighting(connection, *row)? {
            remove_row(connection, *row)?;
        }
    }
    // A row that is to be shown from another place still names this one.
    connection.execute_batch("PRAGMA defer_foreign_keys = ON")?;
    connection.execute("DELETE FROM origin WHERE change = ?1", [change])?;
    Ok(rows)
}

fn has_sighting(connection: &Connection, row: i64) -> Result<bool> {
    let mut select = connection.prepare_cached("SELECT 1 FROM sighting WHERE row = ?1")?;
    Ok(select.exists([row])?)
}

pub(super) fn remove_row(connection: &Connection, row: i64) -> Result<()> {
    for (table, key) in [("search", "rowid"), ("alias", "row"), ("row", "row")] {
        let sql = format!("DELETE FROM {table} WHERE {key} = ?1");
        connection.prepare_cached(&sql)?.execute([row])?;
    }
    Ok(())
}

impl Desk<'_> {
    /// Takes changes out of a document; returns the resources about which it said something else before.
    fn remove(&self, id: ShardId, gone: &HashSet<[u8; 32]>) -> Result<BTreeSet<ResourceId>> {
        let mut touched = BTreeSet::new();
        let Some(saved) = entries::saved(self.connection, self.log, id)? else {
            return Ok(touched);
        };
        let shard = Shard::load(&saved, &NOBODY)?.without(gone)?;
        self.put(id, &shard, &mut touched)?;
        if shard.is_empty() {
            self.connection.execute(
                "DELETE FROM shard WHERE log = ?1 AND shard = ?2",
                (self.log, id.0),
            )?;
        }
        Ok(touched)
    }
}
