//! What Bluetooth devices say, in the words of people.

use crate::language::Language;

super::texts! {
    NOT_HEX: "« {0} » : deux chiffres hexadécimaux par octet, comme 0055", "\"{0}\": two hexadecimal digits a byte, like 0055";
    NUMBER: "{0} : {1} {2}", "{0}: {1} {2}";
    ABSENT: "{0} : pas de valeur ({1})", "{0}: no value ({1})";
    DETAIL: "{0} : {1}", "{0}: {1}";
    CLOCK: "Horloge de l'appareil : {0} (sans fuseau)", "Device's clock: {0} (without a zone)";
    MINUTES_AFTER: "Minutes après : {0}", "Minutes after: {0}";
    ZONE: "Minutes à l'est d'UTC : {0}", "Minutes east of UTC: {0}";
    SEQUENCE: "Numéro sur l'appareil : {0}", "Number on the device: {0}";
    USER: "Utilisateur de l'appareil : {0} (255 : inconnu)", "User of the device: {0} (255: unknown)";
    COUNT: "{0} mesures à relever", "{0} measurements to read";
}

/// A word of the engine's tables in the language; itself where it is not here.
pub fn word(key: &'static str, language: Language) -> &'static str {
    let found = WORDS.iter().find(|(known, ..)| *known == key);
    match (found, language) {
        (Some((_, fr, _)), Language::Fr) => fr,
        (Some((_, _, en)), Language::En) => en,
        (None, _) => key,
    }
}

/// Every word, for the test of all texts.
#[cfg(test)]
pub fn texts() -> Vec<(String, crate::language::Text)> {
    let named = |(key, fr, en): &(&str, &'static str, &'static str)| {
        let text = crate::language::Text { fr, en };
        (format!("ble {key}"), text)
    };
    WORDS.iter().map(named).collect()
}

#[rustfmt::skip]
const WORDS: &[(&str, &str, &str)] = &[
    // numbers
    ("heart-rate", "Pouls", "Heart rate"),
    ("energy-expended", "Énergie dépensée", "Energy expended"),
    ("rr-interval", "Intervalle entre battements", "Time between beats"),
    ("systolic", "Systolique", "Systolic"),
    ("diastolic", "Diastolique", "Diastolic"),
    ("mean-pressure", "Pression moyenne", "Mean pressure"),
    ("pulse", "Pouls", "Pulse"),
    ("body-temperature", "Température", "Temperature"),
    ("oxygen-saturation", "Saturation en oxygène", "Oxygen saturation"),
    ("oxygen-saturation-fast", "Saturation (rapide)", "Saturation (fast)"),
    ("oxygen-saturation-slow", "Saturation (lente)", "Saturation (slow)"),
    ("pulse-fast", "Pouls (rapide)", "Pulse (fast)"),
    ("pulse-slow", "Pouls (lent)", "Pulse (slow)"),
    ("pulse-amplitude", "Amplitude du pouls", "Pulse amplitude"),
    ("weight", "Poids", "Weight"),
    ("height", "Taille", "Height"),
    ("body-mass-index", "Indice de masse corporelle", "Body mass index"),
    ("body-fat", "Masse grasse", "Body fat"),
    ("basal-metabolism", "Métabolisme de base", "Basal metabolism"),
    ("muscle-share", "Part de muscle", "Muscle share"),
    ("muscle-mass", "Masse musculaire", "Muscle mass"),
    ("fat-free-mass", "Masse maigre", "Fat-free mass"),
    ("soft-lean-mass", "Masse maigre molle", "Soft lean mass"),
    ("water-mass", "Eau corporelle", "Body water"),
    ("impedance", "Impédance", "Impedance"),
    ("glucose", "Glucose", "Glucose"),
    ("glucose-trend", "Tendance du glucose", "Glucose trend"),
    ("glucose-quality", "Qualité de la mesure", "Measurement quality"),
    ("carbohydrate", "Glucides", "Carbohydrates"),
    ("exercise-duration", "Durée de l'effort", "Exercise duration"),
    ("exercise-intensity", "Intensité de l'effort", "Exercise intensity"),
    ("medication", "Médicament", "Medication"),
    ("hba1c", "HbA1c", "HbA1c"),
    // why there is none
    ("not-a-number", "pas un nombre", "not a number"),
    ("positive-infinity", "trop haut pour être mesuré", "too high to measure"),
    ("negative-infinity", "trop bas pour être mesuré", "too low to measure"),
    ("unknown", "hors de la résolution de l'appareil", "not at the device's resolution"),
    ("error", "la mesure a échoué", "the measurement failed"),
    // what is said
    ("contact", "Contact", "Contact"),
    ("status", "État", "Status"),
    ("pulse-range", "Plage du pouls", "Pulse range"),
    ("body-site", "Site", "Site"),
    ("device-status", "État de l'appareil", "Device status"),
    ("clock", "Horloge", "Clock"),
    ("packets", "Paquets", "Packets"),
    ("specimen", "Prélèvement", "Specimen"),
    ("context", "Contexte", "Context"),
    ("meal", "Repas", "Meal"),
    ("tester", "Mesuré par", "Measured by"),
    ("health", "Santé", "Health"),
    ("calibration", "Étalonnage", "Calibration"),
    ("warning", "Alerte", "Warning"),
    ("outcome", "Relevé", "Records"),
    ("none", "rien à signaler", "nothing to report"),
    // words
    ("reserved", "inconnu de cette version", "not known to this version"),
    ("not-supported", "non mesuré", "not measured"),
    ("no-contact", "pas de contact", "no contact"),
    ("body-movement", "mouvement pendant la mesure", "movement during the measurement"),
    ("cuff-too-loose", "brassard trop lâche", "cuff too loose"),
    ("irregular-pulse", "pouls irrégulier", "irregular pulse"),
    ("improper-position", "mauvaise position", "improper position"),
    ("within-range", "dans la plage", "within range"),
    ("above-range", "au-dessus de la plage", "above the range"),
    ("below-range", "au-dessous de la plage", "below the range"),
    ("armpit", "aisselle", "armpit"),
    ("body", "corps", "body"),
    ("ear", "oreille", "ear"),
    ("finger", "doigt", "finger"),
    ("gastrointestinal-tract", "tube digestif", "gastrointestinal tract"),
    ("mouth", "bouche", "mouth"),
    ("rectum", "rectum", "rectum"),
    ("toe", "orteil", "toe"),
    ("eardrum", "tympan", "eardrum"),
    ("measurement-ongoing", "mesure en cours", "measurement ongoing"),
    ("early-estimate", "première estimation", "early estimate"),
    ("validated", "validé", "validated"),
    ("fully-qualified", "pleinement qualifié", "fully qualified"),
    ("from-storage", "mesure gardée par l'appareil", "stored by the device"),
    ("demonstration", "démonstration : personne n'est mesuré", "demonstration: nobody is measured"),
    ("test", "essai : personne n'est mesuré", "test: nobody is measured"),
    ("calibration-ongoing", "étalonnage en cours", "calibration ongoing"),
    ("measurement-unavailable", "mesure indisponible", "measurement unavailable"),
    ("questionable", "mesure douteuse", "questionable measurement"),
    ("invalid", "mesure invalide", "invalid measurement"),
    ("extended-update", "mise à jour lente", "extended update"),
    ("equipment-malfunction", "panne de l'appareil", "equipment malfunction"),
    ("signal-irregular", "signal irrégulier", "irregular signal"),
    ("signal-inadequate", "signal insuffisant", "inadequate signal"),
    ("signal-poor", "signal faible", "poor signal"),
    ("low-perfusion", "perfusion faible", "low perfusion"),
    ("signal-erratic", "signal erratique", "erratic signal"),
    ("no-pulse-in-signal", "pas de pouls dans le signal", "no pulse in the signal"),
    ("questionable-pulse", "pouls douteux", "questionable pulse"),
    ("signal-analysis-ongoing", "analyse du signal en cours", "signal analysis ongoing"),
    ("sensor-interference", "capteur perturbé", "sensor interference"),
    ("sensor-not-on-user", "capteur non posé", "sensor not on the user"),
    ("sensor-unknown", "capteur inconnu", "unknown sensor"),
    ("sensor-displaced", "capteur déplacé", "sensor displaced"),
    ("sensor-malfunction", "panne du capteur", "sensor malfunction"),
    ("sensor-disconnected", "capteur débranché", "sensor disconnected"),
    ("clock-not-set", "pas réglée", "not set"),
    ("several-packets", "la suite vient dans un autre", "the rest comes in another"),
    ("capillary-whole-blood", "sang capillaire", "capillary whole blood"),
    ("capillary-plasma", "plasma capillaire", "capillary plasma"),
    ("venous-whole-blood", "sang veineux", "venous whole blood"),
    ("venous-plasma", "plasma veineux", "venous plasma"),
    ("arterial-whole-blood", "sang artériel", "arterial whole blood"),
    ("arterial-plasma", "plasma artériel", "arterial plasma"),
    ("whole-blood", "sang total", "whole blood"),
    ("plasma", "plasma", "plasma"),
    ("interstitial-fluid", "liquide interstitiel", "interstitial fluid"),
    ("control-solution", "solution de contrôle : personne n'est mesuré", "control solution: nobody is measured"),
    ("alternate-site", "autre site", "alternate site"),
    ("earlobe", "lobe de l'oreille", "earlobe"),
    ("not-available", "non indiqué", "not available"),
    ("battery-low", "pile faible", "battery low"),
    ("sample-too-small", "échantillon trop petit", "sample too small"),
    ("strip-insertion-error", "bandelette mal insérée", "strip insertion error"),
    ("wrong-strip", "mauvaise bandelette", "wrong strip"),
    ("too-warm", "trop chaud", "too warm"),
    ("too-cold", "trop froid", "too cold"),
    ("read-interrupted", "lecture interrompue", "read interrupted"),
    ("device-fault", "panne de l'appareil", "device fault"),
    ("time-fault", "horloge perdue", "time fault"),
    ("context-follows", "le contexte suit", "the context follows"),
    ("breakfast", "petit-déjeuner", "breakfast"),
    ("lunch", "déjeuner", "lunch"),
    ("dinner", "dîner", "dinner"),
    ("snack", "collation", "snack"),
    ("drink", "boisson", "drink"),
    ("supper", "souper", "supper"),
    ("brunch", "brunch", "brunch"),
    ("before-meal", "avant le repas", "before the meal"),
    ("after-meal", "après le repas", "after the meal"),
    ("fasting", "à jeun", "fasting"),
    ("casual", "à tout moment", "casual"),
    ("bedtime", "au coucher", "bedtime"),
    ("self", "soi-même", "oneself"),
    ("professional", "un soignant", "a professional"),
    ("laboratory", "un laboratoire", "a laboratory"),
    ("minor-issues", "petits ennuis", "minor issues"),
    ("major-issues", "ennuis importants", "major issues"),
    ("during-menses", "pendant les règles", "during menses"),
    ("under-stress", "sous tension", "under stress"),
    ("no-issues", "bonne", "no issues"),
    ("rapid-insulin", "insuline rapide", "rapid-acting insulin"),
    ("short-insulin", "insuline courte", "short-acting insulin"),
    ("intermediate-insulin", "insuline intermédiaire", "intermediate-acting insulin"),
    ("long-insulin", "insuline lente", "long-acting insulin"),
    ("premixed-insulin", "insuline prémélangée", "premixed insulin"),
    ("session-stopped", "session arrêtée", "session stopped"),
    ("wrong-sensor", "mauvais capteur", "wrong sensor"),
    ("device-alert", "alerte de l'appareil", "device alert"),
    ("clock-sync-required", "horloge à régler", "clock to be set"),
    ("calibration-not-allowed", "étalonnage interdit pour l'instant", "calibration not allowed now"),
    ("calibration-recommended", "étalonnage conseillé", "calibration recommended"),
    ("calibration-required", "étalonnage nécessaire", "calibration required"),
    ("below-patient-low", "sous le seuil bas du patient", "below the patient's low level"),
    ("above-patient-high", "au-dessus du seuil haut du patient", "above the patient's high level"),
    ("below-hypo", "sous le seuil d'hypoglycémie", "below the hypoglycaemia level"),
    ("above-hyper", "au-dessus du seuil d'hyperglycémie", "above the hyperglycaemia level"),
    ("falling-fast", "baisse rapide", "falling fast"),
    ("rising-fast", "hausse rapide", "rising fast"),
    ("success", "terminé", "done"),
    ("request-not-supported", "demande que l'appareil ne connaît pas", "a request the device does not know"),
    ("invalid-operator", "opérateur invalide", "invalid operator"),
    ("operator-not-supported", "opérateur que l'appareil ne connaît pas", "an operator the device does not know"),
    ("invalid-operand", "valeur invalide", "invalid operand"),
    ("no-records", "aucune mesure", "no records"),
    ("abort-failed", "l'arrêt a échoué", "the abort failed"),
    ("not-completed", "pas terminé : redemander", "not completed: ask again"),
    ("operand-not-supported", "valeur que l'appareil ne connaît pas", "an operand the device does not know"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use carnet::record::series::Absent;
    use carnet::source::ble::{detail_words, quantity_names};

    #[test]
    fn every_word_of_the_engine_has_both_languages() {
        let details = detail_words().flat_map(|(what, word)| [what, word]);
        let reasons = Absent::ALL.map(Absent::code);
        let all = quantity_names()
            .iter()
            .copied()
            .chain(details)
            .chain(reasons);
        for key in all {
            assert!(WORDS.iter().any(|(known, ..)| *known == key), "{key}");
        }
    }
}
