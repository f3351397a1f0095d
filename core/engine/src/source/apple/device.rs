//! Which device a record is of. The text HealthKit prints has the address of an object in it, another one in every run, and
//! the version of its software, another one after every update: one telephone was seen as 73 devices by a program that took
//! it whole. A source is the name, the maker, the model and the hardware; a watch and its successor are two.

use super::attributes::text;
use crate::record::series::{MAX_SOURCE_BYTES, Source, SourceKind};
use crate::source::series::Gather;
use std::collections::HashMap;

/// The devices met so far.
#[derive(Default)]
pub(super) struct Devices {
    known: HashMap<Vec<u8>, usize>,
    /// The name and the stable part of the text of the record before.
    scratch: Vec<u8>,
}

/// Spellings of devices remembered; further ones are read again each time.
const MAX_KNOWN: usize = 10_000;

impl Devices {
    /// The number of a source in the gathering.
    pub fn source(&mut self, name: &[u8], device: &[u8], gather: &mut Gather) -> usize {
        let stable = behind_the_address(device);
        self.scratch.clear();
        self.scratch.extend_from_slice(name);
        self.scratch.push(0);
        self.scratch.extend_from_slice(stable);
        if let Some(number) = self.known.get(&self.scratch) {
            return *number;
        }
        let number = gather.source(source(&text(name), &text(stable)));
        if self.known.len() < MAX_KNOWN {
            self.known.insert(self.scratch.clone(), number);
        }
        number
    }
}

/// What follows `<<HKDevice: 0x282a45810>, `.
fn behind_the_address(device: &[u8]) -> &[u8] {
    const END: &[u8] = b"&gt;, ";
    let at = device.windows(END.len()).position(|part| part == END);
    let behind = at.and_then(|at| device.get(at + END.len()..));
    behind.unwrap_or(device)
}

/// The source of a name and of `name:Apple Watch, manufacturer:Apple, model:Watch, hardware:Watch2,4, software:4.3.1>`.
fn source(name: &str, device: &str) -> Source {
    let part = |label| field(device, label);
    let (model, hardware) = (part("model:"), part("hardware:"));
    let parts = [part("name:"), part("manufacturer:"), model, hardware];
    let key = match parts.iter().all(|part| part.is_empty()) {
        true => format!("apple:{name}"),
        false => format!("apple:{name}|{}", parts.join("|")),
    };
    let told = [model, hardware, part("name:"), name].concat();
    let kind = match () {
        () if told.contains("Watch") => SourceKind::Watch,
        () if told.contains("iPhone") || told.contains("iPad") => SourceKind::Phone,
        () if !part("manufacturer:").is_empty() => SourceKind::Device,
        () => SourceKind::App,
    };
    Source {
        key: short(&key),
        name: short(name),
        kind,
    }
}

/// The value of a label: up to the next label. Hardware names have a comma of their own (`Watch6,7`).
fn field<'a>(device: &'a str, label: &str) -> &'a str {
    let Some((_, behind)) = device.split_once(label) else {
        return "";
    };
    let end = [
        ", manufacturer:",
        ", model:",
        ", hardware:",
        ", software:",
        ", creation date:",
        ">",
    ]
    .iter()
    .filter_map(|next| behind.find(next))
    .min();
    end.and_then(|end| behind.get(..end)).unwrap_or(behind)
}

/// Without control characters; a text beyond the limit ends in its hash, so that two of them stay two.
fn short(written: &str) -> String {
    const HASH_DIGITS: usize = 16;
    let clean: String = written.chars().filter(|one| !one.is_control()).collect();
    if clean.len() <= MAX_SOURCE_BYTES {
        return clean;
    }
    let cut = clean.floor_char_boundary(MAX_SOURCE_BYTES - HASH_DIGITS);
    let hash = blake3::hash(clean.as_bytes()).to_hex();
    let begin = clean.get(..cut).unwrap_or_default();
    format!("{begin}{}", hash.get(..HASH_DIGITS).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(texts: &[(&str, &str)]) -> Vec<usize> {
        let (mut devices, mut gather) = (Devices::default(), Gather::default());
        let number = |(name, device): &(&str, &str)| {
            devices.source(name.as_bytes(), device.as_bytes(), &mut gather)
        };
        texts.iter().map(number).collect()
    }

    fn watch(address: &str, hardware: &str, software: &str) -> String {
        format!(
            "&lt;&lt;HKDevice: {address}&gt;, name:Apple Watch, manufacturer:Apple, model:Watch, hardware:{hardware}, software:{software}&gt;"
        )
    }

    #[test]
    fn an_address_and_an_update_make_no_new_device() {
        let (old, updated) = (
            watch("0x1", "Watch2,4", "4.3"),
            watch("0x2", "Watch2,4", "4.4"),
        );
        let successor = watch("0x1", "Watch6,7", "4.3");
        let read = numbers(&[
            ("Léa\u{2019}s Apple Watch", &old),
            ("Léa\u{2019}s Apple Watch", &updated),
            ("Léa\u{2019}s Apple Watch", &successor),
            ("Health Mate", ""),
            ("Tom\u{2019}s Apple Watch", &old),
            ("Health Mate", ""),
        ]);
        assert_eq!(read, [0, 0, 1, 2, 3, 2]);
    }

    #[test]
    fn who_measures_is_told_from_the_words() {
        let device = "name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,7, software:10.2>";
        let found = source("Montre", device);
        assert_eq!(
            found.key,
            "apple:Montre|Apple Watch|Apple Inc.|Watch|Watch6,7"
        );
        assert_eq!(found.kind, SourceKind::Watch);
        assert_eq!(source("Simon\u{2019}s iPhone", "").kind, SourceKind::Phone);
        assert_eq!(
            source("Scale", "name:X, manufacturer:Withings>").kind,
            SourceKind::Device
        );
        assert_eq!(source("Health Mate", "").kind, SourceKind::App);
    }

    #[test]
    fn long_and_hostile_names_stay_apart_and_within_the_limit() {
        let long = "é".repeat(400);
        let (one, other) = (
            source(&format!("{long}a"), ""),
            source(&format!("{long}b"), ""),
        );
        assert_ne!(one.key, other.key);
        assert!(one.check().is_ok() && source("a\n\u{7}b", "").check().is_ok());
    }
}
