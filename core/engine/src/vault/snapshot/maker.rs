//! What goes into a snapshot: pieces of earlier ones that can be listed again, and new ones, from one consistent state of the
//! database.

use super::super::brake::Brake;
use super::super::keyring::Keyring;
use super::super::open::Unlocked;
use super::super::{CompactReport, relays};
use super::make::Reuse;
use super::standing::newest_placed;
use super::{MAX_SMALL_PIECES, SMALL_PIECE_BYTES};
use crate::error::{Error, Result};
use crate::record::ids::ShardId;
use crate::record::snapshot::{
    Cover, KeptChange, MAX_PIECE_ITEMS, PIECE_TARGET_BYTES, PRIORITY_CURRENT, PRIORITY_EMERGENCY,
    PRIORITY_REST, Piece, PieceRef, Run, SNAPSHOT_VERSION, ShardHeads, Snapshot,
};
use crate::seal;
use crate::store::log::{self, Packed, StoredSnapshot};
use crate::store::snapshot::{self as rows, ShardRow};
use carnet_wire::{BlobId, Canonical, MailboxId};
use minicbor::bytes::ByteArray;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// A snapshot as it is made.
pub struct Made {
    /// The list.
    pub snapshot: Snapshot,
    /// Which changes lie in pieces made now.
    pub packed: Vec<(BlobId, Vec<Packed>)>,
    /// What was made and listed again.
    pub report: CompactReport,
    /// Whether everything is in a piece.
    pub whole: bool,
}

/// A piece of an earlier snapshot that can be listed again.
struct Earlier {
    /// Its runs are of the authors this snapshot covers. It is always listed with all it holds: by another's snapshot the same
    /// changes may lie in a piece of theirs, and one that holds more than its list says is refused (seed 16 of the simulation).
    piece: PieceRef,
    /// The documents it holds.
    shards: Vec<ShardHeads>,
    /// Whether that snapshot covered exactly what this one does: its making was stopped.
    same: bool,
}

/// Works on one consistent state of the database.
pub struct Maker<'a> {
    conn: &'a Connection,
    open: &'a Unlocked,
    brake: &'a Brake<'a>,
    log: i64,
    mailbox: MailboxId,
    covers: Vec<Cover>,
    /// Pieces, with the shards each holds.
    pieces: Vec<(PieceRef, Vec<ShardRow>)>,
    packed: Vec<(BlobId, Vec<Packed>)>,
    report: CompactReport,
    stopped: bool,
}

impl<'a> Maker<'a> {
    /// Makes a snapshot; none where nothing was written since the last one and nothing of it is `lost`.
    pub fn make(
        conn: &'a Connection,
        open: &'a Unlocked,
        keyring: &Keyring,
        log: i64,
        (reuse, lost): (Reuse, bool),
        brake: &'a Brake<'a>,
    ) -> Result<Option<Made>> {
        let covers: Vec<Cover> = log::tips(conn, log)?
            .into_iter()
            .map(|tip| Cover {
                author: tip.author,
                first: 1,
                last: tip.seq,
                tip: tip.id,
            })
            .collect();
        let known = log::snapshots(conn, log)?;
        let grown = lost || has_grown(&known, &covers)?;
        if covers.is_empty() || !grown {
            return Ok(None);
        }
        let mut maker = Maker {
            conn,
            open,
            brake,
            log,
            mailbox: keyring.current_epoch(log)?.mailbox,
            covers,
            pieces: Vec::new(),
            packed: Vec::new(),
            report: CompactReport::default(),
            stopped: false,
        };
        let there = maker.reusable(&known, reuse)?;
        maker.fill(&there)?;
        Ok(Some(maker.finish()?))
    }

    /// Pieces of the last snapshot, and of one whose making was stopped, that can be listed again.
    fn reusable(&self, known: &[StoredSnapshot], reuse: Reuse) -> Result<Vec<Earlier>> {
        let relays = match reuse {
            Reuse::Anywhere => relays::numbers(self.conn)?,
            Reuse::Here => Vec::new(),
        };
        let mut there = Vec::new();
        let mut listed = BTreeSet::new();
        let waiting = known.iter().filter(|stored| stored.place.is_none());
        for stored in newest_placed(known).into_iter().chain(waiting) {
            let before = Snapshot::read(&stored.manifest)?;
            for (at, piece) in (0_u32..).zip(&before.pieces) {
                // One that still has to be sent can only be sent to a mailbox that is in use: others get closed.
                let here = piece.mailbox == self.mailbox
                    && self.open.store.attachments().size(piece.blob)?.is_some();
                let kept = here || log::is_delivered_to_all(self.conn, &relays, piece.blob)?;
                let Some(holds) = self.runs_of(&before, piece)?.filter(|_| kept) else {
                    continue;
                };
                if listed.insert(piece.blob) {
                    let shards = before.shards.iter().filter(|shard| shard.piece == at);
                    there.push(Earlier {
                        piece: PieceRef {
                            holds,
                            ..piece.clone()
                        },
                        shards: shards.cloned().collect(),
                        same: before.covers == self.covers,
                    });
                }
            }
        }
        Ok(there)
    }

    /// What a piece of an earlier snapshot holds, as runs of the authors this one covers; none where this one covers less.
    fn runs_of(&self, before: &Snapshot, piece: &PieceRef) -> Result<Option<Vec<Run>>> {
        let mut runs = Vec::with_capacity(piece.holds.len());
        for run in &piece.holds {
            let author = before.author_of(run)?;
            let found = self
                .covers
                .binary_search_by(|cover| cover.author.cmp(&author));
            let covered = found.ok().filter(|at| {
                self.covers
                    .get(*at)
                    .is_some_and(|cover| cover.last >= run.last)
            });
            let Some(cover) = covered.and_then(|at| u32::try_from(at).ok()) else {
                return Ok(None);
            };
            runs.push(Run { cover, ..*run });
        }
        runs.sort_unstable_by_key(|run| (run.cover, run.first));
        Ok(Some(runs))
    }

    /// Whether to go on: the brake is asked before each piece. What was made is kept, whoever stopped it.
    fn goes_on(&mut self) -> Result<bool> {
        self.stopped |= match self.brake.check(self.report.made) {
            Err(Error::Cancelled) => true,
            late => late?,
        };
        Ok(!self.stopped)
    }

    fn fill(&mut self, there: &[Earlier]) -> Result<()> {
        let shards = rows::shards(self.conn, self.log)?;
        let kept = log::kept_changes(self.conn, self.log)?;
        let years = rows::years(self.conn, self.log)?;
        let newest = years
            .values()
            .copied()
            .chain(shards.iter().map(|shard| i64::from(shard.year)))
            .max()
            .unwrap_or_default();
        self.report.changes = self.covers.iter().map(|cover| cover.last).sum();
        let mut shards = self.reuse_shards(shards, there)?;
        let kept = self.reuse_changes(kept, there);
        let (profile, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut shards)
            .into_iter()
            .partition(|shard| shard.profile);
        self.emergency(profile, there, kept.is_empty())?;
        let (current, old): (Vec<_>, Vec<_>) = rest
            .into_iter()
            .partition(|shard| i64::from(shard.year) >= newest);
        self.add_shards(PRIORITY_CURRENT, current)?;
        self.add_shards(PRIORITY_REST, old)?;
        let year = |change: &Packed| years.get(&change.change).copied().unwrap_or(0);
        let (current, mut old): (Vec<_>, Vec<_>) =
            kept.into_iter().partition(|change| year(change) >= newest);
        old.sort_by_key(|change| std::cmp::Reverse(year(change)));
        self.add_changes(PRIORITY_CURRENT, current)?;
        self.add_changes(PRIORITY_REST, old)
    }

    /// Lists again the pieces whose documents have not moved; returns the documents that need a new one.
    fn reuse_shards(&mut self, shards: Vec<ShardRow>, there: &[Earlier]) -> Result<Vec<ShardRow>> {
        let mut open: BTreeMap<ShardId, ShardRow> =
            shards.into_iter().map(|row| (row.shard, row)).collect();
        for Earlier {
            piece,
            shards: listed,
            ..
        } in there
        {
            let same = listed.iter().all(|shard| {
                let row = open.get(&shard.shard);
                row.is_some_and(|row| row.heads == shard.concat() && !row.profile)
            });
            if same && !listed.is_empty() && piece.priority != PRIORITY_EMERGENCY {
                let rows = listed.iter().filter_map(|shard| open.remove(&shard.shard));
                let rows = rows.collect();
                self.list(piece, rows);
            }
        }
        // A document without heads holds only changes that wait; it is listed when something can be merged.
        Ok(open
            .into_values()
            .filter(|row| !row.heads.is_empty())
            .collect())
    }

    /// Lists again the pieces of changes; returns the changes that need a new one.
    fn reuse_changes(&mut self, kept: Vec<Packed>, there: &[Earlier]) -> Vec<Packed> {
        let of_changes = |piece: &PieceRef| !piece.holds.is_empty();
        let small = |piece: &PieceRef| piece.sealed_size < SMALL_PIECE_BYTES;
        let smalls = there
            .iter()
            .filter(|earlier| of_changes(&earlier.piece) && small(&earlier.piece));
        let merge_small = smalls.count() > MAX_SMALL_PIECES;
        let usable: BTreeMap<BlobId, &PieceRef> = there
            .iter()
            .map(|earlier| &earlier.piece)
            .filter(|piece| of_changes(piece) && !(merge_small && small(piece)))
            .map(|piece| (piece.blob, piece))
            .collect();
        let (mut listed, mut fresh) = (BTreeSet::new(), Vec::new());
        for change in kept {
            match change.piece.filter(|blob| usable.contains_key(blob)) {
                Some(blob) => drop(listed.insert(blob)),
                None => fresh.push(change),
            }
        }
        for piece in listed.iter().filter_map(|blob| usable.get(blob)) {
            self.list(piece, Vec::new());
        }
        fresh
    }

    fn list(&mut self, piece: &PieceRef, shards: Vec<ShardRow>) {
        self.report.reused += 1;
        self.report.bytes += piece.sealed_size;
        self.pieces.push((piece.clone(), shards));
    }

    /// What is wanted first: extracts of the changes that hold emergency data, and the person's profile.
    fn emergency(
        &mut self,
        profile: Vec<ShardRow>,
        there: &[Earlier],
        unchanged: bool,
    ) -> Result<()> {
        let heads = |listed: &[ShardHeads]| -> Vec<Vec<u8>> {
            listed.iter().map(ShardHeads::concat).collect()
        };
        let now: Vec<Vec<u8>> = profile.iter().map(|row| row.heads.clone()).collect();
        let old = there.iter().find(|earlier| {
            let same = earlier.same || unchanged && heads(&earlier.shards) == now;
            earlier.piece.priority == PRIORITY_EMERGENCY && same
        });
        if let Some(old) = old {
            self.list(&old.piece, profile);
            return Ok(());
        }
        let mut piece = Piece::default();
        for row in &profile {
            piece
                .shards
                .push(rows::saved_shard(self.conn, self.log, row.shard)?);
        }
        for (change, items) in rows::urgent(self.conn, self.log)? {
            if piece.weight() >= 2 * PIECE_TARGET_BYTES {
                break;
            }
            let whole = self.change(change)?;
            let extract = rows::extract(&whole.body, &items)?;
            piece.changes.push(KeptChange {
                extract: true,
                body: seal::pack_body(&extract.to_canonical())?.into(),
                ..whole
            });
        }
        if piece.shards.is_empty() && piece.changes.is_empty() {
            return Ok(());
        }
        self.seal(PRIORITY_EMERGENCY, piece, profile, &[])
    }

    fn change(&self, number: i64) -> Result<KeptChange> {
        let stored = log::change(self.conn, number)?.ok_or(Error::Corrupt("a change is gone"))?;
        Ok(KeptChange {
            extract: false,
            header: stored.header.into(),
            signature: stored.signature,
            body: stored.body.into(),
        })
    }

    fn add_shards(&mut self, priority: u8, shards: Vec<ShardRow>) -> Result<()> {
        for group in groups(shards, |row| row.bytes) {
            if !self.goes_on()? {
                return Ok(());
            }
            let mut piece = Piece::default();
            for row in &group {
                piece
                    .shards
                    .push(rows::saved_shard(self.conn, self.log, row.shard)?);
            }
            self.seal(priority, piece, group, &[])?;
        }
        Ok(())
    }

    fn add_changes(&mut self, priority: u8, changes: Vec<Packed>) -> Result<()> {
        for group in groups(changes, |change| change.weight) {
            if !self.goes_on()? {
                return Ok(());
            }
            let mut piece = Piece::default();
            for change in &group {
                piece.changes.push(self.change(change.change)?);
            }
            self.seal(priority, piece, Vec::new(), &group)?;
        }
        Ok(())
    }

    /// Seals a piece into a file beside the database: it is durable before anything names it.
    fn seal(
        &mut self,
        priority: u8,
        piece: Piece,
        shards: Vec<ShardRow>,
        changes: &[Packed],
    ) -> Result<()> {
        let key = seal::make_random::<32>()?;
        let document = seal::pack_body(&piece.write()?)?;
        let mut file = self.open.store.attachments().make_incoming()?;
        let sealed = seal::seal_attachment(&key, &mut document.as_slice(), &mut file)?;
        file.flush()?;
        file.finish()?;
        self.report.made += 1;
        self.report.bytes += sealed.sealed_size;
        self.report.new_bytes += sealed.sealed_size;
        let holds = self.runs(changes);
        self.packed.push((sealed.blob, changes.to_vec()));
        self.pieces.push((
            PieceRef {
                priority,
                mailbox: self.mailbox,
                blob: sealed.blob,
                key,
                size: sealed.size,
                sealed_size: sealed.sealed_size,
                holds,
            },
            shards,
        ));
        Ok(())
    }

    /// Changes as runs of their authors.
    fn runs(&self, changes: &[Packed]) -> Vec<Run> {
        let mut numbers: BTreeMap<u32, BTreeSet<u64>> = BTreeMap::new();
        for change in changes {
            let found = self
                .covers
                .binary_search_by(|cover| cover.author.cmp(&change.author));
            if let Ok(cover) = found {
                let cover = u32::try_from(cover).unwrap_or(u32::MAX);
                numbers.entry(cover).or_default().insert(change.seq);
            }
        }
        let mut runs: Vec<Run> = Vec::new();
        for (cover, seqs) in numbers {
            for seq in seqs {
                match runs.last_mut() {
                    Some(run) if run.cover == cover && run.last + 1 == seq => run.last = seq,
                    _ => runs.push(Run {
                        cover,
                        first: seq,
                        last: seq,
                    }),
                }
            }
        }
        runs
    }

    fn finish(mut self) -> Result<Made> {
        self.pieces.sort_by_key(|(piece, _)| piece.priority);
        let mut shards = Vec::new();
        let mut pieces = Vec::new();
        for (at, (piece, rows)) in (0_u32..).zip(self.pieces) {
            for row in rows {
                let (heads, _) = row.heads.as_chunks::<32>();
                shards.push(ShardHeads {
                    shard: row.shard,
                    piece: at,
                    heads: heads.iter().map(|head| ByteArray::from(*head)).collect(),
                });
            }
            pieces.push(piece);
        }
        shards.sort_unstable_by_key(|shard| shard.shard);
        self.report.pieces = pieces.len() as u64;
        Ok(Made {
            snapshot: Snapshot {
                version: SNAPSHOT_VERSION,
                lamport: log::lamport(self.conn, self.log)?,
                covers: self.covers,
                pieces,
                shards,
            },
            packed: self.packed,
            report: self.report,
            whole: !self.stopped,
        })
    }
}

/// Whether anything but the last snapshot itself was written since it was made.
fn has_grown(known: &[StoredSnapshot], covers: &[Cover]) -> Result<bool> {
    let newest = known.iter().rev().find(|stored| !stored.unfinished);
    let Some(newest) = newest else {
        return Ok(true);
    };
    let before = Snapshot::read(&newest.manifest)?;
    Ok(covers.iter().any(|cover| {
        let had = before.last_of(&cover.author);
        let own_place = newest.place.filter(|_| newest.author == cover.author);
        cover.last > had && own_place.is_none_or(|(seq, _)| cover.last > seq || seq > had + 1)
    }))
}

/// Cuts a list where a piece is full; what is larger than a piece is one by itself.
fn groups<T>(items: Vec<T>, weight: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    let mut full = usize::MAX;
    for item in items {
        let more = weight(&item);
        match groups.last_mut() {
            Some(group) if full + more <= PIECE_TARGET_BYTES && group.len() < MAX_PIECE_ITEMS => {
                full += more;
                group.push(item);
            }
            _ => {
                full = more;
                groups.push(vec![item]);
            }
        }
    }
    groups
}
