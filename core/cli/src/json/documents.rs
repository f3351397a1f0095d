//! Documents as programs see them.

use super::row;
use crate::language::Language;
use carnet::vault::{DocumentBytes, DocumentRow};
use serde_json::{Value, json};

/// The bytes of a document.
pub fn bytes(bytes: &DocumentBytes) -> Value {
    json!({
        "id": bytes.id.to_string(),
        "media_type": bytes.media_type,
        "size": bytes.size,
        "here": bytes.here,
    })
}

/// Documents; `bytes` is null where the record has none.
pub fn documents(documents: &[DocumentRow], language: Language) -> Value {
    let one = |document: &DocumentRow| {
        json!({
            "row": row(&document.row, language),
            "bytes": document.bytes.as_ref().map(bytes),
        })
    };
    documents.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet::record::ids::AttachmentId;

    #[test]
    fn bytes_have_their_keys_and_none_are_null() {
        let some = DocumentRow {
            row: super::super::tests::row(),
            bytes: Some(DocumentBytes {
                id: AttachmentId([1; 16]),
                media_type: "application/pdf".to_owned(),
                size: 12,
                here: false,
            }),
        };
        let none = DocumentRow {
            bytes: None,
            ..some.clone()
        };
        let value = documents(&[some, none], Language::Fr);
        assert_eq!(
            value[0]["bytes"].to_string(),
            format!(
                r#"{{"id":"{}","media_type":"application/pdf","size":12,"here":false}}"#,
                "01".repeat(16)
            )
        );
        assert!(value[1]["bytes"].is_null());
        assert_eq!(value[1]["row"]["code"], "1988-5");
    }
}
