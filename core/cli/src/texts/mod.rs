//! Every sentence people read, in both languages, side by side. Code elsewhere names a sentence; it never spells one.

pub mod ble;
pub mod demo;
pub mod documents;
pub mod engine;
pub mod finding;
pub mod help;
pub mod import;
pub mod message;
pub mod names;
pub mod safety;
pub mod sources;
pub mod usage;

/// Declares sentences: `NAME: "en français", "in English";`, and `ALL`, so that a test sees each of them.
macro_rules! texts {
    ($($name:ident: $fr:literal, $en:literal;)*) => {
        $(pub const $name: $crate::language::Text = $crate::language::Text { fr: $fr, en: $en };)*
        #[cfg(test)]
        pub const ALL: &[(&str, $crate::language::Text)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use texts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Text;
    use std::collections::BTreeSet;

    fn everything() -> Vec<(String, Text)> {
        let mut all: Vec<(String, Text)> = Vec::new();
        for table in [
            ble::ALL,
            message::ALL,
            usage::ALL,
            demo::ALL,
            finding::ALL,
            safety::ALL,
            sources::ALL,
            import::ALL,
            documents::ALL,
        ] {
            all.extend(table.iter().map(|(name, text)| ((*name).to_owned(), *text)));
        }
        for plural in message::PLURALS.iter().chain(&[sources::NOTHING_OF]) {
            all.push(("a plural".to_owned(), plural.one));
            all.push(("a plural".to_owned(), plural.many));
        }
        all.extend(help::texts());
        all.extend(names::texts());
        all.extend(ble::texts());
        all.extend(finding::texts());
        all
    }

    fn slots(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}'))
            .map(|(slot, _)| slot)
            .collect()
    }

    #[test]
    fn every_text_has_both_languages() {
        for (name, text) in everything() {
            assert!(!text.fr.trim().is_empty(), "{name}: no French");
            assert!(!text.en.trim().is_empty(), "{name}: no English");
            assert_eq!(slots(text.fr), slots(text.en), "{name}: different slots");
        }
    }

    #[test]
    fn a_sentence_is_not_its_own_translation() {
        for (name, text) in everything() {
            let words = text.en.split_whitespace().count();
            // Examples of commands are the same in both.
            let mostly_code = ["$ carnet ", "  carnet ", "{0}/10"]
                .iter()
                .any(|code| text.en.contains(code))
                || name == "KEPT_LINE";
            assert!(
                words < 4 || mostly_code || text.fr != text.en,
                "{name}: not translated"
            );
        }
    }

    #[test]
    fn every_engine_text_has_a_french_twin() {
        for (english, french) in engine::all() {
            assert!(!english.is_empty() && !french.is_empty());
            assert_eq!(
                engine::translate(english, crate::language::Language::Fr),
                *french
            );
            assert_eq!(
                engine::translate(english, crate::language::Language::En),
                *english
            );
        }
    }
}
