//! Sources and pulls.

use crate::language::{Plural, Text};

super::texts! {
    SOURCE: "la source : {0}", "the source: {0}";
    OPEN_THIS: "Ouvrir cette adresse dans un navigateur de cet ordinateur, et s'y connecter :", "Open this address in a browser of this computer, and sign in there:";
    WAITING_FOR_BROWSER: "En attente du navigateur… (Ctrl-C pour arrêter)", "Waiting for the browser… (Ctrl-C to stop)";
    BACK_IN_BROWSER: "C'est fait. Cette page peut être fermée.", "Done. This page can be closed.";
    NOT_THIS_ANSWER: "Cette réponse n'est pas celle qui est attendue. Revenir à Carnet.", "This is not the answer that is waited for. Go back to Carnet.";
    NOBODY_SIGNED_IN: "personne ne s'est connecté à temps : recommencer", "nobody signed in in time: start again";
    PORT_TAKEN: "le port {0} est pris : en donner un autre avec --port", "port {0} is taken: give another with --port";
    CONNECTED: "« {0} » est connecté. Ensuite : `carnet pull`.", "\"{0}\" is connected. Next: `carnet pull`.";
    NOT_GRANTED: "Non accordé par la source : {0}", "Not granted by the source: {0}";
    REMOVED: "« {0} » est oublié. Ce qui en est venu reste dans le dossier.", "\"{0}\" is forgotten. What came from it stays in the record.";
    NO_SOURCES: "Aucune source : `carnet source add --help`.", "No source: `carnet source add --help`.";
    WHICH_SOURCE: "plusieurs sources : en nommer une, ou ajouter --all (voir `carnet source list`)", "several sources: name one, or add --all (see `carnet source list`)";
    CONNECTED_STATE: "connectée", "connected";
    WAITING_STATE: "attend la connexion", "waits for the sign-in";
    RECONNECT_STATE: "à reconnecter", "to be connected again";
    PULLING: "Récolte", "Pulling";
    PULLED: "{0} : nouveaux {1} · déjà là {2} · nouvelles versions {3} · fichiers {4} · {5} reçus", "{0}: new {1} · already there {2} · new versions {3} · files {4} · {5} in";
    GONE: "Plus chez la source, gardés et marqués ici : {0}", "No longer at the source, kept and marked here: {0}";
    COMPLETE: "complet", "complete";
    PARTIAL: "en partie", "in part";
    DENIED: "refusé", "refused";
    UNSUPPORTED: "absent de la source", "not at the source";
    SAYS: "{0} : la source dit « {1} »", "{0}: the source says \"{1}\"";
    STOPPED_DEADLINE: "Pas encore fini : relancer `carnet pull`, il reprend là.", "Not finished yet: run `carnet pull` again, it goes on there.";
    STOPPED_BUSY: "La source demande d'attendre {0} : relancer `carnet pull` ensuite, il reprend là.", "The source asks to wait {0}: run `carnet pull` again then, it goes on there.";
    STOPPED_OFFLINE: "« {0} » ne répond pas : vérifier le réseau ; ce qui est venu est gardé, `carnet pull` reprend là", "\"{0}\" does not answer: check the network; what came is kept, `carnet pull` goes on there";
    STOPPED_RECONNECT: "« {0} » n'accepte plus cette connexion : refaire `carnet source add` sous le même nom ; tout ce qui est venu est gardé", "\"{0}\" takes this connection no more: run `carnet source add` again under the same name; all that came is kept";
    H_SOURCE_NAME: "Source", "Source";
    H_STATE: "État", "State";
    H_ADDRESS: "Adresse", "Address";
    H_PULLED: "Dernière récolte", "Last pull";
    H_RESOURCES: "Éléments", "Items";
    H_GONE: "Disparus", "Gone";
    H_OUTCOME: "Résultat", "Outcome";
    H_RECEIVED: "Reçus", "Received";
    H_WHY: "Pourquoi", "Why";
}

const fn text(fr: &'static str, en: &'static str) -> Text {
    Text { fr, en }
}

/// Kinds that a source has nothing of.
pub const NOTHING_OF: Plural = Plural {
    one: text("Rien de {0} autre genre.", "Nothing of {0} other kind."),
    many: text("Rien de {0} autres genres.", "Nothing of {0} other kinds."),
};
