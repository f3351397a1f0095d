//! Reading back an archive that Carnet wrote: the manifest says which compartment each part belongs to and which file it
//! came from, so that provenance survives.
//!
//! A manifest is a claim like any other: whoever makes an archive may name any origin for what is in it. It can put nothing
//! where this member may not write, and names no resource: those names come from the texts. What lived in a compartment of
//! few goes into `private`, so that nothing is ever seen by more people than before.

use super::super::keyring::GENERAL;
use crate::handover::{ARCHIVE_VERSION, MANIFEST, NOTES};
use crate::record::change::Origin;
use crate::record::json::{self, Limits, Object, Value};
use crate::record::series::{Metric, Source, SourceKind, Unit};
use crate::record::traits::Traits;
use std::collections::HashMap;

/// Longest manifest.
pub const MAX_MANIFEST_BYTES: u64 = 16 << 20;
/// One object for each part and document, and what is in it.
const LIMITS: Limits = Limits {
    depth: 8,
    nodes: 2_000_000,
};
/// Longest name of an origin, in characters.
const MAX_NAME: usize = 255;

/// What an archive says of its entries.
#[derive(Debug, Default)]
pub struct Manifest {
    /// Whose record it is.
    pub person: Option<Traits>,
    parts: HashMap<String, Part>,
    documents: HashMap<String, Kept>,
    series: HashMap<String, Measured>,
}

/// A Bundle of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where its resources came from.
    pub origin: Origin,
    /// Whether they lived in `private`.
    pub confidential: bool,
}

/// A document of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its media type.
    pub media_type: String,
    /// Whether it lived in `private`.
    pub confidential: bool,
}

/// A segment of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// What was measured.
    pub metric: Metric,
    /// The unit of its numbers.
    pub unit: Unit,
    /// Who measured.
    pub source: Source,
}

/// What becomes of an entry.
pub enum Listed<'m> {
    /// The manifest itself.
    Manifest,
    /// A Bundle.
    Part(&'m Part),
    /// A document.
    Document(&'m Kept),
    /// Samples of a series.
    Series(&'m Measured),
    /// What people wrote.
    Notes,
    /// Something that was added by others.
    Nothing,
}

impl Manifest {
    /// Reads a manifest; none if it is not one of this version: the archive is then a zip like others.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let object = json::parse_within(text, LIMITS).ok()?;
        let known = matches!(object.get("version"), Some(Value::Number(version)) if *version == ARCHIVE_VERSION.to_string());
        if object.str("carnet") != Some("archive") || !known {
            return None;
        }
        let parts = object.objects("parts").filter_map(read_part);
        let documents = object.objects("documents").filter_map(read_document);
        let series = object.objects("series").filter_map(read_series);
        Some(Self {
            person: object.object("person").and_then(read_person),
            parts: parts.collect(),
            documents: documents.collect(),
            series: series.collect(),
        })
    }

    /// What an entry of this name is.
    pub fn of(&self, name: &str) -> Listed<'_> {
        let is_ours = self.person.is_some();
        match (
            self.parts.get(name),
            self.documents.get(name),
            self.series.get(name),
        ) {
            _ if name == MANIFEST => Listed::Manifest,
            _ if name == NOTES && is_ours => Listed::Notes,
            (Some(part), ..) => Listed::Part(part),
            (None, Some(document), _) => Listed::Document(document),
            (None, None, Some(series)) => Listed::Series(series),
            (None, None, None) => Listed::Nothing,
        }
    }
}

fn is_confidential(object: &Object<'_>) -> bool {
    object.str("compartment") != Some(GENERAL)
}

/// The name of a record's person is one text: it may hold their first names and their last.
fn read_person(person: &Object<'_>) -> Option<Traits> {
    let name = vec![person.str("name")?.to_owned()];
    Some(Traits {
        family: name.clone(),
        given: name,
        birth_date: person.str("birth_date").map(str::to_owned),
        ..Traits::default()
    })
}

fn read_series(series: &Object<'_>) -> Option<(String, Measured)> {
    let kind = match series.get("kind")? {
        Value::Number(place) => SourceKind::ALL.get(place.parse::<usize>().ok()?)?,
        _ => return None,
    };
    let measured = Measured {
        metric: Metric::from_key(series.str("metric")?)?,
        unit: Unit::from_text(series.str("unit")?)?,
        source: Source {
            key: series.str("source")?.to_owned(),
            name: series.str("name")?.to_owned(),
            kind: *kind,
        },
    };
    Some((series.str("file")?.to_owned(), measured))
}

fn read_part(part: &Object<'_>) -> Option<(String, Part)> {
    let origin = part.object("origin")?;
    let short = |name: &str| {
        origin
            .str(name)
            .unwrap_or_default()
            .chars()
            .take(MAX_NAME)
            .collect()
    };
    let hash = origin
        .str("hash")
        .and_then(|hex| blake3::Hash::from_hex(hex).ok());
    let part_of = Part {
        origin: Origin {
            name: short("name"),
            format: short("format"),
            hash: hash.map_or([0; 32], Into::into),
        },
        confidential: is_confidential(part),
    };
    Some((part.str("file")?.to_owned(), part_of))
}

fn read_document(document: &Object<'_>) -> Option<(String, Kept)> {
    let kept = Kept {
        media_type: document
            .str("media_type")
            .unwrap_or_default()
            .chars()
            .take(MAX_NAME)
            .collect(),
        confidential: is_confidential(document),
    };
    Some((document.str("file")?.to_owned(), kept))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_manifest_says_where_each_entry_belongs() {
        let text = r#"{"carnet":"archive","version":1,"person":{"name":"Camille Martin","birth_date":"1984-05"},"series":[{"file":"series/1.bin","metric":"heart-rate","unit":"/min","source":"watch","name":"Watch","kind":1},{"file":"series/2.bin","metric":"of a later build"}],"parts":[{"file":"fhir/1.json","compartment":"private","origin":{"name":"a.xml","format":"cda","hash":"00"}}],"documents":[{"file":"documents/x.pdf","media_type":"application/pdf","compartment":"general"},{"file":null}]}"#;
        let manifest = Manifest::read(text.as_bytes()).unwrap();
        let Listed::Part(part) = manifest.of("fhir/1.json") else {
            unreachable!()
        };
        assert!(part.confidential && part.origin.name == "a.xml" && part.origin.hash == [0; 32]);
        let Listed::Document(document) = manifest.of("documents/x.pdf") else {
            unreachable!()
        };
        assert_eq!(
            (document.media_type.as_str(), document.confidential),
            ("application/pdf", false)
        );
        let Listed::Series(series) = manifest.of("series/1.bin") else {
            unreachable!()
        };
        assert_eq!(series.metric.key(), "heart-rate");
        assert_eq!(series.source.kind, SourceKind::Watch);
        assert!(matches!(manifest.of("series/2.bin"), Listed::Nothing));
        assert!(matches!(manifest.of(NOTES), Listed::Notes));
        let person = manifest.person.as_ref().unwrap();
        assert_eq!(person.birth_date.as_deref(), Some("1984-05"));
        assert!(matches!(manifest.of(MANIFEST), Listed::Manifest));
        assert!(matches!(manifest.of("other"), Listed::Nothing));
    }

    #[test]
    fn what_lived_with_few_stays_with_few() {
        let part = |compartment: &str| {
            let text = format!(
                r#"{{"carnet":"archive","version":1,"parts":[{{"file":"a","compartment":"{compartment}","origin":{{}}}}]}}"#
            );
            let manifest = Manifest::read(text.as_bytes()).unwrap();
            match manifest.of("a") {
                Listed::Part(part) => part.confidential,
                _ => unreachable!(),
            }
        };
        assert_eq!(["general", "private", "psy"].map(part), [false, true, true]);
    }

    #[test]
    fn what_is_no_manifest_of_this_version_is_none() {
        for text in [
            "",
            "{}",
            r#"{"carnet":"archive","version":2}"#,
            r#"{"version":1}"#,
        ] {
            assert!(Manifest::read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
