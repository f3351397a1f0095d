//! Whether a relay still has what it had: of each mailbox, the highest number of which it is known what stands there, read
//! or acknowledged, is compared with what stands there now.
//!
//! A relay that was put back to an old copy, does not say so and was filled again since has heads no lower than the cursors:
//! nothing in its numbers gives it away. What only one device and that relay had would be lost in silence, and the device
//! would never know that it must send it again (seeds 527 and 1652 of the simulation).
//!
//! Who puts a relay back starts it again, and that ends its sessions. So with each session that is opened, and then only, the
//! landmarks are looked up: one behind the cursor comes with what is read anyway, for one at the cursor the first page begins
//! one number early. An envelope that does not come is no proof: it may have been retired. One that is another is: nothing
//! of what was noted of this relay counts any more.

use super::sync::Exchange;
use crate::error::Result;
use crate::store::log::{self, Landmark};
use crate::sync::session::Answer;
use carnet_wire::MailboxId;
use carnet_wire::relay::{Pull, Pulled};
use std::collections::BTreeMap;

/// The landmark of each mailbox that is still to be compared.
pub type Landmarks = BTreeMap<MailboxId, Landmark>;

impl Exchange<'_> {
    /// A session was opened: the landmarks are to be compared, once in a sync.
    pub(super) fn look_back(&mut self) -> Result<()> {
        if self.landmarks.is_none() {
            let relay = self.relay()?.number;
            let landmarks = self.open.store.read(|conn| log::landmarks(conn, relay))?;
            self.landmarks = Some(landmarks);
        }
        Ok(())
    }

    /// The landmark of a mailbox, if it is still to be compared.
    pub(super) fn landmark(&self, mailbox: MailboxId) -> Option<Landmark> {
        self.landmarks.as_ref()?.get(&mailbox).copied()
    }

    /// From where a mailbox is asked: one number early where the landmark is at the cursor.
    pub(super) fn asked_from(&self, pull: &Pull) -> u64 {
        match self.landmark(pull.mailbox) {
            Some((number, _)) if number == pull.after => number.saturating_sub(1),
            _ => pull.after,
        }
    }

    /// Whether another envelope stands where a landmark stood.
    pub(super) fn is_replaced(&self, answer: &Answer) -> bool {
        answer.pulled.iter().any(|pulled| {
            let landmark = self.landmark(pulled.mailbox);
            landmark.is_some_and(|(number, id)| {
                let mut there = pulled.entries.iter().filter(|entry| entry.seq == number);
                there.any(|entry| entry.id() != id)
            })
        })
    }

    /// Takes what came only to be compared out of an answer. Landmarks that are read past are done with.
    pub(super) fn pass_landmarks(&mut self, pulled: &mut [Pulled]) {
        let Some(landmarks) = &mut self.landmarks else {
            return;
        };
        for pulled in pulled {
            let Some((number, _)) = landmarks.get(&pulled.mailbox).copied() else {
                continue;
            };
            if pulled.entries.iter().any(|entry| entry.seq >= number) {
                landmarks.remove(&pulled.mailbox);
            }
            if self.reached.get(&pulled.mailbox) == Some(&number) {
                pulled.entries.retain(|entry| entry.seq != number);
            }
        }
    }
}
