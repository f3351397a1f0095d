//! The vault: the engine's only door. Opens and locks the encrypted store of one device, writes changes, reads views, syncs.

mod types;

pub use types::*;

use crate::error::VaultError;
use crate::host::{Clock, KeyStore, Transport};
use crate::record::ids::{EntryId, ResourceId};
use carnet_wire::RecordId;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the platform lends to a vault.
#[derive(Clone)]
pub struct Host {
    /// Guards the database key.
    pub key_store: Arc<dyn KeyStore>,
    /// For what people read.
    pub clock: Arc<dyn Clock>,
    /// The network.
    pub transport: Arc<dyn Transport>,
}

/// The encrypted store of one device.
pub struct Vault {}

type VaultResult<T> = Result<T, VaultError>;
const UNFINISHED: VaultError = VaultError::Bug("unfinished");

impl Vault {
    /// Creates a vault in an empty or missing folder, with the account of its person and their record.
    pub fn create(
        _folder: &Path,
        _host: Host,
        _device_name: &str,
        _person: &str,
        _birth_date: Option<&str>,
    ) -> VaultResult<Self> {
        Err(UNFINISHED)
    }
    /// Creates the vault of a new phone by joining an account: `announce` gets the code to show; waits until the other
    /// phone has completed it, `wait` at most.
    pub fn join(
        _folder: &Path,
        _host: Host,
        _device_name: &str,
        _relay: &str,
        _wait: Duration,
        _announce: &mut dyn FnMut(&str),
    ) -> VaultResult<Self> {
        Err(UNFINISHED)
    }
    /// Opens an existing vault.
    pub fn open(_folder: &Path, _host: Host) -> VaultResult<Self> {
        Err(UNFINISHED)
    }
    /// What opening noticed.
    pub fn warnings(&self) -> Vec<OpenWarning> {
        Vec::new()
    }
    /// Forgets the keys; every call answers `Locked` until [`Vault::unlock`].
    pub fn lock(&self) -> VaultResult<()> {
        Err(UNFINISHED)
    }
    /// Opens the database again with the platform's key.
    pub fn unlock(&self) -> VaultResult<()> {
        Err(UNFINISHED)
    }
    /// Whether the vault is locked.
    pub fn is_locked(&self) -> bool {
        true
    }
    /// The persons whose records this vault holds, in the order they were added.
    pub fn persons(&self) -> VaultResult<Vec<Person>> {
        Err(UNFINISHED)
    }
    /// Adds a person and their record.
    pub fn add_person(&self, _name: &str, _birth_date: Option<&str>) -> VaultResult<Person> {
        Err(UNFINISHED)
    }
    /// Imports files, or every file below folders, into a person's record. A second import of the same file adds nothing.
    pub fn import(
        &self,
        _record: RecordId,
        _paths: &[PathBuf],
        _observer: Option<&dyn Observer>,
    ) -> VaultResult<ImportReport> {
        Err(UNFINISHED)
    }
    /// Rows, newest first; rows without a date last.
    pub fn list(&self, _filter: &Filter) -> VaultResult<Vec<ListRow>> {
        Err(UNFINISHED)
    }
    /// Rows whose words match all words of `text`, best first.
    pub fn search(&self, _text: &str, _filter: &Filter) -> VaultResult<Vec<ListRow>> {
        Err(UNFINISHED)
    }
    /// The one resource whose id begins with `prefix` (at least 4 hexadecimal digits).
    pub fn find(&self, _prefix: &str) -> VaultResult<ResourceId> {
        Err(UNFINISHED)
    }
    /// One resource with provenance, history, notes and corrections.
    pub fn detail(&self, _id: ResourceId) -> VaultResult<Detail> {
        Err(UNFINISHED)
    }
    /// Writes a note about a resource.
    pub fn annotate(&self, _on: ResourceId, _text: &str) -> VaultResult<EntryId> {
        Err(UNFINISHED)
    }
    /// Puts a value beside the source's: `field` is `display`, `when`, `value`, `unit`, `status`, or a FHIR element path.
    pub fn correct(&self, _on: ResourceId, _field: &str, _value: &str) -> VaultResult<()> {
        Err(UNFINISHED)
    }
    /// Same-field conflicts that nobody has resolved yet.
    pub fn conflicts(&self) -> VaultResult<Vec<Conflict>> {
        Err(UNFINISHED)
    }
    /// Counts, of one person or all.
    pub fn stats(&self, _record: Option<RecordId>) -> VaultResult<Stats> {
        Err(UNFINISHED)
    }
    /// Writes a person's current resources.
    pub fn export(
        &self,
        _record: RecordId,
        _format: ExportFormat,
        _out: &mut dyn Write,
    ) -> VaultResult<u64> {
        Err(UNFINISHED)
    }
    /// The person's devices.
    pub fn devices(&self) -> VaultResult<Vec<Device>> {
        Err(UNFINISHED)
    }
    /// Completes the code shown by a new phone ([`Vault::join`]) and returns the new device.
    pub fn pair(&self, _code: &str) -> VaultResult<Device> {
        Err(UNFINISHED)
    }
    /// The relay this vault syncs with, once one was named.
    pub fn relay(&self) -> VaultResult<Option<String>> {
        Err(UNFINISHED)
    }
    /// Pushes and pulls with `relay` (remembered; the remembered one when none is given) until all is exchanged or the
    /// deadline has passed.
    pub fn sync(
        &self,
        _relay: Option<&str>,
        _deadline: Option<Duration>,
        _observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        Err(UNFINISHED)
    }
    /// Checks the database, every chain and every attachment; with `rebuild`, recomputes every view and compares.
    pub fn verify(&self, _rebuild: bool) -> VaultResult<VerifyReport> {
        Err(UNFINISHED)
    }
    /// A digest of every view and every head: equal on devices that hold the same changes (INV-1).
    pub fn fingerprint(&self) -> VaultResult<[u8; 32]> {
        Err(UNFINISHED)
    }
}
