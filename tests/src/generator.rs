//! A long record, made up: FHIR R4 resources one a line, in the mix, languages and lengths of what French and English systems
//! hand out, the same for the same seed. Nothing here describes a person.

use crate::dice::Dice;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A thing measured: LOINC code, English name, French name, low, high, decimals, unit.
type Measured = (
    &'static str,
    &'static str,
    &'static str,
    i64,
    i64,
    u32,
    &'static str,
);

const LABORATORY: &[Measured] = &[
    (
        "2345-7",
        "Glucose [Mass/volume] in Serum or Plasma",
        "Glucose [Masse/Volume] Sérum/Plasma",
        60,
        180,
        0,
        "mg/dL",
    ),
    (
        "2160-0",
        "Creatinine [Mass/volume] in Serum or Plasma",
        "Créatinine [Masse/Volume] Sérum/Plasma",
        50,
        180,
        2,
        "mg/dL",
    ),
    (
        "4548-4",
        "Hemoglobin A1c/Hemoglobin.total in Blood",
        "Hémoglobine A1c/Hémoglobine totale Sang",
        45,
        110,
        1,
        "%",
    ),
    (
        "718-7",
        "Hemoglobin [Mass/volume] in Blood",
        "Hémoglobine [Masse/Volume] Sang",
        90,
        175,
        1,
        "g/dL",
    ),
    (
        "6690-2",
        "Leukocytes [#/volume] in Blood by Automated count",
        "Leucocytes [Nombre/Volume] Sang",
        30,
        130,
        1,
        "10*3/uL",
    ),
    (
        "777-3",
        "Platelets [#/volume] in Blood by Automated count",
        "Plaquettes [Nombre/Volume] Sang",
        120,
        450,
        0,
        "10*3/uL",
    ),
    (
        "2951-2",
        "Sodium [Moles/volume] in Serum or Plasma",
        "Sodium [Moles/Volume] Sérum/Plasma",
        130,
        150,
        0,
        "mmol/L",
    ),
    (
        "2823-3",
        "Potassium [Moles/volume] in Serum or Plasma",
        "Potassium [Moles/Volume] Sérum/Plasma",
        32,
        56,
        1,
        "mmol/L",
    ),
    (
        "2093-3",
        "Cholesterol [Mass/volume] in Serum or Plasma",
        "Cholestérol [Masse/Volume] Sérum/Plasma",
        120,
        300,
        0,
        "mg/dL",
    ),
    (
        "1988-5",
        "C reactive protein [Mass/volume] in Serum or Plasma",
        "Protéine C réactive [Masse/Volume] Sérum/Plasma",
        1,
        1200,
        1,
        "mg/L",
    ),
    (
        "3016-3",
        "Thyrotropin [Units/volume] in Serum or Plasma",
        "Thyréotropine [Unités/Volume] Sérum/Plasma",
        20,
        600,
        2,
        "mU/L",
    ),
    (
        "1742-6",
        "Alanine aminotransferase [Enzymatic activity/volume]",
        "Alanine aminotransférase [Activité enzymatique/Volume]",
        8,
        120,
        0,
        "U/L",
    ),
];

const VITALS: &[Measured] = &[
    (
        "8867-4",
        "Heart rate",
        "Fréquence cardiaque",
        45,
        140,
        0,
        "/min",
    ),
    (
        "29463-7",
        "Body weight",
        "Poids corporel",
        450,
        1200,
        1,
        "kg",
    ),
    ("8302-2", "Body height", "Taille", 1450, 1990, 1, "cm"),
    (
        "8310-5",
        "Body temperature",
        "Température corporelle",
        355,
        405,
        1,
        "Cel",
    ),
    (
        "2708-6",
        "Oxygen saturation in Arterial blood",
        "Saturation en oxygène",
        88,
        100,
        0,
        "%",
    ),
    (
        "39156-5",
        "Body mass index (BMI) [Ratio]",
        "Indice de masse corporelle",
        170,
        400,
        1,
        "kg/m2",
    ),
];

/// Code, English, French.
type Named = (&'static str, &'static str, &'static str);

const CONDITIONS: &[Named] = &[
    (
        "44054006",
        "Diabetes mellitus type 2 (disorder)",
        "Diabète de type 2",
    ),
    (
        "59621000",
        "Essential hypertension (disorder)",
        "Hypertension artérielle essentielle",
    ),
    (
        "195662009",
        "Acute viral pharyngitis (disorder)",
        "Pharyngite virale aiguë",
    ),
    ("195967001", "Asthma (disorder)", "Asthme"),
    ("73211009", "Diabetes mellitus (disorder)", "Diabète sucré"),
    (
        "40055000",
        "Chronic sinusitis (disorder)",
        "Sinusite chronique",
    ),
    ("271737000", "Anemia (disorder)", "Anémie de l'adulte"),
    (
        "53741008",
        "Coronary arteriosclerosis (disorder)",
        "Athérosclérose coronaire",
    ),
];

const MEDICINES: &[Named] = &[
    (
        "860975",
        "24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet",
        "METFORMINE 500 mg, comprimé pelliculé",
    ),
    (
        "314076",
        "lisinopril 10 MG Oral Tablet",
        "LISINOPRIL 10 mg, comprimé sécable",
    ),
    (
        "313782",
        "acetaminophen 325 MG Oral Tablet",
        "PARACÉTAMOL 500 mg, gélule",
    ),
    (
        "308136",
        "amlodipine 2.5 MG Oral Tablet",
        "AMLODIPINE 5 mg, gélule",
    ),
    (
        "259255",
        "atorvastatin 80 MG Oral Tablet",
        "ATORVASTATINE 40 mg, comprimé",
    ),
    (
        "895994",
        "120 ACTUAT fluticasone propionate 0.044 MG/ACTUAT Metered Dose Inhaler",
        "FLUTICASONE 125 µg, suspension pour inhalation",
    ),
];

const VACCINES: &[Named] = &[
    (
        "140",
        "Influenza, seasonal, injectable, preservative free",
        "Vaccin contre la grippe saisonnière",
    ),
    (
        "113",
        "Td (adult) preservative free",
        "Vaccin diphtérie, tétanos, poliomyélite",
    ),
    (
        "08",
        "Hep B, adolescent or pediatric",
        "Vaccin contre l'hépatite B",
    ),
    (
        "208",
        "SARS-COV-2 (COVID-19) vaccine, mRNA",
        "Vaccin à ARN messager contre la COVID-19",
    ),
];

const PROCEDURES: &[Named] = &[
    (
        "430193006",
        "Medication Reconciliation (procedure)",
        "Conciliation médicamenteuse",
    ),
    ("73761001", "Colonoscopy (procedure)", "Coloscopie"),
    (
        "399208008",
        "Plain chest X-ray (procedure)",
        "Radiographie du thorax",
    ),
    (
        "80146002",
        "Excision of appendix (procedure)",
        "Appendicectomie",
    ),
];

const WORDS: &[&str] = &[
    "patient",
    "suivi",
    "stable",
    "follow-up",
    "sans",
    "fièvre",
    "contrôle",
    "à",
    "trois",
    "mois",
    "douleur",
    "blood",
    "pressure",
    "improved",
    "traitement",
    "poursuivi",
    "l'évolution",
    "est",
    "favorable",
    "no",
    "adverse",
    "reaction",
    "œdème",
    "discret",
    "consultation",
    "d'urgence",
    "examen",
    "normal",
    "review",
    "advised",
    "repos",
    "hydratation",
    "antécédents",
    "familiaux",
];

const PRACTITIONERS: &[&str] = &[
    "Dr Claire Besnard",
    "Dr Tom Whitaker",
    "Dr Nadia Benali",
    "Dr Yann Le Goff",
    "Dr Priya Nair",
];

/// Writes `count` resources into a file, one a line.
pub fn write_record_file(file: &Path, count: u64, seed: u64) {
    let mut out = BufWriter::new(File::create(file).expect("a file to write"));
    write_record(&mut out, count, seed).expect("a record");
    out.flush().expect("the file");
}

/// Writes `count` resources, one a line.
pub fn write_record(out: &mut impl Write, count: u64, seed: u64) -> io::Result<()> {
    let mut maker = Maker {
        dice: Dice::new(seed),
        number: 0,
    };
    for number in 0..count {
        maker.number = number;
        let resource = maker.resource();
        writeln!(out, "{resource}")?;
    }
    Ok(())
}

struct Maker {
    dice: Dice,
    number: u64,
}

impl Maker {
    /// Of 1,000 resources, 620 are measurements; the rest as in bulk exports.
    fn resource(&mut self) -> String {
        if self.number == 0 {
            return PATIENT.to_owned();
        }
        match self.dice.below(1_000) {
            0..380 => self.laboratory(),
            380..620 => self.vital(),
            620..670 => self.condition(),
            670..760 => self.prescription(),
            760..795 => self.immunization(),
            795..875 => self.encounter(),
            875..930 => self.procedure(),
            930..970 => self.report(),
            970..992 => self.document(),
            _ => self.allergy(),
        }
    }

    fn head(&mut self, kind: &str) -> String {
        let id = self.uuid();
        let updated = self.moment();
        let version = 1 + self.dice.below(3);
        format!(
            r#"{{"resourceType":"{kind}","id":"{id}","meta":{{"versionId":"{version}","lastUpdated":"{updated}","profile":["http://hl7.org/fhir/us/core/StructureDefinition/us-core-{}"]}},"identifier":[{{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"{:010}"}}]"#,
            kind.to_ascii_lowercase(),
            self.number
        )
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.dice.throw(), self.dice.throw());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    fn day(&mut self) -> String {
        let (year, month, day) = (
            self.dice.between(1998, 2025),
            self.dice.between(1, 12),
            self.dice.between(1, 28),
        );
        format!("{year:04}-{month:02}-{day:02}")
    }

    fn moment(&mut self) -> String {
        let day = self.day();
        let (hour, minute, second) = (
            self.dice.below(24),
            self.dice.below(60),
            self.dice.below(60),
        );
        let offset = self.dice.pick(&["+01:00", "+02:00", "Z", "-05:00"]);
        format!("{day}T{hour:02}:{minute:02}:{second:02}{offset}")
    }

    fn text(&mut self, words: u64) -> String {
        let chosen: Vec<&str> = (0..words).map(|_| *self.dice.pick(WORDS)).collect();
        chosen.join(" ")
    }

    fn coding(&mut self, system: &str, named: &Named) -> String {
        let (code, english, french) = named;
        let display = if self.dice.chance(50) {
            english
        } else {
            french
        };
        format!(
            r#"{{"coding":[{{"system":"{system}","code":"{code}","display":"{display}"}}],"text":"{display}"}}"#
        )
    }

    fn subject(&self) -> &'static str {
        r#""subject":{"reference":"Patient/patient-1"}"#
    }

    fn encounter_reference(&mut self) -> String {
        let id = self.uuid();
        format!(r#""encounter":{{"reference":"Encounter/{id}"}}"#)
    }

    fn performer(&mut self) -> String {
        let number = self.dice.below(PRACTITIONERS.len() as u64);
        let name = PRACTITIONERS[number as usize];
        format!(r#""performer":[{{"reference":"Practitioner/{number}","display":"{name}"}}]"#)
    }

    fn quantity(&mut self, measured: &Measured) -> String {
        let (_, _, _, low, high, decimals, unit) = *measured;
        let number = self.dice.between(low, high);
        let scale = 10_i64.pow(decimals);
        let value = match decimals {
            0 => number.to_string(),
            _ => format!(
                "{}.{:0width$}",
                number / scale,
                number % scale,
                width = decimals as usize
            ),
        };
        let comparator = if self.dice.chance(3) {
            r#""comparator":"<","#
        } else {
            ""
        };
        format!(
            r#"{{"value":{value},{comparator}"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}}"#
        )
    }

    fn observation(&mut self, category: &str, measured: &Measured, more: &str) -> String {
        let head = self.head("Observation");
        let code = self.coding("http://loinc.org", &(measured.0, measured.1, measured.2));
        let (when, issued) = (self.moment(), self.moment());
        let (encounter, performer, value) = (
            self.encounter_reference(),
            self.performer(),
            self.quantity(measured),
        );
        let subject = self.subject();
        format!(
            r#"{head},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"{category}","display":"{category}"}}]}}],"code":{code},{subject},{encounter},"effectiveDateTime":"{when}","issued":"{issued}",{performer},"valueQuantity":{value}{more}}}"#
        )
    }

    fn laboratory(&mut self) -> String {
        let measured = *self.dice.pick(LABORATORY);
        let mut more = format!(
            r#","referenceRange":[{{"low":{{"value":{},"unit":"{unit}"}},"high":{{"value":{},"unit":"{unit}"}},"text":"intervalle de référence"}}]"#,
            measured.3,
            measured.4,
            unit = measured.6
        );
        if self.dice.chance(15) {
            let note = self.text(18);
            more.push_str(&format!(r#","note":[{{"text":"{note}"}}]"#));
        }
        self.observation("laboratory", &measured, &more)
    }

    fn vital(&mut self) -> String {
        let measured = *self.dice.pick(VITALS);
        self.observation("vital-signs", &measured, "")
    }

    fn condition(&mut self) -> String {
        let head = self.head("Condition");
        let named = *self.dice.pick(CONDITIONS);
        let code = self.coding("http://snomed.info/sct", &named);
        let (onset, recorded, encounter, note) = (
            self.day(),
            self.day(),
            self.encounter_reference(),
            self.text(24),
        );
        let subject = self.subject();
        format!(
            r#"{head},"clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}},"verificationStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-ver-status","code":"confirmed"}}]}},"category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-category","code":"encounter-diagnosis"}}]}}],"code":{code},{subject},{encounter},"onsetDateTime":"{onset}","recordedDate":"{recorded}","note":[{{"text":"{note}"}}]}}"#
        )
    }

    fn prescription(&mut self) -> String {
        let head = self.head("MedicationRequest");
        let named = *self.dice.pick(MEDICINES);
        let code = self.coding("http://www.nlm.nih.gov/research/umls/rxnorm", &named);
        let (when, encounter, dosage, reason) = (
            self.moment(),
            self.encounter_reference(),
            self.text(14),
            self.uuid(),
        );
        let subject = self.subject();
        let (times, quantity) = (1 + self.dice.below(3), self.dice.pick(&["0.5", "1.0", "2"]));
        format!(
            r#"{head},"status":"active","intent":"order","medicationCodeableConcept":{code},{subject},{encounter},"authoredOn":"{when}","requester":{{"reference":"Practitioner/1","display":"Dr Tom Whitaker"}},"reasonReference":[{{"reference":"Condition/{reason}"}}],"dosageInstruction":[{{"sequence":1,"text":"{dosage}","timing":{{"repeat":{{"frequency":{times},"period":1.0,"periodUnit":"d"}}}},"asNeededBoolean":false,"doseAndRate":[{{"type":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/dose-rate-type","code":"ordered","display":"Ordered"}}]}},"doseQuantity":{{"value":{quantity}}}}}]}}],"dispenseRequest":{{"numberOfRepeatsAllowed":3,"expectedSupplyDuration":{{"value":30,"unit":"days"}}}}}}"#
        )
    }

    fn immunization(&mut self) -> String {
        let head = self.head("Immunization");
        let named = *self.dice.pick(VACCINES);
        let code = self.coding("http://hl7.org/fhir/sid/cvx", &named);
        let (when, encounter, lot) = (
            self.day(),
            self.encounter_reference(),
            self.dice.below(1_000_000),
        );
        format!(
            r#"{head},"status":"completed","vaccineCode":{code},"patient":{{"reference":"Patient/patient-1"}},{encounter},"occurrenceDateTime":"{when}","primarySource":true,"lotNumber":"L{lot:06}"}}"#
        )
    }

    fn encounter(&mut self) -> String {
        let head = self.head("Encounter");
        let (from, to, reason) = (self.moment(), self.moment(), self.text(6));
        let class = self.dice.pick(&["AMB", "IMP", "EMER", "HH"]);
        let subject = self.subject();
        format!(
            r#"{head},"status":"finished","class":{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"{class}"}},"type":[{{"coding":[{{"system":"http://snomed.info/sct","code":"185349003","display":"Encounter for check up (procedure)"}}],"text":"Consultation de contrôle"}}],{subject},"participant":[{{"individual":{{"reference":"Practitioner/2","display":"Dr Nadia Benali"}}}}],"period":{{"start":"{from}","end":"{to}"}},"reasonCode":[{{"text":"{reason}"}}],"serviceProvider":{{"reference":"Organization/3","display":"Centre hospitalier de Saint-Malo"}}}}"#
        )
    }

    fn procedure(&mut self) -> String {
        let head = self.head("Procedure");
        let named = *self.dice.pick(PROCEDURES);
        let code = self.coding("http://snomed.info/sct", &named);
        let (from, to, encounter, note) = (
            self.moment(),
            self.moment(),
            self.encounter_reference(),
            self.text(30),
        );
        let subject = self.subject();
        format!(
            r#"{head},"status":"completed","code":{code},{subject},{encounter},"performedPeriod":{{"start":"{from}","end":"{to}"}},"note":[{{"text":"{note}"}}]}}"#
        )
    }

    fn report(&mut self) -> String {
        let head = self.head("DiagnosticReport");
        let (when, encounter, performer) =
            (self.moment(), self.encounter_reference(), self.performer());
        let results: Vec<String> = (0..4 + self.dice.below(8))
            .map(|_| format!(r#"{{"reference":"Observation/{}"}}"#, self.uuid()))
            .collect();
        let conclusion = self.text(40);
        let subject = self.subject();
        format!(
            r#"{head},"status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v2-0074","code":"LAB","display":"Laboratory"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"58410-2","display":"CBC panel - Blood by Automated count"}}],"text":"Hémogramme"}},{subject},{encounter},"effectiveDateTime":"{when}","issued":"{when}",{performer},"result":[{}],"conclusion":"{conclusion}"}}"#,
            results.join(",")
        )
    }

    fn document(&mut self) -> String {
        let head = self.head("DocumentReference");
        let (when, description, url) = (self.moment(), self.text(8), self.uuid());
        let subject = self.subject();
        format!(
            r#"{head},"status":"current","type":{{"coding":[{{"system":"http://loinc.org","code":"11488-4","display":"Consultation note"}}],"text":"Compte rendu de consultation"}},{subject},"date":"{when}","author":[{{"reference":"Practitioner/3","display":"Dr Yann Le Goff"}}],"description":"{description}","content":[{{"attachment":{{"contentType":"application/pdf","url":"https://documents.example/{url}","title":"Compte rendu"}}}}]}}"#
        )
    }

    fn allergy(&mut self) -> String {
        let head = self.head("AllergyIntolerance");
        let (when, note) = (self.day(), self.text(10));
        format!(
            r#"{head},"clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}}]}},"type":"allergy","category":["medication"],"criticality":"high","code":{{"coding":[{{"system":"http://snomed.info/sct","code":"91936005","display":"Allergy to penicillin"}}],"text":"Allergie à la pénicilline"}},"patient":{{"reference":"Patient/patient-1"}},"recordedDate":"{when}","note":[{{"text":"{note}"}}]}}"#
        )
    }
}

const PATIENT: &str = r#"{"resourceType":"Patient","id":"patient-1","name":[{"use":"official","family":"Martin","given":["Camille"]}],"gender":"female","birthDate":"1984-05-17","address":[{"city":"Saint-Malo","country":"FR"}]}"#;
