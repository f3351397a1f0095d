//! What was read of items waits here and is written together.
//!
//! A transaction costs a wait for the disk, a change an envelope (a signature, padding, a row at the relay): one of each for
//! every file of a folder of thousands costs more than reading it. So items wait until they fill a transaction. Each keeps
//! its own origin, and its counts are credited to its own report.
//!
//! * Items are written in the order they were read, so that of two versions the later one stays the later.
//! * What waits is bounded ([`TRANSACTION_BYTES`], [`MAX_WAITING`]).
//! * An error or a cancel loses nothing that was read: the import writes what waits before it returns. A kill does; nothing
//!   was said of it yet, and the next import of the same files goes on (INV-2).

use super::gather::Target;
use super::writer::{Counts, Writer};
use crate::error::Result;
use crate::record::change::{Attachment, CHANGE_BATCH_BYTES, Origin};
use crate::record::ids::AttachmentId;
use crate::source::Draft;
use std::collections::BTreeMap;

/// Text written in one transaction, and held in memory until then.
pub const TRANSACTION_BYTES: usize = 4 * CHANGE_BATCH_BYTES;
/// Most parts of items that wait: an empty one costs memory too.
const MAX_WAITING: usize = 1_000;

/// What one item gave, or a part of it.
pub struct Waiting {
    /// Its number in the batch.
    pub item: usize,
    /// Where it is from.
    pub origin: Origin,
    /// Whether all of it is confidential.
    pub confidential: bool,
    /// Its resources.
    pub drafts: Vec<Draft>,
    /// Its sealed documents.
    pub attachments: Vec<Attachment>,
    /// Bytes of the drafts.
    pub bytes: usize,
}

/// What waits to be written.
pub struct Batch<'a> {
    target: Target<'a>,
    items: usize,
    waiting: Vec<Waiting>,
    bytes: usize,
    counts: BTreeMap<usize, Counts>,
}

impl<'a> Batch<'a> {
    /// A batch of which nothing is written yet.
    pub fn new(target: Target<'a>) -> Self {
        Self {
            target,
            items: 0,
            waiting: Vec::new(),
            bytes: 0,
            counts: BTreeMap::new(),
        }
    }

    /// Where everything goes.
    pub fn target(&self) -> Target<'a> {
        self.target
    }

    /// The number of the next item.
    pub fn begin_item(&mut self) -> usize {
        self.items += 1;
        self.items
    }

    /// Adds what was read, and writes everything when it is enough.
    pub fn add(&mut self, waiting: Waiting) -> Result<()> {
        if waiting.drafts.is_empty() && waiting.attachments.is_empty() {
            return Ok(());
        }
        self.bytes += waiting.bytes;
        self.waiting.push(waiting);
        if self.bytes >= TRANSACTION_BYTES || self.waiting.len() >= MAX_WAITING {
            self.write()?;
        }
        Ok(())
    }

    /// Whether the bytes of this document wait here.
    pub fn has_document(&self, id: AttachmentId) -> bool {
        let attachments = self.waiting.iter().flat_map(|item| &item.attachments);
        attachments.into_iter().any(|there| there.id == id)
    }

    /// Writes what waits, durably; what is already in the record is counted and left out.
    pub fn write(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        self.bytes = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let Target {
            open,
            clock,
            record,
        } = self.target;
        let now = clock.now();
        let written = open.write(|tx| {
            let keyring = open.keyring_in(tx)?;
            let mut writer = Writer::new(tx, &keyring, record, now)?;
            let mut written = Vec::with_capacity(waiting.len());
            for item in waiting {
                writer.begin(item.origin);
                writer.attachments(item.attachments, item.confidential)?;
                for draft in item.drafts {
                    writer.draft(draft, item.confidential)?;
                }
                written.push((item.item, writer.take_counts()));
            }
            writer.finish()?;
            Ok(written)
        })?;
        for (item, counts) in written {
            self.counts.entry(item).or_default().add(counts);
        }
        Ok(())
    }

    /// What became of the drafts of an item, once they were written.
    pub fn take_counts(&mut self, item: usize) -> Counts {
        self.counts.remove(&item).unwrap_or_default()
    }
}
