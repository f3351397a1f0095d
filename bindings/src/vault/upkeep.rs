//! The vault's own condition: what is missing or wrong, checks, and making it smaller.

use super::Vault;
use crate::cancel::{Cancel, ProgressObserver};
use crate::error::Result;
use carnet::vault::{CompactReport, Finding, History, VerifyReport};
use carnet_wire::RecordId;
use std::sync::Arc;

#[uniffi::export]
impl Vault {
    /// What was found wrong with what came, open findings first.
    pub async fn findings(&self) -> Result<Vec<Finding>> {
        self.call(|vault| vault.findings()).await
    }

    /// What each device wrote, when it was last heard of, what waits and why; of one person or all.
    pub async fn history(&self, record: Option<RecordId>) -> Result<History> {
        self.call(move |vault| vault.history(record)).await
    }

    /// Checks the database, every chain and every attachment; with `rebuild`, recomputes every view and compares.
    pub async fn verify(&self, rebuild: bool) -> Result<VerifyReport> {
        self.call(move |vault| vault.verify(rebuild)).await
    }

    /// A digest of every view and every head: equal on phones that hold the same changes.
    pub async fn fingerprint(&self) -> Result<Vec<u8>> {
        self.call(|vault| Ok(vault.fingerprint()?.to_vec())).await
    }

    /// Makes a snapshot of what has grown in a record since its last one.
    pub async fn compact(
        &self,
        record: RecordId,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<CompactReport> {
        self.long(cancel, observer, move |vault, watcher| {
            vault.compact(record, Some(watcher))
        })
        .await
    }
}
