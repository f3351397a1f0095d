//! Every reader on damaged input, with the ordinary compiler: the seeds of the fuzz targets, cut, flipped, doubled and spliced.
//!
//! No coverage guides it, as libFuzzer's would (`tests/fuzz`); what it finds is found by everybody who runs the tests. What
//! must hold is what the fuzz targets ask: no panic, nothing lost, and every draft derived again from its own text.

use carnet::source::{self, Format, apple, ble, cda, fhir_xml, health_card, openmhealth};
use carnet::source::{describe::describe, recognise};
use carnet_tests::dice::Dice;
use carnet_tests::paths::{files_below, repository, scale};

/// Reads bytes; `false` where a promise is broken.
type Check = fn(&[u8]) -> bool;

/// Every target that reads bytes of a source. Health Connect is a database: its target needs a fuzzer that knows SQLite.
const TARGETS: &[(&str, Check)] = &[
    ("apple", apple::fuzz_one),
    ("ble", ble::fuzz_one),
    ("cda", cda::fuzz_one),
    ("document", describes),
    ("fhir", source::fuzz_one),
    ("fhir_xml", fhir_xml::fuzz_one),
    ("health_card", health_card::fuzz_one),
    ("openmhealth", openmhealth::fuzz_one),
];

fn describes(bytes: &[u8]) -> bool {
    let formats = [
        Format::Pdf,
        Format::Jpeg,
        Format::Heic,
        Format::Dicom,
        Format::Html,
    ];
    let all = [recognise(bytes)].into_iter().chain(formats);
    all.map(|format| describe(format, bytes).title)
        .all(|title| title.is_none_or(|title| title.chars().count() <= 200))
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = repository().join("tests/fuzz/corpus").join(target);
    let files = files_below(&folder);
    assert!(!files.is_empty(), "{target} has no seeds");
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a seed"))
        .collect()
}

/// A place in so many bytes, or right behind them.
fn place(dice: &mut Dice, length: usize) -> usize {
    usize::try_from(dice.below(length as u64 + 1)).expect("a place")
}

/// One to four kinds of damage, one after the other.
fn damage(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = dice.pick(seeds).clone();
    for _ in 0..=dice.below(4) {
        let at = place(dice, bytes.len());
        let end = (at + place(dice, 64)).min(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let flipped = 1 << dice.below(8);
                bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte ^= flipped);
            }
            2 => {
                let written = *dice.pick(b"\0\"<>[]{}&%\x80\xff");
                bytes
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|byte| *byte = written);
            }
            3 => {
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            _ => {
                let other = dice.pick(seeds);
                let from = place(dice, other.len());
                bytes.splice(at..end, other[from..].iter().copied());
            }
        }
    }
    bytes
}

#[test]
fn mutations_of_every_seed_are_read_or_refused() {
    let rounds = scale("CARNET_MUTATIONS", 2_000);
    for (name, check) in TARGETS {
        let seeds = seeds(name);
        for seed in &seeds {
            assert!(check(seed), "{name}: a seed");
        }
        let mut dice = Dice::new(20_261_201);
        for round in 0..rounds {
            let bytes = damage(&seeds, &mut dice);
            assert!(
                check(&bytes),
                "{name}, round {round}: {:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

#[test]
fn every_fuzz_target_of_a_reader_is_replayed() {
    let folder = repository().join("tests/fuzz/fuzz_targets");
    let names = files_below(&folder).into_iter().map(|file| {
        let name = file.file_stem().expect("a name");
        name.to_string_lossy().into_owned()
    });
    let elsewhere = ["envelope", "health_connect"];
    let mut names: Vec<String> = names
        .filter(|name| !elsewhere.contains(&name.as_str()))
        .collect();
    names.sort();
    let replayed: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, replayed);
}
