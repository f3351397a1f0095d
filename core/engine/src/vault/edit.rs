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
use super::write::{self, ChangeBuilder};
use crate::error::{Error, Result};
use crate::record::change::Item;
use crate::record::ids::{EntryId, ResourceId, ShardId};
use crate::record::patient::{Edit, Shard};
use crate::seal;
use crate::store::entries;
use crate::store::shards::{self, ShardPlace};
use rusqlite::Transaction;

/// Writes a note about a resource.
pub fn annotate(open: &Unlocked, now: i64, on: ResourceId, text: &str) -> Result<EntryId> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::Invalid("a note cannot be empty"));
    }
    let id = EntryId(seal::make_random()?);
    open.write(|tx| {
        let place = shards::place_of(tx, on)?;
        let edit = Edit::Annotate {
            id,
            on,
            text: text.to_owned(),
        };
        let shard = roomy_shard(tx, &place, now)?;
        write_edits(tx, open, now, &place, vec![(shard, edit)])
    })?;
    Ok(id)
}

/// Puts a value beside the source's.
pub fn correct(open: &Unlocked, now: i64, on: ResourceId, field: &str, value: &str) -> Result<()> {
    check_field(field)?;
    open.write(|tx| {
        let place = shards::place_of(tx, on)?;
        let mut holders = entries::shards_correcting(tx, place.log, on, field)?.into_iter();
        let shard = holders
            .next()
            .map_or_else(|| roomy_shard(tx, &place, now), Ok)?;
        let mut edits = vec![(
            shard,
            Edit::Correct {
                on,
                field: field.to_owned(),
                value: value.to_owned(),
            },
        )];
        edits.extend(holders.map(|shard| {
            (
                shard,
                Edit::Withdraw {
                    on,
                    field: field.to_owned(),
                },
            )
        }));
        write_edits(tx, open, now, &place, edits)
    })
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

/// Applies edits to shards and writes the Automerge changes they make as one change.
fn write_edits(
    tx: &Transaction<'_>,
    open: &Unlocked,
    now: i64,
    place: &ShardPlace,
    edits: Vec<(ShardId, Edit)>,
) -> Result<()> {
    let keyring = open.keyring_in(tx)?;
    let mut change = ChangeBuilder::from_origin(person_origin());
    for (id, edit) in edits {
        let mut shard = match entries::saved(tx, place.log, id)? {
            Some(saved) => Shard::load(&saved, &keyring.author)?,
            None => Shard::empty(&keyring.author),
        };
        let body = change.body(shard.edit(&[edit], now)?)?;
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
