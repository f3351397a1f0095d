//! Handing over a whole record as an archive: every current resource with its provenance, and the bytes of every document
//! that is on this device.

use super::documents::write_copy;
use super::open::Unlocked;
use crate::error::Result;
use crate::handover::{ArchiveWriter, ArchivedDocument, Part};
use crate::store::{self, StoredDocument};
use carnet_wire::RecordId;
use std::io::Write;

/// Writes an archive and returns how many resources it holds.
pub fn write(open: &Unlocked, record: RecordId, out: &mut dyn Write) -> Result<u64> {
    let mut archive = ArchiveWriter::begin(out);
    open.store.read(|conn| {
        store::each_current(conn, record, |current| {
            let part = Part {
                issuer: current.issuer.to_owned(),
                origin: current.origin.clone(),
                compartment: current.compartment.to_owned(),
            };
            archive.resource(&part, current.text, current.full_url)
        })
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
