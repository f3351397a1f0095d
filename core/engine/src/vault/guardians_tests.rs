//! Guardians bring an account back, and a child takes theirs over.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{account, join, patient, record, sync_all};
use super::keyring::GENERAL;
use super::sync_tests::{FakeRelay, Phone, URL, host, same};
use super::tests::TestKeys;
use super::*;
use crate::roster::Role;
use carnet_wire::AccountId;
use std::sync::mpsc;
use tempfile::TempDir;

fn reader() -> Access {
    Access::within(Role::Reader, &[GENERAL])
}

/// A person, three members of their record whose words were compared, and a relay.
fn family() -> (Arc<FakeRelay>, Phone, [Phone; 3]) {
    let relay = FakeRelay::new();
    let person = patient(&relay);
    let guardians = ["Denis", "Eve", "Farid"].map(|name| Phone::found_by(&relay, name));
    for guardian in &guardians {
        join(&person, guardian, &reader());
    }
    (relay, person, guardians)
}

fn accounts(guardians: &[Phone]) -> Vec<AccountId> {
    guardians.iter().map(account).collect()
}

/// A blank phone that asks; `answer` gets the code.
fn ask(relay: &Arc<FakeRelay>, wait: Duration, answer: impl FnOnce(&str)) -> VaultResult<Phone> {
    let (folder, keys) = (TempDir::new().unwrap(), TestKeys::new(9));
    let path = folder.path().join("v");
    let (shown, typed) = mpsc::channel();
    let vault = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut announce = |code: &str| shown.send(code.to_owned()).unwrap();
            let (host, waiting) = (host(&keys, relay), (wait, None));
            Vault::recover_with_guardians(&path, host, "New", URL, waiting, &mut announce)
        });
        answer(&typed.recv().unwrap());
        asking.join().unwrap()
    })?;
    Ok(Phone {
        folder,
        keys,
        vault,
    })
}

#[test]
fn two_of_three_guardians_bring_everything_back_and_one_does_not() {
    let (relay, person, guardians) = family();
    let shared = record(&person);
    let appoint = |accounts: &[AccountId]| {
        person
            .vault
            .appoint_guardians(shared, accounts, "Guardians")
    };
    let all = accounts(&guardians);
    assert!(
        matches!(appoint(&all), Err(VaultError::InvalidInput(_))),
        "not compared yet"
    );
    for guardian in &all {
        person.vault.verify_member(shared, *guardian).unwrap();
    }
    for wrong in [
        &all[..2],
        &[all[0], all[1], all[1]],
        &[all[0], all[1], account(&person)],
    ] {
        assert!(matches!(appoint(wrong), Err(VaultError::InvalidInput(_))));
    }
    let kit = appoint(&all).unwrap();
    let [denis, eve, _] = &guardians;
    sync_all(&[&person, denis, eve], 2);
    let sets = person.vault.guardians().unwrap();
    assert_eq!((sets.len(), sets[0].kit, sets[0].needed), (1, kit, 2));
    let wards = denis.vault.wards().unwrap();
    assert_eq!((wards.len(), wards[0].account), (1, account(&person)));
    assert!(person.vault.wards().unwrap().is_empty());

    let again = ask(&relay, Duration::from_secs(30), |code| {
        assert!(
            person.vault.answer_as_guardian(code, None).is_err(),
            "no guardian"
        );
        for guardian in [denis, eve] {
            assert_eq!(
                guardian.vault.answer_as_guardian(code, None).unwrap(),
                "New"
            );
        }
    });
    let again = again.unwrap();
    sync_all(&[&person], 1);
    same(&person, &again);

    let alone = ask(&relay, Duration::from_secs(2), |code| {
        denis.vault.answer_as_guardian(code, None).unwrap();
        denis.vault.answer_as_guardian(code, None).unwrap();
    });
    assert!(matches!(alone, Err(VaultError::Pairing(_))));
    // Once their kit is removed the shares are worth nothing.
    person.vault.remove_device(kit).unwrap();
    sync_all(&[&person, denis, &person, denis], 2);
    assert!(person.vault.guardians().unwrap().is_empty());
    assert!(denis.vault.wards().unwrap().is_empty());
    assert!(matches!(
        denis.vault.answer_as_guardian("ABCDE", None),
        Err(VaultError::InvalidInput(_))
    ));
}

#[test]
fn three_of_five_guardians_bring_everything_back_and_two_do_not() {
    let (relay, person, first) = family();
    let shared = record(&person);
    let more = ["Gwen", "Hugo"].map(|name| Phone::found_by(&relay, name));
    for guardian in &more {
        join(&person, guardian, &reader());
    }
    let all = [accounts(&first), accounts(&more)].concat();
    for guardian in &all {
        person.vault.verify_member(shared, *guardian).unwrap();
    }
    person
        .vault
        .appoint_guardians(shared, &all, "Five")
        .unwrap();
    let [denis, _, farid] = &first;
    sync_all(&[&person, denis, farid, &more[1]], 2);
    assert_eq!(person.vault.guardians().unwrap()[0].needed, 3);
    let two = ask(&relay, Duration::from_secs(3), |code| {
        for guardian in [denis, farid] {
            guardian.vault.answer_as_guardian(code, None).unwrap();
        }
    });
    assert!(matches!(two, Err(VaultError::Pairing(_))));
    let again = ask(&relay, Duration::from_secs(30), |code| {
        for guardian in [farid, &more[1], denis] {
            guardian.vault.answer_as_guardian(code, None).unwrap();
        }
    });
    let again = again.unwrap();
    sync_all(&[&person], 1);
    same(&person, &again);
}

#[test]
fn a_child_takes_over_and_parents_have_what_the_child_grants() {
    let relay = FakeRelay::new();
    let (mother, child) = (patient(&relay), Phone::found_by(&relay, "Lou"));
    let father = Phone::found_by(&relay, "Denis");
    join(&mother, &child, &Access::everywhere(Role::Owner));
    join(&mother, &father, &Access::everywhere(Role::Owner));
    sync_all(&[&mother, &child, &father], 2);
    let shared = record(&mother);
    let alone = child.vault.come_of_age(shared, &[]);
    assert!(
        matches!(alone, Err(VaultError::NotFound(_))),
        "nobody offered it"
    );
    mother.vault.verify_member(shared, account(&child)).unwrap();
    mother
        .vault
        .offer_founding(shared, account(&child))
        .unwrap();
    sync_all(&[&mother, &child], 2);
    let stranger = [(AccountId([9; 32]), reader())];
    assert!(matches!(
        child.vault.come_of_age(shared, &stranger),
        Err(VaultError::NotFound(_))
    ));
    assert_eq!(
        child.vault.members(shared).unwrap()[0].account,
        account(&mother)
    );
    // The mother may go on reading what is not private; the father nothing.
    child
        .vault
        .come_of_age(shared, &[(account(&mother), reader())])
        .unwrap();
    sync_all(&[&child, &mother, &child, &mother], 2);
    let members = child.vault.members(shared).unwrap();
    let accounts: Vec<_> = members.iter().map(|member| member.account).collect();
    assert_eq!(accounts, [account(&child), account(&mother)]);
    assert_eq!(members[1].access, reader());
    assert!(mother.vault.remove_member(shared, account(&child)).is_err());
    // What the child writes now opens for the mother where she reads, and nowhere for the father.
    let path = child.folder.path().join("file.json");
    std::fs::write(
        &path,
        super::tests::GLUCOSE.replace("00000001\"", "00000077\""),
    )
    .unwrap();
    child.vault.import(shared, &[path], None).unwrap();
    sync_all(&[&child, &mother], 2);
    let _ = (father.sync(), father.sync());
    let filter = Filter {
        record: Some(shared),
        ..Filter::default()
    };
    let rows = |phone: &Phone| phone.vault.list(&filter).unwrap().len();
    assert_eq!((rows(&child), rows(&mother), rows(&father)), (2, 2, 1));
    let row = mother.vault.list(&filter).unwrap()[0].id;
    assert!(mother.vault.annotate(row, "not any more").is_err());
    child.check();
    mother.check();
}
