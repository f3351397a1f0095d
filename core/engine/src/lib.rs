//! Carnet's offline core: an encrypted personal health record that syncs through a relay that can read nothing.
//!
//! [`Vault`] is the only door. Data moves one way: bytes → `Draft` → `Change` → `Envelope` → rows → relay.

pub mod error;
pub mod handover;
pub mod host;
pub mod pull;
pub mod record;
pub mod roster;
pub mod seal;
pub mod source;
pub mod store;
pub mod sync;
pub mod vault;

pub use error::VaultError;
pub use vault::Vault;
