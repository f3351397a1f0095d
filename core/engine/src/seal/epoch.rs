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
use carnet_wire::relay::{Access, Proof, Registration, session_bytes};
use carnet_wire::{Canonical, CompartmentId, EpochId, MailboxId, RecordId};
use core::fmt;
use ed25519_dalek::{Signer, SigningKey};
use minicbor::{Decode, Encode};
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

    /// Answers a relay's challenge; none when this device does not hold that key.
    pub fn prove(&self, access: Access, nonce: &[u8; 32], origin: &str) -> Option<Proof> {
        let message = session_bytes(nonce, origin, self.mailbox, access);
        Some(Proof {
            mailbox: self.mailbox,
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

    fn relay_key(&self, access: Access) -> Option<SigningKey> {
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ed25519_dalek::{Signature, VerifyingKey};

    const RECORD: RecordId = RecordId([1; 32]);
    const COMPARTMENT: CompartmentId = CompartmentId([2; 16]);

    fn fixed_secrets() -> EpochSecrets {
        EpochSecrets {
            read: [7; 32],
            write: Some([8; 32]),
            retire: Some([9; 32]),
        }
    }

    #[test]
    fn an_epoch_is_taken_only_with_its_own_secrets_place_and_parents() {
        let first = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
        let epoch = Epoch::make(RECORD, COMPARTMENT, vec![first.id]).unwrap();
        let take = |record, compartment, parents: &[EpochId], secrets: &EpochSecrets| {
            Epoch::from_secrets(
                record,
                compartment,
                parents.to_vec(),
                secrets.clone(),
                epoch.id,
            )
        };
        let parents = [first.id];
        assert_eq!(
            take(RECORD, COMPARTMENT, &parents, &epoch.secrets).unwrap(),
            epoch
        );
        let refused = [
            take(RecordId([3; 32]), COMPARTMENT, &parents, &epoch.secrets),
            take(RECORD, CompartmentId([3; 16]), &parents, &epoch.secrets),
            take(RECORD, COMPARTMENT, &[], &epoch.secrets),
            take(RECORD, COMPARTMENT, &parents, &first.secrets),
        ];
        assert!(
            refused
                .iter()
                .all(|taken| matches!(taken, Err(Error::Unauthorised(_))))
        );
    }

    #[test]
    fn parents_are_sorted_deduplicated_and_limited() {
        let parents = vec![EpochId([5; 32]), EpochId([4; 32]), EpochId([5; 32])];
        let epoch = Epoch::make(RECORD, COMPARTMENT, parents).unwrap();
        assert_eq!(epoch.parents, [EpochId([4; 32]), EpochId([5; 32])]);
        let many = (0..=MAX_PARENT_EPOCHS as u8)
            .map(|n| EpochId([n; 32]))
            .collect();
        assert!(Epoch::make(RECORD, COMPARTMENT, many).is_err());
    }

    #[test]
    fn secrets_have_one_encoding() {
        for secrets in [fixed_secrets(), fixed_secrets().only_read()] {
            let bytes = secrets.to_bytes();
            assert_eq!(EpochSecrets::from_bytes(&bytes).unwrap(), secrets);
        }
        assert_eq!(fixed_secrets().to_bytes()[0], 0x83);
        assert_eq!(fixed_secrets().only_read().to_bytes()[0], 0x81);
        let with_null = [fixed_secrets().only_read().to_bytes().as_slice(), &[0xf6]].concat();
        assert!(EpochSecrets::from_bytes(&[&[0x82], &with_null[1..]].concat()).is_err());
        assert!(EpochSecrets::from_bytes(b"\x80").is_err());
        assert_eq!(format!("{:?}", fixed_secrets()), "EpochSecrets(…)");
    }

    #[test]
    fn proofs_hold_under_the_registered_keys_for_one_origin_and_one_access() {
        let epoch = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
        let registered = epoch.registration(120).unwrap();
        assert_eq!(
            (registered.mailbox, registered.lifetime),
            (epoch.mailbox, 120)
        );
        let nonce = [3; 32];
        let holds = |access, key: &[u8; 32], origin: &str| {
            let proof = epoch.prove(access, &nonce, "https://relay").unwrap();
            let message = session_bytes(&nonce, origin, epoch.mailbox, access);
            let signature = Signature::from_bytes(&proof.signature);
            let key = VerifyingKey::from_bytes(key).unwrap();
            key.verify_strict(&message, &signature).is_ok()
        };
        assert!(holds(Access::Read, &registered.read_key, "https://relay"));
        assert!(holds(Access::Write, &registered.write_key, "https://relay"));
        assert!(holds(
            Access::Retire,
            &registered.retire_key,
            "https://relay"
        ));
        assert!(!holds(Access::Write, &registered.read_key, "https://relay"));
        assert!(!holds(
            Access::Read,
            &registered.read_key,
            "https://relay.evil"
        ));
    }

    #[test]
    fn a_reader_can_neither_register_nor_prove_more_than_reading() {
        let mut epoch = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
        epoch.secrets = epoch.secrets.only_read();
        assert!(epoch.registration(0).is_none());
        assert!(epoch.prove(Access::Read, &[0; 32], "o").is_some());
        assert!(epoch.prove(Access::Write, &[0; 32], "o").is_none());
        assert!(epoch.prove(Access::Retire, &[0; 32], "o").is_none());
    }

    #[test]
    fn a_newcomer_walks_back_from_the_new_epoch_and_gets_only_reading() {
        let first = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
        let second = Epoch::make(RECORD, COMPARTMENT, vec![first.id]).unwrap();
        let sealed = second.seal_previous(std::slice::from_ref(&first)).unwrap();
        let opened = second.open_previous(&sealed).unwrap();
        assert_eq!(opened.len(), 1);
        assert_eq!(opened[0].id, first.id);
        assert_eq!(opened[0].secrets, first.secrets.only_read());
        assert!(first.open_previous(&sealed).is_err());
        let stranger = Epoch::make(RECORD, COMPARTMENT, vec![]).unwrap();
        let sealed = second.seal_previous(&[stranger]).unwrap();
        assert!(matches!(
            second.open_previous(&sealed),
            Err(Error::Unauthorised(_))
        ));
    }

    /// Computed with Python's `hmac` and `hashlib`.
    #[test]
    fn derives_what_python_derives() {
        let epoch = Epoch::derive(RECORD, COMPARTMENT, vec![], fixed_secrets()).unwrap();
        assert_eq!(
            epoch.mailbox.to_string(),
            "2b3db338ec9773553b5e336a5660512d2ef0802d1c167dac7bff7271c8f5ba24"
        );
        let registered = epoch.registration(0).unwrap();
        let seed: [u8; 32] = *derive_key(&[8; 32], "carnet/1 relay write").unwrap();
        let expected = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        assert_eq!(registered.write_key, expected);
    }
}
