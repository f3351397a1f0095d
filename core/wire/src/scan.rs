//! The first look at received bytes: one pass over every CBOR head, before anything is decoded or allocated.
//!
//! The general decoder is lenient (indefinite lengths, non-minimal integers, maps, tags, skipped elements) and some of
//! that leniency costs memory in proportion to what hostile bytes claim. This pass is strict, keeps one counter per
//! level of nesting and nothing else, so every later step works on bytes whose lengths are true and whose depth is small.

use crate::{WireError, limits};

/// How many items each open array still owes, innermost last.
struct OpenArrays {
    owed: [u64; limits::MAX_DEPTH],
    depth: usize,
}

impl OpenArrays {
    /// Enters an array of `items`.
    fn open(&mut self, items: u64) -> Result<(), WireError> {
        let slot = self.owed.get_mut(self.depth).ok_or(WireError::TooLarge)?;
        *slot = items;
        self.depth += 1;
        Ok(())
    }

    /// Counts one finished item, and with it every array it completes. True when the outermost value is whole.
    fn close_item(&mut self) -> bool {
        while let Some(owed) = self.depth.checked_sub(1).and_then(|i| self.owed.get_mut(i)) {
            *owed = owed.saturating_sub(1);
            if *owed > 0 {
                return false;
            }
            self.depth -= 1;
        }
        true
    }
}

/// Checks that `bytes` are exactly one value made of canonical heads: integers, byte and text strings of true length,
/// arrays of definite length nested at most [`limits::MAX_DEPTH`] deep, `false`, `true` and `null`.
pub(crate) fn check_heads(mut bytes: &[u8]) -> Result<(), WireError> {
    let mut arrays = OpenArrays {
        owed: [0; limits::MAX_DEPTH],
        depth: 0,
    };
    loop {
        let (major, argument, rest) = read_head(bytes)?;
        bytes = skip_content(major, argument, rest)?;
        if major == 4 && argument > 0 {
            arrays.open(argument)?;
        } else if arrays.close_item() {
            break;
        }
    }
    if bytes.is_empty() {
        Ok(())
    } else {
        Err(WireError::NotCanonical)
    }
}

/// Reads one head: its major type, its argument in the only form allowed (the shortest), and the bytes after it.
fn read_head(bytes: &[u8]) -> Result<(u8, u64, &[u8]), WireError> {
    let (first, rest) = bytes.split_first().ok_or(WireError::Malformed)?;
    let (major, info) = (first >> 5, first & 0x1f);
    let (argument, least, rest) = match info {
        0..=23 => (u64::from(info), 0, rest),
        24 => argument_of::<1>(rest, 24)?,
        25 => argument_of::<2>(rest, 1 << 8)?,
        26 => argument_of::<4>(rest, 1 << 16)?,
        27 => argument_of::<8>(rest, 1 << 32)?,
        31 => return Err(WireError::NotCanonical),
        _ => return Err(WireError::Malformed),
    };
    if argument < least {
        return Err(WireError::NotCanonical);
    }
    Ok((major, argument, rest))
}

/// Reads an argument of `N` bytes, which is the shortest form only from `least` on.
fn argument_of<const N: usize>(rest: &[u8], least: u64) -> Result<(u64, u64, &[u8]), WireError> {
    let (digits, rest) = rest.split_first_chunk::<N>().ok_or(WireError::Malformed)?;
    let argument = digits
        .iter()
        .fold(0, |sum, digit| sum << 8 | u64::from(*digit));
    Ok((argument, least, rest))
}

/// Steps over the content of a string, and refuses what the protocol does not use.
fn skip_content(major: u8, argument: u64, rest: &[u8]) -> Result<&[u8], WireError> {
    match major {
        0 | 1 => Ok(rest),
        2 | 3 => usize::try_from(argument)
            .ok()
            .and_then(|length| rest.get(length..))
            .ok_or(WireError::Malformed),
        // Every item takes a byte at least: an array cannot owe more items than there are bytes left.
        4 if argument <= rest.len() as u64 => Ok(rest),
        4 => Err(WireError::Malformed),
        7 if (20..=22).contains(&argument) => Ok(rest),
        _ => Err(WireError::NotCanonical),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_the_protocol_uses() {
        let good: [&[u8]; 9] = [
            b"\x00",
            b"\x18\x18",
            b"\x19\x01\x00",
            b"\x1a\x00\x01\x00\x00",
            b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
            b"\x20",
            b"\x80",
            b"\x83\x80\x81\xf6\x82\xf4\xf5",
            b"\x82\x42ab\x63abc",
        ];
        for bytes in good {
            assert_eq!(check_heads(bytes), Ok(()), "{bytes:02x?}");
        }
    }

    #[test]
    fn refuses_longer_forms_of_a_number() {
        let longer: [&[u8]; 6] = [
            b"\x18\x17",
            b"\x19\x00\xff",
            b"\x1a\x00\x00\xff\xff",
            b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
            b"\x58\x01a",
            b"\x98\x01\x00",
        ];
        for bytes in longer {
            assert_eq!(
                check_heads(bytes),
                Err(WireError::NotCanonical),
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn refuses_what_the_protocol_does_not_use() {
        let unused: [&[u8]; 11] = [
            b"\x9f\x00\xff",                         // indefinite array
            b"\x5f\x41a\xff",                        // indefinite bytes
            b"\x7f\x61a\xff",                        // indefinite text
            b"\xa0",                                 // map
            b"\xbf\xff",                             // indefinite map
            b"\xc0\x00",                             // tag
            b"\xf9\x00\x00",                         // half float
            b"\xfb\x00\x00\x00\x00\x00\x00\x00\x00", // double
            b"\xf7",                                 // undefined
            b"\xff",                                 // a break that ends nothing
            b"\x00\x00",                             // a second value
        ];
        for bytes in unused {
            assert_eq!(
                check_heads(bytes),
                Err(WireError::NotCanonical),
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn refuses_lengths_that_are_not_there() {
        let short: [&[u8]; 9] = [
            b"",
            b"\x18",
            b"\x1b\x00\x00",
            b"\x42a",
            b"\x82\x00",
            b"\x9b\x10\x00\x00\x00\x00\x00\x00\x00", // an array of 2^60
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", // a string of 2^64 - 1
            b"\x1c",                                 // reserved
            b"\x81\x3e",                             // reserved
        ];
        for bytes in short {
            assert_eq!(
                check_heads(bytes),
                Err(WireError::Malformed),
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| [vec![0x81; depth], vec![0x00]].concat();
        assert_eq!(check_heads(&nested(limits::MAX_DEPTH)), Ok(()));
        assert_eq!(
            check_heads(&nested(limits::MAX_DEPTH + 1)),
            Err(WireError::TooLarge)
        );
        assert_eq!(check_heads(&nested(1 << 20)), Err(WireError::TooLarge));
    }
}
