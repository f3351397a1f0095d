//! What was said about the members of a record, and what follows from it for somebody who knew a part of it.
//!
//! **Seniority.** The reigning founder comes first, then the founder of old, then every owner by the place of the change
//! that made them one, then everybody else. It is a property of what somebody does, not of who they are: somebody who
//! was owner, lost it and got it again acts with the seniority of the time they knew of.
//!
//! **Standing**, seen from a past: of the events about a member, those count that none of the others came after. If one of
//! them is a removal, they are out. Of several that were said at once, the most senior author's holds.
//!
//! **Limits**: an event that the writer did not know of, and that did not know what was written, limits it to what the
//! event leaves, unless an author more senior than the event's had said something else that the event did not know of.

use super::SignedOperations;
use super::access::{Access, Chain, Role};
use super::order::{History, Past, Place};
use carnet_wire::{AccountId, Author, ChangeId, CompartmentId, DeviceId};
use core::cmp::Reverse;
use std::collections::BTreeMap;

/// Who comes before whom; smaller is more senior.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seniority(u64);

impl Seniority {
    /// The reigning founder, and every founder in their own reign.
    pub(super) const FOUNDER: Self = Self(0);
    /// Who founded the record, as an owner among others after somebody else took over.
    pub(super) const FOUNDING: Self = Self(1);
    /// Members who are no owners.
    pub(super) const MEMBER: Self = Self(u64::MAX);

    /// Of an owner made by the change at a place.
    pub(super) fn since(place: Place) -> Self {
        Self(place.number().saturating_add(2))
    }
}

/// What was said about a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// This is what they have from here on.
    Access(Access),
    /// They are no member from here on.
    Removed,
}

/// Something that was said about a member, and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// Where, and which operation of the change.
    pub(super) place: Place,
    pub(super) index: usize,
    /// The seniority it was said with.
    pub(super) by: Seniority,
    pub(super) said: Said,
    /// How far the member's chains were known.
    pub(super) chains: Vec<Chain>,
}

/// A member's device that their account removed, as this record was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) place: Place,
    /// Who cut it: a device counts as theirs no longer. Whoever else it belongs to is not theirs to cut.
    pub(super) account: AccountId,
    pub(super) device: DeviceId,
    pub(super) chains: Vec<Chain>,
}

/// Everything that was said about the members of a record and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) founder: Option<AccountId>,
    pub(super) founding_device: Option<DeviceId>,
    /// The changes that founded the record: the same words, maybe written more than once.
    pub(super) foundings: Vec<Place>,
    /// Who took over as founder, and where.
    pub(super) reigns: Vec<(Place, AccountId)>,
    pub(super) events: BTreeMap<AccountId, Vec<Event>>,
    pub(super) cuts: Vec<Cut>,
    /// Accepted changes by the seniority they were said with.
    pub(super) counted: Vec<(Place, Seniority)>,
    /// Changes an owner took out of quarantine.
    pub(super) adopted: BTreeMap<ChangeId, Vec<(AccountId, Seniority)>>,
}

/// What a member is, seen from a past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) access: Access,
    pub(super) seniority: Seniority,
}

impl Event {
    fn makes_owner(&self) -> bool {
        matches!(&self.said, Said::Access(access) if access.role == Role::Owner)
    }

    fn comes_after(&self, history: &History, earlier: &Self) -> bool {
        if self.place == earlier.place {
            return self.index > earlier.index;
        }
        history.is_before(earlier.place, self.place)
    }
}

impl Facts {
    /// The founder who reigns now.
    pub(super) fn reigning(&self) -> Option<AccountId> {
        self.reigns
            .last()
            .map(|(_, account)| *account)
            .or(self.founder)
    }

    /// The founder who reigned as far as somebody knew, and the number of their reign.
    pub(super) fn reign_in(&self, past: Past<'_>) -> Option<(usize, AccountId)> {
        let taken = self
            .reigns
            .iter()
            .take_while(|(place, _)| past.holds(*place));
        let last = taken.enumerate().last();
        let later = last.map(|(index, (_, account))| (index + 1, *account));
        later.or(self.founder.map(|founder| (0, founder)))
    }

    fn events_of<'a>(
        &'a self,
        account: AccountId,
        past: Past<'a>,
        upto: Seniority,
    ) -> impl DoubleEndedIterator<Item = &'a Event> + Clone {
        let events = self.events.get(&account).into_iter().flatten();
        events.filter(move |event| event.by <= upto && past.holds(event.place))
    }

    fn founded_in(&self, account: AccountId, past: Past<'_>) -> bool {
        self.founder == Some(account) && past.holds_any(&self.foundings)
    }

    /// What a member is, seen from a past, by what authors not junior to `upto` said.
    pub(super) fn standing(
        &self,
        history: &History,
        account: AccountId,
        past: Past<'_>,
        upto: Seniority,
    ) -> Option<Standing> {
        let events = self.events_of(account, past, upto);
        let latest: Vec<&Event> = events
            .clone()
            .filter(|event| {
                // From the end, because the last ones come after most others.
                !events
                    .clone()
                    .rev()
                    .any(|later| later.comes_after(history, event))
            })
            .collect();
        if latest.iter().any(|event| event.said == Said::Removed) {
            return None;
        }
        let decisive = latest
            .iter()
            .min_by_key(|event| (event.by, Reverse((event.place, event.index))));
        let access = match decisive.map(|event| &event.said) {
            Some(Said::Access(access)) => access.clone(),
            Some(Said::Removed) => return None,
            None if self.founded_in(account, past) => Access::everywhere(Role::Owner),
            None => return None,
        };
        let tenure = || self.tenure(history, account, past, upto);
        let seniority = (access.role == Role::Owner).then(tenure).flatten();
        Some(Standing {
            access,
            seniority: seniority.unwrap_or(Seniority::MEMBER),
        })
    }

    /// Since when a member is owner: the earliest event that made them one and that nothing ended.
    fn tenure(
        &self,
        history: &History,
        account: AccountId,
        past: Past<'_>,
        upto: Seniority,
    ) -> Option<Seniority> {
        let events = self.events_of(account, past, upto);
        let ended = |event: &Event| {
            let mut ends = events.clone().rev().filter(|later| !later.makes_owner());
            ends.any(|later| later.comes_after(history, event))
        };
        let never_ended = !events.clone().any(|event| !event.makes_owner());
        if never_ended && self.founded_in(account, past) {
            return Some(Seniority::FOUNDING);
        }
        let made = events.clone().filter(|event| event.makes_owner());
        made.filter(|event| !ended(event))
            .map(|event| Seniority::since(event.place))
            .min()
    }

    /// Whether a member holds, or somebody in this past could not know that they hold, an ownership that is not junior
    /// to `seniority`.
    pub(super) fn is_not_junior(
        &self,
        history: &History,
        account: AccountId,
        past: Past<'_>,
        seniority: Seniority,
    ) -> bool {
        let events = self.events.get(&account).into_iter().flatten();
        let ends: Vec<&Event> = self
            .events_of(account, past, seniority)
            .filter(|event| !event.makes_owner())
            .collect();
        let founded =
            self.founder == Some(account) && ends.is_empty() && Seniority::FOUNDING <= seniority;
        let mut made = events.filter(|event| {
            event.makes_owner()
                && event.by <= seniority
                && Seniority::since(event.place) <= seniority
        });
        founded || made.any(|event| !ends.iter().any(|end| end.comes_after(history, event)))
    }

    /// What is left of an access when events count that its holder did not know of. `knew` tells whether an event knew of
    /// what the holder wrote. None when nothing is left.
    pub(super) fn limited(
        &self,
        history: &History,
        account: AccountId,
        access: &Access,
        past: Past<'_>,
        seniority: Seniority,
        knew: impl Fn(&Event) -> bool,
    ) -> Option<Access> {
        let mut left = access.clone();
        let events = self.events.get(&account).into_iter().flatten();
        let unknown = events.filter(|event| event.by < seniority && !past.holds(event.place));
        for event in unknown.filter(|event| !knew(event)) {
            match &event.said {
                Said::Removed => return None,
                Said::Access(_) if self.is_overruled(history, account, past, event) => {}
                Said::Access(access) => left = left.intersect(access),
            }
        }
        Some(left)
    }

    /// Whether the holder knew what somebody more senior had said at the same time.
    fn is_overruled(
        &self,
        history: &History,
        account: AccountId,
        past: Past<'_>,
        event: &Event,
    ) -> bool {
        self.events_of(account, past, Seniority::MEMBER)
            .any(|other| other.by < event.by && !event.comes_after(history, other))
    }

    /// Whether an author more senior built on a change, or adopted it.
    pub(super) fn is_sheltered(
        &self,
        history: &History,
        place: Place,
        id: ChangeId,
        seniority: Seniority,
    ) -> bool {
        let mut adopted = self.adopted.get(&id).into_iter().flatten();
        let mut counted = self.counted.iter();
        adopted.any(|(_, by)| *by < seniority)
            || counted.any(|(later, by)| *by < seniority && history.is_before(place, *later))
    }
}

/// Whether chains reach a change, of operations or of a record.
pub(super) fn chains_reach(
    chains: &[Chain],
    author: Author,
    compartment: CompartmentId,
    seq: u64,
) -> bool {
    chains.iter().any(|chain| {
        chain.device == author.device
            && chain.incarnation == author.incarnation
            && chain.compartment == compartment
            && seq <= chain.seq
    })
}

/// Whether chains reach a change of operations.
pub(super) fn reach(chains: &[Chain], change: &SignedOperations) -> bool {
    let author = Author {
        device: change.author,
        incarnation: change.incarnation,
    };
    chains_reach(chains, author, change.compartment, change.seq)
}
