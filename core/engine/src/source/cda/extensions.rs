//! The extensions a CDA reader writes: what FHIR R4 has no member for.

/// Where a resource comes from: `document` (valueUri), `section` (valueCoding) and `path` (valueString) inside it.
pub use crate::record::resource::CDA_SOURCE as SOURCE;

/// The XML of what was in a statement and has no place in the resource.
pub use crate::record::resource::CDA_REMAINDER as REMAINDER;

/// A small finding that the source wrote inside another statement: `code` and `value`.
pub const DETAIL: &str = "urn:carnet:cda-detail";

/// A resource that the source wrote inside another statement.
pub const RELATED: &str = "urn:carnet:cda-related";

/// A modifier: the source denies what the resource says.
pub const NEGATED: &str = "urn:carnet:cda-negated";

/// Another Observation of one document that says the same measurement in another unit.
pub const SAME_MEASUREMENT: &str = "urn:carnet:same-measurement";
