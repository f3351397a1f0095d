//! Mailboxes as they come and go.

use crate::RelayError;
use crate::storage::{Closing, MailboxNumber, UNUSED_SECONDS};
use carnet_wire::relay::Registration;
use rusqlite::{Connection, params};

/// Rows one call of [`forget`] deletes: keeps the write-ahead log and the wait of others bounded.
pub(super) const FORGET_ROWS: i64 = 1_000;

/// Whoever calls this undoes it whole when one is in conflict.
pub(in crate::sqlite) fn register(
    connection: &Connection,
    mailboxes: &[Registration],
    now: i64,
) -> Result<(), RelayError> {
    for mailbox in mailboxes {
        if !register_one(connection, mailbox, now)? {
            return Err(RelayError::CONFLICT);
        }
    }
    Ok(())
}

fn register_one(
    connection: &Connection,
    mailbox: &Registration,
    now: i64,
) -> Result<bool, RelayError> {
    // A mailbox that has ended but was not swept yet gives up its id; its number and its rows go with the next sweep.
    connection
        .prepare_cached(
            "UPDATE mailbox SET id = randomblob(32) WHERE id = ?1 AND expires_at <= ?2",
        )?
        .execute(params![mailbox.mailbox.as_ref(), now])?;
    connection
        .prepare_cached(
            "INSERT INTO mailbox (id, expires_at, is_lasting, read_key, write_key, retire_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![
            mailbox.mailbox.as_ref(),
            end_of(mailbox.lifetime, now),
            mailbox.lifetime == 0,
            mailbox.read_key,
            mailbox.write_key,
            mailbox.retire_key,
        ])?;
    Ok(connection
        .prepare_cached(
            "SELECT is_closed OR read_key = ?2 AND write_key = ?3 AND retire_key = ?4
             FROM mailbox WHERE id = ?1",
        )?
        .query_row(
            params![
                mailbox.mailbox.as_ref(),
                mailbox.read_key,
                mailbox.write_key,
                mailbox.retire_key,
            ],
            |row| row.get(0),
        )?)
}

fn end_of(lifetime: u32, now: i64) -> i64 {
    let seconds = match lifetime {
        0 => UNUSED_SECONDS.cast_signed(),
        _ => lifetime.into(),
    };
    // One less than the end of time, which means "kept".
    now.saturating_add(seconds).min(i64::MAX - 1)
}

/// Closes mailboxes, for good, to the keys given.
pub(in crate::sqlite) fn close(
    connection: &Connection,
    closings: &[Closing],
) -> Result<(), RelayError> {
    for one in closings {
        connection
            .prepare_cached(
                "UPDATE mailbox SET is_closed = 1, read_key = ?2, retire_key = ?3 WHERE number = ?1",
            )?
            .execute(params![one.mailbox.0, one.read_key, one.retire_key])?;
    }
    Ok(())
}

/// Ends a mailbox now.
pub(in crate::sqlite) fn delete(
    connection: &Connection,
    mailbox: MailboxNumber,
    now: i64,
) -> Result<(), RelayError> {
    let ended = connection
        .prepare_cached(
            "UPDATE mailbox SET expires_at = ?2, is_lasting = 0 WHERE number = ?1 AND expires_at > ?2",
        )?
        .execute(params![mailbox.0, now])?;
    match ended {
        0 => Err(RelayError::NOT_FOUND),
        _ => Ok(()),
    }
}

/// Deletes rows, then mailboxes; `true` when nothing of them is left.
pub(in crate::sqlite) fn forget(
    connection: &Connection,
    mailboxes: &[MailboxNumber],
) -> Result<bool, RelayError> {
    let mut left = FORGET_ROWS;
    for mailbox in mailboxes {
        let deleted = connection
            .prepare_cached(
                "DELETE FROM log WHERE number IN
                 (SELECT number FROM log INDEXED BY log_by_envelope WHERE mailbox = ?1 LIMIT ?2)",
            )?
            .execute([mailbox.0, left])?;
        left -= i64::try_from(deleted).unwrap_or(left);
        if left <= 0 {
            return Ok(false);
        }
        connection
            .prepare_cached("DELETE FROM blob WHERE mailbox = ?1")?
            .execute([mailbox.0])?;
        connection
            .prepare_cached("DELETE FROM mailbox WHERE number = ?1")?
            .execute([mailbox.0])?;
    }
    Ok(true)
}
