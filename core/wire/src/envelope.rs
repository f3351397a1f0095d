//! The envelope: a change sealed for one compartment, the unit of sync. All the relay sees.
//!
//! ```text
//! Envelope = [ version = 1, suite: u16, mailbox: bstr32, epoch: bstr32, nonce: bstr24, ciphertext: bstr ]
//! ```
//! Everything but the ciphertext is the associated data: `carnet/1 envelope\0` followed by the canonical encoding of the
//! same array without its last element.

use crate::canonical::check_version;
use crate::{Canonical, EnvelopeId, EpochId, MailboxId, WireError, limits};
use minicbor::{Decode, Encode};

/// The only envelope version of this build.
pub const ENVELOPE_VERSION: u8 = 1;
/// XChaCha20-Poly1305, HKDF-SHA-256, BLAKE3, Ed25519, HPKE with X-Wing.
pub const SUITE_1: u16 = 1;

/// A sealed change as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Envelope {
    /// [`ENVELOPE_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The suite of algorithms, fixed for an epoch.
    #[n(1)]
    pub suite: u16,
    /// Where the relay keeps it.
    #[n(2)]
    pub mailbox: MailboxId,
    /// Which key opens it.
    #[n(3)]
    pub epoch: EpochId,
    /// Random.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 24],
    /// The padded inner change, sealed.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub ciphertext: Vec<u8>,
}

/// What the associated data covers: all of the envelope but its ciphertext.
#[derive(Encode)]
struct Outer {
    #[n(0)]
    version: u8,
    #[n(1)]
    suite: u16,
    #[n(2)]
    mailbox: MailboxId,
    #[n(3)]
    epoch: EpochId,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 24],
}

impl Envelope {
    /// The associated data of the AEAD.
    pub fn associated_data(&self) -> Vec<u8> {
        let outer = Outer {
            version: self.version,
            suite: self.suite,
            mailbox: self.mailbox,
            epoch: self.epoch,
            nonce: self.nonce,
        };
        let mut data = b"carnet/1 envelope\0".to_vec();
        // Writing to a Vec cannot fail.
        let _ = minicbor::encode(outer, &mut data);
        data
    }

    /// Reads an envelope. An unknown suite is not an error here: it is stored and reported.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        if bytes.len() > limits::MAX_ENVELOPE_BYTES {
            return Err(WireError::TooLarge);
        }
        check_version(bytes, ENVELOPE_VERSION)?;
        Self::from_canonical(bytes)
    }

    /// The id the relay knows this envelope by.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId::derive(&self.to_canonical())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{padded_len, samples};
    use proptest::prelude::*;

    fn envelope() -> Envelope {
        Envelope {
            version: ENVELOPE_VERSION,
            suite: SUITE_1,
            mailbox: MailboxId([1; 32]),
            epoch: EpochId([2; 32]),
            nonce: [3; 24],
            ciphertext: vec![4; 144],
        }
    }

    #[test]
    fn associated_data_is_the_envelope_without_its_ciphertext() {
        let bytes = envelope().to_canonical();
        let data = envelope().associated_data();
        let outer = data.strip_prefix(b"carnet/1 envelope\0").unwrap();
        // Five elements instead of six, and the ciphertext with its two-byte head gone.
        assert_eq!(outer[0], 0x85);
        assert_eq!(outer[1..], bytes[1..bytes.len() - 2 - 144]);
    }

    #[test]
    fn every_outer_field_is_bound() {
        let data = envelope().associated_data();
        let changes: [fn(&mut Envelope); 5] = [
            |e| e.version = 2,
            |e| e.suite = 2,
            |e| e.mailbox.0[0] ^= 1,
            |e| e.epoch.0[31] ^= 1,
            |e| e.nonce[12] ^= 1,
        ];
        for change in changes {
            let mut other = envelope();
            change(&mut other);
            assert_ne!(other.associated_data(), data);
        }
    }

    #[test]
    fn an_unknown_suite_is_read() {
        let mut unknown = envelope();
        unknown.suite = 0xffff;
        assert_eq!(Envelope::from_bytes(&unknown.to_canonical()), Ok(unknown));
    }

    #[test]
    fn a_newer_version_is_reported_as_such_whatever_its_layout() {
        let mut newer = envelope();
        newer.version = 2;
        let bytes = newer.to_canonical();
        assert_eq!(Envelope::from_bytes(&bytes), Err(WireError::UnknownVersion));
        let another_layout = b"\x82\x19\x01\x00\xa0";
        assert_eq!(
            Envelope::from_bytes(another_layout),
            Err(WireError::UnknownVersion)
        );
    }

    #[test]
    fn the_longest_envelope_is_the_longest() {
        let mut longest = envelope();
        longest.ciphertext = vec![0; limits::MAX_ENVELOPE_BYTES - 102];
        let bytes = longest.to_canonical();
        assert_eq!(bytes.len(), limits::MAX_ENVELOPE_BYTES);
        assert!(Envelope::from_bytes(&bytes).is_ok());
        longest.ciphertext.push(0);
        assert_eq!(
            Envelope::from_bytes(&longest.to_canonical()),
            Err(WireError::TooLarge)
        );
    }

    #[test]
    fn the_longest_inner_fits_and_a_longer_one_does_not() {
        let sealed = |inner: usize| 102 + padded_len(4 + inner) + 16;
        assert!(sealed(limits::MAX_INNER_BYTES) <= limits::MAX_ENVELOPE_BYTES);
        assert!(sealed(limits::MAX_INNER_BYTES + 1) > limits::MAX_ENVELOPE_BYTES);
    }

    #[test]
    fn the_id_is_the_hash_of_the_bytes() {
        let bytes = envelope().to_canonical();
        assert_eq!(envelope().id().0, *blake3::hash(&bytes).as_bytes());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_is_read_is_what_was_sent(envelope in samples::envelope()) {
            prop_assert_eq!(Envelope::from_bytes(&envelope.to_canonical()), Ok(envelope));
        }
    }
}
