//! The encrypted database of one device and its attachment files: schema, one writer, several readers, and every view.
//!
//! Invariant: a view is a pure function of the set of changes in `change`. Whatever order they arrive in, and how often,
//! the views come out identical (INV-1), and [`rebuild`] proves it. This room never decides what a resource means: that is
//! `record`'s business; nor who may write: that is settled before a change gets here.

pub mod access;
pub mod anchor;
pub mod attachments;
mod documents;
pub mod log;
pub mod meta;
pub mod migrate;
pub mod moving;
pub mod news;
pub mod open;
pub mod project;
pub mod rebuild;
pub mod series;
pub mod shards;
pub mod snapshot;
pub mod views;

pub mod detail;
pub mod entries;
mod outside;
pub mod presence;
mod rows;
mod sort;
mod sources;
mod terms;
mod texts;
mod turn;
mod unproject;

#[cfg(test)]
mod bench;
#[cfg(test)]
mod open_tests;
#[cfg(test)]
mod presence_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use attachments::{Attachments, Incoming};
pub use documents::{
    Archived, StoredDocument, all_documents, documents_of, each_version, has_attachment,
    original_of, place_of_resource,
};
pub use open::give_back;
pub use project::{Known, Projected, Projection, known, project, project_all};
pub use sources::{
    SourceRow, add_source, begin_source_run, count_items, end_source_run, item, missing_items,
    note_item, remove_source, set_gone, set_source_settings, set_source_state, source, sources,
};
pub use texts::{each_current_text, text_of};
pub use unproject::unproject;

use crate::error::Result;
use rusqlite::{Connection, InterruptHandle, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use zeroize::Zeroizing;

/// Idle readers kept open; more are opened under load and closed after.
const IDLE_READERS: usize = 4;

/// An open vault folder. Two processes may hold the same one.
pub struct Store {
    folder: PathBuf,
    key: Zeroizing<[u8; 32]>,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Reader>>,
    interrupts: Mutex<Vec<Weak<InterruptHandle>>>,
    writer_interrupt: Arc<InterruptHandle>,
    attachments: Attachments,
    turnstile: turn::Turnstile,
}

/// While it lasts the writer may use the memory of a bulk import.
pub struct Bulk<'s>(&'s Store);

impl Drop for Bulk<'_> {
    fn drop(&mut self) {
        // A cache that stays large costs memory and nothing else.
        let _ = open::set_bulk(&unpoisoned(&self.0.writer), false);
    }
}

impl Store {
    /// Makes a new vault in a folder that has none.
    pub fn create(folder: &Path, key: &[u8; 32]) -> Result<Self> {
        Self::create_with(folder, key, |_| Ok(()))
    }

    /// Makes a new vault whose first content is there as soon as the vault is: a kill leaves both or neither.
    pub fn create_with(
        folder: &Path,
        key: &[u8; 32],
        fill: impl FnOnce(&Transaction<'_>) -> Result<()>,
    ) -> Result<Self> {
        open::create(folder, key, fill)?;
        Self::open(folder, key)
    }

    /// Opens an existing vault. A damaged one is set aside and reported, a newer one refused untouched.
    pub fn open(folder: &Path, key: &[u8; 32]) -> Result<Self> {
        let writer = open::open_writer(folder, key)?;
        let attachments = Attachments::open(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            key: Zeroizing::new(*key),
            interrupts: Mutex::new(Vec::new()),
            writer_interrupt: Arc::new(writer.get_interrupt_handle()),
            writer: Mutex::new(writer),
            readers: Mutex::new(Vec::new()),
            attachments,
            turnstile: turn::Turnstile::open(folder)?,
        })
    }

    /// One durable transaction: all of `work` or nothing. `work` must not call [`Store::write`] again: there is one writer.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut writer = unpoisoned(&self.writer);
        let transaction = self.begin(&mut writer)?;
        let value = work(&transaction)?;
        meta::count_write(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    /// Reads one consistent state, while writers go on.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut reader = self.take_reader()?;
        let transaction = reader
            .connection
            .transaction_with_behavior(TransactionBehavior::Deferred)?;
        let value = work(&transaction);
        transaction.finish()?;
        self.put_reader(reader);
        value
    }

    /// Stops whatever statement is running on any connection; its call answers `Cancelled` and its transaction is undone.
    pub fn interrupt(&self) {
        self.writer_interrupt.interrupt();
        for handle in unpoisoned(&self.interrupts)
            .iter()
            .filter_map(Weak::upgrade)
        {
            handle.interrupt();
        }
    }

    /// Gives back the memory of the page caches, after an import or before going to the background.
    pub fn release_memory(&self) -> Result<()> {
        unpoisoned(&self.readers).clear();
        unpoisoned(&self.writer).execute_batch("PRAGMA shrink_memory")?;
        Ok(())
    }

    /// Lets the writer use the memory of a bulk import until the guard goes.
    pub fn begin_bulk(&self) -> Result<Bulk<'_>> {
        open::set_bulk(&unpoisoned(&self.writer), true)?;
        Ok(Bulk(self))
    }

    /// Whether no connection is inside a transaction.
    #[cfg(test)]
    pub fn is_idle(&self) -> bool {
        use rusqlite::TransactionState::None;
        let idle = |connection: &Connection| {
            connection
                .transaction_state(rusqlite::DEFAULT_NAME)
                .is_ok_and(|state| state == None)
        };
        let readers = unpoisoned(&self.readers);
        idle(&unpoisoned(&self.writer)) && readers.iter().all(|reader| idle(&reader.connection))
    }

    /// Moves the write-ahead log into the database as far as other processes allow.
    pub fn checkpoint(&self) -> Result<()> {
        let writer = unpoisoned(&self.writer);
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    /// The sealed documents.
    pub fn attachments(&self) -> &Attachments {
        &self.attachments
    }

    /// The folder of the vault.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes of every file of the vault's folder.
    pub fn bytes_on_disk(&self) -> Result<u64> {
        attachments::bytes_below(&self.folder)
    }

    /// The key that seals the rollback anchor of this vault.
    pub fn anchor_key(&self) -> anchor::AnchorKey {
        anchor::AnchorKey::derive(&self.key)
    }

    /// Begins a transaction that may write, when it is this process's turn.
    fn begin<'w>(&self, writer: &'w mut Connection) -> Result<Transaction<'w>> {
        let _turn = self.turnstile.wait();
        // IMMEDIATE: a deferred transaction of two processes fails when it first writes, and waiting cannot help it.
        Ok(writer.transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    fn take_reader(&self) -> Result<Reader> {
        if let Some(reader) = unpoisoned(&self.readers).pop() {
            return Ok(reader);
        }
        let connection = open::open_reader(&self.folder, &self.key)?;
        let interrupt = Arc::new(connection.get_interrupt_handle());
        let mut interrupts = unpoisoned(&self.interrupts);
        interrupts.retain(|handle| handle.strong_count() > 0);
        interrupts.push(Arc::downgrade(&interrupt));
        Ok(Reader {
            connection,
            _interrupt: interrupt,
        })
    }

    fn put_reader(&self, reader: Reader) {
        let mut readers = unpoisoned(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
    }
}

/// A connection that reads, and what stops it for as long as it lives.
struct Reader {
    connection: Connection,
    _interrupt: Arc<InterruptHandle>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Store")
    }
}

/// A lock whose holder panicked: its transaction was rolled back while the panic unwound, so the connection is sound.
fn unpoisoned<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
