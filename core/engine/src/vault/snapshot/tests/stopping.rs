//! Making and letting go, stopped at any step: what was done is kept, and nothing is done twice.

use super::super::super::{Observer, Progress};
use super::super::{Making, Reuse, make};
use super::*;
use crate::vault::brake::Brake;
use std::sync::atomic::{AtomicU64, Ordering};

/// Says stop when it is asked for the n-th time.
struct After(AtomicU64);

impl Observer for After {
    fn progress(&self, _: Progress) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        left > 0
    }
}

/// Resources of six years whose text does not compress, so that there are several pieces.
fn many(phone: &Phone) {
    let path = phone.folder.path().join("years.ndjson");
    let mut lines = String::new();
    for at in 0..1_800_u32 {
        let text: String = (0..12_u32)
            .map(|part| {
                blake3::hash(&[at.to_le_bytes(), part.to_le_bytes()].concat())
                    .to_hex()
                    .to_string()
            })
            .collect();
        lines += &format!(
            r#"{{"resourceType":"Observation","id":"6d1f5a3c-0000-4000-9000-{at:012}","status":"final","effectiveDateTime":"{}-03-01","code":{{"text":"{text}"}}}}"#,
            2010 + at / 300,
        );
        lines.push('\n');
    }
    std::fs::write(&path, lines).unwrap();
    phone.vault.import(record(phone), &[path], None).unwrap();
}

#[test]
fn a_snapshot_stopped_at_any_piece_goes_on_with_those_it_has() {
    let (relay, first, second) = two();
    many(&first);
    first.sync().unwrap();
    second.sync().unwrap();
    let log = log_of(&first);
    let open = first.vault.unlocked().unwrap();
    let how = (Reuse::Anywhere, false);
    let mut stops = 0;
    let report = loop {
        let observer = After(AtomicU64::new(1 + stops));
        let brake = Brake::new(None, Some(&observer));
        match make(&open, log, how, 1, &brake).unwrap() {
            Making::Made(report) => break report,
            Making::Stopped => stops += 1,
            Making::Nothing => panic!("there was something to make"),
        }
        let waiting = stored(&first);
        assert!(
            waiting
                .iter()
                .all(|stored| stored.unfinished && stored.place.is_none())
        );
    };
    assert!(stops > 1 && report.reused > 0, "{stops} {report:?}");
    let files = open.store.attachments().list().unwrap().len() as u64;
    assert_eq!(files, report.pieces, "a piece was made twice");
    settle(&first, &second);
    let third = first.add(&relay);
    third.sync().unwrap();
    same(&first, &third);
    third.check();
}

#[test]
fn letting_go_stopped_at_any_step_goes_on() {
    let (_relay, first, second) = two();
    first.vault.compact(record(&first), None).unwrap();
    first.sync().unwrap();
    second.sync().unwrap();
    for asked in 0..200 {
        let observer = std::sync::Arc::new(After(AtomicU64::new(asked)));
        let outcome = first.vault.sync(None, None, Some(&*observer));
        first.check();
        if outcome.is_ok_and(|report| report.complete) {
            break;
        }
        assert!(asked < 199, "it never ends");
    }
    second.sync().unwrap();
    same(&first, &second);
    assert!(changes(&first) < 10);
}
