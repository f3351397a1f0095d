//! The one order in which changes are judged, and the causal past of each.

use super::SignedOperations;
use carnet_wire::ChangeId;
use std::collections::{BTreeMap, BTreeSet};

/// A change's position in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(usize);

/// Changes in causal order, without repetitions.
pub(super) struct Graph<'a> {
    ordered: Vec<&'a SignedOperations>,
    /// For each place, a bit for every place in its past, itself included.
    pasts: Vec<Vec<u64>>,
    places: BTreeMap<ChangeId, Place>,
    waiting: Vec<ChangeId>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(changes: &'a [SignedOperations]) -> Self {
        let all: BTreeMap<ChangeId, &SignedOperations> =
            changes.iter().map(|change| (change.id, change)).collect();
        let mut graph = Self {
            ordered: Vec::with_capacity(all.len()),
            pasts: Vec::with_capacity(all.len()),
            places: BTreeMap::new(),
            waiting: Vec::new(),
        };
        graph.place_all(&all);
        let placed = &graph.places;
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
        let place = Place(self.ordered.len());
        let mut past = vec![0_u64; place.0 / 64 + 1];
        for parent in change.after.iter().filter_map(|id| self.places.get(id)) {
            for (word, more) in past
                .iter_mut()
                .zip(self.pasts.get(parent.0).into_iter().flatten())
            {
                *word |= more;
            }
        }
        if let Some(word) = past.last_mut() {
            *word |= 1 << (place.0 % 64);
        }
        self.places.insert(change.id, place);
        self.ordered.push(change);
        self.pasts.push(past);
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

    /// Whether the change at `place` is `id` or came after it.
    pub(super) fn is_in_past(&self, id: ChangeId, place: Place) -> bool {
        let Some(Place(wanted)) = self.places.get(&id) else {
            return false;
        };
        let word = self
            .pasts
            .get(place.0)
            .and_then(|past| past.get(wanted / 64));
        word.is_some_and(|word| word >> (wanted % 64) & 1 == 1)
    }

    /// Those of `places` that none of the others came after.
    pub(super) fn heads(&self, places: &[Place]) -> Vec<ChangeId> {
        let mut followed = vec![0_u64; self.ordered.len() / 64 + 1];
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
            .filter_map(|place| self.ordered.get(place.0))
            .map(|change| change.id)
            .collect();
        heads.sort_unstable();
        heads
    }
}
