//! What a person is shown of how their record comes together: each device's chains by its name, when it was last heard
//! of, what waits in quarantine and why, what was found wrong. Reads and names; decides nothing.

use super::detect;
use super::keyring::{self, Keyring};
use super::open::Unlocked;
use super::{Chain, Finding, History, LogHistory, persons, write};
use crate::error::{Error, Result};
use crate::roster::{DEVICES, Operation};
use crate::store::log::{self, Log, StoredFinding};
use carnet_wire::{Author, DeviceId, RecordId, kind};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

/// Every finding with its number, as people may read it: open ones first, the newest first.
pub fn findings(conn: &Connection, keyring: &Keyring) -> Result<Vec<(i64, Finding)>> {
    let stored = log::findings(conn)?;
    if stored.is_empty() {
        return Ok(Vec::new());
    }
    let logs: BTreeMap<i64, Log> = log::logs(conn)?
        .into_iter()
        .map(|log| (log.number, log))
        .collect();
    let describe = |stored: StoredFinding| (stored.number, finding(keyring, &logs, stored));
    Ok(stored.into_iter().map(describe).collect())
}

/// What was known before a contact, to tell afterwards what is new.
#[derive(Debug, Default)]
pub struct Before {
    open: BTreeSet<i64>,
    last: i64,
}

impl Before {
    /// The findings as they are now.
    pub fn of(conn: &Connection) -> Result<Self> {
        let findings = log::findings(conn)?;
        let open = findings.iter().filter(|finding| finding.healed.is_none());
        Ok(Self {
            open: open.map(|finding| finding.number).collect(),
            last: findings.iter().map(|one| one.number).max().unwrap_or(0),
        })
    }

    /// What a contact has to tell: what is open, and what was healed since.
    pub fn told(&self, conn: &Connection, keyring: &Keyring) -> Result<Vec<Finding>> {
        let findings = findings(conn, keyring)?.into_iter();
        let told = findings.filter(|(number, finding)| {
            finding.healed.is_none() || *number > self.last || self.open.contains(number)
        });
        Ok(told.map(|(_, finding)| finding).collect())
    }
}

fn finding(keyring: &Keyring, logs: &BTreeMap<i64, Log>, stored: StoredFinding) -> Finding {
    let found = stored.found;
    let log = found.log.and_then(|number| logs.get(&number));
    let missing_of_device = found.device.is_some() && found.log.is_some();
    Finding {
        kind: found.kind,
        severity: found.kind.severity(),
        record: log.map(|log| log.record),
        compartment: log.map(|log| log.name.clone()),
        device: found.device,
        device_name: found.device.and_then(|device| keyring.name_of(device)),
        witness_name: found.witness.and_then(|device| keyring.name_of(device)),
        relay: found.relay,
        missing: found.missing,
        range: missing_of_device.then_some((found.first, found.last)),
        since: stored.since,
        healed: stored.healed,
    }
}

/// The chains of one record, or of all and of the account.
pub fn history(conn: &Connection, keyring: &Keyring, record: Option<RecordId>) -> Result<History> {
    let names: BTreeMap<RecordId, String> = persons::persons(conn)?
        .into_iter()
        .map(|person| (person.record, person.name))
        .collect();
    let missing = detect::missing(conn, keyring)?;
    let mut logs = Vec::new();
    for log in log::logs(conn)? {
        if record.is_none_or(|record| record == log.record) {
            logs.push(LogHistory {
                record: log.record,
                person: names.get(&log.record).cloned(),
                chains: chains(conn, keyring, &log, &missing)?,
                held: held(conn, keyring, log.number)?,
                compartment: log.name,
            });
        }
    }
    let findings = findings(conn, keyring)?.into_iter();
    let findings = findings.map(|(_, finding)| finding).filter(|finding| {
        // What concerns a relay or this device concerns everybody.
        record.is_none() || finding.record.is_none() || finding.record == record
    });
    Ok(History {
        logs,
        findings: findings.collect(),
    })
}

fn chains(
    conn: &Connection,
    keyring: &Keyring,
    log: &Log,
    missing: &[detect::Missing],
) -> Result<Vec<Chain>> {
    let mut all: Vec<(Author, u64)> = log::tips(conn, log.number)?
        .into_iter()
        .map(|tip| (tip.author, tip.seq))
        .collect();
    // A device of which nothing has come is missing too.
    let of_log = || missing.iter().filter(|one| one.place.log == log.number);
    let unheard = of_log().map(|one| (one.place.author, 0));
    let unheard: Vec<_> = unheard
        .filter(|(author, _)| !all.iter().any(|(known, _)| known == author))
        .collect();
    all.extend(unheard);
    let lives = lives(conn)?;
    let mut chains = Vec::new();
    for (author, changes) in all {
        let missing = of_log().find(|one| one.place.author == author);
        chains.push(Chain {
            device: author.device,
            name: keyring.name_of(author.device),
            this: author == keyring.author,
            life: lives.get(&author).copied().unwrap_or(1),
            changes,
            heard: log::heard(conn, log.number, &author)?,
            missing: missing.map_or(0, |one| one.count),
            forked: log::is_forked(conn, log.number, &author)?,
            snapshots: log::numbers_of_kind(conn, log.number, &author, kind::SNAPSHOT)?,
        });
    }
    Ok(chains)
}

/// The lives of each device in the order this vault got to know them.
fn lives(conn: &Connection) -> Result<BTreeMap<Author, u64>> {
    let mut counts: BTreeMap<DeviceId, u64> = BTreeMap::new();
    let mut lives = BTreeMap::new();
    for author in log::authors(conn)? {
        let count = counts.entry(author.device).or_default();
        *count += 1;
        lives.insert(author, *count);
    }
    Ok(lives)
}

fn held(conn: &Connection, keyring: &Keyring, log: i64) -> Result<Vec<(&'static str, u64)>> {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (mailbox, reason, count) in log::held_by_mailbox(conn)? {
        if keyring.epoch_of(mailbox).is_some_and(|(of, _)| of == log) {
            *counts.entry(reason.word()).or_default() += count;
        }
    }
    Ok(counts.into_iter().collect())
}

/// Writes another name for a device of the person into the account.
pub fn rename_device(open: &Unlocked, device: DeviceId, name: &str) -> Result<()> {
    persons::check_name(name)?;
    let devices = open.keyring()?.devices();
    let known = devices.iter().find(|known| known.id == device);
    let known = known.ok_or(Error::NotFound("a device with this name or id"))?;
    if known.name == name {
        return Ok(());
    }
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let log = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
        let rename = Operation::RenameDevice {
            device,
            name: name.to_owned(),
        };
        write::write_operations(tx, &keyring, log, &[rename])?;
        Ok(())
    })
}
