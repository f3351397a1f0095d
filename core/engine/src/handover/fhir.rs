//! FHIR R4 exports: one Bundle of type `collection`, or one resource per line.

use crate::error::Result;
use std::io::Write;

/// Formats a record can be exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// One FHIR R4 Bundle of type `collection`.
    Fhir,
    /// One resource per line.
    Ndjson,
    /// A zip of Bundles, the bytes of documents, and a manifest: see [`super::ArchiveWriter`].
    Archive,
}

/// Writes resources one after another; nothing is held in memory.
pub struct FhirWriter<'a> {
    out: &'a mut dyn Write,
    format: ExportFormat,
    count: u64,
}

impl<'a> FhirWriter<'a> {
    /// Begins an export.
    pub fn begin(out: &'a mut dyn Write, format: ExportFormat) -> Result<Self> {
        if format == ExportFormat::Fhir {
            write_start(out, "")?;
        }
        Ok(Self {
            out,
            format,
            count: 0,
        })
    }

    /// Writes one resource with the `fullUrl` it came with, if any.
    pub fn resource(&mut self, text: &str, full_url: Option<&str>) -> Result<()> {
        match self.format {
            ExportFormat::Ndjson => self.line(text)?,
            ExportFormat::Fhir | ExportFormat::Archive => {
                write_entry(self.out, self.count == 0, text, full_url)?;
            }
        }
        self.count += 1;
        Ok(())
    }

    /// A line break inside JSON text can only be white space between tokens, so leaving it out changes no content.
    fn line(&mut self, text: &str) -> Result<()> {
        for part in text.split(['\n', '\r']) {
            self.out.write_all(part.as_bytes())?;
        }
        self.out.write_all(b"\n")?;
        Ok(())
    }

    /// Ends the export and returns how many resources it holds.
    pub fn end(self) -> Result<u64> {
        if self.format == ExportFormat::Fhir {
            write_end(self.out)?;
        }
        self.out.flush()?;
        Ok(self.count)
    }
}

/// The beginning of a Bundle. Who issued the ids of its entries stands where the reader of FHIR looks for it.
pub(super) fn write_start(out: &mut dyn Write, issuer: &str) -> Result<()> {
    out.write_all(br#"{"resourceType":"Bundle","#)?;
    match issuer.split_once('|') {
        _ if issuer.is_empty() => (),
        Some((system, value)) => {
            let identifier = serde_json::json!({ "system": system, "value": value });
            write!(out, "\"identifier\":{identifier},")?;
        }
        None => {
            let meta = serde_json::json!({ "source": issuer });
            write!(out, "\"meta\":{meta},")?;
        }
    }
    out.write_all(br#""type":"collection","entry":["#)?;
    Ok(())
}

/// One entry, its text byte for byte.
pub(super) fn write_entry(
    out: &mut dyn Write,
    first: bool,
    text: &str,
    full_url: Option<&str>,
) -> Result<()> {
    out.write_all(if first { b"\n{" } else { b",\n{" })?;
    if let Some(url) = full_url {
        write!(out, "\"fullUrl\":{},", serde_json::Value::from(url))?;
    }
    write!(out, "\"resource\":{text}}}")?;
    Ok(())
}

/// The end of a Bundle.
pub(super) fn write_end(out: &mut dyn Write) -> Result<()> {
    out.write_all(b"\n]}\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn export(format: ExportFormat, resources: &[(&str, Option<&str>)]) -> String {
        let mut out = Vec::new();
        let mut writer = FhirWriter::begin(&mut out, format).unwrap();
        for (text, url) in resources {
            writer.resource(text, *url).unwrap();
        }
        assert_eq!(writer.end().unwrap(), resources.len() as u64);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_bundle_holds_texts_byte_for_byte() {
        let text = "{\"resourceType\":\"Patient\",\n  \"x\": 1.50}";
        let bundle = export(
            ExportFormat::Fhir,
            &[(text, Some("urn:uuid:\"1")), (text, None)],
        );
        assert!(bundle.contains(text));
        let value: serde_json::Value = serde_json::from_str(&bundle).unwrap();
        assert_eq!(value["entry"].as_array().unwrap().len(), 2);
        assert_eq!(value["entry"][0]["fullUrl"], "urn:uuid:\"1");
    }

    #[test]
    fn an_empty_bundle_is_json() {
        assert!(
            serde_json::from_str::<serde_json::Value>(&export(ExportFormat::Fhir, &[])).is_ok()
        );
    }

    #[test]
    fn a_line_holds_one_resource_even_when_it_was_indented() {
        let lines = export(
            ExportFormat::Ndjson,
            &[("{\r\n \"a\": \"b c\"\n}", None), ("{}", None)],
        );
        assert_eq!(lines, "{ \"a\": \"b c\"}\n{}\n");
    }
}
