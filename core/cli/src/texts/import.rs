//! What an import says, and what is said of documents.

use crate::language::{Language, Text};
use carnet::vault::Fate;

super::texts! {
    H_RESULT: "Résultat", "Result";
    UNDERSTOOD: "compris", "understood";
    KEPT: "gardé comme document", "kept as a document";
    REJECTED: "rejeté", "rejected";
    ITEM_REASON: "{0} : {1}", "{0}: {1}";
    BY_RESULT: "Compris : {0} · gardés comme documents : {1} · rejetés : {2}", "Understood: {0} · kept as documents: {1} · rejected: {2}";
    AND_MORE: "… et {0} autres fichiers (tous avec --json)", "… and {0} more files (all of them with --json)";
}

/// What became of an item.
pub fn fate(fate: Fate, language: Language) -> &'static str {
    let text = match fate {
        Fate::Understood => UNDERSTOOD,
        Fate::Kept => KEPT,
        Fate::Rejected => REJECTED,
    };
    Text::pick(text, language)
}
