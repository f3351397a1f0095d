//! The app's key store.
//!
//! What could go wrong, and what is done: it wraps rubbish and the vault could never be opened again → every wrap is unwrapped
//! and compared before a vault is made with it. It never returns → the call ends after [`PATIENCE`]; its thread is lost, the
//! vault is not. It returns too much or too little → `HostFailed`. It throws → what it threw if that was a `HostException`, else
//! `HostFailed`.

use super::log::report;
use crate::error::HostError;
use carnet::host::{self, HostError as EngineError};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long a key store may take: somebody may have to find the finger that unlocks it.
const PATIENCE: Duration = Duration::from_secs(60);
/// A wrapped key is some hundred bytes, an anchor fewer than a hundred; more is neither.
const MAX_ANSWER_BYTES: usize = 64 << 10;

/// Guards the key of the vault's database with a key of the phone's hardware (Android Keystore, Keychain with Secure Enclave),
/// and keeps a few bytes outside the vault's folder. Called from threads of this library, possibly several at once. Not called
/// again for a call that it has not answered within a minute.
#[uniffi::export(foreign)]
pub trait KeyStore: Send + Sync {
    /// Wraps the 32-byte database key so that only this phone unwraps it. The result is kept in the vault's folder.
    fn wrap(&self, key: Vec<u8>) -> Result<Vec<u8>, HostError>;
    /// Unwraps what `wrap` returned. `Locked` before the first unlock since boot, `KeyLost` when the hardware key is gone.
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, HostError>;
    /// The anchor of the vault named `vault` (64 hexadecimal digits), if one was stored.
    fn load_anchor(&self, vault: String) -> Result<Option<Vec<u8>>, HostError>;
    /// Stores the anchor durably and returns what reading it again gives.
    fn store_anchor(&self, vault: String, anchor: Vec<u8>) -> Result<Vec<u8>, HostError>;
}

/// A key store that is asked from a thread of its own and checked.
pub struct DistrustedKeyStore {
    store: Arc<dyn KeyStore>,
    patience: Duration,
}

impl DistrustedKeyStore {
    /// Asks `store`.
    pub fn new(store: Arc<dyn KeyStore>) -> Self {
        Self::with_patience(store, PATIENCE)
    }

    pub(super) fn with_patience(store: Arc<dyn KeyStore>, patience: Duration) -> Self {
        Self { store, patience }
    }

    fn ask<T: Send + 'static>(
        &self,
        question: &'static str,
        work: impl FnOnce(&dyn KeyStore) -> Result<T, HostError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (sender, receiver) = sync_channel(1);
        let store = self.store.clone();
        thread::Builder::new()
            .name("carnet-keys".into())
            .spawn(move || sender.send(work(&*store)))
            .map_err(|_| EngineError::Failed)?;
        // No answer: it is late, or its thread panicked because the answer was not of the type that was asked for.
        let answer = receiver
            .recv_timeout(self.patience)
            .unwrap_or(Err(HostError::Failed));
        if answer.is_err() {
            report(question);
        }
        Ok(answer?)
    }

    fn unwrap_key(&self, wrapped: Vec<u8>) -> Result<Zeroizing<[u8; 32]>, EngineError> {
        let key = Zeroizing::new(self.ask("the key store did not unwrap", move |store| {
            store.unwrap(wrapped)
        })?);
        let key: [u8; 32] = key.as_slice().try_into().map_err(|_| EngineError::Failed)?;
        Ok(Zeroizing::new(key))
    }
}

impl host::KeyStore for DistrustedKeyStore {
    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, EngineError> {
        let copy = key.to_vec();
        let wrapped = self.ask("the key store did not wrap", move |store| store.wrap(copy))?;
        let opens = wrapped.len() <= MAX_ANSWER_BYTES && *self.unwrap_key(wrapped.clone())? == *key;
        opens.then_some(wrapped).ok_or(EngineError::Failed)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, EngineError> {
        self.unwrap_key(wrapped.to_vec())
    }

    fn load_anchor(&self, vault: &str) -> Result<Option<Vec<u8>>, EngineError> {
        let vault = vault.to_owned();
        let anchor = self.ask("the key store did not load", move |store| {
            store.load_anchor(vault)
        })?;
        let fits = anchor
            .as_ref()
            .is_none_or(|anchor| anchor.len() <= MAX_ANSWER_BYTES);
        fits.then_some(anchor).ok_or(EngineError::Failed)
    }

    fn store_anchor(&self, vault: &str, anchor: &[u8]) -> Result<Vec<u8>, EngineError> {
        let (vault, anchor) = (vault.to_owned(), anchor.to_vec());
        self.ask("the key store did not store", move |store| {
            store.store_anchor(vault, anchor)
        })
    }
}
