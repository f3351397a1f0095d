//! Importing: files become drafts and documents, these become changes of bounded size, each durable on its own.
//!
//! *Nothing dropped*: each item is understood, or kept as a document with the reason, or rejected with the reason (empty,
//! protected by a password, a link). *Nothing doubled*: a second import of the same bytes adds nothing (INV-2), whatever they
//! are called and however they are packed, because every draft is looked up by its deterministic id and content before it is
//! written. That is also how an import goes on after a kill: run it again. *Everything traceable*: what was read from a
//! document that is not FHIR carries the document's hash as its origin, and the document's bytes are kept.
//!
//! `files` finds what is named, `read` reads one item and descends into the `entries` of `archive`s
//! (`handed` and `said`: of those that Carnet wrote), `content` is where its bytes lie, `watch`
//! is progress and cancel, `whole` reads what must be held, `samples` reads files of series, `person` asks whose document it is, `gather` holds what one
//! item gave, `batch` writes it with that of others, `writer` says where it goes, `documents` keeps bytes, `report` is what is said. Memory is bounded by one
//! transaction's drafts and [`content::MAX_HELD_BYTES`] for what must be held whole.

mod archive;
mod batch;
mod cda;
mod content;
mod documents;
mod entries;
mod files;
mod gather;
mod handed;
mod person;
mod read;
mod report;
mod said;
mod samples;
#[cfg(test)]
mod samples_tests;
#[cfg(test)]
mod tests;
mod watch;
mod whole;
mod writer;

pub use documents::seal_document;
pub use gather::{LARGE_RESOURCE_BYTES, Target};
pub use report::*;
pub use writer::write_in;

use super::Observer;
use super::keyring::{self, GENERAL};
use super::open::Unlocked;
use super::persons;
use crate::error::{Error, Result};
use crate::host::Clock;
use crate::source::Outcome;
use carnet_wire::RecordId;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

/// Imports what a source gave and what does not fit beside others into one change.
pub fn import_outcomes(
    target: Target<'_>,
    name: &str,
    format: &str,
    outcomes: Vec<Outcome>,
) -> Result<FileReport> {
    let batch = Rc::new(RefCell::new(batch::Batch::new(target)));
    let mut gather = gather::Gather::new(&batch, name, format, FileReport::default());
    for outcome in outcomes {
        read::take(&mut gather, outcome)?;
    }
    gather.flush()?;
    let mut batch = batch.borrow_mut();
    batch.write()?;
    gather.report.credit(batch.take_counts(gather.number));
    Ok(gather.report)
}

/// Imports files, and every file below folders, in the order of their names.
pub fn import(
    open: &Unlocked,
    clock: &dyn Clock,
    record: RecordId,
    paths: &[PathBuf],
    options: &ImportOptions,
    observer: Option<&dyn Observer>,
) -> Result<ImportReport> {
    let known = open.store.read(|conn| {
        keyring::log_number(conn, record, GENERAL)?;
        let persons = persons::persons(conn)?;
        let person = persons.iter().find(|person| person.record == record);
        person::known_of(conn, person.ok_or(Error::NotFound("this record"))?)
    })?;
    let files = files::files_of(paths)?;
    let lengths = files.iter().filter_map(|file| file.metadata().ok());
    let watch = watch::Watch::new(observer, lengths.map(|file| file.len()).sum());
    let mut import = read::Import {
        batch: Rc::new(RefCell::new(batch::Batch::new(gather::Target {
            open,
            clock,
            record,
        }))),
        options,
        known: RefCell::new(known),
        watch: &watch,
        done: Vec::new(),
    };
    let bulk = open.store.begin_bulk()?;
    let read = files.iter().try_for_each(|path| import.file(path));
    // What was read before a failure is good and stays: INV-2 makes the next attempt go on from here.
    let report = import.finish()?;
    read?;
    drop(bulk);
    open.store.release_memory()?;
    Ok(report)
}
