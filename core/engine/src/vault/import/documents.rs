//! Keeping bytes: a document becomes a sealed attachment and, unless a reader wrote a better one, a DocumentReference.
//!
//! The bytes are read twice: once for their hash, which tells whether the record has them already, and once to be sealed. A
//! file that changes in between is refused, because what is sealed must be what its name says.

use super::super::open::Unlocked;
use super::content::{Content, MAX_HELD_BYTES};
use super::gather::Gather;
use super::report::Fate;
use crate::error::{Error, Result};
use crate::record::change::Attachment;
use crate::record::ids::AttachmentId;
use crate::seal;
use crate::source::document::{self, Described};
use crate::source::{Format, describe};
use std::io::Read;

/// Longest document: what a sealed blob may hold, with its padding.
pub const MAX_DOCUMENT_BYTES: u64 = 960 << 20;
const TOO_LARGE: &str = "larger than 960 MB: it cannot be kept in a record";
const CHANGED: &str = "a file changed while it was read: import it again";
const NO_PRIVATE: &str = "confidential, and you may not write where the patient's secrets are: let the patient import it";

/// What was seen of a document's bytes.
pub struct Seen {
    /// BLAKE3 of all of them.
    pub hash: [u8; 32],
    /// How many there are.
    pub size: u64,
    /// All of them, where they are few enough to be held.
    bytes: Option<Vec<u8>>,
}

/// Reads a document through; none when it is longer than [`MAX_DOCUMENT_BYTES`].
pub fn look_at(content: &mut Content<'_, '_>) -> Result<Option<Seen>> {
    let mut input = content.open()?;
    let mut hasher = blake3::Hasher::new();
    let (mut held, mut size) = (Some(Vec::new()), 0);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = input.read(&mut buffer)?;
        let bytes = buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        size += count as u64;
        if size > MAX_DOCUMENT_BYTES {
            return Ok(None);
        }
        held = held.filter(|_| size <= MAX_HELD_BYTES);
        held.iter_mut()
            .for_each(|held| held.extend_from_slice(bytes));
    }
    Ok(Some(Seen {
        hash: *hasher.finalize().as_bytes(),
        size,
        bytes: held,
    }))
}

/// Keeps an item as a document, for this reason.
pub fn keep_item(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    format: Format,
    reason: Option<&'static str>,
) -> Result<()> {
    let Some(seen) = look_at(content)? else {
        gather.report.fate = Fate::Rejected;
        gather.report.reason = Some(TOO_LARGE);
        return Ok(());
    };
    let described = match &seen.bytes {
        Some(bytes) => describe::describe(format, bytes),
        None => describe::describe(format, &content.head()?),
    };
    gather.report.fate = Fate::Kept;
    gather.report.reason = reason;
    keep(gather, content, &seen, &described)
}

/// Keeps a document: its bytes, and the DocumentReference that names them.
pub fn keep(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    seen: &Seen,
    described: &Described,
) -> Result<()> {
    if !attach(gather, content, seen, described.media_type)? {
        return Ok(());
    }
    let draft = document::document_reference(&seen.hash, seen.size, described)?;
    gather.report.document = Some(draft.resource.id);
    gather.draft(draft).map(drop)
}

/// Adds the sealed bytes of a document, unless the record has them; whether they may be kept at all.
pub fn attach(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    seen: &Seen,
    media_type: &str,
) -> Result<bool> {
    if !gather.may_write()? {
        gather.report.fate = Fate::Rejected;
        gather.report.reason = Some(NO_PRIVATE);
        return Ok(false);
    }
    let target = gather.target();
    let id = AttachmentId(seal::derive_attachment_id(target.record, &seen.hash));
    if gather.has_document(id)? {
        return Ok(true);
    }
    let mut input = Hashing::new(content.open()?);
    let attachment = seal_document(target.open, id, &mut input, media_type)?;
    if input.hash() != seen.hash {
        return Err(Error::Invalid(CHANGED));
    }
    gather.attachment(attachment);
    Ok(true)
}

/// Adds the bytes of a document whose DocumentReference comes from elsewhere.
pub fn attach_again(
    gather: &mut Gather<'_>,
    content: &mut Content<'_, '_>,
    media_type: &str,
) -> Result<()> {
    let Some(seen) = look_at(content)? else {
        gather.report.fate = Fate::Rejected;
        gather.report.reason = Some(TOO_LARGE);
        return Ok(());
    };
    gather.report.fate = Fate::Kept;
    attach(gather, content, &seen, media_type).map(drop)
}

/// Keeps bytes at hand, such as a document that stood inside another.
pub fn keep_bytes(gather: &mut Gather<'_>, bytes: &[u8], described: &Described) -> Result<()> {
    let seen = Seen::of(bytes);
    keep(gather, &mut Content::Memory(bytes), &seen, described)
}

impl Seen {
    /// Of bytes at hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            hash: document::hash_of(bytes),
            size: bytes.len() as u64,
            bytes: None,
        }
    }
}

struct Hashing<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Hashing<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: blake3::Hasher::new(),
        }
    }

    fn hash(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// Seals bytes into a file of the vault, under a key of their own.
fn seal_document(
    open: &Unlocked,
    id: AttachmentId,
    input: &mut dyn Read,
    media_type: &str,
) -> Result<Attachment> {
    let key = seal::make_random::<32>()?;
    let mut file = open.store.attachments().make_incoming()?;
    let sealed = seal::seal_attachment(&key, input, &mut file)?;
    let blob = file.finish()?;
    Ok(Attachment {
        id,
        blob,
        key,
        size: sealed.size,
        sealed_size: sealed.sealed_size,
        media_type: media_type.to_owned(),
    })
}
