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
    ("the document is larger than 20 MiB", "le document dépasse 20 Mio"),
    ("the text is not in the encoding it declares: ask the source for UTF-8", "le texte n'est pas dans l'encodage qu'il déclare : demander de l'UTF-8 à la source"),
];
