//! Sealed documents as files named by the hash of their ciphertext: `attachments/ab/abcd…`.
//!
//! A file under its final name is whole and right: it was written under a temporary name, hashed on the way, flushed, then
//! renamed. This room sees ciphertext only; what opens it lies in the row of the attachment.

use super::open::sync_folder;
use crate::error::{Error, Result};
use carnet_wire::{BlobId, limits::MAX_BLOB_BYTES};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const FOLDER: &str = "attachments";
const UNFINISHED: &str = ".part";
const COPY_BYTES: usize = 64 << 10;

/// The attachment files of one vault.
#[derive(Debug, Clone)]
pub struct Attachments {
    folder: PathBuf,
}

impl Attachments {
    /// Opens the folder, makes it if needed, and sweeps what a kill left unfinished.
    pub fn open(vault: &Path) -> Result<Self> {
        let folder = vault.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let attachments = Self { folder };
        attachments.sweep()?;
        Ok(attachments)
    }

    /// Begins a file whose name is known when it is complete.
    pub fn make_incoming(&self) -> Result<Incoming> {
        // A sweep of another process may take the new file for a leftover in the moment before it is locked.
        for _ in 0..8 {
            let path = self.folder.join(make_temporary_name()?);
            let file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .open(&path)?;
            if file.try_lock().is_ok() && path.exists() {
                let folder = self.folder.clone();
                let hasher = Box::new(blake3::Hasher::new());
                return Ok(Incoming {
                    folder,
                    path,
                    file,
                    hasher,
                    size: 0,
                    done: false,
                });
            }
        }
        Err(Error::Bug("no temporary attachment could be kept"))
    }

    /// Opens a sealed document for reading.
    pub fn open_file(&self, blob: BlobId) -> Result<File> {
        match File::open(path_of(&self.folder, blob)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotFound("an attachment"))
            }
            other => Ok(other?),
        }
    }

    /// Length of a sealed document, if it is here.
    pub fn size(&self, blob: BlobId) -> Result<Option<u64>> {
        match fs::metadata(path_of(&self.folder, blob)) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a whole sealed document and compares it with its name.
    pub fn verify(&self, blob: BlobId) -> Result<()> {
        let mut file = self.open_file(blob)?;
        match hash_of(&mut file)? == blob {
            true => Ok(()),
            false => Err(Error::Corrupt("an attachment")),
        }
    }

    /// Every sealed document here, in order.
    pub fn list(&self) -> Result<Vec<BlobId>> {
        let mut blobs = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                for file in fs::read_dir(entry.path())? {
                    blobs.extend(file?.file_name().to_str().and_then(BlobId::from_hex));
                }
            }
        }
        blobs.sort_unstable();
        Ok(blobs)
    }

    /// Removes a sealed document, if it is here.
    pub fn remove(&self, blob: BlobId) -> Result<()> {
        let path = path_of(&self.folder, blob);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => path.parent().map_or(Ok(()), sync_folder),
        }
    }

    /// Removes unfinished files that nobody is writing: their writer held a lock for as long as it lived.
    fn sweep(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let unfinished = path.extension().is_some_and(|end| end == "part");
            let Some(file) = unfinished.then(|| File::open(&path).ok()).flatten() else {
                continue;
            };
            if file.try_lock().is_ok() {
                fs::remove_file(&path).or_else(missing_is_fine)?;
            }
        }
        Ok(())
    }
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// A sealed document on its way to disk. Dropped before [`Incoming::finish`], it leaves nothing.
pub struct Incoming {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Box<blake3::Hasher>,
    size: u64,
    done: bool,
}

impl Incoming {
    /// Length so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Makes the file durable under its name. One that is there already is read and kept; a damaged one is replaced.
    pub fn finish(mut self) -> Result<BlobId> {
        let blob = BlobId(*self.hasher.finalize().as_bytes());
        let path = path_of(&self.folder, blob);
        if let Ok(mut there) = File::open(&path)
            && hash_of(&mut there)? == blob
        {
            return Ok(blob);
        }
        self.file.sync_all()?;
        let parent = path
            .parent()
            .ok_or(Error::Bug("an attachment has no folder"))?;
        if !parent.exists() {
            fs::create_dir_all(parent)?;
            sync_folder(&self.folder)?;
        }
        fs::rename(&self.path, &path)?;
        self.done = true;
        sync_folder(parent)?;
        sync_folder(&self.folder)?;
        Ok(blob)
    }

    /// Like [`Incoming::finish`], for bytes that must have this name: others are refused and leave nothing.
    pub fn finish_as(self, expected: BlobId) -> Result<()> {
        if *self.hasher.finalize().as_bytes() != expected.0 {
            return Err(Error::Corrupt("an attachment on its way"));
        }
        self.finish().map(|_| ())
    }
}

impl Write for Incoming {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.size.saturating_add(bytes.len() as u64) > MAX_BLOB_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let written = self.file.write(bytes)?;
        let (taken, _) = bytes.split_at(written);
        self.hasher.update(taken);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.done {
            // Failing leaves an unfinished file, which the next open sweeps.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn path_of(folder: &Path, blob: BlobId) -> PathBuf {
    let name = blob.to_string();
    let shelf: String = name.chars().take(2).collect();
    folder.join(shelf).join(name)
}

fn make_temporary_name() -> Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| Error::Host("no random numbers"))?;
    Ok(format!("{:016x}{UNFINISHED}", u64::from_be_bytes(random)))
}

fn hash_of(file: &mut File) -> Result<BlobId> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(BlobId(*hasher.finalize().as_bytes()));
        }
        let (filled, _) = buffer.split_at(count);
        hasher.update(filled);
    }
}

/// Bytes of every file below a folder.
pub(super) fn bytes_below(folder: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            // Another process may finish or checkpoint meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            other => other?,
        };
        total += match metadata.is_dir() {
            true => bytes_below(&entry.path())?,
            false => metadata.len(),
        };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keep(attachments: &Attachments, bytes: &[u8]) -> BlobId {
        let mut incoming = attachments.make_incoming().unwrap();
        incoming.write_all(bytes).unwrap();
        incoming.finish().unwrap()
    }

    fn files(folder: &Path) -> usize {
        fs::read_dir(folder.join(FOLDER)).unwrap().count()
    }

    #[test]
    fn keeps_by_content_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let bytes = vec![9; 300_000];
        let blob = keep(&attachments, &bytes);
        assert_eq!(blob, BlobId::derive(&bytes));
        assert_eq!(keep(&attachments, &bytes), blob);
        assert_eq!(attachments.list().unwrap(), [blob]);
        assert_eq!(attachments.size(blob).unwrap(), Some(300_000));
        let mut read = Vec::new();
        attachments
            .open_file(blob)
            .unwrap()
            .read_to_end(&mut read)
            .unwrap();
        assert_eq!(read, bytes);
        attachments.verify(blob).unwrap();
        attachments.remove(blob).unwrap();
        attachments.remove(blob).unwrap();
        assert!(matches!(
            attachments.open_file(blob),
            Err(Error::NotFound(_))
        ));
    }

    #[test]
    fn a_flipped_bit_is_found_and_healed_by_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let blob = keep(&attachments, b"ciphertext");
        let path = path_of(&attachments.folder, blob);
        for bit in 0..80 {
            let mut bytes = b"ciphertext".to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, bytes).unwrap();
            assert!(matches!(attachments.verify(blob), Err(Error::Corrupt(_))));
        }
        keep(&attachments, b"ciphertext");
        attachments.verify(blob).unwrap();
    }

    #[test]
    fn unfinished_files_leave_nothing_or_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let mut dropped = attachments.make_incoming().unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(files(folder.path()), 0);

        let mut killed = attachments.make_incoming().unwrap();
        killed.write_all(b"half").unwrap();
        killed.done = true; // what a kill leaves: no drop
        drop(killed);
        assert_eq!(files(folder.path()), 1);
        Attachments::open(folder.path()).unwrap();
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn a_sweep_spares_what_another_is_writing() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let mut incoming = attachments.make_incoming().unwrap();
        incoming.write_all(b"slow").unwrap();
        let other = Attachments::open(folder.path()).unwrap();
        let blob = incoming.finish().unwrap();
        other.verify(blob).unwrap();
    }

    #[test]
    fn bytes_that_are_not_the_expected_ones_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let mut incoming = attachments.make_incoming().unwrap();
        incoming.write_all(b"something").unwrap();
        assert!(incoming.finish_as(BlobId::derive(b"else")).is_err());
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn the_size_limit_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let mut incoming = attachments.make_incoming().unwrap();
        incoming.size = MAX_BLOB_BYTES - 1;
        assert!(incoming.write_all(b"x").is_ok());
        assert!(incoming.write_all(b"x").is_err());
    }
}
