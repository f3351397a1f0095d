//! Opening the database: pragmas, schema, version, generation.
//!
//! Refuses a file that is newer, damaged or somebody else's, and leaves it as it found it.

use crate::StartError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// `CRNR`: marks the file as a Carnet relay's.
const APPLICATION_ID: i32 = 0x4352_4e52;
/// The schema this build writes.
const SCHEMA_VERSION: i32 = 1;
const SCHEMA: &str = include_str!("schema.sql");

/// Only a backup or an operator's shell can hold the lock; they are waited for this long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Memory for the pages the writer works on. Not more: SQLite looks through all of it at the end of a transaction that split
/// a page, which most do.
const WRITER_CACHE_KIB: i32 = 8 << 10;
/// Prepared statements kept per connection; more than there are.
const STATEMENTS: usize = 32;

/// The one connection that writes, and the generation of the database.
pub(super) fn writer(file: &Path) -> Result<(Connection, u64), StartError> {
    let mut connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let is_new = check_version(&connection)?;
    // Pragmas that change the file come after the check: a refused file stays as it is.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // KiB: the index of envelopes is touched at random; what does not fit is read back from the file at every append.
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    if is_new {
        create(&mut connection)?;
    }
    let generation: i64 =
        connection.query_row("SELECT generation FROM relay", [], |row| row.get(0))?;
    Ok((connection, generation.cast_unsigned()))
}

/// A connection that only reads. The writer must have been opened before.
pub(super) fn reader(file: &Path) -> Result<Connection, StartError> {
    let connection = Connection::open_with_flags(
        file,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(connection)
}

/// Whether the file is empty; an error if it is not one this build can use.
fn check_version(connection: &Connection) -> Result<bool, StartError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version) {
        (0, 0) if tables == 0 => Ok(true),
        (APPLICATION_ID, SCHEMA_VERSION) => Ok(false),
        (APPLICATION_ID, newer) if newer > SCHEMA_VERSION => Err(StartError::NewerSchema),
        _ => Err(StartError::Damaged),
    }
}

fn create(connection: &mut Connection) -> Result<(), StartError> {
    let generation = i64::from_ne_bytes(crate::sessions::make_random()?);
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute(
        "INSERT INTO relay (only, generation) VALUES (1, ?1)",
        [generation],
    )?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_pragmas_hold() {
        let folder = tempfile::tempdir().unwrap();
        let (connection, _) = writer(&folder.path().join("relay.db")).unwrap();
        let text = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
        let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        assert_eq!(text("journal_mode").unwrap(), "wal");
        assert_eq!(number("synchronous").unwrap(), 2);
    }

    #[test]
    fn a_newer_schema_is_refused_and_the_file_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.db");
        let (connection, _) = writer(&file).unwrap();
        connection.pragma_update(None, "user_version", 2).unwrap();
        drop(connection);
        let before = std::fs::read(&file).unwrap();
        assert_eq!(writer(&file).unwrap_err(), StartError::NewerSchema);
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn another_programs_file_and_garbage_are_refused_and_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let foreign = folder.path().join("foreign.db");
        Connection::open(&foreign)
            .unwrap()
            .execute_batch("CREATE TABLE notes (text)")
            .unwrap();
        let garbage = folder.path().join("garbage.db");
        std::fs::write(&garbage, [7; 8192]).unwrap();
        for file in [foreign, garbage] {
            let before = std::fs::read(&file).unwrap();
            assert_eq!(writer(&file).unwrap_err(), StartError::Damaged);
            assert_eq!(std::fs::read(&file).unwrap(), before);
        }
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.db");
        let _writer = writer(&file).unwrap();
        assert!(
            reader(&file)
                .unwrap()
                .execute("DELETE FROM log", [])
                .is_err()
        );
    }
}
