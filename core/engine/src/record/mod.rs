//! The model of a person's record: what a resource is, how it is named, what a change holds, what a row shows, and the
//! patient's own layer. Pure: no clock, no I/O, no keys.

pub mod category;
pub mod change;
pub mod check_digits;
pub mod codes;
pub mod confidentiality;
pub mod emergency;
pub mod identity;
pub mod ids;
pub mod json;
pub mod measured;
pub mod patient;
pub mod resource;
pub mod row;
pub mod series;
pub mod snapshot;
pub mod text;
pub mod time;
pub mod traits;
pub mod value;
pub mod view;
