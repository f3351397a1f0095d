//! Opening: every setting, every damage, every wrong key; and two holders of one vault.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::testing::{KEY, Room, of_texts, written};
use super::{Store, meta, open, rebuild, views};
use crate::error::{Error, Result};
use crate::record::view::Filter;
use rusqlite::Connection;
use std::fs;
use std::path::Path;

const CANARY: &str = "Canarivari";

fn pragma(connection: &Connection, name: &str) -> i64 {
    connection
        .query_row(&format!("PRAGMA {name}"), [], |row| row.get(0))
        .unwrap()
}

/// A closed vault with something in it.
fn closed() -> tempfile::TempDir {
    let Room { store, folder } = Room::new();
    let text = |number| {
        format!(
            r#"{{"resourceType":"Observation","id":"o{number}","status":"final","code":{{"text":"{CANARY} {number}"}}}}"#
        )
    };
    let texts: Vec<String> = (0..200).map(text).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let change = written(1, 1, 1, of_texts(&texts));
    store
        .write(|tx| super::testing::put(tx, &change, None))
        .unwrap();
    folder
}

#[test]
fn what_is_deleted_is_given_back_in_steps() {
    let Room { store, folder } = Room::new();
    let size = || {
        fs::metadata(folder.path().join(open::DATABASE))
            .unwrap()
            .len()
    };
    let blob = vec![7_u8; 8_000];
    store
        .write(|tx| {
            for at in 0..500 {
                tx.execute(
                    "INSERT INTO meta VALUES (?1, ?2)",
                    (format!("k{at}"), &blob),
                )?;
            }
            Ok(())
        })
        .unwrap();
    store.checkpoint().unwrap();
    let before = size();
    store
        .write(|tx| Ok(tx.execute("DELETE FROM meta WHERE key LIKE 'k%'", [])?))
        .unwrap();
    let mut steps = 1;
    while store.write(|tx| open::give_back(tx, 100)).unwrap() {
        steps += 1;
    }
    store.checkpoint().unwrap();
    assert!(steps > 5, "{steps}");
    assert!(size() < before / 2, "{} of {before} are left", size());
    assert!(!store.write(|tx| open::give_back(tx, 100)).unwrap());
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in [open::DATABASE, "vault.check"] {
        fs::copy(folder.join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn database(folder: &Path) -> Vec<u8> {
    fs::read(folder.join(open::DATABASE)).unwrap()
}

#[test]
fn every_setting_holds_on_every_connection() {
    let room = Room::new();
    let check = |connection: &Connection| {
        let mode: String = connection
            .query_row("PRAGMA journal_mode", [], |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
        let version: String = connection
            .query_row("PRAGMA cipher_version", [], |row| row.get(0))
            .unwrap();
        assert!(!version.is_empty());
        for (name, value) in [
            ("synchronous", 2),
            ("temp_store", 2),
            ("secure_delete", 1),
            ("foreign_keys", 1),
            ("trusted_schema", 0),
            ("cell_size_check", 1),
            ("fullfsync", 1),
            ("checkpoint_fullfsync", 1),
        ] {
            assert_eq!(pragma(connection, name), value, "{name}");
        }
        Ok(())
    };
    room.store.read(check).unwrap();
    room.store.write(|tx| check(tx)).unwrap();
    let refused = room
        .store
        .read(|reader| Ok(reader.execute("DELETE FROM row", [])?));
    assert!(refused.is_err(), "a reader must not write");
}

#[test]
fn nothing_readable_is_on_disk_open_or_closed() {
    let folder = closed();
    let store = Store::open(folder.path(), &KEY).unwrap();
    let change = written(
        1,
        2,
        2,
        of_texts(&[&format!(r#"{{"resourceType":"Patient","id":"{CANARY}"}}"#)]),
    );
    store
        .write(|tx| super::testing::put(tx, &change, None))
        .unwrap();
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = fs::read(&path).unwrap();
            for word in [
                CANARY.as_bytes(),
                CANARY.to_lowercase().as_bytes(),
                b"CREATE TABLE",
                b"SQLite format",
            ] {
                assert!(
                    !bytes.windows(word.len()).any(|window| window == word),
                    "{path:?}"
                );
            }
            files += 1;
        }
    }
    assert!(files >= 4, "database, log, index of the log, key check");
}

#[test]
fn a_wrong_key_changes_nothing_and_is_told_from_damage() {
    let folder = closed();
    let before = database(folder.path());
    assert!(matches!(
        Store::open(folder.path(), &[1; 32]),
        Err(Error::WrongKey)
    ));
    assert_eq!(database(folder.path()), before);
    Store::open(folder.path(), &KEY).unwrap();
    // Without the key check nothing proves the key: the file stays where it is.
    fs::remove_file(folder.path().join("vault.check")).unwrap();
    assert!(matches!(
        Store::open(folder.path(), &[1; 32]),
        Err(Error::WrongKey)
    ));
    assert_eq!(database(folder.path()).len(), before.len());
    Store::open(folder.path(), &KEY).unwrap();
    assert!(
        folder.path().join("vault.check").exists(),
        "the right key writes it again"
    );
}

#[test]
fn a_truncated_database_is_set_aside_whole_and_never_deleted() {
    let folder = closed();
    let whole = database(folder.path());
    // Less than a page short is what a kill during a checkpoint may leave beside a log that makes it whole: told when read.
    let short = copy_of(folder.path());
    fs::write(short.path().join(open::DATABASE), &whole[..whole.len() - 1]).unwrap();
    assert!(!matches!(read_everything(short.path()), Ok(problems) if problems.is_empty()));
    for length in [
        0,
        1,
        511,
        4_095,
        4_096,
        4_097,
        whole.len() / 2,
        whole.len() - 4_096,
    ] {
        let copy = copy_of(folder.path());
        fs::write(copy.path().join(open::DATABASE), &whole[..length]).unwrap();
        let opened = Store::open(copy.path(), &KEY);
        let refused = matches!(opened, Err(Error::Corrupt(_)));
        assert!(refused, "length {length}");
        assert_eq!(
            fs::read(copy.path().join("vault.db.damaged")).unwrap(),
            &whole[..length],
            "length {length}"
        );
        assert!(!copy.path().join(open::DATABASE).exists());
        assert!(matches!(
            Store::open(copy.path(), &KEY),
            Err(Error::NotFound(_))
        ));
    }
}

#[test]
fn the_second_damaged_database_gets_a_number() {
    let folder = closed();
    let whole = database(folder.path());
    for name in [
        "vault.db.damaged",
        "vault.db.damaged.2",
        "vault.db.damaged.3",
    ] {
        fs::write(folder.path().join(open::DATABASE), &whole[..100]).unwrap();
        assert!(matches!(
            Store::open(folder.path(), &KEY),
            Err(Error::Corrupt(_))
        ));
        assert!(folder.path().join(name).exists());
    }
}

/// Opens and reads everything; what was changed must be told, never shown.
fn read_everything(folder: &Path) -> Result<Vec<String>> {
    let store = Store::open(folder, &KEY)?;
    store.read(|reader| {
        views::list(reader, &Filter::default())?;
        rebuild::fingerprint(reader)?;
        rebuild::verify(reader)
    })
}

#[test]
fn one_flipped_bit_in_any_page_is_detected() {
    let folder = closed();
    let whole = database(folder.path());
    assert!(read_everything(folder.path()).unwrap().is_empty());
    for (page, start) in (0..whole.len()).step_by(4_096).enumerate() {
        let copy = copy_of(folder.path());
        let mut bytes = whole.clone();
        let at = start + (page * 977) % 4_096;
        bytes[at] ^= 1 << (page % 8);
        fs::write(copy.path().join(open::DATABASE), bytes).unwrap();
        match read_everything(copy.path()) {
            Ok(problems) => assert!(!problems.is_empty(), "page {page}"),
            Err(error) => assert!(matches!(error, Error::Corrupt(_)), "page {page}: {error:?}"),
        }
    }
}

#[test]
fn a_newer_schema_is_refused_and_its_file_left_as_it_was() {
    let folder = closed();
    let store = Store::open(folder.path(), &KEY).unwrap();
    store
        .write(|tx| Ok(tx.pragma_update(None, "user_version", 9_999)?))
        .unwrap();
    drop(store);
    let before = blake3::hash(&database(folder.path()));
    assert!(matches!(
        Store::open(folder.path(), &KEY),
        Err(Error::Newer)
    ));
    assert_eq!(blake3::hash(&database(folder.path())), before);
    assert!(!folder.path().join("vault.db.damaged").exists());
}

#[test]
fn a_newer_schema_still_in_the_log_is_refused_untouched() {
    let folder = closed();
    let store = Store::open(folder.path(), &KEY).unwrap();
    store
        .write(|tx| Ok(tx.pragma_update(None, "user_version", 9_999)?))
        .unwrap();
    // What a kill leaves: the commit is in the log only.
    let copy = copy_of(folder.path());
    fs::copy(
        folder.path().join("vault.db-wal"),
        copy.path().join("vault.db-wal"),
    )
    .unwrap();
    drop(store);
    let before = blake3::hash(&database(copy.path()));
    assert!(matches!(Store::open(copy.path(), &KEY), Err(Error::Newer)));
    assert_eq!(blake3::hash(&database(copy.path())), before);
    assert!(copy.path().join("vault.db-wal").exists());
}

#[test]
fn another_database_is_not_taken_for_a_vault() {
    let folder = tempfile::tempdir().unwrap();
    let other = Connection::open(folder.path().join(open::DATABASE)).unwrap();
    other
        .execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES(1)")
        .unwrap();
    drop(other);
    assert!(matches!(
        Store::open(folder.path(), &KEY),
        Err(Error::WrongKey)
    ));
    assert!(folder.path().join(open::DATABASE).exists());
}

#[test]
fn creating_is_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let failed = Store::create_with(folder.path(), &KEY, |_| Err(Error::Cancelled));
    assert!(matches!(failed, Err(Error::Cancelled)));
    assert!(matches!(
        Store::open(folder.path(), &KEY),
        Err(Error::NotFound(_))
    ));
    fs::write(folder.path().join("vault.db.new"), b"what a kill left").unwrap();
    let fill = |tx: &rusqlite::Transaction<'_>| {
        tx.execute("INSERT INTO meta(key, value) VALUES('hello', 1)", [])?;
        Ok(())
    };
    let store = Store::create_with(folder.path(), &KEY, fill).unwrap();
    let hello: i64 = store
        .read(|reader| {
            Ok(
                reader.query_row("SELECT value FROM meta WHERE key = 'hello'", [], |row| {
                    row.get(0)
                })?,
            )
        })
        .unwrap();
    assert_eq!(hello, 1);
    assert!(matches!(
        Store::create(folder.path(), &KEY),
        Err(Error::Invalid(_))
    ));
}

#[test]
fn a_write_is_all_or_nothing_even_when_it_panics() {
    let room = Room::new();
    let insert = |tx: &rusqlite::Transaction<'_>| -> Result<()> {
        tx.execute("INSERT INTO meta(key, value) VALUES('half', 1)", [])?;
        Ok(())
    };
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        room.store.write(|tx| -> Result<()> {
            insert(tx)?;
            panic!("a bug")
        })
    }));
    assert!(panicked.is_err());
    let failed = room
        .store
        .write(|tx| insert(tx).and(Err::<(), _>(Error::Cancelled)));
    assert!(failed.is_err());
    let before = room.store.read(meta::writes).unwrap();
    room.store.write(insert).unwrap();
    assert_eq!(room.store.read(meta::writes).unwrap(), before + 1);
}

#[test]
fn an_interrupt_stops_a_long_statement() {
    let room = Room::new();
    let stopped = std::thread::scope(|scope| {
        let long = scope.spawn(|| {
            room.store.read(|reader| {
                let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
                Ok(reader.query_row(endless, [], |row| row.get::<_, i64>(0))?)
            })
        });
        while !long.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(20));
            room.store.interrupt();
        }
        long.join().unwrap()
    });
    assert!(matches!(stopped, Err(Error::Cancelled)));
    room.store.write(|_| Ok(())).unwrap();
}

/// Two holders of one vault, as an app and its background worker are; their locks are those of two processes.
#[test]
fn two_holders_write_five_thousand_times_without_a_busy_error() {
    const EACH: u64 = 2_500;
    let room = Room::new();
    let other = Store::open(room.folder.path(), &KEY).unwrap();
    let before = room.store.read(meta::writes).unwrap();
    std::thread::scope(|scope| {
        for store in [&room.store, &other] {
            scope.spawn(move || {
                for number in 0..EACH {
                    store
                        .write(|tx| {
                            let writes = meta::writes(tx)?;
                            tx.prepare_cached(
                                "INSERT OR REPLACE INTO meta(key, value) VALUES('last', ?1)",
                            )?
                            .execute([writes.cast_signed()])?;
                            Ok(())
                        })
                        .unwrap();
                    if number % 100 == 0 {
                        store.read(meta::writes).unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(other.read(meta::writes).unwrap(), before + 2 * EACH);
}

#[test]
fn readers_see_one_state_while_a_writer_goes_on() {
    let room = Room::new();
    room.store
        .read(|reader| {
            let before = meta::writes(reader)?;
            room.store.write(|_| Ok(()))?;
            assert_eq!(meta::writes(reader)?, before);
            Ok(())
        })
        .unwrap();
    assert!(room.store.read(meta::writes).unwrap() >= 1);
}
