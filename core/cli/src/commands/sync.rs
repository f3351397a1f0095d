//! `carnet sync`: exchange with the person's other devices.

use crate::arguments::Sync;
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::findings;
use crate::format::{duration, integer, size};
use crate::json;
use crate::progress::{Unit, Watch};
use crate::texts::{engine, message};
use carnet::Vault;
use carnet::vault::{SyncReport, WatchEvent};

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
    if arguments.watch {
        return keep_watch(&vault, arguments, &watch, &mut context.console);
    }
    let (relay, deadline) = (arguments.relay.as_deref(), arguments.deadline);
    let report = match arguments.background {
        true => vault.sync_background(relay, deadline, Some(&watch)),
        false => vault.sync(relay, deadline, Some(&watch)),
    };
    watch.finish();
    tell(&mut context.console, &report?)
}

fn tell(console: &mut Console, report: &SyncReport) -> CliResult {
    match console.json {
        true => console.json(&json::sync(report)),
        false => print(console, report),
    }
}

/// Syncs until Ctrl-C; whoever stops reading what is told stops it too.
fn keep_watch(vault: &Vault, arguments: &Sync, watch: &Watch, console: &mut Console) -> CliResult {
    if !console.json {
        console.say(message::WATCHING, &[])?;
        console.flush()?;
    }
    let mut told = Ok(());
    let ended = vault.watch(arguments.relay.as_deref(), watch, &mut |event| {
        if told.is_ok() {
            told = tell_event(console, &event).and_then(|()| console.flush());
        }
        if told.is_err() {
            watch.stop();
        }
    });
    watch.finish();
    ended?;
    told
}

fn tell_event(console: &mut Console, event: &WatchEvent) -> CliResult {
    match event {
        // What brought nothing and says nothing is not news.
        WatchEvent::Synced(report) if report.sent + report.received == 0 && report.complete => {
            Ok(())
        }
        WatchEvent::Synced(report) => tell(console, report),
        WatchEvent::Retrying { error, after } => {
            let seconds = u32::try_from(after.as_secs()).unwrap_or(u32::MAX).max(1);
            let reason = CliError::from(*error).line(console.language);
            crate::console::tell(&message::RETRYING.fill(
                console.language,
                &[&reason.unwrap_or_default(), &duration(seconds)],
            ));
            Ok(())
        }
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
    if report.stored > 0 {
        console.say(message::SYNC_STORED, &[&integer(report.stored, language)])?;
    }
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
