//! From edits to operations: how each edit is written into a document.

use super::layout::{Key, Stamped, is_field};
use super::shard::REFUSED;
use super::{Edit, MAX_CHANGE_BYTES, MAX_CORRECTION_BYTES, MAX_NOTE_BYTES};
use crate::error::{Error, Result};
use automerge::transaction::{CommitOptions, Transactable, Transaction};
use automerge::{Automerge, ObjType, ROOT, ReadDoc, ScalarValue};

/// Whether the edit is within its limits.
pub(super) fn check_edit(edit: &Edit) -> Result<()> {
    match edit {
        Edit::Annotate { text, .. } if text.is_empty() => Err(Error::Invalid("the note is empty")),
        Edit::Annotate { text, .. } if text.len() > MAX_NOTE_BYTES => {
            Err(Error::TooLarge("the note"))
        }
        Edit::Correct { field, .. } | Edit::Withdraw { field, .. } if !is_field(field) => Err(
            Error::Invalid("the field name is empty, too long, or has control characters"),
        ),
        Edit::Correct { value, .. }
        | Edit::Profile {
            value: Some(value), ..
        } if value.len() > MAX_CORRECTION_BYTES => Err(Error::TooLarge("the value")),
        _ => Ok(()),
    }
}

/// Writes the edits as one change of `document` and returns its bytes.
pub(super) fn write(document: &mut Automerge, edits: &[Edit], recorded_at: i64) -> Result<Vec<u8>> {
    let mut transaction = document.transaction();
    for edit in edits {
        write_edit(&mut transaction, edit, recorded_at)?;
    }
    // The time stands in the entries; Automerge's own field would repeat it.
    let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
    let hash = hash.ok_or(Error::Invalid("the edit changes nothing"))?;
    let change = document.get_change_by_hash(&hash).ok_or(REFUSED)?;
    if change.raw_bytes().len() > MAX_CHANGE_BYTES {
        return Err(Error::TooLarge("edits at once"));
    }
    Ok(change.raw_bytes().to_vec())
}

fn write_edit(transaction: &mut Transaction<'_>, edit: &Edit, recorded_at: i64) -> Result<()> {
    match edit {
        Edit::Annotate { id, on, text } => {
            let key = Key::Note(*id).to_string();
            if has(transaction, &key)? {
                return Err(Error::Invalid("an entry has this id already"));
            }
            let note = transaction
                .put_object(ROOT, key, ObjType::Map)
                .map_err(|_| REFUSED)?;
            transaction
                .put(&note, "on", ScalarValue::Bytes(on.0.to_vec()))
                .map_err(|_| REFUSED)?;
            transaction
                .put(&note, "text", ScalarValue::Str(text.as_str().into()))
                .map_err(|_| REFUSED)?;
            transaction
                .put(&note, "at", ScalarValue::Int(recorded_at))
                .map_err(|_| REFUSED)
        }
        Edit::Correct { on, field, value } => {
            let key = Key::Correction(*on, field.clone());
            set(transaction, &key, Some(value), recorded_at)
        }
        Edit::Withdraw { on, field } => {
            let key = Key::Correction(*on, field.clone());
            set(transaction, &key, None, recorded_at)
        }
        Edit::Profile { field, value } => set(
            transaction,
            &Key::Profile(*field),
            value.as_deref(),
            recorded_at,
        ),
    }
}

/// Writes over all surviving values of a field, or deletes them.
fn set(
    transaction: &mut Transaction<'_>,
    key: &Key,
    value: Option<&str>,
    recorded_at: i64,
) -> Result<()> {
    let key = key.to_string();
    match value {
        Some(value) => {
            let stamped = Stamped {
                value: value.to_owned(),
                recorded_at,
            };
            transaction
                .put(ROOT, key, ScalarValue::Bytes(stamped.to_bytes()))
                .map_err(|_| REFUSED)
        }
        None if has(transaction, &key)? => transaction.delete(ROOT, key).map_err(|_| REFUSED),
        None => Ok(()),
    }
}

fn has(transaction: &Transaction<'_>, key: &str) -> Result<bool> {
    transaction
        .get(ROOT, key)
        .map(|found| found.is_some())
        .map_err(|_| REFUSED)
}
