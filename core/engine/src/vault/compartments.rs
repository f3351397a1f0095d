//! The compartments of a record: each with its own keys and log, the unit of sharing. What lies in one, and how much, is unknown
//! to whoever does not have it. That it exists, and its name, every member can read in the roster: a name must tell nothing.

use super::Compartment;
use super::keyring::Keyring;
use super::members;
use super::rotation;
use crate::error::{Error, Result};
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::seal::Epoch;
use crate::store::views;
use carnet_wire::{CompartmentId, RecordId};
use rusqlite::{Connection, Transaction};

/// Most compartments of a record: each has its own keys, mailbox and log on every phone.
pub const MAX_COMPARTMENTS: usize = 64;
/// Names the logs of accounts and rosters have.
const RESERVED: [&str; 3] = [ROSTER, DEVICES, KEYRING];

/// The log of a compartment this person may write to; refused in words otherwise.
pub fn writable(keyring: &Keyring, record: RecordId, name: &str) -> Result<i64> {
    let mut logs = keyring.logs_of(record).filter(|(_, one)| *one != ROSTER);
    let Some((log, _)) = logs.find(|(_, one)| *one == name) else {
        return Err(Error::NotFound("a compartment with this name, open to you"));
    };
    match keyring.may_write(record, name) {
        true => Ok(log),
        false => Err(Error::Unauthorised(
            "you may read this compartment, not write there",
        )),
    }
}

/// Adds a compartment, with keys for every member who has all compartments. Its name stands in the roster, where every member reads
/// it.
pub fn add(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    name: &str,
) -> Result<Keyring> {
    super::persons::check_name(name)?;
    let (roster, known) = members::known(keyring, record)?;
    let compartment = CompartmentId::derive(record, name);
    if RESERVED.contains(&name) || known.epochs.contains_key(&compartment) {
        return Err(Error::Invalid(
            "there is a compartment with this name already",
        ));
    }
    if known.epochs.len() > MAX_COMPARTMENTS {
        return Err(Error::TooLarge("a record has 64 compartments at most"));
    }
    let epoch = Epoch::make(record, compartment, Vec::new())?;
    let recipients = roster.recipients(record, name);
    let mint = rotation::mint_for(keyring, &epoch, name, &recipients)?;
    let after = members::say(tx, keyring, record, &[mint])?;
    rotation::keep(tx, &[(name, epoch)])?;
    after.refold(tx)
}

/// The compartments of a record that this device has, the three it began with first.
pub fn compartments(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
) -> Result<Vec<Compartment>> {
    members::known(keyring, record)?;
    let mut found = Vec::new();
    for (log, name) in keyring.logs_of(record).filter(|(_, name)| *name != ROSTER) {
        found.push(Compartment {
            name: name.to_owned(),
            items: views::items_in(conn, log)?,
            writable: keyring.may_write(record, name),
        });
    }
    Ok(found)
}
