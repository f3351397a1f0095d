//! The patient layer under test: what it does, that it converges, and what it withstands.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod behaviour;
mod convergence;
mod foreign;
mod hazards;
mod mutations;

use super::*;
use carnet_wire::{DeviceId, Incarnation};

fn author(number: u8) -> Author {
    Author {
        device: DeviceId([number; 32]),
        incarnation: Incarnation([number; 8]),
    }
}

fn resource(number: u8) -> ResourceId {
    ResourceId([number; 16])
}

fn note(id: u8, text: &str) -> Edit {
    Edit::Annotate {
        id: EntryId([id; 16]),
        on: resource(1),
        text: text.into(),
    }
}

fn correct(on: u8, field: &str, value: &str) -> Edit {
    Edit::Correct {
        on: resource(on),
        field: field.into(),
        value: value.into(),
    }
}

fn values(entries: &Entries) -> Vec<Vec<&str>> {
    let texts = |entry: &CorrectionEntry| entry.values.len();
    assert!(
        entries.corrections.iter().all(|entry| texts(entry) > 0),
        "no entry without a value"
    );
    entries
        .corrections
        .iter()
        .map(|entry| entry.values.iter().map(|v| v.value.as_str()).collect())
        .collect()
}

/// Whatever a shard accepted it must be able to save and load again, unchanged.
fn assert_sound(shard: &Shard) {
    let saved = shard.save();
    let loaded = Shard::load(&saved, &author(200)).expect("a saved shard loads");
    assert_eq!(loaded.heads(), shard.heads());
    assert_eq!(loaded.entries().unwrap(), shard.entries().unwrap());
    assert_eq!(loaded.waiting(), shard.waiting());
}
