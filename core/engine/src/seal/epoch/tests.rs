#![allow(clippy::unwrap_used)]
use super::*;
use ed25519_dalek::{Signature, VerifyingKey};

const RECORD: RecordId = RecordId([1; 32]);
const COMPARTMENT: CompartmentId = CompartmentId([2; 16]);

fn fixed_secrets() -> EpochSecrets {
    EpochSecrets {
        read: [7; 32],
        write: Some([8; 32]),
        retire: Some([9; 32]),
    }
}

#[test]
fn an_epoch_is_taken_only_with_its_own_secrets_place_and_parents() {
    let first = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
    let epoch = Epoch::make(RECORD, COMPARTMENT, vec![first.id]).unwrap();
    let take = |record, compartment, parents: &[EpochId], secrets: &EpochSecrets| {
        Epoch::from_secrets(
            record,
            compartment,
            parents.to_vec(),
            secrets.clone(),
            epoch.id,
        )
    };
    let parents = [first.id];
    assert_eq!(
        take(RECORD, COMPARTMENT, &parents, &epoch.secrets).unwrap(),
        epoch
    );
    let refused = [
        take(RecordId([3; 32]), COMPARTMENT, &parents, &epoch.secrets),
        take(RECORD, CompartmentId([3; 16]), &parents, &epoch.secrets),
        take(RECORD, COMPARTMENT, &[], &epoch.secrets),
        take(RECORD, COMPARTMENT, &parents, &first.secrets),
    ];
    assert!(
        refused
            .iter()
            .all(|taken| matches!(taken, Err(Error::Unauthorised(_))))
    );
}

#[test]
fn parents_are_sorted_deduplicated_and_limited() {
    let parents = vec![EpochId([5; 32]), EpochId([4; 32]), EpochId([5; 32])];
    let epoch = Epoch::make(RECORD, COMPARTMENT, parents).unwrap();
    assert_eq!(epoch.parents, [EpochId([4; 32]), EpochId([5; 32])]);
    let many = (0..=MAX_PARENT_EPOCHS as u8)
        .map(|n| EpochId([n; 32]))
        .collect();
    assert!(Epoch::make(RECORD, COMPARTMENT, many).is_err());
}

#[test]
fn secrets_have_one_encoding() {
    for secrets in [fixed_secrets(), fixed_secrets().only_read()] {
        let bytes = secrets.to_bytes();
        assert_eq!(EpochSecrets::from_bytes(&bytes).unwrap(), secrets);
    }
    assert_eq!(fixed_secrets().to_bytes()[0], 0x83);
    assert_eq!(fixed_secrets().only_read().to_bytes()[0], 0x81);
    let with_null = [fixed_secrets().only_read().to_bytes().as_slice(), &[0xf6]].concat();
    assert!(EpochSecrets::from_bytes(&[&[0x82], &with_null[1..]].concat()).is_err());
    assert!(EpochSecrets::from_bytes(b"\x80").is_err());
    assert_eq!(format!("{:?}", fixed_secrets()), "EpochSecrets(…)");
}

#[test]
fn proofs_hold_under_the_registered_keys_for_one_origin_and_one_access() {
    let epoch = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
    let registered = epoch.registration(120).unwrap();
    assert_eq!(
        (registered.mailbox, registered.lifetime),
        (epoch.mailbox, 120)
    );
    let nonce = [3; 32];
    let holds = |access, key: &[u8; 32], origin: &str| {
        let proof = epoch
            .prove(epoch.mailbox, access, &nonce, "https://relay")
            .unwrap();
        let message = session_bytes(&nonce, origin, epoch.mailbox, access);
        let signature = Signature::from_bytes(&proof.signature);
        let key = VerifyingKey::from_bytes(key).unwrap();
        key.verify_strict(&message, &signature).is_ok()
    };
    assert!(holds(Access::Read, &registered.read_key, "https://relay"));
    assert!(holds(Access::Write, &registered.write_key, "https://relay"));
    assert!(holds(
        Access::Retire,
        &registered.retire_key,
        "https://relay"
    ));
    assert!(!holds(Access::Write, &registered.read_key, "https://relay"));
    assert!(!holds(
        Access::Read,
        &registered.read_key,
        "https://relay.evil"
    ));
}

#[test]
fn a_reader_can_neither_register_nor_prove_more_than_reading() {
    let mut epoch = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
    epoch.secrets = epoch.secrets.only_read();
    assert!(epoch.registration(0).is_none());
    assert!(
        epoch
            .prove(epoch.mailbox, Access::Read, &[0; 32], "o")
            .is_some()
    );
    assert!(
        epoch
            .prove(epoch.mailbox, Access::Write, &[0; 32], "o")
            .is_none()
    );
    assert!(
        epoch
            .prove(epoch.mailbox, Access::Retire, &[0; 32], "o")
            .is_none()
    );
}

#[test]
fn a_newcomer_walks_back_from_the_new_epoch_and_gets_only_reading() {
    let first = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
    let second = Epoch::make(RECORD, COMPARTMENT, vec![first.id]).unwrap();
    let sealed = second.seal_previous(std::slice::from_ref(&first)).unwrap();
    let opened = second.open_previous(&sealed).unwrap();
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].id, first.id);
    assert_eq!(opened[0].secrets, first.secrets.only_read());
    assert!(first.open_previous(&sealed).is_err());
    let stranger = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
    let sealed = second.seal_previous(&[stranger]).unwrap();
    assert!(matches!(
        second.open_previous(&sealed),
        Err(Error::Unauthorised(_))
    ));
}

/// The vector "first" of `tests/vectors/epochs.json`, written by the independent Python script.
#[test]
fn derives_what_python_derives() {
    let bytes = |hex: &str| EpochId::from_hex(hex).unwrap().0;
    let secrets = EpochSecrets {
        read: bytes("2fcc6a13495a810c0dab272fc5b57c2c94d4e181ec747ad88387d1db066d2fc2"),
        write: Some(bytes(
            "d9843bc3965691606f3700fb81a31f68902752f685b008ee497995401af60290",
        )),
        retire: Some(bytes(
            "270f681958e1b6940fb0a94aa9ce4a7f62875b8a815278b1397a10f400c60707",
        )),
    };
    let record = bytes("8087ff030187d6839c027b8a7e49752e50ca80cee19cd56722ef2cd98ee97da2");
    let compartment = CompartmentId::from_hex("9a1422c2f6553ae97ad459172c3c6813").unwrap();
    let epoch = Epoch::derive(RecordId(record), compartment, vec![], secrets).unwrap();
    let registered = epoch.registration(0).unwrap();
    let derived = [
        (
            epoch.id.0,
            "5427f4d4d999b948a2ee3255b006cb1e253bc333ed58c3a98e0bfae0c6d8b913",
        ),
        (
            epoch.mailbox.0,
            "39dc604f8da4f5b7c76f1978b44fc205d6a4ce4450b88b1b9ce1db83958402d8",
        ),
        (
            *epoch.content_key().unwrap(),
            "e485436dc1ab90f275d6f7b9f11dd1fd300175158946bc0efb560a2783c99905",
        ),
        (
            registered.read_key,
            "21a27ef44c55f43af4c25b3fddb9555179097b7c3eec7aec28c5fc7120bca772",
        ),
        (
            registered.write_key,
            "1f8a704bf742309887a0bc9f67aa45a730b9a968f5b81b8e0c71d4f16b92e426",
        ),
        (
            registered.retire_key,
            "84d228ac3ab082c8a8a12117207da4d3cbc0ca986b8cec534b6d5e15649ab96d",
        ),
    ];
    for (found, expected) in derived {
        assert_eq!(found, bytes(expected));
    }
}
