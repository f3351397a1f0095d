//! A fifteen-year-old's secret, and a parent who cares for the rest of the record: no title, date, word, number or file of the
//! parent's tells that it exists. Looked for in every byte of the parent's phone, in every value of their decrypted database, in
//! every envelope their keys open, and in everything their commands print and export.

use carnet_tests::canary;
use carnet_tests::commands::{PASSPHRASE, Phone};
use carnet_tests::household::{Household, join, settle};
use carnet_tests::thief::{Thief, envelopes};
use serde_json::Value;

/// What both may see.
const OPEN: &str = r#"{"resourceType":"AllergyIntolerance","id":"nuts","code":{"text":"Hazelnut allergy"},"recordedDate":"2023-11-05"}"#;
/// A day that nothing else happened on.
const DAY: &str = "2019-07-19";

/// What its source labels as nobody's business but the patient's.
fn labelled() -> String {
    format!(
        r#"{{"resourceType":"Condition","id":"{}","meta":{{"security":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}}]}},"code":{{"text":"{}"}},"recordedDate":"{DAY}","note":[{{"text":"{}"}}]}}"#,
        canary::NATIVE,
        canary::DIAGNOSIS,
        canary::NAME
    )
}

/// The same as a document of a clinic, labelled in its head.
fn document() -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<id root="1.2.3" extension="{}"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/>
<title>{}</title><effectiveTime value="20190719"/>
<confidentialityCode code="R" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="fr-FR"/>
<recordTarget><patientRole><id root="1.2.4" extension="lou"/></patientRole></recordTarget>
<component><nonXMLBody><text mediaType="text/plain">{}</text></nonXMLBody></component>
</ClinicalDocument>"#,
        canary::NATIVE,
        canary::FILE,
        canary::NOTE
    )
}

fn teenager_and_parent(house: &Household) -> (Phone, Phone) {
    let (teen, parent) = (house.patient("Lou"), house.person("Mum"));
    teen.import(&[&house.file("open.ndjson", OPEN)]);
    join(&teen, &parent, &["--role", "caregiver"]);
    (teen, parent)
}

/// Everything the commands of a phone print of the record, in both languages and as JSON.
fn printed(phone: &Phone) -> Vec<(String, String)> {
    let lines: [&[&str]; 14] = [
        &["timeline", "--limit", "1000"],
        &["list", "Condition"],
        &["list", "Observation"],
        &["list", "DocumentReference"],
        &["stats"],
        &["documents"],
        &["conflicts"],
        &["compartment", "list", "--person", "Lou"],
        &["member", "list"],
        &["access", "--person", "Lou"],
        &["changes", "--keep"],
        &["log"],
        &["series", "--person", "Lou"],
        &["person", "list"],
    ];
    let mut all = Vec::new();
    for line in lines {
        for (phone, json) in [(phone.clone(), true), (phone.clone().in_french(), false)] {
            let mut command = line.to_vec();
            command.extend(json.then_some("--json"));
            let outcome = phone.run(&command).expect_ok(line[0]);
            all.push((command.join(" "), outcome.stdout + &outcome.stderr));
        }
    }
    all
}

/// What the exports of the record hold, unpacked.
fn exported(house: &Household, phone: &Phone, round: usize) -> String {
    let mut text = String::new();
    for format in ["fhir", "ndjson", "archive"] {
        let out = house.scratch.path().join(format!("out-{round}.{format}"));
        let out = out.to_string_lossy().into_owned();
        phone
            .run(["export", "--format", format, "--person", "Lou", &out])
            .expect_ok("export");
        let bytes = std::fs::read(&out).expect("an export");
        match zip::ZipArchive::new(std::io::Cursor::new(&bytes)) {
            Ok(mut archive) => {
                for at in 0..archive.len() {
                    let mut entry = archive.by_index(at).expect("an entry");
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut entry, &mut bytes).expect("its bytes");
                    text.push_str(&entry.name().expect("a name"));
                    text.push_str(&String::from_utf8_lossy(&bytes));
                }
            }
            Err(_) => text.push_str(&String::from_utf8_lossy(&bytes)),
        }
    }
    text
}

/// Everything a phone counts of the record. Not the size of its database, which grows with every sync that brings nothing.
fn counted(phone: &Phone) -> [Value; 4] {
    let mut counted = [
        &["stats", "--person", "Lou"][..],
        &["compartment", "list", "--person", "Lou"],
        &["timeline", "--person", "Lou", "--limit", "1000"],
        &["log", "--person", "Lou"],
    ]
    .map(|line| phone.json(line));
    if let Some(stats) = counted[0].as_object_mut() {
        stats.remove("bytes_on_disk");
    }
    counted
}

fn found(phone: &Phone, word: &str) -> usize {
    let rows = phone.json(["search", word]);
    rows.as_array().expect("rows").len()
}

fn assert_unseen(house: &Household, parent: &Phone, round: usize) {
    let mut words = canary::ALL.to_vec();
    words.push(DAY);
    for word in &words {
        assert_eq!(found(parent, word), 0, "{word}");
    }
    let exported = exported(house, parent, round);
    assert!(
        exported.contains("Hazelnut"),
        "an export of nothing proves nothing"
    );
    let texts = printed(parent)
        .into_iter()
        .chain([("export".to_owned(), exported)]);
    for (what, text) in texts {
        let text = text.to_lowercase();
        for word in &words {
            assert!(!text.contains(&word.to_lowercase()), "{word} in {what}");
        }
    }
}

#[test]
fn a_secret_from_the_start_leaves_no_trace_on_a_parents_phone() {
    let house = Household::new();
    let (teen, parent) = teenager_and_parent(&house);
    settle(&[&teen, &parent]);
    let before = counted(&parent);
    let secret = house.file("secret.ndjson", &labelled());
    let letter = house.file("letter.xml", &document());
    teen.import(&[&secret, &letter]);
    let id = teen.json(["list", "Condition"])[0]["id"].clone();
    let id = id.as_str().expect("an id");
    teen.run(["annotate", id, canary::NOTE]).expect_ok("a note");
    teen.run(["correct", id, "display", canary::CORRECTION])
        .expect_ok("a correction");
    settle(&[&teen, &parent]);
    assert!(found(&teen, canary::NOTE) > 0 && found(&teen, canary::FILE) > 0);
    assert_eq!(counted(&parent), before, "something counts it");
    // What is summed up of the secret is a secret too.
    teen.run(["compact"]).expect_ok("compact");
    settle(&[&teen, &parent, &teen, &parent]);

    assert_unseen(&house, &parent, 0);
    let hits = canary::hits_below(parent.folder());
    assert!(hits.is_empty(), "{hits:?}");
    let mut thief = Thief::rob(&parent.vault(), PASSPHRASE);
    let mut all = thief.everything();
    assert!(all.contains("hazelnut"), "an empty database proves nothing");
    for (_, body) in thief.open(&envelopes(&house.relay.data)) {
        all.push_str(&String::from_utf8_lossy(&body).to_lowercase());
    }
    for word in canary::ALL.iter().chain([&DAY, &"20190719"]) {
        assert!(!all.contains(&word.to_lowercase()), "{word}");
    }
}

#[test]
fn what_becomes_a_secret_is_gone_for_a_parent_at_the_next_sync() {
    let house = Household::new();
    let (teen, parent) = teenager_and_parent(&house);
    let plain = labelled().replace(r#""code":"R""#, r#""code":"N""#);
    let before = counted(&parent);
    teen.import(&[&house.file("plain.ndjson", &plain)]);
    settle(&[&teen, &parent]);
    assert_eq!(found(&parent, canary::DIAGNOSIS), 1, "it was read");
    let id = teen.json(["list", "Condition"])[0]["id"].clone();
    let id = id.as_str().expect("an id");
    let said = teen
        .run(["compartment", "move", id, "private"])
        .expect_ok("move");
    // What they had read is said plainly.
    assert!(
        said.stdout.contains("Mum") && said.stdout.contains("already"),
        "{}",
        said.stdout
    );
    teen.run(["annotate", id, canary::NOTE]).expect_ok("a note");
    settle(&[&teen, &parent]);
    assert_eq!(found(&teen, canary::DIAGNOSIS), 1);
    let [_, compartments, timeline, _] = counted(&parent);
    assert_eq!(
        [compartments, timeline],
        [before[1].clone(), before[2].clone()]
    );
    assert_unseen(&house, &parent, 1);
    assert_eq!(parent.run(["show", id]).code, Some(4));
    parent.verify().expect_ok("verify");
}
