//! Checking a vault: pages and indexes, every author's chain from its first change, every attachment, and on demand that
//! each view is what the changes say. Reads only; what is wrong is named without content and left as it is.

use super::VerifyReport;
use super::open::Unlocked;
use crate::error::{Error, Result};
use crate::seal;
use crate::store::log::{self, StoredChange};
use crate::store::rebuild;
use carnet_wire::{Author, ChangeId, Header, signed_bytes};
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

/// Follows every chain: signatures, hashes and numbers without a hole. Where a snapshot covers a chain, the change it ends
/// with stands for those that are gone.
fn verify_chains(conn: &Connection, report: &mut VerifyReport) -> Result<()> {
    for log in log::logs(conn)? {
        let covered = log::covered_chains(conn, log.number)?.into_iter();
        let covered: BTreeMap<_, _> = covered
            .map(|chain| (chain.author, (chain.covered, chain.tip)))
            .collect();
        let loading = log::is_loading(conn, log.number)?;
        let mut chains = Chains {
            covered,
            tips: BTreeMap::new(),
        };
        log::each_stored(conn, log.number, |change, extract| {
            report.changes += 1;
            let problem = match extract {
                true if loading => None,
                true => Some("a part of an import did not arrive with the rest of a snapshot"),
                false => chains.problem(&change),
            };
            report.problems.extend(problem.map(str::to_owned));
            Ok(())
        })?;
    }
    Ok(())
}

struct Chains {
    covered: BTreeMap<Author, (u64, ChangeId)>,
    tips: BTreeMap<Author, (u64, ChangeId)>,
}

impl Chains {
    fn problem(&mut self, change: &StoredChange) -> Option<&'static str> {
        let Ok(header) = Header::from_bytes(&change.header) else {
            return Some("a change's header is damaged");
        };
        let before = self.tips.insert(header.author, (header.seq, change.id));
        let before = before.unwrap_or((0, ChangeId([0; 32])));
        let (covered, tip) = self
            .covered
            .get(&header.author)
            .copied()
            .unwrap_or((0, ChangeId([0; 32])));
        let follows = |(seq, id)| header.seq == seq + 1 && header.prev == id;
        let in_place = match header.seq.cmp(&covered) {
            // What stood between may be gone; what is here must not contradict its neighbour.
            std::cmp::Ordering::Less => header.seq > before.0 + 1 || follows(before),
            std::cmp::Ordering::Equal => change.id == tip,
            std::cmp::Ordering::Greater => follows(before.max((covered, tip))),
        };
        if !in_place {
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
}
