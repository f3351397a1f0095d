//! Importing: files become drafts, drafts become changes of bounded size, each durable on its own.
//!
//! A second import of the same file adds nothing (INV-2), because every draft is looked up by its deterministic id and
//! content before it is written. That is also how an import goes on after a kill: run it again, and what was committed is
//! found unchanged. Memory is bounded by one transaction's drafts.

use super::keyring::{self, GENERAL, Keyring};
use super::open::Unlocked;
use super::write::{self, ChangeBuilder};
use super::{FileReport, ImportReport, Observer, Phase, Progress, Rejection};
use crate::error::{Error, Result};
use crate::host::Clock;
use crate::record::change::{Attachment, CHANGE_BATCH_BYTES, CHANGE_BATCH_ITEMS, Item, Origin};
use crate::record::ids::{AttachmentId, ContentHash, ResourceId};
use crate::record::resource::{self, Resource};
use crate::seal;
use crate::source::{self, Document, Draft, Outcome};
use crate::store::{Known, known};
use carnet_wire::RecordId;
use rusqlite::Transaction;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Folders below folders are walked this deep.
const MAX_FOLDER_DEPTH: usize = 32;
/// Text written in one transaction, and held in memory until then.
const TRANSACTION_BYTES: usize = 4 * CHANGE_BATCH_BYTES;
/// A resource longer than this gets a change of its own, because it may fill an envelope.
pub(super) const LARGE_RESOURCE_BYTES: usize = 1 << 20;
/// What fits into an envelope beside the rest of a change (the rest of a batch, at its longest, and the header).
const MAX_PACKED_BYTES: usize = carnet_wire::limits::MAX_INNER_BYTES - (1 << 20);
/// Why a resource with a large embedded document is kept beside the record, not in it.
const TOO_LARGE: &str = "too large to travel in one piece: kept as a document";
/// The media type of what is kept as a document.
const FHIR_JSON: &str = "application/fhir+json";
/// Most files of one import.
const MAX_FILES: usize = 100_000;
/// Most rejections listed for one file; further ones are counted in its warnings.
const MAX_LISTED_REJECTIONS: usize = 10_000;

/// Imports files, and every file below folders, in the order of their names.
pub fn import(
    open: &Unlocked,
    clock: &dyn Clock,
    record: RecordId,
    paths: &[PathBuf],
    observer: Option<&dyn Observer>,
) -> Result<ImportReport> {
    open.store
        .read(|conn| keyring::log_number(conn, record, GENERAL))?;
    let mut files = Vec::new();
    for path in paths {
        walk(path, 0, &mut files)?;
    }
    let total = files
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum();
    let mut progress = ImportProgress {
        observer,
        before: 0,
        total,
    };
    let mut report = ImportReport::default();
    let bulk = open.store.begin_bulk()?;
    for path in files {
        let file = import_file(open, clock, record, &path, &mut progress)?;
        progress.before += path.metadata().map_or(0, |file| file.len());
        report.files.push(file);
    }
    drop(bulk);
    open.store.release_memory()?;
    Ok(report)
}

/// Collects regular files. Links inside folders are not followed: a folder must not lead out of itself.
fn walk(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    let kind = if depth == 0 {
        path.metadata()?
    } else {
        path.symlink_metadata()?
    };
    if kind.is_dir() && depth < MAX_FOLDER_DEPTH {
        let mut entries = std::fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<Vec<_>>>()?;
        entries.sort();
        entries
            .iter()
            .try_for_each(|entry| walk(entry, depth + 1, files))?;
    } else if kind.is_file() {
        if files.len() == MAX_FILES {
            return Err(Error::TooLarge(
                "one import may name 100,000 files: import fewer at a time",
            ));
        }
        files.push(path.to_owned());
    }
    Ok(())
}

struct ImportProgress<'a> {
    observer: Option<&'a dyn Observer>,
    before: u64,
    total: u64,
}

impl ImportProgress<'_> {
    fn check(&self, read: u64) -> Result<()> {
        let progress = Progress {
            phase: Phase::Reading,
            done: self.before + read,
            total: Some(self.total),
        };
        match self.observer {
            Some(observer) if !observer.progress(progress) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}

fn import_file(
    open: &Unlocked,
    clock: &dyn Clock,
    record: RecordId,
    path: &Path,
    progress: &mut ImportProgress<'_>,
) -> Result<FileReport> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut importer = Importer::new(open, clock, record, path, &name);
    let counter = std::cell::Cell::new(0);
    let input = BufReader::new(Counted {
        inner: File::open(path)?,
        count: &counter,
    });
    let mut failure = None;
    let summary = source::read_fhir(input, &name, &mut |outcome| {
        let step = importer
            .take(outcome)
            .and_then(|()| progress.check(counter.get()));
        match step {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    // What was read before a failure is good and stays: INV-2 makes the next attempt go on from here.
    importer.flush()?;
    if let Some(error) = failure {
        return Err(error);
    }
    let summary = summary?;
    importer.report.format = summary.format;
    importer.report.warnings.extend(summary.warnings);
    Ok(importer.report)
}

/// Imports what did not come from a file.
pub(super) fn import_outcomes(
    open: &Unlocked,
    clock: &dyn Clock,
    record: RecordId,
    origin: Origin,
    outcomes: Vec<Outcome>,
) -> Result<FileReport> {
    let mut importer = Importer::new(open, clock, record, Path::new(""), "");
    importer.origin = origin;
    for outcome in outcomes {
        importer.take(outcome)?;
    }
    importer.flush()?;
    Ok(importer.report)
}

/// Counts bytes for the progress bar.
struct Counted<'a, R> {
    inner: R,
    count: &'a std::cell::Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

/// Gathers the drafts of one file into changes.
struct Importer<'a> {
    open: &'a Unlocked,
    clock: &'a dyn Clock,
    record: RecordId,
    origin: Origin,
    batch: Vec<Draft>,
    batch_bytes: usize,
    report: FileReport,
}

impl<'a> Importer<'a> {
    fn new(
        open: &'a Unlocked,
        clock: &'a dyn Clock,
        record: RecordId,
        path: &Path,
        name: &str,
    ) -> Self {
        Self {
            open,
            clock,
            record,
            origin: Origin {
                name: name.to_owned(),
                format: "fhir".to_owned(),
                hash: [0; 32],
            },
            batch: Vec::new(),
            batch_bytes: 0,
            report: FileReport {
                path: path.to_owned(),
                format: "unknown",
                ..FileReport::default()
            },
        }
    }

    fn take(&mut self, outcome: Outcome) -> Result<()> {
        match outcome {
            Outcome::Draft(draft) => self.draft(*draft),
            Outcome::Refused(refused) => {
                self.report.resources += 1;
                self.reject(refused.location, refused.reason);
                Ok(())
            }
            Outcome::Document(document) => self.document(&document),
            Outcome::Deleted(deleted) => {
                let location = deleted.location;
                self.warn(format!(
                    "{location}: the source deleted this resource; your copy stays"
                ));
                Ok(())
            }
        }
    }

    fn reject(&mut self, location: String, reason: &'static str) {
        if self.report.rejected.len() < MAX_LISTED_REJECTIONS {
            self.report.rejected.push(Rejection { location, reason });
        }
    }

    fn warn(&mut self, warning: String) {
        if self.report.warnings.len() < MAX_LISTED_REJECTIONS {
            self.report.warnings.push(warning);
        }
    }

    /// Keeps what is FHIR but not R4: its bytes as a sealed attachment, and a DocumentReference that names them.
    fn document(&mut self, document: &Document) -> Result<()> {
        self.warn(format!("{}: {}", document.location, document.reason));
        let (open, origin, now) = (self.open, self.origin.clone(), self.clock.now());
        let hash = blake3::hash(document.text.as_bytes());
        let id = AttachmentId(seal::derive_attachment_id(self.record, hash.as_bytes()));
        let draft = document_reference(id, document.text.len())?;
        let log = open
            .store
            .read(|conn| keyring::log_number(conn, self.record, GENERAL))?;
        let there = open
            .store
            .read(|conn| known(conn, log, draft.resource.id, draft.resource.content))?;
        self.report.resources += 1;
        *self
            .report
            .by_kind
            .entry(draft.resource.kind.clone())
            .or_default() += 1;
        if there == Known::Same {
            self.report.unchanged += 1;
            return Ok(());
        }
        let attachment = seal_document(open, id, document.text.as_bytes())?;
        let mut change = ChangeBuilder::from_origin(origin);
        change.item(Item::Attachment {
            origin: 0,
            attachment,
        });
        let body = change.body(draft.text.into_bytes())?;
        change.item(Item::Resource {
            origin: 0,
            issuer: draft.issuer,
            full_url: draft.full_url,
            body,
        });
        let change = change.finish(now);
        open.write(|tx| write::write_change(tx, &*open.keyring_in(tx)?, log, &change, None))?;
        self.report.new += 1;
        Ok(())
    }

    fn draft(&mut self, draft: Draft) -> Result<()> {
        if draft.text.len() > LARGE_RESOURCE_BYTES {
            self.flush()?;
            if seal::pack_body(draft.text.as_bytes())?.len() > MAX_PACKED_BYTES {
                let Draft { location, text, .. } = draft;
                return self.document(&Document {
                    location,
                    reason: TOO_LARGE,
                    text,
                });
            }
        }
        self.report.resources += 1;
        *self
            .report
            .by_kind
            .entry(draft.resource.kind.clone())
            .or_default() += 1;
        self.batch_bytes += draft.text.len();
        self.batch.push(draft);
        if self.batch_bytes >= TRANSACTION_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Writes the gathered drafts durably; those already in the record are counted and left out.
    fn flush(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        if batch.is_empty() {
            return Ok(());
        }
        let (open, origin, now, record) = (
            self.open,
            self.origin.clone(),
            self.clock.now(),
            self.record,
        );
        let counts = open.write(|tx| write_batch(tx, open, record, &origin, now, batch))?;
        self.report.new += counts.new;
        self.report.updated += counts.updated;
        self.report.unchanged += counts.unchanged;
        Ok(())
    }
}

#[derive(Default)]
pub(super) struct Counts {
    pub(super) new: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
}

/// Writes drafts as changes of bounded size, all in one transaction: with one for each change, the pages of random ids are
/// rewritten so often that an import takes a third longer (100,000 resources).
pub(super) fn write_batch(
    tx: &Transaction<'_>,
    open: &Unlocked,
    record: RecordId,
    origin: &Origin,
    now: i64,
    batch: Vec<Draft>,
) -> Result<Counts> {
    let keyring = open.keyring_in(tx)?;
    let log = keyring::log_number(tx, record, GENERAL)?;
    let mut counts = Counts::default();
    let mut pending = Pending::new(origin);
    for draft in batch {
        match pending.compare(tx, log, &draft.resource)? {
            Known::Same => {
                counts.unchanged += 1;
                continue;
            }
            Known::New => counts.new += 1,
            Known::Other => counts.updated += 1,
        }
        pending.add(draft)?;
        if pending.is_full() {
            std::mem::replace(&mut pending, Pending::new(origin)).write(tx, &keyring, log, now)?;
        }
    }
    pending.write(tx, &keyring, log, now)?;
    Ok(counts)
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

    /// What the record and this change know of a resource.
    fn compare(&self, tx: &Transaction<'_>, log: i64, resource: &Resource) -> Result<Known> {
        let here = self
            .versions
            .get(&resource.id)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if here.contains(&resource.content) {
            return Ok(Known::Same);
        }
        match known(tx, log, resource.id, resource.content)? {
            Known::New if !here.is_empty() => Ok(Known::Other),
            found => Ok(found),
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
        if self.parsed.is_empty() {
            return Ok(());
        }
        write::write_change(
            tx,
            keyring,
            log,
            &self.change.finish(now),
            Some(&self.parsed),
        )?;
        Ok(())
    }
}

/// Seals bytes into a file of the vault, under a key of their own.
fn seal_document(open: &Unlocked, id: AttachmentId, bytes: &[u8]) -> Result<Attachment> {
    let key = seal::make_random::<32>()?;
    let mut file = open.store.attachments().make_incoming()?;
    let sealed = seal::seal_attachment(&key, &mut &*bytes, &mut file)?;
    let blob = file.finish()?;
    Ok(Attachment {
        id,
        blob,
        key,
        size: sealed.size,
        sealed_size: sealed.sealed_size,
        media_type: FHIR_JSON.to_owned(),
    })
}

/// The DocumentReference of a kept document: the same on every phone that imports the same bytes.
fn document_reference(id: AttachmentId, size: usize) -> Result<Draft> {
    // Eight, four, four, four and twelve digits make the attachment's id a UUID, which is a global name in FHIR.
    let digits = id.to_string();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let url = format!(
        "urn:uuid:{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    );
    let text = serde_json::json!({
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "FHIR"},
        "content": [{"attachment": {"contentType": FHIR_JSON, "url": url, "size": size}}]
    })
    .to_string();
    let resource = resource::read(&text, "", Some(&url))
        .map_err(|_| Error::Bug("a document reference must be readable"))?;
    Ok(Draft {
        location: String::new(),
        issuer: String::new(),
        full_url: Some(url),
        text,
        resource,
    })
}
