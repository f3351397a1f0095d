//! Real files that nobody on this project wrote, where they are present.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use super::{Draft, Outcome, Refused, Summary, read_fhir};
use crate::record::json::parse;
use crate::record::resource::{Resource, read};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// The corpus folder; says loudly when there is none.
pub(crate) fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("CARNET_CORPUS").map_or(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no corpus at {}; set CARNET_CORPUS to test against real files",
        folder.display()
    );
    None
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

struct Found {
    summary: Summary,
    drafts: Vec<Draft>,
    refused: Vec<Refused>,
    others: usize,
}

fn found(bytes: &[u8], name: &str) -> Found {
    let (mut drafts, mut refused, mut others) = (Vec::new(), Vec::new(), 0);
    let mut sink = |outcome| {
        match outcome {
            Outcome::Draft(draft) => drafts.push(*draft),
            Outcome::Refused(item) => refused.push(item),
            Outcome::Document(_) | Outcome::Deleted(_) => others += 1,
        }
        ControlFlow::Continue(())
    };
    let summary = read_fhir(bytes, name, &mut sink).unwrap();
    Found {
        summary,
        drafts,
        refused,
        others,
    }
}

fn file(path: &Path) -> Found {
    found(
        &std::fs::read(path).unwrap(),
        &path.file_name().unwrap().to_string_lossy(),
    )
}

fn folder(name: &str) -> Vec<Found> {
    let Some(corpus) = corpus() else {
        return Vec::new();
    };
    files(&corpus.join(name))
        .iter()
        .map(|path| file(path))
        .collect()
}

/// What must hold of every draft, whatever it is.
fn check(draft: &Draft) {
    let again = read(&draft.text, &draft.issuer, draft.full_url.as_deref()).unwrap();
    assert_eq!(again, draft.resource);
    let loose: serde_json::Value = serde_json::from_str(&draft.text).unwrap();
    assert_eq!(
        loose.get("resourceType").unwrap(),
        draft.resource.kind.as_str()
    );
    assert!(parse(&draft.text).is_ok());
}

fn resolved(drafts: &[Draft]) -> (usize, usize) {
    let aliases: BTreeSet<&str> = drafts
        .iter()
        .flat_map(|draft| &draft.resource.aliases)
        .map(String::as_str)
        .collect();
    let references = || drafts.iter().flat_map(|draft| &draft.resource.references);
    let hit = references()
        .filter(|reference| aliases.contains(reference.target.as_str()))
        .count();
    (hit, references().count())
}

fn ids(drafts: &[Draft]) -> BTreeSet<String> {
    drafts
        .iter()
        .map(|draft| draft.resource.id.to_string())
        .collect()
}

#[test]
fn synthea_bundles_are_read_whole_and_every_reference_resolves() {
    let read = folder("synthea");
    let counts: Vec<usize> = read.iter().map(|found| found.drafts.len()).collect();
    assert!(read.is_empty() || counts == [66, 70, 296], "{counts:?}");
    for found in &read {
        assert_eq!(
            (found.refused.len(), found.others, found.summary.format),
            (0, 0, "fhir-json")
        );
        found.drafts.iter().for_each(check);
        assert_eq!(ids(&found.drafts).len(), found.drafts.len());
        let (hit, all) = resolved(&found.drafts);
        assert!(all > 190 && hit == all, "{hit} of {all}");
    }
}

#[test]
fn bulk_files_are_read_line_by_line() {
    let read = folder("ndjson");
    let mut counts = BTreeMap::new();
    for draft in read.iter().flat_map(|found| &found.drafts) {
        *counts.entry(draft.resource.kind.as_str()).or_insert(0) += 1;
    }
    for found in &read {
        assert_eq!(
            (&found.refused, found.others, found.summary.format),
            (&Vec::new(), 0, "fhir-ndjson")
        );
        found.drafts.iter().for_each(check);
    }
    if !read.is_empty() {
        assert_eq!(
            (
                counts["Condition"],
                counts["Immunization"],
                counts["Patient"]
            ),
            (555, 161, 13)
        );
        let patients: BTreeSet<&str> = read
            .iter()
            .flat_map(|found| &found.drafts)
            .filter(|draft| draft.resource.kind == "Patient")
            .flat_map(|draft| &draft.resource.aliases)
            .map(String::as_str)
            .collect();
        let conditions = read
            .iter()
            .flat_map(|found| &found.drafts)
            .filter(|draft| draft.resource.kind == "Condition");
        let subjects = conditions
            .flat_map(|draft| &draft.resource.references)
            .filter(|reference| reference.path == "subject");
        assert!(
            subjects
                .into_iter()
                .all(|subject| patients.contains(subject.target.as_str()))
        );
    }
}

#[test]
fn all_us_core_examples_are_read() {
    let read = folder("us-core");
    let mut ids_of_text: HashMap<String, BTreeSet<String>> = HashMap::new();
    for found in &read {
        assert!(
            !found.drafts.is_empty() && found.refused.is_empty() && found.others == 0,
            "{:?}",
            found.refused
        );
        found.drafts.iter().for_each(check);
        for draft in &found.drafts {
            ids_of_text
                .entry(draft.resource.id.to_string())
                .or_default()
                .insert(draft.text.clone());
        }
    }
    assert!(read.is_empty() || read.len() == 229);
    assert!(
        ids_of_text.values().all(|texts| texts.len() == 1),
        "two examples were taken for versions of one"
    );
}

#[test]
fn ips_bundles_resolve() {
    for found in folder("ips") {
        assert!(found.refused.is_empty() && found.others == 0);
        found.drafts.iter().for_each(check);
        let (hit, all) = resolved(&found.drafts);
        assert!(hit * 100 >= all * 95, "{hit} of {all}");
    }
}

#[test]
fn cms_answers_are_read_or_kept() {
    let Some(corpus) = corpus() else { return };
    for path in files(&corpus.join("cms"))
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
    {
        let found = file(path);
        assert!(
            found.drafts.len() + found.others > 0 && found.refused.is_empty(),
            "{path:?} {:?}",
            found.refused
        );
    }
}

/// What a vault would export as NDJSON and read again.
#[test]
fn an_export_as_lines_reads_back_as_the_same_set() {
    if corpus().is_none() {
        return;
    }
    for name in ["synthea", "ndjson", "us-core", "ips"] {
        let drafts: Vec<Draft> = folder(name)
            .into_iter()
            .flat_map(|found| found.drafts)
            .collect();
        let flat = |text: &str| {
            serde_json::from_str::<serde_json::Value>(text)
                .unwrap()
                .to_string()
        };
        let lines: String = drafts
            .iter()
            .map(|draft| flat(&draft.text) + "\n")
            .collect();
        let again = found(lines.as_bytes(), "export.ndjson");
        assert!(again.refused.is_empty());
        let contents = |drafts: &[Draft]| -> BTreeSet<String> {
            drafts
                .iter()
                .map(|draft| draft.resource.content.to_string())
                .collect()
        };
        assert_eq!(contents(&again.drafts), contents(&drafts));
        assert_eq!(ids(&again.drafts).len(), ids(&drafts).len(), "{name}");
    }
}

/// What a vault would export as a Bundle and read again: every identity is the same.
#[test]
fn an_export_as_a_bundle_reads_back_as_itself() {
    if corpus().is_none() {
        return;
    }
    let drafts: Vec<Draft> = ["synthea", "us-core", "ips"]
        .iter()
        .flat_map(|name| folder(name))
        .flat_map(|found| found.drafts)
        .collect();
    let entries = drafts.iter().map(|draft| match &draft.full_url {
        Some(url) => format!("{{\"fullUrl\":\"{url}\",\"resource\":{}}}", draft.text),
        None => format!("{{\"resource\":{}}}", draft.text),
    });
    let entries: Vec<String> = entries.collect();
    let bundle = format!(
        "{{\"resourceType\":\"Bundle\",\"type\":\"collection\",\"entry\":[{}]}}",
        entries.join(",")
    );
    let again = found(bundle.as_bytes(), "export.json");
    let named = |drafts: &[Draft]| -> BTreeSet<(String, String)> {
        let pair = |draft: &Draft| (draft.resource.id.to_string(), draft.text.clone());
        drafts.iter().map(pair).collect()
    };
    assert!(again.refused.is_empty());
    assert_eq!(named(&again.drafts), named(&drafts));
}

#[test]
fn other_formats_are_refused_in_a_word() {
    let Some(corpus) = corpus() else { return };
    for name in [
        "va-text",
        "fit",
        "ble",
        "vendor-json",
        "withings",
        "health-connect",
    ] {
        let all = files(&corpus.join(name));
        for path in all.iter().filter(|path| path.is_file()) {
            let found = file(path);
            assert!(
                found.drafts.is_empty() && !found.refused.is_empty(),
                "{path:?}"
            );
            assert_eq!(found.summary.format, "unknown");
        }
    }
}

#[test]
fn the_seeds_of_the_fuzz_target_are_read() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/fhir");
    let seeds = files(&seeds);
    assert!(seeds.len() >= 7);
    for seed in seeds {
        assert!(super::fuzz_one(&std::fs::read(&seed).unwrap()), "{seed:?}");
    }
}

/// `cargo test --release -p carnet -- --ignored speed --nocapture`
#[test]
#[ignore = "a measurement"]
fn speed_of_reading() {
    let drafts: Vec<Draft> = ["synthea", "ndjson"]
        .iter()
        .flat_map(|name| folder(name))
        .flat_map(|found| found.drafts)
        .collect();
    let bytes: usize = drafts.iter().map(|draft| draft.text.len()).sum();
    let rounds = 20;
    let time = |name: &str, work: &dyn Fn(&Draft)| {
        let start = std::time::Instant::now();
        (0..rounds).for_each(|_| drafts.iter().for_each(work));
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds) / drafts.len() as f64;
        eprintln!(
            "{name}: {each:.2} µs each, {:.0} B each",
            bytes as f64 / drafts.len() as f64
        );
    };
    time("serde_json::Value", &|draft| {
        drop(serde_json::from_str::<serde_json::Value>(&draft.text))
    });
    time("json::parse", &|draft| drop(parse(&draft.text)));
    time("resource::read", &|draft| {
        let _: Resource = read(&draft.text, "", draft.full_url.as_deref()).unwrap();
    });
}
