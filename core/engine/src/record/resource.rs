//! A FHIR R4 resource as received: its identity, its version, and everything a view needs of it.

use super::ids::{ContentHash, ResourceId};
use super::row::Row;

/// Everything derived from a resource's text, its issuer and its `fullUrl`. The text itself stays with the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Deterministic name.
    pub id: ResourceId,
    /// Version: hash of the content.
    pub content: ContentHash,
    /// FHIR resource type.
    pub kind: String,
    /// The source's own id, `Type/id` or a URL, for provenance.
    pub native: String,
    /// `meta.versionId`.
    pub version: Option<String>,
    /// `meta.lastUpdated`, as written.
    pub last_updated: Option<String>,
    /// The flat row.
    pub row: Row,
    /// Words for full-text search, folded (lower case, no accents, no elisions), separated by spaces.
    pub words: String,
    /// References to other resources: the element path and the key of the target (see [`Resource::aliases`]).
    pub references: Vec<Reference>,
    /// Keys under which other resources may refer to this one.
    pub aliases: Vec<String>,
}

/// A reference inside a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Element path, such as `subject` or `performer[0]`.
    pub path: String,
    /// The key its target carries among its aliases.
    pub target: String,
}
