//! Signing, sealing and opening envelopes. The layouts stand in `carnet_wire`; here are the keys.
//!
//! ```text
//! ciphertext = XChaCha20-Poly1305( content key of the epoch, nonce, padded inner change, AAD of the envelope )
//! nonce      = first 24 bytes of BLAKE3 keyed_hash( the device's nonce secret, 32 random bytes ‖ BLAKE3(plaintext) )
//! ```
//! The nonce is hedged: should a cloned or broken random source repeat itself, two different plaintexts of one device
//! still get two nonces, and two devices never share one. A content key per device would give the same, but the author is
//! inside the ciphertext: whoever opens an envelope cannot know yet which device's key to take.
//!
//! Order of trust when opening: AEAD, framing, limits of the header, the signature. The header is written again with the
//! epoch's record and compartment and the hash of the body that came, so the signature is over the place and the body too.
//! Only then may anybody look into the body.

use super::secret::{open_with_nonce, seal_with_nonce};
use super::{DeviceKeys, Epoch, make_random, verify};
use crate::error::{Error, Result};
use carnet_wire::{
    Canonical, ChangeId, ENVELOPE_VERSION, Envelope, Header, Inner, SUITE_1, WireError, limits,
    signed_bytes,
};
use zeroize::Zeroizing;

/// A header and its author's signature: a change before it is sealed, and for ever after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Canonical header.
    pub header: Vec<u8>,
    /// Ed25519 signature over it.
    pub signature: [u8; 64],
    /// The lasting identity of the change.
    pub id: ChangeId,
}

/// Signs a header. `header.author.device` must be `device`; [`open`] refuses it otherwise.
pub fn sign_header(device: &DeviceKeys, header: &Header) -> Signed {
    let header = header.to_canonical();
    Signed {
        signature: device.sign(&signed_bytes(&header)),
        id: ChangeId::derive(&header),
        header,
    }
}

/// Seals a signed change under an epoch. An unsent change may be sealed again under a later epoch: its identity stays.
pub fn seal(epoch: &Epoch, device: &DeviceKeys, inner: &Inner) -> Result<Vec<u8>> {
    // Encoded size before padding; a body this long would only be copied several times to be refused.
    if inner.body.len() > limits::MAX_ENVELOPE_BYTES {
        return Err(Error::TooLarge("a change, as one envelope"));
    }
    let plaintext = Zeroizing::new(inner.to_padded()?);
    seal_plaintext(epoch, device.nonce_secret(), &plaintext)
}

/// Seals padded plaintext under an epoch, as envelope bytes.
pub(crate) fn seal_plaintext(
    epoch: &Epoch,
    nonce_secret: &[u8; 32],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    let mut envelope = Envelope {
        version: ENVELOPE_VERSION,
        suite: SUITE_1,
        mailbox: epoch.mailbox,
        epoch: epoch.id,
        nonce: make_nonce(nonce_secret, plaintext)?,
        ciphertext: Vec::new(),
    };
    let data = envelope.associated_data();
    let key = epoch.content_key()?;
    envelope.ciphertext = seal_with_nonce(&key, &envelope.nonce, &data, plaintext)?;
    let bytes = envelope.to_canonical();
    if bytes.len() > limits::MAX_ENVELOPE_BYTES {
        return Err(Error::TooLarge("a change, as one envelope"));
    }
    Ok(bytes)
}

fn make_nonce(secret: &[u8; 32], plaintext: &[u8]) -> Result<[u8; 24]> {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    hasher.update(&make_random::<32>()?);
    hasher.update(blake3::hash(plaintext).as_bytes());
    let mut nonce = [0; 24];
    hasher.finalize_xof().fill(&mut nonce);
    Ok(nonce)
}

/// A change that came out of an envelope, with everything checked that can be checked without the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// What was signed.
    pub header: Header,
    /// The bytes that were signed.
    pub header_bytes: Vec<u8>,
    /// The signature of `header.author.device`, checked.
    pub signature: [u8; 64],
    /// The body as it travelled, and as it was signed; [`super::unpack_body`] reads it.
    pub body: Vec<u8>,
    /// The identity of the change.
    pub id: ChangeId,
}

/// Opens an envelope under the epoch it names.
pub fn open(epoch: &Epoch, envelope: &Envelope) -> Result<Opened> {
    let plaintext = open_plaintext(epoch, envelope)?;
    let inner = Inner::from_padded(&plaintext, epoch.record, epoch.compartment)?;
    let header = Header::from_bytes(&inner.header)?;
    let signed = signed_bytes(&inner.header);
    verify(header.author.device, &signed, &inner.signature)?;
    Ok(Opened {
        id: ChangeId::derive(&inner.header),
        header,
        header_bytes: inner.header,
        signature: inner.signature,
        body: inner.body,
    })
}

/// Opens an envelope down to its padded plaintext.
pub(crate) fn open_plaintext(epoch: &Epoch, envelope: &Envelope) -> Result<Zeroizing<Vec<u8>>> {
    if envelope.version != ENVELOPE_VERSION || envelope.suite != SUITE_1 {
        return Err(WireError::UnknownVersion.into());
    }
    if envelope.epoch != epoch.id || envelope.mailbox != epoch.mailbox {
        return Err(Error::Unsealable);
    }
    let data = envelope.associated_data();
    let key = epoch.content_key()?;
    open_with_nonce(&key, &envelope.nonce, &data, &envelope.ciphertext)
}

#[cfg(test)]
mod tests;
