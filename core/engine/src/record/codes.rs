//! What people call things: resource types, categories and the few codes whose meaning is certain, in French and English.
//!
//! Small tables on purpose; a code that is not here shows the source's own words. The names are ours, not copies of a
//! terminology's. LOINC codes stand by family in `loinc`.

mod loinc;

use super::row::Category;

/// A name in the two languages of the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// French.
    pub fr: &'static str,
    /// English.
    pub en: &'static str,
}

const fn names(fr: &'static str, en: &'static str) -> Names {
    Names { fr, en }
}

/// LOINC's code system.
pub const LOINC: &str = "http://loinc.org";

/// The resource types of FHIR R4 (4.0.1), sorted.
const R4_KINDS: [&str; 146] = [
    "Account",
    "ActivityDefinition",
    "AdverseEvent",
    "AllergyIntolerance",
    "Appointment",
    "AppointmentResponse",
    "AuditEvent",
    "Basic",
    "Binary",
    "BiologicallyDerivedProduct",
    "BodyStructure",
    "Bundle",
    "CapabilityStatement",
    "CarePlan",
    "CareTeam",
    "CatalogEntry",
    "ChargeItem",
    "ChargeItemDefinition",
    "Claim",
    "ClaimResponse",
    "ClinicalImpression",
    "CodeSystem",
    "Communication",
    "CommunicationRequest",
    "CompartmentDefinition",
    "Composition",
    "ConceptMap",
    "Condition",
    "Consent",
    "Contract",
    "Coverage",
    "CoverageEligibilityRequest",
    "CoverageEligibilityResponse",
    "DetectedIssue",
    "Device",
    "DeviceDefinition",
    "DeviceMetric",
    "DeviceRequest",
    "DeviceUseStatement",
    "DiagnosticReport",
    "DocumentManifest",
    "DocumentReference",
    "EffectEvidenceSynthesis",
    "Encounter",
    "Endpoint",
    "EnrollmentRequest",
    "EnrollmentResponse",
    "EpisodeOfCare",
    "EventDefinition",
    "Evidence",
    "EvidenceVariable",
    "ExampleScenario",
    "ExplanationOfBenefit",
    "FamilyMemberHistory",
    "Flag",
    "Goal",
    "GraphDefinition",
    "Group",
    "GuidanceResponse",
    "HealthcareService",
    "ImagingStudy",
    "Immunization",
    "ImmunizationEvaluation",
    "ImmunizationRecommendation",
    "ImplementationGuide",
    "InsurancePlan",
    "Invoice",
    "Library",
    "Linkage",
    "List",
    "Location",
    "Measure",
    "MeasureReport",
    "Media",
    "Medication",
    "MedicationAdministration",
    "MedicationDispense",
    "MedicationKnowledge",
    "MedicationRequest",
    "MedicationStatement",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "MessageHeader",
    "MolecularSequence",
    "NamingSystem",
    "NutritionOrder",
    "Observation",
    "ObservationDefinition",
    "OperationDefinition",
    "OperationOutcome",
    "Organization",
    "OrganizationAffiliation",
    "Parameters",
    "Patient",
    "PaymentNotice",
    "PaymentReconciliation",
    "Person",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Procedure",
    "Provenance",
    "Questionnaire",
    "QuestionnaireResponse",
    "RelatedPerson",
    "RequestGroup",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "ResearchSubject",
    "RiskAssessment",
    "RiskEvidenceSynthesis",
    "Schedule",
    "SearchParameter",
    "ServiceRequest",
    "Slot",
    "Specimen",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "Subscription",
    "Substance",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "SupplyDelivery",
    "SupplyRequest",
    "Task",
    "TerminologyCapabilities",
    "TestReport",
    "TestScript",
    "ValueSet",
    "VerificationResult",
    "VisionPrescription",
];

/// Whether FHIR R4 has this resource type.
pub fn is_r4_kind(kind: &str) -> bool {
    R4_KINDS.binary_search(&kind).is_ok()
}

/// What people call a resource type; `None` for those that no patient meets.
pub fn kind_names(kind: &str) -> Option<Names> {
    Some(match kind {
        "Account" => names("Compte", "Account"),
        "AdverseEvent" => names("Événement indésirable", "Adverse event"),
        "AllergyIntolerance" => names("Allergie ou intolérance", "Allergy or intolerance"),
        "Appointment" => names("Rendez-vous", "Appointment"),
        "Basic" => names("Élément d’un document", "Item of a document"),
        "Binary" => names("Fichier", "File"),
        "BodyStructure" => names("Zone du corps", "Body structure"),
        "CarePlan" => names("Plan de soins", "Care plan"),
        "CareTeam" => names("Équipe de soins", "Care team"),
        "Claim" => names("Demande de remboursement", "Claim"),
        "ClaimResponse" => names("Réponse à une demande de remboursement", "Claim response"),
        "ClinicalImpression" => names("Évaluation clinique", "Clinical assessment"),
        "Communication" => names("Message", "Message"),
        "Composition" => names("Document", "Document"),
        "Condition" => names("Problème de santé", "Health problem"),
        "Consent" => names("Consentement", "Consent"),
        "Coverage" => names("Couverture santé", "Health coverage"),
        "DetectedIssue" => names("Alerte clinique", "Clinical alert"),
        "Device" => names("Dispositif médical", "Medical device"),
        "DeviceRequest" => names("Prescription de dispositif", "Device order"),
        "DeviceUseStatement" => names("Dispositif utilisé", "Device in use"),
        "DiagnosticReport" => names("Compte rendu d’examen", "Diagnostic report"),
        "DocumentReference" => names("Document", "Document"),
        "Encounter" => names("Consultation ou séjour", "Visit or stay"),
        "EpisodeOfCare" => names("Épisode de soins", "Episode of care"),
        "ExplanationOfBenefit" => names("Remboursement", "Explanation of benefits"),
        "FamilyMemberHistory" => names("Antécédent familial", "Family history"),
        "Flag" => names("Signalement", "Flag"),
        "Goal" => names("Objectif", "Goal"),
        "Group" => names("Groupe", "Group"),
        "HealthcareService" => names("Service de soins", "Care service"),
        "ImagingStudy" => names("Examen d’imagerie", "Imaging study"),
        "Immunization" => names("Vaccination", "Immunization"),
        "ImmunizationRecommendation" => {
            names("Vaccination recommandée", "Recommended immunization")
        }
        "List" => names("Liste", "List"),
        "Location" => names("Lieu", "Place"),
        "Media" => names("Photo, son ou vidéo", "Photo, sound or video"),
        "Medication" => names("Médicament", "Medicine"),
        "MedicationAdministration" => names("Médicament administré", "Medicine given"),
        "MedicationDispense" => names("Médicament délivré", "Medicine dispensed"),
        "MedicationRequest" => names("Prescription de médicament", "Medicine prescribed"),
        "MedicationStatement" => names("Traitement suivi", "Medicine taken"),
        "NutritionOrder" => names("Prescription nutritionnelle", "Diet order"),
        "Observation" => names("Mesure ou résultat", "Measurement or result"),
        "Organization" => names("Établissement", "Organisation"),
        "Patient" => names("Patient", "Patient"),
        "Person" => names("Personne", "Person"),
        "Practitioner" => names("Professionnel de santé", "Health professional"),
        "PractitionerRole" => names("Rôle d’un professionnel", "Professional’s role"),
        "Procedure" => names("Acte ou intervention", "Procedure"),
        "Provenance" => names("Provenance", "Provenance"),
        "Questionnaire" => names("Questionnaire", "Questionnaire"),
        "QuestionnaireResponse" => names("Réponses à un questionnaire", "Questionnaire answers"),
        "RelatedPerson" => names("Proche", "Related person"),
        "RiskAssessment" => names("Évaluation de risque", "Risk assessment"),
        "ServiceRequest" => names("Demande d’examen ou de soin", "Test or care order"),
        "Specimen" => names("Prélèvement", "Specimen"),
        "Substance" => names("Substance", "Substance"),
        "SupplyDelivery" => names("Fourniture délivrée", "Supply delivered"),
        "SupplyRequest" => names("Demande de fourniture", "Supply order"),
        "Task" => names("Tâche", "Task"),
        "VisionPrescription" => names("Prescription optique", "Glasses prescription"),
        _ => return None,
    })
}

/// What people call a top-level category.
pub fn category_names(category: Category) -> Names {
    match category {
        Category::PatientSummary => names("Synthèse médicale", "Patient summary"),
        Category::Prescription => names("Prescriptions", "Prescriptions"),
        Category::Dispensation => names("Médicaments délivrés", "Dispensations"),
        Category::Imaging => names("Imagerie", "Imaging"),
        Category::Laboratory => names("Analyses de laboratoire", "Laboratory results"),
        Category::Discharge => names(
            "Sorties et séjours à l’hôpital",
            "Hospital stays and discharge reports",
        ),
        Category::Other => names("Autres", "Other"),
    }
}

/// The Mon espace santé document categories and what people call them. What two of them mean is published nowhere we know:
/// they show their code rather than a guess.
pub const DOCUMENT_CATEGORIES: [(&str, Names); 15] = [
    ("SYNTHESE", names("Synthèses", "Summaries")),
    (
        "ORD_SOIN",
        names("Ordonnances et soins", "Prescriptions and care"),
    ),
    ("RADIO_SC", names("Imagerie", "Imaging")),
    ("BIOLOGIE", names("Biologie", "Laboratory")),
    ("CPT_REND", names("Comptes rendus", "Reports")),
    ("DEPISTAG", names("Dépistages", "Screening")),
    (
        "CERT_MED",
        names("Certificats médicaux", "Medical certificates"),
    ),
    ("AUTR_DOC", names("Autres documents", "Other documents")),
    (
        "DOC_ADM",
        names("Documents administratifs", "Administrative documents"),
    ),
    ("SYNTH_PML", names("SYNTH_PML", "SYNTH_PML")),
    (
        "DIR_ANT",
        names("Directives anticipées", "Advance directives"),
    ),
    (
        "CAR_VAC",
        names("Carnet de vaccination", "Vaccination record"),
    ),
    ("VDP", names("VDP", "VDP")),
    ("REMB", names("Remboursements", "Reimbursements")),
    (
        "QUEST_SANTE",
        names("Questionnaires de santé", "Health questionnaires"),
    ),
];

/// What people call a Mon espace santé document category.
pub fn document_category_names(name: &str) -> Option<Names> {
    let found = DOCUMENT_CATEGORIES.iter().find(|(other, _)| *other == name);
    found.map(|(_, names)| *names)
}

/// What people call a code, where the table has it.
pub fn code_names(system: &str, code: &str) -> Option<Names> {
    if system != LOINC && system != "urn:oid:2.16.840.1.113883.6.1" {
        return None;
    }
    loinc::loinc_names(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sorted_and_without_doubles() {
        assert!(R4_KINDS.is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn r4_is_told_from_its_neighbours() {
        for kind in [
            "Patient",
            "Observation",
            "VisionPrescription",
            "Account",
            "ImagingStudy",
        ] {
            assert!(is_r4_kind(kind), "{kind}");
        }
        for kind in [
            "MedicationOrder",
            "DiagnosticOrder",
            "BodySite",
            "DeviceUsage",
            "Citation",
            "patient",
            "",
            "Foo",
        ] {
            assert!(!is_r4_kind(kind), "{kind}");
        }
    }

    #[test]
    fn every_named_kind_is_an_r4_kind() {
        let named = R4_KINDS.iter().filter(|kind| kind_names(kind).is_some());
        assert_eq!(named.count(), 62);
    }

    #[test]
    fn codes_have_names_in_both_languages() {
        assert_eq!(
            code_names(LOINC, "29463-7"),
            Some(names("Poids", "Body weight"))
        );
        assert_eq!(code_names("http://snomed.info/sct", "29463-7"), None);
        assert_eq!(code_names(LOINC, "0-0"), None);
        assert_eq!(
            document_category_names("REMB"),
            Some(names("Remboursements", "Reimbursements"))
        );
    }
}
