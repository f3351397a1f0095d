//! Opens the encrypted database: each step of the sequence is set, read back and compared, because a binding that ignores
//! a pragma ignores it silently (one shipped plaintext for a year).
//!
//! SQLCipher answers "not a database" both to a wrong key and to a damaged first page. `vault.check`, a hash keyed by the
//! database key, tells them apart: only when it proves the key right is the file called damaged and set aside. Nothing is
//! ever deleted (INV-5).

use super::migrate;
use crate::error::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

/// Name of the database in the vault's folder.
pub const DATABASE: &str = "vault.db";
const BUILDING: &str = "vault.db.new";
const KEY_CHECK: &str = "vault.check";
const DAMAGED: &str = "damaged";
const SIDECARS: [&str; 3] = ["", "-wal", "-shm"];
/// Most damaged databases kept side by side; a further one is reported and left where it is.
const MAX_DAMAGED: u32 = 1_000;

/// `CRNT`: says whose file it is, after decryption.
pub(super) const APPLICATION_ID: i32 = 0x4352_4e54;
/// How often a lock that another process holds is asked for, once a millisecond: 5 seconds at least. SQLite's own
/// `busy_timeout` asks every 100 ms, which is too seldom to meet a busy writer between two commits.
pub(super) const LOCK_TRIES: i32 = 5_000;
/// Page cache of the writer in KiB: with what a step of a sync merges it stays below the 64 MiB of a background window, whatever
/// a relay sends (48 MiB: 74 and 78 MB under the largest answers full of rubbish).
const WRITER_CACHE_KIB: i64 = 16 << 10;
/// Page cache of the writer during an import in KiB: holds the upper pages and the random ones of four indexes.
const BULK_CACHE_KIB: i64 = 48 << 10;
/// Page cache of each reader in KiB: a first screen reads a few hundred pages.
const READER_CACHE_KIB: i64 = 4 << 10;
/// Pages after which a commit moves the log into the database: four times SQLite's default, because an import dirties the
/// same index pages again and again and each is then copied a quarter as often.
const CHECKPOINT_PAGES: i64 = 4_000;
/// The log file is cut back to this after a checkpoint.
const WAL_KEPT_BYTES: i64 = 32 << 20;
/// `auto_vacuum`: free pages are given back by [`give_back`], not at every commit.
const INCREMENTAL: i64 = 2;
/// What protects each page against being changed. Part of the file's format.
const PAGE_MAC: &str = "HMAC_SHA256";
/// Prepared statements kept per connection.
const STATEMENTS: usize = 128;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one connection that writes.
    Writer,
    /// One of the pool; `query_only`.
    Reader,
}

/// Builds a new database beside its final name and renames it, so that a kill leaves either no vault or a whole one.
pub(super) fn create(
    folder: &Path,
    key: &[u8; 32],
    fill: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<()>,
) -> Result<()> {
    fs::create_dir_all(folder)?;
    let path = folder.join(DATABASE);
    if path.exists() {
        return Err(Error::Invalid("this folder already holds a vault"));
    }
    let building = folder.join(BUILDING);
    for sidecar in SIDECARS {
        remove_if_there(&with_suffix(&building, sidecar))?;
    }
    let flags = OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_READ_WRITE;
    let mut connection = connect(&building, key, flags)?;
    // Only a database without a page can choose: what a snapshot replaces is given back to the phone.
    set_number(&connection, "auto_vacuum", INCREMENTAL)?;
    migrate::initialise(&mut connection, fill)?;
    prepare(&connection, Role::Writer)?;
    connection
        .close()
        .map_err(|(_, error)| Error::from(error))?;
    File::open(&building)?.sync_all()?;
    write_key_check(folder, key)?;
    fs::rename(&building, &path)?;
    sync_folder(folder)
}

/// Opens the writer of an existing vault, migrating it when it is older than this build.
pub(super) fn open_writer(folder: &Path, key: &[u8; 32]) -> Result<Connection> {
    let path = folder.join(DATABASE);
    if !path.exists() {
        return Err(Error::NotFound("a vault in this folder"));
    }
    match try_open(&path, key, Role::Writer) {
        Ok(connection) => {
            if !key_check_holds(folder, key) {
                write_key_check(folder, key)?;
            }
            Ok(connection)
        }
        Err(Error::Corrupt(_)) if !key_check_holds(folder, key) => Err(Error::WrongKey),
        Err(Error::Corrupt(what)) => {
            set_aside(folder)?;
            Err(Error::Corrupt(what))
        }
        Err(other) => Err(other),
    }
}

/// Opens one more reader of a vault that is already open.
pub(super) fn open_reader(folder: &Path, key: &[u8; 32]) -> Result<Connection> {
    try_open(&folder.join(DATABASE), key, Role::Reader)
}

fn try_open(path: &Path, key: &[u8; 32], role: Role) -> Result<Connection> {
    let mut connection = connect(path, key, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    migrate::check(&connection)?;
    if role == Role::Writer {
        migrate::forward(&mut connection)?;
    }
    prepare(&connection, role)?;
    // Until here a close must not touch the file: it may be newer than this build, or damaged.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(connection)
}

/// The steps before the first page is read, and that read.
fn connect(path: &Path, key: &[u8; 32], flags: OpenFlags) -> Result<Connection> {
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // One plan a statement. Without it SQLite 3.54 plans again for each value bound to `LIMIT ?` or to a column that ends no
    // index: a third of the CPU of small syncs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Before anything can fail: SQLCipher writes page numbers of failed checks to stderr and to the phone's log.
    set_text(&connection, "cipher_log_level", "NONE")?;
    give_key(&connection, key)?;
    let cipher: Option<String> = connection
        .query_row("PRAGMA cipher_version", [], |row| row.get(0))
        .map_or_else(no_row, |version| Ok(Some(version)))?;
    if cipher.is_none_or(|version| version.is_empty()) {
        return Err(Error::Bug("this build has no database encryption"));
    }
    // The default, SHA-512, has no instructions of its own on most phones: each page read or written cost 3 times as much.
    set_text(&connection, "cipher_hmac_algorithm", PAGE_MAC)?;
    set_number(&connection, "cipher_memory_security", 0)?;
    connection.busy_handler(Some(wait_for_lock))?;
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    Ok(connection)
}

/// Whether to ask again for a lock, after a pause that is not the same each time.
fn wait_for_lock(tries: i32) -> bool {
    std::thread::sleep(Duration::from_micros(
        700 + 200 * u64::from(tries.cast_unsigned() % 4),
    ));
    tries < LOCK_TRIES
}

/// Gives the raw key. SQLite keeps a copy of the statement until it is finalised, SQLCipher the key itself: both live in
/// this process only, and the text made here is wiped.
fn give_key(connection: &Connection, key: &[u8; 32]) -> Result<()> {
    let mut pragma = Zeroizing::new(String::with_capacity(96));
    pragma.push_str("PRAGMA key = \"x'");
    for byte in key {
        write!(pragma, "{byte:02x}").map_err(|_| Error::Bug("a key did not format"))?;
    }
    pragma.push_str("'\"");
    connection.execute_batch(&pragma)?;
    Ok(())
}

/// The steps after the key has been proven right.
fn prepare(connection: &Connection, role: Role) -> Result<()> {
    set_text(connection, "journal_mode", "wal")?;
    // NORMAL lost acknowledged commits in a third of simulated power cuts.
    set_number(connection, "synchronous", 2)?;
    // Apple's fsync does not flush the drive's cache without these; elsewhere they do nothing.
    set_number(connection, "fullfsync", 1)?;
    set_number(connection, "checkpoint_fullfsync", 1)?;
    // FILE spilled plaintext into a temporary file.
    set_number(connection, "temp_store", 2)?;
    set_number(connection, "secure_delete", 1)?;
    set_number(connection, "foreign_keys", 1)?;
    set_number(connection, "trusted_schema", 0)?;
    set_number(connection, "cell_size_check", 1)?;
    set_number(connection, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    set_number(connection, "journal_size_limit", WAL_KEPT_BYTES)?;
    match role {
        Role::Writer => set_number(connection, "cache_size", -WRITER_CACHE_KIB),
        Role::Reader => {
            set_number(connection, "cache_size", -READER_CACHE_KIB)?;
            set_number(connection, "query_only", 1)
        }
    }
}

/// Gives the writer the page cache of an import, or takes it away again.
pub(super) fn set_bulk(connection: &Connection, bulk: bool) -> Result<()> {
    let size = if bulk {
        BULK_CACHE_KIB
    } else {
        WRITER_CACHE_KIB
    };
    set_number(connection, "cache_size", -size)
}

/// Gives pages that nothing uses back to the file system, `most` at once, where they are more than an eighth of the database:
/// fewer are soon used again. Returns whether there are more to give.
pub fn give_back(connection: &Connection, most: usize) -> Result<bool> {
    let number = |name: &str| -> Result<u64> {
        Ok(connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))?)
    };
    let (free, pages) = (number("freelist_count")?, number("page_count")?);
    if free * 8 <= pages {
        return Ok(false);
    }
    // Each row that the pragma returns has freed a page.
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({most})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    let left = number("freelist_count")?;
    Ok(left < free && left * 8 > number("page_count")?)
}

fn set_number(connection: &Connection, name: &str, value: i64) -> Result<()> {
    set(connection, name, &value.to_string())
}

fn set_text(connection: &Connection, name: &str, value: &str) -> Result<()> {
    set(connection, name, value)
}

/// Sets a pragma, reads it back and compares.
fn set(connection: &Connection, name: &str, value: &str) -> Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA {name} = {value}"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    let read: Option<String> = read_back(connection, name)?;
    match read {
        Some(read) if read.eq_ignore_ascii_case(value) => Ok(()),
        _ => Err(Error::Bug("a setting of the database was not accepted")),
    }
}

/// The value of a pragma as text.
fn read_back(connection: &Connection, name: &str) -> Result<Option<String>> {
    use rusqlite::types::ValueRef;
    connection
        .query_row(&format!("PRAGMA {name}"), [], |row| {
            Ok(match row.get_ref(0)? {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
                _ => String::new(),
            })
        })
        .map_or_else(no_row, |value| Ok(Some(value)))
}

fn no_row<T>(error: rusqlite::Error) -> Result<Option<T>> {
    match error {
        rusqlite::Error::QueryReturnedNoRows => Ok(None),
        other => Err(other.into()),
    }
}

/// Moves a damaged database out of the way under the first free name: `vault.db.damaged`, `vault.db.damaged.2`, …
fn set_aside(folder: &Path) -> Result<()> {
    let database = folder.join(DATABASE);
    let free = |number: &u32| {
        SIDECARS
            .iter()
            .all(|sidecar| !damaged_name(folder, *number, sidecar).exists())
    };
    let number = (1..=MAX_DAMAGED)
        .find(free)
        .ok_or(Error::Corrupt("the database, and many before it"))?;
    for sidecar in SIDECARS {
        let from = with_suffix(&database, sidecar);
        if from.exists() {
            fs::rename(&from, damaged_name(folder, number, sidecar))?;
        }
    }
    sync_folder(folder)
}

fn damaged_name(folder: &Path, number: u32, sidecar: &str) -> PathBuf {
    let numbered = if number == 1 {
        String::new()
    } else {
        format!(".{number}")
    };
    folder.join(format!("{DATABASE}.{DAMAGED}{numbered}{sidecar}"))
}

fn key_check(key: &[u8; 32]) -> [u8; 32] {
    let derived = Zeroizing::new(blake3::derive_key("carnet/1 database key check", key));
    *blake3::keyed_hash(&derived, b"carnet vault 1").as_bytes()
}

/// Whether `vault.check` proves the key right. Missing or changed, it proves nothing.
fn key_check_holds(folder: &Path, key: &[u8; 32]) -> bool {
    let expected = blake3::Hash::from_bytes(key_check(key));
    let kept = fs::read(folder.join(KEY_CHECK)).ok();
    let kept: Option<[u8; 32]> = kept.and_then(|bytes| bytes.try_into().ok());
    // Comparing two `Hash`es takes constant time.
    kept.is_some_and(|kept| blake3::Hash::from_bytes(kept) == expected)
}

fn write_key_check(folder: &Path, key: &[u8; 32]) -> Result<()> {
    write_whole(&folder.join(KEY_CHECK), &key_check(key))
}

/// Writes a small file so that a kill leaves the old content or the new.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let building = with_suffix(path, ".new");
    let mut file = File::create(&building)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&building, path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes renames in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<()> {
    // Windows cannot open a folder as a file, and needs no such call.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
