//! Bodies: compressed before they are padded and sealed.
//!
//! ```text
//! body = 0 ‖ bytes | 1 ‖ zstd frame | 2 ‖ zstd frame made with dictionary 1
//! ```
use crate::error::{Error, Result};
use carnet_wire::{WireError, limits};

/// Packs
pub fn pack_body(bytes: &[u8]) -> Result<Vec<u8>> {
    if bytes.len() > limits::MAX_BODY_BYTES {
        return Err(Error::TooLarge("a change"));
    }
    Ok([&[0], bytes].concat())
}

/// Unpacks
pub fn unpack_body(body: &[u8]) -> Result<Vec<u8>> {
    match body.split_first() {
        Some((0, bytes)) => Ok(bytes.to_vec()),
        _ => Err(WireError::Malformed.into()),
    }
}
