//! The vault: the engine's only door. Opens and locks the encrypted store of one device, writes changes, reads views, syncs.
//!
//! Rooms behind it do one thing each and know nothing of one another; here they meet. What each file holds:
//! `open` (create, open, lock, the anchor) · `keyring` (keys and rosters while unlocked) · `write` (sign, chain, seal,
//! project) · `verify` · `persons` · `import` · `edit` · `merge` (what comes from another side) · `sync` (one exchange with a
//! relay) with `plan` (what to exchange), `steps` (merging, a quarter of a second at a time), `brake` (deadline and cancel) ·
//! `relays` (several) · `inbox` (sync in the background) · `watch` · `paths` (what other paths share), `reseal` (for whoever
//! sends changes on), `peer` and `meet` (direct exchange), `file` (sync files) · `attachments` (the bytes of documents),
//! `transfers` (the same by the platform), `documents` (which a resource leads to) · `detect` (what is missing or wrong), `heal`
//! (sending it again), `history` (what people see of it) · `pairing` · `members`, `invitations`, `introductions`, `duties`,
//! `rotation`, `closing`, `absorb`, `recheck` (who shares a record, and the keys that follow) · `compartments`, `secrets` (who sees which
//! part) · `access` (the log of who did what) · `news` (the carers' view) · `lost` (a phone is gone), `recovery` (24 words),
//! `guardians`, `emergency` (cards), `coming_of_age` · `series` (samples) · `pull` (sources) · `types`. What can be asked of an
//! open vault stands by subject in `door`.

mod absorb;
mod access;
#[cfg(test)]
mod access_tests;
mod archive;
mod attachments;
mod brake;
mod closing;
#[cfg(test)]
mod closing_tests;
mod coming_of_age;
mod compartments;
#[cfg(test)]
mod deadline_tests;
mod detect;
mod documents;
mod door;
mod duties;
mod edit;
#[cfg(test)]
mod edit_tests;
mod emergency;
#[cfg(test)]
mod emergency_tests;
#[cfg(test)]
mod family_tests;
mod file;
mod guardians;
#[cfg(test)]
mod guardians_tests;
mod heal;
#[cfg(test)]
mod heal_tests;
mod health_connect;
mod history;
mod import;
mod inbox;
mod introductions;
mod invitations;
mod keyring;
mod landmark;
mod lost;
#[cfg(test)]
mod lost_tests;
mod meet;
mod members;
mod merge;
#[cfg(test)]
mod merge_tests;
mod news;
#[cfg(test)]
mod news_tests;
mod open;
mod pairing;
#[cfg(test)]
mod pairing_tests;
mod paths;
mod peer;
mod persons;
mod plan;
mod pull;
mod recheck;
mod recovery;
#[cfg(test)]
mod recovery_tests;
mod relays;
mod rendezvous;
mod reseal;
mod rotation;
mod secrets;
#[cfg(test)]
mod secrets_tests;
mod series;
#[cfg(test)]
mod series_tests;
mod snapshot;
mod steps;
mod sync;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
mod tests;
mod transfers;
#[cfg(test)]
mod transfers_tests;
mod types;
mod verify;
mod watch;
mod write;

pub use crate::record::series::calendar::Every;
pub use crate::record::series::chart::{Chart, ChartSource, Point, Why};
pub use crate::roster::Act as AccessAct;
pub use crate::store::series::{Feed, Reason, Unread};
pub use access::{AccessEntry, AccessLog, AccessProblem};
pub use carnet_wire::stream::Role;
pub use documents::{DocumentBytes, DocumentRow};
pub use health_connect::{fuzz_health_connect, is_health_connect, read_health_connect};
pub use import::{
    Fate, FileReport, ImportOptions, ImportReport, Rejection, SampleCounts, WrongPerson,
};
pub use news::{Heard, News, NewsKind, NewsPiece};
pub use peer::Meeting;
pub use pull::{
    KindOutcome, KindResult, NightscoutServer, PullReport, PullStop, SignIn, SmartServer, Source,
    SourceKind, Standing, WithingsCloud,
};
pub use series::{Ingest, Ingested, MAX_INGEST, SampleRow, Series};
pub use types::*;
pub use watch::WatchEvent;

use crate::error::{Error, Result, VaultError};
use crate::host::{Clock, KeyStore, Transport};
use crate::seal::{DeviceKeys, RecoveryKit};
use open::Unlocked;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
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
pub struct Vault {
    folder: PathBuf,
    host: Host,
    warnings: Vec<OpenWarning>,
    open: RwLock<Option<Arc<Unlocked>>>,
}

type VaultResult<T> = std::result::Result<T, VaultError>;

impl Vault {
    /// Creates a vault in an empty or missing folder, with the account of its person and their record.
    pub fn create(
        folder: &Path,
        host: Host,
        device_name: &str,
        person: &str,
        birth_date: Option<&str>,
    ) -> VaultResult<Self> {
        open::check_vacant(folder)?;
        let device = DeviceKeys::make()?;
        let open = Unlocked::create(folder, &host, |tx, key| {
            persons::found_account(tx, key, &device, device_name)?;
            persons::found_record(tx, key, device_name, person, birth_date, host.clock.now())?;
            Ok(())
        })?;
        Ok(Self::opened(folder, host, open, Vec::new()))
    }

    /// Creates the vault of a new phone by joining an account: `announce` gets the code to show; waits until the other
    /// phone has completed it, `wait` at most. The vault then holds the account; a sync brings the records.
    pub fn join(
        folder: &Path,
        host: Host,
        device_name: &str,
        relay: &str,
        wait: Duration,
        announce: &mut dyn FnMut(&str),
    ) -> VaultResult<Self> {
        persons::check_name(device_name)?;
        open::check_vacant(folder)?;
        let device = DeviceKeys::make()?;
        let transport = host.transport.clone();
        let mut joining =
            pairing::Joining::begin(&*transport, &device, device_name, relay, wait, announce)?;
        let marker = open::begin_joining(folder)?;
        let open = Unlocked::create(folder, &host, |tx, key| {
            pairing::adopt(tx, key, &device, &joining.welcome, relay)
        })?;
        joining.acknowledge()?;
        pairing::wait_until_added(&open, &*transport, relay)?;
        marker.end()?;
        Ok(Self::opened(folder, host, open, Vec::new()))
    }

    /// Creates the vault of a blank phone from the 24 words of a recovery kit, or the text of its QR. The words do not say which
    /// relay to ask; a QR does. When it returns, the phone is one of the account's and has the records.
    pub fn recover(
        folder: &Path,
        host: Host,
        device_name: &str,
        kit: &str,
        relay: Option<&str>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<Self> {
        let (kit, relay) = recovery::read_with_relay(kit, relay)?;
        Self::recover_with(folder, host, device_name, (&kit, &relay), observer)
    }

    /// Refuses what cannot become a vault before anybody is asked for anything.
    fn check_new(folder: &Path, device_name: &str) -> Result<()> {
        persons::check_name(device_name)?;
        open::check_vacant(folder)
    }

    fn recover_with(
        folder: &Path,
        host: Host,
        device_name: &str,
        (kit, relay): (&RecoveryKit, &str),
        observer: Option<&dyn Observer>,
    ) -> VaultResult<Self> {
        Self::check_new(folder, device_name)?;
        let transport = host.transport.clone();
        let letters = recovery::fetch_letters(&*transport, relay, kit)?;
        let device = DeviceKeys::make()?;
        let marker = open::begin_joining(folder)?;
        let open = Unlocked::create(folder, &host, |tx, key| {
            recovery::adopt(tx, key, &device, &letters, relay)
        })?;
        let brake = brake::Brake::new(None, observer);
        recovery::add_itself(&open, &*transport, relay, kit, device_name, &brake)?;
        marker.end()?;
        Ok(Self::opened(folder, host, open, Vec::new()))
    }

    /// Opens an existing vault.
    pub fn open(folder: &Path, host: Host) -> VaultResult<Self> {
        let (open, warnings) = Unlocked::open(folder, &host)?;
        Ok(Self::opened(folder, host, open, warnings))
    }

    fn opened(folder: &Path, host: Host, open: Unlocked, warnings: Vec<OpenWarning>) -> Self {
        Self {
            folder: folder.to_owned(),
            host,
            warnings,
            open: RwLock::new(Some(Arc::new(open))),
        }
    }

    /// What opening noticed.
    pub fn warnings(&self) -> Vec<OpenWarning> {
        self.warnings.clone()
    }

    /// Forgets the keys; every call answers `Locked` until [`Vault::unlock`]. A call that is under way ends first.
    pub fn lock(&self) -> VaultResult<()> {
        let open = self
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        open.map_or(Ok(()), |open| Ok(open.anchor()?))
    }

    /// Opens the database again with the platform's key.
    pub fn unlock(&self) -> VaultResult<()> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(Arc::new(Unlocked::open(&self.folder, &self.host)?.0));
        }
        Ok(())
    }

    /// Whether the vault is locked.
    pub fn is_locked(&self) -> bool {
        self.unlocked().is_err()
    }

    fn unlocked(&self) -> Result<Arc<Unlocked>> {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(Error::Locked)
    }

    /// The persons whose records this vault holds, in the order they were added.
    pub fn persons(&self) -> VaultResult<Vec<Person>> {
        Ok(self.unlocked()?.store.read(persons::persons)?)
    }

    /// Adds a person and their record.
    pub fn add_person(&self, name: &str, birth_date: Option<&str>) -> VaultResult<Person> {
        let open = self.unlocked()?;
        let now = self.host.clock.now();
        Ok(open.write(|tx| {
            let device_name = open.keyring_in(tx)?.device_name();
            persons::found_record(tx, &open.database_key, &device_name, name, birth_date, now)
        })?)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Vault")
    }
}
