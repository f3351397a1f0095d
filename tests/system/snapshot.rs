//! Snapshots, by the program and a real relay: what was summed up goes from the relay, and a new phone has everything.

use carnet_tests::commands::Phone;
use carnet_tests::generator::write_record_file;
use carnet_tests::paths::scratch;
use carnet_tests::relays::{Connection, RelayProgram, free_address};
use serde_json::Value;
use std::net::SocketAddr;

/// Envelopes and blobs the relay has let go of.
fn retired(metrics: SocketAddr) -> u64 {
    let mut connection = Connection::open(metrics).expect("a connection");
    let (status, body) = connection
        .request("GET", "/metrics", None, b"")
        .expect("metrics");
    assert_eq!(status, 200);
    let text = String::from_utf8(body).expect("text");
    let line = text
        .lines()
        .find(|line| line.starts_with("carnet_relay_retired_total "));
    let number = line.and_then(|line| line.split(' ').next_back()?.parse().ok());
    number.expect("a number")
}

/// Everything that can be seen of an item, but for when it was shown.
fn shown(phone: &Phone, id: &str) -> Value {
    phone.json(["show", id])
}

#[test]
fn a_new_phone_has_everything_after_the_relay_let_go_of_what_a_snapshot_replaced() {
    let scratch = scratch();
    let (address, metrics) = (free_address(), free_address());
    let mut command = RelayProgram::command(&scratch.path().join("relay"), address);
    command.args(["--metrics", &metrics.to_string()]);
    let relay = RelayProgram::start_with(&mut command, address);
    let a = Phone::with_vault(scratch.path().join("a"));
    let (b, c) = (
        Phone::new(scratch.path().join("b")),
        Phone::new(scratch.path().join("c")),
    );
    a.pair(&b, &relay.url());
    let file = scratch.path().join("record.ndjson");
    write_record_file(&file, 300, 5);
    a.import(&[&file]);
    let rows = a.json(["list", "Observation"]);
    let id = rows[0]["id"].as_str().expect("an id");
    for note in 0..6 {
        a.run(["annotate", id, &format!("note {note}")])
            .expect_ok("annotate");
    }
    a.run(["sync"]).expect_ok("sync");
    b.run(["sync"]).expect_ok("sync");
    b.run(["correct", id, "value", "7.7"]).expect_ok("correct");
    for phone in [&b, &a] {
        phone.run(["sync"]).expect_ok("sync");
    }
    let report = a.json(["compact"]);
    assert!(report["made"].as_u64() > Some(0), "{report}");
    for phone in [&a, &b, &a, &b] {
        phone.run(["sync"]).expect_ok("sync");
    }
    assert!(
        retired(metrics) >= 7,
        "the relay let go of {} only",
        retired(metrics)
    );
    a.pair(&c, &relay.url());
    c.run(["sync"]).expect_ok("sync");
    // Before anything is exported: the access log tells of exports, and that is written.
    let again = a.json(["compact"]);
    assert_eq!(again["made"], 0, "nothing was written since: {again}");
    assert_eq!(c.resources(), a.resources());
    assert_eq!(shown(&c, id)["row"], shown(&a, id)["row"]);
    assert_eq!(shown(&c, id)["notes"].as_array().map(Vec::len), Some(6));
    for phone in [&a, &b, &c] {
        phone.verify().expect_ok("verify");
        assert_eq!(phone.json(["log"])["findings"], Value::Array(Vec::new()));
    }
}
