//! The untrusted server of Carnet: it keeps sealed bytes in order for mailboxes it cannot read.
//!
//! It knows mailbox ids, three public keys each, sizes, times and bytes. It does not know members, devices, records or keys,
//! and it has no way to: this crate does not depend on the engine, on Automerge or on a cipher, which a test checks.
//!
//! | room | holds |
//! |---|---|
//! | [`storage`] | the log as a trait; [`conformance`] is what a backend must pass; [`sqlite`] is the embedded one |
//! | [`blobs`] | sealed attachments as files |
//! | [`sessions`], [`origin`] | who has proved what, and for which relay |
//! | [`rates`], [`metrics`] | how often one may ask; what the operator sees |
//! | [`service`] | what the relay does, without HTTP |
//! | `http`, `server` | HTTP around it; listening, limits of connections, stopping |
//! | [`backup`], [`fsck`] | a copy of a relay that runs; what is wrong with one that does not |
//!
//! What it promises: **INV-7**, an envelope it answered for is durable, and its sequence numbers have no gap. What it does not
//! promise, devices check for themselves: that it hides, forks or rolls back nothing.

pub mod backup;
pub mod blobs;
mod clock;
#[doc(hidden)]
pub mod conformance;
mod error;
pub mod fsck;
mod http;
pub mod metrics;
pub mod origin;
mod pending;
pub mod rates;
mod server;
pub mod service;
pub mod sessions;
pub mod sqlite;
pub mod storage;

pub use clock::Clock;
pub use error::{RelayError, StartError};
pub use pending::{Pending, Reply, pending};
pub use server::{Relay, RelayConfig, serve};
pub use service::{Limits, Service};
