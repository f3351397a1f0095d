//! The independent Python script's operations: `tests/vectors/rooms.py`.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::operation::{Operation, Operations};
use crate::error::Error;
use crate::seal::vectors::{fixed, hex, vectors};
use crate::seal::{AccountKeys, DeviceKeys};
use carnet_wire::{AccountId, Canonical, RecordId, WireError};
use serde_json::Value;

#[test]
fn operations_are_read_as_the_script_wrote_them() {
    let all = vectors("operations");
    let mut minted = 0;
    for vector in &all {
        let (name, body) = (&vector["name"], hex(&vector["body"]));
        match (
            vector["expect"].as_str().unwrap(),
            Operations::from_body(&body),
        ) {
            ("ok", Ok(Operations::Known(operations))) => {
                assert_eq!(Some(operations.len() as u64), vector["operations"].as_u64());
                assert_eq!(Operations::to_body(&operations).unwrap(), body, "{name}");
                check_founded(vector, &operations);
                minted += usize::from(check_minted(vector, &operations));
                check_rotated(vector, &operations);
            }
            ("unknown-version", Ok(Operations::Unknown)) => {}
            ("malformed", Err(Error::Wire(WireError::Malformed)))
            | ("not-canonical", Err(Error::Wire(WireError::NotCanonical)))
            | ("refused", Err(Error::Invalid(_)))
            | ("signature", Err(Error::Unauthorised(_)))
            | ("too-large", Err(Error::Wire(WireError::TooLarge))) => {}
            (expect, outcome) => panic!("{name}: {expect}, {outcome:?}"),
        }
    }
    assert_eq!((all.len(), minted), (34, 2));
}

/// Every kind of operation with bytes changed and cut: refused, unknown or read as something else, and never a panic.
#[test]
fn hostile_operations_are_answered_without_a_panic() {
    for vector in vectors("operations") {
        let body = hex(&vector["body"]);
        for at in (0..body.len()).step_by(13) {
            // Of a later version nothing is read but its number, so a cut one is unknown like the whole.
            assert!(!matches!(
                Operations::from_body(&body[..at]),
                Ok(Operations::Known(_))
            ));
            for flip in [0x01, 0x20, 0xff] {
                let mut changed = body.clone();
                changed[at] ^= flip;
                if let Ok(Operations::Known(operations)) = Operations::from_body(&changed) {
                    assert_eq!(Operations::to_body(&operations).unwrap(), changed);
                }
            }
        }
    }
}

/// Ids are hashes of the operation that founds.
fn check_founded(vector: &Value, operations: &[Operation]) {
    for operation in operations {
        if let Some(account) = operation.founded_account() {
            assert_eq!(account.0, fixed(&vector["account"]));
        }
        if let Some(record) = operation.founded_record() {
            assert_eq!(record.0, fixed(&vector["record"]));
        }
    }
}

/// Opens the account's next key as the vector's device, and the key before it.
fn check_rotated(vector: &Value, operations: &[Operation]) {
    if !vector["next_seed"].is_string() {
        return;
    }
    let device = DeviceKeys::from_secrets(
        fixed(&vector["device_seed"]),
        fixed(&vector["device_kem"]),
        [0; 32],
    )
    .unwrap();
    let account = AccountId(fixed(&vector["account"]));
    let keys = operations[0]
        .open_account(account, &device)
        .unwrap()
        .unwrap();
    let stored = |generation: u32, seed: &Value| {
        let seed = minicbor::bytes::ByteArray::from(fixed::<32>(seed));
        (1_u8, generation, seed).to_canonical()
    };
    assert_eq!(*keys.to_bytes(), stored(1, &vector["next_seed"]));
    let Operation::RotateAccount { previous, .. } = &operations[0] else {
        panic!("a rotation");
    };
    let before = keys.open_previous(previous).unwrap();
    assert_eq!(*before.to_bytes(), stored(0, &vector["kem_before"]));
    assert!(
        operations[0]
            .open_account(AccountId([0; 32]), &device)
            .is_err()
    );
}

/// Unwraps the epoch that the vector's account is given, and the one it follows.
fn check_minted(vector: &Value, operations: &[Operation]) -> bool {
    if !vector["kem_seed"].is_string() {
        return false;
    }
    let (record, account) = (
        RecordId(fixed(&vector["record"])),
        AccountId(fixed(&vector["account"])),
    );
    let seed = minicbor::bytes::ByteArray::from(fixed::<32>(&vector["kem_seed"]));
    let keys = AccountKeys::from_bytes(&(1_u8, 0_u32, seed).to_canonical()).unwrap();
    let mint = operations.last().unwrap();
    let epoch = mint.open_epoch(record, account, &keys).unwrap().unwrap();
    assert_eq!(epoch.id.0, fixed(&vector["epoch"]));
    assert_eq!(epoch.secrets.read, fixed(&vector["read_secret"]));
    assert_eq!(epoch.secrets.write, Some(fixed(&vector["write_secret"])));
    assert_eq!(epoch.secrets.retire, Some(fixed(&vector["retire_secret"])));
    if let Operation::MintEpoch {
        previous: Some(sealed),
        ..
    } = mint
    {
        let before = epoch.open_previous(sealed).unwrap();
        assert_eq!(before.len(), 1);
        assert_eq!(before[0].id.0, fixed(&vector["previous"]));
        assert_eq!(before[0].secrets.read, fixed(&vector["previous_secret"]));
    }
    true
}
