//! The access log: what honest devices write into it, and what nobody can take out of it again.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{account, join, patient, record, sync_all};
use super::keyring::GENERAL;
use super::sync_tests::{FakeRelay, Phone, URL};
use super::*;
use crate::roster::Act;

fn log_of(phone: &Phone, of: carnet_wire::RecordId) -> AccessLog {
    phone.vault.access_log(of).unwrap()
}

fn acts(log: &AccessLog) -> Vec<Act> {
    log.entries.iter().map(|entry| entry.act.clone()).collect()
}

/// A family of two in which a role was changed, data came in and went out.
fn eventful(relay: &Arc<FakeRelay>) -> (Phone, Phone) {
    let (host, guest) = (patient(relay), Phone::found_by(relay, "Denis"));
    let access = Access::within(MemberRole::Reader, &[GENERAL]);
    join(&host, &guest, &access);
    let shared = record(&host);
    let more = Access::within(MemberRole::Caregiver, &[GENERAL]);
    host.vault
        .change_access(shared, account(&guest), &more)
        .unwrap();
    sync_all(&[&host, &guest], 2);
    host.vault
        .export(shared, ExportFormat::Ndjson, &mut Vec::new())
        .unwrap();
    guest
        .vault
        .export(shared, ExportFormat::Fhir, &mut Vec::new())
        .unwrap();
    sync_all(&[&host, &guest], 2);
    (host, guest)
}

#[test]
fn both_sides_read_what_happened_and_who_did_it() {
    let relay = FakeRelay::new();
    let (host, guest) = eventful(&relay);
    let shared = record(&host);
    let guest_account = account(&guest);
    let log = log_of(&host, shared);
    assert_eq!((&log.problems[..], log.loading), (&[][..], false));
    let acts = acts(&log);
    let at = |wanted: &Act| acts.iter().position(|act| act == wanted).unwrap();
    let joined = at(&Act::Joined {
        account: guest_account,
    });
    let granted = at(&Act::Granted {
        account: guest_account,
        access: Access::within(MemberRole::Caregiver, &[GENERAL]),
    });
    assert!(joined < granted);
    let exported = |form: &str| Act::Exported {
        form: form.to_owned(),
    };
    at(&exported("ndjson"));
    let theirs = &log.entries[at(&exported("fhir"))];
    assert_eq!(
        Some(theirs.device),
        host.vault.members(shared).unwrap()[1]
            .devices
            .first()
            .map(|device| device.id)
    );
    assert_eq!(log.entries[joined].whom.as_deref(), Some("Denis"));
    // What happens in `private` is told there: the guest sees `general` alone, and that whole.
    let seen = log_of(&guest, shared);
    assert_eq!(seen.problems, []);
    let general = |log: &AccessLog| {
        let entries = log.entries.iter();
        entries
            .filter(|entry| entry.compartment == GENERAL)
            .map(|entry| entry.act.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(general(&seen), general(&log));
    assert_eq!(seen.entries.len(), general(&seen).len());
    host.check();
    guest.check();
}

#[test]
fn who_leaves_and_who_is_removed_stand_in_the_log_under_their_names() {
    let relay = FakeRelay::new();
    let (host, guest) = eventful(&relay);
    let shared = record(&host);
    let gone = account(&guest);
    host.vault.remove_member(shared, gone).unwrap();
    let log = log_of(&host, shared);
    let last = log.entries.last().unwrap();
    assert_eq!(last.act, Act::Removed { account: gone });
    assert_eq!(last.whom.as_deref(), Some("Denis"));
    // What is refused is not told as done.
    let before = log.entries.len();
    assert!(host.vault.remove_member(shared, gone).is_err());
    assert!(host.vault.remove_member(shared, account(&host)).is_err());
    assert_eq!(log_of(&host, shared).entries.len(), before);
}

#[test]
fn what_is_given_away_and_a_lost_phone_stand_in_the_log_of_each_compartment_alone() {
    let relay = FakeRelay::new();
    let (host, guest) = eventful(&relay);
    let shared = record(&host);
    let row = host.vault.list(&Filter::default()).unwrap()[0].id;
    host.vault.move_item(row, "private").unwrap();
    let lost = host.add_named(&relay, "Lost");
    sync_all(&[&lost, &host], 1);
    host.vault.note_handover(shared, "Dr\u{7} Martin").unwrap();
    let nobody = host.vault.note_handover(shared, " \n").unwrap_err();
    assert!(matches!(nobody, VaultError::InvalidInput(_)), "{nobody}");
    let choice = CardChoice {
        contacts: vec!["Anne 06".to_owned()],
        ..CardChoice::default()
    };
    host.vault
        .make_emergency_card(shared, &choice, Some(URL))
        .unwrap();
    let device = lost.vault.devices().unwrap();
    let device = device.iter().find(|device| device.this).unwrap().id;
    host.vault.remove_device(device).unwrap();
    sync_all(&[&host, &guest], 2);
    let handed = |to: &str, name: &str| Act::HandedOver {
        to: to.to_owned(),
        compartments: vec![name.to_owned()],
    };
    let log = log_of(&host, shared);
    assert_eq!(log.problems, []);
    let private = "private";
    assert!(acts(&log).contains(&handed("Dr Martin", private)));
    let removed = Act::DeviceRemoved {
        device,
        account: account(&host),
    };
    // The guest reads of `general` what was given away of it, and of whom a phone was lost.
    let seen = log_of(&guest, shared);
    let card = emergency::WHO_HAS_A_CARD;
    for act in [handed("Dr Martin", GENERAL), handed(card, GENERAL), removed] {
        assert!(acts(&seen).contains(&act), "{act:?}");
    }
    let told = |act: &Act| matches!(act, Act::HandedOver { compartments, .. } if compartments[0] == private);
    assert!(!acts(&seen).iter().any(told));
    let gone = seen
        .entries
        .iter()
        .find(|entry| matches!(entry.act, Act::DeviceRemoved { .. }));
    assert!(gone.is_some());
    host.check();
}

#[test]
fn one_event_changed_left_out_or_moved_is_told() {
    let relay = FakeRelay::new();
    let (host, guest) = eventful(&relay);
    let shared = record(&host);
    host.vault.remember_access_log(shared).unwrap();
    assert_eq!(log_of(&host, shared).problems, []);
    let open = host.vault.unlocked().unwrap();
    let count: usize = open
        .store
        .read(|conn| Ok(conn.query_row("SELECT count(*) FROM access_event", [], |row| row.get(0))?))
        .unwrap();
    assert!(count >= 5);
    // Each is done to one event in a transaction that is taken back.
    let tampered = |sql: &str, at: usize| {
        let mut problems = Vec::new();
        let undone: Result<()> = open.write(|tx| {
            let key: (i64, i64) = tx.query_row(
                &format!(
                    "SELECT change, item FROM access_event ORDER BY change LIMIT 1 OFFSET {at}"
                ),
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            assert!(tx.execute(sql, key)? > 0, "{sql}");
            let keyring = open.keyring_in(tx)?;
            problems = access::read(tx, &keyring, shared)?.problems;
            Err(Error::Cancelled)
        });
        assert!(undone.is_err());
        problems
            .into_iter()
            .map(|problem| problem.what)
            .collect::<Vec<_>>()
    };
    const OTHER: &str = "(SELECT body FROM access_event e WHERE e.change != ?1 AND e.log = access_event.log LIMIT 1)";
    for at in 0..count {
        let gone = tampered(
            "DELETE FROM access_event WHERE change = ?1 AND item = ?2",
            at,
        );
        assert!(!gone.is_empty(), "left out: {at}");
        let changed = format!(
            "UPDATE access_event SET body = ifnull({OTHER}, x'00') WHERE change = ?1 AND item = ?2"
        );
        assert!(!tampered(&changed, at).is_empty(), "changed: {at}");
        let garbled = "UPDATE access_event SET body = x'00' WHERE change = ?1 AND item = ?2";
        assert_eq!(tampered(garbled, at), ["changed"], "garbled: {at}");
    }
    assert_eq!(log_of(&host, shared).problems, []);
    // The views are what the changes say, so a rebuild brings back what somebody took out of a database.
    open.write(|tx| Ok(tx.execute("DELETE FROM access_event", [])?))
        .unwrap();
    assert!(!log_of(&host, shared).problems.is_empty());
    assert!(!host.vault.verify(true).unwrap().problems.is_empty());
    drop(guest);
}

#[test]
fn nobody_writes_in_the_name_of_another_device() {
    let relay = FakeRelay::new();
    let (host, guest) = eventful(&relay);
    let shared = record(&host);
    let open = guest.vault.unlocked().unwrap();
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let log = keyring::log_number(tx, shared, GENERAL)?;
        let lines = crate::store::access::lines(tx, log)?;
        let other = lines
            .iter()
            .find(|line| line.author != keyring.author)
            .unwrap();
        let mut change = write::ChangeBuilder::default();
        let body = change.body(other.body.clone())?;
        change.item(crate::record::change::Item::Access { body });
        write::write_change(tx, &keyring, log, &change.finish(0), None)
    })
    .unwrap();
    sync_all(&[&guest, &host], 1);
    let problems = log_of(&host, shared).problems;
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].what, "changed");
    let device = guest.vault.devices().unwrap()[0].id;
    assert_eq!(problems[0].device, device);
}
