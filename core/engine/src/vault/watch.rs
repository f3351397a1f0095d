//! Watching: syncs when the relay has news or this vault has, until told to stop. For an app in the foreground and for
//! `carnet sync --watch`; in the background nobody waits.
//!
//! ```text
//!   ┌──────────────► sync ──► wait for: the relay's word · a write, by this process or another · the observer ──┐
//!   └── at once, or later and later with chance in it, where the relay fails or cries wolf ◄────────────────────┘
//! ```
//! Nothing is locked and no transaction is open while it waits, so another process imports beside it undisturbed.

use super::open::Unlocked;
use super::plan::covered;
use super::{Observer, Phase, Progress, SyncReport};
use crate::error::{Result, VaultError};
use crate::host::{HostError, Transport};
use crate::seal;
use crate::store::log;
use crate::sync::wait::{self, News};
use carnet_wire::limits;
use carnet_wire::relay::Pull;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the database is asked whether somebody wrote.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How often a pause asks the observer.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// The first pause after a failure and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause a relay may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3_600);
/// How often a relay is asked that does not let anybody wait.
const POLL_EVERY: Duration = Duration::from_secs(60);

/// What watching tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// A sync is done.
    Synced(SyncReport),
    /// A sync failed in a way that waiting may mend; the next attempt comes after this pause.
    Retrying {
        /// Why.
        error: VaultError,
        /// How long from now.
        after: Duration,
    },
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// Somebody wrote here.
    Written,
    /// The relay has news, or it is time to ask.
    News,
    /// Nothing happened.
    Quiet,
    /// The observer said stop.
    Stopped,
}

/// Longer and longer pauses.
struct Pauses {
    next: Duration,
}

impl Pauses {
    fn new() -> Self {
        Self { next: FIRST_PAUSE }
    }

    /// The next pause: up to half of it is chance, so that the phones of a relay that comes back do not come all at once.
    fn make_next(&mut self) -> Result<Duration> {
        let [chance] = seal::make_random::<1>()?;
        let pause = self.next.mul_f64(0.5 + f64::from(chance) / 512.0);
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Ok(pause)
    }
}

/// Watches until `observer` says stop. `sync` is one sync; `open` fails once the vault is locked.
pub fn watch(
    open: &dyn Fn() -> Result<Arc<Unlocked>>,
    sync: &dyn Fn() -> std::result::Result<SyncReport, VaultError>,
    transport: &dyn Transport,
    url: &dyn Fn(&Unlocked) -> Result<String>,
    observer: &dyn Observer,
    event: &mut dyn FnMut(WatchEvent),
) -> std::result::Result<(), VaultError> {
    let (mut failures, mut alarms) = (Pauses::new(), Pauses::new());
    loop {
        let written = newest(&*open()?)?;
        let idle = match sync() {
            Ok(report) => {
                failures = Pauses::new();
                let idle = report.sent + report.received == 0;
                event(WatchEvent::Synced(report));
                idle
            }
            Err(VaultError::Cancelled) => return Ok(()),
            Err(error) => {
                let asked = pause_for(error).ok_or(error)?;
                let after = failures.make_next()?.max(asked);
                event(WatchEvent::Retrying { error, after });
                if !pause(after, observer) {
                    return Ok(());
                }
                continue;
            }
        };
        let woken = Waiting {
            reopen: open,
            open: &*open()?,
            transport,
            observer,
            written,
        }
        .wait(url)?;
        match woken {
            Woken::Stopped => return Ok(()),
            // A relay that has news all the time and none when asked is asked less and less.
            Woken::News if idle => {
                if !pause(alarms.make_next()?, observer) {
                    return Ok(());
                }
            }
            _ => alarms = Pauses::new(),
        }
    }
}

/// What a failure asks to wait at least; none for those that waiting does not mend.
fn pause_for(error: VaultError) -> Option<Duration> {
    match error {
        VaultError::RelayFull { retry_after } => {
            let asked = Duration::from_secs(retry_after.unwrap_or(0).into());
            Some(asked.min(LONGEST_ASKED))
        }
        VaultError::Offline | VaultError::RelayGarbled(_) | VaultError::RelayRefused(_) => {
            Some(Duration::ZERO)
        }
        _ => None,
    }
}

/// Sleeps; `false` as soon as the observer says stop.
fn pause(how_long: Duration, observer: &dyn Observer) -> bool {
    let end = Instant::now() + how_long;
    loop {
        if !goes_on(observer) {
            return false;
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        std::thread::sleep(left.min(ASK_EVERY));
    }
}

fn goes_on(observer: &dyn Observer) -> bool {
    observer.progress(Progress {
        phase: Phase::Waiting,
        ..Progress::default()
    })
}

/// What a sync would push or merge: it moves when this process or another writes.
fn newest(open: &Unlocked) -> Result<(i64, bool)> {
    open.store
        .read(|conn| Ok((log::newest_outbox(conn)?, log::has_inbox(conn)?)))
}

struct Waiting<'a> {
    reopen: &'a dyn Fn() -> Result<Arc<Unlocked>>,
    open: &'a Unlocked,
    transport: &'a dyn Transport,
    observer: &'a dyn Observer,
    written: (i64, bool),
}

impl Waiting<'_> {
    fn wait(&self, url: &dyn Fn(&Unlocked) -> Result<String>) -> Result<Woken> {
        let url = url(self.open)?;
        let keyring = self.open.keyring()?;
        let (relay, pulls) = self.open.store.read(|conn| {
            let relay = log::relay(conn, &url)?;
            let mut pulls = Vec::new();
            for (_, epoch) in keyring.epochs.iter().take(limits::MAX_MAILBOXES) {
                let after = log::cursor(conn, relay.number, epoch.mailbox)?;
                let mailbox = epoch.mailbox;
                pulls.push(Pull { mailbox, after });
            }
            Ok((relay, pulls))
        })?;
        let Some(token) = relay.session_for(covered(&keyring.mailboxes())) else {
            return Ok(Woken::News);
        };
        let asked = pulls.iter().map(|pull| pull.mailbox).collect();
        let request = wait::request(&url, &token, pulls, limits::MAX_WAIT_SECONDS);
        let (looked, woken) = (Cell::new(Instant::now()), Cell::new(None));
        let outcome = self
            .transport
            .send_while(request, &|| self.nothing_happens(&looked, &woken));
        if let Some(woken) = woken.get() {
            return Ok(woken);
        }
        match outcome {
            Ok(response) => match wait::news(&response, &asked, relay.generation) {
                Ok(News::Nothing) => Ok(Woken::Quiet),
                Ok(News::Unsupported) => self.sleep(POLL_EVERY),
                // Whatever is wrong, the next sync meets it too and says so.
                Ok(News::Exchange) | Err(_) => Ok(Woken::News),
            },
            Err(HostError::Cancelled) => Ok(Woken::Stopped),
            Err(_) => Ok(Woken::News),
        }
    }

    fn nothing_happens(&self, looked: &Cell<Instant>, woken: &Cell<Option<Woken>>) -> bool {
        if !goes_on(self.observer) {
            woken.set(Some(Woken::Stopped));
        } else if looked.get().elapsed() >= LOOK_EVERY {
            looked.set(Instant::now());
            // A vault that was locked or cannot be read is the next sync's business.
            let now = (self.reopen)().and_then(|open| newest(&open));
            if now.is_ok_and(|now| now == self.written) {
                return true;
            } else {
                woken.set(Some(Woken::Written));
            }
        }
        woken.get().is_none()
    }

    /// Waits without the relay.
    fn sleep(&self, how_long: Duration) -> Result<Woken> {
        let end = Instant::now() + how_long;
        let (looked, woken) = (Cell::new(Instant::now()), Cell::new(None));
        while self.nothing_happens(&looked, &woken) && Instant::now() < end {
            std::thread::sleep(ASK_EVERY);
        }
        Ok(woken.get().unwrap_or(Woken::Quiet))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pauses_grow_with_chance_in_them_and_have_an_end() {
        let mut pauses = Pauses::new();
        let made: Vec<Duration> = (0..12).map(|_| pauses.make_next().unwrap()).collect();
        for (at, pause) in (0..).zip(&made) {
            let most = (FIRST_PAUSE * 2_u32.pow(at)).min(LONGEST_PAUSE);
            assert!(*pause >= most / 2 && *pause <= most, "{at}: {pause:?}");
        }
        let again: Vec<Duration> = (0..12)
            .map(|_| Pauses::new().make_next().unwrap())
            .collect();
        assert!(again.iter().any(|pause| *pause != again[0]), "no chance");
    }

    #[test]
    fn only_what_waiting_mends_is_waited_for() {
        let full = |retry_after| pause_for(VaultError::RelayFull { retry_after });
        assert_eq!(full(Some(7)), Some(Duration::from_secs(7)));
        assert_eq!(full(Some(u32::MAX)), Some(LONGEST_ASKED));
        assert_eq!(pause_for(VaultError::Offline), Some(Duration::ZERO));
        for lasting in [
            VaultError::Locked,
            VaultError::DiskFull,
            VaultError::NotFound("a relay"),
            VaultError::Corrupt("x"),
        ] {
            assert_eq!(pause_for(lasting), None);
        }
    }
}
