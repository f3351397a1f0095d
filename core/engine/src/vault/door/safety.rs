//! The door to what is done when a phone is gone, and before: lost devices, recovery kits, guardians, emergency cards, and a
//! child who comes of age.

use crate::host::Transport;
use crate::vault::{
    Access, Card, CardChoice, EmergencyPage, GuardianSet, Host, Kit, LostDevice, Observer,
    RecoverySheet, Vault, VaultResult, Ward, coming_of_age, emergency, guardians, lost, recovery,
};
use carnet_wire::{AccountId, DeviceId, RecordId};
use std::path::Path;
use std::time::Duration;

impl Vault {
    /// Removes a device of this person, because it was lost or given away: it gets nothing that is written from now on by
    /// anybody who knows. Sync at once, and show it as removed only when [`LostDevice::is_done`].
    pub fn remove_device(&self, device: DeviceId) -> VaultResult<()> {
        let open = self.unlocked()?;
        Ok(open.write(|tx| lost::remove_device(tx, &open, device))?)
    }

    /// The devices of this person that were removed, and how far that is known.
    pub fn lost_devices(&self) -> VaultResult<Vec<LostDevice>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open.store.read(|conn| lost::lost_devices(conn, &keyring))?)
    }

    /// Makes a recovery kit and returns what is to be printed. It opens the account once a sync has left its letter at the
    /// relay ([`Kit::ready`]).
    pub fn make_kit(&self, name: &str, relay: Option<&str>) -> VaultResult<RecoverySheet> {
        let open = self.unlocked()?;
        let relay = self.named_relay(relay)?;
        Ok(open.write(|tx| recovery::make_kit(tx, &open, name, &relay))?)
    }

    /// The recovery kits of the account.
    pub fn kits(&self) -> VaultResult<Vec<Kit>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open.store.read(|conn| recovery::kits(conn, &keyring))?)
    }

    /// Which kit of the account these 24 words, or this text of a QR, are of: the yearly check.
    pub fn check_kit(&self, text: &str) -> VaultResult<Kit> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| recovery::check_kit(conn, &keyring, text))?)
    }

    /// Makes three members of a record (two needed) or five (three needed) guardians of this account. Returns their kit, which
    /// is a device of the account: removing it ends what they can do.
    pub fn appoint_guardians(
        &self,
        record: RecordId,
        guardians: &[AccountId],
        name: &str,
    ) -> VaultResult<DeviceId> {
        let open = self.unlocked()?;
        Ok(open.write(|tx| guardians::appoint(tx, &open, record, guardians, name))?)
    }

    /// The guardians of this account.
    pub fn guardians(&self) -> VaultResult<Vec<GuardianSet>> {
        Ok(guardians::sets(&*self.unlocked()?.keyring()?))
    }

    /// The persons whose shares this account keeps.
    pub fn wards(&self) -> VaultResult<Vec<Ward>> {
        Ok(guardians::wards(&*self.unlocked()?.keyring()?))
    }

    /// Answers the code of a blank phone with the share kept for a person (the only one when none is named), and returns what
    /// that phone is called. Only after the guardian has made sure, by voice or in person, that it is they who ask.
    pub fn answer_as_guardian(&self, code: &str, ward: Option<AccountId>) -> VaultResult<String> {
        let open = self.unlocked()?;
        Ok(guardians::answer(&open, &*self.host.transport, code, ward)?)
    }

    /// [`Vault::recover`] without words: `announce` gets the code for the guardians; waits until enough have answered, `wait` at
    /// most. An observer that says no ends the wait.
    pub fn recover_with_guardians(
        folder: &Path,
        host: Host,
        device_name: &str,
        relay: &str,
        (wait, observer): (Duration, Option<&dyn Observer>),
        announce: &mut dyn FnMut(&str),
    ) -> VaultResult<Self> {
        Self::check_new(folder, device_name)?;
        let relay = relay.trim_end_matches('/');
        let transport = host.transport.clone();
        let kit = guardians::gather(&*transport, relay, device_name, wait, observer, announce)?;
        Self::recover_with(folder, host, device_name, (&kit, relay), observer)
    }

    /// Makes an emergency card of a person, to be read at `relay` (the remembered one when none is given); the one before is
    /// revoked. The next sync writes it.
    pub fn make_emergency_card(
        &self,
        record: RecordId,
        choice: &CardChoice,
        relay: Option<&str>,
    ) -> VaultResult<()> {
        let open = self.unlocked()?;
        let relay = self.named_relay(relay)?;
        Ok(open.write(|tx| emergency::make_card(tx, &open, record, choice, &relay))?)
    }

    /// The emergency cards of this phone, those being revoked included.
    pub fn emergency_cards(&self) -> VaultResult<Vec<EmergencyPage>> {
        let open = self.unlocked()?;
        Ok(open.store.read(|conn| emergency::cards(conn, &open))?)
    }

    /// A person's card as a file for whoever has the code and no network. Sealed: without the code it says nothing.
    pub fn emergency_file(&self, record: RecordId) -> VaultResult<Vec<u8>> {
        let open = self.unlocked()?;
        Ok(open
            .store
            .read(|conn| emergency::card_file(conn, &open, record))?)
    }

    /// Revokes a person's card: the next sync deletes it at its relay. What was read cannot be taken back.
    pub fn revoke_emergency_card(&self, record: RecordId) -> VaultResult<()> {
        let open = self.unlocked()?;
        Ok(open.write(|tx| emergency::revoke_card(tx, &open, record))?)
    }

    /// Reads a card as somebody who holds its code, without a vault: from a file, else from its relay.
    pub fn read_emergency_card(
        transport: &dyn Transport,
        code: &str,
        file: Option<&[u8]>,
    ) -> VaultResult<Card> {
        Ok(emergency::read_card(transport, code, file)?)
    }

    /// Takes over a record that was offered: this person is its founder from here on, and every other member has what `keep`
    /// says, or nothing. What they have read cannot be taken back.
    pub fn come_of_age(&self, record: RecordId, keep: &[(AccountId, Access)]) -> VaultResult<()> {
        let now = self.host.clock.now();
        self.say(|tx, keyring| coming_of_age::take_over(tx, keyring, now, record, keep))
    }
}
