//! Two phones and a relay, by the program: pairing, the same record on both, conflicts, wrong codes, wrong relays.

use carnet_tests::commands::{PATIENCE, Phone, code_of};
use carnet_tests::generator::write_record_file;
use carnet_tests::paths::{contents, corpus, scratch};
use carnet_tests::relays::RelayHouse;
use serde_json::json;
use std::path::Path;

fn record(folder: &Path, count: u64) -> std::path::PathBuf {
    let file = folder.join("record.ndjson");
    write_record_file(&file, count, 5);
    file
}

fn two_phones(folder: &Path, relay: &RelayHouse) -> (Phone, Phone) {
    let (a, b) = (
        Phone::with_vault(folder.join("a")),
        Phone::new(folder.join("b")),
    );
    a.pair(&b, &relay.relay.url());
    (a, b)
}

fn settle(phones: [&Phone; 2]) {
    for _ in 0..2 {
        for phone in phones {
            phone.run(["sync"]).expect_ok("sync");
        }
    }
}

#[test]
fn the_second_phone_exports_the_same_set() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = two_phones(scratch.path(), &relay);
    let file = match corpus("the corpus on two phones") {
        Some(corpus) => corpus.join("synthea"),
        None => record(scratch.path(), 300),
    };
    // Made-up patients of another name.
    a.import(&[Path::new("--anyway"), &file]);
    settle([&a, &b]);
    let resources = a.resources();
    assert!(!resources.is_empty() && b.resources() == resources);
    // That both exported their record stands in its access log, for both.
    settle([&a, &b]);
    assert_eq!(b.json(["person", "list"])[0]["name"], "Camille Martin");
    assert_eq!(a.json(["device", "list"]).as_array().map(Vec::len), Some(2));
    for phone in [&a, &b] {
        phone.verify().expect_ok("verify");
        assert_eq!(phone.json(["stats"])["unsent"], 0);
    }
    let again = b.import(&[Path::new("--anyway"), &file]);
    assert_eq!(
        (&again["totals"]["new"], &again["totals"]["updated"]),
        (&json!(0), &json!(0)),
        "the other phone's import counts"
    );
}

#[test]
fn one_round_trip_and_the_report_says_what_moved() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = two_phones(scratch.path(), &relay);
    settle([&a, &b]);
    let id = {
        a.import(&[&record(scratch.path(), 50)]);
        a.json(["list", "Observation"])[0]["id"]
            .as_str()
            .expect("an id")
            .to_owned()
    };
    a.run(["annotate", &id, "one more"]).expect_ok("annotate");
    let report = a.json(["sync"]);
    for key in [
        "sent",
        "received",
        "quarantined",
        "bytes_sent",
        "bytes_received",
        "round_trips",
    ] {
        assert!(report[key].is_u64(), "{key}: {report}");
    }
    assert_eq!(report["sent"], 2, "{report}");
    let received = b.json(["sync"]);
    assert_eq!(
        (&received["received"], &received["quarantined"]),
        (&json!(2), &json!(0)),
        "{received}"
    );
}

#[test]
fn concurrent_corrections_are_a_visible_conflict() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = two_phones(scratch.path(), &relay);
    a.import(&[&record(scratch.path(), 30)]);
    settle([&a, &b]);
    let id = a.json(["list", "Observation"])[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    a.run(["correct", &id, "value", "1.1"])
        .expect_ok("correct on a");
    b.run(["correct", &id, "value", "2.2"])
        .expect_ok("correct on b");
    b.run(["correct", &id, "unit", "g/L"])
        .expect_ok("another field on b");
    settle([&a, &b]);
    let conflicts = a.json(["conflicts"]);
    assert_eq!(conflicts, b.json(["conflicts"]));
    assert_eq!(conflicts.as_array().map(Vec::len), Some(1), "{conflicts}");
    assert_eq!(conflicts[0]["field"], "value");
    assert_eq!(conflicts[0]["values"].as_array().map(Vec::len), Some(2));
    let shown = |phone: &Phone| phone.json(["show", &id])["row"].clone();
    assert_eq!(shown(&a), shown(&b), "both show the same value");
    assert_eq!(shown(&a)["unit"], "g/L", "another field is no conflict");
    a.run(["correct", &id, "value", "3.3"])
        .expect_ok("the resolution");
    settle([&a, &b]);
    assert_eq!(b.json(["conflicts"]), json!([]));
    assert_eq!(shown(&b)["value"], "3.3");
}

#[test]
fn a_wrong_or_replayed_code_fails_clearly() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let url = relay.relay.url();
    let a = Phone::with_vault(scratch.path().join("a"));
    a.run(["sync", "--relay", &url]).expect_ok("sync");
    let b = Phone::new(scratch.path().join("b"));
    let (line, mut joining) = b.start_joining(&url);
    let code = code_of(&line);
    let mut wrong = code.clone().into_bytes();
    let last = wrong.len() - 1;
    wrong[last] = if wrong[last] == b'2' { b'3' } else { b'2' };
    let outcome = a.run(["device", "pair", &String::from_utf8(wrong).expect("ASCII")]);
    assert_eq!(outcome.code, Some(10), "a wrong code: {}", outcome.stderr);
    assert_eq!(a.json(["device", "list"]).as_array().map(Vec::len), Some(1));
    joining.kill();
    let _ = joining.finish(PATIENCE);

    let c = Phone::new(scratch.path().join("c"));
    let (line, joining) = c.start_joining(&url);
    let code = code_of(&line);
    a.run(["device", "pair", &code]).expect_ok("the right code");
    joining.finish(PATIENCE).expect_ok("join");
    let replayed = a.run(["device", "pair", &code]);
    assert_eq!(
        replayed.code,
        Some(10),
        "a replayed code: {}",
        replayed.stderr
    );
    assert_eq!(a.json(["device", "list"]).as_array().map(Vec::len), Some(2));
}

#[test]
fn a_relay_that_is_gone_or_is_none_is_a_clear_error() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = two_phones(scratch.path(), &relay);
    a.import(&[&record(scratch.path(), 20)]);
    drop(relay);
    let before = contents(&a.vault());
    for url in ["http://127.0.0.1:1", "http://127.0.0.1:0", "nonsense"] {
        let outcome = a.run(["sync", "--relay", url]);
        assert!(
            matches!(outcome.code, Some(5 | 6)),
            "{url}: {:?} {}",
            outcome.code,
            outcome.stderr
        );
        assert_eq!(
            outcome.stderr.trim().lines().count(),
            1,
            "{}",
            outcome.stderr
        );
    }
    let offline = a.run(["sync"]);
    assert_eq!(offline.code, Some(6), "{}", offline.stderr);
    let after = contents(&a.vault());
    let changed: Vec<_> = after
        .iter()
        .filter(|(file, bytes)| before.get(*file) != Some(bytes))
        .map(|(file, _)| file)
        .collect();
    assert!(
        changed.is_empty() && after.len() == before.len(),
        "a failed sync changed {changed:?}"
    );
    a.run(["timeline", "--limit", "3"])
        .expect_ok("offline reading");
    drop(b);
}

/// Pairing needs one relay; afterwards the phones may meet at another, which then gets everything.
#[test]
fn another_relay_gets_the_whole_record() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = two_phones(scratch.path(), &relay);
    a.import(&[&record(scratch.path(), 60)]);
    a.run(["sync"]).expect_ok("sync");
    drop(relay);
    let other = RelayHouse::new(&scratch.path().join("other"));
    let url = other.relay.url();
    for phone in [&a, &b, &a, &b] {
        phone
            .run(["sync", "--relay", &url])
            .expect_ok("the other relay");
    }
    assert!(a.resources() == b.resources(), "the sets differ");
}
