//! Zip archives: what they hold, in the order of their directory, nested ones included. Nothing is ever written under a name
//! that an archive gives: names are shown, not followed.
//!
//! What an archive of an attacker can do, and what stands against it:
//!
//! | threat | answer |
//! |---|---|
//! | a bomb: one entry, many, or archives in archives that expand without end | [`Budget`]: bytes out of the outermost file are counted over all nesting, [`MAX_RATIO`] for one byte of it, and the ratio of each entry too |
//! | entries that share their bytes | an archive in which entries overlap is kept as a document and not opened |
//! | names that lead out (`../../`, `C:\`, absolute) | no file is created; the name is shown, cleaned, in the report |
//! | links | passed over, and said to be |
//! | two entries of one name | only the last can be reached: said, and the archive itself is kept |
//! | a directory that is cut off | what the local headers say is read until it ends; the archive itself is kept |
//! | encrypted entries, methods nobody uses | rejected one by one; the archive itself is kept |
//!
//! **Nothing is dropped**: an archive of which anything could not be read is kept as a document beside what was read.

use super::content::{Content, DAMAGED, MAX_HELD_BYTES, Seekable, TOO_FAR};
use super::watch::Watch;
use crate::error::{Error, Result};
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use zip::ZipArchive;
use zip::read::read_zipfile_from_stream;
use zip::result::ZipError;

/// Archives in archives are opened this deep.
pub const MAX_ARCHIVE_DEPTH: usize = 8;
/// Most entries of an outermost archive, with those of the archives in it.
pub const MAX_ENTRIES: u64 = 100_000;
/// Bytes an outermost archive may expand to before its ratio is looked at.
const FREE_EXPANSION: u64 = 256 << 20;
/// Bytes one entry may expand to before its ratio is looked at.
const FREE_ENTRY: u64 = 64 << 20;
/// Most bytes out for one byte in. Bulk FHIR compresses 10 to 40 times, a watch export 20 to 30, zeros 1,000.
const MAX_RATIO: u64 = 100;
/// Entries up to this length are decompressed once and held; longer ones are decompressed as often as they are needed.
const HELD_ENTRY: u64 = 8 << 20;
/// Longest name of an entry that is shown, in characters.
const MAX_NAME: usize = 1_024;

/// The archive cannot be opened at all.
pub const NOT_AN_ARCHIVE: &str = "a damaged zip of which nothing could be read: kept as a document";
/// Its directory is cut off or wrong.
pub const BROKEN: &str =
    "a damaged zip: what could be read of it was, and the zip itself is kept as a document";
/// Some entries could not be read.
pub const PARTLY: &str =
    "not everything in this zip could be read: the zip itself is kept as a document too";
/// Entries share bytes.
pub const OVERLAPS: &str =
    "entries of this zip overlap, as no honest archive's do: kept as a document, not opened";
/// Two entries have one name.
pub const TWICE: &str = "two entries of this zip have one name and only the last was read: the zip itself is kept as a document too";
/// No entries.
pub const NOTHING_INSIDE: &str = "the zip holds nothing";
/// Archives in archives in archives.
pub const TOO_DEEP: &str = "zips nested more than 8 deep: kept as a document, not opened; unpack it and import the inner ones";
/// An archive in an archive that does not fit into memory.
pub const TOO_LARGE_INSIDE: &str = "a zip inside a zip larger than 64 MB: kept as a document, not opened; unpack it and import the folder";
/// Too many entries.
pub const TOO_MANY: &str =
    "more than 100,000 files in one zip: unpack it and import its folders one by one";
const ENCRYPTED: &str =
    "protected by a password: unpack it with the password and import the folder";
const METHOD: &str = "compressed in a way that is not supported: unpack it and import the folder";
const LINK: &str = "a link: what it points to is not in the archive";

/// What may still come out of an outermost archive.
#[derive(Debug)]
pub struct Budget {
    bytes: u64,
    entries: u64,
    held: u64,
    /// Why nothing more of it is read.
    pub spent: Option<&'static str>,
}

impl Budget {
    /// For an archive of this length.
    pub fn of(length: u64) -> Self {
        Self {
            bytes: FREE_EXPANSION.max(length.saturating_mul(MAX_RATIO)),
            entries: MAX_ENTRIES,
            held: MAX_HELD_BYTES,
            spent: None,
        }
    }

    fn most_of(&self, compressed: u64) -> u64 {
        let of_entry = FREE_ENTRY.max(compressed.saturating_mul(MAX_RATIO));
        self.bytes.min(of_entry)
    }

    /// Takes one entry of `size` bytes; what it declares is checked again while it is read.
    fn take(&mut self, size: u64, compressed: u64) -> std::result::Result<u64, &'static str> {
        if self.entries == 0 {
            self.spent = Some(TOO_MANY);
            return Err(TOO_MANY);
        }
        self.entries -= 1;
        let most = self.most_of(compressed);
        if size > most {
            self.spend(most);
            return Err(TOO_FAR);
        }
        self.spend(size);
        // A length that was declared is a promise: one byte more is the archive's damage.
        Ok(size)
    }

    /// Counts bytes that came out of something compressed.
    pub fn spend(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes == 0 {
            self.spent = Some(TOO_FAR);
        }
    }

    /// Most bytes that an archive in the archive may have: all open ones are in memory.
    pub fn hold(&mut self, length: u64) -> bool {
        let left = self.held.checked_sub(length);
        left.inspect(|left| self.held = *left).is_some()
    }

    /// Gives back what [`Budget::hold`] took.
    pub fn release(&mut self, length: u64) {
        self.held += length;
    }
}

/// One entry, before it is read.
pub struct Entry {
    /// Its name, for people; `/` between folders.
    pub name: String,
    /// Where it is, or why it cannot be read.
    pub place: std::result::Result<Place, &'static str>,
}

/// Where an entry's bytes are.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    index: usize,
    most: u64,
}

/// An open archive.
pub struct Archive<'w> {
    inner: ZipArchive<Seekable<'w>>,
    /// Said of the archive as a whole; then it is kept as a document.
    pub fault: Option<&'static str>,
}

impl<'w> Archive<'w> {
    /// Opens an archive by its directory. `Err` gives the place back: the local headers may still be read.
    pub fn open(mut place: Seekable<'w>) -> Result<std::result::Result<Self, Seekable<'w>>> {
        // The crate reads the directory from where it stands and takes the place with it; a second look needs the place.
        if ZipArchive::new(&mut place).is_err() {
            place.rewind()?;
            return Ok(Err(place));
        }
        let Ok(mut inner) = ZipArchive::new(place) else {
            return Err(Error::Bug("an archive opens twice alike"));
        };
        let fault = match inner.has_overlapping_entries() {
            Ok(false) if inner.has_duplicate_names() => Some(TWICE),
            Ok(false) => None,
            Ok(true) => Some(OVERLAPS),
            Err(_) => Some(BROKEN),
        };
        Ok(Ok(Self { inner, fault }))
    }

    /// How many entries, folders included.
    pub fn len(&self) -> usize {
        match self.fault {
            Some(OVERLAPS) => 0,
            _ => self.inner.len(),
        }
    }

    /// The bytes of a short entry of this name.
    pub fn short(&mut self, name: &str, most: u64) -> Option<Vec<u8>> {
        let entry = self.inner.by_name(name).ok()?;
        let mut bytes = Vec::new();
        entry.take(most + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 <= most).then_some(bytes)
    }

    /// Entry `index`; none for a folder.
    pub fn entry(&mut self, index: usize, budget: &mut Budget) -> Option<Entry> {
        let Ok(entry) = self.inner.by_index_raw(index) else {
            return Some(Entry {
                name: format!("#{}", index + 1),
                place: Err(DAMAGED),
            });
        };
        let name = name_of(entry.name_raw(), entry.name().ok().as_deref());
        if entry.is_dir() {
            return None;
        }
        let place = if entry.encrypted() {
            Err(ENCRYPTED)
        } else if entry.is_symlink() {
            Err(LINK)
        } else {
            let most = budget.take(entry.size(), entry.compressed_size());
            most.map(|most| Place { index, most })
        };
        Some(Entry { name, place })
    }

    /// The bytes of an entry.
    pub fn content<'a>(
        &'a mut self,
        place: Place,
        watch: &'w Watch<'w>,
    ) -> std::result::Result<Content<'a, 'w>, &'static str> {
        let opened = self.inner.by_index(place.index).map(drop);
        opened.map_err(|error| reason_of(&error))?;
        Ok(Content::Entry {
            archive: &mut self.inner,
            index: place.index,
            most: place.most,
            watch,
        })
    }
}

impl Place {
    /// Whether the entry is short enough to be held.
    pub fn is_short(self) -> bool {
        self.most <= HELD_ENTRY
    }
}

/// A link is no loss; everything else that cannot be read is a reason to keep the archive.
pub fn is_loss(reason: &'static str) -> bool {
    reason != LINK
}

fn reason_of(error: &ZipError) -> &'static str {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            ENCRYPTED
        }
        ZipError::UnsupportedArchive(_) | ZipError::CompressionMethodNotSupported(_) => METHOD,
        _ => DAMAGED,
    }
}

/// Reads an archive whose directory is missing by its local headers, until they end: each whole entry is given to `take`.
pub fn read_by_local_headers(
    place: Seekable<'_>,
    budget: &mut Budget,
    take: &mut dyn FnMut(String, &[u8]) -> Result<()>,
) -> Result<u64> {
    let mut reader = BufReader::new(place);
    let mut count = 0;
    loop {
        if reader.fill_buf()?.is_empty() || budget.spent.is_some() {
            return Ok(count);
        }
        let Ok(Some(mut entry)) = read_zipfile_from_stream(&mut reader) else {
            return Ok(count);
        };
        let name = name_of(entry.name_raw(), entry.name().ok().as_deref());
        let Ok(most) = budget.take(entry.size(), entry.compressed_size()) else {
            return Ok(count);
        };
        let mut bytes = Vec::new();
        let read = (&mut entry)
            .take(most.min(MAX_HELD_BYTES) + 1)
            .read_to_end(&mut bytes);
        let whole = read.is_ok() && bytes.len() as u64 == entry.size();
        let is_file = entry.is_file();
        drop(entry);
        if !whole {
            return Ok(count);
        }
        if is_file {
            take(name, &bytes)?;
            count += 1;
        }
    }
}

/// An archive in memory.
pub fn in_memory<'w>(bytes: Vec<u8>) -> Seekable<'w> {
    Seekable::Memory(Cursor::new(bytes))
}

/// Many programs write UTF-8 without saying so, and Windows writes backslashes.
fn name_of(raw: &[u8], declared: Option<&str>) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => tidy(name),
        Err(_) => tidy(declared.unwrap_or_default()),
    }
}

fn tidy(name: &str) -> String {
    let name = name.replace('\\', "/");
    name.chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_people_wrote_them() {
        assert_eq!(name_of("é.xml".as_bytes(), None), "é.xml");
        assert_eq!(name_of(&[0x82, b'.', b'x'], Some("é.x")), "é.x");
        assert_eq!(name_of(b"a\\b\0c", None), "a/bc");
        assert_eq!(tidy(&"x".repeat(9_999)).len(), MAX_NAME);
    }

    #[test]
    fn a_budget_bounds_the_whole_and_each_entry() {
        let mut budget = Budget::of(1_000);
        assert_eq!(budget.take(FREE_ENTRY, 10), Ok(FREE_ENTRY));
        assert_eq!(budget.take(FREE_ENTRY + 1, 10), Err(TOO_FAR));
        assert_eq!(budget.spent, None);
        assert_eq!(budget.take(FREE_ENTRY, 10), Ok(FREE_ENTRY));
        assert_eq!(budget.take(FREE_ENTRY, 10), Ok(FREE_ENTRY));
        assert_eq!(budget.spent, Some(TOO_FAR));
        assert_eq!(budget.take(1, 1), Err(TOO_FAR));
    }

    #[test]
    fn what_compresses_like_health_data_fits() {
        let mut budget = Budget::of(40 << 20);
        assert_eq!(budget.take(1 << 30, 35 << 20), Ok(1 << 30));
        assert_eq!(budget.take(0, 0), Ok(0));
    }

    #[test]
    fn archives_in_memory_share_one_bound() {
        let mut budget = Budget::of(1);
        assert!(budget.hold(MAX_HELD_BYTES - 1) && !budget.hold(2));
        budget.release(MAX_HELD_BYTES - 1);
        assert!(budget.hold(MAX_HELD_BYTES));
    }
}
