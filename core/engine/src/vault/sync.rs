//! The driver of a sync: plans, lets the session say what to send, merges what came. No transaction is open and no lock is
//! held while a request is under way.

use super::keyring::Keyring;
use super::merge::{self, Received, Unprojected};
use super::open::Unlocked;
use super::snapshot::Upkeep;
use super::{Observer, Progress, SyncReport};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::seal::Epoch;
use crate::store::log::{self, HeldFor, RelayState};
use crate::sync::session::{self, Action, Answer, Plan, Session};
use carnet_wire::relay::{Entry, Pull, Pulled, Pushed, code};
use carnet_wire::{MailboxId, limits};
use rusqlite::{Connection, Transaction};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Bytes of envelopes merged in one transaction: a step stays well under the 250 ms a background window allows.
const MERGE_STEP_BYTES: usize = 512 << 10;

/// Setting: the relay this vault syncs with.
pub const RELAY: &str = "relay";

/// Stops a sync: by deadline, or because the caller wants it.
pub struct Brake<'a> {
    deadline: Option<Instant>,
    observer: Option<&'a dyn Observer>,
}

impl<'a> Brake<'a> {
    /// A brake that acts after `deadline`, or when `observer` says so.
    pub fn new(deadline: Option<Duration>, observer: Option<&'a dyn Observer>) -> Self {
        Self {
            deadline: deadline.map(|after| Instant::now() + after),
            observer,
        }
    }

    /// Whether the deadline has passed. An observer that says stop is `Cancelled`.
    pub fn check(&self, done: u64) -> Result<bool> {
        if self
            .observer
            .is_some_and(|observer| !observer.progress(Progress { done, total: None }))
        {
            return Err(Error::Cancelled);
        }
        Ok(self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline))
    }
}

/// One sync of one vault with one relay.
pub struct Exchange<'a> {
    pub(super) open: &'a Unlocked,
    pub(super) transport: &'a dyn Transport,
    pub(super) url: String,
    /// Mailboxes read to their head.
    drained: BTreeSet<MailboxId>,
    /// How far each mailbox was read: the cursor that is kept may stay behind, before a hole.
    reached: BTreeMap<MailboxId, u64>,
    /// The last number before the first one that a mailbox left out.
    holes: BTreeMap<MailboxId, u64>,
    /// Mailboxes read again from their start, because a change appeared whose predecessor never did.
    reread: BTreeSet<MailboxId>,
    /// Whether everything is being exchanged again: once, or a relay could keep a device busy for ever.
    restarted: bool,
    /// Whether the relay says there is more and does not give it.
    starved: bool,
    /// The first refusal of a part; the rest is exchanged before it is reported.
    refused: Option<u16>,
    /// A session to keep once the relay has served something.
    session: Option<KeptSession>,
    /// The clock: how long a snapshot has been waiting, nothing else.
    pub(super) now: i64,
    pub(super) report: SyncReport,
}

/// A token and the mailboxes it opens; none to forget the one that was kept.
type KeptSession = Option<([u8; 32], [u8; 32])>;

impl<'a> Exchange<'a> {
    /// A sync with the relay at `url`.
    pub fn new(open: &'a Unlocked, transport: &'a dyn Transport, url: &str) -> Result<Self> {
        session::origin(url)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self {
            open,
            transport,
            url,
            drained: BTreeSet::new(),
            reached: BTreeMap::new(),
            holes: BTreeMap::new(),
            reread: BTreeSet::new(),
            restarted: false,
            starved: false,
            refused: None,
            session: None,
            now: 0,
            report: SyncReport::default(),
        })
    }

    /// Says what time it is.
    pub fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// Runs until everything is exchanged or the brake acts.
    pub fn run(mut self, brake: &Brake<'_>) -> Result<SyncReport> {
        self.exchange(brake)?;
        if self.report.complete {
            match self.keep_up(brake)? {
                Upkeep::Done => {}
                Upkeep::Stopped => self.report.complete = false,
                Upkeep::Wrote => {
                    self.drained.clear();
                    self.exchange(brake)?;
                }
            }
        }
        if self.report.complete {
            self.report.complete = self.transfer_attachments(brake)?;
        }
        self.report.quarantined = self
            .open
            .store
            .read(|conn| Ok(log::held_counts(conn)?.iter().map(|(_, count)| count).sum()))?;
        Ok(self.report)
    }

    fn exchange(&mut self, brake: &Brake<'_>) -> Result<()> {
        let mut session = self.session()?;
        let outcome = self.drive(&mut session, brake);
        self.report.round_trips += session.round_trips;
        self.report.bytes_sent += session.bytes_sent;
        self.report.bytes_received += session.bytes_received;
        self.report.complete = outcome? && !self.starved;
        match self.refused {
            Some(code) => Err(refusal(code)),
            None => Ok(()),
        }
    }

    fn session(&self) -> Result<Session> {
        let keyring = self.open.keyring()?;
        let epochs: Vec<Epoch> = keyring
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.clone())
            .collect();
        let relay = self.relay()?;
        let live = relay.covers == Some(covered(&epochs));
        Session::new(&self.url, epochs, relay.token.filter(|_| live))
    }

    pub(super) fn relay(&self) -> Result<RelayState> {
        self.open.store.read(|conn| log::relay(conn, &self.url))
    }

    /// Remembers something of the relay. What is only read stays unwritten: a sync that fails leaves no trace.
    pub(super) fn keep<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>, &RelayState) -> Result<T>,
    ) -> Result<T> {
        self.open
            .write(|tx| work(tx, &log::ensure_relay(tx, &self.url)?))
    }

    fn drive(&mut self, session: &mut Session, brake: &Brake<'_>) -> Result<bool> {
        loop {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(false);
            }
            match session.step()? {
                Action::Plan => session.plan(self.plan()?)?,
                Action::Send(request) => session.answer(self.transport.send(request))?,
                Action::Remember(token) => self.remember(token)?,
                Action::Merge(answer) => {
                    let more = self.merge(answer, brake)?;
                    session.merged(more);
                }
                Action::Done => return Ok(true),
            }
        }
    }

    fn plan(&mut self) -> Result<Plan> {
        let keyring = self.open.keyring()?;
        let relay = self.relay()?;
        let plan = self.open.store.read(|conn| {
            let most = match self.refused {
                Some(_) => 0,
                None => limits::MAX_PUSHED_ENVELOPES,
            };
            let push = log::unsent(conn, relay.acknowledged, most, limits::EXCHANGE_BATCH_BYTES)?;
            let mut pull = Vec::new();
            for mailbox in in_order_of_need(conn, &keyring)? {
                if !self.drained.contains(&mailbox) {
                    let after = match self.reached.get(&mailbox) {
                        Some(reached) => *reached,
                        None => log::cursor(conn, relay.number, mailbox)?,
                    };
                    pull.push(Pull { mailbox, after });
                }
            }
            pull.truncate(limits::MAX_MAILBOXES);
            Ok(Plan { push, pull })
        })?;
        let asked = plan.pull.iter().map(|pull| (pull.mailbox, pull.after));
        self.reached.extend(asked);
        Ok(plan)
    }

    /// Notes a session; it is kept with the first answer, so that a relay which serves nothing changes nothing.
    fn remember(&mut self, token: Option<[u8; 32]>) -> Result<()> {
        let keyring = self.open.keyring()?;
        let epochs: Vec<Epoch> = keyring
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.clone())
            .collect();
        let covers = covered(&epochs);
        self.session = Some(token.map(|token| (token, covers)));
        Ok(())
    }

    /// Keeps what an answer says; returns the epochs that were not known when the session began.
    fn merge(&mut self, answer: Answer, brake: &Brake<'_>) -> Result<Vec<Epoch>> {
        let known: BTreeSet<MailboxId> = self.mailboxes()?;
        self.forget_if_refused(&answer)?;
        if let Some(code) = wholly_refused(&answer) {
            return Err(refusal(code));
        }
        if self.settle(answer.generation)? {
            self.notice("the relay was restored from a copy: everything is sent to it again");
            self.start_over()?;
            return Ok(Vec::new());
        }
        if self.is_behind(&answer) {
            self.notice("relay rolled back");
            if !self.restarted {
                self.keep(|tx, relay| log::start_over(tx, relay.number))?;
                self.start_over()?;
                return Ok(Vec::new());
            }
        }
        let before = self.progress();
        let own = self.acknowledge(&answer.pushed)?;
        for pulled in answer.pulled {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(Vec::new());
            }
            self.merge_mailbox(pulled, &own, brake)?;
        }
        if self.progress() == before {
            self.starve();
        }
        let keyring = self.open.keyring()?;
        Ok(keyring
            .epochs
            .iter()
            .filter(|(_, epoch)| !known.contains(&epoch.mailbox))
            .map(|(_, epoch)| epoch.clone())
            .collect())
    }

    /// Keeps the session and the generation, as far as they are new; returns whether the relay began another life.
    fn settle(&mut self, generation: u64) -> Result<bool> {
        let session = self.session.take();
        if session.is_none() && self.relay()?.generation == Some(generation) {
            return Ok(false);
        }
        self.keep(|tx, relay| {
            let restored = log::set_generation(tx, relay, generation)?;
            if let Some(session) = &session {
                let session = session.as_ref().map(|(token, covers)| (token, covers));
                log::set_session(tx, relay.number, session)?;
            }
            Ok(restored)
        })
    }

    fn start_over(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.restarted, true) {
            return Err(Error::Relay {
                code: code::INTERNAL,
                retry_after: None,
            });
        }
        self.drained.clear();
        self.reached.clear();
        self.holes.clear();
        Ok(())
    }

    /// Whether the relay's head lies before what it gave earlier: it lost its tail without saying so.
    fn is_behind(&self, answer: &Answer) -> bool {
        answer.pulled.iter().any(|pulled| {
            let reached = self.reached.get(&pulled.mailbox).copied();
            pulled.refused == 0 && reached.is_some_and(|reached| pulled.head < reached)
        })
    }

    /// Grows with everything that is exchanged.
    fn progress(&self) -> (u64, usize, usize, Vec<u64>) {
        let reached = self.reached.values().copied().collect();
        (
            self.report.sent,
            self.drained.len(),
            self.reread.len(),
            reached,
        )
    }

    /// Asks no more of mailboxes whose relay promises more than it gives.
    fn starve(&mut self) {
        let asked: Vec<_> = self.reached.keys().copied().collect();
        if asked.iter().any(|mailbox| !self.drained.contains(mailbox)) {
            self.starved = true;
            self.drained.extend(asked);
            self.notice("the relay holds something back");
        }
    }

    fn mailboxes(&self) -> Result<BTreeSet<MailboxId>> {
        Ok(self
            .open
            .keyring()?
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.mailbox)
            .collect())
    }

    /// A relay that no longer knows a mailbox gets it registered again with the next session.
    fn forget_if_refused(&mut self, answer: &Answer) -> Result<()> {
        let unknown = |refused: u16| matches!(refused, code::FORBIDDEN | code::NOT_FOUND);
        let pushed = answer
            .pushed
            .iter()
            .any(|(_, outcome)| matches!(outcome, Pushed::Refused(why) if unknown(*why)));
        if pushed || answer.pulled.iter().any(|pulled| unknown(pulled.refused)) {
            self.session = None;
            if self.relay()?.token.is_some() {
                self.keep(|tx, relay| log::set_session(tx, relay.number, None))?;
            }
        }
        Ok(())
    }

    /// Notes what the relay stored, and returns the places it gave. The outbox is acknowledged in order, so nothing after
    /// a refusal counts; what there is to read is read all the same.
    fn acknowledge(
        &mut self,
        pushed: &[(log::Outgoing, Pushed)],
    ) -> Result<BTreeSet<(MailboxId, u64)>> {
        let mut last = None;
        let mut places = BTreeSet::new();
        for (outgoing, outcome) in pushed {
            match outcome {
                Pushed::Stored(seq) => {
                    last = Some(outgoing.outbox);
                    places.insert((outgoing.mailbox, *seq));
                }
                Pushed::Refused(code) => {
                    self.refused.get_or_insert(*code);
                    break;
                }
            }
            self.report.sent += 1;
        }
        if let Some(outbox) = last {
            self.keep(|tx, relay| log::acknowledge(tx, relay.number, outbox))?;
        }
        Ok(places)
    }

    /// Merges what one mailbox brought, in steps: a step's rows and its cursor are one transaction (INV-7).
    fn merge_mailbox(
        &mut self,
        mut pulled: Pulled,
        own: &BTreeSet<(MailboxId, u64)>,
        brake: &Brake<'_>,
    ) -> Result<()> {
        let mailbox = pulled.mailbox;
        if pulled.refused != 0 {
            self.refused.get_or_insert(pulled.refused);
            self.drained.insert(mailbox);
            return Ok(());
        }
        pulled.entries.sort_by_key(|entry| entry.seq);
        check_numbers(&pulled)?;
        let mut entries = pulled.entries.as_slice();
        while !entries.is_empty() {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(());
            }
            let (step, rest) = split_step(entries);
            if self.merge_step(mailbox, step)? && self.reread.insert(mailbox) {
                self.reached.insert(mailbox, 0);
                self.holes.remove(&mailbox);
                return Ok(());
            }
            entries = rest;
        }
        let reached = self.reached.get(&mailbox).copied().unwrap_or(0);
        if reached >= pulled.head {
            if !self.holes.contains_key(&mailbox) {
                self.pass_own(mailbox, reached, own)?;
            }
            self.drained.insert(mailbox);
        }
        Ok(())
    }

    /// Moves the cursor past what this exchange pushed right behind the head it read, so that it is not sent back. Where
    /// another device wrote in between, the numbers have a hole there and the next pull reads on from it.
    fn pass_own(
        &self,
        mailbox: MailboxId,
        mut reached: u64,
        own: &BTreeSet<(MailboxId, u64)>,
    ) -> Result<()> {
        let before = reached;
        while own.contains(&(mailbox, reached + 1)) {
            reached += 1;
        }
        if reached > before {
            self.keep(|tx, relay| log::advance_cursor(tx, relay.number, mailbox, reached))?;
        }
        Ok(())
    }

    /// Merges a step. Returns whether a change came whose predecessor did not: an omission, if it lies further back.
    fn merge_step(&mut self, mailbox: MailboxId, step: &[Entry]) -> Result<bool> {
        let key = &self.open.database_key;
        let mut merged = 0;
        let mut gap = false;
        let reached = self.read_on(mailbox, step);
        let hole = self.holes.get(&mailbox).copied();
        let mut news = BTreeSet::new();
        self.keep(|tx, relay| {
            let mut keyring = self.open.keyring_in(tx)?;
            let mut unprojected = Unprojected::default();
            for entry in step {
                let held = log::is_held(tx, entry.id())?;
                match merge::receive(
                    tx,
                    &mut keyring,
                    key,
                    &mut unprojected,
                    mailbox,
                    &entry.envelope,
                )? {
                    Received::Merged => merged += 1,
                    Received::Known => {}
                    Received::Held(reason) => {
                        gap |= reason == HeldFor::Gap && !held;
                        news.insert(reason.word());
                    }
                }
            }
            if merged > 0 {
                merged += merge::retry_held(tx, &mut keyring, key, &mut unprojected)?;
            }
            unprojected.project(tx)?;
            match hole {
                Some(hole) if log::has_gap(tx, mailbox)? => {
                    log::rewind_cursor(tx, relay.number, mailbox, hole)
                }
                _ => log::advance_cursor(tx, relay.number, mailbox, reached),
            }
        })?;
        self.report.received += merged;
        news.into_iter().for_each(|word| self.notice(word));
        Ok(gap)
    }

    /// Notes how far a step reads, and the first hole in its numbers.
    fn read_on(&mut self, mailbox: MailboxId, step: &[Entry]) -> u64 {
        let reached = self.reached.entry(mailbox).or_default();
        for entry in step {
            if entry.seq > *reached + 1 {
                self.holes.entry(mailbox).or_insert(*reached);
            }
            *reached = entry.seq.max(*reached);
        }
        *reached
    }

    pub(super) fn notice(&mut self, word: &'static str) {
        if !self.report.notices.contains(&word) {
            self.report.notices.push(word);
        }
    }
}

fn refusal(code: u16) -> Error {
    Error::Relay {
        code,
        retry_after: None,
    }
}

/// The refusal of an answer that grants nothing at all.
fn wholly_refused(answer: &Answer) -> Option<u16> {
    let pushed = answer.pushed.iter().map(|(_, outcome)| match outcome {
        Pushed::Stored(_) => 0,
        Pushed::Refused(code) => *code,
    });
    let mut codes = pushed.chain(answer.pulled.iter().map(|pulled| pulled.refused));
    let first = codes.next()?;
    (first != 0 && codes.all(|code| code != 0)).then_some(first)
}

/// A number outside of what the relay itself says, or of what a database can hold, would spoil the cursor.
fn check_numbers(pulled: &Pulled) -> Result<()> {
    let highest = pulled.head.min(i64::MAX.cast_unsigned());
    let sound = |entry: &Entry| (1..=highest).contains(&entry.seq);
    if !pulled.entries.iter().all(sound) {
        return Err(Error::Invalid("the relay's numbers contradict each other"));
    }
    Ok(())
}

/// Cuts the entries of one step: at least one, at most [`MERGE_STEP_BYTES`].
fn split_step(entries: &[Entry]) -> (&[Entry], &[Entry]) {
    let mut size = 0;
    let fits = entries.iter().take_while(|entry| {
        size += entry.envelope.len();
        size <= MERGE_STEP_BYTES
    });
    entries.split_at(fits.count().max(1).min(entries.len()))
}

/// A name for a set of mailboxes: a session token is good for exactly the set it was opened for.
fn covered(epochs: &[Epoch]) -> [u8; 32] {
    let mailboxes: BTreeSet<MailboxId> = epochs.iter().map(|epoch| epoch.mailbox).collect();
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 session covers");
    mailboxes.iter().for_each(|mailbox| {
        hasher.update(mailbox.as_ref());
    });
    *hasher.finalize().as_bytes()
}

/// Mailboxes in the order that lets each be understood when it arrives: devices, keys, rosters, then data.
fn in_order_of_need(conn: &Connection, keyring: &Keyring) -> Result<Vec<MailboxId>> {
    let names: BTreeMap<i64, String> = log::logs(conn)?
        .into_iter()
        .map(|log| (log.number, log.name))
        .collect();
    let need = |log: &i64| match names.get(log).map(String::as_str) {
        Some(DEVICES) => 0,
        Some(KEYRING) => 1,
        Some(ROSTER) => 2,
        _ => 3,
    };
    let mut mailboxes: Vec<(i32, MailboxId)> = keyring
        .epochs
        .iter()
        .map(|(log, epoch)| (need(log), epoch.mailbox))
        .collect();
    mailboxes.sort_unstable();
    Ok(mailboxes.into_iter().map(|(_, mailbox)| mailbox).collect())
}
