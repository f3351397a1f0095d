//! The patient layer: what people write beside the sources, as Automerge documents called shards. Pure: ids and times are
//! arguments, bytes go in and come out.
//!
//! # Shards
//! One document for a whole record would cost 389 MB to load at 100,000 entries; shards of 1,000 cost 10 ms each. A shard
//! is opened for a (compartment, category, recorded year), under a random id, and another one is opened beside it when it
//! [is full](Shard::is_full). Two devices that are offline may both open one: nothing is lost, [`combine`] reads them all.
//!
//! # Layout
//! Every entry stands at the root of its document, under a key that says what it is. Values are scalars: never `Text`
//! (an operation per character), never lists.
//!
//! ```text
//! note:<entry hex>                 map { on: bytes (resource), text: string, at: int }
//! correct:<resource hex>:<field>   bytes = canonical CBOR [ value: text, recorded_at: int ]
//! profile:name                     bytes, as above
//! profile:birth-date               bytes, as above
//! ```
//! * A **note** is a map, created whole in one change by one device under a random name, so nobody else creates it. A
//!   note of which not every part was written by its creator is not shown as that person's words: it counts as unknown.
//! * A **correction** is one scalar under a name that every device derives alike. Two devices that correct one field
//!   at the same time then make an ordinary Automerge conflict, and both values survive under the key. A map under that
//!   key would not do: each device would create its own map, one of them would hide the other, and with it every
//!   correction inside.
//! * The **profile** (the person's name and birth date) works like corrections.
//! * Keys of any other shape come from a newer app: counted, carried along, never dropped.
//!
//! # What keeps a shard sound
//! A change is measured before Automerge sees it (`guard`), must come from the actor that its envelope's author has, must
//! continue its causal past exactly (sequence number, operation counter), and is applied to a clone under `catch_unwind`;
//! the clone takes the shard's place only if it can give back the very bytes that were applied. Otherwise a change that
//! Automerge accepts could make a document that it refuses to load. Every rule but the shard's total size looks at the
//! change and its causal past only, so that all devices decide alike whatever the order of delivery (INV-1).

mod entries;
mod foreign;
mod guard;
mod history;
mod layout;
mod shard;
#[cfg(test)]
mod tests;
mod write;

use super::ids::{EntryId, ResourceId};
use carnet_wire::Author;
use core::fmt;
pub use entries::{CorrectionEntry, Entries, FieldValue, NoteEntry, combine};
pub use foreign::hash_of;
pub use shard::Shard;

/// Entries at which another shard is opened.
pub const MAX_SHARD_ENTRIES: usize = 2_000;
/// Saved bytes at which another shard is opened.
pub const MAX_SHARD_BYTES: usize = 256 << 10;
/// Most operations in one change. A note is four, a correction one.
pub const MAX_OPERATIONS: u64 = 10_000;
/// Longest change: no single edit is larger than what a shard should hold, before compression.
pub const MAX_CHANGE_BYTES: usize = 512 << 10;
/// Longest note.
pub const MAX_NOTE_BYTES: usize = 16 << 10;
/// Longest corrected value, name or birth date.
pub const MAX_CORRECTION_BYTES: usize = 4 << 10;
/// Longest path of a corrected field.
pub const MAX_FIELD_BYTES: usize = 128;
/// Longest single value of any change, with room for what a newer app writes.
pub const MAX_VALUE_BYTES: usize = 32 << 10;
/// Most operations in the history of a shard: 25 MB and 0.1 s to load. A shard is full long before (256 KiB hold about
/// 30,000 edits at 9 bytes each); the distance is what several devices may merge into it after having been offline.
pub const MAX_SHARD_OPERATIONS: u64 = 250_000;
/// Most uncompressed bytes in the history of a shard.
pub const MAX_SHARD_CONTENT: u64 = 16 << 20;
/// Most root entries that may be merged into a shard; ten devices that fill it while offline stay below.
pub const MAX_MERGED_ENTRIES: usize = 10 * MAX_SHARD_ENTRIES;
/// Most changes of a shard that wait for one that is missing.
pub const MAX_WAITING_CHANGES: usize = 1_000;
/// Most changes one change may name as its direct past, which are the concurrent tips its author had seen.
pub const MAX_DEPENDENCIES: u64 = 1_000;
/// Most other actors one change may refer to.
pub const MAX_OTHER_ACTORS: u64 = 1_000;
/// Highest operation counter or sequence number. Automerge stops at 32 bits; one absurd counter would stop everybody.
pub const MAX_COUNTER: u64 = i32::MAX as u64;

/// One life of a device as Automerge knows it. Never used twice: a repeated (actor, sequence number) wedges replicas.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Actor(pub [u8; 16]);

impl fmt::Display for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Actor({self})")
    }
}

/// The actor of an author: the first 16 bytes of BLAKE3 of device and incarnation under `carnet/1 actor`. Derived, so
/// that a change whose actor is not its envelope's author is known for a forgery.
pub fn derive_actor(author: &Author) -> Actor {
    let input = [author.device.as_ref(), author.incarnation.as_ref()].concat();
    let hash = blake3::derive_key("carnet/1 actor", &input);
    let mut actor = [0; 16];
    actor.copy_from_slice(&hash[..16]);
    Actor(actor)
}

/// One thing a person does in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Adds a note on a resource.
    Annotate {
        /// Random, never used before.
        id: EntryId,
        /// Which resource.
        on: ResourceId,
        /// The note.
        text: String,
    },
    /// Sets what a field should say, and settles a conflict that this shard holds about it.
    Correct {
        /// Which resource.
        on: ResourceId,
        /// Path of the field.
        field: String,
        /// What it should say.
        value: String,
    },
    /// Takes back the correction that this shard holds, when there is none any more or it stands in another shard.
    Withdraw {
        /// Which resource.
        on: ResourceId,
        /// Path of the field.
        field: String,
    },
    /// Sets or clears a part of the person's profile.
    Profile {
        /// Which part.
        field: ProfileField,
        /// What it should say; none clears it.
        value: Option<String>,
    },
}

/// A part of the person's profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileField {
    /// The person's name.
    Name,
    /// The person's date of birth, as far as it is known.
    BirthDate,
}

/// What became of a change that was given to a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is part of the shard, and so is every change that waited for it.
    Merged,
    /// It is kept, saved with the shard, and merged when the changes it depends on have come.
    Waiting,
    /// The shard had it already.
    Known,
}
