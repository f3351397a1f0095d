//! Codes: bytes as a text that people photograph, type or read aloud.
//!
//! ```text
//! checksum = first 3 bytes of BLAKE3 derive_key( domain, content )
//! text     = base 32 of content ‖ checksum with the alphabet 0123456789ABCDEFGHJKMNPQRSTVWXYZ, in groups of 5 joined by '-'
//! relay    = scheme: 0 https, 1 http ‖ rest of the URL               always the last part of a content
//! ```
//! Bits are taken from the most significant on; the last symbol is filled with zeros. Reading is tolerant of what people do:
//! case, spaces and dashes do not matter, I and L read as 1, O as 0 (Crockford). A slip gives "not a valid code", never another
//! code, and a code of one domain is none of another. The text is upper case so that a QR can use its dense alphanumeric mode.

use crate::error::{Error, Result};
use zeroize::Zeroizing;

pub(super) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
pub(super) const SCHEMES: [&str; 2] = ["https://", "http://"];
const GROUP: usize = 5;
const CHECKSUM_BYTES: usize = 3;
/// Longest URL of a relay in a code.
pub const MAX_CODE_RELAY_BYTES: usize = 200;
/// Longest text that is looked at, spaces and dashes included.
const MAX_TEXT_BYTES: usize = 1024;

/// The text of a content.
pub(super) fn write_code(domain: &str, content: &[u8]) -> String {
    let mut bytes = Zeroizing::new(content.to_vec());
    bytes.extend_from_slice(&derive_checksum(domain, content));
    encode(&bytes)
}

/// The content of a text; none when it is no code of this domain.
pub(super) fn read_code(domain: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(decode(text)?);
    let (content, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>()?;
    (derive_checksum(domain, content) == *checksum).then(|| Zeroizing::new(content.to_vec()))
}

/// The text of a code: its version, its secrets, and where to meet.
pub(super) fn write_relay_code(
    domain: &str,
    version: u8,
    secrets: &[&[u8]],
    relay: &str,
) -> Result<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(vec![version]);
    secrets
        .iter()
        .for_each(|secret| bytes.extend_from_slice(secret));
    bytes.extend_from_slice(&relay_bytes(relay)?);
    Ok(Zeroizing::new(write_code(domain, &bytes)))
}

/// What stands behind the version of a code; none when it is no code of this domain, `Newer` when it is of another version.
pub(super) fn read_version(
    domain: &str,
    version: u8,
    text: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let Some(bytes) = read_code(domain, text) else {
        return Ok(None);
    };
    match bytes.split_first() {
        Some((found, _)) if *found != version => Err(Error::Newer),
        Some((_, content)) => Ok(Some(Zeroizing::new(content.to_vec()))),
        None => Ok(None),
    }
}

/// A relay as the last part of a content; refuses one that no code can carry.
pub(super) fn relay_bytes(relay: &str) -> Result<Vec<u8>> {
    let plain = relay.len() <= MAX_CODE_RELAY_BYTES && relay.bytes().all(|c| c.is_ascii_graphic());
    let found = (0..).zip(SCHEMES).find_map(|(number, scheme)| {
        let rest = relay.strip_prefix(scheme)?;
        (!rest.is_empty()).then_some((number, rest))
    });
    let (scheme, rest) = found.filter(|_| plain).ok_or(Error::Invalid(
        "the relay's address is not an http or https URL",
    ))?;
    Ok([&[scheme], rest.as_bytes()].concat())
}

/// Reads what [`relay_bytes`] wrote.
pub(super) fn read_relay(bytes: &[u8]) -> Option<String> {
    let (scheme, rest) = bytes.split_first()?;
    let scheme = SCHEMES.get(usize::from(*scheme))?;
    let relay = format!("{scheme}{}", core::str::from_utf8(rest).ok()?);
    relay_bytes(&relay).ok().map(|_| relay)
}

fn derive_checksum(domain: &str, content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let [first, second, third, ..] = blake3::derive_key(domain, content);
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
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn contents_of_every_length_come_back_in_their_domain_only() {
        for length in 0..80 {
            let content: Vec<u8> = (0..length).map(|at| (at * 37) as u8).collect();
            let text = write_code("carnet/1 test", &content);
            assert_eq!(*read_code("carnet/1 test", &text).unwrap(), content);
            assert!(read_code("carnet/1 other", &text).is_none());
        }
    }

    #[test]
    fn a_relay_comes_back_and_nothing_else_does() {
        for relay in ["https://relay.example", "http://127.0.0.1:65535/deep"] {
            assert_eq!(read_relay(&relay_bytes(relay).unwrap()).unwrap(), relay);
        }
        for bytes in [b"".as_slice(), b"\x00", b"\x02r", b"\x00a b", b"\x00\xff"] {
            assert!(read_relay(bytes).is_none());
        }
    }
}
