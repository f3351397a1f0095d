//! Merging in steps: each is one transaction that keeps rows and the cursor that covers them (INV-7), and is meant to last
//! [`TARGET`], so that a sync stops soon after it is told to, and nobody else waits long for the database.
//!
//! What a change costs to merge is not known before: an import is parsed and indexed, a page of notes costs next to nothing,
//! a phone is ten times slower than a desk. So a step takes as many bytes, inflated, as the last ones say fit, and stops
//! receiving when its time is up. One change is never split: honest ones are bounded when they are made.

use super::SyncReport;
use super::brake::Brake;
use super::heal;
use super::keyring::Keyring;
use super::merge::{self, Received, Unprojected};
use super::open::Unlocked;
use super::sync::{Exchange, Pushes};
use crate::error::{Error, Result};
use crate::store::log::{self, HeldFor, Place, Runs};
use carnet_wire::relay::{Entry, Pulled};
use carnet_wire::{EnvelopeId, MailboxId};
use rusqlite::Transaction;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a step should last. The promise is 250 ms: this leaves room for one change that costs more than the last.
const TARGET: Duration = Duration::from_millis(120);
/// How long a step receives; the rest is for the views.
const RECEIVING: Duration = Duration::from_millis(80);
/// Bytes of the first step (what an import puts into one change), of the smallest and of the largest.
const FIRST_STEP_BYTES: usize = 512 << 10;
const MIN_STEP_BYTES: usize = 32 << 10;
const MAX_STEP_BYTES: usize = 4 << 20;
/// Envelopes in quarantine that are looked up together.
const RETRY_BATCH: usize = 64;
/// Setting: what waits in quarantine is to be tried again, because something was merged since.
const RETRY: &str = "retry";

/// How many bytes a step takes, learned from how long steps took.
#[derive(Debug)]
pub(super) struct Pace {
    bytes: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            bytes: FIRST_STEP_BYTES,
        }
    }
}

impl Pace {
    /// Learns that `bytes` took `elapsed`.
    pub fn learn(&mut self, bytes: usize, elapsed: Duration) {
        if elapsed > TARGET {
            let fits = bytes as u128 * TARGET.as_millis() / elapsed.as_millis().max(1);
            let fits = usize::try_from(fits).unwrap_or(MIN_STEP_BYTES);
            self.bytes = fits.clamp(MIN_STEP_BYTES, self.bytes);
        } else if elapsed < TARGET / 2 && bytes >= self.bytes / 2 {
            self.bytes = (self.bytes * 2).min(MAX_STEP_BYTES);
        }
    }
}

/// What a transaction merges with: the keys as they are now, and what is still to be shown in the views.
pub(super) struct Merger<'t> {
    tx: &'t Transaction<'t>,
    keyring: Arc<Keyring>,
    key: &'t [u8; 32],
    unprojected: Unprojected,
    begun: Instant,
    most: usize,
    envelopes: usize,
}

impl<'t> Merger<'t> {
    /// Begins a step.
    pub fn begin(tx: &'t Transaction<'t>, open: &'t Unlocked, pace: &Pace) -> Result<Self> {
        Ok(Self {
            tx,
            keyring: open.keyring_in(tx)?,
            key: &open.database_key,
            unprojected: Unprojected::default(),
            begun: Instant::now(),
            most: pace.bytes,
            envelopes: 0,
        })
    }

    /// Whether the step has received enough, or long enough.
    pub fn is_over(&self) -> bool {
        self.bytes() >= self.most || self.begun.elapsed() >= RECEIVING
    }

    /// Bytes received: of envelopes, and of what they held.
    pub fn bytes(&self) -> usize {
        self.envelopes + self.unprojected.bytes()
    }

    /// Merges an envelope, or holds it.
    pub fn receive(&mut self, mailbox: MailboxId, bytes: &[u8]) -> Result<Received> {
        Ok(self.receive_noting(mailbox, bytes)?.0)
    }

    /// The same, and says which change it was, where that can be told.
    pub fn receive_noting(
        &mut self,
        mailbox: MailboxId,
        bytes: &[u8],
    ) -> Result<(Received, Option<Place>)> {
        self.envelopes += bytes.len();
        let Self {
            tx,
            keyring,
            key,
            unprojected,
            ..
        } = self;
        merge::receive(tx, keyring, key, unprojected, mailbox, bytes)
    }

    /// Shows in the views what was merged. The last thing of a step.
    pub fn finish(mut self) -> Result<()> {
        self.unprojected.project(self.tx)
    }
}

/// A pass over what waits in quarantine: again and again until nothing more can be merged, over as many steps as it takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Retry {
    /// Whether there is something to try.
    pending: bool,
    /// Where the pass is.
    after: i64,
    /// Whether this pass has merged anything: then there will be another.
    merged: bool,
}

impl Retry {
    /// Goes on where a sync that was stopped left it.
    pub fn load(open: &Unlocked) -> Result<Self> {
        Ok(Self {
            pending: open.store.read(|conn| log::meta(conn, RETRY))?.is_some(),
            ..Self::default()
        })
    }

    /// Something was merged: what waited for it is tried from the start.
    pub fn begin(&mut self) {
        *self = Self {
            pending: true,
            ..Self::default()
        };
    }

    /// Tries again for as long as the step lasts; returns how many were merged.
    pub fn run(&mut self, merger: &mut Merger<'_>) -> Result<u64> {
        if !self.pending {
            return Ok(0);
        }
        let merged = self.try_all(merger)?;
        let noted = log::meta(merger.tx, RETRY)?.is_some();
        match self.pending {
            true if !noted => log::set_meta(merger.tx, RETRY, &[])?,
            false if noted => log::remove_meta(merger.tx, RETRY)?,
            _ => {}
        }
        Ok(merged)
    }

    fn try_all(&mut self, merger: &mut Merger<'_>) -> Result<u64> {
        let mut merged = 0;
        while self.pending {
            let batch = log::waiting(merger.tx, self.after, RETRY_BATCH)?;
            if batch.is_empty() {
                self.pending = std::mem::take(&mut self.merged);
                self.after = 0;
            }
            for (row, held) in batch {
                if merger.is_over() {
                    return Ok(merged);
                }
                self.after = row;
                if merger.keyring.epoch_of(held.mailbox).is_none() {
                    continue;
                }
                let bytes = log::held_bytes(merger.tx, held.envelope)?;
                if merger.receive(held.mailbox, &bytes)? == Received::Merged {
                    merged += 1;
                    self.merged = true;
                }
            }
        }
        Ok(merged)
    }
}

/// What a step did.
#[derive(Debug, Default)]
pub(super) struct Step {
    merged: u64,
    /// Bytes that were received.
    pub bytes: usize,
    /// Why something went to the quarantine.
    pub news: BTreeSet<&'static str>,
    /// Which changes came, in which mailbox: who brought them has them.
    pub places: Vec<(MailboxId, Place)>,
}

impl Step {
    /// Receives one envelope; returns whether its predecessor did not come: an omission, if it lies further back.
    pub fn receive(
        &mut self,
        merger: &mut Merger<'_>,
        mailbox: MailboxId,
        bytes: &[u8],
    ) -> Result<bool> {
        let held = log::is_held(merger.tx, EnvelopeId::derive(bytes))?;
        let (received, place) = merger.receive_noting(mailbox, bytes)?;
        self.places.extend(place.map(|place| (mailbox, place)));
        match received {
            Received::Merged => self.merged += 1,
            Received::Known => {}
            Received::Held(reason) => {
                self.news.insert(reason.word());
                return Ok(reason == HeldFor::Gap && !held);
            }
        }
        Ok(false)
    }

    /// The changes that came in a mailbox.
    pub fn runs(&self, mailbox: MailboxId) -> Runs {
        let there = self.places.iter().filter(|(of, _)| *of == mailbox);
        heal::runs(there.map(|(_, place)| place))
    }

    /// Tries again what waits for what was merged, and shows all of it in the views.
    pub fn finish(&mut self, mut merger: Merger<'_>, retry: &mut Retry) -> Result<()> {
        if self.merged > 0 {
            retry.begin();
        }
        self.merged += retry.run(&mut merger)?;
        self.bytes = merger.bytes();
        merger.finish()
    }

    /// Adds what was done, once it is durable.
    pub fn report(self, report: &mut SyncReport) {
        report.received += self.merged;
        for word in self.news {
            if !report.notices.contains(&word) {
                report.notices.push(word);
            }
        }
    }
}

/// How far a step reads in a mailbox.
#[derive(Debug, Clone, Copy)]
struct Reading {
    taken: usize,
    reached: u64,
    /// The envelope at that number, if this step came to it.
    last: Option<EnvelopeId>,
    /// The number before the first one left out: where reading goes on, should anything be missing.
    hole: Option<u64>,
    gap: bool,
}

impl Reading {
    fn take(&mut self, entry: &Entry) {
        self.taken += 1;
        if entry.seq > self.reached + 1 {
            self.hole.get_or_insert(self.reached);
        }
        if entry.seq > self.reached {
            self.reached = entry.seq;
            self.last = Some(entry.id());
        }
    }
}

impl Exchange<'_> {
    /// Merges what one mailbox brought.
    pub(super) fn merge_mailbox(
        &mut self,
        mut pulled: Pulled,
        own: &Pushes,
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
            let step = self.merge_step(mailbox, entries)?;
            if step.gap && self.read_from_start(mailbox)? {
                return Ok(());
            }
            entries = entries.get(step.taken..).unwrap_or_default();
        }
        let reached = self.reached.get(&mailbox).copied().unwrap_or(0);
        if reached >= pulled.head {
            if !self.holes.contains_key(&mailbox) {
                self.pass_own(mailbox, reached, own)?;
            }
            self.drained.insert(mailbox);
            self.healing.read_to_end(mailbox);
        }
        Ok(())
    }

    /// Moves the cursor past what this exchange pushed right behind the head it read, so that it is not sent back. Where
    /// another device wrote in between, the numbers have a hole there and the next pull reads on from it.
    pub(super) fn pass_own(
        &self,
        mailbox: MailboxId,
        mut reached: u64,
        own: &Pushes,
    ) -> Result<u64> {
        let mut last = None;
        while let Some(id) = own.get(&(mailbox, reached + 1)) {
            reached += 1;
            last = Some((reached, *id));
        }
        if let Some(last) = last {
            self.keep(|tx, relay| log::advance_cursor(tx, relay.number, mailbox, last))?;
        }
        Ok(reached)
    }

    fn merge_step(&mut self, mailbox: MailboxId, entries: &[Entry]) -> Result<Reading> {
        let begun = Instant::now();
        let mut retry = self.retry.clone();
        let (reading, step) = self.keep(|tx, relay| {
            let mut step = Step::default();
            let mut reading = Reading {
                taken: 0,
                reached: self.reached.get(&mailbox).copied().unwrap_or(0),
                last: None,
                hole: self.holes.get(&mailbox).copied(),
                gap: false,
            };
            let mut merger = Merger::begin(tx, self.open, &self.pace)?;
            for entry in entries {
                reading.gap |= step.receive(&mut merger, mailbox, &entry.envelope)?;
                reading.take(entry);
                if merger.is_over() {
                    break;
                }
            }
            step.finish(merger, &mut retry)?;
            log::list(tx, relay.number, mailbox, &step.runs(mailbox))?;
            match reading.hole {
                Some(hole) if log::has_gap(tx, mailbox)? => {
                    log::rewind_cursor(tx, relay.number, mailbox, hole)?;
                }
                _ => {
                    if let Some(last) = reading.last {
                        let last = (reading.reached, last);
                        log::advance_cursor(tx, relay.number, mailbox, last)?;
                    }
                }
            }
            Ok((reading, step))
        })?;
        self.retry = retry;
        self.pace.learn(step.bytes, begun.elapsed());
        self.reached.insert(mailbox, reading.reached);
        self.holes.extend(reading.hole.map(|hole| (mailbox, hole)));
        self.healing.note(mailbox, &step.runs(mailbox));
        step.report(&mut self.report);
        Ok(reading)
    }
}

/// Notes that what waits in quarantine is to be tried again, from the next step on or by the next sync.
pub(super) fn note_retry(tx: &Transaction<'_>) -> Result<()> {
    log::set_meta(tx, RETRY, &[])
}

/// Tries again what waits in quarantine, in steps; `false` when the brake acted first.
pub(super) fn finish_retries(
    open: &Unlocked,
    retry: &mut Retry,
    brake: &Brake<'_>,
    report: &mut SyncReport,
) -> Result<bool> {
    while retry.pending {
        if brake.check(report.sent + report.received)? {
            return Ok(false);
        }
        let mut after = retry.clone();
        report.received += open.write(|tx| {
            let mut merger = Merger::begin(tx, open, &Pace::default())?;
            let merged = after.run(&mut merger)?;
            merger.finish()?;
            Ok(merged)
        })?;
        *retry = after;
    }
    Ok(true)
}

/// A number outside of what the relay itself says, or of what a database can hold, would spoil the cursor.
pub(super) fn check_numbers(pulled: &Pulled) -> Result<()> {
    let highest = pulled.head.min(i64::MAX.cast_unsigned());
    let sound = |entry: &Entry| (1..=highest).contains(&entry.seq);
    if !pulled.entries.iter().all(sound) {
        return Err(Error::Garbled("the relay's numbers contradict each other"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_steps_shrink_and_quick_ones_grow_within_bounds() {
        let mut pace = Pace::default();
        pace.learn(FIRST_STEP_BYTES, TARGET * 4);
        assert_eq!(pace.bytes, FIRST_STEP_BYTES / 4);
        for _ in 0..9 {
            pace.learn(pace.bytes, TARGET * 4);
        }
        assert_eq!(pace.bytes, MIN_STEP_BYTES);
        for _ in 0..20 {
            pace.learn(pace.bytes, TARGET / 4);
        }
        assert_eq!(pace.bytes, MAX_STEP_BYTES);
        // One change that is dear alone says nothing about larger steps, and one short step nothing about longer ones.
        pace.learn(MAX_STEP_BYTES, TARGET);
        assert_eq!(pace.bytes, MAX_STEP_BYTES);
        pace.bytes = 100 << 10;
        pace.learn(10, TARGET / 100);
        assert_eq!(pace.bytes, 100 << 10);
    }
}
