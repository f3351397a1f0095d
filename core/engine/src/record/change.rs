//! The canonical change: one atomic write to one compartment. What an envelope carries, what the database keeps, and what
//! every view can be rebuilt from.
//!
//! ```text
//! Change = [ version = 1, recorded_at: i64 ms, origins: [Origin], items: [Item], bodies: [bstr] ]
//! ```
//! Items name their bodies by position: a body is stored once, inside the compressed change, and rows point to it.
//! Everything else about a resource (id, version, row) is derived from its text again by whoever merges the change, so a
//! change cannot claim for a resource what its text does not say.

use super::ids::{AttachmentId, ShardId};
use carnet_wire::BlobId;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

/// The only version of this build.
pub const CHANGE_VERSION: u8 = 1;
/// Most items in one change.
pub const MAX_CHANGE_ITEMS: usize = 10_000;
/// Bytes of bodies at which an import closes a change and begins the next.
pub const CHANGE_BATCH_BYTES: usize = 512 << 10;
/// Items at which an import closes a change and begins the next.
pub const CHANGE_BATCH_ITEMS: usize = 1_000;

/// One atomic write.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Change {
    /// [`CHANGE_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The author's clock in milliseconds since 1970, shown to people, trusted for nothing.
    #[n(1)]
    pub recorded_at: i64,
    /// Where the items come from.
    #[n(2)]
    pub origins: Vec<Origin>,
    /// What is written.
    #[n(3)]
    pub items: Vec<Item>,
    /// The bytes that items name by position.
    #[n(4)]
    pub bodies: Vec<ByteVec>,
}

/// Where items come from: the part of provenance that many items share. Who and which device stand in the header.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Origin {
    /// The name of the file as the person gave it (no folder), or of the source.
    #[n(0)]
    pub name: String,
    /// `fhir-json`, `fhir-ndjson`, `person`…
    #[n(1)]
    pub format: String,
    /// BLAKE3 of the whole file, when it was read to its end; all zeros while unknown.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub hash: [u8; 32],
}

/// One thing a change writes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Item {
    /// A version of an immutable resource.
    #[n(0)]
    Resource {
        /// Position in `origins`.
        #[n(0)]
        origin: u32,
        /// Who issued the native ids of its file; empty where the ids are global or nothing is known.
        #[n(1)]
        issuer: String,
        /// The bundle entry's `fullUrl`.
        #[n(2)]
        full_url: Option<String>,
        /// Position in `bodies` of the original JSON text.
        #[n(3)]
        body: u32,
    },
    /// One Automerge change of a shard of the patient layer.
    #[n(1)]
    Edit {
        /// Which document.
        #[n(0)]
        shard: ShardId,
        /// The category the shard was opened for.
        #[n(1)]
        category: String,
        /// The recorded year the shard was opened for.
        #[n(2)]
        year: u16,
        /// Position in `bodies` of the Automerge change.
        #[n(3)]
        body: u32,
    },
    /// A document's bytes, which travel beside the envelope as a sealed blob.
    #[n(2)]
    Attachment {
        /// Position in `origins`.
        #[n(0)]
        origin: u32,
        /// What it is.
        #[n(1)]
        attachment: Attachment,
    },
    /// Samples of one series.
    #[n(3)]
    Segment {
        /// Position in `origins`.
        #[n(0)]
        origin: u32,
        /// Of which series.
        #[n(1)]
        series: SeriesName,
        /// Position in `bodies` of the segment.
        #[n(2)]
        body: u32,
    },
    /// Samples that a source or a person deleted.
    #[n(4)]
    Gone {
        /// Which.
        #[n(0)]
        samples: Vec<GoneSample>,
    },
    /// In which order the sources of a metric are believed: replaces what was said before.
    #[n(5)]
    SourceOrder {
        /// The metric's key.
        #[n(0)]
        metric: String,
        /// Keys of sources, the most believed first.
        #[n(1)]
        sources: Vec<String>,
    },
    /// A line of the access log.
    #[n(6)]
    Access {
        /// Position in `bodies` of the event, which only who knows members can read.
        #[n(0)]
        body: u32,
    },
    /// Says that a resource or document left this compartment for another one, or is here again. Of several the one in the last
    /// change, in the order of `(lamport, id)`, counts.
    #[n(7)]
    Presence {
        /// The id of the resource or of the document's bytes.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        id: [u8; 16],
        /// Whether it is here.
        #[n(1)]
        here: bool,
    },
}

/// Which series a segment is of. A metric or unit that this build does not know stays in the change until one does.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SeriesName {
    /// The metric's key.
    #[n(0)]
    pub metric: String,
    /// The unit of its numbers, UCUM.
    #[n(1)]
    pub unit: String,
    /// What stays the same of the source.
    #[n(2)]
    pub source: String,
    /// What people see of it.
    #[n(3)]
    pub name: String,
    /// Its place in `SourceKind::ALL`.
    #[n(4)]
    pub kind: u8,
}

/// A deleted sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct GoneSample {
    /// What it was called.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub id: [u8; 8],
    /// When it began, where that is known.
    #[n(1)]
    pub start: Option<i64>,
}

/// Where a document's bytes are and what opens them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Attachment {
    /// Keyed hash of the plaintext.
    #[n(0)]
    pub id: AttachmentId,
    /// Hash of the ciphertext: its name on disk and at the relay.
    #[n(1)]
    pub blob: BlobId,
    /// The random key that opens it.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Length of the plaintext in bytes.
    #[n(3)]
    pub size: u64,
    /// Length of the ciphertext in bytes.
    #[n(4)]
    pub sealed_size: u64,
    /// Media type, as far as it is known.
    #[n(5)]
    pub media_type: String,
}
