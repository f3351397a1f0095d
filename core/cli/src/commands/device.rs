//! `carnet device`: the person's devices, and how a new one joins.

use super::init::device_name;
use super::person::short;
use crate::arguments::{DeviceAction, Join, Pair};
use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, CliResult};
use crate::format::clean;
use crate::json;
use crate::network::https;
use crate::table::{self, Column};
use crate::texts::message;
use carnet::Vault;
use carnet::vault::Device;
use serde_json::{Value, json};

/// Runs one of its actions.
pub fn run(action: &DeviceAction, context: &mut Context) -> CliResult {
    match action {
        DeviceAction::List => list(context),
        DeviceAction::Join(arguments) => join(arguments, context),
        DeviceAction::Pair(arguments) => pair(arguments, context),
    }
}

fn list(context: &mut Context) -> CliResult {
    let devices = context.open()?.devices()?;
    match context.console.json {
        true => context
            .console
            .json(&devices.iter().map(json::device).collect::<Value>()),
        false => print(&mut context.console, &devices),
    }
}

fn print(console: &mut Console, devices: &[Device]) -> CliResult {
    let language = console.language;
    let rows: Vec<Vec<String>> = devices
        .iter()
        .map(|device| {
            let this = if device.this {
                message::THIS_DEVICE.pick(language)
            } else {
                ""
            };
            vec![
                clean(&device.name),
                this.to_owned(),
                short(&device.id.to_string()),
            ]
        })
        .collect();
    let columns = [
        Column::new(message::H_NAME),
        Column::new(message::H_MARKS),
        Column::new(message::H_ID),
    ];
    table::print(console, &columns, &rows)
}

fn join(arguments: &Join, context: &mut Context) -> CliResult {
    let transport = https(&arguments.tls)?;
    let device = device_name(arguments.device_name.as_deref());
    let (folder, host) = context.new_vault(transport)?;
    let folder = folder.to_path_buf();
    let console = &mut context.console;
    let mut shown = Ok(());
    let mut announce = |code: &str| shown = show_code(console, code);
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
fn show_code(console: &mut Console, code: &str) -> CliResult {
    if console.json {
        console.line(&json!({ "code": code }).to_string())?;
    } else {
        console.say(message::JOIN_CODE, &[])?;
        console.heading(&format!("  carnet device pair {code}"))?;
        console.say(message::JOIN_WAIT, &[])?;
    }
    console.flush()
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
        show_code(&mut console, "ABCD-EFGH").unwrap();
        assert_eq!(printed.text(), "{\"code\":\"ABCD-EFGH\"}\n");
    }

    #[test]
    fn people_get_the_command_to_type() {
        let (mut console, printed) = console(Language::Fr);
        show_code(&mut console, "ABCD-EFGH").unwrap();
        assert!(printed.text().contains("carnet device pair ABCD-EFGH"));
    }

    #[test]
    fn this_device_is_marked() {
        let (mut console, printed) = console(Language::Fr);
        let device = |n, this| Device {
            id: samples::device(n),
            name: format!("téléphone {n}"),
            this,
        };
        print(&mut console, &[device(1, true), device(2, false)]).unwrap();
        let text = printed.text();
        let line = |name: &str| {
            text.lines()
                .find(|line| line.contains(name))
                .unwrap()
                .to_owned()
        };
        assert!(line("téléphone 1").contains("cet appareil"));
        assert!(!line("téléphone 2").contains("cet appareil"));
    }
}
