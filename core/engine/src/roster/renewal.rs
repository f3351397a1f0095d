//! Which keys are out of date: somebody has them who must not, because they were drawn, or handed over, by somebody who did not
//! know of a removal. Asked of the fold, so that every device of a person, and every owner, comes to the same answer.
//!
//! * **The account's key** is outdated while a device that was removed may have it: the removal does not lie in the past of the
//!   change that drew the key. The same of an epoch of the account's own logs.
//! * **An epoch of a record** is outdated when somebody has a part of it who is not entitled any more, or whose part was made by
//!   somebody who did not know of a device they lost since: that device opens the part.
//! * A device of an account whose key is outdated mints nothing until the account has another.

use super::keys::Recipient;
use super::order::Place;
use super::state::{KnownAccount, KnownRecord, MintedEpoch, Roster};
use crate::seal::{DeviceCard, DeviceKind};
use carnet_wire::{AccountId, ChangeId, CompartmentId, DeviceId, EpochId, RecordId};
use std::collections::{BTreeMap, BTreeSet};

impl Roster {
    /// Whether a device that was removed may have the account's key.
    pub fn is_account_outdated(&self, account: AccountId) -> bool {
        let Some(known) = self.account(account) else {
            return false;
        };
        let drawn = known.keys.iter();
        let drawn = drawn.filter(|key| key.generation == known.generation && key.kem == known.kem);
        let first = drawn.map(|key| key.place).min();
        !first.is_some_and(|place| self.knows_removals(known, place))
    }

    /// Whether a device that was removed may have an epoch of one of the account's own logs. The first epochs, which no
    /// operation names, are known to every device there was.
    pub fn is_account_epoch_outdated(&self, account: AccountId, epoch: EpochId) -> bool {
        let Some(known) = self.account(account) else {
            return false;
        };
        let minted = known.epochs.values().filter_map(|of| of.get(&epoch));
        let mut changes = minted.flatten().flat_map(|minted| &minted.changes);
        match changes.next().and_then(|first| self.history.place(*first)) {
            Some(place) => !self.knows_removals(known, place),
            None => !known.removed.is_empty(),
        }
    }

    fn knows_removals(&self, known: &KnownAccount, place: Place) -> bool {
        let past = self.history.past(place);
        let mut removed = known.removed.values();
        removed.all(|device| past.holds_any(&device.removals))
    }

    /// Whether somebody has the secrets of an epoch of a record who is not entitled to them, or whose lost phone has.
    pub fn is_outdated(
        &self,
        record: RecordId,
        compartment: CompartmentId,
        epoch: EpochId,
    ) -> bool {
        let Some(known) = self.record(record) else {
            return false;
        };
        let of_epoch = known.epochs.get(&compartment);
        let minted = of_epoch.and_then(|epochs| epochs.get(&epoch));
        let mut minted = minted.into_iter().flatten();
        minted.any(|minted| self.is_held_by_others(known, minted))
    }

    fn is_held_by_others(&self, known: &KnownRecord, minted: &MintedEpoch) -> bool {
        let entitled: BTreeSet<AccountId> = known
            .entitled(&minted.name)
            .map(|member| member.account)
            .collect();
        let mut parts = minted.recipients.iter();
        parts.any(|(account, change)| {
            !entitled.contains(account) || self.is_open_to_a_lost_phone(known, *account, *change)
        })
    }

    /// Whether an account's part in an epoch was made without knowing of a device that the record was told to be lost.
    fn is_open_to_a_lost_phone(
        &self,
        known: &KnownRecord,
        account: AccountId,
        part: ChangeId,
    ) -> bool {
        let Some(past) = self
            .history
            .place(part)
            .map(|place| self.history.past(place))
        else {
            return true;
        };
        let mut lost: BTreeMap<DeviceId, bool> = BTreeMap::new();
        for (device, place) in known.cuts_of(account) {
            *lost.entry(device).or_default() |= past.holds(place);
        }
        lost.values().any(|knew| !knew)
    }

    /// Whom to wrap an epoch of a compartment to. Only keys that the account's own log vouches for are here: a member
    /// whose log has not come gets their part later.
    pub fn recipients(&self, record: RecordId, name: &str) -> Vec<Recipient> {
        let members = self.record(record).into_iter();
        let members = members.flat_map(|known| known.entitled(name));
        let vouched = members.filter_map(|member| {
            Some(Recipient {
                account: member.account,
                kem: self.account(member.account)?.kem.clone(),
                role: member.role,
            })
        });
        vouched.collect()
    }
}

impl KnownAccount {
    /// The phones, and the kits, that count.
    pub fn live(&self, kind: DeviceKind) -> impl Iterator<Item = &DeviceCard> {
        let cards = self.devices.values().map(|device| &device.card);
        cards.filter(move |card| card.kind == kind)
    }
}
