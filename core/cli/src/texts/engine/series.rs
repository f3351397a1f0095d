//! Series: samples, units, feeds, charts.

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("this unit cannot be converted to the metric's: give the samples in a unit of the same kind", "cette unité ne se convertit pas en celle de la mesure : donner les valeurs dans une unité de même nature"),
    ("a source needs a key without control characters: its model and serial, or its app", "il faut nommer la source, sans caractère de commande : son modèle et son numéro, ou son application"),
    ("a source's key and name may have 256 bytes each", "le nom d'une source a 256 octets au plus"),
    ("a sample lies outside the years 1900 to 2200: check the unit of its time", "une valeur est datée hors des années 1900 à 2200 : vérifier l'unité de l'heure"),
    ("a sample ends before it begins, or lasts more than 31 days", "une valeur finit avant de commencer, ou dure plus de 31 jours"),
    ("an offset from UTC is over 18 hours", "un décalage horaire dépasse 18 heures"),
    ("a sample's reading is not what its metric has: a number, its components, or one of its states", "une valeur n'est pas de celles de sa mesure : un nombre, ses composantes ou un de ses états"),
    ("a series segment is cut short or malformed", "un bloc de valeurs est coupé ou mal formé"),
    ("a column of a series segment is malformed", "une colonne d'un bloc de valeurs est mal formée"),
    ("a series segment is malformed", "un bloc de valeurs est mal formé"),
    ("a series segment may hold 65,536 samples", "un bloc a 65 536 valeurs au plus"),
];
