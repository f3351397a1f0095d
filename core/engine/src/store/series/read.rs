//! What is asked of series: which there are, their samples, what their days come to, in which order sources are believed.

use super::super::texts::{body_of, load};
use super::project::Unpacked;
use crate::error::{Error, Result};
use crate::record::change::{Item, SeriesName};
use crate::record::series::rollup::{DAY, Rollup, day_of};
use crate::record::series::segment::{has, month_of, read_segment, unite};
use crate::record::series::{Metric, Sample, SampleId, Source, SourceKind, Unit};
use carnet_wire::RecordId;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeSet;
use std::ops::Range;

const DAMAGED: Error = Error::Corrupt("a series segment does not decode");

/// A series and what there is of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesRow {
    /// Its number here.
    pub series: i64,
    /// What is measured.
    pub metric: Metric,
    /// The unit of its numbers.
    pub unit: Unit,
    /// Who measures.
    pub source: Source,
    /// How many samples live.
    pub count: u64,
    /// The first and last UTC day with samples, counted from 1970.
    pub days: Range<i64>,
}

/// The series of a record that hold samples, of one metric or all, by metric and source.
pub fn series(
    connection: &Connection,
    record: RecordId,
    metric: Option<Metric>,
) -> Result<Vec<SeriesRow>> {
    let mut select = connection.prepare_cached(
        "SELECT s.series, s.metric, s.unit, s.source, s.name, s.kind, sum(r.count), min(r.day), max(r.day) \
         FROM series s JOIN rollup r USING(series) WHERE s.log IN (SELECT log FROM log WHERE record = ?1) \
         AND (?2 IS NULL OR s.metric = ?2) GROUP BY s.series ORDER BY s.metric, s.source, s.unit, s.series",
    )?;
    let rows = select.query_map((record.0, metric.map(Metric::key)), |row| {
        let name = SeriesName {
            metric: row.get(1)?,
            unit: row.get(2)?,
            source: row.get(3)?,
            name: row.get(4)?,
            kind: row.get(5)?,
        };
        let days = row.get(7)?..row.get::<_, i64>(8)? + 1;
        Ok((row.get(0)?, name, row.get(6)?, days))
    })?;
    let mut found = Vec::new();
    for row in rows {
        let (series, name, count, days) = row?;
        found.extend(named(series, &name, count, days));
    }
    Ok(found)
}

fn named(series: i64, name: &SeriesName, count: u64, days: Range<i64>) -> Option<SeriesRow> {
    Some(SeriesRow {
        series,
        metric: Metric::from_key(&name.metric)?,
        unit: Unit::from_text(&name.unit)?,
        source: Source {
            key: name.source.clone(),
            name: name.name.clone(),
            kind: *SourceKind::ALL.get(usize::from(name.kind))?,
        },
        count,
        days,
    })
}

/// The number of a series.
pub(super) fn series_number(
    connection: &Connection,
    log: i64,
    name: &SeriesName,
) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT series FROM series WHERE log = ?1 AND metric = ?2 AND source = ?3 AND unit = ?4",
    )?;
    let key = (log, &name.metric, &name.source, &name.unit);
    Ok(select.query_row(key, |row| row.get(0)).optional()?)
}

/// Unpacks a segment, in canonical order.
pub(super) fn unpack(connection: &Connection, segment: i64) -> Result<Vec<Sample>> {
    let mut select = connection.prepare_cached(
        "SELECT g.change, g.item, s.metric FROM segment g JOIN series s USING(series) WHERE g.segment = ?1",
    )?;
    let (change, item, metric): (i64, usize, String) =
        select.query_row([segment], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let metric = Metric::from_key(&metric).ok_or(DAMAGED)?;
    let change = load(connection, change)?;
    let Some(Item::Segment { body, .. }) = change.items.get(item) else {
        return Err(DAMAGED);
    };
    let bytes = body_of(&change, *body).ok_or(DAMAGED)?;
    let mut samples = read_segment(metric, bytes).map_err(|_| DAMAGED)?;
    unite(&mut samples);
    Ok(samples)
}

/// Samples of a series in a UTC day, also the deleted ones, in canonical order.
fn said_of_day(
    connection: &Connection,
    unpacked: &mut Unpacked,
    series: i64,
    day: i64,
) -> Result<Vec<Sample>> {
    let mut select = connection.prepare_cached(
        "SELECT segment FROM segment WHERE series = ?1 AND level = 0 AND place = ?2 \
         UNION ALL SELECT segment FROM segment WHERE series = ?1 AND level = 1 AND place = ?3",
    )?;
    let places = (series, day, month_of(day * DAY));
    let segments = select.query_map(places, |row| row.get(0))?;
    let segments: Vec<i64> = segments.collect::<rusqlite::Result<_>>()?;
    let mut samples: Vec<Sample> = Vec::new();
    let mut parts = 0;
    for segment in segments {
        let all = unpacked.get(connection, segment)?;
        let from = all.partition_point(|sample| day_of(sample.start) < day);
        let to = all.partition_point(|sample| day_of(sample.start) <= day);
        let part = all.get(from..to).unwrap_or_default();
        parts += usize::from(!part.is_empty());
        samples.extend_from_slice(part);
    }
    if parts > 1 {
        unite(&mut samples);
    }
    Ok(samples)
}

/// The living samples of a series in a UTC day.
pub(super) fn day_samples(
    connection: &Connection,
    unpacked: &mut Unpacked,
    series: i64,
    day: i64,
) -> Result<Vec<Sample>> {
    let mut samples = said_of_day(connection, unpacked, series, day)?;
    let mut of = connection.prepare_cached("SELECT log FROM series WHERE series = ?1")?;
    let log: i64 = of.query_row([series], |row| row.get(0))?;
    let mut any = connection.prepare_cached("SELECT 1 FROM gone WHERE log = ?1 LIMIT 1")?;
    if any.exists([log])? {
        let mut gone =
            connection.prepare_cached("SELECT 1 FROM gone WHERE log = ?1 AND id = ?2")?;
        let mut failed = Ok(());
        samples.retain(|sample| {
            let found = gone.exists((log, sample.identity().0));
            !found.unwrap_or_else(|error| {
                failed = Err(error);
                false
            })
        });
        failed?;
    }
    Ok(samples)
}

/// Which of these deletions a log knows already.
pub fn known_deletions(
    connection: &Connection,
    log: i64,
    ids: &[SampleId],
) -> Result<BTreeSet<SampleId>> {
    let mut select = connection.prepare_cached("SELECT 1 FROM gone WHERE log = ?1 AND id = ?2")?;
    let mut known = BTreeSet::new();
    for id in ids {
        if select.exists((log, id.0))? {
            known.insert(*id);
        }
    }
    Ok(known)
}

/// Takes out the samples that a series has, or has in a newer version. `samples` are in canonical order.
pub fn without_known(
    connection: &Connection,
    log: i64,
    name: &SeriesName,
    samples: &mut Vec<Sample>,
) -> Result<()> {
    let Some(series) = series_number(connection, log, name)? else {
        return Ok(());
    };
    let mut unpacked = Unpacked::default();
    let mut day = None;
    let mut known = Vec::new();
    let mut failed = Ok(());
    samples.retain(|sample| {
        let of = day_of(sample.start);
        if day != Some(of) {
            day = Some(of);
            known = said_of_day(connection, &mut unpacked, series, of).unwrap_or_else(|error| {
                failed = Err(error);
                Vec::new()
            });
        }
        !has(&known, sample)
    });
    failed
}

/// Gives the living samples of a series that begin in a span of time to `take`, day by day, in order.
pub fn each_sample(
    connection: &Connection,
    row: &SeriesRow,
    span: &Range<i64>,
    take: &mut dyn FnMut(&[Sample]) -> Result<()>,
) -> Result<()> {
    let mut unpacked = Unpacked::default();
    let last = span.end.saturating_sub(1);
    let mut select = connection.prepare_cached(
        "SELECT day FROM rollup WHERE series = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY day",
    )?;
    let days = select.query_map((row.series, day_of(span.start), day_of(last)), |row| {
        row.get(0)
    })?;
    for day in days.collect::<rusqlite::Result<Vec<i64>>>()? {
        let samples = day_samples(connection, &mut unpacked, row.series, day)?;
        let from = samples.partition_point(|sample| sample.start < span.start);
        let to = samples.partition_point(|sample| sample.start < span.end);
        take(samples.get(from..to).unwrap_or_default())?;
    }
    Ok(())
}

/// The living samples of a series that begin in a span of time.
pub fn living(connection: &Connection, row: &SeriesRow, span: &Range<i64>) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    each_sample(connection, row, span, &mut |some| {
        samples.extend_from_slice(some);
        Ok(())
    })?;
    Ok(samples)
}

/// What the UTC days of a series come to, in order.
pub fn rollups(connection: &Connection, series: i64, days: &Range<i64>) -> Result<Vec<Rollup>> {
    let mut select = connection.prepare_cached(
        "SELECT day, buckets FROM rollup WHERE series = ?1 AND day >= ?2 AND day < ?3 ORDER BY day",
    )?;
    let mut rows = select.query((series, days.start, days.end))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(1)?.as_blob().map_err(|_| DAMAGED)?;
        found.push(Rollup::read(row.get(0)?, bytes)?);
    }
    Ok(found)
}

/// The order of the sources of a metric as somebody said it last; none where nobody did. Of two that were said at once, without
/// knowing of each other, all devices take the same.
pub fn order_of(
    connection: &Connection,
    record: RecordId,
    metric: Metric,
) -> Result<Option<Vec<String>>> {
    let mut select = connection.prepare_cached(
        "SELECT o.sources FROM source_order o JOIN change c USING(change) \
         WHERE o.log IN (SELECT log FROM log WHERE record = ?1) AND o.metric = ?2 \
         ORDER BY c.lamport DESC, c.id DESC, o.item DESC LIMIT 1",
    )?;
    let found: Option<String> = select
        .query_row((record.0, metric.key()), |row| row.get(0))
        .optional()?;
    Ok(found.map(|sources| sources.lines().map(str::to_owned).collect()))
}
