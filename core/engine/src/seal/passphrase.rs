//! A key wrapped under a passphrase: what the command line has where a phone has a hardware key.
//!
//! ```text
//! wrapped = [ version = 1, memory: u32 KiB, passes: u32, lanes: u32, salt: bstr16, nonce: bstr24, ciphertext: bstr48 ]
//! key     = Argon2id v1.3( passphrase, salt, memory, passes, lanes ), 32 bytes
//! AAD     = "carnet/1 passphrase\0" ‖ canonical [ version, memory, passes, lanes, salt, nonce ]
//! ```
//! The cost travels with the bytes, so it can grow. It is checked before any work: below the floor somebody has weakened the
//! file, above the ceiling somebody wants this device's memory.
//!
//! The passphrase is bytes. Who reads it from a keyboard brings it to Unicode NFC first: one system types é as one code
//! point, another as two.

use super::make_random;
use super::secret::{open_with_nonce, seal_with_nonce};
use crate::error::{Error, Result};
use argon2::{Algorithm, Argon2, Params, Version};
use carnet_wire::{Canonical, WireError};
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

const WRAPPED_VERSION: u8 = 1;
/// Longest passphrase.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;
/// Longest wrapped key; this build writes about 110 bytes.
const MAX_WRAPPED_KEY_BYTES: usize = 256;

/// What guessing a passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes that may run in parallel.
    pub lanes: u32,
}

impl Cost {
    /// The least that is read or written (OWASP's minimum for Argon2id).
    pub const FLOOR: Self = Self {
        memory: 19 << 10,
        passes: 2,
        lanes: 1,
    };
    /// The most that is read: a phone must survive it.
    pub const CEILING: Self = Self {
        memory: 512 << 10,
        passes: 16,
        lanes: 4,
    };

    fn check(self) -> Result<Self> {
        let (floor, ceiling) = (Self::FLOOR, Self::CEILING);
        let allowed = (floor.memory..=ceiling.memory).contains(&self.memory)
            && (floor.passes..=ceiling.passes).contains(&self.passes)
            && (floor.lanes..=ceiling.lanes).contains(&self.lanes);
        if !allowed {
            return Err(Error::Invalid("the passphrase cost is out of bounds"));
        }
        Ok(self)
    }
}

impl Default for Cost {
    /// 64 MiB, three passes: 0.6 s on a slow core, measured.
    fn default() -> Self {
        Self {
            memory: 64 << 10,
            passes: 3,
            lanes: 1,
        }
    }
}

#[derive(Encode, Decode)]
struct Wrapped {
    #[n(0)]
    version: u8,
    #[n(1)]
    memory: u32,
    #[n(2)]
    passes: u32,
    #[n(3)]
    lanes: u32,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    salt: [u8; 16],
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 24],
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    ciphertext: Vec<u8>,
}

impl Wrapped {
    fn cost(&self) -> Cost {
        Cost {
            memory: self.memory,
            passes: self.passes,
            lanes: self.lanes,
        }
    }

    fn associated_data(&self) -> Vec<u8> {
        let (salt, nonce) = (
            minicbor::bytes::ByteArray::from(self.salt),
            minicbor::bytes::ByteArray::from(self.nonce),
        );
        let header = (
            self.version,
            self.memory,
            self.passes,
            self.lanes,
            salt,
            nonce,
        );
        let mut data = b"carnet/1 passphrase\0".to_vec();
        // Writing to a Vec cannot fail.
        let _ = minicbor::encode(header, &mut data);
        data
    }
}

/// Wraps a key under a passphrase.
pub fn wrap_with_passphrase(passphrase: &[u8], key: &[u8; 32], cost: Cost) -> Result<Vec<u8>> {
    if passphrase.is_empty() {
        return Err(Error::Invalid("the passphrase is empty"));
    }
    let mut wrapped = Wrapped {
        version: WRAPPED_VERSION,
        memory: cost.memory,
        passes: cost.passes,
        lanes: cost.lanes,
        salt: make_random()?,
        nonce: make_random()?,
        ciphertext: Vec::new(),
    };
    let stretched = stretch(passphrase, &wrapped.salt, cost)?;
    wrapped.ciphertext =
        seal_with_nonce(&stretched, &wrapped.nonce, &wrapped.associated_data(), key)?;
    Ok(wrapped.to_canonical())
}

/// Unwraps a key. [`Error::WrongKey`] when the passphrase is another one or the bytes were changed: the two cannot be told apart.
pub fn unwrap_with_passphrase(passphrase: &[u8], wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
    if wrapped.len() > MAX_WRAPPED_KEY_BYTES {
        return Err(Error::Corrupt("the wrapped key"));
    }
    let wrapped = read_wrapped(wrapped)?;
    let stretched = stretch(passphrase, &wrapped.salt, wrapped.cost())?;
    let data = wrapped.associated_data();
    let key = open_with_nonce(&stretched, &wrapped.nonce, &data, &wrapped.ciphertext)
        .map_err(|_| Error::WrongKey)?;
    key.as_slice()
        .try_into()
        .map(Zeroizing::new)
        .map_err(|_| Error::Corrupt("the wrapped key"))
}

fn read_wrapped(bytes: &[u8]) -> Result<Wrapped> {
    // The version comes first in every layout, so that a later one is told from damage.
    if let [0x80..=0x97, version @ 0..=0x17, ..] = bytes
        && *version != WRAPPED_VERSION
    {
        return Err(WireError::UnknownVersion.into());
    }
    Wrapped::from_canonical(bytes).map_err(|_| Error::Corrupt("the wrapped key"))
}

fn stretch(passphrase: &[u8], salt: &[u8; 16], cost: Cost) -> Result<Zeroizing<[u8; 32]>> {
    if passphrase.len() > MAX_PASSPHRASE_BYTES {
        return Err(Error::TooLarge("the passphrase"));
    }
    argon2id(passphrase, salt, cost.check()?)
}

/// Argon2id at any cost and with a salt of any length, as its published vectors need it.
pub(super) fn argon2id(passphrase: &[u8], salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>> {
    let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(32))
        .map_err(|_| Error::Invalid("the passphrase cost is out of bounds"))?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase, salt, key.as_mut())
        .map_err(|_| Error::Bug("Argon2 refused its parameters"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: [u8; 32] = [9; 32];

    fn wrapped() -> Vec<u8> {
        wrap_with_passphrase("clé d'été".as_bytes(), &KEY, Cost::FLOOR).unwrap()
    }

    fn rewrite(change: impl FnOnce(&mut Wrapped)) -> Vec<u8> {
        let mut stored = Wrapped::from_canonical(&wrapped()).unwrap();
        change(&mut stored);
        stored.to_canonical()
    }

    fn unwrapped(bytes: &[u8]) -> Result<Zeroizing<[u8; 32]>> {
        unwrap_with_passphrase("clé d'été".as_bytes(), bytes)
    }

    #[test]
    fn the_passphrase_opens_and_another_does_not() {
        let bytes = wrapped();
        assert_eq!(*unwrapped(&bytes).unwrap(), KEY);
        for wrong in ["clé d'ete", "", "clé d'été "] {
            let result = unwrap_with_passphrase(wrong.as_bytes(), &bytes);
            assert!(matches!(result, Err(Error::WrongKey)));
        }
    }

    #[test]
    fn a_weakened_or_exploding_cost_is_refused_before_any_work() {
        let hostile: [fn(&mut Wrapped); 6] = [
            |stored| stored.memory = 8,
            |stored| stored.passes = 1,
            |stored| stored.lanes = 0,
            |stored| stored.memory = 100 << 20,
            |stored| stored.passes = u32::MAX,
            |stored| stored.lanes = 1 << 20,
        ];
        for change in hostile {
            assert!(matches!(
                unwrapped(&rewrite(change)),
                Err(Error::Invalid(_))
            ));
        }
        let weak = Cost {
            memory: 1024,
            ..Cost::FLOOR
        };
        assert!(wrap_with_passphrase(b"p", &KEY, weak).is_err());
    }

    #[test]
    fn a_changed_cost_within_bounds_does_not_open() {
        let bytes = rewrite(|stored| stored.passes = 3);
        assert!(matches!(unwrapped(&bytes), Err(Error::WrongKey)));
    }

    #[test]
    fn damage_and_newer_versions_are_told_apart() {
        let bytes = wrapped();
        let mut newer = bytes.clone();
        newer[1] = 2;
        assert!(matches!(
            unwrapped(&newer),
            Err(Error::Wire(WireError::UnknownVersion))
        ));
        for length in 0..bytes.len() {
            assert!(
                matches!(unwrapped(&bytes[..length]), Err(Error::Corrupt(_))),
                "{length}"
            );
        }
        let mut changed = bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        assert!(matches!(unwrapped(&changed), Err(Error::WrongKey)));
        assert!(matches!(
            unwrapped(&vec![0x87; 10_000]),
            Err(Error::Corrupt(_))
        ));
    }

    #[test]
    fn empty_and_endless_passphrases_are_refused() {
        assert!(wrap_with_passphrase(b"", &KEY, Cost::FLOOR).is_err());
        let long = vec![b'a'; MAX_PASSPHRASE_BYTES + 1];
        assert!(wrap_with_passphrase(&long, &KEY, Cost::FLOOR).is_err());
    }
}
