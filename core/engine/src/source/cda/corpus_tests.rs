//! The French and the American documents that nobody on this project wrote, where they are present: what is in them is
//! counted by an independent reading of the text, and must be accounted for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use super::testing::read_all;
use super::*;
use std::path::{Path, PathBuf};

/// The corpus folder; says loudly when there is none.
fn corpus(part: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("CARNET_CORPUS")
        .map_or(beside, PathBuf::from)
        .join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no corpus at {}; set CARNET_CORPUS to test against real documents",
        folder.display()
    );
    None
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files_below(&path, found),
            false => found.push(path),
        }
    }
    found.sort();
}

fn french() -> Vec<(String, Vec<u8>)> {
    load("cda-fr")
}

fn american() -> Vec<(String, Vec<u8>)> {
    load("ccda")
}

fn load(part: &str) -> Vec<(String, Vec<u8>)> {
    let mut paths = Vec::new();
    if let Some(folder) = corpus(part) {
        files_below(&folder, &mut paths);
    }
    let named = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    };
    paths.into_iter().map(named).collect()
}

/// Start tags of that name in the text, comments left out: a count that knows nothing of the reader.
fn count(text: &str, wanted: &str) -> u64 {
    let mut outside = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        outside.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    outside.push_str(rest);
    let tags = outside.split('<').skip(1);
    let names = tags.filter_map(|tag| {
        tag.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/'))
            .next()
    });
    names
        .filter(|name| name.rsplit(':').next() == Some(wanted))
        .count() as u64
}

fn sections_in(value: &Value) -> u64 {
    let inner = value
        .get("section")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    inner.map(|section| 1 + sections_in(section)).sum()
}

fn json_of(draft: &Draft) -> Value {
    serde_json::from_str(&draft.text).unwrap()
}

fn of_kind(read: &Read, kind: &str) -> Vec<Value> {
    read.drafts
        .iter()
        .filter(|draft| draft.resource.kind == kind)
        .map(json_of)
        .collect()
}

/// Every statement, section and file of a text is in what was read of it.
fn check(name: &str, text: &str, read: &Read) -> BTreeMap<&'static str, Count> {
    for wanted in identity::COUNTED {
        let counted = read
            .accounting
            .counts
            .get(wanted)
            .copied()
            .unwrap_or_default();
        assert_eq!(counted.total(), count(text, wanted), "{name}: {wanted}");
        assert_eq!(counted.lost, 0, "{name}: {wanted}");
    }
    let composition = of_kind(read, "Composition").pop().unwrap();
    assert_eq!(
        sections_in(&composition),
        count(text, "section"),
        "{name}: sections"
    );
    for draft in &read.drafts {
        let again =
            crate::record::resource::read(&draft.text, "", draft.full_url.as_deref()).unwrap();
        assert_eq!(again, draft.resource, "{name}");
    }
    let mut names: Vec<_> = read.drafts.iter().map(|draft| &draft.resource.id).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        names.len(),
        read.drafts.len(),
        "{name}: two drafts have one name"
    );
    let known: std::collections::BTreeSet<&str> = read
        .drafts
        .iter()
        .flat_map(|draft| &draft.resource.aliases)
        .map(String::as_str)
        .collect();
    for draft in &read.drafts {
        for reference in &draft.resource.references {
            let outside = reference.path.starts_with("relatesTo");
            assert!(
                outside || known.contains(reference.target.as_str()),
                "{name}: {} {}",
                draft.resource.kind,
                reference.path
            );
        }
    }
    read.accounting.counts.clone()
}

fn add(total: &mut BTreeMap<&'static str, Count>, counts: &BTreeMap<&'static str, Count>) {
    for (name, count) in counts {
        let sum = total.entry(name).or_default();
        sum.mapped += count.mapped;
        sum.part += count.part;
        sum.kept += count.kept;
    }
}

fn print(what: &str, total: &BTreeMap<&'static str, Count>) {
    for (name, count) in total {
        eprintln!(
            "{what} · {name}: {} in the XML = {} resources + {} in another + {} kept as XML",
            count.total(),
            count.mapped,
            count.part,
            count.kept
        );
    }
}

/// A text with a root of its own, without the declaration.
fn is_whole(text: &str) -> bool {
    count(text, "ClinicalDocument") > 0
}

#[test]
fn every_statement_of_the_french_documents_is_accounted_for() {
    let mut total = BTreeMap::new();
    let documents = french();
    for (file, bytes) in &documents {
        let text = xml::decode(bytes).unwrap();
        let read = read_all(bytes);
        let counts = check(file, &text, &read);
        eprintln!(
            "{file}: {} sections, {} resources, {} files, INS {}, {:?}",
            read.sections,
            read.drafts.len(),
            read.embedded.len(),
            read.patient.ins.is_some(),
            read.warnings
        );
        add(&mut total, &counts);
    }
    print("French", &total);
    assert!(documents.is_empty() || documents.len() == 13);
}

#[test]
fn every_statement_of_the_american_documents_is_accounted_for() {
    let mut total = BTreeMap::new();
    let mut whole = 0;
    for (file, bytes) in american() {
        let text = xml::decode(&bytes).unwrap();
        if !is_whole(&text) {
            continue;
        }
        whole += 1;
        add(&mut total, &check(&file, &text, &read_all(&bytes)));
    }
    print("C-CDA", &total);
    assert!(whole == 0 || whole == 29, "{whole}");
}

/// A fragment inside the smallest document that may hold it.
fn wrap(fragment: &str) -> String {
    let fragment = match fragment.trim_start().strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, rest)| rest),
        None => fragment.trim_start_matches('\u{feff}'),
    };
    let first = [
        "section",
        "component",
        "structuredBody",
        "entry",
        "entryRelationship",
        "observation",
        "act",
        "procedure",
        "encounter",
        "supply",
        "substanceAdministration",
        "organizer",
    ];
    let at = |name: &str| {
        [' ', '>', '\n', '\t', '\r']
            .iter()
            .filter_map(|end| fragment.find(&format!("<{name}{end}")))
            .min()
    };
    let header = [
        "recordTarget",
        "author",
        "participant",
        "custodian",
        "informationRecipient",
        "legalAuthenticator",
        "authenticator",
        "dataEnterer",
        "informant",
        "documentationOf",
        "componentOf",
        "authorization",
        "inFulfillmentOf",
        "relatedDocument",
        "confidentialityCode",
        "templateId",
        "realmCode",
        "typeId",
    ];
    let name = first
        .iter()
        .chain(&header)
        .filter_map(|name| Some((at(name)?, *name)))
        .min();
    let (open, close) = match name.map(|(_, name)| name) {
        Some("section") => (
            "<component><structuredBody><component>",
            "</component></structuredBody></component>",
        ),
        Some("structuredBody") => ("<component>", "</component>"),
        Some("component") if fragment.contains("<structuredBody") => ("", ""),
        Some("component") => (
            "<component><structuredBody>",
            "</structuredBody></component>",
        ),
        Some("entry") => (
            "<component><structuredBody><component><section>",
            "</section></component></structuredBody></component>",
        ),
        Some("entryRelationship") => (
            "<component><structuredBody><component><section><entry><act classCode=\"ACT\" moodCode=\"EVN\">",
            "</act></entry></section></component></structuredBody></component>",
        ),
        Some(name) if first.contains(&name) => (
            "<component><structuredBody><component><section><entry>",
            "</entry></section></component></structuredBody></component>",
        ),
        _ => ("", ""),
    };
    format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><id root=\"1.2.3\"/>{open}{fragment}{close}</ClinicalDocument>"
    )
}

#[test]
fn every_fragment_is_read_in_a_minimal_document() {
    let mut total = BTreeMap::new();
    let (mut fragments, mut refused) = (0, Vec::new());
    for (file, bytes) in american() {
        let text = xml::decode(&bytes).unwrap();
        if is_whole(&text) {
            continue;
        }
        fragments += 1;
        let wrapped = wrap(&text);
        match read_cda(wrapped.as_bytes()) {
            Ok(read) => add(&mut total, &check(&file, &wrapped, &read)),
            Err(why) => refused.push(format!("{file}: {}", why.reason)),
        }
    }
    print("fragments", &total);
    eprintln!(
        "{fragments} fragments, {} refused: {refused:#?}",
        refused.len()
    );
    assert!(fragments == 0 || fragments == 417, "{fragments}");
}

#[test]
fn embedded_files_are_byte_identical() {
    let mut files = 0;
    for (file, bytes) in french().into_iter().chain(american()) {
        let text = xml::decode(&bytes).unwrap();
        if !is_whole(&text) {
            continue;
        }
        let read = read_all(&bytes);
        // One sample has dots where a file was: that is no file. The text between the tags, found without the reader, encoded again from what it gave.
        let pieces: Vec<String> = text
            .split("representation=\"B64\"")
            .skip(1)
            .filter_map(|rest| {
                Some(
                    rest.split_once('>')?
                        .1
                        .split('<')
                        .next()?
                        .split_whitespace()
                        .collect(),
                )
            })
            .filter(|piece: &String| !piece.is_empty() && !piece.contains('.'))
            .collect();
        let encoded: Vec<String> = read
            .embedded
            .iter()
            .map(|file| {
                base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &file.bytes)
            })
            .collect();
        if !pieces.is_empty() {
            assert_eq!(encoded, pieces, "{file}");
        }
        for pdf in read
            .embedded
            .iter()
            .filter(|file| file.media_type == "application/pdf")
        {
            assert!(pdf.bytes.starts_with(b"%PDF"), "{file}");
            files += 1;
        }
        let referenced = of_kind(&read, "DocumentReference").len();
        assert_eq!(referenced, read.embedded.len() + 1, "{file}");
    }
    eprintln!("{files} embedded PDFs are byte-identical");
}

fn the_french(part: &str) -> Option<Read> {
    let found = french().into_iter().find(|(file, _)| file.contains(part))?;
    Some(read_all(&found.1))
}

#[test]
fn glucose_in_two_units_is_there_twice_and_one_measurement() {
    let Some(read) = the_french("deux unit") else {
        return;
    };
    let observations = of_kind(&read, "Observation");
    let of = |unit: &str| {
        observations
            .iter()
            .find(|found| found["valueQuantity"]["unit"] == unit)
            .unwrap()
    };
    let (moles, mass) = (of("mmol/L"), of("g/L"));
    assert_eq!(moles["valueQuantity"]["value"].to_string(), "4.89");
    assert_eq!(mass["valueQuantity"]["value"].to_string(), "0.88");
    for found in [moles, mass] {
        let extensions = found["extension"].as_array().unwrap();
        assert!(
            extensions
                .iter()
                .any(|one| one["url"] == extensions::SAME_MEASUREMENT)
        );
    }
}

#[test]
fn the_result_with_a_local_code_is_there() {
    let Some(read) = the_french("CRP_non_LOINC") else {
        return;
    };
    let rows: Vec<_> = read
        .drafts
        .iter()
        .map(|draft| &draft.resource.row)
        .collect();
    let crp = rows.iter().find(|row| row.kind == "Observation").unwrap();
    assert!(crp.code.is_some() && crp.value.is_some(), "{crp:?}");
    eprintln!(
        "CRP with a local code: {:?} {:?} {:?} {:?}",
        crp.code, crp.display, crp.comparator, crp.value
    );
}

#[test]
fn reimbursements_name_their_medicines() {
    let Some(read) = the_french("CNAM") else {
        return;
    };
    let dispensed = of_kind(&read, "MedicationDispense");
    assert_eq!(dispensed.len(), 3);
    for found in &dispensed {
        let codings = found["medicationCodeableConcept"]["coding"]
            .as_array()
            .unwrap();
        let systems: Vec<&str> = codings
            .iter()
            .filter_map(|coding| coding["system"].as_str())
            .collect();
        assert!(
            systems
                .iter()
                .any(|system| system.contains("1.2.250.1.215.200.1.1")),
            "{systems:?}"
        );
        assert!(
            systems
                .iter()
                .any(|system| system.contains("1.2.250.1.215.200.1.2")),
            "{systems:?}"
        );
    }
    let boxes = dispensed
        .iter()
        .filter(|found| found.to_string().contains("34009"))
        .count();
    let names: Vec<_> = read
        .drafts
        .iter()
        .filter(|draft| draft.resource.kind == "MedicationDispense")
        .map(|draft| (&draft.resource.row.display, &draft.resource.row.when))
        .collect();
    eprintln!("reimbursed: {names:?}");
    assert_eq!(boxes, 2);
    assert_eq!(of_kind(&read, "Immunization").len(), 3);
    assert_eq!(of_kind(&read, "Procedure").len(), 15);
}

#[test]
fn the_same_bytes_give_the_same_drafts_and_a_stylesheet_around_changes_nothing_inside() {
    for (file, bytes) in french() {
        let (one, two) = (read_all(&bytes), read_all(&bytes));
        assert_eq!(one.drafts, two.drafts, "{file}");
        assert!(sniff(&bytes), "{file}");
    }
}
