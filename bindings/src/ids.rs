//! How the engine's small types cross: ids and paths as text, words as text, pairs as records.
//!
//! A type that the engine declares with a tuple, a fixed word or a sorted map has an alias here, because UniFFI names types by
//! one word. Fixed words leave only: nothing that the app passes holds one.

use carnet::VaultError;
use carnet::record::ids::{AttachmentId, ContentHash, EntryId, ResourceId};
use carnet_wire::{AccountId, ChangeId, DeviceId, RecordId};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

macro_rules! hex_ids {
    ($($id:ident),*) => {$(
        uniffi::custom_type!($id, String, {
            remote,
            lower: |id| id.to_string(),
            try_lift: |text| Ok($id::from_hex(&text).ok_or(VaultError::InvalidInput("not an id"))?),
        });
    )*};
}

hex_ids!(
    RecordId,
    AccountId,
    DeviceId,
    ChangeId,
    ResourceId,
    EntryId,
    ContentHash,
    AttachmentId
);

/// The name of an invitation, or the hash of a document: 64 hexadecimal digits.
pub type Hex32 = [u8; 32];
uniffi::custom_type!(Hex32, String, {
    remote,
    lower: |id| RecordId(id).to_string(),
    try_lift: |text| Ok(RecordId::from_hex(&text).ok_or(VaultError::InvalidInput("not an id"))?.0),
});

uniffi::custom_type!(PathBuf, String, {
    remote,
    lower: |path| path.to_string_lossy().into_owned(),
    try_lift: |text| Ok(PathBuf::from(text)),
});

/// A constant word or sentence of the engine.
pub type Word = &'static str;
uniffi::custom_type!(Word, String, {
    remote,
    lower: |word| word.to_owned(),
    try_lift: |_text| Err(VaultError::InvalidInput("a constant cannot be passed").into()),
});

/// How many of each kind.
pub type Counts = BTreeMap<String, u64>;
uniffi::custom_type!(Counts, HashMap<String, u64>, {
    remote,
    lower: |counts| counts.into_iter().collect(),
    try_lift: |counts| Ok(counts.into_iter().collect()),
});

/// The first and the last of some numbers.
#[derive(uniffi::Record)]
pub struct NumberRange {
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// [`NumberRange`] as the engine holds it.
pub type Numbers = (u64, u64);
uniffi::custom_type!(Numbers, NumberRange, {
    remote,
    lower: |range| NumberRange { first: range.0, last: range.1 },
    try_lift: |range| Ok((range.first, range.last)),
});

/// How many of something that has a stable word.
#[derive(uniffi::Record)]
pub struct WordCount {
    /// The word.
    pub word: String,
    /// How many.
    pub count: u64,
}

/// [`WordCount`] as the engine holds it.
pub type CountedWord = (&'static str, u64);
uniffi::custom_type!(CountedWord, WordCount, {
    remote,
    lower: |pair| WordCount { word: pair.0.to_owned(), count: pair.1 },
    try_lift: |_pair| Err(VaultError::InvalidInput("a constant cannot be passed").into()),
});

/// A header of an HTTP request or answer.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Header {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// [`Header`] as the engine holds it.
pub type HeaderPair = (String, String);
uniffi::custom_type!(HeaderPair, Header, {
    remote,
    lower: |pair| Header { name: pair.0, value: pair.1 },
    try_lift: |header| Ok((header.name, header.value)),
});
