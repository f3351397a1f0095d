//! Addresses of other people's servers: which may be asked at all, and which an answer may lead to.
//!
//! * A base is `https`; plain `http` only on this machine, where nobody listens in. No user, query or fragment: what is secret
//!   does not stand in an address.
//! * A token is sent to the origin (scheme, host, port) it was granted for, to no other, whatever an answer says: a `next`
//!   link or an attachment elsewhere would hand the record's key to whoever wrote it.

use crate::error::{Error, Result};
use url::{Origin, Url};

/// Longest address.
const MAX_ADDRESS: usize = 4_096;

const NOT_AN_ADDRESS: Error =
    Error::Invalid("the address of a source begins with https:// (http:// only on this machine)");
/// An answer leads to another server.
pub const ELSEWHERE: &str = "the server led to another server: nothing was sent there";

/// The base of a server as a person gave it, without a slash at its end.
pub fn check_base(text: &str) -> Result<String> {
    let url = check(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Error::Invalid(
            "the address of a source has no `?` and no `#`",
        ));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// An endpoint that a server names in its configuration. It may lie at another server, and is as private as the first.
pub fn check_endpoint(text: &str) -> Result<String> {
    Ok(check(text)?.to_string())
}

fn check(text: &str) -> Result<Url> {
    let url = Url::parse(text.trim()).map_err(|_| NOT_AN_ADDRESS)?;
    let private = url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(&url));
    let anonymous = url.username().is_empty() && url.password().is_none();
    match private && anonymous && text.len() <= MAX_ADDRESS {
        true => Ok(url),
        false => Err(NOT_AN_ADDRESS),
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An address an answer leads to, resolved against the one that was asked; only at the same origin.
pub fn follow(link: &str, asked: &str) -> std::result::Result<String, &'static str> {
    let asked = Url::parse(asked).map_err(|_| ELSEWHERE)?;
    let mut target = asked.join(link).map_err(|_| ELSEWHERE)?;
    target.set_fragment(None);
    let same = target.origin() == asked.origin() && matches!(target.origin(), Origin::Tuple(..));
    let anonymous = target.username().is_empty() && target.password().is_none();
    match same && anonymous && target.as_str().len() <= MAX_ADDRESS {
        true => Ok(target.to_string()),
        false => Err(ELSEWHERE),
    }
}

/// An address with its parameters, escaped.
pub fn with_query(address: &str, parameters: &[(&str, &str)]) -> String {
    if parameters.is_empty() {
        return address.to_owned();
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{}", form(parameters))
}

/// Parameters as a form's body.
pub fn form(parameters: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish()
}

/// The parameters of an address.
pub fn parameters(address: &str) -> Vec<(String, String)> {
    Url::parse(address)
        .map(|url| url.query_pairs().into_owned().collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_base_is_private_or_on_this_machine() {
        let given = [
            ("https://a.example/fhir/", "https://a.example/fhir"),
            (" https://A.example ", "https://a.example"),
            ("http://127.0.0.1:8103/fhir", "http://127.0.0.1:8103/fhir"),
            ("http://[::1]:1/", "http://[::1]:1"),
            ("http://localhost/x", "http://localhost/x"),
        ];
        for (given, base) in given {
            assert_eq!(check_base(given).unwrap(), base);
        }
        for refused in [
            "http://a.example/fhir",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://a.example",
            "a.example",
            "https://user:secret@a.example",
            "https://a.example/?token=1",
            "https://a.example/#x",
            "file:///etc/passwd",
            "",
        ] {
            assert!(check_base(refused).is_err(), "{refused}");
        }
        assert!(check_base(&format!("https://a.example/{}", "x".repeat(5_000))).is_err());
    }

    #[test]
    fn links_stay_at_their_origin() {
        let asked = "https://a.example/fhir/Observation?patient=1";
        let followed = [
            ("?page=2", "https://a.example/fhir/Observation?page=2"),
            (
                "Observation?page=2",
                "https://a.example/fhir/Observation?page=2",
            ),
            ("/cache/77", "https://a.example/cache/77"),
            ("https://A.example:443/x", "https://a.example/x"),
        ];
        for (link, target) in followed {
            assert_eq!(follow(link, asked).unwrap(), target);
        }
        for elsewhere in [
            "https://b.example/fhir",
            "http://a.example/fhir",
            "https://a.example:8443/fhir",
            "//b.example/x",
            "https://a.example@b.example/",
            "https://b@a.example/",
            "https:\\\\b.example",
            "data:text/plain,x",
            "javascript:1",
        ] {
            assert_eq!(follow(elsewhere, asked), Err(ELSEWHERE), "{elsewhere}");
        }
    }

    #[test]
    fn parameters_are_escaped_and_read_back() {
        let address = with_query("https://a/x", &[("scope", "a/*.rs b"), ("é", "&=")]);
        let read = parameters(&address);
        assert_eq!(read[0], ("scope".to_owned(), "a/*.rs b".to_owned()));
        assert_eq!(read[1], ("é".to_owned(), "&=".to_owned()));
    }
}
