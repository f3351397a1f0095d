//! What the fold comes to: accounts with their devices, records with their members, invitations and epochs.

use super::access::{Access, Role};
use super::facts::Facts;
use super::keys::Recipient;
use super::operation::{DEVICES, KEYRING, Operation};
use super::order::{History, Place};
use crate::seal::{DeviceCard, DeviceKind, EpochGrant};
use carnet_wire::{AccountId, ChangeId, CompartmentId, DeviceId, EpochId, RecordId};
use std::collections::{BTreeMap, BTreeSet};

/// Why a change counts for nothing. It is kept, shown, and judged again when more is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It names changes that are not here yet.
    PastIncomplete,
    /// It says something this build does not understand.
    Unknown,
    /// It founds an account or record that is not the hash of the founding, or another device signed it.
    NotTheFounder,
    /// Its author had no right to it, or not yet.
    NotAuthorised,
    /// It lies in a compartment, or speaks of one, where it does not belong.
    Misplaced,
    /// It contradicts what was settled before.
    Conflicting,
    /// It takes rights from somebody who is not junior to its author.
    Senior,
    /// Its author was removed, or lost the right, by somebody who did not know of it. An owner may adopt it.
    Beyond,
}

/// A device as its account knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    /// Its keys and name.
    pub card: DeviceCard,
    /// The changes that brought it in.
    pub(super) causes: Vec<Place>,
    /// The changes that removed it.
    pub(super) removals: Vec<Place>,
}

/// A generation of an account's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKey {
    /// 0 at the founding, one more with each rotation.
    pub generation: u32,
    /// Its X-Wing public key.
    pub kem: Vec<u8>,
    pub(super) place: Place,
}

/// Epochs by compartment. An id may stand here with different parents, because only who holds its secrets can tell which
/// are true.
pub type Epochs = BTreeMap<CompartmentId, BTreeMap<EpochId, Vec<MintedEpoch>>>;

/// A person's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAccount {
    /// Its X-Wing public key: what to wrap to.
    pub kem: Vec<u8>,
    /// The generation of that key.
    pub generation: u32,
    /// Every key it had.
    pub keys: Vec<AccountKey>,
    /// Its devices.
    pub devices: BTreeMap<DeviceId, KnownDevice>,
    /// Devices that were removed.
    pub removed: BTreeMap<DeviceId, KnownDevice>,
    /// The records it takes part in, with the epochs of their rosters; only its own devices see them.
    pub records: BTreeMap<RecordId, Vec<EpochGrant>>,
    /// The epochs of its own compartments that were minted later than its founding.
    pub epochs: Epochs,
    /// Shares of its kits, for its guardians.
    pub shares: Vec<GuardedShare>,
}

/// A share of a kit that a guardian keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedShare {
    /// Whose account opens it.
    pub guardian: AccountId,
    /// The kit; a share of one that was removed is worth nothing.
    pub kit: DeviceId,
    /// Sealed to the guardian's account.
    pub sealed: Vec<u8>,
}

impl KnownAccount {
    pub(super) fn founded(kem: &[u8], place: Place) -> Self {
        Self {
            kem: kem.to_vec(),
            generation: 0,
            keys: vec![AccountKey {
                generation: 0,
                kem: kem.to_vec(),
                place,
            }],
            devices: BTreeMap::new(),
            removed: BTreeMap::new(),
            records: BTreeMap::new(),
            epochs: BTreeMap::new(),
            shares: Vec::new(),
        }
    }

    /// The last generation; of two that were drawn at once, the first in the order of the fold.
    pub(super) fn choose_key(&mut self) {
        let last = |key: &&AccountKey| (key.generation, core::cmp::Reverse(key.place));
        if let Some(key) = self.keys.iter().max_by_key(last) {
            (self.kem, self.generation) = (key.kem.clone(), key.generation);
        }
    }
}

/// A member of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Whose account.
    pub account: AccountId,
    /// How they call themselves; empty where they did not say. Shown, never trusted: anybody may call themselves anything.
    pub name: String,
    /// The account's X-Wing public key; as the founding or acceptance said it while the account's own log is not known.
    /// To be shown: [`Roster::recipients`] tells what to wrap to.
    pub kem: Vec<u8>,
    /// What they may do.
    pub role: Role,
    /// In which compartments; none means all.
    pub compartments: Option<Vec<String>>,
    /// Their last day, `YYYY-MM-DD`, on which an owner's device removes them.
    pub until: Option<String>,
    /// The founder is 0, then the owners in order of becoming one, then the others in order of joining.
    pub rank: u32,
    /// The device that founded the record: known even where the account's own log is not.
    pub founding_device: Option<DeviceId>,
    /// Whether an owner compared words with them, or they founded the record.
    pub verified: bool,
    /// What opens their `devices` log for reading.
    pub devices: Vec<EpochGrant>,
}

impl Member {
    /// What they are given.
    pub fn access(&self) -> Access {
        Access {
            role: self.role,
            compartments: self.compartments.clone(),
            until: self.until.clone(),
        }
    }
}

/// An invitation nobody has used yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its public key.
    pub key: [u8; 32],
    /// Who invited, and whose devices alone admit on it.
    pub by: AccountId,
    /// What it gives.
    pub access: Access,
    /// Unix seconds after which nobody is admitted on it.
    pub expires: u64,
}

/// An epoch that was minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintedEpoch {
    /// The compartment's name.
    pub name: String,
    /// The epochs it follows.
    pub parents: Vec<EpochId>,
    /// The changes that minted it or wrapped it again.
    pub changes: Vec<ChangeId>,
    /// The accounts it was wrapped to, each with the change that first did.
    pub recipients: BTreeMap<AccountId, ChangeId>,
}

/// Adds an epoch, or other recipients to one that is there.
pub(super) fn mint(epochs: &mut Epochs, change: ChangeId, operation: &Operation) {
    let Operation::MintEpoch {
        compartment,
        name,
        epoch,
        parents,
        wraps,
        ..
    } = operation
    else {
        return;
    };
    let recipients = wraps.iter().map(|wrap| (wrap.account, change));
    let same = epochs
        .entry(*compartment)
        .or_default()
        .entry(*epoch)
        .or_default();
    if let Some(minted) = same.iter_mut().find(|minted| minted.parents == *parents) {
        minted.changes.push(change);
        for (account, change) in recipients {
            minted.recipients.entry(account).or_insert(change);
        }
        return;
    }
    same.push(MintedEpoch {
        name: name.clone(),
        parents: parents.clone(),
        changes: vec![change],
        recipients: recipients.collect(),
    });
}

/// A record as its roster describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownRecord {
    /// Its members, by rank.
    pub members: Vec<Member>,
    /// Invitations nobody has used yet.
    pub invitations: Vec<Invitation>,
    /// Its epochs.
    pub epochs: Epochs,
    /// Acceptances of the founder's rank that lost against another of the same offer or time: a founder offered it twice.
    /// To be shown to every member.
    pub contested: Vec<ChangeId>,
    /// What was said about its members, for judging what they write.
    pub(super) facts: Facts,
}

impl KnownRecord {
    /// A member by account.
    pub fn member(&self, account: AccountId) -> Option<&Member> {
        self.members.iter().find(|member| member.account == account)
    }

    /// Who gets the keys of a compartment: the members whose access reaches it.
    pub fn entitled<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Member> {
        let everybody = name == super::ROSTER;
        self.members
            .iter()
            .filter(move |member| everybody || member.access().reaches(name))
    }
}

/// Who belongs where and may do what: the fold of signed operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roster {
    pub(super) accounts: BTreeMap<AccountId, KnownAccount>,
    pub(super) records: BTreeMap<RecordId, KnownRecord>,
    /// Accepted changes that others may name, and of which account or record they are.
    pub(super) shared: Vec<(Place, RecordId)>,
    pub(super) refused: Vec<(ChangeId, Refusal)>,
    pub(super) history: History,
}

impl Roster {
    /// An account, if its founding is known.
    pub fn account(&self, account: AccountId) -> Option<&KnownAccount> {
        self.accounts.get(&account)
    }

    /// A record, if its founding is known.
    pub fn record(&self, record: RecordId) -> Option<&KnownRecord> {
        self.records.get(&record)
    }

    /// All accounts.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountId, &KnownAccount)> {
        self.accounts.iter().map(|(id, account)| (*id, account))
    }

    /// All records.
    pub fn records(&self) -> impl Iterator<Item = (RecordId, &KnownRecord)> {
        self.records.iter().map(|(id, record)| (*id, record))
    }

    /// A device of an account, one that was removed included.
    pub fn device(&self, account: AccountId, device: DeviceId) -> Option<&KnownDevice> {
        let known = self.account(account)?;
        let removed = || known.removed.get(&device);
        known.devices.get(&device).or_else(removed)
    }

    /// The epochs of a compartment that no other follows, sorted. More than one after concurrent mints.
    pub fn epoch_heads(&self, record: RecordId, compartment: CompartmentId) -> Vec<EpochId> {
        let Some(epochs) = self.epochs(record, compartment) else {
            return Vec::new();
        };
        let parents = epochs.values().flatten().flat_map(|minted| &minted.parents);
        let followed: BTreeSet<&EpochId> = parents.collect();
        epochs
            .keys()
            .filter(|id| !followed.contains(id))
            .copied()
            .collect()
    }

    /// Whether a compartment must get a new epoch before anything more is written there: there are several heads, or
    /// somebody has the secrets of the only one who is not entitled to them any more.
    pub fn needs_rotation(&self, record: RecordId, name: &str) -> bool {
        let compartment = CompartmentId::derive(record, name);
        match self.epoch_heads(record, compartment).as_slice() {
            [head] => self.is_outdated(record, compartment, *head),
            heads => heads.len() > 1,
        }
    }

    /// Who is entitled to an epoch and whose account vouches for their key, and has no part in it yet.
    pub fn without_part(&self, record: RecordId, name: &str, epoch: EpochId) -> Vec<Recipient> {
        let compartment = CompartmentId::derive(record, name);
        let minted = self
            .epochs(record, compartment)
            .and_then(|epochs| epochs.get(&epoch));
        let has_part = |account| {
            let minted = minted.into_iter().flatten();
            minted
                .clone()
                .any(|minted| minted.recipients.contains_key(&account))
        };
        let mut recipients = self.recipients(record, name);
        recipients.retain(|recipient| !has_part(recipient.account));
        recipients
    }

    /// The epochs of a compartment that were minted. A first epoch, founded with its log, is not among them.
    pub fn epochs(
        &self,
        record: RecordId,
        compartment: CompartmentId,
    ) -> Option<&BTreeMap<EpochId, Vec<MintedEpoch>>> {
        let of_record = self.record(record).map(|known| &known.epochs);
        let of_account = || self.account(AccountId(record.0)).map(|known| &known.epochs);
        of_record.or_else(of_account)?.get(&compartment)
    }

    /// Whether `device` may write in `compartment` by the last this roster knows. A compartment it knows nothing of is
    /// written by nobody. What was written earlier is judged by [`Roster::verdict`].
    pub fn may_write(&self, device: DeviceId, compartment: CompartmentId) -> bool {
        let own = self.accounts().any(|(account, known)| {
            let record = RecordId(account.0);
            let is_devices = compartment == CompartmentId::derive(record, DEVICES);
            let is_keyring = compartment == CompartmentId::derive(record, KEYRING);
            known.devices.get(&device).is_some_and(|known| {
                is_devices || is_keyring && known.card.kind == DeviceKind::Phone
            })
        });
        own || self.records().any(|(record, known)| {
            let is_roster = compartment == CompartmentId::derive(record, super::ROSTER);
            let name = known.name_of(compartment);
            known.members.iter().any(|member| {
                let reached = name.is_some_and(|name| member.access().reaches(name));
                (is_roster || member.role.writes() && reached) && self.acts_for(member, device)
            })
        })
    }

    /// Whether a device is one of a member's now.
    fn acts_for(&self, member: &Member, device: DeviceId) -> bool {
        match self.account(member.account) {
            Some(known) => known
                .devices
                .get(&device)
                .is_some_and(|known| known.card.kind == DeviceKind::Phone),
            None => member.founding_device == Some(device),
        }
    }

    /// The heads of everything accepted, sorted: what a device of this fold names as the frontier of what it writes. More
    /// than [`carnet_wire::limits::MAX_FRONTIER`] concurrent ones do not fit in a header: name the first that do.
    pub fn heads(&self) -> Vec<ChangeId> {
        let places: Vec<Place> = self.shared.iter().map(|(place, _)| *place).collect();
        self.history.heads(&places)
    }

    /// The heads that a device of `account` needs to name: the records' and its own account's. Those of co-members'
    /// accounts are left out, so that somebody who keeps theirs from others holds up only what is their own.
    pub fn heads_of(&self, account: AccountId) -> Vec<ChangeId> {
        let needed = self.shared.iter().filter(|(_, of)| {
            let of = AccountId(of.0);
            of == account || !self.accounts.contains_key(&of)
        });
        let places: Vec<Place> = needed.map(|(place, _)| *place).collect();
        self.history.heads(&places)
    }

    /// Whether somebody who named these heads knew of a change.
    pub fn knows(&self, heads: &[ChangeId], change: ChangeId) -> bool {
        let place = self.history.place(change);
        heads.iter().any(|head| {
            let head = self.history.place(*head);
            let both = head.zip(place);
            both.is_some_and(|(head, place)| self.history.past(head).holds(place))
        })
    }

    /// Changes that count for nothing, sorted, and why.
    pub fn refused(&self) -> &[(ChangeId, Refusal)] {
        &self.refused
    }
}

impl KnownRecord {
    /// Whether a record was told that an account removed a device.
    pub fn is_cut(&self, account: AccountId, device: DeviceId) -> bool {
        let mut cuts = self.facts.cuts.iter();
        cuts.any(|cut| cut.account == account && cut.device == device)
    }

    /// The devices an account cut here, and where.
    pub(super) fn cuts_of(&self, account: AccountId) -> impl Iterator<Item = (DeviceId, Place)> {
        let own = self
            .facts
            .cuts
            .iter()
            .filter(move |cut| cut.account == account);
        own.map(|cut| (cut.device, cut.place))
    }

    /// The name of a compartment that was ever minted.
    pub(super) fn name_of(&self, compartment: CompartmentId) -> Option<&str> {
        let epochs = self.epochs.get(&compartment)?;
        let minted = epochs.values().flatten().next()?;
        Some(&minted.name)
    }
}
