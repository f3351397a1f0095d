//! Challenges and sessions: who has proved what, for how long. In memory only: a restart costs each device one signature.
//!
//! Invariants: a challenge is answered at most once, whether or not the answer was right; memory is bounded, and when the
//! bound is reached the oldest go first, so that a flood costs others a retry and never locks them out; a token is kept
//! only as its hash, so that neither the time of a lookup nor a memory dump gives one away; a session whose keys a mailbox no
//! longer has is over.

use crate::RelayError;
use crate::rates::{Bucket, Rate};
use crate::storage::MailboxNumber;
use carnet_wire::MailboxId;
use carnet_wire::relay::{Access, Challenge};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Asked for and closed: what it holds no key of is no mistake of the device. Sorted.
    closed: Vec<MailboxId>,
    bucket: Bucket,
}

impl Grants {
    /// Collects what was proved, and which of the mailboxes are closed.
    pub fn new(
        mut rights: Vec<(MailboxId, Access, MailboxNumber)>,
        mut closed: Vec<MailboxId>,
    ) -> Self {
        rights.sort_unstable();
        rights.dedup();
        closed.sort_unstable();
        Self {
            rights,
            closed,
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
            .ok_or_else(|| match self.closed.binary_search(&mailbox) {
                Ok(_) => RelayError::CLOSED,
                Err(_) => RelayError::FORBIDDEN,
            })
    }

    fn reaches_any(&self, mailboxes: &BTreeSet<MailboxNumber>) -> bool {
        let mut rights = self.rights.iter();
        rights.any(|(_, _, number)| mailboxes.contains(number))
    }
}

/// All challenges and sessions.
#[derive(Debug)]
pub struct Sessions {
    challenges: Mutex<Expiring<()>>,
    open: Mutex<Expiring<Arc<Grants>>>,
    /// How often sessions were ended. Counted while `open` is locked.
    ended: AtomicU64,
}

impl Default for Sessions {
    /// None yet.
    fn default() -> Self {
        Self {
            challenges: Mutex::new(Expiring::new(CHALLENGE_SECONDS, MAX_CHALLENGES)),
            open: Mutex::new(Expiring::new(SESSION_SECONDS, MAX_GRANTS)),
            ended: AtomicU64::new(0),
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

    /// To be asked before proofs are checked, and given to [`Self::make_session`].
    pub fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    /// Opens a session and returns its token. Refused where sessions were ended since `ended`: what was proved may be one of
    /// the keys that went with them.
    pub fn make_session(
        &self,
        grants: Grants,
        ended: u64,
        now: u64,
    ) -> Result<[u8; 32], RelayError> {
        let token = make_random()?;
        let weight = grants.rights.len().max(1);
        let mut open = lock(&self.open);
        if self.ended() != ended {
            return Err(RelayError::STALE_CHALLENGE);
        }
        open.insert(hash(&token), Arc::new(grants), weight, now);
        Ok(token)
    }

    /// Ends the sessions that have a right to one of these mailboxes, but the one of this token.
    pub fn end_others(&self, token: &[u8; 32], mailboxes: &BTreeSet<MailboxNumber>) {
        let own = hash(token);
        let mut open = lock(&self.open);
        self.ended.fetch_add(1, Ordering::SeqCst);
        open.retain(|key, grants| *key == own || !grants.reaches_any(mailboxes));
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

    fn retain(&mut self, mut keeps: impl FnMut(&[u8; 32], &V) -> bool) {
        let weight = &mut self.weight;
        self.entries.retain(|key, kept| {
            let stays = keeps(key, &kept.value);
            *weight -= if stays { 0 } else { kept.weight };
            stays
        });
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
        let rights = vec![
            (mailbox, Access::Write, number),
            (MailboxId([0; 32]), Access::Read, MailboxNumber(4)),
        ];
        let grants = Grants::new(rights, vec![MailboxId([3; 32])]);
        let token = sessions.make_session(grants, 0, NOW).unwrap();
        let session = sessions.find(&token, NOW + 3_599).unwrap();
        assert_eq!(session.number(mailbox, Access::Write), Ok(number));
        let forbidden = Err(RelayError::FORBIDDEN);
        assert_eq!(session.number(mailbox, Access::Read), forbidden);
        assert_eq!(session.number(MailboxId([2; 32]), Access::Write), forbidden);
        let closed = session.number(MailboxId([3; 32]), Access::Read);
        assert_eq!(closed, Err(RelayError::CLOSED));
        assert_eq!(
            sessions.find(&token, NOW + 3_600).unwrap_err(),
            RelayError::NO_SESSION
        );
    }

    #[test]
    fn whoever_proved_a_key_that_went_has_no_session() {
        let sessions = Sessions::default();
        let rights = |number| vec![(MailboxId([1; 32]), Access::Read, MailboxNumber(number))];
        let open = |number| {
            let grants = Grants::new(rights(number), Vec::new());
            sessions.make_session(grants, sessions.ended(), NOW)
        };
        let [closer, other, apart] = [7, 7, 8].map(|number| open(number).unwrap());
        let before = sessions.ended();
        sessions.end_others(&closer, &[MailboxNumber(7)].into());
        assert!(sessions.find(&closer, NOW).is_ok());
        assert!(sessions.find(&apart, NOW).is_ok());
        let gone = sessions.find(&other, NOW).unwrap_err();
        assert_eq!(gone, RelayError::NO_SESSION);
        assert_eq!(lock(&sessions.open).weight, 2);
        // Proofs that were being checked meanwhile are asked for again.
        let late = sessions.make_session(Grants::new(rights(7), Vec::new()), before, NOW);
        assert_eq!(late, Err(RelayError::STALE_CHALLENGE));
        assert!(open(7).is_ok());
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
