//! Attachments: document bytes sealed once, in the form in which they lie on disk and travel.
//!
//! ```text
//! sealed    = prefix: 19 random bytes ‖ chunk ‖ chunk ‖ … ‖ last chunk
//! chunk     = XChaCha20-Poly1305( key, prefix ‖ counter: u32 big-endian ‖ last: 0 or 1, 65536 bytes; the last: 0 to 65536 )
//! plaintext = document ‖ 0x80 ‖ zeros up to padded_len(document length + 1)
//! ```
//! This is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): a chunk moved, missing or doubled does not open, and neither does a
//! file cut at a chunk's end, because the last chunk says that it is the last. Each attachment has its own random key.
//! The size of a document can name it, so the plaintext is padded as envelopes are. The padding is a marker and zeros, not
//! a length in front, so that a document is sealed in one pass from a stream whose length nobody knows yet.
//!
//! **Whoever opens must wait for the result**: the output is whole only when [`open_attachment`] returns `Ok`. A caller writes
//! to a temporary place and throws it away on an error.

use super::make_random;
use crate::error::{Error, Result};
use aead_stream::{DecryptorBE32, EncryptorBE32};
use carnet_wire::{BlobId, RecordId, limits, padded_len};
use chacha20poly1305::aead::KeyInit;
use chacha20poly1305::{Key, XChaCha20Poly1305};
use std::io::{Read, Write};
use zeroize::{Zeroize, Zeroizing};

/// Plaintext bytes in every chunk but the last.
pub const CHUNK_BYTES: usize = 64 << 10;
/// The nonce prefix in front of the chunks.
pub const PREFIX_BYTES: usize = 19;
const TAG_BYTES: usize = 16;
const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;
/// Where the document ends and the padding begins.
const END_MARKER: u8 = 0x80;

/// What became of a sealed document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Hash of all sealed bytes: its name on disk and at the relay.
    pub blob: BlobId,
    /// Length of the document.
    pub size: u64,
    /// Length of the sealed bytes.
    pub sealed_size: u64,
}

/// The identity of a document in a record: `BLAKE3 derive_key("carnet/1 attachment-id", record ‖ BLAKE3(document))`, first 16
/// bytes. Keyed by the record's id, which only members know, so that nobody else can test whether a record holds a
/// document they have.
pub fn derive_attachment_id(record: RecordId, plaintext_hash: &[u8; 32]) -> [u8; 16] {
    let input = [record.as_ref(), plaintext_hash].concat();
    let hash = blake3::derive_key("carnet/1 attachment-id", &input);
    let mut id = [0; 16];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

/// Seals a document from `input` to `output` in one pass and bounded memory. `key` is random and used for this document only.
pub fn seal_attachment(
    key: &[u8; 32],
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<Sealed> {
    seal_with_prefix(key, make_random()?, input, output)
}

/// Seals under a prefix that was drawn before. Never twice under one key.
pub(super) fn seal_with_prefix(
    key: &[u8; 32],
    prefix: [u8; PREFIX_BYTES],
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<Sealed> {
    let mut sealer = Sealer {
        stream: EncryptorBE32::from_aead(aead(key), &prefix.into()),
        chunk: Zeroizing::new(Vec::with_capacity(SEALED_CHUNK_BYTES)),
        output: HashingWriter::new(output),
    };
    sealer.output.write(&prefix)?;
    let size = sealer.copy(input)?;
    sealer.push(&[END_MARKER])?;
    let mut padding = padded_attachment_len(size).saturating_sub(size + 1);
    while padding > 0 {
        let zeros = padding.min(CHUNK_BYTES as u64);
        sealer.push(&vec![0; zeros as usize])?;
        padding -= zeros;
    }
    sealer.finish(size)
}

/// Length of a document of `size` bytes with its marker and padding.
fn padded_attachment_len(size: u64) -> u64 {
    usize::try_from(size + 1).map_or(size + 1, |length| padded_len(length) as u64)
}

fn aead(key: &[u8; 32]) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&Key::from(*key))
}

struct Sealer<'a> {
    stream: EncryptorBE32<XChaCha20Poly1305>,
    /// A chunk is sealed only when a byte after it exists: until then it may be the last.
    chunk: Zeroizing<Vec<u8>>,
    output: HashingWriter<'a>,
}

impl Sealer<'_> {
    fn copy(&mut self, input: &mut dyn Read) -> Result<u64> {
        let mut buffer = Zeroizing::new(vec![0; CHUNK_BYTES]);
        let mut size = 0;
        loop {
            let length = read_full(input, &mut buffer)?;
            size += length as u64;
            // Checked while it is read: a stream may never end.
            if sealed_len(padded_attachment_len(size)) > limits::MAX_BLOB_BYTES {
                return Err(Error::TooLarge("an attachment"));
            }
            self.push(buffer.get(..length).unwrap_or_default())?;
            if length < CHUNK_BYTES {
                return Ok(size);
            }
        }
    }

    fn push(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK_BYTES {
                let sealed = self.stream.encrypt_next(self.chunk.as_slice());
                self.output.write(&sealed.map_err(|_| TOO_MANY_CHUNKS)?)?;
                self.chunk.zeroize();
            }
            let room = CHUNK_BYTES - self.chunk.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn finish(mut self, size: u64) -> Result<Sealed> {
        let sealed = self.stream.encrypt_last(self.chunk.as_slice());
        self.output.write(&sealed.map_err(|_| TOO_MANY_CHUNKS)?)?;
        self.output.inner.flush()?;
        Ok(Sealed {
            blob: BlobId(*self.output.hasher.finalize().as_bytes()),
            size,
            sealed_size: self.output.written,
        })
    }
}

const TOO_MANY_CHUNKS: Error = Error::TooLarge("an attachment");

/// Length of `padded` plaintext bytes once sealed.
fn sealed_len(padded: u64) -> u64 {
    let chunks = padded.div_ceil(CHUNK_BYTES as u64);
    PREFIX_BYTES as u64 + padded + chunks * TAG_BYTES as u64
}

struct HashingWriter<'a> {
    inner: &'a mut dyn Write,
    hasher: blake3::Hasher,
    written: u64,
}

impl<'a> HashingWriter<'a> {
    fn new(inner: &'a mut dyn Write) -> Self {
        Self {
            inner,
            hasher: blake3::Hasher::new(),
            written: 0,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.inner.write_all(bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// Reads until the buffer is full or the input ends.
fn read_full(input: &mut dyn Read, buffer: &mut [u8]) -> Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}

/// Opens a sealed document from `input` to `output` and returns its length. On an error the output is to be thrown away.
pub fn open_attachment(
    key: &[u8; 32],
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> Result<u64> {
    let mut prefix = [0; PREFIX_BYTES];
    if read_full(input, &mut prefix)? < PREFIX_BYTES {
        return Err(Error::Unsealable);
    }
    let mut stream: DecryptorBE32<_> = DecryptorBE32::from_aead(aead(key), &prefix.into());
    let mut document = Unpadder::new(output);
    let mut sealed = vec![0; SEALED_CHUNK_BYTES];
    let mut following = vec![0; SEALED_CHUNK_BYTES];
    let mut length = read_full(input, &mut sealed)?;
    loop {
        // Only what follows tells whether a full chunk was the last.
        let next_length = read_full(input, &mut following)?;
        let chunk = sealed.get(..length).unwrap_or_default();
        if next_length == 0 {
            let chunk = stream.decrypt_last(chunk).map_err(|_| Error::Unsealable)?;
            document.push(&Zeroizing::new(chunk))?;
            return document.finish();
        }
        let chunk = stream.decrypt_next(chunk).map_err(|_| Error::Unsealable)?;
        document.push(&Zeroizing::new(chunk))?;
        std::mem::swap(&mut sealed, &mut following);
        length = next_length;
    }
}

/// Passes a document on and holds its padding back: the last marker seen and the number of zeros after it.
struct Unpadder<'a> {
    output: &'a mut dyn Write,
    size: u64,
    zeros: Option<u64>,
}

impl<'a> Unpadder<'a> {
    fn new(output: &'a mut dyn Write) -> Self {
        Self {
            output,
            size: 0,
            zeros: None,
        }
    }

    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        let trailing = chunk.iter().rev().take_while(|byte| **byte == 0).count();
        let (front, tail) = chunk.split_at(chunk.len() - trailing);
        let Some((last, document)) = front.split_last() else {
            // Only zeros: they stay what the bytes before them were.
            return match &mut self.zeros {
                Some(zeros) => {
                    *zeros += tail.len() as u64;
                    Ok(())
                }
                None => self.deliver(tail),
            };
        };
        self.release()?;
        self.deliver(document)?;
        if *last == END_MARKER {
            self.zeros = Some(tail.len() as u64);
            return Ok(());
        }
        self.deliver(&[*last])?;
        self.deliver(tail)
    }

    /// What was held back was not the end after all.
    fn release(&mut self) -> Result<()> {
        let Some(mut zeros) = self.zeros.take() else {
            return Ok(());
        };
        self.deliver(&[END_MARKER])?;
        while zeros > 0 {
            let part = zeros.min(CHUNK_BYTES as u64);
            self.deliver(&vec![0; part as usize])?;
            zeros -= part;
        }
        Ok(())
    }

    fn deliver(&mut self, bytes: &[u8]) -> Result<()> {
        self.output.write_all(bytes)?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<u64> {
        let padded = self.zeros.map(|zeros| self.size + 1 + zeros);
        if padded != Some(padded_attachment_len(self.size)) {
            return Err(Error::Unsealable);
        }
        self.output.flush()?;
        Ok(self.size)
    }
}

#[cfg(test)]
mod tests;
