//! Relays that lose what a snapshot rests on, are put back, or are new; phones that are put back.

use super::super::super::sync_tests::{SECOND, URL};
use super::*;

const BOTH: [&str; 2] = [URL, SECOND];

fn sync_with(phone: &Phone, relays: &[&str]) -> SyncReport {
    let relays: Vec<String> = relays.iter().map(|url| (*url).to_owned()).collect();
    phone.vault.sync_relays(&relays, None, None).unwrap()
}

/// The words of everything that was ever found wrong.
fn found(phone: &Phone) -> Vec<&'static str> {
    let findings = phone.vault.findings().unwrap().into_iter();
    findings.map(|finding| finding.kind.word()).collect()
}

/// A day passes for what this phone believes of a relay.
fn doubt(phone: &Phone) {
    let open = phone.vault.unlocked().unwrap();
    open.write(|tx| Ok(tx.execute("UPDATE relay SET pieces_asked = 0", [])?))
        .unwrap();
}

#[test]
fn what_was_retired_is_neither_missed_nor_sent_again() {
    let (relay, first, second) = two();
    settle(&first, &second);
    // Everything is read again from the start, by a phone that knew the relay to hold more.
    for phone in [&first, &second] {
        let open = phone.vault.unlocked().unwrap();
        open.write(|tx| Ok(tx.execute("DELETE FROM cursor", [])?))
            .unwrap();
        let report = phone.sync().unwrap();
        assert_eq!((report.sent, report.received), (0, 0), "{report:?}");
        assert_eq!(found(phone), [""; 0]);
        phone.check();
    }
    let envelopes = relay.envelopes();
    second.sync().unwrap();
    assert_eq!(relay.envelopes(), envelopes);
}

#[test]
fn a_relay_put_back_gives_what_it_had_let_go_of_and_is_asked_again() {
    let (relay, first, second) = two();
    settle(&first, &second);
    let served = relay.served().0;
    relay.forget_retired();
    relay.set_generation(2);
    assert!(relay.served().0 > served);
    for phone in [&first, &second, &first] {
        phone.sync().unwrap();
    }
    assert_eq!(
        relay.served().0,
        served,
        "what came back was not retired again"
    );
    for phone in [&first, &second] {
        assert_eq!(found(phone), ["relay-restored"]);
        assert_eq!(held(phone), []);
    }
    same(&first, &second);
    let third = first.add(&relay);
    third.sync().unwrap();
    same(&first, &third);
}

#[test]
fn a_lost_piece_is_noticed_within_a_day_and_made_anew() {
    let (relay, first, second) = two();
    settle(&first, &second);
    relay.lose_blobs();
    let third = first.add(&relay);
    let report = third.sync().unwrap();
    assert!(!report.notices.is_empty() && third.rows() == 0);
    // Nobody asks in every sync.
    relay.paths();
    second.sync().unwrap();
    assert_eq!(relay.paths(), ["exchange"]);
    doubt(&second);
    let report = second.sync().unwrap();
    assert!(
        report
            .notices
            .iter()
            .any(|word| word.contains("another is made")),
        "{report:?}"
    );
    third.sync().unwrap();
    same(&second, &third);
    first.sync().unwrap();
    for phone in [&first, &second, &third] {
        phone.check();
        assert_eq!(held(phone), []);
    }
    same(&first, &third);
}

#[test]
fn nothing_is_retired_where_a_piece_is_missing() {
    let (relay, first, second) = two();
    first.vault.compact(record(&first), None).unwrap();
    first.sync().unwrap();
    second.sync().unwrap();
    relay.lose_blobs();
    doubt(&first);
    // Acknowledged it is; but what it rests on has gone, and another has to come first.
    first
        .vault
        .annotate(resource(&first), "the relay is full of holes")
        .unwrap();
    relay.spoil(|path, outcome| match path.len() {
        64 => Ok(super::super::super::sync_tests::refuse(404, 0)),
        _ => outcome,
    });
    let _ = first.sync();
    relay.be_honest();
    let third = second.add(&relay);
    for phone in [&first, &second, &third, &first] {
        phone.sync().unwrap();
    }
    same(&first, &third);
    settle(&first, &second);
    let fourth = second.add(&relay);
    fourth.sync().unwrap();
    same(&first, &fourth);
    assert_eq!(held(&fourth), []);
}

#[test]
fn a_second_relay_gets_a_snapshot_of_its_own_pieces() {
    let (relay, [first, second, third]) = super::elsewhere::away();
    let other = FakeRelay::new();
    relay.with_second(other.clone());
    for _ in 0..3 {
        sync_with(&first, &BOTH);
        sync_with(&second, &BOTH);
    }
    same(&first, &second);
    // A phone that reads the second relay only gets everything.
    assert!(sync_with(&third, &[SECOND]).complete);
    same(&first, &third);
    third.check();
    // Both go on: a piece is made once, sent to both, and its file goes when both have it.
    first.vault.annotate(resource(&first), "once more").unwrap();
    first.vault.compact(record(&first), None).unwrap();
    for _ in 0..3 {
        sync_with(&first, &BOTH);
        sync_with(&second, &BOTH);
    }
    let open = first.vault.unlocked().unwrap();
    assert_eq!(open.store.attachments().list().unwrap(), []);
    for phone in [&first, &second] {
        assert_eq!(held(phone), []);
        phone.check();
    }
}

#[test]
fn a_phone_put_back_from_a_copy_begins_another_life_and_takes_the_snapshot_in() {
    let (relay, first, second) = two();
    first.vault.lock().unwrap();
    let copy = std::fs::read(first.path().join("vault.db")).unwrap();
    first.vault.unlock().unwrap();
    let on = resource(&first);
    for at in 0..5 {
        first
            .vault
            .annotate(on, &format!("lost with the copy {at}"))
            .unwrap();
    }
    first.sync().unwrap();
    second.sync().unwrap();
    settle(&second, &first);
    settle(&second, &first);
    let first = first.put_back(copy, &relay);
    first
        .vault
        .annotate(on, "after the copy was put back")
        .unwrap();
    for _ in 0..3 {
        first.sync().unwrap();
        second.sync().unwrap();
    }
    same(&first, &second);
    assert_eq!(first.vault.detail(on).unwrap().notes.len(), 26);
    for phone in [&first, &second] {
        assert_eq!(held(phone), []);
        phone.check();
    }
}

#[test]
fn a_relay_that_ignores_retirement_costs_room_and_nothing_else() {
    let (relay, first, second) = two();
    relay.spoil(|path, outcome| match path {
        "retire" => Ok(super::super::super::sync_tests::refuse(403, 7)),
        _ => outcome,
    });
    settle(&first, &second);
    let report = first.sync().unwrap();
    assert!(report.complete && !report.notices.is_empty());
    same(&first, &second);
    relay.be_honest();
    relay.paths();
    assert_eq!(first.sync().unwrap().notices, [""; 0]);
    let asked = relay.paths();
    assert!(
        asked.contains(&"retire".to_owned()),
        "what was refused is not asked for again"
    );
}

#[test]
fn which_envelopes_carried_what_is_forgotten_once_every_relay_let_go() {
    let (_relay, first, second) = two();
    settle(&first, &second);
    let open = first.vault.unlocked().unwrap();
    let log = log_of(&first);
    let placed = |sql: &str| -> u64 {
        let count = |conn: &rusqlite::Connection| Ok(conn.query_row(sql, [log], |row| row.get(0))?);
        open.store.read(count).unwrap()
    };
    assert_eq!(
        placed("SELECT count(*) FROM placed WHERE log = ?1 AND retired != 0"),
        0
    );
    assert!(placed("SELECT count(*) FROM placed WHERE log = ?1") < 5);
}
