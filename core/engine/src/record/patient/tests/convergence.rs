//! INV-1: devices that have seen the same changes hold the same shard, whatever the order, gaps and repetitions.

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Edit(u8, Vec<Edit>),
    Deliver(u8, prop::sample::Index),
    Reload(u8),
}

fn edits() -> impl Strategy<Value = Edit> {
    let field = prop::sample::select(vec!["value", "unit", "status"]);
    prop_oneof![
        2 => (any::<[u8; 16]>(), 0..3u8, "[a-zé]{1,6}").prop_map(|(id, on, text)| Edit::Annotate {
            id: EntryId(id), on: resource(on), text
        }),
        4 => (0..3u8, field.clone(), "[0-9]{1,3}").prop_map(|(on, field, value)| correct(on, field, &value)),
        1 => (0..3u8, field).prop_map(|(on, field)| Edit::Withdraw { on: resource(on), field: field.into() }),
        1 => prop::option::of("[A-Z]{1,3}").prop_map(|value| Edit::Profile { field: ProfileField::Name, value }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3u8, prop::collection::vec(edits(), 1..4)).prop_map(|(who, edits)| Step::Edit(who, edits)),
        6 => (0..3u8, any::<prop::sample::Index>()).prop_map(|(who, which)| Step::Deliver(who, which)),
        1 => (0..3u8).prop_map(Step::Reload),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn three_devices_converge(steps in steps(), order in any::<u64>()) {
        let mut shards: Vec<Shard> = (0..3).map(|who| Shard::empty(&author(who))).collect();
        let mut log: Vec<(u8, Vec<u8>)> = Vec::new();
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Edit(who, edits) => {
                    if let Ok(change) = shards[usize::from(who)].edit(&edits, at as i64) {
                        log.push((who, change));
                    }
                }
                Step::Deliver(who, which) if !log.is_empty() => {
                    let (from, change) = which.get(&log);
                    shards[usize::from(who)].apply(change, &author(*from)).unwrap();
                }
                Step::Deliver(..) => {}
                Step::Reload(who) => {
                    let shard = &mut shards[usize::from(who)];
                    *shard = Shard::load(&shard.save(), &author(who)).unwrap();
                }
            }
        }
        let mut random = order;
        let all: Vec<_> = log.iter().rev().map(|(from, change)| (change.as_slice(), author(*from))).collect();
        let mut fresh = Shard::empty(&author(7));
        prop_assert!(fresh.apply_all(&all).iter().all(|answer| matches!(answer, Ok(Applied::Merged))));
        for shard in &mut shards {
            for _ in 0..log.len() * 2 {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let Some((from, change)) = log.get((random >> 33) as usize % log.len().max(1)) else { break };
                shard.apply(change, &author(*from)).unwrap();
            }
            for (from, change) in log.iter().rev() {
                shard.apply(change, &author(*from)).unwrap();
            }
            prop_assert_eq!(shard.waiting(), 0);
        }
        prop_assert_eq!(shards[0].heads(), shards[1].heads());
        prop_assert_eq!(shards[0].heads(), shards[2].heads());
        let entries = shards[0].entries().unwrap();
        prop_assert_eq!(&entries, &shards[1].entries().unwrap());
        prop_assert_eq!(&entries, &shards[2].entries().unwrap());
        prop_assert_eq!(shards[0].heads(), fresh.heads());
        prop_assert_eq!(&entries, &fresh.entries().unwrap());
        let reloaded = Shard::load(&shards[1].save(), &author(9)).unwrap();
        prop_assert_eq!(&entries, &reloaded.entries().unwrap());
    }
}

#[test]
fn an_omitted_change_keeps_the_others_waiting_even_across_a_restart() {
    let mut one = Shard::empty(&author(1));
    let changes: Vec<_> = (1..=4)
        .map(|n| one.edit(&[note(n, "n")], i64::from(n)).unwrap())
        .collect();
    let mut two = Shard::empty(&author(2));
    assert_eq!(
        two.apply(&changes[3], &author(1)).unwrap(),
        Applied::Waiting
    );
    assert_eq!(
        two.apply(&changes[1], &author(1)).unwrap(),
        Applied::Waiting
    );
    assert_eq!(two.apply(&changes[3], &author(1)).unwrap(), Applied::Known);
    assert_eq!(two.entries().unwrap(), Entries::default());
    assert_eq!(two.waiting(), 2);

    let mut two = Shard::load(&two.save(), &author(2)).unwrap();
    assert_eq!(two.waiting(), 2);
    assert_eq!(two.apply(&changes[1], &author(1)).unwrap(), Applied::Known);
    assert_eq!(two.apply(&changes[0], &author(1)).unwrap(), Applied::Merged);
    assert_eq!((two.waiting(), two.entries().unwrap().notes.len()), (1, 2));
    assert_eq!(two.apply(&changes[2], &author(1)).unwrap(), Applied::Merged);
    assert_eq!((two.waiting(), two.heads()), (0, one.heads()));
    assert_sound(&two);
}

#[test]
fn writing_goes_on_while_others_changes_wait() {
    let mut one = Shard::empty(&author(1));
    let first = one.edit(&[note(1, "a")], 1).unwrap();
    let second = one.edit(&[note(2, "b")], 2).unwrap();
    let mut two = Shard::empty(&author(2));
    two.apply(&second, &author(1)).unwrap();
    let mine = two.edit(&[note(3, "c")], 3).unwrap();
    two.apply(&first, &author(1)).unwrap();
    one.apply(&mine, &author(2)).unwrap();
    assert_eq!(one.heads(), two.heads());
    assert_eq!(one.entries().unwrap().notes.len(), 3);
}

#[test]
fn many_changes_at_once_are_answered_one_by_one() {
    let mut one = Shard::empty(&author(1));
    let mut two = Shard::empty(&author(2));
    let first: Vec<_> = (1..=5)
        .map(|n| one.edit(&[note(n, "n")], 1).unwrap())
        .collect();
    let second = two.edit(&[correct(1, "value", "5")], 2).unwrap();
    let forged = two.edit(&[correct(1, "value", "6")], 3).unwrap();
    let mut three = Shard::empty(&author(3));
    three.apply(&first[0], &author(1)).unwrap();
    let batch = [
        (&first[4][..], author(1)),
        (&first[2][..], author(1)),
        (&second[..], author(2)),
        (&first[1][..], author(1)),
        (&forged[..], author(9)),
        (&first[0][..], author(1)),
        (&first[1][..], author(1)),
        (&b"noise"[..], author(1)),
    ];
    let answers = three.apply_all(&batch);
    let expected = [
        Some(Applied::Waiting),
        Some(Applied::Merged),
        Some(Applied::Merged),
        Some(Applied::Merged),
        None,
        Some(Applied::Known),
        Some(Applied::Known),
        None,
    ];
    assert_eq!(
        answers.into_iter().map(Result::ok).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(
        (three.entries().unwrap().notes.len(), three.waiting()),
        (3, 1)
    );
    assert_sound(&three);
    assert!(three.apply_all(&[]).is_empty());
}
