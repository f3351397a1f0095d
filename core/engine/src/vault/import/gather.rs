//! Gathers the drafts and documents of one item into changes of bounded size, and writes them.
//!
//! **Where an item goes**: where it already lives in the record; else, if it or its document is labelled confidential, into
//! `private`; else into `general`. So a re-import never moves anything, and a secret that a document names as one is never
//! sealed for everybody first. Who may not write `private` is told so, and nothing of it is kept. So it is with a new version of
//! what lies in a compartment they could write to once: never is it put into another one for that.

use super::super::access;
use super::super::keyring::{GENERAL, Keyring};
use super::super::open::Unlocked;
use super::super::write::{self, ChangeBuilder};
use super::report::{FileReport, Rejection};
use crate::error::{Error, Result};
use crate::host::Clock;
use crate::record::change::{Attachment, CHANGE_BATCH_BYTES, CHANGE_BATCH_ITEMS, Item, Origin};
use crate::record::confidentiality;
use crate::record::ids::{AttachmentId, ContentHash, ResourceId};
use crate::record::resource::Resource;
use crate::seal;
use crate::source::Draft;
use crate::store::{self, Known, presence};
use carnet_wire::RecordId;
use rusqlite::Transaction;
use std::collections::{BTreeMap, HashMap};

const NOT_THERE: &str =
    "it lies in a compartment you may not write to (any more): let somebody import it who may";
/// The compartment of what is confidential.
pub const PRIVATE: &str = "private";
/// Text written in one transaction, and held in memory until then.
const TRANSACTION_BYTES: usize = 4 * CHANGE_BATCH_BYTES;
/// A resource longer than this gets a change of its own, because it may fill an envelope.
pub const LARGE_RESOURCE_BYTES: usize = 1 << 20;
/// What fits into an envelope beside the rest of a change (the rest of a batch, at its longest, and the header).
const MAX_PACKED_BYTES: usize = carnet_wire::limits::MAX_INNER_BYTES - (1 << 20);
/// Most rejections listed for one file; further ones are counted in its warnings.
const MAX_LISTED_REJECTIONS: usize = 10_000;
const NO_PRIVATE: &str = "confidential, and you may not write where the patient's secrets are: let the patient import it";

/// Where everything of an import goes.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The vault.
    pub open: &'a Unlocked,
    /// For what people read.
    pub clock: &'a dyn Clock,
    /// Whose record.
    pub record: RecordId,
}

/// Gathers what one item holds.
pub struct Gather<'a> {
    target: Target<'a>,
    origin: Origin,
    /// Whether the whole item is labelled confidential.
    pub confidential: bool,
    drafts: Vec<Draft>,
    attachments: Vec<Attachment>,
    bytes: usize,
    /// What is said of the item.
    pub report: FileReport,
}

impl<'a> Gather<'a> {
    /// Begins an item of this name and format.
    pub fn new(target: Target<'a>, name: &str, format: &str, report: FileReport) -> Self {
        Self {
            target,
            origin: Origin {
                name: name.to_owned(),
                format: format.to_owned(),
                hash: [0; 32],
            },
            confidential: false,
            drafts: Vec::new(),
            attachments: Vec::new(),
            bytes: 0,
            report,
        }
    }

    /// Says of which document everything that follows is: it leads back to the original bytes.
    pub fn set_original(&mut self, hash: [u8; 32]) {
        self.origin.hash = hash;
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Where it goes.
    pub fn target(&self) -> Target<'a> {
        self.target
    }

    /// Notes that a part was refused.
    pub fn reject(&mut self, location: String, reason: &'static str) {
        if self.report.rejected.len() < MAX_LISTED_REJECTIONS {
            self.report.rejected.push(Rejection { location, reason });
        }
    }

    /// Notes what a person should know.
    pub fn warn(&mut self, warning: String) {
        if self.report.warnings.len() < MAX_LISTED_REJECTIONS {
            self.report.warnings.push(warning);
        }
    }

    /// Adds a resource. One that cannot travel in one piece is given back.
    pub fn draft(&mut self, draft: Draft) -> Result<Option<Draft>> {
        if draft.text.len() > LARGE_RESOURCE_BYTES {
            self.flush()?;
            if seal::pack_body(draft.text.as_bytes())?.len() > MAX_PACKED_BYTES {
                return Ok(Some(draft));
            }
        }
        self.report.resources += 1;
        let by_kind = self.report.by_kind.entry(draft.resource.kind.clone());
        *by_kind.or_default() += 1;
        self.bytes += draft.text.len();
        self.drafts.push(draft);
        if self.bytes >= TRANSACTION_BYTES {
            self.flush()?;
        }
        Ok(None)
    }

    /// Adds the sealed bytes of a document; its DocumentReference follows before the next flush.
    pub fn attachment(&mut self, attachment: Attachment) {
        self.attachments.push(attachment);
    }

    /// Whether this member may write where the item goes.
    pub fn may_write(&self) -> Result<bool> {
        let record = self.target.record;
        let keyring = self.target.open.keyring()?;
        Ok(!self.confidential || keyring.may_write(record, PRIVATE))
    }

    /// Whether the record, or what is gathered, has the bytes of this document.
    pub fn has_document(&self, id: AttachmentId) -> Result<bool> {
        if self.attachments.iter().any(|there| there.id == id) {
            return Ok(true);
        }
        let record = self.target.record;
        let store = &self.target.open.store;
        // What left for another compartment is not brought back either.
        store.read(|conn| {
            Ok(
                store::has_attachment(conn, record, id)?
                    || presence::has_left(conn, record, &id.0)?,
            )
        })
    }

    /// Writes what was gathered durably; what is already in the record is counted and left out.
    pub fn flush(&mut self) -> Result<()> {
        let drafts = std::mem::take(&mut self.drafts);
        let attachments = std::mem::take(&mut self.attachments);
        self.bytes = 0;
        if drafts.is_empty() && attachments.is_empty() {
            return Ok(());
        }
        let Target {
            open,
            clock,
            record,
        } = self.target;
        let now = clock.now();
        let (origin, confidential) = (&self.origin, self.confidential);
        let counts = open.write(|tx| {
            let keyring = open.keyring_in(tx)?;
            let mut writer = Writer::new(tx, &keyring, record, origin, now)?;
            writer.attachments(attachments, confidential)?;
            drafts
                .into_iter()
                .try_for_each(|draft| writer.draft(draft, confidential))?;
            writer.finish()
        })?;
        self.report.new += counts.new;
        self.report.updated += counts.updated;
        self.report.unchanged += counts.unchanged;
        for (location, why) in counts.closed {
            self.reject(location, why);
        }
        Ok(())
    }
}

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
    let mut writer = Writer::new(tx, &keyring, target.record, origin, now)?;
    writer.attachments(attachments, confidential)?;
    for draft in drafts {
        writer.draft(draft, confidential)?;
    }
    writer.finish()
}

/// Writes drafts as changes of bounded size, all in one transaction: with one for each change, the pages of random ids are
/// rewritten so often that an import takes a third longer (100,000 resources).
struct Writer<'a> {
    tx: &'a Transaction<'a>,
    keyring: &'a Keyring,
    origin: &'a Origin,
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
    fn new(
        tx: &'a Transaction<'a>,
        keyring: &'a Keyring,
        record: RecordId,
        origin: &'a Origin,
        now: i64,
    ) -> Result<Self> {
        let logs: Vec<(i64, &str)> = keyring.logs_of(record).collect();
        let named = |wanted: &str| logs.iter().find(|(_, name)| *name == wanted);
        let (general, _) = named(GENERAL).ok_or(Error::NotFound("this record"))?;
        let private = named(PRIVATE).filter(|_| keyring.may_write(record, PRIVATE));
        Ok(Self {
            tx,
            keyring,
            origin,
            now,
            general: *general,
            private: private.map(|(log, _)| *log),
            logs: logs.iter().map(|(log, _)| *log).collect(),
            pending: BTreeMap::new(),
            written: BTreeMap::new(),
            counts: Counts::default(),
        })
    }

    fn place(&self, confidential: bool) -> Option<i64> {
        match confidential {
            true => self.private,
            false => Some(self.general),
        }
    }

    fn attachments(&mut self, attachments: Vec<Attachment>, confidential: bool) -> Result<()> {
        let Some(log) = self.place(confidential) else {
            return Ok(());
        };
        for attachment in attachments {
            self.pending(log).change.item(Item::Attachment {
                origin: 0,
                attachment,
            });
        }
        Ok(())
    }

    fn draft(&mut self, draft: Draft, confidential: bool) -> Result<()> {
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
        let pending = self.pending(log);
        pending.add(draft)?;
        if pending.is_full() {
            self.write(log)?;
        }
        Ok(())
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
            if versions.contains(&content) {
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

    fn pending(&mut self, log: i64) -> &mut Pending {
        let origin = self.origin;
        self.pending
            .entry(log)
            .or_insert_with(|| Pending::new(origin))
    }

    fn write(&mut self, log: i64) -> Result<()> {
        match self.pending.remove(&log) {
            Some(pending) => pending.write(self.tx, self.keyring, log, self.now),
            None => Ok(()),
        }
    }

    /// The access log of each compartment tells of what came in here, in the last change of it, at no cost of an envelope.
    fn finish(mut self) -> Result<Counts> {
        for (log, items) in std::mem::take(&mut self.written) {
            let act = access::imported(items, &self.origin.name);
            let (tx, keyring, now) = (self.tx, self.keyring, self.now);
            access::add(tx, keyring, log, now, act, &mut self.pending(log).change)?;
        }
        let logs: Vec<i64> = self.pending.keys().copied().collect();
        logs.into_iter().try_for_each(|log| self.write(log))?;
        Ok(self.counts)
    }
}

/// A change being gathered.
struct Pending {
    change: ChangeBuilder,
    parsed: Vec<Resource>,
    versions: HashMap<ResourceId, Vec<ContentHash>>,
    bytes: usize,
}

impl Pending {
    fn new(origin: &Origin) -> Self {
        Self {
            change: ChangeBuilder::from_origin(origin.clone()),
            parsed: Vec::new(),
            versions: HashMap::new(),
            bytes: 0,
        }
    }

    fn add(&mut self, draft: Draft) -> Result<()> {
        self.bytes += draft.text.len();
        self.versions
            .entry(draft.resource.id)
            .or_default()
            .push(draft.resource.content);
        let body = self.change.body(draft.text.into_bytes())?;
        self.change.item(Item::Resource {
            origin: 0,
            issuer: draft.issuer,
            full_url: draft.full_url,
            body,
        });
        self.parsed.push(draft.resource);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes >= CHANGE_BATCH_BYTES || self.parsed.len() >= CHANGE_BATCH_ITEMS
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
