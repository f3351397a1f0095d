//! `carnet person`: whose records this vault holds.

use super::init::birth_date;
use crate::arguments::{PersonAction, PersonAdd};
use crate::context::Context;
use crate::error::CliResult;
use crate::format::{clean, when};
use crate::json;
use crate::table::{self, Column};
use crate::texts::message;
use serde_json::Value;

/// Runs one of its actions.
pub fn run(action: &PersonAction, context: &mut Context) -> CliResult {
    match action {
        PersonAction::Add(arguments) => add(arguments, context),
        PersonAction::List => list(context),
    }
}

fn add(arguments: &PersonAdd, context: &mut Context) -> CliResult {
    let birth_date = birth_date(arguments.birth_date.as_deref(), context.console.language)?;
    let person = context
        .open()?
        .add_person(&arguments.name, birth_date.as_deref())?;
    match context.console.json {
        true => context.console.json(&json::person(&person)),
        false => context
            .console
            .say(message::PERSON_ADDED, &[&clean(&person.name)]),
    }
}

fn list(context: &mut Context) -> CliResult {
    let persons = context.open()?.persons()?;
    let console = &mut context.console;
    if console.json {
        return console.json(&persons.iter().map(json::person).collect::<Value>());
    }
    if persons.is_empty() {
        return console.say(message::NOBODY, &[]);
    }
    let language = console.language;
    let rows: Vec<Vec<String>> = persons
        .iter()
        .map(|person| {
            let born = person
                .birth_date
                .as_deref()
                .map(|date| when(date, language));
            vec![
                clean(&person.name),
                born.unwrap_or_default(),
                short(&person.record.to_string()),
            ]
        })
        .collect();
    let columns = [
        Column::new(message::H_NAME),
        Column::new(message::H_BORN),
        Column::new(message::H_RECORD),
    ];
    table::print(console, &columns, &rows)
}

/// As many digits of an id as a person needs to name it.
pub fn short(id: &str) -> String {
    id.chars().take(10).collect()
}
