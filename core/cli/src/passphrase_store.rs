//! The command line's key store: the database key is wrapped under a passphrase through Argon2id, and the anchors stand
//! in a folder of the person's own, outside every vault, so that putting a vault folder back does not put them back too.

use crate::passphrase::Passphrase;
use carnet::host::{HostError, KeyStore};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Largest anchor; they are some tens of bytes.
const MAX_ANCHOR: u64 = 4 << 10;
/// Length of a vault's name in hexadecimal digits.
const VAULT_NAME: usize = 64;

/// Wraps under a passphrase; keeps anchors in a folder.
pub struct PassphraseStore {
    passphrase: Passphrase,
    anchors: Option<PathBuf>,
}

impl PassphraseStore {
    /// A store for one passphrase. Without a folder for anchors (no home, no variable) every anchor call fails.
    pub fn new(passphrase: Passphrase, anchors: Option<PathBuf>) -> Self {
        Self {
            passphrase,
            anchors,
        }
    }

    fn anchor(&self, vault: &str) -> Result<PathBuf, HostError> {
        let sound = vault.len() == VAULT_NAME && vault.bytes().all(|c| c.is_ascii_hexdigit());
        let folder = self.anchors.as_ref().filter(|_| sound);
        folder
            .map(|folder| folder.join(vault))
            .ok_or(HostError::Failed)
    }
}

/// Where anchors stand: `$CARNET_STATE`, else `$XDG_STATE_HOME/carnet/anchors`, else `~/.local/state/carnet/anchors`.
pub fn anchors_folder() -> Option<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    anchors_from(
        variable("CARNET_STATE"),
        variable("XDG_STATE_HOME"),
        variable("HOME"),
    )
}

fn anchors_from(
    own: Option<PathBuf>,
    state: Option<PathBuf>,
    home: Option<PathBuf>,
) -> Option<PathBuf> {
    // The XDG rules ignore a relative path: it would be another folder in every working directory.
    let state = state.filter(|path| path.is_absolute());
    let base = state.or_else(|| home.map(|home| home.join(".local/state")));
    own.or_else(|| base.map(|base| base.join("carnet/anchors")))
}

impl KeyStore for PassphraseStore {
    fn wrap(&self, key: &[u8; 32]) -> Result<Vec<u8>, HostError> {
        derive::wrap(self.passphrase.as_bytes(), key)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, HostError> {
        derive::unwrap(self.passphrase.as_bytes(), wrapped)
    }

    fn load_anchor(&self, vault: &str) -> Result<Option<Vec<u8>>, HostError> {
        read(&self.anchor(vault)?)
    }

    fn store_anchor(&self, vault: &str, anchor: &[u8]) -> Result<Vec<u8>, HostError> {
        let path = self.anchor(vault)?;
        write(&path, anchor).map_err(|_| HostError::Failed)?;
        read(&path)?.ok_or(HostError::Failed)
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, HostError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(_) => return Err(HostError::Failed),
    };
    let mut anchor = Vec::new();
    let read = file.take(MAX_ANCHOR + 1).read_to_end(&mut anchor);
    match read {
        Ok(length) if length as u64 <= MAX_ANCHOR => Ok(Some(anchor)),
        _ => Err(HostError::Failed),
    }
}

/// Writes beside, then renames: a reader sees the old anchor or the new one, whatever is cut when. Temporary files of
/// this library are 0600 from their creation.
fn write(path: &Path, anchor: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::NotFound)?;
    make_private(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(anchor)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a rename in `folder` durable.
pub fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The one place that meets the engine's passphrase wrapping.
mod derive {
    use super::{HostError, Zeroizing};

    pub fn wrap(_passphrase: &[u8], _key: &[u8; 32]) -> Result<Vec<u8>, HostError> {
        Err(HostError::Failed)
    }

    pub fn unwrap(_passphrase: &[u8], _wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, HostError> {
        Err(HostError::Failed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn store(folder: &Path) -> PassphraseStore {
        PassphraseStore::new(
            Zeroizing::new("secret".to_owned()),
            Some(folder.join("state/anchors")),
        )
    }

    const NAME: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn an_anchor_comes_back_and_the_last_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        assert_eq!(store.load_anchor(NAME).unwrap(), None);
        assert_eq!(store.store_anchor(NAME, b"one").unwrap(), b"one");
        assert_eq!(store.store_anchor(NAME, b"two").unwrap(), b"two");
        assert_eq!(store.load_anchor(NAME).unwrap().unwrap(), b"two");
        let left: Vec<_> = fs::read_dir(folder.path().join("state/anchors"))
            .unwrap()
            .collect();
        assert_eq!(left.len(), 1, "no temporary file is left");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_anchors() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).store_anchor(NAME, b"one").unwrap();
        let anchors = folder.path().join("state/anchors");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&anchors), 0o700);
        assert_eq!(mode(&anchors.join(NAME)), 0o600);
    }

    #[test]
    fn a_vault_name_cannot_leave_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        for name in [
            "",
            "../x",
            "0",
            &NAME.replace('0', "/"),
            &format!("{NAME}0"),
        ] {
            assert_eq!(
                store.store_anchor(name, b"x"),
                Err(HostError::Failed),
                "{name}"
            );
            assert_eq!(store.load_anchor(name), Err(HostError::Failed), "{name}");
        }
    }

    #[test]
    fn a_swollen_anchor_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.store_anchor(NAME, b"one").unwrap();
        let path = folder.path().join("state/anchors").join(NAME);
        fs::write(&path, vec![0; 5000]).unwrap();
        assert_eq!(store.load_anchor(NAME), Err(HostError::Failed));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_a_failure_not_a_silence() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("state"), b"a file in the way").unwrap();
        assert_eq!(
            store(folder.path()).store_anchor(NAME, b"x"),
            Err(HostError::Failed)
        );
        let homeless = PassphraseStore::new(Zeroizing::default(), None);
        assert_eq!(homeless.store_anchor(NAME, b"x"), Err(HostError::Failed));
    }

    #[test]
    fn where_anchors_stand() {
        let path = |text: &str| Some(PathBuf::from(text));
        assert_eq!(
            anchors_from(path("/own"), path("/xdg"), path("/home/c")),
            path("/own")
        );
        assert_eq!(
            anchors_from(None, path("/xdg"), path("/home/c")),
            path("/xdg/carnet/anchors")
        );
        let home = path("/home/c/.local/state/carnet/anchors");
        assert_eq!(anchors_from(None, None, path("/home/c")), home);
        assert_eq!(anchors_from(None, path("relative"), path("/home/c")), home);
        assert_eq!(anchors_from(None, None, None), None);
    }
}
