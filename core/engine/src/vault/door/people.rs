//! The door to devices and members: pairing, invitations, roles, removals.

use crate::error::Result;
use crate::record::ids::ResourceId;
use crate::roster::Act;
use crate::store::moving;
use crate::vault::{
    Access, AccessLog, Beyond, Compartment, Device, Founding, Invitation, Member, Observer,
    Removal, Vault, VaultResult, access, compartments, duties, history, invitations, keyring,
    members, pairing, secrets,
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

    /// The compartments of a record that this person has, by name.
    pub fn compartments(&self, record: RecordId) -> VaultResult<Vec<Compartment>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| compartments::compartments(conn, &keyring, record))?)
    }

    /// The compartments an item lies in: one, unless it was moved to two at once.
    pub fn compartments_of(&self, on: ResourceId) -> VaultResult<Vec<String>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        let logs = open.store.read(|conn| moving::logs_with(conn, on))?;
        let names = logs.into_iter().filter_map(|log| keyring.place_of(log));
        Ok(names.map(|(_, name)| name.to_owned()).collect())
    }

    /// Adds a compartment. Its name is read by every member; what is in it only by those who have all compartments, or are
    /// given this one.
    pub fn add_compartment(&self, record: RecordId, name: &str) -> VaultResult<()> {
        self.say(|tx, keyring| compartments::add(tx, keyring, record, name))
    }

    /// Moves an item, with its notes and documents, to another compartment of its record: at their next sync it is gone for
    /// members who do not have that one. What they had read cannot be taken back.
    pub fn move_item(&self, on: ResourceId, compartment: &str) -> VaultResult<()> {
        let now = self.host.clock.now();
        Ok(secrets::move_item(
            &*self.unlocked()?,
            now,
            on,
            compartment,
        )?)
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
        duties::check_until(access, self.host.clock.now())?;
        let act = Act::Granted {
            account,
            access: access.clone(),
        };
        self.say_and_note(record, act, |tx, keyring| {
            members::change_access(tx, keyring, record, account, access)
        })
    }

    /// Removes a member, or leaves. Show it as done only when [`Removal::is_done`].
    pub fn remove_member(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        let act = Act::Removed { account };
        self.say_and_note(record, act, |tx, keyring| {
            members::remove(tx, keyring, record, account)
        })
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
        let account = self.unlocked()?.keyring()?.account;
        self.say_and_note(record, Act::TookOver { account }, |tx, keyring| {
            members::accept_founding(tx, keyring, record)
        })
    }

    /// Who the founder's place was offered to.
    pub fn founding(&self, record: RecordId) -> VaultResult<Founding> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| members::founding(conn, &keyring, record))?)
    }

    /// The access log of a record, checked. Whoever wants later checks to miss what is cut off its end calls
    /// [`Vault::remember_access_log`].
    pub fn access_log(&self, record: RecordId) -> VaultResult<AccessLog> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| access::read(conn, &keyring, record))?)
    }

    /// Writes into the access log that a person's data was given to somebody who is no member: for whoever exported a file and
    /// sends it. `to` is how people call them, at most 256 bytes of it.
    pub fn note_handover(&self, record: RecordId, to: &str) -> VaultResult<()> {
        Ok(access::note_handover(&*self.unlocked()?, record, to)?)
    }

    /// Notes on this device how far the access log has come, where nobody touched it.
    pub fn remember_access_log(&self, record: RecordId) -> VaultResult<()> {
        let open = self.unlocked()?;
        Ok(open.write(|tx| access::remember(tx, &*open.keyring_in(tx)?, record))?)
    }

    /// The same as [`Self::say`], with a line in the access log: by who can still write one, so before somebody leaves.
    fn say_and_note(
        &self,
        record: RecordId,
        act: Act,
        work: impl FnOnce(&Transaction<'_>, &keyring::Keyring) -> Result<keyring::Keyring>,
    ) -> VaultResult<()> {
        let now = self.host.clock.now();
        self.say(|tx, keyring| {
            let leaves = matches!(act, Act::Removed { account } if account == keyring.account);
            if leaves {
                access::note(tx, keyring, (record, keyring::GENERAL), now, act)?;
                return work(tx, keyring);
            }
            let after = work(tx, keyring)?;
            access::note(tx, &after, (record, keyring::GENERAL), now, act)?;
            Ok(after)
        })
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
