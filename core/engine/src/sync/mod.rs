//! Sync: the session with a relay as a state machine that asks for I/O, and the small driver that does it.
//!
//! [`session`] knows the protocol and nothing else: it is fed answers and says what to send next. It opens no envelope and
//! touches no database: the vault plans what to push and pull, merges what came, and moves cursors in the same
//! transaction. `stream` is one end of a direct stream between two devices, bytes in and bytes out; `file` the records of a sync file;
//! `http` and `tcp` are the places that open a socket.

pub mod blobs;
pub mod file;
pub mod heirs;
#[cfg(feature = "http")]
mod http;
#[cfg(all(test, feature = "http"))]
mod http_tests;
pub mod session;
pub mod stream;
pub mod tcp;
pub mod wait;

#[cfg(feature = "http")]
pub use http::HttpTransport;
