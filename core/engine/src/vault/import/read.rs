//! One item: recognised, read by the reader of its format, kept as a document where there is none or where it fails.
//!
//! **Where a reader plugs in**: [`Import::read`] has one arm for each format that is understood. A reader that finds nothing
//! to its liking loses nothing: the item is then kept as a document with the reader's reason.

use super::super::Person;
use super::archive::{self, Archive, Budget, Place};
use super::cda;
use super::content::{Content, DAMAGED, MAX_HELD_BYTES, Seekable};
use super::documents;
use super::gather::{Gather, Target};
use super::handed::{self, Known, Manifest, Part};
use super::report::{Fate, FileReport, ImportOptions, ImportReport};
use super::samples;
use super::watch::{Counted, Watch};
use crate::error::Result;
use crate::handover::MANIFEST;
use crate::source::document::Described;
use crate::source::{self, Document, Draft, Format, Outcome, recognise};
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;

/// Why a resource with a large embedded document is kept beside the record, not in it.
const TOO_LARGE: &str = "too large to travel in one piece: kept as a document";
const EMPTY: &str = "the file is empty";
const LITTER: &str = "left by an operating system: no health data";
const NOT_UNDERSTOOD: &str = "not FHIR, and no other format that is read: kept as a document";
const UNKNOWN: &str = "of an unknown format: kept as a document";
/// What a kept FHIR resource is called.
const FHIR: &str = "FHIR";
/// The format of what an archive holds.
const ARCHIVE: &str = "carnet-archive";

/// An import under way.
pub struct Import<'a> {
    /// Where everything goes.
    pub target: Target<'a>,
    /// What to do with what should be asked about.
    pub options: &'a ImportOptions,
    /// Whose record it is.
    pub person: &'a Person,
    /// How far it is.
    pub watch: &'a Watch<'a>,
    /// What is said of it.
    pub report: ImportReport,
}

/// An item to be read: what it is called, and where.
struct Item<'p> {
    path: &'p Path,
    inside: Option<String>,
    depth: usize,
}

impl Item<'_> {
    /// The last part of its name: what provenance shows.
    fn name(&self) -> String {
        let path = match &self.inside {
            Some(inside) => inside.rsplit('/').next().unwrap_or_default().to_owned(),
            None => self
                .path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        path.chars().take(255).collect()
    }

    fn report(&self, format: &'static str) -> FileReport {
        FileReport {
            path: self.path.to_owned(),
            inside: self.inside.clone(),
            format,
            ..FileReport::default()
        }
    }

    fn below(&self, name: String) -> Self {
        let inside = match &self.inside {
            Some(inside) => format!("{inside}/{name}"),
            None => name,
        };
        Self {
            inside: Some(inside),
            depth: self.depth + 1,
            path: self.path,
        }
    }
}

impl<'a> Import<'a> {
    /// Reads one file.
    pub fn file(&mut self, path: &Path) -> Result<()> {
        let length = path.metadata()?.len();
        self.watch.begin_file(length);
        self.watch.check()?;
        let item = Item {
            path,
            inside: None,
            depth: 0,
        };
        let watch = self.watch;
        let mut budget = Budget::of(length);
        let read = self.item(&item, &mut Content::File { path, watch }, &mut budget);
        read.map_err(|error| watch.meant(error))
    }

    fn item(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, 'a>,
        budget: &mut Budget,
    ) -> Result<()> {
        let head = content.head()?;
        match recognise(&head) {
            Format::Zip => self.zip(item, content, budget),
            Format::Gzip if !is_json_inside(&head) => self.gzip(item, content, budget),
            format => {
                let mut gather = self.gather(item, format);
                let read = self.read(&mut gather, content, format, &item.name());
                // What was read before a failure is good and stays: INV-2 makes the next attempt go on from here.
                gather.flush()?;
                read?;
                gather.flush()?;
                self.report.files.push(gather.report);
                Ok(())
            }
        }
    }

    fn gather(&self, item: &Item<'_>, format: Format) -> Gather<'a> {
        let report = item.report(format.name());
        Gather::new(self.target, &item.name(), format.name(), report)
    }

    /// Reads an item by its format.
    fn read(
        &self,
        gather: &mut Gather<'_>,
        content: &mut Content<'_, '_>,
        format: Format,
        name: &str,
    ) -> Result<()> {
        match format {
            Format::Empty => reject(gather, EMPTY),
            Format::Litter => reject(gather, LITTER),
            Format::AppleHealth | Format::OpenMHealth | Format::Sqlite => {
                return samples::read(self.watch, gather, content, format);
            }
            Format::Json if samples::is_points(&content.head()?) => {
                gather.report.format = Format::OpenMHealth.name();
                return samples::read(self.watch, gather, content, Format::OpenMHealth);
            }
            Format::Cda | Format::Xml if samples::is_shadow(&content.head()?) => {
                return samples::keep_shadow(gather, content, format);
            }
            // JSON may name its resourceType far below; the reader of FHIR decides.
            Format::Fhir | Format::Json | Format::Gzip => {
                return self.fhir(gather, content, format, name);
            }
            // A style sheet may stand in front: the reader looks at the whole.
            Format::Cda | Format::Xml => return cda::read(self, gather, content, format),
            Format::Unknown => return documents::keep_item(gather, content, format, Some(UNKNOWN)),
            _ => return documents::keep_item(gather, content, format, None),
        }
        Ok(())
    }

    fn fhir(
        &self,
        gather: &mut Gather<'_>,
        content: &mut Content<'_, '_>,
        format: Format,
        name: &str,
    ) -> Result<()> {
        let watch = self.watch;
        let mut failure = None;
        let summary = source::read_fhir(content.open()?, name, &mut |outcome| match take(
            gather, outcome,
        )
        .and_then(|()| watch.check())
        {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let summary = summary?;
        let understood = summary.format != "unknown";
        gather.report.warnings.extend(summary.warnings);
        if understood {
            gather.report.format = summary.format;
        }
        if understood && gather.report.rejected.is_empty() {
            return Ok(());
        }
        keep_refused(gather, content, format, understood)
    }

    /// A zip: its entries, and itself where something of it could not be read.
    fn zip(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, 'a>,
        budget: &mut Budget,
    ) -> Result<()> {
        if item.depth >= archive::MAX_ARCHIVE_DEPTH {
            return self.keep_archive(item, content, archive::TOO_DEEP);
        }
        let (place, held) = if let Content::File { path, watch } = content {
            let file = Counted::new(File::open(path)?, watch);
            (Seekable::File(BufReader::new(file)), 0)
        } else {
            let bytes = content.whole(MAX_HELD_BYTES)?;
            let bytes = bytes.filter(|bytes| budget.hold(bytes.len() as u64));
            let Some(bytes) = bytes else {
                return self.keep_archive(item, content, archive::TOO_LARGE_INSIDE);
            };
            let length = bytes.len() as u64;
            (archive::in_memory(bytes), length)
        };
        let fault = self.open_zip(item, place, budget);
        budget.release(held);
        match fault? {
            None => Ok(()),
            Some(archive::NOTHING_INSIDE) => {
                let mut report = item.report(Format::Zip.name());
                report.fate = Fate::Rejected;
                report.reason = Some(archive::NOTHING_INSIDE);
                self.report.files.push(report);
                Ok(())
            }
            Some(reason) => self.keep_archive(item, content, reason),
        }
    }

    /// Reads what an archive holds; what is to be said of the archive itself, if anything.
    fn open_zip(
        &mut self,
        item: &Item<'_>,
        place: Seekable<'a>,
        budget: &mut Budget,
    ) -> Result<Option<&'static str>> {
        let mut archive = match Archive::open(place)? {
            Ok(archive) => archive,
            Err(place) => return self.salvage(item, place, budget),
        };
        let mut fault = archive.fault;
        if archive.len() == 0 && fault.is_none() {
            return Ok(Some(archive::NOTHING_INSIDE));
        }
        let manifest = archive.short(MANIFEST, handed::MAX_MANIFEST_BYTES);
        let manifest = manifest.and_then(|bytes| Manifest::read(&bytes));
        let manifest = manifest.unwrap_or_default();
        for index in 0..archive.len() {
            self.watch.check()?;
            let Some(entry) = archive.entry(index, budget) else {
                continue;
            };
            let known = manifest.of(&entry.name);
            let below = item.below(entry.name.clone());
            let read = match entry.place {
                Ok(place) => self.entry(&below, &mut archive, place, &known, budget)?,
                Err(reason) => Err(reason),
            };
            if let Err(reason) = read {
                self.reject_entry(&below, reason);
                if archive::is_loss(reason) {
                    fault = fault.or(Some(archive::PARTLY));
                }
            }
            if budget.spent.is_some() {
                return Ok(budget.spent);
            }
        }
        Ok(fault)
    }

    /// One entry; `Err` within `Ok` says why it could not be read.
    fn entry(
        &mut self,
        item: &Item<'_>,
        archive: &mut Archive<'a>,
        place: Place,
        known: &Known<'_>,
        budget: &mut Budget,
    ) -> Result<std::result::Result<(), &'static str>> {
        let watch = self.watch;
        let mut content = match archive.content(place, watch) {
            Ok(content) => content,
            Err(reason) => return Ok(Err(reason)),
        };
        let read = if place.is_short() {
            match content.whole(MAX_HELD_BYTES) {
                Ok(Some(bytes)) => {
                    self.known_item(item, &mut Content::Memory(&bytes), known, budget)
                }
                Ok(None) => Err(watch.damaged(DAMAGED)),
                Err(error) => Err(error),
            }
        } else {
            self.known_item(item, &mut content, known, budget)
        };
        match (read, watch.take_fault()) {
            (Err(_), Some(reason)) if watch.check().is_ok() => Ok(Err(reason)),
            (read, _) => read.map(Ok),
        }
    }

    /// An entry that the manifest of an archive may know.
    fn known_item(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, 'a>,
        known: &Known<'_>,
        budget: &mut Budget,
    ) -> Result<()> {
        let mut gather = match known {
            Known::Nothing => return self.item(item, content, budget),
            Known::Manifest => return Ok(()),
            Known::Part(part) => self.gather_part(item, part),
            Known::Document(kept) => {
                let mut gather = self.gather(item, Format::Unknown);
                gather.confidential = kept.confidential;
                gather
            }
        };
        let read = match known {
            Known::Document(kept) => {
                documents::attach_again(&mut gather, content, &kept.media_type)
            }
            _ => self.fhir(&mut gather, content, Format::Fhir, &item.name()),
        };
        gather.flush()?;
        read?;
        gather.report.format = ARCHIVE;
        self.report.files.push(gather.report);
        Ok(())
    }

    fn gather_part(&self, item: &Item<'_>, part: &Part) -> Gather<'a> {
        let Part {
            origin,
            confidential,
        } = part;
        let report = item.report(ARCHIVE);
        let mut gather = Gather::new(self.target, &origin.name, &origin.format, report);
        gather.set_original(origin.hash);
        gather.confidential = *confidential;
        gather
    }

    /// An archive without a directory: what its local headers say.
    fn salvage(
        &mut self,
        item: &Item<'_>,
        place: Seekable<'a>,
        budget: &mut Budget,
    ) -> Result<Option<&'static str>> {
        let mut taken = Vec::new();
        let count = archive::read_by_local_headers(place, budget, &mut |name, bytes| {
            taken.push((name, bytes.to_vec()));
            Ok(())
        })?;
        for (name, bytes) in taken {
            self.item(&item.below(name), &mut Content::Memory(&bytes), budget)?;
        }
        Ok(Some(match count {
            0 => archive::NOT_AN_ARCHIVE,
            _ => archive::BROKEN,
        }))
    }

    fn reject_entry(&mut self, item: &Item<'_>, reason: &'static str) {
        let mut report = item.report(Format::Unknown.name());
        report.fate = Fate::Rejected;
        report.reason = Some(reason);
        self.report.files.push(report);
    }

    fn keep_archive(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, '_>,
        reason: &'static str,
    ) -> Result<()> {
        let mut gather = self.gather(item, Format::Zip);
        documents::keep_item(&mut gather, content, Format::Zip, Some(reason))?;
        gather.flush()?;
        self.report.files.push(gather.report);
        Ok(())
    }

    /// Something compressed that is not FHIR: read as what is inside.
    fn gzip(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, 'a>,
        budget: &mut Budget,
    ) -> Result<()> {
        let mut bytes = Vec::new();
        let most = MAX_HELD_BYTES;
        let read = MultiGzDecoder::new(content.open()?)
            .take(most + 1)
            .read_to_end(&mut bytes);
        self.watch.check()?;
        budget.spend(bytes.len() as u64);
        let whole =
            read.is_ok() && bytes.len() as u64 <= most && item.depth < archive::MAX_ARCHIVE_DEPTH;
        if !whole || matches!(recognise(&bytes), Format::Empty) {
            let mut gather = self.gather(item, Format::Gzip);
            documents::keep_item(&mut gather, content, Format::Gzip, Some(NOT_UNDERSTOOD))?;
            gather.flush()?;
            self.report.files.push(gather.report);
            return Ok(());
        }
        let name = item.name();
        let name = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
        self.item(&item.below(name), &mut Content::Memory(&bytes), budget)
    }
}

fn reject(gather: &mut Gather<'_>, reason: &'static str) {
    gather.report.fate = Fate::Rejected;
    gather.report.reason = Some(reason);
    gather.reject("file".to_owned(), reason);
}

/// The reader of FHIR decompresses by itself, in a stream of any length.
fn is_json_inside(head: &[u8]) -> bool {
    let mut inside = Vec::new();
    // The head is cut somewhere in the stream: what comes out before the cut is enough.
    let _ = MultiGzDecoder::new(head)
        .take(source::recognise::HEAD_BYTES as u64)
        .read_to_end(&mut inside);
    matches!(recognise(&inside), Format::Fhir | Format::Json)
}

pub(super) fn take(gather: &mut Gather<'_>, outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Draft(draft) => match gather.draft(*draft)? {
            Some(Draft { location, text, .. }) => keep_resource(
                gather,
                &Document {
                    location,
                    reason: TOO_LARGE,
                    text,
                },
            ),
            None => Ok(()),
        },
        Outcome::Refused(refused) => {
            gather.report.resources += 1;
            gather.reject(refused.location, refused.reason);
            Ok(())
        }
        Outcome::Document(document) => keep_resource(gather, &document),
        Outcome::Deleted(deleted) => {
            let location = deleted.location;
            gather.warn(format!(
                "{location}: the source deleted this resource; your copy stays"
            ));
            Ok(())
        }
    }
}

/// Keeps what is FHIR but cannot be a resource of the record.
pub(super) fn keep_resource(gather: &mut Gather<'_>, document: &Document) -> Result<()> {
    gather.warn(format!("{}: {}", document.location, document.reason));
    let described = Described {
        kind: Some(FHIR),
        ..Described::plain(Format::Fhir.media_type())
    };
    documents::keep_bytes(gather, document.text.as_bytes(), &described)?;
    // Many in one file would otherwise be held until its end.
    gather.flush()
}

/// Keeps a file of which something was refused, so that nothing of it is lost.
fn keep_refused(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
    understood: bool,
) -> Result<()> {
    gather.flush()?;
    let refused = gather.report.rejected.first();
    let reason = refused.map_or(NOT_UNDERSTOOD, |rejection| rejection.reason);
    if !understood {
        // What the reader of FHIR says of something else is one reason, not a list of losses.
        gather.report.rejected.clear();
        gather.report.resources = 0;
    }
    documents::keep_item(gather, content, format, Some(reason))?;
    if understood && gather.report.fate == Fate::Kept && gather.report.resources > 1 {
        gather.report.fate = Fate::Understood;
    }
    Ok(())
}
