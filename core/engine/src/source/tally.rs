//! What was met in a file, and what a person is told about it.

/// What was met on the way.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) items: u64,
    pub(super) values: u64,
    pub(super) refused: u64,
    pub(super) lines: bool,
    pub(super) cut: bool,
    pub(super) fhir: bool,
    pub(super) documents: u64,
    pub(super) deletions: u64,
    pub(super) messages: u64,
    pub(super) answers: u64,
    pub(super) empty_bundles: u64,
}

impl Tally {
    pub(super) fn format(&self, gzip: bool) -> &'static str {
        match (self.fhir, self.lines || self.values > 1, gzip) {
            (false, _, _) => "unknown",
            (true, false, false) => "fhir-json",
            (true, false, true) => "fhir-json-gz",
            (true, true, false) => "fhir-ndjson",
            (true, true, true) => "fhir-ndjson-gz",
        }
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let counted = [
            (
                self.documents,
                "written for another FHIR release: kept as documents",
            ),
            (
                self.deletions,
                "marked as deleted at the source: the record keeps its copies",
            ),
            (self.messages, "messages of the server left out"),
            (
                self.answers,
                "entries without a resource left out (requests and answers)",
            ),
            (self.empty_bundles, "bundles without entries"),
        ];
        let said = counted.into_iter().filter(|(count, _)| *count > 0);
        said.map(|(count, text)| format!("{count} {text}"))
            .collect()
    }
}
