//! Pieces between this device and a relay: fetched where they are wanted, sent where their files are here, asked for where
//! neither. They are small, so they travel here and not with the platform's transfer service.

use super::super::attachments::{FORBIDDEN, Moved};
use super::super::brake::Brake;
use super::super::steps;
use super::super::sync::Exchange;
use super::load;
use super::standing::lacking_at;
use crate::error::{Error, Result};
use crate::record::snapshot::{PieceRef, Snapshot};
use crate::store::log;
use crate::sync::blobs::BlobAddress;
use carnet_wire::BlobId;

const MISSING: &str = "a part of a snapshot has not arrived yet";

/// Whether the relay holds what the newest snapshot lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Every piece; or there is no snapshot.
    Whole,
    /// A piece is gone and its file is not here, or its mailbox is closed and takes it no more.
    Lost,
    /// It could not be told now: another process is at it, or the relay has not opened a session.
    Unknown,
    /// The brake acted.
    Stopped,
}

impl Exchange<'_> {
    /// Fetches the pieces that are wanted, the most urgent first; `false` when the brake acted first.
    pub(super) fn fetch_pieces(&mut self, log: i64, brake: &Brake<'_>) -> Result<bool> {
        for (snapshot, at) in self.open.store.read(|conn| load::wanted(conn, log))? {
            let Some(piece) = snapshot.pieces.get(at) else {
                continue;
            };
            let sealed = match self.download_piece(piece, brake) {
                Ok(Some(sealed)) => sealed,
                Ok(None) => return Ok(false),
                Err(Error::NotFound(_)) => {
                    self.notice(MISSING);
                    continue;
                }
                Err(Error::Invalid(_) | Error::Garbled(_)) => {
                    self.notice(load::FALSE);
                    continue;
                }
                Err(error) => return Err(error),
            };
            if load::open_and_load(self.open, log, &snapshot, at, &sealed, &mut self.report)? {
                self.retry.begin();
            }
        }
        steps::finish_retries(self.open, &mut self.retry, brake, &mut self.report)
    }

    /// The sealed bytes of a piece; `None` when the brake acted. They fit into memory: pieces are limited.
    fn download_piece(&mut self, piece: &PieceRef, brake: &Brake<'_>) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = load::bytes_here(self.open, piece)? {
            return Ok(Some(bytes));
        }
        let Some(address) = self.piece_address(piece)? else {
            return Ok(None);
        };
        let mut sealed = Vec::new();
        while (sealed.len() as u64) < piece.sealed_size {
            if brake.check(self.report.received)? {
                return Ok(None);
            }
            let offset = sealed.len() as u64;
            let Some(response) = self.send(address.next(offset), brake)? else {
                return Ok(None);
            };
            if matches!(response.status, FORBIDDEN | 404) {
                return Err(Error::NotFound("a piece of a snapshot"));
            }
            sealed.extend(address.part(offset, response)?);
        }
        if BlobId::derive(&sealed) != piece.blob {
            return Err(Error::Invalid("the relay sent another piece"));
        }
        self.keep(|tx, relay| log::set_delivered(tx, relay.number, &piece.blob.0))?;
        Ok(Some(sealed))
    }

    fn piece_address(&self, piece: &PieceRef) -> Result<Option<BlobAddress>> {
        Ok(self.relay()?.token.map(|token| BlobAddress {
            relay: self.url.clone(),
            token,
            mailbox: piece.mailbox,
            blob: piece.blob,
            length: piece.sealed_size,
        }))
    }

    /// Sees that the relay holds each piece of a snapshot.
    pub(super) fn deliver(&mut self, snapshot: &Snapshot, brake: &Brake<'_>) -> Result<Held> {
        let relay = self.relay()?.number;
        let lacking = |conn: &rusqlite::Connection| lacking_at(conn, relay, snapshot);
        let mut held = Held::Whole;
        for at in self.open.store.read(lacking)? {
            let Some(piece) = snapshot.pieces.get(at) else {
                continue;
            };
            let Some(address) = self.piece_address(piece)? else {
                return Ok(Held::Unknown);
            };
            if brake.check(self.report.received)? {
                return Ok(Held::Stopped);
            }
            let here = self.open.store.attachments().size(piece.blob)?.is_some();
            let moved = match here {
                true => self.upload(&address, brake)?,
                false => self.ask_for(&address, brake)?,
            };
            match moved {
                Moved::Whole => {
                    self.keep(|tx, relay| log::set_delivered(tx, relay.number, &piece.blob.0))?;
                }
                Moved::Missing => held = Held::Lost,
                Moved::Stopped => return Ok(Held::Stopped),
                Moved::Refused | Moved::Busy => return Ok(Held::Unknown),
            }
        }
        Ok(held)
    }

    /// Whether the relay holds a whole blob.
    fn ask_for(&mut self, address: &BlobAddress, brake: &Brake<'_>) -> Result<Moved> {
        let Some(answer) = self.send(address.ask(), brake)? else {
            return Ok(Moved::Stopped);
        };
        if answer.status == FORBIDDEN {
            return Ok(Moved::Missing);
        }
        Ok(match address.held(&answer)? {
            held if held == address.length => Moved::Whole,
            _ => Moved::Missing,
        })
    }
}
