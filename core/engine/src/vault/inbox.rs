//! Sync in the background: what is sealed goes out, what comes in is stored as it is. The next foreground work merges it.
//!
//! A wake-up has seconds and little memory: no CRDT is loaded, no view touched, no body inflated. Only the vault's key is
//! needed. What comes in is stored with the cursor that covers it (INV-7), up to [`log::MAX_INBOX_BYTES`]; it is opened and
//! checked when it is merged, exactly as if it had come then.

use super::brake::Brake;
use super::heal;
use super::open::Unlocked;
use super::steps::{self, Merger, Pace, Retry};
use super::sync::Exchange;
use super::{Phase, SyncReport};
use crate::error::Result;
use crate::store::log::{self, HeldFor, Runs};
use carnet_wire::MailboxId;
use carnet_wire::relay::{Entry, Pulled};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Bytes stored in one transaction.
const STORE_BYTES: usize = 1 << 20;
/// Bytes of the inbox that are looked at together; a step may take fewer.
const READ_BYTES: usize = 1 << 20;

impl Exchange<'_> {
    /// Stores what one mailbox brought.
    pub(super) fn store_mailbox(&mut self, mut pulled: Pulled, brake: &Brake<'_>) -> Result<()> {
        let mailbox = pulled.mailbox;
        if pulled.refused != 0 {
            self.refused.get_or_insert(pulled.refused);
            self.drained.insert(mailbox);
            return Ok(());
        }
        pulled.entries.sort_by_key(|entry| entry.seq);
        steps::check_numbers(&pulled)?;
        let mut entries = pulled.entries.as_slice();
        while !entries.is_empty() {
            if brake.check(self.report.sent + self.report.stored)? {
                return Ok(());
            }
            let (step, rest) = cut(entries);
            if !self.store_step(mailbox, step)? {
                self.starved = true;
                self.drained.extend(self.reached.keys().copied());
                return Ok(());
            }
            entries = rest;
        }
        if self
            .reached
            .get(&mailbox)
            .is_none_or(|reached| *reached >= pulled.head)
        {
            self.drained.insert(mailbox);
        }
        Ok(())
    }

    /// Stores a step with its cursor; `false` when the inbox is full.
    fn store_step(&mut self, mailbox: MailboxId, step: &[Entry]) -> Result<bool> {
        let Some(last) = step.last() else {
            return Ok(true);
        };
        let size: usize = step.iter().map(|entry| entry.envelope.len()).sum();
        let stored = self.keep(|tx, relay| {
            let (before, bytes) = log::inbox_size(tx)?;
            if bytes + size as u64 > log::MAX_INBOX_BYTES {
                return Ok(None);
            }
            let mut own = Vec::new();
            for entry in step {
                match log::own_place(tx, entry.id())? {
                    Some(place) => own.push(place),
                    None => log::put_inbox(tx, relay.number, mailbox, &entry.envelope)?,
                }
            }
            log::list(tx, relay.number, mailbox, &heal::runs(&own))?;
            log::advance_cursor(tx, relay.number, mailbox, (last.seq, last.id()))?;
            Ok(Some(log::inbox_size(tx)?.0 - before))
        })?;
        self.report.stored += stored.unwrap_or(0);
        if stored.is_some() {
            self.reached.insert(mailbox, last.seq);
        }
        Ok(stored.is_some())
    }
}

fn cut(entries: &[Entry]) -> (&[Entry], &[Entry]) {
    let mut size = 0;
    let fits = entries.iter().take_while(|entry| {
        size += entry.envelope.len();
        size <= STORE_BYTES
    });
    entries.split_at(fits.count().max(1).min(entries.len()))
}

/// Merges what the background stored and what waits for it; the report says how much.
pub fn merge_all(open: &Unlocked, brake: &Brake<'_>) -> Result<SyncReport> {
    let mut report = SyncReport::default();
    let mut retry = Retry::load(open)?;
    report.complete = merge_inbox(open, &mut Pace::default(), &mut retry, brake, &mut report)?;
    Ok(report)
}

/// Merges what the background stored, in steps; `false` when the brake acted first.
pub fn merge_inbox(
    open: &Unlocked,
    pace: &mut Pace,
    retry: &mut Retry,
    brake: &Brake<'_>,
    report: &mut SyncReport,
) -> Result<bool> {
    brake.enter(Phase::Merging);
    while open.store.read(log::has_inbox)? {
        if brake.check(report.sent + report.received)? {
            return Ok(false);
        }
        merge_step(open, pace, retry, report)?;
    }
    steps::finish_retries(open, retry, brake, report)
}

/// One step: what is merged or held leaves the inbox in the same transaction.
fn merge_step(
    open: &Unlocked,
    pace: &mut Pace,
    retry: &mut Retry,
    report: &mut SyncReport,
) -> Result<()> {
    let begun = Instant::now();
    let mut after = retry.clone();
    let step = open.write(|tx| {
        let mut step = steps::Step::default();
        let mut merger = Merger::begin(tx, open, pace)?;
        let mut gaps = BTreeSet::new();
        let mut lists: BTreeMap<(i64, MailboxId), Runs> = BTreeMap::new();
        for incoming in log::inbox(tx, READ_BYTES)? {
            let gap = step.receive(&mut merger, incoming.mailbox, &incoming.bytes)?;
            gaps.extend(gap.then_some(incoming.mailbox));
            // What came from this relay, it holds.
            if let Some((mailbox, place)) = step.places.pop() {
                let list = lists.entry((incoming.relay, mailbox)).or_default();
                list.add(place.author, place.seq, place.seq);
            }
            log::take_inbox(tx, incoming.row)?;
            if merger.is_over() {
                break;
            }
        }
        step.finish(merger, &mut after)?;
        for ((relay, mailbox), runs) in &lists {
            log::list(tx, *relay, *mailbox, runs)?;
        }
        for mailbox in gaps {
            if log::has_gap(tx, mailbox)? {
                log::rewind_all(tx, mailbox)?;
                step.news.insert(HeldFor::Gap.word());
            }
        }
        Ok(step)
    })?;
    *retry = after;
    pace.learn(step.bytes, begun.elapsed());
    step.report(report);
    Ok(())
}
