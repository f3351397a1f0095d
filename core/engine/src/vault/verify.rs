//! Checking a vault: pages and indexes, every author's chain from its first change, every attachment, and on demand that
//! each view is what the changes say. Reads only; what is wrong is named without content and left as it is.

use super::VerifyReport;
use super::open::Unlocked;
use crate::error::{Error, Result};
use crate::seal;
use crate::store::log::{self, StoredChange};
use crate::store::rebuild;
use carnet_wire::{Author, ChangeId, Header, kind, signed_bytes};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Most problems a report names.
const MAX_PROBLEMS: usize = 1_000;

/// Checks everything; with `views`, recomputes every view and compares.
pub fn verify(open: &Unlocked, views: bool) -> Result<VerifyReport> {
    // The check of page authentication reads the file and not the log beside it. After a kill in the middle of a checkpoint
    // the file may hold half a page whose whole is in the log: it is no damage, and finishing the checkpoint mends it.
    open.store.checkpoint()?;
    let mut report = VerifyReport {
        problems: open.store.read(rebuild::verify)?,
        ..VerifyReport::default()
    };
    open.store.read(|conn| verify_chains(conn, &mut report))?;
    for named in open.store.read(log::named_blobs)? {
        report.attachments += 1;
        match open.store.attachments().verify(named.blob) {
            Ok(()) => {}
            Err(Error::NotFound(_)) => report
                .problems
                .push("a document's bytes have not arrived on this device yet".to_owned()),
            Err(Error::Corrupt(_)) => report
                .problems
                .push("a document's bytes were changed outside this app".to_owned()),
            Err(error) => return Err(error),
        }
    }
    if views {
        report.views = rebuild::views();
        report
            .problems
            .extend(rebuild::rebuild_and_compare(&open.store)?);
    }
    report.problems.truncate(MAX_PROBLEMS);
    Ok(report)
}

/// Follows every chain: signatures, hashes and numbers without a hole.
fn verify_chains(conn: &Connection, report: &mut VerifyReport) -> Result<()> {
    for log in log::logs(conn)? {
        let mut tips: BTreeMap<Author, (u64, ChangeId)> = BTreeMap::new();
        for kind in [kind::CHANGE, kind::OPERATIONS] {
            log::each_change(conn, log.number, kind, |change| {
                report.changes += 1;
                if let Some(problem) = chain_problem(&change, &mut tips) {
                    report.problems.push(problem.to_owned());
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

fn chain_problem(
    change: &StoredChange,
    tips: &mut BTreeMap<Author, (u64, ChangeId)>,
) -> Option<&'static str> {
    let Ok(header) = Header::from_bytes(&change.header) else {
        return Some("a change's header is damaged");
    };
    let (seq, tip) = tips
        .get(&header.author)
        .copied()
        .unwrap_or((0, ChangeId([0; 32])));
    tips.insert(header.author, (header.seq, change.id));
    if header.seq != seq + 1 || header.prev != tip {
        return Some("a chain of changes has a hole");
    }
    let signed = seal::verify(
        header.author.device,
        &signed_bytes(&change.header),
        &change.signature,
    );
    let whole = ChangeId::derive(&change.header) == change.id
        && *blake3::hash(&change.body).as_bytes() == header.body_hash;
    if signed.is_err() || !whole {
        Some("a change is not what its author signed")
    } else {
        None
    }
}
