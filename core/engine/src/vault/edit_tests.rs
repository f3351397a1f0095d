//! Many edits at once say what the same edits one by one say.

#![allow(clippy::unwrap_used)]

use super::tests::{GLUCOSE, Phone};
use super::*;
use crate::record::ids::ResourceId;

fn two_resources(phone: &Phone) -> [ResourceId; 2] {
    phone.import(GLUCOSE);
    phone.import(&GLUCOSE.replace("000001", "000002"));
    let rows = phone.vault.list(&Filter::default()).unwrap();
    assert_eq!(rows.len(), 2);
    [rows[0].id, rows[1].id]
}

fn note(on: ResourceId, text: &str) -> NewEdit {
    NewEdit::Note {
        on,
        text: text.to_owned(),
    }
}

fn correction(on: ResourceId, value: &str) -> NewEdit {
    NewEdit::Correction {
        on,
        field: "value".to_owned(),
        value: value.to_owned(),
    }
}

#[test]
fn many_edits_travel_together_and_each_is_there() {
    let phone = Phone::new();
    let [one, two] = two_resources(&phone);
    let before = phone.vault.stats(None).unwrap();
    let mut edits: Vec<NewEdit> = (0..250)
        .map(|n| note(if n % 2 == 0 { one } else { two }, &format!("note {n}")))
        .collect();
    edits.push(correction(one, "5.1"));
    edits.push(correction(one, "5.2"));
    let names = phone.vault.edit_all(&edits).unwrap();
    assert_eq!(names.iter().flatten().count(), 250);
    assert_eq!(names[250..], [None, None]);
    let after = phone.vault.stats(None).unwrap();
    assert_eq!(after.notes - before.notes, 250);
    // 252 edits of one place, a hundred at most in a change.
    assert_eq!(after.unsent - before.unsent, 3);
    let detail = phone.vault.detail(one).unwrap();
    let texts: Vec<&str> = detail.notes.iter().map(|note| note.text.as_str()).collect();
    assert_eq!(texts.len(), 125);
    assert!(texts.contains(&"note 0") && texts.contains(&"note 248"));
    // The later of two corrections in one change stands, and is no conflict.
    assert_eq!(detail.corrections.len(), 1);
    assert_eq!(detail.corrections[0].value, "5.2");
    assert!(phone.vault.conflicts().unwrap().is_empty());
    assert!(phone.vault.verify(true).unwrap().problems.is_empty());
}

#[test]
fn a_correction_goes_where_the_field_was_corrected_before() {
    let phone = Phone::new();
    let [one, two] = two_resources(&phone);
    phone.vault.correct(one, "value", "5.1").unwrap();
    let edits = [
        note(two, "first"),
        correction(one, "5.2"),
        note(two, "last"),
    ];
    phone.vault.edit_all(&edits).unwrap();
    let detail = phone.vault.detail(one).unwrap();
    assert_eq!(detail.corrections[0].value, "5.2");
    assert_eq!(phone.vault.detail(two).unwrap().notes.len(), 2);
}

#[test]
fn one_bad_edit_refuses_all() {
    let phone = Phone::new();
    let [one, _] = two_resources(&phone);
    let before = phone.vault.fingerprint().unwrap();
    let bad = [
        note(one, " \n"),
        note(ResourceId([9; 16]), "about nothing"),
        NewEdit::Correction {
            on: one,
            field: "va lue".to_owned(),
            value: "5.1".to_owned(),
        },
    ];
    for bad in bad {
        let edits: Vec<NewEdit> = (0..150)
            .map(|n| note(one, &format!("note {n}")))
            .chain([bad])
            .collect();
        assert!(phone.vault.edit_all(&edits).is_err());
        assert_eq!(phone.vault.fingerprint().unwrap(), before);
    }
    assert_eq!(phone.vault.edit_all(&[]).unwrap(), []);
}
