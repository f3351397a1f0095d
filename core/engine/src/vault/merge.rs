//! Merging: what comes from a relay is opened, checked, chained and projected, or held in quarantine with a reason.
//!
//! Nothing that arrives is skipped (INV-8): an envelope is either merged, already known, or held. What is held is tried
//! again whenever a chain, a roster or a key advances. Checks go from cheap to dear, and a body is inflated only after the
//! signature over its hash holds:
//! envelope → epoch → AEAD → signature → chain → authorisation → content.

use super::absorb;
use super::detect;
use super::keyring::{self, Keyring};
use super::snapshot::{self, Judgement};
use super::steps;
use crate::error::{Error, Result};
use crate::record::change::{CHANGE_VERSION, Change, MAX_CHANGE_ITEMS};
use crate::roster::{Operations, Verdict};
use crate::seal::{self, Opened};
use crate::store::log::{self, HeldFor, Place, StoredChange};
use crate::store::{Projection, project_all};
use carnet_wire::{Author, Canonical, Envelope, EnvelopeId, Header, MailboxId, Seen, kind};
use rusqlite::{Connection, Transaction};
use std::sync::Arc;

/// Greatest logical time accepted: a member cannot push the clock of a compartment to its end.
pub(super) const MAX_LAMPORT: u64 = 1 << 52;
/// Farthest a change may be ahead of everything merged. An honest one is ahead by no more than the changes that are still
/// missing; without this one change at [`MAX_LAMPORT`] would have all later ones refused, our own at other devices.
pub(super) const MAX_LAMPORT_LEAP: u64 = 1 << 32;
/// Changes projected together at most.
const MAX_UNPROJECTED: usize = 1_000;
/// Bytes of bodies at which they are projected: one more change may bring 32 MiB.
const MAX_UNPROJECTED_BYTES: usize = 8 << 20;

/// What became of an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It was merged.
    Merged,
    /// It had been merged before, or this device wrote it.
    Known,
    /// It is in quarantine.
    Held(HeldFor),
}

/// Changes that were merged and not yet projected: edits of one shard cost as much together as one alone. Whoever
/// receives calls [`Unprojected::project`] before the transaction ends.
#[derive(Default)]
pub struct Unprojected {
    changes: Vec<Appended>,
    bytes: usize,
}

struct Appended {
    log: i64,
    number: i64,
    author: Author,
    change: Change,
}

impl Unprojected {
    /// Adds a change that a snapshot brought, or that came before what it builds on.
    pub(super) fn add_change(
        &mut self,
        tx: &Transaction<'_>,
        log: i64,
        number: i64,
        author: Author,
        change: Change,
    ) -> Result<()> {
        let appended = Appended {
            log,
            number,
            author,
            change,
        };
        self.add(tx, appended)
    }

    fn add(&mut self, tx: &Transaction<'_>, appended: Appended) -> Result<()> {
        let bodies = appended.change.bodies.iter();
        self.bytes += bodies.map(|body| body.len()).sum::<usize>();
        self.changes.push(appended);
        let full = self.changes.len() >= MAX_UNPROJECTED || self.bytes >= MAX_UNPROJECTED_BYTES;
        if full { self.project(tx) } else { Ok(()) }
    }

    /// Bytes of bodies that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Projects them. An item this build cannot use is counted as refused and stays in the change: what another device
    /// accepted, or a later build understands, is never dropped for it.
    pub fn project(&mut self, tx: &Transaction<'_>) -> Result<()> {
        let projections: Vec<_> = self
            .changes
            .iter()
            .map(|appended| Projection {
                log: appended.log,
                change: appended.number,
                author: &appended.author,
                value: &appended.change,
                parsed: None,
                segments: &[],
            })
            .collect();
        project_all(tx, &projections)?;
        *self = Self::default();
        Ok(())
    }
}

/// Merges one envelope, or holds it, and says which change it was, where that can be told: who brought it has it.
/// `keyring` is loaded again inside when operations arrive.
pub fn receive(
    tx: &Transaction<'_>,
    keyring: &mut Arc<Keyring>,
    key: &[u8; 32],
    unprojected: &mut Unprojected,
    mailbox: MailboxId,
    bytes: &[u8],
) -> Result<(Received, Option<Place>)> {
    let id = EnvelopeId::derive(bytes);
    if let Some(place) = log::own_place(tx, id)? {
        return Ok((Received::Known, Some(place)));
    }
    let Some((log, opened)) = open(keyring, mailbox, bytes)? else {
        log::hold(tx, mailbox, bytes, HeldFor::Unopenable, None)?;
        return Ok((Received::Held(HeldFor::Unopenable), None));
    };
    let place = Place {
        log,
        author: opened.header.author,
        seq: opened.header.seq,
    };
    log::put_placed(tx, id, log, &place.author, place.seq, mailbox)?;
    let received = match try_merge(tx, keyring, unprojected, log, opened)? {
        Outcome::Merged { operations } => {
            log::release(tx, id)?;
            if operations {
                absorb::operations(tx, keyring, key)?;
            }
            // This device did not write it in this life: it is a copy, or was put back from one, and nobody noticed.
            if place.author == keyring.author {
                leave_life(tx, keyring, key)?;
            }
            Received::Merged
        }
        Outcome::Known => {
            log::release(tx, id)?;
            Received::Known
        }
        Outcome::Held(reason) => {
            log::hold(tx, mailbox, bytes, reason, Some(&place))?;
            if reason == HeldFor::Fork && place.author == keyring.author {
                leave_life(tx, keyring, key)?;
            }
            Received::Held(reason)
        }
        Outcome::Copied => {
            log::hold(tx, mailbox, bytes, HeldFor::Gap, Some(&place))?;
            leave_life(tx, keyring, key)?;
            steps::note_retry(tx)?;
            Received::Held(HeldFor::Gap)
        }
    };
    // Another history of a chain is not the change this device has at that place.
    let told = received != Received::Held(HeldFor::Fork) && i64::try_from(place.seq).is_ok();
    Ok((received, told.then_some(place)))
}

/// Another copy of this device writes as this device does: what it writes from now on goes into a chain of its own, under
/// an actor of its own, which others accept.
fn leave_life(tx: &Transaction<'_>, keyring: &mut Arc<Keyring>, key: &[u8; 32]) -> Result<()> {
    keyring::begin_incarnation(tx)?;
    keyring::count_operations(tx)?;
    detect::note_copy(tx)?;
    *keyring = Arc::new(keyring.reload(tx, key)?);
    Ok(())
}

enum Outcome {
    Merged {
        operations: bool,
    },
    Known,
    Held(HeldFor),
    /// Held until this device, which is a copy, has begun another life.
    Copied,
}

fn try_merge(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    unprojected: &mut Unprojected,
    log: i64,
    opened: Opened,
) -> Result<Outcome> {
    if log::has_change(tx, opened.id)? {
        return Ok(Outcome::Known);
    }
    // A snapshot holds it, and the tip of what it covers stands for every change before.
    if opened.header.seq <= log::covered(tx, log, &opened.header.author)? {
        return Ok(Outcome::Known);
    }
    let header = &opened.header;
    if log::is_forked(tx, log, &header.author)? {
        return Ok(Outcome::Held(HeldFor::Fork));
    }
    if header.kind == kind::SNAPSHOT {
        // It is compared with the documents: they must hold what came before it in this very step.
        unprojected.project(tx)?;
        match judge_snapshot(tx, keyring, log, &opened)? {
            Judgement::Fits => {}
            Judgement::Held(reason) => return Ok(Outcome::Held(reason)),
            Judgement::Copied => return Ok(Outcome::Copied),
        }
    }
    let (seq, tip) = log::position(tx, log, &header.author)?;
    if header.seq > seq + 1 {
        return Ok(Outcome::Held(HeldFor::Gap));
    }
    if header.seq <= seq || header.prev != tip {
        keep_proof(tx, log, opened)?;
        return Ok(Outcome::Held(HeldFor::Fork));
    }
    if header.lamport > MAX_LAMPORT {
        return Ok(Outcome::Held(HeldFor::Refused));
    }
    if header.lamport > log::lamport(tx, log)?.saturating_add(MAX_LAMPORT_LEAP) {
        return Ok(Outcome::Held(HeldFor::Gap));
    }
    match header.kind {
        kind::CHANGE => merge_change(tx, keyring, unprojected, log, opened),
        kind::OPERATIONS => merge_operations(tx, log, opened),
        kind::SNAPSHOT => {
            log::append(tx, log, &header.clone(), &stored(log, opened))?;
            Ok(Outcome::Merged { operations: false })
        }
        _ => Ok(Outcome::Held(HeldFor::Unknown)),
    }
}

/// Keeps both signed headers: the one this device followed and the one that contradicts it. Where a snapshot replaced the
/// first there is no proof, only what is held.
fn keep_proof(tx: &Transaction<'_>, log: i64, opened: Opened) -> Result<()> {
    let author = opened.header.author;
    let (tip, _) = log::position(tx, log, &author)?;
    let at = opened.header.seq.min(tip);
    let Some((number, _)) = log::change_at(tx, log, &author, at)? else {
        return Ok(());
    };
    let Some(kept) = log::change(tx, number)?.filter(|kept| !kept.header.is_empty()) else {
        return Ok(());
    };
    let place = Place {
        log,
        author,
        seq: at,
    };
    log::keep_fork(tx, &place, &kept, &stored(log, opened))?;
    Ok(())
}

/// Opens an envelope with the epoch of the mailbox it lay in; `None` when it cannot be opened.
fn open(keyring: &Keyring, mailbox: MailboxId, bytes: &[u8]) -> Result<Option<(i64, Opened)>> {
    let Some((log, epoch)) = keyring.epoch_of(mailbox) else {
        return Ok(None);
    };
    let Ok(envelope) = Envelope::from_bytes(bytes) else {
        return Ok(None);
    };
    match seal::open(epoch, &envelope) {
        Ok(opened) => Ok(Some((log, opened))),
        Err(
            Error::Unsealable
            | Error::Wire(_)
            | Error::Unauthorised(_)
            | Error::Invalid(_)
            | Error::TooLarge(_),
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A snapshot says what others wrote: only an owner's device may, and what it says must agree with what is here.
fn judge_snapshot(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    opened: &Opened,
) -> Result<Judgement> {
    let header = &opened.header;
    if header.lamport > MAX_LAMPORT {
        return Ok(Judgement::Held(HeldFor::Refused));
    }
    if let Some(reason) = held_for(keyring.judge(header, opened.id)) {
        return Ok(Judgement::Held(reason));
    }
    snapshot::judge(tx, keyring, log, header, opened.id, &opened.body)
}

fn merge_change(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    unprojected: &mut Unprojected,
    log: i64,
    opened: Opened,
) -> Result<Outcome> {
    if let Some(reason) = held_for(keyring.judge(&opened.header, opened.id))
        && !is_sheltered(tx, log, &opened.header, reason)?
    {
        return Ok(Outcome::Held(reason));
    }
    let change = match read_change(&opened.body) {
        Ok(change) => change,
        Err(reason) => return Ok(Outcome::Held(reason)),
    };
    let author = opened.header.author;
    let header = opened.header.clone();
    let number = log::append(tx, log, &header, &stored(log, opened))?;
    let appended = Appended {
        log,
        number,
        author,
        change,
    };
    unprojected.add(tx, appended)?;
    Ok(Outcome::Merged { operations: false })
}

/// Why a change of this verdict is held; none where it counts.
fn held_for(verdict: Verdict) -> Option<HeldFor> {
    match verdict {
        Verdict::Counts => None,
        Verdict::Waits | Verdict::Refused => Some(HeldFor::Unauthorised),
        Verdict::Beyond => Some(HeldFor::Beyond),
    }
}

/// What lies beyond a removal counts all the same if another device had seen it when it wrote something that counts: what
/// is merged counts.
fn is_sheltered(conn: &Connection, log: i64, header: &Header, reason: HeldFor) -> Result<bool> {
    if reason != HeldFor::Beyond {
        return Ok(false);
    }
    for tip in log::tips(conn, log)? {
        let seen = detect::header(conn, tip.id)?.map(|header| header.seen);
        let shelters = |seen: &Seen| seen.author == header.author && seen.seq >= header.seq;
        let other = tip.author.device != header.author.device;
        if other && seen.into_iter().flatten().any(|seen| shelters(&seen)) {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) fn read_change(body: &[u8]) -> std::result::Result<Change, HeldFor> {
    let payload = seal::unpack_body(body).map_err(|_| HeldFor::Refused)?;
    // A later version may have items this build cannot decode, so the version is read first.
    if version_of(&payload).is_some_and(|version| version > CHANGE_VERSION) {
        return Err(HeldFor::Unknown);
    }
    let change = Change::from_canonical(&payload).map_err(|_| HeldFor::Refused)?;
    if change.version != CHANGE_VERSION || change.items.len() > MAX_CHANGE_ITEMS {
        return Err(HeldFor::Refused);
    }
    Ok(change)
}

pub(super) fn version_of(payload: &[u8]) -> Option<u8> {
    let mut decoder = minicbor::Decoder::new(payload);
    decoder.array().ok()?;
    decoder.u8().ok()
}

/// Operations are kept whoever signed them: the fold decides which count, and shows those that do not.
fn merge_operations(tx: &Transaction<'_>, log: i64, opened: Opened) -> Result<Outcome> {
    let readable =
        seal::unpack_body(&opened.body).and_then(|payload| Operations::from_body(&payload));
    if readable.is_err() {
        return Ok(Outcome::Held(HeldFor::Refused));
    }
    let header = opened.header.clone();
    log::append(tx, log, &header, &stored(log, opened))?;
    keyring::count_operations(tx)?;
    Ok(Outcome::Merged { operations: true })
}

fn stored(log: i64, opened: Opened) -> StoredChange {
    StoredChange {
        number: 0,
        log,
        id: opened.id,
        header: opened.header_bytes,
        signature: opened.signature,
        body: opened.body,
    }
}
