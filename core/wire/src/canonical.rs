//! Canonical encoding: the one way bytes become a value and a value becomes bytes.
//!
//! Every structure that crosses the network or is signed is deterministic CBOR (RFC 8949 §4.2.1): arrays of definite
//! length, shortest integers, byte and text strings, `false`, `true`, `null`; no floats, no maps, no tags.
//!
//! The input is not trusted to be any of this. First one pass checks every head (`scan.rs`), so that no later step works
//! on claimed lengths or deep nesting. Then the decoder encodes what it decoded and compares, because CBOR decoders
//! skip what they do not expect and accept more than one form (measured on minicbor 2.3 and postcard 1.1).

use crate::scan::check_heads;
use minicbor::{Decode, Decoder, Encode};

/// Why received bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes are not the structure that was asked for.
    #[error("the bytes are malformed")]
    Malformed,
    /// The bytes decode, but are not the one encoding of what they say.
    #[error("the bytes are not in canonical form")]
    NotCanonical,
    /// A size or count is over its limit in [`crate::limits`].
    #[error("the bytes are over a size limit")]
    TooLarge,
    /// The format version is one this build does not know.
    #[error("the format version is newer than this app: update it")]
    UnknownVersion,
}

/// A value with exactly one encoding.
pub trait Canonical: Sized {
    /// The one encoding of this value.
    fn to_canonical(&self) -> Vec<u8>;
    /// Reads a value and refuses any other encoding of it, trailing bytes included.
    fn from_canonical(bytes: &[u8]) -> Result<Self, WireError>;
}

impl<T> Canonical for T
where
    T: Encode<()> + for<'b> Decode<'b, ()>,
{
    fn to_canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // Writing to a Vec cannot fail: its error type is `Infallible`.
        match minicbor::encode(self, &mut bytes) {
            Ok(()) => bytes,
            Err(_) => Vec::new(),
        }
    }

    fn from_canonical(bytes: &[u8]) -> Result<Self, WireError> {
        check_heads(bytes)?;
        let value: T = minicbor::decode(bytes).map_err(|error| from_decoder(&error))?;
        if value.to_canonical() != bytes {
            return Err(WireError::NotCanonical);
        }
        Ok(value)
    }
}

/// The decoder's own errors say where the bytes went wrong, which nobody needs; a limit of ours comes through.
fn from_decoder(error: &minicbor::decode::Error) -> WireError {
    if error.is_custom() {
        WireError::TooLarge
    } else {
        WireError::Malformed
    }
}

/// The decoder's error for an array over its limit.
pub(crate) fn too_large() -> minicbor::decode::Error {
    minicbor::decode::Error::custom(WireError::TooLarge)
}

/// Reads the head of an array that may have at most `most` elements.
pub(crate) fn claimed_length(
    decoder: &mut Decoder<'_>,
    most: usize,
) -> Result<u64, minicbor::decode::Error> {
    let claimed = decoder.array()?.unwrap_or(u64::MAX);
    if claimed > most as u64 {
        return Err(too_large());
    }
    Ok(claimed)
}

/// Decodes an array of at most `MAX` elements, and refuses a longer one before reading it: an element of one byte on
/// the wire can take twenty-four in memory.
pub(crate) fn decode_at_most<'b, const MAX: usize, C, T>(
    decoder: &mut Decoder<'b>,
    context: &mut C,
) -> Result<Vec<T>, minicbor::decode::Error>
where
    T: Decode<'b, C>,
{
    let claimed = claimed_length(decoder, MAX)?;
    (0..claimed).map(|_| T::decode(decoder, context)).collect()
}

/// Reads the version that every versioned structure begins with, whatever else a newer version may have changed: a
/// reader must be able to say "update the app" about a layout it does not know.
pub(crate) fn check_version(bytes: &[u8], known: u8) -> Result<(), WireError> {
    let mut decoder = Decoder::new(bytes);
    let version = decoder
        .array()
        .and_then(|_| decoder.u64())
        .map_err(|_| WireError::Malformed)?;
    if version == u64::from(known) {
        Ok(())
    } else {
        Err(WireError::UnknownVersion)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::relay::{Access, Exchange, Pull};
    use crate::{Author, MailboxId, Seen, samples};
    use proptest::prelude::*;
    use proptest::sample::Index;

    /// A cursor and its one encoding, to be spoiled.
    fn pull() -> (Pull, Vec<u8>) {
        let pull = Pull {
            mailbox: MailboxId([7; 32]),
            after: 500,
        };
        (pull, pull.to_canonical())
    }

    #[test]
    fn the_encoding_is_what_the_book_says() {
        let (_, bytes) = pull();
        let expected = [b"\x82\x58\x20".as_slice(), &[7; 32], b"\x19\x01\xf4"].concat();
        assert_eq!(bytes, expected);
        assert_eq!(Access::Retire.to_canonical(), b"\x02");
    }

    #[test]
    fn another_number_form_is_refused() {
        let (_, mut bytes) = pull();
        bytes.truncate(35);
        bytes.extend_from_slice(b"\x1a\x00\x00\x01\xf4");
        // The lenient decoder alone would take it: this is why the check exists.
        assert!(minicbor::decode::<Pull>(&bytes).is_ok());
        assert_eq!(Pull::from_canonical(&bytes), Err(WireError::NotCanonical));
    }

    #[test]
    fn an_element_too_many_is_refused() {
        let (_, mut bytes) = pull();
        bytes[0] = 0x83;
        bytes.push(0);
        assert!(minicbor::decode::<Pull>(&bytes).is_ok());
        assert_eq!(Pull::from_canonical(&bytes), Err(WireError::NotCanonical));
    }

    #[test]
    fn an_element_too_few_is_refused() {
        let (_, mut bytes) = pull();
        bytes[0] = 0x81;
        bytes.truncate(35);
        assert_eq!(Pull::from_canonical(&bytes), Err(WireError::Malformed));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let (_, mut bytes) = pull();
        bytes.push(0);
        assert_eq!(Pull::from_canonical(&bytes), Err(WireError::NotCanonical));
    }

    #[test]
    fn an_id_of_the_wrong_length_is_refused() {
        for length in [0_usize, 16, 31, 33] {
            let (_, good) = pull();
            let mut bytes = vec![0x82];
            bytes.extend(minicbor::bytes::ByteVec::from(vec![7; length]).to_canonical());
            bytes.extend_from_slice(&good[35..]);
            assert_eq!(
                Pull::from_canonical(&bytes),
                Err(WireError::Malformed),
                "{length}"
            );
        }
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        for bytes in [
            b"\x00".as_slice(),
            b"\x80",
            b"\x40",
            b"\x82\x00\x00",
            b"\xf6",
        ] {
            assert_eq!(
                Pull::from_canonical(bytes),
                Err(WireError::Malformed),
                "{bytes:02x?}"
            );
        }
        assert_eq!(Access::from_canonical(b"\x03"), Err(WireError::Malformed));
    }

    #[test]
    fn hostile_lengths_and_depths_end_at_once() {
        let million_nested = vec![0x81; 1 << 20];
        assert_eq!(
            Exchange::from_canonical(&million_nested),
            Err(WireError::TooLarge)
        );
        let claims = b"\x83\x9b\x10\x00\x00\x00\x00\x00\x00\x00\x80\x00";
        assert_eq!(Exchange::from_canonical(claims), Err(WireError::Malformed));
        // Eight million empty strings are true to their length, yet would take 24 times the bytes.
        let mut empties = b"\x83\x9a\x00\x7f\xff\xff".to_vec();
        empties.resize(empties.len() + 0x7f_ffff, 0x40);
        empties.extend_from_slice(b"\x80\x00");
        assert_eq!(Exchange::from_canonical(&empties), Err(WireError::TooLarge));
    }

    /// Any other bytes are an error or another value, never a second form of the same one.
    fn other_bytes_are_no_second_form<T>(
        value: &T,
        flips: &[(Index, u8)],
        cut: Index,
    ) -> Result<(), TestCaseError>
    where
        T: Canonical + PartialEq + std::fmt::Debug,
    {
        let bytes = value.to_canonical();
        prop_assert_eq!(&T::from_canonical(&bytes).unwrap(), value);
        prop_assert!(T::from_canonical(&bytes[..cut.index(bytes.len())]).is_err());
        let mut mutated = bytes.clone();
        for (at, flip) in flips {
            mutated[at.index(bytes.len())] ^= flip;
        }
        if let Ok(other) = T::from_canonical(&mutated) {
            prop_assert_eq!(other.to_canonical(), mutated.clone());
            prop_assert_eq!(other == *value, mutated == bytes);
        }
        Ok(())
    }

    /// One or a few changed bytes, and a place to cut.
    fn damage() -> impl Strategy<Value = (Vec<(Index, u8)>, Index)> {
        let flip = (any::<Index>(), 1..=u8::MAX);
        (proptest::collection::vec(flip, 1..4), any::<Index>())
    }

    macro_rules! one_form_only {
        ($($name:ident: $sample:expr;)*) => {
            proptest! {
                #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
                $(#[test]
                fn $name(value in $sample, (flips, cut) in damage()) {
                    other_bytes_are_no_second_form(&value, &flips, cut)?;
                })*
            }
        };
    }

    one_form_only! {
        header_has_one_form: samples::header();
        envelope_has_one_form: samples::envelope();
        challenge_has_one_form: samples::challenge();
        open_session_has_one_form: samples::open_session();
        session_has_one_form: samples::session();
        exchange_has_one_form: samples::exchange();
        exchange_reply_has_one_form: samples::exchange_reply();
        problem_has_one_form: samples::problem();
        wait_has_one_form: samples::wait();
        waited_has_one_form: samples::waited();
        retire_has_one_form: samples::retire();
        retired_has_one_form: samples::retired();
        delete_has_one_form: samples::delete();
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn arbitrary_bytes_never_panic(bytes in samples::bytes(200)) {
            if let Ok(value) = Exchange::from_canonical(&bytes) {
                prop_assert_eq!(value.to_canonical(), bytes.clone());
            }
            if let Ok(value) = <Vec<Seen>>::from_canonical(&bytes) {
                prop_assert_eq!(value.to_canonical(), bytes.clone());
            }
            let _ = Author::from_canonical(&bytes);
        }
    }
}
