//! Challenges and sessions: who has proved what, for how long. In memory only: a restart costs each device one signature.
//!
//! Invariants: a challenge is answered at most once, whether or not the answer was right; memory is bounded, and when the
//! bound is reached the oldest go first, so that a flood costs others a retry and never locks them out; a token is kept
//! only as its hash, so that neither the time of a lookup nor a memory dump gives one away.

use crate::RelayError;
use crate::rates::{Bucket, Rate};
use crate::storage::MailboxNumber;
use carnet_wire::MailboxId;
use carnet_wire::relay::{Access, Challenge};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds a challenge may be answered.
pub const CHALLENGE_SECONDS: u32 = 60;
/// Seconds a session lives.
pub const SESSION_SECONDS: u32 = 3_600;
/// Most challenges waiting for an answer.
const MAX_CHALLENGES: usize = 65_536;
/// Most grants over all sessions: about 100 MB.
const MAX_GRANTS: usize = 1 << 20;

/// Random bytes from the operating system.
pub(crate) fn make_random<const N: usize>() -> Result<[u8; N], RelayError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| RelayError::INTERNAL)?;
    Ok(bytes)
}

/// What one session may do, and how often.
#[derive(Debug)]
pub struct Grants {
    /// Sorted, as most sessions hold few mailboxes.
    rights: Vec<(MailboxId, Access, MailboxNumber)>,
    bucket: Bucket,
}

impl Grants {
    /// Collects what was proved.
    pub fn new(mut rights: Vec<(MailboxId, Access, MailboxNumber)>) -> Self {
        rights.sort_unstable();
        rights.dedup();
        Self {
            rights,
            bucket: Bucket::default(),
        }
    }

    /// Counts one request.
    pub(crate) fn count(&self, rate: Rate, now: u64) -> Result<(), RelayError> {
        self.bucket.take(rate, now)
    }

    /// The number of the mailbox if the session holds this key of it.
    pub fn number(&self, mailbox: MailboxId, access: Access) -> Result<MailboxNumber, RelayError> {
        let key = (mailbox, access);
        self.rights
            .binary_search_by_key(&key, |(mailbox, access, _)| (*mailbox, *access))
            .ok()
            .and_then(|index| self.rights.get(index))
            .map(|(_, _, number)| *number)
            .ok_or(RelayError::FORBIDDEN)
    }
}

/// All challenges and sessions.
#[derive(Debug)]
pub struct Sessions {
    challenges: Mutex<Expiring<()>>,
    open: Mutex<Expiring<Arc<Grants>>>,
}

impl Default for Sessions {
    /// None yet.
    fn default() -> Self {
        Self {
            challenges: Mutex::new(Expiring::new(CHALLENGE_SECONDS, MAX_CHALLENGES)),
            open: Mutex::new(Expiring::new(SESSION_SECONDS, MAX_GRANTS)),
        }
    }
}

impl Sessions {
    /// Draws a challenge.
    pub fn make_challenge(&self, now: u64) -> Result<Challenge, RelayError> {
        let nonce = make_random()?;
        lock(&self.challenges).insert(nonce, (), 1, now);
        Ok(Challenge {
            nonce,
            expires_in: CHALLENGE_SECONDS,
        })
    }

    /// Uses a challenge up.
    pub fn take_challenge(&self, nonce: &[u8; 32], now: u64) -> Result<(), RelayError> {
        lock(&self.challenges)
            .take(nonce, now)
            .ok_or(RelayError::STALE_CHALLENGE)
    }

    /// Opens a session and returns its token.
    pub fn make_session(&self, grants: Grants, now: u64) -> Result<[u8; 32], RelayError> {
        let token = make_random()?;
        let weight = grants.rights.len().max(1);
        lock(&self.open).insert(hash(&token), Arc::new(grants), weight, now);
        Ok(token)
    }

    /// The session of a token.
    pub fn find(&self, token: &[u8; 32], now: u64) -> Result<Arc<Grants>, RelayError> {
        lock(&self.open)
            .get(&hash(token), now)
            .cloned()
            .ok_or(RelayError::NO_SESSION)
    }
}

fn hash(token: &[u8; 32]) -> [u8; 32] {
    *blake3::hash(token).as_bytes()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A map whose entries all live equally long, bounded by weight. Order of insertion is order of expiry.
#[derive(Debug)]
struct Expiring<V> {
    lifetime: u64,
    max_weight: usize,
    weight: usize,
    entries: HashMap<[u8; 32], Kept<V>>,
    order: VecDeque<[u8; 32]>,
}

#[derive(Debug)]
struct Kept<V> {
    value: V,
    expires_at: u64,
    weight: usize,
}

impl<V> Expiring<V> {
    fn new(lifetime: u32, max_weight: usize) -> Self {
        Self {
            lifetime: lifetime.into(),
            max_weight,
            weight: 0,
            entries: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    fn insert(&mut self, key: [u8; 32], value: V, weight: usize, now: u64) {
        self.make_room(weight, now);
        let expires_at = now.saturating_add(self.lifetime);
        self.weight += weight;
        self.order.push_back(key);
        self.entries.insert(
            key,
            Kept {
                value,
                expires_at,
                weight,
            },
        );
    }

    /// Drops what has expired, then the oldest until `weight` more fits. The order is bounded like the weight, because a
    /// taken entry leaves its place in it until that place is the oldest.
    fn make_room(&mut self, weight: usize, now: u64) {
        while let Some(oldest) = self.order.front().copied() {
            let over =
                self.weight + weight > self.max_weight || self.order.len() >= self.max_weight;
            let lives = self
                .entries
                .get(&oldest)
                .is_some_and(|kept| kept.expires_at > now);
            if lives && !over {
                break;
            }
            self.order.pop_front();
            self.remove(&oldest);
        }
    }

    fn remove(&mut self, key: &[u8; 32]) -> Option<Kept<V>> {
        let kept = self.entries.remove(key)?;
        self.weight -= kept.weight;
        Some(kept)
    }

    fn get(&self, key: &[u8; 32], now: u64) -> Option<&V> {
        self.entries
            .get(key)
            .filter(|kept| kept.expires_at > now)
            .map(|kept| &kept.value)
    }

    fn take(&mut self, key: &[u8; 32], now: u64) -> Option<V> {
        self.remove(key)
            .filter(|kept| kept.expires_at > now)
            .map(|kept| kept.value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 1_000;

    #[test]
    fn a_challenge_is_used_once_and_in_time() {
        let sessions = Sessions::default();
        let late = NOW + u64::from(CHALLENGE_SECONDS);
        let challenge = sessions.make_challenge(NOW).unwrap();
        assert_eq!(sessions.take_challenge(&challenge.nonce, late - 1), Ok(()));
        let stale = Err(RelayError::STALE_CHALLENGE);
        assert_eq!(sessions.take_challenge(&challenge.nonce, NOW), stale);
        let challenge = sessions.make_challenge(NOW).unwrap();
        assert_eq!(sessions.take_challenge(&challenge.nonce, late), stale);
        assert_eq!(sessions.take_challenge(&[0; 32], NOW), stale);
    }

    #[test]
    fn a_session_holds_what_was_proved_until_it_ends() {
        let sessions = Sessions::default();
        let (mailbox, number) = (MailboxId([1; 32]), MailboxNumber(5));
        let grants = Grants::new(vec![
            (mailbox, Access::Write, number),
            (MailboxId([0; 32]), Access::Read, MailboxNumber(4)),
        ]);
        let token = sessions.make_session(grants, NOW).unwrap();
        let session = sessions.find(&token, NOW + 3_599).unwrap();
        assert_eq!(session.number(mailbox, Access::Write), Ok(number));
        let forbidden = Err(RelayError::FORBIDDEN);
        assert_eq!(session.number(mailbox, Access::Read), forbidden);
        assert_eq!(session.number(MailboxId([2; 32]), Access::Write), forbidden);
        assert_eq!(
            sessions.find(&token, NOW + 3_600).unwrap_err(),
            RelayError::NO_SESSION
        );
    }

    #[test]
    fn the_oldest_make_room() {
        let mut map = Expiring::new(60, 10);
        for key in 0..5 {
            map.insert([key; 32], key, 3, NOW);
        }
        let left: Vec<_> = (0..5).filter_map(|key| map.get(&[key; 32], NOW)).collect();
        assert_eq!(left, [&2, &3, &4]);
        assert_eq!(map.weight, 9);
    }

    #[test]
    fn taken_and_expired_entries_leave_nothing_behind() {
        let mut map = Expiring::new(60, 10);
        map.insert([255; 32], 0, 1, NOW);
        for key in 0..100 {
            map.insert([key; 32], 0, 1, NOW);
            assert!(map.take(&[key; 32], NOW).is_some());
            assert!(map.order.len() <= 10);
        }
        map.insert([101; 32], 0, 1, NOW + 60);
        assert_eq!((map.entries.len(), map.order.len(), map.weight), (1, 1, 1));
    }
}
