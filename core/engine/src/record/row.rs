//! What a list shows: one flat row per resource, enough for a timeline or a chart without parsing FHIR.

use super::category::place_of;
use super::ids::ResourceId;
use super::json::{Object, Value};
use super::time::{LOCAL_TIME, is_date};
use super::value::{
    Concept, Shown, concept_text, read_concept, read_observation, read_quantity, shorten,
};

/// A flat row, derived from a resource's text alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Which resource.
    pub id: ResourceId,
    /// FHIR resource type.
    pub kind: String,
    /// Top-level category: one of the six EHDS priority categories, or `other`.
    pub category: Category,
    /// The Mon espace santé document category, where one fits (`BIOLOGIE`, `ORD_SOIN`, …).
    pub document_category: Option<&'static str>,
    /// Code system of the primary code.
    pub system: Option<String>,
    /// Primary code.
    pub code: Option<String>,
    /// What the source calls it, in the source's language.
    pub display: Option<String>,
    /// French name, where the code is in the built-in table.
    pub display_fr: Option<&'static str>,
    /// English name, where the code is in the built-in table.
    pub display_en: Option<&'static str>,
    /// The key (see [`super::resource::Resource::aliases`]) of the resource that gives the name when this one does not: a
    /// prescription's medicine.
    pub display_from: Option<String>,
    /// When it happened, as written: year, year-month, date, or date and time with the offset it came with, or none.
    pub when: Option<String>,
    /// The value as written: decimal text, code display, or text.
    pub value: Option<String>,
    /// `<`, `<=`, `>=`, `>`.
    pub comparator: Option<String>,
    /// The unit as written.
    pub unit: Option<String>,
    /// FHIR status, or the clinical status where the resource has one.
    pub status: Option<String>,
}

/// The record's top-level categories: the six of Regulation (EU) 2025/327, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Patient summary: problems, allergies, vaccinations, history, measurements.
    PatientSummary,
    /// Prescriptions.
    Prescription,
    /// Dispensations.
    Dispensation,
    /// Imaging studies and reports.
    Imaging,
    /// Laboratory results.
    Laboratory,
    /// Discharge reports and hospital stays.
    Discharge,
    /// Everything else (people, organisations, claims, administration).
    Other,
}

impl Category {
    /// All categories, in the order people see them.
    pub const ALL: [Self; 7] = [
        Self::PatientSummary,
        Self::Prescription,
        Self::Dispensation,
        Self::Imaging,
        Self::Laboratory,
        Self::Discharge,
        Self::Other,
    ];

    /// The stable name in the database, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::PatientSummary => "patient-summary",
            Self::Prescription => "prescription",
            Self::Dispensation => "dispensation",
            Self::Imaging => "imaging",
            Self::Laboratory => "laboratory",
            Self::Discharge => "discharge",
            Self::Other => "other",
        }
    }

    /// The category of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.name() == name)
    }
}

/// The row of a resource.
pub(super) fn derive_row(id: ResourceId, kind: &str, resource: &Object<'_>) -> Row {
    let place = place_of(kind, resource);
    let concept = find_concept(kind, resource).unwrap_or_default();
    let shown = find_value(kind, resource);
    let owned = |text: Option<&str>| text.map(shorten);
    let display = find_name(kind, resource)
        .or_else(|| owned(concept.display))
        .or_else(|| find_reference(kind, resource)?.str("display").map(shorten));
    Row {
        id,
        kind: kind.to_owned(),
        category: place.category,
        document_category: place.document,
        system: owned(concept.system),
        code: owned(concept.code),
        display_from: find_name_elsewhere(kind, resource)
            .filter(|_| display.is_none())
            .map(str::to_owned),
        display,
        display_fr: concept.names.map(|names| names.fr),
        display_en: concept.names.map(|names| names.en),
        when: find_when(kind, resource).map(str::to_owned),
        value: shown.value,
        comparator: shown.comparator,
        unit: shown.unit,
        status: find_status(resource).map(shorten),
    }
}

/// Where the primary code of a resource type stands, best first.
fn code_paths(kind: &str) -> &'static [&'static str] {
    match kind {
        "Immunization" => &["vaccineCode"],
        "MedicationRequest"
        | "MedicationStatement"
        | "MedicationDispense"
        | "MedicationAdministration" => &["medicationCodeableConcept"],
        "Encounter" => &["type", "serviceType", "class"],
        "Appointment" => &["serviceType", "appointmentType", "specialty"],
        "CarePlan" | "CareTeam" | "Communication" | "CommunicationRequest" => {
            &["category", "topic", "reasonCode"]
        }
        "Goal" => &["description", "category"],
        "ImagingStudy" => &["procedureCode", "modality", "series.modality"],
        "Media" => &["type", "modality", "view"],
        "FamilyMemberHistory" => &["condition.code", "relationship"],
        "Consent" => &["category", "scope"],
        "Provenance" => &["activity"],
        "PractitionerRole" => &["code", "specialty"],
        "Practitioner" => &["qualification.code"],
        "RelatedPerson" => &["relationship"],
        "NutritionOrder" => &[
            "oralDiet.type",
            "supplement.type",
            "enteralFormula.baseFormulaType",
        ],
        "SupplyDelivery" => &["suppliedItem.itemCodeableConcept", "type"],
        "SupplyRequest" => &["itemCodeableConcept", "category"],
        "DeviceRequest" => &["codeCodeableConcept"],
        "VisionPrescription" => &["lensSpecification.product"],
        "ImmunizationRecommendation" => {
            &["recommendation.vaccineCode", "recommendation.targetDisease"]
        }
        "AdverseEvent" => &["event", "category"],
        "BodyStructure" => &["location", "morphology"],
        "Claim" | "ExplanationOfBenefit" => &["item.productOrService", "type"],
        "Patient" | "Person" | "QuestionnaireResponse" => &[],
        _ => &["code", "type", "category"],
    }
}

fn find_concept<'a>(kind: &str, resource: &'a Object<'_>) -> Option<Concept<'a>> {
    code_paths(kind)
        .iter()
        .find_map(|path| read_concept(resource.at(path)?))
}

/// A name the resource has beside its code: a person's, a place's, a title.
fn find_name(kind: &str, resource: &Object<'_>) -> Option<String> {
    let text = |paths: &[&str]| {
        paths
            .iter()
            .find_map(|path| resource.at(path)?.as_str().map(shorten))
    };
    match kind {
        "Patient" | "Practitioner" | "RelatedPerson" | "Person" => human_name(resource),
        "Device" => text(&["deviceName.name"]).filter(|_| resource.object("type").is_none()),
        "Composition" | "CarePlan" | "Questionnaire" | "List" | "Library" => {
            text(&["title", "name"])
        }
        "DocumentReference" => {
            let untyped = resource.get("type").and_then(concept_text).is_none();
            text(&["description", "content.attachment.title"]).filter(|_| untyped)
        }
        "ImagingStudy" | "Appointment" | "Task" => text(&["description"]),
        "Binary" => text(&["contentType"]),
        "QuestionnaireResponse" => text(&["_questionnaire.extension.valueString", "questionnaire"]),
        "Coverage" => text(&["class.name", "payor.display"]),
        _ => text(&["name"]),
    }
    .filter(|name| !name.is_empty())
}

/// The official name, else the usual one, else the first: as text, or given names before family name.
fn human_name(resource: &Object<'_>) -> Option<String> {
    let named = |wanted: &str| {
        resource
            .objects("name")
            .find(|name| name.str("use") == Some(wanted))
    };
    let name = named("official")
        .or_else(|| named("usual"))
        .or_else(|| resource.object("name"))?;
    if let Some(text) = name.str("text") {
        return Some(shorten(text));
    }
    let given = name.elements("given").iter().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name.str("family")).collect();
    (!parts.is_empty()).then(|| shorten(&parts.join(" ")))
}

/// The reference to the resource that has the name: a medicine, a device, a person.
fn find_reference<'a, 't>(kind: &str, resource: &'a Object<'t>) -> Option<&'a Object<'t>> {
    let path = match kind {
        "MedicationRequest"
        | "MedicationStatement"
        | "MedicationDispense"
        | "MedicationAdministration" => "medicationReference",
        "DeviceRequest" => "codeReference",
        "DeviceUseStatement" => "device",
        "SupplyDelivery" => "suppliedItem.itemReference",
        "SupplyRequest" => "itemReference",
        "PractitionerRole" => "practitioner",
        _ => return None,
    };
    resource.at(path)?.as_object()
}

fn find_name_elsewhere<'a>(kind: &str, resource: &'a Object<'_>) -> Option<&'a str> {
    find_reference(kind, resource)?.str("reference")
}

/// Where the date of a resource type stands, best first. People, places and products have none: a birth date is not when a
/// patient happened.
fn when_paths(kind: &str) -> &'static [&'static str] {
    match kind {
        "Patient"
        | "Person"
        | "Practitioner"
        | "PractitionerRole"
        | "RelatedPerson"
        | "Organization"
        | "Location"
        | "OrganizationAffiliation"
        | "HealthcareService"
        | "Endpoint"
        | "Device"
        | "DeviceDefinition"
        | "DeviceMetric"
        | "Medication"
        | "MedicationKnowledge"
        | "Substance"
        | "Group"
        | "BodyStructure" => &[],
        "Observation" | "DiagnosticReport" => &[
            "effectiveDateTime",
            "effectivePeriod.start",
            "effectiveInstant",
            "effectiveTiming.event",
            "effectivePeriod.end",
            "issued",
        ],
        "Condition" | "AllergyIntolerance" => &[
            "onsetDateTime",
            "onsetPeriod.start",
            "recordedDate",
            "lastOccurrence",
            "abatementDateTime",
        ],
        "MedicationStatement" | "MedicationAdministration" => &[
            "effectiveDateTime",
            "effectivePeriod.start",
            "effectivePeriod.end",
            "dateAsserted",
        ],
        "MedicationDispense" => &["whenHandedOver", "whenPrepared"],
        "Immunization" => &["occurrenceDateTime", "recorded"],
        "Procedure" => &[
            "performedDateTime",
            "performedPeriod.start",
            "performedPeriod.end",
        ],
        "Claim" | "ExplanationOfBenefit" => &[
            "billablePeriod.start",
            "item.servicedDate",
            "item.servicedPeriod.start",
            "billablePeriod.end",
            "created",
        ],
        "MedicationRequest" | "ServiceRequest" | "DeviceRequest" => {
            &["authoredOn", "occurrenceDateTime", "occurrencePeriod.start"]
        }
        "DocumentReference" => &[
            "context.period.start",
            "date",
            "content.attachment.creation",
        ],
        "Specimen" => &[
            "collection.collectedDateTime",
            "collection.collectedPeriod.start",
            "receivedTime",
        ],
        "Goal" => &["startDate", "statusDate"],
        _ => OTHER_WHEN_PATHS,
    }
}

/// Dates of what happened, before dates of what was written down about it.
const OTHER_WHEN_PATHS: &[&str] = &[
    "effectiveDateTime",
    "effectivePeriod.start",
    "onsetDateTime",
    "occurrenceDateTime",
    "occurrencePeriod.start",
    "occurredDateTime",
    "occurredPeriod.start",
    "performedDateTime",
    "performedPeriod.start",
    "started",
    "start",
    "period.start",
    "timingDateTime",
    "timingPeriod.start",
    "servicedDate",
    "servicedPeriod.start",
    "createdDateTime",
    "createdPeriod.start",
    "identifiedDateTime",
    "identifiedPeriod.start",
    "executionPeriod.start",
    "billablePeriod.start",
    "authoredOn",
    "authored",
    "dateTime",
    "date",
    "sent",
    "received",
    "dateWritten",
    "statusDate",
    "recordedDate",
    "recorded",
    "issued",
    "created",
    "timestamp",
    "period.end",
];

fn find_when<'a>(kind: &str, resource: &'a Object<'_>) -> Option<&'a str> {
    when_paths(kind).iter().find_map(|path| {
        let written = resource.at(path)?.as_str().filter(|text| is_date(text))?;
        Some(find_local_time(resource, path).unwrap_or(written))
    })
}

/// The time of day that stands beside a date, when the source wrote it without an offset.
fn find_local_time<'a>(resource: &'a Object<'_>, path: &str) -> Option<&'a str> {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (resource.at(parent)?.as_object()?, name),
        None => (resource, path),
    };
    let beside = parent.object(&format!("_{name}"))?;
    let mut extensions = beside.objects("extension");
    let local = extensions.find(|extension| extension.str("url") == Some(LOCAL_TIME))?;
    local.str("valueString").filter(|text| is_date(text))
}

fn find_value(kind: &str, resource: &Object<'_>) -> Shown {
    let text = |path: &str| resource.at(path).and_then(Value::as_str).map(Shown::text);
    let concept = |path: &str| resource.at(path).and_then(concept_text).map(Shown::text);
    let quantity = |path: &str| {
        resource
            .at(path)
            .and_then(Value::as_object)
            .and_then(read_quantity)
    };
    let amount = |path: &str| {
        resource
            .at(path)
            .and_then(Value::as_object)
            .and_then(read_money)
    };
    match kind {
        "Observation" => Some(read_observation(resource)),
        "AllergyIntolerance" => concept("reaction.manifestation"),
        "Condition" => concept("severity"),
        "MedicationRequest" => read_dosage(resource, "dosageInstruction"),
        "MedicationStatement" => read_dosage(resource, "dosage"),
        "MedicationAdministration" => text("dosage.text").or_else(|| quantity("dosage.dose")),
        "MedicationDispense" => {
            quantity("quantity").or_else(|| read_dosage(resource, "dosageInstruction"))
        }
        "SupplyDelivery" => quantity("suppliedItem.quantity"),
        "SupplyRequest" => quantity("quantity"),
        "Immunization" => quantity("doseQuantity"),
        "DiagnosticReport" => text("conclusion").or_else(|| concept("conclusionCode")),
        "Encounter" | "Procedure" | "Appointment" | "ServiceRequest" => concept("reasonCode"),
        "Claim" => amount("total"),
        "ExplanationOfBenefit" => amount("total.amount").or_else(|| amount("payment.amount")),
        "DocumentReference" => text("description"),
        "FamilyMemberHistory" => concept("relationship"),
        "Goal" => quantity("target.detailQuantity"),
        "Communication" => text("payload.contentString"),
        "RiskAssessment" => concept("prediction.outcome"),
        _ => None,
    }
    .unwrap_or_default()
}

fn read_dosage(resource: &Object<'_>, member: &str) -> Option<Shown> {
    let dosage = resource.object(member)?;
    if let Some(text) = dosage
        .str("text")
        .or_else(|| dosage.str("patientInstruction"))
    {
        return Some(Shown::text(text));
    }
    read_quantity(dosage.at("doseAndRate.doseQuantity")?.as_object()?)
}

fn read_money(money: &Object<'_>) -> Option<Shown> {
    let shown = read_quantity(money)?;
    let currency = money.str("currency").map(str::to_owned);
    Some(Shown {
        unit: currency.or(shown.unit),
        ..shown
    })
}

/// What was withdrawn says so first; then the clinical status, then the status.
fn find_status<'a>(resource: &'a Object<'_>) -> Option<&'a str> {
    let code = |name: &str| {
        resource
            .get(name)
            .and_then(read_concept)
            .and_then(|concept| concept.code.or(concept.display))
    };
    let withdrawn =
        code("verificationStatus").filter(|code| matches!(*code, "entered-in-error" | "refuted"));
    let status = withdrawn
        .or_else(|| code("clinicalStatus"))
        .or_else(|| code("status"));
    status
        .or_else(|| code("lifecycleStatus"))
        .or_else(|| match resource.get("active") {
            Some(Value::Bool(true)) => Some("active"),
            Some(Value::Bool(false)) => Some("inactive"),
            _ => None,
        })
}

#[cfg(test)]
#[path = "row_tests.rs"]
mod tests;
