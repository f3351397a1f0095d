//! `carnet chart`: a drawing for the terminal, or an SVG file.
//!
//! Amounts and durations are bars from zero. Levels are a line of means between the least and the greatest, on a scale that
//! begins where they begin: a body temperature drawn from zero shows nothing.

use super::{every, left_out, length, name_of, number, part, period, span, whose, zone};
use crate::arguments::series::{Chart as Arguments, Period};
use crate::console::Console;
use crate::context::Context;
use crate::error::CliResult;
use crate::format::clean;
use crate::json;
use crate::language::Language;
use crate::table::terminal_width;
use crate::texts::{message, series as texts};
use carnet::record::series::Kind;
use carnet::record::series::calendar::Zone;
use carnet::vault::{Chart, Point};
use std::fmt::Write;

/// Periods a terminal shows; earlier ones are told.
const LINES: usize = 40;
/// Width of the bars where no terminal says.
const BAR: usize = 40;
/// Size of an SVG drawing.
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 56.0;

/// Draws a metric.
pub fn run(arguments: &Arguments, context: &mut Context) -> CliResult {
    let metric = super::metric(&arguments.metric)?;
    let zone_name = zone(arguments.time.zone.as_deref());
    let span = span(&arguments.time, &zone_name)?;
    let (vault, person) = whose(arguments.time.person.as_deref(), context)?;
    let period = every(arguments.every.unwrap_or(Period::Day));
    let chart = vault.chart(person.record, metric, period, &zone_name, span)?;
    let zone = Zone::named(&zone_name).map_err(carnet::VaultError::from)?;
    let console = &mut context.console;
    if let Some(out) = &arguments.svg {
        std::fs::write(out, svg(&chart, &zone, console.language))?;
        console.warn(message::EXPORT_IS_PLAIN, &[]);
        let path = out.to_string_lossy();
        if !console.json {
            return console.say(texts::DRAWN, &[&clean(&path)]);
        }
    }
    if console.json {
        return console.json(&json::series::chart(&chart));
    }
    terminal(console, &chart, &zone)
}

/// What of a point is drawn: from where to where, and the mark in between.
fn extent(chart: &Chart, point: &Point) -> Option<(f64, f64, f64)> {
    match chart.metric.kind() {
        Kind::Total => point.sum.map(|sum| (0.0, sum.to_f64(), sum.to_f64())),
        Kind::State => Some((0.0, point.span as f64, point.span as f64)),
        Kind::Level => {
            let (least, greatest) = (point.least?.to_f64(), point.greatest?.to_f64());
            Some((least, greatest, point.mean?.to_f64()))
        }
    }
}

fn told(chart: &Chart, point: &Point, language: Language) -> String {
    let value = match chart.metric.kind() {
        Kind::Total => point.sum,
        Kind::Level => point.mean,
        Kind::State => return length(point.span),
    };
    value
        .map(|value| number(value, language))
        .unwrap_or_default()
}

fn range(chart: &Chart, points: &[&Point]) -> (f64, f64) {
    let extents = points.iter().filter_map(|point| extent(chart, point));
    let (low, high) = extents.fold(
        (f64::INFINITY, f64::NEG_INFINITY),
        |(low, high), (a, b, _)| (low.min(a), high.max(b)),
    );
    match (low.is_finite() && high.is_finite(), high - low) {
        (false, _) => (0.0, 1.0),
        (true, width) if width > 0.0 => (low, high),
        (true, _) => (low - 0.5, high + 0.5),
    }
}

fn terminal(console: &mut Console, chart: &Chart, zone: &Zone) -> CliResult {
    let language = console.language;
    if chart.points.is_empty() {
        return console.say(message::NOTHING, &[]);
    }
    let unit = chart.unit.ucum();
    console.heading(&format!("{} ({unit})", name_of(chart.metric, language)))?;
    let skipped = chart.points.len().saturating_sub(LINES);
    if skipped > 0 {
        let count = crate::format::integer(skipped as u64, language);
        console.say(texts::MORE_POINTS, &[&count])?;
    }
    let points: Vec<&Point> = chart.points.iter().skip(skipped).collect();
    let labels = points
        .iter()
        .map(|point| label(chart, point, zone, language));
    let labels: Vec<String> = labels.collect();
    let widest = labels
        .iter()
        .map(|label| label.chars().count())
        .max()
        .unwrap_or_default();
    let room =
        terminal_width().map_or(BAR, |width| width.saturating_sub(widest + 16).clamp(10, 60));
    let (low, high) = range(chart, &points);
    for (point, label) in points.iter().zip(&labels) {
        let bar = bar(chart, point, (low, high), room);
        let value = told(chart, point, language);
        let pad = " ".repeat(widest - label.chars().count());
        console.line(format!("{label}{pad}  {bar}  {value}").trim_end())?;
    }
    sources(console, chart)?;
    left_out(console, chart)
}

fn label(chart: &Chart, point: &Point, zone: &Zone, language: Language) -> String {
    let when = period(chart.every, point.start, zone, language);
    let part = part(chart.metric, point.part, language);
    let gap = if part.is_empty() { "" } else { " " };
    format!("{when}{gap}{part}")
}

fn bar(chart: &Chart, point: &Point, (low, high): (f64, f64), room: usize) -> String {
    let Some((from, to, mark)) = extent(chart, point) else {
        return " ".repeat(room);
    };
    let cell = |value: f64| ((value - low) / (high - low) * (room - 1) as f64).round() as usize;
    let (from, to, mark) = (cell(from), cell(to), cell(mark));
    let level = chart.metric.kind() == Kind::Level;
    (0..room)
        .map(|at| match (level, at) {
            (true, at) if at == mark => '●',
            (true, at) if (from..=to).contains(&at) => '─',
            (false, at) if at <= to && to > 0 => '█',
            _ => ' ',
        })
        .collect()
}

fn sources(console: &mut Console, chart: &Chart) -> CliResult {
    let used = chart.sources.iter().filter(|source| source.hours > 0);
    let names: Vec<String> = used.map(|source| clean(&source.source.name)).collect();
    console.say(texts::FROM_SOURCES, &[&names.join(", ")])
}

/// From where to where a drawing reaches, and how far its lines are apart.
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

/// Lines at round values, one, two or five of a power of ten apart; of durations at quarters of the longest.
fn scale((low, high): (f64, f64), kind: Kind) -> Scale {
    let quarter = (high - low) / 4.0;
    if kind == Kind::State {
        return Scale {
            low,
            high,
            step: quarter,
        };
    }
    let power = 10_f64.powf(quarter.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|times| times * power);
    let step = round.into_iter().find(|step| *step >= quarter);
    let step = step.unwrap_or(10.0 * power);
    Scale {
        low: (low / step).floor() * step,
        high: (high / step).ceil() * step,
        step,
    }
}

/// The drawing as SVG: no script, no font, no address.
pub fn svg(chart: &Chart, zone: &Zone, language: Language) -> String {
    let points: Vec<&Point> = chart.points.iter().collect();
    let Scale { low, high, step } = scale(range(chart, &points), chart.metric.kind());
    let digits = (-step.log10()).ceil().max(0.0) as usize;
    let start = points.first().map_or(0, |point| point.start);
    let end = points.last().map_or(1, |point| point.end).max(start + 1);
    let x = |at: i64| MARGIN + (at - start) as f64 / (end - start) as f64 * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| HEIGHT - MARGIN - (value - low) / (high - low) * (HEIGHT - 2.0 * MARGIN);
    let mut out = String::new();
    let title = escaped(&format!(
        "{} ({})",
        name_of(chart.metric, language),
        chart.unit.ucum()
    ));
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n<title>{title}</title>\n\
         <text x=\"{MARGIN}\" y=\"28\" font-size=\"17\" fill=\"#222\">{title}</text>\n"
    );
    let lines = ((high - low) / step).round() as u32;
    for line in 0..=lines {
        let value = low + step * f64::from(line);
        let text = match chart.metric.kind() {
            Kind::State => length(value as u64),
            _ => crate::format::decimal(&format!("{value:.digits$}"), language),
        };
        let _ = writeln!(
            out,
            "<line x1=\"{MARGIN}\" x2=\"{:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
            WIDTH - MARGIN,
            y(value),
            y(value),
            MARGIN - 6.0,
            y(value) + 4.0,
            escaped(&text)
        );
    }
    draw(&mut out, chart, &points, &x, &y);
    for (at, anchor) in [(points.first(), "start"), (points.last(), "end")] {
        if let Some(point) = at {
            let place = if anchor == "start" {
                MARGIN
            } else {
                WIDTH - MARGIN
            };
            let text = escaped(&period(chart.every, point.start, zone, language));
            let _ = writeln!(
                out,
                "<text x=\"{place}\" y=\"{:.1}\" text-anchor=\"{anchor}\" fill=\"#555\">{text}</text>",
                HEIGHT - MARGIN + 22.0
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

const COLOURS: [&str; 8] = [
    "#1b6ca8", "#c2410c", "#3f7d3a", "#7b4ea3", "#a8741a", "#0f766e", "#b0305c", "#555555",
];

fn draw(
    out: &mut String,
    chart: &Chart,
    points: &[&Point],
    x: &dyn Fn(i64) -> f64,
    y: &dyn Fn(f64) -> f64,
) {
    let parts: std::collections::BTreeSet<u16> = points.iter().map(|point| point.part).collect();
    let level = chart.metric.kind() == Kind::Level;
    for (at, part) in parts.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let mut line = String::new();
        for point in points.iter().filter(|point| point.part == *part) {
            let Some((from, to, mark)) = extent(chart, point) else {
                continue;
            };
            let width = (x(point.end) - x(point.start)).max(1.0) / parts.len() as f64 * 0.8;
            let left = x(point.start) + if level { 0.0 } else { width / 0.8 * at as f64 };
            let (top, height) = (y(to), (y(from) - y(to)).max(1.0));
            let opacity = if level { 0.25 } else { 0.85 };
            let _ = writeln!(
                out,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\" opacity=\"{opacity}\"/>"
            );
            let _ = write!(line, "{:.1},{:.1} ", left + width / 2.0, y(mark));
        }
        if level {
            let _ = writeln!(
                out,
                "<polyline points=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
            );
        }
    }
}

fn escaped(text: &str) -> String {
    let text = clean(text).replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use carnet::record::series::{Decimal, Metric};
    use carnet::vault::Every;

    fn chart(key: &str, values: &[&str]) -> Chart {
        let day = 86_400_000;
        let decimal = |text: &str| Decimal::parse(text);
        let points = (0..).zip(values).map(|(at, value)| Point {
            start: at * day,
            end: (at + 1) * day,
            part: 0,
            count: 1,
            sum: decimal(value),
            mean: decimal(value),
            least: decimal(value),
            greatest: decimal(value),
            first: None,
            last: None,
            span: 0,
            sources: Vec::new(),
        });
        let metric = Metric::from_key(key).unwrap();
        Chart {
            metric,
            unit: metric.unit(),
            every: Every::Day,
            points: points.collect(),
            sources: Vec::new(),
        }
    }

    #[test]
    fn bars_begin_at_zero_and_levels_where_they_begin() {
        let steps = chart("steps", &["50", "100", "0"]);
        let range = (0.0, 100.0);
        let bars: Vec<usize> = steps
            .points
            .iter()
            .map(|point| bar(&steps, point, range, 11).matches('█').count())
            .collect();
        assert_eq!(bars, [6, 11, 0]);
        let weight = chart("weight", &["70", "72"]);
        let points: Vec<&Point> = weight.points.iter().collect();
        assert_eq!(super::range(&weight, &points), (70.0, 72.0));
    }

    #[test]
    fn a_chart_for_the_terminal_names_days_in_the_language() {
        let utc = Zone::named("UTC").unwrap();
        for (language, day, value) in [
            (Language::Fr, "01/01/1970", "12,5"),
            (Language::En, "1970-01-01", "12.5"),
        ] {
            let (mut console, printed) = console(language);
            terminal(&mut console, &chart("weight", &["12.5", "13"]), &utc).unwrap();
            console.flush().unwrap();
            let text = printed.text();
            assert!(text.contains(day) && text.contains(value), "{text}");
        }
    }

    #[test]
    fn the_lines_of_an_svg_lie_at_round_values() {
        for (range, kind, lines) in [
            ((50.0, 87.0), Kind::Level, (50.0, 90.0, 10.0)),
            ((36.4, 39.1), Kind::Level, (36.0, 40.0, 1.0)),
            ((0.0, 12_345.0), Kind::Total, (0.0, 15_000.0, 5_000.0)),
            ((0.0, 28_800.0), Kind::State, (0.0, 28_800.0, 7_200.0)),
        ] {
            let Scale { low, high, step } = scale(range, kind);
            assert_eq!((low, high, step), lines, "{range:?}");
        }
        let utc = Zone::named("UTC").unwrap();
        let drawn = svg(&chart("weight", &["70.1", "71"]), &utc, Language::Fr);
        assert!(drawn.contains(">70,5</text>"), "{drawn}");
    }

    #[test]
    fn an_svg_is_drawn_of_anything_and_holds_no_markup_of_others() {
        let utc = Zone::named("UTC").unwrap();
        for values in [&[][..], &["5"], &["1", "2", "3"]] {
            for key in ["steps", "weight", "sleep"] {
                let drawn = svg(&chart(key, values), &utc, Language::Fr);
                assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
                assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
            }
        }
        assert_eq!(escaped("<a&b>"), "&lt;a&amp;b&gt;");
    }
}
