//! Projects a change into the views.
//!
//! Order does not matter: what a view shows of a resource depends on the *set* of its sightings, of the edits and of the
//! attachments, never on which came first or how often.

use super::access;
use super::entries::{self, Desk, Edit};
use super::outside;
use super::presence;
use super::rows::{Place, RowWriter};
use super::series::{Packed, Samples};
use super::terms::Terms;
use super::texts::{Texts, body_of, locate, origin_of};
use crate::error::{Error, Result};
use crate::record::change::{Attachment, Change, Item};
use crate::record::ids::{ContentHash, ResourceId};
use crate::record::resource::Resource;
use crate::record::series::Sample;
use crate::record::time::VersionKey;
use carnet_wire::Author;
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

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
    /// The samples of its segments, in order, when the caller has just written them; empty where they are to be read.
    pub segments: &'a [Rc<Vec<Sample>>],
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
    project_all(connection, &[projection])
}

/// Projects changes, in any order, as one by one would; edits of one shard are merged together, which is many times faster.
pub fn project_all(connection: &Connection, projections: &[Projection<'_>]) -> Result<Projected> {
    let mut projector = Projector::new(connection)?;
    let mut edits: BTreeMap<i64, Vec<Edit<'_>>> = BTreeMap::new();
    for projection in projections {
        projector.begin(projection.log)?;
        projector.items(projection)?;
        edits
            .entry(projection.log)
            .or_default()
            .extend(edits_of(projection));
    }
    for (log, edits) in edits {
        projector.begin(log)?;
        projector.edits(&edits)?;
    }
    let returned = std::mem::take(&mut projector.returned);
    let done = projector.refresh()?;
    for log in returned {
        presence::show_again(connection, log, &[])?;
    }
    Ok(done)
}

/// Writes again the rows that show resources about which something was written.
pub(super) fn refresh_about(
    connection: &Connection,
    log: i64,
    touched: BTreeSet<ResourceId>,
) -> Result<()> {
    let mut projector = Projector::new(connection)?;
    projector.begin(log)?;
    for resource in touched {
        projector.mark(resource)?;
    }
    projector.refresh().map(drop)
}

/// Writes rows again that have lost a sighting, with the names of those they have left.
pub(super) fn refresh_rows(connection: &Connection, rows: BTreeSet<i64>) -> Result<()> {
    let mut projector = Projector::new(connection)?;
    for row in &rows {
        projector.refresh_aliases(*row)?;
    }
    projector.stale = rows;
    projector.refresh().map(drop)
}

fn edits_of<'a>(projection: &Projection<'a>) -> impl Iterator<Item = Edit<'a>> {
    let Projection { value, author, .. } = *projection;
    value.items.iter().filter_map(move |item| match item {
        Item::Edit {
            shard,
            category,
            year,
            body,
        } => Some(Edit {
            shard: *shard,
            category,
            year: *year,
            author,
            // A body that is not there is refused by the shard as an empty change.
            bytes: body_of(value, *body).unwrap_or_default(),
        }),
        _ => None,
    })
}

/// The number that names a record in the indexes: its first log.
pub(super) fn record_number(connection: &Connection, log: i64) -> Result<i64> {
    let mut select = connection.prepare_cached(
        "SELECT min(other.log) FROM log this JOIN log other ON other.record = this.record WHERE this.log = ?1",
    )?;
    let record: Option<i64> = select.query_row([log], |row| row.get(0))?;
    record.ok_or(Error::NotFound("a compartment"))
}

struct Projector<'c> {
    connection: &'c Connection,
    writer: RowWriter<'c>,
    texts: Texts<'c>,
    /// Origins of the change at hand.
    origins: HashMap<u32, i64>,
    /// Whether anybody has written about anything: an import into a fresh vault asks nothing more.
    annotated: bool,
    /// Whether anything ever left a compartment.
    departed: bool,
    /// Compartments to which something came back.
    returned: BTreeSet<i64>,
    /// Rows whose current version or notes changed.
    stale: BTreeSet<i64>,
    samples: Samples<'c>,
    done: Projected,
}

impl<'c> Projector<'c> {
    fn new(connection: &'c Connection) -> Result<Self> {
        let terms = Terms::new(connection);
        Ok(Self {
            connection,
            writer: RowWriter {
                connection,
                terms,
                log: 0,
                record: 0,
            },
            texts: Texts::new(connection),
            origins: HashMap::new(),
            annotated: entries::any(connection)?,
            departed: presence::any(connection)?,
            returned: BTreeSet::new(),
            stale: BTreeSet::new(),
            samples: Samples::new(connection),
            done: Projected::default(),
        })
    }

    /// Turns to another change.
    fn begin(&mut self, log: i64) -> Result<()> {
        self.origins.clear();
        self.samples.begin_change();
        if self.writer.log != log {
            self.writer.record = record_number(self.connection, log)?;
            self.writer.log = log;
        }
        Ok(())
    }

    fn items(&mut self, projection: &Projection<'_>) -> Result<()> {
        let mut parsed = projection.parsed.map(<[Resource]>::iter);
        let mut written = projection.segments.iter();
        for (item, value) in (0_u32..).zip(&projection.value.items) {
            match value {
                Item::Resource { origin, .. } => {
                    let origin = self.origin(projection, *origin)?;
                    let parsed = parsed.as_mut().map(Iterator::next);
                    self.resource(projection, parsed, origin, item)?;
                }
                Item::Attachment { origin, attachment } => {
                    let origin = self.origin(projection, *origin)?;
                    self.attachment(origin, item, attachment)?;
                }
                Item::Presence { id, here } => self.presence(projection, item, (id, *here))?,
                Item::Access { body } => self.access(projection, item, *body)?,
                Item::Segment { series, body, .. } => {
                    let place = (projection.change, item);
                    let packed = match written.next() {
                        Some(samples) => Packed::Written(samples.clone()),
                        None => Packed::Bytes(body_of(projection.value, *body).unwrap_or_default()),
                    };
                    let taken = self
                        .samples
                        .segment(self.writer.log, place, series, packed)?;
                    self.done.refused += u64::from(!taken);
                }
                Item::Gone { samples } => {
                    self.samples
                        .gone(self.writer.log, projection.change, samples)?;
                }
                Item::SourceOrder { metric, sources } => {
                    let place = (projection.change, item);
                    let taken = self
                        .samples
                        .order(self.writer.log, place, metric, sources)?;
                    self.done.refused += u64::from(!taken);
                }
                Item::Edit { .. } => {}
            }
        }
        Ok(())
    }

    fn presence(
        &mut self,
        projection: &Projection<'_>,
        item: u32,
        word: (&[u8; 16], bool),
    ) -> Result<()> {
        let (connection, log, (id, _)) = (self.connection, projection.log, word);
        let before = presence::is_gone(connection, log, id)?;
        if !presence::insert(connection, log, (projection.change, item), word)? {
            return Ok(());
        }
        self.departed = true;
        match (before, presence::is_gone(connection, log, id)?) {
            (_, true) => {
                if let Some(row) = presence::hide(connection, log, id)? {
                    self.stale.remove(&row);
                }
            }
            (true, false) => {
                presence::take_back(connection, log, id)?;
                self.returned.insert(log);
            }
            (false, false) => {}
        }
        Ok(())
    }

    /// Whether something is not to be shown from the compartment at hand.
    fn is_gone(&self, id: &[u8; 16]) -> Result<bool> {
        Ok(self.departed && presence::is_gone(self.connection, self.writer.log, id)?)
    }

    fn access(&mut self, projection: &Projection<'_>, item: u32, body: u32) -> Result<()> {
        match body_of(projection.value, body) {
            Some(bytes) => {
                let place = (projection.change, item);
                access::insert(self.connection, projection.log, place, bytes)
            }
            None => {
                self.done.refused += 1;
                Ok(())
            }
        }
    }

    fn edits(&mut self, edits: &[Edit<'_>]) -> Result<()> {
        let RowWriter {
            connection,
            log,
            record,
            ..
        } = self.writer;
        let outcome = Desk {
            connection,
            log,
            record,
        }
        .apply(edits)?;
        self.done.refused += outcome.refused;
        self.annotated |= !outcome.touched.is_empty();
        for resource in outcome.touched {
            self.mark(resource)?;
        }
        Ok(())
    }

    fn resource(
        &mut self,
        projection: &Projection<'_>,
        parsed: Option<Option<&Resource>>,
        origin: Option<i64>,
        item: u32,
    ) -> Result<()> {
        let Some(origin) = origin else {
            self.done.refused += 1;
            return Ok(());
        };
        let place = Place { origin, item };
        if let Some(parsed) = parsed {
            return self.sighting(
                parsed.ok_or(Error::Bug("fewer resources than items"))?,
                place,
            );
        }
        match locate(projection.value, item).and_then(|located| outside::derive(&located)) {
            Some(resource) => self.sighting(&resource, place),
            None => {
                self.done.refused += 1;
                Ok(())
            }
        }
    }

    fn sighting(&mut self, resource: &Resource, place: Place) -> Result<()> {
        if self.is_gone(&resource.id.0)? {
            self.done.unchanged += 1;
            let place = (place.origin, place.item);
            return presence::keep_aside(self.connection, self.writer.log, resource, place);
        }
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
            self.writer.log,
            resource.id,
            resource.content,
        )? == Known::Same;
        let (row, shown) = self.row_of(resource.id)?;
        if self.insert_sighting(row, resource, place)? {
            // A name an older version carried stays valid, so the order of arrival leaves no trace.
            self.writer.add_aliases(row, &resource.aliases)?;
            if current(self.connection, row)? != shown {
                self.stale.insert(row);
            }
        }
        match same {
            true => self.done.unchanged += 1,
            false => self.done.updated += 1,
        }
        Ok(())
    }

    fn row_of(&self, id: ResourceId) -> Result<(i64, Place)> {
        let mut select = self
            .connection
            .prepare_cached("SELECT row, origin, item FROM row WHERE id = ?1 AND log = ?2")?;
        let found = select.query_row((id.0, self.writer.log), |row| {
            Ok((
                row.get(0)?,
                Place {
                    origin: row.get(1)?,
                    item: row.get(2)?,
                },
            ))
        });
        found.optional()?.ok_or(Error::Corrupt("a row is missing"))
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
    fn origin(&mut self, projection: &Projection<'_>, position: u32) -> Result<Option<i64>> {
        if let Some(origin) = self.origins.get(&position) {
            return Ok(Some(*origin));
        }
        let Some(origin) = origin_of(projection.value, position) else {
            return Ok(None);
        };
        // The update changes nothing: it makes RETURNING answer for a row that was there.
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO origin(change, position, recorded_at, name, format) VALUES(?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT(change, position) DO UPDATE SET position = excluded.position RETURNING origin",
        )?;
        let recorded_at = projection.value.recorded_at;
        let change = projection.change;
        let values = (change, position, recorded_at, &origin.name, &origin.format);
        let number = insert.query_row(values, |row| row.get(0))?;
        self.origins.insert(position, number);
        Ok(Some(number))
    }

    fn attachment(
        &mut self,
        origin: Option<i64>,
        item: u32,
        attachment: &Attachment,
    ) -> Result<()> {
        let sizes = (
            i64::try_from(attachment.size),
            i64::try_from(attachment.sealed_size),
        );
        let (Some(origin), (Ok(size), Ok(sealed_size))) = (origin, sizes) else {
            self.done.refused += 1;
            return Ok(());
        };
        if self.is_gone(&attachment.id.0)? {
            return Ok(());
        }
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO attachment(log, id, blob, origin, item, key, size, sealed_size, media_type) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        insert.execute((
            self.writer.log,
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
        self.samples.refresh()?;
        Ok(self.done)
    }

    /// Makes the names of a row those of its versions.
    fn refresh_aliases(&mut self, row: i64) -> Result<()> {
        let mut select = self
            .connection
            .prepare_cached("SELECT origin, item FROM sighting WHERE row = ?1")?;
        let places = select.query_map([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let places: Vec<(i64, u32)> = places.collect::<rusqlite::Result<_>>()?;
        self.connection
            .prepare_cached("DELETE FROM alias WHERE row = ?1")?
            .execute([row])?;
        for (origin, item) in places {
            if let Some(resource) = outside::derive(&self.texts.resource(origin, item)?) {
                self.writer.add_aliases(row, &resource.aliases)?;
            }
        }
        Ok(())
    }

    fn refresh_row(&mut self, row: i64) -> Result<()> {
        let place = current(self.connection, row)?;
        let located = self.texts.resource(place.origin, place.item)?;
        let resource = outside::derive(&located).ok_or(Error::Corrupt("a text is unreadable"))?;
        // A note in one compartment may be about a resource in another.
        let mut select = self
            .connection
            .prepare_cached("SELECT log, record FROM row WHERE row = ?1")?;
        (self.writer.log, self.writer.record) =
            select.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let written = entries::written(self.connection, self.writer.record, resource.id)?;
        self.writer.update(row, &resource, place, &written)
    }
}

/// Which sighting lists show: the first place where the greatest version was seen.
fn current(connection: &Connection, row: i64) -> Result<Place> {
    let mut select = connection.prepare_cached(
        "SELECT s.origin, s.item, s.content, s.version, s.last_updated, c.lamport, c.id \
         FROM sighting s JOIN origin USING(origin) JOIN change c USING(change) WHERE s.row = ?1",
    )?;
    let mut rows = select.query([row])?;
    let mut firsts: HashMap<ContentHash, Seen> = HashMap::new();
    while let Some(row) = rows.next()? {
        let seen = Seen::read(row)?;
        let first = firsts.entry(seen.content).or_insert_with(|| seen.clone());
        if seen.rank() < first.rank() {
            *first = seen;
        }
    }
    firsts
        .into_values()
        .max_by_key(Seen::version)
        .map(|seen| seen.place)
        .ok_or(Error::Corrupt("a row without a sighting"))
}

/// One sighting with all that ranks it.
#[derive(Clone)]
struct Seen {
    place: Place,
    content: ContentHash,
    version: Option<String>,
    last_updated: Option<String>,
    lamport: u64,
    change: [u8; 32],
}

impl Seen {
    fn read(row: &rusqlite::Row<'_>) -> Result<Self> {
        let lamport: i64 = row.get(5)?;
        Ok(Self {
            place: Place {
                origin: row.get(0)?,
                item: row.get(1)?,
            },
            content: ContentHash(row.get(2)?),
            version: row.get(3)?,
            last_updated: row.get(4)?,
            lamport: lamport.cast_unsigned(),
            change: row.get(6)?,
        })
    }

    /// Where the same content was seen first, told without local numbers.
    fn rank(&self) -> (u64, [u8; 32], u32) {
        (self.lamport, self.change, self.place.item)
    }

    fn version(&self) -> VersionKey {
        VersionKey::new(
            self.last_updated.as_deref(),
            self.version.as_deref(),
            self.lamport,
            self.content,
        )
    }
}
