//! Opening an Android Health Connect export: SQLite that somebody else wrote.
//!
//! It is opened in memory from its bytes, which come from a file or out of a zip, so that nothing of it is ever written: no
//! temporary file, no journal, no lock beside the original. Threat: the file is an attacker's. It is read-only, its schema is
//! not trusted, only tables are read (no view, trigger, virtual table or function of its runs), each by a query of ours, and
//! a file that fails SQLite's own check is refused as a whole.

use crate::error::{Error, Result};
use crate::source::health_connect::{Cell, Mapper, Row, TABLES, Table, is_silent};
use crate::source::series::{Found, Summary};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Largest database: exports of ten years have 60 MB.
pub const MAX_DATABASE: usize = 512 << 20;

const DAMAGED: &str = "the Health Connect database is damaged: export it again on the phone";
const TOO_LARGE: &str = "a Health Connect database has at most 512 MiB";
const NOT_READABLE: &str = "a table of the Health Connect database cannot be read";

/// Whether an SQLite database is an export of Health Connect: it has the tables of its apps and devices.
pub fn is_health_connect(database: &[u8]) -> bool {
    let found = open(database).and_then(|conn| tables(&conn));
    found.is_ok_and(|found| {
        found.contains_key("application_info_table") && found.contains_key("device_info_table")
    })
}

/// Reads an export into `sink`, which may stop the reading.
pub fn read_health_connect(
    database: &[u8],
    sink: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<Summary> {
    if database.len() > MAX_DATABASE {
        return Err(Error::TooLarge(TOO_LARGE));
    }
    let mut mapper = Mapper::default();
    let opened = open(database).and_then(|conn| {
        let found = tables(&conn)?;
        Ok((conn, found))
    });
    let Ok((conn, found)) = opened else {
        mapper.refuse(DAMAGED);
        return Ok(mapper.finish(sink));
    };
    for table in TABLES {
        if found.contains_key(table.name)
            && read_table(&conn, &found, table, &mut mapper, sink).is_break()
        {
            return Ok(Summary {
                stopped: true,
                ..mapper.finish(sink)
            });
        }
    }
    for name in found.keys() {
        if !is_silent(name) && TABLES.iter().all(|table| table.name != name) {
            let query = format!("SELECT count(*) FROM {}", quoted(name));
            let rows = conn.query_row(&query, [], |row| row.get::<_, i64>(0));
            mapper.unknown(
                name,
                rows.ok()
                    .and_then(|rows| u64::try_from(rows).ok())
                    .unwrap_or(0),
            );
        }
    }
    Ok(mapper.finish(sink))
}

/// The entry of the fuzz target.
#[doc(hidden)]
pub fn fuzz_health_connect(database: &[u8]) -> bool {
    crate::source::series::all_fit(|sink| read_health_connect(database, sink))
}

fn open(database: &[u8]) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open_in_memory()?;
    conn.deserialize_read_exact(MAIN_DB, database, database.len(), true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    conn.pragma_update(None, "cell_size_check", true)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match verdict == "ok" {
        true => Ok(conn),
        false => Err(rusqlite::Error::InvalidQuery),
    }
}

/// Ordinary tables and their columns, as far as their names are text.
type Schema = BTreeMap<String, Vec<String>>;

fn tables(conn: &Connection) -> rusqlite::Result<Schema> {
    let mut found = BTreeMap::new();
    for name in texts(
        conn,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND (sql LIKE 'CREATE TABLE%' OR name = ?1)",
        "sqlite_sequence",
    )? {
        let columns = texts(conn, "SELECT name FROM pragma_table_info(?1)", &name);
        found.insert(name, columns.unwrap_or_default());
    }
    Ok(found)
}

/// The first column of a query, where it is text. The names of a foreign schema are only ever read as values: `rusqlite`
/// panics on the name of a column that is not UTF-8.
fn texts(conn: &Connection, query: &str, parameter: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = conn.prepare(query)?;
    let mut rows = statement.query([parameter])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        if let ValueRef::Text(text) = row.get_ref(0)? {
            found.extend(std::str::from_utf8(text).map(str::to_owned));
        }
    }
    Ok(found)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// What to ask for, and where from: the columns of a table and what its record, app and device say, as far as this database
/// has it. None where it has not what belongs together.
fn query(found: &Schema, table: &Table) -> Option<(String, Vec<String>)> {
    let mut columns: Vec<(&str, &str)> = Vec::new();
    let mut tables = quoted(table.name) + " t";
    columns.extend(
        found
            .get(table.name)?
            .iter()
            .map(|name| ("t", name.as_str())),
    );
    let record = match table.parent {
        None => "t",
        Some(parent) => {
            columns.extend(found.get(parent)?.iter().map(|name| ("p", name.as_str())));
            tables += &format!(" JOIN {} p ON p.row_id = t.parent_key", quoted(parent));
            "p"
        }
    };
    for (name, key, alias, wanted) in [
        (
            "application_info_table",
            "app_info_id",
            "a",
            &["package_name", "app_name"][..],
        ),
        (
            "device_info_table",
            "device_info_id",
            "d",
            &["manufacturer", "model", "device_type"][..],
        ),
    ] {
        let there = found.get(name).filter(|_| columns.contains(&(record, key)));
        let Some(there) = there else { continue };
        tables += &format!(" LEFT JOIN {name} {alias} ON {alias}.row_id = {record}.{key}");
        let both = wanted
            .iter()
            .filter(|wanted| there.iter().any(|column| column == *wanted));
        columns.extend(both.map(|column| (alias, *column)));
    }
    let named = columns
        .iter()
        .map(|(alias, name)| format!("{alias}.{}", quoted(name)));
    let list = named.collect::<Vec<_>>().join(", ");
    let names = columns.iter().map(|(_, name)| (*name).to_owned()).collect();
    (!list.is_empty()).then(|| (format!("SELECT {list} FROM {tables}"), names))
}

fn read_table(
    conn: &Connection,
    found: &Schema,
    table: &Table,
    mapper: &mut Mapper,
    sink: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let asked = query(found, table)
        .and_then(|(query, columns)| Some((conn.prepare(&query).ok()?, columns)));
    let Some((mut statement, columns)) = asked else {
        mapper.refuse(NOT_READABLE);
        return ControlFlow::Continue(());
    };
    let Ok(mut rows) = statement.query([]) else {
        mapper.refuse(NOT_READABLE);
        return ControlFlow::Continue(());
    };
    loop {
        match rows.next() {
            Ok(Some(row)) => {
                let cells: Vec<Cell> = (0..columns.len())
                    .map(|at| row.get_ref(at).map_or(Cell::Null, cell))
                    .collect();
                let row = Row {
                    columns: &columns,
                    cells: &cells,
                };
                mapper.row(table, row, sink)?;
            }
            Ok(None) => return ControlFlow::Continue(()),
            Err(_) => {
                mapper.refuse(NOT_READABLE);
                return ControlFlow::Continue(());
            }
        }
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Cell::Blob(bytes.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::series::{Reading, SampleBatch};
    use crate::source::corpus_tests::corpus;
    use proptest::prelude::*;

    fn read(database: &[u8]) -> (Vec<SampleBatch>, Summary) {
        let mut batches = Vec::new();
        let summary = read_health_connect(database, &mut |found| {
            if let Found::Batch(batch) = found {
                batches.push(batch);
            }
            ControlFlow::Continue(())
        });
        (batches, summary.unwrap())
    }

    /// A database with these statements, as bytes.
    fn made(statements: &str) -> Vec<u8> {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(statements).unwrap();
        conn.serialize(MAIN_DB).unwrap().to_vec()
    }

    const BASE: &str = "CREATE TABLE application_info_table (row_id INTEGER PRIMARY KEY, package_name TEXT);
        CREATE TABLE device_info_table (row_id INTEGER PRIMARY KEY, manufacturer TEXT, model TEXT, device_type INTEGER);
        INSERT INTO application_info_table VALUES (1, 'org.example');
        INSERT INTO device_info_table VALUES (2, 'Google', 'Pixel Watch', 1);
        CREATE TABLE heart_rate_record_table (row_id INTEGER PRIMARY KEY, uuid BLOB, last_modified_time INTEGER, app_info_id INTEGER, device_info_id INTEGER, start_time INTEGER, start_zone_offset INTEGER, end_time INTEGER);
        CREATE TABLE heart_rate_record_series_table (parent_key INTEGER, beats_per_minute INTEGER, epoch_millis INTEGER);
        INSERT INTO heart_rate_record_table VALUES (5, x'01020304050607080910111213141516', 3, 1, 2, 1680722885000, 3600, 1680722890000);
        INSERT INTO heart_rate_record_series_table VALUES (5, 61, 1680722885000), (5, 62, 1680722886000), (6, 63, 1680722887000);
        CREATE TABLE mood_record_table (row_id INTEGER PRIMARY KEY);
        INSERT INTO mood_record_table VALUES (1), (2);";

    #[test]
    fn a_series_is_joined_with_its_record_app_and_device() {
        let database = made(BASE);
        assert!(is_health_connect(&database));
        let (batches, summary) = read(&database);
        assert_eq!(
            (
                batches.len(),
                summary.samples,
                summary.unknown["mood_record_table"]
            ),
            (1, 2, 2)
        );
        assert_eq!(
            batches[0].source.key,
            "health-connect:org.example|Google|Pixel Watch"
        );
        assert_eq!(
            (batches[0].samples[0].offset, batches[0].samples[0].version),
            (Some(60), 3)
        );
    }

    #[test]
    fn another_schema_is_read_as_far_as_it_goes() {
        let (batches, summary) = read(&made(
            "CREATE TABLE weight_record_table (weight REAL, time INTEGER, new_column TEXT);
             INSERT INTO weight_record_table VALUES (70000.0, 1680722885000, 'x'), (NULL, 1680722885000, 'x'), (1.0, NULL, 'x');
             CREATE TABLE sleep_stages_table (parent_key INTEGER);",
        ));
        assert_eq!((batches.len(), summary.samples), (1, 1));
        assert_eq!(summary.refused[NOT_READABLE], 1);
    }

    #[test]
    fn nothing_of_the_file_runs() {
        let hostile = made(
            "CREATE TABLE secret (weight REAL, time INTEGER);
             CREATE VIEW weight_record_table AS SELECT * FROM secret;
             INSERT INTO secret VALUES (70000.0, 1680722885000);
             CREATE TRIGGER t AFTER INSERT ON secret BEGIN DELETE FROM secret; END;",
        );
        let (batches, summary) = read(&hostile);
        assert_eq!((batches.len(), summary.unknown["secret"]), (0, 1));
    }

    #[test]
    fn a_column_whose_name_is_no_text_is_left_out() {
        let mut database = made(BASE);
        let name = b"beats_per_minute INTEGER, epoch_millis";
        let at = database.windows(name.len()).position(|part| part == name);
        database[at.unwrap()] = 0xff;
        let (batches, summary) = read(&database);
        assert_eq!(
            (batches.len(), summary.unknown["mood_record_table"]),
            (0, 2)
        );
    }

    #[test]
    fn rubbish_is_refused() {
        for bytes in [&b""[..], b"SQLite format 3\0", &[0xff; 5_000]] {
            let (batches, summary) = read(bytes);
            assert!(batches.is_empty() && !is_health_connect(bytes));
            assert!(summary.refused.len() <= 1);
        }
    }

    #[test]
    fn the_real_database_of_the_corpus() {
        let Some(folder) = corpus() else { return };
        let database =
            std::fs::read(folder.join("health-connect/healthconnect_staged.db")).unwrap();
        assert!(is_health_connect(&database));
        let (batches, summary) = read(&database);
        assert_eq!((summary.samples, summary.refused.len()), (3, 0));
        let mut shown = Vec::new();
        for batch in &batches {
            for sample in &batch.samples {
                let Reading::Value(value) = &sample.reading else {
                    continue;
                };
                shown.push(format!(
                    "{} {value} {}",
                    batch.metric.key(),
                    batch.unit.ucum()
                ));
            }
        }
        assert_eq!(shown, ["body-fat 10 %", "height 1 m", "height 1 m"]);
        assert!(batches.iter().all(|batch| {
            batch
                .samples
                .iter()
                .all(|sample| sample.start / 86_400_000 == 19_452)
        }));
        assert!(batches.iter().all(|batch| {
            batch
                .source
                .key
                .starts_with("health-connect:android.healthconnect.ct")
        }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_database_is_read_or_refused(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        ) {
            let mut database = made(BASE);
            for (at, byte) in changes {
                let at = at.index(database.len());
                database[at] = byte;
            }
            let (batches, _) = read(&database);
            prop_assert!(batches.iter().all(|batch| batch.check().is_ok()));
        }
    }
}
