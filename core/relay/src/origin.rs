//! Which origin a proof must have been signed for.
//!
//! The threat: a device talks to a hostile relay, which passes another relay's challenge on to it and the answer back, and so
//! opens the victim's mailboxes there. A device therefore signs the origin it connected to, and a relay takes only proofs
//! for its own. Its own origin must come from somewhere an attacker does not write: the operator (`--public-url`), or, when
//! nothing was configured, the local address of the TCP connection. The `Host` header is the attacker's to choose, so it is
//! never believed.

use crate::StartError;
use axum::http::Uri;
use std::net::{IpAddr, SocketAddr};

/// Where a relay takes its own origin from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `--public-url`: needed behind a proxy, a name or an address translation.
    Public(String),
    /// Nothing configured: plain HTTP to the address the connection arrived at.
    LocalAddress,
}

impl Origin {
    /// Reads `http(s)://host[:port]`, a trailing slash allowed, into the form browsers and devices write origins in:
    /// lower case, without the default port.
    pub fn from_public_url(url: &str) -> Result<Self, StartError> {
        let uri: Uri = url.parse().map_err(|_| StartError::PublicUrl)?;
        let scheme = uri.scheme_str().ok_or(StartError::PublicUrl)?;
        let host = uri.host().ok_or(StartError::PublicUrl)?;
        let has_user = uri
            .authority()
            .is_some_and(|all| all.as_str().contains('@'));
        if has_user || host.is_empty() || uri.path() != "/" || uri.query().is_some() {
            return Err(StartError::PublicUrl);
        }
        let default_port = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return Err(StartError::PublicUrl),
        };
        let port = match uri.port_u16() {
            Some(port) if port != default_port => format!(":{port}"),
            _ => String::new(),
        };
        let host = host.to_ascii_lowercase();
        Ok(Self::Public(format!("{scheme}://{host}{port}")))
    }

    /// The origins accepted on a connection that arrived at `local`.
    pub fn accepted(&self, local: SocketAddr) -> Vec<String> {
        match self {
            Self::Public(origin) => vec![origin.clone()],
            Self::LocalAddress => local_origins(local),
        }
    }
}

fn local_origins(local: SocketAddr) -> Vec<String> {
    let address = local.ip().to_canonical();
    let port = match local.port() {
        80 => String::new(),
        port => format!(":{port}"),
    };
    let host = match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    let mut origins = vec![format!("http://{host}{port}")];
    if address.is_loopback() {
        // A name every machine resolves to itself: no other relay can be reached by it.
        origins.push(format!("http://localhost{port}"));
    }
    origins
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn public_urls_are_normalised() {
        for (url, origin) in [
            ("https://Relay.Example", "https://relay.example"),
            ("https://relay.example:443/", "https://relay.example"),
            ("https://relay.example:8443", "https://relay.example:8443"),
            ("http://relay.example:80", "http://relay.example"),
            ("http://[::1]:9000", "http://[::1]:9000"),
        ] {
            let expected = Origin::Public(origin.to_owned());
            assert_eq!(Origin::from_public_url(url), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for url in [
            "",
            "relay.example",
            "ftp://relay.example",
            "https://relay.example/path",
            "https://relay.example/?q",
            "https://user@relay.example",
            "https://",
        ] {
            assert_eq!(
                Origin::from_public_url(url),
                Err(StartError::PublicUrl),
                "{url}"
            );
        }
    }

    #[test]
    fn without_a_public_url_only_the_address_of_the_connection_counts() {
        let accepted = |local: &str| Origin::LocalAddress.accepted(local.parse().unwrap());
        assert_eq!(accepted("192.0.2.1:8080"), ["http://192.0.2.1:8080"]);
        assert_eq!(accepted("[2001:db8::1]:80"), ["http://[2001:db8::1]"]);
        assert_eq!(
            accepted("127.0.0.1:9"),
            ["http://127.0.0.1:9", "http://localhost:9"]
        );
        assert_eq!(accepted("[::ffff:192.0.2.1]:1"), ["http://192.0.2.1:1"]);
    }

    #[test]
    fn a_public_url_replaces_the_address() {
        let origin = Origin::from_public_url("https://relay.example").unwrap();
        assert_eq!(
            origin.accepted("127.0.0.1:9".parse().unwrap()),
            ["https://relay.example"]
        );
    }
}
