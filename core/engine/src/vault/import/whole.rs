//! Formats whose files are held whole while they are read: what a reader found, beside the bytes as they came.

use super::content::{Content, MAX_HELD_BYTES};
use super::documents;
use super::gather::Gather;
use super::person;
use super::read::{self, Import};
use super::report::Fate;
use crate::error::Result;
use crate::source::{self, Format, Outcome, Whole, document};

const TOO_LARGE: &str = "a document of more than 64 MB: kept, its content is not read";

/// Reads bytes, or says why not.
pub type Reader = fn(&[u8]) -> std::result::Result<Whole, &'static str>;

/// Reads an item, keeps its bytes, and asks first when it is about somebody else. What the reader refuses is a document.
pub fn read(
    import: &Import<'_>,
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
    reader: Reader,
) -> Result<()> {
    let Some(bytes) = content.whole(MAX_HELD_BYTES)? else {
        return documents::keep_item(gather, content, format, Some(TOO_LARGE));
    };
    let read = match reader(&bytes) {
        Ok(read) => read,
        Err(reason) => return documents::keep_item(gather, content, format, Some(reason)),
    };
    let hash = document::hash_of(&bytes);
    let patients = read.outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Draft(draft) if draft.resource.kind == "Patient" => source::patient_of(draft),
        _ => None,
    });
    let patients: Vec<_> = patients.collect();
    if let Some(question) = person::question(import, &patients, hash) {
        person::hold(gather, question);
        return Ok(());
    }
    gather.set_original(hash);
    documents::keep_item(gather, content, format, None)?;
    if gather.report.fate == Fate::Rejected {
        return Ok(());
    }
    gather.report.fate = Fate::Understood;
    for outcome in read.outcomes {
        read::take(gather, outcome)?;
    }
    for warning in read.warnings {
        gather.warn(warning.to_owned());
    }
    Ok(())
}
