//! A server's own words about its resources are weighed, not believed.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

use super::*;
use serde_json::json;

const BASE: &str = "https://hospital.example/fhir";

fn read(value: &serde_json::Value) -> Answer {
    read_answer(value.to_string().as_bytes(), BASE).unwrap()
}

fn page(entries: serde_json::Value) -> serde_json::Value {
    json!({"resourceType": "Bundle", "type": "searchset", "meta": {"lastUpdated": "2026-11-30T10:00:00Z"},
        "link": [{"relation": "self", "url": "https://evil.example/fhir/Observation"}, {"relation": "next", "url": "?page=2"}],
        "entry": entries})
}

fn observation(id: &str) -> serde_json::Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "Glucose"}})
}

#[test]
fn a_resource_is_named_by_where_it_was_asked_whatever_the_entry_claims() {
    let honest = read(&page(json!([{"resource": observation("1")}])));
    let lying = read(&page(json!([
        {"fullUrl": "https://other.example/fhir/Observation/1", "resource": observation("1")}
    ])));
    let alone = read(&observation("1"));
    let id = honest.drafts[0].resource.id;
    assert_eq!(lying.drafts[0].resource.id, id);
    assert_eq!(alone.drafts[0].resource.id, id);
    assert_eq!(
        honest.drafts[0].resource.native,
        format!("{BASE}/Observation/1")
    );
    let elsewhere = read_answer(
        observation("1").to_string().as_bytes(),
        "https://other.example/fhir",
    );
    assert_ne!(elsewhere.unwrap().drafts[0].resource.id, id);
}

#[test]
fn a_page_gives_its_next_address_its_time_and_the_words_of_the_server_apart() {
    let answer = read(&page(json!([
        {"resource": observation("1"), "search": {"mode": "match"}},
        {"resource": {"resourceType": "OperationOutcome", "issue": [
            {"severity": "warning", "code": "processing", "details": {"text": "only the last year"}}]},
         "search": {"mode": "outcome"}}
    ])));
    assert_eq!((answer.entries, answer.drafts.len()), (1, 1));
    assert_eq!(answer.next.as_deref(), Some("?page=2"));
    assert_eq!(answer.time, Some(1_796_032_800_000));
    assert_eq!(answer.messages, ["only the last year"]);
}

#[test]
fn what_a_page_refers_to_outside_the_patient_is_named_once_and_only_below_the_base() {
    let answer = read(&page(json!([{"resource": {
        "resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/1"}, "medicationReference": {"reference": "Medication/7"},
        "requester": {"reference": format!("{BASE}/Practitioner/9")},
        "recorder": {"reference": "https://other.example/fhir/Practitioner/9"},
        "performer": {"reference": "Practitioner/../../admin"},
        "basedOn": [{"reference": "#inside"}, {"reference": "Medication/7"}]
    }}])));
    let beside: Vec<_> = answer.beside.iter().map(String::as_str).collect();
    assert_eq!(beside, ["Medication/7", "Practitioner/9"]);
}

#[test]
fn files_are_named_where_this_server_has_them_and_counted_where_another_has() {
    let answer = read(&page(json!([{"resource": {
        "resourceType": "DocumentReference", "id": "d", "status": "current", "content": [
            {"attachment": {"contentType": "application/pdf", "url": "Binary/5"}},
            {"attachment": {"contentType": "application/pdf", "url": format!("{BASE}/Binary/6")}},
            {"attachment": {"contentType": "image/png", "url": "https://files.example/1.png"}},
            {"attachment": {"contentType": "text/plain", "data": "aGk="}}]
    }}])));
    assert_eq!(answer.elsewhere, 1);
    let urls: Vec<_> = answer.files.iter().map(|file| file.url.as_str()).collect();
    assert_eq!(urls, ["Binary/5", &format!("{BASE}/Binary/6")]);
    assert_eq!(answer.files[0].of, "DocumentReference/d");
}

#[test]
fn what_is_not_fhir_is_refused_and_what_is_not_r4_is_kept_as_a_document() {
    for garbage in [
        "",
        "<html>log in</html>",
        "[]",
        "{}",
        "{\"resourceType\":5}",
        "\u{0}",
    ] {
        assert!(read_answer(garbage.as_bytes(), BASE).is_err(), "{garbage}");
    }
    assert!(read_answer(&[0xff, 0xfe], BASE).is_err());
    let older =
        json!({"resourceType": "AllergyIntolerance", "id": "1", "clinicalStatus": "active"});
    assert_eq!(read(&page(json!([{"resource": older}]))).documents.len(), 1);
    let broken = read(&page(
        json!([{"resource": {"resourceType": "no kind"}}, {"resource": observation("1")}]),
    ));
    assert_eq!((broken.refused.len(), broken.drafts.len()), (1, 1));
}

#[test]
fn an_outcome_speaks_briefly() {
    let issues: Vec<_> = (0..9)
        .map(|_| json!({"code": "x", "diagnostics": "é".repeat(900)}))
        .collect();
    let answer = read(&json!({"resourceType": "OperationOutcome", "issue": issues}));
    assert_eq!(answer.messages.len(), MAX_MESSAGES);
    assert_eq!(answer.messages[0].chars().count(), MAX_MESSAGE);
    assert!(answer.drafts.is_empty() && answer.entries == 0);
}

#[test]
fn a_statement_is_a_hint() {
    let statement = json!({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [{
        "security": {"extension": [{"url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris", "extension": [
            {"url": "token", "valueUri": "https://a/token"}, {"url": "authorize", "valueUri": "https://a/authorize"}]}]},
        "resource": [{"type": "Observation"}, {"type": "Patient", "operation": [{"name": "everything"}]}]}]});
    let found = read_capabilities(statement.to_string().as_bytes()).unwrap();
    assert_eq!(found.release.as_deref(), Some("4.0.1"));
    assert!(found.everything && found.kinds.contains("Observation"));
    assert_eq!(found.token.as_deref(), Some("https://a/token"));
    assert_eq!(found.authorise.as_deref(), Some("https://a/authorize"));
    assert!(read_capabilities(b"<html>").is_none());
    assert!(
        !read_capabilities(br#"{"resourceType":"CapabilityStatement"}"#)
            .unwrap()
            .everything
    );
}

/// Recorded answers of CMS Blue Button 2.0, where the corpus is: claims come whole, and as nothing but claims.
#[test]
fn blue_button_answers_are_read_whole() {
    let folder = std::env::var_os("CARNET_CORPUS").map(std::path::PathBuf::from);
    let beside = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let Ok(bytes) = std::fs::read(
        folder
            .unwrap_or(beside)
            .join("cms/eobByPatientIdPaged.json"),
    ) else {
        eprintln!("SKIPPED: blue_button_answers_are_read_whole: no corpus");
        return;
    };
    let answer = read_answer(&bytes, "https://sandbox.bluebutton.cms.gov/v2/fhir").unwrap();
    assert_eq!(
        (answer.entries, answer.drafts.len(), answer.refused.len()),
        (8, 8, 0)
    );
    assert!(
        answer
            .drafts
            .iter()
            .all(|draft| draft.resource.kind == "ExplanationOfBenefit")
    );
}
