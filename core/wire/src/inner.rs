//! What lies inside an envelope: a signed header and a body, framed, padded and sealed by the engine's `seal` room.
//!
//! ```text
//! plaintext = length: u32 big-endian ‖ inner ‖ zeros up to padded_len(4 + length)
//! inner     = [ version, author, seq, prev, seen, frontier, lamport, kind, signature: bstr64, body: bstr ]
//! header    = canonical Header
//! signature = Ed25519( "carnet/1 change\0" ‖ header ), checked with verify_strict
//! body      = compression: u8 ‖ payload        0 stored · 1 zstd · 2 zstd with a dictionary
//! ```
//! The header names its place and the hash of the body as it travels (compressed). Neither travels: record and compartment
//! are those of the epoch that opened the envelope, the hash is that of the body beside it. The receiver writes the header
//! again from them, and the signature holds only if they are what the author signed. Nothing is inflated before that.

use crate::canonical::check_version;
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
        check_version(bytes, HEADER_VERSION)?;
        let header = Self::from_canonical(bytes)?;
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

/// A change as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// Canonical [`Header`].
    pub header: Vec<u8>,
    /// Ed25519 signature of the author's device.
    pub signature: [u8; 64],
    /// Compression byte and payload.
    pub body: Vec<u8>,
}

/// What travels of a change: all that the receiver cannot know.
#[derive(Encode, Decode)]
struct Travelling {
    #[n(0)]
    version: u8,
    #[n(1)]
    author: Author,
    #[n(2)]
    seq: u64,
    #[n(3)]
    prev: ChangeId,
    #[n(4)]
    seen: Vec<Seen>,
    #[n(5)]
    frontier: Vec<ChangeId>,
    #[n(6)]
    lamport: u64,
    #[n(7)]
    kind: u8,
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    signature: [u8; 64],
    #[n(9)]
    #[cbor(with = "minicbor::bytes")]
    body: Vec<u8>,
}

/// What the signature covers.
pub fn signed_bytes(header: &[u8]) -> Vec<u8> {
    [b"carnet/1 change\0".as_slice(), header].concat()
}

impl Inner {
    /// Frames and pads the change for sealing.
    pub fn to_padded(&self) -> Result<Vec<u8>, WireError> {
        let header = Header::from_canonical(&self.header)?;
        let travelling = Travelling {
            version: header.version,
            author: header.author,
            seq: header.seq,
            prev: header.prev,
            seen: header.seen,
            frontier: header.frontier,
            lamport: header.lamport,
            kind: header.kind,
            signature: self.signature,
            body: self.body.clone(),
        };
        let inner = travelling.to_canonical();
        let framed = inner.len() + 4;
        let mut plaintext = Vec::with_capacity(padded_len(framed));
        plaintext.extend_from_slice(&(inner.len() as u32).to_be_bytes());
        plaintext.extend_from_slice(&inner);
        plaintext.resize(padded_len(framed), 0);
        Ok(plaintext)
    }

    /// Reads a change from plaintext that an epoch of `record` and `compartment` opened; the padding must be exact and zero.
    /// Whether this is what the author signed is for the signature to say.
    pub fn from_padded(
        plaintext: &[u8],
        record: RecordId,
        compartment: CompartmentId,
    ) -> Result<Self, WireError> {
        let (length, rest) = plaintext
            .split_first_chunk::<4>()
            .ok_or(WireError::Malformed)?;
        let length = u32::from_be_bytes(*length) as usize;
        let inner = rest.get(..length).ok_or(WireError::Malformed)?;
        let padding = rest.get(length..).unwrap_or_default();
        if plaintext.len() != padded_len(length + 4) || padding.iter().any(|byte| *byte != 0) {
            return Err(WireError::NotCanonical);
        }
        check_version(inner, HEADER_VERSION)?;
        Ok(Travelling::from_canonical(inner)?.arrive(record, compartment))
    }
}

impl Travelling {
    /// Writes the header again, as it is signed.
    fn arrive(self, record: RecordId, compartment: CompartmentId) -> Inner {
        let header = Header {
            version: self.version,
            record,
            compartment,
            author: self.author,
            seq: self.seq,
            prev: self.prev,
            seen: self.seen,
            frontier: self.frontier,
            lamport: self.lamport,
            kind: self.kind,
            body_hash: *blake3::hash(&self.body).as_bytes(),
        };
        Inner {
            header: header.to_canonical(),
            signature: self.signature,
            body: self.body,
        }
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
    len.checked_add(mask)
        .map_or(usize::MAX, |raised| raised & !mask)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::samples::{self, first_header};
    use crate::{DeviceId, Incarnation};
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// What reading the first header says after `change`.
    fn reread(change: impl FnOnce(&mut Header)) -> Result<Header, WireError> {
        let mut header = first_header();
        change(&mut header);
        Header::from_bytes(&header.to_canonical())
    }

    fn seen(device: u8, incarnation: u8, seq: u64) -> Seen {
        Seen {
            author: Author {
                device: DeviceId([device; 32]),
                incarnation: Incarnation([incarnation; 8]),
            },
            seq,
        }
    }

    #[test]
    fn a_first_header_is_read() {
        assert_eq!(reread(|_| ()), Ok(first_header()));
    }

    #[test]
    fn a_chain_starts_at_one_with_nothing_before() {
        assert_eq!(reread(|h| h.seq = 0), Err(WireError::NotCanonical));
        assert_eq!(reread(|h| h.seq = 2), Err(WireError::NotCanonical));
        assert_eq!(reread(|h| h.prev.0[0] = 1), Err(WireError::NotCanonical));
        assert!(reread(|h| (h.seq, h.prev.0[0]) = (2, 1)).is_ok());
        assert!(reread(|h| (h.seq, h.prev.0[0]) = (u64::MAX, 1)).is_ok());
    }

    #[test]
    fn authors_are_sorted_and_listed_once() {
        let sorted = vec![seen(1, 1, 9), seen(1, 2, 5), seen(2, 1, 1)];
        assert!(reread(|h| h.seen.clone_from(&sorted)).is_ok());
        let swapped = vec![seen(1, 2, 5), seen(1, 1, 9)];
        assert_eq!(reread(|h| h.seen = swapped), Err(WireError::NotCanonical));
        let twice = vec![seen(1, 1, 5), seen(1, 1, 9)];
        assert_eq!(reread(|h| h.seen = twice), Err(WireError::NotCanonical));
    }

    #[test]
    fn the_frontier_is_sorted_and_has_no_double() {
        let ids = |bytes: &[u8]| bytes.iter().map(|b| ChangeId([*b; 32])).collect::<Vec<_>>();
        assert!(reread(|h| h.frontier = ids(&[1, 2, 3])).is_ok());
        assert_eq!(
            reread(|h| h.frontier = ids(&[2, 1])),
            Err(WireError::NotCanonical)
        );
        assert_eq!(
            reread(|h| h.frontier = ids(&[1, 1])),
            Err(WireError::NotCanonical)
        );
    }

    #[test]
    fn lists_have_limits_and_a_full_header_fits() {
        let authors = |count: usize| {
            let author = |i: usize| {
                let mut seen = seen(0, 0, u64::MAX);
                seen.author.device.0[..8].copy_from_slice(&(i as u64).to_be_bytes());
                seen
            };
            (0..count).map(author).collect::<Vec<_>>()
        };
        let heads = |count: usize| {
            (0..count)
                .map(|i| ChangeId([i as u8; 32]))
                .collect::<Vec<_>>()
        };
        let full = reread(|h| {
            h.seen = authors(limits::MAX_SEEN_AUTHORS);
            h.frontier = heads(limits::MAX_FRONTIER);
        });
        assert!(full.is_ok());
        let one_more = limits::MAX_SEEN_AUTHORS + 1;
        assert_eq!(
            reread(|h| h.seen = authors(one_more)),
            Err(WireError::TooLarge)
        );
        let one_more = limits::MAX_FRONTIER + 1;
        assert_eq!(
            reread(|h| h.frontier = heads(one_more)),
            Err(WireError::TooLarge)
        );
        assert_eq!(
            Header::from_bytes(&vec![0; limits::MAX_HEADER_BYTES + 1]),
            Err(WireError::TooLarge)
        );
    }

    #[test]
    fn an_unknown_kind_is_read_and_a_newer_version_is_reported() {
        assert_eq!(reread(|h| h.kind = 200).map(|h| h.kind), Ok(200));
        assert_eq!(reread(|h| h.version = 2), Err(WireError::UnknownVersion));
        assert_eq!(
            Header::from_bytes(b"\x81\x18\x63"),
            Err(WireError::UnknownVersion)
        );
        assert_eq!(Header::from_bytes(b"\x80"), Err(WireError::Malformed));
    }

    fn inner(body: usize) -> Inner {
        let body = vec![0xff; body];
        let header = Header {
            body_hash: *blake3::hash(&body).as_bytes(),
            ..first_header()
        };
        Inner {
            header: header.to_canonical(),
            signature: [6; 64],
            body,
        }
    }

    /// Reads plaintext at the place of the first header.
    fn read(plaintext: &[u8]) -> Result<Inner, WireError> {
        let place = first_header();
        Inner::from_padded(plaintext, place.record, place.compartment)
    }

    #[test]
    fn what_the_receiver_knows_does_not_travel() {
        let inner = inner(10);
        let plaintext = inner.to_padded().unwrap();
        let header = Header::from_bytes(&inner.header).unwrap();
        let known = [
            header.record.as_ref(),
            header.compartment.as_ref(),
            &header.body_hash,
        ];
        for part in known {
            assert!(!plaintext.windows(part.len()).any(|window| window == part));
        }
        let elsewhere = Inner::from_padded(&plaintext, RecordId([9; 32]), header.compartment);
        let elsewhere = Header::from_bytes(&elsewhere.unwrap().header).unwrap();
        assert_eq!(elsewhere.record, RecordId([9; 32]));
        assert_eq!(elsewhere.author, header.author);
    }

    #[test]
    fn a_header_that_cannot_be_read_is_not_sealed() {
        let bad = Inner {
            header: vec![1],
            ..inner(1)
        };
        assert_eq!(bad.to_padded(), Err(WireError::Malformed));
    }

    #[test]
    fn a_newer_version_is_reported_whatever_follows() {
        let mut plaintext = vec![0, 0, 0, 4, 0x82, 0x02, 0x61, b'x'];
        plaintext.resize(128, 0);
        assert_eq!(read(&plaintext), Err(WireError::UnknownVersion));
    }

    #[test]
    fn padding_is_exact_and_zero() {
        let plaintext = inner(10).to_padded().unwrap();
        assert_eq!(read(&plaintext), Ok(inner(10)));
        let mut dirty = plaintext.clone();
        *dirty.last_mut().unwrap() = 1;
        assert_eq!(read(&dirty), Err(WireError::NotCanonical));
        let longer = [plaintext.as_slice(), &[0; 128]].concat();
        assert_eq!(read(&longer), Err(WireError::NotCanonical));
        let shorter = &plaintext[..plaintext.len() - 1];
        assert_eq!(read(shorter), Err(WireError::NotCanonical));
    }

    #[test]
    fn a_length_that_is_not_there_is_malformed() {
        for plaintext in [
            b"".as_slice(),
            b"\0\0\0",
            b"\0\0\0\x01",
            b"\xff\xff\xff\xff\0",
        ] {
            assert_eq!(read(plaintext), Err(WireError::Malformed));
        }
        // A length that leaves part of the value to the padding.
        let mut plaintext = inner(0).to_padded().unwrap();
        plaintext[3] -= 1;
        assert!(read(&plaintext).is_err());
    }

    #[test]
    fn padded_lengths_at_their_boundaries() {
        let table = [
            (0, 128),
            (1, 128),
            (128, 128),
            (129, 256),
            (3968, 3968),
            (3969, 4096),
            (4096, 4096),
            (4097, 4352),
            (4352, 4352),
            (8191, 8192),
            (8192, 8192),
            (8193, 8704),
            (65_536, 65_536),
            (65_537, 67_584),
            ((4 << 20) - (64 << 10), 4_128_768),
            (usize::MAX, usize::MAX),
        ];
        for (len, padded) in table {
            assert_eq!(padded_len(len), padded, "{len}");
        }
    }

    #[test]
    fn padding_is_monotone_and_stable() {
        let mut last = 0;
        for len in 0..200_000 {
            let padded = padded_len(len);
            assert!(
                padded >= len && padded >= last && padded.is_multiple_of(128),
                "{len}"
            );
            assert_eq!(padded_len(padded), padded, "{len}");
            last = padded;
        }
    }

    /// Reads plaintext at the place of its own header.
    fn read_at(inner: &Inner, plaintext: &[u8]) -> Result<Inner, WireError> {
        let place = Header::from_bytes(&inner.header)?;
        Inner::from_padded(plaintext, place.record, place.compartment)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn padding_costs_little_above_four_kibibytes(len in 4097_usize..1 << 40) {
            let padded = padded_len(len);
            prop_assert!(padded >= len && (padded - len) as u128 * 100 <= len as u128 * 12);
            prop_assert_eq!(padded % 128, 0);
        }

        #[test]
        fn what_is_unpadded_is_what_was_padded(inner in samples::inner()) {
            let plaintext = inner.to_padded().unwrap();
            prop_assert_eq!(padded_len(plaintext.len()), plaintext.len());
            prop_assert_eq!(read_at(&inner, &plaintext), Ok(inner));
        }

        #[test]
        fn other_plaintexts_are_errors_or_other_changes(
            inner in samples::inner(), at in any::<Index>(), flip in 1..=u8::MAX, cut in any::<Index>(),
        ) {
            let plaintext = inner.to_padded().unwrap();
            prop_assert!(read_at(&inner, &plaintext[..cut.index(plaintext.len())]).is_err());
            let mut mutated = plaintext.clone();
            mutated[at.index(plaintext.len())] ^= flip;
            if let Ok(other) = read_at(&inner, &mutated) {
                prop_assert_eq!(other.to_padded(), Ok(mutated));
                prop_assert_ne!(other, inner);
            }
        }

        #[test]
        fn valid_headers_are_read(header in samples::header()) {
            prop_assert_eq!(Header::from_bytes(&header.to_canonical()), Ok(header));
        }
    }
}
