//! What crosses the door about sources and pulls.

use super::super::Rejection;
use carnet_wire::RecordId;

pub use crate::pull::Outcome as KindOutcome;

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A FHIR server, by SMART App Launch where it asks for a sign-in.
    Smart,
    /// The Withings cloud.
    Withings,
    /// A Nightscout server.
    Nightscout,
}

/// The Withings cloud, with the person's own developer account.
#[derive(Clone, PartialEq, Eq)]
pub struct WithingsCloud {
    /// What the person calls it; the name of a source that is there connects it again.
    pub name: String,
    /// The address of its API; none for the cloud itself.
    pub address: Option<String>,
    /// The app's id in the developer portal; none to keep the one that is known.
    pub client_id: Option<String>,
    /// And its secret.
    pub client_secret: Option<String>,
    /// Where the browser comes back to, as registered there.
    pub redirect: String,
}

/// A Nightscout server.
#[derive(Clone, PartialEq, Eq)]
pub struct NightscoutServer {
    /// What the person calls it.
    pub name: String,
    /// Its address.
    pub address: String,
    /// Its `API_SECRET`; none where it may be read without.
    pub secret: Option<String>,
}

/// A FHIR server to connect.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SmartServer {
    /// What the person calls it; the name of a source that is there connects it again.
    pub name: String,
    /// Its base address.
    pub address: String,
    /// What the server calls this app; none for an open server.
    pub client_id: Option<String>,
    /// Where the server gave the person one.
    pub client_secret: Option<String>,
    /// Where the browser comes back to: claimed `https`, a scheme of the app, or a port of this machine.
    pub redirect: String,
    /// The patient's id there, where the sign-in does not say it.
    pub patient: Option<String>,
}

/// What to do next to connect a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The address to open in the system's browser, never in a view of the app; none where the source is connected already.
    pub url: Option<String>,
}

/// A place data comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What the person calls it.
    pub name: String,
    /// What it is.
    pub kind: SourceKind,
    /// Whose record it fills.
    pub record: RecordId,
    /// Its address.
    pub address: String,
    /// Whether it can be pulled from.
    pub standing: Standing,
    /// What was asked for and not granted.
    pub not_granted: Vec<String>,
    /// When a pull last ended, in milliseconds since 1970.
    pub pulled_at: Option<i64>,
    /// Resources that came from it to this device.
    pub resources: u64,
    /// Those it does not have any more; the record keeps them.
    pub gone: u64,
    /// What became of each kind in the last pull.
    pub kinds: Vec<KindResult>,
}

/// Whether a source can be pulled from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Yes.
    Connected,
    /// The person has not signed in yet.
    Waiting,
    /// It takes this connection no more: sign in again. What came stays.
    Reconnect,
}

/// What became of the resources of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KindResult {
    /// The FHIR kind.
    pub kind: String,
    /// How it ended.
    pub outcome: KindOutcome,
    /// Why it is not complete, or what to know: a constant sentence.
    pub reason: Option<String>,
    /// What the server said, in its own words.
    pub said: Vec<String>,
    /// Resources that came, known ones included.
    pub received: u64,
}

/// What a pull did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullReport {
    /// Which source.
    pub source: String,
    /// Not in the record before.
    pub new: u64,
    /// In the record with the same content.
    pub unchanged: u64,
    /// A new version of a resource in the record.
    pub updated: u64,
    /// Files fetched.
    pub files: u64,
    /// Resources the source does not have any more; the record keeps and marks them.
    pub gone: u64,
    /// What could not be read.
    pub rejected: Vec<Rejection>,
    /// What became of each kind.
    pub kinds: Vec<KindResult>,
    /// Requests made.
    pub requests: u64,
    /// Bytes received, HTTP bodies.
    pub bytes_received: u64,
    /// Why it stopped before everything was asked; the next pull goes on there.
    pub stopped: Option<PullStop>,
}

/// Why a pull stopped early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullStop {
    /// The deadline.
    Deadline,
    /// The source wants to be left alone for so many seconds.
    Busy(u64),
    /// It does not answer.
    Offline,
    /// It takes this connection no more: the person signs in again.
    Reconnect,
}
