//! Canonical encoding: the one way bytes become a value and a value becomes bytes.
//!
//! Every structure that crosses the network or is signed is deterministic CBOR (RFC 8949 §4.2.1): fixed-length arrays,
//! definite lengths, shortest integers, no floats, no maps. The decoder does not trust the input to be canonical: it
//! encodes what it decoded and compares, because CBOR decoders accept non-minimal integers and trailing bytes
//! (measured on minicbor 2.3 and postcard 1.1).

use minicbor::{Decode, Encode};

/// Why received bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes are not the structure that was asked for.
    #[error("the bytes are malformed")]
    Malformed,
    /// The bytes decode, but are not the one encoding of what they say.
    #[error("the bytes are not in canonical form")]
    NotCanonical,
    /// A size or count is over its limit in [`crate::limits`].
    #[error("the bytes are over a size limit")]
    TooLarge,
    /// The format version is one this build does not know.
    #[error("the format version is newer than this app: update it")]
    UnknownVersion,
}

/// A value with exactly one encoding.
pub trait Canonical: Sized {
    /// The one encoding of this value.
    fn to_canonical(&self) -> Vec<u8>;
    /// Reads a value and refuses any other encoding of it, trailing bytes included.
    fn from_canonical(bytes: &[u8]) -> Result<Self, WireError>;
}

impl<T> Canonical for T
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    fn to_canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail: its error type is `Infallible`.
        match minicbor::encode(self, &mut bytes) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }

    fn from_canonical(bytes: &[u8]) -> Result<Self, WireError> {
        let value: T = minicbor::decode(bytes).map_err(|_| WireError::Malformed)?;
        if value.to_canonical() != bytes {
            return Err(WireError::NotCanonical);
        }
        Ok(value)
    }
}
