//! The fold: from a set of signed operations to who belongs where and may do what. A pure function: the order of the input
//! and repetitions do not matter, no clock, no I/O.
//!
//! How it decides:
//! 1. Changes whose causal past is not complete wait. The others are put in one order: topological, the smallest id first
//!    among those that are ready.
//! 2. Each is judged once, at its place. It is accepted whole or refused whole.
//! 3. Every right is a **fact with its causes**: the accepted changes that gave it. A device may do something only if a cause
//!    lies in the change's own causal past, so nobody profits from a right they did not know of, and nobody can date a
//!    change back to before they had it.
//!
//! Rules that come later fit in here: a removal adds an end to a fact, with causes of its own; rank is the order of joining;
//! a frontier is a set of changes beyond which a device's facts do not reach.

use super::operation::{DEVICES, KEYRING, Operation, ROSTER};
use super::order::{Graph, Place};
use super::{Refusal, Roster, SignedOperations};
use crate::seal::{DeviceCard, DeviceKind};
use carnet_wire::{AccountId, ChangeId, CompartmentId, DeviceId, EpochId};

/// Folds operations of one or more accounts and records into what they mean together.
pub fn fold(changes: &[SignedOperations]) -> Roster {
    let graph = Graph::new(changes);
    let mut roster = Roster::default();
    let waiting = graph.waiting().iter();
    let mut refused: Vec<_> = waiting.map(|id| (*id, Refusal::PastIncomplete)).collect();
    let mut shared = Vec::new();
    for (place, change) in graph.iter() {
        match judge(&mut roster, &graph, place, change) {
            Ok(()) if is_shared(change) => shared.push(place),
            Ok(()) => {}
            Err(refusal) => refused.push((change.id, refusal)),
        }
    }
    refused.sort_unstable();
    roster.refused = refused;
    roster.heads = graph.heads(&shared);
    roster
}

/// Applies a change whole or not at all.
fn judge(
    roster: &mut Roster,
    graph: &Graph<'_>,
    place: Place,
    change: &SignedOperations,
) -> Result<(), Refusal> {
    if change.operations.is_empty() {
        return Err(Refusal::Unknown);
    }
    let past = Past { graph, place };
    if let [operation] = change.operations.as_slice() {
        return apply(roster, &past, change, operation);
    }
    let mut next = roster.clone();
    for operation in &change.operations {
        apply(&mut next, &past, change, operation)?;
    }
    *roster = next;
    Ok(())
}

/// What a change can rest on: itself (its earlier operations) and everything it came after.
struct Past<'a> {
    graph: &'a Graph<'a>,
    place: Place,
}

impl Past<'_> {
    fn holds_any(&self, causes: &[ChangeId]) -> bool {
        causes
            .iter()
            .any(|cause| self.graph.is_in_past(*cause, self.place))
    }
}

fn apply(
    roster: &mut Roster,
    past: &Past<'_>,
    change: &SignedOperations,
    operation: &Operation,
) -> Result<(), Refusal> {
    match operation {
        Operation::FoundAccount { kem, device, .. } => {
            found_account(roster, change, operation, kem, device)
        }
        Operation::AddDevice { device } => add_device(roster, past, change, device),
        Operation::KnowRecord {
            record,
            roster: grant,
        } => {
            require_place(change, KEYRING)?;
            require_device(roster, past, change, DeviceRight::Write)?;
            roster.know_record(AccountId(change.record.0), *record, grant);
            Ok(())
        }
        Operation::FoundRecord {
            account,
            kem,
            device,
            ..
        } => {
            require_place(change, ROSTER)?;
            require_founder(
                change,
                operation.founded_record() == Some(change.record),
                device,
            )?;
            roster.found_record(change, *account, kem, device)
        }
        Operation::MintEpoch { .. } => mint_epoch(roster, past, change, operation),
        Operation::RenameDevice { device, name } => {
            rename_device(roster, past, change, *device, name)
        }
    }
}

fn found_account(
    roster: &mut Roster,
    change: &SignedOperations,
    operation: &Operation,
    kem: &[u8],
    device: &DeviceCard,
) -> Result<(), Refusal> {
    require_place(change, DEVICES)?;
    let account = AccountId(change.record.0);
    require_founder(change, operation.founded_account() == Some(account), device)?;
    roster.found_account(change, account, kem, device)
}

/// The id of what is founded is the hash of the founding, so only its own founding can be valid, and only signed by the
/// device it names.
fn require_founder(
    change: &SignedOperations,
    hash_is_id: bool,
    device: &DeviceCard,
) -> Result<(), Refusal> {
    let phone = device.kind == DeviceKind::Phone;
    if !hash_is_id || device.id != change.author || !phone {
        return Err(Refusal::NotTheFounder);
    }
    Ok(())
}

fn add_device(
    roster: &mut Roster,
    past: &Past<'_>,
    change: &SignedOperations,
    device: &DeviceCard,
) -> Result<(), Refusal> {
    require_place(change, DEVICES)?;
    require_device(roster, past, change, DeviceRight::AddDevice)?;
    roster.add_device(change, AccountId(change.record.0), device)
}

/// Any device of the account may name any other that its change knew of.
fn rename_device(
    roster: &mut Roster,
    past: &Past<'_>,
    change: &SignedOperations,
    device: DeviceId,
    name: &str,
) -> Result<(), Refusal> {
    require_place(change, DEVICES)?;
    require_device(roster, past, change, DeviceRight::Write)?;
    let account = AccountId(change.record.0);
    let known = roster.device(account, device);
    if !known.is_some_and(|known| past.holds_any(&known.causes)) {
        return Err(Refusal::NotAuthorised);
    }
    roster.rename_device(account, device, name);
    Ok(())
}

fn mint_epoch(
    roster: &mut Roster,
    past: &Past<'_>,
    change: &SignedOperations,
    operation: &Operation,
) -> Result<(), Refusal> {
    let Operation::MintEpoch {
        compartment,
        name,
        epoch,
        parents,
        ..
    } = operation
    else {
        return Err(Refusal::Misplaced);
    };
    require_place(change, ROSTER)?;
    if *compartment != CompartmentId::derive(change.record, name) {
        return Err(Refusal::Misplaced);
    }
    if !may_write_record(roster, past, change) {
        return Err(Refusal::NotAuthorised);
    }
    let known: Vec<EpochId> = roster
        .minted(change.record, *compartment)
        .filter(|(_, minted)| past.holds_any(&minted.changes))
        .map(|(id, _)| id)
        .collect();
    // Without parents it must be the first its author could know of: a key never starts over.
    let starts_over = parents.is_empty() && known.iter().any(|id| id != epoch);
    if starts_over || !parents.iter().all(|parent| known.contains(parent)) {
        return Err(Refusal::NotAuthorised);
    }
    roster.mint_epoch(change, *compartment, name, *epoch, parents);
    Ok(())
}

/// The compartment `name` of the change's record or account.
fn require_place(change: &SignedOperations, name: &str) -> Result<(), Refusal> {
    if change.compartment != CompartmentId::derive(change.record, name) {
        return Err(Refusal::Misplaced);
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum DeviceRight {
    AddDevice,
    Write,
}

/// The author is a device of the account, and the change knew it.
fn require_device(
    roster: &Roster,
    past: &Past<'_>,
    change: &SignedOperations,
    right: DeviceRight,
) -> Result<(), Refusal> {
    let account = AccountId(change.record.0);
    if !is_device(roster, past, account, change.author, right) {
        return Err(Refusal::NotAuthorised);
    }
    Ok(())
}

fn is_device(
    roster: &Roster,
    past: &Past<'_>,
    account: AccountId,
    device: DeviceId,
    right: DeviceRight,
) -> bool {
    roster.device(account, device).is_some_and(|known| {
        let allowed = right == DeviceRight::AddDevice || known.card.kind == DeviceKind::Phone;
        allowed && past.holds_any(&known.causes)
    })
}

/// The author is the founding device, or a device of a member's account, and the change knew both.
fn may_write_record(roster: &Roster, past: &Past<'_>, change: &SignedOperations) -> bool {
    let Some(record) = roster.record(change.record) else {
        return false;
    };
    record.members.iter().any(|member| {
        past.holds_any(&member.causes)
            && (member.founding_device == Some(change.author)
                || is_device(
                    roster,
                    past,
                    member.account,
                    change.author,
                    DeviceRight::Write,
                ))
    })
}

/// A keyring is private to its account: a change there is never named as a head, because other members could not find it.
fn is_shared(change: &SignedOperations) -> bool {
    change.compartment != CompartmentId::derive(change.record, KEYRING)
}
