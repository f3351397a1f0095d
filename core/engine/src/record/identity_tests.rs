#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::resource::{Resource, read};
use proptest::prelude::*;

const UUID: &str = "ad2e3fc5-2b5d-4cb9-8d03-9ea0f4ac8423";

fn make(text: &str, issuer: &str, full_url: Option<&str>) -> Resource {
    read(text, issuer, full_url).unwrap()
}

fn alone(text: &str) -> Resource {
    make(text, "", None)
}

#[test]
fn a_uuid_is_one_resource_wherever_it_was_met() {
    let text = format!(r#"{{"resourceType":"Patient","id":"{UUID}"}}"#);
    let line = alone(&text);
    for url in [
        format!("urn:uuid:{UUID}"),
        format!("http://a.fr/fhir/Patient/{UUID}"),
        format!("https://b.fr/Patient/{UUID}/_history/3"),
    ] {
        assert_eq!(make(&text, "someone", Some(&url)).id, line.id, "{url}");
    }
    assert_eq!(alone(&text.replace(UUID, &UUID.to_uppercase())).id, line.id);
    assert_ne!(alone(&text.replace("Patient", "Person")).id, line.id);
    let no_id = make(
        r#"{"resourceType":"Patient"}"#,
        "",
        Some(&format!("urn:uuid:{UUID}")),
    );
    assert_eq!(no_id.id, line.id);
}

#[test]
fn a_url_names_what_ends_in_its_own_id() {
    let text = r#"{"resourceType":"Observation","id":"1"}"#;
    let first = make(text, "", Some("http://A.fr/fhir/Observation/1"));
    assert_eq!(
        first.id,
        make(text, "x", Some("HTTP://a.fr/fhir/Observation/1/_history/7")).id
    );
    assert_ne!(
        first.id,
        make(text, "", Some("http://b.fr/fhir/Observation/1")).id
    );
    assert_eq!(first.native, "http://a.fr/fhir/Observation/1");
    // A URL that is the same for every entry names none of them.
    let (one, two) = (
        make(text, "", Some("http://a.fr/fhir")),
        make(&text.replace('1', "2"), "", Some("http://a.fr/fhir")),
    );
    assert_ne!(one.id, two.id);
}

fn observation(subject: &str, code: &str, when: &str, rest: &str) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"1","subject":{{"reference":"{subject}"}},"code":{{"coding":[{{"system":"http://loinc.org","code":"{code}"}}]}},"effectiveDateTime":"{when}"{rest}}}"#
    )
}

#[test]
fn short_ids_of_two_hospitals_are_two_resources() {
    let base = observation("Patient/1", "8302-2", "2020-01-01", "");
    let id = |text: &str, issuer: &str| make(text, issuer, None).id;
    assert_ne!(
        id(&base, ""),
        id(&observation("Patient/2", "8302-2", "2020-01-01", ""), "")
    );
    assert_ne!(
        id(&base, ""),
        id(&observation("Patient/1", "29463-7", "2020-01-01", ""), "")
    );
    assert_ne!(
        id(&base, ""),
        id(&observation("Patient/1", "8302-2", "2021-01-01", ""), "")
    );
    assert_ne!(id(&base, "hospital a"), id(&base, "hospital b"));
    let from = |source: &str| {
        observation(
            "Patient/1",
            "8302-2",
            "2020-01-01",
            &format!(r#","meta":{{"source":"{source}"}}"#),
        )
    };
    assert_ne!(id(&from("urn:a"), ""), id(&from("urn:b"), ""));
    assert_eq!(id(&from("urn:a#req1"), ""), id(&from("urn:a#req2"), ""));
}

#[test]
fn a_later_version_is_found_again_without_an_issuer() {
    let first = alone(&observation(
        "Patient/1",
        "8302-2",
        "2020-01-01",
        r#","valueString":"a","status":"preliminary""#,
    ));
    let later = alone(&observation(
        "Patient/1",
        "8302-2",
        "2020-01-01T10:00:00Z",
        r#","valueString":"b","meta":{"versionId":"2"}"#,
    ));
    assert_eq!(first.id, later.id);
    assert_ne!(first.content, later.content);
    let patient = |name: &str| {
        alone(&format!(
            r#"{{"resourceType":"Patient","id":"p","birthDate":"1950","name":[{{"family":"{name}"}}]}}"#
        ))
    };
    assert_eq!(patient("Durand").id, patient("Martin").id);
    let doctor = |name: &str| {
        alone(&format!(
            r#"{{"resourceType":"Practitioner","id":"p","name":[{{"family":"{name}"}}]}}"#
        ))
    };
    assert_ne!(doctor("Durand").id, doctor("Martin").id);
}

#[test]
fn an_identifier_outweighs_what_may_be_corrected() {
    let with = |value: &str, when: &str| {
        alone(&observation(
            "Patient/1",
            "8302-2",
            when,
            &format!(r#","identifier":[{{"system":"s","value":"{value}"}}]"#),
        ))
    };
    assert_eq!(with("7", "2020-01-01").id, with("7", "2020-01-02").id);
    assert_ne!(with("7", "2020-01-01").id, with("8", "2020-01-01").id);
}

#[test]
fn hand_made_uuids_are_not_global() {
    let id = "00000000-0000-0000-0000-000000000001";
    let of = |code: &str| {
        alone(&observation("Patient/1", code, "2020", "").replace("\"1\"", &format!("\"{id}\"")))
    };
    assert_ne!(of("8302-2").id, of("29463-7").id);
    let urn = |code: &str| {
        make(
            &observation("Patient/1", code, "2020", "").replace(r#""id":"1","#, ""),
            "",
            Some(&format!("urn:uuid:{id}")),
        )
    };
    assert_ne!(urn("8302-2").id, urn("29463-7").id);
}

#[test]
fn without_an_id_the_content_is_the_identity() {
    let one = alone(r#"{"resourceType":"Flag","code":{"text":"a"}}"#);
    assert_eq!(
        one.id,
        alone("{ \"code\":{\"text\":\"a\"},\n\"resourceType\":\"Flag\"}").id
    );
    assert_ne!(
        one.id,
        alone(r#"{"resourceType":"Flag","code":{"text":"b"}}"#).id
    );
    assert_eq!(one.native, "");
    // A health card's entry numbers mean nothing outside their card.
    assert_eq!(
        one.id,
        make(
            r#"{"resourceType":"Flag","code":{"text":"a"}}"#,
            "",
            Some("resource:0")
        )
        .id
    );
}

/// Whether a reference in `from` finds `to`.
fn meets(from: &Resource, to: &Resource) -> bool {
    from.references
        .iter()
        .any(|reference| to.aliases.contains(&reference.target))
}

fn pair(
    id: &str,
    patient_url: Option<&str>,
    reference: &str,
    observation_url: Option<&str>,
    issuer: &str,
) -> bool {
    let id = if id.is_empty() {
        String::new()
    } else {
        format!(r#","id":"{id}""#)
    };
    let patient = make(
        &format!(
            r#"{{"resourceType":"Patient"{id},"identifier":[{{"system":"s","value":"v|w"}}]}}"#
        ),
        issuer,
        patient_url,
    );
    let text = format!(
        r#"{{"resourceType":"Observation","id":"o","subject":{{"reference":"{reference}"}}}}"#
    );
    meets(&make(&text, issuer, observation_url), &patient)
}

#[test]
fn references_find_their_targets() {
    let urn = format!("urn:uuid:{UUID}");
    let relative = format!("Patient/{UUID}");
    assert!(pair(UUID, Some(&urn), &urn, None, ""), "transaction bundle");
    assert!(pair("", Some(&urn), &urn, None, ""), "entry without an id");
    assert!(pair(UUID, None, &relative, None, ""), "bulk file");
    assert!(
        pair(
            UUID,
            Some("http://a.fr/Patient/x"),
            &format!("{relative}/_history/2"),
            None,
            ""
        ),
        "versioned"
    );
    assert!(
        pair(
            "1",
            Some("http://a.fr/r4/Patient/1"),
            "Patient/1",
            Some("http://a.fr/r4/Observation/o"),
            ""
        ),
        "http bundle"
    );
    assert!(
        pair(
            "1",
            Some("http://a.fr/r4/Patient/1"),
            "http://A.fr/r4/Patient/1",
            None,
            ""
        ),
        "absolute"
    );
    assert!(
        pair("1", None, "Patient/1", None, ""),
        "files without an issuer"
    );
    assert!(
        pair("1", None, "Patient/1", None, "clinic"),
        "bundle with an issuer"
    );
    assert!(pair("1", Some(&urn), "Patient/1", None, ""), "mixed");
    assert!(
        pair("1", None, "Patient?identifier=s|v|w", None, ""),
        "conditional"
    );
    assert!(
        !pair(
            "1",
            Some("http://a.fr/Patient/1"),
            "Patient/1",
            Some("http://b.fr/Observation/o"),
            ""
        ),
        "other server"
    );
    assert!(!pair("1", None, "Practitioner/1", None, ""), "other type");
}

#[test]
fn contained_references_stay_inside() {
    let resource = alone(
        r##"{"resourceType":"Claim","provider":{"reference":"#p"},"item":[{"encounter":[{"reference":"Encounter/1"}]}]}"##,
    );
    let paths: Vec<&str> = resource
        .references
        .iter()
        .map(|reference| reference.path.as_str())
        .collect();
    assert_eq!(paths, ["item[0].encounter[0]"]);
}

proptest! {
    #[test]
    fn hostile_names_never_panic(id in "\\PC{0,40}", url in "\\PC{0,40}", reference in "(urn:|http://|https://)?[A-Za-z/_?#|:]{0,30}") {
        let text = serde_json::json!({"resourceType": "Patient", "id": id, "link": [{"other": {"reference": reference}}]}).to_string();
        let first = read(&text, "", Some(&url));
        prop_assert_eq!(first, read(&text, "", Some(&url)));
    }

    #[test]
    fn parts_of_the_identity_cannot_be_shifted(left in "[ab/]{1,4}", right in "[ab/]{1,4}") {
        let id = |issuer: &str, id: &str| make(&format!(r#"{{"resourceType":"Basic","id":"{id}"}}"#), issuer, None).id;
        prop_assert_eq!(id(&left, &right) == id(&right, &left), left == right);
    }
}
