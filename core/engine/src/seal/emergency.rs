//! The emergency card: what a person chose to have read by whoever holds the card, with a key of its own.
//!
//! ```text
//! code    = version: 1 ‖ secret: 16 ‖ relay                          as a code of domain "carnet/1 emergency-code", shown as QR
//! mailbox   R = HKDF( secret, "carnet/1 emergency read" ), W and O random
//!           record = BLAKE3 derive_key( "carnet/1 emergency-record", secret ), compartment "emergency", no parents
//! content = [ version = 1, issue: u64, content: bstr ], framed and padded like a pairing's message, sealed under that epoch
//! stored  = [ version = 1, secret: bstr16, write: bstr32, retire: bstr32, relay: tstr ]
//! ```
//! The code reads and does nothing else: it gives neither the record nor its other keys, and cannot write, because W and O are
//! not in it. Of what lies in the mailbox the highest issue counts. **Revoking** a card is making another one: the old mailbox
//! is deleted at the relay with its retire key and nothing is ever written under the old secret again. What was read before
//! cannot be taken back, and whoever copied the old mailbox's bytes still reads those: the app says so.

use super::code::{read_relay, read_version, relay_bytes, write_relay_code};
use super::pairing::{open_message, seal_message};
use super::{Epoch, EpochSecrets, derive_key, encode_secret, make_random};
use crate::error::{Error, Result};
use carnet_wire::{Canonical, CompartmentId, RecordId, WireError};
use core::fmt;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const VERSION: u8 = 1;
const DOMAIN: &str = "carnet/1 emergency-code";
/// Longest content of a card: a page of text.
pub const MAX_CARD_BYTES: usize = 64 << 10;

const NOT_A_CODE: Error =
    Error::Invalid("this is not the code of an emergency card: check it and try again");

/// The owners' side of a card.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub struct EmergencyCard {
    #[n(0)]
    version: u8,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    secret: [u8; 16],
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    write: [u8; 32],
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    retire: [u8; 32],
    /// Where its mailbox is.
    #[n(4)]
    pub relay: String,
}

impl EmergencyCard {
    /// Draws a new card, whose mailbox will be at a relay.
    pub fn make(relay: &str) -> Result<Self> {
        relay_bytes(relay)?;
        Ok(Self {
            version: VERSION,
            secret: make_random()?,
            write: make_random()?,
            retire: make_random()?,
            relay: relay.to_owned(),
        })
    }

    /// The text of the card's QR.
    pub fn code(&self) -> Result<Zeroizing<String>> {
        write_relay_code(DOMAIN, VERSION, &[&self.secret], &self.relay)
    }

    /// The mailbox with all three secrets.
    pub fn mailbox(&self) -> Result<Epoch> {
        derive_mailbox(&self.secret, Some(self.write), Some(self.retire))
    }

    /// Seals what the card says now. `issue` grows with each.
    pub fn seal(&self, issue: u64, content: &[u8]) -> Result<Vec<u8>> {
        if content.len() > MAX_CARD_BYTES {
            return Err(Error::TooLarge("an emergency card holds 64 KiB at most"));
        }
        let said = Content {
            version: VERSION,
            issue,
            content: content.to_vec(),
        };
        seal_message(&self.mailbox()?, &said.to_canonical())
    }

    /// Canonical bytes, to be kept where the owners keep keys.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(self)
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let card = Self::from_canonical(bytes)?;
        if card.version != VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        relay_bytes(&card.relay)?;
        Ok(card)
    }
}

impl fmt::Debug for EmergencyCard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EmergencyCard(…)")
    }
}

#[derive(Encode, Decode)]
struct Content {
    #[n(0)]
    version: u8,
    #[n(1)]
    issue: u64,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    content: Vec<u8>,
}

/// The side of whoever holds the card.
pub struct CardReader {
    mailbox: Epoch,
    relay: String,
}

impl CardReader {
    /// Reads a code, typed or photographed.
    pub fn from_code(text: &str) -> Result<Self> {
        let content = read_version(DOMAIN, VERSION, text)?.ok_or(NOT_A_CODE)?;
        let (secret, relay) = content.split_first_chunk::<16>().ok_or(NOT_A_CODE)?;
        Ok(Self {
            mailbox: derive_mailbox(secret, None, None)?,
            relay: read_relay(relay).ok_or(NOT_A_CODE)?,
        })
    }

    /// Where to ask.
    pub fn relay(&self) -> &str {
        &self.relay
    }

    /// The mailbox, for reading.
    pub fn mailbox(&self) -> &Epoch {
        &self.mailbox
    }

    /// The newest content among the envelopes of the mailbox, and its issue. None when the card was revoked or nothing was
    /// written yet.
    pub fn read<'a>(
        &self,
        envelopes: impl IntoIterator<Item = &'a [u8]>,
    ) -> Option<(u64, Vec<u8>)> {
        envelopes
            .into_iter()
            .filter_map(|envelope| self.read_one(envelope))
            .max_by_key(|(issue, _)| *issue)
    }

    fn read_one(&self, envelope: &[u8]) -> Option<(u64, Vec<u8>)> {
        let message = open_message(&self.mailbox, envelope)?;
        let said = Content::from_canonical(&message).ok()?;
        let good = said.version == VERSION && said.content.len() <= MAX_CARD_BYTES;
        good.then_some((said.issue, said.content))
    }
}

impl fmt::Debug for CardReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("CardReader(…)")
    }
}

fn derive_mailbox(
    secret: &[u8; 16],
    write: Option<[u8; 32]>,
    retire: Option<[u8; 32]>,
) -> Result<Epoch> {
    let secrets = EpochSecrets {
        read: *derive_key(secret, "carnet/1 emergency read")?,
        write,
        retire,
    };
    let record = RecordId(blake3::derive_key("carnet/1 emergency-record", secret));
    let compartment = CompartmentId::derive(record, "emergency");
    Epoch::derive(record, compartment, Vec::new(), secrets)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::vectors::{fixed, hex, vectors};
    use super::*;
    use carnet_wire::relay::Access;

    const RELAY: &str = "https://relay.example";

    #[test]
    fn whoever_holds_the_card_reads_the_newest_issue_and_can_do_nothing_else() {
        let card = EmergencyCard::make(RELAY).unwrap();
        let reader = CardReader::from_code(&card.code().unwrap()).unwrap();
        assert_eq!(reader.relay(), RELAY);
        assert_eq!(reader.mailbox().mailbox, card.mailbox().unwrap().mailbox);
        let issues = [(1, "penicillin"), (3, "penicillin, latex"), (2, "nothing")];
        let envelopes: Vec<Vec<u8>> = issues
            .iter()
            .map(|(issue, text)| card.seal(*issue, text.as_bytes()).unwrap())
            .collect();
        let read = reader.read(envelopes.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(read, (3, b"penicillin, latex".to_vec()));
        let nonce = [1; 32];
        let mailbox = reader.mailbox().mailbox;
        assert!(
            reader
                .mailbox()
                .prove(mailbox, Access::Read, &nonce, RELAY)
                .is_some()
        );
        assert!(
            reader
                .mailbox()
                .prove(mailbox, Access::Write, &nonce, RELAY)
                .is_none()
        );
        assert!(
            reader
                .mailbox()
                .prove(mailbox, Access::Retire, &nonce, RELAY)
                .is_none()
        );
        assert!(card.mailbox().unwrap().registration(0).is_some());
    }

    #[test]
    fn a_revoked_card_reads_nothing_of_the_next() {
        let (old, new) = (
            EmergencyCard::make(RELAY).unwrap(),
            EmergencyCard::make(RELAY).unwrap(),
        );
        let reader = CardReader::from_code(&old.code().unwrap()).unwrap();
        let envelope = new.seal(1, b"new").unwrap();
        assert_ne!(
            old.mailbox().unwrap().mailbox,
            new.mailbox().unwrap().mailbox
        );
        assert_eq!(reader.read([envelope.as_slice()]), None);
        assert_eq!(reader.read([]), None);
    }

    #[test]
    fn what_is_changed_too_long_or_of_another_kind_is_refused() {
        let card = EmergencyCard::make(RELAY).unwrap();
        let reader = CardReader::from_code(&card.code().unwrap()).unwrap();
        let good = card.seal(1, b"text").unwrap();
        for at in (0..good.len()).step_by(11) {
            let mut changed = good.clone();
            changed[at] ^= 1;
            assert_eq!(reader.read([changed.as_slice()]), None, "byte {at}");
        }
        assert!(card.seal(1, &vec![0; MAX_CARD_BYTES]).is_ok());
        assert!(card.seal(1, &vec![0; MAX_CARD_BYTES + 1]).is_err());
        assert!(CardReader::from_code("").is_err());
        let kit = super::super::RecoveryKit::make().unwrap();
        assert!(CardReader::from_code(&kit.code(RELAY).unwrap()).is_err());
        assert!(EmergencyCard::make("relay").is_err());
        let stored = card.to_bytes();
        assert_eq!(EmergencyCard::from_bytes(&stored).unwrap(), card);
        assert!(EmergencyCard::from_bytes(&stored[1..]).is_err());
        assert_eq!(
            format!("{card:?} {reader:?}"),
            "EmergencyCard(…) CardReader(…)"
        );
    }

    /// `tests/vectors/people.py` wrote it from the prose.
    #[test]
    fn a_card_is_the_one_of_the_script() {
        for vector in vectors("emergency-cards") {
            let card = EmergencyCard::from_bytes(&hex(&vector["stored"])).unwrap();
            assert_eq!(*card.code().unwrap(), vector["code"].as_str().unwrap());
            let reader = CardReader::from_code(vector["code"].as_str().unwrap()).unwrap();
            assert_eq!(reader.mailbox().mailbox.0, fixed(&vector["mailbox"]));
            assert_eq!(reader.mailbox().id.0, fixed(&vector["epoch"]));
            let envelope = hex(&vector["envelope"]);
            let (issue, content) = reader.read([envelope.as_slice()]).unwrap();
            assert_eq!(Some(issue), vector["issue"].as_u64());
            assert_eq!(content, hex(&vector["content"]));
        }
    }
}
