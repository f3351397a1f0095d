//! Judging a snapshot that came: against what is here, before anything of it is believed.
//!
//! A snapshot asserts other people's history, so only one by an owner's device gets here (the caller checks), and still
//! nothing is believed that can be checked: chains must agree where both know them, and where everything it covers is here
//! it must hold all of that. Where it is ahead, chains go on behind what it covers, and its pieces are wanted.

use super::super::keyring::Keyring;
use super::super::merge::{self, MAX_LAMPORT, MAX_LAMPORT_LEAP};
use super::standing::{blobs, data_logs};
use crate::error::Result;
use crate::record::snapshot::{
    PRIORITY_EMERGENCY, PieceRef, SNAPSHOT_VERSION, ShardHeads, Snapshot,
};
use crate::seal;
use crate::store::log::{self, HeldFor, KEPT, NewSnapshot, SPENT};
use crate::store::snapshot as rows;
use carnet_wire::{Author, ChangeId, Header};
use rusqlite::{Connection, Transaction};
use std::collections::{BTreeSet, HashSet};

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
            let author = snapshot.author_of(run)?;
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
        let author = snapshot.author_of(run)?;
        log::set_piece(conn, log, &author, (run.first, run.last), piece.blob)?;
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
    let listed = blobs(snapshot);
    let known = log::snapshots(conn, log)?;
    for (blob, number) in log::wanted_pieces(conn, log)? {
        let Some(old) = known.iter().find(|stored| stored.number == number) else {
            continue;
        };
        let old = Snapshot::read(&old.manifest)?;
        if snapshot.covers_all_of(&old) && !listed.contains(&blob) {
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
        let author = snapshot.author_of(run)?;
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
