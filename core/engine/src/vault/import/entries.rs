//! What a zip holds: its entries one by one, and, of an archive that Carnet wrote, what its manifest says of each.

use super::super::series;
use super::archive::{self, Archive, Budget, Place};
use super::content::{Content, DAMAGED, MAX_HELD_BYTES, Seekable};
use super::documents;
use super::gather::Gather;
use super::handed::{self, Listed, Manifest, Measured, Part};
use super::person;
use super::read::{Import, Item, reject};
use super::report::Fate;
use super::said;
use super::watch::Counted;
use crate::error::Result;
use crate::handover::MANIFEST;
use crate::record::series::SampleBatch;
use crate::record::series::segment::read_segment;
use crate::source::{Format, document};
use std::fs::File;
use std::io::BufReader;

/// The format of what an archive holds.
const ARCHIVE: &str = "carnet-archive";

impl<'a> Import<'a> {
    /// A zip: its entries, and itself where something of it could not be read.
    pub(super) fn zip(
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
                self.done.push((None, report));
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
        if self.hold_archive(item, &manifest, &mut archive) {
            return Ok(None);
        }
        for index in 0..archive.len() {
            self.watch.check()?;
            let Some(entry) = archive.entry(index, budget) else {
                continue;
            };
            let listed = manifest.of(&entry.name);
            let below = item.below(entry.name.clone());
            let read = match entry.place {
                Ok(place) => self.entry(&below, &mut archive, place, &listed, budget)?,
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

    /// Asks about an archive of somebody else's record as a whole; whether it is held.
    fn hold_archive(
        &mut self,
        item: &Item<'_>,
        manifest: &Manifest,
        archive: &mut Archive<'a>,
    ) -> bool {
        let Some(person) = &manifest.person else {
            return false;
        };
        let bytes = archive.short(MANIFEST, handed::MAX_MANIFEST_BYTES);
        let hash = document::hash_of(&bytes.unwrap_or_default());
        let Some(question) = person::question(self, std::slice::from_ref(person), hash) else {
            return false;
        };
        let mut gather = self.gather(item, Format::Zip);
        gather.report.format = ARCHIVE;
        person::hold(&mut gather, question);
        self.done.push((None, gather.report));
        true
    }

    /// One entry; `Err` within `Ok` says why it could not be read.
    fn entry(
        &mut self,
        item: &Item<'_>,
        archive: &mut Archive<'a>,
        place: Place,
        listed: &Listed<'_>,
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
                    self.listed_item(item, &mut Content::Memory(&bytes), listed, budget)
                }
                Ok(None) => Err(watch.damaged(DAMAGED)),
                Err(error) => Err(error),
            }
        } else {
            self.listed_item(item, &mut content, listed, budget)
        };
        match (read, watch.take_fault()) {
            (Err(_), Some(reason)) if watch.check().is_ok() => Ok(Err(reason)),
            (read, _) => read.map(Ok),
        }
    }

    /// An entry that the manifest of an archive may know.
    fn listed_item(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, 'a>,
        listed: &Listed<'_>,
        budget: &mut Budget,
    ) -> Result<()> {
        let mut gather = match listed {
            Listed::Nothing => return self.item(item, content, budget),
            Listed::Manifest => return Ok(()),
            Listed::Part(part) => self.gather_part(item, part),
            Listed::Series(_) | Listed::Notes => self.gather(item, Format::Unknown),
            Listed::Document(kept) => {
                let mut gather = self.gather(item, Format::Unknown);
                gather.confidential = kept.confidential;
                gather
            }
        };
        let read = match listed {
            Listed::Document(kept) => {
                documents::attach_again(&mut gather, content, &kept.media_type)
            }
            Listed::Series(measured) => self.series(&mut gather, content, measured),
            Listed::Notes => self.notes(&mut gather, content),
            _ => self.fhir(&mut gather, content, Format::Fhir, &item.name()),
        };
        gather.flush()?;
        read?;
        gather.report.format = ARCHIVE;
        self.end_item(gather)
    }

    /// Samples of an archive.
    fn series(
        &self,
        gather: &mut Gather<'_>,
        content: &mut Content<'_, '_>,
        measured: &Measured,
    ) -> Result<()> {
        let bytes = content.whole(MAX_HELD_BYTES)?.unwrap_or_default();
        let Ok(samples) = read_segment(measured.metric, &bytes) else {
            reject(gather, DAMAGED);
            return Ok(());
        };
        let batch = SampleBatch {
            metric: measured.metric,
            unit: measured.unit,
            source: measured.source.clone(),
            samples,
        };
        if batch.check().is_err() {
            reject(gather, DAMAGED);
            return Ok(());
        }
        let target = gather.target();
        let taken = series::take_in(target.open, target.clock.now(), target.record, &batch)?;
        gather.report.new += taken.new;
        gather.report.unchanged += taken.known;
        Ok(())
    }

    /// What people wrote, about what came before it.
    fn notes(&self, gather: &mut Gather<'_>, content: &mut Content<'_, '_>) -> Result<()> {
        self.batch.borrow_mut().write()?;
        let bytes = content.whole(said::MAX_NOTES_BYTES)?.unwrap_or_default();
        said::write(gather, &bytes)
    }

    fn gather_part(&self, item: &Item<'_>, part: &Part) -> Gather<'a> {
        let Part {
            origin,
            confidential,
        } = part;
        let report = item.report(ARCHIVE);
        let mut gather = Gather::new(&self.batch, &origin.name, &origin.format, report);
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
        self.done.push((None, report));
    }

    fn keep_archive(
        &mut self,
        item: &Item<'_>,
        content: &mut Content<'_, '_>,
        reason: &'static str,
    ) -> Result<()> {
        let mut gather = self.gather(item, Format::Zip);
        documents::keep_item(&mut gather, content, Format::Zip, Some(reason))?;
        self.end_item(gather)
    }
}
