//! Retiring, closing, deleting, and what the relay does now and then.
//!
//! Invariants: only a session that holds the owners' key takes anything away; no session outlives the keys it proved; bytes go 30 days after they were retired and
//! not before; files go before the rows that lead to them; a backup under way stops all of it.

use super::Service;
use crate::RelayError;
use crate::sessions::Grants;
use crate::storage::{BlobPlace, Closing, Retirement};
use carnet_wire::MailboxId;
use carnet_wire::relay::{Access, Close, Closed, Deleted, Retire, Retired};
use std::time::{Duration, Instant, SystemTime};

/// Seconds from retirement to the end of the bytes.
pub const RETIRED_SECONDS: u64 = 30 * 86_400;
/// Seconds between the end of a mailbox and its deletion: longer than any request that began before the end.
pub(super) const SWEEP_GRACE_SECONDS: u64 = 300;
/// Mailboxes, and blobs, one step of a sweep looks at.
const STEP: usize = 100;
/// After this a sweep leaves the rest to the next one.
const SWEEP_TIME: Duration = Duration::from_secs(5);

impl Service {
    /// Stops serving envelopes and blobs. Blocks.
    pub fn retire(&self, token: &[u8; 32], retire: Retire) -> Result<Retired, RelayError> {
        self.retire_in(&*self.session(token)?, retire)
    }

    pub(crate) fn retire_in(
        &self,
        session: &Grants,
        retire: Retire,
    ) -> Result<Retired, RelayError> {
        let Retire {
            mailbox,
            ids,
            blobs,
        } = retire;
        let retirement = Retirement {
            mailbox: session.number(mailbox, Access::Retire)?,
            ids,
            blobs,
        };
        let retired = self.storage.retire(retirement, self.clock.now())?.wait()?;
        self.metrics.retired.add(retired);
        Ok(Retired { retired })
    }

    /// Closes mailboxes to the keys of the epoch that follows theirs. Blocks.
    pub fn close_mailboxes(&self, token: &[u8; 32], close: &Close) -> Result<Closed, RelayError> {
        self.close_in(&*self.session(token)?, token, close)
    }

    pub(crate) fn close_in(
        &self,
        session: &Grants,
        token: &[u8; 32],
        close: &Close,
    ) -> Result<Closed, RelayError> {
        let (mut closings, mut refused) = (Vec::new(), Vec::new());
        for one in &close.mailboxes {
            match session.number(one.mailbox, Access::Retire) {
                Ok(mailbox) => closings.push(Closing {
                    mailbox,
                    read_key: one.read_key,
                    retire_key: one.retire_key,
                }),
                Err(_) => refused.push(one.mailbox),
            }
        }
        let numbers = closings.iter().map(|one| one.mailbox).collect();
        self.metrics.closed.add(closings.len() as u64);
        self.storage.close_mailboxes(closings)?.wait()?;
        self.sessions.end_others(token, &numbers);
        Ok(Closed { refused })
    }

    /// Deletes a mailbox: at once for whoever asks, within minutes for the bytes. Blocks.
    pub fn delete(&self, token: &[u8; 32], mailbox: MailboxId) -> Result<Deleted, RelayError> {
        self.delete_in(&*self.session(token)?, mailbox)
    }

    pub(crate) fn delete_in(
        &self,
        session: &Grants,
        mailbox: MailboxId,
    ) -> Result<Deleted, RelayError> {
        let number = session.number(mailbox, Access::Retire)?;
        self.storage.delete(number, self.clock.now())?.wait()?;
        self.metrics.deleted.add(1);
        Ok(Deleted {})
    }

    /// Serves again what was retired in the last `seconds` and is still there; answers how many envelopes and blobs. For the
    /// operator. Blocks.
    pub fn bring_back(&self, mailbox: MailboxId, seconds: u64) -> Result<u64, RelayError> {
        let now = self.clock.now();
        let found = self.storage.mailboxes(&[mailbox], now)?;
        let found = found.into_iter().flatten().next();
        let number = found.ok_or(RelayError::NOT_FOUND)?.number;
        let since = now.saturating_sub(seconds);
        self.storage.bring_back(number, since)?.wait()
    }

    /// Deletes what has ended: mailboxes, retired bytes, uploads nobody continues. Call it now and then. Blocks.
    pub fn sweep(&self) -> Result<(), RelayError> {
        let Ok(_no_backup) = crate::backup::no_backup(&self.data) else {
            return Ok(());
        };
        let end = Instant::now() + SWEEP_TIME;
        let now = self.clock.now();
        let steps: [&dyn Fn() -> Result<bool, RelayError>; 3] = [
            &|| self.sweep_mailboxes(now.saturating_sub(SWEEP_GRACE_SECONDS)),
            &|| self.sweep_envelopes(now.saturating_sub(RETIRED_SECONDS)),
            &|| self.sweep_blobs(now.saturating_sub(RETIRED_SECONDS)),
        ];
        for step in steps {
            while !step()? && Instant::now() < end {}
        }
        self.sweep_uploads()?;
        self.metrics.db_bytes.set(self.storage.size()?);
        Ok(())
    }

    /// `true` once nothing is left to do.
    fn sweep_mailboxes(&self, before: u64) -> Result<bool, RelayError> {
        let ended = self.storage.expired(before, STEP)?;
        // Files first: once the rows are gone nothing would lead to them.
        for mailbox in &ended {
            self.blobs.forget(*mailbox)?;
        }
        let is_last = ended.len() < STEP;
        let is_gone = ended.is_empty() || self.storage.forget(ended)?.wait()?;
        Ok(is_last && is_gone)
    }

    fn sweep_envelopes(&self, before: u64) -> Result<bool, RelayError> {
        self.storage.purge(before)?.wait()
    }

    fn sweep_blobs(&self, before: u64) -> Result<bool, RelayError> {
        let due = self.storage.retired_blobs(before, STEP)?;
        let mut is_done = true;
        for blob in &due {
            is_done &= self.sweep_blob(*blob, before)?;
        }
        // What is being uploaded again right now is left; going round for it would not end.
        Ok(due.len() < STEP || !is_done)
    }

    fn sweep_blob(&self, blob: BlobPlace, before: u64) -> Result<bool, RelayError> {
        // Whoever uploads it again holds it alone while it is announced again.
        let Ok(_alone) = self.blobs.enter(blob.mailbox, blob.blob) else {
            return Ok(false);
        };
        if self.storage.reserved(blob, self.clock.now())?.is_some() {
            return Ok(true);
        }
        self.blobs.remove(blob.mailbox, blob.blob)?;
        self.storage.release(blob, Some(before))?.wait()
    }

    fn sweep_uploads(&self) -> Result<(), RelayError> {
        for (mailbox, blob) in self.blobs.sweep(SystemTime::now())? {
            self.metrics.orphan_blobs.add(1);
            let place = BlobPlace { mailbox, blob };
            self.storage.release(place, None)?.wait()?;
        }
        Ok(())
    }
}
