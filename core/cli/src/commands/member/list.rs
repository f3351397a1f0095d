//! `carnet member list`: a table of members for each record, then everything about them that is not finished.

use super::MIN_PREFIX;
use crate::arguments::Whose;
use crate::commands::person::short;
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::CliResult;
use crate::format::{clean, recorded, when};
use crate::json::member as json;
use crate::json::member::People;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::{engine, finding, member as texts, message};
use carnet::Vault;
use carnet::vault::{Access, Beyond, Invitation, InvitationStage, Member, Person, Removal};
use serde_json::{Value, json};

/// Shows the members of one record, or of all.
pub fn run(arguments: &Whose, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let persons = vault.persons()?;
    let shown = match &arguments.person {
        Some(name) => vec![context::person(persons, Some(name))?],
        None => persons,
    };
    let records: Vec<People> = shown
        .into_iter()
        .map(|person| people(&vault, person))
        .collect::<CliResult<_>>()?;
    let mut invitations = vault.invitations()?;
    if arguments.person.is_some() {
        let shown = |one: &Invitation| {
            let mut records = records.iter();
            records.any(|people| Some(people.person.record) == one.record)
        };
        invitations.retain(shown);
    }
    if context.console.json {
        let records: Value = records.iter().map(json::people).collect();
        let invitations: Value = invitations.iter().map(json::invitation).collect();
        return context
            .console
            .json(&json!({ "records": records, "invitations": invitations }));
    }
    records
        .iter()
        .try_for_each(|people| print(&mut context.console, people))?;
    let verified = |one: &Invitation| is_settled(one, &records);
    invitations
        .iter()
        .filter(|one| !verified(one))
        .try_for_each(|one| print_invitation(&mut context.console, one))
}

/// Shows who shares one record.
pub fn print_people(console: &mut Console, vault: &Vault, person: &Person) -> CliResult {
    print(console, &people(vault, person.clone())?)
}

/// Everything about who shares a record.
pub fn people(vault: &Vault, person: Person) -> CliResult<People> {
    let record = person.record;
    Ok(People {
        members: vault.members(record)?,
        removals: vault.removals(record)?,
        waiting: vault.beyond(record)?,
        founding: vault.founding(record)?,
        person,
    })
}

/// An invitation that ended with a verified member has nothing more to say.
fn is_settled(invitation: &Invitation, records: &[People]) -> bool {
    let of_record = records
        .iter()
        .filter(|people| Some(people.person.record) == invitation.record);
    let mut members = of_record.flat_map(|people| &people.members);
    let other = members.clone().find(|one| {
        invitation.host && Some(one.account) == invitation.account || !invitation.host && one.this
    });
    let joined = invitation.stage == InvitationStage::Joined;
    joined && (other.is_some_and(|member| member.verified) || members.next().is_none())
}

fn print(console: &mut Console, people: &People) -> CliResult {
    let language = console.language;
    let heading = texts::RECORD_OF.fill(language, &[&clean(&people.person.name)]);
    console.heading(&heading)?;
    let rows: Vec<Vec<String>> = people
        .members
        .iter()
        .map(|member| row(member, language))
        .collect();
    let columns = [
        Column::new(message::H_NAME),
        Column::new(texts::H_ROLE),
        Column::new(texts::H_WHERE),
        Column::new(texts::H_UNTIL),
        Column::spare(texts::H_PHONES),
        Column::new(message::H_MARKS),
        Column::new(message::H_ID),
    ];
    table::print(console, &columns, &rows)?;
    print_founding(console, people)?;
    people
        .removals
        .iter()
        .try_for_each(|removal| print_removal(console, removal))?;
    people
        .waiting
        .iter()
        .try_for_each(|beyond| print_waiting(console, beyond))
}

fn row(member: &Member, language: Language) -> Vec<String> {
    let name = match member.name.is_empty() {
        true => texts::NO_NAME.pick(language).to_owned(),
        false => clean(&member.name),
    };
    let until = member.access.until.as_deref();
    let phones: Vec<String> = member.devices.iter().map(|one| clean(&one.name)).collect();
    vec![
        name,
        texts::role(member.access.role).pick(language).to_owned(),
        places(&member.access, language),
        until.map(|day| when(day, language)).unwrap_or_default(),
        phones.join(", "),
        marks(member, language),
        short(&member.account.to_string()),
    ]
}

fn marks(member: &Member, language: Language) -> String {
    let marks = [
        (member.this, texts::YOU),
        (member.rank == 0, texts::FOUNDER),
        (!member.verified, texts::UNVERIFIED),
    ];
    let marks = marks.iter().filter(|(holds, _)| *holds);
    let marks: Vec<&str> = marks.map(|(_, text)| text.pick(language)).collect();
    marks.join(", ")
}

/// Where somebody gets in, in words.
pub fn places(access: &Access, language: Language) -> String {
    match &access.compartments {
        None => texts::EVERYWHERE.pick(language).to_owned(),
        Some(names) => joined(names, language),
    }
}

/// Names of compartments as people call them.
pub fn joined(names: &[String], language: Language) -> String {
    let names: Vec<String> = names
        .iter()
        .map(|name| clean(finding::compartment(name, language)))
        .collect();
    names.join(", ")
}

fn print_founding(console: &mut Console, people: &People) -> CliResult {
    for account in &people.founding.offered_to {
        let mut members = people.members.iter();
        let to = members.find(|member| member.account == *account);
        let name = to.map_or_else(|| short(&account.to_string()), super::called);
        console.say(texts::OFFER_OPEN, &[&name])?;
    }
    match people.founding.contested {
        true => console.say(texts::CONTESTED, &[]),
        false => Ok(()),
    }
}

fn print_removal(console: &mut Console, removal: &Removal) -> CliResult {
    let name = match removal.name.is_empty() {
        true => short(&removal.account.to_string()),
        false => clean(&removal.name),
    };
    if removal.is_done() {
        return console.say(texts::REMOVAL_DONE, &[&name]);
    }
    let why = match removal.sent {
        true => texts::NOT_KNOWN,
        false => texts::NOT_SENT,
    };
    let why = why.pick(console.language);
    console.say(texts::REMOVAL_PENDING, &[&name, why])
}

fn print_waiting(console: &mut Console, beyond: &Beyond) -> CliResult {
    let language = console.language;
    let device = match beyond.device_name.is_empty() {
        true => finding::UNKNOWN_DEVICE.pick(language).to_owned(),
        false => clean(&beyond.device_name),
    };
    let place = clean(finding::compartment(&beyond.compartment, language));
    let count = beyond.changes.len() as u64;
    console.line(&texts::WAITS.fill(language, count, &[&device, &place]))?;
    let id = beyond.device.to_string();
    let id: String = id.chars().take(2 * MIN_PREFIX).collect();
    console.say(texts::ADOPT_NEXT, &[&id])
}

fn print_invitation(console: &mut Console, one: &Invitation) -> CliResult {
    let language = console.language;
    let id = short(&json::id(one));
    let name = one.name.as_deref().map(clean).unwrap_or_default();
    match (one.stage, one.host) {
        (InvitationStage::Waiting, true) => {
            let role = one.access.as_ref();
            let role = role.map(|access| texts::role(access.role).pick(language));
            let places = one.access.as_ref().map(|access| places(access, language));
            let (role, places) = (role.unwrap_or_default(), places.unwrap_or_default());
            let expires = recorded(one.expires, language);
            console.say(texts::SENT_WAITING, &[&id, role, &places, &expires])?;
        }
        (InvitationStage::Waiting, false) => console.say(texts::TAKEN_WAITING, &[&id])?,
        (InvitationStage::Answered, _) => console.say(texts::ANSWERED, &[&id, &name])?,
        (InvitationStage::Joined, _) => console.say(texts::JOINED, &[&id, &name])?,
        (InvitationStage::Failed(why), _) => {
            return console.say(texts::FAILED, &[&id, engine::translate(why, language)]);
        }
    }
    print_words(console, one, &name)
}

/// The words in both languages: the other one may read them from a phone in the other.
fn print_words(console: &mut Console, one: &Invitation, name: &str) -> CliResult {
    let Some(words) = &one.words else {
        return Ok(());
    };
    let (french, english) = (words.french.join(" "), words.english.join(" "));
    let (own, other) = match console.language {
        Language::Fr => (french, english),
        Language::En => (english, french),
    };
    console.say(texts::WORDS, &[&own, &other])?;
    match one.host && one.stage == InvitationStage::Joined {
        true => {
            let word = match console.language {
                Language::Fr => "MOT",
                Language::En => "WORD",
            };
            let slots = vec![word; words.french.len()].join(" ");
            console.say(texts::WORDS_NEXT, &[name, &slots])
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::samples;
    use carnet::vault::{Founding, InvitationWords, MemberDevice, MemberRole};
    use carnet_wire::{AccountId, ChangeId};

    fn account(n: u8) -> AccountId {
        AccountId([n; 32])
    }

    fn member(n: u8, name: &str, verified: bool) -> Member {
        Member {
            account: account(n),
            name: name.to_owned(),
            access: match n {
                0 => Access::everywhere(MemberRole::Owner),
                _ => Access {
                    until: Some("2027-01-31".to_owned()),
                    ..Access::within(MemberRole::Caregiver, &["general", "dentist"])
                },
            },
            rank: u32::from(n),
            verified,
            this: n == 0,
            devices: vec![MemberDevice {
                id: samples::device(n),
                name: "Pixel\u{1b}[2J".to_owned(),
            }],
        }
    }

    fn people_of(members: Vec<Member>) -> People {
        People {
            person: Person {
                record: samples::record(1),
                name: "Camille".to_owned(),
                birth_date: None,
            },
            members,
            removals: vec![],
            waiting: vec![],
            founding: Founding {
                offered_to: vec![],
                contested: false,
            },
        }
    }

    fn invitation(stage: InvitationStage, words: bool) -> Invitation {
        Invitation {
            id: [0xab; 32],
            host: true,
            record: Some(samples::record(1)),
            account: Some(account(2)),
            name: Some("Denis".to_owned()),
            access: Some(Access::within(MemberRole::Reader, &["general"])),
            stage,
            words: words.then(|| InvitationWords {
                french: vec!["abeille", "canal"],
                english: vec!["bee", "fern"],
            }),
            expires: 1_709_210_096_789,
        }
    }

    #[test]
    fn whoever_was_not_verified_is_marked_and_names_draw_nothing() {
        let (mut console, printed) = console(Language::Fr);
        let members = vec![member(0, "Camille", true), member(2, "Denis", false)];
        print(&mut console, &people_of(members)).unwrap();
        let text = printed.text();
        let line = |name: &str| text.lines().rfind(|line| line.contains(name));
        let denis = line("Denis").unwrap();
        assert!(denis.contains("NON VÉRIFIÉ") && denis.contains("31/01/2027"));
        assert!(denis.contains("dentist, général") && denis.contains("aidant"));
        let camille = line("Camille").unwrap();
        assert!(camille.contains("vous, fondateur") && camille.contains("partout"));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_removal_is_pending_until_another_device_knows() {
        let mut removal = Removal {
            account: account(3),
            name: "Paul".to_owned(),
            sent: false,
            known_by: vec![],
        };
        let shown = |removal: &Removal| {
            let (mut console, printed) = console(Language::En);
            print_removal(&mut console, removal).unwrap();
            printed.text()
        };
        assert!(shown(&removal).contains("pending: not sent"));
        removal.sent = true;
        assert!(shown(&removal).contains("pending: sent, no other device"));
        removal.known_by.push(samples::device(1));
        assert_eq!(shown(&removal), "\"Paul\" is removed.\n");
    }

    #[test]
    fn what_waits_comes_with_the_command_that_takes_it() {
        let (mut console, printed) = console(Language::En);
        let mut people = people_of(vec![member(0, "Camille", true), member(2, "Denis", true)]);
        people.waiting = vec![Beyond {
            device: samples::device(0xcd),
            device_name: String::new(),
            compartment: "general".to_owned(),
            changes: vec![ChangeId([1; 32]), ChangeId([2; 32])],
        }];
        people.founding.offered_to = vec![account(2)];
        print(&mut console, &people).unwrap();
        let text = printed.text();
        assert!(text.contains("\"an unknown device\" wrote 2 changes (general)"));
        assert!(text.contains("carnet member adopt cdcdcdcd\n"));
        assert!(text.contains("offered to \"Denis\""));
    }

    #[test]
    fn an_invitation_says_how_far_it_is_and_shows_the_words_once_there_are_some() {
        let shown = |stage, words| {
            let (mut console, printed) = console(Language::En);
            print_invitation(&mut console, &invitation(stage, words)).unwrap();
            printed.text()
        };
        let waiting = shown(InvitationStage::Waiting, false);
        assert!(waiting.contains("abababab") && waiting.contains("(reader, general)"));
        assert!(shown(InvitationStage::Answered, true).contains("bee fern   (in French: abeille"));
        let joined = shown(InvitationStage::Joined, true);
        assert!(joined.contains("carnet member verify \"Denis\" WORD WORD"));
        let failed = shown(InvitationStage::Failed("this invitation has expired"), true);
        assert!(failed.contains("expired") && !failed.contains("bee"));
    }

    #[test]
    fn an_invitation_is_shown_until_its_member_is_verified() {
        let records = |verified| vec![people_of(vec![member(2, "Denis", verified)])];
        let joined = invitation(InvitationStage::Joined, true);
        assert!(!is_settled(&joined, &records(false)));
        assert!(is_settled(&joined, &records(true)));
        let answered = invitation(InvitationStage::Answered, true);
        assert!(!is_settled(&answered, &records(true)));
    }
}
