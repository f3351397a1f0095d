//! CDA R2: the documents of hospitals, laboratories and insurers, in the French (CI-SIS) and the American (C-CDA R2.1) family
//! and whatever else keeps to the standard.
//!
//! [`read_cda`] gives, from the bytes of one document: its resources as drafts, the files inside it, whom it is about, how it
//! may be shared, and an account of every clinical statement. It keeps three rules:
//!
//! * **Nothing is dropped.** Each observation, substance administration, act, procedure, encounter and supply becomes a
//!   resource, or a member of one; what no mapper read stays on the resource of the statement around it, as XML
//!   ([`extensions::REMAINDER`]), and the narrative stays in the Composition. [`Accounting`] counts it.
//! * **Nothing is guessed.** Dates keep their precision and their offset, or their lack of one; decimals keep their text;
//!   what the source denies is never shown as found; codes keep the source's own words beside the others.
//! * **The same bytes give the same drafts** on every phone. Names of resources come from `identity`, never from chance and
//!   never from the ids inside a document alone.
//!
//! Threats: a document from anyone may be imported. It cannot reach outside itself (no DTD, no entity, no address is ever
//! followed), grow (limits before the tree is built, one budget for what is written), replace somebody else's document (the
//! patient is a part of its name), or run (XHTML from a fixed list of elements).
//!
//! The module knows nothing of keys, records or files on disk: bytes go by their hash, as in [`super::document`].

mod care;
mod dosage;
pub mod extensions;
mod header;
mod identity;
mod media;
mod medicines;
mod narrative;
mod patient;
mod people;
mod problems;
mod reader;
mod results;
mod sections;
mod statements;
mod systems;
mod time;
mod tree;
mod vaccinations;
mod values;
mod warnings;
mod xml;

pub use xml::sniff;
pub(super) use xml::{decode, with_tree};

use super::document::{hash_of, url_of};
use super::{Draft, Refused};
use crate::record::confidentiality::is_secret_code;
use crate::record::json::Refusal;
use crate::record::traits::{Ins, Traits};
use reader::{Finished, Reader};
use roxmltree::Document;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tree::{Element, Marks};

/// A fault of this reader, told.
const LOST: &str = "some statements are in the original document only";

/// What a document gave.
#[derive(Debug, Clone)]
pub struct Read {
    /// Its resources; the last two are its DocumentReference and its Composition.
    pub drafts: Vec<Draft>,
    /// The files in it. The drafts already hold their DocumentReferences.
    pub embedded: Vec<Embedded>,
    /// Whom it is about.
    pub patient: PatientTraits,
    /// How it may be shared, the document's own label first.
    pub confidentiality: Vec<Label>,
    /// Its title.
    pub title: Option<String>,
    /// Its type: system and code.
    pub document_type: Option<(String, String)>,
    /// When it was written, as precise as it says.
    pub date: Option<String>,
    /// How many sections it has.
    pub sections: usize,
    /// What became of its statements.
    pub accounting: Accounting,
    /// What a person should know, in words without content.
    pub warnings: Vec<&'static str>,
}

/// A file inside a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Where: `file[1]` is the first in the document.
    pub location: String,
    /// Its media type, as the document says it.
    pub media_type: String,
    /// Its name, where the document says one.
    pub file_name: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What tells one person from another. Never by a social-security number alone: those of children are a parent's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatientTraits {
    /// The national health identity.
    pub ins: Option<Ins>,
    /// Other identifiers: root and extension.
    pub identifiers: Vec<(String, String)>,
    /// Family name at birth, where it is told apart.
    pub birth_name: Option<String>,
    /// Family name used, or the only one.
    pub used_name: Option<String>,
    /// Given names as written, without doubles.
    pub given: Vec<String>,
    /// A FHIR date, perhaps partial.
    pub birth_date: Option<String>,
    /// FHIR's `male`, `female`, `other`, `unknown`.
    pub sex: Option<String>,
}

impl PatientTraits {
    /// What is compared with the person of a record.
    pub fn traits(&self) -> Traits {
        let family = [&self.birth_name, &self.used_name];
        Traits {
            ins: self.ins.iter().cloned().collect(),
            given: self.given.clone(),
            family: family.into_iter().flatten().cloned().collect(),
            birth_date: self.birth_date.clone(),
            sex: self.sex.clone(),
        }
    }
}

/// A confidentiality label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Code system as FHIR names it.
    pub system: String,
    /// Code.
    pub code: String,
    /// The source's word for it.
    pub display: String,
}

impl Label {
    /// Whether it means a secret.
    pub fn is_restricted(&self) -> bool {
        is_secret_code(&self.code)
    }

    fn to_coding(&self) -> Value {
        let members = [
            ("system", &self.system),
            ("code", &self.code),
            ("display", &self.display),
        ];
        let said = members.into_iter().filter(|(_, text)| !text.is_empty());
        said.map(|(name, text)| (name.to_owned(), json!(text)))
            .collect()
    }

    fn to_fhir(&self) -> Value {
        json!({"coding": [self.to_coding()]})
    }
}

/// What became of the clinical statements of a document, by element name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounting {
    /// One line for each element name that occurs.
    pub counts: BTreeMap<&'static str, Count>,
}

/// What became of the statements of one name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Became a resource.
    pub mapped: u64,
    /// Became a part of another statement's resource: a component, a reaction, a dosage, a status.
    pub part: u64,
    /// Kept as XML on another statement's resource, or on its section.
    pub kept: u64,
    /// None of these: a fault of the reader, told to the person.
    pub lost: u64,
}

impl Count {
    /// All statements of that name.
    pub fn total(&self) -> u64 {
        self.mapped + self.part + self.kept + self.lost
    }
}

impl Accounting {
    /// Statements that are nowhere but in the original.
    pub fn lost(&self) -> u64 {
        self.counts.values().map(|count| count.lost).sum()
    }
}

/// Reads one document. Refuses what is no CDA, what is damaged, and what is over a limit; everything else is read. The bytes
/// themselves, and the files in it, are named by their hash in the drafts' DocumentReferences: the caller keeps them.
pub fn read_cda(bytes: &[u8]) -> Result<Read, Refused> {
    let text = xml::decode(bytes);
    let read = text.and_then(|text| xml::with_tree(text, |tree| read_tree(tree, bytes)));
    read.and_then(|read| read).map_err(|refusal| Refused {
        location: "file".to_owned(),
        reason: refusal.0,
    })
}

fn read_tree(tree: &Document<'_>, bytes: &[u8]) -> Result<Read, Refusal> {
    let marks = Marks::new(tree.descendants().count());
    let document = Element::new(xml::find_document(tree).ok_or(xml::NOT_CDA)?, &marks);
    let key = identity::name_document(&document, bytes);
    let mut reader = Reader::new(document, key);
    for name in [
        "realmCode",
        "typeId",
        "templateId",
        "languageCode",
        "component",
    ] {
        document.all(name).for_each(|element| element.mark_read());
    }
    reader.take_files();
    reader.security = header::secrets_of(&document);
    let patient = reader.read_patient();
    reader.read_encounter();
    let confidentiality = reader.read_labels();
    let (sections, count) = reader.read_sections();
    for warning in warnings::check_numbers(&document) {
        reader.warn(warning);
    }
    let original = json!({
        "contentType": "text/xml",
        "url": url_of(&hash_of(bytes)),
        "size": bytes.len(),
    });
    reader.read_document(original, &confidentiality, sections);
    let peek =
        |path: &str, attribute: &str| document.at(path).and_then(|found| found.peek(attribute));
    let kind = peek("code", "code").map(|code| {
        let system = peek("code", "codeSystem")
            .map(systems::uri_of)
            .unwrap_or_default();
        (system, code.to_owned())
    });
    let date = peek("effectiveTime", "value").and_then(time::parse);
    let title = document
        .at("title")
        .map(|title| title.peek_text())
        .filter(|title| !title.is_empty());
    let Finished {
        drafts,
        embedded,
        accounting,
        mut warnings,
    } = reader.finish()?;
    if accounting.lost() > 0 {
        warnings.push(LOST);
    }
    Ok(Read {
        drafts,
        embedded,
        patient,
        confidentiality,
        title,
        document_type: kind,
        date: date.map(|time| time.local.unwrap_or(time.fhir)),
        sections: count,
        accounting,
        warnings,
    })
}

/// Reads arbitrary bytes as a document and every draft a second time from its own text: the entry of the fuzz target.
/// `false` means that something was lost, or that a receiving device would derive something else.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    let Ok(read) = read_cda(bytes) else {
        return true;
    };
    let agrees = read.drafts.iter().all(|draft| {
        let again = crate::record::resource::read(&draft.text, "", draft.full_url.as_deref());
        again.as_ref() == Ok(&draft.resource)
    });
    agrees && read.accounting.lost() == 0
}

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
