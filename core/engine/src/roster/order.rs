//! The one order in which changes are judged, and the causal past of each.

use super::SignedOperations;
use carnet_wire::ChangeId;
use std::collections::{BTreeMap, BTreeSet};

/// A change's position in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(usize);

impl Place {
    pub(super) fn number(self) -> u64 {
        self.0 as u64
    }
}

/// Changes in causal order, without repetitions.
pub(super) struct Graph<'a> {
    ordered: Vec<&'a SignedOperations>,
    history: History,
    waiting: Vec<ChangeId>,
}

/// Which change came after which: what is left of the graph when the changes are gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct History {
    ids: Vec<ChangeId>,
    /// For each place, a bit for every place in its past, itself included.
    pasts: Vec<Vec<u64>>,
    places: BTreeMap<ChangeId, Place>,
}

/// What somebody knew: a set of places with all that came before them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a>(&'a [u64]);

impl Past<'_> {
    pub(super) fn holds(self, Place(wanted): Place) -> bool {
        self.0
            .get(wanted / 64)
            .is_some_and(|word| word >> (wanted % 64) & 1 == 1)
    }

    pub(super) fn holds_any(self, places: &[Place]) -> bool {
        places.iter().any(|place| self.holds(*place))
    }
}

impl History {
    pub(super) fn place(&self, id: ChangeId) -> Option<Place> {
        self.places.get(&id).copied()
    }

    /// What the change at `place` can rest on: itself (its earlier operations) and everything it came after.
    pub(super) fn past(&self, place: Place) -> Past<'_> {
        Past(self.pasts.get(place.0).map_or(&[], Vec::as_slice))
    }

    /// Whether the change at `later` came after another one at `earlier`.
    pub(super) fn is_before(&self, earlier: Place, later: Place) -> bool {
        earlier != later && self.past(later).holds(earlier)
    }

    /// The joint past of some changes, as words for [`Self::view`]; none when one of them is not here.
    pub(super) fn joint_past(&self, heads: &[ChangeId]) -> Option<Vec<u64>> {
        let mut words = vec![0; self.ids.len() / 64 + 1];
        for head in heads {
            let Past(past) = self.past(self.place(*head)?);
            words
                .iter_mut()
                .zip(past)
                .for_each(|(all, word)| *all |= word);
        }
        Some(words)
    }

    /// The past of somebody who knows everything.
    pub(super) fn everything(&self) -> Vec<u64> {
        vec![u64::MAX; self.ids.len() / 64 + 1]
    }

    pub(super) fn view(words: &[u64]) -> Past<'_> {
        Past(words)
    }

    /// Those of `places` that none of the others came after.
    pub(super) fn heads(&self, places: &[Place]) -> Vec<ChangeId> {
        let mut followed = vec![0_u64; self.ids.len() / 64 + 1];
        for place in places {
            for (at, (all, word)) in followed
                .iter_mut()
                .zip(self.pasts.get(place.0).into_iter().flatten())
                .enumerate()
            {
                let itself = if at == place.0 / 64 {
                    1 << (place.0 % 64)
                } else {
                    0
                };
                *all |= word & !itself;
            }
        }
        let is_head = |place: &&Place| {
            let word = followed.get(place.0 / 64).copied().unwrap_or_default();
            word >> (place.0 % 64) & 1 == 0
        };
        let heads = places.iter().filter(is_head);
        let mut heads: Vec<ChangeId> = heads
            .filter_map(|place| self.ids.get(place.0))
            .copied()
            .collect();
        heads.sort_unstable();
        heads
    }
}

impl<'a> Graph<'a> {
    pub(super) fn new(changes: &'a [SignedOperations]) -> Self {
        let all: BTreeMap<ChangeId, &SignedOperations> =
            changes.iter().map(|change| (change.id, change)).collect();
        let mut graph = Self {
            ordered: Vec::with_capacity(all.len()),
            history: History::default(),
            waiting: Vec::new(),
        };
        graph.place_all(&all);
        let placed = &graph.history.places;
        graph.waiting = all
            .keys()
            .copied()
            .filter(|id| !placed.contains_key(id))
            .collect();
        graph
    }

    /// Kahn's algorithm; of several that are ready, the smallest id goes first. What names an unknown change, or itself in a
    /// circle, is never ready.
    fn place_all(&mut self, all: &BTreeMap<ChangeId, &'a SignedOperations>) {
        let mut missing: BTreeMap<ChangeId, usize> = BTreeMap::new();
        let mut followers: BTreeMap<ChangeId, Vec<&SignedOperations>> = BTreeMap::new();
        for change in all.values() {
            let parents: BTreeSet<ChangeId> = change.after.iter().copied().collect();
            missing.insert(change.id, parents.len());
            for parent in parents {
                followers.entry(parent).or_default().push(change);
            }
        }
        let free = missing.iter().filter(|(_, count)| **count == 0);
        let mut ready: BTreeSet<ChangeId> = free.map(|(id, _)| *id).collect();
        while let Some(id) = ready.pop_first() {
            let Some(change) = all.get(&id) else { continue };
            self.place(change);
            for follower in followers.remove(&id).unwrap_or_default() {
                let Some(count) = missing.get_mut(&follower.id) else {
                    continue;
                };
                *count -= 1;
                if *count == 0 {
                    ready.insert(follower.id);
                }
            }
        }
    }

    fn place(&mut self, change: &'a SignedOperations) {
        let history = &mut self.history;
        let place = Place(self.ordered.len());
        let mut past = vec![0_u64; place.0 / 64 + 1];
        for parent in change.after.iter().filter_map(|id| history.places.get(id)) {
            let words = history.pasts.get(parent.0).into_iter().flatten();
            past.iter_mut()
                .zip(words)
                .for_each(|(word, more)| *word |= more);
        }
        if let Some(word) = past.last_mut() {
            *word |= 1 << (place.0 % 64);
        }
        history.places.insert(change.id, place);
        history.ids.push(change.id);
        history.pasts.push(past);
        self.ordered.push(change);
    }

    /// Places in order, each with its change.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, &'a SignedOperations)> {
        self.ordered
            .iter()
            .enumerate()
            .map(|(place, change)| (Place(place), *change))
    }

    /// Changes whose past is not complete.
    pub(super) fn waiting(&self) -> &[ChangeId] {
        &self.waiting
    }

    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn into_history(self) -> History {
        self.history
    }
}
