//! The vectors of other implementations, and what must hold for any bytes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use super::number::{float, sfloat};
use super::*;
use crate::record::series::Absent;
use crate::source::corpus_tests::corpus;
use proptest::prelude::*;
use serde_json::Value;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .chars()
        .map(|digit| digit.to_digit(16).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

fn read(uuid: &str, hex: &str) -> Result<Decoded, Refusal> {
    decode(Characteristic::from_uuid(uuid).unwrap(), &bytes(hex))
}

/// One measurement of a characteristic that is not refused.
pub(super) fn measured(uuid: &str, hex: &str) -> (Characteristic, Measurement) {
    match read(uuid, hex).unwrap() {
        Decoded::Measurements(mut all) => (Characteristic::from_uuid(uuid).unwrap(), all.remove(0)),
        Decoded::Answer(_) => panic!("a measurement"),
    }
}

/// The numbers of a measurement as one line: `systolic 138 mm[Hg]`.
fn numbers(measurement: &Measurement) -> Vec<String> {
    let line = |quantity: &Quantity| {
        let value = match quantity.value {
            Number::Exact(value) => value.to_string(),
            Number::Absent(reason) => format!("{reason:?}"),
        };
        format!("{} {value} {}", quantity.what, quantity.unit)
    };
    measurement.values.iter().map(line).collect()
}

/// What each vector of the corpus means, in the order of its file, in this module's words. `None` is a refusal.
type Expected = Option<&'static [&'static str]>;
const VECTORS: [(&str, &str, Expected); 31] = [
    (
        "2A35",
        "1E8A00580078000000041114293B3C00012700",
        Some(&[
            "systolic 138 mm[Hg]",
            "diastolic 88 mm[Hg]",
            "mean-pressure 120 mm[Hg]",
            "pulse 60 /min",
        ]),
    ),
    (
        "2A35",
        "15BDF00B009FF03C001200",
        Some(&[
            "systolic 18.9 kPa",
            "diastolic 11 kPa",
            "mean-pressure 15.9 kPa",
            "pulse 60 /min",
        ]),
    ),
    (
        "2A35",
        "00BDF00B009FF0",
        Some(&[
            "systolic 18.9 mm[Hg]",
            "diastolic 11 mm[Hg]",
            "mean-pressure 15.9 mm[Hg]",
        ]),
    ),
    ("2A35", "010203040506", None),
    ("2A35", "03020304050607", None),
    (
        "2A1C",
        "06B00E00FEDC070C050B321B04",
        Some(&["body-temperature 37.60 Cel"]),
    ),
    ("2A1C", "06B00E00FEDC070C050B321B", None),
    ("2A37", "0055", Some(&["heart-rate 85 /min"])),
    ("2A37", "04FF", Some(&["heart-rate 255 /min"])),
    (
        "2A37",
        "1E5532002100",
        Some(&[
            "heart-rate 85 /min",
            "energy-expended 50 kJ",
            "rr-interval 32.2265625 ms",
        ]),
    ),
    (
        "2A37",
        "1F0101320101000201FFFF",
        Some(&[
            "heart-rate 257 /min",
            "energy-expended 306 kJ",
            "rr-interval 0.9765625 ms",
            "rr-interval 251.953125 ms",
            "rr-interval 63999.0234375 ms",
        ]),
    ),
    ("2A37", "170101", None),
    (
        "2A18",
        "1B0100E307021B0B0A1EFBFF1E00120501",
        Some(&["glucose 3000000 mg/dL"]),
    ),
    ("2A18", "1B0000E207041A0B091E1E00120501", None),
    (
        "2A18",
        "020300E807010F081E0069B011",
        Some(&["glucose 105 mg/dL"]),
    ),
    (
        "2A18",
        "060200E807010F081E0037C011",
        Some(&["glucose 5.5 mmol/L"]),
    ),
    ("2A9D", "00B036", Some(&["weight 70.000 kg"])),
    (
        "2A9D",
        "0F683CE807031F021E0002E600A802",
        Some(&[
            "weight 154.64 [lb_av]",
            "body-mass-index 23.0 kg/m2",
            "height 68.0 [in_i]",
        ]),
    ),
    ("2A9D", "00FFFF", Some(&["weight Failed kg"])),
    ("2A9C", "0200D700E807010F081E00", Some(&["body-fat 21.5 %"])),
    ("2A9C", "0000FFFF", Some(&["body-fat Failed %"])),
    (
        "2A5E",
        "0061004800",
        Some(&["oxygen-saturation 97 %", "pulse 72 /min"]),
    ),
    (
        "2A5E",
        "006100FF07",
        Some(&["oxygen-saturation 97 %", "pulse NotANumber /min"]),
    ),
    (
        "2A5F",
        "0061004800",
        Some(&["oxygen-saturation 97 %", "pulse 72 /min"]),
    ),
    (
        "2AA7",
        "0FE3D2E405000214FF02F0E5F38E3F",
        Some(&[
            "glucose 12.34 mg/dL",
            "glucose-trend 0.2 mg/dL/min",
            "glucose-quality 99.7 %",
        ]),
    ),
    ("2AA7", "06000C100600", Some(&["glucose 120 mg/dL"])),
    (
        "2AA7",
        "06000C10050006000C100600",
        Some(&["glucose 120 mg/dL", "glucose 120 mg/dL"]),
    ),
    ("2AA7", "08000C100600586F", None),
    ("2A52", "06000101", Some(&["success"])),
    ("2A52", "06000106", Some(&["no-records"])),
    ("2A52", "05000201", Some(&["258"])),
];

#[test]
fn every_vector_is_read_as_its_makers_read_it() {
    for (uuid, hex, expected) in VECTORS {
        let found = read(uuid, hex).ok().map(|decoded| match decoded {
            Decoded::Measurements(all) => all.iter().flat_map(numbers).collect(),
            Decoded::Answer(records::Answer::Count(count)) => vec![count.to_string()],
            Decoded::Answer(records::Answer::Done { outcome, .. }) => {
                vec![outcome.words[0].to_owned()]
            }
        });
        let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(found, expected, "{uuid} {hex}");
    }
}

#[test]
fn what_stands_beside_the_numbers() {
    let words = |measurement: &Measurement, what| {
        let found = measurement
            .details
            .iter()
            .find(|detail| detail.what == what);
        found.map(|detail| detail.words.clone()).unwrap_or_default()
    };
    let (_, cuff) = measured("2A35", VECTORS[0].1);
    assert_eq!(
        words(&cuff, "status"),
        [
            "body-movement",
            "cuff-too-loose",
            "irregular-pulse",
            "improper-position"
        ]
    );
    assert_eq!(words(&cuff, "pulse-range"), ["within-range"]);
    assert_eq!(
        (cuff.user, cuff.clock.unwrap().to_string()),
        (Some(1), "????-04-17T20:41:59".to_owned())
    );
    let (_, loose) = measured("2A35", VECTORS[1].1);
    assert_eq!(words(&loose, "status"), ["cuff-too-loose"]);
    assert_eq!(words(&loose, "pulse-range"), ["below-range"]);
    let (_, finger) = measured("2A1C", VECTORS[5].1);
    assert_eq!(
        (
            words(&finger, "body-site"),
            finger.clock.unwrap().to_string()
        ),
        (vec!["finger"], "2012-12-05T11:50:27".to_owned())
    );
    for (at, contact) in [
        (7, "not-supported"),
        (8, "no-contact"),
        (9, "contact"),
        (10, "contact"),
    ] {
        assert_eq!(
            words(&measured("2A37", VECTORS[at].1).1, "contact"),
            [contact]
        );
    }
    let (_, meter) = measured("2A18", VECTORS[12].1);
    assert_eq!((meter.sequence, meter.minutes_after), (Some(1), Some(-5)));
    assert_eq!(meter.clock.unwrap().to_string(), "2019-02-27T11:10:30");
    assert_eq!(
        (words(&meter, "specimen"), words(&meter, "body-site")),
        (vec!["capillary-plasma"], vec!["finger"])
    );
    assert_eq!(meter.details[2].raw, 261);
    assert!(meter.says("context", "context-follows"));
    let (_, scale) = measured("2A9D", VECTORS[17].1);
    assert_eq!(
        (scale.user, scale.clock.unwrap().to_string()),
        (Some(2), "2024-03-31T02:30:00".to_owned())
    );
    let (_, sensor) = measured("2AA7", VECTORS[24].1);
    let raw: Vec<u32> = sensor.details.iter().map(|detail| detail.raw).collect();
    assert_eq!(
        (raw, sensor.minutes_after),
        (vec![0x02, 0x14, 0xff], Some(5))
    );
    let Ok(Decoded::Measurements(two)) = read("2AA7", VECTORS[26].1) else {
        panic!("two records")
    };
    assert_eq!(
        (two[0].minutes_after, two[1].minutes_after),
        (Some(5), Some(6))
    );
}

/// The vectors above are those of the corpus, none left out; its numbers are compared one by one.
#[test]
fn the_corpus_has_no_vector_that_is_not_here() {
    let Some(folder) = corpus() else { return };
    let text = std::fs::read_to_string(folder.join("ble/gatt_vectors.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let vectors = all["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), VECTORS.len());
    for (theirs, (uuid, hex, expected)) in vectors.iter().zip(VECTORS) {
        assert_eq!(
            (theirs["uuid"].as_str(), theirs["hex"].as_str()),
            (Some(uuid), Some(hex))
        );
        let words = theirs["expect"].as_str().unwrap_or_default();
        let refused = words.starts_with("reject") || words.starts_with("CRC error");
        assert_eq!(refused, expected.is_none(), "{hex}");
    }
    let short = |number: Number, expected: &str| match number {
        Number::Exact(value) => {
            let wanted = expected.split(' ').next().unwrap();
            let wanted = crate::record::series::Decimal::parse(wanted).unwrap();
            assert_eq!(value, wanted, "{expected}");
        }
        Number::Absent(reason) => {
            let name = match reason {
                Absent::NotANumber => "NaN",
                Absent::NotAtThisResolution => "NRes",
                Absent::PositiveInfinity => "+INFINITY",
                Absent::NegativeInfinity => "-INFINITY",
                Absent::Failed => "reserved",
            };
            assert_eq!(name, expected);
        }
    };
    let pairs = |name: &str| -> Vec<(Vec<u8>, String)> {
        let of = |pair: &Value| {
            (
                bytes(pair[0].as_str().unwrap()),
                pair[1].as_str().unwrap().to_owned(),
            )
        };
        all[name].as_array().unwrap().iter().map(of).collect()
    };
    let (shorts, longs) = (pairs("sfloat"), pairs("float32"));
    assert_eq!((shorts.len(), longs.len()), (16, 9));
    for (raw, expected) in shorts {
        short(sfloat(u16::from_le_bytes([raw[0], raw[1]])), &expected);
    }
    for (raw, expected) in longs {
        short(
            float(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])).unwrap(),
            &expected,
        );
    }
}

#[test]
fn a_context_belongs_to_a_number() {
    // carbohydrate 60 g at lunch, before the meal, tested by oneself, 30 min at 50 %, 4 mg rapid insulin, HbA1c 6.1 %
    let (_, found) = measured("2A34", "5F0300023CD001510807320104A03DF0");
    assert_eq!(found.sequence, Some(3));
    assert_eq!(
        numbers(&found),
        [
            "carbohydrate 60 g",
            "exercise-duration 1800 s",
            "exercise-intensity 50 %",
            "medication 4 mg",
            "hba1c 6.1 %"
        ]
    );
    assert!(found.says("carbohydrate", "lunch") && found.says("meal", "before-meal"));
    assert!(found.says("tester", "self") && found.says("health", "no-issues"));
    assert!(found.says("medication", "rapid-insulin"));
}

#[test]
fn body_composition_in_the_order_of_its_bits() {
    let all = "F90FC800B81A90018813A00F10270807881398E6D606";
    let (_, found) = measured("2A9C", all);
    assert_eq!(
        numbers(&found),
        [
            "body-fat 20.0 %",
            "basal-metabolism 6840 kJ/d",
            "muscle-share 40.0 %",
            "muscle-mass 50.00 [lb_av]",
            "fat-free-mass 40.00 [lb_av]",
            "soft-lean-mass 100.00 [lb_av]",
            "water-mass 18.00 [lb_av]",
            "impedance 500.0 Ohm",
            "weight 590.32 [lb_av]",
            "height 175.0 [in_i]"
        ]
    );
}

#[test]
fn a_session_knows_its_zone_where_the_device_does() {
    let (_, start) = measured("2AAA", "E807010F081E000404");
    assert_eq!(start.zone_minutes, Some(120));
    let (_, unknown) = measured("2AAA", "E807010F081E0080FF");
    assert_eq!(unknown.zone_minutes, None);
    let (_, record) = measured("2AA7", "06000C100600");
    let reception = Reception {
        received: 1_705_303_800_000,
        offset: 60,
        device_clock: None,
    };
    let placed = reception.place(&record.in_session(&start));
    // 08:30 at +02:00 and six minutes, in milliseconds
    assert_eq!((placed.at, placed.unsure), (1_705_300_560_000, false));
}

#[test]
fn checksums_are_those_of_the_catalogue() {
    assert_eq!(glucose::checksum(b"123456789"), 0x6f91);
}

#[test]
fn names_of_characteristics() {
    for text in ["2A37", "0x2a37", " 00002A37-0000-1000-8000-00805F9B34FB "] {
        assert_eq!(
            Characteristic::from_uuid(text),
            Ok(Characteristic::HeartRate)
        );
    }
    for text in [
        "",
        "2A",
        "2A00",
        "+A37",
        "é",
        "00002a37-0000-1000-8000-00805f9b34fc",
    ] {
        assert!(Characteristic::from_uuid(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_left_over_is_refused_unless_a_later_flag_explains_it() {
    assert!(read("2A37", "005500").is_err());
    assert!(read("2A37", "805500").is_ok());
    assert!(read("2A9D", "00B03600").is_err());
    let long = vec![0; MAX_BYTES + 1];
    assert!(decode(Characteristic::ContinuousGlucose, &long).is_err());
}

#[test]
fn every_word_a_decoder_may_say_is_listed() {
    for (uuid, hex, _) in VECTORS {
        let Ok(Decoded::Measurements(all)) = read(uuid, hex) else {
            continue;
        };
        for quantity in all.iter().flat_map(|one| &one.values) {
            assert!(quantity_names().contains(&quantity.what));
        }
        for detail in all.iter().flat_map(|one| &one.details) {
            for word in &detail.words {
                assert!(detail_words().any(|(_, known)| known == *word));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert!(fuzz_one(&bytes));
    }

    #[test]
    fn a_vector_with_a_bit_turned_is_read_or_refused(which in 0..VECTORS.len(), at in any::<prop::sample::Index>(), bit in 0..8) {
        let (uuid, hex, _) = VECTORS[which];
        let mut bytes = bytes(hex);
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        let _ = decode(Characteristic::from_uuid(uuid).unwrap(), &bytes);
        prop_assert!(fuzz_one(&bytes));
    }

    #[test]
    fn a_cut_vector_is_never_longer_than_itself(which in 0..VECTORS.len(), keep in any::<prop::sample::Index>()) {
        let (uuid, hex, expected) = VECTORS[which];
        let bytes = bytes(hex);
        let cut = &bytes[..keep.index(bytes.len())];
        let found = decode(Characteristic::from_uuid(uuid).unwrap(), cut);
        // Lists shrink; everything else needs all its bytes.
        let list = matches!(uuid, "2AA7") || bytes[0] & 0x10 != 0 && uuid == "2A37";
        prop_assert!(found.is_err() || list || expected.is_none());
    }
}
