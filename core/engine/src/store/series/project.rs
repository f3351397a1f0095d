//! Projects segments, deletions and orders of sources into the views.

use super::super::project::record_number;
use super::read::{day_samples, series_number};
use crate::error::Result;
use crate::record::change::{GoneSample, SeriesName};
use crate::record::series::rollup::{HOUR, Rollup, day_of, digest};
use crate::record::series::segment::{month_of, read_segment, unite};
use crate::record::series::{MAX_SOURCE_BYTES, Metric, Sample, Source, SourceKind, Unit};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Most samples of one change: a segment of twenty bytes may say 65,536 times the same.
const MAX_CHANGE_SAMPLES: usize = 1_000_000;
/// Most sources in one order.
const MAX_ORDER: usize = 100;
/// Samples kept unpacked between segments and days: some 20 MB.
const KEPT_SAMPLES: usize = 262_144;

/// A segment on its way into the views.
pub enum Packed<'a> {
    /// As it travels.
    Bytes(&'a [u8]),
    /// Its samples in canonical order, from whoever has just written it.
    Written(Rc<Vec<Sample>>),
}

impl Packed<'_> {
    /// How many samples it holds, and those in canonical order, each once; none where this build cannot read it.
    fn samples(self, metric: Metric) -> Option<(usize, Rc<Vec<Sample>>)> {
        match self {
            Self::Written(samples) => Some((samples.len(), samples)),
            Self::Bytes(bytes) => {
                let mut samples = read_segment(metric, bytes).ok()?;
                let count = samples.len();
                unite(&mut samples);
                Some((count, Rc::new(samples)))
            }
        }
    }
}

/// Gathers what changes did to series; [`Self::refresh`] writes what their days come to.
pub struct Samples<'c> {
    connection: &'c Connection,
    numbers: BTreeMap<(i64, String, String, String), i64>,
    stale: BTreeSet<(i64, i64)>,
    unpacked: Unpacked,
    of_change: usize,
}

impl<'c> Samples<'c> {
    /// Works on one connection.
    pub fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            numbers: BTreeMap::new(),
            stale: BTreeSet::new(),
            unpacked: Unpacked::default(),
            of_change: 0,
        }
    }

    /// Turns to another change.
    pub fn begin_change(&mut self) {
        self.of_change = 0;
    }

    /// Takes a segment in; `false` where this build cannot read it. It stays in the change.
    pub fn segment(
        &mut self,
        log: i64,
        place: (i64, u32),
        name: &SeriesName,
        packed: Packed<'_>,
    ) -> Result<bool> {
        let Some(metric) = fitting_metric(name) else {
            return Ok(false);
        };
        let Some((count, samples)) = packed.samples(metric) else {
            return Ok(false);
        };
        self.of_change += count;
        if self.of_change > MAX_CHANGE_SAMPLES {
            return Ok(false);
        }
        let Some((level, at)) = level_of(&samples) else {
            return Ok(false);
        };
        let series = self.number(log, name)?;
        let known = samples.iter().any(|sample| sample.id.is_some());
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO segment(series, level, place, count, known, change, item) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        let count = samples.len() as i64;
        if insert.execute((series, level, at, count, known, place.0, place.1))? == 1 {
            let days = samples.iter().map(|sample| (series, day_of(sample.start)));
            self.stale.extend(days);
            let segment = self.connection.last_insert_rowid();
            self.unpacked.keep(segment, samples);
        }
        Ok(true)
    }

    /// The number of a series, which begins here if it is new. What it is called is the same on every device.
    fn number(&mut self, log: i64, name: &SeriesName) -> Result<i64> {
        let key = (
            log,
            name.metric.clone(),
            name.source.clone(),
            name.unit.clone(),
        );
        if let Some(number) = self.numbers.get(&key) {
            self.call(*number, name)?;
            return Ok(*number);
        }
        let record = record_number(self.connection, log)?;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO series(log, record, metric, source, unit, name, kind) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT DO UPDATE SET name = max(name, excluded.name), kind = min(kind, excluded.kind) RETURNING series",
        )?;
        let values = (
            log,
            record,
            &name.metric,
            &name.source,
            &name.unit,
            &name.name,
            name.kind,
        );
        let number = insert.query_row(values, |row| row.get(0))?;
        self.numbers.insert(key, number);
        Ok(number)
    }

    fn call(&self, number: i64, name: &SeriesName) -> Result<()> {
        let mut update = self.connection.prepare_cached(
            "UPDATE series SET name = max(name, ?2), kind = min(kind, ?3) \
             WHERE series = ?1 AND (name < ?2 OR kind > ?3)",
        )?;
        update.execute((number, &name.name, name.kind))?;
        Ok(())
    }

    /// Takes deletions in.
    pub fn gone(&mut self, log: i64, change: i64, samples: &[GoneSample]) -> Result<()> {
        let mut insert = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO gone(log, id, change) VALUES(?1, ?2, ?3)")?;
        for sample in samples {
            insert.execute((log, sample.id, change))?;
        }
        self.mark_gone(log, samples)
    }

    /// Marks the days whose samples may be meant: that of the deletion, or every one that holds ids.
    fn mark_gone(&mut self, log: i64, samples: &[GoneSample]) -> Result<()> {
        let days: BTreeSet<i64> = samples
            .iter()
            .filter_map(|gone| gone.start)
            .map(day_of)
            .collect();
        let anywhere = samples.iter().any(|gone| gone.start.is_none());
        let mut select = self.connection.prepare_cached(
            "SELECT DISTINCT r.series, r.day FROM series s JOIN rollup r USING(series) \
             WHERE s.log = ?1 AND r.day = ?2",
        )?;
        for day in days {
            let rows = select.query_map((log, day), |row| Ok((row.get(0)?, row.get(1)?)))?;
            self.stale
                .extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        if anywhere {
            self.stale.extend(days_with_ids(self.connection, log)?);
        }
        Ok(())
    }

    /// Takes an order of sources in; `false` where it is none.
    pub fn order(
        &mut self,
        log: i64,
        place: (i64, u32),
        metric: &str,
        sources: &[String],
    ) -> Result<bool> {
        let sound = |source: &String| {
            source.len() <= MAX_SOURCE_BYTES && !source.chars().any(char::is_control)
        };
        if sources.len() > MAX_ORDER
            || metric.len() > MAX_SOURCE_BYTES
            || !sources.iter().all(sound)
        {
            return Ok(false);
        }
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO source_order(log, metric, change, item, sources) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?;
        insert.execute((log, metric, place.0, place.1, sources.join("\n")))?;
        Ok(true)
    }

    /// Writes again what the days come to whose samples changed.
    pub fn refresh(&mut self) -> Result<()> {
        for (series, day) in std::mem::take(&mut self.stale) {
            let samples = day_samples(self.connection, &mut self.unpacked, series, day)?;
            write_rollup(self.connection, series, day, &samples)?;
        }
        Ok(())
    }

    /// Takes changes out again. They must still be in `change`.
    pub fn remove(&mut self, log: i64, changes: &[i64]) -> Result<()> {
        for change in changes {
            self.remove_segments(*change)?;
            for table in ["gone", "source_order"] {
                let sql = format!("DELETE FROM {table} WHERE change = ?1");
                self.connection.execute(&sql, [change])?;
            }
        }
        self.call_again(log)?;
        self.refresh()?;
        self.connection.execute(
            "DELETE FROM series WHERE log = ?1 AND NOT EXISTS(SELECT 1 FROM segment s WHERE s.series = series.series)",
            [log],
        )?;
        Ok(())
    }

    fn remove_segments(&mut self, change: i64) -> Result<()> {
        let value = super::super::texts::load(self.connection, change)?;
        let deleted: Vec<GoneSample> = value.items.iter().flat_map(gone_of).copied().collect();
        let mut select = self
            .connection
            .prepare_cached("SELECT series, segment FROM segment WHERE change = ?1")?;
        let found = select.query_map([change], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (series, segment) in found.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
            let samples = self.unpacked.get(self.connection, segment)?;
            let days = samples.iter().map(|sample| (series, day_of(sample.start)));
            self.stale.extend(days);
        }
        let log = self.connection.query_row(
            "SELECT log FROM change WHERE change = ?1",
            [change],
            |row| row.get(0),
        )?;
        self.mark_gone(log, &deleted)?;
        self.unpacked = Unpacked::default();
        self.connection
            .execute("DELETE FROM segment WHERE change = ?1", [change])?;
        Ok(())
    }

    /// Names every series of a log by the segments that are left.
    fn call_again(&mut self, log: i64) -> Result<()> {
        self.connection.execute(
            "UPDATE series SET name = '', kind = 255 WHERE log = ?1",
            [log],
        )?;
        let mut select = self.connection.prepare(
            "SELECT DISTINCT g.change, g.series FROM segment g JOIN series s USING(series) WHERE s.log = ?1",
        )?;
        let rows = select.query_map([log], |row| row.get::<_, i64>(0))?;
        let changes: BTreeSet<i64> = rows.collect::<rusqlite::Result<_>>()?;
        for change in changes {
            for item in super::super::texts::load(self.connection, change)?.items {
                if let crate::record::change::Item::Segment { series, .. } = item
                    && let Some(number) = series_number(self.connection, log, &series)?
                {
                    self.call(number, &series)?;
                }
            }
        }
        Ok(())
    }
}

fn gone_of(item: &crate::record::change::Item) -> &[GoneSample] {
    match item {
        crate::record::change::Item::Gone { samples } => samples,
        _ => &[],
    }
}

/// The metric of a series whose every name this build understands.
fn fitting_metric(name: &SeriesName) -> Option<Metric> {
    let metric = Metric::from_key(&name.metric)?;
    let unit = Unit::from_text(&name.unit).filter(|unit| unit.ucum() == name.unit)?;
    let source = Source {
        key: name.source.clone(),
        name: name.name.clone(),
        kind: *SourceKind::ALL.get(usize::from(name.kind))?,
    };
    let fits = unit.converts_to(metric.unit()) && source.check().is_ok();
    fits.then_some(metric)
}

/// Where a segment lies: within a day, or within a month; none where it is longer.
fn level_of(samples: &[Sample]) -> Option<(i64, i64)> {
    let (first, last) = (samples.first()?.start, samples.last()?.start);
    if day_of(first) == day_of(last) {
        return Some((0, day_of(first)));
    }
    let month = month_of(first);
    (month == month_of(last)).then_some((1, month))
}

fn days_with_ids(connection: &Connection, log: i64) -> Result<Vec<(i64, i64)>> {
    // A day within a segment of a month may be one without; it is only looked at.
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT r.series, r.day FROM series s JOIN rollup r USING(series) WHERE s.log = ?1 \
         AND EXISTS(SELECT 1 FROM segment g WHERE g.series = s.series AND g.known)",
    )?;
    let rows = select.query_map([log], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn write_rollup(connection: &Connection, series: i64, day: i64, samples: &[Sample]) -> Result<()> {
    if samples.is_empty() {
        connection
            .prepare_cached("DELETE FROM rollup WHERE series = ?1 AND day = ?2")?
            .execute((series, day))?;
        return Ok(());
    }
    let rollup = Rollup::of(samples, HOUR);
    let mut put = connection.prepare_cached(
        "INSERT INTO rollup(series, day, count, digest, buckets) VALUES(?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT DO UPDATE SET count = excluded.count, digest = excluded.digest, buckets = excluded.buckets",
    )?;
    put.execute((
        series,
        day,
        samples.len() as i64,
        digest(samples),
        rollup.write(day),
    ))?;
    Ok(())
}

/// Segments unpacked a moment ago: those of neighbouring days are mostly the same.
#[derive(Default)]
pub(super) struct Unpacked {
    segments: BTreeMap<i64, Rc<Vec<Sample>>>,
    samples: usize,
}

impl Unpacked {
    fn keep(&mut self, segment: i64, samples: Rc<Vec<Sample>>) {
        if self.samples + samples.len() > KEPT_SAMPLES {
            self.segments.clear();
            self.samples = 0;
        }
        self.samples += samples.len();
        self.segments.insert(segment, samples);
    }

    /// The samples of a segment in canonical order.
    pub(super) fn get(&mut self, connection: &Connection, segment: i64) -> Result<Rc<Vec<Sample>>> {
        if let Some(samples) = self.segments.get(&segment) {
            return Ok(samples.clone());
        }
        let samples = Rc::new(super::read::unpack(connection, segment)?);
        self.keep(segment, samples.clone());
        Ok(samples)
    }
}
