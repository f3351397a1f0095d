//! Retirement, its end, and the way back.
//!
//! Invariant: a row with a time in `retired` is not served and keeps its bytes; -1 says they are gone. The envelope at
//! the head has its time in the mailbox's row until the head moves on.

use super::append::find;
use crate::RelayError;
use crate::storage::{MailboxNumber, Retirement};
use rusqlite::{Connection, OptionalExtension, params};

/// Rows one call of [`purge`] lets go of.
const PURGE_ROWS: i64 = 1_000;

/// Answers how many were served until now.
pub(in crate::sqlite) fn retire(
    connection: &Connection,
    retirement: &Retirement,
    now: i64,
) -> Result<u64, RelayError> {
    let mailbox = retirement.mailbox;
    let head: Option<i64> = connection
        .prepare_cached("SELECT head FROM mailbox WHERE number = ?1 AND expires_at > ?2")?
        .query_row([mailbox.0, now], |row| row.get(0))
        .optional()?;
    let head = head.ok_or(RelayError::NOT_FOUND)?;
    let mut retired = 0;
    for id in &retirement.ids {
        let Some(known) = find(connection, mailbox, id)?.filter(|known| !known.is_retired) else {
            continue;
        };
        retired += match known.seq == head {
            true => connection
                .prepare_cached(
                    "UPDATE mailbox SET head_retired = ?2 WHERE number = ?1 AND head_retired IS NULL",
                )?
                .execute([mailbox.0, now])?,
            false => connection
                .prepare_cached("UPDATE log SET retired = ?2 WHERE number = ?1")?
                .execute([known.number, now])?,
        };
    }
    for blob in &retirement.blobs {
        retired += connection
            .prepare_cached(
                "UPDATE blob SET retired = ?3 WHERE mailbox = ?1 AND id = ?2 AND retired IS NULL",
            )?
            .execute(params![mailbox.0, blob.as_ref(), now])?;
    }
    Ok(retired as u64)
}

/// Answers how many are served again.
pub(in crate::sqlite) fn bring_back(
    connection: &Connection,
    mailbox: MailboxNumber,
    since: i64,
) -> Result<u64, RelayError> {
    let mut count = 0;
    for statement in [
        "UPDATE log SET retired = NULL WHERE mailbox = ?1 AND retired >= max(?2, 0)",
        "UPDATE blob SET retired = NULL WHERE mailbox = ?1 AND retired >= max(?2, 0)",
        "UPDATE mailbox SET head_retired = NULL WHERE number = ?1 AND head_retired >= ?2",
    ] {
        count += connection.execute(statement, [mailbox.0, since])?;
    }
    Ok(count as u64)
}

/// Lets go of bytes retired at or before `before`; `true` when none are left.
pub(in crate::sqlite) fn purge(connection: &Connection, before: i64) -> Result<bool, RelayError> {
    let due: Vec<(i64, i64, i64)> = connection
        .prepare_cached(
            "SELECT number, mailbox, length(bytes) FROM log
             WHERE retired >= 0 AND retired <= ?1 LIMIT ?2",
        )?
        .query_map([before, PURGE_ROWS], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    for (number, mailbox, length) in &due {
        connection
            .prepare_cached("UPDATE log SET retired = -1, bytes = x'' WHERE number = ?1")?
            .execute([number])?;
        connection
            .prepare_cached("UPDATE mailbox SET bytes = max(bytes - ?2, 0) WHERE number = ?1")?
            .execute([mailbox, length])?;
    }
    Ok((due.len() as i64) < PURGE_ROWS)
}
