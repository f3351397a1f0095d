//! Persons: an account with its first device, and the records it founds.

use super::Person;
use super::keyring::{self, FIRST_COMPARTMENTS, GENERAL, Keyring};
use super::write::{self, ChangeBuilder};
use crate::error::{Error, Result};
use crate::record::change::{Item, Origin};
use crate::record::ids::ShardId;
use crate::record::patient::{Edit, ProfileField, Shard};
use crate::roster::{DEVICES, KEYRING, Operation, ROSTER};
use crate::seal::{self, AccountKeys, DeviceKeys, Epoch};
use crate::store::entries;
use crate::store::log::{self, Log};
use carnet_wire::{CompartmentId, RecordId, limits};
use rusqlite::{Connection, Transaction};

/// The shard category of a person's own name and birth date.
pub const PROFILE: &str = "profile";
/// The profile is not of a year.
const PROFILE_YEAR: u16 = 0;

/// Founds an account with this device as its first: everything a vault needs before it can write.
pub fn found_account(
    tx: &Transaction<'_>,
    database_key: &[u8; 32],
    device: &DeviceKeys,
    device_name: &str,
) -> Result<()> {
    check_name(device_name)?;
    let account_keys = AccountKeys::make()?;
    let founding = Operation::FoundAccount {
        nonce: seal::make_random()?,
        kem: account_keys.kem_public(),
        device: device.card(device_name)?,
    };
    let account = founding
        .founded_account()
        .ok_or(Error::Bug("an account is founded by its founding"))?;
    keyring::write_identity(tx, database_key, device, account, &account_keys)?;
    let record = RecordId(account.0);
    for name in [DEVICES, KEYRING] {
        keyring::keep_epoch(
            tx,
            &Epoch::make(record, CompartmentId::derive(record, name), Vec::new())?,
            name,
        )?;
    }
    let keyring = Keyring::load(tx, database_key)?;
    write::write_operations(
        tx,
        &keyring,
        keyring::log_number(tx, record, DEVICES)?,
        &[founding],
    )?;
    Ok(())
}

/// Founds a person's record: its roster, the epochs of its first compartments, and their name.
pub fn found_record(
    tx: &Transaction<'_>,
    database_key: &[u8; 32],
    device_name: &str,
    name: &str,
    birth_date: Option<&str>,
    now: i64,
) -> Result<Person> {
    check_name(name)?;
    birth_date.map_or(Ok(()), check_birth_date)?;
    let keyring = Keyring::load(tx, database_key)?;
    let founding = Operation::FoundRecord {
        nonce: seal::make_random()?,
        account: keyring.account,
        kem: keyring.account_keys()?.kem_public(),
        device: keyring.device.card(device_name)?,
    };
    let record = founding
        .founded_record()
        .ok_or(Error::Bug("a record is founded by its founding"))?;
    let roster_epoch = Epoch::make(record, CompartmentId::derive(record, ROSTER), Vec::new())?;
    let mut operations = vec![founding, mint(&keyring, &roster_epoch, ROSTER)?];
    for compartment in FIRST_COMPARTMENTS {
        let epoch = Epoch::make(
            record,
            CompartmentId::derive(record, compartment),
            Vec::new(),
        )?;
        keyring::keep_epoch(tx, &epoch, compartment)?;
        operations.push(mint(&keyring, &epoch, compartment)?);
    }
    let roster_log = keyring::keep_epoch(tx, &roster_epoch, ROSTER)?;
    let keyring = Keyring::load(tx, database_key)?;
    write::write_operations(tx, &keyring, roster_log, &operations)?;
    let keyring_log = keyring::log_number(tx, keyring.account_record(), KEYRING)?;
    write::write_operations(
        tx,
        &keyring,
        keyring_log,
        &[Operation::KnowRecord {
            record,
            roster: roster_epoch.grant(),
        }],
    )?;
    let keyring = Keyring::load(tx, database_key)?;
    write_profile(tx, &keyring, record, name, birth_date, now)?;
    Ok(Person {
        record,
        name: name.to_owned(),
        birth_date: birth_date.map(str::to_owned),
    })
}

/// The operation that hands an epoch to the account that mints it.
fn mint(keyring: &Keyring, epoch: &Epoch, name: &str) -> Result<Operation> {
    Operation::mint(
        epoch,
        name,
        &[(keyring.account, keyring.account_keys()?.kem_public())],
        &[],
    )
}

/// Writes the person's name and birth date into the patient layer, where they sync like everything else.
fn write_profile(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    record: RecordId,
    name: &str,
    birth_date: Option<&str>,
    now: i64,
) -> Result<()> {
    let mut edits = vec![Edit::Profile {
        field: ProfileField::Name,
        value: Some(name.to_owned()),
    }];
    edits.extend(birth_date.map(|date| Edit::Profile {
        field: ProfileField::BirthDate,
        value: Some(date.to_owned()),
    }));
    let mut shard = Shard::empty(&keyring.author);
    let bytes = shard.edit(&edits, now)?;
    let mut change = ChangeBuilder::from_origin(person_origin());
    let body = change.body(bytes)?;
    change.item(Item::Edit {
        shard: ShardId(seal::make_random()?),
        category: PROFILE.to_owned(),
        year: PROFILE_YEAR,
        body,
    });
    let log = keyring::log_number(tx, record, GENERAL)?;
    write::write_change(tx, keyring, log, &change.finish(now), None)?;
    Ok(())
}

/// The persons whose records this vault holds, in the order they were added. A record whose name has not arrived yet is
/// shown with an empty one.
pub fn persons(conn: &Connection) -> Result<Vec<Person>> {
    let logs = log::logs(conn)?;
    logs.into_iter()
        .filter(|log| log.name == GENERAL)
        .map(|log| person(conn, &log))
        .collect()
}

fn person(conn: &Connection, log: &Log) -> Result<Person> {
    let profile = entries::profile(conn, log.record)?;
    let value = |wanted| {
        let values = profile
            .iter()
            .find(|(field, _)| *field == wanted)
            .map(|(_, values)| values);
        values
            .and_then(|values| values.first())
            .map(|first| first.value.clone())
    };
    Ok(Person {
        record: log.record,
        name: value(ProfileField::Name).unwrap_or_default(),
        birth_date: value(ProfileField::BirthDate),
    })
}

/// The origin of what a person writes.
pub fn person_origin() -> Origin {
    Origin {
        name: String::new(),
        format: "person".to_owned(),
        hash: [0; 32],
    }
}

/// A name must say something and fit.
pub fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "a name cannot be empty or hold control characters",
        ));
    }
    if name.len() > limits::MAX_NAME_BYTES {
        return Err(Error::TooLarge("a name may have 256 bytes at most"));
    }
    Ok(())
}

/// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, and a day that exists.
pub fn check_birth_date(date: &str) -> Result<()> {
    const BAD: Error = Error::Invalid("a birth date is written YYYY, YYYY-MM or YYYY-MM-DD");
    let parts: Vec<&str> = date.split('-').collect();
    let digits = |part: &str, len: usize| {
        (part.len() == len && part.bytes().all(|c| c.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    let year = parts.first().and_then(|part| digits(part, 4)).ok_or(BAD)?;
    let month = parts
        .get(1)
        .map(|part| {
            digits(part, 2)
                .filter(|month| (1..=12).contains(month))
                .ok_or(BAD)
        })
        .transpose()?;
    let day = parts
        .get(2)
        .map(|part| digits(part, 2).ok_or(BAD))
        .transpose()?;
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        Some(2) if leap => 29,
        Some(2) => 28,
        Some(4 | 6 | 9 | 11) => 30,
        _ => 31,
    };
    let real_day = day.is_none_or(|day| (1..=longest).contains(&day));
    if year == 0 || !real_day || parts.len() > 3 {
        Err(BAD)
    } else {
        Ok(())
    }
}
