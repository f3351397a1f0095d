//! What to exchange next with a relay: what it has not acknowledged, and the mailboxes that are not read to their head.

use super::keyring::Keyring;
use super::paths::need;
use super::sync::Exchange;
use crate::error::Result;
use crate::store::log;
use crate::sync::session::Plan;
use carnet_wire::relay::Pull;
use carnet_wire::{MailboxId, limits};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

impl Exchange<'_> {
    /// The next exchange; when everything was exchanged, what heals. Empty when all is done.
    pub(super) fn plan(&mut self) -> Result<Plan> {
        let plan = self.plan_exchange()?;
        match plan.push.is_empty() && plan.pull.is_empty() && !self.background {
            true => self.follow_up(),
            false => Ok(plan),
        }
    }

    fn plan_exchange(&mut self) -> Result<Plan> {
        let keyring = self.open.keyring()?;
        let relay = self.relay()?;
        let mut plan = self.open.store.read(|conn| {
            let most = match self.refused {
                Some(_) => 0,
                None => limits::MAX_PUSHED_ENVELOPES,
            };
            let push = log::unsent(conn, relay.acknowledged, most, limits::EXCHANGE_BATCH_BYTES)?;
            let mut pull = Vec::new();
            for mailbox in in_order_of_need(conn, &keyring)? {
                if !self.drained.contains(&mailbox) {
                    let after = match self.reached.get(&mailbox) {
                        Some(reached) => *reached,
                        None => log::cursor(conn, relay.number, mailbox)?,
                    };
                    pull.push(Pull { mailbox, after });
                }
            }
            pull.truncate(limits::MAX_MAILBOXES);
            Ok(Plan { push, pull })
        })?;
        for pull in &mut plan.pull {
            if self.reached.insert(pull.mailbox, pull.after).is_none() && pull.after == 0 {
                self.healing.from_start.insert(pull.mailbox);
            }
            pull.after = self.asked_from(pull);
        }
        Ok(plan)
    }
}

/// A name for a set of mailboxes: a session token is good for exactly the set it was opened for.
pub fn covered(mailboxes: &BTreeSet<MailboxId>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("carnet/1 session covers");
    mailboxes.iter().for_each(|mailbox| {
        hasher.update(mailbox.as_ref());
    });
    *hasher.finalize().as_bytes()
}

/// Mailboxes in the order that lets each be understood when it arrives: devices, keys, rosters, then data.
fn in_order_of_need(conn: &Connection, keyring: &Keyring) -> Result<Vec<MailboxId>> {
    let names: BTreeMap<i64, String> = log::logs(conn)?
        .into_iter()
        .map(|log| (log.number, log.name))
        .collect();
    let need = |log: &i64| names.get(log).map_or(u8::MAX, |name| need(name));
    let mut mailboxes: Vec<(u8, MailboxId)> = keyring
        .epochs
        .iter()
        .map(|(log, epoch)| (need(log), epoch.mailbox))
        .collect();
    mailboxes.sort_unstable();
    Ok(mailboxes.into_iter().map(|(_, mailbox)| mailbox).collect())
}
