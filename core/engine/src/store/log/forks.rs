//! Proofs of forks: two headers that one device signed and that cannot both be honest. Anybody who knows the device's
//! public key, which the headers name, can check a proof; nobody can make one without the device's private key.

use super::{Place, StoredChange, ensure_author, read_author};
use crate::error::Result;
use carnet_wire::{Author, ChangeId, Header};
use rusqlite::{Connection, params};

/// Two signed headers of one author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkProof {
    /// Which chain, and the first number where its two histories differ.
    pub place: Place,
    /// The header this device followed, and its signature.
    pub one: (Vec<u8>, [u8; 64]),
    /// The other one.
    pub other: (Vec<u8>, [u8; 64]),
}

/// Where two headers contradict each other: both claim one number, or the later one follows another change than the
/// earlier one. `None` when both can stand in one chain, or belong to different ones. Signatures are the caller's.
pub fn fork_point(one: &Header, other: &Header) -> Option<u64> {
    let chain = |header: &Header| (header.record, header.compartment, header.author);
    if chain(one) != chain(other) {
        return None;
    }
    let id = |header: &Header| ChangeId::derive(&carnet_wire::Canonical::to_canonical(header));
    let (first, second) = if one.seq <= other.seq {
        (one, other)
    } else {
        (other, one)
    };
    if first.seq == second.seq {
        return (id(first) != id(second)).then_some(first.seq);
    }
    (second.seq == first.seq + 1 && second.prev != id(first)).then_some(first.seq)
}

/// Keeps the proof of a fork; the first one of a chain is enough. Returns whether it is the first.
pub fn keep_fork(
    conn: &Connection,
    place: &Place,
    one: &StoredChange,
    other: &StoredChange,
) -> Result<bool> {
    let author = ensure_author(conn, &place.author)?;
    let kept = conn
        .prepare_cached(
            "INSERT INTO fork VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            place.log,
            author,
            place.seq,
            one.header,
            one.signature,
            other.header,
            other.signature
        ])?;
    Ok(kept > 0)
}

/// Whether a chain is known to be forked: it goes no further.
pub fn is_forked(conn: &Connection, log: i64, author: &Author) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT 1 FROM fork JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
        )?
        .exists(params![
            log,
            author.device.as_ref(),
            author.incarnation.as_ref()
        ])?)
}

/// Every proof.
pub fn forks(conn: &Connection) -> Result<Vec<ForkProof>> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, log, seq, one_header, one_signature, other_header, other_signature
         FROM fork JOIN author USING (author) ORDER BY log, author",
    )?;
    let rows = query.query_map([], |row| {
        Ok(ForkProof {
            place: Place {
                author: read_author(row, 0)?,
                log: row.get(2)?,
                seq: row.get(3)?,
            },
            one: (row.get(4)?, row.get(5)?),
            other: (row.get(6)?, row.get(7)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::ensure_log;
    use super::super::tests::{author, database};
    use super::*;
    use carnet_wire::{Canonical, CompartmentId, RecordId};

    fn header(seq: u64, prev: ChangeId, lamport: u64) -> Header {
        Header {
            version: 1,
            record: RecordId([1; 32]),
            compartment: CompartmentId([2; 16]),
            author: author(7),
            seq,
            prev,
            seen: Vec::new(),
            frontier: Vec::new(),
            lamport,
            kind: 1,
            body_hash: [0; 32],
        }
    }

    fn id(header: &Header) -> ChangeId {
        ChangeId::derive(&header.to_canonical())
    }

    #[test]
    fn only_headers_that_contradict_each_other_are_a_fork() {
        let first = header(1, ChangeId([0; 32]), 1);
        let second = header(2, id(&first), 2);
        let third = header(3, id(&second), 3);
        assert_eq!(fork_point(&first, &first), None);
        assert_eq!(fork_point(&first, &second), None);
        assert_eq!(fork_point(&first, &third), None);
        let twin = header(2, id(&first), 9);
        assert_eq!(fork_point(&second, &twin), Some(2));
        let astray = header(3, id(&twin), 3);
        assert_eq!(fork_point(&astray, &second), Some(2));
        assert_eq!(fork_point(&second, &astray), Some(2));
        let mut another = twin.clone();
        another.author = author(8);
        assert_eq!(fork_point(&second, &another), None);
        another = twin;
        another.compartment = CompartmentId([3; 16]);
        assert_eq!(fork_point(&second, &another), None);
    }

    #[test]
    fn the_first_proof_of_a_chain_is_kept() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let stored = |byte: u8| StoredChange {
            number: 0,
            log,
            id: ChangeId([byte; 32]),
            header: vec![byte],
            signature: [byte; 64],
            body: Vec::new(),
        };
        let place = Place {
            log,
            author: author(7),
            seq: 3,
        };
        assert!(!is_forked(&conn, log, &author(7)).unwrap());
        assert!(keep_fork(&conn, &place, &stored(1), &stored(2)).unwrap());
        assert!(!keep_fork(&conn, &place, &stored(1), &stored(3)).unwrap());
        assert!(is_forked(&conn, log, &author(7)).unwrap());
        assert!(!is_forked(&conn, log, &author(8)).unwrap());
        let proofs = forks(&conn).unwrap();
        assert_eq!(
            (proofs[0].place, &proofs[0].other),
            (place, &(vec![2], [2; 64]))
        );
    }
}
