//! Sessions, exchanges and blobs without a network, on a clock the tests move.

#![allow(clippy::unwrap_used)]

use super::upkeep::SWEEP_GRACE_SECONDS;
use super::*;
use crate::blobs::{BlobPart, BlobRange, Progress};
use carnet_wire::relay::{Entry, Registration, code};
use carnet_wire::{BlobId, Canonical, EpochId};
use ed25519_dalek::{Signer, SigningKey};
use std::sync::atomic::{AtomicU64, Ordering};

pub(super) const ORIGIN: &str = "https://relay.example";
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
pub(super) const MAILBOX: MailboxId = MailboxId([1; 32]);
pub(super) const ALL: [Access; 2] = [Access::Read, Access::Write];

pub(super) struct House {
    pub(super) folder: tempfile::TempDir,
    pub(super) service: Service,
    seconds: Arc<AtomicU64>,
}

impl House {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let seconds = Arc::new(AtomicU64::new(1_000));
        let clock = Clock::manual(Arc::clone(&seconds));
        let service = Service::open(folder.path(), clock, limits).unwrap();
        Self {
            folder,
            service,
            seconds,
        }
    }

    pub(super) fn later(&self, seconds: u64) {
        self.seconds.fetch_add(seconds, Ordering::Relaxed);
    }

    pub(super) fn ask(
        &self,
        build: impl FnOnce([u8; 32]) -> OpenSession,
    ) -> Result<Session, RelayError> {
        let nonce = self.service.challenge().unwrap().nonce;
        self.service
            .open_session(&[ORIGIN.to_owned()], build(nonce), HERE)
    }

    pub(super) fn enter(&self, mailbox: MailboxId, lifetime: u32) -> [u8; 32] {
        let session = self.ask(|nonce| OpenSession {
            register: vec![registration(mailbox, lifetime)],
            ..proving(nonce, mailbox, &ALL)
        });
        let session = session.unwrap();
        assert_eq!(session.refused, []);
        session.token
    }
}

fn key(access: Access) -> SigningKey {
    SigningKey::from_bytes(&[access as u8 + 10; 32])
}

pub(super) fn registration(mailbox: MailboxId, lifetime: u32) -> Registration {
    let public = |access| key(access).verifying_key().to_bytes();
    Registration {
        mailbox,
        read_key: public(Access::Read),
        write_key: public(Access::Write),
        retire_key: public(Access::Retire),
        lifetime,
    }
}

fn proof(nonce: &[u8; 32], origin: &str, mailbox: MailboxId, access: Access) -> Proof {
    proof_by(&key(access), nonce, origin, mailbox, access)
}

pub(super) fn proof_by(
    key: &SigningKey,
    nonce: &[u8; 32],
    origin: &str,
    mailbox: MailboxId,
    access: Access,
) -> Proof {
    let message = session_bytes(nonce, origin, mailbox, access);
    Proof {
        mailbox,
        access,
        signature: key.sign(&message).to_bytes(),
    }
}

pub(super) fn proving(nonce: [u8; 32], mailbox: MailboxId, accesses: &[Access]) -> OpenSession {
    let proofs = accesses
        .iter()
        .map(|access| proof(&nonce, ORIGIN, mailbox, *access))
        .collect();
    OpenSession {
        nonce,
        origin: ORIGIN.to_owned(),
        register: Vec::new(),
        proofs,
    }
}

pub(super) fn envelope(mailbox: MailboxId, text: &str) -> Vec<u8> {
    Envelope {
        version: 1,
        suite: 1,
        mailbox,
        epoch: EpochId([3; 32]),
        nonce: [4; 24],
        ciphertext: text.as_bytes().to_vec(),
    }
    .to_canonical()
}

pub(super) fn exchange(push: Vec<Vec<u8>>, pull: &[(MailboxId, u64)]) -> Exchange {
    let pull = pull
        .iter()
        .map(|(mailbox, after)| Pull {
            mailbox: *mailbox,
            after: *after,
        })
        .collect();
    Exchange {
        push: push.into_iter().map(Into::into).collect(),
        pull,
        max_bytes: limits::EXCHANGE_BATCH_BYTES as u32,
    }
}

#[test]
fn push_and_pull_in_one_exchange() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let (a, b) = (envelope(MAILBOX, "a"), envelope(MAILBOX, "b"));
    let both = exchange(vec![a.clone(), b.clone(), a.clone()], &[(MAILBOX, 0)]);
    let reply = house.service.exchange(&token, both).unwrap();
    let stored = [1, 2, 1].map(Pushed::Stored);
    assert_eq!(reply.pushed, stored);
    // Read before the push: nobody is sent what they have just brought.
    assert_eq!(
        (reply.pulled[0].head, reply.pulled[0].entries.len()),
        (0, 0)
    );
    let next = exchange(vec![], &[(MAILBOX, 0)]);
    let reply = house.service.exchange(&token, next).unwrap();
    let entry = |seq, envelope| Entry { seq, envelope };
    let pulled = Pulled {
        mailbox: MAILBOX,
        refused: 0,
        head: 2,
        entries: vec![entry(1, a), entry(2, b)],
    };
    assert_eq!(reply.pulled, [pulled]);
    assert_eq!(reply.generation, house.service.storage.generation());
}

#[test]
fn each_envelope_is_refused_on_its_own() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let mut newer = envelope(MAILBOX, "a");
    newer[1] = 2;
    let not_canonical = [envelope(MAILBOX, "a"), vec![0]].concat();
    let push = vec![
        b"garbage".to_vec(),
        envelope(MAILBOX, "good"),
        envelope(MailboxId([9; 32]), "elsewhere"),
        vec![0; limits::MAX_ENVELOPE_BYTES + 1],
        not_canonical,
        newer,
        Vec::new(),
        envelope(MAILBOX, "good too"),
    ];
    let reply = house.service.exchange(&token, exchange(push, &[])).unwrap();
    let expected = [
        Pushed::Refused(code::MALFORMED),
        Pushed::Stored(1),
        Pushed::Refused(code::FORBIDDEN),
        Pushed::Refused(code::TOO_LARGE),
        Pushed::Refused(code::MALFORMED),
        Pushed::Refused(code::MALFORMED),
        Pushed::Refused(code::MALFORMED),
        Pushed::Stored(2),
    ];
    assert_eq!(reply.pushed, expected);
}

#[test]
fn an_unknown_suite_is_kept() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let unknown = Envelope {
        suite: 999,
        ..Envelope::from_bytes(&envelope(MAILBOX, "a")).unwrap()
    };
    let push = exchange(vec![unknown.to_canonical()], &[]);
    let reply = house.service.exchange(&token, push).unwrap();
    assert_eq!(reply.pushed, [Pushed::Stored(1)]);
}

#[test]
fn a_reader_cannot_write_and_a_writer_cannot_read() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let session = |access| {
        house
            .ask(|nonce| proving(nonce, MAILBOX, &[access]))
            .unwrap()
    };
    let both = || exchange(vec![envelope(MAILBOX, "a")], &[(MAILBOX, 0)]);
    let reader = session(Access::Read).token;
    let reply = house.service.exchange(&reader, both()).unwrap();
    assert_eq!(reply.pushed, [Pushed::Refused(code::FORBIDDEN)]);
    assert_eq!(reply.pulled[0].refused, 0);
    let writer = session(Access::Write).token;
    let reply = house.service.exchange(&writer, both()).unwrap();
    assert_eq!(reply.pushed, [Pushed::Stored(1)]);
    assert_eq!(reply.pulled[0].refused, code::FORBIDDEN);
    assert_eq!(
        (reply.pulled[0].head, reply.pulled[0].entries.len()),
        (0, 0)
    );
}

#[test]
fn refused_pulls_do_not_shift_the_others() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let other = MailboxId([2; 32]);
    let push = exchange(vec![envelope(MAILBOX, "a")], &[]);
    house.service.exchange(&token, push).unwrap();
    let asked = exchange(vec![], &[(other, 0), (MAILBOX, 0), (other, 3)]);
    let reply = house.service.exchange(&token, asked).unwrap();
    let answers: Vec<_> = reply
        .pulled
        .iter()
        .map(|it| (it.mailbox, it.refused, it.head))
        .collect();
    let forbidden = code::FORBIDDEN;
    assert_eq!(
        answers,
        [
            (other, forbidden, 0),
            (MAILBOX, 0, 1),
            (other, forbidden, 0)
        ]
    );
}

#[test]
fn a_challenge_is_answered_once_in_time_and_here() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let nonce = house.service.challenge().unwrap().nonce;
    let ours = [ORIGIN.to_owned()];
    let open = |origins: &[String], request| house.service.open_session(origins, request, HERE);
    assert!(open(&ours, proving(nonce, MAILBOX, &ALL)).is_ok());
    let stale = RelayError::STALE_CHALLENGE;
    assert_eq!(
        open(&ours, proving(nonce, MAILBOX, &ALL)).unwrap_err(),
        stale
    );
    assert_eq!(
        open(&ours, proving([0; 32], MAILBOX, &ALL)).unwrap_err(),
        stale
    );
    let nonce = house.service.challenge().unwrap().nonce;
    house.later(60);
    assert_eq!(
        open(&ours, proving(nonce, MAILBOX, &ALL)).unwrap_err(),
        stale
    );
    let nonce = house.service.challenge().unwrap().nonce;
    let elsewhere = ["https://evil.example".to_owned()];
    let error = open(&elsewhere, proving(nonce, MAILBOX, &ALL)).unwrap_err();
    assert_eq!(error, RelayError::WRONG_ORIGIN);
}

#[test]
fn a_proof_for_another_relay_key_mailbox_or_access_is_refused() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let refused = |change: &dyn Fn(&mut Proof, &[u8; 32])| {
        let session = house.ask(|nonce| {
            let mut request = proving(nonce, MAILBOX, &[Access::Write]);
            change(&mut request.proofs[0], &nonce);
            request
        });
        let session = session.unwrap();
        let write = exchange(vec![envelope(MAILBOX, "a")], &[]);
        let reply = house.service.exchange(&session.token, write).unwrap();
        (session.refused, reply.pushed)
    };
    let no = (vec![MAILBOX], vec![Pushed::Refused(code::FORBIDDEN)]);
    let other_origin = |it: &mut Proof, nonce: &[u8; 32]| {
        *it = proof(nonce, "https://evil.example", MAILBOX, Access::Write);
    };
    let other_access = |it: &mut Proof, nonce: &[u8; 32]| {
        it.signature = proof(nonce, ORIGIN, MAILBOX, Access::Read).signature;
    };
    let other_nonce = |it: &mut Proof, _: &[u8; 32]| {
        *it = proof(&[9; 32], ORIGIN, MAILBOX, Access::Write);
    };
    let nothing = |it: &mut Proof, _: &[u8; 32]| it.signature = [0; 64];
    assert_eq!(refused(&other_origin), no);
    assert_eq!(refused(&other_access), no);
    assert_eq!(refused(&other_nonce), no);
    assert_eq!(refused(&nothing), no);
    assert_eq!(refused(&|_, _| {}), (vec![], vec![Pushed::Stored(1)]));
}

#[test]
fn a_weak_public_key_proves_nothing() {
    let house = House::new();
    // A point of small order: a lax check would take the all-zero signature for any message.
    let mut weak = [0; 32];
    weak[0] = 1;
    let session = house.ask(|nonce| OpenSession {
        register: vec![Registration {
            write_key: weak,
            ..registration(MAILBOX, 0)
        }],
        proofs: vec![Proof {
            mailbox: MAILBOX,
            access: Access::Write,
            signature: {
                let mut it = [0; 64];
                it[0] = 1;
                it
            },
        }],
        ..proving(nonce, MAILBOX, &[])
    });
    assert_eq!(session.unwrap().refused, [MAILBOX]);
}

#[test]
fn unknown_mailboxes_are_refused_beside_open_ones() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    let unknown = MailboxId([7; 32]);
    let session = house.ask(|nonce| {
        let mut request = proving(nonce, MAILBOX, &ALL);
        request
            .proofs
            .push(proof(&nonce, ORIGIN, unknown, Access::Read));
        request
            .proofs
            .push(proof(&nonce, ORIGIN, unknown, Access::Write));
        request
    });
    assert_eq!(session.unwrap().refused, [unknown]);
}

#[test]
fn a_registered_mailbox_is_not_taken_over() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    house.enter(MAILBOX, 0);
    let stolen = house.ask(|nonce| OpenSession {
        register: vec![Registration {
            write_key: [5; 32],
            ..registration(MAILBOX, 0)
        }],
        ..proving(nonce, MAILBOX, &ALL)
    });
    assert_eq!(stolen.unwrap_err(), RelayError::CONFLICT);
}

#[test]
fn naming_known_mailboxes_again_writes_nothing() {
    let house = House::new();
    house.enter(MAILBOX, 0);
    // From here on any write is refused, as on a full disk; reading goes on.
    house.service.close();
    house.enter(MAILBOX, 0);
    let beside = |other: Registration| {
        house.ask(|nonce| OpenSession {
            register: vec![registration(MAILBOX, 0), other],
            ..proving(nonce, MAILBOX, &ALL)
        })
    };
    assert!(beside(registration(MAILBOX, 60)).is_ok());
    let new = registration(MailboxId([2; 32]), 0);
    assert_eq!(beside(new).unwrap_err(), RelayError::BUSY);
    for field in 0..3 {
        let mut stranger = registration(MAILBOX, 0);
        match field {
            0 => stranger.read_key = [5; 32],
            1 => stranger.write_key = [5; 32],
            _ => stranger.retire_key = [5; 32],
        }
        // Left to the storage, which alone says CONFLICT.
        assert_eq!(beside(stranger).unwrap_err(), RelayError::BUSY);
    }
}

#[test]
fn an_ended_mailbox_is_not_taken_for_a_known_one() {
    let house = House::new();
    house.enter(MAILBOX, 60);
    house.later(60);
    house.enter(MAILBOX, 0);
}

#[test]
fn tokens_end_and_unknown_ones_open_nothing() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let nothing = || exchange(vec![], &[]);
    let no_session = RelayError::NO_SESSION;
    assert_eq!(
        house.service.exchange(&[0; 32], nothing()).unwrap_err(),
        no_session
    );
    assert!(house.service.exchange(&token, nothing()).is_ok());
    house.later(3_600);
    assert_eq!(
        house.service.exchange(&token, nothing()).unwrap_err(),
        no_session
    );
}

#[test]
fn a_pairing_mailbox_ends_with_its_blobs_and_its_rights() {
    let house = House::new();
    let token = house.enter(MAILBOX, 600);
    let blob = BlobId::derive(b"0123");
    let part = BlobPart {
        offset: 0,
        total: 4,
        bytes: b"0123",
    };
    let put = |token| house.service.put_blob_part(token, MAILBOX, blob, part);
    let both = || exchange(vec![envelope(MAILBOX, "a")], &[(MAILBOX, 0)]);
    assert_eq!(put(&token), Ok(Progress::Whole(4)));
    assert!(house.service.exchange(&token, both()).is_ok());
    house.later(600);
    let reply = house.service.exchange(&token, both()).unwrap();
    assert_eq!(reply.pushed, [Pushed::Refused(code::NOT_FOUND)]);
    assert_eq!(reply.pulled[0].refused, code::NOT_FOUND);
    assert_eq!(put(&token), Err(RelayError::NOT_FOUND));
    // Whoever registers the id next inherits nothing, and the old token opens nothing of theirs.
    let next = house.enter(MAILBOX, 0);
    let reply = house
        .service
        .exchange(&next, exchange(vec![], &[(MAILBOX, 0)]))
        .unwrap();
    assert_eq!((reply.pulled[0].refused, reply.pulled[0].head), (0, 0));
    assert_eq!(
        house.service.blob_head(&next, MAILBOX, blob),
        Ok(Progress::Partial(0))
    );
    assert_eq!(put(&token), Err(RelayError::NOT_FOUND));
    let reply = house.service.exchange(&token, both()).unwrap();
    assert_eq!(reply.pushed, [Pushed::Refused(code::NOT_FOUND)]);
}

#[test]
fn what_has_ended_is_swept_from_the_disk() {
    let house = House::new();
    let token = house.enter(MAILBOX, 600);
    let whole = b"a canary of bytes".as_slice();
    let part = BlobPart {
        offset: 0,
        total: whole.len() as u64,
        bytes: whole,
    };
    let blob = BlobId::derive(whole);
    house
        .service
        .put_blob_part(&token, MAILBOX, blob, part)
        .unwrap();
    let file = house.folder.path().join(format!("blobs/01/1/{blob}"));
    house.later(600 + SWEEP_GRACE_SECONDS - 1);
    house.service.sweep().unwrap();
    assert!(file.exists());
    house.later(1);
    house.service.sweep().unwrap();
    assert!(!file.exists());
    assert_eq!(house.service.storage.expired(u64::MAX, 10), Ok(vec![]));
}

#[test]
fn blobs_need_the_right_key() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let blob = BlobId::derive(b"0123");
    let part = BlobPart {
        offset: 0,
        total: 4,
        bytes: b"0123",
    };
    let range = BlobRange {
        first: 1,
        last: Some(2),
    };
    let session = |access| {
        house
            .ask(|nonce| proving(nonce, MAILBOX, &[access]))
            .unwrap()
            .token
    };
    let (reader, writer, owner) = (
        session(Access::Read),
        session(Access::Write),
        session(Access::Retire),
    );
    let service = &house.service;
    let forbidden = RelayError::FORBIDDEN;
    assert_eq!(
        service.put_blob_part(&reader, MAILBOX, blob, part),
        Err(forbidden)
    );
    assert_eq!(
        service.put_blob_part(&writer, MAILBOX, blob, part),
        Ok(Progress::Whole(4))
    );
    assert_eq!(
        service.get_blob_range(&writer, MAILBOX, blob, range),
        Err(forbidden)
    );
    assert_eq!(
        service
            .get_blob_range(&reader, MAILBOX, blob, range)
            .unwrap()
            .bytes,
        b"12"
    );
    for allowed in [&reader, &writer, &token] {
        assert_eq!(
            service.blob_head(allowed, MAILBOX, blob),
            Ok(Progress::Whole(4))
        );
    }
    assert_eq!(service.blob_head(&owner, MAILBOX, blob), Err(forbidden));
}

#[test]
fn counts_are_limited() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let pulls = vec![(MAILBOX, 0); limits::MAX_MAILBOXES + 1];
    let too_large = RelayError::TOO_LARGE;
    let error = house
        .service
        .exchange(&token, exchange(vec![], &pulls))
        .unwrap_err();
    assert_eq!(error, too_large);
    let push = vec![Vec::new(); limits::MAX_PUSHED_ENVELOPES + 1];
    let error = house
        .service
        .exchange(&token, exchange(push, &[]))
        .unwrap_err();
    assert_eq!(error, too_large);
    let many = house.ask(|nonce| OpenSession {
        register: vec![registration(MAILBOX, 0); limits::MAX_MAILBOXES + 1],
        ..proving(nonce, MAILBOX, &[])
    });
    assert_eq!(many.unwrap_err(), too_large);
}

#[test]
fn an_answer_fits_its_limit_and_always_moves_on() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    let large = "x".repeat(3 << 20);
    for n in 0..4 {
        let push = exchange(vec![envelope(MAILBOX, &format!("{large}{n}"))], &[]);
        house.service.exchange(&token, push).unwrap();
    }
    let pull = |after, max_bytes| {
        let asked = Exchange {
            max_bytes,
            ..exchange(vec![], &[(MAILBOX, after)])
        };
        let reply = house.service.exchange(&token, asked).unwrap();
        assert!(reply.to_canonical().len() <= limits::MAX_EXCHANGE_BYTES);
        let seqs: Vec<_> = reply.pulled[0]
            .entries
            .iter()
            .map(|entry| entry.seq)
            .collect();
        seqs
    };
    assert_eq!(pull(0, u32::MAX), [1, 2]);
    assert_eq!(pull(2, 1), [3]);
    assert_eq!(pull(3, 0), [4]);
    assert_eq!(pull(4, 0), []);
}

#[test]
fn a_directory_has_one_relay() {
    let house = House::new();
    let second = Service::open(house.folder.path(), Clock::system(), Limits::default());
    assert_eq!(second.err(), Some(StartError::AlreadyRunning));
}

#[test]
fn a_stopped_service_says_so() {
    let house = House::new();
    let token = house.enter(MAILBOX, 0);
    assert!(house.service.is_healthy());
    house.service.close();
    assert!(!house.service.is_healthy());
    let push = exchange(vec![envelope(MAILBOX, "a")], &[]);
    assert_eq!(
        house.service.exchange(&token, push).unwrap_err(),
        RelayError::BUSY
    );
    assert!(
        house
            .service
            .exchange(&token, exchange(vec![], &[(MAILBOX, 0)]))
            .is_ok()
    );
}
