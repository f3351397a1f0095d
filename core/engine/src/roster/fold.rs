//! The fold: from a set of signed operations to who belongs where and may do what. A pure function: the order of the input
//! and repetitions do not matter, no clock, no I/O.
//!
//! How it decides:
//! 1. Changes whose causal past is not complete wait. The others are put in one order: topological, the smallest id first
//!    among those that are ready.
//! 2. Accounts are judged first, each alone ([`super::account`]), then records ([`super::record`]), which rest on them.
//! 3. Each change is accepted whole or refused whole.
//! 4. Every right is a **fact with its causes**: a device may do something only if a cause lies in the change's own causal
//!    past, so nobody profits from a right they did not know of.

use super::account::{self, is_of_account};
use super::operation::KEYRING;
use super::order::{Graph, Place};
use super::record;
use super::{Refusal, Roster, SignedOperations};
use carnet_wire::{AccountId, ChangeId, CompartmentId, RecordId};
use std::collections::BTreeMap;

/// The changes of one account or record, in order.
type Changes<'a> = Vec<(Place, &'a SignedOperations)>;

/// Folds operations of one or more accounts and records into what they mean together.
pub fn fold(changes: &[SignedOperations]) -> Roster {
    let graph = Graph::new(changes);
    let mut roster = Roster::default();
    let mut refused: BTreeMap<ChangeId, Refusal> = BTreeMap::new();
    for waiting in graph.waiting() {
        refused.insert(*waiting, Refusal::PastIncomplete);
    }
    let mut accounts: BTreeMap<AccountId, Changes<'_>> = BTreeMap::new();
    let mut records: BTreeMap<RecordId, Changes<'_>> = BTreeMap::new();
    for (place, change) in graph.iter() {
        if change.operations.is_empty() {
            refused.insert(change.id, Refusal::Unknown);
        } else if is_of_account(change) {
            let of = accounts.entry(AccountId(change.record.0)).or_default();
            of.push((place, change));
        } else {
            records
                .entry(change.record)
                .or_default()
                .push((place, change));
        }
    }
    let mut outcomes = Vec::new();
    for (account, changes) in accounts {
        let (known, refusals) = account::judge(&graph, changes, account);
        outcomes.extend(refusals);
        if let Some(known) = known {
            roster.accounts.insert(account, known);
        }
    }
    for (record, changes) in records {
        let (known, refusals) = record::judge(&graph, &roster.accounts, record, changes);
        outcomes.extend(refusals);
        if let Some(known) = known {
            roster.records.insert(record, known);
        }
    }
    let outcomes: BTreeMap<Place, Refusal> = outcomes.into_iter().collect();
    for (place, change) in graph.iter() {
        if let Some(refusal) = outcomes.get(&place) {
            refused.insert(change.id, *refusal);
        } else if is_shared(change) && !refused.contains_key(&change.id) {
            roster.shared.push((place, change.record));
        }
    }
    roster.refused = refused.into_iter().collect();
    roster.history = graph.into_history();
    roster
}

/// A keyring is private to its account: a change there is never named as a head, because other members could not find it.
fn is_shared(change: &SignedOperations) -> bool {
    change.compartment != CompartmentId::derive(change.record, KEYRING)
}
