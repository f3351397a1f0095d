//! Measurements of devices as samples of series.
//!
//! A sample is identified by its device, its characteristic, and the record's own bytes where these have a number or a time
//! in them: two phones that read one meter hold each reading once. A live value without either (a heart rate every second) is
//! what it says at the instant it came.

use super::{Characteristic, Measurement, Number, Quantity, Reception};
use crate::record::series::{
    Metric, Quality, Reading, Sample, SampleBatch, SampleId, Source, SourceKind, Unit,
};

/// Which quantity belongs to which series. What is not here is context, not a series (a meal's carbohydrates as told to a
/// meter, the trend of a sensor, an energy counted since the strap was put on).
const SERIES: &[(&str, &str)] = &[
    ("heart-rate", "heart-rate"),
    ("rr-interval", "rr-interval"),
    ("pulse", "heart-rate"),
    ("body-temperature", "body-temperature"),
    ("oxygen-saturation", "oxygen-saturation"),
    ("pulse-amplitude", "perfusion-index"),
    ("weight", "weight"),
    ("height", "height"),
    ("body-mass-index", "body-mass-index"),
    ("body-fat", "body-fat"),
    ("basal-metabolism", "basal-metabolic-rate"),
    ("muscle-share", "muscle-share"),
    ("muscle-mass", "muscle-mass"),
    ("fat-free-mass", "lean-mass"),
    ("water-mass", "water-mass"),
    ("impedance", "impedance"),
    ("glucose", "blood-glucose"),
];

/// Words that say that nobody was measured.
const NOBODY: [&str; 6] = [
    "control-solution",
    "demonstration",
    "test",
    "measurement-unavailable",
    "invalid",
    "session-stopped",
];

/// Words that cast doubt on a value.
const DOUBT: [&str; 18] = [
    "no-contact",
    "body-movement",
    "cuff-too-loose",
    "improper-position",
    "early-estimate",
    "questionable",
    "questionable-pulse",
    "signal-inadequate",
    "signal-erratic",
    "sensor-malfunction",
    "sensor-displaced",
    "sensor-not-on-user",
    "sample-too-small",
    "strip-insertion-error",
    "wrong-strip",
    "read-interrupted",
    "device-fault",
    "wrong-sensor",
];

/// A device as a source: by maker, model and serial number (180A: 2A29, 2A24, 2A25), which every phone reads alike. Only
/// where there is no serial number by the address the platform gives, which on iOS is another one on every phone.
pub fn source(maker: &str, model: &str, serial: &str, address: &str) -> Source {
    let clean = |text: &str| {
        let kept = text.chars().filter(|letter| !letter.is_control());
        let text: String = kept.collect();
        let cut = text.trim().floor_char_boundary(64);
        text.trim().get(..cut).unwrap_or_default().to_owned()
    };
    let (maker, model, serial) = (clean(maker), clean(model), clean(serial));
    let key = match serial.is_empty() {
        true => format!("ble:{}", clean(&address.to_ascii_lowercase())),
        false => format!("ble:{maker}|{model}|{serial}"),
    };
    Source {
        key,
        name: format!("{maker} {model}").trim().to_owned(),
        kind: SourceKind::Device,
    }
}

/// The samples of one measurement; none where nobody was measured.
pub fn batches(
    characteristic: Characteristic,
    measurement: &Measurement,
    source: &Source,
    reception: &Reception,
) -> Vec<SampleBatch> {
    if is_nobodys(measurement) {
        return Vec::new();
    }
    let placed = reception.place(measurement);
    let offset = measurement.zone_minutes.unwrap_or(reception.offset);
    let make = |at: usize, earlier: i64, reading: Reading| Sample {
        start: placed.at - earlier,
        end: placed.at - earlier,
        offset: Some(offset),
        reading,
        quality: quality(measurement, placed.unsure),
        id: sample_id(characteristic, measurement, source, at),
        version: 0,
    };
    let series = readings(characteristic, measurement)
        .into_iter()
        .enumerate();
    let batches = series.filter_map(|(at, (key, unit, reading, earlier))| {
        Some(SampleBatch {
            metric: Metric::from_key(key)?,
            unit: Unit::from_text(unit)?,
            source: source.clone(),
            samples: vec![make(at, earlier, reading)],
        })
    });
    let fit = batches.filter(|batch| batch.check().is_ok());
    fit.collect()
}

/// Whether a measurement was of no person.
pub fn is_nobodys(measurement: &Measurement) -> bool {
    let mut words = measurement.details.iter().flat_map(|detail| &detail.words);
    words.any(|word| NOBODY.contains(word))
}

/// Series, unit, reading, and milliseconds before the instant of the measurement.
type Read = (&'static str, &'static str, Reading, i64);

fn readings(characteristic: Characteristic, measurement: &Measurement) -> Vec<Read> {
    if characteristic == Characteristic::BloodPressure {
        return pressure(measurement).into_iter().collect();
    }
    if characteristic == Characteristic::GlucoseContext {
        return Vec::new();
    }
    let tissue = characteristic == Characteristic::ContinuousGlucose
        || measurement.says("specimen", "interstitial-fluid");
    let found = measurement
        .values
        .iter()
        .enumerate()
        .filter_map(|(at, quantity)| {
            let (_, key) = SERIES.iter().find(|(what, _)| *what == quantity.what)?;
            let key = match *key {
                "blood-glucose" if tissue => "tissue-glucose",
                key => key,
            };
            let earlier = beats_behind(measurement, at);
            Some((key, quantity.unit, reading(quantity), earlier))
        });
    found.collect()
}

/// How long a beat lies before the notification it came in: as long as the intervals behind it in the list last. So two equal
/// intervals of one notification are two beats.
fn beats_behind(measurement: &Measurement, at: usize) -> i64 {
    const BEAT: &str = "rr-interval";
    let is_beat = |quantity: &&Quantity| quantity.what == BEAT;
    if !measurement.values.get(at).as_ref().is_some_and(is_beat) {
        return 0;
    }
    let later = measurement.values.iter().skip(at + 1).filter(is_beat);
    let whole = later
        .filter_map(|quantity| quantity.value.exact())
        .map(|value| value.mantissa() / 10_i64.pow(value.places().into()));
    whole.sum()
}

/// Systolic, diastolic, mean and pulse are one sample; where neither pressure is a number the first reason stands for all.
fn pressure(measurement: &Measurement) -> Option<Read> {
    let number = |what| measurement.get(what).map(|quantity| quantity.value);
    let parts = ["systolic", "diastolic", "mean-pressure", "pulse"].map(number);
    let exact = parts.map(|part| part.and_then(Number::exact));
    let unit = measurement.get("systolic")?.unit;
    let reading = match (exact, parts) {
        ([None, None, None, None], [Some(Number::Absent(reason)), ..]) => Reading::Absent(reason),
        _ => Reading::Components(exact.to_vec()),
    };
    Some(("blood-pressure", unit, reading, 0))
}

fn reading(quantity: &Quantity) -> Reading {
    match quantity.value {
        Number::Exact(value) => Reading::Value(value),
        Number::Absent(reason) => Reading::Absent(reason),
    }
}

fn quality(measurement: &Measurement, unsure: bool) -> Quality {
    let words: Vec<&str> = (measurement.details.iter())
        .flat_map(|detail| detail.words.iter().copied())
        .collect();
    let any = |marks: &[&str]| words.iter().any(|word| marks.contains(word));
    let marks = [
        (any(&DOUBT), Quality::DOUBTFUL),
        (
            unsure || any(&["clock-not-set", "time-fault"]),
            Quality::CLOCK_UNSURE,
        ),
        (measurement.user.is_some(), Quality::PERSON_UNSURE),
        (any(&["above-range"]), Quality::ABOVE_RANGE),
        (any(&["below-range"]), Quality::BELOW_RANGE),
    ];
    let set = marks.iter().filter(|(holds, _)| *holds);
    set.fold(Quality::default(), |all, (_, mark)| all.with(*mark))
}

fn sample_id(
    characteristic: Characteristic,
    measurement: &Measurement,
    source: &Source,
    at: usize,
) -> Option<SampleId> {
    let named = measurement.clock.is_some() || measurement.sequence.is_some();
    named.then(|| {
        let mut native = source.key.clone().into_bytes();
        native.push(0);
        native.extend(characteristic.number().to_be_bytes());
        native.extend(&measurement.raw);
        // A continuous sensor's record says only how many minutes after the session's start it was.
        let clock = measurement.clock.map(|clock| clock.to_string());
        native.extend(clock.unwrap_or_default().into_bytes());
        native.extend((at as u64).to_be_bytes());
        SampleId::derive("ble", &native)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::super::tests::measured;
    use super::*;
    use crate::record::series::Absent;

    fn reception() -> Reception {
        Reception {
            received: 1_705_303_800_000,
            offset: 60,
            device_clock: None,
        }
    }

    fn read(uuid: &str, hex: &str) -> Vec<SampleBatch> {
        let device = source("Roche", "Guide", "0042", "");
        let (characteristic, measurement) = measured(uuid, hex);
        batches(characteristic, &measurement, &device, &reception())
    }

    #[test]
    fn a_cuff_gives_one_sample_with_its_parts() {
        let [batch] = &*read("2A35", "06BDF00B009FF0E807010F081E003C00") else {
            panic!("one batch");
        };
        let Reading::Components(parts) = &batch.samples[0].reading else {
            panic!("components");
        };
        let texts: Vec<_> = parts.iter().map(|part| part.unwrap().to_string()).collect();
        assert_eq!(texts, ["18.9", "11", "15.9", "60"]);
        assert_eq!(batch.unit.ucum(), "mm[Hg]");
    }

    #[test]
    fn beats_of_one_notification_follow_one_another() {
        // heart rate 60, three intervals of 1 s, 1 s and 0.5 s
        let all = read("2A37", "103C000400040002");
        let beats: Vec<i64> = (all.iter())
            .filter(|batch| batch.metric.key() == "rr-interval")
            .map(|batch| batch.samples[0].start - reception().received)
            .collect();
        assert_eq!(beats, [-1_500, -500, 0]);
    }

    #[test]
    fn a_control_solution_is_nobodys_glucose() {
        let person = "020300E807010F081E0069B011";
        let control = "020300E807010F081E0069B01A";
        assert_eq!(read("2A18", person).len(), 1);
        assert_eq!(read("2A18", control), []);
    }

    #[test]
    fn two_phones_name_a_stored_record_alike_and_two_meters_do_not() {
        let (characteristic, measurement) = measured("2A18", "020300E807010F081E0069B011");
        let id = |serial: &str, received| {
            let reception = Reception {
                received,
                ..reception()
            };
            let device = source("Roche", "Guide", serial, "any");
            batches(characteristic, &measurement, &device, &reception)[0].samples[0].identity()
        };
        assert_eq!(id("1", 1_705_303_800_000), id("1", 1_705_390_200_000));
        assert_ne!(id("1", 1_705_303_800_000), id("2", 1_705_303_800_000));
    }

    #[test]
    fn what_failed_is_absent_and_what_is_doubtful_says_so() {
        let scale = read("2A9D", "00FFFF");
        assert_eq!(scale[0].samples[0].reading, Reading::Absent(Absent::Failed));
        let loose = &read("2A37", "0455")[0].samples[0];
        assert!(loose.quality.has(Quality::DOUBTFUL));
        let stored = &read("2A18", "020300E807010F081E0069B011")[0].samples[0];
        assert!(stored.quality.has(Quality::CLOCK_UNSURE));
    }

    #[test]
    fn a_device_without_a_serial_number_goes_by_its_address() {
        assert_eq!(source("A", "B", "", "AA:BB").key, "ble:aa:bb");
        assert_eq!(source(" A\n", "B", "7", "AA:BB").key, "ble:A|B|7");
    }
}
