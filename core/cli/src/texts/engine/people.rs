//! Members of a record, invitations, keys.

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("a key of this compartment that is not outdated", "il n'y a pas de clé à jour pour ce compartiment : synchroniser, puis recommencer"),
    ("a compartment with this name, open to you", "aucun compartiment de ce nom ne vous est ouvert"),
    ("a document of more than 64 MiB cannot be moved to another compartment", "un document de plus de 64 Mio ne peut pas être déplacé"),
    ("a record has 64 compartments at most", "un dossier a 64 compartiments au plus"),
    ("the bytes of this document: sync first, then move it", "le contenu de ce document n'est pas encore ici : synchroniser, puis le déplacer"),
    ("there is a compartment with this name already", "il y a déjà un compartiment de ce nom"),
    ("this item is in that compartment already", "cet élément est déjà dans ce compartiment"),
    ("you may read this compartment, not write there", "ce compartiment vous est ouvert en lecture seulement"),
    // refused by the rules of a roster
    ("you do not belong to this record any more: what is here can be read, and nothing added", "vous n'êtes plus membre de ce dossier : ce qui est ici peut être lu, rien n'y être ajouté"),
    ("you may read this, not write here: ask an owner of the record for another role", "vous pouvez lire ceci, pas y écrire : demander un autre rôle à un propriétaire du dossier"),
    ("only an owner of this record may do this, and only with what they have themselves", "seul un propriétaire de ce dossier peut le faire, et seulement avec ce qu'il a lui-même"),
    ("they were an owner before you: only somebody who was earlier, or they themselves, may take this from them", "cette personne était propriétaire avant vous : seul quelqu'un de plus ancien, ou elle-même, peut le lui retirer"),
    ("this was already done, or done otherwise: look at the members again", "c'est déjà fait, ou fait autrement : revoir les membres"),
    ("your right to do this has ended: sync and look at the members again", "votre droit de le faire a pris fin : synchroniser et revoir les membres"),
    ("not everything about the members is here yet: sync first", "tout n'est pas encore arrivé sur les membres : synchroniser d'abord"),
    ("this cannot be said about this record", "cela ne peut pas être dit de ce dossier"),
    // how an invitation ended
    ("this invitation has expired: make a new one", "cette invitation a expiré : en faire une autre"),
    ("this invitation was used by somebody else: make a new one, and tell the other person", "cette invitation a servi à quelqu'un d'autre : en faire une autre, et le dire à la personne"),
    ("the answer is not from who it names: make a new invitation", "la réponse n'est pas de qui elle nomme : faire une nouvelle invitation"),
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
    ("this last day is over: give a later one", "ce dernier jour est passé : en donner un plus tardif"),
    ("this invitation is under way already: sync to go on", "cette invitation est déjà en cours : synchroniser pour continuer"),
    ("this is what they have already", "c'est déjà ce que cette personne peut faire"),
    ("too many invitations are under way: wait for some to end", "trop d'invitations sont en cours : attendre que certaines finissent"),
];
