//! The hazards of Automerge 0.12, each reproduced and each withstood.

use super::super::guard::{self, testing::*};
use super::*;
use crate::error::Error;
use automerge::{AutoCommit, Automerge, Change, ROOT, transaction::Transactable};
use std::time::{Duration, Instant};

fn actor(number: u8) -> [u8; 16] {
    derive_actor(&author(number)).0
}

fn refused_quickly<T>(work: impl FnOnce() -> Result<T, Error>) -> Error {
    let started = Instant::now();
    let error = work().err().expect("refused");
    assert!(
        started.elapsed() < Duration::from_millis(50),
        "took {:?}",
        started.elapsed()
    );
    error
}

#[test]
fn an_operation_bomb_is_refused_as_a_change() {
    let bomb = chunk(1, &change_body(&actor(1), 1, 1, &bomb_columns(1_000_000)));
    assert!(bomb.len() < 200);
    assert_eq!(
        Change::from_bytes(bomb.clone()).unwrap().len(),
        1_000_000,
        "Automerge does expand it"
    );
    let mut shard = Shard::empty(&author(2));
    let error = refused_quickly(|| shard.apply(&bomb, &author(1)));
    assert!(matches!(error, Error::TooLarge(_)));
    assert!(shard.heads().is_empty());
    for count in [10_001, i64::MAX] {
        let bomb = chunk(1, &change_body(&actor(1), 1, 1, &bomb_columns(count)));
        assert!(matches!(
            refused_quickly(|| shard.apply(&bomb, &author(1))),
            Error::TooLarge(_)
        ));
    }
}

#[test]
fn ten_thousand_operations_pass() {
    let change = chunk(1, &change_body(&actor(1), 1, 1, &bomb_columns(10_000)));
    assert_eq!(
        guard::read_change(&change).unwrap().operations,
        MAX_OPERATIONS
    );
}

#[test]
fn a_deflated_bomb_is_refused_without_inflating_it() {
    let mut text = AutoCommit::new().with_actor(actor(1).into());
    let object = text
        .put_object(ROOT, "t", automerge::ObjType::Text)
        .unwrap();
    text.splice_text(&object, 0, 0, &"a".repeat(1_000_000))
        .unwrap();
    text.commit();
    let mut change = text.get_changes(&[]).remove(0);
    let bomb = change.bytes().into_owned();
    assert!(
        bomb.len() < 2_000,
        "{} bytes hold a million operations",
        bomb.len()
    );
    let mut shard = Shard::empty(&author(2));
    refused_quickly(|| shard.apply(&bomb, &author(1)));
    let saved = text.save();
    refused_quickly(|| Shard::load(&saved, &author(1)));
    assert!(matches!(
        guard::read_document(&saved),
        Err(Error::TooLarge(_))
    ));
}

#[test]
fn an_operation_bomb_is_refused_as_a_document() {
    let bomb = chunk(
        0,
        &document_body(&actor(1), &[], &bomb_columns(1_000_000_000)),
    );
    assert!(matches!(
        refused_quickly(|| Shard::load(&bomb, &author(1))),
        Error::Corrupt(_)
    ));
    assert!(matches!(
        guard::read_document(&bomb),
        Err(Error::TooLarge(_))
    ));
    let small = chunk(0, &document_body(&actor(1), &[], &bomb_columns(1_000)));
    assert!(guard::read_document(&small).is_ok());
}

#[test]
fn a_column_of_a_document_inflates_only_up_to_the_limit() {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    (0..64).for_each(|_| encoder.write_all(&[0; 1 << 20]).unwrap());
    let zeros = encoder.finish().unwrap();
    let bomb = chunk(0, &document_body(&actor(1), &[], &[(0x5f, zeros)]));
    let started = Instant::now();
    assert!(matches!(
        guard::read_document(&bomb),
        Err(Error::TooLarge(_))
    ));
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[test]
fn one_actor_twice_is_a_fork_and_changes_nothing() {
    let mut original = Shard::empty(&author(1));
    let mut restored = Shard::empty(&author(1));
    let first = original.edit(&[note(1, "a")], 1).unwrap();
    let other_first = restored.edit(&[note(2, "b")], 1).unwrap();
    let other_second = restored.edit(&[note(3, "c")], 2).unwrap();
    let mut witness = Shard::empty(&author(2));
    witness.apply(&first, &author(1)).unwrap();
    let before = witness.heads();
    assert!(matches!(
        witness.apply(&other_first, &author(1)),
        Err(Error::Unauthorised(_))
    ));
    assert_eq!(witness.heads(), before);
    // The second change of the fork waits for the first, which is refused: it never gets in.
    assert_eq!(
        witness.apply(&other_second, &author(1)).unwrap(),
        Applied::Waiting
    );
    assert_eq!(witness.heads(), before);
    let second = original.edit(&[note(4, "d")], 3).unwrap();
    assert!(
        matches!(
            witness.apply(&second, &author(1)),
            Err(Error::Unauthorised(_))
        ),
        "a waiting fork is a fork"
    );
    assert_sound(&witness);
}

#[test]
fn a_change_under_another_authors_name_is_refused() {
    let change = Shard::empty(&author(1)).edit(&[note(1, "a")], 1).unwrap();
    let mut shard = Shard::empty(&author(2));
    assert!(matches!(
        shard.apply(&change, &author(3)),
        Err(Error::Unauthorised(_))
    ));
}

#[test]
fn only_one_plain_change_chunk_is_a_change() {
    let mut one = Shard::empty(&author(1));
    let change = one.edit(&[note(1, "a")], 1).unwrap();
    let twice = [change.clone(), change.clone()].concat();
    let trailing = [&change[..], &[0]].concat();
    let cut = change[..change.len() - 1].to_vec();
    let document = one.save();
    let mut wrong_checksum = change.clone();
    wrong_checksum[4] ^= 1;
    let as_deflated = chunk(2, body(&change));
    let extra = chunk(1, &[body(&change), &[1, 2]].concat());
    let mut shard = Shard::empty(&author(2));
    for bytes in [
        twice,
        trailing,
        cut,
        document,
        wrong_checksum,
        as_deflated,
        extra,
        Vec::new(),
        vec![0x85],
    ] {
        assert!(matches!(
            shard.apply(&bytes, &author(1)),
            Err(Error::Invalid(_))
        ));
    }
    assert!(matches!(
        shard.apply(&vec![0; MAX_CHANGE_BYTES + 1], &author(1)),
        Err(Error::TooLarge(_))
    ));
    assert_eq!(shard.apply(&change, &author(1)).unwrap(), Applied::Merged);
}

/// The body of `change` with its operation counter raised, under a right checksum.
fn with_start_op_raised(change: &[u8]) -> Vec<u8> {
    let mut bytes = body(change).to_vec();
    let start_op = 1 + 32 * usize::from(bytes[0]) + 17 + 1;
    bytes[start_op] += 1;
    chunk(1, &bytes)
}

#[test]
fn a_waiting_change_that_is_refused_in_the_end_stays_apart() {
    let mut one = Shard::empty(&author(1));
    let first = one.edit(&[correct(1, "a", "1")], 1).unwrap();
    let second = one.edit(&[correct(1, "b", "2")], 2).unwrap();
    let raised = with_start_op_raised(&second);
    let mut two = Shard::empty(&author(2));
    assert_eq!(two.apply(&raised, &author(1)).unwrap(), Applied::Waiting);
    assert_eq!(two.apply(&first, &author(1)).unwrap(), Applied::Merged);
    assert_eq!(
        (two.waiting(), values(&two.entries().unwrap()).len()),
        (1, 1)
    );
    assert_sound(&two);
    // The same change where its past is known is refused at once.
    let mut three = Shard::empty(&author(3));
    three.apply(&first, &author(1)).unwrap();
    assert!(matches!(
        three.apply(&raised, &author(1)),
        Err(Error::Invalid(_))
    ));
    assert_eq!((three.waiting(), three.heads()), (0, two.heads()));
}

#[test]
fn one_bad_change_does_not_fail_those_that_come_with_it() {
    let mut one = Shard::empty(&author(1));
    let first = one.edit(&[correct(1, "a", "1")], 1).unwrap();
    let second = one.edit(&[correct(1, "b", "2")], 2).unwrap();
    let mut poison = bomb_columns(1);
    poison[2].1 = vec![0x7f, 3];
    poison[4].1 = vec![0x7f, 1];
    poison.extend([(0x71, vec![0x7f, 0]), (0x73, vec![0x7f, 1])]);
    let poison = chunk(1, &change_body(&actor(3), 1, 1, &poison));
    let mut two = Shard::empty(&author(2));
    let batch = [
        (&second[..], author(1)),
        (&poison[..], author(3)),
        (&first[..], author(1)),
    ];
    let answers: Vec<_> = two.apply_all(&batch).into_iter().map(Result::ok).collect();
    assert_eq!(
        answers,
        [Some(Applied::Merged), None, Some(Applied::Merged)]
    );
    assert_eq!(two.heads(), one.heads());
    assert_sound(&two);
}

/// Automerge takes a change whose counter is near the end of 32 bits; after it, nobody can write.
#[test]
fn counters_out_of_sequence_are_refused() {
    let columns = bomb_columns(1);
    let mut shard = Shard::empty(&author(2));
    for (seq, start) in [
        (1, 2),
        (1, u64::from(u32::MAX) - 1),
        (1, u64::MAX),
        (1, 0),
        (0, 1),
        (u64::MAX, 1),
    ] {
        let change = chunk(1, &change_body(&actor(1), seq, start, &columns));
        let refused = shard.apply(&change, &author(1));
        assert!(
            matches!(refused, Err(Error::Invalid(_) | Error::TooLarge(_))),
            "{seq} {start} {refused:?}"
        );
    }
    let absurd = chunk(
        1,
        &change_body(&actor(1), 1, u64::from(u32::MAX) - 1, &columns),
    );
    let mut naive = Automerge::new();
    naive
        .apply_changes([Change::from_bytes(absurd).unwrap()])
        .expect("Automerge itself takes it");
}

/// Well-formed, accepted by Automerge, and a document that no longer loads after the next save.
#[test]
fn a_change_that_would_poison_the_saved_document_is_refused() {
    // A delete of an operation that never was: the document cannot store the reference, so the rebuilt change differs.
    let columns = vec![
        (0x15, vec![0x7f, 1, b'k']),
        (0x34, vec![1]),
        (0x42, vec![0x7f, 3]),
        (0x56, vec![0x7f, 0]),
        (0x70, vec![0x7f, 1]),
        (0x71, vec![0x7f, 0]),
        (0x73, vec![0x7f, 1]),
    ];
    let poison = chunk(1, &change_body(&actor(1), 1, 1, &columns));
    assert!(
        guard::read_change(&poison).is_ok(),
        "nothing wrong with its encoding"
    );
    let mut naive = Automerge::new();
    let change = Change::from_bytes(poison.clone()).unwrap();
    let poisoned = std::panic::catch_unwind(move || {
        naive.apply_changes([change]).is_ok() && Automerge::load(&naive.save()).is_err()
    });
    assert!(
        !matches!(poisoned, Ok(false)),
        "Automerge takes it and cannot load what it saved, or panics"
    );
    let mut shard = Shard::empty(&author(2));
    assert!(shard.apply(&poison, &author(1)).is_err());
    assert_sound(&shard);
}

#[test]
fn an_unusual_spelling_of_the_columns_is_refused() {
    let usual = vec![
        (0x15, vec![0x02, 1, b'k']),
        (0x34, vec![2]),
        (0x42, vec![0x02, 1]),
        (0x56, vec![0x02, 0]),
        (0x70, vec![0x02, 0]),
    ];
    let mut unusual = usual.clone();
    unusual[2].1 = vec![0x7e, 1, 1];
    let mut shard = Shard::empty(&author(2));
    let change = chunk(1, &change_body(&actor(1), 1, 1, &unusual));
    assert!(shard.apply(&change, &author(1)).is_err());
    assert_sound(&shard);
}

#[test]
fn columns_of_unequal_length_or_with_references_outside_are_refused_before_automerge() {
    let delete = |key: u8, values: Vec<u8>, counter: u8| {
        vec![
            (0x15, vec![key, 1, b'k']),
            (0x34, vec![2]),
            (0x42, vec![0x02, 3]),
            (0x56, values),
            (0x70, vec![0x02, 1]),
            (0x71, vec![0x02, 0]),
            (0x73, vec![0x7e, 1, counter]),
        ]
    };
    let measure = |columns: &[(u32, Vec<u8>)]| {
        guard::read_change(&chunk(1, &change_body(&actor(1), 1, 3, columns)))
    };
    assert!(measure(&delete(2, vec![0x02, 0], 1)).is_ok());
    assert!(
        measure(&delete(3, vec![0x02, 0], 1)).is_err(),
        "three keys for two operations"
    );
    assert!(
        measure(&delete(2, vec![0x03, 0], 1)).is_err(),
        "three values for two operations"
    );
    assert!(
        measure(&delete(2, vec![0x02, 0x17], 1)).is_err(),
        "values that claim bytes there are not"
    );
    assert!(
        measure(&delete(2, vec![0x02, 0], 0x7e)).is_err(),
        "a negative counter"
    );
    let mut other_actor = delete(2, vec![0x02, 0], 1);
    other_actor[5].1 = vec![0x02, 1];
    assert!(
        measure(&other_actor).is_err(),
        "an actor that is not in the table"
    );
    let mut more_predecessors = delete(2, vec![0x02, 0], 1);
    more_predecessors[4].1 = vec![0x02, 2];
    assert!(
        measure(&more_predecessors).is_err(),
        "more predecessors than listed"
    );
    let mut unknown = delete(2, vec![0x02, 0], 1);
    unknown.push((0xa5, vec![0x02, 1, b'm']));
    assert!(measure(&unknown).is_err(), "marks");
    let mut unsorted = delete(2, vec![0x02, 0], 1);
    unsorted.swap(0, 1);
    assert!(measure(&unsorted).is_err(), "columns out of order");
}

#[test]
fn changes_with_anything_but_maps_and_scalars_are_refused() {
    let writes: [fn(&mut AutoCommit); 5] = [
        |doc| drop(doc.put_object(ROOT, "l", automerge::ObjType::List)),
        |doc| drop(doc.put_object(ROOT, "t", automerge::ObjType::Text)),
        |doc| drop(doc.put(ROOT, "c", automerge::ScalarValue::counter(1))),
        |doc| drop(doc.put(ROOT, "k".repeat(300), 1)),
        |doc| drop(doc.put(ROOT, "v", "x".repeat(MAX_VALUE_BYTES + 1))),
    ];
    for write in writes {
        let mut doc = AutoCommit::new().with_actor(actor(1).into());
        write(&mut doc);
        doc.commit();
        let change = doc.get_changes(&[])[0].raw_bytes().to_vec();
        let refused = Shard::empty(&author(2)).apply(&change, &author(1));
        assert!(
            matches!(refused, Err(Error::Invalid(_) | Error::TooLarge(_))),
            "{refused:?}"
        );
    }
}

#[test]
fn what_waits_is_bounded() {
    let mut one = Shard::empty(&author(1));
    let changes: Vec<_> = (0..=MAX_WAITING_CHANGES + 1)
        .map(|n| one.edit(&[correct(1, "f", &n.to_string())], 1).unwrap())
        .collect();
    let mut two = Shard::empty(&author(2));
    for change in &changes[1..=MAX_WAITING_CHANGES] {
        assert_eq!(two.apply(change, &author(1)).unwrap(), Applied::Waiting);
    }
    let over = &changes[MAX_WAITING_CHANGES + 1];
    assert!(matches!(
        two.apply(over, &author(1)),
        Err(Error::TooLarge(_))
    ));
    assert_eq!(two.apply(&changes[0], &author(1)).unwrap(), Applied::Merged);
    assert_eq!(two.waiting(), 0);
    assert_eq!(two.apply(over, &author(1)).unwrap(), Applied::Merged);
    assert_eq!(two.heads(), one.heads());
}

#[test]
fn no_error_or_debug_text_says_what_people_wrote() {
    let mut shard = Shard::empty(&author(1));
    let change = shard
        .edit(
            &[note(1, "CANARI-VIH"), correct(1, "canari-field", "CANARI")],
            1,
        )
        .unwrap();
    assert!(!format!("{shard:?}").to_lowercase().contains("canari"));
    let mut other = Shard::empty(&author(2));
    for at in 0..change.len() {
        let mut mutated = change.clone();
        mutated[at] ^= 0x11;
        if let Err(error) = other.apply(&mutated, &author(1)) {
            assert!(
                !format!("{error} {error:?}")
                    .to_lowercase()
                    .contains("canari")
            );
        }
    }
}
