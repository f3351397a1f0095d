//! `carnet series`, `samples`, `ingest`: what devices measure.

use crate::arguments::series::{Ingest, Period, Samples, SeriesAction, SeriesCommand, Time};
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, decimal, integer, recorded, when};
use crate::json;
use crate::language::{Language, Text};
use crate::table::{self, Column};
use crate::texts::{message, series as texts};
use carnet::Vault;
use carnet::record::series::calendar::Zone;
use carnet::record::series::{Decimal, Kind, Metric};
use carnet::vault::{Chart, Every, Feed, Person, Point, Reason, SampleRow, Series, Why};
use std::ops::Range;

mod csv;
pub mod plot;

/// Most samples of one answer.
const MOST: usize = 1_000_000;

/// Lists series, orders their sources, tells what waits.
pub fn run(command: &SeriesCommand, context: &mut Context) -> CliResult {
    match &command.action {
        None => list(command.person.as_deref(), context),
        Some(SeriesAction::Status(status)) => feeds(status.person.as_deref(), context),
        Some(SeriesAction::Priority(priority)) => {
            let (vault, person) = whose(priority.person.as_deref(), context)?;
            let metric = metric(&priority.metric)?;
            if priority.sources.is_empty() {
                let chart = vault.chart(person.record, metric, Every::All, "UTC", None)?;
                return order(&mut context.console, &chart);
            }
            vault.prefer_sources(person.record, metric, &priority.sources)?;
            let chart = vault.chart(person.record, metric, Every::All, "UTC", None)?;
            let console = &mut context.console;
            if console.json {
                return console.json(&json::series::chart(&chart));
            }
            console.say(texts::ORDER_KEPT, &[])?;
            order(console, &chart)
        }
    }
}

fn whose(named: Option<&str>, context: &Context) -> CliResult<(Vault, Person)> {
    let vault = context.open()?;
    let person = context::person(vault.persons()?, named)?;
    Ok((vault, person))
}

fn metric(typed: &str) -> CliResult<Metric> {
    Metric::from_key(typed)
        .ok_or_else(|| CliError::said(Exit::Invalid, texts::BAD_METRIC, &[typed]))
}

/// What people call a metric.
pub fn name_of(metric: Metric, language: Language) -> &'static str {
    let name = Text {
        fr: metric.fr(),
        en: metric.en(),
    };
    name.pick(language)
}

fn list(named: Option<&str>, context: &mut Context) -> CliResult {
    let (vault, person) = whose(named, context)?;
    let series = vault.series(person.record)?;
    let console = &mut context.console;
    if console.json {
        return console.json(&series.iter().map(json::series::series).collect());
    }
    if series.is_empty() {
        return console.say(message::NOTHING, &[]);
    }
    let columns = [
        Column::new(texts::H_METRIC),
        Column::new(texts::H_LAST),
        Column::new(texts::H_WHEN),
        Column::number(texts::H_COUNT),
        Column::new(texts::H_SOURCE),
        Column::spare(texts::H_KEY),
    ];
    let language = console.language;
    let rows: Vec<Vec<String>> = series
        .iter()
        .map(|one| {
            vec![
                name_of(one.metric, language).to_owned(),
                last(one, language),
                recorded(one.last_at, language),
                integer(one.count, language),
                clean(&one.source.name),
                clean(&one.source.key),
            ]
        })
        .collect();
    table::print(console, &columns, &rows)
}

fn last(series: &Series, language: Language) -> String {
    let Some(value) = series.last else {
        return String::new();
    };
    match state(
        series.metric,
        u16::try_from(value.mantissa()).unwrap_or(u16::MAX),
        language,
    ) {
        Some(state) => state.to_owned(),
        None => with_unit(series.metric, 0, value, language),
    }
}

fn state(metric: Metric, place: u16, language: Language) -> Option<&'static str> {
    let state = metric.categories().get(usize::from(place))?;
    let name = Text {
        fr: state.fr,
        en: state.en,
    };
    Some(name.pick(language))
}

/// A number as people read it, with at most two places more than needed to tell it.
pub fn number(value: Decimal, language: Language) -> String {
    let places = value.places().min(2);
    let shown = match value.at(places) {
        Some(_) => value.trimmed(),
        None => Decimal::parse(&format!("{:.2}", value.to_f64())).unwrap_or(value),
    };
    decimal(&shown.to_string(), language)
}

fn with_unit(metric: Metric, part: usize, value: Decimal, language: Language) -> String {
    let unit = metric.unit_of_component(part).ucum();
    let unit = match unit {
        "1" | "{count}" | "{steps}" => String::new(),
        "mm[Hg]" => " mmHg".to_owned(),
        "Cel" => " °C".to_owned(),
        unit => format!(" {unit}"),
    };
    format!("{}{unit}", number(value, language))
}

fn feeds(named: Option<&str>, context: &mut Context) -> CliResult {
    let (vault, person) = whose(named, context)?;
    let feeds = vault.feeds(person.record)?;
    let console = &mut context.console;
    if console.json {
        return console.json(&feeds.iter().map(json::series::feed).collect());
    }
    if feeds.is_empty() {
        return console.say(message::NOTHING, &[]);
    }
    let columns = [
        Column::new(texts::H_FEED),
        Column::new(texts::H_REACHED),
        Column::new(texts::H_WAITS),
        Column::new(texts::H_WHY),
        Column::new(texts::H_SINCE),
    ];
    let language = console.language;
    let rows: Vec<Vec<String>> = feeds
        .iter()
        .flat_map(|feed| feed_rows(feed, language))
        .collect();
    table::print(console, &columns, &rows)
}

fn feed_rows(feed: &Feed, language: Language) -> Vec<Vec<String>> {
    let time = |millis| recorded(millis, language);
    let head = [
        clean(&feed.name),
        feed.reached.map(time).unwrap_or_default(),
    ];
    if feed.unread.is_empty() {
        let nothing = texts::UP_TO_DATE.pick(language).to_owned();
        return vec![[head.to_vec(), vec![nothing, String::new(), String::new()]].concat()];
    }
    let unread = feed.unread.iter().map(|unread| {
        let window = format!(
            "{} – {}",
            time(unread.window.start),
            time(unread.window.end)
        );
        let why = reason(unread.reason).pick(language).to_owned();
        [head.to_vec(), vec![window, why, time(unread.since)]].concat()
    });
    unread.collect()
}

fn reason(reason: Reason) -> Text {
    match reason {
        Reason::Locked => texts::LOCKED,
        Reason::Quota => texts::QUOTA,
        Reason::TokenExpired => texts::TOKEN_EXPIRED,
        Reason::Interrupted => texts::INTERRUPTED,
        Reason::NotAllowed => texts::NOT_ALLOWED,
        Reason::Unreachable => texts::UNREACHABLE,
    }
}

fn order(console: &mut Console, chart: &Chart) -> CliResult {
    if console.json {
        return console.json(&json::series::chart(chart));
    }
    let columns = [
        Column::number(texts::H_RANK),
        Column::new(texts::H_SOURCE),
        Column::new(texts::H_KEY),
        Column::new(texts::H_WHY),
        Column::number(texts::H_HOURS),
        Column::number(texts::H_LEFT_OUT),
    ];
    let language = console.language;
    let rows: Vec<Vec<String>> = (1..)
        .zip(&chart.sources)
        .map(|(rank, source)| {
            let why = match source.why {
                Why::Only => texts::ONLY,
                Why::Chosen => texts::CHOSEN,
                Why::Kind => texts::BY_KIND,
            };
            vec![
                integer(rank, language),
                clean(&source.source.name),
                clean(&source.source.key),
                why.pick(language).to_owned(),
                integer(source.hours, language),
                integer(source.left_out, language),
            ]
        })
        .collect();
    table::print(console, &columns, &rows)
}

/// The zone of days and hours: the one named, else the machine's.
pub fn zone(named: Option<&str>) -> String {
    let from_variable = || std::env::var("TZ").ok().filter(|name| !name.is_empty());
    let from_link = || {
        let link = std::fs::read_link("/etc/localtime").ok()?;
        let path = link.to_str()?.to_owned();
        path.split_once("zoneinfo/")
            .map(|(_, name)| name.to_owned())
    };
    named
        .map(str::to_owned)
        .or_else(from_variable)
        .or_else(from_link)
        .unwrap_or_else(|| "UTC".to_owned())
}

/// The span asked for; none means all.
pub fn span(time: &Time, zone: &str) -> CliResult<Option<Range<i64>>> {
    let zone = Zone::named(zone).map_err(carnet::VaultError::from)?;
    let day = |typed: &Option<String>| {
        let bad = |typed: &str| CliError::said(Exit::Invalid, texts::BAD_DAY, &[typed]);
        typed
            .as_deref()
            .map(|typed| zone.day(typed).map_err(|_| bad(typed)))
            .transpose()
    };
    let (from, to) = (day(&time.from)?, day(&time.to)?);
    if from.is_none() && to.is_none() {
        return Ok(None);
    }
    // A thousand years either side: the engine asks only for what is there.
    const FAR: i64 = 30_000_000_000_000;
    Ok(Some(
        from.map_or(-FAR, |day| day.start)..to.map_or(FAR, |day| day.end),
    ))
}

/// The engine's word for a period.
pub fn every(period: Period) -> Every {
    match period {
        Period::Hour => Every::Hour,
        Period::Day => Every::Day,
        Period::Week => Every::Week,
        Period::Month => Every::Month,
        Period::All => Every::All,
    }
}

/// Samples, or what they come to.
pub fn samples(arguments: &Samples, context: &mut Context) -> CliResult {
    let metric = metric(&arguments.metric)?;
    let zone = zone(arguments.time.zone.as_deref());
    let span = span(&arguments.time, &zone)?;
    let (vault, person) = whose(arguments.time.person.as_deref(), context)?;
    let console = &mut context.console;
    if let Some(period) = arguments.every {
        let chart = vault.chart(person.record, metric, every(period), &zone, span)?;
        return points(console, &chart, &zone, arguments.csv);
    }
    let span = span.unwrap_or(i64::MIN / 2..i64::MAX / 2);
    let source = arguments.source.as_deref();
    let rows = vault.samples(person.record, metric, &span, source, MOST)?;
    if console.json {
        return console.json(
            &rows
                .iter()
                .map(|row| json::series::sample(metric, row))
                .collect(),
        );
    }
    match arguments.csv {
        true => csv::samples(console, metric, &rows),
        false => sample_table(console, metric, &zone, &rows),
    }
}

fn sample_table(
    console: &mut Console,
    metric: Metric,
    zone: &str,
    rows: &[SampleRow],
) -> CliResult {
    if rows.is_empty() {
        return console.say(message::NOTHING, &[]);
    }
    let columns = [
        Column::new(texts::H_WHEN),
        Column::number(texts::H_VALUE),
        Column::spare(texts::H_DURATION),
        Column::new(texts::H_SOURCE),
    ];
    let language = console.language;
    let zone = Zone::named(zone).map_err(carnet::VaultError::from)?;
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                when(&zone.wall(row.start).0, language),
                value(metric, row, language),
                length((row.end - row.start).unsigned_abs()),
                clean(&row.source),
            ]
        })
        .collect();
    table::print(console, &columns, &rows)
}

fn value(metric: Metric, row: &SampleRow, language: Language) -> String {
    if let Some(state) = row.state.and_then(|place| state(metric, place, language)) {
        return state.to_owned();
    }
    let values = row.values.iter().map(|value| match value {
        Some(value) => number(*value, language),
        None => "–".to_owned(),
    });
    let values: Vec<String> = values.collect();
    let unit = with_unit(metric, 0, Decimal::default(), language);
    let unit = unit.strip_prefix('0').unwrap_or_default();
    match row.absent {
        Some(reason) => reason.code().to_owned(),
        None => format!("{}{unit}", values.join("/")),
    }
}

/// Hours and minutes; nothing for an instant.
pub fn length(millis: u64) -> String {
    let minutes = millis / 60_000;
    match (minutes / 60, minutes % 60, millis) {
        (_, _, 0) => String::new(),
        (0, 0, _) => format!("{} s", millis / 1_000),
        (0, minutes, _) => format!("{minutes} min"),
        (hours, minutes, _) => format!("{hours} h {minutes:02}"),
    }
}

fn points(console: &mut Console, chart: &Chart, zone: &str, csv: bool) -> CliResult {
    if console.json {
        return console.json(&json::series::chart(chart));
    }
    if csv {
        return csv::points(console, chart);
    }
    if chart.points.is_empty() {
        return console.say(message::NOTHING, &[]);
    }
    let several = chart.points.iter().any(|point| point.part > 0);
    let columns = [
        Column::new(texts::H_WHEN),
        Column::new(texts::H_PART),
        Column::number(texts::H_COUNT),
        Column::number(texts::H_SUM),
        Column::number(texts::H_MEAN),
        Column::number(texts::H_LEAST),
        Column::number(texts::H_GREATEST),
        Column::number(texts::H_DURATION),
        Column::spare(texts::H_SOURCE),
    ];
    let language = console.language;
    let zone = Zone::named(zone).map_err(carnet::VaultError::from)?;
    let rows: Vec<Vec<String>> = chart
        .points
        .iter()
        .map(|point| point_row(chart, point, &zone, several, language))
        .collect();
    table::print(console, &columns, &rows)?;
    left_out(console, chart)
}

fn point_row(
    chart: &Chart,
    point: &Point,
    zone: &Zone,
    several: bool,
    language: Language,
) -> Vec<String> {
    let kind = chart.metric.kind();
    let shown = |value: Option<Decimal>, wanted: bool| {
        let value = value.filter(|_| wanted);
        value
            .map(|value| number(value, language))
            .unwrap_or_default()
    };
    let names: Vec<String> = point
        .sources
        .iter()
        .filter_map(|place| chart.sources.get(*place))
        .map(|source| clean(&source.source.name))
        .collect();
    vec![
        period(chart.every, point.start, zone, language),
        if several {
            part(chart.metric, point.part, language).to_owned()
        } else {
            String::new()
        },
        integer(point.count, language),
        shown(point.sum, kind == Kind::Total),
        shown(point.mean, kind == Kind::Level),
        shown(point.least, kind == Kind::Level),
        shown(point.greatest, kind == Kind::Level),
        if kind == Kind::State {
            length(point.span)
        } else {
            String::new()
        },
        names.join(", "),
    ]
}

/// What a period is called: its day, or its day and hour.
pub fn period(every: Every, start: i64, zone: &Zone, language: Language) -> String {
    let wall = zone.wall(start).0;
    match every {
        Every::Hour => when(&wall, language),
        Every::Month => when(wall.get(..7).unwrap_or_default(), language),
        _ => when(wall.get(..10).unwrap_or_default(), language),
    }
}

/// What a component or state is called.
pub fn part(metric: Metric, part: u16, language: Language) -> &'static str {
    let place = usize::from(part);
    let component = metric.components().get(place).map(|row| Text {
        fr: row.fr,
        en: row.en,
    });
    match component {
        Some(name) => name.pick(language),
        None => state(metric, part, language).unwrap_or_default(),
    }
}

/// Says which sources were left out of which hours.
pub fn left_out(console: &mut Console, chart: &Chart) -> CliResult {
    let language = console.language;
    for source in chart.sources.iter().filter(|source| source.left_out > 0) {
        let hours = integer(source.left_out, language);
        console.say(texts::LEFT_OUT, &[&hours, &clean(&source.source.name)])?;
    }
    Ok(())
}

/// Takes samples from a file.
pub fn ingest(arguments: &Ingest, context: &mut Context) -> CliResult {
    let text = std::fs::read_to_string(&arguments.file)?;
    let batches = csv::read(&text, &arguments.source, context.console.language)?;
    let (vault, person) = whose(arguments.person.as_deref(), context)?;
    let ingest = carnet::vault::Ingest {
        feed: arguments.source.clone(),
        batches,
        deletions: Vec::new(),
        token: None,
        window: None,
    };
    let done = vault.ingest(person.record, &ingest)?;
    let console = &mut context.console;
    if console.json {
        return console.json(&serde_json::json!({ "new": done.new, "known": done.known }));
    }
    let language = console.language;
    let counts = [integer(done.new, language), integer(done.known, language)];
    console.say(texts::INGESTED, &[&counts[0], &counts[1]])
}
