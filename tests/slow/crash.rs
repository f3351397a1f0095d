//! Kill the real program at its writes, one after the other, and look at what is left: everything acknowledged is there,
//! nothing is half there, the vault opens with an ordinary command, and the command that was cut completes when it is run
//! again, to the state it would have reached uncut.
//!
//! A command counts its writes once; then it is run again from the same start for each of some evenly spread writes, and
//! dies before, after or in the middle of that write. `CARNET_CRASH_SHARE` is in percent: `tests/run` asks for 35 (some 190 points);
//! 100 is some 520, 300 of them in push, pull, bootstrap, compaction, retirement; 350 cuts those at more than 1,000.

use carnet_tests::commands::{Outcome, PATIENCE, Phone, Running};
use carnet_tests::faults::{Fault, Watch, spread};
use carnet_tests::generator::write_record;
use carnet_tests::paths::{copy_folder, scale, scratch};
use carnet_tests::relays::{RelayProgram, free_address};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// One command cut at many points.
struct Scenario {
    name: &'static str,
    /// Most points.
    points: u64,
    /// Builds what the command starts from, in an empty folder.
    prepare: fn(&Site),
    /// The phone that runs it, `a` or `b`.
    phone: &'static str,
    /// The command.
    command: fn(&Site) -> Vec<String>,
    /// Whether a relay must be running.
    relay: bool,
    /// What must hold of what is left, before the command is run again.
    check: fn(&Site, &Case),
    /// What must hold after it has been run again.
    check_again: fn(&Site, &Case),
}

/// A folder with phones and perhaps a relay's data.
struct Site {
    folder: PathBuf,
    address: SocketAddr,
}

/// What one cut is compared with.
struct Case<'a> {
    /// Resources before the command.
    before: &'a BTreeSet<String>,
    /// Resources after the command ran uncut.
    after: &'a BTreeSet<String>,
    /// Whether the command had told the person that it was done.
    acknowledged: bool,
}

impl Site {
    fn phone(&self, name: &str) -> Phone {
        Phone::new(self.folder.join(name))
    }

    fn relay_data(&self) -> PathBuf {
        self.folder.join("relay")
    }

    fn relay(&self) -> RelayProgram {
        RelayProgram::start_at(&self.relay_data(), self.address)
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write_record(&self, name: &str, count: u64, seed: u64) {
        let mut bytes = Vec::new();
        write_record(&mut bytes, count, seed).expect("a record");
        std::fs::write(self.file(name), bytes).expect("a written record");
    }

    fn import(&self, phone: &str, file: &str) {
        self.phone(phone).import(&[&self.file(file)]);
    }
}

fn resources(phone: &Phone) -> BTreeSet<String> {
    phone.resources().into_iter().collect()
}

fn first_id(phone: &Phone) -> String {
    let rows = phone.json(["list", "Observation", "--limit", "1"]);
    rows[0]["id"].as_str().expect("an id").to_owned()
}

fn assert_sound(phone: &Phone) {
    phone.verify().expect_ok("verify --rebuild after a crash");
}

// ------------------------------------------------------------------------------------------------ what must hold

fn between(site: &Site, case: &Case, name: &str) {
    let phone = site.phone(name);
    assert_sound(&phone);
    let left = resources(&phone);
    assert!(
        left.is_superset(case.before),
        "acknowledged resources are lost"
    );
    assert!(left.is_subset(case.after), "resources nobody wrote");
    assert!(
        !case.acknowledged || left == *case.after,
        "the command had said it was done"
    );
}

fn complete(site: &Site, case: &Case, name: &str) {
    let phone = site.phone(name);
    assert_sound(&phone);
    assert!(
        resources(&phone) == *case.after,
        "run again, the command ends elsewhere"
    );
}

fn between_on_a(site: &Site, case: &Case) {
    between(site, case, "a");
}

fn complete_on_a(site: &Site, case: &Case) {
    complete(site, case, "a");
}

fn between_on_b(site: &Site, case: &Case) {
    between(site, case, "b");
}

fn complete_on_b(site: &Site, case: &Case) {
    complete(site, case, "b");
}

// ------------------------------------------------------------------------------------------------------ scenarios

/// Creating has no state before: what is left is a whole vault, or something `init` can be run over.
fn check_created(site: &Site, case: &Case) {
    let opens = site.phone("a").run(["stats", "--json"]);
    assert!(
        opens.is_ok() || !case.acknowledged,
        "init had said it was done: {}",
        opens.stderr
    );
    if opens.is_ok() {
        assert_sound(&site.phone("a"));
    } else {
        site.phone("a")
            .run(["init", "--person", "Camille Martin"])
            .expect_ok("init again");
    }
}

/// A background window changes no view: what it stored is merged by the next command that syncs.
fn between_unmerged_on_b(site: &Site, case: &Case) {
    let phone = site.phone("b");
    assert_sound(&phone);
    let left = resources(&phone);
    assert!(left.is_superset(case.before) && left.is_subset(case.after));
}

fn complete_after_background(site: &Site, _: &Case) {
    let phone = site.phone("b");
    phone.run(["sync"]).expect_ok("the sync that merges");
    assert_sound(&phone);
    assert!(
        resources(&phone) == resources(&site.phone("a")),
        "b lacks something"
    );
}

fn usable(site: &Site, _: &Case) {
    assert_sound(&site.phone("a"));
    let persons = site.phone("a").json(["person", "list"]);
    assert_eq!(persons.as_array().map(Vec::len), Some(1));
}

fn notes_of(site: &Site) -> u64 {
    site.phone("a").json(["stats"])["notes"]
        .as_u64()
        .expect("a count")
}

fn check_annotated(site: &Site, case: &Case) {
    between_on_a(site, case);
    let notes = notes_of(site);
    assert!(
        notes <= 1 && (!case.acknowledged || notes == 1),
        "{notes} notes"
    );
}

fn check_annotated_again(site: &Site, case: &Case) {
    complete_on_a(site, case);
    assert!(
        matches!(notes_of(site), 1 | 2),
        "the second note is not there"
    );
}

fn corrected_value(site: &Site) -> Option<String> {
    let shown = site.phone("a").json(["show", &first_id(&site.phone("a"))]);
    let corrections = shown["corrections"]
        .as_array()
        .expect("corrections")
        .clone();
    corrections
        .first()
        .and_then(|one| one["value"].as_str())
        .map(str::to_owned)
}

fn check_corrected(site: &Site, case: &Case) {
    between_on_a(site, case);
    let value = corrected_value(site);
    assert!(
        value.is_none() && !case.acknowledged || value.as_deref() == Some("4.2"),
        "{value:?}"
    );
}

fn check_corrected_again(site: &Site, case: &Case) {
    complete_on_a(site, case);
    assert_eq!(corrected_value(site).as_deref(), Some("4.2"));
}

fn exported(site: &Site) -> Option<BTreeSet<String>> {
    let text = std::fs::read_to_string(site.file("out.ndjson")).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

fn check_exported(site: &Site, case: &Case) {
    between_on_a(site, case);
    let out = exported(site);
    assert!(
        out.is_some() || !case.acknowledged,
        "the export had said it was done"
    );
    assert!(
        out.is_none_or(|out| out == *case.after),
        "half an export under its final name"
    );
}

fn check_exported_again(site: &Site, case: &Case) {
    complete_on_a(site, case);
    assert!(exported(site).is_some_and(|out| out == *case.after));
}

fn prepare_empty(_: &Site) {}

fn prepare_vault(site: &Site) {
    Phone::with_vault(site.folder.join("a"));
    site.write_record("base.ndjson", 40, 1);
    site.import("a", "base.ndjson");
    site.write_record("more.ndjson", 2_600, 2);
}

/// Two paired phones in sync; `a` has more that the relay has not.
fn prepare_push(site: &Site) {
    prepare_paired(site);
    site.write_record("more.ndjson", 1_300, 2);
    site.import("a", "more.ndjson");
    site.phone("a")
        .run(["annotate", &first_id(&site.phone("a")), "before the push"])
        .expect_ok("annotate");
}

/// Two paired phones; the relay has more that `b` has not.
fn prepare_pull(site: &Site) {
    prepare_push(site);
    let _relay = site.relay();
    site.phone("a").run(["sync"]).expect_ok("sync");
}

fn prepare_paired(site: &Site) {
    prepare_vault(site);
    let relay = site.relay();
    site.phone("a").pair(&site.phone("b"), &relay.url());
    for name in ["a", "b", "a"] {
        site.phone(name).run(["sync"]).expect_ok("sync");
    }
}

/// Two paired phones without a relay; a stick holds what `a` has and `b` has not.
fn prepare_stick(site: &Site) {
    prepare_push(site);
    let stick = site.file("stick.carnet-sync");
    site.phone("a")
        .run(["sync", "--file", &stick.to_string_lossy()])
        .expect_ok("a sync with a file");
}

/// What the stick held is not lost: it is still of use to `a`.
fn complete_stick(site: &Site, case: &Case) {
    complete_on_b(site, case);
    let stick = site.file("stick.carnet-sync");
    site.phone("a")
        .run(["sync", "--file", &stick.to_string_lossy()])
        .expect_ok("the other phone's sync with the file");
    complete(site, case, "a");
}

/// `b` was away while `a` wrote most of the record: it comes to a relay where all of it is new.
fn prepare_bootstrap(site: &Site) {
    prepare_paired(site);
    site.import("a", "more.ndjson");
    let id = first_id(&site.phone("a"));
    for note in 0..30 {
        let text = format!("note {note}");
        site.phone("a")
            .run(["annotate", &id, &text])
            .expect_ok("annotate");
    }
    let _relay = site.relay();
    site.phone("a").run(["sync"]).expect_ok("sync");
}

/// Three paired phones in sync, of which `a` wrote enough to sum up.
fn prepare_compact(site: &Site) {
    prepare_paired(site);
    let relay = site.relay();
    site.phone("a").pair(&site.phone("c"), &relay.url());
    site.phone("b").run(["sync"]).expect_ok("sync");
    site.write_record("some.ndjson", 200, 2);
    site.import("a", "some.ndjson");
    annotate_often(site);
    for name in ["a", "c", "a"] {
        site.phone(name).run(["sync"]).expect_ok("sync");
    }
}

fn annotate_often(site: &Site) {
    let id = first_id(&site.phone("a"));
    for note in 0..12 {
        let text = format!("note {note}");
        site.phone("a")
            .run(["annotate", &id, &text])
            .expect_ok("annotate");
    }
}

/// A snapshot was made and another phone has acknowledged it: the next sync of `a` lets go of what it replaces, here and at
/// the relay.
fn prepare_retire(site: &Site) {
    prepare_compact(site);
    let _relay = site.relay();
    let made = site.phone("a").json(["compact"]);
    assert!(made["made"].as_u64() > Some(0), "{made}");
    for name in ["a", "c"] {
        site.phone(name).run(["sync"]).expect_ok("sync");
    }
}

/// `b` was away; what it lacks the relay has as a snapshot only.
fn prepare_snapshot(site: &Site) {
    prepare_retire(site);
    let _relay = site.relay();
    site.phone("a").run(["sync"]).expect_ok("sync");
}

/// What the other phones get in the end is what this one has: one that was away, too.
fn complete_for_all(site: &Site, case: &Case) {
    complete_on_a(site, case);
    for name in ["a", "b", "c"] {
        site.phone(name).run(["sync"]).expect_ok("sync");
    }
    complete(site, case, "b");
    complete(site, case, "c");
}

/// What was summed up is not published yet.
fn complete_compact(site: &Site, case: &Case) {
    site.phone("a").run(["sync"]).expect_ok("sync");
    site.phone("c").run(["sync"]).expect_ok("sync");
    complete_for_all(site, case);
}

/// What the other phone gets in the end is what this one has.
fn complete_push(site: &Site, case: &Case) {
    complete_on_a(site, case);
    site.phone("b")
        .run(["sync"])
        .expect_ok("the other phone's sync");
    complete(site, case, "b");
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "create",
        points: 40,
        prepare: prepare_empty,
        phone: "a",
        command: |_| words(&["init", "--person", "Camille Martin", "--json"]),
        relay: false,
        check: check_created,
        check_again: usable,
    },
    Scenario {
        name: "import",
        points: 80,
        prepare: prepare_vault,
        phone: "a",
        command: |site| {
            words(&[
                "import",
                &site.file("more.ndjson").to_string_lossy(),
                "--json",
            ])
        },
        relay: false,
        check: between_on_a,
        check_again: complete_on_a,
    },
    Scenario {
        name: "annotate",
        points: 25,
        prepare: prepare_vault,
        phone: "a",
        command: |site| words(&["annotate", &first_id(&site.phone("a")), "a note", "--json"]),
        relay: false,
        check: check_annotated,
        check_again: check_annotated_again,
    },
    Scenario {
        name: "correct",
        points: 25,
        prepare: prepare_vault,
        phone: "a",
        command: |site| {
            words(&[
                "correct",
                &first_id(&site.phone("a")),
                "value",
                "4.2",
                "--json",
            ])
        },
        relay: false,
        check: check_corrected,
        check_again: check_corrected_again,
    },
    Scenario {
        name: "export",
        points: 15,
        prepare: prepare_vault,
        phone: "a",
        command: |site| {
            words(&[
                "export",
                "--force",
                "--format",
                "ndjson",
                &site.file("out.ndjson").to_string_lossy(),
            ])
        },
        relay: false,
        check: check_exported,
        check_again: check_exported_again,
    },
    Scenario {
        name: "push",
        points: 45,
        prepare: prepare_push,
        phone: "a",
        command: |_| words(&["sync", "--json"]),
        relay: true,
        check: between_on_a,
        check_again: complete_push,
    },
    Scenario {
        name: "pull",
        points: 60,
        prepare: prepare_pull,
        phone: "b",
        command: |_| words(&["sync", "--json"]),
        relay: true,
        check: between_on_b,
        check_again: complete_on_b,
    },
    Scenario {
        name: "background",
        points: 30,
        prepare: prepare_pull,
        phone: "b",
        command: |_| words(&["sync", "--background", "--json"]),
        relay: true,
        check: between_unmerged_on_b,
        check_again: complete_after_background,
    },
    Scenario {
        name: "bootstrap",
        points: 40,
        prepare: prepare_bootstrap,
        phone: "b",
        command: |_| words(&["sync", "--json"]),
        relay: true,
        check: between_on_b,
        check_again: complete_on_b,
    },
    Scenario {
        name: "stick",
        points: 35,
        prepare: prepare_stick,
        phone: "b",
        command: |site| {
            let stick = site.file("stick.carnet-sync");
            words(&["sync", "--file", &stick.to_string_lossy(), "--json"])
        },
        relay: false,
        check: between_on_b,
        check_again: complete_stick,
    },
    Scenario {
        name: "compact",
        points: 25,
        prepare: prepare_compact,
        phone: "a",
        command: |_| words(&["compact", "--json"]),
        relay: true,
        check: between_on_a,
        check_again: complete_compact,
    },
    Scenario {
        name: "retire",
        points: 30,
        prepare: prepare_retire,
        phone: "a",
        command: |_| words(&["sync", "--json"]),
        relay: true,
        check: between_on_a,
        check_again: complete_for_all,
    },
    Scenario {
        name: "snapshot",
        points: 35,
        prepare: prepare_snapshot,
        phone: "b",
        command: |_| words(&["sync", "--json"]),
        relay: true,
        check: between_on_b,
        check_again: complete_on_b,
    },
];

// ---------------------------------------------------------------------------------------------------- the machine

/// Runs the command of a scenario on a site, under a watch.
fn run_watched(scenario: &Scenario, site: &Site, fault: Option<(u64, Fault)>) -> (Outcome, Watch) {
    let arguments = (scenario.command)(site);
    let watch = Watch::new(&site.folder);
    let mut command = site.phone(scenario.phone).command(&arguments);
    match fault {
        Some((at, fault)) => watch.fault(&mut command, at, fault),
        None => watch.count(&mut command),
    }
    let outcome = Running::start(&mut command).finish(PATIENCE);
    (outcome, watch)
}

fn resources_if_any(site: &Site, name: &str) -> BTreeSet<String> {
    let phone = site.phone(name);
    if phone.vault().is_dir() {
        resources(&phone)
    } else {
        BTreeSet::new()
    }
}

fn copy(template: &Path, folder: PathBuf, address: SocketAddr) -> Site {
    copy_folder(template, &folder);
    Site { folder, address }
}

/// Cuts one scenario at its points and returns how many were met.
fn cut(scenario: &Scenario) -> usize {
    let scratch = scratch();
    let template = Site {
        folder: scratch.path().join("template"),
        address: free_address(),
    };
    std::fs::create_dir_all(&template.folder).expect("a folder");
    (scenario.prepare)(&template);
    let before = resources_if_any(&template, scenario.phone);

    let whole = copy(
        &template.folder,
        scratch.path().join("whole"),
        template.address,
    );
    let relay = scenario.relay.then(|| whole.relay());
    let (outcome, watch) = run_watched(scenario, &whole, None);
    outcome.expect_ok(scenario.name);
    drop(relay);
    let after = resources_if_any(&whole, scenario.phone);
    assert!(
        watch.writes() > 5,
        "{}: {} writes seen",
        scenario.name,
        watch.writes()
    );

    let share = scale("CARNET_CRASH_SHARE", 100);
    let points = spread(watch.writes(), (scenario.points * share / 100).max(2));
    let (next, met) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // A relay keeps its address from point to point, so points with one go one after the other.
    let workers = if scenario.relay {
        1
    } else {
        available_parallelism().map_or(2, usize::from)
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let Some(at) = points.get(turn) else { break };
                    let folder = scratch.path().join(format!("point-{at}"));
                    let site = copy(&template.folder, folder, template.address);
                    println!(
                        "{} at write {at} of {}: {:?}",
                        scenario.name,
                        watch.writes(),
                        Fault::kill(turn)
                    );
                    met.fetch_add(
                        usize::from(cut_at(
                            scenario,
                            &site,
                            (*at, Fault::kill(turn)),
                            &before,
                            &after,
                        )),
                        Ordering::Relaxed,
                    );
                    let _ = std::fs::remove_dir_all(&site.folder);
                }
            });
        }
    });
    let met = met.into_inner();
    static ALL: AtomicUsize = AtomicUsize::new(0);
    let all = met + ALL.fetch_add(met, Ordering::Relaxed);
    println!(
        "{}: {} writes, {} points, {met} kills; {all} kills so far",
        scenario.name,
        watch.writes(),
        points.len()
    );
    assert!(
        met * 10 >= points.len() * 8,
        "{}: most kills were not met",
        scenario.name
    );
    met
}

fn cut_at(
    scenario: &Scenario,
    site: &Site,
    fault: (u64, Fault),
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> bool {
    let _relay = scenario.relay.then(|| site.relay());
    let (outcome, watch) = run_watched(scenario, site, Some(fault));
    assert!(
        outcome.is_ok() || outcome.code.is_none(),
        "a kill, not an error: {}",
        outcome.stderr
    );
    let said_all = scenario.name != "export"
        && serde_json::from_str::<serde_json::Value>(&outcome.stdout).is_ok();
    let case = Case {
        before,
        after,
        acknowledged: outcome.is_ok() || said_all,
    };
    (scenario.check)(site, &case);
    if scenario.name != "create" {
        let arguments = (scenario.command)(site);
        site.phone(scenario.phone)
            .run(&arguments)
            .expect_ok("the same command again");
    }
    (scenario.check_again)(site, &case);
    watch.was_met()
}

fn cut_named(name: &str) {
    let scenario = SCENARIOS
        .iter()
        .find(|scenario| scenario.name == name)
        .expect("a scenario");
    cut(scenario);
}

#[test]
fn killed_while_creating_a_vault() {
    cut_named("create");
}

#[test]
fn killed_while_importing() {
    cut_named("import");
}

#[test]
fn killed_while_writing_a_note() {
    cut_named("annotate");
}

#[test]
fn killed_while_correcting() {
    cut_named("correct");
}

#[test]
fn killed_while_exporting() {
    cut_named("export");
}

#[test]
fn killed_while_pushing() {
    cut_named("push");
}

#[test]
fn killed_while_pulling() {
    cut_named("pull");
}

#[test]
fn killed_in_a_background_window() {
    cut_named("background");
}

#[test]
fn killed_while_a_record_arrives() {
    cut_named("bootstrap");
}

#[test]
fn killed_while_syncing_with_a_stick() {
    cut_named("stick");
}

#[test]
fn killed_while_making_a_snapshot() {
    cut_named("compact");
}

#[test]
fn killed_while_letting_go_of_what_a_snapshot_replaces() {
    cut_named("retire");
}

#[test]
fn killed_while_beginning_with_a_snapshot() {
    cut_named("snapshot");
}

/// Pairing is two commands at once: either may die; after that the pairing is done again, and both phones hold the record.
#[test]
fn killed_while_pairing() {
    let scratch = scratch();
    let template = Site {
        folder: scratch.path().join("template"),
        address: free_address(),
    };
    std::fs::create_dir_all(&template.folder).expect("a folder");
    prepare_vault(&template);
    let relay = template.relay();
    template
        .phone("a")
        .run(["sync", "--relay", &template.url()])
        .expect_ok("sync");
    drop(relay);
    let record = resources(&template.phone("a"));
    let most = (20 * scale("CARNET_CRASH_SHARE", 100) / 100).max(2);
    let mut met = 0;
    for side in [Side::Old, Side::New] {
        let whole = copy(
            &template.folder,
            scratch.path().join(format!("whole-{side:?}")),
            template.address,
        );
        let writes = pair_watched(&whole, side, None).0;
        for (turn, at) in spread(writes, most).into_iter().enumerate() {
            println!("pairing, {side:?} phone at write {at} of {writes}");
            let site = copy(
                &template.folder,
                scratch.path().join(format!("{side:?}-{at}")),
                template.address,
            );
            met += usize::from(pair_watched(&site, side, Some((at, Fault::kill(turn)))).1);
            pair_again(&site, &record);
            let _ = std::fs::remove_dir_all(&site.folder);
        }
    }
    println!("pairing: {met} kills");
    assert!(met as u64 >= most, "most kills were not met");
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// Pairs `b` with `a` while one of them is watched; returns the writes seen and whether the fault was met.
fn pair_watched(site: &Site, side: Side, fault: Option<(u64, Fault)>) -> (u64, bool) {
    let _relay = site.relay();
    let (a, b) = (site.phone("a"), site.phone("b"));
    let watch = Watch::new(&site.folder);
    let arm = |command: &mut std::process::Command, armed: bool| match fault {
        Some((at, fault)) if armed => watch.fault(command, at, fault),
        None if armed => watch.count(command),
        _ => {}
    };
    let mut join = b.command([
        "device",
        "join",
        "--relay",
        &site.url(),
        "--wait",
        "20s",
        "--json",
    ]);
    arm(&mut join, side == Side::New);
    let (line, mut joining) = Running::start_for_first_line(&mut join);
    let mut paired = true;
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(&line) {
        let mut pair = a.command(["device", "pair", value["code"].as_str().expect("a code")]);
        arm(&mut pair, side == Side::Old);
        let outcome = Running::start(&mut pair).finish(PATIENCE);
        paired = outcome.is_ok();
    }
    if !paired {
        joining.kill(); // nobody will complete it
    }
    let _ = joining.finish(PATIENCE);
    (watch.writes(), watch.was_met())
}

/// Whatever is left, pairing again with a new code works, into the same folder or, where a whole vault stands there, not at
/// all because it is not needed.
fn pair_again(site: &Site, record: &BTreeSet<String>) {
    let _relay = site.relay();
    let (a, b) = (site.phone("a"), site.phone("b"));
    assert_sound(&a);
    assert!(resources(&a) == *record, "the old phone has lost something");
    let joined = b.run(["sync", "--relay", &site.url()]).is_ok();
    if !joined {
        a.pair(&b, &site.url());
    }
    for phone in [&a, &b, &a, &b] {
        phone.run(["sync"]).expect_ok("sync");
    }
    assert_sound(&b);
    assert!(
        resources(&b) == *record,
        "the new phone does not hold the record"
    );
}
