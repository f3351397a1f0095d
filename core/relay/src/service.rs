//! What the relay does, without HTTP: sessions, exchanges, waiting, blobs, upkeep. The server is a thin skin over it, and a simulation calls
//! it directly.
//!
//! Invariant: nothing reaches a mailbox without a session that holds its key, and sessions hold mailbox *numbers*, so that a
//! right to a mailbox that ended is no right to one that took its id. It reads the outer frame of an envelope for its
//! mailbox, and never its ciphertext.

mod blobs;
mod upkeep;
mod wait;

pub use upkeep::RETIRED_SECONDS;

use crate::blobs::Blobs;
use crate::metrics::Metrics;
use crate::rates::{Networks, Rate};
use crate::sessions::{Grants, SESSION_SECONDS, Sessions};
use crate::sqlite::SqliteStorage;
use crate::storage::{
    Append, Appended, Mailbox, MailboxNumber, Page, Position, Quota, ReadLimit, Storage,
};
use crate::{Clock, Pending, RelayError, StartError};
use carnet_wire::relay::{
    Access, Challenge, Exchange, ExchangeReply, OpenSession, Proof, Pull, Pulled, Pushed,
    Registration, Session, session_bytes,
};
use carnet_wire::{Envelope, EnvelopeId, MailboxId, limits};
use ed25519_dalek::{Signature, VerifyingKey};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, File, TryLockError};
use std::net::IpAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use wait::Hub;
pub(crate) use wait::Waiting;

/// Most envelopes in one answer.
const MAX_REPLY_ENTRIES: usize = 32_768;
/// What the frame of the longest answer takes: 16 bytes an entry, and 64 a mailbox or pushed envelope.
const REPLY_FRAME_BYTES: usize = MAX_REPLY_ENTRIES * 16 + 2_000 * 64;
/// Most envelope bytes in one answer.
const MAX_REPLY_BYTES: usize = limits::MAX_EXCHANGE_BYTES - REPLY_FRAME_BYTES;
/// Keys of a mailbox, so proofs per mailbox of a session.
const KEYS: usize = 3;

/// What the operator allows. A rate of none is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For one mailbox.
    pub quota: Quota,
    /// Requests of one session.
    pub session_rate: Rate,
    /// Requests from one network.
    pub network_rate: Rate,
    /// Mailboxes registered from one network.
    pub registration_rate: Rate,
    /// Clients waiting at a time.
    pub waiters: usize,
    /// Connections at a time.
    pub connections: usize,
}

impl Limits {
    /// No rates: for simulations, whose clock stands still, and for measuring.
    pub fn without_rates() -> Self {
        Self {
            session_rate: Rate::NONE,
            network_rate: Rate::NONE,
            registration_rate: Rate::NONE,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            quota: Quota::default(),
            // The first sync of thousands of documents is two requests for each, as fast as the phone can: this stops only
            // a client that has gone wild.
            session_rate: Rate::per_second(1_000, 20_000),
            // A hospital or a mobile carrier may stand behind one network.
            network_rate: Rate::per_second(500, 10_000),
            registration_rate: Rate::per_hour(3_600, 5_000),
            waiters: 50_000,
            connections: 60_000,
        }
    }
}

/// A relay without its network.
pub struct Service {
    storage: Arc<dyn Storage>,
    blobs: Blobs,
    sessions: Sessions,
    clock: Clock,
    limits: Limits,
    networks: Networks,
    registrations: Networks,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    data: PathBuf,
    /// Held for as long as the data directory is served.
    _lock: File,
}

impl Service {
    /// Opens a data directory on the embedded database, creating it if needed. Blocks.
    pub fn open(data: &Path, clock: Clock, limits: Limits) -> Result<Self, StartError> {
        DirBuilder::new().recursive(true).mode(0o700).create(data)?;
        sync_ancestors(data)?;
        let lock = lock(data)?;
        let metrics: Arc<Metrics> = Arc::default();
        let file = data.join(crate::sqlite::FILE);
        let storage = Arc::new(SqliteStorage::open(
            &file,
            limits.quota,
            Arc::clone(&metrics),
        )?);
        let hub = Arc::new(Hub::new(limits.waiters));
        let told = Arc::clone(&hub);
        storage.listen(Arc::new(move |moved| told.tell(moved)));
        Ok(Self {
            storage,
            blobs: Blobs::open(data)?,
            sessions: Sessions::default(),
            clock,
            limits,
            networks: Networks::new(limits.network_rate),
            registrations: Networks::new(limits.registration_rate),
            hub,
            metrics,
            data: data.to_owned(),
            _lock: lock,
        })
    }

    /// What is counted for the operator.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What the operator allows.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts one request from this address.
    pub(crate) fn count_request(&self, from: IpAddr) -> Result<(), RelayError> {
        let taken = self.networks.take(from, 1, self.clock.micros());
        self.counted(taken)
    }

    fn counted(&self, taken: Result<(), RelayError>) -> Result<(), RelayError> {
        if taken.is_err() {
            self.metrics.rate_refusals.add(1);
        }
        taken
    }

    /// Draws a challenge.
    pub fn challenge(&self) -> Result<Challenge, RelayError> {
        self.sessions.make_challenge(self.clock.now())
    }

    /// Registers mailboxes and opens a session for every proof that holds. `origins` are the relay's own, `from` is who asks.
    /// Blocks.
    pub fn open_session(
        &self,
        origins: &[String],
        request: OpenSession,
        from: IpAddr,
    ) -> Result<Session, RelayError> {
        let now = self.clock.now();
        check_session_limits(&request)?;
        self.sessions.take_challenge(&request.nonce, now)?;
        if !origins.contains(&request.origin) {
            return Err(RelayError::WRONG_ORIGIN);
        }
        let unknown = self.unregistered(&request.register, now)?;
        if !unknown.is_empty() {
            let count = unknown.len() as u64;
            let taken = self.registrations.take(from, count, self.clock.micros());
            self.counted(taken)?;
            self.storage.register(unknown, now)?.wait()?;
        }
        let ended = self.sessions.ended();
        let (grants, refused) = self.check_proofs(&request, now)?;
        let token = self.sessions.make_session(grants, ended, now)?;
        self.metrics.sessions.add(1);
        Ok(Session {
            token,
            expires_in: SESSION_SECONDS,
            refused,
        })
    }

    /// What is not there yet with the same keys. A device names its mailboxes whenever it enters, and what changes nothing
    /// has to work on a full disk too.
    fn unregistered(
        &self,
        register: &[Registration],
        now: u64,
    ) -> Result<Vec<Registration>, RelayError> {
        if register.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = register.iter().map(|it| it.mailbox).collect();
        let found = self.storage.mailboxes(&ids, now)?;
        let unknown = register
            .iter()
            .zip(found)
            .filter(|(wanted, found)| !found.is_some_and(|found| stands_for(&found, wanted)))
            .map(|(wanted, _)| wanted.clone());
        Ok(unknown.collect())
    }

    fn check_proofs(
        &self,
        request: &OpenSession,
        now: u64,
    ) -> Result<(Grants, Vec<MailboxId>), RelayError> {
        let ids: Vec<_> = proved_mailboxes(request).into_iter().collect();
        let found = self.storage.mailboxes(&ids, now)?;
        let known: BTreeMap<_, _> = ids.into_iter().zip(found).collect();
        let mut grants = Vec::new();
        let mut granted = BTreeSet::new();
        for proof in &request.proofs {
            match known.get(&proof.mailbox).copied().flatten() {
                Some(mailbox) if proof_holds(request, proof, &mailbox) => {
                    grants.push((proof.mailbox, proof.access, mailbox.number));
                    granted.insert((proof.mailbox, proof.access));
                }
                _ => {}
            }
        }
        let refused = request.proofs.iter();
        let refused = refused.filter(|proof| !granted.contains(&(proof.mailbox, proof.access)));
        let refused: BTreeSet<MailboxId> = refused.map(|proof| proof.mailbox).collect();
        let is_closed = |found: &Option<Mailbox>| found.is_some_and(|found| found.is_closed);
        let closed = known.iter().filter(|(_, found)| is_closed(found));
        let grants = Grants::new(grants, closed.map(|(id, _)| *id).collect());
        Ok((grants, refused.into_iter().collect()))
    }

    /// Pushes and pulls. Blocks.
    pub fn exchange(
        &self,
        token: &[u8; 32],
        exchange: Exchange,
    ) -> Result<ExchangeReply, RelayError> {
        self.exchange_in(&*self.session(token)?, exchange)
    }

    pub(crate) fn exchange_in(
        &self,
        session: &Grants,
        exchange: Exchange,
    ) -> Result<ExchangeReply, RelayError> {
        let Exchange {
            push,
            pull,
            max_bytes,
        } = exchange;
        let pulled = self.pull(session, &pull, max_bytes)?;
        let pushed = self.push(session, push)?.wait()?;
        Ok(self.reply(pushed, pulled))
    }

    /// Puts an answer together. The pull was read first: a device does not get back what it has just pushed.
    pub(crate) fn reply(&self, pushed: Vec<Pushed>, pulled: Vec<Pulled>) -> ExchangeReply {
        self.count(&pushed, &pulled);
        ExchangeReply {
            generation: self.storage.generation(),
            pushed,
            pulled,
        }
    }

    fn count(&self, pushed: &[Pushed], pulled: &[Pulled]) {
        let stored = |it: &&Pushed| matches!(it, Pushed::Stored(_));
        let over = |it: &&Pushed| **it == Pushed::Refused(RelayError::QUOTA.code);
        let metrics = &self.metrics;
        metrics
            .appended
            .add(pushed.iter().filter(stored).count() as u64);
        metrics
            .quota_refusals
            .add(pushed.iter().filter(over).count() as u64);
        let entries = pulled.iter().flat_map(|it| &it.entries);
        let bytes: usize = entries.map(|entry| entry.envelope.len()).sum();
        metrics.read_bytes.add(bytes as u64);
    }

    /// The rights of a token, and one request of its session counted.
    pub(crate) fn session(&self, token: &[u8; 32]) -> Result<Arc<Grants>, RelayError> {
        let session = self.sessions.find(token, self.clock.now())?;
        self.counted(session.count(self.limits.session_rate, self.clock.micros()))?;
        Ok(session)
    }

    /// Hands the pushed envelopes to the storage. Does not block; what it accepted will be written.
    pub(crate) fn push(
        &self,
        session: &Grants,
        envelopes: Vec<minicbor::bytes::ByteVec>,
    ) -> Result<PushTicket, RelayError> {
        if envelopes.len() > limits::MAX_PUSHED_ENVELOPES {
            return Err(RelayError::TOO_LARGE);
        }
        let mut accepted = Vec::new();
        let refusals = envelopes
            .into_iter()
            .map(|bytes| match admit(session, bytes.into()) {
                Ok(append) => {
                    accepted.push(append);
                    None
                }
                Err(error) => Some(error),
            })
            .collect();
        let stored = match accepted.is_empty() {
            true => None,
            false => Some(self.storage.append(accepted, self.clock.now())?),
        };
        Ok(PushTicket { refusals, stored })
    }

    /// Reads what the exchange asks for. Blocks.
    pub(crate) fn pull(
        &self,
        session: &Grants,
        pulls: &[Pull],
        max_bytes: u32,
    ) -> Result<Vec<Pulled>, RelayError> {
        if pulls.len() > limits::MAX_MAILBOXES {
            return Err(RelayError::TOO_LARGE);
        }
        let rights = read_rights(session, pulls);
        let mut pages = self.read(pulls, &rights, max_bytes)?.into_iter();
        let pulled = pulls.iter().zip(rights).map(|(pull, right)| {
            let page = right.and_then(|_| pages.next().unwrap_or(Err(RelayError::INTERNAL)));
            pulled(pull.mailbox, page)
        });
        Ok(pulled.collect())
    }

    /// Whether [`Self::pull`] would have to wait for a disk. Should a mailbox move just after, it waits a little.
    pub(crate) fn needs_reading(&self, session: &Grants, pulls: &[Pull]) -> bool {
        pulls.len() <= limits::MAX_MAILBOXES
            && self
                .unmoved(&positions(pulls, &read_rights(session, pulls)))
                .is_none()
    }

    /// The pages without entries of mailboxes that are all known to have nothing new.
    fn unmoved(&self, positions: &[Position]) -> Option<Vec<Result<Page, RelayError>>> {
        let heads = match positions {
            [] => Vec::new(),
            _ => self.storage.unmoved(positions, self.clock.now())?,
        };
        let page = |head| Page {
            head,
            entries: Vec::new(),
        };
        Some(heads.into_iter().map(|head| Ok(page(head))).collect())
    }

    /// One page for each pull that is allowed.
    fn read(
        &self,
        pulls: &[Pull],
        rights: &[Result<MailboxNumber, RelayError>],
        max_bytes: u32,
    ) -> Result<Vec<Result<Page, RelayError>>, RelayError> {
        let positions = positions(pulls, rights);
        if let Some(unmoved) = self.unmoved(&positions) {
            return Ok(unmoved);
        }
        let limit = ReadLimit {
            bytes: MAX_REPLY_BYTES.min(max_bytes as usize),
            entries: MAX_REPLY_ENTRIES,
        };
        self.storage.read(&positions, limit, self.clock.now())
    }

    /// Whether writes are being served.
    pub fn is_healthy(&self) -> bool {
        self.storage.is_healthy()
    }

    /// Answers whoever waits for news; nobody waits any more.
    pub fn stop_waiting(&self) {
        self.hub.close();
    }

    /// Finishes accepted writes and refuses new ones. Blocks.
    pub fn close(&self) {
        self.hub.close();
        self.storage.close();
    }
}

/// A directory just made is durable only when the one it is in is. One that may not be opened was not just made.
fn sync_ancestors(data: &Path) -> Result<(), StartError> {
    for folder in data.canonicalize()?.ancestors().skip(1) {
        let Ok(folder) = File::open(folder) else {
            break;
        };
        // Not every kind of file system can sync a directory it did not change.
        let _ = folder.sync_all();
    }
    Ok(())
}

/// How long a start waits for the relay before it to let go: a supervisor restarts one at once, and its last connections may
/// still be closing.
const LOCK_WAIT: Duration = Duration::from_secs(3);

/// Two relays on one directory would each believe the uploads to be theirs alone.
pub(crate) fn lock(data: &Path) -> Result<File, StartError> {
    let lock = File::create(data.join("relay.lock"))?;
    let end = Instant::now() + LOCK_WAIT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => return Err(StartError::AlreadyRunning),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

fn proved_mailboxes(request: &OpenSession) -> BTreeSet<MailboxId> {
    request.proofs.iter().map(|proof| proof.mailbox).collect()
}

fn check_session_limits(request: &OpenSession) -> Result<(), RelayError> {
    let too_many = request.register.len() > limits::MAX_MAILBOXES
        || request.proofs.len() > limits::MAX_MAILBOXES * KEYS
        || proved_mailboxes(request).len() > limits::MAX_MAILBOXES
        || request.origin.len() > limits::MAX_NAME_BYTES;
    if too_many {
        return Err(RelayError::TOO_LARGE);
    }
    Ok(())
}

/// Whether a registration would change nothing. Whoever has not heard that a mailbox is closed registers it as it was.
fn stands_for(mailbox: &Mailbox, wanted: &Registration) -> bool {
    let has_keys = mailbox.read_key == wanted.read_key
        && mailbox.write_key == wanted.write_key
        && mailbox.retire_key == wanted.retire_key;
    mailbox.is_closed || has_keys
}

fn proof_holds(request: &OpenSession, proof: &Proof, mailbox: &Mailbox) -> bool {
    let key = match proof.access {
        Access::Read => &mailbox.read_key,
        Access::Write if mailbox.is_closed => return false,
        Access::Write => &mailbox.write_key,
        Access::Retire => &mailbox.retire_key,
    };
    let message = session_bytes(&request.nonce, &request.origin, proof.mailbox, proof.access);
    let signature = Signature::from_bytes(&proof.signature);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(&message, &signature).is_ok())
}

fn read_rights(session: &Grants, pulls: &[Pull]) -> Vec<Result<MailboxNumber, RelayError>> {
    pulls
        .iter()
        .map(|pull| session.number(pull.mailbox, Access::Read))
        .collect()
}

fn positions(pulls: &[Pull], rights: &[Result<MailboxNumber, RelayError>]) -> Vec<Position> {
    pulls
        .iter()
        .zip(rights)
        .filter_map(|(pull, right)| {
            let mailbox = right.ok()?;
            let after = pull.after;
            Some(Position { mailbox, after })
        })
        .collect()
}

/// Whether one pushed envelope may be stored, and where.
fn admit(session: &Grants, bytes: Vec<u8>) -> Result<Append, RelayError> {
    let envelope = Envelope::from_bytes(&bytes)?;
    Ok(Append {
        mailbox: session.number(envelope.mailbox, Access::Write)?,
        id: EnvelopeId::derive(&bytes),
        bytes,
    })
}

fn pulled(mailbox: MailboxId, page: Result<Page, RelayError>) -> Pulled {
    let (refused, page) = match page {
        Ok(page) => (0, page),
        Err(error) => (
            error.code,
            Page {
                head: 0,
                entries: Vec::new(),
            },
        ),
    };
    Pulled {
        mailbox,
        refused,
        head: page.head,
        entries: page.entries,
    }
}

/// A push under way: which envelopes were refused at the door, and the answer to come for the others.
pub(crate) struct PushTicket {
    refusals: Vec<Option<RelayError>>,
    stored: Option<Pending<Appended>>,
}

impl PushTicket {
    fn wait(self) -> Result<Vec<Pushed>, RelayError> {
        let stored = self.stored.map(Pending::wait).transpose()?;
        Ok(merge(self.refusals, stored.unwrap_or_default()))
    }

    /// Like `wait`, for a task.
    pub(crate) async fn settle(self) -> Result<Vec<Pushed>, RelayError> {
        let stored = match self.stored {
            Some(pending) => pending.await?,
            None => Vec::new(),
        };
        Ok(merge(self.refusals, stored))
    }
}

fn merge(refusals: Vec<Option<RelayError>>, stored: Appended) -> Vec<Pushed> {
    let mut stored = stored.into_iter();
    refusals
        .into_iter()
        .map(|refusal| match refusal {
            Some(error) => Err(error),
            None => stored.next().unwrap_or(Err(RelayError::INTERNAL)),
        })
        .map(|answer| match answer {
            Ok(seq) => Pushed::Stored(seq),
            Err(error) => Pushed::Refused(error.code),
        })
        .collect()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod upkeep_tests;
