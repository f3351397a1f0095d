//! Members of a record: who they are, what is under way, what was done.

use crate::language::{Plural, Text};
use carnet::vault::MemberRole;

super::texts! {
    // roles and marks
    OWNER: "propriétaire", "owner";
    CAREGIVER: "aidant", "caregiver";
    READER: "lecteur", "reader";
    FOUNDER: "fondateur", "founder";
    YOU: "vous", "you";
    UNVERIFIED: "NON VÉRIFIÉ", "NOT VERIFIED";
    EVERYWHERE: "partout", "everywhere";
    NO_NAME: "(sans nom)", "(no name)";

    // headings
    RECORD_OF: "Dossier de {0}", "Record of {0}";
    H_ROLE: "Rôle", "Role";
    H_WHERE: "Où", "Where";
    H_UNTIL: "Jusqu'au", "Until";
    H_PHONES: "Appareils", "Devices";

    // invitations
    INVITED: "Invitation {0}, à envoyer à la personne par n'importe quel moyen. Elle sert une fois, jusqu'au {1}. De son côté :", "Invitation {0}, to send to the person by any means. It works once, until {1}. On their side:";
    INVITED_NEXT: "Ensuite : `carnet sync` des deux côtés, puis comparer de vive voix les mots de `carnet member list`.", "Next: `carnet sync` on both sides, then compare by voice the words of `carnet member list`.";
    ACCEPTED: "Invitation {0} acceptée. Ensuite : `carnet sync` des deux côtés, et comparer de vive voix les mots de `carnet member list`.", "Invitation {0} accepted. Next: `carnet sync` on both sides, and compare by voice the words of `carnet member list`.";
    SENT_WAITING: "Invitation {0} ({1}, {2}) : pas encore de réponse ; elle sert jusqu'au {3}.", "Invitation {0} ({1}, {2}): no answer yet; it works until {3}.";
    TAKEN_WAITING: "Invitation {0} reçue : l'autre côté n'a pas encore répondu ; `carnet sync`.", "Invitation {0} received: the other side has not answered yet; `carnet sync`.";
    ANSWERED: "Invitation {0} : « {1} » a répondu ; `carnet sync` des deux côtés pour finir.", "Invitation {0}: \"{1}\" has answered; `carnet sync` on both sides to finish.";
    JOINED: "Invitation {0} : terminée avec « {1} ».", "Invitation {0}: completed with \"{1}\".";
    FAILED: "Invitation {0} : {1}. Pour ne plus la voir : `carnet member dismiss {0}`.", "Invitation {0}: {1}. To see it no more: `carnet member dismiss {0}`.";
    WORDS: "  Mots à comparer de vive voix : {0}   (en anglais : {1})", "  Words to compare by voice: {0}   (in French: {1})";
    WORDS_NEXT: "  S'ils sont les mêmes : carnet member verify \"{0}\" {1}", "  If they are the same: carnet member verify \"{0}\" {1}";
    DISMISSED: "Invitation oubliée. Personne n'est retiré par là.", "Invitation forgotten. Nobody is removed by that.";

    // changes of rights
    VERIFIED: "Les mots sont les mêmes : « {0} » est vérifié.", "The words are the same: \"{0}\" is verified.";
    CHANGED: "« {0} » : {1}, {2}. Ensuite : `carnet sync`. Ce qui a déjà été lu ne peut pas être repris.", "\"{0}\": {1}, {2}. Next: `carnet sync`. What was already read cannot be taken back.";
    REMOVED: "« {0} » est retiré ici. Le retrait est en attente tant que le relais et un autre appareil ne l'ont pas : `carnet sync`, puis `carnet member list`. Ce qui a déjà été lu ne peut pas être repris.", "\"{0}\" is removed here. The removal is pending until the relay and another device have it: `carnet sync`, then `carnet member list`. What was already read cannot be taken back.";
    LEFT: "Vous quittez ce dossier. Ensuite : `carnet sync`, pour que les autres le sachent. Ce qui est sur cet appareil y reste.", "You leave this record. Next: `carnet sync`, so that the others know. What is on this device stays here.";
    ADOPTED: "Ce que « {0} » avait écrit trop tard est maintenant dans le dossier, pour tous.", "What \"{0}\" wrote too late is now in the record, for everybody.";
    REMOVAL_PENDING: "Retrait de « {0} » en attente : {1}. D'ici là, qui ne le sait pas encore peut écrire pour ses yeux.", "Removal of \"{0}\" pending: {1}. Until then somebody who has not heard may write for them to read.";
    NOT_SENT: "pas encore envoyé (`carnet sync`)", "not sent yet (`carnet sync`)";
    NOT_KNOWN: "envoyé, aucun autre appareil ne l'a encore confirmé", "sent, no other device has confirmed it yet";
    REMOVAL_DONE: "« {0} » est retiré.", "\"{0}\" is removed.";
    ADOPT_NEXT: "  Pour le prendre quand même : carnet member adopt {0}", "  To take it all the same: carnet member adopt {0}";

    // handing over
    OFFER_OPEN: "La place de fondateur est offerte à « {0} » : carnet handover-ownership accept, de son côté.", "The founder's place is offered to \"{0}\": carnet handover-ownership accept, on their side.";
    CONTESTED: "La place de fondateur a été acceptée deux fois : elle avait été offerte à deux personnes. Une seule l'a ; en parler ensemble.", "The founder's place was accepted twice: it had been offered to two people. One of them has it; talk about it.";

    // refusals
    UNKNOWN_MEMBER: "aucun membre de ce nom ou de cet identifiant : voir `carnet member list`", "no member has this name or id: see `carnet member list`";
    WHICH_MEMBER: "plusieurs membres de ce nom : donner le début de l'identifiant (voir `carnet member list`)", "several members have this name: give the beginning of the id (see `carnet member list`)";
    UNKNOWN_INVITATION: "aucune invitation n'a cet identifiant : voir `carnet member list`", "no invitation has this id: see `carnet member list`";
    NOTHING_WAITS: "rien de cet appareil n'attend : voir `carnet member list`", "nothing of this device waits: see `carnet member list`";
    NO_WORDS: "cet appareil n'a pas de mots à comparer avec cette personne : ils sont sur celui qui l'a invitée", "this device has no words to compare with this person: they are on the one that invited them";
    WORDS_DIFFER: "ce ne sont pas les mots de cette invitation ; relire ensemble. S'ils diffèrent vraiment, quelqu'un est entre vous deux : retirer cette personne et refaire une invitation", "these are not the words of this invitation; read them again together. If they truly differ, somebody stands between you: remove this person and make a new invitation";
    UNKNOWN_COMPARTMENT: "« {0} » n'est pas un compartiment de ce dossier, ou pas ouvert à vous : {1}", "\"{0}\" is not a compartment of this record, or not open to you: {1}";
}

/// A role's name.
pub fn role(role: MemberRole) -> Text {
    match role {
        MemberRole::Owner => OWNER,
        MemberRole::Caregiver => CAREGIVER,
        MemberRole::Reader => READER,
    }
}

/// What waits for an owner. `{1}` is the device, `{2}` the compartment.
pub const WAITS: Plural = Plural {
    one: Text {
        fr: "« {1} » a écrit {0} changement ({2}) après la fin de son droit, sans le savoir : mis à part.",
        en: "\"{1}\" wrote {0} change ({2}) after its right had ended, without knowing: set aside.",
    },
    many: Text {
        fr: "« {1} » a écrit {0} changements ({2}) après la fin de son droit, sans le savoir : mis à part.",
        en: "\"{1}\" wrote {0} changes ({2}) after its right had ended, without knowing: set aside.",
    },
};
