//! What people wrote, read back from an archive: notes and corrections, each once however often it is read.
//!
//! This device signs what it writes: who wrote a note first, and when, stands in the archive for people to read. A note about
//! a resource that the record does not have is left out, and told.

use super::gather::Gather;
use super::report::Fate;
use crate::error::{Error, Result};
use crate::record::ids::ResourceId;
use crate::record::json::{self, Limits, Object};
use crate::store::views;
use crate::vault::NewEdit;
use crate::vault::edit;

/// Longest file of notes.
pub const MAX_NOTES_BYTES: u64 = 16 << 20;
const LIMITS: Limits = Limits {
    depth: 8,
    nodes: 2_000_000,
};
/// Edits of one transaction.
const AT_ONCE: usize = 500;
const UNREADABLE: &str = "the notes of this archive are damaged: export it again";
const ABOUT_NOTHING: &str = "notes or corrections are about something this record does not have";

/// Writes what the record does not say yet.
pub fn write(gather: &mut Gather<'_>, bytes: &[u8]) -> Result<()> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let Ok(written) = json::parse_within(text, LIMITS) else {
        gather.report.fate = Fate::Rejected;
        gather.report.reason = Some(UNREADABLE);
        return Ok(());
    };
    let notes = written.objects("notes").filter_map(note_of);
    let corrections = written.objects("corrections").filter_map(correction_of);
    let mut fresh = Vec::new();
    for edit in notes.chain(corrections) {
        match stands(gather, &edit)? {
            Some(true) => gather.report.unchanged += 1,
            Some(false) => fresh.push(edit),
            None => gather.warn_once(ABOUT_NOTHING),
        }
    }
    let target = gather.target();
    for edits in fresh.chunks(AT_ONCE) {
        edit::edit_all(target.open, target.clock.now(), edits)?;
    }
    gather.report.new += fresh.len() as u64;
    Ok(())
}

fn on(object: &Object<'_>) -> Option<ResourceId> {
    ResourceId::from_hex(object.str("on")?)
}

fn note_of(note: &Object<'_>) -> Option<NewEdit> {
    let text = note.str("text").filter(|text| !text.trim().is_empty())?;
    Some(NewEdit::Note {
        on: on(note)?,
        text: text.to_owned(),
    })
}

fn correction_of(correction: &Object<'_>) -> Option<NewEdit> {
    Some(NewEdit::Correction {
        on: on(correction)?,
        field: correction.str("field")?.to_owned(),
        value: correction.str("value")?.to_owned(),
    })
}

/// Whether the record says it already; none when it does not have the resource.
fn stands(gather: &Gather<'_>, edit: &NewEdit) -> Result<Option<bool>> {
    let (NewEdit::Note { on, .. } | NewEdit::Correction { on, .. }) = edit;
    let target = gather.target();
    let detail = match target.open.store.read(|conn| views::detail(conn, *on)) {
        Ok(detail) if detail.row.record == target.record => detail,
        Ok(_) | Err(Error::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(match edit {
        NewEdit::Note { text, .. } => detail.notes.iter().any(|note| note.text == text.trim()),
        NewEdit::Correction { field, value, .. } => {
            let mut corrections = detail.corrections.iter();
            corrections.any(|one| one.field == *field && one.value == *value)
        }
    }))
}
