//! Taking a snapshot in: judged against what is here, and where something lacks, its pieces merged one by one.
//!
//! A snapshot asserts other people's history, so only one by an owner's device gets here (the caller checks), and still
//! nothing is believed that can be checked: chains must agree where both know them, changes carry their authors'
//! signatures, documents go through the caps of a single change.

use super::super::brake::Brake;
use super::super::keyring::Keyring;
use super::super::merge::{self, MAX_LAMPORT, MAX_LAMPORT_LEAP, Unprojected};
use super::super::open::Unlocked;
use super::super::{SyncReport, paths, steps};
use super::standing::data_logs;
use crate::error::{Error, Result};
use crate::record::patient::{Actor, derive_actor};
use crate::record::snapshot::{
    KeptChange, PRIORITY_EMERGENCY, Piece, PieceRef, SNAPSHOT_VERSION, ShardHeads, Snapshot,
};
use crate::seal;
use crate::store::log::{self, HeldFor, KEPT, NewSnapshot, SPENT, StoredChange};
use crate::store::snapshot as rows;
use carnet_wire::{Author, BlobId, ChangeId, Header, kind, signed_bytes};
use rusqlite::{Connection, Transaction};
use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::rc::Rc;

/// What is said of a piece that does not hold what its maker listed.
pub const FALSE: &str = "a snapshot is not what its maker said of it";

/// What is to become of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is noted, and may be merged.
    Fits,
    /// It may not be merged.
    Held(HeldFor),
    /// It covers changes of this very life of this device that are not here: only a restored copy meets one. The device has
    /// to begin another life before it can take it in.
    Copied,
}

/// Judges a snapshot by an owner's device: notes it, and jumps where it is ahead.
pub fn judge(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    header: &Header,
    id: ChangeId,
    body: &[u8],
) -> Result<Judgement> {
    if log::snapshot_of(tx, id)?.is_some() {
        return Ok(Judgement::Fits);
    }
    let Ok(payload) = seal::unpack_body(body) else {
        return Ok(Judgement::Held(HeldFor::Refused));
    };
    if merge::version_of(&payload).is_some_and(|version| version > SNAPSHOT_VERSION) {
        return Ok(Judgement::Held(HeldFor::Unknown));
    }
    let Ok(snapshot) = Snapshot::read(&payload) else {
        return Ok(Judgement::Held(HeldFor::Refused));
    };
    let in_order = snapshot.lamport < header.lamport
        && snapshot.lamport <= MAX_LAMPORT
        && snapshot.last_of(&header.author) < header.seq;
    // Rosters and accounts are folded from every operation: nothing stands for them.
    if !in_order || !data_logs(tx)?.contains(&log) {
        return Ok(Judgement::Held(HeldFor::Refused));
    }
    if snapshot.lamport > log::lamport(tx, log)?.saturating_add(MAX_LAMPORT_LEAP) {
        return Ok(Judgement::Held(HeldFor::Gap));
    }
    let standing = compare_chains(tx, log, &snapshot)?;
    match &standing {
        Standing::Contradicts => return Ok(Judgement::Held(HeldFor::Fork)),
        Standing::Lacks(_) if is_copy(tx, keyring, log, &snapshot)? => {
            return Ok(Judgement::Copied);
        }
        Standing::HasAll if !is_true(tx, log, &snapshot)? => {
            return Ok(Judgement::Held(HeldFor::Refused));
        }
        _ => {}
    }
    let new = NewSnapshot {
        author: &header.author,
        place: Some((header.seq, id)),
        lamport: snapshot.lamport,
        noticed: 0,
        unfinished: false,
        manifest: &payload,
    };
    let number = log::put_snapshot(tx, log, &new)?;
    match standing {
        Standing::Lacks(authors) => jump(tx, log, number, &snapshot, &authors)?,
        _ => note_pieces(tx, log, number, &snapshot)?,
    }
    Ok(Judgement::Fits)
}

/// Whether it covers changes of this life of this device that are not here.
fn is_copy(conn: &Connection, keyring: &Keyring, log: i64, snapshot: &Snapshot) -> Result<bool> {
    let (own, _) = log::position(conn, log, &keyring.author)?;
    Ok(own < snapshot.last_of(&keyring.author))
}

enum Standing {
    /// Everything it covers is here.
    HasAll,
    /// Some chains are shorter here, or pieces of an earlier snapshot that bring them have not come.
    Lacks(BTreeSet<Author>),
    /// It names another change where this device has one.
    Contradicts,
}

fn compare_chains(conn: &Connection, log: i64, snapshot: &Snapshot) -> Result<Standing> {
    let covered = log::covered_chains(conn, log)?;
    let loading = log::is_loading(conn, log)?;
    let mut lacks = BTreeSet::new();
    for cover in &snapshot.covers {
        if loading && log::whole(conn, log, &cover.author)? < cover.last {
            lacks.insert(cover.author);
        }
        let (seq, tip) = log::position(conn, log, &cover.author)?;
        let here = match seq.cmp(&cover.last) {
            std::cmp::Ordering::Less => {
                lacks.insert(cover.author);
                continue;
            }
            std::cmp::Ordering::Equal => Some(tip),
            std::cmp::Ordering::Greater => {
                let known = covered
                    .iter()
                    .find(|chain| chain.author == cover.author && chain.covered == cover.last)
                    .map(|chain| chain.tip);
                let row = log::change_at(conn, log, &cover.author, cover.last)?;
                row.map(|(_, id)| id).or(known)
            }
        };
        if here.is_some_and(|here| here != cover.tip) {
            return Ok(Standing::Contradicts);
        }
    }
    Ok(if lacks.is_empty() {
        Standing::HasAll
    } else {
        Standing::Lacks(lacks)
    })
}

/// Whether a snapshot of what is all here holds what it says: every covered change is in a piece or spent, and every
/// covered edit is in the past of the heads it names.
fn is_true(conn: &Connection, log: i64, snapshot: &Snapshot) -> Result<bool> {
    // What a later snapshot let go of cannot be compared any more; whoever acknowledged that one did.
    let older = log::covered_chains(conn, log)?
        .iter()
        .any(|chain| chain.covered > snapshot.last_of(&chain.author));
    if older || log::is_loading(conn, log)? {
        return Ok(true);
    }
    let mut listed: HashSet<(Author, u64)> = HashSet::new();
    for piece in &snapshot.pieces {
        for run in &piece.holds {
            let cover = snapshot.covers.get(run.cover as usize);
            let author = cover.ok_or(Error::Bug("a run was not checked"))?.author;
            // A run may be as long as a chain: only what is here is looked for.
            let here = log::numbers_in(conn, log, &author, run.first, run.last)?;
            listed.extend(here.into_iter().map(|seq| (author, seq)));
        }
    }
    let mut later: HashSet<[u8; 32]> = HashSet::new();
    let mut whole = true;
    log::each_body(conn, log, |change| {
        let covered = change.seq <= snapshot.last_of(&change.author);
        // Most changes have been looked at before: of those not even the body is read.
        if covered && (change.class == SPENT || listed.contains(&(change.author, change.seq))) {
            return Ok(());
        }
        if covered && change.class == KEPT {
            whole = false;
            return Ok(());
        }
        match rows::edits_of(&change.body()?)? {
            Some(edits) if !covered => later.extend(edits.into_iter().filter_map(|(_, hash)| hash)),
            None if covered => whole = false,
            _ => {}
        }
        Ok(())
    })?;
    Ok(whole && documents_agree(conn, log, snapshot, &later)?)
}

fn documents_agree(
    conn: &Connection,
    log: i64,
    snapshot: &Snapshot,
    later: &HashSet<[u8; 32]>,
) -> Result<bool> {
    let mut named: BTreeSet<_> = BTreeSet::new();
    for shard in &snapshot.shards {
        named.insert(shard.shard);
        let here = rows::heads(conn, log, shard.shard)?;
        if here.as_ref() == Some(&shard.concat()) {
            continue;
        }
        let beyond = rows::beyond(conn, log, shard.shard, &heads_of(shard))?;
        if !beyond.is_some_and(|beyond| beyond.is_subset(later)) {
            return Ok(false);
        }
    }
    for row in rows::shards(conn, log)? {
        if named.contains(&row.shard) || row.heads.is_empty() {
            continue;
        }
        let all = rows::beyond(conn, log, row.shard, &[])?;
        if !all.is_some_and(|all| all.is_subset(later)) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn heads_of(shard: &ShardHeads) -> Vec<[u8; 32]> {
    shard.heads.iter().map(|head| **head).collect()
}

fn note_pieces(conn: &Connection, log: i64, number: i64, snapshot: &Snapshot) -> Result<()> {
    for piece in &snapshot.pieces {
        log::put_piece(conn, log, number, piece.mailbox, piece.blob, false)?;
        note_runs(conn, log, snapshot, piece)?;
    }
    Ok(())
}

fn note_runs(conn: &Connection, log: i64, snapshot: &Snapshot, piece: &PieceRef) -> Result<()> {
    for run in &piece.holds {
        if let Some(cover) = snapshot.covers.get(run.cover as usize) {
            log::set_piece(conn, log, &cover.author, (run.first, run.last), piece.blob)?;
        }
    }
    Ok(())
}

/// Goes on behind what the snapshot covers, and asks for the pieces that bring it.
fn jump(
    conn: &Connection,
    log: i64,
    number: i64,
    snapshot: &Snapshot,
    lacks: &BTreeSet<Author>,
) -> Result<()> {
    give_up_older(conn, log, snapshot)?;
    for piece in (0_u32..).zip(&snapshot.pieces) {
        let wanted = is_wanted(conn, log, snapshot, piece)?;
        log::put_piece(conn, log, number, piece.1.mailbox, piece.1.blob, wanted)?;
        note_runs(conn, log, snapshot, piece.1)?;
    }
    for cover in &snapshot.covers {
        if lacks.contains(&cover.author) {
            log::cover(conn, log, &cover.author, cover.last, cover.tip)?;
        }
    }
    log::raise_lamport(conn, log, snapshot.lamport)?;
    if !log::is_loading(conn, log)? {
        log::complete_chains(conn, log)?;
    }
    Ok(())
}

/// Pieces of an older snapshot that this one replaces may be retired any day: they are not waited for.
fn give_up_older(conn: &Connection, log: i64, snapshot: &Snapshot) -> Result<()> {
    let listed: BTreeSet<_> = snapshot.pieces.iter().map(|piece| piece.blob).collect();
    let known = log::snapshots(conn, log)?;
    for (blob, number) in log::wanted_pieces(conn, log)? {
        let Some(old) = known.iter().find(|stored| stored.number == number) else {
            continue;
        };
        let old = Snapshot::read(&old.manifest)?;
        let mut covers = old.covers.iter();
        let replaced = covers.all(|cover| snapshot.last_of(&cover.author) >= cover.last);
        if replaced && !listed.contains(&blob) {
            log::set_fetched(conn, blob)?;
        }
    }
    Ok(())
}

fn is_wanted(
    conn: &Connection,
    log: i64,
    snapshot: &Snapshot,
    (at, piece): (u32, &PieceRef),
) -> Result<bool> {
    if piece.priority == PRIORITY_EMERGENCY {
        return Ok(true);
    }
    for run in &piece.holds {
        let cover = snapshot.covers.get(run.cover as usize);
        let author = cover.ok_or(Error::Bug("a run was not checked"))?.author;
        if !log::has_whole(conn, log, &author, run.first, run.last)? {
            return Ok(true);
        }
    }
    for shard in snapshot.shards.iter().filter(|shard| shard.piece == at) {
        let same = rows::heads(conn, log, shard.shard)?.as_ref() == Some(&shard.concat());
        if !same && rows::beyond(conn, log, shard.shard, &heads_of(shard))?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Merges an opened piece, in the caller's transaction: all of it or an error.
pub fn load_piece(
    tx: &Transaction<'_>,
    log: i64,
    snapshot: &Snapshot,
    at: usize,
    document: &[u8],
) -> Result<()> {
    let listed = snapshot
        .pieces
        .get(at)
        .ok_or(Error::Bug("a piece of another snapshot"))?;
    let piece = Piece::read(&seal::unpack_body(document)?)?;
    let mut unprojected = Unprojected::default();
    for kept in piece.changes {
        load_change(tx, log, snapshot, listed, kept, &mut unprojected)?;
    }
    unprojected.project(tx)?;
    let writers: BTreeSet<Actor> = snapshot
        .covers
        .iter()
        .map(|cover| derive_actor(&cover.author))
        .collect();
    let expected = || {
        let here = snapshot.shards.iter();
        here.filter(|shard| shard.piece as usize == at)
    };
    if piece.shards.len() != expected().count() {
        return Err(OTHER);
    }
    for saved in &piece.shards {
        let heads = expected()
            .find(|shard| shard.shard == saved.shard)
            .ok_or(OTHER)?;
        rows::absorb(tx, log, saved, &heads.concat(), &writers)?;
    }
    for run in &listed.holds {
        let cover = snapshot.covers.get(run.cover as usize).ok_or(OTHER)?;
        if !log::has_whole(tx, log, &cover.author, run.first, run.last)? {
            return Err(OTHER);
        }
    }
    log::set_fetched(tx, listed.blob)
}

const OTHER: Error = Error::Invalid("a piece of a snapshot is not what its list says");

fn load_change(
    tx: &Transaction<'_>,
    log: i64,
    snapshot: &Snapshot,
    listed: &PieceRef,
    kept: KeptChange,
    unprojected: &mut Unprojected,
) -> Result<()> {
    let header = check_change(tx, log, snapshot, listed, &kept)?;
    let id = ChangeId::derive(&kept.header);
    match log::is_extract(tx, id)? {
        Some(false) => return Ok(()),
        Some(true) if kept.extract => return Ok(()),
        Some(true) => {}
        // Another change at this place is a fork: one of the two was signed twice.
        None if log::change_at(tx, log, &header.author, header.seq)?.is_some() => {
            return Err(OTHER);
        }
        None => {}
    }
    let change = merge::read_change(&kept.body).map_err(|_| OTHER)?;
    let stored = StoredChange {
        number: 0,
        log,
        id,
        header: kept.header.into(),
        signature: kept.signature,
        body: kept.body.into(),
    };
    let piece = (!kept.extract).then_some(listed.blob);
    let number = log::adopt(tx, log, &header, &stored, kept.extract, piece)?;
    unprojected.add_change(tx, log, number, header.author, change)
}

/// A change of a piece is what its author signed, in this compartment, at a place the snapshot covers and lists.
fn check_change(
    conn: &Connection,
    log: i64,
    snapshot: &Snapshot,
    listed: &PieceRef,
    kept: &KeptChange,
) -> Result<Header> {
    let header = Header::from_bytes(&kept.header)?;
    let here = log::log_of(conn, header.record, header.compartment)?;
    let in_place = here.is_some_and(|found| found.number == log)
        && header.kind == kind::CHANGE
        && header.lamport <= snapshot.lamport
        && header.seq <= snapshot.last_of(&header.author);
    let in_list = kept.extract
        || listed.holds.iter().any(|run| {
            let cover = snapshot.covers.get(run.cover as usize);
            cover.is_some_and(|cover| cover.author == header.author)
                && (run.first..=run.last).contains(&header.seq)
        });
    let whole = kept.extract || *blake3::hash(&kept.body).as_bytes() == header.body_hash;
    if !in_place || !in_list || !whole {
        return Err(OTHER);
    }
    seal::verify(
        header.author.device,
        &signed_bytes(&kept.header),
        &kept.signature,
    )?;
    Ok(header)
}

/// What follows when the last piece of a log is here: its chains are whole, and changes that came meanwhile are applied
/// again, because what they build on may have been missing.
pub fn complete(tx: &Transaction<'_>, log: i64) -> Result<()> {
    if log::is_loading(tx, log)? {
        return Ok(());
    }
    log::complete_chains(tx, log)?;
    let mut unprojected = Unprojected::default();
    for (number, author) in log::recent(tx, log)? {
        let stored = log::change(tx, number)?.ok_or(Error::Corrupt("a change is gone"))?;
        if let Ok(change) = merge::read_change(&stored.body) {
            unprojected.add_change(tx, log, number, author, change)?;
        }
    }
    unprojected.project(tx)
}

/// Merges the wanted pieces whose bytes are here, the most urgent first, each in a transaction of its own; returns how many.
/// One that is not what its maker said of it is told and left.
pub fn take_in(open: &Unlocked, brake: &Brake<'_>, report: &mut SyncReport) -> Result<u64> {
    let mut count = 0;
    for log in open.store.read(data_logs)? {
        for (snapshot, at) in open.store.read(|conn| wanted(conn, log))? {
            let Some(piece) = snapshot.pieces.get(at) else {
                continue;
            };
            let Some(sealed) = bytes_here(open, piece)? else {
                continue;
            };
            if brake.check(report.sent + report.received)? {
                return Ok(count);
            }
            if open_and_load(open, log, &snapshot, at, &sealed, report)? {
                count += 1;
            }
        }
    }
    Ok(count)
}

/// The sealed bytes of a piece that a peer or a file brought, or that was made here.
pub fn bytes_here(open: &Unlocked, piece: &PieceRef) -> Result<Option<Vec<u8>>> {
    let files = open.store.attachments();
    if files.size(piece.blob)? != Some(piece.sealed_size) {
        return Ok(None);
    }
    let mut sealed = Vec::new();
    let file = files.open_file(piece.blob)?;
    file.take(piece.sealed_size).read_to_end(&mut sealed)?;
    Ok((BlobId::derive(&sealed) == piece.blob).then_some(sealed))
}

/// Wanted pieces with the manifests that name them, in order of priority.
pub fn wanted(conn: &Connection, log: i64) -> Result<Vec<(Rc<Snapshot>, usize)>> {
    let wanted = log::wanted_pieces(conn, log)?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for stored in log::snapshots(conn, log)? {
        let named = wanted.iter().filter(|(_, number)| *number == stored.number);
        let blobs: BTreeSet<BlobId> = named.map(|(blob, _)| *blob).collect();
        if blobs.is_empty() {
            continue;
        }
        let snapshot = Rc::new(Snapshot::read(&stored.manifest)?);
        let pieces = snapshot.pieces.iter().enumerate();
        let pieces = pieces.filter(|(_, piece)| blobs.contains(&piece.blob));
        found.extend(pieces.map(|(at, piece)| (piece.priority, snapshot.clone(), at)));
    }
    found.sort_by_key(|(priority, _, _)| *priority);
    let in_order = found.into_iter();
    Ok(in_order.map(|(_, snapshot, at)| (snapshot, at)).collect())
}

/// Opens a sealed piece and merges it in one transaction; what waited for it is to be tried again. `false` when it is not
/// what its maker said of it, which is told.
pub fn open_and_load(
    open: &Unlocked,
    log: i64,
    snapshot: &Snapshot,
    at: usize,
    sealed: &[u8],
    report: &mut SyncReport,
) -> Result<bool> {
    let listed = snapshot
        .pieces
        .get(at)
        .ok_or(Error::Bug("a piece of another snapshot"))?;
    let loaded = open_piece(listed, sealed).and_then(|document| {
        open.write(|tx| {
            load_piece(tx, log, snapshot, at, &document)?;
            complete(tx, log)?;
            steps::note_retry(tx)
        })
    });
    match loaded {
        Ok(()) => {
            report.received += 1;
            Ok(true)
        }
        Err(error) if is_the_makers_fault(&error) => {
            paths::notice(report, FALSE);
            Ok(false)
        }
        Err(error) => Err(error),
    }
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
fn open_piece(piece: &PieceRef, sealed: &[u8]) -> Result<Vec<u8>> {
    let mut document = Vec::with_capacity(usize::try_from(piece.size).unwrap_or(0));
    let mut sealed = sealed;
    let size = seal::open_attachment(&piece.key, &mut sealed, &mut document)?;
    if size != piece.size {
        return Err(Error::Invalid("a piece has another length"));
    }
    Ok(document)
}
