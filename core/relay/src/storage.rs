//! The log of every mailbox, as a trait that a database implements.
//!
//! Invariants every backend keeps, and [`crate::conformance`] checks:
//! * the sequence numbers of a mailbox are 1, 2, 3 … without a gap, in the order in which envelopes become visible, so that
//!   whoever has read up to `n` can never meet a new envelope at or below `n`;
//! * an envelope is answered for only when it is durable (**INV-7**);
//! * the same envelope sent again answers its first number and takes none, retired or not;
//! * one refused item fails no other item;
//! * what is retired is not served and can be brought back until it is purged, and the envelope at the head is served until
//!   another one takes the head, so that a cursor always gets there;
//! * a mailbox never keeps more than its [`Quota`], and a closed one nothing more than it has;
//! * a closed mailbox stays closed, whoever registers it.
//!
//! A backend knows bytes, ids and public keys. It has no clock, and it does not know what an envelope is.

use crate::{Pending, RelayError};
use carnet_wire::relay::{Entry, Registration};
use carnet_wire::{BlobId, EnvelopeId, MailboxId};
use std::sync::Arc;

/// A mailbox as the storage numbers it. Never used again, not even when the same id is registered anew after it expired:
/// what was granted or stored for the old one does not reach the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxNumber(pub i64);

/// Seconds a mailbox that asked to be kept is kept before anything was stored in it: a registration costs nothing, so nothing is
/// kept for ever for a registration.
pub const UNUSED_SECONDS: u64 = 30 * 86_400;

/// The most one mailbox may keep. What is retired counts until it is purged; numbers once given count as objects for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Bytes of envelopes and blobs.
    pub bytes: u64,
    /// Envelopes ever stored, and blobs kept.
    pub objects: u64,
}

impl Quota {
    /// As much as fits the disk.
    pub const NONE: Self = Self {
        bytes: u64::MAX,
        objects: u64::MAX,
    };
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            bytes: 8 << 30,
            objects: 10_000_000,
        }
    }
}

/// What is known of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mailbox {
    /// Its number here.
    pub number: MailboxNumber,
    /// Ed25519 public key of readers.
    pub read_key: [u8; 32],
    /// Ed25519 public key of writers.
    pub write_key: [u8; 32],
    /// Ed25519 public key of owners.
    pub retire_key: [u8; 32],
    /// Whether it takes nothing more: the write key is none any longer, the other two are those it was closed to.
    pub is_closed: bool,
}

/// One envelope to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// Where.
    pub mailbox: MailboxNumber,
    /// The hash of the bytes.
    pub id: EnvelopeId,
    /// The envelope as it was pushed.
    pub bytes: Vec<u8>,
}

/// Where to read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Which mailbox.
    pub mailbox: MailboxNumber,
    /// The last sequence number already held.
    pub after: u64,
}

/// What one mailbox holds after a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The last sequence number given.
    pub head: u64,
    /// Envelopes in order.
    pub entries: Vec<Entry>,
}

/// How much a read may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// Envelope bytes over all mailboxes. The first envelope is answered whatever its size, or a reader would be stuck.
    pub bytes: usize,
    /// Envelopes over all mailboxes.
    pub entries: usize,
}

/// One answer per envelope, in order: its sequence number, or why it was not stored.
pub type Appended = Vec<Result<u64, RelayError>>;

/// What an owner wants taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// Where.
    pub mailbox: MailboxNumber,
    /// Envelopes; unknown ones are passed over.
    pub ids: Vec<EnvelopeId>,
    /// Blobs; unknown ones are passed over.
    pub blobs: Vec<BlobId>,
}

/// A mailbox that takes nothing more, and who reads and retires what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// Which mailbox.
    pub mailbox: MailboxNumber,
    /// Ed25519 public key of readers from now on.
    pub read_key: [u8; 32],
    /// Ed25519 public key of owners from now on.
    pub retire_key: [u8; 32],
}

/// One blob, where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobPlace {
    /// Which mailbox.
    pub mailbox: MailboxNumber,
    /// Which blob.
    pub blob: BlobId,
}

/// A mailbox that moved, and its head now. A deleted one has the greatest number for a head.
pub type Moved = (MailboxNumber, u64);

/// Told of what moved after it is durable and before it is answered. Must not block.
pub type Listener = Arc<dyn Fn(&[Moved]) + Send + Sync>;

/// A database that keeps mailboxes. `now` is in seconds since 1970; a mailbox whose end is at or before it is not there.
pub trait Storage: Send + Sync {
    /// Drawn at random when the database was made, and again when it was restored from a backup.
    fn generation(&self) -> u64;

    /// Creates mailboxes: all, or none with [`RelayError::CONFLICT`] if one exists with other keys. One that exists with
    /// the same keys, or is closed, is left as it is. Refuses with [`RelayError::BUSY`] without waiting.
    fn register(&self, mailboxes: Vec<Registration>, now: u64) -> Result<Pending<()>, RelayError>;

    /// Looks mailboxes up, in order. Blocks.
    fn mailboxes(&self, ids: &[MailboxId], now: u64) -> Result<Vec<Option<Mailbox>>, RelayError>;

    /// Hands envelopes over to be appended in this order. Refuses with [`RelayError::BUSY`] without waiting; once it has
    /// accepted, the write happens whether or not anybody waits for the answer.
    fn append(&self, envelopes: Vec<Append>, now: u64) -> Result<Pending<Appended>, RelayError>;

    /// Reads from several mailboxes in one consistent view, in order, until the limit is reached. Blocks.
    fn read(
        &self,
        positions: &[Position],
        limit: ReadLimit,
        now: u64,
    ) -> Result<Vec<Result<Page, RelayError>>, RelayError>;

    /// The heads of all positions, if they are known without waiting and none lies beyond its position: the answer to "is
    /// there anything new?". Exactly what [`Storage::read`] would say, or a head would seem to go back. Always `None` is a correct answer too.
    fn unmoved(&self, _positions: &[Position], _now: u64) -> Option<Vec<u64>> {
        None
    }

    /// Some mailboxes that ended at or before `now`, at most `limit`. Blocks.
    fn expired(&self, now: u64, limit: usize) -> Result<Vec<MailboxNumber>, RelayError>;

    /// Deletes what these mailboxes hold, and the mailboxes: a bounded amount of work per call, `true` once nothing is left.
    fn forget(&self, mailboxes: Vec<MailboxNumber>) -> Result<Pending<bool>, RelayError>;

    /// The heads of mailboxes, in order; none for one that is not there. Blocks.
    fn heads(&self, mailboxes: &[MailboxNumber], now: u64) -> Result<Vec<Option<u64>>, RelayError>;

    /// Whom to tell of mailboxes that move. The first listener stays.
    fn listen(&self, listener: Listener);

    /// Stops serving envelopes and blobs, and answers how many were served until now.
    fn retire(&self, retirement: Retirement, now: u64) -> Result<Pending<u64>, RelayError>;

    /// Serves again what of a mailbox was retired at or after `since` and not purged: the operator's way back. Answers how many.
    fn bring_back(&self, mailbox: MailboxNumber, since: u64) -> Result<Pending<u64>, RelayError>;

    /// Lets go of the bytes of envelopes retired at or before `before`: a bounded amount of work per call, `true` once
    /// nothing is left. Their ids and numbers stay known.
    fn purge(&self, before: u64) -> Result<Pending<bool>, RelayError>;

    /// Closes mailboxes, or closes them again to other keys; those that are not there are passed over. From here on an
    /// envelope that is not held, and every blob, is refused with [`RelayError::CLOSED`].
    fn close_mailboxes(&self, closings: Vec<Closing>) -> Result<Pending<()>, RelayError>;

    /// Ends a mailbox now: from here on it is not there, and [`Storage::expired`] names it.
    fn delete(&self, mailbox: MailboxNumber, now: u64) -> Result<Pending<()>, RelayError>;

    /// Counts a blob of this size against the quota before any of it is kept. One that is counted already, whatever its size,
    /// is not counted again; a retired one is served again.
    fn reserve(&self, blob: BlobPlace, size: u64, now: u64) -> Result<Pending<()>, RelayError>;

    /// What is reserved for a blob of a mailbox that is there; none if nothing is or it was retired. Blocks.
    fn reserved(&self, blob: BlobPlace, now: u64) -> Result<Option<u64>, RelayError>;

    /// Some blobs retired at or before `before`, at most `limit`. Blocks.
    fn retired_blobs(&self, before: u64, limit: usize) -> Result<Vec<BlobPlace>, RelayError>;

    /// Gives back what was reserved for a blob whose bytes are gone. With `retired_before`, only if it was retired at or
    /// before then; answers whether nothing is reserved for it any more.
    fn release(
        &self,
        blob: BlobPlace,
        retired_before: Option<u64>,
    ) -> Result<Pending<bool>, RelayError>;

    /// Bytes of the database, for the operator. Blocks.
    fn size(&self) -> Result<u64, RelayError>;

    /// Whether writes are being served.
    fn is_healthy(&self) -> bool;

    /// Answers what was accepted, refuses the rest, puts everything in its file. Blocks; calling it again is harmless.
    fn close(&self);
}
