//! The rows of an Android Health Connect export as samples.
//!
//! The export is an SQLite database (in a zip). Opening it is I/O and the vault's business ([`crate::vault`]); here are the tables
//! that are series, and what a row of each means. The rules, from the AOSP module and a real export:
//! * Columns are found by name: versions of the schema add and drop them. A table that is not here is counted.
//! * A record's `uuid` is its identity, `last_modified_time` its version.
//! * Times are milliseconds UTC, offsets **seconds**. An instant has `time`, a span `start_time` and `end_time`, a series has
//!   rows of its own with `epoch_millis`, which belong to a record by `parent_key`.
//! * Units (`tables`): masses in grams, energy in small calories, a metabolic rate in watts, glucose in mmol/L, shares in
//!   percent.
//! * A source is an app and the device it names: the same scale through two apps is two sources, and a priority decides.
//! * Numbers are doubles; what a float could not hold (`1.4e-45`) is zero to 12 places.

mod tables;

#[cfg(test)]
mod tests;

pub use tables::{Content, TABLES, Table, is_silent};

use super::series::{Found, Gather, Place, Summary, rounded};
use crate::record::series::{Metric, Quality, Reading, Sample, SampleId, Source, SourceKind, Unit};
use std::ops::ControlFlow;

const NO_TIME: &str = "a record without a readable start and end";
const NO_VALUE: &str = "a record whose value is not one of its type";

/// One value of a row, as SQLite has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// INTEGER.
    Integer(i64),
    /// REAL.
    Real(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Vec<u8>),
}

/// One row: its columns by name.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Names, in the order of the query.
    pub columns: &'a [String],
    /// Values.
    pub cells: &'a [Cell],
}

impl<'a> Row<'a> {
    /// The first column of that name.
    pub fn get(&self, name: &str) -> Option<&'a Cell> {
        let at = self.columns.iter().position(|column| column == name)?;
        self.cells.get(at)
    }

    /// Whole numbers are also kept as text, and as reals.
    fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            Cell::Integer(value) => Some(*value),
            Cell::Text(text) => text.parse().ok(),
            Cell::Null | Cell::Real(_) | Cell::Blob(_) => None,
        }
    }

    fn number(&self, name: &str) -> Option<crate::record::series::Decimal> {
        match self.get(name)? {
            Cell::Integer(value) => crate::record::series::Decimal::new(*value, 0),
            Cell::Real(value) => rounded(*value),
            Cell::Null | Cell::Text(_) | Cell::Blob(_) => None,
        }
    }

    fn text(&self, name: &str) -> &'a str {
        match self.get(name) {
            Some(Cell::Text(text)) => text,
            _ => "",
        }
    }
}

/// Turns rows into samples.
pub struct Mapper {
    summary: Summary,
    gather: Gather,
}

impl Default for Mapper {
    fn default() -> Self {
        Self {
            summary: Summary::of("health-connect"),
            gather: Gather::default(),
        }
    }
}

impl Mapper {
    /// Counts the rows of a table that is no series.
    pub fn unknown(&mut self, table: &str, rows: u64) {
        for _ in 0..rows.min(1) {
            self.summary.count_unknown(table);
        }
        if let Some(count) = self.summary.unknown.get_mut(table) {
            *count += rows.saturating_sub(1);
        }
    }

    /// Counts something of the whole file.
    pub fn refuse(&mut self, reason: &'static str) {
        self.summary.refuse(reason);
    }

    /// Takes one row of a table, joined with what [`Table`] asks for.
    pub fn row(
        &mut self,
        table: &Table,
        row: Row<'_>,
        sink: &mut dyn FnMut(Found) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match span(row) {
            Some(sample) => table
                .contents
                .iter()
                .for_each(|content| self.content(content, &sample, row)),
            None => self.summary.refuse(NO_TIME),
        }
        if self.gather.is_full() {
            self.gather.flush(sink)?;
        }
        ControlFlow::Continue(())
    }

    /// Hands over what is left.
    pub fn finish(mut self, sink: &mut dyn FnMut(Found) -> ControlFlow<()>) -> Summary {
        self.summary.stopped = self.gather.flush(sink).is_break();
        self.summary
    }

    fn content(&mut self, content: &Content, sample: &Sample, row: Row<'_>) {
        let read = match *content {
            Content::Number { column, .. }
                if row.get(column).is_none_or(|cell| *cell == Cell::Null) =>
            {
                return; // most columns of a meal are empty
            }
            Content::Number {
                column,
                unit,
                metric,
            } => row
                .number(column)
                .map(|value| (metric, unit, Reading::Value(value))),
            Content::Pressure => pressure(row),
            Content::State {
                metric,
                column,
                states,
            } => {
                let number = row.integer(column);
                let found = states.iter().find(|(one, _)| Some(*one) == number);
                state(metric, found.map_or("", |(_, key)| key))
            }
            Content::Activity => {
                let key = tables::activity(row.integer("exercise_type").unwrap_or(0));
                state("activity", key)
            }
            Content::Fixed { metric, state: key } => state(metric, key),
        };
        let placed = read.and_then(|(key, unit, reading)| {
            let metric = Metric::from_key(key)?;
            let unit = Unit::from_text(unit)?.ucum();
            Some((metric, unit, reading))
        });
        let Some((metric, unit, reading)) = placed else {
            self.summary.refuse(NO_VALUE);
            return;
        };
        let source = self.gather.source(source(row));
        let sample = Sample {
            reading,
            id: identity(metric, sample, row),
            ..sample.clone()
        };
        let place = Place {
            metric,
            unit,
            source,
        };
        self.gather.add(place, sample, &mut self.summary);
    }
}

type Read = (&'static str, &'static str, Reading);

fn state(metric: &'static str, key: &str) -> Option<Read> {
    let place = Metric::from_key(metric)?.category(key)?;
    Some((metric, "1", Reading::Category(place)))
}

fn pressure(row: Row<'_>) -> Option<Read> {
    let parts = vec![row.number("systolic"), row.number("diastolic"), None, None];
    let some = parts.iter().any(Option::is_some);
    some.then_some(("blood-pressure", "mm[Hg]", Reading::Components(parts)))
}

/// When, from where, how certain: the same for every content of a row.
fn span(row: Row<'_>) -> Option<Sample> {
    let first = |names: [&str; 4]| names.iter().find_map(|name| row.integer(name));
    let start = first(["epoch_millis", "stage_start_time", "time", "start_time"])?;
    let end = first(["epoch_millis", "stage_end_time", "time", "end_time"])?;
    let offset = row
        .integer("zone_offset")
        .or(row.integer("start_zone_offset"));
    Some(Sample {
        start,
        end,
        offset: offset.and_then(|seconds| i16::try_from(seconds / 60).ok()),
        reading: Reading::Category(0),
        quality: match row.integer("recording_method") {
            Some(3) => Quality::MANUAL,
            _ => Quality::default(),
        },
        id: None,
        version: row
            .integer("last_modified_time")
            .and_then(|time| u64::try_from(time).ok())
            .unwrap_or(0),
    })
}

/// A record can hold several values, and a series several moments.
fn identity(metric: Metric, sample: &Sample, row: Row<'_>) -> Option<SampleId> {
    let Some(Cell::Blob(uuid)) = row.get("uuid") else {
        return None;
    };
    let mut native = uuid.clone();
    native.extend(metric.key().as_bytes());
    if row.get("parent_key").is_some() {
        native.extend(sample.start.to_be_bytes());
    }
    Some(SampleId::derive("health-connect", &native))
}

fn source(row: Row<'_>) -> Source {
    const MAX_PART: usize = 64;
    let clean = |name| -> String {
        let kept = row.text(name).chars().filter(|one| !one.is_control());
        let text: String = kept.collect();
        let cut = text.floor_char_boundary(MAX_PART);
        text.get(..cut).unwrap_or_default().to_owned()
    };
    let (package, maker, model) = (clean("package_name"), clean("manufacturer"), clean("model"));
    let app = clean("app_name");
    let name = if model.is_empty() {
        app
    } else {
        format!("{maker} {model}")
    };
    Source {
        key: format!("health-connect:{package}|{maker}|{model}"),
        name: name.trim().to_owned(),
        kind: match row.integer("device_type") {
            Some(1 | 4 | 6) => SourceKind::Watch,
            Some(2) => SourceKind::Phone,
            Some(3 | 7) => SourceKind::Device,
            _ => SourceKind::App,
        },
    }
}
