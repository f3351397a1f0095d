//! The relay beside the least an HTTP server on the same stack can do: durable appends against an echo of the same bytes, an
//! empty sync against a fixed greeting. Load comes from this process over kept connections; what is compared is the CPU the
//! server process used.

use crate::Line;
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use carnet_tests::measure::cpu_of;
use carnet_tests::paths::scale;
use carnet_tests::relays::{Client, Connection, Keys, RelayProgram, free_address};
use carnet_wire::Canonical;
use carnet_wire::relay::{Exchange, Pull};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const CONNECTIONS: u64 = 32;
/// What one new entry is sealed into.
const ENVELOPE_BYTES: usize = 512;

/// A server that gives back what it gets.
pub fn serve_echo(address: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .expect("a port");
        let routes = Router::new()
            .route("/echo", post(async |body: Bytes| body))
            .route("/healthz", get(async || "hello"));
        axum::serve(listener, routes).await.expect("a server");
    });
}

/// Both comparisons.
pub fn lines(scratch: &Path) -> Vec<Line> {
    let requests = scale("CARNET_BENCH_REQUESTS", 2_000);
    let relay = RelayProgram::start(&scratch.join("relay"));
    let echo = Echo::start();
    let (mut append, mut echoed, mut empty, mut hello) = (f64::MAX, f64::MAX, f64::MAX, f64::MAX);
    for round in 0..scale("CARNET_BENCH_ROUNDS", 3) {
        append = append.min(cost(relay.id(), requests, |worker| {
            appender(relay.address(), worker, round)
        }));
        echoed = echoed.min(cost(echo.child.id(), requests, |_| echoer(echo.address)));
        empty = empty.min(cost(relay.id(), requests, |worker| {
            syncer(relay.address(), worker)
        }));
        hello = hello.min(cost(echo.child.id(), requests, |_| greeter(echo.address)));
    }
    vec![
        line(
            "relay: durable append, requests per CPU second",
            append,
            echoed,
            "HTTP echo",
            0.25,
            ">= 0.25 x reference",
        ),
        line(
            "relay: empty sync, requests per CPU second",
            empty,
            hello,
            "HTTP hello",
            0.30,
            ">= 0.30 x reference",
        ),
    ]
}

fn line(
    what: &'static str,
    cost: f64,
    reference: f64,
    name: &str,
    share: f64,
    target: &'static str,
) -> Line {
    let ratio = reference / cost;
    Line {
        what,
        measured: format!("{:.0}/s ({:.0} us)", 1.0 / cost, cost * 1e6),
        reference: format!(
            "{name} {:.0}/s ({:.0} us)",
            1.0 / reference,
            reference * 1e6
        ),
        ratio: Some(ratio),
        target,
        reached: ratio >= share,
    }
}

/// CPU seconds of the server per request.
fn cost<R: FnMut() + Send>(pid: u32, requests: u64, make: impl Fn(u64) -> R) -> f64 {
    let mut workers: Vec<R> = (0..CONNECTIONS).map(make).collect();
    workers.iter_mut().for_each(|request| request());
    let before = cpu_of(pid).expect("the server lives");
    std::thread::scope(|scope| {
        for mut request in workers {
            scope.spawn(move || (0..requests).for_each(|_| request()));
        }
    });
    let used = cpu_of(pid)
        .expect("the server lives")
        .saturating_sub(before);
    used.max(Duration::from_millis(1)).as_secs_f64() / (requests * CONNECTIONS) as f64
}

fn appender(address: SocketAddr, worker: u64, round: u64) -> impl FnMut() + Send {
    let keys = Keys::derive(worker);
    let mut client = Client::open(address, &[&keys]).expect("a session");
    let mut serial = round << 32;
    move || {
        serial += 1;
        client
            .push(vec![keys.envelope(serial, ENVELOPE_BYTES)])
            .expect("a stored envelope");
    }
}

/// A device that has everything: one mailbox, nothing new.
fn syncer(address: SocketAddr, worker: u64) -> impl FnMut() + Send {
    let keys = Keys::derive(worker);
    let mut client = Client::open(address, &[&keys]).expect("a session");
    let head = client
        .pull(keys.mailbox, u64::MAX >> 1)
        .map_or(0, |(head, _)| head);
    let pull = vec![Pull {
        mailbox: keys.mailbox,
        after: head,
    }];
    let body = Exchange {
        push: Vec::new(),
        pull,
        max_bytes: 4 << 20,
    }
    .to_canonical();
    move || assert_eq!(client.raw_exchange(&body).expect("an answer").0, 200)
}

fn echoer(address: SocketAddr) -> impl FnMut() + Send {
    let mut connection = Connection::open(address).expect("a connection");
    let keys = Keys::derive(0);
    let push = vec![keys.envelope(1, ENVELOPE_BYTES).into()];
    let body = Exchange {
        push,
        pull: Vec::new(),
        max_bytes: 0,
    }
    .to_canonical();
    move || {
        let (status, answer) = connection
            .request("POST", "/echo", None, &body)
            .expect("an answer");
        assert!(status == 200 && answer == body);
    }
}

fn greeter(address: SocketAddr) -> impl FnMut() + Send {
    let mut connection = Connection::open(address).expect("a connection");
    move || {
        assert_eq!(
            connection
                .request("GET", "/healthz", None, &[])
                .expect("an answer")
                .0,
            200
        )
    }
}

struct Echo {
    child: Child,
    address: SocketAddr,
}

impl Echo {
    fn start() -> Self {
        let address = free_address();
        let program = std::env::current_exe().expect("this program");
        let child = Command::new(program)
            .args(["child", "echo", &address.to_string()])
            .spawn()
            .expect("an echo");
        let started = Instant::now();
        while Connection::open(address).is_err() {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "the echo does not answer"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { child, address }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
