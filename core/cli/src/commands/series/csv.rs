//! Samples as CSV: one on each line, numbers with a point, times with their offset, the same in every language.

use crate::console::Console;
use crate::error::{CliError, CliResult, Exit};
use crate::language::{Language, Text};
use crate::texts::series as texts;
use carnet::record::series::calendar::utc_wall;
use carnet::record::series::{
    Decimal, Metric, Quality, Reading, Sample, SampleBatch, Source, SourceKind, Unit,
};
use carnet::record::time::parse_instant;
use carnet::vault::{Chart, SampleRow};

const HEADINGS: &str = "metric,unit,start,end,value";

/// Writes samples as [`read`] reads them.
pub fn samples(console: &mut Console, metric: Metric, rows: &[SampleRow]) -> CliResult {
    console.line(&format!("{HEADINGS},source"))?;
    for row in rows {
        let state = row
            .state
            .and_then(|place| metric.categories().get(usize::from(place)));
        let numbers = row
            .original
            .iter()
            .map(|value| value.map(|value| value.to_string()));
        let numbers: Vec<String> = numbers.map(Option::unwrap_or_default).collect();
        let value = match (state, row.absent) {
            (Some(state), _) => state.key.to_owned(),
            (_, Some(reason)) => reason.code().to_owned(),
            _ => numbers.join("/"),
        };
        let time = |at| instant(at, row.offset);
        let end = if row.end == row.start {
            String::new()
        } else {
            time(row.end)
        };
        let (key, unit) = (metric.key(), row.unit.ucum());
        let source = quoted(&row.source);
        console.line(&format!(
            "{key},{unit},{},{end},{value},{source}",
            time(row.start)
        ))?;
    }
    Ok(())
}

/// Writes what periods come to.
pub fn points(console: &mut Console, chart: &Chart) -> CliResult {
    console
        .line("metric,unit,part,start,end,count,sum,mean,least,greatest,first,last,duration_ms")?;
    for point in &chart.points {
        let part = usize::from(point.part);
        let component = chart.metric.components().get(part).map(|row| row.key);
        let state = chart.metric.categories().get(part).map(|row| row.key);
        let numbers = [
            point.sum,
            point.mean,
            point.least,
            point.greatest,
            point.first,
            point.last,
        ];
        let numbers = numbers.map(|value| value.map(|value| value.to_string()).unwrap_or_default());
        console.line(&format!(
            "{},{},{},{},{},{},{},{}",
            chart.metric.key(),
            chart.metric.unit_of_component(part).ucum(),
            component.or(state).unwrap_or_default(),
            instant(point.start, None),
            instant(point.end, None),
            point.count,
            numbers.join(","),
            point.span
        ))?;
    }
    Ok(())
}

/// A field that may hold anything; a formula of a spreadsheet is no formula any more.
fn quoted(text: &str) -> String {
    let text = crate::format::clean(text);
    let apostrophe = if text.starts_with(['=', '+', '-', '@']) {
        "'"
    } else {
        ""
    };
    format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
}

fn instant(at: i64, offset: Option<i16>) -> String {
    let wall = utc_wall(at + i64::from(offset.unwrap_or_default()) * 60_000);
    match offset {
        None | Some(0) => format!("{wall}Z"),
        Some(offset) => {
            let sign = if offset < 0 { '-' } else { '+' };
            let minutes = offset.unsigned_abs();
            format!("{wall}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

/// Reads samples, of as many metrics as there are.
pub fn read(text: &str, source: &str, language: Language) -> CliResult<Vec<SampleBatch>> {
    let mut lines = (1_u64..).zip(text.lines());
    let refuse = |line: u64, why: Text| {
        let number = crate::format::integer(line, language);
        CliError::said(
            Exit::Invalid,
            texts::BAD_LINE,
            &[&number, why.pick(language)],
        )
    };
    let headings = lines.next().map(|(_, line)| line.trim());
    if !headings.is_some_and(|line| line.starts_with(HEADINGS)) {
        return Err(refuse(1, texts::L_HEADINGS));
    }
    let mut batches: Vec<SampleBatch> = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let (metric, unit, sample) = line_of(line).map_err(|why| refuse(number, why))?;
        match batches
            .iter_mut()
            .find(|batch| batch.metric == metric && batch.unit == unit)
        {
            Some(batch) => batch.samples.push(sample),
            None => batches.push(SampleBatch {
                metric,
                unit,
                source: Source {
                    key: source.to_owned(),
                    name: source.to_owned(),
                    kind: SourceKind::Unknown,
                },
                samples: vec![sample],
            }),
        }
    }
    Ok(batches)
}

fn line_of(line: &str) -> Result<(Metric, Unit, Sample), Text> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let [metric, unit, start, end, value, ..] = *fields.as_slice() else {
        return Err(texts::L_FIELDS);
    };
    let metric = Metric::from_key(metric).ok_or(texts::L_METRIC)?;
    let unit = Unit::from_text(unit)
        .filter(|unit| unit.converts_to(metric.unit()))
        .ok_or(texts::L_UNIT)?;
    let (start, offset) = time(start).ok_or(texts::L_TIME)?;
    let end = match end {
        "" => start,
        end => time(end).ok_or(texts::L_TIME)?.0,
    };
    let sample = Sample {
        start,
        end,
        offset: Some(offset),
        reading: reading(metric, value).ok_or(texts::L_VALUE)?,
        quality: Quality::default(),
        id: None,
        version: 0,
    };
    sample.check(metric).map_err(|_| texts::L_VALUE)?;
    Ok((metric, unit, sample))
}

/// An instant in milliseconds, and the minutes east of UTC that were written.
fn time(text: &str) -> Option<(i64, i16)> {
    let (seconds, nanos) = parse_instant(text)?;
    let millis = seconds
        .checked_mul(1_000)?
        .checked_add(i64::from(nanos / 1_000_000))?;
    let as_utc = format!("{}Z", text.get(..19)?);
    let (wall, _) = parse_instant(&as_utc)?;
    Some((millis, i16::try_from((wall - seconds) / 60).ok()?))
}

fn reading(metric: Metric, text: &str) -> Option<Reading> {
    if !metric.categories().is_empty() {
        return metric.category(text).map(Reading::Category);
    }
    if metric.components().is_empty() {
        return Decimal::parse(text).map(Reading::Value);
    }
    let mut values = Vec::new();
    for part in text.split('/') {
        values.push(match part {
            "" => None,
            part => Some(Decimal::parse(part)?),
        });
    }
    (values.len() <= metric.width()).then(|| {
        values.resize(metric.width(), None);
        Reading::Components(values)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_become_samples_of_their_series() {
        let text = "metric,unit,start,end,value\n\
            steps,{count},2026-11-30T08:00:00+01:00,2026-11-30T08:10:00+01:00,420\n\
            blood-pressure,mm[Hg],2026-11-30T08:00:00.250+01:00,,121/79\n\n\
            steps,{count},2026-11-30T08:10:00+01:00,2026-11-30T08:20:00+01:00,7\n\
            sleep,1,2026-11-30T01:00:00Z,2026-11-30T02:30:00Z,deep\n";
        let batches = read(text, "Montre", Language::Fr).unwrap();
        let told: Vec<_> = batches
            .iter()
            .map(|batch| (batch.metric.key(), batch.samples.len()))
            .collect();
        assert_eq!(told, [("steps", 2), ("blood-pressure", 1), ("sleep", 1)]);
        let first = &batches[0].samples[0];
        assert_eq!((first.end - first.start, first.offset), (600_000, Some(60)));
        assert_eq!(batches[1].samples[0].start % 1_000, 250);
        assert_eq!(
            instant(batches[1].samples[0].start, Some(60)),
            "2026-11-30T08:00:00.250+01:00"
        );
        assert_eq!(batches[2].samples[0].reading, Reading::Category(4));
    }

    #[test]
    fn a_bad_line_is_named_with_what_is_wrong() {
        let line = |line: &str| {
            let text = format!("{HEADINGS}\n{line}\n");
            let error = read(&text, "x", Language::En).unwrap_err();
            error.line(Language::En).unwrap()
        };
        assert!(line("steps,kg,2026-11-30T08:00:00Z,,1").contains("line 2"));
        assert!(line("moods,1,2026-11-30T08:00:00Z,,1").contains("metric"));
        assert!(line("steps,{count},2026-11-30,,1").contains("times"));
        assert!(line("steps,{count},2026-11-30T08:00:00Z,,many").contains("value"));
        assert!(line("blood-pressure,mm[Hg],2026-11-30T08:00:00Z,,1/2/3/4/5").contains("value"));
        assert!(line("steps,{count}").contains("five"));
        assert!(read("steps", "x", Language::En).is_err());
    }

    #[test]
    fn a_source_cannot_be_a_formula() {
        assert_eq!(quoted("=1+1\"x"), "\"'=1+1\"\"x\"");
    }
}
