//! One item: recognised, read by the reader of its format, kept as a document where there is none or where it fails.
//!
//! **Where a reader plugs in**: [`Import::read`] has one arm for each format that is understood. A reader that finds nothing
//! to its liking loses nothing: the item is then kept as a document with the reader's reason.

use super::archive::{self, Budget};
use super::batch::Batch;
use super::cda;
use super::content::{Content, MAX_HELD_BYTES};
use super::documents;
use super::gather::Gather;
use super::person;
use super::report::{Fate, FileReport, ImportOptions, ImportReport};
use super::samples;
use super::watch::Watch;
use super::whole;
use super::writer::Counts;
use crate::error::Result;
use crate::record::traits::Known;
use crate::source::document::Described;
use crate::source::{self, Document, Draft, Format, Outcome, fhir_xml, health_card, recognise};
use flate2::read::MultiGzDecoder;
use std::cell::RefCell;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::rc::Rc;

/// Why a resource with a large embedded document is kept beside the record, not in it.
const TOO_LARGE: &str = "too large to travel in one piece: kept as a document";
const EMPTY: &str = "the file is empty";
const LITTER: &str = "left by an operating system: no health data";
const NOT_UNDERSTOOD: &str = "not FHIR, and no other format that is read: kept as a document";
const UNKNOWN: &str = "of an unknown format: kept as a document";
const LINK: &str = "a SMART Health Link: what it leads to lies on a server; open it in a browser, save what it shows, and import that";
const ENCRYPTED: &str =
    "encrypted: the key is in the SMART Health Link that leads here; kept as a document";
/// What a kept FHIR resource is called.
const FHIR: &str = "FHIR";

/// An import under way.
pub struct Import<'a> {
    /// What waits to be written.
    pub batch: Rc<RefCell<Batch<'a>>>,
    /// What to do with what should be asked about.
    pub options: &'a ImportOptions,
    /// What the record knows of its person.
    pub known: RefCell<Known>,
    /// How far it is.
    pub watch: &'a Watch<'a>,
    /// What is said of each item, with its number in the batch.
    pub done: Vec<(Option<usize>, FileReport)>,
}

/// An item to be read: what it is called, and where.
pub(super) struct Item<'p> {
    path: &'p Path,
    inside: Option<String>,
    pub(super) depth: usize,
}

impl Item<'_> {
    /// The last part of its name: what provenance shows.
    pub(super) fn name(&self) -> String {
        let path = match &self.inside {
            Some(inside) => inside.rsplit('/').next().unwrap_or_default().to_owned(),
            None => self
                .path
                .file_name()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        };
        path.chars().take(255).collect()
    }

    pub(super) fn report(&self, format: &'static str) -> FileReport {
        FileReport {
            path: self.path.to_owned(),
            inside: self.inside.clone(),
            format,
            ..FileReport::default()
        }
    }

    pub(super) fn below(&self, name: String) -> Self {
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

    pub(super) fn item(
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
                // What was read before a failure stays.
                gather.flush()?;
                read?;
                self.end_item(gather)
            }
        }
    }

    /// Writes what still waits, and says what became of every item.
    pub fn finish(self) -> Result<ImportReport> {
        let mut batch = self.batch.borrow_mut();
        batch.write()?;
        let credited = self.done.into_iter().map(|(number, mut report)| {
            report.credit(number.map_or_else(Counts::default, |number| batch.take_counts(number)));
            report
        });
        Ok(ImportReport {
            files: credited.collect(),
        })
    }

    pub(super) fn end_item(&mut self, mut gather: Gather<'a>) -> Result<()> {
        gather.flush()?;
        self.done.push((Some(gather.number), gather.report));
        Ok(())
    }

    pub(super) fn gather(&self, item: &Item<'_>, format: Format) -> Gather<'a> {
        let report = item.report(format.name());
        Gather::new(&self.batch, &item.name(), format.name(), report)
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
                if person::hold_fhir(self, gather, content, name)? {
                    return Ok(());
                }
                return self.fhir(gather, content, format, name);
            }
            // A style sheet may stand in front: the reader looks at the whole.
            Format::Cda | Format::Xml => return cda::read(self, gather, content, format),
            Format::HealthCard => {
                return whole::read(self, gather, content, format, health_card::read_cards);
            }
            Format::FhirXml => {
                return whole::read(self, gather, content, format, fhir_xml::read_fhir_xml);
            }
            Format::HealthLink => return documents::keep_item(gather, content, format, Some(LINK)),
            Format::Jwe => return documents::keep_item(gather, content, format, Some(ENCRYPTED)),
            Format::Unknown => return documents::keep_item(gather, content, format, Some(UNKNOWN)),
            _ => return documents::keep_item(gather, content, format, None),
        }
        Ok(())
    }

    pub(super) fn fhir(
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
            return self.end_item(gather);
        }
        let name = item.name();
        let name = name.strip_suffix(".gz").unwrap_or(&name).to_owned();
        self.item(&item.below(name), &mut Content::Memory(&bytes), budget)
    }
}

pub(super) fn reject(gather: &mut Gather<'_>, reason: &'static str) {
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
