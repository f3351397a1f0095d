//! What names a resource, and how references find it.
//!
//! **Identity** is derived from the resource's text, its file's issuer and its `fullUrl`, and from nothing else, so that two
//! phones that import one file agree without talking. The first rule that applies decides:
//!
//! 1. `resource.id` is a UUID: it is the identity, wherever the resource was met (a bundle as `urn:uuid:…`, an NDJSON file
//!    as a bare id, two addresses of one server).
//! 2. `fullUrl` is `urn:uuid:…` or `urn:oid:…`: it is the identity.
//! 3. `fullUrl` is an http(s) URL that ends in the resource's own `Type/id`, or the resource has no id: the URL, without
//!    `/_history/…`, is the identity.
//! 4. The resource has a short id (`Observation/1`), which says something only to whoever issued it: the identity is the
//!    issuer, `Type/id` and a **fingerprint** of what does not change between versions (its system, its identifier, whom
//!    it is about, its code and day). Two
//!    hospitals' `Observation/1` are then two resources, while a later version of one of them is found again, even from a
//!    file that names no issuer. Where the fingerprint cannot tell, two resources are preferred to a false version.
//! 5. No id at all: the content is the identity.
//!
//! A UUID or URN counts as global only if it looks drawn at random: examples and hand-made files are full of
//! `00000000-0000-0000-0000-000000000001`, which goes by rule 4. OIDs as `resource.id` are not global either, since
//! published examples reuse HL7's own.
//!
//! **References** and aliases are keys of the same shape, so that a reference finds its target by equality:
//! `urn:uuid:x` for everything with a UUID, the URL for what has an http base, `issuer|Type/id` for short ids, and
//! `Type?identifier=system|value` for conditional references.

use super::ids::{ContentHash, ResourceId};
use super::json::Object;

/// Most aliases of one resource.
pub const MAX_ALIASES: usize = 12;

/// What is known about where a resource stood.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The resource type.
    pub kind: &'a str,
    /// `resource.id`.
    pub id: Option<&'a str>,
    /// Who issued short ids; empty when nobody is known.
    pub issuer: &'a str,
    /// The entry's `fullUrl`.
    pub full_url: Option<&'a str>,
}

/// A resource's identity, before it is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Named for the whole world.
    Global(String),
    /// Named by its issuer.
    Local(String),
    /// Named by what it says.
    Content,
}

impl<'a> Context<'a> {
    /// The rule that applies.
    pub fn identity(&self) -> Identity {
        if let Some(uuid) = self.id.and_then(global_uuid) {
            return Identity::Global(uuid);
        }
        match (self.full_url.and_then(global_urn), self.url()) {
            (Some(urn), _) => Identity::Global(urn),
            (None, Some(url)) => Identity::Global(url),
            (None, None) => self.local(),
        }
    }

    fn local(&self) -> Identity {
        let urn = self.full_url.filter(|url| url.starts_with("urn:"));
        match (self.id, urn) {
            (Some(id), _) => Identity::Local(format!("{}/{id}", self.kind)),
            (None, Some(urn)) => Identity::Local(urn.to_owned()),
            (None, None) => Identity::Content,
        }
    }

    /// The http(s) `fullUrl`, when it names this resource.
    fn url(&self) -> Option<String> {
        let url = self.full_url.and_then(normal_url)?;
        let own = self.id.is_none_or(|id| ends_with_path(&url, self.kind, id));
        own.then_some(url)
    }

    /// What stands before `Type/id` in the `fullUrl`: the base that relative references are relative to.
    fn base(&self) -> Option<String> {
        let mut url = self.full_url.and_then(normal_url)?;
        let (kind, id) = last_two_segments(&url)?;
        let is_own = kind == self.kind && self.id.is_none_or(|own| own == id);
        let length = url.len() - kind.len() - id.len() - 2;
        is_own.then(|| url.truncate(length))?;
        Some(url)
    }

    /// How references of this resource are turned into keys.
    pub fn scope(&self) -> Scope<'a> {
        Scope {
            base: self.base(),
            issuer: self.issuer,
        }
    }

    /// The source's own name for the resource, for provenance.
    pub fn native(&self) -> String {
        match (self.url(), self.id, self.full_url) {
            (Some(url), _, _) => url,
            (None, Some(id), _) => format!("{}/{id}", self.kind),
            (None, None, Some(url)) => url.to_owned(),
            (None, None, None) => String::new(),
        }
    }

    /// The keys under which others may refer to this resource.
    pub fn aliases(&self, scope: &Scope<'_>, resource: &Object<'_>) -> Vec<String> {
        // A health card's `resource:0` means something inside its own file only.
        let is_absolute =
            |url: &&str| is_urn(url) || normal_url(url).is_some() || !self.issuer.is_empty();
        let by_url = self
            .full_url
            .filter(is_absolute)
            .and_then(|url| scope.key(url));
        let by_id = self.id.map(|id| scope.key_of_relative(self.kind, id));
        let by_issued_id = self
            .id
            .filter(|_| scope.base.is_some() && !self.issuer.is_empty());
        let by_issued_id = by_issued_id.map(|id| format!("{}|{}/{id}", self.issuer, self.kind));
        let by_identifier = resource.objects("identifier").filter_map(|identifier| {
            let value = identifier.str("value")?;
            Some(match identifier.str("system") {
                Some(system) => format!("{}?identifier={system}|{value}", self.kind),
                None => format!("{}?identifier={value}", self.kind),
            })
        });
        let mut aliases: Vec<String> = Vec::with_capacity(2);
        for alias in by_url
            .into_iter()
            .chain(by_id)
            .chain(by_issued_id)
            .chain(by_identifier)
            .take(MAX_ALIASES)
        {
            if !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
        aliases
    }
}

/// What relative references are relative to.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    base: Option<String>,
    issuer: &'a str,
}

impl Scope<'_> {
    /// The key of a reference's target; `None` for a reference into the resource itself.
    pub fn key(&self, reference: &str) -> Option<String> {
        let reference = reference.trim();
        if reference.is_empty() || reference.starts_with('#') {
            return None;
        }
        if is_urn(reference) {
            return Some(reference.to_ascii_lowercase());
        }
        if let Some(url) = normal_url(reference) {
            let uuid = last_two_segments(&url).and_then(|(_, id)| global_uuid(id));
            return Some(uuid.unwrap_or(url));
        }
        if reference.contains('?') {
            return Some(reference.to_owned());
        }
        Some(match last_two_segments(without_history(reference)) {
            Some((kind, id)) => self.key_of_relative(kind, id),
            None => format!("{}|{reference}", self.issuer),
        })
    }

    fn key_of_relative(&self, kind: &str, id: &str) -> String {
        match (global_uuid(id), &self.base) {
            (Some(uuid), _) => uuid,
            (None, Some(base)) => format!("{base}/{kind}/{id}"),
            (None, None) => format!("{}|{kind}/{id}", self.issuer),
        }
    }
}

/// The id of a resource: 16 bytes of BLAKE3, keyed by `carnet/1 resource-id`, over its type, its rule and what that rule
/// names, each preceded by its length.
pub fn derive_id(context: &Context<'_>, resource: &Object<'_>, content: ContentHash) -> ResourceId {
    let mut input = Vec::with_capacity(160);
    let mut part = |text: &[u8]| {
        input.extend_from_slice(&(text.len() as u64).to_be_bytes());
        input.extend_from_slice(text);
    };
    part(context.kind.as_bytes());
    match context.identity() {
        Identity::Global(name) => {
            part(b"global");
            part(name.as_bytes());
        }
        Identity::Local(name) => {
            part(b"local");
            part(context.issuer.as_bytes());
            part(name.as_bytes());
            write_fingerprint(context.kind, resource, &mut part);
        }
        Identity::Content => {
            part(b"content");
            part(&content.0);
        }
    }
    ResourceId(first_half(blake3::derive_key(
        "carnet/1 resource-id",
        &input,
    )))
}

/// The first 16 bytes of a hash.
pub fn first_half(hash: [u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    half
}

/// What tells two resources with the same short id apart, and stays the same between versions of one: the system it came
/// from (`meta.source`), then its first business identifier; without one, whom it is about, its code, the day it
/// happened, and the name of what is not a patient (patients change names, not birth dates).
fn write_fingerprint(kind: &str, resource: &Object<'_>, part: &mut impl FnMut(&[u8])) {
    let mut text = |text: Option<&str>| part(text.unwrap_or_default().as_bytes());
    let source = resource.object("meta").and_then(|meta| meta.str("source"));
    text(source.and_then(|source| source.split('#').next()));
    let identifiers = || {
        resource
            .objects("identifier")
            .chain(resource.objects("masterIdentifier"))
    };
    let identifier =
        identifiers().find(|one| one.str("system").is_some() && one.str("value").is_some());
    if let Some(identifier) = identifier {
        text(identifier.str("system"));
        text(identifier.str("value"));
        return;
    }
    for path in [
        "subject.reference",
        "patient.reference",
        "beneficiary.reference",
        "individual.reference",
    ] {
        text(resource.at(path).and_then(|value| value.as_str()));
    }
    let code = ["code", "vaccineCode", "medicationCodeableConcept", "type"]
        .iter()
        .find_map(|name| resource.object(name));
    let coding = code.and_then(|code| code.object("coding"));
    text(coding.and_then(|coding| coding.str("system")));
    text(
        coding
            .and_then(|coding| coding.str("code"))
            .or_else(|| code?.str("text")),
    );
    text(event_day(resource));
    match kind {
        "Patient" => text(resource.str("birthDate")),
        _ => text(
            resource
                .str("name")
                .or_else(|| resource.at("name.family")?.as_str()),
        ),
    }
}

/// The day it happened, to the day at most: versions refine the time.
fn event_day<'a>(resource: &'a Object<'_>) -> Option<&'a str> {
    const EVENTS: [&str; 12] = [
        "effectiveDateTime",
        "effectivePeriod.start",
        "effectiveInstant",
        "occurrenceDateTime",
        "occurrencePeriod.start",
        "performedDateTime",
        "performedPeriod.start",
        "authoredOn",
        "billablePeriod.start",
        "period.start",
        "started",
        "start",
    ];
    let date = EVENTS.iter().find_map(|path| resource.at(path)?.as_str())?;
    date.split('T').next()
}

fn is_urn(text: &str) -> bool {
    let scheme = text
        .get(..4)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn:"));
    scheme && text.len() > 4
}

fn global_urn(text: &str) -> Option<String> {
    let lower = is_urn(text).then(|| text.to_ascii_lowercase())?;
    match lower.strip_prefix("urn:uuid:") {
        Some(uuid) => global_uuid(uuid),
        None => lower.starts_with("urn:oid:").then_some(lower),
    }
}

/// `urn:uuid:…` of a UUID that looks drawn at random.
fn global_uuid(text: &str) -> Option<String> {
    /// A random UUID has fewer distinct digits once in some ten million.
    const FEWEST_DISTINCT_DIGITS: u32 = 8;
    const HYPHENS: [usize; 4] = [8, 13, 18, 23];
    if text.len() != 36 {
        return None;
    }
    let mut seen: u16 = 0;
    for (at, character) in text.chars().enumerate() {
        match character.to_digit(16) {
            Some(digit) if !HYPHENS.contains(&at) => seen |= 1 << digit,
            None if character == '-' && HYPHENS.contains(&at) => (),
            _ => return None,
        }
    }
    (seen.count_ones() >= FEWEST_DISTINCT_DIGITS)
        .then(|| format!("urn:uuid:{}", text.to_ascii_lowercase()))
}

fn without_history(text: &str) -> &str {
    text.split_once("/_history")
        .map_or(text, |(before, _)| before)
}

/// An http(s) URL with a lower-case scheme and host, without version, query, fragment or final slash.
fn normal_url(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let known = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let rest = without_history(rest)
        .split(['?', '#'])
        .next()?
        .trim_end_matches('/');
    let (host, path) = match rest.split_once('/') {
        Some((host, path)) => (host, Some(path)),
        None => (rest, None),
    };
    if !known || host.is_empty() {
        return None;
    }
    let mut url = format!(
        "{}://{}",
        scheme.to_ascii_lowercase(),
        host.to_ascii_lowercase()
    );
    if let Some(path) = path {
        url.push('/');
        url.push_str(path);
    }
    Some(url)
}

/// `Type` and `id` at the end of a reference or URL.
fn last_two_segments(text: &str) -> Option<(&str, &str)> {
    let (before, id) = text.rsplit_once('/')?;
    let kind = before.rsplit_once('/').map_or(before, |(_, kind)| kind);
    let is_kind = kind.starts_with(|first: char| first.is_ascii_uppercase());
    (is_kind && !id.is_empty()).then_some((kind, id))
}

fn ends_with_path(url: &str, kind: &str, id: &str) -> bool {
    last_two_segments(url) == Some((kind, id))
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
