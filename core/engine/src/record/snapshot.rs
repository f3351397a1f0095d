//! Snapshots: the compacted state of a compartment, so that a new phone need not read every envelope that was ever sent
//! and the relay need not keep them.
//!
//! A snapshot is a **manifest**, the body of a change of kind 2 in the chain of an owner's device, and the **pieces** it
//! lists, which lie beside the envelopes as sealed blobs.
//!
//! ```text
//! Snapshot = [ version = 1: u8, lamport: u64, covers: [ cover … ], pieces: [ piece … ], shards: [ shard … ] ]
//! cover    = [ author, first = 1: u64, last: u64, tip: bstr32 ]          of this author every change from first to last
//! piece    = [ priority: u8, mailbox: bstr32, blob: bstr32, key: bstr32, size: u64, sealed_size: u64, holds: [ run … ] ]
//! run      = [ cover: u32, first: u64, last: u64 ]                       whole changes in the piece, of the author at `cover`
//! shard    = [ shard: bstr16, piece: u32, heads: [ bstr32 … ] ]          which piece holds it, and what it ends with
//!
//! blob     = sealed as attachments are, under `key`
//! document = body layout of a change (compression byte ‖ payload) over
//! Piece    = [ version = 1: u8, shards: [ saved … ], changes: [ kept … ] ]
//! saved    = [ shard: bstr16, category: text, year: u16, saved: bstr ]   an Automerge document, then changes that wait
//! kept     = [ extract: bool, header: bstr, signature: bstr64, body: bstr ]
//! ```
//! * `covers` is sorted by author and lists exactly what the maker has merged, never what it holds in quarantine. The tip is
//!   the [`ChangeId`] of the author's change `last`; through `prev` it stands for the whole chain before it.
//! * What people wrote in the patient layer is in the shard documents, with its full history: 9 bytes an edit. A change that
//!   holds nothing but such edits is *spent*: after a snapshot nobody needs it as a change.
//! * What sources said travels as the **very changes their authors signed**, header, signature and body. A snapshot's maker
//!   can leave one out but cannot make one up, and whoever loads it has what every other device has: changes that can be
//!   verified, sealed again and sent on.
//! * An **extract** is such a change with the bodies of all but some items empty, and those items named alike: it puts
//!   allergies, problems, medicines and vaccinations of a large import on the screen before the import itself has come.
//!   Its body does not have the hash that its header says; the whole change replaces it when it arrives.
//! * Pieces are listed by priority: 0 emergency data and the person's profile, 1 the newest year of data, 2 the rest. A
//!   piece is never changed: the next snapshot lists it again, under the same key.
//!
//! This module refuses to know who may make a snapshot and where pieces are kept.

use super::ids::ShardId;
use crate::error::{Error, Result};
use carnet_wire::{Author, BlobId, Canonical, ChangeId, MailboxId, limits};
use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

/// The only version of manifests and pieces of this build.
pub const SNAPSHOT_VERSION: u8 = 1;
/// Emergency data and the profile.
pub const PRIORITY_EMERGENCY: u8 = 0;
/// The newest year.
pub const PRIORITY_CURRENT: u8 = 1;
/// Everything else.
pub const PRIORITY_REST: u8 = 2;
/// Most pieces of one snapshot: a manifest must fit into one envelope.
pub const MAX_PIECES: usize = 8_192;
/// Most shards of one snapshot: a compartment has one per category and year, more only when they fill up.
pub const MAX_SHARDS: usize = 16_384;
/// Most heads of one shard, which are its concurrent tips.
pub const MAX_HEADS: usize = 1_000;
/// Longest payload of a piece. An honest one is little over [`PIECE_TARGET_BYTES`], or one change or shard that is larger.
pub const MAX_PIECE_BYTES: u64 = 20 << 20;
/// Payload at which a piece is closed and the next begun: merging one is a single transaction, and source texts inflate
/// twenty times.
pub const PIECE_TARGET_BYTES: usize = 256 << 10;
/// Most shards or changes in one piece.
pub const MAX_PIECE_ITEMS: usize = 50_000;
/// Longest name of a category.
const MAX_CATEGORY_BYTES: usize = 64;

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Snapshot {
    /// [`SNAPSHOT_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The greatest logical time of what is covered.
    #[n(1)]
    pub lamport: u64,
    /// What is covered, sorted by author.
    #[n(2)]
    pub covers: Vec<Cover>,
    /// Where it lies, in the order in which it is wanted.
    #[n(3)]
    pub pieces: Vec<PieceRef>,
    /// What the documents end with, sorted by shard.
    #[n(4)]
    pub shards: Vec<ShardHeads>,
}

/// A range of one author's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Cover {
    /// Whose chain.
    #[n(0)]
    pub author: Author,
    /// The first number; always 1.
    #[n(1)]
    pub first: u64,
    /// The last number.
    #[n(2)]
    pub last: u64,
    /// The change with that number.
    #[n(3)]
    pub tip: ChangeId,
}

/// Changes of one author that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct Run {
    /// Position of the author in `covers`.
    #[n(0)]
    pub cover: u32,
    /// The first number.
    #[n(1)]
    pub first: u64,
    /// The last number.
    #[n(2)]
    pub last: u64,
}

/// Where a piece lies and what opens it.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct PieceRef {
    /// How soon it is wanted.
    #[n(0)]
    pub priority: u8,
    /// The mailbox beside which it lies.
    #[n(1)]
    pub mailbox: MailboxId,
    /// Hash of the sealed bytes.
    #[n(2)]
    pub blob: BlobId,
    /// The random key that opens it.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Length of the document.
    #[n(4)]
    pub size: u64,
    /// Length of the sealed bytes.
    #[n(5)]
    pub sealed_size: u64,
    /// The whole changes it holds.
    #[n(6)]
    pub holds: Vec<Run>,
}

impl std::fmt::Debug for PieceRef {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PieceRef")
            .field("priority", &self.priority)
            .field("blob", &self.blob)
            .field("sealed_size", &self.sealed_size)
            .finish_non_exhaustive()
    }
}

/// What one document ends with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ShardHeads {
    /// Which document.
    #[n(0)]
    pub shard: ShardId,
    /// Position of its piece in `pieces`.
    #[n(1)]
    pub piece: u32,
    /// Hashes of the changes that no other builds on, sorted.
    #[n(2)]
    pub heads: Vec<ByteArray<32>>,
}

impl ShardHeads {
    /// The heads, one after the other, as the database keeps them.
    pub fn concat(&self) -> Vec<u8> {
        self.heads.iter().flat_map(|head| **head).collect()
    }
}

const MALFORMED: Error = Error::Invalid("a snapshot is malformed");

impl Snapshot {
    /// Reads a manifest and checks every rule that needs nothing else.
    pub fn read(payload: &[u8]) -> Result<Self> {
        let snapshot = Self::from_canonical(payload)?;
        snapshot.check()?;
        Ok(snapshot)
    }

    /// Checks every rule that needs nothing else.
    pub fn check(&self) -> Result<()> {
        let sorted = self.covers.is_sorted_by(|a, b| a.author < b.author)
            && self.shards.is_sorted_by(|a, b| a.shard < b.shard)
            && self.pieces.is_sorted_by_key(|piece| piece.priority);
        if self.version != SNAPSHOT_VERSION || !sorted || self.covers.is_empty() {
            return Err(MALFORMED);
        }
        if self.covers.len() > limits::MAX_SEEN_AUTHORS
            || self.pieces.len() > MAX_PIECES
            || self.shards.len() > MAX_SHARDS
        {
            return Err(Error::TooLarge("a snapshot"));
        }
        let mut blobs: Vec<BlobId> = self.pieces.iter().map(|piece| piece.blob).collect();
        blobs.sort_unstable();
        let sound = self.covers.iter().all(Cover::is_sound)
            && self.pieces.iter().all(|piece| piece.is_sound(&self.covers))
            && self
                .shards
                .iter()
                .all(|shard| shard.is_sound(self.pieces.len()))
            && blobs.is_sorted_by(|a, b| a < b);
        if sound { Ok(()) } else { Err(MALFORMED) }
    }

    /// How far an author is covered; 0 for one that is not.
    pub fn last_of(&self, author: &Author) -> u64 {
        let found = self
            .covers
            .binary_search_by(|cover| cover.author.cmp(author));
        found
            .ok()
            .and_then(|at| self.covers.get(at))
            .map_or(0, |cover| cover.last)
    }

    /// Whether it covers everything that an older one does.
    pub fn covers_all_of(&self, older: &Self) -> bool {
        let mut covers = older.covers.iter();
        covers.all(|cover| self.last_of(&cover.author) >= cover.last)
    }

    /// Whose changes a run names. [`Self::check`] sees that there is such a cover.
    pub fn author_of(&self, run: &Run) -> Result<Author> {
        let cover = self.covers.get(run.cover as usize);
        Ok(cover.ok_or(MALFORMED)?.author)
    }
}

impl Cover {
    fn is_sound(&self) -> bool {
        // What a database can hold.
        self.first == 1 && (1..=i64::MAX.cast_unsigned()).contains(&self.last)
    }
}

impl PieceRef {
    fn is_sound(&self, covers: &[Cover]) -> bool {
        let runs = self.holds.iter().all(|run| {
            let cover = covers.get(run.cover as usize);
            run.first >= 1
                && cover.is_some_and(|cover| run.first <= run.last && run.last <= cover.last)
        });
        runs && self.priority <= PRIORITY_REST
            && (1..=MAX_PIECE_BYTES).contains(&self.size)
            && self.sealed_size > self.size
            // Padding adds at most a sixteenth above 4 KiB, chunks and markers some bytes.
            && self.sealed_size <= self.size + self.size / 8 + 4_096
    }
}

impl ShardHeads {
    fn is_sound(&self, pieces: usize) -> bool {
        (self.piece as usize) < pieces
            && (1..=MAX_HEADS).contains(&self.heads.len())
            && self.heads.is_sorted_by(|a, b| **a < **b)
    }
}

/// The content of a piece.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
pub struct Piece {
    /// [`SNAPSHOT_VERSION`].
    #[n(0)]
    pub version: u8,
    /// Documents of the patient layer.
    #[n(1)]
    pub shards: Vec<SavedShard>,
    /// Changes as their authors signed them.
    #[n(2)]
    pub changes: Vec<KeptChange>,
}

/// A document of the patient layer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SavedShard {
    /// Its id.
    #[n(0)]
    pub shard: ShardId,
    /// The category it was opened for.
    #[n(1)]
    pub category: String,
    /// The recorded year it was opened for.
    #[n(2)]
    pub year: u16,
    /// The document, then the changes that wait for others.
    #[n(3)]
    pub saved: ByteVec,
}

/// A change as its author signed it, or an extract of one.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeptChange {
    /// Whether the body is an extract.
    #[n(0)]
    pub extract: bool,
    /// Canonical header.
    #[n(1)]
    pub header: ByteVec,
    /// Signature over the header.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: [u8; 64],
    /// The body as it travels.
    #[n(3)]
    pub body: ByteVec,
}

impl Piece {
    /// Reads the payload of a piece.
    pub fn read(payload: &[u8]) -> Result<Self> {
        if payload.len() as u64 > MAX_PIECE_BYTES {
            return Err(Error::TooLarge("a piece of a snapshot"));
        }
        let piece = Self::from_canonical(payload)?;
        let sound = piece.version == SNAPSHOT_VERSION
            && piece.shards.len() + piece.changes.len() <= MAX_PIECE_ITEMS
            && piece
                .shards
                .iter()
                .all(|shard| shard.category.len() <= MAX_CATEGORY_BYTES);
        if sound { Ok(piece) } else { Err(MALFORMED) }
    }

    /// The payload.
    pub fn write(mut self) -> Result<Vec<u8>> {
        self.version = SNAPSHOT_VERSION;
        let payload = self.to_canonical();
        if payload.len() as u64 > MAX_PIECE_BYTES {
            return Err(Error::TooLarge("a piece of a snapshot"));
        }
        Ok(payload)
    }

    /// About how long the payload is.
    pub fn weight(&self) -> usize {
        let shards: usize = self.shards.iter().map(|shard| shard.saved.len() + 64).sum();
        let changes = self.changes.iter();
        let changes: usize = changes
            .map(|kept| kept.header.len() + kept.body.len() + 80)
            .sum();
        shards + changes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet_wire::{DeviceId, Incarnation};

    fn author(byte: u8) -> Author {
        Author {
            device: DeviceId([byte; 32]),
            incarnation: Incarnation([byte; 8]),
        }
    }

    fn cover(byte: u8) -> Cover {
        Cover {
            author: author(byte),
            first: 1,
            last: 9,
            tip: ChangeId([byte; 32]),
        }
    }

    fn piece(priority: u8, byte: u8) -> PieceRef {
        PieceRef {
            priority,
            mailbox: MailboxId([1; 32]),
            blob: BlobId([byte; 32]),
            key: [3; 32],
            size: 1_000,
            sealed_size: 1_100,
            holds: vec![Run {
                cover: 1,
                first: 2,
                last: 9,
            }],
        }
    }

    fn snapshot() -> Snapshot {
        Snapshot {
            version: 1,
            lamport: 40,
            covers: vec![cover(1), cover(2)],
            pieces: vec![piece(0, 9), piece(1, 4), piece(1, 2)],
            shards: vec![ShardHeads {
                shard: ShardId([5; 16]),
                piece: 2,
                heads: vec![[1; 32].into(), [2; 32].into()],
            }],
        }
    }

    #[test]
    fn a_manifest_comes_back_and_says_how_far_it_covers() {
        let bytes = snapshot().to_canonical();
        let read = Snapshot::read(&bytes).unwrap();
        assert_eq!(read, snapshot());
        assert_eq!(read.last_of(&author(2)), 9);
        assert_eq!(read.last_of(&author(3)), 0);
    }

    #[test]
    fn every_rule_of_a_manifest_is_checked() {
        type Case = (&'static str, fn(&mut Snapshot));
        let broken: [Case; 20] = [
            ("version", |s| s.version = 2),
            ("nothing covered", |s| s.covers.clear()),
            ("author twice", |s| s.covers.push(cover(2))),
            ("authors unsorted", |s| s.covers.swap(0, 1)),
            ("not from the start", |s| s.covers[0].first = 2),
            ("covers nothing", |s| s.covers[0].last = 0),
            ("beyond a database", |s| s.covers[0].last = u64::MAX),
            ("priorities unsorted", |s| s.pieces.swap(0, 1)),
            ("unknown priority", |s| s.pieces[2].priority = 3),
            ("piece twice", |s| s.pieces[1].blob = BlobId([9; 32])),
            ("huge piece", |s| s.pieces[0].size = MAX_PIECE_BYTES + 1),
            ("sealed to less", |s| s.pieces[0].sealed_size = 10),
            ("sealed to much more", |s| s.pieces[0].sealed_size = 9_000),
            ("piece that is not there", |s| s.shards[0].piece = 3),
            ("run of nobody", |s| s.pieces[0].holds[0].cover = 2),
            ("run not covered", |s| s.pieces[0].holds[0].last = 10),
            ("run backwards", |s| s.pieces[0].holds[0].last = 1),
            ("no heads", |s| s.shards[0].heads.clear()),
            ("heads unsorted", |s| s.shards[0].heads.swap(0, 1)),
            ("shard twice", |s| s.shards.push(s.shards[0].clone())),
        ];
        for (what, spoil) in broken {
            let mut snapshot = snapshot();
            spoil(&mut snapshot);
            assert!(Snapshot::read(&snapshot.to_canonical()).is_err(), "{what}");
        }
    }

    #[test]
    fn counts_are_limited() {
        let mut many = snapshot();
        many.pieces = (0..=MAX_PIECES)
            .map(|at| {
                let mut piece = piece(2, 0);
                piece.blob.0[..8].copy_from_slice(&(at as u64).to_be_bytes());
                piece
            })
            .collect();
        assert!(matches!(many.check(), Err(Error::TooLarge(_))));
        many.pieces.pop();
        many.check().unwrap();
    }

    #[test]
    fn cut_or_changed_bytes_are_refused_without_a_panic() {
        let piece = Piece {
            version: 1,
            shards: vec![SavedShard {
                shard: ShardId([5; 16]),
                category: "laboratory".to_owned(),
                year: 2026,
                saved: vec![1, 2, 3].into(),
            }],
            changes: vec![KeptChange {
                extract: false,
                header: vec![4; 40].into(),
                signature: [6; 64],
                body: vec![7; 10].into(),
            }],
        };
        let (manifest, payload) = (snapshot().to_canonical(), piece.clone().write().unwrap());
        assert_eq!(Piece::read(&payload).unwrap(), piece);
        for cut in 0..manifest.len() {
            assert!(Snapshot::read(&manifest[..cut]).is_err());
        }
        for cut in 0..payload.len() {
            assert!(Piece::read(&payload[..cut]).is_err());
        }
        for at in 0..manifest.len() * 8 {
            let mut bytes = manifest.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            if let Ok(read) = Snapshot::read(&bytes) {
                assert_ne!(read, snapshot());
            }
        }
    }

    #[test]
    fn a_manifest_shows_no_key() {
        assert!(!format!("{:?}", piece(0, 1)).contains("3, 3, 3"));
    }
}
