//! Every path but one relay, by the program: two devices directly, a file, two relays at once; and what is told when it fails.

use carnet_tests::commands::{Outcome, PATIENCE, Phone, Running};
use carnet_tests::generator::write_record;
use carnet_tests::paths::scratch;
use carnet_tests::relays::RelayHouse;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// FHIR DSTU2: kept as a document, whose bytes travel beside the changes.
const DSTU2: &str = r#"{"resourceType":"MedicationOrder","id":"m","status":"active","medicationCodeableConcept":{"text":"x"}}"#;

fn record(folder: &Path, seed: u64) -> PathBuf {
    let file = folder.join(format!("record-{seed}.ndjson"));
    let mut bytes = Vec::new();
    write_record(&mut bytes, 120, seed).expect("a record");
    std::fs::write(&file, bytes).expect("a file");
    file
}

fn document(folder: &Path) -> PathBuf {
    let file = folder.join("old.json");
    std::fs::write(&file, DSTU2).expect("a file");
    file
}

fn family<const N: usize>(folder: &Path, relay: &RelayHouse) -> [Phone; N] {
    let first = Phone::with_vault(folder.join("0"));
    let phones = std::array::from_fn(|at| match at {
        0 => first.clone(),
        _ => {
            let phone = Phone::new(folder.join(at.to_string()));
            first.pair(&phone, &relay.relay.url());
            phone
        }
    });
    for _ in 0..2 {
        for phone in &phones {
            phone.run(["sync"]).expect_ok("sync");
        }
    }
    phones
}

/// A phone that listens for one device, and the address it told.
fn listening(phone: &Phone) -> (String, Running) {
    let mut command = phone.command(["sync", "--listen", "127.0.0.1:0", "--once", "--json"]);
    let (line, running) = Running::start_for_first_line(&mut command);
    let told: Value = serde_json::from_str(&line).expect("the address as JSON");
    (
        told["listening"].as_str().expect("an address").to_owned(),
        running,
    )
}

fn meet(host: &Phone, visitor: &Phone) -> (Value, Value) {
    let (address, running) = listening(host);
    let here = visitor.json(["sync", "--peer", &address]);
    let there = running.finish(PATIENCE).expect_ok("sync --listen");
    (there.json(), here)
}

fn same(phones: &[&Phone]) {
    let first = phones[0].resources();
    assert!(!first.is_empty());
    for phone in phones {
        assert!(phone.resources() == first, "the sets differ");
        phone.verify().expect_ok("verify");
    }
}

fn says(outcome: &Outcome, code: i32, words: &str) {
    assert_eq!(outcome.code, Some(code), "{}", outcome.stderr);
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
}

#[test]
fn two_devices_in_one_network_need_no_relay() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let [a, b] = family(scratch.path(), &relay);
    drop(relay);
    a.import(&[&record(scratch.path(), 5), &document(scratch.path())]);
    b.import(&[&record(scratch.path(), 6)]);
    let (host, visitor) = meet(&a, &b);
    assert_eq!(
        (&host["complete"], &visitor["complete"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(host["sent"], visitor["received"]);
    assert_eq!(host["received"], visitor["sent"]);
    same(&[&a, &b]);
    assert_eq!(
        b.json(["stats"])["attachments"],
        a.json(["stats"])["attachments"]
    );
    // That both exported the record stands in its access log, for both.
    meet(&b, &a);
    let (host, visitor) = meet(&b, &a);
    for report in [host, visitor] {
        assert_eq!(
            (&report["sent"], &report["received"]),
            (&json!(0), &json!(0))
        );
        let bytes = report["bytes_sent"]
            .as_u64()
            .zip(report["bytes_received"].as_u64());
        let (out, back) = bytes.expect("bytes");
        assert!(
            out + back <= 1_000,
            "nothing to do cost {} bytes",
            out + back
        );
    }
}

#[test]
fn a_third_device_gets_by_file_what_the_second_got_from_the_first() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let [a, b, c] = family(scratch.path(), &relay);
    drop(relay);
    a.import(&[&record(scratch.path(), 5), &document(scratch.path())]);
    meet(&a, &b);
    let file = scratch.path().join("stick.carnet-sync");
    let path = file.to_string_lossy().into_owned();
    let put = b.json(["sync", "--file", &path]);
    assert!(
        put["sent"].as_u64() > Some(0) && put["received"] == 0,
        "{put}"
    );
    let whole = std::fs::read(&file).expect("a file");
    // Cut short on the way: said in words, nothing touched.
    std::fs::write(&file, &whole[..whole.len() - 10]).expect("a file");
    says(&c.run(["sync", "--file", &path]), 5, "damaged or cut short");
    let french = c.clone().in_french().run(["sync", "--file", &path]);
    says(&french, 5, "abîmé ou coupé");
    assert_eq!(
        std::fs::read(&file).expect("a file").len(),
        whole.len() - 10
    );
    std::fs::write(&file, &whole).expect("a file");
    let took = c.json(["sync", "--file", &path]);
    assert_eq!(took["complete"], true, "{took}");
    c.import(&[&record(scratch.path(), 7)]);
    c.json(["sync", "--file", &path]);
    b.json(["sync", "--file", &path]);
    meet(&b, &a);
    same(&[&a, &b, &c]);
    let person = b"Camille";
    let bytes = std::fs::read(&file).expect("a file");
    assert!(!bytes.windows(person.len()).any(|window| window == person));
}

#[test]
fn strangers_and_wrong_addresses_are_told_in_words() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let [a, b] = family(scratch.path(), &relay);
    let stranger = Phone::with_vault(scratch.path().join("stranger"));
    let (address, running) = listening(&a);
    says(
        &stranger.run(["sync", "--peer", &address]),
        4,
        "another account",
    );
    // Somebody who talks, and somebody who says nothing: the host goes on.
    let mut noise = TcpStream::connect(&address).expect("a connection");
    let _ = noise.write_all(&vec![0x41; 1 << 20]);
    let mut answer = Vec::new();
    noise
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a timeout");
    let _ = noise.read_to_end(&mut answer);
    assert!(
        answer.len() < 100,
        "a stranger was answered with {} bytes",
        answer.len()
    );
    let _silent = TcpStream::connect(&address).expect("a connection");
    b.run(["sync", "--peer", &address]).expect_ok("sync --peer");
    let host = running.finish(PATIENCE).expect_ok("sync --listen");
    assert!(host.peak_kib < 200 << 10, "{} KiB", host.peak_kib);
    says(&b.run(["sync", "--peer", &address]), 6, "does not answer");
    says(&b.run(["sync", "--peer", "nowhere"]), 5, "HOST:PORT");
    let both = b.run(["sync", "--peer", &address, "--file", "x"]);
    assert_eq!(both.code, Some(2));
    let letter = scratch.path().join("letter.txt");
    std::fs::write(&letter, "a letter somebody wrote by hand").expect("a file");
    says(
        &b.run(["sync", "--file", &letter.to_string_lossy()]),
        5,
        "not a sync file",
    );
}

#[test]
fn two_relays_serve_at_once_and_one_may_be_away() {
    let scratch = scratch();
    let (one, two) = (
        RelayHouse::new(&scratch.path().join("one")),
        RelayHouse::new(&scratch.path().join("two")),
    );
    let [a, b] = family(scratch.path(), &one);
    let (first, second) = (one.relay.url(), two.relay.url());
    a.run(["sync", "--relay", &first, "--relay", &second])
        .expect_ok("two relays");
    a.import(&[&record(scratch.path(), 5)]);
    let report = a.json(["sync"]);
    assert_eq!(report["complete"], true, "{report}");
    let idle = a.json(["sync"]);
    assert_eq!(
        (&idle["round_trips"], &idle["sent"]),
        (&json!(2), &json!(0)),
        "{idle}"
    );
    drop(one);
    // The first relay is away: the second has everything, and the rest is not kept from it.
    b.run(["sync", "--relay", &second])
        .expect_ok("the second relay");
    b.import(&[&record(scratch.path(), 6)]);
    b.run(["sync"]).expect_ok("the second relay");
    let report = a.json(["sync"]);
    assert_eq!(report["complete"], false, "{report}");
    assert_eq!(
        report["notices"][0],
        "a relay could not be synced with: the others have everything"
    );
    b.run(["sync"]).expect_ok("the second relay");
    same(&[&a, &b]);
}

#[test]
fn what_one_relay_brought_the_other_gets() {
    let scratch = scratch();
    let (one, two) = (
        RelayHouse::new(&scratch.path().join("one")),
        RelayHouse::new(&scratch.path().join("two")),
    );
    let [a, b, c] = family(scratch.path(), &one);
    let (first, second) = (one.relay.url(), two.relay.url());
    a.run(["sync", "--relay", &first, "--relay", &second])
        .expect_ok("two relays");
    // b and c never meet at a relay: a, who knows both, is the bridge.
    b.run(["sync", "--relay", &second]).expect_ok("the second");
    b.import(&[&record(scratch.path(), 6), &document(scratch.path())]);
    b.run(["sync"]).expect_ok("the second");
    a.run(["sync"]).expect_ok("both");
    c.run(["sync"]).expect_ok("the first");
    same(&[&a, &b, &c]);
    assert_eq!(
        c.json(["stats"])["attachments"],
        b.json(["stats"])["attachments"]
    );
    a.run(["sync"]).expect_ok("both");
    let idle = a.json(["sync"]);
    assert_eq!(
        (&idle["round_trips"], &idle["sent"], &idle["received"]),
        (&json!(2), &json!(0), &json!(0)),
        "{idle}"
    );
}
