//! What operations bring: keys. Each time some are merged, rosters are folded again, and every key they hold for this account
//! or device is kept: generations of the account's key, epochs of its own logs, rosters named in the keyring, compartments
//! those rosters name, and the `devices` logs of members, without which nobody can tell whose a device is.
//!
//! One key opens the next (a wrap to the account's new key, the read secrets of the epochs before), so this is repeated until
//! nothing more opens. A part that does not open was not made for this account: it costs nothing and is asked again next time.

use super::keyring::{self, Keyring};
use super::recheck;
use crate::error::Result;
use crate::roster::{DEVICES, Operation, ROSTER, SignedOperations};
use crate::seal::{Epoch, EpochGrant};
use crate::store::log;
use carnet_wire::{AccountId, CompartmentId, RecordId};
use rusqlite::Transaction;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most `devices` logs one record shows: as many members as an epoch is wrapped to, each with a few epochs.
const MAX_SHOWN: usize = 1_000;

/// Folds again, keeps what opens, and looks again at what no longer counts.
pub fn operations(tx: &Transaction<'_>, keyring: &mut Arc<Keyring>, key: &[u8; 32]) -> Result<()> {
    let before = keyring.clone();
    *keyring = Arc::new(keyring.reload(tx, key)?);
    while keep_all(tx, keyring, key)? {
        *keyring = Arc::new(keyring.reload(tx, key)?);
    }
    recheck::recheck(tx, &before, keyring, key)
}

/// Keeps everything that opens with what is known; returns whether something was new.
fn keep_all(tx: &Transaction<'_>, keyring: &Keyring, key: &[u8; 32]) -> Result<bool> {
    let mut news = keep_known_records(tx, keyring)?;
    for log in log::logs(tx)? {
        let own = log.name == DEVICES && log.record == keyring.account_record();
        if log.name != ROSTER && !own {
            continue;
        }
        let changes = keyring::read_operations(tx, &log)?;
        let accepted = accepted(keyring, log.record, &changes);
        for operation in accepted.flat_map(|change| &change.operations) {
            news |= keep_epochs(tx, keyring, log.record, operation)?;
            if own {
                news |= keep_account(tx, keyring, key, operation)?;
            }
        }
        if log.name == ROSTER {
            news |= keep_shown(tx, keyring, &changes)?;
        }
    }
    Ok(news)
}

fn accepted<'a>(
    keyring: &Keyring,
    record: RecordId,
    changes: &'a [SignedOperations],
) -> impl Iterator<Item = &'a SignedOperations> {
    let refused: BTreeSet<_> = keyring
        .roster(record)
        .into_iter()
        .flat_map(|roster| roster.refused())
        .map(|(id, _)| *id)
        .collect();
    changes
        .iter()
        .filter(move |change| !refused.contains(&change.id))
}

fn keep_known_records(tx: &Transaction<'_>, keyring: &Keyring) -> Result<bool> {
    let mut news = false;
    let records = keyring.own_account().into_iter();
    for (record, grants) in records.flat_map(|account| account.records.iter()) {
        let compartment = CompartmentId::derive(*record, ROSTER);
        for grant in grants {
            news |= keep_grant(tx, keyring, (*record, compartment, ROSTER), grant)?;
        }
    }
    Ok(news)
}

/// A grant whose secrets are not its own is a broken device's: it opens nothing and costs nothing.
fn keep_grant(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    (record, compartment, name): (RecordId, CompartmentId, &str),
    grant: &EpochGrant,
) -> Result<bool> {
    match Epoch::from_grant(record, compartment, grant) {
        Ok(epoch) => keep_new(tx, keyring, &epoch, name),
        Err(_) => Ok(false),
    }
}

/// Keeps an epoch that is new, or of which this device now gets more secrets.
fn keep_new(tx: &Transaction<'_>, keyring: &Keyring, epoch: &Epoch, name: &str) -> Result<bool> {
    let adds = keyring.epoch(epoch.id).is_none_or(|known| {
        let (has, gets) = (&known.secrets, &epoch.secrets);
        has.write.is_none() && gets.write.is_some() || has.retire.is_none() && gets.retire.is_some()
    });
    if adds {
        keyring::keep_epoch(tx, epoch, name)?;
    }
    Ok(adds)
}

/// An epoch that was wrapped to this account, and the read secrets of those before it.
fn keep_epochs(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    operation: &Operation,
) -> Result<bool> {
    let Operation::MintEpoch {
        name,
        epoch,
        previous,
        ..
    } = operation
    else {
        return Ok(false);
    };
    let mut news = false;
    let complete = |epoch: &Epoch| epoch.secrets.write.is_some() && epoch.secrets.retire.is_some();
    if !keyring.epoch(*epoch).is_some_and(complete) {
        for keys in keyring.all_account_keys() {
            if let Ok(Some(opened)) = operation.open_epoch(record, keyring.account, keys) {
                news |= keep_new(tx, keyring, &opened, name)?;
                break;
            }
        }
    }
    if let (Some(held), Some(sealed)) = (keyring.epoch(*epoch), previous) {
        let all_known = held.parents.iter().all(|parent| keyring.holds(*parent));
        for earlier in held.open_previous(sealed).ok().into_iter().flatten() {
            news |= !all_known && keep_new(tx, keyring, &earlier, name)?;
        }
    }
    Ok(news)
}

/// A generation of the account's key for this device, and the one before it.
fn keep_account(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    key: &[u8; 32],
    operation: &Operation,
) -> Result<bool> {
    let Operation::RotateAccount { kem, previous, .. } = operation else {
        return Ok(false);
    };
    let held = |kem: &[u8]| {
        let mut all = keyring.all_account_keys();
        all.find(|keys| keys.kem_public() == kem)
    };
    let Some(keys) = held(kem) else {
        return match operation.open_account(keyring.account, &keyring.device) {
            Ok(Some(keys)) => keyring::keep_account_keys(tx, key, &keys).map(|()| true),
            _ => Ok(false),
        };
    };
    match keys.open_previous(previous) {
        Ok(earlier) if held(&earlier.kem_public()).is_none() => {
            keyring::keep_account_keys(tx, key, &earlier).map(|()| true)
        }
        _ => Ok(false),
    }
}

/// What opens the `devices` logs of members, for reading. Changes that are not accepted are read too: they may wait for
/// those very logs. A grant does not say whose log it opens; its epoch's id commits to that, so it opens one account's only.
fn keep_shown(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    changes: &[SignedOperations],
) -> Result<bool> {
    let operations = || changes.iter().flat_map(|change| &change.operations);
    let named: BTreeSet<AccountId> = operations()
        .filter_map(|operation| match operation {
            Operation::FoundRecord { account, .. } => Some(*account),
            Operation::Admit { acceptance } => Some(acceptance.account),
            _ => None,
        })
        .take(MAX_SHOWN)
        .filter(|account| *account != keyring.account)
        .collect();
    let shown = operations().filter_map(|operation| match operation {
        Operation::Admit { acceptance } => Some(&acceptance.devices),
        Operation::ShowDevices { devices } => Some(devices),
        _ => None,
    });
    let mut news = false;
    for grant in shown
        .take(MAX_SHOWN)
        .filter(|grant| !keyring.holds(grant.epoch))
    {
        for account in &named {
            let record = RecordId(account.0);
            let place = (record, CompartmentId::derive(record, DEVICES), DEVICES);
            news |= keep_grant(tx, keyring, place, grant)?;
        }
    }
    Ok(news)
}
