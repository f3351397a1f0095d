//! The driver of a sync: plans, lets the session say what to send, merges what came. No transaction is open and no lock is
//! held while a request is under way.

use super::brake::{Brake, Sent};
use super::closing;
use super::duties;
use super::emergency;
use super::heal::{self, Healing};
use super::inbox;
use super::invitations;
use super::landmark::Landmarks;
use super::open::Unlocked;
use super::plan::covered;
use super::recovery;
use super::snapshot::Upkeep;
use super::steps::{self, Pace, Retry};
use super::{Phase, SyncReport};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::seal::Epoch;
use crate::store::log::{self, FindingKind, Found, RelayState};
use crate::sync::session::{self, Action, Answer, Session};
use carnet_wire::relay::{Pushed, code};
use carnet_wire::{EnvelopeId, MailboxId};
use rusqlite::Transaction;
use std::collections::{BTreeMap, BTreeSet};

/// Setting: the relay this vault syncs with.
pub const RELAY: &str = "relay";

/// Exchanges in one sync for the sake of members: a guest is let in with their log, their keys, and what is due then.
const MAX_MEMBER_ROUNDS: usize = 4;

const NO_LETTER_LEFT: &str = "the relay did not take what a recovery kit needs";
const NO_CARD_LEFT: &str = "the relay did not take what an emergency card says";

/// One sync of one vault with one relay.
pub struct Exchange<'a> {
    pub(super) open: &'a Unlocked,
    pub(super) transport: &'a dyn Transport,
    pub(super) url: String,
    /// Mailboxes read to their head.
    pub(super) drained: BTreeSet<MailboxId>,
    /// How far each mailbox was read: the cursor that is kept may stay behind, before a hole.
    pub(super) reached: BTreeMap<MailboxId, u64>,
    /// The last number before the first one that a mailbox left out.
    pub(super) holes: BTreeMap<MailboxId, u64>,
    /// Mailboxes read again from their start, because a change appeared whose predecessor never did.
    pub(super) reread: BTreeSet<MailboxId>,
    /// Whether everything is being exchanged again: once, or a relay could keep a device busy for ever.
    pub(super) restarted: bool,
    /// Whether the relay says there is more and does not give it.
    pub(super) starved: bool,
    /// What is known to stand at some numbers and is compared with what stands there now; none before a session was opened.
    pub(super) landmarks: Option<Landmarks>,
    /// The first refusal of a part; the rest is exchanged before it is reported.
    pub(super) refused: Option<u16>,
    /// Mailboxes that are closed to this device.
    pub(super) shut: BTreeSet<MailboxId>,
    /// A session to keep once the relay has served something.
    pub(super) session: Option<KeptSession>,
    /// Whether what comes is stored only, to be merged later.
    pub(super) background: bool,
    /// How much a step may merge.
    pub(super) pace: Pace,
    /// What waits in quarantine and is to be tried again.
    pub(super) retry: Retry,
    /// What is learned of what the relay holds, and sent again.
    pub(super) healing: Healing,
    /// The clock: how long a snapshot has been waiting, nothing else.
    pub(super) now: i64,
    pub(super) report: SyncReport,
}

/// Numbers a relay gave to what was pushed, by mailbox, and the envelopes.
pub(super) type Pushes = BTreeMap<(MailboxId, u64), EnvelopeId>;

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
            landmarks: None,
            refused: None,
            shut: BTreeSet::new(),
            session: None,
            background: false,
            pace: Pace::default(),
            retry: Retry::load(open)?,
            healing: Healing::default(),
            now: open.clock.now(),
            report: SyncReport::default(),
        })
    }

    /// Only pushes, and stores what comes.
    pub fn in_background(mut self) -> Self {
        self.background = true;
        self
    }

    /// Runs until everything is exchanged or the brake acts.
    pub fn run(mut self, brake: &Brake<'_>) -> Result<SyncReport> {
        self.look_at_findings()?;
        // Before the session: what waited there may bring keys, and with them mailboxes it must open.
        if self.background || self.merge_inbox(brake)? {
            self.exchange(brake)?;
        }
        if self.report.complete && !self.background {
            self.care_for_members(brake)?;
        }
        if self.report.complete && !self.background {
            match self.keep_up(brake)? {
                Upkeep::Done => {}
                Upkeep::Stopped => self.report.complete = false,
                Upkeep::Wrote => {
                    self.drained.clear();
                    self.exchange(brake)?;
                }
            }
        }
        if self.report.complete && !self.background {
            self.conclude()?;
        }
        if self.report.complete && !self.background {
            self.report.complete = self.transfer_attachments(brake)?;
        }
        if self.report.complete && !self.background {
            self.report.complete = self.close_replaced(brake)?;
        }
        if !self.shut.is_empty() {
            self.notice(closing::SHUT);
        }
        self.tell()?;
        self.report.quarantined = self
            .open
            .store
            .read(|conn| Ok(log::held_counts(conn)?.iter().map(|(_, count)| count).sum()))?;
        Ok(self.report)
    }

    /// Takes the steps of invitations and does what is due about members; each may need one more exchange before the next.
    fn care_for_members(&mut self, brake: &Brake<'_>) -> Result<()> {
        for _ in 0..MAX_MEMBER_ROUNDS {
            let stepped = invitations::advance(self.open, self.transport, &self.url)?;
            if !duties::discharge(self.open)? && !stepped {
                return self.leave_pages();
            }
            self.drained.clear();
            self.exchange(brake)?;
            if !self.report.complete {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Leaves what recovery kits and emergency cards need. A relay that does not take it is no reason to lose what was
    /// exchanged: the next sync tries again.
    fn leave_pages(&mut self) -> Result<()> {
        let (open, transport, url) = (self.open, self.transport, self.url.clone());
        match recovery::leave_letters(open, transport, &url) {
            Err(Error::Relay { .. }) => self.notice(NO_LETTER_LEFT),
            outcome => outcome?,
        }
        match emergency::renew_cards(open, transport, &url) {
            Err(Error::Relay { .. }) => self.notice(NO_CARD_LEFT),
            outcome => outcome?,
        }
        Ok(())
    }

    fn merge_inbox(&mut self, brake: &Brake<'_>) -> Result<bool> {
        let Self { pace, retry, .. } = self;
        inbox::merge_inbox(self.open, pace, retry, brake, &mut self.report)
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
        let token = self.relay()?.session_for(covered(&keyring.mailboxes()));
        Session::new(&self.url, epochs, token)
    }

    /// Whether the session that was kept opens every mailbox there is now.
    pub(super) fn has_session(&self) -> Result<bool> {
        let mailboxes = self.open.keyring()?.mailboxes();
        Ok(self.relay()?.session_for(covered(&mailboxes)).is_some())
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
        brake.enter(Phase::Connecting);
        loop {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(false);
            }
            match session.step()? {
                Action::Plan => {
                    session.plan(self.plan()?)?;
                    brake.enter(Phase::Exchanging);
                }
                Action::Send(request) => match brake.send(self.transport, request)? {
                    Sent::Outcome(outcome) => session.answer(outcome)?,
                    Sent::TooLate => return Ok(false),
                },
                Action::Remember(token) => self.remember(token)?,
                Action::Merge(answer) => {
                    brake.enter(Phase::Merging);
                    let more = self.merge(answer, brake)?;
                    session.merged(more);
                }
                Action::Done => return Ok(true),
            }
        }
    }

    /// Notes a session; it is kept with the first answer, so that a relay which serves nothing changes nothing.
    fn remember(&mut self, token: Option<[u8; 32]>) -> Result<()> {
        if token.is_some() {
            self.look_back()?;
        }
        let covers = covered(&self.open.keyring()?.mailboxes());
        self.session = Some(token.map(|token| (token, covers)));
        Ok(())
    }

    /// Keeps what an answer says; returns the epochs that were not known when the session began.
    fn merge(&mut self, mut answer: Answer, brake: &Brake<'_>) -> Result<Vec<Epoch>> {
        let known = self.open.keyring()?.mailboxes();
        if self.refuses_healing(&answer) {
            return Ok(Vec::new());
        }
        self.forget_if_refused(&answer)?;
        if let Some(code) = wholly_refused(&answer) {
            return Err(refusal(code));
        }
        if self.settle(answer.generation)? {
            self.notice("the relay was restored from a copy: everything is sent to it again");
            self.start_over()?;
            return Ok(Vec::new());
        }
        if self.is_behind(&answer) || self.is_replaced(&answer) {
            self.notice("relay rolled back");
            if !self.restarted {
                let found = Found::of_relay(FindingKind::RelayRolledBack, &self.url);
                let now = self.open.clock.now();
                self.keep(|tx, relay| {
                    log::open_finding(tx, &found, now)?;
                    log::start_over(tx, relay.number)
                })?;
                self.start_over()?;
                return Ok(Vec::new());
            }
        }
        let before = self.progress();
        self.pass_shut(&mut answer.pulled);
        self.pass_landmarks(&mut answer.pulled);
        let own = self.acknowledge(&answer.pushed)?;
        if answer.pulled.is_empty() {
            self.pass_sent(&own)?;
        }
        for pulled in answer.pulled {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(Vec::new());
            }
            match self.background {
                true => self.store_mailbox(pulled, brake)?,
                false => self.merge_mailbox(pulled, &own, brake)?,
            }
        }
        if !self.background {
            steps::finish_retries(self.open, &mut self.retry, brake, &mut self.report)?;
        }
        if self.progress() == before {
            self.starve();
        }
        let keyring = self.open.keyring()?;
        let epochs = keyring.epochs.iter().map(|(_, epoch)| epoch);
        let new = epochs.filter(|epoch| !known.contains(&epoch.mailbox));
        let new: Vec<Epoch> = new.cloned().collect();
        if !new.is_empty() {
            self.try_shut_again();
        }
        Ok(new)
    }

    /// Keeps the session and the generation, as far as they are new; returns whether the relay began another life.
    fn settle(&mut self, generation: u64) -> Result<bool> {
        let session = self.session.take();
        if session.is_none() && self.relay()?.generation == Some(generation) {
            return Ok(false);
        }
        let found = Found::of_relay(FindingKind::RelayRestored, &self.url);
        let now = self.open.clock.now();
        self.keep(|tx, relay| {
            let restored = log::set_generation(tx, relay, generation)?;
            if restored {
                log::open_finding(tx, &found, now)?;
            }
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
        self.landmarks = Some(Landmarks::default());
        self.healing.start_over();
        Ok(())
    }

    /// Whether the relay's head lies before what it gave earlier: it lost its tail without saying so.
    fn is_behind(&self, answer: &Answer) -> bool {
        answer.pulled.iter().any(|pulled| {
            let reached = self.reached.get(&pulled.mailbox).copied();
            let landmark = self.landmark(pulled.mailbox).map(|(number, _)| number);
            pulled.refused == 0
                && reached
                    .max(landmark)
                    .is_some_and(|known| pulled.head < known)
        })
    }

    /// Grows with everything that is exchanged.
    fn progress(&self) -> (u64, usize, usize, usize, Vec<u64>) {
        let reached = self.reached.values().copied().collect();
        let compared = self.landmarks.as_ref().map_or(0, BTreeMap::len);
        (
            self.report.sent,
            self.drained.len(),
            self.reread.len(),
            compared,
            reached,
        )
    }

    /// Asks no more of mailboxes whose relay promises more than it gives.
    fn starve(&mut self) {
        let asked: Vec<_> = self.reached.keys().copied().collect();
        if asked.iter().any(|mailbox| !self.drained.contains(mailbox)) {
            self.starved = true;
            self.drained.extend(asked);
            self.healing.withheld = true;
            self.notice("the relay holds something back");
        }
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
    fn acknowledge(&mut self, pushed: &[(log::Outgoing, Pushed)]) -> Result<Pushes> {
        let mut last = None;
        let mut stored = Vec::new();
        let mut places = Pushes::new();
        for (outgoing, outcome) in pushed {
            match outcome {
                Pushed::Stored(seq) => {
                    last = Some(outgoing.outbox).max(last);
                    stored.push((outgoing.outbox, outgoing.mailbox));
                    let id = EnvelopeId::derive(&outgoing.bytes);
                    places.insert((outgoing.mailbox, *seq), id);
                }
                // Not listed, so among what the relay lacks: it is sealed again under the next key.
                Pushed::Refused(code::CLOSED) => {
                    last = Some(outgoing.outbox).max(last);
                    self.note_shut(outgoing.mailbox)?;
                    continue;
                }
                Pushed::Refused(code) => {
                    self.refused.get_or_insert(*code);
                    break;
                }
            }
            self.report.sent += 1;
        }
        if let Some(outbox) = last {
            let stored = self.stored_places(&stored)?;
            self.keep(|tx, relay| {
                log::acknowledge(tx, relay.number, outbox)?;
                for ((mailbox, number), id) in &places {
                    log::set_landmark(tx, relay.number, *mailbox, (*number, *id))?;
                }
                stored.iter().try_for_each(|(mailbox, place)| {
                    log::list(tx, relay.number, *mailbox, &heal::runs([place]))
                })
            })?;
        }
        Ok(places)
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

/// The refusal of an answer that grants nothing at all. What is closed is no refusal: other keys have followed.
fn wholly_refused(answer: &Answer) -> Option<u16> {
    let pushed = answer.pushed.iter().map(|(_, outcome)| match outcome {
        Pushed::Stored(_) => 0,
        Pushed::Refused(code) => *code,
    });
    let mut codes = pushed.chain(answer.pulled.iter().map(|pulled| pulled.refused));
    let first = codes.find(|refused| *refused != code::CLOSED)?;
    (first != 0 && codes.all(|code| code != 0)).then_some(first)
}
