//! Title and date of a PDF: from its XMP packet, else from the information dictionary (ISO 32000-1, 14.3).
//!
//! Not a reader of PDF: it looks for two places by their marks. A title in an encrypted or compressed object is not found,
//! and then the document has none.

use super::super::document::clean_title;
use super::super::recognise::contains;

/// Longest dictionary looked at.
const MAX_DICTIONARY: usize = 16 << 10;

/// Title and date.
pub fn describe(bytes: &[u8]) -> (Option<String>, Option<String>) {
    let xmp = xmp_of(bytes).unwrap_or_default();
    let info = match contains(bytes, b"/Encrypt") {
        true => &[],
        false => information_of(bytes).unwrap_or_default(),
    };
    let title = xmp_title(&xmp).or_else(|| text_string(info, b"/Title"));
    let created = xmp_date(&xmp).or_else(|| text_string(info, b"/CreationDate"));
    let date = created.as_deref().and_then(date_of);
    (title.as_deref().and_then(clean_title), date)
}

fn find_last(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .rposition(|window| window == needle)
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}

/// The last packet: an edited file carries older ones before it.
fn xmp_of(bytes: &[u8]) -> Option<String> {
    let start = find_last(bytes, b"<x:xmpmeta")?;
    let packet = bytes.get(start..)?;
    let end = find(packet, b"</x:xmpmeta>")?;
    String::from_utf8(packet.get(..end)?.to_vec()).ok()
}

fn xmp_title(xmp: &str) -> Option<String> {
    let (_, title) = xmp.split_once("<dc:title")?;
    let (title, _) = title.split_once("</dc:title>")?;
    let (_, item) = title.split_once("<rdf:li")?;
    let (_, text) = item.split_once('>')?;
    let (text, _) = text.split_once('<')?;
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ];
    let plain = entities
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    clean_title(&plain)
}

/// As an element or as an attribute.
fn xmp_date(xmp: &str) -> Option<String> {
    let (_, rest) = xmp.split_once("xmp:CreateDate")?;
    let value = rest.trim_start_matches(['=', '"', '\'', '>']);
    let end = value.find(['"', '\'', '<'])?;
    value.get(..end).map(str::to_owned)
}

/// The dictionary that the last `/Info n g R` names.
fn information_of(bytes: &[u8]) -> Option<&[u8]> {
    let at = find_last(bytes, b"/Info")?;
    let rest = bytes.get(at + 5..bytes.len().min(at + 40))?;
    let mut words = rest
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let number = std::str::from_utf8(words.next()?).ok()?;
    let generation = std::str::from_utf8(words.next()?).ok()?;
    number.parse::<u32>().ok()?;
    generation.parse::<u16>().ok()?;
    let mark = format!("{number} {generation} obj");
    let object = last_object(bytes, mark.as_bytes())?;
    let end = find(object, b"endobj").unwrap_or(object.len());
    object.get(..end.min(MAX_DICTIONARY))
}

/// Behind the last `n g obj` that is not the end of a longer number.
fn last_object<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let mut end = bytes.len();
    loop {
        let at = find_last(bytes.get(..end)?, mark)?;
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        if !before.is_some_and(u8::is_ascii_digit) {
            return bytes.get(at + mark.len()..);
        }
        end = at + mark.len() - 1;
    }
}

/// The string behind a key: literal or hexadecimal, in PDFDocEncoding (read as Latin-1) or UTF-16.
fn text_string(dictionary: &[u8], key: &[u8]) -> Option<String> {
    let at = find(dictionary, key)? + key.len();
    let rest = dictionary.get(at..)?.trim_ascii_start();
    let bytes = match rest.first()? {
        b'(' => literal(rest.get(1..)?),
        b'<' => hexadecimal(rest.get(1..)?)?,
        _ => return None,
    };
    Some(match bytes.as_slice() {
        [0xfe, 0xff, rest @ ..] => {
            let units = rest
                .chunks_exact(2)
                .filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)));
            char::decode_utf16(units)
                .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        bytes => bytes.iter().map(|byte| char::from(*byte)).collect(),
    })
}

/// Up to the closing parenthesis, with escapes and balanced parentheses.
fn literal(bytes: &[u8]) -> Vec<u8> {
    let (mut text, mut depth, mut rest) = (Vec::new(), 0_u32, bytes);
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'\\' => rest = escape(after, &mut text),
            b')' if depth == 0 => break,
            b'(' => {
                depth += 1;
                text.push(*byte);
            }
            b')' => {
                depth -= 1;
                text.push(*byte);
            }
            _ => text.push(*byte),
        }
    }
    text
}

fn escape<'a>(bytes: &'a [u8], text: &mut Vec<u8>) -> &'a [u8] {
    let digits = bytes
        .iter()
        .take(3)
        .take_while(|byte| matches!(byte, b'0'..=b'7'))
        .count();
    if digits > 0 {
        let (octal, rest) = bytes.split_at(digits);
        let value = octal
            .iter()
            .fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
        text.push((value & 0xff) as u8);
        return rest;
    }
    match bytes {
        [b'\r', b'\n', rest @ ..] | [b'\n' | b'\r', rest @ ..] => rest,
        [byte, rest @ ..] => {
            text.push(match byte {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                byte => *byte,
            });
            rest
        }
        [] => bytes,
    }
}

fn hexadecimal(bytes: &[u8]) -> Option<Vec<u8>> {
    let end = bytes.iter().position(|byte| *byte == b'>')?;
    let digits = bytes.get(..end)?.iter();
    let digits: Vec<u8> = digits
        .filter_map(|byte| char::from(*byte).to_digit(16))
        .filter_map(|digit| u8::try_from(digit).ok())
        .collect();
    Some(
        digits
            .chunks(2)
            .map(|pair| pair.first().unwrap_or(&0) << 4 | pair.get(1).unwrap_or(&0))
            .collect(),
    )
}

/// `D:20210401171000+02'00'` or `2021-04-01T17:10:00+02:00`: the day as written. The time of a scanner is not worth guessing
/// a zone for, and a day never depends on one that is guessed.
fn date_of(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches("D:");
    let digits: String = text
        .chars()
        .take(10)
        .filter(|c| *c != '-')
        .take_while(char::is_ascii_digit)
        .take(8)
        .collect();
    super::date_of_digits(&digits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_information_dictionary_is_found_through_the_trailer() {
        let pdf = b"%PDF-1.4\n11 0 obj <</Title (wrong)>> endobj\n1 0 obj\n<< /Title (Compte \\(rendu\\) d\\351taill\\351) /CreationDate (D:20210401171000+02'00') >>\nendobj\ntrailer << /Info 1 0 R >>";
        assert_eq!(
            describe(pdf),
            (
                Some("Compte (rendu) détaillé".to_owned()),
                Some("2021-04-01".to_owned())
            )
        );
    }

    #[test]
    fn titles_may_be_utf_16_in_hexadecimal() {
        let pdf = b"1 0 obj << /Title <FEFF00C90074> >> endobj trailer << /Info 1 0 R >>";
        assert_eq!(describe(pdf).0.as_deref(), Some("Ét"));
    }

    #[test]
    fn the_xmp_packet_goes_first() {
        let pdf = br#"<x:xmpmeta><rdf:Description xmp:CreateDate="2020-02-03T04:05:06Z"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &amp; B</rdf:li></rdf:Alt></dc:title></x:xmpmeta>
            1 0 obj << /Title (old) >> endobj trailer << /Info 1 0 R >>"#;
        assert_eq!(
            describe(pdf),
            (Some("A & B".to_owned()), Some("2020-02-03".to_owned()))
        );
    }

    #[test]
    fn an_encrypted_title_is_no_title() {
        let pdf =
            b"1 0 obj << /Title (\x93\x80x) >> endobj trailer << /Info 1 0 R /Encrypt 2 0 R >>";
        assert_eq!(describe(pdf), (None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let pdf = [b"/Info 1 0 R 1 0 obj /Title (", bytes.as_slice(), b"<x:xmpmeta", &bytes].concat();
            describe(&pdf);
        }
    }
}
