//! The bytes of documents: what opens them, and which document something was read from.

use super::project::Known;
use super::texts::{Texts, locate, origin_of};
use crate::error::{Error, Result};
use crate::record::change::{Change, Item, Origin};
use crate::record::ids::{AttachmentId, ContentHash, ResourceId};
use carnet_wire::{BlobId, RecordId};
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashSet;

/// A document's sealed bytes and what opens them.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// The sealed file.
    pub blob: BlobId,
    /// The key that opens it.
    pub key: [u8; 32],
    /// Length of the document.
    pub size: u64,
    /// Media type.
    pub media_type: String,
}

/// Every sealed copy of a document in a record: two phones that import one document seal it twice.
pub fn documents_of(
    connection: &Connection,
    record: RecordId,
    id: AttachmentId,
) -> Result<Vec<StoredDocument>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT blob, key, size, media_type FROM attachment \
         WHERE id = ?2 AND log IN (SELECT log FROM log WHERE record = ?1) ORDER BY blob",
    )?;
    let found = select.query_map((record.0, id.0), |row| {
        Ok(StoredDocument {
            blob: BlobId(row.get(0)?),
            key: row.get(1)?,
            size: row.get(2)?,
            media_type: row.get(3)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Whether a record has the bytes of a document, here or on their way.
pub fn has_attachment(connection: &Connection, record: RecordId, id: AttachmentId) -> Result<bool> {
    Ok(!documents_of(connection, record, id)?.is_empty())
}

/// Which of these compartments has a resource, and what is known of it there: the one that has this very content, else the
/// first.
pub fn place_of_resource(
    connection: &Connection,
    logs: &[i64],
    id: ResourceId,
    content: ContentHash,
) -> Result<Option<(i64, Known)>> {
    let mut select = connection.prepare_cached(
        "SELECT r.log, EXISTS(SELECT 1 FROM sighting s WHERE s.row = r.row AND s.content = ?2) \
         FROM row r WHERE r.id = ?1 ORDER BY 2 DESC, r.log",
    )?;
    let mut rows = select.query((id.0, content.0))?;
    while let Some(row) = rows.next()? {
        let (log, same) = (row.get(0)?, row.get(1)?);
        if logs.contains(&log) {
            return Ok(Some((log, if same { Known::Same } else { Known::Other })));
        }
    }
    Ok(None)
}

/// A version of a resource as an archive takes it.
pub struct Archived<'a> {
    /// Whether lists show it; else it is an earlier version.
    pub is_current: bool,
    /// Its text.
    pub text: &'a str,
    /// Who issued its short ids.
    pub issuer: &'a str,
    /// The `fullUrl` it came with.
    pub full_url: Option<&'a str>,
    /// The file it came from.
    pub origin: &'a Origin,
    /// The compartment it lives in.
    pub compartment: &'a str,
}

/// Gives every version of every resource of a record to `take`, once, in the order they were written, with all that its name
/// and provenance need. Of a version that was seen in several files: the place that lists show, else the first.
pub fn each_version(
    connection: &Connection,
    record: RecordId,
    mut take: impl FnMut(Archived<'_>) -> Result<()>,
) -> Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT o.change, s.item, l.name, s.row, s.content, s.origin = r.origin AND s.item = r.item, n.content \
         FROM row r JOIN sighting s USING(row) JOIN sighting n ON n.row = r.row AND n.origin = r.origin AND n.item = r.item \
         JOIN origin o ON o.origin = s.origin JOIN change c ON c.change = o.change JOIN log l ON l.log = r.log \
         WHERE l.record = ?1 ORDER BY c.lamport, c.id, s.content = n.content, s.item",
    )?;
    let mut earlier: HashSet<(i64, [u8; 16])> = HashSet::new();
    let mut rows = select.query([record.0])?;
    let mut texts = Texts::new(connection);
    while let Some(row) = rows.next()? {
        let (item, compartment): (u32, String) = (row.get(1)?, row.get(2)?);
        let (content, is_current): ([u8; 16], bool) = (row.get(4)?, row.get(5)?);
        let is_known =
            content == row.get::<_, [u8; 16]>(6)? || !earlier.insert((row.get(3)?, content));
        if is_known && !is_current {
            continue;
        }
        let change = texts.change(row.get(0)?)?;
        let located = locate(change, item).ok_or(Error::Corrupt("a row points to no text"))?;
        let origin = origin_at(change, item).ok_or(Error::Corrupt("a row points to no origin"))?;
        take(Archived {
            is_current,
            text: located.text,
            issuer: located.issuer,
            full_url: located.full_url,
            origin,
            compartment: &compartment,
        })?;
    }
    Ok(())
}

/// The documents of a record and the compartment of each, in order of their names.
pub fn all_documents(
    connection: &Connection,
    record: RecordId,
) -> Result<Vec<(AttachmentId, String)>> {
    let mut select = connection.prepare_cached(
        "SELECT a.id, min(l.name) FROM attachment a JOIN log l ON l.log = a.log WHERE l.record = ?1 \
         GROUP BY a.id ORDER BY a.id",
    )?;
    let found = select.query_map([record.0], |row| {
        Ok((AttachmentId(row.get(0)?), row.get(1)?))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The origin of a resource item.
fn origin_at(change: &Change, item: u32) -> Option<&Origin> {
    match change.items.get(usize::try_from(item).ok()?)? {
        Item::Resource { origin, .. } => origin_of(change, *origin),
        _ => None,
    }
}

/// Whose record a resource is of, and the hash of the document it was read from, where one was kept.
pub fn original_of(
    connection: &Connection,
    id: ResourceId,
) -> Result<(RecordId, Option<[u8; 32]>)> {
    let mut select = connection.prepare_cached(
        "SELECT l.record, o.change, r.item FROM row r JOIN origin o USING(origin) JOIN log l ON l.log = r.log \
         WHERE r.id = ?1 ORDER BY r.log LIMIT 1",
    )?;
    let place = select.query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (record, change, item): (_, i64, u32) = place
        .optional()?
        .ok_or(Error::NotFound("a resource with this id"))?;
    let mut texts = Texts::new(connection);
    let change = texts.change(change)?;
    let origin = origin_at(change, item);
    let hash = origin.map(|origin| origin.hash);
    Ok((RecordId(record), hash.filter(|hash| *hash != [0; 32])))
}
