//! Sync files: records in a row, read without trust and written without hurry. The layout stands in `carnet_wire` ("Sync
//! file").
//!
//! ```text
//! file   = "carnet-sync\0" ‖ version = 1: 1 byte ‖ record …
//! record = kind: 1 byte ‖ length: u32 big-endian ‖ bytes ‖ check: first 8 bytes of BLAKE3( kind ‖ length ‖ bytes )
//! ```
//! Invariant: a file is read with one record's envelope in memory and no document; what a head claims is never allocated
//! before it is there. This room opens no envelope.

use crate::error::{Error, Result};
use carnet_wire::{WireError, limits};
use std::io::{self, Read, Write};

/// What every sync file begins with.
pub const MAGIC: [u8; 12] = *b"carnet-sync\0";
/// The only version of this build.
pub const VERSION: u8 = 1;
/// The record is an envelope.
pub const ENVELOPE: u8 = 1;
/// The record is a document: its id, then its sealed bytes.
pub const DOCUMENT: u8 = 2;
/// Bytes of a document's id before its bytes.
pub const ID_BYTES: usize = 32;
const CHECK_BYTES: usize = 8;
const COPY_BYTES: usize = 64 << 10;

/// What is said of a file that breaks the layout. What came before the damage may have been taken in.
pub const DAMAGED: Error = Error::Invalid(
    "the sync file is damaged or cut short: what could be read was taken in, the file is as it was; ask for another copy",
);

/// The head of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: u8,
    /// Length of its bytes.
    pub length: u32,
}

impl Head {
    fn bytes(self) -> [u8; 5] {
        let [a, b, c, d] = self.length.to_be_bytes();
        [self.kind, a, b, c, d]
    }

    fn is_possible(self) -> bool {
        let length = u64::from(self.length);
        match self.kind {
            0 => false,
            ENVELOPE => length <= limits::MAX_ENVELOPE_BYTES as u64,
            DOCUMENT => {
                (ID_BYTES as u64..=limits::MAX_BLOB_BYTES + ID_BYTES as u64).contains(&length)
            }
            _ => length <= limits::MAX_BLOB_BYTES + ID_BYTES as u64,
        }
    }
}

/// Reads a file record by record.
pub struct Reader<R> {
    input: R,
    hasher: blake3::Hasher,
    left: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning of a file.
    pub fn open(mut input: R) -> Result<Self> {
        let mut begin = [0; MAGIC.len() + 1];
        input.read_exact(&mut begin).map_err(damage)?;
        let Some((version, magic)) = begin.split_last() else {
            return Err(DAMAGED);
        };
        if magic != MAGIC {
            return Err(Error::Invalid("this file is not a sync file"));
        }
        if *version != VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        Ok(Self {
            input,
            hasher: blake3::Hasher::new(),
            left: 0,
        })
    }

    /// The head of the next record; `None` at the end of the file. The one before must have been read to its end.
    pub fn next_head(&mut self) -> Result<Option<Head>> {
        let mut kind = [0];
        if self.input.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(damage)?;
        let head = Head {
            kind: u8::from_be_bytes(kind),
            length: u32::from_be_bytes(length),
        };
        if !head.is_possible() {
            return Err(DAMAGED);
        }
        self.hasher.reset();
        self.hasher.update(&head.bytes());
        self.left = head.length.into();
        Ok(Some(head))
    }

    /// The id at the beginning of a document.
    pub fn id(&mut self) -> Result<[u8; ID_BYTES]> {
        let mut id = [0; ID_BYTES];
        self.input.read_exact(&mut id).map_err(damage)?;
        self.hasher.update(&id);
        self.left = self.left.saturating_sub(ID_BYTES as u64);
        Ok(id)
    }

    /// The rest of the record into `output`, in parts; then the check. `go_on` is asked between parts.
    pub fn rest(
        &mut self,
        output: &mut dyn Write,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        let mut buffer = vec![0; COPY_BYTES.min(usize::try_from(self.left).unwrap_or(COPY_BYTES))];
        while self.left > 0 {
            go_on()?;
            let most =
                usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
            let part = buffer.get_mut(..most).unwrap_or_default();
            self.input.read_exact(part).map_err(damage)?;
            self.hasher.update(part);
            output.write_all(part)?;
            self.left -= most as u64;
        }
        let mut check = [0; CHECK_BYTES];
        self.input.read_exact(&mut check).map_err(damage)?;
        match self.hasher.finalize().as_bytes().starts_with(&check) {
            true => Ok(()),
            false => Err(DAMAGED),
        }
    }
}

fn damage(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DAMAGED,
        _ => error.into(),
    }
}

/// Writes the beginning of a file.
pub fn write_begin(output: &mut dyn Write) -> Result<()> {
    output.write_all(&MAGIC)?;
    Ok(output.write_all(&[VERSION])?)
}

/// Writes an envelope.
pub fn write_envelope(output: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    write_record(output, ENVELOPE, &[], bytes.len() as u64, &mut &*bytes)
}

/// Writes a document of `length` bytes.
pub fn write_document(
    output: &mut dyn Write,
    id: &[u8; ID_BYTES],
    length: u64,
    bytes: &mut dyn Read,
) -> Result<()> {
    write_record(output, DOCUMENT, id, length, bytes)
}

fn write_record(
    output: &mut dyn Write,
    kind: u8,
    before: &[u8],
    length: u64,
    bytes: &mut dyn Read,
) -> Result<()> {
    let whole = u32::try_from(length + before.len() as u64);
    let head = Head {
        kind,
        length: whole.map_err(|_| Error::TooLarge("a record of a sync file"))?,
    };
    if !head.is_possible() {
        return Err(Error::TooLarge("a record of a sync file"));
    }
    let mut hasher = blake3::Hasher::new();
    for part in [head.bytes().as_slice(), before] {
        hasher.update(part);
        output.write_all(part)?;
    }
    let mut buffer = vec![0; COPY_BYTES];
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).map_or(COPY_BYTES, |left| left.min(COPY_BYTES));
        let part = buffer.get_mut(..most).unwrap_or_default();
        bytes
            .read_exact(part)
            .map_err(|_| Error::Corrupt("a document is shorter than it was"))?;
        hasher.update(part);
        output.write_all(part)?;
        left -= most as u64;
    }
    let hash = hasher.finalize();
    let check = hash.as_bytes().first_chunk::<CHECK_BYTES>();
    Ok(output.write_all(check.unwrap_or(&[0; CHECK_BYTES]))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn go_on() -> Result<()> {
        Ok(())
    }

    fn file() -> Vec<u8> {
        let mut bytes = Vec::new();
        write_begin(&mut bytes).unwrap();
        write_envelope(&mut bytes, b"envelope").unwrap();
        write_document(&mut bytes, &[7; 32], 100_000, &mut io::repeat(5)).unwrap();
        write_record(&mut bytes, 200, &[], 3, &mut &b"new"[..]).unwrap();
        bytes
    }

    /// Kinds and bytes up to the end or the first error.
    fn read(bytes: &[u8]) -> (Vec<(u8, Vec<u8>)>, Result<()>) {
        let mut records = Vec::new();
        let mut all = || -> Result<()> {
            let mut reader = Reader::open(bytes)?;
            while let Some(head) = reader.next_head()? {
                let mut out = Vec::new();
                if head.kind == DOCUMENT {
                    out.extend_from_slice(&reader.id()?);
                }
                reader.rest(&mut out, &mut go_on)?;
                records.push((head.kind, out));
            }
            Ok(())
        };
        let outcome = all();
        (records, outcome)
    }

    #[test]
    fn records_are_read_as_written() {
        let (records, outcome) = read(&file());
        outcome.unwrap();
        let kinds: Vec<u8> = records.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds, [ENVELOPE, DOCUMENT, 200]);
        assert_eq!(records[0].1, b"envelope");
        assert_eq!(records[1].1.len(), 100_032);
        assert_eq!(records[2].1, b"new");
        let beginning = [b"carnet-sync\0\x01\x01\0\0\0\x08".as_slice(), b"envelope"].concat();
        assert!(file().starts_with(&beginning));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_damage_and_what_came_before_is_not() {
        let whole = file();
        let records = read(&whole).0;
        let ends = [13, 34, 13 + 21 + 100_045, whole.len()];
        let places = (0..200)
            .chain((200..whole.len()).step_by(499))
            .chain(whole.len() - 30..whole.len());
        for at in places {
            let (before, outcome) = read(&whole[..at]);
            assert_eq!(outcome.is_ok(), ends.contains(&at), "cut at {at}");
            assert!(records.starts_with(&before));
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            let (before, outcome) = read(&flipped);
            assert!(
                outcome.is_err() && records.starts_with(&before),
                "flipped {at}"
            );
        }
    }

    #[test]
    fn claimed_lengths_are_not_believed() {
        for (kind, length) in [
            (0, 1),
            (ENVELOPE, 5 << 20),
            (DOCUMENT, 31),
            (DOCUMENT, u32::MAX),
            (9, u32::MAX),
        ] {
            let mut bytes = Vec::new();
            write_begin(&mut bytes).unwrap();
            bytes.extend_from_slice(&Head { kind, length }.bytes());
            assert!(
                matches!(read(&bytes).1, Err(Error::Invalid(_))),
                "{kind} {length}"
            );
        }
        assert!(write_envelope(&mut io::sink(), &vec![0; 5 << 20]).is_err());
        let short = write_document(&mut io::sink(), &[0; 32], 10, &mut &b"five!"[..]);
        assert!(matches!(short, Err(Error::Corrupt(_))));
    }

    #[test]
    fn another_file_and_a_later_version_are_told_apart() {
        assert!(
            matches!(read(b"%PDF-1.4 and so on").1, Err(Error::Invalid(text)) if text.contains("not a sync file"))
        );
        assert!(matches!(
            read(b"carnet-sync\0\x02").1,
            Err(Error::Wire(WireError::UnknownVersion))
        ));
        assert!(read(b"").1.is_err());
    }

    #[test]
    #[allow(clippy::string_slice)]
    fn files_of_the_script_are_read_as_it_wrote_them() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/vectors/sync-files.json"
        );
        let all: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let hex = |value: &serde_json::Value| -> Vec<u8> {
            let text = value.as_str().unwrap();
            let digits = (0..text.len()).step_by(2);
            digits
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
                .collect()
        };
        for vector in all["vectors"].as_array().unwrap() {
            let (records, outcome) = read(&hex(&vector["file"]));
            let expected = vector["records"].as_array().unwrap().iter();
            let expected: Vec<(u8, Vec<u8>)> = expected
                .map(|record| {
                    (
                        record["kind"].as_u64().unwrap() as u8,
                        hex(&record["bytes"]),
                    )
                })
                .collect();
            assert!(records == expected, "{}", vector["name"]);
            match vector["expect"].as_str().unwrap() {
                "ok" => outcome.unwrap(),
                "unknown-version" => assert!(matches!(outcome, Err(Error::Wire(_)))),
                _ => assert!(matches!(outcome, Err(Error::Invalid(_)))),
            }
        }
    }
}
