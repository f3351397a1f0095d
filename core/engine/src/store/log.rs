//! The log side of the database: chains, changes, the outbox, cursors, quarantine, epochs. Rows in, rows out: what they
//! mean is decided by `sync`, `seal` and the vault.
//!
//! Every function runs inside a transaction of its caller; none begins one.

use crate::error::{Error, Result};
use carnet_wire::{
    Author, BlobId, ChangeId, CompartmentId, DeviceId, EnvelopeId, EpochId, Header, Incarnation,
    MailboxId, RecordId, Seen,
};
use rusqlite::{Connection, OptionalExtension, params};

/// Most bytes the quarantine may hold: a relay that invents envelopes cannot fill the disk.
pub const MAX_QUARANTINE_BYTES: u64 = 256 << 20;

/// The log of one compartment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its local number, which other tables refer to.
    pub number: i64,
    /// The record (or account).
    pub record: RecordId,
    /// The compartment.
    pub compartment: CompartmentId,
    /// The compartment's name.
    pub name: String,
}

/// Reads a setting.
pub fn meta(conn: &Connection, key: &str) -> Result<Option<Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    Ok(query.query_row([key], |row| row.get(0)).optional()?)
}

/// Writes a setting.
pub fn set_meta(conn: &Connection, key: &str, value: &[u8]) -> Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    insert.execute(params![key, value])?;
    Ok(())
}

/// Reads a sealed private key.
pub fn secret(conn: &Connection, slot: &str) -> Result<Option<Vec<u8>>> {
    let mut query = conn.prepare_cached("SELECT sealed FROM secret WHERE slot = ?1")?;
    Ok(query.query_row([slot], |row| row.get(0)).optional()?)
}

/// Writes a sealed private key.
pub fn set_secret(conn: &Connection, slot: &str, sealed: &[u8]) -> Result<()> {
    conn.execute(
        "INSERT INTO secret VALUES (?1, ?2) ON CONFLICT DO UPDATE SET sealed = excluded.sealed",
        params![slot, sealed],
    )?;
    Ok(())
}

/// The log of a compartment, made when it is new.
pub fn ensure_log(
    conn: &Connection,
    record: RecordId,
    compartment: CompartmentId,
    name: &str,
) -> Result<i64> {
    if let Some(log) = log_of(conn, record, compartment)? {
        return Ok(log.number);
    }
    let mut insert =
        conn.prepare_cached("INSERT INTO log (record, compartment, name) VALUES (?1, ?2, ?3)")?;
    Ok(insert.insert(params![record.as_ref(), compartment.as_ref(), name])?)
}

/// The log of a compartment, if this vault holds it.
pub fn log_of(
    conn: &Connection,
    record: RecordId,
    compartment: CompartmentId,
) -> Result<Option<Log>> {
    let mut query = conn.prepare_cached(
        "SELECT log, record, compartment, name FROM log WHERE record = ?1 AND compartment = ?2",
    )?;
    Ok(query
        .query_row(params![record.as_ref(), compartment.as_ref()], read_log)
        .optional()?)
}

/// Every log of this vault, in the order they were made.
pub fn logs(conn: &Connection) -> Result<Vec<Log>> {
    let mut query =
        conn.prepare_cached("SELECT log, record, compartment, name FROM log ORDER BY log")?;
    let logs = query
        .query_map([], read_log)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(logs)
}

fn read_log(row: &rusqlite::Row<'_>) -> rusqlite::Result<Log> {
    Ok(Log {
        number: row.get(0)?,
        record: RecordId(row.get(1)?),
        compartment: CompartmentId(row.get(2)?),
        name: row.get(3)?,
    })
}

/// The local number of an author, made when it is new.
pub fn ensure_author(conn: &Connection, author: &Author) -> Result<i64> {
    let found = {
        let mut query = conn
            .prepare_cached("SELECT author FROM author WHERE device = ?1 AND incarnation = ?2")?;
        query
            .query_row(
                params![author.device.as_ref(), author.incarnation.as_ref()],
                |row| row.get(0),
            )
            .optional()?
    };
    if let Some(number) = found {
        return Ok(number);
    }
    let mut insert =
        conn.prepare_cached("INSERT INTO author (device, incarnation) VALUES (?1, ?2)")?;
    Ok(insert.insert(params![author.device.as_ref(), author.incarnation.as_ref()])?)
}

fn read_author(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Author> {
    Ok(Author {
        device: DeviceId(row.get(at)?),
        incarnation: Incarnation(row.get(at + 1)?),
    })
}

/// How far an author's chain has been merged: the last sequence number and its change; `(0, zeros)` before the first.
pub fn position(conn: &Connection, log: i64, author: &Author) -> Result<(u64, ChangeId)> {
    let mut query = conn.prepare_cached(
        "SELECT seq, tip FROM chain JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
    )?;
    let found = query
        .query_row(
            params![log, author.device.as_ref(), author.incarnation.as_ref()],
            |row| Ok((row.get(0)?, ChangeId(row.get(1)?))),
        )
        .optional()?;
    Ok(found.unwrap_or((0, ChangeId([0; 32]))))
}

/// The version vector of a log without `except`, sorted by author.
pub fn version_vector(conn: &Connection, log: i64, except: Option<&Author>) -> Result<Vec<Seen>> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, seq FROM chain JOIN author USING (author) WHERE log = ?1",
    )?;
    let rows = query.query_map([log], |row| {
        Ok(Seen {
            author: read_author(row, 0)?,
            seq: row.get(2)?,
        })
    })?;
    let mut seen = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    seen.retain(|entry| Some(&entry.author) != except);
    seen.sort_unstable();
    Ok(seen)
}

/// The greatest logical time merged in a log.
pub fn lamport(conn: &Connection, log: i64) -> Result<u64> {
    let mut query = conn.prepare_cached("SELECT lamport FROM log WHERE log = ?1")?;
    Ok(query.query_row([log], |row| row.get(0))?)
}

/// A change as its author signed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChange {
    /// Local number.
    pub number: i64,
    /// Which log.
    pub log: i64,
    /// Lasting identity.
    pub id: ChangeId,
    /// Canonical header.
    pub header: Vec<u8>,
    /// Signature over the header.
    pub signature: [u8; 64],
    /// Compressed body.
    pub body: Vec<u8>,
}

/// Whether a change has been merged.
pub fn has_change(conn: &Connection, id: ChangeId) -> Result<bool> {
    let mut query = conn.prepare_cached("SELECT 1 FROM change WHERE id = ?1")?;
    Ok(query.exists([id.as_ref()])?)
}

/// Appends a change that continues its author's chain, and returns its local number.
pub fn append(conn: &Connection, log: i64, header: &Header, change: &StoredChange) -> Result<i64> {
    let (seq, tip) = position(conn, log, &header.author)?;
    if header.seq != seq + 1 || header.prev != tip {
        return Err(Error::Bug("a change must continue its author's chain"));
    }
    let author = ensure_author(conn, &header.author)?;
    let lamport = i64::try_from(header.lamport).map_err(|_| Error::TooLarge("logical time"))?;
    let number = conn
        .prepare_cached(
            "INSERT INTO change (log, author, seq, id, lamport, kind, header, signature, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .insert(params![
            log,
            author,
            header.seq,
            change.id.as_ref(),
            lamport,
            header.kind,
            change.header,
            change.signature,
            change.body
        ])?;
    conn.prepare_cached(
        "INSERT INTO chain VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET seq = excluded.seq, tip = excluded.tip",
    )?
    .execute(params![log, author, header.seq, change.id.as_ref()])?;
    conn.prepare_cached("UPDATE log SET lamport = max(lamport, ?2) WHERE log = ?1")?
        .execute(params![log, lamport])?;
    Ok(number)
}

/// The changes of a log and kind in canonical order (logical time, then id), without loading them all.
pub fn each_change(
    conn: &Connection,
    log: i64,
    kind: u8,
    mut visit: impl FnMut(StoredChange) -> Result<()>,
) -> Result<()> {
    let mut query = conn.prepare(
        "SELECT change, log, id, header, signature, body FROM change WHERE log = ?1 AND kind = ?2 ORDER BY lamport, id",
    )?;
    let mut rows = query.query(params![log, kind])?;
    while let Some(row) = rows.next()? {
        visit(StoredChange {
            number: row.get(0)?,
            log: row.get(1)?,
            id: ChangeId(row.get(2)?),
            header: row.get(3)?,
            signature: row.get(4)?,
            body: row.get(5)?,
        })?;
    }
    Ok(())
}

/// A stored epoch: which log, which mailbox, its parents and its secrets as `seal` writes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEpoch {
    /// Commitment to the key.
    pub epoch: EpochId,
    /// Which log.
    pub log: i64,
    /// Its mailbox.
    pub mailbox: MailboxId,
    /// Canonical list of parent epochs.
    pub parents: Vec<u8>,
    /// Canonical secrets.
    pub secrets: Vec<u8>,
}

/// Keeps an epoch; the same one again is harmless.
pub fn put_epoch(conn: &Connection, epoch: &StoredEpoch) -> Result<()> {
    conn.execute(
        "INSERT INTO epoch VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
        params![
            epoch.epoch.as_ref(),
            epoch.log,
            epoch.mailbox.as_ref(),
            epoch.parents,
            epoch.secrets
        ],
    )?;
    Ok(())
}

/// Every epoch this vault has a key of.
pub fn epochs(conn: &Connection) -> Result<Vec<StoredEpoch>> {
    let mut query = conn.prepare_cached(
        "SELECT epoch, log, mailbox, parents, secrets FROM epoch ORDER BY log, epoch",
    )?;
    let rows = query.query_map([], |row| {
        Ok(StoredEpoch {
            epoch: EpochId(row.get(0)?),
            log: row.get(1)?,
            mailbox: MailboxId(row.get(2)?),
            parents: row.get(3)?,
            secrets: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

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

/// Whether an envelope is one this device sealed.
pub fn is_own(conn: &Connection, envelope: EnvelopeId) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM outbox WHERE envelope = ?1")?
        .exists([envelope.as_ref()])?)
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

/// Notes the relay's generation. When it changed, everything is read and sent again: the relay lost its tail, and both
/// are harmless to repeat. Returns whether it changed.
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

/// Forgets what a relay was given and gave: all of it is sent and read again, which is harmless.
pub fn start_over(conn: &Connection, relay: i64) -> Result<()> {
    conn.execute(
        "UPDATE relay SET acknowledged = 0 WHERE relay = ?1",
        [relay],
    )?;
    conn.execute("DELETE FROM cursor WHERE relay = ?1", [relay])?;
    conn.execute("DELETE FROM delivered WHERE relay = ?1", [relay])?;
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

/// How many envelopes a relay has not acknowledged; all of them where no relay is known.
pub fn unsent_count(conn: &Connection, relay: Option<&str>) -> Result<u64> {
    let count = conn.query_row(
        "SELECT count(*) FROM outbox WHERE outbox > coalesce((SELECT acknowledged FROM relay WHERE url = ?1), 0)",
        [relay],
        |row| row.get(0),
    )?;
    Ok(count)
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

/// Moves a cursor forward, in the transaction that keeps the rows it covers (INV-7).
pub fn advance_cursor(conn: &Connection, relay: i64, mailbox: MailboxId, after: u64) -> Result<()> {
    conn.prepare_cached("INSERT INTO cursor VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET after = max(after, excluded.after)")?
        .execute(params![relay, mailbox.as_ref(), after])?;
    Ok(())
}

/// Puts a cursor back before a number the relay left out, while a change behind it waits for an earlier one.
pub fn rewind_cursor(conn: &Connection, relay: i64, mailbox: MailboxId, after: u64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO cursor VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET after = excluded.after",
    )?
    .execute(params![relay, mailbox.as_ref(), after])?;
    Ok(())
}

/// Notes that a relay holds the bytes of an attachment.
pub fn set_delivered(conn: &Connection, relay: i64, blob: &[u8; 32]) -> Result<()> {
    conn.execute(
        "INSERT INTO delivered VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        params![relay, blob],
    )?;
    Ok(())
}

/// Whether a relay is known to hold the bytes of an attachment.
pub fn is_delivered(conn: &Connection, relay: i64, blob: &[u8; 32]) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM delivered WHERE relay = ?1 AND blob = ?2")?
        .exists(params![relay, blob])?)
}

/// A sealed document some change names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedBlob {
    /// The compartment's log.
    pub log: i64,
    /// Hash of the ciphertext.
    pub blob: BlobId,
    /// Length of the ciphertext.
    pub sealed_size: u64,
}

/// Every sealed document that merged changes name, the newest first.
pub fn named_blobs(conn: &Connection) -> Result<Vec<NamedBlob>> {
    let mut query = conn.prepare_cached(
        "SELECT min(log), blob, max(sealed_size) FROM attachment GROUP BY blob ORDER BY max(origin) DESC",
    )?;
    let rows = query.query_map([], |row| {
        Ok(NamedBlob {
            log: row.get(0)?,
            blob: BlobId(row.get(1)?),
            sealed_size: row.get(2)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Why an envelope could not be merged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldFor {
    /// It does not open, or is of a version or suite this build does not know.
    Unopenable,
    /// Its kind or content is newer than this build.
    Unknown,
    /// Its author is not, or not yet, a member who may write there.
    Unauthorised,
    /// An earlier change of its author has not arrived.
    Gap,
    /// Its author wrote another change at the same place.
    Fork,
    /// Its content breaks a rule or limit.
    Refused,
}

impl HeldFor {
    const ALL: [Self; 6] = [
        Self::Unopenable,
        Self::Unknown,
        Self::Unauthorised,
        Self::Gap,
        Self::Fork,
        Self::Refused,
    ];

    /// The stable word for reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unopenable => "unopenable",
            Self::Unknown => "unknown",
            Self::Unauthorised => "unauthorised",
            Self::Gap => "gap",
            Self::Fork => "fork",
            Self::Refused => "refused",
        }
    }

    fn number(self) -> i64 {
        Self::ALL
            .iter()
            .position(|reason| *reason == self)
            .map_or(0, |at| at as i64)
    }

    fn from_number(number: i64) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::ALL.get(at).copied())
            .unwrap_or(Self::Unknown)
    }
}

/// An envelope in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub envelope: EnvelopeId,
    /// The mailbox it came from.
    pub mailbox: MailboxId,
    /// Why.
    pub reason: HeldFor,
}

/// Puts an envelope in quarantine, or updates the reason of one that is there.
pub fn hold(conn: &Connection, mailbox: MailboxId, bytes: &[u8], reason: HeldFor) -> Result<()> {
    let envelope = EnvelopeId::derive(bytes);
    // Before the limit: what is there already takes no more room, and must be able to wait on in a full quarantine.
    let there = conn
        .prepare_cached("UPDATE quarantine SET reason = ?2 WHERE envelope = ?1")?
        .execute(params![envelope.as_ref(), reason.number()])?;
    if there > 0 {
        return Ok(());
    }
    let held: u64 = conn
        .prepare_cached("SELECT coalesce(sum(length(bytes)), 0) FROM quarantine")?
        .query_row([], |row| row.get(0))?;
    if held + bytes.len() as u64 > MAX_QUARANTINE_BYTES {
        return Err(Error::TooLarge(
            "the quarantine is full: this relay sends what no device of this record wrote",
        ));
    }
    conn.prepare_cached("INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            envelope.as_ref(),
            mailbox.as_ref(),
            reason.number(),
            bytes
        ])?;
    Ok(())
}

/// Whether an envelope is in quarantine.
pub fn is_held(conn: &Connection, envelope: EnvelopeId) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM quarantine WHERE envelope = ?1")?
        .exists([envelope.as_ref()])?)
}

/// Whether an envelope of a mailbox waits for an earlier change.
pub fn has_gap(conn: &Connection, mailbox: MailboxId) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM quarantine WHERE mailbox = ?1 AND reason = ?2")?
        .exists(params![mailbox.as_ref(), HeldFor::Gap.number()])?)
}

/// The bytes of an envelope in quarantine.
pub fn held_bytes(conn: &Connection, envelope: EnvelopeId) -> Result<Vec<u8>> {
    Ok(conn
        .prepare_cached("SELECT bytes FROM quarantine WHERE envelope = ?1")?
        .query_row([envelope.as_ref()], |row| row.get(0))?)
}

/// What is in quarantine for one of `mailboxes`, in the order it came, without its bytes: together they may be large.
pub fn held_in(conn: &Connection, mailboxes: &[MailboxId]) -> Result<Vec<Held>> {
    let mut query =
        conn.prepare_cached("SELECT envelope, mailbox, reason FROM quarantine ORDER BY rowid")?;
    let rows = query.query_map([], |row| {
        Ok(Held {
            envelope: EnvelopeId(row.get(0)?),
            mailbox: MailboxId(row.get(1)?),
            reason: HeldFor::from_number(row.get(2)?),
        })
    })?;
    let held = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(held
        .into_iter()
        .filter(|held| mailboxes.contains(&held.mailbox))
        .collect())
}

/// How many envelopes are in quarantine, by reason.
pub fn held_counts(conn: &Connection) -> Result<Vec<(HeldFor, u64)>> {
    let mut query = conn.prepare_cached(
        "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason",
    )?;
    let rows = query.query_map([], |row| {
        Ok((HeldFor::from_number(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes an envelope out of quarantine.
pub fn release(conn: &Connection, envelope: EnvelopeId) -> Result<()> {
    conn.execute(
        "DELETE FROM quarantine WHERE envelope = ?1",
        [envelope.as_ref()],
    )?;
    Ok(())
}
