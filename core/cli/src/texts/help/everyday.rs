//! A vault, its record, its devices, its upkeep.

use super::words::*;
use super::{Help, text};
use crate::language::Text;

pub const HELP: Help = Help {
    about: ABOUT,
    after: AFTER,
    arguments: ARGUMENTS,
};

#[rustfmt::skip]
const ABOUT: &[(&str, Text)] = &[
    ("", text("Carnet : votre dossier de santé, chiffré sur vos appareils, lisible par vous seul.", "Carnet: your health record, encrypted on your devices, readable by you alone.")),
    ("init", text("Crée un coffre chiffré dans un répertoire vide ou nouveau", "Create an encrypted vault in an empty or new folder")),
    ("person", text("Les personnes dont ce coffre tient le dossier", "The persons whose records this vault holds")),
    ("person add", text("Ajoute une personne et son dossier", "Add a person and their record")),
    ("person list", text("Liste les personnes", "List the persons")),
    ("import", text("Importe des fichiers, des zips ou tout un répertoire ; réimporter n'ajoute rien deux fois", "Import files, zips or a whole folder; importing again adds nothing twice")),
    ("timeline", text("La chronologie, du plus récent au plus ancien", "The timeline, newest first")),
    ("search", text("Cherche des mots, avec ou sans accents", "Search for words, with or without accents")),
    ("show", text("Un élément en entier : d'où il vient, ses notes, ses corrections", "One item in full: where it comes from, its notes, its corrections")),
    ("list", text("Les éléments d'un genre : allergies, traitements, vaccins…", "The items of a kind: allergies, treatments, vaccines…")),
    ("annotate", text("Écrit une note à côté d'un élément", "Write a note beside an item")),
    ("correct", text("Corrige ce qui est affiché ; la source reste intacte, à côté", "Correct what is shown; the source stays intact beside it")),
    ("conflicts", text("Les champs corrigés différemment sur deux appareils à la fois", "Fields corrected differently on two devices at once")),
    ("stats", text("Combien d'éléments, de versions, d'octets", "How many items, versions, bytes")),
    ("export", text("Écrit le dossier d'une personne dans un format ouvert, EN CLAIR", "Write a person's record in an open format, NOT encrypted")),
    ("device", text("Vos appareils", "Your devices")),
    ("device list", text("Liste vos appareils", "List your devices")),
    ("device join", text("Sur le nouvel appareil : affiche un code et attend que l'ancien le reçoive", "On the new device: show a code and wait until the old one has been given it")),
    ("device pair", text("Sur l'ancien appareil : accepte le code affiché par le nouveau", "On the old device: accept the code shown by the new one")),
    ("device rename", text("Donne un autre nom à l'un de vos appareils, partout", "Give one of your devices another name, everywhere")),
    ("log", text("Ce que chaque appareil a écrit, ce qui manque, ce qui attend, ce qui ne va pas", "What each device wrote, what is missing, what waits, what is wrong")),
    ("sync", text("Échange avec vos autres appareils : par un relais qui ne peut rien lire, directement, ou par un fichier", "Exchange with your other devices: through a relay that can read nothing, directly, or by a file")),
    ("verify", text("Vérifie la base, les signatures et chaque document", "Check the database, the signatures and every document")),
    ("compact", text("Résume l'historique : un nouvel appareil reçoit moins, le relais garde moins", "Sum up the history: a new device receives less, the relay keeps less")),
    ("demo", text("Montre tout en moins de dix secondes : deux téléphones, un relais, un dossier inventé", "Show everything in less than ten seconds: two phones, one relay, an invented record")),
    ("completions", text("Écrit les complétions pour votre shell", "Write completions for your shell")),
    ("help", text("Affiche l'aide d'une commande", "Print the help of a command")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("", text(
        "Pour commencer :\n  carnet demo                                    tout voir, sans rien installer\n  export CARNET_VAULT=~/carnet\n  carnet init --person \"Camille Martin\"\n  carnet import mes-documents/\n  carnet timeline\n\n\
         La phrase secrète est demandée au clavier, ou lue dans CARNET_PASSPHRASE ou\n--passphrase-file ; jamais dans les arguments.\n\
         Les ancres contre le retour en arrière sont gardées dans CARNET_STATE, sinon dans\n~/.local/state/carnet/anchors.\n\n\
         Codes de sortie :\n   0  tout va bien                       6  hors ligne, ou le relais refuse\n   1  autre erreur                       7  données abîmées, ou d'une version plus récente\n   2  ligne mal tapée                    8  éléments rejetés par un import --strict\n   3  verrouillé, ou mauvaise phrase     9  annulé\n   4  introuvable                       10  l'appairage n'a pas abouti\n   5  valeur qui ne convient pas        11  disque plein",
        "To begin:\n  carnet demo                                    see it all, nothing to set up\n  export CARNET_VAULT=~/carnet\n  carnet init --person \"Camille Martin\"\n  carnet import my-documents/\n  carnet timeline\n\n\
         The passphrase is asked at the keyboard, or read from CARNET_PASSPHRASE or\n--passphrase-file; never from arguments.\n\
         Anchors against rollback are kept in CARNET_STATE, else in ~/.local/state/carnet/anchors.\n\n\
         Exit codes:\n   0  all is well                        6  offline, or the relay refuses\n   1  another error                      7  damaged data, or from a newer version\n   2  mistyped line                      8  items rejected by import --strict\n   3  locked, or wrong passphrase        9  cancelled\n   4  not found                         10  pairing did not complete\n   5  a value that does not suit        11  disk full")),
    ("init", text(
        "Exemple :\n  $ carnet init --vault ~/carnet --person \"Camille Martin\" --birth-date 1984-03",
        "Example:\n  $ carnet init --vault ~/carnet --person \"Camille Martin\" --birth-date 1984-03")),
    ("person", text("Exemple :\n  $ carnet person add \"Lou Martin\" --birth-date 2019", "Example:\n  $ carnet person add \"Lou Martin\" --birth-date 2019")),
    ("import", text(
        "Reconnaît chaque fichier à son contenu, quel que soit son nom, aussi dans des zips. Lit FHIR R4 (bundles, ressources\nseules, NDJSON, gzip) et les documents CDA (laboratoire, hôpital, Mon espace santé) ; un document d'une autre\npersonne attend une réponse. Garde le reste comme documents : PDF, images, textes, fichiers inconnus. Rien n'est perdu.\nInterrompu, l'import reprend là où il en était.\n\nExemples :\n  $ carnet import resultats.json\n  $ carnet import telechargements/ --person \"Lou Martin\" --json",
        "Recognises each file by its content, whatever it is called, also inside zips. Reads FHIR R4 (bundles, single resources,\nNDJSON, gzip) and CDA documents (laboratories, hospitals, Mon espace santé); a document about somebody else waits for an\nanswer. Keeps the rest as documents: PDF, images, texts, unknown files. Nothing is lost.\nInterrupted, an import resumes where it was.\n\nExamples:\n  $ carnet import results.json\n  $ carnet import downloads/ --person \"Lou Martin\" --json")),
    ("timeline", text(
        "Catégories : patient-summary (synthèse), prescription (ordonnances), dispensation,\n  imaging (imagerie), laboratory (biologie), discharge (sorties d'hôpital), other (autres),\n  ou celles de Mon espace santé : SYNTHESE, ORD_SOIN, RADIO_SC, BIOLOGIE…\n\nExemples :\n  $ carnet timeline --from 2021 --category laboratory\n  $ carnet timeline --from 12/03/2021 --to 04/2021",
        "Categories: patient-summary, prescription, dispensation, imaging, laboratory,\n  discharge, other, or those of Mon espace santé: SYNTHESE, ORD_SOIN, RADIO_SC, BIOLOGIE…\n\nExamples:\n  $ carnet timeline --from 2021 --category laboratory\n  $ carnet timeline --from 2021-03-12 --to 2021-04")),
    ("search", text("Exemple :\n  $ carnet search penicilline     trouve « Allergie à la pénicilline »", "Example:\n  $ carnet search penicilline     finds \"Allergie à la pénicilline\"")),
    ("show", text("Exemples :\n  $ carnet show 3fa4c1\n  $ carnet show 3fa4c1 --original > resultat.json", "Examples:\n  $ carnet show 3fa4c1\n  $ carnet show 3fa4c1 --original > result.json")),
    ("list", text("Exemples :\n  $ carnet list allergies\n  $ carnet list Observation --category laboratory", "Examples:\n  $ carnet list allergies\n  $ carnet list Observation --category laboratory")),
    ("annotate", text("Exemple :\n  $ carnet annotate 3fa4c1 \"À revoir avec le Dr Morel\"", "Example:\n  $ carnet annotate 3fa4c1 \"Ask Dr Morel again\"")),
    ("correct", text(
        "Champs : display (nom), when (date), value (valeur), unit (unité), status (statut), ou un chemin FHIR.\n\nExemple :\n  $ carnet correct 3fa4c1 date 12/03/2021",
        "Fields: display, when, value, unit, status, or a FHIR element path.\n\nExample:\n  $ carnet correct 3fa4c1 when 2021-03-12")),
    ("export", text(
        "Le fichier n'est lisible que par vous (droits 0600) et n'en remplace pas un autre sans --force ; « - » écrit sur la sortie.\n\nExemples :\n  $ carnet export --format fhir camille.json\n  $ carnet export --format ndjson - | wc -l\n  $ carnet export --format archive camille.zip",
        "Only you may read the file (mode 0600); it replaces no other without --force; \"-\" writes to standard output.\n\nExamples:\n  $ carnet export --format fhir camille.json\n  $ carnet export --format ndjson - | wc -l\n  $ carnet export --format archive camille.zip")),
    ("device", text(
        "Exemple :\n  nouveau $ carnet device join --relay https://relais.exemple.fr --vault ~/carnet\n  ancien  $ carnet device pair CODE",
        "Example:\n  new $ carnet device join --relay https://relay.example.org --vault ~/carnet\n  old $ carnet device pair CODE")),
    ("sync", text(
        "Les relais nommés sont retenus, à la place de ceux d'avant ; sans nom, tous ceux retenus servent.\nUn fichier se confie à n'importe qui : seuls vos appareils le lisent.\n\nExemples :\n  $ carnet sync --relay https://relais.exemple.fr\n  $ carnet sync --deadline 25s --json\n  $ carnet sync --listen                  puis sur l'autre : carnet sync --peer ADRESSE\n  $ carnet sync --file /media/cle/famille.carnet-sync",
        "The relays named are remembered, in place of those before; without a name all remembered ones serve.\nA file may be handed to anybody: only your devices can read it.\n\nExamples:\n  $ carnet sync --relay https://relay.example.org\n  $ carnet sync --deadline 25s --json\n  $ carnet sync --listen                  then on the other: carnet sync --peer ADDRESS\n  $ carnet sync --file /media/stick/family.carnet-sync")),
    ("device rename", text("Exemple :\n  $ carnet device rename Second \"Tablette de Maman\"", "Example:\n  $ carnet device rename Second \"Mum's tablet\"")),
    ("log", text("Exemples :\n  $ carnet log\n  $ carnet log --person \"Lou Martin\" --json", "Examples:\n  $ carnet log\n  $ carnet log --person \"Lou Martin\" --json")),
    ("completions", text("Exemple :\n  $ carnet completions bash > ~/.local/share/bash-completion/completions/carnet", "Example:\n  $ carnet completions bash > ~/.local/share/bash-completion/completions/carnet")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    (":vault", FOLDER, text("Le coffre [CARNET_VAULT]", "The vault [CARNET_VAULT]")),
    (":lang", text("fr|en", "fr|en"), text("La langue (sinon celle du système)", "The language (else the system's)")),
    (":json", FLAG, text("Pour les programmes : JSON sur la sortie", "For programs: JSON on standard output")),
    (":passphrase_file", FILE, text("Lit la phrase secrète dans la première ligne d'un fichier", "Read the passphrase from the first line of a file")),
    (":quiet", FLAG, text("Sans barre de progression", "No progress bar")),
    (":version", FLAG, text("Affiche la version", "Print the version")),
    ("init:person", PERSON, text("Votre nom, tel qu'il sera affiché", "Your name, as it will be shown")),
    ("init:birth_date", DATE, BORN),
    ("init:device_name", PERSON, DEVICE_NAME),
    ("person add:name", PERSON, text("Son nom, tel qu'il sera affiché", "Their name, as it will be shown")),
    ("person add:birth_date", DATE, BORN),
    ("import:paths", text("CHEMIN", "PATH"), text("Fichiers, zips ou répertoires", "Files, zips or folders")),
    ("import:person", PERSON, WHOSE),
    ("import:anyway", FLAG, text("Importe aussi les documents qui semblent être d'une autre personne", "Import documents that seem to be about somebody else too")),
    ("import:strict", FLAG, text("Sort avec le code 8 si un élément est rejeté", "Exit with code 8 if an item is rejected")),
    ("timeline:from", DATE, text("À partir de cette date, entière ou non", "From this date on, whole or not")),
    ("timeline:to", DATE, text("Jusqu'à cette date comprise, entière ou non", "Up to and including this date, whole or not")),
    ("timeline:category", CATEGORY, SOME_CATEGORY),
    ("timeline:kind", KIND, SOME_KIND),
    ("timeline:limit", COUNT, MOST),
    ("timeline:person", PERSON, OF_ONE),
    ("search:text", text("MOT", "WORD"), text("Des mots, tous présents", "Words, all present")),
    ("search:limit", COUNT, MOST),
    ("search:person", PERSON, OF_ONE),
    ("show:id", ID, SOME_ID),
    ("show:history", FLAG, text("Toutes les versions et où chacune a été vue", "Every version and where each was seen")),
    ("show:original", FLAG, text("Le texte d'origine, à l'octet près", "The original text, byte for byte")),
    ("list:kind", KIND, SOME_KIND),
    ("list:category", CATEGORY, SOME_CATEGORY),
    ("list:limit", COUNT, MOST),
    ("list:person", PERSON, OF_ONE),
    ("annotate:id", ID, SOME_ID),
    ("annotate:text", text("TEXTE", "TEXT"), text("La note", "The note")),
    ("correct:id", ID, SOME_ID),
    ("correct:field", text("CHAMP", "FIELD"), text("Le champ à corriger", "The field to correct")),
    ("correct:value", text("VALEUR", "VALUE"), text("Ce qu'il faut afficher", "What to show")),
    ("stats:person", PERSON, OF_ONE),
    ("export:format", text("fhir|ndjson|archive", "fhir|ndjson|archive"), text("fhir : un Bundle ; ndjson : une ressource par ligne ; archive : un zip avec les documents", "fhir: one Bundle; ndjson: one resource per line; archive: a zip with the documents")),
    ("export:out", text("SORTIE", "OUT"), text("Le fichier à écrire, ou « - »", "The file to write, or \"-\"")),
    ("export:to", text("QUI", "WHO"), text("À qui le fichier est remis : inscrit au journal des accès", "To whom the file is given: written into the access log")),
    ("export:person", PERSON, WHOSE),
    ("export:force", FLAG, text("Remplace un fichier existant", "Replace an existing file")),
    ("device join:relay", URL, text("Le relais que vos appareils utilisent", "The relay your devices use")),
    ("device join:device_name", PERSON, DEVICE_NAME),
    ("device join:wait", DURATION, text("Attend l'ancien appareil au plus ce temps (10m)", "Wait for the old device at most this long (10m)")),
    ("device join:no_qr", FLAG, text("Sans code QR", "No QR code")),
    ("device rename:device", text("APPAREIL", "DEVICE"), text("Son nom actuel, ou le début de son identifiant", "Its present name, or the beginning of its id")),
    ("device rename:name", PERSON, text("Son nouveau nom", "Its new name")),
    ("log:person", PERSON, OF_ONE),
    ("device join:tls_root", FILE, TLS_ROOT),
    ("device pair:code", text("CODE", "CODE"), text("Le code affiché par le nouvel appareil", "The code shown by the new device")),
    ("device pair:tls_root", FILE, TLS_ROOT),
    ("sync:relay", URL, text("Le relais, retenu pour la suite ; répéter pour plusieurs", "The relay, remembered from then on; repeat for several")),
    ("sync:peer", ADDRESS, text("Échange directement avec l'appareil qui attend à cette adresse", "Exchange directly with the device that waits at this address")),
    ("sync:listen", ADDRESS, text("Attend d'autres appareils, ici ou à cette adresse", "Wait for other devices, here or at this address")),
    ("sync:once", FLAG, text("N'attend qu'un appareil", "Wait for one device only")),
    ("sync:file", FILE, text("Échange par ce fichier, créé au besoin : clé USB, messagerie", "Exchange by this file, made if needed: USB stick, messenger")),
    ("sync:deadline", DURATION, text("S'arrête au bout de ce temps : 25s, 2m", "Stop after this long: 25s, 2m")),
    ("sync:watch", FLAG, text("Reste et échange dès qu'il y a du nouveau, jusqu'à Ctrl-C", "Stay and sync whenever there is news, until Ctrl-C")),
    ("sync:background", FLAG, text("Envoie, reçoit et garde sans fusionner : la commande suivante fusionne", "Send, receive and keep without merging: the next command merges")),
    ("sync:tls_root", FILE, TLS_ROOT),
    ("verify:rebuild", FLAG, text("Recalcule aussi chaque vue et la compare", "Also recompute every view and compare it")),
    ("compact:person", PERSON, OF_ONE),
    ("demo:keep", FOLDER, text("Garde les deux coffres et le relais pour les regarder", "Keep both vaults and the relay to look at them")),
    ("completions:shell", text("SHELL", "SHELL"), text("bash, zsh, fish, elvish ou powershell", "bash, zsh, fish, elvish or powershell")),
    ("help:command", text("COMMANDE", "COMMAND"), text("La commande", "The command")),
];
