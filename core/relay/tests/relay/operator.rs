//! What the operator has: metrics, backup, fsck, the way back from a retirement.

use crate::client::{Client, MAILBOX, TestRelay, envelope, exchange};
use carnet_relay::RelayConfig;
use carnet_wire::relay::{Retire, code};
use carnet_wire::{BlobId, Canonical, EnvelopeId};
use std::path::Path;
use std::process::Command;

/// Runs the program to its end: whether it succeeded, and what it said.
fn run(arguments: &[&str], data: &Path) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_carnet-relay"))
        .args(arguments)
        .arg("--data")
        .arg(data)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

fn put(client: &mut Client, bytes: &[u8]) {
    let path = format!("/v1/blobs/{MAILBOX}/{}", BlobId::derive(bytes));
    let headers = [
        ("upload-offset", "0".to_owned()),
        ("upload-length", bytes.len().to_string()),
    ];
    assert_eq!(client.request("PUT", &path, &headers, bytes).status, 200);
}

/// A mailbox with three envelopes, the first retired, and a blob; and the generation.
fn fill(relay: &TestRelay) -> u64 {
    let mut owner = Client::owner(relay.address, MAILBOX);
    let push = ["a", "b", "c"].map(|text| envelope(MAILBOX, text)).to_vec();
    let generation = owner.exchange(&exchange(push, &[])).generation;
    let retire = Retire {
        mailbox: MAILBOX,
        ids: vec![EnvelopeId::derive(&envelope(MAILBOX, "a"))],
        blobs: Vec::new(),
    };
    assert_eq!(owner.post("/v1/retire", &retire.to_canonical()).status, 200);
    put(&mut owner, b"a blob");
    generation
}

#[test]
fn a_running_relay_is_copied_and_the_copy_knows_that_it_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let (data, copy) = (folder.path().join("relay"), folder.path().join("copy"));
    let relay = TestRelay::start(&data);
    let generation = fill(&relay);
    let to = copy.to_str().unwrap();
    let (done, said) = run(&["backup", "--to", to], &data);
    assert!(
        done && said.contains("1 blobs; 0 blobs were there"),
        "{said}"
    );
    // The relay goes on; the copy does not.
    let mut client = Client::entered(relay.address, MAILBOX);
    client.exchange(&exchange(vec![envelope(MAILBOX, "later")], &[]));
    put(&mut client, b"another blob");
    assert_eq!(
        run(&["fsck"], &copy),
        (
            true,
            "1 mailboxes, 3 envelopes, 1 blobs, 0 uploads: 0 problems, 0 orphans\n".to_owned()
        )
    );
    let restored = TestRelay::start(&copy);
    let mut client = Client::entered(restored.address, MAILBOX);
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    assert_ne!(reply.generation, generation);
    let pulled = &reply.pulled[0];
    assert_eq!((pulled.head, pulled.entries.len()), (3, 2));
    let path = format!("/v1/blobs/{MAILBOX}/{}", BlobId::derive(b"a blob"));
    assert_eq!(client.request("GET", &path, &[], b"").body, b"a blob");
    drop(restored);
    // Again: only what is new is copied, and the next start is a new generation again.
    let (done, said) = run(&["backup", "--to", to], &data);
    assert!(
        done && said.contains("1 blobs; 1 blobs were there"),
        "{said}"
    );
    let restored = TestRelay::start(&copy);
    let mut client = Client::entered(restored.address, MAILBOX);
    let again = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    assert_eq!(again.pulled[0].head, 4);
    assert_ne!(again.generation, reply.generation);
    assert_ne!(again.generation, generation);
}

#[test]
fn a_backup_needs_a_relay_and_a_place_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    TestRelay::start(&data).stop();
    let (done, said) = run(&["backup", "--to", data.to_str().unwrap()], &data);
    assert!(!done && said.contains("a directory of its own"), "{said}");
    assert!(run(&["fsck"], &data).0);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let to = folder.path().join("copy");
    assert!(!run(&["backup", "--to", to.to_str().unwrap()], &empty).0);
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
    assert!(!run(&["fsck"], &empty).0);
}

#[test]
fn fsck_finds_what_was_changed_lost_or_left_over() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("relay");
    let relay = TestRelay::start(&data);
    fill(&relay);
    let running = run(&["fsck"], &data);
    assert!(!running.0 && running.1.contains("another relay is running"));
    relay.stop();
    let clean = run(&["fsck"], &data);
    assert!(clean.0, "{}", clean.1);
    for (sql, found) in [
        (
            "UPDATE mailbox SET head = 9",
            "the head is 9, the last envelope 3",
        ),
        (
            "UPDATE log SET bytes = x'00' WHERE seq = 2",
            "envelope 2 is not what was stored",
        ),
        (
            "UPDATE log SET prefix = 1 WHERE seq = 2",
            "envelope 2 is not what was stored",
        ),
        ("DELETE FROM log WHERE seq = 2", "envelope 3 follows 1"),
        ("UPDATE mailbox SET bytes = bytes + 1", "counted"),
        (
            "UPDATE blob SET size = 1; UPDATE mailbox SET bytes = bytes - 5",
            "is not what was stored",
        ),
        (
            "INSERT INTO blob (mailbox, id, size) VALUES (1, zeroblob(32), 0); UPDATE mailbox SET objects = objects + 1",
            "was announced and is not there",
        ),
    ] {
        let copy = folder.path().join("damaged");
        let (done, said) = run(&["backup", "--to", copy.to_str().unwrap()], &data);
        assert!(done, "{said}");
        let database = rusqlite::Connection::open(copy.join("relay.db")).unwrap();
        database.execute_batch(sql).unwrap();
        drop(database);
        let (clean, said) = run(&["fsck"], &copy);
        assert!(
            !clean && said.contains("problem: ") && said.contains(found),
            "{sql}: {said}"
        );
        std::fs::remove_dir_all(&copy).unwrap();
    }
    let blob = data.join(format!("blobs/01/1/{}", BlobId::derive(b"a blob")));
    std::fs::copy(&blob, data.join("blobs/01/1/left over")).unwrap();
    let (clean, said) = run(&["fsck"], &data);
    assert!(
        clean && said.contains("orphan: file blobs/01/1/left over"),
        "{said}"
    );
    std::fs::write(&blob, b"A blob").unwrap();
    let (clean, said) = run(&["fsck"], &data);
    assert!(!clean && said.contains("is not what was stored"), "{said}");
    std::fs::remove_file(&blob).unwrap();
    let (clean, said) = run(&["fsck"], &data);
    assert!(
        !clean && said.contains("was announced and is not there"),
        "{said}"
    );
}

#[test]
fn what_was_retired_by_mistake_is_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    fill(&relay);
    relay.stop();
    let mailbox = MAILBOX.to_string();
    let bring_back = ["bring-back", "--mailbox", &mailbox, "--days", "1"];
    assert_eq!(
        run(&bring_back, folder.path()),
        (true, "served again: 1\n".to_owned())
    );
    assert_eq!(
        run(&bring_back, folder.path()),
        (true, "served again: 0\n".to_owned())
    );
    let relay = TestRelay::start(folder.path());
    let mut client = Client::entered(relay.address, MAILBOX);
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    assert_eq!(reply.pulled[0].entries.len(), 3);
}

#[test]
fn metrics_are_on_an_address_of_their_own_and_name_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let relay = TestRelay::start_with(RelayConfig {
        metrics: Some(address),
        ..RelayConfig::new(folder.path().to_owned(), "127.0.0.1:0".parse().unwrap())
    });
    fill(&relay);
    let _connected = Client::entered(relay.address, MAILBOX);
    let answer = Client::new(address).request("GET", "/metrics", &[], b"");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; version=0.0.4")
    );
    let text = String::from_utf8(answer.body).unwrap();
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("carnet_relay_{name} ")));
        line.unwrap_or_else(|| panic!("{name} is missing"))
            .parse()
            .unwrap()
    };
    assert_eq!(value("appended_total"), 3.0);
    assert_eq!(value("retired_total"), 1.0);
    assert_eq!(value("sessions_total"), 2.0);
    assert_eq!(value("queue_depth"), 0.0);
    assert!(value("append_commit_seconds_count") >= 4.0);
    assert!(value("connections") >= 1.0);
    let mailbox = MAILBOX.to_string();
    assert!(!text.contains(mailbox.split_at(8).0) && !text.contains("127.0.0.1"));
    assert_eq!(
        Client::new(address)
            .request("GET", "/readyz", &[], b"")
            .status,
        200
    );
    // Not where devices are.
    let hidden = Client::new(relay.address).request("GET", "/metrics", &[], b"");
    assert_eq!((hidden.status, hidden.problem()), (404, code::NOT_FOUND));
}
