//! SMART App Launch 2: finding out where a FHIR server lets a patient sign in, and what to ask for there.
//!
//! `{base}/.well-known/smart-configuration` says it, unasked and without a token; where it is missing, the CapabilityStatement's
//! `oauth-uris` (SMART 1); where neither is, the server is open and needs no sign-in. The statement is read in any case: it tells a
//! server of another release (Blue Button's `/v1` is STU3) before a person has signed in for nothing.
//!
//! Scopes are asked in the form of version 2 (`.rs`) unless the server offers version 1 (`.read`) only, and no wider than it
//! says it supports. What was granted may be less: `granted_kinds` reads it.

use super::address::{check_endpoint, with_query};
use super::oauth::Endpoints;
use super::{Ask, FHIR_JSON, JSON};
use crate::error::{Error, Result};
use crate::source::answer::{Capabilities, read_capabilities};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Longest configuration or statement: HAPI's statements are 5 MB.
const MAX_CONFIGURATION: usize = 16 << 20;
/// Most scopes read.
const MAX_SCOPES: usize = 1_000;

/// What a server offers to somebody who is not signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where to sign in; none where the server is open.
    pub endpoints: Option<Endpoints>,
    /// What to ask for.
    pub scope: String,
    /// What its statement says.
    pub capabilities: Capabilities,
}

/// Finds out what a server offers: two requests, in this order.
#[derive(Debug)]
pub struct Discovery {
    base: String,
    configuration: Option<Option<Configuration>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Configuration {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    capabilities: Vec<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    scopes_supported: Vec<String>,
}

impl Discovery {
    /// For the server at a checked base.
    pub fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            configuration: None,
        }
    }

    /// The next request.
    pub fn ask(&self) -> Ask {
        let (path, accept) = match self.configuration {
            None => (".well-known/smart-configuration", JSON),
            Some(_) => ("metadata", FHIR_JSON),
        };
        Ask::get(
            with_query(&format!("{}/{path}", self.base), &[]),
            accept,
            MAX_CONFIGURATION,
        )
    }

    /// Takes the answer; gives what the server offers once both are known.
    pub fn answer(&mut self, status: u16, body: &[u8]) -> Result<Option<Offer>> {
        let found = (200..300).contains(&status);
        match self.configuration.take() {
            None => {
                let read = serde_json::from_slice::<Configuration>(body).ok();
                self.configuration = Some(read.filter(|_| found));
                Ok(None)
            }
            Some(configuration) => {
                let statement = read_capabilities(body).filter(|_| found);
                offer(configuration, statement).map(Some)
            }
        }
    }
}

fn offer(configuration: Option<Configuration>, statement: Option<Capabilities>) -> Result<Offer> {
    if configuration.is_none() && statement.is_none() {
        return Err(Error::Source(
            "this address does not answer as a FHIR server: check it",
        ));
    }
    let capabilities = statement.unwrap_or_default();
    check_release(capabilities.release.as_deref())?;
    let known = configuration.unwrap_or_default();
    check_challenge(known.code_challenge_methods_supported.as_deref())?;
    let authorise = known
        .authorization_endpoint
        .as_ref()
        .or(capabilities.authorise.as_ref());
    let token = known
        .token_endpoint
        .as_ref()
        .or(capabilities.token.as_ref());
    let endpoints = match (authorise, token) {
        (Some(authorise), Some(token)) => Some(Endpoints {
            authorise: check_endpoint(authorise)?,
            token: check_endpoint(token)?,
            issuer: known.issuer.clone(),
        }),
        _ => None,
    };
    Ok(Offer {
        endpoints,
        scope: scope(&known),
        capabilities,
    })
}

fn check_release(release: Option<&str>) -> Result<()> {
    match release {
        Some(release) if !release.starts_with("4.") => Err(Error::Source(
            "this server speaks another release of FHIR: ask for its R4 address (Blue Button: /v2/fhir)",
        )),
        _ => Ok(()),
    }
}

/// A server that names its methods and not S256 would take the code without proof.
fn check_challenge(methods: Option<&[String]>) -> Result<()> {
    match methods {
        Some(methods) if !methods.iter().any(|method| method == "S256") => Err(Error::Source(
            "this server does not protect the sign-in (PKCE S256): it cannot be connected",
        )),
        _ => Ok(()),
    }
}

fn scope(known: &Configuration) -> String {
    let has = |name: &str| known.capabilities.iter().any(|one| one == name);
    let suffix = match has("permission-v1") && !has("permission-v2") {
        true => ".read",
        false => ".rs",
    };
    let supported: BTreeSet<&str> = known
        .scopes_supported
        .iter()
        .take(MAX_SCOPES)
        .map(String::as_str)
        .collect();
    let all = format!("patient/*{suffix}");
    let each = |scope: &&&str| scope.starts_with("patient/") && scope.ends_with(suffix);
    let specific: Vec<&str> = supported.iter().filter(each).copied().collect();
    let data = match supported.contains(all.as_str()) || specific.is_empty() {
        true => vec![all.as_str()],
        false => specific,
    };
    let wanted = ["launch/patient", "openid", "fhirUser", "offline_access"];
    let about = wanted
        .iter()
        .filter(|scope| supported.is_empty() || supported.contains(**scope));
    about.copied().chain(data).collect::<Vec<_>>().join(" ")
}

/// The kinds a grant opens; none when it opens all, or does not say.
pub fn granted_kinds(scope: Option<&str>) -> Option<BTreeSet<String>> {
    let kinds: BTreeSet<String> = scope?
        .split_whitespace()
        .take(MAX_SCOPES)
        .filter_map(|scope| {
            let (kind, rights) = scope.strip_prefix("patient/")?.split_once('.')?;
            let rights = rights.split('?').next()?;
            let reads = rights == "read" || rights == "*" || rights.contains(['r', 's']);
            reads.then(|| kind.to_owned())
        })
        .collect();
    (!kinds.is_empty() && !kinds.contains("*")).then_some(kinds)
}

/// The scopes that were asked for and not granted. A form of the other version counts as the same.
pub fn missing(asked: &str, granted: Option<&str>) -> Vec<String> {
    let Some(granted) = granted else {
        return Vec::new(); // RFC 6749 §5.1: unsaid means as asked
    };
    let same = |scope: &str| scope.replace(".read", ".rs");
    let given: BTreeSet<String> = scopes(granted).map(same).collect();
    let lacks = |scope: &&str| !given.contains(&same(scope));
    scopes(asked).filter(lacks).map(str::to_owned).collect()
}

/// Between scopes stand spaces, with Withings commas.
fn scopes(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    const STATEMENT: &str = r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}"#;

    fn discover(configuration: (u16, &str), statement: (u16, &str)) -> Result<Offer> {
        let mut discovery = Discovery::new("https://a.example/fhir");
        assert_eq!(
            discovery.ask().url,
            "https://a.example/fhir/.well-known/smart-configuration"
        );
        assert!(
            discovery
                .answer(configuration.0, configuration.1.as_bytes())?
                .is_none()
        );
        assert_eq!(discovery.ask().url, "https://a.example/fhir/metadata");
        Ok(discovery
            .answer(statement.0, statement.1.as_bytes())?
            .unwrap())
    }

    fn smart(more: serde_json::Value) -> String {
        let mut known = json!({"authorization_endpoint": "https://l.example/a", "token_endpoint": "https://l.example/t",
            "issuer": "https://l.example", "code_challenge_methods_supported": ["S256"]});
        known
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        known.to_string()
    }

    #[test]
    fn version_two_is_asked_for_unless_only_one_is_offered() {
        let scope = |more| discover((200, &smart(more)), (404, "")).unwrap().scope;
        let about = "launch/patient openid fhirUser offline_access";
        assert_eq!(scope(json!({})), format!("{about} patient/*.rs"));
        assert_eq!(
            scope(json!({"capabilities": ["permission-v1", "permission-v2"]})),
            format!("{about} patient/*.rs")
        );
        assert_eq!(
            scope(json!({"capabilities": ["permission-v1"]})),
            format!("{about} patient/*.read")
        );
        let some = json!({"scopes_supported": ["openid", "patient/Coverage.rs", "patient/Patient.rs", "patient/Patient.read"]});
        assert_eq!(scope(some), "openid patient/Coverage.rs patient/Patient.rs");
    }

    #[test]
    fn older_servers_name_their_endpoints_in_the_statement_and_open_ones_none() {
        let legacy = json!({"resourceType": "CapabilityStatement", "rest": [{"security": {"extension": [{"extension": [
            {"url": "token", "valueUri": "https://l.example/t"}, {"url": "authorize", "valueUri": "https://l.example/a"}]}]}}]});
        let found = discover((404, "no"), (200, &legacy.to_string())).unwrap();
        assert_eq!(found.endpoints.unwrap().token, "https://l.example/t");
        assert!(
            discover((404, ""), (200, STATEMENT))
                .unwrap()
                .endpoints
                .is_none()
        );
    }

    #[test]
    fn what_cannot_be_connected_safely_is_refused() {
        let refused = [
            ((404, String::new()), (404, "")),
            ((200, "<html>".to_owned()), (200, "<html>")),
            (
                (
                    200,
                    smart(json!({"code_challenge_methods_supported": ["plain"]})),
                ),
                (200, STATEMENT),
            ),
            (
                (200, smart(json!({"token_endpoint": "http://l.example/t"}))),
                (200, STATEMENT),
            ),
            (
                (
                    200,
                    smart(json!({"authorization_endpoint": "javascript:x"})),
                ),
                (200, STATEMENT),
            ),
            (
                (200, smart(json!({}))),
                (
                    200,
                    r#"{"resourceType":"CapabilityStatement","fhirVersion":"3.0.2"}"#,
                ),
            ),
        ];
        for ((status, configuration), statement) in refused {
            assert!(
                discover((status, &configuration), statement).is_err(),
                "{configuration}"
            );
        }
    }

    #[test]
    fn a_smaller_grant_is_seen() {
        assert_eq!(granted_kinds(Some("openid patient/*.rs")), None);
        assert_eq!(granted_kinds(Some("openid")), None);
        assert_eq!(granted_kinds(None), None);
        let kinds = granted_kinds(Some("patient/Patient.read patient/Coverage.s patient/Observation.rs?category=x patient/Goal.cud")).unwrap();
        assert_eq!(
            kinds.into_iter().collect::<Vec<_>>(),
            ["Coverage", "Observation", "Patient"]
        );
        assert_eq!(
            missing("openid patient/*.rs", Some("patient/*.read")),
            ["openid"]
        );
        assert!(missing("openid", None).is_empty());
        assert!(missing("a,b", Some("b,a")).is_empty());
    }
}
