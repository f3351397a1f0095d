//! What every member says of themselves in a record's roster, whatever their role: what opens their `devices` log, which phones of
//! theirs are lost, and how they are called.

use super::keyring::{self, Keyring};
use super::members;
use crate::error::Result;
use crate::roster::{DEVICES, Operation};
use crate::seal::DeviceKind;
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
    let mut operations = Vec::new();
    // Whoever is alone has nobody to show their devices to.
    if known.members.len() > 1 {
        let show = show_devices(conn, keyring)?;
        let is_shown =
            |grant: &&_| matches!(&show, Operation::ShowDevices { devices } if devices == *grant);
        if !member.devices.iter().any(|grant| is_shown(&grant)) {
            operations.push(show);
        }
    }
    for device in lost_phones(keyring) {
        if !known.is_cut(keyring.account, device) {
            let chains = members::chains(conn, record, &[device].into())?;
            operations.push(Operation::RemoveDevice { device, chains });
        }
    }
    Ok(operations)
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
