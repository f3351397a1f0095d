//! What two devices say to each other directly, over any ordered byte stream: TCP in one network, Bluetooth, Wi-Fi Aware,
//! USB. The protocol stands in the book ([crate], "Direct stream"); here are its layouts.
//!
//! ```text
//! frame     = length: u16 big-endian, at least 1 ‖ bytes
//! hello     = [ version = 1: u8, nonce: bstr32 ]                       clear
//! tags      = [ tag: bstr16 … ]                                        clear
//! sealed    = nonce: 24 bytes ‖ ciphertext                             of: more: 0 or 1 ‖ part of a message
//! summary   = [ digest: bstr32, wants: bool ]                          each side's first message
//! turn      = [ vectors: [ vector … ], envelopes: [ bstr … ], wants: [ want … ], parts: [ part … ], done: bool, again: bool ]
//! vector    = [ compartment: u32, tips: [ [ author, seq: u64, id: bstr32 ] … ] ]
//! want      = [ blob: bstr32, offset: u64 ]
//! part      = [ blob: bstr32, offset: u64, length: u64, bytes: bstr ]
//! ```

use crate::canonical::{check_version, decode_at_most};
use crate::{Author, BlobId, Canonical, ChangeId, WireError, limits};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// The only version of the direct stream of this build.
pub const STREAM_VERSION: u8 = 1;

/// Which end of a stream: who opened it speaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Opened the stream.
    Initiator,
    /// Was waiting.
    Responder,
}

impl Role {
    /// The other end.
    pub fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }

    fn byte(self) -> u8 {
        match self {
            Self::Initiator => 0,
            Self::Responder => 1,
        }
    }
}

/// The first frame of each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Hello {
    /// [`STREAM_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Random, of this connection and round.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub nonce: [u8; 32],
}

impl Hello {
    /// Reads a hello; a later version is told apart from noise.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, WireError> {
        check_version(bytes, STREAM_VERSION)?;
        Self::from_canonical(bytes)
    }
}

/// Proof of holding an epoch's read secret, to who holds it too; noise to anybody else.
pub type Tag = ByteArray<16>;

/// The second frame of each side: one tag for each epoch held, among random ones.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Tags(
    #[n(0)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_STREAM_TAGS }, _, _>")]
    pub Vec<Tag>,
);

/// Both nonces of a round, the initiator's first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonces {
    /// The initiator's.
    pub initiator: [u8; 32],
    /// The responder's.
    pub responder: [u8; 32],
}

impl Nonces {
    /// What a tag of `role` is the keyed hash of.
    pub fn tag_bytes(&self, role: Role) -> Vec<u8> {
        let domain = b"carnet/1 stream tag\0".as_slice();
        [domain, &[role.byte()], &self.initiator, &self.responder].concat()
    }

    /// What an epoch's part of the channel key is the keyed hash of.
    pub fn key_bytes(&self) -> Vec<u8> {
        let domain = b"carnet/1 stream key\0".as_slice();
        [domain, &self.initiator, &self.responder].concat()
    }
}

/// What a sealed frame is bound to: who sent it, and the how manieth it is.
pub fn frame_associated(from: Role, count: u64) -> Vec<u8> {
    let domain = b"carnet/1 stream frame\0".as_slice();
    [domain, &[from.byte()], &count.to_be_bytes()].concat()
}

/// Each side's first message: equal digests and no wants mean that there is nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Summary {
    /// Hash of the chains of every compartment in common.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// Whether this side lacks bytes of documents.
    #[n(1)]
    pub wants: bool,
}

/// How far one author's chain has been merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Tip {
    /// Whose chain.
    #[n(0)]
    pub author: Author,
    /// The last number.
    #[n(1)]
    pub seq: u64,
    /// The change with that number.
    #[n(2)]
    pub id: ChangeId,
}

/// What a side has of one compartment.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Vector {
    /// Position among the compartments in common.
    #[n(0)]
    pub compartment: u32,
    /// Its chains, sorted by author, none twice.
    #[n(1)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_STREAM_TIPS }, _, _>")]
    pub tips: Vec<Tip>,
}

/// Asks for the bytes of a document from an offset on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Want {
    /// Which.
    #[n(0)]
    pub blob: BlobId,
    /// From where.
    #[n(1)]
    pub offset: u64,
}

/// Bytes of a document; none and length 0 where this side has not got it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Part {
    /// Which.
    #[n(0)]
    pub blob: BlobId,
    /// From where.
    #[n(1)]
    pub offset: u64,
    /// Length of the whole.
    #[n(2)]
    pub length: u64,
    /// The bytes.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// One side's turn: what it has for the other, and what it asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Turn {
    /// In a side's first turn what it has; then none.
    #[n(0)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_STREAM_TAGS }, _, _>")]
    pub vectors: Vec<Vector>,
    /// Changes the other side lacks.
    #[n(1)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_PUSHED_ENVELOPES }, _, _>")]
    pub envelopes: Vec<ByteVec>,
    /// Bytes of documents this side lacks.
    #[n(2)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_STREAM_WANTS }, _, _>")]
    pub wants: Vec<Want>,
    /// Bytes the other side asked for in its last turn.
    #[n(3)]
    #[cbor(decode_with = "decode_at_most::<{ limits::MAX_STREAM_WANTS }, _, _>")]
    pub parts: Vec<Part>,
    /// Whether this side has nothing more to send or ask.
    #[n(4)]
    pub done: bool,
    /// Whether this side holds epochs that it had no tag for.
    #[n(5)]
    pub again: bool,
}

impl Turn {
    /// Whether it carries or asks nothing.
    pub fn is_empty(&self) -> bool {
        self.envelopes.is_empty() && self.wants.is_empty() && self.parts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{DeviceId, Incarnation};
    use proptest::prelude::*;
    use proptest::sample::Index;

    fn turn() -> Turn {
        let author = Author {
            device: DeviceId([1; 32]),
            incarnation: Incarnation([2; 8]),
        };
        let tip = Tip {
            author,
            seq: 3,
            id: ChangeId([4; 32]),
        };
        Turn {
            vectors: vec![Vector {
                compartment: 5,
                tips: vec![tip],
            }],
            envelopes: vec![vec![6; 7].into()],
            wants: vec![Want {
                blob: BlobId([8; 32]),
                offset: 9,
            }],
            parts: vec![Part {
                blob: BlobId([10; 32]),
                offset: 11,
                length: 12,
                bytes: vec![13],
            }],
            done: true,
            again: false,
        }
    }

    #[test]
    fn layouts_are_what_the_head_of_the_file_says() {
        let hello = Hello {
            version: 1,
            nonce: [7; 32],
        };
        let expected = [b"\x82\x01\x58\x20".as_slice(), &[7; 32]].concat();
        assert_eq!(hello.to_canonical(), expected);
        assert_eq!(Hello::from_bytes(&expected), Ok(hello));
        let tags = Tags(vec![[1; 16].into()]);
        let expected = [b"\x81\x50".as_slice(), &[1; 16]].concat();
        assert_eq!(tags.to_canonical(), expected);
        assert_eq!(Tags::from_canonical(&expected), Ok(tags));
        let bytes = turn().to_canonical();
        assert_eq!(bytes[0], 0x86);
        assert_eq!(bytes[bytes.len() - 2..], [0xf5, 0xf4]);
        assert_eq!(Turn::from_canonical(&bytes), Ok(turn()));
    }

    #[test]
    fn a_later_version_is_told_from_noise() {
        let later = Hello {
            version: 2,
            nonce: [7; 32],
        };
        assert_eq!(
            Hello::from_bytes(&later.to_canonical()),
            Err(WireError::UnknownVersion)
        );
        assert_eq!(Hello::from_bytes(b"GET / HT"), Err(WireError::Malformed));
        assert_eq!(Hello::from_bytes(b""), Err(WireError::Malformed));
    }

    #[test]
    fn no_list_is_longer_than_its_limit() {
        let read = |turn: &Turn| Turn::from_canonical(&turn.to_canonical()).map(|_| ());
        let of = |change: &dyn Fn(&mut Turn)| {
            let mut turn = Turn::default();
            change(&mut turn);
            read(&turn)
        };
        let vector = Vector {
            compartment: 0,
            tips: Vec::new(),
        };
        let most = limits::MAX_STREAM_TAGS;
        assert_eq!(
            of(&|turn| turn.vectors = vec![vector.clone(); most]),
            Ok(())
        );
        assert_eq!(
            of(&|turn| turn.vectors = vec![vector.clone(); most + 1]),
            Err(WireError::TooLarge)
        );
        let most = limits::MAX_PUSHED_ENVELOPES;
        assert_eq!(
            of(&|turn| turn.envelopes = vec![Vec::new().into(); most + 1]),
            Err(WireError::TooLarge)
        );
        let wants = vec![
            Want {
                blob: BlobId([0; 32]),
                offset: 0
            };
            limits::MAX_STREAM_WANTS + 1
        ];
        assert_eq!(
            of(&|turn| turn.wants.clone_from(&wants)),
            Err(WireError::TooLarge)
        );
        let tags = Tags(vec![[0; 16].into(); limits::MAX_STREAM_TAGS + 1]);
        assert_eq!(
            Tags::from_canonical(&tags.to_canonical()),
            Err(WireError::TooLarge)
        );
    }

    #[test]
    fn a_role_and_a_count_bind_what_is_hashed() {
        let nonces = Nonces {
            initiator: [1; 32],
            responder: [2; 32],
        };
        let swapped = Nonces {
            initiator: [2; 32],
            responder: [1; 32],
        };
        let all = [
            nonces.tag_bytes(Role::Initiator),
            nonces.tag_bytes(Role::Responder),
            nonces.key_bytes(),
            swapped.tag_bytes(Role::Initiator),
            swapped.key_bytes(),
            frame_associated(Role::Initiator, 0),
            frame_associated(Role::Initiator, 1),
            frame_associated(Role::Responder, 0),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
        assert_eq!(Role::Initiator.other(), Role::Responder);
        assert_eq!(Role::Responder.other(), Role::Initiator);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn other_bytes_are_errors_or_other_turns(at in any::<Index>(), flip in 1..=u8::MAX, cut in any::<Index>()) {
            let bytes = turn().to_canonical();
            prop_assert!(Turn::from_canonical(&bytes[..cut.index(bytes.len())]).is_err());
            let mut changed = bytes.clone();
            changed[at.index(bytes.len())] ^= flip;
            if let Ok(other) = Turn::from_canonical(&changed) {
                prop_assert_ne!(other, turn());
            }
        }
    }
}
