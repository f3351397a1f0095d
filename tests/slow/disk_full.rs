//! The disk is full, or fails, from the n-th write on: the error says so, reading goes on in the same process, nothing is half
//! written, and once there is room again the same command completes.

use carnet::Vault;
use carnet_tests::commands::{PATIENCE, Phone, Running};
use carnet_tests::devices::host_in;
use carnet_tests::faults::{EIO, ENOSPC, Fault, Watch, spread};
use carnet_tests::generator::write_record_file;
use carnet_tests::paths::{copy_folder, program, scale, scratch};
use std::path::Path;
use std::process::Command;

const FAULTS: [Fault; 4] = [
    Fault::FailOn(ENOSPC),
    Fault::FailOne(ENOSPC),
    Fault::FailOn(EIO),
    Fault::FailOne(EIO),
];

fn worker(folder: &Path) -> Command {
    let mut command = Command::new(program("carnet-worker"));
    command
        .arg("full")
        .arg(folder.join("vault"))
        .arg(folder.join("anchors"))
        .arg(folder.join("more.ndjson"));
    command
}

fn resources_of(folder: &Path) -> u64 {
    let vault = Vault::open(&folder.join("vault"), host_in(&folder.join("anchors")))
        .expect("the vault opens");
    let report = vault.verify(true).expect("a check");
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    vault.stats(None).expect("stats").by_kind.values().sum()
}

/// The engine in a process of its own, failing at each of some writes of an import.
#[test]
fn a_failing_disk_is_an_error_and_reading_goes_on() {
    let scratch = scratch();
    let template = scratch.path().join("template");
    std::fs::create_dir_all(&template).expect("a folder");
    write_record_file(&template.join("base.ndjson"), 50, 1);
    write_record_file(&template.join("more.ndjson"), 2_200, 2);
    let vault = Vault::create(
        &template.join("vault"),
        host_in(&template.join("anchors")),
        "a phone",
        "Camille Martin",
        None,
    );
    let vault = vault.expect("a vault");
    let record = vault.persons().expect("persons")[0].record;
    vault
        .import(record, &[template.join("base.ndjson")], None)
        .expect("an import");
    drop(vault);
    let before = resources_of(&template);

    let whole = scratch.path().join("whole");
    copy_folder(&template, &whole);
    let watch = Watch::new(&whole);
    let mut command = worker(&whole);
    watch.count(&mut command);
    let outcome = Running::start(&mut command)
        .finish(PATIENCE)
        .expect_ok("an import without faults");
    assert!(
        outcome.stdout.starts_with("import ok"),
        "{}",
        outcome.stdout
    );
    let after = resources_of(&whole);

    let points = spread(
        watch.writes(),
        (60 * scale("CARNET_CRASH_SHARE", 100) / 100).max(4),
    );
    let (mut refused, mut met) = (0, 0);
    for (turn, at) in points.iter().enumerate() {
        let folder = scratch.path().join(format!("at-{at}"));
        copy_folder(&template, &folder);
        let watch = Watch::new(&folder);
        let mut command = worker(&folder);
        let fault = FAULTS[turn % FAULTS.len()];
        println!("write {at} of {}: {fault:?}", points[points.len() - 1]);
        watch.fault(&mut command, *at, fault);
        let outcome = Running::start(&mut command)
            .finish(PATIENCE)
            .expect_ok("an error is an answer");
        met += usize::from(watch.was_met());
        refused += usize::from(check_answer(&outcome.stdout, fault));
        let left = resources_of(&folder);
        assert!((before..=after).contains(&left), "{left} resources");
        Running::start(&mut worker(&folder))
            .finish(PATIENCE)
            .expect_ok("the same import with room");
        assert_eq!(resources_of(&folder), after, "the import does not resume");
        let _ = std::fs::remove_dir_all(&folder);
    }
    println!(
        "failing disk: {} points, {met} faults met, {refused} typed errors",
        points.len()
    );
    assert!(refused * 2 > points.len(), "few faults were noticed at all");
}

/// Whether the import was refused; and if so, with the right error.
fn check_answer(said: &str, fault: Fault) -> bool {
    let first = said.lines().next().unwrap_or_default();
    if first == "import ok" {
        return false; // what failed was not needed for what was promised
    }
    let typed = match fault {
        Fault::FailOn(ENOSPC) | Fault::FailOne(ENOSPC) => ["DiskFull", "HostFailed"]
            .iter()
            .any(|name| first.contains(name)),
        _ => ["HostFailed", "Corrupt", "DiskFull"]
            .iter()
            .any(|name| first.contains(name)),
    };
    assert!(typed, "{fault:?} is reported as `{first}`");
    assert!(
        first.starts_with("open") || said.contains("read "),
        "reading stopped: {said}"
    );
    true
}

/// The program says it in words and with its own exit code.
#[test]
fn the_program_says_that_the_disk_is_full() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let file = scratch.path().join("more.ndjson");
    write_record_file(&file, 1_500, 3);
    let (mut told, mut full) = (0, 0);
    for at in [1, 4, 16, 64, 128, 192, 256] {
        let watch = Watch::new(phone.folder());
        let mut command = phone.command([std::ffi::OsStr::new("import"), file.as_os_str()]);
        watch.fault(&mut command, at, Fault::FailOn(ENOSPC));
        let outcome = Running::start(&mut command).finish(PATIENCE);
        if outcome.is_ok() {
            continue;
        }
        // Where only opening or locking fails, SQLite does not say why.
        assert!(
            matches!(outcome.code, Some(1 | 11)),
            "{:?} {}",
            outcome.code,
            outcome.stderr
        );
        assert_eq!(
            outcome.stderr.trim().lines().count(),
            1,
            "{}",
            outcome.stderr
        );
        told += 1;
        full += usize::from(outcome.code == Some(11));
        phone
            .run(["timeline", "--limit", "5"])
            .expect_ok("reading afterwards");
    }
    assert!(
        told > 0 && full > 0,
        "{told} imports were refused, {full} because the disk was full"
    );
    phone.import(&[&file]);
    phone.verify().expect_ok("verify");
}
