//! The XML of an Apple Health export: any size, in one pass, in bounded memory.
//!
//! The rules, each from real exports:
//! * The file is known by its `<HealthData` element: its name is in the language of the phone. Everything before it is
//!   skipped unread, because some versions of iOS write a DTD that is not well-formed.
//! * `Record` is a sample, with the series its type stands for in `types`; a type without one is counted. `Workout` is a span
//!   of the series *activity*; its totals are in records of their own.
//! * The parts of a `Correlation` stand in the file a second time at its top. Both are read, and being the same sample they are one.
//!   Systolic and diastolic pressures of one source and time are one sample (`pressure`).
//! * There is no id in the file: a sample is what it says. Two equal records are one.
//! * The offset of every date is that of the phone at the export. The instant is right, the offset kept as written.
//! * A device's text holds an address that changes: a source is its name, maker, model and hardware (`device`).
//! * What iOS derives itself (`ActivitySummary`) is counted, not read. A `ClinicalRecord` names a FHIR file of the same zip,
//!   which is an item of its own there.
//!
//! A number has up to 17 digits here, the print of a double; beyond 15 they are rounded (`super::series::number`).
//!
//! Reading goes on behind a [`Checkpoint`] after a kill. A false one costs time or reads nothing, it cannot harm: what is read
//! is the same samples, and a reading without it is always right.

mod attributes;
mod date;
mod device;
mod metered;
mod pressure;
mod types;

#[cfg(test)]
mod tests;

use super::series::{Checkpoint, Found, Gather, Place, Summary, number};
use crate::error::Result;
use crate::record::series::{Decimal, Metric, Quality, Reading, Sample, Unit};
use attributes::{Attributes, text};
use device::Devices;
use metered::Metered;
use pressure::Pressures;
use quick_xml::events::Event;
use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use types::Meaning;

/// The element an export is known by.
pub const ROOT: &[u8] = b"<HealthData";
/// Where its root begins at the latest: the DTD before it has 12 KiB.
pub const MAX_HEAD: usize = 1 << 20;
const BUFFER: usize = 256 << 10;

const NO_ROOT: &str = "no Apple Health export: its XML begins with <HealthData";
const CUT: &str = "the file ends early: what came before was read, export it again for the rest";
const BROKEN: &str =
    "the XML is broken here: what came before was read, export it again for the rest";
const NO_TIME: &str = "a record without a readable start and end";
const NO_VALUE: &str = "a record whose value is not one of its type";
const NO_UNIT: &str = "a record in a unit that its series does not know";

/// Reads an export into `sink`, which may stop the reading. `from` is a checkpoint of the same file. Only a failure of `input`
/// itself is an error.
pub fn read_apple(
    input: impl Read,
    from: Option<&Checkpoint>,
    sink: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> Result<Summary> {
    let mut input = BufReader::with_capacity(BUFFER, input);
    let mut reader = Reader::new(sink);
    let begun = match from {
        Some(checkpoint) => {
            reader.pressures = Pressures::recall(&checkpoint.memory, &mut reader.gather);
            let skipped = std::io::copy(
                &mut (&mut input).take(checkpoint.offset),
                &mut std::io::sink(),
            )?;
            (skipped == checkpoint.offset).then_some(checkpoint.offset)
        }
        None => skip_head(&mut input)?,
    };
    match begun {
        Some(offset) => reader.read(Metered::new(input), offset)?,
        None => reader.summary.refuse(NO_ROOT),
    }
    Ok(reader.summary)
}

/// Skips what stands before the root, but for its first byte or so; how much that was, or none where there is no root.
fn skip_head(input: &mut impl BufRead) -> Result<Option<u64>> {
    let mut tail: Vec<u8> = Vec::new();
    let mut skipped: usize = 0;
    while skipped < MAX_HEAD {
        let shown = input.fill_buf()?;
        if shown.is_empty() {
            return Ok(None);
        }
        let before = tail.len();
        tail.extend_from_slice(shown);
        let found = tail.windows(ROOT.len()).position(|part| part == ROOT);
        // A root that a buffer cuts has begun in bytes that are gone: what is left of it is read as text, and passed over.
        let take = found.map_or(shown.len(), |at| at.saturating_sub(before));
        input.consume(take);
        skipped += take;
        if found.is_some() {
            return Ok(Some(skipped as u64));
        }
        tail = tail.split_off(tail.len().saturating_sub(ROOT.len() - 1));
    }
    Ok(None)
}

/// Whether bytes from the beginning of a file are of an export.
pub fn is_apple(prefix: &[u8]) -> bool {
    let looks_like_xml =
        prefix.trim_ascii_start().first() == Some(&b'<') || prefix.starts_with(&[0xef, 0xbb, 0xbf]);
    looks_like_xml && prefix.windows(ROOT.len()).any(|part| part == ROOT)
}

/// The entry of the fuzz target.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    super::series::all_fit(|sink| read_apple(bytes, None, sink))
}

/// Or why not, in words without content.
type Parsed<T> = std::result::Result<T, &'static str>;

struct Reader<'s> {
    sink: &'s mut dyn FnMut(Found) -> ControlFlow<()>,
    summary: Summary,
    gather: Gather,
    devices: Devices,
    pressures: Pressures,
    /// The record whose end has not come yet: what stands inside may say more of it.
    held: Option<Held>,
    /// The last type and what it means: records come by the thousand of one type.
    last: (Vec<u8>, Option<Meaning>),
}

/// A record, read.
enum Held {
    Sample(Place, Sample),
    Pressure(usize, Place, Sample, Decimal),
}

/// The attributes of a record that matter, as written.
#[derive(Default)]
struct Raw<'a> {
    kind: &'a [u8],
    unit: &'a [u8],
    value: &'a [u8],
    source: &'a [u8],
    device: &'a [u8],
    start: &'a [u8],
    end: &'a [u8],
}

impl<'a> Raw<'a> {
    fn new(tag: &'a [u8]) -> Self {
        let mut raw = Self::default();
        for (name, value) in Attributes::new(tag) {
            match name {
                b"type" | b"workoutActivityType" => raw.kind = value,
                b"unit" => raw.unit = value,
                b"value" => raw.value = value,
                b"sourceName" => raw.source = value,
                b"device" => raw.device = value,
                b"startDate" => raw.start = value,
                b"endDate" => raw.end = value,
                _ => (),
            }
        }
        raw
    }

    /// A sample of nothing yet.
    fn span(&self) -> Option<Sample> {
        let (start, offset) = date::instant(self.start)?;
        let (end, _) = date::instant(self.end)?;
        Some(Sample {
            start,
            end,
            offset: Some(offset),
            reading: Reading::Category(0),
            quality: Quality::default(),
            id: None,
            version: 0,
        })
    }
}

impl<'s> Reader<'s> {
    fn new(sink: &'s mut dyn FnMut(Found) -> ControlFlow<()>) -> Self {
        Self {
            sink,
            summary: Summary::of("apple-health"),
            gather: Gather::default(),
            devices: Devices::default(),
            pressures: Pressures::default(),
            held: None,
            last: (Vec::new(), None),
        }
    }

    fn read(&mut self, input: Metered<impl BufRead>, offset: u64) -> Result<()> {
        let meter = input.meter();
        let mut xml = quick_xml::Reader::from_reader(input);
        let config = xml.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        let mut buffer = Vec::new();
        let mut whole = false;
        loop {
            meter.next_event();
            buffer.clear();
            match xml.read_event_into(&mut buffer) {
                Ok(Event::Start(tag)) => {
                    self.open(tag.name().as_ref(), tag.attributes_raw().as_bytes())
                }
                Ok(Event::Empty(tag)) => {
                    self.open(tag.name().as_ref(), tag.attributes_raw().as_bytes());
                    self.close(tag.name().as_ref());
                }
                Ok(Event::End(tag)) => {
                    whole |= tag.name().as_ref() == "HealthData";
                    self.close(tag.name().as_ref());
                }
                Ok(Event::Eof) => break,
                Ok(_) => (),
                Err(_) => {
                    meter.failure()?;
                    self.summary.refuse(BROKEN);
                    whole = true;
                    break;
                }
            }
            if self.gather.is_full() && self.held.is_none() {
                let place = offset + xml.buffer_position();
                if self.hand_over(Some(place)).is_break() {
                    self.summary.stopped = true;
                    return Ok(());
                }
            }
        }
        if !whole {
            self.summary.refuse(CUT);
        }
        self.pressures.flush(&mut self.gather, &mut self.summary);
        self.summary.stopped = self.hand_over(None).is_break();
        Ok(())
    }

    fn hand_over(&mut self, place: Option<u64>) -> ControlFlow<()> {
        self.gather.flush(self.sink)?;
        match place {
            Some(offset) => (self.sink)(Found::Checkpoint(Checkpoint {
                offset,
                memory: self.pressures.remember(&self.gather),
            })),
            None => ControlFlow::Continue(()),
        }
    }

    fn open(&mut self, name: &str, attributes: &[u8]) {
        match name {
            "Record" => self.held = self.record(&Raw::new(attributes)),
            "MetadataEntry" => self.metadata(attributes),
            "Workout" => self.workout(&Raw::new(attributes)),
            "ActivitySummary"
            | "Audiogram"
            | "VisionPrescription"
            | "InstantaneousBeatsPerMinute" => {
                self.summary.count_unknown(name);
            }
            _ => (),
        }
    }

    fn close(&mut self, name: &str) {
        if name != "Record" {
            return;
        }
        match self.held.take() {
            Some(Held::Sample(place, sample)) => {
                self.gather.add(place, sample, &mut self.summary);
            }
            Some(Held::Pressure(part, place, sample, value)) => {
                self.pressures.add(part, place, sample, value);
            }
            None => (),
        }
    }

    /// What stands inside a record: whether a person typed it.
    fn metadata(&mut self, attributes: &[u8]) {
        let Some(held) = &mut self.held else { return };
        let (mut key, mut value) = (&b""[..], &b""[..]);
        for (name, text) in Attributes::new(attributes) {
            match name {
                b"key" => key = text,
                b"value" => value = text,
                _ => (),
            }
        }
        if key == b"HKWasUserEntered" && value == b"1" {
            let (Held::Sample(_, sample) | Held::Pressure(_, _, sample, _)) = held;
            sample.quality = sample.quality.with(Quality::MANUAL);
        }
    }

    fn record(&mut self, raw: &Raw<'_>) -> Option<Held> {
        if self.last.0 != raw.kind {
            self.last = (raw.kind.to_vec(), types::meaning(raw.kind));
        }
        let Some(meaning) = self.last.1 else {
            self.summary.count_unknown(&text(raw.kind));
            return None;
        };
        match self.read_record(raw, meaning) {
            Ok(held) => Some(held),
            Err(reason) => {
                self.summary.refuse(reason);
                None
            }
        }
    }

    fn read_record(&mut self, raw: &Raw<'_>, meaning: Meaning) -> Parsed<Held> {
        let mut sample = raw.span().ok_or(NO_TIME)?;
        let source = self
            .devices
            .source(raw.source, raw.device, &mut self.gather);
        let place = |key, unit| -> Parsed<Place> {
            let metric = Metric::from_key(key).ok_or(NO_VALUE)?;
            Ok(Place {
                metric,
                unit,
                source,
            })
        };
        let place = match meaning {
            Meaning::Number(key) => {
                sample.reading = Reading::Value(number(&text(raw.value)).ok_or(NO_VALUE)?);
                place(key, unit_of(key, raw.unit)?)?
            }
            Meaning::Pressure(part) => {
                let value = number(&text(raw.value)).ok_or(NO_VALUE)?;
                let place = place("blood-pressure", unit_of("blood-pressure", raw.unit)?)?;
                return Ok(Held::Pressure(part, place, sample, value));
            }
            Meaning::Duration(key) => {
                let lasted = Decimal::new(sample.end.saturating_sub(sample.start), 3);
                sample.reading = Reading::Value(lasted.ok_or(NO_VALUE)?.trimmed());
                place(key, "s")?
            }
            Meaning::State(key, values) => {
                let written = raw.value.strip_prefix(b"HKCategoryValue").ok_or(NO_VALUE)?;
                let found = values.iter().find(|(name, _)| name.as_bytes() == written);
                let place = place(key, "1")?;
                let (_, state) = found.ok_or(NO_VALUE)?;
                sample.reading = state_of(place.metric, state)?;
                place
            }
            Meaning::Event(key, state) => {
                let place = place(key, "1")?;
                sample.reading = state_of(place.metric, state)?;
                place
            }
        };
        Ok(Held::Sample(place, sample))
    }

    fn workout(&mut self, raw: &Raw<'_>) {
        let source = self
            .devices
            .source(raw.source, raw.device, &mut self.gather);
        let read = || -> Parsed<(Place, Sample)> {
            let metric = Metric::from_key("activity").ok_or(NO_VALUE)?;
            let mut sample = raw.span().ok_or(NO_TIME)?;
            sample.reading = state_of(metric, types::activity(raw.kind))?;
            let place = Place {
                metric,
                unit: "1",
                source,
            };
            Ok((place, sample))
        };
        match read() {
            Ok((place, sample)) => self.gather.add(place, sample, &mut self.summary),
            Err(reason) => self.summary.refuse(reason),
        }
    }
}

fn state_of(metric: Metric, state: &str) -> Parsed<Reading> {
    metric
        .category(state)
        .map(Reading::Category)
        .ok_or(NO_VALUE)
}

/// The UCUM code of a written unit that the metric takes.
fn unit_of(key: &str, written: &[u8]) -> Parsed<&'static str> {
    let written = text(written);
    let unit = Unit::from_text(types::unit(key, &written)).ok_or(NO_UNIT)?;
    let metric = Metric::from_key(key).ok_or(NO_UNIT)?;
    match unit.converts_to(metric.unit()) {
        true => Ok(unit.ucum()),
        false => Err(NO_UNIT),
    }
}
