//! The independent Python script's operations: `tests/vectors/rooms.py`.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::operation::{Operation, Operations};
use crate::error::Error;
use crate::seal::AccountKeys;
use crate::seal::vectors::{fixed, hex, vectors};
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
            }
            ("unknown-version", Ok(Operations::Unknown)) => {}
            ("malformed", Err(Error::Wire(WireError::Malformed)))
            | ("not-canonical", Err(Error::Wire(WireError::NotCanonical)))
            | ("refused", Err(Error::Invalid(_)))
            | ("too-large", Err(Error::Wire(WireError::TooLarge))) => {}
            (expect, outcome) => panic!("{name}: {expect}, {outcome:?}"),
        }
    }
    assert_eq!((all.len(), minted), (18, 2));
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
