//! Keys and AEAD: what the relay, a thief and a removed device cannot pass. Layouts of what travels stand in
//! `carnet_wire`, those of what stays, and every derivation, at the head of the file that makes it.
//!
//! ```text
//! hardware key or passphrase ── wraps the database key ─────────── [`passphrase`], or the platform
//!   database key ── seals private keys once more in their rows ─── [`seal_secret`]
//!     device: signs, receives; account: receives ───────────────── [`DeviceKeys`], [`AccountKeys`]
//!       epoch of a compartment, wrapped to accounts ────────────── [`Epoch`], [`wrap()`]
//!         envelope: signed, padded, sealed ─────────────────────── [`seal()`], [`open`]
//!         direct stream between two devices ────────────────────── [`StreamKey`], [`Channel`]
//!       attachment, under its own random key ───────────────────── [`seal_attachment`]
//!   24 words on paper, or guardians together: a virtual device ─── [`RecoveryKit`], [`guardians`]
//!   emergency card: reads one page, nothing else ───────────────── [`EmergencyCard`]
//!   invitation at a distance: a link and words read aloud ──────── [`invitation`]
//! ```
//! This room knows no record content, no database and no network. It never repairs: what does not open is an error, and a
//! panic on any bytes is a bug.

mod attachment;
mod body;
mod code;
mod emergency;
mod envelope;
mod epoch;
pub mod guardians;
pub mod invitation;
mod keys;
mod kit;
pub mod pairing;
pub mod passphrase;
mod secret;
mod sensitive;
#[cfg(test)]
mod standard;
mod stream;
#[cfg(test)]
pub(crate) mod vectors;
mod wrap;

pub use attachment::{CHUNK_BYTES, Sealed, derive_attachment_id, open_attachment, seal_attachment};
pub use body::{pack_body, unpack_body};
pub use emergency::{CardReader, EmergencyCard, MAX_CARD_BYTES};
pub use envelope::{Opened, Signed, open, seal, sign_header};
pub use epoch::{Epoch, EpochGrant, EpochSecrets, MAX_PARENT_EPOCHS};
pub use keys::{AccountKeys, DeviceCard, DeviceKeys, DeviceKind, InvitationKey};
pub(crate) use keys::{check_device_name, verify};
pub use kit::{KIT_WORDS, RecoveryKit, WordLanguage, derive_kit_record, kit_mailbox, write_letter};
pub use passphrase::{Cost, unwrap_with_passphrase, wrap_with_passphrase};
pub(crate) use secret::{open_bytes, seal_bytes};
pub use secret::{open_secret, seal_secret};
pub use sensitive::{Sensitive, make_random};
pub(crate) use sensitive::{derive_key, encode_secret};
pub use stream::{Channel, MAX_FRAME_PAYLOAD, StreamKey, make_decoy};
pub(crate) use wrap::check_kem_public;
pub use wrap::{KEM_PUBLIC_BYTES, MAX_WRAPPED_BYTES, WRAP_OVERHEAD_BYTES, wrap};
