//! Handing the record over in open formats. What leaves is the original text of each resource, byte for byte: reading an
//! export into an empty vault and exporting again gives the same set.

mod archive;
mod fhir;

pub use archive::{ARCHIVE_VERSION, ArchiveWriter, ArchivedDocument, MANIFEST, Part};
pub use fhir::{ExportFormat, FhirWriter};
