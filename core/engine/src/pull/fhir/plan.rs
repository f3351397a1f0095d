//! What is asked of a FHIR server, in which order: what matters in an emergency first.

use super::super::address::with_query;
use crate::source::answer::write_utc;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Kinds of a patient's compartment, each searched by `patient`.
pub const KINDS: [&str; 39] = [
    "AllergyIntolerance",
    "MedicationRequest",
    "MedicationStatement",
    "Condition",
    "Immunization",
    "Observation",
    "DiagnosticReport",
    "Procedure",
    "Encounter",
    "DocumentReference",
    "MedicationDispense",
    "MedicationAdministration",
    "CarePlan",
    "CareTeam",
    "Goal",
    "ServiceRequest",
    "FamilyMemberHistory",
    "ImagingStudy",
    "Specimen",
    "Device",
    "DeviceUseStatement",
    "ClinicalImpression",
    "RiskAssessment",
    "ImmunizationRecommendation",
    "NutritionOrder",
    "VisionPrescription",
    "Media",
    "Composition",
    "QuestionnaireResponse",
    "Appointment",
    "Communication",
    "Consent",
    "Flag",
    "List",
    "RelatedPerson",
    "Coverage",
    "ExplanationOfBenefit",
    "Claim",
    "Provenance",
];
/// Asked even where the statement does not list them: statements are inaccurate.
const ALWAYS: usize = 11;
/// Resources on a page, and fewer when pages are too large.
pub const PAGE_SIZES: [u32; 4] = [50, 20, 5, 1];
/// What a server changed shortly before its own "now" may not have been searchable yet.
pub const OVERLAP_MS: i64 = 10 * 60 * 1_000;

/// One question, asked page by page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The kind, or `$everything`.
    pub kind: String,
    /// One category of it.
    pub category: Option<String>,
    /// Only what changed since, in the server's time.
    pub since: Option<i64>,
    /// Position in [`PAGE_SIZES`].
    pub size: usize,
    /// It was begun again because its pages had expired.
    pub restarted: bool,
}

/// The name of `Patient/{id}/$everything` among kinds.
pub const EVERYTHING: &str = "$everything";

impl Query {
    /// A whole kind.
    pub fn of(kind: &str, since: Option<i64>) -> Self {
        Self {
            kind: kind.to_owned(),
            category: None,
            since: since.map(|mark| mark.saturating_sub(OVERLAP_MS)),
            size: 0,
            restarted: false,
        }
    }

    /// Whether its answers, all together, are everything the server has of the kind.
    pub fn is_whole(&self) -> bool {
        self.category.is_none() && self.since.is_none() && self.kind != EVERYTHING
    }

    /// The address of its first page.
    pub fn url(&self, base: &str, patient: &str) -> String {
        let count = PAGE_SIZES.get(self.size).unwrap_or(&1).to_string();
        let since = self.since.and_then(write_utc);
        if self.kind == "Patient" {
            return format!("{base}/Patient/{patient}");
        }
        if self.kind == EVERYTHING {
            let address = format!("{base}/Patient/{patient}/$everything");
            return with_query(&address, &[("_count", &count)]);
        }
        let changed = since.map(|since| format!("ge{since}"));
        // The form with the type is the one every server understands.
        let patient = format!("Patient/{patient}");
        let mut query = vec![("patient", patient.as_str())];
        query.extend(self.category.as_deref().map(|code| ("category", code)));
        query.extend(changed.as_deref().map(|changed| ("_lastUpdated", changed)));
        query.push(("_count", &count));
        with_query(&format!("{base}/{}", self.kind), &query)
    }

    /// The same by category, where a server refuses the whole kind.
    pub fn by_category(&self) -> Vec<Self> {
        let codes = match self.category {
            None => categories(&self.kind),
            Some(_) => &[],
        };
        let one = |code: &&str| Self {
            category: Some((*code).to_owned()),
            ..self.clone()
        };
        codes.iter().map(one).collect()
    }
}

/// The categories US Core, and the servers that follow it, search by.
fn categories(kind: &str) -> &'static [&'static str] {
    match kind {
        "Observation" => &[
            "laboratory",
            "vital-signs",
            "social-history",
            "survey",
            "exam",
            "imaging",
            "procedure",
            "therapy",
            "activity",
        ],
        "Condition" => &["problem-list-item", "encounter-diagnosis", "health-concern"],
        "DiagnosticReport" => &["LAB", "RAD", "CUS"],
        "DocumentReference" => &["clinical-note"],
        "CarePlan" => &["assess-plan"],
        _ => &[],
    }
}

/// The questions of one run. `offered` are the kinds of the statement, empty where it lists none; `granted` those of the scopes.
pub fn questions(
    offered: &BTreeSet<String>,
    granted: Option<&BTreeSet<String>>,
    since: impl Fn(&str) -> Option<i64>,
    everything: bool,
) -> VecDeque<Query> {
    let open = |kind: &str| granted.is_none_or(|granted| granted.contains(kind));
    let mut plan = VecDeque::new();
    if open("Patient") {
        plan.push_back(Query::of("Patient", None));
    }
    for (at, kind) in KINDS.into_iter().enumerate() {
        let likely = at < ALWAYS || offered.is_empty() || offered.contains(kind);
        if likely && open(kind) {
            plan.push_back(Query::of(kind, since(kind)));
        }
    }
    if everything && granted.is_none() {
        plan.push_back(Query::of(EVERYTHING, None));
    }
    plan
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kinds(plan: VecDeque<Query>) -> Vec<String> {
        plan.into_iter().map(|query| query.kind).collect()
    }

    #[test]
    fn allergies_and_treatments_come_first_and_everything_last() {
        let plan = kinds(questions(&BTreeSet::new(), None, |_| None, true));
        assert_eq!(
            plan[..3],
            ["Patient", "AllergyIntolerance", "MedicationRequest"]
        );
        assert_eq!(plan.len(), KINDS.len() + 2);
        assert_eq!(plan.last().unwrap(), EVERYTHING);
    }

    #[test]
    fn a_statement_narrows_what_is_rare_and_a_grant_narrows_all() {
        let offered = BTreeSet::from(["Coverage".to_owned()]);
        let plan = kinds(questions(&offered, None, |_| None, false));
        assert_eq!(plan.len(), 1 + ALWAYS + 1);
        let granted = BTreeSet::from(["Coverage".to_owned(), "Patient".to_owned()]);
        let plan = kinds(questions(&BTreeSet::new(), Some(&granted), |_| None, true));
        assert_eq!(plan, ["Patient", "Coverage"]);
    }

    #[test]
    fn addresses() {
        let url = |query: &Query| query.url("https://a/fhir", "p 1");
        let since = Query::of("Condition", Some(OVERLAP_MS));
        assert_eq!(
            url(&since),
            "https://a/fhir/Condition?patient=Patient%2Fp+1&_lastUpdated=ge1970-01-01T00%3A00%3A00Z&_count=50"
        );
        assert!(!since.is_whole() && Query::of("Condition", None).is_whole());
        let parts = Query::of("Condition", None).by_category();
        assert_eq!(
            url(&parts[0]),
            "https://a/fhir/Condition?patient=Patient%2Fp+1&category=problem-list-item&_count=50"
        );
        assert!(parts[0].by_category().is_empty() && !parts[0].is_whole());
    }
}
