//! The key pairs of a device and of an account, and the card a device is introduced by.
//!
//! A device's keys are new at every install and restore and never leave it. An account is a person: its key is held by
//! each of their devices, so that a record's epoch is wrapped once per person, not once per phone.

use super::wrap::{KemSecret, check_kem_public};
use super::{derive_key, encode_secret, make_random, open_bytes, seal_bytes};
use crate::error::{Error, Result};
use carnet_wire::{Canonical, DeviceId, WireError, limits};
use core::fmt;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The only layout of stored keys.
const KEYS_VERSION: u8 = 1;

/// What a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum DeviceKind {
    /// Something a person carries: reads and writes.
    #[n(0)]
    Phone,
    /// The keys on a recovery sheet: may only add a device.
    #[n(1)]
    Recovery,
}

/// How a device is introduced to others: its public keys and the name its owner gave it.
///
/// `DeviceCard = [ id: bstr32, kem: bstr1216, name: tstr, kind: 0 phone | 1 recovery ]`
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeviceCard {
    /// The Ed25519 public key.
    #[n(0)]
    pub id: DeviceId,
    /// The X-Wing public key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub kem: Vec<u8>,
    /// What people call it; shown, never trusted.
    #[n(2)]
    pub name: String,
    /// What it may do.
    #[n(3)]
    pub kind: DeviceKind,
}

impl DeviceCard {
    /// Refuses a card whose keys are malformed or whose name is over its limit or could garble a terminal.
    pub fn check(&self) -> Result<()> {
        check_device_name(&self.name)?;
        check_kem_public(&self.kem)?;
        read_verifying_key(self.id).map(|_| ())
    }
}

/// Refuses a name that is over its limit or could garble a terminal.
pub(crate) fn check_device_name(name: &str) -> Result<()> {
    if name.len() > limits::MAX_NAME_BYTES {
        return Err(Error::TooLarge("the name of a device"));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "the name of a device has control characters",
        ));
    }
    Ok(())
}

impl fmt::Debug for DeviceCard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DeviceCard({}, {:?})", self.id, self.kind)
    }
}

/// The stored layout of [`DeviceKeys`].
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
struct StoredDevice {
    #[n(0)]
    version: u8,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    signing: [u8; 32],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    kem: [u8; 32],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    nonce: [u8; 32],
}

/// The private keys of this device: it signs, it receives secrets, and it hedges its nonces.
pub struct DeviceKeys {
    signing: SigningKey,
    kem: KemSecret,
    nonce: Zeroizing<[u8; 32]>,
}

impl DeviceKeys {
    /// Draws new keys.
    pub fn make() -> Result<Self> {
        let signing = Zeroizing::new(make_random()?);
        Ok(Self {
            signing: SigningKey::from_bytes(&signing),
            kem: KemSecret::make()?,
            nonce: Zeroizing::new(make_random()?),
        })
    }

    /// Keys that come from elsewhere: those of a recovery kit.
    pub(crate) fn from_secrets(signing: [u8; 32], kem: [u8; 32], nonce: [u8; 32]) -> Result<Self> {
        let signing = Zeroizing::new(signing);
        Ok(Self {
            signing: SigningKey::from_bytes(&signing),
            kem: KemSecret::from_seed(kem)?,
            nonce: Zeroizing::new(nonce),
        })
    }

    /// Canonical `[ 1, signing: bstr32, kem: bstr32, nonce: bstr32 ]`, to be sealed before it is stored.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(&StoredDevice {
            version: KEYS_VERSION,
            signing: self.signing.to_bytes(),
            kem: *self.kem.seed(),
            nonce: *self.nonce,
        })
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let stored = StoredDevice::from_canonical(bytes)?;
        check_version(stored.version)?;
        Ok(Self {
            signing: SigningKey::from_bytes(&stored.signing),
            kem: KemSecret::from_seed(stored.kem)?,
            nonce: Zeroizing::new(stored.nonce),
        })
    }

    /// The device's name on the wire: its Ed25519 public key.
    pub fn id(&self) -> DeviceId {
        DeviceId(self.signing.verifying_key().to_bytes())
    }

    /// The X-Wing public key secrets are wrapped to, 1216 bytes.
    pub fn kem_public(&self) -> Vec<u8> {
        self.kem.public().to_vec()
    }

    /// The card of this device under a name its owner chose.
    pub fn card(&self, name: &str) -> Result<DeviceCard> {
        let card = DeviceCard {
            id: self.id(),
            kem: self.kem_public(),
            name: name.to_owned(),
            kind: DeviceKind::Phone,
        };
        card.check()?;
        Ok(card)
    }

    /// Signs bytes that begin with a domain string of the protocol.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.signing.sign(message).to_bytes()
    }

    /// Opens what was wrapped to this device.
    pub fn unwrap(&self, info: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.kem.unwrap(info, wrapped)
    }

    pub(crate) fn nonce_secret(&self) -> &[u8; 32] {
        &self.nonce
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DeviceKeys({}, …)", self.id())
    }
}

/// The stored layout of [`AccountKeys`].
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
struct StoredAccount {
    #[n(0)]
    version: u8,
    #[n(1)]
    generation: u32,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    kem: [u8; 32],
}

/// The private key of a person's account, the same on all their devices: epochs of records are wrapped to it.
#[derive(Clone)]
pub struct AccountKeys {
    generation: u32,
    kem: KemSecret,
}

impl AccountKeys {
    /// Draws the keys of a new account: generation 0.
    pub fn make() -> Result<Self> {
        Ok(Self {
            generation: 0,
            kem: KemSecret::make()?,
        })
    }

    /// Draws the next generation, after a device was lost.
    pub fn make_next(&self) -> Result<Self> {
        Ok(Self {
            generation: self
                .generation
                .checked_add(1)
                .ok_or(Error::TooLarge("generations of an account's key"))?,
            kem: KemSecret::make()?,
        })
    }

    /// Seals the generation before this one, for devices that come later and must open what was wrapped to it:
    /// `nonce: 24 bytes ‖ XChaCha20-Poly1305( HKDF(kem seed, "carnet/1 account previous"), stored keys, AAD = public key )`.
    pub fn seal_previous(&self, previous: &Self) -> Result<Vec<u8>> {
        let key = derive_key(self.kem.seed(), "carnet/1 account previous")?;
        seal_bytes(&key, self.kem.public(), &previous.to_bytes())
    }

    /// Opens what [`Self::seal_previous`] sealed.
    pub fn open_previous(&self, sealed: &[u8]) -> Result<Self> {
        let key = derive_key(self.kem.seed(), "carnet/1 account previous")?;
        let previous = Self::from_bytes(&open_bytes(&key, self.kem.public(), sealed)?)?;
        if previous.generation.checked_add(1) != Some(self.generation) {
            return Err(Error::Unauthorised(
                "a generation of an account's key is out of order",
            ));
        }
        Ok(previous)
    }

    /// Canonical `[ 1, generation, kem: bstr32 ]`, to be sealed before it is stored or sent.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(&StoredAccount {
            version: KEYS_VERSION,
            generation: self.generation,
            kem: *self.kem.seed(),
        })
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let stored = StoredAccount::from_canonical(bytes)?;
        check_version(stored.version)?;
        Ok(Self {
            generation: stored.generation,
            kem: KemSecret::from_seed(stored.kem)?,
        })
    }

    /// Which generation of the account's key this is; it grows when a device is lost.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The X-Wing public key epochs are wrapped to, 1216 bytes.
    pub fn kem_public(&self) -> Vec<u8> {
        self.kem.public().to_vec()
    }

    /// Opens what was wrapped to this account.
    pub fn unwrap(&self, info: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        self.kem.unwrap(info, wrapped)
    }
}

impl fmt::Debug for AccountKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "AccountKeys(generation {}, …)", self.generation)
    }
}

/// The key of an invitation: who holds the link can sign with it, and everybody knows its public part from the roster.
/// `Ed25519 seed = HKDF( secret of the code or link, "carnet/1 invitation" )`.
pub struct InvitationKey(SigningKey);

impl InvitationKey {
    /// From the secret that is handed over.
    pub fn derive(secret: &[u8; 16]) -> Result<Self> {
        let seed = derive_key(secret, "carnet/1 invitation")?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// What the roster names it by.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs bytes that begin with a domain string of the protocol.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for InvitationKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("InvitationKey(…)")
    }
}

fn check_version(version: u8) -> Result<()> {
    if version != KEYS_VERSION {
        return Err(WireError::UnknownVersion.into());
    }
    Ok(())
}

/// Checks a device's signature strictly: no malleable signature, no key of small order.
pub(crate) fn verify(device: DeviceId, message: &[u8], signature: &[u8; 64]) -> Result<()> {
    read_verifying_key(device)?
        .verify_strict(message, &Signature::from_bytes(signature))
        .map_err(|_| Error::Unauthorised("the signature does not hold"))
}

fn read_verifying_key(device: DeviceId) -> Result<VerifyingKey> {
    VerifyingKey::from_bytes(&device.0)
        .ok()
        .filter(|key| !key.is_weak())
        .ok_or(Error::Unauthorised("the device's key is malformed"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn keys_survive_storage() {
        let device = DeviceKeys::make().unwrap();
        let again = DeviceKeys::from_bytes(&device.to_bytes()).unwrap();
        assert_eq!(again.id(), device.id());
        assert_eq!(again.kem_public(), device.kem_public());
        assert_eq!(again.nonce_secret(), device.nonce_secret());
        let account = AccountKeys::make().unwrap();
        let again = AccountKeys::from_bytes(&account.to_bytes()).unwrap();
        assert_eq!(again.kem_public(), account.kem_public());
        assert_eq!(again.generation(), 0);
    }

    #[test]
    fn a_generation_opens_the_one_before_and_no_other() {
        let first = AccountKeys::make().unwrap();
        let second = first.make_next().unwrap();
        let third = second.make_next().unwrap();
        assert_eq!((second.generation(), third.generation()), (1, 2));
        let sealed = second.seal_previous(&first).unwrap();
        assert_eq!(
            second.open_previous(&sealed).unwrap().kem_public(),
            first.kem_public()
        );
        assert!(third.open_previous(&sealed).is_err() && first.open_previous(&sealed).is_err());
        // Sealed by the right key, but not the generation before.
        assert!(
            third
                .open_previous(&third.seal_previous(&first).unwrap())
                .is_err()
        );
    }

    #[test]
    fn an_invitation_key_comes_from_its_secret() {
        let key = InvitationKey::derive(&[5; 16]).unwrap();
        assert_eq!(
            key.public(),
            InvitationKey::derive(&[5; 16]).unwrap().public()
        );
        assert_ne!(
            key.public(),
            InvitationKey::derive(&[6; 16]).unwrap().public()
        );
        assert!(verify(DeviceId(key.public()), b"yes", &key.sign(b"yes")).is_ok());
        assert_eq!(format!("{key:?}"), "InvitationKey(…)");
    }

    #[test]
    fn stored_keys_are_canonical_and_versioned() {
        let mut bytes = DeviceKeys::make().unwrap().to_bytes().to_vec();
        let longer = [bytes.as_slice(), &[0]].concat();
        assert!(DeviceKeys::from_bytes(&longer).is_err());
        assert!(AccountKeys::from_bytes(&bytes).is_err());
        bytes[1] = 2;
        assert!(matches!(
            DeviceKeys::from_bytes(&bytes),
            Err(Error::Wire(WireError::UnknownVersion))
        ));
    }

    #[test]
    fn keys_print_nothing_secret() {
        let device = DeviceKeys::make().unwrap();
        let shown = format!("{device:?} {:?}", AccountKeys::make().unwrap());
        assert_eq!(
            shown,
            format!(
                "DeviceKeys({}, …) AccountKeys(generation 0, …)",
                device.id()
            )
        );
    }

    #[test]
    fn a_signature_holds_for_its_message_and_device_only() {
        let (device, other) = (DeviceKeys::make().unwrap(), DeviceKeys::make().unwrap());
        let signature = device.sign(b"message");
        assert!(verify(device.id(), b"message", &signature).is_ok());
        assert!(verify(device.id(), b"massage", &signature).is_err());
        assert!(verify(other.id(), b"message", &signature).is_err());
    }

    /// The identity point as a key accepts any message under the ordinary check.
    #[test]
    fn keys_of_small_order_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        let mut signature = [0; 64];
        signature[0] = 1;
        assert!(verify(DeviceId(identity), b"anything", &signature).is_err());
    }

    #[test]
    fn a_card_with_a_long_name_or_bad_key_is_refused() {
        let device = DeviceKeys::make().unwrap();
        assert!(device.card(&"a".repeat(limits::MAX_NAME_BYTES)).is_ok());
        assert!(
            device
                .card(&"a".repeat(limits::MAX_NAME_BYTES + 1))
                .is_err()
        );
        assert!(device.card("Pixel\u{1b}[2J").is_err());
        let mut card = device.card("Pixel").unwrap();
        card.kem.pop();
        assert!(card.check().is_err());
    }
}
