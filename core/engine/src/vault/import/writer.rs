//! Writes drafts and sealed documents as changes of bounded size, in the transaction of a caller.
//!
//! **Where an item goes**: where it already lives in the record; else, if it or its document is labelled confidential, into
//! `private`; else into `general`. So a re-import never moves anything, and a secret that a document names as one is never
//! sealed for everybody first. Who may not write `private` is told so, and nothing of it is kept. So it is with a new version of
//! what lies in a compartment they could write to once: never is it put into another one for that.

use super::super::access;
use super::super::keyring::{GENERAL, Keyring};
use super::super::write::{self, ChangeBuilder};
use super::gather::Target;
use crate::error::{Error, Result};
use crate::record::change::{Attachment, CHANGE_BATCH_BYTES, CHANGE_BATCH_ITEMS, Item, Origin};
use crate::record::confidentiality;
use crate::record::ids::{ContentHash, ResourceId};
use crate::record::resource::Resource;
use crate::source::Draft;
use crate::store::{self, Known, presence};
use carnet_wire::RecordId;
use rusqlite::Transaction;
use std::collections::{BTreeMap, HashMap};

const NO_PRIVATE: &str = "confidential, and you may not write where the patient's secrets are: let the patient import it";
const NOT_THERE: &str =
    "it lies in a compartment you may not write to (any more): let somebody import it who may";
/// The compartment of what is confidential.
pub const PRIVATE: &str = "private";

/// What became of drafts.
#[derive(Default)]
pub struct Counts {
    /// Not in the record before.
    pub new: u64,
    /// A new version.
    pub updated: u64,
    /// There already.
    pub unchanged: u64,
    /// Where parts stood that belong where this member may not write, and which.
    pub closed: Vec<(String, &'static str)>,
}

impl Counts {
    /// Adds others.
    pub fn add(&mut self, others: Self) {
        self.new += others.new;
        self.updated += others.updated;
        self.unchanged += others.unchanged;
        self.closed.extend(others.closed);
    }
}

/// Writes drafts and sealed documents in a transaction of the caller, who keeps something else in it: where a pull then stands.
/// `confidential` are all of them, or each as it is labelled.
pub fn write_in(
    tx: &Transaction<'_>,
    target: Target<'_>,
    origin: &Origin,
    confidential: bool,
    attachments: Vec<Attachment>,
    drafts: Vec<Draft>,
) -> Result<Counts> {
    let (keyring, now) = (target.open.keyring_in(tx)?, target.clock.now());
    let mut writer = Writer::new(tx, &keyring, target.record, now)?;
    writer.begin(origin.clone());
    writer.attachments(attachments, confidential)?;
    for draft in drafts {
        writer.draft(draft, confidential)?;
    }
    let counts = writer.take_counts();
    writer.finish()?;
    Ok(counts)
}

/// Writes drafts as changes of bounded size, all in one transaction: with one for each change, the pages of random ids are
/// rewritten so often that an import takes a third longer (100,000 resources).
pub struct Writer<'a> {
    tx: &'a Transaction<'a>,
    keyring: &'a Keyring,
    /// Where what comes next is from.
    origin: Origin,
    /// The names of what anything was written of: the first, and how many others.
    from: Option<(String, u64)>,
    is_told: bool,
    /// Which file it is of those that are written together.
    turn: u32,
    now: i64,
    general: i64,
    /// None when this member may not write there.
    private: Option<i64>,
    logs: Vec<i64>,
    pending: BTreeMap<i64, Pending>,
    /// Items that came into each compartment: what its access log tells.
    written: BTreeMap<i64, u64>,
    counts: Counts,
}

impl<'a> Writer<'a> {
    /// A writer into a record.
    pub fn new(
        tx: &'a Transaction<'a>,
        keyring: &'a Keyring,
        record: RecordId,
        now: i64,
    ) -> Result<Self> {
        let logs: Vec<(i64, &str)> = keyring.logs_of(record).collect();
        let named = |wanted: &str| logs.iter().find(|(_, name)| *name == wanted);
        let (general, _) = named(GENERAL).ok_or(Error::NotFound("this record"))?;
        let private = named(PRIVATE).filter(|_| keyring.may_write(record, PRIVATE));
        Ok(Self {
            tx,
            keyring,
            origin: Origin {
                name: String::new(),
                format: String::new(),
                hash: [0; 32],
            },
            from: None,
            is_told: false,
            turn: 0,
            now,
            general: *general,
            private: private.map(|(log, _)| *log),
            logs: logs.iter().map(|(log, _)| *log).collect(),
            pending: BTreeMap::new(),
            written: BTreeMap::new(),
            counts: Counts::default(),
        })
    }

    /// Begins what comes from one place.
    pub fn begin(&mut self, origin: Origin) {
        self.origin = origin;
        self.is_told = false;
        self.turn += 1;
    }

    /// What became of the drafts since it was last asked.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    fn place(&self, confidential: bool) -> Option<i64> {
        match confidential {
            true => self.private,
            false => Some(self.general),
        }
    }

    /// Adds sealed documents.
    pub fn attachments(&mut self, attachments: Vec<Attachment>, confidential: bool) -> Result<()> {
        let Some(log) = self.place(confidential) else {
            return Ok(());
        };
        for attachment in attachments {
            self.pending(log)?.attach(attachment);
            self.write_full(log)?;
        }
        Ok(())
    }

    /// Adds a resource, unless the record has it.
    pub fn draft(&mut self, draft: Draft, confidential: bool) -> Result<()> {
        let (id, content) = (draft.resource.id, draft.resource.content);
        let (log, known) = match self.find(id, content)? {
            Some(found) => found,
            None => {
                let confidential = confidential
                    || confidentiality::is_confidential(&draft.resource.kind, &draft.text);
                let Some(log) = self.place(confidential) else {
                    self.counts.closed.push((draft.location, NO_PRIVATE));
                    return Ok(());
                };
                // It left for a compartment this member does not have: it is not brought back.
                if presence::is_gone(self.tx, log, &id.0)? {
                    self.counts.unchanged += 1;
                    return Ok(());
                }
                (log, Known::New)
            }
        };
        match known {
            Known::Same => {
                self.counts.unchanged += 1;
                return Ok(());
            }
            _ if !self.may_write(log) => {
                self.counts.closed.push((draft.location, NOT_THERE));
                return Ok(());
            }
            Known::New => self.counts.new += 1,
            Known::Other => self.counts.updated += 1,
        }
        *self.written.entry(log).or_default() += 1;
        self.tell_origin();
        self.write_earlier(log, id)?;
        let turn = self.turn;
        self.pending(log)?.add(draft, turn)?;
        self.write_full(log)
    }

    /// Of versions that say nothing of their order the later change counts: what an earlier file says goes into a change before.
    fn write_earlier(&mut self, log: i64, id: ResourceId) -> Result<()> {
        let versions = self
            .pending
            .get(&log)
            .and_then(|pending| pending.versions.get(&id));
        let is_earlier = |(_, turn): &(ContentHash, u32)| *turn != self.turn;
        match versions.is_some_and(|versions| versions.iter().any(is_earlier)) {
            true => self.write(log),
            false => Ok(()),
        }
    }

    /// Counts the place that what was just written is from, once.
    fn tell_origin(&mut self) {
        if !std::mem::replace(&mut self.is_told, true) {
            match &mut self.from {
                Some((_, others)) => *others += 1,
                None => self.from = Some((self.origin.name.clone(), 0)),
            }
        }
    }

    /// Whether this member may write to a compartment that is not `general`: for that one the whole import is refused.
    fn may_write(&self, log: i64) -> bool {
        let place = self.keyring.place_of(log);
        let may = |(record, name)| self.keyring.may_write(record, name);
        log == self.general || place.is_some_and(may)
    }

    /// Where a resource lives, and what is known of it there.
    fn find(&self, id: ResourceId, content: ContentHash) -> Result<Option<(i64, Known)>> {
        for (log, pending) in &self.pending {
            let Some(versions) = pending.versions.get(&id) else {
                continue;
            };
            if versions.iter().any(|(known, _)| *known == content) {
                return Ok(Some((*log, Known::Same)));
            }
            let before = store::known(self.tx, *log, id, content)?;
            let known = match before {
                Known::Same => Known::Same,
                Known::New | Known::Other => Known::Other,
            };
            return Ok(Some((*log, known)));
        }
        store::place_of_resource(self.tx, &self.logs, id, content)
    }

    fn pending(&mut self, log: i64) -> Result<&mut Pending> {
        let pending = self.pending.entry(log).or_default();
        pending.enter(&self.origin)?;
        Ok(pending)
    }

    fn write_full(&mut self, log: i64) -> Result<()> {
        match self.pending.get(&log).is_some_and(Pending::is_full) {
            true => self.write(log),
            false => Ok(()),
        }
    }

    fn write(&mut self, log: i64) -> Result<()> {
        match self.pending.remove(&log) {
            Some(pending) => pending.write(self.tx, self.keyring, log, self.now),
            None => Ok(()),
        }
    }

    /// The access log of each compartment tells of what came in here, in the last change of it, at no cost of an envelope.
    pub fn finish(mut self) -> Result<()> {
        let from = match self.from.take() {
            Some((first, 0)) => first,
            Some((first, others)) => format!("{first} +{others}"),
            None => String::new(),
        };
        for (log, items) in std::mem::take(&mut self.written) {
            let act = access::imported(items, &from);
            let (tx, keyring, now) = (self.tx, self.keyring, self.now);
            access::add(tx, keyring, log, now, act, &mut self.pending(log)?.change)?;
        }
        let logs: Vec<i64> = self.pending.keys().copied().collect();
        logs.into_iter().try_for_each(|log| self.write(log))
    }
}

/// A change being gathered.
#[derive(Default)]
struct Pending {
    change: ChangeBuilder,
    /// The origin of what comes next, and its position in the change.
    origin: Option<(Origin, u32)>,
    parsed: Vec<Resource>,
    /// The contents that wait, and the file of each.
    versions: HashMap<ResourceId, Vec<(ContentHash, u32)>>,
    bytes: usize,
    items: usize,
}

impl Pending {
    fn enter(&mut self, origin: &Origin) -> Result<()> {
        if self.origin.as_ref().is_none_or(|(last, _)| last != origin) {
            let at = self.change.origin(origin.clone())?;
            self.origin = Some((origin.clone(), at));
        }
        Ok(())
    }

    fn at(&self) -> u32 {
        self.origin.as_ref().map_or(0, |(_, at)| *at)
    }

    fn attach(&mut self, attachment: Attachment) {
        let origin = self.at();
        self.change.item(Item::Attachment { origin, attachment });
        self.items += 1;
    }

    fn add(&mut self, draft: Draft, turn: u32) -> Result<()> {
        self.bytes += draft.text.len();
        self.versions
            .entry(draft.resource.id)
            .or_default()
            .push((draft.resource.content, turn));
        let (origin, body) = (self.at(), self.change.body(draft.text.into_bytes())?);
        self.items += 1;
        self.change.item(Item::Resource {
            origin,
            issuer: draft.issuer,
            full_url: draft.full_url,
            body,
        });
        self.parsed.push(draft.resource);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes >= CHANGE_BATCH_BYTES || self.items >= CHANGE_BATCH_ITEMS
    }

    fn write(self, tx: &Transaction<'_>, keyring: &Keyring, log: i64, now: i64) -> Result<()> {
        let change = self.change.finish(now);
        if change.items.is_empty() {
            return Ok(());
        }
        write::write_change(tx, keyring, log, &change, Some(&self.parsed))?;
        Ok(())
    }
}
