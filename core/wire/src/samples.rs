//! Random values of every structure, for the property tests of this crate.

use crate::relay::{
    Access, Challenge, Delete, Entry, Exchange, ExchangeReply, OpenSession, Problem, Proof, Pull,
    Pulled, Pushed, Registration, Retire, Retired, Session, Wait, Waited,
};
use crate::{
    Author, BlobId, Canonical, ChangeId, CompartmentId, DeviceId, Envelope, EnvelopeId, EpochId,
    Header, Incarnation, Inner, MailboxId, RecordId, Seen,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

/// A header without a past: the smallest valid one.
pub(crate) fn first_header() -> Header {
    Header {
        version: 1,
        record: RecordId([1; 32]),
        compartment: CompartmentId([2; 16]),
        author: Author {
            device: DeviceId([3; 32]),
            incarnation: Incarnation([4; 8]),
        },
        seq: 1,
        prev: ChangeId([0; 32]),
        seen: Vec::new(),
        frontier: Vec::new(),
        lamport: 1,
        kind: 1,
        body_hash: [5; 32],
    }
}

pub(crate) fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..most)
}

fn signature() -> impl Strategy<Value = [u8; 64]> {
    (any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(point, scalar)| {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&point);
        signature[32..].copy_from_slice(&scalar);
        signature
    })
}

fn mailbox() -> impl Strategy<Value = MailboxId> {
    any::<[u8; 32]>().prop_map(MailboxId)
}

fn access() -> impl Strategy<Value = Access> {
    prop_oneof![
        Just(Access::Read),
        Just(Access::Write),
        Just(Access::Retire)
    ]
}

fn author() -> impl Strategy<Value = Author> {
    any::<([u8; 32], [u8; 8])>().prop_map(|(device, incarnation)| Author {
        device: DeviceId(device),
        incarnation: Incarnation(incarnation),
    })
}

pub(crate) fn header() -> impl Strategy<Value = Header> {
    let seen = btree_map(author(), any::<u64>(), 0..6);
    let frontier = btree_set(any::<[u8; 32]>(), 0..4);
    let rest = any::<([u8; 32], [u8; 16], Option<[u8; 32]>, u64, u8, [u8; 32], u64)>();
    (author(), seen, frontier, rest).prop_map(|(author, seen, frontier, rest)| {
        let (record, compartment, prev, lamport, kind, body_hash, seq) = rest;
        let prev = prev.filter(|hash| *hash != [0; 32]);
        Header {
            version: 1,
            record: RecordId(record),
            compartment: CompartmentId(compartment),
            author,
            seq: if prev.is_some() { seq.max(2) } else { 1 },
            prev: ChangeId(prev.unwrap_or([0; 32])),
            seen: seen
                .into_iter()
                .map(|(author, seq)| Seen { author, seq })
                .collect(),
            frontier: frontier.into_iter().map(ChangeId).collect(),
            lamport,
            kind,
            body_hash,
        }
    })
}

pub(crate) fn inner() -> impl Strategy<Value = Inner> {
    (header(), signature(), bytes(6_000)).prop_map(|(header, signature, body)| {
        let header = Header {
            body_hash: *blake3::hash(&body).as_bytes(),
            ..header
        };
        Inner {
            header: header.to_canonical(),
            signature,
            body,
        }
    })
}

pub(crate) fn envelope() -> impl Strategy<Value = Envelope> {
    let fixed = any::<(u16, [u8; 32], [u8; 32], [u8; 24])>();
    (fixed, bytes(600)).prop_map(|((suite, mailbox, epoch, nonce), ciphertext)| Envelope {
        version: 1,
        suite,
        mailbox: MailboxId(mailbox),
        epoch: EpochId(epoch),
        nonce,
        ciphertext,
    })
}

pub(crate) fn challenge() -> impl Strategy<Value = Challenge> {
    any::<([u8; 32], u32)>().prop_map(|(nonce, expires_in)| Challenge { nonce, expires_in })
}

pub(crate) fn open_session() -> impl Strategy<Value = OpenSession> {
    let registration = (mailbox(), any::<([u8; 32], [u8; 32], [u8; 32], u32)>()).prop_map(
        |(mailbox, (read_key, write_key, retire_key, lifetime))| Registration {
            mailbox,
            read_key,
            write_key,
            retire_key,
            lifetime,
        },
    );
    let proof = (mailbox(), access(), signature()).prop_map(|(mailbox, access, signature)| Proof {
        mailbox,
        access,
        signature,
    });
    let lists = (vec(registration, 0..4), vec(proof, 0..4));
    (any::<([u8; 32], String)>(), lists).prop_map(|((nonce, origin), (register, proofs))| {
        OpenSession {
            nonce,
            origin,
            register,
            proofs,
        }
    })
}

pub(crate) fn session() -> impl Strategy<Value = Session> {
    (any::<([u8; 32], u32)>(), vec(mailbox(), 0..4)).prop_map(|((token, expires_in), refused)| {
        Session {
            token,
            expires_in,
            refused,
        }
    })
}

fn pull() -> impl Strategy<Value = Pull> {
    (mailbox(), any::<u64>()).prop_map(|(mailbox, after)| Pull { mailbox, after })
}

pub(crate) fn retire() -> impl Strategy<Value = Retire> {
    let ids = || vec(any::<[u8; 32]>(), 0..4);
    (mailbox(), ids(), ids()).prop_map(|(mailbox, ids, blobs)| Retire {
        mailbox,
        ids: ids.into_iter().map(EnvelopeId).collect(),
        blobs: blobs.into_iter().map(BlobId).collect(),
    })
}

pub(crate) fn retired() -> impl Strategy<Value = Retired> {
    any::<u64>().prop_map(|retired| Retired { retired })
}

pub(crate) fn wait() -> impl Strategy<Value = Wait> {
    (vec(pull(), 0..5), any::<u16>()).prop_map(|(pulls, seconds)| Wait { pulls, seconds })
}

pub(crate) fn waited() -> impl Strategy<Value = Waited> {
    (any::<u64>(), vec(mailbox(), 0..4))
        .prop_map(|(generation, moved)| Waited { generation, moved })
}

pub(crate) fn delete() -> impl Strategy<Value = Delete> {
    mailbox().prop_map(|mailbox| Delete { mailbox })
}

pub(crate) fn exchange() -> impl Strategy<Value = Exchange> {
    let push = vec(bytes(300).prop_map(Into::into), 0..5);
    (push, vec(pull(), 0..5), any::<u32>()).prop_map(|(push, pull, max_bytes)| Exchange {
        push,
        pull,
        max_bytes,
    })
}

pub(crate) fn exchange_reply() -> impl Strategy<Value = ExchangeReply> {
    let pushed = prop_oneof![
        any::<u64>().prop_map(Pushed::Stored),
        any::<u16>().prop_map(Pushed::Refused)
    ];
    let entry = (any::<u64>(), bytes(300)).prop_map(|(seq, envelope)| Entry { seq, envelope });
    let pulled = (mailbox(), any::<(u16, u64)>(), vec(entry, 0..4)).prop_map(
        |(mailbox, (refused, head), entries)| Pulled {
            mailbox,
            refused,
            head,
            entries,
        },
    );
    (any::<u64>(), vec(pushed, 0..4), vec(pulled, 0..4)).prop_map(|(generation, pushed, pulled)| {
        ExchangeReply {
            generation,
            pushed,
            pulled,
        }
    })
}

pub(crate) fn problem() -> impl Strategy<Value = Problem> {
    any::<(u16, String)>().prop_map(|(code, title)| Problem { code, title })
}
