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
    ("relay rolled back", "le relais est revenu en arrière : ce qui manquait a été renvoyé"),
    ("unfinished", "inachevé"),
];
