//! Documents of other devices: what an honest one brings, and what a hostile one may not.

use super::super::guard::testing::*;
use super::*;
use crate::error::Error;
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use std::collections::BTreeSet;

fn writers(numbers: &[u8]) -> BTreeSet<Actor> {
    numbers.iter().map(|n| derive_actor(&author(*n))).collect()
}

/// Two authors who wrote, on one field, at the same time; and a third who is alone with what he wrote.
fn scene() -> (Shard, Shard) {
    let mut one = Shard::empty(&author(1));
    let mut two = Shard::empty(&author(2));
    let first = one
        .edit(&[note(1, "first"), correct(1, "value", "5.1")], 1)
        .unwrap();
    let rival = two.edit(&[correct(1, "value", "5.2")], 2).unwrap();
    one.apply(&rival, &author(2)).unwrap();
    two.apply(&first, &author(1)).unwrap();
    let more = two.edit(&[note(2, "second")], 3).unwrap();
    one.apply(&more, &author(2)).unwrap();
    let mut three = Shard::empty(&author(3));
    three.edit(&[note(3, "third")], 4).unwrap();
    (one, three)
}

#[test]
fn a_document_is_the_changes_it_holds() {
    let (one, mut three) = scene();
    let foreign = Shard::load_foreign(&one.save(), &writers(&[1, 2]), &author(9)).unwrap();
    assert_eq!(foreign.heads(), one.heads());
    let mut empty = Shard::empty(&author(4));
    empty.absorb(foreign).unwrap();
    assert_eq!(empty.entries().unwrap(), one.entries().unwrap());
    // Whoever absorbed goes on writing under his own name.
    let written = empty.edit(&[note(4, "fourth")], 5).unwrap();
    let mut other = Shard::load(&one.save(), &author(1)).unwrap();
    assert_eq!(other.apply(&written, &author(4)).unwrap(), Applied::Merged);

    let again = || Shard::load_foreign(&one.save(), &writers(&[1, 2]), &author(9)).unwrap();
    three.absorb(again()).unwrap();
    let heads = three.heads();
    three.absorb(again()).unwrap();
    assert_eq!(three.heads(), heads, "absorbing twice changed something");
    assert_eq!(three.entries().unwrap().notes.len(), 3);
    let own = Shard::load(&three.save(), &author(3)).unwrap();
    let mut one = one;
    one.absorb(Shard::load_foreign(&own.save(), &writers(&[1, 2, 3]), &author(9)).unwrap())
        .unwrap();
    assert_eq!(one.heads(), three.heads(), "the order left a trace");
    assert_sound(&one);
}

#[test]
fn changes_that_wait_come_along_and_find_what_they_wait_for() {
    let mut one = Shard::empty(&author(1));
    let first = one.edit(&[note(1, "first")], 1).unwrap();
    let second = one.edit(&[note(2, "second")], 2).unwrap();
    let mut behind = Shard::empty(&author(2));
    behind.edit(&[note(3, "third")], 3).unwrap();
    behind.apply(&second, &author(1)).unwrap();
    assert_eq!(behind.waiting(), 1);
    let foreign = Shard::load_foreign(&behind.save(), &writers(&[1, 2]), &author(9)).unwrap();
    assert_eq!(foreign.waiting(), 1);
    let mut ahead = Shard::empty(&author(4));
    ahead.apply(&first, &author(1)).unwrap();
    ahead.absorb(foreign).unwrap();
    assert_eq!(
        (ahead.waiting(), ahead.entries().unwrap().notes.len()),
        (0, 3)
    );
    // The other way round: what waits here is merged with what the document brings.
    let mut waits = Shard::empty(&author(5));
    waits.apply(&second, &author(1)).unwrap();
    let mut first_only = Shard::empty(&author(6));
    first_only.apply(&first, &author(1)).unwrap();
    waits
        .absorb(Shard::load_foreign(&first_only.save(), &writers(&[1]), &author(9)).unwrap())
        .unwrap();
    assert_eq!(
        (waits.waiting(), waits.entries().unwrap().notes.len()),
        (0, 2)
    );
    assert_sound(&waits);
}

#[test]
fn work_of_somebody_who_is_not_covered_is_refused() {
    let (one, _) = scene();
    assert!(matches!(
        Shard::load_foreign(&one.save(), &writers(&[1]), &author(9)),
        Err(Error::Unauthorised(_))
    ));
    let mut waits = Shard::empty(&author(1));
    let mut two = Shard::empty(&author(2));
    two.edit(&[note(1, "a")], 1).unwrap();
    let late = two.edit(&[note(2, "b")], 1).unwrap();
    waits.edit(&[note(3, "c")], 1).unwrap();
    waits.apply(&late, &author(2)).unwrap();
    assert!(matches!(
        Shard::load_foreign(&waits.save(), &writers(&[1]), &author(9)),
        Err(Error::Unauthorised(_))
    ));
}

#[test]
fn what_no_change_may_hold_no_document_may() {
    let actor = ActorId::from(derive_actor(&author(1)).0);
    let build = |fill: fn(&mut AutoCommit)| {
        let mut document = AutoCommit::new().with_actor(actor.clone());
        fill(&mut document);
        document.save()
    };
    type Case = (&'static str, fn(&mut AutoCommit));
    let hostile: [Case; 4] = [
        ("a list", |document| {
            let list = document
                .put_object(ROOT, "x", automerge::ObjType::List)
                .unwrap();
            document.insert(&list, 0, 1).unwrap();
        }),
        ("a text", |document| {
            let text = document
                .put_object(ROOT, "x", automerge::ObjType::Text)
                .unwrap();
            document.splice_text(&text, 0, 0, "abc").unwrap();
        }),
        ("a counter that grows", |document| {
            document
                .put(ROOT, "x", automerge::ScalarValue::counter(1))
                .unwrap();
            document.increment(ROOT, "x", 2).unwrap();
        }),
        ("a value that is too long", |document| {
            document
                .put(ROOT, "x", vec![7_u8; MAX_VALUE_BYTES + 1])
                .unwrap();
        }),
    ];
    for (what, fill) in hostile {
        let saved = build(fill);
        assert!(
            Shard::load_foreign(&saved, &writers(&[1]), &author(9)).is_err(),
            "{what}"
        );
    }
    let harmless = build(|document| document.put(ROOT, "from a newer app", 1).unwrap());
    Shard::load_foreign(&harmless, &writers(&[1]), &author(9)).unwrap();
}

#[test]
fn a_bomb_is_refused_before_automerge_sees_it() {
    let actor = derive_actor(&author(1));
    let columns = bomb_columns(1_000_000_000);
    let bomb = chunk(0, &document_body(&actor.0, &[], &columns));
    let started = std::time::Instant::now();
    assert!(Shard::load_foreign(&bomb, &writers(&[1]), &author(9)).is_err());
    assert!(started.elapsed() < std::time::Duration::from_secs(1));
}

#[test]
fn a_second_history_of_one_author_is_refused() {
    let mut one = Shard::empty(&author(1));
    one.edit(&[note(1, "one life")], 1).unwrap();
    let mut copy = Shard::empty(&author(1));
    copy.edit(&[note(2, "another")], 1).unwrap();
    let before = one.heads();
    let foreign = Shard::load_foreign(&copy.save(), &writers(&[1]), &author(9)).unwrap();
    assert!(one.absorb(foreign).is_err());
    assert_eq!(one.heads(), before);
    assert_sound(&one);
}

#[test]
fn what_lies_beyond_heads() {
    let (mut one, _) = scene();
    let heads = one.heads();
    assert_eq!(one.beyond(&heads).unwrap().len(), 0);
    let change = one.edit(&[note(7, "later")], 9).unwrap();
    let beyond = one.beyond(&heads).unwrap();
    assert_eq!(
        beyond.into_iter().collect::<Vec<_>>(),
        [hash_of(&change).unwrap()]
    );
    assert_eq!(one.beyond(&[]).unwrap().len(), 4);
    assert!(one.beyond(&[[9; 32]]).is_none(), "an unknown head");
    assert!(one.holds(&change) && !one.holds(b"nothing"));
}

#[test]
fn mutated_documents_are_refused_or_sound() {
    let (one, _) = scene();
    let saved = one.save();
    let mut random = super::mutations::Random(77);
    let (mut loaded, mut kept) = (0, 0);
    for round in 0..4_000 {
        let mut bytes = body(&saved).to_vec();
        let from = if round % 2 == 0 { 0 } else { bytes.len() / 2 };
        random.mutate(&mut bytes, from);
        let mutated = chunk(0, &bytes);
        let Ok(foreign) = Shard::load_foreign(&mutated, &writers(&[1, 2]), &author(9)) else {
            continue;
        };
        loaded += 1;
        let mut here = Shard::empty(&author(3));
        let before = here.edit(&[note(9, "mine")], 1).unwrap();
        if here.absorb(foreign).is_ok() {
            kept += 1;
        }
        assert!(here.holds(&before));
        assert_sound(&here);
    }
    assert!(loaded >= kept);
}
