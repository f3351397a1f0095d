//! What a sync does about snapshots once changes are exchanged: fetch pieces, see that the relay holds those of the newest
//! snapshot, publish one's own, acknowledge another's, and let go of what an acknowledged one replaces.
//!
//! Every step is its own transaction and can be repeated: a kill between any two leaves a state in which the next sync goes
//! on. A relay that lost a piece nobody has a file of gets a new snapshot.

use super::super::brake::Brake;
use super::super::open::Unlocked;
use super::super::sync::Exchange;
use super::super::write;
use super::carrying::Held;
use super::make::{self, Making, Reuse, make};
use super::standing::{data_logs, may_write, owns, serving};
use super::{ASK_AGAIN_MS, CLASSIFY_AFTER, PATIENCE_MS, SNAPSHOT_AFTER};
use crate::error::Result;
use crate::record::change::{CHANGE_VERSION, Change};
use crate::record::snapshot::Snapshot;
use crate::store::log::{self, StoredSnapshot};

const LOST: &str = "the relay lost a part of a snapshot: another is made";

/// How upkeep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::vault) enum Upkeep {
    /// The brake acted.
    Stopped,
    /// Nothing more is to be sent.
    Done,
    /// Something new is in the outbox.
    Wrote,
}

impl Exchange<'_> {
    /// Everything about snapshots that this sync can do.
    pub(in crate::vault) fn keep_up(&mut self, brake: &Brake<'_>) -> Result<Upkeep> {
        let mut wrote = false;
        self.doubt_pieces()?;
        for log in self.open.store.read(data_logs)? {
            if !self.fetch_pieces(log, brake)? {
                return Ok(Upkeep::Stopped);
            }
            let held = self.look_after(log, brake)?;
            if held == Held::Stopped || !self.make_if_due(log, held == Held::Lost, brake)? {
                return Ok(Upkeep::Stopped);
            }
            match self.publish(log, brake)? {
                None => return Ok(Upkeep::Stopped),
                Some(published) => wrote |= published,
            }
            wrote |= self.answer_snapshots(log)?;
            if !self.let_go(log, brake)? || brake.check(self.report.received)? {
                return Ok(Upkeep::Stopped);
            }
        }
        Ok(if wrote { Upkeep::Wrote } else { Upkeep::Done })
    }

    /// Has the relay asked again, now and then, whether it still holds the pieces: one that lost some does not say so, and who
    /// comes new cannot tell those who could help. Only owners' devices can, so only they ask.
    fn doubt_pieces(&mut self) -> Result<()> {
        let relay = self.relay()?.number;
        let asked = self
            .open
            .store
            .read(|conn| log::pieces_asked(conn, relay))?;
        let now = self.now;
        // A clock that was put back makes it due.
        if (asked..asked.saturating_add(ASK_AGAIN_MS)).contains(&now) {
            return Ok(());
        }
        let logs = self
            .open
            .store
            .read(|conn| match log::has_snapshots(conn)? {
                true => data_logs(conn),
                false => Ok(Vec::new()),
            })?;
        let keyring = self.open.keyring()?;
        if logs.into_iter().any(|log| owns(&keyring, log)) {
            self.keep(|tx, relay| log::doubt_pieces(tx, relay.number, now))?;
        }
        Ok(())
    }

    /// Sees that the relay holds the pieces of the snapshots that serve, whoever made them: sends those whose files are here, asks
    /// for the others. Where one is lost another snapshot covers all of them.
    fn look_after(&mut self, log: i64, brake: &Brake<'_>) -> Result<Held> {
        let known = self.open.store.read(|conn| log::snapshots(conn, log))?;
        let loading = self.open.store.read(|conn| log::is_loading(conn, log))?;
        let mut worst = Held::Whole;
        for snapshot in serving(&known)?.iter().filter(|_| !loading) {
            match self.deliver(snapshot, brake)? {
                Held::Whole => {}
                Held::Stopped => return Ok(Held::Stopped),
                Held::Unknown if worst == Held::Lost => {}
                held => worst = held,
            }
        }
        Ok(worst)
    }

    /// Makes a snapshot when enough was written since the last one, or a part of that one is lost; `false` when the brake acted
    /// first.
    fn make_if_due(&mut self, log: i64, lost: bool, brake: &Brake<'_>) -> Result<bool> {
        let (due, unseen) = self.open.store.read(|conn| {
            let known = log::snapshots(conn, log)?;
            let due = (lost || grown(conn, log, &known)? >= SNAPSHOT_AFTER)
                && !known.iter().any(StoredSnapshot::is_waiting)
                && !log::is_loading(conn, log)?;
            Ok((due, log::unclassified(conn, log, CLASSIFY_AFTER)?))
        })?;
        // Looked at now, a snapshot that comes is compared with little work.
        if unseen >= CLASSIFY_AFTER && !make::classify(self.open, log, brake)? {
            return Ok(false);
        }
        if !due || !owns(&*self.open.keyring()?, log) {
            return Ok(true);
        }
        if lost {
            self.notice(LOST);
        }
        let making = make(self.open, log, (Reuse::Anywhere, lost), self.now, brake)?;
        // An observer that said stop is told that it was heard.
        Ok(making != Making::Stopped || !brake.check(self.report.received)?)
    }

    /// Uploads the pieces of this device's newest snapshot, and then puts its manifest into the chain: `Some(true)`. `None`
    /// when the brake acted.
    fn publish(&mut self, log: i64, brake: &Brake<'_>) -> Result<Option<bool>> {
        let known = self.open.store.read(|conn| log::snapshots(conn, log))?;
        let Some(stored) = known.iter().rev().find(|stored| stored.is_waiting()) else {
            return Ok(Some(false));
        };
        match self.deliver(&Snapshot::read(&stored.manifest)?, brake)? {
            Held::Whole => {}
            Held::Stopped => return Ok(None),
            Held::Unknown => return Ok(Some(false)),
            // Its files are gone: the next sync makes another.
            Held::Lost => {
                let number = stored.number;
                self.open.write(|tx| log::drop_snapshot(tx, number))?;
                return Ok(Some(false));
            }
        }
        place(self.open, log, stored)?;
        Ok(Some(true))
    }

    /// Acknowledges what others' devices made and this one has, with one empty change; whether one was written.
    fn answer_snapshots(&mut self, log: i64) -> Result<bool> {
        let now = self.now;
        let device = self.open.keyring()?.author.device;
        // A sync that has nothing to say writes nothing.
        let pending = self.open.store.read(|conn| {
            let known = log::snapshots(conn, log)?;
            Ok(known.iter().any(|stored| {
                let waits = stored.place.is_some() && !stored.acknowledged;
                let late = stored.noticed == 0 || now - stored.noticed >= PATIENCE_MS;
                waits && (late || stored.author.device != device)
            }))
        })?;
        if !pending {
            return Ok(false);
        }
        self.open.write(|tx| {
            let keyring = self.open.keyring_in(tx)?;
            let mut answer = false;
            for stored in log::snapshots(tx, log)? {
                let Some((seq, _)) = stored.place.filter(|_| !stored.acknowledged) else {
                    continue;
                };
                if stored.noticed == 0 {
                    log::notice_snapshot(tx, stored.number, now)?;
                } else if now - stored.noticed >= PATIENCE_MS {
                    log::acknowledge_snapshot(tx, stored.number)?;
                }
                // Only what is in the chain here, whole, and another device's.
                let merged = log::whole(tx, log, &stored.author)? >= seq;
                answer |= merged && stored.author.device != keyring.author.device;
            }
            if answer && !log::is_loading(tx, log)? && may_write(&keyring, log) {
                let empty = Change {
                    version: CHANGE_VERSION,
                    recorded_at: now,
                    origins: Vec::new(),
                    items: Vec::new(),
                    bodies: Vec::new(),
                };
                write::write_change(tx, &keyring, log, &empty, None)?;
                return Ok(true);
            }
            Ok(false)
        })
    }
}

/// Puts a manifest into this device's chain.
pub fn place(open: &Unlocked, log: i64, stored: &StoredSnapshot) -> Result<()> {
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let (seq, id) = write::write_snapshot(tx, &keyring, log, &stored.manifest)?;
        log::place_snapshot(tx, stored.number, seq, id)
    })
}

/// How many changes were merged since the newest finished snapshot.
fn grown(conn: &rusqlite::Connection, log: i64, known: &[StoredSnapshot]) -> Result<u64> {
    let newest = known.iter().rev().find(|stored| !stored.unfinished);
    let newest = newest.map(|stored| Snapshot::read(&stored.manifest));
    let newest = newest.transpose()?;
    Ok(log::tips(conn, log)?.iter().fold(0, |grown, tip| {
        let had = newest.as_ref().map_or(0, |old| old.last_of(&tip.author));
        grown.saturating_add(tip.seq.saturating_sub(had))
    }))
}
