//! Waiting for news over HTTP, by one client and by thousands.

#![allow(clippy::print_stdout)]

use crate::client::{Answer, Client, MAILBOX, TestRelay, connect, envelope, exchange};
use crate::stop::spawn;
use carnet_wire::relay::{Pull, Wait, Waited};
use carnet_wire::{Canonical, MailboxId};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const OTHER: MailboxId = MailboxId([2; 32]);

fn body(after: u64, seconds: u16) -> Vec<u8> {
    let pulls = vec![Pull {
        mailbox: MAILBOX,
        after,
    }];
    Wait { pulls, seconds }.to_canonical()
}

/// Sends a wait and does not read the answer yet.
fn begin(client: &Client, after: u64, seconds: u16) -> BufReader<TcpStream> {
    let request = client.encode("POST", "/v1/wait", &[], &body(after, seconds));
    let mut stream = connect(client.address);
    stream.write_all(&request).unwrap();
    BufReader::new(stream)
}

fn settle(stream: &mut BufReader<TcpStream>) -> Vec<MailboxId> {
    let answer = Answer::read(stream, true).unwrap();
    answer.decode::<Waited>().moved
}

#[test]
fn a_wait_ends_with_the_commit_with_the_time_or_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::entered(relay.address, MAILBOX);
    let mut other = Client::entered(relay.address, OTHER);
    let started = Instant::now();
    let waited: Waited = client.post("/v1/wait", &body(0, 1)).decode();
    assert_eq!(waited.moved, []);
    assert!((1..5).contains(&started.elapsed().as_secs()));
    let mut waits = begin(&client, 0, 55);
    other.exchange(&exchange(vec![envelope(OTHER, "a")], &[]));
    std::thread::sleep(Duration::from_millis(200));
    let started = Instant::now();
    let reply = client.exchange(&exchange(vec![envelope(MAILBOX, "a")], &[]));
    assert_eq!(settle(&mut waits), [MAILBOX]);
    assert!(started.elapsed() < Duration::from_secs(5));
    // Behind, and ahead.
    for after in [0, 2] {
        let waited: Waited = client.post("/v1/wait", &body(after, 55)).decode();
        assert_eq!(waited.moved, [MAILBOX]);
        assert_eq!(waited.generation, reply.generation);
    }
    // A mailbox that may not be read: the exchange says why.
    let waited: Waited = other.post("/v1/wait", &body(1, 55)).decode();
    assert_eq!(waited.moved, [MAILBOX]);
}

#[test]
fn a_connection_goes_on_after_a_wait_unless_it_was_to_end_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let client = Client::entered(relay.address, MAILBOX);
    let wait = |headers: &[(&str, String)]| client.encode("POST", "/v1/wait", headers, &body(0, 1));
    let mut stream = BufReader::new(connect(relay.address));
    for _ in 0..2 {
        stream.get_mut().write_all(&wait(&[])).unwrap();
        let answer = Answer::read(&mut stream, true).unwrap();
        assert_eq!(answer.header("content-type"), Some("application/cbor"));
        assert_eq!(answer.header("connection"), None);
        assert_eq!(answer.decode::<Waited>().moved, []);
    }
    let health = client.encode("GET", "/healthz", &[], b"");
    stream.get_mut().write_all(&health).unwrap();
    assert_eq!(Answer::read(&mut stream, true).unwrap().status, 200);
    let last = wait(&[("connection", "Close".to_owned())]);
    stream.get_mut().write_all(&last).unwrap();
    let answer = Answer::read(&mut stream, true).unwrap();
    assert_eq!(answer.header("connection"), Some("close"));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    // A request right behind a wait is not lost in silence: the connection ends.
    let mut stream = BufReader::new(connect(relay.address));
    let both = [wait(&[]), health].concat();
    stream.get_mut().write_all(&both).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_stop_answers_whoever_waits() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let client = Client::entered(relay.address, MAILBOX);
    let mut waits: Vec<_> = (0..50).map(|_| begin(&client, 0, 55)).collect();
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    relay.stop();
    assert!(started.elapsed() < Duration::from_secs(5));
    for stream in &mut waits {
        assert_eq!(settle(stream), []);
    }
}

#[test]
fn whoever_hangs_up_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::entered(relay.address, MAILBOX);
    for _ in 0..20 {
        let gone: Vec<_> = (0..20).map(|_| begin(&client, 0, 55)).collect();
        drop(gone);
    }
    let started = Instant::now();
    client.exchange(&exchange(vec![envelope(MAILBOX, "a")], &[]));
    assert!(started.elapsed() < Duration::from_secs(5));
    let mut waits = begin(&client, 1, 55);
    client.exchange(&exchange(vec![envelope(MAILBOX, "b")], &[]));
    assert_eq!(settle(&mut waits), [MAILBOX]);
}

/// Resident memory of a process in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.trim().split(' ').next());
    number.unwrap().parse().unwrap()
}

/// The relay is a process of its own here: what is measured is its memory and nobody else's.
#[test]
fn an_idle_client_costs_ten_kilobytes_at_most_and_an_idle_relay_thirty_megabytes() {
    const CLIENTS: u64 = 2_500;
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = spawn(folder.path());
    let mut client = Client::entered(address, MAILBOX);
    // A first crowd comes and goes: what the process keeps anyway is there after it.
    let crowd: Vec<_> = (0..100).map(|_| begin(&client, 0, 1)).collect();
    crowd
        .into_iter()
        .for_each(|mut stream| drop(settle(&mut stream)));
    let before = resident(child.id());
    assert!(before <= 30 << 10, "{before} KiB idle");
    let mut waits: Vec<_> = (0..CLIENTS).map(|_| begin(&client, 0, 55)).collect();
    std::thread::sleep(Duration::from_secs(2));
    let after = resident(child.id());
    let each = (after - before) as f64 / CLIENTS as f64;
    println!("idle relay {before} KiB, idle client {each:.1} KiB");
    client.exchange(&exchange(vec![envelope(MAILBOX, "a")], &[]));
    let started = Instant::now();
    let woken: usize = waits.iter_mut().map(|it| settle(it).len()).sum();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(woken as u64, CLIENTS);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(
        each <= 10.0,
        "{each:.1} KiB for each idle client, {before} KiB before"
    );
}
