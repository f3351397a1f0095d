//! Devices that their accounts removed, as this record is told; the logs co-members may read; and what people are called.
//! Everybody says these of their own account, whatever their role.

use super::RecordJudge;
use crate::roster::facts::{Cut, Seniority, reach};
use crate::roster::operation::Operation;
use crate::roster::order::Place;
use crate::roster::{Refusal, SignedOperations};
use carnet_wire::{AccountId, DeviceId};

impl RecordJudge<'_> {
    /// Device removals and shown devices: everybody says them of their own account. A removal by a live device counts; one
    /// by a device that was removed itself counts as far as that was known.
    pub(super) fn judge_cuts(&mut self) {
        let plain = |change: &SignedOperations| {
            matches!(
                change.operations.first(),
                Some(
                    Operation::RemoveDevice { .. }
                        | Operation::ShowDevices { .. }
                        | Operation::Introduce { .. }
                )
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

    pub(super) fn judge_plain(
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
                Operation::Introduce { name } => {
                    self.names.insert(account, name.clone());
                }
                _ => {}
            }
        }
        Ok(Seniority::MEMBER)
    }

    /// Whether an account cut the device, and the cut did not know this change.
    pub(super) fn check_cuts(
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
}
