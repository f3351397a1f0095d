//! The door to what a record holds: importing, reading, writing about it, handing it over.

use super::read_relay;
use crate::handover::FhirWriter;
use crate::record::ids::{EntryId, ResourceId};
use crate::store::{self, detail, log, meta, views};
use crate::vault::{
    Conflict, Detail, ExportFormat, Filter, ImportOptions, ImportReport, ListRow, NewEdit,
    Observer, Stats, Vault, VaultResult, archive, edit, import,
};
use carnet_wire::RecordId;
use std::io::Write;
use std::path::PathBuf;

impl Vault {
    /// Imports files, zips, or every file below folders, into a person's record. A second import of the same bytes adds nothing.
    /// What is not understood is kept as a document; a document about somebody else is held back with a question.
    pub fn import(
        &self,
        record: RecordId,
        paths: &[PathBuf],
        observer: Option<&dyn Observer>,
    ) -> VaultResult<ImportReport> {
        self.import_with(record, paths, &ImportOptions::default(), observer)
    }

    /// Imports files, told beforehand what to do with documents about somebody else.
    pub fn import_with(
        &self,
        record: RecordId,
        paths: &[PathBuf],
        options: &ImportOptions,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<ImportReport> {
        Ok(import::import(
            &*self.unlocked()?,
            &*self.host.clock,
            record,
            paths,
            options,
            observer,
        )?)
    }

    /// Rows, newest first; rows without a date last.
    pub fn list(&self, filter: &Filter) -> VaultResult<Vec<ListRow>> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| views::list(conn, filter))?)
    }

    /// Rows whose words match all words of `text`, best first.
    pub fn search(&self, text: &str, filter: &Filter) -> VaultResult<Vec<ListRow>> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| views::search(conn, text, filter))?)
    }

    /// The one resource whose id begins with `prefix` (at least 4 hexadecimal digits).
    pub fn find(&self, prefix: &str) -> VaultResult<ResourceId> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| views::find_prefix(conn, prefix))?)
    }

    /// One resource with provenance, history, notes and corrections.
    pub fn detail(&self, id: ResourceId) -> VaultResult<Detail> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| detail::detail(conn, id))?)
    }

    /// Writes a note about a resource.
    pub fn annotate(&self, on: ResourceId, text: &str) -> VaultResult<EntryId> {
        Ok(edit::annotate(
            &*self.unlocked()?,
            self.host.clock.now(),
            on,
            text,
        )?)
    }

    /// Puts a value beside the source's: `field` is `display`, `when`, `value`, `unit`, `status`, or a FHIR element path.
    pub fn correct(&self, on: ResourceId, field: &str, value: &str) -> VaultResult<()> {
        Ok(edit::correct(
            &*self.unlocked()?,
            self.host.clock.now(),
            on,
            field,
            value,
        )?)
    }

    /// Same-field conflicts that nobody has resolved yet.
    pub fn conflicts(&self) -> VaultResult<Vec<Conflict>> {
        Ok(self.unlocked()?.store.read(detail::conflicts)?)
    }

    /// Counts, of one person or all.
    pub fn stats(&self, record: Option<RecordId>) -> VaultResult<Stats> {
        let open = self.unlocked()?;
        let mut stats = open.store.read(|conn| {
            let relay = read_relay(conn)?;
            let mut stats = views::stats(conn, record)?;
            stats.unsent = log::unsent_count(conn, relay.as_deref())?;
            stats.quarantined = log::held_counts(conn)?.iter().map(|(_, count)| count).sum();
            Ok(stats)
        })?;
        stats.bytes_on_disk = open.store.bytes_on_disk()?;
        Ok(stats)
    }

    /// How often this vault was written, by any process: when it has grown, what is shown may be out of date.
    pub fn writes(&self) -> VaultResult<u64> {
        Ok(self.unlocked()?.store.read(meta::writes)?)
    }

    /// Writes a person's current resources, original text byte for byte, and returns how many; an archive holds the bytes of
    /// documents too.
    pub fn export(
        &self,
        record: RecordId,
        format: ExportFormat,
        out: &mut dyn Write,
    ) -> VaultResult<u64> {
        let open = self.unlocked()?;
        if format == ExportFormat::Archive {
            return Ok(archive::write(&open, record, out)?);
        }
        Ok(open.store.read(|conn| {
            let mut writer = FhirWriter::begin(out, format)?;
            store::each_current_text(conn, record, |text, full_url| {
                writer.resource(text, full_url)
            })?;
            writer.end()
        })?)
    }

    /// Writes many notes and corrections, all or none. Those of one place travel together, up to a hundred in one envelope; the
    /// name of a note stands at its place in the answer.
    pub fn edit_all(&self, edits: &[NewEdit]) -> VaultResult<Vec<Option<EntryId>>> {
        let now = self.host.clock.now();
        Ok(edit::edit_all(&*self.unlocked()?, now, edits)?)
    }
}
