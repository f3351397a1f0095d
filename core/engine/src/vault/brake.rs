//! The brake of long work with the network: a deadline, and an observer that may say stop.
//!
//! Both act between two steps, each of which is a transaction of its own, and while a request is under way: a relay that
//! answers one byte a second holds nobody for longer than the person or the deadline allows.

use super::{Observer, Phase, Progress};
use crate::error::{Error, Result};
use crate::host::{HostError, HttpRequest, HttpResponse, Transport};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Stops a sync: by deadline, or because the caller wants it.
pub struct Brake<'a> {
    deadline: Option<Instant>,
    observer: Option<&'a dyn Observer>,
    progress: Cell<Progress>,
}

/// What became of a request.
pub enum Sent {
    /// It was answered, or failed.
    Outcome(std::result::Result<HttpResponse, HostError>),
    /// The deadline passed first.
    TooLate,
}

impl<'a> Brake<'a> {
    /// A brake that acts after `deadline`, or when `observer` says so.
    pub fn new(deadline: Option<Duration>, observer: Option<&'a dyn Observer>) -> Self {
        Self {
            deadline: deadline.and_then(|after| Instant::now().checked_add(after)),
            observer,
            progress: Cell::new(Progress::default()),
        }
    }

    /// Says what is being done from now on.
    pub fn enter(&self, phase: Phase) {
        self.progress.set(Progress {
            phase,
            ..self.progress.get()
        });
    }

    /// Whether the deadline has passed. An observer that says stop is `Cancelled`.
    pub fn check(&self, done: u64) -> Result<bool> {
        self.progress.set(Progress {
            done,
            ..self.progress.get()
        });
        if self.is_stopped() {
            return Err(Error::Cancelled);
        }
        Ok(self.is_too_late())
    }

    /// [`Brake::check`] where nothing has been done since.
    pub fn poll(&self) -> Result<bool> {
        self.check(self.progress.get().done)
    }

    /// Sends a request that may take as long as its own timeout and what is left allow.
    pub fn send(&self, transport: &dyn Transport, mut request: HttpRequest) -> Result<Sent> {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            request.timeout = request.timeout.min(left);
        }
        let stopped = Cell::new(false);
        let outcome = transport.send_while(request, &|| {
            stopped.set(stopped.get() || self.is_stopped());
            !stopped.get() && !self.is_too_late()
        });
        match outcome {
            _ if stopped.get() => Err(Error::Cancelled),
            // What fails after the deadline failed because of it, whatever the network calls it.
            Err(_) if self.is_too_late() => Ok(Sent::TooLate),
            outcome => Ok(Sent::Outcome(outcome)),
        }
    }

    fn is_stopped(&self) -> bool {
        self.observer
            .is_some_and(|observer| !observer.progress(self.progress.get()))
    }

    fn is_too_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::Method;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    const LONG: Duration = Duration::from_secs(30);

    fn request() -> HttpRequest {
        HttpRequest {
            method: Method::Get,
            url: String::new(),
            headers: Vec::new(),
            body: Vec::new(),
            max_answer: 0,
            timeout: LONG,
        }
    }

    /// Notes the timeout it was given and waits as long as it may.
    #[derive(Default)]
    struct Slow(Mutex<Duration>);

    impl Transport for Slow {
        fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HostError> {
            *self.0.lock().unwrap() = request.timeout;
            Ok(HttpResponse::default())
        }

        fn send_while(
            &self,
            request: HttpRequest,
            go_on: &dyn Fn() -> bool,
        ) -> std::result::Result<HttpResponse, HostError> {
            *self.0.lock().unwrap() = request.timeout;
            while go_on() {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(HostError::Cancelled)
        }
    }

    struct Switch(AtomicBool);

    impl Observer for Switch {
        fn progress(&self, progress: Progress) -> bool {
            assert_eq!(progress.phase, Phase::Exchanging);
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_request_lasts_no_longer_than_what_is_left() {
        let slow = Slow::default();
        let brake = Brake::new(Some(Duration::from_millis(40)), None);
        let sent = brake.send(&slow, request()).unwrap();
        assert!(matches!(sent, Sent::TooLate));
        assert!(*slow.0.lock().unwrap() <= Duration::from_millis(40));
        assert!(brake.check(0).unwrap());
    }

    #[test]
    fn an_observer_stops_a_request_under_way() {
        let (slow, switch) = (Slow::default(), Switch(AtomicBool::new(true)));
        let brake = Brake::new(None, Some(&switch));
        brake.enter(Phase::Exchanging);
        assert!(!brake.check(1).unwrap());
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(20));
                switch.0.store(false, Ordering::Relaxed);
            });
            brake.send(&slow, request())
        });
        assert!(matches!(outcome, Err(Error::Cancelled)));
        assert!(matches!(brake.check(1), Err(Error::Cancelled)));
        assert_eq!(*slow.0.lock().unwrap(), LONG);
    }

    /// As a platform whose network cannot be stopped.
    struct Plain;

    impl Transport for Plain {
        fn send(&self, _: HttpRequest) -> std::result::Result<HttpResponse, HostError> {
            Err(HostError::Offline)
        }
    }

    #[test]
    fn a_failure_before_the_deadline_is_a_failure_and_after_it_is_the_deadline() {
        let early = Brake::new(Some(LONG), None);
        let sent = early.send(&Plain, request()).unwrap();
        assert!(matches!(sent, Sent::Outcome(Err(HostError::Offline))));
        let late = Brake::new(Some(Duration::ZERO), None);
        let sent = late.send(&Plain, request()).unwrap();
        assert!(matches!(sent, Sent::TooLate));
    }
}
