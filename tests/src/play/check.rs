//! How a play ends: everybody meets, and everybody must hold the same and all of it.

use super::ledger::{self, Item};
use super::moves::told;
use super::{Costs, Play, SimPhone};
use carnet::vault::{FindingKind, Severity};
use std::collections::BTreeSet;

/// Rounds in which phones must come to rest.
const ROUNDS: usize = 12;
/// A day and an hour: an owner's phone asks a relay once a day whether it holds the pieces of snapshots.
const A_DAY_MS: i64 = 25 * 3_600 * 1_000;
/// What a sync says when a document is named and not there.
const NOT_ARRIVED: &str = "a document has not arrived yet";
/// In one of so many plays every view of a phone is rebuilt and compared.
const VERIFY_EVERY: u64 = 10;

/// Runs work and notes its CPU time.
pub(super) fn timed<T>(costs: &mut Costs, part: &'static str, work: impl FnOnce() -> T) -> T {
    let before = thread_cpu();
    let value = work();
    let sum = costs.entry(part).or_default();
    *sum = (sum.0 + 1, sum.1 + thread_cpu() - before);
    value
}

fn thread_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

impl Play {
    /// The weather clears; what was late arrives; everybody syncs with every relay until nobody has anything to say to
    /// anybody. A relay that lied is not asked again.
    pub(super) fn heal(&mut self) {
        self.phones
            .iter()
            .for_each(super::phone::SimPhone::clear_weather);
        if self.rules.ends_without_relay {
            let shown = self.shown_by_any();
            self.ledger.without_relays(&shown);
            return self.heal_by_meetings();
        }
        let mut settled = vec![false; self.phones.len()];
        // A relay that said it had a part of a snapshot is asked again the next day.
        let mut waited = !self.lies();
        for _ in 0..ROUNDS {
            for at in 0..self.phones.len() {
                if settled[at] {
                    continue;
                }
                let (sent, received) = self.time("heal", |play| play.sync_well(at));
                if sent > 0 {
                    settled.fill(false);
                }
                // With one relay a phone that has just spoken has heard everything.
                settled[at] = self.relays.len() == 1 || sent + received == 0;
            }
            if settled.iter().all(|settled| *settled) {
                if !std::mem::replace(&mut waited, true) {
                    let clocks = self.phones.iter().map(|phone| &phone.clock);
                    clocks.for_each(|clock| clock.jump(A_DAY_MS));
                    settled.fill(false);
                    continue;
                }
                self.fetch_documents();
                return self.check_rest();
            }
        }
        panic!("phones do not come to rest");
    }

    /// A document is uploaded after the change that names it, and counts as nothing sent: who asked too early asks again.
    fn fetch_documents(&mut self) {
        for at in std::mem::take(&mut self.lacking) {
            self.time("heal", |play| play.sync_well(at));
        }
    }

    /// Now and then: a further round moves nothing.
    fn check_rest(&mut self) {
        if self.dice.below(VERIFY_EVERY) == 0 {
            for at in 0..self.phones.len() {
                let moved = self.time("rest", |play| play.sync_well(at));
                assert_eq!(moved, (0, 0), "phones at rest move");
            }
        }
    }

    /// Sent and received. Several relays are synced with together: what came by one is given to the others.
    fn sync_well(&mut self, at: usize) -> (u64, u64) {
        let honest = self.relays.iter().skip(usize::from(self.lies()));
        let urls: Vec<String> = honest.map(|relay| relay.url().to_owned()).collect();
        let report = self.phones[at].vault.sync_relays(&urls, None, None);
        self.say(|| format!("{at} heals: {}", told(&report)));
        let report = report.expect("a sync in fair weather");
        assert!(report.complete, "a sync in fair weather ends: {report:?}");
        if report.notices.contains(&NOT_ARRIVED) {
            self.lacking.insert(at);
        }
        (report.sent, report.received)
    }

    pub(super) fn check(&mut self) {
        self.time("compare", |play| play.compare());
        self.time("findings", Self::check_findings);
        let at = self.dice.below(self.phones.len() as u64) as usize;
        self.time("look", |play| play.check_nothing_lost(at));
        if self.dice.below(VERIFY_EVERY) == 0 {
            self.time("verify", |play| {
                let report = play.phones[at].vault.verify(true).expect("a check");
                assert_eq!(report.problems, Vec::<String>::new());
            });
        }
    }

    /// What was found missing has been found again. Where nobody lied and nothing was put back, nobody is accused.
    fn check_findings(&mut self) {
        let quiet = !self.rules.phones_put_back && !self.rules.relays_put_back && !self.lies();
        for phone in &self.phones {
            for finding in phone.vault.findings().expect("findings") {
                self.costs.entry(finding.kind.word()).or_default().0 += 1;
                let missing = matches!(
                    finding.kind,
                    FindingKind::Gap | FindingKind::Omission | FindingKind::BelowFloor
                );
                let open = finding.healed.is_none();
                assert!(!(missing && open), "{}: open: {finding:?}", phone.name);
                let accuses = finding.kind.severity() == Severity::Alarm;
                assert!(!(accuses && quiet), "{}: {finding:?}", phone.name);
                assert_ne!(finding.kind, FindingKind::Fork, "{}", phone.name);
            }
        }
    }

    /// All phones hold the same, and nothing is left over.
    fn compare(&self) {
        let mut first = None;
        for phone in &self.phones {
            let vault = &phone.vault;
            let stats = vault.stats(None).expect("stats");
            // What a relay made up stays in quarantine, where a person can see it.
            let held = match self.lies() {
                true => 0,
                false => stats.quarantined,
            };
            let unsent = match self.rules.ends_without_relay {
                true => 0,
                false => stats.unsent,
            };
            let left = (unsent, held);
            assert_eq!(
                left,
                (0, 0),
                "{}: unsent, in quarantine: {:#?}",
                phone.name,
                vault.history(None).map(|history| history.logs)
            );
            let summary = self.summary(phone);
            let first = first.get_or_insert_with(|| summary.clone());
            let differ: Vec<_> = summary
                .into_iter()
                .filter(|part| !first.contains(part))
                .map(|(what, _)| what)
                .collect();
            let (one, other) = (self.phones[0].name, phone.name);
            assert_eq!(
                differ,
                Vec::<&str>::new(),
                "phones differ: {one} and {other}"
            );
        }
    }

    /// What must be the same on all phones, by name.
    fn summary(&self, phone: &SimPhone) -> Vec<(&'static str, String)> {
        let vault = &phone.vault;
        let devices = vault.devices().expect("devices").into_iter();
        let devices: BTreeSet<_> = devices.map(|device| (device.id, device.name)).collect();
        let persons = vault.persons().expect("persons").into_iter();
        let persons: BTreeSet<_> = persons.map(|person| (person.record, person.name)).collect();
        let views = vault.fingerprints().expect("fingerprints").into_iter();
        views
            .map(|(view, digest)| (view, format!("{digest:?}")))
            .chain([
                ("devices", format!("{devices:?}")),
                ("persons", format!("{persons:?}")),
            ])
            .collect()
    }

    /// A phone shows nothing that nobody wrote.
    pub(super) fn check_nothing_forged(&mut self, at: usize) {
        let name = self.phones[at].name;
        let shown = ledger::shown(&self.phones[at].vault, |id, detail| {
            self.ledger.check_values(name, id, detail);
        });
        self.ledger.check_forged(name, &shown);
    }

    fn check_nothing_lost(&mut self, at: usize) {
        let name = self.phones[at].name;
        let shown: BTreeSet<Item> = ledger::shown(&self.phones[at].vault, |id, detail| {
            self.ledger.check_values(name, id, detail);
        });
        self.ledger.check(name, &shown);
    }

    /// What all phones hold in the end: equal for equal seeds.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.phones[0].vault.fingerprint().expect("a fingerprint")
    }
}
