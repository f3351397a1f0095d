//! New keys for a compartment: after somebody lost their right to it, after 90 days, after a suspicion, and where two were
//! drawn at once. Invariant: nothing is written under a key that somebody holds who does not belong there any more, as far as
//! this device knows ([`Keyring::current_epoch`] refuses such a key; [`renewed`] draws the next one first).
//!
//! An epoch is minted for those who are entitled now, with the read secrets of the epochs before sealed inside, so newcomers
//! read what was written before them. Who comes later, or whose account's log had not arrived, gets a part of the same epoch
//! afterwards ([`missing_parts`]).
//!
//! Anybody who may write to a compartment may mint for it; for the `roster` itself only owners may. A caregiver's device that
//! mints therefore knows what retires envelopes until an owner's device mints the next one: it could have a relay forget what
//! the compartment holds (every phone still has it and would send it again), and read nothing more than before.

use super::keyring::{self, Keyring};
use super::write;
use crate::error::{Error, Result};
use crate::roster::{Operation, ROSTER, Recipient};
use crate::seal::{Epoch, MAX_PARENT_EPOCHS};
use carnet_wire::{CompartmentId, RecordId};
use rusqlite::Transaction;

/// The keyring with which a log may be written: one as of now, with a new key where the newest one is outdated, which is
/// minted here. None when the given one will do.
pub fn renewed(tx: &Transaction<'_>, keyring: &Keyring, log: i64) -> Result<Option<Keyring>> {
    // An import writes many changes with the keys it began with; the first of them may have minted.
    let fresh = match keyring::operations_merged(tx)? == keyring.version {
        true => None,
        false => Some(keyring.refold(tx)?),
    };
    let current = fresh.as_ref().unwrap_or(keyring);
    if current.current_epoch(log).is_ok() && current.newest_epochs(log).len() < 2 {
        return Ok(fresh);
    }
    let (record, name) = current
        .place_of(log)
        .ok_or(Error::NotFound("this compartment"))?;
    if !may_mint(current, record, name) {
        return Ok(fresh);
    }
    mint(tx, current, record, &[name])?;
    Ok(Some(current.refold(tx)?))
}

/// Whether this device may mint for a compartment. Not while a lost phone has the newest key of its own account, to which it
/// would wrap: that is drawn first, at the end of every sync.
pub fn may_mint(keyring: &Keyring, record: RecordId, name: &str) -> bool {
    let own = keyring.roster(keyring.account_record());
    if own.is_some_and(|roster| roster.is_account_outdated(keyring.account)) {
        return false;
    }
    match name {
        ROSTER => keyring.owns_any(record),
        _ => keyring.may_write(record, name),
    }
}

/// Mints a new epoch for each of these compartments of a record, in one change of its roster.
pub fn mint(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    names: &[&str],
) -> Result<()> {
    let epochs = names
        .iter()
        .map(|name| Ok((*name, next_epoch(keyring, record, name)?)))
        .collect::<Result<Vec<_>>>()?;
    let operations = epochs
        .iter()
        .map(|(name, epoch)| mint_operation(keyring, epoch, name))
        .collect::<Result<Vec<_>>>()?;
    let roster = keyring::log_number(tx, record, ROSTER)?;
    write::write_operations(tx, keyring, roster, &operations)?;
    keep(tx, &epochs)
}

/// Keeps epochs whose minting was written. After that, or the change that hands them out would be sealed under them.
pub fn keep(tx: &Transaction<'_>, epochs: &[(&str, Epoch)]) -> Result<()> {
    for (name, epoch) in epochs {
        keyring::keep_epoch(tx, epoch, name)?;
    }
    Ok(())
}

/// Draws the epoch that follows every head of a compartment.
pub fn next_epoch(keyring: &Keyring, record: RecordId, name: &str) -> Result<Epoch> {
    let compartment = CompartmentId::derive(record, name);
    let heads = keyring.roster(record);
    let mut heads = heads
        .map(|roster| roster.epoch_heads(record, compartment))
        .unwrap_or_default();
    if heads.is_empty() {
        // The first epochs of an account are handed over in a welcome and named by no operation.
        let held = keyring.epochs.iter().map(|(_, epoch)| epoch);
        let held = held.filter(|epoch| epoch.record == record && epoch.compartment == compartment);
        heads = held.map(|epoch| epoch.id).collect();
    }
    heads.sort_unstable();
    heads.truncate(MAX_PARENT_EPOCHS);
    Epoch::make(record, compartment, heads)
}

/// The operation that mints an epoch for everybody who is entitled, with what this device can read of the ones before.
pub fn mint_operation(keyring: &Keyring, epoch: &Epoch, name: &str) -> Result<Operation> {
    let roster = keyring
        .roster(epoch.record)
        .ok_or(Error::NotFound("the members of this record"))?;
    let recipients = roster.recipients(epoch.record, name);
    mint_for(keyring, epoch, name, &recipients)
}

/// The same for some.
pub fn mint_for(
    keyring: &Keyring,
    epoch: &Epoch,
    name: &str,
    recipients: &[Recipient],
) -> Result<Operation> {
    let known = epoch.parents.iter().filter_map(|id| keyring.epoch(*id));
    let previous: Vec<Epoch> = known.cloned().collect();
    Operation::mint_for(epoch, name, recipients, &previous)
}

/// The operations that give those who are entitled to the newest epochs of a record, and have no part in them, theirs.
pub fn missing_parts(keyring: &Keyring, record: RecordId) -> Result<Vec<Operation>> {
    let Some(roster) = keyring.roster(record) else {
        return Ok(Vec::new());
    };
    let mut operations = Vec::new();
    for (log, name) in keyring.logs_of(record) {
        let Ok(epoch) = keyring.current_epoch(log) else {
            continue;
        };
        let without = roster.without_part(record, name, epoch.id);
        if !without.is_empty() && may_mint(keyring, record, name) {
            operations.push(mint_for(keyring, epoch, name, &without)?);
        }
    }
    Ok(operations)
}

/// The compartments of a record of which somebody has the newest key who does not belong there, and this device may renew.
pub fn outdated(keyring: &Keyring, record: RecordId) -> Vec<&str> {
    let is_outdated = |(log, name): &(i64, &str)| {
        keyring.current_epoch(*log).is_err()
            && !keyring.newest_epochs(*log).is_empty()
            && may_mint(keyring, record, name)
    };
    let outdated = keyring.logs_of(record).filter(is_outdated);
    outdated.map(|(_, name)| name).collect()
}
