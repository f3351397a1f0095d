//! How often one may ask: by session, and by network.
//!
//! Invariants: memory only, so nothing about who asked outlives the process; of an address a salted hash of its network is
//! kept, and only while that network is using up its allowance; memory is bounded, and at the bound the limit is given up
//! rather than the relay.

use crate::RelayError;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Networks remembered at a time: about 3 MB.
const MAX_NETWORKS: usize = 65_536;
const MICROS: u64 = 1_000_000;

/// How often in the long run, and how often at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Microseconds after which one more is allowed; 0 for no limit.
    step: u64,
    /// How many at once, after a while of rest.
    burst: u32,
}

impl Rate {
    /// No limit.
    pub const NONE: Self = Self { step: 0, burst: 0 };

    /// This many a second; 0 for no limit.
    pub const fn per_second(count: u32, burst: u32) -> Self {
        Self::per(MICROS, count, burst)
    }

    /// This many an hour; 0 for no limit.
    pub const fn per_hour(count: u32, burst: u32) -> Self {
        Self::per(3_600 * MICROS, count, burst)
    }

    const fn per(micros: u64, count: u32, burst: u32) -> Self {
        match micros.checked_div(count as u64) {
            Some(step) => Self { step, burst },
            None => Self::NONE,
        }
    }

    /// Moves the time at which the bucket is full again, or says how long to wait.
    fn take(self, full_at: u64, cost: u64, now: u64) -> Result<u64, RelayError> {
        let step = self.step;
        if step == 0 {
            return Ok(full_at);
        }
        let burst = u64::from(self.burst.max(1));
        // What costs more than a full bucket passes when the bucket is full: it could never pass otherwise.
        let next = full_at.max(now) + cost.min(burst) * step;
        let over = (next - now).saturating_sub(burst * step);
        if over == 0 {
            return Ok(next);
        }
        let seconds = u32::try_from(over.div_ceil(MICROS)).unwrap_or(u32::MAX);
        Err(RelayError::RATE_LIMITED.after(seconds))
    }
}

/// A token bucket, as the time in microseconds at which it is full again.
#[derive(Debug, Default)]
pub(crate) struct Bucket(AtomicU64);

impl Bucket {
    pub(crate) fn take(&self, rate: Rate, now: u64) -> Result<(), RelayError> {
        let mut refused = Ok(());
        let _ = self
            .0
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
                let taken = rate.take(full_at, 1, now);
                refused = taken.map(drop);
                taken.ok()
            });
        refused
    }
}

/// The buckets of networks.
#[derive(Debug)]
pub(crate) struct Networks {
    rate: Rate,
    salt: RandomState,
    full_at: Mutex<HashMap<u64, u64>>,
}

impl Networks {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            salt: RandomState::new(),
            full_at: Mutex::default(),
        }
    }

    /// Takes `cost` from the bucket of the network this address is in. The machine itself is not limited: it is the operator,
    /// or a proxy that stands for everybody.
    pub(crate) fn take(&self, address: IpAddr, cost: u64, now: u64) -> Result<(), RelayError> {
        let address = address.to_canonical();
        if self.rate == Rate::NONE || cost == 0 || address.is_loopback() {
            return Ok(());
        }
        let key = self.salt.hash_one(network(address));
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = all.get(&key).copied().unwrap_or(0);
        let next = self.rate.take(full_at, cost, now)?;
        if all.len() >= MAX_NETWORKS && !all.contains_key(&key) {
            all.retain(|_, full_at| *full_at > now);
            if all.len() >= MAX_NETWORKS {
                all.clear();
            }
        }
        all.insert(key, next);
        Ok(())
    }
}

/// What one subscriber is likely to have: 24 bits of an IPv4 address, 48 of an IPv6 address.
fn network(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(u32::from(address) >> 8),
        // The top bit keeps the two kinds apart.
        IpAddr::V6(address) => 1 << 63 | u64::try_from(u128::from(address) >> 80).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const RATE: Rate = Rate::per_second(10, 5);
    const NOW: u64 = 1_000 * MICROS;

    fn limited(seconds: u32) -> Result<(), RelayError> {
        Err(RelayError::RATE_LIMITED.after(seconds))
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let bucket = Bucket::default();
        for _ in 0..5 {
            assert_eq!(bucket.take(RATE, NOW), Ok(()));
        }
        assert_eq!(bucket.take(RATE, NOW), limited(1));
        assert_eq!(bucket.take(RATE, NOW + MICROS / 10 - 1), limited(1));
        assert_eq!(bucket.take(RATE, NOW + MICROS / 10), Ok(()));
        assert_eq!(bucket.take(RATE, NOW + MICROS / 10), limited(1));
        // Rest fills it to the burst and not further.
        let later = NOW + 3_600 * MICROS;
        let passed = (0..20).filter(|_| bucket.take(RATE, later).is_ok()).count();
        assert_eq!(passed, 5);
    }

    #[test]
    fn no_rate_is_no_limit() {
        let bucket = Bucket::default();
        assert!((0..100_000).all(|_| bucket.take(Rate::NONE, NOW).is_ok()));
    }

    #[test]
    fn a_large_cost_waits_for_a_full_bucket_and_is_told_how_long() {
        let networks = Networks::new(Rate::per_hour(3_600, 60));
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(networks.take(address, 1_000, NOW), Ok(()));
        assert_eq!(networks.take(address, 1_000, NOW + MICROS), limited(59));
        assert_eq!(networks.take(address, 1_000, NOW + 60 * MICROS), Ok(()));
    }

    #[test]
    fn neighbours_share_strangers_do_not_and_this_machine_is_free() {
        let networks = Networks::new(RATE);
        let take = |address: &str| networks.take(address.parse().unwrap(), 5, NOW);
        assert_eq!(take("192.0.2.1"), Ok(()));
        assert_eq!(take("192.0.2.200"), limited(1));
        assert_eq!(take("::ffff:192.0.2.3"), limited(1));
        assert_eq!(take("192.0.3.1"), Ok(()));
        assert_eq!(take("2001:db8:1:2::1"), Ok(()));
        assert_eq!(take("2001:db8:1:ff::1"), limited(1));
        assert_eq!(take("2001:db8:2::1"), Ok(()));
        for _ in 0..10 {
            assert_eq!(take("127.0.0.1"), Ok(()));
            assert_eq!(take("::1"), Ok(()));
        }
    }

    #[test]
    fn memory_is_bounded_and_rested_networks_go_first() {
        let networks = Networks::new(RATE);
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from(number << 8));
        let count = || networks.full_at.lock().unwrap().len();
        for number in 1..=MAX_NETWORKS as u32 {
            networks.take(address(number), 1, NOW).unwrap();
        }
        assert_eq!(count(), MAX_NETWORKS);
        networks.take(address(1 << 20), 1, NOW + MICROS).unwrap();
        assert_eq!(count(), 1);
    }
}
