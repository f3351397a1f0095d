#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::resource::read;
use super::*;

fn row(text: &str) -> Row {
    read(text, "", None).unwrap().row
}

fn of(kind: &str, members: &str) -> Row {
    row(&format!(r#"{{"resourceType":"{kind}",{members}}}"#))
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("-")
}

#[test]
fn a_time_of_day_without_offset_is_shown_beside_its_day() {
    let when = |member: &str, beside: &str| {
        let text = format!(
            r#"{{"resourceType":"Observation","{member}":"2024-01-04","_{member}":{{"extension":[{{"url":"{beside}","valueString":"2024-01-04T16:05"}}]}}}}"#
        );
        row(&text).when.unwrap()
    };
    assert_eq!(when("effectiveDateTime", LOCAL_TIME), "2024-01-04T16:05");
    assert_eq!(when("effectiveDateTime", "http://other"), "2024-01-04");
    let period = format!(
        r#"{{"resourceType":"Encounter","period":{{"start":"2024","_start":{{"extension":[{{"url":"{LOCAL_TIME}","valueString":"2024-01-04T16"}}]}}}}}}"#
    );
    let row = row(&period);
    assert_eq!(
        row.when.as_deref(),
        Some("2024"),
        "what is no date is not shown"
    );
}

#[test]
fn a_measurement_is_one_flat_row() {
    let row = of(
        "Observation",
        r#""status":"final","category":[{"coding":[{"code":"vital-signs"}]}],"code":{"coding":[{"system":"http://loinc.org","code":"29463-7","display":"Body Weight"}],"text":"Poids du matin"},"effectiveDateTime":"2024-03-31T08:00:00+02:00","issued":"2024-04-01T00:00:00Z","valueQuantity":{"value":72.50,"unit":"kg"}"#,
    );
    assert_eq!(
        (text(&row.code), text(&row.system)),
        ("29463-7", "http://loinc.org")
    );
    assert_eq!(
        (text(&row.display), row.display_fr, row.display_en),
        ("Poids du matin", Some("Poids"), Some("Body weight"))
    );
    assert_eq!(
        (text(&row.value), text(&row.unit), text(&row.comparator)),
        ("72.50", "kg", "-")
    );
    assert_eq!(
        (text(&row.when), text(&row.status)),
        ("2024-03-31T08:00:00+02:00", "final")
    );
    assert_eq!(
        (row.category, row.document_category),
        (Category::PatientSummary, None)
    );
}

#[test]
fn dates_stay_as_they_were_written() {
    assert_eq!(
        text(&of("Condition", r#""onsetDateTime":"2012""#).when),
        "2012"
    );
    assert_eq!(
        text(
            &of(
                "Condition",
                r#""onsetString":"childhood","recordedDate":"2012-05""#
            )
            .when
        ),
        "2012-05"
    );
    assert_eq!(
        text(
            &of(
                "Procedure",
                r#""performedPeriod":{"start":"2012-05-01T10:00:00"}"#
            )
            .when
        ),
        "2012-05-01T10:00:00"
    );
    assert_eq!(
        text(
            &of(
                "ExplanationOfBenefit",
                r#""billablePeriod":{"start":"IGNORED_FIELD"},"created":"2020-01-01""#
            )
            .when
        ),
        "2020-01-01"
    );
    assert_eq!(
        text(&of("Patient", r#""birthDate":"1950-01-01""#).when),
        "-"
    );
    assert_eq!(
        text(
            &of(
                "DocumentReference",
                r#""date":"2020-02-02T00:00:00Z","context":{"period":{"start":"2020-01-31"}}"#
            )
            .when
        ),
        "2020-01-31"
    );
    assert_eq!(
        text(&of("Encounter", r#""period":{"end":"2021"}"#).when),
        "2021"
    );
}

#[test]
fn people_and_places_have_names() {
    let name = r#""name":[{"use":"nickname","text":"Mimi"},{"use":"official","family":"Dupont","given":["Marie","Anne"]}]"#;
    assert_eq!(text(&of("Patient", name).display), "Marie Anne Dupont");
    assert_eq!(
        text(&of("Organization", r#""name":"CHU de Nantes","active":true"#).display),
        "CHU de Nantes"
    );
    assert_eq!(
        text(&of("Organization", r#""active":false"#).status),
        "inactive"
    );
    assert_eq!(
        text(&of("Device", r#""deviceName":[{"name":"Tensiomètre"}]"#).display),
        "Tensiomètre"
    );
    assert_eq!(
        text(
            &of(
                "Composition",
                r#""title":"Synthèse","type":{"coding":[{"code":"60591-5"}]}"#
            )
            .display
        ),
        "Synthèse"
    );
}

#[test]
fn medicines_show_their_dosage_and_where_their_name_is() {
    let here = of(
        "MedicationRequest",
        r#""status":"active","authoredOn":"2024","medicationCodeableConcept":{"text":"Metformine 500 mg"},"dosageInstruction":[{"text":"1 matin et soir"}]"#,
    );
    assert_eq!(
        (
            text(&here.display),
            text(&here.value),
            text(&here.display_from)
        ),
        ("Metformine 500 mg", "1 matin et soir", "-")
    );
    assert_eq!(
        (here.category, here.document_category),
        (Category::Prescription, Some("ORD_SOIN"))
    );
    let elsewhere = of(
        "MedicationStatement",
        r#""medicationReference":{"reference":"Medication/7"},"dosage":[{"doseAndRate":[{"doseQuantity":{"value":1.0,"unit":"cp"}}]}]"#,
    );
    assert_eq!(
        (
            text(&elsewhere.display_from),
            text(&elsewhere.value),
            text(&elsewhere.unit)
        ),
        ("|Medication/7", "1.0", "cp")
    );
}

#[test]
fn a_name_beside_a_reference_is_a_name() {
    let row = of(
        "MedicationRequest",
        r#""medicationReference":{"reference":"Medication/7","display":"Doliprane"}"#,
    );
    assert_eq!(
        (text(&row.display), text(&row.display_from)),
        ("Doliprane", "-")
    );
}

#[test]
fn money_keeps_its_currency() {
    let claim = of(
        "Claim",
        r#""total":{"value":129.16,"currency":"USD"},"created":"2020""#,
    );
    assert_eq!((text(&claim.value), text(&claim.unit)), ("129.16", "USD"));
    let benefit = of(
        "ExplanationOfBenefit",
        r#""total":[{"amount":{"value":23.00,"currency":"EUR"}}]"#,
    );
    assert_eq!(
        (
            text(&benefit.value),
            text(&benefit.unit),
            benefit.document_category
        ),
        ("23.00", "EUR", Some("REMB"))
    );
}

#[test]
fn what_was_withdrawn_says_so() {
    let condition = |verification: &str| {
        of(
            "Condition",
            &format!(
                r#""clinicalStatus":{{"coding":[{{"code":"active"}}]}},"verificationStatus":{{"coding":[{{"code":"{verification}"}}]}}"#
            ),
        )
    };
    assert_eq!(text(&condition("confirmed").status), "active");
    assert_eq!(
        text(&condition("entered-in-error").status),
        "entered-in-error"
    );
}

#[test]
fn every_kind_has_a_row_whatever_its_shape() {
    for kind in [
        "Task",
        "VisionPrescription",
        "Invoice",
        "Basic",
        "Binary",
        "List",
        "Parameters",
        "CoverageEligibilityResponse",
    ] {
        let row = of(
            kind,
            r#""code":5,"type":[[]],"status":{},"name":[{"family":{}}],"category":"x","total":[],"date":"2020""#,
        );
        assert_eq!(
            (row.kind.as_str(), row.when.is_some() || kind == "Binary"),
            (kind, true)
        );
    }
}
