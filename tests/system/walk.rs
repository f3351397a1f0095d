//! Any document a patient can get, in one gesture: the whole corpus as a folder, as a zip, renamed at random and without
//! extensions gives the same record; what is kept comes back byte for byte; two phones agree.

use carnet_tests::commands::Phone;
use carnet_tests::paths::{corpus, files_below, scratch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use zip::write::SimpleFileOptions;

fn zip_files(out: &Path, files: &[(String, Vec<u8>)]) {
    let mut zip = zip::ZipWriter::new(File::create(out).expect("a file"));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), SimpleFileOptions::default())
            .expect("an entry");
        zip.write_all(bytes).expect("bytes");
    }
    zip.finish().expect("an end");
}

fn total(report: &Value, what: &str) -> u64 {
    report["totals"][what].as_u64().expect("a total")
}

/// Items by format and result.
fn outcomes(report: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for file in report["files"].as_array().expect("files") {
        let name = format!("{} {}", file["format"], file["result"]);
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// Names that say nothing, in an order that says nothing: the beginning of each file's hash.
fn renamed(files: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut renamed: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|(_, bytes)| {
            (
                carnet_wire::EnvelopeId::derive(bytes).to_string(),
                bytes.clone(),
            )
        })
        .collect();
    renamed.sort();
    renamed.dedup_by(|a, b| a.0 == b.0);
    renamed
}

#[test]
fn the_corpus_as_a_folder_a_zip_and_nameless_is_the_same_record() {
    let Some(corpus) = corpus("walk") else { return };
    let scratch = scratch();
    let folders = [
        "cda-fr",
        "ccda",
        "fit",
        "health-connect",
        "ips",
        "ndjson",
        "shc-shl",
        "synthea",
        "va-text",
        "vendor-json",
    ];
    let files: Vec<(String, Vec<u8>)> = folders
        .iter()
        .flat_map(|folder| files_below(&corpus.join(folder)))
        .map(|path| {
            let name = path
                .strip_prefix(&corpus)
                .expect("below")
                .to_string_lossy()
                .into_owned();
            let bytes = std::fs::read(&path).expect("bytes");
            (name, bytes)
        })
        .collect();
    let plain = Phone::with_vault(scratch.path().join("a"));
    let paths: Vec<_> = folders.iter().map(|folder| corpus.join(folder)).collect();
    let paths: Vec<&Path> = paths.iter().map(|path| path.as_path()).collect();
    let first = plain.import(&paths);
    println!("{:#?}", outcomes(&first));
    assert_eq!(total(&plain.import(&paths), "new"), 0, "a second time");

    let named = scratch.path().join("corpus.zip");
    zip_files(&named, &files);
    let zipped = Phone::with_vault(scratch.path().join("b"));
    let report = zipped.import(&[&named]);
    assert_eq!(outcomes(&report), outcomes(&first));
    assert!(zipped.resources() == plain.resources(), "zipped");

    let nameless = scratch.path().join("download");
    zip_files(&nameless, &renamed(&files));
    let anonymous = Phone::with_vault(scratch.path().join("c"));
    anonymous.import(&[&nameless]);
    assert!(anonymous.resources() == plain.resources(), "renamed");
    assert_eq!(
        total(&zipped.import(&[&nameless]), "new"),
        0,
        "already there"
    );
    for phone in [&plain, &zipped, &anonymous] {
        phone.verify().expect_ok("verify");
    }
}

#[test]
fn what_is_kept_comes_back_byte_for_byte_and_replaces_nothing() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let pdf: Vec<u8> = [b"%PDF-1.7\n".as_slice(), &[0, 255, 10, 13].repeat(40_000)].concat();
    let zip = scratch.path().join("any");
    zip_files(&zip, &[("x/y".to_owned(), pdf.clone())]);
    let report = phone.import(&[&zip]);
    let id = report["files"][0]["document"].as_str().expect("a document");
    let listed = phone.json(["documents"]);
    assert_eq!(listed[0]["bytes"]["media_type"], "application/pdf");
    assert_eq!(listed[0]["bytes"]["size"], pdf.len());
    let out = scratch.path().join("out.pdf");
    let out_text = out.to_string_lossy().into_owned();
    phone
        .run(["attachment", id, &out_text])
        .expect_ok("attachment");
    assert!(std::fs::read(&out).expect("bytes") == pdf);
    let again = phone.run(["attachment", id, &out_text]);
    assert_eq!(again.code, Some(5), "{}", again.stderr);
    assert_eq!(phone.json(["show", id])["document"]["here"], true);
    let told = phone.run(["show", id]).expect_ok("show").stdout;
    assert!(told.contains("carnet attachment"), "{told}");
}
