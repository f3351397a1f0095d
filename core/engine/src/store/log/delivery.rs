//! What went to relays and came from them: the outbox, relays and their sessions, cursors, delivered documents.
//!
//! The outbox is acknowledged in order and a cursor moves with the rows it covers, so that sending or reading again after
//! a lost answer is harmless (INV-7).

use crate::error::Result;
use carnet_wire::{BlobId, ChangeId, EnvelopeId, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// How often a relay may give something else than the document that was asked for.
pub const MAX_REFUSALS: u32 = 3;

/// Puts a sealed change in the outbox.
pub fn enqueue(conn: &Connection, change: i64, mailbox: MailboxId, bytes: &[u8]) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO outbox (change, mailbox, envelope, bytes) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![
        change,
        mailbox.as_ref(),
        EnvelopeId::derive(bytes).as_ref(),
        bytes
    ])?;
    Ok(())
}

/// A relay this vault syncs with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayState {
    /// Local number.
    pub number: i64,
    /// Which life of the relay the cursors belong to; none before the first answer.
    pub generation: Option<u64>,
    /// Last outbox row it acknowledged.
    pub acknowledged: i64,
    /// Session token.
    pub token: Option<[u8; 32]>,
    /// Hash of the mailboxes the token opens.
    pub covers: Option<[u8; 32]>,
}

impl RelayState {
    /// The token, if it was opened for exactly the mailboxes that `covers` names.
    pub fn session_for(&self, covers: [u8; 32]) -> Option<[u8; 32]> {
        self.token.filter(|_| self.covers == Some(covers))
    }
}

/// The state kept for a relay. One that nothing is kept of has the number 0, which no row has.
pub fn relay(conn: &Connection, url: &str) -> Result<RelayState> {
    let mut query = conn.prepare_cached(
        "SELECT relay, generation, acknowledged, token, covers FROM relay WHERE url = ?1",
    )?;
    let known = query.query_row([url], |row| {
        Ok(RelayState {
            number: row.get(0)?,
            generation: row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
            acknowledged: row.get(2)?,
            token: row.get(3)?,
            covers: row.get(4)?,
        })
    });
    Ok(known.optional()?.unwrap_or_default())
}

/// The state kept for a relay, made when it is new: only when there is something to remember of it.
pub fn ensure_relay(conn: &Connection, url: &str) -> Result<RelayState> {
    conn.execute(
        "INSERT INTO relay (url) VALUES (?1) ON CONFLICT DO NOTHING",
        [url],
    )?;
    relay(conn, url)
}

/// Remembers the session of a relay, or forgets it.
pub fn set_session(
    conn: &Connection,
    relay: i64,
    session: Option<(&[u8; 32], &[u8; 32])>,
) -> Result<()> {
    let (token, covers) = session.unzip();
    conn.execute(
        "UPDATE relay SET token = ?2, covers = ?3 WHERE relay = ?1",
        params![relay, token, covers],
    )?;
    Ok(())
}

/// Notes the relay's generation. When it changed the relay lost its tail: everything is read again, and what it no longer
/// lists is sent again. Returns whether it changed.
pub fn set_generation(conn: &Connection, relay: &RelayState, generation: u64) -> Result<bool> {
    if relay.generation == Some(generation) {
        return Ok(false);
    }
    conn.execute(
        "UPDATE relay SET generation = ?2 WHERE relay = ?1",
        params![relay.number, generation.cast_signed()],
    )?;
    if relay.generation.is_some() {
        start_over(conn, relay.number)?;
        return Ok(true);
    }
    Ok(false)
}

/// Forgets what a relay gave and was seen to hold: all of it is read again, and what it then does not list is sent again,
/// this device's changes and others'. What was acknowledged stays so, or a phone would send its whole history.
pub fn start_over(conn: &Connection, relay: i64) -> Result<()> {
    for table in [
        "cursor",
        "closed",
        "delivered",
        "transfer",
        "listed",
        "audited",
        "resent",
    ] {
        conn.execute(&format!("DELETE FROM {table} WHERE relay = ?1"), [relay])?;
    }
    super::forget_retired(conn, relay)?;
    Ok(())
}

/// One envelope waiting to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Row of the outbox.
    pub outbox: i64,
    /// Where it goes.
    pub mailbox: MailboxId,
    /// The envelope.
    pub bytes: Vec<u8>,
}

/// The next envelopes a relay has not acknowledged: at least one if there is one, then up to the limits.
pub fn unsent(
    conn: &Connection,
    acknowledged: i64,
    max_count: usize,
    max_bytes: usize,
) -> Result<Vec<Outgoing>> {
    let mut query = conn.prepare_cached(
        "SELECT outbox, mailbox, bytes FROM outbox WHERE outbox > ?1 ORDER BY outbox LIMIT ?2",
    )?;
    let mut rows = query.query(params![acknowledged, max_count as i64])?;
    let (mut batch, mut size) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let bytes: Vec<u8> = row.get(2)?;
        size += bytes.len();
        if size > max_bytes && !batch.is_empty() {
            break;
        }
        batch.push(Outgoing {
            outbox: row.get(0)?,
            mailbox: MailboxId(row.get(1)?),
            bytes,
        });
    }
    Ok(batch)
}

/// The last row of the outbox: it grows with everything that is written here.
pub fn newest_outbox(conn: &Connection) -> Result<i64> {
    let mut query = conn.prepare_cached("SELECT coalesce(max(outbox), 0) FROM outbox")?;
    Ok(query.query_row([], |row| row.get(0))?)
}

/// How many envelopes a relay has not acknowledged; all of them where no relay is known.
pub fn unsent_count(conn: &Connection, relay: Option<&str>) -> Result<u64> {
    let count = conn.query_row(
        "SELECT count(*) FROM outbox WHERE outbox > coalesce((SELECT acknowledged FROM relay WHERE url = ?1), 0)",
        [relay],
        |row| row.get(0),
    )?;
    Ok(count)
}

/// Whether a relay has acknowledged a change, or somebody else's device sent it.
pub fn is_sent(conn: &Connection, change: ChangeId) -> Result<bool> {
    let mut query = conn.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM outbox JOIN change USING (change) WHERE id = ?1
         AND outbox > coalesce((SELECT max(acknowledged) FROM relay), 0))",
    )?;
    Ok(query.query_row([change.as_ref()], |row| row.get(0))?)
}

/// Notes that a relay holds everything of the outbox up to `outbox`. Never goes back: two processes may push at once.
pub fn acknowledge(conn: &Connection, relay: i64, outbox: i64) -> Result<()> {
    conn.execute(
        "UPDATE relay SET acknowledged = max(acknowledged, ?2) WHERE relay = ?1",
        params![relay, outbox],
    )?;
    Ok(())
}

/// Where to go on reading a mailbox at a relay.
pub fn cursor(conn: &Connection, relay: i64, mailbox: MailboxId) -> Result<u64> {
    let mut query =
        conn.prepare_cached("SELECT after FROM cursor WHERE relay = ?1 AND mailbox = ?2")?;
    Ok(query
        .query_row(params![relay, mailbox.as_ref()], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// Moves a cursor forward to a number and the envelope that stands there, in the transaction that keeps the rows it covers
/// (INV-7).
pub fn advance_cursor(
    conn: &Connection,
    relay: i64,
    mailbox: MailboxId,
    (after, envelope): Landmark,
) -> Result<()> {
    set_landmark(conn, relay, mailbox, (after, envelope))?;
    conn.prepare_cached(
        "UPDATE cursor SET after = max(after, ?3) WHERE relay = ?1 AND mailbox = ?2",
    )?
    .execute(params![relay, mailbox.as_ref(), after])?;
    Ok(())
}

/// A number of a mailbox and the envelope that stands there.
pub type Landmark = (u64, EnvelopeId);

/// Remembers what stands at a number, unless it is known of a higher one. A number no database holds is of no relay that
/// counts, and is not remembered.
pub fn set_landmark(
    conn: &Connection,
    relay: i64,
    mailbox: MailboxId,
    (number, envelope): Landmark,
) -> Result<()> {
    let Ok(number) = i64::try_from(number) else {
        return Ok(());
    };
    conn.prepare_cached(
        "INSERT INTO cursor (relay, mailbox, landmark, envelope) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE
         SET landmark = excluded.landmark, envelope = excluded.envelope WHERE excluded.landmark > landmark",
    )?
    .execute(params![relay, mailbox.as_ref(), number, envelope.as_ref()])?;
    Ok(())
}

/// The landmark of every mailbox of a relay.
pub fn landmarks(conn: &Connection, relay: i64) -> Result<BTreeMap<MailboxId, Landmark>> {
    let mut query = conn.prepare_cached(
        "SELECT mailbox, landmark, envelope FROM cursor WHERE relay = ?1 AND envelope IS NOT NULL",
    )?;
    let rows = query.query_map([relay], |row| {
        let landmark = (row.get(1)?, EnvelopeId(row.get(2)?));
        Ok((MailboxId(row.get(0)?), landmark))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Puts a cursor back before a number the relay left out, while a change behind it waits for an earlier one.
pub fn rewind_cursor(conn: &Connection, relay: i64, mailbox: MailboxId, after: u64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO cursor (relay, mailbox, after) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET after = excluded.after",
    )?
    .execute(params![relay, mailbox.as_ref(), after])?;
    Ok(())
}

/// Whether a relay is known to hold a sealed document or piece.
pub fn is_delivered(conn: &Connection, relay: i64, blob: &[u8; 32]) -> Result<bool> {
    let mut query =
        conn.prepare_cached("SELECT 1 FROM delivered WHERE relay = ?1 AND blob = ?2")?;
    Ok(query.exists(params![relay, blob])?)
}

/// Notes that the bytes of an attachment are both here and at a relay.
pub fn set_delivered(conn: &Connection, relay: i64, blob: &[u8; 32]) -> Result<()> {
    conn.execute(
        "INSERT INTO delivered VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![relay, blob],
    )?;
    conn.execute(
        "DELETE FROM transfer WHERE relay = ?1 AND blob = ?2",
        params![relay, blob],
    )?;
    Ok(())
}

/// A sealed document some change names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedBlob {
    /// The compartment's log.
    pub log: i64,
    /// Hash of the ciphertext.
    pub blob: BlobId,
    /// Length of the ciphertext, as its author says.
    pub sealed_size: u64,
    /// Bytes the platform's transfer service has sent to the relay.
    pub sent: u64,
}

/// Sealed documents that merged changes name and whose bytes are not known to be on both sides: what was asked for in vain
/// least often first, then the newest.
pub fn missing_blobs(conn: &Connection, relay: i64) -> Result<Vec<NamedBlob>> {
    let mut query = conn.prepare_cached(
        "SELECT min(log), a.blob, max(sealed_size), coalesce(t.sent, 0) FROM attachment a
         LEFT JOIN transfer t ON t.relay = ?1 AND t.blob = a.blob
         WHERE NOT EXISTS (SELECT 1 FROM delivered d WHERE d.relay = ?1 AND d.blob = a.blob)
         AND coalesce(t.refusals, 0) < ?2
         GROUP BY a.blob ORDER BY coalesce(t.tries, 0), max(origin) DESC",
    )?;
    let rows = query.query_map(params![relay, MAX_REFUSALS], |row| {
        Ok(NamedBlob {
            log: row.get(0)?,
            blob: BlobId(row.get(1)?),
            sealed_size: row.get(2)?,
            sent: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Every sealed document that merged changes name, the newest first.
pub fn named_blobs(conn: &Connection) -> Result<Vec<NamedBlob>> {
    // Nothing is kept of a relay with the number 0.
    missing_blobs(conn, 0)
}

/// The document of this name, as merged changes describe it.
pub fn named_blob(conn: &Connection, relay: i64, blob: BlobId) -> Result<Option<NamedBlob>> {
    let mut query = conn.prepare_cached(
        "SELECT min(log), max(sealed_size), coalesce((SELECT sent FROM transfer WHERE relay = ?1 AND blob = ?2), 0)
         FROM attachment WHERE blob = ?2 HAVING count(*) > 0",
    )?;
    let found = query.query_row(params![relay, blob.as_ref()], |row| {
        Ok(NamedBlob {
            log: row.get(0)?,
            blob,
            sealed_size: row.get(1)?,
            sent: row.get(2)?,
        })
    });
    Ok(found.optional()?)
}

/// Notes that a document was asked for in vain: others go first next time.
pub fn count_try(conn: &Connection, relay: i64, blob: BlobId) -> Result<()> {
    count(conn, relay, blob, "tries")
}

/// Notes that what a relay gave was not the document. After [`MAX_REFUSALS`] it is not asked for any more: a member who gives
/// a large document a wrong name must not cost its bytes at every sync.
pub fn count_refusal(conn: &Connection, relay: i64, blob: BlobId) -> Result<()> {
    count(conn, relay, blob, "refusals")
}

fn count(conn: &Connection, relay: i64, blob: BlobId, column: &str) -> Result<()> {
    conn.prepare_cached(&format!(
        "INSERT INTO transfer (relay, blob, {column}) VALUES (?1, ?2, 1)
         ON CONFLICT DO UPDATE SET {column} = {column} + 1"
    ))?
    .execute(params![relay, blob.as_ref()])?;
    Ok(())
}

/// Notes how much of a document the platform's transfer service has sent.
pub fn set_sent(conn: &Connection, relay: i64, blob: BlobId, sent: u64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO transfer (relay, blob, sent) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET sent = excluded.sent",
    )?
    .execute(params![relay, blob.as_ref(), sent])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{author, change, database};
    use super::super::{Runs, ensure_log, list, listed_in};
    use super::*;
    use carnet_wire::{CompartmentId, RecordId};

    const BOX: MailboxId = MailboxId([4; 32]);
    const LAST: EnvelopeId = EnvelopeId([9; 32]);

    fn outbox(count: u8) -> Connection {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let mut prev = ChangeId([0; 32]);
        for seq in 1..=count {
            prev = change(&conn, log, 7, u64::from(seq), prev, u64::from(seq)).unwrap();
            enqueue(&conn, i64::from(seq), BOX, &[seq; 100]).unwrap();
        }
        conn
    }

    #[test]
    fn a_batch_holds_at_least_one_and_keeps_its_limits() {
        let conn = outbox(5);
        assert_eq!(unsent(&conn, 0, 10, 1).unwrap().len(), 1);
        assert_eq!(unsent(&conn, 0, 10, 250).unwrap().len(), 2);
        assert_eq!(unsent(&conn, 0, 3, usize::MAX).unwrap().len(), 3);
        assert_eq!(unsent(&conn, 4, 10, usize::MAX).unwrap()[0].bytes, [5; 100]);
    }

    #[test]
    fn acknowledgements_never_go_back_and_a_relay_that_lost_its_tail_is_read_anew() {
        let conn = outbox(5);
        assert_eq!(relay(&conn, "r").unwrap(), RelayState::default());
        let known = ensure_relay(&conn, "r").unwrap();
        acknowledge(&conn, known.number, 4).unwrap();
        acknowledge(&conn, known.number, 2).unwrap();
        assert_eq!(unsent_count(&conn, Some("r")).unwrap(), 1);
        assert_eq!(unsent_count(&conn, None).unwrap(), 5);
        assert!(!set_generation(&conn, &known, 1).unwrap());
        advance_cursor(&conn, known.number, BOX, (9, LAST)).unwrap();
        let known = relay(&conn, "r").unwrap();
        assert!(!set_generation(&conn, &known, 1).unwrap());
        let mut runs = Runs::default();
        runs.add(author(7), 1, 4);
        list(&conn, known.number, BOX, &runs).unwrap();
        assert!(set_generation(&conn, &known, 2).unwrap());
        // What it holds of the others is seen when it is read again.
        assert_eq!(unsent_count(&conn, Some("r")).unwrap(), 1);
        let listed = listed_in(&conn, known.number, BOX).unwrap();
        assert_eq!(listed.missing(&author(7), 5).len(), 1);
        assert_eq!(listed, Runs::default());
        assert_eq!(cursor(&conn, known.number, BOX).unwrap(), 0);
    }

    #[test]
    fn documents_are_asked_for_in_turn_and_wrong_ones_no_more() {
        let conn = outbox(0);
        conn.execute_batch(include_str!("../schema/views.sql"))
            .unwrap();
        conn.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
        let relay = ensure_relay(&conn, "r").unwrap().number;
        for (origin, byte) in [(1, 1_u8), (2, 2), (3, 3)] {
            conn.execute(
                "INSERT INTO attachment VALUES (1, ?2, ?1, ?3, 0, x'', 5, 9, 'text/plain')",
                params![[byte; 32], [byte; 16], origin],
            )
            .unwrap();
        }
        let missing = || -> Vec<u8> {
            let named = missing_blobs(&conn, relay).unwrap();
            named.iter().map(|named| named.blob.0[0]).collect()
        };
        assert_eq!(missing(), [3, 2, 1]);
        count_try(&conn, relay, BlobId([3; 32])).unwrap();
        assert_eq!(missing(), [2, 1, 3]);
        for _ in 0..MAX_REFUSALS {
            assert_eq!(missing(), [2, 1, 3]);
            count_refusal(&conn, relay, BlobId([2; 32])).unwrap();
        }
        assert_eq!(missing(), [1, 3]);
        set_sent(&conn, relay, BlobId([1; 32]), 4).unwrap();
        set_sent(&conn, relay, BlobId([1; 32]), 7).unwrap();
        let sent = |blob| named_blob(&conn, relay, blob).unwrap().map(|one| one.sent);
        assert_eq!(sent(BlobId([1; 32])), Some(7));
        assert_eq!(sent(BlobId([9; 32])), None);
        set_delivered(&conn, relay, &[1; 32]).unwrap();
        assert_eq!((missing(), sent(BlobId([1; 32]))), (vec![3], Some(0)));
        start_over(&conn, relay).unwrap();
        assert_eq!(missing(), [3, 2, 1]);
    }

    #[test]
    fn a_cursor_only_goes_back_when_it_is_told_to() {
        let conn = outbox(0);
        let number = ensure_relay(&conn, "r").unwrap().number;
        advance_cursor(&conn, number, BOX, (9, LAST)).unwrap();
        advance_cursor(&conn, number, BOX, (3, EnvelopeId([4; 32]))).unwrap();
        assert_eq!(
            landmarks(&conn, number).unwrap(),
            BTreeMap::from([(BOX, (9, LAST))])
        );
        assert_eq!(cursor(&conn, number, BOX).unwrap(), 9);
        rewind_cursor(&conn, number, BOX, 3).unwrap();
        assert_eq!(cursor(&conn, number, BOX).unwrap(), 3);
    }
}
