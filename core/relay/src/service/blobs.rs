//! Sealed attachments and pieces of snapshots: rights and quotas here, bytes in [`crate::blobs`].

use super::Service;
use crate::RelayError;
use crate::blobs::{BlobBytes, BlobPart, BlobRange, Progress, check_part};
use crate::sessions::Grants;
use crate::storage::{BlobPlace, MailboxNumber};
use carnet_wire::relay::{Access, code};
use carnet_wire::{BlobId, MailboxId};

impl Service {
    /// How much of a blob has arrived: for those who read it and those who write it. Blocks.
    pub fn blob_head(
        &self,
        token: &[u8; 32],
        mailbox: MailboxId,
        blob: BlobId,
    ) -> Result<Progress, RelayError> {
        let session = self.session(token)?;
        let number = session
            .number(mailbox, Access::Write)
            .or_else(|_| session.number(mailbox, Access::Read))?;
        self.check_lives(mailbox, number)?;
        let progress = self.blobs.progress(number, blob)?;
        let place = BlobPlace {
            mailbox: number,
            blob,
        };
        match progress {
            // It may be retired, and is not there until somebody uploads it again.
            Progress::Whole(_) if self.storage.reserved(place, self.clock.now())?.is_none() => {
                Ok(Progress::Partial(0))
            }
            _ => Ok(progress),
        }
    }

    /// Takes one part of a blob. Blocks.
    pub fn put_blob_part(
        &self,
        token: &[u8; 32],
        mailbox: MailboxId,
        blob: BlobId,
        part: BlobPart<'_>,
    ) -> Result<Progress, RelayError> {
        self.put_part_in(&*self.session(token)?, mailbox, blob, part)
    }

    pub(crate) fn put_part_in(
        &self,
        session: &Grants,
        mailbox: MailboxId,
        blob: BlobId,
        part: BlobPart<'_>,
    ) -> Result<Progress, RelayError> {
        let number = session.number(mailbox, Access::Write)?;
        check_part(part)?;
        self.check_lives(mailbox, number)?;
        let place = BlobPlace {
            mailbox: number,
            blob,
        };
        let _alone = self.blobs.enter(number, blob)?;
        self.reserve(place, part.total)?;
        let put = self.blobs.put(number, blob, part);
        if put.is_err_and(|error| error.code == code::WRONG_HASH) {
            self.storage.release(place, None)?.wait()?;
        }
        put
    }

    /// Counts a blob before its first byte is kept.
    fn reserve(&self, place: BlobPlace, total: u64) -> Result<(), RelayError> {
        let now = self.clock.now();
        if self.storage.reserved(place, now)? >= Some(total) {
            return Ok(());
        }
        let reserved = self.storage.reserve(place, total, now)?.wait();
        if reserved == Err(RelayError::QUOTA) {
            self.metrics.quota_refusals.add(1);
        }
        reserved
    }

    /// Reads some bytes of a whole blob. Blocks.
    pub fn get_blob_range(
        &self,
        token: &[u8; 32],
        mailbox: MailboxId,
        blob: BlobId,
        range: BlobRange,
    ) -> Result<BlobBytes, RelayError> {
        let number = self.session(token)?.number(mailbox, Access::Read)?;
        let place = BlobPlace {
            mailbox: number,
            blob,
        };
        let reserved = self.storage.reserved(place, self.clock.now())?;
        reserved.ok_or(RelayError::NOT_FOUND)?;
        let found = self.blobs.read(number, blob, range)?;
        self.metrics.read_bytes.add(found.bytes.len() as u64);
        Ok(found)
    }

    /// A right may outlive its mailbox.
    fn check_lives(&self, mailbox: MailboxId, number: MailboxNumber) -> Result<(), RelayError> {
        let found = self.storage.mailboxes(&[mailbox], self.clock.now())?;
        let lives = found.into_iter().flatten().any(|it| it.number == number);
        lives.then_some(()).ok_or(RelayError::NOT_FOUND)
    }
}
