//! Answers, questions and errors.

use crate::language::{Plural, Text};

super::texts! {
    // errors
    ERROR: "erreur : {0}", "error: {0}";
    WARNING: "attention : {0}", "warning: {0}";
    LOCKED: "le coffre est verrouillé : donner la phrase secrète au clavier, dans CARNET_PASSPHRASE ou par --passphrase-file", "the vault is locked: give the passphrase at the keyboard, in CARNET_PASSPHRASE or with --passphrase-file";
    WRONG_KEY: "la phrase secrète n'ouvre pas ce coffre : réessayer", "the passphrase does not open this vault: try again";
    NOT_FOUND: "introuvable : {0}", "not found: {0}";
    INVALID: "valeur refusée : {0}", "invalid value: {0}";
    OFFLINE: "le relais ne répond pas : vérifier le réseau et l'adresse ; tout reste utilisable ici", "the relay does not answer: check the network and its address; everything stays usable here";
    PEER_OFFLINE: "l'autre appareil ne répond pas : y lancer `carnet sync --listen`, et vérifier l'adresse", "the other device does not answer: run `carnet sync --listen` on it, and check the address";
    RELAY_REFUSED: "le relais refuse (code {0}) : vérifier l'adresse du relais et cet appareil", "the relay refuses (code {0}): check the relay's address and this device";
    RELAY_FULL: "le relais est plein ou occupé : réessayer plus tard", "the relay is full or busy: try again later";
    RELAY_FULL_FOR: "le relais est plein ou occupé : réessayer dans {0}", "the relay is full or busy: try again in {0}";
    RELAY_GARBLED: "la réponse n'a pas de sens ({0}) ; rien n'est perdu", "the answer makes no sense ({0}); nothing is lost";
    PAIRING: "l'appairage n'a pas abouti ({0}) : recommencer avec un nouveau code", "pairing did not complete ({0}): start again with a new code";
    DISK_FULL: "le disque est plein : libérer de la place et recommencer ; rien n'est perdu", "the disk is full: free some space and try again; nothing is lost";
    CORRUPT: "les données sont abîmées ({0}) : rien n'a été effacé ; reprendre depuis un autre appareil ou une copie", "stored data is damaged ({0}): nothing was deleted; restore from another device or a copy";
    NEWER: "ce coffre vient d'une version plus récente : mettre Carnet à jour", "this vault was written by a newer version: update Carnet";
    CANCELLED: "annulé : ce qui était enregistré le reste", "cancelled: what was saved stays saved";
    HOST: "l'appareil a échoué ({0}) : réessayer", "the device failed ({0}): try again";
    BUG: "erreur interne ({0}) : merci de la signaler", "internal error ({0}): please report it";
    NO_VAULT_NAMED: "quel coffre ? ajouter --vault RÉPERTOIRE, ou définir CARNET_VAULT", "which vault? add --vault FOLDER, or set CARNET_VAULT";
    NO_VAULT: "pas de coffre dans {0} : en créer un avec `carnet init --person NOM`", "no vault in {0}: create one with `carnet init --person NAME`";
    NOT_EMPTY: "{0} n'est pas vide : choisir un répertoire vide ou nouveau", "{0} is not empty: choose an empty or new folder";
    NO_SUCH_PATH: "{0} n'existe pas", "{0} does not exist";
    UNREADABLE: "{0} ne peut pas être lu", "{0} cannot be read";
    UNWRITABLE: "{0} ne peut pas être écrit", "{0} cannot be written";
    EXISTS: "{0} existe déjà : choisir un autre nom, ou ajouter --force", "{0} exists already: choose another name, or add --force";
    EMPTY_PASSPHRASE: "la phrase secrète est vide : en choisir une", "the passphrase is empty: choose one";
    LONG_PASSPHRASE: "la phrase secrète est trop longue : 1024 octets au plus", "the passphrase is too long: 1024 bytes at most";
    PASSPHRASES_DIFFER: "les deux saisies diffèrent : recommencer", "the two entries differ: try again";
    UNKNOWN_PERSON: "aucune personne de ce nom : voir `carnet person list`", "no person of that name: see `carnet person list`";
    WHICH_PERSON: "plusieurs personnes : choisir avec --person NOM (voir `carnet person list`)", "several persons: choose with --person NAME (see `carnet person list`)";
    NOBODY: "ce coffre ne tient encore aucun dossier : `carnet person add NOM`, ou `carnet sync` sur un nouvel appareil", "this vault holds no record yet: `carnet person add NAME`, or `carnet sync` on a new device";
    BAD_DATE: "« {0} » n'est pas une date : écrire 2021, 2021-03, 2021-03-12 ou 12/03/2021", "\"{0}\" is not a date: write 2021, 2021-03 or 2021-03-12";
    BAD_KIND: "« {0} » n'est pas un genre connu : allergies, traitements, vaccins, résultats… ou un type FHIR", "\"{0}\" is not a known kind: allergies, treatments, vaccines, results… or a FHIR type";
    BAD_CATEGORY: "« {0} » n'est pas une catégorie : voir `carnet timeline --help`", "\"{0}\" is not a category: see `carnet timeline --help`";
    NO_SUCH_COMMAND: "« {0} » n'est pas une commande : voir `carnet --help`", "\"{0}\" is not a command: see `carnet --help`";
    REJECTED_STRICT: "des éléments ont été rejetés ; les autres sont enregistrés", "items were rejected; the others are saved";
    PROBLEMS_FOUND: "la vérification a trouvé des problèmes : rien n'a été changé ; reprendre depuis un autre appareil ou une copie", "the check found problems: nothing was changed; restore from another device or a copy";
    DEMO_FAILED: "l'étape {0} n'a pas montré ce qu'elle devait : {1}", "step {0} did not show what it should: {1}";

    // warnings
    SHORT_PASSPHRASE: "cette phrase secrète a moins de 8 caractères : elle se devine ; plusieurs mots valent mieux", "this passphrase has fewer than 8 characters: it can be guessed; several words are better";
    OPEN_PASSPHRASE_FILE: "d'autres que vous peuvent lire le fichier de la phrase secrète : chmod 600", "others than you can read the passphrase file: chmod 600";
    ROLLED_BACK: "ce coffre a été remis dans un état ancien (une copie ?) : `carnet sync` le complète", "this vault was put back to an older state (from a copy?): `carnet sync` completes it";
    ANCHOR_MISSING: "l'ancre contre le retour en arrière manquait : une nouvelle a été faite", "the anchor against rollback was missing: a new one was made";
    EXPORT_IS_PLAIN: "ce fichier n'est pas chiffré : quiconque l'a peut le lire", "this file is not encrypted: whoever has it can read it";
    STOPPING: "arrêt en cours… (Ctrl-C encore pour couper)", "stopping… (Ctrl-C again to kill)";

    // questions
    ASK_PASSPHRASE: "Phrase secrète : ", "Passphrase: ";
    ASK_NEW_PASSPHRASE: "Nouvelle phrase secrète (elle ne peut pas être retrouvée) : ", "New passphrase (it cannot be recovered): ";
    ASK_AGAIN: "Encore une fois : ", "Once more: ";

    // progress
    IMPORTING: "Import", "Importing";
    SYNCING: "Échange", "Syncing";
    COMPACTING: "Résumé", "Summing up";

    // answers
    CREATED: "Coffre créé pour {0}.", "Vault created for {0}.";
    CREATED_NEXT: "Ensuite : `carnet import CHEMIN`, puis `carnet timeline`.", "Next: `carnet import PATH`, then `carnet timeline`.";
    PERSON_ADDED: "{0} a maintenant un dossier.", "{0} now has a record.";
    NOTHING: "Rien à montrer.", "Nothing to show.";
    IMPORT_TOTAL: "Nouveaux : {0} · déjà là : {1} · nouvelles versions : {2} · rejetés : {3}", "New: {0} · already there: {1} · new versions: {2} · rejected: {3}";
    REJECTED_ITEM: "{0}, {1} : {2}", "{0}, {1}: {2}";
    FILE_NOTE: "{0} : {1}", "{0}: {1}";
    NOTED: "Note écrite.", "Note written.";
    CORRECTED: "Corrigé : {0} = {1}. La source reste à côté.", "Corrected: {0} = {1}. The source stays beside it.";
    NO_CONFLICT: "Aucun conflit.", "No conflict.";
    CONFLICT_HINT: "Pour trancher : `carnet correct ID CHAMP VALEUR`.", "To settle one: `carnet correct ID FIELD VALUE`.";
    EXPORTED_TO: "dans {0}", "to {0}";
    JOIN_CODE: "Sur l'autre appareil, taper :", "On the other device, type:";
    JOIN_WAIT: "En attente…", "Waiting…";
    JOINED: "Cet appareil a rejoint vos autres appareils. Ensuite : `carnet sync`.", "This device has joined your other devices. Next: `carnet sync`.";
    PAIRED: "« {0} » est maintenant un de vos appareils. Ensuite : `carnet sync` sur les deux.", "\"{0}\" is now one of your devices. Next: `carnet sync` on both.";
    SYNC_DONE: "Envoyés : {0} · reçus : {1} · {2} envoyés, {3} reçus en {4}", "Sent: {0} · received: {1} · {2} out, {3} in over {4}";
    SYNC_DIRECT: "Envoyés : {0} · reçus : {1} · {2} envoyés, {3} reçus", "Sent: {0} · received: {1} · {2} out, {3} in";
    SYNC_FILE: "Ajoutés au fichier : {0} · pris du fichier : {1} · {2} écrits, {3} lus", "Added to the file: {0} · taken from it: {1} · {2} written, {3} read";
    LISTENING: "Sur l'autre appareil, dans le même réseau : carnet sync --peer {0} (Ctrl-C pour arrêter)", "On the other device, in the same network: carnet sync --peer {0} (Ctrl-C to stop)";
    SYNC_STORED: "Reçus et gardés, à fusionner à la prochaine commande : {0}", "Received and kept, to be merged by the next command: {0}";
    WATCHING: "Échange dès qu'il y a du nouveau, ici ou ailleurs. Ctrl-C pour arrêter.", "Syncing whenever there is news, here or elsewhere. Ctrl-C to stop.";
    RETRYING: "{0} ; nouvel essai dans {1}", "{0}; trying again in {1}";
    SYNC_QUARANTINE: "En quarantaine, gardés et réessayés plus tard : {0}", "In quarantine, kept and tried again later: {0}";
    SYNC_INCOMPLETE: "Pas encore fini : relancer `carnet sync`.", "Not finished yet: run `carnet sync` again.";
    SYNC_NOTICE: "À savoir : {0}", "Note: {0}";
    VERIFIED: "Tout est en ordre.", "All is well.";
    VERIFY_COUNTS: "Changements vérifiés : {0} · documents : {1} · vues comparées : {2}", "Changes checked: {0} · documents: {1} · views compared: {2}";
    COMPACTED: "Changements résumés : {0} · parties : {1}, dont nouvelles : {2} · {3}. Ensuite : `carnet sync`.", "Changes summed up: {0} · parts: {1}, of which new: {2} · {3}. Next: `carnet sync`.";
    NOTHING_TO_COMPACT: "Rien de nouveau à résumer.", "Nothing new to sum up.";
    THIS_DEVICE: "cet appareil", "this device";

    // headings
    H_WHEN: "Date", "Date";
    H_WHAT: "Quoi", "What";
    H_VALUE: "Valeur", "Value";
    H_KIND: "Genre", "Kind";
    H_STATUS: "Statut", "Status";
    H_SOURCE: "Source", "Source";
    H_MARKS: "À côté", "Beside";
    H_PERSON: "Personne", "Person";
    H_ID: "Id", "Id";
    H_NAME: "Nom", "Name";
    H_BORN: "Né(e) le", "Born";
    H_RECORD: "Dossier", "Record";
    H_FIELD: "Champ", "Field";
    H_SHOWN: "Affiché", "Shown";
    H_OTHER: "Autre valeur", "Other value";
    H_COUNT: "Nombre", "Count";
    H_FILE: "Fichier", "File";
    H_FORMAT: "Format", "Format";
    H_NEW: "Nouveaux", "New";
    H_UNCHANGED: "Déjà là", "Already there";
    H_UPDATED: "Versions", "Updated";
    H_VERSION: "Version", "Version";
    H_UPDATED_AT: "Mise à jour", "Last updated";
    H_DEVICE: "Appareil", "Device";
    H_RECORDED: "Enregistré", "Recorded";

    // one item
    CATEGORY: "Catégorie", "Category";
    DOCUMENT_CATEGORY: "Mon espace santé", "Mon espace santé";
    CODE: "Code", "Code";
    NATIVE: "Identité à la source", "Identity at the source";
    NOTES: "Notes", "Notes";
    CORRECTIONS: "Corrections", "Corrections";
    SOURCE_SAYS: "la source dit : {0}", "the source says: {0}";
    SOURCE_SILENT: "la source ne dit rien", "the source says nothing";
    REFERENCES: "Liens", "References";
    NOT_HERE: "pas dans ce dossier", "not in this record";
    CURRENT: "affichée", "shown";
    CORRECTED_MARK: "corrigé", "corrected";

    // counts
    STAT_VERSIONS: "Versions", "Versions";
    STAT_ATTACHMENTS: "Documents joints", "Attachments";
    STAT_NOTES: "Notes", "Notes";
    STAT_BYTES: "Sur le disque", "On disk";
    STAT_UNSENT: "Pas encore envoyés", "Not sent yet";
    STAT_QUARANTINED: "En quarantaine", "In quarantine";
    STAT_TOTAL: "Total", "Total";
}

const fn text(fr: &'static str, en: &'static str) -> Text {
    Text { fr, en }
}

/// Notes beside a row.
pub const NOTE_COUNT: Plural = Plural {
    one: text("{0} note", "{0} note"),
    many: text("{0} notes", "{0} notes"),
};
/// Rows that a table left out.
pub const MORE_ROWS: Plural = Plural {
    one: text(
        "Il y en a d'autres : --limit pour plus de {0} ligne.",
        "There are more: --limit for more than {0} row.",
    ),
    many: text(
        "Il y en a d'autres : --limit pour plus de {0} lignes.",
        "There are more: --limit for more than {0} rows.",
    ),
};
/// Resources an export wrote.
pub const EXPORTED: Plural = Plural {
    one: text("{0} ressource exportée {1}.", "{0} resource exported {1}."),
    many: text(
        "{0} ressources exportées {1}.",
        "{0} resources exported {1}.",
    ),
};
/// Requests of a sync.
pub const ROUND_TRIPS: Plural = Plural {
    one: text("{0} aller-retour", "{0} round trip"),
    many: text("{0} allers-retours", "{0} round trips"),
};
/// Rejected items beyond those shown.
pub const MORE_REJECTED: Plural = Plural {
    one: text(
        "… et {0} autre rejet : --json les donne tous.",
        "… and {0} more: --json gives them all.",
    ),
    many: text(
        "… et {0} autres rejets : --json les donne tous.",
        "… and {0} more: --json gives them all.",
    ),
};

/// Every sentence about a number.
#[cfg(test)]
pub const PLURALS: &[Plural] = &[NOTE_COUNT, MORE_ROWS, EXPORTED, ROUND_TRIPS, MORE_REJECTED];
