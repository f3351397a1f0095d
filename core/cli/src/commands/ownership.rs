//! `carnet handover-ownership`: the founder's place goes to somebody else; a child takes their record over.

use crate::arguments::safety::{OwnershipAccept, OwnershipAction, OwnershipOffer};
use crate::context::{Context, person};
use crate::error::{CliError, CliResult, Exit};
use crate::format::clean;
use crate::texts::safety as texts;
use carnet::vault::{Access, Member, MemberRole};
use serde_json::json;

/// Fewest digits by which a member may be named.
const MIN_PREFIX: usize = 4;

/// Runs one of its actions.
pub fn run(action: &OwnershipAction, context: &mut Context) -> CliResult {
    match action {
        OwnershipAction::Offer(arguments) => offer(arguments, context),
        OwnershipAction::Accept(arguments) => accept(arguments, context),
    }
}

fn offer(arguments: &OwnershipOffer, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let person = person(vault.persons()?, arguments.person.as_deref())?;
    let members = vault.members(person.record)?;
    let to = member(&members, &arguments.member)?;
    vault.offer_founding(person.record, to.account)?;
    let console = &mut context.console;
    match console.json {
        true => console.json(&json!({ "offered": true, "to": to.account.to_string() })),
        false => console.say(texts::OFFERED, &[&clean(&person.name), &clean(&to.name)]),
    }
}

fn accept(arguments: &OwnershipAccept, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let person = person(vault.persons()?, arguments.person.as_deref())?;
    let members = vault.members(person.record)?;
    let kept = arguments.keep.iter().map(|typed| grant(&members, typed));
    let kept = kept.collect::<CliResult<Vec<_>>>()?;
    let left = arguments.remove.iter();
    let left = left.map(|typed| member(&members, typed));
    let left = left.collect::<CliResult<Vec<_>>>()?;
    all_named(&members, &kept, &left)?;
    let granted = kept
        .iter()
        .map(|(member, access)| (member.account, access.clone()));
    vault.come_of_age(person.record, &granted.collect::<Vec<_>>())?;
    let console = &mut context.console;
    if console.json {
        let members: Vec<String> = kept
            .iter()
            .map(|(member, _)| member.account.to_string())
            .collect();
        return console.json(&json!({ "founder": true, "kept": members }));
    }
    console.say(texts::TAKEN_OVER, &[&clean(&person.name)])?;
    console.say(texts::WHAT_THEY_READ, &[])
}

/// Whoever takes over says of each member what they keep: nobody loses or keeps anything by being forgotten.
fn all_named(members: &[Member], kept: &[(&Member, Access)], left: &[&Member]) -> CliResult {
    let is_named = |member: &&Member| {
        let keeps = kept.iter().any(|(kept, _)| kept.account == member.account);
        keeps != left.iter().any(|left| left.account == member.account)
    };
    let others = members.iter().filter(|member| !member.this);
    let unnamed: Vec<&str> = others
        .filter(|member| !is_named(member))
        .map(|member| member.name.as_str())
        .collect();
    match unnamed.is_empty() {
        true => Ok(()),
        false => Err(CliError::said(
            Exit::Invalid,
            texts::NAME_EVERYBODY,
            &[&unnamed.join(", ")],
        )),
    }
}

/// `NAME=ROLE` or `NAME=ROLE:compartment,compartment`.
fn grant<'a>(members: &'a [Member], typed: &str) -> CliResult<(&'a Member, Access)> {
    let wrong = || CliError::said(Exit::Invalid, texts::BAD_GRANT, &[typed]);
    let (name, right) = typed.rsplit_once('=').ok_or_else(wrong)?;
    let (role, compartments) = match right.split_once(':') {
        Some((role, compartments)) => (role, Some(compartments)),
        None => (right, None),
    };
    let role = match role {
        "owner" => MemberRole::Owner,
        "caregiver" => MemberRole::Caregiver,
        "reader" => MemberRole::Reader,
        _ => return Err(wrong()),
    };
    let access = match compartments {
        None => Access::everywhere(role),
        Some(names) => Access::within(role, &names.split(',').collect::<Vec<_>>()),
    };
    Ok((member(members, name)?, access))
}

/// The member meant: by name, or by the beginning of their account.
pub fn member<'a>(members: &'a [Member], typed: &str) -> CliResult<&'a Member> {
    let typed = typed.trim();
    let id = typed.to_lowercase();
    let matches: [&dyn Fn(&Member) -> bool; 3] = [
        &|member| member.name == typed,
        &|member| member.name.to_lowercase() == id,
        &|member| id.len() >= MIN_PREFIX && member.account.to_string().starts_with(&id),
    ];
    for matching in matches {
        let mut found = members.iter().filter(|member| matching(member));
        match (found.next(), found.next()) {
            (Some(member), None) if !typed.is_empty() => return Ok(member),
            (Some(_), Some(_)) => {
                return Err(CliError::said(Exit::Invalid, texts::WHICH_MEMBER, &[typed]));
            }
            _ => {}
        }
    }
    Err(CliError::said(
        Exit::NotFound,
        texts::UNKNOWN_MEMBER,
        &[typed],
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet_wire::AccountId;

    fn someone(n: u8, name: &str, this: bool) -> Member {
        Member {
            account: AccountId([n; 32]),
            name: name.to_owned(),
            access: Access::everywhere(MemberRole::Owner),
            rank: u32::from(n),
            verified: true,
            this,
            devices: Vec::new(),
        }
    }

    fn family() -> [Member; 3] {
        [
            someone(1, "Mum", false),
            someone(2, "Dad", false),
            someone(3, "Lou", true),
        ]
    }

    #[test]
    fn a_grant_names_a_member_a_role_and_where() {
        let family = family();
        let (member, access) = grant(&family, "mum=reader:general,series").unwrap();
        assert_eq!(member.account, AccountId([1; 32]));
        assert_eq!(
            access,
            Access::within(MemberRole::Reader, &["general", "series"])
        );
        let (member, everywhere) = grant(&family, "0202=caregiver").unwrap();
        assert_eq!(member.account, AccountId([2; 32]));
        assert_eq!(everywhere, Access::everywhere(MemberRole::Caregiver));
        for wrong in ["mum", "mum=boss", "=reader", "nobody=reader"] {
            assert!(grant(&family, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_is_forgotten_and_nobody_is_named_twice() {
        let family = family();
        let [mum, dad, _] = &family;
        let keep = [(mum, Access::everywhere(MemberRole::Reader))];
        assert!(all_named(&family, &keep, &[dad]).is_ok());
        for left in [[].as_slice(), &[mum, dad]] {
            let error = all_named(&family, &keep, left).unwrap_err();
            assert_eq!(error.code(), Exit::Invalid as u8);
        }
    }
}
