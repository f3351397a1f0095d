//! Hand-made values for the tests of this crate.

use carnet::record::ids::{ContentHash, EntryId};
use carnet::vault::{Correction, Detail, Note, Related, Version};
use carnet_wire::{DeviceId, RecordId};

/// The record numbered `n`.
pub fn record(n: u8) -> RecordId {
    RecordId([n; 32])
}

/// The device numbered `n`.
pub fn device(n: u8) -> DeviceId {
    DeviceId([n; 32])
}

/// A correction made on device `n`.
pub fn correction(value: &str, n: u8) -> Correction {
    Correction {
        field: "value".to_owned(),
        source: Some("1.0".to_owned()),
        value: value.to_owned(),
        device: device(n),
        recorded_at: 1_709_210_096_789,
    }
}

/// A resource with one of everything.
pub fn detail(original: &str) -> Detail {
    Detail {
        row: crate::json::tests::row(),
        original: original.to_owned(),
        native: "Observation/crp".to_owned(),
        history: vec![Version {
            content: ContentHash([7; 16]),
            current: true,
            version: Some("2".to_owned()),
            last_updated: Some("2021-03-12T14:05:09+01:00".to_owned()),
            source: "bilan.json".to_owned(),
            format: "fhir-json".to_owned(),
            device: device(1),
            recorded_at: 1_709_210_096_789,
        }],
        notes: vec![Note {
            id: EntryId([9; 16]),
            text: "À revoir\u{1b}[2J".to_owned(),
            device: device(1),
            recorded_at: 1_709_210_096_789,
        }],
        corrections: vec![correction("0.8", 1)],
        references: vec![Related {
            path: "subject".to_owned(),
            target: None,
            display_fr: None,
            display_en: None,
            reference: "Patient/camille".to_owned(),
        }],
    }
}
