//! What an import says of itself: one report for each item, wherever it lay.

use crate::record::ids::ResourceId;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How an import treats what it should ask about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// Documents about somebody else are imported too, without a question.
    pub anyway: bool,
    /// Documents the person was asked about and wants: the hashes of their [`WrongPerson`].
    pub accepted: Vec<[u8; 32]>,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// One report per item, in order: a file, an entry of a zip, or a zip of which there is something to say.
    pub files: Vec<FileReport>,
}

/// What became of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    /// Its content is in the record.
    #[default]
    Understood,
    /// Its bytes are kept as a document; what they say is for people to read.
    Kept,
    /// Nothing of it is in the record.
    Rejected,
    /// It is about somebody else: nothing of it is in the record until the person says so.
    Held,
}

impl Fate {
    /// The stable word of reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Understood => "understood",
            Self::Kept => "kept",
            Self::Rejected => "rejected",
            Self::Held => "held",
        }
    }
}

/// What became of one item, with its counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileReport {
    /// The file as given, or found below a folder that was given.
    pub path: PathBuf,
    /// The names that lead to the item inside a zip, `/` between them; none for a file of its own.
    pub inside: Option<String>,
    /// `fhir-json`, `fhir-ndjson-gz`, `cda`, `pdf`, … or `unknown`: told from the content.
    pub format: &'static str,
    /// What became of it.
    pub fate: Fate,
    /// Why it was not understood, or not whole, in words without content.
    pub reason: Option<&'static str>,
    /// The DocumentReference under which its bytes are kept.
    pub document: Option<ResourceId>,
    /// What to ask the person, when it is held.
    pub question: Option<WrongPerson>,
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
    pub by_kind: BTreeMap<String, u64>,
    /// Samples of series.
    pub samples: SampleCounts,
}

/// What became of the samples of an item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleCounts {
    /// Read, those the record had among them.
    pub read: u64,
    /// Not in the record before.
    pub new: u64,
    /// Kinds of data without a series, as the source names them, and how many of each.
    pub unknown: BTreeMap<String, u64>,
    /// What is right and no sample (a statistic, something without a time).
    pub kept: u64,
}

/// One refused part of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where in the file: `entry[3]`, `line 12`, `file`.
    pub location: String,
    /// Why, in words, without quoting the content.
    pub reason: &'static str,
}

/// A question: the document names a patient who does not look like the chosen person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongPerson {
    /// BLAKE3 of the document: what [`ImportOptions::accepted`] takes.
    pub hash: [u8; 32],
    /// The patient's name as the document has it.
    pub name: Option<String>,
    /// The patient's birth date as the document has it.
    pub birth_date: Option<String>,
    /// What does not fit.
    pub differs: &'static str,
}
