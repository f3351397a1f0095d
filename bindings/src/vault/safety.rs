//! When a phone is gone, and before: recovery kits and lost devices.

use super::Vault;
use crate::cancel::{Cancel, ProgressObserver, Watcher};
use crate::error::Result;
use crate::host::{KeyStore, Transport, host};
use crate::types::RecoverySheet;
use carnet::vault::{Kit, LostDevice};
use carnet_wire::DeviceId;
use std::path::PathBuf;
use std::sync::Arc;

#[uniffi::export]
impl Vault {
    /// Makes the vault of a blank phone from the 24 words of a recovery kit, or the text of its QR. Words do not say which relay
    /// to ask, the QR does. When it returns, the records are there.
    #[uniffi::constructor]
    #[allow(clippy::too_many_arguments)]
    pub async fn recover(
        folder: PathBuf,
        keys: Arc<dyn KeyStore>,
        network: Option<Arc<dyn Transport>>,
        device_name: String,
        kit: String,
        relay: Option<String>,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<Arc<Self>> {
        let watcher = Watcher::new(cancel, observer);
        super::opened(move || {
            let host = host(keys, network)?;
            let relay = relay.as_deref();
            carnet::Vault::recover(&folder, host, &device_name, &kit, relay, Some(&watcher))
        })
        .await
    }

    /// Makes a recovery kit and returns what is to be printed. It opens the account once a sync made it `ready`.
    pub async fn make_kit(&self, name: String, relay: Option<String>) -> Result<RecoverySheet> {
        self.call(move |vault| Ok(vault.make_kit(&name, relay.as_deref())?.into()))
            .await
    }

    /// The recovery kits of the account.
    pub async fn kits(&self) -> Result<Vec<Kit>> {
        self.call(|vault| vault.kits()).await
    }

    /// Which kit these 24 words, or this text of a QR, are of: the yearly check.
    pub async fn check_kit(&self, text: String) -> Result<Kit> {
        self.call(move |vault| vault.check_kit(&text)).await
    }

    /// Removes a device or a kit of this person that was lost or given away. Sync at once, and show it as removed only when
    /// `lost_devices` says that it is sent and known.
    pub async fn remove_device(&self, device: DeviceId) -> Result<()> {
        self.call(move |vault| vault.remove_device(device)).await
    }

    /// The devices of this person that were removed, and how far that is known.
    pub async fn lost_devices(&self) -> Result<Vec<LostDevice>> {
        self.call(|vault| vault.lost_devices()).await
    }
}
