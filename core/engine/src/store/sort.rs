//! One number that orders rows by date as written.
//!
//! `YYYYMMDDhhmmssmmm`, zeros where a partial date says nothing: a year comes before its months. The offset is left out on
//! purpose: a row stands at the local time its author wrote, and none is guessed. Undated rows get a negative number made
//! from their id, so that they come last when the newest is first, in the same order on every device.

use crate::record::ids::ResourceId;

const DIGITS: usize = 17;

/// The place of a row in a timeline.
pub(super) fn sort_key(when: Option<&str>, id: ResourceId) -> i64 {
    when.and_then(earliest).unwrap_or_else(|| undated(id))
}

/// The first moment a partial date may mean.
pub(super) fn earliest(when: &str) -> Option<i64> {
    number(when, b'0')
}

/// The last moment a partial date may mean.
pub(super) fn latest(when: &str) -> Option<i64> {
    number(when, b'9')
}

fn undated(id: ResourceId) -> i64 {
    let [a, b, c, d, e, f, ..] = id.0;
    // 47 bits: SQLite keeps them in six bytes.
    -(i64::from_be_bytes([0, 0, a, b, c, d, e, f]) >> 1) - 1
}

/// Reads `YYYY[-MM[-DD[Thh:mm[:ss[.fraction]]]]]` and leaves what follows, an offset.
fn number(when: &str, fill: u8) -> Option<i64> {
    const FIELDS: [(&[u8], usize); 6] = [
        (b"", 4),
        (b"-", 2),
        (b"-", 2),
        (b"Tt ", 2),
        (b":", 2),
        (b":", 2),
    ];
    let mut rest = when.as_bytes();
    let mut digits = [fill; DIGITS];
    let mut filled = 0;
    let mut complete = 0;
    for (marks, width) in FIELDS {
        let Some(after) = skip_mark(rest, marks) else {
            break;
        };
        let (field, after) = after.split_at_checked(width)?;
        if !field.iter().all(u8::is_ascii_digit) {
            return None;
        }
        digits
            .get_mut(filled..filled + width)?
            .copy_from_slice(field);
        filled += width;
        complete += 1;
        rest = after;
    }
    if complete == FIELDS.len() {
        rest = fraction(rest, digits.get_mut(filled..)?);
    }
    let date_only = complete <= 3;
    let ends_well = if date_only {
        rest.is_empty()
    } else {
        is_offset(rest)
    };
    // An hour without minutes is not a date of FHIR.
    (ends_well && complete != 4).then(|| decimal(&digits))
}

fn skip_mark<'a>(rest: &'a [u8], marks: &[u8]) -> Option<&'a [u8]> {
    match rest.split_first() {
        _ if marks.is_empty() => Some(rest),
        Some((first, after)) if marks.contains(first) => {
            // `10:20-05:00`: a minus after the time begins an offset; only date fields take it as a mark.
            Some(after)
        }
        _ => None,
    }
}

fn fraction<'a>(rest: &'a [u8], digits: &mut [u8]) -> &'a [u8] {
    let Some((b'.', after)) = rest.split_first() else {
        return rest;
    };
    let count = after
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (written, after) = after.split_at(count);
    for (digit, byte) in digits.iter_mut().zip(written) {
        *digit = *byte;
    }
    after
}

fn is_offset(rest: &[u8]) -> bool {
    matches!(
        rest,
        b"" | b"Z" | b"z" | [b'+' | b'-', _, _, b':', _, _] | [b'+' | b'-', _, _, _, _]
    )
}

fn decimal(digits: &[u8; DIGITS]) -> i64 {
    digits.iter().fold(0, |number, digit| {
        number * 10 + i64::from(digit.wrapping_sub(b'0'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn partial_dates_come_before_what_they_contain() {
        let ordered = [
            "1999",
            "2019",
            "2019-05",
            "2019-05-03",
            "2019-05-03T10:20",
            "2019-05-03T10:20:30",
            "2019-05-03T10:20:30.5+02:00",
            "2019-05-03T10:20:30.75Z",
            "2019-05-04",
            "2020",
        ];
        let numbers: Vec<i64> = ordered.iter().map(|when| earliest(when).unwrap()).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "{numbers:?}"
        );
        assert_eq!(earliest("2019-05"), Some(20_190_500_000_000_000));
    }

    #[test]
    fn offsets_do_not_move_a_row() {
        let local = earliest("2019-05-03T10:20:30");
        for offset in ["Z", "+02:00", "-11:00", "+0200"] {
            assert_eq!(earliest(&format!("2019-05-03T10:20:30{offset}")), local);
        }
    }

    #[test]
    fn the_end_of_a_range_covers_its_partial_date() {
        assert!(latest("2019").unwrap() > earliest("2019-12-31T23:59:59.999").unwrap());
        assert!(latest("2019").unwrap() < earliest("2020").unwrap());
        assert!(latest("2019-05-03").unwrap() > earliest("2019-05-03T23:59").unwrap());
    }

    #[test]
    fn what_is_not_a_date_is_undated_and_last() {
        let id = ResourceId([0xff; 16]);
        for bad in [
            "",
            "soon",
            "19",
            "2019-",
            "2019-5",
            "2019-05-03T10",
            "2019-05-03x",
            "20190503",
            "2019-05-03T10:20:30 h",
            "٢٠١٩",
        ] {
            assert_eq!(earliest(bad), None, "{bad}");
            assert!(sort_key(Some(bad), id) < 0);
        }
        assert!(sort_key(None, ResourceId([0; 16])) < 0);
        assert!(sort_key(None, id) < sort_key(Some("0001"), id));
    }
}
