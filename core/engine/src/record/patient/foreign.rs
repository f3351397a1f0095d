//! Documents that another device saved: loaded as if each of their changes had come by itself.
//!
//! A snapshot carries whole documents, because ten thousand changes take seconds to merge and a document takes
//! milliseconds. Automerge promises nothing about a document that was made to harm, so one is measured before a byte is
//! parsed (`guard`), loaded where a panic is caught, and then **every change that Automerge rebuilds from it must pass what
//! a single change passes**: shape and size, an actor among those that may have written, its place behind its past, the
//! limits of a shard. What fails leaves nothing behind.

use super::guard;
use super::history::History;
use super::shard::{REFUSED, Shard, Waiting, check_entries, contained, load_waiting};
use super::{Actor, MAX_SHARD_CONTENT, MAX_WAITING_CHANGES};
use crate::error::{Error, Result};
use automerge::Automerge;
use carnet_wire::Author;
use std::collections::{BTreeSet, HashSet};

impl Shard {
    /// Reads a document that another device saved. `writers` are the actors that may have written in it.
    pub fn load_foreign(saved: &[u8], writers: &BTreeSet<Actor>, author: &Author) -> Result<Self> {
        let (content, rest) = guard::read_document(saved)?;
        let chunk = saved.get(..saved.len() - rest.len()).unwrap_or_default();
        let waiting = load_waiting(rest)?;
        check_waiting(&waiting, writers)?;
        let (document, history) = contained(|| {
            let document = Automerge::load(chunk).map_err(|_| REFUSED)?;
            let mut history = checked_history(&document, writers)?;
            check_entries(&document)?;
            history.content = content;
            Ok((document, history))
        })?;
        let mut shard = Self::of(document, waiting, history, saved.len(), author);
        shard.merge_waiting(&HashSet::new());
        Ok(shard)
    }

    /// Merges what another device's document holds. On an error some of it may have been merged, never half a change.
    pub fn absorb(&mut self, other: Self) -> Result<()> {
        let mut mine = std::mem::take(&mut self.waiting);
        let mut wanted = HashSet::new();
        if self.history.changes.is_empty() {
            let actor = self.document.get_actor().clone();
            *self = other;
            self.document.set_actor(actor);
        } else {
            let missing = contained(|| self.missing_of(&other));
            let missing = match missing {
                Ok(missing) => missing,
                Err(error) => {
                    self.waiting = mine;
                    return Err(error);
                }
            };
            wanted.extend(missing.iter().map(|change| change.header.hash));
            self.waiting.extend(missing);
            self.waiting.extend(other.waiting);
        }
        self.waiting.append(&mut mine);
        self.waiting.sort_by_key(|change| change.header.hash);
        self.waiting.dedup_by_key(|change| change.header.hash);
        let known = &self.history.changes;
        self.waiting
            .retain(|change| !known.contains_key(&change.header.hash));
        self.merge_waiting(&wanted);
        // What was part of the other's document and is not part of this one now is a fork, or over a limit.
        let before = self.waiting.len();
        self.waiting
            .retain(|change| !wanted.contains(&change.header.hash));
        let all = wanted
            .iter()
            .all(|hash| self.history.changes.contains_key(hash));
        if !all || self.waiting.len() < before || self.waiting.len() > 2 * MAX_WAITING_CHANGES {
            return Err(REFUSED);
        }
        Ok(())
    }

    fn missing_of(&self, other: &Self) -> Result<Vec<Waiting>> {
        let changes = other.document.get_changes(&[]);
        let missing = changes
            .iter()
            .filter(|change| !self.history.changes.contains_key(&change.hash().0));
        missing
            .map(|change| {
                let bytes = change.raw_bytes().to_vec();
                Ok(Waiting {
                    header: guard::read_change(&bytes)?,
                    bytes,
                })
            })
            .collect()
    }

    /// Whether a change is in the document or waits for it.
    pub fn holds(&self, change: &[u8]) -> bool {
        guard::read_change(change).is_ok_and(|header| self.knows(&header.hash))
    }

    /// Hashes of the changes that are not in the past of `heads`; none where `heads` names a change that is not here.
    pub fn beyond(&self, heads: &[[u8; 32]]) -> Option<HashSet<[u8; 32]>> {
        if !heads
            .iter()
            .all(|head| self.history.changes.contains_key(head))
        {
            return None;
        }
        let heads: Vec<_> = heads
            .iter()
            .map(|head| automerge::ChangeHash(*head))
            .collect();
        let changes = self.document.get_changes_meta(&heads);
        Some(changes.iter().map(|change| change.hash.0).collect())
    }
}

/// The hash of a change, if it is one that a shard could take.
pub fn hash_of(change: &[u8]) -> Option<[u8; 32]> {
    guard::read_change(change).ok().map(|header| header.hash)
}

fn checked_history(document: &Automerge, writers: &BTreeSet<Actor>) -> Result<History> {
    let mut history = History::default();
    for change in document.get_changes(&[]) {
        let bytes = change.raw_bytes();
        let header = guard::read_change(bytes)?;
        if !writers.contains(&header.actor) {
            return Err(Error::Unauthorised(
                "a document of the patient layer names another's work",
            ));
        }
        if !history.precedes(&header) {
            return Err(REFUSED);
        }
        // The bytes of the whole are bounded by the document's: its columns say once what every change repeats.
        history.admit(&header, 0)?;
        history.add(&header, 0);
    }
    Ok(history)
}

fn check_waiting(waiting: &[Waiting], writers: &BTreeSet<Actor>) -> Result<()> {
    let bytes: usize = waiting.iter().map(|change| change.bytes.len()).sum();
    if waiting.len() > MAX_WAITING_CHANGES || bytes as u64 > MAX_SHARD_CONTENT {
        return Err(Error::TooLarge("changes that wait for a missing one"));
    }
    if waiting
        .iter()
        .all(|change| writers.contains(&change.header.actor))
    {
        Ok(())
    } else {
        Err(Error::Unauthorised(
            "a document of the patient layer names another's work",
        ))
    }
}
