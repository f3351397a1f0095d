//! Secrets: what a parent's phone, its keys and everything a relay has tell of what was kept from them: nothing.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::{account, first_row, join, patient, record, rows_of, sync_all};
use super::keyring::GENERAL;
use super::sync_tests::{FakeRelay, Phone, same};
use super::tests::GLUCOSE;
use super::*;
use crate::record::ids::ResourceId;
use crate::seal;
use crate::store::log;
use carnet_wire::{Envelope, RecordId};

/// A word of the secret, its date, and a word people wrote about it.
const TITLE: &str = "Quinquina";
const DATE: &str = "2019-07-19";
const NOTE: &str = "zinzolin";

/// A resource like others, labelled as nobody's business but the patient's.
fn labelled() -> String {
    GLUCOSE
        .replace(
            "00000001\"",
            "00000077\",\"meta\":{\"security\":[{\"code\":\"R\"}]}",
        )
        .replace("Glycémie à jeun", TITLE)
        .replace("2021-03-12", DATE)
}

/// The same without the label.
fn plain() -> String {
    labelled().replace("\"meta\":{\"security\":[{\"code\":\"R\"}]},", "")
}

fn import(phone: &Phone, of: RecordId, text: &str) -> FileReport {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.json");
    std::fs::write(&path, text).unwrap();
    phone
        .vault
        .import(of, &[path], None)
        .unwrap()
        .files
        .remove(0)
}

/// A fifteen-year-old who keeps a record, and a parent who cares for what they were given of it.
fn teenager_and_parent(relay: &Arc<FakeRelay>) -> (Phone, Phone) {
    let (teen, parent) = (patient(relay), Phone::found_by(relay, "Denis"));
    let access = Access::within(MemberRole::Caregiver, &[GENERAL, "series"]);
    join(&teen, &parent, &access);
    (teen, parent)
}

fn found(phone: &Phone, word: &str) -> usize {
    phone.vault.search(word, &Filter::default()).unwrap().len()
}

/// Everything a phone can read: each value of its database, each change unpacked, each envelope of the relay that any of its
/// keys opens.
fn readable(phone: &Phone, relay: &FakeRelay) -> String {
    let open = phone.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let mut text = Vec::new();
    open.store
        .read(|conn| {
            let mut tables = conn.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
            let names = tables.query_map([], |row| row.get::<_, String>(0))?;
            for name in names.collect::<rusqlite::Result<Vec<_>>>()? {
                dump(conn, &name, &mut text)?;
            }
            Ok(())
        })
        .unwrap();
    let mut envelopes = Vec::new();
    relay.alter(|boxes| envelopes.extend(boxes.values().flatten().cloned()));
    for (_, epoch) in &keyring.epochs {
        for bytes in &envelopes {
            let opened = seal::open(epoch, &Envelope::from_bytes(bytes).unwrap());
            let body = opened
                .ok()
                .and_then(|opened| seal::unpack_body(&opened.body).ok());
            text.extend(body.unwrap_or_default());
        }
    }
    String::from_utf8_lossy(&text).to_lowercase()
}

fn dump(conn: &rusqlite::Connection, table: &str, text: &mut Vec<u8>) -> Result<()> {
    use rusqlite::types::ValueRef;
    let mut select = conn.prepare(&format!("SELECT * FROM \"{table}\""))?;
    let columns = select.column_count();
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            if let ValueRef::Blob(bytes) | ValueRef::Text(bytes) = row.get_ref(column)? {
                text.extend(seal::unpack_body(bytes).unwrap_or_else(|_| bytes.to_vec()));
                text.push(b'\n');
            }
        }
    }
    Ok(())
}

/// How far a phone has every chain of a record: what counting could tell.
fn chains(phone: &Phone, of: RecordId) -> Vec<carnet_wire::stream::Tip> {
    let open = phone.vault.unlocked().unwrap();
    let keyring = open.keyring().unwrap();
    let logs: Vec<i64> = keyring.logs_of(of).map(|(log, _)| log).collect();
    let tips = |conn: &rusqlite::Connection| {
        let mut tips = Vec::new();
        for log in &logs {
            tips.extend(log::tips(conn, *log)?);
        }
        Ok(tips)
    };
    open.store.read(tips).unwrap()
}

fn item(phone: &Phone) -> ResourceId {
    phone.vault.search(TITLE, &Filter::default()).unwrap()[0].id
}

#[test]
fn a_secret_from_the_start_is_for_a_parent_as_if_it_were_not() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let shared = record(&teen);
    let (before, chains_before) = (parent.vault.fingerprint().unwrap(), chains(&parent, shared));
    let stats = parent.vault.stats(Some(shared)).unwrap().by_kind;
    let report = import(&teen, shared, &labelled());
    assert_eq!((report.new, report.rejected.len()), (1, 0));
    teen.vault.annotate(item(&teen), NOTE).unwrap();
    teen.vault.correct(item(&teen), "value", "7.25").unwrap();
    sync_all(&[&teen, &parent], 2);
    assert_eq!((found(&teen, TITLE), found(&teen, NOTE)), (1, 1));
    // Nothing of it, and nothing that counts it: not a line, not a number more than before.
    assert_eq!(parent.vault.fingerprint().unwrap(), before);
    assert_eq!(chains(&parent, shared), chains_before);
    assert_eq!(parent.vault.stats(Some(shared)).unwrap().by_kind, stats);
    assert_eq!(parent.vault.access_log(shared).unwrap().entries, {
        let entries = teen.vault.access_log(shared).unwrap().entries.into_iter();
        let general = entries.filter(|entry| entry.compartment == GENERAL);
        general.collect::<Vec<_>>()
    });
    let all = readable(&parent, &relay);
    for canary in [TITLE, DATE, NOTE, "7.25"] {
        assert!(!all.contains(&canary.to_lowercase()), "{canary}");
    }
    // The same scan finds what the parent may read, so it would have found the secret.
    assert!(all.contains("glycémie") && all.contains("2021-03-12"));
    let own = readable(&teen, &relay);
    assert!(own.contains(&TITLE.to_lowercase()) && own.contains(NOTE));
    teen.check();
    parent.check();
}

#[test]
fn a_parents_phone_refuses_to_publish_what_is_labelled_secret() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let shared = record(&teen);
    let report = import(&parent, shared, &labelled());
    assert_eq!((report.new, report.rejected.len()), (0, 1));
    sync_all(&[&parent, &teen], 1);
    assert_eq!((found(&parent, TITLE), found(&teen, TITLE)), (0, 0));
}

#[test]
fn a_moved_item_is_gone_for_a_parent_with_its_words_notes_and_conflicts() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let shared = record(&teen);
    import(&teen, shared, &plain());
    let id = item(&teen);
    teen.vault.annotate(id, NOTE).unwrap();
    teen.vault.correct(id, "value", "7.25").unwrap();
    sync_all(&[&teen, &parent], 1);
    // Both correct the same field: a conflict, which the parent sees.
    teen.vault.correct(id, "unit", "a").unwrap();
    parent.vault.correct(id, "unit", "b").unwrap();
    sync_all(&[&teen, &parent, &teen], 1);
    assert_eq!(parent.vault.conflicts().unwrap().len(), 1);
    assert_eq!((found(&parent, TITLE), found(&parent, NOTE)), (1, 1));
    let rows = rows_of(&parent, shared);
    teen.vault.move_item(id, "private").unwrap();
    sync_all(&[&teen, &parent], 1);
    assert_eq!((found(&parent, TITLE), found(&parent, NOTE)), (0, 0));
    assert_eq!(rows_of(&parent, shared), rows - 1);
    assert!(parent.vault.detail(id).is_err() && parent.vault.find(&id.to_string()).is_err());
    assert_eq!(parent.vault.conflicts().unwrap(), []);
    let stats = parent.vault.stats(Some(shared)).unwrap();
    assert_eq!((stats.notes, stats.by_kind["Observation"]), (0, 1));
    // The teenager has it all, where it is now, and settles the conflict there.
    let detail = teen.vault.detail(id).unwrap();
    assert_eq!((detail.notes.len(), detail.corrections.len()), (1, 2));
    teen.vault.correct(id, "unit", "c").unwrap();
    assert_eq!(teen.vault.conflicts().unwrap(), []);
    // The same file again, at either side, adds nothing anywhere.
    for phone in [&parent, &teen] {
        let again = import(phone, shared, &plain());
        assert_eq!((again.new, again.updated, again.rejected.len()), (0, 0, 0));
    }
    sync_all(&[&teen, &parent], 2);
    assert_eq!((found(&parent, TITLE), found(&teen, TITLE)), (0, 1));
    teen.check();
    parent.check();
    // Moved back, the parent sees it again.
    teen.vault.move_item(id, GENERAL).unwrap();
    assert!(teen.vault.move_item(id, GENERAL).is_err());
    sync_all(&[&teen, &parent], 1);
    assert_eq!((found(&parent, TITLE), found(&parent, NOTE)), (1, 1));
    assert_eq!(rows_of(&teen, shared), rows);
    teen.check();
    parent.check();
}

#[test]
fn what_is_written_about_an_item_that_moves_is_lost_for_nobody_who_has_it() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let tablet = teen.add_named(&relay, "Tablet");
    let shared = record(&teen);
    import(&teen, shared, &plain());
    sync_all(&[&teen, &parent, &tablet], 2);
    let id = item(&teen);
    // At once: one phone moves it, the parent writes about it, the other phone moves it elsewhere.
    teen.vault.add_compartment(shared, "dentist").unwrap();
    sync_all(&[&teen, &tablet, &parent], 2);
    teen.vault.move_item(id, "private").unwrap();
    parent.vault.annotate(id, "seen by a parent").unwrap();
    tablet.vault.move_item(id, "dentist").unwrap();
    sync_all(&[&teen, &parent, &tablet], 3);
    same(&teen, &tablet);
    assert_eq!(found(&parent, TITLE), 0);
    assert_eq!(teen.vault.detail(id).unwrap().notes.len(), 1);
    // It is in both places until somebody decides.
    assert_eq!(found(&teen, TITLE), 2);
    tablet.vault.move_item(id, "private").unwrap();
    sync_all(&[&tablet, &teen, &parent], 2);
    assert_eq!(found(&teen, TITLE), 1);
    same(&teen, &tablet);
    parent.check();
}

#[test]
fn a_version_that_came_too_late_is_carried_after_its_item() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let tablet = teen.add_named(&relay, "Tablet");
    let shared = record(&teen);
    import(&teen, shared, &plain());
    sync_all(&[&teen, &parent, &tablet], 2);
    let id = item(&teen);
    teen.vault.move_item(id, "private").unwrap();
    // The parent has not heard, and neither has the tablet: both import other versions.
    let version = |value: &str| plain().replace("5.50", value);
    assert_eq!(import(&parent, shared, &version("6.10")).updated, 1);
    assert_eq!(import(&tablet, shared, &version("6.20")).updated, 1);
    sync_all(&[&parent, &tablet, &teen], 3);
    same(&teen, &tablet);
    let history = teen.vault.detail(id).unwrap().history;
    let contents: std::collections::BTreeSet<_> =
        history.iter().map(|version| version.content).collect();
    assert_eq!(contents.len(), 3);
    assert_eq!((found(&parent, TITLE), found(&teen, TITLE)), (0, 1));
    parent.check();
}

#[test]
fn nonsense_is_refused_and_changes_nothing() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let shared = record(&teen);
    let id = first_row(&teen, shared);
    let before = (
        teen.vault.fingerprint().unwrap(),
        parent.vault.fingerprint().unwrap(),
    );
    assert!(teen.vault.move_item(id, "nowhere").is_err());
    assert!(teen.vault.move_item(id, "roster").is_err());
    assert!(teen.vault.move_item(id, GENERAL).is_err());
    // The parent has no such compartment, as far as they can tell.
    assert!(matches!(
        parent.vault.move_item(id, "private"),
        Err(VaultError::NotFound(_))
    ));
    for name in ["", "roster", "private", "a\u{1b}b"] {
        assert!(teen.vault.add_compartment(shared, name).is_err(), "{name}");
    }
    let reader = Access::within(MemberRole::Reader, &[GENERAL, "series"]);
    teen.vault
        .change_access(shared, account(&parent), &reader)
        .unwrap();
    sync_all(&[&teen, &parent], 2);
    assert!(parent.vault.add_compartment(shared, "mine").is_err());
    assert!(parent.vault.move_item(id, "series").is_err());
    let after = parent.vault.fingerprint().unwrap();
    assert!(before.1 == after || teen.vault.fingerprint().unwrap() != before.0);
    assert_eq!(rows_of(&parent, shared), 1);
}

#[test]
fn a_documents_bytes_go_with_it_under_a_new_key() {
    let relay = FakeRelay::new();
    let (teen, parent) = teenager_and_parent(&relay);
    let shared = record(&teen);
    // FHIR of another version is kept as a document.
    let other = r#"{"resourceType":"BodySite","id":"77","text":{"div":"Quinquina"}}"#;
    assert_eq!(import(&teen, shared, other).new, 1);
    sync_all(&[&teen, &parent], 1);
    let filter = Filter {
        kind: Some("DocumentReference".into()),
        ..Filter::default()
    };
    let id = teen.vault.list(&filter).unwrap()[0].id;
    assert_eq!(parent.vault.stats(Some(shared)).unwrap().attachments, 1);
    teen.vault.move_item(id, "private").unwrap();
    sync_all(&[&teen, &parent], 2);
    assert_eq!(parent.vault.stats(Some(shared)).unwrap().attachments, 0);
    assert_eq!(parent.vault.list(&filter).unwrap(), []);
    assert_eq!(teen.vault.stats(Some(shared)).unwrap().attachments, 1);
    let (_, blobs) = relay.served();
    assert_eq!(blobs, 2, "sealed again, and sent to the other mailbox");
    for phone in [&teen, &parent] {
        assert_eq!(import(phone, shared, other).new, 0);
    }
    sync_all(&[&teen, &parent], 1);
    assert_eq!(parent.vault.list(&filter).unwrap(), []);
    teen.check();
    parent.check();
}
