//! Sync, transfers, and the vault's condition.

use crate::ids::{CountedWord, HeaderPair, Numbers, Word};
use carnet::VaultError;
use carnet::vault::{
    Chain, CompactReport, Direction, Finding, FindingKind, History, LogHistory,
    Role as MeetingRole, Severity, SyncReport, Transfer, VerifyReport, WatchEvent,
};
use carnet_wire::{DeviceId, RecordId};
use std::path::PathBuf;
use std::time::Duration;

/// What a sync did. `complete` says whether everything there was has been exchanged before the deadline.
#[uniffi::remote(Record)]
pub struct SyncReport {
    pub sent: u64,
    pub received: u64,
    pub stored: u64,
    pub quarantined: u64,
    pub bytes_sent: u64,
    pub bytes_received: u64,
    pub round_trips: u64,
    pub complete: bool,
    pub notices: Vec<Word>,
    pub findings: Vec<Finding>,
}

/// What watching tells.
#[uniffi::remote(Enum)]
pub enum WatchEvent {
    Synced(SyncReport),
    Retrying { error: VaultError, after: Duration },
}

/// Which way a transfer goes: `PUT` or `GET`.
#[uniffi::remote(Enum)]
pub enum Direction {
    Upload,
    Download,
}

/// One part of one sealed document, for the phone's own transfer service.
#[uniffi::remote(Record)]
pub struct Transfer {
    pub id: String,
    pub direction: Direction,
    pub url: String,
    pub headers: Vec<HeaderPair>,
    pub offset: u64,
    pub length: u64,
    pub file: Option<PathBuf>,
}

/// Which end of a meeting: who opened the connection speaks first.
#[uniffi::remote(Enum)]
pub enum MeetingRole {
    Initiator,
    Responder,
}

/// What a check found; no problems when all is well.
#[uniffi::remote(Record)]
pub struct VerifyReport {
    pub changes: u64,
    pub attachments: u64,
    pub views: u64,
    pub problems: Vec<String>,
}

/// What a snapshot is made of.
#[uniffi::remote(Record)]
pub struct CompactReport {
    pub changes: u64,
    pub pieces: u64,
    pub made: u64,
    pub reused: u64,
    pub bytes: u64,
    pub new_bytes: u64,
}

/// What can be wrong with what came from devices and relays.
#[uniffi::remote(Enum)]
pub enum FindingKind {
    Gap,
    Omission,
    BelowFloor,
    Fork,
    RelayRolledBack,
    RelayRestored,
    Withheld,
    Unreadable,
    DeviceRestored,
}

/// How much a finding matters.
#[uniffi::remote(Enum)]
pub enum Severity {
    Notice,
    Warning,
    Alarm,
}

/// Something that was found wrong. Times in milliseconds since 1970.
#[uniffi::remote(Record)]
pub struct Finding {
    pub kind: FindingKind,
    pub severity: Severity,
    pub record: Option<RecordId>,
    pub compartment: Option<String>,
    pub device: Option<DeviceId>,
    pub device_name: Option<String>,
    pub witness_name: Option<String>,
    pub relay: Option<String>,
    pub missing: u64,
    pub range: Option<Numbers>,
    pub since: i64,
    pub healed: Option<i64>,
}

/// What devices wrote, as this one knows it.
#[uniffi::remote(Record)]
pub struct History {
    pub logs: Vec<LogHistory>,
    pub findings: Vec<Finding>,
}

/// One compartment's chains, and what waits there by the word of the reason.
#[uniffi::remote(Record)]
pub struct LogHistory {
    pub record: RecordId,
    pub person: Option<String>,
    pub compartment: String,
    pub chains: Vec<Chain>,
    pub held: Vec<CountedWord>,
}

/// What one life of a device wrote.
#[uniffi::remote(Record)]
pub struct Chain {
    pub device: DeviceId,
    pub name: Option<String>,
    pub this: bool,
    pub life: u64,
    pub changes: u64,
    pub heard: Option<i64>,
    pub missing: u64,
    pub forked: bool,
    pub snapshots: Vec<u64>,
}
