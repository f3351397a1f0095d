//! Series: taking samples in within a background window, and answering what was measured.
//!
//! **Ingesting** is one transaction: samples, deletions, what waits of the feed, and the platform's token, all or nothing. It needs the
//! vault key and no network, loads no document of the patient layer, and may be repeated: what the record has is not written
//! again. A caller that was killed asks `feed_token` where to go on. What could not be read is remembered
//! (`Vault::note_unread`) until a read covers it, so that a locked phone, a quota or an expired token loses nothing.
//!
//! A token stays on the device that got it. Samples travel in the compartment `series`.

mod intake;

pub use intake::{Ingest, Ingested, MAX_INGEST, ingest, store_samples, take_in};

use super::keyring;
use super::open::Unlocked;
use super::write::{self, ChangeBuilder};
use crate::error::{Error, Result};
use crate::handover::series::observations;
use crate::record::change::Item;
use crate::record::series::calendar::{Every, Zone};
use crate::record::series::chart::{self, Chart, Rolled};
use crate::record::series::rollup::{DAY, HOUR, Rollup, day_of};
use crate::record::series::{Absent, Decimal, Metric, Quality, Reading, Sample, Source, Unit};
use crate::store::series::{self as rows, SeriesRow};
use carnet_wire::RecordId;
use rusqlite::Connection;
use std::ops::Range;

/// The compartment of series.
pub const SERIES: &str = "series";
/// Slots for zones whose days do not begin at a full UTC hour.
const MINUTE: i64 = 60_000;

/// A series and what there is of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// What is measured.
    pub metric: Metric,
    /// The unit its numbers came in.
    pub unit: Unit,
    /// Who measures.
    pub source: Source,
    /// How many samples.
    pub count: u64,
    /// When the first began, to the hour.
    pub since: i64,
    /// When the last began.
    pub last_at: i64,
    /// The last number, in the metric's unit: of the first component, or of a state its place in the list.
    pub last: Option<Decimal>,
}

/// One sample as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRow {
    /// When it began: milliseconds since 1970 UTC.
    pub start: i64,
    /// When it ended.
    pub end: i64,
    /// Minutes east of UTC as the source wrote them.
    pub offset: Option<i16>,
    /// Its numbers in the metric's unit, one for each component.
    pub values: Vec<Option<Decimal>>,
    /// Its numbers as the source gave them.
    pub original: Vec<Option<Decimal>>,
    /// The unit of these.
    pub unit: Unit,
    /// Its state, as a place in the metric's list.
    pub state: Option<u16>,
    /// Why there is no number.
    pub absent: Option<Absent>,
    /// What the source says of its worth.
    pub quality: Quality,
    /// The key of its source.
    pub source: String,
}

/// Says in which order the sources of a metric are believed. Sources that are not named follow.
pub fn prefer_sources(
    open: &Unlocked,
    now: i64,
    record: RecordId,
    metric: Metric,
    sources: &[String],
) -> Result<()> {
    open.write(|tx| {
        let log = keyring::log_number(tx, record, SERIES)?;
        let known = rows::series(tx, record, Some(metric))?;
        let is_known = |key: &String| known.iter().any(|row| row.source.key == *key);
        if sources.is_empty() || !sources.iter().all(is_known) {
            return Err(Error::Invalid(
                "name sources that have samples of this metric, by their keys, the most believed first",
            ));
        }
        let mut change = ChangeBuilder::from_origin(super::persons::person_origin());
        change.item(Item::SourceOrder {
            metric: metric.key().to_owned(),
            sources: sources.to_vec(),
        });
        let keyring = open.keyring_in(tx)?;
        write::write_change(tx, &keyring, log, &change.finish(now), None)?;
        Ok(())
    })
}

/// The series of a record, by metric.
pub fn list(conn: &Connection, record: RecordId) -> Result<Vec<Series>> {
    let rows = rows::series(conn, record, None)?;
    rows.into_iter().map(|row| described(conn, row)).collect()
}

fn described(conn: &Connection, row: SeriesRow) -> Result<Series> {
    let last_day = row.days.end - 1;
    let first = rows::rollups(conn, row.series, &(row.days.start..row.days.start + 1))?;
    let last = rows::rollups(conn, row.series, &(last_day..row.days.end))?;
    let since = first
        .iter()
        .flat_map(|rollup| &rollup.buckets)
        .map(|bucket| bucket.slot)
        .min();
    let single = row.metric.components().is_empty();
    let newest = last.iter().flat_map(|rollup| {
        let buckets = rollup.buckets.iter();
        buckets
            .filter(move |bucket| bucket.part == 0 || single)
            .map(move |bucket| (bucket.last_at, bucket.part, bucket.last, rollup.places))
    });
    let newest = newest.max_by_key(|(at, ..)| *at);
    let value = newest.and_then(|(_, part, number, places)| {
        if !row.metric.categories().is_empty() {
            return Decimal::new(i64::from(part), 0);
        }
        let number = Decimal::new(i64::try_from(number).ok()?, places)?;
        row.unit.convert(number, row.metric.unit())
    });
    Ok(Series {
        metric: row.metric,
        unit: row.unit,
        source: row.source,
        count: row.count,
        since: since.unwrap_or(row.days.start * DAY),
        last_at: newest.map_or(last_day * DAY, |(at, ..)| at),
        last: value,
    })
}

/// The samples of a metric that begin in `span`, at most `limit`, of one source or all, in order of time.
pub fn samples(
    conn: &Connection,
    record: RecordId,
    metric: Metric,
    span: &Range<i64>,
    source: Option<&str>,
    limit: usize,
) -> Result<Vec<SampleRow>> {
    let mut found = Vec::new();
    for row in rows::series(conn, record, Some(metric))? {
        if source.is_some_and(|key| key != row.source.key) {
            continue;
        }
        let mut taken = 0;
        let stopped = rows::each_sample(conn, &row, span, &mut |samples| {
            let room = limit - taken;
            taken += samples.len().min(room);
            found.extend(samples.iter().take(room).map(|sample| shown(&row, sample)));
            if taken == limit {
                Err(Error::Cancelled)
            } else {
                Ok(())
            }
        });
        match stopped {
            Err(Error::Cancelled) if taken == limit => {}
            other => other?,
        }
    }
    found.sort_by(|a, b| a.start.cmp(&b.start).then_with(|| a.source.cmp(&b.source)));
    found.truncate(limit);
    Ok(found)
}

fn shown(row: &SeriesRow, sample: &Sample) -> SampleRow {
    let original = match &sample.reading {
        Reading::Value(value) => vec![Some(*value)],
        Reading::Components(values) => values.clone(),
        Reading::Category(_) | Reading::Absent(_) => Vec::new(),
    };
    let convert = |(at, value): (usize, &Option<Decimal>)| {
        let to = row.metric.unit_of_component(at);
        let from = if to == row.metric.unit() {
            row.unit
        } else {
            to
        };
        value.and_then(|value| from.convert(value, to))
    };
    SampleRow {
        start: sample.start,
        end: sample.end,
        offset: sample.offset,
        values: original.iter().enumerate().map(convert).collect(),
        original,
        unit: row.unit,
        state: match sample.reading {
            Reading::Category(state) => Some(state),
            _ => None,
        },
        absent: match sample.reading {
            Reading::Absent(reason) => Some(reason),
            _ => None,
        },
        quality: sample.quality,
        source: row.source.key.clone(),
    }
}

/// What the samples of a metric come to in each period of a time zone; without a span, of all there are.
pub fn chart(
    conn: &Connection,
    record: RecordId,
    metric: Metric,
    every: Every,
    zone: &Zone,
    span: Option<Range<i64>>,
) -> Result<Chart> {
    let rows = rows::series(conn, record, Some(metric))?;
    let first = rows
        .iter()
        .map(|row| row.days.start)
        .min()
        .unwrap_or_default();
    let last = rows
        .iter()
        .map(|row| row.days.end)
        .max()
        .unwrap_or_default();
    let span = span.unwrap_or(first * DAY..last * DAY);
    let span = span.start.max(first * DAY)..span.end.min(last * DAY);
    let bounds = zone.bounds(every, &span)?;
    let said = rows::order_of(conn, record, metric)?;
    let whole_hours = bounds.iter().all(|bound| bound.rem_euclid(HOUR) == 0);
    let (Some(from), Some(to)) = (bounds.first(), bounds.last()) else {
        return Ok(chart::chart(metric, every, &[], &[], said.as_deref()));
    };
    let mut rolled = Vec::new();
    for row in rows {
        rolled.push(Rolled {
            rollups: match whole_hours {
                true => rows::rollups(conn, row.series, &(day_of(*from)..day_of(*to - 1) + 1))?,
                false => vec![Rollup::of(
                    &rows::living(conn, &row, &(*from..*to))?,
                    MINUTE,
                )],
            },
            source: row.source,
            unit: row.unit,
        });
    }
    rolled.retain(|rolled| {
        rolled
            .rollups
            .iter()
            .any(|rollup| !rollup.buckets.is_empty())
    });
    Ok(chart::chart(
        metric,
        every,
        &bounds,
        &rolled,
        said.as_deref(),
    ))
}

/// Stretches of at least `hours` whole UTC hours in `span` in which no source measured.
pub fn gaps(
    conn: &Connection,
    record: RecordId,
    metric: Metric,
    span: &Range<i64>,
    hours: u32,
) -> Result<Vec<Range<i64>>> {
    let mut measured = std::collections::BTreeSet::new();
    let days = day_of(span.start)..day_of(span.end.saturating_sub(1)) + 1;
    for row in rows::series(conn, record, Some(metric))? {
        let rollups = rows::rollups(conn, row.series, &days)?;
        let buckets = rollups.iter().flat_map(|rollup| &rollup.buckets);
        measured.extend(buckets.map(|bucket| bucket.slot.div_euclid(HOUR)));
    }
    let first = span.start.div_euclid(HOUR);
    let end = span.end.div_euclid(HOUR);
    let least = i64::from(hours.max(1));
    let mut from = first;
    let mut gaps = Vec::new();
    for hour in measured.range(first.min(end)..end).copied().chain([end]) {
        if hour - from >= least {
            gaps.push(from * HOUR..hour * HOUR);
        }
        from = hour + 1;
    }
    Ok(gaps)
}

/// Gives the series of a record as FHIR Observations to `write`.
pub fn export(
    conn: &Connection,
    record: RecordId,
    write: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<()> {
    for row in rows::series(conn, record, None)? {
        let span = row.days.start * DAY..row.days.end * DAY;
        rows::each_sample(conn, &row, &span, &mut |samples| {
            observations(row.metric, row.unit, &row.source, samples, write)
        })?;
    }
    Ok(())
}
