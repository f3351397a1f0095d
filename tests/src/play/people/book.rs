//! What was said about people and what was written, by whom, knowing what: kept outside of the engine.
//!
//! Acts about a person (an admission, another access, a removal) are numbered. A note is **certain** when its author's phone knew
//! the last act about its person and none followed; it is **closed** to a person or phone when its author knew that they may
//! not read it, and no act about them followed. What lies between was written by somebody who had not heard, or changed since:
//! it may be shown or not.

use carnet::record::ids::ResourceId;
use carnet::vault::Access;
use carnet_wire::{AccountId, DeviceId};
use std::collections::{BTreeMap, BTreeSet};

/// A note somebody was told is written.
#[derive(Debug, Clone)]
pub struct Note {
    /// What it says: a number nobody says twice.
    pub text: String,
    /// About which item.
    pub on: ResourceId,
    /// Whose phone wrote it.
    pub person: AccountId,
    /// Which phone.
    pub device: DeviceId,
    /// How many acts about its author's person there had been, if the phone knew the last one.
    pub acts: Option<u64>,
    /// Whether a relay took it.
    pub sent: bool,
    /// Whether whoever removed its author's phone had it.
    pub kept: bool,
    /// People whom its author knew to be out of reach, and how many acts about them there had been.
    pub closed_to: BTreeMap<AccountId, u64>,
    /// Lost phones its author knew to be lost.
    pub closed_to_devices: BTreeSet<DeviceId>,
}

/// What is true of a person, as far as somebody said so.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// How many acts there were.
    pub acts: u64,
    /// What the last one gave; none when it took everything.
    pub access: Option<Access>,
}

/// All of it.
#[derive(Debug, Default)]
pub struct Book {
    /// Every note.
    pub notes: Vec<Note>,
    /// Everybody who ever was a member.
    pub people: BTreeMap<AccountId, Standing>,
    /// Phones that were lost.
    pub lost: BTreeSet<DeviceId>,
    /// Items that were moved between compartments.
    pub moved: BTreeSet<ResourceId>,
    /// Invitations that were seen to have ended with a member.
    pub joined: BTreeSet<[u8; 32]>,
}

impl Book {
    /// Somebody's access is said to be another.
    pub fn act(&mut self, person: AccountId, access: Option<Access>) {
        let standing = self.people.entry(person).or_default();
        standing.acts += 1;
        standing.access = access;
    }

    /// How many acts about a person there were.
    pub fn acts(&self, person: AccountId) -> u64 {
        self.people.get(&person).map_or(0, |standing| standing.acts)
    }

    /// Whether a phone that sees this access of a person knows the last act about them.
    pub fn is_known(&self, person: AccountId, seen: Option<&Access>) -> bool {
        let standing = self.people.get(&person);
        standing.and_then(|standing| standing.access.as_ref()) == seen
    }

    /// A phone that has everything of this one is about to remove it.
    pub fn keep(&mut self, device: DeviceId) {
        let own = self.notes.iter_mut().filter(|note| note.device == device);
        own.for_each(|note| note.kept = note.sent);
    }

    /// Everything a phone wrote has been taken by a relay.
    pub fn sent(&mut self, device: DeviceId) {
        let own = self.notes.iter_mut().filter(|note| note.device == device);
        own.for_each(|note| note.sent = true);
    }
}
