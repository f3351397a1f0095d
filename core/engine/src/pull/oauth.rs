//! OAuth 2 as SMART and Withings use it: the authorisation code with PKCE (RFC 7636, S256 only), one redirect, tokens that
//! may rotate.
//!
//! Own lines and not the `oauth2` crate: its client wants to send requests itself or be given a function that does, brings
//! a second set of hash and random crates, and knows neither `aud` nor `patient`, nor that a token is saved before it is
//! used. What is left is the parameters of two requests.
//!
//! **Threats.** Another app catches the redirect: the code is worth nothing without the verifier, which never leaves the
//! vault. A page sends a redirect of its own (another person's login): `state`, 256 random bits, does not fit. A server
//! stands in for another (mix-up): each connection has its own state and verifier, and `iss` is compared where it is sent. A log
//! or an error: [`Tokens`] and [`Client`] print nothing.

use super::address::{form, parameters, with_query};
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest answer of a token endpoint.
pub const MAX_TOKEN_ANSWER: usize = 256 << 10;
/// Longest token, scope or other word of such an answer.
const MAX_WORD: usize = 64 << 10;
/// A token is renewed when it has this many milliseconds left.
const RENEW_BEFORE: i64 = 60_000;

/// Who asks: what the provider calls this app, and where the browser comes back to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// `client_id`.
    pub id: String,
    /// `client_secret`, where the provider gave the person one.
    pub secret: Option<String>,
    /// `redirect_uri`, as registered.
    pub redirect: String,
}

/// What opens a source.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// Sent with each request.
    pub access: String,
    /// Gets the next pair; may be used once only.
    pub refresh: Option<String>,
    /// Milliseconds since 1970, where the server says how long it lasts.
    pub expires_at: Option<i64>,
    /// What was granted, where the server says it.
    pub scope: Option<String>,
    /// Whose data: the patient's id, or the cloud's number for its user.
    pub subject: Option<String>,
}

/// A connection that waits for the person in their browser.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Comes back with the redirect.
    pub state: String,
    /// Proves that who redeems the code is who asked for it.
    pub verifier: String,
}

/// The endpoints of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Where the person is asked.
    pub authorise: String,
    /// Where codes and refresh tokens are redeemed.
    pub token: String,
    /// Who the authorisation server says it is, where it says so.
    pub issuer: Option<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Client")
    }
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Tokens")
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Pending")
    }
}

impl Pending {
    /// From two times 32 random bytes.
    pub fn from_random(state: &[u8; 32], verifier: &[u8; 32]) -> Self {
        Self {
            state: URL_SAFE_NO_PAD.encode(state),
            verifier: URL_SAFE_NO_PAD.encode(verifier),
        }
    }

    /// `code_challenge`, by S256.
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier.as_bytes()))
    }

    /// The address to open in the system's browser.
    pub fn authorisation_url(
        &self,
        endpoints: &Endpoints,
        client: &Client,
        scope: &str,
        audience: Option<&str>,
    ) -> String {
        let challenge = self.challenge();
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", &client.redirect),
            ("scope", scope),
            ("state", &self.state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        query.extend(audience.map(|audience| ("aud", audience)));
        with_query(&endpoints.authorise, &query)
    }

    /// The code of a redirect that answers this question.
    pub fn code(&self, redirect: &str, endpoints: &Endpoints) -> Result<String> {
        const FOREIGN: Error =
            Error::Invalid("this answer belongs to another connection: start again");
        let found = parameters(redirect);
        let one = |name: &str| {
            let mut values = found.iter().filter(|(key, _)| key == name);
            let first = values.next().map(|(_, value)| value.as_str());
            first.filter(|_| values.next().is_none())
        };
        if one("state") != Some(&self.state) {
            return Err(FOREIGN);
        }
        let stranger = one("iss").zip(endpoints.issuer.as_deref());
        if stranger.is_some_and(|(said, known)| said != known) {
            return Err(FOREIGN);
        }
        if let Some(error) = one("error") {
            return Err(refusal(error));
        }
        let code = one("code").ok_or(FOREIGN)?;
        Ok(code.to_owned())
    }
}

/// What the person or the server refused.
fn refusal(error: &str) -> Error {
    Error::Source(match error {
        "access_denied" => "access was refused there: start again to ask once more",
        "invalid_scope" => "the server does not offer what was asked for",
        "unauthorized_client" | "invalid_client" => {
            "the server does not know this app: check the client id, its secret and its redirect address"
        }
        "temporarily_unavailable" | "server_error" => {
            "the server is not available: try again later"
        }
        _ => "the server refused the connection",
    })
}

/// How a client says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// RFC 6749: a secret stands in the header.
    Standard,
    /// Withings: `action=requesttoken`, the secret in the body, the answer wrapped.
    Withings,
}

/// The body of a request to the token endpoint, and its `Authorization`.
pub struct TokenRequest {
    /// A form.
    pub body: String,
    /// For a client with a secret.
    pub authorization: Option<String>,
}

/// Redeems a code.
pub fn redeem(client: &Client, pending: &Pending, code: &str, manner: Manner) -> TokenRequest {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", &client.redirect),
        ("code_verifier", &pending.verifier),
    ];
    token_request(client, &fields, manner)
}

/// Gets the next pair.
pub fn refresh(client: &Client, refresh: &str, manner: Manner) -> TokenRequest {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    token_request(client, &fields, manner)
}

fn token_request(client: &Client, fields: &[(&str, &str)], manner: Manner) -> TokenRequest {
    let mut fields = fields.to_vec();
    let secret = client.secret.as_deref();
    let authorization = match (manner, secret) {
        (Manner::Standard, Some(secret)) => Some(basic(&client.id, secret)),
        (Manner::Standard, None) => {
            fields.push(("client_id", &client.id));
            None
        }
        (Manner::Withings, secret) => {
            fields.push(("action", "requesttoken"));
            fields.push(("client_id", &client.id));
            fields.push(("client_secret", secret.unwrap_or_default()));
            None
        }
    };
    TokenRequest {
        body: form(&fields),
        authorization,
    }
}

/// RFC 6749 §2.3.1: both parts are escaped first.
fn basic(id: &str, secret: &str) -> String {
    let escape =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", escape(id), escape(secret));
    format!("Basic {}", STANDARD.encode(pair))
}

/// What a token endpoint answered.
#[derive(Debug)]
pub enum Granted {
    /// New tokens.
    Tokens(Box<Tokens>),
    /// The code or refresh token is worth nothing: the person connects again.
    Refused(Error),
    /// The server failed, or is busy: try again.
    Failed,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires_in: Option<serde_json::Number>,
    token_type: Option<String>,
    scope: Option<String>,
    patient: Option<String>,
    userid: Option<serde_json::Value>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Wrapped {
    status: i64,
    body: Option<Answer>,
}

/// Reads the answer of a token endpoint at `now`. `before` are the tokens it renews: what is not said stays.
pub fn read_grant(
    status: u16,
    body: &[u8],
    before: Option<&Tokens>,
    now: i64,
    manner: Manner,
) -> Granted {
    if status == 429 || status >= 500 {
        return Granted::Failed;
    }
    let answer = match manner {
        Manner::Standard => serde_json::from_slice::<Answer>(body).ok(),
        Manner::Withings => match serde_json::from_slice::<Wrapped>(body) {
            Ok(wrapped) if wrapped.status == 0 => wrapped.body,
            Ok(wrapped) if is_busy(wrapped.status) => return Granted::Failed,
            _ => None,
        },
    };
    let Some(answer) = answer else {
        return Granted::Refused(refusal(""));
    };
    if let Some(error) = &answer.error {
        return Granted::Refused(refusal(error));
    }
    match answer.tokens(before, now) {
        Some(tokens) if (200..300).contains(&status) => Granted::Tokens(Box::new(tokens)),
        _ => Granted::Refused(refusal("")),
    }
}

/// Withings' own words for "later".
pub fn is_busy(status: i64) -> bool {
    matches!(status, 522 | 601 | 2_555)
}

impl Answer {
    fn tokens(self, before: Option<&Tokens>, now: i64) -> Option<Tokens> {
        let bearer = self.token_type.as_deref().unwrap_or("bearer");
        let word = |text: &String| !text.is_empty() && text.len() <= MAX_WORD && is_header(text);
        let access = self.access_token.filter(word)?;
        if !bearer.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let seconds = self.expires_in.and_then(|seconds| seconds.as_f64());
        let lasts = seconds.filter(|seconds| (0.0..1e9).contains(seconds));
        let user = self.userid.map(|user| match user {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        });
        let known = |value: Option<String>, old: fn(&Tokens) -> &Option<String>| {
            let value = value.filter(|text| !text.is_empty() && text.len() <= MAX_WORD);
            value.or_else(|| before.and_then(|before| old(before).clone()))
        };
        Some(Tokens {
            access,
            refresh: known(self.refresh_token, |old| &old.refresh),
            expires_at: lasts.map(|seconds| now.saturating_add((seconds * 1e3) as i64)),
            scope: known(self.scope, |old| &old.scope),
            subject: known(self.patient.or(user), |old| &old.subject),
        })
    }
}

/// Whether a token can stand in a header.
fn is_header(text: &str) -> bool {
    text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}

impl Tokens {
    /// Whether the access token is about to end, or has.
    pub fn is_old(&self, now: i64) -> bool {
        self.expires_at
            .is_some_and(|expires| expires.saturating_sub(RENEW_BEFORE) <= now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn client(secret: Option<&str>) -> Client {
        Client {
            id: "carnet app".to_owned(),
            secret: secret.map(str::to_owned),
            redirect: "http://127.0.0.1:4000/".to_owned(),
        }
    }

    fn endpoints() -> Endpoints {
        Endpoints {
            authorise: "https://login.example/authorize?tenant=1".to_owned(),
            token: "https://login.example/token".to_owned(),
            issuer: Some("https://login.example".to_owned()),
        }
    }

    /// The verifier and challenge of RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let pending = Pending {
            state: String::new(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
        };
        assert_eq!(
            pending.challenge(),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn the_browser_gets_the_challenge_and_never_the_verifier() {
        let pending = Pending::from_random(&[7; 32], &[9; 32]);
        let url = pending.authorisation_url(
            &endpoints(),
            &client(Some("s3cret")),
            "patient/*.rs",
            Some("https://a.example/fhir"),
        );
        assert!(url.starts_with("https://login.example/authorize?tenant=1&response_type=code&"));
        for (name, value) in [
            ("aud", "https://a.example/fhir"),
            ("state", &pending.state),
            ("code_challenge_method", "S256"),
            ("redirect_uri", "http://127.0.0.1:4000/"),
        ] {
            assert!(
                parameters(&url).contains(&(name.to_owned(), value.to_owned())),
                "{name}"
            );
        }
        assert!(!url.contains(&pending.verifier) && !url.contains("s3cret"));
    }

    #[test]
    fn a_redirect_must_answer_this_question() {
        let pending = Pending::from_random(&[1; 32], &[2; 32]);
        let state = &pending.state;
        let redirect =
            |query: &str| pending.code(&format!("http://127.0.0.1:4000/?{query}"), &endpoints());
        assert_eq!(
            redirect(&format!("code=a%2Bb&state={state}")).unwrap(),
            "a+b"
        );
        let honest = format!("code=x&state={state}&iss=https://login.example");
        assert_eq!(redirect(&honest).unwrap(), "x");
        for refused in [
            "code=x".to_owned(),
            "code=x&state=other".to_owned(),
            format!("code=x&state={state}&state={state}"),
            format!("code=x&code=y&state={state}"),
            format!("state={state}"),
            format!("code=x&state={state}&iss=https://evil.example"),
            format!("error=access_denied&state={state}"),
        ] {
            assert!(redirect(&refused).is_err(), "{refused}");
        }
        assert!(pending.code("not an address", &endpoints()).is_err());
    }

    #[test]
    fn a_secret_stands_in_the_header_or_where_withings_wants_it() {
        let public = refresh(&client(None), "r", Manner::Standard);
        assert_eq!(
            public.body,
            "grant_type=refresh_token&refresh_token=r&client_id=carnet+app"
        );
        assert!(public.authorization.is_none());
        let private = refresh(&client(Some("a:b")), "r", Manner::Standard);
        assert!(!private.body.contains("client_"));
        assert_eq!(
            private.authorization.unwrap(),
            format!("Basic {}", STANDARD.encode("carnet+app:a%3Ab"))
        );
        let withings = refresh(&client(Some("s")), "r", Manner::Withings);
        assert!(
            withings
                .body
                .ends_with("&action=requesttoken&client_id=carnet+app&client_secret=s")
        );
    }

    fn grant(body: &str, before: Option<&Tokens>) -> Granted {
        read_grant(200, body.as_bytes(), before, 1_000, Manner::Standard)
    }

    fn tokens(granted: Granted) -> Tokens {
        match granted {
            Granted::Tokens(tokens) => *tokens,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_renewal_does_not_say_stays() {
        let first = tokens(grant(
            r#"{"access_token":"a","refresh_token":"r","expires_in":3600,"token_type":"Bearer","scope":"s","patient":"p"}"#,
            None,
        ));
        assert_eq!(first.expires_at, Some(3_601_000));
        assert!(!first.is_old(3_500_000) && first.is_old(3_541_000));
        let second = tokens(grant(r#"{"access_token":"b"}"#, Some(&first)));
        assert_eq!(
            (second.access.as_str(), second.refresh.as_deref()),
            ("b", Some("r"))
        );
        assert_eq!(
            (second.subject.as_deref(), second.expires_at),
            (Some("p"), None)
        );
        let third = tokens(grant(
            r#"{"access_token":"c","refresh_token":"r2"}"#,
            Some(&second),
        ));
        assert_eq!(third.refresh.as_deref(), Some("r2"));
    }

    #[test]
    fn refusals_garbage_and_other_kinds_of_tokens_are_refused_and_failures_tried_again() {
        for refused in [
            r#"{"error":"invalid_grant"}"#,
            "<html>",
            "",
            "[]",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a b"}"#,
            "{\"access_token\":\"a\\r\\nx-evil: 1\"}",
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":5}"#,
        ] {
            assert!(
                matches!(grant(refused, None), Granted::Refused(_)),
                "{refused}"
            );
        }
        let at = |status| {
            read_grant(
                status,
                b"{\"access_token\":\"a\"}",
                None,
                0,
                Manner::Standard,
            )
        };
        assert!(matches!(at(503), Granted::Failed) && matches!(at(429), Granted::Failed));
        assert!(matches!(at(400), Granted::Refused(_)) && matches!(at(302), Granted::Refused(_)));
        let odd = tokens(grant(r#"{"access_token":"a","expires_in":1e300}"#, None));
        assert_eq!(odd.expires_at, None);
    }

    #[test]
    fn withings_wraps_its_answers() {
        let read = |body: &str| read_grant(200, body.as_bytes(), None, 0, Manner::Withings);
        let found = tokens(read(
            r#"{"status":0,"body":{"userid":"363","access_token":"a","refresh_token":"r","expires_in":10800,"scope":"user.metrics"}}"#,
        ));
        assert_eq!(
            (found.subject.as_deref(), found.expires_at),
            (Some("363"), Some(10_800_000))
        );
        assert!(matches!(
            read(r#"{"status":601,"body":{}}"#),
            Granted::Failed
        ));
        assert!(matches!(
            read(r#"{"status":401,"body":{}}"#),
            Granted::Refused(_)
        ));
        assert!(matches!(
            read(r#"{"access_token":"a"}"#),
            Granted::Refused(_)
        ));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let all = format!(
            "{:?} {:?} {:?}",
            client(Some("s3cret")),
            Pending::from_random(&[1; 32], &[2; 32]),
            tokens(grant(r#"{"access_token":"t0ken"}"#, None))
        );
        assert_eq!(all, "Client Pending Tokens");
    }
}
