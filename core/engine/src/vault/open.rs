//! Opening: the database key through the platform's key store, the database, the rollback anchor; and the other way, how
//! a vault comes into being so that a kill leaves either none or a whole one.
//!
//! ```text
//! folder/vault.key        the database key, wrapped by the platform      written first, to a temporary name, then renamed
//! folder/vault.db         appears with its first content, or not at all
//! folder/vault.joining    a new phone that has not been added yet: nothing here is the only copy of anything
//! ```

use super::keyring::{self, Keyring};
use super::{Host, OpenWarning};
use crate::error::{Error, Result};
use crate::host::{Clock, KeyStore};
use crate::seal;
use crate::store::Store;
use crate::store::anchor::{Anchor, AnchorPace};
use crate::store::log::{self, FindingKind, Found};
use crate::store::meta::{self, VaultId};
use rusqlite::{Connection, Transaction};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use zeroize::Zeroizing;

const KEY_FILE: &str = "vault.key";
const DATABASE_FILE: &str = "vault.db";
const JOINING_FILE: &str = "vault.joining";
const ATTACHMENTS_FOLDER: &str = "attachments";
/// A wrapped key is some hundred bytes; more is not one.
const MAX_WRAPPED_KEY_BYTES: u64 = 64 << 10;

/// An unlocked vault: dropping it forgets the keys.
pub struct Unlocked {
    /// The database and the attachment files.
    pub store: Store,
    /// The key of the database.
    pub database_key: Zeroizing<[u8; 32]>,
    /// For what people read.
    pub clock: Arc<dyn Clock>,
    key_store: Arc<dyn KeyStore>,
    keyring: Mutex<Option<Arc<Keyring>>>,
    pace: Mutex<AnchorPace>,
}

impl Unlocked {
    /// Makes a vault whose first content `fill` writes, all or nothing. The folder must be vacant ([`check_vacant`]).
    pub fn create(
        folder: &Path,
        host: &Host,
        fill: impl FnOnce(&Transaction<'_>, &[u8; 32]) -> Result<()>,
    ) -> Result<Self> {
        let key = Zeroizing::new(seal::make_random::<32>()?);
        let wrapped = host.key_store.wrap(&key)?;
        fs::create_dir_all(folder)?;
        write_durably(folder, KEY_FILE, &wrapped)?;
        let store = Store::create_with(folder, &key, |tx| fill(tx, &key))?;
        let open = Self::around(store, key, host);
        let (vault, writes) = open.position()?;
        open.store_anchor(vault, writes)?;
        Ok(open)
    }

    /// Opens a vault and compares it with its anchor.
    pub fn open(folder: &Path, host: &Host) -> Result<(Self, Vec<OpenWarning>)> {
        if folder.join(JOINING_FILE).exists() {
            return Err(Error::Pairing(
                "this phone has not finished joining: start again with a new code",
            ));
        }
        let wrapped = read_wrapped(folder)?;
        let key = host.key_store.unwrap(&wrapped)?;
        let open = Self::around(Store::open(folder, &key)?, key, host);
        let warning = open.check_anchor()?;
        Ok((open, warning.into_iter().collect()))
    }

    fn around(store: Store, database_key: Zeroizing<[u8; 32]>, host: &Host) -> Self {
        Self {
            store,
            database_key,
            clock: host.clock.clone(),
            key_store: host.key_store.clone(),
            keyring: Mutex::new(None),
            pace: Mutex::new(AnchorPace::new(0)),
        }
    }

    /// One durable write; the anchor follows from time to time.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writes = 0;
        let value = self.store.write(|tx| {
            writes = meta::writes(tx)? + 1;
            work(tx)
        })?;
        let due = self
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .due(writes);
        if due {
            self.anchor()?;
        }
        Ok(value)
    }

    /// Stores the anchor if the database has moved since.
    pub fn anchor(&self) -> Result<()> {
        let (vault, writes) = self.position()?;
        let behind = self
            .pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .behind(writes);
        if behind {
            self.store_anchor(vault, writes)
        } else {
            Ok(())
        }
    }

    fn position(&self) -> Result<(VaultId, u64)> {
        self.store
            .read(|conn| Ok((meta::vault_id(conn)?, meta::writes(conn)?)))
    }

    fn store_anchor(&self, vault: VaultId, writes: u64) -> Result<()> {
        let anchor = self.store.anchor_key().derive_anchor(vault, writes);
        if self.key_store.store_anchor(&vault.to_string(), &anchor)? != anchor {
            return Err(Error::Host(
                "the platform did not keep what protects the vault against old copies",
            ));
        }
        self.pace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stored(writes);
        Ok(())
    }

    /// A database older than its anchor goes on under a new incarnation: its old chains may have been continued elsewhere.
    fn check_anchor(&self) -> Result<Option<OpenWarning>> {
        let (vault, writes) = self.position()?;
        let stored = self.key_store.load_anchor(&vault.to_string())?;
        let warning = match self
            .store
            .anchor_key()
            .check(vault, writes, stored.as_deref())
        {
            Anchor::Valid => return Ok(None),
            Anchor::Missing | Anchor::Forged => OpenWarning::AnchorMissing,
            Anchor::RolledBack => OpenWarning::RolledBack,
        };
        self.store.write(|tx| {
            keyring::begin_incarnation(tx)?;
            if warning == OpenWarning::RolledBack {
                let device = Keyring::load(tx, &self.database_key)?.author.device;
                let found = Found::of_device(FindingKind::DeviceRestored, device);
                log::open_finding(tx, &found, self.clock.now())?;
            }
            Ok(())
        })?;
        let (vault, writes) = self.position()?;
        self.store_anchor(vault, writes)?;
        Ok(Some(warning))
    }

    /// The keys and rosters as of now.
    pub fn keyring(&self) -> Result<Arc<Keyring>> {
        self.store.read(|conn| self.keyring_in(conn))
    }

    /// The keys and rosters as a transaction sees them. Call it before the transaction writes operations of its own.
    pub fn keyring_in(&self, conn: &Connection) -> Result<Arc<Keyring>> {
        let version = keyring::operations_merged(conn)?;
        let mut cached = self.keyring.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keyring) = cached.as_ref().filter(|keyring| keyring.version == version) {
            return Ok(keyring.clone());
        }
        let keyring = match cached.as_ref() {
            Some(older) => older.reload(conn, &self.database_key)?,
            None => Keyring::load(conn, &self.database_key)?,
        };
        let keyring = Arc::new(keyring);
        *cached = Some(keyring.clone());
        Ok(keyring)
    }
}

impl Drop for Unlocked {
    /// A vault that is merely dropped keeps its anchor as fresh as it can; failing only lets the anchor lag.
    fn drop(&mut self) {
        let _ = self.anchor();
    }
}

/// Refuses a folder that holds a vault. What a join left unfinished is cleared away: it never held anything of its own.
pub fn check_vacant(folder: &Path) -> Result<()> {
    if folder.join(JOINING_FILE).exists() {
        return clear_unfinished(folder);
    }
    if folder.join(DATABASE_FILE).exists() {
        return Err(Error::Invalid(
            "this folder already holds a vault: choose another",
        ));
    }
    Ok(())
}

/// The marker goes last: a kill in between leaves a folder that is still known to be unfinished.
fn clear_unfinished(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name == ATTACHMENTS_FOLDER {
            fs::remove_dir_all(&path)?;
        } else if name.starts_with("vault.") && name != JOINING_FILE {
            fs::remove_file(&path)?;
        }
    }
    sync_folder(folder)?;
    fs::remove_file(folder.join(JOINING_FILE))?;
    sync_folder(folder)
}

/// Marks a folder as that of a phone that is joining. Looks again whether it is vacant: minutes have passed, and what is
/// marked is cleared away by the next attempt.
pub fn begin_joining(folder: &Path) -> Result<JoiningMarker> {
    check_vacant(folder)?;
    fs::create_dir_all(folder)?;
    write_durably(folder, JOINING_FILE, b"")?;
    Ok(JoiningMarker {
        folder: folder.to_owned(),
    })
}

/// The mark of a join that is under way.
pub struct JoiningMarker {
    folder: PathBuf,
}

impl JoiningMarker {
    /// The phone was added: from now on this is a vault.
    pub fn end(self) -> Result<()> {
        fs::remove_file(self.folder.join(JOINING_FILE))?;
        sync_folder(&self.folder)
    }
}

fn read_wrapped(folder: &Path) -> Result<Vec<u8>> {
    let path = folder.join(KEY_FILE);
    match fs::metadata(&path) {
        Ok(file) if file.len() <= MAX_WRAPPED_KEY_BYTES => Ok(fs::read(path)?),
        Ok(_) => Err(Error::Corrupt("the file of the wrapped key")),
        Err(error)
            if error.kind() == std::io::ErrorKind::NotFound
                && folder.join(DATABASE_FILE).exists() =>
        {
            Err(Error::Corrupt("the file of the wrapped key is missing"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::NotFound("a vault in this folder"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes a file so that a kill leaves the old one or the new one.
fn write_durably(folder: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    let temporary = folder.join(format!("{name}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, folder.join(name))?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<()> {
    Ok(File::open(folder)?.sync_all()?)
}
