//! The envelope: a change sealed for one compartment, the unit of sync. All the relay sees.
//!
//! ```text
//! Envelope = [ version = 1, suite: u16, mailbox: bstr32, epoch: bstr32, nonce: bstr24, ciphertext: bstr ]
//! ```
//! Everything but the ciphertext is the associated data: `carnet/1 envelope\0` followed by the canonical encoding of the
//! same array without its last element.

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
        let envelope = Self::from_canonical(bytes)?;
        if envelope.version != ENVELOPE_VERSION {
            return Err(WireError::UnknownVersion);
        }
        Ok(envelope)
    }

    /// The id the relay knows this envelope by.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId::derive(&self.to_canonical())
    }
}
