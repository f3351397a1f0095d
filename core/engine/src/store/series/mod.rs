//! Series in the database: projecting segments, deletions and orders of sources, and what is asked of them.
//!
//! Invariant: `rollup` is a function of the set of samples and deletions, never of how they are cut into segments or in which
//! order they came. Samples lie in the changes; a row of `segment` says where.

mod feeds;
mod project;
mod read;
mod reading;

pub use feeds::{Feed, Reason, Unread, cover, feed_token, feeds, note_unread, reach};
pub use project::{Packed, Samples};
pub use read::{
    SeriesRow, each_sample, known_deletions, living, order_of, rollups, series, without_known,
};
pub use reading::{Reached, forget_reached, put_reached, reached};
