//! What crosses the vault's door: plain values, flat enough for a phone's bindings.

pub use crate::handover::ExportFormat;

use carnet_wire::{DeviceId, RecordId};
use std::path::PathBuf;

pub use crate::record::view::{
    Conflict, Correction, Detail, Filter, ListRow, Note, Related, Stats, Version,
};

/// A person whose record this vault holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The record.
    pub record: RecordId,
    /// The name people see; chosen here, synced to the person's devices.
    pub name: String,
    /// Date of birth as given (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`).
    pub birth_date: Option<String>,
}

/// Something to know about an opened vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenWarning {
    /// The database is older than the anchor: it was put back from a copy. It goes on under a new incarnation.
    RolledBack,
    /// The anchor outside the vault's folder is missing: a rollback could not be noticed. A new one was made.
    AnchorMissing,
}

/// How far a long call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Units done: bytes read for an import, envelopes for a sync.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
}

/// Watches long work and may stop it. Called at most some ten times a second.
pub trait Observer: Send + Sync {
    /// Reports progress. `false` cancels: what was committed stays, the call returns `Cancelled`.
    fn progress(&self, progress: Progress) -> bool;
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// One report per file, in order.
    pub files: Vec<FileReport>,
}

/// What became of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileReport {
    /// The path as given.
    pub path: PathBuf,
    /// `fhir-json`, `fhir-ndjson`, `fhir-ndjson-gz`, … or `unknown`.
    pub format: &'static str,
    /// Resources read, accepted or not.
    pub resources: u64,
    /// Not in the record before.
    pub new: u64,
    /// In the record with the same content.
    pub unchanged: u64,
    /// A new version of a resource in the record.
    pub updated: u64,
    /// What was refused, and why.
    pub rejected: Vec<Rejection>,
    /// What a person should know (kept as a document, other FHIR version, …).
    pub warnings: Vec<String>,
    /// Resources read per kind, accepted ones only.
    pub by_kind: std::collections::BTreeMap<String, u64>,
}

/// One refused item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where in the file: `entry[3]`, `line 12`, `file`.
    pub location: String,
    /// Why, in words, without quoting the content.
    pub reason: &'static str,
}

/// A device of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Envelopes the relay acknowledged.
    pub sent: u64,
    /// Envelopes received and merged.
    pub received: u64,
    /// Envelopes now in quarantine.
    pub quarantined: u64,
    /// Bytes sent, HTTP bodies.
    pub bytes_sent: u64,
    /// Bytes received, HTTP bodies.
    pub bytes_received: u64,
    /// Requests made.
    pub round_trips: u64,
    /// Whether everything there was has been exchanged before the deadline.
    pub complete: bool,
    /// What a person should know, in stable words (`gap`, `fork`, `relay rolled back`).
    pub notices: Vec<&'static str>,
}

/// What a check of the vault found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Changes read and checked.
    pub changes: u64,
    /// Attachments read and checked.
    pub attachments: u64,
    /// Views compared, when a rebuild was asked.
    pub views: u64,
    /// What is wrong, in words without content; empty when all is well.
    pub problems: Vec<String>,
}

/// What a snapshot is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Changes it covers.
    pub changes: u64,
    /// Pieces it lists.
    pub pieces: u64,
    /// Pieces that were made now.
    pub made: u64,
    /// Pieces listed again.
    pub reused: u64,
    /// Sealed bytes of all pieces.
    pub bytes: u64,
    /// Sealed bytes of the pieces made now.
    pub new_bytes: u64,
}

impl std::ops::AddAssign for CompactReport {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.pieces += other.pieces;
        self.made += other.made;
        self.reused += other.reused;
        self.bytes += other.bytes;
        self.new_bytes += other.new_bytes;
    }
}
