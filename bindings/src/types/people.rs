//! Persons, devices, members.

use crate::ids::{Hex32, Word};
use carnet::vault::{
    Access, Beyond, Device, Invitation, InvitationStage, InvitationWords, Member, MemberDevice,
    MemberRole, Person, Removal,
};
use carnet_wire::{AccountId, ChangeId, DeviceId, RecordId};

/// A person whose record the vault holds.
#[uniffi::remote(Record)]
pub struct Person {
    pub record: RecordId,
    pub name: String,
    pub birth_date: Option<String>,
}

/// A device of the vault's person.
#[uniffi::remote(Record)]
pub struct Device {
    pub id: DeviceId,
    pub name: String,
    pub this: bool,
}

/// What a member may do.
#[uniffi::remote(Enum)]
pub enum MemberRole {
    Owner,
    Caregiver,
    Reader,
}

/// What a member is given: everywhere or in some compartments, without end or up to and including a day (`YYYY-MM-DD`).
#[uniffi::remote(Record)]
pub struct Access {
    pub role: MemberRole,
    #[uniffi(default)]
    pub compartments: Option<Vec<String>>,
    #[uniffi(default)]
    pub until: Option<String>,
}

/// A member of a record. The name is how they call themselves: show whether it was verified.
#[uniffi::remote(Record)]
pub struct Member {
    pub account: AccountId,
    pub name: String,
    pub access: Access,
    pub rank: u32,
    pub verified: bool,
    pub this: bool,
    pub devices: Vec<MemberDevice>,
}

/// A phone of a member.
#[uniffi::remote(Record)]
pub struct MemberDevice {
    pub id: DeviceId,
    pub name: String,
}

/// Somebody who was removed or left. Show it as done once it is sent and another device knows.
#[uniffi::remote(Record)]
pub struct Removal {
    pub account: AccountId,
    pub sent: bool,
    pub known_by: Vec<DeviceId>,
}

/// Changes that wait for an owner's word: their author's right to write had ended.
#[uniffi::remote(Record)]
pub struct Beyond {
    pub device: DeviceId,
    pub device_name: String,
    pub compartment: String,
    pub changes: Vec<ChangeId>,
}

/// An invitation under way; `host` says whether this vault invited.
#[uniffi::remote(Record)]
pub struct Invitation {
    pub id: Hex32,
    pub host: bool,
    pub record: Option<RecordId>,
    pub name: Option<String>,
    pub access: Option<Access>,
    pub stage: InvitationStage,
    pub words: Option<InvitationWords>,
    pub expires: i64,
}

/// How far an invitation is.
#[uniffi::remote(Enum)]
pub enum InvitationStage {
    Waiting,
    Answered,
    Joined,
    Failed(Word),
}

/// Words to read to each other: the same on both sides if nobody stands between.
#[uniffi::remote(Record)]
pub struct InvitationWords {
    pub french: Vec<Word>,
    pub english: Vec<Word>,
}
