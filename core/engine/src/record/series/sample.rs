//! Samples as sources give them.

use super::{Decimal, Metric, Unit};
use crate::error::{Error, Result};

/// Most numbers of one sample.
pub const MAX_COMPONENTS: usize = 4;
/// Longest key or name of a source.
pub const MAX_SOURCE_BYTES: usize = 256;
/// The instants a sample may have: years 1900 to 2200.
pub(super) const TIMES: std::ops::Range<i64> = -2_208_988_800_000..7_258_118_400_000;
/// Longest span of a sample: 31 days.
pub(super) const MAX_SPAN: i64 = 31 * 86_400_000;
/// Greatest offset from UTC, in minutes.
const MAX_OFFSET: i16 = 18 * 60;

/// One timed measurement.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sample {
    /// When it was taken or began: milliseconds since 1970 UTC.
    pub start: i64,
    /// When it ended; `start` for an instant.
    pub end: i64,
    /// Minutes east of UTC, as the source wrote them; none where it wrote none.
    pub offset: Option<i16>,
    /// What was measured, in the unit of its batch.
    pub reading: Reading,
    /// What the source says of its worth.
    pub quality: Quality,
    /// The source's own id, if it has one.
    pub id: Option<SampleId>,
    /// The source's version of that id: a greater one replaces a smaller one. 0 where it has none.
    pub version: u64,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reading {
    /// One number.
    Value(Decimal),
    /// A number for each of the metric's components; none for those the device did not give.
    Components(Vec<Option<Decimal>>),
    /// A state: its place in [`Metric::categories`].
    Category(u16),
    /// The device said why there is none.
    Absent(Absent),
}

/// Why there is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absent {
    /// Not a number.
    NotANumber,
    /// Too high to measure.
    PositiveInfinity,
    /// Too low to measure.
    NegativeInfinity,
    /// Not at this resolution.
    NotAtThisResolution,
    /// The device reported a failure.
    Failed,
}

impl Absent {
    /// All, in the order of their numbers in a segment.
    pub const ALL: [Self; 5] = [
        Self::NotANumber,
        Self::PositiveInfinity,
        Self::NegativeInfinity,
        Self::NotAtThisResolution,
        Self::Failed,
    ];

    /// The code of FHIR's `data-absent-reason`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotANumber => "not-a-number",
            Self::PositiveInfinity => "positive-infinity",
            Self::NegativeInfinity => "negative-infinity",
            Self::NotAtThisResolution => "unknown",
            Self::Failed => "error",
        }
    }
}

/// What a source says of a sample's worth: a set of marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Quality(pub u16);

impl Quality {
    /// Typed by hand.
    pub const MANUAL: Self = Self(1);
    /// The sensor had bad contact, or the device doubts it.
    pub const DOUBTFUL: Self = Self(1 << 1);
    /// Derived or estimated, not measured.
    pub const ESTIMATED: Self = Self(1 << 2);
    /// The device's clock was not set, or far from the phone's.
    pub const CLOCK_UNSURE: Self = Self(1 << 3);
    /// It may be somebody else's: a scale used by several people.
    pub const PERSON_UNSURE: Self = Self(1 << 4);
    /// Above what the device can measure.
    pub const ABOVE_RANGE: Self = Self(1 << 5);
    /// Below what the device can measure.
    pub const BELOW_RANGE: Self = Self(1 << 6);

    /// Both sets of marks.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all marks of the other set are in this one.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A source's own id of a sample, as a hash: 8 bytes, because it is kept for every one of millions. Two ids of one person
/// fall together once in some 10^12 records; who could make them do so could write samples anyway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleId(pub [u8; 8]);

impl SampleId {
    /// From the id as the source writes it: `system` tells id spaces apart (`healthkit`, `health-connect`).
    pub fn derive(system: &str, native: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("carnet/1 sample id");
        hasher.update(&(system.len() as u64).to_be_bytes());
        hasher.update(system.as_bytes());
        hasher.update(native);
        Self::cut(&hasher)
    }

    pub(super) fn cut(hasher: &blake3::Hasher) -> Self {
        let mut id = [0; 8];
        hasher.finalize_xof().fill(&mut id);
        Self(id)
    }
}

impl std::fmt::Debug for SampleId {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "SampleId({:016x})", u64::from_be_bytes(self.0))
    }
}

/// What kind of thing measures: decides who is believed first where several measured the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// A medical device: meter, cuff, scale, sensor patch.
    Device,
    /// Worn on the wrist or finger.
    Watch,
    /// A phone in a pocket.
    Phone,
    /// A program that computes or copies.
    App,
    /// A person typed it.
    Person,
    /// Not known.
    Unknown,
}

impl SourceKind {
    /// All, in the order of their numbers in a segment.
    pub const ALL: [Self; 6] = [
        Self::Device,
        Self::Watch,
        Self::Phone,
        Self::App,
        Self::Person,
        Self::Unknown,
    ];
}

/// Where samples come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Source {
    /// What stays the same when two phones read one device, or one device gets another address: model and serial, or the
    /// package of an app. Sources with one key are one source.
    pub key: String,
    /// What people see. Not part of its identity.
    pub name: String,
    /// What kind of thing it is. Not part of its identity.
    pub kind: SourceKind,
}

/// Samples of one series, on their way into a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleBatch {
    /// What was measured.
    pub metric: Metric,
    /// The unit of every number here, as the source gave them. A pulse beside a pressure is in the component's own unit.
    pub unit: Unit,
    /// Who measured.
    pub source: Source,
    /// In any order.
    pub samples: Vec<Sample>,
}

/// A source says that a sample is gone, or a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deletion {
    /// Of which: [`Sample::identity`].
    pub id: SampleId,
    /// When that sample began, where it is known: without it every day with ids is looked at.
    pub start: Option<i64>,
}

impl SampleBatch {
    /// Checks what can be checked without a record.
    pub fn check(&self) -> Result<()> {
        if !self.unit.converts_to(self.metric.unit()) {
            return Err(Error::Invalid(
                "this unit cannot be converted to the metric's: give the samples in a unit of the same kind",
            ));
        }
        self.source.check()?;
        self.samples
            .iter()
            .try_for_each(|sample| sample.check(self.metric))
    }
}

impl Source {
    /// A key is needed; both texts have a limit.
    pub fn check(&self) -> Result<()> {
        if self.key.is_empty() || self.key.chars().any(char::is_control) {
            return Err(Error::Invalid(
                "a source needs a key without control characters: its model and serial, or its app",
            ));
        }
        match self.key.len().max(self.name.len()) > MAX_SOURCE_BYTES {
            true => Err(Error::TooLarge(
                "a source's key and name may have 256 bytes each",
            )),
            false => Ok(()),
        }
    }
}

impl Sample {
    /// Checks that the sample can be one of `metric`.
    pub fn check(&self, metric: Metric) -> Result<()> {
        if !TIMES.contains(&self.start) {
            return Err(Error::Invalid(
                "a sample lies outside the years 1900 to 2200: check the unit of its time",
            ));
        }
        let span = self.end.checked_sub(self.start);
        if !span.is_some_and(|span| (0..=MAX_SPAN).contains(&span)) {
            return Err(Error::Invalid(
                "a sample ends before it begins, or lasts more than 31 days",
            ));
        }
        if self
            .offset
            .is_some_and(|offset| offset.unsigned_abs() > MAX_OFFSET.unsigned_abs())
        {
            return Err(Error::Invalid("an offset from UTC is over 18 hours"));
        }
        match self.reading.fits(metric) {
            true => Ok(()),
            false => Err(Error::Invalid(
                "a sample's reading is not what its metric has: a number, its components, or one of its states",
            )),
        }
    }

    /// What a deletion names: the source's id, or else a hash of what the sample says.
    pub fn identity(&self) -> SampleId {
        self.id.unwrap_or_else(|| self.derive_identity())
    }

    fn derive_identity(&self) -> SampleId {
        let mut hasher = blake3::Hasher::new_derive_key("carnet/1 sample without id");
        hasher.update(&self.start.to_be_bytes());
        hasher.update(&self.end.to_be_bytes());
        let mut number = |tag: u8, value: i64, places: u8| {
            hasher.update(&[tag, places]);
            hasher.update(&value.to_be_bytes());
        };
        match &self.reading {
            Reading::Value(value) => number(0, value.mantissa(), value.places()),
            Reading::Components(values) => values.iter().for_each(|value| match value {
                Some(value) => number(1, value.mantissa(), value.places()),
                None => number(2, 0, 0),
            }),
            Reading::Category(state) => number(3, i64::from(*state), 0),
            Reading::Absent(reason) => number(4, *reason as i64, 0),
        }
        SampleId::cut(&hasher)
    }
}

impl Reading {
    fn fits(&self, metric: Metric) -> bool {
        match self {
            Self::Absent(_) => true,
            Self::Category(state) => usize::from(*state) < metric.categories().len(),
            Self::Value(_) => metric.components().is_empty() && metric.categories().is_empty(),
            Self::Components(values) => {
                let several = !metric.components().is_empty();
                let some = values.iter().any(Option::is_some);
                several && some && values.len() == metric.components().len()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn metric(key: &str) -> Metric {
        Metric::from_key(key).unwrap()
    }

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    fn pulse() -> Sample {
        Sample {
            start: 1_795_451_845_000,
            end: 1_795_451_845_000,
            offset: Some(60),
            reading: Reading::Value(decimal("72")),
            quality: Quality::default(),
            id: None,
            version: 0,
        }
    }

    #[test]
    fn a_reading_must_be_one_of_its_metric() {
        let pressure =
            Reading::Components(vec![Some(decimal("120")), Some(decimal("80")), None, None]);
        let cases = [
            ("heart-rate", Reading::Value(decimal("72")), true),
            ("heart-rate", Reading::Category(0), false),
            ("heart-rate", pressure.clone(), false),
            ("heart-rate", Reading::Absent(Absent::NotANumber), true),
            ("blood-pressure", pressure, true),
            ("blood-pressure", Reading::Value(decimal("120")), false),
            ("blood-pressure", Reading::Components(vec![None; 4]), false),
            (
                "blood-pressure",
                Reading::Components(vec![Some(decimal("1"))]),
                false,
            ),
            ("sleep", Reading::Category(5), true),
            ("sleep", Reading::Category(8), false),
            ("sleep", Reading::Value(decimal("1")), false),
        ];
        for (key, reading, fine) in cases {
            let sample = Sample { reading, ..pulse() };
            assert_eq!(sample.check(metric(key)).is_ok(), fine, "{key}");
        }
    }

    #[test]
    fn times_and_offsets_have_limits() {
        type Spoil = fn(&mut Sample);
        let wrong: [Spoil; 6] = [
            |sample| sample.start = i64::MIN,
            |sample| sample.start *= 1_000,
            |sample| sample.end -= 1,
            |sample| sample.end = i64::MAX,
            |sample| sample.end += MAX_SPAN + 1,
            |sample| sample.offset = Some(i16::MIN),
        ];
        pulse().check(metric("heart-rate")).unwrap();
        for spoil in wrong {
            let mut sample = pulse();
            spoil(&mut sample);
            assert!(sample.check(metric("heart-rate")).is_err(), "{sample:?}");
        }
    }

    #[test]
    fn a_batch_needs_a_unit_of_its_metric_and_a_source() {
        let batch = |unit: &str, key: &str| SampleBatch {
            metric: metric("heart-rate"),
            unit: Unit::from_text(unit).unwrap(),
            source: Source {
                key: key.to_owned(),
                name: String::new(),
                kind: SourceKind::Watch,
            },
            samples: vec![pulse()],
        };
        batch("/min", "watch").check().unwrap();
        batch("Hz", "watch").check().unwrap();
        for (unit, key) in [("kg", "watch"), ("/min", ""), ("/min", "a\nb")] {
            assert!(batch(unit, key).check().is_err());
        }
        let long = "x".repeat(MAX_SOURCE_BYTES + 1);
        assert!(matches!(
            batch("/min", &long).check(),
            Err(Error::TooLarge(_))
        ));
    }

    #[test]
    fn without_an_id_a_sample_is_what_it_says() {
        let mut same = pulse();
        same.offset = None;
        same.quality = Quality::MANUAL;
        assert_eq!(same.identity(), pulse().identity());
        for change in [
            |sample: &mut Sample| sample.start += 1,
            |sample: &mut Sample| sample.end += 1,
            |sample: &mut Sample| sample.reading = Reading::Value(Decimal::new(720, 1).unwrap()),
            |sample: &mut Sample| sample.reading = Reading::Absent(Absent::Failed),
        ] {
            let mut other = pulse();
            change(&mut other);
            assert_ne!(other.identity(), pulse().identity());
        }
        let id = SampleId::derive("healthkit", &[7; 16]);
        assert_ne!(id, SampleId::derive("health-connect", &[7; 16]));
        let mut named = pulse();
        named.id = Some(id);
        assert_eq!(named.identity(), id);
    }

    #[test]
    fn marks_are_a_set() {
        let both = Quality::MANUAL.with(Quality::DOUBTFUL);
        assert!(both.has(Quality::MANUAL) && both.has(Quality::DOUBTFUL));
        assert!(!both.has(Quality::ESTIMATED) && !Quality::MANUAL.has(both));
    }
}
