//! Words for full-text search: folded so that a French or English speaker finds a word however it was typed.
//!
//! One folding for what is indexed and for what is asked: lower case, no accents, ligatures spelled out, French elisions
//! dropped (`l'hypertension` → `hypertension`), a decimal comma made a point. Numbers and codes stay whole (`5.4`,
//! `29463-7`). Nothing here knows FHIR.

use std::collections::HashSet;
use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// Most bytes of folded text looked at for one resource.
pub const MAX_FOLDED: usize = 128 << 10;
/// Most bytes of distinct words kept for one resource.
pub const MAX_WORDS: usize = 32 << 10;
/// Most words of one query.
pub const MAX_QUERY_WORDS: usize = 16;
/// Longest word, in bytes: longer ones are identifiers or encoded data, not words.
pub const MAX_WORD: usize = 64;

/// What French drops before an apostrophe.
const ELISIONS: [&str; 13] = [
    "l", "d", "j", "m", "n", "s", "t", "c", "qu", "jusqu", "lorsqu", "puisqu", "quoiqu",
];

/// Folds a text into words separated by single spaces.
pub fn fold_words(text: &str) -> String {
    let mut folder = Folder::default();
    folder.push(text);
    folder.finish()
}

/// The words of a query: folded, distinct, at most [`MAX_QUERY_WORDS`].
pub fn query_words(text: &str) -> Vec<String> {
    let folded = fold_words(text);
    let mut seen = HashSet::new();
    let distinct = folded
        .split(' ')
        .filter(|word| !word.is_empty() && seen.insert(*word));
    distinct.take(MAX_QUERY_WORDS).map(str::to_owned).collect()
}

/// Keeps the first of equal words, up to [`MAX_WORDS`] bytes.
pub fn distinct_words(folded: &str) -> String {
    let mut seen = HashSet::new();
    let mut out = String::with_capacity(folded.len().min(MAX_WORDS));
    for word in folded.split(' ') {
        if word.is_empty() || !seen.insert(word) {
            continue;
        }
        if out.len() + word.len() + 1 > MAX_WORDS {
            break;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

/// Folds many texts into one line of words.
#[derive(Debug, Default)]
pub struct Folder {
    out: String,
    /// Where the word being written begins.
    word: usize,
    /// A `.`, `,` or `-` after a digit, which belongs to the word only if a digit follows.
    joiner: Option<char>,
}

impl Folder {
    /// Adds a text; a word never continues in the next text.
    pub fn push(&mut self, text: &str) {
        for character in text.chars() {
            if self.is_full() {
                break;
            }
            self.push_char(character);
        }
        self.end_word();
    }

    /// Adds the text of an XHTML narrative, without its tags.
    pub fn push_markup(&mut self, markup: &str) {
        let mut inside_tag = false;
        let mut characters = markup.chars();
        while let Some(character) = characters.next() {
            match character {
                _ if self.is_full() => break,
                '<' => {
                    inside_tag = true;
                    self.end_word();
                }
                '>' => inside_tag = false,
                _ if inside_tag => (),
                '&' => self.push_char(take_entity(&mut characters)),
                other => self.push_char(other),
            }
        }
        self.end_word();
    }

    /// Whether more would be dropped.
    pub fn is_full(&self) -> bool {
        self.out.len() >= MAX_FOLDED
    }

    /// The words, separated by single spaces.
    pub fn finish(mut self) -> String {
        self.end_word();
        if self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out
    }

    fn push_char(&mut self, character: char) {
        match character {
            'a'..='z' | '0'..='9' => self.push_letter(character),
            'A'..='Z' => self.push_letter(character.to_ascii_lowercase()),
            '\'' | '’' | '‘' | 'ʼ' | '′' | '＇' => self.apostrophe(),
            '.' | ',' | '-' if self.ends_with_digit() && self.joiner.is_none() => {
                self.joiner = Some(if character == ',' { '.' } else { character });
            }
            '\0'..='\x7f' => self.end_word(),
            other => self.push_foreign(other),
        }
    }

    fn push_letter(&mut self, letter: char) {
        if let Some(joiner) = self.joiner.take() {
            if letter.is_ascii_digit() {
                self.out.push(joiner);
            } else {
                self.end_word();
            }
        }
        self.out.push(letter);
    }

    fn push_foreign(&mut self, character: char) {
        match character {
            // A soft hyphen and the joiners are invisible inside a word.
            '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{feff}' => (),
            other => decompose_compatible(other, |part| self.push_part(part)),
        }
    }

    fn push_part(&mut self, part: char) {
        let mut spell = |letters: &str| letters.chars().for_each(|letter| self.push_letter(letter));
        match part {
            'œ' | 'Œ' => spell("oe"),
            'æ' | 'Æ' => spell("ae"),
            'ß' | 'ẞ' => spell("ss"),
            _ if part.is_alphanumeric() => {
                // A capital may become a letter and a mark.
                let letters = part
                    .to_lowercase()
                    .filter(|letter| letter.is_alphanumeric());
                letters.for_each(|letter| self.push_letter(letter));
            }
            _ if is_combining_mark(part) => (),
            _ => self.end_word(),
        }
    }

    fn ends_with_digit(&self) -> bool {
        let word = self.out.as_bytes().get(self.word..);
        word.and_then(<[u8]>::last).is_some_and(u8::is_ascii_digit)
    }

    fn apostrophe(&mut self) {
        let elided = self
            .out
            .get(self.word..)
            .is_some_and(|word| ELISIONS.contains(&word));
        if elided && self.joiner.is_none() {
            self.out.truncate(self.word);
        } else {
            self.end_word();
        }
    }

    fn end_word(&mut self) {
        self.joiner = None;
        if self.out.len() - self.word > MAX_WORD {
            self.out.truncate(self.word);
        }
        if self.out.len() > self.word {
            self.out.push(' ');
            self.word = self.out.len();
        }
    }
}

/// Reads the rest of an entity after `&`; what is unknown or unterminated counts as a space.
fn take_entity(characters: &mut std::str::Chars<'_>) -> char {
    const LONGEST: usize = 8;
    let rest = characters.as_str();
    let is_name = |name: &str| {
        name.len() <= LONGEST
            && name
                .bytes()
                .all(|byte| byte == b'#' || byte.is_ascii_alphanumeric())
    };
    let Some((name, after)) = rest.split_once(';').filter(|(name, _)| is_name(name)) else {
        return ' ';
    };
    *characters = after.chars();
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => {
            u32::from_str_radix(hex.trim_start_matches(['x', 'X']), 16).ok()
        }
        Some(decimal) => decimal.parse().ok(),
        None => None,
    };
    match name {
        "apos" => '\'',
        _ => number.and_then(char::from_u32).unwrap_or(' '),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn folds_accents_case_and_ligatures() {
        assert_eq!(
            fold_words("Œdème  aigu, ŒSOPHAGE; cæcum — Straße"),
            "oedeme aigu oesophage caecum strasse"
        );
        assert_eq!(fold_words("e\u{301}te\u{301}"), "ete");
        assert_eq!(fold_words("10 µg/m²"), "10 μg m2");
    }

    #[test]
    fn drops_french_elisions_only() {
        assert_eq!(
            fold_words("l'hypertension d’origine qu'il jusqu'à"),
            "hypertension origine il a"
        );
        assert_eq!(fold_words("aujourd'hui O'Brien"), "aujourd hui o brien");
        assert_eq!(fold_words("Crohn's disease"), "crohn s disease");
    }

    #[test]
    fn keeps_decimals_and_codes_whole() {
        assert_eq!(
            fold_words("5,4 mmol/L. 29463-7, 1.0. A-1 3-a"),
            "5.4 mmol l 29463-7 1.0 a 1 3 a"
        );
        assert_eq!(fold_words("120/80"), "120 80");
    }

    #[test]
    fn markup_loses_its_tags_and_decodes_entities() {
        let mut folder = Folder::default();
        folder.push_markup(
            "<div class=\"secret\"><p>Fi&#232;vre&amp;toux</p><b>O&#xE8;il</b> &nope &lt;5</div>",
        );
        assert_eq!(folder.finish(), "fievre toux oeil nope 5");
    }

    #[test]
    fn words_are_bounded_and_distinct() {
        assert_eq!(distinct_words("a b a c b"), "a b c");
        assert_eq!(fold_words(&format!("a {} b", "x".repeat(65))), "a b");
        assert!(fold_words(&"mot ".repeat(1_000_000)).len() <= MAX_FOLDED + MAX_WORD);
        let many: String = (0..100_000).map(|n| format!("w{n} ")).collect();
        assert!(distinct_words(&many).len() <= MAX_WORDS);
        assert_eq!(query_words(&many).len(), MAX_QUERY_WORDS);
    }

    proptest! {
        #[test]
        fn folding_twice_changes_nothing(text in "\\PC{0,60}") {
            let once = fold_words(&text);
            prop_assert_eq!(fold_words(&once), once);
        }

        #[test]
        fn a_query_finds_the_word_it_came_from(text in "[a-zéèœç' ’0-9,.-]{0,40}") {
            let folded = fold_words(&text);
            let indexed: Vec<&str> = folded.split(' ').collect();
            for word in query_words(&text) {
                prop_assert!(indexed.contains(&word.as_str()));
            }
        }
    }
}
