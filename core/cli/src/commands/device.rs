//! `carnet device`: the person's devices, and how a new one joins.

use super::init::device_name;
use super::person::short;
use crate::arguments::safety::Remove;
use crate::arguments::{DeviceAction, Join, Pair, Rename};
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::format::clean;
use crate::json;
use crate::network::https;
use crate::qr;
use crate::table::{self, Column};
use crate::texts::{finding as texts, message, safety};
use carnet::Vault;
use carnet::vault::{Device, LostDevice};
use serde_json::{Value, json};

/// Fewest digits by which a device may be named.
const MIN_PREFIX: usize = 4;

/// Runs one of its actions.
pub fn run(action: &DeviceAction, context: &mut Context) -> CliResult {
    match action {
        DeviceAction::List => list(context),
        DeviceAction::Join(arguments) => join(arguments, context),
        DeviceAction::Pair(arguments) => pair(arguments, context),
        DeviceAction::Rename(arguments) => rename(arguments, context),
        DeviceAction::Remove(arguments) => remove(arguments, context),
    }
}

fn list(context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let (devices, lost) = (vault.devices()?, vault.lost_devices()?);
    match context.console.json {
        true => {
            let live = devices.iter().map(json::device);
            let lost = lost.iter().map(json::safety::lost);
            context.console.json(&live.chain(lost).collect::<Value>())
        }
        false => print(&mut context.console, &devices, &lost),
    }
}

fn print(console: &mut Console, devices: &[Device], lost: &[LostDevice]) -> CliResult {
    let language = console.language;
    let row = |name: &str, mark: &str, id: String| vec![clean(name), mark.to_owned(), short(&id)];
    let live = devices.iter().map(|device| {
        let this = match device.this {
            true => message::THIS_DEVICE.pick(language),
            false => "",
        };
        row(&device.name, this, device.id.to_string())
    });
    let gone = lost.iter().map(|lost| {
        let state = match lost.is_done() {
            true => safety::S_REMOVED,
            false => safety::S_PENDING,
        };
        row(&lost.name, state.pick(language), lost.id.to_string())
    });
    let rows: Vec<Vec<String>> = live.chain(gone).collect();
    let columns = [
        Column::new(message::H_NAME),
        Column::new(message::H_MARKS),
        Column::new(message::H_ID),
    ];
    table::print(console, &columns, &rows)
}

/// Removes a device, or a kit, and tells it to the relay at once.
fn remove(arguments: &Remove, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let mut known = vault.devices()?;
    known.extend(vault.kits()?.into_iter().map(|kit| Device {
        id: kit.id,
        name: kit.name,
        this: false,
    }));
    let id = named(&known, &arguments.device)?.id;
    vault.remove_device(id)?;
    if vault.relay()?.is_some() && vault.sync_relays(&[], None, None).is_err() {
        context.console.warn(safety::NOT_TOLD, &[]);
    }
    let lost = vault.lost_devices()?;
    let lost = lost.iter().find(|lost| lost.id == id);
    match (context.console.json, lost) {
        (true, Some(lost)) => context.console.json(&json::safety::lost(lost)),
        (false, Some(lost)) => {
            tell_lost(&mut context.console, lost)?;
            context.console.say(safety::WHAT_WAS_READ, &[])
        }
        (_, None) => Ok(()),
    }
}

/// How far the removal of a device is known.
pub fn tell_lost(console: &mut Console, lost: &LostDevice) -> CliResult {
    let text = match (lost.is_done(), lost.sent) {
        (true, _) => safety::REMOVED,
        (false, true) => safety::PENDING_SENT,
        (false, false) => safety::PENDING,
    };
    console.say(text, &[&clean(&lost.name)])
}

fn join(arguments: &Join, context: &mut Context) -> CliResult {
    let transport = https(&arguments.tls)?;
    let device = device_name(arguments.device_name.as_deref());
    let (folder, host) = context.new_vault(transport)?;
    let folder = folder.to_path_buf();
    let console = &mut context.console;
    let mut shown = Ok(());
    let with_qr = !arguments.no_qr;
    let mut announce = |code: &str| shown = show_code(console, code, with_qr);
    let joined = Vault::join(
        &folder,
        host,
        &device,
        &arguments.relay,
        arguments.wait,
        &mut announce,
    );
    let vault = joined.map_err(|error| shown.err().unwrap_or(CliError::Vault(error)))?;
    match console.json {
        true => console.json(&joined_json(&vault)?),
        false => console.say(message::JOINED, &[]),
    }
}

fn joined_json(vault: &Vault) -> CliResult<Value> {
    let persons = vault.persons()?;
    Ok(json!({ "joined": true, "persons": persons.iter().map(json::person).collect::<Vec<_>>() }))
}

/// Shown at once: the other device waits for it. For programs it is the first line, on one line whatever the terminal.
fn show_code(console: &mut Console, code: &str, with_qr: bool) -> CliResult {
    if console.json {
        console.line(&json!({ "code": code }).to_string())?;
    } else {
        console.say(message::JOIN_CODE, &[])?;
        console.heading(&format!("  carnet device pair {code}"))?;
        if with_qr {
            show_qr(console, code)?;
        }
        console.say(message::JOIN_WAIT, &[])?;
    }
    console.flush()
}

/// Only for people at a terminal that is wide enough.
pub fn show_qr(console: &mut Console, code: &str) -> CliResult {
    let width = console.terminal.then(table::terminal_width).flatten();
    let Some(lines) = width.and_then(|width| qr::lines(code, width, console.style)) else {
        return Ok(());
    };
    console.say(texts::OR_SCAN, &[])?;
    lines.iter().try_for_each(|line| console.line(line))
}

fn rename(arguments: &Rename, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let devices = vault.devices()?;
    let device = named(&devices, &arguments.device)?;
    vault.rename_device(device.id, arguments.name.trim())?;
    let renamed = vault.devices()?;
    let renamed = renamed.iter().find(|known| known.id == device.id);
    match (context.console.json, renamed) {
        (true, Some(renamed)) => context.console.json(&json::device(renamed)),
        _ => {
            let name = clean(arguments.name.trim());
            let names = [clean(&device.name), name];
            context
                .console
                .say(texts::RENAMED, &names.each_ref().map(String::as_str))
        }
    }
}

/// The device meant: by its name, or by the beginning of its id.
pub fn named<'a>(devices: &'a [Device], typed: &str) -> CliResult<&'a Device> {
    let typed = typed.trim();
    let id = typed.to_lowercase();
    let matches: [&dyn Fn(&Device) -> bool; 3] = [
        &|device| device.name == typed,
        &|device| device.name.to_lowercase() == id,
        &|device| id.len() >= MIN_PREFIX && device.id.to_string().starts_with(&id),
    ];
    for matching in matches {
        let mut found = devices.iter().filter(|device| matching(device));
        match (found.next(), found.next()) {
            (Some(device), None) => return Ok(device),
            (Some(_), Some(_)) => {
                return Err(CliError::said(Exit::Invalid, texts::WHICH_DEVICE, &[]));
            }
            _ => {}
        }
    }
    Err(CliError::said(Exit::NotFound, texts::UNKNOWN_NAME, &[]))
}

fn pair(arguments: &Pair, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let device = vault.pair(arguments.code.trim())?;
    match context.console.json {
        true => context.console.json(&json::device(&device)),
        false => context
            .console
            .say(message::PAIRED, &[&clean(&device.name)]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use crate::samples;

    #[test]
    fn programs_get_the_code_on_the_first_line_alone() {
        let (mut console, printed) = console(Language::Fr);
        console.json = true;
        console.terminal = true;
        show_code(&mut console, "ABCD-EFGH", true).unwrap();
        assert_eq!(printed.text(), "{\"code\":\"ABCD-EFGH\"}\n");
    }

    #[test]
    fn people_get_the_command_to_type() {
        let (mut console, printed) = console(Language::Fr);
        show_code(&mut console, "ABCD-EFGH", true).unwrap();
        assert!(printed.text().contains("carnet device pair ABCD-EFGH"));
        // No terminal, no drawing: a log is not scanned.
        assert!(!printed.text().contains('█'));
    }

    #[test]
    fn a_device_is_meant_by_its_name_or_by_its_id() {
        let device = |n, name: &str| Device {
            id: samples::device(n),
            name: name.to_owned(),
            this: false,
        };
        let devices = [device(1, "Mum"), device(2, "Tablet"), device(3, "tablet")];
        let found = |typed: &str| named(&devices, typed).map(|device| device.id).ok();
        assert_eq!(found("mum"), Some(samples::device(1)));
        assert_eq!(found("Tablet"), Some(samples::device(2)));
        assert_eq!(found("TABLET"), None);
        assert_eq!(found("030303"), Some(samples::device(3)));
        assert_eq!(found("0303"), Some(samples::device(3)));
        assert_eq!(found("030"), None);
        assert_eq!(found("Dad"), None);
    }

    #[test]
    fn this_device_is_marked_and_removed_ones_are_told_apart() {
        let (mut console, printed) = console(Language::Fr);
        let device = |n, this| Device {
            id: samples::device(n),
            name: format!("téléphone {n}"),
            this,
        };
        let lost = |n, known_by: Vec<carnet_wire::DeviceId>| LostDevice {
            id: samples::device(n),
            name: format!("téléphone {n}"),
            kit: false,
            sent: true,
            known_by,
            alone: false,
        };
        let gone = [lost(3, vec![]), lost(4, vec![samples::device(2)])];
        print(&mut console, &[device(1, true), device(2, false)], &gone).unwrap();
        let text = printed.text();
        let line = |name: &str| {
            text.lines()
                .find(|line| line.contains(name))
                .unwrap()
                .to_owned()
        };
        assert!(line("téléphone 1").contains("cet appareil"));
        assert!(!line("téléphone 2").contains("cet appareil"));
        assert!(line("téléphone 3").contains("retrait en attente"));
        assert!(line("téléphone 4").contains("retiré"));
    }
}
