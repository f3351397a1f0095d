//! Where a passphrase comes from: a file, the environment, or the keyboard. Never an argument, because every process of
//! the machine can read those. Kept in memory only, and wiped.

use crate::console::Console;
use crate::error::{CliError, CliResult, Exit};
use crate::texts::message;
use carnet::VaultError;
use carnet::seal::passphrase::MAX_PASSPHRASE_BYTES;
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::path::Path;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A passphrase.
pub type Passphrase = Zeroizing<String>;

/// Fewer characters than this are warned about when a vault is made; an old vault opens with whatever it was given.
const FLOOR: usize = 8;
/// Most bytes read of a file: one given by mistake is not read to its end.
const MAX_READ: u64 = MAX_PASSPHRASE_BYTES as u64 + 8;
/// How often the two entries of a new passphrase may differ.
const ATTEMPTS: usize = 3;
/// Where the environment holds it.
const VARIABLE: &str = "CARNET_PASSPHRASE";

/// The passphrase of an existing vault.
pub fn known(console: &Console, file: Option<&Path>) -> CliResult<Passphrase> {
    let passphrase = match given(console, file)? {
        Some(passphrase) => passphrase,
        None => ask(message::ASK_PASSPHRASE.pick(console.language))?,
    };
    in_bounds(normal_form(passphrase))
}

/// The passphrase of a vault about to be made: typed twice, and told when it is short.
pub fn chosen(console: &Console, file: Option<&Path>) -> CliResult<Passphrase> {
    let passphrase = match given(console, file)? {
        Some(passphrase) => passphrase,
        None => ask_twice(console)?,
    };
    let passphrase = in_bounds(normal_form(passphrase))?;
    if is_short(&passphrase) {
        console.warn(message::SHORT_PASSPHRASE, &[]);
    }
    Ok(passphrase)
}

/// One system types é as one code point, another as two: both must open the same vault.
fn normal_form(passphrase: Passphrase) -> Passphrase {
    // Room for the longest expansion, so that no half-grown copy is left behind unwiped.
    let mut normal = Zeroizing::new(String::with_capacity(passphrase.len() * 3));
    normal.extend(passphrase.nfc());
    normal
}

fn in_bounds(passphrase: Passphrase) -> CliResult<Passphrase> {
    let refused = match passphrase.len() {
        0 => message::EMPTY_PASSPHRASE,
        length if length > MAX_PASSPHRASE_BYTES => message::LONG_PASSPHRASE,
        _ => return Ok(passphrase),
    };
    Err(CliError::said(Exit::Invalid, refused, &[]))
}

fn is_short(passphrase: &str) -> bool {
    passphrase.chars().count() < FLOOR
}

/// What a file or the environment holds. The file wins: it was named on this very line.
fn given(console: &Console, file: Option<&Path>) -> CliResult<Option<Passphrase>> {
    if let Some(path) = file {
        return from_file(console, path).map(Some);
    }
    let variable = std::env::var(VARIABLE).ok().map(Zeroizing::new);
    Ok(variable.filter(|passphrase| !passphrase.is_empty()))
}

/// The secret in the first line of a file.
pub fn from_file(console: &Console, path: &Path) -> CliResult<Passphrase> {
    let unreadable = || {
        CliError::said(
            Exit::NotFound,
            message::UNREADABLE,
            &[&path.to_string_lossy()],
        )
    };
    let file = File::open(path).map_err(|_| unreadable())?;
    if open_to_others(&file) {
        console.warn(message::OPEN_PASSPHRASE_FILE, &[]);
    }
    first_line(file).ok_or_else(unreadable)
}

fn first_line(file: impl Read) -> Option<Passphrase> {
    let mut line = Zeroizing::new(String::new());
    BufReader::new(file.take(MAX_READ))
        .read_line(&mut line)
        .ok()?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Some(line)
}

#[cfg(unix)]
fn open_to_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // A pipe, as in `--passphrase-file <(pass carnet)`, has no reader but us.
    let status = file.metadata();
    status.is_ok_and(|status| status.is_file() && status.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_: &File) -> bool {
    false
}

fn ask_twice(console: &Console) -> CliResult<Passphrase> {
    for _ in 0..ATTEMPTS {
        let first = ask(message::ASK_NEW_PASSPHRASE.pick(console.language))?;
        let second = ask(message::ASK_AGAIN.pick(console.language))?;
        if first == second {
            return Ok(first);
        }
        console.warn(message::PASSPHRASES_DIFFER, &[]);
    }
    Err(VaultError::Cancelled.into())
}

/// Asks at the keyboard, without echo. A script whose input is no terminal is told what to do instead of left hanging.
fn ask(question: &str) -> CliResult<Passphrase> {
    if !std::io::stdin().is_terminal() {
        return Err(VaultError::Locked.into());
    }
    let answer = rpassword::prompt_password(question);
    answer
        .map(Zeroizing::new)
        .map_err(|_| VaultError::Cancelled.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;

    #[test]
    fn the_first_line_without_its_end() {
        for (file, passphrase) in [
            ("mot de passe\n", "mot de passe"),
            ("mot de passe\r\nautre\n", "mot de passe"),
            (" espaces gardés ", " espaces gardés "),
            ("", ""),
        ] {
            assert_eq!(first_line(file.as_bytes()).unwrap().as_str(), passphrase);
        }
        assert!(first_line(&b"\xff\xfe"[..]).is_none());
        let endless = std::io::repeat(b'a');
        assert_eq!(first_line(endless).unwrap().len() as u64, MAX_READ);
    }

    #[test]
    fn a_missing_file_is_told_with_the_path_as_typed() {
        let (console, _) = console(Language::En);
        let error = known(&console, Some(Path::new("no/such/file"))).unwrap_err();
        assert_eq!(error.code(), Exit::NotFound as u8);
        assert!(error.line(Language::En).unwrap().contains("no/such/file"));
    }

    #[test]
    fn an_empty_new_passphrase_is_refused() {
        let (console, _) = console(Language::En);
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = chosen(&console, Some(file.path())).unwrap_err();
        assert_eq!(error.code(), Exit::Invalid as u8);
    }

    #[test]
    fn one_passphrase_however_its_accents_are_typed() {
        let composed = normal_form(Zeroizing::new("d\u{e9}j\u{e0}".to_owned()));
        let decomposed = normal_form(Zeroizing::new("de\u{301}ja\u{300}".to_owned()));
        assert_eq!(composed, decomposed);
    }

    #[test]
    fn bounds_are_told() {
        let of = |length| in_bounds(Zeroizing::new("a".repeat(length)));
        assert_eq!(of(0).unwrap_err().code(), Exit::Invalid as u8);
        assert_eq!(
            of(MAX_PASSPHRASE_BYTES + 1).unwrap_err().code(),
            Exit::Invalid as u8
        );
        assert_eq!(
            of(MAX_PASSPHRASE_BYTES).unwrap().len(),
            MAX_PASSPHRASE_BYTES
        );
    }

    #[test]
    fn length_is_counted_in_characters() {
        assert!(is_short("éééé"));
        assert!(!is_short("éééééééé"));
        assert!(is_short("1234567"));
    }

    #[cfg(unix)]
    #[test]
    fn others_reading_the_file_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(!open_to_others(file.as_file()));
        let mode = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(mode).unwrap();
        assert!(open_to_others(file.as_file()));
    }
}
