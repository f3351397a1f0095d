//! The patient layer in the database: the shard documents, and one line for each value people wrote.
//!
//! The lines are what the documents say, no more: [`combine`] decides what stands when several shards speak of one field.

use super::rows::Written;
use crate::error::{Error, Result};
use crate::record::ids::{EntryId, ResourceId, ShardId};
use crate::record::patient::{
    Actor, CorrectionEntry, Entries, FieldValue, NoteEntry, ProfileField, Shard, combine,
};
use crate::record::snapshot::SavedShard;
use carnet_wire::{Author, RecordId};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};

/// One edit of a shard, as a change carries it.
pub(super) struct Edit<'a> {
    pub(super) shard: ShardId,
    pub(super) category: &'a str,
    pub(super) year: u16,
    pub(super) author: &'a Author,
    pub(super) bytes: &'a [u8],
}

/// One compartment, whose shards are edited.
pub(super) struct Desk<'c> {
    pub(super) connection: &'c Connection,
    pub(super) log: i64,
    pub(super) record: i64,
}

/// What edits did.
#[derive(Default)]
pub(super) struct Outcome {
    /// Resources about which something was written, changed or withdrawn.
    pub(super) touched: BTreeSet<ResourceId>,
    /// Edits this build refuses.
    pub(super) refused: u64,
}

impl Desk<'_> {
    /// Applies edits shard by shard: merging costs as much as the document is long, however many edits come at once.
    pub(super) fn apply(&self, edits: &[Edit<'_>]) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut shards: BTreeMap<ShardId, Vec<&Edit<'_>>> = BTreeMap::new();
        for edit in edits {
            shards.entry(edit.shard).or_default().push(edit);
        }
        for (shard, edits) in shards {
            self.apply_to(shard, &edits, &mut outcome)?;
        }
        Ok(outcome)
    }

    fn apply_to(&self, id: ShardId, edits: &[&Edit<'_>], outcome: &mut Outcome) -> Result<()> {
        let Some(first) = edits.first() else {
            return Ok(());
        };
        let mut shard = match saved(self.connection, self.log, id)? {
            Some(saved) => Shard::load(&saved, first.author)?,
            None => Shard::empty(first.author),
        };
        let changes: Vec<_> = edits
            .iter()
            .map(|edit| (edit.bytes, *edit.author))
            .collect();
        let results = shard.apply_all(&changes);
        for (edit, result) in edits.iter().zip(results) {
            match result {
                Ok(_) => self.save_place(id, edit)?,
                Err(_) => outcome.refused += 1,
            }
        }
        self.save(id, &shard)?;
        self.refresh(id, &lines(shard.entries()?), &mut outcome.touched)
    }

    /// Keeps a document that a snapshot brought, and returns what its lines touch.
    pub(super) fn keep(&self, place: &SavedShard, shard: &Shard) -> Result<BTreeSet<ResourceId>> {
        let mut touched = BTreeSet::new();
        self.save_place_as(place.shard, &place.category, place.year)?;
        self.put(place.shard, shard, &mut touched)?;
        Ok(touched)
    }

    /// Puts a document in the place of one that is there, with its lines.
    pub(super) fn put(
        &self,
        id: ShardId,
        shard: &Shard,
        touched: &mut BTreeSet<ResourceId>,
    ) -> Result<()> {
        self.save(id, shard)?;
        self.refresh(id, &lines(shard.entries()?), touched)
    }

    fn save_place(&self, shard: ShardId, edit: &Edit<'_>) -> Result<()> {
        self.save_place_as(shard, edit.category, edit.year)
    }

    /// A document's category and year are what its edits say; should they disagree, the smallest, so that the order of
    /// arrival leaves no trace.
    fn save_place_as(&self, shard: ShardId, category: &str, year: u16) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT INTO shard(log, shard, category, year, saved, heads, waiting, \"full\") \
                 VALUES(?1, ?2, ?3, ?4, x'', x'', 0, 0) ON CONFLICT(log, shard) DO UPDATE SET \
                 category = min(category, excluded.category), year = min(year, excluded.year)",
            )?
            .execute((self.log, shard.0, category, year))?;
        Ok(())
    }

    fn save(&self, id: ShardId, shard: &Shard) -> Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE shard SET saved = ?3, heads = ?4, waiting = ?5, \"full\" = ?6 WHERE log = ?1 AND shard = ?2",
            )?
            .execute((
                self.log,
                id.0,
                shard.save(),
                shard.heads().concat(),
                shard.waiting() as i64,
                shard.is_full(),
            ))?;
        Ok(())
    }

    /// Makes the lines of a shard say what its document says, touching only those that differ.
    fn refresh(
        &self,
        shard: ShardId,
        lines: &[Line],
        touched: &mut BTreeSet<ResourceId>,
    ) -> Result<()> {
        let mut there = self.lines_of(shard)?;
        for line in lines {
            if there.remove(&line.name).as_ref() != Some(line) {
                self.insert(shard, line)?;
                touched.extend(line.resource);
            }
        }
        let mut delete = self
            .connection
            .prepare_cached("DELETE FROM entry WHERE log = ?1 AND shard = ?2 AND name = ?3")?;
        for line in there.into_values() {
            delete.execute((self.log, shard.0, &line.name))?;
            touched.extend(line.resource);
        }
        Ok(())
    }

    fn lines_of(&self, shard: ShardId) -> Result<BTreeMap<Vec<u8>, Line>> {
        let sql = format!("SELECT {COLUMNS} FROM entry WHERE log = ?1 AND shard = ?2");
        let mut select = self.connection.prepare_cached(&sql)?;
        let lines = select.query_map((self.log, shard.0), Line::read)?;
        lines
            .map(|line| Ok(line.map(|line| (line.name.clone(), line))?))
            .collect()
    }

    fn insert(&self, shard: ShardId, line: &Line) -> Result<()> {
        self.connection
            .prepare_cached(
                "INSERT OR REPLACE INTO entry(log, shard, record, name, kind, resource, field, text, actor, counter, \
                 recorded_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute((
                self.log,
                shard.0,
                self.record,
                &line.name,
                line.kind,
                line.resource.map(|id| id.0),
                &line.field,
                &line.text,
                line.actor.0,
                line.counter,
                line.recorded_at,
            ))?;
        Ok(())
    }
}

/// The bytes of a shard document, if this compartment has it.
pub fn saved(connection: &Connection, log: i64, shard: ShardId) -> Result<Option<Vec<u8>>> {
    let mut select =
        connection.prepare_cached("SELECT saved FROM shard WHERE log = ?1 AND shard = ?2")?;
    Ok(select
        .query_row((log, shard.0), |row| row.get(0))
        .optional()?)
}

/// A shard of this category and year that has room, if there is one: the smallest id, the same on every device.
pub fn shard_with_room(
    connection: &Connection,
    log: i64,
    category: &str,
    year: u16,
) -> Result<Option<ShardId>> {
    let mut select = connection.prepare_cached(
        "SELECT shard FROM shard WHERE log = ?1 AND category = ?2 AND year = ?3 AND \"full\" = 0 ORDER BY shard LIMIT 1",
    )?;
    let shard = select.query_row((log, category, year), |row| Ok(ShardId(row.get(0)?)));
    Ok(shard.optional()?)
}

/// The shards of a compartment that hold a value of a corrected field: a new correction is written into each of them, so
/// that it replaces what it answers.
pub fn shards_correcting(
    connection: &Connection,
    log: i64,
    resource: ResourceId,
    field: &str,
) -> Result<Vec<ShardId>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT shard FROM entry WHERE resource = ?1 AND kind = 2 AND field = ?2 AND log = ?3 ORDER BY shard",
    )?;
    let shards = select.query_map((resource.0, field, log), |row| Ok(ShardId(row.get(0)?)))?;
    Ok(shards.collect::<rusqlite::Result<_>>()?)
}

/// The shards of a compartment that hold a value of a part of the profile.
pub fn shards_with_profile(
    connection: &Connection,
    log: i64,
    field: ProfileField,
) -> Result<Vec<ShardId>> {
    let mut select = connection
        .prepare_cached("SELECT DISTINCT shard FROM entry WHERE log = ?1 AND kind = 3 AND field = ?2 ORDER BY shard")?;
    let shards = select.query_map((log, field.name()), |row| Ok(ShardId(row.get(0)?)))?;
    Ok(shards.collect::<rusqlite::Result<_>>()?)
}

/// The person's profile as all shards of a record say it together.
pub fn profile(
    connection: &Connection,
    record: carnet_wire::RecordId,
) -> Result<Vec<(ProfileField, Vec<FieldValue>)>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM entry WHERE kind = 3 AND record = (SELECT min(log) FROM log WHERE record = ?1)"
    );
    let mut select = connection.prepare_cached(&sql)?;
    let lines = select.query_map([record.0], Line::read)?;
    Ok(together(lines.collect::<rusqlite::Result<_>>()?).profile)
}

/// Everything people wrote about a resource of a record.
pub(super) fn about(connection: &Connection, record: i64, resource: ResourceId) -> Result<Entries> {
    let sql = format!("SELECT {COLUMNS} FROM entry WHERE resource = ?1 AND record = ?2");
    let mut select = connection.prepare_cached(&sql)?;
    let lines = select.query_map((resource.0, record), Line::read)?;
    Ok(together(lines.collect::<rusqlite::Result<_>>()?))
}

/// The resources of a record that people wrote about, in order of their names.
pub fn annotated(connection: &Connection, record: RecordId) -> Result<Vec<ResourceId>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT e.resource FROM entry e JOIN log l ON l.log = e.record \
         WHERE l.record = ?1 AND e.resource IS NOT NULL ORDER BY e.resource",
    )?;
    let ids = select.query_map([record.0], |row| Ok(ResourceId(row.get(0)?)))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

/// What a row shows of it: notes, and the one value that stands for each corrected field.
pub(super) fn written(
    connection: &Connection,
    record: i64,
    resource: ResourceId,
) -> Result<Written> {
    let entries = about(connection, record, resource)?;
    let standing =
        |entry: CorrectionEntry| Some((entry.field, entry.values.into_iter().next()?.value));
    Ok(Written {
        corrections: entries
            .corrections
            .into_iter()
            .filter_map(standing)
            .collect(),
        notes: entries.notes.into_iter().map(|note| note.text).collect(),
    })
}

/// Records and resources of which some field has more than one value.
pub(super) fn contested(connection: &Connection) -> Result<Vec<(i64, ResourceId)>> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT record, resource FROM entry WHERE kind = 2 \
         GROUP BY record, resource, field HAVING count(*) > 1 ORDER BY record, resource",
    )?;
    let found = select.query_map([], |row| Ok((row.get(0)?, ResourceId(row.get(1)?))))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Whether anybody has written anything.
pub(super) fn any(connection: &Connection) -> Result<bool> {
    let mut select = connection.prepare_cached("SELECT EXISTS(SELECT 1 FROM entry)")?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Whether anybody has written about this resource.
pub(super) fn any_about(
    connection: &Connection,
    record: i64,
    resource: ResourceId,
) -> Result<bool> {
    let mut select = connection
        .prepare_cached("SELECT EXISTS(SELECT 1 FROM entry WHERE resource = ?1 AND record = ?2)")?;
    Ok(select.query_row((resource.0, record), |row| row.get(0))?)
}

const COLUMNS: &str = "name, kind, resource, field, text, actor, counter, recorded_at";
const NOTE: i64 = 1;
const CORRECTION: i64 = 2;
const PROFILE: i64 = 3;

/// One value somebody wrote, as the table keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: Vec<u8>,
    kind: i64,
    resource: Option<ResourceId>,
    field: Option<String>,
    text: String,
    actor: Actor,
    counter: i64,
    recorded_at: i64,
}

impl Line {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            kind: row.get(1)?,
            resource: row.get::<_, Option<[u8; 16]>>(2)?.map(ResourceId),
            field: row.get(3)?,
            text: row.get(4)?,
            actor: Actor(row.get(5)?),
            counter: row.get(6)?,
            recorded_at: row.get(7)?,
        })
    }

    fn of_value(kind: i64, resource: Option<ResourceId>, field: &str, value: FieldValue) -> Self {
        // An operation is named by its counter and its author; nothing else in the shard has this name.
        let name = [value.counter.to_be_bytes().as_slice(), &value.actor.0].concat();
        Self {
            name,
            kind,
            resource,
            field: Some(field.to_owned()),
            text: value.value,
            actor: value.actor,
            counter: value.counter.cast_signed(),
            recorded_at: value.recorded_at,
        }
    }

    fn of_note(note: NoteEntry) -> Self {
        Self {
            name: note.id.0.to_vec(),
            kind: NOTE,
            resource: Some(note.on),
            field: None,
            text: note.text,
            actor: note.actor,
            counter: 0,
            recorded_at: note.recorded_at,
        }
    }

    fn into_value(self) -> FieldValue {
        FieldValue {
            value: self.text,
            recorded_at: self.recorded_at,
            actor: self.actor,
            counter: self.counter.cast_unsigned(),
        }
    }
}

fn lines(entries: Entries) -> Vec<Line> {
    let mut lines: Vec<Line> = entries.notes.into_iter().map(Line::of_note).collect();
    for entry in entries.corrections {
        let line = |value| Line::of_value(CORRECTION, Some(entry.on), &entry.field, value);
        lines.extend(entry.values.into_iter().map(line));
    }
    for (field, values) in entries.profile {
        let line = |value| Line::of_value(PROFILE, None, field.name(), value);
        lines.extend(values.into_iter().map(line));
    }
    lines
}

/// What lines of several shards say together.
fn together(lines: Vec<Line>) -> Entries {
    combine(lines.into_iter().filter_map(|line| entry(line).ok()))
}

fn entry(line: Line) -> Result<Entries> {
    let mut entries = Entries::default();
    match (line.kind, line.resource, line.field.clone()) {
        (NOTE, Some(on), None) => entries.notes.push(NoteEntry {
            recorded_at: line.recorded_at,
            id: EntryId::from_slice(&line.name).ok_or(Error::Corrupt("a note has no name"))?,
            on,
            text: line.text,
            actor: line.actor,
        }),
        (CORRECTION, Some(on), Some(field)) => {
            let values = vec![line.into_value()];
            entries
                .corrections
                .push(CorrectionEntry { on, field, values });
        }
        (PROFILE, None, Some(field)) => {
            let field = [ProfileField::Name, ProfileField::BirthDate]
                .into_iter()
                .find(|known| known.name() == field);
            let field = field.ok_or(Error::Corrupt("a profile has no such part"))?;
            entries.profile.push((field, vec![line.into_value()]));
        }
        _ => return Err(Error::Corrupt("an entry has another shape")),
    }
    Ok(entries)
}
