//! Accounts: which devices are a person's, and under which key. Judged alone, before any record.
//!
//! 1. A device counts from the change that added it; that change is the **cause** of the device, and whoever acts as the device
//!    must have a cause in their past.
//! 2. Any phone removes any device of its account, itself included: whoever lost a phone has only the other ones. A device that
//!    was removed never comes back under its key, and its operations count only as far as the removal knew them: they lie in
//!    its past, or on a chain up to the number it names.
//! 3. Of two that remove each other without knowing, the **senior** wins: seniority is the order of being added. Removals
//!    are judged from the most senior author to the most junior, and one that was judged stands.
//! 4. A recovery kit adds devices and does nothing else.
//!
//! What this does not settle: a thief who has the keys of a *senior* phone out of its hardware can contest the removal by
//! a junior one, because a set of signatures cannot tell who was first. The other owners of a record then remove the account.

use super::access::Chain;
use super::facts::reach;
use super::operation::{DEVICES, KEYRING, Operation};
use super::order::{Graph, History, Past, Place};
use super::state::{AccountKey, GuardedShare, KnownAccount, KnownDevice, mint};
use super::{Refusal, SignedOperations};
use crate::seal::{DeviceCard, DeviceKind};
use carnet_wire::{AccountId, CompartmentId, DeviceId, EpochId};
use std::collections::{BTreeMap, BTreeSet};

/// A removal that counts.
struct Removal<'a> {
    place: Place,
    device: DeviceId,
    chains: &'a [Chain],
}

pub(super) struct AccountJudge<'a> {
    history: &'a History,
    changes: Vec<(Place, &'a SignedOperations)>,
    account: AccountId,
    devices: BTreeMap<DeviceId, KnownDevice>,
    removals: Vec<Removal<'a>>,
    accepted: BTreeSet<Place>,
}

/// Whether a change lies in one of the two compartments of an account.
pub(super) fn is_of_account(change: &SignedOperations) -> bool {
    [DEVICES, KEYRING]
        .iter()
        .any(|name| change.compartment == CompartmentId::derive(change.record, name))
}

/// Judges the changes of one account. None when its founding is not among them.
pub(super) fn judge<'a>(
    graph: &'a Graph<'a>,
    changes: Vec<(Place, &'a SignedOperations)>,
    account: AccountId,
) -> (Option<KnownAccount>, Vec<(Place, Refusal)>) {
    let mut judge = AccountJudge {
        history: graph.history(),
        changes,
        account,
        devices: BTreeMap::new(),
        removals: Vec::new(),
        accepted: BTreeSet::new(),
    };
    judge.judge_devices();
    judge.finish()
}

impl<'a> AccountJudge<'a> {
    /// From the founder on, the most senior device first: what it adds and removes.
    fn judge_devices(&mut self) {
        for (place, change) in self.changes.clone() {
            if let Some(Operation::FoundAccount { device, .. }) = change.operations.first()
                && self.check_founding(change).is_ok()
            {
                add(&mut self.devices, device, place);
            }
        }
        let mut judged = BTreeSet::new();
        while let Some(device) = self.most_senior(&judged) {
            judged.insert(device);
            let own = self.changes.clone().into_iter();
            for (place, change) in own.filter(|(_, change)| change.author == device) {
                if self.check_change(place, change).is_ok() {
                    self.apply_devices(place, change);
                }
            }
        }
    }

    fn most_senior(&self, judged: &BTreeSet<DeviceId>) -> Option<DeviceId> {
        let left = self.devices.iter().filter(|(id, _)| !judged.contains(id));
        left.min_by_key(|(_, known)| known.causes.iter().min())
            .map(|(id, _)| *id)
    }

    fn apply_devices(&mut self, place: Place, change: &'a SignedOperations) {
        self.accepted.insert(place);
        for operation in &change.operations {
            match operation {
                Operation::AddDevice { device } | Operation::FoundAccount { device, .. } => {
                    add(&mut self.devices, device, place);
                }
                Operation::RemoveDevice { device, chains } => self.removals.push(Removal {
                    place,
                    device: *device,
                    chains,
                }),
                _ => {}
            }
        }
    }

    /// A change counts whole or not at all.
    fn check_change(&self, place: Place, change: &SignedOperations) -> Result<(), Refusal> {
        let past = self.history.past(place);
        for operation in &change.operations {
            self.check_operation(past, change, operation)?;
        }
        let has = |wanted: fn(&Operation) -> bool| change.operations.iter().any(wanted);
        let removes = has(|one| matches!(one, Operation::RemoveDevice { .. }));
        let adds = has(|one| matches!(one, Operation::AddDevice { .. }));
        // A removal stands even where its author is removed later: it must not bring devices along.
        if removes && adds {
            return Err(Refusal::Misplaced);
        }
        let founds = has(|one| matches!(one, Operation::FoundAccount { .. }));
        if founds && self.removed_in(past, change.author) {
            return Err(Refusal::NotAuthorised);
        }
        if !founds {
            let only_adds = !has(|one| !matches!(one, Operation::AddDevice { .. }));
            self.check_author(past, change.author, only_adds)?;
        }
        self.check_frontier(place, change)
    }

    fn check_author(
        &self,
        past: Past<'_>,
        device: DeviceId,
        only_adds: bool,
    ) -> Result<(), Refusal> {
        let known = self.devices.get(&device).ok_or(Refusal::NotAuthorised)?;
        let allowed = only_adds || known.card.kind == DeviceKind::Phone;
        let removed = self.removed_in(past, device);
        if !allowed || removed || !past.holds_any(&known.causes) {
            return Err(Refusal::NotAuthorised);
        }
        Ok(())
    }

    fn removed_in(&self, past: Past<'_>, device: DeviceId) -> bool {
        self.removals
            .iter()
            .any(|removal| removal.device == device && past.holds(removal.place))
    }

    /// Whether every removal of the author knew this change.
    fn check_frontier(&self, place: Place, change: &SignedOperations) -> Result<(), Refusal> {
        let mut removals = self.removals.iter();
        let beyond = removals.any(|removal| {
            removal.device == change.author
                && removal.place != place
                && !self.history.is_before(place, removal.place)
                && !reach(removal.chains, change)
        });
        if beyond {
            return Err(Refusal::Beyond);
        }
        Ok(())
    }

    fn check_operation(
        &self,
        past: Past<'_>,
        change: &SignedOperations,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::FoundAccount { .. } => self.check_founding(change),
            Operation::AddDevice { device } => {
                require_place(change, DEVICES)?;
                self.check_card(past, device)
            }
            Operation::RenameDevice { device, .. } | Operation::RemoveDevice { device, .. } => {
                require_place(change, DEVICES)?;
                let known = self.devices.get(device);
                if !known.is_some_and(|known| past.holds_any(&known.causes)) {
                    return Err(Refusal::NotAuthorised);
                }
                Ok(())
            }
            Operation::RotateAccount { .. } | Operation::Guard { .. } => {
                require_place(change, DEVICES)
            }
            Operation::KnowRecord { .. } => require_place(change, KEYRING),
            Operation::MintEpoch {
                compartment, name, ..
            } => {
                require_place(change, DEVICES)?;
                let own = [DEVICES, KEYRING].contains(&name.as_str());
                if !own || *compartment != CompartmentId::derive(change.record, name) {
                    return Err(Refusal::Misplaced);
                }
                Ok(())
            }
            _ => Err(Refusal::Misplaced),
        }
    }

    /// The id of what is founded is the hash of the founding, so only its own founding can be valid, and only signed by the
    /// device it names.
    fn check_founding(&self, change: &SignedOperations) -> Result<(), Refusal> {
        require_place(change, DEVICES)?;
        let [operation @ Operation::FoundAccount { device, .. }, ..] = change.operations.as_slice()
        else {
            return Err(Refusal::NotTheFounder);
        };
        let hash_is_id = operation.founded_account() == Some(self.account);
        if !hash_is_id || device.id != change.author || device.kind != DeviceKind::Phone {
            return Err(Refusal::NotTheFounder);
        }
        Ok(())
    }

    /// The name is only shown; keys and kind decide. What was removed does not come back.
    fn check_card(&self, past: Past<'_>, card: &DeviceCard) -> Result<(), Refusal> {
        let other = self
            .devices
            .get(&card.id)
            .is_some_and(|known| known.card.kem != card.kem || known.card.kind != card.kind);
        if other || self.removed_in(past, card.id) {
            return Err(Refusal::Conflicting);
        }
        Ok(())
    }

    /// The final state, in order, now that every removal is known. A removal that was judged stands.
    fn finish(self) -> (Option<KnownAccount>, Vec<(Place, Refusal)>) {
        let mut refused = Vec::new();
        let mut last = AccountJudge {
            history: self.history,
            changes: Vec::new(),
            account: self.account,
            devices: BTreeMap::new(),
            removals: self.removals,
            accepted: self.accepted,
        };
        let mut known: Option<KnownAccount> = None;
        for (place, change) in self.changes {
            let removes = change
                .operations
                .iter()
                .any(|operation| matches!(operation, Operation::RemoveDevice { .. }));
            let stands = removes && last.accepted.contains(&place);
            let outcome = if stands {
                Ok(())
            } else {
                last.check_change(place, change)
            };
            match outcome.and_then(|()| last.apply(&mut known, place, change)) {
                Ok(()) => {}
                Err(refusal) => refused.push((place, refusal)),
            }
        }
        let known = known.map(|known| last.with_devices(known));
        (known, refused)
    }

    fn apply(
        &mut self,
        known: &mut Option<KnownAccount>,
        place: Place,
        change: &SignedOperations,
    ) -> Result<(), Refusal> {
        if let (None, Some(Operation::FoundAccount { kem, .. })) =
            (&known, change.operations.first())
        {
            *known = Some(KnownAccount::founded(kem, place));
        }
        let Some(known) = known else {
            return Err(Refusal::NotAuthorised);
        };
        let past = self.history.past(place);
        for operation in &change.operations {
            check_epochs(known, past, operation)?;
        }
        // Two cards of one device in one change.
        let mut devices = self.devices.clone();
        for operation in &change.operations {
            if let Operation::AddDevice { device } | Operation::FoundAccount { device, .. } =
                operation
            {
                self.check_card(past, device)?;
                if !add(&mut devices, device, place) {
                    return Err(Refusal::Conflicting);
                }
            }
        }
        self.devices = devices;
        for operation in &change.operations {
            self.apply_operation(known, place, change, operation);
        }
        Ok(())
    }

    fn apply_operation(
        &mut self,
        known: &mut KnownAccount,
        place: Place,
        change: &SignedOperations,
        operation: &Operation,
    ) {
        match operation {
            Operation::RenameDevice { device, name } => {
                if let Some(device) = self.devices.get_mut(device) {
                    name.clone_into(&mut device.card.name);
                }
            }
            Operation::RotateAccount {
                generation, kem, ..
            } => known.keys.push(AccountKey {
                generation: *generation,
                kem: kem.clone(),
                place,
            }),
            Operation::KnowRecord { record, roster } => {
                let grants = known.records.entry(*record).or_default();
                if !grants.contains(roster) {
                    grants.push(roster.clone());
                }
            }
            Operation::MintEpoch { .. } => mint(&mut known.epochs, change.id, operation),
            Operation::Guard {
                guardian,
                kit,
                sealed,
            } => known.shares.push(GuardedShare {
                guardian: *guardian,
                kit: *kit,
                sealed: sealed.clone(),
            }),
            _ => {}
        }
    }

    fn with_devices(self, mut known: KnownAccount) -> KnownAccount {
        for (id, mut device) in self.devices {
            let removals = self.removals.iter().filter(|one| one.device == id);
            device.removals = removals.map(|removal| removal.place).collect();
            if device.removals.is_empty() {
                known.devices.insert(id, device);
            } else {
                known.removed.insert(id, device);
            }
        }
        known.choose_key();
        known
    }
}

/// Another cause for one that is there: two devices may add the same third one without knowing of each other, and whoever
/// saw either must be able to rely on it. False when its keys differ.
fn add(devices: &mut BTreeMap<DeviceId, KnownDevice>, card: &DeviceCard, place: Place) -> bool {
    let device = devices.entry(card.id).or_insert_with(|| KnownDevice {
        card: card.clone(),
        causes: Vec::new(),
        removals: Vec::new(),
    });
    if device.card.kem != card.kem || device.card.kind != card.kind {
        return false;
    }
    device.causes.push(place);
    true
}

/// A key follows the one before it, or is a generation that is wrapped again; an epoch follows epochs.
fn check_epochs(
    known: &KnownAccount,
    past: Past<'_>,
    operation: &Operation,
) -> Result<(), Refusal> {
    match operation {
        Operation::RotateAccount {
            generation, kem, ..
        } => {
            let mut seen = known.keys.iter().filter(|key| past.holds(key.place));
            let follows = seen.clone().map(|key| key.generation).max() == generation.checked_sub(1);
            let again = seen.any(|key| key.generation == *generation && key.kem == *kem);
            (follows || again).then_some(()).ok_or(Refusal::Conflicting)
        }
        Operation::MintEpoch {
            compartment,
            parents,
            ..
        } => {
            let minted = known.epochs.get(compartment);
            // The first epochs of an account are handed over in a welcome, not minted: a parent may be one of those, of two
            // that were minted at once too.
            let known = |id: &EpochId| {
                minted.is_some_and(|epochs| {
                    let mut all = epochs.values().flatten();
                    epochs.contains_key(id) || all.any(|one| one.parents.contains(id))
                })
            };
            let first = minted.is_none();
            let follows = !parents.is_empty() && (first || parents.iter().all(known));
            follows.then_some(()).ok_or(Refusal::NotAuthorised)
        }
        _ => Ok(()),
    }
}

/// The compartment `name` of the change's record or account.
pub(super) fn require_place(change: &SignedOperations, name: &str) -> Result<(), Refusal> {
    if change.compartment != CompartmentId::derive(change.record, name) {
        return Err(Refusal::Misplaced);
    }
    Ok(())
}
