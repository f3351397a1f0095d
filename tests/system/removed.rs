//! The strong test of a removal: whoever has the removed phone, its whole disk, what unlocks it, and everything the relay has
//! and will have, opens nothing that was written afterwards by anybody who knew.
//!
//! Two who were removed: a phone of the patient's own that was lost, and a member with all compartments. Everything is copied
//! when the removal begins, the thief takes part as long as anybody answers, and in the end tries every key, and every key that
//! a key opens, on every envelope that came since ([`carnet_tests::thief`]).
//!
//! What a removed member still reads, and a lost phone does not: which phones their former fellow members add to their accounts,
//! because the key of an account's `devices` log is renewed when a phone of the account is lost, not when somebody leaves a record.

use carnet::roster::{Operation, Operations};
use carnet_tests::canary;
use carnet_tests::commands::{PASSPHRASE, Phone};
use carnet_tests::household::{Household, join, people, settle};
use carnet_tests::paths::copy_folder;
use carnet_tests::thief::{Envelopes, Thief, envelopes};
use carnet_wire::{Header, RecordId, kind};
use std::path::Path;

/// What the thief shall never read: notes of those who stay, and words of what they import.
const AFTERWARDS: [&str; 3] = ["kaleidoskopisch", "Mirabellenkompott", canary::DIAGNOSIS];

/// An allergy everybody knew before.
const BEFORE: &str = r#"{"resourceType":"AllergyIntolerance","id":"nuts","code":{"text":"Hazelnut allergy"},"recordedDate":"2023-11-05"}"#;

/// What whoever was removed may hear of: the removal itself, and keys that are not for them. Of others' accounts, their phones.
fn may_hear(header: &Header, body: &[u8], of: RecordId) -> bool {
    let Ok(Operations::Known(operations)) = Operations::from_body(body) else {
        return false;
    };
    let phones = |one: &Operation| {
        let added = matches!(
            one,
            Operation::AddDevice { .. } | Operation::RenameDevice { .. }
        );
        added && header.record != of
    };
    let allowed = |one: &Operation| {
        phones(one)
            || matches!(
                one,
                Operation::RemoveDevice { .. }
                    | Operation::Remove { .. }
                    | Operation::RotateAccount { .. }
                    | Operation::MintEpoch { .. }
            )
    };
    header.kind == kind::OPERATIONS && operations.iter().all(allowed)
}

/// Lou's record.
fn record(lou: &Phone) -> RecordId {
    let id = people(lou, "Lou")["record"].clone();
    let id = id.as_str().expect("an id");
    let byte = |at: usize| u8::from_str_radix(&id[at..at + 2], 16).expect("digits");
    RecordId(std::array::from_fn(|at| byte(2 * at)))
}

fn allergy(phone: &Phone) -> String {
    let rows = phone.json(["list", "AllergyIntolerance", "--person", "Lou"]);
    rows[0]["id"].as_str().expect("an id").to_owned()
}

/// Everything people do to a record, by the owner and a carer who both know.
fn live_on(house: &Household, lou: &Phone, carer: &Phone) {
    let file = house.file("afterwards.ndjson", &canary::resources());
    lou.run(["import", &file.to_string_lossy(), "--anyway"])
        .expect_ok("import");
    let on = allergy(lou);
    lou.run(["annotate", &on, AFTERWARDS[0]])
        .expect_ok("a note");
    lou.run(["compartment", "move", &on, "private"])
        .expect_ok("a move");
    settle(&[lou, carer]);
    carer
        .run(["annotate", &on, AFTERWARDS[1]])
        .expect_ok("the carer's note");
    lou.run(["compartment", "add", "dentist"]).expect_ok("add");
    let tablet = house.second(lou, "Tablet");
    tablet
        .run(["correct", &on, "display", canary::CORRECTION])
        .expect_ok("a correction");
    let dad = house.person("Dad");
    join(lou, &dad, &["--role", "reader", "--everywhere"]);
    lou.run(["compact"]).expect_ok("compact");
    settle(&[&tablet, carer, &dad, lou]);
    settle(&[&tablet, carer, &dad, lou]);
    assert_eq!(notes(&dad, &on), 2, "those who stay have everything");
}

fn notes(phone: &Phone, id: &str) -> usize {
    let detail = phone.json(["show", id]);
    detail["notes"].as_array().expect("notes").len()
}

/// The thief tries what a program can, then what a program of their own can.
fn rob(
    house: &Household,
    (theirs, copy): (&Phone, &Path),
    of: RecordId,
    (before, all): (&Envelopes, &Envelopes),
) {
    for _ in 0..3 {
        theirs.run(["sync"]);
        theirs.run(["sync", "--background"]);
    }
    let on = allergy(theirs);
    assert!(!theirs.run(["annotate", &on, "by the thief"]).is_ok());
    assert!(!theirs.run(["compartment", "move", &on, "series"]).is_ok());
    let rows = theirs.json(["list", "Observation", "--person", "Lou"]);
    assert_eq!(rows.as_array().map(Vec::len), Some(0), "{rows}");
    assert_eq!(notes(theirs, &on), 0);

    let mut since = all.clone();
    since.extend(envelopes(&house.relay.data));
    since.retain(|envelope| !before.contains(envelope));
    assert!(since.len() > 20, "{} envelopes", since.len());
    for vault in [copy.to_path_buf(), theirs.vault()] {
        let mut thief = Thief::rob(&vault, PASSPHRASE);
        let keys = thief.keys();
        assert!(
            !thief.open(before).is_empty(),
            "keys that open nothing prove nothing"
        );
        let mut opened = thief.open(&since);
        // What they write themselves, to their own account, is theirs.
        opened.retain(|(one, _)| one.header.author.device != thief.device());
        for (one, body) in &opened {
            assert!(may_hear(&one.header, body, of), "{:?}", one.header);
            let text = String::from_utf8_lossy(body).to_lowercase();
            assert!(
                !AFTERWARDS
                    .iter()
                    .any(|word| text.contains(&word.to_lowercase()))
            );
        }
        assert!(!opened.is_empty(), "the thief hears of the removal");
        assert_eq!(thief.keys(), keys, "one key led to another");
        let everything = thief.everything();
        for word in AFTERWARDS.iter().chain([&canary::CORRECTION]) {
            assert!(!everything.contains(&word.to_lowercase()), "{word}");
        }
    }
}

#[test]
fn a_lost_phone_with_everything_the_relay_will_ever_have_opens_nothing_new() {
    let house = Household::new();
    let (lou, carer) = (house.patient("Lou"), house.person("Carer"));
    lou.import(&[&house.file("before.ndjson", BEFORE)]);
    let lost = house.second(&lou, "Lost");
    join(&lou, &carer, &["--role", "caregiver", "--everywhere"]);
    settle(&[&lost, &lou, &carer]);
    let before = envelopes(&house.relay.data);
    let copy = house.scratch.path().join("disk");
    copy_folder(&lost.vault(), &copy);

    lou.run(["device", "lost", "Lost"]).expect_ok("device lost");
    settle(&[&carer, &lou]);
    let between = envelopes(&house.relay.data);
    live_on(&house, &lou, &carer);
    rob(&house, (&lost, &copy), record(&lou), (&before, &between));
}

#[test]
fn a_removed_member_with_everything_the_relay_will_ever_have_opens_nothing_new() {
    let house = Household::new();
    let (lou, carer, mum) = (
        house.patient("Lou"),
        house.person("Carer"),
        house.person("Mum"),
    );
    lou.import(&[&house.file("before.ndjson", BEFORE)]);
    join(&lou, &carer, &["--role", "caregiver", "--everywhere"]);
    join(&lou, &mum, &["--role", "owner"]);
    settle(&[&carer, &lou, &mum]);
    let before = envelopes(&house.relay.data);
    let copy = house.scratch.path().join("disk");
    copy_folder(&mum.vault(), &copy);

    lou.run(["member", "remove", "Mum"]).expect_ok("a removal");
    settle(&[&lou, &carer]);
    let between = envelopes(&house.relay.data);
    live_on(&house, &lou, &carer);
    rob(&house, (&mum, &copy), record(&lou), (&before, &between));
}
