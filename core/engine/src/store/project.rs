//! Projects a change into the views.
//!
//! Order does not matter: what a view shows of a resource depends on the *set* of its sightings, of the edits and of the
//! attachments, never on which came first or how often.

use super::entries::{self, Desk, Edit};
use super::outside::{self, Version};
use super::rows::{Place, RowWriter};
use super::terms::Terms;
use super::texts::{Texts, body_of, locate, origin_of};
use crate::error::{Error, Result};
use crate::record::change::{Attachment, Change, Item};
use crate::record::ids::{ContentHash, ResourceId};
use crate::record::resource::Resource;
use carnet_wire::Author;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeSet, HashMap};

/// A change and where the log keeps it. Its row in `change` must be there already.
#[derive(Clone, Copy)]
pub struct Projection<'a> {
    /// The compartment's log.
    pub log: i64,
    /// The row of the change.
    pub change: i64,
    /// Who wrote it, as its header says.
    pub author: &'a Author,
    /// Its content.
    pub value: &'a Change,
    /// What the resource items derive to, in order, when the caller has just derived them.
    pub parsed: Option<&'a [Resource]>,
}

/// What a change did to the views.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Projected {
    /// Resources not in the compartment before.
    pub new: u64,
    /// New versions of resources.
    pub updated: u64,
    /// Resources with content the compartment had.
    pub unchanged: u64,
    /// Items this build cannot read. They stay in the change.
    pub refused: u64,
}

/// What a compartment knows of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    New,
    /// This very content.
    Same,
    /// Another version only.
    Other,
}

/// Whether a compartment has this resource with this content.
pub fn known(
    connection: &Connection,
    log: i64,
    id: ResourceId,
    content: ContentHash,
) -> Result<Known> {
    let mut select = connection.prepare_cached(
        "SELECT EXISTS(SELECT 1 FROM sighting s WHERE s.row = r.row AND s.content = ?3) \
         FROM row r WHERE r.id = ?1 AND r.log = ?2",
    )?;
    let same: Option<bool> = select
        .query_row((id.0, log, content.0), |row| row.get(0))
        .optional()?;
    Ok(match same {
        None => Known::New,
        Some(true) => Known::Same,
        Some(false) => Known::Other,
    })
}

/// Projects one change. Doing it twice does nothing more.
pub fn project(connection: &Connection, projection: Projection<'_>) -> Result<Projected> {
    let mut projector = Projector::new(connection, projection)?;
    let mut edits = Vec::new();
    for (item, value) in (0_u32..).zip(&projection.value.items) {
        match value {
            Item::Resource { origin, .. } => projector.resource(*origin, item)?,
            Item::Edit {
                shard,
                category,
                year,
                body,
            } => {
                let bytes = body_of(projection.value, *body);
                edits.push(Edit {
                    shard: *shard,
                    category,
                    year: *year,
                    bytes: bytes.unwrap_or_default(),
                });
            }
            Item::Attachment { origin, attachment } => {
                projector.attachment(*origin, item, attachment)?
            }
        }
    }
    let (log, record, author) = (projection.log, projector.writer.record, projection.author);
    let outcome = Desk {
        connection,
        log,
        record,
        author,
    }
    .apply(&edits)?;
    projector.done.refused += outcome.refused;
    for resource in outcome.touched {
        projector.mark(resource)?;
    }
    projector.refresh()
}

/// The number that names a record in the indexes: its first log.
pub(super) fn record_number(connection: &Connection, log: i64) -> Result<i64> {
    let mut select = connection.prepare_cached(
        "SELECT min(other.log) FROM log this JOIN log other ON other.record = this.record WHERE this.log = ?1",
    )?;
    let record: Option<i64> = select.query_row([log], |row| row.get(0))?;
    record.ok_or(Error::NotFound("a compartment"))
}

struct Projector<'c, 'a> {
    connection: &'c Connection,
    projection: Projection<'a>,
    parsed: std::slice::Iter<'a, Resource>,
    writer: RowWriter<'c>,
    texts: Texts<'c>,
    origins: HashMap<u32, i64>,
    /// Whether anybody has written about anything in this record: an import into a fresh record asks nothing more.
    annotated: bool,
    /// Rows whose current version or notes changed.
    stale: BTreeSet<i64>,
    done: Projected,
}

impl<'c, 'a> Projector<'c, 'a> {
    fn new(connection: &'c Connection, projection: Projection<'a>) -> Result<Self> {
        let record = record_number(connection, projection.log)?;
        let (terms, log) = (Terms::new(connection), projection.log);
        Ok(Self {
            connection,
            projection,
            parsed: projection.parsed.unwrap_or_default().iter(),
            writer: RowWriter {
                connection,
                terms,
                log,
                record,
            },
            texts: Texts::new(connection),
            origins: HashMap::new(),
            annotated: entries::any(connection)?,
            stale: BTreeSet::new(),
            done: Projected::default(),
        })
    }

    fn resource(&mut self, origin: u32, item: u32) -> Result<()> {
        if self.projection.parsed.is_some() {
            let resource = self
                .parsed
                .next()
                .ok_or(Error::Bug("fewer resources than items"))?;
            return self.sighting(resource, origin, item);
        }
        let located = locate(self.projection.value, item);
        match located.and_then(|located| outside::derive(&located)) {
            Some(resource) => self.sighting(&resource, origin, item),
            None => {
                self.done.refused += 1;
                Ok(())
            }
        }
    }

    fn sighting(&mut self, resource: &Resource, origin: u32, item: u32) -> Result<()> {
        let Some(origin) = self.origin(origin)? else {
            self.done.refused += 1;
            return Ok(());
        };
        let place = Place { origin, item };
        match self.writer.insert(resource, place)? {
            Some(row) => self.first(row, resource, place),
            None => self.again(resource, place),
        }
    }

    fn first(&mut self, row: i64, resource: &Resource, place: Place) -> Result<()> {
        self.done.new += 1;
        self.insert_sighting(row, resource, place)?;
        self.writer.add_aliases(row, &resource.aliases)?;
        if self.annotated && entries::any_about(self.connection, self.writer.record, resource.id)? {
            self.stale.insert(row);
        }
        Ok(())
    }

    fn again(&mut self, resource: &Resource, place: Place) -> Result<()> {
        let same = known(
            self.connection,
            self.projection.log,
            resource.id,
            resource.content,
        )? == Known::Same;
        let row = row_of(self.connection, self.projection.log, resource.id)?
            .ok_or(Error::Corrupt("a row is missing"))?;
        if self.insert_sighting(row, resource, place)? {
            // A name an older version carried stays valid, so the order of arrival leaves no trace.
            self.writer.add_aliases(row, &resource.aliases)?;
            self.stale.insert(row);
        }
        match same {
            true => self.done.unchanged += 1,
            false => self.done.updated += 1,
        }
        Ok(())
    }

    fn insert_sighting(&self, row: i64, resource: &Resource, place: Place) -> Result<bool> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO sighting(row, origin, item, content, version, last_updated) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let inserted = insert.execute((
            row,
            place.origin,
            place.item,
            resource.content.0,
            &resource.version,
            &resource.last_updated,
        ))?;
        Ok(inserted == 1)
    }

    /// The row of an origin of this change; `None` when the change names one it does not have.
    fn origin(&mut self, position: u32) -> Result<Option<i64>> {
        if let Some(origin) = self.origins.get(&position) {
            return Ok(Some(*origin));
        }
        let Some(origin) = origin_of(self.projection.value, position) else {
            return Ok(None);
        };
        // The update changes nothing: it makes RETURNING answer for a row that was there.
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO origin(change, position, recorded_at, name, format) VALUES(?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT(change, position) DO UPDATE SET position = excluded.position RETURNING origin",
        )?;
        let recorded_at = self.projection.value.recorded_at;
        let change = self.projection.change;
        let values = (change, position, recorded_at, &origin.name, &origin.format);
        let number = insert.query_row(values, |row| row.get(0))?;
        self.origins.insert(position, number);
        Ok(Some(number))
    }

    fn attachment(&mut self, origin: u32, item: u32, attachment: &Attachment) -> Result<()> {
        let sizes = (
            i64::try_from(attachment.size),
            i64::try_from(attachment.sealed_size),
        );
        let (Some(origin), (Ok(size), Ok(sealed_size))) = (self.origin(origin)?, sizes) else {
            self.done.refused += 1;
            return Ok(());
        };
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO attachment(log, id, blob, origin, item, key, size, sealed_size, media_type) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        insert.execute((
            self.projection.log,
            attachment.id.0,
            attachment.blob.0,
            origin,
            item,
            attachment.key,
            size,
            sealed_size,
            &attachment.media_type,
        ))?;
        Ok(())
    }

    /// Marks every row of the record that shows this resource.
    fn mark(&mut self, resource: ResourceId) -> Result<()> {
        let mut select = self
            .connection
            .prepare_cached("SELECT row FROM row WHERE id = ?1 AND record = ?2")?;
        let mut rows = select.query((resource.0, self.writer.record))?;
        while let Some(row) = rows.next()? {
            self.stale.insert(row.get(0)?);
        }
        Ok(())
    }

    /// Writes the stale rows again, in the order their texts were imported, so that each change is unpacked once.
    fn refresh(mut self) -> Result<Projected> {
        for row in std::mem::take(&mut self.stale) {
            self.refresh_row(row)?;
        }
        Ok(self.done)
    }

    fn refresh_row(&mut self, row: i64) -> Result<()> {
        let place = current(self.connection, row)?;
        let located = self.texts.resource(place.origin, place.item)?;
        let resource = outside::derive(&located).ok_or(Error::Corrupt("a text is unreadable"))?;
        let written = entries::written(self.connection, self.writer.record, resource.id)?;
        let mut select = self
            .connection
            .prepare_cached("SELECT log FROM row WHERE row = ?1")?;
        // A note in one compartment may be about a resource in another.
        self.writer.log = select.query_row([row], |row| row.get(0))?;
        self.writer.update(row, &resource, place, &written)
    }
}

/// The row of a resource in a compartment.
pub(super) fn row_of(connection: &Connection, log: i64, id: ResourceId) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT row FROM row WHERE id = ?1 AND log = ?2")?;
    Ok(select.query_row((id.0, log), |row| row.get(0)).optional()?)
}

/// Which sighting lists show: the first place where the greatest version was seen.
fn current(connection: &Connection, row: i64) -> Result<Place> {
    let mut select = connection.prepare_cached(
        "SELECT s.origin, s.item, s.content, s.version, s.last_updated, c.lamport, c.id \
         FROM sighting s JOIN origin USING(origin) JOIN change c USING(change) WHERE s.row = ?1",
    )?;
    let mut rows = select.query([row])?;
    let mut firsts: HashMap<[u8; 16], Seen> = HashMap::new();
    while let Some(row) = rows.next()? {
        let seen = Seen::read(row)?;
        let first = firsts
            .entry(seen.version.content.0)
            .or_insert_with(|| seen.clone());
        if seen.rank() < first.rank() {
            *first = seen;
        }
    }
    firsts
        .into_values()
        .max_by(|a, b| a.version.order(&b.version))
        .map(|seen| seen.place)
        .ok_or(Error::Corrupt("a row without a sighting"))
}

#[derive(Clone)]
struct Seen {
    place: Place,
    version: Version,
    change: Vec<u8>,
}

impl Seen {
    fn read(row: &rusqlite::Row<'_>) -> Result<Self> {
        let content: [u8; 16] = row.get(2)?;
        let lamport: i64 = row.get(5)?;
        Ok(Self {
            place: Place {
                origin: row.get(0)?,
                item: row.get(1)?,
            },
            version: Version {
                version: row.get(3)?,
                last_updated: row.get(4)?,
                lamport: lamport.unsigned_abs(),
                content: ContentHash(content),
            },
            change: row.get(6)?,
        })
    }

    /// Where the same content was seen first, told without local numbers.
    fn rank(&self) -> (u64, &[u8], u32) {
        (self.version.lamport, &self.change, self.place.item)
    }
}
