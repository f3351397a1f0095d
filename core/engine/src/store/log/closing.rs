//! Which mailboxes a relay was told to close, and to which epoch's keys.

use crate::error::Result;
use carnet_wire::{EpochId, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};

/// The epoch whose keys a mailbox was closed to; none when this device did not have it closed.
pub fn closed_to(conn: &Connection, relay: i64, mailbox: MailboxId) -> Result<Option<EpochId>> {
    let mut query =
        conn.prepare_cached("SELECT heir FROM closed WHERE relay = ?1 AND mailbox = ?2")?;
    let heir = query.query_row(params![relay, mailbox.as_ref()], |row| row.get(0));
    Ok(heir.optional()?.map(EpochId))
}

/// Notes that a relay was told.
pub fn set_closed(conn: &Connection, relay: i64, mailbox: MailboxId, heir: EpochId) -> Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO closed (relay, mailbox, heir) VALUES (?1, ?2, ?3)",
    )?
    .execute(params![relay, mailbox.as_ref(), heir.as_ref()])?;
    Ok(())
}
