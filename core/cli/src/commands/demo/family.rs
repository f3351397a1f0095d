//! The family: four people, four vaults. Camille keeps the record of Jeanne, her mother, with Denis and with Nadia, a carer who
//! comes to the house; Lou, fifteen, keeps their own and lets both parents into it, but not everywhere.

use super::server::Server;
use super::{Stage, Steps, first_person, phones};
use crate::commands::member;
use crate::error::CliResult;
use crate::language::Language;
use crate::texts::demo;
use carnet::record::ids::ResourceId;
use carnet::vault::{
    Access, Filter, Invitation, InvitationWords, Member, MemberRole, Person, RecoverySheet,
};
use carnet::{Vault, VaultError};

/// What the persons' records begin with.
pub const FILES: [(&str, &[u8]); 3] = [
    (
        "jeanne.ndjson",
        include_bytes!("../../../demo/jeanne.ndjson"),
    ),
    ("lou.ndjson", include_bytes!("../../../demo/lou.ndjson")),
    (SECRET, include_bytes!("../../../demo/lou-secret.ndjson")),
];
/// The one that its source labels confidential, and words of it.
const SECRET: &str = "lou-secret.ndjson";
const SECRET_WORD: &str = "Lévonorgestrel";

/// Words of the files that must be readable nowhere.
pub const WORDS: [&str; 6] = [
    SECRET_WORD,
    "Scoliose",
    "Amlodipine",
    "Sulfamides",
    "Hypertension",
    "2024-02-14",
];
/// The folders of the phones.
pub const PHONES: [&str; 4] = ["phone-denis", "phone-lou", "phone-nadia", "phone-lou-new"];

const CAMILLE: &str = "Camille";
const DENIS: &str = "Denis";
const LOU: &str = "Lou";
const NADIA: &str = "Nadia";
const JEANNE: &str = "Jeanne";
/// When the carer's work ends.
const LAST_DAY: &str = "2099-12-31";

/// The phones, and the records they share.
struct Family<'a> {
    url: &'a str,
    mother: &'a Vault,
    father: Vault,
    teen: Vault,
    carer: Vault,
    jeanne: Person,
    lou: Person,
    /// Lou's 24 words.
    kit: RecoverySheet,
}

/// Plays it on the mother's phone and three more.
pub fn play(stage: &Stage, mother: &Vault, relay: &Server, told: &mut Steps) -> CliResult {
    let family = gather(stage, mother, relay, told)?;
    share(&family, told)?;
    keep_a_secret(stage, &family, told)?;
    remove(&family, told)?;
    recover(stage, &family, told)
}

fn gather<'a>(
    stage: &Stage,
    mother: &'a Vault,
    relay: &'a Server,
    told: &mut Steps,
) -> CliResult<Family<'a>> {
    let url = relay.url.as_str();
    let phone = |folder: &str, name: &str| {
        let device = demo::PHONE_OF.fill(told.language(), &[name]);
        phones::found(&stage.folder, folder, &device, (name, None))
    };
    let father = phone("phone-denis", DENIS)?;
    let teen = phone("phone-lou", LOU)?;
    let carer = phone("phone-nadia", NADIA)?;
    let jeanne = mother.add_person(JEANNE, Some("1941"))?;
    mother.import(jeanne.record, &[stage.family().join("jeanne.ndjson")], None)?;
    let lou = first_person(&teen)?;
    teen.import(lou.record, &[stage.family().join("lou.ndjson")], None)?;
    // Whoever shares a record must be able to come back to it without any phone.
    mother.make_kit(demo::KIT.pick(told.language()), Some(url))?;
    let kit = teen.make_kit(demo::KIT.pick(told.language()), Some(url))?;
    for one in [mother, &father, &teen, &carer] {
        one.sync(Some(url), None, None)?;
    }
    Ok(Family {
        url,
        mother,
        father,
        teen,
        carer,
        jeanne,
        lou,
        kit,
    })
}

impl Family<'_> {
    /// Everybody syncs, and hears of what the others then wrote.
    fn settle(&self, vaults: &[&Vault]) -> CliResult {
        for vault in vaults.iter().chain(vaults) {
            vault.sync(Some(self.url), None, None)?;
        }
        Ok(())
    }

    /// Lets somebody into a record; both sides then compare the same words, which come back.
    fn join(
        &self,
        (host, name): (&Vault, &str),
        (guest, guest_name): (&Vault, &str),
        person: &Person,
        access: &Access,
    ) -> CliResult<Option<InvitationWords>> {
        let code = host.invite(person.record, access, name, Some(self.url))?;
        self.settle(&[host])?;
        guest.accept_invitation(&code, guest_name, None)?;
        self.settle(&[host, guest])?;
        let (here, there) = (invitation(host, person)?, invitation(guest, person)?);
        let (here, there) = here.zip(there).unzip();
        let words = |one: Option<Invitation>| one.and_then(|one| one.words);
        let account = here.as_ref().and_then(|one| one.account);
        let (here, there) = (words(here), words(there));
        let Some(account) = account.filter(|_| here == there) else {
            return Ok(None);
        };
        host.verify_member(person.record, account)?;
        self.settle(&[host, guest])?;
        Ok(here)
    }
}

/// The invitation to a record that has words to compare and no verified member yet.
fn invitation(vault: &Vault, person: &Person) -> CliResult<Option<Invitation>> {
    let members = vault.members(person.record)?;
    let is_open = |one: &Invitation| {
        let theirs = members.iter().find(|member| match one.host {
            true => Some(member.account) == one.account,
            false => member.this,
        });
        one.record == Some(person.record) && theirs.is_some_and(|member| !member.verified)
    };
    Ok(vault.invitations()?.into_iter().find(is_open))
}

fn named(vault: &Vault, person: &Person, name: &str) -> CliResult<Option<Member>> {
    let members = vault.members(person.record)?;
    Ok(members.into_iter().find(|member| member.name == name))
}

fn rows(vault: &Vault, person: &Person) -> CliResult<usize> {
    Ok(ids(vault, person)?.len())
}

fn ids(vault: &Vault, person: &Person) -> CliResult<Vec<ResourceId>> {
    let filter = Filter {
        record: Some(person.record),
        ..Filter::default()
    };
    Ok(vault.list(&filter)?.iter().map(|row| row.id).collect())
}

/// Jeanne's record: an owner beside Camille, and a carer for a time.
fn share(family: &Family, told: &mut Steps) -> CliResult {
    let host = (family.mother, CAMILLE);
    let owner = Access::everywhere(MemberRole::Owner);
    let carer = Access {
        until: Some(LAST_DAY.to_owned()),
        ..Access::within(MemberRole::Caregiver, &["general"])
    };
    let denis = (&family.father, DENIS);
    let heard = family.join(host, denis, &family.jeanne, &owner)?;
    let nadia = (&family.carer, NADIA);
    let words = family.join(host, nadia, &family.jeanne, &carer)?;
    told.check(heard.is_some() && words.is_some(), demo::WHY_WORDS)?;
    if let Some(id) = ids(&family.carer, &family.jeanne)?.first() {
        family
            .carer
            .annotate(*id, demo::NOTE_NADIA.pick(told.language()))?;
    }
    let all = [&family.carer, family.mother, &family.father];
    family.settle(&all)?;
    for vault in all {
        let seen = rows(vault, &family.jeanne)?;
        told.check(seen == 3 && has_note(vault, family)?, demo::WHY_DIFFERENT)?;
    }
    let words = words.map(|words| match told.language() {
        Language::Fr => words.french.join(" "),
        Language::En => words.english.join(" "),
    });
    told.done(demo::SHARED, &[&words.unwrap_or_default()])?;
    told.show(|console| member::print_people(console, family.mother, &family.jeanne))
}

fn has_note(vault: &Vault, family: &Family) -> CliResult<bool> {
    for id in ids(vault, &family.jeanne)? {
        if phones::notes(vault, id)? > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Lou's record: both parents see it, but nothing of what its source labels confidential.
fn keep_a_secret(stage: &Stage, family: &Family, told: &mut Steps) -> CliResult {
    let host = (&family.teen, LOU);
    let parents = [(family.mother, CAMILLE), (&family.father, DENIS)];
    let access = Access::within(MemberRole::Caregiver, &["general", "series"]);
    for parent in parents {
        let words = family.join(host, parent, &family.lou, &access)?;
        told.check(words.is_some(), demo::WHY_WORDS)?;
    }
    let all = [&family.teen, family.mother, &family.father];
    family.settle(&all)?;
    let before = [family.mother.fingerprint()?, family.father.fingerprint()?];
    let secret = stage.family().join(SECRET);
    family.teen.import(family.lou.record, &[secret], None)?;
    family.settle(&all)?;
    let after = [family.mother.fingerprint()?, family.father.fingerprint()?];
    told.check(rows(&family.teen, &family.lou)? == 3, demo::WHY_MISSING)?;
    for parent in [family.mother, &family.father] {
        let found = parent.search(SECRET_WORD, &Filter::default())?;
        let hidden = found.is_empty() && rows(parent, &family.lou)? == 2;
        told.check(hidden && before == after, demo::WHY_SECRET)?;
    }
    told.done(demo::SECRET, &[])
}

/// Nadia goes: the removal is done once a relay and another phone know it; what is written then is not for her.
fn remove(family: &Family, told: &mut Steps) -> CliResult {
    let record = family.jeanne.record;
    if let Some(nadia) = named(family.mother, &family.jeanne, NADIA)? {
        family.mother.remove_member(record, nadia.account)?;
    }
    let done = |vault: &Vault| -> CliResult<bool> {
        let removals = vault.removals(record)?;
        Ok(!removals.is_empty() && removals.iter().all(|one| one.is_done()))
    };
    told.check(!done(family.mother)?, demo::WHY_REMOVED)?;
    family.settle(&[family.mother, &family.father])?;
    told.check(done(family.mother)?, demo::WHY_REMOVED)?;
    let id = ids(&family.father, &family.jeanne)?.pop();
    let id = id.ok_or(VaultError::NotFound("a resource"))?;
    family
        .father
        .annotate(id, demo::NOTE_DENIS.pick(told.language()))?;
    family.settle(&[&family.father, family.mother, &family.carer])?;
    let seen = phones::notes(family.mother, id)? == phones::notes(&family.father, id)?;
    let blind = phones::notes(&family.carer, id)? + 1 == phones::notes(&family.father, id)?;
    told.check(seen && blind, demo::WHY_REMOVED)?;
    let refused = family.carer.annotate(id, "x").is_err();
    told.check(refused, demo::WHY_REMOVED)?;
    told.done(demo::REMOVED, &[])
}

/// Lou's phone is gone: the words bring the same record back, and the phone that is gone gets nothing more.
fn recover(stage: &Stage, family: &Family, told: &mut Steps) -> CliResult {
    let before = family.teen.fingerprint()?;
    let old = family.teen.devices()?.into_iter().find(|one| one.this);
    let words = match told.language() {
        Language::Fr => &family.kit.french,
        Language::En => &family.kit.english,
    };
    let folder = stage.folder.join("phone-lou-new");
    let host = phones::lend(&stage.folder)?;
    let name = demo::NEW_PHONE_OF.fill(told.language(), &[LOU]);
    let new = Vault::recover(&folder, host, &name, words, Some(family.url), None)?;
    told.check(new.fingerprint()? == before, demo::WHY_RECOVERED)?;
    if let Some(old) = old {
        new.remove_device(old.id)?;
    }
    let id = ids(&new, &family.lou)?.pop();
    let id = id.ok_or(VaultError::NotFound("a resource"))?;
    new.annotate(id, demo::NOTE_LOU.pick(told.language()))?;
    family.settle(&[&new, family.mother])?;
    // Whoever fishes it out of the lake asks the relay in vain.
    let _ = family.teen.sync(Some(family.url), None, None);
    let blind = phones::notes(&family.teen, id)? + 1 == phones::notes(&new, id)?;
    told.check(blind, demo::WHY_RECOVERED)?;
    let first: Vec<&str> = words.split(' ').take(3).collect();
    told.done(demo::RECOVERED, &[&first.join(" ")])
}
