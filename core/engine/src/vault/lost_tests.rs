//! A lost phone: what whoever has it still opens, who hears of it, and what becomes of keys drawn at the same time.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{account, join, patient, record, rows_of, sync_all};
use super::keyring::GENERAL;
use super::sync_tests::{FakeRelay, Phone};
use super::*;
use crate::roster::{Operation, Operations, Role};
use crate::seal::{self, unpack_body};
use carnet_wire::{DeviceId, Envelope, EpochId, Header, MailboxId, RecordId, kind};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn device(phone: &Phone) -> DeviceId {
    let devices = phone.vault.devices().unwrap();
    devices.iter().find(|device| device.this).unwrap().id
}

pub(super) fn everything(relay: &FakeRelay) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    relay.alter(|boxes| all.extend(boxes.values().flatten().cloned()));
    all
}

/// What a thief reads of some envelopes with all the keys a phone ever got.
pub(super) fn opened(phone: &Phone, envelopes: &BTreeSet<Vec<u8>>) -> Vec<(Header, Vec<u8>)> {
    let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
    let mut opened = Vec::new();
    for bytes in envelopes {
        let envelope = Envelope::from_bytes(bytes).unwrap();
        for (_, epoch) in &keyring.epochs {
            if let Ok(found) = seal::open(epoch, &envelope) {
                opened.push((found.header, unpack_body(&found.body).unwrap()));
            }
        }
    }
    opened
}

/// Of an envelope a thief opens: whether it is the removal itself, and new keys that are not for them.
fn is_the_removal(header: &Header, body: &[u8]) -> bool {
    let Ok(Operations::Known(operations)) = Operations::from_body(body) else {
        return false;
    };
    header.kind == kind::OPERATIONS
        && operations.iter().all(|operation| {
            matches!(
                operation,
                Operation::RemoveDevice { .. }
                    | Operation::RotateAccount { .. }
                    | Operation::MintEpoch { .. }
            )
        })
}

#[test]
fn whoever_has_a_lost_phone_opens_nothing_that_is_written_afterwards() {
    let relay = FakeRelay::new();
    let (phone, carer) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    let lost = phone.add(&relay);
    join(&phone, &carer, &Access::everywhere(Role::Caregiver));
    sync_all(&[&lost, &phone, &carer], 2);
    let (shared, theirs) = (record(&phone), device(&lost));
    let before = everything(&relay);

    phone.vault.remove_device(theirs).unwrap();
    phone.import(2);
    sync_all(&[&phone, &carer, &phone, &carer], 2);
    let filter = Filter {
        record: Some(shared),
        ..Filter::default()
    };
    let row = carer.vault.list(&filter).unwrap()[0].id;
    carer.vault.annotate(row, "after the loss").unwrap();
    let tablet = phone.add_named(&relay, "Tablet");
    tablet
        .vault
        .rename_device(device(&tablet), "Tablette")
        .unwrap();
    sync_all(&[&tablet, &carer, &phone, &tablet], 2);
    assert_eq!(phone.vault.detail(row).unwrap().notes.len(), 1);

    // The thief takes part as far as they can, then tries every key on everything that came since.
    for _ in 0..3 {
        let _ = lost.sync();
    }
    let after: BTreeSet<_> = everything(&relay).difference(&before).cloned().collect();
    assert!(after.len() > 10, "{}", after.len());
    let read = opened(&lost, &after);
    for (header, body) in &read {
        assert!(is_the_removal(header, body), "{header:?}");
    }
    assert!(!read.is_empty(), "the thief does hear of the removal");
    let held = |phone: &Phone| {
        let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
        let epochs = keyring.epochs.iter().map(|(_, epoch)| epoch.id);
        epochs.collect::<BTreeSet<_>>()
    };
    let new: Vec<_> = held(&phone).difference(&held(&lost)).copied().collect();
    // Both logs of the account; roster, general, private and series of the record.
    assert_eq!(new.len(), 6);
    assert!(lost.vault.annotate(row, "by the thief").is_err());
    assert!(lost.vault.remove_device(device(&phone)).is_err());
    assert_eq!(lost.vault.list(&filter).unwrap().len(), 1);
    // Everybody else has everything.
    for other in [&phone, &carer, &tablet] {
        assert_eq!(other.vault.list(&filter).unwrap().len(), 2);
        assert_eq!(other.open_findings(), []);
        other.check();
    }
}

#[test]
fn it_is_pending_until_a_relay_and_another_device_know() {
    let relay = FakeRelay::new();
    let phone = patient(&relay);
    let (tablet, lost) = (phone.add_named(&relay, "Tablet"), phone.add(&relay));
    sync_all(&[&tablet, &phone], 2);
    let here = phone.vault.remove_device(device(&phone)).unwrap_err();
    assert!(matches!(here, VaultError::InvalidInput(_)), "{here}");
    let nobody = phone.vault.remove_device(DeviceId([9; 32])).unwrap_err();
    assert!(matches!(nobody, VaultError::NotFound(_)), "{nobody}");
    assert_eq!(phone.vault.lost_devices().unwrap(), []);

    phone.vault.remove_device(device(&lost)).unwrap();
    let state = |phone: &Phone| {
        let lost = phone.vault.lost_devices().unwrap().remove(0);
        assert_eq!((lost.name.as_str(), lost.alone), ("Second", false));
        (lost.sent, lost.known_by.len(), lost.is_done())
    };
    assert_eq!(state(&phone), (false, 0, false));
    phone.sync().unwrap();
    assert_eq!(state(&phone), (true, 0, false));
    // The tablet says that it knows without being asked, once.
    sync_all(&[&tablet, &phone], 1);
    assert_eq!(state(&phone), (true, 1, true));
    let count = relay.envelopes();
    sync_all(&[&tablet, &phone], 2);
    assert_eq!(relay.envelopes(), count, "it is said once");
    assert!(phone.vault.remove_device(device(&lost)).is_err(), "twice");
    assert_eq!(phone.vault.devices().unwrap().len(), 2);
}

#[test]
fn two_phones_that_each_remove_another_end_with_keys_neither_has() {
    let relay = FakeRelay::new();
    let phone = patient(&relay);
    let [tablet, first, second] =
        ["Tablet", "First lost", "Second lost"].map(|name| phone.add_named(&relay, name));
    sync_all(&[&tablet, &first, &second, &phone], 2);
    phone.vault.remove_device(device(&first)).unwrap();
    tablet.vault.remove_device(device(&second)).unwrap();
    sync_all(&[&phone, &tablet, &phone, &tablet], 2);
    let before = everything(&relay);
    phone.import(4);
    phone.vault.rename_device(device(&phone), "Phone").unwrap();
    tablet
        .vault
        .rename_device(device(&tablet), "Tablette")
        .unwrap();
    sync_all(&[&phone, &tablet, &phone, &tablet], 1);
    let after: BTreeSet<_> = everything(&relay).difference(&before).cloned().collect();
    for lost in [&first, &second] {
        let _ = (lost.sync(), lost.sync());
        assert_eq!(opened(lost, &after), []);
    }
    let (one, other) = (
        phone.vault.unlocked().unwrap(),
        tablet.vault.unlocked().unwrap(),
    );
    let (one, other) = (one.keyring().unwrap(), other.keyring().unwrap());
    let account = one.own_account().unwrap();
    assert_eq!((account.removed.len(), account.generation), (2, 2));
    assert_eq!(
        one.account_keys().unwrap().kem_public(),
        other.account_keys().unwrap().kem_public()
    );
    phone.check();
    tablet.check();
}

/// The newest key of every log of a phone's records and account.
fn newest_keys(phone: &Phone) -> BTreeMap<(RecordId, String), EpochId> {
    let keyring = phone.vault.unlocked().unwrap().keyring().unwrap();
    let records = keyring.records().chain([keyring.account_record()]);
    let mut newest = BTreeMap::new();
    for record in records.collect::<Vec<_>>() {
        for (log, name) in keyring.logs_of(record) {
            let current = keyring.current_epoch(log).unwrap().id;
            newest.insert((record, name.to_owned()), current);
        }
    }
    newest
}

/// Both remove one, then both draw keys again without having heard of the other's.
#[test]
fn two_phones_that_each_remove_another_both_have_the_newest_keys() {
    for rounds_apart in 0..3 {
        let relay = FakeRelay::new();
        let (phone, carer) = (patient(&relay), Phone::found_by(&relay, "Denis"));
        let [tablet, watch, first, second] = ["Tablet", "Watch", "First lost", "Second lost"]
            .map(|name| phone.add_named(&relay, name));
        join(&phone, &carer, &Access::everywhere(Role::Caregiver));
        sync_all(&[&tablet, &watch, &first, &second, &phone], 2);
        phone.vault.remove_device(device(&first)).unwrap();
        tablet.vault.remove_device(device(&second)).unwrap();
        sync_all(&[&phone], 1);
        // The tablet hears of it and draws again, and what it drew does not get through: the phone draws as well.
        for _ in 0..rounds_apart {
            relay.refuse_pushes();
            let _ = (tablet.sync(), phone.sync());
            relay.be_honest();
            let _ = phone.sync();
        }
        sync_all(&[&tablet, &phone, &watch, &carer], 3);
        let before = everything(&relay);
        tablet.import(2);
        phone.import(3);
        sync_all(&[&tablet, &phone, &watch, &carer], 2);
        let after: BTreeSet<_> = everything(&relay).difference(&before).cloned().collect();
        let shared = record(&phone);
        for other in [&phone, &tablet, &watch, &carer] {
            assert_eq!(rows_of(other, shared), 3, "{rounds_apart}");
            other.check();
        }
        assert_eq!(newest_keys(&phone), newest_keys(&tablet), "{rounds_apart}");
        assert_eq!(newest_keys(&phone), newest_keys(&watch), "{rounds_apart}");
        for lost in [&first, &second] {
            let _ = (lost.sync(), lost.sync());
            assert_eq!(opened(lost, &after), []);
        }
    }
}

#[test]
fn a_phone_added_by_one_that_had_not_heard_keeps_what_it_has_and_is_paired_again() {
    let relay = FakeRelay::new();
    let phone = patient(&relay);
    let (tablet, lost) = (phone.add_named(&relay, "Tablet"), phone.add(&relay));
    sync_all(&[&tablet, &phone], 2);
    phone.vault.remove_device(device(&lost)).unwrap();
    // The tablet has not heard of it when it adds another.
    let watch = tablet.add_named(&relay, "Watch");
    sync_all(&[&phone, &tablet, &watch], 2);
    phone.import(5);
    sync_all(&[&phone, &watch, &tablet], 2);
    assert_eq!((watch.rows(), tablet.rows()), (1, 2));
    watch.check();
    tablet.vault.remove_device(device(&watch)).unwrap();
    let again = tablet.add_named(&relay, "Watch");
    sync_all(&[&tablet, &phone, &again], 2);
    assert_eq!(again.rows(), 2);
    assert!(
        phone
            .vault
            .lost_devices()
            .unwrap()
            .iter()
            .all(|lost| lost.is_done())
    );
    again.check();
}

#[test]
fn a_member_who_is_no_owner_loses_a_phone_and_the_owner_renews_the_keys() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    let lost = guest.add(&relay);
    join(&host, &guest, &Access::within(Role::Reader, &[GENERAL]));
    sync_all(&[&lost, &guest], 2);
    let shared = record(&host);
    guest.vault.remove_device(device(&lost)).unwrap();
    sync_all(&[&guest, &host, &guest, &host], 2);
    let before = everything(&relay);
    host.import(6);
    sync_all(&[&host, &guest], 2);
    let after: BTreeSet<_> = everything(&relay).difference(&before).cloned().collect();
    let _ = (lost.sync(), lost.sync());
    assert_eq!(opened(&lost, &after), []);
    let filter = Filter {
        record: Some(shared),
        ..Filter::default()
    };
    let rows = |phone: &Phone| phone.vault.list(&filter).unwrap().len();
    assert_eq!((rows(&host), rows(&guest), rows(&lost)), (2, 2, 1));
    // The owner reads the guest's devices where they are now.
    let members = host.vault.members(shared).unwrap();
    let of_guest = members.iter().find(|one| one.account == account(&guest));
    assert_eq!(of_guest.unwrap().devices.len(), 1);
    assert_eq!(host.open_findings(), []);
    host.check();
}

/// `cargo test -p carnet --lib adding_a_phone -- --nocapture` prints it.
#[test]
#[allow(clippy::print_stdout)]
fn adding_a_phone_touches_one_account_and_none_of_ten_shared_records() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    for number in 1..10 {
        host.vault
            .add_person(&format!("Child {number}"), None)
            .unwrap();
    }
    let access = Access::everywhere(Role::Caregiver);
    for person in host.vault.persons().unwrap() {
        let link = host
            .vault
            .invite(person.record, &access, "Camille", None)
            .unwrap();
        guest.vault.accept_invitation(&link, "Denis", None).unwrap();
    }
    sync_all(&[&host, &guest], 4);
    let shared = guest.vault.persons().unwrap().len();
    assert_eq!(shared, 11, "their own and ten of the host");
    let sizes = |relay: &FakeRelay| {
        let mut sizes = BTreeMap::new();
        relay.alter(|boxes| {
            let size = |held: &Vec<Vec<u8>>| held.iter().map(Vec::len).sum::<usize>();
            sizes = boxes.iter().map(|(id, held)| (*id, size(held))).collect();
        });
        sizes
    };
    let before: BTreeMap<MailboxId, usize> = sizes(&relay);
    let tablet = guest.add_named(&relay, "Tablet");
    sync_all(&[&tablet, &guest, &host], 2);
    assert_eq!(tablet.vault.persons().unwrap().len(), 11);
    let keyring = guest.vault.unlocked().unwrap().keyring().unwrap();
    let (mut account, mut meeting) = (0, 0);
    for (mailbox, size) in sizes(&relay) {
        let grown = size - before.get(&mailbox).copied().unwrap_or(0);
        let place = keyring.epoch_of(mailbox).map(|(_, epoch)| epoch.record);
        match place {
            Some(record) if record == keyring.account_record() => account += grown,
            Some(_) => assert_eq!(grown, 0, "a record was touched"),
            None => meeting += grown,
        }
    }
    println!(
        "a phone added to an account with 10 shared records: {account} bytes in the account, {meeting} in the rendezvous, 0 in the records"
    );
    assert!(account > 0 && account < 4 << 10, "{account}");
}
