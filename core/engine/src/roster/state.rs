//! What the fold comes to: accounts with their devices, records with their members and epochs.

use super::SignedOperations;
use super::operation::{DEVICES, KEYRING, ROSTER};
use crate::seal::{DeviceCard, DeviceKind, EpochGrant};
use carnet_wire::{AccountId, ChangeId, CompartmentId, DeviceId, EpochId, RecordId};
use std::collections::{BTreeMap, BTreeSet};

/// Why a change counts for nothing. It is kept, shown, and judged again when more is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It names changes that are not here yet.
    PastIncomplete,
    /// It says something this build does not understand.
    Unknown,
    /// It founds an account or record that is not the hash of the founding, or another device signed it.
    NotTheFounder,
    /// Its author had no right to it, or not yet.
    NotAuthorised,
    /// It lies in a compartment, or speaks of one, where it does not belong.
    Misplaced,
    /// It contradicts what was settled before.
    Conflicting,
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Everything: reads, writes, decides who else may.
    Owner,
}

/// A device as its account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    /// Its keys and name.
    pub card: DeviceCard,
    /// The changes that brought it in.
    pub(super) causes: Vec<ChangeId>,
}

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// Its X-Wing public key.
    pub kem: Vec<u8>,
    /// Its devices.
    pub devices: BTreeMap<DeviceId, KnownDevice>,
    /// The records it takes part in, with the epochs of their rosters; only its own devices see them.
    pub records: BTreeMap<RecordId, Vec<EpochGrant>>,
}

/// A member of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose account.
    pub account: AccountId,
    /// The account's X-Wing public key.
    pub kem: Vec<u8>,
    /// What they may do.
    pub role: Role,
    /// Order of joining as owner; the founder is 0.
    pub rank: u32,
    /// The device that founded the record: known even where the account's own log is not.
    pub founding_device: Option<DeviceId>,
    pub(super) causes: Vec<ChangeId>,
}

/// An epoch that was minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintedEpoch {
    /// The compartment's name.
    pub name: String,
    /// The epochs it follows.
    pub parents: Vec<EpochId>,
    /// The changes that minted it or wrapped it again.
    pub changes: Vec<ChangeId>,
}

/// A record as its roster describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownRecord {
    /// Its members, by rank.
    pub members: Vec<Member>,
    /// Its epochs. An id may stand here with different parents, because only who holds its secrets can tell which are true.
    pub epochs: BTreeMap<CompartmentId, BTreeMap<EpochId, Vec<MintedEpoch>>>,
}

/// Who belongs where and may do what: the fold of signed operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    pub(super) accounts: BTreeMap<AccountId, KnownAccount>,
    pub(super) records: BTreeMap<RecordId, KnownRecord>,
    pub(super) heads: Vec<ChangeId>,
    pub(super) refused: Vec<(ChangeId, Refusal)>,
}

impl Roster {
    /// An account, if its founding is known.
    pub fn account(&self, account: AccountId) -> Option<&KnownAccount> {
        self.accounts.get(&account)
    }

    /// A record, if its founding is known.
    pub fn record(&self, record: RecordId) -> Option<&KnownRecord> {
        self.records.get(&record)
    }

    /// All accounts.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &KnownAccount)> {
        self.accounts.iter().map(|(id, account)| (*id, account))
    }

    /// All records.
    pub fn records(&self) -> impl Iterator<Item = (RecordId, &KnownRecord)> {
        self.records.iter().map(|(id, record)| (*id, record))
    }

    /// A device of an account.
    pub fn device(&self, account: AccountId, device: DeviceId) -> Option<&KnownDevice> {
        self.account(account)?.devices.get(&device)
    }

    /// The epochs of a compartment that no other follows, sorted. More than one after concurrent mints.
    pub fn epoch_heads(&self, record: RecordId, compartment: CompartmentId) -> Vec<EpochId> {
        let Some(epochs) = self
            .record(record)
            .and_then(|known| known.epochs.get(&compartment))
        else {
            return Vec::new();
        };
        let parents = epochs.values().flatten().flat_map(|minted| &minted.parents);
        let followed: BTreeSet<&EpochId> = parents.collect();
        epochs
            .keys()
            .filter(|id| !followed.contains(id))
            .copied()
            .collect()
    }

    /// Whether a reader accepts what `device` writes in `compartment`, as far as this roster knows. A compartment it knows
    /// nothing of is written by nobody.
    pub fn may_write(&self, device: DeviceId, compartment: CompartmentId) -> bool {
        let own = self.accounts().any(|(account, known)| {
            let record = RecordId(account.0);
            let is_devices = compartment == CompartmentId::derive(record, DEVICES);
            let is_keyring = compartment == CompartmentId::derive(record, KEYRING);
            known.devices.get(&device).is_some_and(|known| {
                is_devices || is_keyring && known.card.kind == DeviceKind::Phone
            })
        });
        own || self.records().any(|(record, known)| {
            let here = known.epochs.contains_key(&compartment)
                || compartment == CompartmentId::derive(record, ROSTER);
            here && known
                .members
                .iter()
                .any(|member| self.is_writer(member, device))
        })
    }

    fn is_writer(&self, member: &Member, device: DeviceId) -> bool {
        let Role::Owner = member.role;
        let phone = |known: &KnownDevice| known.card.kind == DeviceKind::Phone;
        member.founding_device == Some(device)
            || self.device(member.account, device).is_some_and(phone)
    }

    /// The frontier to name in a header: accepted changes that nothing accepted came after, sorted. More
    /// than [`carnet_wire::limits::MAX_FRONTIER`] concurrent ones do not fit in a header: name the first that do.
    pub fn heads(&self) -> Vec<ChangeId> {
        self.heads.clone()
    }

    /// Changes that count for nothing, sorted, and why.
    pub fn refused(&self) -> &[(ChangeId, Refusal)] {
        &self.refused
    }

    pub(super) fn found_account(
        &mut self,
        change: &SignedOperations,
        account: AccountId,
        kem: &[u8],
        device: &DeviceCard,
    ) -> Result<(), Refusal> {
        self.accounts
            .entry(account)
            .or_insert_with(|| KnownAccount {
                kem: kem.to_vec(),
                devices: BTreeMap::new(),
                records: BTreeMap::new(),
            });
        self.add_device(change, account, device)
    }

    /// Adds a device, or another cause to one that is there: two devices may add the same third one without knowing of
    /// each other, and whoever saw either must be able to rely on it.
    pub(super) fn add_device(
        &mut self,
        change: &SignedOperations,
        account: AccountId,
        card: &DeviceCard,
    ) -> Result<(), Refusal> {
        let known = self
            .accounts
            .get_mut(&account)
            .ok_or(Refusal::NotAuthorised)?;
        let device = known.devices.entry(card.id).or_insert_with(|| KnownDevice {
            card: card.clone(),
            causes: Vec::new(),
        });
        // The name is only shown; keys and kind decide.
        if device.card.kem != card.kem || device.card.kind != card.kind {
            return Err(Refusal::Conflicting);
        }
        device.causes.push(change.id);
        Ok(())
    }

    pub(super) fn rename_device(&mut self, account: AccountId, device: DeviceId, name: &str) {
        let account = self.accounts.get_mut(&account);
        if let Some(known) = account.and_then(|known| known.devices.get_mut(&device)) {
            name.clone_into(&mut known.card.name);
        }
    }

    pub(super) fn know_record(&mut self, account: AccountId, record: RecordId, grant: &EpochGrant) {
        let Some(known) = self.accounts.get_mut(&account) else {
            return;
        };
        let grants = known.records.entry(record).or_default();
        if !grants.contains(grant) {
            grants.push(grant.clone());
        }
    }

    pub(super) fn found_record(
        &mut self,
        change: &SignedOperations,
        account: AccountId,
        kem: &[u8],
        device: &DeviceCard,
    ) -> Result<(), Refusal> {
        let record = self.records.entry(change.record).or_default();
        if let Some(founder) = record.members.first_mut() {
            founder.causes.push(change.id);
            return Ok(());
        }
        record.members.push(Member {
            account,
            kem: kem.to_vec(),
            role: Role::Owner,
            rank: 0,
            founding_device: Some(device.id),
            causes: vec![change.id],
        });
        Ok(())
    }

    pub(super) fn minted(
        &self,
        record: RecordId,
        compartment: CompartmentId,
    ) -> impl Iterator<Item = (EpochId, &MintedEpoch)> {
        let epochs = self
            .record(record)
            .and_then(|known| known.epochs.get(&compartment));
        epochs
            .into_iter()
            .flatten()
            .flat_map(|(id, all)| all.iter().map(|minted| (*id, minted)))
    }

    pub(super) fn mint_epoch(
        &mut self,
        change: &SignedOperations,
        compartment: CompartmentId,
        name: &str,
        epoch: EpochId,
        parents: &[EpochId],
    ) {
        let Some(record) = self.records.get_mut(&change.record) else {
            return;
        };
        let same = record
            .epochs
            .entry(compartment)
            .or_default()
            .entry(epoch)
            .or_default();
        if let Some(minted) = same.iter_mut().find(|minted| minted.parents == parents) {
            minted.changes.push(change.id);
            return;
        }
        same.push(MintedEpoch {
            name: name.to_owned(),
            parents: parents.to_vec(),
            changes: vec![change.id],
        });
    }
}
