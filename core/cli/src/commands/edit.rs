//! `carnet annotate`, `correct`, `conflicts`: the person's own layer beside the source.

use super::init::date;
use super::person::short;
use super::show::device_name;
use crate::arguments::{Annotate, Correct};
use crate::console::Console;
use crate::context::Context;
use crate::error::CliResult;
use crate::format::{clean, decimal, decimal_from, display, recorded};
use crate::json;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::message;
use carnet::Vault;
use carnet::vault::{Conflict, Correction, Device};
use serde_json::{Value, json};

/// Fields people name in French.
const FRENCH_FIELDS: [(&str, &str); 6] = [
    ("nom", "display"),
    ("date", "when"),
    ("valeur", "value"),
    ("unité", "unit"),
    ("unite", "unit"),
    ("statut", "status"),
];

/// Writes a note.
pub fn annotate(arguments: &Annotate, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let on = vault.find(&arguments.id)?;
    let note = vault.annotate(on, &arguments.text)?;
    match context.console.json {
        true => context
            .console
            .json(&json!({ "on": on.to_string(), "note": note.to_string() })),
        false => context.console.say(message::NOTED, &[]),
    }
}

/// Puts a value beside the source's.
pub fn correct(arguments: &Correct, context: &mut Context) -> CliResult {
    let language = context.console.language;
    let field = field(&arguments.field);
    let value = value(field, &arguments.value, language)?;
    let vault = context.open()?;
    let on = vault.find(&arguments.id)?;
    vault.correct(on, field, &value)?;
    if context.console.json {
        let answer = json!({ "on": on.to_string(), "field": field, "value": value });
        return context.console.json(&answer);
    }
    context.console.say(
        message::CORRECTED,
        &[&clean(field), &decimal(&value, language)],
    )
}

fn field(typed: &str) -> &str {
    let lower = typed.to_lowercase();
    let french = FRENCH_FIELDS.iter().find(|(name, _)| *name == lower);
    french.map_or(typed, |(_, field)| field)
}

/// What a person typed, in FHIR's form: a date and a decimal may follow their language.
fn value(field: &str, typed: &str, language: Language) -> CliResult<String> {
    match field {
        // A date with a time is left to the engine: only the day has a French form.
        "when" if !typed.contains('T') => date(typed, language),
        "value" => Ok(decimal_from(typed, language)),
        _ => Ok(typed.to_owned()),
    }
}

/// Lists same-field conflicts.
pub fn conflicts(context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let conflicts = vault.conflicts()?;
    let console = &mut context.console;
    if console.json {
        return console.json(&conflicts.iter().map(json::conflict).collect::<Value>());
    }
    if conflicts.is_empty() {
        return console.say(message::NO_CONFLICT, &[]);
    }
    print(console, &vault, &conflicts)?;
    console.say(message::CONFLICT_HINT, &[])
}

/// Prints conflicts: what is shown, and what stands against it.
pub fn print(console: &mut Console, vault: &Vault, conflicts: &[Conflict]) -> CliResult {
    let language = console.language;
    let devices = vault.devices()?;
    let mut rows = Vec::new();
    for conflict in conflicts {
        let row = vault.detail(conflict.on)?.row;
        let name = display(&row, language).unwrap_or(&row.kind).to_owned();
        rows.extend(cells(conflict, &clean(&name), &devices, language));
    }
    let columns = [
        Column::new(message::H_WHAT),
        Column::new(message::H_FIELD),
        Column::new(message::H_SHOWN),
        Column::new(message::H_OTHER),
        Column::new(message::H_ID),
    ];
    table::print(console, &columns, &rows)
}

fn cells(
    conflict: &Conflict,
    name: &str,
    devices: &[Device],
    language: Language,
) -> Vec<Vec<String>> {
    let said = |correction: &Correction| {
        let device = device_name(&correction.device.to_string(), devices);
        let value = decimal(&correction.value, language);
        format!(
            "{value} — {device}, {}",
            recorded(correction.recorded_at, language)
        )
    };
    let shown = conflict.values.first().map(said).unwrap_or_default();
    let others = conflict.values.iter().skip(1).map(|other| {
        let id = short(&conflict.on.to_string());
        vec![
            name.to_owned(),
            clean(&conflict.field),
            shown.clone(),
            said(other),
            id,
        ]
    });
    others.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::Exit;
    use crate::samples;
    use carnet::record::ids::ResourceId;

    #[test]
    fn fields_and_values_may_be_french() {
        assert_eq!(field("Valeur"), "value");
        assert_eq!(field("unité"), "unit");
        assert_eq!(field("Observation.method"), "Observation.method");
        assert_eq!(value("value", "6,8", Language::Fr).unwrap(), "6.8");
        assert_eq!(value("value", "6,8", Language::En).unwrap(), "6,8");
        assert_eq!(
            value("when", "12/03/2021", Language::Fr).unwrap(),
            "2021-03-12"
        );
        assert_eq!(
            value("when", "2021-03-12T10:00:00Z", Language::Fr).unwrap(),
            "2021-03-12T10:00:00Z"
        );
        assert_eq!(
            value("when", "mars", Language::Fr).unwrap_err().code(),
            Exit::Invalid as u8
        );
        assert_eq!(value("display", "1,5", Language::Fr).unwrap(), "1,5");
    }

    #[test]
    fn each_value_that_lost_gets_a_line_beside_the_one_shown() {
        let conflict = Conflict {
            record: samples::record(1),
            on: ResourceId([0x3f; 16]),
            field: "value".to_owned(),
            values: vec![
                samples::correction("0.8", 1),
                samples::correction("0.9", 2),
                samples::correction("1.1", 3),
            ],
        };
        let lines = cells(&conflict, "CRP", &[], Language::Fr);
        assert_eq!(lines.len(), 2);
        assert!(
            lines
                .iter()
                .all(|line| line[2].starts_with("0,8 — 0101010101"))
        );
        assert!(lines[0][3].starts_with("0,9") && lines[1][3].starts_with("1,1"));
    }
}
