//! What a document becomes, on documents made here. The real ones are in `corpus_tests`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::extensions::{DETAIL, NEGATED, RELATED, REMAINDER, SOURCE};
use super::testing::{
    document, extension, of_kind, read_all, resource, resources, section, template,
};
use super::*;
use proptest::prelude::*;

const LOINC: &str = "codeSystem=\"2.16.840.1.113883.6.1\"";

fn observation(inside: &str) -> String {
    format!("<entry><observation classCode=\"OBS\" moodCode=\"EVN\">{inside}</observation></entry>")
}

#[test]
fn a_result_keeps_its_digits_its_range_and_its_place() {
    let found = resource(
        "Observation",
        "30954-2",
        &observation(&format!(
            "<code code=\"2345-7\" {LOINC}><originalText><reference value=\"#n1\"/></originalText></code>\
         <statusCode code=\"completed\"/><effectiveTime value=\"20240104160527+0100\"/>\
         <value xsi:type=\"PQ\" value=\"4.80\" unit=\"mmol/L\"/>\
         <interpretationCode code=\"N\" codeSystem=\"2.16.840.1.113883.5.83\"/>\
         <referenceRange><observationRange><value xsi:type=\"IVL_PQ\"><low value=\"3.9\" unit=\"mmol/L\"/>\
         <high value=\"6.00\" unit=\"mmol/L\"/></value></observationRange></referenceRange>"
        )),
    );
    assert_eq!(found["valueQuantity"]["value"].to_string(), "4.80");
    assert_eq!(found["effectiveDateTime"], "2024-01-04T16:05:27+01:00");
    assert_eq!(found["code"]["text"], "narrative one");
    assert_eq!(
        found["referenceRange"][0]["high"]["value"].to_string(),
        "6.00"
    );
    assert_eq!(found["category"][0]["coding"][0]["code"], "laboratory");
    let source = extension(&found, SOURCE).unwrap().to_string();
    assert!(
        source.contains("30954-2")
            && source.contains("component[1]/section/entry[1]/observation[1]"),
        "{source}"
    );
    assert_eq!(extension(&found, REMAINDER), None);
}

#[test]
fn what_has_no_place_stays_as_xml() {
    let found = resource(
        "Observation",
        "30954-2",
        &observation(&format!(
            "<code code=\"2345-7\" {LOINC}/><value xsi:type=\"INT\" value=\"3\"/><specimen typeCode=\"SPC\"><specimenRole>\
         <id root=\"9.9\"/></specimenRole></specimen><id nullFlavor=\"UNK\"/>"
        )),
    );
    let remainder = extension(&found, REMAINDER).unwrap()["valueString"]
        .as_str()
        .unwrap();
    assert_eq!(
        remainder,
        "<specimen typeCode=\"SPC\"><specimenRole><id root=\"9.9\"/></specimenRole></specimen>"
    );
}

#[test]
fn a_time_without_zone_shows_in_the_row_and_is_not_moved() {
    let text = document(
        "",
        &section(
            "30954-2",
            &observation(&format!(
                "<code code=\"2345-7\" {LOINC}/><effectiveTime value=\"20240104160527\"/>"
            )),
        ),
    );
    let read = read_all(text.as_bytes());
    let draft = read
        .drafts
        .iter()
        .find(|draft| draft.resource.kind == "Observation")
        .unwrap();
    assert_eq!(
        draft.resource.row.when.as_deref(),
        Some("2024-01-04T16:05:27")
    );
    assert!(draft.text.contains("\"effectiveDateTime\":\"2024-01-04\""));
}

#[test]
fn what_is_denied_is_never_shown_as_found() {
    let denied = resource(
        "Observation",
        "29762-2",
        &format!(
            "<entry><observation moodCode=\"EVN\" negationInd=\"true\"><code code=\"11345-6\" {LOINC}/>\
         <value xsi:type=\"CD\" code=\"1\" codeSystem=\"1.2\" displayName=\"Tabac\"/></observation></entry>"
        ),
    );
    assert!(denied.get("valueCodeableConcept").is_none());
    assert_eq!(denied["dataAbsentReason"]["text"], "≠ Tabac");
    assert_eq!(denied["modifierExtension"][0]["url"], NEGATED);
    let problem = template("2.16.840.1.113883.10.20.22.4.4");
    let condition = resource(
        "Condition",
        "11450-4",
        &format!(
            "<entry><observation moodCode=\"EVN\" negationInd=\"true\">{problem}<value xsi:type=\"CD\" code=\"73211009\" \
         codeSystem=\"2.16.840.1.113883.6.96\" displayName=\"Diabetes\"/></observation></entry>"
        ),
    );
    assert_eq!(
        condition["verificationStatus"]["coding"][0]["code"],
        "refuted"
    );
    assert!(condition.get("clinicalStatus").is_none());
}

#[test]
fn a_finding_about_a_relative_does_not_read_like_the_patients() {
    let text = document(
        PATIENT,
        &section(
            "29762-2",
            &observation(
                "<code code=\"p\" displayName=\"Profession\"/><value xsi:type=\"ST\">pilote</value><subject><relatedSubject>\
             <code code=\"MTH\" displayName=\"Mère\"/><subject><name><family>X</family></name></subject></relatedSubject></subject>",
            ),
        ),
    );
    let read = read_all(text.as_bytes());
    let found = &of_kind(&read, "Observation")[0];
    assert_eq!(found["code"]["text"], "Profession (Mère)");
    let relative = &of_kind(&read, "RelatedPerson")[0];
    assert_eq!(relative["relationship"][0]["coding"][0]["code"], "MTH");
    let focus = found["focus"][0]["reference"].as_str();
    assert!(
        read.drafts
            .iter()
            .any(|draft| draft.full_url.as_deref() == focus)
    );
}

#[test]
fn the_people_of_the_header_are_led_to() {
    let header = format!(
        "{PATIENT}<participant typeCode=\"INF\"><associatedEntity classCode=\"PROV\"><id root=\"1.2.250.1.71.4.2.1\" extension=\"1\"/>\
         <associatedPerson><name><family>TRAITANT</family></name></associatedPerson></associatedEntity></participant>\
         <informant><relatedEntity classCode=\"ECON\"><code code=\"SIS\" displayName=\"Sœur\"/><relatedPerson><name><family>Y</family></name>\
         </relatedPerson></relatedEntity></informant>"
    );
    let read = read_all(document(&header, "").as_bytes());
    assert_eq!(of_kind(&read, "Practitioner").len(), 1);
    assert_eq!(of_kind(&read, "RelatedPerson").len(), 1);
    let reference = of_kind(&read, "DocumentReference").pop().unwrap();
    let related = reference["extension"].as_array().unwrap();
    assert_eq!(
        related.iter().filter(|one| one["url"] == RELATED).count(),
        2
    );
}

#[test]
fn a_quantity_keeps_the_units_the_source_converted_it_to() {
    let found = resource(
        "Observation",
        "30954-2",
        &observation(&format!(
            "<code code=\"2345-7\" {LOINC}/><value xsi:type=\"PQ\" value=\"0.71\" unit=\"g/L\"><translation value=\"3.9\" code=\"mmol/L\"/></value>"
        )),
    );
    assert_eq!(
        found["valueQuantity"]["extension"][0]["valueQuantity"]["unit"],
        "mmol/L"
    );
    assert_eq!(extension(&found, REMAINDER), None);
}

#[test]
fn a_missing_value_says_why() {
    let found = resource(
        "Observation",
        "30954-2",
        &observation(&format!(
            "<code code=\"2345-7\" {LOINC}/><value xsi:type=\"PQ\" nullFlavor=\"NASK\"/>"
        )),
    );
    assert_eq!(found["dataAbsentReason"]["coding"][0]["code"], "not-asked");
}

#[test]
fn a_concern_gives_its_status_and_keeps_what_else_it_says() {
    let concern = template("2.16.840.1.113883.10.20.22.4.3");
    let problem = template("2.16.840.1.113883.10.20.22.4.4");
    let condition = resource(
        "Condition",
        "11450-4",
        &format!(
            "<entry><act classCode=\"ACT\" moodCode=\"EVN\">{concern}<code code=\"CONC\"/><statusCode code=\"active\"/>\
         <effectiveTime><low value=\"2019\"/></effectiveTime><entryRelationship typeCode=\"SUBJ\">\
         <observation moodCode=\"EVN\">{problem}<code code=\"55607006\"/><effectiveTime><low value=\"201802\"/></effectiveTime>\
         <value xsi:type=\"CD\" code=\"38341003\" codeSystem=\"2.16.840.1.113883.6.96\" displayName=\"HTA\">\
         <translation code=\"I10\" codeSystem=\"2.16.840.1.113883.6.3\"/></value>\
         <entryRelationship><observation moodCode=\"EVN\"><code code=\"66455-7\" {LOINC}/>\
         <value xsi:type=\"CD\" code=\"c\" displayName=\"Certain\"/></observation></entryRelationship>\
         </observation></entryRelationship></act></entry>"
        ),
    );
    assert_eq!(condition["clinicalStatus"]["coding"][0]["code"], "active");
    assert_eq!(condition["onsetDateTime"], "2018-02");
    assert_eq!(condition["code"]["coding"][1]["code"], "I10");
    let detail = extension(&condition, DETAIL).unwrap().to_string();
    assert!(detail.contains("66455-7") && detail.contains("Certain"));
    let remainder = extension(&condition, REMAINDER).unwrap().to_string();
    assert!(remainder.contains("2019"), "{remainder}");
}

#[test]
fn an_allergy_names_what_it_is_against_and_the_reaction() {
    let allergy = template("2.16.840.1.113883.10.20.22.4.7");
    let reaction = template("2.16.840.1.113883.10.20.22.4.9");
    let found = resource(
        "AllergyIntolerance",
        "48765-2",
        &format!(
            "<entry><act moodCode=\"EVN\"><code code=\"CONC\"/><statusCode code=\"active\"/><entryRelationship>\
         <observation moodCode=\"EVN\">{allergy}<value xsi:type=\"CD\" code=\"416098002\"/>\
         <participant typeCode=\"CSM\"><participantRole><playingEntity><code code=\"7980\" codeSystem=\"2.16.840.1.113883.6.88\"/>\
         <name>Pénicilline</name></playingEntity></participantRole></participant>\
         <entryRelationship typeCode=\"MFST\" inversionInd=\"true\"><observation moodCode=\"EVN\">{reaction}\
         <value xsi:type=\"CD\" code=\"247472004\" displayName=\"Hives\"/><entryRelationship><observation moodCode=\"EVN\">\
         <code code=\"SEV\"/><value xsi:type=\"CD\" code=\"24484000\"/></observation></entryRelationship>\
         </observation></entryRelationship></observation></entryRelationship></act></entry>"
        ),
    );
    assert_eq!(found["code"]["text"], "Pénicilline");
    assert_eq!(
        (&found["type"], &found["category"][0]),
        (&json!("allergy"), &json!("medication"))
    );
    assert_eq!(found["reaction"][0]["severity"], "severe");
    assert_eq!(
        found["reaction"][0]["manifestation"][0]["coding"][0]["display"],
        "Hives"
    );
}

#[test]
fn a_prescription_keeps_its_posology_both_ways() {
    let order = resource(
        "MedicationRequest",
        "57828-6",
        &format!(
            "<entry><substanceAdministration moodCode=\"INT\"><effectiveTime xsi:type=\"IVL_TS\"><low value=\"20240104\"/></effectiveTime>\
         <effectiveTime xsi:type=\"PIVL_TS\" operator=\"A\"><period value=\"6\" unit=\"h\"/></effectiveTime>\
         <routeCode code=\"20053000\" displayName=\"Voie orale\"/><doseQuantity><low value=\"1\" unit=\"g\"/><high value=\"2\" unit=\"g\"/></doseQuantity>\
         <consumable><manufacturedProduct><manufacturedMaterial><code nullFlavor=\"NA\"><translation code=\"3400935673220\" codeSystem=\"1.2.250.1.213.2.3.2\"/></code>\
         <name>Paracétamol</name></manufacturedMaterial></manufacturedProduct></consumable>\
         <entryRelationship><act moodCode=\"INT\">{}<code code=\"PINSTRUCT\"/><text>un matin et soir</text></act></entryRelationship>\
         <entryRelationship><supply moodCode=\"RQO\"><quantity value=\"2\"/></supply></entryRelationship>\
         <entryRelationship><observation moodCode=\"EVN\"><code code=\"GEN-181\" displayName=\"Non remboursable\"/><value xsi:type=\"BL\" value=\"true\"/></observation></entryRelationship>\
         </substanceAdministration></entry>",
            template("1.3.6.1.4.1.19376.1.5.3.1.4.3")
        ),
    );
    let dosage = &order["dosageInstruction"][0];
    assert_eq!(order["medicationCodeableConcept"]["text"], "Paracétamol");
    assert_eq!(dosage["text"], "un matin et soir");
    assert_eq!(dosage["timing"]["repeat"]["period"], 6);
    assert_eq!(
        dosage["timing"]["repeat"]["boundsPeriod"]["start"],
        "2024-01-04"
    );
    assert_eq!(dosage["doseAndRate"][0]["doseRange"]["high"]["value"], 2);
    assert_eq!(order["dispenseRequest"]["quantity"]["value"], 2);
    assert!(
        extension(&order, DETAIL)
            .unwrap()
            .to_string()
            .contains("valueBoolean\":true")
    );
}

#[test]
fn vaccinations_have_lot_and_dose_number_and_may_be_refused() {
    let given = |negation: &str| {
        resource(
            "Immunization",
            "11369-6",
            &format!(
                "<entry><substanceAdministration moodCode=\"EVN\"{negation}>{}<effectiveTime value=\"20200102\"/>\
         <consumable><manufacturedProduct><manufacturedMaterial><code code=\"J07\" codeSystem=\"2.16.840.1.113883.6.73\"/><lotNumberText>L1</lotNumberText>\
         </manufacturedMaterial></manufacturedProduct></consumable><entryRelationship><observation moodCode=\"EVN\">\
         <code code=\"30973-2\"/><value xsi:type=\"INT\" value=\"2\"/></observation></entryRelationship></substanceAdministration></entry>",
                template("1.3.6.1.4.1.19376.1.5.3.1.4.12")
            ),
        )
    };
    let done = given("");
    assert_eq!(
        (&done["status"], &done["lotNumber"]),
        (&json!("completed"), &json!("L1"))
    );
    assert_eq!(done["protocolApplied"][0]["doseNumberPositiveInt"], 2);
    assert_eq!(
        done["vaccineCode"]["coding"][0]["system"],
        "http://www.whocc.no/atc"
    );
    assert_eq!(given(" negationInd=\"true\"")["status"], "not-done");
}

#[test]
fn two_pressures_of_one_moment_are_one_measurement() {
    let pressure = |code: &str, value: &str, time: &str| {
        format!(
            "<component><observation moodCode=\"EVN\"><code code=\"{code}\" {LOINC}/><effectiveTime value=\"{time}\"/>\
         <value xsi:type=\"PQ\" value=\"{value}\" unit=\"mm[Hg]\"/></observation></component>"
        )
    };
    let panel = |inside: String| {
        format!(
            "<entry><organizer moodCode=\"EVN\"><code code=\"46680005\"/>{inside}</organizer></entry>"
        )
    };
    let one = panel(
        pressure("8480-6", "120", "2020")
            + &pressure("8462-4", "80", "2020")
            + &pressure("8867-4", "60", "2020"),
    );
    let found = resources("Observation", "8716-3", &one);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0]["component"].as_array().unwrap().len(), 2);
    assert_eq!(found[0]["code"]["coding"][0]["code"], "85354-9");
    let apart = panel(pressure("8480-6", "120", "2020") + &pressure("8462-4", "80", "2021"));
    assert_eq!(resources("Observation", "8716-3", &apart).len(), 2);
    assert_eq!(
        resources("Observation", "8716-3", &apart)[0].get("component"),
        None
    );
}

#[test]
fn a_battery_is_a_report_with_its_results() {
    let result = |code: &str| {
        format!(
            "<component>{}</component>",
            observation(&format!("<code code=\"{code}\" {LOINC}/>"))
                .replace("<entry>", "")
                .replace("</entry>", "")
        )
    };
    let entry = format!(
        "<entry><organizer classCode=\"BATTERY\" moodCode=\"EVN\"><code code=\"57698-3\" {LOINC}/>{}{}</organizer></entry>",
        result("2571-8"),
        result("2093-3")
    );
    let read = read_all(document("", &section("30954-2", &entry)).as_bytes());
    let report = &of_kind(&read, "DiagnosticReport")[0];
    assert_eq!(report["result"].as_array().unwrap().len(), 2);
    let composition = &of_kind(&read, "Composition")[0];
    assert_eq!(
        composition["section"][0]["entry"].as_array().unwrap().len(),
        1
    );
    assert!(
        composition["section"][0]["text"]["div"]
            .as_str()
            .unwrap()
            .contains("narrative one")
    );
}

#[test]
fn supplies_visits_procedures_and_families() {
    let device = resource(
        "SupplyDelivery",
        "46264-8",
        "<entry><supply moodCode=\"EVN\"><quantity value=\"4\"/><participant typeCode=\"DEV\"><participantRole>\
        <playingDevice><code code=\"1\" displayName=\"Compresses\"/></playingDevice></participantRole></participant></supply></entry>",
    );
    assert_eq!(
        device["suppliedItem"]["itemCodeableConcept"]["coding"][0]["display"],
        "Compresses"
    );
    let stay = resource(
        "Encounter",
        "46240-8",
        "<entry><encounter moodCode=\"EVN\"><code code=\"IMP\" codeSystem=\"2.16.840.1.113883.5.4\"/>\
        <effectiveTime><low value=\"2020\"/></effectiveTime></encounter></entry>",
    );
    assert_eq!(
        (&stay["class"]["code"], &stay["period"]["start"]),
        (&json!("IMP"), &json!("2020"))
    );
    let refused = resource(
        "Procedure",
        "47519-4",
        "<entry><procedure moodCode=\"EVN\" negationInd=\"true\"><code code=\"1\"/></procedure></entry>",
    );
    assert_eq!(refused["status"], "not-done");
    let planned = resource(
        "ServiceRequest",
        "18776-5",
        "<entry><procedure moodCode=\"INT\"><code code=\"1\"/></procedure></entry>",
    );
    assert_eq!(planned["intent"], "plan");
    let mother = resource(
        "FamilyMemberHistory",
        "10157-6",
        &format!(
            "<entry><organizer moodCode=\"EVN\">{}<subject><relatedSubject><code code=\"MTH\" displayName=\"mère\"/></relatedSubject></subject>\
         <component><observation moodCode=\"EVN\"><value xsi:type=\"CD\" code=\"I10\"/><entryRelationship><observation moodCode=\"EVN\">\
         <code code=\"445518008\"/><value xsi:type=\"PQ\" value=\"57\" unit=\"a\"/></observation></entryRelationship></observation></component></organizer></entry>",
            template("2.16.840.1.113883.10.20.22.4.45")
        ),
    );
    assert_eq!(mother["relationship"]["coding"][0]["display"], "mère");
    assert_eq!(mother["condition"][0]["onsetAge"]["value"], 57);
}

#[test]
fn unknown_acts_are_kept_with_what_they_hold() {
    let entry = format!(
        "<entry><act moodCode=\"EVN\"><code code=\"48768-6\" {LOINC}/><entryRelationship><procedure moodCode=\"EVN\"><code code=\"p\"/></procedure></entryRelationship></act></entry>"
    );
    let read = read_all(document("", &section("48768-6", &entry)).as_bytes());
    let act = &of_kind(&read, "Basic")[0];
    assert!(extension(act, RELATED).is_some());
    assert_eq!(of_kind(&read, "Procedure").len(), 1);
    assert_eq!(
        read.accounting.counts["act"],
        Count {
            mapped: 1,
            ..Count::default()
        }
    );
}

const PATIENT: &str = "<recordTarget><patientRole><id root=\"5.5\" extension=\"ipp\"/><id root=\"1.2.250.1.213.1.4.10\" extension=\"279035121518989\"/>\
    <patient><name><family qualifier=\"BR\">DURAND</family><given>ANNE MARIE</given><given qualifier=\"BR\">ANNE</given>\
    <family qualifier=\"CL\">PETIT</family><given qualifier=\"CL\">Annie</given></name><administrativeGenderCode code=\"F\"/><birthTime value=\"19790328\"/>\
    </patient></patientRole></recordTarget>";

#[test]
fn a_patient_has_birth_and_used_names_and_the_ins_first() {
    let read = read_all(document(PATIENT, "").as_bytes());
    let patient = &of_kind(&read, "Patient")[0];
    assert_eq!(patient["identifier"][0]["value"], "279035121518989");
    assert_eq!(
        patient["name"][0],
        json!({"use": "official", "family": "DURAND", "given": ["ANNE MARIE"]})
    );
    assert_eq!(
        patient["name"][1],
        json!({"use": "usual", "family": "PETIT", "given": ["Annie"]})
    );
    assert_eq!(
        (&patient["gender"], &patient["birthDate"]),
        (&json!("female"), &json!("1979-03-28"))
    );
    let traits = &read.patient;
    assert_eq!(traits.ins.as_ref().unwrap().number, "279035121518989");
    assert_eq!(traits.birth_name.as_deref(), Some("DURAND"));
    assert_eq!(traits.used_name.as_deref(), Some("PETIT"));
    assert_eq!(traits.given, ["ANNE MARIE", "ANNE", "Annie"]);
    assert_eq!(traits.sex.as_deref(), Some("female"));
}

#[test]
fn the_document_leads_to_its_bytes_and_says_what_it_is() {
    let header = "<code code=\"11502-2\" codeSystem=\"2.16.840.1.113883.6.1\"/><title>Bilan</title><effectiveTime value=\"20240401171000+0100\"/>\
        <confidentialityCode code=\"R\" codeSystem=\"2.16.840.1.113883.5.25\" displayName=\"Restreint\"/><setId root=\"9.1\"/><versionNumber value=\"2\"/>\
        <author><time value=\"2024\"/><assignedAuthor><id root=\"1.2.250.1.71.4.2.1\" extension=\"810100997245\"/><assignedPerson><name><given>A</given><family>B</family></name></assignedPerson>\
        <representedOrganization><name>Labo</name></representedOrganization></assignedAuthor></author>\
        <relatedDocument typeCode=\"RPLC\"><parentDocument><id root=\"1.2.3.4\" extension=\"6\"/></parentDocument></relatedDocument>";
    let text = document(header, "");
    let read = read_all(text.as_bytes());
    let reference = of_kind(&read, "DocumentReference").pop().unwrap();
    let url = url_of(&hash_of(text.as_bytes()));
    assert_eq!(reference["content"][0]["attachment"]["url"], url);
    assert_eq!(reference["meta"]["versionId"], "2");
    assert_eq!(reference["securityLabel"][0]["coding"][0]["code"], "R");
    assert_eq!(reference["relatesTo"][0]["code"], "replaces");
    assert_eq!(reference["date"], "2024-04-01T17:10:00+01:00");
    assert_eq!(
        (read.title.as_deref(), read.date.as_deref()),
        (Some("Bilan"), Some("2024-04-01T17:10:00+01:00"))
    );
    assert!(read.confidentiality[0].is_restricted());
    assert_eq!(of_kind(&read, "Practitioner").len(), 1);
    assert_eq!(of_kind(&read, "Organization")[0]["name"], "Labo");
    assert!(read.warnings.is_empty(), "{:?}", read.warnings);
}

/// A corrected version: one value changed, one result added before the others.
#[test]
fn a_corrected_version_is_the_same_document_with_the_same_unchanged_results() {
    let result = |code: &str, value: &str| {
        observation(&format!(
            "<code code=\"{code}\" {LOINC}/><value xsi:type=\"INT\" value=\"{value}\"/>"
        ))
    };
    let version = |number: &str, entries: String| {
        let header = format!("<setId root=\"9.1\"/><versionNumber value=\"{number}\"/>{PATIENT}");
        read_all(document(&header, &section("30954-2", &entries)).as_bytes())
    };
    let first = version("1", result("2345-7", "1") + &result("718-7", "2"));
    let second = version(
        "2",
        result("2571-8", "9") + &result("2345-7", "1") + &result("718-7", "3"),
    );
    let ids = |read: &Read, kind: &str| -> Vec<String> {
        read.drafts
            .iter()
            .filter(|draft| draft.resource.kind == kind)
            .map(|draft| draft.resource.id.to_string())
            .collect()
    };
    for kind in ["DocumentReference", "Composition", "Patient"] {
        assert_eq!(ids(&first, kind), ids(&second, kind), "{kind}");
    }
    let (before, after) = (ids(&first, "Observation"), ids(&second, "Observation"));
    assert_eq!(before.iter().filter(|id| after.contains(id)).count(), 1);
    // Twins in one document are two.
    let twins = version("1", result("2345-7", "1") + &result("2345-7", "1"));
    let twins = ids(&twins, "Observation");
    assert_ne!(twins[0], twins[1]);
    // The same document id for another patient is another document.
    let other = read_all(document("<setId root=\"9.1\"/>", "").as_bytes());
    assert_ne!(
        ids(&first, "DocumentReference"),
        ids(&other, "DocumentReference")
    );
}

#[test]
fn level_1_documents_give_their_file() {
    let level_1 = |text: &str| {
        format!(
            "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><id root=\"1.2\"/><component><nonXMLBody>{text}</nonXMLBody></component></ClinicalDocument>"
        )
    };
    let read = read_all(
        level_1("<text mediaType=\"application/pdf\" representation=\"B64\">JVBE\n Ri0x</text>")
            .as_bytes(),
    );
    assert_eq!(read.embedded[0].bytes, b"%PDF-1");
    assert_eq!(of_kind(&read, "DocumentReference").len(), 2);
    let read =
        read_all(level_1("<text mediaType=\"text/plain\">Bonjour &amp; merci</text>").as_bytes());
    assert_eq!(
        (
            read.embedded[0].bytes.as_slice(),
            read.embedded[0].media_type.as_str()
        ),
        (b"Bonjour & merci".as_slice(), "text/plain")
    );
    let read = read_all(
        level_1("<text mediaType=\"application/pdf\"><reference value=\"UD.pdf\"/></text>")
            .as_bytes(),
    );
    assert_eq!((read.embedded.len(), read.warnings.len()), (0, 1));
    let read = read_all(level_1("<text representation=\"B64\">!!</text>").as_bytes());
    assert_eq!((read.embedded.len(), read.warnings.len()), (0, 1));
}

#[test]
fn a_file_among_the_statements_is_led_to() {
    let entry = "<entry><organizer classCode=\"CLUSTER\" moodCode=\"EVN\"><component><observation moodCode=\"EVN\"><code code=\"69764-9\"/>\
        <value xsi:type=\"CD\" code=\"55108-5\" displayName=\"Copie\"/></observation></component><component><observationMedia moodCode=\"EVN\">\
        <value mediaType=\"application/pdf\" representation=\"B64\">JVBERi0x</value></observationMedia></component></organizer></entry>";
    let read = read_all(document("", &section("55108-5", entry)).as_bytes());
    let file = &of_kind(&read, "DocumentReference")[0];
    assert_eq!(file["type"]["coding"][0]["display"], "Copie");
    assert_eq!(file["content"][0]["attachment"]["size"], 6);
    let composition = &of_kind(&read, "Composition")[0];
    assert_eq!(
        composition["section"][0]["entry"].as_array().unwrap().len(),
        1
    );
    assert_eq!(read.accounting.counts["observation"].part, 1);
}

#[test]
fn what_is_no_document_is_refused_with_a_reason() {
    let why = |text: &str| read_cda(text.as_bytes()).unwrap_err().reason;
    assert_eq!(why("<html/>"), xml::NOT_CDA.0);
    assert_eq!(why("{}"), xml::NOT_XML.0);
    assert_eq!(
        why("<!DOCTYPE ClinicalDocument><ClinicalDocument/>"),
        xml::HAS_DTD.0
    );
    let read = read_all(b"<ClinicalDocument/>");
    assert_eq!(read.drafts.len(), 2);
}

#[test]
fn what_stands_in_a_secret_section_is_labelled_and_the_rest_is_not() {
    let result = |code: &str| observation(&format!("<code code=\"{code}\" {LOINC}/>"));
    let label = "<confidentialityCode code=\"R\" codeSystem=\"2.16.840.1.113883.5.25\"/>";
    let secret = section("29762-2", &(label.to_owned() + &result("11345-6")));
    let open = section("30954-2", &result("2345-7"));
    let read = read_all(document("", &(secret + &open)).as_bytes());
    let labelled = |found: &Value| found["meta"]["security"][0]["code"] == "R";
    let results = of_kind(&read, "Observation");
    let marks: Vec<bool> = results.iter().map(labelled).collect();
    assert_eq!(marks, [true, false]);
    for whole in ["Composition", "DocumentReference"] {
        assert!(of_kind(&read, whole).iter().all(labelled), "{whole}");
    }
    let secret = read_all(
        document(
            &(label.to_owned() + PATIENT),
            &section("30954-2", &result("2345-7")),
        )
        .as_bytes(),
    );
    for draft in &secret.drafts {
        assert!(draft.text.contains("\"security\":[{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-Confidentiality\",\"code\":\"R\"}]"));
    }
}

#[test]
fn wrong_check_digits_are_said_and_nothing_else() {
    let wrong = PATIENT.replace("279035121518989", "279035121518988");
    let read = read_all(document(&wrong, &section("30954-3", "")).as_bytes());
    assert_eq!(
        read.warnings,
        [
            "a national health identity (INS) fails its check digits: kept as written",
            "a LOINC code fails its check digit: kept as written",
        ]
    );
    assert_eq!(read.patient.ins.unwrap().number, "279035121518988");
}

#[test]
fn what_would_grow_is_cut_or_refused_before_it_costs_memory() {
    let result = observation(&format!("<code code=\"2345-7\" {LOINC}/>"));
    let component = result.replace("entry>", "component>");
    let battery =
        |inside: &str| format!("<entry><organizer moodCode=\"EVN\">{inside}</organizer></entry>");
    let why = |entries: &str| {
        read_cda(document("", &section("30954-2", entries)).as_bytes())
            .err()
            .map(|refused| refused.reason)
    };
    assert_eq!(
        why(&battery(&component.repeat(reader::MAX_ENTRY_RESOURCES + 1))),
        Some(reader::TOO_MUCH.0)
    );
    let pointed =
        observation("<code code=\"1\"/><text><reference value=\"#long\"/></text>").repeat(2_000);
    let long = format!(
        "<entry><observation><text><content ID=\"long\">{}</content></text></observation></entry>",
        "mot ".repeat(4_000)
    );
    assert_eq!(why(&(long + &pointed)), Some(reader::TOO_MUCH.0));
    let unread = format!(
        "<entry><act>{}</act></entry>",
        "<zzz>unread</zzz>".repeat(reader::MAX_REMAINDER / 100)
    );
    let read = read_all(document("", &section("30954-2", &unread)).as_bytes());
    assert_eq!(read.warnings.len(), 0);
    let unread = format!(
        "<entry><act><zzz>{}</zzz></act></entry>",
        "x".repeat(reader::MAX_REMAINDER)
    );
    let read = read_all(document("", &section("30954-2", &unread)).as_bytes());
    assert_eq!(read.warnings, [reader::PART_TOO_LARGE]);
    let narrative = format!(
        "<component><section><text>{}</text></section></component>",
        "x".repeat(sections::MAX_NARRATIVE)
    );
    let read = read_all(document("", &narrative).as_bytes());
    assert_eq!(read.warnings, [reader::PART_TOO_LARGE]);
}

fn whole() -> String {
    let entries = "<entry><act moodCode=\"EVN\"><code code=\"CONC\"/><statusCode code=\"active\"/><entryRelationship typeCode=\"SUBJ\"><observation moodCode=\"EVN\">\
        <templateId root=\"2.16.840.1.113883.10.20.22.4.4\"/><value xsi:type=\"CD\" code=\"38341003\"/></observation></entryRelationship></act></entry>\
        <entry><substanceAdministration moodCode=\"EVN\"><effectiveTime xsi:type=\"PIVL_TS\"><period value=\"8\" unit=\"h\"/></effectiveTime></substanceAdministration></entry>\
        <entry><organizer moodCode=\"EVN\"><code code=\"46680005\"/><component><observation moodCode=\"EVN\"><code code=\"8480-6\"/><value xsi:type=\"PQ\" value=\"1\" unit=\"x\"/></observation></component></organizer></entry>\
        <entry><observationMedia><value representation=\"B64\">AAAA</value></observationMedia></entry>";
    document(PATIENT, &section("11450-4", entries))
}

proptest! {
    #[test]
    fn mutated_documents_never_panic_and_lose_nothing(
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..40, "[<>/a-z=\"' 0-9&;]{0,12}"), 0..4)
    ) {
        let mut bytes = whole().into_bytes();
        for (at, length, with) in cuts {
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, with.into_bytes());
        }
        if let Ok(read) = read_cda(&bytes) {
            prop_assert_eq!(read.accounting.lost(), 0);
            for draft in read.drafts {
                let again = crate::record::resource::read(&draft.text, "", draft.full_url.as_deref());
                prop_assert_eq!(again, Ok(draft.resource));
            }
        }
    }

    #[test]
    fn elements_moved_anywhere_lose_nothing(from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), copy in any::<bool>()) {
        let text = whole();
        let starts: Vec<usize> = text.match_indices('<').map(|(at, _)| at).collect();
        let tree = roxmltree::Document::parse(&text).unwrap();
        let elements: Vec<_> = tree.descendants().filter(|node| node.is_element()).skip(1).collect();
        let moved = elements[from.index(elements.len())].range();
        let piece = text.get(moved.clone()).unwrap().to_owned();
        let mut changed = text.clone();
        let to = starts[1 + to.index(starts.len() - 1)];
        if !copy && !(moved.start..=moved.end).contains(&to) && to > moved.end {
            changed.insert_str(to, &piece);
            changed.replace_range(moved, "");
        } else {
            changed.insert_str(to, &piece);
        }
        if let Ok(read) = read_cda(changed.as_bytes()) {
            prop_assert_eq!(read.accounting.lost(), 0);
        }
    }
}
