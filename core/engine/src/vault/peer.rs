//! A meeting: one direct exchange with another device over any byte stream. `sync::stream` is the channel; here is what is
//! said on it and what becomes of what is heard.
//!
//! Invariant: a side tells what it has, and seals what it sends, under epochs that are current here and that the other side
//! has shown to hold. Under an epoch that has ended, only what its author had sealed under it goes out: this device's own
//! changes, and everybody's in a roster, which is how a phone that was away hears of the keys after it (`reseal`). Who was
//! removed learns nothing that was written since.

mod documents;
#[cfg(test)]
pub(super) mod tests;

use super::brake::Brake;
use super::keyring::Keyring;
use super::open::Unlocked;
use super::paths::{self, Intake};
use super::snapshot::{self, HandOn};
use super::{SyncReport, VaultResult, reseal};
use crate::error::{Error, Result};
use crate::seal::{self, StreamKey};
use crate::store::log;
use crate::sync::stream::{Event, Stream};
use crate::sync::tcp::Party;
use carnet_wire::stream::{Role, Summary, Turn, Vector};
use carnet_wire::{Author, Canonical, Envelope, MailboxId, limits};
use documents::Documents;
use minicbor::bytes::ByteVec;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Bytes of envelopes in one turn, but for a single one that is longer.
const TURN_BYTES: usize = 256 << 10;
/// Bytes taken from the stream at once.
const FEED_BYTES: usize = 64 << 10;
/// Rounds of one meeting: each follows epochs learned in the one before.
const MAX_ROUNDS: u32 = 8;
/// Turns in a row that bring nothing new before the other device is taken for a talker.
const MAX_IDLE_TURNS: u32 = 64;

const NOBODY: Error = Error::NotFound(
    "anything in common with the other device: it belongs to another account or record",
);
const MISPLACED: Error = Error::Invalid("the other device sent what does not belong here");
const TALKER: Error = Error::Invalid("the other device goes on without sending anything new");
const CUT_OFF: &str = "the other device went away before everything was exchanged";

/// An epoch in common.
#[derive(Debug, Clone, Copy)]
struct Place {
    log: i64,
    mailbox: MailboxId,
    /// Whether new changes of the log are sealed under it here.
    current: bool,
    /// Whether another epoch in common is the current one of its log.
    beside: bool,
}

/// Something to send.
#[derive(Debug, Clone, Copy)]
enum Sending {
    /// A merged change, to be sealed again.
    Change(i64),
    /// An envelope of the outbox as it is.
    Sealed(i64),
    /// A change of a roster, to be sealed again under an epoch that has ended: who lacks the keys after it learns of them.
    UnderOld(i64, MailboxId),
}

/// What lasts until both are done.
#[derive(Default)]
struct Round {
    places: Vec<Place>,
    /// Mailboxes of the epochs that tags were shown for, in the order of their keys.
    shown: Vec<MailboxId>,
    digest: [u8; 32],
    summarised: bool,
    told: bool,
    heard: bool,
    sending: VecDeque<Sending>,
    /// An envelope that did not fit into the last turn.
    left: Option<ByteVec>,
    /// Envelopes of the last turn: delivered when it is answered.
    underway: u64,
    documents: Documents,
    said_done: bool,
    said_again: bool,
}

/// One exchange with another device: give [`Meeting::input`] what arrives, send what [`Meeting::output`] returns, until
/// [`Meeting::is_over`].
pub struct Meeting {
    open: Arc<Unlocked>,
    stream: Stream,
    role: Role,
    round: Round,
    rounds: u32,
    idle: u32,
    intake: Intake,
    known: bool,
    over: bool,
    report: SyncReport,
}

impl Meeting {
    pub(super) fn begin(open: Arc<Unlocked>, role: Role) -> Result<Self> {
        let (keys, shown) = stream_keys(&*open.keyring()?)?;
        let intake = Intake::begin(&open)?;
        let mut meeting = Self {
            stream: Stream::begin(role, keys)?,
            open,
            role,
            round: Round::default(),
            rounds: 1,
            idle: 0,
            intake,
            known: false,
            over: false,
            report: SyncReport::default(),
        };
        meeting.round.shown = shown;
        Ok(meeting)
    }

    /// Takes bytes that arrived, and answers as far as they go. After an error the meeting is over; what was merged stays.
    pub fn input(&mut self, bytes: &[u8]) -> VaultResult<()> {
        Ok(Party::input(self, bytes)?)
    }

    /// Bytes to send, handed out once.
    pub fn output(&mut self) -> Vec<u8> {
        Party::output(self)
    }

    /// Whether everything was said, both ways.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What was done so far. `complete` says whether everything was exchanged.
    pub fn report(&self) -> VaultResult<SyncReport> {
        Ok(self.reported()?)
    }

    /// Counts what was merged before the meeting, from a background sync.
    pub(super) fn count(&mut self, settled: &SyncReport) {
        self.report.received += settled.received;
    }

    pub(super) fn reported(&self) -> Result<SyncReport> {
        let mut report = self.report.clone();
        report.complete = self.over && self.known;
        paths::conclude(&self.open, &mut report)?;
        if !report.complete {
            paths::notice(&mut report, CUT_OFF);
        }
        Ok(report)
    }

    fn handle(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Common(common) if common.is_empty() => Err(NOBODY),
            Event::Common(common) => self.begin_round(&common),
            Event::Message(bytes) if !self.round.summarised => {
                self.compare(Summary::from_canonical(&bytes)?)
            }
            Event::Message(bytes) => self.answer(Turn::from_canonical(&bytes)?),
        }
    }

    fn begin_round(&mut self, common: &[usize]) -> Result<()> {
        self.known = true;
        let shown = common.iter().filter_map(|at| self.round.shown.get(*at));
        let mailboxes: Vec<MailboxId> = shown.copied().collect();
        self.round.places = places(&*self.open.keyring()?, &mailboxes)?;
        self.round.digest = self.digest()?;
        let logs = self.round.places.iter().map(|place| place.log).collect();
        self.round.documents = Documents::of(logs);
        match self.role {
            Role::Initiator => self.say_summary(),
            Role::Responder => Ok(()),
        }
    }

    /// A hash of everything there is to tell.
    fn digest(&self) -> Result<[u8; 32]> {
        let told = self.open.store.read(|conn| {
            let tell = |place: &Place| -> Result<ByteVec> {
                if place.current {
                    return Ok(log::tips(conn, place.log)?.to_canonical().into());
                }
                // The other device cannot know that this one has gone on: their digests must differ.
                match place.beside {
                    true => Ok(Vec::new().into()),
                    false => Ok(seal::make_random::<32>()?.to_vec().into()),
                }
            };
            let told = self.round.places.iter().map(tell);
            told.collect::<Result<Vec<ByteVec>>>()
        })?;
        Ok(*blake3::hash(&told.to_canonical()).as_bytes())
    }

    fn say_summary(&mut self) -> Result<()> {
        let summary = Summary {
            digest: self.round.digest,
            wants: self.round.documents.wants(&self.open)?,
        };
        self.send(&summary.to_canonical())
    }

    fn compare(&mut self, theirs: Summary) -> Result<()> {
        self.round.summarised = true;
        let wants = self.round.documents.wants(&self.open)?;
        let same = theirs.digest == self.round.digest && !theirs.wants && !wants;
        if self.role == Role::Responder {
            self.say_summary()?;
        }
        if same {
            self.over = true;
            return Ok(());
        }
        match self.role {
            Role::Initiator => self.take_turn(),
            Role::Responder => Ok(()),
        }
    }

    fn answer(&mut self, turn: Turn) -> Result<()> {
        let (they_are_done, again) = (turn.done, turn.again);
        self.report.sent += std::mem::take(&mut self.round.underway);
        self.hear(turn)?;
        if !(self.round.said_done && they_are_done) {
            self.take_turn()?;
        }
        if self.round.said_done && they_are_done {
            self.end_round(again)?;
        }
        Ok(())
    }

    fn hear(&mut self, turn: Turn) -> Result<()> {
        let first = !std::mem::replace(&mut self.round.heard, true);
        if first {
            self.plan(&turn.vectors)?;
        } else if !turn.vectors.is_empty() {
            return Err(MISPLACED);
        }
        let mut useful = first;
        if !turn.envelopes.is_empty() {
            useful |= self.merge(&turn.envelopes)?;
        }
        let documents = &mut self.round.documents;
        for part in turn.parts {
            useful |= documents.take(&self.open, part, &mut self.report)?;
        }
        if documents.has_pieces() {
            self.take_pieces_in()?;
        }
        let documents = &mut self.round.documents;
        for want in turn.wants {
            useful |= documents.serve(&self.open, want)?;
        }
        self.idle = if useful { 0 } else { self.idle + 1 };
        match self.idle > MAX_IDLE_TURNS {
            true => Err(TALKER),
            false => Ok(()),
        }
    }

    /// Merges pieces of a snapshot that came whole.
    fn take_pieces_in(&mut self) -> Result<()> {
        let brake = Brake::new(None, None);
        if snapshot::take_in(&self.open, &brake, &mut self.report)? > 0 {
            self.intake.try_again(&self.open, &mut self.report)?;
            self.round.documents.look_again();
        }
        Ok(())
    }

    /// Returns whether anything was new.
    fn merge(&mut self, envelopes: &[ByteVec]) -> Result<bool> {
        let mut placed: Vec<(MailboxId, &[u8])> = Vec::new();
        for bytes in envelopes {
            let envelope = Envelope::from_bytes(bytes).map_err(|_| MISPLACED)?;
            let here = |place: &Place| place.mailbox == envelope.mailbox;
            if !self.round.places.iter().any(here) {
                return Err(MISPLACED);
            }
            placed.push((envelope.mailbox, bytes));
        }
        let taken = self.intake.receive(&self.open, &placed)?;
        paths::note(&mut self.report, &taken);
        if taken.merged > 0 {
            self.round.documents.look_again();
        }
        Ok(taken.merged + taken.held > 0)
    }

    /// Lists what the other side lacks.
    fn plan(&mut self, vectors: &[Vector]) -> Result<()> {
        let ordered = vectors
            .windows(2)
            .all(|pair| matches!(pair, [a, b] if a.compartment < b.compartment));
        let count = self.round.places.len();
        if !ordered || vectors.iter().any(|v| v.compartment as usize >= count) {
            return Err(MISPLACED);
        }
        let keyring = self.open.keyring()?;
        let author = keyring.author;
        let hows = self.ways(vectors)?;
        let mut forked = false;
        let mut sending = self.open.store.read(|conn| {
            let needs = paths::needs(conn)?;
            let mut sending: Vec<(u8, u64, i64, Sending)> = Vec::new();
            for (at, place) in self.round.places.iter().enumerate() {
                let need = needs.get(&place.log).copied().unwrap_or(u8::MAX);
                let told = vectors.iter().find(|v| v.compartment as usize == at);
                if let (true, Some(told), Some(how)) = (place.current, told, hows.get(&at)) {
                    let lacking = paths::lacking(conn, place.log, &told.tips, how)?;
                    forked |= lacking.forked;
                    let changes = lacking.changes.into_iter();
                    sending.extend(changes.map(|(time, n)| (need, time, n, Sending::Change(n))));
                } else if !place.current && !place.beside {
                    let tips = told.map(|told| told.tips.as_slice()).unwrap_or_default();
                    if keyring.is_roster(place.log) {
                        let lacking = paths::lacking(conn, place.log, tips, &HandOn::Changes)?;
                        let old = |n| Sending::UnderOld(n, place.mailbox);
                        let changes = lacking.changes.into_iter();
                        sending.extend(changes.map(|(time, n)| (need, time, n, old(n))));
                        continue;
                    }
                    let theirs = tips.iter().find(|tip| tip.author == author);
                    let seq = theirs.map_or(0, |tip| tip.seq.min(i64::MAX.cast_unsigned()));
                    let rows = log::sealed_for(conn, place.mailbox, &author, seq)?.into_iter();
                    sending.extend(rows.map(|(time, n)| (need, time, n, Sending::Sealed(n))));
                }
            }
            Ok(sending)
        })?;
        sending.sort_unstable_by_key(|(need, time, number, _)| (*need, *time, *number));
        self.round.sending = sending.into_iter().map(|(.., sending)| sending).collect();
        if forked {
            paths::notice(&mut self.report, "fork");
        }
        Ok(())
    }

    /// How each log is handed on to the other side.
    fn ways(&mut self, vectors: &[Vector]) -> Result<BTreeMap<usize, HandOn>> {
        let mut ways = BTreeMap::new();
        for told in vectors {
            let at = told.compartment as usize;
            let Some(place) = self.round.places.get(at).filter(|place| place.current) else {
                continue;
            };
            let theirs: BTreeMap<&Author, u64> =
                told.tips.iter().map(|tip| (&tip.author, tip.seq)).collect();
            let theirs = |author: &Author| theirs.get(author).copied().unwrap_or(0);
            let way = snapshot::hand_on(&self.open, place.log, &theirs)?;
            if matches!(way, HandOn::Unable) {
                paths::notice(&mut self.report, snapshot::NEEDS_RELAY);
            }
            ways.insert(at, way);
        }
        Ok(ways)
    }

    fn take_turn(&mut self) -> Result<()> {
        let mut turn = Turn::default();
        if !std::mem::replace(&mut self.round.told, true) {
            turn.vectors = self.vectors()?;
        }
        turn.envelopes = self.next_envelopes()?;
        self.round.underway = turn.envelopes.len() as u64;
        turn.parts = self.round.documents.answers();
        if self.round.heard && self.round.sending.is_empty() {
            turn.wants = self.round.documents.ask(&self.open)?;
        }
        let rest = self.round.left.is_none() && self.round.sending.is_empty();
        turn.done = rest && self.round.heard && turn.is_empty();
        let now = self.open.keyring()?.mailboxes();
        turn.again = now
            .iter()
            .any(|mailbox| !self.round.shown.contains(mailbox));
        (self.round.said_done, self.round.said_again) = (turn.done, turn.again);
        self.send(&turn.to_canonical())
    }

    /// What this side has, of every log whose current epoch the other side holds too.
    fn vectors(&self) -> Result<Vec<Vector>> {
        self.open.store.read(|conn| {
            let places = (0..).zip(&self.round.places);
            places
                .filter(|(_, place)| place.current)
                .map(|(compartment, place)| {
                    let tips = log::tips(conn, place.log)?;
                    Ok(Vector { compartment, tips })
                })
                .collect()
        })
    }

    fn next_envelopes(&mut self) -> Result<Vec<ByteVec>> {
        let keyring = self.open.keyring()?;
        let mut batch: Vec<ByteVec> = self.round.left.take().into_iter().collect();
        let mut size: usize = batch.iter().map(|bytes| bytes.len()).sum();
        while size < TURN_BYTES && batch.len() < limits::MAX_PUSHED_ENVELOPES {
            let Some(sending) = self.round.sending.pop_front() else {
                break;
            };
            let Some(bytes) = self.sealed(&keyring, sending)? else {
                continue;
            };
            size += bytes.len();
            match size > TURN_BYTES && !batch.is_empty() {
                true => self.round.left = Some(bytes.into()),
                false => batch.push(bytes.into()),
            }
        }
        Ok(batch)
    }

    /// An envelope to send; none where the change is gone, or its log has begun an epoch the other side has not shown.
    fn sealed(&self, keyring: &Keyring, sending: Sending) -> Result<Option<Vec<u8>>> {
        let sealed = self.open.store.read(|conn| match sending {
            Sending::Sealed(outbox) => log::sealed_bytes(conn, outbox),
            Sending::UnderOld(number, mailbox) => {
                reseal::reseal_for(conn, keyring, number, mailbox).map(Some)
            }
            Sending::Change(number) => {
                let (mailbox, bytes) = reseal::reseal(conn, keyring, number)?;
                let shown = self.round.places.iter().any(|at| at.mailbox == mailbox);
                Ok(shown.then_some(bytes))
            }
        });
        match sealed {
            // A snapshot took its place meanwhile, or its author knew of later keys than the other side.
            Err(Error::NotFound(_)) => Ok(None),
            sealed => sealed,
        }
    }

    fn end_round(&mut self, they_say_again: bool) -> Result<()> {
        if !(they_say_again || self.round.said_again) || self.rounds >= MAX_ROUNDS {
            self.over = true;
            return Ok(());
        }
        self.rounds += 1;
        let (keys, shown) = stream_keys(&*self.open.keyring()?)?;
        self.round = Round {
            shown,
            ..Round::default()
        };
        self.stream.restart(keys)
    }

    fn send(&mut self, message: &[u8]) -> Result<()> {
        self.report.round_trips += 1;
        self.stream.send(message)
    }
}

impl Party for Meeting {
    fn input(&mut self, bytes: &[u8]) -> Result<()> {
        self.report.bytes_received += bytes.len() as u64;
        for chunk in bytes.chunks(FEED_BYTES) {
            self.stream.feed(chunk);
            while let Some(event) = self.stream.next_event()? {
                if self.over {
                    return Err(MISPLACED);
                }
                self.handle(event)?;
            }
        }
        Ok(())
    }

    fn output(&mut self) -> Vec<u8> {
        let bytes = self.stream.take_output();
        self.report.bytes_sent += bytes.len() as u64;
        bytes
    }

    fn is_over(&self) -> bool {
        self.over
    }

    fn is_known(&self) -> bool {
        self.known
    }

    fn done(&self) -> u64 {
        self.report.sent + self.report.received
    }
}

/// The keys of every epoch, those in use first, and their mailboxes.
fn stream_keys(keyring: &Keyring) -> Result<(Vec<StreamKey>, Vec<MailboxId>)> {
    let mut epochs: Vec<_> = keyring.epochs.iter().collect();
    epochs.sort_by_key(|(_, epoch)| !keyring.is_current(epoch.mailbox));
    epochs.truncate(limits::MAX_STREAM_TAGS);
    let keys = epochs.iter().map(|(_, epoch)| StreamKey::of(epoch));
    let keys = keys.collect::<Result<_>>()?;
    let shown = epochs.iter().map(|(_, epoch)| epoch.mailbox).collect();
    Ok((keys, shown))
}

fn places(keyring: &Keyring, mailboxes: &[MailboxId]) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    for mailbox in mailboxes {
        let (log, _) = keyring
            .epoch_of(*mailbox)
            .ok_or(Error::Bug("an epoch in common is not held"))?;
        places.push(Place {
            log,
            mailbox: *mailbox,
            current: keyring.is_current(*mailbox),
            beside: false,
        });
    }
    let current: BTreeSet<i64> = places
        .iter()
        .filter(|place| place.current)
        .map(|place| place.log)
        .collect();
    for place in &mut places {
        place.beside = !place.current && current.contains(&place.log);
    }
    Ok(places)
}
