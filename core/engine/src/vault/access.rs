//! The access log: who joined, was granted something or removed, what was imported, exported and handed over.
//!
//! Each compartment has a log of its own, written into it like everything else: whoever does not have a compartment cannot see that
//! anything happens there, nor how often. What concerns members stands in `general`. An event is written in the transaction of
//! what it tells, by the device that did it, and names the last event of every other device: nobody can leave one out, change
//! or move it without that showing ([`read`]); this device also remembers how far the logs had come ([`remember`]).
//!
//! A person's new phone is not told here: adding one touches their account alone, not every record they share (design §8); it stands
//! in their own signed log of devices. A lost one is: every record is touched anyway, because it gets new keys. Only who may write to a compartment can write into its log: what a reader's device does (an export) is not told here.
//! Neither is what somebody does without this program: the log shows what honest devices did, and that no dishonest one took
//! it back.

use super::keyring::{self, GENERAL, Keyring};
use super::members;
use super::open::Unlocked;
use super::write::{self, ChangeBuilder};
use crate::error::{Error, Result};
use crate::record::change::Item;
use crate::roster::{AccessEvent, Act, ROSTER, Tampering, Tip, verify_access_log};
use crate::store::access::{self, AccessLine};
use crate::store::log;
use carnet_wire::{AccountId, Canonical, DeviceId, RecordId, limits};
use rusqlite::{Connection, Transaction};

const NOBODY: Error = Error::Invalid("say to whom it was given, as people call them");
/// Setting: the tips of a log at its last check.
const REMEMBERED: &str = "access log of ";

/// The access log of a record, as far as this person may read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// What happened, in the order of its causes.
    pub entries: Vec<AccessEntry>,
    /// What was done to the log: empty when nobody touched it.
    pub problems: Vec<AccessProblem>,
    /// Whether a part of it is still on its way to this device and was not checked.
    pub loading: bool,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// Where.
    pub compartment: String,
    /// When, in milliseconds since 1970 by the device's clock.
    pub at: i64,
    /// Which device did it.
    pub device: DeviceId,
    /// Its name, where it is known.
    pub device_name: Option<String>,
    /// What.
    pub act: Act,
    /// How the person or device it was done to is called, where somebody is concerned and said so.
    pub whom: Option<String>,
}

/// An event that was changed, left out or moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessProblem {
    /// In which compartment's log.
    pub compartment: String,
    /// Which device's event.
    pub device: DeviceId,
    /// Its name, where it is known.
    pub device_name: Option<String>,
    /// Its number.
    pub number: u64,
    /// `changed`, `missing` or `moved`.
    pub what: &'static str,
}

/// Writes what this device did into the log of a compartment. `now` is in milliseconds. Returns whether it could.
pub fn note(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    (record, compartment): (RecordId, &str),
    now: i64,
    act: Act,
) -> Result<bool> {
    if !keyring.may_write(record, compartment) {
        return Ok(false);
    }
    let log = keyring::log_number(tx, record, compartment)?;
    let mut change = ChangeBuilder::default();
    add(tx, keyring, log, now, act, &mut change)?;
    write::write_change(tx, keyring, log, &change.finish(now), None)?;
    Ok(true)
}

/// Adds what this device does to the change that does it.
pub fn add(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    now: i64,
    act: Act,
    change: &mut ChangeBuilder,
) -> Result<()> {
    let (record, _) = keyring
        .place_of(log)
        .ok_or(Error::NotFound("this compartment"))?;
    let last = access::last_lines(tx, log)?;
    let tips: Vec<Tip> = last
        .iter()
        .filter_map(|line| event(line).map(|event| event.tip()))
        .collect();
    let at = (now / 1_000).max(0).unsigned_abs();
    let event = AccessEvent::next(record, keyring.author, &tips, at, act)?;
    let body = change.body(event.to_bytes())?;
    change.item(Item::Access { body });
    Ok(())
}

/// That so many items came in, from a file of this name.
pub fn imported(items: u64, from: &str) -> Act {
    Act::Imported {
        items,
        from: presentable(from),
    }
}

/// Writes that data went out to a file, into the log of every compartment some of it was taken from.
pub fn note_export(open: &Unlocked, record: RecordId, form: &str) -> Result<()> {
    let now = open.clock.now();
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        for name in filled(tx, &keyring, record)? {
            let act = Act::Exported {
                form: form.to_owned(),
            };
            note(tx, &keyring, (record, &name), now, act)?;
        }
        Ok(())
    })
}

/// Writes that what a record holds was given to somebody who is no member.
pub fn note_handover(open: &Unlocked, record: RecordId, to: &str) -> Result<()> {
    let now = open.clock.now();
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        members::known(&keyring, record)?;
        let from = filled(tx, &keyring, record)?;
        handed_over(tx, &keyring, record, (to, &from), now)
    })
}

/// Writes a handover into the log of each compartment something was taken from. Each names itself alone: who has one does
/// not learn that there are others.
pub fn handed_over(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    (to, from): (&str, &[String]),
    now: i64,
) -> Result<()> {
    let to = presentable(to);
    if to.trim().is_empty() {
        return Err(NOBODY);
    }
    for name in from {
        let act = Act::HandedOver {
            to: to.clone(),
            compartments: vec![name.clone()],
        };
        note(tx, keyring, (record, name), now, act)?;
    }
    Ok(())
}

/// The compartments with something in them, and `general`.
fn filled(tx: &Connection, keyring: &Keyring, record: RecordId) -> Result<Vec<String>> {
    let all = super::compartments::compartments(tx, keyring, record)?;
    let filled = all
        .into_iter()
        .filter(|one| one.items > 0 || one.name == GENERAL);
    Ok(filled.map(|one| one.name).collect())
}

/// A name as the log takes it: no control characters, not too long.
fn presentable(name: &str) -> String {
    let mut shown = String::new();
    for c in name.chars().filter(|c| !c.is_control()) {
        if shown.len() + c.len_utf8() > limits::MAX_NAME_BYTES {
            break;
        }
        shown.push(c);
    }
    shown
}

/// The event of a line; none for one that is of a later version, malformed, or not of the device that signed it.
fn event(line: &AccessLine) -> Option<AccessEvent> {
    let event = AccessEvent::from_bytes(&line.body).ok();
    event.filter(|event| event.author == line.author)
}

/// Reads and checks the log of a record.
pub fn read(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<AccessLog> {
    members::known(keyring, record)?;
    let mut found = AccessLog::default();
    for (log, name) in data_logs(keyring, record) {
        let (events, problem) = check(conn, keyring, record, log)?;
        for event in events {
            found
                .entries
                .push(describe(conn, keyring, record, name, event)?);
        }
        // What has not arrived yet is missing for no bad reason.
        match log::is_loading(conn, log)? {
            true => found.loading = true,
            false => found
                .problems
                .extend(problem.map(|what| problem_of(keyring, name, what))),
        }
    }
    found.entries.sort_by_key(|entry| entry.at);
    Ok(found)
}

/// Notes how far the logs of a record have come, where they are whole: the next check misses what is cut off their ends.
pub fn remember(tx: &Connection, keyring: &Keyring, record: RecordId) -> Result<()> {
    for (log, _) in data_logs(keyring, record) {
        let (events, problem) = check(tx, keyring, record, log)?;
        if problem.is_none() && !log::is_loading(tx, log)? {
            let tips = verify_access_log(record, &events, &[]).unwrap_or_default();
            log::set_meta(tx, &format!("{REMEMBERED}{log}"), &tips.to_canonical())?;
        }
    }
    Ok(())
}

fn data_logs(keyring: &Keyring, record: RecordId) -> impl Iterator<Item = (i64, &str)> {
    let logs = keyring.logs_of(record);
    logs.filter(|(_, name)| *name != ROSTER)
}

fn check(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    log: i64,
) -> Result<(Vec<AccessEvent>, Option<Tampering>)> {
    let mut events = Vec::new();
    let mut forged = None;
    for line in access::lines(conn, log)? {
        match event(&line) {
            Some(event) => events.push(event),
            None => forged = forged.or(Some(line.author.device)),
        }
    }
    let forged = forged.map(|device| Tampering::Changed { device, number: 0 });
    let remembered = remembered(conn, keyring, record, log)?;
    let checked = verify_access_log(record, &events, &remembered);
    Ok((events, forged.or(checked.err())))
}

/// The tips of the last check, of devices that still belong here: what a removed one wrote too late was rightly set aside.
fn remembered(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    log: i64,
) -> Result<Vec<Tip>> {
    let Some(bytes) = log::meta(conn, &format!("{REMEMBERED}{log}"))? else {
        return Ok(Vec::new());
    };
    let mut tips: Vec<Tip> = Vec::from_canonical(&bytes)?;
    let (roster, known) = members::known(keyring, record)?;
    let belongs = |device: &DeviceId| {
        let accounts = known.members.iter();
        let mut accounts = accounts.filter_map(|member| roster.account(member.account));
        accounts.any(|account| account.devices.contains_key(device))
    };
    tips.retain(|tip| belongs(&tip.author.device));
    Ok(tips)
}

fn describe(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    compartment: &str,
    event: AccessEvent,
) -> Result<AccessEntry> {
    let whom = match &event.act {
        Act::Joined { account }
        | Act::Granted { account, .. }
        | Act::Removed { account }
        | Act::TookOver { account } => called(conn, keyring, record, *account)?,
        Act::DeviceAdded { device, .. } | Act::DeviceRemoved { device, .. } => {
            keyring.name_of(*device)
        }
        Act::Imported { .. } | Act::Exported { .. } | Act::HandedOver { .. } => None,
    };
    let device = event.author.device;
    Ok(AccessEntry {
        compartment: compartment.to_owned(),
        at: i64::try_from(event.at)
            .unwrap_or(i64::MAX / 1_000)
            .saturating_mul(1_000),
        device,
        device_name: keyring.name_of(device),
        act: event.act,
        whom,
    })
}

/// How a member calls themselves, or did.
fn called(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    account: AccountId,
) -> Result<Option<String>> {
    let (roster, _) = members::known(keyring, record)?;
    let number = keyring::log_number(conn, record, ROSTER)?;
    let log = log::logs(conn)?
        .into_iter()
        .find(|log| log.number == number);
    let changes = log
        .map(|log| keyring::read_operations(conn, &log))
        .transpose()?;
    let name = members::last_name(roster, &changes.unwrap_or_default(), account);
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn problem_of(keyring: &Keyring, compartment: &str, tampering: Tampering) -> AccessProblem {
    let (device, number, what) = match tampering {
        Tampering::Changed { device, number } => (device, number, "changed"),
        Tampering::Missing { device, number } => (device, number, "missing"),
        Tampering::Moved { device, number } => (device, number, "moved"),
    };
    AccessProblem {
        compartment: compartment.to_owned(),
        device,
        device_name: keyring.name_of(device),
        number,
        what,
    }
}
