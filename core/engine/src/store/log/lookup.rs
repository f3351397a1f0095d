//! Looking changes up by author and place, for whoever sends them on: a peer, a file, another relay.

use super::{Kept, Place, StoredChange, read_author};
use crate::error::Result;
use carnet_wire::stream::Tip;
use carnet_wire::{Author, BlobId, ChangeId, MailboxId};
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

/// Logical time and local number of an author's changes after `seq`, in the order of their chain. Those whose bytes a
/// snapshot replaced are left out: there is nothing to send.
pub fn changes_after(
    conn: &Connection,
    log: i64,
    author: &Author,
    seq: u64,
) -> Result<Vec<(u64, i64)>> {
    let mut query = conn.prepare_cached(
        "SELECT lamport, change FROM change JOIN author USING (author)
         WHERE log = ?1 AND device = ?2 AND incarnation = ?3 AND seq > ?4 AND length(header) > 0 ORDER BY seq",
    )?;
    let place = params![
        log,
        author.device.as_ref(),
        author.incarnation.as_ref(),
        seq
    ];
    let rows = query.query_map(place, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Logical time, local number and place of every change of a log that can be sent.
pub fn sendable(conn: &Connection, log: i64) -> Result<Vec<(u64, Kept)>> {
    let mut query = conn.prepare_cached(
        "SELECT lamport, change, seq, device, incarnation FROM change JOIN author USING (author)
         WHERE log = ?1 AND length(header) > 0 AND extract = 0 ORDER BY lamport, change",
    )?;
    let rows = query.query_map([log], |row| {
        let place = Place {
            log,
            author: read_author(row, 3)?,
            seq: row.get(2)?,
        };
        let change = row.get(1)?;
        Ok((row.get(0)?, Kept { change, place }))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The local number of a change that has been merged.
pub fn number_of(conn: &Connection, id: ChangeId) -> Result<Option<i64>> {
    let mut query = conn.prepare_cached("SELECT change FROM change WHERE id = ?1")?;
    Ok(query
        .query_row([id.as_ref()], |row| row.get(0))
        .optional()?)
}

/// Rows of the outbox that were sealed for a mailbox and whose change lies after `seq` in its author's chain.
pub fn sealed_for(
    conn: &Connection,
    mailbox: MailboxId,
    author: &Author,
    seq: u64,
) -> Result<Vec<(u64, i64)>> {
    let mut query = conn.prepare_cached(
        "SELECT lamport, outbox FROM outbox JOIN change USING (change) JOIN author USING (author)
         WHERE mailbox = ?1 AND device = ?2 AND incarnation = ?3 AND seq > ?4 ORDER BY outbox",
    )?;
    let place = params![
        mailbox.as_ref(),
        author.device.as_ref(),
        author.incarnation.as_ref(),
        seq
    ];
    let rows = query.query_map(place, |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The bytes of a row of the outbox, if they are still there.
pub fn sealed_bytes(conn: &Connection, outbox: i64) -> Result<Option<Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT bytes FROM outbox WHERE outbox = ?1")?;
    Ok(query.query_row([outbox], |row| row.get(0)).optional()?)
}

/// The logs in which a change names a sealed document.
pub fn logs_naming(conn: &Connection, blob: BlobId) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached("SELECT DISTINCT log FROM attachment WHERE blob = ?1")?;
    let rows = query.query_map([blob.as_ref()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The numbers of an author's changes of one kind, the newest `MAX_NUMBERS`.
pub fn numbers_of_kind(conn: &Connection, log: i64, author: &Author, kind: u8) -> Result<Vec<u64>> {
    let mut query = conn.prepare_cached(
        "SELECT seq FROM change JOIN author USING (author)
         WHERE log = ?1 AND kind = ?4 AND device = ?2 AND incarnation = ?3 ORDER BY seq DESC LIMIT ?5",
    )?;
    let place = params![
        log,
        author.device.as_ref(),
        author.incarnation.as_ref(),
        kind,
        MAX_NUMBERS
    ];
    let rows = query.query_map(place, |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Most numbers listed of one kind.
const MAX_NUMBERS: usize = 20;

/// Every author in the order this vault got to know them.
pub fn authors(conn: &Connection) -> Result<Vec<Author>> {
    let mut query =
        conn.prepare_cached("SELECT device, incarnation FROM author ORDER BY author")?;
    let rows = query.query_map([], |row| read_author(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{author, change as append, database};
    use super::super::{enqueue, ensure_log};
    use super::*;
    use carnet_wire::{CompartmentId, MailboxId, RecordId};

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
        assert_eq!(
            changes_after(&conn, log, &author(9), 0).unwrap(),
            [(1, 1), (2, 2)]
        );
        assert_eq!(changes_after(&conn, log, &author(9), 1).unwrap(), [(2, 2)]);
        assert_eq!(
            change_at(&conn, log, &author(9), 2).unwrap(),
            Some((2, second))
        );
        assert_eq!(change_at(&conn, log, &author(9), 3).unwrap(), None);
        assert_eq!(change(&conn, 2).unwrap().unwrap().id, second);
        assert_eq!(change(&conn, 9).unwrap(), None);
        assert_eq!(number_of(&conn, other).unwrap(), Some(3));
        assert_eq!(number_of(&conn, NONE).unwrap(), None);
        let sent = |conn: &Connection| -> Vec<(u64, i64)> {
            let sendable = sendable(conn, log).unwrap().into_iter();
            sendable.map(|(time, kept)| (time, kept.change)).collect()
        };
        assert_eq!(sent(&conn), [(1, 1), (2, 2), (3, 3)]);
        conn.execute("UPDATE change SET header = x'' WHERE change = 1", [])
            .unwrap();
        assert_eq!(changes_after(&conn, log, &author(9), 0).unwrap(), [(2, 2)]);
        assert_eq!(sent(&conn), [(2, 2), (3, 3)]);
    }

    #[test]
    fn what_was_sealed_for_a_mailbox_is_found_by_place() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let (old, new) = (MailboxId([1; 32]), MailboxId([2; 32]));
        let mut prev = NONE;
        for (seq, mailbox) in [(1, old), (2, old), (3, new)] {
            prev = append(&conn, log, 9, seq, prev, seq).unwrap();
            enqueue(&conn, seq as i64, mailbox, &[seq as u8]).unwrap();
        }
        assert_eq!(
            sealed_for(&conn, old, &author(9), 0).unwrap(),
            [(1, 1), (2, 2)]
        );
        assert_eq!(sealed_for(&conn, old, &author(9), 1).unwrap(), [(2, 2)]);
        assert!(sealed_for(&conn, old, &author(3), 0).unwrap().is_empty());
        assert_eq!(sealed_bytes(&conn, 2).unwrap(), Some(vec![2]));
        assert_eq!(sealed_bytes(&conn, 9).unwrap(), None);
    }
}
