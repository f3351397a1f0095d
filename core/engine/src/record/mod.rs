//! The model of a person's record: what a resource is, how it is named, what a change holds, what a row shows, and the
//! patient's own layer. Pure: no clock, no I/O, no keys.

pub mod change;
pub mod ids;
pub mod patient;
pub mod resource;
pub mod row;
pub mod text;
pub mod view;
