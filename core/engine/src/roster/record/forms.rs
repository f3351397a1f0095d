//! What can be checked of each change by itself: that it lies and speaks where it belongs, that ids are the hashes they must be,
//! that epochs follow epochs. Also who founded the record.

use super::RecordJudge;
use crate::roster::account::require_place;
use crate::roster::operation::{Operation, ROSTER};
use crate::roster::order::{Past, Place};
use crate::roster::{Refusal, SignedOperations};
use crate::seal::DeviceKind;
use carnet_wire::{CompartmentId, EpochId};
use std::collections::BTreeSet;

impl RecordJudge<'_> {
    pub(super) fn index(&mut self) {
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

    pub(super) fn refuse_bad_forms(&mut self) {
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
                Operation::RemoveDevice { .. }
                    | Operation::ShowDevices { .. }
                    | Operation::Introduce { .. }
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
            | Operation::KnowRecord { .. }
            | Operation::Guard { .. } => Err(Refusal::Misplaced),
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

    pub(super) fn judge_foundings(&mut self) {
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
}
