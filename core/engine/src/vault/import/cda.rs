//! CDA in the importer: its resources, the files in it, and its own bytes, all or, while there is a question, nothing.

use super::content::{Content, MAX_HELD_BYTES};
use super::documents::{self, Seen};
use super::gather::Gather;
use super::person;
use super::read::{Import, keep_resource};
use crate::error::Result;
use crate::source::cda;
use crate::source::{Document, Draft, Format, document};

const TOO_LARGE: &str = "a document of more than 64 MB: kept, its content is not read";
const TOO_LARGE_PART: &str = "too large to travel in one piece: kept as a document";
const FRAGMENT: &str =
    "a part of a CDA document without the rest: kept, because nothing says whose it is";
const OTHER_XML: &str = "XML of no format that is read: kept as a document";
/// What a part of a CDA document says of itself: the namespace, or `classCode` and `typeCode` of HL7 version 3.
const HL7: [&[u8]; 3] = [b"urn:hl7-org:v3", b"classCode=", b"<templateId"];
/// The format that reports show.
const CDA: &str = "cda";

/// Reads a CDA, or keeps what is none.
pub fn read(
    import: &Import<'_>,
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
) -> Result<()> {
    let Some(bytes) = content.whole(MAX_HELD_BYTES)? else {
        return documents::keep_item(gather, content, format, Some(TOO_LARGE));
    };
    if !cda::sniff(&bytes) {
        let reason = match contains(&bytes, HL7) {
            true => FRAGMENT,
            false => OTHER_XML,
        };
        return documents::keep_item(gather, content, format, Some(reason));
    }
    let read = match cda::read_cda(&bytes) {
        Ok(read) => read,
        Err(refused) => {
            return documents::keep_item(gather, content, format, Some(refused.reason));
        }
    };
    gather.report.format = CDA;
    let hash = document::hash_of(&bytes);
    if let Some(question) = person::question(import, &[read.patient.traits()], hash) {
        person::hold(gather, question);
        return Ok(());
    }
    gather.confidential = read.confidentiality.iter().any(cda::Label::is_restricted);
    gather.set_original(hash);
    if !keep_files(gather, &bytes, &read)? {
        return Ok(());
    }
    let named = document::url_of(&hash);
    for draft in read.drafts {
        if draft.resource.kind == "DocumentReference" && draft.text.contains(&named) {
            gather.report.document = Some(draft.resource.id);
        }
        take(gather, draft)?;
    }
    for warning in read.warnings {
        gather.warn(warning.to_owned());
    }
    Ok(())
}

/// The bytes of the document and of the files in it, whose DocumentReferences are among the drafts; whether they may be kept.
fn keep_files(gather: &mut Gather<'_>, bytes: &[u8], read: &cda::Read) -> Result<bool> {
    let own = (bytes, Format::Cda.media_type());
    let inside = read.embedded.iter();
    let inside = inside.map(|file| (file.bytes.as_slice(), file.media_type.as_str()));
    for (bytes, media_type) in std::iter::once(own).chain(inside) {
        let seen = Seen::of(bytes);
        if !documents::attach(gather, &mut Content::Memory(bytes), &seen, media_type)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn take(gather: &mut Gather<'_>, draft: Draft) -> Result<()> {
    match gather.draft(draft)? {
        Some(Draft { location, text, .. }) => keep_resource(
            gather,
            &Document {
                location,
                reason: TOO_LARGE_PART,
                text,
            },
        ),
        None => Ok(()),
    }
}

fn contains(bytes: &[u8], words: [&[u8]; 3]) -> bool {
    let begins = |at: usize| {
        bytes
            .get(at..)
            .is_some_and(|rest| words.iter().any(|word| rest.starts_with(word)))
    };
    (0..bytes.len()).any(begins)
}
