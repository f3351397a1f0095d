//! `carnet compartment`: the parts of a record, who may read each, and moving an item from one to another.

use super::member::called;
use crate::arguments::Whose;
use crate::arguments::compartment::{Add, CompartmentAction, Move};
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::CliResult;
use crate::format::{clean, integer};
use crate::json::compartment as json;
use crate::table::{self, Column};
use crate::texts::{compartment as texts, finding, message};
use carnet::vault::{Compartment, Member};
use serde_json::{Value, json};

/// Runs one of its actions.
pub fn run(action: &CompartmentAction, context: &mut Context) -> CliResult {
    match action {
        CompartmentAction::List(arguments) => list(arguments, context),
        CompartmentAction::Add(arguments) => add(arguments, context),
        CompartmentAction::Move(arguments) => move_item(arguments, context),
    }
}

fn list(arguments: &Whose, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let members = vault.members(person.record)?;
    let found = vault.compartments(person.record)?;
    if context.console.json {
        let found = found.iter().map(|one| json::compartment(one, &members));
        return context.console.json(&found.collect::<Value>());
    }
    print(&mut context.console, &found, &members)
}

fn print(console: &mut Console, found: &[Compartment], members: &[Member]) -> CliResult {
    let language = console.language;
    let row = |one: &Compartment| {
        let marks = match one.writable {
            true => "",
            false => texts::READ_ONLY.pick(language),
        };
        vec![
            clean(finding::compartment(&one.name, language)),
            integer(one.items, language),
            names(members, |member| member.access.reaches(&one.name)),
            marks.to_owned(),
        ]
    };
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let columns = [
        Column::new(finding::H_COMPARTMENT),
        Column::number(texts::H_ITEMS),
        Column::new(texts::H_READERS),
        Column::new(message::H_MARKS),
    ];
    table::print(console, &columns, &rows)
}

fn names(members: &[Member], wanted: impl Fn(&Member) -> bool) -> String {
    let wanted = members.iter().filter(|member| wanted(member));
    let names: Vec<String> = wanted.map(called).collect();
    names.join(", ")
}

fn add(arguments: &Add, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let person = context::person(vault.persons()?, arguments.person.as_deref())?;
    let name = finding::compartment_named(&arguments.name);
    vault.add_compartment(person.record, name)?;
    match context.console.json {
        true => context.console.json(&json!({ "added": name })),
        false => context.console.say(texts::ADDED, &[&clean(name)]),
    }
}

fn move_item(arguments: &Move, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let id = vault.find(&arguments.id)?;
    let record = vault.detail(id)?.row.record;
    let to = finding::compartment_named(&arguments.compartment);
    let lay_in = vault.compartments_of(id)?;
    vault.move_item(id, to)?;
    if context.console.json {
        let moved = json!({ "id": id.to_string(), "from": lay_in, "to": to });
        return context.console.json(&moved);
    }
    let language = context.console.language;
    let members = vault.members(record)?;
    let had = |member: &Member| lay_in.iter().any(|name| member.access.reaches(name));
    let has = |member: &Member| member.access.reaches(to);
    let console = &mut context.console;
    console.say(texts::MOVED, &[&clean(finding::compartment(to, language))])?;
    let gone = names(&members, |member| had(member) && !has(member));
    let shown = names(&members, |member| has(member) && !had(member));
    if !gone.is_empty() {
        console.say(texts::GONE_FOR, &[&gone])?;
        console.say(texts::ALREADY_READ, &[])?;
    }
    match shown.is_empty() {
        true => Ok(()),
        false => console.say(texts::SHOWN_TO, &[&shown]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use carnet::vault::{Access, MemberRole};
    use carnet_wire::AccountId;

    #[test]
    fn each_compartment_names_who_may_read_it() {
        let member = |n: u8, name: &str, access| Member {
            account: AccountId([n; 32]),
            name: name.to_owned(),
            access,
            rank: u32::from(n),
            verified: true,
            this: n == 0,
            devices: vec![],
        };
        let members = [
            member(0, "Lou", Access::everywhere(MemberRole::Owner)),
            member(1, "Denis", Access::within(MemberRole::Reader, &["general"])),
        ];
        let compartment = |name: &str, writable| Compartment {
            name: name.to_owned(),
            items: 1_200,
            writable,
        };
        let (mut console, printed) = console(Language::Fr);
        let found = [compartment("general", true), compartment("private", false)];
        print(&mut console, &found, &members).unwrap();
        let text = printed.text();
        let line = |name: &str| text.lines().find(|line| line.contains(name)).unwrap();
        assert!(line("général").contains("Lou, Denis"));
        assert!(line("privé").contains("Lou") && !line("privé").contains("Denis"));
        assert!(line("privé").contains("lecture seule"));
        let found = json::compartment(&found[1], &members);
        assert_eq!(found["readers"].as_array().map(Vec::len), Some(1));
    }
}
