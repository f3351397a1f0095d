//! Snapshots between real vaults over a relay in memory.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod elsewhere;
mod losing;
mod stopping;
mod vectors;

use super::super::keyring::{self, GENERAL};
use super::super::sync_tests::{FakeRelay, Phone};
use super::super::*;
use crate::record::ids::ResourceId;
use crate::record::snapshot::Snapshot;
use crate::store::log;
use crate::vault::brake::Brake;
use crate::vault::sync::Exchange;
use carnet_wire::{BlobId, RecordId};
use std::sync::Mutex;

fn same(one: &Phone, other: &Phone) {
    let prints = [one, other].map(|phone| phone.vault.fingerprint().unwrap());
    assert_eq!(prints[0], prints[1], "the two phones differ");
}

fn resource(phone: &Phone) -> ResourceId {
    phone.vault.list(&Filter::default()).unwrap()[0].id
}

fn record(phone: &Phone) -> RecordId {
    phone.vault.persons().unwrap()[0].record
}

fn log_of(phone: &Phone) -> i64 {
    let record = record(phone);
    let open = phone.vault.unlocked().unwrap();
    open.store
        .read(|conn| keyring::log_number(conn, record, GENERAL))
        .unwrap()
}

fn changes(phone: &Phone) -> u64 {
    let log = log_of(phone);
    let open = phone.vault.unlocked().unwrap();
    open.store
        .read(|conn| {
            Ok(
                conn.query_row("SELECT count(*) FROM change WHERE log = ?1", [log], |row| {
                    row.get(0)
                })?,
            )
        })
        .unwrap()
}

fn stored(phone: &Phone) -> Vec<log::StoredSnapshot> {
    let log = log_of(phone);
    let open = phone.vault.unlocked().unwrap();
    open.store.read(|conn| log::snapshots(conn, log)).unwrap()
}

/// Why things are in quarantine.
fn held(phone: &Phone) -> Vec<(log::HeldFor, u64)> {
    let open = phone.vault.unlocked().unwrap();
    let mut counts = open.store.read(log::held_counts).unwrap();
    counts.retain(|(_, count)| *count > 0);
    counts
}

/// Two phones of one person that have exchanged imports, notes and corrections.
fn two() -> (std::sync::Arc<FakeRelay>, Phone, Phone) {
    let relay = FakeRelay::new();
    let first = Phone::found(&relay);
    for id in 1..4 {
        first.import(id);
    }
    first.sync().unwrap();
    let second = first.add(&relay);
    second.sync().unwrap();
    let on = resource(&first);
    for at in 0..20 {
        first.vault.annotate(on, &format!("note {at}")).unwrap();
        second
            .vault
            .correct(on, "value", &format!("{at}.5"))
            .unwrap();
    }
    first.sync().unwrap();
    second.sync().unwrap();
    first.sync().unwrap();
    same(&first, &second);
    (relay, first, second)
}

/// Makes a snapshot on one phone and lets everybody know of it.
fn settle(maker: &Phone, other: &Phone) {
    maker.vault.compact(record(maker), None).unwrap();
    maker.sync().unwrap();
    other.sync().unwrap();
    maker.sync().unwrap();
    other.sync().unwrap();
}

#[test]
fn a_phone_that_joins_after_everything_was_retired_has_the_same_record() {
    let (relay, first, second) = two();
    let before = (changes(&first), relay.served().0);
    settle(&first, &second);
    assert!(
        changes(&first) < 10 && before.0 > 40,
        "nothing was let go of"
    );
    assert!(relay.served().0 < before.1 / 2, "nothing was retired");
    same(&first, &second);
    let third = first.add(&relay);
    third.sync().unwrap();
    same(&first, &third);
    for phone in [&first, &second, &third] {
        phone.check();
    }
    let on = resource(&third);
    third.vault.annotate(on, "from the third").unwrap();
    third.sync().unwrap();
    first.sync().unwrap();
    same(&first, &third);
    first.check();
}

#[test]
fn a_snapshot_is_not_made_twice_for_nothing() {
    let (_relay, first, second) = two();
    settle(&first, &second);
    let again = first.vault.compact(record(&first), None).unwrap();
    // The second phone's acknowledgement is a change: a snapshot of it makes no piece.
    assert_eq!(again.made, 0);
    settle(&first, &second);
    second.check();
}

#[test]
fn unchanged_pieces_are_listed_again() {
    let (_relay, first, second) = two();
    settle(&first, &second);
    let listed = |phone: &Phone| Snapshot::read(&stored(phone).last().unwrap().manifest).unwrap();
    let before = listed(&first);
    first.vault.annotate(resource(&first), "one more").unwrap();
    let report = first.vault.compact(record(&first), None).unwrap();
    assert!(report.reused > 0 && report.made > 0, "{report:?}");
    let after = listed(&first);
    let same = after
        .pieces
        .iter()
        .filter(|piece| before.pieces.iter().any(|old| old.blob == piece.blob));
    assert_eq!(same.count() as u64, report.reused);
}

#[test]
fn a_kill_between_any_two_requests_loses_nothing() {
    let (relay, first, second) = two();
    first.vault.compact(record(&first), None).unwrap();
    // Every request fails once, on either phone.
    for broken in 0..60 {
        let mut left = broken;
        relay.spoil(move |_, outcome| {
            left -= 1;
            match left {
                0.. => outcome,
                _ => Err(crate::host::HostError::Offline),
            }
        });
        let phone = if broken % 2 == 0 { &first } else { &second };
        let _ = phone.sync();
        phone.vault.lock().unwrap();
        phone.vault.unlock().unwrap();
    }
    relay.be_honest();
    settle(&first, &second);
    same(&first, &second);
    let third = second.add(&relay);
    for broken in 0..40 {
        let mut left = broken;
        relay.spoil(move |_, outcome| {
            left -= 1;
            match left {
                0.. => outcome,
                _ => Err(crate::host::HostError::Offline),
            }
        });
        let _ = third.sync();
        third.vault.lock().unwrap();
        third.vault.unlock().unwrap();
    }
    relay.be_honest();
    third.sync().unwrap();
    same(&first, &third);
    third.check();
}

#[test]
fn until_its_pieces_are_here_a_phone_claims_nothing() {
    let (relay, first, second) = two();
    settle(&first, &second);
    relay.spoil(|path, outcome| match path.len() {
        64 => Ok(super::super::sync_tests::refuse(404, 0)),
        _ => outcome,
    });
    let third = first.add(&relay);
    let report = third.sync().unwrap();
    assert!(
        !report.notices.is_empty(),
        "the missing pieces are not told"
    );
    let log = log_of(&third);
    let open = third.vault.unlocked().unwrap();
    let seen = open
        .store
        .read(|conn| log::version_vector(conn, log, None))
        .unwrap();
    assert_eq!(seen, Vec::new());
    relay.be_honest();
    third.sync().unwrap();
    same(&first, &third);
    third.check();
}

#[test]
fn a_phone_that_was_away_for_years_loses_nothing() {
    let (relay, first, second) = two();
    let on = resource(&second);
    for at in 0..15 {
        second.vault.annotate(on, &format!("offline {at}")).unwrap();
    }
    second.import(7);
    // Meanwhile the first phone snapshots, and lets go after thirty days without an answer.
    let third = first.add(&relay);
    third.sync().unwrap();
    for round in 0..3 {
        for at in 0..10 {
            first.vault.annotate(on, &format!("{round} {at}")).unwrap();
        }
        settle(&first, &third);
    }
    second.sync().unwrap();
    second.sync().unwrap();
    first.sync().unwrap();
    third.sync().unwrap();
    same(&first, &second);
    same(&first, &third);
    for phone in [&first, &second, &third] {
        phone.check();
        assert_eq!(held(phone), []);
    }
    assert_eq!(first.vault.detail(on).unwrap().notes.len(), 20 + 15 + 30);
}

#[test]
fn snapshots_made_at_the_same_time_by_two_phones() {
    let (relay, first, second) = two();
    let on = resource(&first);
    first.vault.annotate(on, "only the first").unwrap();
    second.vault.annotate(on, "only the second").unwrap();
    first.vault.compact(record(&first), None).unwrap();
    second.vault.compact(record(&second), None).unwrap();
    for _ in 0..3 {
        first.sync().unwrap();
        second.sync().unwrap();
    }
    same(&first, &second);
    let third = first.add(&relay);
    third.sync().unwrap();
    third.sync().unwrap();
    same(&first, &third);
    for phone in [&first, &second, &third] {
        phone.check();
        assert_eq!(held(phone), []);
    }
}

#[test]
fn what_the_maker_lacks_is_not_retired() {
    let (relay, first, second) = two();
    let on = resource(&first);
    second.vault.annotate(on, "not known to the maker").unwrap();
    second.sync().unwrap();
    // The manifest was made before the first phone heard of it.
    first.vault.compact(record(&first), None).unwrap();
    settle(&first, &second);
    let third = first.add(&relay);
    third.sync().unwrap();
    same(&first, &third);
    assert_eq!(third.vault.detail(on).unwrap().notes.len(), 21);
}

/// What a maker could say that is not so, and the reason it is held for by a device that has everything.
type Lie = (&'static str, log::HeldFor, fn(&mut Snapshot));

#[test]
fn a_snapshot_that_lies_is_held_and_told() {
    use crate::store::log::HeldFor::{Fork, Refused};
    let lies: [Lie; 6] = [
        ("another tip", Fork, |s| s.covers[0].tip.0[0] ^= 1),
        ("a change in no piece", Refused, |s| {
            s.pieces.iter_mut().for_each(|piece| piece.holds.clear());
        }),
        ("a document left out", Refused, |s| drop(s.shards.pop())),
        ("heads nobody has", Refused, |s| {
            s.shards[0].heads = vec![[1; 32].into()]
        }),
        ("a later time than its own", Refused, |s| {
            s.lamport = 1 << 40
        }),
        ("a malformed list", Refused, |s| s.version = 0),
    ];
    let (relay, first, second) = two();
    for (at, (what, reason, lie)) in (1_u8..).zip(lies) {
        first.vault.compact(record(&first), None).unwrap();
        let mut snapshot = Snapshot::read(&stored(&first).last().unwrap().manifest).unwrap();
        lie(&mut snapshot);
        // Signed by an owner's device in another life, so that its chain begins with the lie.
        relay.push(&forged(&first, &snapshot, at));
        let report = second.sync().unwrap();
        assert!(
            report.notices.contains(&reason.word()),
            "{what}: {report:?}"
        );
        assert_eq!(
            held(&second).iter().map(|(_, n)| n).sum::<u64>(),
            u64::from(at),
            "{what}"
        );
        assert_eq!(stored(&second).len(), 0, "{what}");
        second.check();
    }
    same(&first, &second);
}

#[test]
fn what_was_left_out_of_a_piece_is_noticed_by_the_phone_that_loads_it() {
    let (relay, first, second) = two();
    settle(&first, &second);
    // The relay gives another piece of the same length, a cut one, and none.
    for broken in 0..3 {
        relay.spoil(move |path, outcome| {
            let mut response = outcome?;
            if path.len() == 64 && response.status == 200 && !response.body.is_empty() {
                match broken {
                    0 => response.body[40] ^= 1,
                    1 => drop(response.body.pop()),
                    _ => response.body.clear(),
                }
            }
            Ok(response)
        });
        let third = first.add(&relay);
        let report = third.sync().unwrap();
        assert!(!report.notices.is_empty());
        assert_eq!(third.rows(), 0);
        third.check();
        relay.be_honest();
        third.sync().unwrap();
        same(&first, &third);
        third.check();
    }
}

#[test]
fn what_helps_in_an_emergency_comes_first() {
    let (relay, first, second) = two();
    let path = first.folder.path().join("all.ndjson");
    let mut lines = String::new();
    for at in 0..40 {
        lines += &format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"6d1f5a3c-0000-4000-9000-0000000001{at:02}\",\
             \"status\":\"final\",\"code\":{{\"text\":\"pouls\"}}}}\n"
        );
    }
    lines += "{\"resourceType\":\"AllergyIntolerance\",\"id\":\"6d1f5a3c-0000-4000-9000-000000000999\",\
              \"code\":{\"text\":\"arachide\"},\"patient\":{\"reference\":\"Patient/1\"}}\n";
    std::fs::write(&path, lines).unwrap();
    first.vault.import(record(&first), &[path], None).unwrap();
    settle(&first, &second);
    // Only the first piece that is asked for comes.
    let asked = Mutex::new(None);
    relay.spoil(move |path, outcome| {
        let mut asked = asked.lock().unwrap();
        if path.len() == 64 && *asked.get_or_insert_with(|| path.to_owned()) != path {
            return Ok(super::super::sync_tests::refuse(404, 0));
        }
        outcome
    });
    let third = first.add(&relay);
    third.sync().unwrap();
    let rows = third.vault.list(&Filter::default()).unwrap();
    let kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["AllergyIntolerance"]);
    assert_eq!(
        third
            .vault
            .search("arachide", &Filter::default())
            .unwrap()
            .len(),
        1
    );
    third.check();
    relay.be_honest();
    third.sync().unwrap();
    same(&first, &third);
    third.check();
}

#[test]
fn every_change_that_stays_can_be_sent_on() {
    let (relay, first, second) = two();
    settle(&first, &second);
    let third = first.add(&relay);
    third.sync().unwrap();
    let open = third.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let log = log_of(&third);
    let sent = open
        .store
        .read(|conn| {
            let mut sent = 0;
            for kept in log::kept_changes(conn, log)? {
                super::super::reseal::reseal(conn, &keyring, kept.change)?;
                sent += 1;
            }
            Ok(sent)
        })
        .unwrap();
    assert_eq!(sent, 3, "the three imports");
}

#[test]
fn without_an_answer_nothing_goes_for_thirty_days() {
    let (relay, first, _second) = two();
    first.vault.compact(record(&first), None).unwrap();
    first.sync().unwrap();
    let (before, here) = (relay.served().0, changes(&first));
    let later = |days: i64| {
        let open = first.vault.unlocked().unwrap();
        let noticed = stored(&first)[0].noticed;
        let now = noticed + days * 24 * 3_600 * 1_000;
        let transport = &*first.vault.host.transport;
        let mut exchange = Exchange::new(&open, transport, "https://relay.test").unwrap();
        exchange.now = now;
        exchange.run(&Brake::new(None, None)).unwrap();
    };
    later(29);
    assert_eq!((relay.served().0, changes(&first)), (before, here));
    later(31);
    later(31);
    assert!(relay.served().0 < before && changes(&first) < here);
    first.check();
    let third = first.add(&relay);
    third.sync().unwrap();
    same(&first, &third);
}

#[test]
fn a_strangers_snapshot_is_not_loaded() {
    let (relay, first, second) = two();
    first.vault.compact(record(&first), None).unwrap();
    let snapshot = Snapshot::read(&stored(&first).last().unwrap().manifest).unwrap();
    let stranger = DeviceKeys::make().unwrap();
    relay.push(&forged_by(&first, &snapshot, 9, &stranger));
    second.sync().unwrap();
    assert_eq!(held(&second), [(log::HeldFor::Unauthorised, 1)]);
    assert_eq!(stored(&second).len(), 0);
}

fn forged(phone: &Phone, snapshot: &Snapshot, life: u8) -> Vec<u8> {
    let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
    let device = DeviceKeys::from_bytes(&keyring.device.to_bytes()).unwrap();
    forged_by(phone, snapshot, life, &device)
}

fn forged_by(phone: &Phone, snapshot: &Snapshot, life: u8, device: &DeviceKeys) -> Vec<u8> {
    use carnet_wire::{Author, Canonical, ChangeId, Header, Incarnation, Inner, kind};
    let open = phone.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let log = log_of(phone);
    let epoch = keyring.current_epoch(log).unwrap();
    let body = crate::seal::pack_body(&snapshot.to_canonical()).unwrap();
    let header = Header {
        version: carnet_wire::HEADER_VERSION,
        record: epoch.record,
        compartment: epoch.compartment,
        author: Author {
            device: device.id(),
            incarnation: Incarnation([life; 8]),
        },
        seq: 1,
        prev: ChangeId([0; 32]),
        seen: Vec::new(),
        frontier: keyring.frontier(epoch.record),
        lamport: 1_000,
        kind: kind::SNAPSHOT,
        body_hash: *blake3::hash(&body).as_bytes(),
    };
    let signed = crate::seal::sign_header(device, &header);
    let inner = Inner {
        header: signed.header,
        signature: signed.signature,
        body,
    };
    crate::seal::seal(epoch, device, &inner).unwrap()
}

/// `cargo test -p carnet --lib vault::snapshot -- --ignored --nocapture bootstrap`
#[test]
#[ignore = "a measurement: prints bytes of a bootstrap beside zstd-3 of the plain lines"]
fn bootstrap_bytes_beside_plain_ndjson() {
    use crate::record::ids::EntryId;
    use crate::record::patient::{Edit, Shard};
    use crate::record::snapshot::{Piece, SavedShard};
    use carnet_wire::{Author, DeviceId, Incarnation};
    const WORDS: [&str; 16] = [
        "depuis", "hier", "douleur", "fièvre", "matin", "soir", "dose", "oubliée", "mieux", "pire",
        "tension", "mesurée", "après", "repas", "médecin", "vu",
    ];
    let author = Author {
        device: DeviceId([1; 32]),
        incarnation: Incarnation([1; 8]),
    };
    let mut number = 0x1234_5678_9abc_def0_u64;
    let mut random = move || {
        number ^= number << 13;
        number ^= number >> 7;
        number ^= number << 17;
        number
    };
    let total: usize = std::env::var("ENTRIES").map_or(100_000, |text| text.parse().unwrap());
    let (mut plain, mut sealed, mut at) = (String::new(), 0_u64, 0_i64);
    for _ in 0..total.div_ceil(2_000) {
        let mut shard = Shard::empty(&author);
        for _ in 0..40 {
            let edits: Vec<Edit> = (0..50)
                .map(|_| {
                    at += 60_000;
                    let id = EntryId(
                        ((u128::from(random()) << 64) | u128::from(random())).to_be_bytes(),
                    );
                    let on = ResourceId(
                        ((u128::from(random()) << 64) | u128::from(random())).to_be_bytes(),
                    );
                    let words = 4 + random() % 8;
                    let text: Vec<&str> = (0..words)
                        .map(|_| WORDS[(random() % 16) as usize])
                        .collect();
                    let text = text.join(" ");
                    plain += &format!(
                        "{{\"id\":\"{id}\",\"on\":\"{on}\",\"text\":\"{text}\",\"at\":{at}}}\n"
                    );
                    Edit::Annotate { id, on, text }
                })
                .collect();
            shard.edit(&edits, at).unwrap();
        }
        let piece = Piece {
            shards: vec![SavedShard {
                shard: crate::record::ids::ShardId([1; 16]),
                category: "laboratory".to_owned(),
                year: 2026,
                saved: shard.save().into(),
            }],
            ..Piece::default()
        };
        let document = crate::seal::pack_body(&piece.write().unwrap()).unwrap();
        let mut out = Vec::new();
        let one =
            crate::seal::seal_attachment(&[7; 32], &mut document.as_slice(), &mut out).unwrap();
        sealed += one.sealed_size;
    }
    let reference = zstd::bulk::compress(plain.as_bytes(), 3).unwrap().len() as u64;
    println!(
        "{total} notes: sealed pieces {sealed} B, zstd-3 of NDJSON {reference} B, ratio {:.3}",
        sealed as f64 / reference as f64
    );
    assert!(sealed as f64 <= 1.15 * reference as f64);
}

#[test]
fn a_piece_is_listed_again_with_all_it_holds() {
    let phone = Phone::found(&FakeRelay::new());
    for id in 1..4 {
        phone.import(id);
    }
    let holds = || -> std::collections::BTreeMap<BlobId, u64> {
        let newest = stored(&phone).pop().unwrap();
        let snapshot = Snapshot::read(&newest.manifest).unwrap();
        let sizes = snapshot.pieces.iter().map(|piece| {
            let runs = piece.holds.iter().map(|run| run.last - run.first + 1);
            (piece.blob, runs.sum())
        });
        sizes.filter(|(_, count)| *count > 0).collect()
    };
    phone.vault.compact(record(&phone), None).unwrap();
    phone.sync().unwrap();
    let before = holds();
    assert_eq!(before.values().sum::<u64>(), 3, "three imports");
    // Another's snapshot says that one of these changes lies in a piece of theirs.
    let open = phone.vault.unlocked().unwrap();
    open.write(|tx| {
        let author = open.keyring_in(tx)?.author;
        log::set_piece(tx, log_of(&phone), &author, (2, 2), BlobId([9; 32]))
    })
    .unwrap();
    phone.import(5);
    phone.vault.compact(record(&phone), None).unwrap();
    let after = holds();
    for (blob, count) in before {
        assert!(
            after.get(&blob).is_none_or(|now| *now == count),
            "holds more than its list says"
        );
    }
    assert!(after.values().sum::<u64>() >= 4);
}
