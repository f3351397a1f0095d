//! Opening the database: pragmas, schema, version, generation.
//!
//! Refuses a file that is newer, damaged or somebody else's, and leaves it as it found it.

use crate::StartError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// `CRNR`: marks the file as a Carnet relay's.
const APPLICATION_ID: i32 = 0x4352_4e52;
/// The one table of migrations, forward only: step *n* takes a database of version *n* to *n* + 1, and a new one goes through
/// all of them. A step that was released is never edited; what it should have done is a step of its own.
const STEPS: &[&str] = &[include_str!("schema.sql")];

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
    let version = check_version(&connection, STEPS)?;
    // Pragmas that change the file come after the check: a refused file stays as it is.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // Pages: a checkpoint writes only the last version of each, so the rarer it is the less it writes.
    connection.pragma_update(None, "wal_autocheckpoint", 12_000)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    // KiB: the index of envelopes is touched at random; what does not fit is read back from the file at every append.
    connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
    migrate(&mut connection, version, STEPS)?;
    let generation = generation(&connection)?;
    Ok((connection, generation))
}

/// A connection that only reads. The writer must have been opened before.
pub(crate) fn reader(file: &Path) -> Result<Connection, StartError> {
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

/// The version of the file, 0 for an empty one; an error if it is not one this build can use.
fn check_version(connection: &Connection, steps: &[&str]) -> Result<usize, StartError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, usize::try_from(version)) {
        (0, Ok(0)) if tables == 0 => Ok(0),
        (APPLICATION_ID, Ok(known)) if (1..=steps.len()).contains(&known) => Ok(known),
        (APPLICATION_ID, Ok(newer)) if newer > steps.len() => Err(StartError::NewerSchema),
        _ => Err(StartError::Damaged),
    }
}

/// Takes the database to the newest version: all steps in one transaction, or none.
fn migrate(connection: &mut Connection, version: usize, steps: &[&str]) -> Result<(), StartError> {
    if version == steps.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for step in steps.get(version..).unwrap_or_default() {
        transaction.execute_batch(step)?;
    }
    if version == 0 {
        transaction.execute(
            "INSERT INTO relay (only, generation) VALUES (1, ?1)",
            [make_generation()?],
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.pragma_update(None, "user_version", steps.len() as i64)?;
    Ok(transaction.commit()?)
}

/// The generation. A copy gets a new one, for devices to see that what they know of it may be ahead of what it holds.
fn generation(connection: &Connection) -> Result<u64, StartError> {
    connection.execute(
        "UPDATE relay SET generation = ?1, is_copy = 0 WHERE is_copy",
        [make_generation()?],
    )?;
    let generation: i64 =
        connection.query_row("SELECT generation FROM relay", [], |row| row.get(0))?;
    Ok(generation.cast_unsigned())
}

fn make_generation() -> Result<i64, StartError> {
    Ok(i64::from_ne_bytes(crate::sessions::make_random()?))
}

/// Marks the database in `file`, which nobody serves, as a copy.
pub(crate) fn mark_copy(file: &Path) -> Result<(), StartError> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_version(&connection, STEPS)?;
    connection.execute("UPDATE relay SET is_copy = 1", [])?;
    connection.close().map_err(|(_, error)| error)?;
    Ok(())
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
        let newer = STEPS.len() as i64 + 1;
        connection
            .pragma_update(None, "user_version", newer)
            .unwrap();
        drop(connection);
        let before = std::fs::read(&file).unwrap();
        assert_eq!(writer(&file).unwrap_err(), StartError::NewerSchema);
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn an_older_database_goes_forward_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.db");
        let (mut connection, generation_before) = writer(&file).unwrap();
        let next = "ALTER TABLE mailbox ADD COLUMN tier INTEGER NOT NULL DEFAULT 0";
        let broken = [STEPS[0], next, "UPDATE nothing SET a = 1"];
        assert!(migrate(&mut connection, 1, &broken).is_err());
        assert_eq!(check_version(&connection, &broken), Ok(1));
        assert!(connection.prepare("SELECT tier FROM mailbox").is_err());
        let steps = [STEPS[0], next];
        migrate(&mut connection, 1, &steps).unwrap();
        assert_eq!(check_version(&connection, &steps), Ok(2));
        assert!(connection.prepare("SELECT tier FROM mailbox").is_ok());
        assert_eq!(generation(&connection), Ok(generation_before));
        // And back: the older build refuses it.
        assert_eq!(
            check_version(&connection, STEPS),
            Err(StartError::NewerSchema)
        );
    }

    #[test]
    fn a_copy_gets_a_generation_of_its_own_at_its_first_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("relay.db");
        let (connection, first) = writer(&file).unwrap();
        drop(connection);
        mark_copy(&file).unwrap();
        let (connection, second) = writer(&file).unwrap();
        drop(connection);
        assert_ne!(first, second);
        assert_eq!(writer(&file).unwrap().1, second);
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
