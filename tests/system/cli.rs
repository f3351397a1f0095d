//! The program: its commands, the shapes of its JSON, its exit codes, its two languages.

use carnet_tests::commands::{PASSPHRASE, Phone, Running};
use carnet_tests::paths::scratch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Two versions of one result, a text result, a condition with French words, a document of another release, a bad line.
const RECORD: &str = concat!(
    r#"{"resourceType":"Patient","id":"p","name":[{"family":"Martin","given":["Camille"]}]}"#,
    "\n",
    r#"{"resourceType":"Observation","id":"crp","status":"final","category":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"laboratory"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"1988-5","display":"C reactive protein"}]},"subject":{"reference":"Patient/p"},"effectiveDateTime":"2024-03","valueQuantity":{"value":1.00,"comparator":"<","unit":"mg/L"}}"#,
    "\n",
    r#"{"resourceType":"Condition","id":"c","code":{"text":"Œdème de l'épaule d'origine inconnue"},"subject":{"reference":"Patient/p"},"recordedDate":"2023-11-05T10:00:00+01:00"}"#,
    "\n",
    r#"{"resourceType":"MedicationOrder","id":"m","status":"active","medicationCodeableConcept":{"text":"x"}}"#,
    "\n",
    "{\"resourceType\":\n"
);

fn phone_with_record(folder: &Path) -> (Phone, Value) {
    let file = folder.join("record.ndjson");
    std::fs::write(&file, RECORD).expect("a file");
    let phone = Phone::with_vault(folder.join("a"));
    let report = phone.import(&[&file]);
    (phone, report)
}

fn id_of(phone: &Phone, kind: &str) -> String {
    phone.json(["list", kind])[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

#[test]
fn an_import_reports_every_item() {
    let scratch = scratch();
    let (_, report) = phone_with_record(scratch.path());
    let file = &report["files"][0];
    assert_eq!(file["format"], "fhir-ndjson");
    // Three resources, and the reference to the document of the older release.
    // Four resources, and the file itself because of the line that could not be read.
    assert_eq!(report["totals"]["new"], 5, "{report}");
    assert_eq!(report["totals"]["rejected"], 1, "{report}");
    assert_eq!(file["rejected"][0]["where"], "line 5");
    assert!(
        file["rejected"][0]["reason"]
            .as_str()
            .is_some_and(|reason| reason.len() > 5)
    );
    let warnings = file["warnings"].to_string();
    assert!(
        warnings.contains("older FHIR release"),
        "the older release is reported: {warnings}"
    );
    assert_eq!(
        report["totals"]["by_kind"],
        json!({"Patient": 1, "Observation": 1, "Condition": 1, "DocumentReference": 2})
    );
}

#[test]
fn rows_are_flat_and_keep_what_was_written() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    let rows = phone.json(["list", "Observation"]);
    let row = rows[0].as_object().expect("a row");
    for key in [
        "id",
        "record",
        "kind",
        "category",
        "document_category",
        "system",
        "code",
        "display",
        "display_fr",
        "display_en",
        "when",
        "value",
        "comparator",
        "unit",
        "status",
        "source",
        "corrected",
        "notes",
    ] {
        assert!(row.contains_key(key), "{key}");
    }
    assert_eq!(
        (&row["value"], &row["comparator"], &row["unit"]),
        (&json!("1.00"), &json!("<"), &json!("mg/L"))
    );
    assert_eq!(
        (&row["when"], &row["category"]),
        (&json!("2024-03"), &json!("laboratory")),
        "a partial date stays partial"
    );
    assert_eq!(row["source"], "record.ndjson");
    let condition = &phone.json(["list", "Condition"])[0];
    assert_eq!(
        condition["when"], "2023-11-05T10:00:00+01:00",
        "the offset it came with"
    );
}

#[test]
fn search_finds_french_words_without_accents_and_through_elisions() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    for words in [
        "œdème",
        "oedeme",
        "OEDEME",
        "epaule",
        "l'épaule",
        "origine",
        "d'origine",
        "épaule oedème",
    ] {
        let found = phone.json(["search", words]);
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{words}");
    }
    assert_eq!(phone.json(["search", "xylophone"]), json!([]));
}

#[test]
fn a_note_and_a_correction_stand_beside_the_source() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    let id = id_of(&phone, "Observation");
    phone.run(["annotate", &id, "à jeun"]).expect_ok("annotate");
    phone
        .run(["correct", &id, "value", "2.50"])
        .expect_ok("correct");
    let row = &phone.json(["list", "Observation"])[0];
    assert_eq!(
        (&row["value"], &row["corrected"], &row["notes"]),
        (&json!("2.50"), &json!(true), &json!(1))
    );
    let shown = phone.json(["show", &id]);
    assert_eq!(shown["notes"][0]["text"], "à jeun");
    assert_eq!(
        (
            &shown["corrections"][0]["source"],
            &shown["corrections"][0]["value"]
        ),
        (&json!("1.00"), &json!("2.50"))
    );
    assert!(
        shown["original"]
            .as_str()
            .is_some_and(|text| text.contains(r#""value":1.00"#)),
        "the source is untouched"
    );
    assert_eq!(phone.json(["conflicts"]), json!([]));
    let original = phone
        .run(["show", &id, "--original"])
        .expect_ok("show --original")
        .stdout;
    assert!(RECORD.contains(original.trim_end()), "byte for byte");
    phone.verify().expect_ok("verify");
}

#[test]
fn a_newer_version_replaces_and_the_older_stays_in_history() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    let newer = scratch.path().join("newer.ndjson");
    let line = RECORD
        .lines()
        .nth(1)
        .expect("a line")
        .replace("1.00", "1.10");
    std::fs::write(&newer, line).expect("a file");
    let report = phone.import(&[&newer]);
    assert_eq!(
        (&report["totals"]["new"], &report["totals"]["updated"]),
        (&json!(0), &json!(1))
    );
    let history = phone.json(["show", &id_of(&phone, "Observation"), "--history"]);
    let versions = history
        .as_array()
        .or_else(|| history["history"].as_array())
        .expect("a history")
        .len();
    assert_eq!(versions, 2);
}

#[test]
fn two_persons_have_two_records() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    phone
        .run(["person", "add", "Noé Martin", "--birth-date", "2019-07-14"])
        .expect_ok("person add");
    let persons = phone.json(["person", "list"]);
    assert_eq!(persons[1]["name"], "Noé Martin");
    assert_eq!(persons[1]["birth_date"], "2019-07-14");
    let file = scratch.path().join("record.ndjson");
    let ambiguous = phone.run(["import".as_ref(), file.as_os_str()]);
    assert!(!ambiguous.is_ok(), "whose record is not said");
    let import = [
        "import".as_ref(),
        file.as_os_str(),
        "--person".as_ref(),
        "Noé Martin".as_ref(),
    ];
    let asked = phone.run(import).expect_ok("import --person").stdout;
    assert!(asked.contains("another name"), "it is Camille's: {asked}");
    let anyway = import.into_iter().chain(["--anyway".as_ref()]);
    phone.run(anyway).expect_ok("import --anyway");
    assert_eq!(
        phone
            .json(["list", "Observation", "--person", "Noé Martin"])
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        phone.json(["list", "Observation"]).as_array().map(Vec::len),
        Some(2)
    );
    phone.verify().expect_ok("verify");
}

#[test]
fn exit_codes_are_distinct_and_errors_are_one_line_in_the_right_language() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    let empty = Phone::new(scratch.path().join("empty"));
    let cases: [(&Phone, &[&str], i32); 6] = [
        (&phone, &["timeline", "--no-such-option"], 2),
        (&phone, &["show", "ffffffffffffffff"], 4),
        (&phone, &["import", "/no/such/file"], 4),
        (&phone, &["sync", "--relay", "http://127.0.0.1:1"], 6),
        (&phone, &["device", "pair", "not-a-code"], 10),
        (&empty, &["stats"], 4),
    ];
    for (phone, arguments, code) in cases {
        let english = phone.run(arguments);
        let french = phone.clone().in_french().run(arguments);
        assert_eq!(
            (english.code, french.code),
            (Some(code), Some(code)),
            "{arguments:?}: {}",
            english.stderr
        );
        assert!(english.stderr.starts_with("error: "), "{}", english.stderr);
        assert!(french.stderr.starts_with("erreur : "), "{}", french.stderr);
        assert_ne!(english.stderr, french.stderr);
    }
}

#[test]
fn a_wrong_passphrase_changes_nothing() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    let before = carnet_tests::paths::contents(&phone.vault());
    let mut command = phone.command(["stats"]);
    command.env("CARNET_PASSPHRASE", "not the passphrase");
    let outcome = Running::start(&mut command).finish(Duration::from_secs(60));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(
        carnet_tests::paths::contents(&phone.vault()) == before,
        "files changed"
    );
    phone.run(["stats"]).expect_ok("the right one");
}

#[test]
fn a_passphrase_comes_from_a_file_too_and_never_from_an_argument() {
    let scratch = scratch();
    let (phone, _) = phone_with_record(scratch.path());
    let file = scratch.path().join("passphrase");
    std::fs::write(&file, format!("{PASSPHRASE}\n")).expect("a file");
    let mut command = phone.command([
        "stats".as_ref(),
        "--passphrase-file".as_ref(),
        file.as_os_str(),
    ]);
    command.env_remove("CARNET_PASSPHRASE");
    Running::start(&mut command)
        .finish(Duration::from_secs(60))
        .expect_ok("a passphrase file");
    assert_eq!(
        phone.run(["stats", "--passphrase", PASSPHRASE]).code,
        Some(2)
    );
}

#[test]
fn completions_and_help_are_there() {
    let scratch = scratch();
    let phone = Phone::new(scratch.path().join("a"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            phone
                .run(["completions", shell])
                .expect_ok(shell)
                .stdout
                .contains("carnet")
        );
    }
    let english = phone.run(["--help"]).expect_ok("help").stdout;
    let french = phone.in_french().run(["--help"]).expect_ok("aide").stdout;
    assert_ne!(english, french);
    for command in [
        "init", "import", "timeline", "search", "annotate", "correct", "device", "sync", "verify",
        "demo",
    ] {
        assert!(
            english.contains(command) && french.contains(command),
            "{command}"
        );
    }
}

#[test]
fn the_demonstration_ends_well_in_both_languages() {
    let scratch = scratch();
    let phone = Phone::new(scratch.path().join("a"));
    phone.run(["demo"]).expect_ok("demo");
    phone.in_french().run(["demo"]).expect_ok("démonstration");
    let left: Vec<PathBuf> = carnet_tests::paths::files_below(&scratch.path().join("a/home"));
    assert!(left.is_empty(), "the demonstration leaves {left:?}");
}
