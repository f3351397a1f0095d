//! Compartments of a record, and items that move between them.

super::texts! {
    H_ITEMS: "Éléments", "Items";
    H_READERS: "Qui peut lire", "Who may read";
    READ_ONLY: "lecture seule", "read only";
    ADDED: "Compartiment « {0} » ajouté. Son nom est lu par tous les membres ; son contenu, par qui a accès partout, ou à qui `carnet member role … --compartment` le donne.", "Compartment \"{0}\" added. Its name is read by every member; what is in it, by whoever has access everywhere, or is given it by `carnet member role … --compartment`.";
    MOVED: "Déplacé dans « {0} », avec ses notes et ses documents.", "Moved to \"{0}\", with its notes and documents.";
    GONE_FOR: "À leur prochain `carnet sync`, il disparaît pour : {0}.", "At their next `carnet sync` it is gone for: {0}.";
    ALREADY_READ: "Ce qu'ils ont déjà lu ne peut pas être repris, et leurs clés ouvrent encore l'historique chiffré d'avant.", "What they have already read cannot be taken back, and their keys still open the sealed history from before.";
    SHOWN_TO: "À leur prochain `carnet sync`, il apparaît pour : {0}.", "At their next `carnet sync` it appears for: {0}.";
}
