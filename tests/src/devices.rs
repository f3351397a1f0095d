//! Phones as an app drives them: the engine with a key store in memory and a clock that only moves when told.

use carnet::host::{Clock, HostError, KeyStore, Transport};
use carnet::vault::Host;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// A key store without Argon2: the key is masked, the anchors live in memory. What the platform would keep for one phone.
#[derive(Default)]
pub struct MemoryKeyStore {
    anchors: Mutex<HashMap<String, Vec<u8>>>,
}

impl MemoryKeyStore {
    /// Another platform that keeps the same: for a phone that was copied, vault and all.
    pub fn copy(&self) -> Self {
        let anchors = self.anchors.lock().expect("anchors").clone();
        Self {
            anchors: Mutex::new(anchors),
        }
    }
}

const MASK: u8 = 0x5a;

impl KeyStore for MemoryKeyStore {
    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, HostError> {
        Ok(key.iter().map(|byte| byte ^ MASK).collect())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, HostError> {
        let mut key: [u8; 32] = wrapped.try_into().map_err(|_| HostError::WrongKey)?;
        key.iter_mut().for_each(|byte| *byte ^= MASK);
        Ok(Zeroizing::new(key))
    }

    fn load_anchor(&self, vault: &str) -> Result<Option<Vec<u8>>, HostError> {
        Ok(self.anchors.lock().expect("anchors").get(vault).cloned())
    }

    fn store_anchor(&self, vault: &str, anchor: &[u8]) -> Result<Vec<u8>, HostError> {
        let mut anchors = self.anchors.lock().expect("anchors");
        anchors.insert(vault.to_owned(), anchor.to_vec());
        Ok(anchor.to_vec())
    }
}

/// A key store whose anchors lie in a folder, for vaults that several processes open.
pub struct FolderKeyStore {
    folder: std::path::PathBuf,
}

impl FolderKeyStore {
    /// Keeps anchors in this folder.
    pub fn new(folder: impl Into<std::path::PathBuf>) -> Self {
        let folder = folder.into();
        if !folder.is_dir() {
            std::fs::create_dir_all(&folder).expect("a folder of anchors");
        }
        Self { folder }
    }
}

impl KeyStore for FolderKeyStore {
    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, HostError> {
        MemoryKeyStore::default().wrap(key)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, HostError> {
        MemoryKeyStore::default().unwrap(wrapped)
    }

    fn load_anchor(&self, vault: &str) -> Result<Option<Vec<u8>>, HostError> {
        match std::fs::read(self.folder.join(vault)) {
            Ok(anchor) => Ok(Some(anchor)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(_) => Err(HostError::Failed),
        }
    }

    fn store_anchor(&self, vault: &str, anchor: &[u8]) -> Result<Vec<u8>, HostError> {
        let part = self.folder.join(format!("{vault}.{}", std::process::id()));
        std::fs::write(&part, anchor).map_err(|_| HostError::Failed)?;
        std::fs::rename(&part, self.folder.join(vault)).map_err(|_| HostError::Failed)?;
        Ok(anchor.to_vec())
    }
}

/// A clock that moves one second a look, from where it was set.
pub struct StepClock(AtomicI64);

impl StepClock {
    /// Starts at this time, in milliseconds since 1970.
    pub fn new(start: i64) -> Self {
        Self(AtomicI64::new(start))
    }

    /// Jumps, forward or back.
    pub fn jump(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::Relaxed);
    }
}

impl Clock for StepClock {
    fn now(&self) -> i64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// No network at all.
pub struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, _: carnet::host::HttpRequest) -> Result<carnet::host::HttpResponse, HostError> {
        Err(HostError::Offline)
    }
}

/// 2026-01-01T00:00:00Z.
pub const NEW_YEAR: i64 = 1_767_225_600_000;

/// A host in memory with this network.
pub fn host(transport: Arc<dyn Transport>) -> Host {
    Host {
        key_store: Arc::new(MemoryKeyStore::default()),
        clock: Arc::new(StepClock::new(NEW_YEAR)),
        transport,
    }
}

/// A host whose anchors lie in a folder.
pub fn host_in(folder: &std::path::Path) -> Host {
    Host {
        key_store: Arc::new(FolderKeyStore::new(folder)),
        clock: Arc::new(StepClock::new(NEW_YEAR)),
        transport: Arc::new(NoNetwork),
    }
}
