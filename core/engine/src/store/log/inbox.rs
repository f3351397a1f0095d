//! The inbox: envelopes as they came, stored with the cursor that covers them (INV-7) and not yet looked at.
//!
//! A background window has neither the time nor the memory to merge. What it stores here the next foreground work merges,
//! in the order it came.

use crate::error::Result;
use carnet_wire::{EnvelopeId, MailboxId};
use rusqlite::{Connection, params};

/// Most bytes the inbox may hold: background work stops there until something was merged.
pub const MAX_INBOX_BYTES: u64 = 64 << 20;

/// An envelope in the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Its row.
    pub row: i64,
    /// The relay that gave it.
    pub relay: i64,
    /// The mailbox it came from.
    pub mailbox: MailboxId,
    /// The envelope.
    pub bytes: Vec<u8>,
}

/// Stores an envelope; one that is there already takes no more room. A relay may offer an envelope in a mailbox where it
/// does not belong: that must not keep out the one that comes in its own.
pub fn put_inbox(conn: &Connection, relay: i64, mailbox: MailboxId, bytes: &[u8]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO inbox (relay, mailbox, envelope, bytes) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        relay,
        mailbox.as_ref(),
        EnvelopeId::derive(bytes).as_ref(),
        bytes
    ])?;
    Ok(())
}

/// The next envelopes: at least one if there is one, then up to `max_bytes`.
pub fn inbox(conn: &Connection, max_bytes: usize) -> Result<Vec<Incoming>> {
    let mut query =
        conn.prepare_cached("SELECT inbox, mailbox, bytes, relay FROM inbox ORDER BY inbox")?;
    let mut rows = query.query([])?;
    let (mut batch, mut size) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(2)?;
        size += bytes.len();
        if size > max_bytes && !batch.is_empty() {
            break;
        }
        batch.push(Incoming {
            row: row.get(0)?,
            relay: row.get(3)?,
            mailbox: MailboxId(row.get(1)?),
            bytes,
        });
    }
    Ok(batch)
}

/// Envelopes in the inbox and their bytes.
pub fn inbox_size(conn: &Connection) -> Result<(u64, u64)> {
    let mut query =
        conn.prepare_cached("SELECT count(*), coalesce(sum(length(bytes)), 0) FROM inbox")?;
    Ok(query.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Whether there is anything in the inbox.
pub fn has_inbox(conn: &Connection) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM inbox LIMIT 1")?
        .exists([])?)
}

/// Takes an envelope out, once it was merged or held.
pub fn take_inbox(conn: &Connection, row: i64) -> Result<()> {
    conn.prepare_cached("DELETE FROM inbox WHERE inbox = ?1")?
        .execute([row])?;
    Ok(())
}

/// Has every relay read a mailbox again from its start: something is missing in what was stored of it.
pub fn rewind_all(conn: &Connection, mailbox: MailboxId) -> Result<()> {
    conn.prepare_cached("UPDATE cursor SET after = 0 WHERE mailbox = ?1")?
        .execute([mailbox.as_ref()])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::database;
    use super::super::{advance_cursor, cursor, ensure_relay};
    use super::*;

    const BOX: MailboxId = MailboxId([4; 32]);
    const LAST: EnvelopeId = EnvelopeId([9; 32]);

    #[test]
    fn what_is_stored_comes_out_once_and_in_order() {
        let conn = database();
        let relay = ensure_relay(&conn, "r").unwrap().number;
        assert!(!has_inbox(&conn).unwrap());
        for bytes in [[1; 10], [2; 10], [1; 10], [3; 10]] {
            put_inbox(&conn, relay, BOX, &bytes).unwrap();
        }
        put_inbox(&conn, relay, MailboxId([5; 32]), &[1; 10]).unwrap();
        assert_eq!(inbox_size(&conn).unwrap(), (4, 40));
        let batch = inbox(&conn, 25).unwrap();
        let bytes: Vec<u8> = batch.iter().map(|incoming| incoming.bytes[0]).collect();
        assert_eq!(bytes, [1, 2]);
        assert_eq!(inbox(&conn, 1).unwrap(), batch[..1]);
        batch
            .iter()
            .for_each(|incoming| take_inbox(&conn, incoming.row).unwrap());
        let mailboxes = inbox(&conn, 100).unwrap();
        let mailboxes: Vec<MailboxId> = mailboxes.iter().map(|one| one.mailbox).collect();
        assert_eq!(mailboxes, [BOX, MailboxId([5; 32])]);
    }

    #[test]
    fn a_mailbox_is_read_again_from_every_relay() {
        let conn = database();
        let relays = ["one", "two"].map(|url| ensure_relay(&conn, url).unwrap().number);
        for relay in relays {
            advance_cursor(&conn, relay, BOX, (9, LAST)).unwrap();
            advance_cursor(&conn, relay, MailboxId([5; 32]), (9, LAST)).unwrap();
        }
        rewind_all(&conn, BOX).unwrap();
        for relay in relays {
            assert_eq!(cursor(&conn, relay, BOX).unwrap(), 0);
            assert_eq!(cursor(&conn, relay, MailboxId([5; 32])).unwrap(), 9);
        }
    }
}
