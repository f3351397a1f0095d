//! What a Bundle says of itself: who issued the ids of its entries, and that it is a Bundle at all.

use super::items::ENTRY_LIMITS;
use crate::record::codes::is_r4_kind;
use crate::record::json::{self, Object};

/// Most bytes of what a Bundle says of itself before its entries.
pub(super) const MAX_HEAD: usize = 256 << 10;

/// What a Bundle says of who issued its ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    /// Who issued short ids; empty when nobody is named.
    pub issuer: String,
    /// The base of the server that answered.
    pub base: Option<String>,
}

/// What is known of a top-level object before its end.
#[derive(Default)]
pub(super) struct Members {
    pub kind: Option<String>,
    /// The members that tell a Bundle's issuer, as one JSON object without its closing bracket.
    head: String,
    /// Its entries were cut out of the stream.
    pub streamed: bool,
    /// The entry in which the text is broken.
    pub broken_at: Option<String>,
}

impl Members {
    /// Notes a member: `name` with its quotes and `value`, as written.
    pub fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = std::str::from_utf8(value).unwrap_or_default();
        match name {
            b"\"resourceType\"" => self.kind = Some(text.trim_matches('"').to_owned()),
            b"\"link\"" | b"\"meta\"" | b"\"identifier\""
                if self.head.len() + text.len() < MAX_HEAD =>
            {
                self.head.push(if self.head.is_empty() { '{' } else { ',' });
                self.head
                    .push_str(std::str::from_utf8(name).unwrap_or_default());
                self.head.push(':');
                self.head.push_str(text);
            }
            _ => (),
        }
    }

    pub fn may_be_a_bundle(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == "Bundle")
    }

    pub fn is_a_bundle(&self) -> bool {
        self.kind.as_deref() == Some("Bundle")
    }

    pub fn read_head(&self) -> Head {
        let text = format!(
            "{}}}",
            if self.head.is_empty() {
                "{"
            } else {
                &self.head
            }
        );
        json::parse(&text)
            .map(|bundle| Head::of(&bundle))
            .unwrap_or_default()
    }
}

impl Head {
    pub fn of(bundle: &Object<'_>) -> Self {
        let link = bundle
            .objects("link")
            .find(|link| link.str("relation") == Some("self"));
        let source = bundle.object("meta").and_then(|meta| meta.str("source"));
        let source = source
            .and_then(|source| source.split('#').next())
            .filter(|source| !source.is_empty());
        let identifier = bundle.object("identifier").and_then(|identifier| {
            let value = identifier.str("value")?;
            Some(format!(
                "{}|{value}",
                identifier.str("system").unwrap_or_default()
            ))
        });
        Self {
            issuer: source.map(str::to_owned).or(identifier).unwrap_or_default(),
            base: link.and_then(|link| base_of(link.str("url")?)),
        }
    }

    /// The issuer and `fullUrl` of an entry. A server's answer implies the `fullUrl` of what it holds: recorded, it lets
    /// the identity survive an export.
    pub fn name(&self, resource: &Object<'_>, full_url: Option<&str>) -> (&str, Option<String>) {
        let implied = || {
            let (kind, id) = (resource.str("resourceType")?, resource.str("id")?);
            self.base.as_ref().map(|base| format!("{base}/{kind}/{id}"))
        };
        (&self.issuer, full_url.map(str::to_owned).or_else(implied))
    }
}

/// The base of a FHIR server, from the address of one of its answers.
pub(super) fn base_of(url: &str) -> Option<String> {
    let address = url.split(['?', '#']).next()?;
    let (scheme, rest) = address
        .split_once("://")
        .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let is_base = |segment: &&str| !segment.starts_with(['$', '_']) && !is_r4_kind(segment);
    let base: Vec<&str> = rest
        .split('/')
        .take_while(is_base)
        .filter(|segment| !segment.is_empty())
        .collect();
    (!base.is_empty()).then(|| format!("{scheme}://{}", base.join("/")))
}

/// A Bundle's entry is known by members that no other R4 `entry` has.
pub(super) fn looks_like_an_entry(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let entry = json::parse_within(text, ENTRY_LIMITS);
    entry.is_ok_and(|entry| {
        ["resource", "fullUrl", "request", "response"]
            .iter()
            .any(|name| entry.get(name).is_some())
    })
}
