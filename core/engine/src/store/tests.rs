//! The whole room at work.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use super::testing::{KEY, Room, Written, author, of_edit, of_texts, put, record_id, written};
use super::{Store, open, rebuild, views};
use crate::error::Error;
use crate::record::ids::{EntryId, ResourceId, ShardId};
use crate::record::patient::{Edit, Shard};
use crate::record::view::Filter;
use proptest::prelude::*;
use std::fs;

const GLUCOSE: &str = r#"{"resourceType":"Observation","id":"g1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}],"text":"Glycémie à jeun"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2020-05-03T10:20:30+02:00","valueQuantity":{"value":5.40,"unit":"mmol/L"}}"#;
const ASTHMA: &str = r#"{"resourceType":"Condition","id":"c1","status":"active","code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}],"text":"Crise d'asthme"},"onsetDateTime":"2019"}"#;
const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","code":{"text":"Zoé Martin"}}"#;

fn ids(rows: &[crate::record::view::ListRow]) -> Vec<String> {
    rows.iter().map(|row| row.kind.clone()).collect()
}

fn fingerprint(store: &Store) -> [u8; 32] {
    store.read(rebuild::fingerprint).unwrap()
}

fn first_id(store: &Store, kind: &str) -> ResourceId {
    let filter = Filter {
        kind: Some(kind.into()),
        ..Filter::default()
    };
    store.read(|reader| views::list(reader, &filter)).unwrap()[0].id
}

#[test]
fn imports_lists_and_shows() {
    let room = Room::new();
    let done = room.write(&written(1, 1, 1, of_texts(&[GLUCOSE, ASTHMA, PATIENT])));
    assert_eq!(
        (done.new, done.updated, done.unchanged, done.refused),
        (3, 0, 0, 0)
    );
    let rows = room
        .store
        .read(|reader| views::list(reader, &Filter::default()))
        .unwrap();
    assert_eq!(ids(&rows), ["Observation", "Condition", "Patient"]);
    let row = &rows[0];
    assert_eq!(row.when.as_deref(), Some("2020-05-03T10:20:30+02:00"));
    assert_eq!(row.value.as_deref(), Some("5.40"));
    assert_eq!(row.display_fr.as_deref(), Some("Glycémie à jeun"));
    assert_eq!(row.source, "fichier.json");
    assert_eq!(row.record, record_id(1));
    let detail = room
        .store
        .read(|reader| views::detail(reader, row.id))
        .unwrap();
    assert_eq!(detail.original, GLUCOSE);
    assert_eq!(
        detail.references[0].display_fr.as_deref(),
        Some("Zoé Martin")
    );
    assert_eq!(detail.history.len(), 1);
    assert_eq!(detail.history[0].device, author(1).device);
    assert!(detail.history[0].current);
}

#[test]
fn a_wrong_key_changes_nothing_and_is_told_from_damage() {
    let Room { store, folder } = Room::new();
    drop(store);
    let before = fs::read(folder.path().join(open::DATABASE)).unwrap();
    assert!(matches!(
        Store::open(folder.path(), &[1; 32]),
        Err(Error::WrongKey)
    ));
    assert_eq!(
        fs::read(folder.path().join(open::DATABASE)).unwrap(),
        before
    );
    Store::open(folder.path(), &KEY).unwrap();
}
