//! Sealed attachments as files: `blobs/` holds whole ones, `uploads/` the parts that have arrived so far.
//!
//! Invariants: a file in `blobs/` is whole, durable and hashes to its name, because it is put there by a rename after the
//! hash was checked and the bytes synced; an upload offset that was answered survives a power cut; what a crash leaves is
//! either continued or found out by the hash and thrown away. A blob is kept once per mailbox and never shared between two:
//! sharing would tell one mailbox's members what another holds.

use crate::RelayError;
use crate::storage::MailboxNumber;
use carnet_wire::{BlobId, limits};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// How much is read at a time to hash a whole blob.
const HASH_BUFFER: usize = 256 << 10;
/// Uploads nobody has continued for this long are dropped.
const ABANDONED: Duration = Duration::from_secs(48 * 3_600);

/// How much of a blob is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All of it; its length.
    Whole(u64),
    /// The bytes before this offset.
    Partial(u64),
}

/// One part of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobPart<'a> {
    /// Where it starts.
    pub offset: u64,
    /// The length of the whole blob.
    pub total: u64,
    /// The part.
    pub bytes: &'a [u8],
}

/// Which bytes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobRange {
    /// First byte.
    pub first: u64,
    /// Last byte, itself included; to the end if absent. More than [`limits::MAX_BLOB_PART_BYTES`] are not answered at once.
    pub last: Option<u64>,
}

/// Some bytes of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobBytes {
    /// Where they start.
    pub first: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The length of the whole blob.
    pub total: u64,
}

/// The two folders.
#[derive(Debug)]
pub struct Blobs {
    whole: PathBuf,
    uploads: PathBuf,
    /// What is being written: two writers of one file would mix their bytes.
    busy: Mutex<HashSet<(MailboxNumber, BlobId)>>,
}

impl Blobs {
    /// Opens, creating the folders if needed.
    pub fn open(data: &Path) -> std::io::Result<Self> {
        let blobs = Self {
            whole: data.join("blobs"),
            uploads: data.join("uploads"),
            busy: Mutex::default(),
        };
        fs::create_dir_all(&blobs.whole)?;
        fs::create_dir_all(&blobs.uploads)?;
        sync_folder(data)?;
        Ok(blobs)
    }

    /// How much has arrived.
    pub fn progress(&self, mailbox: MailboxNumber, blob: BlobId) -> Result<Progress, RelayError> {
        if let Some(length) = length(&self.whole_path(mailbox, blob))? {
            return Ok(Progress::Whole(length));
        }
        let arrived = length(&self.upload_path(mailbox, blob))?;
        Ok(Progress::Partial(arrived.unwrap_or(0)))
    }

    /// Takes one part, from whoever has entered. A part of a blob that is whole already is harmless.
    pub(crate) fn put(
        &self,
        mailbox: MailboxNumber,
        blob: BlobId,
        part: BlobPart<'_>,
    ) -> Result<Progress, RelayError> {
        let end = check_part(part)?;
        match self.progress(mailbox, blob)? {
            Progress::Whole(length) => return Ok(Progress::Whole(length)),
            Progress::Partial(arrived) if arrived != part.offset => {
                return self.recover(mailbox, blob, arrived, part.total);
            }
            Progress::Partial(_) => self.append(mailbox, blob, part)?,
        }
        if end < part.total {
            return Ok(Progress::Partial(end));
        }
        self.finish(mailbox, blob)
    }

    /// Reads some bytes of a whole blob.
    pub fn read(
        &self,
        mailbox: MailboxNumber,
        blob: BlobId,
        range: BlobRange,
    ) -> Result<BlobBytes, RelayError> {
        let mut file = match File::open(self.whole_path(mailbox, blob)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(RelayError::NOT_FOUND),
            opened => opened?,
        };
        let total = file.metadata()?.len();
        let last = range.last.unwrap_or(u64::MAX).min(total.saturating_sub(1));
        let is_whole_empty = total == 0 && range.first == 0;
        if !is_whole_empty && (range.first >= total || last < range.first) {
            return Err(RelayError::BAD_RANGE);
        }
        let length = (last - range.first)
            .saturating_add(1)
            .min(limits::MAX_BLOB_PART_BYTES as u64)
            .min(total);
        file.seek(SeekFrom::Start(range.first))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(BlobBytes {
            first: range.first,
            bytes,
            total,
        })
    }

    /// Deletes all blobs of a mailbox that has ended.
    pub fn forget(&self, mailbox: MailboxNumber) -> Result<(), RelayError> {
        match fs::remove_dir_all(self.folder(mailbox)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Deletes one blob.
    pub(crate) fn remove(&self, mailbox: MailboxNumber, blob: BlobId) -> Result<(), RelayError> {
        remove(&self.whole_path(mailbox, blob))?;
        remove(&self.upload_path(mailbox, blob))
    }

    /// Drops uploads nobody continues, and says which.
    pub fn sweep(&self, now: SystemTime) -> Result<Vec<(MailboxNumber, BlobId)>, RelayError> {
        let mut dropped = Vec::new();
        for entry in fs::read_dir(&self.uploads)? {
            let entry = entry?;
            let Ok(modified) = entry.metadata().and_then(|meta| meta.modified()) else {
                // Finished or dropped between listing and looking.
                continue;
            };
            if now.duration_since(modified).unwrap_or_default() > ABANDONED {
                remove(&entry.path())?;
                dropped.extend(upload_name(&entry.file_name().to_string_lossy()));
            }
        }
        Ok(dropped)
    }

    /// A part that starts elsewhere than the file ends. More than there can be is thrown away. The end may be the blob's: the relay stopped between the last part
    /// and the rename, and the device, which got no answer, sends that part again.
    fn recover(
        &self,
        mailbox: MailboxNumber,
        blob: BlobId,
        arrived: u64,
        total: u64,
    ) -> Result<Progress, RelayError> {
        if arrived > total {
            remove(&self.upload_path(mailbox, blob))?;
            return Err(RelayError::WRONG_HASH);
        }
        if arrived != total {
            return Err(RelayError::WRONG_OFFSET);
        }
        self.finish(mailbox, blob)
    }

    fn append(
        &self,
        mailbox: MailboxNumber,
        blob: BlobId,
        part: BlobPart<'_>,
    ) -> Result<(), RelayError> {
        let path = self.upload_path(mailbox, blob);
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        let written = file.write_all(part.bytes).and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Back to where the device believes the end to be; if even that fails, the hash will tell.
            let _ = file.set_len(part.offset);
            return Err(error.into());
        }
        if part.offset == 0 {
            sync_folder(&self.uploads)?;
        }
        Ok(())
    }

    /// The last part is here: checks the hash and moves the file to its place.
    fn finish(&self, mailbox: MailboxNumber, blob: BlobId) -> Result<Progress, RelayError> {
        let upload = self.upload_path(mailbox, blob);
        let mut file = File::open(&upload)?;
        if hash(&mut file)? != blob {
            remove(&upload)?;
            return Err(RelayError::WRONG_HASH);
        }
        file.sync_all()?;
        let folder = self.folder(mailbox);
        fs::create_dir_all(&folder)?;
        fs::rename(&upload, self.whole_path(mailbox, blob))?;
        for folder in folder.ancestors().take(3) {
            sync_folder(folder)?;
        }
        Ok(Progress::Whole(file.metadata()?.len()))
    }

    /// Two levels, so that no folder grows with the number of mailboxes alone.
    fn folder(&self, mailbox: MailboxNumber) -> PathBuf {
        self.whole
            .join(format!("{:02x}", mailbox.0 & 0xff))
            .join(mailbox.0.to_string())
    }

    fn whole_path(&self, mailbox: MailboxNumber, blob: BlobId) -> PathBuf {
        self.folder(mailbox).join(blob.to_string())
    }

    fn upload_path(&self, mailbox: MailboxNumber, blob: BlobId) -> PathBuf {
        self.uploads.join(format!("{}-{blob}.part", mailbox.0))
    }

    /// Holds one blob alone until what is answered is dropped.
    pub(crate) fn enter(
        &self,
        mailbox: MailboxNumber,
        blob: BlobId,
    ) -> Result<Alone<'_>, RelayError> {
        let key = (mailbox, blob);
        let entered = lock(&self.busy).insert(key);
        entered
            .then_some(Alone { blobs: self, key })
            .ok_or(RelayError::BUSY)
    }
}

/// The right to write one blob, given back when dropped.
pub(crate) struct Alone<'a> {
    blobs: &'a Blobs,
    key: (MailboxNumber, BlobId),
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        lock(&self.blobs.busy).remove(&self.key);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which upload a file is.
pub(crate) fn upload_name(name: &str) -> Option<(MailboxNumber, BlobId)> {
    let (mailbox, blob) = name.strip_suffix(".part")?.split_once('-')?;
    Some((
        MailboxNumber(mailbox.parse().ok()?),
        BlobId::from_hex(blob)?,
    ))
}

/// Where the part ends, if its numbers are allowed.
pub(crate) fn check_part(part: BlobPart<'_>) -> Result<u64, RelayError> {
    if part.total > limits::MAX_BLOB_BYTES || part.bytes.len() > limits::MAX_BLOB_PART_BYTES {
        return Err(RelayError::TOO_LARGE);
    }
    part.offset
        .checked_add(part.bytes.len() as u64)
        .filter(|end| *end <= part.total)
        .ok_or(RelayError::MALFORMED)
}

fn length(path: &Path) -> Result<Option<u64>, RelayError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta.len())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn remove(path: &Path) -> Result<(), RelayError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

pub(crate) fn hash(file: &mut File) -> Result<BlobId, RelayError> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; HASH_BUFFER];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(BlobId(*hasher.finalize().as_bytes()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// A new name in a folder is durable only when the folder is.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
