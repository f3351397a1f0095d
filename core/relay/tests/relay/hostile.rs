//! Bytes that are no requests, and clients that go away.

use crate::client::{Answer, Client, MAILBOX, TestRelay, connect, envelope, exchange};
use carnet_wire::Canonical;
use carnet_wire::relay::code;
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

/// Sends bytes as they are and reads one answer.
pub fn send(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Answer> {
    let mut stream = connect(address);
    stream.write_all(bytes)?;
    Answer::read(&mut BufReader::new(stream), true)
}

/// Sends bytes and hangs up, without reading.
fn send_and_leave(address: SocketAddr, bytes: &[u8]) {
    let mut stream = connect(address);
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Both);
}

#[test]
fn garbage_and_truncated_requests_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::entered(relay.address, MAILBOX);
    let body = exchange(vec![envelope(MAILBOX, "a")], &[]).to_canonical();
    let good = client.encode("POST", "/v1/exchange", &[], &body);
    for end in (0..good.len()).step_by(7) {
        send_and_leave(relay.address, &good[..end]);
    }
    let mut noise = 1_u64;
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (noise >> 56) as u8
            })
            .collect();
        send_and_leave(relay.address, &bytes);
    }
    for refused in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET / HTTP/9.9\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /v1/exchange HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/exchange HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n",
    ] {
        let answer = send(relay.address, refused);
        assert!(answer.is_err() || answer.is_ok_and(|it| it.status >= 400));
    }
    let huge = format!(
        "GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n",
        "y".repeat(64 << 10)
    );
    let answer = send(relay.address, huge.as_bytes());
    assert!(answer.is_err() || answer.is_ok_and(|it| it.status == 431));
    // None of the truncated pushes was stored.
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    assert_eq!(reply.pulled[0].head, 0);
}

#[test]
fn a_client_that_hangs_up_never_leaves_half_a_push() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::entered(relay.address, MAILBOX);
    let count = 50;
    for n in 0..count {
        let push = vec![
            envelope(MAILBOX, &format!("{n}a")),
            envelope(MAILBOX, &format!("{n}b")),
        ];
        let body = exchange(push, &[]).to_canonical();
        let mut stream = connect(relay.address);
        stream
            .write_all(&client.encode("POST", "/v1/exchange", &[], &body))
            .unwrap();
        // Sent whole, gone before the answer.
        stream.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(n % 5));
    }
    let mut head = 0;
    for _ in 0..20 {
        head = client
            .exchange(&exchange(vec![], &[(MAILBOX, u64::MAX)]))
            .pulled[0]
            .head;
        assert_eq!(head % 2, 0);
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(head > 0);
}

#[test]
fn no_answer_repeats_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let canary = "Metformine";
    for request in [
        format!("GET /{canary} HTTP/1.1\r\nhost: {canary}\r\n\r\n"),
        format!("{canary} / HTTP/1.1\r\nhost: a\r\n\r\n"),
        format!("POST /v1/session HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n{canary}"),
        format!("GET /v1/exchange HTTP/1.1\r\nauthorization: {canary}\r\n\r\n"),
    ] {
        let answer = send(relay.address, request.as_bytes()).unwrap();
        let said = format!(
            "{:?}{}",
            answer.headers,
            String::from_utf8_lossy(&answer.body)
        );
        assert!(answer.status >= 400 && !said.contains(canary), "{said}");
    }
}

#[test]
fn a_refused_request_is_heard_out_so_that_the_answer_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::new(relay.address);
    // More than the sockets hold: the relay knows after the head that the token is worth nothing.
    let body = vec![0x40; 6 << 20];
    for _ in 0..3 {
        let answer = client.post("/v1/exchange", &body);
        assert_eq!((answer.status, answer.problem()), (401, code::NO_SESSION));
    }
}
