//! Lets processes that share a vault take turns.
//!
//! SQLite's write lock goes to whoever asks in the moment it is free. A process that writes without pause asks again some
//! 20 µs after it let go, while another asks once a millisecond: with a flush of 10 ms (a loaded machine, a cheap phone)
//! the other waited more than 5 s and failed. Here a writer first takes its turn, then the lock, then passes the turn on:
//! whoever waits for the lock holds the turn, so nobody can overtake it. Only fairness rests on this, never correctness.

use super::open::LOCK_TRIES;
use crate::error::Result;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

const NAME: &str = "vault.turn";

/// The turnstile before the write lock. An empty file, locked for moments.
pub(super) struct Turnstile(File);

/// One's turn, until dropped.
pub(super) struct Turn<'t>(&'t File);

impl Turnstile {
    pub(super) fn open(folder: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(NAME))?;
        Ok(Self(file))
    }

    /// Waits for one's turn as long as for the lock itself; then asks without one, as SQLite alone would.
    pub(super) fn wait(&self) -> Option<Turn<'_>> {
        for _ in 0..LOCK_TRIES {
            match self.0.try_lock() {
                Ok(()) => return Some(Turn(&self.0)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(1)),
                // A file system without locks.
                Err(TryLockError::Error(_)) => return None,
            }
        }
        None
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Closing the file would unlock it too.
        let _ = self.0.unlock();
    }
}
