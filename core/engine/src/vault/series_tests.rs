//! Series on whole phones: what two of them read of one device, a week of background windows, deletions, orders of sources.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::sync_tests::{FakeRelay, Phone, host, pair, same};
use super::*;
use crate::record::series::{
    Decimal, Deletion, Metric, Quality, Reading, Sample, SampleBatch, SampleId, Source, SourceKind,
    Unit,
};
use carnet_wire::RecordId;
use std::collections::BTreeSet;
use std::ops::Range;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2026-03-25T00:00:00Z, a Wednesday.
const START: i64 = 1_774_396_800_000;

fn metric(key: &str) -> Metric {
    Metric::from_key(key).unwrap()
}

fn sample(start: i64, value: &str) -> Sample {
    Sample {
        start,
        end: start,
        offset: Some(60),
        reading: Reading::Value(Decimal::parse(value).unwrap()),
        quality: Quality::default(),
        id: None,
        version: 0,
    }
}

fn named(start: i64, value: &str, id: u8, version: u64) -> Sample {
    Sample {
        id: Some(SampleId::derive("test", &[id])),
        version,
        ..sample(start, value)
    }
}

fn batch(key: &str, unit: &str, source: &str, samples: Vec<Sample>) -> SampleBatch {
    SampleBatch {
        metric: metric(key),
        unit: Unit::from_text(unit).unwrap(),
        source: Source {
            key: source.to_owned(),
            name: source.to_uppercase(),
            kind: match source {
                "phone" => SourceKind::Phone,
                "scale" => SourceKind::Device,
                _ => SourceKind::Watch,
            },
        },
        samples,
    }
}

fn read(batches: Vec<SampleBatch>) -> Ingest {
    Ingest {
        feed: "test".to_owned(),
        batches,
        deletions: Vec::new(),
        token: None,
        window: None,
    }
}

impl Phone {
    /// The same phone after the app was killed and started again.
    fn again(self, relay: &Arc<FakeRelay>) -> Self {
        let Self {
            folder,
            keys,
            vault,
        } = self;
        drop(vault);
        let vault = Vault::open(&folder.path().join("v"), host(&keys, relay)).unwrap();
        Self {
            folder,
            keys,
            vault,
        }
    }

    fn record(&self) -> RecordId {
        self.vault.persons().unwrap()[0].record
    }

    fn take(&self, batches: Vec<SampleBatch>) -> Ingested {
        self.vault.ingest(self.record(), &read(batches)).unwrap()
    }

    fn forget(&self, id: SampleId, start: Option<i64>) -> u64 {
        let ingest = Ingest {
            deletions: vec![Deletion { id, start }],
            ..read(Vec::new())
        };
        self.vault.ingest(self.record(), &ingest).unwrap().deleted
    }

    fn all(&self, key: &str) -> Vec<(i64, String)> {
        let span = START - 400 * DAY..START + 400 * DAY;
        let rows = self
            .vault
            .samples(self.record(), metric(key), &span, None, 1_000_000)
            .unwrap();
        let value = |row: &SampleRow| {
            row.values[0]
                .map(|value| value.to_string())
                .unwrap_or_default()
        };
        rows.iter()
            .map(|row| (row.start - START, value(row)))
            .collect()
    }

    fn chart(&self, key: &str, every: Every, zone: &str) -> Chart {
        self.vault
            .chart(self.record(), metric(key), every, zone, None)
            .unwrap()
    }
}

fn sums(chart: &Chart) -> Vec<String> {
    let points = chart.points.iter();
    points.map(|point| point.sum.unwrap().to_string()).collect()
}

fn both_sync(a: &Phone, b: &Phone) {
    for phone in [a, b, a] {
        phone.sync().unwrap();
    }
    same(a, b);
}

#[test]
fn two_phones_that_read_halves_of_one_scale_hold_each_reading_once() {
    let (_relay, a, b) = pair();
    let weighings: Vec<Sample> = (0..30)
        .map(|day| {
            sample(
                START + day * DAY,
                &format!("{}.{}", 70 - day / 10, day % 10),
            )
        })
        .collect();
    a.take(vec![batch(
        "weight",
        "kg",
        "scale",
        weighings[..20].to_vec(),
    )]);
    b.take(vec![batch(
        "weight",
        "kg",
        "scale",
        weighings[12..].to_vec(),
    )]);
    both_sync(&a, &b);
    for phone in [&a, &b] {
        assert_eq!(phone.all("weight").len(), 30);
        assert_eq!(phone.vault.series(phone.record()).unwrap()[0].count, 30);
        phone.check();
        let again = phone.take(vec![batch("weight", "kg", "scale", weighings.clone())]);
        assert_eq!((again.new, again.known), (0, 30));
    }
    a.take(vec![batch("weight", "kg", "scale", weighings)]);
    assert_eq!(
        a.vault.stats(None).unwrap().unsent,
        0,
        "what is known is not sent again"
    );
}

#[test]
fn what_was_deleted_stays_deleted_whichever_comes_first() {
    let (_relay, a, b) = pair();
    let (kept, wrong) = (named(START, "70", 1, 0), named(START + MINUTE, "7", 2, 0));
    // One phone only hears of the deletion, the other only has the sample; an id of no sample changes nothing.
    assert_eq!(b.forget(wrong.identity(), None), 1);
    a.take(vec![batch(
        "heart-rate",
        "/min",
        "watch",
        vec![kept.clone(), wrong.clone()],
    )]);
    assert_eq!(a.all("heart-rate").len(), 2);
    both_sync(&a, &b);
    for phone in [&a, &b] {
        assert_eq!(phone.all("heart-rate"), [(0, "70".to_owned())]);
        let again = phone.take(vec![batch(
            "heart-rate",
            "/min",
            "watch",
            vec![wrong.clone()],
        )]);
        assert_eq!(again.new, 0);
        assert_eq!(phone.forget(wrong.identity(), None), 0);
        phone.check();
    }
    // Without an id a reading is deleted by what it says.
    let typed = sample(START + HOUR, "99");
    a.take(vec![batch(
        "heart-rate",
        "/min",
        "watch",
        vec![typed.clone()],
    )]);
    assert_eq!(a.forget(typed.identity(), Some(typed.start)), 1);
    both_sync(&a, &b);
    assert_eq!(b.all("heart-rate").len(), 1);
    b.forget(kept.identity(), Some(kept.start));
    assert!(b.vault.series(b.record()).unwrap().is_empty());
    b.check();
}

#[test]
fn a_newer_version_of_an_id_replaces_the_older_on_both_phones() {
    let (_relay, a, b) = pair();
    a.take(vec![batch(
        "steps",
        "{steps}",
        "watch",
        vec![named(START, "100", 1, 5)],
    )]);
    b.take(vec![batch(
        "steps",
        "{steps}",
        "watch",
        vec![named(START, "120", 1, 9)],
    )]);
    both_sync(&a, &b);
    assert_eq!(a.all("steps"), [(0, "120".to_owned())]);
    let late = a.take(vec![batch(
        "steps",
        "{steps}",
        "watch",
        vec![named(START, "100", 1, 5)],
    )]);
    assert_eq!(late.new, 0);
    a.check();
}

#[test]
fn an_order_of_sources_holds_on_both_phones_and_the_chart_says_why() {
    let (_relay, a, b) = pair();
    a.take(vec![
        batch(
            "steps",
            "{steps}",
            "phone",
            vec![sample(START, "80"), sample(START + HOUR, "40")],
        ),
        batch(
            "steps",
            "{steps}",
            "watch",
            vec![sample(START + MINUTE, "100")],
        ),
    ]);
    both_sync(&a, &b);
    assert_eq!(sums(&b.chart("steps", Every::Day, "UTC")), ["140"]);
    let phone_first = ["phone".to_owned()];
    a.vault
        .prefer_sources(a.record(), metric("steps"), &phone_first)
        .unwrap();
    assert!(
        a.vault
            .prefer_sources(a.record(), metric("steps"), &["nobody".to_owned()])
            .is_err()
    );
    both_sync(&a, &b);
    let chart = b.chart("steps", Every::Day, "UTC");
    assert_eq!(sums(&chart), ["120"]);
    let told: Vec<_> = chart
        .sources
        .iter()
        .map(|s| (&*s.source.key, s.why, s.left_out))
        .collect();
    assert_eq!(told, [("phone", Why::Chosen, 0), ("watch", Why::Kind, 1)]);
    b.check();
    // Said at once on both: both take the same.
    a.vault
        .prefer_sources(a.record(), metric("steps"), &phone_first)
        .unwrap();
    b.vault
        .prefer_sources(b.record(), metric("steps"), &["watch".to_owned()])
        .unwrap();
    both_sync(&a, &b);
    assert_eq!(
        sums(&a.chart("steps", Every::Day, "UTC")),
        sums(&b.chart("steps", Every::Day, "UTC"))
    );
}

#[test]
fn days_are_those_of_the_zone_across_a_change_of_the_clock() {
    let (_relay, a, _b) = pair();
    // Ten steps every half hour from Wednesday to the Wednesday after; the clock goes forward on Sunday night.
    let steps: Vec<Sample> = (0..7 * 48)
        .map(|n| sample(START + n * HOUR / 2, "10"))
        .collect();
    a.take(vec![batch("steps", "{steps}", "watch", steps)]);
    let paris = a.chart("steps", Every::Day, "Europe/Paris");
    assert_eq!(
        sums(&paris),
        ["460", "480", "480", "480", "460", "480", "480", "40"]
    );
    // India is half an hour off; Nepal three quarters.
    let india = a.chart("steps", Every::Day, "Asia/Kolkata");
    assert_eq!(
        sums(&india),
        ["370", "480", "480", "480", "480", "480", "480", "110"]
    );
    let nepal = a.chart("steps", Every::Day, "Asia/Kathmandu");
    assert_eq!(sums(&nepal)[0], "370");
    assert_eq!(sums(&a.chart("steps", Every::Week, "UTC")), ["2400", "960"]);
    assert_eq!(sums(&a.chart("steps", Every::All, "UTC")), ["3360"]);
    assert_eq!(
        a.chart("steps", Every::Hour, "Europe/Paris").points.len(),
        7 * 24
    );
    let gaps = a
        .vault
        .gaps(
            a.record(),
            metric("steps"),
            &(START - 5 * HOUR..START + 8 * DAY),
            2,
        )
        .unwrap();
    assert_eq!(
        gaps,
        [START - 5 * HOUR..START, START + 7 * DAY..START + 8 * DAY]
    );
}

#[test]
fn a_range_gives_samples_of_one_or_all_sources_up_to_a_limit() {
    let (_relay, a, _b) = pair();
    let hourly = |source: &str, value: &str| {
        let samples = (0..50).map(|n| sample(START + n * HOUR, value)).collect();
        batch("body-temperature", "[degF]", source, samples)
    };
    a.take(vec![hourly("watch", "98.6"), hourly("scale", "99.5")]);
    let ask = |source, limit| {
        let span = START + HOUR..START + 3 * HOUR;
        a.vault
            .samples(a.record(), metric("body-temperature"), &span, source, limit)
            .unwrap()
    };
    assert_eq!(ask(None, 100).len(), 4);
    assert_eq!(ask(None, 3).len(), 3);
    assert_eq!(ask(None, 0).len(), 0);
    let one = ask(Some("watch"), 100);
    assert_eq!(one.len(), 2);
    assert_eq!(one[0].values[0].unwrap().to_string(), "37");
    assert_eq!(one[0].original[0].unwrap().to_string(), "98.6");
    assert_eq!(one[0].unit.ucum(), "[degF]");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_of_it_is_kept() {
    let (_relay, a, _b) = pair();
    let before = a.bytes();
    let mut late = sample(START, "70");
    late.start *= 1_000;
    let wrong = read(vec![
        batch("heart-rate", "/min", "watch", vec![sample(START, "70")]),
        batch("heart-rate", "/min", "watch", vec![late]),
    ]);
    assert!(matches!(
        a.vault.ingest(a.record(), &wrong),
        Err(VaultError::InvalidInput(_))
    ));
    let unnamed = Ingest {
        feed: String::new(),
        ..read(vec![batch(
            "heart-rate",
            "/min",
            "watch",
            vec![sample(START, "70")],
        )])
    };
    assert!(a.vault.ingest(a.record(), &unnamed).is_err());
    assert_eq!(a.bytes(), before);
    assert!(a.vault.series(a.record()).unwrap().is_empty());
}

/// A watch that counts steps each minute, and the platform that hands them out: in windows, when the phone is not locked,
/// as long as its token and its quota last.
struct Platform {
    given: BTreeSet<i64>,
    dice: u64,
}

impl Platform {
    fn dice(&mut self, sides: u64) -> u64 {
        self.dice = self
            .dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % sides
    }

    fn minutes(window: &Range<i64>) -> Vec<Sample> {
        let first =
            window.start.div_euclid(MINUTE) + i64::from(window.start.rem_euclid(MINUTE) > 0);
        let minutes = (first..)
            .map(|n| n * MINUTE)
            .take_while(|at| *at < window.end);
        minutes
            .map(|at| sample(at, &(at / MINUTE % 120).to_string()))
            .collect()
    }
}

#[test]
fn a_week_of_windows_loses_nothing_counts_nothing_twice_and_is_honest_at_every_step() {
    let (relay, mut a, b) = pair();
    let mut platform = Platform {
        given: BTreeSet::new(),
        dice: 7,
    };
    let record = a.record();
    let quarter = 15 * MINUTE;
    let mut killed = 0;
    for window in 0..7 * 96 {
        let now = START + (window + 1) * quarter;
        let fresh = now - quarter..now;
        match platform.dice(10) {
            0..=3 => a
                .vault
                .note_unread(record, "steps", fresh, Reason::Locked)
                .unwrap(),
            4 => a
                .vault
                .note_unread(record, "steps", fresh, Reason::Quota)
                .unwrap(),
            5 => a
                .vault
                .note_unread(record, "steps", fresh, Reason::TokenExpired)
                .unwrap(),
            roll => {
                let mut windows: Vec<_> = waiting(&a)
                    .into_iter()
                    .map(|unread| unread.window)
                    .collect();
                windows.push(fresh);
                for (at, window) in windows.into_iter().enumerate() {
                    let ingest = Ingest {
                        feed: "steps".to_owned(),
                        token: Some(now.to_be_bytes().to_vec()),
                        window: Some(window.clone()),
                        ..read(vec![batch(
                            "steps",
                            "{steps}",
                            "watch",
                            Platform::minutes(&window),
                        )])
                    };
                    platform
                        .given
                        .extend(Platform::minutes(&window).iter().map(|sample| sample.start));
                    a.vault.ingest(record, &ingest).unwrap();
                    // Killed before the app noted that it was done: it opens the vault again and reads the window once more.
                    if roll == 9 && at == 0 {
                        killed += 1;
                        a = a.again(&relay);
                        let twice = a.vault.ingest(record, &ingest).unwrap();
                        assert_eq!(twice.new, 0);
                        assert_eq!(
                            a.vault.feed_token(record, "steps").unwrap().unwrap(),
                            now.to_be_bytes()
                        );
                    }
                }
            }
        }
        honest(&a, &platform, now);
        if window % 24 == 23 {
            a.sync().unwrap();
        }
    }
    assert!(killed > 20, "{killed}");
    let rest: Vec<_> = waiting(&a)
        .into_iter()
        .map(|unread| unread.window)
        .collect();
    for window in rest {
        let ingest = Ingest {
            feed: "steps".to_owned(),
            window: Some(window.clone()),
            ..read(vec![batch(
                "steps",
                "{steps}",
                "watch",
                Platform::minutes(&window),
            )])
        };
        a.vault.ingest(record, &ingest).unwrap();
    }
    assert!(waiting(&a).is_empty());
    both_sync(&a, &b);
    let expected: Vec<i64> = (0..7 * 24 * 60).map(|minute| minute * MINUTE).collect();
    for phone in [&a, &b] {
        let held: Vec<i64> = phone
            .all("steps")
            .into_iter()
            .map(|(start, _)| start)
            .collect();
        assert_eq!(held, expected);
        phone.check();
    }
}

fn waiting(phone: &Phone) -> Vec<Unread> {
    let feeds = phone.vault.feeds(phone.record()).unwrap();
    feeds.into_iter().flat_map(|feed| feed.unread).collect()
}

/// What is not in the record is in a window that waits, with its reason and its age, and nothing waits that was read.
fn honest(phone: &Phone, platform: &Platform, now: i64) {
    let waiting = waiting(phone);
    let count = phone
        .vault
        .series(phone.record())
        .unwrap()
        .first()
        .map_or(0, |series| series.count);
    assert_eq!(count, platform.given.len() as u64);
    let missing: i64 = waiting
        .iter()
        .map(|unread| (unread.window.end - unread.window.start) / MINUTE)
        .sum();
    assert_eq!(missing + count as i64, (now - START) / MINUTE, "at {now}");
    assert!(
        waiting
            .windows(2)
            .all(|pair| pair[0].window.end <= pair[1].window.start)
    );
}
