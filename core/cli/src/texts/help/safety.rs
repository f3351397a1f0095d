//! Lost phones and the ways back.

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
    ("device remove", text("Retire un appareil perdu, volé ou donné : il ne reçoit plus rien (aussi : device lost)", "Remove a device that was lost, stolen or given away: it gets nothing more (also: device lost)")),
    ("recovery", text("Le kit de récupération : 24 mots sur papier qui ramènent tout", "The recovery kit: 24 words on paper that bring everything back")),
    ("recovery create", text("Fait un kit et l'affiche, une seule fois", "Make a kit and show it, once")),
    ("recovery list", text("Les kits de ce compte", "The kits of this account")),
    ("recovery check", text("Vérifie que les mots écrits sont les bons", "Check that the words written down are the right ones")),
    ("recovery use", text("Sur un appareil vierge : ramène tout à partir des mots", "On a blank device: bring everything back from the words")),
    ("guardians", text("Des proches qui, à plusieurs, ramènent tout", "People who, several together, bring everything back")),
    ("guardians create", text("Nomme trois gardiens (deux suffiront) ou cinq (trois suffiront)", "Name three guardians (two will do) or five (three will do)")),
    ("guardians list", text("Vos gardiens, et ceux dont vous gardez une part", "Your guardians, and those for whom you guard a share")),
    ("guardians answer", text("Répond au code d'un proche qui a tout perdu", "Answer the code of somebody who has lost everything")),
    ("guardians use", text("Sur un appareil vierge : affiche un code pour les gardiens et attend leurs réponses", "On a blank device: show a code for the guardians and wait for their answers")),
    ("emergency", text("La carte d'urgence : une page lisible avec son code, sans le coffre", "The emergency card: a page readable with its code, without the vault")),
    ("emergency create", text("Fait la carte d'une personne ; l'ancienne est révoquée", "Make a person's card; the one before is revoked")),
    ("emergency show", text("Montre la carte et son code, ou l'écrit dans un fichier", "Show the card and its code, or write it to a file")),
    ("emergency open", text("Lit une carte par son code ; aucun coffre n'est nécessaire", "Read a card by its code; no vault is needed")),
    ("emergency revoke", text("Révoque la carte : le relais l'oublie", "Revoke the card: the relay forgets it")),
    ("handover-ownership", text("Remet un dossier à quelqu'un d'autre : un enfant devenu majeur, par exemple", "Hand a record over to somebody else: a child who comes of age, for example")),
    ("handover-ownership offer", text("Propose la première place à un membre ; ne se reprend pas", "Offer the first place to a member; cannot be taken back")),
    ("handover-ownership accept", text("Prend le dossier et dit ce que chacun garde", "Take the record and say what everybody keeps")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("device remove", text(
        "« Retiré » ne s'affiche que quand le relais et un autre appareil le savent ; avant, « en attente ».\nCe que l'appareil avait déjà reçu ne peut pas lui être repris.\n\nExemple :\n  $ carnet device lost \"Ancien téléphone\"",
        "\"Removed\" is shown only when the relay and another device know; before that, \"pending\".\nWhat the device had received already cannot be taken back.\n\nExample:\n  $ carnet device lost \"Old phone\"")),
    ("recovery create", text(
        "Exemple :\n  $ carnet recovery create --relay https://relais.exemple.fr",
        "Example:\n  $ carnet recovery create --relay https://relay.example.org")),
    ("recovery check", text(
        "Les mots sont lus au clavier, d'un fichier, ou de l'entrée standard ; jamais dans les arguments.\nMajuscules, accents et numéros ne comptent pas ; quatre lettres d'un mot suffisent.",
        "The words are read from the keyboard, a file, or standard input; never from arguments.\nCapitals, accents and numbers do not matter; four letters of a word are enough.")),
    ("recovery use", text(
        "Exemple :\n  $ carnet recovery use --vault ~/carnet --relay https://relais.exemple.fr --lost \"Ancien téléphone\"",
        "Example:\n  $ carnet recovery use --vault ~/carnet --relay https://relay.example.org --lost \"Old phone\"")),
    ("guardians create", text(
        "Ce sont des membres d'un dossier, dont les mots ont été comparés. Chacun garde une part ; une seule ne dit rien.\n\nExemple :\n  $ carnet guardians create Denis Eve Farid",
        "They are members of a record whose words were compared. Each keeps a share; one alone says nothing.\n\nExample:\n  $ carnet guardians create Denis Eve Farid")),
    ("guardians answer", text(
        "Parler d'abord à la personne, de vive voix : qui a ce code et assez de réponses ouvre tout le compte.",
        "Speak with the person first: whoever has this code and enough answers opens the whole account.")),
    ("emergency create", text(
        "Sont prises les allergies, maladies et traitements en cours du compartiment « general » ; un secret n'y va que\ns'il est nommé par --item. La carte se renouvelle à chaque `carnet sync`.\n\nExemple :\n  $ carnet emergency create --contact \"Denis, 06 00 00 00 00\"",
        "Current allergies, conditions and treatments of the compartment \"general\" are taken; a secret gets there only\nwhen --item names it. The card is renewed by each `carnet sync`.\n\nExample:\n  $ carnet emergency create --contact \"Denis, +33 6 00 00 00 00\"")),
    ("handover-ownership accept", text(
        "Exemple :\n  $ carnet handover-ownership accept --keep Maman=reader:general --remove Papa",
        "Example:\n  $ carnet handover-ownership accept --keep Mum=reader:general --remove Dad")),
];

const KIT_FILE: Text = text(
    "Le fichier qui contient les mots ou le code ; sinon le clavier",
    "The file that holds the words or the code; else the keyboard",
);

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("device remove:device", text("APPAREIL", "DEVICE"), text("Son nom, ou le début de son identifiant ; un kit aussi", "Its name, or the beginning of its id; a kit too")),
    ("device remove:tls_root", FILE, TLS_ROOT),
    ("recovery create:name", PERSON, text("Nom du kit, s'il y en a plusieurs", "Name of the kit, if there are several")),
    ("recovery create:relay", URL, text("Le relais où le kit cherchera ; sinon celui retenu", "The relay where the kit will look; else the remembered one")),
    ("recovery create:no_qr", FLAG, text("Sans code QR", "No QR code")),
    ("recovery create:tls_root", FILE, TLS_ROOT),
    ("recovery check:kit", FILE, KIT_FILE),
    ("recovery use:kit", FILE, KIT_FILE),
    ("recovery use:relay", URL, text("Le relais ; inutile avec le code, qui le dit", "The relay; not needed with the code, which says it")),
    ("recovery use:device_name", text("NOM", "NAME"), DEVICE_NAME),
    ("recovery use:lost", text("APPAREIL", "DEVICE"), text("Retire aussi cet appareil perdu ; répéter pour plusieurs", "Also remove this lost device; repeat for several")),
    ("recovery use:tls_root", FILE, TLS_ROOT),
    ("guardians create:members", PERSON, text("Trois ou cinq membres", "Three or five members")),
    ("guardians create:person", PERSON, text("Le dossier dont ils sont membres ; inutile s'il n'y en a qu'un", "The record they are members of; not needed when there is one")),
    ("guardians answer:code", text("CODE", "CODE"), text("Le code que la personne vous lit", "The code the person reads to you")),
    ("guardians answer:ward", PERSON, text("Pour qui ; inutile si vous ne gardez qu'une part", "For whom; not needed when you guard one share")),
    ("guardians answer:yes", FLAG, text("Je lui ai parlé : c'est bien cette personne qui demande", "I have spoken with them: it is they who ask")),
    ("guardians answer:tls_root", FILE, TLS_ROOT),
    ("guardians use:relay", URL, text("Le relais du compte", "The account's relay")),
    ("guardians use:device_name", text("NOM", "NAME"), DEVICE_NAME),
    ("guardians use:wait", DURATION, text("Attend les gardiens au plus ce temps (1h)", "Wait for the guardians at most this long (1h)")),
    ("guardians use:lost", text("APPAREIL", "DEVICE"), text("Retire aussi cet appareil perdu ; répéter pour plusieurs", "Also remove this lost device; repeat for several")),
    ("guardians use:no_qr", FLAG, text("Sans code QR", "No QR code")),
    ("guardians use:tls_root", FILE, TLS_ROOT),
    ("emergency create:person", PERSON, WHOSE),
    ("emergency create:include", KIND, text("Ce qui y va de soi-même : allergies, problems, treatments, none", "What goes on it by itself: allergies, problems, treatments, none")),
    ("emergency create:item", ID, text("Un élément en plus, même secret ; répéter pour plusieurs", "One more item, even a secret; repeat for several")),
    ("emergency create:leave_out", ID, text("Un élément à laisser de côté ; répéter pour plusieurs", "An item to leave out; repeat for several")),
    ("emergency create:contact", text("TEXTE", "TEXT"), text("Qui prévenir ; répéter pour plusieurs", "Whom to call; repeat for several")),
    ("emergency create:relay", URL, text("Le relais de la carte ; sinon celui retenu", "The card's relay; else the remembered one")),
    ("emergency create:tls_root", FILE, TLS_ROOT),
    ("emergency show:person", PERSON, WHOSE),
    ("emergency show:file", FILE, text("Écrit la carte scellée dans ce fichier nouveau", "Write the sealed card to this new file")),
    ("emergency show:no_qr", FLAG, text("Sans code QR", "No QR code")),
    ("emergency open:code", text("CODE", "CODE"), text("Le code de la carte", "The card's code")),
    ("emergency open:file", FILE, text("Lit la carte dans ce fichier, sans réseau", "Read the card from this file, without a network")),
    ("emergency open:tls_root", FILE, TLS_ROOT),
    ("emergency revoke:person", PERSON, WHOSE),
    ("emergency revoke:tls_root", FILE, TLS_ROOT),
    ("handover-ownership offer:member", PERSON, text("À qui", "To whom")),
    ("handover-ownership offer:person", PERSON, WHOSE),
    ("handover-ownership accept:person", PERSON, WHOSE),
    ("handover-ownership accept:keep", text("NOM=RÔLE", "NAME=ROLE"), text("Ce membre garde ceci : owner, caregiver, reader, et :compartiments", "This member keeps this: owner, caregiver, reader, and :compartments")),
    ("handover-ownership accept:remove", PERSON, text("Ce membre perd l'accès", "This member loses access")),
];
