//! The recovery kit: 24 words on paper, or their QR, that bring a person's account to a blank phone.
//!
//! ```text
//! words   = BIP-39 of 32 random bytes: 256 bits ‖ first 8 bits of their SHA-256, 11 bits a word, English or French list
//! code    = version: 1 ‖ entropy: 32 ‖ relay                        as a code of domain "carnet/1 recovery-code"
//! device  = Ed25519 seed    HKDF( entropy, "carnet/1 recovery signing" )
//!           X-Wing seed     HKDF( entropy, "carnet/1 recovery kem" )
//!           nonce secret    HKDF( entropy, "carnet/1 recovery nonce" )
//! mailbox = R, W, O         HKDF( entropy, "carnet/1 recovery read" | "carnet/1 recovery write" | "carnet/1 recovery retire" )
//!           record          BLAKE3 derive_key( "carnet/1 recovery-record", Ed25519 public key ), compartment "recovery", no parents
//! letter  = HPKE to the kit's X-Wing key, info "carnet/1 recovery letter\0" ‖ Ed25519 public key of the kit, of a Welcome,
//!           sealed as a pairing's welcome message under the mailbox's epoch
//! ```
//! The kit is a device of kind `recovery`: by the fold it may add devices and nothing else. Its keys come from the words alone,
//! so paper stays valid through every rotation: each generation of the account's key is wrapped to it like to a phone, and the
//! phones leave a fresh **letter** in its mailbox whenever the account's epochs change. They keep the mailbox's secrets, never
//! the words.
//!
//! Reading is tolerant of what people write: case, accents, numbering and punctuation do not matter, and the first four
//! letters of a word are enough (no two words of a list share them). A wrong word is named by its position, never by itself.

mod words;

pub use words::{KIT_WORDS, WordLanguage};

use super::code::{read_code, read_relay, relay_bytes, write_code};
use super::pairing::{Welcome, open_letter, seal_letter};
use super::{
    DeviceCard, DeviceKeys, DeviceKind, Epoch, EpochGrant, EpochSecrets, derive_key, make_random,
};
use crate::error::{Error, Result};
use carnet_wire::{CompartmentId, DeviceId, RecordId};
use core::fmt;
use zeroize::Zeroizing;

const CODE_VERSION: u8 = 1;
const DOMAIN: &str = "carnet/1 recovery-code";
const NOT_A_CODE: Error =
    Error::Invalid("this is not the code of a recovery kit: check it and try again");

/// What the 24 words stand for.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKit {
    entropy: Zeroizing<[u8; 32]>,
}

impl RecoveryKit {
    /// Draws a new one.
    pub fn make() -> Result<Self> {
        Ok(Self::from_entropy(make_random()?))
    }

    /// The kit of given entropy: what guardians put together again.
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        Self {
            entropy: Zeroizing::new(entropy),
        }
    }

    pub(super) fn entropy(&self) -> &[u8; 32] {
        &self.entropy
    }

    /// The 24 words, separated by spaces.
    pub fn words(&self, language: WordLanguage) -> Zeroizing<String> {
        words::write(&self.entropy, language)
    }

    /// Reads 24 words as people write them, in either language.
    pub fn from_words(text: &str) -> Result<Self> {
        words::read(text).map(|entropy| Self { entropy })
    }

    /// The text of the QR on the kit.
    pub fn code(&self, relay: &str) -> Result<Zeroizing<String>> {
        let mut bytes = Zeroizing::new(vec![CODE_VERSION]);
        bytes.extend_from_slice(self.entropy.as_slice());
        bytes.extend_from_slice(&relay_bytes(relay)?);
        Ok(Zeroizing::new(write_code(DOMAIN, &bytes)))
    }

    /// Reads the QR: the kit and the relay to look for its letter at.
    pub fn from_code(text: &str) -> Result<(Self, String)> {
        let bytes = read_code(DOMAIN, text).ok_or(NOT_A_CODE)?;
        let (version, content) = bytes.split_first().ok_or(NOT_A_CODE)?;
        if *version != CODE_VERSION {
            return Err(Error::Newer);
        }
        let (entropy, relay) = content.split_first_chunk::<32>().ok_or(NOT_A_CODE)?;
        let relay = read_relay(relay).ok_or(NOT_A_CODE)?;
        Ok((Self::from_entropy(*entropy), relay))
    }

    /// The keys of the virtual device.
    pub fn device(&self) -> Result<DeviceKeys> {
        let derive = |info| derive_key(self.entropy.as_slice(), info);
        DeviceKeys::from_secrets(
            *derive("carnet/1 recovery signing")?,
            *derive("carnet/1 recovery kem")?,
            *derive("carnet/1 recovery nonce")?,
        )
    }

    /// How the account gets to know it.
    pub fn card(&self, name: &str) -> Result<DeviceCard> {
        let card = self.device()?.card(name)?;
        Ok(DeviceCard {
            kind: DeviceKind::Recovery,
            ..card
        })
    }

    /// Whether this is the kit an account knows by a card: the yearly check, and what is said before anything is tried.
    pub fn matches(&self, card: &DeviceCard) -> Result<bool> {
        let own = self.card(&card.name)?;
        Ok(own.id == card.id && own.kem == card.kem && own.kind == card.kind)
    }

    /// Where the phones leave the letter.
    pub fn mailbox(&self) -> Result<Epoch> {
        let derive = |info| derive_key(self.entropy.as_slice(), info).map(|key| *key);
        let secrets = EpochSecrets {
            read: derive("carnet/1 recovery read")?,
            write: Some(derive("carnet/1 recovery write")?),
            retire: Some(derive("carnet/1 recovery retire")?),
        };
        let record = derive_kit_record(self.device()?.id());
        Epoch::derive(record, kit_compartment(record), Vec::new(), secrets)
    }

    /// Opens a letter from the mailbox.
    pub fn open_letter(&self, envelope: &[u8]) -> Result<Welcome> {
        let device = self.device()?;
        open_letter(&self.mailbox()?, envelope, |wrapped| {
            device.unwrap(&letter_info(device.id()), wrapped)
        })
    }
}

impl fmt::Debug for RecoveryKit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RecoveryKit(…)")
    }
}

/// What a kit's mailbox is of, and what phones keep it under.
pub fn derive_kit_record(kit: DeviceId) -> RecordId {
    RecordId(blake3::derive_key("carnet/1 recovery-record", kit.as_ref()))
}

fn kit_compartment(record: RecordId) -> CompartmentId {
    CompartmentId::derive(record, "recovery")
}

/// The mailbox of a kit as a phone keeps it.
pub fn kit_mailbox(kit: DeviceId, grant: &EpochGrant) -> Result<Epoch> {
    let record = derive_kit_record(kit);
    Epoch::from_grant(record, kit_compartment(record), grant)
}

/// Seals the account for a kit known by its card, for its mailbox: what a phone does whenever the account's epochs change.
pub fn write_letter(mailbox: &Epoch, kit: &DeviceCard, welcome: &Welcome) -> Result<Vec<u8>> {
    seal_letter(mailbox, &kit.kem, &letter_info(kit.id), welcome)
}

fn letter_info(kit: DeviceId) -> Vec<u8> {
    [b"carnet/1 recovery letter\0".as_slice(), kit.as_ref()].concat()
}

#[cfg(test)]
mod tests;
