//! Documents: what they are, and their bytes as they came.

use super::Vault;
use super::file::write_new;
use crate::error::Result;
use carnet::record::ids::ResourceId;
use carnet::vault::{DocumentBytes, DocumentRow, Filter};
use std::path::PathBuf;

#[uniffi::export]
impl Vault {
    /// The documents of one person or all, newest first. Of the filter the kind is not asked.
    pub async fn documents(&self, filter: Filter) -> Result<Vec<DocumentRow>> {
        self.call(move |vault| vault.documents(&filter)).await
    }

    /// The document a resource names, else the one it was read from; none for what came as FHIR.
    pub async fn document_of(&self, id: ResourceId) -> Result<Option<DocumentBytes>> {
        self.call(move |vault| vault.document_of(id)).await
    }

    /// Writes the bytes of the document that a resource leads to to a new file, byte for byte, and returns how many. The file is
    /// not encrypted: show it and delete it.
    pub async fn document_file(&self, id: ResourceId, path: PathBuf) -> Result<u64> {
        self.call(move |vault| write_new(&path, |out| vault.write_document(id, out)))
            .await
    }
}
