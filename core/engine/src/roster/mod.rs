//! Members and devices: who belongs to an account or a record and may do what, as a pure fold of signed operations. No I/O,
//! no clock, no database: the caller brings verified changes, and everybody who brings the same ones gets the same answer.
//!
//! Fold an account by itself, or a record together with the `devices` logs of its members' accounts, and name
//! [`Roster::heads_of`] of that fold as the frontier of what is written there. The rules stand at the head of `account.rs`
//! (whose is a device) and `record.rs` (who may do what in a record), the question for each envelope in `verdict.rs`.
//! `tests/model/roster.py` says the same rules in another way, and a test compares the two on random histories.
//!
//! # What `vault` does with it
//! **Roles are enforced twice.** By keys: a compartment's epoch is wrapped to [`Roster::recipients`] and to nobody else
//! ([`Operation::mint_for`]): readers get what reads, caregivers what writes, owners what retires; of the `roster` everybody gets
//! what writes. By every reader: each change of a record is merged only if [`Roster::verdict`] says [`Verdict::Counts`].
//! 1. *Receiving a change.* `Waits` and `Refused` go to quarantine and are asked again when the roster advances, as today.
//!    `Beyond` goes to a quarantine of its own, shown in words, until [`Roster::settle`] over the compartment's changes or an
//!    owner's [`Operation::Adopt`] says otherwise. `settle` wants `seen` of the merged headers of that compartment only.
//! 2. *The roster advanced.* Ask again for every merged change of a compartment whose author's account or device an accepted
//!    [`Operation::Remove`], [`Operation::ChangeAccess`] or [`Operation::RemoveDevice`] names: what is `Beyond` now leaves the
//!    views (rebuild the shard without it) and goes to quarantine. A snapshot covers only what counts.
//! 3. *Writing.* The frontier is `heads_of(own account)`. Do not write where [`Roster::needs_rotation`]: an owner, or a caregiver of
//!    the compartment, mints first, with all heads as parents. That keeps the promise that nothing written by who knew of a
//!    removal opens for who was removed. A minter without the write or retire secret of a head only needs its read secret.
//! 4. *Removing* (member or device) is one transaction: the chains of every device of theirs in every compartment of the record the
//!    remover can read (merged tips, quarantine excluded), the removal, and new epochs of `roster` and of every compartment the
//!    member reached. Show "removed" when the relay and another device have it, "removal pending" before. Leaving: an
//!    owner's device mints as soon as it hears of it.
//! 5. *A lost phone.* One change in `devices`: [`Operation::RemoveDevice`], [`Operation::RotateAccount`], new epochs of `devices` and
//!    `keyring`; both logs once more under them. Then in each record: RemoveDevice with that record's chains, new epochs where
//!    the member may mint, and only then, under a key the lost phone has not, [`Operation::ShowDevices`]. Whoever wrapped to the
//!    old account key without knowing is found by [`Roster::is_outdated`]; an account whose key is outdated itself
//!    ([`Roster::is_account_outdated`]) draws another before its devices mint anything.
//! 6. *Joining.* [`crate::seal::invitation`] brings the guest's [`Acceptance`]; its key is `InvitationKey::derive` of the link's secret. The
//!    inviter's device opens the guest's `devices` log with the grant in it, folds it, and admits only if that log vouches for the
//!    device and the key (the fold refuses otherwise as soon as the log is there), the link has not expired, and no
//!    removal of that account is known, unless the person says so. One change: Admit, then the epochs wrapped again
//!    (the same MintEpoch with the newcomer's wrap). Then the grant: the `roster` epoch. Verify when the words were compared.
//!    The guest's first change in the `roster` is a RemoveDevice for every device their account ever removed, without chains: a
//!    phone lost before joining must not speak for them here.
//! 7. *Reading rosters.* Every Admit and ShowDevices holds what opens a member's `devices` log: keep those epochs, pull them, and
//!    fold them with the record. Read them from refused and waiting changes too: without the log they stay waiting.
//! 8. *Keys of an account.* Keep every generation ([`Operation::open_account`], then `AccountKeys::open_previous` back to 0) and try
//!    them from the newest when opening a wrap.
//! 9. *The kit.* AddDevice with its card, its mailbox's grant kept in the keyring as a [`Operation::KnowRecord`] of the kit's own
//!    record, a letter whenever `devices` or `keyring` get an epoch or the account a key. On the blank phone: words, mailbox,
//!    letters, then AddDevice of the new phone signed by `RecoveryKit::device` under a fresh incarnation, and from there on as a
//!    paired phone. *Guardians* share a kit of their own; each share lies in `devices` as an [`Operation::Guard`].
//! 10. *End dates* are acted on by owners' devices (Remove or ChangeAccess on that day). *Offers* of the founder's rank cannot be taken
//!     back: show them as open until accepted, and `contested` to everybody.
//! 11. *Access log.* Each of the above writes an [`AccessEvent`] into the record by its device, `verify_access_log` before showing it.

mod acceptance;
mod access;
mod access_log;
mod account;
mod facts;
mod fold;
mod keys;
mod operation;
mod order;
mod record;
mod renewal;
mod state;
mod verdict;

pub use acceptance::Acceptance;
pub use access::{Access, Chain, MAX_CHAINS, MAX_NAMED_COMPARTMENTS, Role};
pub use access_log::{AccessEvent, Act, MAX_TIPS, Tampering, Tip, verify_access_log};
pub use fold::fold;
pub use keys::{DeviceWrap, Recipient, Wrap};
pub use operation::{
    DEVICES, KEYRING, MAX_ADOPTED, MAX_DEVICE_WRAPS, MAX_OPERATIONS, MAX_WRAPS, Operation,
    Operations, ROSTER,
};
pub use state::{
    AccountKey, Epochs, GuardedShare, Invitation, KnownAccount, KnownDevice, KnownRecord, Member,
    MintedEpoch, Refusal, Roster,
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
mod family_tests;
#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod rotation_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
