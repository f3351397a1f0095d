//! Who reigns as founder, who takes over, who leaves; and what founders said in their reigns.

use super::{Claim, RecordJudge};
use crate::roster::access::{Access, Role};
use crate::roster::facts::{Said, Seniority};
use crate::roster::operation::Operation;
use crate::roster::order::Place;
use crate::roster::{Refusal, SignedOperations};
use carnet_wire::{AccountId, ChangeId};

impl<'a> RecordJudge<'a> {
    /// From the founding on: the first acceptance in order of an offer the founder made in their reign.
    pub(super) fn judge_reigns(&mut self) {
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
    pub(super) fn judge_leaving(&mut self) {
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

    /// What founders did in their reigns, as far as who followed them knew it: the last reign first, because its founder's
    /// word shelters what came before.
    pub(super) fn judge_founders(&mut self) {
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
}
