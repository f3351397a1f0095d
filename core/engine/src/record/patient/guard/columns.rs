//! Reads Automerge's column encoding run by run, without expanding a run: what a column costs is known before anything
//! pays for it. Sixteen bytes may say "this value, a billion times"; here they cost one visit.
//!
//! ```text
//! run-length  = *( count:sleb > 0, value | count:sleb < 0, -count values | 0, nulls:uleb )
//! value       = uleb (group, actor, integer, value metadata) | sleb (delta) | length:uleb bytes (string)
//! boolean     = *( count:uleb )            counts of false, true, false, …
//! raw value   = bytes; the metadata column beside it says (length << 4 | type) of each
//! ```

use super::MAX_KEY_BYTES;
use crate::error::{Error, Result};

const MALFORMED: Error = Error::Invalid("the Automerge bytes are malformed");

/// The bytes not yet read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let length = usize::try_from(length).map_err(|_| MALFORMED)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(MALFORMED)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(MALFORMED)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// An unsigned LEB128 number in its shortest form: one number, one encoding.
    pub(super) fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let digit = u64::from(byte & 0x7f);
            if shift == 63 && digit > 1 {
                return Err(MALFORMED);
            }
            value |= digit << shift;
            if byte & 0x80 == 0 {
                return if shift > 0 && byte == 0 {
                    Err(MALFORMED)
                } else {
                    Ok(value)
                };
            }
        }
        Err(MALFORMED)
    }

    /// A signed LEB128 number in its shortest form.
    pub(super) fn signed(&mut self) -> Result<i64> {
        let mut value = 0i64;
        let mut previous = 0u8;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(MALFORMED);
            }
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let padded =
                    (byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0);
                if shift > 0 && padded {
                    return Err(MALFORMED);
                }
                let negative = shift < 57 && byte & 0x40 != 0;
                return Ok(if negative {
                    value | (-1 << (shift + 7))
                } else {
                    value
                });
            }
            previous = byte;
        }
        Err(MALFORMED)
    }

    /// A length and as many bytes, at most `limit`.
    pub(super) fn text(&mut self, limit: usize) -> Result<&'a [u8]> {
        let length = self.unsigned()?;
        if length > limit as u64 {
            return Err(Error::TooLarge("a key or message of the patient layer"));
        }
        self.take(length)
    }
}

/// How the rows of a column are encoded: the low three bits of its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Unsigned numbers: group counts, actor indices, integers, value metadata.
    Unsigned,
    Delta,
    Boolean,
    Text,
    /// The bytes of values.
    Raw,
}

impl Kind {
    pub(super) fn of(specification: u32) -> Self {
        match specification & 0b111 {
            3 => Self::Delta,
            4 => Self::Boolean,
            5 => Self::Text,
            7 => Self::Raw,
            _ => Self::Unsigned,
        }
    }
}

/// What the rows of one run hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Unsigned(u64),
    Delta(i64),
    Flag(bool),
    Text,
}

/// Calls `visit(rows, cell)` for each run and returns the number of rows; refuses more than `limit` rows before reading on.
pub(super) fn visit_runs(
    kind: Kind,
    bytes: &[u8],
    limit: u64,
    visit: &mut dyn FnMut(u64, Cell) -> Result<()>,
) -> Result<u64> {
    let mut reader = Reader::new(bytes);
    let mut rows = Rows { count: 0, limit };
    match kind {
        Kind::Raw => {}
        Kind::Boolean => visit_flags(&mut reader, &mut rows, visit)?,
        _ => {
            while !reader.is_empty() {
                visit_run(kind, &mut reader, &mut rows, visit)?;
            }
        }
    }
    Ok(rows.count)
}

fn visit_run(
    kind: Kind,
    reader: &mut Reader<'_>,
    rows: &mut Rows,
    visit: &mut dyn FnMut(u64, Cell) -> Result<()>,
) -> Result<()> {
    let length = reader.signed()?;
    let magnitude = length.unsigned_abs();
    match length {
        0 => {
            let nulls = reader.unsigned()?;
            rows.add(nulls)?;
            visit(nulls, Cell::Null)
        }
        1.. => {
            rows.add(magnitude)?;
            let cell = read_cell(kind, reader)?;
            visit(magnitude, cell)
        }
        _ => {
            rows.add(magnitude)?;
            (0..magnitude).try_for_each(|_| {
                let cell = read_cell(kind, reader)?;
                visit(1, cell)
            })
        }
    }
}

fn visit_flags(
    reader: &mut Reader<'_>,
    rows: &mut Rows,
    visit: &mut dyn FnMut(u64, Cell) -> Result<()>,
) -> Result<()> {
    let mut flag = false;
    while !reader.is_empty() {
        let count = reader.unsigned()?;
        rows.add(count)?;
        visit(count, Cell::Flag(flag))?;
        flag = !flag;
    }
    Ok(())
}

fn read_cell(kind: Kind, reader: &mut Reader<'_>) -> Result<Cell> {
    match kind {
        Kind::Delta => reader.signed().map(Cell::Delta),
        Kind::Text => {
            let text = reader.text(MAX_KEY_BYTES)?;
            core::str::from_utf8(text).map_err(|_| MALFORMED)?;
            Ok(Cell::Text)
        }
        _ => reader.unsigned().map(Cell::Unsigned),
    }
}

struct Rows {
    count: u64,
    limit: u64,
}

impl Rows {
    fn add(&mut self, more: u64) -> Result<()> {
        match self.count.checked_add(more) {
            Some(count) if count <= self.limit => {
                self.count = count;
                Ok(())
            }
            _ => Err(Error::TooLarge("operations of the patient layer")),
        }
    }
}

/// Sums `cell × rows` of an unsigned column after `part`, within `limit`: rows of a group, bytes of the values.
pub(super) fn add_up(sum: &mut u64, rows: u64, value: u64, limit: u64) -> Result<()> {
    let total = value
        .checked_mul(rows)
        .and_then(|more| sum.checked_add(more));
    match total {
        Some(total) if total <= limit => {
            *sum = total;
            Ok(())
        }
        _ => Err(Error::TooLarge("values of the patient layer")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn runs(kind: Kind, bytes: &[u8], limit: u64) -> Result<Vec<(u64, Cell)>> {
        let mut seen = Vec::new();
        visit_runs(kind, bytes, limit, &mut |rows, cell| {
            seen.push((rows, cell));
            Ok(())
        })?;
        Ok(seen)
    }

    #[test]
    fn numbers_have_one_encoding() {
        assert_eq!(
            Reader::new(&[0xe5, 0x8e, 0x26]).unsigned().unwrap(),
            624_485
        );
        assert_eq!(Reader::new(&[0xc0, 0xbb, 0x78]).signed().unwrap(), -123_456);
        let highest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Reader::new(&highest).unsigned().unwrap(), u64::MAX);
        let lowest = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
        assert_eq!(Reader::new(&lowest).signed().unwrap(), i64::MIN);
        for overlong in [
            &[0x80, 0x00][..],
            &[0xe5, 0x8e, 0xa6, 0x00],
            &[0x80; 11],
            &[0x80],
            &[],
        ] {
            assert!(Reader::new(overlong).unsigned().is_err(), "{overlong:?}");
        }
        assert!(Reader::new(&[0xff, 0x7f]).signed().is_err(), "padded -1");
        let over = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert!(Reader::new(&over).unsigned().is_err());
    }

    #[test]
    fn signed_numbers_agree_with_a_plain_encoder() {
        for value in [
            0,
            1,
            -1,
            63,
            64,
            -64,
            -65,
            8_191,
            -8_192,
            i64::MAX,
            i64::MIN,
            i64::MIN + 1,
        ] {
            let bytes = super::super::testing::sleb(value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.signed().unwrap(), value);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn runs_are_counted_not_expanded() {
        let column = [0x05, 0x07, 0x7e, 0x01, 0x02, 0x00, 0x03];
        assert_eq!(
            runs(Kind::Unsigned, &column, 10).unwrap(),
            [
                (5, Cell::Unsigned(7)),
                (1, Cell::Unsigned(1)),
                (1, Cell::Unsigned(2)),
                (3, Cell::Null)
            ]
        );
        assert!(matches!(
            runs(Kind::Unsigned, &column, 9),
            Err(Error::TooLarge(_))
        ));
        assert_eq!(
            runs(Kind::Boolean, &[0x02, 0x01], 3).unwrap(),
            [(2, Cell::Flag(false)), (1, Cell::Flag(true))]
        );
    }

    #[test]
    fn counts_that_overflow_are_refused() {
        let lowest = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f];
        let highest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        let twice = [&[0x00][..], &highest, &[0x00], &highest].concat();
        for column in [&lowest[..], &twice] {
            assert!(matches!(
                runs(Kind::Unsigned, column, u64::MAX - 1),
                Err(Error::TooLarge(_)) | Err(Error::Invalid(_))
            ));
        }
        let mut sum = 1;
        assert!(add_up(&mut sum, 2, u64::MAX, u64::MAX).is_err());
        assert_eq!(sum, 1);
    }

    #[test]
    fn text_is_bounded_and_valid() {
        assert_eq!(
            runs(Kind::Text, &[0x02, 0x01, b'a'], 2).unwrap(),
            [(2, Cell::Text)]
        );
        assert!(runs(Kind::Text, &[0x01, 0x01, 0xff], 2).is_err());
        assert!(runs(Kind::Text, &[0x01, 0x05, b'a'], 2).is_err());
    }
}
