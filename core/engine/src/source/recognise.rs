//! What a file is, told from its first bytes: one function for each format. Its name and its extension are not asked: people
//! rename files, archives mangle names, and portals call everything `download`.
//!
//! To recognise is cheap and may be wrong about what is inside; the reader of a format decides. A file whose reader refuses
//! it is kept as a document, so a wrong guess here loses nothing.

/// Bytes of a file that are looked at.
pub const HEAD_BYTES: usize = 64 << 10;

/// What the bytes of a file look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// No bytes, or white space only.
    Empty,
    /// FHIR in JSON: a resource, a Bundle, or one of these per line.
    Fhir,
    /// SMART Health Cards: a file of them, the text of a QR code, a signed token.
    HealthCard,
    /// A SMART Health Link.
    HealthLink,
    /// An encrypted token (JWE), such as a SMART Health Link leads to.
    Jwe,
    /// A data point of Open mHealth or IEEE 1752.1.
    OpenMHealth,
    /// Any other JSON.
    Json,
    /// HL7 CDA R2, also inside a style sheet.
    Cda,
    /// FHIR in XML.
    FhirXml,
    /// The export of Apple Health.
    AppleHealth,
    /// Any other XML; a CDA may still stand far below its style sheet.
    Xml,
    /// A page of HTML.
    Html,
    /// PDF.
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// TIFF.
    Tiff,
    /// HEIC or HEIF.
    Heic,
    /// GIF.
    Gif,
    /// WebP.
    Webp,
    /// DICOM with its preamble.
    Dicom,
    /// A zip archive.
    Zip,
    /// A gzip stream.
    Gzip,
    /// A database of SQLite: Health Connect exports one.
    Sqlite,
    /// Garmin FIT.
    Fit,
    /// Rich text.
    Rtf,
    /// Plain text.
    Text,
    /// What an operating system leaves in folders and archives.
    Litter,
    /// Anything else.
    Unknown,
}

impl Format {
    /// The stable name that reports show.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// The media type of the bytes.
    pub fn media_type(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Empty => ("empty", "application/octet-stream"),
            Self::Fhir => ("fhir-json", "application/fhir+json"),
            Self::HealthCard => ("smart-health-card", "application/smart-health-card"),
            Self::HealthLink => ("smart-health-link", "text/plain"),
            Self::Jwe => ("jwe", "application/jose"),
            Self::OpenMHealth => ("open-mhealth", "application/json"),
            Self::Json => ("json", "application/json"),
            Self::Cda => ("cda", "text/xml"),
            Self::FhirXml => ("fhir-xml", "application/fhir+xml"),
            Self::AppleHealth => ("apple-health", "text/xml"),
            Self::Xml => ("xml", "text/xml"),
            Self::Html => ("html", "text/html"),
            Self::Pdf => ("pdf", "application/pdf"),
            Self::Jpeg => ("jpeg", "image/jpeg"),
            Self::Png => ("png", "image/png"),
            Self::Tiff => ("tiff", "image/tiff"),
            Self::Heic => ("heic", "image/heic"),
            Self::Gif => ("gif", "image/gif"),
            Self::Webp => ("webp", "image/webp"),
            Self::Dicom => ("dicom", "application/dicom"),
            Self::Zip => ("zip", "application/zip"),
            Self::Gzip => ("gzip", "application/gzip"),
            Self::Sqlite => ("sqlite", "application/vnd.sqlite3"),
            Self::Fit => ("fit", "application/vnd.ant.fit"),
            Self::Rtf => ("rtf", "application/rtf"),
            Self::Text => ("text", "text/plain"),
            Self::Litter => ("litter", "application/octet-stream"),
            Self::Unknown => ("unknown", "application/octet-stream"),
        }
    }
}

/// Whether bytes begin like a format.
type Test = fn(&[u8]) -> bool;

/// What a file is. `head` is its beginning: [`HEAD_BYTES`] of it, or all.
pub fn recognise(head: &[u8]) -> Format {
    let by_bytes: [(Test, Format); 15] = [
        (is_empty, Format::Empty),
        (is_litter, Format::Litter),
        (is_zip, Format::Zip),
        (is_gzip, Format::Gzip),
        (is_dicom, Format::Dicom),
        (is_sqlite, Format::Sqlite),
        (is_fit, Format::Fit),
        (is_jpeg, Format::Jpeg),
        (is_png, Format::Png),
        (is_tiff, Format::Tiff),
        (is_heic, Format::Heic),
        (is_gif, Format::Gif),
        (is_webp, Format::Webp),
        (is_rtf, Format::Rtf),
        (is_pdf, Format::Pdf),
    ];
    let found = by_bytes.iter().find(|(is, _)| is(head));
    found.map_or_else(|| recognise_text(head), |(_, format)| *format)
}

fn is_empty(head: &[u8]) -> bool {
    head.len() < HEAD_BYTES && head.iter().all(u8::is_ascii_whitespace)
}

/// AppleDouble (`._name`), `.DS_Store`.
fn is_litter(head: &[u8]) -> bool {
    head.starts_with(&[0, 5, 0x16, 7]) || head.starts_with(b"\0\0\0\x01Bud1")
}

/// A local header, or the end record of an archive of nothing.
fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b, 8])
}

fn is_dicom(head: &[u8]) -> bool {
    head.get(128..132) == Some(b"DICM")
}

fn is_sqlite(head: &[u8]) -> bool {
    head.starts_with(b"SQLite format 3\0")
}

fn is_fit(head: &[u8]) -> bool {
    head.get(8..12) == Some(b".FIT")
}

fn is_jpeg(head: &[u8]) -> bool {
    head.starts_with(&[0xff, 0xd8, 0xff])
}

fn is_png(head: &[u8]) -> bool {
    head.starts_with(b"\x89PNG\r\n\x1a\n")
}

fn is_tiff(head: &[u8]) -> bool {
    head.starts_with(b"II*\0") || head.starts_with(b"MM\0*")
}

/// ISO BMFF with a brand of still images.
fn is_heic(head: &[u8]) -> bool {
    let brand = head.get(8..12).unwrap_or_default();
    let brands: [&[u8]; 6] = [b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1"];
    head.get(4..8) == Some(b"ftyp") && brands.contains(&brand)
}

fn is_gif(head: &[u8]) -> bool {
    head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a")
}

fn is_webp(head: &[u8]) -> bool {
    head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP")
}

fn is_rtf(head: &[u8]) -> bool {
    head.starts_with(b"{\\rtf")
}

/// Readers accept up to 1,024 bytes before the header (ISO 32000-1, annex H); scanners write some.
fn is_pdf(head: &[u8]) -> bool {
    contains(head.get(..1_024).unwrap_or(head), b"%PDF-")
}

fn recognise_text(head: &[u8]) -> Format {
    let Some(text) = text_of(head) else {
        return Format::Unknown;
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text.chars().next() {
        Some('{' | '[') => recognise_json(text),
        Some('<') => recognise_markup(text),
        _ if text.starts_with("shc:/") => Format::HealthCard,
        _ if is_health_link(text) => Format::HealthLink,
        _ if is_token(text) => recognise_token(text),
        // Lines of which the first is broken: the reader of lines goes on at the second.
        _ if text.contains("\"resourceType\"") => Format::Fhir,
        _ => Format::Text,
    }
}

/// A link, alone or behind the address of a page that opens it.
fn is_health_link(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.starts_with("shlink:/") || (first.starts_with("http") && first.contains("#shlink:/"))
}

/// The compact form of JOSE: base64url and dots; `eyJ` is how an object begins.
fn is_token(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.starts_with("eyJ") && text.contains('.') && text.trim_end().chars().all(allowed)
}

/// A signed token has three parts; an encrypted one five, of which the second is empty where the key was agreed beforehand.
fn recognise_token(text: &str) -> Format {
    match text.contains("..") || text.matches('.').count() == 4 {
        true => Format::Jwe,
        false => Format::HealthCard,
    }
}

fn recognise_json(text: &str) -> Format {
    let says = |name: &str| text.contains(name);
    if says("\"verifiableCredential\"") && !says("\"resourceType\"") {
        Format::HealthCard
    } else if says("\"resourceType\"") {
        Format::Fhir
    } else if says("\"schema_id\"") || says("\"effective_time_frame\"") {
        Format::OpenMHealth
    } else {
        Format::Json
    }
}

fn recognise_markup(text: &str) -> Format {
    let root = root_of(text);
    match local_name(root) {
        "ClinicalDocument" => Format::Cda,
        "HealthData" => Format::AppleHealth,
        "stylesheet" | "transform" if text.contains("ClinicalDocument") => Format::Cda,
        "html" | "HTML" => Format::Html,
        _ if doctype_of(text) == "HealthData" => Format::AppleHealth,
        _ if doctype_of(text).eq_ignore_ascii_case("html") => Format::Html,
        _ if ["\"http://hl7.org/fhir\"", "'http://hl7.org/fhir'"]
            .iter()
            .any(|name| text.contains(name)) =>
        {
            Format::FhirXml
        }
        _ => Format::Xml,
    }
}

/// The name of the first element, with its prefix; empty when none begins in `text`. What comments hold are no elements.
fn root_of(text: &str) -> &str {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if after.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return first_word(after);
        }
        rest = match after.strip_prefix("!--") {
            Some(comment) => comment.split_once("-->").map_or("", |(_, rest)| rest),
            None => after,
        };
    }
    ""
}

fn doctype_of(text: &str) -> &str {
    let after = text
        .split_once("<!DOCTYPE")
        .or_else(|| text.split_once("<!doctype"));
    first_word(after.map_or("", |(_, rest)| rest.trim_start()))
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/' | '['));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

fn local_name(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The head as text: UTF-8 cut anywhere, UTF-16 with its mark, or Latin letters of one byte. None for binary bytes.
fn text_of(head: &[u8]) -> Option<String> {
    let text = match head {
        [0xff, 0xfe, rest @ ..] => utf_16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf_16(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(head) {
            Ok(text) => text.to_owned(),
            // A character cut by the end of the head is no damage.
            Err(error) if error.error_len().is_none() => {
                let whole = head.get(..error.valid_up_to()).unwrap_or_default();
                String::from_utf8_lossy(whole).into_owned()
            }
            Err(_) => head.iter().map(|byte| char::from(*byte)).collect(),
        },
    };
    let binary = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}' | '\u{1b}');
    (!text.chars().any(binary)).then_some(text)
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = bytes.chunks_exact(2);
    let units = pairs.filter_map(|pair| pair.try_into().ok()).map(unit);
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// Whether `needle` stands in `bytes`.
pub(super) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_format_is_known_by_its_first_bytes() {
        let mut dicom = vec![0; 128];
        dicom.extend_from_slice(b"DICM\x02\0");
        let cases: [(&[u8], Format); 36] = [
            (b"", Format::Empty),
            (b" \r\n\t", Format::Empty),
            (br#"{"resourceType":"Patient"}"#, Format::Fhir),
            (b"[\n {\"resourceType\": \"Patient\"}]", Format::Fhir),
            (b"oops\n{\"resourceType\":\"Patient\"}\n", Format::Fhir),
            (br#"{"verifiableCredential":["eyJ"]}"#, Format::HealthCard),
            (b"shc:/567629", Format::HealthCard),
            (b"eyJ6aXAi.3ZJJ.c2ln\n", Format::HealthCard),
            (b"eyJlbmMi..zgmE.uoQj.tag", Format::Jwe),
            (b"shlink:/eyJ1", Format::HealthLink),
            (b"https://viewer.example/#shlink:/eyJ1", Format::HealthLink),
            (b"eyJ is how a token begins.", Format::Text),
            (
                br#"{"header":{"schema_id":{"namespace":"omh"}},"body":{}}"#,
                Format::OpenMHealth,
            ),
            (br#"{"a":1}"#, Format::Json),
            (
                b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <a> --><ClinicalDocument xmlns=\"urn:hl7-org:v3\">",
                Format::Cda,
            ),
            (b"<n1:ClinicalDocument xmlns:n1=\"urn:hl7-org:v3\">", Format::Cda),
            (
                b"<xsl:stylesheet><xsl:template/><ClinicalDocument xmlns=\"urn:hl7-org:v3\"/>",
                Format::Cda,
            ),
            (b"<xsl:stylesheet version='1.0'>", Format::Xml),
            (
                b"<Bundle xmlns=\"http://hl7.org/fhir\"><entry/>",
                Format::FhirXml,
            ),
            (
                b"<?xml?><!DOCTYPE HealthData [<!ELEMENT a ANY>]><HealthData locale=\"fr\">",
                Format::AppleHealth,
            ),
            (b"<!doctype html><html lang=fr>", Format::Html),
            (b"<a/>", Format::Xml),
            (b"\0\0scanner\n%PDF-1.4", Format::Pdf),
            (b"\xff\xd8\xff\xe1", Format::Jpeg),
            (b"\x89PNG\r\n\x1a\n", Format::Png),
            (b"II*\0", Format::Tiff),
            (b"\0\0\0\x18ftypheic", Format::Heic),
            (b"GIF89a", Format::Gif),
            (b"RIFF\0\0\0\0WEBP", Format::Webp),
            (&dicom, Format::Dicom),
            (b"PK\x03\x04", Format::Zip),
            (&[0x1f, 0x8b, 8, 0], Format::Gzip),
            (b"SQLite format 3\0", Format::Sqlite),
            (b"\x0e\x10\0\0\0\0\0\0.FIT", Format::Fit),
            (b"Bonjour docteur,\r\n", Format::Text),
            (&[0, 5, 0x16, 7, 0], Format::Litter),
        ];
        for (head, format) in cases {
            assert_eq!(
                recognise(head),
                format,
                "{:?}",
                String::from_utf8_lossy(head)
            );
        }
    }

    #[test]
    fn text_may_be_in_any_encoding_that_people_meet() {
        let utf_16: Vec<u8> = [0xff, 0xfe]
            .into_iter()
            .chain(
                "<ClinicalDocument>"
                    .encode_utf16()
                    .flat_map(u16::to_le_bytes),
            )
            .collect();
        assert_eq!(recognise(&utf_16), Format::Cda);
        assert_eq!(
            recognise(b"Compte rendu de r\xe9\xe9ducation"),
            Format::Text
        );
        let cut = "é".as_bytes().get(..1).unwrap();
        assert_eq!(recognise(&[b"caf", cut].concat()), Format::Text);
        assert_eq!(recognise(&[1, 2, 3, 200]), Format::Unknown);
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let format = recognise(&bytes);
            prop_assert!(!format.name().is_empty() && format.media_type().contains('/'));
        }
    }
}
