//! `carnet stats`, `verify` and `compact`: what the vault holds, whether it is sound, and its history summed up.

use crate::arguments::{Verify, Whose};
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, integer, size};
use crate::json;
use crate::language::Language;
use crate::progress::{Unit, Watch};
use crate::table::{self, Column};
use crate::texts::{engine, message, names};
use carnet::vault::{CompactReport, Stats, VerifyReport};

/// Counts.
pub fn stats(arguments: &Whose, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let named = arguments.person.as_deref();
    let whose = named
        .map(|name| context::person(vault.persons()?, Some(name)))
        .transpose()?;
    let stats = vault.stats(whose.map(|person| person.record))?;
    match context.console.json {
        true => context.console.json(&json::stats(&stats)),
        false => print(&mut context.console, &stats),
    }
}

fn print(console: &mut Console, stats: &Stats) -> CliResult {
    let language = console.language;
    let mut rows: Vec<Vec<String>> = stats
        .by_kind
        .iter()
        .map(|(kind, count)| {
            vec![
                clean(names::kind(kind, language)),
                integer(*count, language),
            ]
        })
        .collect();
    let total = stats.by_kind.values().sum();
    for (label, shown) in totals(stats, total, language) {
        rows.push(vec![label.to_owned(), shown]);
    }
    let columns = [
        Column::new(message::H_KIND),
        Column::number(message::H_COUNT),
    ];
    table::print(console, &columns, &rows)
}

fn totals(stats: &Stats, total: u64, language: Language) -> [(&'static str, String); 7] {
    let count = |number| integer(number, language);
    [
        (message::STAT_TOTAL, count(total)),
        (message::STAT_VERSIONS, count(stats.versions)),
        (message::STAT_ATTACHMENTS, count(stats.attachments)),
        (message::STAT_NOTES, count(stats.notes)),
        (message::STAT_UNSENT, count(stats.unsent)),
        (message::STAT_QUARANTINED, count(stats.quarantined)),
        (message::STAT_BYTES, size(stats.bytes_on_disk, language)),
    ]
    .map(|(label, shown)| (label.pick(language), shown))
}

/// Makes a snapshot of each record, or of one person's.
pub fn compact(arguments: &Whose, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let persons = vault.persons()?;
    let whose = match arguments.person.as_deref() {
        Some(name) => vec![context::person(persons, Some(name))?],
        None => persons,
    };
    let watch = Watch::start(&context.console, message::COMPACTING, Unit::Items);
    let compacted: Result<Vec<_>, _> = whose
        .iter()
        .map(|person| vault.compact(person.record, Some(&watch)))
        .collect();
    watch.finish();
    let mut total = CompactReport::default();
    compacted?.into_iter().for_each(|report| total += report);
    match context.console.json {
        true => context.console.json(&json::compact(&total)),
        false => print_compacted(&mut context.console, &total),
    }
}

fn print_compacted(console: &mut Console, report: &CompactReport) -> CliResult {
    if report.pieces == 0 {
        return console.say(message::NOTHING_TO_COMPACT, &[]);
    }
    let language = console.language;
    let counts = [report.changes, report.pieces, report.made].map(|count| integer(count, language));
    let [changes, pieces, made] = counts.each_ref().map(String::as_str);
    let bytes = size(report.bytes, language);
    console.say(message::COMPACTED, &[changes, pieces, made, &bytes])
}

/// Checks the vault.
pub fn verify(arguments: &Verify, context: &mut Context) -> CliResult {
    let report = context.open()?.verify(arguments.rebuild)?;
    match context.console.json {
        true => context.console.json(&json::verify(&report))?,
        false => print_report(&mut context.console, &report)?,
    }
    match report.problems.is_empty() {
        true => Ok(()),
        false => Err(CliError::said(Exit::Damaged, message::PROBLEMS_FOUND, &[])),
    }
}

fn print_report(console: &mut Console, report: &VerifyReport) -> CliResult {
    let language = console.language;
    let counts =
        [report.changes, report.attachments, report.views].map(|count| integer(count, language));
    console.say(
        message::VERIFY_COUNTS,
        &counts.each_ref().map(String::as_str),
    )?;
    for problem in &report.problems {
        console.line(&format!(
            "  - {}",
            clean(engine::translate(problem, language))
        ))?;
    }
    match report.problems.is_empty() {
        true => console.say(message::VERIFIED, &[]),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use std::collections::BTreeMap;

    #[test]
    fn counts_are_named_and_summed() {
        let stats = Stats {
            by_kind: BTreeMap::from([
                ("Observation".to_owned(), 1200),
                ("AllergyIntolerance".to_owned(), 2),
            ]),
            bytes_on_disk: 3_450_000,
            ..Stats::default()
        };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &stats).unwrap();
        let text = printed.text();
        for part in ["Allergie", "Résultat", "1\u{202f}202", "3,4 Mo"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn a_snapshot_is_told_and_so_is_that_none_was_needed() {
        let (mut console, printed) = console(Language::En);
        print_compacted(&mut console, &CompactReport::default()).unwrap();
        assert!(printed.text().contains("Nothing new"));
        let report = CompactReport {
            changes: 1_200,
            pieces: 7,
            made: 3,
            bytes: 3_450_000,
            ..CompactReport::default()
        };
        print_compacted(&mut console, &report).unwrap();
        assert!(printed.text().contains("1,200 · parts: 7, of which new: 3"));
    }

    #[test]
    fn problems_are_listed_and_all_well_is_said_only_without_them() {
        let mut report = VerifyReport {
            changes: 12,
            problems: vec!["the database".to_owned()],
            ..VerifyReport::default()
        };
        let (mut console, printed) = console(Language::Fr);
        print_report(&mut console, &report).unwrap();
        assert!(printed.text().contains("  - la base"));
        assert!(!printed.text().contains("en ordre"));
        report.problems.clear();
        print_report(&mut console, &report).unwrap();
        assert!(printed.text().contains("Tout est en ordre."));
    }
}
