//! What a list shows: one flat row per resource, enough for a timeline or a chart without parsing FHIR.

use super::ids::ResourceId;

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
    /// A reference whose target gives the name when the resource itself does not (a prescription's medicine).
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
