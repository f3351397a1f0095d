//! Connectors to providers and clouds: resumable state machines that say what to ask and read what comes back. They know
//! protocols; formats are read in `source`, and what is brought is kept by the vault.
//!
//! **No I/O here.** [`Session::step`] says what is wanted: send a request, keep tokens, wait. The vault does it and
//! gives back what came. A whole run can be played without a network, and is, by the tests.
//!
//! **The machine is its checkpoint.** What a connector still has to ask is its own serialised state. The vault keeps it in the
//! transaction that keeps what the answer brought: a kill repeats one request at most, and loses nothing.
//!
//! **What is promised.**
//! * A token goes to the origin it was granted for and to no other (`address`); redirects are not followed.
//! * A renewed token is kept before it is used (`session`): a provider that rotates them takes the old one no more.
//! * Nothing is believed that can be checked: page links are followed blindly but to the same origin, in a bounded number, and
//!   not in circles; an answer has a largest size; what a server says of itself is a hint.
//! * What a server does not give is said for each kind of resource, never passed over ([`Outcome`]).
//!
//! **Connections are not synced.** A refresh token that rotates works for one device only: two that renew with the same one look
//! like a theft, and a provider then ends both. Each device connects by itself; that all bring the same is no harm, because identities
//! are deterministic. And a stolen phone opens its own connections, not everybody's.

pub mod address;
pub mod fhir;
pub mod nightscout;
pub mod oauth;
pub mod retry;
pub mod session;
pub mod smart;
pub mod withings;

pub use session::{Session, Step};

use crate::source::answer::LinkedFile;
use crate::source::{Document, Draft, Refused};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long one request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// What FHIR servers are asked for.
pub const FHIR_JSON: &str = "application/fhir+json";
/// What others are asked for.
pub const JSON: &str = "application/json";

/// A question to a source, before it has a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Absolute.
    pub url: String,
    /// The body of a POST; a GET without.
    pub form: Option<String>,
    /// The media type wanted.
    pub accept: String,
    /// Most bytes of an answer.
    pub most: usize,
}

impl Ask {
    /// A GET.
    pub fn get(url: String, accept: &str, most: usize) -> Self {
        Self {
            url,
            form: None,
            accept: accept.to_owned(),
            most,
        }
    }
}

/// What one answer brought, to be kept in one transaction with the state it leads to.
#[derive(Debug, Default)]
pub struct Brought {
    /// Resources.
    pub drafts: Vec<Draft>,
    /// FHIR that is not R4.
    pub documents: Vec<Document>,
    /// What could not be read.
    pub refused: Vec<Refused>,
    /// The bytes of a file.
    pub file: Option<Fetched>,
    /// What belongs to the resources and was not among them; the vault says which of it to fetch.
    pub wanted: Vec<Wanted>,
    /// Kinds that were read whole, without a filter: what the record has of them and did not come is looked for.
    pub whole: Vec<String>,
    /// A resource, as `Type/id`, that the source does not have any more.
    pub gone: Option<String>,
}

/// A file that was fetched.
#[derive(Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Which.
    pub file: LinkedFile,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The media type.
    pub media_type: String,
}

/// Something to fetch by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// A resource outside the patient's compartment, as `Type/id`.
    Beside(String),
    /// A file.
    File(LinkedFile),
    /// A resource that did not come, as `Type/id`: is it still there?
    Missing(String),
}

/// What became of the resources of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Why it is not complete, or what to know of it: a constant sentence.
    pub reason: Option<String>,
    /// What the server said, in its own words. For the person only.
    pub said: Vec<String>,
    /// Resources that came.
    pub received: u64,
}

/// How the reading of one kind ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// Everything there was.
    Complete,
    /// The source does not have this kind.
    Unsupported,
    /// The source does not give this kind to this person or app.
    Denied,
    /// Some, not all.
    Partial,
}

impl Default for KindReport {
    fn default() -> Self {
        Self {
            outcome: Outcome::Complete,
            reason: None,
            said: Vec::new(),
            received: 0,
        }
    }
}

impl KindReport {
    /// Notes how a part ended: the worst of the parts is what the whole is.
    fn note(&mut self, outcome: Outcome, reason: Option<&'static str>, said: Vec<String>) {
        if outcome > self.outcome {
            self.outcome = outcome;
            self.reason = reason.map(str::to_owned);
        }
        for words in said {
            if self.said.len() < 4 && !self.said.contains(&words) {
                self.said.push(words);
            }
        }
    }
}

/// Reports by kind.
pub type Reports = BTreeMap<String, KindReport>;

/// What a connector says to an answer.
#[derive(Debug)]
pub enum Heard {
    /// Something came, or it knows what to ask next.
    Brought(Box<Brought>),
    /// The token is not taken.
    Unauthorised,
    /// Ask again later.
    Busy,
}
