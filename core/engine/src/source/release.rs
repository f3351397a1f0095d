//! Which release of FHIR a resource was written for.
//!
//! Files seldom say. A resource is taken for R4 unless it has a shape that R4 cannot have and another release has: an
//! element that changed its type, or one that only the other release requires. Mere unknown elements prove nothing, since
//! real R4 files are full of them; addresses prove nothing either (public R4 examples carry `baseDstu3` in theirs).

use crate::record::codes::is_r4_kind;
use crate::record::json::{Object, Value};

/// The resource is of DSTU2 or STU3.
pub const OLDER: &str = "written for an older FHIR release (DSTU2 or STU3): kept as a document";
/// The resource is of R5 or later.
pub const NEWER: &str = "written for a newer FHIR release (R5 or later): kept as a document";
/// The resource type is unknown to R4.
pub const UNKNOWN_KIND: &str = "a resource type that FHIR R4 does not have: kept as a document";

/// Resource types that were dropped before R4.
const OLDER_KINDS: [&str; 20] = [
    "BodySite",
    "Conformance",
    "DataElement",
    "DeviceComponent",
    "DeviceUseRequest",
    "DiagnosticOrder",
    "EligibilityRequest",
    "EligibilityResponse",
    "ExpansionProfile",
    "ImagingManifest",
    "ImagingObjectSelection",
    "MedicationOrder",
    "Order",
    "OrderResponse",
    "ProcedureRequest",
    "ProcessRequest",
    "ProcessResponse",
    "ReferralRequest",
    "Sequence",
    "ServiceDefinition",
];

/// A shape that contradicts R4.
enum Shape {
    /// The member is there.
    Present,
    /// The member is a string.
    Text,
    /// The member is an object.
    Object,
    /// The member is an array.
    Array,
}

/// Shapes of DSTU2 and STU3 that R4 does not allow.
const OLDER_SHAPES: [(&str, &str, Shape); 18] = [
    ("AllergyIntolerance", "clinicalStatus", Shape::Text),
    ("AllergyIntolerance", "substance", Shape::Object),
    ("Condition", "clinicalStatus", Shape::Text),
    ("Condition", "verificationStatus", Shape::Text),
    ("Encounter", "class", Shape::Text),
    ("ExplanationOfBenefit", "information", Shape::Array),
    ("Goal", "description", Shape::Text),
    ("Immunization", "notGiven", Shape::Present),
    ("Immunization", "wasNotGiven", Shape::Present),
    ("MedicationRequest", "requester.agent", Shape::Object),
    ("MedicationStatement", "taken", Shape::Text),
    ("MedicationStatement", "wasNotTaken", Shape::Present),
    ("MedicationDispense", "notDone", Shape::Present),
    ("MedicationAdministration", "notGiven", Shape::Present),
    ("MedicationAdministration", "wasNotGiven", Shape::Present),
    ("Patient", "animal", Shape::Object),
    ("Procedure", "notDone", Shape::Present),
    ("Procedure", "notPerformed", Shape::Present),
];

/// Shapes of R5 and later that R4 does not allow.
const NEWER_SHAPES: [(&str, &str, Shape); 12] = [
    ("AllergyIntolerance", "type", Shape::Object),
    ("Encounter", "class", Shape::Array),
    ("Encounter", "actualPeriod", Shape::Object),
    ("MedicationAdministration", "medication", Shape::Object),
    ("MedicationDispense", "medication", Shape::Object),
    ("MedicationRequest", "medication", Shape::Object),
    ("MedicationStatement", "medication", Shape::Object),
    ("Procedure", "occurrenceDateTime", Shape::Text),
    ("Procedure", "occurrencePeriod", Shape::Object),
    ("ServiceRequest", "code.concept", Shape::Object),
    ("DeviceRequest", "code", Shape::Object),
    ("DocumentReference", "context", Shape::Array),
];

/// Why a resource is not one of R4; `None` when nothing speaks against it.
pub fn other_release(kind: &str, resource: &Object<'_>) -> Option<&'static str> {
    if OLDER_KINDS.contains(&kind) {
        return Some(OLDER);
    }
    if !is_r4_kind(kind) {
        return Some(UNKNOWN_KIND);
    }
    if has_shape(&OLDER_SHAPES, kind, resource) {
        return Some(OLDER);
    }
    if has_shape(&NEWER_SHAPES, kind, resource) {
        return Some(NEWER);
    }
    declared_release(resource)
}

fn has_shape(shapes: &[(&str, &str, Shape)], kind: &str, resource: &Object<'_>) -> bool {
    let mut of_kind = shapes.iter().filter(|(of, _, _)| *of == kind);
    of_kind.any(|(_, path, shape)| {
        // The last step is looked at as it is: whether it is an array is what is asked.
        let (parent, name) = match path.rsplit_once('.') {
            Some((parent, name)) => (resource.at(parent).and_then(Value::as_object), name),
            None => (Some(resource), *path),
        };
        let value = parent.and_then(|parent| parent.get(name));
        match (shape, value) {
            (_, None) => false,
            (Shape::Present, Some(_)) => true,
            (Shape::Text, Some(value)) => matches!(value, Value::String(_)),
            (Shape::Object, Some(value)) => matches!(value, Value::Object(_)),
            (Shape::Array, Some(value)) => matches!(value, Value::Array(_)),
        }
    })
}

/// What the resource says itself: `fhirVersion`, or a base profile of a numbered release.
fn declared_release(resource: &Object<'_>) -> Option<&'static str> {
    let stated = resource.str("fhirVersion").and_then(release_of_version);
    let meta = resource.object("meta");
    let profiles = meta.map_or(&[][..], |meta| meta.elements("profile"));
    let by_profile = || {
        profiles
            .iter()
            .filter_map(Value::as_str)
            .find_map(|profile| {
                let version = profile.strip_prefix("http://hl7.org/fhir/")?;
                let numbered = version.starts_with(|first: char| first.is_ascii_digit());
                numbered.then(|| release_of_version(version)).flatten()
            })
    };
    stated.or_else(by_profile)
}

fn release_of_version(version: &str) -> Option<&'static str> {
    let major = version.split(['.', '/', '-']).next()?;
    match major.parse::<u32>().ok()? {
        0..=3 => Some(OLDER),
        4 => None,
        _ => Some(NEWER),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::record::json::parse;

    fn of(text: &str) -> Option<&'static str> {
        let resource = parse(text).unwrap();
        other_release(resource.str("resourceType").unwrap(), &resource)
    }

    #[test]
    fn older_releases_are_known_by_kind_or_shape() {
        assert_eq!(of(r#"{"resourceType":"MedicationOrder"}"#), Some(OLDER));
        assert_eq!(
            of(r#"{"resourceType":"Condition","clinicalStatus":"active"}"#),
            Some(OLDER)
        );
        assert_eq!(
            of(r#"{"resourceType":"Encounter","class":"inpatient"}"#),
            Some(OLDER)
        );
        assert_eq!(
            of(r#"{"resourceType":"MedicationRequest","requester":{"agent":{}}}"#),
            Some(OLDER)
        );
    }

    #[test]
    fn newer_releases_are_known_by_kind_or_shape() {
        assert_eq!(of(r#"{"resourceType":"DeviceUsage"}"#), Some(UNKNOWN_KIND));
        assert_eq!(
            of(r#"{"resourceType":"Encounter","class":[{"coding":[]}]}"#),
            Some(NEWER)
        );
        assert_eq!(
            of(r#"{"resourceType":"MedicationRequest","medication":{"concept":{}}}"#),
            Some(NEWER)
        );
    }

    #[test]
    fn a_resource_may_say_its_release() {
        assert_eq!(
            of(r#"{"resourceType":"CapabilityStatement","fhirVersion":"3.0.1"}"#),
            Some(OLDER)
        );
        assert_eq!(
            of(r#"{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}"#),
            None
        );
        let profile = |url: &str| {
            of(&format!(
                r#"{{"resourceType":"Patient","meta":{{"profile":["{url}"]}}}}"#
            ))
        };
        assert_eq!(
            profile("http://hl7.org/fhir/5.0/StructureDefinition/Patient"),
            Some(NEWER)
        );
        assert_eq!(
            profile("http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"),
            None
        );
        assert_eq!(profile("http://52.90.126.238/baseDstu3/x"), None);
    }

    #[test]
    fn unknown_members_alone_prove_nothing() {
        assert_eq!(
            of(r#"{"resourceType":"Observation","comment":"x","foo":1}"#),
            None
        );
        assert_eq!(
            of(r#"{"resourceType":"Encounter","class":{"code":"AMB"}}"#),
            None
        );
        assert_eq!(
            of(r#"{"resourceType":"Condition","clinicalStatus":{"text":"active"}}"#),
            None
        );
    }
}
