//! What a document is while it is read: its tree, its narrative, and the resources that grow out of it.
//!
//! Resources are gathered as [`Body`]s and written when their entry has been walked, because only then it is known what
//! nobody read: that is kept on them as XML. Every element of a statement therefore ends in exactly one place: in
//! a member of a resource, in a resource of its own, or in a remainder.

use super::extensions::{DETAIL, NEGATED, RELATED, REMAINDER, SOURCE};
use super::identity::{Naming, is_counted, is_statement, urn};
use super::media::Media;
use super::narrative::{Narrative, div_of};
use super::people::{put, put_list};
use super::tree::{Element, Mark};
use super::values::identifiers;
use super::{Accounting, Count, Embedded};
use crate::record::json::Refusal;
use crate::record::resource;
use crate::source::Draft;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Most bytes of resources from one document, with their words for search: with the tree, it keeps the reading of any file
/// under 100 MB of memory.
pub const MAX_DRAFT_BYTES: usize = 12 << 20;
/// Most resources of one entry, which wait for each other.
pub const MAX_ENTRY_RESOURCES: usize = 5_000;
/// Most bytes of XML kept on one resource.
pub const MAX_REMAINDER: usize = 2 << 20;

/// Over [`MAX_DRAFT_BYTES`] or [`MAX_ENTRY_RESOURCES`].
pub const TOO_MUCH: Refusal = Refusal("more content than a document of one person can need");
/// What is over [`MAX_REMAINDER`] and its kind.
pub const PART_TOO_LARGE: &str =
    "a part of the document is too large for a list: it is in the original only";

/// The section a statement stands in.
#[derive(Debug, Clone, Default)]
pub struct Section {
    /// Its code as FHIR writes it.
    pub coding: Option<Value>,
    /// The code alone.
    pub code: String,
    /// Its title.
    pub title: Option<String>,
}

/// Where a statement stands.
#[derive(Clone)]
pub struct Place<'s> {
    /// In which section.
    pub section: &'s Section,
    /// The steps from the document's element to the statement.
    pub path: String,
    /// Which entry of the document it belongs to, counted from 0.
    pub entry: usize,
}

impl Place<'_> {
    /// Some steps further in.
    pub fn inside(&self, steps: &str) -> Self {
        Self {
            path: format!("{}/{steps}", self.path),
            ..self.clone()
        }
    }
}

/// A statement inside another.
pub struct Nested<'a, 'd, 's> {
    /// The statement.
    pub element: Element<'a, 'd>,
    /// Where it stands.
    pub place: Place<'s>,
    /// How it is related: `typeCode`.
    pub relation: &'a str,
}

/// The statements directly inside another: in its entryRelationships or components.
pub fn nested<'a, 'd, 's>(
    statement: &Element<'a, 'd>,
    place: &Place<'s>,
) -> Vec<Nested<'a, 'd, 's>> {
    let mut found = Vec::new();
    for (link, step) in statement.steps() {
        if !matches!(link.name(), "entryRelationship" | "component") {
            continue;
        }
        for (element, inner) in link.steps() {
            if is_statement(element.name()) {
                found.push(Nested {
                    element,
                    place: place.inside(&format!("{step}/{inner}")),
                    relation: link.peek("typeCode").unwrap_or_default(),
                });
            }
        }
    }
    found
}

/// A resource that is being written.
pub struct Body<'a, 'd> {
    /// Its FHIR type.
    pub kind: &'static str,
    /// Its name.
    pub urn: String,
    /// Its members, but for `resourceType`, `meta`, `text` and `extension`.
    pub map: Map<String, Value>,
    /// Extensions beyond source and remainder.
    pub extensions: Vec<Value>,
    /// The elements whose remainders it keeps.
    pub hosts: Vec<Element<'a, 'd>>,
    /// `meta.versionId`.
    pub version: Option<String>,
    /// `meta.profile`: the template ids.
    templates: Vec<Value>,
    /// The XHTML of `text`.
    pub div: Option<String>,
    /// Where in the document; empty for people, who are the same from everywhere.
    pub path: String,
    section: Option<Value>,
    /// `meta.security`: the labels of a secret.
    pub security: Vec<Value>,
    /// Which entry of the document.
    pub entry: usize,
}

impl Body<'_, '_> {
    /// Sets a member that says something.
    pub fn put(&mut self, name: &str, value: Option<Value>) {
        put(&mut self.map, name, value);
    }

    /// Sets a list that has elements.
    pub fn put_list(&mut self, name: &str, list: Vec<Value>) {
        put_list(&mut self.map, name, list);
    }

    /// Adds to a list.
    pub fn push(&mut self, name: &str, value: Value) {
        let list = self.map.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(list) = list {
            list.push(value);
        }
    }

    /// Adds a small finding that belongs to this resource: its name and its value.
    pub fn detail(&mut self, code: Value, value: Map<String, Value>) {
        let mut said = vec![json!({"url": "code", "valueCodeableConcept": code})];
        for (name, part) in value {
            match name.strip_prefix('_') {
                None => said.push(json!({"url": "value", name: part})),
                Some(name) => {
                    if let Some(Value::Object(last)) = said.last_mut() {
                        last.insert(format!("_{name}"), part);
                    }
                }
            }
        }
        self.extensions
            .push(json!({"url": DETAIL, "extension": said}));
    }

    /// Names a resource that belongs to this one where FHIR has no member for it.
    pub fn relate(&mut self, urn: &str) {
        self.extensions
            .push(json!({"url": RELATED, "valueReference": {"reference": urn}}));
    }

    /// Marks what the source denies.
    pub fn negate(&mut self) {
        self.push(
            "modifierExtension",
            json!({"url": NEGATED, "valueBoolean": true}),
        );
    }
}

/// A document while it is read.
pub struct Reader<'a, 'd> {
    /// `ClinicalDocument`.
    pub document: Element<'a, 'd>,
    /// Its narrative.
    pub narrative: Narrative<'a, 'd>,
    /// What names it.
    pub key: [u8; 16],
    /// The name of its DocumentReference.
    pub urn: String,
    /// The document's type code.
    pub document_code: String,
    /// The patient's name among the drafts.
    pub patient: Option<String>,
    /// The encounter's name among the drafts.
    pub encounter: Option<String>,
    /// What is being written.
    pub bodies: Vec<Body<'a, 'd>>,
    /// The labels of a secret that are in force: the document's, and those of the sections that are being read. What is
    /// read under them carries them, whoever is met in it too.
    pub security: Vec<Value>,
    /// Files inside.
    pub media: Media,
    warnings: Vec<&'static str>,
    /// Bytes of narrative taken over.
    pub narrative_bytes: usize,
    drafts: Vec<Draft>,
    written: usize,
    too_much: bool,
    /// Statements around the next one that have no resource of their own.
    pub waiting: Vec<Element<'a, 'd>>,
    /// Entries met so far.
    pub entries: usize,
    shared: HashSet<String>,
    counts: HashMap<[u8; 16], u32>,
}

impl<'a, 'd> Reader<'a, 'd> {
    /// Begins with a document named `key`.
    pub fn new(document: Element<'a, 'd>, key: [u8; 16]) -> Self {
        let code = document.at("code").and_then(|code| code.peek("code"));
        Self {
            narrative: Narrative::of(&document),
            document,
            key,
            urn: Self::part_of(key, "DocumentReference"),
            document_code: code.unwrap_or_default().to_owned(),
            patient: None,
            encounter: None,
            bodies: Vec::new(),
            security: Vec::new(),
            media: Media::default(),
            warnings: Vec::new(),
            narrative_bytes: 0,
            drafts: Vec::new(),
            written: 0,
            too_much: false,
            waiting: Vec::new(),
            entries: 0,
            shared: HashSet::new(),
            counts: HashMap::new(),
        }
    }

    /// The name of the one resource of that kind a document has.
    pub fn part_of(key: [u8; 16], kind: &str) -> String {
        let mut naming = Naming::of(kind);
        naming.add(&key);
        urn(naming.finish())
    }

    /// A reference to the patient.
    pub fn patient_reference(&self) -> Value {
        match &self.patient {
            Some(urn) => json!({"reference": urn}),
            None => json!({"display": "?"}),
        }
    }

    /// Begins the resource of a statement.
    pub fn begin(
        &mut self,
        kind: &'static str,
        statement: &Element<'a, 'd>,
        place: &Place<'_>,
    ) -> Body<'a, 'd> {
        statement.mark_mapped();
        let mut naming = Naming::of(kind);
        naming.add(&self.key);
        naming.add(place.section.code.as_bytes());
        naming.add_statement(statement);
        let count = self.counts.entry(naming.finish()).or_default();
        naming.add(&count.to_be_bytes());
        *count += 1;
        let mut hosts = vec![*statement];
        hosts.append(&mut self.waiting);
        let mut body = Body {
            hosts,
            section: place.section.coding.clone(),
            entry: place.entry,
            ..self.bare(kind, urn(naming.finish()), &place.path)
        };
        body.templates = templates(statement);
        body.put_list("identifier", identifiers(statement));
        let said = statement
            .at("text")
            .and_then(|text| self.narrative.said(&text));
        body.div = said.map(|said| div_of(&said));
        body
    }

    /// Begins a resource that is no statement.
    pub fn bare(&self, kind: &'static str, urn: String, path: &str) -> Body<'a, 'd> {
        Body {
            kind,
            urn,
            map: Map::new(),
            extensions: Vec::new(),
            hosts: Vec::new(),
            version: None,
            templates: Vec::new(),
            div: None,
            path: path.to_owned(),
            section: None,
            security: self.security.clone(),
            entry: usize::MAX,
        }
    }

    /// Ends a resource: it waits to be written. Gives its name.
    pub fn end(&mut self, body: Body<'a, 'd>) -> String {
        let urn = body.urn.clone();
        self.too_much |= self.bodies.len() >= MAX_ENTRY_RESOURCES;
        if !self.too_much {
            self.bodies.push(body);
        }
        urn
    }

    /// Whether a limit was reached: the rest is not worth reading.
    pub fn is_too_much(&self) -> bool {
        self.too_much
    }

    /// Says something once.
    pub fn warn(&mut self, warning: &'static str) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Writes what waits: all that stands in one entry has been walked.
    pub fn flush(&mut self) {
        self.mark_same_measurements();
        for body in std::mem::take(&mut self.bodies) {
            if self.too_much {
                return;
            }
            if let Some(draft) = self.write(body) {
                self.written += draft.text.len() + draft.resource.words.len();
                self.too_much |= self.written > MAX_DRAFT_BYTES;
                self.drafts.push(draft);
            }
        }
    }

    /// A resource that is named by its content, once; a reference to it.
    pub fn shared(
        &mut self,
        kind: &'static str,
        map: Map<String, Value>,
        display: Option<String>,
    ) -> Value {
        let mut naming = Naming::of(kind);
        naming.add(Value::Object(map.clone()).to_string().as_bytes());
        naming.add(Value::Array(self.security.clone()).to_string().as_bytes());
        let urn = urn(naming.finish());
        if self.shared.insert(urn.clone()) {
            let mut body = self.bare(kind, urn.clone(), "");
            body.map = map;
            self.end(body);
        }
        match display {
            Some(display) => json!({"reference": urn, "display": display}),
            None => json!({"reference": urn}),
        }
    }

    /// Writes what is left.
    pub fn finish(mut self) -> Result<Finished, Refusal> {
        self.flush();
        if self.too_much {
            return Err(TOO_MUCH);
        }
        Ok(Finished {
            drafts: self.drafts,
            embedded: self.media.files,
            accounting: account(&self.document),
            warnings: self.warnings,
        })
    }

    fn write(&mut self, body: Body<'a, 'd>) -> Option<Draft> {
        let location = body.path.clone();
        let remainder = self.remainder(&body.hosts);
        let urn = body.urn.clone();
        let mut resource = self.resource_of(body, &remainder);
        let mut text = Value::Object(resource.clone()).to_string();
        let mut read = resource::read(&text, "", Some(&urn));
        if read.is_err() {
            self.warn(PART_TOO_LARGE);
            resource.remove("text");
            resource.remove("section");
            resource.remove("extension");
            text = Value::Object(resource).to_string();
            read = resource::read(&text, "", Some(&urn));
        }
        Some(Draft {
            location,
            issuer: String::new(),
            full_url: Some(urn),
            text,
            resource: read.ok()?,
        })
    }

    /// The XML that nobody read, of all hosts.
    fn remainder(&mut self, hosts: &[Element<'a, 'd>]) -> Vec<&'a str> {
        let mut pieces: Vec<&str> = hosts.iter().flat_map(Element::take_remainder).collect();
        let mut bytes = 0;
        let fitting = pieces.iter().take_while(|piece| {
            bytes += piece.len();
            bytes <= MAX_REMAINDER
        });
        let kept = fitting.count();
        if kept < pieces.len() {
            self.warn(PART_TOO_LARGE);
            pieces.truncate(kept);
        }
        pieces
    }

    fn resource_of(&self, body: Body<'a, 'd>, remainder: &[&str]) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("resourceType".to_owned(), json!(body.kind));
        let mut meta = Map::new();
        put(&mut meta, "versionId", body.version.map(Value::String));
        put_list(&mut meta, "profile", body.templates);
        put_list(&mut meta, "security", body.security);
        if !meta.is_empty() {
            out.insert("meta".to_owned(), Value::Object(meta));
        }
        put(
            &mut out,
            "text",
            body.div
                .map(|div| json!({"status": "additional", "div": div})),
        );
        let mut extensions = body.extensions;
        if !body.path.is_empty() {
            extensions.push(self.source(&body.path, body.section));
        }
        if !remainder.is_empty() {
            extensions.push(json!({"url": REMAINDER, "valueString": remainder.concat()}));
        }
        put_list(&mut out, "extension", extensions);
        out.extend(body.map);
        out
    }

    /// Where a resource comes from: the document, the section by its code, and the place of the element in it.
    fn source(&self, path: &str, section: Option<Value>) -> Value {
        let mut parts = vec![json!({"url": "document", "valueUri": self.urn})];
        parts.extend(section.map(|coding| json!({"url": "section", "valueCoding": coding})));
        parts.push(json!({"url": "path", "valueString": path}));
        json!({"url": SOURCE, "extension": parts})
    }
}

/// What a document gave.
pub struct Finished {
    /// Its resources.
    pub drafts: Vec<Draft>,
    /// The files in it.
    pub embedded: Vec<Embedded>,
    /// What became of its statements.
    pub accounting: Accounting,
    /// What a person should know.
    pub warnings: Vec<&'static str>,
}

/// The template ids of an element, as profiles.
pub fn templates(element: &Element<'_, '_>) -> Vec<Value> {
    let profile = |template: Element<'_, '_>| {
        let root = template.attribute("root")?;
        Some(match template.peek("extension") {
            Some(extension) => json!(format!("urn:hl7ii:{root}:{extension}")),
            None => json!(super::systems::uri_of(root)),
        })
    };
    element.all("templateId").filter_map(profile).collect()
}

/// What became of every statement, by the marks they carry.
fn account(document: &Element<'_, '_>) -> Accounting {
    let mut counts: BTreeMap<&'static str, Count> = BTreeMap::new();
    for element in document
        .descendants()
        .filter(|element| is_counted(element.name()))
    {
        let name = super::identity::COUNTED
            .into_iter()
            .find(|name| *name == element.name());
        let count = counts.entry(name.unwrap_or_default()).or_default();
        match element.mark() {
            Mark::Mapped => count.mapped += 1,
            Mark::Touched | Mark::Read => count.part += 1,
            Mark::Kept => count.kept += 1,
            Mark::None => count.lost += 1,
        }
    }
    Accounting { counts }
}
