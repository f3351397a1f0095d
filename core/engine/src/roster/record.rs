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

mod devices;
mod forms;
mod founders;
mod rank;

use super::access::Access;
use super::facts::{Event, Facts, Said, Seniority};
use super::order::{Graph, History, Past, Place};
use super::state::{KnownAccount, KnownRecord, Member};
use super::{Refusal, SignedOperations};
use crate::seal::{DeviceKind, EpochGrant};
use carnet_wire::{AccountId, CompartmentId, DeviceId, EpochId, RecordId};
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
    names: BTreeMap<AccountId, String>,
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
        names: BTreeMap::new(),
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
            name: self.names.get(&account).cloned().unwrap_or_default(),
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
