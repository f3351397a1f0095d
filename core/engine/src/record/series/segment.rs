//! Segments: samples of one series as compressed columns.
//!
//! A segment holds samples sorted by start, and says nothing of metric, unit and source: these stand where it is named.
//! ```text
//! segment = version = 1: u8 ‖ count: varint ‖ start ‖ span ‖ offset ‖ what ‖ number × width ‖ quality ‖ known ‖ id … ‖ version
//! start   = first: signed varint, ms ‖ step: varint ‖ column of the differences between neighbours ÷ step, the first 0
//! span    = step: varint ‖ column of (end − start) ÷ step
//! offset  = column: 0 where the source wrote none, else minutes east of UTC, sign folded, + 1
//! what    = column: 0 a number or a state · 1 to 5 absent, in the order of [`Absent::ALL`]
//! number  = column of places + 1, 0 where there is no number ‖ column of the differences between neighbouring mantissas, the
//!           first from 0, sign folded, a missing number being like the one before
//! quality = column
//! known   = column: 0 no id · 1 an id · 2 the id of the sample before
//! id      = 8 bytes for each `known` of 1
//! version = column of the differences between neighbours, the first from 0, sign folded
//! ```
//! `step` is the greatest common divisor of its column's numbers (1 for a column of zeros): whole seconds cost what seconds cost.
//! Columns and their planes are described in `super::column`. A state is a number without places.
//!
//! What is equal on two devices is the *content*: samples in canonical order. The compressed bytes may differ between versions of
//! zstd, so nothing is ever compared or named by them.
//!
//! **Canonical order and union.** Samples are sorted by start, then id, end, reading, version, offset, quality. Of samples that
//! are the same reading (same id and start; without ids same start, end and reading) the last in that order stays. Of the
//! samples of one id only those with the greatest version stay, so a source's correction replaces what it corrected, within
//! the days that are merged together.

use super::column::{put_column, read_column};
use super::sample::{Absent, MAX_COMPONENTS, Quality, Reading, Sample, SampleId};
use super::varint::{Reader, fold, put, put_signed, unfold};
use super::{Decimal, Kind, Metric};
use crate::error::{Error, Result};
use std::cmp::Ordering;
use std::collections::HashMap;

/// The only version of this build.
pub const SEGMENT_VERSION: u8 = 1;
/// Most samples in a segment as this build writes it: a range of a few thousand unpacks one or two.
pub const SEGMENT_SAMPLES: usize = 16_384;
/// Most samples in a segment.
pub const MAX_SEGMENT_SAMPLES: usize = 65_536;

const MALFORMED: Error = Error::Invalid("a series segment is malformed");

/// Writes samples, which are in canonical order and fit their metric.
pub fn write_segment(metric: Metric, samples: &[Sample]) -> Result<Vec<u8>> {
    if samples.len() > MAX_SEGMENT_SAMPLES {
        return Err(Error::TooLarge("a series segment may hold 65,536 samples"));
    }
    let mut out = Vec::with_capacity(samples.len() * 2 + 64);
    out.push(SEGMENT_VERSION);
    put(&mut out, samples.len() as u128);
    let first = samples.first().map_or(0, |sample| sample.start);
    put_signed(&mut out, first.into());
    let starts = neighbours(samples, |sample| sample.start);
    put_stepped(&mut out, starts.map(i64::cast_unsigned).collect())?;
    let spans = samples
        .iter()
        .map(|sample| (sample.end - sample.start).cast_unsigned());
    put_stepped(&mut out, spans.collect())?;
    put_of(&mut out, samples, |sample| match sample.offset {
        Some(offset) => fold(offset.into()) + 1,
        None => 0,
    })?;
    put_of(&mut out, samples, |sample| match sample.reading {
        Reading::Absent(reason) => reason as u64 + 1,
        _ => 0,
    })?;
    for at in 0..metric.width() {
        put_numbers(&mut out, samples, at)?;
    }
    put_of(&mut out, samples, |sample| sample.quality.0.into())?;
    put_ids(&mut out, samples)?;
    let mut before = 0_i64;
    put_of(&mut out, samples, |sample| {
        let step = sample.version.cast_signed().wrapping_sub(before);
        before = sample.version.cast_signed();
        fold(step)
    })?;
    Ok(out)
}

fn put_of(out: &mut Vec<u8>, samples: &[Sample], of: impl FnMut(&Sample) -> u64) -> Result<()> {
    put_column(out, &samples.iter().map(of).collect::<Vec<_>>())
}

/// Differences between neighbours, the first 0. Wrapping: whoever adds them up wraps again.
fn neighbours(samples: &[Sample], of: impl Fn(&Sample) -> i64) -> impl Iterator<Item = i64> {
    let mut before = samples.first().map_or(0, &of);
    samples.iter().map(move |sample| {
        let now = of(sample);
        let step = now.wrapping_sub(before);
        before = now;
        step
    })
}

fn put_stepped(out: &mut Vec<u8>, mut numbers: Vec<u64>) -> Result<()> {
    let step = numbers
        .iter()
        .fold(0, |step, number| gcd(step, *number))
        .max(1);
    put(out, step.into());
    if step > 1 {
        numbers.iter_mut().for_each(|number| *number /= step);
    }
    put_column(out, &numbers)
}

fn gcd(a: u64, b: u64) -> u64 {
    if a == 1 || b == 0 {
        return a;
    }
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

fn number_at(sample: &Sample, at: usize) -> Option<Decimal> {
    match &sample.reading {
        Reading::Value(value) if at == 0 => Some(*value),
        Reading::Components(values) => values.get(at).copied().flatten(),
        Reading::Category(state) if at == 0 => Decimal::new(i64::from(*state), 0),
        _ => None,
    }
}

fn put_numbers(out: &mut Vec<u8>, samples: &[Sample], at: usize) -> Result<()> {
    let mut before = 0;
    let mut places = Vec::with_capacity(samples.len());
    let mut steps = Vec::with_capacity(samples.len());
    for sample in samples {
        let number = number_at(sample, at);
        places.push(number.map_or(0, |number| u64::from(number.places()) + 1));
        let mantissa = number.map_or(before, Decimal::mantissa);
        steps.push(fold(mantissa - before));
        before = mantissa;
    }
    put_column(out, &places)?;
    put_column(out, &steps)
}

fn put_ids(out: &mut Vec<u8>, samples: &[Sample]) -> Result<()> {
    let mut before = None;
    let mut fresh = Vec::new();
    let mut known = Vec::with_capacity(samples.len());
    for sample in samples {
        known.push(match sample.id {
            None => 0,
            same if same == before => 2,
            Some(id) => {
                fresh.extend_from_slice(&id.0);
                1
            }
        });
        before = sample.id;
    }
    put_column(out, &known)?;
    out.extend_from_slice(&fresh);
    Ok(())
}

/// Reads a segment of a metric. Everything a sample must be is checked again: a segment may come from anybody.
pub fn read_segment(metric: Metric, bytes: &[u8]) -> Result<Vec<Sample>> {
    let mut reader = Reader::new(bytes);
    if reader.byte()? != SEGMENT_VERSION {
        return Err(Error::Newer);
    }
    let count = usize::try_from(reader.short()?).map_err(|_| MALFORMED)?;
    if count > MAX_SEGMENT_SAMPLES {
        return Err(Error::TooLarge("a series segment may hold 65,536 samples"));
    }
    let columns = Columns::read(metric, &mut reader, count)?;
    reader.end()?;
    columns.samples(metric)
}

struct Columns {
    first: i64,
    starts: Vec<u64>,
    spans: Vec<u64>,
    offsets: Vec<u64>,
    what: Vec<u64>,
    numbers: Vec<(Vec<u64>, Vec<u64>)>,
    quality: Vec<u64>,
    ids: Vec<Option<SampleId>>,
    versions: Vec<u64>,
}

impl Columns {
    fn read(metric: Metric, reader: &mut Reader<'_>, count: usize) -> Result<Self> {
        Ok(Self {
            first: i64::try_from(reader.signed()?).map_err(|_| MALFORMED)?,
            starts: read_stepped(reader, count)?,
            spans: read_stepped(reader, count)?,
            offsets: read_column(reader, count)?,
            what: read_column(reader, count)?,
            numbers: (0..metric.width())
                .map(|_| Ok((read_column(reader, count)?, read_column(reader, count)?)))
                .collect::<Result<_>>()?,
            quality: read_column(reader, count)?,
            ids: read_ids(reader, count)?,
            versions: read_column(reader, count)?,
        })
    }

    fn samples(&self, metric: Metric) -> Result<Vec<Sample>> {
        let mut samples = Vec::with_capacity(self.starts.len());
        let mut mantissas = [0_i64; MAX_COMPONENTS];
        let (mut start, mut version) = (self.first, 0_i64);
        for at in 0..self.starts.len() {
            start = start.wrapping_add(cell(&self.starts, at).cast_signed());
            version = version.wrapping_add(unfold(cell(&self.versions, at)));
            let sample = Sample {
                start,
                end: start.wrapping_add(cell(&self.spans, at).cast_signed()),
                offset: offset(cell(&self.offsets, at))?,
                reading: self.reading(metric, at, &mut mantissas)?,
                quality: Quality(u16::try_from(cell(&self.quality, at)).map_err(|_| MALFORMED)?),
                id: self.ids.get(at).copied().flatten(),
                version: version.cast_unsigned(),
            };
            sample.check(metric)?;
            samples.push(sample);
        }
        Ok(samples)
    }

    fn reading(
        &self,
        metric: Metric,
        at: usize,
        mantissas: &mut [i64; MAX_COMPONENTS],
    ) -> Result<Reading> {
        let mut read = [None; MAX_COMPONENTS];
        for (((places, steps), mantissa), number) in
            self.numbers.iter().zip(mantissas).zip(&mut read)
        {
            *mantissa = mantissa.wrapping_add(unfold(cell(steps, at)));
            let places = cell(places, at);
            if let Some(places) = places.checked_sub(1) {
                let places = u8::try_from(places).map_err(|_| MALFORMED)?;
                *number = Some(Decimal::new(*mantissa, places).ok_or(MALFORMED)?);
            }
        }
        if let Some(reason) = cell(&self.what, at).checked_sub(1) {
            let reason = usize::try_from(reason)
                .ok()
                .and_then(|at| Absent::ALL.get(at));
            return reason.copied().map(Reading::Absent).ok_or(MALFORMED);
        }
        if !metric.components().is_empty() {
            let some = read.get(..metric.width()).unwrap_or_default();
            return Ok(Reading::Components(some.to_vec()));
        }
        let number = read.first().copied().flatten().ok_or(MALFORMED)?;
        match metric.kind() {
            Kind::State => u16::try_from(number.mantissa())
                .map(Reading::Category)
                .map_err(|_| MALFORMED),
            _ => Ok(Reading::Value(number)),
        }
    }
}

fn cell(column: &[u64], at: usize) -> u64 {
    column.get(at).copied().unwrap_or_default()
}

fn offset(number: u64) -> Result<Option<i16>> {
    let offset = number.checked_sub(1).map(unfold).map(i16::try_from);
    offset.transpose().map_err(|_| MALFORMED)
}

fn read_stepped(reader: &mut Reader<'_>, count: usize) -> Result<Vec<u64>> {
    let step = reader.short()?;
    let mut numbers = read_column(reader, count)?;
    if step != 1 {
        for number in &mut numbers {
            *number = number.checked_mul(step).ok_or(MALFORMED)?;
        }
    }
    Ok(numbers)
}

fn read_ids(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Option<SampleId>>> {
    let mut before = None;
    let known = read_column(reader, count)?;
    let ids = known.iter().map(|known| {
        before = match known {
            0 => None,
            1 => Some(SampleId(reader.take(8)?.try_into().map_err(|_| MALFORMED)?)),
            2 => Some(before.ok_or(MALFORMED)?),
            _ => return Err(MALFORMED),
        };
        Ok(before)
    });
    ids.collect()
}

/// The UTC month an instant lies in, counted from 1970: segments do not cross its end.
pub fn month_of(instant: i64) -> i64 {
    // Howard Hinnant's `civil_from_days`, as far as the month.
    let days = super::rollup::day_of(instant) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months from March.
    let month = (5 * day_of_year + 2) / 153;
    (year_of_era + era * 400 - 1_970) * 12 + month + 2
}

/// Puts samples in canonical order and takes out what is there twice or replaced.
pub fn unite(samples: &mut Vec<Sample>) {
    if !samples.is_sorted_by(|a, b| order(a, b) != Ordering::Greater) {
        samples.sort_unstable_by(order);
    }
    // `dedup_by` keeps the first of a run; the last is to stay.
    samples.dedup_by(|next, kept| {
        let same = is_same(next, kept);
        if same {
            std::mem::swap(next, kept);
        }
        same
    });
    drop_replaced(samples);
}

fn drop_replaced(samples: &mut Vec<Sample>) {
    if samples
        .iter()
        .all(|sample| sample.version == 0 || sample.id.is_none())
    {
        return;
    }
    let mut newest: HashMap<SampleId, u64> = HashMap::new();
    for sample in &*samples {
        if let Some(id) = sample.id {
            let version = newest.entry(id).or_default();
            *version = sample.version.max(*version);
        }
    }
    samples.retain(|sample| {
        let newest = sample.id.and_then(|id| newest.get(&id));
        newest.is_none_or(|newest| sample.version == *newest)
    });
}

/// Whether samples in canonical order hold this one, or a newer one of the same reading.
pub fn has(samples: &[Sample], sample: &Sample) -> bool {
    let from = samples.partition_point(|other| other.start < sample.start);
    let same_start = samples.get(from..).unwrap_or_default().iter();
    same_start
        .take_while(|other| other.start == sample.start)
        .any(|other| is_same(other, sample) && order(other, sample) != Ordering::Less)
}

fn is_same(a: &Sample, b: &Sample) -> bool {
    let same_words = || a.end == b.end && a.reading == b.reading;
    a.start == b.start && a.id == b.id && (a.id.is_some() || same_words())
}

/// Canonical order. With an id the version comes before what the sample says, so that the newest of a run is its last.
fn order(a: &Sample, b: &Sample) -> Ordering {
    let marks = |sample: &Sample| (sample.version, sample.offset, sample.quality.0);
    a.start
        .cmp(&b.start)
        .then_with(|| a.id.cmp(&b.id))
        .then_with(|| {
            let words = a
                .end
                .cmp(&b.end)
                .then_with(|| order_readings(&a.reading, &b.reading));
            let marks = marks(a).cmp(&marks(b));
            match a.id {
                Some(_) => a.version.cmp(&b.version).then(words).then(marks),
                None => words.then(marks),
            }
        })
}

fn order_readings(a: &Reading, b: &Reading) -> Ordering {
    let one = |number: Option<Decimal>| number.map(|number| (number.mantissa(), number.places()));
    match (a, b) {
        (Reading::Value(a), Reading::Value(b)) => one(Some(*a)).cmp(&one(Some(*b))),
        (Reading::Category(a), Reading::Category(b)) => a.cmp(b),
        (Reading::Absent(a), Reading::Absent(b)) => (*a as u8).cmp(&(*b as u8)),
        (Reading::Components(a), Reading::Components(b)) => {
            a.iter().map(|a| one(*a)).cmp(b.iter().map(|b| one(*b)))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank(reading: &Reading) -> u8 {
    match reading {
        Reading::Value(_) => 0,
        Reading::Components(_) => 1,
        Reading::Category(_) => 2,
        Reading::Absent(_) => 3,
    }
}

#[cfg(test)]
mod tests;
