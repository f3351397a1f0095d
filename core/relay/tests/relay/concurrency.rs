//! Eight writers and eight readers on one mailbox: no gap, nothing skipped, nothing misplaced.
//!
//! `CARNET_APPENDS=1000000 cargo test -p carnet-relay --test relay eight_writers` is the long run.

use crate::client::{Client, MAILBOX, TestRelay, envelope, exchange};
use carnet_wire::EnvelopeId;
use carnet_wire::relay::Pushed;
use std::net::SocketAddr;
use std::time::Duration;

const WRITERS: usize = 8;

fn appends() -> usize {
    std::env::var("CARNET_APPENDS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(20_000)
}

/// Pushes `count` envelopes in uneven batches and returns the number each one got.
fn write(address: SocketAddr, writer: usize, count: usize) -> Vec<(u64, EnvelopeId)> {
    let mut client = Client::entered(address, MAILBOX);
    let mut given = Vec::new();
    while given.len() < count {
        let sent = given.len();
        let batch = (1 + (sent * 31 + writer * 17) % 97).min(count - sent);
        let envelopes: Vec<_> = (sent..sent + batch)
            .map(|n| envelope(MAILBOX, &format!("{writer} {n}")))
            .collect();
        let ids: Vec<_> = envelopes.iter().map(|it| EnvelopeId::derive(it)).collect();
        let push = exchange(envelopes, &[]);
        let reply = client.exchange(&push);
        if sent % 11 == 0 {
            // The answer got lost, the device sends again.
            assert_eq!(client.exchange(&push).pushed, reply.pushed);
        }
        for (id, pushed) in ids.into_iter().zip(reply.pushed) {
            match pushed {
                Pushed::Stored(seq) => given.push((seq, id)),
                Pushed::Refused(code) => panic!("refused with {code}"),
            }
        }
    }
    given
}

/// Follows the mailbox as a device does, by the last number it has met, and returns a hash of the ids in order.
fn follow(address: SocketAddr, total: u64) -> blake3::Hash {
    let mut client = Client::entered(address, MAILBOX);
    let (mut cursor, mut hasher) = (0, blake3::Hasher::new());
    while cursor < total {
        let mut reply = client.exchange(&exchange(vec![], &[(MAILBOX, cursor)]));
        let page = reply.pulled.remove(0);
        for entry in &page.entries {
            assert_eq!(entry.seq, cursor + 1, "skipped");
            cursor = entry.seq;
            hasher.update(entry.id().as_ref());
        }
        assert!(page.head >= cursor);
        if page.entries.is_empty() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    hasher.finalize()
}

#[test]
fn eight_writers_and_eight_readers_on_one_mailbox() {
    let folder = tempfile::tempdir().unwrap();
    let relay = TestRelay::start(folder.path());
    let address = relay.address;
    let each = appends() / WRITERS;
    let total = (each * WRITERS) as u64;
    Client::entered(address, MAILBOX);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(move || follow(address, total)))
            .collect();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| scope.spawn(move || write(address, writer, each)))
            .collect();
        let mut given: Vec<_> = writers
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect();
        given.sort_unstable();
        assert!(given.iter().map(|(seq, _)| *seq).eq(1..=total), "gaps");
        let mut expected = blake3::Hasher::new();
        for (_, id) in &given {
            expected.update(id.as_ref());
        }
        for reader in readers {
            assert_eq!(reader.join().unwrap(), expected.finalize());
        }
    });
}
