//! The second half of a sync: the bytes of documents, both ways, after the changes that name them.
//!
//! A document that has not arrived, or whose bytes are not what its change says, is a notice and never stops the rest.

use super::sync::{Brake, Exchange};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, HttpResponse};
use crate::store::log;
use crate::sync::blobs::{self, BlobAddress};
use carnet_wire::limits;
use std::io::{Read, Seek, SeekFrom, Write};

const NOT_FETCHED: &str = "a document is not what its author said of it";

/// What became of one document.
pub(super) enum Moved {
    /// Both sides hold it.
    Whole,
    /// It cannot be had now.
    Nothing(&'static str),
    /// The brake acted.
    Stopped,
}

impl Exchange<'_> {
    /// Moves the bytes of documents both ways; `false` when the brake acted first.
    pub(super) fn transfer_attachments(&mut self, brake: &Brake<'_>) -> Result<bool> {
        let keyring = self.open.keyring()?;
        for named in self.open.store.read(log::named_blobs)? {
            let relay = self.relay()?;
            let held = self.open.store.attachments().size(named.blob)?;
            let delivered = self
                .open
                .store
                .read(|conn| log::is_delivered(conn, relay.number, &named.blob.0))?;
            if held.is_some() && delivered {
                continue;
            }
            // A length is what some member says, a file has its own.
            let length = held.unwrap_or(named.sealed_size);
            if length > limits::MAX_BLOB_BYTES {
                self.notice(NOT_FETCHED);
                continue;
            }
            let Some(token) = relay.token else {
                return Ok(false);
            };
            let mailbox = keyring.current_epoch(named.log)?.mailbox;
            let address = BlobAddress {
                relay: self.url.clone(),
                token,
                mailbox,
                blob: named.blob,
                length,
            };
            let moved = if held.is_some() {
                self.upload(&address, brake)?
            } else {
                self.download(&address, brake)?
            };
            match moved {
                Moved::Whole => {
                    self.keep(|tx, relay| log::set_delivered(tx, relay.number, &named.blob.0))?;
                }
                Moved::Nothing(why) => self.notice(why),
                Moved::Stopped => return Ok(false),
            }
        }
        Ok(true)
    }

    pub(super) fn upload(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<Moved> {
        let mut offset = address.held(&self.send(address.ask())?)?;
        let mut file = self.open.store.attachments().open_file(address.blob)?;
        file.seek(SeekFrom::Start(offset))?;
        while offset < address.length {
            if brake.check(self.report.sent)? {
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
            address.put_done(&self.send(address.put(offset - part.len() as u64, part))?)?;
        }
        Ok(Moved::Whole)
    }

    /// Fetches a document into a temporary file; only bytes that hash to the blob's id become one. One that is not what a
    /// member said of it is passed over: the others are still wanted.
    fn download(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<Moved> {
        let mut incoming = self.open.store.attachments().make_incoming()?;
        let mut offset = 0;
        while offset < address.length {
            if brake.check(self.report.received)? {
                return Ok(Moved::Stopped);
            }
            let response = self.send(address.get(offset))?;
            if response.status == 404 {
                // Its author has pushed the change but not yet the bytes: the next sync finds them.
                return Ok(Moved::Nothing("a document has not arrived yet"));
            }
            let part = match address.part(offset, response) {
                Err(Error::Invalid(_)) => return Ok(Moved::Nothing(NOT_FETCHED)),
                part => part?,
            };
            offset += part.len() as u64;
            incoming.write_all(&part)?;
        }
        match incoming.finish_as(address.blob) {
            Err(Error::Corrupt(_)) => Ok(Moved::Nothing(NOT_FETCHED)),
            finished => finished.map(|()| Moved::Whole),
        }
    }

    pub(super) fn send(&mut self, request: HttpRequest) -> Result<HttpResponse> {
        self.report.round_trips += 1;
        self.report.bytes_sent += request.body.len() as u64;
        let response = self.transport.send(request)?;
        self.report.bytes_received += response.body.len() as u64;
        Ok(response)
    }
}
