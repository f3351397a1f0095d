//! Thousands of mutated changes and documents, each with its checksum put right so that the parsers are reached.

use super::super::guard::testing::*;
use super::*;

pub(super) struct Random(pub(super) u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }

    pub(super) fn mutate(&mut self, body: &mut Vec<u8>, from: usize) {
        for _ in 0..=self.below(3) {
            let at = from + self.below(body.len() - from);
            match self.below(6) {
                0 => drop(body.remove(at)),
                1 => body.insert(at, self.below(256) as u8),
                2 => body[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                3 => body[at] = body[at].wrapping_add(1),
                _ => body[at] ^= 1 << self.below(8),
            }
        }
    }
}

/// A shared shard and a change of the second author on it that uses everything the layer writes.
fn scene() -> (Shard, Vec<Vec<u8>>) {
    let mut one = Shard::empty(&author(1));
    let mut two = Shard::empty(&author(2));
    let first = one
        .edit(
            &[
                note(1, "first"),
                correct(1, "value", "5.1"),
                correct(2, "unit", "g"),
            ],
            1,
        )
        .unwrap();
    let rival = two.edit(&[correct(1, "value", "5.2")], 2).unwrap();
    one.apply(&rival, &author(2)).unwrap();
    two.apply(&first, &author(1)).unwrap();
    let withdraw = Edit::Withdraw {
        on: resource(2),
        field: "unit".into(),
    };
    let big = two
        .edit(
            &[
                correct(1, "value", "5.15"),
                note(2, "second"),
                withdraw,
                note(3, "third"),
            ],
            3,
        )
        .unwrap();
    let name = Edit::Profile {
        field: ProfileField::Name,
        value: Some("Ana".into()),
    };
    let small = two.edit(&[name], 4).unwrap();
    (one, vec![big, small])
}

#[test]
fn mutated_changes_never_panic_nor_harm_the_shard() {
    let (base, changes) = scene();
    let saved = base.save();
    let before = (base.heads(), base.entries().unwrap());
    // Past the dependencies and the actor, or nearly every mutation would end at those two checks.
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut merged, mut reached) = (0, 0);
    for round in 0..6_000 {
        let original = &changes[usize::from(round % 4 == 0)];
        let header = 1 + 32 * original_dependencies(original) + 17;
        let mut bytes = body(original).to_vec();
        random.mutate(&mut bytes, if round % 8 == 1 { 0 } else { header });
        let mutated = chunk(1, &bytes);
        reached += usize::from(super::super::guard::read_change(&mutated).is_ok());
        let mut shard = Shard::load(&saved, &author(9)).unwrap();
        match shard.apply(&mutated, &author(2)) {
            Ok(Applied::Merged) => {
                merged += 1;
                assert_sound(&shard);
            }
            Ok(_) => assert_eq!((shard.heads(), shard.entries().unwrap()), before),
            Err(_) => {
                assert_eq!(
                    (shard.heads(), shard.entries().unwrap(), shard.waiting()),
                    (before.0.clone(), before.1.clone(), 0)
                );
            }
        }
    }
    assert!(
        reached > 200 && merged > 50,
        "the test reaches Automerge: {reached} measured, {merged} merged"
    );
}

fn original_dependencies(change: &[u8]) -> usize {
    usize::from(body(change)[0])
}

#[test]
fn mutated_documents_never_panic() {
    let (mut base, changes) = scene();
    base.apply(&changes[1], &author(2)).unwrap();
    let plain = base.save();
    base.apply(&changes[0], &author(2)).unwrap();
    let mut random = Random(42);
    for round in 0..3_000 {
        let saved = if round % 2 == 0 { &plain } else { &base.save() };
        let mut bytes = body(saved).to_vec();
        random.mutate(&mut bytes, 0);
        if let Ok(shard) = Shard::load(&chunk(0, &bytes), &author(9)) {
            shard.entries().unwrap();
            shard.save();
        }
        let mut raw = saved.clone();
        let at = random.below(raw.len());
        raw[at] ^= 1 << random.below(8);
        assert!(
            Shard::load(&raw, &author(9)).is_err(),
            "a flipped bit is noticed"
        );
    }
}
