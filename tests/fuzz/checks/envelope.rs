//! What must hold for any bytes that arrive from the network. The fuzz target and `core/wire/tests/replay.rs` share it.

use carnet_wire::relay::{
    Challenge, Delete, Exchange, ExchangeReply, OpenSession, Problem, Retire, Retired, Session,
    Wait, Waited,
};
use carnet_wire::{Canonical, CompartmentId, Envelope, Header, Inner, RecordId, WireError, limits};

/// Reads `bytes` as everything this protocol knows; panics where a promise is broken.
pub fn check(bytes: &[u8]) {
    written_back(bytes, Envelope::from_bytes(bytes));
    written_back(bytes, Header::from_bytes(bytes));
    written_back(bytes, Challenge::from_canonical(bytes));
    written_back(bytes, OpenSession::from_canonical(bytes));
    written_back(bytes, Session::from_canonical(bytes));
    written_back(bytes, Problem::from_canonical(bytes));
    written_back(bytes, Wait::from_canonical(bytes));
    written_back(bytes, Waited::from_canonical(bytes));
    written_back(bytes, Retire::from_canonical(bytes));
    written_back(bytes, Retired::from_canonical(bytes));
    written_back(bytes, Delete::from_canonical(bytes));
    check_header(bytes);
    check_plaintext(bytes);
    check_exchange(bytes);
}

/// What was accepted has no other form.
fn written_back<T: Canonical>(bytes: &[u8], value: Result<T, WireError>) {
    if let Ok(value) = value {
        assert!(
            value.to_canonical() == bytes,
            "accepted bytes have another form"
        );
    }
}

fn check_header(bytes: &[u8]) {
    if let Ok(header) = Header::from_bytes(bytes) {
        assert!(header.seq > 0 && header.seen.len() <= limits::MAX_SEEN_AUTHORS);
        assert!(header.seen.is_sorted_by(|a, b| a.author < b.author));
        assert!(header.frontier.is_sorted_by(|a, b| a < b));
    }
}

fn check_plaintext(bytes: &[u8]) {
    let (record, compartment) = (RecordId([1; 32]), CompartmentId([2; 16]));
    if let Ok(inner) = Inner::from_padded(bytes, record, compartment) {
        assert!(
            inner.to_padded().as_deref() == Ok(bytes),
            "accepted padding has another form"
        );
        check_header(&inner.header);
    }
}

fn check_exchange(bytes: &[u8]) {
    if let Ok(exchange) = Exchange::from_canonical(bytes) {
        assert!(exchange.push.len() <= limits::MAX_PUSHED_ENVELOPES);
        assert!(exchange.pull.len() <= limits::MAX_MAILBOXES);
        for envelope in &exchange.push {
            written_back(envelope, Envelope::from_bytes(envelope));
        }
        written_back(bytes, Ok(exchange));
    }
    if let Ok(reply) = ExchangeReply::from_canonical(bytes) {
        let entries = reply.pulled.iter().map(|pulled| pulled.entries.len());
        assert!(entries.sum::<usize>() <= limits::MAX_PULLED_ENTRIES);
        written_back(bytes, Ok(reply));
    }
}
