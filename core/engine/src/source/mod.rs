//! Readers of outside formats: bytes in, drafts out. Pure and streaming: the only I/O is the reader that is given, and
//! memory is bounded by [`MAX_ENTRY`], whatever the size of the file.
//!
//! A reader never gives up on a file because of one bad item: what can be read becomes a [`Draft`], what cannot becomes a
//! [`Refused`] with its place and a constant reason, what is FHIR but not R4 becomes a [`Document`] for the vault to keep.

pub mod answer;
pub mod apple;
pub mod ble;
mod bundle;
pub mod cda;
pub mod describe;
pub mod document;
pub mod fhir;
pub mod fhir_xml;
pub mod health_card;
pub mod health_connect;
mod input;
mod items;
pub mod measure;
pub mod nightscout;
pub mod openmhealth;
pub mod recognise;
mod release;
mod scan;
pub mod series;
mod sniff;
mod tally;
pub mod withings;

pub use fhir::{Patients, patient_of, read_fhir, read_patients};
pub use recognise::{Format, recognise};

use crate::record::resource::Resource;

/// Most bytes of one bundle entry or one line: a resource of the largest size, and what surrounds it.
pub const MAX_ENTRY: usize = crate::record::json::MAX_TEXT + (64 << 10);
/// Most items in one file.
pub const MAX_ITEMS: u64 = 20_000_000;

/// Items refused before a file is given up: nobody reads a longer list.
pub const MAX_REFUSED: u64 = 100_000;

/// A resource that was read, not yet in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Where in the file: `entry[3]`, `line 12`, `file`.
    pub location: String,
    /// Who issued short ids; empty where the ids are global or nothing is known.
    pub issuer: String,
    /// The entry's `fullUrl`, or the one its server's answer implies.
    pub full_url: Option<String>,
    /// The resource's text, byte for byte.
    pub text: String,
    /// What was derived from the three.
    pub resource: Resource,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Where in the file: `entry[3]`, `line 12`, `file`.
    pub location: String,
    /// Why, without quoting the content.
    pub reason: &'static str,
}

/// Something to keep as a document: FHIR, but not R4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where in the file: `entry[3]`, `line 12`, `file`.
    pub location: String,
    /// Why it is not a resource of the record.
    pub reason: &'static str,
    /// Its text; at the location `file` this is the whole file but for white space and compression.
    pub text: String,
}

/// A resource that the source says it no longer has. The record keeps its copy and marks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Where in the file.
    pub location: String,
    /// The key the resource carries among its aliases.
    pub key: String,
}

/// One thing a reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A resource.
    Draft(Box<Draft>),
    /// Something unreadable.
    Refused(Refused),
    /// Something to keep as a document.
    Document(Document),
    /// A deletion at the source.
    Deleted(Deleted),
}

/// What a reader of files that are held whole gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whole {
    /// What the file holds, in order.
    pub outcomes: Vec<Outcome>,
    /// What a person should know, in words without content; each once.
    pub warnings: Vec<&'static str>,
}

impl Whole {
    fn warn(&mut self, warning: &'static str) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// What a reader says of the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// `fhir-json`, `fhir-ndjson`, the same with `-gz`, or `unknown`.
    pub format: &'static str,
    /// BLAKE3 of all bytes of the file as given; zeros when reading stopped before its end.
    pub hash: [u8; 32],
    /// What a person should know, in words without content.
    pub warnings: Vec<String>,
    /// Whether the sink, or a limit, stopped the reading before its end.
    pub stopped: bool,
}

/// Reads arbitrary bytes as a FHIR file and as an answer of each kind of source, and every draft a second time from its own text: the
/// entry of the fuzz target. `false` means that a receiving device would derive something else than the importing one.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    const BASE: &str = "https://a.example/fhir";
    let mut agrees = true;
    for name in ["bundle.json", "export.ndjson"] {
        let mut check = |outcome: Outcome| {
            if let Outcome::Draft(draft) = outcome {
                agrees &= reads_again(&draft);
            }
            std::ops::ControlFlow::Continue(())
        };
        agrees &= read_fhir(bytes, name, &mut check).is_ok();
    }
    let answer = answer::read_answer(bytes, BASE).map(|answer| answer.drafts);
    let cloud = withings::read_withings(bytes, "1").map(|answer| answer.drafts);
    let sensor = nightscout::read_entries(bytes, BASE).map(|entries| entries.drafts);
    let mut drafts = [answer, cloud, sensor].into_iter().flatten().flatten();
    agrees && drafts.all(|draft| reads_again(&draft))
}

fn reads_again(draft: &Draft) -> bool {
    let again =
        crate::record::resource::read(&draft.text, &draft.issuer, draft.full_url.as_deref());
    again.as_ref() == Ok(&draft.resource)
}

#[cfg(test)]
pub(crate) mod corpus_tests;
