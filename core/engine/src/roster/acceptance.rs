//! An acceptance: how somebody who was invited says yes, in words that only they can sign.
//!
//! ```text
//! Acceptance = [ version = 1, record: bstr32, invitation: bstr32, account: bstr32, kem: bstr1216, device: bstr32,
//!                devices: EpochGrant, signature: bstr64, proof: bstr64 ]
//! said       = "carnet/1 acceptance\0" ‖ canonical [ version, record, invitation, account, kem, device, devices ]
//! signature  = Ed25519( device, said )                 proof = Ed25519( invitation key, said )
//! ```
//! The invitation is named by its public key; its secret is in the code or link that was handed over, so the proof shows
//! that the link was held and the signature who held it. `devices` opens the account's `devices` log for reading, and
//! nothing else: co-members check there that the device is the account's and which key secrets are wrapped to.

use crate::error::{Error, Result};
use crate::seal::{
    DeviceKeys, EpochGrant, InvitationKey, MAX_PARENT_EPOCHS, check_kem_public, verify,
};
use carnet_wire::{AccountId, Canonical, DeviceId, RecordId, WireError};
use minicbor::{Decode, Encode};

use super::access::check_sorted;

const ACCEPTANCE_VERSION: u8 = 1;
const DOMAIN: &[u8] = b"carnet/1 acceptance\0";

/// Somebody's signed yes to an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Acceptance {
    #[n(0)]
    version: u8,
    /// The record they were invited to.
    #[n(1)]
    pub record: RecordId,
    /// The invitation's public key.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub invitation: [u8; 32],
    /// Who accepts.
    #[n(3)]
    pub account: AccountId,
    /// That account's X-Wing public key.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub kem: Vec<u8>,
    /// The device of theirs that signs.
    #[n(5)]
    pub device: DeviceId,
    /// Opens their `devices` log for reading.
    #[n(6)]
    pub devices: EpochGrant,
    #[n(7)]
    #[cbor(with = "minicbor::bytes")]
    signature: [u8; 64],
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    proof: [u8; 64],
}

/// What is signed: everything but the signatures.
#[derive(Encode)]
struct Said<'a> {
    #[n(0)]
    version: u8,
    #[n(1)]
    record: RecordId,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    invitation: [u8; 32],
    #[n(3)]
    account: AccountId,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    kem: &'a [u8],
    #[n(5)]
    device: DeviceId,
    #[n(6)]
    devices: &'a EpochGrant,
}

impl Acceptance {
    /// Signs with this device and with the secret of the invitation. `devices` loses everything but its read secret.
    pub fn make(
        record: RecordId,
        invitation: &InvitationKey,
        account: AccountId,
        kem: &[u8],
        device: &DeviceKeys,
        mut devices: EpochGrant,
    ) -> Self {
        devices.secrets = devices.secrets.only_read();
        let mut acceptance = Self {
            version: ACCEPTANCE_VERSION,
            record,
            invitation: invitation.public(),
            account,
            kem: kem.to_vec(),
            device: device.id(),
            devices,
            signature: [0; 64],
            proof: [0; 64],
        };
        let said = acceptance.said();
        acceptance.signature = device.sign(&said);
        acceptance.proof = invitation.sign(&said);
        acceptance
    }

    /// The words without signatures: the fold does not look at those, [`Self::check`] did before.
    #[cfg(test)]
    pub(super) fn unsigned(
        record: RecordId,
        invitation: [u8; 32],
        account: AccountId,
        kem: &[u8],
        device: DeviceId,
    ) -> Self {
        let secrets = crate::seal::EpochSecrets {
            read: account.0,
            write: None,
            retire: None,
        };
        Self {
            version: ACCEPTANCE_VERSION,
            record,
            invitation,
            account,
            kem: kem.to_vec(),
            device,
            devices: EpochGrant {
                epoch: carnet_wire::EpochId(account.0),
                parents: Vec::new(),
                secrets,
            },
            signature: [0; 64],
            proof: [0; 64],
        }
    }

    /// Canonical bytes, to be sealed to who invited.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_canonical()
    }

    /// Reads and checks what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let acceptance = Self::from_canonical(bytes)?;
        acceptance.check()?;
        Ok(acceptance)
    }

    fn said(&self) -> Vec<u8> {
        let said = Said {
            version: self.version,
            record: self.record,
            invitation: self.invitation,
            account: self.account,
            kem: &self.kem,
            device: self.device,
            devices: &self.devices,
        };
        let mut bytes = DOMAIN.to_vec();
        // Writing to a Vec cannot fail: its error type is `Infallible`.
        let _ = minicbor::encode(&said, &mut bytes);
        bytes
    }

    /// What can be checked without knowing the account's log.
    pub(super) fn check(&self) -> Result<()> {
        if self.version != ACCEPTANCE_VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        check_kem_public(&self.kem)?;
        check_sorted(&self.devices.parents, MAX_PARENT_EPOCHS)?;
        if self.devices.secrets != self.devices.secrets.only_read() {
            return Err(Error::Invalid("an acceptance hands out more than reading"));
        }
        let said = self.said();
        verify(self.device, &said, &self.signature)?;
        // An Ed25519 public key, whatever it is the name of.
        verify(DeviceId(self.invitation), &said, &self.proof)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::seal::{AccountKeys, Epoch};
    use carnet_wire::CompartmentId;

    fn acceptance() -> Acceptance {
        let account = AccountId([3; 32]);
        let record = RecordId(account.0);
        let epoch = Epoch::make(record, CompartmentId::derive(record, "devices"), vec![]).unwrap();
        Acceptance::make(
            RecordId([8; 32]),
            &InvitationKey::derive(&[5; 16]).unwrap(),
            account,
            &AccountKeys::make().unwrap().kem_public(),
            &DeviceKeys::make().unwrap(),
            epoch.grant(),
        )
    }

    #[test]
    fn an_acceptance_is_read_back_and_gives_reading_only() {
        let said = acceptance();
        assert_eq!(Acceptance::from_bytes(&said.to_bytes()).unwrap(), said);
        assert!(said.devices.secrets.write.is_none() && said.devices.secrets.retire.is_none());
    }

    #[test]
    fn every_word_of_it_is_signed_twice() {
        let said = acceptance();
        let changes: [fn(&mut Acceptance); 9] = [
            |said| said.version = 2,
            |said| said.record.0[0] ^= 1,
            |said| said.invitation[0] ^= 1,
            |said| said.account.0[0] ^= 1,
            |said| said.kem = AccountKeys::make().unwrap().kem_public(),
            |said| said.device = DeviceKeys::make().unwrap().id(),
            |said| said.devices.secrets.read[0] ^= 1,
            |said| said.signature[0] ^= 1,
            |said| said.proof[0] ^= 1,
        ];
        for change in changes {
            let mut other = said.clone();
            change(&mut other);
            assert!(Acceptance::from_bytes(&other.to_bytes()).is_err());
        }
        let mut generous = said;
        generous.devices.secrets.write = Some([1; 32]);
        assert!(generous.check().is_err());
    }

    #[test]
    fn bytes_cut_or_changed_anywhere_are_refused_without_a_panic() {
        let bytes = acceptance().to_bytes();
        for at in (0..bytes.len()).step_by(7) {
            assert!(Acceptance::from_bytes(&bytes[..at]).is_err());
            let mut changed = bytes.clone();
            changed[at] ^= 0x40;
            assert!(Acceptance::from_bytes(&changed).is_err(), "byte {at}");
        }
    }
}
