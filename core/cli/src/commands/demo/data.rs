//! The invented record the demonstration ships, and the words of it that must be readable nowhere.

/// The files: their names, and their bytes.
pub const FILES: [(&str, &[u8]); 3] = [
    (
        "dossier-lyon.json",
        include_bytes!("../../../demo/dossier-lyon.json"),
    ),
    (
        "analyses-lyon.ndjson",
        include_bytes!("../../../demo/analyses-lyon.ndjson"),
    ),
    (
        "visit-dublin.json",
        include_bytes!("../../../demo/visit-dublin.json"),
    ),
];

/// Resources in the files.
pub const RESOURCES: u64 = 25;

/// Whose record it is.
pub const PERSON: &str = "Camille Démo-Vallerand";
/// Their date of birth.
pub const BIRTH_DATE: &str = "1984-03-12";

/// What protects the vaults of a demonstration; printed with `--keep`, so that they can be looked at.
pub const PASSPHRASE: &str = "mirabelle-demo-4471";

/// Words of the files. Long enough that chance does not write them in ciphertext: the shortest, six letters in any case,
/// would take some 10¹² random bytes.
pub const WORDS: [&str; 26] = [
    "Vallerand",
    "Mirabelliers",
    "Quesnel",
    "Honorine",
    "284039912345667",
    "pénicilline",
    "Urticaire",
    "noisettes",
    "Asthme",
    "Salbutamol",
    "Desloratadine",
    "MIRAB-4471",
    "diphtérie",
    "grippe",
    "Protéine C réactive",
    "Glycémie",
    "Ferritine",
    "Liffeyside",
    "LUC-88213",
    "Sprain of ankle",
    "Troponin",
    "Paracetamol",
    "Discharge letter",
    "AllergyIntolerance",
    "resourceType",
    "loinc.org",
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::Value;

    fn resources(name: &str, bytes: &[u8]) -> Vec<Value> {
        if name.ends_with(".ndjson") {
            let text = std::str::from_utf8(bytes).unwrap();
            return text
                .lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect();
        }
        let bundle: Value = serde_json::from_slice(bytes).unwrap();
        let entries = bundle["entry"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry["resource"].clone())
            .collect()
    }

    #[test]
    fn the_files_hold_what_the_demonstration_counts_on() {
        let all: Vec<Value> = FILES
            .iter()
            .flat_map(|(name, bytes)| resources(name, bytes))
            .collect();
        assert_eq!(all.len() as u64, RESOURCES);
        let of = |kind: &str| all.iter().filter(|one| one["resourceType"] == kind).count();
        assert_eq!(of("AllergyIntolerance"), 2);
        assert_eq!(of("Immunization"), 2);
        assert_eq!(of("DocumentReference"), 1);
        let below = all
            .iter()
            .filter(|one| one["valueQuantity"]["comparator"] == "<")
            .count();
        assert_eq!(below, 3);
        let partial = all
            .iter()
            .filter(|one| one["occurrenceDateTime"] == "2019-03")
            .count();
        assert_eq!(partial, 1);
    }

    #[test]
    fn no_word_is_short_enough_to_appear_by_chance() {
        assert!(WORDS.iter().all(|word| word.len() >= 6));
    }
}
