//! What relays may let go of: which envelopes carried a change, which pieces no snapshot lists any more, and which relays
//! were asked already.
//!
//! Rows go when every relay was asked. A relay that comes back from an old copy shows its envelopes again when it is read
//! again, and their rows with them.

use super::ensure_author;
use crate::error::Result;
use carnet_wire::{Author, BlobId, EnvelopeId, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};

/// Notes which envelope carried a change.
pub fn put_placed(
    conn: &Connection,
    envelope: EnvelopeId,
    log: i64,
    author: &Author,
    seq: u64,
    mailbox: MailboxId,
) -> Result<()> {
    let author = ensure_author(conn, author)?;
    conn.prepare_cached(
        "INSERT INTO placed (envelope, log, author, seq, mailbox) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        envelope.as_ref(),
        log,
        author,
        seq,
        mailbox.as_ref()
    ])?;
    Ok(())
}

/// The bit that says that a relay let go of an envelope. Relays beyond the 62nd are asked again every time.
fn relay_bit(relay: i64) -> i64 {
    if (1..=62).contains(&relay) {
        1 << relay
    } else {
        0
    }
}

/// Envelopes of an author's changes up to `last` that a relay was not yet asked to let go of.
pub fn to_retire(
    conn: &Connection,
    relay: i64,
    log: i64,
    author: &Author,
    last: u64,
    most: usize,
) -> Result<Vec<(MailboxId, EnvelopeId)>> {
    let author = ensure_author(conn, author)?;
    let mut query = conn.prepare_cached(
        "SELECT mailbox, envelope FROM placed WHERE log = ?1 AND author = ?2 AND seq <= ?3 AND retired & ?4 = 0 LIMIT ?5",
    )?;
    let rows = query.query_map(
        params![log, author, last, relay_bit(relay), most as i64],
        |row| Ok((MailboxId(row.get(0)?), EnvelopeId(row.get(1)?))),
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a relay let go of an envelope.
pub fn set_retired(conn: &Connection, relay: i64, envelope: EnvelopeId) -> Result<()> {
    conn.prepare_cached("UPDATE placed SET retired = retired | ?2 WHERE envelope = ?1")?
        .execute(params![envelope.as_ref(), relay_bit(relay)])?;
    Ok(())
}

/// Notes that a relay began another life: what it let go of may be back.
pub fn forget_retired(conn: &Connection, relay: i64) -> Result<()> {
    for table in ["placed", "piece"] {
        conn.execute(
            &format!("UPDATE {table} SET retired = retired & ~?1"),
            [relay_bit(relay)],
        )?;
    }
    Ok(())
}

/// Pieces of a log, with their mailboxes, that a relay was not yet asked to let go of. Whoever asks leaves out those that
/// are still listed.
pub fn pieces_to_retire(
    conn: &Connection,
    relay: i64,
    log: i64,
) -> Result<Vec<(MailboxId, BlobId)>> {
    let mut query = conn.prepare_cached(
        "SELECT mailbox, blob FROM piece WHERE log = ?1 AND wanted = 0 AND retired & ?2 = 0",
    )?;
    let rows = query.query_map(params![log, relay_bit(relay)], |row| {
        Ok((MailboxId(row.get(0)?), BlobId(row.get(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The pieces of a log that are not to be fetched.
pub fn pieces(conn: &Connection, log: i64) -> Result<Vec<BlobId>> {
    let mut query = conn.prepare_cached("SELECT blob FROM piece WHERE log = ?1 AND wanted = 0")?;
    let rows = query.query_map([log], |row| Ok(BlobId(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a relay let go of a piece.
pub fn set_piece_retired(conn: &Connection, relay: i64, blob: BlobId) -> Result<()> {
    conn.prepare_cached("UPDATE piece SET retired = retired | ?2 WHERE blob = ?1")?
        .execute(params![blob.as_ref(), relay_bit(relay)])?;
    conn.prepare_cached("DELETE FROM delivered WHERE relay = ?1 AND blob = ?2")?
        .execute(params![relay, blob.as_ref()])?;
    Ok(())
}

/// Whether there is anything [`forget_gone`] would forget.
pub fn has_gone(conn: &Connection, relays: &[i64], log: i64) -> Result<bool> {
    let all = relays.iter().fold(0, |all, relay| all | relay_bit(*relay));
    let mut query = conn.prepare_cached(
        "SELECT 1 FROM placed WHERE log = ?1 AND retired != 0 AND retired & ?2 = ?2 UNION ALL
         SELECT 1 FROM piece WHERE log = ?1 AND retired != 0 AND retired & ?2 = ?2 LIMIT 1",
    )?;
    Ok(query.exists(params![log, all])?)
}

/// Forgets envelopes and pieces of a log that all of these relays let go of.
pub fn forget_gone(conn: &Connection, relays: &[i64], log: i64) -> Result<()> {
    let all = relays.iter().fold(0, |all, relay| all | relay_bit(*relay));
    for table in ["placed", "piece"] {
        conn.execute(
            &format!("DELETE FROM {table} WHERE log = ?1 AND retired != 0 AND retired & ?2 = ?2"),
            params![log, all],
        )?;
    }
    Ok(())
}

/// Whether all of these relays, and at least one, are known to hold a blob.
pub fn is_delivered_to_all(conn: &Connection, relays: &[i64], blob: BlobId) -> Result<bool> {
    for relay in relays {
        if !super::is_delivered(conn, *relay, &blob.0)? {
            return Ok(false);
        }
    }
    Ok(!relays.is_empty())
}

/// When a relay was last asked for the pieces it holds, in milliseconds of this device's clock.
pub fn pieces_asked(conn: &Connection, relay: i64) -> Result<i64> {
    let mut query = conn.prepare_cached("SELECT pieces_asked FROM relay WHERE relay = ?1")?;
    Ok(query
        .query_row([relay], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// Forgets which pieces a relay is known to hold: it is asked again.
pub fn doubt_pieces(conn: &Connection, relay: i64, now: i64) -> Result<()> {
    conn.execute(
        "DELETE FROM delivered WHERE relay = ?1 AND blob IN (SELECT blob FROM piece)",
        [relay],
    )?;
    conn.execute(
        "UPDATE relay SET pieces_asked = ?2 WHERE relay = ?1",
        params![relay, now],
    )?;
    Ok(())
}
