//! Healing (INV-9): a relay that lost, dropped or never had something gets it from whoever has it.
//!
//! ```text
//! every answer      what the relay lists and acknowledges is noted with the cursor it moves        (store: `listed`)
//! generation moved, its numbers mean something else: everything is read again from the start, and nothing noted
//!   head fell, or     before counts
//!   a landmark went   (`landmark`)
//! claim, gap        a mailbox is read again from its start, ever more rarely for the same suspicion; what it no longer
//!                     lists though it did is a rollback that nobody announced
//! all was read      every merged change the relay does not list is sealed again and pushed: this device's and others'.
//!                     Whoever lacks it finds it behind their cursor, and their gaps close
//! a plea            a member's change rests on a change that names one it has not: what the relay lists is not what it
//!                     gives (a damaged envelope). It is sent again, once by each holder
//! ```
//! A holder compares with what it has just read, so what another holder sent meanwhile is not sent twice; two that act at
//! the same time cost bytes and nothing else, since a change keeps its id in every envelope. A sync sends at most
//! [`MAX_RESENT`]; the next one goes on. Knows nothing of people: what is told about it is `detect` and `history`.

use super::detect::{self, Missing};
use super::history::Before;
use super::keyring::Keyring;
use super::reseal::Resealing;
use super::snapshot;
use super::sync::{Exchange, Pushes};
use crate::error::{Error, Result};
use crate::store::log::{self, Audit, FindingKind, Found, Kept, Outgoing, Place, Run, Runs};
use crate::sync::session::{Answer, Plan};
use carnet_wire::relay::{Pull, Pushed};
use carnet_wire::stream::Tip;
use carnet_wire::{MailboxId, limits};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// After how many milliseconds a mailbox is read again for the same suspicion; twice as many each time.
const AUDIT_AGAIN_MS: i64 = 5 * 60 * 1_000;
/// How often that doubles: up to two days.
const AUDIT_DOUBLINGS: u32 = 9;
/// Changes one sync sends again at most.
pub const MAX_RESENT: usize = 5_000;

/// A mailbox that is read from its start, to compare with what it was known to hold.
struct Reading {
    before: Runs,
    found: Runs,
    ended: bool,
}

/// What one sync learns of what its relay holds, and sends again.
#[derive(Default)]
pub struct Healing {
    /// Mailboxes that are read again from their start.
    readings: BTreeMap<MailboxId, Reading>,
    /// Mailboxes whose first page was asked from the start in this sync anyway.
    pub from_start: BTreeSet<MailboxId>,
    /// Suspicions that are being looked into.
    suspicions: BTreeMap<MailboxId, [u8; 32]>,
    /// What is to be sent again, once it was collected.
    queue: Option<VecDeque<Kept>>,
    /// Chains for which somebody asked, up to where.
    pleas: Vec<Place>,
    /// Whether the relay refuses what is sent again, or there is more than one sync may send.
    unfinished: bool,
    /// How many changes were sent again.
    pub sent: u64,
    /// Whether the relay promised more than it gave.
    pub withheld: bool,
    /// The findings as they were when the sync began.
    before: Before,
}

impl Healing {
    /// Forgets what was read: the relay is read from its start.
    pub fn start_over(&mut self) {
        self.readings.clear();
        self.suspicions.clear();
        self.queue = None;
        self.pleas.clear();
    }

    /// Begins to read a mailbox from its start, to compare with what it was known to hold.
    pub fn read_anew(&mut self, mailbox: MailboxId, before: Runs) {
        let reading = Reading {
            before,
            found: Runs::default(),
            ended: false,
        };
        self.readings.insert(mailbox, reading);
    }

    /// Notes what a reading from the start finds.
    pub fn note(&mut self, mailbox: MailboxId, runs: &Runs) {
        if let Some(reading) = self.readings.get_mut(&mailbox) {
            reading.found.extend(runs);
        }
    }

    /// Notes that a mailbox was read to its end.
    pub fn read_to_end(&mut self, mailbox: MailboxId) {
        if let Some(reading) = self.readings.get_mut(&mailbox) {
            reading.ended = true;
        }
    }

    fn take_ended(&mut self) -> BTreeMap<MailboxId, Reading> {
        let (ended, others) = std::mem::take(&mut self.readings)
            .into_iter()
            .partition(|(_, reading)| reading.ended);
        self.readings = others;
        ended
    }

    /// The change that was sent again and is stored now.
    fn stored(&mut self) -> Option<Place> {
        let kept = self.queue.as_mut()?.pop_front()?;
        self.sent += 1;
        Some(kept.place)
    }

    fn stop(&mut self) {
        self.queue = Some(VecDeque::new());
        self.pleas.clear();
        self.unfinished = true;
    }
}

/// Places as runs, to note them together.
pub fn runs<'a>(places: impl IntoIterator<Item = &'a Place>) -> Runs {
    let mut runs = Runs::default();
    for place in places {
        runs.add(place.author, place.seq, place.seq);
    }
    runs
}

impl Exchange<'_> {
    /// Remembers which findings were open before anything was exchanged.
    pub(super) fn look_at_findings(&mut self) -> Result<()> {
        self.healing.before = self.open.store.read(Before::of)?;
        Ok(())
    }

    /// What to do once everything was exchanged: read again what is under suspicion, then send what the relay lacks.
    pub(super) fn follow_up(&mut self) -> Result<Plan> {
        let relay = self.relay()?.number;
        // Number 0: nothing is known of this relay, because nothing was ever exchanged with it.
        if relay == 0 || self.is_troubled() {
            return Ok(Plan::default());
        }
        self.end_suspicions()?;
        self.compare_readings(relay)?;
        let pull = self.suspect(relay)?;
        let push = match pull.is_empty() {
            true => self.resend(relay)?,
            false => Vec::new(),
        };
        Ok(Plan { push, pull })
    }

    /// Whether the relay refuses or withholds something: what it lacks cannot be told then.
    fn is_troubled(&self) -> bool {
        self.starved || self.refused.is_some()
    }

    /// Has a mailbox read again from its start, once in a sync. Returns whether it is.
    pub(super) fn read_from_start(&mut self, mailbox: MailboxId) -> Result<bool> {
        if !self.reread.insert(mailbox) {
            return Ok(false);
        }
        let relay = self.relay()?.number;
        let before = self
            .open
            .store
            .read(|conn| log::listed_in(conn, relay, mailbox))?;
        self.healing.read_anew(mailbox, before);
        self.reached.insert(mailbox, 0);
        self.holes.remove(&mailbox);
        self.drained.remove(&mailbox);
        Ok(true)
    }

    /// Moves cursors past what a push alone has put behind the heads: of what was sent again nothing need come back.
    pub(super) fn pass_sent(&mut self, own: &Pushes) -> Result<()> {
        let mailboxes: BTreeSet<MailboxId> = own.keys().map(|(mailbox, _)| *mailbox).collect();
        for mailbox in mailboxes {
            let reached = self.reached.get(&mailbox).copied();
            if let Some(reached) = reached.filter(|_| !self.holes.contains_key(&mailbox)) {
                let reached = self.pass_own(mailbox, reached, own)?;
                self.reached.insert(mailbox, reached);
            }
        }
        Ok(())
    }

    /// Mailboxes that were read again for their suspicion are not read again for the same one.
    fn end_suspicions(&mut self) -> Result<()> {
        let ended = std::mem::take(&mut self.healing.suspicions);
        if ended.is_empty() {
            return Ok(());
        }
        let now = self.open.clock.now();
        self.keep(|tx, relay| {
            ended.iter().try_for_each(|(mailbox, suspicion)| {
                log::set_audited(tx, relay.number, *mailbox, suspicion, now)
            })
        })
    }

    /// The mailboxes of logs from which something is missing, to be read from their start.
    fn suspect(&mut self, relay: i64) -> Result<Vec<Pull>> {
        let keyring = self.open.keyring()?;
        let now = self.open.clock.now();
        let suspects = self
            .open
            .store
            .read(|conn| suspects(conn, relay, &keyring, now))?;
        let mut pull = Vec::new();
        for suspect in suspects {
            let mailbox = suspect.mailbox;
            self.healing.suspicions.insert(mailbox, suspect.suspicion);
            // What was read from its start just now has no more to give.
            if !self.healing.from_start.contains(&mailbox) && self.read_from_start(mailbox)? {
                pull.push(Pull { mailbox, after: 0 });
            }
        }
        pull.truncate(limits::MAX_MAILBOXES);
        if pull.is_empty() {
            self.end_suspicions()?;
        }
        Ok(pull)
    }

    /// Compares what was read from the start with what was known: what a mailbox no longer lists was lost or is withheld. Only
    /// once everything was exchanged: what a snapshot covers may have been let go of, and a snapshot made after the keys were
    /// changed lies in another mailbox than what it covers (seed 16 of the simulation).
    fn compare_readings(&mut self, relay: i64) -> Result<()> {
        let readings = self.healing.take_ended();
        if readings.is_empty() {
            return Ok(());
        }
        let keyring = self.open.keyring()?;
        let (now, url) = (self.open.clock.now(), self.url.clone());
        for (mailbox, reading) in &readings {
            let given = self
                .open
                .store
                .read(|conn| given_after(conn, relay, &keyring, *mailbox, &readings))?;
            let lost = reading.before.beyond(&given);
            if lost == 0 {
                continue;
            }
            self.keep(|tx, relay| {
                let mut runs = reading.found.clone();
                // Another process may have noted more meanwhile.
                let noted = log::listed_in(tx, relay.number, *mailbox)?;
                noted.add_beyond(&reading.before, &mut runs);
                log::list_anew(tx, relay.number, *mailbox, &runs)?;
                log::doubt_pieces(tx, relay.number, now)?;
                let mut finding = Found::of_relay(FindingKind::RelayRolledBack, &url);
                finding.missing = lost;
                log::open_finding(tx, &finding, now)
            })?;
            self.notice("relay rolled back");
        }
        Ok(())
    }

    /// The next changes the relay lacks, sealed again. They stay in the queue until it has stored them.
    fn resend(&mut self, relay: i64) -> Result<Vec<Outgoing>> {
        let keyring = self.open.keyring()?;
        if self.healing.queue.is_none() {
            self.collect(relay, &keyring)?;
        }
        let mut push = Vec::new();
        let mut size = 0;
        let queue = self.healing.queue.get_or_insert_default();
        while let Some(kept) = queue.get(push.len()).copied() {
            let sealed = self
                .open
                .store
                .read(|conn| seal_again(conn, &keyring, &kept));
            let (mailbox, bytes) = match sealed {
                Ok(sealed) => sealed,
                Err(Error::NotFound(_)) => {
                    queue.remove(push.len());
                    continue;
                }
                Err(error) => return Err(error),
            };
            size += bytes.len();
            let full =
                push.len() >= limits::MAX_PUSHED_ENVELOPES || size > limits::EXCHANGE_BATCH_BYTES;
            if full && !push.is_empty() {
                break;
            }
            push.push(Outgoing {
                outbox: 0,
                mailbox,
                bytes,
            });
        }
        if push.is_empty() {
            self.answer_pleas()?;
        }
        Ok(push)
    }

    /// Collects what the relay lacks: what it does not list, and what somebody lacks though it does.
    fn collect(&mut self, relay: i64, keyring: &Keyring) -> Result<()> {
        let news = self.report.received > 0;
        let (mut queue, pleas) = self.open.store.read(|conn| {
            let mut queue = VecDeque::new();
            let mut pleas = Vec::new();
            for log in log::logs(conn)? {
                if may_send(keyring, log.number) {
                    let room = (MAX_RESENT + 1).saturating_sub(queue.len());
                    queue.extend(unlisted(conn, relay, log.number, room)?);
                    if news {
                        let room = (MAX_RESENT + 1).saturating_sub(queue.len());
                        let asked = asked_for(conn, relay, keyring, log.number, room)?;
                        queue.extend(asked.0);
                        pleas.extend(asked.1);
                    }
                }
            }
            Ok((queue, pleas))
        })?;
        self.healing.unfinished |= queue.len() > MAX_RESENT;
        queue.truncate(MAX_RESENT);
        self.healing.queue = Some(queue);
        self.healing.pleas = pleas;
        Ok(())
    }

    /// Pleas that were heard are not heard again.
    fn answer_pleas(&mut self) -> Result<()> {
        let pleas = std::mem::take(&mut self.healing.pleas);
        if pleas.is_empty() || self.healing.unfinished {
            return Ok(());
        }
        self.keep(|tx, relay| {
            pleas
                .iter()
                .try_for_each(|place| log::set_resent(tx, relay.number, place))
        })
    }

    /// Whether an answer refuses what was sent again. It was extra: the sync goes on without it.
    pub(super) fn refuses_healing(&mut self, answer: &Answer) -> bool {
        let healing = |(outgoing, _): &(Outgoing, Pushed)| outgoing.outbox == 0;
        let refused = |(_, outcome): &(Outgoing, Pushed)| matches!(outcome, Pushed::Refused(_));
        let refuses = answer.pulled.is_empty()
            && answer.pushed.iter().all(healing)
            && answer.pushed.iter().any(refused);
        if refuses {
            self.healing.stop();
            self.notice("the relay does not take what it lost");
        }
        refuses
    }

    /// The places of what the relay has stored, in the order it was pushed.
    pub(super) fn stored_places(
        &mut self,
        stored: &[(i64, MailboxId)],
    ) -> Result<Vec<(MailboxId, Place)>> {
        let mut places = Vec::with_capacity(stored.len());
        for (outbox, mailbox) in stored {
            let place = match outbox {
                0 => self.healing.stored(),
                _ => self
                    .open
                    .store
                    .read(|conn| log::outbox_place(conn, *outbox))?,
            };
            places.extend(place.map(|place| (*mailbox, place)));
        }
        for (mailbox, place) in &places {
            self.healing.note(*mailbox, &runs([place]));
        }
        Ok(places)
    }

    /// Ends a sync that exchanged everything: what is missing now is missing, and what was healed is healed.
    pub(super) fn conclude(&mut self) -> Result<()> {
        let keyring = self.open.keyring()?;
        // A phone that is joining has not been added yet: nobody owes it anything.
        if !keyring.devices().iter().any(|device| device.this) {
            return Ok(());
        }
        let healed = !self.healing.unfinished;
        let (sent, url) = (self.healing.sent, self.url.clone());
        let now = self.open.clock.now();
        let open = self.open.store.read(|conn| open_of_relay(conn, &url))?;
        let news = self
            .open
            .store
            .read(|conn| detect::has_news(conn, &keyring))?;
        if news || (healed && !open.is_empty()) {
            self.open.write(|tx| {
                let keyring = self.open.keyring_in(tx)?;
                detect::review(tx, &keyring, now)?;
                for mut found in open.into_iter().filter(|_| healed) {
                    found.missing = found.missing.max(sent);
                    log::open_finding(tx, &found, now)?;
                    log::heal_finding(tx, found.kind, &found.subject, now)?;
                }
                Ok(())
            })?;
        }
        self.report.complete &= healed || self.healing.sent == 0;
        Ok(())
    }

    /// What this sync has to tell: what is open, and what it healed. Words for what did not last are taken back.
    pub(super) fn tell(&mut self) -> Result<()> {
        if std::mem::take(&mut self.healing.withheld) {
            let found = Found::of_relay(FindingKind::Withheld, &self.url);
            let now = self.open.clock.now();
            self.open.write(|tx| log::open_finding(tx, &found, now))?;
        }
        let keyring = self.open.keyring()?;
        let (findings, held) = self.open.store.read(|conn| {
            let told = self.healing.before.told(conn, &keyring)?;
            Ok((told, log::held_counts(conn)?))
        })?;
        self.report.findings = findings;
        let lasts = |word: &&str| held.iter().any(|(reason, _)| reason.word() == *word);
        let of_quarantine = |word: &&str| log::HeldFor::ALL.iter().any(|one| one.word() == *word);
        let notices = &mut self.report.notices;
        notices.retain(|word| !of_quarantine(word) || lasts(word));
        Ok(())
    }
}

struct Suspect {
    mailbox: MailboxId,
    suspicion: [u8; 32],
}

fn suspects(conn: &Connection, relay: i64, keyring: &Keyring, now: i64) -> Result<Vec<Suspect>> {
    let missing = detect::missing(conn, keyring)?;
    let mut suspects = Vec::new();
    for (log, epoch) in &keyring.epochs {
        let of_log = |one: &&Missing| one.place.log == *log;
        if !missing.iter().any(|one| of_log(&one)) {
            continue;
        }
        let suspicion = detect::suspicion(missing.iter().filter(of_log));
        let audit = log::audited(conn, relay, epoch.mailbox)?;
        let due = audit
            .filter(|audit| audit.suspicion == suspicion)
            .is_none_or(|audit| is_due(&audit, now));
        if due {
            suspects.push(Suspect {
                mailbox: epoch.mailbox,
                suspicion,
            });
        }
    }
    Ok(suspects)
}

/// A relay that withheld something and gives it later does not say so: the mailbox is read again, ever more rarely. A
/// clock that was put back makes it due.
fn is_due(audit: &Audit, now: i64) -> bool {
    let wait = AUDIT_AGAIN_MS << audit.times.min(AUDIT_DOUBLINGS);
    !(audit.at..audit.at.saturating_add(wait)).contains(&now)
}

fn open_of_relay(conn: &Connection, url: &str) -> Result<Vec<Found>> {
    let open = log::findings(conn)?
        .into_iter()
        .filter(|finding| finding.healed.is_none() && finding.found.relay.as_deref() == Some(url));
    Ok(open.map(|finding| finding.found).collect())
}

/// Only who may write to a mailbox can send anything there.
fn may_send(keyring: &Keyring, log: i64) -> bool {
    keyring
        .current_epoch(log)
        .is_ok_and(|epoch| epoch.secrets.write.is_some())
}

/// What a relay gives of the log of a mailbox after some were read from their start: what its mailboxes list, and what a
/// snapshot among that stands for.
fn given_after(
    conn: &Connection,
    relay: i64,
    keyring: &Keyring,
    mailbox: MailboxId,
    readings: &BTreeMap<MailboxId, Reading>,
) -> Result<Runs> {
    let found = readings.get(&mailbox).map(|reading| reading.found.clone());
    let mut given = found.unwrap_or_default();
    let Some((log, _)) = keyring.epoch_of(mailbox) else {
        return Ok(given);
    };
    for (_, epoch) in keyring.epochs.iter().filter(|(of, _)| *of == log) {
        match readings.get(&epoch.mailbox) {
            Some(reading) => given.extend(&reading.found),
            None => given.extend(&log::listed_in(conn, relay, epoch.mailbox)?),
        }
    }
    let stands = snapshot::stands_for(conn, log, &given, |_| true)?;
    given.extend(&stands);
    Ok(given)
}

/// What a relay gives of a log: what it lists, and what a snapshot it lists stands for.
fn given(conn: &Connection, relay: i64, log: i64) -> Result<Runs> {
    let mut listed = log::listed(conn, relay, log)?;
    let tips = log::tips(conn, log)?;
    let lacks = |tip: &Tip| !listed.missing(&tip.author, tip.seq).is_empty();
    if tips.iter().any(lacks) {
        let stands = snapshot::stands_for(conn, log, &listed, |_| true)?;
        listed.extend(&stands);
    }
    Ok(listed)
}

/// The merged changes of a log that a relay does not give, at most `room`.
fn unlisted(conn: &Connection, relay: i64, log: i64, room: usize) -> Result<Vec<Kept>> {
    let listed = given(conn, relay, log)?;
    let mut found = Vec::new();
    for tip in log::tips(conn, log)? {
        for run in listed.missing(&tip.author, tip.seq) {
            let room = room.saturating_sub(found.len());
            found.extend(log::kept(conn, log, &tip.author, run, room)?);
        }
    }
    Ok(found)
}

/// The changes of a log that somebody lacks though the relay lists them, and how far each chain was asked for.
fn asked_for(
    conn: &Connection,
    relay: i64,
    keyring: &Keyring,
    log: i64,
    room: usize,
) -> Result<(Vec<Kept>, Vec<Place>)> {
    let listed = given(conn, relay, log)?;
    let (mut found, mut pleas) = (Vec::new(), Vec::new());
    for (place, last) in detect::lacking(conn, keyring, log)? {
        let first = place
            .seq
            .max(log::resent(conn, relay, log, &place.author)? + 1);
        let last = last.min(log::position(conn, log, &place.author)?.0);
        if first > last {
            continue;
        }
        let room = room.saturating_sub(found.len());
        let kept = log::kept(conn, log, &place.author, Run { first, last }, room)?;
        // What is not listed is sent anyway.
        let unlisted = listed.missing(&place.author, last);
        let is_listed = |kept: &Kept| {
            let seq = kept.place.seq;
            !unlisted
                .iter()
                .any(|run| (run.first..=run.last).contains(&seq))
        };
        found.extend(kept.into_iter().filter(is_listed));
        pleas.push(Place { seq: last, ..place });
    }
    Ok((found, pleas))
}

/// The envelope this device sealed first, where it is kept and somebody could open it: the same bytes are stored once.
/// Otherwise, and for others' changes, a new one.
fn seal_again(conn: &Connection, keyring: &Keyring, kept: &Kept) -> Result<(MailboxId, Vec<u8>)> {
    let again = Resealing::as_first(conn, keyring, kept.change)?;
    let mailbox = again.mailbox();
    match log::own_envelope(conn, kept.change)? {
        Some(own) if own.0 == mailbox => Ok(own),
        _ => Ok((mailbox, again.seal(keyring)?)),
    }
}
