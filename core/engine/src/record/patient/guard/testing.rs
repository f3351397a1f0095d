//! A small encoder of Automerge's format for tests: chunks with a right checksum around any body.
#![allow(clippy::unwrap_used)]

use super::MAGIC;
use sha2::{Digest, Sha256};

pub(crate) fn uleb(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

pub(crate) fn sleb(mut value: i64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

/// A chunk of `kind` around `body`, its checksum right.
pub(crate) fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let hashed = [&[kind][..], &uleb(body.len() as u64), body].concat();
    let hash = Sha256::digest(&hashed);
    [&MAGIC[..], hash.get(..4).unwrap(), &hashed].concat()
}

/// The body of the chunk at the start of `bytes`.
pub(crate) fn body(bytes: &[u8]) -> &[u8] {
    super::read_chunk(&mut super::Reader::new(bytes))
        .unwrap()
        .body
}

pub(crate) type Columns<'a> = [(u32, Vec<u8>)];

fn layout(columns: &Columns<'_>) -> Vec<u8> {
    let mut out = uleb(columns.len() as u64);
    for (specification, data) in columns {
        out.extend(uleb(u64::from(*specification)));
        out.extend(uleb(data.len() as u64));
    }
    out
}

fn data(columns: &Columns<'_>) -> Vec<u8> {
    columns.iter().flat_map(|(_, data)| data.clone()).collect()
}

/// The body of a change without dependencies or other actors.
pub(crate) fn change_body(actor: &[u8], seq: u64, start_op: u64, columns: &Columns<'_>) -> Vec<u8> {
    let actor = [&uleb(actor.len() as u64)[..], actor].concat();
    let numbers = [uleb(seq), uleb(start_op), sleb(0), uleb(0), uleb(0)].concat();
    [uleb(0), actor, numbers, layout(columns), data(columns)].concat()
}

/// The body of a document with one actor and no head.
pub(crate) fn document_body(
    actor: &[u8],
    changes: &Columns<'_>,
    operations: &Columns<'_>,
) -> Vec<u8> {
    let actor = [&uleb(1)[..], &uleb(actor.len() as u64), actor].concat();
    let layouts = [layout(changes), layout(operations)].concat();
    [actor, uleb(0), layouts, data(changes), data(operations)].concat()
}

/// The columns of `count` puts of null under one key: every column is a single run.
pub(crate) fn bomb_columns(count: i64) -> Vec<(u32, Vec<u8>)> {
    let run = |cell: &[u8]| [&sleb(count)[..], cell].concat();
    vec![
        (0x15, run(&[1, b'k'])),
        (0x34, uleb(count.unsigned_abs())),
        (0x42, run(&[1])),
        (0x56, run(&[0])),
        (0x70, run(&[0])),
    ]
}
