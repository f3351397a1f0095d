//! Networks that lose, repeat and delay: wrapped around any transport, driven by a seed.

use crate::dice::Dice;
use carnet::host::{HostError, HttpRequest, HttpResponse, Transport};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// In how many of 100 requests something happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// The request never arrives.
    pub lost_requests: u64,
    /// The relay acts, its answer never arrives.
    pub lost_answers: u64,
    /// The request arrives twice; the second answer is given.
    pub repeated: u64,
    /// The request never seems to arrive, and does arrive later, after others.
    pub late: u64,
}

impl Weather {
    /// No network at all.
    pub const NONE: Self = Self {
        lost_requests: 100,
        lost_answers: 0,
        repeated: 0,
        late: 0,
    };
}

/// A network in bad weather.
pub struct Lossy {
    inner: Arc<dyn Transport>,
    state: Mutex<State>,
    requests: AtomicU64,
}

struct State {
    dice: Dice,
    weather: Weather,
    late: VecDeque<HttpRequest>,
}

impl Lossy {
    /// In fair weather, until told otherwise.
    pub fn new(inner: Arc<dyn Transport>, seed: u64) -> Self {
        let state = State {
            dice: Dice::new(seed),
            weather: Weather::default(),
            late: VecDeque::new(),
        };
        Self {
            inner,
            state: Mutex::new(state),
            requests: AtomicU64::new(0),
        }
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        self.state.lock().expect("the state").weather = weather;
    }

    /// Delivers what is still under way.
    pub fn deliver_late(&self) {
        let late: Vec<_> = self
            .state
            .lock()
            .expect("the state")
            .late
            .drain(..)
            .collect();
        for request in late {
            let _ = self.inner.send(request);
        }
    }

    /// Requests seen.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn fate(&self, request: &HttpRequest) -> Fate {
        let mut state = self.state.lock().expect("the state");
        let weather = state.weather;
        if state.dice.chance(weather.lost_requests) {
            return Fate::LostRequest;
        }
        if state.dice.chance(weather.late) {
            state.late.push_back(request.clone());
            return Fate::LostRequest;
        }
        if state.dice.chance(weather.lost_answers) {
            return Fate::LostAnswer;
        }
        if state.dice.chance(weather.repeated) {
            return Fate::Repeated;
        }
        Fate::Delivered
    }

    fn one_late(&self) -> Option<HttpRequest> {
        let mut state = self.state.lock().expect("the state");
        let due = state.dice.chance(30);
        if due { state.late.pop_front() } else { None }
    }
}

enum Fate {
    LostRequest,
    LostAnswer,
    Repeated,
    Delivered,
}

impl Transport for Lossy {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some(late) = self.one_late() {
            let _ = self.inner.send(late);
        }
        match self.fate(&request) {
            Fate::LostRequest => Err(HostError::Offline),
            Fate::LostAnswer => {
                let _ = self.inner.send(request);
                Err(HostError::Offline)
            }
            Fate::Repeated => {
                let _ = self.inner.send(request.clone());
                self.inner.send(request)
            }
            Fate::Delivered => self.inner.send(request),
        }
    }
}
