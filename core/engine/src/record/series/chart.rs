//! Charts: what the samples of a metric come to in each period, each moment counted from one source.
//!
//! **Overlapping sources.** A watch and the phone in the pocket count the same steps; two apps write the same sleep. For every
//! UTC hour the samples of one source count: of those that have any in that hour, the first in the order of sources. The
//! others are left out of that hour and kept. The order is the one a person gave for the metric; sources it does not name follow,
//! by kind of device ([`default_rank`]) and then by key. So the rule depends on no clock, no zone and no arrival.
//!
//! A sample belongs to the period in which it begins. Numbers are exact in the unit they came in; what is shown is converted to the
//! metric's unit at the end.

use super::calendar::Every;
use super::rollup::{Bucket, HOUR, Rollup};
use super::{Decimal, Kind, Metric, Source, SourceKind, Unit, unit};
use std::collections::BTreeMap;

/// Why a source stands where it stands in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// It is the only one.
    Only,
    /// A person put it there.
    Chosen,
    /// The kind of thing it is.
    Kind,
}

/// A source of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartSource {
    /// Which.
    pub source: Source,
    /// Why it stands here: sources are in their order.
    pub why: Why,
    /// UTC hours in which its samples count.
    pub hours: u64,
    /// UTC hours in which another source comes before it.
    pub left_out: u64,
}

/// What one period comes to, for one component or state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// When the period begins: milliseconds since 1970 UTC.
    pub start: i64,
    /// When it ends.
    pub end: i64,
    /// Which component or state.
    pub part: u16,
    /// How many samples.
    pub count: u64,
    /// Their sum. None where the metric is no amount, or the sum is beyond a decimal's limits.
    pub sum: Option<Decimal>,
    /// Their mean, to three places more than they have.
    pub mean: Option<Decimal>,
    /// The least.
    pub least: Option<Decimal>,
    /// The greatest.
    pub greatest: Option<Decimal>,
    /// The earliest.
    pub first: Option<Decimal>,
    /// The latest.
    pub last: Option<Decimal>,
    /// How long they lasted together, in milliseconds.
    pub span: u64,
    /// Whose samples they are: places in [`Chart::sources`].
    pub sources: Vec<usize>,
}

/// An answer to "how was it in this time".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Of what.
    pub metric: Metric,
    /// The unit of its numbers (of a component that has its own: [`Metric::unit_of_component`]).
    pub unit: Unit,
    /// How long a period is.
    pub every: Every,
    /// Periods with samples, in order; for each its components or states.
    pub points: Vec<Point>,
    /// Every source that has samples in the time, in the order in which they are believed.
    pub sources: Vec<ChartSource>,
}

/// Rollups of one series, for [`chart`].
#[derive(Debug, Clone)]
pub struct Rolled {
    /// Who measured.
    pub source: Source,
    /// In which unit.
    pub unit: Unit,
    /// Its rollups, in order.
    pub rollups: Vec<Rollup>,
}

/// Where a kind of source stands when nobody said otherwise. What is worn counts more steps than what lies on a table; a medical
/// device measures better than a wrist; what is typed comes last.
pub fn default_rank(kind: SourceKind, metric: Metric) -> u8 {
    let worn_first = metric.kind() == Kind::Total;
    match kind {
        SourceKind::Watch if worn_first => 0,
        SourceKind::Device => 1,
        SourceKind::Watch => 2,
        SourceKind::Phone => 3,
        SourceKind::App => 4,
        SourceKind::Unknown => 5,
        SourceKind::Person => 6,
    }
}

/// Sources in the order in which they are believed, each with why.
pub fn in_order(metric: Metric, sources: Vec<Source>, said: Option<&[String]>) -> Vec<ChartSource> {
    let place = |source: &Source| {
        let said = said.unwrap_or_default();
        said.iter().position(|key| *key == source.key)
    };
    let mut sources = sources;
    sources.sort_by(|a, b| a.key.cmp(&b.key));
    sources.dedup_by(|a, b| a.key == b.key);
    let only = sources.len() == 1;
    let mut ranked: Vec<_> = sources
        .into_iter()
        .map(|source| (place(&source), source))
        .collect();
    ranked.sort_by_key(|(place, source)| {
        let rank = default_rank(source.kind, metric);
        (place.unwrap_or(usize::MAX), rank, source.key.clone())
    });
    let why = |place: Option<usize>| match place {
        _ if only => Why::Only,
        Some(_) => Why::Chosen,
        None => Why::Kind,
    };
    ranked
        .into_iter()
        .map(|(place, source)| ChartSource {
            source,
            why: why(place),
            hours: 0,
            left_out: 0,
        })
        .collect()
}

/// Draws a chart. `bounds` are where the periods begin, and the end of the last; slots of the rollups do not cross them.
pub fn chart(
    metric: Metric,
    every: Every,
    bounds: &[i64],
    series: &[Rolled],
    said: Option<&[String]>,
) -> Chart {
    let sources = series.iter().map(|rolled| rolled.source.clone()).collect();
    let mut sources = in_order(metric, sources, said);
    let places: Vec<usize> = series
        .iter()
        .map(|rolled| {
            sources
                .iter()
                .position(|s| s.source.key == rolled.source.key)
        })
        .map(Option::unwrap_or_default)
        .collect();
    let winners = choose(bounds, series, &places, &mut sources);
    let mut sums: BTreeMap<(usize, u16), Period> = BTreeMap::new();
    for (rolled, place) in series.iter().zip(&places) {
        let mut period = 0;
        for (bucket, digits) in buckets(rolled) {
            while bounds
                .get(period + 1)
                .is_some_and(|end| *end <= bucket.slot)
            {
                period += 1;
            }
            let hour = bucket.slot.div_euclid(HOUR);
            if within(bounds, bucket.slot) && winners.get(&hour) == Some(place) {
                let sum = sums.entry((period, bucket.part)).or_default();
                sum.add(bucket, digits, rolled.unit, *place);
            }
        }
    }
    let points = sums.into_iter().filter_map(|((period, part), sum)| {
        let (start, end) = (*bounds.get(period)?, *bounds.get(period + 1)?);
        Some(sum.point(metric, part, start, end))
    });
    Chart {
        metric,
        unit: metric.unit(),
        every,
        points: points.collect(),
        sources,
    }
}

fn within(bounds: &[i64], slot: i64) -> bool {
    bounds.first().is_some_and(|first| *first <= slot)
        && bounds.last().is_some_and(|end| slot < *end)
}

fn buckets(rolled: &Rolled) -> impl Iterator<Item = (&Bucket, u8)> {
    let rollups = rolled.rollups.iter();
    rollups.flat_map(|rollup| rollup.buckets.iter().map(|bucket| (bucket, rollup.places)))
}

/// For each UTC hour the source that counts.
fn choose(
    bounds: &[i64],
    series: &[Rolled],
    places: &[usize],
    sources: &mut [ChartSource],
) -> BTreeMap<i64, usize> {
    let mut winners: BTreeMap<i64, usize> = BTreeMap::new();
    let mut present: BTreeMap<usize, Vec<i64>> = BTreeMap::new();
    for (rolled, place) in series.iter().zip(places) {
        let hours = present.entry(*place).or_default();
        for (bucket, _) in buckets(rolled).filter(|(bucket, _)| within(bounds, bucket.slot)) {
            let hour = bucket.slot.div_euclid(HOUR);
            if hours.last() != Some(&hour) {
                hours.push(hour);
            }
        }
    }
    for (place, hours) in &mut present {
        hours.sort_unstable();
        hours.dedup();
        for hour in hours {
            let winner = winners.entry(*hour).or_insert(*place);
            if let Some(source) = sources.get_mut(*place) {
                source.hours += u64::from(*winner == *place);
                source.left_out += u64::from(*winner != *place);
            }
        }
    }
    winners
}

/// What a period gathers, by unit.
#[derive(Default)]
struct Period {
    units: Vec<(Unit, Rollup)>,
    sources: Vec<usize>,
}

impl Period {
    fn add(&mut self, bucket: &Bucket, places: u8, unit: Unit, source: usize) {
        if !self.sources.contains(&source) {
            self.sources.push(source);
        }
        let mut one = Rollup {
            places,
            buckets: vec![*bucket],
        };
        match self.units.iter_mut().find(|(known, _)| *known == unit) {
            Some((_, sum)) => {
                let places = sum.places.max(places);
                sum.widen(places);
                one.widen(places);
                if let (Some(sum), Some(one)) = (sum.buckets.first_mut(), one.buckets.first()) {
                    sum.join(one);
                }
            }
            None => self.units.push((unit, one)),
        }
    }

    fn point(mut self, metric: Metric, part: u16, start: i64, end: i64) -> Point {
        self.sources.sort_unstable();
        let to = metric.unit_of_component(usize::from(part));
        let mut parts = self.units.iter().filter_map(|(unit, sum)| {
            let own = if metric.unit_of_component(usize::from(part)) == metric.unit() {
                *unit
            } else {
                to
            };
            sum.buckets
                .first()
                .map(|bucket| shown(metric, bucket, sum.places, own, to))
        });
        let first = parts.next().unwrap_or_default();
        let shown = parts.fold(first, Shown::join);
        Point {
            start,
            end,
            part,
            count: shown.count,
            sum: shown.sum,
            mean: shown.mean,
            least: shown.least,
            greatest: shown.greatest,
            first: shown.first.map(|(_, value)| value),
            last: shown.last.map(|(_, value)| value),
            span: shown.span,
            sources: self.sources,
        }
    }
}

/// A bucket in the unit of answers.
#[derive(Default)]
struct Shown {
    count: u64,
    sum: Option<Decimal>,
    mean: Option<Decimal>,
    least: Option<Decimal>,
    greatest: Option<Decimal>,
    first: Option<(i64, Decimal)>,
    last: Option<(i64, Decimal)>,
    span: u64,
}

fn shown(metric: Metric, bucket: &Bucket, places: u8, from: Unit, to: Unit) -> Shown {
    let number = |number: i128| {
        let number = Decimal::new(i64::try_from(number).ok()?, places)?;
        from.convert(number, to)
    };
    let total = metric.kind() != Kind::Level;
    let one = |at, value| number(value).map(|value| (at, value));
    Shown {
        count: bucket.count,
        sum: number(bucket.sum).filter(|_| total),
        mean: bucket.mean(places).and_then(|mean| from.convert(mean, to)),
        least: number(bucket.least),
        greatest: number(bucket.greatest),
        first: one(bucket.first_at, bucket.first),
        last: one(bucket.last_at, bucket.last),
        span: bucket.span,
    }
}

impl Shown {
    /// Together with what another unit gave: the mean weighs by count.
    fn join(self, other: Self) -> Self {
        let pick = |a: Option<Decimal>, b: Option<Decimal>, greater: bool| match (a, b) {
            (Some(a), Some(b)) => {
                let (x, y) = (a.to_f64(), b.to_f64());
                Some(if (x >= y) == greater { a } else { b })
            }
            (a, b) => a.or(b),
        };
        let (earliest, latest) = (
            self.first
                .into_iter()
                .chain(other.first)
                .min_by_key(|(at, _)| *at),
            self.last
                .into_iter()
                .chain(other.last)
                .max_by_key(|(at, _)| *at),
        );
        Self {
            count: self.count + other.count,
            sum: weigh((self.sum, 1), (other.sum, 1), 1),
            mean: weigh(
                (self.mean, self.count),
                (other.mean, other.count),
                self.count + other.count,
            ),
            least: pick(self.least, other.least, false),
            greatest: pick(self.greatest, other.greatest, true),
            first: earliest,
            last: latest,
            span: self.span + other.span,
        }
    }
}

/// (a × m + b × n) ÷ over, exactly where it ends within six places.
fn weigh(a: (Option<Decimal>, u64), b: (Option<Decimal>, u64), over: u64) -> Option<Decimal> {
    let (Some(one), Some(two)) = (a.0, b.0) else {
        return a.0.or(b.0);
    };
    let places = one.places().max(two.places()).max(6);
    let scaled = |number: Decimal, times: u64| {
        i128::from(number.mantissa())
            .checked_mul(10_i128.pow(u32::from(places - number.places())))?
            .checked_mul(i128::from(times))
    };
    let sum = scaled(one, a.1)?.checked_add(scaled(two, b.1)?)?;
    let mean = unit::round_half_even(sum, i128::from(over.max(1)));
    Decimal::new(i64::try_from(mean).ok()?, places).map(Decimal::trimmed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::record::series::{Quality, Reading, Sample};

    fn metric(key: &str) -> Metric {
        Metric::from_key(key).unwrap()
    }

    fn source(key: &str, kind: SourceKind) -> Source {
        Source {
            key: key.to_owned(),
            name: key.to_uppercase(),
            kind,
        }
    }

    fn rolled(key: &str, kind: SourceKind, unit: &str, samples: &[(i64, &str)]) -> Rolled {
        let samples: Vec<Sample> = samples
            .iter()
            .map(|(start, value)| Sample {
                start: *start,
                end: *start,
                offset: None,
                reading: Reading::Value(Decimal::parse(value).unwrap()),
                quality: Quality::default(),
                id: None,
                version: 0,
            })
            .collect();
        Rolled {
            source: source(key, kind),
            unit: Unit::from_text(unit).unwrap(),
            rollups: vec![Rollup::of(&samples, HOUR)],
        }
    }

    fn sums(chart: &Chart) -> Vec<String> {
        chart
            .points
            .iter()
            .map(|point| point.sum.unwrap().to_string())
            .collect()
    }

    #[test]
    fn an_hour_counts_from_one_source_and_the_answer_says_which() {
        let phone = rolled(
            "phone",
            SourceKind::Phone,
            "{steps}",
            &[(0, "100"), (HOUR, "50"), (3 * HOUR, "7")],
        );
        let watch = rolled(
            "watch",
            SourceKind::Watch,
            "{steps}",
            &[(10, "110"), (20, "5"), (2 * HOUR, "30")],
        );
        let bounds = [0, 2 * HOUR, 4 * HOUR];
        let both = [phone, watch];
        let drawn = chart(metric("steps"), Every::Day, &bounds, &both, None);
        assert_eq!(sums(&drawn), ["165", "37"]);
        let told: Vec<_> = drawn
            .sources
            .iter()
            .map(|s| (&*s.source.key, s.why, s.hours, s.left_out))
            .collect();
        assert_eq!(
            told,
            [("watch", Why::Kind, 2, 0), ("phone", Why::Kind, 2, 1)]
        );
        assert_eq!(drawn.points[0].sources, [0, 1]);

        let said = ["phone".to_owned()];
        let drawn = chart(metric("steps"), Every::Day, &bounds, &both, Some(&said));
        assert_eq!(sums(&drawn), ["150", "37"]);
        let told: Vec<_> = drawn
            .sources
            .iter()
            .map(|s| (&*s.source.key, s.why))
            .collect();
        assert_eq!(told, [("phone", Why::Chosen), ("watch", Why::Kind)]);
    }

    #[test]
    fn levels_have_a_mean_and_no_sum_and_units_are_brought_together() {
        let kilos = rolled("scale", SourceKind::Device, "kg", &[(0, "70.0")]);
        let pounds = rolled(
            "scale",
            SourceKind::Device,
            "[lb_av]",
            &[(HOUR, "150"), (2 * HOUR, "152")],
        );
        let drawn = chart(
            metric("weight"),
            Every::Day,
            &[0, 24 * HOUR],
            &[kilos, pounds],
            None,
        );
        let [point] = drawn.points.as_slice() else {
            panic!("{drawn:?}");
        };
        assert_eq!(point.count, 3);
        assert_eq!(point.sum, None);
        // (70 + 2 × 68.49244787) ÷ 3
        assert_eq!(point.mean.unwrap().to_string(), "68.99496525");
        assert_eq!(point.least.unwrap().to_string(), "68.0388555");
        assert_eq!(point.greatest.unwrap().to_string(), "70.0");
        assert_eq!(point.first.unwrap().to_string(), "70.0");
        assert_eq!(point.last.unwrap().to_string(), "68.94604024");
        assert_eq!(drawn.sources.len(), 1);
        assert_eq!(drawn.sources[0].why, Why::Only);
    }

    #[test]
    fn what_lies_outside_the_time_asked_for_is_left_out() {
        let watch = rolled(
            "watch",
            SourceKind::Watch,
            "{steps}",
            &[(0, "1"), (5 * HOUR, "2"), (9 * HOUR, "4")],
        );
        let drawn = chart(
            metric("steps"),
            Every::All,
            &[HOUR, 9 * HOUR],
            &[watch],
            None,
        );
        assert_eq!(sums(&drawn), ["2"]);
        assert_eq!(drawn.sources[0].hours, 1);
        assert!(
            chart(metric("steps"), Every::All, &[], &[], None)
                .points
                .is_empty()
        );
    }

    #[test]
    fn kinds_stand_in_their_order() {
        let all = || {
            SourceKind::ALL
                .iter()
                .map(|kind| source(&format!("{kind:?}"), *kind))
                .collect()
        };
        let keys = |key: &str| -> Vec<String> {
            let ranked = in_order(metric(key), all(), None);
            ranked.into_iter().map(|ranked| ranked.source.key).collect()
        };
        assert_eq!(
            keys("steps"),
            ["Watch", "Device", "Phone", "App", "Unknown", "Person"]
        );
        assert_eq!(
            keys("heart-rate"),
            ["Device", "Watch", "Phone", "App", "Unknown", "Person"]
        );
    }
}
