//! Handing over a whole record as an archive: every resource in every version with its provenance, the bytes of every document
//! that is on this device, what people wrote, and the samples of series.

use super::Person;
use super::documents::write_copy;
use super::open::Unlocked;
use super::persons;
use crate::error::{Error, Result};
use crate::handover::{ArchiveWriter, ArchivedDocument, Part};
use crate::record::series::SourceKind;
use crate::record::series::segment::{SEGMENT_SAMPLES, write_segment};
use crate::store::series::{self as rows, SeriesRow};
use crate::store::{self, StoredDocument, entries, views};
use carnet_wire::RecordId;
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::Write;

/// Writes an archive and returns how many resources it holds, each in its current version.
pub fn write(open: &Unlocked, record: RecordId, out: &mut dyn Write) -> Result<u64> {
    let Person {
        name, birth_date, ..
    } = open.store.read(|conn| person(conn, record))?;
    let mut archive = ArchiveWriter::begin(out, &name, birth_date.as_deref());
    open.store.read(|conn| {
        store::each_version(conn, record, |version| {
            let part = Part {
                issuer: version.issuer.to_owned(),
                origin: version.origin.clone(),
                compartment: version.compartment.to_owned(),
                is_earlier: !version.is_current,
            };
            archive.resource(&part, version.text, version.full_url)
        })?;
        write_notes(conn, record, &mut archive)?;
        write_series(conn, record, &mut archive)
    })?;
    let documents = open.store.read(|conn| store::all_documents(conn, record))?;
    for (id, compartment) in documents {
        let copies = open
            .store
            .read(|conn| store::documents_of(conn, record, id))?;
        let Some(first) = copies.first() else {
            continue;
        };
        let document = ArchivedDocument {
            id,
            media_type: first.media_type.clone(),
            size: first.size,
            compartment,
        };
        write_document(open, &mut archive, &document, &copies)?;
    }
    archive.end()
}

fn write_document(
    open: &Unlocked,
    archive: &mut ArchiveWriter<'_>,
    document: &ArchivedDocument,
    copies: &[StoredDocument],
) -> Result<()> {
    let mut here = false;
    for copy in copies {
        here |= open.store.attachments().size(copy.blob)?.is_some();
    }
    let write: &mut dyn FnMut(&mut dyn Write) -> Result<()> =
        &mut |out| write_copy(open, copies, out).map(drop);
    archive.document(document, here.then_some(write))
}

fn person(conn: &Connection, record: RecordId) -> Result<Person> {
    let persons = persons::persons(conn)?;
    let found = persons.into_iter().find(|person| person.record == record);
    found.ok_or(Error::NotFound("this record"))
}

/// Notes and corrections; of a field with several values the one that lists show.
fn write_notes(conn: &Connection, record: RecordId, archive: &mut ArchiveWriter<'_>) -> Result<()> {
    let (mut notes, mut corrections) = (Vec::new(), Vec::new());
    for on in entries::annotated(conn, record)? {
        let Ok(detail) = views::detail(conn, on) else {
            continue; // written about before it has arrived
        };
        let id = on.to_string();
        notes.extend(detail.notes.iter().map(|note| {
            json!({"on": id, "text": note.text, "device": note.device.to_string(), "recorded_at": note.recorded_at})
        }));
        corrections.extend(detail.corrections.iter().map(|one| {
            json!({
                "on": id, "field": one.field, "value": one.value,
                "device": one.device.to_string(), "recorded_at": one.recorded_at,
            })
        }));
    }
    archive.notes(&notes, &corrections)
}

fn write_series(
    conn: &Connection,
    record: RecordId,
    archive: &mut ArchiveWriter<'_>,
) -> Result<()> {
    for row in rows::series(conn, record, None)? {
        let named = described(&row);
        let mut waiting = Vec::new();
        rows::each_sample(conn, &row, &(i64::MIN..i64::MAX), &mut |samples| {
            waiting.extend_from_slice(samples);
            if waiting.len() < SEGMENT_SAMPLES {
                return Ok(());
            }
            for part in std::mem::take(&mut waiting).chunks(SEGMENT_SAMPLES) {
                archive.segment(named.clone(), &write_segment(row.metric, part)?)?;
            }
            Ok(())
        })?;
        if !waiting.is_empty() {
            archive.segment(named, &write_segment(row.metric, &waiting)?)?;
        }
    }
    Ok(())
}

fn described(row: &SeriesRow) -> Value {
    json!({
        "metric": row.metric.key(),
        "unit": row.unit.ucum(),
        "source": row.source.key,
        "name": row.source.name,
        "kind": SourceKind::ALL.iter().position(|kind| *kind == row.source.kind),
    })
}
