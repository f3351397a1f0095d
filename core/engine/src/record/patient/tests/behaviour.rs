//! Notes, corrections, the profile, conflicts, shards side by side, limits.

use super::*;
use crate::error::Error;

fn two() -> (Shard, Shard) {
    (Shard::empty(&author(1)), Shard::empty(&author(2)))
}

#[test]
fn actors_differ_by_device_and_by_life() {
    let first = author(1);
    let second_life = Author {
        incarnation: Incarnation([9; 8]),
        ..first
    };
    assert_ne!(derive_actor(&first), derive_actor(&second_life));
    assert_ne!(derive_actor(&first), derive_actor(&author(2)));
    assert_eq!(
        derive_actor(&first).to_string(),
        "c7f1cf5a139f9509209f5d8c9133909b"
    );
}

#[test]
fn a_note_says_what_was_written_and_by_whom() {
    let mut shard = Shard::empty(&author(1));
    shard.edit(&[note(7, "à jeun")], 1_000).unwrap();
    let entries = shard.entries().unwrap();
    let expected = NoteEntry {
        recorded_at: 1_000,
        id: EntryId([7; 16]),
        on: resource(1),
        text: "à jeun".into(),
        actor: derive_actor(&author(1)),
    };
    assert_eq!(
        entries,
        Entries {
            notes: vec![expected],
            ..Entries::default()
        }
    );
    assert_sound(&shard);
}

#[test]
fn a_change_travels_and_is_known_the_second_time() {
    let (mut one, mut two) = two();
    let change = one
        .edit(&[note(1, "a"), correct(1, "value", "5.1")], 5)
        .unwrap();
    assert_eq!(two.apply(&change, &author(1)).unwrap(), Applied::Merged);
    assert_eq!(two.apply(&change, &author(1)).unwrap(), Applied::Known);
    assert_eq!(one.apply(&change, &author(1)).unwrap(), Applied::Known);
    assert_eq!(one.heads(), two.heads());
    assert_eq!(one.entries().unwrap(), two.entries().unwrap());
}

#[test]
fn concurrent_corrections_of_one_field_are_both_visible_until_settled() {
    let (mut one, mut two) = two();
    let first = one.edit(&[correct(1, "value", "5.1")], 10).unwrap();
    let second = two.edit(&[correct(1, "value", "5.2")], 20).unwrap();
    one.apply(&second, &author(2)).unwrap();
    two.apply(&first, &author(1)).unwrap();
    let entries = one.entries().unwrap();
    assert_eq!(entries.corrections[0].values.len(), 2);
    assert_eq!(entries, two.entries().unwrap());
    let shown = &entries.corrections[0].values[0];
    assert_eq!(
        shown.actor,
        derive_actor(&author(1)).max(derive_actor(&author(2))),
        "equal counters: the highest actor"
    );

    let settled = two.edit(&[correct(1, "value", "5.15")], 30).unwrap();
    one.apply(&settled, &author(2)).unwrap();
    assert_eq!(values(&one.entries().unwrap()), [["5.15"]]);
    assert_sound(&one);
}

#[test]
fn concurrent_corrections_of_different_fields_both_survive() {
    let (mut one, mut two) = two();
    let first = one.edit(&[correct(1, "value", "5.1")], 10).unwrap();
    let second = two.edit(&[correct(1, "unit", "mmol/L")], 20).unwrap();
    one.apply(&second, &author(2)).unwrap();
    two.apply(&first, &author(1)).unwrap();
    assert_eq!(values(&one.entries().unwrap()), [["mmol/L"], ["5.1"]]);
    assert_eq!(one.heads(), two.heads());
}

#[test]
fn withdrawing_deletes_every_value_seen_and_none_other() {
    let (mut one, mut two) = two();
    let first = one.edit(&[correct(1, "value", "5.1")], 10).unwrap();
    two.apply(&first, &author(1)).unwrap();
    let withdraw = Edit::Withdraw {
        on: resource(1),
        field: "value".into(),
    };
    let gone = one.edit(std::slice::from_ref(&withdraw), 11).unwrap();
    let later = two.edit(&[correct(1, "value", "5.2")], 12).unwrap();
    assert!(one.entries().unwrap().corrections.is_empty());
    one.apply(&later, &author(2)).unwrap();
    two.apply(&gone, &author(1)).unwrap();
    assert_eq!(
        values(&one.entries().unwrap()),
        [["5.2"]],
        "what the withdrawal had not seen survives"
    );
    assert_eq!(one.entries().unwrap(), two.entries().unwrap());
    let elsewhere = Edit::Withdraw {
        on: resource(9),
        field: "value".into(),
    };
    assert!(
        matches!(one.edit(&[elsewhere], 13), Err(Error::Invalid(_))),
        "nothing to withdraw"
    );
}

#[test]
fn the_profile_is_set_conflicts_and_is_cleared() {
    let (mut one, mut two) = two();
    let name = |value: &str| Edit::Profile {
        field: ProfileField::Name,
        value: Some(value.into()),
    };
    let first = one.edit(&[name("Ana")], 1).unwrap();
    let second = two.edit(&[name("Anna")], 2).unwrap();
    one.apply(&second, &author(2)).unwrap();
    two.apply(&first, &author(1)).unwrap();
    let profile = one.entries().unwrap().profile;
    assert_eq!(profile.len(), 1);
    assert_eq!((profile[0].0, profile[0].1.len()), (ProfileField::Name, 2));
    assert_eq!(profile, two.entries().unwrap().profile);
    one.edit(
        &[Edit::Profile {
            field: ProfileField::Name,
            value: None,
        }],
        3,
    )
    .unwrap();
    assert_eq!(one.entries().unwrap(), Entries::default());
}

#[test]
fn shards_opened_side_by_side_combine_alike_on_every_device() {
    let (mut one, mut two) = two();
    one.edit(&[note(1, "a")], 30).unwrap();
    one.edit(&[correct(2, "unit", "g"), correct(1, "value", "5.1")], 31)
        .unwrap();
    two.edit(&[note(2, "b"), correct(1, "value", "5.2")], 20)
        .unwrap();
    let (one, two) = (one.entries().unwrap(), two.entries().unwrap());
    let both = combine([one.clone(), two.clone()]);
    assert_eq!(both, combine([two, one.clone()]));
    assert_eq!(
        both.notes
            .iter()
            .map(|note| note.text.as_str())
            .collect::<Vec<_>>(),
        ["b", "a"]
    );
    assert_eq!(
        values(&both),
        [vec!["5.1", "5.2"], vec!["g"]],
        "both survive, the higher counter first"
    );
    assert_eq!(combine([one.clone()]), one);
    assert_eq!(combine([]), Entries::default());
}

#[test]
fn entries_of_a_newer_app_are_counted_and_kept() {
    let mut newer = automerge::AutoCommit::new().with_actor(derive_actor(&author(3)).0.into());
    use automerge::transaction::Transactable;
    newer.put(automerge::ROOT, "hide:00", 1).unwrap();
    newer
        .put(automerge::ROOT, "correct:zz:value", "not bytes")
        .unwrap();
    let odd = format!("correct:{}:value", resource(1));
    newer.put(automerge::ROOT, odd, "not bytes").unwrap();
    newer
        .put(
            automerge::ROOT,
            format!("note:{}", EntryId([1; 16])),
            "not a map",
        )
        .unwrap();
    newer.commit();
    let change = newer.get_changes(&[])[0].raw_bytes().to_vec();
    let mut shard = Shard::empty(&author(1));
    assert_eq!(shard.apply(&change, &author(3)).unwrap(), Applied::Merged);
    assert_eq!(
        shard.entries().unwrap(),
        Entries {
            unknown: 4,
            ..Entries::default()
        }
    );
    shard.edit(&[note(9, "mine")], 1).unwrap();
    assert_eq!(
        Shard::load(&shard.save(), &author(1))
            .unwrap()
            .entries()
            .unwrap()
            .unknown,
        4
    );
}

#[test]
fn a_note_that_another_rewrote_is_not_shown_as_its_authors_words() {
    use automerge::transaction::Transactable;
    use automerge::{AutoCommit, Change, ROOT, ReadDoc};
    let mut shard = Shard::empty(&author(1));
    let change = shard.edit(&[note(1, "mine")], 1).unwrap();
    let mut other = AutoCommit::new().with_actor(derive_actor(&author(2)).0.into());
    other
        .apply_changes([Change::from_bytes(change).unwrap()])
        .unwrap();
    let heads = other.get_heads();
    let (_, map) = other
        .get(ROOT, format!("note:{}", EntryId([1; 16])))
        .unwrap()
        .unwrap();
    other.put(&map, "text", "theirs").unwrap();
    other.commit();
    let forged = other.get_changes(&heads)[0].raw_bytes().to_vec();
    shard.apply(&forged, &author(2)).unwrap();
    assert_eq!(
        shard.entries().unwrap(),
        Entries {
            unknown: 1,
            ..Entries::default()
        }
    );
}

#[test]
fn edits_over_a_limit_are_refused_and_leave_the_shard_as_it_was() {
    let mut shard = Shard::empty(&author(1));
    shard.edit(&[note(1, "kept")], 1).unwrap();
    let before = shard.heads();
    let long_note = "n".repeat(MAX_NOTE_BYTES + 1);
    let long_value = "v".repeat(MAX_CORRECTION_BYTES + 1);
    let long_field = "f".repeat(MAX_FIELD_BYTES + 1);
    let many: Vec<Edit> = (0..2_501u16)
        .map(|id| Edit::Annotate {
            id: EntryId([id.to_be_bytes(); 8].concat().try_into().unwrap()),
            on: resource(1),
            text: "x".into(),
        })
        .collect();
    let heavy: Vec<Edit> = (2..40)
        .map(|id| note(id, &"h".repeat(MAX_NOTE_BYTES)))
        .collect();
    for edits in [
        vec![note(2, &long_note)],
        vec![note(2, "")],
        vec![note(1, "same id")],
        vec![correct(1, "value", &long_value)],
        vec![correct(1, &long_field, "v")],
        vec![correct(1, "", "v")],
        vec![correct(1, "a\nb", "v")],
        vec![Edit::Profile {
            field: ProfileField::Name,
            value: Some(long_value.clone()),
        }],
        vec![],
        vec![note(3, "fine"), note(3, "twice")],
        many,
        heavy,
    ] {
        let refused = shard.edit(&edits, 2);
        assert!(
            matches!(refused, Err(Error::Invalid(_) | Error::TooLarge(_))),
            "{:?}",
            edits.first()
        );
        assert_eq!(shard.heads(), before);
    }
    assert_eq!(shard.entries().unwrap().notes.len(), 1);
    shard
        .edit(&[note(2, &"n".repeat(MAX_NOTE_BYTES))], 3)
        .unwrap();
}

#[test]
fn a_shard_is_full_by_entries_and_by_bytes() {
    let mut entries = Shard::empty(&author(1));
    let many: Vec<Edit> = (0..2_000u32)
        .map(|n| correct(1, &format!("f{n}"), "v"))
        .collect();
    entries.edit(&many[..1_999], 1).unwrap();
    assert!(!entries.is_full());
    entries.edit(&many[1_999..], 1).unwrap();
    assert!(entries.is_full());

    let mut bytes = Shard::empty(&author(1));
    assert!(!bytes.is_full());
    let mut state = 1u64;
    let mut noise = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        char::from_u32(0x4e00 + (state >> 40) as u32 % 20_000).unwrap()
    };
    for id in 0..50 {
        let text: String = (0..5_000).map(|_| noise()).collect();
        bytes.edit(&[note(id, &text)], 1).unwrap();
    }
    assert!(bytes.is_full());
    assert!(Shard::load(&bytes.save(), &author(1)).unwrap().is_full());
}

#[test]
fn an_empty_shard_saves_and_loads() {
    let shard = Shard::empty(&author(1));
    assert!(shard.heads().is_empty());
    assert_sound(&shard);
    let mut loaded = Shard::load(&shard.save(), &author(1)).unwrap();
    loaded.edit(&[note(1, "a")], 1).unwrap();
    assert_sound(&loaded);
}

#[test]
fn a_loaded_shard_continues_its_actors_sequence() {
    let mut shard = Shard::empty(&author(1));
    let first = shard.edit(&[note(1, "a")], 1).unwrap();
    let mut again = Shard::load(&shard.save(), &author(1)).unwrap();
    let second = again.edit(&[note(2, "b")], 2).unwrap();
    let mut other = Shard::empty(&author(2));
    assert_eq!(other.apply(&first, &author(1)).unwrap(), Applied::Merged);
    assert_eq!(other.apply(&second, &author(1)).unwrap(), Applied::Merged);
    assert_eq!(other.heads(), again.heads());
}
