//! Rollups: what the samples of one day come to, hour by hour.
//!
//! A chart of ten years must not unpack them. For each series and UTC day there is a rollup: one [`Bucket`] for each UTC hour
//! and part that has samples. A sample belongs to the hour in which it starts, whole. A part is a component, or for states
//! the state. Sums are exact: all numbers of a rollup have the same places, those of its finest sample.
//!
//! ```text
//! rollup = version = 1: u8 ‖ places: u8 ‖ bucket …
//! bucket = hour: u8 ‖ part: varint ‖ count: varint ‖ sum ‖ least ‖ greatest ‖ first ‖ last: signed varints
//!        ‖ first at ‖ last at: varints, ms of the hour ‖ span: varint, ms
//! ```
//! A [`digest`] of a day stands for the very samples, in canonical order: two devices compare it instead of samples.

use super::sample::{Reading, Sample};
use super::varint::{Reader, put, put_signed};
use super::{Decimal, unit};
use crate::error::{Error, Result};

/// Milliseconds of an hour.
pub const HOUR: i64 = 3_600_000;
/// Milliseconds of a day.
pub const DAY: i64 = 24 * HOUR;
const VERSION: u8 = 1;
const MALFORMED: Error = Error::Corrupt("a rollup does not decode");

/// What the samples of one slot of time come to, for one component or state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// When the slot begins: milliseconds since 1970 UTC.
    pub slot: i64,
    /// Which component or state.
    pub part: u16,
    /// How many samples.
    pub count: u64,
    /// Their sum, with the rollup's places, as all numbers here.
    pub sum: i128,
    /// The least.
    pub least: i128,
    /// The greatest.
    pub greatest: i128,
    /// The earliest.
    pub first: i128,
    /// The latest.
    pub last: i128,
    /// When the earliest began.
    pub first_at: i64,
    /// When the latest began.
    pub last_at: i64,
    /// How long all lasted together, in milliseconds.
    pub span: u64,
}

/// Buckets in order of slot and part, and the places of their numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollup {
    /// Digits behind the point of every number.
    pub places: u8,
    /// What there is.
    pub buckets: Vec<Bucket>,
}

/// The UTC day an instant lies in, counted from 1970.
pub fn day_of(instant: i64) -> i64 {
    instant.div_euclid(DAY)
}

impl Bucket {
    fn begin(slot: i64, part: u16, number: i128, sample: &Sample) -> Self {
        Self {
            slot,
            part,
            count: 0,
            sum: 0,
            least: number,
            greatest: number,
            first: number,
            last: number,
            first_at: sample.start,
            last_at: sample.start,
            span: 0,
        }
    }

    fn add(&mut self, number: i128, sample: &Sample) {
        self.count += 1;
        self.sum += number;
        self.least = self.least.min(number);
        self.greatest = self.greatest.max(number);
        self.last = number;
        self.last_at = sample.start;
        self.span += (sample.end - sample.start).unsigned_abs();
    }

    /// Adds a bucket of the same part and places; which is earlier does not matter.
    pub fn join(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        if other.first_at < self.first_at {
            (self.first, self.first_at) = (other.first, other.first_at);
        }
        if other.last_at >= self.last_at {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
        self.span += other.span;
    }

    /// The mean, rounded half to even at three places more than the numbers have.
    pub fn mean(&self, places: u8) -> Option<Decimal> {
        let more = places.saturating_add(3).min(Decimal::MAX_PLACES);
        let scaled = self
            .sum
            .checked_mul(10_i128.pow(u32::from(more - places.min(more))))?;
        let mean = unit::round_half_even(scaled, i128::from(self.count.max(1)));
        Decimal::new(i64::try_from(mean).ok()?, more).map(Decimal::trimmed)
    }
}

impl Rollup {
    /// Rolls up samples in canonical order into slots of `slot` milliseconds, counted from 1970.
    pub fn of(samples: &[Sample], slot: i64) -> Self {
        let places = samples
            .iter()
            .flat_map(numbers)
            .map(|(_, number)| number.places());
        let mut rollup = Self {
            places: places.max().unwrap_or_default(),
            buckets: Vec::new(),
        };
        for sample in samples {
            let at = sample.start.div_euclid(slot) * slot;
            for (part, number) in numbers(sample) {
                let more = u32::from(rollup.places - number.places());
                let number = i128::from(number.mantissa()) * 10_i128.pow(more);
                rollup.bucket(at, part, number, sample).add(number, sample);
            }
        }
        rollup
    }

    fn bucket(&mut self, slot: i64, part: u16, number: i128, sample: &Sample) -> &mut Bucket {
        // Samples come in order of time: the bucket is one of the last, or a new one among them.
        let back = self.buckets.iter().rev();
        let newer = back
            .take_while(|bucket| (bucket.slot, bucket.part) > (slot, part))
            .count();
        let end = self.buckets.len() - newer;
        let there = end > 0
            && self
                .buckets
                .get(end - 1)
                .is_some_and(|b| (b.slot, b.part) == (slot, part));
        let at = if there { end - 1 } else { end };
        if !there {
            self.buckets
                .insert(at, Bucket::begin(slot, part, number, sample));
        }
        &mut self.buckets[at]
    }

    /// The bytes of a day's rollup.
    pub fn write(&self, day: i64) -> Vec<u8> {
        let mut out = vec![VERSION, self.places];
        for bucket in &self.buckets {
            let hour = (bucket.slot - day * DAY) / HOUR;
            out.push(hour as u8);
            put(&mut out, bucket.part.into());
            put(&mut out, bucket.count.into());
            for number in [
                bucket.sum,
                bucket.least,
                bucket.greatest,
                bucket.first,
                bucket.last,
            ] {
                put_signed(&mut out, number);
            }
            put(
                &mut out,
                (bucket.first_at - bucket.slot).unsigned_abs().into(),
            );
            put(
                &mut out,
                (bucket.last_at - bucket.slot).unsigned_abs().into(),
            );
            put(&mut out, bucket.span.into());
        }
        out
    }

    /// Reads what [`Self::write`] wrote.
    pub fn read(day: i64, bytes: &[u8]) -> Result<Self> {
        let (head, rest) = bytes.split_at_checked(2).ok_or(MALFORMED)?;
        let [VERSION, places] = *head else {
            return Err(MALFORMED);
        };
        let mut reader = Reader::new(rest);
        let mut buckets = Vec::new();
        while !reader.is_empty() {
            buckets.push(read_bucket(day, &mut reader).map_err(|_| MALFORMED)?);
        }
        Ok(Self { places, buckets })
    }

    /// Gives every number more places.
    pub fn widen(&mut self, places: u8) {
        let more = 10_i128.pow(places.saturating_sub(self.places).into());
        for bucket in &mut self.buckets {
            for number in [
                &mut bucket.sum,
                &mut bucket.least,
                &mut bucket.greatest,
                &mut bucket.first,
                &mut bucket.last,
            ] {
                *number = number.saturating_mul(more);
            }
        }
        self.places = self.places.max(places);
    }
}

fn read_bucket(day: i64, reader: &mut Reader<'_>) -> Result<Bucket> {
    let slot = day
        .saturating_mul(DAY)
        .saturating_add(i64::from(reader.byte()?) * HOUR);
    let part = u16::try_from(reader.short()?).map_err(|_| MALFORMED)?;
    let count = reader.short()?;
    let (sum, least, greatest) = (reader.signed()?, reader.signed()?, reader.signed()?);
    let (first, last) = (reader.signed()?, reader.signed()?);
    let mut instant = || Ok::<_, Error>(slot.saturating_add_unsigned(reader.short()?));
    let (first_at, last_at) = (instant()?, instant()?);
    Ok(Bucket {
        slot,
        part,
        count,
        sum,
        least,
        greatest,
        first,
        last,
        first_at,
        last_at,
        span: reader.short()?,
    })
}

/// The numbers of a sample with their parts; a state counts as 1 for itself.
fn numbers(sample: &Sample) -> impl Iterator<Item = (u16, Decimal)> {
    let (one, many): (Option<(u16, Decimal)>, &[Option<Decimal>]) = match &sample.reading {
        Reading::Value(value) => (Some((0, *value)), &[]),
        Reading::Category(state) => (Decimal::new(1, 0).map(|one| (*state, one)), &[]),
        Reading::Components(values) => (None, values),
        Reading::Absent(_) => (None, &[]),
    };
    let many = (0..)
        .zip(many)
        .filter_map(|(part, value)| Some((part, (*value)?)));
    one.into_iter().chain(many)
}

/// Stands for these samples, which are in canonical order.
pub fn digest(samples: &[Sample]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 samples of a day");
    let mut line = Vec::with_capacity(4_096);
    for sample in samples {
        put_signed(&mut line, sample.start.into());
        put_signed(&mut line, sample.end.into());
        put(
            &mut line,
            sample
                .offset
                .map_or(0, |offset| u128::from(offset.cast_unsigned()) + 1),
        );
        match &sample.reading {
            Reading::Absent(reason) => line.extend([1, *reason as u8]),
            _ => line.push(0),
        }
        for (part, number) in numbers(sample) {
            line.push(2);
            line.extend(part.to_be_bytes());
            line.push(number.places());
            line.extend(number.mantissa().to_be_bytes());
        }
        line.push(3);
        line.extend(sample.quality.0.to_be_bytes());
        put(&mut line, sample.version.into());
        line.push(u8::from(sample.id.is_some()));
        line.extend(sample.id.map_or([0; 8], |id| id.0));
        if line.len() > 3_900 {
            hasher.update(&line);
            line.clear();
        }
    }
    hasher.update(&line);
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

#[cfg(test)]
mod tests;
