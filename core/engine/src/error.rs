//! Two error types and the one table between them.
//!
//! [`Error`] is what rooms tell each other: as many variants as help. [`VaultError`] is what an app sees: named for what
//! it should do next. Neither carries health data, a key, a path, SQL or a foreign message: their texts are constants.

use carnet_wire::WireError;

/// What rooms of the engine tell each other.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The vault is locked, or the platform's key is not available yet.
    #[error("the vault is locked")]
    Locked,
    /// The passphrase or hardware key does not open this vault.
    #[error("the key does not open this vault")]
    WrongKey,
    /// Nothing has this name or id. The text says what was looked for, never the name itself.
    #[error("not found: {0}")]
    NotFound(&'static str),
    /// Several things match; more letters are needed.
    #[error("ambiguous: {0}")]
    Ambiguous(&'static str),
    /// What was given cannot be used. The text says why and what to do.
    #[error("invalid: {0}")]
    Invalid(&'static str),
    /// Something is over a limit. The text names the limit.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// Received bytes were refused.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Sealed bytes did not open: wrong key, or changed on the way.
    #[error("sealed bytes do not open")]
    Unsealable,
    /// A signature does not hold, or its author may not do this.
    #[error("not authorised: {0}")]
    Unauthorised(&'static str),
    /// Reading or writing a file failed.
    #[error("file access failed")]
    Io(#[source] std::io::Error),
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// SQLite refused; the source stays inside the engine because it may quote SQL.
    #[error("the database refused")]
    Database(#[source] rusqlite::Error),
    /// Stored bytes are not what was written. Nothing was deleted.
    #[error("stored data is damaged: {0}")]
    Corrupt(&'static str),
    /// The database or format is newer than this build.
    #[error("written by a newer version")]
    Newer,
    /// The relay cannot be reached.
    #[error("the relay cannot be reached")]
    Offline,
    /// The relay answered with a problem code of [`carnet_wire::relay::code`].
    #[error("the relay refused with code {code}")]
    Relay {
        /// The code.
        code: u16,
        /// Seconds to wait, when waiting helps.
        retry_after: Option<u32>,
    },
    /// The relay, or what answered in its place, said something that makes no sense. The text says what.
    #[error("the relay's answer makes no sense: {0}")]
    Garbled(&'static str),
    /// A provider or cloud refused, or cannot be used. The text says what to do.
    #[error("the source: {0}")]
    Source(&'static str),
    /// Pairing did not complete. The text says what to do.
    #[error("pairing failed: {0}")]
    Pairing(&'static str),
    /// The caller cancelled, or the deadline passed.
    #[error("cancelled")]
    Cancelled,
    /// The platform failed to lend what it promised.
    #[error("the platform failed: {0}")]
    Host(&'static str),
    /// A rule of this program was broken by this program.
    #[error("internal error: {0}")]
    Bug(&'static str),
}

/// The result of every room.
pub type Result<T> = std::result::Result<T, Error>;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt("the database")
            }
            Some(ErrorCode::OperationInterrupted) => Self::Cancelled,
            _ => Self::Database(error),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

/// What an app sees: one variant for each thing it can do about it. The text is a constant in English; apps show their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Ask the person to unlock.
    #[error("the vault is locked")]
    Locked,
    /// Ask for the passphrase again, or start recovery.
    #[error("wrong passphrase or key")]
    WrongKey,
    /// Look elsewhere.
    #[error("not found: {0}")]
    NotFound(&'static str),
    /// Correct the input.
    #[error("invalid input: {0}")]
    InvalidInput(&'static str),
    /// Try again when there is a network.
    #[error("the relay cannot be reached")]
    Offline,
    /// The relay refuses this device or request.
    #[error("the relay refused (code {0})")]
    RelayRefused(u16),
    /// The relay is busy or full: try later.
    #[error("the relay is full or busy: try again later")]
    RelayFull {
        /// Seconds to wait before trying again, where the relay says so.
        retry_after: Option<u32>,
    },
    /// What answered is not a relay, or a broken one: check the address, or log in to the network. Nothing was lost.
    #[error("the relay's answer makes no sense: {0}")]
    RelayGarbled(&'static str),
    /// A provider or cloud refused, or cannot be used: show the text, which says what to do. What came from it stays.
    #[error("the source: {0}")]
    Source(&'static str),
    /// Pairing did not complete: start again with a new code.
    #[error("pairing failed: {0}")]
    Pairing(&'static str),
    /// Free some space.
    #[error("the disk is full: free some space and try again")]
    DiskFull,
    /// Stored data is damaged: nothing was deleted; restore from another device.
    #[error(
        "stored data is damaged ({0}): nothing was deleted; restore from another device or a copy"
    )]
    Corrupt(&'static str),
    /// Update the app.
    #[error("this vault was written by a newer version: update the app")]
    NewerVersion,
    /// Nothing to do.
    #[error("cancelled")]
    Cancelled,
    /// The platform failed: try again, then report.
    #[error("the device failed: {0}")]
    HostFailed(&'static str),
    /// Report it.
    #[error("internal error ({0}): please report it")]
    Bug(&'static str),
}

impl From<Error> for VaultError {
    fn from(error: Error) -> Self {
        use carnet_wire::relay::code;
        match error {
            Error::Locked => Self::Locked,
            Error::WrongKey => Self::WrongKey,
            Error::NotFound(what) => Self::NotFound(what),
            Error::Ambiguous(what) | Error::Invalid(what) | Error::TooLarge(what) => {
                Self::InvalidInput(what)
            }
            Error::Wire(WireError::UnknownVersion) | Error::Newer => Self::NewerVersion,
            Error::Wire(_) => Self::InvalidInput("the bytes are malformed"),
            Error::Unsealable => Self::Corrupt("sealed bytes do not open"),
            Error::Unauthorised(what) => Self::InvalidInput(what),
            Error::Io(_) => Self::HostFailed("a file could not be read or written"),
            Error::DiskFull => Self::DiskFull,
            Error::Database(_) => Self::HostFailed("the database could not be read or written"),
            Error::Corrupt(what) => Self::Corrupt(what),
            Error::Offline => Self::Offline,
            Error::Relay {
                code: code::BUSY | code::FULL | code::RATE_LIMITED | code::QUOTA,
                retry_after,
            } => Self::RelayFull { retry_after },
            Error::Relay { code, .. } => Self::RelayRefused(code),
            Error::Garbled(what) => Self::RelayGarbled(what),
            Error::Source(what) => Self::Source(what),
            Error::Pairing(what) => Self::Pairing(what),
            Error::Cancelled => Self::Cancelled,
            Error::Host(what) => Self::HostFailed(what),
            Error::Bug(what) => Self::Bug(what),
        }
    }
}
