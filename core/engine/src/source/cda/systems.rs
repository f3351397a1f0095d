//! Code systems and identifier roots: the OIDs of CDA, and the URIs FHIR gives them. An OID without one stays an OID.

/// FHIR's URI of a code system or identifier root.
pub fn uri_of(root: &str) -> String {
    let at = KNOWN.binary_search_by(|(oid, _)| (*oid).cmp(root));
    match at.ok().and_then(|at| KNOWN.get(at)) {
        Some((_, uri)) => (*uri).to_owned(),
        None if is_oid(root) => format!("urn:oid:{root}"),
        None if is_uuid(root) => format!("urn:uuid:{}", root.to_ascii_lowercase()),
        None => root.to_owned(),
    }
}

/// The root of French health professionals: RPPS and ADELI numbers.
pub const RPPS_ROOT: &str = "1.2.250.1.71.4.2.1";
/// LOINC.
pub const LOINC: &str = "http://loinc.org";
/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// UCUM units.
pub const UCUM: &str = "http://unitsofmeasure.org";

fn is_oid(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Sorted by OID as text. Source: HL7's terminology pages name the OID of each of these systems.
const KNOWN: [(&str, &str); 44] = [
    ("0.4.0.127.0.16.1.1.2.1", "http://standardterms.edqm.eu"),
    ("2.16.840.1.113883.12.292", "http://hl7.org/fhir/sid/cvx"),
    (
        "2.16.840.1.113883.3.26.1.1",
        "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    ),
    ("2.16.840.1.113883.4.1", "http://hl7.org/fhir/sid/us-ssn"),
    ("2.16.840.1.113883.4.6", "http://hl7.org/fhir/sid/us-npi"),
    ("2.16.840.1.113883.4.9", "http://fdasis.nlm.nih.gov"),
    (
        "2.16.840.1.113883.5.1",
        "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender",
    ),
    (
        "2.16.840.1.113883.5.1008",
        "http://terminology.hl7.org/CodeSystem/v3-NullFlavor",
    ),
    (
        "2.16.840.1.113883.5.1063",
        "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    ),
    (
        "2.16.840.1.113883.5.1076",
        "http://terminology.hl7.org/CodeSystem/v3-ReligiousAffiliation",
    ),
    (
        "2.16.840.1.113883.5.110",
        "http://terminology.hl7.org/CodeSystem/v3-RoleClass",
    ),
    (
        "2.16.840.1.113883.5.111",
        "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
    ),
    (
        "2.16.840.1.113883.5.1119",
        "http://terminology.hl7.org/CodeSystem/v3-AddressUse",
    ),
    (
        "2.16.840.1.113883.5.112",
        "http://terminology.hl7.org/CodeSystem/v3-RouteOfAdministration",
    ),
    (
        "2.16.840.1.113883.5.139",
        "http://terminology.hl7.org/CodeSystem/v3-TimingEvent",
    ),
    (
        "2.16.840.1.113883.5.14",
        "http://terminology.hl7.org/CodeSystem/v3-ActStatus",
    ),
    (
        "2.16.840.1.113883.5.2",
        "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
    ),
    (
        "2.16.840.1.113883.5.25",
        "http://terminology.hl7.org/CodeSystem/v3-Confidentiality",
    ),
    (
        "2.16.840.1.113883.5.4",
        "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    ),
    (
        "2.16.840.1.113883.5.43",
        "http://terminology.hl7.org/CodeSystem/v3-EntityNamePartQualifier",
    ),
    (
        "2.16.840.1.113883.5.6",
        "http://terminology.hl7.org/CodeSystem/v3-ActClass",
    ),
    (
        "2.16.840.1.113883.5.60",
        "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityMode",
    ),
    (
        "2.16.840.1.113883.5.61",
        "http://terminology.hl7.org/CodeSystem/v3-LanguageAbilityProficiency",
    ),
    (
        "2.16.840.1.113883.5.7",
        "http://terminology.hl7.org/CodeSystem/v3-ActPriority",
    ),
    (
        "2.16.840.1.113883.5.8",
        "http://terminology.hl7.org/CodeSystem/v3-ActReason",
    ),
    (
        "2.16.840.1.113883.5.83",
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
    ),
    (
        "2.16.840.1.113883.5.88",
        "http://terminology.hl7.org/CodeSystem/v3-ParticipationFunction",
    ),
    (
        "2.16.840.1.113883.5.90",
        "http://terminology.hl7.org/CodeSystem/v3-ParticipationType",
    ),
    ("2.16.840.1.113883.6.1", LOINC),
    (
        "2.16.840.1.113883.6.103",
        "http://hl7.org/fhir/sid/icd-9-cm",
    ),
    (
        "2.16.840.1.113883.6.104",
        "http://hl7.org/fhir/sid/icd-9-cm",
    ),
    ("2.16.840.1.113883.6.12", "http://www.ama-assn.org/go/cpt"),
    ("2.16.840.1.113883.6.209", "http://hl7.org/fhir/sid/ndc"),
    ("2.16.840.1.113883.6.24", "urn:iso:std:iso:11073:10101"),
    ("2.16.840.1.113883.6.254", "http://hl7.org/fhir/sid/icf"),
    ("2.16.840.1.113883.6.3", "http://hl7.org/fhir/sid/icd-10"),
    ("2.16.840.1.113883.6.345", "http://va.gov/terminology/medrt"),
    (
        "2.16.840.1.113883.6.4",
        "http://www.cms.gov/Medicare/Coding/ICD10",
    ),
    ("2.16.840.1.113883.6.69", "http://hl7.org/fhir/sid/ndc"),
    ("2.16.840.1.113883.6.73", "http://www.whocc.no/atc"),
    ("2.16.840.1.113883.6.8", UCUM),
    (
        "2.16.840.1.113883.6.88",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
    ),
    (
        "2.16.840.1.113883.6.90",
        "http://hl7.org/fhir/sid/icd-10-cm",
    ),
    ("2.16.840.1.113883.6.96", SNOMED),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_systems_have_their_uri_and_others_stay_themselves() {
        assert!(KNOWN.is_sorted_by(|left, right| left.0 < right.0));
        assert_eq!(uri_of("2.16.840.1.113883.6.1"), LOINC);
        assert_eq!(uri_of("1.2.250.1.213.2.3.2"), "urn:oid:1.2.250.1.213.2.3.2");
        assert_eq!(
            uri_of("88BEB395-3B4C-37F5-9A31-03BEA73A8D8B"),
            "urn:uuid:88beb395-3b4c-37f5-9a31-03bea73a8d8b"
        );
        assert_eq!(uri_of("LOINC"), "LOINC");
    }
}
