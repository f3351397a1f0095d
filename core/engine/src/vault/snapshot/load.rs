//! Taking the pieces of a snapshot in, one by one: changes carry their authors' signatures, documents go through the caps of a
//! single change, and a piece is merged whole or not at all.

use super::super::brake::Brake;
use super::super::merge::{self, Unprojected};
use super::super::open::Unlocked;
use super::super::{SyncReport, paths, steps};
use super::standing::data_logs;
use crate::error::{Error, Result};
use crate::record::patient::{Actor, derive_actor};
use crate::record::snapshot::{KeptChange, Piece, PieceRef, Snapshot};
use crate::seal;
use crate::store::log::{self, StoredChange};
use crate::store::snapshot as rows;
use carnet_wire::{BlobId, ChangeId, Header, kind, signed_bytes};
use rusqlite::{Connection, Transaction};
use std::collections::BTreeSet;
use std::io::Read;
use std::rc::Rc;

/// What is said of a piece that does not hold what its maker listed.
pub const FALSE: &str = "a snapshot is not what its maker said of it";

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
        let author = snapshot.author_of(run)?;
        if !log::has_whole(tx, log, &author, run.first, run.last)? {
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
            snapshot
                .author_of(run)
                .is_ok_and(|author| author == header.author)
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
