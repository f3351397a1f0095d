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
}

impl ExportFormat {
    /// Its stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Ndjson => "ndjson",
        }
    }
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
            out.write_all(br#"{"resourceType":"Bundle","type":"collection","entry":["#)?;
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
            ExportFormat::Fhir => self.entry(text, full_url)?,
            ExportFormat::Ndjson => self.line(text)?,
        }
        self.count += 1;
        Ok(())
    }

    fn entry(&mut self, text: &str, full_url: Option<&str>) -> Result<()> {
        self.out
            .write_all(if self.count == 0 { b"\n{" } else { b",\n{" })?;
        if let Some(url) = full_url {
            write!(self.out, "\"fullUrl\":{},", serde_json::Value::from(url))?;
        }
        write!(self.out, "\"resource\":{text}}}")?;
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
            self.out.write_all(b"\n]}\n")?;
        }
        self.out.flush()?;
        Ok(self.count)
    }
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
