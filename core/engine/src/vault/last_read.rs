//! Whether a relay still has what it had: the envelope at each cursor, asked for once more and compared.
//!
//! A relay that was put back to an old copy, does not say so and was filled again since has heads no lower than the cursors:
//! nothing in its numbers gives it away. What only one device and that relay had would be lost in silence, and the device
//! would never know that it must send it again (seed 527 of the simulation).
//!
//! Who puts a relay back starts it again, and that ends its sessions. So with each session that is opened, and then only, the
//! first page of a mailbox begins one number early. An envelope that does not come is no proof: it may have been retired. One
//! that is another is: nothing of what was noted of this relay counts any more.

use super::sync::Exchange;
use crate::error::Result;
use crate::store::log;
use crate::sync::session::Answer;
use carnet_wire::relay::{Pull, Pulled};
use carnet_wire::{EnvelopeId, MailboxId};
use std::collections::BTreeMap;

/// The number each cursor is at and the envelope that stood there.
pub type LastRead = BTreeMap<MailboxId, (u64, EnvelopeId)>;

impl Exchange<'_> {
    /// A session was opened: what stands at the cursors is to be compared, once in a sync.
    pub(super) fn look_back(&mut self) -> Result<()> {
        if self.last_read.is_none() {
            let relay = self.relay()?.number;
            let last_read = self.open.store.read(|conn| log::last_read(conn, relay))?;
            self.last_read = Some(last_read);
        }
        Ok(())
    }

    /// From where a mailbox is asked: one number early where the envelope there is to be compared.
    pub(super) fn asked_from(&self, pull: &Pull) -> u64 {
        match self.to_compare(pull.mailbox) {
            Some((number, _)) => number.saturating_sub(1),
            None => pull.after,
        }
    }

    /// Whether another envelope stands where the last one read stood.
    pub(super) fn is_replaced(&self, answer: &Answer) -> bool {
        answer.pulled.iter().any(|pulled| {
            let last = self.to_compare(pulled.mailbox);
            last.is_some_and(|(number, id)| {
                let mut there = pulled.entries.iter().filter(|entry| entry.seq == number);
                there.any(|entry| entry.id() != id)
            })
        })
    }

    /// Takes what came only to be compared out of an answer.
    pub(super) fn take_compared(&mut self, pulled: &mut [Pulled]) {
        for pulled in pulled
            .iter_mut()
            .filter(|pulled| !pulled.entries.is_empty())
        {
            if let Some((number, _)) = self.to_compare(pulled.mailbox) {
                pulled.entries.retain(|entry| entry.seq != number);
            }
            self.last_read
                .as_mut()
                .and_then(|last_read| last_read.remove(&pulled.mailbox));
        }
    }

    /// What is still to be compared of a mailbox; nothing once it is read from elsewhere.
    fn to_compare(&self, mailbox: MailboxId) -> Option<(u64, EnvelopeId)> {
        let last = self.last_read.as_ref()?.get(&mailbox).copied();
        let reached = self.reached.get(&mailbox);
        last.filter(|(number, _)| reached == Some(number))
    }
}
