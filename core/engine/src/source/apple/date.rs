//! `2024-01-01 01:01:36 +0200`: the one form dates have in an export.

use crate::record::time::days_since_1970;

/// Milliseconds since 1970 UTC, and minutes east of UTC.
pub(super) fn instant(text: &[u8]) -> Option<(i64, i16)> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        o1,
        o2,
        b'-',
        d1,
        d2,
        b' ',
        h1,
        h2,
        b':',
        m1,
        m2,
        b':',
        s1,
        s2,
        b' ',
        sign,
        e1,
        e2,
        p1,
        p2,
    ] = *text
    else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(o1, o2)?, two(d1, d2)?);
    let (hour, minute, second) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    let (east, past) = (two(e1, e2)?, two(p1, p2)?);
    let within = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !within || hour > 23 || minute > 59 || second > 60 || east > 18 || past > 59 {
        return None;
    }
    let offset = match sign {
        b'+' => east * 60 + past,
        b'-' => -(east * 60 + past),
        _ => return None,
    };
    let minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset;
    Some(((minutes * 60 + second) * 1000, i16::try_from(offset).ok()?))
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    Some(digit(tens)? * 10 + digit(ones)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_with_their_offset() {
        assert_eq!(instant(b"1970-01-01 01:00:00 +0100"), Some((0, 60)));
        assert_eq!(
            instant(b"2016-11-14 07:25:41 -0700"),
            Some((1_479_133_541_000, -420))
        );
        for wrong in [
            "",
            "2016-11-14",
            "2016-11-14 07:25:41",
            "2016-13-14 07:25:41 -0700",
            "2016-11-14T07:25:41 -0700",
            "2016-11-14 24:25:41 -0700",
            "2016-11-14 07:25:41 *0700",
            "2016-11-14 07:25:41 +1900",
            "２016-11-14 07:25:41 +0100",
        ] {
            assert_eq!(instant(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
