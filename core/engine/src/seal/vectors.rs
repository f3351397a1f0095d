//! The independent Python script's sealed vectors, opened by this room: `tests/vectors/README.md` says what each holds.

#![allow(clippy::unwrap_used, clippy::panic, clippy::string_slice)]

use super::attachment::seal_with_prefix;
use super::{Epoch, EpochSecrets, open, open_attachment, unpack_body, unwrap_with_passphrase};
use crate::error::Error;
use carnet_wire::relay::Access;
use carnet_wire::{CompartmentId, Envelope, EpochId, RecordId, WireError};
use serde_json::Value;

pub(crate) fn vectors(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/../../tests/vectors/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all["vectors"].as_array().unwrap().clone()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

fn place(vector: &Value) -> (RecordId, CompartmentId) {
    (
        RecordId(fixed(&vector["record"])),
        CompartmentId(fixed(&vector["compartment"])),
    )
}

#[test]
fn epochs_derive_what_the_script_derives() {
    for vector in vectors("epochs") {
        let (record, compartment) = place(&vector);
        let parents = vector["parents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| EpochId(fixed(id)))
            .collect();
        let secrets = EpochSecrets {
            read: fixed(&vector["read_secret"]),
            write: Some(fixed(&vector["write_secret"])),
            retire: Some(fixed(&vector["retire_secret"])),
        };
        let epoch = Epoch::derive(record, compartment, parents, secrets).unwrap();
        assert_eq!(epoch.id.0, fixed(&vector["epoch"]));
        assert_eq!(epoch.mailbox.0, fixed(&vector["mailbox"]));
        let registration = epoch.registration(0).unwrap();
        assert_eq!(registration.read_key, fixed(&vector["relay_read_key"]));
        assert_eq!(registration.write_key, fixed(&vector["relay_write_key"]));
        assert_eq!(registration.retire_key, fixed(&vector["relay_retire_key"]));
        assert!(
            epoch
                .prove(
                    epoch.mailbox,
                    Access::Retire,
                    &[0; 32],
                    "https://relay.example"
                )
                .is_some()
        );
    }
}

#[test]
fn bodies_inflate_to_what_the_script_packed() {
    for vector in vectors("bodies") {
        let outcome = unpack_body(&hex(&vector["body"]));
        match vector["expect"].as_str().unwrap() {
            "ok" => assert_eq!(
                outcome.unwrap(),
                hex(&vector["plain"]),
                "{}",
                vector["name"]
            ),
            _ => assert!(outcome.is_err(), "{}", vector["name"]),
        }
    }
}

/// The epoch whose envelopes the vectors hold: any vector that opens names its place.
fn epoch_of(vector: &Value, good: &Value) -> Epoch {
    let header = carnet_wire::Header::from_bytes(&hex(&good["opened"]["header"])).unwrap();
    let secrets = EpochSecrets {
        read: fixed(&vector["read_secret"]),
        write: None,
        retire: None,
    };
    let parents = known_parents(&secrets.read);
    Epoch::derive(header.record, header.compartment, parents, secrets).unwrap()
}

/// `epochs.json` lists the epochs by their read secret.
fn known_parents(read: &[u8; 32]) -> Vec<EpochId> {
    let known = vectors("epochs")
        .into_iter()
        .find(|epoch| fixed::<32>(&epoch["read_secret"]) == *read);
    known.map_or(Vec::new(), |epoch| {
        epoch["parents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| EpochId(fixed(id)))
            .collect()
    })
}

#[test]
fn envelopes_open_as_the_script_sealed_them() {
    let all = vectors("envelopes");
    let good = all
        .iter()
        .find(|vector| vector["expect"] == "ok" && vector["opened"].is_object())
        .unwrap()
        .clone();
    let mut opened_some = 0;
    for vector in &all {
        let name = &vector["name"];
        let bytes = hex(&vector["envelope"]);
        let expect = vector["expect"].as_str().unwrap();
        let envelope = match Envelope::from_bytes(&bytes) {
            Ok(envelope) => envelope,
            Err(error) => {
                let word = match error {
                    WireError::Malformed => "malformed",
                    WireError::NotCanonical => "not-canonical",
                    WireError::TooLarge => "too-large",
                    WireError::UnknownVersion => "unknown-version",
                };
                assert_eq!(word, expect, "{name}");
                continue;
            }
        };
        match (expect, open(&epoch_of(vector, &good), &envelope)) {
            ("ok", Ok(opened)) => {
                opened_some += 1;
                let expected = &vector["opened"];
                assert_eq!(opened.header_bytes, hex(&expected["header"]), "{name}");
                assert_eq!(opened.signature, fixed(&expected["signature"]), "{name}");
                assert_eq!(opened.body, hex(&expected["body"]), "{name}");
                assert_eq!(opened.id.0, fixed(&expected["change_id"]), "{name}");
                assert_eq!(
                    unpack_body(&opened.body).unwrap(),
                    hex(&expected["plain"]),
                    "{name}"
                );
            }
            ("ok", Err(error)) => panic!("{name}: {error}"),
            ("signature", outcome) => {
                assert!(matches!(outcome, Err(Error::Unauthorised(_))), "{name}")
            }
            (_, outcome) => assert!(outcome.is_err(), "{name}"),
        }
    }
    assert!(opened_some >= 4);
}

#[test]
fn attachments_are_sealed_as_the_script_seals_them() {
    let (mut opened, mut refused) = (0, 0);
    for vector in vectors("attachments") {
        let (name, key) = (&vector["name"], fixed(&vector["key"]));
        if vector["expect"] != "ok" {
            let outcome = open_attachment(
                &key,
                &mut hex(&vector["sealed"]).as_slice(),
                &mut Vec::new(),
            );
            assert!(matches!(outcome, Err(Error::Unsealable)), "{name}");
            refused += 1;
            continue;
        }
        let length = vector["length"].as_u64().unwrap();
        let document: Vec<u8> = (0..length).map(|i| (i * 31 + i / 251) as u8).collect();
        let mut sealed = Vec::new();
        let prefix = fixed(&vector["prefix"]);
        let told = seal_with_prefix(&key, prefix, &mut document.as_slice(), &mut sealed).unwrap();
        assert_eq!(told.blob.0, fixed(&vector["blob"]), "{name}");
        assert_eq!((told.size, told.sealed_size), (length, sealed.len() as u64));
        assert_eq!(
            vector["sealed_size"].as_u64(),
            Some(told.sealed_size),
            "{name}"
        );
        if vector["sealed"].is_string() {
            assert_eq!(sealed, hex(&vector["sealed"]), "{name}");
        }
        let mut again = Vec::new();
        assert_eq!(
            open_attachment(&key, &mut sealed.as_slice(), &mut again).unwrap(),
            length
        );
        assert_eq!(again, document, "{name}");
        opened += 1;
    }
    assert_eq!((opened, refused), (11, 11));
}

#[test]
fn keys_unwrap_under_the_scripts_passphrases() {
    let all = vectors("passphrases");
    for vector in &all {
        let outcome = unwrap_with_passphrase(&hex(&vector["passphrase"]), &hex(&vector["wrapped"]));
        let name = &vector["name"];
        match (vector["expect"].as_str().unwrap(), outcome) {
            ("ok", Ok(key)) => assert_eq!(*key, fixed(&vector["key"]), "{name}"),
            ("unopened", Err(Error::WrongKey)) | ("too-large", Err(Error::Invalid(_))) => {}
            ("unknown-version", Err(Error::Wire(WireError::UnknownVersion))) => {}
            (expect, outcome) => panic!("{name}: {expect}, {:?}", outcome.err()),
        }
    }
    assert_eq!(all.len(), 5);
}

#[test]
fn a_direct_stream_has_the_tags_and_frames_of_the_script() {
    use super::{Channel, StreamKey};
    use carnet_wire::Canonical;
    use carnet_wire::stream::{Hello, Nonces, Role, Summary, Turn};
    for vector in vectors("streams") {
        let name = &vector["name"];
        let nonces = Nonces {
            initiator: fixed(&vector["initiator_nonce"]),
            responder: fixed(&vector["responder_nonce"]),
        };
        for (hello, nonce) in [
            ("initiator_hello", nonces.initiator),
            ("responder_hello", nonces.responder),
        ] {
            assert_eq!(
                Hello::from_bytes(&hex(&vector[hello])).unwrap().nonce,
                nonce
            );
        }
        let list = |field: &str| vector[field].as_array().unwrap().clone();
        let record = RecordId([1; 32]);
        let mut keys: Vec<StreamKey> = Vec::new();
        for secret in list("read_secrets") {
            let secrets = EpochSecrets {
                read: fixed(&secret),
                write: None,
                retire: None,
            };
            let epoch = Epoch::derive(record, CompartmentId([2; 16]), Vec::new(), secrets);
            keys.push(StreamKey::of(&epoch.unwrap()).unwrap());
        }
        for (role, field) in [
            (Role::Initiator, "initiator_tags"),
            (Role::Responder, "responder_tags"),
        ] {
            let tags: Vec<[u8; 16]> = list(field).iter().map(fixed).collect();
            let ours: Vec<[u8; 16]> = keys.iter().map(|key| *key.tag(role, &nonces)).collect();
            assert_eq!(ours, tags, "{name}");
        }
        keys.sort_by_key(|key| key.tag(Role::Initiator, &nonces));
        let said = [
            "initiator_hello",
            "responder_hello",
            "responder_tag_frame",
            "initiator_tag_frame",
        ];
        let clear: Vec<u8> = said.iter().flat_map(|field| hex(&vector[field])).collect();
        let clear = *blake3::hash(&clear).as_bytes();
        let mut hears = [Role::Responder, Role::Initiator]
            .map(|role| Channel::open(role, &nonces, &clear, keys.iter()));
        for frame in list("frames") {
            let role = usize::try_from(frame["role"].as_u64().unwrap()).unwrap();
            let (more, payload) = hears[role].open_next(&hex(&frame["sealed"])).unwrap();
            assert_eq!(u64::from(more), frame["more"].as_u64().unwrap(), "{name}");
            assert_eq!(*payload, hex(&frame["payload"]), "{name}");
        }
        let frames = list("frames");
        assert!(
            Summary::from_canonical(&hex(&frames[0]["payload"]))
                .unwrap()
                .wants
        );
        let turn = Turn::from_canonical(&hex(&frames[3]["payload"])).unwrap();
        assert_eq!(
            (turn.vectors[0].tips[0].seq, turn.wants[0].offset),
            (300, 7)
        );
        assert!(turn.again && !turn.done && turn.parts[0].length == 5);
    }
}
