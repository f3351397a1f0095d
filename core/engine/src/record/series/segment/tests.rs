#![allow(clippy::unwrap_used)]
use super::*;
use crate::record::series::{Deletion, MAX_COMPONENTS as WIDTH};
use proptest::prelude::*;

fn metric(key: &str) -> Metric {
    Metric::from_key(key).unwrap()
}

fn at(start: i64, value: i64) -> Sample {
    Sample {
        start,
        end: start,
        offset: Some(60),
        reading: Reading::Value(Decimal::new(value, 0).unwrap()),
        quality: Quality::default(),
        id: None,
        version: 0,
    }
}

/// Samples of a metric with few different starts and ids, so that some are the same.
fn samples(metric: Metric) -> impl Strategy<Value = Vec<Sample>> {
    let number = (-5_i64..5, 0_u8..2).prop_map(|(mantissa, places)| Decimal::new(mantissa, places));
    let reading =
        (0_u8..8, prop::collection::vec(number, WIDTH)).prop_map(move |(what, numbers)| {
            let number = numbers.first().copied().flatten().unwrap();
            match what {
                0 => Reading::Absent(Absent::PositiveInfinity),
                _ if metric.kind() == Kind::State => Reading::Category(u16::from(what) % 3),
                _ if !metric.components().is_empty() => {
                    let some = |(at, number): (usize, &Option<Decimal>)| {
                        number.filter(|_| at == 0 || what % 2 == 0)
                    };
                    Reading::Components(numbers.iter().enumerate().map(some).collect())
                }
                _ => Reading::Value(number),
            }
        });
    let offset = prop::option::of(-60_i16..61);
    let id = prop::option::of(0_u8..4);
    let sample = (0_i64..6, 0_i64..3, offset, reading, 0_u16..4, id, 0_u64..3).prop_map(
        |(start, span, offset, reading, quality, id, version)| Sample {
            start: start * 1_000,
            end: start * 1_000 + span * 500,
            offset,
            reading,
            quality: Quality(quality),
            id: id.map(|id| SampleId([id; 8])),
            version: if id.is_some() { version } else { 0 },
        },
    );
    prop::collection::vec(sample, 0..60)
}

fn any_series() -> impl Strategy<Value = (Metric, Vec<Sample>)> {
    prop::sample::select(vec!["heart-rate", "blood-pressure", "sleep"]).prop_flat_map(|key| {
        let metric = metric(key);
        samples(metric).prop_map(move |samples| (metric, samples))
    })
}

fn united(mut samples: Vec<Sample>) -> Vec<Sample> {
    unite(&mut samples);
    samples
}

proptest! {
    #[test]
    fn a_segment_comes_back((metric, samples) in any_series()) {
        let samples = united(samples);
        let bytes = write_segment(metric, &samples).unwrap();
        prop_assert_eq!(&read_segment(metric, &bytes).unwrap(), &samples);
        prop_assert_eq!(write_segment(metric, &samples).unwrap(), bytes);
    }

    #[test]
    fn a_union_commutes_associates_and_adds_nothing_twice((_, samples) in any_series(), cuts in (0_usize..60, 0_usize..60)) {
        let whole = united(samples.clone());
        let (a, rest) = samples.split_at(cuts.0.min(samples.len()));
        let (b, c) = rest.split_at(cuts.1.min(rest.len()));
        // Halves are united and packed by themselves first, as two phones do.
        for order in [[a, b, c], [c, a, b], [b, c, a], [c, b, a]] {
            let parts = order.map(|part| united(part.to_vec()));
            prop_assert_eq!(&united(parts.concat()), &whole);
        }
        prop_assert_eq!(&united([whole.clone(), whole.clone(), samples].concat()), &whole);
    }

    #[test]
    fn mutated_segments_are_refused_or_read((metric, samples) in any_series(), place in 0_usize..400, byte: u8, cut in 0_usize..400) {
        let mut bytes = write_segment(metric, &united(samples)).unwrap();
        let length = bytes.len();
        bytes[place % length] = byte;
        bytes.truncate(length - cut % length);
        if let Ok(read) = read_segment(metric, &bytes) {
            read.iter().try_for_each(|sample| sample.check(metric)).unwrap();
        }
    }

    #[test]
    fn random_bytes_do_not_panic(mut bytes: Vec<u8>, key in prop::sample::select(vec!["heart-rate", "blood-pressure", "sleep"])) {
        let _ = read_segment(metric(key), &bytes);
        bytes.insert(0, SEGMENT_VERSION);
        let _ = read_segment(metric(key), &bytes);
    }
}

#[test]
fn the_newest_version_of_an_id_replaces_the_others() {
    let named = |start, value, version| Sample {
        id: Some(SampleId([7; 8])),
        version,
        ..at(start, value)
    };
    let mut samples = vec![
        named(5, 70, 1),
        named(9, 71, 1),
        named(5, 72, 3),
        named(5, 99, 2),
    ];
    unite(&mut samples);
    assert_eq!(samples, [named(5, 72, 3)]);
}

#[test]
fn two_readings_of_one_moment_without_ids_both_stay() {
    let mut samples = vec![at(5, 71), at(5, 70), at(5, 71)];
    unite(&mut samples);
    assert_eq!(samples, [at(5, 70), at(5, 71)]);
}

#[test]
fn whole_seconds_and_steady_values_cost_less_than_a_byte() {
    let day: Vec<Sample> = (0..10_000)
        .map(|n| at(n * 1_000, 60 + (n / 7) % 3))
        .collect();
    let bytes = write_segment(metric("heart-rate"), &day).unwrap();
    assert!(bytes.len() < 10_000, "{}", bytes.len());
}

#[test]
fn months_change_where_the_calendar_says() {
    let cases = [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-31T23:59:59Z", 0),
        ("1970-02-01T00:00:00Z", 1),
        ("1969-12-31T23:59:59Z", -1),
        ("2000-02-29T12:00:00Z", 361),
        ("2000-03-01T00:00:00Z", 362),
        ("2026-11-30T23:59:59Z", 682),
        ("2026-12-01T00:00:00Z", 683),
    ];
    for (text, month) in cases {
        let (seconds, _) = crate::record::time::parse_instant(text).unwrap();
        assert_eq!(month_of(seconds * 1_000), month, "{text}");
    }
}

#[test]
fn too_many_samples_are_refused_before_they_are_read() {
    let metric = metric("heart-rate");
    let mut bytes = vec![SEGMENT_VERSION];
    put(&mut bytes, MAX_SEGMENT_SAMPLES as u128 + 1);
    assert!(matches!(
        read_segment(metric, &bytes),
        Err(Error::TooLarge(_))
    ));
    assert!(matches!(read_segment(metric, &[9]), Err(Error::Newer)));
    let many = vec![at(0, 1); MAX_SEGMENT_SAMPLES + 1];
    assert!(matches!(
        write_segment(metric, &many),
        Err(Error::TooLarge(_))
    ));
}

/// The independent Python script's segments: `tests/vectors/series.py`. They have planes of zstd that this build did not
/// make; those without are written alike.
#[test]
fn segments_are_read_as_the_script_wrote_them() {
    const SCRIPT: &str = include_str!("../../../../../../tests/vectors/series.json");
    let file: serde_json::Value = serde_json::from_str(SCRIPT).unwrap();
    let all = file["vectors"].as_array().unwrap();
    for vector in all {
        let name = vector["name"].as_str().unwrap();
        let metric = metric(vector["metric"].as_str().unwrap());
        let bytes = hex(&vector["bytes"]);
        if vector["expect"] == "refused" {
            assert!(read_segment(metric, &bytes).is_err(), "{name}");
            continue;
        }
        let read = read_segment(metric, &bytes).unwrap();
        let expected = vector["samples"].as_array().unwrap();
        assert_eq!(read.len(), expected.len(), "{name}");
        for (sample, line) in read.iter().zip(expected) {
            assert_eq!(&told(sample), line, "{name}");
        }
        if vector["packed"] == false {
            assert_eq!(write_segment(metric, &read).unwrap(), bytes, "{name}");
        }
        if let Some(place) = vector["identity_of"].as_u64() {
            let deletion = Deletion {
                id: read[place as usize].identity(),
                start: None,
            };
            assert_eq!(deletion.id.0.to_vec(), hex(&vector["identity"]), "{name}");
        }
    }
    assert!(all.len() >= 12);
}

fn hex(value: &serde_json::Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn told(sample: &Sample) -> serde_json::Value {
    let number = |value: &Option<Decimal>| value.map(|value| value.to_string());
    let reading = match &sample.reading {
        Reading::Value(value) => serde_json::json!([value.to_string()]),
        Reading::Components(values) => values.iter().map(number).collect(),
        Reading::Category(state) => serde_json::json!(state),
        Reading::Absent(reason) => serde_json::json!({ "absent": reason.code() }),
    };
    serde_json::json!([
        sample.start,
        sample.end,
        sample.offset,
        reading,
        sample.quality.0,
        sample.id.map(|id| id
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()),
        sample.version
    ])
}
