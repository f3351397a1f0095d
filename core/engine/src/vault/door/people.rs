//! The door to devices and members: pairing, invitations, roles, removals.

use crate::error::Result;
use crate::vault::{
    Access, Beyond, Device, Invitation, Member, Observer, Removal, Vault, VaultResult, history,
    invitations, keyring, members, pairing,
};
use carnet_wire::{AccountId, DeviceId, RecordId};
use rusqlite::Transaction;
use zeroize::Zeroizing;

impl Vault {
    /// The person's devices.
    pub fn devices(&self) -> VaultResult<Vec<Device>> {
        Ok(self.unlocked()?.keyring()?.devices())
    }

    /// Completes the code shown by a new phone ([`Vault::join`]) and returns the new device.
    pub fn pair(&self, code: &str) -> VaultResult<Device> {
        Ok(pairing::introduce(
            &*self.unlocked()?,
            &*self.host.transport,
            code,
        )?)
    }

    /// Gives a device of the person another name, which all devices will show.
    pub fn rename_device(&self, device: DeviceId, name: &str) -> VaultResult<()> {
        Ok(history::rename_device(&*self.unlocked()?, device, name)?)
    }

    /// The members of a record, the founder first.
    pub fn members(&self, record: RecordId) -> VaultResult<Vec<Member>> {
        Ok(members::members(&*self.unlocked()?.keyring()?, record)?)
    }

    /// Invites somebody to a record: returns the link to send them, which works once and for a week. `name` is how this person
    /// calls themselves. The next syncs with `relay` (the remembered one when none is given) do the rest.
    pub fn invite(
        &self,
        record: RecordId,
        access: &Access,
        name: &str,
        relay: Option<&str>,
    ) -> VaultResult<Zeroizing<String>> {
        let open = self.unlocked()?;
        let relay = self.named_relay(relay)?;
        Ok(open.write(|tx| invitations::invite(tx, &open, record, (access, name, &relay)))?)
    }

    /// Takes an invitation, and exchanges with its relay what the other side needs to let this person in. Returns the invitation's
    /// name in [`Vault::invitations`]; the next syncs with that relay do the rest.
    pub fn accept_invitation(
        &self,
        code: &str,
        name: &str,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<[u8; 32]> {
        let open = self.unlocked()?;
        let relay = crate::seal::invitation::InvitationCode::from_text(code)?
            .relay
            .clone();
        let id = open.write(|tx| invitations::accept(tx, &open, code, name))?;
        self.sync(Some(&relay), None, observer)?;
        Ok(id)
    }

    /// Invitations under way, on either side, and those that ended and were not dismissed.
    pub fn invitations(&self) -> VaultResult<Vec<Invitation>> {
        let open = self.unlocked()?;
        Ok(open
            .store
            .read(|conn| invitations::invitations(conn, &open))?)
    }

    /// Forgets an invitation. Nobody is removed by that.
    pub fn dismiss_invitation(&self, id: &[u8; 32]) -> VaultResult<()> {
        Ok(self.unlocked()?.write(|tx| invitations::dismiss(tx, id))?)
    }

    /// Gives a member another role, other compartments or another last day.
    pub fn change_access(
        &self,
        record: RecordId,
        account: AccountId,
        access: &Access,
    ) -> VaultResult<()> {
        self.say(|tx, keyring| members::change_access(tx, keyring, record, account, access))
    }

    /// Removes a member, or leaves. Show it as done only when [`Removal::is_done`].
    pub fn remove_member(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        self.say(|tx, keyring| members::remove(tx, keyring, record, account))
    }

    /// Removals of members, and how far they are known.
    pub fn removals(&self, record: RecordId) -> VaultResult<Vec<Removal>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| members::removals(conn, &keyring, record))?)
    }

    /// What waits for an owner of a record: written by somebody whose right to write had ended.
    pub fn beyond(&self, record: RecordId) -> VaultResult<Vec<Beyond>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| members::beyond(conn, &keyring, record))?)
    }

    /// Takes what waits of a device into the record, for everybody.
    pub fn adopt(&self, record: RecordId, device: DeviceId) -> VaultResult<()> {
        self.say(|tx, keyring| members::adopt(tx, keyring, record, device))?;
        self.merge_inbox(None, None)?;
        Ok(())
    }

    /// Says that the words were compared with a member and are the same.
    pub fn verify_member(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        self.say(|tx, keyring| members::verify(tx, keyring, record, account))
    }

    /// Offers the founder's place to a member. It cannot be taken back.
    pub fn offer_founding(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        self.say(|tx, keyring| members::offer_founding(tx, keyring, record, account))
    }

    /// Accepts the founder's place that was offered.
    pub fn accept_founding(&self, record: RecordId) -> VaultResult<()> {
        self.say(|tx, keyring| members::accept_founding(tx, keyring, record))
    }

    /// Says something about members, whole or not at all.
    pub(super) fn say(
        &self,
        work: impl FnOnce(&Transaction<'_>, &keyring::Keyring) -> Result<keyring::Keyring>,
    ) -> VaultResult<()> {
        let open = self.unlocked()?;
        Ok(open.write(|tx| {
            let keyring = open.keyring_in(tx)?;
            work(tx, &keyring).map(drop)
        })?)
    }
}
