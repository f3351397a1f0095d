//! Bluetooth health devices.

use super::{Help, text};
use crate::language::Text;

pub const HELP: Help = Help {
    about: ABOUT,
    after: AFTER,
    arguments: ARGUMENTS,
};

#[rustfmt::skip]
const ABOUT: &[(&str, Text)] = &[
    ("ble", text("Ce que disent les appareils de mesure Bluetooth", "What Bluetooth measuring devices say")),
    ("ble decode", text("Dit ce que veulent dire les octets d'un appareil ; rien n'est enregistré", "Say what the bytes of a device mean; nothing is saved")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("ble decode", text(
        "Caractéristiques : 2A08 date, 2A18 glycémie, 2A34 contexte, 2A1C température, 2A35 tension,\n  2A37 pouls, 2A52 relevé, 2A5E et 2A5F oxymètre, 2A9C et 2A9D balance, 2AA7 et 2AAA capteur\n\nExemple :\n  $ carnet ble decode 2A35 15BDF00B009FF03C001200",
        "Characteristics: 2A08 date, 2A18 glucose, 2A34 context, 2A1C temperature, 2A35 pressure,\n  2A37 heart rate, 2A52 records, 2A5E and 2A5F oximeter, 2A9C and 2A9D scale, 2AA7 and 2AAA sensor\n\nExample:\n  $ carnet ble decode 2A35 15BDF00B009FF03C001200")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("ble decode:uuid", text("UUID", "UUID"), text("La caractéristique : 2A37, ou son UUID entier", "The characteristic: 2A37, or its whole UUID")),
    ("ble decode:hex", text("OCTETS", "BYTES"), text("Ses octets en hexadécimal", "Its bytes in hexadecimal")),
];
