//! Compartments.

use super::words::*;
use super::{Help, text};
use crate::language::Text;

pub const HELP: Help = Help {
    about: ABOUT,
    after: AFTER,
    arguments: ARGUMENTS,
};

const COMPARTMENT: Text = text("COMPARTIMENT", "COMPARTMENT");

#[rustfmt::skip]
const ABOUT: &[(&str, Text)] = &[
    ("compartment", text("Les parties d'un dossier, chacune avec ses clés et ses lecteurs", "The parts of a record, each with its own keys and readers")),
    ("compartment list", text("Les compartiments ouverts à vous, et qui peut les lire", "The compartments open to you, and who may read them")),
    ("compartment add", text("Ajoute un compartiment ; son nom est lu par tous les membres", "Add a compartment; its name is read by every member")),
    ("compartment move", text("Déplace un élément : il disparaît pour qui n'a pas ce compartiment", "Move an item: it is gone for whoever does not have that compartment")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("compartment", text(
        "Au départ : général, privé (les secrets), mesures. Ce qu'un document dit confidentiel va au privé dès l'import.",
        "To begin with: general, private (secrets), measurements. What a document labels confidential goes to private when imported.")),
    ("compartment move", text(
        "Ce qui a déjà été lu ne peut pas être repris.\n\nExemple :\n  $ carnet compartment move 3fa4c1 privé",
        "What was already read cannot be taken back.\n\nExample:\n  $ carnet compartment move 3fa4c1 private")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("compartment list:person", PERSON, WHOSE),
    ("compartment add:name", COMPARTMENT, text("Son nom : qu'il ne dise rien de ce qu'il contient", "Its name: let it tell nothing of what it holds")),
    ("compartment add:person", PERSON, WHOSE),
    ("compartment move:id", ID, SOME_ID),
    ("compartment move:compartment", COMPARTMENT, text("Où il va (voir `carnet compartment list`)", "Where it goes (see `carnet compartment list`)")),
];
