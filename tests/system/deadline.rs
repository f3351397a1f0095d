//! Short windows, waiting, and what it costs on the wire: by the program, over real HTTP.

use carnet_tests::commands::{PATIENCE, Phone, Running};
use carnet_tests::generator::write_record;
use carnet_tests::paths::scratch;
use carnet_tests::relays::{RelayHouse, RelayProgram, free_address};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The promise is 250 ms; machines that run seven builds at once, and a program that has to end, are given more.
const PROMISE: Duration = Duration::from_millis(1_500);

fn record(folder: &Path, count: u64) -> PathBuf {
    let file = folder.join(format!("record-{count}.ndjson"));
    let mut bytes = Vec::new();
    write_record(&mut bytes, count, count).expect("a record");
    std::fs::write(&file, bytes).expect("a file");
    file
}

fn ask_to_stop(running: &Running) {
    let pid = Pid::from_raw(running.id() as i32).expect("a process");
    kill_process(pid, Signal::INT).expect("a signal");
}

/// Passes bytes on, counts them, and lets answers through as fast as it is told.
struct Wire {
    address: SocketAddr,
    out: Arc<AtomicU64>,
    back: Arc<AtomicU64>,
    /// Milliseconds between two bytes of an answer.
    drip: Arc<AtomicU64>,
}

impl Wire {
    fn to(relay: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let wire = Self {
            address: listener.local_addr().expect("an address"),
            out: Arc::default(),
            back: Arc::default(),
            drip: Arc::default(),
        };
        let (out, back, drip) = (wire.out.clone(), wire.back.clone(), wire.drip.clone());
        std::thread::spawn(move || {
            for phone in listener.incoming() {
                let phone = phone.expect("a connection");
                let Ok(relay) = TcpStream::connect(relay) else {
                    continue;
                };
                let there = (
                    phone.try_clone().expect("a copy"),
                    relay.try_clone().expect("a copy"),
                );
                let (out, back, drip) = (out.clone(), back.clone(), drip.clone());
                std::thread::spawn(move || pass(there.0, there.1, &out, &AtomicU64::new(0)));
                std::thread::spawn(move || pass(relay, phone, &back, &drip));
            }
        });
        wire
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes out and back since the last call.
    fn take(&self) -> (u64, u64) {
        (
            self.out.swap(0, Ordering::Relaxed),
            self.back.swap(0, Ordering::Relaxed),
        )
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: &AtomicU64, drip: &AtomicU64) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count.fetch_add(read as u64, Ordering::Relaxed);
        let wait = drip.load(Ordering::Relaxed);
        let pieces = buffer[..read].chunks(if wait > 0 { 1 } else { read });
        for piece in pieces {
            if to.write_all(piece).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(wait));
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Two phones that hold the same, through a wire that counts.
fn two_phones(folder: &Path) -> (RelayProgram, Wire, Phone, Phone) {
    let address = free_address();
    let wire = Wire::to(address);
    let mut command = RelayProgram::command(&folder.join("relay"), address);
    command.args(["--public-url", &wire.url()]);
    let relay = RelayProgram::start_with(&mut command, address);
    let (a, b) = (
        Phone::with_vault(folder.join("a")),
        Phone::new(folder.join("b")),
    );
    a.pair(&b, &wire.url());
    for phone in [&b, &a, &b] {
        phone.run(["sync"]).expect_ok("sync");
    }
    (relay, wire, a, b)
}

#[test]
fn a_sync_with_nothing_to_do_is_a_kilobyte_and_everything_else_one_round_trip() {
    let scratch = scratch();
    let (_relay, wire, a, b) = two_phones(scratch.path());
    wire.take();
    let idle = b.json(["sync"]);
    let (out, back) = wire.take();
    println!("nothing to do, HTTP and all: {out} B out, {back} B back; {idle}");
    assert!(out <= 1_000 && back <= 1_000 && out > 0, "{out} + {back}");
    a.import(&[&record(scratch.path(), 2_000)]);
    b.import(&[&record(scratch.path(), 50)]);
    assert_eq!(a.json(["sync"])["round_trips"], 1);
    let both = b.json(["sync"]);
    assert!(both["sent"].as_u64() > Some(0) && both["received"].as_u64() > Some(0));
    assert!(both["bytes_received"].as_u64() < Some(4 << 20), "{both}");
    assert_eq!(both["round_trips"], 1, "{both}");
}

#[test]
fn a_relay_of_one_byte_a_second_is_left_when_the_person_or_the_deadline_says_so() {
    let scratch = scratch();
    let (_relay, wire, _a, b) = two_phones(scratch.path());
    wire.drip.store(1_000, Ordering::Relaxed);
    let begun = Instant::now();
    let stopped = b
        .run(["sync", "--deadline", "700ms", "--json"])
        .expect_ok("a deadline");
    let late = begun.elapsed().saturating_sub(Duration::from_millis(700));
    println!("the program ended {late:?} after its deadline, its start counted");
    assert_eq!(stopped.json()["complete"], false);
    assert!(late <= PROMISE + opening(&b), "{late:?}");

    let running = Running::start(&mut b.command(["sync"]));
    std::thread::sleep(opening(&b) + Duration::from_millis(600));
    let asked = Instant::now();
    ask_to_stop(&running);
    let outcome = running.finish(PATIENCE);
    println!("the program ended {:?} after Ctrl-C", asked.elapsed());
    assert_eq!(outcome.code, Some(9), "{}", outcome.stderr);
    assert!(asked.elapsed() <= PROMISE);
    wire.drip.store(0, Ordering::Relaxed);
    assert_eq!(b.json(["sync"])["complete"], true);
    b.verify().expect_ok("verify");
}

/// What opening a vault takes here: Argon2 is meant to be slow.
fn opening(phone: &Phone) -> Duration {
    phone.run(["stats"]).expect_ok("stats").elapsed
}

#[test]
fn the_background_stores_and_the_next_command_shows_it() {
    let scratch = scratch();
    let (_relay, _wire, a, b) = two_phones(scratch.path());
    a.import(&[&record(scratch.path(), 300)]);
    a.run(["sync"]).expect_ok("sync");
    let report = b.json(["sync", "--background"]);
    assert!(
        report["stored"].as_u64() > Some(0) && report["received"] == 0,
        "{report}"
    );
    assert_eq!(b.resources(), a.resources());
    b.verify().expect_ok("verify");
}

#[test]
fn one_process_watches_while_another_imports() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let (a, b) = (
        Phone::with_vault(scratch.path().join("a")),
        Phone::new(scratch.path().join("b")),
    );
    a.pair(&b, &relay.relay.url());
    b.run(["sync"]).expect_ok("sync");
    let (first, watching) = Running::start_for_first_line(&mut a.command(["sync", "--watch"]));
    assert!(first.contains("Ctrl-C"), "{first}");
    // Many writes of the one while the other pushes what is there already.
    for count in [400, 30, 31, 32] {
        let report = a.import(&[&record(scratch.path(), count)]);
        assert!(report["totals"]["new"].as_u64() > Some(0), "{report}");
    }
    let begun = Instant::now();
    while a.json(["stats"])["unsent"] != 0 {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it is not pushed"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    b.run(["sync"]).expect_ok("sync");
    assert_eq!(b.resources(), a.resources());
    // And the other way, without anybody asking.
    b.import(&[&record(scratch.path(), 33)]);
    b.run(["sync"]).expect_ok("sync");
    let begun = Instant::now();
    while a.resources() != b.resources() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it is not pulled"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    let asked = Instant::now();
    ask_to_stop(&watching);
    let outcome = watching.finish(PATIENCE).expect_ok("watching until Ctrl-C");
    assert!(asked.elapsed() <= PROMISE);
    assert!(!outcome.stderr.contains("error"), "{}", outcome.stderr);
    a.verify().expect_ok("verify");
}
