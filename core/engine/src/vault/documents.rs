//! Documents and their bytes: which ones a resource leads to, and writing them out as they came.
//!
//! A DocumentReference names its bytes in `content.attachment.url` ([`document::url_of`]); everything that was read from a
//! document which is not FHIR has the document's hash as its origin. Both lead to a sealed attachment of the record, of which
//! there may be several copies: two phones that import one document seal it twice.

use super::open::Unlocked;
use crate::error::{Error, Result};
use crate::record::ids::{AttachmentId, ResourceId};
use crate::record::json::{self, Object};
use crate::record::view::{Filter, ListRow};
use crate::seal;
use crate::source::document;
use crate::store::{self, StoredDocument, detail, views};
use carnet_wire::RecordId;
use std::io::Write;

const NOT_HERE: &str = "the bytes of this document: sync to fetch them";
const NO_DOCUMENT: &str = "a document of this item: it came as FHIR, and its original text is what `show --original` prints";

/// A document as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// Its DocumentReference.
    pub row: ListRow,
    /// Its bytes, where the DocumentReference leads to bytes of this record.
    pub bytes: Option<DocumentBytes>,
}

/// The bytes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentBytes {
    /// Names them in their record.
    pub id: AttachmentId,
    /// Media type.
    pub media_type: String,
    /// How many there are.
    pub size: u64,
    /// Whether they are on this device; otherwise a sync fetches them.
    pub here: bool,
}

/// The documents of one person or all, newest first.
pub fn documents(open: &Unlocked, filter: &Filter) -> Result<Vec<DocumentRow>> {
    let filter = Filter {
        kind: Some("DocumentReference".to_owned()),
        ..filter.clone()
    };
    let rows = open.store.read(|conn| views::list(conn, &filter))?;
    rows.into_iter()
        .map(|row| {
            let bytes = find(open, row.id)?;
            let bytes = bytes.map(|found| found.described(open)).transpose()?;
            Ok(DocumentRow { row, bytes })
        })
        .collect()
}

/// The document a resource names, else the one it was read from; none for what came as FHIR.
pub fn document_of(open: &Unlocked, id: ResourceId) -> Result<Option<DocumentBytes>> {
    let found = find(open, id)?;
    found.map(|found| found.described(open)).transpose()
}

/// Writes the bytes of the document that a resource leads to, and returns how many. They are all right only when it returns
/// `Ok`: whoever writes a file throws it away on an error.
pub fn write_document(open: &Unlocked, id: ResourceId, out: &mut dyn Write) -> Result<u64> {
    let found = find(open, id)?.ok_or(Error::NotFound(NO_DOCUMENT))?;
    write_copy(open, &found.copies, out)
}

/// Writes the first copy whose sealed bytes are on this device.
pub fn write_copy(open: &Unlocked, copies: &[StoredDocument], out: &mut dyn Write) -> Result<u64> {
    for copy in copies {
        let mut file = match open.store.attachments().open_file(copy.blob) {
            Err(Error::NotFound(_)) => continue,
            file => file?,
        };
        return seal::open_attachment(&copy.key, &mut file, out);
    }
    Err(Error::NotFound(NOT_HERE))
}

struct Found {
    id: AttachmentId,
    copies: Vec<StoredDocument>,
}

impl Found {
    fn described(&self, open: &Unlocked) -> Result<DocumentBytes> {
        let first = self.copies.first().ok_or(Error::NotFound(NO_DOCUMENT))?;
        let attachments = open.store.attachments();
        let mut here = false;
        for copy in &self.copies {
            here |= attachments.size(copy.blob)?.is_some();
        }
        Ok(DocumentBytes {
            id: self.id,
            media_type: first.media_type.clone(),
            size: first.size,
            here,
        })
    }
}

fn find(open: &Unlocked, id: ResourceId) -> Result<Option<Found>> {
    let (text, (record, origin)) = open.store.read(|conn| {
        let text = detail::detail(conn, id)?.original;
        Ok((text, store::original_of(conn, id)?))
    })?;
    let named = json::parse(&text).map(|resource| named_in(&resource));
    let hashes = named.unwrap_or_default().into_iter().chain(origin);
    for hash in hashes {
        let found = copies_of(open, record, &hash)?;
        if !found.copies.is_empty() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn copies_of(open: &Unlocked, record: RecordId, hash: &[u8; 32]) -> Result<Found> {
    let id = AttachmentId(seal::derive_attachment_id(record, hash));
    let store = &open.store;
    let copies = store.read(|conn| store::documents_of(conn, record, id))?;
    Ok(Found { id, copies })
}

/// The hashes of the documents that a resource names, in its order.
fn named_in(resource: &Object<'_>) -> Vec<[u8; 32]> {
    let contents = resource.objects("content");
    let attachments = contents.filter_map(|content| content.object("attachment"));
    let urls = attachments.filter_map(|attachment| attachment.str("url"));
    urls.filter_map(document::hash_in_url).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::vault::VaultError;
    use crate::vault::tests::Phone;

    const PDF: &[u8] = b"%PDF-1.4 a report \0\xff\x80";

    fn import(phone: &Phone, bytes: &[u8]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("any");
        std::fs::write(&path, bytes).unwrap();
        let record = phone.vault.persons().unwrap()[0].record;
        phone.vault.import(record, &[path], None).unwrap();
    }

    #[test]
    fn the_bytes_come_back_as_they_were() {
        let phone = Phone::new();
        import(&phone, PDF);
        let documents = phone.vault.documents(&Filter::default()).unwrap();
        let bytes = documents[0].bytes.as_ref().unwrap();
        assert_eq!(
            (bytes.media_type.as_str(), bytes.size, bytes.here),
            ("application/pdf", PDF.len() as u64, true)
        );
        let mut out = Vec::new();
        let id = documents[0].row.id;
        assert_eq!(
            phone.vault.write_document(id, &mut out).unwrap(),
            PDF.len() as u64
        );
        assert_eq!(out, PDF);
    }

    #[test]
    fn what_came_as_fhir_leads_to_no_document() {
        let phone = Phone::new();
        import(
            &phone,
            br#"{"resourceType":"DocumentReference","id":"d","status":"current","content":[{"attachment":{"url":"Binary/1"}}]}"#,
        );
        let documents = phone.vault.documents(&Filter::default()).unwrap();
        assert_eq!(documents[0].bytes, None);
        let id = documents[0].row.id;
        assert_eq!(phone.vault.document_of(id).unwrap(), None);
        assert_eq!(
            phone.vault.write_document(id, &mut Vec::new()),
            Err(VaultError::NotFound(NO_DOCUMENT))
        );
    }

    #[test]
    fn bytes_that_are_elsewhere_are_said_to_be() {
        let phone = Phone::new();
        import(&phone, PDF);
        let open = phone.vault.unlocked().unwrap();
        let attachments = open.store.attachments();
        for blob in attachments.list().unwrap() {
            attachments.remove(blob).unwrap();
        }
        let documents = phone.vault.documents(&Filter::default()).unwrap();
        assert!(!documents[0].bytes.as_ref().unwrap().here);
        assert_eq!(
            phone
                .vault
                .write_document(documents[0].row.id, &mut Vec::new()),
            Err(VaultError::NotFound(NOT_HERE))
        );
    }
}
