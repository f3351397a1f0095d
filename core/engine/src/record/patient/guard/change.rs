//! A change chunk, measured.

use super::columns::{Cell, Kind, Reader, add_up, visit_runs};
use super::{CHANGE, MAX_KEY_BYTES, read_chunk, read_layout};
use crate::error::{Error, Result};
use crate::record::patient::{
    Actor, MAX_CHANGE_BYTES, MAX_COUNTER, MAX_DEPENDENCIES, MAX_OPERATIONS, MAX_OTHER_ACTORS,
    MAX_VALUE_BYTES,
};

const MALFORMED: Error = Error::Invalid("the Automerge change is malformed");

/// What a change says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::record::patient) struct Header {
    pub hash: [u8; 32],
    pub dependencies: Vec<[u8; 32]>,
    pub actor: Actor,
    pub seq: u64,
    pub start_op: u64,
    pub operations: u64,
}

/// Reads the one uncompressed change that `bytes` must be.
pub(in crate::record::patient) fn read_change(bytes: &[u8]) -> Result<Header> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(Error::TooLarge("bytes of a change of the patient layer"));
    }
    let mut reader = Reader::new(bytes);
    let chunk = read_chunk(&mut reader)?;
    // Deflated changes (type 2) and bundles (type 3) are other spellings of the same change; one spelling is enough, and
    // what is not inflated cannot explode.
    if chunk.kind != CHANGE || !reader.is_empty() {
        return Err(Error::Invalid("not one uncompressed Automerge change"));
    }
    read_body(chunk.hash, Reader::new(chunk.body))
}

fn read_body(hash: [u8; 32], mut reader: Reader<'_>) -> Result<Header> {
    let dependencies = read_dependencies(&mut reader)?;
    let actor = read_actor(&mut reader)?;
    let seq = reader.unsigned()?;
    let start_op = reader.unsigned()?;
    reader.signed()?;
    let message = reader.text(MAX_KEY_BYTES)?;
    core::str::from_utf8(message).map_err(|_| MALFORMED)?;
    let others = reader.unsigned()?;
    if others > MAX_OTHER_ACTORS {
        return Err(Error::TooLarge("actors of a change of the patient layer"));
    }
    (0..others).try_for_each(|_| read_actor(&mut reader).map(drop))?;
    let mut header = Header {
        hash,
        dependencies,
        actor,
        seq,
        start_op,
        operations: 0,
    };
    header.operations = read_columns(&header, others + 1, &mut reader)?;
    // What follows the columns would be Automerge's author footer or unknown; this layer writes neither.
    if !reader.is_empty() {
        return Err(MALFORMED);
    }
    check_numbers(&header)?;
    Ok(header)
}

fn read_dependencies(reader: &mut Reader<'_>) -> Result<Vec<[u8; 32]>> {
    let count = reader.unsigned()?;
    if count > MAX_DEPENDENCIES {
        return Err(Error::TooLarge(
            "dependencies of a change of the patient layer",
        ));
    }
    let dependencies: Vec<[u8; 32]> = (0..count).map(|_| reader.array()).collect::<Result<_>>()?;
    if dependencies.is_sorted_by(|a, b| a < b) {
        Ok(dependencies)
    } else {
        Err(MALFORMED)
    }
}

fn read_actor(reader: &mut Reader<'_>) -> Result<Actor> {
    let bytes = reader.text(size_of::<Actor>())?;
    bytes.try_into().map(Actor).map_err(|_| MALFORMED)
}

fn check_numbers(header: &Header) -> Result<()> {
    let last = header.start_op.saturating_add(header.operations);
    if header.seq == 0 || header.start_op == 0 || header.operations == 0 {
        return Err(MALFORMED);
    }
    if header.seq > MAX_COUNTER || last > MAX_COUNTER {
        return Err(Error::TooLarge("counters of the patient layer"));
    }
    Ok(())
}

/// The rows of each column that this layer writes, and the checks that tie them together.
#[derive(Default)]
struct Rows {
    object_actors: Option<u64>,
    object_counters: Option<u64>,
    keys: u64,
    inserts: u64,
    actions: u64,
    metadata: u64,
    groups: u64,
    predecessors: u64,
    predecessor_actors: u64,
    predecessor_counters: u64,
    value_bytes: u64,
    raw_bytes: u64,
}

fn read_columns(header: &Header, actors: u64, reader: &mut Reader<'_>) -> Result<u64> {
    let layout = read_layout(reader)?;
    if !layout.is_sorted_by(|(a, _), (b, _)| a < b) {
        return Err(MALFORMED);
    }
    let mut rows = Rows::default();
    for (specification, length) in layout {
        let data = reader.take(length)?;
        read_column(specification, data, actors, &mut rows)?;
    }
    check_rows(&rows)?;
    let last = header.start_op.saturating_add(rows.actions);
    if last > MAX_COUNTER {
        return Err(Error::TooLarge("counters of the patient layer"));
    }
    Ok(rows.actions)
}

fn read_column(specification: u32, data: &[u8], actors: u64, rows: &mut Rows) -> Result<()> {
    match specification {
        0x01 => rows.object_actors = Some(bounded(specification, data, actors - 1, true)?),
        0x02 => rows.object_counters = Some(bounded(specification, data, MAX_COUNTER, true)?),
        0x15 => rows.keys = keys(data)?,
        0x34 => rows.inserts = inserts(data)?,
        0x42 => rows.actions = actions(data)?,
        0x56 => (rows.metadata, rows.value_bytes) = metadata(data)?,
        0x57 => rows.raw_bytes = data.len() as u64,
        0x70 => (rows.groups, rows.predecessors) = groups(data)?,
        0x71 => rows.predecessor_actors = bounded(specification, data, actors - 1, false)?,
        0x73 => rows.predecessor_counters = counters(data)?,
        // Element ids, marks and whatever a later Automerge adds: lists and texts are not part of this layer.
        _ => return Err(Error::Invalid("an Automerge column is unknown")),
    }
    Ok(())
}

fn check_rows(rows: &Rows) -> Result<()> {
    let all = rows.actions;
    let aligned = rows.keys == all
        && rows.inserts == all
        && rows.metadata == all
        && rows.groups == all
        && rows.object_actors == rows.object_counters
        && rows.object_actors.unwrap_or(all) == all
        && rows.predecessor_actors == rows.predecessors
        && rows.predecessor_counters == rows.predecessors
        && rows.raw_bytes == rows.value_bytes;
    if aligned { Ok(()) } else { Err(MALFORMED) }
}

/// Rows of unsigned numbers up to `highest`.
fn bounded(specification: u32, data: &[u8], highest: u64, nullable: bool) -> Result<u64> {
    visit_runs(
        Kind::of(specification),
        data,
        MAX_OPERATIONS,
        &mut |_, cell| match cell {
            Cell::Unsigned(value) if value <= highest => Ok(()),
            Cell::Null if nullable => Ok(()),
            _ => Err(MALFORMED),
        },
    )
}

fn keys(data: &[u8]) -> Result<u64> {
    visit_runs(
        Kind::Text,
        data,
        MAX_OPERATIONS,
        &mut |_, cell| match cell {
            Cell::Text => Ok(()),
            _ => Err(MALFORMED),
        },
    )
}

fn inserts(data: &[u8]) -> Result<u64> {
    visit_runs(
        Kind::Boolean,
        data,
        MAX_OPERATIONS,
        &mut |rows, cell| match cell {
            Cell::Flag(true) if rows > 0 => {
                Err(Error::Invalid("lists are not part of the patient layer"))
            }
            _ => Ok(()),
        },
    )
}

fn actions(data: &[u8]) -> Result<u64> {
    const MAKE_MAP: u64 = 0;
    const PUT: u64 = 1;
    const DELETE: u64 = 3;
    visit_runs(
        Kind::Unsigned,
        data,
        MAX_OPERATIONS,
        &mut |_, cell| match cell {
            Cell::Unsigned(MAKE_MAP | PUT | DELETE) => Ok(()),
            _ => Err(Error::Invalid(
                "only maps and scalars are part of the patient layer",
            )),
        },
    )
}

/// Rows of value metadata, and the bytes they claim of the raw column.
fn metadata(data: &[u8]) -> Result<(u64, u64)> {
    const COUNTER: u64 = 8;
    const TIMESTAMP: u64 = 9;
    let mut bytes = 0;
    let rows = visit_runs(Kind::Unsigned, data, MAX_OPERATIONS, &mut |rows, cell| {
        let Cell::Unsigned(value) = cell else {
            return Err(MALFORMED);
        };
        let (length, kind) = (value >> 4, value & 0xf);
        if kind == COUNTER || kind > TIMESTAMP {
            return Err(Error::Invalid(
                "only maps and scalars are part of the patient layer",
            ));
        }
        if length > MAX_VALUE_BYTES as u64 {
            return Err(Error::TooLarge("a value of the patient layer"));
        }
        add_up(&mut bytes, rows, length, MAX_CHANGE_BYTES as u64)
    })?;
    Ok((rows, bytes))
}

/// Rows of predecessor counts, and the predecessors they claim.
fn groups(data: &[u8]) -> Result<(u64, u64)> {
    let mut members = 0;
    let rows = visit_runs(
        Kind::Unsigned,
        data,
        MAX_OPERATIONS,
        &mut |rows, cell| match cell {
            Cell::Unsigned(value) => add_up(&mut members, rows, value, MAX_OPERATIONS),
            _ => Err(MALFORMED),
        },
    )?;
    Ok((rows, members))
}

/// Rows of delta-encoded operation counters, each within range however long its run.
fn counters(data: &[u8]) -> Result<u64> {
    let mut counter = 0i64;
    visit_runs(Kind::Delta, data, MAX_OPERATIONS, &mut |rows, cell| {
        let Cell::Delta(delta) = cell else {
            return Err(MALFORMED);
        };
        let rows = i64::try_from(rows).map_err(|_| MALFORMED)?;
        let end = delta
            .checked_mul(rows)
            .and_then(|sum| counter.checked_add(sum));
        counter = end
            .filter(|end| (0..=MAX_COUNTER as i64).contains(end))
            .ok_or(MALFORMED)?;
        Ok(())
    })
}
