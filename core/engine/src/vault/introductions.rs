//! What every member says of themselves in a record's roster, whatever their role: what opens their `devices` log, which phones of
//! theirs are lost, and how they are called.
//!
//! What opens the `devices` log is never said under a key that a lost phone, or somebody who left, has: they would go on reading
//! who has which phones. It waits until the roster has a new one, which an owner's device gives it.

use super::keyring::{self, Keyring};
use super::lost;
use super::members;
use crate::error::Result;
use crate::roster::{DEVICES, Operation, ROSTER};
use crate::seal::DeviceKind;
use crate::store::log;
use carnet_wire::{DeviceId, RecordId};
use rusqlite::{Connection, Transaction};

/// Whether something is to be said that was not.
pub fn is_due(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<bool> {
    Ok(!missing(conn, keyring, record)?.is_empty())
}

/// Says what was not said, and the name where one is given; returns whether there was anything.
pub fn introduce(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    name: Option<&str>,
) -> Result<bool> {
    let (_, known) = members::known(keyring, record)?;
    let mut operations = missing(tx, keyring, record)?;
    if let (Some(name), Some(member)) = (name, known.member(keyring.account)) {
        if member.devices.is_empty() && operations.is_empty() {
            operations.push(show_devices(tx, keyring)?);
        }
        if member.name != name {
            operations.push(Operation::Introduce {
                name: name.to_owned(),
            });
        }
    }
    if operations.is_empty() {
        return Ok(false);
    }
    members::say(tx, keyring, record, &operations)?;
    Ok(true)
}

fn missing(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<Vec<Operation>> {
    let (_, known) = members::known(keyring, record)?;
    let Some(member) = known.member(keyring.account) else {
        return Ok(Vec::new());
    };
    let mut cuts = Vec::new();
    for device in lost_phones(keyring) {
        if !known.is_cut(keyring.account, device) {
            let chains = members::chains(conn, record, &[device].into())?;
            cuts.push(Operation::RemoveDevice { device, chains });
        }
    }
    let roster = keyring::log_number(conn, record, ROSTER)?;
    let devices = keyring::log_number(conn, keyring.account_record(), DEVICES)?;
    if keyring.newest_epochs(roster).is_empty() {
        // Its newest key has not come yet: nothing can be said there.
        return Ok(Vec::new());
    }
    let clean = |log| keyring.current_epoch(log).is_ok();
    if !cuts.is_empty() || !clean(roster) || !clean(devices) {
        return Ok(cuts);
    }
    let show = show_devices(conn, keyring)?;
    let is_shown =
        |grant: &&_| matches!(&show, Operation::ShowDevices { devices } if devices == *grant);
    // Whoever is alone has nobody to show their devices to.
    let alone = known.members.len() < 2;
    if !alone && !member.devices.iter().any(|grant| is_shown(&grant)) {
        return Ok(vec![show]);
    }
    let name = member.name.clone();
    let unsaid = has_not_shown(conn, keyring, record)?;
    Ok(unsaid
        .then_some(Operation::Introduce { name })
        .into_iter()
        .collect())
}

/// Whether somebody was removed, or lost a phone, and this device has written nothing since that shows that it knows. It says
/// its person's name again: a removal counts as done when another device has said a word.
fn has_not_shown(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<bool> {
    let number = keyring::log_number(conn, record, ROSTER)?;
    let own = keyring.author.device;
    for log in log::logs(conn)?.iter().filter(|log| log.number == number) {
        for change in keyring::read_operations(conn, log)? {
            let counts = members::refusal(keyring, record, change.id).is_none();
            if change.author == own || !counts || !change.operations.iter().any(takes_keys) {
                continue;
            }
            if !lost::knowing(conn, keyring, record, &[change.id])?.contains(&own) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn takes_keys(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Remove { .. } | Operation::RemoveDevice { .. }
    )
}

fn show_devices(conn: &Connection, keyring: &Keyring) -> Result<Operation> {
    let log = keyring::log_number(conn, keyring.account_record(), DEVICES)?;
    let mut devices = keyring.writing_epoch(log)?.grant();
    devices.secrets = devices.secrets.only_read();
    Ok(Operation::ShowDevices { devices })
}

fn lost_phones(keyring: &Keyring) -> Vec<DeviceId> {
    let removed = keyring.own_account().into_iter();
    removed
        .flat_map(|account| account.removed.iter())
        .filter(|(_, device)| device.card.kind == DeviceKind::Phone)
        .map(|(id, _)| *id)
        .collect()
}
