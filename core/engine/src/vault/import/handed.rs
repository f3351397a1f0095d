//! Reading back an archive that Carnet wrote: the manifest says which compartment each part belongs to and which file it
//! came from, so that provenance survives.
//!
//! A manifest is a claim like any other: whoever makes an archive may name any origin for what is in it. It can put nothing
//! where this member may not write, and names no resource: those names come from the texts.

use super::gather::PRIVATE;
use crate::handover::{ARCHIVE_VERSION, MANIFEST};
use crate::record::change::Origin;
use crate::record::json::{self, Limits, Object, Value};
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
    parts: HashMap<String, Part>,
    documents: HashMap<String, Kept>,
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

/// What becomes of an entry.
pub enum Listed<'m> {
    /// The manifest itself.
    Manifest,
    /// A Bundle.
    Part(&'m Part),
    /// A document.
    Document(&'m Kept),
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
        Some(Self {
            parts: parts.collect(),
            documents: documents.collect(),
        })
    }

    /// What an entry of this name is.
    pub fn of(&self, name: &str) -> Listed<'_> {
        match (self.parts.get(name), self.documents.get(name)) {
            _ if name == MANIFEST => Listed::Manifest,
            (Some(part), _) => Listed::Part(part),
            (None, Some(document)) => Listed::Document(document),
            (None, None) => Listed::Nothing,
        }
    }
}

fn is_confidential(object: &Object<'_>) -> bool {
    object.str("compartment") == Some(PRIVATE)
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
        let text = r#"{"carnet":"archive","version":1,"parts":[{"file":"fhir/1.json","compartment":"private","origin":{"name":"a.xml","format":"cda","hash":"00"}}],"documents":[{"file":"documents/x.pdf","media_type":"application/pdf","compartment":"general"},{"file":null}]}"#;
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
        assert!(matches!(manifest.of(MANIFEST), Listed::Manifest));
        assert!(matches!(manifest.of("other"), Listed::Nothing));
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
