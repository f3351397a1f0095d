//! A request to guardians: the blank phone shows a code, each guardian types it, and their share comes back sealed to it.
//!
//! ```text
//! code    = version: 1 ‖ secret: 16 ‖ relay                         as a code of domain "carnet/1 guardian-code"
//! mailbox   R, W, O = HKDF( secret, "carnet/1 guardian read" | "carnet/1 guardian write" | "carnet/1 guardian retire" )
//!           record = BLAKE3 derive_key( "carnet/1 guardian-record", secret ), compartment "guardian", no parents
//! ask     = [ 1, version = 1, DeviceCard ]                           framed, padded and sealed as a pairing's message
//! answer  = [ 2, version = 1, released: bstr ]                       likewise
//! ```
//! The relay, which does not know the secret, can withhold and nothing else. Whoever overhears the code can ask, too: **two
//! cards in one mailbox are answered by nobody**. That it is the right person who reads the code aloud only the guardian can
//! tell; the program says so before it answers.

use super::super::code::{read_relay, read_version, relay_bytes, write_relay_code};
use super::super::pairing::{open_message, seal_message};
use super::super::{DeviceCard, DeviceKeys, Epoch, EpochSecrets, derive_key, make_random};
use super::Share;
use crate::error::{Error, Result};
use carnet_wire::{Canonical, CompartmentId, RecordId};
use core::fmt;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const DOMAIN: &str = "carnet/1 guardian-code";
const ASK: u8 = 1;
const ANSWER: u8 = 2;
/// How long a request waits at the relay.
pub const REQUEST_LIFETIME_SECONDS: u32 = 7 * 86_400;

const NOT_A_CODE: Error =
    Error::Invalid("this is not the code of a request to guardians: check it and try again");
const SEVERAL: Error = Error::Pairing(
    "two phones ask with this code, so somebody has overheard it: have a new one made",
);
const NOBODY: Error = Error::Pairing("no phone asks with this code: it is wrong or has expired");

#[derive(Encode, Decode)]
struct Ask {
    #[n(0)]
    kind: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    card: DeviceCard,
}

#[derive(Encode, Decode)]
struct Answer {
    #[n(0)]
    kind: u8,
    #[n(1)]
    version: u8,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    released: Vec<u8>,
}

/// A request, on either side.
pub struct Request {
    secret: Zeroizing<[u8; 16]>,
    relay: String,
}

impl Request {
    /// Draws a new one, to be answered at a relay.
    pub fn make(relay: &str) -> Result<Self> {
        relay_bytes(relay)?;
        Ok(Self {
            secret: Zeroizing::new(make_random()?),
            relay: relay.to_owned(),
        })
    }

    /// Reads a code, typed or photographed.
    pub fn from_code(text: &str) -> Result<Self> {
        let content = read_version(DOMAIN, VERSION, text)?.ok_or(NOT_A_CODE)?;
        let (secret, relay) = content.split_first_chunk::<16>().ok_or(NOT_A_CODE)?;
        Ok(Self {
            secret: Zeroizing::new(*secret),
            relay: read_relay(relay).ok_or(NOT_A_CODE)?,
        })
    }

    /// The text to read aloud or show.
    pub fn code(&self) -> Result<Zeroizing<String>> {
        write_relay_code(DOMAIN, VERSION, &[self.secret.as_slice()], &self.relay)
    }

    /// Where to meet.
    pub fn relay(&self) -> &str {
        &self.relay
    }

    /// The mailbox; both sides may write to it.
    pub fn mailbox(&self) -> Result<Epoch> {
        let derive = |info| derive_key(self.secret.as_slice(), info).map(|key| *key);
        let secrets = EpochSecrets {
            read: derive("carnet/1 guardian read")?,
            write: Some(derive("carnet/1 guardian write")?),
            retire: Some(derive("carnet/1 guardian retire")?),
        };
        let record = RecordId(blake3::derive_key(
            "carnet/1 guardian-record",
            self.secret.as_slice(),
        ));
        let compartment = CompartmentId::derive(record, "guardian");
        Epoch::derive(record, compartment, Vec::new(), secrets)
    }

    /// What the blank phone says of itself.
    pub fn ask(&self, card: &DeviceCard) -> Result<Vec<u8>> {
        let ask = Ask {
            kind: ASK,
            version: VERSION,
            card: card.clone(),
        };
        seal_message(&self.mailbox()?, &ask.to_canonical())
    }

    /// Who asks: exactly one phone, or nobody is answered.
    pub fn read_ask<'a>(&self, messages: impl IntoIterator<Item = &'a [u8]>) -> Result<DeviceCard> {
        let mut asking: Option<DeviceCard> = None;
        for ask in self.read::<Ask>(messages, ASK)? {
            ask.card.check()?;
            if asking.is_some_and(|known| known != ask.card) {
                return Err(SEVERAL);
            }
            asking = Some(ask.card);
        }
        asking.ok_or(NOBODY)
    }

    /// A guardian's share for the phone that asks.
    pub fn answer(&self, share: &Share, card: &DeviceCard) -> Result<Vec<u8>> {
        let answer = Answer {
            kind: ANSWER,
            version: VERSION,
            released: share.release_to(card)?,
        };
        seal_message(&self.mailbox()?, &answer.to_canonical())
    }

    /// The shares that came for the phone that asks.
    pub fn read_answers<'a>(
        &self,
        messages: impl IntoIterator<Item = &'a [u8]>,
        keys: &DeviceKeys,
    ) -> Result<Vec<Share>> {
        let answers = self.read::<Answer>(messages, ANSWER)?.into_iter();
        Ok(answers
            .filter_map(|answer| Share::take(&answer.released, keys).ok())
            .collect())
    }

    /// Messages of one kind; what does not open, or is of another version, is somebody else's.
    fn read<'a, T: Canonical>(
        &self,
        messages: impl IntoIterator<Item = &'a [u8]>,
        kind: u8,
    ) -> Result<Vec<T>> {
        let mailbox = self.mailbox()?;
        let opened = messages
            .into_iter()
            .filter_map(|message| open_message(&mailbox, message))
            .filter(
                |message| matches!(message.as_slice(), [_, found, VERSION, ..] if *found == kind),
            );
        Ok(opened
            .filter_map(|message| T::from_canonical(&message).ok())
            .collect())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Request(…)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Quorum, RecoveryKit, combine, split};
    use super::*;
    use carnet_wire::AccountId;

    const RELAY: &str = "https://relay.example";

    #[test]
    fn shares_come_back_to_the_phone_that_asked() {
        let phone = DeviceKeys::make().unwrap();
        let card = phone.card("New").unwrap();
        let request = Request::make(RELAY).unwrap();
        let guardian = Request::from_code(&request.code().unwrap()).unwrap();
        assert_eq!(
            (guardian.relay(), request.mailbox().unwrap()),
            (RELAY, guardian.mailbox().unwrap())
        );
        let ask = request.ask(&card).unwrap();
        assert_eq!(guardian.read_ask([ask.as_slice()]).unwrap(), card);
        let kit = RecoveryKit::make().unwrap();
        let shares = split(&kit, AccountId([1; 32]), Quorum::TWO_OF_THREE).unwrap();
        let answers: Vec<Vec<u8>> = shares
            .iter()
            .map(|share| guardian.answer(share, &card).unwrap())
            .collect();
        let came = [&ask, &answers[0], &answers[2]].map(Vec::as_slice);
        let taken = request.read_answers(came, &phone).unwrap();
        assert_eq!(combine(&taken).unwrap(), kit);
        let other = DeviceKeys::make().unwrap();
        assert!(request.read_answers(came, &other).unwrap().is_empty());
    }

    #[test]
    fn nobody_is_answered_when_two_ask_or_the_code_is_another() {
        let request = Request::make(RELAY).unwrap();
        let asks = ["New", "Thief"].map(|name| {
            let card = DeviceKeys::make().unwrap().card(name).unwrap();
            request.ask(&card).unwrap()
        });
        let both = asks.iter().map(Vec::as_slice);
        assert!(matches!(
            request.read_ask(both.clone()),
            Err(Error::Pairing(_))
        ));
        assert!(request.read_ask([asks[0].as_slice(), &asks[0]]).is_ok());
        let other = Request::make(RELAY).unwrap();
        assert!(matches!(other.read_ask(both), Err(Error::Pairing(_))));
        let kit = RecoveryKit::make().unwrap();
        assert!(Request::from_code(&kit.code(RELAY).unwrap()).is_err());
        assert!(Request::make("relay").is_err());
        assert_eq!(format!("{request:?}"), "Request(…)");
    }
}
