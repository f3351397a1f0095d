//! What people call the LOINC codes that matter, by family. Each table is sorted by code as text.
//!
//! The names are ours, in words patients use: not LOINC's long names, nor any terminology's translations. The codes are
//! LOINC's, which asks for this notice: "This material contains content from LOINC (<http://loinc.org>). LOINC is copyright ©
//! Regenstrief Institute, Inc. and the LOINC Committee and is available at no cost under the license at
//! <http://loinc.org/license>."

use super::{Names, names};

/// What people call a LOINC code.
pub(super) fn loinc_names(code: &str) -> Option<Names> {
    let families: [&[(&str, Names)]; 4] = [&LABORATORY, &VITAL_SIGNS, &SECTIONS, &DOCUMENTS];
    families.into_iter().find_map(|family| {
        let at = family
            .binary_search_by(|(other, _)| (*other).cmp(code))
            .ok()?;
        family.get(at).map(|(_, names)| *names)
    })
}

/// Types of documents.
const DOCUMENTS: [(&str, Names); 21] = [
    (
        "11369-6",
        names("Carnet de vaccination", "Immunization record"),
    ),
    (
        "11488-4",
        names("Compte rendu de consultation", "Consultation report"),
    ),
    (
        "11490-0",
        names("Lettre de liaison à la sortie", "Discharge letter"),
    ),
    (
        "11502-2",
        names("Compte rendu de biologie", "Laboratory report"),
    ),
    (
        "11504-8",
        names("Compte rendu opératoire", "Surgical report"),
    ),
    ("11506-3", names("Note d’évolution", "Progress note")),
    ("18726-0", names("Imagerie", "Imaging studies")),
    (
        "18748-4",
        names("Compte rendu d’imagerie", "Imaging report"),
    ),
    (
        "18761-7",
        names("Lettre de liaison (transfert)", "Transfer summary"),
    ),
    (
        "18842-5",
        names("Compte rendu de sortie", "Discharge report"),
    ),
    ("28570-0", names("Compte rendu d’acte", "Procedure note")),
    (
        "29274-8",
        names("Mesures de signes vitaux", "Vital sign measurements"),
    ),
    (
        "34105-7",
        names(
            "Compte rendu d’hospitalisation",
            "Hospital discharge report",
        ),
    ),
    (
        "34117-2",
        names(
            "Anamnèse et examen clinique",
            "History and physical examination",
        ),
    ),
    ("34133-9", names("Synthèse médicale", "Medical summary")),
    ("57133-1", names("Lettre d’adressage", "Referral letter")),
    (
        "57833-6",
        names("Prescription de médicaments", "Medicine prescription"),
    ),
    (
        "60591-5",
        names("Synthèse médicale (patient summary)", "Patient summary"),
    ),
    (
        "60593-1",
        names("Dispensation de médicaments", "Medicine dispensation"),
    ),
    (
        "74207-2",
        names("Dossier de liaison d’urgence", "Emergency transfer record"),
    ),
    ("87273-9", names("Note de vaccination", "Immunization note")),
];

/// Sections of documents, and questions that belong to one.
const SECTIONS: [(&str, Names); 53] = [
    ("10154-3", names("Motif de consultation", "Chief complaint")),
    ("10157-6", names("Antécédents familiaux", "Family history")),
    ("10160-0", names("Médicaments", "Medicines")),
    (
        "10161-8",
        names("Facteurs de risque professionnels", "Occupational risks"),
    ),
    (
        "10162-6",
        names("Historique des grossesses", "Pregnancy history"),
    ),
    (
        "10164-2",
        names("Histoire de la maladie", "History of present illness"),
    ),
    (
        "10183-2",
        names("Traitement à la sortie", "Medicines at discharge"),
    ),
    ("10187-3", names("Revue des appareils", "Review of systems")),
    ("10190-7", names("État mental", "Mental status")),
    ("10210-3", names("État général", "General status")),
    ("11329-0", names("Antécédents", "History")),
    (
        "11348-0",
        names("Antécédents médicaux", "Past medical history"),
    ),
    ("11450-4", names("Problèmes de santé", "Health problems")),
    (
        "11493-4",
        names("Examens pendant le séjour", "Studies during the stay"),
    ),
    (
        "11535-2",
        names("Diagnostic de sortie", "Discharge diagnosis"),
    ),
    (
        "18610-6",
        names("Médicaments administrés", "Medicines given"),
    ),
    ("18776-5", names("Plan de soins", "Plan of care")),
    (
        "18841-7",
        names("Avis pendant le séjour", "Consultations during the stay"),
    ),
    ("29299-5", names("Motif de la visite", "Reason for visit")),
    ("29545-1", names("Examen physique", "Physical examination")),
    (
        "29549-3",
        names("Médicaments administrés", "Medicines given"),
    ),
    ("29554-3", names("Actes", "Procedures")),
    ("29762-2", names("Mode de vie", "Social history")),
    ("30954-2", names("Résultats", "Results")),
    (
        "42346-7",
        names("Traitement à l’admission", "Medicines on admission"),
    ),
    (
        "42348-3",
        names("Directives anticipées", "Advance directives"),
    ),
    (
        "42349-1",
        names("Motif d’orientation", "Reason for referral"),
    ),
    ("46239-0", names("Motif de la visite", "Reason for visit")),
    (
        "46240-8",
        names("Consultations et séjours", "Visits and stays"),
    ),
    (
        "46241-6",
        names("Diagnostic à l’admission", "Admission diagnosis"),
    ),
    ("46264-8", names("Dispositifs médicaux", "Medical devices")),
    ("47420-5", names("État fonctionnel", "Functional status")),
    ("47519-4", names("Actes et interventions", "Procedures")),
    (
        "48765-2",
        names("Allergies et intolérances", "Allergies and intolerances"),
    ),
    ("48767-8", names("Commentaire", "Comment")),
    (
        "48768-6",
        names("Prise en charge financière", "Payment sources"),
    ),
    (
        "51847-2",
        names("Évaluation et plan", "Assessment and plan"),
    ),
    ("51848-0", names("Évaluation", "Assessment")),
    ("55109-3", names("Complications", "Complications")),
    ("57828-6", names("Prescriptions", "Prescriptions")),
    (
        "59768-2",
        names("Indications de l’acte", "Reasons for the procedure"),
    ),
    (
        "60590-7",
        names("Médicaments délivrés", "Medicines dispensed"),
    ),
    ("61146-7", names("Objectifs", "Goals")),
    ("61149-1", names("Constatations", "Findings")),
    (
        "61150-9",
        names("Plaintes du patient", "Patient’s complaints"),
    ),
    ("62387-6", names("Interventions", "Interventions")),
    ("69730-0", names("Consignes", "Instructions")),
    ("72166-2", names("Tabagisme", "Smoking status")),
    (
        "75310-3",
        names("Préoccupations de santé", "Health concerns"),
    ),
    ("85847-2", names("Équipe de soins", "Care team")),
    (
        "8648-8",
        names("Évolution pendant le séjour", "Hospital course"),
    ),
    (
        "8653-8",
        names("Consignes de sortie", "Discharge instructions"),
    ),
    ("8716-3", names("Signes vitaux", "Vital signs")),
];

/// Vital signs and what is measured at home.
const VITAL_SIGNS: [(&str, Names); 30] = [
    (
        "2708-6",
        names(
            "Saturation en oxygène (sang artériel)",
            "Oxygen saturation (arterial blood)",
        ),
    ),
    (
        "2710-2",
        names(
            "Saturation en oxygène (oxymètre)",
            "Oxygen saturation (oximeter)",
        ),
    ),
    ("29463-7", names("Poids", "Body weight")),
    (
        "3137-7",
        names("Taille (mesurée)", "Body height (measured)"),
    ),
    ("3140-1", names("Surface corporelle", "Body surface area")),
    ("3141-9", names("Poids", "Body weight")),
    ("3150-0", names("Oxygène inspiré", "Inhaled oxygen")),
    (
        "39156-5",
        names("Indice de masse corporelle (IMC)", "Body mass index (BMI)"),
    ),
    ("41950-7", names("Pas par jour", "Steps per day")),
    ("41982-0", names("Masse grasse", "Body fat")),
    ("55284-4", names("Pression artérielle", "Blood pressure")),
    ("55423-8", names("Nombre de pas", "Step count")),
    (
        "59408-5",
        names("Saturation en oxygène", "Oxygen saturation"),
    ),
    ("59576-9", names("IMC (percentile)", "BMI percentile")),
    ("72514-3", names("Intensité de la douleur", "Pain severity")),
    (
        "77606-2",
        names(
            "Rapport poids/taille (percentile)",
            "Weight-for-length percentile",
        ),
    ),
    ("80404-7", names("Intervalle RR", "RR interval")),
    ("8280-0", names("Tour de taille", "Waist circumference")),
    ("8287-5", names("Périmètre crânien", "Head circumference")),
    ("8302-2", names("Taille", "Body height")),
    ("8306-3", names("Taille (couché)", "Body length")),
    (
        "8310-5",
        names("Température corporelle", "Body temperature"),
    ),
    (
        "8462-4",
        names(
            "Pression artérielle diastolique",
            "Diastolic blood pressure",
        ),
    ),
    (
        "8478-0",
        names("Pression artérielle moyenne", "Mean blood pressure"),
    ),
    (
        "8480-6",
        names("Pression artérielle systolique", "Systolic blood pressure"),
    ),
    ("85353-1", names("Signes vitaux", "Vital signs")),
    ("85354-9", names("Pression artérielle", "Blood pressure")),
    ("8867-4", names("Fréquence cardiaque", "Heart rate")),
    (
        "9279-1",
        names("Fréquence respiratoire", "Respiratory rate"),
    ),
    ("9843-4", names("Périmètre crânien", "Head circumference")),
];

/// Common laboratory results, panels and chapters.
const LABORATORY: [(&str, Names); 126] = [
    ("10331-7", names("Rhésus", "Rh group")),
    ("10839-9", names("Troponine I", "Troponin I")),
    (
        "13457-7",
        names("Cholestérol LDL (calculé)", "LDL cholesterol (calculated)"),
    ),
    (
        "13955-0",
        names("Anticorps anti-VHC", "Hepatitis C antibodies"),
    ),
    ("14646-4", names("Cholestérol HDL", "HDL cholesterol")),
    ("14647-2", names("Cholestérol total", "Total cholesterol")),
    ("14682-9", names("Créatinine", "Creatinine")),
    (
        "14743-9",
        names("Glycémie capillaire", "Capillary blood glucose"),
    ),
    ("14749-6", names("Glycémie", "Glucose")),
    ("14771-0", names("Glycémie à jeun", "Fasting glucose")),
    ("14798-3", names("Fer", "Iron")),
    ("14927-8", names("Triglycérides", "Triglycerides")),
    ("14933-6", names("Acide urique", "Uric acid")),
    (
        "14959-1",
        names("Albumine/créatinine (urine)", "Albumin/creatinine (urine)"),
    ),
    ("15074-8", names("Glycémie", "Glucose")),
    ("1558-6", names("Glycémie à jeun", "Fasting glucose")),
    ("1742-6", names("ALAT (TGP)", "ALT")),
    ("1743-4", names("ALAT (TGP)", "ALT")),
    ("1751-7", names("Albumine", "Albumin")),
    (
        "17856-6",
        names("Hémoglobine glyquée (HbA1c)", "Haemoglobin A1c (HbA1c)"),
    ),
    ("17861-6", names("Calcium", "Calcium")),
    ("18262-6", names("Cholestérol LDL", "LDL cholesterol")),
    ("1834-1", names("Alpha-fœtoprotéine", "Alpha-fetoprotein")),
    ("18719-5", names("Biochimie", "Chemistry")),
    ("18720-3", names("Hémostase", "Coagulation")),
    ("18723-7", names("Hématologie", "Haematology")),
    ("18725-2", names("Microbiologie", "Microbiology")),
    ("18727-8", names("Sérologie", "Serology")),
    ("19123-9", names("Magnésium", "Magnesium")),
    ("1920-8", names("ASAT (TGO)", "AST")),
    ("1975-2", names("Bilirubine totale", "Total bilirubin")),
    (
        "1988-5",
        names("Protéine C réactive (CRP)", "C-reactive protein (CRP)"),
    ),
    (
        "1989-3",
        names("Vitamine D (25-OH-D3)", "Vitamin D (25-OH-D3)"),
    ),
    ("2000-8", names("Calcium", "Calcium")),
    ("2028-9", names("CO₂ total", "Total CO₂")),
    (
        "2039-6",
        names(
            "Antigène carcinoembryonnaire (ACE)",
            "Carcinoembryonic antigen (CEA)",
        ),
    ),
    ("20565-8", names("CO₂ total", "Total CO₂")),
    ("20570-8", names("Hématocrite", "Haematocrit")),
    ("2069-3", names("Chlorure", "Chloride")),
    ("2075-0", names("Chlorure", "Chloride")),
    ("2085-9", names("Cholestérol HDL", "HDL cholesterol")),
    ("2089-1", names("Cholestérol LDL", "LDL cholesterol")),
    ("2093-3", names("Cholestérol total", "Total cholesterol")),
    (
        "21000-5",
        names(
            "Indice de distribution des globules rouges",
            "Red cell distribution width",
        ),
    ),
    ("2132-9", names("Vitamine B12", "Vitamin B12")),
    ("2160-0", names("Créatinine", "Creatinine")),
    ("22664-7", names("Urée", "Urea")),
    ("22748-8", names("Cholestérol LDL", "LDL cholesterol")),
    ("2276-4", names("Ferritine", "Ferritin")),
    ("2284-8", names("Folates", "Folate")),
    ("2324-2", names("Gamma-GT", "Gamma-GT")),
    ("2339-0", names("Glycémie", "Glucose")),
    ("2345-7", names("Glycémie", "Glucose")),
    (
        "24323-8",
        names("Bilan métabolique complet", "Comprehensive metabolic panel"),
    ),
    ("24331-1", names("Bilan lipidique", "Lipid panel")),
    ("2498-4", names("Fer", "Iron")),
    ("2571-8", names("Triglycérides", "Triglycerides")),
    ("2601-3", names("Magnésium", "Magnesium")),
    (
        "26436-6",
        names("Analyses de laboratoire", "Laboratory studies"),
    ),
    ("26444-0", names("Basophiles", "Basophils")),
    ("26449-9", names("Éosinophiles", "Eosinophils")),
    ("26453-1", names("Globules rouges", "Red blood cells")),
    ("26464-8", names("Leucocytes", "White blood cells")),
    ("26474-7", names("Lymphocytes", "Lymphocytes")),
    ("26484-6", names("Monocytes", "Monocytes")),
    ("26499-4", names("Neutrophiles", "Neutrophils")),
    ("26515-7", names("Plaquettes", "Platelets")),
    ("2777-1", names("Phosphate", "Phosphate")),
    ("2823-3", names("Potassium", "Potassium")),
    ("2857-1", names("PSA", "PSA")),
    ("2885-2", names("Protéines totales", "Total protein")),
    ("2947-0", names("Sodium", "Sodium")),
    ("2951-2", names("Sodium", "Sodium")),
    ("3016-3", names("TSH", "TSH")),
    ("30239-8", names("ASAT (TGO)", "AST")),
    ("3024-7", names("T4 libre", "Free T4")),
    (
        "30341-2",
        names("Vitesse de sédimentation", "Sedimentation rate"),
    ),
    ("3051-0", names("T3 libre", "Free T3")),
    ("3084-1", names("Acide urique", "Uric acid")),
    ("3091-6", names("Urée", "Urea")),
    ("30934-4", names("BNP", "BNP")),
    (
        "3094-0",
        names("Urée (azote uréique)", "Urea nitrogen (BUN)"),
    ),
    (
        "3173-2",
        names(
            "Temps de céphaline activée (TCA)",
            "Activated partial thromboplastin time (aPTT)",
        ),
    ),
    (
        "32016-8",
        names("Glycémie capillaire", "Capillary blood glucose"),
    ),
    ("3255-7", names("Fibrinogène", "Fibrinogen")),
    (
        "32623-1",
        names("Volume plaquettaire moyen", "Mean platelet volume"),
    ),
    ("33762-6", names("NT-proBNP", "NT-proBNP")),
    (
        "33914-3",
        names(
            "Débit de filtration glomérulaire estimé",
            "Estimated glomerular filtration rate",
        ),
    ),
    (
        "39469-2",
        names("Cholestérol LDL (calculé)", "LDL cholesterol (calculated)"),
    ),
    ("40193-5", names("Glycémie", "Glucose")),
    (
        "41653-7",
        names("Glycémie capillaire", "Capillary blood glucose"),
    ),
    (
        "4537-7",
        names("Vitesse de sédimentation", "Sedimentation rate"),
    ),
    ("4544-3", names("Hématocrite", "Haematocrit")),
    (
        "4548-4",
        names("Hémoglobine glyquée (HbA1c)", "Haemoglobin A1c (HbA1c)"),
    ),
    ("48065-7", names("D-dimères", "D-dimer")),
    (
        "5195-3",
        names("Antigène HBs", "Hepatitis B surface antigen"),
    ),
    (
        "51990-0",
        names("Bilan métabolique de base", "Basic metabolic panel"),
    ),
    ("53049-3", names("Glycémie", "Glucose")),
    ("56888-1", names("Sérologie VIH", "HIV serology")),
    ("57698-3", names("Bilan lipidique", "Lipid panel")),
    (
        "58410-2",
        names("Numération formule sanguine (NFS)", "Complete blood count"),
    ),
    ("5902-2", names("Temps de Quick", "Prothrombin time")),
    (
        "59261-8",
        names("Hémoglobine glyquée (HbA1c)", "Haemoglobin A1c (HbA1c)"),
    ),
    (
        "62238-1",
        names(
            "Débit de filtration glomérulaire estimé",
            "Estimated glomerular filtration rate",
        ),
    ),
    ("62292-8", names("Vitamine D", "Vitamin D")),
    ("6298-4", names("Potassium", "Potassium")),
    ("6301-6", names("INR", "INR")),
    ("6690-2", names("Leucocytes", "White blood cells")),
    (
        "6768-6",
        names("Phosphatases alcalines", "Alkaline phosphatase"),
    ),
    ("704-7", names("Basophiles", "Basophils")),
    ("711-2", names("Éosinophiles", "Eosinophils")),
    ("718-7", names("Hémoglobine", "Haemoglobin")),
    ("731-0", names("Lymphocytes", "Lymphocytes")),
    ("742-7", names("Monocytes", "Monocytes")),
    ("751-8", names("Neutrophiles", "Neutrophils")),
    ("777-3", names("Plaquettes", "Platelets")),
    ("785-6", names("TCMH", "Mean corpuscular haemoglobin (MCH)")),
    (
        "786-4",
        names("CCMH", "Mean corpuscular haemoglobin concentration (MCHC)"),
    ),
    (
        "787-2",
        names(
            "Volume globulaire moyen (VGM)",
            "Mean corpuscular volume (MCV)",
        ),
    ),
    (
        "788-0",
        names(
            "Indice de distribution des globules rouges",
            "Red cell distribution width",
        ),
    ),
    ("789-8", names("Globules rouges", "Red blood cells")),
    ("883-9", names("Groupe sanguin ABO", "ABO blood group")),
    ("94500-6", names("SARS-CoV-2 (PCR)", "SARS-CoV-2 (PCR)")),
    (
        "94558-4",
        names("SARS-CoV-2 (antigène)", "SARS-CoV-2 (antigen)"),
    ),
    (
        "98979-8",
        names(
            "Débit de filtration glomérulaire estimé",
            "Estimated glomerular filtration rate",
        ),
    ),
    (
        "99504-3",
        names("Glucose interstitiel", "Interstitial glucose"),
    ),
];

#[cfg(test)]
mod tests {
    use super::super::super::check_digits::is_loinc;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn tables_are_sorted_and_every_code_is_one_of_loinc_once() {
        let families: [&[(&str, Names)]; 4] = [&LABORATORY, &VITAL_SIGNS, &SECTIONS, &DOCUMENTS];
        let mut seen = BTreeSet::new();
        for family in families {
            assert!(family.is_sorted_by(|left, right| left.0 < right.0));
            for (code, names) in family {
                assert!(is_loinc(code), "{code}");
                assert!(seen.insert(*code), "{code}");
                assert!(!names.fr.is_empty() && !names.en.is_empty(), "{code}");
                assert_eq!(loinc_names(code), Some(*names));
            }
        }
    }
}
