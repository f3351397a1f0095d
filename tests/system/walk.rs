//! Any document a patient can get, in one gesture: the whole corpus as a folder, as a zip, renamed at random and without
//! extensions gives the same record; what is kept comes back byte for byte; two phones agree.

use carnet_tests::commands::Phone;
use carnet_tests::paths::{corpus, files_below, scratch};
use carnet_tests::relays::RelayHouse;
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

/// Imports whatever patient the files are about: those of the corpus have many.
fn import(phone: &Phone, paths: &[&Path]) -> Value {
    phone.import(&[[Path::new("--anyway")].as_slice(), paths].concat())
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
    // Every family of samples there is; the page about them is none.
    let entries = std::fs::read_dir(&corpus).expect("the corpus");
    let mut folders: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() > 15, "{folders:?}");
    let files: Vec<(String, Vec<u8>)> = folders
        .iter()
        .flat_map(|folder| files_below(folder))
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
    let paths: Vec<&Path> = folders.iter().map(|path| path.as_path()).collect();
    let first = import(&plain, &paths);
    println!("{:#?}", outcomes(&first));
    assert_eq!(total(&import(&plain, &paths), "new"), 0, "a second time");

    let named = scratch.path().join("corpus.zip");
    zip_files(&named, &files);
    let zipped = Phone::with_vault(scratch.path().join("b"));
    let report = import(&zipped, &[&named]);
    assert_eq!(outcomes(&report), outcomes(&first));
    assert!(zipped.resources() == plain.resources(), "zipped");

    let nameless = scratch.path().join("download");
    zip_files(&nameless, &renamed(&files));
    let anonymous = Phone::with_vault(scratch.path().join("c"));
    import(&anonymous, &[&nameless]);
    assert!(anonymous.resources() == plain.resources(), "renamed");
    assert_eq!(
        total(&import(&zipped, &[&nameless]), "new"),
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

/// Export, import into an empty vault: the same resources, the same documents, the same provenance, and nothing new from the
/// original files; both phones of a person agree after a sync.
#[test]
fn an_archive_brings_a_record_back_without_a_difference() {
    let Some(corpus) = corpus("archive") else {
        return;
    };
    let scratch = scratch();
    let first = Phone::with_vault(scratch.path().join("a"));
    let folders =
        ["cda-fr", "fit", "ips", "synthea", "us-core", "va-text"].map(|name| corpus.join(name));
    let folders: Vec<&Path> = folders.iter().map(|path| path.as_path()).collect();
    import(&first, &folders);
    let out = scratch.path().join("camille.zip");
    first
        .run(["export", "--format", "archive", &out.to_string_lossy()])
        .expect_ok("export");
    let second = Phone::with_vault(scratch.path().join("b"));
    let report = import(&second, &[&out]);
    assert_eq!(total(&report, "rejected"), 0, "{}", report["totals"]);
    assert!(second.resources() == first.resources(), "the set differs");
    let sources = |phone: &Phone| -> BTreeMap<String, String> {
        let documents = phone.json(["documents"]);
        let documents = documents.as_array().expect("documents").clone();
        let told = |document: Value| {
            let bytes = document["bytes"]["size"].to_string();
            (
                document["row"]["id"].to_string(),
                format!("{} {bytes}", document["row"]["source"]),
            )
        };
        documents.into_iter().map(told).collect()
    };
    let (one, two) = (sources(&first), sources(&second));
    assert!(one.len() > 5, "{} documents", one.len());
    assert_eq!(one, two);
    assert_eq!(total(&import(&second, &[&out]), "new"), 0);
    assert_eq!(
        total(&import(&second, &folders), "new"),
        0,
        "the original files"
    );
    second.verify().expect_ok("verify");
}

#[test]
fn both_phones_have_the_documents_and_importing_on_the_other_adds_nothing() {
    let scratch = scratch();
    let relay = RelayHouse::new(scratch.path());
    let a = Phone::with_vault(scratch.path().join("a"));
    let b = Phone::new(scratch.path().join("b"));
    a.pair(&b, &relay.relay.url());
    let zip = scratch.path().join("given");
    let pdf = b"%PDF-1.4 of both".to_vec();
    zip_files(
        &zip,
        &[
            ("r.pdf".to_owned(), pdf.clone()),
            ("x".to_owned(), vec![7, 0, 200]),
        ],
    );
    a.import(&[&zip]);
    for phone in [&a, &b, &a, &b] {
        phone.run(["sync"]).expect_ok("sync");
    }
    assert!(a.resources() == b.resources());
    assert_eq!(total(&b.import(&[&zip]), "new"), 0);
    let documents = b.json(["documents"]);
    let documents = documents.as_array().expect("documents");
    assert_eq!(documents.len(), 2);
    let is_pdf = |row: &&Value| row["bytes"]["media_type"] == "application/pdf";
    let row = documents.iter().find(is_pdf).expect("the PDF");
    assert_eq!(row["bytes"]["here"], true);
    let out = scratch.path().join("out");
    let id = row["row"]["id"].as_str().expect("an id");
    b.run(["attachment", id, &out.to_string_lossy()])
        .expect_ok("attachment");
    assert_eq!(std::fs::read(&out).expect("bytes"), pdf);
}
