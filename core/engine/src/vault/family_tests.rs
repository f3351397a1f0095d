//! Several people and one record: who gets in, what each may do, what a removed member still opens.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::keyring::{self, GENERAL};
use super::sync_tests::{FakeRelay, Phone, URL};
use super::*;
use crate::record::ids::ResourceId;
use crate::roster::{DEVICES, Operation, Role};
use crate::seal::RecoveryKit;
use crate::store::log;
use crate::store::log::HeldFor;
use carnet_wire::AccountId;
use carnet_wire::RecordId;

/// The person who keeps the record, with a recovery kit.
pub(super) fn patient(relay: &Arc<FakeRelay>) -> Phone {
    let phone = Phone::found_by(relay, "Camille");
    let open = phone.vault.unlocked().unwrap();
    let card = RecoveryKit::make().unwrap().card("Paper").unwrap();
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let log = keyring::log_number(tx, keyring.account_record(), DEVICES)?;
        write::write_operations(tx, &keyring, log, &[Operation::AddDevice { device: card }])
    })
    .unwrap();
    phone.import(1);
    phone.sync().unwrap();
    phone
}

pub(super) fn record(phone: &Phone) -> RecordId {
    phone.vault.persons().unwrap()[0].record
}

pub(super) fn account(phone: &Phone) -> AccountId {
    phone.vault.unlocked().unwrap().keyring().unwrap().account
}

pub(super) fn sync_all(phones: &[&Phone], rounds: usize) {
    for _ in 0..rounds {
        for phone in phones {
            let report = phone.sync().unwrap();
            assert!(report.complete, "{report:?}");
        }
    }
}

/// Lets a guest into the host's record.
pub(super) fn join(host: &Phone, guest: &Phone, access: &Access) {
    let link = host
        .vault
        .invite(record(host), access, "Camille", Some(URL))
        .unwrap();
    guest.vault.accept_invitation(&link, "Denis", None).unwrap();
    sync_all(&[host, guest], 4);
}

pub(super) fn rows_of(phone: &Phone, record: RecordId) -> usize {
    let filter = Filter {
        record: Some(record),
        ..Filter::default()
    };
    phone.vault.list(&filter).unwrap().len()
}

pub(super) fn first_row(phone: &Phone, record: RecordId) -> ResourceId {
    let filter = Filter {
        record: Some(record),
        ..Filter::default()
    };
    phone.vault.list(&filter).unwrap()[0].id
}

pub(super) fn held(phone: &Phone) -> Vec<(HeldFor, u64)> {
    let open = phone.vault.unlocked().unwrap();
    open.store.read(log::held_counts).unwrap()
}

#[test]
fn a_guest_gets_in_and_both_hear_the_same_words() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    let access = Access::within(Role::Caregiver, &[GENERAL]);
    join(&host, &guest, &access);
    let (ours, theirs) = (
        host.vault.invitations().unwrap(),
        guest.vault.invitations().unwrap(),
    );
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_eq!(ours[0].stage, InvitationStage::Joined);
    assert_eq!(theirs[0].stage, InvitationStage::Joined);
    let words = ours[0].words.clone().unwrap();
    assert_eq!(words.french.len(), 4);
    assert_eq!(Some(words), theirs[0].words);
    assert_eq!(ours[0].name.as_deref(), Some("Denis"));
    assert_eq!(theirs[0].name.as_deref(), Some("Camille"));
    let shared = record(&host);
    assert_eq!((rows_of(&guest, shared), held(&guest)), (1, vec![]));
    let members = guest.vault.members(shared).unwrap();
    assert_eq!(members, {
        let mut same = host.vault.members(shared).unwrap();
        same.iter_mut()
            .for_each(|member| member.this = !member.this);
        same
    });
    assert_eq!(
        (members[1].name.as_str(), members[1].verified),
        ("Denis", false)
    );
    assert_eq!(members[1].access, access);
    host.vault.verify_member(shared, account(&guest)).unwrap();
    sync_all(&[&host, &guest], 1);
    assert!(guest.vault.members(shared).unwrap()[1].verified);
    // What either writes, the other has.
    let id = first_row(&guest, shared);
    guest.vault.annotate(id, "from the carer").unwrap();
    sync_all(&[&guest, &host], 1);
    assert_eq!(host.vault.detail(id).unwrap().notes.len(), 1);
    host.check();
    guest.check();
}

#[test]
fn a_reader_reads_and_a_compartment_that_was_not_given_does_not_exist() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    join(&host, &guest, &Access::within(Role::Reader, &[GENERAL]));
    let shared = record(&host);
    let id = first_row(&guest, shared);
    let before = guest.vault.fingerprint().unwrap();
    let refused = guest.vault.annotate(id, "not allowed").unwrap_err();
    assert!(matches!(refused, VaultError::InvalidInput(_)), "{refused}");
    assert_eq!(guest.vault.fingerprint().unwrap(), before);
    let open = guest.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let names: Vec<&str> = keyring.logs_of(shared).map(|(_, name)| name).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    // A reader has nothing that writes, and nothing that retires.
    let log = open
        .store
        .read(|conn| keyring::log_number(conn, shared, GENERAL))
        .unwrap();
    let secrets = &keyring.current_epoch(log).unwrap().secrets;
    assert_eq!((secrets.write, secrets.retire), (None, None));
    // Neither invites nor removes.
    let access = Access::within(Role::Reader, &[GENERAL]);
    assert!(
        guest
            .vault
            .invite(shared, &access, "Denis", Some(URL))
            .is_err()
    );
    assert!(guest.vault.remove_member(shared, account(&host)).is_err());
}

#[test]
fn what_is_written_after_a_removal_does_not_open_for_the_removed() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    join(&host, &guest, &Access::everywhere(Role::Caregiver));
    let shared = record(&host);
    host.vault.remove_member(shared, account(&guest)).unwrap();
    assert!(host.vault.remove_member(shared, account(&host)).is_err());
    host.import(2);
    sync_all(&[&host, &guest, &host, &guest], 2);
    // With everything it ever had, the removed phone opens nothing of what was written since.
    let (old, new) = (
        guest.vault.unlocked().unwrap().keyring().unwrap(),
        host.vault.unlocked().unwrap().keyring().unwrap(),
    );
    for name in ["private", GENERAL, "series", "roster"] {
        let of = |keyring: &keyring::Keyring| {
            let place = keyring.logs_of(shared).find(|(_, one)| *one == name);
            let log = place.map(|(log, _)| log).unwrap();
            let epochs = keyring.epochs.iter().filter(|(of, _)| *of == log);
            epochs.map(|(_, epoch)| epoch.id).collect::<Vec<_>>()
        };
        assert_eq!((of(&old).len(), of(&new).len()), (1, 2), "{name}");
    }
    assert_eq!((rows_of(&host, shared), rows_of(&guest, shared)), (2, 1));
    assert_eq!(guest.vault.members(shared).unwrap().len(), 1);
    assert!(
        guest
            .vault
            .annotate(first_row(&guest, shared), "still here")
            .is_err()
    );
}

#[test]
fn what_somebody_wrote_who_had_not_heard_waits_until_an_owner_adopts_it() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    let second = host.add(&relay);
    join(&host, &guest, &Access::everywhere(Role::Caregiver));
    sync_all(&[&second], 2);
    let shared = record(&host);
    let id = first_row(&guest, shared);
    guest.vault.annotate(id, "in time").unwrap();
    sync_all(&[&guest, &host], 1);
    // The second phone hears of the note before the removal, the first one after it.
    guest.vault.annotate(id, "too late").unwrap();
    host.vault.remove_member(shared, account(&guest)).unwrap();
    guest.sync().unwrap();
    second.sync().unwrap();
    let notes = |phone: &Phone| phone.vault.detail(id).unwrap().notes.len();
    assert_eq!((notes(&host), notes(&second)), (1, 2));
    sync_all(&[&host, &second], 2);
    assert_eq!((notes(&host), notes(&second)), (1, 1));
    assert_eq!(held(&host), [(HeldFor::Beyond, 1)]);
    assert_eq!(held(&second), [(HeldFor::Beyond, 1)]);
    second.check();
    let waiting = host.vault.beyond(shared).unwrap();
    assert_eq!((waiting.len(), waiting[0].changes.len()), (1, 1));
    host.vault.adopt(shared, waiting[0].device).unwrap();
    assert_eq!(notes(&host), 2);
    sync_all(&[&host, &second], 1);
    assert_eq!((notes(&second), held(&second)), (2, vec![]));
    assert_eq!(
        host.vault.fingerprint().unwrap(),
        second.vault.fingerprint().unwrap()
    );
    host.check();
    second.check();
}

#[test]
fn a_role_is_changed_and_somebody_leaves() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    join(&host, &guest, &Access::within(Role::Reader, &[GENERAL]));
    let shared = record(&host);
    let id = first_row(&guest, shared);
    let more = Access::within(Role::Caregiver, &[GENERAL, "private"]);
    host.vault
        .change_access(shared, account(&guest), &more)
        .unwrap();
    assert!(
        host.vault
            .change_access(shared, account(&guest), &more)
            .is_err()
    );
    sync_all(&[&host, &guest], 2);
    guest.vault.annotate(id, "a carer now").unwrap();
    sync_all(&[&guest, &host], 1);
    assert_eq!(host.vault.detail(id).unwrap().notes.len(), 1);
    let keyring = guest.vault.unlocked().unwrap().keyring().unwrap();
    assert_eq!(keyring.logs_of(shared).count(), 3);
    guest.vault.remove_member(shared, account(&guest)).unwrap();
    sync_all(&[&guest, &host], 2);
    assert_eq!(host.vault.members(shared).unwrap().len(), 1);
    host.import(3);
    sync_all(&[&host, &guest], 2);
    assert_eq!((rows_of(&host, shared), rows_of(&guest, shared)), (2, 1));
}

#[test]
fn a_link_works_once_and_not_without_a_recovery_kit() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    let third = Phone::found_by(&relay, "Mallory");
    third.sync().unwrap();
    let access = Access::within(Role::Reader, &[GENERAL]);
    let alone = third
        .vault
        .invite(record(&third), &access, "Mallory", Some(URL));
    assert!(matches!(alone, Err(VaultError::InvalidInput(_))));
    let link = host
        .vault
        .invite(record(&host), &access, "Camille", Some(URL))
        .unwrap();
    host.sync().unwrap();
    guest.vault.accept_invitation(&link, "Denis", None).unwrap();
    third.vault.accept_invitation(&link, "Denis", None).unwrap();
    for _ in 0..3 {
        for phone in [&host, &guest, &third] {
            phone.sync().unwrap();
        }
    }
    // Whoever came first is in; the other is told that the link was used, and is nobody.
    let members = host.vault.members(record(&host)).unwrap();
    assert_eq!((members.len(), members[1].account), (2, account(&guest)));
    let stage = third.vault.invitations().unwrap()[0].stage;
    assert!(matches!(stage, InvitationStage::Failed(_)), "{stage:?}");
    assert_eq!(third.vault.persons().unwrap().len(), 1);
    let id = host.vault.invitations().unwrap()[0].id;
    host.vault.dismiss_invitation(&id).unwrap();
    assert_eq!(host.vault.invitations().unwrap(), []);
}

#[test]
fn another_phone_of_a_member_has_the_record_too() {
    let relay = FakeRelay::new();
    let (host, guest) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    join(&host, &guest, &Access::everywhere(Role::Caregiver));
    let tablet = guest.add_named(&relay, "Tablet");
    sync_all(&[&tablet, &host], 2);
    let shared = record(&host);
    let id = first_row(&tablet, shared);
    tablet.vault.annotate(id, "from the tablet").unwrap();
    sync_all(&[&tablet, &host, &guest], 2);
    for phone in [&host, &guest, &tablet] {
        assert_eq!(phone.vault.detail(id).unwrap().notes.len(), 1);
        assert_eq!(held(phone), []);
        phone.check();
    }
    assert_eq!(host.vault.members(shared).unwrap()[1].devices.len(), 2);
}

/// The operation that mints a roster's key lies under the key before it: a newcomer gets those before, too.
#[test]
fn whoever_comes_after_removals_reads_the_record_from_its_beginning() {
    let relay = FakeRelay::new();
    let host = patient(&relay);
    let shared = record(&host);
    for name in ["Mallory", "Marvin"] {
        let guest = Phone::found_by(&relay, name);
        join(&host, &guest, &Access::everywhere(Role::Owner));
        host.vault.remove_member(shared, account(&guest)).unwrap();
        sync_all(&[&host], 2);
    }
    let id = first_row(&host, shared);
    host.vault.annotate(id, "after two removals").unwrap();
    let guest = Phone::found_by(&relay, "Denis");
    join(&host, &guest, &Access::within(Role::Reader, &[GENERAL]));
    sync_all(&[&guest, &host], 2);
    assert_eq!(guest.vault.detail(id).unwrap().notes.len(), 1);
    assert_eq!((held(&guest), guest.open_findings()), (vec![], vec![]));
    let tablet = guest.add_named(&relay, "Tablet");
    sync_all(&[&tablet, &guest, &tablet], 1);
    assert_eq!(tablet.vault.detail(id).unwrap().notes.len(), 1);
    guest.check();
}
