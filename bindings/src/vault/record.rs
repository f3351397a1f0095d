//! What a record holds: importing, reading, writing about it, handing it over.

use super::Vault;
use super::file::write_new;
use crate::cancel::{Cancel, ProgressObserver};
use crate::error::Result;
use carnet::record::ids::{EntryId, ResourceId};
use carnet::vault::{
    Conflict, Detail, ExportFormat, Filter, ImportOptions, ImportReport, ListRow, NewEdit, Stats,
};
use carnet_wire::RecordId;
use std::path::PathBuf;
use std::sync::Arc;

#[uniffi::export]
impl Vault {
    /// Imports files, or every file below folders, into a person's record. A second import of the same file adds nothing.
    pub async fn import_files(
        &self,
        record: RecordId,
        paths: Vec<PathBuf>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<ImportReport> {
        self.long(cancel, observer, move |vault, watcher| {
            vault.import(record, &paths, Some(watcher))
        })
        .await
    }

    /// Imports files as `import_files` does, told beforehand what to do with documents about somebody else.
    pub async fn import_with(
        &self,
        record: RecordId,
        paths: Vec<PathBuf>,
        options: ImportOptions,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<ImportReport> {
        self.long(cancel, observer, move |vault, watcher| {
            vault.import_with(record, &paths, &options, Some(watcher))
        })
        .await
    }

    /// Rows, newest first; rows without a date last.
    pub async fn list(&self, filter: Filter) -> Result<Vec<ListRow>> {
        self.call(move |vault| vault.list(&filter)).await
    }

    /// Rows whose words match all words of `text`, best first.
    pub async fn search(&self, text: String, filter: Filter) -> Result<Vec<ListRow>> {
        self.call(move |vault| vault.search(&text, &filter)).await
    }

    /// The one resource whose id begins with `prefix` (at least 4 hexadecimal digits).
    pub async fn find(&self, prefix: String) -> Result<ResourceId> {
        self.call(move |vault| vault.find(&prefix)).await
    }

    /// One resource with provenance, history, notes and corrections.
    pub async fn detail(&self, id: ResourceId) -> Result<Detail> {
        self.call(move |vault| vault.detail(id)).await
    }

    /// Writes a note about a resource.
    pub async fn annotate(&self, on: ResourceId, text: String) -> Result<EntryId> {
        self.call(move |vault| vault.annotate(on, &text)).await
    }

    /// Puts a value beside the source's: `field` is `display`, `when`, `value`, `unit`, `status`, or a FHIR element path.
    pub async fn correct(&self, on: ResourceId, field: String, value: String) -> Result<()> {
        self.call(move |vault| vault.correct(on, &field, &value))
            .await
    }

    /// Writes many notes and corrections, all or none; the name of a note stands at its place in the answer.
    pub async fn edit_all(&self, edits: Vec<NewEdit>) -> Result<Vec<Option<EntryId>>> {
        self.call(move |vault| vault.edit_all(&edits)).await
    }

    /// Same-field conflicts that nobody has resolved yet.
    pub async fn conflicts(&self) -> Result<Vec<Conflict>> {
        self.call(|vault| vault.conflicts()).await
    }

    /// Counts, of one person or all.
    pub async fn stats(&self, record: Option<RecordId>) -> Result<Stats> {
        self.call(move |vault| vault.stats(record)).await
    }

    /// Writes a person's current resources to a new file, original text byte for byte, and returns how many. The file is not
    /// encrypted: it is what the person hands to somebody.
    pub async fn export_file(
        &self,
        record: RecordId,
        format: ExportFormat,
        path: PathBuf,
    ) -> Result<u64> {
        self.call(move |vault| write_new(&path, |out| vault.export(record, format, out)))
            .await
    }
}
