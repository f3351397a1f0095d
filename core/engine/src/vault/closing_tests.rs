//! Old mailboxes after a removal: closed to whoever was removed, open to everybody else, nothing lost on the way.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{first_row, join, patient, record, rows_of, sync_all};
use super::keyring::{self, GENERAL, Keyring};
use super::lost_tests::{device, everything, opened};
use super::sync_tests::{FakeRelay, Phone, refuse};
use super::*;
use crate::roster::Role;
use crate::store::log;
use carnet_wire::relay::{Closing, code};
use carnet_wire::{Envelope, MailboxId, RecordId};
use std::collections::BTreeSet;

const NOT_CLOSED: &str = "the relay did not close what other keys have replaced";

/// A person with two phones and a carer, all of whom have everything.
struct Family {
    relay: Arc<FakeRelay>,
    phone: Phone,
    lost: Phone,
    carer: Phone,
}

fn family() -> Family {
    let relay = FakeRelay::new();
    let (phone, carer) = (patient(&relay), Phone::found_by(&relay, "Denis"));
    let lost = phone.add(&relay);
    join(&phone, &carer, &Access::everywhere(Role::Caregiver));
    sync_all(&[&lost, &phone, &carer], 2);
    Family {
        relay,
        phone,
        lost,
        carer,
    }
}

fn with_keyring<T>(phone: &Phone, of: impl FnOnce(&Keyring) -> T) -> T {
    of(&phone.vault.unlocked().unwrap().keyring().unwrap())
}

/// The mailboxes of a compartment whose keys a phone has, and the one in use.
fn mailboxes(phone: &Phone, record: RecordId, name: &str) -> (BTreeSet<MailboxId>, MailboxId) {
    let open = phone.vault.unlocked().unwrap();
    let log = open
        .store
        .read(|conn| keyring::log_number(conn, record, name))
        .unwrap();
    with_keyring(phone, |keyring| {
        let epochs = keyring.epochs.iter().filter(|(of, _)| *of == log);
        let current = keyring.current_epoch(log).unwrap().mailbox;
        (epochs.map(|(_, epoch)| epoch.mailbox).collect(), current)
    })
}

fn is_told(report: &SyncReport) -> bool {
    report.notices.contains(&closing::SHUT)
}

#[test]
fn whoever_has_a_lost_phone_puts_nothing_more_into_old_mailboxes_and_takes_nothing_out() {
    let Family {
        relay,
        phone,
        lost,
        carer,
    } = family();
    let shared = record(&phone);
    let (old, _) = mailboxes(&phone, shared, GENERAL);
    // Of this the lost phone has not heard when it is removed.
    phone.import(2);
    phone.sync().unwrap();
    phone.vault.remove_device(device(&lost)).unwrap();
    assert_eq!(relay.closed().len(), 0);
    phone.sync().unwrap();
    // General, private and series; rosters and accounts stay open.
    assert_eq!(relay.closed().len(), 3);
    assert!(
        old.iter()
            .all(|mailbox| relay.closed().contains_key(mailbox))
    );

    lost.import(3);
    let before = everything(&relay);
    let report = lost.sync().unwrap();
    assert!(is_told(&report), "{report:?}");
    let after: BTreeSet<_> = everything(&relay).difference(&before).cloned().collect();
    let put = |bytes: &&Vec<u8>| old.contains(&Envelope::from_bytes(bytes).unwrap().mailbox);
    assert_eq!(after.iter().filter(put).count(), 0);
    // Not the one it had not fetched; its own newest waits in quarantine, since it has heard of the removal.
    assert_eq!(rows_of(&lost, shared), 1);

    // The others go on, and a phone that comes new reads what lies in the old ones.
    let tablet = phone.add_named(&relay, "Tablet");
    sync_all(&[&tablet, &carer, &phone, &tablet], 2);
    for other in [&phone, &carer, &tablet] {
        assert!(!is_told(&other.sync().unwrap()));
        assert_eq!(rows_of(other, shared), 2);
        assert_eq!(other.open_findings(), []);
        other.check();
    }
    assert_eq!(relay.closed().len(), 3, "closed once");
}

#[test]
fn what_somebody_wrote_who_had_not_heard_arrives_and_the_removed_one_cannot_open_it() {
    let Family {
        relay,
        phone,
        lost,
        carer,
    } = family();
    let shared = record(&phone);
    let row = first_row(&carer, shared);
    carer.vault.annotate(row, "before hearing").unwrap();
    phone.vault.remove_device(device(&lost)).unwrap();
    phone.sync().unwrap();
    let before = everything(&relay);
    // One sync: refused, heard, sealed again, sent.
    let report = carer.sync().unwrap();
    assert!(report.complete && !is_told(&report), "{report:?}");
    phone.sync().unwrap();
    assert_eq!(phone.vault.detail(row).unwrap().notes.len(), 1);
    let after: BTreeSet<_> = everything(&relay).difference(&before).cloned().collect();
    let _ = (lost.sync(), lost.sync());
    assert_eq!(opened(&lost, &after), []);
    assert_eq!(lost.vault.detail(row).unwrap().notes.len(), 0);
    sync_all(&[&carer, &phone], 1);
    for other in [&phone, &carer] {
        assert_eq!(other.open_findings(), []);
        other.check();
    }
}

#[test]
fn a_relay_that_closes_nothing_changes_nothing_for_the_others() {
    let Family {
        relay,
        phone,
        lost,
        carer,
    } = family();
    relay.spoil(|path, outcome| match path {
        "close" => Ok(refuse(404, code::NOT_FOUND)),
        _ => outcome,
    });
    let shared = record(&phone);
    let row = first_row(&carer, shared);
    carer.vault.annotate(row, "before hearing").unwrap();
    phone.vault.remove_device(device(&lost)).unwrap();
    let report = phone.sync().unwrap();
    assert!(report.complete && report.notices.contains(&NOT_CLOSED));
    lost.import(3);
    let _ = lost.sync();
    sync_all(&[&carer, &phone, &carer], 1);
    assert_eq!(phone.vault.detail(row).unwrap().notes.len(), 1);
    assert_eq!(
        rows_of(&phone, shared),
        1,
        "what the removed one put there is not believed"
    );
    // It is asked again, and does it.
    relay.be_honest();
    sync_all(&[&phone], 1);
    assert_eq!(relay.closed().len(), 3);
    for other in [&phone, &carer] {
        assert_eq!(other.open_findings(), []);
        other.check();
    }
}

#[test]
fn each_new_key_closes_what_came_before_again() {
    let Family {
        relay,
        phone,
        lost,
        carer,
    } = family();
    let second = phone.add_named(&relay, "Tablet");
    sync_all(&[&second, &phone, &carer], 2);
    phone.vault.remove_device(device(&lost)).unwrap();
    sync_all(&[&phone, &second, &carer, &phone], 1);
    let between = relay.closed();
    second.import(4);
    sync_all(&[&second, &phone, &carer], 1);
    phone.vault.remove_device(device(&second)).unwrap();
    sync_all(&[&phone, &carer, &phone], 1);
    let closed = relay.closed();
    assert_eq!((between.len(), closed.len()), (3, 6));
    let again = |(mailbox, closing): (&MailboxId, &Closing)| closed[mailbox] != *closing;
    assert!(between.iter().all(again));
    assert!(is_told(&second.sync().unwrap()));
    // Two epochs back, and still read by who comes new.
    let shared = record(&phone);
    let tablet = phone.add_named(&relay, "Another");
    sync_all(&[&tablet, &phone], 2);
    assert_eq!((rows_of(&tablet, shared), rows_of(&carer, shared)), (2, 2));
    tablet.check();
}

#[test]
fn a_mailbox_in_use_that_somebody_closed_is_left_for_another() {
    let Family {
        relay,
        phone,
        carer,
        ..
    } = family();
    let shared = record(&phone);
    let (_, current) = mailboxes(&phone, shared, GENERAL);
    relay.close(current);
    let row = first_row(&phone, shared);
    phone.vault.annotate(row, "kept").unwrap();
    let report = phone.sync().unwrap();
    assert!(is_told(&report), "{report:?}");
    assert_eq!(mailboxes(&phone, shared, GENERAL).1, current, "not at once");
    // An hour after the key was first seen.
    let open = phone.vault.unlocked().unwrap();
    open.write(|tx| {
        let log = keyring::log_number(tx, shared, GENERAL)?;
        let noted = log::meta(tx, &format!("key of {log}"))?.unwrap();
        let (id, _) = noted.split_at(32);
        let earlier = [id, &(open.clock.now() - 3_700_000).to_be_bytes()].concat();
        log::set_meta(tx, &format!("key of {log}"), &earlier)
    })
    .unwrap();
    phone.sync().unwrap();
    assert_ne!(mailboxes(&phone, shared, GENERAL).1, current);
    sync_all(&[&phone], 1);
    carer.sync().unwrap();
    assert_eq!(carer.vault.detail(row).unwrap().notes.len(), 1);
    phone.check();
}
