//! The bytes of a file: hashed as given, decompressed within bounds.

use flate2::bufread::MultiGzDecoder;
use std::cell::{Cell, RefCell};
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

/// Bytes a compressed file may expand to before its ratio is looked at.
const FREE_EXPANSION: u64 = 64 << 20;
/// Most bytes out for one byte in: bulk FHIR compresses 10 to 40 times, a file of zeros 1,000 times.
const MAX_RATIO: u64 = 100;
const BUFFER: usize = 64 << 10;

/// Why the bytes cannot be read further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The compressed stream is broken or cut.
    Compression,
    /// The stream expands beyond [`MAX_RATIO`].
    Expansion,
}

/// A file being read.
pub struct Input<R: Read> {
    stream: Stream<R>,
    damage: Option<Damage>,
    raw: Raw<R>,
}

enum Stream<R: Read> {
    Plain(BufReader<Raw<R>>),
    Gzip(Box<BufReader<Bounded<R>>>),
}

/// The raw bytes, shared with whoever finishes the hash after decompression has stopped.
struct Raw<R> {
    shared: Rc<Shared<R>>,
}

struct Shared<R> {
    inner: RefCell<R>,
    hasher: RefCell<blake3::Hasher>,
    read: Cell<u64>,
}

impl<R> Clone for Raw<R> {
    fn clone(&self) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
        }
    }
}

impl<R: Read> Read for Raw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.shared.inner.borrow_mut().read(buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        self.shared.hasher.borrow_mut().update(bytes);
        self.shared.read.set(self.shared.read.get() + count as u64);
        Ok(count)
    }
}

struct Bounded<R: Read> {
    decoder: MultiGzDecoder<BufReader<Raw<R>>>,
    raw: Raw<R>,
    expanded: u64,
}

/// Marks an error as [`Damage::Expansion`] on its way through `io::Error`.
#[derive(Debug, thiserror::Error)]
#[error("expands beyond its bound")]
struct TooExpanded;

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer)?;
        self.expanded += count as u64;
        let most = FREE_EXPANSION.max(self.raw.shared.read.get().saturating_mul(MAX_RATIO));
        if self.expanded > most {
            return Err(io::Error::other(TooExpanded));
        }
        Ok(count)
    }
}

impl<R: Read> Input<R> {
    /// Opens a file: decompresses it if it begins like gzip.
    pub fn open(inner: R) -> io::Result<Self> {
        let raw = Raw {
            shared: Rc::new(Shared {
                inner: RefCell::new(inner),
                hasher: RefCell::default(),
                read: Cell::new(0),
            }),
        };
        let mut plain = BufReader::with_capacity(BUFFER, raw.clone());
        let stream = if plain.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
            let decoder = MultiGzDecoder::new(plain);
            let raw = raw.clone();
            let bounded = Bounded {
                decoder,
                raw,
                expanded: 0,
            };
            Stream::Gzip(Box::new(BufReader::with_capacity(BUFFER, bounded)))
        } else {
            Stream::Plain(plain)
        };
        Ok(Self {
            stream,
            damage: None,
            raw,
        })
    }

    /// Whether the file is compressed.
    pub fn is_gzip(&self) -> bool {
        matches!(self.stream, Stream::Gzip(_))
    }

    /// Why the bytes ended early, if they did.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// The next bytes; empty at the end, also when the stream is damaged.
    pub fn fill(&mut self) -> io::Result<&[u8]> {
        if self.damage.is_some() {
            return Ok(&[]);
        }
        match &mut self.stream {
            Stream::Plain(stream) => stream.fill_buf(),
            Stream::Gzip(stream) => {
                // Filled first and borrowed second: an error must be looked at before the bytes are lent.
                if let Err(error) = stream.fill_buf() {
                    self.damage = Some(damage_of(error)?);
                    return Ok(&[]);
                }
                stream.fill_buf()
            }
        }
    }

    /// The bytes that [`Input::fill`] showed last and that were not taken since.
    pub fn buffered(&self) -> &[u8] {
        match &self.stream {
            Stream::Plain(stream) => stream.buffer(),
            Stream::Gzip(stream) => stream.buffer(),
        }
    }

    /// Takes bytes that [`Input::fill`] showed.
    pub fn consume(&mut self, count: usize) {
        match &mut self.stream {
            Stream::Plain(stream) => stream.consume(count),
            Stream::Gzip(stream) => stream.consume(count),
        }
    }

    /// Reads what is left of the raw file, without decompressing it, and gives the hash of the whole.
    pub fn finish(mut self) -> io::Result<[u8; 32]> {
        io::copy(&mut self.raw, &mut io::sink())?;
        Ok(*self.raw.shared.hasher.borrow().finalize().as_bytes())
    }
}

/// What a failed decompression means; a failure of the file itself stays an error.
fn damage_of(error: io::Error) -> io::Result<Damage> {
    if error
        .get_ref()
        .is_some_and(|inner| inner.is::<TooExpanded>())
    {
        return Ok(Damage::Expansion);
    }
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
            Ok(Damage::Compression)
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read_all(file: &[u8]) -> (Vec<u8>, Option<Damage>, [u8; 32]) {
        let mut input = Input::open(file).unwrap();
        let mut all = Vec::new();
        loop {
            let bytes = input.fill().unwrap().to_vec();
            if bytes.is_empty() {
                break;
            }
            input.consume(bytes.len());
            all.extend(bytes);
        }
        (all, input.damage(), input.finish().unwrap())
    }

    #[test]
    fn the_hash_is_of_the_file_as_given() {
        for file in [b"{}".to_vec(), gzip(b"{}"), Vec::new()] {
            let (_, damage, hash) = read_all(&file);
            assert_eq!((damage, hash), (None, *blake3::hash(&file).as_bytes()));
        }
    }

    #[test]
    fn several_gzip_members_are_one_stream() {
        let file = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read_all(&file).0, b"one two");
    }

    #[test]
    fn a_cut_or_broken_stream_keeps_what_came_before() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
        let file = gzip(&text);
        let (read, damage, hash) = read_all(file.get(..file.len() / 2).unwrap());
        assert_eq!(damage, Some(Damage::Compression));
        assert!(!read.is_empty() && text.starts_with(&read));
        assert_eq!(
            hash,
            *blake3::hash(file.get(..file.len() / 2).unwrap()).as_bytes()
        );
    }

    #[test]
    fn what_expands_too_much_is_stopped() {
        let spaces = gzip(&vec![b' '; 200 << 20]);
        let (read, damage, _) = read_all(&spaces);
        assert_eq!(damage, Some(Damage::Expansion));
        assert!(
            read.len() as u64 <= FREE_EXPANSION + BUFFER as u64 + spaces.len() as u64 * MAX_RATIO
        );
    }
}
