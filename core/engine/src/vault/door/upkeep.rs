//! The door to the vault's own condition: what is missing or wrong, checks, and making it smaller.

use crate::store::{log, rebuild};
use crate::vault::brake::Brake;
use crate::vault::{
    CompactReport, Finding, History, Observer, Vault, VaultError, VaultResult, VerifyReport,
    history, snapshot, verify,
};
use carnet_wire::RecordId;

impl Vault {
    /// What was found wrong with what came, open findings first: what is missing, from whose device, since when.
    pub fn findings(&self) -> VaultResult<Vec<Finding>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        let found = open.store.read(|conn| history::findings(conn, &keyring))?;
        Ok(found.into_iter().map(|(_, finding)| finding).collect())
    }

    /// The chains of one person or all: what each device wrote, when it was last heard of, what waits and why.
    pub fn history(&self, record: Option<RecordId>) -> VaultResult<History> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| history::history(conn, &keyring, record))?)
    }

    /// Checks the database, every chain and every attachment; with `rebuild`, recomputes every view and compares.
    pub fn verify(&self, rebuild: bool) -> VaultResult<VerifyReport> {
        Ok(verify::verify(&*self.unlocked()?, rebuild)?)
    }

    /// A digest of every view and every head: equal on devices that hold the same changes (INV-1).
    pub fn fingerprint(&self) -> VaultResult<[u8; 32]> {
        Ok(self.unlocked()?.store.read(rebuild::fingerprint)?)
    }

    /// The digests [`Vault::fingerprint`] is made of, with the names of their views: they tell where two devices differ.
    pub fn fingerprints(&self) -> VaultResult<Vec<(&'static str, [u8; 32])>> {
        Ok(self.unlocked()?.store.read(rebuild::fingerprints)?)
    }

    /// Makes a snapshot of every compartment of a record that has grown since its last one. The next sync sends it; once
    /// another device has it, what it replaces goes from here and from the relay. `Cancelled` where the observer said stop: the
    /// next call goes on with the pieces that were made.
    pub fn compact(
        &self,
        record: RecordId,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<CompactReport> {
        let open = self.unlocked()?;
        let now = self.host.clock.now();
        let logs = open.store.read(|conn| {
            let data = snapshot::data_logs(conn)?;
            let all = log::logs(conn)?.into_iter();
            let of_record = all.filter(|log| log.record == record && data.contains(&log.number));
            Ok(of_record.map(|log| log.number).collect::<Vec<_>>())
        })?;
        let mut total = CompactReport::default();
        let brake = Brake::new(None, observer);
        for log in logs {
            let how = (snapshot::Reuse::Anywhere, false);
            match snapshot::make(&open, log, how, now, &brake)? {
                snapshot::Making::Made(report) => total += report,
                snapshot::Making::Nothing => {}
                snapshot::Making::Stopped => return Err(VaultError::Cancelled),
            }
        }
        Ok(total)
    }
}
