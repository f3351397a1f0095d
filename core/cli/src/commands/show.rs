//! `carnet show`: one item in full.

use super::documents::original_line;
use super::person::short;
use crate::arguments::Show;
use crate::console::Console;
use crate::context::Context;
use crate::error::CliResult;
use crate::format::{clean, decimal, display, quantity, recorded, when_in_full};
use crate::json;
use crate::language::{Language, Text};
use crate::table::{self, Column};
use crate::texts::{documents, message, names};
use carnet::vault::{Correction, Detail, Device, Related, Version};
use serde_json::Value;

/// Shows one item.
pub fn run(arguments: &Show, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let detail = vault.detail(vault.find(&arguments.id)?)?;
    let console = &mut context.console;
    if arguments.original {
        return original(console, &detail);
    }
    if console.json {
        let value = match arguments.history {
            true => detail.history.iter().map(json::version).collect::<Value>(),
            false => {
                let mut value = json::detail(&detail, console.language);
                let bytes = vault.document_of(detail.row.id)?;
                value["document"] = bytes.as_ref().map(json::documents::bytes).into();
                value
            }
        };
        return console.json(&value);
    }
    let devices = vault.devices()?;
    if arguments.history {
        return history(console, &detail.history, &devices);
    }
    print(console, &detail, &devices)?;
    if let Some(bytes) = vault.document_of(detail.row.id)? {
        let id = detail.row.id.to_string();
        let line = original_line(&bytes, &id, console.language);
        field(console, documents::ORIGINAL_LABEL, &line)?;
    }
    Ok(())
}

/// The original bytes, untouched; a terminal only gets the line end it needs.
fn original(console: &mut Console, detail: &Detail) -> CliResult {
    if !console.terminal {
        return console.bytes(detail.original.as_bytes());
    }
    let lines: Vec<String> = detail.original.lines().map(clean).collect();
    console.line(&lines.join("\n"))
}

/// Prints one item with all that is known of it.
pub fn print(console: &mut Console, detail: &Detail, devices: &[Device]) -> CliResult {
    let language = console.language;
    let title = display(&detail.row, language).unwrap_or(&detail.row.kind);
    console.heading(&clean(title))?;
    for (label, value) in facts(detail, language) {
        if !value.is_empty() {
            field(console, label, &value)?;
        }
    }
    for correction in &detail.corrections {
        let line = corrected(correction, devices, language);
        field(console, message::CORRECTIONS, &line)?;
    }
    for note in &detail.notes {
        let by = signed(
            device_name(&note.device.to_string(), devices),
            note.recorded_at,
            language,
        );
        field(
            console,
            message::NOTES,
            &format!("{} — {by}", clean(&note.text)),
        )?;
    }
    for related in &detail.references {
        field(console, message::REFERENCES, &reference(related, language))?;
    }
    Ok(())
}

fn facts(detail: &Detail, language: Language) -> Vec<(Text, String)> {
    let row = &detail.row;
    let text = |value: &Option<String>| value.as_deref().map(clean).unwrap_or_default();
    let document = row
        .document_category
        .as_deref()
        .map(|name| names::document_category(name, language));
    let status = row
        .status
        .as_deref()
        .map(|status| names::status(status, language));
    let current = detail.history.iter().find(|version| version.current);
    let code = [text(&row.system), text(&row.code)];
    vec![
        (message::H_KIND, clean(names::kind(&row.kind, language))),
        (
            message::CATEGORY,
            names::category(row.category.name(), language).to_owned(),
        ),
        (
            message::DOCUMENT_CATEGORY,
            document.map(clean).unwrap_or_default(),
        ),
        (
            message::H_WHEN,
            row.when
                .as_deref()
                .map(|text| when_in_full(text, language))
                .unwrap_or_default(),
        ),
        (message::H_VALUE, quantity(row, language)),
        (message::H_STATUS, status.map(clean).unwrap_or_default()),
        (message::CODE, code.join(" ").trim().to_owned()),
        (
            message::H_SOURCE,
            current.map_or_else(
                || clean(&row.source),
                |version| provenance(version, language),
            ),
        ),
        (message::NATIVE, clean(&detail.native)),
        (message::H_ID, row.id.to_string()),
    ]
}

fn provenance(version: &Version, language: Language) -> String {
    let at = recorded(version.recorded_at, language);
    format!(
        "{} ({}), {at}",
        clean(&version.source),
        clean(&version.format)
    )
}

fn corrected(correction: &Correction, devices: &[Device], language: Language) -> String {
    let source = match &correction.source {
        Some(source) => message::SOURCE_SAYS.fill(language, &[&decimal(source, language)]),
        None => message::SOURCE_SILENT.pick(language).to_owned(),
    };
    let by = signed(
        device_name(&correction.device.to_string(), devices),
        correction.recorded_at,
        language,
    );
    let value = decimal(&correction.value, language);
    format!("{} = {value} ({source}) — {by}", clean(&correction.field))
}

fn reference(related: &Related, language: Language) -> String {
    let (first, second) = match language {
        Language::Fr => (&related.display_fr, &related.display_en),
        Language::En => (&related.display_en, &related.display_fr),
    };
    let name = first
        .as_deref()
        .or(second.as_deref())
        .unwrap_or(&related.reference);
    let target = match related.target {
        Some(target) => short(&target.to_string()),
        None => message::NOT_HERE.pick(language).to_owned(),
    };
    format!("{}: {} [{target}]", clean(&related.path), clean(name))
}

fn signed(device: String, at: i64, language: Language) -> String {
    format!("{device}, {}", recorded(at, language))
}

/// The name of a device, or the beginning of its id when it is none of ours any more.
pub fn device_name(id: &str, devices: &[Device]) -> String {
    let known = devices.iter().find(|device| device.id.to_string() == id);
    known.map_or_else(|| short(id), |device| clean(&device.name))
}

fn field(console: &mut Console, label: Text, value: &str) -> CliResult {
    let label = label.pick(console.language);
    // Padding by characters: labels are Latin letters, none of them wide.
    console.line(&format!("  {label:<22} {value}"))
}

fn history(console: &mut Console, history: &[Version], devices: &[Device]) -> CliResult {
    let language = console.language;
    let columns = [
        Column::new(message::H_VERSION),
        Column::new(message::H_SHOWN),
        Column::new(message::H_UPDATED_AT),
        Column::new(message::H_SOURCE),
        Column::spare(message::H_FORMAT),
        Column::new(message::H_DEVICE),
        Column::new(message::H_RECORDED),
    ];
    let rows: Vec<Vec<String>> = history
        .iter()
        .map(|version| {
            let updated = version
                .last_updated
                .as_deref()
                .map(|text| when_in_full(text, language));
            let current = if version.current {
                message::CURRENT.pick(language)
            } else {
                ""
            };
            vec![
                version
                    .version
                    .as_deref()
                    .map(clean)
                    .unwrap_or_else(|| short(&version.content.to_string())),
                current.to_owned(),
                updated.unwrap_or_default(),
                clean(&version.source),
                clean(&version.format),
                device_name(&version.device.to_string(), devices),
                recorded(version.recorded_at, language),
            ]
        })
        .collect();
    table::print(console, &columns, &rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::samples;

    fn devices() -> Vec<Device> {
        vec![Device {
            id: samples::device(1),
            name: "téléphone A".to_owned(),
            this: true,
        }]
    }

    #[test]
    fn one_item_with_its_whole_story() {
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &samples::detail("{}"), &devices()).unwrap();
        let text = printed.text();
        for part in [
            "Protéine C réactive",
            "< 1,0 mg/L",
            "biologie",
            "bilan.json (fhir-json), 29/02/2024 12:34 UTC",
            "value = 0,8 (la source dit : 1,0) — téléphone A, 29/02/2024",
            "À revoir",
            "subject: Patient/camille [pas dans ce dossier]",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn history_names_devices_and_sources() {
        let (mut console, printed) = console(Language::En);
        let detail = samples::detail("{}");
        super::history(&mut console, &detail.history, &[]).unwrap();
        let text = printed.text();
        for part in [
            "shown",
            "2021-03-12 14:05:09 (+01:00)",
            "bilan.json",
            "0101010101",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn the_original_is_untouched_in_a_pipe_and_harmless_on_a_terminal() {
        let text = "{\r\n \"a\":1.50 }\u{1b}";
        let (mut console, printed) = console(Language::En);
        original(&mut console, &samples::detail(text)).unwrap();
        assert_eq!(printed.text(), text);
        let (mut console, printed) = crate::console::tests::console(Language::En);
        console.terminal = true;
        original(&mut console, &samples::detail(text)).unwrap();
        assert!(!printed.text().contains('\u{1b}'));
    }
}
