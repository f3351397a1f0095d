//! Files of samples: read in a stream, stored as series.
//!
//! * Samples go into the compartment `series`, what a reader hands over together in one transaction. What the record has is left
//!   out, so a second import adds nothing.
//! * *The original.* A sample keeps the digits, unit and offset of its file, so a file that is nothing but samples is not kept
//!   a second time. A file that holds something beside them (a kind without a series, a part that was refused) is kept as a
//!   document too, up to [`KEPT_BYTES`]. A longer one stays with the person, who is told: next month's export holds all of this
//!   month's again, a gigabyte each time.
//! * *After a kill.* A file longer than that leaves its place in the transaction that stores what came before it, and the next
//!   import reads on from there; its counts are those of the rest. The place is of a file with this beginning and length. A
//!   file forged to share both with another is read from the middle: it hides what it holds itself, nothing else.
//! * Who may not write series is told so, and nothing of the file is in the record.
//! * The CDA that lies in an Apple export says what its XML says: it is no second source of the same numbers.

use super::super::health_connect::{is_health_connect, read_health_connect};
use super::super::keyring;
use super::super::series::{SERIES, store_samples};
use super::content::Content;
use super::documents;
use super::gather::Gather;
use super::report::Fate;
use super::watch::Watch;
use crate::error::{Error, Result};
use crate::record::series::SampleBatch;
use crate::source::Format;
use crate::source::apple::read_apple;
use crate::source::openmhealth::{is_openmhealth, read_openmhealth};
use crate::source::recognise::HEAD_BYTES;
use crate::source::series::{Checkpoint, Found, MAX_GATHERED, Summary};
use crate::store::series::{self as rows, Reached};
use std::ops::ControlFlow;

/// Longest file of samples that is kept as a document for what else it holds.
pub const KEPT_BYTES: u64 = 16 << 20;
/// Longest database that is held in memory, twice for a moment: exports of ten years have 60 MB.
const MAX_DATABASE: u64 = 128 << 20;
const NOT_ALLOWED: &str =
    "measurements, and you may not write where they are kept: let the patient import them";
const BESIDE: &str = "not everything in it is a measurement with a series: the file itself is kept as a document too";
const STAYS: &str = "not everything in it is a measurement with a series, and it is too long to be kept as a document: keep the file for the rest";
const GONE_ON: &str = "an earlier import was stopped: reading went on where it was, and these are the counts of the rest";
const SHADOW: &str = "says again, as a document, what the export beside it holds: not read";
const TOO_LARGE: &str = "a database of more than 128 MB: kept, its content is not read";
const HEALTH_CONNECT: &str = "health-connect";
/// What the CDA of an Apple export calls itself.
const APPLE_CDA: &[u8] = b"Health Export CDA";

/// Reads a file of samples, or keeps what is none.
pub fn read(
    watch: &Watch<'_>,
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
) -> Result<()> {
    let database = match format {
        Format::Sqlite => match content.whole(MAX_DATABASE)? {
            None => return documents::keep_item(gather, content, format, Some(TOO_LARGE)),
            Some(bytes) if !is_health_connect(&bytes) => {
                return documents::keep_item(gather, content, format, None);
            }
            database => database,
        },
        _ => None,
    };
    let target = gather.target();
    if !target.open.keyring()?.may_write(target.record, SERIES) {
        gather.report.fate = Fate::Rejected;
        gather.report.reason = Some(NOT_ALLOWED);
        return Ok(());
    }
    let length = content.length()?;
    let file = match length > KEPT_BYTES {
        true => Some(derive_file(&content.head()?, length)),
        false => None,
    };
    let from = reached(gather, file.as_ref())?;
    if from.is_some() {
        gather.warn(GONE_ON.to_owned());
    }
    let mut intake = Intake::new(watch, gather, file);
    let summary = {
        let sink = &mut |found| intake.take(found);
        match (format, &database) {
            (Format::Sqlite, Some(bytes)) => read_health_connect(bytes, sink),
            (Format::AppleHealth, _) => read_apple(content.open()?, from.as_ref(), sink),
            _ => read_openmhealth(content.open()?, sink),
        }
    };
    intake.end(&summary)?;
    tell(gather, &summary?);
    settle(gather, content, format, length)
}

/// Whether JSON that names no schema is a body of a measure, or several.
pub fn is_points(head: &[u8]) -> bool {
    if head.len() >= HEAD_BYTES {
        return false;
    }
    match serde_json::from_slice::<serde_json::Value>(head) {
        Ok(serde_json::Value::Array(points)) => points.first().is_some_and(is_openmhealth),
        Ok(point) => is_openmhealth(&point),
        Err(_) => false,
    }
}

/// Whether a CDA is the one of an Apple export.
pub fn is_shadow(head: &[u8]) -> bool {
    let start = head.get(..4_096).unwrap_or(head);
    start.windows(APPLE_CDA.len()).any(|part| part == APPLE_CDA)
}

/// Keeps the CDA of an Apple export unread, if it is short.
pub fn keep_shadow(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
) -> Result<()> {
    if content.length()? <= KEPT_BYTES {
        return documents::keep_item(gather, content, format, Some(SHADOW));
    }
    gather.report.fate = Fate::Rejected;
    gather.report.reason = Some(SHADOW);
    Ok(())
}

fn derive_file(head: &[u8], length: u64) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 place in a file of samples");
    hasher.update(&length.to_be_bytes());
    hasher.update(head);
    *hasher.finalize().as_bytes()
}

fn reached(gather: &Gather<'_>, file: Option<&[u8; 32]>) -> Result<Option<Checkpoint>> {
    let Some(file) = file else { return Ok(None) };
    let target = gather.target();
    let reached = target.open.store.read(|conn| {
        let log = keyring::log_number(conn, target.record, SERIES)?;
        rows::reached(conn, log, file)
    })?;
    Ok(reached.map(|Reached { offset, memory }| Checkpoint { offset, memory }))
}

/// Takes what a reader finds into the record.
struct Intake<'g, 'a> {
    watch: &'g Watch<'g>,
    gather: &'g mut Gather<'a>,
    file: Option<[u8; 32]>,
    waiting: Vec<SampleBatch>,
    count: usize,
    failure: Option<Error>,
}

impl<'g, 'a> Intake<'g, 'a> {
    fn new(watch: &'g Watch<'g>, gather: &'g mut Gather<'a>, file: Option<[u8; 32]>) -> Self {
        Self {
            watch,
            gather,
            file,
            waiting: Vec::new(),
            count: 0,
            failure: None,
        }
    }

    fn take(&mut self, found: Found) -> ControlFlow<()> {
        let taken = match found {
            Found::Batch(batch) => {
                self.count += batch.samples.len();
                self.waiting.push(batch);
                // A file that tells no place is stored as it comes.
                let wait = self.file.is_some() && self.count <= 2 * MAX_GATHERED;
                if wait { Ok(()) } else { self.store(None) }
            }
            Found::Checkpoint(place) => self.store(Some(place)),
        };
        match taken.and_then(|()| self.watch.check()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn store(&mut self, place: Option<Checkpoint>) -> Result<()> {
        let (target, now) = (self.gather.target(), self.gather.target().clock.now());
        let batches = std::mem::take(&mut self.waiting);
        let place = self.file.zip(place);
        if batches.is_empty() && place.is_none() {
            return Ok(());
        }
        self.count = 0;
        let origin = self.gather.origin();
        let done = store_samples(
            target.open,
            now,
            target.record,
            origin,
            batches,
            |tx, log| {
                let Some((file, Checkpoint { offset, memory })) = place else {
                    return Ok(());
                };
                rows::put_reached(tx, log, &file, &Reached { offset, memory }, now)
            },
        )?;
        self.gather.report.samples.new += done.new;
        Ok(())
    }

    /// Stores what is left, and forgets the place of a file that was read whole.
    fn end(mut self, summary: &Result<Summary>) -> Result<()> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        self.store(None)?;
        let target = self.gather.target();
        match (self.file, summary) {
            (Some(file), Ok(_)) => target.open.write(|tx| {
                let log = keyring::log_number(tx, target.record, SERIES)?;
                rows::forget_reached(tx, log, &file)
            }),
            _ => Ok(()),
        }
    }
}

/// Says what the reader says.
fn tell(gather: &mut Gather<'_>, summary: &Summary) {
    let samples = &mut gather.report.samples;
    samples.read = summary.samples;
    samples.unknown.clone_from(&summary.unknown);
    samples.kept = summary.kept.values().sum();
    gather.report.format = match summary.format {
        HEALTH_CONNECT => HEALTH_CONNECT,
        _ => gather.report.format,
    };
    for reason in summary.kept.keys() {
        gather.warn((*reason).to_owned());
    }
    for (reason, count) in &summary.refused {
        gather.reject(format!("× {count}"), reason);
    }
}

/// Keeps the file where it holds something beside its samples.
fn settle(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
    length: u64,
) -> Result<()> {
    let report = &gather.report;
    let samples = &report.samples;
    let refused = report.rejected.first().map(|rejection| rejection.reason);
    if samples.unknown.is_empty() && samples.kept == 0 && refused.is_none() {
        return Ok(());
    }
    if samples.read == 0 {
        return documents::keep_item(gather, content, format, refused);
    }
    if length > KEPT_BYTES {
        gather.warn(STAYS.to_owned());
        return Ok(());
    }
    documents::keep_item(gather, content, format, Some(BESIDE))?;
    if gather.report.fate == Fate::Kept {
        gather.report.fate = Fate::Understood;
    }
    Ok(())
}
