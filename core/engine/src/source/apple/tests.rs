//! Exports as small as a rule needs, the corpus, and reading that stops and goes on.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::record::series::{SampleBatch, SampleId};
use crate::source::corpus_tests::corpus;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A DTD as some versions of iOS write it: broken.
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (Export <]>\n]>\n";

fn export(records: &str) -> String {
    format!("{HEAD}<HealthData locale=\"fr_FR\">\n{records}\n</HealthData>\n")
}

fn record(kind: &str, unit: &str, value: &str, start: &str) -> String {
    format!(
        "<Record type=\"{kind}\" sourceName=\"Montre\" unit=\"{unit}\" creationDate=\"x\" startDate=\"{start}\" endDate=\"{start}\" value=\"{value}\"/>\n"
    )
}

const AT: &str = "2024-01-01 08:00:00 +0100";

fn read_from(text: &[u8], from: Option<&Checkpoint>) -> (Vec<SampleBatch>, Summary) {
    let mut batches = Vec::new();
    let summary = read_apple(text, from, &mut |found| {
        if let Found::Batch(batch) = found {
            batches.push(batch);
        }
        ControlFlow::Continue(())
    });
    (batches, summary.unwrap())
}

fn read(text: &str) -> (Vec<SampleBatch>, Summary) {
    read_from(text.as_bytes(), None)
}

/// One line for each sample: metric, value, unit.
fn lines(text: &str) -> Vec<String> {
    let (batches, _) = read(text);
    let of = |batch: &SampleBatch| -> Vec<String> {
        let shown = |sample: &Sample| match &sample.reading {
            Reading::Value(value) => value.to_string(),
            Reading::Components(parts) => {
                let text =
                    |part: &Option<Decimal>| part.map_or("-".to_owned(), |part| part.to_string());
                parts.iter().map(text).collect::<Vec<_>>().join("/")
            }
            Reading::Category(state) => batch.metric.categories()[usize::from(*state)]
                .key
                .to_owned(),
            Reading::Absent(reason) => format!("{reason:?}"),
        };
        let line = |sample| {
            format!(
                "{} {} {}",
                batch.metric.key(),
                shown(sample),
                batch.unit.ucum()
            )
        };
        batch.samples.iter().map(line).collect()
    };
    batches.iter().flat_map(of).collect()
}

/// What a record holds in the end: series and sample, each once.
fn union(batches: &[SampleBatch]) -> BTreeSet<(String, String, SampleId)> {
    let of = |batch: &SampleBatch| {
        let (metric, source) = (batch.metric.key().to_owned(), batch.source.key.clone());
        let ids: Vec<_> = batch.samples.iter().map(Sample::identity).collect();
        ids.into_iter()
            .map(move |id| (metric.clone(), source.clone(), id))
            .collect::<Vec<_>>()
    };
    batches.iter().flat_map(of).collect()
}

#[test]
fn units_as_apple_means_them() {
    let text = export(
        &[
            record("HKQuantityTypeIdentifierOxygenSaturation", "%", "0.98", AT),
            record(
                "HKQuantityTypeIdentifierBloodGlucose",
                "mmol&lt;180.1558800000541&gt;/L",
                "5.6",
                AT,
            ),
            record(
                "HKQuantityTypeIdentifierBodyMassIndex",
                "count",
                "22.5312",
                AT,
            ),
            record(
                "HKQuantityTypeIdentifierActiveEnergyBurned",
                "Cal",
                "12.5",
                AT,
            ),
            record("HKQuantityTypeIdentifierBodyMass", "lb", "150.2", AT),
            record("HKQuantityTypeIdentifierStepCount", "count", "42", AT),
        ]
        .concat(),
    );
    assert_eq!(
        lines(&text),
        [
            "active-energy 12.5 kcal",
            "blood-glucose 5.6 mmol/L",
            "body-mass-index 22.5312 kg/m2",
            "oxygen-saturation 0.98 1",
            "steps 42 {steps}",
            "weight 150.2 [lb_av]"
        ]
    );
}

#[test]
fn states_spans_and_events() {
    let text = export(
        "<Record type=\"HKCategoryTypeIdentifierSleepAnalysis\" sourceName=\"M\" startDate=\"2024-01-01 03:00:00 +0100\" endDate=\"2024-01-01 03:40:00 +0100\" value=\"HKCategoryValueSleepAnalysisAsleepCore\"><MetadataEntry key=\"HKTimeZone\" value=\"Europe/Paris\"/></Record>
         <Record type=\"HKCategoryTypeIdentifierMindfulSession\" sourceName=\"M\" startDate=\"2024-01-01 03:00:00 +0100\" endDate=\"2024-01-01 03:01:30 +0100\" value=\"HKCategoryValueNotApplicable\"/>
         <Record type=\"HKCategoryTypeIdentifierHighHeartRateEvent\" sourceName=\"M\" startDate=\"2024-01-01 03:00:00 +0100\" endDate=\"2024-01-01 03:10:00 +0100\"/>
         <Workout workoutActivityType=\"HKWorkoutActivityTypeRunning\" duration=\"5\" sourceName=\"M\" startDate=\"2024-01-01 03:00:00 +0100\" endDate=\"2024-01-01 03:10:00 +0100\"><WorkoutStatistics type=\"HKQuantityTypeIdentifierActiveEnergyBurned\" sum=\"3\"/></Workout>",
    );
    assert_eq!(
        lines(&text),
        [
            "activity running 1",
            "heart-event high 1",
            "mindful-time 90 s",
            "sleep light 1"
        ]
    );
}

#[test]
fn pressures_are_paired_and_a_correlation_repeats_them() {
    let (high, low) = (
        record(
            "HKQuantityTypeIdentifierBloodPressureSystolic",
            "mmHg",
            "121",
            AT,
        ),
        record(
            "HKQuantityTypeIdentifierBloodPressureDiastolic",
            "mmHg",
            "79",
            AT,
        ),
    );
    let alone = record(
        "HKQuantityTypeIdentifierBloodPressureSystolic",
        "mmHg",
        "130",
        "2024-01-02 08:00:00 +0100",
    );
    let both = format!(
        "{high}{alone}{low}<Correlation type=\"HKCorrelationTypeIdentifierBloodPressure\" sourceName=\"Montre\" startDate=\"{AT}\" endDate=\"{AT}\">{high}{low}</Correlation>"
    );
    assert_eq!(
        lines(&export(&both)),
        [
            "blood-pressure 121/79/-/- mm[Hg]",
            "blood-pressure 130/-/-/- mm[Hg]"
        ]
    );
}

#[test]
fn what_is_not_read_is_counted() {
    let text = export(
        &[
            record(
                "HKQuantityTypeIdentifierPhysicalEffort",
                "kcal/hr·kg",
                "1",
                AT,
            ),
            record(
                "HKQuantityTypeIdentifierPhysicalEffort",
                "kcal/hr·kg",
                "2",
                AT,
            ),
            record("HKQuantityTypeIdentifierBodyMass", "furlong", "1", AT),
            record("HKQuantityTypeIdentifierBodyMass", "kg", "heavy", AT),
            record("HKQuantityTypeIdentifierBodyMass", "kg", "70", "yesterday"),
            record(
                "HKCategoryTypeIdentifierSleepAnalysis",
                "",
                "HKCategoryValueSleepAnalysisNew",
                AT,
            ),
            record(
                "HKQuantityTypeIdentifierBodyMass",
                "kg",
                "70",
                "1850-01-01 08:00:00 +0100",
            ),
            "<ActivitySummary dateComponents=\"2016-11-15\"/>".to_owned(),
        ]
        .concat(),
    );
    let (batches, summary) = read(&text);
    assert_eq!((batches.len(), summary.samples), (0, 0));
    assert_eq!(summary.unknown["HKQuantityTypeIdentifierPhysicalEffort"], 2);
    assert_eq!(summary.unknown["ActivitySummary"], 1);
    assert_eq!(summary.refused.values().sum::<u64>(), 5);
    assert_eq!(
        (
            summary.refused[NO_UNIT],
            summary.refused[NO_VALUE],
            summary.refused[NO_TIME]
        ),
        (1, 2, 1)
    );
}

#[test]
fn typed_by_hand_is_marked() {
    let typed = format!(
        "<Record type=\"HKQuantityTypeIdentifierBodyMass\" sourceName=\"S\" unit=\"kg\" startDate=\"{AT}\" endDate=\"{AT}\" value=\"70\"><MetadataEntry value=\"1\" key=\"HKWasUserEntered\"/></Record>"
    );
    let measured = typed.replace("value=\"1\"", "value=\"0\"");
    let mark = |text: &str| {
        read(&export(text)).0[0].samples[0]
            .quality
            .has(Quality::MANUAL)
    };
    assert!(mark(&typed) && !mark(&measured));
}

#[test]
fn a_file_that_ends_early_or_is_no_export_says_so() {
    let whole = export(&record("HKQuantityTypeIdentifierBodyMass", "kg", "70", AT));
    let cut = whole.replace("</HealthData>", "");
    let (batches, summary) = read(&cut);
    assert_eq!((batches.len(), summary.refused[CUT]), (1, 1));
    assert_eq!(read(&whole).1.refused.len(), 0);
    assert_eq!(read("<html></html>").1.refused[NO_ROOT], 1);
    assert_eq!(read("").1.refused[NO_ROOT], 1);
    assert!(is_apple(whole.as_bytes()) && !is_apple(b"{\"<HealthData\": 1}"));
}

#[test]
fn one_tag_of_megabytes_is_not_held() {
    let huge = export(&record(
        "HKQuantityTypeIdentifierBodyMass",
        "kg",
        &"7".repeat(5 << 20),
        AT,
    ));
    assert_eq!(read(&huge).1.refused[BROKEN], 1);
}

#[test]
fn the_root_is_found_wherever_a_buffer_ends() {
    struct Dripping<'a>(&'a [u8], usize);
    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }
    let text = export(&record("HKQuantityTypeIdentifierBodyMass", "kg", "70", AT));
    for step in 1..=150 {
        let mut samples = 0;
        let summary = read_apple(Dripping(text.as_bytes(), step), None, &mut |found| {
            samples += usize::from(matches!(found, Found::Batch(_)));
            ControlFlow::Continue(())
        });
        let summary = summary.unwrap();
        assert_eq!((samples, summary.refused.len()), (1, 0), "{step}");
    }
}

#[test]
fn a_failing_disk_is_an_error_and_no_broken_file() {
    struct Failing(usize);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => {
                    let text = HEAD.to_owned() + "<HealthData><Record type=\"";
                    buffer[..text.len()].copy_from_slice(text.as_bytes());
                    Ok(text.len())
                }
                _ => Err(std::io::Error::other("disk")),
            }
        }
    }
    assert!(read_apple(Failing(0), None, &mut |_| ControlFlow::Continue(())).is_err());
}

/// 250,000 records of three types and two sources, pressures among them, some twice.
fn large() -> String {
    let mut records = String::new();
    for number in 0..83_000 {
        let start = format!(
            "2024-01-{:02} {:02}:{:02}:{:02} +0100",
            number / 7_200 + 1,
            number / 300 % 24,
            number / 5 % 60,
            number % 5
        );
        let kinds = [
            ("HKQuantityTypeIdentifierHeartRate", "count/min"),
            ("HKQuantityTypeIdentifierStepCount", "count"),
            ("HKQuantityTypeIdentifierBloodPressureSystolic", "mmHg"),
        ];
        for (kind, unit) in kinds {
            records += &record(kind, unit, &(60 + number % 90).to_string(), &start);
        }
    }
    for number in 0..1_000 {
        let start = format!(
            "2024-01-01 00:{:02}:{:02} +0100",
            number / 5 % 60,
            number % 5
        );
        records += &record(
            "HKQuantityTypeIdentifierBloodPressureDiastolic",
            "mmHg",
            "70",
            &start,
        );
    }
    export(&records)
}

#[test]
fn a_reading_that_was_killed_goes_on_to_the_same_end() {
    let text = large();
    let (whole, summary) = read(&text);
    assert_eq!(summary.refused.len(), 0);
    let (mut kept, mut from) = (Vec::new(), None);
    for _kill in 0..3 {
        let mut checkpoint = None;
        let stopped = read_apple(text.as_bytes(), from.as_ref(), &mut |found| match found {
            Found::Batch(batch) => {
                kept.push(batch);
                ControlFlow::Continue(())
            }
            Found::Checkpoint(place) => {
                checkpoint = Some(place);
                ControlFlow::Break(())
            }
        });
        assert_eq!(stopped.unwrap().stopped, checkpoint.is_some());
        from = checkpoint.or(from);
    }
    assert!(from.is_some(), "the file is long enough for a checkpoint");
    kept.extend(read_from(text.as_bytes(), from.as_ref()).0);
    assert_eq!(union(&kept), union(&whole));
}

#[test]
fn a_false_checkpoint_harms_nothing() {
    let text = export(&record("HKQuantityTypeIdentifierBodyMass", "kg", "70", AT));
    for offset in (0..text.len() as u64 + 10).step_by(7) {
        let checkpoint = Checkpoint {
            offset,
            memory: vec![0x9f; 40],
        };
        let (batches, _) = read_from(text.as_bytes(), Some(&checkpoint));
        assert!(union(&batches).len() <= 1);
    }
}

#[test]
fn the_exports_of_the_corpus() {
    let Some(folder) = corpus() else { return };
    for (name, samples, sources, unknown) in [
        ("apple-health/dogsheep/tests/export.xml", 3, 3, 2),
        ("apple-health/alxdrcirilo/tests/data/export.xml", 8, 3, 0),
    ] {
        let text = std::fs::read(folder.join(name)).unwrap();
        let (batches, summary) = read_from(&text, None);
        let distinct: BTreeSet<_> = batches.iter().map(|batch| &batch.source.key).collect();
        assert_eq!(
            (summary.samples, distinct.len()),
            (samples, sources),
            "{name}"
        );
        assert_eq!(summary.unknown.values().sum::<u64>(), unknown, "{name}");
        assert_eq!(summary.refused.len(), 0, "{name}");
        assert_eq!(union(&batches).len() as u64, samples, "{name}");
    }
}

proptest! {
    #[test]
    fn mutated_exports_are_read_or_refused(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        keep in any::<prop::sample::Index>(),
    ) {
        let text = export(&[
            record("HKQuantityTypeIdentifierBodyMass", "kg", "70", AT),
            record("HKQuantityTypeIdentifierBloodPressureSystolic", "mmHg", "121", AT),
            record("HKCategoryTypeIdentifierSleepAnalysis", "", "HKCategoryValueSleepAnalysisInBed", AT),
        ]
        .concat());
        let mut bytes = text.into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(keep.index(bytes.len()) + 1);
        let (batches, _) = read_from(&bytes, None);
        prop_assert!(batches.iter().all(|batch| batch.check().is_ok()));
    }
}
