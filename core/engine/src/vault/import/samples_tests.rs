#![allow(clippy::unwrap_used)]
use super::tests::{Desk, fates, new, zip_of};
use super::*;
use crate::record::series::Metric;
use crate::vault::{Filter, Observer, Progress};
use std::fmt::Write;
use std::sync::atomic::{AtomicU32, Ordering};

const STEPS: &str = r#"{"step_count":{"value":10600,"unit":"steps"},"effective_time_frame":{"time_interval":{"start_date_time":"2016-02-05T06:25:00+01:00","end_date_time":"2016-02-05T07:25:00+01:00"}}}"#;
const CLINICAL: &[u8] = br#"{"resourceType":"Observation","id":"g1","status":"final","code":{"text":"glucose"},"effectiveDateTime":"2021-03","valueQuantity":{"value":5.40,"unit":"mmol/L"}}"#;
const APPLE_CDA: &[u8] = br#"<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3"><id extension="Health Export CDA" root="1.1.1.1.1.1.1.1.1"/></ClinicalDocument>"#;

/// An export with so many pulses, a minute apart, and something beside them.
fn export(pulses: u64, beside: &str) -> Vec<u8> {
    let mut text = String::from("<HealthData locale=\"fr_FR\">\n");
    for minute in 0..pulses {
        let (month, day) = (minute / 40_320 % 12 + 1, minute / 1_440 % 28 + 1);
        let (year, hour) = (2015 + minute / 483_840, minute / 60 % 24);
        let at = format!(
            "{year}-{month:02}-{day:02} {hour:02}:{:02}:00 +0100",
            minute % 60
        );
        writeln!(text, r#"<Record type="HKQuantityTypeIdentifierHeartRate" sourceName="Montre" unit="count/min" startDate="{at}" endDate="{at}" value="{}"/>"#, 60 + minute % 50).unwrap();
    }
    text += beside;
    text += "</HealthData>\n";
    text.into_bytes()
}

impl Desk {
    fn pulses(&self) -> u64 {
        let record = self.phone.vault.persons().unwrap()[0].record;
        let series = self.phone.vault.series(record).unwrap();
        let pulse = Metric::from_key("heart-rate").unwrap();
        let of_pulse = series.iter().filter(|one| one.metric == pulse);
        of_pulse.map(|one| one.count).sum()
    }

    fn documents(&self) -> usize {
        self.phone.vault.list(&Filter::default()).unwrap().len()
    }
}

fn counts(report: &ImportReport) -> (u64, u64) {
    let all = report.files.iter().map(|file| &file.samples);
    all.fold((0, 0), |(read, new), one| (read + one.read, new + one.new))
}

#[test]
fn an_export_that_is_nothing_but_samples_is_not_kept_a_second_time() {
    let desk = Desk::new();
    let report = desk.import_bytes(&export(300, ""));
    assert_eq!(fates(&report), [(None, "apple-health", "understood")]);
    assert_eq!((counts(&report), new(&report)), ((300, 300), 0));
    assert_eq!((desk.pulses(), desk.documents()), (300, 0));
    let again = desk.import_bytes(&export(300, ""));
    assert_eq!(counts(&again), (300, 0));
    // Next month's export holds this month's.
    let next = desk.import_bytes(&export(340, ""));
    assert_eq!((counts(&next), desk.pulses()), ((340, 40), 340));
    desk.check();
}

#[test]
fn an_export_with_more_than_samples_is_kept_for_the_rest() {
    let desk = Desk::new();
    let more = "<ActivitySummary dateComponents=\"2015-01-01\"/>\n";
    let report = desk.import_bytes(&export(10, more));
    assert_eq!(fates(&report), [(None, "apple-health", "understood")]);
    assert_eq!(report.files[0].samples.unknown["ActivitySummary"], 1);
    assert!(report.files[0].document.is_some());
    assert_eq!((desk.pulses(), desk.documents()), (10, 1));
    let again = desk.import_bytes(&export(10, more));
    assert_eq!((counts(&again).1, new(&again)), (0, 0));
}

#[test]
fn the_zip_of_an_export_gives_samples_clinical_records_and_no_second_source() {
    let desk = Desk::new();
    let xml = export(20, "");
    let report = desk.import_bytes(&zip_of(&[
        ("apple_health_export/exportar.xml", &xml),
        ("apple_health_export/export_cda.xml", APPLE_CDA),
        (
            "apple_health_export/clinical-records/Observation-1.json",
            CLINICAL,
        ),
    ]));
    let fates: Vec<_> = fates(&report)
        .into_iter()
        .map(|(_, format, fate)| (format, fate))
        .collect();
    assert_eq!(
        fates,
        [
            ("apple-health", "understood"),
            ("cda", "kept"),
            ("fhir-json", "understood")
        ]
    );
    assert_eq!((counts(&report), new(&report)), ((20, 20), 2));
    desk.check();
}

#[test]
fn open_mhealth_is_taken_or_refused_with_a_reason() {
    let desk = Desk::new();
    let wrong = STEPS.replace("\"steps\"", "\"step\"");
    let report = desk.import_bytes(STEPS.as_bytes());
    assert_eq!(fates(&report), [(None, "open-mhealth", "understood")]);
    assert_eq!((counts(&report), desk.documents()), ((1, 1), 0));
    let report = desk.import_bytes(wrong.as_bytes());
    assert_eq!(fates(&report), [(None, "open-mhealth", "kept")]);
    assert_eq!(
        report.files[0].rejected[0].reason,
        "a data point in a unit that its schema does not list"
    );
    let both = desk.import_bytes(format!("[{STEPS},{wrong}]").as_bytes());
    assert_eq!((fates(&both)[0].2, counts(&both)), ("understood", (1, 0)));
}

#[test]
fn a_database_that_is_no_health_connect_is_a_document() {
    let desk = Desk::new();
    let report = desk.import_bytes(&[b"SQLite format 3\0".as_slice(), &[0; 100]].concat());
    assert_eq!(fates(&report), [(None, "sqlite", "kept")]);
}

/// Stops an import after so many questions.
struct Impatient(AtomicU32);

impl Observer for Impatient {
    fn progress(&self, _: Progress) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

#[test]
fn a_long_file_that_was_stopped_is_read_on_and_ends_the_same() {
    let xml = export(250_000, "");
    assert!(xml.len() as u64 > samples::KEPT_BYTES);
    let whole = Desk::new();
    whole.import_bytes(&xml);
    let desk = Desk::new();
    let path = desk.put("export", &xml);
    let record = desk.phone.vault.persons().unwrap()[0].record;
    let mut stopped = 0;
    for questions in [2, 130, 150] {
        let watch = Impatient(AtomicU32::new(questions));
        let result = desk
            .phone
            .vault
            .import(record, std::slice::from_ref(&path), Some(&watch));
        stopped += u32::from(result.is_err());
    }
    assert_eq!(stopped, 3);
    let before = desk.pulses();
    assert!((1..250_000).contains(&before), "{before}");
    let last = desk.import(&path);
    assert!(counts(&last).0 < 250_000, "reading began anew");
    assert_eq!(counts(&last).1 + before, 250_000);
    assert_eq!(desk.pulses(), whole.pulses());
    assert_eq!(desk.documents(), 0);
}
