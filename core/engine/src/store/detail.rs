//! One resource with its whole story, and the conflicts of all.

use super::entries::{about, contested};
use super::outside;
use super::presence;
use super::texts::Texts;
use super::views::{list_row, names_of_row, row_of_reference};
use crate::error::{Error, Result};
use crate::record::ids::{ContentHash, ResourceId};
use crate::record::patient::{Actor, CorrectionEntry, FieldValue, derive_actor};
use crate::record::resource::Resource;
use crate::record::view::{Conflict, Correction, Detail, ListRow, Note, Related, Version};
use carnet_wire::{Author, DeviceId, Incarnation, RecordId};
use rusqlite::Connection;
use std::collections::HashMap;

/// Most references of one resource that are shown.
const MAX_RELATED: usize = 1_000;

/// One resource, from the compartment it came to first.
pub fn detail(connection: &Connection, id: ResourceId) -> Result<Detail> {
    let Place {
        row,
        record,
        origin,
        item,
    } = place(connection, id)?;
    let mut texts = Texts::new(connection);
    let located = texts.resource(origin, item)?;
    let resource = outside::derive(&located).ok_or(Error::Corrupt("a text is unreadable"))?;
    let original = located.text.to_owned();
    let entries = about(connection, record, id)?;
    let people = People::read(connection)?;
    Ok(Detail {
        row: list_row(connection, row)?,
        original,
        history: versions(connection, (id, record), (origin, item))?,
        notes: entries
            .notes
            .into_iter()
            .map(|note| people.note(note))
            .collect(),
        corrections: entries
            .corrections
            .iter()
            .filter_map(|entry| people.standing(entry, &resource))
            .collect(),
        references: related(connection, record, &resource)?,
        native: resource.native,
    })
}

/// Every version of a resource and where each was seen, current first, then newest change first.
pub fn history(connection: &Connection, id: ResourceId) -> Result<Vec<Version>> {
    let place = place(connection, id)?;
    versions(connection, (id, place.record), (place.origin, place.item))
}

/// What people wrote about a resource, oldest first.
pub fn notes(connection: &Connection, id: ResourceId) -> Result<Vec<Note>> {
    let people = People::read(connection)?;
    let entries = about(connection, place(connection, id)?.record, id)?;
    Ok(entries
        .notes
        .into_iter()
        .map(|note| people.note(note))
        .collect())
}

/// Fields for which more than one value stands, with the one that lists show first.
pub fn conflicts(connection: &Connection) -> Result<Vec<Conflict>> {
    let people = People::read(connection)?;
    let mut conflicts = Vec::new();
    for (record, on) in contested(connection)? {
        let contested = about(connection, record, on)?
            .corrections
            .into_iter()
            .filter(|entry| entry.values.len() > 1);
        let source = source_of(connection, record, on)?;
        // What left for a compartment this device does not have is nobody's conflict here.
        if source.is_none() && !presence::left(connection, record, on)?.is_empty() {
            continue;
        }
        for entry in contested {
            conflicts.push(Conflict {
                record: record_of(connection, record)?,
                on,
                values: entry
                    .values
                    .iter()
                    .map(|value| people.value(&entry.field, value, source.as_ref()))
                    .collect(),
                field: entry.field,
            });
        }
    }
    conflicts.sort_by(|a, b| (a.record, a.on, &a.field).cmp(&(b.record, b.on, &b.field)));
    Ok(conflicts)
}

struct Place {
    row: i64,
    record: i64,
    origin: i64,
    item: u32,
}

fn place(connection: &Connection, id: ResourceId) -> Result<Place> {
    let mut select = connection.prepare_cached(
        "SELECT row, record, origin, item FROM row WHERE id = ?1 ORDER BY log LIMIT 1",
    )?;
    let mut rows = select.query([id.0])?;
    let row = rows
        .next()?
        .ok_or(Error::NotFound("a resource with this id"))?;
    Ok(Place {
        row: row.get(0)?,
        record: row.get(1)?,
        origin: row.get(2)?,
        item: row.get(3)?,
    })
}

fn record_of(connection: &Connection, record: i64) -> Result<RecordId> {
    let mut select = connection.prepare_cached("SELECT record FROM log WHERE log = ?1")?;
    Ok(RecordId(select.query_row([record], |row| row.get(0))?))
}

/// What the source says, when the resource has arrived: people may have written about it on another phone first.
fn source_of(connection: &Connection, record: i64, id: ResourceId) -> Result<Option<Resource>> {
    let mut select = connection.prepare_cached(
        "SELECT origin, item FROM row WHERE id = ?1 AND record = ?2 ORDER BY log LIMIT 1",
    )?;
    let mut rows = select.query((id.0, record))?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    Ok(outside::derive(
        &Texts::new(connection).resource(row.get(0)?, row.get(1)?)?,
    ))
}

/// Of all compartments it lies in: one that was moved to two at once has versions in both.
fn versions(
    connection: &Connection,
    (id, record): (ResourceId, i64),
    current: (i64, u32),
) -> Result<Vec<Version>> {
    let mut select = connection.prepare_cached(
        "SELECT s.content, s.version, s.last_updated, o.name, o.format, a.device, o.recorded_at, s.origin, s.item \
         FROM sighting s JOIN origin o USING(origin) JOIN change c USING(change) JOIN author a USING(author) \
         WHERE s.row IN (SELECT row FROM row WHERE id = ?1 AND record = ?2) ORDER BY c.lamport DESC, c.id DESC, s.item DESC",
    )?;
    let mut rows = select.query((id.0, record))?;
    let (mut first, mut versions, mut content) = (Vec::new(), Vec::new(), None);
    while let Some(row) = rows.next()? {
        let version = Version {
            content: ContentHash(row.get(0)?),
            current: false,
            version: row.get(1)?,
            last_updated: row.get(2)?,
            source: row.get(3)?,
            format: row.get(4)?,
            device: DeviceId(row.get(5)?),
            recorded_at: row.get(6)?,
        };
        if (row.get::<_, i64>(7)?, row.get::<_, u32>(8)?) == current {
            content = Some(version.content);
            first.push(version);
        } else {
            versions.push(version);
        }
    }
    first.append(&mut versions);
    for version in &mut first {
        version.current = Some(version.content) == content;
    }
    Ok(first)
}

fn related(connection: &Connection, record: i64, resource: &Resource) -> Result<Vec<Related>> {
    let references = resource.references.iter().take(MAX_RELATED);
    references
        .map(|reference| {
            let row = row_of_reference(connection, &reference.target, record)?;
            let target: Option<ListRow> = row.map(|row| list_row(connection, row)).transpose()?;
            let names = row.map(|row| names_of_row(connection, row)).transpose()?;
            let (display_fr, display_en) = names.map_or((None, None), |names| (names.0, names.1));
            Ok(Related {
                path: reference.path.clone(),
                target: target.map(|row| row.id),
                display_fr,
                display_en,
                reference: reference.target.clone(),
            })
        })
        .collect()
}

/// Which device an actor of the patient layer is.
struct People(HashMap<Actor, DeviceId>);

impl People {
    fn read(connection: &Connection) -> Result<Self> {
        let mut select = connection.prepare_cached("SELECT device, incarnation FROM author")?;
        let authors = select.query_map([], |row| {
            Ok(Author {
                device: DeviceId(row.get(0)?),
                incarnation: Incarnation(row.get(1)?),
            })
        })?;
        let known =
            authors.map(|author| author.map(|author| (derive_actor(&author), author.device)));
        Ok(Self(known.collect::<rusqlite::Result<_>>()?))
    }

    /// Every actor is the author of some change, so all are known; a name of zeros says that this was not so.
    fn device(&self, actor: Actor) -> DeviceId {
        self.0.get(&actor).copied().unwrap_or(DeviceId([0; 32]))
    }

    fn note(&self, note: crate::record::patient::NoteEntry) -> Note {
        let device = self.device(note.actor);
        Note {
            id: note.id,
            text: note.text,
            device,
            recorded_at: note.recorded_at,
        }
    }

    fn standing(&self, entry: &CorrectionEntry, resource: &Resource) -> Option<Correction> {
        let value = entry.values.first()?;
        Some(self.value(&entry.field, value, Some(resource)))
    }

    fn value(&self, field: &str, value: &FieldValue, resource: Option<&Resource>) -> Correction {
        Correction {
            field: field.to_owned(),
            source: resource.and_then(|resource| source_value(resource, field)),
            value: value.value.clone(),
            device: self.device(value.actor),
            recorded_at: value.recorded_at,
        }
    }
}

/// What the source says for a field of the row. Element paths are read from the text by whoever shows it.
fn source_value(resource: &Resource, field: &str) -> Option<String> {
    let row = &resource.row;
    match field {
        "display" => row
            .display
            .clone()
            .or_else(|| row.display_fr.map(str::to_owned)),
        "when" => row.when.clone(),
        "value" => row.value.clone(),
        "unit" => row.unit.clone(),
        "status" => row.status.clone(),
        _ => None,
    }
}
