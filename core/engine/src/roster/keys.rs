//! Keys handed over in operations: an epoch's secrets for each member by role, an account's key for each of its devices.

use super::access::Role;
use super::operation::{Operation, ROSTER};
use crate::error::{Error, Result};
use crate::seal::{AccountKeys, DeviceCard, DeviceKeys, Epoch, EpochSecrets, wrap};
use carnet_wire::{AccountId, CompartmentId, DeviceId, EpochId, RecordId};
use core::fmt;
use minicbor::{Decode, Encode};

/// An account's private key for one of its devices.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct DeviceWrap {
    /// For which.
    #[n(0)]
    pub device: DeviceId,
    /// Sealed to the device's key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

impl fmt::Debug for DeviceWrap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DeviceWrap({})", self.device)
    }
}

fn account_info(account: AccountId, generation: u32, device: DeviceId) -> Vec<u8> {
    [
        b"carnet/1 account key\0".as_slice(),
        account.as_ref(),
        &generation.to_be_bytes(),
        device.as_ref(),
    ]
    .concat()
}

/// Somebody an epoch is wrapped to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Whose account.
    pub account: AccountId,
    /// Its X-Wing public key, as the account's own log says.
    pub kem: Vec<u8>,
    /// Which secrets they get.
    pub role: Role,
}

impl Recipient {
    /// Readers get what reads; in the `roster` they also get what writes, because leaving, showing devices and taking
    /// over are said there by every member, and every reader of it checks who may say what.
    fn secrets(&self, epoch: &Epoch, name: &str) -> EpochSecrets {
        let retire = epoch.secrets.retire.filter(|_| self.role == Role::Owner);
        let write = epoch
            .secrets
            .write
            .filter(|_| self.role.writes() || name == ROSTER);
        EpochSecrets {
            read: epoch.secrets.read,
            write,
            retire,
        }
    }
}

/// An epoch's secrets for one account.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Wrap {
    /// For whom.
    #[n(0)]
    pub account: AccountId,
    /// Sealed to the account's key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

impl fmt::Debug for Wrap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Wrap({})", self.account)
    }
}

impl Wrap {
    /// Seals an epoch's secrets to an account.
    pub fn make(
        epoch: &Epoch,
        account: AccountId,
        kem: &[u8],
        secrets: &EpochSecrets,
    ) -> Result<Self> {
        let info = wrap_info(epoch.record, epoch.compartment, epoch.id, account);
        Ok(Self {
            account,
            sealed: wrap(kem, &info, &secrets.to_bytes())?,
        })
    }
}

fn wrap_info(
    record: RecordId,
    compartment: CompartmentId,
    epoch: EpochId,
    account: AccountId,
) -> Vec<u8> {
    [
        b"carnet/1 epoch\0".as_slice(),
        record.as_ref(),
        compartment.as_ref(),
        epoch.as_ref(),
        account.as_ref(),
    ]
    .concat()
}

impl Operation {
    /// The operation that mints `epoch` for the accounts in `members` (id and public key), giving all of them all secrets: they
    /// are owners. `previous` are the epochs it follows.
    pub fn mint(
        epoch: &Epoch,
        name: &str,
        members: &[(AccountId, Vec<u8>)],
        previous: &[Epoch],
    ) -> Result<Self> {
        let owner = |(account, kem): &(AccountId, Vec<u8>)| Recipient {
            account: *account,
            kem: kem.clone(),
            role: Role::Owner,
        };
        let owners: Vec<Recipient> = members.iter().map(owner).collect();
        Self::mint_for(epoch, name, &owners, previous)
    }

    /// The operation that mints `epoch` for recipients of any role, each with the secrets of theirs.
    pub fn mint_for(
        epoch: &Epoch,
        name: &str,
        recipients: &[Recipient],
        previous: &[Epoch],
    ) -> Result<Self> {
        let wrapped = |to: &Recipient| {
            let secrets = to.secrets(epoch, name);
            Wrap::make(epoch, to.account, &to.kem, &secrets)
        };
        let mut wraps = recipients.iter().map(wrapped).collect::<Result<Vec<_>>>()?;
        wraps.sort_unstable_by_key(|wrap| wrap.account);
        let sealed = (!previous.is_empty()).then(|| epoch.seal_previous(previous));
        Ok(Self::MintEpoch {
            compartment: epoch.compartment,
            name: name.to_owned(),
            epoch: epoch.id,
            parents: epoch.parents.clone(),
            wraps,
            previous: sealed.transpose()?,
        })
    }

    /// The operation that hands the account's next key to its live devices, phones and kit alike.
    pub fn rotate_account(
        account: AccountId,
        old: &AccountKeys,
        new: &AccountKeys,
        devices: &[DeviceCard],
    ) -> Result<Self> {
        let generation = new.generation();
        let secret = new.to_bytes();
        let wrapped = |card: &DeviceCard| {
            let info = account_info(account, generation, card.id);
            let sealed = wrap(&card.kem, &info, &secret)?;
            Ok(DeviceWrap {
                device: card.id,
                sealed,
            })
        };
        let mut wraps = devices.iter().map(wrapped).collect::<Result<Vec<_>>>()?;
        wraps.sort_unstable_by_key(|wrap| wrap.device);
        Ok(Self::RotateAccount {
            generation,
            kem: new.kem_public(),
            wraps,
            previous: new.seal_previous(old)?,
        })
    }

    /// Opens the account's keys that a [`Operation::RotateAccount`] hands to a device. None when it has no part.
    pub fn open_account(
        &self,
        account: AccountId,
        device: &DeviceKeys,
    ) -> Result<Option<AccountKeys>> {
        let Self::RotateAccount {
            generation,
            kem,
            wraps,
            ..
        } = self
        else {
            return Ok(None);
        };
        let id = device.id();
        let Some(wrap) = wraps.iter().find(|wrap| wrap.device == id) else {
            return Ok(None);
        };
        let info = account_info(account, *generation, id);
        let keys = AccountKeys::from_bytes(&device.unwrap(&info, &wrap.sealed)?)?;
        if keys.generation() != *generation || keys.kem_public() != *kem {
            return Err(Error::Unauthorised("an account's keys are not its own"));
        }
        Ok(Some(keys))
    }

    /// Opens the epoch a [`Operation::MintEpoch`] of `record` mints, with the part of an account. None when it has no part.
    pub fn open_epoch(
        &self,
        record: RecordId,
        account: AccountId,
        keys: &AccountKeys,
    ) -> Result<Option<Epoch>> {
        let Self::MintEpoch {
            compartment,
            epoch,
            parents,
            wraps,
            ..
        } = self
        else {
            return Ok(None);
        };
        let Some(wrap) = wraps.iter().find(|wrap| wrap.account == account) else {
            return Ok(None);
        };
        let info = wrap_info(record, *compartment, *epoch, account);
        let secrets = EpochSecrets::from_bytes(&keys.unwrap(&info, &wrap.sealed)?)?;
        Epoch::from_secrets(record, *compartment, parents.clone(), secrets, *epoch).map(Some)
    }
}
