//! A lost phone (or a kit that somebody else may have read): from any other phone of the person, in one transaction,
//!
//! 1. in the account: the removal with how far its chains were known, new account keys for every device that is left, new
//!    epochs of both of the account's logs; one change, so nobody knows of the removal without having the new keys;
//! 2. both logs once more under their new epochs, because whoever comes later is given those only;
//! 3. in each record: the same cut, new epochs wherever the person may mint, and only then, under the new key, what opens their
//!    `devices` log. What a member may not mint, an owner's device does when it hears of the cut ([`super::duties`]).
//!
//! **The thief** has the phone, all its keys and everything the relay has and will have. They open nothing that is written
//! from now on by anybody who knows: not the records, not the account. What they had read they have; what somebody writes
//! who has not heard, they still read where a relay closes nothing. So a removal is *pending* until a relay has it and another device has shown that it
//! knows ([`lost_devices`]); each phone of the person that hears of one says so ([`tend_account`]).
//!
//! At the relay, an owner's next sync closes the old mailboxes of the records' data to the new keys ([`super::closing`]): the
//! thief's pushes and pulls there are refused, and their session with them.
//!
//! **Two phones remove each other's neighbour at once.** Each wrapped its new keys to a device the other removed. Both see it
//! in the fold (`roster::renewal`) and draw again before they mint anything else (`rotation::may_mint`). Both changes count and each
//! phone opens both keys, so whatever either wrapped meanwhile opens to both.
//!
//! **A phone that was added by one that had not heard** has the old keys only and is not given the new ones: the word that
//! would bring them would be read by the thief. It shows what it has, and is removed and paired again.

use super::access;
use super::duties;
use super::keyring::{self, GENERAL, Keyring};
use super::members;
use super::open::Unlocked;
use super::reseal;
use super::rotation;
use super::write;
use super::{LostDevice, detect};
use crate::error::{Error, Result};
use crate::roster::{Act, DEVICES, KEYRING, Operation, ROSTER, Recipient, Role};
use crate::seal::{AccountKeys, DeviceCard, DeviceKind, Epoch};
use crate::store::log;
use carnet_wire::{ChangeId, CompartmentId, DeviceId, EnvelopeId, Header, RecordId};
use rusqlite::{Connection, Transaction};
use std::collections::BTreeSet;

const NO_DEVICE: Error = Error::NotFound("a device with this name or id");
const NOT_THIS_ONE: Error = Error::Invalid(
    "this is the device in your hands: remove it from another one, or with the recovery kit",
);
const REMOVED: Error =
    Error::Unauthorised("this device was removed from the account: it can change nothing");

/// Removes a device of this person everywhere, at once.
pub fn remove_device(tx: &Transaction<'_>, open: &Unlocked, device: DeviceId) -> Result<()> {
    let keyring = open.keyring_in(tx)?;
    let account = keyring.own_account().ok_or(NO_DEVICE)?;
    if !keyring.is_live() {
        return Err(REMOVED);
    }
    if device == keyring.author.device {
        return Err(NOT_THIS_ONE);
    }
    if !account.devices.contains_key(&device) {
        return Err(NO_DEVICE);
    }
    let chains = members::chains(tx, keyring.account_record(), &[device].into())?;
    let removal = Operation::RemoveDevice { device, chains };
    let keyring = renew_account(tx, &keyring, &open.database_key, vec![removal])?;
    let now = open.clock.now();
    for record in keyring.records().collect::<Vec<_>>() {
        if keyring.access(record).is_some() {
            let keyring = keyring.refold(tx)?;
            duties::tend(tx, &keyring, record, now)?;
            tell(tx, &keyring.refold(tx)?, record, device, now)?;
        }
    }
    Ok(())
}

/// Tells the removal in a record's access log, under the new keys. Where those are another member's to mint there is nothing to
/// write with yet, and the cut in the roster says it.
fn tell(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    device: DeviceId,
    now: i64,
) -> Result<()> {
    let account = keyring.account;
    let act = Act::DeviceRemoved { device, account };
    match access::note(tx, keyring, (record, GENERAL), now, act) {
        Ok(_) | Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// New account keys and new epochs of the account's logs, said together with what made them necessary.
fn renew_account(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    key: &[u8; 32],
    mut operations: Vec<Operation>,
) -> Result<Keyring> {
    let record = keyring.account_record();
    let leaving: BTreeSet<DeviceId> = operations.iter().filter_map(removed).collect();
    let known = keyring.own_account().ok_or(NO_DEVICE)?;
    let devices = known.devices.values().map(|device| device.card.clone());
    let staying: Vec<DeviceCard> = devices.filter(|card| !leaving.contains(&card.id)).collect();
    let (old, new) = (
        keyring.account_keys()?,
        keyring.account_keys()?.make_next()?,
    );
    operations.push(Operation::rotate_account(
        keyring.account,
        old,
        &new,
        &staying,
    )?);
    let mut epochs = Vec::new();
    for name in [DEVICES, KEYRING] {
        let epoch = rotation::next_epoch(keyring, record, name)?;
        let own = own_part(keyring, &new);
        operations.push(rotation::mint_for(keyring, &epoch, name, &[own])?);
        epochs.push((name, epoch));
    }
    let devices = keyring::log_number(tx, record, DEVICES)?;
    let change = write::write_operations(tx, keyring, devices, &operations)?;
    keyring::keep_account_keys(tx, key, &new)?;
    rotation::keep(tx, &epochs)?;
    let after = keyring.reload(tx, key)?;
    if members::refusal(&after, record, change).is_some() {
        return Err(REMOVED);
    }
    for (name, epoch) in &epochs {
        move_log(tx, &after, name, epoch)?;
    }
    Ok(after)
}

fn removed(operation: &Operation) -> Option<DeviceId> {
    match operation {
        Operation::RemoveDevice { device, .. } => Some(*device),
        _ => None,
    }
}

fn own_part(keyring: &Keyring, keys: &AccountKeys) -> Recipient {
    Recipient {
        account: keyring.account,
        kem: keys.kem_public(),
        role: Role::Owner,
    }
}

/// Seals every change of an account's log again, under its new epoch. There are few: devices and records come seldom.
fn move_log(tx: &Transaction<'_>, keyring: &Keyring, name: &str, epoch: &Epoch) -> Result<()> {
    let number = keyring::log_number(tx, epoch.record, name)?;
    let mut changes = Vec::new();
    log::each_change(tx, number, carnet_wire::kind::OPERATIONS, |change| {
        changes.push((change.number, change.header));
        Ok(())
    })?;
    for (change, header) in changes {
        let header: Header = carnet_wire::Canonical::from_canonical(&header)?;
        let (mailbox, bytes) = reseal::reseal(tx, keyring, change)?;
        log::enqueue(tx, change, mailbox, &bytes)?;
        let sealed = EnvelopeId::derive(&bytes);
        log::put_placed(tx, sealed, number, &header.author, header.seq, mailbox)?;
    }
    Ok(())
}

/// What is due in the account itself: keys nobody who was removed has, for every device that counts, and a word that this
/// device knows of every removal. Returns whether anything was written.
pub fn tend_account(open: &Unlocked) -> Result<bool> {
    let keyring = open.keyring()?;
    if !keyring.is_live() || !open.store.read(|conn| is_due(conn, &keyring))? {
        return Ok(false);
    }
    let outcome = open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        if is_outdated(&keyring)? {
            renew_account(tx, &keyring, &open.database_key, Vec::new())?;
            return Ok(true);
        }
        if !is_unsaid(tx, &keyring)? {
            return Ok(false);
        }
        let said = Operation::RenameDevice {
            device: keyring.author.device,
            name: keyring.device_name(),
        };
        let log = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
        write::write_operations(tx, &keyring, log, &[said])?;
        Ok(true)
    });
    match outcome {
        // A key that is needed for it has not come yet: the next sync does it.
        Err(Error::NotFound(_)) => Ok(false),
        outcome => outcome,
    }
}

fn is_due(conn: &Connection, keyring: &Keyring) -> Result<bool> {
    let removed = keyring
        .own_account()
        .is_some_and(|account| !account.removed.is_empty());
    // Without a removal there is nothing to renew and nothing to say.
    Ok(removed && (is_outdated(keyring)? || is_unsaid(conn, keyring)?))
}

/// Whether a removed device has the newest keys of the account, and this device may draw others: it has those itself. One that
/// lacks them waits for another's.
fn is_outdated(keyring: &Keyring) -> Result<bool> {
    let (account, record) = (keyring.account, keyring.account_record());
    let (Some(roster), Some(known)) = (keyring.roster(record), keyring.own_account()) else {
        return Ok(false);
    };
    let has_newest = keyring.account_keys()?.kem_public() == known.kem;
    let given_up = |name: &&str| {
        let heads = roster.epoch_heads(record, CompartmentId::derive(record, name));
        let mut heads = heads.iter();
        heads.all(|head| roster.is_account_epoch_outdated(account, *head))
    };
    let mut logs = [DEVICES, KEYRING].iter();
    let outdated = roster.is_account_outdated(account) || logs.any(given_up);
    Ok(has_newest && !known.removed.is_empty() && outdated)
}

/// Whether there is a removal in the account that this device has not shown to know of. It waits until it has the new key: the
/// removed one would read what it says under the old.
fn is_unsaid(conn: &Connection, keyring: &Keyring) -> Result<bool> {
    let (record, own) = (keyring.account_record(), keyring.author.device);
    let devices = keyring::log_number(conn, record, DEVICES)?;
    if keyring.current_epoch(devices).is_err() {
        return Ok(false);
    }
    for (change, author, _) in removals(conn, keyring, record)? {
        if author != own && !knowing(conn, keyring, record, &[change])?.contains(&own) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removals of devices said in an account's `devices` log or in a record's roster that count: the change, its author, whose.
fn removals(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
) -> Result<Vec<(ChangeId, DeviceId, DeviceId)>> {
    let mut removals = Vec::new();
    let logs = log::logs(conn)?.into_iter();
    for log in logs.filter(|log| log.record == record && [DEVICES, ROSTER].contains(&&*log.name)) {
        for change in keyring::read_operations(conn, &log)? {
            if members::refusal(keyring, record, change.id).is_some() {
                continue;
            }
            let devices = change.operations.iter().filter_map(removed);
            removals.extend(devices.map(|device| (change.id, change.author, device)));
        }
    }
    Ok(removals)
}

/// The devices that have shown, by what they wrote to an account or record, that they know one of these changes.
pub fn knowing(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    changes: &[ChangeId],
) -> Result<BTreeSet<DeviceId>> {
    let mut knowing = BTreeSet::new();
    let Some(roster) = keyring.roster(record) else {
        return Ok(knowing);
    };
    for (log, _) in keyring.logs_of(record) {
        for tip in log::tips(conn, log)? {
            let header = detect::header(conn, tip.id)?;
            let knows = |header: &Header| {
                let mut changes = changes.iter();
                changes.any(|change| *change == tip.id || roster.knows(&header.frontier, *change))
            };
            if header.is_some_and(|header| knows(&header)) {
                knowing.insert(tip.author.device);
            }
        }
    }
    Ok(knowing)
}

/// The person's removed devices, and how far their removal is known.
pub fn lost_devices(conn: &Connection, keyring: &Keyring) -> Result<Vec<LostDevice>> {
    let record = keyring.account_record();
    let Some(account) = keyring.own_account() else {
        return Ok(Vec::new());
    };
    let said = removals(conn, keyring, record)?;
    let mut lost = Vec::new();
    for (id, known) in &account.removed {
        let of_device = said.iter().filter(|(_, _, device)| device == id);
        let changes: Vec<ChangeId> = of_device.clone().map(|(change, ..)| *change).collect();
        let authors: BTreeSet<DeviceId> = of_device.map(|(_, author, _)| *author).collect();
        let mut knowing_it = knowing(conn, keyring, record, &changes)?;
        let mut others: BTreeSet<DeviceId> = account.devices.keys().copied().collect();
        others.retain(|other| known_phone(keyring, *other));
        for shared in keyring.records() {
            let cuts = removals(conn, keyring, shared)?.into_iter();
            let mut changes = changes.clone();
            changes.extend(cuts.filter(|(_, _, device)| device == id).map(|cut| cut.0));
            knowing_it.extend(knowing(conn, keyring, shared, &changes)?);
            others.extend(phones_in(keyring, shared));
        }
        let told = |device: &DeviceId| !authors.contains(device) && device != id;
        let mut sent = true;
        for change in &changes {
            sent &= log::is_sent(conn, *change)?;
        }
        lost.push(LostDevice {
            id: *id,
            name: known.card.name.clone(),
            kit: known.card.kind == DeviceKind::Recovery,
            sent,
            known_by: knowing_it.into_iter().filter(told).collect(),
            alone: !others.iter().any(told),
        });
    }
    Ok(lost)
}

fn known_phone(keyring: &Keyring, device: DeviceId) -> bool {
    let account = keyring.own_account();
    let known = account.and_then(|account| account.devices.get(&device));
    known.is_some_and(|known| known.card.kind == DeviceKind::Phone)
}

/// The phones of the members of a record, as far as known here.
fn phones_in(keyring: &Keyring, record: RecordId) -> Vec<DeviceId> {
    let members = members::members(keyring, record).unwrap_or_default();
    let devices = members.into_iter().flat_map(|member| member.devices);
    devices.map(|device| device.id).collect()
}
