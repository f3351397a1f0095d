//! A FHIR R4 resource as received: its identity, its version, and everything a view needs of it.
//!
//! All of it is a function of the text, the issuer and the `fullUrl`: whoever receives a change derives it again, and gets
//! the same. FHIR validity is not checked: a record keeps what providers wrote.

use super::codes::{is_r4_kind, kind_names};
use super::identity::{Context, Scope, derive_id, first_half};
use super::ids::{ContentHash, ResourceId};
use super::json::{self, Limits, Object, Refusal, Value};
use super::row::{Row, derive_row};
use super::text::{Folder, distinct_words};

/// Most references kept of one resource; its text keeps them all.
pub const MAX_REFERENCES: usize = 4_096;
/// Longest id, URL, version or reference of a resource, in bytes.
pub const MAX_NAME: usize = 2_048;

/// The extension that says where in a document a resource comes from. Nobody searches for its words.
pub const CDA_SOURCE: &str = "urn:carnet:cda-source";
/// The extension that keeps what was in a statement of a document and has no place in the resource, as XML.
pub const CDA_REMAINDER: &str = "urn:carnet:cda-remainder";

/// The object has no `resourceType`.
pub const NO_KIND: Refusal = Refusal("no resourceType: not a FHIR resource");
/// The `resourceType` is not one of FHIR R4.
pub const UNKNOWN_KIND: Refusal = Refusal("not a resource type of FHIR R4");
/// A bundle is a container: its entries are resources.
pub const IS_A_BUNDLE: Refusal = Refusal("a bundle is not a resource of its own");
/// A name is over [`MAX_NAME`].
pub const NAME_TOO_LONG: Refusal = Refusal("an id or URL is longer than 2,048 bytes");

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

/// Reads one resource from its text.
pub fn read(text: &str, issuer: &str, full_url: Option<&str>) -> Result<Resource, Refusal> {
    read_object(&json::parse(text)?, issuer, full_url)
}

/// Reads one resource that was already parsed, alone or as a part of a bundle. Gives what [`read`] gives for its text.
pub fn read_object(
    resource: &Object<'_>,
    issuer: &str,
    full_url: Option<&str>,
) -> Result<Resource, Refusal> {
    resource.check(Limits::RESOURCE)?;
    let kind = resource.str("resourceType").ok_or(NO_KIND)?;
    if kind == "Bundle" {
        return Err(IS_A_BUNDLE);
    }
    if !is_r4_kind(kind) {
        return Err(UNKNOWN_KIND);
    }
    let meta = |name: &str| resource.object("meta").and_then(|meta| meta.str(name));
    let (version, last_updated) = (meta("versionId"), meta("lastUpdated"));
    let context = Context {
        kind,
        id: resource.str("id"),
        issuer,
        full_url: full_url.filter(|url| !url.trim().is_empty()),
    };
    let names = [
        Some(issuer),
        context.id,
        context.full_url,
        version,
        last_updated,
    ];
    if names
        .into_iter()
        .flatten()
        .any(|name| name.len() > MAX_NAME)
    {
        return Err(NAME_TOO_LONG);
    }
    Ok(derive_resource(resource, &context, version, last_updated))
}

fn derive_resource(
    resource: &Object<'_>,
    context: &Context<'_>,
    version: Option<&str>,
    last_updated: Option<&str>,
) -> Resource {
    let content = hash_content(resource);
    let id = derive_id(context, resource, content);
    let scope = context.scope();
    let mut row = derive_row(id, context.kind, resource);
    row.display_from = row.display_from.and_then(|reference| scope.key(&reference));
    let mut walk = Walk::new(&scope);
    walk.name(context.kind, &row);
    walk.object(resource);
    Resource {
        id,
        content,
        kind: context.kind.to_owned(),
        native: context.native(),
        version: version.map(str::to_owned),
        last_updated: last_updated.map(str::to_owned),
        row,
        words: distinct_words(&walk.words.finish()),
        references: walk.references,
        aliases: context.aliases(&scope, resource),
    }
}

/// 16 bytes of BLAKE3, keyed by `carnet/1 content`, over the canonical form ([`json::write_canonical`]).
pub fn hash_content(resource: &Object<'_>) -> ContentHash {
    let mut canonical = String::with_capacity(resource.text().len());
    json::write_canonical(resource, &mut canonical);
    ContentHash(first_half(blake3::derive_key(
        "carnet/1 content",
        canonical.as_bytes(),
    )))
}

/// One walk over a resource that collects its words and its references.
struct Walk<'a> {
    scope: &'a Scope<'a>,
    path: Vec<Step<'a>>,
    words: Folder,
    references: Vec<Reference>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Member(&'a str),
    Element(usize),
}

impl<'a> Walk<'a> {
    fn new(scope: &'a Scope<'a>) -> Self {
        Self {
            scope,
            path: Vec::new(),
            words: Folder::default(),
            references: Vec::new(),
        }
    }

    /// What this build calls the resource, so that it is found in both languages.
    fn name(&mut self, kind: &str, row: &Row) {
        let kind = kind_names(kind);
        let names = [
            kind.map(|names| names.fr),
            kind.map(|names| names.en),
            row.display_fr,
            row.display_en,
        ];
        names
            .into_iter()
            .flatten()
            .for_each(|name| self.words.push(name));
        row.value.iter().for_each(|value| self.words.push(value));
    }

    fn object(&mut self, object: &'a Object<'_>) {
        match object.str("url") {
            Some(CDA_SOURCE) => return,
            Some(CDA_REMAINDER) => {
                let xml = object.str("valueString").unwrap_or_default();
                return self.words.push_markup(xml);
            }
            _ => (),
        }
        for (name, value) in object.members() {
            if is_silent(name) {
                continue;
            }
            match value {
                Value::String(text) if name == "reference" => self.reference(text),
                Value::String(text) if name == "div" => self.words.push_markup(text),
                Value::String(text) => self.word(text),
                Value::Object(_) | Value::Array(_) => {
                    self.path.push(Step::Member(name));
                    self.nested(value);
                    self.path.pop();
                }
                Value::Null | Value::Bool(_) | Value::Number(_) => (),
            }
        }
    }

    fn nested(&mut self, value: &'a Value<'_>) {
        match value {
            Value::Object(object) => self.object(object),
            Value::String(text) => self.word(text),
            Value::Array(elements) => {
                for (at, element) in elements.iter().enumerate() {
                    self.path.push(Step::Element(at));
                    self.nested(element);
                    self.path.pop();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => (),
        }
    }

    fn word(&mut self, text: &str) {
        if !is_machine_text(text) {
            self.words.push(text);
        }
    }

    fn reference(&mut self, reference: &str) {
        if reference.len() > MAX_NAME || self.references.len() >= MAX_REFERENCES {
            return;
        }
        if let Some(target) = self.scope.key(reference) {
            let path = self.written_path();
            self.references.push(Reference { path, target });
        }
    }

    fn written_path(&self) -> String {
        let mut path = String::with_capacity(16);
        for step in &self.path {
            match step {
                Step::Member(name) if path.is_empty() => path.push_str(name),
                Step::Member(name) => {
                    path.push('.');
                    path.push_str(name);
                }
                Step::Element(at) => {
                    path.push('[');
                    path.push_str(&at.to_string());
                    path.push(']');
                }
            }
        }
        path
    }
}

/// Members that say nothing a person would search for: names for machines, codes of a workflow, encoded bytes.
fn is_silent(name: &str) -> bool {
    matches!(
        name,
        "resourceType"
            | "id"
            | "meta"
            | "url"
            | "uri"
            | "system"
            | "fullUrl"
            | "use"
            | "unit"
            | "status"
            | "intent"
            | "data"
            | "hash"
            | "contentType"
            | "language"
            | "implicitRules"
            | "versionId"
            | "currency"
            | "clinicalStatus"
            | "verificationStatus"
    )
}

/// Dates, URLs and URNs.
fn is_machine_text(text: &str) -> bool {
    let dated = text.len() >= 7
        && text.bytes().take(4).all(|byte| byte.is_ascii_digit())
        && super::time::is_date(text);
    dated
        || ["http://", "https://", "urn:"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
}

#[cfg(test)]
#[path = "resource_tests.rs"]
mod tests;
