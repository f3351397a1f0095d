//! Epochs: the generations of a compartment's keys, and everything that is derived from one.
//!
//! Three secrets of 32 random bytes, each held by fewer people:
//! ```text
//! read    R   every member    HKDF(R, "carnet/1 mailbox")      -> MailboxId
//!                             HKDF(R, "carnet/1 relay read")   -> Ed25519 seed, may read the mailbox
//!                             HKDF(R, "carnet/1 content")      -> XChaCha20-Poly1305 key of its envelopes
//!                             HKDF(R, "carnet/1 commit")       -> commitment, an input of the epoch id
//!                             HKDF(R, "carnet/1 previous")     -> key of the previous epochs' read secrets
//! write   W   who may write   HKDF(W, "carnet/1 relay write")  -> Ed25519 seed, may append
//! retire  O   owners          HKDF(O, "carnet/1 relay retire") -> Ed25519 seed, may retire
//! EpochId = BLAKE3 derive_key("carnet/1 epoch-id", record ‖ compartment ‖ commitment ‖ parents, sorted)
//! ```
//! HKDF is HKDF-SHA-256 with an empty salt and 32 bytes of output.
//!
//! **The id commits to R**: XChaCha20-Poly1305 does not, so without it one ciphertext could open differently for two members.
//! It does not commit to W and O: a minter who hands out wrong ones keeps others from the relay, which they notice at once.
//! The previous epochs' keys lie inside the new one, never the new under the old.

use super::{derive_key, encode_secret, make_random, open_bytes, seal_bytes};
use crate::error::{Error, Result};
use carnet_wire::relay::{Access, Closing, Proof, Registration, session_bytes};
use carnet_wire::{Canonical, CompartmentId, EpochId, MailboxId, RecordId};
use core::fmt;
use ed25519_dalek::{Signer, SigningKey};
use minicbor::{Decode, Encode};
use std::sync::{Arc, OnceLock};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Most epochs one epoch may follow: what was minted concurrently and merges.
pub const MAX_PARENT_EPOCHS: usize = 32;

/// The secrets of one epoch. Canonical form: `[ read: bstr32, write: bstr32, retire: bstr32 ]`; secrets that are not given
/// are left out from the end (`[ read ]`), and null in between.
#[derive(Clone, PartialEq, Eq, Encode, Decode, Zeroize, ZeroizeOnDrop)]
pub struct EpochSecrets {
    /// Opens what is in the mailbox.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub read: [u8; 32],
    /// Appends to it; readers have none.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub write: Option<[u8; 32]>,
    /// Retires from it; only owners have it.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub retire: Option<[u8; 32]>,
}

impl EpochSecrets {
    /// Draws all three.
    pub fn make() -> Result<Self> {
        Ok(Self {
            read: make_random()?,
            write: Some(make_random()?),
            retire: Some(make_random()?),
        })
    }

    /// What somebody gets who may only read, or who comes later and is given history.
    pub fn only_read(&self) -> Self {
        Self {
            read: self.read,
            write: None,
            retire: None,
        }
    }

    /// The canonical form.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        encode_secret(self)
    }

    /// Reads the canonical form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Ok(Self::from_canonical(bytes)?)
    }
}

impl fmt::Debug for EpochSecrets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("EpochSecrets(…)")
    }
}

/// An epoch somebody is given: its id, what it follows and its secrets, with the record and compartment known from context.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EpochGrant {
    /// Which epoch.
    #[n(0)]
    pub epoch: EpochId,
    /// The epochs it follows, sorted.
    #[n(1)]
    pub parents: Vec<EpochId>,
    /// Its secrets, as far as they are given.
    #[n(2)]
    pub secrets: EpochSecrets,
}

/// One generation of the keys of one compartment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Epoch {
    /// A commitment to the read secret, the place and the parents.
    pub id: EpochId,
    /// The record, or the account as a record.
    pub record: RecordId,
    /// The compartment.
    pub compartment: CompartmentId,
    /// The epochs it follows, sorted; none for the first.
    pub parents: Vec<EpochId>,
    /// Where its envelopes lie.
    pub mailbox: MailboxId,
    /// Its secrets, as far as this device has them.
    pub secrets: EpochSecrets,
    relay_keys: RelayKeys,
}

/// The keys of the relay's sessions, derived when the first is asked for and shared by copies: each costs as much as a
/// signature, and every session asks for all of them twice.
#[derive(Clone, Default)]
struct RelayKeys(Arc<OnceLock<[Option<SigningKey>; 3]>>);

impl PartialEq for RelayKeys {
    /// They follow from the secrets, whether they were derived yet or not.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for RelayKeys {}

impl fmt::Debug for RelayKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("RelayKeys(…)")
    }
}

impl Epoch {
    /// Draws a new epoch that follows `parents`, with all three secrets.
    pub fn make(
        record: RecordId,
        compartment: CompartmentId,
        parents: Vec<EpochId>,
    ) -> Result<Self> {
        Self::derive(record, compartment, parents, EpochSecrets::make()?)
    }

    /// Takes an epoch one was given, and refuses secrets that are not the ones its id commits to.
    pub fn from_secrets(
        record: RecordId,
        compartment: CompartmentId,
        parents: Vec<EpochId>,
        secrets: EpochSecrets,
        expected: EpochId,
    ) -> Result<Self> {
        let epoch = Self::derive(record, compartment, parents, secrets)?;
        if epoch.id != expected {
            return Err(Error::Unauthorised("an epoch's secrets are not its own"));
        }
        Ok(epoch)
    }

    /// The same from a grant.
    pub fn from_grant(
        record: RecordId,
        compartment: CompartmentId,
        grant: &EpochGrant,
    ) -> Result<Self> {
        let (parents, secrets) = (grant.parents.clone(), grant.secrets.clone());
        Self::from_secrets(record, compartment, parents, secrets, grant.epoch)
    }

    /// What to give somebody who may do all that this device may.
    pub fn grant(&self) -> EpochGrant {
        EpochGrant {
            epoch: self.id,
            parents: self.parents.clone(),
            secrets: self.secrets.clone(),
        }
    }

    pub(crate) fn derive(
        record: RecordId,
        compartment: CompartmentId,
        mut parents: Vec<EpochId>,
        secrets: EpochSecrets,
    ) -> Result<Self> {
        parents.sort_unstable();
        parents.dedup();
        if parents.len() > MAX_PARENT_EPOCHS {
            return Err(Error::TooLarge("the parents of an epoch"));
        }
        Ok(Self {
            id: derive_epoch_id(record, compartment, &parents, &secrets.read)?,
            record,
            compartment,
            parents,
            mailbox: MailboxId(*derive_key(&secrets.read, "carnet/1 mailbox")?),
            secrets,
            relay_keys: RelayKeys::default(),
        })
    }

    /// What the minter registers at the relay; none when not all three secrets are here. `lifetime` 0 keeps the mailbox.
    pub fn registration(&self, lifetime: u32) -> Option<Registration> {
        let public = |access| {
            self.relay_key(access)
                .map(|key| key.verifying_key().to_bytes())
        };
        Some(Registration {
            mailbox: self.mailbox,
            read_key: public(Access::Read)?,
            write_key: public(Access::Write)?,
            retire_key: public(Access::Retire)?,
            lifetime,
        })
    }

    /// What closes this epoch's mailbox to the keys of one that follows it; none when that one's are not here.
    pub fn closed_to(&self, heir: &Self) -> Option<Closing> {
        let keys = heir.registration(0)?;
        Some(Closing {
            mailbox: self.mailbox,
            read_key: keys.read_key,
            retire_key: keys.retire_key,
        })
    }

    /// Answers a relay's challenge with this epoch's keys, for its own mailbox or one that was closed to them; none when this
    /// device does not hold that key.
    pub fn prove(
        &self,
        mailbox: MailboxId,
        access: Access,
        nonce: &[u8; 32],
        origin: &str,
    ) -> Option<Proof> {
        let message = session_bytes(nonce, origin, mailbox, access);
        Some(Proof {
            mailbox,
            access,
            signature: self.relay_key(access)?.sign(&message).to_bytes(),
        })
    }

    /// Seals the read secrets of the epochs before this one, for members who come later:
    /// `nonce: 24 bytes ‖ XChaCha20-Poly1305( HKDF(R, "carnet/1 previous"), canonical [EpochGrant], AAD = epoch id )`.
    pub fn seal_previous(&self, previous: &[Epoch]) -> Result<Vec<u8>> {
        let mut grants: Vec<EpochGrant> = previous.iter().map(Self::grant).collect();
        grants.sort_unstable_by_key(|grant| grant.epoch);
        for grant in &mut grants {
            grant.secrets = grant.secrets.only_read();
        }
        let key = derive_key(&self.secrets.read, "carnet/1 previous")?;
        seal_bytes(&key, self.id.as_ref(), &encode_secret(&grants))
    }

    /// Opens what [`Self::seal_previous`] sealed. Only parents of this epoch come out, each checked against its id.
    pub fn open_previous(&self, sealed: &[u8]) -> Result<Vec<Epoch>> {
        let key = derive_key(&self.secrets.read, "carnet/1 previous")?;
        let grants: Vec<EpochGrant> =
            Canonical::from_canonical(&open_bytes(&key, self.id.as_ref(), sealed)?)?;
        let epoch = |grant: &EpochGrant| {
            if !self.parents.contains(&grant.epoch) {
                return Err(Error::Unauthorised("an epoch names one it does not follow"));
            }
            Self::from_grant(self.record, self.compartment, grant)
        };
        grants.iter().map(epoch).collect()
    }

    pub(crate) fn content_key(&self) -> Result<Zeroizing<[u8; 32]>> {
        derive_key(&self.secrets.read, "carnet/1 content")
    }

    fn relay_key(&self, access: Access) -> Option<&SigningKey> {
        let all = [Access::Read, Access::Write, Access::Retire];
        let derive = || all.map(|access| self.derive_relay_key(access));
        let [read, write, retire] = self.relay_keys.0.get_or_init(derive);
        match access {
            Access::Read => read.as_ref(),
            Access::Write => write.as_ref(),
            Access::Retire => retire.as_ref(),
        }
    }

    fn derive_relay_key(&self, access: Access) -> Option<SigningKey> {
        let seed = match access {
            Access::Read => derive_key(&self.secrets.read, "carnet/1 relay read"),
            Access::Write => derive_key(self.secrets.write.as_ref()?, "carnet/1 relay write"),
            Access::Retire => derive_key(self.secrets.retire.as_ref()?, "carnet/1 relay retire"),
        };
        seed.ok().map(|seed| SigningKey::from_bytes(&seed))
    }
}

fn derive_epoch_id(
    record: RecordId,
    compartment: CompartmentId,
    parents: &[EpochId],
    read: &[u8; 32],
) -> Result<EpochId> {
    let commitment = derive_key(read, "carnet/1 commit")?;
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 epoch-id");
    hasher.update(record.as_ref());
    hasher.update(compartment.as_ref());
    hasher.update(commitment.as_ref());
    for parent in parents {
        hasher.update(parent.as_ref());
    }
    Ok(EpochId(*hasher.finalize().as_bytes()))
}

#[cfg(test)]
mod tests;
