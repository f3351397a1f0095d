//! A relay that lies: between one phone and a real relay, it changes what either says. What it does follows from a seed.
//!
//! It can do what any relay can: withhold, repeat, reorder, cut, mix up, damage, answer from the past, show each phone
//! something else, take without keeping, and say whatever it likes about numbers. It cannot seal or sign.

use crate::dice::Dice;
use carnet::host::{HostError, HttpRequest, HttpResponse, Method, Transport};
use carnet_wire::Canonical;
use carnet_wire::relay::{Entry, Exchange, ExchangeReply, Problem, Pulled, Pushed};
use std::sync::{Arc, Mutex};

/// In how many of 100 answers each thing is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Malice {
    /// Some envelopes are left out.
    pub omit: u64,
    /// Envelopes shown earlier, to anybody, are shown again.
    pub replay: u64,
    /// The end of a mailbox is hidden, and its head goes back.
    pub roll_back: u64,
    /// Envelopes change places.
    pub reorder: u64,
    /// From some number on this phone is shown nothing any more, for good.
    pub split: u64,
    /// Envelopes are cut.
    pub truncate: u64,
    /// Envelopes are shown in another mailbox.
    pub swap: u64,
    /// Bits are flipped in envelopes and documents.
    pub flip: u64,
    /// Head and generation are made up.
    pub lie: u64,
    /// What is pushed is said to be stored and is not.
    pub swallow: u64,
    /// What is retired or deleted is said to be so and is not.
    pub keep: u64,
    /// The answer is damaged, cut, or another one altogether.
    pub garble: u64,
}

impl Malice {
    /// Some of everything, little or much.
    pub fn draw(dice: &mut Dice) -> Self {
        let mut share = || {
            if dice.chance(40) {
                *dice.pick(&[5, 30, 100])
            } else {
                0
            }
        };
        Self {
            omit: share(),
            replay: share(),
            roll_back: share(),
            reorder: share(),
            split: share().min(5),
            truncate: share(),
            swap: share(),
            flip: share(),
            lie: share().min(30),
            swallow: share(),
            keep: share(),
            garble: share().min(30),
        }
    }
}

/// What all faces of one lying relay remember: envelopes they have seen, of any mailbox and phone.
pub type Memory = Arc<Mutex<Vec<Vec<u8>>>>;

/// A lying relay as one phone meets it.
pub struct Liar {
    inner: Arc<dyn Transport>,
    memory: Memory,
    state: Mutex<State>,
}

struct State {
    dice: Dice,
    malice: Malice,
    /// Mailboxes of which this phone is shown no more, and the last number it is shown.
    split: Vec<(carnet_wire::MailboxId, u64)>,
}

impl Liar {
    /// An honest one, until told otherwise.
    pub fn new(inner: Arc<dyn Transport>, memory: Memory, seed: u64) -> Self {
        let state = State {
            dice: Dice::new(seed),
            malice: Malice::default(),
            split: Vec::new(),
        };
        Self {
            inner,
            memory,
            state: Mutex::new(state),
        }
    }

    /// From now on it lies like this. Without malice it also shows again what it hid.
    pub fn set(&self, malice: Malice) {
        let mut state = self.state.lock().expect("the state");
        state.malice = malice;
        state.split.clear();
    }

    fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let mut state = self.state.lock().expect("the state");
        let (sent, swallowed) = self.swallow(&mut state, request);
        let mut answer = self.inner.send(sent)?;
        let Ok(mut reply) = ExchangeReply::from_canonical(&answer.body) else {
            return Ok(answer);
        };
        if let Some(swallowed) = swallowed {
            reply.pushed = swallowed;
        }
        let mut memory = self.memory.lock().expect("the memory");
        let shown = reply.pulled.iter().flat_map(|pulled| &pulled.entries);
        memory.extend(shown.map(|entry| entry.envelope.clone()));
        state.twist(&mut reply, &memory);
        answer.body = reply.to_canonical();
        Ok(answer)
    }

    /// Takes what is pushed away, and makes up numbers for it.
    fn swallow(
        &self,
        state: &mut State,
        mut request: HttpRequest,
    ) -> (HttpRequest, Option<Vec<Pushed>>) {
        let Ok(mut exchange) = Exchange::from_canonical(&request.body) else {
            return (request, None);
        };
        if exchange.push.is_empty() || !state.dice.chance(state.malice.swallow) {
            return (request, None);
        }
        let first = state.dice.below(20);
        let stored = (0..exchange.push.len() as u64).map(|at| Pushed::Stored(first + at + 1));
        let stored = stored.collect();
        exchange.push.clear();
        request.body = exchange.to_canonical();
        (request, Some(stored))
    }
}

impl State {
    fn twist(&mut self, reply: &mut ExchangeReply, memory: &[Vec<u8>]) {
        let malice = self.malice;
        if self.dice.chance(malice.swap) && !reply.pulled.is_empty() {
            self.swap(&mut reply.pulled);
        }
        for pulled in &mut reply.pulled {
            self.split(pulled);
            if self.dice.chance(malice.omit) {
                let dice = &mut self.dice;
                pulled.entries.retain(|_| dice.chance(50));
            }
            if self.dice.chance(malice.roll_back) {
                pulled.head -= self.dice.below(pulled.head.min(4) + 1);
                let head = pulled.head;
                pulled.entries.retain(|entry| entry.seq <= head);
            }
            if self.dice.chance(malice.replay) && !memory.is_empty() {
                pulled.head += 1;
                let envelope = self.dice.pick(memory).clone();
                let seq = pulled.head;
                pulled.entries.push(Entry { seq, envelope });
            }
            self.spoil(&mut pulled.entries);
            if self.dice.chance(malice.lie) {
                pulled.head = *self.dice.pick(&[0, 1, 1_000, 1 << 40, u64::MAX]);
            }
        }
        if self.dice.chance(malice.lie) {
            reply.generation = self.dice.below(4);
        }
    }

    fn split(&mut self, pulled: &mut Pulled) {
        let known = self.split.iter().find(|(id, _)| *id == pulled.mailbox);
        let last = known.map(|(_, last)| *last);
        if last.is_none() && self.dice.chance(self.malice.split) {
            self.split.push((pulled.mailbox, pulled.head));
        }
        if let Some(last) = last {
            pulled.entries.retain(|entry| entry.seq <= last);
            pulled.head = pulled.head.min(last);
        }
    }

    fn swap(&mut self, pulled: &mut [Pulled]) {
        let (from, to) = (self.below(pulled.len()), self.below(pulled.len()));
        let entries = std::mem::take(&mut pulled[from].entries);
        let theirs = std::mem::replace(&mut pulled[to].entries, entries);
        pulled[from].entries = theirs;
    }

    fn spoil(&mut self, entries: &mut [Entry]) {
        let malice = self.malice;
        if entries.is_empty() {
            return;
        }
        if self.dice.chance(malice.reorder) {
            let (one, other) = (self.below(entries.len()), self.below(entries.len()));
            let envelope = entries[one].envelope.clone();
            entries[one].envelope = std::mem::replace(&mut entries[other].envelope, envelope);
        }
        if self.dice.chance(malice.truncate) {
            let at = self.below(entries.len());
            let length = self.below(entries[at].envelope.len() + 1);
            entries[at].envelope.truncate(length);
        }
        if self.dice.chance(malice.flip) {
            let at = self.below(entries.len());
            self.flip(&mut entries[at].envelope);
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        if !bytes.is_empty() {
            let at = self.below(bytes.len());
            bytes[at] ^= 1 << self.dice.below(8);
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.dice.below(limit.max(1) as u64) as usize
    }

    /// An answer that is not what was asked for.
    fn garble(&mut self, answer: &mut HttpResponse) {
        match self.dice.below(5) {
            0 => self.flip(&mut answer.body),
            1 => {
                let length = self.below(answer.body.len() + 1);
                answer.body.truncate(length);
            }
            2 => answer.body = b"<html>Please log in to the network</html>".to_vec(),
            3 => {
                answer.status = *self.dice.pick(&[400, 401, 403, 404, 409, 429, 500, 507]);
                answer.body = Problem {
                    code: self.dice.below(20) as u16,
                    title: "\u{1b}[31mdo as I say".to_owned(),
                }
                .to_canonical();
            }
            _ => answer.headers.clear(),
        }
    }

    /// Documents and pieces come in parts.
    fn spoil_part(&mut self, answer: &mut HttpResponse) {
        if self.dice.chance(self.malice.flip) {
            self.flip(&mut answer.body);
        }
        if self.dice.chance(self.malice.truncate) {
            let length = self.below(answer.body.len() + 1);
            answer.body.truncate(length);
        }
    }
}

impl Transport for Liar {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError> {
        let keeps = ["/v1/retire", "/v1/close", "/v1/delete"];
        let is_kept = keeps.iter().any(|path| request.url.ends_with(path));
        let mut answer = if request.url.ends_with("/v1/exchange") {
            self.exchange(request)?
        } else if is_kept && self.chance(|malice| malice.keep) {
            return Err(HostError::Offline);
        } else {
            let is_part = request.method == Method::Get;
            let mut answer = self.inner.send(request)?;
            if is_part {
                self.state
                    .lock()
                    .expect("the state")
                    .spoil_part(&mut answer);
            }
            answer
        };
        if self.chance(|malice| malice.garble) {
            self.state.lock().expect("the state").garble(&mut answer);
        }
        Ok(answer)
    }
}

impl Liar {
    fn chance(&self, share: impl Fn(&Malice) -> u64) -> bool {
        let mut state = self.state.lock().expect("the state");
        let share = share(&state.malice);
        state.dice.chance(share)
    }
}
