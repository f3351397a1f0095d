//! Time, as the relay uses it: whole seconds, only to let challenges, sessions, pairing mailboxes and what is retired run out.
//!
//! Invariant: it never runs backwards within one process, so what has expired stays expired. Nothing is ordered by it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of seconds since 1970.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    /// The wall clock as read once at the start, carried on by the monotonic one.
    System {
        started: Instant,
        wall: Duration,
    },
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self(Source::System {
            started: Instant::now(),
            wall,
        })
    }

    /// A clock that somebody else moves: for simulations and tests.
    pub fn manual(seconds: Arc<AtomicU64>) -> Self {
        Self(Source::Manual(seconds))
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        match &self.0 {
            Source::System { started, wall } => (*wall + started.elapsed()).as_secs(),
            Source::Manual(seconds) => seconds.load(Ordering::Relaxed),
        }
    }

    /// Microseconds since 1970: only for rates.
    pub(crate) fn micros(&self) -> u64 {
        match &self.0 {
            Source::System { started, wall } => {
                u64::try_from((*wall + started.elapsed()).as_micros()).unwrap_or(u64::MAX)
            }
            Source::Manual(_) => self.now().saturating_mul(1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_clock_is_moved_from_outside() {
        let seconds = Arc::new(AtomicU64::new(7));
        let clock = Clock::manual(Arc::clone(&seconds));
        assert_eq!(clock.now(), 7);
        seconds.store(9, Ordering::Relaxed);
        assert_eq!(clock.now(), 9);
    }

    #[test]
    fn the_system_clock_is_in_this_century() {
        assert!(Clock::system().now() > 1_700_000_000);
    }
}
