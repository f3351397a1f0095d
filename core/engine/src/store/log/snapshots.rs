//! Snapshots as rows: manifests, the pieces they name, which envelopes carried what, and how far chains are covered.
//!
//! Invariant: a change leaves this database only when a snapshot that covers it is acknowledged, and never one that a source
//! wrote: of those the body here is the text that rows show.

use super::{ensure_author, read_author};
use crate::error::Result;
use carnet_wire::{Author, BlobId, ChangeId, EnvelopeId, Header, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};

/// A change that only its documents need: nothing but edits that they hold.
pub const SPENT: i64 = 2;
/// A change that is kept for ever.
pub const KEPT: i64 = 1;

/// A manifest that this device made or merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSnapshot {
    /// Local number.
    pub number: i64,
    /// Which log.
    pub log: i64,
    /// Who made it.
    pub author: Author,
    /// Its place in the maker's chain, and its change; none while its pieces are on the way to the relay.
    pub place: Option<(u64, ChangeId)>,
    /// This device's clock when it was made or merged, in milliseconds.
    pub noticed: i64,
    /// Whether another device has it, or thirty days have passed.
    pub acknowledged: bool,
    /// Whether what it covers was let go of here.
    pub compacted: bool,
    /// The canonical manifest.
    pub manifest: Vec<u8>,
}

const COLUMNS: &str =
    "snapshot, log, device, incarnation, seq, id, noticed, acknowledged, compacted, manifest";

fn read_snapshot(row: &rusqlite::Row<'_>) -> rusqlite::Result<StoredSnapshot> {
    let seq: Option<u64> = row.get(4)?;
    let id: Option<[u8; 32]> = row.get(5)?;
    Ok(StoredSnapshot {
        number: row.get(0)?,
        log: row.get(1)?,
        author: read_author(row, 2)?,
        place: seq.zip(id.map(ChangeId)),
        noticed: row.get(6)?,
        acknowledged: row.get(7)?,
        compacted: row.get(8)?,
        manifest: row.get(9)?,
    })
}

/// Keeps a manifest and returns its local number.
pub fn put_snapshot(
    conn: &Connection,
    log: i64,
    author: &Author,
    place: Option<(u64, ChangeId)>,
    lamport: u64,
    now: i64,
    manifest: &[u8],
) -> Result<i64> {
    let author = ensure_author(conn, author)?;
    let (seq, id) = place.unzip();
    Ok(conn
        .prepare_cached(
            "INSERT INTO snapshot (log, author, seq, id, lamport, noticed, manifest) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .insert(params![
            log,
            author,
            seq,
            id.as_ref().map(AsRef::as_ref),
            lamport.cast_signed(),
            now,
            manifest
        ])?)
}

/// Notes the place a manifest was given in its maker's chain.
pub fn place_snapshot(conn: &Connection, snapshot: i64, seq: u64, id: ChangeId) -> Result<()> {
    conn.execute(
        "UPDATE snapshot SET seq = ?2, id = ?3 WHERE snapshot = ?1",
        params![snapshot, seq, id.as_ref()],
    )?;
    Ok(())
}

/// The snapshot with this change, if it has been seen.
pub fn snapshot_of(conn: &Connection, id: ChangeId) -> Result<Option<StoredSnapshot>> {
    let sql = format!("SELECT {COLUMNS} FROM snapshot JOIN author USING (author) WHERE id = ?1");
    let mut query = conn.prepare_cached(&sql)?;
    Ok(query.query_row([id.as_ref()], read_snapshot).optional()?)
}

/// The snapshots of a log, the oldest first.
pub fn snapshots(conn: &Connection, log: i64) -> Result<Vec<StoredSnapshot>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM snapshot JOIN author USING (author) WHERE log = ?1 ORDER BY lamport, snapshot"
    );
    let mut query = conn.prepare_cached(&sql)?;
    let found = query.query_map([log], read_snapshot)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Forgets a manifest.
pub fn drop_snapshot(conn: &Connection, snapshot: i64) -> Result<()> {
    conn.execute("DELETE FROM snapshot WHERE snapshot = ?1", [snapshot])?;
    Ok(())
}

/// Notes which snapshots of a log a change acknowledges: those that its author, on another device, had merged.
pub fn note_acknowledgement(conn: &Connection, log: i64, header: &Header) -> Result<()> {
    let mut query = conn.prepare_cached(
        "SELECT snapshot, device, incarnation, seq FROM snapshot JOIN author USING (author)
         WHERE log = ?1 AND acknowledged = 0 AND seq IS NOT NULL",
    )?;
    let waiting = query.query_map([log], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            read_author(row, 1)?,
            row.get::<_, u64>(3)?,
        ))
    })?;
    for snapshot in waiting.collect::<rusqlite::Result<Vec<_>>>()? {
        let (number, author, seq) = snapshot;
        let has_it = header
            .seen
            .iter()
            .any(|seen| seen.author == author && seen.seq >= seq);
        if has_it && header.author.device != author.device {
            acknowledge_snapshot(conn, number)?;
        }
    }
    Ok(())
}

/// Notes when a snapshot was first seen here.
pub fn notice_snapshot(conn: &Connection, snapshot: i64, now: i64) -> Result<()> {
    conn.execute(
        "UPDATE snapshot SET noticed = ?2 WHERE snapshot = ?1",
        params![snapshot, now],
    )?;
    Ok(())
}

/// Notes that what a snapshot covers was let go of here.
pub fn set_compacted(conn: &Connection, snapshot: i64) -> Result<()> {
    conn.execute(
        "UPDATE snapshot SET compacted = 1 WHERE snapshot = ?1",
        [snapshot],
    )?;
    Ok(())
}

/// How far an author's chain is here whole.
pub fn whole(conn: &Connection, log: i64, author: &Author) -> Result<u64> {
    let mut query = conn.prepare_cached(
        "SELECT whole FROM chain JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
    )?;
    let found = query.query_row(
        params![log, author.device.as_ref(), author.incarnation.as_ref()],
        |row| row.get(0),
    );
    Ok(found.optional()?.unwrap_or(0))
}

/// Notes that a snapshot may replace what it covers.
pub fn acknowledge_snapshot(conn: &Connection, snapshot: i64) -> Result<()> {
    conn.execute(
        "UPDATE snapshot SET acknowledged = 1 WHERE snapshot = ?1",
        [snapshot],
    )?;
    Ok(())
}

/// How far a snapshot covers an author here: changes up to there may be missing.
pub fn covered(conn: &Connection, log: i64, author: &Author) -> Result<u64> {
    let mut query = conn.prepare_cached(
        "SELECT covered FROM chain JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
    )?;
    let found = query.query_row(
        params![log, author.device.as_ref(), author.incarnation.as_ref()],
        |row| row.get(0),
    );
    Ok(found.optional()?.unwrap_or(0))
}

/// A chain and how far it is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoveredChain {
    /// Whose.
    pub author: Author,
    /// The last change a snapshot covers; 0 for none.
    pub covered: u64,
    /// That change.
    pub tip: ChangeId,
}

/// Every covered chain of a log.
pub fn covered_chains(conn: &Connection, log: i64) -> Result<Vec<CoveredChain>> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, covered, covered_tip FROM chain JOIN author USING (author)
         WHERE log = ?1 AND covered > 0",
    )?;
    let rows = query.query_map([log], |row| {
        Ok(CoveredChain {
            author: read_author(row, 0)?,
            covered: row.get(2)?,
            tip: ChangeId(row.get(3)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Notes that a snapshot covers an author up to a change, and goes on behind it where the chain was shorter.
pub fn cover(conn: &Connection, log: i64, author: &Author, last: u64, tip: ChangeId) -> Result<()> {
    let author = ensure_author(conn, author)?;
    conn.prepare_cached(
        "INSERT INTO chain (log, author, seq, tip, whole, covered, covered_tip) VALUES (?1, ?2, ?3, ?4, 0, ?3, ?4)
         ON CONFLICT DO UPDATE SET
         tip = CASE WHEN excluded.seq > seq THEN excluded.tip ELSE tip END,
         seq = max(seq, excluded.seq),
         covered_tip = CASE WHEN excluded.covered > covered THEN excluded.covered_tip ELSE covered_tip END,
         covered = max(covered, excluded.covered)",
    )?
    .execute(params![log, author, last, tip.as_ref()])?;
    Ok(())
}

/// Moves a log's logical time forward.
pub fn raise_lamport(conn: &Connection, log: i64, lamport: u64) -> Result<()> {
    conn.execute(
        "UPDATE log SET lamport = max(lamport, ?2) WHERE log = ?1",
        params![log, lamport.cast_signed()],
    )?;
    Ok(())
}

/// Notes that everything the chains of a log promise is here.
pub fn complete_chains(conn: &Connection, log: i64) -> Result<()> {
    conn.execute("UPDATE chain SET whole = seq WHERE log = ?1", [log])?;
    Ok(())
}

/// Notes a piece of a snapshot. One that is wanted stays wanted until it is here.
pub fn put_piece(
    conn: &Connection,
    log: i64,
    snapshot: i64,
    mailbox: MailboxId,
    blob: BlobId,
    wanted: bool,
) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO piece (blob, log, mailbox, snapshot, wanted) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET snapshot = excluded.snapshot, wanted = max(wanted, excluded.wanted)",
    )?
    .execute(params![
        blob.as_ref(),
        log,
        mailbox.as_ref(),
        snapshot,
        wanted
    ])?;
    Ok(())
}

/// The pieces of a log that are to be fetched, with the snapshot that named each last.
pub fn wanted_pieces(conn: &Connection, log: i64) -> Result<Vec<(BlobId, i64)>> {
    let mut query =
        conn.prepare_cached("SELECT blob, snapshot FROM piece WHERE log = ?1 AND wanted = 1")?;
    let rows = query.query_map([log], |row| Ok((BlobId(row.get(0)?), row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a log still waits for pieces.
pub fn is_loading(conn: &Connection, log: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM piece WHERE log = ?1 AND wanted = 1")?
        .exists([log])?)
}

/// Notes that a piece is here, or not wanted any more.
pub fn set_fetched(conn: &Connection, blob: BlobId) -> Result<()> {
    conn.execute(
        "UPDATE piece SET wanted = 0 WHERE blob = ?1",
        [blob.as_ref()],
    )?;
    Ok(())
}

/// Every piece of a log that some snapshot named, and its mailbox.
pub fn pieces(conn: &Connection, log: i64) -> Result<Vec<(MailboxId, BlobId)>> {
    let mut query =
        conn.prepare_cached("SELECT mailbox, blob FROM piece WHERE log = ?1 AND wanted = 0")?;
    let rows = query.query_map([log], |row| {
        Ok((MailboxId(row.get(0)?), BlobId(row.get(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets a piece that no snapshot lists any more.
pub fn drop_piece(conn: &Connection, blob: BlobId) -> Result<()> {
    conn.execute("DELETE FROM piece WHERE blob = ?1", [blob.as_ref()])?;
    conn.execute("DELETE FROM delivered WHERE blob = ?1", [blob.as_ref()])?;
    Ok(())
}

/// Notes which piece holds a run of an author's changes.
pub fn set_piece(
    conn: &Connection,
    log: i64,
    author: &Author,
    (first, last): (u64, u64),
    blob: BlobId,
) -> Result<()> {
    let author = ensure_author(conn, author)?;
    conn.prepare_cached(
        "UPDATE change SET piece = ?5 WHERE log = ?1 AND author = ?2 AND seq BETWEEN ?3 AND ?4 AND class != 2",
    )?
    .execute(params![log, author, first, last, blob.as_ref()])?;
    Ok(())
}

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
    conn.execute(
        "UPDATE placed SET retired = retired & ~?1",
        [relay_bit(relay)],
    )?;
    Ok(())
}

/// What letting go freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freed {
    /// Changes that are gone.
    pub changes: u64,
    /// Bytes of envelopes of this device that are gone.
    pub outbox: u64,
}

/// Lets go of an author's changes up to `last` that documents hold, and of the bytes that were sent.
pub fn compact(conn: &Connection, log: i64, author: &Author, last: u64) -> Result<Freed> {
    let author = ensure_author(conn, author)?;
    let outbox = conn
        .prepare_cached(
            "SELECT coalesce(sum(length(bytes)), 0) FROM outbox
             WHERE change IN (SELECT change FROM change WHERE log = ?1 AND author = ?2 AND seq <= ?3)",
        )?
        .query_row(params![log, author, last], |row| row.get(0))?;
    conn.prepare_cached(
        "DELETE FROM outbox WHERE change IN (SELECT change FROM change WHERE log = ?1 AND author = ?2 AND seq <= ?3)",
    )?
    .execute(params![log, author, last])?;
    let changes = conn
        .prepare_cached(
            "DELETE FROM change WHERE log = ?1 AND author = ?2 AND seq <= ?3
             AND (class = 2 AND kind = 1 OR kind = 2)",
        )?
        .execute(params![log, author, last])?;
    Ok(Freed {
        changes: changes as u64,
        outbox,
    })
}

/// A whole change that is not in any piece yet, or in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Local number.
    pub change: i64,
    /// Its author.
    pub author: Author,
    /// Its number.
    pub seq: u64,
    /// About how long it is.
    pub weight: usize,
    /// The piece that holds it.
    pub piece: Option<BlobId>,
}

/// Every kept change of a log, in the order of their logical time.
pub fn kept_changes(conn: &Connection, log: i64) -> Result<Vec<Packed>> {
    let mut query = conn.prepare_cached(
        "SELECT change, device, incarnation, seq, length(header) + length(body), piece
         FROM change JOIN author USING (author) WHERE log = ?1 AND kind = 1 AND class = 1 ORDER BY lamport, id",
    )?;
    let rows = query.query_map([log], |row| {
        Ok(Packed {
            change: row.get(0)?,
            author: read_author(row, 1)?,
            seq: row.get(3)?,
            weight: row.get(4)?,
            piece: row.get::<_, Option<[u8; 32]>>(5)?.map(BlobId),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A change that a snapshot brought: its place is covered, so it needs no predecessor here. Returns its local number.
pub fn adopt(
    conn: &Connection,
    log: i64,
    header: &Header,
    change: &super::StoredChange,
    extract: bool,
    piece: Option<BlobId>,
) -> Result<i64> {
    let author = ensure_author(conn, &header.author)?;
    Ok(conn
        .prepare_cached(
            "INSERT INTO change (log, author, seq, id, lamport, kind, header, signature, body, class, piece, extract)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, ?10, ?11)
             ON CONFLICT (id) DO UPDATE SET body = excluded.body, extract = excluded.extract, piece = excluded.piece
             RETURNING change",
        )?
        .query_row(
            params![
                log,
                author,
                header.seq,
                change.id.as_ref(),
                header.lamport.cast_signed(),
                header.kind,
                change.header,
                change.signature,
                change.body,
                piece.as_ref().map(AsRef::as_ref),
                extract
            ],
            |row| row.get(0),
        )?)
}

/// Whether a change is here as an extract only; none when it is not here at all.
pub fn is_extract(conn: &Connection, id: ChangeId) -> Result<Option<bool>> {
    let mut query = conn.prepare_cached("SELECT extract FROM change WHERE id = ?1")?;
    Ok(query
        .query_row([id.as_ref()], |row| row.get(0))
        .optional()?)
}

/// Whether a whole change of an author is here.
pub fn has_whole(
    conn: &Connection,
    log: i64,
    author: &Author,
    first: u64,
    last: u64,
) -> Result<bool> {
    let mut query = conn.prepare_cached(
        "SELECT count(*) FROM change JOIN author USING (author)
         WHERE log = ?1 AND device = ?2 AND incarnation = ?3 AND seq BETWEEN ?4 AND ?5 AND extract = 0",
    )?;
    let place = params![
        log,
        author.device.as_ref(),
        author.incarnation.as_ref(),
        first,
        last
    ];
    let count: u64 = query.query_row(place, |row| row.get(0))?;
    Ok(count == last - first + 1)
}

/// Gives author, number, whether it is known to be kept, and body of the changes of a log.
pub fn each_body(
    conn: &Connection,
    log: i64,
    mut visit: impl FnMut(&Author, u64, bool, Vec<u8>) -> Result<()>,
) -> Result<()> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, seq, class, body FROM change JOIN author USING (author)
         WHERE log = ?1 AND kind = 1",
    )?;
    let mut rows = query.query([log])?;
    while let Some(row) = rows.next()? {
        let class: i64 = row.get(3)?;
        visit(
            &read_author(row, 0)?,
            row.get(2)?,
            class == KEPT,
            row.get(4)?,
        )?;
    }
    Ok(())
}

/// The numbers of an author's changes that are here, within a range.
pub fn numbers_in(
    conn: &Connection,
    log: i64,
    author: &Author,
    first: u64,
    last: u64,
) -> Result<Vec<u64>> {
    let mut query = conn.prepare_cached(
        "SELECT seq FROM change JOIN author USING (author)
         WHERE log = ?1 AND device = ?2 AND incarnation = ?3 AND seq BETWEEN ?4 AND ?5",
    )?;
    let place = params![
        log,
        author.device.as_ref(),
        author.incarnation.as_ref(),
        first,
        last
    ];
    let numbers = query.query_map(place, |row| row.get(0))?;
    Ok(numbers.collect::<rusqlite::Result<_>>()?)
}

/// Changes of a log that no snapshot covers, in the order of their logical time.
pub fn recent(conn: &Connection, log: i64) -> Result<Vec<(i64, Author)>> {
    let mut query = conn.prepare_cached(
        "SELECT c.change, a.device, a.incarnation FROM change c JOIN author a USING (author)
         JOIN chain h ON h.log = c.log AND h.author = c.author
         WHERE c.log = ?1 AND c.kind = 1 AND c.seq > h.covered ORDER BY c.lamport, c.id",
    )?;
    let rows = query.query_map([log], |row| Ok((row.get(0)?, read_author(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a log holds changes that nobody has looked at.
pub fn unclassified(conn: &Connection, log: i64) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT 1 FROM change WHERE log = ?1 AND kind = 1 AND class = 0 AND extract = 0",
        )?
        .exists([log])?)
}

/// Every change of a log of any kind, in canonical order, and whether it is an extract.
pub fn each_stored(
    conn: &Connection,
    log: i64,
    mut visit: impl FnMut(super::StoredChange, bool) -> Result<()>,
) -> Result<()> {
    let mut query = conn.prepare(
        "SELECT change, log, id, header, signature, body, extract FROM change WHERE log = ?1 ORDER BY lamport, id",
    )?;
    let mut rows = query.query([log])?;
    while let Some(row) = rows.next()? {
        let change = super::StoredChange {
            number: row.get(0)?,
            log: row.get(1)?,
            id: ChangeId(row.get(2)?),
            header: row.get(3)?,
            signature: row.get(4)?,
            body: row.get(5)?,
        };
        visit(change, row.get(6)?)?;
    }
    Ok(())
}
