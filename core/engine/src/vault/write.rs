//! Writing: a change is signed, chained, kept, sealed into the outbox and projected, all in the caller's transaction.
//!
//! Nobody writes what others would refuse: a change is judged here as every reader will judge it, before anything is kept.

use super::keyring::{self, Keyring};
use super::rotation;
use crate::error::{Error, Result};
use crate::record::change::{CHANGE_VERSION, Change, Item, Origin};
use crate::record::resource::Resource;
use crate::record::series::Sample;
use crate::roster::{Operation, Operations, Verdict};
use crate::seal;
use crate::store::log::{self, StoredChange};
use crate::store::{Projected, Projection, project};
use carnet_wire::{Author, Canonical, ChangeId, EnvelopeId, Header, Inner, kind};
use minicbor::bytes::ByteVec;
use rusqlite::Transaction;
use std::rc::Rc;

const NOT_A_WRITER: Error = Error::Unauthorised(
    "you may read this, not write here: ask an owner of the record for another role",
);

const NO_MEMBER: Error = Error::Unauthorised(
    "you do not belong to this record any more: what is here can be read, and nothing added",
);

/// Writes a record change to a log. `parsed` spares reading again the resources an import has just read.
pub fn write_change(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    change: &Change,
    parsed: Option<&[Resource]>,
) -> Result<Projected> {
    write_known(tx, keyring, log, change, (parsed, &[]))
}

/// Writes a change of series whose segments hold these samples, which spares unpacking what was packed a moment ago.
pub fn write_segments(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    change: &Change,
    segments: &[Rc<Vec<Sample>>],
) -> Result<Projected> {
    write_known(tx, keyring, log, change, (None, segments))
}

fn write_known(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    change: &Change,
    (parsed, segments): (Option<&[Resource]>, &[Rc<Vec<Sample>>]),
) -> Result<Projected> {
    let committed = commit(tx, keyring, log, kind::CHANGE, &change.to_canonical())?;
    let projection = Projection {
        log,
        change: committed.number,
        author: &committed.author,
        value: change,
        parsed,
        segments,
    };
    project(tx, projection)
}

/// Writes operations to a roster or account log, and returns the change.
pub fn write_operations(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    operations: &[Operation],
) -> Result<ChangeId> {
    let committed = commit(
        tx,
        keyring,
        log,
        kind::OPERATIONS,
        &Operations::to_body(operations)?,
    )?;
    keyring::count_operations(tx)?;
    Ok(committed.id)
}

/// Writes a snapshot's manifest to a log, and returns its place in this device's chain.
pub fn write_snapshot(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    manifest: &[u8],
) -> Result<(u64, ChangeId)> {
    commit(tx, keyring, log, kind::SNAPSHOT, manifest)?;
    log::position(tx, log, &keyring.author)
}

/// Whoever has left gets no new keys: that is why, and what they are told.
fn no_key(keyring: &Keyring, log: i64, error: Error) -> Error {
    let place = keyring.place_of(log);
    match place.is_some_and(|(record, _)| keyring.access(record).is_none()) {
        true => NO_MEMBER,
        false => error,
    }
}

struct Committed {
    id: ChangeId,
    number: i64,
    author: Author,
}

fn commit(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    kind: u8,
    payload: &[u8],
) -> Result<Committed> {
    // The roster's own keys are renewed by who removes somebody; its other writers cannot.
    let renewed = match kind {
        kind::OPERATIONS => None,
        _ => rotation::renewed(tx, keyring, log)?,
    };
    let keyring = renewed.as_ref().unwrap_or(keyring);
    let epoch = match kind {
        kind::OPERATIONS => keyring.writing_epoch(log)?,
        _ => keyring
            .current_epoch(log)
            .map_err(|error| no_key(keyring, log, error))?,
    };
    let body = seal::pack_body(payload)?;
    let (seq, prev) = log::position(tx, log, &keyring.author)?;
    let header = Header {
        version: carnet_wire::HEADER_VERSION,
        record: epoch.record,
        compartment: epoch.compartment,
        author: keyring.author,
        seq: seq + 1,
        prev,
        seen: log::version_vector(tx, log, Some(&keyring.author))?,
        frontier: keyring.frontier(epoch.record),
        lamport: log::lamport(tx, log)? + 1,
        kind,
        body_hash: *blake3::hash(&body).as_bytes(),
    };
    let signed = seal::sign_header(&keyring.device, &header);
    if header.kind != kind::OPERATIONS && keyring.judge(&header, signed.id) != Verdict::Counts {
        return Err(NOT_A_WRITER);
    }
    let inner = Inner {
        header: signed.header.clone(),
        signature: signed.signature,
        body: body.clone(),
    };
    let envelope = seal::seal(epoch, &keyring.device, &inner)?;
    let change = StoredChange {
        number: 0,
        log,
        id: signed.id,
        header: signed.header,
        signature: signed.signature,
        body,
    };
    let number = log::append(tx, log, &header, &change)?;
    log::enqueue(tx, number, epoch.mailbox, &envelope)?;
    let sealed = EnvelopeId::derive(&envelope);
    log::put_placed(tx, sealed, log, &header.author, header.seq, epoch.mailbox)?;
    Ok(Committed {
        id: signed.id,
        number,
        author: header.author,
    })
}

/// Collects the parts of a change and names bodies by position.
#[derive(Default)]
pub struct ChangeBuilder {
    origins: Vec<Origin>,
    items: Vec<Item>,
    bodies: Vec<ByteVec>,
}

impl ChangeBuilder {
    /// A change whose items come from one place.
    pub fn from_origin(origin: Origin) -> Self {
        Self {
            origins: vec![origin],
            ..Self::default()
        }
    }

    /// Adds where items come from, and returns its position.
    pub fn origin(&mut self, origin: Origin) -> Result<u32> {
        self.origins.push(origin);
        u32::try_from(self.origins.len() - 1).map_err(|_| Error::TooLarge("bodies in one change"))
    }

    /// Adds a body and returns its position.
    pub fn body(&mut self, bytes: Vec<u8>) -> Result<u32> {
        self.bodies.push(bytes.into());
        u32::try_from(self.bodies.len() - 1).map_err(|_| Error::TooLarge("bodies in one change"))
    }

    /// Adds an item.
    pub fn item(&mut self, item: Item) {
        self.items.push(item);
    }

    /// The finished change.
    pub fn finish(self, recorded_at: i64) -> Change {
        Change {
            version: CHANGE_VERSION,
            recorded_at,
            origins: self.origins,
            items: self.items,
            bodies: self.bodies,
        }
    }
}
