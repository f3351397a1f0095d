//! Canaries: words no program would write by itself, put into a record and then looked for in every byte that others could
//! get hold of.

use crate::paths::files_below;
use std::path::Path;

/// A person's name.
pub const NAME: &str = "Zephyrine-Quaxolotl";
/// A diagnosis.
pub const DIAGNOSIS: &str = "Vexillodystrophie";
/// A value.
pub const VALUE: &str = "8675309.4142";
/// A note.
pub const NOTE: &str = "krambambulipalaver";
/// A corrected value.
pub const CORRECTION: &str = "5551212.7071";
/// A native id.
pub const NATIVE: &str = "canary-id-qzx-0001";
/// A file name.
pub const FILE: &str = "wobblefrankenbilirubin";

/// All of them.
pub const ALL: &[&str] = &[NAME, DIAGNOSIS, VALUE, NOTE, CORRECTION, NATIVE, FILE];

/// FHIR resources full of canaries, one a line.
pub fn resources() -> String {
    let patient = format!(
        r#"{{"resourceType":"Patient","id":"{NATIVE}","name":[{{"family":"{NAME}","given":["{NAME}"]}}],"birthDate":"1951-02-03"}}"#
    );
    let observation = format!(
        r#"{{"resourceType":"Observation","id":"{NATIVE}-o","status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"2345-7","display":"{DIAGNOSIS}"}}],"text":"{DIAGNOSIS}"}},"subject":{{"reference":"Patient/{NATIVE}"}},"effectiveDateTime":"2024-05-06T07:08:09+02:00","valueQuantity":{{"value":{VALUE},"unit":"mg/L"}}}}"#
    );
    let condition = format!(
        r#"{{"resourceType":"Condition","id":"{NATIVE}-c","code":{{"text":"{DIAGNOSIS}"}},"subject":{{"reference":"Patient/{NATIVE}","display":"{NAME}"}},"note":[{{"text":"{NOTE}"}}]}}"#
    );
    format!("{patient}\n{observation}\n{condition}\n")
}

/// Where a canary was found: the haystack, the word, the form it had.
pub type Hit = (String, &'static str, &'static str);

/// Looks for every canary, in every form, in one haystack.
pub fn hits_in(name: &str, haystack: &[u8]) -> Vec<Hit> {
    let folded = haystack.to_ascii_lowercase();
    let mut hits = Vec::new();
    for word in ALL {
        for (form, needle, fold) in forms(word) {
            let searched = if fold { &folded } else { haystack };
            if contains(searched, &needle) {
                hits.push((name.to_owned(), *word, form));
            }
        }
    }
    hits
}

/// Looks for every canary in every file below a folder, and in the names of the files.
pub fn hits_below(folder: &Path) -> Vec<Hit> {
    let mut hits = Vec::new();
    for file in files_below(folder) {
        let name = file.to_string_lossy().into_owned();
        hits.extend(hits_in(&name, name.as_bytes()));
        hits.extend(hits_in(&name, &std::fs::read(&file).unwrap_or_default()));
    }
    hits
}

/// Form, bytes to look for, and whether case is folded. A shorter core stands for the word inside base64, whose text depends
/// on what precedes it.
fn forms(word: &str) -> Vec<(&'static str, Vec<u8>, bool)> {
    let lower = word.to_ascii_lowercase();
    let utf16 = |big: bool| -> Vec<u8> {
        let units = lower.encode_utf16();
        units
            .flat_map(|unit| {
                if big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            })
            .collect()
    };
    let mut forms = vec![
        ("text", lower.clone().into_bytes(), true),
        ("utf-16le", utf16(false), true),
        ("utf-16be", utf16(true), true),
        ("hexadecimal", hex(word.as_bytes()).into_bytes(), true),
        ("reversed", lower.bytes().rev().collect(), true),
    ];
    for skipped in 0..3 {
        for (kind, letters) in [("base64", STANDARD), ("base64url", URL)] {
            forms.push((kind, base64_core(word.as_bytes(), skipped, letters), false));
        }
    }
    forms
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The part of base64 that does not depend on the neighbours, when the word begins `skipped` bytes into a group of three.
fn base64_core(word: &[u8], skipped: usize, letters: &[u8; 64]) -> Vec<u8> {
    let from = (3 - skipped) % 3;
    let groups = word.get(from..).unwrap_or_default().chunks_exact(3);
    let encode = |group: &[u8]| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|shift| letters[(bits >> shift & 63) as usize])
    };
    groups.flat_map(encode).collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else {
        return false;
    };
    let mut from = 0;
    while let Some(at) = haystack[from..].iter().position(|byte| byte == first) {
        let start = from + at + 1;
        if haystack[start..].starts_with(rest) {
            return true;
        }
        from = start;
    }
    false
}
