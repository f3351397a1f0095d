//! A copy of a relay that is running.
//!
//! Database first, then blobs: a blob is whole before its row is, and never changes, so a copy made in this order has every blob
//! its database knows. What the running relay deletes waits until the backup is done. The copy's database is named last, so a
//! copy that was cut short is not taken for one; the next backup into the same directory goes on with the blobs it finds.
//!
//! **To restore**, copy the directory to where the relay is to run and start it there. The database knows that it is a copy: its
//! first start draws a new generation, by which devices see that the relay may have lost what they sent since, and send it again.

use crate::StartError;
use crate::sqlite::{FILE, mark_copy, reader};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

/// Held by a backup, and by whoever deletes.
const LOCK: &str = "backup.lock";

/// What a backup did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Blobs copied.
    pub blobs: u64,
    /// Blobs an earlier backup had copied.
    pub kept: u64,
    /// Bytes of the database.
    pub database: u64,
}

/// Copies the relay in `data`, running or not, to `to`. Blocks.
pub fn backup(data: &Path, to: &Path) -> Result<Copied, StartError> {
    let source = data.join(FILE);
    // A file that is not there would be created by opening it.
    fs::metadata(&source)?;
    let _alone = lock(data, true)?;
    fs::create_dir_all(to)?;
    let (database, partial) = (to.join(FILE), to.join("relay.db.partial"));
    if fs::canonicalize(data)? == fs::canonicalize(to)? {
        return Err(StartError::SameDirectory);
    }
    remove(&partial)?;
    copy_database(&source, &partial)?;
    mark_copy(&partial)?;
    File::open(&partial)?.sync_all()?;
    let mut copied = Copied {
        database: fs::metadata(&partial)?.len(),
        ..Copied::default()
    };
    // The old copy's database may know blobs that are gone now: from here on there is none until the new one is whole.
    remove(&database)?;
    copy_blobs(&data.join("blobs"), &to.join("blobs"), &mut copied)?;
    fs::rename(&partial, &database)?;
    sync(to)?;
    Ok(copied)
}

/// Holds off backups while something is deleted. An error says that one is under way.
pub(crate) fn no_backup(data: &Path) -> Result<File, StartError> {
    lock(data, false)
}

fn lock(data: &Path, waits: bool) -> Result<File, StartError> {
    let lock = File::create(data.join(LOCK))?;
    match waits {
        true => lock.lock()?,
        false => lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StartError::AlreadyRunning,
            TryLockError::Error(error) => error.into(),
        })?,
    }
    Ok(lock)
}

fn copy_database(from: &Path, to: &Path) -> Result<(), StartError> {
    let target = to
        .to_str()
        .ok_or(StartError::Data(std::io::ErrorKind::InvalidFilename))?;
    // One read transaction: writers go on beside it.
    reader(from)?.execute("VACUUM INTO ?1", [target])?;
    Ok(())
}

fn copy_blobs(from: &Path, to: &Path, copied: &mut Copied) -> Result<(), StartError> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy_blobs(&from, &to, copied)?;
        } else if is_there(&from, &to)? {
            copied.kept += 1;
        } else {
            copy_file(&from, &to)?;
            copied.blobs += 1;
        }
    }
    sync(to)
}

/// Blobs never change: one of the same name and length is the same.
fn is_there(from: &Path, to: &Path) -> Result<bool, StartError> {
    match fs::metadata(to) {
        Ok(there) => Ok(there.len() == fs::metadata(from)?.len()),
        Err(_) => Ok(false),
    }
}

fn copy_file(from: &Path, to: &Path) -> Result<(), StartError> {
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    fs::copy(from, &partial)?;
    File::open(&partial)?.sync_all()?;
    Ok(fs::rename(&partial, to)?)
}

fn remove(file: &Path) -> Result<(), StartError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<(), StartError> {
    Ok(File::open(folder)?.sync_all()?)
}
