//! What becomes of one parsed value: a draft, a document, a deletion, or a refusal. Bundles inside it are flattened.

use super::bundle::Head;
use super::release::other_release;
use super::tally::Tally;
use super::{Deleted, Document, Draft, MAX_ITEMS, MAX_REFUSED, Outcome, Refused};
use crate::error::Result;
use crate::record::identity::Context;
use crate::record::json::{self, Limits, MAX_DEPTH, MAX_NODES, Object};
use crate::record::resource::read_object;
use std::ops::ControlFlow;

/// Deepest nesting of Bundles in Bundles.
const MAX_BUNDLES: u32 = 4;
/// An entry holds a resource, or a Bundle of a few.
pub(super) const ENTRY_LIMITS: Limits = Limits {
    depth: MAX_DEPTH + 16,
    nodes: MAX_NODES * 2,
};

const TOO_MANY: &str = "more than 20,000,000 items in one file: reading stopped";
const TOO_MANY_REFUSED: &str = "100,000 items could not be read: reading stopped";
const NO_RESOURCE: &str = "the entry has no resource";
pub(super) const PATCH: &str = "the entry is a patch, not a resource";
const SERVER_MESSAGE: &str = "a server's message (OperationOutcome), not a part of a record";
pub(super) const NOT_A_KIND: &str = "no resourceType: not a FHIR resource";
pub(super) const NESTED: &str = "bundles nested more than 4 deep";
pub(super) const TOO_LARGE: &str = "larger than 16 MiB";
pub(super) const NOT_UTF_8: &str = "the text is not valid UTF-8";

/// Whether to go on; the sink or a broken file says no.
pub(super) type Flow = Result<ControlFlow<()>>;
pub(super) const GO_ON: Flow = Ok(ControlFlow::Continue(()));

/// Returns from a function of [`Flow`] when reading must stop.
macro_rules! flow {
    ($flow:expr) => {
        if ($flow)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    };
}
pub(super) use flow;

/// Where everything that was found goes.
pub(super) struct Items<'s> {
    /// The caller.
    pub sink: &'s mut dyn FnMut(Outcome) -> ControlFlow<()>,
    /// What was met so far.
    pub tally: Tally,
    /// Values whose text does not hold this word are passed over, unparsed.
    pub only: Option<&'static str>,
}

impl Items<'_> {
    /// Whether a value is to be read.
    pub fn wants(&self, text: &str) -> bool {
        self.only.is_none_or(|word| text.contains(word))
    }

    /// One whole value of the file: a resource, or a small Bundle.
    pub fn item(&mut self, bytes: &[u8], location: &str) -> Flow {
        let text = std::str::from_utf8(bytes);
        if text.is_ok_and(|text| !self.wants(text)) {
            return GO_ON;
        }
        match text.map(|text| json::parse_within(text, ENTRY_LIMITS)) {
            Err(_) => self.refuse(location.to_owned(), NOT_UTF_8),
            Ok(Err(refusal)) => self.refuse(location.to_owned(), refusal.0),
            Ok(Ok(object)) if object.str("resourceType") == Some("Bundle") => {
                self.bundle(&object, location, 1)
            }
            Ok(Ok(object)) => self.resource(&object, "", None, location),
        }
    }

    fn bundle(&mut self, bundle: &Object<'_>, location: &str, nesting: u32) -> Flow {
        if nesting > MAX_BUNDLES {
            return self.refuse(location.to_owned(), NESTED);
        }
        self.tally.fhir = true;
        let head = Head::of(bundle);
        self.tally.empty_bundles += u64::from(bundle.elements("entry").is_empty());
        for (index, entry) in (0_u64..).zip(bundle.elements("entry")) {
            let at = entry_of(location, index);
            flow!(match entry.as_object() {
                Some(entry) => self.entry(entry, &at, &head, nesting),
                None => self.refuse(at, NO_RESOURCE),
            });
        }
        GO_ON
    }

    pub fn entry(&mut self, entry: &Object<'_>, location: &str, head: &Head, nesting: u32) -> Flow {
        self.tally.fhir = true;
        let request = entry.object("request");
        let method = request
            .and_then(|request| request.str("method"))
            .unwrap_or_default();
        let full_url = entry.str("fullUrl");
        if entry.object("search").and_then(|search| search.str("mode")) == Some("outcome") {
            self.tally.messages += 1;
            return GO_ON;
        }
        if method == "DELETE" {
            let url = full_url.or_else(|| request?.str("url"));
            return self.deleted(url.unwrap_or_default(), head, location);
        }
        let Some(resource) = entry.object("resource") else {
            if request.is_none() && entry.object("response").is_none() {
                return self.refuse(location.to_owned(), NO_RESOURCE);
            }
            self.tally.answers += 1;
            return GO_ON;
        };
        match resource.str("resourceType") {
            _ if method == "PATCH" => self.refuse(location.to_owned(), PATCH),
            Some("Bundle") => self.bundle(resource, location, nesting + 1),
            Some("OperationOutcome") => {
                self.tally.messages += 1;
                GO_ON
            }
            _ => {
                let (issuer, full_url) = head.name(resource, full_url);
                self.resource(resource, issuer, full_url.as_deref(), location)
            }
        }
    }

    /// One resource that its issuer or `fullUrl` names.
    pub fn resource(
        &mut self,
        resource: &Object<'_>,
        issuer: &str,
        full_url: Option<&str>,
        location: &str,
    ) -> Flow {
        let location = location.to_owned();
        let Some(kind) = resource
            .str("resourceType")
            .filter(|kind| is_kind_name(kind))
        else {
            return self.refuse(location, NOT_A_KIND);
        };
        self.tally.fhir = true;
        if kind == "OperationOutcome" {
            return self.refuse(location, SERVER_MESSAGE);
        }
        if let Some(reason) = other_release(kind, resource) {
            self.tally.documents += 1;
            let text = resource.text().to_owned();
            return self.give(Outcome::Document(Document {
                location,
                reason,
                text,
            }));
        }
        match read_object(resource, issuer, full_url) {
            Err(refusal) => self.refuse(location, refusal.0),
            Ok(derived) => self.give(Outcome::Draft(Box::new(Draft {
                location,
                issuer: issuer.to_owned(),
                full_url: full_url.map(str::to_owned),
                text: resource.text().to_owned(),
                resource: derived,
            }))),
        }
    }

    fn deleted(&mut self, url: &str, head: &Head, location: &str) -> Flow {
        self.tally.deletions += 1;
        let context = Context {
            kind: "",
            id: None,
            issuer: &head.issuer,
            full_url: None,
        };
        let absolute = head
            .base
            .as_ref()
            .filter(|_| !url.contains(':'))
            .map(|base| format!("{base}/{url}"));
        match context.scope().key(absolute.as_deref().unwrap_or(url)) {
            Some(key) => self.give(Outcome::Deleted(Deleted {
                location: location.to_owned(),
                key,
            })),
            None => GO_ON,
        }
    }

    pub fn refuse(&mut self, location: String, reason: &'static str) -> Flow {
        self.tally.refused += 1;
        if self.tally.refused >= MAX_REFUSED {
            return self.stop(TOO_MANY_REFUSED);
        }
        self.give(Outcome::Refused(Refused { location, reason }))
    }

    fn give(&mut self, outcome: Outcome) -> Flow {
        self.tally.items += 1;
        if self.tally.items > MAX_ITEMS {
            return self.stop(TOO_MANY);
        }
        Ok((self.sink)(outcome))
    }

    /// Says why and stops, whatever the sink answers.
    fn stop(&mut self, reason: &'static str) -> Flow {
        let location = "file".to_owned();
        let _ = (self.sink)(Outcome::Refused(Refused { location, reason }));
        Ok(ControlFlow::Break(()))
    }
}

/// The name of a place inside another.
pub(super) fn entry_of(location: &str, index: u64) -> String {
    match location {
        "file" => format!("entry[{index}]"),
        line if line.starts_with("line ") && !line.contains("entry") => {
            format!("{line} entry[{index}]")
        }
        other => format!("{other}.entry[{index}]"),
    }
}

fn is_kind_name(kind: &str) -> bool {
    kind.len() <= 64
        && kind.starts_with(|first: char| first.is_ascii_uppercase())
        && kind.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
