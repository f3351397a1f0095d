//! A relay that lies in every way a relay can, by seeds ([`carnet_tests::play::malice`]): nothing that nobody wrote is ever
//! shown, nothing is lost once an honest relay is there, and no answer makes a phone panic.
//!
//! `CARNET_HOSTILE_SEEDS` seeds are played (100), from `CARNET_SEED` on (1).

use carnet::Vault;
use carnet_tests::chance;
use carnet_tests::commands::{Outcome, Running};
use carnet_tests::devices::host_in;
use carnet_tests::evil::{Evil, serve};
use carnet_tests::paths::{program, scale, scratch};
use carnet_tests::play::{Stage, play_all};
use std::process::Command;
use std::time::Duration;

/// Most memory a sync may take beyond what the vault had before, whatever a relay answers.
const MAX_GROWTH_KIB: u64 = 64 << 10;
/// The deadline a phone gives its sync.
const DEADLINE_SECONDS: u64 = 4;
/// How much later it may come back: what a step is allowed, many times over, for a machine that is busy.
const LATE_SECONDS: f64 = 6.0;

#[test]
fn a_lying_relay_forges_nothing_and_loses_nothing() {
    if !chance::is_seeded() {
        return chance::rerun_seeded(
            "hostile_relay::a_lying_relay_forges_nothing_and_loses_nothing",
        );
    }
    play_all(
        scale("CARNET_SEED", 1),
        scale("CARNET_HOSTILE_SEEDS", 100),
        Stage::Lying,
    );
}

/// What a sync against such a server said: KiB by which its memory grew, seconds it took, and its words.
fn meet(evil: Evil, path: &'static str) -> (u64, f64, String) {
    let scratch = scratch();
    let (folder, anchors) = (scratch.path().join("vault"), scratch.path().join("anchors"));
    let host = host_in(&anchors);
    let vault = Vault::create(&folder, host, "one phone", "Camille Martin", None);
    drop(vault.expect("a vault"));
    let address = serve(evil, path);
    let mut command = Command::new(program("carnet-worker"));
    command
        .arg("sync")
        .arg(&folder)
        .arg(&anchors)
        .args([format!("http://{address}"), DEADLINE_SECONDS.to_string()]);
    let outcome: Outcome = Running::start(&mut command).finish(Duration::from_secs(120));
    let outcome = outcome.expect_ok("a sync with something evil");
    println!("{evil:?} at {path}: {}", outcome.stdout.trim());
    let words: Vec<&str> = outcome.stdout.splitn(5, ' ').collect();
    let number = |at: usize| words[at].parse::<u64>().expect("a number");
    let took = number(2) as f64 / 1_000.0;
    let again = Vault::open(&folder, host_in(&anchors)).expect("the vault opens");
    assert_eq!(again.verify(true).expect("a check").problems, [""; 0]);
    (number(0), took, words[4].to_owned())
}

#[test]
fn an_answer_without_end_costs_little_memory() {
    for path in ["/v1/challenge", "/v1/exchange"] {
        for evil in [Evil::Long, Evil::Endless, Evil::Headers] {
            let (grown, took, _) = meet(evil, path);
            assert!(grown < MAX_GROWTH_KIB, "{evil:?}: {grown} KiB");
            assert!(took < 60.0, "{evil:?}: {took} s");
        }
    }
}

fn assert_cheap(evil: Evil) {
    let (grown, took, _) = meet(evil, "/v1/exchange");
    assert!(grown < MAX_GROWTH_KIB, "{evil:?}: {grown} KiB");
    assert!(took < 60.0, "{evil:?}: {took} s");
}

#[test]
fn the_longest_answers_full_of_small_rubbish_cost_little_memory() {
    assert_cheap(Evil::Chaff);
}

#[test]
fn the_longest_answers_full_of_large_rubbish_cost_little_memory() {
    assert_cheap(Evil::Bulk);
}

#[test]
fn an_answer_that_hardly_comes_is_not_waited_for() {
    for evil in [Evil::Drip, Evil::Silence] {
        let (grown, took, _) = meet(evil, "/v1/exchange");
        assert!(grown < MAX_GROWTH_KIB, "{evil:?}: {grown} KiB");
        let most = DEADLINE_SECONDS as f64 + LATE_SECONDS;
        assert!(took < most, "{evil:?}: {took} s");
    }
}
