//! Snapshots as rows: manifests, and the pieces they name.

use super::{ensure_author, read_author};
use crate::error::Result;
use carnet_wire::{Author, BlobId, ChangeId, Header, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};

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
    /// Whether its making was stopped: it lists pieces to go on with, and is sent to nobody.
    pub unfinished: bool,
    /// The canonical manifest.
    pub manifest: Vec<u8>,
}

impl StoredSnapshot {
    /// Whether it is whole and not yet in its maker's chain: its pieces are on the way to a relay.
    pub fn is_waiting(&self) -> bool {
        self.place.is_none() && !self.unfinished
    }
}

const COLUMNS: &str = "snapshot, log, device, incarnation, seq, id, noticed, acknowledged, compacted, unfinished, manifest";

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
        unfinished: row.get(9)?,
        manifest: row.get(10)?,
    })
}

/// A manifest to keep.
#[derive(Debug, Clone, Copy)]
pub struct NewSnapshot<'a> {
    /// Who made it.
    pub author: &'a Author,
    /// Its place in the maker's chain, and its change, if it has one.
    pub place: Option<(u64, ChangeId)>,
    /// The greatest logical time of what it covers.
    pub lamport: u64,
    /// This device's clock; 0 where nobody asked it.
    pub noticed: i64,
    /// Whether its making was stopped.
    pub unfinished: bool,
    /// The canonical manifest.
    pub manifest: &'a [u8],
}

/// Keeps a manifest and returns its local number.
pub fn put_snapshot(conn: &Connection, log: i64, new: &NewSnapshot<'_>) -> Result<i64> {
    let author = ensure_author(conn, new.author)?;
    let (seq, id) = new.place.unzip();
    Ok(conn
        .prepare_cached(
            "INSERT INTO snapshot (log, author, seq, id, lamport, noticed, unfinished, manifest)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .insert(params![
            log,
            author,
            seq,
            id.as_ref().map(AsRef::as_ref),
            new.lamport.cast_signed(),
            new.noticed,
            new.unfinished,
            new.manifest
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

/// Whether any snapshot is known.
pub fn has_snapshots(conn: &Connection) -> Result<bool> {
    Ok(conn.prepare_cached("SELECT 1 FROM snapshot")?.exists([])?)
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

/// Notes that a snapshot may replace what it covers.
pub fn acknowledge_snapshot(conn: &Connection, snapshot: i64) -> Result<()> {
    conn.execute(
        "UPDATE snapshot SET acknowledged = 1 WHERE snapshot = ?1",
        [snapshot],
    )?;
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

/// The logs in which a snapshot names a piece.
pub fn logs_with_piece(conn: &Connection, blob: BlobId) -> Result<Vec<i64>> {
    let mut query = conn.prepare_cached("SELECT log FROM piece WHERE blob = ?1")?;
    let rows = query.query_map([blob.as_ref()], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether a piece is to be fetched.
pub fn is_wanted(conn: &Connection, blob: BlobId) -> Result<bool> {
    let mut query = conn.prepare_cached("SELECT 1 FROM piece WHERE blob = ?1 AND wanted = 1")?;
    Ok(query.exists([blob.as_ref()])?)
}
