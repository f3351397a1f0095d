//! What was found wrong with what came from devices and relays: what it is, and what a person can do about it. In these
//! sentences `{0}` is a number, `{1}` the device, `{2}` the device that has what is missing, `{3}` the relay.

use crate::language::{Language, Plural, Text};
use carnet::vault::FindingKind;

const fn text(fr: &'static str, en: &'static str) -> Text {
    Text { fr, en }
}

/// A sentence that is the same for every number.
const fn same(fr: &'static str, en: &'static str) -> Plural {
    Plural {
        one: text(fr, en),
        many: text(fr, en),
    }
}

super::texts! {
    OPEN: "À savoir : {0}", "Note: {0}";
    SINCE: "À savoir, depuis le {1} : {0}", "Note, since {1}: {0}";
    HEALED: "Réparé : {0}", "Healed: {0}";
    ADVICE: "  À faire : {0}", "  What to do: {0}";
    ALL_WELL: "Rien ne manque.", "Nothing is missing.";
    HELD: "En quarantaine, {1} : {0} ({2})", "In quarantine, {1}: {0} ({2})";
    UNKNOWN_DEVICE: "un appareil inconnu", "an unknown device";
    SOME_DEVICE: "un autre appareil", "another device";
    ACCOUNT: "le compte", "the account";
    H_COMPARTMENT: "Compartiment", "Compartment";
    H_CHANGES: "Changements", "Changes";
    H_MISSING: "Manquent", "Missing";
    H_HEARD: "Dernière nouvelle", "Last heard from";
    FORKED: "deux histoires", "two histories";
    LIFE: "vie {0}", "life {0}";
    SNAPSHOT: "instantané : n° {0}", "snapshot: no. {0}";
    RENAMED: "« {0} » s'appelle maintenant « {1} », ici et, après `carnet sync`, sur vos autres appareils.", "\"{0}\" is now called \"{1}\", here and, after `carnet sync`, on your other devices.";
    UNKNOWN_NAME: "aucun appareil de ce nom ou de cet identifiant : voir `carnet device list`", "no device has this name or id: see `carnet device list`";
    WHICH_DEVICE: "plusieurs appareils de ce nom : donner le début de l'identifiant (voir `carnet device list`)", "several devices have this name: give the beginning of the id (see `carnet device list`)";
    OR_SCAN: "ou, avec l'application, lire ce code :", "or, with the app, scan this code:";
}

/// What was found.
pub fn what(kind: FindingKind) -> Plural {
    match kind {
        FindingKind::Gap => Plural {
            one: text(
                "{0} changement de « {1} » manque ; de plus récents sont là et l'attendent.",
                "{0} change from \"{1}\" is missing; later ones are here and wait for it.",
            ),
            many: text(
                "{0} changements de « {1} » manquent ; de plus récents sont là et les attendent.",
                "{0} changes from \"{1}\" are missing; later ones are here and wait for them.",
            ),
        },
        FindingKind::Omission => Plural {
            one: text(
                "{0} changement de « {1} » manque ; « {2} » l'a vu.",
                "{0} change from \"{1}\" is missing; \"{2}\" has seen it.",
            ),
            many: text(
                "{0} changements de « {1} » manquent ; « {2} » les a vus.",
                "{0} changes from \"{1}\" are missing; \"{2}\" has seen them.",
            ),
        },
        FindingKind::BelowFloor => Plural {
            one: text(
                "{0} changement de « {1} » manque, que « {2} » avait déjà quand il a ajouté cet appareil : le relais donne moins.",
                "{0} change from \"{1}\" is missing that \"{2}\" had when it added this device: the relay gives less.",
            ),
            many: text(
                "{0} changements de « {1} » manquent, que « {2} » avait déjà quand il a ajouté cet appareil : le relais donne moins.",
                "{0} changes from \"{1}\" are missing that \"{2}\" had when it added this device: the relay gives less.",
            ),
        },
        FindingKind::Fork => same(
            "« {1} » a signé deux histoires différentes ; la preuve est gardée, et ce qu'il a écrit ensuite est mis à part.",
            "\"{1}\" signed two different histories; the proof is kept, and what it wrote afterwards is set aside.",
        ),
        FindingKind::RelayRolledBack => same(
            "le relais {3} ne montre plus ce qu'il avait, sans le dire (changements concernés : {0}).",
            "the relay {3} no longer shows what it had and does not say so (changes concerned: {0}).",
        ),
        FindingKind::RelayRestored => same(
            "le relais {3} a été remis en état depuis une sauvegarde (changements qui lui manquaient : {0}).",
            "the relay {3} was restored from a backup (changes it lacked: {0}).",
        ),
        FindingKind::Withheld => same(
            "le relais {3} annonce plus d'envois qu'il n'en donne.",
            "the relay {3} announces more than it gives.",
        ),
        FindingKind::Unreadable => Plural {
            one: text(
                "{0} envoi reçu ne s'ouvre pas : abîmé, inventé, ou d'une version plus récente.",
                "{0} envelope that came does not open: damaged, made up, or from a newer version.",
            ),
            many: text(
                "{0} envois reçus ne s'ouvrent pas : abîmés, inventés, ou d'une version plus récente.",
                "{0} envelopes that came do not open: damaged, made up, or from a newer version.",
            ),
        },
        FindingKind::DeviceRestored => same(
            "cet appareil a été remis dans un état ancien, ou copié ; il réapprend ce qu'il avait écrit.",
            "this device was put back to an older state, or copied; it learns again what it wrote.",
        ),
    }
}

/// What a person can do.
pub fn advice(kind: FindingKind) -> Text {
    match kind {
        FindingKind::Gap => text(
            "lancer `carnet sync` sur « {1} », ou sur un appareil qui a tout ; rien de ce qui est là n'est perdu",
            "run `carnet sync` on \"{1}\", or on a device that has everything; nothing that is here is lost",
        ),
        FindingKind::Omission | FindingKind::BelowFloor => text(
            "lancer `carnet sync` sur « {2} » ; si cela dure, le relais retient quelque chose : passer par un autre relais, un fichier, ou directement d'un appareil à l'autre",
            "run `carnet sync` on \"{2}\"; if it lasts, the relay holds something back: go by another relay, a file, or directly from one device to the other",
        ),
        FindingKind::Fork => text(
            "voir si cet appareil a été copié ou remis en arrière ; dans le doute, n'écrire que sur un autre",
            "see whether this device was copied or put back; in doubt, write on another one only",
        ),
        FindingKind::RelayRolledBack => text(
            "`carnet sync` renvoie ce que cet appareil a ; le lancer aussi sur les autres ; si cela recommence, changer de relais",
            "`carnet sync` sends again what this device has; run it on the others too; if it happens again, change the relay",
        ),
        FindingKind::RelayRestored => text(
            "`carnet sync` renvoie ce que cet appareil a ; le lancer aussi sur les autres",
            "`carnet sync` sends again what this device has; run it on the others too",
        ),
        FindingKind::Withheld => text(
            "relancer `carnet sync` plus tard ; si cela dure, changer de relais",
            "run `carnet sync` again later; if it lasts, change the relay",
        ),
        FindingKind::Unreadable => text(
            "mettre Carnet à jour ; ce qui manquerait est signalé à part et renvoyé par vos autres appareils",
            "update Carnet; what may be missing is told apart and sent again by your other devices",
        ),
        FindingKind::DeviceRestored => text(
            "lancer `carnet sync` ici, puis sur les autres appareils",
            "run `carnet sync` here, then on the other devices",
        ),
    }
}

/// Why something is in quarantine, by the engine's word.
pub fn held(word: &str) -> Option<Text> {
    let texts = HELD_FOR.iter().find(|(known, _)| *known == word);
    texts.map(|(_, text)| *text)
}

#[rustfmt::skip]
const HELD_FOR: &[(&str, Text)] = &[
    ("unopenable", text("ne s'ouvre pas : abîmé, inventé, ou d'une version plus récente", "does not open: damaged, made up, or from a newer version")),
    ("unknown", text("d'une version plus récente : mettre Carnet à jour", "from a newer version: update Carnet")),
    ("unauthorised", text("d'un appareil qui n'a pas, ou pas encore, le droit d'écrire", "from a device that may not, or not yet, write")),
    ("gap", text("attend un changement antérieur", "waits for an earlier change")),
    ("fork", text("contredit ce que le même appareil a signé", "contradicts what the same device signed")),
    ("refused", text("enfreint une règle ou une limite", "breaks a rule or a limit")),
];

/// A compartment's name for people; one they made themselves is its own name.
pub fn compartment(name: &str, language: Language) -> &str {
    let known = COMPARTMENTS.iter().find(|(known, _)| *known == name);
    known.map_or(name, |(_, text)| text.pick(language))
}

/// The compartment a person means: by its name, or as people call it in either language.
pub fn compartment_named(typed: &str) -> &str {
    let wanted = typed.trim().to_lowercase();
    let means = |text: &Text| text.fr.to_lowercase() == wanted || text.en.to_lowercase() == wanted;
    let known = COMPARTMENTS.iter().find(|(_, text)| means(text));
    known.map_or(typed.trim(), |(name, _)| name)
}

#[rustfmt::skip]
const COMPARTMENTS: &[(&str, Text)] = &[
    ("devices", text("appareils", "devices")),
    ("keyring", text("clés", "keys")),
    ("roster", text("membres", "members")),
    ("general", text("général", "general")),
    ("private", text("privé", "private")),
    ("series", text("mesures", "measurements")),
];

/// Every text of the tables.
#[cfg(test)]
pub fn texts() -> Vec<(String, Text)> {
    let mut all = Vec::new();
    for kind in FindingKind::ALL {
        let (plural, word) = (what(kind), kind.word());
        all.push((format!("finding {word}"), plural.one));
        all.push((format!("findings {word}"), plural.many));
        all.push((format!("advice {word}"), advice(kind)));
    }
    for (name, text) in HELD_FOR.iter().chain(COMPARTMENTS) {
        all.push(((*name).to_owned(), *text));
    }
    all
}
