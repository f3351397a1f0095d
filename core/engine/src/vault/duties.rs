//! What a device does for records without being asked, at the end of a sync: whoever left or reached their last day loses their
//! keys, whoever came gets theirs, keys that are 90 days old are replaced, and what changed about one's own devices is told to
//! every record. Each duty is found in what is known and done again until it shows there, so a kill between two costs nothing.
//!
//! The account goes first: what is wrapped to it afterwards is wrapped to its newest key.
//!
//! Only owners' devices act on others. That two do so at once does no harm: the rosters merge, and the next writer draws one key
//! for all.

use super::access;
use super::closing;
use super::introductions;
use super::keyring::{GENERAL, Keyring};
use super::lost;
use super::members;
use super::open::Unlocked;
use super::rotation;
use super::secrets;
use crate::error::{Error, Result};
use crate::record::time;
use crate::roster::{Access, Act};
use crate::store::log;
use carnet_wire::{AccountId, RecordId};
use rusqlite::{Connection, Transaction};

/// Keys are replaced after so many milliseconds: what leaked unnoticed opens a quarter at most (design §8).
const ROTATE_AFTER_MS: i64 = 90 * 24 * 60 * 60 * 1_000;
/// A key whose mailbox a relay says is closed is replaced once it is so old: a relay that says so of every key costs one an hour.
const SHUT_AFTER_MS: i64 = 60 * 60 * 1_000;
/// Setting: when this device first saw the newest key of a log.
const SINCE: &str = "key of ";

/// Does what is due; returns whether anything was written.
pub fn discharge(open: &Unlocked) -> Result<bool> {
    let now = open.clock.now();
    let keyring = open.keyring()?;
    let mut wrote = lost::tend_account(open)?;
    for record in keyring.records().collect::<Vec<_>>() {
        if !open
            .store
            .read(|conn| is_due(conn, &*open.keyring_in(conn)?, record, now))?
        {
            continue;
        }
        let due = |tx: &Transaction<'_>| {
            let carried = secrets::carry(tx, open, record, now)?;
            Ok(carried | tend(tx, &*open.keyring_in(tx)?, record, now)?)
        };
        match open.write(due) {
            Ok(more) => wrote |= more,
            // A key that is needed for it has not come yet: the next sync does it.
            Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(wrote)
}

/// What is due in one record: what this person says of themselves, as an owner what concerns others, and then what could not
/// be said under the old keys.
pub fn tend(tx: &Transaction<'_>, keyring: &Keyring, record: RecordId, now: i64) -> Result<bool> {
    let mut wrote = introductions::introduce(tx, keyring, record, None)?;
    let keyring = keyring.refold(tx)?;
    if keyring.owns_any(record) && discharge_owner(tx, &keyring, record, now)? {
        wrote = true;
        let keyring = keyring.refold(tx)?;
        introductions::introduce(tx, &keyring, record, None)?;
    }
    Ok(wrote)
}

/// Looks without writing: most syncs have nothing to do.
fn is_due(conn: &Connection, keyring: &Keyring, record: RecordId, now: i64) -> Result<bool> {
    if keyring.access(record).is_none() {
        return Ok(false);
    }
    let own =
        introductions::is_due(conn, keyring, record)? || secrets::is_due(conn, keyring, record)?;
    let owner = keyring.owns_any(record)
        && (!rotation::outdated(keyring, record).is_empty()
            || !rotation::missing_parts(keyring, record)?.is_empty()
            || !ended(keyring, record, now)?.is_empty()
            || !old(conn, keyring, record, now)?.is_empty());
    Ok(own || owner)
}

fn discharge_owner(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    now: i64,
) -> Result<bool> {
    let mut wrote = false;
    let mut keyring = keyring.refold(tx)?;
    for account in ended(&keyring, record, now)? {
        keyring = members::remove(tx, &keyring, record, account)?;
        access::note(
            tx,
            &keyring,
            (record, GENERAL),
            now,
            Act::Removed { account },
        )?;
        wrote = true;
    }
    let mut names = rotation::outdated(&keyring, record);
    let old = old(tx, &keyring, record, now)?;
    names.extend(
        old.iter()
            .filter(|(_, aged)| *aged)
            .map(|(name, _)| name.as_str()),
    );
    if !names.is_empty() {
        rotation::mint(tx, &keyring, record, &names)?;
        keyring = keyring.refold(tx)?;
        wrote = true;
    }
    note_keys(tx, &keyring, record, now)?;
    let parts = rotation::missing_parts(&keyring, record)?;
    if !parts.is_empty() {
        members::say(tx, &keyring, record, &parts)?;
        wrote = true;
    }
    Ok(wrote)
}

/// Members whose last day is over, whom this device may remove.
fn ended(keyring: &Keyring, record: RecordId, now: i64) -> Result<Vec<AccountId>> {
    let (_, known) = members::known(keyring, record)?;
    let own = known.member(keyring.account).map(|member| member.rank);
    let ended = known.members.iter().filter(|member| {
        let until = member.until.as_deref();
        until.is_some_and(|until| is_over(until, now)) && own.is_some_and(|own| own < member.rank)
    });
    Ok(ended.map(|member| member.account).collect())
}

/// Refuses a last day that is over already: it would remove whoever gets it.
pub fn check_until(access: &Access, now: i64) -> Result<()> {
    match access.until.as_deref().is_some_and(|day| is_over(day, now)) {
        true => Err(Error::Invalid("this last day is over: give a later one")),
        false => Ok(()),
    }
}

/// Whether a day has ended everywhere: a device's clock knows no other place than its own.
fn is_over(day: &str, now: i64) -> bool {
    time::parse_instant(&format!("{day}T23:59:59-12:00"))
        .is_some_and(|(last, _)| now / 1_000 > last)
}

/// The compartments whose newest key was never noted here, or is old or shut out (true).
fn old(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    now: i64,
) -> Result<Vec<(String, bool)>> {
    let mut old = Vec::new();
    for (number, name) in keyring.logs_of(record) {
        let Ok(epoch) = keyring.current_epoch(number) else {
            continue;
        };
        let noted = log::meta(conn, &format!("{SINCE}{number}"))?;
        let noted = noted.and_then(|noted| {
            let (id, since) = noted.split_first_chunk::<32>()?;
            (*id == epoch.id.0).then(|| i64::from_be_bytes(since.try_into().unwrap_or_default()))
        });
        match noted {
            None => old.push((name.to_owned(), false)),
            Some(since) => {
                let age = now.saturating_sub(since);
                let shut = age > SHUT_AFTER_MS && closing::was_shut(conn, number, epoch.id)?;
                if shut || age > ROTATE_AFTER_MS {
                    old.push((name.to_owned(), true));
                }
            }
        }
    }
    Ok(old)
}

fn note_keys(tx: &Connection, keyring: &Keyring, record: RecordId, now: i64) -> Result<()> {
    for (number, _) in keyring.logs_of(record) {
        let Ok(epoch) = keyring.current_epoch(number) else {
            continue;
        };
        let key = format!("{SINCE}{number}");
        let noted = log::meta(tx, &key)?;
        if !noted.is_some_and(|noted| noted.starts_with(&epoch.id.0)) {
            log::set_meta(
                tx,
                &key,
                &[epoch.id.0.as_slice(), &now.to_be_bytes()].concat(),
            )?;
        }
    }
    Ok(())
}
