//! Proves the views: a digest that two devices can compare, and a rebuild from the changes that must change nothing.
//!
//! A digest is the sum of the hashes of a view's lines, each written with names that mean the same everywhere (ids, never
//! local numbers). A sum does not depend on the order in which lines came; a set of lines it does not hold cannot be made
//! to fit without breaking the hash.

use super::Store;
use super::project::{Projection, project_all};
use super::texts::load;
use crate::error::{Error, Result};
use crate::record::change::Change;
use carnet_wire::{Author, DeviceId, Incarnation, kind};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// Most problems reported by one check.
const MAX_PROBLEMS: usize = 100;
/// Changes projected together in a rebuild: at most some 20 MB of text at once.
const BATCH: usize = 32;

/// One view: its name for people, and its lines in portable names.
struct View {
    name: &'static str,
    lines: &'static str,
}

const VIEWS: [View; 14] = [
    View {
        name: "origins",
        lines: "SELECT c.id, o.position, o.recorded_at, o.name, o.format FROM origin o JOIN change c USING(change)",
    },
    View {
        name: "rows",
        lines: r#"SELECT l.compartment, n.record, r.id, c.id, o.position, r.item,
          (SELECT text FROM term WHERE term = r.kind), r.category, (SELECT text FROM term WHERE term = r.document_category),
          (SELECT text FROM term WHERE term = r.system), (SELECT text FROM term WHERE term = r.code),
          (SELECT text FROM term WHERE term = r.display), (SELECT text FROM term WHERE term = r.display_fr),
          (SELECT text FROM term WHERE term = r.display_en), r.display_from,
          (SELECT text FROM term WHERE term = r.status), (SELECT text FROM term WHERE term = r.unit),
          (SELECT text FROM term WHERE term = r.comparator), r.corrected, r.notes, r.sort, r."when", r.value
          FROM row r JOIN log l USING(log) JOIN log n ON n.log = r.record
          JOIN origin o USING(origin) JOIN change c USING(change)"#,
    },
    View {
        name: "sightings",
        lines: "SELECT l.compartment, r.id, c.id, o.position, s.item, s.content, s.version, s.last_updated \
          FROM sighting s JOIN row r USING(row) JOIN log l USING(log) \
          JOIN origin o ON o.origin = s.origin JOIN change c USING(change)",
    },
    View {
        name: "aliases",
        lines: "SELECT l.compartment, r.id, a.key FROM alias a JOIN row r USING(row) JOIN log l USING(log)",
    },
    View {
        name: "words",
        // LEFT: a word of a row that is not there is a difference too.
        lines: "SELECT w.term, l.compartment, r.id FROM word w LEFT JOIN row r ON r.row = w.doc LEFT JOIN log l USING(log)",
    },
    View {
        name: "shards",
        lines: "SELECT l.compartment, s.shard, s.category, s.year, s.heads, s.waiting \
          FROM shard s JOIN log l USING(log)",
    },
    View {
        name: "entries",
        lines: "SELECT l.compartment, n.record, e.shard, e.name, e.kind, e.resource, e.field, e.text, e.actor, \
          e.counter, e.recorded_at FROM entry e JOIN log l USING(log) JOIN log n ON n.log = e.record",
    },
    View {
        name: "attachments",
        lines: "SELECT l.compartment, a.id, a.blob, c.id, o.position, a.item, a.key, a.size, a.sealed_size, a.media_type \
          FROM attachment a JOIN log l USING(log) JOIN origin o USING(origin) JOIN change c USING(change)",
    },
    View {
        name: "what left a compartment",
        lines: "SELECT l.compartment, p.id, c.id, p.item, p.here FROM presence p \
          JOIN change c USING(change) JOIN log l ON l.log = p.log",
    },
    View {
        name: "versions of what left",
        lines: "SELECT l.compartment, d.id, c.id, o.position, d.item, d.content FROM departed d \
          JOIN origin o USING(origin) JOIN change c USING(change) JOIN log l ON l.log = d.log",
    },
    View {
        name: "the access log",
        lines: "SELECT l.compartment, c.id, e.item, e.body FROM access_event e \
          JOIN change c USING(change) JOIN log l ON l.log = e.log",
    },
    View {
        name: "samples",
        lines: "SELECT l.compartment, s.metric, s.source, s.unit, s.name, s.kind, r.day, r.count, r.digest, r.buckets \
          FROM series s JOIN log l USING(log) LEFT JOIN rollup r USING(series)",
    },
    View {
        name: "deleted samples",
        lines: "SELECT l.compartment, g.id, c.id FROM gone g JOIN log l USING(log) JOIN change c USING(change)",
    },
    View {
        name: "orders of sources",
        lines: "SELECT l.compartment, s.metric, c.id, s.item, s.sources \
          FROM source_order s JOIN log l USING(log) JOIN change c USING(change)",
    },
];

const EMPTY_VIEWS: &str =
    "DELETE FROM departed; DELETE FROM presence; DELETE FROM access_event; DELETE FROM attachment; DELETE FROM entry; DELETE FROM shard WHERE base = 0; DELETE FROM alias;
  DELETE FROM sighting; DELETE FROM row; DELETE FROM origin; DELETE FROM term;
  DELETE FROM rollup; DELETE FROM segment; DELETE FROM gone; DELETE FROM source_order; DELETE FROM series;
  INSERT INTO search(search) VALUES('delete-all');";

/// A digest of every view and every head: equal on devices that hold the same changes.
pub fn fingerprint(connection: &Connection) -> Result<[u8; 32]> {
    let mut whole = blake3::Hasher::new_derive_key("carnet/1 fingerprint");
    for digest in digests(connection)? {
        whole.update(&digest);
    }
    Ok(*whole.finalize().as_bytes())
}

/// The digest of each view, with the view's name: what tells in which of them two devices differ.
pub fn fingerprints(connection: &Connection) -> Result<Vec<(&'static str, [u8; 32])>> {
    let names = VIEWS.iter().map(|view| view.name);
    Ok(names.zip(digests(connection)?).collect())
}

/// How many views [`rebuild_and_compare`] compares.
pub fn views() -> u64 {
    VIEWS.len() as u64
}

/// Computes every view again from the changes, in their canonical order, and names those that come out different. Nothing
/// is kept of it. Other writers wait meanwhile.
pub fn rebuild_and_compare(store: &Store) -> Result<Vec<String>> {
    let mut writer = super::unpoisoned(&store.writer);
    let transaction = store.begin(&mut writer)?;
    let before = digests(&transaction)?;
    rebuild(&transaction)?;
    let after = digests(&transaction)?;
    transaction.rollback()?;
    let pairs = VIEWS.iter().zip(before.iter().zip(&after));
    let different = pairs.filter(|(_, (before, after))| before != after);
    Ok(different
        .map(|(view, _)| format!("the view of {} is not what the changes say", view.name))
        .collect())
}

/// Empties every view and projects every change again. For a migration whose new build derives more.
pub fn rebuild(connection: &Connection) -> Result<u64> {
    connection.execute_batch(EMPTY_VIEWS)?;
    super::snapshot::restore_lines(connection)?;
    let changes = changes(connection)?;
    for batch in changes.chunks(BATCH) {
        let values = batch.iter().map(|place| load(connection, place.change));
        let values = values.collect::<Result<Vec<Change>>>()?;
        let together = batch.iter().zip(&values).map(|(place, value)| Projection {
            log: place.log,
            change: place.change,
            author: &place.author,
            value,
            parsed: None,
            segments: &[],
        });
        project_all(connection, &together.collect::<Vec<_>>())?;
    }
    Ok(changes.len() as u64)
}

struct Place {
    change: i64,
    log: i64,
    author: Author,
}

/// Changes in the order that every device gives them.
fn changes(connection: &Connection) -> Result<Vec<Place>> {
    let mut select = connection.prepare_cached(
        "SELECT c.change, c.log, a.device, a.incarnation FROM change c JOIN author a USING(author) \
         WHERE c.kind = ?1 ORDER BY c.lamport, c.id",
    )?;
    let changes = select.query_map([kind::CHANGE], |row| {
        let author = Author {
            device: DeviceId(row.get(2)?),
            incarnation: Incarnation(row.get(3)?),
        };
        Ok(Place {
            change: row.get(0)?,
            log: row.get(1)?,
            author,
        })
    })?;
    Ok(changes.collect::<rusqlite::Result<_>>()?)
}

/// Checks pages, indexes and references of the database, in words without content.
pub fn verify(connection: &Connection) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (pragma, fine, problem) in [
        (
            "cipher_integrity_check",
            "",
            "a page of the database was changed outside this app",
        ),
        (
            "integrity_check",
            "ok",
            "a table or index of the database is damaged",
        ),
        (
            "foreign_key_check",
            "",
            "a row of the database refers to one that is missing",
        ),
    ] {
        let found = findings(connection, pragma, fine)?;
        problems.extend(std::iter::repeat_n(problem.to_owned(), found));
    }
    problems.truncate(MAX_PROBLEMS);
    Ok(problems)
}

fn findings(connection: &Connection, pragma: &str, fine: &str) -> Result<usize> {
    let mut select = connection.prepare(&format!("PRAGMA {pragma}"))?;
    let mut rows = select.query([])?;
    let mut found = 0;
    while let Some(row) = rows.next()? {
        let is_fine = matches!(row.get_ref(0)?, ValueRef::Text(text) if !fine.is_empty() && text == fine.as_bytes());
        found += usize::from(!is_fine);
        if found >= MAX_PROBLEMS {
            break;
        }
    }
    Ok(found)
}

fn digests(connection: &Connection) -> Result<Vec<[u8; 32]>> {
    VIEWS.iter().map(|view| digest(connection, view)).collect()
}

fn digest(connection: &Connection, view: &View) -> Result<[u8; 32]> {
    let mut select = connection.prepare_cached(view.lines)?;
    let columns = select.column_count();
    let mut rows = select.query([])?;
    let mut sum = Sum::default();
    while let Some(row) = rows.next()? {
        let mut hasher = blake3::Hasher::new();
        for column in 0..columns {
            add_value(&mut hasher, row.get_ref(column)?)?;
        }
        sum.add(hasher.finalize().as_bytes());
    }
    Ok(sum.finish(view.name))
}

/// Type, length, bytes: no two different lines are written alike.
fn add_value(hasher: &mut blake3::Hasher, value: ValueRef<'_>) -> Result<()> {
    let (tag, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => {
            hasher.update(&[1]);
            hasher.update(&number.to_be_bytes());
            return Ok(());
        }
        ValueRef::Text(text) => (2, text),
        ValueRef::Blob(blob) => (3, blob),
        ValueRef::Real(_) => return Err(Error::Corrupt("a view holds an inexact number")),
    };
    hasher.update(&[tag]);
    hasher.update(&(bytes.len() as u64).to_be_bytes());
    hasher.update(bytes);
    Ok(())
}

/// A sum of hashes in four lanes, with the number of lines.
#[derive(Default)]
struct Sum {
    lanes: [u64; 4],
    lines: u64,
}

impl Sum {
    fn add(&mut self, hash: &[u8; 32]) {
        for (lane, bytes) in self.lanes.iter_mut().zip(hash.chunks_exact(8)) {
            let number = bytes
                .iter()
                .fold(0, |number, byte| number << 8 | u64::from(*byte));
            *lane = lane.wrapping_add(number);
        }
        self.lines += 1;
    }

    fn finish(self, name: &str) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("carnet/1 fingerprint of a view");
        hasher.update(name.as_bytes());
        for number in self.lanes.iter().chain([&self.lines]) {
            hasher.update(&number.to_be_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}
