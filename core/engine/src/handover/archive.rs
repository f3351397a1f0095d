//! The archive: a whole record in one zip that any program can open, and that Carnet reads back without a difference.
//!
//! ```text
//! carnet-archive.json     what is in it: version, person, parts, documents, series
//! fhir/00001.json …       FHIR Bundles of type `collection`: one for each source and compartment, original texts byte for byte
//! versions/00001.json …   the same, of earlier versions of resources
//! documents/<blake3>.<x>  the bytes of documents, as they came
//! series/00001.bin …      samples, each file a segment of one series in Carnet's own columns
//! notes.json              what people wrote: notes and corrections, with the resource each is about
//! ```
//! A Bundle says who issued its ids in `meta.source` or `identifier`, where the reader of FHIR looks for it, so that every
//! resource gets the same name in another record; what a Bundle cannot say (the file its resources came from, the compartment)
//! stands in the manifest. Parts come in the order their resources were written, earlier versions before later ones.
//!
//! Not in it: who wrote a note, as a signature (the device that reads the archive signs what it writes, and time and author stand
//! in `notes.json` for people); values that lost a conflict; and the bytes of documents that are not on this device, which the
//! manifest lists as missing.

use super::fhir::{write_end, write_entry, write_start};
use crate::error::{Error, Result};
use crate::record::change::Origin;
use crate::record::ids::AttachmentId;
use serde_json::{Value, json};
use std::io::Write;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

/// The entry by which an archive is known.
pub const MANIFEST: &str = "carnet-archive.json";
/// The only version of this build.
pub const ARCHIVE_VERSION: u64 = 1;

/// Where the resources of one part come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Who issued their short ids.
    pub issuer: String,
    /// The file they came from.
    pub origin: Origin,
    /// The compartment they live in.
    pub compartment: String,
    /// Whether they are earlier versions.
    pub is_earlier: bool,
}

/// The entry of what people wrote.
pub const NOTES: &str = "notes.json";

/// Writes the bytes of one document.
pub type WriteDocument<'w> = &'w mut dyn FnMut(&mut dyn Write) -> Result<()>;

/// Writes an archive front to back; nothing is held in memory but the manifest.
pub struct ArchiveWriter<'a> {
    zip: ZipWriter<StreamWriter<&'a mut dyn Write>>,
    current: Option<Part>,
    in_part: u64,
    parts: Vec<Value>,
    documents: Vec<Value>,
    series: Vec<Value>,
    person: Value,
    count: u64,
}

impl<'a> ArchiveWriter<'a> {
    /// Begins an archive of a person's record.
    pub fn begin(out: &'a mut dyn Write, name: &str, birth_date: Option<&str>) -> Self {
        Self {
            zip: ZipWriter::new_stream(out),
            current: None,
            in_part: 0,
            parts: Vec::new(),
            documents: Vec::new(),
            series: Vec::new(),
            person: json!({"name": name, "birth_date": birth_date}),
            count: 0,
        }
    }

    /// Writes one resource with the `fullUrl` it came with.
    pub fn resource(&mut self, part: &Part, text: &str, full_url: Option<&str>) -> Result<()> {
        if self.current.as_ref() != Some(part) {
            self.end_part()?;
            self.begin_part(part)?;
        }
        write_entry(&mut self.zip, self.in_part == 0, text, full_url)?;
        self.in_part += 1;
        self.count += u64::from(!part.is_earlier);
        Ok(())
    }

    fn begin_part(&mut self, part: &Part) -> Result<()> {
        let folder = if part.is_earlier { "versions" } else { "fhir" };
        let file = format!("{folder}/{:05}.json", self.parts.len() + 1);
        self.start(&file, CompressionMethod::Deflated)?;
        write_start(&mut self.zip, &part.issuer)?;
        self.parts.push(json!({
            "file": file,
            "compartment": part.compartment,
            "origin": {
                "name": part.origin.name,
                "format": part.origin.format,
                "hash": blake3::Hash::from(part.origin.hash).to_hex().to_string(),
            },
        }));
        self.current = Some(part.clone());
        self.in_part = 0;
        Ok(())
    }

    fn end_part(&mut self) -> Result<()> {
        match self.current.take() {
            Some(_) => write_end(&mut self.zip),
            None => Ok(()),
        }
    }

    /// Writes one document; `None` for bytes that are not on this device.
    pub fn document(
        &mut self,
        document: &ArchivedDocument,
        write: Option<WriteDocument<'_>>,
    ) -> Result<()> {
        self.end_part()?;
        let file = format!(
            "documents/{}.{}",
            document.id,
            extension(&document.media_type)
        );
        let here = write.is_some();
        if let Some(write) = write {
            self.start(&file, CompressionMethod::Stored)?;
            write(&mut self.zip)?;
        }
        self.documents.push(json!({
            "file": here.then_some(file),
            "media_type": document.media_type,
            "size": document.size,
            "compartment": document.compartment,
        }));
        Ok(())
    }

    /// Writes samples of one series, as a segment; `series` says which.
    pub fn segment(&mut self, mut series: Value, segment: &[u8]) -> Result<()> {
        self.end_part()?;
        let file = format!("series/{:05}.bin", self.series.len() + 1);
        self.start(&file, CompressionMethod::Deflated)?;
        self.zip.write_all(segment)?;
        if let Some(members) = series.as_object_mut() {
            members.insert("file".to_owned(), json!(file));
        }
        self.series.push(series);
        Ok(())
    }

    /// Writes what people wrote.
    pub fn notes(&mut self, notes: &[Value], corrections: &[Value]) -> Result<()> {
        if notes.is_empty() && corrections.is_empty() {
            return Ok(());
        }
        self.end_part()?;
        self.start(NOTES, CompressionMethod::Deflated)?;
        let written = json!({"notes": notes, "corrections": corrections});
        Ok(self.zip.write_all(written.to_string().as_bytes())?)
    }

    fn start(&mut self, name: &str, method: CompressionMethod) -> Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .large_file(true);
        self.zip.start_file(name, options).map_err(failed)
    }

    /// Ends the archive and returns how many resources it holds.
    pub fn end(mut self) -> Result<u64> {
        self.end_part()?;
        self.start(MANIFEST, CompressionMethod::Deflated)?;
        let manifest = json!({
            "carnet": "archive",
            "version": ARCHIVE_VERSION,
            "person": self.person,
            "series": self.series,
            "parts": self.parts,
            "documents": self.documents,
        });
        self.zip.write_all(manifest.to_string().as_bytes())?;
        let out = self.zip.finish().map_err(failed)?.into_inner();
        out.flush()?;
        Ok(self.count)
    }
}

/// A document of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedDocument {
    /// Its name in the record.
    pub id: AttachmentId,
    /// Media type.
    pub media_type: String,
    /// Length in bytes.
    pub size: u64,
    /// The compartment it lives in.
    pub compartment: String,
}

fn failed(error: zip::result::ZipError) -> Error {
    match error {
        zip::result::ZipError::Io(error) => error.into(),
        _ => Error::Bug("an archive could not be written"),
    }
}

/// So that a double click opens what people know.
fn extension(media_type: &str) -> &'static str {
    match media_type {
        "application/pdf" => "pdf",
        "application/dicom" => "dcm",
        "application/fhir+json" | "application/json" => "json",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "image/tiff" => "tif",
        "image/heic" => "heic",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/xml" | "application/xml" | "application/fhir+xml" => "xml",
        "application/zip" => "zip",
        _ => "bin",
    }
}
