//! `carnet init`: the vault of a first device.

use crate::arguments::Init;
use crate::context::Context;
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, date_from};
use crate::json;
use crate::language::Language;
use crate::network::NoNetwork;
use crate::texts::message;
use carnet::Vault;
use serde_json::json;
use std::sync::Arc;

/// Creates the vault.
pub fn run(arguments: &Init, context: &mut Context) -> CliResult {
    let birth_date = birth_date(arguments.birth_date.as_deref(), context.console.language)?;
    let device = device_name(arguments.device_name.as_deref());
    let (folder, host) = context.new_vault(Arc::new(NoNetwork))?;
    let vault = Vault::create(
        folder,
        host,
        &device,
        &arguments.person,
        birth_date.as_deref(),
    )?;
    if context.console.json {
        let persons: Vec<_> = vault.persons()?.iter().map(json::person).collect();
        return context
            .console
            .json(&json!({ "device": device, "persons": persons }));
    }
    context
        .console
        .say(message::CREATED, &[&clean(&arguments.person)])?;
    context.console.say(message::CREATED_NEXT, &[])
}

/// A date of birth as it was typed, in FHIR's form.
pub fn birth_date(typed: Option<&str>, language: Language) -> CliResult<Option<String>> {
    typed.map(|typed| date(typed, language)).transpose()
}

/// A date as it was typed, in FHIR's form.
pub fn date(typed: &str, language: Language) -> CliResult<String> {
    let wrong = || CliError::said(Exit::Invalid, message::BAD_DATE, &[typed]);
    date_from(typed, language).ok_or_else(wrong)
}

/// The name of this device: the one given, else the machine's.
pub fn device_name(given: Option<&str>) -> String {
    let machine = || {
        let sources = ["/proc/sys/kernel/hostname", "/etc/hostname"];
        let file = sources
            .iter()
            .find_map(|path| std::fs::read_to_string(path).ok());
        file.or_else(|| std::env::var("HOSTNAME").ok())
    };
    let name = given
        .map(str::to_owned)
        .or_else(machine)
        .unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "carnet".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_wrong_date_is_refused_before_anything_is_made() {
        let error = birth_date(Some("1984-13"), Language::En).unwrap_err();
        assert_eq!(error.code(), Exit::Invalid as u8);
        assert!(error.line(Language::En).unwrap().contains("1984-13"));
        assert_eq!(
            birth_date(Some("03/1984"), Language::Fr)
                .unwrap()
                .as_deref(),
            Some("1984-03")
        );
        assert_eq!(birth_date(None, Language::Fr).unwrap(), None);
    }

    #[test]
    fn a_device_always_has_a_name() {
        assert_eq!(device_name(Some("téléphone")), "téléphone");
        assert_eq!(device_name(Some("  ")), "carnet");
        assert!(!device_name(None).is_empty());
    }
}
