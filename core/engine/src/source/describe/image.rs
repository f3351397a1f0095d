//! What a photograph says in its EXIF block. Where it was taken is not looked at; it stays inside the sealed bytes.

use exif::{In, Tag, Value};
use std::io::Cursor;

/// Description and date. A time counts only with its offset (EXIF 2.31); without, the day alone is kept.
pub fn describe(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let Ok(exif) = exif::Reader::new().read_from_container(&mut Cursor::new(bytes)) else {
        return (None, None);
    };
    let text = |tag: Tag| match &exif.get_field(tag, In::PRIMARY)?.value {
        Value::Ascii(parts) => parts
            .first()
            .map(|part| String::from_utf8_lossy(part).trim().to_owned())
            .filter(|text| !text.is_empty()),
        _ => None,
    };
    let taken = text(Tag::DateTimeOriginal).or_else(|| text(Tag::DateTime));
    let offset = text(Tag::OffsetTimeOriginal);
    let date = taken.and_then(|taken| date_of(&taken, offset.as_deref()));
    (text(Tag::ImageDescription), date)
}

/// `YYYY:MM:DD HH:MM:SS`.
fn date_of(taken: &str, offset: Option<&str>) -> Option<String> {
    let (day, time) = taken.split_once(' ')?;
    let day = super::date_of_digits(&day.replace(':', ""))?;
    let whole = offset.map(|offset| format!("{day}T{time}{offset}"));
    let whole = whole.filter(|whole| crate::record::time::is_date(whole));
    Some(whole.unwrap_or(day)).filter(|date| !date.starts_with("0000"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_time_without_an_offset_is_a_day() {
        assert_eq!(
            date_of("2021:04:01 17:10:00", None).as_deref(),
            Some("2021-04-01")
        );
        assert_eq!(
            date_of("2021:04:01 17:10:00", Some("+02:00")).as_deref(),
            Some("2021-04-01T17:10:00+02:00")
        );
        assert_eq!(date_of("0000:00:00 00:00:00", None), None);
        assert_eq!(date_of("hier", None), None);
    }

    /// A TIFF of one directory with two fields.
    #[test]
    fn a_tiff_says_what_it_shows_and_when() {
        let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
        tiff.extend_from_slice(b"\x0e\x01\x02\0\x07\0\0\0\x26\0\0\0"); // ImageDescription at 38
        tiff.extend_from_slice(b"\x32\x01\x02\0\x14\0\0\0\x2d\0\0\0"); // DateTime at 45
        tiff.extend_from_slice(b"\0\0\0\0thorax\x002021:04:01 17:10:00\0");
        assert_eq!(
            describe(&tiff),
            (Some("thorax".to_owned()), Some("2021-04-01".to_owned()))
        );
    }

    #[test]
    fn rubbish_says_nothing() {
        assert_eq!(describe(b"\xff\xd8\xff\xe1\0\x04Exif"), (None, None));
    }
}
