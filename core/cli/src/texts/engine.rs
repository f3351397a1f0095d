//! French for the constant texts of the engine's errors, rejections and notices. The engine speaks English constants;
//! apps translate. A text that is not here is shown as it is.

use crate::language::Language;

/// The engine's text in the language.
pub fn translate(english: &str, language: Language) -> &str {
    let french = FRENCH.iter().find(|(known, _)| *known == english);
    match (language, french) {
        (Language::Fr, Some((_, french))) => french,
        _ => english,
    }
}

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("the bytes are malformed", "les octets sont mal formés"),
    ("sealed bytes do not open", "des octets scellés ne s'ouvrent pas"),
    ("a file could not be read or written", "un fichier n'a pas pu être lu ou écrit"),
    ("the database could not be read or written", "la base n'a pas pu être lue ou écrite"),
    ("the database", "la base"),
    ("the key that protects this vault is gone: recover it from another device", "la clé qui protège ce coffre est perdue : le reprendre depuis un autre appareil"),
    ("the platform could not do what was asked", "le système n'a pas pu faire ce qui était demandé"),
    ("gap", "il manque des envois : ils seront redemandés"),
    ("fork", "deux histoires d'un même appareil se contredisent"),
    ("the relay does not take what it lost", "le relais ne reprend pas ce qu'il a perdu"),
    ("the relay holds something back", "le relais retient quelque chose"),
    ("the relay was restored from a copy: everything is sent to it again", "le relais a été remis depuis une copie : ce qui lui manque lui est renvoyé"),
    ("relay rolled back", "le relais est revenu en arrière : ce qui manquait a été renvoyé"),
    // asked for, not there
    ("a relay: name one to sync with", "un relais : en nommer un avec --relay"),
    ("a resource with this id", "aucun élément n'a cet identifiant"),
    ("a vault in this folder", "pas de coffre dans ce répertoire"),
    ("person", "la personne"),
    ("this record", "ce dossier"),
    ("this resource", "cet élément"),

    // other devices, files, several relays
    ("the other device went away before everything was exchanged", "l'autre appareil est parti avant la fin : ce qui est arrivé est gardé, recommencer"),
    ("anything in common with the other device: it belongs to another account or record", "rien en commun avec l'autre appareil : il est d'un autre compte"),
    ("the other device sent what does not belong here", "l'autre appareil envoie ce qui n'a pas sa place ici"),
    ("the other device goes on without sending anything new", "l'autre appareil continue sans rien envoyer de nouveau"),
    ("the other device does not speak as one of Carnet", "l'autre appareil ne parle pas comme Carnet"),
    ("what the other device sent was changed on the way: try again", "ce que l'autre appareil a envoyé a été changé en route : réessayer"),
    ("a message of the other device", "l'autre appareil envoie un message trop long"),
    ("the address of the other device is HOST:PORT", "l'adresse de l'autre appareil s'écrit HÔTE:PORT"),
    ("this address cannot be listened on: it is taken, or not one of this device", "on ne peut pas attendre à cette adresse : elle est prise, ou n'est pas de cet appareil"),
    ("the sync file is damaged or cut short: what could be read was taken in, the file is as it was; ask for another copy", "le fichier d'échange est abîmé ou coupé : ce qui se lisait est pris, le fichier est comme il était ; en demander une autre copie"),
    ("the sync file cannot be written: what it held was taken in, nothing was added", "le fichier d'échange ne peut pas être écrit : ce qu'il tenait est pris, rien n'a été ajouté"),
    ("this file is not a sync file", "ce fichier n'est pas un fichier d'échange"),
    ("a record of a sync file", "un élément du fichier d'échange est trop long"),
    ("another program is using the sync file: try again when it has finished", "un autre programme se sert du fichier d'échange : réessayer quand il a fini"),
    ("the sync file needs a name", "le fichier d'échange doit avoir un nom"),
    ("the folder of the sync file", "le répertoire du fichier d'échange"),
    ("the sync file is not a plain file", "le fichier d'échange n'est pas un simple fichier"),
    ("the sync file: begin a new one", "le fichier d'échange est trop gros : en commencer un autre"),
    ("the sync file goes on bringing keys: ask for another copy", "le fichier d'échange apporte sans fin des clés : en demander une autre copie"),
    ("relays: eight at most", "trop de relais : huit au plus"),
    ("a relay could not be synced with: the others have everything", "un relais n'a pas pu être joint : les autres ont tout"),
    ("a transfer with this id", "aucun transfert n'a cet identifiant"),
    ("a device with this name or id", "aucun appareil n'a ce nom ou cet identifiant"),
    ("the bytes of a change: a snapshot has it", "les octets d'un changement : un instantané les a"),
    ("a change", "un changement"),
    // snapshots
    ("this record is being written: try again", "ce dossier est en cours d'écriture : réessayer"),
    ("this device is still fetching the record: sync first", "cet appareil reçoit encore le dossier : synchroniser d'abord"),
    ("a snapshot", "un résumé du dossier"),
    ("a snapshot is malformed", "un résumé du dossier est mal formé"),
    ("a piece of a snapshot", "une partie d'un résumé du dossier"),
    ("a piece has another length", "une partie d'un résumé a une autre longueur"),
    ("a piece of a snapshot holds another document", "une partie d'un résumé contient un autre document"),
    ("a piece of a snapshot is not what its list says", "une partie d'un résumé n'est pas ce que dit sa liste"),
    ("the relay sent another piece", "le relais a envoyé une autre partie"),
    ("a part of a snapshot has not arrived yet", "une partie d'un résumé du dossier n'est pas encore arrivée"),
    ("a snapshot is not what its maker said of it", "un résumé du dossier n'est pas ce que son auteur en dit : écarté"),
    ("the relay did not let go of what a snapshot replaced", "le relais n'a pas effacé ce qu'un résumé du dossier remplace"),
    ("the relay lost a part of a snapshot: another is made", "le relais a perdu une partie d'un résumé du dossier : un autre est fait"),
    ("a part of the record can only be had from a relay, or from an owner's device", "une partie du dossier ne peut venir que d'un relais, ou de l'appareil d'un titulaire"),
    ("a part of an import did not arrive with the rest of a snapshot", "une partie d'un import n'est pas arrivée avec le reste d'un résumé"),

    // people
    ("a compartment's name cannot be empty or hold control characters", "le nom d'un compartiment ne peut être vide ni contenir de caractères de contrôle"),
    ("a devices log is shown for reading only", "la liste des appareils n'est montrée qu'en lecture"),
    ("an acceptance hands out more than reading", "une acceptation donne plus que la lecture"),
    ("a message of an invitation", "un message d'invitation est trop long"),
    ("a name in the access log has control characters", "un nom du journal des accès contient des caractères de contrôle"),
    ("an end date is written YYYY-MM-DD", "une date de fin s'écrit AAAA-MM-JJ"),
    ("generations of an account's key", "trop de générations de la clé d'un compte"),
    ("this is not a valid invitation: check it and try again", "cette invitation n'est pas valable : la vérifier et réessayer"),
    ("this invitation was already used: ask for a new one", "cette invitation a déjà servi : en demander une autre"),
    ("the answer does not belong to this invitation: ask for a new one", "la réponse n'est pas celle de cette invitation : en demander une autre"),
    ("this is not the share that was given out", "ce n'est pas la part qui avait été confiée"),
    ("this is not the code of an emergency card: check it and try again", "ce n'est pas le code d'une carte d'urgence : le vérifier et réessayer"),
    ("an emergency card holds 64 KiB at most", "une carte d'urgence contient 64 Kio au plus"),
    ("this is not the code of a recovery kit: check it and try again", "ce n'est pas le code d'un kit de secours : le vérifier et réessayer"),
    ("a recovery kit has 24 words: some are missing or too many", "un kit de secours a 24 mots : il en manque ou il y en a trop"),
    ("the words of the recovery kit do not fit together: check their order and each of them", "les mots du kit de secours ne vont pas ensemble : vérifier leur ordre et chacun d'eux"),
    ("word 1 of the recovery kit is not in its list: check it", "le mot 1 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 2 of the recovery kit is not in its list: check it", "le mot 2 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 3 of the recovery kit is not in its list: check it", "le mot 3 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 4 of the recovery kit is not in its list: check it", "le mot 4 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 5 of the recovery kit is not in its list: check it", "le mot 5 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 6 of the recovery kit is not in its list: check it", "le mot 6 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 7 of the recovery kit is not in its list: check it", "le mot 7 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 8 of the recovery kit is not in its list: check it", "le mot 8 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 9 of the recovery kit is not in its list: check it", "le mot 9 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 10 of the recovery kit is not in its list: check it", "le mot 10 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 11 of the recovery kit is not in its list: check it", "le mot 11 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 12 of the recovery kit is not in its list: check it", "le mot 12 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 13 of the recovery kit is not in its list: check it", "le mot 13 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 14 of the recovery kit is not in its list: check it", "le mot 14 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 15 of the recovery kit is not in its list: check it", "le mot 15 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 16 of the recovery kit is not in its list: check it", "le mot 16 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 17 of the recovery kit is not in its list: check it", "le mot 17 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 18 of the recovery kit is not in its list: check it", "le mot 18 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 19 of the recovery kit is not in its list: check it", "le mot 19 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 20 of the recovery kit is not in its list: check it", "le mot 20 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 21 of the recovery kit is not in its list: check it", "le mot 21 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 22 of the recovery kit is not in its list: check it", "le mot 22 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 23 of the recovery kit is not in its list: check it", "le mot 23 du kit de secours n'est pas dans sa liste : le vérifier"),
    ("word 24 of the recovery kit is not in its list: check it", "le mot 24 du kit de secours n'est pas dans sa liste : le vérifier"),

    // typed wrong
    ("a birth date is written YYYY, YYYY-MM or YYYY-MM-DD", "une date de naissance s'écrit AAAA, AAAA-MM ou AAAA-MM-JJ"),
    ("a name may have 256 bytes at most", "un nom a 256 octets au plus"),
    ("a note cannot be empty", "une note ne peut pas être vide"),
    ("an id is 4 to 32 hexadecimal digits", "un identifiant a de 4 à 32 chiffres hexadécimaux"),
    ("not a date: give YYYY, YYYY-MM or YYYY-MM-DD", "ce n'est pas une date : écrire AAAA, AAAA-MM ou AAAA-MM-JJ"),
    ("several ids begin so: give more digits", "plusieurs identifiants commencent ainsi : donner plus de chiffres"),
    ("the edit changes nothing", "cette écriture ne change rien"),
    ("the extra TLS root is not a PEM certificate", "l'autorité de certification en plus n'est pas un certificat PEM"),
    ("the field name is empty, too long, or has control characters", "le nom du champ est vide, trop long, ou contient des caractères de contrôle"),
    ("the note is empty", "la note est vide"),
    ("the note", "la note est trop longue"),
    ("the passphrase cost is out of bounds", "le coût de la phrase secrète est hors limites"),
    ("the passphrase is empty", "la phrase secrète est vide"),
    ("the passphrase", "la phrase secrète est trop longue"),
    ("the relay's address must begin with https:// or http://", "l'adresse du relais commence par https:// ou http://"),
    ("the value", "la valeur est trop longue"),
    ("this folder already holds a vault: choose another", "ce répertoire tient déjà un coffre : en choisir un autre"),

    // pairing
    ("nobody completed this code in time: start again", "personne n'a accepté ce code à temps : recommencer"),
    ("the answer was not made with this code: make a new one", "la réponse n'a pas été faite avec ce code : en faire un nouveau"),
    ("the other phone did not finish: start again with a new code", "l'autre téléphone n'a pas terminé : recommencer avec un nouveau code"),
    ("the other phone is not the one that shows this code: make a new one", "l'autre téléphone n'est pas celui qui montre ce code : en faire un nouveau"),
    ("this code was already used: make a new one", "ce code a déjà servi : en faire un nouveau"),
    ("this is not a valid code: check it and try again", "ce n'est pas un code valable : le vérifier et réessayer"),

    ("no phone is waiting with this code: it is wrong or has expired; make a new one on the new phone", "aucun téléphone n'attend avec ce code : il est faux ou périmé ; en faire un nouveau sur le nouveau téléphone"),
    ("the new phone did not answer: make a new code on it and try again; nothing was added", "le nouveau téléphone n'a pas répondu : y faire un nouveau code et réessayer ; rien n'a été ajouté"),
    ("this phone has not finished joining: start again with a new code", "ce téléphone n'a pas fini de rejoindre : recommencer avec un nouveau code"),

    // refused or kept aside by an import
    ("a resource type that FHIR R4 does not have: kept as a document", "un type que FHIR R4 n'a pas : gardé comme document"),
    ("a server's message (OperationOutcome), not a part of a record", "un message de serveur (OperationOutcome), pas un élément du dossier"),
    ("a bundle is not a resource of its own", "un bundle n'est pas lui-même une ressource"),
    ("a number has more than 64 characters", "un nombre a plus de 64 caractères"),
    ("a text holds half of a UTF-16 pair", "un texte contient une moitié de paire UTF-16"),
    ("an id or URL is longer than 2,048 bytes", "un identifiant ou une URL dépasse 2 048 octets"),
    ("an object has the same member twice", "un objet a deux fois le même membre"),
    ("more than 200,000 values in one resource", "plus de 200 000 valeurs dans une ressource"),
    ("nested more than 64 levels deep", "plus de 64 niveaux emboîtés"),
    ("not a JSON object", "ce n'est pas un objet JSON"),
    ("not a resource type of FHIR R4", "ce n'est pas un type de ressource de FHIR R4"),
    ("not well-formed JSON", "le JSON est mal formé"),
    ("the resource is larger than 16 MiB", "la ressource dépasse 16 Mio"),
    ("bundles nested more than 4 deep", "des bundles emboîtés sur plus de 4 niveaux"),
    ("larger than 16 MiB", "plus de 16 Mio"),
    ("more than 20,000,000 items in one file: reading stopped", "plus de 20 000 000 d'éléments dans un fichier : lecture arrêtée"),
    ("no resourceType: not a FHIR resource", "pas de resourceType : ce n'est pas une ressource FHIR"),
    ("not FHIR in JSON: ask the source for FHIR JSON or NDJSON", "ce n'est pas du FHIR en JSON : demander à la source du FHIR JSON ou NDJSON"),
    ("the bundle has its entries twice: only the first were read", "le bundle a deux fois ses entrées : seules les premières ont été lues"),
    ("the compressed file expands far beyond what health data does: reading stopped", "le fichier compressé gonfle bien plus que des données de santé : lecture arrêtée"),
    ("the compressed file is damaged or ends early: what came before was read", "le fichier compressé est abîmé ou s'arrête trop tôt : ce qui précède a été lu"),
    ("the entry has no resource", "l'entrée n'a pas de ressource"),
    ("the entry is a patch, not a resource", "l'entrée est une modification (patch), pas une ressource"),
    ("the file ends early: what came before was read", "le fichier s'arrête trop tôt : ce qui précède a été lu"),
    ("the file is empty", "le fichier est vide"),
    ("the line ends inside a resource", "la ligne s'arrête au milieu d'une ressource"),
    ("the text is in UTF-16: save it as UTF-8", "le texte est en UTF-16 : l'enregistrer en UTF-8"),
    ("the text is not valid UTF-8", "le texte n'est pas de l'UTF-8 valable"),
    ("written for a newer FHIR release (R5 or later): kept as a document", "écrit pour une version plus récente de FHIR (R5 ou après) : gardé comme document"),
    ("written for an older FHIR release (DSTU2 or STU3): kept as a document", "écrit pour une version plus ancienne de FHIR (DSTU2 ou STU3) : gardé comme document"),

    // what answers is not a relay, or a broken one
    ("what answered is not a Carnet relay: check its address, or log in to this network first", "ce qui a répondu n'est pas un relais Carnet : vérifier son adresse, ou se connecter d'abord à ce réseau"),
    ("the relay's numbers contradict each other", "les numéros du relais se contredisent"),
    ("it is longer than what was asked for", "elle est plus longue que ce qui était demandé"),
    ("the quarantine is full: this relay sends what no device of this record wrote", "la quarantaine est pleine : ce relais envoie ce qu'aucun appareil de ce dossier n'a écrit"),

    // sync, as notices
    ("a document is not what its author said of it", "un document n'est pas ce que son auteur en a dit"),
    ("unopenable", "un envoi ne s'ouvre pas : gardé en quarantaine"),
    ("unknown", "un envoi vient d'une version plus récente : gardé en quarantaine"),
    ("unauthorised", "un envoi vient d'un appareil qui n'a pas, ou pas encore, le droit d'écrire ici : gardé en quarantaine"),
    ("refused", "un envoi enfreint une règle : gardé en quarantaine"),

    // over a limit, or malformed
    ("Automerge refuses a change of the patient layer", "une écriture ne s'applique pas"),
    ("a change of the patient layer does not continue its past", "une écriture ne suit pas celles d'avant"),
    ("a change, as one envelope", "trop à la fois pour un seul envoi"),
    ("a field is display, when, value, unit, status, or a FHIR element path such as code.text", "un champ est display, when, value, unit, status, ou un chemin FHIR comme code.text"),
    ("a key or message of the patient layer", "une clé ou un message d'une écriture est trop long"),
    ("a name cannot be empty or hold control characters", "un nom ne peut être vide ni contenir de caractères de contrôle"),
    ("a pairing message", "un message d'appairage est trop long"),
    ("a public key is malformed", "une clé publique est mal formée"),
    ("a value of the patient layer", "une valeur d'une écriture est trop longue"),
    ("a welcome", "le message de bienvenue est trop long"),
    ("a wrapped secret", "un secret enveloppé est trop long"),
    ("actors of a change of the patient layer", "une écriture nomme trop d'auteurs"),
    ("actors or heads of a shard", "une partie du dossier a trop d'auteurs ou de fins"),
    ("an Automerge column is unknown", "une écriture a une colonne inconnue"),
    ("an entry has this id already", "une entrée a déjà cet identifiant"),
    ("bodies in one change", "trop de contenus dans une modification"),
    ("bytes of a change of the patient layer", "une écriture est trop longue"),
    ("changes that wait for a missing one", "trop d'écritures en attendent une qui manque"),
    ("content of a shard", "une partie du dossier est trop grande"),
    ("counters of the patient layer", "trop de compteurs dans une écriture"),
    ("dependencies of a change of the patient layer", "une écriture suit trop d'autres à la fois"),
    ("edits at once", "trop d'écritures à la fois"),
    ("entries of a shard", "trop d'entrées dans une partie du dossier"),
    ("lists are not part of the patient layer", "les listes n'ont pas leur place dans une écriture"),
    ("logical time", "le temps logique est trop grand"),
    ("not an Automerge document", "ce n'est pas un document Automerge"),
    ("not one uncompressed Automerge change", "ce n'est pas une modification Automerge seule et non compressée"),
    ("one import may name 100,000 files: import fewer at a time", "un import prend 100 000 fichiers au plus : en importer moins à la fois"),
    ("only maps and scalars are part of the patient layer", "une écriture ne contient que des champs et des valeurs simples"),
    ("operations of the patient layer", "trop d'opérations dans une écriture"),
    ("the Automerge bytes are malformed", "les octets Automerge sont mal formés"),
    ("the Automerge change is malformed", "la modification Automerge est mal formée"),
    ("the Automerge document is malformed", "le document Automerge est mal formé"),
    ("the change holds no operations", "la modification ne contient aucune opération"),
    ("the history of a shard", "l'histoire d'une partie du dossier est trop longue"),
    ("the name of a device", "le nom d'un appareil est trop long"),
    ("the name of a device has control characters", "le nom d'un appareil contient des caractères de contrôle"),
    ("the parents of an epoch", "une clé remplace trop d'autres clés"),
    ("the relay's address is not an http or https URL", "l'adresse du relais n'est pas une URL http ou https"),
    ("this folder already holds a vault", "ce répertoire tient déjà un coffre"),
    ("values of the patient layer", "trop de valeurs dans une écriture"),
    ("what was to be sealed", "ce qui devait être scellé est trop long"),

    // damage and the device
    ("a compartment", "un compartiment"),
    ("the key of this compartment", "la clé de ce compartiment"),
    ("TLS could not be set up", "TLS n'a pas pu être préparé"),
    ("a document has not arrived yet", "un document n'est pas encore arrivé"),
    ("a document is shorter than it was", "un document est plus court qu'il n'était"),
    ("an attachment", "un document joint"),
    ("no random numbers", "pas de nombres aléatoires"),
    ("the database has no schema", "la base n'a pas de schéma"),
    ("the database, and many before it", "la base, et plusieurs avant elle"),
    ("the file of the wrapped key is missing", "le fichier de la clé manque"),
    ("the file of the wrapped key", "le fichier de la clé"),
    ("the network could not be set up", "le réseau n'a pas pu être préparé"),
    ("the network thread could not be started", "le réseau n'a pas pu démarrer"),
    ("the patient layer", "ce que vous avez écrit"),
    ("the random source failed", "la source d'aléa a échoué"),
    ("the relay answered something that was not asked", "le relais a répondu autre chose que ce qui était demandé"),
    ("the relay did not start", "le relais n'a pas démarré"),
    ("the relay sent another part than was asked", "le relais a envoyé un autre morceau que celui demandé"),
    ("the signature does not hold", "la signature ne tient pas"),
    ("the wrapped key", "la clé enveloppée"),
    ("unfinished", "inachevé"),
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// The calls whose constant a person ends up reading: what they typed, asked for, paired or imported, what is over a limit,
    /// and what a relay answered.
    const READ_BY_PEOPLE: [&str; 8] = [
        "NotFound(",
        "Ambiguous(",
        "Pairing(",
        "Refusal(",
        "InvalidInput(",
        "Invalid(",
        "TooLarge(",
        "Garbled(",
    ];

    fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    fn constants(text: &str) -> Vec<String> {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let after = READ_BY_PEOPLE
            .iter()
            .flat_map(|call| code.split(call).skip(1));
        after
            .filter_map(|rest| rest.trim_start().strip_prefix('"')?.split_once('"'))
            .map(|(constant, _)| constant.to_owned())
            .collect()
    }

    #[test]
    fn what_the_engine_says_to_people_has_its_french() {
        let mut files = Vec::new();
        let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/src");
        sources(&engine, &mut files);
        let mut missing: Vec<String> = files
            .iter()
            .filter(|path| !path.to_string_lossy().ends_with("tests.rs"))
            .flat_map(|path| constants(&fs::read_to_string(path).unwrap()))
            .filter(|constant| !FRENCH.iter().any(|(english, _)| english == constant))
            .collect();
        missing.sort();
        missing.dedup();
        assert!(missing.is_empty(), "add to texts/engine.rs: {missing:#?}");
    }

    #[test]
    fn the_search_sees_constants_and_only_outside_tests() {
        let text = "Error::NotFound(\n  \"a\")\n Refusal(\"b\") NotFound(what) #[cfg(test)] Pairing(\"c\")";
        assert_eq!(constants(text), ["a", "b"]);
    }
}
