//! The door to documents: what they are, and their bytes as they came.

use crate::record::ids::ResourceId;
use crate::vault::{DocumentBytes, DocumentRow, Filter, Vault, VaultResult, documents};
use std::io::Write;

impl Vault {
    /// The documents of one person or all, newest first. Of the filter the kind is not asked.
    pub fn documents(&self, filter: &Filter) -> VaultResult<Vec<DocumentRow>> {
        Ok(documents::documents(&*self.unlocked()?, filter)?)
    }

    /// The document a resource names, else the one it was read from; none for what came as FHIR.
    pub fn document_of(&self, id: ResourceId) -> VaultResult<Option<DocumentBytes>> {
        Ok(documents::document_of(&*self.unlocked()?, id)?)
    }

    /// Writes the bytes of the document that a resource leads to, byte for byte, and returns how many. They are all right only
    /// when it returns `Ok`.
    pub fn write_document(&self, id: ResourceId, out: &mut dyn Write) -> VaultResult<u64> {
        Ok(documents::write_document(&*self.unlocked()?, id, out)?)
    }
}
