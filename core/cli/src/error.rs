//! How a command ends when it does not end well: one line in the person's language, and an exit code a script can read.

use crate::format;
use crate::language::{Language, Text};
use crate::texts::{engine, message, sources};
use carnet::VaultError;

/// Exit codes. Printed in `carnet --help`; never renumbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Other = 1,
    Usage = 2,
    Locked = 3,
    NotFound = 4,
    Invalid = 5,
    Relay = 6,
    Damaged = 7,
    Rejected = 8,
    Cancelled = 9,
    Pairing = 10,
    DiskFull = 11,
}

/// Why a command stopped.
#[derive(Debug)]
pub enum CliError {
    /// The engine's answer.
    Vault(VaultError),
    /// The command line's own.
    Said(Exit, Text, Vec<String>),
    /// A line clap refused, already told in the right language.
    Usage(String),
    /// Whoever read our output has gone: not an error, nobody is left to tell.
    OutputClosed,
}

/// The result of every command.
pub type CliResult<T = ()> = Result<T, CliError>;

impl CliError {
    /// An error of the command line, with values for the slots of its sentence.
    pub fn said(exit: Exit, text: Text, values: &[&str]) -> Self {
        let values = values
            .iter()
            .map(|value| crate::format::clean(value))
            .collect();
        Self::Said(exit, text, values)
    }

    /// The exit code; nought for a reader who had enough.
    pub fn code(&self) -> u8 {
        match self {
            Self::Vault(error) => exit_of(error) as u8,
            Self::Said(exit, ..) => *exit as u8,
            Self::Usage(_) => Exit::Usage as u8,
            Self::OutputClosed => 0,
        }
    }

    /// The line for standard error; none for a reader who had enough.
    pub fn line(&self, language: Language) -> Option<String> {
        let sentence = match self {
            Self::Vault(error) => tell(error, language),
            Self::Said(_, text, values) => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                text.fill(language, &values)
            }
            Self::Usage(sentence) => crate::format::clean(sentence),
            Self::OutputClosed => return None,
        };
        Some(message::ERROR.fill(language, &[&sentence]))
    }
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::OutputClosed,
            std::io::ErrorKind::StorageFull => Self::Vault(VaultError::DiskFull),
            _ => Self::Vault(VaultError::HostFailed(
                "a file could not be read or written",
            )),
        }
    }
}

fn exit_of(error: &VaultError) -> Exit {
    match error {
        VaultError::Locked | VaultError::WrongKey => Exit::Locked,
        VaultError::NotFound(_) => Exit::NotFound,
        VaultError::InvalidInput(_) => Exit::Invalid,
        VaultError::Offline
        | VaultError::RelayRefused(_)
        | VaultError::RelayFull { .. }
        | VaultError::RelayGarbled(_) => Exit::Relay,
        VaultError::Source(_) => Exit::Relay,
        VaultError::Pairing(_) => Exit::Pairing,
        VaultError::DiskFull => Exit::DiskFull,
        VaultError::Corrupt(_) | VaultError::NewerVersion => Exit::Damaged,
        VaultError::Cancelled => Exit::Cancelled,
        VaultError::HostFailed(_) | VaultError::Bug(_) => Exit::Other,
    }
}

fn tell(error: &VaultError, language: Language) -> String {
    let detail = |text: Text, what: &str| text.fill(language, &[engine::translate(what, language)]);
    match error {
        VaultError::Locked => message::LOCKED.pick(language).to_owned(),
        VaultError::WrongKey => message::WRONG_KEY.pick(language).to_owned(),
        VaultError::NotFound(what) => detail(message::NOT_FOUND, what),
        VaultError::InvalidInput(what) => detail(message::INVALID, what),
        VaultError::Offline => message::OFFLINE.pick(language).to_owned(),
        VaultError::RelayRefused(code) => {
            message::RELAY_REFUSED.fill(language, &[&code.to_string()])
        }
        VaultError::RelayFull { retry_after: None } => {
            message::RELAY_FULL.pick(language).to_owned()
        }
        VaultError::RelayFull {
            retry_after: Some(seconds),
        } => message::RELAY_FULL_FOR.fill(language, &[&format::duration(*seconds)]),
        VaultError::RelayGarbled(what) => detail(message::RELAY_GARBLED, what),
        VaultError::Source(what) => detail(sources::SOURCE, what),
        VaultError::Pairing(what) => detail(message::PAIRING, what),
        VaultError::DiskFull => message::DISK_FULL.pick(language).to_owned(),
        VaultError::Corrupt(what) => detail(message::CORRUPT, what),
        VaultError::NewerVersion => message::NEWER.pick(language).to_owned(),
        VaultError::Cancelled => message::CANCELLED.pick(language).to_owned(),
        VaultError::HostFailed(what) => detail(message::HOST, what),
        VaultError::Bug(what) => detail(message::BUG, what),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EVERY: [(VaultError, u8); 17] = [
        (VaultError::Locked, 3),
        (VaultError::WrongKey, 3),
        (VaultError::NotFound("x"), 4),
        (VaultError::InvalidInput("x"), 5),
        (VaultError::Offline, 6),
        (VaultError::RelayRefused(7), 6),
        (VaultError::RelayFull { retry_after: None }, 6),
        (
            VaultError::RelayFull {
                retry_after: Some(90),
            },
            6,
        ),
        (VaultError::RelayGarbled("x"), 6),
        (VaultError::Source("x"), 6),
        (VaultError::Pairing("x"), 10),
        (VaultError::DiskFull, 11),
        (VaultError::Corrupt("x"), 7),
        (VaultError::NewerVersion, 7),
        (VaultError::Cancelled, 9),
        (VaultError::HostFailed("x"), 1),
        (VaultError::Bug("x"), 1),
    ];

    #[test]
    fn exit_codes_are_those_of_the_help() {
        for (error, code) in EVERY {
            assert_eq!(CliError::from(error).code(), code, "{error:?}");
        }
        assert_eq!(CliError::Usage(String::new()).code(), 2);
        assert_eq!(
            CliError::said(Exit::Rejected, message::REJECTED_STRICT, &[]).code(),
            8
        );
        let help = crate::help::page(Language::En, &[]).unwrap();
        for code in 0..=11 {
            let listed = help.split_whitespace().any(|word| word == code.to_string());
            assert!(listed, "{code} is not in the help");
        }
    }

    #[test]
    fn each_error_is_one_line_in_each_language() {
        for (error, _) in EVERY {
            let fr = CliError::from(error).line(Language::Fr).unwrap();
            let en = CliError::from(error).line(Language::En).unwrap();
            assert!(fr.starts_with("erreur : ") && en.starts_with("error: "));
            assert_ne!(fr, en);
            assert!(!fr.contains('\n') && !en.contains('\n'));
        }
    }

    #[test]
    fn what_was_typed_cannot_forge_a_line() {
        let error = CliError::said(
            Exit::NotFound,
            message::NO_SUCH_PATH,
            &["a\nerror: \u{1b}[2J"],
        );
        let line = error.line(Language::En).unwrap();
        assert!(!line.contains('\n') && !line.contains('\u{1b}'));
    }

    #[test]
    fn a_closed_pipe_is_silent() {
        let error = CliError::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert_eq!(error.code(), 0);
        assert_eq!(error.line(Language::Fr), None);
    }
}
