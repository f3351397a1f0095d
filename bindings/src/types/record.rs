//! What a record holds and what lists show.

use crate::ids::{Counts, Hex32, Word};
use carnet::record::ids::{AttachmentId, ContentHash, EntryId, ResourceId};
use carnet::record::row::Category as RecordCategory;
use carnet::vault::{
    Conflict, Correction, Detail, DocumentBytes, DocumentRow, ExportFormat, Fate, FileReport,
    Filter, ImportOptions, ImportReport, ListRow, NewEdit, Note, OpenWarning, Phase,
    Progress as CallProgress, Rejection, Related, SampleCounts, Stats, Version, WrongPerson,
};
use carnet_wire::{DeviceId, RecordId};
use std::path::PathBuf;

/// What to list. Everything that is left out does not limit; `limit` and `offset` make pages.
#[uniffi::remote(Record)]
pub struct Filter {
    #[uniffi(default)]
    pub record: Option<RecordId>,
    #[uniffi(default)]
    pub kind: Option<String>,
    #[uniffi(default)]
    pub category: Option<RecordCategory>,
    #[uniffi(default)]
    pub document_category: Option<String>,
    #[uniffi(default)]
    pub code: Option<String>,
    #[uniffi(default)]
    pub from: Option<String>,
    #[uniffi(default)]
    pub to: Option<String>,
    #[uniffi(default)]
    pub limit: Option<u32>,
    #[uniffi(default)]
    pub offset: u32,
    #[uniffi(default)]
    pub dated: bool,
}

/// A top-level category of the record.
#[uniffi::remote(Enum)]
pub enum RecordCategory {
    PatientSummary,
    Prescription,
    Dispensation,
    Imaging,
    Laboratory,
    Discharge,
    Other,
}

/// One line of a list, corrections applied. Dates, decimals and units are text as written: a date may be a year only, a value
/// `<1.0`.
#[uniffi::remote(Record)]
pub struct ListRow {
    pub id: ResourceId,
    pub record: RecordId,
    pub kind: String,
    pub category: RecordCategory,
    pub document_category: Option<String>,
    pub system: Option<String>,
    pub code: Option<String>,
    pub display_fr: Option<String>,
    pub display_en: Option<String>,
    pub when: Option<String>,
    pub value: Option<String>,
    pub comparator: Option<String>,
    pub unit: Option<String>,
    pub status: Option<String>,
    pub source: String,
    pub corrected: bool,
    pub notes: u32,
}

/// One resource with its whole story. `original` is what the source wrote, byte for byte.
#[uniffi::remote(Record)]
pub struct Detail {
    pub row: ListRow,
    pub original: String,
    pub native: String,
    pub history: Vec<Version>,
    pub notes: Vec<Note>,
    pub corrections: Vec<Correction>,
    pub references: Vec<Related>,
}

/// One version of a resource at one place it was seen.
#[uniffi::remote(Record)]
pub struct Version {
    pub content: ContentHash,
    pub current: bool,
    pub version: Option<String>,
    pub last_updated: Option<String>,
    pub source: String,
    pub format: String,
    pub device: DeviceId,
    pub recorded_at: i64,
}

/// What a person wrote about a resource. `recorded_at` in milliseconds since 1970, by the writing device's clock.
#[uniffi::remote(Record)]
pub struct Note {
    pub id: EntryId,
    pub text: String,
    pub device: DeviceId,
    pub recorded_at: i64,
}

/// A value beside the source's, which stays.
#[uniffi::remote(Record)]
pub struct Correction {
    pub field: String,
    pub source: Option<String>,
    pub value: String,
    pub device: DeviceId,
    pub recorded_at: i64,
}

/// Values that were written at the same time for one field; lists show the first.
#[uniffi::remote(Record)]
pub struct Conflict {
    pub record: RecordId,
    pub on: ResourceId,
    pub field: String,
    pub values: Vec<Correction>,
}

/// A resource that another names.
#[uniffi::remote(Record)]
pub struct Related {
    pub path: String,
    pub target: Option<ResourceId>,
    pub display_fr: Option<String>,
    pub display_en: Option<String>,
    pub reference: String,
}

/// Counts, and bytes on disk.
#[uniffi::remote(Record)]
pub struct Stats {
    pub by_kind: Counts,
    pub versions: u64,
    pub attachments: u64,
    pub notes: u64,
    pub bytes_on_disk: u64,
    pub unsent: u64,
    pub quarantined: u64,
}

/// Something a person writes about a resource. The field of a correction is `display`, `when`, `value`, `unit`, `status`, or a
/// FHIR element path.
#[uniffi::remote(Enum)]
pub enum NewEdit {
    Note {
        on: ResourceId,
        text: String,
    },
    Correction {
        on: ResourceId,
        field: String,
        value: String,
    },
}

/// What an import did, file by file.
#[uniffi::remote(Record)]
pub struct ImportReport {
    pub files: Vec<FileReport>,
}

/// What became of one file.
#[uniffi::remote(Record)]
pub struct FileReport {
    pub path: PathBuf,
    pub inside: Option<String>,
    pub format: Word,
    pub fate: Fate,
    pub reason: Option<Word>,
    pub document: Option<ResourceId>,
    pub question: Option<WrongPerson>,
    pub resources: u64,
    pub new: u64,
    pub unchanged: u64,
    pub updated: u64,
    pub rejected: Vec<Rejection>,
    pub warnings: Vec<String>,
    pub by_kind: Counts,
    pub samples: SampleCounts,
}

/// What became of the samples of one file. Of kinds without a series, how many there are.
#[uniffi::remote(Record)]
pub struct SampleCounts {
    pub read: u64,
    pub new: u64,
    pub unknown: Counts,
    pub kept: u64,
}

/// What became of one file or one item inside it: in the record, kept as a document, neither, or held back with
/// a question.
#[uniffi::remote(Enum)]
pub enum Fate {
    Understood,
    Kept,
    Rejected,
    Held,
}

/// A document about somebody else, it seems: ask the person, and import it again with `hash` accepted.
#[uniffi::remote(Record)]
pub struct WrongPerson {
    pub hash: Hex32,
    pub name: Option<String>,
    pub birth_date: Option<String>,
    pub differs: Word,
}

/// How an import treats what it should ask about: import all of it, or what was accepted.
#[uniffi::remote(Record)]
pub struct ImportOptions {
    pub anyway: bool,
    pub accepted: Vec<Hex32>,
}

/// A document as lists show it; `bytes` where its bytes are of this record.
#[uniffi::remote(Record)]
pub struct DocumentRow {
    pub row: ListRow,
    pub bytes: Option<DocumentBytes>,
}

/// The bytes of a document; a sync fetches those that are not here.
#[uniffi::remote(Record)]
pub struct DocumentBytes {
    pub id: AttachmentId,
    pub media_type: String,
    pub size: u64,
    pub here: bool,
}

/// One item that was refused.
#[uniffi::remote(Record)]
pub struct Rejection {
    pub location: String,
    pub reason: Word,
}

/// In what form to hand a record over.
#[uniffi::remote(Enum)]
pub enum ExportFormat {
    Fhir,
    Ndjson,
    Archive,
}

/// What a long call is doing.
#[uniffi::remote(Enum)]
pub enum Phase {
    Reading,
    Connecting,
    Exchanging,
    Merging,
    Documents,
    Waiting,
}

/// How far a long call is: bytes of an import, envelopes of a sync.
#[uniffi::remote(Record)]
pub struct CallProgress {
    pub phase: Phase,
    pub done: u64,
    pub total: Option<u64>,
}

/// Something to know about a vault that was opened.
#[uniffi::remote(Enum)]
pub enum OpenWarning {
    RolledBack,
    AnchorMissing,
}
