//! Members of a record.

use super::words::*;
use super::{Help, text};
use crate::language::Text;

pub const HELP: Help = Help {
    about: ABOUT,
    after: AFTER,
    arguments: ARGUMENTS,
};

const MEMBER: Text = text("MEMBRE", "MEMBER");
const ROLE: Text = text("RÔLE", "ROLE");
const COMPARTMENT: Text = text("COMPARTIMENT", "COMPARTMENT");
#[rustfmt::skip]
const SOME_MEMBER: Text = text("Son nom, ou le début de son identifiant (voir `carnet member list`)", "Their name, or the beginning of their id (see `carnet member list`)");
#[rustfmt::skip]
const SOME_ROLE: Text = text("propriétaire (décide), aidant (lit et écrit), lecteur (lit)", "owner (decides), caregiver (reads and writes), reader (reads)");
#[rustfmt::skip]
const UNTIL: Text = text("Dernier jour ; un appareil d'un propriétaire retire la personne le lendemain", "Last day; an owner's device removes them the day after");
#[rustfmt::skip]
const EVERYWHERE: Text = text("Dans tous les compartiments, présents et à venir, le privé aussi", "In every compartment, present and to come, the private one too");
#[rustfmt::skip]
const CALLED: Text = text("Comment vous vous appelez dans ce dossier (sinon la première personne du coffre)", "What you are called in this record (else the first person of the vault)");

#[rustfmt::skip]
const ABOUT: &[(&str, Text)] = &[
    ("member", text("Qui partage un dossier, et ce que chacun peut faire", "Who shares a record, and what each may do")),
    ("member list", text("Les membres, les invitations en cours, les retraits en attente, ce qui attend un propriétaire", "The members, invitations under way, pending removals, what waits for an owner")),
    ("member invite", text("Invite quelqu'un : écrit un code qui sert une fois, pendant une semaine", "Invite somebody: write a code that works once, for a week")),
    ("member accept", text("Accepte l'invitation de quelqu'un", "Accept somebody's invitation")),
    ("member role", text("Donne à un membre un autre rôle, d'autres compartiments ou une autre fin", "Give a member another role, other compartments or another end")),
    ("member remove", text("Retire un membre, ou vous-même : ce qui sera écrit ensuite ne s'ouvrira plus pour lui", "Remove a member, or yourself: what is written from then on does not open for them")),
    ("member verify", text("Dit que les mots comparés de vive voix sont les mêmes", "Say that the words compared by voice are the same")),
    ("member adopt", text("Prend dans le dossier ce qu'un appareil a écrit après la fin de son droit", "Take into the record what a device wrote after its right had ended")),
    ("member dismiss", text("Oublie une invitation", "Forget an invitation")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("member invite", text(
        "Sans --compartment ni --everywhere : général et mesures ; un propriétaire, partout.\nUn kit de secours est nécessaire avant la première invitation.\n\nExemples :\n  $ carnet member invite --role aidant\n  $ carnet member invite --role lecteur --compartment général --until 31/12/2026",
        "Without --compartment or --everywhere: general and measurements; an owner, everywhere.\nA recovery kit is needed before the first invitation.\n\nExamples:\n  $ carnet member invite --role caregiver\n  $ carnet member invite --role reader --compartment general --until 2026-12-31")),
    ("member role", text(
        "Ce qui n'est pas dit reste comme avant.\n\nExemple :\n  $ carnet member role \"Denis Martin\" lecteur --compartment général",
        "What is not said stays as it was.\n\nExample:\n  $ carnet member role \"Denis Martin\" reader --compartment general")),
    ("member verify", text("Exemple :\n  $ carnet member verify \"Denis Martin\" abeille canal fougère nuage", "Example:\n  $ carnet member verify \"Denis Martin\" apple canal fern noble")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("member list:person", PERSON, OF_ONE),
    ("member invite:role", ROLE, SOME_ROLE),
    ("member invite:compartment", COMPARTMENT, text("Dans ce compartiment ; répéter pour plusieurs", "In this compartment; repeat for several")),
    ("member invite:everywhere", FLAG, EVERYWHERE),
    ("member invite:until", DATE, UNTIL),
    ("member invite:name", PERSON, CALLED),
    ("member invite:relay", URL, text("Le relais de l'invitation (sinon celui retenu)", "The invitation's relay (else the remembered one)")),
    ("member invite:person", PERSON, WHOSE),
    ("member invite:no_qr", FLAG, text("Sans code QR", "No QR code")),
    ("member accept:code", text("CODE", "CODE"), text("Le code reçu", "The code you were sent")),
    ("member accept:name", PERSON, CALLED),
    ("member accept:tls_root", FILE, TLS_ROOT),
    ("member role:member", MEMBER, SOME_MEMBER),
    ("member role:role", ROLE, SOME_ROLE),
    ("member role:compartment", COMPARTMENT, text("Seulement dans ce compartiment ; répéter pour plusieurs", "Only in this compartment; repeat for several")),
    ("member role:everywhere", FLAG, EVERYWHERE),
    ("member role:until", DATE, UNTIL),
    ("member role:no_end", FLAG, text("Sans fin", "Without end")),
    ("member role:person", PERSON, WHOSE),
    ("member remove:member", MEMBER, SOME_MEMBER),
    ("member remove:person", PERSON, WHOSE),
    ("member verify:member", MEMBER, SOME_MEMBER),
    ("member verify:words", text("MOT", "WORD"), text("Les mots que l'autre vous a lus, en français ou en anglais", "The words the other one read to you, in French or English")),
    ("member verify:person", PERSON, WHOSE),
    ("member adopt:device", text("APPAREIL", "DEVICE"), text("Son nom, ou le début de son identifiant (voir `carnet member list`)", "Its name, or the beginning of its id (see `carnet member list`)")),
    ("member adopt:person", PERSON, WHOSE),
    ("member dismiss:invitation", ID, SOME_ID),
];
