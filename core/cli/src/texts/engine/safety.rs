//! Lost phones and the ways back.

/// English, French.
#[rustfmt::skip]
pub const FRENCH: &[(&str, &str)] = &[
    ("this is the device in your hands: remove it from another one, or with the recovery kit", "c'est l'appareil que vous tenez : le retirer depuis un autre, ou avec le kit de récupération"),
    ("this device was removed from the account: it can change nothing", "cet appareil a été retiré du compte : il ne peut rien changer"),
    ("recovery kits: an account has eight at most; remove one that is not needed any more", "trop de kits de récupération : huit au plus ; en retirer un qui ne sert plus"),
    ("this relay knows nothing of this recovery kit: check the words and the relay's address", "ce relais ne connaît pas ce kit : vérifier les mots et l'adresse du relais"),
    ("a recovery kit of this account with these words: they are right, but of another account or of a kit never used here", "les mots se tiennent, mais ce kit n'est pas de ce compte"),
    ("this recovery kit was removed: use the newer one", "ce kit a été retiré : prendre le plus récent"),
    ("the relay did not give the whole account: try again, or with another relay", "le relais n'a pas donné tout le compte : réessayer, ou avec un autre relais"),
    ("the words do not say where the account is: name the relay", "les mots ne disent pas où chercher : nommer le relais avec --relay"),
    ("the relay did not take what a recovery kit needs", "le relais n'a pas pris ce qu'il faut au kit de récupération : refaire `carnet sync` plus tard"),
    // guardians
    ("guardians are three people, of whom two are needed, or five, of whom three are needed", "il faut trois gardiens, dont deux suffisent, ou cinq, dont trois suffisent"),
    ("nobody is their own guardian", "on n'est pas son propre gardien"),
    ("compare words with each guardian first: a share must not go to somebody unverified", "comparer d'abord les mots avec chaque gardien : une part ne va pas à quelqu'un de non vérifié"),
    ("a share you guard for this person: ask them to name their guardians again", "vous ne gardez pas de part pour cette personne : lui demander de renommer ses gardiens"),
    ("you are a guardian of several persons: say of whom", "vous êtes gardien de plusieurs personnes : dire de qui avec --for"),
    ("no phone asks with this code: it is wrong or has expired", "aucun téléphone ne demande avec ce code : il est faux ou périmé"),
    ("too few guardians answered in time: start again with a new code", "trop peu de gardiens ont répondu à temps : recommencer avec un nouveau code"),
    ("two phones ask with this code, so somebody has overheard it: have a new one made", "deux téléphones demandent avec ce code, quelqu'un l'a donc entendu : en faire faire un autre"),
    ("this is not the code of a request to guardians: check it and try again", "ce n'est pas le code d'une demande à des gardiens : le vérifier et réessayer"),
    // emergency card
    ("only an owner of this record may make an emergency card of it", "seul un propriétaire de ce dossier peut en faire une carte d'urgence"),
    ("an emergency card of this person", "pas de carte d'urgence de cette personne"),
    ("this emergency card at its relay: it was revoked, or never written; ask for the new one", "le relais n'a pas cette carte d'urgence : elle a été révoquée, ou jamais écrite ; demander la nouvelle"),
    ("nothing was chosen for the emergency card: choose allergies, treatments, problems, items or contacts", "rien n'est choisi pour la carte d'urgence : choisir allergies, traitements, maladies, éléments ou contacts"),
    ("emergency cards: sync, so that revoked ones go", "trop de cartes d'urgence : synchroniser, pour que les révoquées partent"),
    ("this file is not of this emergency card", "ce fichier n'est pas celui de cette carte d'urgence"),
    ("an emergency card holds 200 lines and 10 contacts of 500 bytes at most: choose less", "une carte d'urgence tient 200 lignes et 10 contacts de 500 octets au plus : en choisir moins"),
    ("an emergency card cannot hold control characters", "une carte d'urgence ne peut pas contenir de caractères de contrôle"),
    ("the relay did not take what an emergency card says", "le relais n'a pas pris la carte d'urgence : refaire `carnet sync` plus tard"),
];
