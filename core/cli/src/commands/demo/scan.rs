//! Looks for words in every file below a folder: in contents and in names, in any case of ASCII letters, in UTF-8 and in
//! UTF-16. The same search is run on the plain files, where it must find everything, or it would prove nothing.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

/// What a search saw.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Bytes of all files.
    pub bytes: u64,
    /// The words found.
    pub found: BTreeSet<String>,
}

/// Searches every file below `folder`.
pub fn scan(folder: &Path, words: &[&str]) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let patterns: Vec<(&str, Vec<Vec<u8>>)> =
        words.iter().map(|word| (*word, patterns(word))).collect();
    visit(folder, &patterns, &mut scan)?;
    Ok(scan)
}

fn patterns(word: &str) -> Vec<Vec<u8>> {
    let folded = word.to_ascii_lowercase();
    let wide = folded.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![folded.into_bytes(), wide]
}

fn visit(folder: &Path, patterns: &[(&str, Vec<Vec<u8>>)], scan: &mut Scan) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        look(entry.file_name().as_encoded_bytes(), patterns, scan);
        if kind.is_dir() {
            visit(&entry.path(), patterns, scan)?;
        } else if kind.is_file() {
            let bytes = std::fs::read(entry.path())?;
            scan.bytes += bytes.len() as u64;
            look(&bytes, patterns, scan);
        }
    }
    Ok(())
}

fn look(bytes: &[u8], patterns: &[(&str, Vec<Vec<u8>>)], scan: &mut Scan) {
    let folded = bytes.to_ascii_lowercase();
    for (word, forms) in patterns {
        if forms.iter().any(|form| contains(&folded, form)) {
            scan.found.insert((*word).to_owned());
        }
    }
}

fn contains(bytes: &[u8], form: &[u8]) -> bool {
    !form.is_empty() && bytes.windows(form.len()).any(|window| window == form)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::commands::demo::data;
    use std::fs;

    #[test]
    fn it_finds_words_in_contents_names_folders_and_encodings() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("deep/Quesnel");
        fs::create_dir_all(&below).unwrap();
        fs::write(below.join("a.bin"), b"\x00\xffxxpaRACetamolxx").unwrap();
        fs::write(folder.path().join("NOISETTES.db-wal"), b"").unwrap();
        let wide: Vec<u8> = "la Grippe"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        fs::write(folder.path().join("b"), wide).unwrap();
        let seen = scan(
            folder.path(),
            &["Paracetamol", "Quesnel", "noisettes", "grippe", "absent"],
        )
        .unwrap();
        let found: Vec<&str> = seen.found.iter().map(String::as_str).collect();
        assert_eq!(found, ["Paracetamol", "Quesnel", "grippe", "noisettes"]);
        assert_eq!(seen.bytes, 32);
    }

    #[test]
    fn every_word_of_the_demonstration_is_in_its_files() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in data::FILES {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        let seen = scan(folder.path(), &data::WORDS).unwrap();
        assert_eq!(seen.found.len(), data::WORDS.len());
    }

    #[test]
    fn an_empty_word_or_a_missing_folder_finds_nothing_silently_wrong() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(scan(folder.path(), &[""]).unwrap(), Scan::default());
        assert!(scan(&folder.path().join("missing"), &["x"]).is_err());
    }
}
