//! What stands before Automerge: chunks are measured, and refused, before Automerge parses a byte of them.
//!
//! Automerge 0.12 has no limits: 1.1 kB can hold a million operations (3.4 s, 520 MB), and bytes mutated behind a valid
//! checksum can panic in it. So this module reads the storage format itself, without expanding a run and without
//! allocating more than it was given, and lets pass only the small part of the format that the patient layer writes:
//!
//! ```text
//! chunk    = 85 6f 4a 83, checksum: 4 bytes of SHA-256(type, length, body), type, length: uleb, body
//! change   = type 1; body = deps, actor, seq, start op, time, message, other actors, columns
//! document = type 0; body = actors, heads, change columns, operation columns, head indices
//! columns  = count, *( specification: id << 4 | deflate << 3 | kind, length ), *( data )
//! ```
//! A change that passes has only `make map`, `put` and `delete` of scalars under text keys, columns of equal length, and
//! references within its own actor table. It may still be nonsense: the shard applies it to a clone and checks again.
//! What it passes and Automerge rejects, or the reverse, costs an error, never a wrong record.

mod change;
mod columns;
mod document;
#[cfg(test)]
pub(super) mod testing;

use crate::error::{Error, Result};
pub(super) use change::{Header, read_change};
use columns::Reader;
pub(super) use document::read_document;
use sha2::{Digest, Sha256};

/// Longest map key or commit message: `correct:<32 hex>:<field>` with room for what a newer app may add.
pub(super) const MAX_KEY_BYTES: usize = 256;
/// Most columns of one kind in a chunk; Automerge 0.12 knows sixteen.
const MAX_COLUMNS: u64 = 32;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const DOCUMENT: u8 = 0;
const CHANGE: u8 = 1;

/// One chunk whose checksum holds.
struct Chunk<'a> {
    kind: u8,
    body: &'a [u8],
    hash: [u8; 32],
}

/// Reads the next chunk and leaves the reader behind it.
fn read_chunk<'a>(reader: &mut Reader<'a>) -> Result<Chunk<'a>> {
    let magic: [u8; 4] = reader.array()?;
    let checksum: [u8; 4] = reader.array()?;
    let from_kind = *reader;
    let [kind] = reader.array()?;
    let length = reader.unsigned()?;
    let body = reader.take(length)?;
    let hashed_length = from_kind.rest().len() - reader.rest().len();
    let hash: [u8; 32] =
        Sha256::digest(from_kind.rest().get(..hashed_length).unwrap_or_default()).into();
    if magic != MAGIC || !hash.starts_with(&checksum) {
        return Err(Error::Invalid("not an Automerge chunk"));
    }
    Ok(Chunk { kind, body, hash })
}

/// The first chunk of `bytes` and what follows it, unread.
pub(super) fn split_chunk(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut reader = Reader::new(bytes);
    read_chunk(&mut reader)?;
    Ok(bytes.split_at(bytes.len() - reader.rest().len()))
}

/// The specification and length of every column, in the order of their data.
fn read_layout(reader: &mut Reader<'_>) -> Result<Vec<(u32, u64)>> {
    let count = reader.unsigned()?;
    if count > MAX_COLUMNS {
        return Err(Error::TooLarge("columns of an Automerge chunk"));
    }
    (0..count)
        .map(|_| {
            let specification = u32::try_from(reader.unsigned()?)
                .map_err(|_| Error::Invalid("an Automerge column is unknown"))?;
            Ok((specification, reader.unsigned()?))
        })
        .collect()
}
