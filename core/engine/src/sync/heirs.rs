//! Which epochs follow which: a relay's mailbox that was closed is read and retired with the keys of an epoch that follows its
//! own, and only whoever closed it knows to which one's.

use crate::seal::Epoch;
use carnet_wire::relay::{Access, Proof};
use carnet_wire::{EpochId, limits};
use std::collections::BTreeSet;

/// Epochs whose keys are tried at a mailbox beside its own: it is closed again at each new epoch, so one of the newest fits.
const MAX_HEIRS: usize = 4;

/// The epochs that follow one, directly or by others, the newest first.
pub fn heirs<'a>(epoch: &Epoch, all: &[&'a Epoch]) -> Vec<&'a Epoch> {
    let mut heirs: Vec<&Epoch> = Vec::new();
    let mut last = BTreeSet::from([epoch.id]);
    loop {
        let follows = |one: &&&Epoch| one.parents.iter().any(|parent| last.contains(parent));
        let next: Vec<&Epoch> = all.iter().filter(follows).copied().collect();
        if next.is_empty() {
            heirs.reverse();
            return heirs;
        }
        last = next.iter().map(|one| one.id).collect::<BTreeSet<EpochId>>();
        heirs.retain(|one| !last.contains(&one.id));
        heirs.extend(next);
    }
}

/// What a device proves to a relay of the mailboxes of its epochs: with their own keys, then with those of their heirs, as
/// many as one session takes.
pub fn proofs(epochs: &[&Epoch], nonce: &[u8; 32], origin: &str) -> Vec<Proof> {
    let all = [Access::Read, Access::Write, Access::Retire];
    let own = epochs.iter().flat_map(|epoch| {
        let proof = |access| epoch.prove(epoch.mailbox, access, nonce, origin);
        all.into_iter().filter_map(proof)
    });
    let inherited = epochs.iter().flat_map(|epoch| {
        let heirs = heirs(epoch, epochs).into_iter().take(MAX_HEIRS);
        heirs.flat_map(|heir| {
            let proof = |access| heir.prove(epoch.mailbox, access, nonce, origin);
            [Access::Read, Access::Retire].into_iter().filter_map(proof)
        })
    });
    own.chain(inherited).take(limits::MAX_PROOFS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet_wire::{CompartmentId, RecordId};

    fn after(parents: &[&Epoch]) -> Epoch {
        let record = RecordId([1; 32]);
        let parents = parents.iter().map(|epoch| epoch.id).collect();
        Epoch::make(record, CompartmentId::derive(record, "general"), parents).unwrap()
    }

    #[test]
    fn heirs_are_those_that_follow_the_newest_first() {
        let first = after(&[]);
        let (second, beside) = (after(&[&first]), after(&[&first]));
        let third = after(&[&second, &beside]);
        let stranger = after(&[]);
        let all = [&third, &stranger, &beside, &first, &second];
        let of = |epoch| {
            heirs(epoch, &all)
                .iter()
                .map(|heir| heir.id)
                .collect::<Vec<_>>()
        };
        let of_first = of(&first);
        assert_eq!((of_first.len(), of_first[0]), (3, third.id));
        assert_eq!(of(&second), [third.id]);
        assert_eq!(of(&third), []);
        assert_eq!(of(&stranger), []);
    }

    #[test]
    fn a_mailbox_is_proved_with_its_own_keys_and_the_newest_that_follow() {
        let mut chain = vec![after(&[])];
        for _ in 0..9 {
            chain.push(after(&[&chain[chain.len() - 1]]));
        }
        let all: Vec<&Epoch> = chain.iter().collect();
        let proofs = proofs(&all, &[7; 32], "https://relay");
        let first = chain[0].mailbox;
        let of_first: Vec<&Proof> = proofs.iter().filter(|one| one.mailbox == first).collect();
        assert_eq!(of_first.len(), 3 + 2 * MAX_HEIRS);
        let newest = chain[9].prove(first, Access::Read, &[7; 32], "https://relay");
        assert!(of_first.contains(&&newest.unwrap()));
        let writes = |one: &&&Proof| one.access == Access::Write;
        assert_eq!(of_first.iter().filter(writes).count(), 1);
    }
}
