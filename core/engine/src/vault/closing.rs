//! Closing, at the relay, the mailboxes of epochs that another one has replaced (`carnet_wire`, "Closing"): whoever was removed
//! puts nothing more there and fetches nothing more from there, nobody else loses anything.
//!
//! An owner's device does it at the end of a sync, for the compartments that hold data, once the relay lists the operation that minted the
//! new epoch: whoever has not heard finds the way on there. Rosters and accounts stay open, for that.
//!
//! What a mailbox refuses as closed is not lost. It passes out of the outbox without being listed, and so is among what the
//! relay lacks: healing seals it again, under the key that is current then. Should the mailbox *in use* be closed, an owner's
//! device draws the next key ([`was_shut`], `duties`).
//!
//! **A malicious owner** may close what is in use, or to keys of their own. They could as well delete it; everybody keeps what
//! they have. **A relay that says so falsely** has an owner's device draw a key, at most once an hour.

use super::brake::Brake;
use super::keyring::{self, Keyring};
use super::snapshot;
use super::sync::Exchange;
use crate::error::Result;
use crate::host::HttpRequest;
use crate::roster::{Operation, ROSTER};
use crate::seal::Epoch;
use crate::store::log;
use crate::sync::heirs::heirs;
use crate::sync::session::post;
use carnet_wire::relay::{Close, Closed, Closing, Pulled, code};
use carnet_wire::{Author, Canonical, EpochId, MailboxId, RecordId, limits};
use rusqlite::Connection;

/// What is said of mailboxes that are closed to this device.
pub const SHUT: &str = "the relay is closed to this device where other keys have followed";
const NOT_CLOSED: &str = "the relay did not close what other keys have replaced";
/// Longest answer to a closing.
const MAX_CLOSED_ANSWER: usize = limits::MAX_MAILBOXES * 34 + 64;
/// Setting: the key in use whose mailbox a relay says is closed.
const SHUT_KEY: &str = "shut key of ";

impl Exchange<'_> {
    /// Has the relay close what it has not closed yet. `false` when the brake acted first.
    pub(super) fn close_replaced(&mut self, brake: &Brake<'_>) -> Result<bool> {
        let keyring = self.open.keyring()?;
        let RelayToAsk { number, token } = match self.relay_to_ask()? {
            Some(relay) => relay,
            None => return Ok(true),
        };
        let due = |conn: &Connection| due(conn, &keyring, number);
        let due = self.open.store.read(due)?;
        if due.is_empty() {
            return Ok(true);
        }
        let close = Close {
            mailboxes: due.iter().map(|(closing, _)| *closing).collect(),
        };
        let request = HttpRequest {
            max_answer: MAX_CLOSED_ANSWER,
            ..post(&self.url, "/v1/close", Some(&token), close.to_canonical())
        };
        let Some(response) = self.send(request, brake)? else {
            return Ok(false);
        };
        if response.status != 200 || Closed::from_canonical(&response.body).is_err() {
            self.notice(NOT_CLOSED);
            return Ok(true);
        }
        // What was refused is not asked again for the same key: another owner's device may have what it takes.
        self.keep(|tx, relay| {
            let mut due = due.iter();
            due.try_for_each(|(one, heir)| log::set_closed(tx, relay.number, one.mailbox, *heir))
        })?;
        Ok(true)
    }

    fn relay_to_ask(&self) -> Result<Option<RelayToAsk>> {
        let relay = self.relay()?;
        Ok(relay.token.map(|token| RelayToAsk {
            number: relay.number,
            token,
        }))
    }

    /// Takes the mailboxes that are closed to this device out of an answer. They are asked again once new keys have come.
    pub(super) fn pass_shut(&mut self, pulled: &mut Vec<Pulled>) {
        let shut = |pulled: &Pulled| pulled.refused == code::CLOSED;
        for pulled in pulled.iter().filter(|pulled| shut(pulled)) {
            self.drained.insert(pulled.mailbox);
            self.shut.insert(pulled.mailbox);
        }
        pulled.retain(|pulled| !shut(pulled));
    }

    /// New keys have come: what was closed to this device may be open now.
    pub(super) fn try_shut_again(&mut self) {
        for mailbox in std::mem::take(&mut self.shut) {
            self.drained.remove(&mailbox);
        }
    }

    /// Notes that a mailbox takes nothing more, if it is one in use.
    pub(super) fn note_shut(&mut self, mailbox: MailboxId) -> Result<()> {
        self.shut.insert(mailbox);
        let keyring = self.open.keyring()?;
        let Some((log, epoch)) = keyring.epoch_of(mailbox) else {
            return Ok(());
        };
        if keyring.is_current(mailbox) {
            let key = format!("{SHUT_KEY}{log}");
            self.keep(|tx, _| log::set_meta(tx, &key, epoch.id.as_ref()))?;
        }
        Ok(())
    }
}

struct RelayToAsk {
    number: i64,
    token: [u8; 32],
}

/// Whether a relay said that the mailbox of the key in use is closed.
pub fn was_shut(conn: &Connection, log: i64, epoch: EpochId) -> Result<bool> {
    let noted = log::meta(conn, &format!("{SHUT_KEY}{log}"))?;
    Ok(noted.is_some_and(|noted| noted == epoch.as_ref()))
}

/// What is to be closed at a relay, and the epoch to whose keys.
fn due(conn: &Connection, keyring: &Keyring, relay: i64) -> Result<Vec<(Closing, EpochId)>> {
    let mut due = Vec::new();
    for log in snapshot::data_logs(conn)? {
        let Some((record, _)) = keyring.place_of(log) else {
            continue;
        };
        let Some(heir) = heir(keyring, record, log) else {
            continue;
        };
        let mut of_log = Vec::new();
        for epoch in replaced(keyring, log, heir) {
            if log::closed_to(conn, relay, epoch.mailbox)? != Some(heir.id) {
                of_log.extend(epoch.closed_to(heir).map(|closing| (closing, heir.id)));
            }
        }
        if !of_log.is_empty() && is_minted_at(conn, relay, record, heir.id)? {
            due.extend(of_log);
        }
    }
    due.truncate(limits::MAX_MAILBOXES);
    Ok(due)
}

/// The key in use of a compartment, where there is no other and this device is an owner's.
fn heir(keyring: &Keyring, record: RecordId, log: i64) -> Option<&Epoch> {
    let newest = keyring.newest_epochs(log);
    let current = keyring.current_epoch(log).ok()?;
    (keyring.owns_any(record) && newest.len() == 1).then_some(current)
}

/// The epochs before one whose mailboxes this device may be able to close: it holds what retires in one of them or between.
fn replaced<'a>(keyring: &'a Keyring, log: i64, heir: &Epoch) -> Vec<&'a Epoch> {
    let of_log = keyring.epochs.iter().filter(|(number, _)| *number == log);
    let all: Vec<&Epoch> = of_log.map(|(_, epoch)| epoch).collect();
    let may_close = |epoch: &&Epoch| {
        let heirs = heirs(epoch, &all);
        let mut between = heirs.iter().filter(|one| one.id != heir.id);
        heirs.iter().any(|one| one.id == heir.id)
            && (epoch.secrets.retire.is_some() || between.any(|one| one.secrets.retire.is_some()))
    };
    all.iter().copied().filter(may_close).collect()
}

/// Whether the relay lists the operation that minted an epoch.
fn is_minted_at(conn: &Connection, relay: i64, record: RecordId, epoch: EpochId) -> Result<bool> {
    let roster = keyring::log_number(conn, record, ROSTER)?;
    let listed = log::listed(conn, relay, roster)?;
    let mints = |operation: &Operation| matches!(operation, Operation::MintEpoch { epoch: minted, .. } if *minted == epoch);
    for log in log::logs(conn)?.iter().filter(|log| log.number == roster) {
        for change in keyring::read_operations(conn, log)? {
            let author = Author {
                device: change.author,
                incarnation: change.incarnation,
            };
            if change.operations.iter().any(mints) && listed.holds(&author, change.seq) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
