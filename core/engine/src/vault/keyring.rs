//! The keys and rosters a vault works with while it is unlocked: read from the database, folded, never written here.
//!
//! Another process may add an epoch or a device at any time, so a keyring knows the number of operations it was folded
//! from and is loaded again when the database holds more.
//!
//! Which key new envelopes get is decided here, and only here ([`Keyring::current_epoch`]): the head of the compartment's
//! epochs whose recipients all still belong there. A head that somebody holds who does not is used to read, never to write.

use super::Device;
use crate::error::{Error, Result};
use crate::roster::{
    self, Access, DEVICES, KEYRING, KnownAccount, ROSTER, Roster, SignedOperations, Verdict,
    Written,
};
use crate::seal::{self, AccountKeys, DeviceKeys, DeviceKind, Epoch, EpochSecrets, Opened};
use crate::store::log::{self, Log, StoredChange};
use carnet_wire::{
    AccountId, Author, Canonical, ChangeId, CompartmentId, DeviceId, EpochId, Header, Incarnation,
    MailboxId, RecordId, kind, limits,
};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use zeroize::Zeroizing;

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
    /// The account's keys, every generation this device was given, in the order they came.
    account_keys: Vec<Arc<AccountKeys>>,
    /// Every epoch this vault can open, with its log.
    pub epochs: Vec<(i64, Epoch)>,
    /// The folded roster of the account and of every record.
    pub rosters: BTreeMap<RecordId, Roster>,
    /// Every log of the vault.
    logs: BTreeMap<i64, Log>,
    /// How many operations this was folded from.
    pub version: u64,
}

impl Keyring {
    /// Reads and folds everything.
    pub fn load(conn: &Connection, database_key: &[u8; 32]) -> Result<Self> {
        let device = DeviceKeys::from_bytes(&read_secret(conn, database_key, "device")?)?;
        let mut accounts = Vec::new();
        for stored in read_accounts(conn, database_key)? {
            accounts.push(Arc::new(AccountKeys::from_bytes(&stored)?));
        }
        Self::fold(conn, (Arc::new(device), accounts), &[])
    }

    /// The same vault again, once operations came. Keys that are what they were are not expanded again: that costs more than
    /// all the rest.
    pub fn reload(&self, conn: &Connection, database_key: &[u8; 32]) -> Result<Self> {
        let device = read_secret(conn, database_key, "device")?;
        let device = match self.device.to_bytes() == device {
            true => self.device.clone(),
            false => Arc::new(DeviceKeys::from_bytes(&device)?),
        };
        let mut accounts = Vec::new();
        for stored in read_accounts(conn, database_key)? {
            let known = self
                .account_keys
                .iter()
                .find(|keys| keys.to_bytes() == stored);
            accounts.push(match known {
                Some(known) => known.clone(),
                None => Arc::new(AccountKeys::from_bytes(&stored)?),
            });
        }
        Self::fold(conn, (device, accounts), &self.epochs)
    }

    /// The same keys with operations and epochs as they are now: for a transaction that has just written some.
    pub fn refold(&self, conn: &Connection) -> Result<Self> {
        let keys = (self.device.clone(), self.account_keys.clone());
        Self::fold(conn, keys, &self.epochs)
    }

    fn fold(
        conn: &Connection,
        (device, account_keys): (Arc<DeviceKeys>, Vec<Arc<AccountKeys>>),
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
            logs,
            version: operations_merged(conn)?,
        })
    }

    /// The account's keys as everybody wraps to them now.
    pub fn account_keys(&self) -> Result<&AccountKeys> {
        let known = self.own_account();
        let current = |keys: &&Arc<AccountKeys>| {
            known.is_some_and(|known| {
                known.generation == keys.generation() && known.kem == keys.kem_public()
            })
        };
        let keys = self.account_keys.iter();
        let current = keys.clone().find(current).or_else(|| keys.clone().last());
        let current = current.ok_or(Error::Corrupt("a private key is missing"))?;
        Ok(current)
    }

    /// Every generation of the account's keys, the newest first.
    pub fn all_account_keys(&self) -> impl Iterator<Item = &AccountKeys> {
        let mut keys: Vec<&AccountKeys> = self.account_keys.iter().map(Arc::as_ref).collect();
        keys.sort_by_key(|keys| std::cmp::Reverse(keys.generation()));
        keys.into_iter()
    }

    /// The person's account, once its founding is here.
    pub fn own_account(&self) -> Option<&KnownAccount> {
        self.roster(self.account_record())?.account(self.account)
    }

    /// Whether a change of a record or account counts, by all that is known of its roster.
    pub fn judge(&self, header: &Header, id: ChangeId) -> Verdict {
        let written = Written {
            id,
            record: header.record,
            compartment: header.compartment,
            author: header.author,
            seq: header.seq,
            seen: &header.seen,
            frontier: &header.frontier,
        };
        match (self.roster(header.record), header.kind) {
            (None, _) => Verdict::Waits,
            (Some(roster), kind::SNAPSHOT) => roster.verdict_of_snapshot(&written),
            (Some(roster), _) => roster.verdict(&written),
        }
    }

    /// What this device names as the frontier of what it writes to a record.
    pub fn frontier(&self, record: RecordId) -> Vec<ChangeId> {
        let heads = self
            .roster(record)
            .map(|roster| roster.heads_of(self.account));
        let mut heads = heads.unwrap_or_default();
        heads.truncate(limits::MAX_FRONTIER);
        heads
    }

    /// What this person may do in a record; none where they are no member (any more).
    pub fn access(&self, record: RecordId) -> Option<Access> {
        let known = self.roster(record)?.record(record)?;
        let member = known.member(self.account).filter(|_| self.is_live())?;
        Some(member.access())
    }

    /// Whether this device is one of its account's, and was not removed.
    pub fn is_live(&self) -> bool {
        self.own_account()
            .is_some_and(|account| account.devices.contains_key(&self.author.device))
    }

    /// Whether this device may write to a compartment, as far as it knows.
    pub fn may_write(&self, record: RecordId, name: &str) -> bool {
        self.access(record)
            .is_some_and(|access| access.role.writes() && access.reaches(name))
    }

    /// Whether this device is an owner's, whatever compartments they have.
    pub fn owns_any(&self, record: RecordId) -> bool {
        self.access(record)
            .is_some_and(|access| access.role == roster::Role::Owner)
    }

    /// Whether this device is an owner's, of this compartment.
    pub fn owns(&self, record: RecordId, name: &str) -> bool {
        self.access(record)
            .is_some_and(|access| access.role == roster::Role::Owner && access.reaches(name))
    }

    /// Every mailbox this vault can open.
    pub fn mailboxes(&self) -> BTreeSet<MailboxId> {
        self.epochs.iter().map(|(_, epoch)| epoch.mailbox).collect()
    }

    /// The epoch that new changes of a log are sealed under: a head that nobody holds who does not belong there, the smallest
    /// id of several. `NotFound` where there is none: [`super::rotation`] mints one for who may.
    pub fn current_epoch(&self, log: i64) -> Result<&Epoch> {
        self.newest_epochs(log)
            .into_iter()
            .filter(|epoch| self.is_clean(epoch))
            .min_by_key(|epoch| epoch.id)
            .ok_or(Error::NotFound(
                "a key of this compartment that is not outdated",
            ))
    }

    /// Which compartment of which record a log is of.
    pub fn place_of(&self, log: i64) -> Option<(RecordId, &str)> {
        let log = self.logs.get(&log)?;
        Some((log.record, log.name.as_str()))
    }

    /// Whether keys are handed out in a log.
    pub fn is_roster(&self, log: i64) -> bool {
        matches!(self.place_of(log), Some((_, ROSTER | DEVICES)))
    }

    /// The logs of a record, by number, with their compartments' names.
    pub fn logs_of(&self, record: RecordId) -> impl Iterator<Item = (i64, &str)> {
        let logs = self.logs.iter();
        logs.filter(move |(_, log)| log.record == record)
            .map(|(number, log)| (*number, log.name.as_str()))
    }

    /// The records this vault holds, accounts left out.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        let logs = self.logs.values();
        logs.filter(|log| log.name == ROSTER).map(|log| log.record)
    }

    /// The epoch that operations are sealed under: like every other, or, where this device cannot have the key renewed, the
    /// outdated one. Somebody who left may then read who is a member, and nothing else.
    pub fn writing_epoch(&self, log: i64) -> Result<&Epoch> {
        let newest = || {
            self.newest_epochs(log)
                .into_iter()
                .min_by_key(|epoch| epoch.id)
        };
        self.current_epoch(log)
            .or_else(|error| newest().ok_or(error))
    }

    /// The epochs of a log that this device holds and none that it knows of replaces.
    pub fn newest_epochs(&self, log: i64) -> Vec<&Epoch> {
        let of_log = || {
            let all = self.epochs.iter();
            all.filter(move |(number, _)| *number == log)
                .map(|(_, epoch)| epoch)
        };
        let replaced = |epoch: &Epoch| {
            let heads = self.heads(epoch);
            of_log().any(|other| other.parents.contains(&epoch.id))
                || !heads.is_empty() && !heads.contains(&epoch.id)
        };
        of_log().filter(|epoch| !replaced(epoch)).collect()
    }

    /// The heads the roster knows of an epoch's compartment. Empty for a first epoch that is founded with its log.
    fn heads(&self, epoch: &Epoch) -> Vec<EpochId> {
        let roster = self.roster(epoch.record);
        roster
            .map(|roster| roster.epoch_heads(epoch.record, epoch.compartment))
            .unwrap_or_default()
    }

    fn is_clean(&self, epoch: &Epoch) -> bool {
        let Some(roster) = self.roster(epoch.record) else {
            return true;
        };
        !roster.is_outdated(epoch.record, epoch.compartment, epoch.id)
            && !roster.is_account_epoch_outdated(AccountId(epoch.record.0), epoch.id)
    }

    /// The secrets this device has of an epoch.
    pub fn epoch(&self, id: EpochId) -> Option<&Epoch> {
        let mut all = self.epochs.iter();
        all.find(|(_, epoch)| epoch.id == id)
            .map(|(_, epoch)| epoch)
    }

    /// The epoch whose envelopes lie in a mailbox.
    pub fn epoch_of(&self, mailbox: MailboxId) -> Option<(i64, &Epoch)> {
        self.epochs
            .iter()
            .find(|(_, epoch)| epoch.mailbox == mailbox)
            .map(|(log, epoch)| (*log, epoch))
    }

    /// Whether new changes of its log are sealed under the epoch of a mailbox.
    pub fn is_current(&self, mailbox: MailboxId) -> bool {
        self.epoch_of(mailbox).is_some_and(|(log, epoch)| {
            self.current_epoch(log)
                .is_ok_and(|current| current.id == epoch.id)
        })
    }

    /// Whether this vault can read what is sealed under an epoch.
    pub fn holds(&self, id: EpochId) -> bool {
        self.epoch(id).is_some()
    }

    /// The roster that decides about a record (or about the account).
    pub fn roster(&self, record: RecordId) -> Option<&Roster> {
        self.rosters.get(&record)
    }

    /// The person's phones, this one marked.
    pub fn devices(&self) -> Vec<Device> {
        let account = self.own_account().into_iter();
        let phones = account.flat_map(|account| account.live(DeviceKind::Phone));
        phones
            .map(|card| Device {
                id: card.id,
                name: card.name.clone(),
                this: card.id == self.author.device,
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

/// Keeps another generation of the account's keys; one that is there already is harmless.
pub fn keep_account_keys(
    conn: &Connection,
    database_key: &[u8; 32],
    keys: &AccountKeys,
) -> Result<()> {
    let bytes = keys.to_bytes();
    let stored = read_accounts(conn, database_key)?;
    if stored.contains(&bytes) {
        return Ok(());
    }
    let slot = account_slot(stored.len());
    let sealed = seal::seal_secret(database_key, &slot, &bytes)?;
    log::set_secret(conn, &slot, &sealed)
}

/// Keeps an epoch and its log. Secrets are only added: who had those for writing keeps them when given those for reading.
pub fn keep_epoch(conn: &Connection, epoch: &Epoch, name: &str) -> Result<i64> {
    let log = log::ensure_log(conn, epoch.record, epoch.compartment, name)?;
    let mut secrets = epoch.secrets.clone();
    if let Some(known) = log::epoch_secrets(conn, epoch.id)? {
        let known = EpochSecrets::from_bytes(&known)?;
        secrets.write = known.write.or(secrets.write);
        secrets.retire = known.retire.or(secrets.retire);
    }
    let stored = log::StoredEpoch {
        epoch: epoch.id,
        log,
        mailbox: epoch.mailbox,
        parents: epoch.parents.to_canonical(),
        secrets: secrets.to_bytes().to_vec(),
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
) -> Result<Zeroizing<Vec<u8>>> {
    let sealed = log::secret(conn, slot)?.ok_or(Error::Corrupt("a private key is missing"))?;
    seal::open_secret(database_key, slot, &sealed)
}

/// What the account's keys are stored under: those the vault began with, then later and earlier ones as they came.
fn account_slot(number: usize) -> String {
    match number {
        0 => "account".to_owned(),
        _ => format!("account {number}"),
    }
}

fn read_accounts(conn: &Connection, database_key: &[u8; 32]) -> Result<Vec<Zeroizing<Vec<u8>>>> {
    let mut stored = vec![read_secret(conn, database_key, &account_slot(0))?];
    while let Some(sealed) = log::secret(conn, &account_slot(stored.len()))? {
        let slot = account_slot(stored.len());
        stored.push(seal::open_secret(database_key, &slot, &sealed)?);
    }
    Ok(stored)
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
