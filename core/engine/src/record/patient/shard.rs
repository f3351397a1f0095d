//! One Automerge document of the patient layer, and the changes that wait for it.
//!
//! Invariant: what a shard accepts it can save, load again, and give back byte for byte; what it refuses leaves it as it
//! was. It refuses to know who may write: that was decided when the envelope was opened.

use super::entries::Entries;
use super::guard::{self, Header};
use super::history::History;
use super::write::{check_edit, write};
use super::{
    Actor, Applied, Edit, MAX_MERGED_ENTRIES, MAX_OPERATIONS, MAX_SHARD_BYTES, MAX_SHARD_CONTENT,
    MAX_SHARD_ENTRIES, MAX_SHARD_OPERATIONS, MAX_WAITING_CHANGES, derive_actor,
};
use crate::error::{Error, Result};
use automerge::{ActorId, Automerge, Change, ROOT, ReadDoc};
use carnet_wire::Author;
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// One document of the patient layer.
pub struct Shard {
    pub(super) document: Automerge,
    /// Changes whose causal past is incomplete. Kept here and not in Automerge's own queue, where one bad change fails
    /// those that come with it.
    pub(super) waiting: Vec<Waiting>,
    pub(super) history: History,
    /// Bytes of the last save, and of every change since: never less than what a save would give.
    saved_bytes: usize,
}

pub(super) struct Waiting {
    pub(super) header: Header,
    pub(super) bytes: Vec<u8>,
}

impl Shard {
    /// A shard without entries, in which `author` writes.
    pub fn empty(author: &Author) -> Self {
        Self {
            document: Automerge::new().with_actor(actor_id(derive_actor(author))),
            waiting: Vec::new(),
            history: History::default(),
            saved_bytes: 0,
        }
    }

    pub(super) fn of(
        document: Automerge,
        waiting: Vec<Waiting>,
        history: History,
        saved_bytes: usize,
        author: &Author,
    ) -> Self {
        Self {
            document: document.with_actor(actor_id(derive_actor(author))),
            waiting,
            history,
            saved_bytes,
        }
    }

    /// Reads what [`Shard::save`] wrote; `author` writes from here on.
    pub fn load(saved: &[u8], author: &Author) -> Result<Self> {
        Self::load_saved(saved, author).map_err(|_| Error::Corrupt("the patient layer"))
    }

    fn load_saved(saved: &[u8], author: &Author) -> Result<Self> {
        let (content, rest) = guard::read_document(saved)?;
        let chunk = saved.get(..saved.len() - rest.len()).unwrap_or_default();
        let (document, history) = contained(|| {
            let document = Automerge::load(chunk).map_err(|_| REFUSED)?;
            let history = History::read(&document, content)?;
            Ok((document, history))
        })?;
        let waiting = load_waiting(rest)?;
        Ok(Self::of(document, waiting, history, saved.len(), author))
    }

    /// The shard's bytes for the encrypted database. Not canonical: two devices with the same shard compare [`Shard::heads`].
    pub fn save(&self) -> Vec<u8> {
        let mut saved = self.document.save();
        self.waiting
            .iter()
            .for_each(|change| saved.extend(&change.bytes));
        saved
    }

    /// The hashes of the changes that no other change builds on, sorted: equal heads mean equal shards.
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let mut heads: Vec<_> = self
            .document
            .get_heads()
            .into_iter()
            .map(|hash| hash.0)
            .collect();
        heads.sort_unstable();
        heads
    }

    /// Changes that wait for one that has not come.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody has written anything here.
    pub fn is_empty(&self) -> bool {
        self.history.changes.is_empty() && self.waiting.is_empty()
    }

    /// The name of a change in a document, from its bytes.
    pub fn hash_of(change: &[u8]) -> Result<[u8; 32]> {
        Ok(guard::read_change(change)?.hash)
    }

    /// The same document without some changes. What builds on them waits.
    pub fn without(&self, gone: &HashSet<[u8; 32]>) -> Result<Self> {
        let all = contained(|| Ok(self.document.get_changes(&[])))?;
        let merged = all.iter().map(|change| change.raw_bytes());
        let waiting = self.waiting.iter().map(|change| change.bytes.as_slice());
        let mut shard = Self {
            document: Automerge::new().with_actor(self.document.get_actor().clone()),
            waiting: Vec::new(),
            history: History::default(),
            saved_bytes: 0,
        };
        for bytes in merged.chain(waiting) {
            let header = guard::read_change(bytes)?;
            if !gone.contains(&header.hash) {
                let bytes = bytes.to_vec();
                shard.waiting.push(Waiting { header, bytes });
            }
        }
        shard.merge_waiting(&HashSet::new());
        Ok(shard)
    }

    /// Whether the next entry belongs into another shard.
    pub fn is_full(&self) -> bool {
        self.document.length(ROOT) >= MAX_SHARD_ENTRIES
            // A quarter of what is refused, so that devices that were offline still merge.
            || self.history.operations >= MAX_SHARD_OPERATIONS / 4
            || self.history.content >= MAX_SHARD_CONTENT / 4
            || (self.saved_bytes >= MAX_SHARD_BYTES && self.document.save().len() >= MAX_SHARD_BYTES)
    }

    /// Everything the views need.
    pub fn entries(&self) -> Result<Entries> {
        contained(|| Entries::read(&self.document))
    }

    /// Writes `edits` as one change and returns its bytes, for the other devices to [apply](Shard::apply).
    pub fn edit(&mut self, edits: &[Edit], recorded_at: i64) -> Result<Vec<u8>> {
        if edits.len() as u64 > MAX_OPERATIONS {
            return Err(Error::TooLarge("edits at once"));
        }
        edits.iter().try_for_each(check_edit)?;
        let (document, bytes) = contained(|| {
            let mut document = self.document.clone();
            let bytes = write(&mut document, edits, recorded_at)?;
            Ok((document, bytes))
        })?;
        let header = guard::read_change(&bytes)?;
        self.history.admit(&header, bytes.len())?;
        check_entries(&document)?;
        self.document = document;
        self.note(&header, bytes.len());
        Ok(bytes)
    }

    /// Merges a change that another device, or this one, wrote. On an error the shard is unchanged.
    pub fn apply(&mut self, change: &[u8], author: &Author) -> Result<Applied> {
        self.apply_all(&[(change, *author)])
            .pop()
            .unwrap_or(Err(REFUSED))
    }

    /// Merges many changes, in any order, and answers for each of them as [`Shard::apply`] does. Automerge's cost of a
    /// merge grows with the document, so a hundred changes at once are nearly a hundred times faster than one by one.
    pub fn apply_all(&mut self, changes: &[(&[u8], Author)]) -> Vec<Result<Applied>> {
        // In parts, so that what is looked at together stays small enough to search without an index.
        changes
            .chunks(MAX_WAITING_CHANGES)
            .flat_map(|part| self.apply_part(part))
            .collect()
    }

    fn apply_part(&mut self, changes: &[(&[u8], Author)]) -> Vec<Result<Applied>> {
        let accepted: Vec<_> = changes
            .iter()
            .map(|(bytes, author)| self.accept(bytes, author))
            .collect();
        let new: HashSet<_> = accepted
            .iter()
            .filter_map(|result| result.as_ref().ok().copied().flatten())
            .collect();
        let refused = self.merge_waiting(&new);
        let over = self.trim_waiting(&new);
        let outcome = |hash| {
            if self.history.changes.contains_key(&hash) {
                Ok(Applied::Merged)
            } else if over.contains(&hash) {
                Err(Error::TooLarge("changes that wait for a missing one"))
            } else if refused.contains(&hash) {
                Err(REFUSED)
            } else {
                Ok(Applied::Waiting)
            }
        };
        accepted
            .into_iter()
            .map(|result| result?.map_or(Ok(Applied::Known), outcome))
            .collect()
    }

    /// Judges a change by itself and puts it among those that wait; none if it is known already.
    fn accept(&mut self, bytes: &[u8], author: &Author) -> Result<Option<[u8; 32]>> {
        let header = guard::read_change(bytes)?;
        if header.actor != derive_actor(author) {
            return Err(Error::Unauthorised(
                "a change of the patient layer under another's name",
            ));
        }
        if self.knows(&header.hash) {
            return Ok(None);
        }
        self.refuse_fork(&header)?;
        let hash = header.hash;
        self.waiting.push(Waiting {
            header,
            bytes: bytes.to_vec(),
        });
        Ok(Some(hash))
    }

    pub(super) fn knows(&self, hash: &[u8; 32]) -> bool {
        self.history.changes.contains_key(hash)
            || self
                .waiting
                .iter()
                .any(|change| change.header.hash == *hash)
    }

    /// A second change under a number that its actor has used wedges every replica that merges it.
    fn refuse_fork(&self, header: &Header) -> Result<()> {
        let is_same = |other: &Header| other.actor == header.actor && other.seq == header.seq;
        if header.seq <= self.history.seq(header.actor)
            || self.waiting.iter().any(|change| is_same(&change.header))
        {
            return Err(Error::Unauthorised(
                "two changes of the patient layer carry one number",
            ));
        }
        Ok(())
    }

    /// Merges all that is ready; returns which of the `new` changes were refused. One that had been waiting and turns out
    /// to be refused stays where it is: it can do no harm there, and dropping it would hide that it came.
    pub(super) fn merge_waiting(&mut self, new: &HashSet<[u8; 32]>) -> HashSet<[u8; 32]> {
        let mut refused = Vec::new();
        loop {
            let ready = self.take_ready(&mut refused);
            if ready.is_empty() {
                break;
            }
            if self.merge(&ready).is_err() {
                self.merge_one_by_one(ready, &mut refused);
            }
        }
        let (gone, kept): (Vec<_>, Vec<_>) = refused
            .into_iter()
            .partition(|change| new.contains(&change.header.hash));
        self.waiting.extend(kept);
        gone.into_iter().map(|change| change.header.hash).collect()
    }

    /// Takes what can be merged out of those that wait, each behind its past. Operation counters grow along every causal
    /// path, so in their order one pass finds all.
    fn take_ready(&mut self, refused: &mut Vec<Waiting>) -> Vec<Waiting> {
        let mut history = self.history.clone();
        let mut ready = Vec::new();
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|change| (change.header.start_op, change.header.hash));
        for change in waiting {
            if !history.precedes(&change.header) {
                self.waiting.push(change);
            } else if history.admit(&change.header, change.bytes.len()).is_err() {
                refused.push(change);
            } else {
                history.add(&change.header, change.bytes.len());
                ready.push(change);
            }
        }
        ready
    }

    /// Finds the one that spoils the others. What depends on it waits again.
    fn merge_one_by_one(&mut self, ready: Vec<Waiting>, refused: &mut Vec<Waiting>) {
        for change in ready {
            if !self.history.precedes(&change.header) {
                self.waiting.push(change);
            } else if self.merge(std::slice::from_ref(&change)).is_err() {
                refused.push(change);
            }
        }
    }

    fn merge(&mut self, changes: &[Waiting]) -> Result<()> {
        let document = contained(|| {
            let mut document = self.document.clone();
            apply_exactly(&mut document, changes)?;
            check_entries(&document)?;
            Ok(document)
        })?;
        self.document = document;
        for change in changes {
            self.note(&change.header, change.bytes.len());
        }
        Ok(())
    }

    /// Lets go of the `new` changes that may not wait because too many do, and returns them.
    fn trim_waiting(&mut self, new: &HashSet<[u8; 32]>) -> HashSet<[u8; 32]> {
        let mut bytes: usize = self.waiting.iter().map(|change| change.bytes.len()).sum();
        let mut over = HashSet::new();
        let mut count = self.waiting.len();
        self.waiting.retain(|change| {
            let fits = count <= MAX_WAITING_CHANGES && bytes as u64 <= MAX_SHARD_CONTENT;
            if fits || !new.contains(&change.header.hash) {
                return true;
            }
            count -= 1;
            bytes -= change.bytes.len();
            over.insert(change.header.hash);
            false
        });
        over
    }

    fn note(&mut self, header: &Header, bytes: usize) {
        self.history.add(header, bytes);
        self.saved_bytes += bytes;
    }
}

impl std::fmt::Debug for Shard {
    /// Says how much there is, never what it says.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shard")
            .field("changes", &self.history.changes.len())
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

/// Automerge's own message may quote what people wrote; this is all that leaves.
pub(super) const REFUSED: Error = Error::Invalid("Automerge refuses a change of the patient layer");

/// Runs what may panic on hostile bytes. Callers give it a clone: half a change must not stay behind.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(REFUSED))
}

fn actor_id(actor: Actor) -> ActorId {
    ActorId::from(actor.0)
}

pub(super) fn load_waiting(mut rest: &[u8]) -> Result<Vec<Waiting>> {
    let mut waiting = Vec::new();
    while !rest.is_empty() {
        let (bytes, behind) = guard::split_chunk(rest)?;
        waiting.push(Waiting {
            header: guard::read_change(bytes)?,
            bytes: bytes.to_vec(),
        });
        rest = behind;
    }
    Ok(waiting)
}

/// Applies the changes and asks the document to rebuild them from what it stored. An operation that names an object or a
/// predecessor that is not there, or an unusual spelling of the columns, is accepted by Automerge and lost at the next
/// save, after which the document no longer loads.
fn apply_exactly(document: &mut Automerge, changes: &[Waiting]) -> Result<()> {
    let before = document.get_heads();
    let parsed: Vec<Change> = changes
        .iter()
        .map(|change| Change::try_from(change.bytes.as_slice()).map_err(|_| REFUSED))
        .collect::<Result<_>>()?;
    document.apply_changes(parsed).map_err(|_| REFUSED)?;
    let rebuilt = document.get_changes(&before);
    let rebuilt: HashMap<_, _> = rebuilt
        .iter()
        .map(|change| (change.hash().0, change.raw_bytes()))
        .collect();
    let all = rebuilt.len() == changes.len()
        && changes
            .iter()
            .all(|change| rebuilt.get(&change.header.hash) == Some(&change.bytes.as_slice()));
    if all { Ok(()) } else { Err(REFUSED) }
}

pub(super) fn check_entries(document: &Automerge) -> Result<()> {
    if document.length(ROOT) > MAX_MERGED_ENTRIES {
        return Err(Error::TooLarge("entries of a shard"));
    }
    Ok(())
}
