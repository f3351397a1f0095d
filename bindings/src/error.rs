//! The two error types of the border: what apps see, and what apps answer.

use carnet::VaultError;
use carnet::host;

/// The result of every call.
pub type Result<T> = std::result::Result<T, VaultError>;

/// Why a call failed, named for what the app should do about it. The text is a constant in English: for reports, not for
/// people, who get the app's own words.
#[uniffi::remote(Error)]
#[uniffi(flat_error)]
pub enum VaultError {
    /// Ask the person to unlock; in the background, end and come back later.
    Locked,
    /// Ask again, or start recovery.
    WrongKey,
    /// Look elsewhere.
    NotFound,
    /// Correct the input.
    InvalidInput,
    /// Try again when there is a network.
    Offline,
    /// The relay refuses this device or request.
    RelayRefused,
    /// The relay is busy or full: try later.
    RelayFull,
    /// What answered is no relay: check the address, or log in to the network.
    RelayGarbled,
    /// A provider or cloud refused, or cannot be used: what came from it stays.
    Source,
    /// Start pairing again with a new code.
    Pairing,
    /// Ask the person to free some space.
    DiskFull,
    /// Stored data is damaged: nothing was deleted; restore from another device.
    Corrupt,
    /// Update the app.
    NewerVersion,
    /// Nothing to do: it was asked for.
    Cancelled,
    /// The phone, or the app's key store or network, failed: try again, then report.
    HostFailed,
    /// Report it.
    Bug,
}

/// Why a key store or network could not do what it was asked. Anything else that is thrown counts as `Failed`; its text is
/// dropped, because it may name what it handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HostError {
    /// The key exists but cannot be used yet (before the first unlock since boot).
    #[error("the key is locked")]
    Locked,
    /// The key is not the one that wrapped these bytes.
    #[error("the key is wrong")]
    WrongKey,
    /// The hardware key is gone for good: recovery is needed.
    #[error("the key is lost")]
    KeyLost,
    /// The person stopped it.
    #[error("cancelled")]
    Cancelled,
    /// The network cannot be reached.
    #[error("offline")]
    Offline,
    /// Anything else.
    #[error("the platform failed")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for HostError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

impl From<HostError> for host::HostError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::Locked => Self::Locked,
            HostError::WrongKey => Self::WrongKey,
            HostError::KeyLost => Self::KeyLost,
            HostError::Cancelled => Self::Cancelled,
            HostError::Offline => Self::Offline,
            HostError::Failed => Self::Failed,
        }
    }
}
