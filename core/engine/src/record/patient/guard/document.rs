//! A document chunk, measured. Documents come only from this device's own encrypted database, so any column is let
//! through and only its cost is bounded; what a document says is vouched for by the hashes of its heads, which Automerge
//! checks.

use super::columns::{Cell, Kind, Reader, add_up, visit_runs};
use super::{DOCUMENT, MAX_KEY_BYTES, read_chunk, read_layout};
use crate::error::{Error, Result};
use crate::record::patient::{MAX_SHARD_CONTENT, MAX_SHARD_OPERATIONS};
use flate2::read::DeflateDecoder;
use std::borrow::Cow;
use std::io::Read;

const MALFORMED: Error = Error::Invalid("the Automerge document is malformed");

/// Content of a document before it is refused: twice what a shard may grow to, because columns that are run-length
/// encoded in each change may not be in the document.
const MAX_INFLATED_BYTES: u64 = 2 * MAX_SHARD_CONTENT;
/// Most actors or heads: a shard cannot have more than operations.
const MAX_ACTORS: u64 = MAX_SHARD_OPERATIONS;
/// The bit of a column's specification that says its data is deflated.
const DEFLATED: u32 = 0b1000;

/// Measures the document chunk at the start of `bytes`; returns the bytes of its columns once inflated, and what follows
/// the chunk.
pub(in crate::record::patient) fn read_document(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut reader = Reader::new(bytes);
    let chunk = read_chunk(&mut reader)?;
    if chunk.kind != DOCUMENT {
        return Err(Error::Invalid("not an Automerge document"));
    }
    let content = read_body(Reader::new(chunk.body))?;
    Ok((content, reader.rest()))
}

fn read_body(mut reader: Reader<'_>) -> Result<u64> {
    (0..read_count(&mut reader)?).try_for_each(|_| reader.text(MAX_KEY_BYTES).map(drop))?;
    (0..read_count(&mut reader)?).try_for_each(|_| reader.array::<32>().map(drop))?;
    let changes = read_layout(&mut reader)?;
    let operations = read_layout(&mut reader)?;
    let mut content = 0;
    read_columns(&changes, &mut reader, &mut content)?;
    read_columns(&operations, &mut reader, &mut content)?;
    Ok(content)
}

fn read_count(reader: &mut Reader<'_>) -> Result<u64> {
    match reader.unsigned()? {
        count @ 0..=MAX_ACTORS => Ok(count),
        _ => Err(Error::TooLarge("actors or heads of a shard")),
    }
}

fn read_columns(layout: &[(u32, u64)], reader: &mut Reader<'_>, content: &mut u64) -> Result<()> {
    let mut value_bytes = 0;
    for &(specification, length) in layout {
        let data = inflate(
            specification,
            reader.take(length)?,
            MAX_INFLATED_BYTES - *content,
        )?;
        *content += data.len() as u64;
        let kind = Kind::of(specification);
        let raw_bytes = if kind == Kind::Raw {
            data.len() as u64
        } else {
            0
        };
        if raw_bytes != value_bytes {
            return Err(MALFORMED);
        }
        value_bytes = read_column(specification, kind, &data)?;
    }
    if value_bytes == 0 {
        Ok(())
    } else {
        Err(MALFORMED)
    }
}

/// Counts the rows of a column; returns the bytes that it claims of the raw column behind it.
fn read_column(specification: u32, kind: Kind, data: &[u8]) -> Result<u64> {
    let is_metadata = specification & 0b111 == 6;
    let is_group = specification & 0b111 == 0;
    let (mut value_bytes, mut members) = (0, 0);
    visit_runs(
        kind,
        data,
        MAX_SHARD_OPERATIONS,
        &mut |rows, cell| match cell {
            Cell::Unsigned(value) if is_metadata => {
                add_up(&mut value_bytes, rows, value >> 4, MAX_INFLATED_BYTES)
            }
            Cell::Unsigned(value) if is_group => {
                add_up(&mut members, rows, value, MAX_SHARD_OPERATIONS)
            }
            _ => Ok(()),
        },
    )?;
    Ok(value_bytes)
}

fn inflate(specification: u32, data: &[u8], limit: u64) -> Result<Cow<'_, [u8]>> {
    let data = if specification & DEFLATED == 0 {
        Cow::Borrowed(data)
    } else {
        let mut inflated = Vec::new();
        DeflateDecoder::new(data)
            .take(limit + 1)
            .read_to_end(&mut inflated)
            .map_err(|_| MALFORMED)?;
        Cow::Owned(inflated)
    };
    if data.len() as u64 > limit {
        return Err(Error::TooLarge("content of a shard"));
    }
    Ok(data)
}
