//! Operations: the sentences a roster is made of. Signed, immutable, carried in envelopes like every change.
//!
//! ```text
//! body of a change of kind OPERATIONS = canonical [ version = 1, [Operation] ]
//! Operation = [0, [nonce: bstr32, kem: bstr1216, DeviceCard]]                           FoundAccount
//!           | [1, [DeviceCard]]                                                         AddDevice
//!           | [2, [record: bstr32, EpochGrant]]                                         KnowRecord
//!           | [3, [nonce: bstr32, account: bstr32, kem: bstr1216, DeviceCard]]          FoundRecord
//!           | [4, [compartment: bstr16, name: tstr, epoch: bstr32, [parent: bstr32], [Wrap], previous: bstr]]   MintEpoch
//!           | [5, [device: bstr32, name: tstr]]                                         RenameDevice
//! Wrap      = [account: bstr32, sealed: bstr]
//! AccountId = BLAKE3 derive_key("carnet/1 account-id", canonical FoundAccount)
//! RecordId  = BLAKE3 derive_key("carnet/1 record-id", canonical FoundRecord)
//! sealed    = HPKE to the account's key, info "carnet/1 epoch\0" ‖ record ‖ compartment ‖ epoch ‖ account, of canonical EpochSecrets
//! ```
//! `previous` is left out when there is none. An account is a record too, `RecordId(account)`, with two compartments: `devices`
//! (FoundAccount, AddDevice, RenameDevice; co-members will read it to check devices) and `keyring` (KnowRecord; only the account's own devices
//! read it). A record's operations lie in its compartment `roster`.
//!
//! A list with an operation of an unknown number or a later version is **unknown as a whole**: it is stored, reported and
//! counts for nothing, because half of an atomic change is not what its author signed.

use crate::error::{Error, Result};
use crate::seal::{
    AccountKeys, DeviceCard, Epoch, EpochGrant, EpochSecrets, MAX_PARENT_EPOCHS,
    WRAP_OVERHEAD_BYTES, check_device_name, check_kem_public, wrap,
};
use carnet_wire::{
    AccountId, Canonical, CompartmentId, DeviceId, EpochId, RecordId, WireError, limits,
};
use core::fmt;
use minicbor::{Decode, Decoder, Encode};

/// The compartment of an account for its devices.
pub const DEVICES: &str = "devices";
/// The compartment of an account for the records it knows.
pub const KEYRING: &str = "keyring";
/// The compartment of a record for its members and epochs.
pub const ROSTER: &str = "roster";

/// The only version of an operation list.
const OPERATIONS_VERSION: u8 = 1;
/// Most operations in one change.
pub const MAX_OPERATIONS: usize = 100;
/// Most accounts an epoch is wrapped to.
pub const MAX_WRAPS: usize = 200;
/// Longest wrap: three secrets and what wrapping adds.
const MAX_WRAP_BYTES: usize = WRAP_OVERHEAD_BYTES + 128;
/// Longest sealed list of previous epochs.
const MAX_PREVIOUS_BYTES: usize = 64 << 10;
/// The number of the last operation this build knows.
const LAST_OPERATION: u32 = 5;

/// One sentence about an account or a record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Operation {
    /// A person's account begins with its first device. The nonce makes two accounts of one device differ.
    #[n(0)]
    FoundAccount {
        /// Random.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        nonce: [u8; 32],
        /// The account's X-Wing public key.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        kem: Vec<u8>,
        /// Its first device, which signs.
        #[n(2)]
        device: DeviceCard,
    },
    /// Another device of the same person.
    #[n(1)]
    AddDevice {
        /// The new device.
        #[n(0)]
        device: DeviceCard,
    },
    /// The account takes part in a record: how its other devices get in.
    #[n(2)]
    KnowRecord {
        /// Which record.
        #[n(0)]
        record: RecordId,
        /// An epoch of the record's roster, from which the rest follows.
        #[n(1)]
        roster: EpochGrant,
    },
    /// A record begins with its founder.
    #[n(3)]
    FoundRecord {
        /// Random.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        nonce: [u8; 32],
        /// Whose authority comes first in it.
        #[n(1)]
        account: AccountId,
        /// That account's X-Wing public key.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        kem: Vec<u8>,
        /// The founding device, which signs.
        #[n(3)]
        device: DeviceCard,
    },
    /// A compartment gets a new key.
    #[n(4)]
    MintEpoch {
        /// Which compartment.
        #[n(0)]
        compartment: CompartmentId,
        /// Its name, from which its id is derived.
        #[n(1)]
        name: String,
        /// The new epoch.
        #[n(2)]
        epoch: EpochId,
        /// The epochs it follows, sorted; none for the first.
        #[n(3)]
        parents: Vec<EpochId>,
        /// Its secrets for each member, sorted by account.
        #[n(4)]
        wraps: Vec<Wrap>,
        /// The read secrets of its parents, sealed under it.
        #[n(5)]
        #[cbor(with = "minicbor::bytes")]
        previous: Option<Vec<u8>>,
    },
    /// A device of the account gets another name. Names are only shown; the last in the order of the fold counts.
    #[n(5)]
    RenameDevice {
        /// Which device.
        #[n(0)]
        device: DeviceId,
        /// Its new name.
        #[n(1)]
        name: String,
    },
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
        let mut wraps = members
            .iter()
            .map(|(account, kem)| Wrap::make(epoch, *account, kem, &epoch.secrets))
            .collect::<Result<Vec<_>>>()?;
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

    /// The account this operation founds.
    pub fn founded_account(&self) -> Option<AccountId> {
        matches!(self, Self::FoundAccount { .. }).then(|| {
            let operation = self.to_canonical();
            AccountId(blake3::derive_key("carnet/1 account-id", &operation))
        })
    }

    /// The record this operation founds.
    pub fn founded_record(&self) -> Option<RecordId> {
        matches!(self, Self::FoundRecord { .. }).then(|| {
            let operation = self.to_canonical();
            RecordId(blake3::derive_key("carnet/1 record-id", &operation))
        })
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

    /// What can be checked without knowing anything else.
    fn check(&self) -> Result<()> {
        match self {
            Self::FoundAccount { kem, device, .. } | Self::FoundRecord { kem, device, .. } => {
                check_kem_public(kem)?;
                device.check()
            }
            Self::AddDevice { device } => device.check(),
            Self::RenameDevice { name, .. } => check_device_name(name),
            Self::KnowRecord { roster, .. } => check_sorted(&roster.parents, MAX_PARENT_EPOCHS),
            Self::MintEpoch {
                name,
                parents,
                wraps,
                previous,
                ..
            } => {
                let oversize = name.len() > limits::MAX_NAME_BYTES
                    || previous
                        .as_ref()
                        .is_some_and(|sealed| sealed.len() > MAX_PREVIOUS_BYTES)
                    || wraps.iter().any(|wrap| wrap.sealed.len() > MAX_WRAP_BYTES);
                if oversize {
                    return Err(WireError::TooLarge.into());
                }
                let accounts: Vec<AccountId> = wraps.iter().map(|wrap| wrap.account).collect();
                check_sorted(&accounts, MAX_WRAPS)?;
                check_sorted(parents, MAX_PARENT_EPOCHS)
            }
        }
    }
}

/// Sets are written sorted and without doubles: one encoding for one meaning.
fn check_sorted<T: Ord>(items: &[T], most: usize) -> Result<()> {
    if items.len() > most {
        return Err(WireError::TooLarge.into());
    }
    if !items.is_sorted_by(|one, next| one < next) {
        return Err(WireError::NotCanonical.into());
    }
    Ok(())
}

#[derive(Encode, Decode)]
struct List {
    #[n(0)]
    version: u8,
    #[n(1)]
    operations: Vec<Operation>,
}

/// What the body of a change of kind OPERATIONS says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operations {
    /// Operations this build understands, each well formed.
    Known(Vec<Operation>),
    /// Written by a later version: to be stored and reported, counting for nothing.
    Unknown,
}

impl Operations {
    /// The body of a change, before it is packed.
    pub fn to_body(operations: &[Operation]) -> Result<Vec<u8>> {
        let list = List {
            version: OPERATIONS_VERSION,
            operations: operations.to_vec(),
        };
        check_list(&list)?;
        Ok(list.to_canonical())
    }

    /// Reads the body of a change, unpacked.
    pub fn from_body(body: &[u8]) -> Result<Self> {
        if is_unknown(body).map_err(|_| WireError::Malformed)? {
            return Ok(Self::Unknown);
        }
        let list = List::from_canonical(body)?;
        check_list(&list)?;
        Ok(Self::Known(list.operations))
    }
}

fn check_list(list: &List) -> Result<()> {
    if list.operations.is_empty() || list.operations.len() > MAX_OPERATIONS {
        return Err(Error::Wire(WireError::TooLarge));
    }
    list.operations.iter().try_for_each(Operation::check)
}

/// Looks for a later version or an operation with a later number, without decoding what it cannot know.
fn is_unknown(body: &[u8]) -> core::result::Result<bool, minicbor::decode::Error> {
    let mut decoder = Decoder::new(body);
    decoder.array()?;
    if decoder.u64()? > u64::from(OPERATIONS_VERSION) {
        return Ok(true);
    }
    let mut unknown = false;
    for _ in 0..decoder.array()?.unwrap_or(0) {
        // An operation is an array of its number and its fields; more elements are a later form of it.
        let mut operation = decoder.clone();
        unknown |= operation.array()? != Some(2) || operation.u32()? > LAST_OPERATION;
        decoder.skip()?;
    }
    Ok(unknown)
}
