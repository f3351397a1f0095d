//! Devices and members: pairing, invitations, roles, removals.

use super::Vault;
use crate::cancel::{Cancel, ProgressObserver};
use crate::error::Result;
use crate::ids::Hex32;
use carnet::vault::{Access, Beyond, Device, Invitation, Member, Removal};
use carnet_wire::{AccountId, DeviceId, RecordId};
use std::sync::Arc;

#[uniffi::export]
impl Vault {
    /// The person's devices.
    pub async fn devices(&self) -> Result<Vec<Device>> {
        self.call(|vault| vault.devices()).await
    }

    /// Completes the code that a new phone shows.
    pub async fn pair(&self, code: String) -> Result<Device> {
        self.call(move |vault| vault.pair(&code)).await
    }

    /// Gives a device another name.
    pub async fn rename_device(&self, device: DeviceId, name: String) -> Result<()> {
        self.call(move |vault| vault.rename_device(device, &name))
            .await
    }

    /// The members of a record, the founder first.
    pub async fn members(&self, record: RecordId) -> Result<Vec<Member>> {
        self.call(move |vault| vault.members(record)).await
    }

    /// Invites somebody: returns the link to send them, which works once and for a week. `name` is how this person calls
    /// themselves. The next syncs do the rest.
    pub async fn invite(
        &self,
        record: RecordId,
        access: Access,
        name: String,
        relay: Option<String>,
    ) -> Result<String> {
        self.call(move |vault| {
            let link = vault.invite(record, &access, &name, relay.as_deref())?;
            Ok(link.as_str().to_owned())
        })
        .await
    }

    /// Takes an invitation, by its link. The next syncs with its relay do the rest.
    pub async fn accept_invitation(
        &self,
        link: String,
        name: String,
        cancel: Option<Arc<Cancel>>,
        observer: Option<Arc<dyn ProgressObserver>>,
    ) -> Result<Hex32> {
        self.long(cancel, observer, move |vault, watcher| {
            vault.accept_invitation(&link, &name, Some(watcher))
        })
        .await
    }

    /// Invitations under way, on either side, and those that ended and were not dismissed.
    pub async fn invitations(&self) -> Result<Vec<Invitation>> {
        self.call(|vault| vault.invitations()).await
    }

    /// Forgets an invitation. Nobody is removed by that.
    pub async fn dismiss_invitation(&self, id: Hex32) -> Result<()> {
        self.call(move |vault| vault.dismiss_invitation(&id)).await
    }

    /// Gives a member another role, other compartments or another last day.
    pub async fn change_access(
        &self,
        record: RecordId,
        account: AccountId,
        access: Access,
    ) -> Result<()> {
        self.call(move |vault| vault.change_access(record, account, &access))
            .await
    }

    /// Removes a member, or leaves.
    pub async fn remove_member(&self, record: RecordId, account: AccountId) -> Result<()> {
        self.call(move |vault| vault.remove_member(record, account))
            .await
    }

    /// Removals of members, and how far they are known.
    pub async fn removals(&self, record: RecordId) -> Result<Vec<Removal>> {
        self.call(move |vault| vault.removals(record)).await
    }

    /// What waits for an owner: written by somebody whose right to write had ended.
    pub async fn beyond(&self, record: RecordId) -> Result<Vec<Beyond>> {
        self.call(move |vault| vault.beyond(record)).await
    }

    /// Takes what waits of a device into the record, for everybody.
    pub async fn adopt(&self, record: RecordId, device: DeviceId) -> Result<()> {
        self.call(move |vault| vault.adopt(record, device)).await
    }

    /// Says that the words were compared with a member and are the same.
    pub async fn verify_member(&self, record: RecordId, account: AccountId) -> Result<()> {
        self.call(move |vault| vault.verify_member(record, account))
            .await
    }

    /// Offers the founder's place to a member. It cannot be taken back.
    pub async fn offer_founding(&self, record: RecordId, account: AccountId) -> Result<()> {
        self.call(move |vault| vault.offer_founding(record, account))
            .await
    }

    /// Accepts the founder's place that was offered.
    pub async fn accept_founding(&self, record: RecordId) -> Result<()> {
        self.call(move |vault| vault.accept_founding(record)).await
    }
}
