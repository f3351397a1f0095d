//! The two languages of everything people read. Machine output (`--json`, `--original`, exports) knows no language.

use clap::ValueEnum;
use std::ffi::OsString;

/// A language people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// French.
    Fr,
    /// English.
    En,
}

/// One sentence in both languages. Nothing people read exists in one language alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text {
    /// French.
    pub fr: &'static str,
    /// English.
    pub en: &'static str,
}

impl Text {
    /// The sentence in one language.
    pub fn pick(self, language: Language) -> &'static str {
        match language {
            Language::Fr => self.fr,
            Language::En => self.en,
        }
    }

    /// The sentence with `{0}`, `{1}`… replaced.
    pub fn fill(self, language: Language, values: &[&str]) -> String {
        let mut filled = String::new();
        let mut rest = self.pick(language);
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (slot, tail) = after.split_once('}').unwrap_or((after, ""));
            let value = slot.parse().ok().and_then(|n: usize| values.get(n));
            filled.push_str(value.copied().unwrap_or_default());
            rest = tail;
        }
        filled.push_str(rest);
        filled
    }
}

/// A sentence about a number: in French nought and one are singular, in English only one is.
#[derive(Debug, Clone, Copy)]
pub struct Plural {
    /// For one.
    pub one: Text,
    /// For many.
    pub many: Text,
}

impl Plural {
    /// The sentence about `count`; `{0}` is the number, `{1}`… the values.
    pub fn fill(self, language: Language, count: u64, values: &[&str]) -> String {
        let singular = count == 1 || (count == 0 && language == Language::Fr);
        let text = if singular { self.one } else { self.many };
        let number = crate::format::integer(count, language);
        let mut all = vec![number.as_str()];
        all.extend_from_slice(values);
        text.fill(language, &all)
    }
}

/// The language: `--lang` wherever it stands, else the locale's, else English.
///
/// Read before clap runs, because clap's own help and errors need it.
pub fn choose(arguments: &[OsString], locale: Option<&str>) -> Language {
    asked(arguments).unwrap_or_else(|| from_locale(locale))
}

fn asked(arguments: &[OsString]) -> Option<Language> {
    let mut words = arguments
        .iter()
        .skip(1)
        .map(|word| word.to_string_lossy())
        .take_while(|word| word != "--");
    while let Some(word) = words.next() {
        let name = match word.strip_prefix("--lang=") {
            Some(name) => Some(name.to_owned()),
            None if word == "--lang" => words.next().map(|name| name.into_owned()),
            None => None,
        };
        if let Some(language) = name.and_then(|name| Language::from_str(&name, true).ok()) {
            return Some(language);
        }
    }
    None
}

fn from_locale(locale: Option<&str>) -> Language {
    let french = locale.is_some_and(|tag| {
        let main = tag.split(['-', '_', '.']).next().unwrap_or_default();
        main.eq_ignore_ascii_case("fr")
    });
    if french { Language::Fr } else { Language::En }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_option_wins_wherever_it_stands() {
        let fr = Some("fr-FR");
        assert_eq!(
            choose(&arguments("carnet --lang en stats"), fr),
            Language::En
        );
        assert_eq!(
            choose(&arguments("carnet stats --lang=EN"), fr),
            Language::En
        );
        assert_eq!(
            choose(&arguments("carnet stats --lang xx"), fr),
            Language::Fr
        );
        assert_eq!(
            choose(&arguments("carnet annotate 12ab -- --lang=en"), fr),
            Language::Fr
        );
    }

    #[test]
    fn the_locale_decides_otherwise() {
        for (locale, language) in [
            (Some("fr"), Language::Fr),
            (Some("fr_CA.UTF-8"), Language::Fr),
            (Some("frr-DE"), Language::En),
            (Some("en-GB"), Language::En),
            (Some("de"), Language::En),
            (None, Language::En),
        ] {
            assert_eq!(choose(&arguments("carnet"), locale), language, "{locale:?}");
        }
    }

    #[test]
    fn slots_are_filled_in_any_order_and_once() {
        let text = Text {
            fr: "{1} de {0}",
            en: "{0}: {1}",
        };
        assert_eq!(text.fill(Language::Fr, &["A", "{0}"]), "{0} de A");
        assert_eq!(text.fill(Language::En, &["A", "B"]), "A: B");
        assert_eq!(text.fill(Language::En, &["A"]), "A: ");
    }

    #[test]
    fn nought_is_singular_in_french_only() {
        let notes = Plural {
            one: Text {
                fr: "{0} note",
                en: "{0} note",
            },
            many: Text {
                fr: "{0} notes",
                en: "{0} notes",
            },
        };
        assert_eq!(notes.fill(Language::Fr, 0, &[]), "0 note");
        assert_eq!(notes.fill(Language::En, 0, &[]), "0 notes");
        assert_eq!(notes.fill(Language::En, 1, &[]), "1 note");
        assert_eq!(notes.fill(Language::Fr, 2, &[]), "2 notes");
    }
}
