//! The encrypted database.

pub mod log;
