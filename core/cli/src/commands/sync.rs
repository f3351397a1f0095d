//! `carnet sync`: exchange with the person's other devices.

use crate::arguments::Sync;
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::findings;
use crate::format::{duration, integer, size};
use crate::json;
use crate::language::Text;
use crate::progress::{Unit, Watch};
use crate::texts::{engine, message};
use carnet::vault::{SyncReport, WatchEvent};
use carnet::{Vault, VaultError};
use std::cell::RefCell;
use std::path::Path;

/// Notices that come with a finding.
const TOLD: [&str; 6] = [
    "gap",
    "fork",
    "unopenable",
    "relay rolled back",
    "the relay was restored from a copy: everything is sent to it again",
    "the relay holds something back",
];

/// Exchanges by the path that was named: relays, another device, a file.
pub fn run(arguments: &Sync, context: &mut Context) -> CliResult {
    if let Some(address) = &arguments.peer {
        return visit(address, arguments, context);
    }
    if let Some(address) = &arguments.listen {
        return listen(address, arguments, context);
    }
    if let Some(path) = &arguments.file {
        return file(path, arguments, context);
    }
    relays(arguments, context)
}

fn visit(address: &str, arguments: &Sync, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let watch = Watch::start(&context.console, message::SYNCING, Unit::Items);
    let report = vault.sync_with_peer(address, arguments.deadline, Some(&watch));
    watch.finish();
    let report = report.map_err(|error| match error {
        VaultError::Offline => CliError::said(Exit::Relay, message::PEER_OFFLINE, &[]),
        error => error.into(),
    })?;
    tell_of(&mut context.console, &report, message::SYNC_DIRECT)
}

fn listen(address: &str, arguments: &Sync, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let watch = Watch::start(&context.console, message::SYNCING, Unit::Items);
    let console = RefCell::new(&mut context.console);
    let told = RefCell::new(Ok(()));
    let keep = |outcome: CliResult| {
        let failed = outcome.is_err();
        if failed && told.borrow().is_ok() {
            *told.borrow_mut() = outcome;
        }
        !failed
    };
    let ended = vault.listen(
        address,
        arguments.deadline,
        Some(&watch),
        &mut |address| {
            if !keep(announce(&mut console.borrow_mut(), address)) {
                watch.stop();
            }
        },
        &mut |report| keep(tell_met(&mut console.borrow_mut(), report)) && !arguments.once,
    );
    watch.finish();
    // What could not be told is the reason for the stop that followed.
    told.into_inner()?;
    Ok(ended?)
}

fn announce(console: &mut Console, address: &str) -> CliResult {
    match console.json {
        true => console.json(&serde_json::json!({ "listening": address }))?,
        false => console.say(message::LISTENING, &[address])?,
    }
    console.flush()
}

fn tell_met(console: &mut Console, report: Result<SyncReport, VaultError>) -> CliResult {
    match report {
        Ok(report) => tell_of(console, &report, message::SYNC_DIRECT)?,
        // The next device may do better.
        Err(error) => {
            let line = CliError::from(error).line(console.language);
            crate::console::tell(&line.unwrap_or_default());
        }
    }
    console.flush()
}

fn file(path: &Path, arguments: &Sync, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let watch = Watch::start(&context.console, message::SYNCING, Unit::Items);
    let report = vault.sync_file(path, arguments.deadline, Some(&watch));
    watch.finish();
    tell_of(&mut context.console, &report?, message::SYNC_FILE)
}

fn relays(arguments: &Sync, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let watch = Watch::start(&context.console, message::SYNCING, Unit::Items);
    if arguments.watch {
        return keep_watch(&vault, arguments, &watch, &mut context.console);
    }
    let (relays, deadline) = (&arguments.relay, arguments.deadline);
    let report = match arguments.background {
        true => vault.sync_background(first(relays), deadline, Some(&watch)),
        false => vault.sync_relays(relays, deadline, Some(&watch)),
    };
    watch.finish();
    tell(&mut context.console, &report?)
}

/// Watching and a background window take one relay, whose answer comes soonest.
fn first(relays: &[String]) -> Option<&str> {
    relays.first().map(String::as_str)
}

/// Tells what was exchanged by another path than a relay.
fn tell_of(console: &mut Console, report: &SyncReport, done: Text) -> CliResult {
    if console.json {
        return console.json(&json::sync(report));
    }
    print(console, report, done)
}

fn tell(console: &mut Console, report: &SyncReport) -> CliResult {
    match console.json {
        true => console.json(&json::sync(report)),
        false => print(console, report, message::SYNC_DONE),
    }
}

/// Syncs until Ctrl-C; whoever stops reading what is told stops it too.
fn keep_watch(vault: &Vault, arguments: &Sync, watch: &Watch, console: &mut Console) -> CliResult {
    if !console.json {
        console.say(message::WATCHING, &[])?;
        console.flush()?;
    }
    let mut told = Ok(());
    let ended = vault.watch(first(&arguments.relay), watch, &mut |event| {
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

fn print(console: &mut Console, report: &SyncReport, done: Text) -> CliResult {
    let language = console.language;
    let values = [
        integer(report.sent, language),
        integer(report.received, language),
        size(report.bytes_sent, language),
        size(report.bytes_received, language),
        message::ROUND_TRIPS.fill(language, report.round_trips, &[]),
    ];
    console.say(done, &values.each_ref().map(String::as_str))?;
    print_rest(console, report)
}

fn print_rest(console: &mut Console, report: &SyncReport) -> CliResult {
    let language = console.language;
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
    fn a_file_and_a_device_are_told_in_their_own_words() {
        let report = SyncReport {
            sent: 3,
            received: 2,
            complete: true,
            ..SyncReport::default()
        };
        let (mut console, printed) = console(Language::Fr);
        tell_of(&mut console, &report, message::SYNC_FILE).unwrap();
        assert!(printed.text().starts_with("Ajoutés au fichier : 3"));
        let (mut console, printed) = crate::console::tests::console(Language::En);
        tell_met(&mut console, Ok(report)).unwrap();
        tell_met(&mut console, Err(VaultError::DiskFull)).unwrap();
        assert_eq!(printed.text(), "Sent: 3 · received: 2 · 0 B out, 0 B in\n");
        announce(&mut console, "192.0.2.7:4321").unwrap();
        assert!(printed.text().contains("carnet sync --peer 192.0.2.7:4321"));
    }

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
        print(&mut console, &report, message::SYNC_DONE).unwrap();
        assert_eq!(
            printed.text(),
            "Envoyés : 3 · reçus : 0 · 1,2 ko envoyés, 0 o reçus en 1 aller-retour\n"
        );
        report.complete = false;
        report.quarantined = 2;
        report.notices = vec!["gap"];
        print(&mut console, &report, message::SYNC_DONE).unwrap();
        for part in ["quarantaine", "il manque des envois", "relancer"] {
            assert!(printed.text().contains(part), "{part}");
        }
        let said = printed.text().len();
        report.findings = vec![findings::tests::finding(FindingKind::Gap, 2)];
        print(&mut console, &report, message::SYNC_DONE).unwrap();
        let text = printed.text().split_off(said);
        assert!(text.contains("2 changements de « Téléphone de Maman"));
        assert!(!text.contains("il manque des envois"));
    }
}
