//! A relay that misbehaves on command, and what a vault must make of it: a clear error, nothing lost, and whole again as
//! soon as the relay is honest.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::tests::{GLUCOSE, TestKeys, Ticking};
use super::*;
use crate::host::{HostError, HttpRequest, HttpResponse, Method};
use carnet_wire::relay::{
    Access as RelayAccess, Challenge, Close, Closed, Closing, Delete, Deleted, Entry,
    Exchange as Asked, ExchangeReply, OpenSession, Problem, Proof, Pulled, Pushed, Retire, Retired,
    Session, Wait, Waited, code, session_bytes,
};
use carnet_wire::{Canonical, Envelope, EnvelopeId, MailboxId};
use ed25519_dalek::{Signature, VerifyingKey};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;
use tempfile::TempDir;

pub(super) const URL: &str = "https://relay.test";
/// Another relay, where a test has one.
pub(super) const SECOND: &str = "https://second.test";
const NOT_A_RELAY: &str =
    "what answered is not a Carnet relay: check its address, or log in to this network first";

type Outcome = std::result::Result<HttpResponse, HostError>;
type Mischief = Box<dyn FnMut(&str, Outcome) -> Outcome + Send>;

/// Keeps gapless numbers per mailbox, checks proofs only of what was closed, and lets a test spoil its answers.
pub(super) struct FakeRelay {
    inner: Mutex<Inner>,
}

struct Inner {
    generation: u64,
    boxes: BTreeMap<MailboxId, Vec<Vec<u8>>>,
    registered: BTreeSet<MailboxId>,
    tokens: BTreeSet<String>,
    blobs: HashMap<String, (Vec<u8>, usize)>,
    retired: BTreeSet<EnvelopeId>,
    closed: BTreeMap<MailboxId, Closing>,
    /// What each session may read of what is closed.
    readers: BTreeSet<(String, MailboxId)>,
    /// Sessions ever opened.
    opened: u8,
    page: usize,
    wolf: bool,
    refuse_push_from: Option<usize>,
    paths: Vec<String>,
    mischief: Option<Mischief>,
    second: Option<Arc<FakeRelay>>,
}

impl FakeRelay {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner {
                generation: 1,
                boxes: BTreeMap::new(),
                registered: BTreeSet::new(),
                tokens: BTreeSet::new(),
                blobs: HashMap::new(),
                retired: BTreeSet::new(),
                closed: BTreeMap::new(),
                readers: BTreeSet::new(),
                opened: 0,
                page: 1_000,
                wolf: false,
                refuse_push_from: None,
                paths: Vec::new(),
                mischief: None,
                second: None,
            }),
        })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Puts an envelope where it says it belongs.
    pub(super) fn push(&self, bytes: &[u8]) {
        self.inner().store(bytes);
    }

    pub(super) fn paths(&self) -> Vec<String> {
        std::mem::take(&mut self.inner().paths)
    }

    pub(super) fn spoil(&self, mischief: impl FnMut(&str, Outcome) -> Outcome + Send + 'static) {
        self.inner().mischief = Some(Box::new(mischief));
    }

    pub(super) fn be_honest(&self) {
        let mut inner = self.inner();
        inner.mischief = None;
        inner.refuse_push_from = None;
    }

    /// Spoils the reply of every exchange.
    pub(super) fn spoil_replies(
        &self,
        mut change: impl FnMut(&mut ExchangeReply) + Send + 'static,
    ) {
        self.spoil(move |path, outcome| {
            let mut response = outcome?;
            if path == "exchange" && response.status == 200 {
                let mut reply = ExchangeReply::from_canonical(&response.body).unwrap();
                change(&mut reply);
                response.body = reply.to_canonical();
            }
            Ok(response)
        });
    }

    /// Changes what it holds.
    pub(super) fn alter(&self, change: impl FnOnce(&mut BTreeMap<MailboxId, Vec<Vec<u8>>>)) {
        change(&mut self.inner().boxes);
    }

    /// Loses every blob.
    pub(super) fn lose_blobs(&self) {
        self.inner().blobs.clear();
    }

    /// Gives again what it had let go of, as after a restore; blobs that went stay gone.
    pub(super) fn forget_retired(&self) {
        self.inner().retired.clear();
    }

    pub(super) fn set_generation(&self, generation: u64) {
        self.inner().generation = generation;
    }

    /// Starts it again: its sessions are over.
    pub(super) fn restart(&self) {
        self.inner().tokens.clear();
    }

    /// What was closed, and to which keys.
    pub(super) fn closed(&self) -> BTreeMap<MailboxId, Closing> {
        self.inner().closed.clone()
    }

    /// Closes a mailbox as somebody who holds its keys would.
    pub(super) fn close(&self, mailbox: MailboxId) {
        let mut inner = self.inner();
        let [read_key, retire_key] = [[1; 32]; 2];
        inner.closed.insert(
            mailbox,
            Closing {
                mailbox,
                read_key,
                retire_key,
            },
        );
        inner.tokens.clear();
    }

    pub(super) fn refuse_pushes(&self) {
        self.inner().refuse_push_from = Some(0);
    }

    /// Answers for [`SECOND`], too, as another relay.
    pub(super) fn with_second(&self, second: Arc<FakeRelay>) {
        self.inner().second = Some(second);
    }

    /// How many envelopes an answer carries.
    pub(super) fn page(&self, entries: usize) {
        self.inner().page = entries;
    }

    /// The answer to a wait, once there is something to tell.
    pub(super) fn news(&self, body: &[u8]) -> Option<HttpResponse> {
        let inner = self.inner();
        let wait = Wait::from_canonical(body).unwrap();
        let moved: Vec<MailboxId> = wait
            .pulls
            .iter()
            .filter(|pull| inner.boxes.get(&pull.mailbox).map_or(0, Vec::len) as u64 != pull.after)
            .map(|pull| pull.mailbox)
            .collect();
        (!moved.is_empty()).then(|| {
            let generation = inner.generation;
            ok(Waited { generation, moved }.to_canonical())
        })
    }

    /// Answers every wait at once and says that everything moved.
    pub(super) fn cry_wolf(&self) {
        self.inner().wolf = true;
    }

    pub(super) fn envelopes(&self) -> usize {
        self.inner().boxes.values().map(Vec::len).sum()
    }

    /// Envelopes and blobs that are still served.
    pub(super) fn served(&self) -> (usize, usize) {
        let inner = self.inner();
        let kept = inner
            .boxes
            .values()
            .flatten()
            .filter(|bytes| !inner.retired.contains(&EnvelopeId::derive(bytes)));
        (kept.count(), inner.blobs.len())
    }
}

impl Inner {
    fn store(&mut self, bytes: &[u8]) -> u64 {
        let mailbox = Envelope::from_bytes(bytes).unwrap().mailbox;
        let held = self.boxes.entry(mailbox).or_default();
        let at = held.iter().position(|other| other == bytes);
        let at = at.unwrap_or_else(|| {
            held.push(bytes.to_vec());
            held.len() - 1
        });
        at as u64 + 1
    }

    fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let path = request.url.strip_prefix(URL).unwrap().to_owned();
        let token = request
            .headers
            .iter()
            .find(|(key, _)| *key == "authorization");
        let token = token.map_or("", |(_, token)| token.as_str()).to_owned();
        let known = self.tokens.contains(&token);
        match path.as_str() {
            "/v1/challenge" => ok(Challenge {
                nonce: [3; 32],
                expires_in: 60,
            }
            .to_canonical()),
            "/v1/session" => self.open(&request.body),
            _ if !known => refuse(401, code::NO_SESSION),
            "/v1/exchange" => self.exchange(&request.body, &token),
            "/v1/wait" => self.wait(&request.body),
            "/v1/retire" => self.retire(&request.body),
            "/v1/close" => self.close(&request.body, token),
            "/v1/delete" => self.delete(&request.body),
            _ if self.refuses_blob(request, &token) => refuse(403, code::CLOSED),
            _ => self.blob(request, path),
        }
    }

    fn wait(&self, body: &[u8]) -> HttpResponse {
        let wait = Wait::from_canonical(body).unwrap();
        let moved = wait.pulls.iter().filter(|_| self.wolf);
        ok(Waited {
            generation: self.generation,
            moved: moved.map(|pull| pull.mailbox).collect(),
        }
        .to_canonical())
    }

    fn open(&mut self, body: &[u8]) -> HttpResponse {
        let asked = OpenSession::from_canonical(body).unwrap();
        self.registered
            .extend(asked.register.iter().map(|one| one.mailbox));
        self.opened = self.opened.wrapping_add(1);
        let token = [self.opened; 32];
        let bearer = crate::sync::session::bearer(&token);
        for proof in &asked.proofs {
            let closed = self.closed.get(&proof.mailbox);
            if closed.is_some_and(|closed| may_read(closed, proof, &asked)) {
                self.readers.insert((bearer.clone(), proof.mailbox));
            }
        }
        self.tokens.insert(bearer);
        ok(Session {
            token,
            expires_in: 60,
            refused: Vec::new(),
        }
        .to_canonical())
    }

    fn is_shut(&self, mailbox: MailboxId, token: &str) -> bool {
        let reads = self.readers.contains(&(token.to_owned(), mailbox));
        self.closed.contains_key(&mailbox) && !reads
    }

    /// Whether a document lies in a closed mailbox, and is written or asked for without its key.
    fn refuses_blob(&self, request: &HttpRequest, token: &str) -> bool {
        let mailbox = request.url.rsplit('/').nth(1).unwrap();
        let closed = self.closed.keys().find(|id| id.to_string() == mailbox);
        closed.is_some_and(|id| request.method == Method::Put || self.is_shut(*id, token))
    }

    fn close(&mut self, body: &[u8], token: String) -> HttpResponse {
        let asked = Close::from_canonical(body).unwrap();
        let closings = asked.mailboxes.into_iter();
        self.closed
            .extend(closings.map(|closing| (closing.mailbox, closing)));
        self.tokens = BTreeSet::from([token]);
        let refused = Vec::new();
        ok(Closed { refused }.to_canonical())
    }

    fn delete(&mut self, body: &[u8]) -> HttpResponse {
        let asked = Delete::from_canonical(body).unwrap();
        self.boxes.remove(&asked.mailbox);
        self.registered.remove(&asked.mailbox);
        ok(Deleted {}.to_canonical())
    }

    fn retire(&mut self, body: &[u8]) -> HttpResponse {
        let asked = Retire::from_canonical(body).unwrap();
        let before = self.retired.len() + self.blobs.len();
        for blob in &asked.blobs {
            self.blobs
                .remove(&format!("/v1/blobs/{}/{blob}", asked.mailbox));
        }
        let blobs = before - self.retired.len() - self.blobs.len();
        self.retired.extend(asked.ids);
        let retired = (self.retired.len() + self.blobs.len() + 2 * blobs - before) as u64;
        ok(Retired { retired }.to_canonical())
    }

    fn exchange(&mut self, body: &[u8], token: &str) -> HttpResponse {
        let asked = Asked::from_canonical(body).unwrap();
        let mut pushed = Vec::new();
        for (at, envelope) in asked.push.iter().enumerate() {
            let mailbox = Envelope::from_bytes(envelope).unwrap().mailbox;
            pushed.push(match self.refuse_push_from {
                Some(from) if at >= from => Pushed::Refused(code::FULL),
                _ if !self.registered.contains(&mailbox) => Pushed::Refused(code::NOT_FOUND),
                _ if self.closed.contains_key(&mailbox) => Pushed::Refused(code::CLOSED),
                _ => Pushed::Stored(self.store(envelope)),
            });
        }
        let mut left = self.page;
        let mut pulled = Vec::new();
        for pull in &asked.pull {
            if self.is_shut(pull.mailbox, token) {
                pulled.push(Pulled {
                    mailbox: pull.mailbox,
                    refused: code::CLOSED,
                    head: 0,
                    entries: Vec::new(),
                });
                continue;
            }
            let held = self.boxes.get(&pull.mailbox).cloned().unwrap_or_default();
            let head = held.len() as u64;
            let entries: Vec<Entry> = (1..)
                .zip(held)
                .filter(|(seq, bytes)| {
                    *seq > pull.after && !self.retired.contains(&EnvelopeId::derive(bytes))
                })
                .take(left)
                .map(|(seq, envelope)| Entry { seq, envelope })
                .collect();
            left -= entries.len();
            let unknown = !self.registered.contains(&pull.mailbox);
            pulled.push(Pulled {
                mailbox: pull.mailbox,
                refused: if unknown { code::NOT_FOUND } else { 0 },
                head,
                entries,
            });
        }
        ok(ExchangeReply {
            generation: self.generation,
            pushed,
            pulled,
        }
        .to_canonical())
    }

    fn blob(&mut self, request: &HttpRequest, path: String) -> HttpResponse {
        let header = |name| {
            let found = request.headers.iter().find(|(key, _)| *key == name);
            found.map_or(0, |(_, value)| value.parse().unwrap())
        };
        let (held, total) = self.blobs.entry(path).or_default();
        match request.method {
            Method::Put if header("upload-offset") == held.len() => {
                *total = header("upload-length");
                held.extend_from_slice(&request.body);
                ok(Vec::new())
            }
            Method::Put => refuse(409, code::INTERNAL),
            _ if held.is_empty() || held.len() < *total => {
                let mut missing = refuse(404, code::NOT_FOUND);
                let offset = ("upload-offset".to_owned(), held.len().to_string());
                missing.headers.push(offset);
                missing
            }
            Method::Head => ok(Vec::new()),
            _ => ok(ranged(held, request)),
        }
    }
}

/// Whether somebody proved the key that a mailbox was closed to.
fn may_read(closed: &Closing, proof: &Proof, asked: &OpenSession) -> bool {
    let signed = session_bytes(&asked.nonce, &asked.origin, proof.mailbox, proof.access);
    let key = VerifyingKey::from_bytes(&closed.read_key).unwrap();
    let signature = Signature::from_bytes(&proof.signature);
    proof.access == RelayAccess::Read && key.verify_strict(&signed, &signature).is_ok()
}

/// The bytes a request asks for.
fn ranged(held: &[u8], request: &HttpRequest) -> Vec<u8> {
    let range = request.headers.iter().find(|(key, _)| *key == "range");
    let range = range.unwrap().1.strip_prefix("bytes=").unwrap();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    held[first.min(held.len())..(last + 1).min(held.len())].to_vec()
}

impl Transport for FakeRelay {
    fn send(&self, mut request: HttpRequest) -> Outcome {
        if let Some(path) = request.url.strip_prefix(SECOND) {
            request.url = format!("{URL}{path}");
            let second = self.inner().second.clone();
            return second.unwrap().send(request);
        }
        let mut inner = self.inner();
        let path = request.url.rsplit('/').next().unwrap().to_owned();
        inner.paths.push(path.clone());
        let response = inner.answer(&request);
        match &mut inner.mischief {
            Some(mischief) => mischief(&path, Ok(response)),
            None => Ok(response),
        }
    }
}

pub(super) fn ok(body: Vec<u8>) -> HttpResponse {
    HttpResponse {
        status: 200,
        headers: Vec::new(),
        body,
    }
}

pub(super) fn refuse(status: u16, code: u16) -> HttpResponse {
    HttpResponse {
        status,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: Problem {
            code,
            title: "no".to_owned(),
        }
        .to_canonical(),
    }
}

/// One phone of one person.
pub(super) struct Phone {
    pub(super) folder: TempDir,
    pub(super) keys: Arc<TestKeys>,
    pub(super) vault: Vault,
}

pub(super) fn host(keys: &Arc<TestKeys>, relay: &Arc<FakeRelay>) -> Host {
    Host {
        key_store: keys.clone(),
        clock: Arc::new(Ticking(AtomicI64::new(1_790_000_000_000))),
        transport: relay.clone(),
    }
}

pub(super) fn join(
    relay: &Arc<FakeRelay>,
    folder: &Path,
    keys: &Arc<TestKeys>,
    announce: &mut dyn FnMut(&str),
) -> VaultResult<Vault> {
    let wait = Duration::from_secs(10);
    Vault::join(folder, host(keys, relay), "Second", URL, wait, announce)
}

impl Phone {
    /// The same phone on an old copy of its database.
    pub(super) fn put_back(self, copy: Vec<u8>, relay: &Arc<FakeRelay>) -> Self {
        let Self {
            folder,
            keys,
            vault,
        } = self;
        vault.lock().unwrap();
        drop(vault);
        let path = folder.path().join("v");
        for file in ["vault.db-wal", "vault.db-shm"] {
            let _ = std::fs::remove_file(path.join(file));
        }
        std::fs::write(path.join("vault.db"), copy).unwrap();
        let vault = Vault::open(&path, host(&keys, relay)).unwrap();
        Self {
            folder,
            keys,
            vault,
        }
    }

    pub(super) fn found(relay: &Arc<FakeRelay>) -> Self {
        Self::found_by(relay, "Camille")
    }

    /// The first phone of a person.
    pub(super) fn found_by(relay: &Arc<FakeRelay>, person: &str) -> Self {
        let (folder, keys) = (TempDir::new().unwrap(), TestKeys::new(7));
        let path = folder.path().join("v");
        let vault = Vault::create(&path, host(&keys, relay), "First", person, None).unwrap();
        Self {
            folder,
            keys,
            vault,
        }
    }

    /// A second phone of the person of `self`.
    pub(super) fn add(&self, relay: &Arc<FakeRelay>) -> Self {
        self.add_named(relay, "Second")
    }

    pub(super) fn add_named(&self, relay: &Arc<FakeRelay>, name: &str) -> Self {
        let (folder, keys) = (TempDir::new().unwrap(), TestKeys::new(8));
        let path = folder.path().join("v");
        let (shown, typed) = std::sync::mpsc::channel();
        let vault = std::thread::scope(|scope| {
            let joining = scope.spawn(|| {
                let wait = Duration::from_secs(10);
                let mut announce = |code: &str| shown.send(code.to_owned()).unwrap();
                Vault::join(&path, host(&keys, relay), name, URL, wait, &mut announce)
            });
            self.vault.pair(&typed.recv().unwrap()).unwrap();
            joining.join().unwrap().unwrap()
        });
        Self {
            folder,
            keys,
            vault,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("v")
    }

    pub(super) fn import(&self, id: u32) {
        let path = self.folder.path().join("file.json");
        let id = format!("000000{id:02}\"");
        std::fs::write(&path, GLUCOSE.replace("00000001\"", &id)).unwrap();
        let record = self.vault.persons().unwrap()[0].record;
        let report = self.vault.import(record, &[path], None).unwrap();
        assert!(report.files[0].rejected.is_empty());
    }

    pub(super) fn sync(&self) -> VaultResult<SyncReport> {
        self.vault.sync(Some(URL), None, None)
    }

    /// The findings that are open: their words, and how many changes are missing.
    pub(super) fn open_findings(&self) -> Vec<(&'static str, u64)> {
        let findings = self.vault.findings().unwrap().into_iter();
        findings
            .filter(|finding| finding.healed.is_none())
            .map(|finding| (finding.kind.word(), finding.missing))
            .collect()
    }

    pub(super) fn rows(&self) -> usize {
        self.vault.list(&Filter::default()).unwrap().len()
    }

    pub(super) fn bytes(&self) -> Vec<Vec<u8>> {
        ["vault.db", "vault.db-wal"]
            .map(|name| std::fs::read(self.path().join(name)).unwrap_or_default())
            .into()
    }

    /// Every view is what the changes say.
    pub(super) fn check(&self) {
        let problems = self.vault.verify(true).unwrap().problems;
        assert_eq!(problems, Vec::<String>::new());
    }
}

pub(super) fn same(one: &Phone, other: &Phone) {
    assert_eq!(
        one.vault.fingerprint().unwrap(),
        other.vault.fingerprint().unwrap()
    );
    one.check();
    other.check();
}

/// Two phones that hold the same, and a relay.
pub(super) fn pair() -> (Arc<FakeRelay>, Phone, Phone) {
    let relay = FakeRelay::new();
    let old = Phone::found(&relay);
    old.import(1);
    let new = old.add(&relay);
    new.sync().unwrap();
    same(&old, &new);
    relay.paths();
    // Nobody restores the rendezvous of a pairing that is over.
    let keyring = old.vault.unlocked().unwrap().keyring().unwrap();
    let lasting = |mailbox: &MailboxId| keyring.epoch_of(*mailbox).is_some();
    relay.inner().boxes.retain(|mailbox, _| lasting(mailbox));
    (relay, old, new)
}

#[test]
fn two_phones_converge_and_then_a_sync_is_one_round_trip_that_writes_nothing() {
    let (relay, old, new) = pair();
    assert_eq!(new.rows(), 1);
    new.import(2);
    old.import(3);
    let id = old.vault.list(&Filter::default()).unwrap()[0].id;
    old.vault.correct(id, "value", "6.1").unwrap();
    for phone in [&new, &old, &new] {
        assert!(phone.sync().unwrap().complete);
    }
    same(&old, &new);
    assert_eq!((old.rows(), old.vault.devices().unwrap().len()), (3, 2));
    for phone in [&old, &new] {
        phone.sync().unwrap();
        relay.paths();
        let before = phone.bytes();
        let report = phone.sync().unwrap();
        assert_eq!((report.round_trips, report.complete), (1, true));
        assert_eq!(relay.paths(), ["exchange"]);
        assert!(before == phone.bytes(), "an idle sync wrote");
    }
}

#[test]
fn a_sync_that_fails_writes_nothing() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    phone.import(1);
    let before = phone.bytes();
    let check = |expected: VaultError| {
        assert_eq!(phone.sync().unwrap_err(), expected);
        assert!(before == phone.bytes(), "{expected} wrote");
    };
    relay.spoil(|_, _| Err(HostError::Offline));
    check(VaultError::Offline);
    relay.spoil(|_, _| Ok(ok(b"<html>".to_vec())));
    check(VaultError::RelayGarbled(NOT_A_RELAY));
    relay.spoil(|_, _| Ok(refuse(403, code::FORBIDDEN)));
    check(VaultError::RelayRefused(code::FORBIDDEN));
    relay.spoil(|_, _| Ok(refuse(503, code::BUSY)));
    check(VaultError::RelayFull {
        retry_after: Some(7),
    });
    relay.spoil(|path, outcome| match path {
        "exchange" => Ok(refuse(401, code::NO_SESSION)),
        _ => outcome,
    });
    check(VaultError::RelayRefused(code::NO_SESSION));
    relay.spoil(|path, outcome| match path {
        "exchange" => Ok(ok(b"garbage".to_vec())),
        _ => outcome,
    });
    check(VaultError::RelayGarbled(NOT_A_RELAY));
    relay.spoil_replies(|reply| {
        reply.pushed.fill(Pushed::Refused(code::FORBIDDEN));
        reply
            .pulled
            .iter_mut()
            .for_each(|pulled| pulled.refused = code::FORBIDDEN);
    });
    check(VaultError::RelayRefused(code::FORBIDDEN));
    assert_eq!(phone.vault.relay().unwrap(), None);
    relay.be_honest();
    assert!(phone.sync().unwrap().complete);
    assert_eq!(phone.vault.stats(None).unwrap().unsent, 0);
}

/// What `mischief` does to the new phone's sync must be healed by an honest one.
fn heals(
    expected: impl Fn(VaultResult<SyncReport>, &Phone),
    mischief: impl FnMut(&mut ExchangeReply) + Send + 'static,
) {
    let (relay, old, new) = pair();
    for id in 2..6 {
        old.import(id);
    }
    old.sync().unwrap();
    relay.spoil_replies(mischief);
    expected(new.sync(), &new);
    new.check();
    relay.be_honest();
    assert!(new.sync().unwrap().complete);
    assert_eq!(new.rows(), 5);
    same(&old, &new);
}

fn filled(reply: &mut ExchangeReply) -> impl Iterator<Item = &mut Pulled> {
    reply
        .pulled
        .iter_mut()
        .filter(|pulled| pulled.entries.len() > 1)
}

#[test]
fn doubled_and_reordered_entries_do_no_harm() {
    heals(
        |report, phone| {
            assert!(report.unwrap().complete);
            assert_eq!(phone.rows(), 5);
        },
        |reply| {
            filled(reply).for_each(|pulled| {
                pulled.entries.reverse();
                pulled.entries.extend(pulled.entries.clone());
            });
        },
    );
}

#[test]
fn an_envelope_that_was_left_out_is_noticed_and_fetched_later() {
    heals(
        |report, phone| {
            let report = report.unwrap();
            assert_eq!(report.notices, ["gap"]);
            assert!(report.quarantined > 0 && phone.rows() < 5, "{report:?}");
            assert_eq!(
                phone.vault.stats(None).unwrap().quarantined,
                report.quarantined
            );
        },
        |reply| {
            filled(reply).for_each(|pulled| {
                let at = pulled.entries.len() - 2;
                pulled.entries.remove(at);
            });
        },
    );
}

#[test]
fn an_omission_seen_only_after_the_cursor_has_passed_it_heals() {
    let (relay, old, new) = pair();
    old.import(2);
    old.sync().unwrap();
    // Everything of the old phone is left out; the head says it was nothing.
    let hide = |keep: usize| {
        move |reply: &mut ExchangeReply| {
            for pulled in &mut reply.pulled {
                let cut = pulled.entries.len().saturating_sub(keep);
                pulled.entries.drain(..cut);
            }
        }
    };
    new.import(3);
    new.sync().unwrap();
    old.import(4);
    old.import(5);
    old.sync().unwrap();
    relay.spoil_replies(hide(1));
    assert!(new.sync().unwrap().quarantined > 0);
    relay.be_honest();
    new.sync().unwrap();
    old.sync().unwrap();
    assert_eq!(new.rows(), 5);
    same(&old, &new);
}

#[test]
fn a_flipped_bit_and_a_truncated_envelope_are_held_and_the_true_one_is_fetched() {
    for cut in [false, true] {
        let (relay, old, new) = pair();
        (2..4).for_each(|id| old.import(id));
        old.sync().unwrap();
        relay.spoil_replies(move |reply| {
            filled(reply).for_each(|pulled| {
                let bytes = &mut pulled.entries.last_mut().unwrap().envelope;
                let middle = bytes.len() / 2;
                match cut {
                    true => bytes.truncate(middle),
                    false => bytes[middle] ^= 1,
                }
            });
        });
        let report = new.sync().unwrap();
        assert_eq!(
            (report.notices, report.quarantined),
            (vec!["unopenable"], 1)
        );
        assert_eq!(new.rows(), 2);
        relay.be_honest();
        // The author's next change names the one that is missing.
        old.import(4);
        old.sync().unwrap();
        new.sync().unwrap();
        assert_eq!(
            (new.rows(), new.vault.stats(None).unwrap().quarantined),
            (4, 1)
        );
        same(&old, &new);
    }
}

#[test]
fn envelopes_of_other_mailboxes_are_held() {
    let (relay, old, new) = pair();
    let foreign: Vec<Vec<u8>> = relay
        .inner()
        .boxes
        .values()
        .map(|held| held[0].clone())
        .collect();
    relay.spoil_replies(move |reply| {
        for pulled in &mut reply.pulled {
            for envelope in &foreign {
                pulled.head += 1;
                let (seq, envelope) = (pulled.head, envelope.clone());
                pulled.entries.push(Entry { seq, envelope });
            }
        }
    });
    let report = new.sync().unwrap();
    assert!(report.quarantined > 0, "{report:?}");
    relay.be_honest();
    old.import(2);
    old.sync().unwrap();
    let report = new.sync().unwrap();
    assert!(report.notices.contains(&"relay rolled back"), "{report:?}");
    assert_eq!(new.rows(), 2);
    same(&old, &new);
}

#[test]
fn swapped_mailboxes_and_entries_nobody_asked_for_are_an_error() {
    heals(
        |report, _| assert!(matches!(report, Err(VaultError::RelayGarbled(_)))),
        |reply| reply.pulled.reverse(),
    );
    heals(
        |report, _| assert!(matches!(report, Err(VaultError::RelayGarbled(_)))),
        |reply| {
            let mut more = reply.pulled[0].clone();
            more.mailbox = MailboxId([9; 32]);
            reply.pulled.push(more);
        },
    );
}

#[test]
fn a_head_that_is_never_reached_ends_the_sync() {
    for head in [50, u64::MAX] {
        heals(
            |report, phone| {
                let report = report.unwrap();
                assert!(!report.complete && report.round_trips < 5, "{report:?}");
                assert_eq!(phone.rows(), 5);
            },
            move |reply| {
                reply
                    .pulled
                    .iter_mut()
                    .for_each(|pulled| pulled.head = head)
            },
        );
    }
}

#[test]
fn absurd_numbers_are_an_error_and_do_not_move_the_cursor() {
    for (seq, head) in [(1 << 63, u64::MAX), (1 << 62, 4), (0, 4)] {
        heals(
            |report, _| assert!(matches!(report, Err(VaultError::RelayGarbled(_)))),
            move |reply| {
                filled(reply).for_each(|pulled| {
                    pulled.head = head;
                    pulled.entries[0].seq = seq;
                });
            },
        );
    }
}

#[test]
fn a_cursor_that_was_pushed_far_ahead_comes_back() {
    heals(
        |report, _| assert!(report.is_ok()),
        |reply| {
            filled(reply).for_each(|pulled| {
                pulled.entries.truncate(1);
                pulled.entries[0].seq = 1 << 40;
                pulled.head = 1 << 40;
            });
        },
    );
}

#[test]
fn a_relay_that_lost_its_tail_gets_it_again() {
    let (relay, old, new) = pair();
    old.import(2);
    old.sync().unwrap();
    let before = relay.envelopes();
    relay.inner().boxes.values_mut().for_each(|held| {
        held.pop();
    });
    let report = old.sync().unwrap();
    assert!(report.notices.contains(&"relay rolled back"), "{report:?}");
    new.sync().unwrap();
    old.sync().unwrap();
    assert_eq!((relay.envelopes(), new.rows()), (before, 2));
    same(&old, &new);
}

#[test]
fn a_relay_that_always_lies_about_its_head_is_not_obeyed_for_ever() {
    let (relay, old, _new) = pair();
    old.import(2);
    relay.spoil_replies(|reply| reply.pulled.iter_mut().for_each(|pulled| pulled.head = 0));
    for _ in 0..3 {
        let _ = old.sync();
    }
    assert!(relay.paths().len() < 30);
    relay.be_honest();
    assert!(old.sync().unwrap().complete);
    old.check();
}

#[test]
fn a_restored_relay_is_sent_everything_and_nothing_is_doubled() {
    let (relay, old, new) = pair();
    let before = relay.envelopes();
    {
        let mut inner = relay.inner();
        inner.generation = 2;
        inner.boxes.values_mut().for_each(|held| held.truncate(1));
    }
    assert!(old.sync().unwrap().notices[0].contains("restored"));
    new.sync().unwrap();
    old.sync().unwrap();
    assert_eq!((relay.envelopes(), new.rows()), (before, 1));
    same(&old, &new);
}

#[test]
fn a_generation_that_changes_with_every_answer_is_an_error() {
    let (relay, old, _new) = pair();
    let mut generation = 100;
    relay.spoil_replies(move |reply| {
        generation += 1;
        reply.generation = generation;
    });
    assert_eq!(
        old.sync().unwrap_err(),
        VaultError::RelayRefused(code::INTERNAL)
    );
    relay.be_honest();
    assert!(old.sync().unwrap().complete);
}

#[test]
fn an_answer_that_is_lost_after_storing_is_harmless() {
    let (relay, old, new) = pair();
    old.import(2);
    relay.spoil(|_, _| Err(HostError::Offline));
    assert_eq!(old.sync().unwrap_err(), VaultError::Offline);
    let stored = relay.envelopes();
    relay.be_honest();
    old.sync().unwrap();
    new.sync().unwrap();
    assert_eq!(relay.envelopes(), stored);
    same(&old, &new);
}

#[test]
fn a_full_relay_takes_what_it_can_and_still_gives() {
    let (relay, old, new) = pair();
    new.import(9);
    new.sync().unwrap();
    (2..5).for_each(|id| old.import(id));
    relay.inner().refuse_push_from = Some(1);
    assert_eq!(
        old.sync().unwrap_err(),
        VaultError::RelayFull { retry_after: None }
    );
    assert_eq!((old.vault.stats(None).unwrap().unsent, old.rows()), (2, 5));
    relay.be_honest();
    assert!(old.sync().unwrap().complete);
    new.sync().unwrap();
    same(&old, &new);
}

#[test]
fn small_pages_and_lost_sessions_bring_everything() {
    let (relay, old, new) = pair();
    relay.inner().page = 1;
    (2..6).for_each(|id| old.import(id));
    old.vault.add_person("Noé", None).unwrap();
    old.sync().unwrap();
    relay.inner().tokens.clear();
    assert!(new.sync().unwrap().complete);
    old.sync().unwrap();
    same(&old, &new);
}

#[test]
fn an_old_copy_learns_its_own_later_changes_again() {
    let (relay, old, new) = pair();
    old.sync().unwrap();
    old.vault.lock().unwrap();
    let copy = std::fs::read(old.path().join("vault.db")).unwrap();
    old.vault.unlock().unwrap();
    old.import(2);
    old.sync().unwrap();
    let old = old.put_back(copy, &relay);
    assert_eq!(old.vault.warnings(), [OpenWarning::RolledBack]);
    old.import(3);
    for phone in [&old, &new, &old] {
        let report = phone.sync().unwrap();
        assert_eq!(
            (report.notices.len(), report.quarantined),
            (0, 0),
            "{report:?}"
        );
    }
    assert_eq!((old.rows(), new.rows()), (3, 3));
    same(&old, &new);
}

#[test]
fn both_phones_import_the_same_document() {
    let (_relay, old, new) = pair();
    for phone in [&old, &new] {
        let path = phone.folder.path().join("old.json");
        let older = r#"{"resourceType":"MedicationOrder","id":"1","status":"active"}"#;
        std::fs::write(&path, older).unwrap();
        let record = phone.vault.persons().unwrap()[0].record;
        phone.vault.import(record, &[path], None).unwrap();
    }
    for phone in [&old, &new, &old, &new] {
        assert!(phone.sync().unwrap().complete);
    }
    same(&old, &new);
    assert_eq!(new.rows(), 2);
}

#[test]
fn many_edits_of_one_shard_arrive_as_one_by_one_they_would() {
    let (_relay, old, new) = pair();
    let id = old.vault.list(&Filter::default()).unwrap()[0].id;
    for at in 0..60 {
        old.vault.annotate(id, &format!("note {at}")).unwrap();
        old.vault.correct(id, "value", &format!("5.{at}")).unwrap();
    }
    old.sync().unwrap();
    let report = new.sync().unwrap();
    assert_eq!(report.received, 120);
    assert_eq!(new.vault.detail(id).unwrap().notes.len(), 60);
    same(&old, &new);
}
