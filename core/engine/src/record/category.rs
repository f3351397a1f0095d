//! Where a resource belongs: one of the six EHDS priority categories, and a Mon espace santé document category.
//!
//! Decided from the resource type, then from what the resource says of itself (category and document type codes). What
//! says nothing certain is `other`; nothing is guessed from free text.

use super::json::Object;
use super::row::Category;

/// The two categories of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Top-level category.
    pub category: Category,
    /// Mon espace santé document category.
    pub document: Option<&'static str>,
}

const fn place(category: Category, document: &'static str) -> Place {
    Place {
        category,
        document: Some(document),
    }
}

const fn only(category: Category) -> Place {
    Place {
        category,
        document: None,
    }
}

const LABORATORY: Place = place(Category::Laboratory, "BIOLOGIE");
const IMAGING: Place = place(Category::Imaging, "RADIO_SC");
const DISCHARGE: Place = place(Category::Discharge, "CPT_REND");
const PRESCRIPTION: Place = place(Category::Prescription, "ORD_SOIN");
const DISPENSATION: Place = place(Category::Dispensation, "ORD_SOIN");
const VACCINATION: Place = place(Category::PatientSummary, "CAR_VAC");
const SUMMARY: Place = place(Category::PatientSummary, "SYNTHESE");
const REPORT: Place = place(Category::Other, "CPT_REND");
const REIMBURSEMENT: Place = place(Category::Other, "REMB");
const OTHER_DOCUMENT: Place = place(Category::Other, "AUTR_DOC");

/// Where a resource of this type belongs.
pub fn place_of(kind: &str, resource: &Object<'_>) -> Place {
    match kind {
        "Observation" => place_of_observation(resource),
        "DiagnosticReport" => place_of_report(resource),
        "Composition" | "DocumentReference" | "DocumentManifest" => {
            place_of_document(resource).unwrap_or(OTHER_DOCUMENT)
        }
        "Encounter" => place_of_encounter(resource),
        "Consent" => place_of_document(resource).unwrap_or(only(Category::Other)),
        "Media" => place_by_category(resource).unwrap_or(only(Category::Other)),
        "Condition"
        | "AllergyIntolerance"
        | "FamilyMemberHistory"
        | "Procedure"
        | "MedicationStatement"
        | "MedicationAdministration"
        | "DeviceUseStatement"
        | "Flag"
        | "Goal"
        | "CarePlan"
        | "ClinicalImpression"
        | "RiskAssessment"
        | "AdverseEvent"
        | "DetectedIssue"
        | "BodyStructure" => only(Category::PatientSummary),
        "Immunization" | "ImmunizationRecommendation" | "ImmunizationEvaluation" => VACCINATION,
        "MedicationRequest" | "ServiceRequest" | "DeviceRequest" | "NutritionOrder"
        | "VisionPrescription" => PRESCRIPTION,
        "MedicationDispense" | "SupplyDelivery" => DISPENSATION,
        "ImagingStudy" => IMAGING,
        "Specimen" | "MolecularSequence" => LABORATORY,
        "Claim" | "ClaimResponse" | "ExplanationOfBenefit" => REIMBURSEMENT,
        "Coverage" => place(Category::Other, "DOC_ADM"),
        "QuestionnaireResponse" => place(Category::Other, "QUEST_SANTE"),
        _ => only(Category::Other),
    }
}

/// The codes of a CodeableConcept or Coding, or of a list of them.
fn codes<'a>(resource: &'a Object<'_>, member: &str) -> impl Iterator<Item = &'a str> {
    resource.objects(member).flat_map(|concept| {
        let codings = concept
            .objects("coding")
            .filter_map(|coding| coding.str("code"));
        concept.str("code").into_iter().chain(codings)
    })
}

fn place_by_category(resource: &Object<'_>) -> Option<Place> {
    codes(resource, "category").find_map(place_of_category_code)
}

/// Observation categories, the diagnostic service sections of HL7 table 0074, and LOINC's classes.
fn place_of_category_code(code: &str) -> Option<Place> {
    Some(match code {
        "laboratory" | "LAB" | "CH" | "HM" | "MB" | "MCB" | "MYC" | "SR" | "BLB" | "CG" | "GE"
        | "IMM" | "PAT" | "SP" | "CP" | "TX" | "VR" | "LP7839-6" => LABORATORY,
        "imaging" | "RAD" | "RX" | "CT" | "CUS" | "NMR" | "NMS" | "OUS" | "RUS" | "VUS" | "XRC"
        | "LP29684-5" => IMAGING,
        _ => return None,
    })
}

fn place_of_observation(resource: &Object<'_>) -> Place {
    place_by_category(resource).unwrap_or(only(Category::PatientSummary))
}

fn place_of_report(resource: &Object<'_>) -> Place {
    let by_code = || codes(resource, "code").find_map(place_of_document_code);
    place_by_category(resource)
        .or_else(by_code)
        .unwrap_or(REPORT)
}

fn place_of_document(resource: &Object<'_>) -> Option<Place> {
    let by_type = codes(resource, "type").find_map(place_of_document_code);
    by_type.or_else(|| codes(resource, "category").find_map(place_of_document_code))
}

/// LOINC document types, and the two that French documents name in words.
fn place_of_document_code(code: &str) -> Option<Place> {
    Some(match code {
        "60591-5" | "34133-9" | "SYNTH" => SUMMARY,
        "11502-2" => LABORATORY,
        "18748-4" | "18726-0" | "LP29684-5" => IMAGING,
        "18842-5" | "34105-7" => DISCHARGE,
        "57833-6" => PRESCRIPTION,
        "60593-1" => DISPENSATION,
        "11369-6" | "87273-9" => VACCINATION,
        "11488-4" | "11504-8" | "28570-0" | "11506-3" | "34117-2" | "74207-2" => REPORT,
        "42348-3" | "acd" => place(Category::PatientSummary, "DIR_ANT"),
        "REMB" => REIMBURSEMENT,
        _ => return None,
    })
}

/// Stays are with discharge reports; a visit to a practice or an emergency room without a stay is not.
fn place_of_encounter(resource: &Object<'_>) -> Place {
    let stay = codes(resource, "class")
        .any(|code| matches!(code, "IMP" | "ACUTE" | "NONAC" | "OBSENC" | "SS"));
    only(if stay {
        Category::Discharge
    } else {
        Category::Other
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::codes::{category_names, document_category_names};
    use super::super::json::parse;
    use super::*;

    fn of(text: &str) -> Place {
        let resource = parse(text).unwrap();
        place_of(resource.str("resourceType").unwrap(), &resource)
    }

    #[test]
    fn observations_follow_their_category() {
        let category = |code: &str| {
            of(&format!(
                r#"{{"resourceType":"Observation","category":[{{"text":"x"}},{{"coding":[{{"code":"{code}"}}]}}]}}"#
            ))
        };
        assert_eq!(category("laboratory"), LABORATORY);
        assert_eq!(category("imaging"), IMAGING);
        assert_eq!(category("vital-signs"), only(Category::PatientSummary));
    }

    #[test]
    fn documents_follow_their_type_then_their_category() {
        let document = |members: &str| {
            of(&format!(
                r#"{{"resourceType":"DocumentReference"{members}}}"#
            ))
        };
        assert_eq!(
            document(r#","type":{"coding":[{"code":"18842-5"}]}"#),
            DISCHARGE
        );
        assert_eq!(
            document(r#","type":{"text":"?"},"category":[{"coding":[{"code":"11502-2"}]}]"#),
            LABORATORY
        );
        assert_eq!(document(""), OTHER_DOCUMENT);
    }

    #[test]
    fn reports_and_stays() {
        assert_eq!(
            of(r#"{"resourceType":"DiagnosticReport","category":{"coding":[{"code":"RAD"}]}}"#),
            IMAGING
        );
        assert_eq!(
            of(r#"{"resourceType":"DiagnosticReport","code":{"coding":[{"code":"11502-2"}]}}"#),
            LABORATORY
        );
        assert_eq!(of(r#"{"resourceType":"DiagnosticReport"}"#), REPORT);
        assert_eq!(
            of(r#"{"resourceType":"Encounter","class":{"code":"IMP"}}"#),
            only(Category::Discharge)
        );
        assert_eq!(
            of(r#"{"resourceType":"Encounter","class":{"code":"AMB"}}"#),
            only(Category::Other)
        );
        assert_eq!(of(r#"{"resourceType":"Patient"}"#), only(Category::Other));
    }

    #[test]
    fn every_place_has_a_name() {
        for place in [
            LABORATORY,
            IMAGING,
            DISCHARGE,
            PRESCRIPTION,
            VACCINATION,
            SUMMARY,
            REPORT,
            REIMBURSEMENT,
            OTHER_DOCUMENT,
        ] {
            assert!(document_category_names(place.document.unwrap()).is_some());
            assert!(!category_names(place.category).fr.is_empty());
        }
    }
}
