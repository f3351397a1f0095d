//! Which files an import reads: those named, and every regular file below folders, in the order of their names.
//!
//! Links inside folders are not followed: a folder must not lead out of itself. What the person names may be a link.

use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// Folders below folders are walked this deep.
const MAX_FOLDER_DEPTH: usize = 32;
/// Most files of one import.
pub const MAX_FILES: usize = 100_000;
const TOO_MANY: &str = "one import may name 100,000 files: import fewer at a time";
const NEITHER: &str = "neither a file nor a folder: name one of these";
const TOO_DEEP: &str = "folders nested more than 32 deep: import the inner ones by name";

/// The files of an import.
pub fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let kind = path.metadata()?;
        if !kind.is_dir() && !kind.is_file() {
            return Err(Error::Invalid(NEITHER));
        }
        walk(path, kind.is_dir(), 0, &mut files)?;
    }
    Ok(files)
}

fn walk(path: &Path, is_folder: bool, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    if !is_folder {
        if files.len() == MAX_FILES {
            return Err(Error::TooLarge(TOO_MANY));
        }
        files.push(path.to_owned());
        return Ok(());
    }
    if depth == MAX_FOLDER_DEPTH {
        return Err(Error::TooLarge(TOO_DEEP));
    }
    let mut entries = std::fs::read_dir(path)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    entries.sort();
    for entry in entries {
        let kind = entry.symlink_metadata()?;
        if kind.is_dir() || kind.is_file() {
            walk(&entry, kind.is_dir(), depth + 1, files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_come_in_the_order_of_their_names_whatever_the_depth() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/2", "b/1", "a", "c/d/e"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let files = files_of(&[folder.path().to_owned()]).unwrap();
        let names: Vec<_> = files
            .iter()
            .map(|file| file.strip_prefix(folder.path()).unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a", "b/1", "b/2", "c/d/e"].map(PathBuf::from));
    }

    #[cfg(unix)]
    #[test]
    fn links_in_a_folder_lead_nowhere_and_a_named_link_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(outside.path(), &link).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
        assert!(files_of(&[folder.path().to_owned()]).unwrap().is_empty());
        assert_eq!(files_of(std::slice::from_ref(&link)).unwrap(), [link]);
    }

    #[test]
    fn folders_too_deep_are_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let deep = (0..40).fold(folder.path().to_owned(), |path, _| path.join("d"));
        std::fs::create_dir_all(&deep).unwrap();
        assert!(matches!(
            files_of(&[folder.path().to_owned()]),
            Err(Error::TooLarge(TOO_DEEP))
        ));
        assert!(files_of(&[folder.path().join("missing")]).is_err());
    }
}
