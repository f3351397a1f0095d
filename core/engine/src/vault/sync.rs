//! The driver of a sync: plans, lets the session say what to send, merges what came. No transaction is open and no lock is
//! held while a request is under way.

use super::keyring::Keyring;
use super::merge::{self, Received};
use super::open::Unlocked;
use super::{Observer, Progress, SyncReport};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, HttpResponse, Transport};
use crate::roster::{DEVICES, KEYRING, ROSTER};
use crate::seal::Epoch;
use crate::store::log::{self, RelayState};
use crate::sync::blobs::{self, BlobAddress};
use crate::sync::session::{self, Action, Answer, Plan, Session};
use carnet_wire::relay::{Entry, Pull, Pulled, Pushed, code};
use carnet_wire::{MailboxId, limits};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

/// Bytes of envelopes merged in one transaction: a step stays well under the 250 ms a background window allows.
const MERGE_STEP_BYTES: usize = 512 << 10;

/// Setting: the relay this vault syncs with.
pub const RELAY: &str = "relay";

/// Stops a sync: by deadline, or because the caller wants it.
pub struct Brake<'a> {
    deadline: Option<Instant>,
    observer: Option<&'a dyn Observer>,
}

impl<'a> Brake<'a> {
    /// A brake that acts after `deadline`, or when `observer` says so.
    pub fn new(deadline: Option<Duration>, observer: Option<&'a dyn Observer>) -> Self {
        Self {
            deadline: deadline.map(|after| Instant::now() + after),
            observer,
        }
    }

    /// Whether the deadline has passed. An observer that says stop is `Cancelled`.
    pub fn check(&self, done: u64) -> Result<bool> {
        if self
            .observer
            .is_some_and(|observer| !observer.progress(Progress { done, total: None }))
        {
            return Err(Error::Cancelled);
        }
        Ok(self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline))
    }
}

/// One sync of one vault with one relay.
pub struct Exchange<'a> {
    open: &'a Unlocked,
    transport: &'a dyn Transport,
    url: String,
    drained: BTreeSet<MailboxId>,
    report: SyncReport,
}

impl<'a> Exchange<'a> {
    /// A sync with the relay at `url`.
    pub fn new(open: &'a Unlocked, transport: &'a dyn Transport, url: &str) -> Result<Self> {
        session::origin(url)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self {
            open,
            transport,
            url,
            drained: BTreeSet::new(),
            report: SyncReport::default(),
        })
    }

    /// Runs until everything is exchanged or the brake acts.
    pub fn run(mut self, brake: &Brake<'_>) -> Result<SyncReport> {
        let mut session = self.session()?;
        let outcome = self.drive(&mut session, brake);
        self.report.round_trips += session.round_trips;
        self.report.bytes_sent += session.bytes_sent;
        self.report.bytes_received += session.bytes_received;
        self.report.complete = outcome?;
        if self.report.complete {
            self.report.complete = self.transfer_attachments(brake)?;
        }
        self.report.quarantined = self
            .open
            .store
            .read(|conn| Ok(log::held_counts(conn)?.iter().map(|(_, count)| count).sum()))?;
        Ok(self.report)
    }

    fn session(&self) -> Result<Session> {
        let keyring = self.open.keyring()?;
        let epochs: Vec<Epoch> = keyring
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.clone())
            .collect();
        let relay = self.relay()?;
        let live = relay.covers == Some(covered(&epochs));
        Session::new(&self.url, epochs, relay.token.filter(|_| live))
    }

    fn relay(&self) -> Result<RelayState> {
        self.open.write(|tx| log::relay(tx, &self.url))
    }

    fn drive(&mut self, session: &mut Session, brake: &Brake<'_>) -> Result<bool> {
        loop {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(false);
            }
            match session.step()? {
                Action::Plan => session.plan(self.plan()?)?,
                Action::Send(request) => session.answer(self.transport.send(request))?,
                Action::Remember(token) => self.remember(token)?,
                Action::Merge(answer) => {
                    let more = self.merge(answer, brake)?;
                    session.merged(more);
                }
                Action::Done => return Ok(true),
            }
        }
    }

    fn plan(&self) -> Result<Plan> {
        let keyring = self.open.keyring()?;
        let relay = self.relay()?;
        self.open.store.read(|conn| {
            let push = log::unsent(
                conn,
                relay.acknowledged,
                limits::MAX_PUSHED_ENVELOPES,
                limits::EXCHANGE_BATCH_BYTES,
            )?;
            let mut pull = Vec::new();
            for mailbox in in_order_of_need(conn, &keyring)? {
                if !self.drained.contains(&mailbox) {
                    pull.push(Pull {
                        mailbox,
                        after: log::cursor(conn, relay.number, mailbox)?,
                    });
                }
            }
            pull.truncate(limits::MAX_MAILBOXES);
            Ok(Plan { push, pull })
        })
    }

    fn remember(&self, token: Option<[u8; 32]>) -> Result<()> {
        let keyring = self.open.keyring()?;
        let epochs: Vec<Epoch> = keyring
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.clone())
            .collect();
        let covers = covered(&epochs);
        let relay = self.relay()?;
        self.open.write(|tx| {
            log::set_session(
                tx,
                relay.number,
                token.as_ref().map(|token| (token, &covers)),
            )
        })
    }

    /// Keeps what an answer says; returns the epochs that were not known when the session began.
    fn merge(&mut self, answer: Answer, brake: &Brake<'_>) -> Result<Vec<Epoch>> {
        let known: BTreeSet<MailboxId> = self.mailboxes()?;
        let relay = self.relay()?;
        if self
            .open
            .write(|tx| log::set_generation(tx, &relay, answer.generation))?
        {
            self.report
                .notices
                .push("the relay was restored from a copy: everything is sent to it again");
            self.drained.clear();
            return Ok(Vec::new());
        }
        self.forget_if_refused(&relay, &answer)?;
        let own = self.acknowledge(&relay, &answer.pushed)?;
        for pulled in answer.pulled {
            if brake.check(self.report.sent + self.report.received)? {
                break;
            }
            self.merge_mailbox(&relay, pulled, &own, brake)?;
        }
        let keyring = self.open.keyring()?;
        Ok(keyring
            .epochs
            .iter()
            .filter(|(_, epoch)| !known.contains(&epoch.mailbox))
            .map(|(_, epoch)| epoch.clone())
            .collect())
    }

    fn mailboxes(&self) -> Result<BTreeSet<MailboxId>> {
        Ok(self
            .open
            .keyring()?
            .epochs
            .iter()
            .map(|(_, epoch)| epoch.mailbox)
            .collect())
    }

    /// A relay that no longer knows a mailbox gets it registered again with the next session.
    fn forget_if_refused(&self, relay: &RelayState, answer: &Answer) -> Result<()> {
        let unknown = |refused: u16| matches!(refused, code::FORBIDDEN | code::NOT_FOUND);
        let pushed = answer
            .pushed
            .iter()
            .any(|(_, outcome)| matches!(outcome, Pushed::Refused(why) if unknown(*why)));
        if pushed || answer.pulled.iter().any(|pulled| unknown(pulled.refused)) {
            self.open
                .write(|tx| log::set_session(tx, relay.number, None))?;
        }
        Ok(())
    }

    /// Notes what the relay stored, and returns the places it gave. The outbox is acknowledged in order, so the first
    /// refusal ends the run.
    fn acknowledge(
        &mut self,
        relay: &RelayState,
        pushed: &[(log::Outgoing, Pushed)],
    ) -> Result<BTreeSet<(MailboxId, u64)>> {
        let mut last = None;
        let mut places = BTreeSet::new();
        for (outgoing, outcome) in pushed {
            match outcome {
                Pushed::Stored(seq) => {
                    last = Some(outgoing.outbox);
                    places.insert((outgoing.mailbox, *seq));
                }
                Pushed::Refused(code) => {
                    self.store_acknowledged(relay, last)?;
                    return Err(Error::Relay {
                        code: *code,
                        retry_after: None,
                    });
                }
            }
            self.report.sent += 1;
        }
        self.store_acknowledged(relay, last)?;
        Ok(places)
    }

    fn store_acknowledged(&self, relay: &RelayState, last: Option<i64>) -> Result<()> {
        last.map_or(Ok(()), |outbox| {
            self.open
                .write(|tx| log::acknowledge(tx, relay.number, outbox))
        })
    }

    /// Merges what one mailbox brought, in steps: a step's rows and its cursor are one transaction (INV-7).
    fn merge_mailbox(
        &mut self,
        relay: &RelayState,
        pulled: Pulled,
        own: &BTreeSet<(MailboxId, u64)>,
        brake: &Brake<'_>,
    ) -> Result<()> {
        if pulled.refused != 0 {
            return Err(Error::Relay {
                code: pulled.refused,
                retry_after: None,
            });
        }
        let mut reached = self
            .open
            .store
            .read(|conn| log::cursor(conn, relay.number, pulled.mailbox))?;
        let mut entries = pulled.entries.as_slice();
        while !entries.is_empty() {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(());
            }
            let (step, rest) = split_step(entries);
            reached = self.merge_step(relay, pulled.mailbox, step)?;
            entries = rest;
        }
        if reached >= pulled.head {
            self.pass_own(relay, pulled.mailbox, reached, own)?;
            self.drained.insert(pulled.mailbox);
        }
        Ok(())
    }

    /// Moves the cursor past what this exchange pushed right behind the head it read, so that it is not sent back. Where
    /// another device wrote in between, the numbers have a hole there and the next pull reads on from it.
    fn pass_own(
        &self,
        relay: &RelayState,
        mailbox: MailboxId,
        mut reached: u64,
        own: &BTreeSet<(MailboxId, u64)>,
    ) -> Result<()> {
        let before = reached;
        while own.contains(&(mailbox, reached + 1)) {
            reached += 1;
        }
        if reached > before {
            self.open
                .write(|tx| log::advance_cursor(tx, relay.number, mailbox, reached))?;
        }
        Ok(())
    }

    fn merge_step(
        &mut self,
        relay: &RelayState,
        mailbox: MailboxId,
        step: &[Entry],
    ) -> Result<u64> {
        let key = &self.open.database_key;
        let mut merged = 0;
        let reached = step.last().map_or(0, |entry| entry.seq);
        let mut news = BTreeSet::new();
        self.open.write(|tx| {
            let mut keyring = self.open.keyring_in(tx)?;
            for entry in step {
                match merge::receive(tx, &mut keyring, key, mailbox, &entry.envelope)? {
                    Received::Merged => merged += 1,
                    Received::Known => {}
                    Received::Held(reason) => {
                        news.insert(reason.word());
                    }
                }
            }
            if merged > 0 {
                merged += merge::retry_held(tx, &mut keyring, key)?;
            }
            log::advance_cursor(tx, relay.number, mailbox, reached)
        })?;
        self.report.received += merged;
        news.into_iter().for_each(|word| self.notice(word));
        Ok(reached)
    }

    /// Moves the bytes of documents both ways; `false` when the brake acted first.
    fn transfer_attachments(&mut self, brake: &Brake<'_>) -> Result<bool> {
        let keyring = self.open.keyring()?;
        for named in self.open.store.read(log::named_blobs)? {
            let relay = self.relay()?;
            let held = self.open.store.attachments().size(named.blob)?.is_some();
            let delivered = self
                .open
                .store
                .read(|conn| log::is_delivered(conn, relay.number, &named.blob.0))?;
            if held && delivered {
                continue;
            }
            let Some(token) = relay.token else {
                return Ok(false);
            };
            let mailbox = keyring.current_epoch(named.log)?.mailbox;
            let address = BlobAddress {
                relay: self.url.clone(),
                token,
                mailbox,
                blob: named.blob,
                length: named.sealed_size,
            };
            let moved = if held {
                self.upload(&address, brake)?
            } else {
                self.download(&address, brake)?
            };
            if !moved {
                return Ok(false);
            }
            self.open
                .write(|tx| log::set_delivered(tx, relay.number, &named.blob.0))?;
        }
        Ok(true)
    }

    fn upload(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<bool> {
        let mut offset = address.held(&self.send(address.ask())?)?;
        let mut file = self.open.store.attachments().open_file(address.blob)?;
        file.seek(SeekFrom::Start(offset))?;
        while offset < address.length {
            if brake.check(self.report.sent)? {
                return Ok(false);
            }
            let mut part = Vec::new();
            (&mut file)
                .take(blobs::PART_BYTES as u64)
                .read_to_end(&mut part)?;
            if part.is_empty() {
                return Err(Error::Corrupt("a document is shorter than it was"));
            }
            offset += part.len() as u64;
            address.put_done(&self.send(address.put(offset - part.len() as u64, part))?)?;
        }
        Ok(true)
    }

    /// Fetches a document into a temporary file; only bytes that hash to the blob's id become one.
    fn download(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<bool> {
        let mut incoming = self.open.store.attachments().make_incoming()?;
        let mut offset = 0;
        while offset < address.length {
            if brake.check(self.report.received)? {
                return Ok(false);
            }
            let response = self.send(address.get(offset))?;
            if response.status == 404 {
                // Its author has pushed the change but not yet the bytes: the next sync finds them.
                self.notice("a document has not arrived yet");
                return Ok(true);
            }
            let part = address.part(offset, response)?;
            offset += part.len() as u64;
            incoming.write_all(&part)?;
        }
        incoming.finish_as(address.blob)?;
        Ok(true)
    }

    fn send(&mut self, request: HttpRequest) -> Result<HttpResponse> {
        self.report.round_trips += 1;
        self.report.bytes_sent += request.body.len() as u64;
        let response = self.transport.send(request)?;
        self.report.bytes_received += response.body.len() as u64;
        Ok(response)
    }

    fn notice(&mut self, word: &'static str) {
        if !self.report.notices.contains(&word) {
            self.report.notices.push(word);
        }
    }
}

/// Cuts the entries of one step: at least one, at most [`MERGE_STEP_BYTES`].
fn split_step(entries: &[Entry]) -> (&[Entry], &[Entry]) {
    let mut size = 0;
    let fits = entries.iter().take_while(|entry| {
        size += entry.envelope.len();
        size <= MERGE_STEP_BYTES
    });
    entries.split_at(fits.count().max(1).min(entries.len()))
}

/// A name for a set of mailboxes: a session token is good for exactly the set it was opened for.
fn covered(epochs: &[Epoch]) -> [u8; 32] {
    let mailboxes: BTreeSet<MailboxId> = epochs.iter().map(|epoch| epoch.mailbox).collect();
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 session covers");
    mailboxes.iter().for_each(|mailbox| {
        hasher.update(mailbox.as_ref());
    });
    *hasher.finalize().as_bytes()
}

/// Mailboxes in the order that lets each be understood when it arrives: devices, keys, rosters, then data.
fn in_order_of_need(conn: &Connection, keyring: &Keyring) -> Result<Vec<MailboxId>> {
    let names: BTreeMap<i64, String> = log::logs(conn)?
        .into_iter()
        .map(|log| (log.number, log.name))
        .collect();
    let need = |log: &i64| match names.get(log).map(String::as_str) {
        Some(DEVICES) => 0,
        Some(KEYRING) => 1,
        Some(ROSTER) => 2,
        _ => 3,
    };
    let mut mailboxes: Vec<(i32, MailboxId)> = keyring
        .epochs
        .iter()
        .map(|(log, epoch)| (need(log), epoch.mailbox))
        .collect();
    mailboxes.sort_unstable();
    Ok(mailboxes.into_iter().map(|(_, mailbox)| mailbox).collect())
}
