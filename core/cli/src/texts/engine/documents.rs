//! Documents that are no FHIR: CDA.

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("elements are nested more than 128 deep", "les éléments sont imbriqués sur plus de 128 niveaux"),
    ("more content than a document of one person can need", "plus de contenu qu'il n'en faut à un document d'une personne"),
    ("more elements or attributes than a document of one person can need", "plus d'éléments ou d'attributs qu'il n'en faut à un document d'une personne"),
    ("no ClinicalDocument in this XML", "ce XML ne contient pas de ClinicalDocument"),
    ("the XML is damaged: ask the source for the file again", "le XML est abîmé : redemander le fichier à sa source"),
    ("the document has a DTD, which this reader does not follow: ask for one without", "le document a une DTD, que ce lecteur ne suit pas : en demander un sans DTD"),
    ("the document is larger than 16 MiB", "le document dépasse 16 Mio"),
    ("the text is not in the encoding it declares: ask the source for UTF-8", "le texte n'est pas dans l'encodage qu'il déclare : demander de l'UTF-8 à la source"),
    // said of a document that was read
    ("a LOINC code fails its check digit: kept as written", "un code LOINC n'a pas la bonne clé : gardé tel quel"),
    ("a SNOMED CT code fails its check digit: kept as written", "un code SNOMED CT n'a pas la bonne clé : gardé tel quel"),
    ("a medicine code (CIP13) fails its check digit: kept as written", "un code de médicament (CIP13) n'a pas la bonne clé : gardé tel quel"),
    ("a national health identity (INS) fails its check digits: kept as written", "une identité nationale de santé (INS) n'a pas la bonne clé : gardée telle quelle"),
    ("a part of the document is too large for a list: it is in the original only", "une partie du document est trop grande pour une liste : elle n'est que dans l'original"),
    ("a professional's number (RPPS) fails its check digit: kept as written", "un numéro de professionnel (RPPS) n'a pas la bonne clé : gardé tel quel"),
    ("an embedded file is compressed, and kept so", "un fichier joint est compressé, et gardé ainsi"),
    ("an embedded file is damaged: it stays as the text it is", "un fichier joint est abîmé : il reste tel quel, comme texte"),
    ("some statements are in the original document only", "certains éléments ne sont que dans le document d'origine"),
    ("the document points to a file that is not in it", "le document renvoie à un fichier qu'il ne contient pas"),
];
