//! What it takes to move an item to another compartment: where it lies, its versions, its documents.

use super::texts::{load, locate, origin_of};
use crate::error::{Error, Result};
use crate::record::change::{Attachment, Origin};
use crate::record::ids::{AttachmentId, ResourceId};
use carnet_wire::BlobId;
use rusqlite::{Connection, OptionalExtension};

/// Every compartment in which a resource lies, of whatever record.
pub fn logs_with(conn: &Connection, id: ResourceId) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached("SELECT log FROM row WHERE id = ?1 ORDER BY log")?;
    let logs = query.query_map([id.0], |row| row.get(0))?;
    Ok(logs.collect::<rusqlite::Result<_>>()?)
}

/// A version of a resource as one source gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenText {
    /// Where it comes from.
    pub origin: Origin,
    /// Who issued its short ids.
    pub issuer: String,
    /// The `fullUrl` it came with.
    pub full_url: Option<String>,
    /// Its text, byte for byte.
    pub text: String,
}

/// Every version of a resource in a compartment, oldest change first.
pub fn seen_texts(connection: &Connection, log: i64, id: ResourceId) -> Result<Vec<SeenText>> {
    read(
        connection,
        (log, id),
        "SELECT c.change, o.position, s.item FROM row r JOIN sighting s USING(row) JOIN origin o ON o.origin = s.origin \
         JOIN change c ON c.change = o.change WHERE r.log = ?1 AND r.id = ?2 ORDER BY c.lamport, c.id, s.item",
    )
}

/// Every version of a resource that was written to a compartment it left.
pub fn departed_texts(connection: &Connection, log: i64, id: ResourceId) -> Result<Vec<SeenText>> {
    read(
        connection,
        (log, id),
        "SELECT c.change, o.position, d.item FROM departed d JOIN origin o USING(origin) JOIN change c USING(change) \
         WHERE d.log = ?1 AND d.id = ?2 ORDER BY c.lamport, c.id, d.item",
    )
}

fn read(connection: &Connection, (log, id): (i64, ResourceId), sql: &str) -> Result<Vec<SeenText>> {
    let mut select = connection.prepare_cached(sql)?;
    let places = select.query_map((log, id.0), |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let places: Vec<(i64, u32, u32)> = places.collect::<rusqlite::Result<_>>()?;
    let mut seen = Vec::new();
    for (change, position, item) in places {
        let change = load(connection, change)?;
        let located = locate(&change, item).ok_or(Error::Corrupt("a row points to no text"))?;
        let origin = origin_of(&change, position).cloned();
        seen.push(SeenText {
            origin: origin.ok_or(Error::Corrupt("a row points to no text"))?,
            issuer: located.issuer.to_owned(),
            full_url: located.full_url.map(str::to_owned),
            text: located.text.to_owned(),
        });
    }
    Ok(seen)
}

/// What opens the bytes of a document in a compartment: the newest change that says so, should several.
pub fn attachment_in(conn: &Connection, log: i64, id: AttachmentId) -> Result<Option<Attachment>> {
    let mut select = conn.prepare_cached(
        "SELECT a.blob, a.key, a.size, a.sealed_size, a.media_type FROM attachment a JOIN origin o USING(origin) \
         JOIN change c USING(change) WHERE a.log = ?1 AND a.id = ?2 ORDER BY c.lamport DESC, c.id DESC LIMIT 1",
    )?;
    let found = select.query_row((log, id.0), |row| {
        Ok(Attachment {
            id,
            blob: BlobId(row.get(0)?),
            key: row.get(1)?,
            size: row.get::<_, i64>(2)?.unsigned_abs(),
            sealed_size: row.get::<_, i64>(3)?.unsigned_abs(),
            media_type: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}
