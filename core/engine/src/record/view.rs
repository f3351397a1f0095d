//! What views show: plain values, flat enough for a phone's bindings. Computed by `store`, shown by `vault`.

use super::ids::{ContentHash, EntryId, ResourceId};
use super::row::Category;
use carnet_wire::{DeviceId, RecordId};

/// What to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// One person, or all.
    pub record: Option<RecordId>,
    /// FHIR resource type.
    pub kind: Option<String>,
    /// Top-level category.
    pub category: Option<Category>,
    /// Mon espace santé document category.
    pub document_category: Option<String>,
    /// Primary code.
    pub code: Option<String>,
    /// Not before this date (partial dates allowed).
    pub from: Option<String>,
    /// Not after this date (partial dates allowed, inclusive).
    pub to: Option<String>,
    /// Most rows.
    pub limit: Option<u32>,
    /// Rows to skip.
    pub offset: u32,
    /// Only rows with a date (timelines).
    pub dated: bool,
}

/// A flat row as lists show it: corrections applied, references resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRow {
    /// Which resource.
    pub id: ResourceId,
    /// Whose record.
    pub record: RecordId,
    /// FHIR resource type.
    pub kind: String,
    /// Top-level category.
    pub category: Category,
    /// Mon espace santé document category.
    pub document_category: Option<String>,
    /// Code system.
    pub system: Option<String>,
    /// Code.
    pub code: Option<String>,
    /// French name: built-in table, else the source's own words.
    pub display_fr: Option<String>,
    /// English name: built-in table, else the source's own words.
    pub display_en: Option<String>,
    /// When, as written.
    pub when: Option<String>,
    /// Value as written.
    pub value: Option<String>,
    /// `<`, `<=`, `>=`, `>`.
    pub comparator: Option<String>,
    /// Unit as written.
    pub unit: Option<String>,
    /// Status.
    pub status: Option<String>,
    /// Name of the source (file) of the current version.
    pub source: String,
    /// Whether a correction changes what is shown.
    pub corrected: bool,
    /// How many notes people wrote.
    pub notes: u32,
}

/// One resource with its whole story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The row as lists show it.
    pub row: ListRow,
    /// The original text of the current version, byte for byte.
    pub original: String,
    /// The source's own id.
    pub native: String,
    /// Every version and where each was seen, current first.
    pub history: Vec<Version>,
    /// What people wrote, oldest first.
    pub notes: Vec<Note>,
    /// Corrected fields: the source's value stays beside.
    pub corrections: Vec<Correction>,
    /// References to other resources of the record.
    pub references: Vec<Related>,
}

/// One version at one place it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Hash of the content.
    pub content: ContentHash,
    /// Whether lists show this version.
    pub current: bool,
    /// `meta.versionId`.
    pub version: Option<String>,
    /// `meta.lastUpdated`.
    pub last_updated: Option<String>,
    /// Name of the source (file).
    pub source: String,
    /// Format of the source.
    pub format: String,
    /// The device that imported it.
    pub device: DeviceId,
    /// That device's clock, in milliseconds since 1970.
    pub recorded_at: i64,
}

/// What a person wrote about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its id.
    pub id: EntryId,
    /// The text.
    pub text: String,
    /// The device it was written on.
    pub device: DeviceId,
    /// That device's clock, in milliseconds since 1970.
    pub recorded_at: i64,
}

/// A value a person put beside the source's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// The field.
    pub field: String,
    /// What the source says.
    pub source: Option<String>,
    /// What the person says; the value lists show.
    pub value: String,
    /// The device it was written on.
    pub device: DeviceId,
    /// That device's clock, in milliseconds since 1970.
    pub recorded_at: i64,
}

/// Two or more values written at the same time for the same field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Whose record.
    pub record: RecordId,
    /// Which resource.
    pub on: ResourceId,
    /// Which field.
    pub field: String,
    /// The values; the first is the one lists show.
    pub values: Vec<Correction>,
}

/// A resource named by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Element path, such as `subject`.
    pub path: String,
    /// The target, when it is in the record.
    pub target: Option<ResourceId>,
    /// Its French and English names, where known.
    pub display_fr: Option<String>,
    /// English.
    pub display_en: Option<String>,
    /// The reference as written.
    pub reference: String,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Current resources per kind.
    pub by_kind: std::collections::BTreeMap<String, u64>,
    /// Versions in all.
    pub versions: u64,
    /// Attachments.
    pub attachments: u64,
    /// Notes.
    pub notes: u64,
    /// Bytes of the vault's folder on disk.
    pub bytes_on_disk: u64,
    /// Changes not yet at the relay.
    pub unsent: u64,
    /// Envelopes held in quarantine.
    pub quarantined: u64,
}
