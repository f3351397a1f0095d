//! What a document that is kept says of itself: title and date, read from its own bytes and from nothing else, so that
//! every phone writes the same DocumentReference. What is doubtful is left out: the bytes are there.

mod dicom;
mod image;
mod pdf;

use super::document::{Described, clean_title};
use super::recognise::Format;

/// What a document of this format says of itself. `bytes` is all of it, or its beginning when it is too long to be held.
pub fn describe(format: Format, bytes: &[u8]) -> Described {
    let mut described = Described::plain(format.media_type());
    let (title, created) = match format {
        Format::Pdf => pdf::describe(bytes),
        Format::Jpeg | Format::Png | Format::Tiff | Format::Heic | Format::Webp => {
            image::describe(bytes)
        }
        Format::Dicom => dicom::describe(bytes),
        Format::Text => (first_line(bytes), None),
        Format::Html => (html_title(bytes), None),
        Format::Fhir | Format::FhirXml => {
            described.kind = Some("FHIR");
            (None, None)
        }
        _ => (None, None),
    };
    described.title = title.as_deref().and_then(clean_title);
    described.created = created.filter(|date| crate::record::time::is_date(date));
    described
}

/// Text in UTF-8 or, failing that, in Latin-1, which is what older programs in France write.
fn text_of(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn first_line(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    let mut visible = lines.filter(|line| line.iter().any(u8::is_ascii_alphanumeric));
    visible.next().map(text_of)
}

fn html_title(bytes: &[u8]) -> Option<String> {
    let text = text_of(bytes.get(..bytes.len().min(64 << 10))?);
    let (_, rest) = text
        .split_once("<title>")
        .or_else(|| text.split_once("<TITLE>"))?;
    let (title, _) = rest.split_once("</")?;
    Some(title.replace("&amp;", "&").replace("&nbsp;", " "))
}

/// `YYYYMMDD` as a date; shorter ones are partial.
fn date_of_digits(digits: &str) -> Option<String> {
    let part = |from: usize, to: usize| {
        let part = digits.get(from..to)?;
        part.bytes().all(|c| c.is_ascii_digit()).then_some(part)
    };
    let year = part(0, 4)?;
    Some(match (part(4, 6), part(6, 8)) {
        (Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        (Some(month), None) => format!("{year}-{month}"),
        _ => year.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_called_by_its_first_line() {
        let text = b"\xef\xbb\xbf\r\n-----\r\nCompte rendu d'hospitalisation\r\nPatient";
        let described = describe(Format::Text, text);
        assert_eq!(
            described.title.as_deref(),
            Some("Compte rendu d'hospitalisation")
        );
        let latin = describe(Format::Text, b"R\xe9sultats");
        assert_eq!(latin.title.as_deref(), Some("Résultats"));
    }

    #[test]
    fn a_page_is_called_by_its_title() {
        let page = b"<html><head><title>Bilan &amp; suivi</title>";
        assert_eq!(
            describe(Format::Html, page).title.as_deref(),
            Some("Bilan & suivi")
        );
    }

    #[test]
    fn dates_are_as_long_as_their_digits() {
        assert_eq!(date_of_digits("20210401").as_deref(), Some("2021-04-01"));
        assert_eq!(date_of_digits("202104").as_deref(), Some("2021-04"));
        assert_eq!(date_of_digits("2021").as_deref(), Some("2021"));
        assert_eq!(date_of_digits("20é1"), None);
    }

    #[test]
    fn what_says_nothing_has_a_media_type() {
        let described = describe(Format::Unknown, &[1, 2, 3]);
        assert_eq!(described, Described::plain("application/octet-stream"));
    }
}
