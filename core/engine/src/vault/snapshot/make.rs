//! Making a snapshot: what is merged is listed, sealed into pieces beside the database, and noted; the manifest enters the
//! chain only when a relay holds every piece.
//!
//! A large record takes seconds: the brake is asked after each piece, and pieces that were made before it acted are kept in an
//! unfinished snapshot, with which the next attempt goes on. Nothing is locked for writing meanwhile.

use super::super::CompactReport;
use super::super::brake::Brake;
use super::super::keyring::Keyring;
use super::super::open::Unlocked;
use super::CLASSIFY_STEP;
use super::maker::{Made, Maker};
use crate::error::{Error, Result};
use crate::store::log::{self, NewSnapshot};
use crate::store::snapshot as rows;
use carnet_wire::Canonical;

/// How often a snapshot is begun again because another process wrote meanwhile.
const MAX_ATTEMPTS: usize = 5;

/// Which pieces of earlier snapshots may be listed again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Those that every relay holds, or whose files are here.
    Anywhere,
    /// Those whose files are here: the snapshot is to be handed on without a relay.
    Here,
}

/// What became of the making of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Making {
    /// It is noted, and waits for its place in the chain.
    Made(CompactReport),
    /// Nothing was written since the last one.
    Nothing,
    /// The brake acted first.
    Stopped,
}

/// Makes a snapshot of a log. Where nothing was written since the last one there is none, unless `lost` says that a part of
/// that one cannot be had any more.
pub fn make(
    open: &Unlocked,
    log: i64,
    (reuse, lost): (Reuse, bool),
    now: i64,
    brake: &Brake<'_>,
) -> Result<Making> {
    for _ in 0..MAX_ATTEMPTS {
        if !classify(open, log, brake)? {
            return Ok(Making::Stopped);
        }
        let keyring = open.keyring()?;
        let begun = open.store.read(|conn| {
            if log::is_loading(conn, log)? {
                return Err(Error::Invalid(
                    "this device is still fetching the record: sync first",
                ));
            }
            match log::unclassified(conn, log, 1)? {
                0 => Maker::make(conn, open, &keyring, log, (reuse, lost), brake).map(Some),
                _ => Ok(None),
            }
        })?;
        match begun {
            Some(Some(maker)) => return keep(open, &keyring, log, now, maker),
            Some(None) => return Ok(Making::Nothing),
            // Changes were written that nobody has looked at.
            None => {}
        }
    }
    Err(Error::Invalid("this record is being written: try again"))
}

/// Looks at changes nobody has looked at, in steps; `false` when the brake acted.
pub fn classify(open: &Unlocked, log: i64, brake: &Brake<'_>) -> Result<bool> {
    while open.write(|tx| rows::classify(tx, log, CLASSIFY_STEP))? == CLASSIFY_STEP {
        if brake.check(0)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn keep(open: &Unlocked, keyring: &Keyring, log: i64, now: i64, made: Made) -> Result<Making> {
    made.snapshot.check()?;
    let new = NewSnapshot {
        author: &keyring.author,
        place: None,
        lamport: made.snapshot.lamport,
        noticed: now,
        unfinished: !made.whole,
        manifest: &made.snapshot.to_canonical(),
    };
    open.write(|tx| {
        // One that never reached a relay is replaced; its pieces go on in the new one or are swept.
        for old in log::snapshots(tx, log)? {
            if old.place.is_none() {
                log::drop_snapshot(tx, old.number)?;
            }
        }
        let number = log::put_snapshot(tx, log, &new)?;
        for piece in &made.snapshot.pieces {
            log::put_piece(tx, log, number, piece.mailbox, piece.blob, false)?;
        }
        for (blob, changes) in &made.packed {
            for change in changes {
                log::set_piece(tx, log, &change.author, (change.seq, change.seq), *blob)?;
            }
        }
        Ok(())
    })?;
    Ok(match made.whole {
        true => Making::Made(made.report),
        false => Making::Stopped,
    })
}
