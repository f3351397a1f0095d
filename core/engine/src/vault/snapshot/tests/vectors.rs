//! The independent Python script's lists and pieces: `tests/vectors/snapshots.py`.

use crate::error::Error;
use crate::record::snapshot::{Piece, Snapshot};
use crate::seal::vectors::{fixed, hex, vectors};
use carnet_wire::{Canonical, WireError};
use serde_json::Value;

#[test]
fn lists_and_pieces_are_read_as_the_script_wrote_them() {
    let all = vectors("snapshots");
    for vector in &all {
        let (name, bytes) = (&vector["name"], hex(&vector["bytes"]));
        let read = match vector["type"].as_str().unwrap() {
            "list" => Snapshot::read(&bytes).map(|list| {
                assert_eq!(list.to_canonical(), bytes, "{name}");
                check_list(vector, &list);
            }),
            _ => Piece::read(&bytes).map(|piece| {
                check_piece(vector, &piece);
                assert_eq!(piece.write().unwrap(), bytes, "{name}");
            }),
        };
        match (vector["expect"].as_str().unwrap(), read) {
            ("ok", Ok(()))
            | ("refused", Err(Error::Invalid(_) | Error::TooLarge(_)))
            | ("malformed", Err(Error::Wire(WireError::Malformed)))
            | ("not-canonical", Err(Error::Wire(WireError::NotCanonical))) => {}
            (expect, read) => panic!("{name}: {expect}, {read:?}"),
        }
    }
    assert_eq!(all.len(), 37);
}

/// Numbers over 2^53 are text.
fn number(value: &Value) -> u64 {
    let text = value.as_str().map(|text| text.parse().unwrap());
    text.or_else(|| value.as_u64()).unwrap()
}

fn each<'v>(vector: &'v Value, key: &str) -> &'v [Value] {
    vector[key].as_array().unwrap()
}

fn check_list(vector: &Value, list: &Snapshot) {
    assert_eq!(list.lamport, number(&vector["lamport"]));
    assert_eq!(list.covers.len(), each(vector, "covers").len());
    for (cover, told) in list.covers.iter().zip(each(vector, "covers")) {
        assert_eq!(cover.author.device.0, fixed(&told["device"]));
        assert_eq!(cover.author.incarnation.0, fixed(&told["life"]));
        assert_eq!((cover.first, cover.last), (1, number(&told["last"])));
        assert_eq!(cover.tip.0, fixed(&told["tip"]));
        assert_eq!(list.last_of(&cover.author), cover.last);
    }
    assert_eq!(list.pieces.len(), each(vector, "pieces").len());
    for (piece, told) in list.pieces.iter().zip(each(vector, "pieces")) {
        assert_eq!(u64::from(piece.priority), number(&told["priority"]));
        assert_eq!(
            (piece.blob.0, piece.key),
            (fixed(&told["blob"]), fixed(&told["key"]))
        );
        assert_eq!(piece.size, number(&told["size"]));
        let holds = piece.holds.iter();
        let holds: Vec<[u64; 3]> = holds
            .map(|run| [u64::from(run.cover), run.first, run.last])
            .collect();
        let expected = each(told, "holds").iter();
        let expected: Vec<[u64; 3]> = expected
            .map(|run| [0, 1, 2].map(|at| number(&run[at])))
            .collect();
        assert_eq!(holds, expected);
    }
    assert_eq!(list.shards.len(), each(vector, "shards").len());
    for (shard, told) in list.shards.iter().zip(each(vector, "shards")) {
        assert_eq!(shard.shard.0, fixed(&told["shard"]));
        assert_eq!(u64::from(shard.piece), number(&told["piece"]));
        let heads = each(told, "heads").iter().flat_map(hex);
        assert_eq!(shard.concat(), heads.collect::<Vec<u8>>());
    }
}

fn check_piece(vector: &Value, piece: &Piece) {
    assert_eq!(piece.shards.len(), each(vector, "shards").len());
    for (shard, told) in piece.shards.iter().zip(each(vector, "shards")) {
        assert_eq!(shard.shard.0, fixed(&told["shard"]));
        assert_eq!(shard.category, told["category"].as_str().unwrap());
        assert_eq!(u64::from(shard.year), number(&told["year"]));
        assert_eq!(**shard.saved, hex(&told["saved"]));
    }
    assert_eq!(piece.changes.len(), each(vector, "changes").len());
    for (kept, told) in piece.changes.iter().zip(each(vector, "changes")) {
        assert_eq!(kept.extract, told["extract"].as_bool().unwrap());
        assert_eq!(**kept.header, hex(&told["header"]));
        assert_eq!(kept.signature, fixed(&told["signature"]));
        assert_eq!(**kept.body, hex(&told["body"]));
    }
}
