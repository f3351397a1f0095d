//! What snapshots take from the views and give to them: shard documents, which changes are spent, what is urgent.
//!
//! Invariant: a change is spent only if each of its edits is in the document it was written for, or waits there. Anything
//! this build refuses, and anything with another item, is kept as a change.

use super::entries::{self, Desk};
use super::log::{KEPT, SPENT};
use super::outside;
use super::project;
use super::texts::body_of;
use crate::error::{Error, Result};
use crate::record::change::{Change, Item};
use crate::record::ids::ShardId;
use crate::record::patient::{Actor, Shard};
use crate::record::snapshot::SavedShard;
use carnet_wire::{Author, DeviceId, Incarnation};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Kinds of resources that help in an emergency.
const URGENT: &str = "'AllergyIntolerance', 'Condition', 'MedicationStatement', 'MedicationRequest', 'Immunization', 'Patient'";
/// Most resources in the emergency part of a snapshot, the newest first.
const MAX_URGENT: usize = 2_000;
/// Documents kept loaded while changes are looked at.
const LOADED_SHARDS: usize = 16;

/// A shard document as a snapshot lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardRow {
    /// Its id.
    pub shard: ShardId,
    /// The recorded year it was opened for.
    pub year: u16,
    /// Bytes of its document.
    pub bytes: usize,
    /// Its heads, one after the other.
    pub heads: Vec<u8>,
    /// Whether it holds a part of the person's profile.
    pub profile: bool,
}

/// The documents of a log, sorted by id.
pub fn shards(connection: &Connection, log: i64) -> Result<Vec<ShardRow>> {
    let mut select = connection.prepare_cached(
        "SELECT shard, year, length(saved), heads, EXISTS(SELECT 1 FROM entry e
         WHERE e.log = s.log AND e.shard = s.shard AND e.kind = 3) FROM shard s WHERE log = ?1 ORDER BY shard",
    )?;
    let rows = select.query_map([log], |row| {
        Ok(ShardRow {
            shard: ShardId(row.get(0)?),
            year: row.get(1)?,
            bytes: row.get(2)?,
            heads: row.get(3)?,
            profile: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A document as a piece carries it.
pub fn saved_shard(connection: &Connection, log: i64, shard: ShardId) -> Result<SavedShard> {
    let mut select = connection
        .prepare_cached("SELECT category, year, saved FROM shard WHERE log = ?1 AND shard = ?2")?;
    Ok(select.query_row((log, shard.0), |row| {
        Ok(SavedShard {
            shard,
            category: row.get(0)?,
            year: row.get(1)?,
            saved: row.get::<_, Vec<u8>>(2)?.into(),
        })
    })?)
}

/// The heads of a document, one after the other; none when it is not here.
pub fn heads(connection: &Connection, log: i64, shard: ShardId) -> Result<Option<Vec<u8>>> {
    use rusqlite::OptionalExtension;
    let mut select =
        connection.prepare_cached("SELECT heads FROM shard WHERE log = ?1 AND shard = ?2")?;
    Ok(select
        .query_row((log, shard.0), |row| row.get(0))
        .optional()?)
}

/// Hashes of the changes of a document that are not in the past of `heads`; none when it does not have all of those.
pub fn beyond(
    connection: &Connection,
    log: i64,
    shard: ShardId,
    heads: &[[u8; 32]],
) -> Result<Option<HashSet<[u8; 32]>>> {
    match entries::saved(connection, log, shard)? {
        Some(saved) => Ok(Shard::load(&saved, &NOBODY)?.beyond(heads)),
        None => Ok(None),
    }
}

/// Looks at changes of a log that nobody has looked at: spent, or kept. Returns how many there were, at most `most`.
pub fn classify(connection: &Connection, log: i64, most: usize) -> Result<usize> {
    let mut select = connection.prepare_cached(
        "SELECT change, body FROM change WHERE log = ?1 AND kind = 1 AND class = 0 AND extract = 0
         ORDER BY lamport, id LIMIT ?2",
    )?;
    let mut set = connection.prepare_cached("UPDATE change SET class = ?2 WHERE change = ?1")?;
    let mut loaded = HashMap::new();
    let rows = select.query_map(params![log, most as i64], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
    })?;
    let mut count = 0;
    for row in rows.collect::<rusqlite::Result<Vec<_>>>()? {
        let (change, body) = row;
        let spent = match outside::unpack(&body) {
            Ok(change) => is_spent(connection, log, &change, &mut loaded)?,
            Err(_) => false,
        };
        set.execute((change, if spent { SPENT } else { KEPT }))?;
        count += 1;
    }
    Ok(count)
}

fn is_spent(
    connection: &Connection,
    log: i64,
    change: &Change,
    loaded: &mut HashMap<ShardId, Option<Shard>>,
) -> Result<bool> {
    for item in &change.items {
        let Item::Edit { shard, body, .. } = item else {
            return Ok(false);
        };
        if loaded.len() >= LOADED_SHARDS && !loaded.contains_key(shard) {
            loaded.clear();
        }
        if !loaded.contains_key(shard) {
            let saved = entries::saved(connection, log, *shard)?;
            let document = saved
                .map(|saved| Shard::load(&saved, &NOBODY))
                .transpose()?;
            loaded.insert(*shard, document);
        }
        let bytes = body_of(change, *body).unwrap_or_default();
        let held = loaded
            .get(shard)
            .and_then(Option::as_ref)
            .is_some_and(|document| document.holds(bytes));
        if !held {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A shard is loaded to be read only: nobody writes in it.
pub(super) const NOBODY: Author = Author {
    device: DeviceId([0; 32]),
    incarnation: Incarnation([0; 8]),
};

/// A document and the hash of an edit in it; none for one that no document could take.
pub type EditOf = (ShardId, Option<[u8; 32]>);

/// The hashes of the edits of a change, with their documents; none when it holds anything else.
pub fn edits_of(body: &[u8]) -> Result<Option<Vec<EditOf>>> {
    let change = outside::unpack(body)?;
    let mut edits = Vec::new();
    for item in &change.items {
        let Item::Edit { shard, body, .. } = item else {
            return Ok(None);
        };
        let bytes = body_of(&change, *body).unwrap_or_default();
        edits.push((*shard, crate::record::patient::hash_of(bytes)));
    }
    Ok(Some(edits))
}

/// Merges a document of a snapshot. `heads` is what it must end with; `writers` may have written in it.
pub fn absorb(
    connection: &Connection,
    log: i64,
    saved: &SavedShard,
    heads: &[u8],
    writers: &BTreeSet<Actor>,
) -> Result<()> {
    let foreign = Shard::load_foreign(&saved.saved, writers, &NOBODY)?;
    if foreign.heads().concat() != heads {
        return Err(Error::Invalid(
            "a piece of a snapshot holds another document",
        ));
    }
    let mut shard = match entries::saved(connection, log, saved.shard)? {
        Some(here) => Shard::load(&here, &NOBODY)?,
        None => Shard::empty(&NOBODY),
    };
    shard.absorb(foreign)?;
    let desk = Desk {
        connection,
        log,
        record: project::record_number(connection, log)?,
    };
    let touched = desk.keep(saved, &shard)?;
    set_base(connection, log, saved.shard)?;
    project::refresh_about(connection, log, touched)
}

/// Notes that a document holds edits whose changes are gone.
pub fn set_base(connection: &Connection, log: i64, shard: ShardId) -> Result<()> {
    connection
        .prepare_cached("UPDATE shard SET base = 1 WHERE log = ?1 AND shard = ?2")?
        .execute((log, shard.0))?;
    Ok(())
}

/// The items of kept changes that help in an emergency.
pub fn urgent(connection: &Connection, log: i64) -> Result<BTreeMap<i64, BTreeSet<u32>>> {
    let sql = format!(
        "SELECT o.change, r.item FROM row r JOIN origin o USING(origin) JOIN term t ON t.term = r.kind
         WHERE r.log = ?1 AND t.text IN ({URGENT}) ORDER BY r.sort DESC, r.id LIMIT {MAX_URGENT}"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut rows = select.query([log])?;
    let mut found: BTreeMap<i64, BTreeSet<u32>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found.entry(row.get(0)?).or_default().insert(row.get(1)?);
    }
    Ok(found)
}

/// A change with all bodies empty but those of some items: what an extract carries.
pub fn extract(body: &[u8], items: &BTreeSet<u32>) -> Result<Change> {
    let mut change = outside::unpack(body)?;
    let mut bodies = vec![Vec::new().into()];
    for (at, item) in (0_u32..).zip(&mut change.items) {
        match item {
            Item::Resource { body, .. } if items.contains(&at) => {
                let bytes = change.bodies.get(*body as usize).cloned();
                *body = bodies.len() as u32;
                bodies.push(bytes.unwrap_or_else(|| Vec::new().into()));
            }
            // An item nobody can read says nothing; its place keeps the numbers of the others.
            Item::Resource { origin, .. } | Item::Attachment { origin, .. } => {
                let origin = *origin;
                *item = Item::Resource {
                    origin,
                    issuer: String::new(),
                    full_url: None,
                    body: 0,
                }
            }
            // Without it what left would be shown until the whole is here.
            Item::Presence { .. } => {}
            Item::Edit { .. }
            | Item::Access { .. }
            | Item::Segment { .. }
            | Item::Gone { .. }
            | Item::SourceOrder { .. } => {
                *item = Item::Resource {
                    origin: u32::MAX,
                    issuer: String::new(),
                    full_url: None,
                    body: 0,
                }
            }
        }
    }
    change.bodies = bodies;
    Ok(change)
}

/// The newest year each change says something of; none for one without dated resources.
pub fn years(connection: &Connection, log: i64) -> Result<HashMap<i64, i64>> {
    // `sort` begins with the year and has thirteen digits behind it; undated rows are negative.
    let mut select = connection.prepare_cached(
        "SELECT o.change, max(r.sort) / 10000000000000 FROM row r JOIN origin o USING(origin)
         WHERE r.log = ?1 AND r.sort > 0 GROUP BY o.change",
    )?;
    let rows = select.query_map([log], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Writes the lines of every document with a base again: a rebuild empties them and no change says them.
pub(super) fn restore_lines(connection: &Connection) -> Result<()> {
    let mut select = connection.prepare_cached("SELECT log, shard FROM shard WHERE base = 1")?;
    let based = select.query_map([], |row| Ok((row.get(0)?, ShardId(row.get(1)?))))?;
    for place in based.collect::<rusqlite::Result<Vec<(i64, ShardId)>>>()? {
        let (log, shard) = place;
        let saved = saved_shard(connection, log, shard)?;
        let document = Shard::load(&saved.saved, &NOBODY)?;
        let desk = Desk {
            connection,
            log,
            record: project::record_number(connection, log)?,
        };
        desk.keep(&saved, &document)?;
    }
    Ok(())
}
