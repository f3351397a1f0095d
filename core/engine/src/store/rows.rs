//! Writes flat rows: the current version of a resource, with people's corrections applied.

use super::outside::fold;
use super::sort::{earliest, sort_key};
use super::terms::Terms;
use crate::error::{Error, Result};
use crate::record::ids::ResourceId;
use crate::record::resource::Resource;
use crate::record::row::{Category, Row};
use rusqlite::{Connection, named_params};

/// Where the text of a version lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) origin: i64,
    pub(super) item: u32,
}

/// What people wrote about one resource, as far as its row shows it.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Field and value, at most one per field.
    pub(super) corrections: Vec<(String, String)>,
    /// Texts of notes, in any order.
    pub(super) notes: Vec<String>,
}

/// The fields a correction can change, after it has.
struct Shown<'r> {
    display: Option<&'r str>,
    display_fr: Option<&'r str>,
    display_en: Option<&'r str>,
    when: Option<&'r str>,
    value: Option<&'r str>,
    unit: Option<&'r str>,
    status: Option<&'r str>,
    corrected: bool,
}

impl<'r> Shown<'r> {
    fn of(row: &'r Row) -> Self {
        let named_twice = row.display_fr.is_some() && row.display_en.is_some();
        Self {
            // Lists fall back to the source's own name only where a language has none.
            display: row.display.as_deref().filter(|_| !named_twice),
            display_fr: row.display_fr,
            display_en: row.display_en,
            when: row.when.as_deref(),
            value: row.value.as_deref(),
            unit: row.unit.as_deref(),
            status: row.status.as_deref(),
            corrected: false,
        }
    }

    fn correct(&mut self, field: &str, value: &'r str) {
        match field {
            "display" => {
                self.display = Some(value);
                self.display_fr = None;
                self.display_en = None;
            }
            "when" => self.when = Some(value),
            "value" => self.value = Some(value),
            "unit" => self.unit = Some(value),
            "status" => self.status = Some(value),
            // An element path: shown with the resource, not in its row.
            _ => return,
        }
        self.corrected = true;
    }
}

const INSERT: &str = r#"INSERT INTO row(log, record, id, origin, item, kind, category, document_category, system, code,
  display, display_fr, display_en, display_from, status, unit, comparator, corrected, notes, sort, "when", value)
  VALUES(:log, :record, :id, :origin, :item, :kind, :category, :document_category, :system, :code,
  :display, :display_fr, :display_en, :display_from, :status, :unit, :comparator, :corrected, :notes, :sort, :when, :value)
  ON CONFLICT(id, log) DO NOTHING"#;

const UPDATE: &str = r#"UPDATE row SET origin = :origin, item = :item, kind = :kind, category = :category,
  document_category = :document_category, system = :system, code = :code, display = :display, display_fr = :display_fr,
  display_en = :display_en, display_from = :display_from, status = :status, unit = :unit, comparator = :comparator,
  corrected = :corrected, notes = :notes, sort = :sort, "when" = :when, value = :value
  WHERE log = :log AND record = :record AND id = :id"#;

/// Writes rows of one compartment.
pub(super) struct RowWriter<'c> {
    pub(super) connection: &'c Connection,
    pub(super) terms: Terms<'c>,
    pub(super) log: i64,
    pub(super) record: i64,
}

impl RowWriter<'_> {
    /// Adds a row about which nobody has written, unless the resource has one. The number of the new row.
    pub(super) fn insert(&mut self, resource: &Resource, place: Place) -> Result<Option<i64>> {
        if !self.put(INSERT, resource, place, &Written::default())? {
            return Ok(None);
        }
        let row = self.connection.last_insert_rowid();
        self.connection
            .prepare_cached("INSERT INTO search(rowid, words) VALUES(?1, ?2)")?
            .execute((row, &resource.words))?;
        Ok(Some(row))
    }

    /// Writes a row again: another version became current, or people wrote about it.
    pub(super) fn update(
        &mut self,
        row: i64,
        resource: &Resource,
        place: Place,
        written: &Written,
    ) -> Result<()> {
        if !self.put(UPDATE, resource, place, written)? {
            return Err(Error::Corrupt("a row is missing"));
        }
        let mut words = resource.words.clone();
        let corrections = written.corrections.iter().map(|(_, value)| value);
        for text in written.notes.iter().chain(corrections) {
            words.push(' ');
            words.push_str(&fold(text));
        }
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO search(rowid, words) VALUES(?1, ?2)")?
            .execute((row, words))?;
        Ok(())
    }

    /// Names under which others refer to this resource.
    pub(super) fn add_aliases(&self, row: i64, aliases: &[String]) -> Result<()> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO alias(key, row) VALUES(?1, ?2)")?;
        for alias in aliases {
            insert.execute((alias_key(alias), row))?;
        }
        Ok(())
    }

    fn put(
        &mut self,
        sql: &str,
        resource: &Resource,
        place: Place,
        written: &Written,
    ) -> Result<bool> {
        let row = &resource.row;
        let mut shown = Shown::of(row);
        for (field, value) in &written.corrections {
            shown.correct(field, value);
        }
        let terms = &mut self.terms;
        let unnamed = shown
            .display
            .or(shown.display_fr)
            .or(shown.display_en)
            .is_none();
        let display_from = row
            .display_from
            .as_deref()
            .filter(|_| unnamed)
            .map(alias_key);
        let changed = self
            .connection
            .prepare_cached(sql)?
            .execute(named_params! {
                ":log": self.log,
                ":record": self.record,
                ":id": resource.id.0,
                ":origin": place.origin,
                ":item": place.item,
                ":kind": terms.intern(&resource.kind)?,
                ":category": category_number(row.category),
                ":document_category": terms.intern_optional(row.document_category)?,
                ":system": terms.intern_optional(row.system.as_deref())?,
                ":code": terms.intern_optional(row.code.as_deref())?,
                ":display": terms.intern_optional(shown.display)?,
                ":display_fr": terms.intern_optional(shown.display_fr)?,
                ":display_en": terms.intern_optional(shown.display_en)?,
                ":display_from": display_from,
                ":status": terms.intern_optional(shown.status)?,
                ":unit": terms.intern_optional(shown.unit)?,
                ":comparator": terms.intern_optional(row.comparator.as_deref())?,
                ":corrected": shown.corrected,
                ":notes": written.notes.len() as i64,
                ":sort": sort_of(row, &shown),
                ":when": shown.when,
                ":value": shown.value,
            })?;
        Ok(changed == 1)
    }
}

/// A corrected date orders the row when it is one; words such as "spring 2019" leave it where the source put it.
fn sort_of(row: &Row, shown: &Shown<'_>) -> i64 {
    let readable = shown.when.filter(|when| earliest(when).is_some());
    sort_key(readable.or(row.when.as_deref()), row.id)
}

/// The number of an alias: collisions of 63 bits would link two resources wrongly, which anyone who writes a resource
/// into the record could do by writing the wrong reference.
pub(super) fn alias_key(alias: &str) -> i64 {
    let hash = blake3::hash(alias.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    i64::from_be_bytes([a, b, c, d, e, f, g, h]) & i64::MAX
}

/// The number of a category in the database: its stable place, never its declaration order.
pub(super) fn category_number(category: Category) -> i64 {
    match category {
        Category::PatientSummary => 1,
        Category::Prescription => 2,
        Category::Dispensation => 3,
        Category::Imaging => 4,
        Category::Laboratory => 5,
        Category::Discharge => 6,
        Category::Other => 7,
    }
}

/// The category of a number.
pub(super) fn category_of(number: i64) -> Result<Category> {
    Category::ALL
        .into_iter()
        .find(|category| category_number(*category) == number)
        .ok_or(Error::Corrupt("a row has no category"))
}

/// Reads a resource id.
pub(super) fn resource_id(bytes: &[u8]) -> Result<ResourceId> {
    ResourceId::from_slice(bytes).ok_or(Error::Corrupt("an id has the wrong length"))
}
