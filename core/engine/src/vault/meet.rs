//! Meetings over TCP: visiting a device that listens, and being the one that does.
//!
//! Who connects is a stranger until it has shown an epoch in common. A stranger costs a thread for a few seconds and is not
//! spoken of.

use super::brake::Brake;
use super::open::Unlocked;
use super::peer::Meeting;
use super::{Observer, Phase, SyncReport, VaultResult, paths};
use crate::error::{Error, Result};
use crate::sync::tcp::{self, Ended, Party};
use carnet_wire::stream::Role;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// Meetings at once.
const MAX_MEETINGS: usize = 8;

/// Exchanges with the device that listens at `address`.
pub fn visit(open: Arc<Unlocked>, address: &str, brake: &Brake<'_>) -> Result<SyncReport> {
    brake.enter(Phase::Connecting);
    let mut socket = tcp::connect(address)?;
    let mut settled = SyncReport::default();
    if !paths::settle(&open, brake, &mut settled)? {
        return Ok(settled);
    }
    brake.enter(Phase::Exchanging);
    let mut meeting = Meeting::begin(open, Role::Initiator)?;
    meeting.count(&settled);
    let ended = tcp::converse(&mut socket, &mut meeting, &mut |done| brake.check(done))?;
    if ended == Ended::Gone && !meeting.is_known() {
        return Err(Error::Offline);
    }
    meeting.reported()
}

/// Waits at `address` and exchanges with each device that comes.
pub fn host(
    open: &Arc<Unlocked>,
    address: &str,
    deadline: Option<Duration>,
    observer: Option<&dyn Observer>,
    announce: &mut dyn FnMut(&str),
    met: &mut dyn FnMut(VaultResult<SyncReport>) -> bool,
) -> Result<()> {
    let listener = tcp::bind(address)?;
    announce(&tcp::reachable(&listener)?.to_string());
    let until = deadline.and_then(|after| Instant::now().checked_add(after));
    let left = || until.map(|until| until.saturating_duration_since(Instant::now()));
    let brake = Brake::new(left(), observer);
    paths::settle(open, &brake, &mut SyncReport::default())?;
    brake.enter(Phase::Waiting);
    let (over, busy) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let outcome = loop {
            match brake.check(0) {
                Ok(false) => {}
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
            if told.try_iter().any(|report| !met(report)) {
                break Ok(());
            }
            match tcp::accept(&listener) {
                Ok(Some(socket)) if busy.load(Ordering::Relaxed) < MAX_MEETINGS => {
                    busy.fetch_add(1, Ordering::Relaxed);
                    let (tell, open) = (tell.clone(), open.clone());
                    let (over, busy) = (&over, &busy);
                    let brake = (left(), observer);
                    scope.spawn(move || {
                        if let Some(report) = receive(open, socket, brake, over) {
                            // Nobody listens any more when the host has stopped meanwhile.
                            let _ = tell.send(report);
                        }
                        busy.fetch_sub(1, Ordering::Relaxed);
                    });
                }
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        over.store(true, Ordering::Relaxed);
        outcome
    })
}

/// One meeting of the host; `None` when it was with a stranger.
fn receive(
    open: Arc<Unlocked>,
    mut socket: TcpStream,
    (left, observer): (Option<Duration>, Option<&dyn Observer>),
    over: &AtomicBool,
) -> Option<VaultResult<SyncReport>> {
    let mut meeting = Meeting::begin(open, Role::Responder).ok()?;
    let brake = Brake::new(left, observer);
    brake.enter(Phase::Exchanging);
    let outcome = tcp::converse(&mut socket, &mut meeting, &mut |done| {
        Ok(brake.check(done)? || over.load(Ordering::Relaxed))
    });
    if !meeting.is_known() {
        return None;
    }
    let report = outcome.and_then(|_| meeting.reported());
    Some(report.map_err(Into::into))
}
