//! Looking changes up by author and place, for whoever sends them on: a peer, a file, another relay.

use super::{StoredChange, read_author};
use crate::error::Result;
use carnet_wire::{Author, ChangeId};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// A change by its local number; `None` when there is none, or only an extract: that is not what its author signed.
pub fn change(conn: &Connection, number: i64) -> Result<Option<StoredChange>> {
    let mut query = conn.prepare_cached(
        "SELECT change, log, id, header, signature, body FROM change WHERE change = ?1 AND extract = 0",
    )?;
    Ok(query.query_row([number], read_change).optional()?)
}

fn read_change(row: &Row<'_>) -> rusqlite::Result<StoredChange> {
    // A hollow change keeps no signature; it is told by its header.
    let signature: Vec<u8> = row.get(4)?;
    Ok(StoredChange {
        number: row.get(0)?,
        log: row.get(1)?,
        id: ChangeId(row.get(2)?),
        header: row.get(3)?,
        signature: signature.try_into().unwrap_or([0; 64]),
        body: row.get(5)?,
    })
}

/// How far one author's chain has been merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tip {
    /// Whose chain.
    pub author: Author,
    /// The last number.
    pub seq: u64,
    /// The change with that number.
    pub id: ChangeId,
}

/// Every chain of a log with its last change, sorted by author.
pub fn tips(conn: &Connection, log: i64) -> Result<Vec<Tip>> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, seq, tip FROM chain JOIN author USING (author) WHERE log = ?1",
    )?;
    let rows = query.query_map([log], |row| {
        Ok(Tip {
            author: read_author(row, 0)?,
            seq: row.get(2)?,
            id: ChangeId(row.get(3)?),
        })
    })?;
    let mut tips = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    tips.sort_unstable();
    Ok(tips)
}

/// The change an author wrote at a place of a log, if it was merged and is still kept.
pub fn change_at(
    conn: &Connection,
    log: i64,
    author: &Author,
    seq: u64,
) -> Result<Option<(i64, ChangeId)>> {
    let mut query = conn.prepare_cached(
        "SELECT change, id FROM change JOIN author USING (author)
         WHERE log = ?1 AND device = ?2 AND incarnation = ?3 AND seq = ?4",
    )?;
    let place = params![
        log,
        author.device.as_ref(),
        author.incarnation.as_ref(),
        seq
    ];
    Ok(query
        .query_row(place, |row| Ok((row.get(0)?, ChangeId(row.get(1)?))))
        .optional()?)
}

/// The local numbers of an author's changes after `seq`, in the order of their chain, at most `most`.
pub fn changes_after(
    conn: &Connection,
    log: i64,
    author: &Author,
    seq: u64,
    most: usize,
) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached(
        "SELECT change FROM change JOIN author USING (author)
         WHERE log = ?1 AND device = ?2 AND incarnation = ?3 AND seq > ?4 ORDER BY seq LIMIT ?5",
    )?;
    let place = params![
        log,
        author.device.as_ref(),
        author.incarnation.as_ref(),
        seq,
        most as i64
    ];
    let rows = query.query_map(place, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::ensure_log;
    use super::super::tests::{author, change as append, database};
    use super::*;
    use carnet_wire::{CompartmentId, RecordId};

    const NONE: ChangeId = ChangeId([0; 32]);

    #[test]
    fn chains_are_found_by_author_and_place() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let first = append(&conn, log, 9, 1, NONE, 1).unwrap();
        let second = append(&conn, log, 9, 2, first, 2).unwrap();
        let other = append(&conn, log, 3, 1, NONE, 3).unwrap();
        let tips: Vec<_> = tips(&conn, log).unwrap();
        assert_eq!(
            tips.iter()
                .map(|tip| (tip.author, tip.seq, tip.id))
                .collect::<Vec<_>>(),
            [(author(3), 1, other), (author(9), 2, second)]
        );
        assert_eq!(changes_after(&conn, log, &author(9), 0, 9).unwrap(), [1, 2]);
        assert_eq!(changes_after(&conn, log, &author(9), 0, 1).unwrap(), [1]);
        assert_eq!(changes_after(&conn, log, &author(9), 1, 9).unwrap(), [2]);
        assert_eq!(
            change_at(&conn, log, &author(9), 2).unwrap(),
            Some((2, second))
        );
        assert_eq!(change_at(&conn, log, &author(9), 3).unwrap(), None);
        assert_eq!(change(&conn, 2).unwrap().unwrap().id, second);
        assert_eq!(change(&conn, 9).unwrap(), None);
    }
}
