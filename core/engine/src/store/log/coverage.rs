//! How far snapshots cover chains, and which changes are still needed beside them.
//!
//! Invariant: a change leaves this database only when a snapshot that covers it is acknowledged, and never one that a source
//! wrote: of those the body here is the text that rows show.

use super::{ensure_author, read_author};
use crate::error::Result;
use carnet_wire::{Author, BlobId, ChangeId, Header};
use rusqlite::{Connection, OptionalExtension, params};

/// A change that only its documents need: nothing but edits that they hold.
pub const SPENT: i64 = 2;

/// A change that is kept for ever.
pub const KEPT: i64 = 1;

/// How far an author's chain is here whole.
pub fn whole(conn: &Connection, log: i64, author: &Author) -> Result<u64> {
    Ok(whole_and_covered(conn, log, author)?.0)
}

/// How far a snapshot covers an author here: changes up to there may be missing.
pub fn covered(conn: &Connection, log: i64, author: &Author) -> Result<u64> {
    Ok(whole_and_covered(conn, log, author)?.1)
}

fn whole_and_covered(conn: &Connection, log: i64, author: &Author) -> Result<(u64, u64)> {
    let mut query = conn.prepare_cached(
        "SELECT whole, covered FROM chain JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
    )?;
    let found = query.query_row(
        params![log, author.device.as_ref(), author.incarnation.as_ref()],
        |row| Ok((row.get(0)?, row.get(1)?)),
    );
    Ok(found.optional()?.unwrap_or_default())
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

/// The change at `last`, where a snapshot covers an author exactly so far.
pub fn covered_tip(
    conn: &Connection,
    log: i64,
    author: &Author,
    last: u64,
) -> Result<Option<ChangeId>> {
    let covered = covered_chains(conn, log)?.into_iter();
    let mut same = covered.filter(|chain| chain.author == *author && chain.covered == last);
    Ok(same.next().map(|chain| chain.tip))
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

/// Lets go of changes of an author up to `last` that documents hold, and of the bytes that were sent: of each at most `most`.
/// Returns whether there may be more.
pub fn compact(
    conn: &Connection,
    log: i64,
    author: &Author,
    last: u64,
    most: usize,
) -> Result<bool> {
    let author = ensure_author(conn, author)?;
    let place = params![log, author, last, most as i64];
    let sent = conn
        .prepare_cached(
            "DELETE FROM outbox WHERE outbox IN (SELECT o.outbox FROM outbox o JOIN change c USING (change)
             WHERE c.log = ?1 AND c.author = ?2 AND c.seq <= ?3 LIMIT ?4)",
        )?
        .execute(place)?;
    let changes = conn
        .prepare_cached(
            "DELETE FROM change WHERE change IN (SELECT change FROM change
             WHERE log = ?1 AND author = ?2 AND seq <= ?3 AND (class = 2 AND kind = 1 OR kind = 2)
             AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.change = change.change) LIMIT ?4)",
        )?
        .execute(place)?;
    Ok(sent == most || changes == most)
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

/// A change of a log whose body is read only on demand: most are told by their class.
pub struct Judged<'r> {
    /// Who wrote it.
    pub author: Author,
    /// Its number.
    pub seq: u64,
    /// 0 where nobody has looked at it, [`KEPT`], or [`SPENT`].
    pub class: i64,
    row: &'r rusqlite::Row<'r>,
}

impl Judged<'_> {
    /// The body as it travels.
    pub fn body(&self) -> Result<Vec<u8>> {
        Ok(self.row.get(4)?)
    }
}

/// Gives the changes of a log.
pub fn each_body(
    conn: &Connection,
    log: i64,
    mut visit: impl FnMut(&Judged<'_>) -> Result<()>,
) -> Result<()> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, seq, class, body FROM change JOIN author USING (author)
         WHERE log = ?1 AND kind = 1",
    )?;
    let mut rows = query.query([log])?;
    while let Some(row) = rows.next()? {
        visit(&Judged {
            author: read_author(row, 0)?,
            seq: row.get(2)?,
            class: row.get(3)?,
            row,
        })?;
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

/// How many changes of a log nobody has looked at, counted up to `most`.
pub fn unclassified(conn: &Connection, log: i64, most: usize) -> Result<usize> {
    let mut query = conn.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM change WHERE log = ?1 AND kind = 1 AND class = 0 AND extract = 0 LIMIT ?2)",
    )?;
    Ok(query.query_row(params![log, most as i64], |row| row.get(0))?)
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
        visit(super::read_stored(row)?, row.get(6)?)?;
    }
    Ok(())
}
