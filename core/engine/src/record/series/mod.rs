//! Series: what wearables and medical devices measure by the thousand.
//!
//! A **sample** is one timed measurement. Samples of one metric, in one unit, from one source are a **series**. The model in
//! short, each rule once:
//!
//! * **Time** is an instant in milliseconds since 1970 UTC, with the offset the source wrote beside it, if it wrote one. A
//!   measurement over a span (steps, sleep) has an end too; it belongs to the moment it starts.
//! * **Values** are decimals exactly as written, in the unit they came in: nothing is converted to be stored. Every metric has one
//!   unit in which answers are given; a unit that cannot be converted to it exactly, by a ratio of whole numbers, is refused at
//!   the door (`unit`). So a correction of a factor never needs the source again.
//! * **Identity**: the source's own id where it has one (as a hash, [`SampleId`]); otherwise what the sample says is what it is.
//!   The same reading from two phones is one. Of several versions of one id in a day the newest counts.
//! * **Deletions** name ids. What was deleted stays deleted, whichever comes first, the sample or its deletion.
//! * Samples and deletions only ever add up: two devices that hold the same sets hold the same series (INV-1).
//!
//! A source is told by a key that stays the same when two phones read one device; what it is called is only shown. This
//! module knows nothing of where samples are kept, of clocks and of time zones.

pub mod calendar;
pub mod chart;
mod column;
mod decimal;
mod metric;
pub mod rollup;
mod sample;
pub mod segment;
pub mod unit;
mod varint;

pub use decimal::Decimal;
pub use metric::{Category, Component, Kind, Metric};
pub use sample::{
    Absent, Deletion, MAX_COMPONENTS, MAX_SOURCE_BYTES, Quality, Reading, Sample, SampleBatch,
    SampleId, Source, SourceKind,
};
pub use unit::Unit;
