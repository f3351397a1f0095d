//! Rows made by hand; the real database is read where the vault opens it.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::record::series::{Kind, SampleBatch};

fn map(table: &str, cells: &[(&str, Cell)]) -> (Vec<SampleBatch>, Summary) {
    let table = TABLES.iter().find(|one| one.name == table).unwrap();
    let columns: Vec<String> = cells.iter().map(|(name, _)| (*name).to_owned()).collect();
    let cells: Vec<Cell> = cells.iter().map(|(_, cell)| cell.clone()).collect();
    let row = Row {
        columns: &columns,
        cells: &cells,
    };
    let mut batches = Vec::new();
    let mut sink = |found| {
        if let Found::Batch(batch) = found {
            batches.push(batch);
        }
        ControlFlow::Continue(())
    };
    let mut mapper = Mapper::default();
    assert!(mapper.row(table, row, &mut sink).is_continue());
    let summary = mapper.finish(&mut sink);
    (batches, summary)
}

const AT: i64 = 1_680_722_885_001;

fn instant(column: &'static str, value: Cell) -> Vec<(&'static str, Cell)> {
    vec![
        ("uuid", Cell::Blob(vec![7; 16])),
        ("last_modified_time", Cell::Integer(9)),
        ("recording_method", Cell::Integer(3)),
        ("time", Cell::Integer(AT)),
        ("zone_offset", Cell::Integer(7_200)),
        ("package_name", Cell::Text("org.example".to_owned())),
        (column, value),
    ]
}

#[test]
fn every_table_names_metrics_units_and_states_that_exist() {
    for table in TABLES {
        for content in table.contents {
            match content {
                Content::Number { metric, unit, .. } => {
                    let metric = Metric::from_key(metric).unwrap();
                    assert!(
                        Unit::from_text(unit).unwrap().converts_to(metric.unit()),
                        "{}",
                        table.name
                    );
                }
                Content::State { metric, states, .. } => {
                    let metric = Metric::from_key(metric).unwrap();
                    assert!(states.iter().all(|(_, key)| metric.category(key).is_some()));
                }
                Content::Fixed { metric, state } => {
                    assert!(Metric::from_key(metric).unwrap().category(state).is_some());
                }
                Content::Activity => {
                    let metric = Metric::from_key("activity").unwrap();
                    assert_eq!(metric.kind(), Kind::State);
                    assert!((0..70).all(|kind| metric.category(tables::activity(kind)).is_some()));
                }
                Content::Pressure => (),
            }
        }
    }
}

#[test]
fn grams_seconds_of_offset_and_a_version() {
    let (batches, summary) = map(
        "weight_record_table",
        &instant("weight", Cell::Real(70_500.25)),
    );
    let sample = &batches[0].samples[0];
    assert_eq!(
        (
            batches[0].metric.key(),
            batches[0].unit.ucum(),
            summary.samples
        ),
        ("weight", "g", 1)
    );
    assert_eq!(
        (sample.start, sample.offset, sample.version),
        (AT, Some(120), 9)
    );
    assert!(sample.quality.has(Quality::MANUAL) && sample.id.is_some());
    assert_eq!(
        sample.reading,
        Reading::Value(crate::record::series::Decimal::parse("70500.25").unwrap())
    );
    assert_eq!(batches[0].source.key, "health-connect:org.example||");
}

#[test]
fn a_meal_holds_several_values_and_each_has_its_identity() {
    let mut cells = instant("energy", Cell::Real(500_000.0));
    cells.extend([("protein", Cell::Real(20.0)), ("caffeine", Cell::Null)]);
    let (batches, summary) = map("nutrition_record_table", &cells);
    assert_eq!((batches.len(), summary.refused.len()), (2, 0));
    assert_ne!(
        batches[0].samples[0].identity(),
        batches[1].samples[0].identity()
    );
}

#[test]
fn a_series_row_is_told_apart_by_its_moment() {
    let at = |millis| {
        let mut cells = instant("beats_per_minute", Cell::Integer(72));
        cells.retain(|(name, _)| *name != "time");
        cells.extend([
            ("epoch_millis", Cell::Integer(millis)),
            ("parent_key", Cell::Integer(1)),
        ]);
        map("heart_rate_record_series_table", &cells).0[0].samples[0].identity()
    };
    assert_ne!(at(AT), at(AT + 1));
    assert_eq!(at(AT), at(AT));
}

#[test]
fn what_a_row_lacks_is_refused_by_name() {
    assert_eq!(map("weight_record_table", &[]).1.refused[NO_TIME], 1);
    let text = map(
        "weight_record_table",
        &instant("weight", Cell::Text("heavy".to_owned())),
    );
    assert_eq!(text.1.refused[NO_VALUE], 1);
    let stage = map(
        "sleep_stages_table",
        &instant("stage_type", Cell::Integer(99)),
    );
    assert_eq!(stage.1.refused[NO_VALUE], 1);
    let far = map(
        "weight_record_table",
        &[
            ("time", Cell::Integer(i64::MAX)),
            ("weight", Cell::Integer(1)),
        ],
    );
    assert_eq!(far.1.refused.values().sum::<u64>(), 1);
    let mut mapper = Mapper::default();
    mapper.unknown("mood_record_table", 0);
    mapper.unknown("mood_record_table", 5);
    let summary = mapper.finish(&mut |_| ControlFlow::Continue(()));
    assert_eq!(summary.unknown["mood_record_table"], 5);
}
