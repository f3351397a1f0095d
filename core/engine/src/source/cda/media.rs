//! Files inside a document: PDFs, images, a text. Their bytes come out as they went in; each has a DocumentReference.

use super::Embedded;
use super::identity::{Naming, urn};
use super::reader::{Body, Place, Reader, Section};
use super::tree::Element;
use super::values::concept;
use crate::source::document::{hash_of, url_of};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use roxmltree::NodeId;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Padding is sometimes forgotten.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
const DAMAGED: &str = "an embedded file is damaged: it stays as the text it is";
const OUTSIDE: &str = "the document points to a file that is not in it";
const COMPRESSED: &str = "an embedded file is compressed, and kept so";

/// The files found so far.
#[derive(Default)]
pub struct Media {
    /// Their bytes.
    pub files: Vec<Embedded>,
    /// Which of them an element holds.
    by_element: HashMap<NodeId, usize>,
}

impl<'a, 'd> Reader<'a, 'd> {
    /// Takes every file out of the document, so that no mapper meets their text.
    pub fn take_files(&mut self) {
        let document = self.document;
        let encoded = document
            .descendants()
            .filter(|element| element.peek("representation") == Some("B64"));
        for element in encoded {
            let texts = element.node().children().filter_map(|child| child.text());
            let digits: Vec<u8> = texts
                .flat_map(str::bytes)
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect();
            if digits.is_empty() {
                continue;
            }
            match BASE64.decode(&digits) {
                Ok(bytes) => {
                    element.mark_read();
                    self.keep_file(&element, bytes);
                }
                Err(_) => self.warn(DAMAGED),
            }
        }
        if let Some(text) = document.at("component/nonXMLBody/text") {
            self.take_body(&text);
        }
    }

    /// The body of a level 1 document that is not encoded: a text, or a pointer to a file.
    fn take_body(&mut self, text: &Element<'a, 'd>) {
        if text.peek("representation") == Some("B64") {
            return;
        }
        if let Some(reference) = text.at("reference") {
            reference.mark_read();
            self.warn(OUTSIDE);
        }
        let plain = text.node().text().unwrap_or_default();
        if !plain.trim().is_empty() {
            text.mark_read();
            self.keep_file(text, plain.as_bytes().to_vec());
        }
    }

    fn keep_file(&mut self, element: &Element<'a, 'd>, bytes: Vec<u8>) {
        if element.peek("compression").is_some() {
            self.warn(COMPRESSED);
        }
        let media_type = element.peek("mediaType").map(str::to_ascii_lowercase);
        self.media
            .by_element
            .insert(element.node().id(), self.media.files.len());
        self.media.files.push(Embedded {
            location: format!("file[{}]", self.media.files.len() + 1),
            media_type: media_type.unwrap_or_else(|| guess(&bytes).to_owned()),
            file_name: None,
            bytes,
        });
    }

    /// The DocumentReference of an observationMedia, or of a value that is a file; `None` when there is no file in it.
    pub fn file_of(
        &mut self,
        statement: &Element<'a, 'd>,
        place: &Place<'_>,
    ) -> Option<Body<'a, 'd>> {
        let holder = statement
            .elements()
            .find(|child| self.media.by_element.contains_key(&child.node().id()))?;
        let at = self.media.by_element.remove(&holder.node().id())?;
        let mut body = self.file_body(at, place)?;
        let title = place.section.title.clone();
        body.put("description", title.map(Value::String));
        Some(body)
    }

    /// DocumentReferences for the files that no statement claimed.
    pub fn end_files(&mut self) {
        let mut left: Vec<usize> = self.media.by_element.drain().map(|(_, at)| at).collect();
        left.sort_unstable();
        let section = Section::default();
        for at in left {
            let place = Place {
                section: &section,
                path: format!("file[{}]", at + 1),
                entry: usize::MAX,
            };
            if let Some(mut body) = self.file_body(at, &place) {
                let title = self.document.at("title").map(|title| title.peek_text());
                body.put(
                    "description",
                    title.filter(|title| !title.is_empty()).map(Value::String),
                );
                self.end(body);
            }
        }
    }

    fn file_body(&mut self, at: usize, place: &Place<'_>) -> Option<Body<'a, 'd>> {
        let file = self.media.files.get(at)?;
        let hash = hash_of(&file.bytes);
        let mut naming = Naming::of("file");
        naming.add(&self.key);
        naming.add(&hash);
        naming.add(place.path.as_bytes());
        let attachment = json!({
            "contentType": file.media_type,
            "url": url_of(&hash),
            "size": file.bytes.len(),
        });
        let mut body = self.bare("DocumentReference", urn(naming.finish()), &place.path);
        body.map.insert("status".to_owned(), json!("current"));
        let kind = self
            .document
            .at("code")
            .and_then(|code| concept(&code, &self.narrative));
        body.put("type", kind);
        body.put("subject", Some(self.patient_reference()));
        body.map
            .insert("content".to_owned(), json!([{"attachment": attachment}]));
        body.map.insert(
            "context".to_owned(),
            json!({"related": [{"reference": self.urn}]}),
        );
        Some(body)
    }
}

/// What the first bytes say, where the document does not.
fn guess(bytes: &[u8]) -> &'static str {
    match bytes {
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        _ if std::str::from_utf8(bytes).is_ok() => "text/plain",
        _ => "application/octet-stream",
    }
}
