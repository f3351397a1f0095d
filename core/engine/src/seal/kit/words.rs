//! The words of BIP-39 and what people make of them.
//!
//! The lists are the published ones, byte for byte: a test holds their SHA-256 against the values everybody else's have. They
//! are embedded because a library would bring its own SHA-256 and still not read what people write.

use crate::error::{Error, Result};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use zeroize::Zeroizing;

/// Words on a kit.
pub const KIT_WORDS: usize = 24;
/// Letters that tell a word from all others of its list.
const TELLING_LETTERS: usize = 4;
/// Longest text that is looked at.
const MAX_TEXT_BYTES: usize = 4096;
const ENGLISH: &str = include_str!("english.txt");
const FRENCH: &str = include_str!("french.txt");

const WRONG_COUNT: Error =
    Error::Invalid("a recovery kit has 24 words: some are missing or too many");
const WRONG_ORDER: Error = Error::Invalid(
    "the words of the recovery kit do not fit together: check their order and each of them",
);
/// A text for each position, because errors are constants and never carry what was typed.
const UNKNOWN_WORD: [&str; KIT_WORDS] = [
    "word 1 of the recovery kit is not in its list: check it",
    "word 2 of the recovery kit is not in its list: check it",
    "word 3 of the recovery kit is not in its list: check it",
    "word 4 of the recovery kit is not in its list: check it",
    "word 5 of the recovery kit is not in its list: check it",
    "word 6 of the recovery kit is not in its list: check it",
    "word 7 of the recovery kit is not in its list: check it",
    "word 8 of the recovery kit is not in its list: check it",
    "word 9 of the recovery kit is not in its list: check it",
    "word 10 of the recovery kit is not in its list: check it",
    "word 11 of the recovery kit is not in its list: check it",
    "word 12 of the recovery kit is not in its list: check it",
    "word 13 of the recovery kit is not in its list: check it",
    "word 14 of the recovery kit is not in its list: check it",
    "word 15 of the recovery kit is not in its list: check it",
    "word 16 of the recovery kit is not in its list: check it",
    "word 17 of the recovery kit is not in its list: check it",
    "word 18 of the recovery kit is not in its list: check it",
    "word 19 of the recovery kit is not in its list: check it",
    "word 20 of the recovery kit is not in its list: check it",
    "word 21 of the recovery kit is not in its list: check it",
    "word 22 of the recovery kit is not in its list: check it",
    "word 23 of the recovery kit is not in its list: check it",
    "word 24 of the recovery kit is not in its list: check it",
];

/// In which language the words are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordLanguage {
    /// The English list of BIP-39.
    English,
    /// The French list of BIP-39.
    French,
}

impl WordLanguage {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// All 2,048 words in order, as published.
    pub fn words(self) -> impl Iterator<Item = &'static str> + Clone {
        match self {
            Self::English => ENGLISH.lines(),
            Self::French => FRENCH.lines(),
        }
    }
}

/// The words of some entropy, with the checksum in the last one.
pub(super) fn write(entropy: &[u8; 32], language: WordLanguage) -> Zeroizing<String> {
    let bytes = with_checksum(entropy);
    let mut text = Zeroizing::new(String::with_capacity(KIT_WORDS * 10));
    for at in 0..KIT_WORDS {
        let number = (0..11).fold(0, |number, bit| number << 1 | bit_at(&bytes, at * 11 + bit));
        if at > 0 {
            text.push(' ');
        }
        // The French list is published decomposed; people write composed letters.
        text.extend(language.words().nth(number).unwrap_or_default().nfc());
    }
    text
}

/// The entropy of words as people write them.
pub(super) fn read(text: &str) -> Result<Zeroizing<[u8; 32]>> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(WRONG_COUNT);
    }
    let typed = fold(text);
    let typed: Vec<&str> = typed.split_whitespace().collect();
    if typed.len() != KIT_WORDS {
        return Err(WRONG_COUNT);
    }
    let [english, french] = WordLanguage::ALL.map(|language| numbers(&typed, language));
    // 123 words are in both lists: the checksum tells which was meant.
    let mut whole = [&english, &french].into_iter().flatten();
    if let Some(entropy) = whole.find_map(|numbers| check(numbers)) {
        return Ok(entropy);
    }
    match (&english, &french) {
        (Err(one), Err(other)) => {
            // The language in which more of the beginning makes sense is the one that was meant.
            let at = *one.max(other);
            let text = UNKNOWN_WORD.get(at).copied();
            Err(text.map_or(WRONG_ORDER, Error::Invalid))
        }
        _ => Err(WRONG_ORDER),
    }
}

/// The number of each word in a list, or the position of the first that is not there.
fn numbers(typed: &[&str], language: WordLanguage) -> core::result::Result<Vec<usize>, usize> {
    let list: Vec<String> = language.words().map(fold).collect();
    typed
        .iter()
        .enumerate()
        .map(|(at, word)| number(word, &list).ok_or(at))
        .collect()
}

fn number(typed: &str, list: &[String]) -> Option<usize> {
    let telling = typed.len() >= TELLING_LETTERS;
    list.iter()
        .position(|word| word == typed || telling && word.starts_with(typed))
}

fn check(numbers: &[usize]) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0_u8; 33]);
    for (at, number) in numbers.iter().enumerate() {
        for bit in (0..11).filter(|bit| number >> (10 - bit) & 1 == 1) {
            let position = at * 11 + bit;
            *bytes.get_mut(position / 8)? |= 1 << (7 - position % 8);
        }
    }
    let (entropy, _) = bytes.split_first_chunk::<32>()?;
    let whole = with_checksum(entropy);
    (whole == bytes).then(|| Zeroizing::new(*entropy))
}

fn with_checksum(entropy: &[u8; 32]) -> Zeroizing<[u8; 33]> {
    let mut bytes = Zeroizing::new([0; 33]);
    let checksum = Sha256::digest(entropy);
    let content = entropy.iter().chain(checksum.first());
    bytes
        .iter_mut()
        .zip(content)
        .for_each(|(to, from)| *to = *from);
    bytes
}

fn bit_at(bytes: &[u8; 33], position: usize) -> usize {
    let byte = bytes.get(position / 8).copied().unwrap_or_default();
    usize::from(byte >> (7 - position % 8) & 1)
}

/// Small letters without accents; everything that is no letter separates.
fn fold(text: &str) -> String {
    let plain = text.nfkd().filter(|c| !is_combining_mark(*c));
    plain
        .flat_map(char::to_lowercase)
        .map(|c| if c.is_alphabetic() { c } else { ' ' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// As everybody else's: `sha256sum english.txt french.txt` of the lists published with BIP-39.
    #[test]
    fn the_lists_are_the_published_ones() {
        let hash = |list: &str| -> String {
            let hash = Sha256::digest(list.as_bytes());
            hash.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(
            hash(ENGLISH),
            "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
        );
        assert_eq!(
            hash(FRENCH),
            "ebc3959ab7801a1df6bac4fa7d970652f1df76b683cd2f4003c941c63d517e59"
        );
    }

    #[test]
    fn four_letters_without_accents_tell_every_word_of_a_list() {
        for language in WordLanguage::ALL {
            let words: Vec<String> = language.words().map(fold).collect();
            let telling = |word: &String| word.chars().take(TELLING_LETTERS).collect::<String>();
            let different: BTreeSet<String> = words.iter().map(telling).collect();
            assert_eq!((words.len(), different.len()), (2048, 2048));
            for (at, word) in words.iter().enumerate() {
                assert_eq!(number(word, &words), Some(at));
                assert_eq!(number(&telling(word), &words), Some(at));
            }
        }
    }
}
