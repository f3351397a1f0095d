//! The access log: who did what, and what was done to the log.

use crate::language::Text;

super::texts! {
    H_ACT: "Événement", "Event";
    SOMEBODY: "quelqu'un", "somebody";
    JOINED: "{0} est devenu membre", "{0} became a member";
    GRANTED: "{0} : {1}, {2}", "{0}: {1}, {2}";
    GRANTED_UNTIL: "{0} : {1}, {2}, jusqu'au {3}", "{0}: {1}, {2}, until {3}";
    REMOVED: "{0} n'est plus membre", "{0} is no longer a member";
    TOOK_OVER: "{0} a pris la place de fondateur", "{0} took the founder's place over";
    DEVICE_ADDED: "appareil ajouté : {0}", "device added: {0}";
    DEVICE_REMOVED: "appareil retiré : {0}", "device removed: {0}";
    IMPORTED: "import de {1}, éléments : {0}", "import from {1}, items: {0}";
    EXPORTED: "export ({0})", "export ({0})";
    HANDED_OVER: "transmis à {0} : {1}", "handed over to {0}: {1}";
    NOTHING: "Le journal des accès est vide.", "The access log is empty.";
    WHOLE: "Le journal est entier : {0} événements vérifiés, aucun changé, omis ni déplacé.", "The log is whole: {0} events checked, none changed, left out or moved.";
    LOADING: "une partie du journal n'est pas encore arrivée et n'est pas vérifiée : `carnet sync`", "a part of the log has not arrived yet and is not checked: `carnet sync`";
    PROBLEM: "l'événement n° {0} de « {1} » ({2}) : {3}", "event no. {0} of \"{1}\" ({2}): {3}";
    CHANGED: "changé", "changed";
    MISSING: "omis", "left out";
    MOVED: "déplacé", "moved";
    TAMPERED: "le journal des accès a été touché : comparer avec un autre appareil (`carnet access --verify`) ; les événements restants sont affichés", "the access log was tampered with: compare with another device (`carnet access --verify`); the remaining events are shown";
}

/// What was done to an event, by the engine's stable word.
pub fn problem(word: &str) -> Text {
    match word {
        "missing" => MISSING,
        "moved" => MOVED,
        _ => CHANGED,
    }
}
