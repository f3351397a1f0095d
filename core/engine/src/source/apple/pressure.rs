//! Systolic and diastolic pressures are records of their own, all of the one before all of the other. Those of one source and
//! time are one sample; what has no counterpart at the end of the file is a sample with one number.

use crate::record::series::{Decimal, Metric, Quality, Reading, Sample, Source, SourceKind};
use crate::source::series::{Gather, Place, Summary};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Halves kept waiting: one reading every minute for two months. Beyond it they are handed over as they are.
const MAX_WAITING: usize = 100_000;

/// The pressures whose other half may still come.
#[derive(Default)]
pub(super) struct Pressures {
    waiting: BTreeMap<Key, Half>,
    /// Whole ones, and halves beyond the limit.
    done: Vec<(Place, Sample)>,
}

type Key = (usize, i64, i64);

#[derive(Clone)]
struct Half {
    place: Place,
    sample: Sample,
    parts: [Option<Decimal>; 2],
}

/// A half in a checkpoint.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Remembered {
    #[n(0)]
    key: String,
    #[n(1)]
    name: String,
    #[n(2)]
    kind: u8,
    #[n(3)]
    unit: String,
    #[n(4)]
    span: (i64, i64),
    #[n(5)]
    offset: Option<i16>,
    #[n(6)]
    quality: u16,
    #[n(7)]
    systolic: Option<String>,
    #[n(8)]
    diastolic: Option<String>,
}

impl Pressures {
    /// Takes one half.
    pub fn add(&mut self, part: usize, place: Place, sample: Sample, value: Decimal) {
        let key = (place.source, sample.start, sample.end);
        let mut half = self.waiting.remove(&key).unwrap_or(Half {
            place,
            sample: sample.clone(),
            parts: [None, None],
        });
        if half.place.unit != place.unit {
            self.finish(half.clone());
            half = Half {
                place,
                sample,
                parts: [None, None],
            };
        }
        if let Some(slot) = half.parts.get_mut(part) {
            *slot = Some(value);
        }
        // Whole ones stay too: the same two stand in a correlation once more.
        match self.waiting.len() < MAX_WAITING {
            true => drop(self.waiting.insert(key, half)),
            false => self.finish(half),
        }
    }

    fn finish(&mut self, half: Half) {
        let [systolic, diastolic] = half.parts;
        let sample = Sample {
            reading: Reading::Components(vec![systolic, diastolic, None, None]),
            ..half.sample
        };
        self.done.push((half.place, sample));
    }

    /// Hands over everything: the file has ended.
    pub fn flush(&mut self, gather: &mut Gather, summary: &mut Summary) {
        for (_, half) in std::mem::take(&mut self.waiting) {
            self.finish(half);
        }
        for (place, sample) in self.done.drain(..) {
            gather.add(place, sample, summary);
        }
    }

    /// What a reading that goes on here must know.
    pub fn remember(&self, gather: &Gather) -> Vec<u8> {
        let all: Vec<Remembered> = (self.waiting.values())
            .filter_map(|half| {
                let source = gather.of(half.place.source)?;
                let text = |part: &Option<Decimal>| part.map(|value| value.to_string());
                let [systolic, diastolic] = &half.parts;
                Some(Remembered {
                    key: source.key.clone(),
                    name: source.name.clone(),
                    kind: SourceKind::ALL
                        .iter()
                        .position(|kind| *kind == source.kind)? as u8,
                    unit: half.place.unit.to_owned(),
                    span: (half.sample.start, half.sample.end),
                    offset: half.sample.offset,
                    quality: half.sample.quality.0,
                    systolic: text(systolic),
                    diastolic: text(diastolic),
                })
            })
            .collect();
        minicbor::to_vec(&all).unwrap_or_default()
    }

    /// What an earlier reading remembered; nothing where that cannot be read.
    pub fn recall(memory: &[u8], gather: &mut Gather) -> Self {
        let all: Vec<Remembered> = minicbor::decode(memory).unwrap_or_default();
        let mut pressures = Self::default();
        for one in all.into_iter().take(MAX_WAITING) {
            pressures.waiting.extend(one.half(gather));
        }
        pressures
    }
}

impl Remembered {
    fn half(self, gather: &mut Gather) -> Option<(Key, Half)> {
        let source = gather.source(Source {
            key: self.key,
            name: self.name,
            kind: *SourceKind::ALL.get(usize::from(self.kind))?,
        });
        let place = Place {
            metric: Metric::from_key("blood-pressure")?,
            unit: crate::record::series::Unit::from_text(&self.unit)?.ucum(),
            source,
        };
        let (start, end) = self.span;
        let read = |text: Option<String>| text.and_then(|text| Decimal::parse(&text));
        let half = Half {
            place,
            sample: Sample {
                start,
                end,
                offset: self.offset,
                reading: Reading::Category(0),
                quality: Quality(self.quality),
                id: None,
                version: 0,
            },
            parts: [read(self.systolic), read(self.diastolic)],
        };
        Some(((source, start, end), half))
    }
}
