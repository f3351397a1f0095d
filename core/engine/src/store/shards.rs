//! Where documents of the patient layer lie: which shard an edit goes to.

use crate::error::{Error, Result};
use crate::record::ids::{ResourceId, ShardId};
use crate::record::patient::{MAX_SHARD_BYTES, MAX_SHARD_ENTRIES};
use crate::record::row::Category;
use rusqlite::{Connection, OptionalExtension, params};

/// The compartment and category an edit about a resource belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPlace {
    /// The compartment's log.
    pub log: i64,
    /// The category, by its stable name.
    pub category: String,
}

/// A shard as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredShard {
    /// Its id.
    pub id: ShardId,
    /// Its category.
    pub category: String,
    /// Its year.
    pub year: u16,
    /// The saved document; empty for one that does not exist yet.
    pub saved: Vec<u8>,
    /// Whether it has no room for another entry.
    pub full: bool,
}

impl StoredShard {
    /// A shard that does not exist yet.
    pub fn empty(id: ShardId, category: &str, year: u16) -> Self {
        Self { id, category: category.to_owned(), year, saved: Vec::new(), full: false }
    }
}

/// Where edits about a resource go: the compartment it lies in, the first of several.
pub fn place_of(conn: &Connection, on: ResourceId) -> Result<ShardPlace> {
    let mut query = conn.prepare_cached("SELECT log, category FROM row WHERE id = ?1 ORDER BY log LIMIT 1")?;
    let found: Option<(i64, i64)> = query.query_row([on.0], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (log, category) = found.ok_or(Error::NotFound("this resource"))?;
    let category = usize::try_from(category).ok().and_then(|at| Category::ALL.get(at)).ok_or(Error::Corrupt("a category"))?;
    Ok(ShardPlace { log, category: category.name().to_owned() })
}

/// The shards of a place and year, oldest first.
pub fn at(conn: &Connection, place: &ShardPlace, year: u16) -> Result<Vec<StoredShard>> {
    let mut query = conn.prepare_cached(
        "SELECT shard, category, year, saved, (SELECT count(DISTINCT entry) FROM entry WHERE entry.shard = shard.shard)
         FROM shard WHERE log = ?1 AND category = ?2 AND year = ?3 ORDER BY rowid",
    )?;
    let shards = query.query_map(params![place.log, place.category, year], read)?.collect::<rusqlite::Result<_>>()?;
    Ok(shards)
}

/// The shards that hold a correction of a field of a resource.
pub fn holding(conn: &Connection, on: ResourceId, field: &str) -> Result<Vec<StoredShard>> {
    let mut query = conn.prepare_cached(
        "SELECT shard, category, year, saved, 0 FROM shard
         WHERE shard IN (SELECT shard FROM entry WHERE resource = ?1 AND field = ?2) ORDER BY shard",
    )?;
    let shards = query.query_map(params![on.0, field], read)?.collect::<rusqlite::Result<_>>()?;
    Ok(shards)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredShard> {
    let saved: Vec<u8> = row.get(3)?;
    let entries: usize = row.get(4)?;
    Ok(StoredShard {
        id: ShardId(row.get(0)?),
        category: row.get(1)?,
        year: row.get(2)?,
        full: entries >= MAX_SHARD_ENTRIES || saved.len() >= MAX_SHARD_BYTES,
        saved,
    })
}
