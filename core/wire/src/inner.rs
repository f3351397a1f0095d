//! What lies inside an envelope: a signed header and a body, framed, padded and sealed by the engine's `seal` room.
//!
//! ```text
//! plaintext = length: u32 big-endian ‖ Inner ‖ zeros up to padded_len(4 + length)
//! Inner     = [ header: bstr, signature: bstr64, body: bstr ]
//! header    = canonical Header
//! signature = Ed25519( "carnet/1 change\0" ‖ header ), checked with verify_strict
//! body      = compression: u8 ‖ payload        0 stored · 1 zstd · 2 zstd with dictionary 1
//! ```
//! The header names the hash of the body as it travels (compressed), so nothing is inflated before the signature holds.

use crate::{Author, Canonical, ChangeId, CompartmentId, RecordId, WireError, limits};
use minicbor::{Decode, Encode};

/// The only header version of this build.
pub const HEADER_VERSION: u8 = 1;

/// What the body of a change is. Unknown kinds are stored and reported, never dropped.
pub mod kind {
    /// A record change: resources, edits of the patient layer, segments, attachments.
    pub const CHANGE: u8 = 1;
    /// A snapshot (reserved).
    pub const SNAPSHOT: u8 = 2;
    /// Operations on a roster or on an account.
    pub const OPERATIONS: u8 = 3;
}

/// One author's position in a version vector: everything of `author` up to `seq` has been merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Seen {
    /// Whose chain.
    #[n(0)]
    pub author: Author,
    /// The last sequence number merged.
    #[n(1)]
    pub seq: u64,
}

/// The signed part of a change.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Header {
    /// [`HEADER_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The record (or account) it belongs to.
    #[n(1)]
    pub record: RecordId,
    /// The compartment it belongs to.
    #[n(2)]
    pub compartment: CompartmentId,
    /// Who wrote it.
    #[n(3)]
    pub author: Author,
    /// Position in the author's chain of this compartment, from 1, without gaps.
    #[n(4)]
    pub seq: u64,
    /// The author's previous change in this compartment; zeros for the first.
    #[n(5)]
    pub prev: ChangeId,
    /// What the author had merged in this compartment, sorted by author; never what it held in quarantine.
    #[n(6)]
    pub seen: Vec<Seen>,
    /// Heads of the roster the author knew, sorted.
    #[n(7)]
    pub frontier: Vec<ChangeId>,
    /// One more than the greatest the author had merged in this compartment: orders versions without a clock.
    #[n(8)]
    pub lamport: u64,
    /// One of [`kind`].
    #[n(9)]
    pub kind: u8,
    /// BLAKE3 of the body as it travels.
    #[n(10)]
    #[cbor(with = "minicbor::bytes")]
    pub body_hash: [u8; 32],
}

impl Header {
    /// Reads a header and checks its limits and its order.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > limits::MAX_HEADER_BYTES {
            return Err(WireError::TooLarge);
        }
        let header = Self::from_canonical(bytes)?;
        if header.version != HEADER_VERSION {
            return Err(WireError::UnknownVersion);
        }
        if header.seen.len() > limits::MAX_SEEN_AUTHORS
            || header.frontier.len() > limits::MAX_FRONTIER
        {
            return Err(WireError::TooLarge);
        }
        let sorted = header
            .seen
            .windows(2)
            .all(|pair| pair[0].author < pair[1].author)
            && header.frontier.windows(2).all(|pair| pair[0] < pair[1]);
        let first = header.seq == 1;
        if !sorted || header.seq == 0 || first != (header.prev == ChangeId([0; 32])) {
            return Err(WireError::NotCanonical);
        }
        Ok(header)
    }
}

/// A change as it lies inside the ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Inner {
    /// Canonical [`Header`].
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub header: Vec<u8>,
    /// Ed25519 signature of the author's device.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: [u8; 64],
    /// Compression byte and payload.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub body: Vec<u8>,
}

/// What the signature covers.
pub fn signed_bytes(header: &[u8]) -> Vec<u8> {
    [b"carnet/1 change\0".as_slice(), header].concat()
}

impl Inner {
    /// Frames and pads the change for sealing.
    pub fn to_padded(&self) -> Vec<u8> {
        let inner = self.to_canonical();
        let framed = inner.len() + 4;
        let mut plaintext = Vec::with_capacity(padded_len(framed));
        plaintext.extend_from_slice(&(inner.len() as u32).to_be_bytes());
        plaintext.extend_from_slice(&inner);
        plaintext.resize(padded_len(framed), 0);
        plaintext
    }

    /// Reads a change from opened plaintext; the padding must be exact and zero.
    pub fn from_padded(plaintext: &[u8]) -> Result<Self, WireError> {
        let (length, rest) = plaintext
            .split_first_chunk::<4>()
            .ok_or(WireError::Malformed)?;
        let length = u32::from_be_bytes(*length) as usize;
        let inner = rest.get(..length).ok_or(WireError::Malformed)?;
        let padding = rest.get(length..).unwrap_or_default();
        if plaintext.len() != padded_len(length + 4) || padding.iter().any(|byte| *byte != 0) {
            return Err(WireError::NotCanonical);
        }
        Self::from_canonical(inner)
    }
}

/// The padded length of `len` bytes: multiples of 128 up to 4 KiB, then Padmé (at most 12 % more).
pub fn padded_len(len: usize) -> usize {
    if len <= 4096 {
        return len.max(1).next_multiple_of(128);
    }
    // Padmé (Nikitin et al., PETS 2019): keep as many high bits as the exponent has bits.
    let exponent = len.ilog2();
    let kept = exponent.ilog2() + 1;
    let low_bits = exponent - kept;
    let mask = (1_usize << low_bits) - 1;
    (len + mask) & !mask
}
