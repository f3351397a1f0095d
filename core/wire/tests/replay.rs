//! Replays the fuzzer's seeds and every hostile input through the same checks as the fuzz target, with the ordinary
//! compiler and in the ordinary test run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../tests/fuzz/checks/envelope.rs"]
mod envelope;

use std::path::Path;

/// Checks every file of `folder`, and each cut short and with single bytes flipped; returns how many files there were.
fn replay(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests")
        .join(folder);
    let files = std::fs::read_dir(&folder).expect("the folder is there");
    let mut count = 0;
    for file in files {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        envelope::check(&bytes);
        damage(&bytes);
        count += 1;
    }
    count
}

/// The cheap neighbours of an input. The seeds are small, so every cut and one flip of every byte stay quick.
fn damage(bytes: &[u8]) {
    for at in 0..bytes.len().min(600) {
        envelope::check(&bytes[..at]);
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        envelope::check(&flipped);
    }
}

#[test]
fn seeds_hold() {
    assert!(replay("fuzz/corpus/envelope") >= 15);
}

#[test]
fn hostile_inputs_hold() {
    assert!(replay("hostile/envelope") >= 10);
}
