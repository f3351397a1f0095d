//! Retirement, deletion, waiting, quotas and rates, by sessions that hold this key or that.

#![allow(clippy::unwrap_used)]

use super::tests::*;
use super::upkeep::{RETIRED_SECONDS, SWEEP_GRACE_SECONDS};
use super::*;
use crate::blobs::{BlobPart, BlobRange, Progress};
use carnet_wire::BlobId;
use carnet_wire::relay::{Close, Closing, Retire, Wait, code};
use ed25519_dalek::SigningKey;

const OWNER: [Access; 3] = [Access::Read, Access::Write, Access::Retire];

fn retire(envelopes: &[&[u8]], blobs: &[BlobId]) -> Retire {
    Retire {
        mailbox: MAILBOX,
        ids: envelopes.iter().map(|it| EnvelopeId::derive(it)).collect(),
        blobs: blobs.to_vec(),
    }
}

/// A session of a mailbox that is there, with these keys.
fn with_keys(house: &House, accesses: &[Access]) -> [u8; 32] {
    let session = house.ask(|nonce| proving(nonce, MAILBOX, accesses));
    session.unwrap().token
}

fn served(house: &House, token: &[u8; 32]) -> Vec<u64> {
    let reply = house
        .service
        .exchange(token, exchange(Vec::new(), &[(MAILBOX, 0)]));
    let pulled = reply.unwrap().pulled.remove(0);
    pulled.entries.iter().map(|entry| entry.seq).collect()
}

fn push(house: &House, token: &[u8; 32], envelopes: &[&Vec<u8>]) -> Vec<Pushed> {
    let envelopes = envelopes.iter().map(|it| (*it).clone()).collect();
    house
        .service
        .exchange(token, exchange(envelopes, &[]))
        .unwrap()
        .pushed
}

fn put(house: &House, token: &[u8; 32], bytes: &[u8]) -> Result<Progress, RelayError> {
    let part = BlobPart {
        offset: 0,
        total: bytes.len() as u64,
        bytes,
    };
    house
        .service
        .put_blob_part(token, MAILBOX, BlobId::derive(bytes), part)
}

fn get(house: &House, token: &[u8; 32], blob: BlobId) -> Result<Vec<u8>, RelayError> {
    let range = BlobRange {
        first: 0,
        last: None,
    };
    let found = house.service.get_blob_range(token, MAILBOX, blob, range);
    found.map(|found| found.bytes)
}

#[test]
fn only_the_owners_key_takes_away() {
    let house = House::new();
    let member = house.enter(MAILBOX, 0);
    let envelope = envelope(MAILBOX, "a");
    push(&house, &member, &[&envelope]);
    let forbidden = Some(RelayError::FORBIDDEN);
    assert_eq!(
        house
            .service
            .retire(&member, retire(&[&envelope], &[]))
            .err(),
        forbidden
    );
    assert_eq!(house.service.delete(&member, MAILBOX).err(), forbidden);
    let owner = with_keys(&house, &[Access::Retire]);
    let elsewhere = Retire {
        mailbox: MailboxId([2; 32]),
        ..retire(&[&envelope], &[])
    };
    assert_eq!(house.service.retire(&owner, elsewhere).err(), forbidden);
    assert_eq!(
        house
            .service
            .retire(&owner, retire(&[&envelope], &[]))
            .unwrap()
            .retired,
        1
    );
    assert_eq!(house.service.metrics().retired.get(), 1);
    assert!(house.service.delete(&owner, MAILBOX).is_ok());
}

/// Keys of the epoch that follows: for reading, for retiring.
fn next_keys(number: u8) -> [SigningKey; 2] {
    [0, 1].map(|of| SigningKey::from_bytes(&[20 + 2 * number + of; 32]))
}

fn close(keys: &[SigningKey; 2], mailboxes: &[MailboxId]) -> Close {
    let [read_key, retire_key] = keys.each_ref().map(|key| key.verifying_key().to_bytes());
    let closing = mailboxes.iter().map(|mailbox| Closing {
        mailbox: *mailbox,
        read_key,
        retire_key,
    });
    Close {
        mailboxes: closing.collect(),
    }
}

/// A session of whoever holds the first keys of the mailbox and these, and registers it as it was.
fn with_next_keys(house: &House, keys: &[SigningKey; 2]) -> Session {
    let session = house.ask(|nonce| {
        let mut open = proving(nonce, MAILBOX, &OWNER);
        let accesses = [Access::Read, Access::Retire].into_iter();
        let proofs = keys.iter().zip(accesses);
        let proofs = proofs.map(|(key, access)| proof_by(key, &nonce, ORIGIN, MAILBOX, access));
        open.proofs.extend(proofs);
        open.register = vec![registration(MAILBOX, 0)];
        open
    });
    session.unwrap()
}

#[test]
fn a_closed_mailbox_is_read_and_retired_with_the_next_keys_and_written_with_none() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let (first, second) = (envelope(MAILBOX, "a"), envelope(MAILBOX, "b"));
    let [removed, owner] = [(); 2].map(|()| with_keys(&house, &OWNER));
    push(&house, &owner, &[&first]);
    let blob = BlobId::derive(b"piece");
    assert_eq!(put(&house, &owner, b"piece"), Ok(Progress::Whole(5)));
    let next = next_keys(1);
    let elsewhere = MailboxId([2; 32]);
    let asked = close(&next, &[MAILBOX, elsewhere]);
    let answer = house.service.close_mailboxes(&owner, &asked).unwrap();
    assert_eq!(answer.refused, [elsewhere]);
    assert_eq!(house.service.metrics().closed.get(), 1);

    // The token of whoever has only the old keys is over, and a new one opens nothing.
    let pulls = || exchange(vec![second.clone()], &[(MAILBOX, 0)]);
    let over = house.service.exchange(&removed, pulls()).err();
    assert_eq!(over, Some(RelayError::NO_SESSION));
    let session = house.ask(|nonce| proving(nonce, MAILBOX, &OWNER)).unwrap();
    assert_eq!(session.refused, [MAILBOX]);
    let removed = session.token;
    let reply = house.service.exchange(&removed, pulls()).unwrap();
    assert_eq!(reply.pushed, [Pushed::Refused(code::CLOSED)]);
    let pulled = &reply.pulled[0];
    assert_eq!(
        (pulled.refused, pulled.head, pulled.entries.len()),
        (code::CLOSED, 0, 0)
    );
    assert_eq!(get(&house, &removed, blob), Err(RelayError::CLOSED));
    assert_eq!(
        put(&house, &removed, b"more").err(),
        Some(RelayError::CLOSED)
    );
    assert_eq!(
        house.service.delete(&removed, MAILBOX).err(),
        Some(RelayError::CLOSED)
    );
    let back = house.service.close_mailboxes(&removed, &asked).unwrap();
    assert_eq!(back.refused, [MAILBOX, elsewhere]);
    let wait = Wait {
        pulls: vec![Pull {
            mailbox: MAILBOX,
            after: 0,
        }],
        seconds: 0,
    };
    let waited = house.service.wait_now(&removed, &wait).unwrap();
    assert_eq!(waited.moved, [], "to them it never moves");

    // With the next keys everything is as it was, but for writing.
    let member = with_next_keys(&house, &next).token;
    assert_eq!(served(&house, &member), [1]);
    assert_eq!(get(&house, &member, blob), Ok(b"piece".to_vec()));
    let pushed = push(&house, &member, &[&second]);
    assert_eq!(pushed, [Pushed::Refused(code::CLOSED)]);
    assert!(
        house
            .service
            .retire(&member, retire(&[&first], &[]))
            .is_ok()
    );
    assert!(house.service.delete(&member, MAILBOX).is_ok());
}

#[test]
fn the_keys_of_an_epoch_between_open_nothing_once_it_is_closed_again() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let owner = with_keys(&house, &OWNER);
    let (second, third) = (next_keys(1), next_keys(2));
    let close = |token, keys| {
        let answer = house
            .service
            .close_mailboxes(token, &close(keys, &[MAILBOX]));
        answer.unwrap().refused
    };
    assert_eq!(close(&owner, &second), []);
    let between = with_next_keys(&house, &second).token;
    assert_eq!(served(&house, &between), [0; 0]);
    let owner = with_next_keys(&house, &second).token;
    assert_eq!(close(&owner, &third), []);
    let again = with_next_keys(&house, &second);
    assert_eq!(again.refused, [MAILBOX]);
    assert_eq!(close(&again.token, &second), [MAILBOX]);
    assert!(
        house
            .service
            .exchange(&between, exchange(vec![], &[]))
            .is_err()
    );
    assert_eq!(
        served(&house, &with_next_keys(&house, &third).token),
        [0; 0]
    );
}

#[test]
fn retired_bytes_go_after_thirty_days_and_not_before() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let all: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|text| envelope(MAILBOX, text))
        .collect();
    let owner = with_keys(&house, &OWNER);
    push(&house, &owner, &all.iter().collect::<Vec<_>>());
    let blob = BlobId::derive(b"piece");
    assert_eq!(put(&house, &owner, b"piece"), Ok(Progress::Whole(5)));
    assert_eq!(get(&house, &owner, blob), Ok(b"piece".to_vec()));
    let retired = house
        .service
        .retire(&owner, retire(&[&all[0], &all[1]], &[blob]));
    assert_eq!(retired.unwrap().retired, 3);
    assert_eq!(served(&house, &owner), [3]);
    assert_eq!(get(&house, &owner, blob), Err(RelayError::NOT_FOUND));
    let head = house.service.blob_head(&owner, MAILBOX, blob);
    assert_eq!(head, Ok(Progress::Partial(0)));

    house.later(RETIRED_SECONDS - 10);
    house.service.sweep().unwrap();
    assert_eq!(house.service.bring_back(MAILBOX, RETIRED_SECONDS), Ok(3));
    let owner = with_keys(&house, &OWNER);
    assert_eq!(served(&house, &owner), [1, 2, 3]);
    assert_eq!(get(&house, &owner, blob), Ok(b"piece".to_vec()));

    let again = house
        .service
        .retire(&owner, retire(&[&all[0], &all[1]], &[blob]));
    assert_eq!(again.unwrap().retired, 3);
    house.later(RETIRED_SECONDS);
    house.service.sweep().unwrap();
    assert_eq!(
        house.service.bring_back(MAILBOX, RETIRED_SECONDS * 2),
        Ok(0)
    );
    let owner = with_keys(&house, &OWNER);
    assert_eq!(served(&house, &owner), [3]);
    assert_eq!(push(&house, &owner, &[&all[0]]), [Pushed::Stored(1)]);
    assert_eq!(served(&house, &owner), [3]);
    let blobs: Vec<_> = walk(&house.folder.path().join("blobs"));
    assert_eq!(blobs, Vec::<PathBuf>::new());
    // Whoever needs the piece again uploads it again.
    assert_eq!(put(&house, &owner, b"piece"), Ok(Progress::Whole(5)));
    assert_eq!(get(&house, &owner, blob), Ok(b"piece".to_vec()));
}

/// All files below.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.flat_map(|path| match path.is_dir() {
        true => walk(&path),
        false => vec![path],
    });
    files.collect()
}

#[test]
fn a_retired_blob_that_is_uploaded_again_is_served_at_once_and_not_swept() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let owner = with_keys(&house, &OWNER);
    let blob = BlobId::derive(b"piece");
    assert_eq!(put(&house, &owner, b"piece"), Ok(Progress::Whole(5)));
    assert_eq!(
        house
            .service
            .retire(&owner, retire(&[], &[blob]))
            .unwrap()
            .retired,
        1
    );
    assert_eq!(put(&house, &owner, b"piece"), Ok(Progress::Whole(5)));
    assert_eq!(get(&house, &owner, blob), Ok(b"piece".to_vec()));
    house.later(RETIRED_SECONDS * 2);
    house.service.sweep().unwrap();
    let owner = with_keys(&house, &OWNER);
    assert_eq!(get(&house, &owner, blob), Ok(b"piece".to_vec()));
}

#[test]
fn a_deleted_mailbox_is_gone_at_once_and_its_bytes_after_the_grace() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let owner = with_keys(&house, &OWNER);
    let kept = envelope(MAILBOX, "a");
    push(&house, &owner, &[&kept]);
    assert_eq!(put(&house, &owner, b"blob"), Ok(Progress::Whole(4)));
    assert!(house.service.delete(&owner, MAILBOX).is_ok());
    let not_found = RelayError::NOT_FOUND;
    assert_eq!(house.service.delete(&owner, MAILBOX), Err(not_found));
    assert_eq!(
        push(&house, &owner, &[&kept]),
        [Pushed::Refused(not_found.code)]
    );
    assert_eq!(get(&house, &owner, BlobId::derive(b"blob")), Err(not_found));
    assert_eq!(put(&house, &owner, b"blob"), Err(not_found));
    // The id is free again, and what is there begins at 1.
    let again = house.enter(MAILBOX, 0);
    assert_eq!(served(&house, &again), Vec::<u64>::new());
    assert_eq!(push(&house, &again, &[&kept]), [Pushed::Stored(1)]);
    house.later(SWEEP_GRACE_SECONDS);
    house.service.sweep().unwrap();
    assert_eq!(
        walk(&house.folder.path().join("blobs")),
        Vec::<PathBuf>::new()
    );
    assert_eq!(served(&house, &again), [1]);
}

#[test]
fn a_backup_under_way_stops_the_sweep() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let owner = with_keys(&house, &OWNER);
    put(&house, &owner, b"blob").unwrap();
    house.service.delete(&owner, MAILBOX).unwrap();
    house.later(SWEEP_GRACE_SECONDS);
    let backup = crate::backup::no_backup(house.folder.path()).unwrap();
    house.service.sweep().unwrap();
    assert_eq!(walk(&house.folder.path().join("blobs")).len(), 1);
    drop(backup);
    house.service.sweep().unwrap();
    assert_eq!(walk(&house.folder.path().join("blobs")).len(), 0);
}

#[test]
fn what_is_over_the_quota_is_refused_by_name_and_counted() {
    let limits = Limits {
        quota: Quota {
            bytes: 290,
            objects: 100,
        },
        ..Limits::default()
    };
    let house = House::with(limits);
    let token = house.enter(MAILBOX, 0);
    let (small, large) = (envelope(MAILBOX, "a"), envelope(MAILBOX, &"b".repeat(200)));
    let answers = push(&house, &token, &[&small, &large, &small]);
    let full = Pushed::Refused(code::QUOTA);
    assert_eq!(answers, [Pushed::Stored(1), full, Pushed::Stored(1)]);
    assert_eq!(put(&house, &token, &[1; 200]), Err(RelayError::QUOTA));
    assert_eq!(
        walk(&house.folder.path().join("uploads")),
        Vec::<PathBuf>::new()
    );
    assert_eq!(put(&house, &token, &[1; 100]), Ok(Progress::Whole(100)));
    assert_eq!(house.service.metrics().quota_refusals.get(), 2);
    // A blob that turned out to be another one gives its bytes back.
    let part = BlobPart {
        offset: 0,
        total: 40,
        bytes: &[2; 40],
    };
    let wrong = house
        .service
        .put_blob_part(&token, MAILBOX, BlobId([7; 32]), part);
    assert_eq!(wrong, Err(RelayError::WRONG_HASH));
    assert_eq!(put(&house, &token, &[3; 40]), Ok(Progress::Whole(40)));
}

#[test]
fn a_session_that_asks_too_often_is_told_when_to_come_back() {
    let limits = Limits {
        session_rate: Rate::per_second(1, 3),
        ..Limits::default()
    };
    let house = House::with(limits);
    let (eager, calm) = (house.enter(MAILBOX, 0), house.enter(MAILBOX, 0));
    let ask = |token| {
        house
            .service
            .exchange(token, exchange(Vec::new(), &[]))
            .map(drop)
    };
    assert_eq!([ask(&eager), ask(&eager), ask(&eager)], [Ok(()); 3]);
    let refused = ask(&eager).unwrap_err();
    assert_eq!(
        (refused.code, refused.retry_after),
        (code::RATE_LIMITED, Some(1))
    );
    assert_eq!(ask(&calm), Ok(()));
    house.later(1);
    assert_eq!(ask(&eager), Ok(()));
    assert_eq!(ask(&eager).unwrap_err().code, code::RATE_LIMITED);
    assert_eq!(house.service.metrics().rate_refusals.get(), 2);
}

#[test]
fn registrations_from_one_network_are_bounded_and_known_mailboxes_are_not_counted() {
    let limits = Limits {
        registration_rate: Rate::per_hour(60, 2),
        ..Limits::default()
    };
    let house = House::with(limits);
    let enter = |id: u8, from: &str| {
        let nonce = house.service.challenge().unwrap().nonce;
        let request = OpenSession {
            register: vec![registration(MailboxId([id; 32]), 0)],
            ..proving(nonce, MailboxId([id; 32]), &ALL)
        };
        let from = from.parse().unwrap();
        let origins = [ORIGIN.to_owned()];
        house
            .service
            .open_session(&origins, request, from)
            .map(drop)
    };
    assert_eq!(enter(1, "192.0.2.1"), Ok(()));
    assert_eq!(enter(2, "192.0.2.2"), Ok(()));
    assert_eq!(enter(3, "192.0.2.3").unwrap_err().code, code::RATE_LIMITED);
    assert_eq!(enter(1, "192.0.2.3"), Ok(()));
    assert_eq!(enter(3, "198.51.100.1"), Ok(()));
    house.later(60);
    assert_eq!(enter(4, "192.0.2.3"), Ok(()));
}

fn wait(pulls: &[(MailboxId, u64)], seconds: u16) -> Wait {
    let pulls = pulls.iter().map(|(mailbox, after)| Pull {
        mailbox: *mailbox,
        after: *after,
    });
    Wait {
        pulls: pulls.collect(),
        seconds,
    }
}

#[test]
fn what_has_moved_already_is_answered_at_once() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let stranger = MailboxId([2; 32]);
    let now = |pulls: &[(MailboxId, u64)]| house.service.wait_now(&token, &wait(pulls, 55));
    assert_eq!(now(&[(MAILBOX, 0)]).unwrap().moved, []);
    push(&house, &token, &[&envelope(MAILBOX, "a")]);
    assert_eq!(now(&[(MAILBOX, 0)]).unwrap().moved, [MAILBOX]);
    assert_eq!(now(&[(MAILBOX, 1)]).unwrap().moved, []);
    // A relay that lost its tail has moved too, and so has what may not be read.
    assert_eq!(now(&[(MAILBOX, 2)]).unwrap().moved, [MAILBOX]);
    assert_eq!(
        now(&[(stranger, 0), (MAILBOX, 1)]).unwrap().moved,
        [stranger]
    );
    let owner = with_keys(&house, &OWNER);
    house.service.delete(&owner, MAILBOX).unwrap();
    assert_eq!(now(&[(MAILBOX, 1)]).unwrap().moved, [MAILBOX]);
    let many = vec![(MAILBOX, 1); limits::MAX_MAILBOXES + 1];
    assert_eq!(now(&many), Err(RelayError::TOO_LARGE));
}

#[tokio::test]
async fn a_commit_wakes_whoever_waits_for_that_mailbox_and_nobody_else() {
    let house = House::new();
    let other = MailboxId([2; 32]);
    let (token, others) = (house.enter(MAILBOX, 0), house.enter(other, 0));
    let begin = |token, pulls: &[(MailboxId, u64)], seconds| {
        let session = house.service.session(token).unwrap();
        house
            .service
            .begin_wait(&session, &wait(pulls, seconds))
            .unwrap()
    };
    let mine = begin(&token, &[(MAILBOX, 0)], 55);
    let mine_later = begin(&token, &[(MAILBOX, 1)], 1);
    let theirs = begin(&others, &[(other, 0)], 1);
    push(&house, &token, &[&envelope(MAILBOX, "a")]);
    let started = Instant::now();
    assert_eq!(mine.settle().await, [MAILBOX]);
    assert!(started.elapsed() < Duration::from_millis(500));
    let (later, theirs) = tokio::join!(mine_later.settle(), theirs.settle());
    assert_eq!((later, theirs), (vec![], vec![]));
    assert!(started.elapsed() >= Duration::from_millis(900));
}

#[tokio::test]
async fn a_stop_lets_everybody_go_and_keeps_nobody_who_comes_later() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let begin = || {
        let session = house.service.session(&token).unwrap();
        house
            .service
            .begin_wait(&session, &wait(&[(MAILBOX, 0)], 55))
            .unwrap()
    };
    let early = begin();
    house.service.stop_waiting();
    let late = begin();
    let both = async { tokio::join!(early.settle(), late.settle()) };
    let both = tokio::time::timeout(Duration::from_secs(2), both).await;
    assert_eq!(both.unwrap(), (vec![], vec![]));
}

#[test]
fn places_are_given_up_and_bounded() {
    let limits = Limits {
        waiters: 2,
        ..Limits::default()
    };
    let house = House::with(limits);
    let token = house.enter(MAILBOX, 0);
    let session = house.service.session(&token).unwrap();
    let begin = || {
        house
            .service
            .begin_wait(&session, &wait(&[(MAILBOX, 0), (MAILBOX, 3)], 55))
    };
    let (first, second) = (begin().unwrap(), begin().unwrap());
    assert_eq!(begin().err(), Some(RelayError::BUSY));
    drop(first);
    let third = begin().unwrap();
    drop((second, third));
    assert!(house.service.hub.is_empty());
}
