//! What the tests of this room share: small documents made here, and what they become.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{Read, read_cda};
use serde_json::Value;

pub fn read_all(bytes: &[u8]) -> Read {
    read_cda(bytes).expect("a document")
}

/// A document with that header and those sections.
pub fn document(header: &str, sections: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<ClinicalDocument xmlns=\"urn:hl7-org:v3\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <id root=\"1.2.3.4\" extension=\"7\"/>{header}\
         <component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>"
    )
}

/// A section with that code and those entries.
pub fn section(code: &str, entries: &str) -> String {
    format!(
        "<component><section><code code=\"{code}\" codeSystem=\"2.16.840.1.113883.6.1\"/><title>Titre</title>\
         <text><content ID=\"n1\">narrative one</content> and <content ID=\"n2\">two</content></text>{entries}</section></component>"
    )
}

/// The resources of one kind in a document of one section.
pub fn resources(kind: &str, code: &str, entries: &str) -> Vec<Value> {
    of_kind(
        &read_all(document("", &section(code, entries)).as_bytes()),
        kind,
    )
}

/// The only one.
pub fn resource(kind: &str, code: &str, entries: &str) -> Value {
    let mut found = resources(kind, code, entries);
    assert_eq!(found.len(), 1, "{kind}");
    found.remove(0)
}

pub fn of_kind(read: &Read, kind: &str) -> Vec<Value> {
    let drafts = read
        .drafts
        .iter()
        .filter(|draft| draft.resource.kind == kind);
    drafts
        .map(|draft| serde_json::from_str(&draft.text).unwrap())
        .collect()
}

/// The extension of that URL.
pub fn extension<'v>(resource: &'v Value, url: &str) -> Option<&'v Value> {
    resource
        .get("extension")?
        .as_array()?
        .iter()
        .find(|one| one["url"] == url)
}

/// A template id.
pub fn template(root: &str) -> String {
    format!("<templateId root=\"{root}\"/>")
}
