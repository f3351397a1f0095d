//! `carnet pull`: what is new at the sources.

use crate::arguments::Pull;
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, duration, integer, size};
use crate::json::sources as json;
use crate::language::Text;
use crate::progress::{Unit, Watch};
use crate::table::{self, Column};
use crate::texts::{engine, message, sources as texts};
use carnet::VaultError;
use carnet::vault::{KindOutcome, KindResult, PullReport, PullStop, Source};
use serde_json::Value;
use std::time::Instant;

/// Pulls from the sources that were named. One that fails does not keep the others from being asked.
pub fn run(arguments: &Pull, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let names = names(vault.sources()?, arguments)?;
    let watch = Watch::start(&context.console, texts::PULLING, Unit::Items);
    let began = Instant::now();
    let (mut reports, mut failure) = (Vec::new(), None);
    for name in names {
        let left = arguments
            .deadline
            .map(|deadline| deadline.saturating_sub(began.elapsed()));
        match vault.pull(&name, arguments.whole, left, Some(&watch)) {
            Ok(report) => reports.push(report),
            Err(VaultError::Cancelled) => {
                failure = Some(VaultError::Cancelled);
                break;
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    watch.finish();
    tell(&mut context.console, &reports)?;
    match failure {
        Some(error) => Err(error.into()),
        None => reports.iter().find_map(stopped).map_or(Ok(()), Err),
    }
}

fn names(sources: Vec<Source>, arguments: &Pull) -> CliResult<Vec<String>> {
    if let Some(name) = &arguments.source {
        return Ok(vec![name.clone()]);
    }
    let names: Vec<String> = sources.into_iter().map(|source| source.name).collect();
    match names.len() {
        0 => Err(CliError::said(Exit::NotFound, texts::NO_SOURCES, &[])),
        1 => Ok(names),
        _ if arguments.all => Ok(names),
        _ => Err(CliError::said(Exit::Usage, texts::WHICH_SOURCE, &[])),
    }
}

/// What only the person can help.
fn stopped(report: &PullReport) -> Option<CliError> {
    let text = match report.stopped {
        Some(PullStop::Offline) => texts::STOPPED_OFFLINE,
        Some(PullStop::Reconnect) => texts::STOPPED_RECONNECT,
        _ => return None,
    };
    Some(CliError::said(Exit::Relay, text, &[&report.source]))
}

fn tell(console: &mut Console, reports: &[PullReport]) -> CliResult {
    match console.json {
        true => console.json(&reports.iter().map(json::pull).collect::<Value>()),
        false => reports.iter().try_for_each(|report| print(console, report)),
    }
}

fn print(console: &mut Console, report: &PullReport) -> CliResult {
    let language = console.language;
    let values = [
        clean(&report.source),
        integer(report.new, language),
        integer(report.unchanged, language),
        integer(report.updated, language),
        integer(report.files, language),
        size(report.bytes_received, language),
    ];
    console.say(texts::PULLED, &values.each_ref().map(String::as_str))?;
    print_kinds(console, &report.kinds)?;
    if report.gone > 0 {
        console.say(texts::GONE, &[&integer(report.gone, language)])?;
    }
    for item in &report.rejected {
        let reason = engine::translate(item.reason, language);
        let values = [&clean(&report.source), &clean(&item.location), reason];
        console.say(message::REJECTED_ITEM, &values)?;
    }
    match report.stopped {
        Some(PullStop::Deadline) => console.say(texts::STOPPED_DEADLINE, &[]),
        Some(PullStop::Busy(seconds)) => {
            let wait = duration(u32::try_from(seconds).unwrap_or(u32::MAX));
            console.say(texts::STOPPED_BUSY, &[&wait])
        }
        _ => Ok(()),
    }
}

/// Kinds that brought something or did not end well; the others are counted.
fn print_kinds(console: &mut Console, kinds: &[KindResult]) -> CliResult {
    let language = console.language;
    let worth_telling = |kind: &&KindResult| {
        kind.received > 0
            || !matches!(
                kind.outcome,
                KindOutcome::Complete | KindOutcome::Unsupported
            )
    };
    let columns = [
        Column::new(message::H_KIND),
        Column::number(texts::H_RECEIVED),
        Column::new(texts::H_OUTCOME),
        Column::new(texts::H_WHY),
    ];
    let cells = |kind: &KindResult| {
        let reason = kind.reason.as_deref().unwrap_or_default();
        vec![
            clean(&kind.kind),
            integer(kind.received, language),
            outcome(kind.outcome).pick(language).to_owned(),
            clean(engine::translate(reason, language)),
        ]
    };
    let rows: Vec<Vec<String>> = kinds.iter().filter(worth_telling).map(cells).collect();
    if !rows.is_empty() {
        table::print(console, &columns, &rows)?;
    }
    match kinds.len() - rows.len() {
        0 => (),
        rest => console.line(&texts::NOTHING_OF.fill(language, rest as u64, &[]))?,
    }
    for kind in kinds {
        for said in &kind.said {
            console.say(texts::SAYS, &[&clean(&kind.kind), &clean(said)])?;
        }
    }
    Ok(())
}

fn outcome(outcome: KindOutcome) -> Text {
    match outcome {
        KindOutcome::Complete => texts::COMPLETE,
        KindOutcome::Partial => texts::PARTIAL,
        KindOutcome::Denied => texts::DENIED,
        KindOutcome::Unsupported => texts::UNSUPPORTED,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;

    fn kind(kind: &str, outcome: KindOutcome, received: u64) -> KindResult {
        KindResult {
            kind: kind.to_owned(),
            outcome,
            reason: (outcome != KindOutcome::Complete).then(|| "the server failed".to_owned()),
            said: Vec::new(),
            received,
        }
    }

    fn report() -> PullReport {
        let mut refused = kind("Condition", KindOutcome::Denied, 0);
        refused.said.push("not you\u{1b}[2J".to_owned());
        PullReport {
            source: "hôpital".to_owned(),
            new: 1200,
            gone: 2,
            kinds: vec![
                kind("Observation", KindOutcome::Complete, 1200),
                refused,
                kind("Goal", KindOutcome::Complete, 0),
                kind("Media", KindOutcome::Unsupported, 0),
            ],
            stopped: Some(PullStop::Busy(90)),
            ..PullReport::default()
        }
    }

    #[test]
    fn each_kind_says_how_it_ended_in_the_language() {
        for (language, expected) in [
            (
                Language::Fr,
                [
                    "refusé",
                    "le serveur a échoué",
                    "Rien de 2 autres genres",
                    "la source dit « not you",
                ],
            ),
            (
                Language::En,
                [
                    "refused",
                    "the server failed",
                    "Nothing of 2 other kinds",
                    "the source says \"not you",
                ],
            ),
        ] {
            let (mut console, printed) = console(language);
            print(&mut console, &report()).unwrap();
            let text = printed.text();
            for words in expected {
                assert!(text.contains(words), "{words}: {text}");
            }
            assert!(!text.contains('\u{1b}') && !text.contains("Media"));
        }
    }

    #[test]
    fn a_stop_only_the_person_can_help_is_an_error() {
        let mut report = report();
        assert!(stopped(&report).is_none());
        report.stopped = Some(PullStop::Reconnect);
        let error = stopped(&report).unwrap();
        assert_eq!(error.code(), Exit::Relay as u8);
        assert!(error.line(Language::Fr).unwrap().contains("hôpital"));
    }
}
