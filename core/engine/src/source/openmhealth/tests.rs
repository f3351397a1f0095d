//! The schemas' own test documents, and what a sample becomes.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::record::series::SampleBatch;
use crate::source::corpus_tests::corpus;
use proptest::prelude::*;
use serde_json::json;
use std::path::Path;

fn read(text: &str) -> (Vec<SampleBatch>, Summary) {
    let mut batches = Vec::new();
    let summary = read_openmhealth(text.as_bytes(), &mut |found| {
        if let Found::Batch(batch) = found {
            batches.push(batch);
        }
        ControlFlow::Continue(())
    });
    (batches, summary.unwrap())
}

fn point(schema: &str, version: &str, body: &Value) -> Value {
    json!({
        "header": {
            "id": "123e4567-e89b-12d3-a456-426655440000",
            "creation_date_time": "2013-02-05T07:25:00Z",
            "schema_id": { "namespace": "omh", "name": schema, "version": version },
            "acquisition_provenance": { "source_name": "RunKeeper", "modality": "sensed" },
        },
        "body": body,
    })
}

const STEPS: &str = r#"{"step_count":{"value":10600,"unit":"steps"},"effective_time_frame":{"time_interval":{"start_date_time":"2016-02-05T06:25:00+01:00","end_date_time":"2016-02-05T07:25:00+01:00"}}}"#;

#[test]
fn a_body_alone_an_array_and_lines() {
    for text in [
        STEPS.to_owned(),
        format!("[{STEPS}]"),
        format!("{STEPS}\n"),
        point("step-count", "3.0", &serde_json::from_str(STEPS).unwrap()).to_string(),
    ] {
        let (batches, summary) = read(&text);
        let sample = &batches[0].samples[0];
        assert_eq!((batches[0].metric.key(), summary.samples), ("steps", 1));
        assert_eq!(
            sample.reading,
            Reading::Value(Decimal::new(10_600, 0).unwrap())
        );
        assert_eq!(
            (sample.end - sample.start, sample.offset),
            (3_600_000, Some(60))
        );
    }
    assert_eq!(read(&format!("{STEPS}\n{STEPS}")).1.samples, 2);
}

#[test]
fn a_header_gives_identity_source_and_modality() {
    let mut typed = point("step-count", "3.0", &serde_json::from_str(STEPS).unwrap());
    typed["header"]["acquisition_provenance"]["modality"] = json!("self-reported");
    let (batches, _) = read(&typed.to_string());
    let sample = &batches[0].samples[0];
    assert!(sample.quality.has(Quality::MANUAL));
    assert_eq!(batches[0].source.key, "openmhealth:RunKeeper");
    let again = read(&typed.to_string()).0[0].samples[0].identity();
    assert_eq!(sample.identity(), again);
}

#[test]
fn what_is_no_sample_is_kept_and_what_is_wrong_is_refused() {
    let average = STEPS.replace(
        "\"effective",
        "\"descriptive_statistic\":\"average\",\"effective",
    );
    let (_, summary) = read(&average);
    assert_eq!((summary.samples, summary.kept[STATISTIC]), (0, 1));
    let unknown = point("mood", "1.0", &json!({ "mood": "fine" })).to_string();
    assert_eq!(read(&unknown).1.unknown["mood"], 1);
    for (text, reason) in [
        ("{", NOT_JSON),
        ("7", NOT_A_POINT),
        ("{}", NOT_A_POINT),
        (&*STEPS.replace("10600", "\"10600\""), NO_VALUE),
        (&*STEPS.replace("\"steps\"", "\"step\""), BAD_UNIT),
        (&*STEPS.replace("06:25:00+01:00", "06:25:00"), BAD_TIME),
        (
            &*STEPS.replace("average", "x").replace(
                "\"effective",
                "\"descriptive_statistic\":\"mean\",\"effective",
            ),
            BAD_WORD,
        ),
    ] {
        assert_eq!(read(text).1.refused[reason], 1, "{text}");
    }
}

#[test]
fn an_offset_is_read_from_the_text() {
    assert_eq!(offset_of("2020-01-01T00:00:00-08:00"), Some(-480));
    assert_eq!(offset_of("2020-01-01T00:00:00.123Z"), Some(0));
    assert_eq!(offset_of("é"), None);
}

/// Every document of the supported measures, wrapped as a data point of the version its folder names.
#[test]
fn documents_of_the_corpus_pass_or_fail_as_their_folder_says() {
    let Some(corpus) = corpus() else { return };
    let root = corpus.join("openmhealth/test-data/omh");
    let (mut passed, mut failed, mut wrong) = (0, 0, Vec::new());
    for measure in MEASURES {
        for version in entries(&root.join(measure.schema)) {
            for (folder, should) in [("shouldPass", true), ("shouldFail", false)] {
                for file in entries(&version.join(folder)) {
                    let number = version.file_name().unwrap().to_string_lossy().into_owned();
                    let body = std::fs::read_to_string(&file).unwrap();
                    let body: Value = serde_json::from_str(&body).unwrap();
                    let text = point(measure.schema, &number, &body).to_string();
                    let (_, summary) = read(&text);
                    let taken = summary.samples + summary.kept.values().sum::<u64>();
                    *if should { &mut passed } else { &mut failed } += 1;
                    if (taken == 1 && summary.refused.is_empty()) != should {
                        wrong.push(file.clone());
                    }
                }
            }
        }
    }
    assert!(passed > 100 && failed > 80, "{passed} {failed}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn entries(folder: &Path) -> Vec<std::path::PathBuf> {
    let found = std::fs::read_dir(folder).into_iter().flatten();
    let mut all: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn data_points_and_headers_of_the_corpus() {
    let Some(corpus) = corpus() else { return };
    for file in entries(&corpus.join("openmhealth/test-data/omh/data-point/1.0/shouldFail")) {
        let (_, summary) = read(&std::fs::read_to_string(&file).unwrap());
        assert_eq!(
            summary.refused.values().sum::<u64>(),
            1,
            "{}",
            file.display()
        );
    }
    let whole =
        corpus.join("openmhealth/test-data/omh/data-point/1.0/shouldPass/valid-data-point.json");
    let (_, summary) = read(&std::fs::read_to_string(whole).unwrap());
    assert_eq!((summary.kept[PART_OF_DAY], summary.refused.len()), (1, 0));
}

proptest! {
    #[test]
    fn mutated_documents_are_read_or_refused(
        at in any::<prop::sample::Index>(), byte in any::<u8>(), keep in any::<prop::sample::Index>(),
    ) {
        let text = point("step-count", "3.0", &serde_json::from_str(STEPS).unwrap()).to_string();
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(keep.index(bytes.len()) + 1);
        let mut fine = true;
        let summary = read_openmhealth(&bytes[..], &mut |found| {
            if let Found::Batch(batch) = found {
                fine &= batch.check().is_ok();
            }
            ControlFlow::Continue(())
        });
        prop_assert!(fine && summary.is_ok());
    }
}
