//! `carnet member` and `carnet handover-ownership`: who shares a record, what each may do, and what is under way.
//!
//! Rights are the engine's business: what it refuses changes nothing and is told in its words. Here a member is found by name,
//! a compartment by what people call it, and the words two people compare are compared.

mod list;

pub use list::{places, print_people};

use super::init;
use super::person::short;
use crate::arguments::member::{
    Accept, Adopt, ChangeRole, Dismiss, Invite, MemberAction, OneMember, Reach, VerifyMember,
};
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, recorded};
use crate::json::member as json;
use crate::language::{Language, Text};
use crate::qr;
use crate::table;
use crate::texts::{finding, member as texts};
use carnet::Vault;
use carnet::vault::{Access, InvitationWords, Member, MemberRole, Person};
use serde_json::json;

/// Fewest digits by which a member, device or invitation may be named.
const MIN_PREFIX: usize = 4;
/// Where a caregiver or reader gets in unless something else is said: nowhere that was meant to be secret.
const USUAL: [&str; 2] = ["general", "series"];

/// Runs one of its actions.
pub fn run(action: &MemberAction, context: &mut Context) -> CliResult {
    match action {
        MemberAction::List(arguments) => list::run(arguments, context),
        MemberAction::Invite(arguments) => invite(arguments, context),
        MemberAction::Accept(arguments) => accept(arguments, context),
        MemberAction::Role(arguments) => change_role(arguments, context),
        MemberAction::Remove(arguments) => remove(arguments, context),
        MemberAction::Verify(arguments) => verify(arguments, context),
        MemberAction::Adopt(arguments) => adopt(arguments, context),
        MemberAction::Dismiss(arguments) => dismiss(arguments, context),
    }
}

fn invite(arguments: &Invite, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let language = context.console.language;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let role = MemberRole::from(arguments.role);
    let usual = match role {
        MemberRole::Owner => Access::everywhere(role),
        _ => Access::within(role, &USUAL),
    };
    let access = reach(&vault, &person, usual, &arguments.reach, language)?;
    let own = own_name(&vault, &person, arguments.name.as_deref())?;
    let before = vault.invitations()?;
    let code = vault.invite(person.record, &access, &own, arguments.relay.as_deref())?;
    let mut all = vault.invitations()?.into_iter();
    let made = all
        .rfind(|one| !before.iter().any(|old| old.id == one.id))
        .ok_or_else(|| CliError::said(Exit::NotFound, texts::UNKNOWN_INVITATION, &[]))?;
    let console = &mut context.console;
    if console.json {
        return console.json(&json!({ "code": *code, "invitation": json::invitation(&made) }));
    }
    let (id, expires) = (short(&json::id(&made)), recorded(made.expires, language));
    console.say(texts::INVITED, &[&id, &expires])?;
    console.heading(&format!("  carnet member accept {}", *code))?;
    let width = (console.terminal && !arguments.no_qr).then(table::terminal_width);
    let drawn = width.flatten();
    let drawn = drawn.and_then(|width| qr::lines(&code, width, console.style));
    for line in drawn.into_iter().flatten() {
        console.line(&line)?;
    }
    console.say(texts::INVITED_NEXT, &[])
}

/// How this person is called in a record: as typed, as they were before, or as the first person of the vault.
fn own_name(vault: &Vault, person: &Person, typed: Option<&str>) -> CliResult<String> {
    if let Some(typed) = typed {
        return Ok(typed.trim().to_owned());
    }
    let members = vault.members(person.record)?;
    let before = members.into_iter().find(|member| member.this);
    match before.filter(|member| !member.name.is_empty()) {
        Some(member) => Ok(member.name),
        None => first_name(vault),
    }
}

fn first_name(vault: &Vault) -> CliResult<String> {
    let first = vault.persons()?.into_iter().next();
    Ok(first.map(|person| person.name).unwrap_or_default())
}

fn accept(arguments: &Accept, context: &mut Context) -> CliResult {
    let vault = context.open_online(&arguments.tls)?;
    let name = match &arguments.name {
        Some(name) => name.trim().to_owned(),
        None => first_name(&vault)?,
    };
    let id = vault.accept_invitation(arguments.code.trim(), &name, None)?;
    let taken = vault.invitations()?.into_iter().find(|one| one.id == id);
    let taken =
        taken.ok_or_else(|| CliError::said(Exit::NotFound, texts::UNKNOWN_INVITATION, &[]))?;
    match context.console.json {
        true => context.console.json(&json::invitation(&taken)),
        false => context
            .console
            .say(texts::ACCEPTED, &[&short(&json::id(&taken))]),
    }
}

fn change_role(arguments: &ChangeRole, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let language = context.console.language;
    let one = OneMember {
        member: arguments.member.clone(),
        person: arguments.person.clone(),
    };
    let (person, member) = meant(&vault, &one)?;
    let mut before = member.access.clone();
    before.role = arguments.role.into();
    before.until = before.until.filter(|_| !arguments.no_end);
    let access = reach(&vault, &person, before, &arguments.reach, language)?;
    vault.change_access(person.record, member.account, &access)?;
    let values = [
        called(&member),
        texts::role(access.role).pick(language).to_owned(),
        list::places(&access, language),
    ];
    let values = values.each_ref().map(String::as_str);
    answer(context, &vault, &person, texts::CHANGED, &values)
}

fn remove(arguments: &OneMember, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let (person, member) = meant(&vault, arguments)?;
    vault.remove_member(person.record, member.account)?;
    match member.this {
        true => answer(context, &vault, &person, texts::LEFT, &[]),
        false => answer(
            context,
            &vault,
            &person,
            texts::REMOVED,
            &[&called(&member)],
        ),
    }
}

fn verify(arguments: &VerifyMember, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let one = OneMember {
        member: arguments.member.clone(),
        person: arguments.person.clone(),
    };
    let (person, member) = meant(&vault, &one)?;
    let invitations = vault.invitations()?.into_iter();
    let theirs = invitations
        .filter(|one| one.host && one.record == Some(person.record))
        .filter(|one| one.account == Some(member.account));
    let words = theirs.filter_map(|one| one.words).next_back();
    let words = words.ok_or_else(|| CliError::said(Exit::NotFound, texts::NO_WORDS, &[]))?;
    if !are_same(&words, &arguments.words) {
        return Err(CliError::said(Exit::Pairing, texts::WORDS_DIFFER, &[]));
    }
    vault.verify_member(person.record, member.account)?;
    answer(
        context,
        &vault,
        &person,
        texts::VERIFIED,
        &[&called(&member)],
    )
}

/// Whether the words typed are those of an invitation, in either language.
fn are_same(words: &InvitationWords, typed: &[String]) -> bool {
    let typed: Vec<String> = typed
        .iter()
        .flat_map(|part| part.split_whitespace())
        .map(str::to_lowercase)
        .collect();
    typed == words.french || typed == words.english
}

fn adopt(arguments: &Adopt, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let waiting = vault.beyond(person.record)?;
    let labels = waiting
        .iter()
        .map(|one| (one.device_name.as_str(), one.device.to_string()));
    // A device that wrote in several compartments stands there once for each.
    let at = find(labels, &arguments.device);
    let found = match at {
        Found::One(at) | Found::Several(at) => waiting.get(at),
        Found::None => None,
    };
    let found = found.ok_or_else(|| CliError::said(Exit::NotFound, texts::NOTHING_WAITS, &[]))?;
    vault.adopt(person.record, found.device)?;
    let name = clean(&found.device_name);
    answer(context, &vault, &person, texts::ADOPTED, &[&name])
}

fn dismiss(arguments: &Dismiss, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let invitations = vault.invitations()?;
    let labels = invitations.iter().map(|one| ("", json::id(one)));
    let found = match find(labels, &arguments.invitation) {
        Found::One(at) => invitations.get(at),
        _ => None,
    };
    let found =
        found.ok_or_else(|| CliError::said(Exit::NotFound, texts::UNKNOWN_INVITATION, &[]))?;
    vault.dismiss_invitation(&found.id)?;
    match context.console.json {
        true => context
            .console
            .json(&json!({ "dismissed": json::id(found) })),
        false => context.console.say(texts::DISMISSED, &[]),
    }
}

/// Says what was done; programs get the record's members as they are now.
fn answer(
    context: &mut Context,
    vault: &Vault,
    person: &Person,
    text: Text,
    values: &[&str],
) -> CliResult {
    match context.console.json {
        true => {
            let people = list::people(vault, person.clone())?;
            context.console.json(&json::people(&people))
        }
        false => context.console.say(text, values),
    }
}

/// How a member is called; the beginning of their id where they did not say.
pub fn called(member: &Member) -> String {
    match member.name.is_empty() {
        true => short(&member.account.to_string()),
        false => clean(&member.name),
    }
}

/// The record and the member meant.
fn meant(vault: &Vault, arguments: &OneMember) -> CliResult<(Person, Member)> {
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let members = vault.members(person.record)?;
    let labels = members
        .iter()
        .map(|member| (member.name.as_str(), member.account.to_string()));
    let found = match find(labels, &arguments.member) {
        Found::One(at) => members.get(at).cloned(),
        Found::Several(_) => {
            return Err(CliError::said(Exit::Invalid, texts::WHICH_MEMBER, &[]));
        }
        Found::None => None,
    };
    let found = found.ok_or_else(|| CliError::said(Exit::NotFound, texts::UNKNOWN_MEMBER, &[]))?;
    Ok((person, found))
}

/// What a name or the beginning of an id stands for: a position.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    None,
    One(usize),
    Several(usize),
}

/// A name and an id.
type Label<'a> = (&'a str, String);

/// Looks among names and ids: the name as written, then in any case, then the beginning of the id.
fn find<'a>(labels: impl Iterator<Item = Label<'a>>, typed: &str) -> Found {
    let labels: Vec<Label<'_>> = labels.collect();
    let typed = typed.trim();
    let id = typed.to_lowercase();
    let matches: [&dyn Fn(&Label<'_>) -> bool; 3] = [
        &|(name, _)| *name == typed,
        &|(name, _)| name.to_lowercase() == id,
        &|(_, digits)| id.len() >= MIN_PREFIX && digits.starts_with(&id),
    ];
    for matching in matches {
        let mut found = labels.iter().enumerate().filter(|(_, one)| matching(one));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => return Found::One(at),
            (Some((at, _)), Some(_)) => return Found::Several(at),
            _ => {}
        }
    }
    Found::None
}

/// What somebody had, with what was typed put in its place.
fn reach(
    vault: &Vault,
    person: &Person,
    before: Access,
    typed: &Reach,
    language: Language,
) -> CliResult<Access> {
    let mut access = before;
    if typed.everywhere {
        access.compartments = None;
    } else if !typed.compartment.is_empty() {
        let names = compartments(vault, person, &typed.compartment, language)?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        access.compartments = Access::within(access.role, &names).compartments;
    }
    if let Some(until) = &typed.until {
        access.until = Some(init::date(until, language)?);
    }
    Ok(access)
}

/// The names of compartments as the engine has them: what is mistyped would give access to nothing, and say so to nobody.
fn compartments(
    vault: &Vault,
    person: &Person,
    typed: &[String],
    language: Language,
) -> CliResult<Vec<String>> {
    let known = vault.compartments(person.record)?;
    let known: Vec<String> = known.into_iter().map(|one| one.name).collect();
    let check = |typed: &String| {
        let name = finding::compartment_named(typed).to_owned();
        if known.contains(&name) {
            return Ok(name);
        }
        let all = list::joined(&known, language);
        Err(CliError::said(
            Exit::NotFound,
            texts::UNKNOWN_COMPARTMENT,
            &[typed, &all],
        ))
    };
    typed.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_same_in_either_language_and_in_their_order_only() {
        let words = InvitationWords {
            french: vec!["abeille", "fougère", "nuage", "canal"],
            english: vec!["bee", "fern", "cloud", "canal"],
        };
        let typed = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        for same in [
            "abeille,fougère,nuage,canal",
            "Abeille FOUGÈRE nuage canal",
            "bee,fern cloud,canal",
        ] {
            assert!(are_same(&words, &typed(same)), "{same}");
        }
        for other in [
            "abeille,nuage,fougère,canal",
            "abeille,fern,cloud,canal",
            "bee,fern,cloud",
            "bee,fern,cloud,canal,canal",
            "",
        ] {
            assert!(!are_same(&words, &typed(other)), "{other}");
        }
    }

    #[test]
    fn somebody_is_meant_by_name_or_by_the_beginning_of_an_id() {
        let labels = [
            ("Denis", "aa11bb".to_owned()),
            ("denis", "aa11cc".to_owned()),
            ("", "dd22ee".to_owned()),
        ];
        let find = |typed: &str| find(labels.iter().cloned(), typed);
        assert_eq!(find("Denis"), Found::One(0));
        assert_eq!(find(" denis "), Found::One(1));
        assert_eq!(find("DENIS"), Found::Several(0));
        assert_eq!(find("aa11"), Found::Several(0));
        assert_eq!(find("AA11C"), Found::One(1));
        assert_eq!(find("dd2"), Found::None);
        assert_eq!(find("dd22"), Found::One(2));
        assert_eq!(find("Mallory"), Found::None);
    }
}
