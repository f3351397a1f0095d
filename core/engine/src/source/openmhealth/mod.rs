//! Open mHealth and IEEE 1752.1 data points in JSON: one, an array of them, or one after another.
//!
//! The rules, from the published schemas:
//! * A data point is a header and a body. The header's `schema_id` says which measure in which version the body is; a body
//!   alone is told by its own members and read by the rules of the newest version.
//! * A unit is one the schema lists, spelled as it spells it: `beats/min`, not `beat/min`. So are the words of an enumeration.
//! * A measure needs a time from the version on that `measures` gives; one that accumulates needs an interval.
//! * Right but no sample ([`Summary::kept`]): what has no time or only a part of a day, a statistic over a span (an average is
//!   not something measured), an interval that ends before it begins. The document stays, the series does not get a point that
//!   nobody measured.
//! * The identity is the header's `id`; without one a sample is what it says.

mod measures;

#[cfg(test)]
mod tests;

use super::series::{Found, Gather, Place, Summary, number};
use crate::error::Result;
use crate::record::series::{
    Decimal, Metric, Quality, Reading, Sample, SampleId, Source, SourceKind, Unit,
};
use crate::record::time::{is_date, parse_instant};
use measures::{ENUMERATIONS, MEASURES, Measure, QUANTITIES};
use serde_json::{Map, Value};
use std::io::Read;
use std::ops::ControlFlow;

/// Longest file: a data point has 500 bytes, a year of minutes 250 MB.
pub const MAX_FILE: u64 = 256 << 20;

const NOT_JSON: &str = "the JSON is broken here: what came before was read";
const TOO_LONG: &str = "an Open mHealth file has at most 256 MiB: split it";
const NOT_A_POINT: &str = "no Open mHealth data point: a header and a body";
const BAD_HEADER: &str =
    "a data point's header lacks its id, date, schema or modality, or has a wrong one";
const NO_VALUE: &str = "a data point without the value of its measure";
const BAD_UNIT: &str = "a data point in a unit that its schema does not list";
const BAD_WORD: &str = "a data point with a word that its schema does not list";
const BAD_TIME: &str = "a data point whose time frame is none of its schema's";
const NO_TIME: &str = "a data point without the time its schema requires";

const UNTIMED: &str = "a measurement without a time";
const STATISTIC: &str = "a statistic over a span, not a measurement";
const PART_OF_DAY: &str = "a measurement at a part of a day";
const BACKWARDS: &str =
    "a measurement whose end lies before its beginning, or over 31 days after it";

/// Reads a file into `sink`, which may stop the reading. Only a failure of `input` itself is an error.
pub fn read_openmhealth(
    input: impl Read,
    sink: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<Summary> {
    let mut reader = Reader {
        summary: Summary::of("openmhealth"),
        gather: Gather::default(),
    };
    let mut limited = input.take(MAX_FILE);
    let values = serde_json::Deserializer::from_reader(std::io::BufReader::new(&mut limited));
    for value in values.into_iter::<Value>() {
        match value {
            Ok(Value::Array(points)) => points.iter().for_each(|point| reader.point(point)),
            Ok(point) => reader.point(&point),
            Err(error) if error.is_io() => return Err(std::io::Error::from(error).into()),
            Err(_) => {
                reader.summary.refuse(NOT_JSON);
                break;
            }
        }
        if reader.gather.is_full() && reader.gather.flush(sink).is_break() {
            reader.summary.stopped = true;
            return Ok(reader.summary);
        }
    }
    if limited.limit() == 0 {
        reader.summary.refuse(TOO_LONG);
    }
    reader.summary.stopped = reader.gather.flush(sink).is_break();
    Ok(reader.summary)
}

/// Whether a parsed value is a data point, or a body of a measure this build reads.
pub fn is_openmhealth(value: &Value) -> bool {
    let Some(object) = value.as_object() else {
        return false;
    };
    let header = object.get("header").and_then(Value::as_object);
    let by_header = header.is_some_and(|header| header.contains_key("schema_id"));
    let no_other = !object.contains_key("resourceType");
    no_other && (by_header || of_body(object).is_some())
}

type Object = Map<String, Value>;
type Parsed<T> = std::result::Result<T, &'static str>;

/// What a body turned out to be.
enum Body {
    Sample(Place, Sample),
    Kept(&'static str),
}

/// The entry of the fuzz target.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    super::series::all_fit(|sink| read_openmhealth(bytes, sink))
}

struct Reader {
    summary: Summary,
    gather: Gather,
}

impl Reader {
    fn point(&mut self, value: &Value) {
        match self.read_point(value) {
            Ok(Body::Sample(place, sample)) => self.gather.add(place, sample, &mut self.summary),
            Ok(Body::Kept(reason)) => self.summary.keep(reason),
            Err(reason) => self.summary.refuse(reason),
        }
    }

    fn read_point(&mut self, value: &Value) -> Parsed<Body> {
        let object = value.as_object().ok_or(NOT_A_POINT)?;
        let part = |name| object.get(name).and_then(Value::as_object);
        let (header, body) = match (object.get("header"), object.get("body")) {
            (None, None) => (None, object),
            _ => (
                Some(Header::read(part("header").ok_or(NOT_A_POINT)?)?),
                part("body").ok_or(NOT_A_POINT)?,
            ),
        };
        let measure = match &header {
            Some(header) => MEASURES.iter().find(|one| one.schema == header.schema),
            None => of_body(body),
        };
        let Some(measure) = measure else {
            let name = header.map_or(String::new(), |header| header.schema.to_owned());
            if name.is_empty() {
                return Err(NOT_A_POINT);
            }
            self.summary.count_unknown(&name);
            return Ok(Body::Kept("a measure without a series"));
        };
        self.read_body(measure, header.as_ref(), body)
    }

    fn read_body(
        &mut self,
        measure: &Measure,
        header: Option<&Header<'_>>,
        body: &Object,
    ) -> Parsed<Body> {
        let version = header.map_or(measures::NEWEST, |header| header.version);
        check_words(body)?;
        check_quantities(measure, body)?;
        let (reading, unit) = measure.reading(body)?;
        let time = time_frame(measure, version, body)?;
        if body.contains_key("descriptive_statistic") {
            return Ok(Body::Kept(STATISTIC));
        }
        let (start, end, offset) = match time {
            Time::Span(span) => span,
            Time::None(reason) => return Ok(Body::Kept(reason)),
        };
        let metric = Metric::from_key(measure.metric).ok_or(NO_VALUE)?;
        let sample = Sample {
            start,
            end,
            offset: Some(offset),
            reading,
            quality: header.map_or(Quality::default(), |header| header.quality),
            id: header.map(|header| SampleId::derive("openmhealth", header.id.as_bytes())),
            version: 0,
        };
        if sample.check(metric).is_err() {
            return Ok(Body::Kept(BACKWARDS));
        }
        let source = self.gather.source(source(header));
        let place = Place {
            metric,
            unit,
            source,
        };
        Ok(Body::Sample(place, sample))
    }
}

/// The measure whose own member a body has.
fn of_body(body: &Object) -> Option<&'static Measure> {
    MEASURES.iter().find(|one| body.contains_key(one.field))
}

/// A header, read.
struct Header<'a> {
    id: &'a str,
    schema: &'a str,
    /// Tenths: 1.1 is 11.
    version: u32,
    name: &'a str,
    quality: Quality,
}

impl<'a> Header<'a> {
    fn read(header: &'a Object) -> Parsed<Self> {
        let text = |object: &'a Object, name| object.get(name).and_then(Value::as_str);
        let schema = header.get("schema_id").and_then(Value::as_object);
        let schema = schema.ok_or(BAD_HEADER)?;
        let id = text(header, "id").or_else(|| text(header, "uuid"));
        let created = text(header, "creation_date_time")
            .or_else(|| text(header, "source_creation_date_time"));
        created.and_then(parse_instant).ok_or(BAD_HEADER)?;
        let provenance = header
            .get("acquisition_provenance")
            .and_then(Value::as_object);
        let modality = (provenance.and_then(|part| text(part, "modality")))
            .or_else(|| text(header, "modality"));
        let quality = match modality {
            Some("self-reported") => Quality::MANUAL,
            Some("sensed") | None => Quality::default(),
            Some(_) => return Err(BAD_HEADER),
        };
        Ok(Self {
            id: id.filter(|id| !id.is_empty()).ok_or(BAD_HEADER)?,
            schema: text(schema, "name").ok_or(BAD_HEADER)?,
            version: text(schema, "version").and_then(tenths).ok_or(BAD_HEADER)?,
            name: (provenance.and_then(|part| text(part, "source_name"))).unwrap_or_default(),
            quality,
        })
    }
}

/// `1.10` and `1.x` do not occur: a version is two numbers.
fn tenths(version: &str) -> Option<u32> {
    let (major, minor) = version.split_once('.')?;
    let major: u32 = major.parse().ok()?;
    major.checked_mul(10)?.checked_add(minor.parse().ok()?)
}

fn source(header: Option<&Header<'_>>) -> Source {
    const MAX_NAME: usize = 128;
    let name = header.map_or("", |header| header.name);
    let clean: String = name.chars().filter(|one| !one.is_control()).collect();
    let cut = clean.floor_char_boundary(MAX_NAME);
    let name = clean.get(..cut).unwrap_or_default().to_owned();
    Source {
        key: format!("openmhealth:{name}"),
        name,
        kind: SourceKind::App,
    }
}

/// Every enumerated member has a word of its list.
fn check_words(body: &Object) -> Parsed<()> {
    let wrong = ENUMERATIONS.iter().any(|(name, words)| {
        let value = body.get(*name).map(|value| value.as_str().unwrap_or(""));
        value.is_some_and(|word| !words.contains(&word) && !is_percentile(name, word))
    });
    if wrong { Err(BAD_WORD) } else { Ok(()) }
}

/// `80th percentile` is a statistic since version 1.1.
fn is_percentile(name: &str, word: &str) -> bool {
    name == "descriptive_statistic" && word.ends_with("th percentile")
}

/// Members beside the measure's own that have a unit: those known have a unit of their list.
fn check_quantities(measure: &Measure, body: &Object) -> Parsed<()> {
    let others = QUANTITIES.iter().filter(|(name, _)| *name != measure.field);
    for (name, units) in others {
        if let Some(value) = body.get(*name) {
            let unit = value.get("unit").and_then(Value::as_str);
            unit.filter(|unit| units.contains(unit)).ok_or(BAD_UNIT)?;
        }
    }
    Ok(())
}

impl Measure {
    /// The reading of a body, and its unit in UCUM.
    fn reading(&self, body: &Object) -> Parsed<(Reading, &'static str)> {
        match self.field {
            "systolic_blood_pressure" => {
                let (high, unit) = self.quantity(body.get(self.field))?;
                let (low, _) = self.quantity(body.get("diastolic_blood_pressure"))?;
                let parts = vec![Some(high), Some(low), None, None];
                Ok((Reading::Components(parts), unit))
            }
            "activity_name" => {
                let name = body.get(self.field).and_then(Value::as_str);
                let name = name.filter(|name| !name.is_empty()).ok_or(NO_VALUE)?;
                self.state(name)
            }
            "total_sleep_time" => {
                self.quantity(body.get(self.field))?;
                self.state("in-bed")
            }
            _ => {
                let (value, unit) = self.quantity(body.get(self.field))?;
                Ok((Reading::Value(value), unit))
            }
        }
    }

    fn state(&self, name: &str) -> Parsed<(Reading, &'static str)> {
        let metric = Metric::from_key(self.metric).ok_or(NO_VALUE)?;
        let state = metric.category(name).unwrap_or(0);
        Ok((Reading::Category(state), "1"))
    }

    /// `{"value": 60, "unit": "beats/min"}`; steps were a bare number once.
    fn quantity(&self, value: Option<&Value>) -> Parsed<(Decimal, &'static str)> {
        let value = value.ok_or(NO_VALUE)?;
        let (count, unit) = match value {
            Value::Number(_) if self.field == "step_count" => (Some(value), Some("steps")),
            _ => (
                value.get("value"),
                value.get("unit").and_then(Value::as_str),
            ),
        };
        let unit = unit
            .filter(|unit| self.units.contains(unit))
            .ok_or(BAD_UNIT)?;
        let Some(Value::Number(count)) = count else {
            return Err(NO_VALUE);
        };
        let count = number(&count.to_string()).ok_or(NO_VALUE)?;
        let ucum = Unit::from_text(measures::ucum(unit))
            .ok_or(BAD_UNIT)?
            .ucum();
        Ok((count, ucum))
    }
}

enum Time {
    Span((i64, i64, i16)),
    None(&'static str),
}

/// The time of a body, by the forms of `time-frame` and `time-interval`.
fn time_frame(measure: &Measure, version: u32, body: &Object) -> Parsed<Time> {
    let Some(frame) = body.get("effective_time_frame") else {
        return match version >= measure.timed {
            true => Err(NO_TIME),
            false => Ok(Time::None(UNTIMED)),
        };
    };
    let frame = frame.as_object().ok_or(BAD_TIME)?;
    if let Some(instant) = frame.get("date_time") {
        let (at, offset) = instant_of(instant)?;
        let needs_interval = measure.interval && version >= measure.timed;
        return match needs_interval {
            true => Err(BAD_TIME),
            false => Ok(Time::Span((at, at, offset))),
        };
    }
    let interval = frame.get("time_interval").and_then(Value::as_object);
    let interval = interval.ok_or(BAD_TIME)?;
    let (start, end) = (
        interval.get("start_date_time"),
        interval.get("end_date_time"),
    );
    match (start, end, interval.get("duration")) {
        (Some(start), Some(end), _) => {
            let ((start, offset), (end, _)) = (instant_of(start)?, instant_of(end)?);
            Ok(Time::Span((start, end, offset)))
        }
        (Some(start), None, Some(lasts)) => {
            let (start, offset) = instant_of(start)?;
            Ok(Time::Span((start, start + lasting(lasts)?, offset)))
        }
        (None, Some(end), Some(lasts)) => {
            let (end, offset) = instant_of(end)?;
            Ok(Time::Span((end - lasting(lasts)?, end, offset)))
        }
        (None, None, None) if version < measure.exact => part_of_day(interval),
        _ => Err(BAD_TIME),
    }
}

fn part_of_day(interval: &Object) -> Parsed<Time> {
    let text = |name| interval.get(name).and_then(Value::as_str);
    let parts = ["morning", "afternoon", "evening", "night"];
    match (
        text("date").filter(|date| is_date(date)),
        text("part_of_day"),
    ) {
        (Some(_), Some(part)) if parts.contains(&part) => Ok(Time::None(PART_OF_DAY)),
        _ => Err(BAD_TIME),
    }
}

/// Milliseconds and offset in minutes: an instant always has its zone here.
fn instant_of(value: &Value) -> Parsed<(i64, i16)> {
    let text = value.as_str().ok_or(BAD_TIME)?;
    let (seconds, nanos) = parse_instant(text).ok_or(BAD_TIME)?;
    let at = seconds * 1000 + i64::from(nanos / 1_000_000);
    Ok((at, offset_of(text).ok_or(BAD_TIME)?))
}

fn offset_of(text: &str) -> Option<i16> {
    if text.ends_with('Z') {
        return Some(0);
    }
    let zone = text.get(text.len().checked_sub(6)?..)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let size = hours.parse::<i16>().ok()?.checked_mul(60)? + minutes.parse::<i16>().ok()?;
    Some(if zone.starts_with('-') { -size } else { size })
}

fn lasting(value: &Value) -> Parsed<i64> {
    let unit = value
        .get("unit")
        .and_then(Value::as_str)
        .and_then(Unit::from_text);
    let count = value.get("value").and_then(|value| match value {
        Value::Number(count) => number(&count.to_string()),
        _ => None,
    });
    let (unit, millis) = (
        unit.ok_or(BAD_TIME)?,
        Unit::from_text("ms").ok_or(BAD_TIME)?,
    );
    let exact = unit
        .convert(count.ok_or(BAD_TIME)?, millis)
        .ok_or(BAD_TIME)?;
    let lasts = exact.trimmed().at(0).filter(|lasts| *lasts >= 0);
    lasts.ok_or(BAD_TIME)
}
