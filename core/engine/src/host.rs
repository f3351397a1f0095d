//! What the platform lends: a key store, a network, a clock. The only traits of the engine, so that a phone, the command
//! line and a simulation can each bring their own.

use std::time::Duration;
use zeroize::Zeroizing;

/// Why the platform could not do what it was asked. No message crosses: a platform's text may name what it handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The key exists but cannot be used yet (before the first unlock since boot).
    #[error("the key is locked")]
    Locked,
    /// The key or passphrase is not the one that wrapped these bytes.
    #[error("the key is wrong")]
    WrongKey,
    /// The hardware key is gone for good: recovery is needed.
    #[error("the key is lost")]
    KeyLost,
    /// The person, or a deadline, stopped it.
    #[error("cancelled")]
    Cancelled,
    /// The network cannot be reached.
    #[error("offline")]
    Offline,
    /// The answer is longer than what was asked can be, or breaks the rules of HTTP.
    #[error("the answer makes no sense")]
    Garbled,
    /// Anything else.
    #[error("the platform failed")]
    Failed,
}

impl From<HostError> for crate::error::Error {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Locked => Self::Locked,
            HostError::WrongKey => Self::WrongKey,
            HostError::KeyLost => Self::Host(
                "the key that protects this vault is gone: recover it from another device",
            ),
            HostError::Cancelled => Self::Cancelled,
            HostError::Offline => Self::Offline,
            HostError::Garbled => Self::Garbled("it is longer than what was asked for"),
            HostError::Failed => Self::Host("the platform could not do what was asked"),
        }
    }
}

/// Wraps the random key of the database under a key the platform guards (Android Keystore, iOS Keychain, a passphrase),
/// and keeps a few bytes outside the vault's folder.
pub trait KeyStore: Send + Sync {
    /// Wraps the 32-byte database key. The result is kept in the vault's folder.
    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, HostError>;
    /// Unwraps what [`KeyStore::wrap`] returned.
    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, HostError>;
    /// The anchor of the vault named `vault` (64 hexadecimal digits), if one was stored.
    fn load_anchor(&self, vault: &str) -> Result<Option<Vec<u8>>, HostError>;
    /// Stores the anchor durably and returns what a fresh read gives, so that a silent failure is noticed.
    fn store_anchor(&self, vault: &str, anchor: &[u8]) -> Result<Vec<u8>, HostError>;
}

/// The wall clock. Used for what a person reads, never for order, validity or authorisation.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;
}

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        })
    }
}

/// An HTTP method the protocol uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
}

/// One request to a relay. The body is ciphertext or ids only.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Absolute URL.
    pub url: String,
    /// Header names (lower case) and values.
    pub headers: Vec<(&'static str, String)>,
    /// Body, empty where there is none.
    pub body: Vec<u8>,
    /// Most bytes of an answer to accept.
    pub max_answer: usize,
    /// Give up after this long.
    pub timeout: Duration,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Header names (lower case) and values; only those the protocol names need be there.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The value of a header, by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Sends one request and waits for its answer. Blocking: the engine calls it from a thread of its own.
pub trait Transport: Send + Sync {
    /// Sends and waits, at most the request's timeout.
    fn send(&self, request: HttpRequest) -> Result<HttpResponse, HostError>;

    /// Like [`Transport::send`], and asks `go_on` some ten times a second while it waits: as soon as that says no it gives
    /// up with [`HostError::Cancelled`]. A transport that cannot stop a request leaves this as it is: a sync is then
    /// cancelled after the request that is under way, at most its timeout later.
    fn send_while(
        &self,
        request: HttpRequest,
        go_on: &dyn Fn() -> bool,
    ) -> Result<HttpResponse, HostError> {
        if go_on() {
            self.send(request)
        } else {
            Err(HostError::Cancelled)
        }
    }
}
