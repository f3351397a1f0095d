//! Detection (INV-9): what ought to be here and is not, and what cannot be true. Compares the chains with every witness:
//! later changes of the same author that wait, what others list in `seen`, what the device that brought this one in had
//! seen, proofs of forks. Knows nothing of how changes come; the relay's own lies are noted where they are met (`heal`).
//!
//! A review runs after a contact has ended, so a gap that closed within it is no finding. It writes only when something
//! is new: an idle sync leaves no trace. A claim by a witness is a claim: its name is kept with the finding.
//!
//! Every path calls [`review`] when it has brought all it has.

use super::Finding;
use super::history::Before;
use super::keyring::Keyring;
use super::open::Unlocked;
use crate::error::Result;
use crate::store::log::{self, FindingKind, Floor, Found, HeldFor, Place};
use carnet_wire::{Author, Canonical, ChangeId, DeviceId, Header, Seen};
use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};

/// Setting: this device found out that it is a copy, and nobody has been told yet.
const COPIED: &str = "copied";

/// Kinds that stand for changes that are not here: of one chain one of them is open.
const MISSING: [FindingKind; 3] = [
    FindingKind::Gap,
    FindingKind::Omission,
    FindingKind::BelowFloor,
];

/// Changes of one chain that exist and are not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// How it is known.
    pub kind: FindingKind,
    /// The first number that is missing, and whose.
    pub place: Place,
    /// The last number known to exist.
    pub last: u64,
    /// How many of them are neither merged nor held.
    pub count: u64,
    /// Who has them, if not the author.
    pub witness: Option<DeviceId>,
}

/// Notes that this device found out that it is a copy; the next review tells.
pub fn note_copy(conn: &Connection) -> Result<()> {
    log::set_meta(conn, COPIED, &[1])
}

/// Everything that exists and is not here, by log and author.
pub fn missing(conn: &Connection, keyring: &Keyring) -> Result<Vec<Missing>> {
    let floors = log::floors(conn)?;
    let mut all = Vec::new();
    for log in log::logs(conn)? {
        // A log without a key is one this device cannot read: nothing of it is expected.
        if keyring
            .epochs
            .iter()
            .any(|(number, _)| *number == log.number)
        {
            let floors = floors
                .iter()
                .filter(|floor| floor.record == log.record && floor.compartment == log.compartment);
            all.extend(missing_in(conn, log.number, floors)?);
        }
    }
    Ok(all)
}

fn missing_in<'a>(
    conn: &Connection,
    log: i64,
    floors: impl Iterator<Item = &'a Floor>,
) -> Result<Vec<Missing>> {
    let tips = log::tips(conn, log)?;
    let have: BTreeMap<Author, u64> = tips.iter().map(|tip| (tip.author, tip.seq)).collect();
    let mut held: BTreeMap<Author, BTreeSet<u64>> = BTreeMap::new();
    for place in log::held_places(conn, log)? {
        held.entry(place.author).or_default().insert(place.seq);
    }
    let mut claims: BTreeMap<Author, Claim> = BTreeMap::new();
    for (author, numbers) in &held {
        let last = numbers.last().copied().unwrap_or_default();
        claim(&mut claims, *author, last, FindingKind::Gap, None);
    }
    for tip in &tips {
        let witness = Some(tip.author.device);
        for seen in header(conn, tip.id)?
            .into_iter()
            .flat_map(|header| header.seen)
        {
            let kind = FindingKind::Omission;
            claim(&mut claims, seen.author, seen.seq, kind, witness);
        }
    }
    for floor in floors {
        let (seen, witness) = (floor.seen, Some(floor.witness));
        let kind = FindingKind::BelowFloor;
        claim(&mut claims, seen.author, seen.seq, kind, witness);
    }
    let none = BTreeSet::new();
    let found = claims.into_iter().filter_map(|(author, claim)| {
        let first = have.get(&author).copied().unwrap_or(0) + 1;
        let held = held.get(&author).unwrap_or(&none);
        claim.missing(log, author, first, held)
    });
    Ok(found.collect())
}

/// The farthest number somebody says an author has written.
struct Claim {
    kind: FindingKind,
    last: u64,
    witness: Option<DeviceId>,
}

/// The farthest claim counts; of equal ones the first, and what is here and waits is the best witness.
fn claim(
    claims: &mut BTreeMap<Author, Claim>,
    author: Author,
    last: u64,
    kind: FindingKind,
    witness: Option<DeviceId>,
) {
    let new = Claim {
        kind,
        last,
        witness,
    };
    match claims.get_mut(&author) {
        Some(known) if known.last >= last => {}
        Some(known) => *known = new,
        None => {
            claims.insert(author, new);
        }
    }
}

impl Claim {
    fn missing(
        &self,
        log: i64,
        author: Author,
        first: u64,
        held: &BTreeSet<u64>,
    ) -> Option<Missing> {
        if self.last < first {
            return None;
        }
        let here = held.range(first..=self.last).count() as u64;
        let count = (self.last - first).saturating_add(1).saturating_sub(here);
        (count > 0).then_some(Missing {
            kind: self.kind,
            place: Place {
                log,
                author,
                seq: first,
            },
            last: self.last,
            count,
            witness: self.witness,
        })
    }
}

/// The header of a merged change; none where a snapshot replaced it.
pub fn header(conn: &Connection, id: ChangeId) -> Result<Option<Header>> {
    let mut query = conn.prepare_cached("SELECT header FROM change WHERE id = ?1")?;
    let bytes: Option<Vec<u8>> = query
        .query_row([id.as_ref()], |row| row.get(0))
        .optional()?;
    Ok(bytes.and_then(|bytes| Header::from_bytes(&bytes).ok()))
}

/// A name for what is missing: the same is not searched for twice in one place.
pub fn suspicion<'a>(missing: impl Iterator<Item = &'a Missing>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 suspicion");
    for one in missing {
        hasher.update(&one.place.author.to_canonical());
        hasher.update(&one.place.seq.to_be_bytes());
        hasher.update(&one.last.to_be_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// Compares everything with every witness and brings the findings up to date, in the caller's transaction. Returns whether
/// nothing is missing.
pub fn review(conn: &Connection, keyring: &Keyring, now: i64) -> Result<bool> {
    let missing = missing(conn, keyring)?;
    for step in steps(conn, keyring, &missing)? {
        match step {
            Step::Open(found) => log::open_finding(conn, &found, now)?,
            Step::Heal(kind, subject) => log::heal_finding(conn, kind, &subject, now)?,
            Step::DropFloor(floor) => log::drop_floor(conn, &floor)?,
            Step::Told => log::set_meta(conn, COPIED, &[0])?,
        }
    }
    if log::is_news(conn, &keyring.author)? {
        log::hear(conn, &keyring.author, now)?;
    }
    Ok(missing.is_empty())
}

/// Whether a review would write something: only then a transaction is worth its price.
pub fn has_news(conn: &Connection, keyring: &Keyring) -> Result<bool> {
    let missing = missing(conn, keyring)?;
    Ok(!steps(conn, keyring, &missing)?.is_empty() || log::is_news(conn, &keyring.author)?)
}

/// Reviews after a contact by another path than a relay; returns what it has to tell.
pub fn look(open: &Unlocked) -> Result<Vec<Finding>> {
    let keyring = open.keyring()?;
    let before = open.store.read(Before::of)?;
    if open.store.read(|conn| has_news(conn, &keyring))? {
        let now = open.clock.now();
        open.write(|tx| {
            let keyring = open.keyring_in(tx)?;
            review(tx, &keyring, now).map(|_| ())
        })?;
    }
    open.store.read(|conn| before.told(conn, &keyring))
}

/// What a review does.
enum Step {
    Open(Found),
    Heal(FindingKind, Vec<u8>),
    DropFloor(Floor),
    Told,
}

fn steps(conn: &Connection, keyring: &Keyring, missing: &[Missing]) -> Result<Vec<Step>> {
    let mut steps = missing_steps(conn, missing)?;
    steps.extend(fork_steps(conn)?);
    steps.extend(unreadable_steps(conn, keyring, missing)?);
    steps.extend(floor_steps(conn)?);
    steps.extend(copy_steps(conn, keyring, missing)?);
    Ok(steps)
}

fn missing_steps(conn: &Connection, missing: &[Missing]) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut wanted = BTreeSet::new();
    for one in missing {
        let found = found(one);
        wanted.insert((found.kind, found.subject.clone()));
        let known = log::last_finding(conn, found.kind, &found.subject)?;
        if known.is_none_or(|known| known.healed.is_some() || known.found != found) {
            steps.push(Step::Open(found));
        }
    }
    for open in log::findings(conn)? {
        let found = open.found;
        let gone = open.healed.is_none()
            && MISSING.contains(&found.kind)
            && !wanted.contains(&(found.kind, found.subject.clone()));
        if gone {
            steps.push(Step::Heal(found.kind, found.subject));
        }
    }
    Ok(steps)
}

fn found(missing: &Missing) -> Found {
    Found {
        kind: missing.kind,
        subject: subject(&missing.place),
        log: Some(missing.place.log),
        device: Some(missing.place.author.device),
        witness: missing.witness,
        relay: None,
        first: missing.place.seq.min(i64::MAX.cast_unsigned()),
        last: missing.last.min(i64::MAX.cast_unsigned()),
        missing: missing.count.min(i64::MAX.cast_unsigned()),
    }
}

/// A chain, as the subject of a finding.
pub fn subject(place: &Place) -> Vec<u8> {
    [
        place.log.to_be_bytes().as_slice(),
        &place.author.to_canonical(),
    ]
    .concat()
}

/// A fork does not heal: two signatures stay two signatures.
fn fork_steps(conn: &Connection) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for fork in log::forks(conn)? {
        let subject = subject(&fork.place);
        if log::last_finding(conn, FindingKind::Fork, &subject)?.is_none() {
            steps.push(Step::Open(Found {
                kind: FindingKind::Fork,
                subject,
                log: Some(fork.place.log),
                device: Some(fork.place.author.device),
                witness: None,
                relay: None,
                first: fork.place.seq,
                last: fork.place.seq,
                missing: 0,
            }));
        }
    }
    Ok(steps)
}

/// What does not open has no author, so nobody can say what was lost with it. The finding ends when others' changes come
/// after it and nothing is known to be missing; the envelope stays in quarantine.
fn unreadable_steps(
    conn: &Connection,
    keyring: &Keyring,
    missing: &[Missing],
) -> Result<Vec<Step>> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    for (mailbox, reason, count) in log::held_by_mailbox(conn)? {
        if let (HeldFor::Unopenable, Some((log, _))) = (reason, keyring.epoch_of(mailbox)) {
            *counts.entry(log).or_default() += count;
        }
    }
    let mut steps = Vec::new();
    for (log, count) in counts {
        let subject = log.to_be_bytes().to_vec();
        let known = log::last_finding(conn, FindingKind::Unreadable, &subject)?;
        let merged: u64 = log::tips(conn, log)?.iter().map(|tip| tip.seq).sum();
        match known {
            Some(known) if known.found.missing >= count => {
                let whole = !missing.iter().any(|one| one.place.log == log);
                if known.healed.is_none() && merged > known.found.first && whole {
                    steps.push(Step::Heal(FindingKind::Unreadable, subject));
                }
            }
            _ => steps.push(Step::Open(Found {
                kind: FindingKind::Unreadable,
                subject,
                log: Some(log),
                device: None,
                witness: None,
                relay: None,
                first: merged,
                last: merged,
                missing: count,
            })),
        }
    }
    Ok(steps)
}

fn floor_steps(conn: &Connection) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for floor in log::floors(conn)? {
        let Some(log) = log::log_of(conn, floor.record, floor.compartment)? else {
            continue;
        };
        if log::position(conn, log.number, &floor.seen.author)?.0 >= floor.seen.seq {
            steps.push(Step::DropFloor(floor));
        }
    }
    Ok(steps)
}

/// A device that was put back is whole again once nothing is missing of what any of its lives wrote.
fn copy_steps(conn: &Connection, keyring: &Keyring, missing: &[Missing]) -> Result<Vec<Step>> {
    let own = keyring.author.device;
    let found = Found::of_device(FindingKind::DeviceRestored, own);
    if log::meta(conn, COPIED)?.is_some_and(|flag| flag == [1]) {
        return Ok(vec![Step::Open(found), Step::Told]);
    }
    let known = log::last_finding(conn, found.kind, &found.subject)?;
    let open = known.is_some_and(|known| known.healed.is_none());
    let whole = !missing.iter().any(|one| one.place.author.device == own);
    Ok(match open && whole {
        true => vec![Step::Heal(found.kind, found.subject)],
        false => Vec::new(),
    })
}

/// What others lack although this device has it: their changes rest on changes that name it, and theirs do not. A relay
/// that lists it gives them something else.
pub fn lacking(conn: &Connection, keyring: &Keyring, log: i64) -> Result<Vec<(Place, u64)>> {
    let tips = log::tips(conn, log)?;
    let mut wanted: BTreeMap<Author, (u64, u64)> = BTreeMap::new();
    for tip in tips.iter().filter(|tip| tip.author != keyring.author) {
        let Some(last) = header(conn, tip.id)? else {
            continue;
        };
        let has: BTreeMap<Author, u64> = last
            .seen
            .iter()
            .map(|seen| (seen.author, seen.seq))
            .collect();
        // A number beyond what a database holds is of a change that never was.
        let real = |seen: &&Seen| i64::try_from(seen.seq).is_ok();
        for rests_on in last.seen.iter().filter(real) {
            let Some((_, id)) = log::change_at(conn, log, &rests_on.author, rests_on.seq)? else {
                continue;
            };
            for named in header(conn, id)?.into_iter().flat_map(|header| header.seen) {
                let has = has.get(&named.author).copied().unwrap_or(0);
                if named.author != tip.author && named.seq > has {
                    let range = wanted.entry(named.author).or_insert((has + 1, named.seq));
                    *range = (range.0.min(has + 1), range.1.max(named.seq));
                }
            }
        }
    }
    let place = |(author, (first, last)): (Author, (u64, u64))| {
        let seq = first;
        (Place { log, author, seq }, last)
    };
    Ok(wanted.into_iter().map(place).collect())
}
