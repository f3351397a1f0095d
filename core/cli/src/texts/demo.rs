//! What `carnet demo` says.

super::texts! {
    STEP: "{0}/15  {1}", "{0}/15  {1}";

    RELAY: "Un relais démarre sur {0}. Il garde des octets scellés ; il n'a aucune clé.", "A relay starts at {0}. It keeps sealed bytes; it has no key.";
    PHONE_A: "Le téléphone A crée le coffre chiffré de {0}.", "Phone A creates the encrypted vault of {0}.";
    IMPORTED: "Il importe {0} ressources de {1} fichiers, en français et en anglais ; réimporter n'ajoute rien.", "It imports {0} resources from {1} files, in French and in English; importing again adds nothing.";
    DOCUMENTS: "Il importe un dossier de documents et un zip ; ce qui n'est pas compris est gardé scellé :", "It imports a folder of documents and a zip; what is not understood is kept sealed:";
    DOCUMENT: "       {0} : {1}", "       {0}: {1}";
    UNDERSTOOD: "compris (nouveaux : {0})", "understood (new: {0})";
    KNOWN: "déjà connu", "already known";
    HOSPITAL: "hôpital d'Annecy", "Annecy hospital";
    PULLED: "Il se connecte à un hôpital ({0}) et y récolte {1} ressources et une lettre, page par page ; récolter encore n'apporte rien.", "It connects to a hospital ({0}) and pulls {1} resources and a letter, page by page; pulling again brings nothing.";
    PAIRED: "Le téléphone B rejoint le A par un code, qui authentifie les deux.", "Phone B joins phone A by one code, which authenticates both.";
    SYNCED: "Ils se synchronisent : {0} chiffrés par le relais, et les deux dossiers sont identiques.", "They sync: {0} of ciphertext through the relay, and both records are identical.";
    EDITED: "Hors ligne, chacun écrit une note sur la même allergie et date autrement le même vaccin.", "Offline, each writes a note on the same allergy and dates the same vaccine differently.";
    MERGED: "De nouveau en ligne : les {0} notes sont là, le conflit est visible, les dossiers sont identiques.", "Online again: all {0} notes are there, the conflict is visible, the records are identical.";
    TIMELINE_DONE: "Voici le dossier fusionné, vu du téléphone B, chaque ligne avec sa source :", "This is the merged record, seen from phone B, each line with its source:";
    ONE_ITEM: "Un élément, d'où il vient et ce qu'on a écrit à côté :", "One item, where it comes from and what was written beside it:";
    CONFLICT: "Le conflit : rien n'est perdu, à la personne de trancher :", "The conflict: nothing is lost, the person decides:";
    SHARED: "La famille : Denis et Nadia, l'aide à domicile, entrent par invitation dans le dossier de Jeanne, la grand-mère, que Camille tient. De vive voix, chaque fois quatre mots ({0}) ; ce que Nadia note, tous l'ont :", "The family: Denis and Nadia, the home carer, are invited into the record of Jeanne, the grandmother, which Camille keeps. By voice, four words each time ({0}); what Nadia notes, all have:";
    SECRET: "Lou, 15 ans, ouvre son dossier à ses parents. Un médicament que sa source dit confidentiel : chez eux, ni ligne, ni mot, ni nombre ne le trahit.", "Lou, 15, opens their record to both parents. A medicine that its source labels confidential: on their phones no line, no word, no number betrays it.";
    REMOVED: "Nadia s'en va. Elle est dite retirée quand le relais et un autre téléphone le savent ; ce qui s'écrit ensuite ne s'ouvre plus chez elle.", "Nadia leaves. She is shown as removed once the relay and another phone know it; what is written then opens no more on her phone.";
    RECOVERED: "Le téléphone de Lou tombe dans le lac. Les 24 mots ({0}…) rendent le même dossier sur un neuf, secret compris ; l'ancien n'apprend plus rien.", "Lou's phone falls into the lake. The 24 words ({0}…) bring the same record back on a new one, the secret too; the old one learns nothing more.";
    PRIVATE: "Ni le relais ({0} de fichiers) ni les coffres ({1}) ne contiennent un seul des {2} mots cherchés ; la même recherche les trouve tous dans les fichiers d'origine.", "Neither the relay ({0} of files) nor the vaults ({1}) hold a single one of the {2} words looked for; the same search finds them all in the original files.";
    SECONDS: "Tout cela en {0} s.", "All of that in {0} s.";

    NEXT: "Et maintenant, avec vos données :", "And now, with your own data:";
    NEXT_INIT: "  carnet init --vault ~/carnet --person \"Votre Nom\"", "  carnet init --vault ~/carnet --person \"Your Name\"";
    NEXT_IMPORT: "  carnet import --vault ~/carnet mes-documents/", "  carnet import --vault ~/carnet my-documents/";
    NEXT_TIMELINE: "  carnet timeline --vault ~/carnet", "  carnet timeline --vault ~/carnet";
    NEXT_KEEP: "Regarder cette démonstration de plus près : carnet demo --keep RÉPERTOIRE", "To look at this demonstration more closely: carnet demo --keep FOLDER";
    KEPT: "Pour regarder les coffres gardés :", "To look at the kept vaults:";
    KEPT_LINE: "  CARNET_STATE={0}/state CARNET_PASSPHRASE={1} carnet --vault {0}/{2} timeline", "  CARNET_STATE={0}/state CARNET_PASSPHRASE={1} carnet --vault {0}/{2} timeline";

    NAME_A: "téléphone A de Camille", "Camille's phone A";
    NAME_B: "téléphone B de Camille", "Camille's phone B";
    PHONE_OF: "téléphone de {0}", "{0}'s phone";
    NEW_PHONE_OF: "nouveau téléphone de {0}", "{0}'s new phone";
    KIT: "papier", "paper";
    NOTE_NADIA: "Tension 14/8 ce matin, comprimé pris", "Blood pressure 140/80 this morning, tablet taken";
    NOTE_DENIS: "Nouvelle aide à partir de lundi", "A new carer from Monday on";
    NOTE_LOU: "Contrôle fait en juin", "Check-up done in June";
    NOTE_A: "Confirmé par le Dr Quesnel ; porter la carte d'allergie", "Confirmed by Dr Quesnel; carry the allergy card";
    NOTE_B: "Redit aux urgences de Dublin, juillet 2022", "Told again at the emergency room in Dublin, July 2022";

    WHY_IMPORT: "l'import n'a pas lu toutes les ressources", "the import did not read every resource";
    WHY_DOCUMENTS: "un document n'est pas devenu ce qu'il devait", "a document did not become what it should";
    WHY_WORDS: "les mots des deux côtés diffèrent", "the words on both sides differ";
    WHY_SECRET: "un parent voit quelque chose du secret", "a parent sees something of the secret";
    WHY_REMOVED: "le retrait n'est pas ce qu'il doit être", "the removal is not what it should be";
    WHY_RECOVERED: "le dossier retrouvé n'est pas le même, ou l'ancien téléphone lit encore", "the record brought back is not the same, or the old phone still reads";
    WHY_PULLED: "la récolte n'a pas tout pris", "the pull did not bring everything";
    WHY_AGAIN: "réimporter a ajouté quelque chose", "importing again added something";
    WHY_DIFFERENT: "les deux téléphones ne tiennent pas le même dossier", "the two phones do not hold the same record";
    WHY_MISSING: "un élément attendu manque", "an expected item is missing";
    WHY_SENT: "une écriture hors ligne n'attend pas d'être envoyée", "an offline write is not waiting to be sent";
    WHY_NOTES: "une note a disparu", "a note has disappeared";
    WHY_CONFLICT: "le conflit n'est pas visible", "the conflict is not visible";
    WHY_EMPTY: "le relais ne garde rien", "the relay keeps nothing";
    WHY_CONTROL: "la recherche ne trouve pas ce qu'elle doit trouver", "the search does not find what it must find";
    WHY_LEAK: "un mot lisible a été trouvé", "a readable word was found";
}
