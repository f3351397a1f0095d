//! Members and devices: who belongs to an account or a record and may do what, as a pure fold of signed operations. No I/O,
//! no clock, no database: the caller brings verified changes, and everybody who brings the same ones gets the same answer.
//!
//! Fold an account by itself, or a record together with the `devices` logs of its members' accounts, and name [`Roster::heads`]
//! of that fold as the frontier of what is written there.

mod acceptance;
mod access;
mod account;
mod facts;
mod fold;
mod operation;
mod order;
mod record;
mod state;
mod verdict;

pub use acceptance::Acceptance;
pub use access::{Access, Chain, MAX_CHAINS, MAX_NAMED_COMPARTMENTS, Role};
pub use fold::fold;
pub use operation::{
    DEVICES, DeviceWrap, KEYRING, MAX_ADOPTED, MAX_DEVICE_WRAPS, MAX_OPERATIONS, MAX_WRAPS,
    Operation, Operations, ROSTER, Recipient, Wrap,
};
pub use state::{
    AccountKey, Epochs, Invitation, KnownAccount, KnownDevice, KnownRecord, Member, MintedEpoch,
    Refusal, Roster,
};
pub use verdict::{Verdict, Written};

use crate::error::{Error, Result};
use crate::seal::{Opened, unpack_body};
use carnet_wire::{ChangeId, CompartmentId, DeviceId, Incarnation, RecordId, kind};

/// A change of kind OPERATIONS whose signature holds: one node of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedOperations {
    /// The hash of its signed header, which names its body: one id, one content.
    pub id: ChangeId,
    /// The record, or the account as a record.
    pub record: RecordId,
    /// Where it lies.
    pub compartment: CompartmentId,
    /// The device that signed.
    pub author: DeviceId,
    /// In which of its lives.
    pub incarnation: Incarnation,
    /// Its number on the author's chain.
    pub seq: u64,
    /// What it came after: the author's previous change here and the frontier it named.
    pub after: Vec<ChangeId>,
    /// For showing in order; decides nothing.
    pub lamport: u64,
    /// What it says; empty when it says something this build does not understand.
    pub operations: Vec<Operation>,
}

impl SignedOperations {
    /// Reads the operations of an opened change.
    pub fn read(opened: &Opened) -> Result<Self> {
        let header = &opened.header;
        if header.kind != kind::OPERATIONS {
            return Err(Error::Invalid("the change holds no operations"));
        }
        let operations = match Operations::from_body(&unpack_body(&opened.body)?)? {
            Operations::Known(operations) => operations,
            Operations::Unknown => Vec::new(),
        };
        let mut after = header.frontier.clone();
        after.extend((header.seq > 1).then_some(header.prev));
        after.sort_unstable();
        after.dedup();
        Ok(Self {
            id: opened.id,
            record: header.record,
            compartment: header.compartment,
            author: header.author.device,
            incarnation: header.author.incarnation,
            seq: header.seq,
            after,
            lamport: header.lamport,
            operations,
        })
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
