//! Sync: the session with a relay as a state machine that asks for I/O, and the small driver that does it.
//!
//! [`session`] knows the protocol and nothing else: it is fed answers and says what to send next. It opens no envelope and
//! touches no database: the vault plans what to push and pull, merges what came, and moves cursors in the same
//! transaction. `http` is the one place that opens a socket.

pub mod blobs;
#[cfg(feature = "http")]
mod http;
pub mod session;
pub mod stream;

#[cfg(feature = "http")]
pub use http::HttpTransport;
