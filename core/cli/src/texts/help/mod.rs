//! The words of `--help`: one entry per command (its path), per example block, and per argument (`path:id`). One file for
//! each family of commands.

mod ble;
mod documents;
mod everyday;
mod safety;
mod sources;
mod words;

use crate::language::Text;

/// What a family of commands says of itself.
pub(super) struct Help {
    /// By command: what it does.
    about: &'static [(&'static str, Text)],
    /// By command: examples, exit codes.
    after: &'static [(&'static str, Text)],
    /// By argument: the name of its value, and what it does.
    arguments: &'static [(&'static str, Text, Text)],
}

const FAMILIES: &[&Help] = &[
    &ble::HELP,
    &documents::HELP,
    &everyday::HELP,
    &safety::HELP,
    &sources::HELP,
];

const fn text(fr: &'static str, en: &'static str) -> Text {
    Text { fr, en }
}

/// What a command does.
pub fn about(path: &str) -> Option<Text> {
    FAMILIES.iter().find_map(|family| find(family.about, path))
}

/// What stands below its options: examples, exit codes.
pub fn after(path: &str) -> Option<Text> {
    FAMILIES.iter().find_map(|family| find(family.after, path))
}

/// The name of an argument's value, and what the argument does.
pub fn argument(key: &str) -> Option<(Text, Text)> {
    let mut all = FAMILIES.iter().flat_map(|family| family.arguments);
    let exact = all.find(|(name, ..)| *name == key);
    exact.map(|(_, value, text)| (*value, *text))
}

fn find(table: &[(&str, Text)], path: &str) -> Option<Text> {
    table
        .iter()
        .find(|(name, _)| *name == path)
        .map(|(_, text)| *text)
}

/// Every command and argument with help.
#[cfg(test)]
pub fn keys() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().flat_map(|family| {
        let arguments = family.arguments.iter().map(|(key, ..)| *key);
        family.about.iter().map(|(key, _)| *key).chain(arguments)
    })
}

/// Every text here.
#[cfg(test)]
pub fn texts() -> Vec<(String, Text)> {
    let mut all = Vec::new();
    for family in FAMILIES {
        let named = |(key, text): &(&str, Text)| (format!("help {key}"), *text);
        all.extend(family.about.iter().chain(family.after).map(named));
        for (key, value, text) in family.arguments {
            all.push((format!("help {key}"), *text));
            all.push((format!("value of {key}"), *value));
        }
    }
    all
}
