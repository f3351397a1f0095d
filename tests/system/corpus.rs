//! Public samples with answers found independently: how many resources each file has, that none is refused, that a second
//! import adds nothing, and that what goes out is what came in, byte for byte.

use carnet_tests::commands::Phone;
use carnet_tests::paths::{corpus, files_below, scratch};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn total(report: &Value, what: &str) -> u64 {
    report["totals"][what]
        .as_u64()
        .unwrap_or_else(|| panic!("no `{what}` in {report}"))
}

fn rejected(report: &Value) -> Vec<String> {
    let files = report["files"].as_array().expect("files");
    let items = files
        .iter()
        .flat_map(|file| file["rejected"].as_array().into_iter().flatten());
    items.map(Value::to_string).collect()
}

/// Imports whatever patients the files are about: public samples are of many.
fn import(phone: &Phone, path: &Path) -> Value {
    phone.import(&[Path::new("--anyway"), path])
}

#[test]
fn synthea_bundles_have_70_66_and_296_entries() {
    let Some(corpus) = corpus("synthea") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let mut new = 0;
    for (name, count) in [("Clemente", 70), ("Buster", 66), ("Zula", 296)] {
        let files = files_below(&corpus.join("synthea"));
        let file = files
            .iter()
            .find(|file| file.to_string_lossy().contains(name))
            .expect("a bundle");
        let first = import(&phone, file);
        assert_eq!(first["files"][0]["resources"], count, "{name}");
        assert_eq!(rejected(&first), Vec::<String>::new(), "{name}");
        // Patients share hospitals and practitioners: what an earlier bundle brought is not new.
        assert_eq!(
            total(&first, "new") + total(&first, "unchanged"),
            count,
            "{name}: {}",
            first["totals"]
        );
        new += total(&first, "new");
        let again = import(&phone, file);
        assert_eq!(
            (
                total(&again, "new"),
                total(&again, "updated"),
                total(&again, "unchanged")
            ),
            (0, 0, count),
            "{name} again"
        );
    }
    let stats = phone.json(["stats"]);
    let sum: u64 = stats["by_kind"]
        .as_object()
        .expect("counts")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(sum, new);
    phone.verify().expect_ok("verify");
}

#[test]
fn bulk_export_files_have_555_161_and_13_lines() {
    let Some(corpus) = corpus("ndjson") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let report = import(&phone, &corpus.join("ndjson"));
    assert_eq!(rejected(&report), Vec::<String>::new());
    for (kind, count) in [("Condition", 555), ("Immunization", 161), ("Patient", 13)] {
        assert_eq!(report["totals"]["by_kind"][kind], count, "{kind}");
        assert_eq!(
            phone.json(["list", kind]).as_array().map(Vec::len),
            Some(count),
            "{kind}"
        );
    }
    assert_eq!(total(&import(&phone, &corpus.join("ndjson")), "new"), 0);
}

#[test]
fn every_us_core_example_is_read() {
    let Some(corpus) = corpus("us-core") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let report = import(&phone, &corpus.join("us-core"));
    assert_eq!(report["files"].as_array().map(Vec::len), Some(229));
    assert_eq!(rejected(&report), Vec::<String>::new());
    let unread: Vec<&Value> = report["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter(|file| file["resources"] == 0)
        .collect();
    assert!(unread.is_empty(), "{unread:?}");
}

/// Export, import into an empty vault, export: the same set of the same bytes, in both formats.
#[test]
fn a_round_trip_changes_no_byte() {
    let Some(corpus) = corpus("round trip") else {
        return;
    };
    let scratch = scratch();
    let first = Phone::with_vault(scratch.path().join("a"));
    let folders: Vec<PathBuf> = ["synthea", "us-core", "ips"]
        .iter()
        .map(|name| corpus.join(name))
        .collect();
    for folder in &folders {
        import(&first, folder);
    }
    let resources = first.resources();
    assert!(resources.len() > 600, "{} resources", resources.len());
    for (format, name) in [("ndjson", "out.ndjson"), ("fhir", "out.json")] {
        let out = scratch.path().join(name);
        first
            .run(["export", "--format", format, &out.to_string_lossy()])
            .expect_ok("export");
        let second = Phone::with_vault(scratch.path().join(format));
        let report = import(&second, &out);
        assert_eq!(rejected(&report), Vec::<String>::new(), "{format}");
        assert!(second.resources() == resources, "{format}: the set differs");
    }
}

#[test]
fn compressed_ndjson_is_the_same() {
    let Some(corpus) = corpus("gzip") else { return };
    let scratch = scratch();
    let plain = std::fs::read(corpus.join("ndjson/Immunization.000.ndjson")).expect("a file");
    let zipped = scratch.path().join("Immunization.ndjson.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        std::fs::File::create(&zipped).expect("a file"),
        flate2::Compression::fast(),
    );
    std::io::Write::write_all(&mut encoder, &plain).expect("bytes");
    encoder.finish().expect("an end");
    let phone = Phone::with_vault(scratch.path().join("a"));
    assert_eq!(total(&import(&phone, &zipped), "new"), 161);
    assert_eq!(
        total(
            &import(&phone, &corpus.join("ndjson/Immunization.000.ndjson")),
            "new"
        ),
        0,
        "the same lines, plain"
    );
}

/// Bilingual: what a code is called depends on the language asked for, where the code is known in both.
#[test]
fn a_timeline_is_shown_in_both_languages() {
    let Some(corpus) = corpus("languages") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    import(&phone, &corpus.join("synthea"));
    let english = phone.json(["timeline", "--limit", "400"]);
    let french = phone
        .clone()
        .in_french()
        .json(["timeline", "--limit", "400"]);
    let displays = |rows: &Value| -> Vec<String> {
        rows.as_array()
            .expect("rows")
            .iter()
            .map(|row| row["display"].to_string())
            .collect()
    };
    assert_eq!(displays(&english).len(), displays(&french).len());
    assert_ne!(
        displays(&english),
        displays(&french),
        "nothing is named in French"
    );
    let dates: Vec<&str> = english
        .as_array()
        .expect("rows")
        .iter()
        .filter_map(|row| row["when"].as_str())
        .collect();
    assert_eq!(
        dates.len(),
        displays(&english).len(),
        "a timeline has dates"
    );
}
