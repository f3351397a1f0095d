//! What an import says, and what is said of documents.

use crate::language::{Language, Text};
use carnet::vault::Fate;

super::texts! {
    H_RESULT: "Résultat", "Result";
    UNDERSTOOD: "compris", "understood";
    KEPT: "gardé comme document", "kept as a document";
    REJECTED: "rejeté", "rejected";
    HELD: "en attente", "held back";
    ABOUT: "{0} : le patient est {1} ({2})", "{0}: the patient is {1} ({2})";
    SOMEBODY: "sans nom", "without a name";
    BORN: "{0}, né(e) le {1}", "{0}, born {1}";
    ASK: "L'importer quand même ? [o/N] ", "Import it anyway? [y/N] ";
    HOW: "Rien n'en est importé : --person NOM pour la bonne personne, ou --anyway", "Nothing of it is imported: --person NAME for the right person, or --anyway";
    ITEM_REASON: "{0} : {1}", "{0}: {1}";
    BY_RESULT: "Compris : {0} · gardés comme documents : {1} · rejetés : {2}", "Understood: {0} · kept as documents: {1} · rejected: {2}";
    SAMPLES: "Mesures nouvelles : {0} · déjà là : {1} · sans série : {2}", "New measurements: {0} · already there: {1} · without a series: {2}";
    UNKNOWN: "Pas de série pour {0} : {1}", "No series for {0}: {1}";
    MORE_UNKNOWN: "… et {0} autres sortes de données (toutes avec --json)", "… and {0} more kinds of data (all of them with --json)";
    AND_MORE: "… et {0} autres fichiers (tous avec --json)", "… and {0} more files (all of them with --json)";
}

/// What became of an item.
pub fn fate(fate: Fate, language: Language) -> &'static str {
    let text = match fate {
        Fate::Understood => UNDERSTOOD,
        Fate::Kept => KEPT,
        Fate::Rejected => REJECTED,
        Fate::Held => HELD,
    };
    Text::pick(text, language)
}
