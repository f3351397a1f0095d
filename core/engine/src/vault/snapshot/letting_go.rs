//! Letting go of what an acknowledged snapshot replaces: changes and sent bytes here, envelopes and pieces at the relay, files
//! of pieces that nobody needs.
//!
//! Nothing is retired before the snapshot lies whole at the relay that is asked: its manifest listed, each piece sent, fetched
//! or asked for.

use super::super::brake::Brake;
use super::super::relays;
use super::super::sync::Exchange;
use super::standing::{blobs, is_whole_at, owns};
use super::{COMPACT_STEP, PAGES_STEP, make};
use crate::error::{Error, Result};
use crate::host::HttpRequest;
use crate::record::snapshot::Snapshot;
use crate::store::give_back;
use crate::store::log::{self, StoredSnapshot};
use crate::store::snapshot as rows;
use crate::sync::session::post;
use carnet_wire::relay::{Retire, Retired};
use carnet_wire::{BlobId, Canonical, EnvelopeId, MailboxId, limits};
use rusqlite::Transaction;
use std::collections::{BTreeMap, BTreeSet};

const NOT_RETIRED: &str = "the relay did not let go of what a snapshot replaced";
/// Longest answer to a retire request.
const MAX_RETIRED_ANSWER: usize = 1 << 10;

impl Exchange<'_> {
    /// Lets go of what the newest acknowledged snapshot replaces: here, then at the relay. `false` when the brake acted.
    pub(super) fn let_go(&mut self, log: i64, brake: &Brake<'_>) -> Result<bool> {
        let (known, loading, relays) = self.open.store.read(|conn| {
            let known = log::snapshots(conn, log)?;
            Ok((known, log::is_loading(conn, log)?, relays::numbers(conn)?))
        })?;
        let acknowledged = |stored: &&StoredSnapshot| stored.acknowledged && stored.place.is_some();
        let Some(newest) = known.iter().rev().find(acknowledged).filter(|_| !loading) else {
            return Ok(true);
        };
        let snapshot = Snapshot::read(&newest.manifest)?;
        if !newest.compacted && !self.compact(log, newest.number, &snapshot, brake)? {
            return Ok(false);
        }
        let (replaced, listed) = sort_out(&known, newest, &snapshot)?;
        let relay = self.relay()?.number;
        let whole = |conn: &rusqlite::Connection| is_whole_at(conn, relay, newest, &snapshot);
        if owns(&*self.open.keyring()?, log) && self.open.store.read(whole)? {
            if !self.retire(log, &snapshot, &listed, brake)? {
                return Ok(false);
            }
            let mut relays = relays;
            if !relays.contains(&relay) {
                relays.push(relay);
            }
            let gone = |conn: &rusqlite::Connection| log::has_gone(conn, &relays, log);
            if self.open.store.read(gone)? {
                self.open.write(|tx| log::forget_gone(tx, &relays, log))?;
            }
        }
        for number in replaced {
            self.open.write(|tx| log::drop_snapshot(tx, number))?;
        }
        self.sweep(log, &listed)?;
        Ok(true)
    }

    /// Lets go here of what a snapshot covers, in steps: first it is noted that it may be missing. `false` when the brake acted.
    fn compact(
        &mut self,
        log: i64,
        number: i64,
        snapshot: &Snapshot,
        brake: &Brake<'_>,
    ) -> Result<bool> {
        // What nobody has looked at yet is spent or kept before anything goes.
        if !make::classify(self.open, log, brake)? {
            return Ok(false);
        }
        self.open.write(|tx| {
            for cover in &snapshot.covers {
                let (seq, _) = log::position(tx, log, &cover.author)?;
                if seq < cover.last {
                    return Err(Error::Bug("a snapshot covers what is not here"));
                }
                log::cover(tx, log, &cover.author, cover.last, cover.tip)?;
            }
            let mut shards = snapshot.shards.iter();
            shards.try_for_each(|shard| rows::set_base(tx, log, shard.shard))
        })?;
        for cover in &snapshot.covers {
            let (author, last) = (&cover.author, cover.last);
            loop {
                let step = |tx: &Transaction<'_>| log::compact(tx, log, author, last, COMPACT_STEP);
                let more = self.open.write(step)?;
                if brake.check(self.report.received)? {
                    return Ok(false);
                }
                if !more {
                    break;
                }
            }
        }
        while self.open.write(|tx| give_back(tx, PAGES_STEP))? {
            if brake.check(self.report.received)? {
                return Ok(false);
            }
        }
        self.open.write(|tx| log::set_compacted(tx, number))?;
        self.open.store.checkpoint()?;
        Ok(true)
    }

    fn retire(
        &mut self,
        log: i64,
        snapshot: &Snapshot,
        listed: &BTreeSet<BlobId>,
        brake: &Brake<'_>,
    ) -> Result<bool> {
        let relay = self.relay()?;
        let (envelopes, blobs) = self.open.store.read(|conn| {
            let mut envelopes = Vec::new();
            for cover in &snapshot.covers {
                let (author, last) = (&cover.author, cover.last);
                let most = limits::MAX_RETIRED;
                let more = log::to_retire(conn, relay.number, log, author, last, most)?;
                envelopes.extend(more);
            }
            let mut blobs = log::pieces_to_retire(conn, relay.number, log)?;
            blobs.retain(|(_, blob)| !listed.contains(blob));
            Ok((envelopes, blobs))
        })?;
        let mut by_mailbox: BTreeMap<MailboxId, (Vec<EnvelopeId>, Vec<BlobId>)> = BTreeMap::new();
        for (mailbox, envelope) in envelopes {
            by_mailbox.entry(mailbox).or_default().0.push(envelope);
        }
        for (mailbox, blob) in blobs {
            by_mailbox.entry(mailbox).or_default().1.push(blob);
        }
        for (mailbox, (ids, blobs)) in by_mailbox {
            if !self.retire_in(mailbox, &ids, &blobs, brake)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn retire_in(
        &mut self,
        mailbox: MailboxId,
        ids: &[EnvelopeId],
        blobs: &[BlobId],
        brake: &Brake<'_>,
    ) -> Result<bool> {
        let most = limits::MAX_RETIRED;
        let mut ids = ids.chunks(most);
        let mut blobs = blobs.chunks(most);
        loop {
            let (some, more) = (ids.next(), blobs.next());
            if some.is_none() && more.is_none() {
                return Ok(true);
            }
            let retire = Retire {
                mailbox,
                ids: some.unwrap_or_default().to_vec(),
                blobs: more.unwrap_or_default().to_vec(),
            };
            let Some(token) = self.relay()?.token else {
                return Ok(true);
            };
            let request = HttpRequest {
                max_answer: MAX_RETIRED_ANSWER,
                ..post(&self.url, "/v1/retire", Some(&token), retire.to_canonical())
            };
            let Some(response) = self.send(request, brake)? else {
                return Ok(false);
            };
            if response.status != 200 || Retired::from_canonical(&response.body).is_err() {
                self.notice(NOT_RETIRED);
                return Ok(true);
            }
            self.keep(|tx, relay| {
                for id in &retire.ids {
                    log::set_retired(tx, relay.number, *id)?;
                }
                for blob in &retire.blobs {
                    log::set_piece_retired(tx, relay.number, *blob)?;
                }
                Ok(())
            })?;
        }
    }

    /// Removes the files of pieces that no snapshot lists, and of those that every relay holds: what they hold is in the
    /// database too.
    fn sweep(&mut self, log: i64, listed: &BTreeSet<BlobId>) -> Result<()> {
        let idle = self.open.store.read(|conn| {
            let relays = relays::numbers(conn)?;
            let mut idle = Vec::new();
            for blob in log::pieces(conn, log)? {
                if !listed.contains(&blob) || log::is_delivered_to_all(conn, &relays, blob)? {
                    idle.push(blob);
                }
            }
            Ok(idle)
        })?;
        let files = self.open.store.attachments();
        for blob in idle {
            if files.size(blob)?.is_some() {
                files.remove(blob)?;
            }
        }
        Ok(())
    }
}

/// The numbers of the snapshots that an acknowledged one replaces: it covers all that they cover, and their own place as well.
/// One made at the same time by another device covers more of somebody, is still served, and keeps its pieces. Beside them
/// the pieces that the others list.
fn sort_out(
    known: &[StoredSnapshot],
    newest: &StoredSnapshot,
    snapshot: &Snapshot,
) -> Result<(Vec<i64>, BTreeSet<BlobId>)> {
    let (mut replaced, mut listed) = (Vec::new(), BTreeSet::new());
    for stored in known {
        let one = Snapshot::read(&stored.manifest)?;
        let place = |(seq, _)| snapshot.last_of(&stored.author) >= seq;
        let goes = stored.number != newest.number
            && stored.place.is_some_and(place)
            && snapshot.covers_all_of(&one);
        match goes {
            true => replaced.push(stored.number),
            false => listed.extend(blobs(&one)),
        }
    }
    Ok((replaced, listed))
}
