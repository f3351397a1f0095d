//! RFC 8949's own examples: what the protocol uses of CBOR has one encoding, and nothing else is read.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use carnet_wire::{Canonical, WireError};
use minicbor::bytes::ByteVec;
use minicbor::data::Int;
use serde_json::Value;

type Nested = (u64, (u64, u64), (u64, u64));

fn hex(text: &str) -> Vec<u8> {
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Why none of the types reads these bytes, or that one does and gives them back.
fn read(bytes: &[u8]) -> Result<(), Vec<WireError>> {
    fn as_type<T: Canonical>(bytes: &[u8]) -> Result<(), WireError> {
        let value = T::from_canonical(bytes)?;
        assert_eq!(value.to_canonical(), bytes);
        Ok(())
    }
    let readings = [
        as_type::<Int>(bytes),
        as_type::<ByteVec>(bytes),
        as_type::<String>(bytes),
        as_type::<bool>(bytes),
        as_type::<Option<u64>>(bytes),
        as_type::<Vec<u64>>(bytes),
        as_type::<Nested>(bytes),
    ];
    if readings.iter().any(Result::is_ok) {
        return Ok(());
    }
    Err(readings.into_iter().filter_map(Result::err).collect())
}

#[test]
fn the_examples_of_rfc_8949() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/standard/cbor.json"
    );
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let all = file["vectors"].as_array().unwrap();
    let mut counts = [0; 2];
    for vector in all {
        let text = vector["hex"].as_str().unwrap();
        let ours = vector["ours"].as_bool().unwrap();
        counts[usize::from(ours)] += 1;
        match read(&hex(text)) {
            Ok(()) => assert!(ours, "{text} was read"),
            Err(reasons) => {
                assert!(!ours, "{text} was not read");
                // Refused by the first look at the heads, before any type matters: so everybody gives one reason.
                assert!(reasons.windows(2).all(|two| two[0] == two[1]), "{text}");
                assert_ne!(reasons[0], WireError::UnknownVersion);
            }
        }
    }
    assert_eq!((all.len(), counts[1]), (175, 32));
}
