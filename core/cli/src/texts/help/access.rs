//! The access log.

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
    ("access", text("Le journal des accès : qui est entré, ce qui a été accordé, retiré, importé, exporté", "The access log: who came in, what was granted, removed, imported, exported")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("access", text(
        "Chaque appareil chaîne ses événements et nomme ceux des autres : un événement changé, omis ou déplacé se voit.\nCe que fait un lecteur (un export) n'y est pas : il ne peut rien écrire.\n\nExemples :\n  $ carnet access\n  $ carnet access --verify      code 7 si le journal a été touché",
        "Each device chains its events and names the others': one that was changed, left out or moved shows.\nWhat a reader does (an export) is not there: they can write nothing.\n\nExamples:\n  $ carnet access\n  $ carnet access --verify      exit code 7 if the log was tampered with")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("access:verify", FLAG, text("Vérifie, et retient jusqu'où va le journal : la fois suivante, une fin coupée se voit", "Check, and remember how far the log goes: next time an end that was cut off shows")),
    ("access:person", PERSON, WHOSE),
];
