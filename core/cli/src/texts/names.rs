//! What people call the kinds, categories and statuses that FHIR and Mon espace santé name in code.

use crate::language::{Language, Text};

/// A FHIR resource type, its two names, and the other words people type for it (folded, singular).
type Kind = (&'static str, Text, &'static [&'static str]);

const fn text(fr: &'static str, en: &'static str) -> Text {
    Text { fr, en }
}

#[rustfmt::skip]
const KINDS: &[Kind] = &[
    ("AllergyIntolerance", text("Allergie", "Allergy"), &["intolerance"]),
    ("Appointment", text("Rendez-vous", "Appointment"), &["rdv"]),
    ("Binary", text("Fichier", "File"), &[]),
    ("CarePlan", text("Plan de soins", "Care plan"), &[]),
    ("CareTeam", text("Équipe de soins", "Care team"), &[]),
    ("Claim", text("Facture", "Claim"), &[]),
    ("Composition", text("Document structuré", "Structured document"), &[]),
    ("Condition", text("Problème de santé", "Condition"), &["probleme", "problem", "maladie", "disease", "diagnostic", "diagnosis"]),
    ("Consent", text("Consentement", "Consent"), &[]),
    ("Coverage", text("Couverture", "Coverage"), &["assurance", "insurance"]),
    ("Device", text("Dispositif", "Device"), &[]),
    ("DiagnosticReport", text("Compte rendu", "Report"), &["bilan"]),
    ("DocumentReference", text("Document", "Document"), &[]),
    ("Encounter", text("Consultation ou séjour", "Encounter"), &["consultation", "sejour", "visit", "visite", "stay"]),
    ("ExplanationOfBenefit", text("Remboursement", "Reimbursement"), &[]),
    ("FamilyMemberHistory", text("Antécédent familial", "Family history"), &[]),
    ("Goal", text("Objectif", "Goal"), &[]),
    ("ImagingStudy", text("Imagerie", "Imaging study"), &["imaging", "radio", "scanner", "irm"]),
    ("Immunization", text("Vaccination", "Vaccination"), &["vaccin", "vaccine"]),
    ("Location", text("Lieu", "Location"), &[]),
    ("Medication", text("Médicament", "Medication"), &[]),
    ("MedicationAdministration", text("Administration", "Administration"), &[]),
    ("MedicationDispense", text("Délivrance", "Dispensation"), &["dispense"]),
    ("MedicationRequest", text("Prescription", "Prescription"), &["traitement", "treatment", "ordonnance"]),
    ("MedicationStatement", text("Prise d'un médicament", "Medication taken"), &["prise"]),
    ("Observation", text("Résultat", "Result"), &["mesure", "measure", "measurement", "analyse"]),
    ("Organization", text("Établissement", "Organisation"), &[]),
    ("Patient", text("Patient", "Patient"), &[]),
    ("Practitioner", text("Professionnel", "Practitioner"), &["medecin", "doctor"]),
    ("PractitionerRole", text("Fonction d'un professionnel", "Practitioner role"), &[]),
    ("Procedure", text("Acte", "Procedure"), &["operation"]),
    ("Provenance", text("Origine", "Provenance"), &[]),
    ("QuestionnaireResponse", text("Questionnaire rempli", "Answered questionnaire"), &["questionnaire"]),
    ("RelatedPerson", text("Proche", "Related person"), &[]),
    ("ServiceRequest", text("Demande d'examen", "Test order"), &[]),
    ("Specimen", text("Prélèvement", "Specimen"), &[]),
    ("SupplyDelivery", text("Fourniture", "Supply"), &[]),
];

#[rustfmt::skip]
const CATEGORIES: &[(&str, Text)] = &[
    ("patient-summary", text("synthèse", "summary")),
    ("prescription", text("ordonnance", "prescription")),
    ("dispensation", text("dispensation", "dispensation")),
    ("imaging", text("imagerie", "imaging")),
    ("laboratory", text("biologie", "laboratory")),
    ("discharge", text("sortie d'hôpital", "discharge")),
    ("other", text("autre", "other")),
];

#[rustfmt::skip]
const DOCUMENT_CATEGORIES: &[(&str, Text)] = &[
    ("SYNTHESE", text("synthèse médicale", "medical summary")),
    ("ORD_SOIN", text("ordonnance et soins", "prescription and care")),
    ("RADIO_SC", text("imagerie médicale", "medical imaging")),
    ("BIOLOGIE", text("biologie", "laboratory")),
    ("CPT_REND", text("compte rendu", "report")),
    ("DEPISTAG", text("prévention et dépistage", "prevention and screening")),
    ("CERT_MED", text("certificat médical", "medical certificate")),
    ("AUTR_DOC", text("autre document", "other document")),
    ("DOC_ADM", text("document administratif", "administrative document")),
    ("SYNTH_PML", text("synthèse psycho-médico-sociale", "psycho-medico-social summary")),
    ("DIR_ANT", text("directives anticipées", "advance directives")),
    ("CAR_VAC", text("carnet de vaccination", "vaccination record")),
    ("VDP", text("volet de dépistage", "screening section")),
    ("REMB", text("remboursement", "reimbursement")),
    ("QUEST_SANTE", text("questionnaire de santé", "health questionnaire")),
];

#[rustfmt::skip]
const STATUSES: &[(&str, Text)] = &[
    ("active", text("actif", "active")),
    ("amended", text("modifié", "amended")),
    ("arrived", text("arrivé", "arrived")),
    ("cancelled", text("annulé", "cancelled")),
    ("completed", text("terminé", "completed")),
    ("corrected", text("corrigé", "corrected")),
    ("current", text("en vigueur", "current")),
    ("draft", text("brouillon", "draft")),
    ("entered-in-error", text("saisi par erreur", "entered in error")),
    ("final", text("définitif", "final")),
    ("finished", text("terminé", "finished")),
    ("in-progress", text("en cours", "in progress")),
    ("inactive", text("inactif", "inactive")),
    ("not-done", text("non fait", "not done")),
    ("on-hold", text("suspendu", "on hold")),
    ("planned", text("prévu", "planned")),
    ("preliminary", text("provisoire", "preliminary")),
    ("recurrence", text("récidive", "recurrence")),
    ("registered", text("enregistré", "registered")),
    ("relapse", text("rechute", "relapse")),
    ("remission", text("en rémission", "in remission")),
    ("resolved", text("résolu", "resolved")),
    ("stopped", text("arrêté", "stopped")),
    ("superseded", text("remplacé", "superseded")),
    ("unknown", text("inconnu", "unknown")),
];

/// What people call a FHIR resource type; the type itself where there is no better word.
pub fn kind(name: &str, language: Language) -> &str {
    let known = KINDS.iter().find(|(kind, ..)| *kind == name);
    known.map_or(name, |(_, text, _)| text.pick(language))
}

/// What people call a category of the record.
pub fn category(name: &str, language: Language) -> &str {
    named(CATEGORIES, name, language)
}

/// What people call a document category of Mon espace santé.
pub fn document_category(name: &str, language: Language) -> &str {
    named(DOCUMENT_CATEGORIES, name, language)
}

/// What people call a status.
pub fn status(name: &str, language: Language) -> &str {
    named(STATUSES, name, language)
}

fn named<'a>(table: &[(&str, Text)], name: &'a str, language: Language) -> &'a str {
    let known = table.iter().find(|(code, _)| *code == name);
    known.map_or(name, |(_, text)| text.pick(language))
}

/// The FHIR type a person means: its name in any case, what it is called in either language, singular or plural, with
/// or without accents. A word that looks like a FHIR type this table does not know is taken at its word.
pub fn kind_of(typed: &str) -> Option<String> {
    let wanted = fold(typed);
    let known = KINDS.iter().find(|(kind, text, aliases)| {
        let own = [*kind, text.fr, text.en];
        own.iter().any(|name| fold(name) == wanted)
            || aliases.iter().any(|alias| fold(alias) == wanted)
    });
    let spelled_like_a_type = typed.starts_with(|c: char| c.is_ascii_uppercase())
        && typed.bytes().all(|c| c.is_ascii_alphabetic());
    match known {
        Some((kind, ..)) => Some((*kind).to_owned()),
        None => spelled_like_a_type.then(|| typed.to_owned()),
    }
}

/// The document category of Mon espace santé a person means.
pub fn document_category_of(typed: &str) -> Option<&'static str> {
    let known = DOCUMENT_CATEGORIES
        .iter()
        .find(|(code, _)| code.eq_ignore_ascii_case(typed));
    known.map(|(code, _)| *code)
}

/// Lower case, no accents, no plural: enough to compare one word a person typed with the tables above.
fn fold(word: &str) -> String {
    let lower = word.to_lowercase();
    let plain: String = lower.chars().map(plain_letter).collect();
    let singular = match plain.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None => plain.trim_end_matches('s').to_owned(),
    };
    // "allergie(s)" and "allergy(ies)" are one word here.
    match singular.strip_suffix("ie") {
        Some(stem) => format!("{stem}y"),
        None => singular,
    }
}

fn plain_letter(letter: char) -> char {
    match letter {
        'à' | 'â' | 'ä' => 'a',
        'é' | 'è' | 'ê' | 'ë' => 'e',
        'î' | 'ï' => 'i',
        'ô' | 'ö' => 'o',
        'ù' | 'û' | 'ü' => 'u',
        'ç' => 'c',
        other => other,
    }
}

/// Every text here.
#[cfg(test)]
pub fn texts() -> Vec<(String, Text)> {
    let kinds = KINDS
        .iter()
        .map(|(kind, text, _)| ((*kind).to_owned(), *text));
    let tables = [CATEGORIES, DOCUMENT_CATEGORIES, STATUSES];
    let named = tables.into_iter().flatten();
    kinds
        .chain(named.map(|(name, text)| ((*name).to_owned(), *text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_name_kinds_in_their_own_words() {
        for typed in [
            "AllergyIntolerance",
            "allergyintolerance",
            "allergies",
            "Allergie",
            "allergy",
            "INTOLÉRANCES",
        ] {
            assert_eq!(
                kind_of(typed).as_deref(),
                Some("AllergyIntolerance"),
                "{typed}"
            );
        }
        for typed in ["traitements", "treatment", "Ordonnances", "prescription"] {
            assert_eq!(
                kind_of(typed).as_deref(),
                Some("MedicationRequest"),
                "{typed}"
            );
        }
        assert_eq!(kind_of("Problèmes").as_deref(), Some("Condition"));
        assert_eq!(kind_of("diagnosis").as_deref(), Some("Condition"));
        assert_eq!(kind_of("vaccins").as_deref(), Some("Immunization"));
        assert_eq!(kind_of("résultats").as_deref(), Some("Observation"));
    }

    #[test]
    fn an_unknown_fhir_type_passes_and_a_misspelt_word_does_not() {
        assert_eq!(kind_of("NutritionOrder").as_deref(), Some("NutritionOrder"));
        assert_eq!(kind_of("alergies"), None);
        assert_eq!(kind_of("Not a type"), None);
        assert_eq!(kind_of(""), None);
    }

    #[test]
    fn every_category_of_the_engine_has_a_name() {
        for category_value in carnet::record::row::Category::ALL {
            let name = category_value.name();
            assert!(CATEGORIES.iter().any(|(known, _)| *known == name), "{name}");
        }
    }

    #[test]
    fn no_word_names_two_kinds() {
        let mut seen = std::collections::BTreeMap::new();
        for (kind, text, aliases) in KINDS {
            let words = [fold(kind), fold(text.fr), fold(text.en)];
            let aliases = aliases.iter().map(|alias| fold(alias));
            for word in words.into_iter().chain(aliases) {
                let other = seen.insert(word.clone(), *kind);
                assert!(
                    other.is_none_or(|other| other == *kind),
                    "{word}: {kind} and {other:?}"
                );
            }
        }
    }

    #[test]
    fn codes_without_a_name_stay_as_they_are() {
        assert_eq!(kind("NutritionOrder", Language::Fr), "NutritionOrder");
        assert_eq!(status("weird", Language::Fr), "weird");
        assert_eq!(status("final", Language::Fr), "définitif");
        assert_eq!(document_category_of("biologie"), Some("BIOLOGIE"));
        assert_eq!(document_category_of("bio"), None);
    }
}
