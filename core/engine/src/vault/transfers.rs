//! The bytes of documents by the phone's own transfer service, which goes on while the app sleeps: plain HTTP requests over
//! ciphertext, one part of one document each.
//!
//! ```text
//! transfers() ──► the platform sends or fetches each, in any order ──► finish_transfer(id, file) ──► transfers() ──► …
//! ```
//! A request names a mailbox and a hash, both random to whoever sees them; its token opens nothing but ciphertext. What comes
//! back is believed when the whole document hashes to its name, never before. An upload counts as arrived when the next sync
//! has asked the relay.

use super::open::Unlocked;
use super::sync::Exchange;
use super::{Direction, Transfer};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, Transport};
use crate::store::log::{self, NamedBlob};
use crate::sync::blobs::BlobAddress;
use carnet_wire::{BlobId, limits};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

/// Transfers handed out at once.
const MAX_TRANSFERS: usize = 100;
/// Bytes of one transfer: the most a relay takes or gives at once, because a wake-up for each part is dear.
const PART_BYTES: u64 = limits::MAX_BLOB_PART_BYTES as u64;
const UNKNOWN: Error = Error::NotFound("a transfer with this id");

/// What the platform may carry now: the next part of each missing document. Empty without a session: a sync opens one.
pub fn transfers(open: &Unlocked, transport: &dyn Transport, url: &str) -> Result<Vec<Transfer>> {
    let exchange = Exchange::new(open, transport, url)?;
    if !exchange.has_session()? {
        return Ok(Vec::new());
    }
    let relay = exchange.relay()?.number;
    let mut transfers = Vec::new();
    for named in open.store.read(|conn| log::missing_blobs(conn, relay))? {
        transfers.extend(transfer(open, &exchange, &named)?);
        if transfers.len() == MAX_TRANSFERS {
            break;
        }
    }
    Ok(transfers)
}

fn transfer(
    open: &Unlocked,
    exchange: &Exchange<'_>,
    named: &NamedBlob,
) -> Result<Option<Transfer>> {
    let attachments = open.store.attachments();
    let held = attachments.size(named.blob)?;
    let Some(address) = exchange.address(named, held)? else {
        return Ok(None);
    };
    let offset = match held {
        Some(_) => named.sent,
        None => attachments.resumable(named.blob)?,
    };
    if address.length > limits::MAX_BLOB_BYTES || offset >= address.length {
        return Ok(None);
    }
    let length = PART_BYTES.min(address.length - offset);
    Ok(Some(match held {
        Some(_) => Transfer {
            direction: Direction::Upload,
            file: Some(attachments.path(named.blob)),
            ..plain(&address, offset, length, address.put(offset, Vec::new()))
        },
        None => plain(&address, offset, length, address.get(offset, length)),
    }))
}

/// A download; a request without its body.
fn plain(address: &BlobAddress, offset: u64, length: u64, request: HttpRequest) -> Transfer {
    let headers = request.headers.into_iter();
    Transfer {
        id: format!("{}-{offset}-{length}", address.blob),
        direction: Direction::Download,
        url: request.url,
        headers: headers
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        offset,
        length,
        file: None,
    }
}

/// Takes what the platform fetched, or notes what it sent; returns whether the document is complete on this side. Doing it
/// twice, or out of order, is harmless: what does not fit is asked for again.
pub fn finish(
    open: &Unlocked,
    transport: &dyn Transport,
    url: &str,
    id: &str,
    file: Option<&Path>,
) -> Result<bool> {
    let (blob, offset, length) = parse(id).ok_or(UNKNOWN)?;
    let exchange = Exchange::new(open, transport, url)?;
    let relay = exchange.relay()?.number;
    let named = open
        .store
        .read(|conn| log::named_blob(conn, relay, blob))?
        .ok_or(UNKNOWN)?;
    if open.store.attachments().size(blob)?.is_some() {
        if named.sent == offset {
            exchange.keep(|tx, relay| log::set_sent(tx, relay.number, blob, offset + length))?;
        }
        return Ok(true);
    }
    let part = read_part(file.ok_or(UNKNOWN)?, length)?;
    take_part(open, &exchange, &named, offset, &part)
}

fn take_part(
    open: &Unlocked,
    exchange: &Exchange<'_>,
    named: &NamedBlob,
    offset: u64,
    part: &[u8],
) -> Result<bool> {
    let attachments = open.store.attachments();
    let Some(mut incoming) = attachments.resume(named.blob)? else {
        return Ok(false);
    };
    if incoming.size() != offset {
        return Ok(false);
    }
    incoming.write_all(part)?;
    if incoming.size() < named.sealed_size {
        incoming.pause()?;
        return Ok(false);
    }
    while !incoming.catch_up(PART_BYTES)? {}
    match incoming.finish_as(named.blob) {
        Ok(()) => {
            exchange.keep(|tx, relay| log::set_delivered(tx, relay.number, &named.blob.0))?;
            Ok(true)
        }
        Err(Error::Corrupt(_)) => {
            exchange.keep(|tx, relay| log::count_refusal(tx, relay.number, named.blob))?;
            Err(Error::Garbled(super::attachments::NOT_FETCHED))
        }
        Err(error) => Err(error),
    }
}

/// Reads a part that must have exactly this length.
fn read_part(path: &Path, length: u64) -> Result<Vec<u8>> {
    let mut part = Vec::new();
    File::open(path)?.take(length + 1).read_to_end(&mut part)?;
    match part.len() as u64 == length {
        true => Ok(part),
        false => Err(Error::Garbled("the relay sent another part than was asked")),
    }
}

fn parse(id: &str) -> Option<(BlobId, u64, u64)> {
    let (blob, rest) = id.split_once('-')?;
    let (offset, length) = rest.split_once('-')?;
    let (offset, length) = (offset.parse().ok()?, length.parse().ok()?);
    let fits = (1..=PART_BYTES).contains(&length) && offset <= limits::MAX_BLOB_BYTES;
    fits.then_some((BlobId::from_hex(blob)?, offset, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_was_written_and_nothing_else_is() {
        let blob = BlobId([7; 32]);
        assert_eq!(parse(&format!("{blob}-5-9")), Some((blob, 5, 9)));
        let too_long = PART_BYTES + 1;
        for wrong in [
            String::new(),
            blob.to_string(),
            format!("{blob}-5"),
            format!("{blob}-5-0"),
            format!("{blob}--1-5"),
            format!("{blob}-0-{too_long}"),
            format!("{blob}-{}-1", u64::MAX),
            "zz-0-1".to_owned(),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
