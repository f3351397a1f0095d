//! The names under which entries stand at the root of a shard, and the one encoding of a corrected value. The module
//! documentation of the patient layer holds the layout in prose.

use super::{MAX_FIELD_BYTES, ProfileField};
use crate::record::ids::{EntryId, ResourceId};
use carnet_wire::Canonical;
use minicbor::{Decode, Encode};

/// What a root key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    Note(EntryId),
    Correction(ResourceId, String),
    Profile(ProfileField),
}

impl Key {
    /// Reads a key; anything but the one spelling of a known key is unknown.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "note" => EntryId::from_hex(rest).map(Self::Note),
            "correct" => {
                let (on, field) = rest.split_once(':')?;
                let on = ResourceId::from_hex(on)?;
                is_field(field).then(|| Self::Correction(on, field.to_owned()))
            }
            "profile" => ProfileField::from_name(rest).map(Self::Profile),
            _ => None,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Note(id) => write!(out, "note:{id}"),
            Self::Correction(on, field) => write!(out, "correct:{on}:{field}"),
            Self::Profile(field) => write!(out, "profile:{}", field.name()),
        }
    }
}

/// Whether `field` can name a field: not empty, not too long, nothing invisible.
pub(super) fn is_field(field: &str) -> bool {
    !field.is_empty() && field.len() <= MAX_FIELD_BYTES && !field.chars().any(char::is_control)
}

impl ProfileField {
    /// The stable name in a shard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::BirthDate => "birth-date",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Name, Self::BirthDate]
            .into_iter()
            .find(|field| field.name() == name)
    }
}

/// A corrected value and when its author wrote it, in one scalar: two keys could be set apart by concurrent edits.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(super) struct Stamped {
    #[n(0)]
    pub value: String,
    #[n(1)]
    pub recorded_at: i64,
}

impl Stamped {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::from_canonical(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_have_one_spelling() {
        let keys = [
            Key::Note(EntryId([7; 16])),
            Key::Correction(ResourceId([0xab; 16]), "valueQuantity.value".into()),
            Key::Correction(ResourceId([1; 16]), "a:b".into()),
            Key::Profile(ProfileField::Name),
            Key::Profile(ProfileField::BirthDate),
        ];
        for key in keys {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        let upper = format!("note:{}", "AB".repeat(16));
        let no_field = format!("correct:{}:", "ab".repeat(16));
        for unknown in [
            "",
            "note",
            "note:",
            "note:ab",
            &upper,
            &no_field,
            "correct:x:y",
            "profile:age",
            "hide:1",
        ] {
            assert_eq!(Key::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_stamped_value_has_one_encoding() {
        let stamped = Stamped {
            value: "5.1".into(),
            recorded_at: -1,
        };
        assert_eq!(stamped.to_bytes(), [0x82, 0x63, b'5', b'.', b'1', 0x20]);
        assert_eq!(Stamped::from_bytes(&stamped.to_bytes()), Some(stamped));
        assert_eq!(
            Stamped::from_bytes(&[0x82, 0x63, b'5', b'.', b'1', 0x38, 0x00]),
            None
        );
    }
}
