//! Documents and their bytes.

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
    ("documents", text("Les documents gardés tels quels, du plus récent au plus ancien", "The documents kept as they came, newest first")),
    ("attachment", text("Rend les octets d'un document, ou de celui dont vient un élément", "Give back the bytes of a document, or of the one an item was read from")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("documents", text("Exemple :\n  $ carnet documents --limit 10", "Example:\n  $ carnet documents --limit 10")),
    ("attachment", text(
        "Le fichier n'est lisible que par vous et n'en remplace jamais un autre ; « - » écrit sur la sortie.\n\nExemple :\n  $ carnet attachment 3fa4c1 bilan.pdf",
        "Only you may read the file, and it never replaces another; \"-\" writes to standard output.\n\nExample:\n  $ carnet attachment 3fa4c1 report.pdf")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("documents:limit", COUNT, text("Au plus tant de documents", "At most so many documents")),
    ("documents:person", PERSON, OF_ONE),
    ("attachment:id", ID, SOME_ID),
    ("attachment:out", FILE, text("Le nouveau fichier, ou « - »", "The new file, or \"-\"")),
];
