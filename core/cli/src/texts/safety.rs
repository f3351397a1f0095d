//! Lost phones and the ways back.

super::texts! {
    // lost phones
    REMOVED: "« {0} » est retiré : le relais et un autre appareil le savent. Il ne reçoit plus rien de ce qui s'écrit.", "\"{0}\" is removed: the relay and another device know. It gets nothing of what is written from now on.";
    PENDING_SENT: "Retrait de « {0} » en attente : le relais le sait, aucun autre appareil ne l'a encore dit. Faire `carnet sync` sur un autre, puis ici.", "Removal of \"{0}\" pending: the relay knows, no other device has said so yet. Run `carnet sync` on another one, then here.";
    PENDING: "Retrait de « {0} » en attente : aucun relais ne le sait encore. Faire `carnet sync`.", "Removal of \"{0}\" pending: no relay knows yet. Run `carnet sync`.";
    WHAT_WAS_READ: "Ce que cet appareil avait déjà reçu ne peut pas lui être repris.", "What this device had received already cannot be taken back.";
    NOT_TOLD: "le retrait est écrit ici mais le relais ne répond pas : refaire `carnet sync` au plus vite", "the removal is written here but the relay does not answer: run `carnet sync` as soon as possible";
    S_PENDING: "retrait en attente", "removal pending";
    S_REMOVED: "retiré", "removed";

    // recovery kit
    KIT_NAME: "Kit de récupération", "Recovery kit";
    KIT_INTRODUCTION: "Votre kit de récupération. Écrire ces 24 mots sur du papier, dans cet ordre :", "Your recovery kit. Write these 24 words on paper, in this order:";
    KIT_CODE: "Ou garder ce code, qui dit aussi où chercher :", "Or keep this code, which also says where to look:";
    KIT_ADVICE: "Qui lit ce papier peut tout lire. Le garder hors de portée, pas en photo. Une fois par an : `carnet recovery check`.", "Whoever reads this paper can read everything. Keep it out of reach, not as a photo. Once a year: `carnet recovery check`.";
    KIT_READY: "Ce kit est prêt : le relais a ce qu'il faut pour s'en servir.", "This kit is ready: the relay has what is needed to use it.";
    KIT_NOT_READY: "Ce kit n'est pas encore prêt : faire `carnet sync`.", "This kit is not ready yet: run `carnet sync`.";
    KIT_MATCHES: "Les mots sont justes : c'est « {0} ».", "The words are right: this is \"{0}\".";
    NO_KIT: "Aucun kit de récupération : `carnet recovery create`. Sans lui, un téléphone perdu emporte tout.", "No recovery kit: `carnet recovery create`. Without one a lost phone takes everything with it.";
    READY: "prêt", "ready";
    NOT_READY: "pas encore prêt : `carnet sync`", "not ready yet: `carnet sync`";
    ASK_KIT: "Les 24 mots, ou le code, sur une ligne :", "The 24 words, or the code, in one line:";
    EMPTY_KIT: "pas de kit : donner les 24 mots au clavier, ou un fichier par --kit", "no kit: type the 24 words, or give a file with --kit";
    RECOVERING: "Récupération", "Recovering";
    RECOVERED: "Tout est revenu : {0}.", "Everything is back: {0}.";
    STILL_THERE: "Ces appareils ont encore accès : {0}. Perdu ? `carnet device lost NOM`.", "These devices still have access: {0}. Lost? `carnet device lost NAME`.";

    // guardians
    GUARDIANS: "Gardiens", "Guardians";
    GUARDIAN_SET: "Il faut {0} de ces gardiens pour tout ramener : {1}.", "It takes {0} of these guardians to bring everything back: {1}.";
    GUARDIANS_NEXT: "Ensuite : `carnet sync`, ici et chez chacun. Seuls, ils ne peuvent rien lire de votre compte.", "Next: `carnet sync`, here and with each of them. Alone they can read nothing of your account.";
    NO_GUARDIANS: "Aucun gardien : `carnet guardians create NOM NOM NOM`.", "No guardians: `carnet guardians create NAME NAME NAME`.";
    GUARDING: "Vous gardez une part pour : {0}.", "You guard a share for: {0}.";
    MAKE_SURE: "répondre, c'est aider à ouvrir tout le compte : parler d'abord à la personne, de vive voix, puis refaire avec --yes", "answering helps to open a whole account: speak with the person first, then run it again with --yes";
    ANSWERED: "Votre part est envoyée à « {0} ».", "Your share is sent to \"{0}\".";
    UNKNOWN_WARD: "vous ne gardez rien pour cette personne : voir `carnet guardians list`", "you guard nothing for this person: see `carnet guardians list`";
    GUARDIAN_CODE: "Appeler vos gardiens et leur lire cette commande :", "Call your guardians and read this command to them:";
    GUARDIAN_WAIT: "En attente de leurs réponses…", "Waiting for their answers…";

    // handing over
    OFFERED: "Le dossier de {0} est proposé à {1}. Ensuite : `carnet sync`, puis chez {1} `carnet handover-ownership accept`. Cela ne se reprend pas.", "The record of {0} is offered to {1}. Next: `carnet sync`, then with {1} `carnet handover-ownership accept`. It cannot be taken back.";
    TAKEN_OVER: "Le dossier de {0} est maintenant entre vos mains. Ensuite : `carnet sync`.", "The record of {0} is in your hands now. Next: `carnet sync`.";
    WHAT_THEY_READ: "Ce que les autres ont déjà lu ne peut pas leur être repris.", "What others have read already cannot be taken back.";
    NAME_EVERYBODY: "dire de chacun ce qu'il garde, une fois : --keep NOM=RÔLE ou --remove NOM ; reste à dire pour {0}", "say of everybody what they keep, once: --keep NAME=ROLE or --remove NAME; still to say for {0}";
    BAD_GRANT: "« {0} » : écrire NOM=owner, NOM=caregiver ou NOM=reader, et :general,series pour une partie", "\"{0}\": write NAME=owner, NAME=caregiver or NAME=reader, and :general,series for a part";
    WHICH_MEMBER: "plusieurs membres s'appellent « {0} » : donner le début de leur compte", "several members are called \"{0}\": give the beginning of their account";
    UNKNOWN_MEMBER: "aucun membre ne s'appelle « {0} »", "no member is called \"{0}\"";

    // emergency card
    CARD_TITLE: "CARTE D'URGENCE : {0}", "EMERGENCY CARD: {0}";
    CARD_TITLE_BORN: "CARTE D'URGENCE : {0}, naissance {1}", "EMERGENCY CARD: {0}, born {1}";
    CARD_ALLERGIES: "Allergies", "Allergies and intolerances";
    CARD_PROBLEMS: "Maladies", "Conditions";
    CARD_TREATMENTS: "Traitements", "Treatments";
    CARD_OTHER: "À savoir", "Also";
    CARD_CONTACTS: "Prévenir", "Call";
    CARD_WRITTEN: "Écrite le {0}.", "Written {0}.";
    CARD_CODE: "Son code, à imprimer ou à garder sur l'écran verrouillé :", "Its code, to print or keep on the lock screen:";
    CARD_ADVICE: "Qui a ce code lit cette page, et rien d'autre : `carnet emergency open CODE`.", "Whoever has this code reads this page and nothing else: `carnet emergency open CODE`.";
    CARD_CURRENT: "Le relais a la carte telle qu'elle est là.", "The relay has the card as it is here.";
    CARD_NOT_YET: "Le relais n'a pas encore cette version : faire `carnet sync`.", "The relay does not have this version yet: run `carnet sync`.";
    CARD_FILE: "Carte écrite dans {0} : lisible sans réseau, avec son code seulement.", "Card written to {0}: readable without a network, with its code only.";
    CARD_REVOKED: "Carte révoquée : le relais ne l'a plus. Qui l'a déjà lue, ou en a une copie, la garde.", "Card revoked: the relay does not have it any more. Whoever has read it, or has a copy, keeps it.";
    CARD_REVOKING: "Carte en cours de révocation : le relais ne le sait pas encore. Faire `carnet sync`.", "Card being revoked: the relay does not know yet. Run `carnet sync`.";
    NO_CARD: "pas de carte d'urgence de cette personne sur cet appareil : `carnet emergency create`", "no emergency card of this person on this device: `carnet emergency create`";
    FILE_EXISTS: "{0} existe déjà : choisir un autre nom", "{0} exists already: choose another name";
}
