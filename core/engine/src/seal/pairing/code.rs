//! The pairing code: what the new phone shows and the old one reads, as a QR or typed.
//!
//! ```text
//! bytes    = version: 1 ‖ secret: 16 ‖ commitment: 16 ‖ scheme: 0 https, 1 http ‖ rest of the relay's URL ‖ checksum: 3
//! checksum = first 3 bytes of BLAKE3 derive_key("carnet/1 pairing-code", everything before it)
//! text     = base 32 with the alphabet 0123456789ABCDEFGHJKMNPQRSTVWXYZ, in groups of 5 joined by '-'
//! ```
//! Bits are taken from the most significant on; the last symbol is filled with zeros. Reading is tolerant of what people do:
//! case, spaces and dashes do not matter, I and L read as 1, O as 0 (Crockford). A slip gives "not a valid code", never another
//! code. The text is upper case so that a QR can use its dense alphanumeric mode.

use crate::error::{Error, Result};
use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const CODE_VERSION: u8 = 1;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const GROUP: usize = 5;
const CHECKSUM_BYTES: usize = 3;
/// Longest URL of a relay in a code.
pub const MAX_CODE_RELAY_BYTES: usize = 200;
/// Longest text that is looked at, spaces and dashes included.
const MAX_TEXT_BYTES: usize = 1024;
const SCHEMES: [&str; 2] = ["https://", "http://"];

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
        split_scheme(relay)?;
        Ok(Self {
            secret,
            commitment,
            relay: relay.to_owned(),
        })
    }

    /// The text to show.
    pub fn to_text(&self) -> Result<String> {
        let (scheme, rest) = split_scheme(&self.relay)?;
        let mut bytes = Zeroizing::new(vec![CODE_VERSION]);
        bytes.extend_from_slice(&self.secret);
        bytes.extend_from_slice(&self.commitment);
        bytes.push(scheme);
        bytes.extend_from_slice(rest.as_bytes());
        let checksum = derive_checksum(&bytes);
        bytes.extend_from_slice(&checksum);
        Ok(encode(&bytes))
    }

    /// Reads a text as people type it.
    pub fn from_text(text: &str) -> Result<Self> {
        let bytes = Zeroizing::new(decode(text).ok_or(NOT_A_CODE)?);
        let (content, checksum) = bytes
            .split_last_chunk::<CHECKSUM_BYTES>()
            .ok_or(NOT_A_CODE)?;
        if derive_checksum(content) != *checksum {
            return Err(NOT_A_CODE);
        }
        let (version, content) = content.split_first().ok_or(NOT_A_CODE)?;
        if *version != CODE_VERSION {
            return Err(Error::Newer);
        }
        read_content(content).ok_or(NOT_A_CODE)
    }
}

fn read_content(content: &[u8]) -> Option<PairingCode> {
    let (secret, content) = content.split_first_chunk::<16>()?;
    let (commitment, content) = content.split_first_chunk::<16>()?;
    let (scheme, rest) = content.split_first()?;
    let scheme = SCHEMES.get(usize::from(*scheme))?;
    let relay = format!("{scheme}{}", core::str::from_utf8(rest).ok()?);
    PairingCode::new(*secret, *commitment, &relay).ok()
}

fn split_scheme(relay: &str) -> Result<(u8, &str)> {
    let plain = relay.len() <= MAX_CODE_RELAY_BYTES && relay.bytes().all(|c| c.is_ascii_graphic());
    let found = (0..).zip(SCHEMES).find_map(|(number, scheme)| {
        let rest = relay.strip_prefix(scheme)?;
        (!rest.is_empty()).then_some((number, rest))
    });
    found.filter(|_| plain).ok_or(Error::Invalid(
        "the relay's address is not an http or https URL",
    ))
}

fn derive_checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [first, second, third, ..] = blake3::derive_key("carnet/1 pairing-code", bytes);
    [first, second, third]
}

fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    let symbols = (bytes.len() * 8).div_ceil(5);
    for index in 0..symbols {
        if index > 0 && index % GROUP == 0 {
            text.push('-');
        }
        let value = (0..5).fold(0, |value, bit| {
            value << 1 | usize::from(bit_at(bytes, index * 5 + bit))
        });
        text.extend(ALPHABET.get(value).map(|symbol| char::from(*symbol)));
    }
    text
}

/// The bit at a position counted from the most significant of the first byte; zero past the end.
fn bit_at(bytes: &[u8], position: usize) -> bool {
    bytes
        .get(position / 8)
        .is_some_and(|byte| byte >> (7 - position % 8) & 1 == 1)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_TEXT_BYTES {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len());
    let (mut held, mut bits) = (0_u32, 0);
    for c in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
        held = (held & 0xff) << 5 | symbol_value(c)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
        }
    }
    // What is left over must be less than a symbol, and zero: one text for each code.
    let rest = held & ((1 << bits) - 1);
    (bits < 5 && rest == 0).then_some(bytes)
}

fn symbol_value(c: char) -> Option<u32> {
    let symbol = match c.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        other => other,
    };
    (0..)
        .zip(ALPHABET)
        .find_map(|(value, known)| (char::from(*known) == symbol).then_some(value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::string_slice)]
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
        let mut bytes = decode(&code("https://r").to_text().unwrap()).unwrap();
        bytes[0] = 2;
        let content = bytes.len() - CHECKSUM_BYTES;
        let checksum = derive_checksum(&bytes[..content]);
        bytes[content..].copy_from_slice(&checksum);
        assert!(matches!(
            PairingCode::from_text(&encode(&bytes)),
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
