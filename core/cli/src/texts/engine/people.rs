//! Members of a record, invitations, keys.

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("a key of this compartment that is not outdated", "il n'y a pas de clé à jour pour ce compartiment : synchroniser, puis recommencer"),
    ("a member with this name or id", "aucun membre n'a ce nom ni cet identifiant"),
    ("an invitation with this name", "aucune invitation n'a ce nom"),
    ("an offer of this record to you", "personne ne vous a offert ce dossier"),
    ("changes of this device that wait for an owner", "rien de cet appareil n'attend un propriétaire"),
    ("compare words with them first: nobody hands a record over to somebody unverified", "comparer d'abord les mots avec cette personne : un dossier ne se transmet pas à quelqu'un de non vérifié"),
    ("make a recovery kit first: without it a lost phone would take a shared record with it", "faire d'abord un kit de secours : sans lui, un téléphone perdu emporterait un dossier partagé"),
    ("the answer is not signed by who it names: make a new invitation", "la réponse n'est pas signée par qui elle nomme : faire une nouvelle invitation"),
    ("the devices of this member have begun too many lives", "les appareils de ce membre ont été réinstallés trop de fois"),
    ("the founder cannot be removed: they hand the founder's place over first", "le fondateur ne peut pas être retiré : il transmet d'abord sa place"),
    ("the members of this record", "les membres de ce dossier"),
    ("this compartment", "ce compartiment"),
    ("this invitation is under way already: sync to go on", "cette invitation est déjà en cours : synchroniser pour continuer"),
    ("this is what they have already", "c'est déjà ce que cette personne peut faire"),
    ("too many invitations are under way: wait for some to end", "trop d'invitations sont en cours : attendre que certaines finissent"),
];
