//! A member who misbehaves: what breaks a rule is held with the right reason, and everything else still merges.

#![allow(clippy::unwrap_used)]

use super::keyring::{self, GENERAL, Keyring};
use super::sync_tests::{FakeRelay, Phone};
use super::write::ChangeBuilder;
use super::*;
use crate::record::change::{Attachment, Change, Item, Origin};
use crate::record::ids::{AttachmentId, ShardId};
use crate::roster::{DEVICES, KEYRING, Operation, Operations, ROSTER};
use crate::seal::{self, Epoch};
use crate::store::log;
use crate::store::log::HeldFor;
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use carnet_wire::{
    Author, BlobId, Canonical, ChangeId, CompartmentId, Header, Incarnation, Inner, RecordId, Seen,
    kind,
};

/// One author who signs whatever a test wants.
struct Forger {
    keyring: Arc<Keyring>,
    device: DeviceKeys,
    incarnation: u8,
    log: i64,
    seq: u64,
    prev: ChangeId,
    lamport: u64,
    kind: u8,
    seen: Vec<Seen>,
}

impl Forger {
    /// The phone's own device in another life: an authorised author whose chain is not the phone's.
    fn of(phone: &Phone, name: &str) -> Self {
        let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
        let record = match name {
            DEVICES | KEYRING => keyring.account_record(),
            _ => phone.vault.persons().unwrap()[0].record,
        };
        let open = phone.vault.unlocked().unwrap();
        let log = open
            .store
            .read(|conn| keyring::log_number(conn, record, name))
            .unwrap();
        Self {
            device: DeviceKeys::from_bytes(&keyring.device.to_bytes()).unwrap(),
            keyring,
            incarnation: 200,
            log,
            seq: 1,
            prev: ChangeId([0; 32]),
            lamport: 50,
            kind: kind::CHANGE,
            seen: Vec::new(),
        }
    }

    fn stranger(mut self) -> Self {
        self.device = DeviceKeys::make().unwrap();
        self
    }

    fn author(&self) -> Author {
        Author {
            device: self.device.id(),
            incarnation: Incarnation([self.incarnation; 8]),
        }
    }

    /// Signs and seals, without moving on.
    fn forge(&self, payload: &[u8]) -> (ChangeId, Vec<u8>) {
        let epoch = self.keyring.current_epoch(self.log).unwrap();
        let body = seal::pack_body(payload).unwrap();
        let header = Header {
            version: carnet_wire::HEADER_VERSION,
            record: epoch.record,
            compartment: epoch.compartment,
            author: self.author(),
            seq: self.seq,
            prev: self.prev,
            seen: self.seen.clone(),
            frontier: self.frontier(epoch.record),
            lamport: self.lamport,
            kind: self.kind,
            body_hash: *blake3::hash(&body).as_bytes(),
        };
        let signed = seal::sign_header(&self.device, &header);
        let inner = Inner {
            header: signed.header,
            signature: signed.signature,
            body,
        };
        (signed.id, seal::seal(epoch, &self.device, &inner).unwrap())
    }

    fn frontier(&self, record: RecordId) -> Vec<ChangeId> {
        self.keyring
            .roster(record)
            .map(|roster| roster.heads().clone())
            .unwrap_or_default()
    }

    /// Signs, seals and goes on along the chain.
    fn write(&mut self, payload: &[u8]) -> Vec<u8> {
        let (id, bytes) = self.forge(payload);
        (self.seq, self.prev) = (self.seq + 1, id);
        self.lamport += 1;
        bytes
    }
}

fn origin() -> Origin {
    Origin {
        name: "forged".to_owned(),
        format: "fhir-json".to_owned(),
        hash: [0; 32],
    }
}

fn resource(id: u32) -> Change {
    let mut change = ChangeBuilder::from_origin(origin());
    let text = format!(
        r#"{{"resourceType":"Observation","id":"6d1f5a3c-0000-4000-9000-0000000000{id:02}","status":"final","code":{{"text":"x"}}}}"#
    );
    let body = change.body(text.into_bytes()).unwrap();
    change.item(Item::Resource {
        origin: 0,
        issuer: String::new(),
        full_url: None,
        body,
    });
    change.finish(0)
}

fn start() -> (Arc<FakeRelay>, Phone) {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    phone.import(1);
    phone.sync().unwrap();
    (relay, phone)
}

fn held(phone: &Phone) -> Vec<(HeldFor, u64)> {
    phone
        .vault
        .unlocked()
        .unwrap()
        .store
        .read(log::held_counts)
        .unwrap()
}

/// After any attack, an honest author's change still arrives and the views are what the changes say.
fn others_still_merge(relay: &FakeRelay, phone: &Phone) {
    let mut honest = Forger::of(phone, GENERAL);
    honest.incarnation = 77;
    let before = phone.rows();
    relay.push(&honest.write(&resource(77).to_canonical()));
    assert!(phone.sync().unwrap().complete);
    assert_eq!(phone.rows(), before + 1);
    phone.check();
}

#[test]
fn a_change_of_another_life_merges() {
    let (relay, phone) = start();
    others_still_merge(&relay, &phone);
    assert!(held(&phone).is_empty());
}

/// Both headers of the one proof hold for whoever knows the device's public key, and contradict each other.
fn proven_fork(phone: &Phone) -> u64 {
    let open = phone.vault.unlocked().unwrap();
    let [proof] = open.store.read(log::forks).unwrap().try_into().unwrap();
    let headers = [&proof.one, &proof.other].map(|(bytes, signature)| {
        let header = Header::from_bytes(bytes).unwrap();
        let signed = carnet_wire::signed_bytes(bytes);
        seal::verify(header.author.device, &signed, signature).unwrap();
        header
    });
    let at = log::fork_point(&headers[0], &headers[1]).unwrap();
    assert_eq!(at, proof.place.seq);
    at
}

#[test]
fn a_fork_is_proven_told_and_the_chain_stops_there() {
    let (relay, phone) = start();
    let mut forger = Forger::of(&phone, GENERAL);
    relay.push(&forger.write(&resource(2).to_canonical()));
    let (_, other) = forger.forge(&resource(3).to_canonical());
    relay.push(&forger.write(&resource(4).to_canonical()));
    relay.push(&other);
    relay.push(&forger.write(&resource(5).to_canonical()));
    let report = phone.sync().unwrap();
    assert_eq!(report.notices, ["fork"]);
    assert_eq!((held(&phone), phone.rows()), (vec![(HeldFor::Fork, 2)], 3));
    assert_eq!(proven_fork(&phone), 2);
    let [finding] = report.findings.try_into().unwrap();
    assert_eq!(
        (finding.kind, finding.range),
        (FindingKind::Fork, Some((2, 2)))
    );
    assert_eq!(finding.device_name.as_deref(), Some("First"));
    others_still_merge(&relay, &phone);
    // It stays: two signatures stay two signatures.
    assert_eq!(phone.open_findings(), [("fork", 0)]);
    let history = phone.vault.history(None).unwrap();
    let chains = history.logs.iter().flat_map(|log| &log.chains);
    assert_eq!(chains.filter(|chain| chain.forked).count(), 1);
}

#[test]
fn a_wrong_predecessor_is_a_fork() {
    let (relay, phone) = start();
    let mut forger = Forger::of(&phone, GENERAL);
    relay.push(&forger.write(&resource(2).to_canonical()));
    forger.prev = ChangeId([9; 32]);
    relay.push(&forger.write(&resource(3).to_canonical()));
    phone.sync().unwrap();
    assert_eq!((held(&phone), phone.rows()), (vec![(HeldFor::Fork, 1)], 2));
    assert_eq!(proven_fork(&phone), 1);
    others_still_merge(&relay, &phone);
}

#[test]
fn a_member_who_lists_what_never_was_is_named_and_costs_one_reading() {
    let (relay, phone) = start();
    let mut liar = Forger::of(&phone, GENERAL);
    let author = |byte: u8| Author {
        device: carnet_wire::DeviceId([byte; 32]),
        incarnation: Incarnation([byte; 8]),
    };
    liar.seen = vec![Seen {
        author: author(1),
        seq: u64::MAX,
    }];
    relay.push(&liar.write(&resource(2).to_canonical()));
    let [finding] = phone.sync().unwrap().findings.try_into().unwrap();
    assert_eq!(finding.kind, FindingKind::Omission);
    assert_eq!(finding.device_name, None);
    assert_eq!(finding.witness_name.as_deref(), Some("First"));
    assert_eq!(finding.missing, i64::MAX as u64);
    let before = phone.bytes();
    assert_eq!(phone.sync().unwrap().round_trips, 1);
    assert!(before == phone.bytes(), "an idle sync wrote");
    others_still_merge(&relay, &phone);
}

#[test]
fn a_gap_is_held_until_it_closes() {
    let (relay, phone) = start();
    let mut forger = Forger::of(&phone, GENERAL);
    let late = forger.write(&resource(2).to_canonical());
    for id in 3..6 {
        relay.push(&forger.write(&resource(id).to_canonical()));
    }
    assert_eq!(phone.sync().unwrap().notices, ["gap"]);
    assert_eq!((held(&phone), phone.rows()), (vec![(HeldFor::Gap, 3)], 1));
    // A gap that a member made costs one more reading, not one with every sync.
    phone.sync().unwrap();
    let before = phone.bytes();
    assert_eq!(phone.sync().unwrap().round_trips, 1);
    assert!(before == phone.bytes());
    relay.push(&late);
    phone.sync().unwrap();
    assert_eq!((held(&phone), phone.rows()), (vec![], 5));
    others_still_merge(&relay, &phone);
}

#[test]
fn a_sequence_number_of_zero_does_not_open() {
    let (relay, phone) = start();
    let mut forger = Forger::of(&phone, GENERAL);
    forger.seq = 0;
    relay.push(&forger.write(&resource(2).to_canonical()));
    phone.sync().unwrap();
    assert_eq!(held(&phone), [(HeldFor::Unopenable, 1)]);
    others_still_merge(&relay, &phone);
}

#[test]
fn logical_time_cannot_be_pushed_to_its_end() {
    let (relay, phone) = start();
    for (at, lamport) in [(1_u8, 1 << 52), (2, (1 << 52) + 1), (3, u64::MAX)] {
        let mut forger = Forger::of(&phone, GENERAL);
        (forger.incarnation, forger.lamport) = (at, lamport);
        relay.push(&forger.forge(&resource(u32::from(at)).to_canonical()).1);
    }
    phone.sync().unwrap();
    assert_eq!(phone.rows(), 1);
    assert_eq!(held(&phone), [(HeldFor::Gap, 1), (HeldFor::Refused, 2)]);
    // What this phone writes from now on is still accepted by others.
    let general = Forger::of(&phone, GENERAL).log;
    phone.import(9);
    let open = phone.vault.unlocked().unwrap();
    assert!(open.store.read(|conn| log::lamport(conn, general)).unwrap() < 1_000);
    others_still_merge(&relay, &phone);
}

#[test]
fn bodies_that_are_not_changes_are_refused_and_later_ones_wait_for_a_newer_build() {
    let (relay, phone) = start();
    let mut newer = resource(2);
    newer.version = 2;
    let mut zero = resource(2);
    zero.version = 0;
    let mut endless = resource(2);
    endless.items = vec![endless.items[0].clone(); 10_001];
    let payloads = [
        b"junk".to_vec(),
        Vec::new(),
        zero.to_canonical(),
        endless.to_canonical(),
    ];
    for (at, payload) in (1_u8..).zip(&payloads) {
        let mut forger = Forger::of(&phone, GENERAL);
        forger.incarnation = at;
        relay.push(&forger.forge(payload).1);
    }
    let mut forger = Forger::of(&phone, GENERAL);
    relay.push(&forger.write(&newer.to_canonical()));
    let mut forger = Forger::of(&phone, GENERAL);
    (forger.incarnation, forger.kind) = (100, 250);
    relay.push(&forger.write(b"anything"));
    phone.sync().unwrap();
    assert_eq!(held(&phone), [(HeldFor::Unknown, 2), (HeldFor::Refused, 4)]);
    assert_eq!(phone.rows(), 1);
    others_still_merge(&relay, &phone);
}

#[test]
fn an_operation_bomb_and_junk_edits_change_no_view() {
    let (relay, phone) = start();
    let mut forger = Forger::of(&phone, GENERAL);
    let actor = crate::record::patient::derive_actor(&forger.author());
    let mut bomb = AutoCommit::new().with_actor(ActorId::from(actor.0.as_slice()));
    for at in 0..20_000 {
        bomb.put(ROOT, format!("k{at}"), 1_i64).unwrap();
    }
    let bytes = bomb.get_last_local_change().unwrap().raw_bytes().to_vec();
    for body in [bytes, b"junk".to_vec(), Vec::new()] {
        let mut change = ChangeBuilder::from_origin(origin());
        let body = change.body(body).unwrap();
        let shard = ShardId(seal::make_random().unwrap());
        for body in [body, body + 7] {
            change.item(Item::Edit {
                shard,
                category: "laboratory".to_owned(),
                year: 2026,
                body,
            });
        }
        relay.push(&forger.write(&change.finish(0).to_canonical()));
    }
    let before = phone.vault.list(&Filter::default()).unwrap();
    assert_eq!(phone.sync().unwrap().received, 3);
    assert_eq!(phone.vault.list(&Filter::default()).unwrap(), before);
    others_still_merge(&relay, &phone);
}

#[test]
fn a_stranger_is_held_and_nobody_profits_from_a_right_they_did_not_know_of() {
    let (relay, phone) = start();
    let mut stranger = Forger::of(&phone, GENERAL).stranger();
    relay.push(&stranger.write(&resource(2).to_canonical()));
    relay.push(&stranger.write(&resource(3).to_canonical()));
    let report = phone.sync().unwrap();
    assert!(report.notices.contains(&"unauthorised"), "{report:?}");
    assert_eq!((held(&phone).len(), phone.rows()), (2, 1));
    let card = stranger.device.card("Third").unwrap();
    let add = Operations::to_body(&[Operation::AddDevice { device: card }]).unwrap();
    // By the stranger itself: kept, and counts for nothing.
    let mut forged = Forger::of(&phone, DEVICES);
    (forged.kind, forged.device) = (
        kind::OPERATIONS,
        DeviceKeys::from_bytes(&stranger.device.to_bytes()).unwrap(),
    );
    relay.push(&forged.write(&add));
    phone.sync().unwrap();
    assert_eq!((phone.vault.devices().unwrap().len(), phone.rows()), (1, 1));
    let mut honest = Forger::of(&phone, DEVICES);
    honest.kind = kind::OPERATIONS;
    relay.push(&honest.write(&add));
    phone.sync().unwrap();
    assert_eq!((phone.vault.devices().unwrap().len(), phone.rows()), (2, 1));
    assert_eq!(held(&phone).len(), 2);
    // What they write from now on names the change that let them in.
    let mut vouched = Forger::of(&phone, GENERAL);
    (vouched.device, vouched.incarnation) = (stranger.device, 201);
    relay.push(&vouched.write(&resource(4).to_canonical()));
    phone.sync().unwrap();
    assert_eq!((held(&phone).len(), phone.rows()), (2, 2));
    others_still_merge(&relay, &phone);
}

#[test]
fn forged_records_and_epochs_give_no_keys() {
    let (relay, phone) = start();
    let epochs = || {
        phone
            .vault
            .unlocked()
            .unwrap()
            .keyring()
            .unwrap()
            .epochs
            .len()
    };
    let before = epochs();
    let record = RecordId([8; 32]);
    let epoch = Epoch::make(record, CompartmentId::derive(record, ROSTER), Vec::new()).unwrap();
    let mut forger = Forger::of(&phone, KEYRING).stranger();
    forger.kind = kind::OPERATIONS;
    let known = Operation::KnowRecord {
        record,
        roster: epoch.grant(),
    };
    relay.push(&forger.write(&Operations::to_body(&[known]).unwrap()));
    let mut forger = Forger::of(&phone, ROSTER).stranger();
    forger.kind = kind::OPERATIONS;
    let own = phone.vault.persons().unwrap()[0].record;
    let keys = forger.keyring.account_keys().unwrap();
    let members = [(forger.keyring.account, keys.kem_public())];
    let epoch = Epoch::make(own, CompartmentId::derive(own, GENERAL), Vec::new()).unwrap();
    let mint = Operation::mint(&epoch, GENERAL, &members, &[]).unwrap();
    relay.push(&forger.write(&Operations::to_body(&[mint]).unwrap()));
    phone.sync().unwrap();
    assert_eq!(
        (epochs(), phone.vault.persons().unwrap().len()),
        (before, 1)
    );
    others_still_merge(&relay, &phone);
}

#[test]
fn lies_about_documents_do_not_stop_a_sync() {
    let (relay, phone) = start();
    let path = phone.folder.path().join("old.json");
    std::fs::write(&path, r#"{"resourceType":"MedicationOrder","id":"1"}"#).unwrap();
    let record = phone.vault.persons().unwrap()[0].record;
    phone.vault.import(record, &[path], None).unwrap();
    let open = phone.vault.unlocked().unwrap();
    let true_blob = open.store.read(log::named_blobs).unwrap()[0];
    let lies = [
        (BlobId([1; 32]), 0),
        (BlobId([2; 32]), 5),
        (BlobId([3; 32]), 1 << 40),
        (BlobId([4; 32]), i64::MAX as u64),
        (BlobId([5; 32]), u64::MAX),
        (true_blob.blob, true_blob.sealed_size + 3),
        (true_blob.blob, 0),
    ];
    let mut forger = Forger::of(&phone, GENERAL);
    for (at, (blob, sealed_size)) in (1_u8..).zip(lies) {
        let mut change = ChangeBuilder::from_origin(origin());
        change.item(Item::Attachment {
            origin: 0,
            attachment: Attachment {
                id: AttachmentId([at; 16]),
                blob,
                key: [0; 32],
                size: 3,
                sealed_size,
                media_type: "text/plain".to_owned(),
            },
        });
        relay.push(&forger.write(&change.finish(0).to_canonical()));
    }
    for _ in 0..2 {
        let report = phone.sync().unwrap();
        assert!(report.complete, "{report:?}");
        assert!(
            report.notices.iter().any(|word| word.contains("document")),
            "{report:?}"
        );
    }
    let missing = open.store.read(|conn| log::missing_blobs(conn, 1)).unwrap();
    assert!(missing.iter().all(|named| named.blob != true_blob.blob));
}
