//! What an import says of items: why they were not understood, or not read.

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("a file changed while it was read: import it again", "un fichier a changé pendant sa lecture : l'importer de nouveau"),
    ("compressed in a way that is not supported: unpack it and import the folder", "comprimé d'une façon non prise en charge : le décompresser et importer le répertoire"),
    ("confidential, and you may not write where the patient's secrets are: let the patient import it", "confidentiel, et vous n'écrivez pas là où sont les secrets du patient : que le patient l'importe"),
    ("damaged in the archive: ask for the archive again", "abîmé dans l'archive : redemander l'archive"),
    ("a damaged zip of which nothing could be read: kept as a document", "zip abîmé, rien n'a pu en être lu : gardé comme document"),
    ("a damaged zip: what could be read of it was, and the zip itself is kept as a document", "zip abîmé : ce qui pouvait être lu l'est, et le zip lui-même est gardé comme document"),
    ("entries of this zip overlap, as no honest archive's do: kept as a document, not opened", "des entrées de ce zip se recouvrent, ce qu'aucune archive honnête ne fait : gardé comme document, pas ouvert"),
    ("the bytes of this document: sync to fetch them", "les octets de ce document ne sont pas sur cet appareil : synchroniser pour les recevoir"),
    ("a document of this item: it came as FHIR, and its original text is what `show --original` prints", "cet élément ne vient pas d'un document : il est venu en FHIR, et `show --original` affiche son texte d'origine"),
    ("expands far beyond what health data does: unpack it yourself if you trust it, and import that", "se décompresse bien au-delà de ce que font des données de santé : le décompresser soi-même si on lui fait confiance, et importer le résultat"),
    ("folders nested more than 32 deep: import the inner ones by name", "répertoires imbriqués sur plus de 32 niveaux : importer les plus profonds par leur nom"),
    ("larger than 960 MB: it cannot be kept in a record", "plus gros que 960 Mo : ne peut pas être gardé dans un dossier"),
    ("a link: what it points to is not in the archive", "un lien : ce qu'il désigne n'est pas dans l'archive"),
    ("left by an operating system: no health data", "laissé par un système d'exploitation : pas de données de santé"),
    ("more than 100,000 files in one zip: unpack it and import its folders one by one", "plus de 100 000 fichiers dans un zip : le décompresser et importer ses répertoires un par un"),
    ("not everything in this zip could be read: the zip itself is kept as a document too", "tout n'a pas pu être lu dans ce zip : le zip lui-même est aussi gardé comme document"),
    ("not FHIR, and no other format that is read: kept as a document", "ni FHIR ni un autre format lu : gardé comme document"),
    ("neither a file nor a folder: name one of these", "ni un fichier ni un répertoire : nommer l'un des deux"),
    ("protected by a password: unpack it with the password and import the folder", "protégé par un mot de passe : le décompresser avec le mot de passe et importer le répertoire"),
    ("of an unknown format: kept as a document", "d'un format inconnu : gardé comme document"),
    ("about somebody else, it seems: nothing of it was imported", "semble être d'une autre personne : rien n'en a été importé"),
    ("another birth date", "une autre date de naissance"),
    ("another name", "un autre nom"),
    ("a document of more than 64 MB: kept, its content is not read", "document de plus de 64 Mo : gardé, son contenu n'est pas lu"),
    ("the zip holds nothing", "le zip ne contient rien"),
    ("two entries of this zip have one name and only the last was read: the zip itself is kept as a document too", "deux entrées de ce zip ont le même nom et seule la dernière a été lue : le zip lui-même est aussi gardé comme document"),
    ("zips nested more than 8 deep: kept as a document, not opened; unpack it and import the inner ones", "zips imbriqués sur plus de 8 niveaux : gardé comme document, pas ouvert ; le décompresser et importer ceux du dedans"),
    ("a zip inside a zip larger than 64 MB: kept as a document, not opened; unpack it and import the folder", "zip de plus de 64 Mo dans un zip : gardé comme document, pas ouvert ; le décompresser et importer le répertoire"),
];
