//! What the tests of this room share: a store in a temporary folder, and changes written into it without a device.

#![allow(clippy::unwrap_used)]

use super::{Projected, Projection, Store, project};
use crate::error::Result;
use crate::record::change::{CHANGE_VERSION, Change, Item, Origin};
use crate::record::ids::ShardId;
use crate::record::resource::Resource;
use carnet_wire::{Author, Canonical, ChangeId, DeviceId, Incarnation, RecordId, kind};
use rusqlite::Connection;
use tempfile::TempDir;

pub(super) const KEY: [u8; 32] = [0x42; 32];

pub(super) fn author(number: u8) -> Author {
    Author {
        device: DeviceId([number; 32]),
        incarnation: Incarnation([number; 8]),
    }
}

/// A store that goes away with its folder.
pub(super) struct Room {
    pub(super) store: Store,
    pub(super) folder: TempDir,
}

impl Room {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(folder.path(), &KEY).unwrap();
        Self { store, folder }
    }

    pub(super) fn write(&self, change: &Written) -> Projected {
        self.store.write(|tx| put(tx, change, None)).unwrap()
    }
}

/// A change with the parts of a header that views depend on.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) record: u8,
    pub(super) compartment: u8,
    pub(super) author: Author,
    pub(super) seq: u64,
    pub(super) lamport: u64,
    pub(super) value: Change,
}

pub(super) fn written(author_number: u8, seq: u64, lamport: u64, value: Change) -> Written {
    Written {
        record: 1,
        compartment: 1,
        author: author(author_number),
        seq,
        lamport,
        value,
    }
}

pub(super) fn record_id(number: u8) -> RecordId {
    RecordId([number; 32])
}

/// A change of one file with these texts.
pub(super) fn of_texts(texts: &[&str]) -> Change {
    let item = |body| Item::Resource {
        origin: 0,
        issuer: String::new(),
        full_url: None,
        body,
    };
    Change {
        version: CHANGE_VERSION,
        recorded_at: 1_700_000_000_000,
        origins: vec![Origin {
            name: "fichier.json".into(),
            format: "fhir-json".into(),
            hash: [0; 32],
        }],
        items: (0..texts.len())
            .map(|body| item(u32::try_from(body).unwrap()))
            .collect(),
        bodies: texts
            .iter()
            .map(|text| text.as_bytes().to_vec().into())
            .collect(),
    }
}

/// A change of one edit of a shard.
pub(super) fn of_edit(shard: ShardId, bytes: Vec<u8>) -> Change {
    Change {
        version: CHANGE_VERSION,
        recorded_at: 1_700_000_000_000,
        origins: Vec::new(),
        items: vec![Item::Edit {
            shard,
            category: "other".into(),
            year: 2026,
            body: 0,
        }],
        bodies: vec![bytes.into()],
    }
}

/// Stores a change and projects it, as the vault does.
pub(super) fn put(
    connection: &Connection,
    change: &Written,
    parsed: Option<&[Resource]>,
) -> Result<Projected> {
    let log = log_of(connection, change);
    let author = author_of(connection, &change.author);
    let plain = change.value.to_canonical();
    let body = crate::seal::pack_body(&plain)?;
    let name = [
        change.author.device.as_ref(),
        &change.seq.to_be_bytes(),
        &[change.record, change.compartment],
    ]
    .concat();
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO change(log, author, seq, id, lamport, kind, header, signature, body) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, x'', x'', ?7)",
        )?
        .execute((log, author, change.seq.cast_signed(), ChangeId::derive(&name).0, change.lamport.cast_signed(), kind::CHANGE, body))?;
    let mut select = connection
        .prepare_cached("SELECT change FROM change WHERE log = ?1 AND author = ?2 AND seq = ?3")?;
    let number = select.query_row((log, author, change.seq.cast_signed()), |row| row.get(0))?;
    project(
        connection,
        Projection {
            log,
            change: number,
            author: &change.author,
            value: &change.value,
            parsed,
            segments: &[],
        },
    )
}

pub(super) fn log_of(connection: &Connection, change: &Written) -> i64 {
    let (record, compartment) = (
        [change.record; 32],
        [change.record, change.compartment, 0, 0],
    );
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO log(record, compartment, name) VALUES(?1, ?2, 'general')",
        )
        .unwrap()
        .execute((record, compartment))
        .unwrap();
    let mut select = connection
        .prepare_cached("SELECT log FROM log WHERE record = ?1 AND compartment = ?2")
        .unwrap();
    select
        .query_row((record, compartment), |row| row.get(0))
        .unwrap()
}

fn author_of(connection: &Connection, author: &Author) -> i64 {
    connection
        .prepare_cached("INSERT OR IGNORE INTO author(device, incarnation) VALUES(?1, ?2)")
        .unwrap()
        .execute((author.device.0, author.incarnation.0))
        .unwrap();
    let mut select = connection
        .prepare_cached("SELECT author FROM author WHERE device = ?1 AND incarnation = ?2")
        .unwrap();
    select
        .query_row((author.device.0, author.incarnation.0), |row| row.get(0))
        .unwrap()
}
