//! [`Storage`] on an embedded SQLite: one writer thread with group commit, a few readers.
//!
//! Invariant: an answer is given after `COMMIT` has returned under `synchronous=FULL`, so what was answered survives a
//! power cut. SQLite has one writer in any case; giving it a thread of its own with a queue turns the wait for the disk into
//! one wait for everything that queued meanwhile (measured: 36 to 63 times the appends per second of one commit each).

mod heads;
mod open;
mod read;
mod writer;

use crate::metrics::Metrics;
use crate::storage::{
    Append, Appended, BlobPlace, Closing, Listener, Mailbox, MailboxNumber, Page, Position, Quota,
    ReadLimit, Retirement, Storage,
};
use crate::{Pending, RelayError, StartError};
use carnet_wire::MailboxId;
use carnet_wire::relay::Registration;
use heads::Heads;
use read::Readers;
use rusqlite::Connection;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use writer::{Job, Shared, Writer, task};

/// The database's name in a data directory.
pub(crate) const FILE: &str = "relay.db";

pub(crate) use open::{mark_copy, reader};
pub(crate) use writer::prefix;

/// Mailboxes kept in one SQLite file.
pub struct SqliteStorage {
    generation: u64,
    shared: Shared,
    readers: Readers,
    writer: Writer,
}

/// What a retirement or a closing weighs in a transaction for each thing it names: about the page its row is on.
const RETIRE_WEIGHT: usize = 4_096;

impl SqliteStorage {
    /// Opens the database in `file`, creating it if there is none. Blocks.
    pub fn open(file: &Path, quota: Quota, metrics: Arc<Metrics>) -> Result<Self, StartError> {
        let (connection, generation) = open::writer(file)?;
        let shared = Shared {
            heads: Arc::new(Heads::new()),
            quota,
            metrics,
            listener: Arc::new(OnceLock::new()),
        };
        Ok(Self {
            generation,
            readers: Readers::open(file)?,
            writer: Writer::start(connection, shared.clone())?,
            shared,
        })
    }

    /// Has the writer run `work`. `ends` are the mailboxes that are no more after it.
    fn run<T: Send + 'static>(
        &self,
        weight: usize,
        ends: Vec<MailboxNumber>,
        work: impl FnMut(&Connection) -> Result<T, RelayError> + Send + 'static,
    ) -> Result<Pending<T>, RelayError> {
        let (job, answer) = task(weight, ends, work);
        self.writer.submit(job)?;
        Ok(answer)
    }
}

impl Storage for SqliteStorage {
    fn generation(&self) -> u64 {
        self.generation
    }

    fn register(&self, mailboxes: Vec<Registration>, now: u64) -> Result<Pending<()>, RelayError> {
        let now = seconds(now);
        self.run(0, Vec::new(), move |connection| {
            writer::register(connection, &mailboxes, now)
        })
    }

    fn mailboxes(&self, ids: &[MailboxId], now: u64) -> Result<Vec<Option<Mailbox>>, RelayError> {
        self.readers
            .with(|connection| read::mailboxes(connection, ids, seconds(now)))
    }

    fn append(&self, envelopes: Vec<Append>, now: u64) -> Result<Pending<Appended>, RelayError> {
        let (reply, answer) = crate::pending::pending();
        let now = seconds(now);
        self.writer.submit(Job::Append {
            envelopes,
            now,
            reply,
        })?;
        Ok(answer)
    }

    fn read(
        &self,
        positions: &[Position],
        limit: ReadLimit,
        now: u64,
    ) -> Result<Vec<Result<Page, RelayError>>, RelayError> {
        let heads = &self.shared.heads;
        self.readers
            .with(|connection| read::pages(connection, positions, limit, seconds(now), heads))
    }

    fn unmoved(&self, positions: &[Position], now: u64) -> Option<Vec<u64>> {
        self.shared.heads.unmoved(positions, seconds(now))
    }

    fn expired(&self, now: u64, limit: usize) -> Result<Vec<MailboxNumber>, RelayError> {
        self.readers
            .with(|connection| read::expired(connection, seconds(now), limit))
    }

    fn forget(&self, mailboxes: Vec<MailboxNumber>) -> Result<Pending<bool>, RelayError> {
        self.run(0, mailboxes.clone(), move |connection| {
            writer::forget(connection, &mailboxes)
        })
    }

    fn heads(&self, mailboxes: &[MailboxNumber], now: u64) -> Result<Vec<Option<u64>>, RelayError> {
        let heads = &self.shared.heads;
        self.readers
            .with(|connection| read::heads(connection, mailboxes, seconds(now), heads))
    }

    fn listen(&self, listener: Listener) {
        let _ = self.shared.listener.set(listener);
    }

    fn retire(&self, retirement: Retirement, now: u64) -> Result<Pending<u64>, RelayError> {
        let weight = retirement.ids.len() * RETIRE_WEIGHT;
        self.run(weight, Vec::new(), move |connection| {
            writer::retire(connection, &retirement, seconds(now))
        })
    }

    fn bring_back(&self, mailbox: MailboxNumber, since: u64) -> Result<Pending<u64>, RelayError> {
        self.run(0, Vec::new(), move |connection| {
            writer::bring_back(connection, mailbox, seconds(since))
        })
    }

    fn purge(&self, before: u64) -> Result<Pending<bool>, RelayError> {
        self.run(0, Vec::new(), move |connection| {
            writer::purge(connection, seconds(before))
        })
    }

    fn close_mailboxes(&self, closings: Vec<Closing>) -> Result<Pending<()>, RelayError> {
        let weight = closings.len() * RETIRE_WEIGHT;
        self.run(weight, Vec::new(), move |connection| {
            writer::close(connection, &closings)
        })
    }

    fn delete(&self, mailbox: MailboxNumber, now: u64) -> Result<Pending<()>, RelayError> {
        self.run(0, vec![mailbox], move |connection| {
            writer::delete(connection, mailbox, seconds(now))
        })
    }

    fn reserve(&self, blob: BlobPlace, size: u64, now: u64) -> Result<Pending<()>, RelayError> {
        let quota = self.shared.quota;
        self.run(0, Vec::new(), move |connection| {
            writer::reserve(connection, blob, seconds(size), quota, seconds(now))
        })
    }

    fn reserved(&self, blob: BlobPlace, now: u64) -> Result<Option<u64>, RelayError> {
        self.readers
            .with(|connection| read::reserved(connection, blob, seconds(now)))
    }

    fn retired_blobs(&self, before: u64, limit: usize) -> Result<Vec<BlobPlace>, RelayError> {
        self.readers
            .with(|connection| read::retired_blobs(connection, seconds(before), limit))
    }

    fn release(
        &self,
        blob: BlobPlace,
        retired_before: Option<u64>,
    ) -> Result<Pending<bool>, RelayError> {
        self.run(0, Vec::new(), move |connection| {
            writer::release(connection, blob, retired_before.map(seconds))
        })
    }

    fn size(&self) -> Result<u64, RelayError> {
        self.readers.with(read::size)
    }

    fn is_healthy(&self) -> bool {
        self.writer.is_alive()
    }

    fn close(&self) {
        self.writer.close();
    }
}

/// SQLite's integers are signed; a time or a size beyond them is the greatest there is.
fn seconds(now: u64) -> i64 {
    i64::try_from(now).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Files(tempfile::TempDir);

    impl crate::conformance::Backend for Files {
        fn open(&mut self, name: &str, quota: Quota) -> Arc<dyn Storage> {
            Arc::new(open(&self.0, name, quota))
        }

        fn cut(&mut self, name: &str, copy: &str) {
            // What is not in these two files was not synced. No checkpoint runs: nothing is being written.
            for end in ["", "-wal"] {
                let file = |name| self.0.path().join(format!("{name}{end}"));
                std::fs::copy(file(name), file(copy)).unwrap();
            }
        }
    }

    fn open(folder: &tempfile::TempDir, name: &str, quota: Quota) -> SqliteStorage {
        SqliteStorage::open(&folder.path().join(name), quota, Arc::default()).unwrap()
    }

    #[test]
    fn conforms() {
        crate::conformance::check(&mut Files(tempfile::tempdir().unwrap()));
    }

    #[test]
    fn closing_leaves_everything_in_the_file_itself() {
        let folder = tempfile::tempdir().unwrap();
        let storage = open(&folder, "relay.db", Quota::NONE);
        crate::conformance::fill(&storage, 10);
        storage.close();
        drop(storage);
        let wal = std::fs::metadata(folder.path().join("relay.db-wal")).map(|meta| meta.len());
        assert_eq!(wal.unwrap_or(0), 0);
    }
}
