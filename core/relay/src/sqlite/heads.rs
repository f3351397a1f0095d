//! Heads in memory: most syncs ask "anything new?", and the answer is mostly no.
//!
//! Invariant: a head said from here is the one the database would say at that moment. The writer drops what it is going to
//! touch before its transaction, and until its end nothing of that shard is kept; a reader keeps what it read only if no
//! write touched the shard since before it began to read. Dropping after the commit alone is not enough: for a moment
//! one reader would see the new head in the database and then the old one here, and take it for a rollback.

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
    /// Transactions under way.
    writing: u64,
    /// Transactions ended.
    written: u64,
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
pub(super) struct Before(Option<u64>);

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
        let shard = self.shard(mailbox);
        Before((shard.writing == 0).then_some(shard.written))
    }

    pub(super) fn keep(&self, mailbox: MailboxNumber, head: Head, before: Before) {
        let mut shard = self.shard(mailbox);
        if shard.writing > 0 || before.0 != Some(shard.written) {
            return;
        }
        if shard.heads.len() >= SHARD_HEADS {
            shard.heads.clear();
        }
        shard.heads.insert(mailbox, head);
    }

    /// To be called before a transaction that may touch this mailbox, and followed by [`Self::end_write`].
    pub(super) fn begin_write(&self, mailbox: MailboxNumber) {
        let mut shard = self.shard(mailbox);
        shard.writing += 1;
        shard.heads.remove(&mailbox);
    }

    /// To be called when the transaction has ended, either way, and before anything is answered.
    pub(super) fn end_write(&self, mailbox: MailboxNumber) {
        let mut shard = self.shard(mailbox);
        shard.writing = shard.writing.saturating_sub(1);
        shard.written += 1;
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
        heads.begin_write(MAILBOX);
        assert_eq!(unmoved(&heads, 5, 1), None);
    }

    #[test]
    fn what_was_read_beside_a_write_is_not_kept() {
        let heads = Heads::new();
        let earlier = heads.before(MAILBOX);
        heads.begin_write(MAILBOX);
        let during = heads.before(MAILBOX);
        for before in [earlier, during] {
            heads.keep(MAILBOX, HEAD, before);
            assert_eq!(unmoved(&heads, 5, 1), None);
        }
        heads.end_write(MAILBOX);
        for before in [earlier, during] {
            heads.keep(MAILBOX, HEAD, before);
            assert_eq!(unmoved(&heads, 5, 1), None);
        }
        heads.keep(MAILBOX, HEAD, heads.before(MAILBOX));
        assert_eq!(unmoved(&heads, 5, 1), Some(vec![5]));
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
