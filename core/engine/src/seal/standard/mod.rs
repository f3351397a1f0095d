//! The published vectors of every primitive, through this room's own functions wherever these take the vectors' inputs, and through
//! the very crate below them where they fix what a vector varies; each file says which. Every test counts what it ran: a set that
//! lost vectors fails. `tests/vectors/standard/README.md` says where the sets come from.

#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice)]

mod ciphers;
mod derivations;
mod kems;
mod signatures;

use serde_json::Value;

/// All vectors of a file of `tests/vectors/standard`.
fn vectors(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/../../tests/vectors/standard/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}
