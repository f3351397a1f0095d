//! One bit is flipped in each page of the database and in each attachment: it is noticed, and until it is noticed nothing
//! wrong is shown. Nothing is deleted either: what was damaged still lies there.

use carnet::Vault;
use carnet::vault::{ExportFormat, Filter};
use carnet_tests::devices::host_in;
use carnet_tests::dice::Dice;
use carnet_tests::generator::write_record;
use carnet_tests::paths::{copy_folder, files_below, scratch};
use std::path::{Path, PathBuf};

const PAGE: usize = 4096;

/// What a person can see of a vault.
#[derive(PartialEq)]
struct Seen {
    export: Vec<u8>,
    rows: String,
}

fn open(folder: &Path) -> Result<Vault, carnet::VaultError> {
    Vault::open(&folder.join("vault"), host_in(&folder.join("anchors")))
}

fn look(vault: &Vault) -> Result<Seen, carnet::VaultError> {
    let record = vault.persons()?.first().map(|person| person.record);
    let mut export = Vec::new();
    if let Some(record) = record {
        vault.export(record, ExportFormat::Ndjson, &mut export)?;
    }
    let rows = vault.list(&Filter::default())?;
    Ok(Seen {
        export,
        rows: format!("{rows:?}"),
    })
}

/// A vault with resources, a note, a correction and, where documents are kept, an attachment; closed.
fn prepare(folder: &Path) -> Seen {
    std::fs::create_dir_all(folder).expect("a folder");
    let host = host_in(&folder.join("anchors"));
    let vault = Vault::create(
        &folder.join("vault"),
        host,
        "a phone",
        "Camille Martin",
        None,
    )
    .expect("a vault");
    let record = vault.persons().expect("persons")[0].record;
    let mut bytes = Vec::new();
    write_record(&mut bytes, 150, 1).expect("a record");
    std::fs::write(folder.join("base.ndjson"), bytes).expect("a file");
    std::fs::write(folder.join("old.json"), DSTU2).expect("a file");
    vault
        .import(
            record,
            &[folder.join("base.ndjson"), folder.join("old.json")],
            None,
        )
        .expect("an import");
    let on = vault.list(&Filter::default()).expect("rows")[0].id;
    vault.annotate(on, "a note").expect("a note");
    vault.correct(on, "value", "4.2").expect("a correction");
    look(&vault).expect("a look")
}

/// FHIR DSTU2: kept as a document.
const DSTU2: &str = r#"{"resourceType":"Bundle","meta":{"profile":["http://hl7.org/fhir/DSTU2/StructureDefinition/bundle"]},"fhirVersion":"1.0.2","type":"collection","entry":[{"resource":{"resourceType":"MedicationOrder","id":"m","status":"active","medicationCodeableConcept":{"text":"x"}}}]}"#;

fn flip(file: &Path, byte: usize, bit: u8) {
    let mut bytes = std::fs::read(file).expect("a file");
    bytes[byte] ^= 1 << bit;
    std::fs::write(file, bytes).expect("a file");
}

/// Whether the damage is noticed; fails if anything wrong is shown.
fn is_noticed(folder: &Path, right: &Seen) -> bool {
    let Ok(vault) = open(folder) else {
        return true;
    };
    let seen = look(&vault);
    let verified = vault.verify(true);
    if let Ok(seen) = &seen {
        assert!(seen == right, "a damaged vault shows something wrong");
    }
    seen.is_err() || verified.is_err() || verified.is_ok_and(|report| !report.problems.is_empty())
}

fn database(folder: &Path) -> PathBuf {
    let files = files_below(&folder.join("vault"));
    let is_database = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "db");
    files.into_iter().find(is_database).expect("a database")
}

#[test]
fn a_flipped_bit_in_any_page_is_noticed() {
    let scratch = scratch();
    let template = scratch.path().join("template");
    let right = prepare(&template);
    let length = std::fs::metadata(database(&template))
        .expect("a file")
        .len() as usize;
    let mut dice = Dice::new(1);
    let pages = length / PAGE;
    assert!(pages > 20, "{pages} pages");
    let mut missed = Vec::new();
    for page in 0..pages {
        let folder = scratch.path().join(format!("page-{page}"));
        copy_folder(&template, &folder);
        let byte = page * PAGE + dice.below(PAGE as u64) as usize;
        flip(&database(&folder), byte, dice.below(8) as u8);
        if !is_noticed(&folder, &right) {
            missed.push(page);
        }
        let kept: u64 = files_below(&folder.join("vault"))
            .iter()
            .filter_map(|file| file.metadata().ok())
            .map(|file| file.len())
            .sum();
        assert!(kept >= length as u64, "page {page}: something was deleted");
        let _ = std::fs::remove_dir_all(&folder);
    }
    println!("damage: {pages} pages, {} missed", missed.len());
    assert!(missed.is_empty(), "not noticed in pages {missed:?}");
}

#[test]
fn a_flipped_bit_in_any_attachment_is_noticed() {
    let scratch = scratch();
    let template = scratch.path().join("template");
    let right = prepare(&template);
    let database = database(&template);
    let is_attachment = |file: &PathBuf| {
        let name = file
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        !name.starts_with(&*database.file_name().unwrap_or_default().to_string_lossy())
            && file.parent() != database.parent()
    };
    let attachments: Vec<PathBuf> = files_below(&template.join("vault"))
        .into_iter()
        .filter(is_attachment)
        .collect();
    assert!(
        !attachments.is_empty(),
        "the document of another FHIR version was not kept"
    );
    let mut dice = Dice::new(2);
    for (number, attachment) in attachments.iter().enumerate() {
        let length = attachment.metadata().expect("a file").len();
        for try_number in 0..20 {
            let folder = scratch
                .path()
                .join(format!("attachment-{number}-{try_number}"));
            copy_folder(&template, &folder);
            let copied = folder.join(
                attachment
                    .strip_prefix(&template)
                    .expect("below the template"),
            );
            flip(&copied, dice.below(length) as usize, dice.below(8) as u8);
            assert!(
                is_noticed(&folder, &right),
                "a damaged attachment is not noticed"
            );
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    println!(
        "damage: {} attachments, 20 flips each, 0 missed",
        attachments.len()
    );
}

#[test]
fn a_truncated_database_is_noticed() {
    let scratch = scratch();
    let template = scratch.path().join("template");
    let right = prepare(&template);
    let length = std::fs::metadata(database(&template))
        .expect("a file")
        .len();
    for keep in [
        0,
        1,
        512,
        4_095,
        4_096,
        length / 2,
        length - 4_096,
        length - 1,
    ] {
        let folder = scratch.path().join(format!("keep-{keep}"));
        copy_folder(&template, &folder);
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(database(&folder))
            .expect("a file");
        file.set_len(keep).expect("a cut");
        assert!(
            is_noticed(&folder, &right),
            "cut to {keep} bytes, it is not noticed"
        );
        let _ = std::fs::remove_dir_all(&folder);
    }
}
