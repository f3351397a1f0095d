//! Series for programs: numbers as text, exactly as they are; times in milliseconds since 1970 UTC.

use carnet::record::series::{Decimal, Metric};
use carnet::vault::{
    Chart, ChartSource, Feed, Point, Reason, SampleCounts, SampleRow, Series, Why,
};
use serde_json::{Value, json};

fn text(value: Option<Decimal>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn state(metric: Metric, place: u16) -> Option<&'static str> {
    metric
        .categories()
        .get(usize::from(place))
        .map(|row| row.key)
}

/// What became of the samples of one item, or of several.
pub fn counts<'a>(of: impl Iterator<Item = &'a SampleCounts>) -> Value {
    let mut sum = SampleCounts::default();
    for one in of {
        sum.read += one.read;
        sum.new += one.new;
        sum.kept += one.kept;
        for (kind, count) in &one.unknown {
            *sum.unknown.entry(kind.clone()).or_default() += count;
        }
    }
    json!({ "read": sum.read, "new": sum.new, "unknown": sum.unknown, "kept": sum.kept })
}

/// A series and its last value.
pub fn series(series: &Series) -> Value {
    json!({
        "metric": series.metric.key(),
        "loinc": series.metric.loinc(),
        "unit": series.metric.unit().ucum(),
        "source_unit": series.unit.ucum(),
        "source": series.source.key,
        "source_name": series.source.name,
        "count": series.count,
        "since": series.since,
        "last_at": series.last_at,
        "last": text(series.last),
    })
}

/// One sample.
pub fn sample(metric: Metric, row: &SampleRow) -> Value {
    json!({
        "start": row.start,
        "end": row.end,
        "offset_minutes": row.offset,
        "values": row.values.iter().map(|value| text(*value)).collect::<Vec<_>>(),
        "source_values": row.original.iter().map(|value| text(*value)).collect::<Vec<_>>(),
        "source_unit": row.unit.ucum(),
        "state": row.state.and_then(|place| state(metric, place)),
        "absent": row.absent.map(|reason| reason.code()),
        "quality": row.quality.0,
        "source": row.source,
    })
}

/// What periods come to, and whose samples they are.
pub fn chart(chart: &Chart) -> Value {
    json!({
        "metric": chart.metric.key(),
        "unit": chart.unit.ucum(),
        "points": chart.points.iter().map(|one| point(chart.metric, one)).collect::<Vec<_>>(),
        "sources": chart.sources.iter().map(source).collect::<Vec<_>>(),
    })
}

fn point(metric: Metric, point: &Point) -> Value {
    let component = metric
        .components()
        .get(usize::from(point.part))
        .map(|row| row.key);
    json!({
        "start": point.start,
        "end": point.end,
        "part": component.or(state(metric, point.part)),
        "count": point.count,
        "sum": text(point.sum),
        "mean": text(point.mean),
        "least": text(point.least),
        "greatest": text(point.greatest),
        "first": text(point.first),
        "last": text(point.last),
        "duration_ms": point.span,
        "sources": point.sources,
    })
}

fn source(source: &ChartSource) -> Value {
    json!({
        "source": source.source.key,
        "source_name": source.source.name,
        "why": match source.why {
            Why::Only => "only",
            Why::Chosen => "chosen",
            Why::Kind => "kind",
        },
        "hours": source.hours,
        "hours_left_out": source.left_out,
    })
}

/// A feed and what waits.
pub fn feed(feed: &Feed) -> Value {
    let unread = feed.unread.iter().map(|unread| {
        json!({
            "from": unread.window.start,
            "to": unread.window.end,
            "reason": match unread.reason {
                Reason::Locked => "locked",
                Reason::Quota => "quota",
                Reason::TokenExpired => "token-expired",
                Reason::Interrupted => "interrupted",
                Reason::NotAllowed => "not-allowed",
                Reason::Unreachable => "unreachable",
            },
            "since": unread.since,
        })
    });
    json!({
        "feed": feed.name,
        "has_token": feed.has_token,
        "reached": feed.reached,
        "unread": unread.collect::<Vec<_>>(),
    })
}
