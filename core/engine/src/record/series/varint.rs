//! Whole numbers in as few bytes as they need (LEB128), signs folded into the lowest bit, and a reader that never runs past
//! its end.

use crate::error::{Error, Result};

const CUT: Error = Error::Invalid("a series segment is cut short or malformed");

/// Appends a number.
pub fn put(out: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number with a sign.
pub fn put_signed(out: &mut Vec<u8>, number: i128) {
    put(out, (number << 1 ^ number >> 127).cast_unsigned());
}

/// Folds the sign into the lowest bit.
pub fn fold(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// The reverse of [`fold`].
pub fn unfold(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Reads from the front of bytes.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Reads these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or_default())
    }

    /// A number, written in as few bytes as it needs.
    pub fn number(&mut self) -> Result<u128> {
        let mut number: u128 = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            let part = u128::from(byte & 0x7f);
            let fits = shift < 128 && (part << shift) >> shift == part;
            if !fits || (byte == 0 && shift > 0) {
                return Err(CUT);
            }
            number |= part << shift;
            if byte < 0x80 {
                break;
            }
        }
        Ok(number)
    }

    /// A number of at most 64 bits.
    pub fn short(&mut self) -> Result<u64> {
        u64::try_from(self.number()?).map_err(|_| CUT)
    }

    /// A number with a sign.
    pub fn signed(&mut self) -> Result<i128> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That nothing is left.
    pub fn end(self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(CUT),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(number: u128, signed: i128, short: i64) {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            put_signed(&mut bytes, signed);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.number().unwrap(), number);
            prop_assert_eq!(reader.signed().unwrap(), signed);
            reader.end().unwrap();
            prop_assert_eq!(unfold(fold(short)), short);
        }

        #[test]
        fn other_bytes_are_refused_or_read(bytes: Vec<u8>) {
            let mut reader = Reader::new(&bytes);
            if let Ok(number) = reader.number() {
                let mut again = Vec::new();
                put(&mut again, number);
                prop_assert!(bytes.starts_with(&again), "two ways to write {number}");
            }
        }
    }
}
