//! Edits of the patient layer: notes and corrections.
//!
//! An edit goes to a shard of the resource's compartment and category and of the recorded year. Every edit reloads its
//! shard inside the transaction that stores the result, so two processes act as one writer, with one Automerge actor.
//!
//! A field that was corrected before is corrected in the shard where its value lies, because entries never move. Where two
//! devices opened a shard each and both hold a value, the new value goes to one and the others are withdrawn: that is how
//! a conflict across shards is resolved.

use super::open::Unlocked;
use super::persons::person_origin;
use super::types::NewEdit;
use super::write::{self, ChangeBuilder};
use crate::error::{Error, Result};
use crate::record::change::Item;
use crate::record::ids::{EntryId, ResourceId, ShardId};
use crate::record::patient::{Edit, Shard};
use crate::seal;
use crate::store::entries;
use crate::store::shards::{self, ShardPlace};
use rusqlite::Transaction;

/// Most edits of one change when many are written at once. One change is one Automerge change and one envelope; more would let
/// a shard grow past its limit before the next look at it.
const MAX_EDITS_OF_CHANGE: usize = 100;

/// Writes a note about a resource.
pub fn annotate(open: &Unlocked, now: i64, on: ResourceId, text: &str) -> Result<EntryId> {
    let note = NewEdit::Note {
        on,
        text: text.to_owned(),
    };
    let written = edit_all(open, now, &[note])?;
    let id = written.into_iter().flatten().next();
    id.ok_or(Error::Bug("a note got no name"))
}

/// Puts a value beside the source's.
pub fn correct(open: &Unlocked, now: i64, on: ResourceId, field: &str, value: &str) -> Result<()> {
    let correction = NewEdit::Correction {
        on,
        field: field.to_owned(),
        value: value.to_owned(),
    };
    edit_all(open, now, &[correction]).map(|_| ())
}

/// Writes many edits, all or none, those that go to one shard together in one change. A note's name stands at its place in
/// the answer.
pub fn edit_all(open: &Unlocked, now: i64, edits: &[NewEdit]) -> Result<Vec<Option<EntryId>>> {
    open.write(|tx| {
        let mut batch = Batch {
            tx,
            open,
            now,
            pending: None,
        };
        let names = edits
            .iter()
            .map(|edit| batch.add(edit))
            .collect::<Result<_>>()?;
        batch.flush()?;
        Ok(names)
    })
}

/// Edits on their way into changes.
struct Batch<'a> {
    tx: &'a Transaction<'a>,
    open: &'a Unlocked,
    now: i64,
    /// Where the next change goes, and what is in it.
    pending: Option<(ShardPlace, ShardId, Vec<Edit>)>,
}

impl Batch<'_> {
    fn add(&mut self, edit: &NewEdit) -> Result<Option<EntryId>> {
        match edit {
            NewEdit::Note { on, text } => self.add_note(*on, text.trim()).map(Some),
            NewEdit::Correction { on, field, value } => {
                self.add_correction(*on, field, value).map(|()| None)
            }
        }
    }

    fn add_note(&mut self, on: ResourceId, text: &str) -> Result<EntryId> {
        if text.is_empty() {
            return Err(Error::Invalid("a note cannot be empty"));
        }
        let id = EntryId(seal::make_random()?);
        let place = self.place(on)?;
        let shard = self.roomy(&place)?;
        let text = text.to_owned();
        self.push(place, shard, Edit::Annotate { id, on, text })?;
        Ok(id)
    }

    fn add_correction(&mut self, on: ResourceId, field: &str, value: &str) -> Result<()> {
        check_field(field)?;
        let place = self.place(on)?;
        let mut holders = entries::shards_correcting(self.tx, place.log, on, field)?.into_iter();
        let shard = holders.next().map_or_else(|| self.roomy(&place), Ok)?;
        let field = field.to_owned();
        let correct = Edit::Correct {
            on,
            field: field.clone(),
            value: value.to_owned(),
        };
        let others: Vec<ShardId> = holders.collect();
        self.withdraw_elsewhere(&place, on, &field)?;
        if others.is_empty() {
            return self.push(place, shard, correct);
        }
        // Settles a conflict across shards: one change, so that nobody sees half of it.
        self.flush()?;
        let withdraw = |shard| {
            let field = field.clone();
            (shard, vec![Edit::Withdraw { on, field }])
        };
        let mut edits = vec![(shard, vec![correct])];
        edits.extend(others.into_iter().map(withdraw));
        write_edits(self.tx, self.open, self.now, &place, edits)
    }

    /// Takes back what other compartments hold of a field: an item that was moved here left its corrections there.
    fn withdraw_elsewhere(
        &mut self,
        place: &ShardPlace,
        on: ResourceId,
        field: &str,
    ) -> Result<()> {
        let keyring = self.open.keyring_in(self.tx)?;
        let Some((record, _)) = keyring.place_of(place.log) else {
            return Ok(());
        };
        for (log, name) in keyring.logs_of(record) {
            if log == place.log || !keyring.may_write(record, name) {
                continue;
            }
            let holders = entries::shards_correcting(self.tx, log, on, field)?;
            if holders.is_empty() {
                continue;
            }
            self.flush()?;
            let withdraw = |shard| {
                let field = field.to_owned();
                (shard, vec![Edit::Withdraw { on, field }])
            };
            let there = ShardPlace {
                log,
                category: place.category.clone(),
            };
            let edits = holders.into_iter().map(withdraw).collect();
            write_edits(self.tx, self.open, self.now, &there, edits)?;
        }
        Ok(())
    }

    /// The compartment and category of the resource. What is pending and cannot take one more edit there is written first, so that
    /// everything else that is known stands in the database.
    fn place(&mut self, on: ResourceId) -> Result<ShardPlace> {
        let place = shards::place_of(self.tx, on)?;
        let fits = |(known, _, edits): &(ShardPlace, ShardId, Vec<Edit>)| {
            *known == place && edits.len() < MAX_EDITS_OF_CHANGE
        };
        if !self.pending.as_ref().is_some_and(fits) {
            self.flush()?;
        }
        Ok(place)
    }

    /// A shard with room for one more entry, or a new one: the pending one first.
    fn roomy(&self, place: &ShardPlace) -> Result<ShardId> {
        let pending = self.pending.as_ref().map(|(_, shard, _)| *shard);
        pending.map_or_else(|| roomy_shard(self.tx, place, self.now), Ok)
    }

    fn push(&mut self, place: ShardPlace, shard: ShardId, edit: Edit) -> Result<()> {
        if let Some((_, at, edits)) = &mut self.pending
            && *at == shard
        {
            edits.push(edit);
            return Ok(());
        }
        self.flush()?;
        self.pending = Some((place, shard, vec![edit]));
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let Some((place, shard, edits)) = self.pending.take() else {
            return Ok(());
        };
        write_edits(self.tx, self.open, self.now, &place, vec![(shard, edits)])
    }
}

/// A field is a row's column or a FHIR element path.
fn check_field(field: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '[' | ']' | '_');
    if field.starts_with(|c: char| c.is_ascii_alphabetic())
        && field.len() <= 128
        && field.chars().all(allowed)
    {
        return Ok(());
    }
    Err(Error::Invalid(
        "a field is display, when, value, unit, status, or a FHIR element path such as code.text",
    ))
}

/// A shard with room for one more entry, or a new one.
fn roomy_shard(tx: &Transaction<'_>, place: &ShardPlace, now: i64) -> Result<ShardId> {
    let found = entries::shard_with_room(tx, place.log, &place.category, year_of(now))?;
    found.map_or_else(|| Ok(ShardId(seal::make_random()?)), Ok)
}

/// Applies edits to shards and writes the Automerge changes they make, one a shard, as one change.
fn write_edits(
    tx: &Transaction<'_>,
    open: &Unlocked,
    now: i64,
    place: &ShardPlace,
    edits: Vec<(ShardId, Vec<Edit>)>,
) -> Result<()> {
    let keyring = open.keyring_in(tx)?;
    let mut change = ChangeBuilder::from_origin(person_origin());
    for (id, edits) in edits {
        let mut shard = match entries::saved(tx, place.log, id)? {
            Some(saved) => Shard::load(&saved, &keyring.author)?,
            None => Shard::empty(&keyring.author),
        };
        let body = change.body(shard.edit(&edits, now)?)?;
        change.item(Item::Edit {
            shard: id,
            category: place.category.clone(),
            year: year_of(now),
            body,
        });
    }
    write::write_change(tx, &keyring, place.log, &change.finish(now), None)?;
    Ok(())
}

/// The calendar year of a clock reading, in UTC: it only names a shard.
fn year_of(now: i64) -> u16 {
    const MEAN_YEAR_MS: i64 = 31_556_952_000;
    let year = 1970 + now.div_euclid(MEAN_YEAR_MS);
    u16::try_from(year.clamp(1900, 9999)).unwrap_or(1970)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years() {
        assert_eq!(year_of(0), 1970);
        assert_eq!(year_of(1_795_392_000_000), 2026);
        assert_eq!(year_of(i64::MIN), 1900);
        assert_eq!(year_of(i64::MAX), 9999);
    }

    #[test]
    fn fields() {
        for good in [
            "value",
            "code.text",
            "component[0].valueQuantity.value",
            "_birthDate",
        ] {
            assert_eq!(check_field(good).is_ok(), good != "_birthDate", "{good}");
        }
        for bad in [
            "",
            " value",
            "va lue",
            "é",
            "a\u{0}",
            "1a",
            &"a".repeat(129),
        ] {
            assert!(check_field(bad).is_err());
        }
    }
}
