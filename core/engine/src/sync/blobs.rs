//! Attachments on their way: ciphertext in ranged parts, so that a transfer that stops goes on where it was, and so that a
//! phone's own transfer service could carry it.
//!
//! ```text
//! up:    HEAD (how much arrived?) ──► PUT part ──► PUT part ──► … whole
//! down:  GET bytes=0-… ──► GET … ──► whole; the hash is checked by whoever keeps the file
//! ```

use super::session::{REQUEST_TIMEOUT, bearer, problem, stranger};
use crate::error::{Error, Result};
use crate::host::{HttpRequest, HttpResponse, Method};
use carnet_wire::relay::code;
use carnet_wire::{BlobId, MailboxId, limits};

/// Bytes of one part: small enough for a deadline, large enough that headers do not matter.
pub const PART_BYTES: usize = 1 << 20;

/// Where one attachment lies at a relay.
#[derive(Debug, Clone)]
pub struct BlobAddress {
    /// The relay's URL without a trailing slash.
    pub relay: String,
    /// Session token.
    pub token: [u8; 32],
    /// The mailbox it belongs to.
    pub mailbox: MailboxId,
    /// The hash of its ciphertext.
    pub blob: BlobId,
    /// Length of its ciphertext.
    pub length: u64,
}

impl BlobAddress {
    fn request(
        &self,
        method: Method,
        headers: Vec<(&'static str, String)>,
        body: Vec<u8>,
    ) -> HttpRequest {
        let mut all = vec![("authorization", bearer(&self.token))];
        all.extend(headers);
        HttpRequest {
            method,
            url: format!("{}/v1/blobs/{}/{}", self.relay, self.mailbox, self.blob),
            headers: all,
            body,
            max_answer: limits::MAX_BLOB_PART_BYTES,
            timeout: REQUEST_TIMEOUT,
        }
    }

    /// Asks how much of it the relay holds.
    pub fn ask(&self) -> HttpRequest {
        self.request(Method::Head, Vec::new(), Vec::new())
    }

    /// Reads the answer to [`Self::ask`]: bytes held; the whole length when it is whole.
    pub fn held(&self, response: &HttpResponse) -> Result<u64> {
        match response.status {
            200 => Ok(self.length),
            404 => Ok(response
                .header("upload-offset")
                .and_then(|offset| offset.parse().ok())
                .unwrap_or(0)
                .min(self.length)),
            _ => Err(bodiless(response)),
        }
    }

    /// Sends the part that begins at `offset`.
    pub fn put(&self, offset: u64, part: Vec<u8>) -> HttpRequest {
        let headers = vec![
            ("upload-offset", offset.to_string()),
            ("upload-length", self.length.to_string()),
        ];
        self.request(Method::Put, headers, part)
    }

    /// Reads the answer to [`Self::put`].
    pub fn put_done(&self, response: &HttpResponse) -> Result<()> {
        if (200..300).contains(&response.status) {
            Ok(())
        } else {
            Err(problem(response))
        }
    }

    /// Asks for the part that begins at `offset`.
    pub fn next(&self, offset: u64) -> HttpRequest {
        self.get(offset, PART_BYTES as u64)
    }

    /// Asks for at most `length` bytes from `offset` on.
    pub fn get(&self, offset: u64, length: u64) -> HttpRequest {
        let last = (offset + length).min(self.length).saturating_sub(1);
        self.request(
            Method::Get,
            vec![("range", format!("bytes={offset}-{last}"))],
            Vec::new(),
        )
    }

    /// Reads the answer to [`Self::next`].
    pub fn part(&self, offset: u64, response: HttpResponse) -> Result<Vec<u8>> {
        let expected = (self.length - offset).min(PART_BYTES as u64);
        match response.status {
            200 | 206 if response.body.len() as u64 == expected => Ok(response.body),
            200 | 206 => Err(Error::Garbled("the relay sent another part than was asked")),
            _ => Err(problem(&response)),
        }
    }
}

/// A HEAD answer has no body: its status stands for the problem.
fn bodiless(response: &HttpResponse) -> Error {
    let retry_after = response
        .header("retry-after")
        .and_then(|seconds| seconds.parse().ok());
    let code = match response.status {
        401 => code::NO_SESSION,
        403 => code::FORBIDDEN,
        500 => code::INTERNAL,
        507 => code::FULL,
        status => return stranger(status, retry_after),
    };
    Error::Relay { code, retry_after }
}
