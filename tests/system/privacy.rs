//! What others could read: nothing. Canaries go into a record, are annotated, corrected, exported, synced and searched for
//! with commands that fail; then every byte that is left anywhere is looked at.

use carnet::error::{Error, VaultError};
use carnet_tests::canary;
use carnet_tests::commands::{Outcome, PATIENCE, Phone, Running};
use carnet_tests::paths::{files_below, scratch};
use carnet_tests::relays::RelayHouse;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The scan itself can fail: it finds every canary in every form it claims to know.
#[test]
fn the_scan_finds_what_is_there() {
    for word in canary::ALL {
        let utf16: Vec<u8> = word.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let hex: String = word.bytes().map(|byte| format!("{byte:02X}")).collect();
        for hidden in [
            word.as_bytes(),
            word.to_uppercase().as_bytes(),
            &utf16,
            hex.as_bytes(),
        ] {
            let mut hay = vec![0xa5; 1000];
            hay.extend_from_slice(hidden);
            hay.extend_from_slice(&[0x5a; 1000]);
            assert!(!canary::hits_in("hay", &hay).is_empty(), "{word}");
        }
    }
    // Standard base64 of "xZephyrine-Quaxolotl", which does not begin at a group of three.
    assert!(!canary::hits_in("base64", b"eFplcGh5cmluZS1RdWF4b2xvdGw=").is_empty());
    assert!(canary::hits_in("nothing", b"a perfectly ordinary sentence").is_empty());
}

fn assert_clean(what: &str, folder: &Path) {
    let hits = canary::hits_below(folder);
    assert!(hits.is_empty(), "{what}: {hits:?}");
    assert!(
        !files_below(folder).is_empty(),
        "{what}: nothing was looked at"
    );
}

fn assert_silent(what: &str, outcome: &Outcome) {
    let hits = canary::hits_in(
        what,
        format!("{}\n{}", outcome.stdout, outcome.stderr).as_bytes(),
    );
    assert!(hits.is_empty(), "{hits:?}");
    assert!(!outcome.is_ok(), "{what} was meant to fail");
}

#[test]
fn nothing_of_a_record_can_be_read_anywhere() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = (
        Phone::new(scratch.path().join("a")),
        Phone::new(scratch.path().join("b")),
    );
    a.run([
        "init",
        "--person",
        canary::NAME,
        "--device-name",
        canary::FILE,
    ])
    .expect_ok("init");
    let files = tempfile::tempdir().expect("a folder of its own, as it holds the plaintext");
    let file = files.path().join(format!("{}.ndjson", canary::FILE));
    std::fs::write(&file, canary::resources()).expect("a file");
    let document = files.path().join("older.json");
    std::fs::write(
        &document,
        format!(
            r#"{{"resourceType":"MedicationOrder","id":"m","note":"{}"}}"#,
            canary::NOTE
        ),
    )
    .expect("a file");
    a.import(&[Path::new("--anyway"), &file, &document]);
    a.pair(&b, &relay.relay.url());
    let id = a.json(["list", "Observation"])[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    a.run(["annotate", &id, canary::NOTE]).expect_ok("annotate");
    a.run(["correct", &id, "value", canary::CORRECTION])
        .expect_ok("correct");
    for phone in [&a, &b, &a, &b] {
        phone.run(["sync"]).expect_ok("sync");
    }
    a.run(["compact"]).expect_ok("compact");
    assert_clean("pieces of a snapshot on their way", a.folder());
    for phone in [&a, &b, &a] {
        phone.run(["sync"]).expect_ok("sync");
    }
    assert_eq!(
        b.json(["search", canary::DIAGNOSIS])
            .as_array()
            .map(Vec::len),
        Some(2),
        "the canaries have arrived"
    );
    assert_eq!(
        b.json(["list", "Observation"])[0]["value"],
        canary::CORRECTION
    );

    let failing: [&[&str]; 5] = [
        &["show", canary::NOTE],
        &["list", "Observation", "--person", "nobody"],
        &["device", "pair", "0000-0000"],
        &["export", "--format", "ndjson", "/proc/no-such-place"],
        &["sync", "--relay", "http://127.0.0.1:1"],
    ];
    for arguments in failing.iter().skip(1) {
        assert_silent("a failing command", &a.run(*arguments));
    }
    assert!(!a.run(failing[0]).is_ok());
    assert_clean("phone a", a.folder());
    assert_clean("phone b", b.folder());
    assert_clean("the relay", &relay.data);
    assert_eq!(relay.relay.stop(), Some(0), "a graceful stop");
    assert_clean("the stopped relay", &relay.data);
}

/// A vault that is being written when the power goes: its WAL and half-written files are as unreadable as the rest.
#[test]
fn nothing_can_be_read_of_a_vault_that_was_killed() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let files = tempfile::tempdir().expect("a folder");
    let file = files.path().join("many.ndjson");
    let many: String = (0..3_000)
        .map(|n| canary::resources().replace(canary::NATIVE, &format!("{}-{n}", canary::NATIVE)))
        .collect();
    std::fs::write(&file, many).expect("a file");
    for delay in [150, 300, 500, 800] {
        let mut importing = Running::start(&mut phone.command([
            "import".as_ref(),
            "--anyway".as_ref(),
            file.as_os_str(),
        ]));
        std::thread::sleep(Duration::from_millis(delay));
        importing.kill();
        let _ = importing.finish(PATIENCE);
        assert_clean("a killed vault", phone.folder());
    }
    phone.verify().expect_ok("verify");
}

/// A damaged database is set aside, reported, and still tells nothing.
#[test]
fn nothing_can_be_read_of_a_damaged_vault() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let files = tempfile::tempdir().expect("a folder");
    let file = files.path().join("record.ndjson");
    std::fs::write(&file, canary::resources()).expect("a file");
    phone.import(&[Path::new("--anyway"), &file]);
    let is_database = |file: &PathBuf| file.extension().is_some_and(|end| end == "db");
    let database = files_below(&phone.vault())
        .into_iter()
        .find(is_database)
        .expect("a database");
    let mut bytes = std::fs::read(&database).expect("a database");
    bytes[100] ^= 1;
    std::fs::write(&database, bytes).expect("a database");
    let outcome = phone.run(["timeline"]);
    assert_eq!(outcome.code, Some(7), "{}", outcome.stderr);
    assert_silent("a damaged vault", &outcome);
    assert_clean("a damaged vault", phone.folder());
}

/// Errors and their debug forms are constants: whatever caused them, they cannot quote it.
#[test]
fn errors_quote_nothing() {
    let scratch = scratch();
    let folder = scratch.path().join(canary::FILE);
    let host = carnet_tests::devices::host_in(&scratch.path().join("anchors"));
    let mut texts = Vec::new();
    let mut note = |error: VaultError| texts.push(format!("{error} {error:?}"));
    note(refused(carnet::Vault::open(&folder, host.clone())));
    let vault = carnet::Vault::create(&folder, host.clone(), canary::FILE, canary::NAME, None)
        .expect("a vault");
    let record = vault.persons().expect("persons")[0].record;
    note(refused(carnet::Vault::create(
        &folder,
        host,
        canary::FILE,
        canary::NAME,
        None,
    )));
    note(refused(vault.import(
        record,
        &[folder.join(canary::NAME)],
        None,
    )));
    note(refused(vault.find(canary::NAME)));
    note(refused(vault.find("abcdef")));
    note(refused(vault.pair(canary::NOTE)));
    note(refused(vault.sync(Some(canary::NOTE), None, None)));
    note(refused(vault.add_person(&canary::NAME.repeat(1_000), None)));
    note(refused(vault.add_person("x", Some(canary::NAME))));
    let io = std::io::Error::other(canary::NAME);
    texts.push(Error::from(io).to_string());
    let sql = rusqlite::Connection::open_in_memory()
        .and_then(|db| db.execute_batch(&format!("SELECT '{}' FROM nowhere", canary::NAME)));
    texts.push(Error::from(sql.expect_err("no such table")).to_string());
    for text in texts {
        assert!(
            canary::hits_in("an error", text.as_bytes()).is_empty(),
            "{text}"
        );
    }
}

#[track_caller]
fn refused<T>(answer: Result<T, VaultError>) -> VaultError {
    match answer {
        Ok(_) => panic!("this was meant to fail"),
        Err(error) => error,
    }
}
