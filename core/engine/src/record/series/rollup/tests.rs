#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::record::series::Quality;
use proptest::prelude::*;

fn sample(start: i64, value: &str) -> Sample {
    Sample {
        start,
        end: start + 60_000,
        offset: None,
        reading: Reading::Value(Decimal::parse(value).unwrap()),
        quality: Quality::default(),
        id: None,
        version: 0,
    }
}

#[test]
fn numbers_of_different_places_add_up_exactly() {
    let day = 20_000;
    let start = day * DAY + 3 * HOUR;
    let rollup = Rollup::of(
        &[
            sample(start, "36.5"),
            sample(start + 1, "37"),
            sample(start + HOUR, "36.65"),
        ],
        HOUR,
    );
    assert_eq!(rollup.places, 2);
    let [three, four] = rollup.buckets.as_slice() else {
        panic!("{rollup:?}");
    };
    assert_eq!((three.slot, three.count, three.sum), (start, 2, 7_350));
    assert_eq!(
        (three.least, three.greatest, three.first, three.last),
        (3_650, 3_700, 3_650, 3_700)
    );
    assert_eq!(three.mean(2).unwrap().to_string(), "36.75");
    assert_eq!(
        (four.slot, four.sum, four.span),
        (start + HOUR, 3_665, 60_000)
    );
    assert_eq!(Rollup::read(day, &rollup.write(day)).unwrap(), rollup);
}

#[test]
fn a_mean_without_an_end_is_rounded_to_three_places_more() {
    let rollup = Rollup::of(&[sample(0, "1"), sample(1, "1"), sample(2, "2")], HOUR);
    assert_eq!(rollup.buckets[0].mean(0).unwrap().to_string(), "1.333");
}

#[test]
fn states_count_themselves_and_how_long_they_last() {
    let state = |start: i64, state, minutes: i64| Sample {
        end: start + minutes * 60_000,
        reading: Reading::Category(state),
        ..sample(start, "0")
    };
    let rollup = Rollup::of(
        &[
            state(0, 4, 10),
            state(600_000, 5, 20),
            state(1_800_000, 4, 5),
        ],
        HOUR,
    );
    let told: Vec<_> = rollup
        .buckets
        .iter()
        .map(|b| (b.part, b.count, b.span))
        .collect();
    assert_eq!(told, [(4, 2, 900_000), (5, 1, 1_200_000)]);
}

#[test]
fn components_are_rolled_up_each_and_missing_ones_left_out() {
    let number = |text: &str| Decimal::parse(text);
    let pressure = |start, values: [Option<Decimal>; 4]| Sample {
        reading: Reading::Components(values.to_vec()),
        ..sample(start, "0")
    };
    let rollup = Rollup::of(
        &[
            pressure(0, [number("120"), number("80"), None, number("60")]),
            pressure(1, [number("130"), None, None, None]),
        ],
        HOUR,
    );
    let told: Vec<_> = rollup
        .buckets
        .iter()
        .map(|b| (b.part, b.count, b.sum))
        .collect();
    assert_eq!(told, [(0, 2, 250), (1, 1, 80), (3, 1, 60)]);
}

#[test]
fn a_digest_tells_every_field_apart() {
    let base = sample(0, "5.0");
    let mut others = vec![base.clone(); 8];
    others[1].start -= 1;
    others[2].end += 1;
    others[3].offset = Some(-1);
    others[4].reading = Reading::Value(Decimal::parse("5").unwrap());
    others[5].quality = Quality::MANUAL;
    others[6].version = 1;
    others[7].id = Some(crate::record::series::SampleId([0; 8]));
    let digests: std::collections::BTreeSet<_> =
        others.into_iter().map(|sample| digest(&[sample])).collect();
    assert_eq!(digests.len(), 8);
    assert_ne!(digest(&[base.clone(), base.clone()]), digest(&[base]));
}

proptest! {
    #[test]
    fn hours_joined_are_the_whole(values in prop::collection::vec((0_i64..5 * HOUR, -500_i64..500, 0_u8..3), 1..80)) {
        let mut values = values;
        values.sort_unstable_by_key(|(start, _, _)| *start);
        let samples: Vec<Sample> = values.iter().map(|(start, mantissa, places)| Sample {
            reading: Reading::Value(Decimal::new(*mantissa, *places).unwrap()),
            ..sample(*start, "0")
        }).collect();
        let whole = Rollup::of(&samples, DAY);
        let hours = Rollup::of(&samples, HOUR);
        let mut joined = hours.buckets[0];
        hours.buckets[1..].iter().for_each(|bucket| joined.join(bucket));
        prop_assert_eq!(Bucket { slot: 0, ..joined }, whole.buckets[0]);
        let written = hours.write(0);
        prop_assert_eq!(Rollup::read(0, &written).unwrap(), hours);
    }

    #[test]
    fn other_bytes_do_not_panic(bytes: Vec<u8>, day: i64) {
        let _ = Rollup::read(day, &bytes);
    }
}
