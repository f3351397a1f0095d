//! The carers' view: what is new of each person, and who has not been heard of.

use crate::language::{Plural, Text};
use carnet::vault::NewsKind;

super::texts! {
    FOR_SINCE: "{0}, depuis le {1}", "{0}, since {1}";
    FOR_EVER: "{0}, depuis le début", "{0}, since the beginning";
    NOTHING_NEW: "Rien de nouveau.", "Nothing new.";
    ITEM: "nouveau", "new";
    VERSION: "nouvelle version", "new version";
    NOTE: "note", "note";
    CORRECTION: "correction", "correction";
    H_NEWS: "Nouveauté", "News";
    H_TEXT: "Texte", "Text";
    HEARD: "Dernière nouvelle de « {0} » : {1}.", "Last heard from \"{0}\": {1}.";
    JUST_NOW: "à l'instant", "just now";
}

/// How long ago something was.
pub const MINUTES: Plural = Plural {
    one: text("il y a {0} minute", "{0} minute ago"),
    many: text("il y a {0} minutes", "{0} minutes ago"),
};
/// The same in hours.
pub const HOURS: Plural = Plural {
    one: text("il y a {0} heure", "{0} hour ago"),
    many: text("il y a {0} heures", "{0} hours ago"),
};
/// The same in days.
pub const DAYS: Plural = Plural {
    one: text("il y a {0} jour", "{0} day ago"),
    many: text("il y a {0} jours", "{0} days ago"),
};

/// Every sentence about a number.
#[cfg(test)]
pub const PLURALS: &[Plural] = &[MINUTES, HOURS, DAYS];

const fn text(fr: &'static str, en: &'static str) -> Text {
    Text { fr, en }
}

/// What a piece of news is.
pub fn kind(kind: NewsKind) -> Text {
    match kind {
        NewsKind::Item => ITEM,
        NewsKind::Version => VERSION,
        NewsKind::Note => NOTE,
        NewsKind::Correction => CORRECTION,
    }
}
