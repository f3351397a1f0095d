//! Every call from this room into `record` and `seal`, in one place.

use super::texts::Located;
use crate::error::{Error, Result};
use crate::record::change::Change;
use crate::record::ids::ContentHash;
use crate::record::resource::Resource;
use crate::record::text;
use carnet_wire::Canonical;
use std::cmp::Ordering;

/// Reads the body of a change as it travels.
pub(super) fn unpack(body: &[u8]) -> Result<Change> {
    let plain = standin::unpack_body(body)?;
    Change::from_canonical(&plain).map_err(|_| Error::Corrupt("a change does not decode"))
}

/// Derives a resource from its text; `None` when this build cannot read it.
pub(super) fn derive(located: &Located<'_>) -> Option<Resource> {
    standin::read(located.text, located.issuer, located.full_url)
}

/// Folds what people wrote as the words of resources are folded.
pub(super) fn fold(words: &str) -> String {
    text::fold_words(words)
}

/// The folded words of a query.
pub(super) fn query_words(query: &str) -> Vec<String> {
    text::query_words(query)
}

/// What decides between versions of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) version: Option<String>,
    pub(super) last_updated: Option<String>,
    pub(super) lamport: u64,
    pub(super) content: ContentHash,
}

impl Version {
    /// The greater one is current.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let key = |version: &Self| {
            (
                version.last_updated.clone(),
                version.version.clone(),
                version.lamport,
                version.content,
            )
        };
        key(self).cmp(&key(other))
    }
}

/// Stands in until the rooms provide these.
pub(super) mod standin {
    use crate::error::{Error, Result};
    use crate::record::ids::{ContentHash, ResourceId};
    use crate::record::resource::{Reference, Resource};
    use crate::record::row::{Category, Row};
    use crate::record::text::fold_words;
    use serde_json::Value;

    pub(crate) fn unpack_body(body: &[u8]) -> Result<Vec<u8>> {
        match body.split_first() {
            Some((0, rest)) => Ok(rest.to_vec()),
            Some((1, rest)) => zstd::bulk::decompress(rest, carnet_wire::limits::MAX_BODY_BYTES)
                .map_err(|_| Error::Corrupt("a body")),
            _ => Err(Error::Corrupt("a body")),
        }
    }

    fn text_at(value: &Value, path: &str) -> Option<String> {
        match value.pointer(path)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn read(text: &str, issuer: &str, _full_url: Option<&str>) -> Option<Resource> {
        let value: Value = serde_json::from_str(text).ok()?;
        let kind = text_at(&value, "/resourceType")?;
        let native = format!("{kind}/{}", text_at(&value, "/id")?);
        let short =
            |hash: blake3::Hash| -> [u8; 16] { std::array::from_fn(|at| hash.as_bytes()[at]) };
        let id = ResourceId(short(blake3::hash(format!("{issuer}|{native}").as_bytes())));
        let display =
            text_at(&value, "/code/text").or_else(|| text_at(&value, "/code/coding/0/display"));
        let mut words = String::new();
        for path in [
            "/code/text",
            "/code/coding/0/display",
            "/status",
            "/valueQuantity/unit",
        ] {
            words.push_str(&text_at(&value, path).unwrap_or_default());
            words.push(' ');
        }
        let row = Row {
            id,
            kind: kind.clone(),
            category: if kind == "Observation" {
                Category::Laboratory
            } else {
                Category::Other
            },
            document_category: None,
            system: text_at(&value, "/code/coding/0/system"),
            code: text_at(&value, "/code/coding/0/code"),
            display,
            display_fr: None,
            display_en: None,
            display_from: text_at(&value, "/medicationReference/reference"),
            when: text_at(&value, "/effectiveDateTime")
                .or_else(|| text_at(&value, "/onsetDateTime")),
            value: text_at(&value, "/valueQuantity/value"),
            comparator: text_at(&value, "/valueQuantity/comparator"),
            unit: text_at(&value, "/valueQuantity/unit"),
            status: text_at(&value, "/status"),
        };
        Some(Resource {
            id,
            content: ContentHash(short(blake3::hash(text.as_bytes()))),
            kind,
            native: native.clone(),
            version: text_at(&value, "/meta/versionId"),
            last_updated: text_at(&value, "/meta/lastUpdated"),
            row,
            words: fold_words(&words),
            references: text_at(&value, "/subject/reference")
                .map(|target| Reference {
                    path: "subject".into(),
                    target,
                })
                .into_iter()
                .collect(),
            aliases: vec![native],
        })
    }
}
