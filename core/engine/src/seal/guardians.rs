//! Guardians: people who together, and only together, bring an account back when paper and phones are gone.
//!
//! ```text
//! share      = [ version = 1, account: bstr32, needed: u8, number: u8, value: bstr32, check: bstr32, [commitment: bstr32 …] ]
//! value      = for each byte of the entropy its own polynomial of degree needed − 1 over GF(2^8) (x^8+x^4+x^3+x+1), the byte at
//!              0, random coefficients, taken at `number` = 1, 2, 3…
//! check      = BLAKE3 derive_key( "carnet/1 guardian-secret", account ‖ entropy )
//! commitment = BLAKE3 derive_key( "carnet/1 guardian-share", account ‖ needed ‖ number ‖ value ), one for each share in order
//! sealed     = HPKE to the guardian's account, info "carnet/1 guardian share\0" ‖ guardian, of the share
//! released   = HPKE to the new phone's card, info "carnet/1 guardian release\0" ‖ its device id, of the share
//! ```
//! What is shared is the entropy of a [`RecoveryKit`] of its own, enrolled like the one on paper, so that guardians can be
//! replaced without touching it. Fewer shares than needed say nothing about the entropy (Shamir 1979); every share carries the
//! commitments to all, so a wrong one is named as soon as enough right ones are there.
//!
//! The arithmetic is here, in the open, in constant time, because no crate for it was found that is audited and kept: `sharks`
//! draws biased coefficients (RUSTSEC-2024-0398), its fork is young, `vsss-rs` brings big integers and curves for what is sixty
//! lines over bytes.

pub mod request;

use super::kit::RecoveryKit;
use super::{AccountKeys, DeviceCard, DeviceKeys, encode_secret, make_random, wrap};
use crate::error::{Error, Result};
use carnet_wire::{AccountId, Canonical, DeviceId, WireError};
use core::fmt;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;
use zeroize::{Zeroize, Zeroizing};

const SHARE_VERSION: u8 = 1;

/// How many guardians there are and how many of them it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    /// How many it takes.
    pub needed: u8,
    /// How many there are.
    pub of: u8,
}

impl Quorum {
    /// Any two of three.
    pub const TWO_OF_THREE: Self = Self { needed: 2, of: 3 };
    /// Any three of five.
    pub const THREE_OF_FIVE: Self = Self { needed: 3, of: 5 };

    fn of_share(share: &Share) -> Option<Self> {
        [Self::TWO_OF_THREE, Self::THREE_OF_FIVE]
            .into_iter()
            .find(|quorum| {
                quorum.needed == share.needed && usize::from(quorum.of) == share.commitments.len()
            })
    }
}

/// One guardian's part.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Share {
    #[n(0)]
    version: u8,
    /// Whose account it helps to bring back.
    #[n(1)]
    pub account: AccountId,
    #[n(2)]
    needed: u8,
    /// Which of the shares, from 1.
    #[n(3)]
    pub number: u8,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    value: [u8; 32],
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    check: [u8; 32],
    #[n(6)]
    commitments: Vec<ByteArray<32>>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Share({} of {}, …)",
            self.number,
            self.commitments.len()
        )
    }
}

/// Why shares do not come together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CombineError {
    /// Ask more guardians.
    #[error("{have} good shares, {needed} are needed: ask another guardian")]
    Missing {
        /// Good shares.
        have: usize,
        /// How many it takes.
        needed: usize,
    },
    /// The shares at these positions are not what was given out; without them there are not enough.
    #[error("a share is not the one that was given out: ask another guardian")]
    Wrong(Vec<usize>),
    /// The shares are of different sets, and too few to tell which is the right one.
    #[error("the shares do not belong together: ask another guardian")]
    Mixed,
}

/// Splits a kit for guardians.
pub fn split(kit: &RecoveryKit, account: AccountId, quorum: Quorum) -> Result<Vec<Share>> {
    let mut coefficients = Zeroizing::new(vec![*kit.entropy()]);
    for _ in 1..quorum.needed {
        coefficients.push(make_random()?);
    }
    Ok(split_with(&coefficients, account, quorum))
}

fn split_with(coefficients: &[[u8; 32]], account: AccountId, quorum: Quorum) -> Vec<Share> {
    let entropy = coefficients.first().copied().unwrap_or_default();
    let check = derive_check(account, &Zeroizing::new(entropy));
    let mut shares: Vec<Share> = (1..=quorum.of)
        .map(|number| Share {
            version: SHARE_VERSION,
            account,
            needed: quorum.needed,
            number,
            value: evaluate(coefficients, number),
            check,
            commitments: Vec::new(),
        })
        .collect();
    let commitments: Vec<ByteArray<32>> = shares.iter().map(Share::commitment).collect();
    for share in &mut shares {
        share.commitments.clone_from(&commitments);
    }
    shares
}

/// Puts a kit together again from the shares of enough guardians.
pub fn combine(shares: &[Share]) -> core::result::Result<RecoveryKit, CombineError> {
    let mut sets: BTreeMap<Vec<u8>, BTreeMap<u8, &Share>> = BTreeMap::new();
    for share in shares.iter().filter(|share| share.is_sound()) {
        sets.entry(share.set())
            .or_default()
            .insert(share.number, share);
    }
    let Some(set) = sets.values().max_by_key(|set| set.len()) else {
        return Err(CombineError::Wrong((0..shares.len()).collect()));
    };
    let needed = set
        .values()
        .next()
        .map_or(0, |share| usize::from(share.needed));
    if set.len() < needed {
        let wrong = wrong_positions(shares);
        return Err(match (wrong.is_empty(), sets.len()) {
            (false, _) => CombineError::Wrong(wrong),
            (true, 1) => CombineError::Missing {
                have: set.len(),
                needed,
            },
            (true, _) => CombineError::Mixed,
        });
    }
    let used: Vec<&Share> = set.values().take(needed).copied().collect();
    let entropy = interpolate(&used);
    let first = used.first().ok_or(CombineError::Mixed)?;
    if derive_check(first.account, &entropy) != first.check {
        return Err(CombineError::Mixed);
    }
    Ok(RecoveryKit::from_entropy(*entropy))
}

/// The positions of shares that do not fit: changed, or of a smaller set than most.
pub fn wrong_positions(shares: &[Share]) -> Vec<usize> {
    let mut sets: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for share in shares.iter().filter(|share| share.is_sound()) {
        *sets.entry(share.set()).or_default() += 1;
    }
    let most = sets.values().copied().max().unwrap_or_default();
    let fits = |share: &Share| {
        let alike = sets.get(&share.set()).copied().unwrap_or_default();
        // Two sets of one size: nobody can tell which is right.
        share.is_sound() && alike == most
    };
    let all = shares.iter().enumerate();
    all.filter(|(_, share)| !fits(share))
        .map(|(at, _)| at)
        .collect()
}

impl Share {
    fn commitment(&self) -> ByteArray<32> {
        let mut input = Zeroizing::new(self.account.0.to_vec());
        input.extend_from_slice(&[self.needed, self.number]);
        input.extend_from_slice(&self.value);
        blake3::derive_key("carnet/1 guardian-share", &input).into()
    }

    fn is_sound(&self) -> bool {
        let place = usize::from(self.number).checked_sub(1);
        let committed = place.and_then(|at| self.commitments.get(at));
        Quorum::of_share(self).is_some() && committed == Some(&self.commitment())
    }

    /// What all shares of one splitting have in common.
    fn set(&self) -> Vec<u8> {
        (
            self.account,
            self.needed,
            ByteArray::from(self.check),
            self.commitments.clone(),
        )
            .to_canonical()
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(self)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let share = Self::from_canonical(bytes)?;
        if share.version != SHARE_VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        if !share.is_sound() {
            return Err(Error::Invalid("this is not the share that was given out"));
        }
        Ok(share)
    }

    /// Seals it to a guardian's account, to be kept by them.
    pub fn seal_to(&self, guardian: AccountId, kem: &[u8]) -> Result<Vec<u8>> {
        wrap(kem, &guardian_info(guardian), &self.to_bytes())
    }

    /// Opens a share as the guardian it was sealed to.
    pub fn open(sealed: &[u8], guardian: AccountId, keys: &AccountKeys) -> Result<Self> {
        Self::from_bytes(&keys.unwrap(&guardian_info(guardian), sealed)?)
    }

    /// Hands it to the new phone of the person, after the guardian has made sure who is asking.
    pub fn release_to(&self, phone: &DeviceCard) -> Result<Vec<u8>> {
        wrap(&phone.kem, &release_info(phone.id), &self.to_bytes())
    }

    /// Takes a released share on the new phone.
    pub fn take(released: &[u8], phone: &DeviceKeys) -> Result<Self> {
        Self::from_bytes(&phone.unwrap(&release_info(phone.id()), released)?)
    }
}

fn guardian_info(guardian: AccountId) -> Vec<u8> {
    [b"carnet/1 guardian share\0".as_slice(), guardian.as_ref()].concat()
}

fn release_info(phone: DeviceId) -> Vec<u8> {
    [b"carnet/1 guardian release\0".as_slice(), phone.as_ref()].concat()
}

fn derive_check(account: AccountId, entropy: &[u8; 32]) -> [u8; 32] {
    let mut input = Zeroizing::new(account.0.to_vec());
    input.extend_from_slice(entropy);
    blake3::derive_key("carnet/1 guardian-secret", &input)
}

// ---- arithmetic over GF(2^8) ----

/// The polynomials at `x`, by Horner's rule.
fn evaluate(coefficients: &[[u8; 32]], x: u8) -> [u8; 32] {
    let mut value = [0; 32];
    for coefficient in coefficients.iter().rev() {
        for (byte, more) in value.iter_mut().zip(coefficient) {
            *byte = multiply(*byte, x) ^ more;
        }
    }
    value
}

/// The value at 0 of the polynomials through the shares (Lagrange). Numbers differ and are not 0.
fn interpolate(shares: &[&Share]) -> Zeroizing<[u8; 32]> {
    let mut entropy = Zeroizing::new([0; 32]);
    for share in shares {
        let others = shares.iter().filter(|other| other.number != share.number);
        let weight = others.fold(1, |weight, other| {
            multiply(
                weight,
                multiply(other.number, invert(other.number ^ share.number)),
            )
        });
        for (byte, value) in entropy.iter_mut().zip(&share.value) {
            *byte ^= multiply(*value, weight);
        }
    }
    entropy
}

/// Without branches or tables, so that time tells nothing about a share.
fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    for _ in 0..8 {
        product ^= a & (b & 1).wrapping_neg();
        let carry = (a >> 7).wrapping_neg();
        a = (a << 1) ^ (carry & 0x1b);
        b >>= 1;
    }
    product
}

/// a^254: the inverse of everything but 0.
fn invert(a: u8) -> u8 {
    let (mut power, mut product) = (a, 1);
    for _ in 0..7 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

#[cfg(test)]
mod tests;
