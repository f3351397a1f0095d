//! The same health entries in two forms: ten fields of JSON, as every library writes them and as notes carry them; and FHIR
//! Observations, as an import brings them. Deterministic; about nobody.

use carnet_tests::dice::Dice;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Resources that the notes are about.
pub const ANCHORS: u64 = 200;

/// Category, system, code, display, unit, low, high.
type Kind = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    i64,
    i64,
);

const KINDS: [Kind; 12] = [
    (
        "laboratory",
        "http://loinc.org",
        "2345-7",
        "Glucose",
        "mg/dL",
        60,
        180,
    ),
    (
        "laboratory",
        "http://loinc.org",
        "718-7",
        "Hemoglobin",
        "g/dL",
        90,
        175,
    ),
    (
        "laboratory",
        "http://loinc.org",
        "4548-4",
        "Hemoglobin A1c",
        "%",
        45,
        110,
    ),
    (
        "laboratory",
        "http://loinc.org",
        "2160-0",
        "Creatinine",
        "mg/dL",
        5,
        18,
    ),
    (
        "laboratory",
        "http://loinc.org",
        "2951-2",
        "Sodium",
        "mmol/L",
        130,
        150,
    ),
    (
        "vital-signs",
        "http://loinc.org",
        "8867-4",
        "Heart rate",
        "/min",
        50,
        140,
    ),
    (
        "vital-signs",
        "http://loinc.org",
        "8480-6",
        "Systolic blood pressure",
        "mm[Hg]",
        95,
        175,
    ),
    (
        "vital-signs",
        "http://loinc.org",
        "8462-4",
        "Diastolic blood pressure",
        "mm[Hg]",
        55,
        105,
    ),
    (
        "vital-signs",
        "http://loinc.org",
        "29463-7",
        "Body weight",
        "kg",
        500,
        1100,
    ),
    (
        "vital-signs",
        "http://loinc.org",
        "8310-5",
        "Body temperature",
        "Cel",
        355,
        402,
    ),
    (
        "survey",
        "http://snomed.info/sct",
        "22253000",
        "Pain",
        "{score}",
        0,
        10,
    ),
    (
        "survey",
        "http://snomed.info/sct",
        "271807003",
        "Eruption",
        "{score}",
        0,
        10,
    ),
];
const WORDS: [&str; 32] = [
    "after",
    "avant",
    "le",
    "repas",
    "walk",
    "morning",
    "soir",
    "nuit",
    "mild",
    "forte",
    "douleur",
    "better",
    "than",
    "hier",
    "with",
    "sans",
    "medication",
    "fievre",
    "depuis",
    "two",
    "jours",
    "stress",
    "travail",
    "slept",
    "badly",
    "repos",
    "check",
    "again",
    "demain",
    "doctor",
    "said",
    "normal",
];
const AUTHORS: [&str; 4] = ["camille", "dominique", "dr-martin", "infirmiere"];
const STATUSES: [&str; 3] = ["final", "preliminary", "amended"];

/// One entry.
pub struct Entry {
    id: String,
    kind: &'static Kind,
    value: i64,
    at: i64,
    author: &'static str,
    status: &'static str,
    note: String,
}

impl Entry {
    fn throw(dice: &mut Dice, number: u64) -> Self {
        let kind = dice.pick(&KINDS);
        let words = dice.between(4, 11);
        let note: Vec<&str> = (0..words).map(|_| *dice.pick(&WORDS)).collect();
        Self {
            id: format!("{:016x}{:016x}", dice.throw(), dice.throw()),
            kind,
            value: dice.between(kind.5, kind.6),
            // Twenty years, forward, a few entries a day.
            at: 1_136_073_600_000 + number as i64 * 6_311_520 + dice.between(0, 3_600_000),
            author: *dice.pick(&AUTHORS),
            status: *dice.pick(&STATUSES),
            note: note.join(" "),
        }
    }

    fn value(&self) -> String {
        format!("{}.{}", self.value / 10, self.value % 10)
    }

    /// The ten fields as JSON, in one line.
    pub fn json(&self) -> String {
        let (cat, system, code, display, unit, ..) = self.kind;
        let (id, value, at, author, status, note) = (
            &self.id,
            self.value(),
            self.at,
            self.author,
            self.status,
            &self.note,
        );
        format!(
            r#"{{"id":"{id}","cat":"{cat}","system":"{system}","code":"{code}","display":"{display}","value":{value},"unit":"{unit}","at":{at},"author":"{author}","status":"{status}","note":"{note}"}}"#
        )
    }

    /// What the person wrote themselves.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What a note says that carries the entry: the fields that a note has no place of its own for (it has a random id of the same
    /// length, its resource, its time and its author).
    pub fn text(&self) -> String {
        let (cat, system, code, display, unit, ..) = self.kind;
        let (value, at) = (self.value(), self.at);
        let (author, status, note) = (self.author, self.status, &self.note);
        format!("{cat}|{system}|{code}|{display}|{value}|{unit}|{at}|{author}|{status}|{note}")
    }

    /// The entry as a FHIR Observation, in one line.
    pub fn observation(&self) -> String {
        let (cat, system, code, display, unit, ..) = self.kind;
        let (id, value, author, status, note) =
            (&self.id, self.value(), self.author, self.status, &self.note);
        let when = date(self.at);
        format!(
            r#"{{"resourceType":"Observation","id":"{id}","status":"{status}","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"{cat}"}}]}}],"code":{{"coding":[{{"system":"{system}","code":"{code}","display":"{display}"}}]}},"subject":{{"reference":"Patient/camille"}},"effectiveDateTime":"{when}","performer":[{{"display":"{author}"}}],"valueQuantity":{{"value":{value},"unit":"{unit}","system":"http://unitsofmeasure.org","code":"{unit}"}},"note":[{{"text":"{note}"}}]}}"#
        )
    }
}

/// The day and time in UTC.
fn date(at: i64) -> String {
    let (days, seconds) = (at.div_euclid(86_400_000), at.rem_euclid(86_400_000) / 1_000);
    // Civil date from days since 1970 (Howard Hinnant's algorithm).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The entries of a seed.
pub fn entries(seed: u64, count: u64) -> impl Iterator<Item = Entry> {
    let mut dice = Dice::new(seed);
    (0..count).map(move |number| Entry::throw(&mut dice, number))
}

/// Writes `entries.ndjson`, `observations.ndjson` and `anchors.ndjson` into a folder.
pub fn generate(folder: &Path, count: u64) {
    write_lines(
        &folder.join("entries.ndjson"),
        entries(1, count),
        Entry::json,
    );
    write_lines(
        &folder.join("observations.ndjson"),
        entries(1, count),
        Entry::observation,
    );
    write_lines(
        &folder.join("anchors.ndjson"),
        entries(2, ANCHORS),
        Entry::observation,
    );
}

/// Writes some entries in one form.
pub fn write_lines(file: &Path, entries: impl Iterator<Item = Entry>, form: fn(&Entry) -> String) {
    let mut out = BufWriter::new(File::create(file).expect("a file to write"));
    for entry in entries {
        writeln!(out, "{}", form(&entry)).expect("a line");
    }
    out.flush().expect("the file");
}
