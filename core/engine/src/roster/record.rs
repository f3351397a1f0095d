//! Records: who belongs to one and may do what. Judged after the accounts, which say whose each device is.
//!
//! # The rules
//! 1. **Founding.** The record's id is the hash of the founding. Whoever founded it is its founder.
//! 2. **Rank.** The reigning founder, then the owners in order of becoming one; everybody else is junior to them. An operation
//!    takes rights only from somebody strictly junior to its author, or from the author.
//! 3. **Causes.** A change counts only if its author had the right in its own past.
//! 4. **Limits.** A removal or another access that the change did not know of limits it too, unless that event knew the change
//!    (it lies in its past, or within the chains it names), or an author **more senior than the change's** built on the change
//!    or adopted it. What is limited waits as [`Refusal::Beyond`], and is shown.
//! 5. **Joining.** An owner invites; a device of the same account admits who accepted, once for each invitation.
//! 6. **Giving.** An owner gives only compartments they have. An owner may give up their own; giving a senior more is allowed.
//! 7. **Leaving** is everybody's, except the reigning founder's: so there is always one.
//! 8. **Taking over.** A reign begins with the signed acceptance of an offer that the founder of the reign before made in it. Of
//!    several acceptances the first in order counts; what the earlier founder did beyond it counts with an ordinary owner's rank.
//! 9. **Devices.** A device its account removed is cut here by a change that says how far its chains were known. Until that
//!    change is here the device is its account's for everybody who had not heard of the removal; so whoever joins cuts the
//!    devices they removed before.
//! 10. **Minting.** Owners and caregivers mint epochs of compartments they have; of the roster, owners.
//!
//! Why it ends and nobody profits from coming late: whether a change counts depends only on changes of authors strictly
//! more senior, on earlier ones of the same author, and on what everybody can check without rank (founding, reigns, leaving,
//! cuts). So the judge goes from the most senior to the most junior, once. Somebody removed by a senior cannot reach
//! what the senior said, whatever they sign and however they date it.
//!
//! What no set of signatures can settle: a founder who offers the rank **twice**, the second time dated back. Both acceptances
//! are then known to everybody, one counts for all of them alike, and [`super::KnownRecord::contested`] says so.

use super::access::{Access, Role};
use super::account::require_place;
use super::facts::{Cut, Event, Facts, Said, Seniority, reach};
use super::operation::{Operation, ROSTER};
use super::order::{Graph, History, Past, Place};
use super::state::{Invitation, KnownAccount, KnownRecord, Member, mint};
use super::{Refusal, SignedOperations};
use crate::seal::{DeviceKind, EpochGrant};
use carnet_wire::{AccountId, ChangeId, CompartmentId, DeviceId, EpochId, RecordId};
use std::collections::{BTreeMap, BTreeSet};

type Accounts = BTreeMap<AccountId, KnownAccount>;

/// A change with one of the accounts its device belongs to.
#[derive(Clone, Copy)]
struct Claim<'a> {
    place: Place,
    change: &'a SignedOperations,
    account: AccountId,
    past: Past<'a>,
}

struct RecordJudge<'a> {
    history: &'a History,
    accounts: &'a Accounts,
    record: RecordId,
    changes: Vec<(Place, &'a SignedOperations)>,
    known: KnownRecord,
    outcomes: BTreeMap<Place, Result<Seniority, Refusal>>,
    used: BTreeSet<[u8; 32]>,
    verified: BTreeSet<AccountId>,
    shown: BTreeMap<AccountId, Vec<EpochGrant>>,
    /// Who accepted an invitation anywhere, whether it counts or not, with the key they named.
    accepted: Vec<(Place, AccountId, &'a [u8])>,
    /// What was invited to anywhere, whether it counts or not.
    invited: Vec<(Place, DeviceId, [u8; 32], &'a Access)>,
    minted: BTreeMap<CompartmentId, Vec<(Place, usize, EpochId)>>,
    founder_kem: &'a [u8],
}

/// Judges the changes of one record. None when its founding is not among them.
pub(super) fn judge<'a>(
    graph: &'a Graph<'a>,
    accounts: &'a Accounts,
    record: RecordId,
    changes: Vec<(Place, &'a SignedOperations)>,
) -> (Option<KnownRecord>, Vec<(Place, Refusal)>) {
    let mut judge = RecordJudge {
        history: graph.history(),
        accounts,
        record,
        changes,
        known: KnownRecord::default(),
        outcomes: BTreeMap::new(),
        used: BTreeSet::new(),
        verified: BTreeSet::new(),
        shown: BTreeMap::new(),
        accepted: Vec::new(),
        invited: Vec::new(),
        minted: BTreeMap::new(),
        founder_kem: &[],
    };
    judge.index();
    judge.refuse_bad_forms();
    judge.judge_foundings();
    judge.judge_cuts();
    judge.judge_reigns();
    judge.judge_leaving();
    judge.judge_founders();
    judge.judge_owners();
    judge.judge_members();
    judge.finish()
}

impl<'a> RecordJudge<'a> {
    fn facts(&self) -> &Facts {
        &self.known.facts
    }

    // ---- what can be said without rank ----

    fn index(&mut self) {
        for (place, change) in &self.changes {
            for (index, operation) in change.operations.iter().enumerate() {
                match operation {
                    Operation::MintEpoch {
                        compartment, epoch, ..
                    } => self
                        .minted
                        .entry(*compartment)
                        .or_default()
                        .push((*place, index, *epoch)),
                    Operation::Admit { acceptance } if acceptance.record == self.record => {
                        self.accepted
                            .push((*place, acceptance.account, &acceptance.kem));
                    }
                    Operation::Invite { key, access, .. } => {
                        self.invited.push((*place, change.author, *key, access));
                    }
                    _ => {}
                }
            }
        }
    }

    fn refuse_bad_forms(&mut self) {
        for (place, change) in self.changes.clone() {
            if let Err(refusal) = self.check_form(place, change) {
                self.outcomes.insert(place, Err(refusal));
            }
        }
    }

    fn check_form(&self, place: Place, change: &SignedOperations) -> Result<(), Refusal> {
        require_place(change, ROSTER)?;
        let all = &change.operations;
        let is_plain = |one: &Operation| {
            matches!(
                one,
                Operation::RemoveDevice { .. } | Operation::ShowDevices { .. }
            )
        };
        let is_taking = |one: &Operation| matches!(one, Operation::AcceptTransfer { .. });
        if all.iter().any(is_plain) && !all.iter().all(is_plain)
            || all.iter().any(is_taking) && all.len() > 1
        {
            return Err(Refusal::Misplaced);
        }
        let past = self.history.past(place);
        for (index, operation) in all.iter().enumerate() {
            self.check_operation_form(past, (place, index), change, operation)?;
        }
        Ok(())
    }

    fn check_operation_form(
        &self,
        past: Past<'_>,
        at: (Place, usize),
        change: &SignedOperations,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::FoundRecord { device, .. } => {
                let hash_is_id = operation.founded_record() == Some(self.record);
                let first = at.1 == 0;
                let phone = device.kind == DeviceKind::Phone;
                if !hash_is_id || !first || !phone || device.id != change.author {
                    return Err(Refusal::NotTheFounder);
                }
                Ok(())
            }
            Operation::MintEpoch {
                compartment,
                name,
                epoch,
                parents,
                ..
            } => {
                if *compartment != CompartmentId::derive(self.record, name) {
                    return Err(Refusal::Misplaced);
                }
                self.check_parents(past, at, *compartment, *epoch, parents)
            }
            Operation::Admit { acceptance } if acceptance.record != self.record => {
                Err(Refusal::Misplaced)
            }
            Operation::FoundAccount { .. }
            | Operation::AddDevice { .. }
            | Operation::RenameDevice { .. }
            | Operation::RotateAccount { .. }
            | Operation::KnowRecord { .. } => Err(Refusal::Misplaced),
            _ => Ok(()),
        }
    }

    /// Epochs follow epochs their author knew. Without parents it must be the first its author could know of: a key never
    /// starts over. Whether those epochs' own minting counts does not matter: their secrets are kept for reading only.
    fn check_parents(
        &self,
        past: Past<'_>,
        (place, index): (Place, usize),
        compartment: CompartmentId,
        epoch: EpochId,
        parents: &[EpochId],
    ) -> Result<(), Refusal> {
        let minted = self.minted.get(&compartment).into_iter().flatten();
        let before =
            minted.filter(|(at, number, _)| past.holds(*at) && (*at != place || *number < index));
        let known: BTreeSet<EpochId> = before.map(|(_, _, id)| *id).collect();
        let starts_over = parents.is_empty() && known.iter().any(|id| *id != epoch);
        if starts_over || !parents.iter().all(|parent| known.contains(parent)) {
            return Err(Refusal::NotAuthorised);
        }
        Ok(())
    }

    fn judge_foundings(&mut self) {
        for (place, change) in self.changes.clone() {
            let Some(Operation::FoundRecord {
                account,
                kem,
                device,
                ..
            }) = change.operations.first()
            else {
                continue;
            };
            if self.outcomes.contains_key(&place) {
                continue;
            }
            self.founder_kem = kem;
            self.known.facts.founder = Some(*account);
            self.known.facts.founding_device = Some(device.id);
            self.known.facts.foundings.push(place);
        }
    }

    /// The accounts a change's device belonged to as far as the change knew. The founding device is the founder's even where
    /// the founder's own log is not here.
    fn authors(&self, place: Place, change: &SignedOperations) -> Vec<AccountId> {
        authors(
            self.accounts,
            self.facts(),
            self.history.past(place),
            change.author,
        )
    }

    /// Whether an account is of somebody who founded the record or accepted an invitation to it, as far as a past knows.
    fn is_named(&self, account: AccountId, past: Past<'_>) -> bool {
        let founded =
            self.facts().founder == Some(account) && past.holds_any(&self.facts().foundings);
        let mut accepted = self.accepted.iter();
        founded || accepted.any(|(place, who, _)| *who == account && past.holds(*place))
    }

    /// Device removals and shown devices: everybody says them of their own account. A removal by a live device counts; one
    /// by a device that was removed itself counts as far as that was known.
    fn judge_cuts(&mut self) {
        let plain = |change: &SignedOperations| {
            matches!(
                change.operations.first(),
                Some(Operation::RemoveDevice { .. } | Operation::ShowDevices { .. })
            )
        };
        let changes: Vec<_> = self.changes.clone();
        for by_live in [true, false] {
            for (place, change) in changes.iter().filter(|(_, change)| plain(change)) {
                if self.outcomes.contains_key(place) {
                    continue;
                }
                let own = self.own_account(*place, change);
                let live = own.is_some_and(|account| self.is_live(account, change.author));
                if live == by_live {
                    let outcome = own
                        .ok_or(Refusal::NotAuthorised)
                        .and_then(|account| self.judge_plain(*place, change, account));
                    self.outcomes.insert(*place, outcome);
                }
            }
        }
    }

    fn own_account(&self, place: Place, change: &SignedOperations) -> Option<AccountId> {
        let past = self.history.past(place);
        let mut authors = self.authors(place, change).into_iter();
        authors.find(|account| self.is_named(*account, past))
    }

    fn is_live(&self, account: AccountId, device: DeviceId) -> bool {
        match self.accounts.get(&account) {
            Some(known) => known.devices.contains_key(&device),
            None => self.facts().founding_device == Some(device),
        }
    }

    fn judge_plain(
        &mut self,
        place: Place,
        change: &SignedOperations,
        account: AccountId,
    ) -> Result<Seniority, Refusal> {
        self.check_cuts(account, (place, change), Seniority::FOUNDER)?;
        let removed = self.accounts.get(&account).map(|known| &known.removed);
        for operation in &change.operations {
            if let Operation::RemoveDevice { device, .. } = operation
                && !removed.is_some_and(|removed| removed.contains_key(device))
            {
                return Err(Refusal::NotAuthorised);
            }
        }
        for operation in &change.operations {
            match operation {
                Operation::RemoveDevice { device, chains } => self.known.facts.cuts.push(Cut {
                    place,
                    account,
                    device: *device,
                    chains: chains.clone(),
                }),
                Operation::ShowDevices { devices } => {
                    self.shown.entry(account).or_default().push(devices.clone());
                }
                _ => {}
            }
        }
        Ok(Seniority::MEMBER)
    }

    /// Whether an account cut the device, and the cut did not know this change.
    fn check_cuts(
        &self,
        account: AccountId,
        (place, change): (Place, &SignedOperations),
        seniority: Seniority,
    ) -> Result<(), Refusal> {
        let cuts = self.facts().cuts.iter();
        let own = cuts.filter(|cut| cut.account == account && cut.device == change.author);
        for cut in own.filter(|cut| cut.place != place) {
            if self.history.is_before(cut.place, place) {
                return Err(Refusal::NotAuthorised);
            }
            let knew = self.history.is_before(place, cut.place) || reach(&cut.chains, change);
            if !knew
                && !self
                    .facts()
                    .is_sheltered(self.history, place, change.id, seniority)
            {
                return Err(Refusal::Beyond);
            }
        }
        Ok(())
    }

    /// From the founding on: the first acceptance in order of an offer the founder made in their reign.
    fn judge_reigns(&mut self) {
        let taking: Vec<_> = self
            .changes
            .iter()
            .filter_map(|(place, change)| match change.operations.as_slice() {
                [Operation::AcceptTransfer { transfer }] => Some((*place, *change, *transfer)),
                _ => None,
            })
            .filter(|(place, _, _)| !self.outcomes.contains_key(place))
            .collect();
        while let Some((place, account)) = taking
            .iter()
            .filter(|(place, _, _)| !self.outcomes.contains_key(place))
            .find_map(|(place, change, transfer)| {
                let account = self.takes_over(*place, change, *transfer)?;
                Some((*place, account))
            })
        {
            self.outcomes.insert(place, Ok(Seniority::FOUNDER));
            self.known.facts.reigns.push((place, account));
            self.push_event(
                account,
                (place, 0),
                Seniority::FOUNDER,
                Said::Access(Access::everywhere(Role::Owner)),
                &[],
            );
        }
        for (place, change, transfer) in taking {
            if self.outcomes.contains_key(&place) {
                continue;
            }
            self.outcomes.insert(place, Err(Refusal::Conflicting));
            if self.is_rival(place, change, transfer) {
                self.known.contested.push(change.id);
            }
        }
    }

    /// Who takes over from the reigning founder by this acceptance, if it does.
    fn takes_over(
        &self,
        place: Place,
        change: &SignedOperations,
        transfer: ChangeId,
    ) -> Option<AccountId> {
        let (reign, founder) = (self.facts().reigns.len(), self.facts().reigning()?);
        let to = self.offered(place, change, transfer, reign, founder)?;
        self.check_cuts(to, (place, change), Seniority::FOUNDER)
            .ok()?;
        Some(to)
    }

    /// Whether an acceptance that did not count would have counted in some reign.
    fn is_rival(&self, place: Place, change: &SignedOperations, transfer: ChangeId) -> bool {
        let first = self.facts().founder.into_iter();
        let later = self.facts().reigns.iter().map(|(_, account)| *account);
        first.chain(later).enumerate().any(|(reign, founder)| {
            self.offered(place, change, transfer, reign, founder)
                .is_some()
        })
    }

    /// To whom the founder of a reign offered it, where this acceptance is theirs.
    fn offered(
        &self,
        place: Place,
        change: &SignedOperations,
        transfer: ChangeId,
        reign: usize,
        founder: AccountId,
    ) -> Option<AccountId> {
        let at = self.history.place(transfer)?;
        let past = self.history.past(at);
        let offers = self.changes.iter().find(|(other, _)| *other == at)?.1;
        let in_reign = self.facts().reign_in(past) == Some((reign, founder));
        let by_founder = self.authors(at, offers).contains(&founder);
        let well_formed = !matches!(self.outcomes.get(&at), Some(Err(_)));
        let known = self.history.is_before(at, place);
        if !(in_reign && by_founder && well_formed && known)
            || self
                .check_cuts(founder, (at, offers), Seniority::FOUNDER)
                .is_err()
        {
            return None;
        }
        let authors = self.authors(place, change);
        offers
            .operations
            .iter()
            .find_map(|operation| match operation {
                Operation::Transfer { account }
                    if authors.contains(account)
                        && *account != founder
                        && self.is_named(*account, past) =>
                {
                    Some(*account)
                }
                _ => None,
            })
    }

    /// Leaving needs no right. The reigning founder cannot.
    fn judge_leaving(&mut self) {
        for (place, change) in self.changes.clone() {
            let [Operation::Remove { account, chains }] = change.operations.as_slice() else {
                continue;
            };
            let authors = self.authors(place, change);
            if self.outcomes.contains_key(&place) || !authors.contains(account) {
                continue;
            }
            let past = self.history.past(place);
            let outcome = if self.facts().reigning() == Some(*account) {
                Err(Refusal::Senior)
            } else if self.is_named(*account, past) {
                self.check_cuts(*account, (place, change), Seniority::FOUNDER)
            } else {
                Err(Refusal::NotAuthorised)
            };
            if outcome.is_ok() {
                self.push_event(
                    *account,
                    (place, 0),
                    Seniority::FOUNDER,
                    Said::Removed,
                    chains,
                );
            }
            self.outcomes
                .insert(place, outcome.map(|()| Seniority::MEMBER));
        }
    }

    fn push_event(
        &mut self,
        account: AccountId,
        (place, index): (Place, usize),
        by: Seniority,
        said: Said,
        chains: &[super::Chain],
    ) {
        self.known
            .facts
            .events
            .entry(account)
            .or_default()
            .push(Event {
                place,
                index,
                by,
                said,
                chains: chains.to_vec(),
            });
    }

    // ---- by rank ----

    /// The claims nobody has judged, or that failed for another of the device's accounts.
    fn open_claims(&self) -> Vec<Claim<'a>> {
        let mut claims = Vec::new();
        for (place, change) in &self.changes {
            if self.outcomes.contains_key(place) {
                continue;
            }
            for account in self.authors(*place, change) {
                claims.push(Claim {
                    place: *place,
                    change,
                    account,
                    past: self.history.past(*place),
                });
            }
        }
        claims
    }

    /// What founders did in their reigns, as far as who followed them knew it: the last reign first, because its founder's
    /// word shelters what came before.
    fn judge_founders(&mut self) {
        let claims = self.open_claims();
        for reign in (0..=self.facts().reigns.len()).rev() {
            for claim in &claims {
                let own = self.facts().reign_in(claim.past) == Some((reign, claim.account));
                if own && self.is_settled(reign, *claim) {
                    self.judge_claim(*claim, Seniority::FOUNDER);
                }
            }
        }
    }

    fn is_settled(&self, reign: usize, claim: Claim<'_>) -> bool {
        let Some((next, _)) = self.facts().reigns.get(reign) else {
            return true;
        };
        let built_on = self.facts().counted.iter().any(|(place, by)| {
            *by == Seniority::FOUNDER
                && self.history.is_before(claim.place, *place)
                && self.is_of_later_reign(*place, reign)
        });
        self.history.is_before(claim.place, *next) || built_on
    }

    fn is_of_later_reign(&self, place: Place, reign: usize) -> bool {
        self.facts()
            .reign_in(self.history.past(place))
            .is_some_and(|(of, _)| of > reign)
    }

    /// The owners, the most senior first.
    fn judge_owners(&mut self) {
        let claims = self.open_claims();
        let mut judged: BTreeSet<(Seniority, AccountId)> = BTreeSet::new();
        while let Some((seniority, account)) = self.next_owner(&judged) {
            judged.insert((seniority, account));
            for claim in claims.iter().filter(|claim| claim.account == account) {
                let standing = self
                    .facts()
                    .standing(self.history, account, claim.past, seniority);
                if standing.is_some_and(|standing| standing.seniority == seniority) {
                    self.judge_claim(*claim, seniority);
                }
            }
        }
    }

    fn next_owner(
        &self,
        judged: &BTreeSet<(Seniority, AccountId)>,
    ) -> Option<(Seniority, AccountId)> {
        let facts = self.facts();
        let founder = facts.founder.map(|account| (Seniority::FOUNDING, account));
        let made = facts.events.iter().flat_map(|(account, events)| {
            let owners = events.iter().filter(|event| match &event.said {
                Said::Access(access) => access.role == Role::Owner,
                Said::Removed => false,
            });
            owners.map(|event| (Seniority::since(event.place), *account))
        });
        founder
            .into_iter()
            .chain(made)
            .filter(|owner| !judged.contains(owner))
            .min()
    }

    /// Everybody else.
    fn judge_members(&mut self) {
        for claim in self.open_claims() {
            let standing =
                self.facts()
                    .standing(self.history, claim.account, claim.past, Seniority::MEMBER);
            if standing.is_some_and(|standing| standing.seniority == Seniority::MEMBER) {
                self.judge_claim(claim, Seniority::MEMBER);
            }
        }
    }

    /// Judges a change as one of its authors; the first of them for whom it counts is who said it.
    fn judge_claim(&mut self, claim: Claim<'a>, seniority: Seniority) {
        if matches!(self.outcomes.get(&claim.place), Some(Ok(_))) {
            return;
        }
        match self.check_claim(claim, seniority) {
            Ok(()) => {
                self.outcomes.insert(claim.place, Ok(seniority));
                self.known.facts.counted.push((claim.place, seniority));
                for (index, operation) in claim.change.operations.iter().enumerate() {
                    self.apply(claim, (claim.place, index), seniority, operation);
                }
            }
            Err(refusal) => {
                self.outcomes.entry(claim.place).or_insert(Err(refusal));
            }
        }
    }

    fn check_claim(&self, claim: Claim<'_>, seniority: Seniority) -> Result<(), Refusal> {
        let (place, change) = (claim.place, claim.change);
        let standing = self
            .facts()
            .standing(self.history, claim.account, claim.past, seniority)
            .ok_or(Refusal::NotAuthorised)?;
        for operation in &change.operations {
            self.check_operation(claim, seniority, &standing.access, operation)?;
        }
        self.check_cuts(claim.account, (place, change), seniority)?;
        if self
            .facts()
            .is_sheltered(self.history, place, change.id, seniority)
        {
            return Ok(());
        }
        let knew = |event: &Event| {
            self.history.is_before(place, event.place) || reach(&event.chains, change)
        };
        let left = self
            .facts()
            .limited(
                self.history,
                claim.account,
                &standing.access,
                claim.past,
                seniority,
                knew,
            )
            .ok_or(Refusal::Beyond)?;
        for operation in &change.operations {
            self.check_operation(claim, seniority, &left, operation)
                .map_err(|_| Refusal::Beyond)?;
        }
        Ok(())
    }

    fn check_operation(
        &self,
        claim: Claim<'_>,
        seniority: Seniority,
        mine: &Access,
        operation: &Operation,
    ) -> Result<(), Refusal> {
        if let Operation::MintEpoch { name, .. } = operation {
            let owner = mine.role == Role::Owner;
            let may = if name == ROSTER {
                owner
            } else {
                mine.role.writes() && mine.reaches(name)
            };
            return may.then_some(()).ok_or(Refusal::NotAuthorised);
        }
        if mine.role != Role::Owner {
            return Err(Refusal::NotAuthorised);
        }
        let own = claim.account;
        match operation {
            Operation::FoundRecord { .. } | Operation::Adopt { .. } => Ok(()),
            Operation::Invite { access, .. } => give(mine, access),
            Operation::Admit { acceptance } => {
                let access = self
                    .invitation(claim, &acceptance.invitation)
                    .ok_or(Refusal::NotAuthorised)?;
                give(mine, access)?;
                self.check_joining(acceptance)?;
                self.check_junior(claim, seniority, acceptance.account)
            }
            Operation::Remove { account, .. } => self.check_junior(claim, seniority, *account),
            Operation::ChangeAccess {
                account, access, ..
            } => self.check_access(claim, seniority, mine, (*account, access)),
            Operation::Transfer { account } => {
                let may = seniority == Seniority::FOUNDER
                    && *account != own
                    && self.is_named(*account, claim.past);
                may.then_some(()).ok_or(Refusal::NotAuthorised)
            }
            Operation::Verify { account } => {
                let may = *account != own && self.is_named(*account, claim.past);
                may.then_some(()).ok_or(Refusal::NotAuthorised)
            }
            _ => Err(Refusal::Misplaced),
        }
    }

    /// What a device of the author's account invited to under this key, as far as the change knew.
    fn invitation(&self, claim: Claim<'_>, key: &[u8; 32]) -> Option<&'a Access> {
        self.invited
            .iter()
            .find(|(place, device, invited, _)| {
                let of_account = || {
                    let past = self.history.past(*place);
                    authors(self.accounts, self.facts(), past, *device).contains(&claim.account)
                };
                invited == key && claim.past.holds(*place) && of_account()
            })
            .map(|(_, _, _, access)| *access)
    }

    /// An invitation is used once, by who their account's log says they are.
    fn check_joining(&self, acceptance: &super::Acceptance) -> Result<(), Refusal> {
        let vouched = self
            .accounts
            .get(&acceptance.account)
            .is_none_or(|account| {
                let device = account.devices.get(&acceptance.device);
                let device = device.or_else(|| account.removed.get(&acceptance.device));
                device.is_some() && account.keys.iter().any(|key| key.kem == acceptance.kem)
            });
        if self.used.contains(&acceptance.invitation) || !vouched {
            return Err(Refusal::Conflicting);
        }
        Ok(())
    }

    fn check_junior(
        &self,
        claim: Claim<'_>,
        seniority: Seniority,
        account: AccountId,
    ) -> Result<(), Refusal> {
        if account == claim.account {
            return Err(Refusal::Senior);
        }
        if seniority == Seniority::FOUNDER {
            return Ok(());
        }
        let senior = self.facts().reigning() == Some(account)
            || self
                .facts()
                .is_not_junior(self.history, account, claim.past, seniority);
        if senior { Err(Refusal::Senior) } else { Ok(()) }
    }

    fn check_access(
        &self,
        claim: Claim<'_>,
        seniority: Seniority,
        mine: &Access,
        (account, access): (AccountId, &Access),
    ) -> Result<(), Refusal> {
        if !self.is_named(account, claim.past) {
            return Err(Refusal::NotAuthorised);
        }
        if account == claim.account {
            let gives_up = access.role == mine.role && mine.covers(access);
            return gives_up.then_some(()).ok_or(Refusal::Senior);
        }
        if self.check_junior(claim, seniority, account).is_ok() {
            return give(mine, access);
        }
        // A senior may be given more, never less.
        let theirs = self
            .facts()
            .standing(self.history, account, claim.past, seniority)
            .ok_or(Refusal::Senior)?
            .access;
        let more = access.role == theirs.role && access.covers(&theirs);
        let from_both = match &access.compartments {
            None => mine.compartments.is_none() || theirs.compartments.is_none(),
            Some(names) => names
                .iter()
                .all(|name| mine.reaches(name) || theirs.reaches(name)),
        };
        if more && from_both && access.until == theirs.until {
            Ok(())
        } else {
            Err(Refusal::Senior)
        }
    }

    fn apply(
        &mut self,
        claim: Claim<'a>,
        at: (Place, usize),
        seniority: Seniority,
        operation: &'a Operation,
    ) {
        match operation {
            Operation::Invite {
                key,
                access,
                expires,
            } => self.known.invitations.push(Invitation {
                key: *key,
                by: claim.account,
                access: access.clone(),
                expires: *expires,
            }),
            Operation::Admit { acceptance } => {
                let Some(access) = self.invitation(claim, &acceptance.invitation).cloned() else {
                    return;
                };
                self.used.insert(acceptance.invitation);
                let shown = self.shown.entry(acceptance.account).or_default();
                shown.push(acceptance.devices.clone());
                let said = Said::Access(access);
                self.push_event(acceptance.account, at, seniority, said, &[]);
            }
            Operation::Remove { account, chains } => {
                self.push_event(*account, at, seniority, Said::Removed, chains);
            }
            Operation::ChangeAccess {
                account,
                access,
                chains,
            } => {
                let said = Said::Access(access.clone());
                self.push_event(*account, at, seniority, said, chains);
            }
            Operation::Verify { account } => {
                self.verified.insert(*account);
            }
            Operation::Adopt { changes } => {
                for id in changes {
                    let by = self.known.facts.adopted.entry(*id).or_default();
                    by.push((claim.account, seniority));
                }
            }
            Operation::MintEpoch { .. } => {
                mint(&mut self.known.epochs, claim.change.id, operation);
            }
            _ => {}
        }
    }

    // ---- the result ----

    fn finish(mut self) -> (Option<KnownRecord>, Vec<(Place, Refusal)>) {
        let mut refused = Vec::new();
        for (place, _) in &self.changes {
            match self.outcomes.get(place) {
                Some(Ok(_)) => {}
                Some(Err(refusal)) => refused.push((*place, *refusal)),
                None => refused.push((*place, Refusal::NotAuthorised)),
            }
        }
        if self.facts().founder.is_none() {
            return (None, refused);
        }
        self.known.members = self.members();
        let used = core::mem::take(&mut self.used);
        self.known
            .invitations
            .retain(|one| !used.contains(&one.key));
        (Some(self.known), refused)
    }

    fn members(&self) -> Vec<Member> {
        let facts = self.facts();
        let words = self.history.everything();
        let everything = History::view(&words);
        let accounts: BTreeSet<AccountId> =
            facts.events.keys().copied().chain(facts.founder).collect();
        let mut ranked = Vec::new();
        for account in accounts {
            let standing = facts.standing(self.history, account, everything, Seniority::MEMBER);
            let Some(standing) = standing else { continue };
            let reigns = facts.reigning() == Some(account);
            let joined = facts.events.get(&account).into_iter().flatten();
            let joined = joined.map(|event| event.place).min();
            ranked.push(((!reigns, standing.seniority, joined), account, standing));
        }
        ranked.sort_by_key(|(rank, account, _)| (*rank, *account));
        (0..)
            .zip(ranked)
            .map(|(rank, (_, account, standing))| self.member(rank, account, standing.access))
            .collect()
    }

    fn member(&self, rank: u32, account: AccountId, access: Access) -> Member {
        let facts = self.facts();
        let founded = facts.founder == Some(account);
        let said = self
            .accepted
            .iter()
            .rev()
            .find(|(_, who, _)| *who == account);
        let said = said.map_or(self.founder_kem, |(_, _, kem)| *kem);
        let vouched = self.accounts.get(&account).map(|known| known.kem.clone());
        Member {
            account,
            kem: vouched.unwrap_or_else(|| said.to_vec()),
            role: access.role,
            compartments: access.compartments,
            until: access.until,
            rank,
            founding_device: facts.founding_device.filter(|_| founded),
            verified: founded || self.verified.contains(&account),
            devices: self.shown.get(&account).cloned().unwrap_or_default(),
        }
    }
}

/// Only who has a compartment gives it.
fn give(mine: &Access, access: &Access) -> Result<(), Refusal> {
    if mine.covers(access) {
        Ok(())
    } else {
        Err(Refusal::NotAuthorised)
    }
}

/// The accounts a device belonged to as far as a past knows.
pub(super) fn authors(
    accounts: &Accounts,
    facts: &Facts,
    past: Past<'_>,
    device: DeviceId,
) -> Vec<AccountId> {
    let belongs = |known: &KnownAccount| {
        let device = known
            .devices
            .get(&device)
            .or_else(|| known.removed.get(&device));
        device.is_some_and(|device| {
            device.card.kind == DeviceKind::Phone
                && past.holds_any(&device.causes)
                && !past.holds_any(&device.removals)
        })
    };
    let mut found: Vec<AccountId> = accounts
        .iter()
        .filter(|(_, known)| belongs(known))
        .map(|(id, _)| *id)
        .collect();
    let founder = facts.founder.filter(|founder| {
        let removed = accounts
            .get(founder)
            .and_then(|known| known.removed.get(&device));
        facts.founding_device == Some(device)
            && past.holds_any(&facts.foundings)
            && !removed.is_some_and(|removed| past.holds_any(&removed.removals))
            && !found.contains(founder)
    });
    found.extend(founder);
    found
}
