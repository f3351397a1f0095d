//! Handing the record over in open formats. What leaves is the original text of each resource, byte for byte: reading an
//! export into an empty vault and exporting again gives the same set.

mod archive;
mod fhir;
pub mod series;

pub use archive::{ARCHIVE_VERSION, ArchiveWriter, ArchivedDocument, MANIFEST, NOTES, Part};
pub use fhir::{ExportFormat, FhirWriter};
