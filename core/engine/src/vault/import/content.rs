//! The bytes of one item, wherever they lie: opened as often as needed, never copied to disk.
//!
//! **Where plaintext is while it is imported**: in memory only. A file is read where the person put it; an entry of a zip is
//! decompressed from there each time it is needed (once to recognise it, once to hash it, once to seal it), because the
//! alternative is a temporary file in clear or a sealed copy that would be thrown away. A zip inside a zip cannot be read
//! without seeking in it, so it is held in memory, [`MAX_HELD_BYTES`] at most for all that are open at once; a larger one is
//! kept as a document and said to be.

use super::watch::{Counted, Expanded, Watch};
use crate::error::Result;
use crate::source::recognise::HEAD_BYTES;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use zip::ZipArchive;

/// Most bytes of one item that are held in memory: what is read whole (a CDA, a PDF for its title, a zip inside a zip).
pub const MAX_HELD_BYTES: u64 = 64 << 20;
/// Said of an entry whose bytes are not what the archive says of them.
pub const DAMAGED: &str = "damaged in the archive: ask for the archive again";
/// Said of an entry that expands too far.
pub const TOO_FAR: &str =
    "expands far beyond what health data does: unpack it yourself if you trust it, and import that";

/// A place that an archive is read from.
pub enum Seekable<'a> {
    /// A file.
    File(BufReader<Counted<'a, File>>),
    /// An archive inside an archive.
    Memory(Cursor<Vec<u8>>),
}

impl Read for Seekable<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Memory(bytes) => bytes.read(buffer),
        }
    }
}

impl Seek for Seekable<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        match self {
            Self::File(file) => file.seek(to),
            Self::Memory(bytes) => bytes.seek(to),
        }
    }
}

/// The bytes of one item.
pub enum Content<'a, 'w> {
    /// A file on disk.
    File {
        /// Where.
        path: &'a Path,
        /// Who counts.
        watch: &'w Watch<'w>,
    },
    /// An entry of an archive.
    Entry {
        /// The archive.
        archive: &'a mut ZipArchive<Seekable<'w>>,
        /// Which.
        index: usize,
        /// Most bytes it may expand to.
        most: u64,
        /// Who counts.
        watch: &'w Watch<'w>,
    },
    /// Bytes at hand.
    Memory(&'a [u8]),
}

impl Content<'_, '_> {
    /// Begins to read it from the start.
    pub fn open(&mut self) -> Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::File { path, watch } => {
                Box::new(BufReader::new(Counted::new(File::open(path)?, watch)))
            }
            Self::Entry {
                archive,
                index,
                most,
                watch,
            } => {
                let entry = archive
                    .by_index(*index)
                    .map_err(|_| watch.damaged(DAMAGED))?;
                Box::new(Expanded::new(entry, watch, *most, DAMAGED, TOO_FAR))
            }
            Self::Memory(bytes) => Box::new(*bytes),
        })
    }

    /// How long it is, as its folder or archive says.
    pub fn length(&mut self) -> Result<u64> {
        Ok(match self {
            Self::File { path, .. } => path.metadata()?.len(),
            Self::Entry {
                archive,
                index,
                watch,
                ..
            } => {
                let entry = archive
                    .by_index(*index)
                    .map_err(|_| watch.damaged(DAMAGED))?;
                entry.size()
            }
            Self::Memory(bytes) => bytes.len() as u64,
        })
    }

    /// Its beginning, for recognising it.
    pub fn head(&mut self) -> Result<Vec<u8>> {
        let mut head = Vec::new();
        self.open()?
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)?;
        Ok(head)
    }

    /// All of it, or none when it is longer than `most`.
    pub fn whole(&mut self, most: u64) -> Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.open()?.take(most + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }
}
