//! What is counted for blobs. Their bytes are files.

use super::append::fits;
use crate::RelayError;
use crate::storage::{BlobPlace, Quota};
use rusqlite::{Connection, OptionalExtension, params};

/// Counts a blob once, at the largest size anybody announced for it: a smaller announcement would hide what has arrived.
pub(in crate::sqlite) fn reserve(
    connection: &Connection,
    blob: BlobPlace,
    size: i64,
    quota: Quota,
    now: i64,
) -> Result<(), RelayError> {
    let kept: Option<(i64, i64, bool)> = connection
        .prepare_cached(
            "SELECT bytes, objects, is_closed FROM mailbox WHERE number = ?1 AND expires_at > ?2",
        )?
        .query_row([blob.mailbox.0, now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let (bytes, objects, is_closed) = kept.ok_or(RelayError::NOT_FOUND)?;
    if is_closed {
        return Err(RelayError::CLOSED);
    }
    let known: Option<i64> = connection
        .prepare_cached("SELECT size FROM blob WHERE mailbox = ?1 AND id = ?2")?
        .query_row(params![blob.mailbox.0, blob.blob.as_ref()], |row| {
            row.get(0)
        })
        .optional()?;
    let (more, object) = match known {
        Some(known) => (size.saturating_sub(known).max(0), 0),
        None => (size, 1),
    };
    let is_more = more > 0 || object > 0;
    if is_more && !fits(quota, bytes, more, objects - 1 + object) {
        return Err(RelayError::QUOTA);
    }
    connection
        .prepare_cached(
            "INSERT INTO blob (mailbox, id, size) VALUES (?1, ?2, ?3)
             ON CONFLICT (mailbox, id) DO UPDATE SET retired = NULL, size = max(size, excluded.size)",
        )?
        .execute(params![blob.mailbox.0, blob.blob.as_ref(), size])?;
    connection
        .prepare_cached(
            "UPDATE mailbox SET bytes = bytes + ?2, objects = objects + ?3,
             expires_at = iif(is_lasting, 9223372036854775807, expires_at) WHERE number = ?1",
        )?
        .execute([blob.mailbox.0, more, object])?;
    Ok(())
}

/// Gives back what was counted; `true` when nothing is counted any more.
pub(in crate::sqlite) fn release(
    connection: &Connection,
    blob: BlobPlace,
    retired_before: Option<i64>,
) -> Result<bool, RelayError> {
    let place = params![blob.mailbox.0, blob.blob.as_ref()];
    let known: Option<(i64, Option<i64>)> = connection
        .prepare_cached("SELECT size, retired FROM blob WHERE mailbox = ?1 AND id = ?2")?
        .query_row(place, |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((size, retired)) = known else {
        return Ok(true);
    };
    if let Some(before) = retired_before
        && retired.is_none_or(|at| at > before)
    {
        return Ok(false);
    }
    connection
        .prepare_cached("DELETE FROM blob WHERE mailbox = ?1 AND id = ?2")?
        .execute(place)?;
    connection
        .prepare_cached(
            "UPDATE mailbox SET bytes = max(bytes - ?2, 0), objects = max(objects - 1, 0)
             WHERE number = ?1",
        )?
        .execute([blob.mailbox.0, size])?;
    Ok(true)
}
