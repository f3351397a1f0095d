//! Handing the record over in open formats. What leaves is the original text of each resource, byte for byte: reading an
//! export into an empty vault and exporting again gives the same set.

mod fhir;
pub mod series;

pub use fhir::{ExportFormat, FhirWriter};
