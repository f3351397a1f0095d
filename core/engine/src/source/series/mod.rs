//! What the readers of sample files share: what they hand over, what they say of a file, and gathering samples of one series
//! into batches.
//!
//! The invariant: every measurement of a file is in a batch, or counted under the type or the reason for which it is not.
//! Nothing is dropped silently, nothing is sorted out here as "already known": that is the record's business, and makes a
//! second import add nothing (INV-2).

mod gather;

pub(super) use gather::{Gather, Place};

use crate::record::series::{Decimal, SampleBatch};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Samples gathered before they are handed over: some 12 MB.
pub const MAX_GATHERED: usize = 100_000;
/// Kinds of data named in a summary; further ones are counted together.
pub const MAX_NAMED: usize = 500;
/// Longest name of a kind of data, in bytes.
const MAX_KIND_BYTES: usize = 100;
/// Under which further kinds are counted.
pub const OTHER_KINDS: &str = "other";

/// Why a measurement that was read is in no batch.
const IMPOSSIBLE: &str = "a measurement at an impossible time: outside 1900 to 2200, ending before it begins, or over 31 days long";
/// Digits of a double that mean something.
const DIGITS: usize = 15;

/// A number as a file writes it. The print of a double has up to 17 digits, of which 15 mean something
/// (`48.74499999999999` was 48.745): where a decimal has no room for all, it is rounded to them.
pub(super) fn number(text: &str) -> Option<Decimal> {
    Decimal::parse(text).or_else(|| rounded(text.parse().ok()?))
}

/// A double as the shortest decimal that is the same to 15 digits.
pub(super) fn rounded(value: f64) -> Option<Decimal> {
    let whole = format!("{:.0}", value.abs().trunc()).len();
    let places = DIGITS.checked_sub(whole)?.min(Decimal::MAX_PLACES.into());
    let fits = value.is_finite();
    let text = fits.then(|| format!("{value:.places$}"))?;
    Decimal::parse(&text).map(Decimal::trimmed)
}

/// One thing a reader of samples found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Samples of one series.
    Batch(SampleBatch),
    /// Everything before this place was handed over: reading may begin here after a kill.
    Checkpoint(Checkpoint),
}

/// Where reading may go on. Only a help: without it a second reading finds everything known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Bytes of the file before this place.
    pub offset: u64,
    /// What the reader remembers, in its own form.
    pub memory: Vec<u8>,
}

/// What a reader says of a whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// `apple-health`, `health-connect`, `openmhealth`.
    pub format: &'static str,
    /// Samples handed over, those the record knows already among them.
    pub samples: u64,
    /// Kinds of data this build has no series for, as the source names them, and how many of each.
    pub unknown: BTreeMap<String, u64>,
    /// What is right and no sample, by reason: whoever imports the file keeps it beside the series.
    pub kept: BTreeMap<&'static str, u64>,
    /// What is of a known kind and cannot be read, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Whether the sink stopped the reading.
    pub stopped: bool,
}

impl Summary {
    /// A summary of nothing yet.
    pub fn of(format: &'static str) -> Self {
        Self {
            format,
            ..Self::default()
        }
    }

    /// Counts something this build has no series for.
    pub(super) fn count_unknown(&mut self, kind: &str) {
        if let Some(count) = self.unknown.get_mut(kind) {
            *count += 1;
            return;
        }
        let cut = kind.floor_char_boundary(MAX_KIND_BYTES);
        let kind = match self.unknown.len() < MAX_NAMED {
            true => kind.get(..cut).unwrap_or_default(),
            false => OTHER_KINDS,
        };
        *self.unknown.entry(kind.to_owned()).or_default() += 1;
    }

    /// Counts something that is right and no sample.
    pub(super) fn keep(&mut self, reason: &'static str) {
        *self.kept.entry(reason).or_default() += 1;
    }

    /// Counts something that cannot be read.
    pub(super) fn refuse(&mut self, reason: &'static str) {
        *self.refused.entry(reason).or_default() += 1;
    }
}

/// What must hold for the readers' fuzz targets: whatever the bytes are, every batch can be ingested.
#[doc(hidden)]
pub fn all_fit(
    read: impl FnOnce(&mut dyn FnMut(Found) -> ControlFlow<()>) -> crate::error::Result<Summary>,
) -> bool {
    let mut fit = true;
    let summary = read(&mut |found| {
        if let Found::Batch(batch) = found {
            fit &= batch.check().is_ok();
        }
        ControlFlow::Continue(())
    });
    fit && summary.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_print_of_a_double_is_rounded_where_it_is_too_long() {
        let read = |text| number(text).map(|value| value.to_string());
        for (written, kept) in [
            ("72", "72"),
            ("22.50", "22.50"),
            ("5.19412346680959", "5.19412346681"),
            ("48.74499999999999", "48.745"),
            ("0.4971749504535062", "0.497174950454"),
            ("1.4012984643248e-45", "0"),
            ("-0.30000000000000004", "-0.3"),
        ] {
            assert_eq!(read(written).as_deref(), Some(kept), "{written}");
        }
        for wrong in ["", "NaN", "inf", "1e300", "12345678901234567", "1,5"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_full_of_inventions_has_a_short_summary() {
        let mut summary = Summary::of("apple-health");
        for number in 0..2_000 {
            summary.count_unknown(&format!("Kind{number}{}", "é".repeat(200)));
        }
        assert_eq!(summary.unknown.len(), MAX_NAMED + 1);
        assert_eq!(summary.unknown.values().sum::<u64>(), 2_000);
        assert_eq!(summary.unknown[OTHER_KINDS], 1_500);
        assert!(
            summary
                .unknown
                .keys()
                .all(|name| name.len() <= MAX_KIND_BYTES)
        );
    }
}
