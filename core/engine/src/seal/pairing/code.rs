//! The pairing code: what the new phone shows and the old one reads, as a QR or typed.
//!
//! ```text
//! bytes = version: 1 ‖ secret: 16 ‖ commitment: 16 ‖ relay          as a code of domain "carnet/1 pairing-code"
//! ```
//! The head of `seal/code.rs` says how bytes become text and what people may do to it.

use super::super::code::{read_relay, read_version, relay_bytes, write_relay_code};
use crate::error::{Error, Result};
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

const CODE_VERSION: u8 = 1;
const DOMAIN: &str = "carnet/1 pairing-code";

const NOT_A_CODE: Error = Error::Pairing("this is not a valid code: check it and try again");

/// What a pairing code says.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PairingCode {
    /// What both phones know and nobody else.
    pub secret: [u8; 16],
    /// Commits to the new phone's hello: its ephemeral key and its card.
    pub commitment: [u8; 16],
    /// The relay where the two meet: `https://` or `http://`.
    pub relay: String,
}

impl fmt::Debug for PairingCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("PairingCode(…)")
    }
}

impl PairingCode {
    /// Puts a code together; refuses a relay that no code can carry.
    pub fn new(secret: [u8; 16], commitment: [u8; 16], relay: &str) -> Result<Self> {
        relay_bytes(relay)?;
        Ok(Self {
            secret,
            commitment,
            relay: relay.to_owned(),
        })
    }

    /// The text to show.
    pub fn to_text(&self) -> Result<String> {
        let secrets: [&[u8]; 2] = [&self.secret, &self.commitment];
        let mut text = write_relay_code(DOMAIN, CODE_VERSION, &secrets, &self.relay)?;
        Ok(core::mem::take(&mut *text))
    }

    /// Reads a text as people type it.
    pub fn from_text(text: &str) -> Result<Self> {
        let content = read_version(DOMAIN, CODE_VERSION, text)?.ok_or(NOT_A_CODE)?;
        read_content(&content).ok_or(NOT_A_CODE)
    }
}

fn read_content(content: &[u8]) -> Option<PairingCode> {
    let (secret, content) = content.split_first_chunk::<16>()?;
    let (commitment, content) = content.split_first_chunk::<16>()?;
    let relay = read_relay(content)?;
    PairingCode::new(*secret, *commitment, &relay).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice)]
    use super::super::super::code::{
        ALPHABET, MAX_CODE_RELAY_BYTES, SCHEMES, read_code, write_code,
    };
    use super::*;

    fn code(relay: &str) -> PairingCode {
        let secret = core::array::from_fn(|at| (at * 37) as u8);
        let commitment = core::array::from_fn(|at| (255 - at * 11) as u8);
        PairingCode::new(secret, commitment, relay).unwrap()
    }

    #[test]
    fn a_code_is_read_back_as_people_type_it() {
        let code = code("http://127.0.0.1:65535");
        let text = code.to_text().unwrap();
        assert!(text.len() <= 120, "{} characters", text.len());
        let typed = [
            text.clone(),
            text.to_lowercase(),
            text.replace('-', " "),
            text.replace('-', ""),
            format!("  {}\n", text.replace('0', "o").replace('1', "l")),
        ];
        for text in typed {
            assert_eq!(PairingCode::from_text(&text).unwrap(), code);
        }
    }

    #[test]
    fn relays_of_every_length_come_back() {
        for length in 1..=60 {
            for scheme in SCHEMES {
                let code = code(&format!("{scheme}{}", "a".repeat(length)));
                assert_eq!(
                    PairingCode::from_text(&code.to_text().unwrap()).unwrap(),
                    code
                );
            }
        }
    }

    #[test]
    fn every_slip_is_noticed() {
        let text = code("https://relay.example").to_text().unwrap();
        for at in 0..text.len() {
            for other in ALPHABET.iter().map(|symbol| char::from(*symbol)) {
                let mut slip: Vec<char> = text.chars().collect();
                if slip[at] == '-' || slip[at] == other {
                    continue;
                }
                slip[at] = other;
                let slip: String = slip.into_iter().collect();
                assert!(PairingCode::from_text(&slip).is_err(), "{slip}");
            }
            assert!(PairingCode::from_text(&text[..at]).is_err());
        }
        let swapped = format!("{}{}{}", &text[1..2], &text[..1], &text[2..]);
        for wrong in [
            "",
            "-",
            "U",
            "é",
            "hello",
            &"A".repeat(5000),
            &format!("{text}0"),
            &swapped,
        ] {
            assert!(matches!(
                PairingCode::from_text(wrong),
                Err(Error::Pairing(_))
            ));
        }
    }

    #[test]
    fn a_code_of_a_later_version_says_so() {
        let text = code("https://r").to_text().unwrap();
        let mut bytes = read_code(DOMAIN, &text).unwrap();
        bytes[0] = 2;
        assert!(matches!(
            PairingCode::from_text(&write_code(DOMAIN, &bytes)),
            Err(Error::Newer)
        ));
    }

    #[test]
    fn only_urls_of_a_relay_fit() {
        for relay in [
            "",
            "https://",
            "ftp://r",
            "relay",
            "https://é",
            "https://a b",
        ] {
            assert!(
                PairingCode::new([0; 16], [0; 16], relay).is_err(),
                "{relay}"
            );
        }
        let long = format!("https://{}", "a".repeat(MAX_CODE_RELAY_BYTES));
        assert!(PairingCode::new([0; 16], [0; 16], &long).is_err());
    }

    #[test]
    fn a_code_prints_nothing() {
        assert_eq!(format!("{:?}", code("https://r")), "PairingCode(…)");
    }
}
