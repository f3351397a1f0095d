//! The protocol as documented: paths, statuses, typed errors.

use crate::client::{Client, MAILBOX, TestRelay, envelope, exchange, registration};
use carnet_wire::relay::{Pushed, Session, code};
use carnet_wire::{Canonical, MailboxId, limits};

fn relay() -> (tempfile::TempDir, TestRelay) {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    (folder, relay)
}

#[test]
fn push_and_pull_in_one_round_trip() {
    let (_folder, relay) = relay();
    let mut client = Client::entered(relay.address, MAILBOX);
    let envelopes = vec![envelope(MAILBOX, "a"), envelope(MAILBOX, "b")];
    let reply = client.exchange(&exchange(envelopes.clone(), &[(MAILBOX, 0)]));
    assert_eq!(reply.pushed, [1, 2].map(Pushed::Stored));
    // The pull is read before the push: nobody is sent what they have just brought.
    assert_eq!(reply.pulled[0].entries, []);
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 0)]));
    let pulled: Vec<_> = reply.pulled[0]
        .entries
        .iter()
        .map(|it| it.envelope.clone())
        .collect();
    assert_eq!(pulled, envelopes);
    // From another connection, with another session, larger than what is handled inline.
    let mut other = Client::entered(relay.address, MAILBOX);
    let large = envelope(MAILBOX, &"x".repeat(1 << 20));
    let reply = other.exchange(&exchange(vec![large.clone()], &[(MAILBOX, 2)]));
    assert_eq!(reply.pushed, [Pushed::Stored(3)]);
    assert_eq!(reply.pulled[0].entries, []);
    let reply = client.exchange(&exchange(vec![], &[(MAILBOX, 2)]));
    assert_eq!(reply.pulled[0].entries[0].envelope, large);
}

#[test]
fn health_is_open_to_everyone() {
    let (_folder, relay) = relay();
    let mut client = Client::new(relay.address);
    for path in ["/healthz", "/readyz"] {
        assert_eq!(client.request("GET", path, &[], b"").status, 200);
    }
}

#[test]
fn what_does_not_exist_is_a_typed_error() {
    let (_folder, relay) = relay();
    let mut client = Client::entered(relay.address, MAILBOX);
    for path in [
        "/",
        "/v1",
        "/v2/exchange",
        "/v1/blobs/a/b",
        "/%00",
        "/v1/exchange/",
    ] {
        let answer = client.request("GET", path, &[], b"");
        assert_eq!(
            (answer.status, answer.problem()),
            (404, code::NOT_FOUND),
            "{path}"
        );
    }
    for (method, path) in [
        ("GET", "/v1/exchange"),
        ("DELETE", "/v1/session"),
        ("POST", "/healthz"),
    ] {
        let answer = client.request(method, path, &[], b"");
        assert_eq!(
            (answer.status, answer.problem()),
            (405, code::MALFORMED),
            "{path}"
        );
    }
}

#[test]
fn no_token_or_a_wrong_one_opens_nothing() {
    let (_folder, relay) = relay();
    let body = exchange(vec![], &[]).to_canonical();
    let blob = format!("/v1/blobs/{MAILBOX}/{MAILBOX}");
    for token in [None, Some([7; 32])] {
        let mut client = Client::new(relay.address);
        client.token = token;
        let offsets = [
            ("upload-offset", "0".to_owned()),
            ("upload-length", "1".to_owned()),
        ];
        for answer in [
            client.post("/v1/exchange", &body),
            client.request("GET", &blob, &[], b""),
            client.request("PUT", &blob, &offsets, b"x"),
        ] {
            assert_eq!((answer.status, answer.problem()), (401, code::NO_SESSION));
        }
        assert_eq!(client.request("HEAD", &blob, &[], b"").status, 401);
    }
}

#[test]
fn a_challenge_is_answered_once() {
    let (_folder, relay) = relay();
    let mut client = Client::entered(relay.address, MAILBOX);
    let nonce = client.challenge();
    let request = client.proving(nonce, MAILBOX).to_canonical();
    assert_eq!(client.post("/v1/session", &request).status, 200);
    let answer = client.post("/v1/session", &request);
    assert_eq!(
        (answer.status, answer.problem()),
        (410, code::STALE_CHALLENGE)
    );
}

#[test]
fn a_proof_for_another_origin_is_refused_whatever_the_host_header_says() {
    let (_folder, relay) = relay();
    let mut client = Client::entered(relay.address, MAILBOX);
    let nonce = client.challenge();
    let mut request = client.proving(nonce, MAILBOX);
    request.origin = "http://evil.example".to_owned();
    let body = request.to_canonical();
    let headers = [("x-forwarded-host", "evil.example".to_owned())];
    let answer = client.request("POST", "/v1/session", &headers, &body);
    assert_eq!((answer.status, answer.problem()), (403, code::FORBIDDEN));
    let nonce = client.challenge();
    request.nonce = nonce;
    let raw = format!(
        "POST /v1/session HTTP/1.1\r\nhost: evil.example\r\ncontent-length: {}\r\n\r\n",
        request.to_canonical().len()
    );
    let sent = [raw.as_bytes(), &request.to_canonical()].concat();
    assert_eq!(
        crate::hostile::send(relay.address, &sent).unwrap().status,
        403
    );
}

#[test]
fn a_session_says_what_it_refused_and_conflicts_are_said() {
    let (_folder, relay) = relay();
    let mut client = Client::entered(relay.address, MAILBOX);
    let unknown = MailboxId([9; 32]);
    let nonce = client.challenge();
    let request = client.proving(nonce, unknown);
    let session: Session = client.post("/v1/session", &request.to_canonical()).decode();
    assert_eq!(session.refused, [unknown]);
    let nonce = client.challenge();
    let mut request = client.proving(nonce, MAILBOX);
    let mut stolen = registration(MAILBOX);
    stolen.read_key = [0; 32];
    request.register.push(stolen);
    let answer = client.post("/v1/session", &request.to_canonical());
    assert_eq!((answer.status, answer.problem()), (409, code::CONFLICT));
}

#[test]
fn bodies_that_are_malformed_or_not_canonical_are_refused() {
    let (_folder, relay) = relay();
    let mut client = Client::entered(relay.address, MAILBOX);
    let good = exchange(vec![], &[(MAILBOX, 0)]).to_canonical();
    let trailing = [good.as_slice(), &[0]].concat();
    // The same number, one byte longer than it needs to be.
    let long = [
        &good[..good.len() - 6],
        &[0x18, 0x00],
        &good[good.len() - 5..],
    ]
    .concat();
    assert_eq!(long.len(), good.len() + 1);
    for body in [&b""[..], b"\xff", &trailing, &long, &good[..10]] {
        let answer = client.post("/v1/exchange", body);
        assert_eq!((answer.status, answer.problem()), (400, code::MALFORMED));
        let answer = client.post("/v1/session", body);
        assert_eq!((answer.status, answer.problem()), (400, code::MALFORMED));
    }
    // Nesting is a limit, found before anything is decoded.
    let answer = client.post("/v1/session", &[0x81; 100_000]);
    assert_eq!((answer.status, answer.problem()), (413, code::TOO_LARGE));
    assert_eq!(client.post("/v1/exchange", &[0x81; 100_000]).status, 400);
    assert_eq!(client.post("/v1/exchange", &good).status, 200);
}

#[test]
fn bodies_over_their_limit_are_refused() {
    let (_folder, relay) = relay();
    let token = Client::entered(relay.address, MAILBOX).token;
    for (path, limit) in [
        ("/v1/session", 512 << 10),
        ("/v1/exchange", limits::MAX_EXCHANGE_BYTES),
    ] {
        let mut client = Client::new(relay.address);
        client.token = token;
        // Announced: refused before a byte of it is read.
        let head = client.encode("POST", path, &[], &[]);
        let head = String::from_utf8(head).unwrap();
        let announced = format!("content-length: {}", limit + 1);
        let head = head.replace("content-length: 0", &announced);
        let answer = crate::hostile::send(relay.address, head.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.problem()), (413, code::TOO_LARGE));
        // In chunks: refused once it has grown too long.
        let head = head.replace(&announced, "transfer-encoding: chunked");
        let mut sent = head.into_bytes();
        for _ in 0..=limit >> 16 {
            sent.extend_from_slice(b"10000\r\n");
            sent.extend_from_slice(&[0; 0x10000]);
            sent.extend_from_slice(b"\r\n");
        }
        sent.extend_from_slice(b"0\r\n\r\n");
        // The relay may hang up while we still send; then there is no answer to read.
        if let Ok(answer) = crate::hostile::send(relay.address, &sent) {
            assert_eq!((answer.status, answer.problem()), (413, code::TOO_LARGE));
        }
    }
}

#[test]
fn a_body_in_chunks_is_read() {
    let (_folder, relay) = relay();
    let client = Client::entered(relay.address, MAILBOX);
    let body = exchange(vec![envelope(MAILBOX, "a")], &[]).to_canonical();
    let head = String::from_utf8(client.encode("POST", "/v1/exchange", &[], &[])).unwrap();
    let head = head.replace("content-length: 0", "transfer-encoding: chunked");
    let (first, second) = body.split_at(50);
    let mut sent = head.into_bytes();
    for chunk in [first, second, &[]] {
        sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    assert_eq!(
        crate::hostile::send(relay.address, &sent).unwrap().status,
        200
    );
}

#[test]
fn everything_is_there_after_a_restart_but_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::entered(relay.address, MAILBOX);
    let pushed = exchange(vec![envelope(MAILBOX, "a")], &[]);
    let generation = client.exchange(&pushed).generation;
    let token = client.token;
    relay.stop();
    let relay = TestRelay::start(folder.path());
    let mut client = Client::new(relay.address);
    client.token = token;
    let answer = client.post("/v1/exchange", &pushed.to_canonical());
    assert_eq!(answer.problem(), code::NO_SESSION);
    let mut client = Client::entered(relay.address, MAILBOX);
    let again = exchange(vec![envelope(MAILBOX, "a")], &[(MAILBOX, 0)]);
    let reply = client.exchange(&again);
    assert_eq!(reply.generation, generation);
    assert_eq!(reply.pushed, [Pushed::Stored(1)]);
    assert_eq!(
        (reply.pulled[0].head, reply.pulled[0].entries.len()),
        (1, 1)
    );
}
