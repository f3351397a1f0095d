//! What the new phone is told: the account, its key, and the epochs of the account's own compartments. The records of the
//! account follow from its keyring.

use super::super::{Epoch, EpochGrant, encode_secret};
use crate::error::{Error, Result};
use carnet_wire::{
    AccountId, Canonical, CompartmentId, DeviceId, RecordId, Seen, WireError, limits,
};
use core::fmt;
use minicbor::{Decode, Encode};
use zeroize::{Zeroize, Zeroizing};

const WELCOME_VERSION: u8 = 1;
/// Most epochs a welcome may carry: two compartments and their history.
pub const MAX_WELCOME_EPOCHS: usize = 1_000;

/// Most chains a floor may name: what is left out is not checked.
pub const MAX_FLOOR_CHAINS: usize = 500;

/// The account as it is handed to a new phone.
///
/// ```text
/// Welcome = [ version = 1, account: bstr32, account_keys: bstr, epochs: [[name: tstr, EpochGrant]],
///             introducer: bstr32, floor: [ [record: bstr32, compartment: bstr16, Seen] … ] ]
/// ```
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct Welcome {
    #[n(0)]
    version: u8,
    /// Whose account.
    #[n(1)]
    pub account: AccountId,
    /// [`super::super::AccountKeys::to_bytes`].
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub account_keys: Vec<u8>,
    /// The epochs of the account's own compartments.
    #[n(3)]
    pub epochs: Vec<WelcomeEpoch>,
    /// The device that answers: who vouches for the floor.
    #[n(4)]
    pub introducer: DeviceId,
    /// How far it has merged each chain of the account, of the rosters and of the records: what a relay must not give
    /// less of. A relay that freezes a new phone in the past is found out by it.
    #[n(5)]
    pub floor: Vec<FloorChain>,
}

/// An epoch of one of the account's compartments.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct WelcomeEpoch {
    /// The compartment's name: `devices` or `keyring`.
    #[n(0)]
    pub name: String,
    /// The epoch.
    #[n(1)]
    pub grant: EpochGrant,
}

/// How far one chain has been merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct FloorChain {
    /// The record, or the account as a record.
    #[n(0)]
    pub record: RecordId,
    /// The compartment.
    #[n(1)]
    pub compartment: CompartmentId,
    /// Whose chain, and how far.
    #[n(2)]
    pub seen: Seen,
}

impl Welcome {
    /// Puts a welcome together. Of the floor the first [`MAX_FLOOR_CHAINS`] count.
    pub fn new(
        account: AccountId,
        account_keys: &[u8],
        epochs: Vec<WelcomeEpoch>,
        introducer: DeviceId,
        mut floor: Vec<FloorChain>,
    ) -> Self {
        floor.truncate(MAX_FLOOR_CHAINS);
        Self {
            version: WELCOME_VERSION,
            account,
            account_keys: account_keys.to_vec(),
            epochs,
            introducer,
            floor,
        }
    }

    /// The epochs, each checked against its id.
    pub fn open_epochs(&self) -> Result<Vec<(String, Epoch)>> {
        let record = RecordId(self.account.0);
        let open = |known: &WelcomeEpoch| {
            let compartment = CompartmentId::derive(record, &known.name);
            let epoch = Epoch::from_grant(record, compartment, &known.grant)?;
            Ok((known.name.clone(), epoch))
        };
        self.epochs.iter().map(open).collect()
    }

    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        self.check()?;
        Ok(encode_secret(self))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let welcome = Self::from_canonical(bytes)?;
        if welcome.version != WELCOME_VERSION {
            return Err(WireError::UnknownVersion.into());
        }
        welcome.check()?;
        // Checked here once, so that nobody stores an account that does not open.
        super::super::AccountKeys::from_bytes(&welcome.account_keys)?;
        welcome.open_epochs()?;
        Ok(welcome)
    }

    fn check(&self) -> Result<()> {
        let names = self
            .epochs
            .iter()
            .all(|known| known.name.len() <= limits::MAX_NAME_BYTES);
        if !names || self.epochs.len() > MAX_WELCOME_EPOCHS || self.floor.len() > MAX_FLOOR_CHAINS {
            return Err(Error::TooLarge("a welcome"));
        }
        Ok(())
    }
}

impl Drop for Welcome {
    fn drop(&mut self) {
        // The epochs' secrets wipe themselves.
        self.account_keys.zeroize();
    }
}

impl fmt::Debug for Welcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Welcome({}, …)", self.account)
    }
}
