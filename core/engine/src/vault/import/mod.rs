//! Importing: files become drafts and documents, these become changes of bounded size, each durable on its own.
//!
//! *Nothing dropped*: each item is understood, or kept as a document with the reason, or rejected with the reason (empty,
//! protected by a password, a link). *Nothing doubled*: a second import of the same bytes adds nothing (INV-2), whatever they
//! are called and however they are packed, because every draft is looked up by its deterministic id and content before it is
//! written. That is also how an import goes on after a kill: run it again. *Everything traceable*: what was read from a
//! document that is not FHIR carries the document's hash as its origin, and the document's bytes are kept.
//!
//! `files` finds what is named, `read` reads one item and descends into `archive`s, `content` is where its bytes lie, `watch`
//! is progress and cancel, `samples` reads files of series, `gather` writes, `documents` keeps bytes, `report` is what is said. Memory is bounded by one
//! transaction's drafts and [`content::MAX_HELD_BYTES`] for what must be held whole.

mod archive;
mod cda;
mod content;
mod documents;
mod files;
mod gather;
mod handed;
mod read;
mod report;
mod samples;
#[cfg(test)]
mod samples_tests;
#[cfg(test)]
mod tests;
mod watch;

pub use documents::seal_document;
pub use gather::{LARGE_RESOURCE_BYTES, Target, write_in};
pub use report::*;

use super::Observer;
use super::keyring::{self, GENERAL};
use super::open::Unlocked;
use super::persons;
use crate::error::{Error, Result};
use crate::host::Clock;
use crate::source::Outcome;
use carnet_wire::RecordId;
use std::path::PathBuf;

/// Imports what a source gave and what does not fit beside others into one change.
pub fn import_outcomes(
    target: Target<'_>,
    name: &str,
    format: &str,
    outcomes: Vec<Outcome>,
) -> Result<FileReport> {
    let mut gather = gather::Gather::new(target, name, format, FileReport::default());
    for outcome in outcomes {
        read::take(&mut gather, outcome)?;
    }
    gather.flush()?;
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
    let persons = open.store.read(|conn| {
        keyring::log_number(conn, record, GENERAL)?;
        persons::persons(conn)
    })?;
    let person = persons.into_iter().find(|person| person.record == record);
    let person = person.ok_or(Error::NotFound("this record"))?;
    let files = files::files_of(paths)?;
    let lengths = files.iter().filter_map(|file| file.metadata().ok());
    let watch = watch::Watch::new(observer, lengths.map(|file| file.len()).sum());
    let mut import = read::Import {
        target: gather::Target {
            open,
            clock,
            record,
        },
        options,
        person: &person,
        watch: &watch,
        report: ImportReport::default(),
    };
    let bulk = open.store.begin_bulk()?;
    files.iter().try_for_each(|path| import.file(path))?;
    drop(bulk);
    open.store.release_memory()?;
    Ok(import.report)
}
