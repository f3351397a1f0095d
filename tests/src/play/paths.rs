//! Ways without a relay: two phones that meet, and a file on a stick that goes round.

use super::Play;
use carnet::VaultError;
use carnet_wire::stream::Role;

/// What happens to the bytes of a meeting.
#[derive(Debug, Clone, Copy)]
enum Air {
    /// They arrive.
    Clear,
    /// After so many bytes the phones are out of reach.
    Cut(u64),
    /// The bit at this place flips.
    Flip(u64),
}

impl Play {
    /// Two phones meet; the stream may be cut or damaged at any byte.
    pub(super) fn meet(&mut self, at: usize) {
        let other = self.dice.below(self.awake()) as usize;
        if other == at {
            return;
        }
        let air = match self.dice.below(100) {
            0..60 => Air::Clear,
            60..85 => Air::Cut(self.dice.below(20_000)),
            _ => Air::Flip(self.dice.below(20_000)),
        };
        self.say(|| format!("  with {other}, {air:?}"));
        let moved = self.carry(at, other, air);
        assert!(moved.is_some() || !matches!(air, Air::Clear), "a meeting");
    }

    /// Carries the bytes of a meeting; how many changes it moved, or none if it did not come to its end.
    fn carry(&mut self, one: usize, other: usize, air: Air) -> Option<u64> {
        let begin = |at: usize, role| self.phones[at].vault.meet(role).expect("a meeting");
        let mut sides = [begin(one, Role::Initiator), begin(other, Role::Responder)];
        let mut carried = 0;
        while !(sides[0].is_over() && sides[1].is_over()) {
            let mut quiet = true;
            for from in [0, 1] {
                let mut bytes = sides[from].output();
                let end = carried + bytes.len() as u64;
                match air {
                    Air::Cut(after) if end > after => {
                        bytes.truncate((after.saturating_sub(carried)) as usize);
                    }
                    Air::Flip(place) if (carried..end).contains(&place) => {
                        bytes[(place - carried) as usize] ^= 4;
                    }
                    _ => {}
                }
                quiet &= bytes.is_empty();
                carried = end;
                match sides[1 - from].input(&bytes) {
                    Ok(()) => {}
                    Err(VaultError::Bug(what)) => panic!("{what}"),
                    Err(error) => {
                        assert!(!matches!(air, Air::Clear), "a meeting: {error:?}");
                        return None;
                    }
                }
            }
            if quiet {
                return None;
            }
        }
        let reports = sides.map(|side| side.report().expect("a report"));
        let told = reports
            .each_ref()
            .map(|report| format!("{} sent, {:?}", report.sent, report.notices));
        self.story
            .push(format!("  {one} and {other}: {}", told.join("; ")));
        let whole = reports.iter().all(|report| report.complete);
        whole.then(|| {
            reports
                .iter()
                .map(|report| report.sent + report.received)
                .sum()
        })
    }

    /// A stick goes from phone to phone: a file that holds what it was given.
    pub(super) fn use_stick(&mut self, at: usize) {
        let stick = self.folder.join("stick.carnet-sync");
        let report = self.phones[at].vault.sync_file(&stick, None, None);
        assert!(report.expect("a sync with a file").complete);
    }

    /// The background window of a phone: pushes, and stores what comes.
    pub(super) fn sync_background(&mut self, at: usize) {
        if self.away[at] {
            return;
        }
        let relay = self.some_relay();
        let url = self.relays[relay].url().to_owned();
        let stored = self.phones[at]
            .vault
            .sync_background(Some(&url), None, None);
        if let Err(VaultError::Bug(what)) = stored {
            panic!("{what}");
        }
    }

    /// Everybody meets in a ring, until nothing moves: no relay is needed.
    pub(super) fn heal_by_meetings(&mut self) {
        for _ in 0..12 {
            let mut moved = 0;
            for one in 0..self.phones.len() {
                let other = (one + 1) % self.phones.len();
                let met = self.time("heal-meet", |play| play.carry(one, other, Air::Clear));
                moved += met.expect("a meeting in fair weather");
            }
            if moved == 0 {
                return;
            }
        }
        panic!("phones do not come to rest");
    }
}
