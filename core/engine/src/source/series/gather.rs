//! Samples on their way into batches: one for each metric, unit and source, handed over together.

use super::{Found, IMPOSSIBLE, MAX_GATHERED, Summary};
use crate::record::series::{Metric, Sample, SampleBatch, Source, Unit};
use std::ops::ControlFlow;

/// Which series a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::source) struct Place {
    /// What was measured.
    pub metric: Metric,
    /// UCUM, of the metric's kind.
    pub unit: &'static str,
    /// Who measured: a number of [`Gather::source`].
    pub source: usize,
}

/// The gathering.
#[derive(Default)]
pub(in crate::source) struct Gather {
    sources: Vec<Source>,
    waiting: Vec<(Place, Vec<Sample>)>,
    /// Where the last sample went: the next one of a file is most often of the same series.
    last: usize,
    count: usize,
}

impl Gather {
    /// Remembers a source.
    pub fn source(&mut self, source: Source) -> usize {
        let known = self.sources.iter().position(|one| *one == source);
        known.unwrap_or_else(|| {
            self.sources.push(source);
            self.sources.len() - 1
        })
    }

    /// The source of a number.
    pub fn of(&self, number: usize) -> Option<&Source> {
        self.sources.get(number)
    }

    /// Takes a sample, or counts why not.
    pub fn add(&mut self, place: Place, sample: Sample, summary: &mut Summary) {
        if sample.check(place.metric).is_err() {
            summary.refuse(IMPOSSIBLE);
            return;
        }
        summary.samples += 1;
        self.count += 1;
        self.series(place).push(sample);
    }

    fn series(&mut self, place: Place) -> &mut Vec<Sample> {
        let is_last = self
            .waiting
            .get(self.last)
            .is_some_and(|(at, _)| *at == place);
        if !is_last {
            let known = self.waiting.iter().position(|(at, _)| *at == place);
            self.last = known.unwrap_or(self.waiting.len());
        }
        if self.last == self.waiting.len() {
            self.waiting.push((place, Vec::new()));
        }
        let last = self.last;
        &mut self.waiting[last].1
    }

    /// Whether it is time to hand over.
    pub fn is_full(&self) -> bool {
        self.count >= MAX_GATHERED
    }

    /// Hands everything over, in the order of metrics.
    pub fn flush(&mut self, sink: &mut dyn FnMut(Found) -> ControlFlow<()>) -> ControlFlow<()> {
        (self.count, self.last) = (0, 0);
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.sort_by_key(|(place, _)| *place);
        for (place, samples) in waiting {
            let source = self.sources.get(place.source);
            let (Some(unit), Some(source)) = (Unit::from_text(place.unit), source) else {
                continue;
            };
            sink(Found::Batch(SampleBatch {
                metric: place.metric,
                unit,
                source: source.clone(),
                samples,
            }))?;
        }
        ControlFlow::Continue(())
    }
}
