//! The keys and rosters a vault works with while it is unlocked: read from the database, folded, never written here.
//!
//! Another process may add an epoch or a device at any time, so a keyring knows the number of operations it was folded
//! from and is loaded again when the database holds more.

use super::Device;
use crate::error::{Error, Result};
use crate::roster::{self, DEVICES, KEYRING, ROSTER, Roster, SignedOperations};
use crate::seal::{self, AccountKeys, DeviceKeys, Epoch, EpochSecrets, Opened};
use crate::store::log::{self, Log, StoredChange};
use carnet_wire::{
    AccountId, Author, Canonical, CompartmentId, DeviceId, EpochId, Header, Incarnation, MailboxId,
    RecordId, kind,
};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The compartment where data goes unless someone says otherwise.
pub const GENERAL: &str = "general";
/// The compartments a record begins with.
pub const FIRST_COMPARTMENTS: [&str; 3] = [GENERAL, "private", "series"];

/// Setting: how many operations have been merged.
const OPERATIONS: &str = "operations";
/// Setting: the account's id.
const ACCOUNT: &str = "account";
/// Setting: the current incarnation.
const INCARNATION: &str = "incarnation";

/// Keys and rosters, as of some number of merged operations.
pub struct Keyring {
    /// This device's keys.
    pub device: Arc<DeviceKeys>,
    /// This device in its current life.
    pub author: Author,
    /// The person's account.
    pub account: AccountId,
    /// The account's keys.
    pub account_keys: Arc<AccountKeys>,
    /// Every epoch this vault can open, with its log.
    pub epochs: Vec<(i64, Epoch)>,
    /// The folded roster of the account and of every record.
    pub rosters: BTreeMap<RecordId, Roster>,
    /// How many operations this was folded from.
    pub version: u64,
}

impl Keyring {
    /// Reads and folds everything.
    pub fn load(conn: &Connection, database_key: &[u8; 32]) -> Result<Self> {
        let device = DeviceKeys::from_bytes(&read_secret(conn, database_key, "device")?)?;
        let account = AccountKeys::from_bytes(&read_secret(conn, database_key, "account")?)?;
        Self::fold(conn, (Arc::new(device), Arc::new(account)), &[])
    }

    /// The same vault again, once operations came. Keys that are what they were are not expanded again: that costs more than
    /// all the rest.
    pub fn reload(&self, conn: &Connection, database_key: &[u8; 32]) -> Result<Self> {
        let device = read_secret(conn, database_key, "device")?;
        let device = match self.device.to_bytes() == device {
            true => self.device.clone(),
            false => Arc::new(DeviceKeys::from_bytes(&device)?),
        };
        let account = read_secret(conn, database_key, "account")?;
        let account = match self.account_keys.to_bytes() == account {
            true => self.account_keys.clone(),
            false => Arc::new(AccountKeys::from_bytes(&account)?),
        };
        Self::fold(conn, (device, account), &self.epochs)
    }

    fn fold(
        conn: &Connection,
        (device, account_keys): (Arc<DeviceKeys>, Arc<AccountKeys>),
        known: &[(i64, Epoch)],
    ) -> Result<Self> {
        let account = AccountId(read_meta(conn, ACCOUNT)?);
        let author = Author {
            device: device.id(),
            incarnation: Incarnation(read_meta(conn, INCARNATION)?),
        };
        let logs: BTreeMap<i64, Log> = log::logs(conn)?
            .into_iter()
            .map(|log| (log.number, log))
            .collect();
        Ok(Self {
            device,
            author,
            account,
            account_keys,
            epochs: read_epochs(conn, &logs, known)?,
            rosters: fold_rosters(conn, &logs)?,
            version: operations_merged(conn)?,
        })
    }

    /// Whether a device may write to a compartment of a record.
    pub fn may_write(
        &self,
        device: DeviceId,
        record: RecordId,
        compartment: CompartmentId,
    ) -> bool {
        let roster = self.roster(record);
        roster.is_some_and(|roster| roster.may_write(device, compartment))
    }

    /// Every mailbox this vault can open.
    pub fn mailboxes(&self) -> BTreeSet<MailboxId> {
        self.epochs.iter().map(|(_, epoch)| epoch.mailbox).collect()
    }

    /// The epoch that new changes of a log are sealed under: the one no other epoch replaces, the smallest id of several.
    pub fn current_epoch(&self, log: i64) -> Result<&Epoch> {
        let of_log = || {
            self.epochs
                .iter()
                .filter(move |(number, _)| *number == log)
                .map(|(_, epoch)| epoch)
        };
        let replaced = |epoch: &Epoch| of_log().any(|other| other.parents.contains(&epoch.id));
        of_log()
            .filter(|epoch| !replaced(epoch))
            .min_by_key(|epoch| epoch.id)
            .ok_or(Error::NotFound("the key of this compartment"))
    }

    /// The epoch whose envelopes lie in a mailbox.
    pub fn epoch_of(&self, mailbox: MailboxId) -> Option<(i64, &Epoch)> {
        self.epochs
            .iter()
            .find(|(_, epoch)| epoch.mailbox == mailbox)
            .map(|(log, epoch)| (*log, epoch))
    }

    /// Whether this vault has an epoch's secrets.
    pub fn holds(&self, id: EpochId) -> bool {
        self.epochs.iter().any(|(_, epoch)| epoch.id == id)
    }

    /// The roster that decides about a record (or about the account).
    pub fn roster(&self, record: RecordId) -> Option<&Roster> {
        self.rosters.get(&record)
    }

    /// The person's devices, this one marked.
    pub fn devices(&self) -> Vec<Device> {
        let account = self
            .roster(self.account_record())
            .and_then(|roster| roster.account(self.account));
        let devices = account
            .into_iter()
            .flat_map(|account| account.devices.iter());
        devices
            .map(|(id, known)| Device {
                id: *id,
                name: known.card.name.clone(),
                this: *id == self.author.device,
            })
            .collect()
    }

    /// The name of a device, of whatever account it is known in.
    pub fn name_of(&self, device: DeviceId) -> Option<String> {
        let known = |roster: &Roster| {
            roster
                .accounts()
                .find_map(|(_, account)| account.devices.get(&device))
                .map(|known| known.card.name.clone())
        };
        let own = self.roster(self.account_record()).and_then(known);
        own.or_else(|| self.rosters.values().find_map(known))
    }

    /// The name this device was given.
    pub fn device_name(&self) -> String {
        self.devices()
            .into_iter()
            .find(|device| device.this)
            .map(|device| device.name)
            .unwrap_or_default()
    }

    /// The pseudo-record of the account's own logs.
    pub fn account_record(&self) -> RecordId {
        RecordId(self.account.0)
    }
}

/// How many operations have been merged: a keyring folded from fewer is stale.
pub fn operations_merged(conn: &Connection) -> Result<u64> {
    let bytes = log::meta(conn, OPERATIONS)?;
    Ok(bytes
        .and_then(|bytes| bytes.try_into().ok())
        .map_or(0, u64::from_be_bytes))
}

/// Notes that one more change of operations was merged.
pub fn count_operations(conn: &Connection) -> Result<()> {
    let next = operations_merged(conn)? + 1;
    log::set_meta(conn, OPERATIONS, &next.to_be_bytes())
}

/// Writes what a new vault begins with.
pub fn write_identity(
    conn: &Connection,
    database_key: &[u8; 32],
    device: &DeviceKeys,
    account: AccountId,
    account_keys: &AccountKeys,
) -> Result<()> {
    log::set_secret(
        conn,
        "device",
        &seal::seal_secret(database_key, "device", &device.to_bytes())?,
    )?;
    log::set_secret(
        conn,
        "account",
        &seal::seal_secret(database_key, "account", &account_keys.to_bytes())?,
    )?;
    log::set_meta(conn, ACCOUNT, account.as_ref())?;
    begin_incarnation(conn)
}

/// Draws a new incarnation: chains and Automerge actors of the earlier life are never continued.
pub fn begin_incarnation(conn: &Connection) -> Result<()> {
    log::set_meta(conn, INCARNATION, &seal::make_random::<8>()?)
}

/// Keeps an epoch and its log.
pub fn keep_epoch(conn: &Connection, epoch: &Epoch, name: &str) -> Result<i64> {
    let log = log::ensure_log(conn, epoch.record, epoch.compartment, name)?;
    let stored = log::StoredEpoch {
        epoch: epoch.id,
        log,
        mailbox: epoch.mailbox,
        parents: epoch.parents.to_canonical(),
        secrets: epoch.secrets.to_bytes().to_vec(),
    };
    log::put_epoch(conn, &stored)?;
    Ok(log)
}

/// The id of a log by record and compartment name.
pub fn log_number(conn: &Connection, record: RecordId, name: &str) -> Result<i64> {
    let log = log::log_of(conn, record, CompartmentId::derive(record, name))?;
    Ok(log.ok_or(Error::NotFound("this record"))?.number)
}

fn read_secret(
    conn: &Connection,
    database_key: &[u8; 32],
    slot: &str,
) -> Result<zeroize::Zeroizing<Vec<u8>>> {
    let sealed = log::secret(conn, slot)?.ok_or(Error::Corrupt("a private key is missing"))?;
    seal::open_secret(database_key, slot, &sealed)
}

fn read_meta<const N: usize>(conn: &Connection, key: &str) -> Result<[u8; N]> {
    let bytes = log::meta(conn, key)?.ok_or(Error::Corrupt("a setting is missing"))?;
    bytes
        .try_into()
        .map_err(|_| Error::Corrupt("a setting has the wrong length"))
}

fn read_epochs(
    conn: &Connection,
    logs: &BTreeMap<i64, Log>,
    known: &[(i64, Epoch)],
) -> Result<Vec<(i64, Epoch)>> {
    let mut epochs = Vec::new();
    for stored in log::epochs(conn)? {
        let same = |(_, epoch): &&(i64, Epoch)| {
            epoch.id == stored.epoch && *epoch.secrets.to_bytes() == stored.secrets
        };
        if let Some(known) = known.iter().find(same) {
            epochs.push(known.clone());
            continue;
        }
        let log = logs
            .get(&stored.log)
            .ok_or(Error::Corrupt("an epoch has no log"))?;
        let parents = Vec::from_canonical(&stored.parents)?;
        let secrets = EpochSecrets::from_bytes(&stored.secrets)?;
        epochs.push((
            stored.log,
            Epoch::from_secrets(log.record, log.compartment, parents, secrets, stored.epoch)?,
        ));
    }
    Ok(epochs)
}

/// Folds each account's own logs, and each record's roster with the devices of its members' accounts.
fn fold_rosters(
    conn: &Connection,
    logs: &BTreeMap<i64, Log>,
) -> Result<BTreeMap<RecordId, Roster>> {
    let named = |names: &'static [&'static str]| {
        logs.values()
            .filter(move |log| names.contains(&log.name.as_str()))
    };
    let mut rosters = BTreeMap::new();
    let mut devices = Vec::new();
    for log in named(&[DEVICES]) {
        devices.extend(read_operations(conn, log)?);
    }
    for account in named(&[DEVICES]) {
        let mut operations: Vec<_> = devices
            .iter()
            .filter(|change| change.record == account.record)
            .cloned()
            .collect();
        for log in named(&[KEYRING]).filter(|log| log.record == account.record) {
            operations.extend(read_operations(conn, log)?);
        }
        rosters.insert(account.record, roster::fold(&operations));
    }
    for log in named(&[ROSTER]) {
        let mut operations = devices.clone();
        operations.extend(read_operations(conn, log)?);
        rosters.insert(log.record, roster::fold(&operations));
    }
    Ok(rosters)
}

/// The signed operations of a log.
pub fn read_operations(conn: &Connection, log: &Log) -> Result<Vec<SignedOperations>> {
    let mut operations = Vec::new();
    log::each_change(conn, log.number, kind::OPERATIONS, |change| {
        operations.push(SignedOperations::read(&reopened(change)?)?);
        Ok(())
    })?;
    Ok(operations)
}

/// A stored change as it was when its envelope was opened.
fn reopened(change: StoredChange) -> Result<Opened> {
    Ok(Opened {
        header: Header::from_bytes(&change.header)?,
        header_bytes: change.header,
        signature: change.signature,
        body: change.body,
        id: change.id,
    })
}
