//! The log of every mailbox, as a trait that a database implements.
//!
//! Invariants every backend keeps, and [`crate::conformance`] checks:
//! * the sequence numbers of a mailbox are 1, 2, 3 … without a gap, in the order in which envelopes become visible, so that
//!   whoever has read up to `n` can never meet a new envelope at or below `n`;
//! * an envelope is answered for only when it is durable (**INV-7**);
//! * the same envelope sent again answers its first number and takes none;
//! * one refused item fails no other item.
//!
//! A backend knows bytes, ids and public keys. It has no clock, and it does not know what an envelope is.

use crate::{Pending, RelayError};
use carnet_wire::relay::{Entry, Registration};
use carnet_wire::{EnvelopeId, MailboxId};

/// A mailbox as the storage numbers it. Never used again, not even when the same id is registered anew after it expired:
/// what was granted or stored for the old one does not reach the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxNumber(pub i64);

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

/// A database that keeps mailboxes. `now` is in seconds since 1970; a mailbox whose end is at or before it is not there.
pub trait Storage: Send + Sync {
    /// Drawn at random when the database was made, and again when it was restored from a backup.
    fn generation(&self) -> u64;

    /// Creates mailboxes: all, or none with [`RelayError::CONFLICT`] if one exists with other keys. One that exists with
    /// the same keys is left as it is. Refuses with [`RelayError::BUSY`] without waiting.
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

    /// Whether writes are being served.
    fn is_healthy(&self) -> bool;

    /// Answers what was accepted, refuses the rest, puts everything in its file. Blocks; calling it again is harmless.
    fn close(&self);
}
