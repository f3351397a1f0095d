//! Handing a log on without a relay: to a device that lacks changes which only a snapshot holds by now.
//!
//! Where a relay has every piece their files are gone here. An owner's device makes the snapshot anew; any other can only
//! hand on what it still has, and says so.

use super::super::brake::Brake;
use super::super::open::Unlocked;
use super::make::{Reuse, make};
use super::standing::{newest_placed, owns};
use super::upkeep::place;
use crate::error::Result;
use crate::record::snapshot::Snapshot;
use crate::store::log::{self, StoredSnapshot};
use carnet_wire::{Author, BlobId};
use rusqlite::Connection;

/// What is said when the changes let go of here cannot be handed on.
pub const NEEDS_RELAY: &str =
    "a part of the record can only be had from a relay, or from an owner's device";

/// How a log can be handed on.
pub enum HandOn {
    /// Change by change: nothing was let go of that the other side lacks.
    Changes,
    /// This snapshot first, whose pieces are here, then what it does not cover.
    Snapshot(Box<Snapshot>),
    /// Not whole: a relay or an owner's device has to.
    Unable,
}

impl HandOn {
    /// The number after which an author's changes are sent one by one.
    pub fn after(&self, author: &Author) -> u64 {
        match self {
            Self::Snapshot(snapshot) => snapshot.last_of(author),
            Self::Changes | Self::Unable => 0,
        }
    }

    /// The pieces that go with it, the most urgent first.
    pub fn pieces(&self) -> Vec<BlobId> {
        match self {
            Self::Snapshot(snapshot) => snapshot.pieces.iter().map(|piece| piece.blob).collect(),
            Self::Changes | Self::Unable => Vec::new(),
        }
    }
}

/// How to hand a log on to somebody who has each author's changes up to `theirs`.
pub fn hand_on(open: &Unlocked, log: i64, theirs: &dyn Fn(&Author) -> u64) -> Result<HandOn> {
    if !open.store.read(|conn| lacks_let_go(conn, log, theirs))? {
        return Ok(HandOn::Changes);
    }
    if let Some(snapshot) = open.store.read(|conn| ready(conn, open, log))? {
        return Ok(HandOn::Snapshot(Box::new(snapshot)));
    }
    if !owns(&*open.keyring()?, log) {
        return Ok(HandOn::Unable);
    }
    let (now, brake) = (open.clock.now(), Brake::new(None, None));
    make(open, log, (Reuse::Here, true), now, &brake)?;
    let made = open.store.read(|conn| waiting(conn, log))?;
    if let Some(made) = made {
        place(open, log, &made)?;
    }
    let snapshot = open.store.read(|conn| ready(conn, open, log))?;
    Ok(snapshot.map_or(HandOn::Unable, |snapshot| {
        HandOn::Snapshot(Box::new(snapshot))
    }))
}

/// Whether changes are gone here that the other side lacks.
fn lacks_let_go(conn: &Connection, log: i64, theirs: &dyn Fn(&Author) -> u64) -> Result<bool> {
    for chain in log::covered_chains(conn, log)? {
        let first = theirs(&chain.author).saturating_add(1);
        let gone = first <= chain.covered
            && !log::has_whole(conn, log, &chain.author, first, chain.covered)?;
        if gone {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The newest snapshot in a chain, if it covers all that was let go of, and every piece is here.
fn ready(conn: &Connection, open: &Unlocked, log: i64) -> Result<Option<Snapshot>> {
    let known = log::snapshots(conn, log)?;
    let loading = log::is_loading(conn, log)?;
    let Some(newest) = newest_placed(&known).filter(|_| !loading) else {
        return Ok(None);
    };
    let snapshot = Snapshot::read(&newest.manifest)?;
    let chains = log::covered_chains(conn, log)?;
    let covers = |chain: &log::CoveredChain| snapshot.last_of(&chain.author) >= chain.covered;
    if !chains.iter().all(covers) {
        return Ok(None);
    }
    for piece in &snapshot.pieces {
        if open.store.attachments().size(piece.blob)? != Some(piece.sealed_size) {
            return Ok(None);
        }
    }
    Ok(Some(snapshot))
}

fn waiting(conn: &Connection, log: i64) -> Result<Option<StoredSnapshot>> {
    let known = log::snapshots(conn, log)?.into_iter();
    Ok(known.rev().find(StoredSnapshot::is_waiting))
}
