//! What can go wrong, as the few cases a caller acts on.
//!
//! [`RelayError`] answers a request: a stable code of [`carnet_wire::relay::code`], a constant sentence, and how long to
//! wait where waiting helps. [`StartError`] answers the operator. Neither carries anything of a request, a key or a path.

use carnet_wire::WireError;
use carnet_wire::relay::code;

/// Seconds after which a refused request may be tried again when the relay is merely busy.
const RETRY_BUSY_SECONDS: u32 = 1;
/// Seconds after which trying again makes sense when an operator has to free disk space.
const RETRY_FULL_SECONDS: u32 = 300;
/// Seconds after which trying again makes sense when an owner has to retire something first, or an operator to allow more.
const RETRY_QUOTA_SECONDS: u32 = 3_600;

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{title}")]
pub struct RelayError {
    /// One of [`carnet_wire::relay::code`].
    pub code: u16,
    /// A constant English sentence.
    pub title: &'static str,
    /// Seconds to wait before the same request can succeed, where waiting helps.
    pub retry_after: Option<u32>,
}

impl RelayError {
    /// The body is not what the path expects, or is not canonical.
    pub const MALFORMED: Self = Self::new(code::MALFORMED, "the request is malformed");
    /// The range asked for lies outside the blob, or is not one range.
    pub const BAD_RANGE: Self = Self::new(code::MALFORMED, "the range lies outside the blob");
    /// The path exists, the method does not.
    pub const BAD_METHOD: Self = Self::new(code::MALFORMED, "this path has no such method");
    /// A body, count or envelope is over its limit.
    pub const TOO_LARGE: Self = Self::new(code::TOO_LARGE, "the request is over a size limit");
    /// No token, or one that has expired.
    pub const NO_SESSION: Self = Self::new(code::NO_SESSION, "open a session first");
    /// The session does not hold the key this needs.
    pub const FORBIDDEN: Self = Self::new(
        code::FORBIDDEN,
        "the session does not hold the key this needs",
    );
    /// The proofs were made for another relay.
    pub const WRONG_ORIGIN: Self = Self::new(
        code::FORBIDDEN,
        "the session was signed for another origin than this relay's",
    );
    /// No such mailbox or blob.
    pub const NOT_FOUND: Self = Self::new(code::NOT_FOUND, "there is no such thing here");
    /// The challenge is unknown, used or too old.
    pub const STALE_CHALLENGE: Self =
        Self::new(code::STALE_CHALLENGE, "the challenge is used or too old");
    /// The mailbox is registered with other keys.
    pub const CONFLICT: Self =
        Self::new(code::CONFLICT, "the mailbox is registered with other keys");
    /// Too busy.
    pub const BUSY: Self = Self {
        code: code::BUSY,
        title: "the relay is busy",
        retry_after: Some(RETRY_BUSY_SECONDS),
    };
    /// The request did not arrive, or was not answered, in time.
    pub const TOO_SLOW: Self = Self {
        code: code::BUSY,
        title: "the request took too long",
        retry_after: Some(RETRY_BUSY_SECONDS),
    };
    /// The disk is full.
    pub const FULL: Self = Self {
        code: code::FULL,
        title: "the relay's disk is full",
        retry_after: Some(RETRY_FULL_SECONDS),
    };
    /// Too many requests by this session or from this network.
    pub const RATE_LIMITED: Self = Self {
        code: code::RATE_LIMITED,
        title: "too many requests",
        retry_after: Some(RETRY_BUSY_SECONDS),
    };
    /// The mailbox holds as much as it may.
    pub const QUOTA: Self = Self {
        code: code::QUOTA,
        title: "the mailbox holds as much as this relay keeps for one",
        retry_after: Some(RETRY_QUOTA_SECONDS),
    };
    /// Another epoch followed the mailbox's own.
    pub const CLOSED: Self = Self::new(code::CLOSED, "the mailbox is closed");
    /// A failure inside the relay.
    pub const INTERNAL: Self = Self::new(code::INTERNAL, "the relay failed");
    /// The upload offset is not where the blob ends.
    pub const WRONG_OFFSET: Self = Self::new(code::WRONG_OFFSET, "the upload continues elsewhere");
    /// The bytes of a whole blob do not hash to its id.
    pub const WRONG_HASH: Self = Self::new(code::WRONG_HASH, "the bytes do not hash to their id");

    const fn new(code: u16, title: &'static str) -> Self {
        Self {
            code,
            title,
            retry_after: None,
        }
    }
}

impl RelayError {
    /// The same, with the seconds after which it makes sense to try again.
    pub(crate) const fn after(self, seconds: u32) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }
}

impl From<WireError> for RelayError {
    fn from(error: WireError) -> Self {
        match error {
            WireError::TooLarge => Self::TOO_LARGE,
            WireError::Malformed | WireError::NotCanonical | WireError::UnknownVersion => {
                Self::MALFORMED
            }
        }
    }
}

impl From<rusqlite::Error> for RelayError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::FULL,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::BUSY
            }
            _ => Self::INTERNAL,
        }
    }
}

impl From<std::io::Error> for RelayError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::FULL,
            _ => Self::INTERNAL,
        }
    }
}

/// Why a relay did not start, or stopped badly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be created, read or written.
    #[error("the data directory cannot be used ({0})")]
    Data(std::io::ErrorKind),
    /// A backup into the directory it is made of.
    #[error("a backup needs a directory of its own")]
    SameDirectory,
    /// Another process serves this data directory.
    #[error("another relay is running on this data directory")]
    AlreadyRunning,
    /// The database was written by a newer version. It has not been touched.
    #[error("the data was written by a newer relay: update this one")]
    NewerSchema,
    /// The database is not one of a relay, or is damaged. It has not been touched.
    #[error("the database is damaged or is not a relay's")]
    Damaged,
    /// The database failed for another reason.
    #[error("the database cannot be opened: {0}")]
    Database(RelayError),
    /// The address cannot be listened on.
    #[error("cannot listen on this address ({0})")]
    Listen(std::io::ErrorKind),
    /// `--client-address-header` is no name of a header.
    #[error("the header of the client's address is no name of a header")]
    ClientHeader,
    /// `--public-url` is not `http(s)://host[:port]`.
    #[error("the public URL must be http(s)://host[:port] without a path")]
    PublicUrl,
}

impl From<RelayError> for StartError {
    fn from(error: RelayError) -> Self {
        Self::Database(error)
    }
}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self::Data(error.kind())
    }
}

impl From<rusqlite::Error> for StartError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
                Self::Damaged
            }
            _ => Self::Database(error.into()),
        }
    }
}
