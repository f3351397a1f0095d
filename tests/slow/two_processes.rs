//! Two processes on one vault, as an app and its background worker: every write begins by waiting its turn, so none of 5,000
//! is refused, and none is lost.

use carnet::Vault;
use carnet_tests::commands::Running;
use carnet_tests::devices::host_in;
use carnet_tests::paths::{program, scale, scratch};
use std::process::Command;
use std::time::Duration;

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
