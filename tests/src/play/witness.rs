//! Proof that what a lying relay leaves out is reported: what each change's author had seen when writing it is noted here,
//! outside of the engine; a phone that has the change and lacks something of that must say so when its sync ends.
//!
//! Still to be sharpened: in 60 seeds no phone had such a change at the end of a sync, so nothing was proved ("omissions
//! proved" in the costs).
//!
//! Only where no phone is put back: then each device has one life, and its changes in a compartment have one numbering.

use super::Play;
use carnet::vault::{FindingKind, LogHistory};
use carnet_wire::{DeviceId, RecordId};
use std::collections::BTreeMap;

/// A compartment of a record.
type Place = (RecordId, String);
/// How many changes of each device are there.
type Seen = BTreeMap<DeviceId, u64>;

/// What the author of a change had seen of its compartment: by place, device and number of the change.
#[derive(Debug, Default)]
pub struct Witnesses(BTreeMap<(Place, DeviceId, u64), Seen>);

fn place(log: &LogHistory) -> Place {
    (log.record, log.compartment.clone())
}

fn seen(log: &LogHistory) -> Seen {
    let chains = log.chains.iter();
    chains.map(|chain| (chain.device, chain.changes)).collect()
}

/// Whether something in quarantine waits for more than an earlier change: then what seems missing may be here.
fn holds_others(log: &LogHistory) -> bool {
    let waits =
        |(reason, count): &(&str, u64)| *count > 0 && *reason != "gap" && *reason != "unopenable";
    log.held.iter().any(waits)
}

impl Play {
    fn has_witnesses(&self) -> bool {
        self.lies() && !self.rules.phones_put_back
    }

    /// A phone has written: notes what it had seen.
    pub(super) fn note_witnesses(&mut self, at: usize) {
        if !self.has_witnesses() {
            return;
        }
        let history = self.phones[at].vault.history(None).expect("a history");
        for log in &history.logs {
            for own in log.chains.iter().filter(|chain| chain.this) {
                let change = (place(log), own.device, own.changes);
                self.witnesses.0.entry(change).or_insert_with(|| seen(log));
            }
        }
    }

    /// A phone has ended a sync: whatever a change it has names and it lacks is an open finding.
    pub(super) fn check_reported(&mut self, at: usize) {
        if !self.has_witnesses() {
            return;
        }
        let phone = &self.phones[at];
        let history = phone.vault.history(None).expect("a history");
        let mut proved = 0;
        for log in history.logs.iter().filter(|log| !holds_others(log)) {
            let here = seen(log);
            for (author, last) in &here {
                let witness = self.witnesses.0.get(&(place(log), *author, *last));
                for (device, count) in witness.into_iter().flatten() {
                    if here.get(device).is_some_and(|here| here >= count) {
                        continue;
                    }
                    let reported = history.findings.iter().any(|finding| {
                        finding.healed.is_none()
                            && matches!(
                                finding.kind,
                                FindingKind::Gap | FindingKind::Omission | FindingKind::BelowFloor
                            )
                            && finding.device == Some(*device)
                            && finding.compartment.as_ref() == Some(&log.compartment)
                    });
                    assert!(
                        reported,
                        "{}: {device:?} wrote {count} changes in {}, of which {:?} are here, and nobody says so: {history:#?}",
                        phone.name,
                        log.compartment,
                        here.get(device)
                    );
                    proved += 1;
                }
            }
        }
        self.costs.entry("omissions proved").or_default().0 += proved;
    }
}
