//! Waiting for a mailbox to move.
//!
//! Invariants: a waiter stands in the hub before it looks at the heads, and the writer tells the hub after the commit, so that no
//! move falls between; a waiter costs its places here and a timer, nothing else; a hub that was closed keeps nobody.

use super::{Service, positions, read_rights};
use crate::RelayError;
use crate::sessions::Grants;
use crate::storage::{MailboxNumber, Moved, Position};
use carnet_wire::relay::{Pull, Wait, Waited};
use carnet_wire::{MailboxId, limits};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Shards, so that a busy mailbox does not stop everybody from beginning to wait.
const SHARDS: usize = 64;

/// Who waits for what.
#[derive(Debug)]
pub(crate) struct Hub {
    shards: Vec<Mutex<HashMap<MailboxNumber, Vec<Place>>>>,
    waiting: AtomicUsize,
    closed: AtomicBool,
    most: usize,
}

/// One waiter at one mailbox.
#[derive(Debug)]
struct Place {
    after: u64,
    waiter: Arc<Waiter>,
}

#[derive(Debug, Default)]
struct Waiter {
    woken: Notify,
    moved: Mutex<Vec<MailboxNumber>>,
}

impl Hub {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            waiting: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            most,
        }
    }

    /// Tells those who wait. Called by the writer after its commit.
    pub(crate) fn tell(&self, moved: &[Moved]) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        for (mailbox, head) in moved {
            let shard = self.shard(*mailbox);
            let here = shard.get(mailbox).into_iter().flatten();
            for place in here.filter(|place| place.after != *head) {
                lock(&place.waiter.moved).push(*mailbox);
                place.waiter.woken.notify_one();
            }
        }
    }

    /// Lets everybody go.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for shard in &self.shards {
            for place in lock(shard).values().flatten() {
                place.waiter.woken.notify_one();
            }
        }
    }

    fn enter(self: &Arc<Self>, positions: &[Position]) -> Result<Ticket, RelayError> {
        let before = self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut ticket = Ticket {
            hub: Arc::clone(self),
            mailboxes: Vec::new(),
            waiter: Arc::default(),
        };
        if before >= self.most {
            return Err(RelayError::BUSY);
        }
        for Position { mailbox, after } in positions {
            let place = Place {
                after: *after,
                waiter: Arc::clone(&ticket.waiter),
            };
            ticket.mailboxes.push(*mailbox);
            self.shard(*mailbox)
                .entry(*mailbox)
                .or_default()
                .push(place);
        }
        ticket.mailboxes.shrink_to_fit();
        Ok(ticket)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let left = self.shards.iter().any(|shard| !lock(shard).is_empty());
        !left && self.waiting.load(Ordering::SeqCst) == 0
    }

    fn shard(&self, mailbox: MailboxNumber) -> MutexGuard<'_, HashMap<MailboxNumber, Vec<Place>>> {
        let index = usize::try_from(mailbox.0).unwrap_or(0) % SHARDS;
        lock(&self.shards[index])
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A waiter's places, given up when dropped.
#[derive(Debug)]
struct Ticket {
    hub: Arc<Hub>,
    mailboxes: Vec<MailboxNumber>,
    waiter: Arc<Waiter>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        for mailbox in &self.mailboxes {
            let mut shard = self.hub.shard(*mailbox);
            if let Some(places) = shard.get_mut(mailbox) {
                places.retain(|place| !Arc::ptr_eq(&place.waiter, &self.waiter));
                if places.is_empty() {
                    shard.remove(mailbox);
                }
            }
        }
        self.hub.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A wait that has begun: what is known by now, and what is needed to go on.
pub(crate) struct Waiting {
    ticket: Ticket,
    numbers: Vec<(MailboxNumber, MailboxId)>,
    pub(crate) seconds: u16,
}

impl Service {
    /// Answers a wait as things stand, without waiting. Blocks.
    pub fn wait_now(&self, token: &[u8; 32], wait: &Wait) -> Result<Waited, RelayError> {
        let session = self.session(token)?;
        check(wait)?;
        let moved = self.moved(&session, &wait.pulls)?;
        Ok(self.waited(moved))
    }

    /// Begins to wait. What is asked is looked at by [`Self::moved`] after this.
    pub(crate) fn begin_wait(&self, session: &Grants, wait: &Wait) -> Result<Waiting, RelayError> {
        check(wait)?;
        let rights = read_rights(session, &wait.pulls);
        let ticket = self.hub.enter(&positions(&wait.pulls, &rights))?;
        let numbers = wait.pulls.iter().zip(rights);
        let numbers = numbers.filter_map(|(pull, right)| Some((right.ok()?, pull.mailbox)));
        Ok(Waiting {
            ticket,
            numbers: numbers.collect(),
            seconds: wait.seconds.min(limits::MAX_WAIT_SECONDS),
        })
    }

    /// The mailboxes that are worth an exchange, if that is known without a disk.
    pub(crate) fn moved_at_once(&self, session: &Grants, pulls: &[Pull]) -> Option<Vec<MailboxId>> {
        let rights = read_rights(session, pulls);
        if rights.iter().any(Result::is_err) {
            return None;
        }
        let heads = self.unmoved(&positions(pulls, &rights))?;
        let heads = heads
            .into_iter()
            .map(|page| page.ok().map(|page| page.head));
        Some(moved(pulls, &rights, heads.collect()))
    }

    /// The mailboxes that are worth an exchange. Blocks.
    pub(crate) fn moved(
        &self,
        session: &Grants,
        pulls: &[Pull],
    ) -> Result<Vec<MailboxId>, RelayError> {
        let rights = read_rights(session, pulls);
        let numbers: Vec<_> = rights.iter().filter_map(|it| it.ok()).collect();
        let heads = self.storage.heads(&numbers, self.clock.now())?;
        Ok(moved(pulls, &rights, heads))
    }

    /// An answer to a wait.
    pub(crate) fn waited(&self, moved: Vec<MailboxId>) -> Waited {
        Waited {
            generation: self.storage.generation(),
            moved,
        }
    }
}

impl Waiting {
    /// Waits until something moves, the time is over or the relay stops.
    pub(crate) async fn settle(self) -> Vec<MailboxId> {
        let seconds = Duration::from_secs(self.seconds.into());
        let hub = &self.ticket.hub;
        if !hub.closed.load(Ordering::SeqCst) {
            let _ = tokio::time::timeout(seconds, self.ticket.waiter.woken.notified()).await;
        }
        let moved: BTreeSet<_> = lock(&self.ticket.waiter.moved).drain(..).collect();
        let numbers = self.numbers.iter();
        let mut moved: Vec<_> = numbers
            .filter(|(number, _)| moved.contains(number))
            .map(|(_, mailbox)| *mailbox)
            .collect();
        moved.dedup();
        moved
    }
}

fn check(wait: &Wait) -> Result<(), RelayError> {
    match wait.pulls.len() > limits::MAX_MAILBOXES {
        true => Err(RelayError::TOO_LARGE),
        false => Ok(()),
    }
}

/// `heads` are those of the allowed, in order; none where there is no such mailbox any more. To whom a mailbox is closed it
/// never moves.
fn moved(
    pulls: &[Pull],
    rights: &[Result<MailboxNumber, RelayError>],
    heads: Vec<Option<u64>>,
) -> Vec<MailboxId> {
    let mut heads = heads.into_iter();
    let stays = |(pull, right): &(&Pull, &Result<MailboxNumber, RelayError>)| match right {
        Ok(_) => heads.next().flatten() == Some(pull.after),
        Err(error) => *error == RelayError::CLOSED,
    };
    let mut stays = stays;
    pulls
        .iter()
        .zip(rights)
        .filter(|pair| !stays(pair))
        .map(|(pull, _)| pull.mailbox)
        .collect()
}
