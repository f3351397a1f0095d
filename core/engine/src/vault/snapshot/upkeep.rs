//! What a sync does about snapshots once changes are exchanged: fetch pieces, see that the relay holds those of the newest
//! snapshot, publish one's own, acknowledge another's, and let go of what an acknowledged one replaces.
//!
//! Every step is its own transaction and can be repeated: a kill between any two leaves a state in which the next sync goes
//! on. Nothing is retired before the snapshot lies whole at the relay that is asked: its manifest listed, each piece sent,
//! fetched or asked for. A relay that lost a piece nobody has a file of gets a new snapshot.
//! Pieces are small, so they travel here and not with the platform's transfer service.

use super::super::attachments::Moved;
use super::super::brake::Brake;
use super::super::open::Unlocked;
use super::super::steps;
use super::super::sync::Exchange;
use super::super::{relays, write};
use super::make::{self, Making, Reuse, make};
use super::standing::{blobs, data_logs, is_whole_at, lacking_at, may_write, newest_placed, owns};
use super::{
    ASK_AGAIN_MS, CLASSIFY_AFTER, COMPACT_STEP, PAGES_STEP, PATIENCE_MS, SNAPSHOT_AFTER, load,
};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, Method};
use crate::record::change::{CHANGE_VERSION, Change};
use crate::record::snapshot::{PieceRef, Snapshot};
use crate::store::give_back;
use crate::store::log::{self, StoredSnapshot};
use crate::store::snapshot as rows;
use crate::sync::blobs::BlobAddress;
use crate::sync::session::{REQUEST_TIMEOUT, bearer};
use carnet_wire::relay::{Retire, Retired};
use carnet_wire::{BlobId, Canonical, EnvelopeId, MailboxId, limits};
use rusqlite::Transaction;
use std::collections::{BTreeMap, BTreeSet};

const MISSING: &str = "a part of a snapshot has not arrived yet";
const LOST: &str = "the relay lost a part of a snapshot: another is made";
const NOT_RETIRED: &str = "the relay did not let go of what a snapshot replaced";
/// Longest answer to a retire request.
const MAX_RETIRED_ANSWER: usize = 1 << 10;

/// How upkeep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vault) enum Upkeep {
    /// The brake acted.
    Stopped,
    /// Nothing more is to be sent.
    Done,
    /// Something new is in the outbox.
    Wrote,
}

/// Whether the relay holds what the newest snapshot lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// Every piece; or there is no snapshot.
    Whole,
    /// A piece is gone, and its file is not here.
    Lost,
    /// It could not be told now: another process is at it, or the relay has not opened a session.
    Unknown,
    /// The brake acted.
    Stopped,
}

impl Exchange<'_> {
    /// Everything about snapshots that this sync can do.
    pub(in crate::vault) fn keep_up(&mut self, brake: &Brake<'_>) -> Result<Upkeep> {
        let mut wrote = false;
        self.doubt_pieces()?;
        for log in self.open.store.read(data_logs)? {
            if !self.fetch_pieces(log, brake)? {
                return Ok(Upkeep::Stopped);
            }
            let held = self.look_after(log, brake)?;
            if held == Held::Stopped || !self.make_if_due(log, held == Held::Lost, brake)? {
                return Ok(Upkeep::Stopped);
            }
            match self.publish(log, brake)? {
                None => return Ok(Upkeep::Stopped),
                Some(published) => wrote |= published,
            }
            wrote |= self.answer_snapshots(log)?;
            if !self.let_go(log, brake)? || brake.check(self.report.received)? {
                return Ok(Upkeep::Stopped);
            }
        }
        Ok(if wrote { Upkeep::Wrote } else { Upkeep::Done })
    }

    /// Has the relay asked again, now and then, whether it still holds the pieces: one that lost some does not say so, and who
    /// comes new cannot tell those who could help.
    fn doubt_pieces(&mut self) -> Result<()> {
        let relay = self.relay()?.number;
        let asked = self
            .open
            .store
            .read(|conn| log::pieces_asked(conn, relay))?;
        let now = self.now;
        let some = self.open.store.read(log::has_snapshots)?;
        // A clock that was put back makes it due.
        if some && !(asked..asked.saturating_add(ASK_AGAIN_MS)).contains(&now) {
            self.keep(|tx, relay| log::doubt_pieces(tx, relay.number, now))?;
        }
        Ok(())
    }

    /// Fetches the pieces that are wanted, the most urgent first; `false` when the brake acted first.
    fn fetch_pieces(&mut self, log: i64, brake: &Brake<'_>) -> Result<bool> {
        for (snapshot, at) in self.open.store.read(|conn| load::wanted(conn, log))? {
            let Some(piece) = snapshot.pieces.get(at) else {
                continue;
            };
            let sealed = match self.download_piece(piece, brake) {
                Ok(Some(sealed)) => sealed,
                Ok(None) => return Ok(false),
                Err(Error::NotFound(_)) => {
                    self.notice(MISSING);
                    continue;
                }
                Err(Error::Invalid(_) | Error::Garbled(_)) => {
                    self.notice(load::FALSE);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if load::open_and_load(self.open, log, &snapshot, at, &sealed, &mut self.report)? {
                self.retry.begin();
            }
        }
        steps::finish_retries(self.open, &mut self.retry, brake, &mut self.report)
    }

    /// The sealed bytes of a piece; `None` when the brake acted. They fit into memory: pieces are limited.
    fn download_piece(&mut self, piece: &PieceRef, brake: &Brake<'_>) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = load::bytes_here(self.open, piece)? {
            return Ok(Some(bytes));
        }
        let Some(address) = self.piece_address(piece)? else {
            return Ok(None);
        };
        let mut sealed = Vec::new();
        while (sealed.len() as u64) < piece.sealed_size {
            if brake.check(self.report.received)? {
                return Ok(None);
            }
            let offset = sealed.len() as u64;
            let Some(response) = self.send(address.next(offset), brake)? else {
                return Ok(None);
            };
            if response.status == 404 {
                return Err(Error::NotFound("a piece of a snapshot"));
            }
            sealed.extend(address.part(offset, response)?);
        }
        if BlobId::derive(&sealed) != piece.blob {
            return Err(Error::Invalid("the relay sent another piece"));
        }
        self.keep(|tx, relay| log::set_delivered(tx, relay.number, &piece.blob.0))?;
        Ok(Some(sealed))
    }

    fn piece_address(&self, piece: &PieceRef) -> Result<Option<BlobAddress>> {
        Ok(self.relay()?.token.map(|token| BlobAddress {
            relay: self.url.clone(),
            token,
            mailbox: piece.mailbox,
            blob: piece.blob,
            length: piece.sealed_size,
        }))
    }

    /// Sees that the relay holds the pieces of the newest snapshot, whoever made it: sends those whose files are here, asks for
    /// the others.
    fn look_after(&mut self, log: i64, brake: &Brake<'_>) -> Result<Held> {
        let known = self.open.store.read(|conn| log::snapshots(conn, log))?;
        let loading = self.open.store.read(|conn| log::is_loading(conn, log))?;
        match newest_placed(&known).filter(|_| !loading) {
            Some(newest) => self.deliver(&Snapshot::read(&newest.manifest)?, brake),
            None => Ok(Held::Whole),
        }
    }

    fn deliver(&mut self, snapshot: &Snapshot, brake: &Brake<'_>) -> Result<Held> {
        let relay = self.relay()?.number;
        let lacking = |conn: &rusqlite::Connection| lacking_at(conn, relay, snapshot);
        let mut held = Held::Whole;
        for at in self.open.store.read(lacking)? {
            let Some(piece) = snapshot.pieces.get(at) else {
                continue;
            };
            let Some(address) = self.piece_address(piece)? else {
                return Ok(Held::Unknown);
            };
            if brake.check(self.report.received)? {
                return Ok(Held::Stopped);
            }
            let here = self.open.store.attachments().size(piece.blob)?.is_some();
            let moved = match here {
                true => self.upload(&address, brake)?,
                false => self.ask_for(&address, brake)?,
            };
            match moved {
                Moved::Whole => {
                    self.keep(|tx, relay| log::set_delivered(tx, relay.number, &piece.blob.0))?;
                }
                Moved::Missing => held = Held::Lost,
                Moved::Stopped => return Ok(Held::Stopped),
                Moved::Refused | Moved::Busy => return Ok(Held::Unknown),
            }
        }
        Ok(held)
    }

    /// Whether the relay holds a whole blob.
    fn ask_for(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<Moved> {
        let Some(answer) = self.send(address.ask(), brake)? else {
            return Ok(Moved::Stopped);
        };
        Ok(match address.held(&answer)? {
            held if held == address.length => Moved::Whole,
            _ => Moved::Missing,
        })
    }

    /// Makes a snapshot when enough was written since the last one, or a part of that one is lost; `false` when the brake acted
    /// first.
    fn make_if_due(&mut self, log: i64, lost: bool, brake: &Brake<'_>) -> Result<bool> {
        let (due, unseen) = self.open.store.read(|conn| {
            let known = log::snapshots(conn, log)?;
            let pending = |stored: &StoredSnapshot| stored.place.is_none() && !stored.unfinished;
            let due = (lost || grown(conn, log, &known)? >= SNAPSHOT_AFTER)
                && !known.iter().any(pending)
                && !log::is_loading(conn, log)?;
            Ok((due, log::unclassified(conn, log, CLASSIFY_AFTER)?))
        })?;
        // Looked at now, a snapshot that comes is compared with little work.
        if unseen >= CLASSIFY_AFTER && !make::classify(self.open, log, brake)? {
            return Ok(false);
        }
        if !due || !owns(&*self.open.keyring()?, log)? {
            return Ok(true);
        }
        if lost {
            self.notice(LOST);
        }
        let making = make(self.open, log, (Reuse::Anywhere, lost), self.now, brake)?;
        // An observer that said stop is told that it was heard.
        Ok(making != Making::Stopped || !brake.check(self.report.received)?)
    }

    /// Uploads the pieces of this device's newest snapshot, and then puts its manifest into the chain: `Some(true)`. `None`
    /// when the brake acted.
    fn publish(&mut self, log: i64, brake: &Brake<'_>) -> Result<Option<bool>> {
        let known = self.open.store.read(|conn| log::snapshots(conn, log))?;
        let waiting = |stored: &&StoredSnapshot| stored.place.is_none() && !stored.unfinished;
        let Some(stored) = known.iter().rev().find(waiting) else {
            return Ok(Some(false));
        };
        match self.deliver(&Snapshot::read(&stored.manifest)?, brake)? {
            Held::Whole => {}
            Held::Stopped => return Ok(None),
            Held::Unknown => return Ok(Some(false)),
            // Its files are gone: the next sync makes another.
            Held::Lost => {
                let number = stored.number;
                self.open.write(|tx| log::drop_snapshot(tx, number))?;
                return Ok(Some(false));
            }
        }
        place(self.open, log, stored)?;
        Ok(Some(true))
    }

    /// Acknowledges what others' devices made and this one has, with one empty change; whether one was written.
    fn answer_snapshots(&mut self, log: i64) -> Result<bool> {
        let now = self.now;
        let device = self.open.keyring()?.author.device;
        // A sync that has nothing to say writes nothing.
        let pending = self.open.store.read(|conn| {
            let known = log::snapshots(conn, log)?;
            Ok(known.iter().any(|stored| {
                let waits = stored.place.is_some() && !stored.acknowledged;
                let late = stored.noticed == 0 || now - stored.noticed >= PATIENCE_MS;
                waits && (late || stored.author.device != device)
            }))
        })?;
        if !pending {
            return Ok(false);
        }
        self.open.write(|tx| {
            let keyring = self.open.keyring_in(tx)?;
            let mut answer = false;
            for stored in log::snapshots(tx, log)? {
                let Some((seq, _)) = stored.place.filter(|_| !stored.acknowledged) else {
                    continue;
                };
                if stored.noticed == 0 {
                    log::notice_snapshot(tx, stored.number, now)?;
                } else if now - stored.noticed >= PATIENCE_MS {
                    log::acknowledge_snapshot(tx, stored.number)?;
                }
                // Only what is in the chain here, whole, and another device's.
                let merged = log::whole(tx, log, &stored.author)? >= seq;
                answer |= merged && stored.author.device != keyring.author.device;
            }
            if answer && !log::is_loading(tx, log)? && may_write(&keyring, log)? {
                let empty = Change {
                    version: CHANGE_VERSION,
                    recorded_at: now,
                    origins: Vec::new(),
                    items: Vec::new(),
                    bodies: Vec::new(),
                };
                write::write_change(tx, &keyring, log, &empty, None)?;
                return Ok(true);
            }
            Ok(false)
        })
    }

    /// Lets go of what the newest acknowledged snapshot replaces: here, then at the relay. `false` when the brake acted.
    fn let_go(&mut self, log: i64, brake: &Brake<'_>) -> Result<bool> {
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
        let replaced = replaced(&known, newest, &snapshot)?;
        let listed = still_listed(&known, &replaced)?;
        let relay = self.relay()?.number;
        let whole = |conn: &rusqlite::Connection| is_whole_at(conn, relay, newest, &snapshot);
        if self.open.store.read(whole)? && owns(&*self.open.keyring()?, log)? {
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
        for (stored, _) in &replaced {
            self.open
                .write(|tx| log::drop_snapshot(tx, stored.number))?;
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
                let freed = self.open.write(step)?;
                if brake.check(self.report.received)? {
                    return Ok(false);
                }
                if !freed.more {
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
                method: Method::Post,
                url: format!("{}/v1/retire", self.url),
                headers: vec![
                    ("content-type", "application/cbor".to_owned()),
                    ("authorization", bearer(&token)),
                ],
                body: retire.to_canonical(),
                max_answer: MAX_RETIRED_ANSWER,
                timeout: REQUEST_TIMEOUT,
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

/// The snapshots that an acknowledged one replaces: it covers all that they cover, and their own place as well. One made
/// at the same time by another device covers more of somebody, is still served, and keeps its pieces.
fn replaced<'k>(
    known: &'k [StoredSnapshot],
    newest: &StoredSnapshot,
    snapshot: &Snapshot,
) -> Result<Vec<(&'k StoredSnapshot, Snapshot)>> {
    let mut replaced = Vec::new();
    for stored in known.iter().filter(|stored| stored.number != newest.number) {
        let Some((seq, _)) = stored.place else {
            continue;
        };
        let before = Snapshot::read(&stored.manifest)?;
        let mut covers = before.covers.iter();
        let all = covers.all(|cover| snapshot.last_of(&cover.author) >= cover.last);
        if all && snapshot.last_of(&stored.author) >= seq {
            replaced.push((stored, before));
        }
    }
    Ok(replaced)
}

/// Pieces that a snapshot lists which is not replaced.
fn still_listed(
    known: &[StoredSnapshot],
    replaced: &[(&StoredSnapshot, Snapshot)],
) -> Result<BTreeSet<BlobId>> {
    let mut listed = BTreeSet::new();
    for stored in known {
        if !replaced.iter().any(|(old, _)| old.number == stored.number) {
            let snapshot = Snapshot::read(&stored.manifest)?;
            listed.extend(blobs(&snapshot));
        }
    }
    Ok(listed)
}

/// Puts a manifest into this device's chain.
pub fn place(open: &Unlocked, log: i64, stored: &StoredSnapshot) -> Result<()> {
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let (seq, id) = write::write_snapshot(tx, &keyring, log, &stored.manifest)?;
        log::place_snapshot(tx, stored.number, seq, id)
    })
}

/// How many changes were merged since the newest finished snapshot.
fn grown(conn: &rusqlite::Connection, log: i64, known: &[StoredSnapshot]) -> Result<u64> {
    let newest = known.iter().rev().find(|stored| !stored.unfinished);
    let newest = newest.map(|stored| Snapshot::read(&stored.manifest));
    let newest = newest.transpose()?;
    Ok(log::tips(conn, log)?.iter().fold(0, |grown, tip| {
        let had = newest.as_ref().map_or(0, |old| old.last_of(&tip.author));
        grown.saturating_add(tip.seq.saturating_sub(had))
    }))
}
