//! Heads in memory: most syncs ask "anything new?", and the answer is mostly no.
//!
//! Invariant: a head kept here is never older than one read from the database after the last *answered* append. The writer
//! drops what it touched after its commit and before its answers; a reader keeps what it read only if nothing was dropped
//! in that shard since before it began to read.

use crate::storage::{MailboxNumber, Position};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Shards, so that a write to one mailbox does not stop the heads of most others from being kept.
const SHARDS: usize = 256;
/// Heads in one shard; a full one is emptied. A million in all, about 50 MB.
const SHARD_HEADS: usize = 4_096;

#[derive(Debug)]
pub(super) struct Heads(Vec<Mutex<Shard>>);

#[derive(Debug, Default)]
struct Shard {
    /// Counts what the writer dropped.
    drops: u64,
    heads: HashMap<MailboxNumber, Head>,
}

/// What is remembered of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) head: u64,
    pub(super) expires_at: i64,
}

/// The state of a shard before something was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before(u64);

impl Heads {
    pub(super) fn new() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }

    /// The heads of all positions if every one is known and has nothing beyond its position.
    pub(super) fn unmoved(&self, positions: &[Position], now: i64) -> Option<Vec<u64>> {
        positions
            .iter()
            .map(|position| {
                let known = self
                    .shard(position.mailbox)
                    .heads
                    .get(&position.mailbox)
                    .copied()?;
                let unmoved = known.expires_at > now && known.head <= position.after;
                unmoved.then_some(known.head)
            })
            .collect()
    }

    /// To be called before the database is asked for this mailbox.
    pub(super) fn before(&self, mailbox: MailboxNumber) -> Before {
        Before(self.shard(mailbox).drops)
    }

    pub(super) fn keep(&self, mailbox: MailboxNumber, head: Head, before: Before) {
        let mut shard = self.shard(mailbox);
        if shard.drops != before.0 {
            return;
        }
        if shard.heads.len() >= SHARD_HEADS {
            shard.heads.clear();
        }
        shard.heads.insert(mailbox, head);
    }

    pub(super) fn forget(&self, mailbox: MailboxNumber) {
        let mut shard = self.shard(mailbox);
        shard.drops += 1;
        shard.heads.remove(&mailbox);
    }

    fn shard(&self, mailbox: MailboxNumber) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(mailbox.0).unwrap_or(0) % SHARDS;
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: MailboxNumber = MailboxNumber(3);
    const HEAD: Head = Head {
        head: 5,
        expires_at: 100,
    };

    fn unmoved(heads: &Heads, after: u64, now: i64) -> Option<Vec<u64>> {
        let mailbox = MAILBOX;
        heads.unmoved(&[Position { mailbox, after }], now)
    }

    #[test]
    fn a_known_head_answers_until_the_mailbox_moves_or_ends() {
        let heads = Heads::new();
        assert_eq!(unmoved(&heads, 5, 1), None);
        heads.keep(MAILBOX, HEAD, heads.before(MAILBOX));
        assert_eq!(unmoved(&heads, 5, 1), Some(vec![5]));
        assert_eq!(unmoved(&heads, 9, 1), Some(vec![5]));
        assert_eq!(unmoved(&heads, 4, 1), None);
        assert_eq!(unmoved(&heads, 5, 100), None);
        heads.forget(MAILBOX);
        assert_eq!(unmoved(&heads, 5, 1), None);
    }

    #[test]
    fn what_was_read_before_a_write_is_not_kept_after_it() {
        let heads = Heads::new();
        let before = heads.before(MAILBOX);
        heads.forget(MAILBOX);
        heads.keep(MAILBOX, HEAD, before);
        assert_eq!(unmoved(&heads, 5, 1), None);
    }

    #[test]
    fn one_unknown_mailbox_makes_the_answer_unknown() {
        let heads = Heads::new();
        heads.keep(MAILBOX, HEAD, heads.before(MAILBOX));
        let positions = [3, 4].map(|number| Position {
            mailbox: MailboxNumber(number),
            after: 5,
        });
        assert_eq!(heads.unmoved(&positions, 1), None);
    }

    #[test]
    fn a_shard_is_bounded() {
        let heads = Heads::new();
        for number in 0..=SHARD_HEADS {
            let mailbox = MailboxNumber((number * SHARDS) as i64);
            heads.keep(mailbox, HEAD, heads.before(mailbox));
        }
        assert_eq!(heads.shard(MailboxNumber(0)).heads.len(), 1);
    }
}
