//! `carnet recovery`: 24 words on paper that bring everything back when no phone is left.
//!
//! Words are never arguments, because every process of the machine can read those: they come from a file, the keyboard, or
//! standard input.

use super::device;
use super::init::device_name;
use super::person::short;
use crate::arguments::safety::{RecoveryAction, RecoveryCheck, RecoveryCreate, RecoveryUse};
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::format::clean;
use crate::json;
use crate::language::Language;
use crate::network::https;
use crate::progress::{Unit, Watch};
use crate::table::{self, Column};
use crate::texts::{message, safety as texts};
use carnet::Vault;
use carnet::vault::RecoverySheet;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, IsTerminal, Read};
use std::path::Path;
use zeroize::Zeroizing;

/// Longest kit that is read: 24 words with their numbers, or a code.
const MAX_KIT_BYTES: u64 = 4 << 10;
/// Words in a line of a printed kit.
const IN_A_LINE: usize = 4;

/// Runs one of its actions.
pub fn run(action: &RecoveryAction, context: &mut Context) -> CliResult {
    match action {
        RecoveryAction::Create(arguments) => create(arguments, context),
        RecoveryAction::List => list(context),
        RecoveryAction::Check(arguments) => check(arguments, context),
        RecoveryAction::Use(arguments) => recover(arguments, context),
    }
}

fn create(arguments: &RecoveryCreate, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let relay = arguments.relay.as_deref();
    let console = &mut context.console;
    let standard = texts::KIT_NAME.pick(console.language);
    let name = arguments.name.as_deref().unwrap_or(standard).trim();
    let sheet = vault.make_kit(name, relay)?;
    let watch = Watch::start(console, message::SYNCING, Unit::Items);
    let synced = vault.sync(relay, None, Some(&watch));
    watch.finish();
    let kits = vault.kits()?;
    let ready = kits.iter().any(|kit| kit.id == sheet.kit && kit.ready);
    print_sheet(console, &sheet, ready, !arguments.no_qr)?;
    // The words are shown first: they are worth something as soon as a later sync succeeds.
    synced?;
    Ok(())
}

fn print_sheet(console: &mut Console, sheet: &RecoverySheet, ready: bool, qr: bool) -> CliResult {
    let (language, words) = match console.language {
        Language::Fr => ("fr", &sheet.french),
        Language::En => ("en", &sheet.english),
    };
    if console.json {
        return console.json(&json!({
            "kit": sheet.kit.to_string(),
            "language": language,
            "words": words.as_str(),
            "code": sheet.code.as_str(),
            "ready": ready,
        }));
    }
    console.say(texts::KIT_INTRODUCTION, &[])?;
    for line in lines(words) {
        console.heading(&line)?;
    }
    console.say(texts::KIT_CODE, &[])?;
    console.line(&format!("  {}", sheet.code.as_str()))?;
    if qr {
        device::show_qr(console, &sheet.code)?;
    }
    console.say(texts::KIT_ADVICE, &[])?;
    match ready {
        true => console.say(texts::KIT_READY, &[]),
        false => console.say(texts::KIT_NOT_READY, &[]),
    }
}

/// The words with their numbers, four in a line.
fn lines(words: &str) -> Vec<String> {
    let words: Vec<&str> = words.split(' ').collect();
    let widest = words.iter().map(|word| word.chars().count()).max();
    let width = widest.unwrap_or(0) + 2;
    let numbered: Vec<(usize, &str)> = (1..).zip(words).collect();
    let line = |row: &[(usize, &str)]| {
        let cells = row
            .iter()
            .map(|(at, word)| format!("{at:>4} {word:<width$}"));
        cells.collect::<String>().trim_end().to_owned()
    };
    numbered.chunks(IN_A_LINE).map(line).collect()
}

fn list(context: &mut Context) -> CliResult {
    let kits = context.open()?.kits()?;
    let console = &mut context.console;
    if console.json {
        return console.json(&kits.iter().map(json::safety::kit).collect::<Value>());
    }
    if kits.is_empty() {
        return console.say(texts::NO_KIT, &[]);
    }
    let language = console.language;
    let state = |ready: bool| match ready {
        true => texts::READY.pick(language),
        false => texts::NOT_READY.pick(language),
    };
    let rows: Vec<Vec<String>> = kits
        .iter()
        .map(|kit| {
            let state = state(kit.ready).to_owned();
            vec![clean(&kit.name), state, short(&kit.id.to_string())]
        })
        .collect();
    let columns = [
        Column::new(message::H_NAME),
        Column::new(message::H_MARKS),
        Column::new(message::H_ID),
    ];
    table::print(console, &columns, &rows)
}

fn check(arguments: &RecoveryCheck, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let text = read_kit(&context.console, arguments.kit.as_deref())?;
    let kit = vault.check_kit(&text)?;
    let console = &mut context.console;
    if console.json {
        return console.json(&json::safety::kit(&kit));
    }
    console.say(texts::KIT_MATCHES, &[&clean(&kit.name)])?;
    match kit.ready {
        true => console.say(texts::KIT_READY, &[]),
        false => console.say(texts::KIT_NOT_READY, &[]),
    }
}

fn recover(arguments: &RecoveryUse, context: &mut Context) -> CliResult {
    let transport = https(&arguments.tls)?;
    let text = read_kit(&context.console, arguments.kit.as_deref())?;
    let device = device_name(arguments.device_name.as_deref());
    let (folder, host) = context.new_vault(transport)?;
    let watch = Watch::start(&context.console, texts::RECOVERING, Unit::Items);
    let relay = arguments.relay.as_deref();
    let recovered = Vault::recover(folder, host, &device, &text, relay, Some(&watch));
    watch.finish();
    let vault = recovered?;
    remove_lost(&vault, &arguments.lost)?;
    tell_recovered(&vault, &mut context.console)
}

/// The phones that are gone, with the phone that has just come back.
pub fn remove_lost(vault: &Vault, lost: &[String]) -> CliResult {
    for name in lost {
        let devices = vault.devices()?;
        vault.remove_device(device::named(&devices, name)?.id)?;
    }
    if !lost.is_empty() {
        vault.sync(None, None, None)?;
    }
    Ok(())
}

/// What a phone says that has everything again: whose records, and which other devices there still are.
pub fn tell_recovered(vault: &Vault, console: &mut Console) -> CliResult {
    let (persons, devices, lost) = (vault.persons()?, vault.devices()?, vault.lost_devices()?);
    if console.json {
        return console.json(&json!({
            "recovered": true,
            "persons": persons.iter().map(json::person).collect::<Vec<_>>(),
            "devices": devices.iter().map(json::device).collect::<Vec<_>>(),
            "lost": lost.iter().map(json::safety::lost).collect::<Vec<_>>(),
        }));
    }
    let names: Vec<String> = persons.iter().map(|person| clean(&person.name)).collect();
    console.say(texts::RECOVERED, &[&names.join(", ")])?;
    for one in &lost {
        device::tell_lost(console, one)?;
    }
    let others: Vec<String> = devices
        .iter()
        .filter(|device| !device.this)
        .map(|device| clean(&device.name))
        .collect();
    match others.is_empty() {
        true => Ok(()),
        false => console.say(texts::STILL_THERE, &[&others.join(", ")]),
    }
}

/// The kit as it was written down: from a file, else from the keyboard or what is piped in.
pub fn read_kit(console: &Console, file: Option<&Path>) -> CliResult<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(MAX_KIT_BYTES as usize));
    let read = match file {
        Some(path) => {
            let unreadable = |_| {
                let path = path.to_string_lossy();
                CliError::said(Exit::NotFound, message::UNREADABLE, &[&path])
            };
            let file = File::open(path).map_err(unreadable)?;
            file.take(MAX_KIT_BYTES).read_to_string(&mut text)
        }
        None if std::io::stdin().is_terminal() => {
            crate::console::tell(texts::ASK_KIT.pick(console.language));
            std::io::stdin()
                .lock()
                .take(MAX_KIT_BYTES)
                .read_line(&mut text)
        }
        None => std::io::stdin()
            .take(MAX_KIT_BYTES)
            .read_to_string(&mut text),
    };
    match read {
        Ok(1..) => Ok(text),
        _ => Err(CliError::said(Exit::Invalid, texts::EMPTY_KIT, &[])),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;

    fn sheet() -> RecoverySheet {
        let words = |word: &str| Zeroizing::new(vec![word; 24].join(" "));
        RecoverySheet {
            kit: crate::samples::device(3),
            french: words("abaisser"),
            english: words("zoo"),
            code: Zeroizing::new("ABCDE-FGHJK".to_owned()),
        }
    }

    #[test]
    fn the_words_are_numbered_in_the_language_of_the_person() {
        let (mut console, printed) = console(Language::Fr);
        print_sheet(&mut console, &sheet(), true, true).unwrap();
        let text = printed.text();
        let numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
        let numbers: Vec<u32> = numbers.filter(|number| (1..=24).contains(number)).collect();
        assert!((1..=24).all(|number| numbers.contains(&number)), "{text}");
        assert_eq!(text.matches("abaisser").count(), 24);
        assert!(!text.contains("zoo") && text.contains("ABCDE-FGHJK"));
        // No terminal, no drawing.
        assert!(!text.contains('█'));
    }

    #[test]
    fn programs_get_the_words_in_one_line() {
        let (mut console, printed) = console(Language::En);
        console.json = true;
        print_sheet(&mut console, &sheet(), false, true).unwrap();
        let value: Value = serde_json::from_str(&printed.text()).unwrap();
        assert_eq!(value["words"].as_str().unwrap().matches("zoo").count(), 24);
        assert_eq!(
            (&value["ready"], &value["language"]),
            (&json!(false), &json!("en"))
        );
    }

    #[test]
    fn a_kit_is_read_from_a_file_and_an_empty_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kit");
        let (console, _) = console(Language::En);
        assert_eq!(read_kit(&console, Some(&file)).unwrap_err().code(), 4);
        std::fs::write(&file, "").unwrap();
        assert_eq!(read_kit(&console, Some(&file)).unwrap_err().code(), 5);
        std::fs::write(&file, "1. zoo\n2. zoo\n").unwrap();
        assert_eq!(
            *read_kit(&console, Some(&file)).unwrap(),
            "1. zoo\n2. zoo\n"
        );
    }
}
