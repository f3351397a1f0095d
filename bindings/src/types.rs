//! The values that cross: the engine's own types, declared again field by field. Nothing converts between the two; a field that
//! is missing here or differs there does not compile.
//!
//! The engine's documentation of a field is not repeated: what stands here is what an app's developer cannot see from the name.

mod changes;
mod people;
mod record;
mod safety;

pub use safety::RecoverySheet;
