//! The second half of a sync: the bytes of documents, both ways, after the changes that name them.
//!
//! One question to the database says which are missing on either side; a sync with nothing to move asks nothing more. A
//! document that has not arrived, or whose bytes are not what its change says, is a notice and never stops the rest.

use super::Phase;
use super::brake::{Brake, Sent};
use super::sync::Exchange;
use crate::error::{Error, Result};
use crate::host::{HttpRequest, HttpResponse};
use crate::store::Incoming;
use crate::store::log::{self, NamedBlob};
use crate::sync::blobs::{self, BlobAddress};
use carnet_wire::limits;
use std::io::{Read, Seek, SeekFrom, Write};

/// What is said of a document whose bytes or length are not what a change says.
pub(super) const NOT_FETCHED: &str = "a document is not what its author said of it";
const NOT_ARRIVED: &str = "a document has not arrived yet";
/// What a relay answers of a mailbox that this device holds no key of, or that is closed.
pub(super) const FORBIDDEN: u16 = 403;
/// Documents asked for in vain in one sync: a member who names thousands that do not exist costs no more.
const MAX_MISSES: u32 = 32;
/// Bytes of an unfinished download that are read again in one step.
const CATCH_UP_BYTES: u64 = 16 << 20;

/// What became of one document.
pub(super) enum Moved {
    /// Both sides hold it.
    Whole,
    /// It is not there yet.
    Missing,
    /// Its bytes or length are not what its author said.
    Refused,
    /// Another process is at it.
    Busy,
    /// The brake acted.
    Stopped,
}

impl Exchange<'_> {
    /// Moves the bytes of documents both ways; `false` when the brake acted first.
    pub(super) fn transfer_attachments(&mut self, brake: &Brake<'_>) -> Result<bool> {
        brake.enter(Phase::Documents);
        let relay = self.relay()?.number;
        let missing = self
            .open
            .store
            .read(|conn| log::missing_blobs(conn, relay))?;
        let mut misses = 0;
        for named in missing {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(false);
            }
            match self.move_one(&named, brake)? {
                Moved::Whole => {
                    self.keep(|tx, relay| log::set_delivered(tx, relay.number, &named.blob.0))?;
                }
                Moved::Missing => {
                    self.notice(NOT_ARRIVED);
                    self.keep(|tx, relay| log::count_try(tx, relay.number, named.blob))?;
                    misses += 1;
                }
                Moved::Refused => {
                    self.notice(NOT_FETCHED);
                    self.keep(|tx, relay| log::count_refusal(tx, relay.number, named.blob))?;
                    misses += 1;
                }
                Moved::Busy => {}
                Moved::Stopped => return Ok(false),
            }
            if misses == MAX_MISSES {
                break;
            }
        }
        Ok(true)
    }

    fn move_one(&mut self, named: &NamedBlob, brake: &Brake<'_>) -> Result<Moved> {
        let held = self.open.store.attachments().size(named.blob)?;
        let Some(address) = self.address(named, held)? else {
            return Ok(Moved::Stopped);
        };
        if address.length > limits::MAX_BLOB_BYTES {
            return Ok(Moved::Refused);
        }
        match held {
            Some(_) => self.upload(&address, brake),
            None => self.fetch(&address, named.log, brake),
        }
    }

    /// A document lies in the mailbox of the epoch it was sent under, which may be an earlier one: those are asked, too, the
    /// current one first.
    fn fetch(&mut self, address: &BlobAddress, log: i64, brake: &Brake<'_>) -> Result<Moved> {
        let keyring = self.open.keyring()?;
        let epochs = keyring.epochs.iter().filter(|(of, _)| *of == log);
        let earlier = epochs
            .map(|(_, epoch)| epoch.mailbox)
            .filter(|mailbox| *mailbox != address.mailbox);
        for mailbox in std::iter::once(address.mailbox).chain(earlier) {
            let address = BlobAddress {
                mailbox,
                ..address.clone()
            };
            match self.download(&address, brake)? {
                Moved::Missing => {}
                moved => return Ok(moved),
            }
        }
        Ok(Moved::Missing)
    }

    /// Where a document lies at this relay; none without a session, or while the compartment waits for a new key.
    pub(super) fn address(
        &self,
        named: &NamedBlob,
        held: Option<u64>,
    ) -> Result<Option<BlobAddress>> {
        let keyring = self.open.keyring()?;
        let Ok(epoch) = keyring.current_epoch(named.log) else {
            return Ok(None);
        };
        let mailbox = epoch.mailbox;
        Ok(self.relay()?.token.map(|token| BlobAddress {
            relay: self.url.clone(),
            token,
            mailbox,
            blob: named.blob,
            // A length is what some member says, a file has its own.
            length: held.unwrap_or(named.sealed_size),
        }))
    }

    pub(super) fn upload(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<Moved> {
        let Some(answer) = self.send(address.ask(), brake)? else {
            return Ok(Moved::Stopped);
        };
        if answer.status == FORBIDDEN {
            return Ok(Moved::Missing);
        }
        let mut offset = address.held(&answer)?;
        let mut file = self.open.store.attachments().open_file(address.blob)?;
        file.seek(SeekFrom::Start(offset))?;
        while offset < address.length {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(Moved::Stopped);
            }
            let mut part = Vec::new();
            (&mut file)
                .take(blobs::PART_BYTES as u64)
                .read_to_end(&mut part)?;
            if part.is_empty() {
                return Err(Error::Corrupt("a document is shorter than it was"));
            }
            offset += part.len() as u64;
            let put = address.put(offset - part.len() as u64, part);
            match self.send(put, brake)? {
                // Its mailbox was closed meanwhile: other keys have followed, and it goes to theirs.
                Some(answer) if answer.status == FORBIDDEN => return Ok(Moved::Missing),
                Some(answer) => address.put_done(&answer)?,
                None => return Ok(Moved::Stopped),
            }
        }
        Ok(Moved::Whole)
    }

    /// Fetches a document from where an earlier attempt stopped; only bytes that hash to the blob's id become one. One that
    /// is not what a member said of it is passed over: the others are still wanted.
    fn download(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<Moved> {
        let Some(mut incoming) = self.open.store.attachments().resume(address.blob)? else {
            return Ok(Moved::Busy);
        };
        while !incoming.catch_up(CATCH_UP_BYTES)? {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(Moved::Stopped);
            }
        }
        while incoming.size() < address.length {
            if brake.check(self.report.sent + self.report.received)? {
                return Ok(Moved::Stopped);
            }
            let Some(response) = self.send(address.next(incoming.size()), brake)? else {
                return Ok(Moved::Stopped);
            };
            if matches!(response.status, FORBIDDEN | 404) {
                // Its author has pushed the change but not yet the bytes: the next sync finds them. Or this relay never had
                // the mailbox of an earlier epoch.
                return Ok(Moved::Missing);
            }
            match address.part(incoming.size(), response) {
                Err(Error::Garbled(_)) => return refuse(incoming),
                part => incoming.write_all(&part?)?,
            }
        }
        match incoming.finish_as(address.blob) {
            Err(Error::Corrupt(_)) => Ok(Moved::Refused),
            finished => finished.map(|()| Moved::Whole),
        }
    }

    /// The answer, or none when the deadline passed first.
    pub(super) fn send(
        &mut self,
        request: HttpRequest,
        brake: &Brake<'_>,
    ) -> Result<Option<HttpResponse>> {
        self.report.round_trips += 1;
        self.report.bytes_sent += request.body.len() as u64;
        match brake.send(self.transport, request)? {
            Sent::Outcome(outcome) => {
                let response = outcome?;
                self.report.bytes_received += response.body.len() as u64;
                Ok(Some(response))
            }
            Sent::TooLate => Ok(None),
        }
    }
}

/// What a length that is not the document's brought is of no use.
fn refuse(incoming: Incoming) -> Result<Moved> {
    incoming.discard()?;
    Ok(Moved::Refused)
}
