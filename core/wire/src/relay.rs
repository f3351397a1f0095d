//! What a device and a relay say to each other: CBOR bodies over plain HTTPS.
//!
//! ```text
//! POST /v1/challenge                       -> Challenge
//! POST /v1/session    OpenSession          -> Session           the token then goes in `Authorization: Bearer <hex>`
//! POST /v1/exchange   Exchange             -> ExchangeReply     push and pull in one round trip
//! POST /v1/wait       Wait                 -> Waited            answered when something moved, or the time is over
//! POST /v1/retire     Retire               -> Retired           owners: what snapshots replaced is no longer served
//! POST /v1/close      Close                -> Closed            owners: what an epoch has replaced takes nothing more
//! POST /v1/delete     Delete               -> Deleted           owners: the mailbox and all it holds
//! HEAD /v1/blobs/{mailbox}/{blob}          -> 200 whole | 404, `Upload-Offset: N` says how much arrived
//! PUT  /v1/blobs/{mailbox}/{blob}          part with `Upload-Offset: N` and `Upload-Length: total`
//! GET  /v1/blobs/{mailbox}/{blob}          with `Range: bytes=a-b` -> 206
//! GET  /healthz  /readyz                   -> 200
//! ```
//! Errors carry a [`Problem`] and, where waiting helps, `Retry-After`. The relay never parses a ciphertext.

use crate::canonical::{claimed_length, decode_at_most, too_large};
use crate::{EnvelopeId, MailboxId, limits};
use minicbor::{Decode, Decoder, Encode};

mod upkeep;

pub use upkeep::{Close, Closed, Closing, Delete, Deleted, Retire, Retired, Wait, Waited};

/// What a key may do at a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Access {
    /// Read envelopes and blobs.
    #[n(0)]
    Read,
    /// Append envelopes and blobs.
    #[n(1)]
    Write,
    /// Retire envelopes and blobs, delete the mailbox (owners).
    #[n(2)]
    Retire,
}

/// A relay's question: prove which keys you hold.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Challenge {
    /// Random, single use.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// Seconds it may be answered for.
    #[n(1)]
    pub expires_in: u32,
}

/// A mailbox and its three public keys. The first registration of an id holds; the same one again is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Registration {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// Ed25519 public key of readers.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub read_key: [u8; 32],
    /// Ed25519 public key of writers.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub write_key: [u8; 32],
    /// Ed25519 public key of owners.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub retire_key: [u8; 32],
    /// Seconds after which the relay forgets the mailbox (pairing); 0 keeps it.
    #[n(4)]
    pub lifetime: u32,
}

/// One proof: the signature of a mailbox key over [`session_bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Proof {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// Which of its keys.
    #[n(1)]
    pub access: Access,
    /// Ed25519, checked with verify_strict.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: [u8; 64],
}

/// Answers a challenge for many mailboxes at once.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct OpenSession {
    /// The challenge answered.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 32],
    /// The origin the device connected to (`https://host:port`), so that a relay cannot pass the proof on to another.
    #[n(1)]
    pub origin: String,
    /// Mailboxes to create first.
    #[n(2)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub register: Vec<Registration>,
    /// What the session may do.
    #[n(3)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_PROOFS }, _, _>")]
    pub proofs: Vec<Proof>,
}

/// What a mailbox key signs to open a session.
pub fn session_bytes(
    nonce: &[u8; 32],
    origin: &str,
    mailbox: MailboxId,
    access: Access,
) -> Vec<u8> {
    let mut bytes = b"carnet/1 session\0".to_vec();
    // Writing to a Vec cannot fail.
    let _ = minicbor::encode(
        (
            minicbor::bytes::ByteArray::from(*nonce),
            origin,
            mailbox,
            access,
        ),
        &mut bytes,
    );
    bytes
}

/// A session: one token for many mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Session {
    /// Opaque.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub token: [u8; 32],
    /// Seconds it lives.
    #[n(1)]
    pub expires_in: u32,
    /// The mailboxes of which some access was refused (unknown, or no proof of it holds); the others are open.
    #[n(2)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub refused: Vec<MailboxId>,
}

/// Push and pull.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Exchange {
    /// Envelopes, each naming its mailbox.
    #[n(0)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_PUSHED_ENVELOPES }, _, _>")]
    pub push: Vec<minicbor::bytes::ByteVec>,
    /// Mailboxes to read.
    #[n(1)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_MAILBOXES }, _, _>")]
    pub pull: Vec<Pull>,
    /// Most envelope bytes to answer with, over all mailboxes.
    #[n(2)]
    pub max_bytes: u32,
}

/// Where to go on reading a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Pull {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// The cursor: the last relay sequence number held; 0 from the start.
    #[n(1)]
    pub after: u64,
}

/// The answer to an [`Exchange`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ExchangeReply {
    /// Changes when the relay was restored from a backup: cursors above `head` must be re-read and re-sent.
    #[n(0)]
    pub generation: u64,
    /// One answer per pushed envelope, in order.
    #[n(1)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_PUSHED_ENVELOPES }, _, _>")]
    pub pushed: Vec<Pushed>,
    /// One answer per pulled mailbox, in order.
    #[n(2)]
    #[cbor(decode_with = "decode_pulled")]
    pub pulled: Vec<Pulled>,
}

/// Decodes the answers for all mailboxes, and stops as soon as together they carry too many entries.
fn decode_pulled<'b, C>(
    decoder: &mut Decoder<'b>,
    context: &mut C,
) -> Result<Vec<Pulled>, minicbor::decode::Error> {
    let claimed = claimed_length(decoder, limits::MAX_MAILBOXES)?;
    let mut pulled = Vec::new();
    let mut entries = 0;
    for _ in 0..claimed {
        let answer = Pulled::decode(decoder, context)?;
        entries += answer.entries.len();
        if entries > limits::MAX_PULLED_ENTRIES {
            return Err(too_large());
        }
        pulled.push(answer);
    }
    Ok(pulled)
}

/// What became of one pushed envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Pushed {
    /// Durable at this sequence number, now or by an earlier push of the same bytes.
    #[n(0)]
    Stored(#[n(0)] u64),
    /// Not stored; one of [`code`].
    #[n(1)]
    Refused(#[n(0)] u16),
}

/// What one mailbox holds after a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Pulled {
    /// Which mailbox.
    #[n(0)]
    pub mailbox: MailboxId,
    /// 0, or why nothing is answered; one of [`code`].
    #[n(1)]
    pub refused: u16,
    /// The last sequence number the mailbox has given.
    #[n(2)]
    pub head: u64,
    /// Envelopes in order, without gaps from the cursor on (retired ones apart).
    #[n(3)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_PULLED_ENTRIES }, _, _>")]
    pub entries: Vec<Entry>,
}

/// One envelope and its place.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// Relay sequence number within the mailbox, from 1.
    #[n(0)]
    pub seq: u64,
    /// The bytes as they were pushed.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub envelope: Vec<u8>,
}

impl Entry {
    /// The id of the envelope.
    pub fn id(&self) -> EnvelopeId {
        EnvelopeId::derive(&self.envelope)
    }
}

/// The body of every error answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Problem {
    /// One of [`code`].
    #[n(0)]
    pub code: u16,
    /// A constant English sentence; nothing of the request is repeated.
    #[n(1)]
    pub title: String,
}

/// Stable error codes, shared by [`Problem`], [`Pushed::Refused`] and [`Pulled::refused`].
pub mod code {
    /// The body is not what the path expects, or is not canonical.
    pub const MALFORMED: u16 = 1;
    /// A body, count or envelope is over its limit.
    pub const TOO_LARGE: u16 = 2;
    /// No token, or one that has expired: open a session.
    pub const NO_SESSION: u16 = 3;
    /// The session does not hold the key this needs.
    pub const FORBIDDEN: u16 = 4;
    /// No such mailbox or blob; a pairing mailbox may have expired.
    pub const NOT_FOUND: u16 = 5;
    /// The challenge is unknown, used or too old: ask for another.
    pub const STALE_CHALLENGE: u16 = 6;
    /// The mailbox is registered with other keys.
    pub const CONFLICT: u16 = 7;
    /// Too busy: wait for `Retry-After`.
    pub const BUSY: u16 = 8;
    /// The relay's disk is full.
    pub const FULL: u16 = 9;
    /// A failure inside the relay.
    pub const INTERNAL: u16 = 10;
    /// The upload offset is not where the blob ends: ask with HEAD.
    pub const WRONG_OFFSET: u16 = 11;
    /// The bytes of a whole blob do not hash to its id.
    pub const WRONG_HASH: u16 = 12;
    /// Too many requests by this session or from this network: wait for `Retry-After`.
    pub const RATE_LIMITED: u16 = 13;
    /// The mailbox holds as much as this relay keeps for one: retire what snapshots cover, or ask the operator.
    pub const QUOTA: u16 = 14;
    /// The mailbox is closed: another epoch followed its own, whose keys it needs for reading and which is written to instead.
    pub const CLOSED: u16 = 15;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Canonical, WireError};

    fn mailbox() -> MailboxId {
        MailboxId([1; 32])
    }

    fn reply(mailboxes: usize, entries: usize) -> ExchangeReply {
        let entry = Entry {
            seq: 1,
            envelope: Vec::new(),
        };
        let pulled = Pulled {
            mailbox: mailbox(),
            refused: 0,
            head: 0,
            entries: vec![entry; entries],
        };
        ExchangeReply {
            generation: 1,
            pushed: Vec::new(),
            pulled: vec![pulled; mailboxes],
        }
    }

    fn reread<T: Canonical>(value: &T) -> Result<(), WireError> {
        T::from_canonical(&value.to_canonical()).map(drop)
    }

    #[test]
    fn the_proof_names_challenge_origin_mailbox_and_access() {
        let signed = session_bytes(&[2; 32], "https://relay.example", mailbox(), Access::Write);
        let expected = [
            b"carnet/1 session\0\x84\x58\x20".as_slice(),
            &[2; 32],
            b"\x75https://relay.example\x58\x20",
            &[1; 32],
            b"\x01",
        ];
        assert_eq!(signed, expected.concat());
    }

    #[test]
    fn results_of_a_push_are_encoded_as_the_book_says() {
        assert_eq!(Pushed::Stored(7).to_canonical(), b"\x82\x00\x81\x07");
        assert_eq!(Pushed::Refused(2).to_canonical(), b"\x82\x01\x81\x02");
    }

    #[test]
    fn an_exchange_has_limits() {
        let exchange = |push: usize, pull: usize| Exchange {
            push: vec![Vec::new().into(); push],
            pull: vec![
                Pull {
                    mailbox: mailbox(),
                    after: 0
                };
                pull
            ],
            max_bytes: 0,
        };
        let (most_push, most_pull) = (limits::MAX_PUSHED_ENVELOPES, limits::MAX_MAILBOXES);
        assert_eq!(reread(&exchange(most_push, most_pull)), Ok(()));
        assert_eq!(
            reread(&exchange(most_push + 1, 0)),
            Err(WireError::TooLarge)
        );
        assert_eq!(
            reread(&exchange(0, most_pull + 1)),
            Err(WireError::TooLarge)
        );
    }

    #[test]
    fn a_reply_has_limits_over_all_its_mailboxes() {
        let most = limits::MAX_PULLED_ENTRIES;
        assert_eq!(reread(&reply(2, most / 2)), Ok(()));
        assert_eq!(reread(&reply(2, most / 2 + 1)), Err(WireError::TooLarge));
        assert_eq!(reread(&reply(1, most + 1)), Err(WireError::TooLarge));
        assert_eq!(reread(&reply(limits::MAX_MAILBOXES, 0)), Ok(()));
        assert_eq!(
            reread(&reply(limits::MAX_MAILBOXES + 1, 0)),
            Err(WireError::TooLarge)
        );
        let mut many = reply(0, 0);
        many.pushed = vec![Pushed::Stored(1); limits::MAX_PUSHED_ENVELOPES + 1];
        assert_eq!(reread(&many), Err(WireError::TooLarge));
    }

    #[test]
    fn a_session_has_limits() {
        let registration = Registration {
            mailbox: mailbox(),
            read_key: [1; 32],
            write_key: [2; 32],
            retire_key: [3; 32],
            lifetime: 0,
        };
        let proof = Proof {
            mailbox: mailbox(),
            access: Access::Read,
            signature: [4; 64],
        };
        let open = |register: usize, proofs: usize| OpenSession {
            nonce: [5; 32],
            origin: "https://relay.example".into(),
            register: vec![registration.clone(); register],
            proofs: vec![proof.clone(); proofs],
        };
        let (most_register, most_proofs) = (limits::MAX_MAILBOXES, limits::MAX_PROOFS);
        assert_eq!(reread(&open(most_register, most_proofs)), Ok(()));
        assert_eq!(
            reread(&open(most_register + 1, 0)),
            Err(WireError::TooLarge)
        );
        assert_eq!(reread(&open(0, most_proofs + 1)), Err(WireError::TooLarge));
        let session = |refused: usize| Session {
            token: [0; 32],
            expires_in: 1,
            refused: vec![mailbox(); refused],
        };
        assert_eq!(reread(&session(limits::MAX_MAILBOXES)), Ok(()));
        assert_eq!(
            reread(&session(limits::MAX_MAILBOXES + 1)),
            Err(WireError::TooLarge)
        );
    }

    #[test]
    fn an_unknown_access_is_refused() {
        let proof = Proof {
            mailbox: mailbox(),
            access: Access::Retire,
            signature: [4; 64],
        };
        let mut bytes = proof.to_canonical();
        assert_eq!(bytes[35], 2);
        bytes[35] = 3;
        assert_eq!(Proof::from_canonical(&bytes), Err(WireError::Malformed));
    }
}
