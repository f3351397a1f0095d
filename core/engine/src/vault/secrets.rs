//! Secrets: an item that is moved to a compartment is gone for every member who does not have that one, at their next sync.
//!
//! # How an item moves
//! Its versions, with where they came from, and the bytes of its documents, sealed under a new key, are written into the compartment
//! it goes to, then a word into each compartment it leaves: *this id is not here any more* ([`Item::Presence`]). Both are
//! changes like every other, one transaction here, and neither names the other compartment. What has left is in no view of the
//! compartment, however things arrive ([`presence`]): no row, search word, name, version, document or count. Notes
//! and corrections are read beside the row, so they go with it; new ones are written where it lies.
//!
//! * *Moved on two devices at once, to two places*: it is in both, and in neither of the old ones. Moving it again settles that.
//! * *Edited meanwhile by somebody who has not heard*: the note stays where they wrote it and is shown to who has the item.
//! * *Another version imported meanwhile by somebody who has not heard*: it is shown from nowhere in the compartment that was left, and
//!   whoever has both compartments carries it after the item at their next sync ([`carry`]).
//! * *Imported again*: it goes where it lies (`import::gather`). Who does not have that compartment has the word that it left: their import
//!   adds nothing, whatever version it brings. So does an old phone that comes back.
//! * *Moved back*: the opposite word, later in the order of changes. The last word decides.
//! * *Labelled secret by its source* ([`crate::record::confidentiality`]): goes to `private` at once, unless it lies elsewhere already. A device that
//!   may not write to `private` refuses to import it: it must not be the one that publishes it.
//!
//! # Threat and answer
//! The reader this is about holds a phone with `general`, all its keys, and everything the relay has of it.
//! * A secret from the start (labelled, or imported into `private`) is for them nothing but envelopes under a key they never get, in
//!   a mailbox whose address only that key gives: no row, no gap in a chain, no number (chains, sequence numbers and the access
//!   log are each compartment's own). The relay sees sizes and times of a mailbox it cannot tell apart from another.
//! * One that lay in `general` before they could have read: it is taken out of what their phone shows, not out of
//!   their head, and not out of the sealed history of `general`, which their keys open and this program does not show. Only erasing
//!   it takes it out of there. The word that left says that *something* with that id left; it says nothing else.
//! * That a secret may exist is no secret: `private` is there in every record.

use super::keyring::Keyring;
use super::open::Unlocked;
use super::write::{self, ChangeBuilder};
use crate::error::{Error, Result};
use crate::record::change::{Attachment, Item, MAX_CHANGE_ITEMS};
use crate::record::ids::{AttachmentId, ResourceId};
use crate::seal;
use crate::source::document;
use crate::store::moving::{SeenText, attachment_in, departed_texts, logs_with, seen_texts};
use crate::store::{presence, shards};
use carnet_wire::RecordId;
use rusqlite::{Connection, Transaction};
use std::collections::BTreeSet;
use zeroize::Zeroizing;

/// How the address of a document's bytes begins.
const ADDRESS: &str = "urn:carnet:blake3:";
/// Longest document that is sealed again for another compartment: it is in memory meanwhile, and nowhere else readable.
const MAX_MOVED_DOCUMENT: u64 = 64 << 20;

/// The compartments of a record in which a resource lies.
fn lies_in(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    id: ResourceId,
) -> Result<Vec<i64>> {
    let mut logs = logs_with(tx, id)?;
    logs.retain(|log| keyring.place_of(*log).is_some_and(|(of, _)| of == record));
    Ok(logs)
}

/// Moves an item to another compartment of its record, whole or not at all.
pub fn move_item(open: &Unlocked, now: i64, on: ResourceId, to: &str) -> Result<()> {
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        let first = shards::place_of(tx, on)?.log;
        let (record, _) = keyring
            .place_of(first)
            .ok_or(Error::NotFound("this resource"))?;
        let target = super::compartments::writable(&keyring, record, to)?;
        let mut from = lies_in(tx, &keyring, record, on)?;
        from.retain(|log| *log != target);
        if from.is_empty() {
            return Err(Error::Invalid("this item is in that compartment already"));
        }
        for log in &from {
            let name = keyring.place_of(*log).map_or("", |(_, name)| name);
            super::compartments::writable(&keyring, record, name)?;
        }
        let item = Moving {
            tx,
            open,
            keyring: &keyring,
            now,
            on,
        };
        for log in from {
            let documents = item.copy(log, target)?;
            let mut ids = vec![on.0];
            ids.extend(documents.iter().map(|id| id.0));
            item.arrive(target, &ids)?;
            write_presence(tx, &keyring, log, now, (&ids, false))?;
        }
        Ok(())
    })
}

/// Carries after items that moved the versions that came too late to where they lay; returns whether there were any.
pub fn carry(tx: &Transaction<'_>, open: &Unlocked, record: RecordId, now: i64) -> Result<bool> {
    let keyring = open.keyring_in(tx)?;
    let mut carried = false;
    for (on, from) in presence::stranded(tx, record)? {
        let lies = lies_in(tx, &keyring, record, on)?;
        let is_writable = |log: &i64| {
            let place = keyring.place_of(*log);
            place.is_some_and(|(_, name)| keyring.may_write(record, name))
        };
        let Some(to) = lies.into_iter().find(is_writable) else {
            continue;
        };
        let item = Moving {
            tx,
            open,
            keyring: &keyring,
            now,
            on,
        };
        item.write_all(to, from, departed_texts(tx, from, on)?)?;
        carried = true;
    }
    Ok(carried)
}

/// Whether there is something to carry that this device may.
pub fn is_due(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<bool> {
    for (on, _) in presence::stranded(conn, record)? {
        let logs = logs_with(conn, on)?.into_iter();
        let mut places = logs.filter_map(|log| keyring.place_of(log));
        if places.any(|(of, name)| of == record && keyring.may_write(record, name)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One item on its way.
struct Moving<'a> {
    tx: &'a Transaction<'a>,
    open: &'a Unlocked,
    keyring: &'a Keyring,
    now: i64,
    on: ResourceId,
}

impl Moving<'_> {
    /// Writes every version of the item and its documents into another compartment, and returns the documents.
    fn copy(&self, from: i64, to: i64) -> Result<BTreeSet<AttachmentId>> {
        self.write_all(to, from, seen_texts(self.tx, from, self.on)?)
    }

    fn write_all(
        &self,
        to: i64,
        from: i64,
        versions: Vec<SeenText>,
    ) -> Result<BTreeSet<AttachmentId>> {
        let place = self.keyring.place_of(from);
        let (record, _) = place.ok_or(Error::NotFound("this resource"))?;
        let mut documents = BTreeSet::new();
        for seen in versions {
            let mut change = ChangeBuilder::default();
            let origin = change.origin(seen.origin.clone())?;
            for id in documents_named(record, &seen.text) {
                let Some(attachment) = attachment_in(self.tx, from, id)? else {
                    continue;
                };
                if documents.insert(id) {
                    let attachment = self.sealed_again(&attachment)?;
                    change.item(Item::Attachment { origin, attachment });
                }
            }
            add_resource(&mut change, origin, seen)?;
            self.write(to, change)?;
        }
        Ok(documents)
    }

    /// Seals the bytes of a document under a key of their own: who had the old one does not get the new.
    fn sealed_again(&self, attachment: &Attachment) -> Result<Attachment> {
        if attachment.size > MAX_MOVED_DOCUMENT {
            return Err(Error::TooLarge(
                "a document of more than 64 MiB cannot be moved to another compartment",
            ));
        }
        let files = self.open.store.attachments();
        if files.size(attachment.blob)?.is_none() {
            return Err(Error::NotFound(
                "the bytes of this document: sync first, then move it",
            ));
        }
        let mut plain = Zeroizing::new(Vec::new());
        seal::open_attachment(
            &attachment.key,
            &mut files.open_file(attachment.blob)?,
            &mut *plain,
        )?;
        let key = seal::make_random::<32>()?;
        let mut file = files.make_incoming()?;
        let sealed = seal::seal_attachment(&key, &mut plain.as_slice(), &mut file)?;
        Ok(Attachment {
            blob: file.finish()?,
            key,
            size: sealed.size,
            sealed_size: sealed.sealed_size,
            ..attachment.clone()
        })
    }

    /// Says that what had left the compartment is here again.
    fn arrive(&self, log: i64, ids: &[[u8; 16]]) -> Result<()> {
        let mut back = Vec::new();
        for id in ids {
            if presence::is_gone(self.tx, log, id)? {
                back.push(*id);
            }
        }
        match back.is_empty() {
            true => Ok(()),
            false => write_presence(self.tx, self.keyring, log, self.now, (&back, true)),
        }
    }

    fn write(&self, log: i64, change: ChangeBuilder) -> Result<()> {
        write::write_change(self.tx, self.keyring, log, &change.finish(self.now), None).map(drop)
    }
}

fn add_resource(change: &mut ChangeBuilder, origin: u32, seen: SeenText) -> Result<()> {
    let body = change.body(seen.text.into_bytes())?;
    change.item(Item::Resource {
        origin,
        issuer: seen.issuer,
        full_url: seen.full_url,
        body,
    });
    Ok(())
}

/// Writes into a compartment that things left it, or are here again.
pub fn write_presence(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    log: i64,
    now: i64,
    (ids, here): (&[[u8; 16]], bool),
) -> Result<()> {
    for part in ids.chunks(MAX_CHANGE_ITEMS) {
        let mut change = ChangeBuilder::default();
        for id in part {
            change.item(Item::Presence { id: *id, here });
        }
        write::write_change(tx, keyring, log, &change.finish(now), None)?;
    }
    Ok(())
}

/// The documents a text names by the addresses that [`document::url_of`] gives.
fn documents_named(record: RecordId, text: &str) -> Vec<AttachmentId> {
    let named = text.split(ADDRESS).skip(1);
    let hashes = named.filter_map(|rest| {
        let digits: String = rest.chars().take(64).collect();
        document::hash_in_url(&format!("{ADDRESS}{digits}"))
    });
    hashes
        .map(|hash| AttachmentId(seal::derive_attachment_id(record, &hash)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_found_by_the_addresses_their_references_give_them() {
        let (record, hash) = (RecordId([1; 32]), [0xab; 32]);
        let text = format!(
            r#"{{"url":"{}","x":"{ADDRESS}short"}}"#,
            document::url_of(&hash)
        );
        let id = AttachmentId(seal::derive_attachment_id(record, &hash));
        assert_eq!(documents_named(record, &text), [id]);
        assert_eq!(documents_named(record, &format!("{ADDRESS}é")), []);
    }
}
