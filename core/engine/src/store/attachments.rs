//! Sealed documents as files named by the hash of their ciphertext: `attachments/ab/abcd…`.
//!
//! A file under its final name is whole and right: it was written under a temporary name, hashed on the way, flushed, then
//! renamed. This room sees ciphertext only; what opens it lies in the row of the attachment.

use super::open::sync_folder;
use crate::error::{Error, Result};
use carnet_wire::{BlobId, limits::MAX_BLOB_BYTES};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const FOLDER: &str = "attachments";
const UNFINISHED: &str = ".part";
/// A download that goes on where it stopped.
const FETCHED: &str = "fetch";
/// A download nobody has gone on with for this long is given up.
const ABANDONED: Duration = Duration::from_secs(30 * 86_400);
/// A download is flushed this often: a flush at the end of a large one would take seconds.
const FLUSH_BYTES: u64 = 8 << 20;
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
                    hashed: 0,
                    keep: false,
                    done: false,
                });
            }
        }
        Err(Error::Bug("no temporary attachment could be kept"))
    }

    /// Begins a document of this name, or goes on with one that an earlier attempt left unfinished: read what there is with
    /// [`Incoming::catch_up`] first. None while another process is at it.
    pub fn resume(&self, blob: BlobId) -> Result<Option<Incoming>> {
        let path = self.folder.join(format!("{blob}.{FETCHED}"));
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)?;
        // Whoever finished or gave it up meanwhile took the name away from the file that was just opened.
        if file.try_lock().is_err() || !path.exists() {
            return Ok(None);
        }
        Ok(Some(Incoming {
            folder: self.folder.clone(),
            size: file.metadata()?.len(),
            path,
            file,
            hasher: Box::new(blake3::Hasher::new()),
            hashed: 0,
            keep: true,
            done: false,
        }))
    }

    /// Bytes there are of an unfinished document.
    pub fn resumable(&self, blob: BlobId) -> Result<u64> {
        match fs::metadata(self.folder.join(format!("{blob}.{FETCHED}"))) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Where a sealed document lies: ciphertext under the name of its hash.
    pub fn path(&self, blob: BlobId) -> PathBuf {
        path_of(&self.folder, blob)
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
            let unfinished =
                path.extension().is_some_and(|end| end == "part") || is_abandoned(&path);
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

fn is_abandoned(path: &Path) -> bool {
    let touched = path.metadata().and_then(|file| file.modified());
    let age = touched.map(|touched| touched.elapsed().unwrap_or_default());
    path.extension().is_some_and(|end| end == FETCHED) && age.is_ok_and(|age| age > ABANDONED)
}

fn missing_is_fine(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    }
}

/// A sealed document on its way to disk. Dropped before [`Incoming::finish`], it leaves nothing, or what can be resumed.
pub struct Incoming {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    hasher: Box<blake3::Hasher>,
    size: u64,
    /// How much of it was hashed: less than its size when it is resumed.
    hashed: u64,
    /// Whether it can be resumed.
    keep: bool,
    done: bool,
}

impl Incoming {
    /// Length so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads again at most `most` bytes of what an earlier attempt left; whether that was all.
    pub fn catch_up(&mut self, most: u64) -> Result<bool> {
        let mut left = most.min(self.size - self.hashed);
        let mut buffer = vec![0; COPY_BYTES];
        self.file.seek(SeekFrom::Start(self.hashed))?;
        while left > 0 {
            let count = (&mut self.file).take(left).read(&mut buffer)?;
            if count == 0 {
                return Err(Error::Corrupt("an attachment on its way"));
            }
            self.hasher.update(buffer.get(..count).unwrap_or_default());
            self.hashed += count as u64;
            left -= count as u64;
        }
        Ok(self.hashed == self.size)
    }

    /// Stops for now: what there is survives a power cut.
    pub fn pause(self) -> Result<()> {
        Ok(self.file.sync_all()?)
    }

    /// Gives it up: nothing is left of it.
    pub fn discard(mut self) -> Result<()> {
        self.keep = false;
        Ok(())
    }

    /// Makes the file durable under its name. One that is there already is read and kept; a damaged one is replaced.
    pub fn finish(mut self) -> Result<BlobId> {
        if self.hashed != self.size {
            return Err(Error::Bug("a resumed attachment was not read again"));
        }
        let blob = BlobId(*self.hasher.finalize().as_bytes());
        let path = path_of(&self.folder, blob);
        if let Ok(mut there) = File::open(&path)
            && hash_of(&mut there)? == blob
        {
            self.keep = false;
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
    pub fn finish_as(mut self, expected: BlobId) -> Result<()> {
        if *self.hasher.finalize().as_bytes() != expected.0 {
            self.keep = false;
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
        // What is resumed may be read again later: hashing a gigabyte for each part of it would be absurd.
        if self.hashed == self.size {
            self.hasher.update(taken);
            self.hashed += written as u64;
        }
        let before = self.size / FLUSH_BYTES;
        self.size += written as u64;
        if self.keep && self.size / FLUSH_BYTES > before {
            self.file.sync_data()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.done && !self.keep {
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
    fn a_download_goes_on_where_it_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| at as u8).collect();
        let blob = BlobId::derive(&bytes);
        let mut first = attachments.resume(blob).unwrap().unwrap();
        assert!(first.catch_up(1).unwrap());
        first.write_all(&bytes[..150_000]).unwrap();
        assert!(attachments.resume(blob).unwrap().is_none(), "two writers");
        drop(first);
        let attachments = Attachments::open(folder.path()).unwrap();
        assert_eq!(attachments.resumable(blob).unwrap(), 150_000);
        let mut second = attachments.resume(blob).unwrap().unwrap();
        assert!(!second.catch_up(100_000).unwrap());
        assert!(second.catch_up(100_000).unwrap());
        second.write_all(&bytes[150_000..]).unwrap();
        second.finish_as(blob).unwrap();
        attachments.verify(blob).unwrap();
        assert_eq!(
            (attachments.resumable(blob).unwrap(), files(folder.path())),
            (0, 1)
        );
    }

    #[test]
    fn what_turned_out_wrong_is_not_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        let blob = BlobId::derive(b"true");
        let mut incoming = attachments.resume(blob).unwrap().unwrap();
        incoming.write_all(b"false").unwrap();
        assert!(incoming.finish_as(blob).is_err());
        let mut incoming = attachments.resume(blob).unwrap().unwrap();
        incoming.write_all(b"tr").unwrap();
        incoming.discard().unwrap();
        assert_eq!(files(folder.path()), 0);
    }

    #[test]
    fn an_abandoned_download_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let attachments = Attachments::open(folder.path()).unwrap();
        for (name, age) in [(b"old", ABANDONED * 2), (b"new", ABANDONED / 2)] {
            let mut incoming = attachments.resume(BlobId::derive(name)).unwrap().unwrap();
            incoming.write_all(name).unwrap();
            let touched = std::time::SystemTime::now() - age;
            incoming.file.set_modified(touched).unwrap();
        }
        Attachments::open(folder.path()).unwrap();
        assert_eq!(files(folder.path()), 1);
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
