//! `carnet emergency`: a page for those who help, readable with its code and nothing else.

use super::device;
use crate::arguments::safety::{
    EmergencyAction, EmergencyCreate, EmergencyOpen, EmergencyRevoke, EmergencyShow, Include,
};
use crate::console::Console;
use crate::context::{Context, person};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, recorded, when};
use crate::json;
use crate::language::{Language, Text};
use crate::network::https;
use crate::texts::{message, safety as texts};
use carnet::Vault;
use carnet::record::ids::ResourceId;
use carnet::vault::{Card, CardChoice, CardState, EmergencyPage, Line, LineKind, Person};
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::Path;

/// Longest file of a card that is read.
const MAX_FILE_BYTES: u64 = 256 << 10;

/// Runs one of its actions.
pub fn run(action: &EmergencyAction, context: &mut Context) -> CliResult {
    match action {
        EmergencyAction::Create(arguments) => create(arguments, context),
        EmergencyAction::Show(arguments) => show(arguments, context),
        EmergencyAction::Open(arguments) => open(arguments, context),
        EmergencyAction::Revoke(arguments) => revoke(arguments, context),
    }
}

fn create(arguments: &EmergencyCreate, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let person = person(vault.persons()?, arguments.person.as_deref())?;
    let choice = CardChoice {
        kinds: arguments
            .include
            .iter()
            .filter_map(|kind| line_kind(*kind))
            .collect(),
        items: find_all(&vault, &arguments.item)?,
        left_out: find_all(&vault, &arguments.leave_out)?,
        contacts: arguments.contact.clone(),
    };
    let relay = arguments.relay.as_deref();
    vault.make_emergency_card(person.record, &choice, relay)?;
    let synced = vault.sync(relay, None, None);
    tell(&vault, &person, &mut context.console, true)?;
    synced?;
    Ok(())
}

fn line_kind(include: Include) -> Option<LineKind> {
    match include {
        Include::Allergies => Some(LineKind::Allergy),
        Include::Problems => Some(LineKind::Problem),
        Include::Treatments => Some(LineKind::Treatment),
        Include::None => None,
    }
}

fn find_all(vault: &Vault, typed: &[String]) -> CliResult<Vec<ResourceId>> {
    typed.iter().map(|typed| Ok(vault.find(typed)?)).collect()
}

fn show(arguments: &EmergencyShow, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let named = arguments.person.as_deref();
    let person = person(vault.persons()?, named)?;
    if let Some(path) = &arguments.file {
        write_file(path, &vault.emergency_file(person.record)?)?;
        return match context.console.json {
            true => context
                .console
                .json(&json!({ "file": path.to_string_lossy() })),
            false => context
                .console
                .say(texts::CARD_FILE, &[&path.to_string_lossy()]),
        };
    }
    tell(&vault, &person, &mut context.console, !arguments.no_qr)
}

fn tell(vault: &Vault, person: &Person, console: &mut Console, qr: bool) -> CliResult {
    let cards = vault.emergency_cards()?;
    let of_person = cards.iter().filter(|page| page.record == person.record);
    let live = |page: &&EmergencyPage| page.state != CardState::Revoking;
    let revoking = of_person.clone().any(|page| !live(&page));
    let Some(page) = of_person.clone().find(live) else {
        let text = match revoking {
            true => texts::CARD_REVOKING,
            false => texts::NO_CARD,
        };
        return Err(CliError::said(Exit::NotFound, text, &[]));
    };
    if console.json {
        return console.json(&json::safety::page(page));
    }
    print(console, &page.card)?;
    console.say(texts::CARD_CODE, &[])?;
    console.heading(&format!("  {}", page.code.as_str()))?;
    if qr {
        device::show_qr(console, &page.code)?;
    }
    console.say(texts::CARD_ADVICE, &[])?;
    if revoking {
        console.say(texts::CARD_REVOKING, &[])?;
    }
    match page.state {
        CardState::Current => console.say(texts::CARD_CURRENT, &[]),
        _ => console.say(texts::CARD_NOT_YET, &[]),
    }
}

/// The card as it is read.
fn print(console: &mut Console, card: &Card) -> CliResult {
    let language = console.language;
    let born = card.birth_date.as_deref().map(|date| when(date, language));
    let title = match born {
        Some(born) => texts::CARD_TITLE_BORN.fill(language, &[&clean(&card.name), &born]),
        None => texts::CARD_TITLE.fill(language, &[&clean(&card.name)]),
    };
    console.heading(&title)?;
    let kinds = [
        (LineKind::Allergy, texts::CARD_ALLERGIES),
        (LineKind::Problem, texts::CARD_PROBLEMS),
        (LineKind::Treatment, texts::CARD_TREATMENTS),
        (LineKind::Other, texts::CARD_OTHER),
    ];
    for (kind, heading) in kinds {
        let lines = card.lines.iter().filter(|line| line.kind == kind);
        let lines: Vec<String> = lines.map(|line| in_words(line, language)).collect();
        section(console, heading, &lines)?;
    }
    let contacts: Vec<String> = card.contacts.iter().map(|line| clean(line)).collect();
    section(console, texts::CARD_CONTACTS, &contacts)?;
    console.say(texts::CARD_WRITTEN, &[&recorded(card.written_at, language)])
}

fn section(console: &mut Console, heading: Text, lines: &[String]) -> CliResult {
    if lines.is_empty() {
        return Ok(());
    }
    console.say(heading, &[])?;
    lines
        .iter()
        .try_for_each(|line| console.line(&format!("  {line}")))
}

fn in_words(line: &Line, language: Language) -> String {
    let name = match language {
        Language::Fr => &line.fr,
        Language::En => &line.en,
    };
    match line.detail.is_empty() {
        true => clean(name),
        false => format!("{} ({})", clean(name), clean(&line.detail)),
    }
}

fn open(arguments: &EmergencyOpen, context: &mut Context) -> CliResult {
    let file = arguments.file.as_deref().map(read_file).transpose()?;
    let transport = https(&arguments.tls)?;
    let card = Vault::read_emergency_card(&*transport, arguments.code.trim(), file.as_deref())?;
    match context.console.json {
        true => context.console.json(&json::safety::card(&card)),
        false => print(&mut context.console, &card),
    }
}

fn revoke(arguments: &EmergencyRevoke, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let record = person(vault.persons()?, arguments.person.as_deref())?.record;
    let cards = vault.emergency_cards()?;
    if cards.iter().all(|page| page.record != record) {
        return Err(CliError::said(Exit::NotFound, texts::NO_CARD, &[]));
    }
    // One that is being revoked already is only tried again.
    if cards
        .iter()
        .any(|page| page.record == record && page.state != CardState::Revoking)
    {
        vault.revoke_emergency_card(record)?;
    }
    let told = vault.sync_relays(&[], None, None).is_ok();
    let done = told
        && vault
            .emergency_cards()?
            .iter()
            .all(|page| page.record != record);
    let console = &mut context.console;
    match (console.json, done) {
        (true, _) => console.json(&json!({ "revoked": done })),
        (false, true) => console.say(texts::CARD_REVOKED, &[]),
        (false, false) => console.say(texts::CARD_REVOKING, &[]),
    }
}

fn read_file(path: &Path) -> CliResult<Vec<u8>> {
    let unreadable = |_| {
        let path = path.to_string_lossy();
        CliError::said(Exit::NotFound, message::UNREADABLE, &[&path])
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

/// Never over a file that is there.
fn write_file(path: &Path, bytes: &[u8]) -> CliResult {
    let shown = path.to_string_lossy();
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::said(Exit::Invalid, texts::FILE_EXISTS, &[&shown])
        }
        _ => CliError::said(Exit::NotFound, message::UNWRITABLE, &[&shown]),
    })?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use carnet_wire::Canonical;

    /// As the engine reads one of somebody else: `[ 1, name, birth date, time, lines, contacts ]`.
    fn card() -> Card {
        let line = |kind, fr: &str, en: &str, detail: &str| Line {
            kind,
            fr: fr.to_owned(),
            en: en.to_owned(),
            detail: detail.to_owned(),
        };
        let mut card =
            Card::new("Camille", Some("1984-03"), &[], &["Denis 06".to_owned()], 0).unwrap();
        card.lines = vec![
            line(LineKind::Allergy, "pénicilline", "penicillin", ""),
            line(LineKind::Treatment, "aspirine", "aspirin\u{1b}[2J", "75 mg"),
        ];
        card
    }

    #[test]
    fn a_card_is_read_in_either_language_and_garbles_no_terminal() {
        for (language, name, other) in [
            (Language::Fr, "pénicilline", "penicillin"),
            (Language::En, "penicillin", "pénicilline"),
        ] {
            let (mut console, printed) = console(language);
            print(&mut console, &card()).unwrap();
            let text = printed.text();
            assert!(text.contains(name) && !text.contains(other), "{text}");
            assert!(text.contains("75 mg") && text.contains("Denis 06"));
            assert!(!text.contains('\u{1b}'));
        }
        assert!(
            Card::read(&card().to_canonical()).is_err(),
            "control characters"
        );
    }

    #[test]
    fn a_file_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card");
        write_file(&path, b"one").unwrap();
        assert_eq!(write_file(&path, b"two").unwrap_err().code(), 5);
        assert_eq!(read_file(&path).unwrap(), b"one");
        assert_eq!(
            read_file(&folder.path().join("none")).unwrap_err().code(),
            4
        );
    }
}
