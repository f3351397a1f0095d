//! Snapshots where the rooms meet: made from what this device has merged, loaded by a device that lacks it, acknowledged,
//! and then what they replace is let go of, here and at the relay.
//!
//! ```text
//! owner's device     make (pieces to files) ──► upload ──► manifest into the chain ──► push
//! another device     pull ──► judge: all here? compare ──► an empty change, which acknowledges by its `seen`
//!                            └► lacks something? jump, fetch pieces by priority, merge each in its own transaction
//! owner's device     acknowledged, or thirty days ──► let go of spent changes and sent bytes ──► retire at the relay
//! ```
//! Invariants: the new is durable before the old goes; only what a snapshot lists is let go of, and it lists only what its
//! maker has merged; until every piece is here this device tells nobody (`seen`) that it has what they bring. What sources
//! wrote stays on every device for ever.

mod carrying;
mod hand_on;
mod judge;
mod letting_go;
mod load;
mod make;
mod maker;
mod standing;
#[cfg(test)]
mod tests;
mod upkeep;

pub use hand_on::{HandOn, NEEDS_RELAY, hand_on};
pub use judge::{Judgement, judge};
pub use load::{take_in, wanted};

pub use make::{Making, Reuse, make};
pub use standing::{data_logs, stands_for};
pub(super) use upkeep::Upkeep;

/// Changes since the last snapshot at which a sync makes the next one.
pub const SNAPSHOT_AFTER: u64 = 500;
/// How long an owner's device waits for another device before it lets go: 30 days, in milliseconds.
pub const PATIENCE_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// After how many milliseconds an owner's device asks a relay again whether it holds the pieces: a day. A relay that lost some, or
/// lied, does not say so, and a phone that needs them waits until then (seed 74 of the lying relay).
const ASK_AGAIN_MS: i64 = 24 * 3_600 * 1_000;
/// Changes looked at in one transaction.
const CLASSIFY_STEP: usize = 500;
/// Changes that nobody has looked at after which a sync does.
const CLASSIFY_AFTER: usize = 200;
/// Changes, and envelopes of the outbox, let go of in one transaction.
const COMPACT_STEP: usize = 2_000;
/// Free pages given back in one transaction: 4 MiB.
const PAGES_STEP: usize = 1_000;
/// A piece of changes this small is written again together with others,
const SMALL_PIECE_BYTES: u64 = 64 << 10;
/// once there are more of them than this.
const MAX_SMALL_PIECES: usize = 8;
