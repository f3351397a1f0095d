//! Departures in every order.

#![allow(clippy::unwrap_used)]

use super::rebuild::{fingerprint, rebuild_and_compare};
use super::testing::{Room, Written, of_texts, written};
use super::views;
use crate::record::change::{CHANGE_VERSION, Change, Item};
use crate::record::resource::read;
use crate::record::view::Filter;

const TEXT: &str = r#"{"resourceType":"Condition","id":"6d1f5a3c-0000-4000-8000-000000000001","code":{"text":"Asthme"}}"#;
const NEWER: &str = r#"{"resourceType":"Condition","id":"6d1f5a3c-0000-4000-8000-000000000001","code":{"text":"Asthme sévère"}}"#;
const OTHER: &str = r#"{"resourceType":"Condition","id":"6d1f5a3c-0000-4000-8000-000000000002","code":{"text":"Rhume"}}"#;

fn word(here: bool) -> Change {
    let id = read(TEXT, "", None).unwrap().id.0;
    Change {
        version: CHANGE_VERSION,
        recorded_at: 1,
        origins: vec![],
        items: vec![Item::Presence { id, here }],
        bodies: vec![],
    }
}

/// Every order of a few changes.
fn orders(changes: &[Written]) -> Vec<Vec<Written>> {
    if changes.is_empty() {
        return vec![vec![]];
    }
    let mut all = Vec::new();
    for at in 0..changes.len() {
        let mut rest = changes.to_vec();
        let first = rest.remove(at);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

fn shown(changes: &[Written]) -> (usize, usize) {
    let mut seen = None;
    for order in orders(changes) {
        let room = Room::new();
        for change in &order {
            room.write(change);
        }
        let found = room
            .store
            .read(|conn| {
                let listed = views::list(conn, &Filter::default())?.len();
                let found = views::search(conn, "asthme", &Filter::default())?.len();
                Ok(((listed, found), fingerprint(conn)?))
            })
            .unwrap();
        assert_eq!(
            rebuild_and_compare(&room.store).unwrap(),
            Vec::<String>::new()
        );
        assert_eq!(
            *seen.get_or_insert(found),
            found,
            "another order shows something else"
        );
    }
    seen.unwrap().0
}

#[test]
fn what_left_is_shown_in_no_order_of_arrival() {
    let changes = [
        written(1, 1, 1, of_texts(&[TEXT, OTHER])),
        written(2, 1, 2, word(false)),
        // A version that came later, from somebody who had not heard.
        written(3, 1, 9, of_texts(&[NEWER])),
    ];
    assert_eq!(shown(&changes), (1, 0));
}

#[test]
fn the_last_word_decides_whatever_comes_last() {
    let changes = [
        written(1, 1, 1, of_texts(&[TEXT, OTHER])),
        written(2, 1, 2, word(false)),
        written(2, 2, 3, word(true)),
        written(3, 1, 4, of_texts(&[NEWER])),
    ];
    assert_eq!(shown(&changes), (2, 1));
    let mut gone = changes.to_vec();
    gone.push(written(1, 2, 5, word(false)));
    assert_eq!(shown(&gone[1..]), (0, 0));
}

#[test]
fn what_leaves_the_views_takes_its_word_with_it() {
    let room = Room::new();
    room.write(&written(1, 1, 1, of_texts(&[TEXT])));
    let before = room.store.read(fingerprint).unwrap();
    room.write(&written(2, 1, 2, word(false)));
    room.store
        .write(|tx| {
            let change = tx.query_row("SELECT max(change) FROM change", [], |row| row.get(0))?;
            super::unproject(tx, 1, &[change])?;
            Ok(tx.execute("DELETE FROM change WHERE change = ?1", [change])?)
        })
        .unwrap();
    assert_eq!(room.store.read(fingerprint).unwrap(), before);
}
