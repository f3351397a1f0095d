//! `carnet source`: where data comes from, and how a source is connected.

use super::browser::Browser;
use crate::arguments::{AddNightscout, AddSmart, AddWithings, SourceAction, SourceKind, Tls};
use crate::cancel::Cancel;
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::CliResult;
use crate::format::{clean, integer, recorded};
use crate::json::sources as json;
use crate::passphrase;
use crate::table::{self, Column};
use crate::texts::sources as texts;
use carnet::Vault;
use carnet::vault::{NightscoutServer, Person, SmartServer, Source, Standing, WithingsCloud};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// Runs one of its actions.
pub fn run(action: &SourceAction, context: &mut Context) -> CliResult {
    match action {
        SourceAction::Add(add) => match &add.kind {
            SourceKind::Smart(arguments) => add_smart(arguments, context),
            SourceKind::Withings(arguments) => add_withings(arguments, context),
            SourceKind::Nightscout(arguments) => add_nightscout(arguments, context),
        },
        SourceAction::List => list(context),
        SourceAction::Remove(arguments) => remove(&arguments.name, context),
    }
}

fn add_smart(arguments: &AddSmart, context: &mut Context) -> CliResult {
    let client = &arguments.client;
    let client_secret = secret(context, client.client_secret_file.as_deref())?;
    let (vault, person) = open(context, &arguments.tls, arguments.person.as_deref())?;
    let browser = Browser::listen(client.port)?;
    let server = SmartServer {
        name: arguments.name.clone(),
        address: arguments.url.clone(),
        client_id: client.client_id.clone(),
        client_secret,
        redirect: browser.address(),
        patient: arguments.patient.clone(),
    };
    if let Some(url) = vault.connect_smart(person.record, &server)?.url {
        sign_in(&vault, &mut context.console, &browser, &url, client.wait)?;
    }
    tell_connected(&vault, &mut context.console, &arguments.name)
}

fn add_withings(arguments: &AddWithings, context: &mut Context) -> CliResult {
    let client = &arguments.client;
    let client_secret = secret(context, client.client_secret_file.as_deref())?;
    let (vault, person) = open(context, &arguments.tls, arguments.person.as_deref())?;
    let browser = Browser::listen(client.port)?;
    let cloud = WithingsCloud {
        name: arguments.name.clone(),
        address: arguments.url.clone(),
        client_id: client.client_id.clone(),
        client_secret,
        redirect: browser.address(),
    };
    if let Some(url) = vault.connect_withings(person.record, &cloud)?.url {
        sign_in(&vault, &mut context.console, &browser, &url, client.wait)?;
    }
    tell_connected(&vault, &mut context.console, &arguments.name)
}

fn add_nightscout(arguments: &AddNightscout, context: &mut Context) -> CliResult {
    let secret = secret(context, arguments.secret_file.as_deref())?;
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let server = NightscoutServer {
        name: arguments.name.clone(),
        address: arguments.url.clone(),
        secret,
    };
    vault.add_nightscout(person.record, &server)?;
    tell_connected(&vault, &mut context.console, &arguments.name)
}

fn open(context: &Context, tls: &Tls, person: Option<&str>) -> CliResult<(Vault, Person)> {
    let vault = context.open_online(tls)?;
    let person = context::person(vault.persons()?, person)?;
    Ok((vault, person))
}

/// A secret is read from a file, never from an argument, which every process of the machine can read.
fn secret(context: &Context, file: Option<&Path>) -> CliResult<Option<String>> {
    let read = file.map(|path| passphrase::from_file(&context.console, path));
    Ok(read.transpose()?.map(|secret| secret.to_string()))
}

fn sign_in(
    vault: &Vault,
    console: &mut Console,
    browser: &Browser,
    url: &str,
    wait: Duration,
) -> CliResult {
    match console.json {
        true => console.json(&serde_json::json!({ "open": url }))?,
        false => {
            console.say(texts::OPEN_THIS, &[])?;
            console.line(url)?;
            console.say(texts::WAITING_FOR_BROWSER, &[])?;
        }
    }
    console.flush()?;
    let cancel = Cancel::listen(console.language);
    browser.wait(console.language, wait, &cancel, &mut |redirect| {
        vault.finish_sign_in(redirect)
    })?;
    Ok(())
}

fn tell_connected(vault: &Vault, console: &mut Console, name: &str) -> CliResult {
    let all = vault.sources()?;
    let Some(source) = all.iter().find(|source| source.name == name) else {
        return Ok(());
    };
    if console.json {
        return console.json(&json::source(source));
    }
    console.say(texts::CONNECTED, &[&clean(name)])?;
    match source.not_granted.as_slice() {
        [] => Ok(()),
        missing => console.say(texts::NOT_GRANTED, &[&clean(&missing.join(" "))]),
    }
}

fn list(context: &mut Context) -> CliResult {
    let sources = context.open()?.sources()?;
    let console = &mut context.console;
    if console.json {
        return console.json(&sources.iter().map(json::source).collect::<Value>());
    }
    if sources.is_empty() {
        return console.say(texts::NO_SOURCES, &[]);
    }
    print(console, &sources)
}

fn print(console: &mut Console, sources: &[Source]) -> CliResult {
    let language = console.language;
    let columns = [
        Column::new(texts::H_SOURCE_NAME),
        Column::new(texts::H_STATE),
        Column::new(texts::H_PULLED),
        Column::number(texts::H_RESOURCES),
        Column::number(texts::H_GONE),
        Column::spare(texts::H_ADDRESS),
    ];
    let cells = |source: &Source| {
        let pulled = source.pulled_at.map(|at| recorded(at, language));
        vec![
            clean(&source.name),
            standing(source.standing).pick(language).to_owned(),
            pulled.unwrap_or_default(),
            integer(source.resources, language),
            integer(source.gone, language),
            clean(&source.address),
        ]
    };
    let rows: Vec<Vec<String>> = sources.iter().map(cells).collect();
    table::print(console, &columns, &rows)
}

fn standing(standing: Standing) -> crate::language::Text {
    match standing {
        Standing::Connected => texts::CONNECTED_STATE,
        Standing::Waiting => texts::WAITING_STATE,
        Standing::Reconnect => texts::RECONNECT_STATE,
    }
}

fn remove(name: &str, context: &mut Context) -> CliResult {
    context.open()?.remove_source(name)?;
    match context.console.json {
        true => context
            .console
            .json(&serde_json::json!({ "removed": name })),
        false => context.console.say(texts::REMOVED, &[&clean(name)]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;

    #[test]
    fn sources_are_listed_with_their_state() {
        let source = Source {
            name: "hôpital\u{1b}".to_owned(),
            kind: carnet::vault::SourceKind::Smart,
            record: crate::samples::record(1),
            address: "https://a.example/fhir".to_owned(),
            standing: Standing::Reconnect,
            not_granted: Vec::new(),
            pulled_at: None,
            resources: 1200,
            gone: 0,
            kinds: Vec::new(),
        };
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &[source]).unwrap();
        let text = printed.text();
        assert!(
            text.contains("à reconnecter") && text.contains("1\u{202f}200"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
