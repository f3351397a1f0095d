//! Requests per second of the relay's processor time, beside two references on the same stack: the cheapest answer it can
//! give (`hello`: `/healthz`), and a body of the same length that is read and thrown away (`body`: an exchange that is
//! refused as malformed).
//!
//! `cargo test --release -p carnet-relay --test relay speed -- --ignored --nocapture`

#![allow(clippy::print_stdout)]

use crate::client::{Client, MAILBOX, envelope, exchange};
use carnet_wire::{Canonical, MailboxId};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 64;
const RUN: Duration = Duration::from_secs(4);
const OTHER: MailboxId = MailboxId([2; 32]);

/// Processor time of a process, in clock ticks.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let field = |index| -> u64 {
        after_name
            .split_whitespace()
            .nth(index)
            .unwrap()
            .parse()
            .unwrap()
    };
    field(11) + field(12)
}

struct Measured {
    per_second: f64,
    per_core_second: f64,
}

/// Runs `request` on many connections at once.
fn measure(
    process: u32,
    clients: &mut [Client],
    request: impl Fn(&mut Client, u64) + Sync,
) -> Measured {
    let (count, before, started) = (AtomicU64::new(0), ticks(process), Instant::now());
    std::thread::scope(|scope| {
        for client in clients {
            let (count, request) = (&count, &request);
            scope.spawn(move || {
                while started.elapsed() < RUN {
                    request(client, count.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
    });
    let count = count.into_inner() as f64;
    Measured {
        per_second: count / started.elapsed().as_secs_f64(),
        // 100 ticks a second on every Linux there is.
        per_core_second: count * 100.0 / (ticks(process) - before) as f64,
    }
}

#[test]
#[ignore = "a measurement, for a quiet machine"]
fn speed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = crate::stop::spawn(folder.path());
    let mut clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| Client::entered(address, MAILBOX))
        .collect();
    let hello = measure(child.id(), &mut clients, |client, _| {
        assert_eq!(client.request("GET", "/healthz", &[], b"").status, 200);
    });
    let filler = "x".repeat(400);
    let refused = vec![
        0xff;
        exchange(vec![envelope(MAILBOX, &filler)], &[])
            .to_canonical()
            .len()
    ];
    let body = measure(child.id(), &mut clients, |client, _| {
        assert_eq!(client.post("/v1/exchange", &refused).status, 400);
    });
    let append = measure(child.id(), &mut clients, |client, n| {
        let push = exchange(vec![envelope(MAILBOX, &format!("{n}{filler}"))], &[]);
        let answer = client.post("/v1/exchange", &push.to_canonical());
        assert_eq!(answer.status, 200);
    });
    let nothing_new = exchange(vec![], &[(MAILBOX, u64::MAX), (OTHER, u64::MAX)]);
    let nothing_new = nothing_new.to_canonical();
    let sync = measure(child.id(), &mut clients, |client, _| {
        assert_eq!(client.post("/v1/exchange", &nothing_new).status, 200);
    });
    for (name, measured) in [
        ("hello", &hello),
        ("body", &body),
        ("append", &append),
        ("empty sync", &sync),
    ] {
        let of = |reference: &Measured| measured.per_core_second / reference.per_core_second;
        println!(
            "{name:10} {:8.0}/s wall {:8.0}/core-s {:5.2} x hello {:5.2} x body",
            measured.per_second,
            measured.per_core_second,
            of(&hello),
            of(&body),
        );
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
