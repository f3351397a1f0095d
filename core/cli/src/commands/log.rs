//! `carnet log`: what each device wrote and when it was last heard of, what waits in quarantine, what was found wrong.

use crate::arguments::Whose;
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::CliResult;
use crate::findings;
use crate::format::{clean, integer, recorded};
use crate::json;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::{finding as texts, message};
use carnet::vault::{Chain, History, LogHistory};

/// Shows the chains of one person, or of all and of the account.
pub fn run(arguments: &Whose, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let named = arguments.person.as_deref();
    let whose = named
        .map(|name| context::person(vault.persons()?, Some(name)))
        .transpose()?;
    let history = vault.history(whose.map(|person| person.record))?;
    match context.console.json {
        true => context.console.json(&json::history(&history)),
        false => print(&mut context.console, &history),
    }
}

fn print(console: &mut Console, history: &History) -> CliResult {
    let language = console.language;
    let rows: Vec<Vec<String>> = history
        .logs
        .iter()
        .flat_map(|log| {
            log.chains
                .iter()
                .map(move |chain| row(log, chain, language))
        })
        .collect();
    let columns = [
        Column::new(message::H_PERSON),
        Column::new(texts::H_COMPARTMENT),
        Column::new(message::H_DEVICE),
        Column::number(texts::H_CHANGES),
        Column::number(texts::H_MISSING),
        Column::new(texts::H_HEARD),
        Column::spare(message::H_MARKS),
    ];
    table::print(console, &columns, &rows)?;
    print_held(console, history)?;
    findings::print(console, &history.findings, true)?;
    let open = history.findings.iter().any(|one| one.healed.is_none());
    match open || history.logs.iter().any(|log| !log.held.is_empty()) {
        true => Ok(()),
        false => console.say(texts::ALL_WELL, &[]),
    }
}

fn row(log: &LogHistory, chain: &Chain, language: Language) -> Vec<String> {
    let name = chain.name.as_deref().map(clean);
    let missing = match chain.missing {
        0 => String::new(),
        missing => integer(missing, language),
    };
    vec![
        person(log, language),
        clean(texts::compartment(&log.compartment, language)),
        name.unwrap_or_else(|| texts::UNKNOWN_DEVICE.pick(language).to_owned()),
        integer(chain.changes, language),
        missing,
        chain
            .heard
            .map_or(String::new(), |at| recorded(at, language)),
        marks(chain, language),
    ]
}

fn person(log: &LogHistory, language: Language) -> String {
    let name = log.person.as_deref().map(clean);
    name.unwrap_or_else(|| texts::ACCOUNT.pick(language).to_owned())
}

fn marks(chain: &Chain, language: Language) -> String {
    let mut marks = Vec::new();
    if chain.this {
        marks.push(message::THIS_DEVICE.pick(language).to_owned());
    }
    if chain.life > 1 {
        marks.push(texts::LIFE.fill(language, &[&chain.life.to_string()]));
    }
    if chain.forked {
        marks.push(texts::FORKED.pick(language).to_owned());
    }
    if let Some(newest) = chain.snapshots.first() {
        marks.push(texts::SNAPSHOT.fill(language, &[&newest.to_string()]));
    }
    marks.join(", ")
}

fn print_held(console: &mut Console, history: &History) -> CliResult {
    let language = console.language;
    for log in &history.logs {
        for (word, count) in &log.held {
            let why = texts::held(word).map_or(*word, |text| text.pick(language));
            let place = format!(
                "{}, {}",
                person(log, language),
                clean(texts::compartment(&log.compartment, language))
            );
            console.say(texts::HELD, &[&integer(*count, language), &place, why])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::findings::tests::finding;
    use crate::samples;
    use carnet::vault::FindingKind;

    fn history() -> History {
        let chain = |n: u8, name: Option<&str>| Chain {
            device: samples::device(n),
            name: name.map(str::to_owned),
            this: n == 1,
            life: u64::from(n),
            changes: 1_200,
            heard: (n != 1).then_some(1_709_210_096_789),
            missing: u64::from(n) - 1,
            forked: n == 3,
            snapshots: vec![9, 4],
        };
        History {
            logs: vec![LogHistory {
                record: samples::record(1),
                person: Some("Camille".to_owned()),
                compartment: "general".to_owned(),
                chains: vec![
                    chain(1, Some("Mien")),
                    chain(2, Some("Tablette")),
                    chain(3, None),
                ],
                held: vec![("gap", 2)],
            }],
            findings: vec![finding(FindingKind::Gap, 2)],
        }
    }

    #[test]
    fn each_chain_is_a_line_and_what_is_wrong_comes_below() {
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &history()).unwrap();
        let text = printed.text();
        let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap();
        assert!(line("Mien").contains("cet appareil, instantané : n° 9"));
        assert!(line("Tablette").contains("29/02/2024") && line("Tablette").contains("vie 2"));
        assert!(line("inconnu").contains("deux histoires"));
        assert!(line("quarantaine").contains("Camille, général : 2 (attend un changement"));
        assert!(text.contains("À savoir, depuis le 29/02/2024"));
        assert!(!text.contains("Rien ne manque"));
    }

    #[test]
    fn all_is_well_is_said_only_when_it_is() {
        let (mut console, printed) = console(Language::En);
        let mut well = history();
        well.findings[0].healed = Some(3);
        print(&mut console, &well).unwrap();
        assert!(!printed.text().contains("Nothing is missing."));
        well.logs[0].held.clear();
        print(&mut console, &well).unwrap();
        assert!(printed.text().ends_with("Nothing is missing.\n"));
    }

    #[test]
    fn every_reason_of_the_engine_has_its_words() {
        for word in [
            "unopenable",
            "unknown",
            "unauthorised",
            "gap",
            "fork",
            "refused",
        ] {
            assert!(texts::held(word).is_some(), "{word}");
        }
    }
}
