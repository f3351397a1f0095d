#![allow(clippy::unwrap_used, clippy::panic)]
use super::super::vectors::{fixed, hex, vectors};
use super::*;

const MUM: AccountId = AccountId([9; 32]);

/// Every choice of `many` out of `all`.
fn choices(all: &[Share], many: usize) -> Vec<Vec<Share>> {
    let wanted = |bits: &u32| bits.count_ones() as usize == many;
    (0..1_u32 << all.len())
        .filter(wanted)
        .map(|bits| {
            let chosen = (0..all.len()).filter(|at| bits >> at & 1 == 1);
            chosen.map(|at| all[at].clone()).collect()
        })
        .collect()
}

#[test]
fn any_that_are_enough_bring_the_kit_back_and_fewer_do_not() {
    for quorum in [Quorum::TWO_OF_THREE, Quorum::THREE_OF_FIVE] {
        let kit = RecoveryKit::make().unwrap();
        let shares = split(&kit, MUM, quorum).unwrap();
        let needed = usize::from(quorum.needed);
        for many in needed..=shares.len() {
            for mut chosen in choices(&shares, many) {
                chosen.reverse();
                assert_eq!(combine(&chosen).unwrap(), kit);
            }
        }
        for chosen in choices(&shares, needed - 1) {
            let missing = CombineError::Missing {
                have: needed - 1,
                needed,
            };
            assert_eq!(combine(&chosen).unwrap_err(), missing);
            // The same guardian twice is one guardian.
            let twice = [&chosen[..], &chosen[..]].concat();
            assert_eq!(combine(&twice).unwrap_err(), missing);
        }
    }
}

#[test]
fn a_wrong_share_is_named_and_does_not_stop_the_others() {
    let kit = RecoveryKit::make().unwrap();
    let shares = split(&kit, MUM, Quorum::THREE_OF_FIVE).unwrap();
    for at in 0..5 {
        let mut given = shares.clone();
        given[at].value[3] ^= 1;
        assert_eq!(wrong_positions(&given), [at]);
        assert_eq!(combine(&given).unwrap(), kit);
        let three = [
            given[at].clone(),
            given[(at + 1) % 5].clone(),
            given[(at + 2) % 5].clone(),
        ];
        assert_eq!(combine(&three).unwrap_err(), CombineError::Wrong(vec![0]));
    }
    // A guardian who makes up a whole set is found out by two who did not.
    let forged = split(&RecoveryKit::make().unwrap(), MUM, Quorum::TWO_OF_THREE).unwrap();
    let real = split(&kit, MUM, Quorum::TWO_OF_THREE).unwrap();
    let given = [forged[0].clone(), real[1].clone(), real[2].clone()];
    assert_eq!(wrong_positions(&given), [0]);
    assert_eq!(combine(&given).unwrap(), kit);
    assert_eq!(combine(&given[..2]).unwrap_err(), CombineError::Mixed);
    assert_eq!(combine(&[]).unwrap_err(), CombineError::Wrong(vec![]));
}

/// One share fewer than needed fits every secret: the other share that would make any chosen entropy exists.
#[test]
fn one_share_says_nothing() {
    let mut values = std::collections::BTreeSet::new();
    for coefficient in 0..=255 {
        let coefficients = [[0x5a; 32], [coefficient; 32]];
        values.insert(evaluate(&coefficients, 2)[0]);
    }
    assert_eq!(values.len(), 256);
}

#[test]
fn a_share_is_for_its_guardian_and_then_for_the_new_phone() {
    let kit = RecoveryKit::make().unwrap();
    let shares = split(&kit, MUM, Quorum::TWO_OF_THREE).unwrap();
    let (guardian, keys) = (AccountId([1; 32]), AccountKeys::make().unwrap());
    let sealed = shares[0].seal_to(guardian, &keys.kem_public()).unwrap();
    let opened = Share::open(&sealed, guardian, &keys).unwrap();
    assert_eq!(opened, shares[0]);
    assert!(Share::open(&sealed, AccountId([2; 32]), &keys).is_err());
    assert!(Share::open(&sealed, guardian, &AccountKeys::make().unwrap()).is_err());
    let phone = DeviceKeys::make().unwrap();
    let released = opened.release_to(&phone.card("new").unwrap()).unwrap();
    assert_eq!(Share::take(&released, &phone).unwrap(), opened);
    assert!(Share::take(&sealed, &phone).is_err());
    assert!(Share::take(&released, &DeviceKeys::make().unwrap()).is_err());
    assert_eq!(format!("{opened:?}"), "Share(1 of 3, …)");
    for at in 0..opened.to_bytes().len() {
        let mut changed = opened.to_bytes().to_vec();
        changed[at] ^= 1;
        // What is not committed to (the check) makes another set, which combines with no other share.
        if let Ok(other) = Share::from_bytes(&changed) {
            assert_ne!(other.set(), opened.set(), "byte {at}");
        }
    }
}

#[test]
fn the_field_is_a_field() {
    for a in 0..=255_u8 {
        assert_eq!(multiply(a, 1), a);
        assert_eq!(multiply(a, 0), 0);
        assert!(a == 0 || multiply(a, invert(a)) == 1);
        for b in 0..=255 {
            assert_eq!(multiply(a, b), multiply(b, a));
        }
    }
    // FIPS 197, 4.2: {57} • {83} = {c1}.
    assert_eq!(multiply(0x57, 0x83), 0xc1);
}

/// `tests/vectors/people.py` wrote them with tables instead of shifts.
#[test]
fn shares_are_those_of_the_script() {
    let all = vectors("guardians");
    for vector in &all {
        let coefficients: Vec<[u8; 32]> = vector["coefficients"]
            .as_array()
            .unwrap()
            .iter()
            .map(fixed)
            .collect();
        let account = AccountId(fixed(&vector["account"]));
        let quorum = Quorum {
            needed: vector["needed"].as_u64().unwrap() as u8,
            of: vector["of"].as_u64().unwrap() as u8,
        };
        let shares = split_with(&coefficients, account, quorum);
        let written = vector["shares"].as_array().unwrap();
        assert_eq!(shares.len(), written.len());
        for (share, bytes) in shares.iter().zip(written) {
            assert_eq!(*share.to_bytes(), hex(bytes));
            assert_eq!(Share::from_bytes(&hex(bytes)).unwrap(), *share);
        }
        assert_eq!(*combine(&shares).unwrap().entropy(), coefficients[0]);
    }
    assert_eq!(all.len(), 2);
}
