//! Gathers the drafts and documents of one item, and hands them to the batch, which writes them with those of other items.

use super::super::open::Unlocked;
use super::batch::{Batch, TRANSACTION_BYTES, Waiting};
use super::report::{FileReport, Rejection};
use super::writer::{Counts, PRIVATE};
use crate::error::Result;
use crate::host::Clock;
use crate::record::change::{Attachment, Origin};
use crate::record::ids::AttachmentId;
use crate::seal;
use crate::source::Draft;
use crate::store::{self, presence};
use carnet_wire::RecordId;
use std::cell::RefCell;
use std::rc::Rc;

/// A resource longer than this gets a change of its own, because it may fill an envelope.
pub const LARGE_RESOURCE_BYTES: usize = 1 << 20;
/// What fits into an envelope beside the rest of a change (the rest of a batch, at its longest, and the header).
const MAX_PACKED_BYTES: usize = carnet_wire::limits::MAX_INNER_BYTES - (1 << 20);
/// Most rejections listed for one file; further ones are counted in its warnings.
const MAX_LISTED_REJECTIONS: usize = 10_000;

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
    batch: Rc<RefCell<Batch<'a>>>,
    /// Which item of the batch it is: its counts are credited to this number.
    pub number: usize,
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
    pub fn new(
        batch: &Rc<RefCell<Batch<'a>>>,
        name: &str,
        format: &str,
        report: FileReport,
    ) -> Self {
        let (target, number) = {
            let mut batch = batch.borrow_mut();
            (batch.target(), batch.begin_item())
        };
        Self {
            target,
            batch: Rc::clone(batch),
            number,
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

    /// Notes what a person should know, however often it happens.
    pub fn warn_once(&mut self, warning: &str) {
        if !self.report.warnings.iter().any(|said| said == warning) {
            self.warn(warning.to_owned());
        }
    }

    /// Adds a resource. One that cannot travel in one piece is given back.
    pub fn draft(&mut self, draft: Draft) -> Result<Option<Draft>> {
        if draft.text.len() > LARGE_RESOURCE_BYTES {
            self.flush()?;
            self.batch.borrow_mut().write()?;
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
        let here = self.attachments.iter().any(|there| there.id == id);
        if here || self.batch.borrow().has_document(id) {
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

    /// Hands over what was gathered; it is durable when the batch is written, at the latest at the end of the import.
    pub fn flush(&mut self) -> Result<()> {
        let waiting = Waiting {
            item: self.number,
            origin: self.origin.clone(),
            confidential: self.confidential,
            drafts: std::mem::take(&mut self.drafts),
            attachments: std::mem::take(&mut self.attachments),
            bytes: std::mem::take(&mut self.bytes),
        };
        self.batch.borrow_mut().add(waiting)
    }
}

impl FileReport {
    /// Adds what became of drafts once they were written.
    pub(super) fn credit(&mut self, counts: Counts) {
        self.new += counts.new;
        self.updated += counts.updated;
        self.unchanged += counts.unchanged;
        let room = MAX_LISTED_REJECTIONS.saturating_sub(self.rejected.len());
        let closed = counts.closed.into_iter().take(room);
        self.rejected
            .extend(closed.map(|(location, reason)| Rejection { location, reason }));
    }
}
