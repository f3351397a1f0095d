//! Two vaults and a wire between them that a test holds in its hands.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::super::Vault;
use super::super::keyring::{self, GENERAL};
use super::super::rotation;
use super::super::sync_tests::{FakeRelay, Phone};
use super::*;
use crate::error::VaultError;
use crate::roster::ROSTER;
use crate::seal::Epoch;
use carnet_wire::stream::{Part, Tip, Want};
use carnet_wire::{BlobId, Canonical, ChangeId, kind};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

type Wire<'a> = &'a mut dyn FnMut(Role, &mut Vec<u8>);

/// Carries bytes both ways until nothing moves; what `wire` leaves of them arrives.
fn carry(a: &mut Meeting, b: &mut Meeting, wire: Wire<'_>) -> VaultResult<()> {
    loop {
        let mut moved = false;
        for from in [Role::Initiator, Role::Responder] {
            let (speaks, hears) = match from {
                Role::Initiator => (&mut *a, &mut *b),
                Role::Responder => (&mut *b, &mut *a),
            };
            let mut bytes = speaks.output();
            wire(from, &mut bytes);
            moved |= !bytes.is_empty();
            hears.input(&bytes)?;
        }
        if !moved {
            return Ok(());
        }
    }
}

fn meetings(a: &Vault, b: &Vault) -> (Meeting, Meeting) {
    (
        a.meet(Role::Initiator).unwrap(),
        b.meet(Role::Responder).unwrap(),
    )
}

fn meet(a: &Phone, b: &Phone) -> (SyncReport, SyncReport) {
    let (mut one, mut two) = meetings(&a.vault, &b.vault);
    carry(&mut one, &mut two, &mut |_, _| ()).unwrap();
    assert!(one.is_over() && two.is_over());
    let (one, two) = (one.report().unwrap(), two.report().unwrap());
    assert!(one.complete && two.complete);
    (one, two)
}

fn same(phones: &[&Phone]) {
    let first = phones[0].vault.fingerprint().unwrap();
    for phone in phones {
        assert_eq!(phone.vault.fingerprint().unwrap(), first);
        phone.check();
    }
}

/// Phones of one person that hold the same.
fn family() -> (std::sync::Arc<FakeRelay>, Phone, Phone) {
    let relay = FakeRelay::new();
    let old = Phone::found(&relay);
    let new = old.add(&relay);
    for phone in [&new, &old, &new] {
        phone.sync().unwrap();
    }
    (relay, old, new)
}

#[test]
fn two_phones_converge_and_then_there_is_little_to_say() {
    let (_, a, b) = family();
    a.import(1);
    b.import(2);
    b.import(3);
    let (one, two) = meet(&a, &b);
    assert_eq!((one.sent, one.received), (1, 2));
    assert_eq!((two.sent, two.received), (2, 1));
    same(&[&a, &b]);
    assert_eq!(a.rows(), 3);
    let before = a.bytes();
    let (one, two) = meet(&a, &b);
    assert_eq!((one.received, two.received, one.sent), (0, 0, 0));
    let both = one.bytes_sent + one.bytes_received;
    assert!(both <= 1_000, "nothing to do cost {both} bytes");
    assert!(before == a.bytes(), "nothing to do wrote");
    // What a peer brought is still to be given to the relay by its author alone, and harms nothing there.
    for phone in [&a, &b, &a] {
        phone.sync().unwrap();
    }
    same(&[&a, &b]);
}

#[test]
fn what_one_phone_has_reaches_a_third_through_the_second() {
    let (relay, a, b) = family();
    let c = a.add(&relay);
    for phone in [&c, &a, &b, &c] {
        phone.sync().unwrap();
    }
    a.import(1);
    let row = a.vault.list(&super::super::Filter::default()).unwrap()[0].id;
    a.vault.annotate(row, "from a").unwrap();
    c.import(4);
    meet(&a, &b);
    let (_, at_c) = meet(&b, &c);
    assert_eq!(at_c.received, 2);
    assert_eq!(a.rows(), 1);
    meet(&a, &b);
    same(&[&a, &b, &c]);
}

/// Three phones of one person that hold the same.
fn three() -> (Phone, Phone, Phone) {
    let (relay, a, b) = family();
    let c = a.add(&relay);
    for phone in [&c, &a, &b, &c] {
        phone.sync().unwrap();
    }
    (a, b, c)
}

/// Changes the keys of a record, as every 90 days; returns the number of its roster's log.
pub fn renew_keys(phone: &Phone) -> i64 {
    let open = phone.vault.unlocked().unwrap();
    let record = phone.vault.persons().unwrap()[0].record;
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        rotation::mint(tx, &keyring, record, &[ROSTER, GENERAL])?;
        keyring::log_number(tx, record, ROSTER)
    })
    .unwrap()
}

#[test]
fn keys_that_were_changed_reach_a_third_phone_through_the_second() {
    let (a, b, c) = three();
    renew_keys(&a);
    a.import(1);
    meet(&a, &b);
    // c holds the keys before these two.
    renew_keys(&b);
    b.import(2);
    c.import(3);
    meet(&b, &c);
    meet(&a, &b);
    same(&[&a, &b, &c]);
    assert_eq!(a.rows(), 3);
}

#[test]
fn keys_changed_by_two_at_once_are_one_again_when_they_meet() {
    let (a, b, c) = three();
    renew_keys(&a);
    renew_keys(&b);
    a.import(1);
    b.import(2);
    meet(&a, &b);
    meet(&b, &c);
    meet(&a, &b);
    same(&[&a, &b, &c]);
    assert_eq!(c.rows(), 2);
}

#[test]
fn under_an_ended_epoch_of_a_roster_nothing_goes_whose_author_knew_of_the_next() {
    let (a, b, c) = three();
    let roster = |phone: &Phone| {
        let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
        let mut logs = keyring.logs_of(phone.vault.persons().unwrap()[0].record);
        logs.find(|(_, name)| *name == ROSTER).unwrap().0
    };
    let old = b.vault.unlocked().unwrap().keyring().unwrap();
    let old = old.current_epoch(roster(&b)).unwrap().clone();
    renew_keys(&a);
    renew_keys(&a);
    meet(&a, &c);
    // b shows the first keys: to a, and to c which only passes on, it may be somebody who was removed.
    for (holder, by_another) in [(&a, false), (&c, true)] {
        let (mut member, mut meeting) = with_member(&b, holder);
        let answer = member.say(&Turn::default(), &mut meeting).unwrap();
        let opened: Vec<_> = answer
            .envelopes
            .iter()
            .map(|bytes| Envelope::from_bytes(bytes).unwrap())
            .filter(|envelope| envelope.mailbox == old.mailbox)
            .map(|envelope| seal::open(&old, &envelope).unwrap().header)
            .collect();
        let author = a.vault.unlocked().unwrap().keyring().unwrap().author;
        let own = opened.iter().filter(|header| header.author == author);
        let last = own.map(|header| header.seq).max().unwrap();
        let log = roster(holder);
        let (tip, _) = holder
            .vault
            .unlocked()
            .unwrap()
            .store
            .read(|conn| log::position(conn, log, &author))
            .unwrap();
        assert_eq!(
            last,
            tip - 1,
            "the first minting, not the second; passed on by another: {by_another}"
        );
    }
}

#[test]
fn a_phone_that_was_away_for_long_loses_nothing() {
    let (_, a, b) = family();
    a.import(1);
    b.import(2);
    for (phone, from) in [(&a, 'a'), (&b, 'k')] {
        let id = phone.vault.list(&super::super::Filter::default()).unwrap()[0].id;
        for at in 0..150_u32 {
            // Hexadecimal noise: what compresses well would fit into one turn.
            let mut noise = vec![0; 2_000];
            let seed = format!("{from} {at}");
            let mut hash = blake3::Hasher::new();
            hash.update(seed.as_bytes()).finalize_xof().fill(&mut noise);
            let text: String = noise.iter().map(|byte| format!("{byte:02x}")).collect();
            phone.vault.annotate(id, &format!("{at} {text}")).unwrap();
        }
    }
    let (one, two) = meet(&a, &b);
    assert_eq!((one.sent, one.received), (151, 151));
    // The summary, two turns that carry changes and one that ends it.
    assert!(two.bytes_sent > TURN_BYTES as u64 && two.round_trips >= 4);
    same(&[&a, &b]);
}

#[test]
fn a_record_founded_meanwhile_follows_in_a_further_round() {
    let (_, a, b) = family();
    let lou = a.vault.add_person("Lou", Some("2019")).unwrap();
    let path = a.folder.path().join("lou.json");
    std::fs::write(&path, super::super::tests::GLUCOSE).unwrap();
    a.vault.import(lou.record, &[path], None).unwrap();
    // Whoever of the two opens the stream.
    let (one, two) = meet(&b, &a);
    assert_eq!((one.received, two.sent), (two.sent, one.received));
    assert_eq!(b.vault.persons().unwrap().len(), 2);
    same(&[&a, &b]);
    let (again, _) = meet(&a, &b);
    assert!(again.bytes_sent + again.bytes_received <= 1_000);
}

#[test]
fn strangers_get_nothing_and_write_nothing() {
    let relay = FakeRelay::new();
    let (mine, theirs) = (Phone::found(&relay), Phone::found(&relay));
    mine.import(1);
    theirs.import(2);
    let before = (mine.bytes(), theirs.bytes());
    let (mut one, mut two) = meetings(&mine.vault, &theirs.vault);
    let mut said = Vec::new();
    let refused = carry(&mut one, &mut two, &mut |_, bytes| {
        said.extend_from_slice(bytes)
    });
    assert!(matches!(refused, Err(VaultError::NotFound(_))));
    assert!(before == (mine.bytes(), theirs.bytes()));
    assert!(said.len() < 600, "{}", said.len());
    let keyring = mine.vault.unlocked().unwrap().keyring().unwrap();
    let device = keyring.author.device.0;
    let secrets = keyring.mailboxes().into_iter().map(|mailbox| mailbox.0);
    for secret in secrets.chain([device]) {
        assert!(!said.windows(8).any(|window| window == &secret[..8]));
    }
}

/// Everything two phones with something to say each send, byte by byte.
fn transcript(a: &Phone, b: &Phone) -> usize {
    let (mut one, mut two) = meetings(&a.vault, &b.vault);
    let mut total = 0;
    let mut stop = |_: Role, bytes: &mut Vec<u8>| {
        total += bytes.len();
        // Never the end: both phones stay as they were.
        if total > 2_500 {
            bytes.clear();
        }
    };
    let _ = carry(&mut one, &mut two, &mut stop);
    total
}

#[test]
fn a_stream_cut_anywhere_leaves_both_sound_and_the_next_one_ends_it() {
    let (_, a, b) = family();
    a.import(1);
    b.import(2);
    let total = transcript(&a, &b);
    assert!(total > 2_000, "{total}");
    for cut in (0..6_000).step_by(37) {
        let (mut one, mut two) = meetings(&a.vault, &b.vault);
        let mut left = cut;
        let _ = carry(&mut one, &mut two, &mut |_, bytes| {
            bytes.truncate(left);
            left -= bytes.len();
        });
        for meeting in [&one, &two] {
            let report = meeting.report().unwrap();
            assert_eq!(report.complete, meeting.is_over());
            assert_eq!(report.quarantined, 0);
        }
    }
    meet(&a, &b);
    same(&[&a, &b]);
    assert_eq!(a.rows(), 2);
}

#[test]
fn a_flipped_bit_anywhere_merges_nothing_wrong() {
    let (_, a, b) = family();
    a.import(1);
    b.import(2);
    for at in (0..5_000).step_by(61) {
        let (mut one, mut two) = meetings(&a.vault, &b.vault);
        let mut left = at;
        let _ = carry(&mut one, &mut two, &mut |_, bytes| {
            if left < bytes.len() {
                bytes[left] ^= 1 << (at % 8);
            }
            left = left.checked_sub(bytes.len()).unwrap_or(usize::MAX);
        });
        for phone in [&a, &b] {
            assert_eq!(phone.vault.stats(None).unwrap().quarantined, 0, "byte {at}");
            assert!(phone.rows() <= 2);
        }
    }
    meet(&a, &b);
    same(&[&a, &b]);
}

#[test]
fn a_recorded_meeting_played_again_is_no_meeting() {
    let (_, a, b) = family();
    a.import(1);
    let mut recorded = Vec::new();
    let (mut one, mut two) = meetings(&a.vault, &b.vault);
    carry(&mut one, &mut two, &mut |from, bytes| {
        if from == Role::Initiator {
            recorded.extend_from_slice(bytes);
        }
    })
    .unwrap();
    let mut again = b.vault.meet(Role::Responder).unwrap();
    assert!(matches!(
        again.input(&recorded),
        Err(VaultError::NotFound(_))
    ));
    // And its own words sent back to it.
    let mut mirror = a.vault.meet(Role::Initiator).unwrap();
    let mut outcome = Ok(());
    for _ in 0..4 {
        let bytes = mirror.output();
        outcome = outcome.and_then(|()| mirror.input(&bytes));
    }
    assert!(outcome.is_err() || !mirror.is_over());
}

/// A member that says on the channel whatever a test wants.
struct Member {
    stream: Stream,
    logs: Vec<MailboxId>,
    keys: Vec<StreamKey>,
}

impl Member {
    fn of(phone: &Phone) -> Self {
        let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
        let (keys, _) = stream_keys(&keyring).unwrap();
        Self {
            stream: Stream::begin(Role::Initiator, keys.clone()).unwrap(),
            logs: Vec::new(),
            keys,
        }
    }

    /// Opens the channel and sends a summary that makes the other side go on.
    fn open(&mut self, other: &mut Meeting) {
        for _ in 0..2 {
            self.pass(other).unwrap();
        }
        let summary = Summary {
            digest: [9; 32],
            wants: true,
        };
        self.stream.send(&summary.to_canonical()).unwrap();
        assert_eq!(self.pass(other).unwrap().len(), 1);
    }

    fn pass(&mut self, other: &mut Meeting) -> VaultResult<Vec<Vec<u8>>> {
        other.input(&self.stream.take_output())?;
        self.stream.feed(&other.output());
        let mut heard = Vec::new();
        while let Some(event) = self.stream.next_event().unwrap() {
            match event {
                Event::Common(common) => {
                    self.logs = common.iter().map(|at| self.keys[*at].mailbox).collect();
                }
                Event::Message(bytes) => heard.push(bytes),
            }
        }
        Ok(heard)
    }

    fn say(&mut self, turn: &Turn, other: &mut Meeting) -> VaultResult<Turn> {
        self.stream.send(&turn.to_canonical()).unwrap();
        let heard = self.pass(other)?;
        Ok(Turn::from_canonical(&heard[0]).unwrap())
    }
}

fn with_member(phone: &Phone, other: &Phone) -> (Member, Meeting) {
    let mut member = Member::of(phone);
    let mut meeting = other.vault.meet(Role::Responder).unwrap();
    member.open(&mut meeting);
    (member, meeting)
}

#[test]
fn a_member_who_breaks_the_rules_is_shown_the_door() {
    let (_, a, b) = family();
    a.import(1);
    let open = a.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let record = keyring.account_record();
    let stranger = Epoch::make(record, carnet_wire::CompartmentId([3; 16]), Vec::new()).unwrap();
    let header = carnet_wire::Header {
        version: carnet_wire::HEADER_VERSION,
        record,
        compartment: stranger.compartment,
        author: keyring.author,
        seq: 1,
        prev: ChangeId([0; 32]),
        seen: Vec::new(),
        frontier: Vec::new(),
        lamport: 1,
        kind: kind::CHANGE,
        body_hash: [0; 32],
    };
    let foreign = carnet_wire::Inner {
        header: header.to_canonical(),
        signature: [0; 64],
        body: vec![0],
    };
    let foreign = seal::seal(&stranger, &keyring.device, &foreign).unwrap();
    let vector = |compartment| Vector {
        compartment,
        tips: Vec::new(),
    };
    let part = Part {
        blob: BlobId([1; 32]),
        offset: 0,
        length: 9,
        bytes: vec![1],
    };
    let wrong: Vec<Turn> = vec![
        Turn {
            vectors: vec![vector(99)],
            ..Turn::default()
        },
        Turn {
            vectors: vec![vector(1), vector(0)],
            ..Turn::default()
        },
        Turn {
            envelopes: vec![foreign.into()],
            ..Turn::default()
        },
        Turn {
            envelopes: vec![b"noise".to_vec().into()],
            ..Turn::default()
        },
        Turn {
            parts: vec![part],
            ..Turn::default()
        },
    ];
    let before = b.bytes();
    for turn in wrong {
        let (mut member, mut meeting) = with_member(&a, &b);
        assert!(matches!(
            member.say(&turn, &mut meeting),
            Err(VaultError::InvalidInput(_))
        ));
    }
    let (mut member, mut meeting) = with_member(&a, &b);
    let talk = Turn {
        wants: vec![Want {
            blob: BlobId([7; 32]),
            offset: 0,
        }],
        ..Turn::default()
    };
    let mut outcome = Ok(Turn::default());
    for _ in 0..100 {
        outcome = member.say(&talk, &mut meeting);
        match &outcome {
            Ok(turn) => assert_eq!(turn.parts[0].length, 0, "a document nobody named"),
            Err(_) => break,
        }
    }
    assert!(outcome.is_err(), "it went on for ever");
    let mut meeting = b.vault.meet(Role::Responder).unwrap();
    let mut member = Member::of(&a);
    for _ in 0..2 {
        member.pass(&mut meeting).unwrap();
    }
    member.stream.send(b"not a summary").unwrap();
    assert!(member.pass(&mut meeting).is_err());
    assert!(before == b.bytes(), "a refused turn wrote");
}

#[test]
fn another_change_at_the_same_place_is_reported_and_its_proof_is_sent() {
    let (_, a, b) = family();
    b.import(1);
    let (mut member, mut meeting) = with_member(&a, &b);
    let open = b.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let record = b.vault.persons().unwrap()[0].record;
    let (log, tips) = open
        .store
        .read(|conn| {
            let log = keyring::log_number(conn, record, GENERAL)?;
            Ok((log, log::tips(conn, log)?))
        })
        .unwrap();
    let mailbox = keyring.current_epoch(log).unwrap().mailbox;
    let at = member.logs.iter().position(|at| *at == mailbox).unwrap();
    let forged = tips.iter().map(|tip| Tip {
        id: ChangeId([9; 32]),
        ..*tip
    });
    let turn = Turn {
        vectors: vec![Vector {
            compartment: at as u32,
            tips: forged.collect(),
        }],
        ..Turn::default()
    };
    let answer = member.say(&turn, &mut meeting).unwrap();
    assert_eq!(answer.envelopes.len(), tips.len());
    let epoch = keyring.epoch_of(mailbox).unwrap().1;
    for bytes in &answer.envelopes {
        let opened = seal::open(epoch, &Envelope::from_bytes(bytes).unwrap()).unwrap();
        assert!(tips.iter().any(|tip| tip.id == opened.id));
    }
    assert!(meeting.report().unwrap().notices.contains(&"fork"));
}

#[test]
fn under_an_ended_epoch_nothing_is_told_and_only_what_was_sealed_for_it_goes() {
    let (_, a, b) = family();
    a.import(1);
    let open = a.vault.unlocked().unwrap();
    let record = a.vault.persons().unwrap()[0].record;
    let (log, old) = open
        .store
        .read(|conn| {
            let log = keyring::log_number(conn, record, GENERAL)?;
            Ok((log, open.keyring_in(conn)?.current_epoch(log)?.clone()))
        })
        .unwrap();
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        rotation::mint(tx, &keyring, record, &[GENERAL])
    })
    .unwrap();
    a.import(2);
    let keyring = open.keyring().unwrap();
    let next = keyring.current_epoch(log).unwrap();
    assert_eq!(next.parents, [old.id]);
    // b never learns of the new epoch: to a, it may be somebody who was removed.
    let (mut member, mut meeting) = with_member(&b, &a);
    let at = member
        .logs
        .iter()
        .position(|at| *at == old.mailbox)
        .unwrap();
    let answer = member.say(&Turn::default(), &mut meeting).unwrap();
    assert!(answer.vectors.iter().all(|v| v.compartment as usize != at));
    let of_log: Vec<_> = answer
        .envelopes
        .iter()
        .map(|bytes| Envelope::from_bytes(bytes).unwrap())
        .filter(|envelope| envelope.mailbox == old.mailbox || envelope.mailbox == next.mailbox)
        .collect();
    // The profile and the first import, as they lie at relays; not the second import.
    assert_eq!(of_log.len(), 2);
    assert!(
        of_log
            .iter()
            .all(|envelope| envelope.mailbox == old.mailbox)
    );
    assert!(!answer.again, "its tag was among those shown");
}

#[test]
fn documents_come_in_parts_and_only_as_they_are() {
    let (_, a, b) = family();
    let path = a.folder.path().join("old.json");
    let noise: String = (0..700_000_u64)
        .map(|at| char::from(b'a' + (at * at % 8_191 % 26) as u8))
        .collect();
    let document =
        r#"{"resourceType":"MedicationOrder","id":"m","status":"active","note":"NOISE"}"#;
    std::fs::write(&path, document.replace("NOISE", &noise)).unwrap();
    let record = a.vault.persons().unwrap()[0].record;
    a.vault.import(record, &[path], None).unwrap();
    let held = |phone: &Phone| {
        let open = phone.vault.unlocked().unwrap();
        open.store.attachments().list().unwrap()
    };
    assert_eq!(held(&a).len(), 1);
    // Cut in the middle of the document: the change is there, the document is asked for next time.
    let (mut one, mut two) = meetings(&a.vault, &b.vault);
    let mut left = 400_000;
    let _ = carry(&mut one, &mut two, &mut |_, bytes| {
        bytes.truncate(left);
        left -= bytes.len();
    });
    assert!(!two.is_over() && held(&b).is_empty());
    drop((one, two));
    let (at_a, at_b) = meet(&a, &b);
    assert_eq!(held(&a), held(&b));
    assert!(at_b.bytes_received > 600_000 && at_a.round_trips >= 3);
    same(&[&a, &b]);
    let (again, _) = meet(&a, &b);
    assert!(again.bytes_sent + again.bytes_received <= 1_000);
}

#[test]
fn over_tcp_a_host_serves_its_own_and_is_not_held_by_strangers() {
    let (relay, a, b) = family();
    a.import(1);
    let stranger = Phone::found(&relay);
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let host = scope.spawn(|| {
            let mut met = Vec::new();
            let patience = Some(Duration::from_secs(60));
            let announce = &mut |address: &str| tell.send(address.to_owned()).unwrap();
            a.vault
                .listen("127.0.0.1:0", patience, None, announce, &mut |report| {
                    met.push(report.unwrap());
                    false
                })
                .unwrap();
            met
        });
        let address = told.recv().unwrap();
        let mut noise = TcpStream::connect(&address).unwrap();
        noise.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let _silent = TcpStream::connect(&address).unwrap();
        let refused = stranger.vault.sync_with_peer(&address, None, None);
        assert!(matches!(refused, Err(VaultError::NotFound(_))));
        let report = b.vault.sync_with_peer(&address, None, None).unwrap();
        assert!(report.complete && report.received == 1);
        let met = host.join().unwrap();
        assert_eq!(met.len(), 1, "a stranger was spoken of");
        assert!(met[0].complete && met[0].sent == 1);
    });
    same(&[&a, &b]);
}

#[test]
fn a_visitor_stops_at_its_deadline_and_says_when_nobody_is_there() {
    let (_, a, _) = family();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let begun = Instant::now();
    let deadline = Some(Duration::from_millis(300));
    let report = a.vault.sync_with_peer(&address, deadline, None).unwrap();
    assert!(!report.complete && begun.elapsed() < Duration::from_secs(5));
    assert_eq!(report.notices, [CUT_OFF]);
    drop(silent);
    assert_eq!(
        a.vault.sync_with_peer(&address, None, None).unwrap_err(),
        VaultError::Offline
    );
    let mut drain = Vec::new();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap().to_string();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut socket, _) = gone.accept().unwrap();
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            drain.push(byte[0]);
        });
        assert_eq!(
            a.vault.sync_with_peer(&address, None, None).unwrap_err(),
            VaultError::Offline
        );
    });
}
