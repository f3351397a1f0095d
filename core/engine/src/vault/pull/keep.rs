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
use crate::record::change::{Attachment, Origin};
use crate::record::ids::AttachmentId;
use crate::record::resource;
use crate::record::time::write_utc;
use crate::seal;
use crate::source::document::{full_url_of, hash_of, url_of};
use crate::source::{Draft, Outcome};
use crate::store::{self, SourceRow, log};
use crate::vault::Rejection;
use crate::vault::import::{self, LARGE_RESOURCE_BYTES, Target};
use crate::vault::open::Unlocked;
use carnet_wire::RecordId;
use rusqlite::Transaction;
use serde_json::json;

/// Most rejections listed by one pull.
const MAX_LISTED: usize = 1_000;
const BACK: (&str, &str) = ("REACTIVATE", "reactivate");
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
    let target = kept.target()?;
    let file = match brought.file.take() {
        Some(fetched) => Some(kept.seal_file(target.record, fetched)?),
        None => None,
    };
    let natives = natives(&brought.drafts, kept.base);
    let mut drafts = kept.write_beside(target, &mut brought, report)?;
    let origin = kept.origin();
    let (counts, files, gone) = kept.open.write(|tx| {
        let gone = kept.marks(tx, &natives, brought.gone.as_deref(), &mut drafts)?;
        let counts = import::write_in(tx, target, &origin, false, Vec::new(), drafts)?;
        let files = match file {
            Some(file) => file.write(tx, target, &origin)?,
            None => 0,
        };
        kept.want(tx, session, std::mem::take(&mut brought.wanted))?;
        for kind in &brought.whole {
            for native in store::missing_items(tx, kept.row, kind)? {
                session.want(Wanted::Missing(native));
            }
        }
        store::set_source_state(tx, kept.row.number, &session.connector().write()?)?;
        Ok((counts, files, gone))
    })?;
    report.new += counts.new;
    report.updated += counts.updated;
    report.unchanged += counts.unchanged;
    report.files += files;
    report.gone += gone;
    for (location, why) in counts.closed {
        note(report, location, why);
    }
    for refused in brought.refused {
        note(report, refused.location, refused.reason);
    }
    Ok(())
}

fn note(report: &mut PullReport, location: String, reason: &'static str) {
    if report.rejected.len() < MAX_LISTED {
        report.rejected.push(Rejection { location, reason });
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

impl<'a> Kept<'a> {
    fn target(&self) -> Result<Target<'a>> {
        let logs = self.open.store.read(log::logs)?;
        let log = logs.into_iter().find(|log| log.number == self.row.log);
        Ok(Target {
            open: self.open,
            clock: self.clock,
            record: log.ok_or(Error::NotFound("this record"))?.record,
        })
    }

    /// Notes what came and what is gone, and adds the marks of what changed in that; how many are newly gone.
    fn marks(
        &self,
        tx: &Transaction<'_>,
        natives: &[String],
        gone: Option<&str>,
        drafts: &mut Vec<Draft>,
    ) -> Result<u64> {
        let now = self.clock.now();
        for native in natives {
            let kind = native.split('/').next().unwrap_or_default();
            if store::note_item(tx, self.row, native, kind)? {
                drafts.push(self.mark(native, BACK, now)?);
            }
        }
        match gone {
            Some(native) if store::set_gone(tx, self.row.number, native)? => {
                drafts.push(self.mark(native, DELETED, now)?);
                Ok(1)
            }
            _ => Ok(0),
        }
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
        target: Target<'_>,
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
            let (name, format) = (&self.row.name, &self.row.kind);
            let file = import::import_outcomes(target, name, format, outcomes)?;
            report.new += file.new;
            report.updated += file.updated;
            report.unchanged += file.unchanged;
            for item in file.rejected {
                note(report, item.location, item.reason);
            }
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
        let url = full_url_of(&hash_of(target.as_bytes()));
        let text = json!({
            "resourceType": "Provenance",
            "target": [{"reference": target}],
            "recorded": write_utc(now),
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
        let hash = hash_of(&bytes);
        let id = AttachmentId(seal::derive_attachment_id(record, &hash));
        let draft = self.document(&hash, &file.of, &media_type, bytes.len())?;
        let known = self
            .open
            .store
            .read(|conn| store::has_attachment(conn, record, id))?;
        let attachment = match known {
            true => None,
            false => Some(import::seal_document(
                self.open,
                id,
                &mut bytes.as_slice(),
                &media_type,
            )?),
        };
        Ok(SealedFile {
            draft,
            attachment,
            confidential: file.confidential,
        })
    }

    /// The document that leads from the source's resource to the bytes kept here. Not the one an imported file with the same bytes
    /// gets, which says nothing of the resource: two that say different things must not be versions of one another.
    fn document(&self, hash: &[u8; 32], of: &str, media_type: &str, size: usize) -> Result<Draft> {
        let of = format!("{}/{of}", self.base);
        let name = [of.as_bytes(), b" ", hash].concat();
        let text = json!({
            "resourceType": "DocumentReference",
            "status": "current",
            "content": [{"attachment": {"contentType": media_type, "url": url_of(hash), "size": size}}],
            "context": {"related": [{"reference": of}]}
        });
        draft(text.to_string(), full_url_of(&hash_of(&name)))
    }
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
    /// None where the record has the bytes already.
    attachment: Option<Attachment>,
    confidential: bool,
}

impl SealedFile {
    /// How many files are new. What a secret leads to is a secret.
    fn write(self, tx: &Transaction<'_>, target: Target<'_>, origin: &Origin) -> Result<u64> {
        let attachments = self.attachment.into_iter().collect();
        let drafts = vec![self.draft];
        let counts = import::write_in(tx, target, origin, self.confidential, attachments, drafts)?;
        Ok(counts.new)
    }
}
