//! Stopping: on a signal, in the middle of work, and not at all (`kill -9`).

use crate::client::{Client, MAILBOX, TestRelay, envelope, exchange};
use carnet_wire::Canonical;
use carnet_wire::relay::{ExchangeReply, Pushed};
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The program itself, on a free port.
pub fn spawn(data: &Path) -> (Child, SocketAddr) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_carnet-relay"))
        .args(["--session-rate", "0", "--listen", "127.0.0.1:0", "--data"])
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

/// A device that pushes one envelope after the other until the relay is gone.
struct Pusher {
    answered: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Pusher {
    /// Starts, and returns once a few envelopes were answered for.
    fn start(address: SocketAddr, round: usize) -> Self {
        let client = Client::entered(address, MAILBOX);
        let answered = Arc::new(AtomicU64::new(0));
        let last = Arc::clone(&answered);
        let thread = std::thread::spawn(move || push_until_gone(client, round, &last));
        for _ in 0..3 {
            let before = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) == before {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Self { answered, thread }
    }

    /// The last number that was answered.
    fn answered(self) -> u64 {
        self.thread.join().unwrap();
        self.answered.load(Ordering::Relaxed)
    }
}

fn push_until_gone(mut client: Client, round: usize, answered: &AtomicU64) {
    for n in 0.. {
        let push = exchange(vec![envelope(MAILBOX, &format!("{round} {n}"))], &[]);
        let answer = client.try_request("POST", "/v1/exchange", &[], &push.to_canonical());
        let Some(answer) = answer.ok().filter(|answer| answer.status == 200) else {
            return;
        };
        match answer.decode::<ExchangeReply>().pushed[..] {
            [Pushed::Stored(seq)] => answered.store(seq, Ordering::Relaxed),
            _ => return,
        }
    }
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
    let pusher = Pusher::start(address, 0);
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
    let answered = pusher.answered();
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
        let pusher = Pusher::start(address, round);
        std::thread::sleep(Duration::from_millis(17 * round as u64 % 41));
        child.kill().unwrap();
        child.wait().unwrap();
        let answered = pusher.answered();
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
    let pushers: Vec<_> = (0..4).map(|n| Pusher::start(address, n)).collect();
    let started = Instant::now();
    relay.stop();
    assert!(started.elapsed() < Duration::from_secs(10));
    let answered = pushers.into_iter().map(Pusher::answered).max().unwrap();
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
