//! Two processes on one vault, as an app and its background worker: every write begins by waiting its turn, so none of 5,000
//! is refused, and none is lost. And one that keeps watch: it sends what the other imports, and brings what another phone
//! wrote.

use carnet::Vault;
use carnet_tests::commands::{Phone, Running};
use carnet_tests::devices::host_in;
use carnet_tests::generator::write_record;
use carnet_tests::paths::{program, scale, scratch};
use carnet_tests::relays::RelayHouse;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn two_processes_write_one_vault() {
    let transactions = scale("CARNET_TRANSACTIONS", 5_000);
    let scratch = scratch();
    let (folder, anchors) = (scratch.path().join("vault"), scratch.path().join("anchors"));
    let vault = Vault::create(
        &folder,
        host_in(&anchors),
        "one phone",
        "Camille Martin",
        None,
    )
    .expect("a vault");
    let record = vault.persons().expect("persons")[0].record;
    let first = scratch.path().join("first.ndjson");
    std::fs::write(&first, r#"{"resourceType":"Observation","id":"first","effectiveDateTime":"2030","status":"final","code":{"text":"x"}}"#)
        .expect("a file");
    vault.import(record, &[first], None).expect("an import");
    drop(vault);
    let start = |name: &str| {
        let mut command = Command::new(program("carnet-worker"));
        let count = (transactions / 2).to_string();
        command
            .arg("write")
            .arg(&folder)
            .arg(&anchors)
            .args([name, &count])
            .env("TMPDIR", scratch.path());
        Running::start(&mut command)
    };
    let running = [start("app"), start("background")];
    for process in running {
        let outcome = process
            .finish(Duration::from_secs(900))
            .expect_ok("a writer");
        println!("{}", outcome.stdout.trim());
    }
    let vault = Vault::open(&folder, host_in(&anchors)).expect("the vault opens");
    assert!(vault.warnings().is_empty(), "{:?}", vault.warnings());
    let stats = vault.stats(None).expect("stats");
    let notes = transactions / 2 / 5 * 2;
    assert_eq!(stats.notes, notes);
    assert_eq!(stats.by_kind["Observation"], transactions - notes + 1);
    assert_eq!(
        vault.verify(true).expect("a check").problems,
        Vec::<String>::new()
    );
    println!("two processes: {transactions} transactions, 0 refused");
}

/// How long news may take from one vault to another while one of them is watched.
const NEWS: Duration = Duration::from_secs(60);

fn import_record(phone: &Phone, folder: &Path, seed: u64) {
    let file = folder.join(format!("{seed}.ndjson"));
    let mut bytes = Vec::new();
    write_record(&mut bytes, 100, seed).expect("a record");
    std::fs::write(&file, bytes).expect("a file");
    phone.import(&[&file]);
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < NEWS, "{what} takes too long");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn one_process_watches_while_another_imports() {
    let scratch = scratch();
    let folder = scratch.path();
    let house = RelayHouse::new(folder);
    let url = house.relay.url();
    let (a, b) = (
        Phone::with_vault(folder.join("a")),
        Phone::new(folder.join("b")),
    );
    a.pair(&b, &url);
    for phone in [&a, &b, &a] {
        phone.run(["sync", "--relay", &url]).expect_ok("sync");
    }
    let watching = Running::start(&mut a.command(["sync", "--watch", "--relay", &url]));
    for seed in 1..=5 {
        import_record(&a, folder, seed);
    }
    let imported = a.resources();
    wait_until("what the other process imported", || {
        b.run(["sync"]).expect_ok("the other phone's sync");
        b.resources() == imported
    });
    import_record(&b, folder, 9);
    b.run(["sync"]).expect_ok("the other phone's sync");
    let all = b.resources();
    assert!(all.len() > imported.len());
    wait_until("what the other phone imported", || a.resources() == all);
    let pid = rustix::process::Pid::from_raw(watching.id() as i32).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    let outcome = watching.finish(Duration::from_secs(20));
    println!(
        "watching: exit {:?}, {:?} CPU\n{}",
        outcome.code,
        outcome.cpu,
        outcome.stdout.trim()
    );
    assert!(outcome.code.is_some(), "ended by itself");
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
    for phone in [&a, &b] {
        phone.verify().expect_ok("verify");
    }
}
