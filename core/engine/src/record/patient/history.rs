//! What a document's changes add up to: enough to judge the next one without asking Automerge. No bytes of any change,
//! no value.

use super::guard::Header;
use super::shard::REFUSED;
use super::{Actor, MAX_SHARD_CONTENT, MAX_SHARD_OPERATIONS};
use crate::error::{Error, Result};
use automerge::{Automerge, ReadDoc};
use std::collections::{BTreeMap, HashMap};

/// The changes of a document.
#[derive(Clone, Default)]
pub(super) struct History {
    /// The highest operation counter of each change.
    pub changes: HashMap<[u8; 32], u64>,
    /// The last sequence number of each actor.
    pub seqs: BTreeMap<Actor, u64>,
    pub operations: u64,
    pub content: u64,
}

impl History {
    pub fn read(document: &Automerge, content: u64) -> Result<Self> {
        let mut history = Self {
            content,
            operations: document.stats().num_ops,
            ..Self::default()
        };
        for change in document.get_changes_meta(&[]) {
            let actor = change
                .actor
                .to_bytes()
                .try_into()
                .map(Actor)
                .map_err(|_| REFUSED)?;
            let seq = history.seqs.entry(actor).or_default();
            *seq = (*seq).max(change.seq);
            history.changes.insert(change.hash.0, change.max_op);
        }
        Ok(history)
    }

    pub fn seq(&self, actor: Actor) -> u64 {
        self.seqs.get(&actor).copied().unwrap_or_default()
    }

    /// Whether everything that must come before the change is here.
    pub fn precedes(&self, header: &Header) -> bool {
        header.seq == self.seq(header.actor) + 1
            && header
                .dependencies
                .iter()
                .all(|hash| self.changes.contains_key(hash))
    }

    /// Whether the change continues its causal past, and the shard has room for it.
    pub fn admit(&self, header: &Header, bytes: usize) -> Result<()> {
        let past = header
            .dependencies
            .iter()
            .filter_map(|hash| self.changes.get(hash))
            .max();
        if header.start_op != past.copied().unwrap_or_default() + 1 {
            return Err(Error::Invalid(
                "a change of the patient layer does not continue its past",
            ));
        }
        if self.operations + header.operations > MAX_SHARD_OPERATIONS
            || self.content + bytes as u64 > MAX_SHARD_CONTENT
        {
            return Err(Error::TooLarge("the history of a shard"));
        }
        Ok(())
    }

    pub fn add(&mut self, header: &Header, bytes: usize) {
        self.changes
            .insert(header.hash, header.start_op + header.operations - 1);
        self.seqs.insert(header.actor, header.seq);
        self.operations += header.operations;
        self.content += bytes as u64;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(hash: u8, actor: u8, seq: u64, start_op: u64, past: &[u8]) -> Header {
        let dependencies = past.iter().map(|hash| [*hash; 32]).collect();
        Header {
            hash: [hash; 32],
            dependencies,
            actor: Actor([actor; 16]),
            seq,
            start_op,
            operations: 3,
        }
    }

    fn history() -> History {
        let mut history = History::default();
        history.add(&header(1, 1, 1, 1, &[]), 10);
        history.add(&header(2, 2, 1, 4, &[1]), 10);
        history
    }

    #[test]
    fn a_change_is_ready_when_its_past_and_its_actors_last_change_are_here() {
        let history = history();
        assert!(history.precedes(&header(3, 1, 2, 7, &[2])));
        assert!(
            !history.precedes(&header(3, 1, 3, 7, &[2])),
            "the actor's second change is missing"
        );
        assert!(
            !history.precedes(&header(3, 1, 2, 7, &[2, 9])),
            "a dependency is missing"
        );
    }

    #[test]
    fn a_change_continues_the_highest_counter_of_its_own_past() {
        let history = history();
        assert!(history.admit(&header(3, 1, 2, 7, &[2]), 10).is_ok());
        assert!(
            history.admit(&header(3, 1, 2, 4, &[1]), 10).is_ok(),
            "concurrent with 2"
        );
        assert!(history.admit(&header(3, 3, 1, 1, &[]), 10).is_ok());
        for start_op in [6, 8] {
            assert!(matches!(
                history.admit(&header(3, 1, 2, start_op, &[2]), 10),
                Err(Error::Invalid(_))
            ));
        }
    }

    #[test]
    fn the_size_of_a_shards_history_is_limited() {
        let mut history = history();
        history.operations = MAX_SHARD_OPERATIONS - 3;
        history.content = MAX_SHARD_CONTENT - 10;
        let next = header(3, 1, 2, 7, &[2]);
        assert!(history.admit(&next, 10).is_ok());
        assert!(matches!(history.admit(&next, 11), Err(Error::TooLarge(_))));
        history.operations += 1;
        assert!(matches!(history.admit(&next, 10), Err(Error::TooLarge(_))));
    }
}
