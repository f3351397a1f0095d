//! The vectors of `tests/vectors`, written by an independent implementation: all of them that need no secret key.
//! The engine's `seal` room opens the sealed ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use carnet_wire::relay::{
    Access, Challenge, Close, Closed, Delete, Exchange, ExchangeReply, OpenSession, Problem,
    Retire, Retired, Session, Wait, Waited, session_bytes,
};
use carnet_wire::{
    Author, BlobId, Canonical, ChangeId, CompartmentId, DeviceId, Envelope, EnvelopeId, EpochId,
    Header, Incarnation, Inner, MailboxId, RecordId, Seen, WireError, padded_len, signed_bytes,
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::Value;

/// All vectors of a file, with their names for messages.
fn vectors(file: &str) -> Vec<(String, Value)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors");
    let path = format!("{folder}/{file}.json");
    let text = std::fs::read_to_string(&path).expect(&path);
    let mut file: Value = serde_json::from_str(&text).unwrap();
    let vectors: Vec<Value> = serde_json::from_value(file["vectors"].take()).unwrap();
    assert!(vectors.len() >= 4, "{path} lost its vectors");
    let named = |vector: Value| {
        let name = vector["name"].as_str().unwrap_or_default().to_owned();
        (name, vector)
    };
    vectors.into_iter().map(named).collect()
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hexadecimal text");
    assert!(text.len().is_multiple_of(2));
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().expect("bytes of the right length")
}

/// A number, which is decimal text over 2^53.
fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .or_else(|| value.as_str()?.parse().ok())
        .expect("a number")
}

/// The error that `expect` names, if it is one of this crate's.
fn wire_error(vector: &Value) -> Option<WireError> {
    match vector["expect"].as_str().unwrap() {
        "malformed" => Some(WireError::Malformed),
        "not-canonical" => Some(WireError::NotCanonical),
        "too-large" => Some(WireError::TooLarge),
        "unknown-version" => Some(WireError::UnknownVersion),
        _ => None,
    }
}

fn verify(key: [u8; 32], message: &[u8], signature: [u8; 64]) -> bool {
    let signature = Signature::from_bytes(&signature);
    VerifyingKey::from_bytes(&key).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

#[test]
fn ids_are_derived() {
    for (name, vector) in vectors("ids") {
        let bytes = || hex(&vector["bytes"]);
        let id = match vector["type"].as_str().unwrap() {
            "compartment" => {
                let record = RecordId(array(&vector["record"]));
                let compartment = vector["compartment_name"].as_str().unwrap();
                CompartmentId::derive(record, compartment).as_ref().to_vec()
            }
            "change" => ChangeId::derive(&bytes()).as_ref().to_vec(),
            "envelope" => EnvelopeId::derive(&bytes()).as_ref().to_vec(),
            "blob" => BlobId::derive(&bytes()).as_ref().to_vec(),
            other => panic!("{name}: unknown type {other}"),
        };
        assert_eq!(id, hex(&vector["id"]), "{name}");
    }
}

/// The epoch id from its public inputs; the seal room derives the keys.
#[test]
fn epoch_ids_commit_to_record_compartment_key_and_parents() {
    for (name, vector) in vectors("epochs") {
        let parents = vector["parents"].as_array().unwrap();
        let mut parents: Vec<EpochId> = parents.iter().map(|id| EpochId(array(id))).collect();
        parents.sort();
        let mut material = hex(&vector["record"]);
        material.extend(hex(&vector["compartment"]));
        material.extend(hex(&vector["commitment"]));
        parents.iter().for_each(|id| material.extend(id.as_ref()));
        let epoch = blake3::derive_key("carnet/1 epoch-id", &material);
        assert_eq!(epoch, array(&vector["epoch"]), "{name}");
    }
}

fn header_of(fields: &Value) -> Header {
    let author = |value: &Value| Author {
        device: DeviceId(array(&value["device"])),
        incarnation: Incarnation(array(&value["incarnation"])),
    };
    let seen = |value: &Value| Seen {
        author: author(value),
        seq: number(&value["seq"]),
    };
    let list = |name: &str| fields[name].as_array().unwrap().iter();
    Header {
        version: number(&fields["version"]) as u8,
        record: RecordId(array(&fields["record"])),
        compartment: CompartmentId(array(&fields["compartment"])),
        author: author(fields),
        seq: number(&fields["seq"]),
        prev: ChangeId(array(&fields["prev"])),
        seen: list("seen").map(seen).collect(),
        frontier: list("frontier").map(|id| ChangeId(array(id))).collect(),
        lamport: number(&fields["lamport"]),
        kind: number(&fields["kind"]) as u8,
        body_hash: array(&fields["body_hash"]),
    }
}

#[test]
fn headers_are_read_written_named_and_signed() {
    for (name, vector) in vectors("headers") {
        let bytes = hex(&vector["header"]);
        let header = Header::from_bytes(&bytes);
        if let Some(error) = wire_error(&vector) {
            assert_eq!(header, Err(error), "{name}");
            continue;
        }
        let header = header.expect(&name);
        let good = vector["expect"] == "ok";
        let signature = array(&vector["signature"]);
        let verified = verify(array(&vector["device"]), &signed_bytes(&bytes), signature);
        assert_eq!(verified, good, "{name}");
        if good {
            let key = SigningKey::from_bytes(&array(&vector["seed"]));
            let signed = key.sign(&signed_bytes(&bytes)).to_bytes();
            assert_eq!(signed, signature, "{name}");
            assert_eq!(header, header_of(&vector["fields"]), "{name}");
            assert_eq!(header.to_canonical(), bytes, "{name}");
            let id = ChangeId::derive(&bytes);
            assert_eq!(id.0, array(&vector["change_id"]), "{name}");
        }
    }
}

#[test]
fn lengths_are_padded() {
    for (_, vector) in vectors("padding") {
        let length = number(&vector["length"]);
        let padded = padded_len(length as usize) as u64;
        assert_eq!(padded, number(&vector["padded"]), "{length}");
    }
}

fn inner_of(vector: &Value) -> Inner {
    Inner {
        header: hex(&vector["header"]),
        signature: array(&vector["signature"]),
        body: hex(&vector["body"]),
    }
}

#[test]
fn plaintexts_are_framed_and_padded() {
    let good = vectors("headers").swap_remove(0).1;
    let somewhere = header_of(&good["fields"]);
    for (name, vector) in vectors("plaintexts") {
        let plaintext = hex(&vector["plaintext"]);
        let read = |place: &Header| Inner::from_padded(&plaintext, place.record, place.compartment);
        if let Some(error) = wire_error(&vector) {
            assert_eq!(read(&somewhere), Err(error), "{name}");
        } else {
            let inner = inner_of(&vector);
            let place = Header::from_bytes(&inner.header).expect(&name);
            assert_eq!(read(&place), Ok(inner.clone()), "{name}");
            assert_eq!(inner.to_padded(), Ok(plaintext), "{name}");
        }
    }
}

#[test]
fn bodies_are_hashed_as_they_travel() {
    for (name, vector) in vectors("bodies") {
        let body = hex(&vector["body"]);
        let hash = *blake3::hash(&body).as_bytes();
        assert_eq!(hash, array(&vector["body_hash"]), "{name}");
        if vector["expect"] == "ok" && body[0] == 0 {
            assert_eq!(body[1..], hex(&vector["plain"]), "{name}");
        }
    }
}

#[test]
fn envelopes_are_read_and_named() {
    for (name, vector) in vectors("envelopes") {
        let bytes = hex(&vector["envelope"]);
        let id = EnvelopeId::derive(&bytes);
        assert_eq!(id.0, array(&vector["envelope_id"]), "{name}");
        match Envelope::from_bytes(&bytes) {
            Err(error) => assert_eq!(Some(error), wire_error(&vector), "{name}"),
            Ok(envelope) => {
                assert_eq!(envelope.to_canonical(), bytes, "{name}");
                if vector["expect"] == "ok" {
                    envelope_says(&name, &envelope, &vector);
                }
            }
        }
    }
}

fn envelope_says(name: &str, envelope: &Envelope, vector: &Value) {
    assert_eq!(envelope.mailbox.0, array(&vector["mailbox"]), "{name}");
    assert_eq!(envelope.epoch.0, array(&vector["epoch"]), "{name}");
    assert_eq!(envelope.nonce, array(&vector["nonce"]), "{name}");
    let opened = &vector["opened"];
    let inner = inner_of(opened);
    assert_eq!(
        inner.to_padded().expect(name).len() + 16,
        envelope.ciphertext.len(),
        "{name}"
    );
    let header = Header::from_bytes(&inner.header).expect(name);
    let body_hash = *blake3::hash(&inner.body).as_bytes();
    assert_eq!(body_hash, header.body_hash, "{name}");
    let id = ChangeId::derive(&inner.header);
    assert_eq!(id.0, array(&opened["change_id"]), "{name}");
    let device = header.author.device.0;
    let signed = signed_bytes(&inner.header);
    assert!(verify(device, &signed, inner.signature), "{name}");
}

/// Other refusals need the key: that these and no others come from parsing is part of the protocol.
#[test]
fn envelopes_are_refused_by_parsing_or_later() {
    let refused: Vec<String> = vectors("envelopes")
        .into_iter()
        .filter(|(_, vector)| Envelope::from_bytes(&hex(&vector["envelope"])).is_err())
        .map(|(name, _)| name)
        .collect();
    let expected = [
        "version 2",
        "truncated",
        "empty",
        "one byte too many",
        "suite in three bytes",
        "ciphertext as text",
        "nonce of 12 bytes",
    ];
    assert_eq!(refused, expected);
}

/// The rule of the book, in ten lines: the engine's own check reads the same file.
fn follow_chains(headers: &[Vec<u8>]) -> (&'static str, usize) {
    let mut links: Vec<(Author, u64, ChangeId)> = Vec::new();
    for bytes in headers {
        let header = Header::from_bytes(bytes).unwrap();
        let id = ChangeId::derive(bytes);
        if links.iter().any(|(_, _, known)| *known == id) {
            continue;
        }
        let tip = links.iter().rfind(|link| link.0 == header.author);
        let (seq, tip) = tip.map_or((0, ChangeId([0; 32])), |(_, seq, id)| (*seq, *id));
        if header.seq > seq + 1 {
            return ("gap", links.len());
        }
        if header.seq <= seq || header.prev != tip {
            return ("fork", links.len());
        }
        links.push((header.author, header.seq, id));
    }
    ("ok", links.len())
}

#[test]
fn chains_link_by_change_id() {
    for (name, vector) in vectors("chains") {
        let headers: Vec<Vec<u8>> = vector["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(hex)
            .collect();
        let (expect, accepted) = follow_chains(&headers);
        assert_eq!(vector["expect"], expect, "{name}");
        assert_eq!(accepted as u64, number(&vector["accepted"]), "{name}");
    }
}

#[test]
fn sessions_are_signed() {
    for (name, vector) in vectors("sessions") {
        let access = match vector["access"].as_str().unwrap() {
            "read" => Access::Read,
            "write" => Access::Write,
            "retire" => Access::Retire,
            other => panic!("{name}: unknown access {other}"),
        };
        let origin = vector["origin"].as_str().unwrap();
        let mailbox = MailboxId(array(&vector["mailbox"]));
        let signed = session_bytes(&array(&vector["nonce"]), origin, mailbox, access);
        assert_eq!(signed, hex(&vector["signed"]), "{name}");
        let signature = array(&vector["signature"]);
        assert!(verify(array(&vector["key"]), &signed, signature), "{name}");
        let key = SigningKey::from_bytes(&array(&vector["seed"]));
        assert_eq!(key.sign(&signed).to_bytes(), signature, "{name}");
    }
}

/// Reads `bytes` as a `T` and writes it again.
fn rewritten<T: Canonical>(bytes: &[u8]) -> Result<Vec<u8>, WireError> {
    T::from_canonical(bytes).map(|value| value.to_canonical())
}

#[test]
fn messages_are_read_and_written() {
    for (name, vector) in vectors("messages") {
        let bytes = hex(&vector["bytes"]);
        let result = match vector["type"].as_str().unwrap() {
            "challenge" => rewritten::<Challenge>(&bytes),
            "open-session" => rewritten::<OpenSession>(&bytes),
            "session" => rewritten::<Session>(&bytes),
            "exchange" => rewritten::<Exchange>(&bytes),
            "exchange-reply" => rewritten::<ExchangeReply>(&bytes),
            "wait" => rewritten::<Wait>(&bytes),
            "waited" => rewritten::<Waited>(&bytes),
            "retire" => rewritten::<Retire>(&bytes),
            "retired" => rewritten::<Retired>(&bytes),
            "close" => rewritten::<Close>(&bytes),
            "closed" => rewritten::<Closed>(&bytes),
            "delete" => rewritten::<Delete>(&bytes),
            "problem" => rewritten::<Problem>(&bytes),
            other => panic!("{name}: unknown type {other}"),
        };
        let expected = wire_error(&vector).map_or(Ok(bytes), Err);
        assert_eq!(result, expected, "{name}");
    }
}
