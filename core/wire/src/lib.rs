//! What crosses the network between Carnet devices and their relay: ids, the envelope, requests, limits and the canonical
//! encoding. No I/O and no keys: the engine's `seal` room signs and seals, the relay stores.

mod canonical;
mod envelope;
mod ids;
mod inner;
pub mod limits;
pub mod relay;
#[cfg(test)]
mod samples;
mod scan;

pub use canonical::{Canonical, WireError};
pub use envelope::{ENVELOPE_VERSION, Envelope, SUITE_1};
pub use ids::{
    AccountId, Author, BlobId, ChangeId, CompartmentId, DeviceId, EnvelopeId, EpochId, Incarnation,
    MailboxId, RecordId,
};
pub use inner::{HEADER_VERSION, Header, Inner, Seen, kind, padded_len, signed_bytes};
