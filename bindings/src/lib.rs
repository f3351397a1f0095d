//! Carnet for Kotlin and Swift: the vault's door through UniFFI, nothing more. Every method is one line onto the engine; no
//! rule of the record, of sync or of keys stands here. What does stand here is what only a border needs:
//!
//! | file | holds |
//! |---|---|
//! | `vault` | the object an app holds, its calls by subject as in the engine's `vault/door` |
//! | `work` | the threads calls run on, so that no call runs on the app's |
//! | `cancel`, `feed` | stopping a long call; telling the app how far it is, without waiting for the app |
//! | `changes` | telling the app that something was written |
//! | `host` | what the app lends: key store, network, log; each distrusted |
//! | `types`, `ids`, `error` | what crosses, by value |
//!
//! # What holds at the border
//! * **No call blocks the caller.** Calls that touch the vault are `suspend`/`async` and run on this library's threads. A
//!   coroutine or task that is cancelled meanwhile loses only the answer; the work goes on to its end. What stops work is a
//!   [`Cancel`]: Kotlin drops a cancelled future at once, Swift never does, an object does the same in both.
//! * **The app's code is not trusted to behave.** A key store may throw, block, or return rubbish: the call ends in
//!   `HostFailed` (or what it threw, if it was a `HostException`) and nothing is lost. Observers are called from threads of
//!   their own: one that throws, blocks or calls back in stops nobody.
//! * **No health data crosses in an error, a log line or a panic.** Error texts are constants of the engine; a foreign
//!   exception's text is dropped unread; a panic is logged as file and line and becomes `Bug`.
//! * **What crosses is copied.** The database key passes through the app's memory when its key store wraps or unwraps it, and
//!   this library cannot wipe a copy that a garbage collector made. Who can read the app's memory has the record anyway.
//!
//! Ids cross as hexadecimal text: equal by value in Kotlin (byte arrays are not), fit for map keys, intents and `Identifiable`,
//! and what they cost beside a call across the border cannot be measured. Something that is no id is `InvalidInput`.
//!
//! Types that Swift, Foundation, Combine or Kotlin have already under the engine's name have a longer one here (`CallProgress`,
//! `RecordCategory`, `MeetingRole`): `tests/api/signatures.py` refuses the others.

mod cancel;
mod changes;
mod error;
mod feed;
mod host;
mod ids;
mod types;
mod vault;
mod work;

pub use cancel::{Cancel, ProgressObserver};
pub use changes::{ChangesObserver, ChangesSubscription};
pub use error::HostError;
pub use host::{
    Header, HttpReply, KeyStore, LogLevel, LogSink, Transport, TransportRequest, set_log_sink,
};
pub use vault::{JoinObserver, ListenObserver, Meeting, Vault, WatchObserver};

uniffi::setup_scaffolding!("carnet");
