//! What a FHIR server answers: a page of a search, a resource, or an OperationOutcome.
//!
//! **Identity.** A resource is named by the address it was asked at and its `Type/id`; the `fullUrl` of the entry is not
//! believed. A server behind a proxy writes the name of another machine there, and a malicious one would write the address
//! of another provider, to have its resources taken for new versions of theirs.
//!
//! Besides the drafts an answer names what belongs to them and is not among them: files (`DocumentReference`,
//! `DiagnosticReport`, `Media`) and resources outside the patient's compartment (who prescribed, which medicine). Nothing is
//! fetched here, and nothing elsewhere than below the base is named.

use super::items::{Items, entry_of};
use super::tally::Tally;
use super::{Document, Draft, Outcome, Refused};
use crate::record::confidentiality::is_confidential;
use crate::record::json::{self, Limits, MAX_DEPTH, Object, Value};
use crate::record::time::parse_instant;
pub use crate::record::time::write_utc;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Most bytes of one answer.
pub const MAX_ANSWER: usize = 32 << 20;
/// Most values in one answer: a page of fifty large resources.
const LIMITS: Limits = Limits {
    depth: MAX_DEPTH + 16,
    nodes: 4_000_000,
};
/// Most words of a server shown, and most characters of one.
const MAX_MESSAGES: usize = 4;
const MAX_MESSAGE: usize = 200;

/// Kinds that patients' resources refer to and that no search for a patient finds.
const BESIDE: [&str; 5] = [
    "Location",
    "Medication",
    "Organization",
    "Practitioner",
    "PractitionerRole",
];

/// What an answer holds.
#[derive(Debug, Default)]
pub struct Answer {
    /// Its `resourceType`.
    pub kind: String,
    /// The resources.
    pub drafts: Vec<Draft>,
    /// What is FHIR and not R4.
    pub documents: Vec<Document>,
    /// What could not be read.
    pub refused: Vec<Refused>,
    /// Entries, readable or not, without messages of the server.
    pub entries: u64,
    /// The address of the next page, as written.
    pub next: Option<String>,
    /// `meta.lastUpdated` of a Bundle: the server's time, in milliseconds since 1970.
    pub time: Option<i64>,
    /// What the server says in words, for the person only: it may speak of their health.
    pub messages: Vec<String>,
    /// Resources these refer to, as `Type/id`.
    pub beside: BTreeSet<String>,
    /// Files these consist of.
    pub files: Vec<LinkedFile>,
    /// Files that lie at another server: their address stays in the resource.
    pub elsewhere: u64,
}

/// A file of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkedFile {
    /// The resource, as `Type/id`.
    pub of: String,
    /// Where, below the base, as written.
    pub url: String,
    /// The media type, where the resource says it.
    pub media_type: Option<String>,
    /// The version of the resource that names it.
    pub version: String,
    /// Whether that resource is labelled a secret.
    pub confidential: bool,
}

/// Reads the answer of the server at `base` (no slash at its end).
pub fn read_answer(bytes: &[u8], base: &str) -> Result<Answer, &'static str> {
    const NOT_FHIR: &str = "the answer is not FHIR in JSON";
    let text = std::str::from_utf8(bytes).map_err(|_| NOT_FHIR)?;
    if text.len() > MAX_ANSWER {
        return Err("the answer is larger than 32 MiB");
    }
    let object = json::parse_within(text, LIMITS).map_err(|_| NOT_FHIR)?;
    let kind = object.str("resourceType").ok_or(NOT_FHIR)?;
    let mut answer = Answer {
        kind: kind.to_owned(),
        ..Answer::default()
    };
    match kind {
        "OperationOutcome" => answer.listen(&object),
        "Bundle" => answer.bundle(&object, base),
        _ => answer.resource(&object, base, "file"),
    }
    Ok(answer)
}

impl Answer {
    fn bundle(&mut self, bundle: &Object<'_>, base: &str) {
        let next = bundle
            .objects("link")
            .find(|link| link.str("relation") == Some("next"));
        self.next = next.and_then(|link| link.str("url")).map(str::to_owned);
        let updated = bundle
            .object("meta")
            .and_then(|meta| meta.str("lastUpdated"));
        self.time = updated
            .and_then(parse_instant)
            .map(|(seconds, nanos)| seconds * 1_000 + i64::from(nanos / 1_000_000));
        for (index, entry) in (0_u64..).zip(bundle.objects("entry")) {
            let Some(resource) = entry.object("resource") else {
                continue;
            };
            match resource.str("resourceType") {
                Some("OperationOutcome") => self.listen(resource),
                _ => self.resource(resource, base, &entry_of("file", index)),
            }
        }
    }

    fn resource(&mut self, resource: &Object<'_>, base: &str, location: &str) {
        self.entries += 1;
        let native = native(resource);
        let full_url = native.as_ref().map(|native| format!("{base}/{native}"));
        let mut found = Vec::with_capacity(1);
        let mut version = String::new();
        let mut items = Items {
            sink: &mut |outcome| {
                found.push(outcome);
                ControlFlow::Continue(())
            },
            tally: Tally::default(),
            only: None,
        };
        // The sink never stops, and nothing is read from outside: there is nothing to fail.
        let _ = items.resource(resource, "", full_url.as_deref(), location);
        for outcome in found {
            match outcome {
                Outcome::Draft(draft) => {
                    version = draft.resource.content.to_string();
                    self.drafts.push(*draft);
                }
                Outcome::Document(document) => self.documents.push(document),
                Outcome::Refused(refused) => self.refused.push(refused),
                Outcome::Deleted(_) => (),
            }
        }
        self.note_beside(resource, base);
        self.note_files(
            resource,
            base,
            native.as_deref().unwrap_or_default(),
            &version,
        );
    }

    /// Keeps what the server says.
    fn listen(&mut self, outcome: &Object<'_>) {
        for issue in outcome.objects("issue") {
            let details = issue.object("details").and_then(|details| {
                let display = || details.object("coding")?.str("display");
                details.str("text").or_else(display)
            });
            let said = details
                .or_else(|| issue.str("diagnostics"))
                .or_else(|| issue.str("code"));
            if let Some(said) = said.filter(|_| self.messages.len() < MAX_MESSAGES) {
                self.messages.push(said.chars().take(MAX_MESSAGE).collect());
            }
        }
    }

    fn note_beside(&mut self, object: &Object<'_>, base: &str) {
        for (name, value) in object.members() {
            match value {
                Value::String(reference) if name == "reference" => {
                    let native = below(reference, base).filter(|native| is_beside(native));
                    self.beside.extend(native.map(str::to_owned));
                }
                Value::Object(inner) => self.note_beside(inner, base),
                Value::Array(elements) => elements
                    .iter()
                    .filter_map(Value::as_object)
                    .for_each(|inner| self.note_beside(inner, base)),
                _ => (),
            }
        }
    }

    fn note_files(&mut self, resource: &Object<'_>, base: &str, of: &str, version: &str) {
        let kind = resource.str("resourceType").unwrap_or_default();
        let confidential = is_confidential(kind, resource.text());
        let attachments: Vec<&Object<'_>> = match kind {
            "DocumentReference" => resource
                .objects("content")
                .filter_map(|content| content.object("attachment"))
                .collect(),
            "DiagnosticReport" => resource.objects("presentedForm").collect(),
            "Media" => resource.objects("content").collect(),
            _ => Vec::new(),
        };
        for attachment in attachments {
            let Some(url) = attachment.str("url") else {
                continue; // its bytes are in the resource, or it has none
            };
            match below(url, base) {
                Some(_) => self.files.push(LinkedFile {
                    of: of.to_owned(),
                    url: url.to_owned(),
                    media_type: attachment.str("contentType").map(str::to_owned),
                    version: version.to_owned(),
                    confidential,
                }),
                None => self.elsewhere += 1,
            }
        }
    }
}

/// `Type/id`.
fn native(resource: &Object<'_>) -> Option<String> {
    let (kind, id) = (resource.str("resourceType")?, resource.str("id")?);
    Some(format!("{kind}/{id}"))
}

/// What stands behind the base in an address below it; an address without a server is below it.
fn below<'a>(address: &'a str, base: &str) -> Option<&'a str> {
    let path = match address.strip_prefix(base) {
        Some(rest) => rest.strip_prefix('/')?,
        None => address,
    };
    let plain = !path.is_empty() && !path.contains([':', '\\', '#']) && !path.starts_with('/');
    plain.then_some(path)
}

fn is_beside(native: &str) -> bool {
    let named = native.split_once('/').is_some_and(|(kind, id)| {
        let plain = id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        BESIDE.contains(&kind) && plain && !id.is_empty() && !id.starts_with('.')
    });
    named && native.len() <= 256
}

/// Whether a CapabilityStatement speaks of R4, which kinds it names, and whether it offers `$everything` on a patient.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// `fhirVersion`; none when it does not say.
    pub release: Option<String>,
    /// The kinds it lists.
    pub kinds: BTreeSet<String>,
    /// `Patient/$everything`.
    pub everything: bool,
    /// The legacy `oauth-uris`: where to authorise, where to get tokens.
    pub authorise: Option<String>,
    /// See `authorise`.
    pub token: Option<String>,
}

/// Reads a CapabilityStatement. Real ones are inaccurate: whoever asks takes it as a hint.
pub fn read_capabilities(bytes: &[u8]) -> Option<Capabilities> {
    let text = std::str::from_utf8(bytes).ok()?;
    let statement = json::parse_within(text, LIMITS).ok()?;
    let kind = statement.str("resourceType")?;
    if kind != "CapabilityStatement" && kind != "Conformance" {
        return None;
    }
    let mut found = Capabilities {
        release: statement.str("fhirVersion").map(str::to_owned),
        ..Capabilities::default()
    };
    for rest in statement.objects("rest") {
        for resource in rest.objects("resource") {
            let kind = resource.str("type").unwrap_or_default();
            found.kinds.insert(kind.to_owned());
            found.everything |=
                kind == "Patient" && offers_everything(resource.objects("operation"));
        }
        found.everything |= offers_everything(rest.objects("operation"));
        for uris in rest
            .object("security")
            .into_iter()
            .flat_map(|security| security.objects("extension"))
        {
            let uri = |name: &str| {
                let found = uris
                    .objects("extension")
                    .find(|one| one.str("url") == Some(name));
                found.and_then(|one| one.str("valueUri")).map(str::to_owned)
            };
            found.authorise = found.authorise.or_else(|| uri("authorize"));
            found.token = found.token.or_else(|| uri("token"));
        }
    }
    Some(found)
}

fn offers_everything<'a>(mut operations: impl Iterator<Item = &'a Object<'a>>) -> bool {
    operations.any(|operation| {
        let named = operation
            .str("name")
            .is_some_and(|name| name.trim_start_matches('$') == "everything");
        let defined = operation.str("definition").unwrap_or_default();
        named || defined.ends_with("Patient-everything")
    })
}

#[cfg(test)]
mod tests;
