//! Looking again at what was merged, once a roster has changed: what somebody wrote after their right had ended, without knowing
//! it, leaves the views and waits in quarantine, where it is shown and an owner may adopt it. Never dropped (INV-8).
//!
//! What no longer counts is always the end of a chain, because whoever had seen a change had seen everything before it on its
//! chain. So the last change of each chain is judged; only where it does not count is the chain followed back. A change
//! that a snapshot covers counts: the owner's device that made the snapshot had seen it.

use super::detect;
use super::keyring::{self, Keyring};
use super::snapshot;
use crate::error::{Error, Result};
use crate::roster::Verdict;
use crate::seal::{self, Epoch};
use crate::store;
use crate::store::log::{self, HeldFor, Place};
use carnet_wire::stream::Tip;
use carnet_wire::{Author, Header, Inner, kind};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far each chain of a log counts.
type Reach = BTreeMap<Author, u64>;

/// Looks at every chain of the records whose rosters are not what they were. Where this device itself wrote without right it
/// begins a new life: its old chain may be continued by nobody.
pub fn recheck(
    tx: &Connection,
    before: &Keyring,
    keyring: &mut Arc<Keyring>,
    key: &[u8; 32],
) -> Result<()> {
    let is_stale = |log: &i64| {
        let record = keyring.place_of(*log).map(|(record, _)| record);
        record.is_some_and(|record| keyring.roster(record) != before.roster(record))
    };
    let mut changed = snapshot::data_logs(tx)?;
    changed.retain(is_stale);
    let mut own = false;
    for log in changed {
        let tips = log::tips(tx, log)?;
        for (author, last) in reach(tx, keyring, log, &tips)? {
            set_aside(tx, keyring, log, author, last)?;
            own |= author == keyring.author;
        }
    }
    if own {
        keyring::begin_incarnation(tx)?;
        keyring::count_operations(tx)?;
        *keyring = Arc::new(keyring.reload(tx, key)?);
    }
    Ok(())
}

/// The chains of which not everything counts, and how far they do.
fn reach(conn: &Connection, keyring: &Keyring, log: i64, tips: &[Tip]) -> Result<Reach> {
    let mut whole = Reach::new();
    let mut limited = Reach::new();
    for tip in tips {
        match detect::header(conn, tip.id)? {
            Some(header) if keyring.judge(&header, tip.id) != Verdict::Counts => {
                limited.insert(tip.author, last_counting(conn, keyring, log, tip)?);
            }
            _ => {
                whole.insert(tip.author, tip.seq);
            }
        }
    }
    if limited.is_empty() {
        return Ok(limited);
    }
    // Who counts shelters what they had seen, and may thereby let somebody count who shelters others.
    loop {
        let mut grew = false;
        for (author, last) in limited.clone() {
            let seen = seen_by_others(conn, log, author, whole.iter().chain(&limited))?;
            let end = tips.iter().find(|tip| tip.author == author);
            let reached = seen.min(end.map_or(0, |tip| tip.seq));
            if reached > last {
                limited.insert(author, reached);
                grew = true;
            }
        }
        if !grew {
            break;
        }
    }
    let is_short = |author: &Author, last: &u64| {
        let mut tips = tips.iter();
        tips.any(|tip| tip.author == *author && tip.seq > *last)
    };
    limited.retain(|author, last| is_short(author, last));
    Ok(limited)
}

/// The last change of a chain that counts by itself, or that a snapshot covers.
fn last_counting(conn: &Connection, keyring: &Keyring, log: i64, tip: &Tip) -> Result<u64> {
    let covered = log::covered(conn, log, &tip.author)?;
    let mut seq = tip.seq;
    while seq > covered {
        let Some(header) = header_at(conn, log, &tip.author, seq)? else {
            break;
        };
        if keyring.judge(&header.0, header.1) == Verdict::Counts {
            break;
        }
        seq -= 1;
    }
    Ok(seq)
}

fn header_at(
    conn: &Connection,
    log: i64,
    author: &Author,
    seq: u64,
) -> Result<Option<(Header, carnet_wire::ChangeId)>> {
    let Some((_, id)) = log::change_at(conn, log, author, seq)? else {
        return Ok(None);
    };
    Ok(detect::header(conn, id)?.map(|header| (header, id)))
}

/// How far other devices had seen a chain when they wrote the last change of theirs that counts.
fn seen_by_others<'a>(
    conn: &Connection,
    log: i64,
    author: Author,
    reach: impl Iterator<Item = (&'a Author, &'a u64)>,
) -> Result<u64> {
    let mut farthest = 0;
    for (other, last) in reach.filter(|(other, _)| other.device != author.device) {
        let seen = header_at(conn, log, other, *last)?.map(|(header, _)| header.seen);
        let of_author = seen
            .into_iter()
            .flatten()
            .filter(|seen| seen.author == author);
        farthest = of_author
            .map(|seen| seen.seq)
            .max()
            .unwrap_or(0)
            .max(farthest);
    }
    Ok(farthest)
}

/// The key under which this device keeps what it sets aside, for itself alone: the newest, or, where it was given none of the
/// newest, any it has.
fn held_key(keyring: &Keyring, log: i64) -> Result<&Epoch> {
    let newest = keyring.newest_epochs(log).into_iter().next();
    let any = || {
        let mut all = keyring.epochs.iter();
        all.find(|(of, _)| *of == log).map(|(_, epoch)| epoch)
    };
    newest
        .or_else(any)
        .ok_or(Error::NotFound("the key of this compartment"))
}

/// Takes the changes of a chain behind `last` out of the views and puts them into quarantine, sealed anew.
fn set_aside(
    conn: &Connection,
    keyring: &Keyring,
    log: i64,
    author: Author,
    last: u64,
) -> Result<()> {
    let epoch = held_key(keyring, log)?;
    let mut shown = Vec::new();
    let behind = log::changes_after(conn, log, &author, last)?;
    for (_, number) in &behind {
        let Some(change) = log::change(conn, *number)? else {
            continue;
        };
        let header = Header::from_bytes(&change.header)?;
        if header.kind == kind::CHANGE {
            shown.push(*number);
        }
        let place = Place {
            log,
            author,
            seq: header.seq,
        };
        let inner = Inner {
            header: change.header,
            signature: change.signature,
            body: change.body,
        };
        let bytes = seal::seal(epoch, &keyring.device, &inner)?;
        log::hold(conn, epoch.mailbox, &bytes, HeldFor::Beyond, Some(&place))?;
    }
    store::unproject(conn, log, &shown)?;
    log::cut_chain(conn, log, &author, last)
}
