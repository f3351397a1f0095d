//! Series: what wearables and devices measure.

use super::words::*;
use super::{Help, text};
use crate::language::Text;

pub const HELP: Help = Help {
    about: ABOUT,
    after: AFTER,
    arguments: ARGUMENTS,
};

const METRIC: Text = text("MESURE", "METRIC");
const SOURCE: Text = text("SOURCE", "SOURCE");
const PERIOD: Text = text("PÉRIODE", "PERIOD");
const ZONE: Text = text("FUSEAU", "ZONE");
const SOME_METRIC: Text = text(
    "La mesure : heart-rate, steps, weight… (voir `carnet series`)",
    "The metric: heart-rate, steps, weight… (see `carnet series`)",
);
const FROM: Text = text("À partir de ce jour", "From this day on");
const TO: Text = text("Jusqu'à ce jour compris", "Up to and including this day");
const SOME_ZONE: Text = text(
    "Fuseau horaire des jours et des heures : Europe/Paris (sinon celui de la machine)",
    "Time zone of days and hours: Europe/Paris (else the machine's)",
);
const EVERY: Text = text(
    "Une ligne par période : hour, day, week, month ou all",
    "One line for each period: hour, day, week, month or all",
);

#[rustfmt::skip]
const ABOUT: &[(&str, Text)] = &[
    ("series", text("Ce que mesurent montres, balances et autres appareils, et la dernière valeur", "What watches, scales and other devices measure, and the last value")),
    ("series priority", text("Dit quelle source croire d'abord quand plusieurs mesurent la même chose", "Say which source to believe first when several measure the same")),
    ("series status", text("Ce que cet appareil a lu, ce qui attend, depuis quand et pourquoi", "What this device has read, what waits, since when and why")),
    ("samples", text("Les valeurs d'une mesure, ou ce qu'elles donnent par période", "The samples of a metric, or what they come to in each period")),
    ("chart", text("Dessine une mesure dans le temps", "Draw a metric over time")),
    ("ingest", text("Prend des valeurs dans un fichier CSV, pour des scripts ; recommencer n'ajoute rien deux fois", "Take samples from a CSV file, for scripts; doing it again adds nothing twice")),
];

#[rustfmt::skip]
const AFTER: &[(&str, Text)] = &[
    ("series", text("Exemple :\n  $ carnet series --person \"Camille Martin\"", "Example:\n  $ carnet series --person \"Camille Martin\"")),
    ("series priority", text(
        "Sans source, montre l'ordre. Dans chaque heure, seule compte la première source de la liste qui a mesuré ;\nles autres sont gardées.\n\nExemple :\n  $ carnet series priority steps montre telephone",
        "Without a source, show the order. In each hour only the first source of the list that measured counts;\nthe others are kept.\n\nExample:\n  $ carnet series priority steps watch phone")),
    ("samples", text(
        "Exemples :\n  $ carnet samples heart-rate --from 2026-11-20 --csv\n  $ carnet samples steps --every day --json",
        "Examples:\n  $ carnet samples heart-rate --from 2026-11-20 --csv\n  $ carnet samples steps --every day --json")),
    ("chart", text("Exemple :\n  $ carnet chart weight --every month --svg poids.svg", "Example:\n  $ carnet chart weight --every month --svg weight.svg")),
    ("ingest", text(
        "Le fichier a une ligne de titres, puis une valeur par ligne :\n  metric,unit,start,end,value\n  steps,{count},2026-11-30T08:00:00+01:00,2026-11-30T08:10:00+01:00,420\n  blood-pressure,mm[Hg],2026-11-30T08:00:00+01:00,,121/79\n  sleep,1,2026-11-30T01:00:00+01:00,2026-11-30T02:30:00+01:00,deep\n\nExemple :\n  $ carnet ingest --source \"Montre 7\" valeurs.csv",
        "The file has a line of headings, then a sample on each line:\n  metric,unit,start,end,value\n  steps,{count},2026-11-30T08:00:00+01:00,2026-11-30T08:10:00+01:00,420\n  blood-pressure,mm[Hg],2026-11-30T08:00:00+01:00,,121/79\n  sleep,1,2026-11-30T01:00:00+01:00,2026-11-30T02:30:00+01:00,deep\n\nExample:\n  $ carnet ingest --source \"Watch 7\" samples.csv")),
];

#[rustfmt::skip]
const ARGUMENTS: &[(&str, Text, Text)] = &[
    ("series:person", PERSON, WHOSE),
    ("series priority:metric", METRIC, SOME_METRIC),
    ("series priority:sources", SOURCE, text("Les sources, de la plus à la moins crue", "The sources, the most believed first")),
    ("series priority:person", PERSON, WHOSE),
    ("series status:person", PERSON, WHOSE),
    ("samples:metric", METRIC, SOME_METRIC),
    ("samples:from", DATE, FROM),
    ("samples:to", DATE, TO),
    ("samples:zone", ZONE, SOME_ZONE),
    ("samples:person", PERSON, WHOSE),
    ("samples:every", PERIOD, EVERY),
    ("samples:source", SOURCE, text("Une source seulement", "One source only")),
    ("samples:csv", FLAG, text("Écrit du CSV", "Print CSV")),
    ("chart:metric", METRIC, SOME_METRIC),
    ("chart:from", DATE, FROM),
    ("chart:to", DATE, TO),
    ("chart:zone", ZONE, SOME_ZONE),
    ("chart:person", PERSON, WHOSE),
    ("chart:every", PERIOD, EVERY),
    ("chart:svg", FILE, text("Dessine dans ce fichier SVG, EN CLAIR", "Draw into this SVG file, NOT encrypted")),
    ("ingest:file", FILE, text("Le fichier CSV", "The CSV file")),
    ("ingest:source", SOURCE, text("Ce qui a mesuré : toujours le même nom pour le même appareil", "What measured: always the same name for the same device")),
    ("ingest:person", PERSON, WHOSE),
];
