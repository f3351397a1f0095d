//! Stopping: on a signal, in the middle of work, and not at all (`kill -9`).

use crate::client::{Client, MAILBOX, TestRelay, envelope, exchange};
use carnet_wire::relay::Pushed;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program itself, on a free port.
pub fn spawn(data: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_carnet-relay"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = child.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();
    (child, address.parse().unwrap())
}

/// Pushes one envelope after the other until the relay is gone; returns how many were answered for.
fn push_until_gone(mut client: Client, round: usize) -> u64 {
    let mut answered = 0;
    for n in 0.. {
        let push = exchange(vec![envelope(MAILBOX, &format!("{round} {n}"))], &[]);
        let body = carnet_wire::Canonical::to_canonical(&push);
        let Ok(answer) = client.try_request("POST", "/v1/exchange", &[], &body) else {
            break;
        };
        if answer.status != 200 {
            break;
        }
        let reply: carnet_wire::relay::ExchangeReply = answer.decode();
        match reply.pushed[..] {
            [Pushed::Stored(seq)] => answered = seq,
            _ => break,
        }
    }
    answered
}

fn head(address: SocketAddr) -> u64 {
    let mut client = Client::entered(address, MAILBOX);
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, u64::MAX)]));
    reply.pulled[0].head
}

#[test]
fn a_signal_stops_it_in_time_with_everything_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = spawn(folder.path());
    let idle = TcpStream::connect(address).unwrap();
    let client = Client::entered(address, MAILBOX);
    let pusher = std::thread::spawn(move || push_until_gone(client, 0));
    std::thread::sleep(Duration::from_millis(500));
    let started = Instant::now();
    let kill = format!("kill -TERM {}", child.id());
    assert!(
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    assert!(child.wait().unwrap().success());
    assert!(started.elapsed() < Duration::from_secs(10));
    drop(idle);
    let answered = pusher.join().unwrap();
    assert!(answered > 0);
    let wal = std::fs::metadata(folder.path().join("relay.db-wal"));
    assert_eq!(wal.map(|meta| meta.len()).unwrap_or(0), 0);
    let relay = TestRelay::start(folder.path());
    assert!(head(relay.address) >= answered);
}

#[test]
fn what_was_answered_for_survives_kill_nine() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=8 {
        let (mut child, address) = spawn(folder.path());
        let client = Client::entered(address, MAILBOX);
        let pusher = std::thread::spawn(move || push_until_gone(client, round));
        std::thread::sleep(Duration::from_millis(150 + 37 * round as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let answered = pusher.join().unwrap();
        let relay = TestRelay::start(folder.path());
        let head = head(relay.address);
        // One more than answered: written, but killed before the answer.
        assert!(
            head == answered || head == answered + 1,
            "{head} {answered}"
        );
        let mut client = Client::entered(relay.address, MAILBOX);
        let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
        assert!(reply.pulled[0].entries.iter().map(|it| it.seq).eq(1..=head));
    }
}

#[test]
fn requests_under_way_are_answered_and_idle_connections_do_not_hold_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let address = relay.address;
    let _idle: Vec<_> = (0..20)
        .map(|_| TcpStream::connect(address).unwrap())
        .collect();
    let mut kept = Client::entered(address, MAILBOX);
    let pushers: Vec<_> = (0..4)
        .map(|n| {
            let client = Client::entered(address, MAILBOX);
            std::thread::spawn(move || push_until_gone(client, n))
        })
        .collect();
    std::thread::sleep(Duration::from_millis(300));
    let started = Instant::now();
    relay.stop();
    assert!(started.elapsed() < Duration::from_secs(10));
    let answered = pushers
        .into_iter()
        .map(|it| it.join().unwrap())
        .max()
        .unwrap();
    assert!(kept.try_request("GET", "/healthz", &[], b"").is_err());
    assert!(TcpStream::connect(address).is_err());
    let relay = TestRelay::start(folder.path());
    assert!(head(relay.address) >= answered);
}

#[test]
fn a_second_process_on_the_same_directory_says_why_it_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let _relay = TestRelay::start(folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_carnet-relay"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("another relay is running"), "{said}");
    // Not even the path of the data is repeated.
    assert!(!said.contains(&*folder.path().to_string_lossy()));
}
