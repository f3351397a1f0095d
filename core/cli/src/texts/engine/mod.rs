//! French for the constant texts of the engine's errors, rejections and notices. The engine speaks English constants;
//! apps translate. A text that is not here is shown as it is.

mod documents;
mod everyday;
mod import;
mod people;
mod readers;
mod safety;
mod series;
mod sources;

use crate::language::Language;

/// English, French: one table for each family of texts.
const FAMILIES: &[&[(&str, &str)]] = &[
    documents::FRENCH,
    everyday::FRENCH,
    import::FRENCH,
    people::FRENCH,
    readers::FRENCH,
    safety::FRENCH,
    series::FRENCH,
    sources::FRENCH,
];

/// Every text and its French twin.
pub fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    FAMILIES.iter().copied().flatten()
}

/// The engine's text in the language.
pub fn translate(english: &str, language: Language) -> &str {
    let french = all().find(|(known, _)| *known == english);
    match (language, french) {
        (Language::Fr, Some((_, french))) => french,
        _ => english,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The calls whose constant a person ends up reading: what they typed, asked for, paired or imported, what is over a limit,
    /// and what a relay answered.
    const READ_BY_PEOPLE: [&str; 9] = [
        "NotFound(",
        "Ambiguous(",
        "Pairing(",
        "Refusal(",
        "InvalidInput(",
        "Invalid(",
        "TooLarge(",
        "Garbled(",
        "Source(",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    fn constants(text: &str) -> Vec<String> {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let after = READ_BY_PEOPLE
            .iter()
            .flat_map(|call| code.split(call).skip(1));
        after
            .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'))
            .map(|(constant, _)| constant.to_owned())
            .collect()
    }

    #[test]
    fn what_the_engine_says_to_people_has_its_french() {
        let mut files = Vec::new();
        let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src");
        sources(&engine, &mut files);
        let mut missing: Vec<String> = files
            .iter()
            .filter(|path| !path.to_string_lossy().ends_with("tests.rs"))
            .flat_map(|path| constants(&fs::read_to_string(path).unwrap()))
            .filter(|constant| !all().any(|(english, _)| english == constant))
            .collect();
        missing.sort();
        missing.dedup();
        assert!(missing.is_empty(), "add to texts/engine: {missing:#?}");
    }

    #[test]
    fn the_search_sees_constants_and_only_outside_tests() {
        let text = "Error::NotFound(\n  \"a\")\n Refusal(\"b\") NotFound(what) #[cfg(test)] Pairing(\"c\")";
        assert_eq!(constants(text), ["a", "b"]);
    }
}
