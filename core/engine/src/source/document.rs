//! Documents: bytes that are kept as they came, and the DocumentReference that names them.
//!
//! The bytes become a sealed attachment; what the record lists is a DocumentReference. Both are named by the BLAKE3 of the
//! bytes and by nothing else (no file name, no clock, no record), so that every phone that imports the same bytes writes the
//! same resource, whatever the file was called, and so that a reference still finds its document in another record:
//!
//! * `content.attachment.url` is `urn:carnet:blake3:` and 64 hexadecimal digits: [`url_of`]. It stands inside the encrypted
//!   record only; on disk and at the relay documents go by a keyed hash.
//! * the resource's `fullUrl` is a UUID of version 8 (RFC 9562) made of a hash of that hash: [`full_url_of`].

use super::Draft;
use crate::error::{Error, Result};
use crate::record::resource;
use serde_json::{Value, json};

/// What stands before the hash in the address of a document's bytes.
const SCHEME: &str = "urn:carnet:blake3:";
/// Longest title kept of a document, in characters.
pub const MAX_TITLE: usize = 200;

/// What a document says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Media type.
    pub media_type: &'static str,
    /// Its title, on one line.
    pub title: Option<String>,
    /// When it was made: a FHIR `dateTime`, partial where the document is. A time without a zone is left out, never guessed.
    pub created: Option<String>,
    /// What it is, in words, where its bytes say no more than that.
    pub kind: Option<&'static str>,
}

impl Described {
    /// A document that says nothing but its media type.
    pub fn plain(media_type: &'static str) -> Self {
        Self {
            media_type,
            ..Self::default()
        }
    }
}

/// BLAKE3 of a document's bytes.
pub fn hash_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

/// The address of a document's bytes, as `Attachment.url` has it.
pub fn url_of(hash: &[u8; 32]) -> String {
    format!("{SCHEME}{}", blake3::Hash::from(*hash).to_hex())
}

/// The hash in an address that [`url_of`] made.
pub fn hash_in_url(url: &str) -> Option<[u8; 32]> {
    let digits = url.strip_prefix(SCHEME)?;
    blake3::Hash::from_hex(digits).ok().map(Into::into)
}

/// The global name of the DocumentReference of a document.
pub fn full_url_of(hash: &[u8; 32]) -> String {
    let name = blake3::derive_key("carnet/1 document", hash);
    let [high, low] = [0, 8].map(|from| {
        let bytes = name.iter().skip(from).take(8);
        bytes.fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    });
    // RFC 9562: four bits of version, two of variant.
    let high = high & !0xf000 | 0x8000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
}

/// `Attachment` of FHIR for a document's bytes.
pub fn attachment(hash: &[u8; 32], size: u64, described: &Described) -> Value {
    let mut attachment = json!({
        "contentType": described.media_type,
        "url": url_of(hash),
        "size": size,
    });
    let said = [
        ("title", &described.title),
        ("creation", &described.created),
    ];
    for (name, value) in said {
        if let (Some(value), Some(members)) = (value, attachment.as_object_mut()) {
            members.insert(name.to_owned(), json!(value));
        }
    }
    attachment
}

/// The DocumentReference of a document of which only the bytes are understood.
pub fn document_reference(hash: &[u8; 32], size: u64, described: &Described) -> Result<Draft> {
    let mut reference = json!({"resourceType": "DocumentReference", "status": "current"});
    if let (Some(kind), Some(members)) = (described.kind, reference.as_object_mut()) {
        members.insert("type".to_owned(), json!({"text": kind}));
    }
    if let Some(members) = reference.as_object_mut() {
        let content = json!([{"attachment": attachment(hash, size, described)}]);
        members.insert("content".to_owned(), content);
    }
    draft(reference.to_string(), full_url_of(hash))
}

fn draft(text: String, full_url: String) -> Result<Draft> {
    let resource = resource::read(&text, "", Some(&full_url))
        .map_err(|_| Error::Bug("a document reference must be readable"))?;
    Ok(Draft {
        location: "file".to_owned(),
        issuer: String::new(),
        full_url: Some(full_url),
        text,
        resource,
    })
}

/// A title as a list can show it: one line, no control characters, [`MAX_TITLE`] characters at most; none if nothing is left.
pub fn clean_title(text: &str) -> Option<String> {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let words: String = visible.collect();
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let title: String = line.chars().take(MAX_TITLE).collect();
    (!title.is_empty()).then_some(title)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::identity::{Context, Identity};

    #[test]
    fn the_address_leads_back_to_the_hash() {
        let hash = hash_of(b"a document");
        assert_eq!(hash_in_url(&url_of(&hash)), Some(hash));
        for wrong in [
            "",
            "urn:carnet:blake3:12",
            "http://x",
            "urn:carnet:blake3:é",
        ] {
            assert_eq!(hash_in_url(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_name_is_a_uuid_of_version_8_and_global() {
        for text in ["a", "b", "c", "d"] {
            let url = full_url_of(&hash_of(text.as_bytes()));
            let digits: Vec<char> = url.trim_start_matches("urn:uuid:").chars().collect();
            assert_eq!((digits.len(), digits[14]), (36, '8'), "{url}");
            assert!(['8', '9', 'a', 'b'].contains(&digits[19]), "{url}");
            let context = Context {
                kind: "DocumentReference",
                id: None,
                issuer: "",
                full_url: Some(&url),
            };
            assert!(matches!(context.identity(), Identity::Global(_)));
        }
    }

    #[test]
    fn the_same_bytes_give_the_same_resource_and_other_bytes_another() {
        let described = Described::plain("application/pdf");
        let one = document_reference(&hash_of(b"one"), 3, &described).unwrap();
        assert_eq!(
            one,
            document_reference(&hash_of(b"one"), 3, &described).unwrap()
        );
        let two = document_reference(&hash_of(b"two"), 3, &described).unwrap();
        assert_ne!(one.resource.id, two.resource.id);
    }

    #[test]
    fn the_row_shows_title_and_date() {
        let described = Described {
            media_type: "application/pdf",
            title: Some("Compte rendu".to_owned()),
            created: Some("2021-03".to_owned()),
            kind: None,
        };
        let draft = document_reference(&hash_of(b"x"), 1, &described).unwrap();
        let row = draft.resource.row;
        assert_eq!(row.display.as_deref(), Some("Compte rendu"));
        assert_eq!(row.when.as_deref(), Some("2021-03"));
    }

    #[test]
    fn a_title_is_one_clean_line() {
        assert_eq!(
            clean_title("  a\u{1b}[2J\n b\0 ").as_deref(),
            Some("a [2J b")
        );
        assert_eq!(clean_title(" \n\t"), None);
        assert_eq!(clean_title(&"é".repeat(999)).unwrap().chars().count(), 200);
    }
}
