//! Which snapshots count, and what they stand for: whoever is given one need not be given the changes it covers.

use super::super::keyring::Keyring;
use crate::error::Result;
use crate::record::snapshot::Snapshot;
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::store::log::{self, Runs, StoredSnapshot};
use carnet_wire::{BlobId, RecordId};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// The logs of a vault that snapshots are made of: those of compartments with data. Rosters and accounts are folded from
/// every operation: nothing stands for them.
pub fn data_logs(conn: &Connection) -> Result<Vec<i64>> {
    let logs = log::logs(conn)?.into_iter();
    let data = logs.filter(|log| ![ROSTER, DEVICES, KEYRING].contains(&log.name.as_str()));
    Ok(data.map(|log| log.number).collect())
}

/// Whether this device may make snapshots of a log, and have a relay let go of what they replace: an owner's.
pub fn owns(keyring: &Keyring, log: i64) -> bool {
    keyring
        .current_epoch(log)
        .is_ok_and(|epoch| epoch.secrets.retire.is_some())
        && named(keyring, log, Keyring::owns)
}

/// Whether this device may write to a log.
pub fn may_write(keyring: &Keyring, log: i64) -> bool {
    named(keyring, log, Keyring::may_write)
}

fn named(keyring: &Keyring, log: i64, asks: fn(&Keyring, RecordId, &str) -> bool) -> bool {
    keyring
        .place_of(log)
        .is_some_and(|(record, name)| asks(keyring, record, name))
}

/// The newest snapshot that has a place in its maker's chain, of those sorted by time.
pub fn newest_placed(known: &[StoredSnapshot]) -> Option<&StoredSnapshot> {
    known.iter().rev().find(|stored| stored.place.is_some())
}

/// The snapshots somebody may still have to load, the newest first: those that no newer one covers. Two that were made at the
/// same time both serve.
pub fn serving(known: &[StoredSnapshot]) -> Result<Vec<Snapshot>> {
    let mut serving: Vec<Snapshot> = Vec::new();
    for stored in known.iter().rev().filter(|stored| stored.place.is_some()) {
        let snapshot = Snapshot::read(&stored.manifest)?;
        if !serving.iter().any(|newer| newer.covers_all_of(&snapshot)) {
            serving.push(snapshot);
        }
    }
    Ok(serving)
}

/// What snapshots stand for that are among the changes `given`, and of which `counts` is true.
pub fn stands_for(
    conn: &Connection,
    log: i64,
    given: &Runs,
    counts: impl Fn(&Snapshot) -> bool,
) -> Result<Runs> {
    let mut stands = Runs::default();
    for stored in log::snapshots(conn, log)? {
        if !is_given(&stored, given) {
            continue;
        }
        let snapshot = Snapshot::read(&stored.manifest)?;
        if counts(&snapshot) {
            for cover in &snapshot.covers {
                stands.add(cover.author, cover.first, cover.last);
            }
        }
    }
    Ok(stands)
}

fn is_given(stored: &StoredSnapshot, given: &Runs) -> bool {
    let place = stored.place;
    place.is_some_and(|(seq, _)| given.holds(&stored.author, seq))
}

/// Whether a relay lists a snapshot and is known to hold each of its pieces: it gives everything that the snapshot covers.
pub fn is_whole_at(
    conn: &Connection,
    relay: i64,
    stored: &StoredSnapshot,
    snapshot: &Snapshot,
) -> Result<bool> {
    let listed = log::listed(conn, relay, stored.log)?;
    Ok(is_given(stored, &listed) && lacking_at(conn, relay, snapshot)?.is_empty())
}

/// The pieces of a snapshot that a relay is not known to hold, as positions in its list.
pub fn lacking_at(conn: &Connection, relay: i64, snapshot: &Snapshot) -> Result<Vec<usize>> {
    let mut lacking = Vec::new();
    for (at, piece) in snapshot.pieces.iter().enumerate() {
        if !log::is_delivered(conn, relay, &piece.blob.0)? {
            lacking.push(at);
        }
    }
    Ok(lacking)
}

/// The blobs a snapshot lists.
pub fn blobs(snapshot: &Snapshot) -> BTreeSet<BlobId> {
    snapshot.pieces.iter().map(|piece| piece.blob).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::snapshot::Cover;
    use crate::store::log::{NewSnapshot, put_snapshot};
    use carnet_wire::{Author, Canonical, ChangeId, DeviceId, Incarnation};

    fn author(byte: u8) -> Author {
        Author {
            device: DeviceId([byte; 32]),
            incarnation: Incarnation([byte; 8]),
        }
    }

    #[test]
    fn a_snapshot_stands_for_what_it_covers_where_it_is_given() {
        let conn = crate::store::log::tests::database();
        let (record, compartment) = (
            carnet_wire::RecordId([1; 32]),
            carnet_wire::CompartmentId([2; 16]),
        );
        let log = log::ensure_log(&conn, record, compartment, "general").unwrap();
        let snapshot = Snapshot {
            version: 1,
            lamport: 4,
            covers: vec![Cover {
                author: author(1),
                first: 1,
                last: 9,
                tip: ChangeId([0; 32]),
            }],
            pieces: Vec::new(),
            shards: Vec::new(),
        };
        let new = NewSnapshot {
            author: &author(2),
            place: Some((5, ChangeId([7; 32]))),
            lamport: 4,
            noticed: 0,
            unfinished: false,
            manifest: &snapshot.to_canonical(),
        };
        put_snapshot(&conn, log, &new).unwrap();
        let mut given = Runs::default();
        given.add(author(2), 1, 4);
        assert_eq!(
            stands_for(&conn, log, &given, |_| true).unwrap(),
            Runs::default()
        );
        given.add(author(2), 5, 5);
        let stands = stands_for(&conn, log, &given, |_| true).unwrap();
        assert!(stands.holds(&author(1), 9) && !stands.holds(&author(1), 10));
        assert_eq!(stands.missing(&author(1), 9), []);
    }
}
