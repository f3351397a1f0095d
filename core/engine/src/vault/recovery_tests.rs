//! The recovery kit: from words alone to the same record, after everything that can have happened meanwhile.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{join, record, sync_all};
use super::sync_tests::{FakeRelay, Phone, URL, host, same};
use super::tests::TestKeys;
use super::*;
use crate::roster::Role;
use crate::seal::{RecoveryKit, WordLanguage};
use tempfile::TempDir;

fn sheet(phone: &Phone) -> RecoverySheet {
    let sheet = phone.vault.make_kit("Paper", Some(URL)).unwrap();
    phone.sync().unwrap();
    sheet
}

fn recover(relay: &Arc<FakeRelay>, kit: &str) -> VaultResult<Phone> {
    let (folder, keys) = (TempDir::new().unwrap(), TestKeys::new(9));
    let path = folder.path().join("v");
    let vault = Vault::recover(&path, host(&keys, relay), "New phone", kit, Some(URL), None)?;
    Ok(Phone {
        folder,
        keys,
        vault,
    })
}

fn device(phone: &Phone) -> carnet_wire::DeviceId {
    let devices = phone.vault.devices().unwrap();
    devices.iter().find(|device| device.this).unwrap().id
}

#[test]
fn the_words_alone_bring_the_same_record_to_a_blank_phone() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    phone.import(1);
    let sheet = phone.vault.make_kit("Paper", Some(URL)).unwrap();
    assert!(!phone.vault.kits().unwrap()[0].ready, "before a sync");
    assert!(recover(&relay, &sheet.english).is_err());
    phone.sync().unwrap();
    assert!(phone.vault.kits().unwrap()[0].ready);
    for text in [&sheet.french, &sheet.english, &sheet.code] {
        assert_eq!(phone.vault.check_kit(text).unwrap().id, sheet.kit);
    }
    phone.import(2);
    phone.sync().unwrap();
    let again = recover(&relay, &sheet.french).unwrap();
    same(&phone, &again);
    assert_eq!(again.rows(), 2);
    // A phone like any other: it writes, and the kit opens again what it wrote.
    again.import(3);
    again.sync().unwrap();
    assert_eq!(again.open_findings(), []);
    let third = recover(&relay, &sheet.code).unwrap();
    assert_eq!(third.rows(), 3);
    phone.sync().unwrap();
    same(&phone, &third);
    let names: Vec<_> = phone
        .vault
        .devices()
        .unwrap()
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    let count = relay.envelopes();
    sync_all(&[&phone, &third], 2);
    assert_eq!(relay.envelopes(), count, "letters are left once");
}

#[test]
fn wrong_words_other_kits_and_other_relays_are_told_apart_and_leave_nothing() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    let sheet = sheet(&phone);
    let mut words: Vec<&str> = sheet.english.split(' ').collect();
    words.swap(3, 17);
    let swapped = words.join(" ");
    words[5] = "carnet";
    let wrong = words.join(" ");
    let stranger = RecoveryKit::make().unwrap().words(WordLanguage::English);
    let said = |kit: &str| match recover(&relay, kit) {
        Err(VaultError::InvalidInput(why) | VaultError::Pairing(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("recovered"),
    };
    assert!(said(&wrong).contains("word 6"), "{}", said(&wrong));
    assert!(said("one two three").contains("24 words"));
    if sheet.english.split(' ').nth(3) != sheet.english.split(' ').nth(17) {
        assert!(said(&swapped).contains("do not fit together"));
    }
    assert!(said(&stranger).contains("knows nothing of this recovery kit"));
    assert!(matches!(
        phone.vault.check_kit(&stranger),
        Err(VaultError::NotFound(_))
    ));
    let words = TempDir::new().unwrap();
    let path = words.path().join("v");
    let keys = TestKeys::new(9);
    let no_relay = Vault::recover(&path, host(&keys, &relay), "New", &sheet.french, None, None);
    assert!(no_relay.is_err() && !path.exists());
    // The phone's own folder is not overwritten.
    let over = Vault::recover(
        &phone.path(),
        host(&keys, &relay),
        "New",
        &sheet.code,
        None,
        None,
    );
    assert!(matches!(over, Err(VaultError::InvalidInput(_))));
    assert_eq!(phone.vault.devices().unwrap().len(), 1);
}

#[test]
fn a_lost_phone_is_removed_from_the_kit_and_writes_no_letter_that_deceives() {
    let relay = FakeRelay::new();
    let (lost, carer) = (Phone::found(&relay), Phone::found_by(&relay, "Denis"));
    lost.import(1);
    let sheet = sheet(&lost);
    join(&lost, &carer, &Access::everywhere(Role::Caregiver));
    let again = recover(&relay, &sheet.french).unwrap();
    again.vault.remove_device(device(&lost)).unwrap();
    // The thief still knows the kit's mailbox: their letter opens the account as it was before.
    let open = lost.vault.unlocked().unwrap();
    let stale = open.write(|tx| {
        for (key, _) in crate::store::log::meta_of(tx, "letter ")? {
            crate::store::log::remove_meta(tx, &key)?;
        }
        Ok(())
    });
    stale.unwrap();
    recovery::leave_letters(&open, &*relay, URL).unwrap();
    again.import(2);
    sync_all(&[&again, &carer, &again], 2);
    recovery::leave_letters(&open, &*relay, URL).unwrap();
    assert!(again.vault.lost_devices().unwrap()[0].is_done());

    let third = recover(&relay, &sheet.code).unwrap();
    same(&again, &third);
    assert_eq!(third.vault.lost_devices().unwrap().len(), 1);
    third.import(3);
    sync_all(&[&third, &carer, &again], 2);
    let shared = record(&again);
    let filter = Filter {
        record: Some(shared),
        ..Filter::default()
    };
    let rows = |phone: &Phone| phone.vault.list(&filter).unwrap().len();
    let _ = (lost.sync(), lost.sync());
    assert_eq!(
        (rows(&third), rows(&carer), rows(&again), rows(&lost)),
        (3, 3, 3, 1)
    );
}

#[test]
fn a_kit_that_was_removed_opens_nothing_and_says_so() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    let (old, new) = (sheet(&phone), sheet(&phone));
    assert_eq!(phone.vault.kits().unwrap().len(), 2);
    phone.vault.remove_device(old.kit).unwrap();
    phone.import(1);
    phone.sync().unwrap();
    let gone = phone.vault.lost_devices().unwrap();
    assert!(gone[0].kit && gone[0].is_done());
    assert!(matches!(
        phone.vault.check_kit(&old.french),
        Err(VaultError::InvalidInput(_))
    ));
    assert!(matches!(
        recover(&relay, &old.french),
        Err(VaultError::InvalidInput(_))
    ));
    let again = recover(&relay, &new.french).unwrap();
    same(&phone, &again);
}
