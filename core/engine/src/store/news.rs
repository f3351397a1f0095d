//! What others wrote into a record since a mark on this device: the number of the last change that was here then. Numbers are given
//! in the order of arrival, so what came late is news although it was written long ago.

use super::texts::load;
use super::views::list_row;
use crate::error::Result;
use crate::record::change::Item;
use crate::record::ids::{ResourceId, ShardId};
use crate::record::patient::derive_actor;
use crate::record::view::ListRow;
use carnet_wire::{Author, DeviceId, Incarnation, RecordId, kind};
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeSet;

/// Changes looked through at most; older ones are counted as more.
pub const MAX_CHANGES: usize = 2_000;

/// What is new about an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It was not here before.
    Item,
    /// Another version of it.
    Version,
    /// Somebody wrote a note about it.
    Note,
    /// Somebody corrected it.
    Correction,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub what: What,
    /// About which item, as it is now.
    pub row: ListRow,
    /// Whose device wrote it.
    pub device: DeviceId,
    /// When, in milliseconds by that device's clock.
    pub at: i64,
    /// The note, or the value.
    pub text: Option<String>,
}

/// The number of the last change that is here.
pub fn last_change(connection: &Connection) -> Result<i64> {
    let mut select = connection.prepare_cached("SELECT ifnull(max(change), 0) FROM change")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// What others wrote since a mark, newest arrival first, `limit` pieces at most, and whether there is more.
pub fn since(
    connection: &Connection,
    record: RecordId,
    own: DeviceId,
    mark: i64,
    limit: usize,
) -> Result<(Vec<Piece>, bool)> {
    let changes = changes(connection, record, own, mark)?;
    let mut pieces = Vec::new();
    for change in changes.iter().take(MAX_CHANGES) {
        pieces.extend(items(connection, change, mark)?);
        pieces.extend(entries(connection, change)?);
        if pieces.len() > limit {
            break;
        }
    }
    let more = pieces.len() > limit || changes.len() > MAX_CHANGES;
    pieces.truncate(limit);
    Ok((pieces, more))
}

struct Arrived {
    number: i64,
    log: i64,
    author: Author,
}

fn changes(
    connection: &Connection,
    record: RecordId,
    own: DeviceId,
    mark: i64,
) -> Result<Vec<Arrived>> {
    let mut select = connection.prepare_cached(
        "SELECT c.change, c.log, a.device, a.incarnation FROM change c JOIN author a USING(author) JOIN log l USING(log) \
         WHERE c.change > ?1 AND c.kind = ?2 AND l.record = ?3 AND a.device <> ?4 ORDER BY c.change DESC LIMIT ?5",
    )?;
    let values = (mark, kind::CHANGE, record.0, own.0, MAX_CHANGES as i64 + 1);
    let found = select.query_map(values, |row| {
        Ok(Arrived {
            number: row.get(0)?,
            log: row.get(1)?,
            author: Author {
                device: DeviceId(row.get(2)?),
                incarnation: Incarnation(row.get(3)?),
            },
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The items a change brought; what had been here before it is another version.
fn items(connection: &Connection, change: &Arrived, mark: i64) -> Result<Vec<Piece>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT s.row, o.recorded_at, EXISTS(SELECT 1 FROM sighting e JOIN origin f ON f.origin = e.origin \
           WHERE e.row = s.row AND f.change <= ?2) FROM sighting s JOIN origin o ON o.origin = s.origin WHERE o.change = ?1",
    )?;
    let rows = select.query_map((change.number, mark), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let mut pieces = Vec::new();
    for (row, at, known) in rows.collect::<rusqlite::Result<Vec<(i64, i64, bool)>>>()? {
        pieces.push(Piece {
            what: if known { What::Version } else { What::Item },
            row: list_row(connection, row)?,
            device: change.author.device,
            at,
            text: None,
        });
    }
    Ok(pieces)
}

/// The notes and corrections a change wrote, as far as they stand: their author and time are those of the change.
fn entries(connection: &Connection, change: &Arrived) -> Result<Vec<Piece>> {
    let value = load(connection, change.number)?;
    let mut shards: BTreeSet<ShardId> = BTreeSet::new();
    for item in &value.items {
        if let Item::Edit { shard, .. } = item {
            shards.insert(*shard);
        }
    }
    let mut pieces = Vec::new();
    let mut select = connection.prepare_cached(
        "SELECT kind, resource, text FROM entry WHERE log = ?1 AND shard = ?2 AND actor = ?3 AND recorded_at = ?4 \
         AND kind IN (1, 2) ORDER BY name",
    )?;
    for shard in shards {
        let actor = derive_actor(&change.author);
        let values = (change.log, shard.0, actor.0, value.recorded_at);
        let found = select.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        for (kind, resource, text) in
            found.collect::<rusqlite::Result<Vec<(i64, [u8; 16], String)>>>()?
        {
            let Some(row) = row_about(connection, change.log, ResourceId(resource))? else {
                continue;
            };
            pieces.push(Piece {
                what: if kind == 1 {
                    What::Note
                } else {
                    What::Correction
                },
                row: list_row(connection, row)?,
                device: change.author.device,
                at: value.recorded_at,
                text: Some(text),
            });
        }
    }
    Ok(pieces)
}

/// The row of a resource in the record of a log; none for one that left.
fn row_about(connection: &Connection, log: i64, id: ResourceId) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT r.row FROM row r JOIN log l ON l.log = r.log WHERE r.id = ?1 \
         AND l.record = (SELECT record FROM log WHERE log = ?2) ORDER BY r.log LIMIT 1",
    )?;
    Ok(select.query_row((id.0, log), |row| row.get(0)).optional()?)
}
