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
//!           | [6, [device: bstr32, [Chain]]]                                            RemoveDevice
//!           | [7, [generation: u32, kem: bstr1216, [DeviceWrap], previous: bstr]]       RotateAccount
//!           | [8, [key: bstr32, Access, expires: u64]]                                  Invite
//!           | [9, [Acceptance]]                                                         Admit
//!           | [10, [account: bstr32, [Chain]]]                                          Remove
//!           | [11, [account: bstr32, Access, [Chain]]]                                  ChangeAccess
//!           | [12, [account: bstr32]]                                                   Transfer
//!           | [13, [transfer: bstr32]]                                                  AcceptTransfer
//!           | [14, [account: bstr32]]                                                   Verify
//!           | [15, [EpochGrant]]                                                        ShowDevices
//!           | [16, [[change: bstr32]]]                                                  Adopt
//!           | [17, [name: tstr]]                                                        Introduce
//!           | [18, [guardian: bstr32, kit: bstr32, sealed: bstr]]                       Guard
//! Wrap      = [account: bstr32, sealed: bstr]              DeviceWrap = [device: bstr32, sealed: bstr]
//! AccountId = BLAKE3 derive_key("carnet/1 account-id", canonical FoundAccount)
//! RecordId  = BLAKE3 derive_key("carnet/1 record-id", canonical FoundRecord)
//! sealed    = HPKE to the account's key, info "carnet/1 epoch\0" ‖ record ‖ compartment ‖ epoch ‖ account, of canonical EpochSecrets
//!             DeviceWrap: HPKE to the device's key, info "carnet/1 account key\0" ‖ account ‖ generation: u32 big-endian ‖ device,
//!             of the account's stored keys; `previous` of RotateAccount: the generation before, sealed under the new one
//! ```
//! `previous` is left out when there is none. An account is a record too, `RecordId(account)`, with two compartments: `devices`
//! (FoundAccount, AddDevice, RenameDevice, RemoveDevice, RotateAccount, Guard and the epochs of both; co-members read it to check
//! devices and find the shares they guard)
//! and `keyring` (KnowRecord; only the account's own devices read it). A record's operations lie in its compartment `roster`.
//! RemoveDevice stands in both: in `devices` it removes, in a `roster` it says how far the device's chains there were known, so that
//! no record learns of the chains of another.
//!
//! A list with an operation of an unknown number or a later version is **unknown as a whole**: it is stored, reported and
//! counts for nothing, because half of an atomic change is not what its author signed.

use super::acceptance::Acceptance;
use super::access::{Access, Chain, check_chains, check_sorted};
use super::keys::{DeviceWrap, Wrap};
use crate::error::{Error, Result};
use crate::seal::{
    DeviceCard, EpochGrant, MAX_PARENT_EPOCHS, WRAP_OVERHEAD_BYTES, check_device_name,
    check_kem_public,
};
use carnet_wire::{
    AccountId, Canonical, ChangeId, CompartmentId, DeviceId, EpochId, RecordId, WireError, limits,
};
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
/// Most devices an account's key is wrapped to.
pub const MAX_DEVICE_WRAPS: usize = 200;
/// Most changes one operation adopts.
pub const MAX_ADOPTED: usize = 1_000;
/// The number of the last operation this build knows.
const LAST_OPERATION: u32 = 18;
/// Longest sealed share of a guardian: five commitments, a few keys, and what wrapping adds.
const MAX_SHARE_BYTES: usize = WRAP_OVERHEAD_BYTES + 512;

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
    /// A device was lost or given away. It never comes back under the same key.
    #[n(6)]
    RemoveDevice {
        /// Which device.
        #[n(0)]
        device: DeviceId,
        /// How far its chains were known here, sorted.
        #[n(1)]
        chains: Vec<Chain>,
    },
    /// The account gets a new key, which a removed device does not get.
    #[n(7)]
    RotateAccount {
        /// One more than the last.
        #[n(0)]
        generation: u32,
        /// The new X-Wing public key.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        kem: Vec<u8>,
        /// Its private key for each live device, sorted by device.
        #[n(2)]
        wraps: Vec<DeviceWrap>,
        /// The key before it, sealed under it.
        #[n(3)]
        #[cbor(with = "minicbor::bytes")]
        previous: Vec<u8>,
    },
    /// Somebody may join, once.
    #[n(8)]
    Invite {
        /// The invitation's public key; its secret is in the code or link.
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        key: [u8; 32],
        /// What they will get.
        #[n(1)]
        access: Access,
        /// Unix seconds after which the inviter's devices admit nobody on it.
        #[n(2)]
        expires: u64,
    },
    /// Who was invited said yes, and joins.
    #[n(9)]
    Admit {
        /// Their signed yes.
        #[n(0)]
        acceptance: Box<Acceptance>,
    },
    /// A member is removed; of oneself: leaves.
    #[n(10)]
    Remove {
        /// Who.
        #[n(0)]
        account: AccountId,
        /// How far their devices' chains were known, sorted.
        #[n(1)]
        chains: Vec<Chain>,
    },
    /// A member gets another role, other compartments, another last day.
    #[n(11)]
    ChangeAccess {
        /// Whose.
        #[n(0)]
        account: AccountId,
        /// What they have from now on.
        #[n(1)]
        access: Access,
        /// How far their devices' chains were known, sorted: beyond it they wrote without knowing.
        #[n(2)]
        chains: Vec<Chain>,
    },
    /// The founder offers the founder's rank to a member.
    #[n(12)]
    Transfer {
        /// To whom.
        #[n(0)]
        account: AccountId,
    },
    /// The member takes it, and is the founder from here on. Stands alone in its change.
    #[n(13)]
    AcceptTransfer {
        /// The change that offered it.
        #[n(0)]
        transfer: ChangeId,
    },
    /// The author compared words with a member: their keys are theirs.
    #[n(14)]
    Verify {
        /// With whom.
        #[n(0)]
        account: AccountId,
    },
    /// A later epoch of the author's `devices` log, for co-members to read.
    #[n(15)]
    ShowDevices {
        /// Reading only.
        #[n(0)]
        devices: EpochGrant,
    },
    /// An owner read what waited in quarantine and takes it into the record.
    #[n(16)]
    Adopt {
        /// Which changes, sorted.
        #[n(0)]
        changes: Vec<ChangeId>,
    },
    /// How the author's person wants to be called here. Shown, never trusted.
    #[n(17)]
    Introduce {
        /// Their name.
        #[n(0)]
        name: String,
    },
    /// A guardian gets their share of a kit. Only they open it; the kit counts as long as it is a device of the account.
    #[n(18)]
    Guard {
        /// Whose account keeps it.
        #[n(0)]
        guardian: AccountId,
        /// The kit it is a share of.
        #[n(1)]
        kit: DeviceId,
        /// The share, sealed to the guardian's account.
        #[n(2)]
        #[cbor(with = "minicbor::bytes")]
        sealed: Vec<u8>,
    },
}

impl Operation {
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

    /// What can be checked without knowing anything else.
    fn check(&self) -> Result<()> {
        match self {
            Self::FoundAccount { kem, device, .. } | Self::FoundRecord { kem, device, .. } => {
                check_kem_public(kem)?;
                device.check()
            }
            Self::AddDevice { device } => device.check(),
            Self::RenameDevice { name, .. } | Self::Introduce { name } => check_device_name(name),
            Self::KnowRecord { roster, .. } => check_sorted(&roster.parents, MAX_PARENT_EPOCHS),
            Self::RemoveDevice { chains, .. } | Self::Remove { chains, .. } => check_chains(chains),
            Self::RotateAccount {
                kem,
                wraps,
                previous,
                ..
            } => check_rotation(kem, wraps, previous),
            Self::Invite { access, .. } => access.check(),
            Self::Admit { acceptance } => acceptance.check(),
            Self::ChangeAccess { access, chains, .. } => {
                access.check()?;
                check_chains(chains)
            }
            Self::Transfer { .. } | Self::AcceptTransfer { .. } | Self::Verify { .. } => Ok(()),
            Self::ShowDevices { devices } => check_shown(devices),
            Self::Adopt { changes } => check_sorted(changes, MAX_ADOPTED),
            Self::Guard { sealed, .. } if sealed.len() > MAX_SHARE_BYTES => {
                Err(WireError::TooLarge.into())
            }
            Self::Guard { .. } => Ok(()),
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

fn check_rotation(kem: &[u8], wraps: &[DeviceWrap], previous: &[u8]) -> Result<()> {
    check_kem_public(kem)?;
    let oversize = wraps.iter().any(|wrap| wrap.sealed.len() > MAX_WRAP_BYTES);
    if oversize || previous.len() > MAX_WRAP_BYTES {
        return Err(WireError::TooLarge.into());
    }
    let devices: Vec<DeviceId> = wraps.iter().map(|wrap| wrap.device).collect();
    check_sorted(&devices, MAX_DEVICE_WRAPS)
}

fn check_shown(devices: &EpochGrant) -> Result<()> {
    if devices.secrets != devices.secrets.only_read() {
        return Err(Error::Invalid("a devices log is shown for reading only"));
    }
    check_sorted(&devices.parents, MAX_PARENT_EPOCHS)
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
