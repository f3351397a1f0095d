//! `carnet sync`: exchange with the person's other devices.

use crate::arguments::Sync;
use crate::console::Console;
use crate::context::Context;
use crate::error::CliResult;
use crate::findings;
use crate::format::{integer, size};
use crate::json;
use crate::progress::{Unit, Watch};
use crate::texts::{engine, message};
use carnet::vault::SyncReport;

/// Notices that come with a finding.
const TOLD: [&str; 6] = [
    "gap",
    "fork",
    "unopenable",
    "relay rolled back",
    "the relay was restored from a copy: everything is sent to it again",
    "the relay holds something back",
];

/// Pushes and pulls.
pub fn run(arguments: &Sync, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let watch = Watch::start(&context.console, message::SYNCING, Unit::Items);
    let report = vault.sync(arguments.relay.as_deref(), arguments.deadline, Some(&watch));
    watch.finish();
    let report = report?;
    match context.console.json {
        true => context.console.json(&json::sync(&report)),
        false => print(&mut context.console, &report),
    }
}

fn print(console: &mut Console, report: &SyncReport) -> CliResult {
    let language = console.language;
    let values = [
        integer(report.sent, language),
        integer(report.received, language),
        size(report.bytes_sent, language),
        size(report.bytes_received, language),
        message::ROUND_TRIPS.fill(language, report.round_trips, &[]),
    ];
    console.say(message::SYNC_DONE, &values.each_ref().map(String::as_str))?;
    if report.quarantined > 0 {
        console.say(
            message::SYNC_QUARANTINE,
            &[&integer(report.quarantined, language)],
        )?;
    }
    findings::print(console, &report.findings, false)?;
    // What a finding says in full is not said twice.
    let told = !report.findings.is_empty();
    let notices = report
        .notices
        .iter()
        .filter(|word| !(told && TOLD.contains(word)));
    for notice in notices {
        console.say(message::SYNC_NOTICE, &[engine::translate(notice, language)])?;
    }
    match report.complete {
        true => Ok(()),
        false => console.say(message::SYNC_INCOMPLETE, &[]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use carnet::vault::FindingKind;

    #[test]
    fn what_is_not_plain_is_said() {
        let mut report = SyncReport {
            sent: 3,
            bytes_sent: 1234,
            round_trips: 1,
            complete: true,
            ..SyncReport::default()
        };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &report).unwrap();
        assert_eq!(
            printed.text(),
            "Envoyés : 3 · reçus : 0 · 1,2 ko envoyés, 0 o reçus en 1 aller-retour\n"
        );
        report.complete = false;
        report.quarantined = 2;
        report.notices = vec!["gap"];
        print(&mut console, &report).unwrap();
        for part in ["quarantaine", "il manque des envois", "relancer"] {
            assert!(printed.text().contains(part), "{part}");
        }
        let said = printed.text().len();
        report.findings = vec![findings::tests::finding(FindingKind::Gap, 2)];
        print(&mut console, &report).unwrap();
        let text = printed.text().split_off(said);
        assert!(text.contains("2 changements de « Téléphone de Maman"));
        assert!(!text.contains("il manque des envois"));
    }
}
