//! Snapshots without a relay: by a meeting, and by a file.

use super::*;
use carnet_wire::stream::Role;

/// Carries bytes both ways until nothing moves.
fn meet(a: &Phone, b: &Phone) -> [SyncReport; 2] {
    let mut one = a.vault.meet(Role::Initiator).unwrap();
    let mut two = b.vault.meet(Role::Responder).unwrap();
    loop {
        let (to_two, to_one) = (one.output(), two.output());
        if to_two.is_empty() && to_one.is_empty() {
            break;
        }
        two.input(&to_two).unwrap();
        one.input(&to_one).unwrap();
    }
    [one.report().unwrap(), two.report().unwrap()]
}

/// A third phone that has been away while the others let go of what they had exchanged.
pub(super) fn away() -> (std::sync::Arc<FakeRelay>, [Phone; 3]) {
    let relay = FakeRelay::new();
    let first = Phone::found(&relay);
    first.import(1);
    let third = first.add(&relay);
    third.sync().unwrap();
    let second = first.add(&relay);
    second.sync().unwrap();
    let on = resource(&first);
    for at in 0..30 {
        first.vault.annotate(on, &format!("note {at}")).unwrap();
    }
    (2..5).for_each(|id| second.import(id));
    for phone in [&first, &second, &first] {
        phone.sync().unwrap();
    }
    settle(&first, &second);
    assert!(changes(&first) < 10, "nothing was let go of");
    (relay, [first, second, third])
}

fn whole(phones: &[&Phone]) {
    for phone in phones {
        same(phones[0], phone);
        phone.check();
        assert_eq!(held(phone), []);
    }
}

#[test]
fn a_meeting_brings_what_only_a_snapshot_holds() {
    let (relay, [first, second, third]) = away();
    third.import(9);
    let reports = meet(&first, &third);
    assert!(reports.iter().all(|report| report.complete), "{reports:?}");
    whole(&[&first, &third]);
    assert_eq!(
        third.vault.detail(resource(&third)).unwrap().notes.len() + third.rows(),
        30 + 5
    );
    // Nothing more to say; and the relay, which gets the new snapshot, agrees.
    let again = meet(&third, &first);
    assert!(again.iter().all(|report| report.received == 0), "{again:?}");
    for phone in [&first, &second, &third, &second] {
        phone.sync().unwrap();
    }
    whole(&[&first, &second, &third]);
    let fourth = third.add(&relay);
    fourth.sync().unwrap();
    whole(&[&first, &fourth]);
}

#[test]
fn a_file_brings_what_only_a_snapshot_holds() {
    let (_relay, [first, second, third]) = away();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("family.carnet-sync");
    let visit = |phone: &Phone| phone.vault.sync_file(&path, None, None).unwrap();
    third.import(9);
    for phone in [&first, &third, &first] {
        assert!(visit(phone).complete);
    }
    whole(&[&first, &third]);
    // What is there is not written again, and a phone that has everything adds nothing.
    let size = || std::fs::metadata(&path).unwrap().len();
    let before = size();
    for phone in [&first, &third] {
        assert_eq!(visit(phone).sent, 0);
    }
    assert_eq!(size(), before);
    assert!(visit(&second).complete);
    visit(&first);
    whole(&[&first, &second, &third]);
}

#[test]
fn a_file_that_was_kept_up_to_date_needs_no_snapshot() {
    let (_relay, first, second) = two();
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("family.carnet-sync");
    first.vault.sync_file(&path, None, None).unwrap();
    settle(&first, &second);
    let before = std::fs::metadata(&path).unwrap().len();
    first.vault.annotate(resource(&first), "one more").unwrap();
    let report = first.vault.sync_file(&path, None, None).unwrap();
    assert!(report.sent < 5, "{report:?}");
    assert!(std::fs::metadata(&path).unwrap().len() < before + 8_000);
}
