//! `carnet access`: the access log of a record, newest last.

use super::member::places;
use crate::arguments::access::AccessArguments;
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, integer, recorded, when};
use crate::json::access as json;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::{access as texts, engine, finding, member, message};
use carnet::vault::{AccessAct, AccessEntry, AccessLog, AccessProblem};

/// Shows the log; with `--verify`, remembers how far it goes and ends with an error when it was tampered with.
pub fn run(arguments: &AccessArguments, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let log = vault.access_log(person.record)?;
    if arguments.verify {
        vault.remember_access_log(person.record)?;
    }
    match context.console.json {
        true => context.console.json(&json::log(&log))?,
        false => print(&mut context.console, &log, arguments.verify)?,
    }
    match arguments.verify && !log.problems.is_empty() {
        true => Err(CliError::said(Exit::Damaged, texts::TAMPERED, &[])),
        false => Ok(()),
    }
}

fn print(console: &mut Console, log: &AccessLog, verified: bool) -> CliResult {
    let language = console.language;
    if log.entries.is_empty() {
        console.say(texts::NOTHING, &[])?;
    } else {
        let rows: Vec<Vec<String>> = log.entries.iter().map(|one| row(one, language)).collect();
        let columns = [
            Column::new(message::H_WHEN),
            Column::new(texts::H_ACT),
            Column::new(finding::H_COMPARTMENT),
            Column::new(message::H_DEVICE),
        ];
        table::print(console, &columns, &rows)?;
    }
    for problem in &log.problems {
        print_problem(console, problem);
    }
    if log.loading {
        console.warn(texts::LOADING, &[]);
    }
    match verified && log.problems.is_empty() {
        true => console.say(
            texts::WHOLE,
            &[&integer(log.entries.len() as u64, language)],
        ),
        false => Ok(()),
    }
}

fn print_problem(console: &Console, problem: &AccessProblem) {
    let language = console.language;
    let device = device(problem.device_name.as_deref(), language);
    let place = clean(finding::compartment(&problem.compartment, language));
    let what = texts::problem(problem.what).pick(language);
    let number = problem.number.to_string();
    console.warn(texts::PROBLEM, &[&number, &device, &place, what]);
}

fn device(name: Option<&str>, language: Language) -> String {
    let name = name.map(clean);
    name.unwrap_or_else(|| finding::UNKNOWN_DEVICE.pick(language).to_owned())
}

fn row(entry: &AccessEntry, language: Language) -> Vec<String> {
    vec![
        recorded(entry.at, language),
        sentence(entry, language),
        clean(finding::compartment(&entry.compartment, language)),
        device(entry.device_name.as_deref(), language),
    ]
}

fn sentence(entry: &AccessEntry, language: Language) -> String {
    let whom = entry.whom.as_deref().map(clean);
    let whom = whom.unwrap_or_else(|| texts::SOMEBODY.pick(language).to_owned());
    match &entry.act {
        AccessAct::Joined { .. } => texts::JOINED.fill(language, &[&whom]),
        AccessAct::Removed { .. } => texts::REMOVED.fill(language, &[&whom]),
        AccessAct::TookOver { .. } => texts::TOOK_OVER.fill(language, &[&whom]),
        AccessAct::Granted { access, .. } => {
            let role = member::role(access.role).pick(language);
            let places = places(access, language);
            match &access.until {
                Some(day) => texts::GRANTED_UNTIL
                    .fill(language, &[&whom, role, &places, &when(day, language)]),
                None => texts::GRANTED.fill(language, &[&whom, role, &places]),
            }
        }
        AccessAct::DeviceAdded { .. } => texts::DEVICE_ADDED.fill(language, &[&whom]),
        AccessAct::DeviceRemoved { .. } => texts::DEVICE_REMOVED.fill(language, &[&whom]),
        AccessAct::Imported { items, from } => {
            texts::IMPORTED.fill(language, &[&integer(*items, language), &clean(from)])
        }
        AccessAct::Exported { form } => texts::EXPORTED.fill(language, &[&clean(form)]),
        AccessAct::HandedOver { to, compartments } => {
            let names: Vec<String> = compartments
                .iter()
                .map(|name| clean(finding::compartment(name, language)))
                .collect();
            let to = clean(engine::translate(to, language));
            texts::HANDED_OVER.fill(language, &[&to, &names.join(", ")])
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::samples;
    use carnet::vault::{Access, MemberRole};
    use carnet_wire::AccountId;

    fn entry(act: AccessAct) -> AccessEntry {
        AccessEntry {
            compartment: "general".to_owned(),
            at: 1_709_210_096_789,
            device: samples::device(1),
            device_name: Some("Pixel".to_owned()),
            act,
            whom: Some("Denis\u{1b}[2J".to_owned()),
        }
    }

    #[test]
    fn every_act_is_a_sentence_and_draws_nothing() {
        let account = AccountId([1; 32]);
        let device = samples::device(2);
        let access = Access {
            until: Some("2027-01-31".to_owned()),
            ..Access::within(MemberRole::Reader, &["general"])
        };
        let acts = [
            AccessAct::Joined { account },
            AccessAct::Removed { account },
            AccessAct::TookOver { account },
            AccessAct::Granted { account, access },
            AccessAct::DeviceAdded { device, account },
            AccessAct::DeviceRemoved { device, account },
            AccessAct::Imported {
                items: 1_200,
                from: "labo.json".to_owned(),
            },
            AccessAct::Exported {
                form: "fhir".to_owned(),
            },
            AccessAct::HandedOver {
                to: "Dr Morel".to_owned(),
                compartments: vec!["general".to_owned(), "dentist".to_owned()],
            },
        ];
        let log = AccessLog {
            entries: acts.map(entry).to_vec(),
            ..AccessLog::default()
        };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &log, true).unwrap();
        let text = printed.text();
        for part in [
            " est devenu membre",
            "lecteur, général, jusqu'au 31/01/2027",
            "import de labo.json, éléments : 1\u{202f}200",
            "transmis à Dr Morel : général, dentist",
            "9 événements vérifiés",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains('{'));
    }

    #[test]
    fn a_log_that_was_touched_is_not_called_whole() {
        let (mut console, printed) = console(Language::En);
        let log = AccessLog {
            entries: vec![entry(AccessAct::Exported {
                form: "fhir".to_owned(),
            })],
            problems: vec![AccessProblem {
                compartment: "general".to_owned(),
                device: samples::device(1),
                device_name: None,
                number: 3,
                what: "missing",
            }],
            loading: false,
        };
        print(&mut console, &log, true).unwrap();
        assert!(printed.text().contains("export (fhir)"));
        assert!(!printed.text().contains("whole"));
    }
}
