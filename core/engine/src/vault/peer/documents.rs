//! The bytes of documents and of pieces of snapshots in a meeting: asked for one after the other, in parts, checked against
//! their id; given only where a change in a log in common names them.

use super::super::open::Unlocked;
use super::super::{SyncReport, paths, snapshot};
use super::MISPLACED;
use crate::error::{Error, Result};
use crate::store::attachments::Incoming;
use crate::store::log;
use carnet_wire::stream::{Part, Want};
use carnet_wire::{BlobId, limits};
use std::collections::{BTreeSet, VecDeque};
use std::io::{Read, Seek, SeekFrom, Write};

/// Bytes of one part: a slow radio must bring it in a few seconds.
const PART_BYTES: u64 = 256 << 10;

const NOT_THERE: &str = "a document has not arrived yet";
const NOT_FETCHED: &str = "a document is not what its author said of it";

/// What is being fetched and given in one round.
#[derive(Default)]
pub struct Documents {
    logs: BTreeSet<i64>,
    /// What is lacking; none when it has to be looked up.
    lacking: Option<VecDeque<BlobId>>,
    /// What the other side has not got, or not right.
    given_up: BTreeSet<BlobId>,
    incoming: Option<(BlobId, Incoming)>,
    /// Whether a piece of a snapshot came whole.
    pieces: bool,
    answers: Vec<Part>,
}

impl Documents {
    /// Documents named in these logs.
    pub fn of(logs: BTreeSet<i64>) -> Self {
        Self {
            logs,
            ..Self::default()
        }
    }

    /// Changes came: they may name more.
    pub fn look_again(&mut self) {
        self.lacking = None;
    }

    /// Whether any are lacking.
    pub fn wants(&mut self, open: &Unlocked) -> Result<bool> {
        Ok(!self.lacking(open)?.is_empty())
    }

    fn lacking(&mut self, open: &Unlocked) -> Result<&mut VecDeque<BlobId>> {
        let lacking = match self.lacking.take() {
            Some(lacking) => lacking,
            None => self.look(open)?,
        };
        Ok(self.lacking.insert(lacking))
    }

    fn look(&self, open: &Unlocked) -> Result<VecDeque<BlobId>> {
        let mut lacking = VecDeque::new();
        for log in &self.logs {
            for (snapshot, at) in open.store.read(|conn| snapshot::wanted(conn, *log))? {
                let blob = snapshot.pieces.get(at).map(|piece| piece.blob);
                lacking.extend(blob.filter(|blob| !self.given_up.contains(blob)));
            }
        }
        for named in open.store.read(log::named_blobs)? {
            let wanted = self.logs.contains(&named.log)
                && named.sealed_size <= limits::MAX_BLOB_BYTES
                && !self.given_up.contains(&named.blob);
            if wanted && open.store.attachments().size(named.blob)?.is_none() {
                lacking.push_back(named.blob);
            }
        }
        Ok(lacking)
    }

    /// The next part to ask for.
    pub fn ask(&mut self, open: &Unlocked) -> Result<Vec<Want>> {
        if self.incoming.is_none()
            && let Some(blob) = self.lacking(open)?.pop_front()
        {
            self.incoming = Some((blob, open.store.attachments().make_incoming()?));
        }
        let asked = self.incoming.as_ref().map(|(blob, incoming)| Want {
            blob: *blob,
            offset: incoming.size(),
        });
        Ok(asked.into_iter().collect())
    }

    /// Takes a part that was asked for. One that is not what a member said of it is passed over: others are still wanted.
    pub fn take(&mut self, open: &Unlocked, part: Part, report: &mut SyncReport) -> Result<bool> {
        let Some((blob, mut incoming)) = self.incoming.take() else {
            return Err(MISPLACED);
        };
        if part.blob != blob || part.offset != incoming.size() {
            return Err(MISPLACED);
        }
        let end = part.offset.saturating_add(part.bytes.len() as u64);
        let why = match part.length {
            0 => Some(NOT_THERE),
            length if length > limits::MAX_BLOB_BYTES || end > length => Some(NOT_FETCHED),
            length if part.bytes.is_empty() && end < length => Some(NOT_FETCHED),
            _ => None,
        };
        if let Some(why) = why {
            self.give_up(blob, why, report);
            return Ok(false);
        }
        incoming.write_all(&part.bytes)?;
        if end < part.length {
            self.incoming = Some((blob, incoming));
            return Ok(true);
        }
        match incoming.finish_as(blob) {
            Err(Error::Corrupt(_)) => {
                self.give_up(blob, NOT_FETCHED, report);
                Ok(false)
            }
            finished => {
                finished?;
                self.pieces |= open.store.read(|conn| log::is_wanted(conn, blob))?;
                Ok(true)
            }
        }
    }

    /// Whether a piece of a snapshot has come whole since this was asked.
    pub fn has_pieces(&mut self) -> bool {
        std::mem::take(&mut self.pieces)
    }

    fn give_up(&mut self, blob: BlobId, why: &'static str, report: &mut SyncReport) {
        self.given_up.insert(blob);
        paths::notice(report, why);
    }

    /// Prepares a part the other side asks for.
    pub fn serve(&mut self, open: &Unlocked, want: Want) -> Result<bool> {
        let naming = open.store.read(|conn| {
            let mut naming = log::logs_naming(conn, want.blob)?;
            naming.extend(log::logs_with_piece(conn, want.blob)?);
            Ok(naming)
        })?;
        let named = naming.iter().any(|log| self.logs.contains(log));
        let held = match named {
            true => open.store.attachments().size(want.blob)?,
            false => None,
        };
        let mut part = Part {
            blob: want.blob,
            offset: want.offset,
            length: 0,
            bytes: Vec::new(),
        };
        if let Some(length) = held.filter(|length| want.offset < *length) {
            part.length = length;
            let mut file = open.store.attachments().open_file(want.blob)?;
            file.seek(SeekFrom::Start(want.offset))?;
            file.take(PART_BYTES).read_to_end(&mut part.bytes)?;
        }
        let some = !part.bytes.is_empty();
        self.answers.push(part);
        Ok(some)
    }

    /// The parts prepared, handed out once.
    pub fn answers(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.answers)
    }
}
