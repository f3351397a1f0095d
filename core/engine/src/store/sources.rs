//! Sources of this device: rows in, rows out. What their texts mean is the vault's business.

use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Most resources looked for at once when a kind was read whole.
const MAX_MISSING: u32 = 500;

/// A place data is pulled from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its local number.
    pub number: i64,
    /// The compartment it fills.
    pub log: i64,
    /// What the person calls it.
    pub name: String,
    /// Which connector.
    pub kind: String,
    /// The vault's settings of it.
    pub settings: String,
    /// The connector's state; empty before the first run.
    pub state: String,
    /// The number of its last whole reading.
    pub run: i64,
    /// When a run last ended, by this device's clock.
    pub pulled_at: Option<i64>,
}

const COLUMNS: &str = "source, log, name, kind, settings, state, run, pulled_at";

fn read(row: &Row<'_>) -> rusqlite::Result<SourceRow> {
    Ok(SourceRow {
        number: row.get(0)?,
        log: row.get(1)?,
        name: row.get(2)?,
        kind: row.get(3)?,
        settings: row.get(4)?,
        state: row.get(5)?,
        run: row.get(6)?,
        pulled_at: row.get(7)?,
    })
}

/// Every source, by name.
pub fn sources(conn: &Connection) -> Result<Vec<SourceRow>> {
    let mut select = conn.prepare_cached(&format!("SELECT {COLUMNS} FROM source ORDER BY name"))?;
    let rows = select.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The source of that name.
pub fn source(conn: &Connection, name: &str) -> Result<Option<SourceRow>> {
    let mut select =
        conn.prepare_cached(&format!("SELECT {COLUMNS} FROM source WHERE name = ?1"))?;
    Ok(select.query_row([name], read).optional()?)
}

/// Adds a source and returns its number.
pub fn add_source(
    conn: &Connection,
    log: i64,
    name: &str,
    kind: &str,
    settings: &str,
) -> Result<i64> {
    conn.execute(
        "INSERT INTO source (log, name, kind, settings) VALUES (?1, ?2, ?3, ?4)",
        params![log, name, kind, settings],
    )?;
    Ok(conn.last_insert_rowid())
}

/// Writes the settings of a source.
pub fn set_source_settings(conn: &Connection, source: i64, settings: &str) -> Result<()> {
    one(conn.execute(
        "UPDATE source SET settings = ?2 WHERE source = ?1",
        params![source, settings],
    )?)
}

/// Writes where its connector stands.
pub fn set_source_state(conn: &Connection, source: i64, state: &str) -> Result<()> {
    let mut update = conn.prepare_cached("UPDATE source SET state = ?2 WHERE source = ?1")?;
    one(update.execute(params![source, state])?)
}

/// Begins a whole reading and returns its number.
pub fn begin_source_run(conn: &Connection, source: i64) -> Result<i64> {
    let mut update =
        conn.prepare_cached("UPDATE source SET run = run + 1 WHERE source = ?1 RETURNING run")?;
    Ok(update.query_row([source], |row| row.get(0))?)
}

/// Notes that a run ended.
pub fn end_source_run(conn: &Connection, source: i64, at: i64) -> Result<()> {
    one(conn.execute(
        "UPDATE source SET pulled_at = ?2 WHERE source = ?1",
        params![source, at],
    )?)
}

/// Forgets a source. What came from it stays.
pub fn remove_source(conn: &Connection, source: i64) -> Result<()> {
    conn.execute("DELETE FROM source_item WHERE source = ?1", [source])?;
    one(conn.execute("DELETE FROM source WHERE source = ?1", [source])?)
}

/// One row was meant: the source may have been removed by another process.
fn one(rows: usize) -> Result<()> {
    match rows {
        1 => Ok(()),
        _ => Err(Error::NotFound("a source with this name")),
    }
}

/// Notes that something came in a whole reading or after it; `true` when it had been gone.
pub fn note_item(conn: &Connection, source: &SourceRow, native: &str, kind: &str) -> Result<bool> {
    let gone = item(conn, source.number, native)?.is_some_and(|(_, gone)| gone);
    let mut insert = conn.prepare_cached(
        "INSERT INTO source_item VALUES (?1, ?2, ?3, ?4, 0) \
         ON CONFLICT DO UPDATE SET run = excluded.run, gone = 0",
    )?;
    insert.execute(params![source.number, native, kind, source.run])?;
    Ok(gone)
}

/// In which whole reading something last came, and whether it is gone.
pub fn item(conn: &Connection, source: i64, native: &str) -> Result<Option<(i64, bool)>> {
    let mut select =
        conn.prepare_cached("SELECT run, gone FROM source_item WHERE source = ?1 AND native = ?2")?;
    let row = select.query_row(params![source, native], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    Ok(row.optional()?)
}

/// What of a kind did not come in the present whole reading, 500 at most.
pub fn missing_items(conn: &Connection, source: &SourceRow, kind: &str) -> Result<Vec<String>> {
    let mut select = conn.prepare_cached(
        "SELECT native FROM source_item WHERE source = ?1 AND kind = ?2 AND run < ?3 AND gone = 0 LIMIT ?4",
    )?;
    let rows = select.query_map(
        params![source.number, kind, source.run, MAX_MISSING],
        |row| row.get(0),
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Marks something as gone; `false` when it was already.
pub fn set_gone(conn: &Connection, source: i64, native: &str) -> Result<bool> {
    let changed = conn.execute(
        "UPDATE source_item SET gone = 1 WHERE source = ?1 AND native = ?2 AND gone = 0",
        params![source, native],
    )?;
    Ok(changed > 0)
}

/// How many resources came from a source, and how many of them are gone there.
pub fn count_items(conn: &Connection, source: i64) -> Result<(u64, u64)> {
    let mut select = conn.prepare_cached(
        "SELECT count(*), coalesce(sum(gone), 0) FROM source_item WHERE source = ?1 AND kind <> ''",
    )?;
    Ok(select.query_row([source], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn database() -> (Connection, SourceRow) {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(
            "CREATE TABLE log (log INTEGER PRIMARY KEY); INSERT INTO log VALUES (1);",
        )
        .unwrap();
        conn.execute_batch(include_str!("schema/sources.sql"))
            .unwrap();
        let number = add_source(&conn, 1, "hospital", "smart", "{}").unwrap();
        begin_source_run(&conn, number).unwrap();
        let row = source(&conn, "hospital").unwrap().unwrap();
        (conn, row)
    }

    #[test]
    fn what_did_not_come_in_a_whole_reading_is_missing_until_it_is_gone_or_back() {
        let (conn, first) = database();
        assert_eq!(first.run, 1);
        for native in ["Goal/1", "Goal/2"] {
            assert!(!note_item(&conn, &first, native, "Goal").unwrap());
        }
        assert!(missing_items(&conn, &first, "Goal").unwrap().is_empty());
        begin_source_run(&conn, first.number).unwrap();
        let second = source(&conn, "hospital").unwrap().unwrap();
        note_item(&conn, &second, "Goal/1", "Goal").unwrap();
        assert_eq!(missing_items(&conn, &second, "Goal").unwrap(), ["Goal/2"]);
        assert!(set_gone(&conn, second.number, "Goal/2").unwrap());
        assert!(!set_gone(&conn, second.number, "Goal/2").unwrap());
        assert!(missing_items(&conn, &second, "Goal").unwrap().is_empty());
        assert_eq!(count_items(&conn, second.number).unwrap(), (2, 1));
        assert!(
            note_item(&conn, &second, "Goal/2", "Goal").unwrap(),
            "it is back"
        );
        assert_eq!(
            item(&conn, second.number, "Goal/2").unwrap(),
            Some((2, false))
        );
    }

    #[test]
    fn names_are_unique_and_a_removed_source_leaves_nothing() {
        let (conn, row) = database();
        assert!(add_source(&conn, 1, "hospital", "smart", "{}").is_err());
        note_item(&conn, &row, "Goal/1", "Goal").unwrap();
        remove_source(&conn, row.number).unwrap();
        assert!(sources(&conn).unwrap().is_empty());
        assert!(matches!(
            set_source_state(&conn, row.number, "x"),
            Err(Error::NotFound(_))
        ));
        assert_eq!(count_items(&conn, row.number).unwrap(), (0, 0));
    }
}
