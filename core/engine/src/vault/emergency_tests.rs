//! Emergency cards: read without a vault by whoever has the code, renewed, revoked, and never more than was chosen.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::family_tests::record;
use super::sync_tests::{FakeRelay, Phone, URL};
use super::*;
use crate::host::HostError;

const ALLERGY: &str = r#"{"resourceType":"AllergyIntolerance","id":"ID","code":{"text":"NAME"},"patient":{"reference":"Patient/p"}}"#;

fn allergic(phone: &Phone, id: &str, name: &str) {
    let path = phone.folder.path().join("allergy.json");
    std::fs::write(&path, ALLERGY.replace("ID", id).replace("NAME", name)).unwrap();
    let report = phone.vault.import(record(phone), &[path], None).unwrap();
    assert!(report.files[0].rejected.is_empty());
}

fn everything() -> CardChoice {
    CardChoice {
        kinds: vec![LineKind::Allergy, LineKind::Problem, LineKind::Treatment],
        contacts: vec!["Denis 06 00 00 00 00".to_owned()],
        ..CardChoice::default()
    }
}

fn names(card: &Card) -> Vec<&str> {
    card.lines.iter().map(|line| line.fr.as_str()).collect()
}

fn state(phone: &Phone) -> Vec<CardState> {
    let cards = phone.vault.emergency_cards().unwrap().into_iter();
    cards.map(|card| card.state).collect()
}

#[test]
fn whoever_has_the_code_reads_what_was_chosen_and_it_is_renewed() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    allergic(&phone, "a1", "penicillin");
    phone.import(1);
    phone
        .vault
        .make_emergency_card(record(&phone), &everything(), Some(URL))
        .unwrap();
    let code = phone.vault.emergency_cards().unwrap()[0].code.clone();
    let read = || Vault::read_emergency_card(&*relay, &code, None);
    assert!(
        matches!(read(), Err(VaultError::NotFound(_))),
        "not written yet"
    );
    assert_eq!(state(&phone), [CardState::Pending]);
    phone.sync().unwrap();
    assert_eq!(state(&phone), [CardState::Current]);
    let card = read().unwrap();
    assert_eq!(
        (card.name.as_str(), names(&card)),
        ("Camille", vec!["penicillin"])
    );
    assert_eq!(card.contacts, ["Denis 06 00 00 00 00"]);

    allergic(&phone, "a2", "latex");
    assert_eq!(state(&phone), [CardState::Outdated]);
    phone.sync().unwrap();
    assert_eq!(names(&read().unwrap()), ["latex", "penicillin"]);
    // The file says the same without a relay, and nothing without the code.
    let file = phone.vault.emergency_file(record(&phone)).unwrap();
    relay.spoil(|_, _| Err(HostError::Offline));
    assert_eq!(read(), Err(VaultError::Offline));
    let offline = Vault::read_emergency_card(&*relay, &code, Some(&file)).unwrap();
    assert_eq!(names(&offline), ["latex", "penicillin"]);
    assert!(Vault::read_emergency_card(&*relay, &code, Some(b"carnet")).is_err());
    let words = [b"penicillin".as_slice(), b"latex", b"Camille", b"Denis"];
    for word in words {
        assert!(!file.windows(word.len()).any(|window| window == word));
    }
    relay.be_honest();
    let count = relay.envelopes();
    phone.sync().unwrap();
    assert_eq!(
        relay.envelopes(),
        count,
        "what has not changed is not written again"
    );
}

#[test]
fn a_revoked_card_is_gone_from_the_relay_and_a_new_one_replaces_it() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    let shared = record(&phone);
    allergic(&phone, "a1", "penicillin");
    phone
        .vault
        .make_emergency_card(shared, &everything(), Some(URL))
        .unwrap();
    phone.sync().unwrap();
    let old = phone.vault.emergency_cards().unwrap()[0].code.clone();
    phone
        .vault
        .make_emergency_card(shared, &everything(), None)
        .unwrap();
    let mut states = state(&phone);
    states.sort_by_key(|state| *state == CardState::Revoking);
    assert_eq!(states, [CardState::Pending, CardState::Revoking]);
    phone.sync().unwrap();
    assert_eq!(state(&phone), [CardState::Current]);
    let new = phone.vault.emergency_cards().unwrap()[0].code.clone();
    assert_ne!(old, new);
    let read = |code: &str| Vault::read_emergency_card(&*relay, code, None);
    assert!(matches!(read(&old), Err(VaultError::NotFound(_))));
    assert_eq!(names(&read(&new).unwrap()), ["penicillin"]);
    phone.vault.revoke_emergency_card(shared).unwrap();
    // Offline it stays on the list, and is tried again.
    relay.spoil(|_, _| Err(HostError::Offline));
    assert!(phone.sync().is_err());
    assert_eq!(state(&phone), [CardState::Revoking]);
    relay.be_honest();
    phone.sync().unwrap();
    assert_eq!(state(&phone), []);
    assert!(matches!(read(&new), Err(VaultError::NotFound(_))));
    assert!(matches!(
        phone.vault.revoke_emergency_card(shared),
        Err(VaultError::NotFound(_))
    ));
}

#[test]
fn only_what_was_chosen_and_only_by_an_owner() {
    let relay = FakeRelay::new();
    let phone = Phone::found(&relay);
    let shared = record(&phone);
    allergic(&phone, "a1", "penicillin");
    allergic(&phone, "a2", "latex");
    phone.import(1);
    let nothing = phone
        .vault
        .make_emergency_card(shared, &CardChoice::default(), Some(URL));
    assert!(matches!(nothing, Err(VaultError::InvalidInput(_))));
    let rows = phone.vault.list(&Filter::default()).unwrap();
    let id = |name: &str| {
        rows.iter()
            .find(|row| row.display_en.as_deref() == Some(name))
            .unwrap()
            .id
    };
    let observation = rows
        .iter()
        .find(|row| row.kind == "Observation")
        .unwrap()
        .id;
    let choice = CardChoice {
        left_out: vec![id("latex")],
        items: vec![observation],
        ..everything()
    };
    phone
        .vault
        .make_emergency_card(shared, &choice, Some(URL))
        .unwrap();
    let card = &phone.vault.emergency_cards().unwrap()[0].card;
    let kinds: Vec<_> = card.lines.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, [LineKind::Allergy, LineKind::Other]);
    let long = CardChoice {
        contacts: vec!["x".repeat(501)],
        ..CardChoice::default()
    };
    assert!(
        phone
            .vault
            .make_emergency_card(shared, &long, Some(URL))
            .is_err()
    );
    assert_eq!(
        state(&phone),
        [CardState::Pending],
        "a refused choice revokes nothing"
    );
    let stranger = carnet_wire::RecordId([9; 32]);
    assert!(
        phone
            .vault
            .make_emergency_card(stranger, &everything(), Some(URL))
            .is_err()
    );
    assert!(Vault::read_emergency_card(&*relay, "not a code", None).is_err());
}
