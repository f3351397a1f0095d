//! Taking samples in: those of a feed with its token, or those of a file.
//!
//! One transaction takes all or nothing. What the record has is left out before anything is packed, so repeating costs reading
//! and writes nothing.

use super::SERIES;
use crate::error::{Error, Result};
use crate::record::change::{
    CHANGE_BATCH_BYTES, CHANGE_BATCH_ITEMS, GoneSample, Item, Origin, SeriesName,
};
use crate::record::series::rollup::day_of;
use crate::record::series::segment::{SEGMENT_SAMPLES, month_of, unite, write_segment};
use crate::record::series::{Deletion, Metric, Sample, SampleBatch, SourceKind};
use crate::store::series as rows;
use crate::vault::open::Unlocked;
use crate::vault::write::{self, ChangeBuilder};
use crate::vault::{access, keyring};
use carnet_wire::RecordId;
use rusqlite::Transaction;
use std::ops::Range;
use std::rc::Rc;

/// Most samples and deletions of one call.
pub const MAX_INGEST: usize = 1_000_000;
/// Samples of one change at most: whoever merges it takes no more.
const CHANGE_SAMPLES: usize = 500_000;
/// Deletions of one change at most.
const CHANGE_DELETIONS: usize = 10_000;

/// What one read of a feed gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingest {
    /// The feed: the platform and the type, as the app names them.
    pub feed: String,
    /// New samples.
    pub batches: Vec<SampleBatch>,
    /// Samples that the source deleted.
    pub deletions: Vec<Deletion>,
    /// The platform's token after this read; none keeps the one there is.
    pub token: Option<Vec<u8>>,
    /// The time that this read covers: what waited of it waits no more.
    pub window: Option<Range<i64>>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Samples that the record did not have.
    pub new: u64,
    /// Samples it had.
    pub known: u64,
    /// Deletions it did not know.
    pub deleted: u64,
}

/// Takes what one read of a feed gave into a record.
pub fn ingest(open: &Unlocked, now: i64, record: RecordId, ingest: &Ingest) -> Result<Ingested> {
    let samples: usize = ingest.batches.iter().map(|batch| batch.samples.len()).sum();
    if samples + ingest.deletions.len() > MAX_INGEST {
        return Err(Error::TooLarge(
            "one call may bring 1,000,000 samples and deletions: bring them in several",
        ));
    }
    ingest.batches.iter().try_for_each(SampleBatch::check)?;
    open.write(|tx| {
        let log = keyring::log_number(tx, record, SERIES)?;
        let mut writer = Writer::new(tx, open, log, &origin_of(&ingest.feed), now);
        for batch in &ingest.batches {
            writer.batch(batch.clone())?;
        }
        writer.deletions(&ingest.deletions)?;
        writer.flush()?;
        rows::reach(tx, log, &ingest.feed, ingest.token.as_deref(), now)?;
        if let Some(window) = &ingest.window {
            rows::cover(tx, log, &ingest.feed, window, now)?;
        }
        Ok(writer.done)
    })
}

/// Takes samples of a file into a record, and in the same transaction does what is to hold with them: `and` is given the
/// compartment's log. The access log tells of what was new.
pub fn store_samples(
    open: &Unlocked,
    now: i64,
    record: RecordId,
    origin: &Origin,
    batches: Vec<SampleBatch>,
    and: impl FnOnce(&Transaction<'_>, i64) -> Result<()>,
) -> Result<Ingested> {
    batches.iter().try_for_each(SampleBatch::check)?;
    open.write(|tx| {
        let log = keyring::log_number(tx, record, SERIES)?;
        let mut writer = Writer::new(tx, open, log, origin, now);
        for batch in batches {
            writer.batch(batch)?;
        }
        writer.tell(&origin.name)?;
        writer.flush()?;
        and(tx, log)?;
        Ok(writer.done)
    })
}

/// Takes samples that came in an archive into a record: no feed is read on from them.
pub fn take_in(
    open: &Unlocked,
    now: i64,
    record: RecordId,
    batch: &SampleBatch,
) -> Result<Ingested> {
    open.write(|tx| {
        let log = keyring::log_number(tx, record, SERIES)?;
        let mut writer = Writer::new(tx, open, log, &origin_of(""), now);
        writer.batch(batch.clone())?;
        writer.flush()?;
        Ok(writer.done)
    })
}

fn origin_of(feed: &str) -> Origin {
    Origin {
        name: feed.to_owned(),
        format: SERIES.to_owned(),
        hash: [0; 32],
    }
}

/// Gathers segments into changes.
struct Writer<'a> {
    tx: &'a Transaction<'a>,
    open: &'a Unlocked,
    log: i64,
    origin: Origin,
    now: i64,
    change: ChangeBuilder,
    segments: Vec<Rc<Vec<Sample>>>,
    items: usize,
    bytes: usize,
    samples: usize,
    done: Ingested,
}

impl<'a> Writer<'a> {
    fn new(
        tx: &'a Transaction<'a>,
        open: &'a Unlocked,
        log: i64,
        origin: &Origin,
        now: i64,
    ) -> Self {
        Self {
            tx,
            open,
            log,
            change: ChangeBuilder::from_origin(origin.clone()),
            segments: Vec::new(),
            origin: origin.clone(),
            now,
            items: 0,
            bytes: 0,
            samples: 0,
            done: Ingested::default(),
        }
    }

    fn batch(&mut self, batch: SampleBatch) -> Result<()> {
        let name = series_name(&batch);
        let mut samples = batch.samples;
        let given = samples.len() as u64;
        unite(&mut samples);
        rows::without_known(self.tx, self.log, &name, &mut samples)?;
        self.done.new += samples.len() as u64;
        self.done.known += given - samples.len() as u64;
        for part in parts(&samples) {
            self.segment(batch.metric, &name, part)?;
        }
        Ok(())
    }

    fn segment(&mut self, metric: Metric, name: &SeriesName, samples: &[Sample]) -> Result<()> {
        let bytes = write_segment(metric, samples)?;
        self.bytes += bytes.len();
        self.samples += samples.len();
        let body = self.change.body(bytes)?;
        self.segments.push(Rc::new(samples.to_vec()));
        let series = name.clone();
        self.item(Item::Segment {
            origin: 0,
            series,
            body,
        })
    }

    fn item(&mut self, item: Item) -> Result<()> {
        self.change.item(item);
        self.items += 1;
        let full = self.bytes >= CHANGE_BATCH_BYTES
            || self.items >= CHANGE_BATCH_ITEMS
            || self.samples >= CHANGE_SAMPLES;
        if full { self.flush() } else { Ok(()) }
    }

    fn deletions(&mut self, deletions: &[Deletion]) -> Result<()> {
        let ids: Vec<_> = deletions.iter().map(|deletion| deletion.id).collect();
        let known = rows::known_deletions(self.tx, self.log, &ids)?;
        let mut fresh: Vec<GoneSample> = deletions
            .iter()
            .filter(|deletion| !known.contains(&deletion.id))
            .map(|deletion| GoneSample {
                id: deletion.id.0,
                start: deletion.start,
            })
            .collect();
        fresh.sort_by_key(|gone| gone.id);
        fresh.dedup_by_key(|gone| gone.id);
        self.done.deleted = fresh.len() as u64;
        for some in fresh.chunks(CHANGE_DELETIONS) {
            self.item(Item::Gone {
                samples: some.to_vec(),
            })?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.items == 0 {
            return Ok(());
        }
        let next = ChangeBuilder::from_origin(self.origin.clone());
        let change = std::mem::replace(&mut self.change, next).finish(self.now);
        let keyring = self.open.keyring_in(self.tx)?;
        let segments = std::mem::take(&mut self.segments);
        write::write_segments(self.tx, &keyring, self.log, &change, &segments)?;
        (self.items, self.bytes, self.samples) = (0, 0, 0);
        Ok(())
    }

    /// Tells the access log what came in from a file.
    fn tell(&mut self, from: &str) -> Result<()> {
        if self.done.new == 0 {
            return Ok(());
        }
        let act = access::imported(self.done.new, from);
        let keyring = self.open.keyring_in(self.tx)?;
        access::add(self.tx, &keyring, self.log, self.now, act, &mut self.change)?;
        self.items += 1;
        Ok(())
    }
}

/// Cuts samples in order into segments: a month where it is small, else days, none longer than a segment may be.
fn parts(samples: &[Sample]) -> impl Iterator<Item = &[Sample]> {
    let same_month = |a: &Sample, b: &Sample| month_of(a.start) == month_of(b.start);
    samples.chunk_by(same_month).flat_map(|month| {
        let small = month.len() <= SEGMENT_SAMPLES;
        let days = month.chunk_by(move |a, b| small || day_of(a.start) == day_of(b.start));
        days.flat_map(|day| day.chunks(SEGMENT_SAMPLES))
    })
}

fn series_name(batch: &SampleBatch) -> SeriesName {
    let kind = SourceKind::ALL
        .iter()
        .position(|kind| *kind == batch.source.kind);
    SeriesName {
        metric: batch.metric.key().to_owned(),
        unit: batch.unit.ucum().to_owned(),
        source: batch.source.key.clone(),
        name: batch.source.name.clone(),
        kind: kind
            .and_then(|kind| u8::try_from(kind).ok())
            .unwrap_or(u8::MAX),
    }
}
