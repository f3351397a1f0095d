//! What a sync does about snapshots once changes are exchanged: fetch pieces, publish one's own, acknowledge another's, and
//! let go of what an acknowledged one replaces.
//!
//! Every step is its own transaction and can be repeated: a kill between any two leaves a state in which the next sync goes
//! on. Nothing is retired before the snapshot that replaces it lies whole at the relay that is asked.

use super::super::attachments::Moved;
use super::super::brake::Brake;
use super::super::keyring::Keyring;
use super::super::steps;
use super::super::sync::Exchange;
use super::super::write;
use super::{PATIENCE_MS, SNAPSHOT_AFTER, load, make};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, Method};
use crate::record::change::{CHANGE_VERSION, Change};
use crate::record::snapshot::{PieceRef, Snapshot};
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::seal;
use crate::store::log::{self, Freed, StoredSnapshot};
use crate::store::snapshot as rows;
use crate::sync::blobs::BlobAddress;
use crate::sync::session::{REQUEST_TIMEOUT, bearer};
use carnet_wire::relay::{Retire, Retired};
use carnet_wire::{BlobId, Canonical, EnvelopeId, MailboxId, limits};
use rusqlite::Transaction;
use std::collections::{BTreeMap, BTreeSet};

const MISSING: &str = "a part of a snapshot has not arrived yet";
const FALSE: &str = "a snapshot is not what its maker said of it";
const NOT_RETIRED: &str = "the relay did not let go of what a snapshot replaced";
/// Longest answer to a retire request.
const MAX_RETIRED_ANSWER: usize = 1 << 10;

/// The logs of a vault that snapshots are made of: those of compartments with data.
pub(in crate::vault) fn data_logs(conn: &rusqlite::Connection) -> Result<Vec<i64>> {
    let logs = log::logs(conn)?.into_iter();
    let data = logs.filter(|log| ![ROSTER, DEVICES, KEYRING].contains(&log.name.as_str()));
    Ok(data.map(|log| log.number).collect())
}

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

impl Exchange<'_> {
    /// Everything about snapshots that this sync can do.
    pub(in crate::vault) fn keep_up(&mut self, brake: &Brake<'_>) -> Result<Upkeep> {
        let mut wrote = false;
        for log in self.open.store.read(data_logs)? {
            if !self.fetch_pieces(log, brake)? {
                return Ok(Upkeep::Stopped);
            }
            self.make_if_due(log)?;
            match self.publish(log, brake)? {
                None => return Ok(Upkeep::Stopped),
                Some(published) => wrote |= published,
            }
            wrote |= self.answer_snapshots(log)?;
            if !self.let_go(log, brake)? {
                return Ok(Upkeep::Stopped);
            }
            if brake.check(self.report.received)? {
                return Ok(Upkeep::Stopped);
            }
        }
        Ok(if wrote { Upkeep::Wrote } else { Upkeep::Done })
    }

    /// Fetches the pieces that are wanted, the most urgent first; `false` when the brake acted first.
    fn fetch_pieces(&mut self, log: i64, brake: &Brake<'_>) -> Result<bool> {
        for (snapshot, at) in self.wanted(log)? {
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
                    self.notice(FALSE);
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.take_piece(log, &snapshot, at, &sealed) {
                Ok(()) => {
                    self.report.received += 1;
                    self.retry.begin();
                }
                Err(error) if is_the_makers_fault(&error) => self.notice(FALSE),
                Err(error) => return Err(error),
            }
        }
        steps::finish_retries(self.open, &mut self.retry, brake, &mut self.report)
    }

    /// Wanted pieces with the manifests that name them, in order of priority.
    fn wanted(&self, log: i64) -> Result<Vec<(std::rc::Rc<Snapshot>, usize)>> {
        let (wanted, known) = self
            .open
            .store
            .read(|conn| Ok((log::wanted_pieces(conn, log)?, log::snapshots(conn, log)?)))?;
        let mut found = Vec::new();
        for stored in &known {
            let blobs: BTreeSet<BlobId> = wanted
                .iter()
                .filter(|(_, number)| *number == stored.number)
                .map(|(blob, _)| *blob)
                .collect();
            if blobs.is_empty() {
                continue;
            }
            let snapshot = std::rc::Rc::new(Snapshot::read(&stored.manifest)?);
            let here = snapshot.pieces.iter().enumerate();
            found.extend(
                here.filter(|(_, piece)| blobs.contains(&piece.blob))
                    .map(|(at, piece)| (piece.priority, snapshot.clone(), at)),
            );
        }
        found.sort_by_key(|(priority, _, _)| *priority);
        Ok(found
            .into_iter()
            .map(|(_, snapshot, at)| (snapshot, at))
            .collect())
    }

    /// The sealed bytes of a piece; `None` when the brake acted. They fit into memory: pieces are limited.
    fn download_piece(&mut self, piece: &PieceRef, brake: &Brake<'_>) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.piece_here(piece)? {
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
        Ok(Some(sealed))
    }

    /// A piece that a peer or a file brought.
    fn piece_here(&self, piece: &PieceRef) -> Result<Option<Vec<u8>>> {
        use std::io::Read;
        let files = self.open.store.attachments();
        if files.size(piece.blob)? != Some(piece.sealed_size) {
            return Ok(None);
        }
        let mut sealed = Vec::new();
        let file = files.open_file(piece.blob)?;
        file.take(piece.sealed_size).read_to_end(&mut sealed)?;
        Ok((BlobId::derive(&sealed) == piece.blob).then_some(sealed))
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

    fn take_piece(
        &mut self,
        log: i64,
        snapshot: &Snapshot,
        at: usize,
        sealed: &[u8],
    ) -> Result<()> {
        load::open_and_load(self.open, log, snapshot, at, sealed)
    }

    /// Makes a snapshot when enough was written since the last one.
    fn make_if_due(&mut self, log: i64) -> Result<()> {
        let due = self.open.store.read(|conn| {
            let known = log::snapshots(conn, log)?;
            let pending = known.iter().any(|stored| stored.place.is_none());
            let newest = known.last();
            let newest = newest.map(|stored| Snapshot::read(&stored.manifest));
            let newest = newest.transpose()?;
            let grown = log::tips(conn, log)?.iter().fold(0_u64, |grown, tip| {
                let had = newest.as_ref().map_or(0, |old| old.last_of(&tip.author));
                grown.saturating_add(tip.seq.saturating_sub(had))
            });
            Ok(!pending && grown >= SNAPSHOT_AFTER && !log::is_loading(conn, log)?)
        })?;
        if due && self.owns(log)? {
            make(self.open, log, self.now)?;
        }
        Ok(())
    }

    fn owns(&self, log: i64) -> Result<bool> {
        let keyring = self.open.keyring()?;
        let epoch = keyring.current_epoch(log)?;
        Ok(epoch.secrets.retire.is_some() && may_write(&keyring, log)?)
    }

    /// Uploads the pieces of this device's newest snapshot, and then puts its manifest into the chain: `Some(true)`. `None`
    /// when the brake acted.
    fn publish(&mut self, log: i64, brake: &Brake<'_>) -> Result<Option<bool>> {
        let known = self.open.store.read(|conn| log::snapshots(conn, log))?;
        let keyring = self.open.keyring()?;
        let own = |stored: &&StoredSnapshot| stored.author == keyring.author;
        let Some(stored) = known.iter().rev().find(own) else {
            return Ok(Some(false));
        };
        let snapshot = Snapshot::read(&stored.manifest)?;
        for piece in &snapshot.pieces {
            let relay = self.relay()?;
            let files = self.open.store.attachments();
            let here = files.size(piece.blob)?.is_some();
            let delivered = self
                .open
                .store
                .read(|conn| log::is_delivered(conn, relay.number, &piece.blob.0))?;
            if !here || delivered {
                continue;
            }
            let Some(address) = self.piece_address(piece)? else {
                return Ok(None);
            };
            match self.upload(&address, brake)? {
                Moved::Whole => {
                    self.keep(|tx, relay| log::set_delivered(tx, relay.number, &piece.blob.0))?
                }
                Moved::Stopped => return Ok(None),
                // Another process is at it, or it cannot be had now: the manifest waits for its pieces.
                Moved::Missing | Moved::Refused | Moved::Busy => return Ok(Some(false)),
            }
        }
        if stored.place.is_some() {
            return Ok(Some(false));
        }
        let (number, manifest) = (stored.number, stored.manifest.clone());
        self.open.write(|tx| {
            let keyring = self.open.keyring_in(tx)?;
            let (seq, id) = write::write_snapshot(tx, &keyring, log, &manifest)?;
            log::place_snapshot(tx, number, seq, id)
        })?;
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

    /// Lets go of what the newest acknowledged snapshot replaces: here, then at the relay.
    fn let_go(&mut self, log: i64, brake: &Brake<'_>) -> Result<bool> {
        let known = self.open.store.read(|conn| log::snapshots(conn, log))?;
        let Some(newest) = known
            .iter()
            .rev()
            .find(|stored| stored.acknowledged && stored.place.is_some())
        else {
            return Ok(true);
        };
        if self.open.store.read(|conn| log::is_loading(conn, log))? {
            return Ok(true);
        }
        let snapshot = Snapshot::read(&newest.manifest)?;
        if !newest.compacted {
            self.open
                .write(|tx| compact(tx, log, newest.number, &snapshot).map(drop))?;
        }
        let replaced = replaced(&known, newest, &snapshot)?;
        let listed = still_listed(&known, &replaced)?;
        if self.owns(log)? {
            if !self.retire(log, &snapshot, &listed, brake)? {
                return Ok(false);
            }
        }
        for (stored, before) in &replaced {
            self.open
                .write(|tx| log::drop_snapshot(tx, stored.number))?;
            self.remove_files(&before.pieces, &listed)?;
        }
        self.sweep(&snapshot)?;
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
            let mut blobs = log::pieces(conn, log)?;
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
                    log::drop_piece(tx, *blob)?;
                }
                Ok(())
            })?;
        }
    }

    /// Removes the files of pieces that a relay holds: what they hold is in the database too.
    fn sweep(&mut self, snapshot: &Snapshot) -> Result<()> {
        let relay = self.relay()?;
        let mut delivered = Vec::new();
        for piece in &snapshot.pieces {
            let there = self
                .open
                .store
                .read(|conn| log::is_delivered(conn, relay.number, &piece.blob.0))?;
            if there {
                delivered.push(piece.clone());
            }
        }
        self.remove_files(&delivered, &BTreeSet::new())
    }

    fn remove_files(&self, pieces: &[PieceRef], except: &BTreeSet<BlobId>) -> Result<()> {
        let files = self.open.store.attachments();
        for piece in pieces.iter().filter(|piece| !except.contains(&piece.blob)) {
            if files.size(piece.blob)?.is_some() {
                files.remove(piece.blob)?;
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
            listed.extend(snapshot.pieces.iter().map(|piece| piece.blob));
        }
    }
    Ok(listed)
}

/// Lets go of what a snapshot covers here: spent changes and the bytes of what was sent.
fn compact(tx: &Transaction<'_>, log: i64, number: i64, snapshot: &Snapshot) -> Result<Freed> {
    // What nobody has looked at yet is spent or kept before anything goes.
    while rows::classify(tx, log, super::CLASSIFY_STEP)? > 0 {}
    let mut freed = Freed::default();
    for cover in &snapshot.covers {
        let (seq, _) = log::position(tx, log, &cover.author)?;
        if seq < cover.last {
            return Err(Error::Bug("a snapshot covers what is not here"));
        }
        let some = log::compact(tx, log, &cover.author, cover.last)?;
        freed.changes += some.changes;
        freed.outbox += some.outbox;
        log::cover(tx, log, &cover.author, cover.last, cover.tip)?;
    }
    for shard in &snapshot.shards {
        rows::set_base(tx, log, shard.shard)?;
    }
    log::set_compacted(tx, number)?;
    Ok(freed)
}

fn may_write(keyring: &Keyring, log: i64) -> Result<bool> {
    let epoch = keyring.current_epoch(log)?;
    let roster = keyring.roster(epoch.record);
    Ok(roster.is_some_and(|roster| roster.may_write(keyring.author.device, epoch.compartment)))
}

/// Whether a piece was refused for what it says, and not because this device failed.
fn is_the_makers_fault(error: &Error) -> bool {
    matches!(
        error,
        Error::Invalid(_)
            | Error::TooLarge(_)
            | Error::Wire(_)
            | Error::Unsealable
            | Error::Unauthorised(_)
    )
}

/// Opens the sealed bytes of a piece.
pub(super) fn open_piece(piece: &PieceRef, sealed: &[u8]) -> Result<Vec<u8>> {
    let mut document = Vec::with_capacity(usize::try_from(piece.size).unwrap_or(0));
    let mut sealed = sealed;
    let size = seal::open_attachment(&piece.key, &mut sealed, &mut document)?;
    if size != piece.size {
        return Err(Error::Invalid("a piece has another length"));
    }
    Ok(document)
}
