//! Measures, in CPU time of one thread, printed by `cargo test -p carnet --release store::bench -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use super::testing::{Room, of_texts, put, written};
use super::{outside, texts::Located, views};
use crate::record::text::fold_words;
use crate::record::view::Filter;
use rusqlite::Connection;
use std::time::Duration;

const RESOURCES: usize = 20_000;
const PER_CHANGE: usize = 500;
const CHANGES_PER_COMMIT: usize = 4;
const NAMES: [&str; 12] = [
    "Glycémie à jeun",
    "Hémoglobine glyquée",
    "Créatinine",
    "Tension artérielle systolique",
    "Poids",
    "Taille",
    "Cholestérol LDL",
    "Fréquence cardiaque",
    "Température",
    "Ferritine",
    "TSH",
    "Vitamine D",
];

/// Some 700 bytes each, with ids, codes, dates and words as hospital exports have them.
fn generate(count: usize) -> Vec<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let resource = |_| {
        let (name, code) = (next() as usize % NAMES.len(), next() % 40);
        let (year, month, day) = (1990 + next() % 35, 1 + next() % 12, 1 + next() % 28);
        format!(
            r#"{{"resourceType":"Observation","id":"{:016x}-{:016x}","meta":{{"profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-observation-lab"]}},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory","display":"Laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"{}-{}","display":"{}"}}],"text":"{}"}},"subject":{{"reference":"Patient/{:x}"}},"encounter":{{"reference":"Encounter/{:x}"}},"effectiveDateTime":"{year}-{month:02}-{day:02}T{:02}:{:02}:00+01:00","issued":"{year}-{month:02}-{day:02}T12:00:00.000+01:00","valueQuantity":{{"value":{}.{},"unit":"mmol/L","system":"http://unitsofmeasure.org","code":"mmol/L"}}}}"#,
            next(),
            next(),
            1000 + code,
            code % 10,
            NAMES[name],
            NAMES[name],
            next() % 20,
            next() % 2_000,
            next() % 24,
            next() % 60,
            next() % 200,
            next() % 100
        )
    };
    (0..count).map(resource).collect()
}

/// Parses the same bytes and keeps them in plain SQLite with the same indexes and full text.
fn baseline(texts: &[String]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let mut plain = Connection::open(folder.path().join("plain.db")).unwrap();
    plain
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE r(r INTEGER PRIMARY KEY, id TEXT UNIQUE, kind TEXT, category TEXT, code TEXT, sort TEXT, text TEXT);
             CREATE INDEX r1 ON r(sort); CREATE INDEX r2 ON r(kind, sort); CREATE INDEX r3 ON r(category, sort);
             CREATE INDEX r4 ON r(code, sort);
             CREATE VIRTUAL TABLE s USING fts5(words, content='', tokenize='unicode61 remove_diacritics 2');",
        )
        .unwrap();
    let start = cpu();
    for batch in texts.chunks(PER_CHANGE * CHANGES_PER_COMMIT) {
        let tx = plain.transaction().unwrap();
        for text in batch {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let at = |path: &str| {
                value
                    .pointer(path)
                    .and_then(serde_json::Value::as_str)
                    .unwrap_or_default()
            };
            tx.prepare_cached("INSERT INTO r(id, kind, category, code, sort, text) VALUES(?1, ?2, ?3, ?4, ?5, ?6)")
                .unwrap()
                .execute((at("/id"), at("/resourceType"), "laboratory", at("/code/coding/0/code"), at("/effectiveDateTime"), text))
                .unwrap();
            let words = format!(
                "{} {} {}",
                at("/code/text"),
                at("/code/coding/0/code"),
                at("/status")
            );
            tx.prepare_cached("INSERT INTO s(rowid, words) VALUES(?1, ?2)")
                .unwrap()
                .execute((tx.last_insert_rowid(), fold_words(&words)))
                .unwrap();
        }
        tx.commit().unwrap();
    }
    cpu() - start
}

fn carnet(room: &Room, texts: &[String]) -> [Duration; 2] {
    let (mut deriving, start) = (Duration::ZERO, cpu());
    let mut seq = 0;
    for commit in texts.chunks(PER_CHANGE * CHANGES_PER_COMMIT) {
        room.store
            .write(|tx| {
                for change in commit.chunks(PER_CHANGE) {
                    seq += 1;
                    let begin = cpu();
                    let texts: Vec<&str> = change.iter().map(String::as_str).collect();
                    let located = texts.iter().map(|text| Located {
                        text,
                        issuer: "urn:source",
                        full_url: None,
                    });
                    let parsed: Vec<_> = located
                        .map(|text| outside::derive(&text).unwrap())
                        .collect();
                    deriving += cpu() - begin;
                    put(tx, &written(1, seq, seq, of_texts(&texts)), Some(&parsed))?;
                }
                Ok(())
            })
            .unwrap();
    }
    [cpu() - start, deriving]
}

/// CPU time of this thread: the machine may be shared. Linux only, where it is measured.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// Mean of many runs: this clock ticks every 4 ms on some kernels.
fn mean(mut run: impl FnMut()) -> Duration {
    const RUNS: u32 = 200;
    let start = cpu();
    (0..RUNS).for_each(|_| run());
    (cpu() - start) / RUNS
}

fn resident_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1))
        .and_then(|kib| kib.parse().ok())
        .unwrap_or(0)
}

#[test]
#[ignore = "a measurement, for release builds"]
fn bulk_and_queries() {
    let count = std::env::var("CARNET_BENCH")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(RESOURCES);
    let texts = generate(count);
    let megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
    let plain = baseline(&texts);
    let room = Room::new();
    let before = resident_kib("VmHWM");
    let [total, deriving] = carnet(&room, &texts);
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    eprintln!("{count} resources, {megabytes:.1} MB");
    eprintln!("plain baseline  {:>8.0} resources/s", rate(plain));
    eprintln!(
        "carnet          {:>8.0} resources/s, ratio {:.2}",
        rate(total),
        plain.as_secs_f64() / total.as_secs_f64()
    );
    eprintln!(
        "  without deriving {:>8.0} resources/s",
        rate(total - deriving)
    );
    eprintln!(
        "on disk {:.1} MB, peak {} KiB, of which {before} KiB before the import",
        room.store.bytes_on_disk().unwrap() as f64 / 1e6,
        resident_kib("VmHWM")
    );
    let page = Filter {
        limit: Some(20),
        ..Filter::default()
    };
    let ask = |name: &str, filter: &Filter| {
        let time = mean(|| {
            let _ = room
                .store
                .read(|reader| views::list(reader, filter))
                .unwrap();
        });
        eprintln!("mean {name:<24} {time:>9.2?}");
    };
    ask("timeline", &page);
    ask(
        "kind",
        &Filter {
            kind: Some("Observation".into()),
            ..page.clone()
        },
    );
    ask(
        "code",
        &Filter {
            code: Some("1007-7".into()),
            ..page.clone()
        },
    );
    ask(
        "kind, 1 year",
        &Filter {
            kind: Some("Observation".into()),
            from: Some("2001".into()),
            to: Some("2001".into()),
            ..page.clone()
        },
    );
    ask(
        "category, page 50",
        &Filter {
            category: Some(crate::record::row::Category::Laboratory),
            offset: 1_000,
            ..page.clone()
        },
    );
    for words in [
        "glycemie",
        "final",
        "vitamine d",
        "gl",
        "f",
        "1007-7 ferritine",
    ] {
        let time = mean(|| {
            let _ = room
                .store
                .read(|reader| views::search(reader, words, &page))
                .unwrap();
        });
        eprintln!("mean search {words:<17} {time:>9.2?}");
    }
    let cold = cpu();
    let again = super::Store::open(room.folder.path(), &super::testing::KEY).unwrap();
    let _ = again.read(|reader| views::list(reader, &page)).unwrap();
    eprintln!("open and first page {:?}", cpu() - cold);
}
