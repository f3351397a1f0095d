//! The carers' view.

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
    ("changes", text("Ce que les autres ont écrit depuis votre dernier regard, personne par personne", "What others wrote since you last looked, person by person")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("changes", text(
        "Le repère est propre à cet appareil et n'est montré à personne.\n\nExemples :\n  $ carnet changes\n  $ carnet changes --person \"Papa\" --keep",
        "The mark is this device's own and shown to nobody.\n\nExamples:\n  $ carnet changes\n  $ carnet changes --person \"Dad\" --keep")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("changes:person", PERSON, OF_ONE),
    ("changes:limit", COUNT, text("Au plus tant de nouveautés par personne (50)", "At most so many news of each person (50)")),
    ("changes:keep", FLAG, text("Garde le repère : la fois suivante remontre la même chose", "Keep the mark: next time shows the same again")),
];
