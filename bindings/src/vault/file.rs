//! Files that leave the vault, at the person's wish: readable by whoever gets them.

use crate::error::Result;
use carnet::VaultError;
use std::fs::File;
use std::io::{BufWriter, IntoInnerError, Write};
use std::path::Path;

/// A file that exists is not touched; one that could not be finished is taken away again.
pub fn write_new(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<u64>) -> Result<u64> {
    let unwritable = |_| VaultError::HostFailed("the file could not be written");
    let mut out = BufWriter::new(File::create_new(path).map_err(unwritable)?);
    let written = write(&mut out).and_then(|count| {
        out.into_inner()
            .map_err(IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .map_err(unwritable)?;
        Ok(count)
    });
    if written.is_err() {
        // What is left of it, if it cannot be removed, is as readable as the whole would have been.
        let _ = std::fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_new_file_is_written_whole_and_another_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let write = |out: &mut dyn Write| out.write_all(b"whole").map(|()| 5);
        let write = |out: &mut dyn Write| write(out).map_err(|_| VaultError::DiskFull);
        assert_eq!(write_new(&path, write), Ok(5));
        assert!(write_new(&path, |_| Ok(0)).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn half_a_file_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let half = |out: &mut dyn Write| {
            out.write_all(&[7; 100_000]).unwrap();
            Err(VaultError::Cancelled)
        };
        assert_eq!(write_new(&path, half), Err(VaultError::Cancelled));
        assert!(!path.exists());
    }
}
