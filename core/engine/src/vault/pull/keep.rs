//! Keeping what one answer brought, in one transaction with where the machine then stands: after a kill the next pull asks for
//! what had not been kept, and for nothing else.
//!
//! What has to be written beside the record first (a file's bytes, a resource too large for a change) is written before that
//! transaction; it is named by its content, so that doing it again after a kill changes nothing.
//!
//! **What is gone.** A resource the source does not have any more stays. Beside it stands a FHIR `Provenance` that says since when
//! the source calls it deleted (`v3-DataOperation` DELETE), or that it came back (REACTIVATE): a resource like any other, that
//! other devices get and an export carries.

use super::types::PullReport;
use crate::error::{Error, Result};
use crate::host::Clock;
use crate::pull::{Brought, Fetched, Session, Wanted};
use crate::record::change::{Attachment, Item, Origin};
use crate::record::ids::AttachmentId;
use crate::record::resource;
use crate::record::time::write_instant;
use crate::seal;
use crate::source::{Draft, Outcome};
use crate::store::{self, Known, SourceRow, known, log};
use crate::vault::import::{self, LARGE_RESOURCE_BYTES};
use crate::vault::open::Unlocked;
use crate::vault::write::{self, ChangeBuilder};
use carnet_wire::RecordId;
use rusqlite::{Connection, Transaction};
use serde_json::json;

/// Most rejections listed by one pull.
const MAX_LISTED: usize = 1_000;
const CHANGED: (&str, &str) = ("REACTIVATE", "reactivate");
const DELETED: (&str, &str) = ("DELETE", "delete");

/// Where it is kept.
pub struct Kept<'a> {
    /// The vault.
    pub open: &'a Unlocked,
    /// For what people read.
    pub clock: &'a dyn Clock,
    /// The source.
    pub row: &'a SourceRow,
    /// Its base.
    pub base: &'a str,
}

/// Keeps it, and counts it.
pub fn keep(
    kept: &Kept<'_>,
    session: &mut Session,
    mut brought: Brought,
    report: &mut PullReport,
) -> Result<()> {
    let record = kept.record()?;
    let file = match brought.file.take() {
        Some(fetched) => Some(kept.seal_file(record, fetched)?),
        None => None,
    };
    let natives = natives(&brought.drafts, kept.base);
    let drafts = kept.write_beside(record, &mut brought, report)?;
    let counts = kept.open.write(|tx| {
        let now = kept.clock.now();
        let mut drafts = drafts;
        for native in &natives {
            let kind = native.split('/').next().unwrap_or_default();
            if store::note_item(tx, kept.row, native, kind)? {
                drafts.push(kept.mark(native, CHANGED, now)?);
            }
        }
        if let Some(native) = &brought.gone
            && store::set_gone(tx, kept.row.number, native)?
        {
            drafts.push(kept.mark(native, DELETED, now)?);
            report.gone += 1;
        }
        let counts = import::write_batch(tx, kept.open, record, &kept.origin(), now, drafts)?;
        if let Some(file) = file {
            file.write(tx, kept, now)?;
            report.files += 1;
        }
        kept.want(tx, session, std::mem::take(&mut brought.wanted))?;
        for kind in &brought.whole {
            let missing = store::missing_items(tx, kept.row, kind)?;
            for native in missing {
                session.want(Wanted::Missing(native));
            }
        }
        store::set_source_state(tx, kept.row.number, &session.connector().write()?)?;
        Ok(counts)
    })?;
    report.new += counts.new;
    report.updated += counts.updated;
    report.unchanged += counts.unchanged;
    for refused in brought.refused {
        note(report, refused.location, refused.reason);
    }
    Ok(())
}

fn note(report: &mut PullReport, location: String, reason: &'static str) {
    if report.rejected.len() < MAX_LISTED {
        report
            .rejected
            .push(crate::vault::Rejection { location, reason });
    }
}

/// The source's own names of what came.
fn natives(drafts: &[Draft], base: &str) -> Vec<String> {
    let own = |draft: &Draft| {
        let native = draft
            .resource
            .native
            .strip_prefix(base)?
            .strip_prefix('/')?;
        Some(native.to_owned())
    };
    drafts.iter().filter_map(own).collect()
}

impl Kept<'_> {
    fn record(&self) -> Result<RecordId> {
        let logs = self.open.store.read(log::logs)?;
        let log = logs.into_iter().find(|log| log.number == self.row.log);
        Ok(log.ok_or(Error::NotFound("this record"))?.record)
    }

    fn origin(&self) -> Origin {
        Origin {
            name: self.row.name.clone(),
            format: self.row.kind.clone(),
            hash: [0; 32],
        }
    }

    /// Writes what does not fit into a batch; returns what does.
    fn write_beside(
        &self,
        record: RecordId,
        brought: &mut Brought,
        report: &mut PullReport,
    ) -> Result<Vec<Draft>> {
        let drafts = std::mem::take(&mut brought.drafts);
        let (large, small): (Vec<_>, Vec<_>) = drafts
            .into_iter()
            .partition(|draft| draft.text.len() > LARGE_RESOURCE_BYTES);
        let documents = std::mem::take(&mut brought.documents);
        let outcomes: Vec<Outcome> = large
            .into_iter()
            .map(|draft| Outcome::Draft(Box::new(draft)))
            .chain(documents.into_iter().map(Outcome::Document))
            .collect();
        if !outcomes.is_empty() {
            let file =
                import::import_outcomes(self.open, self.clock, record, self.origin(), outcomes)?;
            report.new += file.new;
            report.updated += file.updated;
            report.unchanged += file.unchanged;
            report.rejected.extend(file.rejected);
        }
        Ok(small)
    }

    /// Asks for what is not known yet: a file once for each version of its resource, a neighbour once in each whole reading.
    fn want(&self, tx: &Transaction<'_>, session: &mut Session, wanted: Vec<Wanted>) -> Result<()> {
        for wanted in wanted {
            let (key, kind) = match &wanted {
                Wanted::Beside(native) => {
                    (native.clone(), native.split('/').next().unwrap_or_default())
                }
                Wanted::File(file) => (format!("{}#{}", file.url, file.version), ""),
                Wanted::Missing(_) => continue,
            };
            let seen = store::item(tx, self.row.number, &key)?;
            let known = match kind {
                "" => seen.is_some(),
                _ => seen.is_some_and(|(run, _)| run == self.row.run),
            };
            let kind = kind.to_owned();
            if !known && session.want(wanted) {
                store::note_item(tx, self.row, &key, &kind)?;
            }
        }
        Ok(())
    }

    /// A resource that says what became of another at the source.
    fn mark(&self, native: &str, (code, display): (&str, &str), now: i64) -> Result<Draft> {
        let target = format!("{}/{native}", self.base);
        let digest = blake3::hash(target.as_bytes());
        let url = urn(digest.as_bytes());
        let text = json!({
            "resourceType": "Provenance",
            "target": [{"reference": target}],
            "recorded": write_instant(now),
            "activity": {"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-DataOperation", "code": code, "display": display
            }]},
            "agent": [{"who": {"display": self.row.name}}]
        });
        draft(text.to_string(), url)
    }

    fn seal_file(&self, record: RecordId, fetched: Fetched) -> Result<SealedFile> {
        let Fetched {
            file,
            bytes,
            media_type,
        } = fetched;
        let hash = blake3::hash(&bytes);
        let id = AttachmentId(seal::derive_attachment_id(record, hash.as_bytes()));
        let draft = self.document(id, &file.of, &media_type, bytes.len())?;
        let key = seal::make_random::<32>()?;
        let mut out = self.open.store.attachments().make_incoming()?;
        let sealed = seal::seal_attachment(&key, &mut bytes.as_slice(), &mut out)?;
        Ok(SealedFile {
            draft,
            attachment: Attachment {
                id,
                blob: out.finish()?,
                key,
                size: sealed.size,
                sealed_size: sealed.sealed_size,
                media_type,
            },
        })
    }

    /// The document that leads from the source's resource to the bytes kept here.
    fn document(&self, id: AttachmentId, of: &str, media_type: &str, size: usize) -> Result<Draft> {
        let url = urn(&id.0);
        let text = json!({
            "resourceType": "DocumentReference",
            "status": "current",
            "content": [{"attachment": {"contentType": media_type, "url": url, "size": size}}],
            "context": {"related": [{"reference": format!("{}/{of}", self.base)}]}
        });
        draft(text.to_string(), url)
    }
}

/// The first sixteen bytes as a UUID, which is a global name in FHIR.
fn urn(bytes: &[u8]) -> String {
    let digits: String = bytes
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    let (a, b, c, d, e) = (
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    );
    format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
}

fn draft(text: String, url: String) -> Result<Draft> {
    let resource = resource::read(&text, "", Some(&url))
        .map_err(|_| Error::Bug("a resource of ours must be readable"))?;
    Ok(Draft {
        location: String::new(),
        issuer: String::new(),
        full_url: Some(url),
        text,
        resource,
    })
}

/// A file whose bytes are sealed, not yet in the record.
struct SealedFile {
    draft: Draft,
    attachment: Attachment,
}

impl SealedFile {
    fn write(self, tx: &Transaction<'_>, kept: &Kept<'_>, now: i64) -> Result<()> {
        if self.is_known(tx, kept.row.log)? {
            return Ok(());
        }
        let mut change = ChangeBuilder::from_origin(kept.origin());
        change.item(Item::Attachment {
            origin: 0,
            attachment: self.attachment,
        });
        let body = change.body(self.draft.text.into_bytes())?;
        change.item(Item::Resource {
            origin: 0,
            issuer: self.draft.issuer,
            full_url: self.draft.full_url,
            body,
        });
        let keyring = kept.open.keyring_in(tx)?;
        write::write_change(tx, &keyring, kept.row.log, &change.finish(now), None)?;
        Ok(())
    }

    fn is_known(&self, conn: &Connection, log: i64) -> Result<bool> {
        let resource = &self.draft.resource;
        Ok(known(conn, log, resource.id, resource.content)? == Known::Same)
    }
}
