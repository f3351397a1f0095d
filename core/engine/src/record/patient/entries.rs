//! What a shard says, as plain values: the rows that the views of notes, corrections and the profile are made of.
//!
//! Reading never fails on what somebody wrote: what does not have the shape this build knows is counted.

use super::layout::{Key, Stamped};
use super::{Actor, ProfileField};
use crate::error::{Error, Result};
use crate::record::ids::{EntryId, ResourceId};
use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValueRef, Value, ValueRef};
use core::cmp::Reverse;
use std::collections::BTreeMap;

/// Everything the views need of a shard, or of several [combined](combine). Sorted, so that equal shards give equal values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Notes, oldest first.
    pub notes: Vec<NoteEntry>,
    /// Corrections by resource and field.
    pub corrections: Vec<CorrectionEntry>,
    /// The person's profile: all surviving values of each part, the one to show first.
    pub profile: Vec<(ProfileField, Vec<FieldValue>)>,
    /// Entries that this build does not understand. They are kept.
    pub unknown: usize,
}

/// A note on a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteEntry {
    /// When, by its author's clock, in milliseconds since 1970.
    pub recorded_at: i64,
    /// Its name.
    pub id: EntryId,
    /// Which resource.
    pub on: ResourceId,
    /// The note.
    pub text: String,
    /// Who wrote all of it.
    pub actor: Actor,
}

/// What people say that a field of a resource should say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectionEntry {
    /// Which resource.
    pub on: ResourceId,
    /// Path of the field.
    pub field: String,
    /// The surviving values, the one to show first; more than one is a conflict.
    pub values: Vec<FieldValue>,
}

/// One surviving value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldValue {
    /// What it says.
    pub value: String,
    /// When, by its author's clock, in milliseconds since 1970.
    pub recorded_at: i64,
    /// Who wrote it.
    pub actor: Actor,
    /// Automerge's operation counter: higher than that of every value its author had seen in the shard.
    pub counter: u64,
}

impl Entries {
    pub(super) fn read(document: &Automerge) -> Result<Self> {
        let mut found = Found::default();
        for item in document.map_range(ROOT, ..) {
            let Some(key) = Key::parse(&item.key) else {
                found.unknown += 1;
                continue;
            };
            match key {
                Key::Note(id) => {
                    found.unknown += usize::from(item.conflict);
                    let note = match item.value {
                        ValueRef::Object(ObjType::Map) => read_note(document, id, &item.id()),
                        _ => None,
                    };
                    found.add_note(note);
                }
                Key::Correction(on, field) => {
                    let values = found.read_values(document, &item.key)?;
                    found
                        .corrections
                        .entry((on, field))
                        .or_default()
                        .extend(values);
                }
                Key::Profile(field) => {
                    let values = found.read_values(document, &item.key)?;
                    found.profile.entry(field).or_default().extend(values);
                }
            }
        }
        Ok(found.finish())
    }
}

/// What all shards say together. Values of one field that survive in several shards are all kept: shards do not know each
/// other's history, so none of them is newer. The order is the same on every device.
pub fn combine(shards: impl IntoIterator<Item = Entries>) -> Entries {
    let mut found = Found::default();
    for shard in shards {
        found.unknown += shard.unknown;
        found.notes.extend(shard.notes);
        for entry in shard.corrections {
            found
                .corrections
                .entry((entry.on, entry.field))
                .or_default()
                .extend(entry.values);
        }
        for (field, values) in shard.profile {
            found.profile.entry(field).or_default().extend(values);
        }
    }
    found.finish()
}

/// Entries on the way to their order.
#[derive(Default)]
struct Found {
    notes: Vec<NoteEntry>,
    corrections: BTreeMap<(ResourceId, String), Vec<FieldValue>>,
    profile: BTreeMap<ProfileField, Vec<FieldValue>>,
    unknown: usize,
}

impl Found {
    fn add_note(&mut self, note: Option<NoteEntry>) {
        match note {
            Some(note) => self.notes.push(note),
            None => self.unknown += 1,
        }
    }

    /// All surviving values under a root key; those of another shape are counted.
    fn read_values(&mut self, document: &Automerge, key: &str) -> Result<Vec<FieldValue>> {
        let all = document
            .get_all(ROOT, key)
            .map_err(|_| Error::Corrupt("the patient layer"))?;
        let total = all.len();
        let values: Vec<_> = all
            .into_iter()
            .filter_map(|(value, id)| read_value(&value, &id))
            .collect();
        self.unknown += total - values.len();
        Ok(values)
    }

    fn finish(mut self) -> Entries {
        // Entry ids are random; only a forger writes one twice, in two shards. The same one wins everywhere.
        self.notes.sort_by(|a, b| (a.id, a).cmp(&(b.id, b)));
        let all = self.notes.len();
        self.notes.dedup_by_key(|note| note.id);
        self.unknown += all - self.notes.len();
        self.notes.sort();
        let corrections = self
            .corrections
            .into_iter()
            .filter(|(_, values)| !values.is_empty());
        let profile = self
            .profile
            .into_iter()
            .filter(|(_, values)| !values.is_empty());
        Entries {
            notes: self.notes,
            corrections: corrections
                .map(|((on, field), values)| CorrectionEntry {
                    on,
                    field,
                    values: ordered(values),
                })
                .collect(),
            profile: profile
                .map(|(field, values)| (field, ordered(values)))
                .collect(),
            unknown: self.unknown,
        }
    }
}

/// Highest counter first, then highest actor: inside one shard this is the value that Automerge itself would show.
fn ordered(mut values: Vec<FieldValue>) -> Vec<FieldValue> {
    values.sort_by_cached_key(|value| {
        Reverse((
            value.counter,
            value.actor,
            value.recorded_at,
            value.value.clone(),
        ))
    });
    values
}

fn read_value(value: &Value<'_>, id: &ObjId) -> Option<FieldValue> {
    let Value::Scalar(scalar) = value else {
        return None;
    };
    let automerge::ScalarValue::Bytes(bytes) = scalar.as_ref() else {
        return None;
    };
    let Stamped { value, recorded_at } = Stamped::from_bytes(bytes)?;
    let (counter, actor) = operation_of(id)?;
    Some(FieldValue {
        value,
        recorded_at,
        actor,
        counter,
    })
}

fn read_note(document: &Automerge, id: EntryId, map: &ObjId) -> Option<NoteEntry> {
    let (_, actor) = operation_of(map)?;
    let (mut on, mut text, mut recorded_at) = (None, None, None);
    for part in document.map_range(map, ..) {
        let (_, author) = operation_of(&part.id())?;
        if author != actor || part.conflict {
            return None;
        }
        match (part.key.as_ref(), part.value) {
            ("on", ValueRef::Scalar(ScalarValueRef::Bytes(bytes))) => {
                on = ResourceId::from_slice(&bytes)
            }
            ("text", ValueRef::Scalar(ScalarValueRef::Str(string))) => {
                text = Some(string.into_owned())
            }
            ("at", ValueRef::Scalar(ScalarValueRef::Int(at))) => recorded_at = Some(at),
            // A newer app may add parts to a note; they do not change what this build shows.
            _ => {}
        }
    }
    Some(NoteEntry {
        recorded_at: recorded_at?,
        id,
        on: on?,
        text: text?,
        actor,
    })
}

/// The counter and actor of the operation that wrote a value.
fn operation_of(id: &ObjId) -> Option<(u64, Actor)> {
    match id {
        ObjId::Id(counter, actor, _) => actor
            .to_bytes()
            .try_into()
            .ok()
            .map(|actor| (*counter, Actor(actor))),
        ObjId::Root => None,
    }
}
