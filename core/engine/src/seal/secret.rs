//! Private keys are sealed once more inside the encrypted database, so that a stray copy of a page or a debugging dump of
//! a table does not hand them out.
//!
//! `sealed = nonce: 24 random bytes ‖ XChaCha20-Poly1305( key, plaintext, AAD )`; for a row of the database the key is
//! `HKDF(database key, "carnet/1 secret")` and the AAD the name of its slot.

use super::{derive_key, make_random};
use crate::error::{Error, Result};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 24;

/// Seals a private key for the row named `slot`.
pub fn seal_secret(database_key: &[u8; 32], slot: &str, secret: &[u8]) -> Result<Vec<u8>> {
    let key = derive_key(database_key, "carnet/1 secret")?;
    seal_bytes(&key, slot.as_bytes(), secret)
}

/// Opens what [`seal_secret`] sealed for the same slot.
pub fn open_secret(
    database_key: &[u8; 32],
    slot: &str,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let key = derive_key(database_key, "carnet/1 secret")?;
    open_bytes(&key, slot.as_bytes(), sealed)
}

/// XChaCha20-Poly1305 with a random nonce in front.
pub(crate) fn seal_bytes(key: &[u8; 32], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let nonce: [u8; NONCE_BYTES] = make_random()?;
    let mut sealed = nonce.to_vec();
    sealed.extend_from_slice(&seal_with_nonce(key, &nonce, aad, plaintext)?);
    Ok(sealed)
}

/// Opens what [`seal_bytes`] sealed.
pub(crate) fn open_bytes(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let (nonce, ciphertext) = sealed
        .split_first_chunk::<NONCE_BYTES>()
        .ok_or(Error::Unsealable)?;
    open_with_nonce(key, nonce, aad, ciphertext)
}

pub(crate) fn seal_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>> {
    XChaCha20Poly1305::new(key.into())
        .encrypt(
            &XNonce::from(*nonce),
            Payload {
                msg: plaintext,
                aad,
            },
        )
        .map_err(|_| Error::TooLarge("what was to be sealed"))
}

pub(crate) fn open_with_nonce(
    key: &[u8; 32],
    nonce: &[u8; 24],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let payload = Payload {
        msg: ciphertext,
        aad,
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), payload)
        .map(Zeroizing::new)
        .map_err(|_| Error::Unsealable)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_opens_in_its_slot_under_its_key_only() {
        let sealed = seal_secret(&[1; 32], "device", b"keys").unwrap();
        assert_eq!(
            open_secret(&[1; 32], "device", &sealed).unwrap().as_slice(),
            b"keys"
        );
        assert!(matches!(
            open_secret(&[1; 32], "account", &sealed),
            Err(Error::Unsealable)
        ));
        assert!(matches!(
            open_secret(&[2; 32], "device", &sealed),
            Err(Error::Unsealable)
        ));
        assert_ne!(sealed, seal_secret(&[1; 32], "device", b"keys").unwrap());
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let sealed = seal_secret(&[1; 32], "device", b"keys").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 0x80;
            assert!(open_secret(&[1; 32], "device", &changed).is_err());
            assert!(open_secret(&[1; 32], "device", &sealed[..at]).is_err());
        }
    }
}
