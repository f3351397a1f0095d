#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::text::query_words;
use super::*;
use proptest::prelude::*;

fn words(text: &str) -> Vec<String> {
    let resource = read(text, "", None).unwrap();
    resource.words.split(' ').map(str::to_owned).collect()
}

#[test]
fn where_a_resource_stands_is_not_searched_and_what_was_kept_of_it_is() {
    let text = format!(
        r#"{{"resourceType":"Basic","extension":[{{"url":"{CDA_SOURCE}","extension":[{{"url":"path","valueString":"structuredBody"}}]}},{{"url":"{CDA_REMAINDER}","valueString":"<specimenRole><name>moelle</name></specimenRole>"}}]}}"#
    );
    let words = read(&text, "", None).unwrap().words;
    assert!(words.contains("moelle"), "{words}");
    assert!(
        !words.contains("structuredbody") && !words.contains("specimenrole"),
        "{words}"
    );
}

#[test]
fn refuses_what_is_not_a_resource_of_a_record() {
    let refusal = |text: &str| read(text, "", None).unwrap_err();
    assert_eq!(refusal("{}"), NO_KIND);
    assert_eq!(refusal(r#"{"resourceType":5}"#), NO_KIND);
    assert_eq!(refusal(r#"{"resourceType":"Foo"}"#), UNKNOWN_KIND);
    assert_eq!(refusal(r#"{"resourceType":"Bundle"}"#), IS_A_BUNDLE);
    assert_eq!(refusal(r#"["#), json::MALFORMED);
    let long = "x".repeat(MAX_NAME + 1);
    assert_eq!(
        refusal(&format!(r#"{{"resourceType":"Patient","id":"{long}"}}"#)),
        NAME_TOO_LONG
    );
    assert_eq!(
        read(r#"{"resourceType":"Patient"}"#, &long, None).unwrap_err(),
        NAME_TOO_LONG
    );
}

#[test]
fn versions_are_as_written() {
    let resource = read(r#"{"resourceType":"Patient","meta":{"versionId":"3","lastUpdated":"2020-01-01T00:00:00.000+00:00"}}"#, "", None).unwrap();
    assert_eq!(
        (
            resource.version.as_deref(),
            resource.last_updated.as_deref()
        ),
        (Some("3"), Some("2020-01-01T00:00:00.000+00:00"))
    );
}

#[test]
fn the_content_hash_sees_decimals_but_not_layout() {
    let hash = |text: &str| read(text, "", None).unwrap().content;
    let base = hash(r#"{"resourceType":"Observation","valueQuantity":{"value":5.0,"unit":"g"}}"#);
    assert_eq!(
        base,
        hash(
            "{\"valueQuantity\": {\"unit\":\"\\u0067\",\n\"value\":5.0}, \"resourceType\":\"Observation\"}"
        )
    );
    assert_ne!(
        base,
        hash(r#"{"resourceType":"Observation","valueQuantity":{"value":5,"unit":"g"}}"#)
    );
}

/// Ids derived by a released build must never change: this one is pinned.
#[test]
fn the_content_hash_is_fixed_for_ever() {
    let object = json::parse(r#"{"resourceType":"Basic","id":"é\n","n":[1.0,true,null]}"#).unwrap();
    let mut canonical = String::new();
    json::write_canonical(&object, &mut canonical);
    assert_eq!(
        canonical,
        r#"{"id":"é\u000a","n":[1.0,true,null],"resourceType":"Basic"}"#
    );
    assert_eq!(
        hash_content(&object).to_string(),
        "2aa62d3aaf5e2e8a6d4b7fce98d1a489"
    );
    assert_eq!(
        read(object.text(), "", None).unwrap().id.to_string(),
        "bad22102d0fbf89a7715affff12974b7"
    );
}

#[test]
fn words_are_what_people_would_search_for() {
    let found = words(
        r#"{"resourceType":"Condition","id":"abc","meta":{"profile":["http://x/secretprofile"]},"text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Œdème d’origine <b>inconnue</b></p></div>"},"code":{"coding":[{"system":"http://snomed.info/sct","code":"38341003","display":"Hypertension artérielle"}]},"note":[{"text":"L'oncologue"}],"recordedDate":"2019-01-01","subject":{"reference":"Patient/1","display":"Mme Éléonore"}}"#,
    );
    for query in [
        "œdème",
        "OEDEME",
        "d'origine",
        "hypertension arterielle",
        "38341003",
        "oncologue",
        "éléonore",
        "problème de santé",
        "condition problem",
    ] {
        let asked = query_words(query);
        assert!(
            asked
                .iter()
                .filter(|word| *word != "condition")
                .all(|word| found.contains(word)),
            "{query}: {found:?}"
        );
    }
    for silent in [
        "secretprofile",
        "abc",
        "2019-01-01",
        "generated",
        "xhtml",
        "http",
        "patient",
        "div",
    ] {
        assert!(!found.iter().any(|word| word == silent), "{silent}");
    }
    assert_eq!(
        found.iter().collect::<std::collections::HashSet<_>>().len(),
        found.len()
    );
}

#[test]
fn built_in_names_are_found_in_both_languages() {
    let found = words(
        r#"{"resourceType":"Observation","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"valueQuantity":{"value":72.5,"unit":"kg"}}"#,
    );
    for word in ["poids", "weight", "mesure", "29463-7", "72.5"] {
        assert!(found.iter().any(|found| found == word), "{word}: {found:?}");
    }
}

#[test]
fn references_carry_their_path() {
    let text = r#"{"resourceType":"DiagnosticReport","subject":{"reference":"Patient/1"},"result":[{"reference":"Observation/1"},{"reference":"Observation/2"}],"contained":[{"resourceType":"Specimen","subject":{"reference":"Patient/1"}}],"extension":[{"url":"x","valueReference":{"reference":"Basic/1"}}]}"#;
    let resource = read(text, "", None).unwrap();
    let found: Vec<(&str, &str)> = resource
        .references
        .iter()
        .map(|one| (one.path.as_str(), one.target.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("subject", "|Patient/1"),
            ("result[0]", "|Observation/1"),
            ("result[1]", "|Observation/2"),
            ("contained[0].subject", "|Patient/1"),
            ("extension[0].valueReference", "|Basic/1"),
        ]
    );
}

#[test]
fn references_are_counted() {
    let many: String = (0..MAX_REFERENCES + 5)
        .map(|n| format!(r#"{{"reference":"Basic/{n}"}},"#))
        .collect();
    let text = format!(
        r#"{{"resourceType":"List","x":[{}]}}"#,
        many.trim_end_matches(',')
    );
    assert_eq!(
        read(&text, "", None).unwrap().references.len(),
        MAX_REFERENCES
    );
}

proptest! {
    #[test]
    fn reading_a_part_gives_what_reading_its_text_gives(id in "[a-z0-9-]{0,8}", value in "\\PC{0,20}", url in prop::option::of("(urn:uuid:|http://a/Basic/)[0-9a-f]{1,8}")) {
        let inner = serde_json::json!({"resourceType": "Basic", "id": id, "code": {"text": value}});
        let text = format!("{{\"resource\" : {inner} }}");
        let outer = json::parse(&text).unwrap();
        let part = outer.object("resource").unwrap();
        let direct = read_object(part, "i", url.as_deref());
        prop_assert_eq!(direct, read(part.text(), "i", url.as_deref()));
    }
}
