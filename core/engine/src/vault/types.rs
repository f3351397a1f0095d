//! What crosses the vault's door: plain values, flat enough for a phone's bindings.

pub use crate::handover::ExportFormat;
pub use crate::record::emergency::{Card, Line, LineKind};
pub use crate::roster::{Access, Role as MemberRole};
pub use crate::seal::WordLanguage;
pub use crate::store::log::{FindingKind, Severity};

use crate::record::ids::ResourceId;
use carnet_wire::{AccountId, ChangeId, DeviceId, RecordId};
use std::path::PathBuf;
use zeroize::Zeroizing;

pub use crate::record::view::{
    Conflict, Correction, Detail, Filter, ListRow, Note, Related, Stats, Version,
};

/// A person whose record this vault holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The record.
    pub record: RecordId,
    /// The name people see; chosen here, synced to the person's devices.
    pub name: String,
    /// Date of birth as given (`YYYY`, `YYYY-MM` or `YYYY-MM-DD`).
    pub birth_date: Option<String>,
}

/// A member of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose account.
    pub account: AccountId,
    /// How they call themselves: shown, never trusted.
    pub name: String,
    /// What they may do, where and until when.
    pub access: Access,
    /// 0 for the founder, then the owners in order of becoming one, then the others.
    pub rank: u32,
    /// Whether an owner compared words with them. Until then somebody else may stand in their place: say so everywhere.
    pub verified: bool,
    /// Whether it is the person of this vault.
    pub this: bool,
    /// Their phones, as far as known here.
    pub devices: Vec<MemberDevice>,
}

/// A phone of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDevice {
    /// Which.
    pub id: DeviceId,
    /// What its owner calls it.
    pub name: String,
}

/// Somebody who was removed from a record, or left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Who.
    pub account: AccountId,
    /// Whether a relay has it.
    pub sent: bool,
    /// Other devices that have shown that they know.
    pub known_by: Vec<DeviceId>,
}

impl Removal {
    /// Whether the removal may be shown as done: before, somebody who has not heard may still write for the removed to read.
    pub fn is_done(&self) -> bool {
        self.sent && !self.known_by.is_empty()
    }
}

/// A device of this person that was removed, because it was lost or given away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostDevice {
    /// Which.
    pub id: DeviceId,
    /// What it was called.
    pub name: String,
    /// Whether it is a recovery kit.
    pub kit: bool,
    /// Whether a relay has the removal.
    pub sent: bool,
    /// Devices that have shown that they know, other than the one that removed it.
    pub known_by: Vec<DeviceId>,
    /// Whether there is no other device that could know.
    pub alone: bool,
}

impl LostDevice {
    /// Whether the removal may be shown as done: before, somebody who has not heard may still write for the lost device to read.
    pub fn is_done(&self) -> bool {
        self.sent && (self.alone || !self.known_by.is_empty())
    }
}

/// A recovery kit of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// Its name as a device.
    pub id: DeviceId,
    /// What it is called.
    pub name: String,
    /// Whether this phone has left a letter for the account's newest keys at a relay: before, the kit opens nothing.
    pub ready: bool,
}

/// What is to be printed of a new recovery kit, and kept nowhere else: whoever reads it has the account.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoverySheet {
    /// The kit.
    pub kit: DeviceId,
    /// The 24 words in French.
    pub french: Zeroizing<String>,
    /// The same in English.
    pub english: Zeroizing<String>,
    /// The text of its QR, which names the relay too.
    pub code: Zeroizing<String>,
}

impl std::fmt::Debug for RecoverySheet {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "RecoverySheet({}, …)", self.kit)
    }
}

/// Somebody who guards, or is guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ward {
    /// Whose account.
    pub account: AccountId,
    /// How they call themselves in a record both are members of; empty where there is none.
    pub name: String,
}

/// Guardians who together bring the account back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardianSet {
    /// The kit they share: removing it as a device ends what they can do.
    pub kit: DeviceId,
    /// How many of them it takes.
    pub needed: u64,
    /// Who they are.
    pub guardians: Vec<Ward>,
}

/// What a person chose to have read in an emergency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardChoice {
    /// Everything current of these kinds in the compartment `general`, as it changes.
    pub kinds: Vec<LineKind>,
    /// Items named one by one, wherever they lie.
    pub items: Vec<ResourceId>,
    /// Items that are not to be on it.
    pub left_out: Vec<ResourceId>,
    /// Whom to call, as it is to be read.
    pub contacts: Vec<String>,
}

/// How a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardState {
    /// The relay does not have it yet: sync.
    Pending,
    /// The relay has it as it is now.
    Current,
    /// What was chosen has changed since: the next sync renews it.
    Outdated,
    /// It was revoked here, and the relay does not know yet: sync.
    Revoking,
}

/// An emergency card of this phone.
#[derive(Clone, PartialEq, Eq)]
pub struct EmergencyPage {
    /// Whose.
    pub record: RecordId,
    /// Whether the relay has it.
    pub state: CardState,
    /// The text of its QR: whoever has it reads the card.
    pub code: Zeroizing<String>,
    /// What it says now.
    pub card: Card,
}

impl std::fmt::Debug for EmergencyPage {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "EmergencyPage({}, {:?}, …)", self.record, self.state)
    }
}

/// Changes that wait for an owner: their author's right to write had ended, and they did not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// Who wrote them.
    pub device: DeviceId,
    /// What its owner calls it.
    pub device_name: String,
    /// Where.
    pub compartment: String,
    /// Which.
    pub changes: Vec<ChangeId>,
}

/// An invitation under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its name: the invitation's public key.
    pub id: [u8; 32],
    /// Whether this vault invited; otherwise it was invited.
    pub host: bool,
    /// To which record.
    pub record: Option<RecordId>,
    /// How the other person calls themselves, once known.
    pub name: Option<String>,
    /// What is offered, once known.
    pub access: Option<Access>,
    /// How far it is.
    pub stage: InvitationStage,
    /// Four words to read to each other, once both sides are known.
    pub words: Option<InvitationWords>,
    /// Milliseconds since 1970 after which it is worth nothing.
    pub expires: i64,
}

/// How far an invitation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvitationStage {
    /// Nobody has answered yet.
    Waiting,
    /// The other side is known; the rest comes with the next syncs of both.
    Answered,
    /// They are a member.
    Joined,
    /// It expired, or was used by somebody else, or its answer does not fit: make a new one.
    Failed(&'static str),
}

/// The words of an invitation, the same on both sides if nobody stands between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationWords {
    /// In French.
    pub french: Vec<&'static str>,
    /// In English.
    pub english: Vec<&'static str>,
}

/// Something to know about an opened vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenWarning {
    /// The database is older than the anchor: it was put back from a copy. It goes on under a new incarnation.
    RolledBack,
    /// The anchor outside the vault's folder is missing: a rollback could not be noticed. A new one was made.
    AnchorMissing,
}

/// What a long call is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Reading a file.
    #[default]
    Reading,
    /// Opening a session with the relay.
    Connecting,
    /// Waiting for the relay's answer.
    Exchanging,
    /// Merging what came.
    Merging,
    /// Moving the bytes of documents.
    Documents,
    /// Waiting for news.
    Waiting,
}

/// Something a person writes about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewEdit {
    /// A note.
    Note {
        /// Which resource.
        on: ResourceId,
        /// The note.
        text: String,
    },
    /// A value beside the source's.
    Correction {
        /// Which resource.
        on: ResourceId,
        /// `display`, `when`, `value`, `unit`, `status`, or a FHIR element path.
        field: String,
        /// What it should say.
        value: String,
    },
}

/// How far a long call is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Units done: bytes read for an import, envelopes for a sync.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
}

/// Watches long work and may stop it: asked between steps, and some twenty times a second while the network is waited for.
pub trait Observer: Send + Sync {
    /// Reports progress. `false` cancels: what was committed stays, the call returns `Cancelled`.
    fn progress(&self, progress: Progress) -> bool;
}

/// A device of the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its name.
    pub name: String,
    /// Whether it is this one.
    pub this: bool,
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Envelopes the relay acknowledged.
    pub sent: u64,
    /// Envelopes received and merged.
    pub received: u64,
    /// Envelopes received and stored in the background, to be merged later.
    pub stored: u64,
    /// Envelopes now in quarantine.
    pub quarantined: u64,
    /// Bytes sent, HTTP bodies.
    pub bytes_sent: u64,
    /// Bytes received, HTTP bodies.
    pub bytes_received: u64,
    /// Requests made.
    pub round_trips: u64,
    /// Whether everything there was has been exchanged before the deadline.
    pub complete: bool,
    /// What a person should know, in stable words (`gap`, `fork`, `relay rolled back`).
    pub notices: Vec<&'static str>,
    /// What is found wrong now, and what this sync healed.
    pub findings: Vec<Finding>,
}

/// Which way a transfer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `PUT`, to the relay.
    Upload,
    /// `GET`, from the relay.
    Download,
}

/// One part of one sealed document, for the platform's own transfer service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Names it to [`crate::Vault::finish_transfer`].
    pub id: String,
    /// Which way it goes.
    pub direction: Direction,
    /// Where: a mailbox and a hash, nothing readable.
    pub url: String,
    /// Headers to send, among them the range of a download. The token in them opens ciphertext only, for an hour.
    pub headers: Vec<(String, String)>,
    /// Where in the document the part begins.
    pub offset: u64,
    /// Bytes of the part.
    pub length: u64,
    /// What to send: `length` bytes of this file from `offset` on. None for a download.
    pub file: Option<PathBuf>,
}

/// What a check of the vault found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Changes read and checked.
    pub changes: u64,
    /// Attachments read and checked.
    pub attachments: u64,
    /// Views compared, when a rebuild was asked.
    pub views: u64,
    /// What is wrong, in words without content; empty when all is well.
    pub problems: Vec<String>,
}

/// Something that was found wrong with what came from devices and relays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub kind: FindingKind,
    /// How much it matters.
    pub severity: Severity,
    /// Whose record, where it concerns one that this vault holds.
    pub record: Option<RecordId>,
    /// The compartment concerned.
    pub compartment: Option<String>,
    /// Whose changes: which device.
    pub device: Option<DeviceId>,
    /// The device's name, where it is known.
    pub device_name: Option<String>,
    /// The name of the device that has what is missing, where one says so.
    pub witness_name: Option<String>,
    /// The relay's address.
    pub relay: Option<String>,
    /// How many changes are missing, or were.
    pub missing: u64,
    /// The first and the last number concerned, of the device's changes in the compartment.
    pub range: Option<(u64, u64)>,
    /// Since when, in milliseconds since 1970, by this device's clock.
    pub since: i64,
    /// When it was healed.
    pub healed: Option<i64>,
}

/// What devices wrote, as this one knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Every compartment with its chains.
    pub logs: Vec<LogHistory>,
    /// What was found wrong, open findings first.
    pub findings: Vec<Finding>,
}

/// One compartment's chains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHistory {
    /// The record, or the account as a record.
    pub record: RecordId,
    /// The person, where the record is one's.
    pub person: Option<String>,
    /// The compartment's name.
    pub compartment: String,
    /// One chain for each life of each device.
    pub chains: Vec<Chain>,
    /// What is in quarantine, by the stable word of the reason.
    pub held: Vec<(&'static str, u64)>,
}

/// What one life of a device wrote in a compartment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// The device.
    pub device: DeviceId,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Whether it is this device in its present life.
    pub this: bool,
    /// Which life: 1 is the first this vault saw.
    pub life: u64,
    /// How many changes are here.
    pub changes: u64,
    /// When the last of them came, in milliseconds since 1970; none for this device's own.
    pub heard: Option<i64>,
    /// How many are known to exist and are not here.
    pub missing: u64,
    /// Whether it is forked: it goes no further.
    pub forked: bool,
    /// The numbers of its snapshots.
    pub snapshots: Vec<u64>,
}

/// What a snapshot is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactReport {
    /// Changes it covers.
    pub changes: u64,
    /// Pieces it lists.
    pub pieces: u64,
    /// Pieces that were made now.
    pub made: u64,
    /// Pieces listed again.
    pub reused: u64,
    /// Sealed bytes of all pieces.
    pub bytes: u64,
    /// Sealed bytes of the pieces made now.
    pub new_bytes: u64,
}

impl std::ops::AddAssign for CompactReport {
    fn add_assign(&mut self, other: Self) {
        self.changes += other.changes;
        self.pieces += other.pieces;
        self.made += other.made;
        self.reused += other.reused;
        self.bytes += other.bytes;
        self.new_bytes += other.new_bytes;
    }
}
