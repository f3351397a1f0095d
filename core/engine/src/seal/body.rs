//! Bodies: compressed before they are padded and sealed.
//!
//! ```text
//! body = 0 ‖ bytes                                        stored: what does not shrink
//!      | 1 ‖ one zstd frame (RFC 8878)                    window at most 8 MiB
//!      | 2 ‖ one zstd frame made with dictionary 1        frame without a dictionary id
//! ```
//! Dictionary 1 (`dictionary/version-1.dict`, its BLAKE3 stands in the tests) knows how small changes look: one entry of about ten fields would
//! otherwise be three quarters keys and code systems. It is part of the protocol and never changes; a better one gets a number of
//! its own.
//!
//! Inflation is bounded by what comes out, never by what a frame claims: a body of a few bytes may claim gigabytes.
//!
//! Levels, measured with `measure_levels` and `zstd -b` on Synthea files (x86-64, loaded machine): 1, 2, 3 give 22.1, 22.7, 22.7 times
//! at 266, 287, 194 MB/s. An import writes at 3: of many small Observations it makes 2.3 % less than 2, which the first sync of a
//! new phone has to fetch, for 2 % of the import's time. With the dictionary 9 gives what 12 does in half the time, 40 µs an
//! entry.

use crate::error::{Error, Result};
use carnet_wire::{WireError, limits};
use std::io::Read;
use std::sync::OnceLock;
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::CParameter;

const STORED: u8 = 0;
const ZSTD: u8 = 1;
const ZSTD_DICTIONARY_1: u8 = 2;

const DICTIONARY_1: &[u8] = include_bytes!("dictionary/version-1.dict");
/// Level of bodies that an import writes.
const LEVEL: i32 = 3;
/// Level of small bodies, whose time the transaction dwarfs.
const SMALL_LEVEL: i32 = 9;
/// Longest body that is compressed with the dictionary; beyond it the body is its own dictionary.
const SMALL_BYTES: usize = 16 << 10;
/// 8 MiB: the window every decoder is asked to support by RFC 8878.
const MAX_WINDOW_LOG: u32 = 23;

/// Compresses a body for the wire, in the form that comes out shortest for its size class.
pub fn pack_body(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > limits::MAX_BODY_BYTES {
        return Err(Error::TooLarge("a change"));
    }
    let (form, packed) = if bytes.len() <= SMALL_BYTES {
        (ZSTD_DICTIONARY_1, compress_small(bytes))
    } else {
        (ZSTD, zstd::bulk::compress(bytes, LEVEL))
    };
    let packed = packed.map_err(|_| Error::Bug("a body could not be compressed"))?;
    if packed.len() >= bytes.len() {
        return Ok(prefixed(STORED, bytes));
    }
    Ok(prefixed(form, &packed))
}

fn compress_small(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    static PREPARED: OnceLock<EncoderDictionary<'static>> = OnceLock::new();
    let dictionary = PREPARED.get_or_init(|| EncoderDictionary::copy(DICTIONARY_1, SMALL_LEVEL));
    let mut compressor = zstd::bulk::Compressor::with_prepared_dictionary(dictionary)?;
    // The form byte names the dictionary already: four bytes less in every envelope.
    compressor.set_parameter(CParameter::DictIdFlag(false))?;
    compressor.compress(bytes)
}

fn prefixed(form: u8, bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes.len() + 1);
    body.push(form);
    body.extend_from_slice(bytes);
    body
}

/// Reads what [`pack_body`] wrote. An unknown form is a newer app's.
pub fn unpack_body(body: &[u8]) -> Result<Vec<u8>> {
    let (form, packed) = body.split_first().ok_or(WireError::Malformed)?;
    match *form {
        STORED if packed.len() > limits::MAX_BODY_BYTES => Err(WireError::TooLarge.into()),
        STORED => Ok(packed.to_vec()),
        ZSTD => {
            let decoder = zstd::stream::read::Decoder::with_buffer(packed);
            inflate(decoder.map_err(|_| NO_DECODER)?)
        }
        ZSTD_DICTIONARY_1 => {
            static PREPARED: OnceLock<DecoderDictionary<'static>> = OnceLock::new();
            let dictionary = PREPARED.get_or_init(|| DecoderDictionary::copy(DICTIONARY_1));
            let decoder = zstd::stream::read::Decoder::with_prepared_dictionary(packed, dictionary);
            inflate(decoder.map_err(|_| NO_DECODER)?)
        }
        _ => Err(WireError::UnknownVersion.into()),
    }
}

const NO_DECODER: Error = Error::Bug("no zstd decoder");

fn inflate(mut decoder: zstd::stream::read::Decoder<'_, &[u8]>) -> Result<Vec<u8>> {
    decoder
        .window_log_max(MAX_WINDOW_LOG)
        .map_err(|_| NO_DECODER)?;
    let mut decoder = decoder.single_frame();
    let mut bytes = Vec::new();
    decoder
        .by_ref()
        .take(limits::MAX_BODY_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| WireError::Malformed)?;
    if bytes.len() > limits::MAX_BODY_BYTES {
        return Err(WireError::TooLarge.into());
    }
    if !decoder.finish().is_empty() {
        return Err(WireError::Malformed.into());
    }
    Ok(bytes)
}

#[cfg(test)]
pub(in crate::seal) mod tests;
