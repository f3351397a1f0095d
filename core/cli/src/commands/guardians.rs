//! `carnet guardians`: people who together bring everything back.

use super::device;
use super::init::device_name;
use super::ownership::member;
use super::recovery;
use crate::arguments::safety::{GuardiansAction, GuardiansAnswer, GuardiansCreate, GuardiansUse};
use crate::console::Console;
use crate::context::{Context, person};
use crate::error::{CliError, CliResult, Exit};
use crate::format::clean;
use crate::json;
use crate::network::https;
use crate::progress::{Unit, Watch};
use crate::texts::safety as texts;
use carnet::Vault;
use carnet::vault::{GuardianSet, Observer, Ward};
use serde_json::{Value, json};

/// Runs one of its actions.
pub fn run(action: &GuardiansAction, context: &mut Context) -> CliResult {
    match action {
        GuardiansAction::Create(arguments) => create(arguments, context),
        GuardiansAction::List => list(context),
        GuardiansAction::Answer(arguments) => answer(arguments, context),
        GuardiansAction::Use(arguments) => recover(arguments, context),
    }
}

fn create(arguments: &GuardiansCreate, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let record = person(vault.persons()?, arguments.person.as_deref())?.record;
    let members = vault.members(record)?;
    let chosen = arguments.members.iter();
    let accounts = chosen.map(|typed| Ok(member(&members, typed)?.account));
    let accounts = accounts.collect::<CliResult<Vec<_>>>()?;
    let name = texts::GUARDIANS.pick(context.console.language);
    let kit = vault.appoint_guardians(record, &accounts, name)?;
    let set = vault.guardians()?.into_iter().find(|set| set.kit == kit);
    let console = &mut context.console;
    match (console.json, set) {
        (true, Some(set)) => console.json(&json::safety::guardians(&set)),
        (false, Some(set)) => {
            tell_set(console, &set)?;
            console.say(texts::GUARDIANS_NEXT, &[])
        }
        (_, None) => Ok(()),
    }
}

fn list(context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let (sets, wards) = (vault.guardians()?, vault.wards()?);
    let console = &mut context.console;
    if console.json {
        return console.json(&json!({
            "guardians": sets.iter().map(json::safety::guardians).collect::<Value>(),
            "guarding": wards.iter().map(json::safety::ward).collect::<Value>(),
        }));
    }
    if sets.is_empty() {
        console.say(texts::NO_GUARDIANS, &[])?;
    }
    sets.iter().try_for_each(|set| tell_set(console, set))?;
    match wards.is_empty() {
        true => Ok(()),
        false => console.say(texts::GUARDING, &[&names(&wards)]),
    }
}

fn names(wards: &[Ward]) -> String {
    let names: Vec<String> = wards.iter().map(name).collect();
    names.join(", ")
}

/// Somebody who has not said how they are called is shown by the beginning of their account.
fn name(ward: &Ward) -> String {
    match ward.name.is_empty() {
        true => super::person::short(&ward.account.to_string()),
        false => clean(&ward.name),
    }
}

fn tell_set(console: &mut Console, set: &GuardianSet) -> CliResult {
    let needed = crate::format::integer(set.needed, console.language);
    console.say(texts::GUARDIAN_SET, &[&needed, &names(&set.guardians)])
}

fn answer(arguments: &GuardiansAnswer, context: &mut Context) -> CliResult {
    if !arguments.yes {
        return Err(CliError::said(Exit::Invalid, texts::MAKE_SURE, &[]));
    }
    let vault = context.open_online(&arguments.tls)?;
    let wards = vault.wards()?;
    let ward = match &arguments.ward {
        Some(typed) => Some(named(&wards, typed)?.account),
        None => None,
    };
    let phone = vault.answer_as_guardian(&arguments.code, ward)?;
    let console = &mut context.console;
    match console.json {
        true => console.json(&json!({ "answered": true, "device": phone })),
        false => console.say(texts::ANSWERED, &[&clean(&phone)]),
    }
}

fn named<'a>(wards: &'a [Ward], typed: &str) -> CliResult<&'a Ward> {
    let typed = typed.trim().to_lowercase();
    let is_meant = |ward: &&Ward| {
        ward.name.to_lowercase() == typed || ward.account.to_string().starts_with(&typed)
    };
    let mut found = wards.iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(ward), None) if !typed.is_empty() => Ok(ward),
        _ => Err(CliError::said(Exit::NotFound, texts::UNKNOWN_WARD, &[])),
    }
}

fn recover(arguments: &GuardiansUse, context: &mut Context) -> CliResult {
    let transport = https(&arguments.tls)?;
    let device = device_name(arguments.device_name.as_deref());
    let (folder, host) = context.new_vault(transport)?;
    let folder = folder.to_path_buf();
    let watch = Watch::start(&context.console, texts::RECOVERING, Unit::Items);
    let console = &mut context.console;
    let mut shown = Ok(());
    let mut announce = |code: &str| shown = show_code(console, code, !arguments.no_qr);
    let observer: Option<&dyn Observer> = Some(&watch);
    let (relay, waiting) = (&arguments.relay, (arguments.wait, observer));
    let recovered =
        Vault::recover_with_guardians(&folder, host, &device, relay, waiting, &mut announce);
    watch.finish();
    let vault = recovered.map_err(|error| shown.err().unwrap_or(CliError::Vault(error)))?;
    recovery::remove_lost(&vault, &arguments.lost)?;
    recovery::tell_recovered(&vault, &mut context.console)
}

/// Shown at once: guardians wait for it. For programs it is the first line.
fn show_code(console: &mut Console, code: &str, with_qr: bool) -> CliResult {
    if console.json {
        console.line(&json!({ "code": code }).to_string())?;
    } else {
        console.say(texts::GUARDIAN_CODE, &[])?;
        console.heading(&format!("  carnet guardians answer {code}"))?;
        if with_qr {
            device::show_qr(console, code)?;
        }
        console.say(texts::GUARDIAN_WAIT, &[])?;
    }
    console.flush()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use carnet_wire::AccountId;

    fn ward(n: u8, name: &str) -> Ward {
        Ward {
            account: AccountId([n; 32]),
            name: name.to_owned(),
        }
    }

    #[test]
    fn a_ward_is_meant_by_name_or_account_and_never_by_nothing() {
        let wards = [ward(1, "Camille"), ward(2, "")];
        let found = |typed: &str| named(&wards, typed).map(|ward| ward.account).ok();
        assert_eq!(found("camille "), Some(AccountId([1; 32])));
        assert_eq!(found("0202"), Some(AccountId([2; 32])));
        assert_eq!((found(""), found("Lou")), (None, None));
    }

    #[test]
    fn programs_get_the_code_on_the_first_line_and_people_the_command() {
        let (mut console, printed) = console(Language::Fr);
        show_code(&mut console, "ABCD", true).unwrap();
        assert!(printed.text().contains("carnet guardians answer ABCD"));
        let (mut console, printed) = crate::console::tests::console(Language::Fr);
        console.json = true;
        show_code(&mut console, "ABCD", true).unwrap();
        assert_eq!(printed.text(), "{\"code\":\"ABCD\"}\n");
    }
}
