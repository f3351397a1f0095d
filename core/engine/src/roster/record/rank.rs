//! Owners from the most senior on, then everybody else: each change judged once, by what its author may do.

use super::{Claim, RecordJudge, authors};
use crate::roster::access::{Access, Role};
use crate::roster::facts::{Event, Said, Seniority, reach};
use crate::roster::operation::{Operation, ROSTER};
use crate::roster::order::Place;
use crate::roster::state::{Invitation, mint};
use crate::roster::{Acceptance, Refusal};
use carnet_wire::AccountId;
use std::collections::BTreeSet;

impl<'a> RecordJudge<'a> {
    /// The owners, the most senior first.
    pub(super) fn judge_owners(&mut self) {
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
    pub(super) fn judge_members(&mut self) {
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
    pub(super) fn judge_claim(&mut self, claim: Claim<'a>, seniority: Seniority) {
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

    pub(super) fn check_claim(
        &self,
        claim: Claim<'_>,
        seniority: Seniority,
    ) -> Result<(), Refusal> {
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
    fn check_joining(&self, acceptance: &Acceptance) -> Result<(), Refusal> {
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
}

/// Only who has a compartment gives it.
fn give(mine: &Access, access: &Access) -> Result<(), Refusal> {
    if mine.covers(access) {
        Ok(())
    } else {
        Err(Refusal::NotAuthorised)
    }
}
