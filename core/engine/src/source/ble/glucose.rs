//! Glucose: a meter's records (2A18) and their context (2A34), a continuous sensor (2AA7) and its session (2AAA).
//!
//! A context belongs to the record of the same number. A meter gives kilograms or moles in a litre; here they are mg/dL and
//! mmol/L, the same digits with the point elsewhere.

use super::Measurement;
use super::bytes::{Bytes, bit};
use super::number::Number;
use super::vitals::begin;
use super::words::{self, Detail};
use crate::record::json::Refusal;

const BAD_SIZE: Refusal =
    Refusal("a glucose record's size does not fit its fields: read the characteristic again");
const BAD_CHECKSUM: Refusal =
    Refusal("a glucose record's checksum is wrong: it was damaged on its way, read it again");

/// 2A18. Flags: 0 time offset, 1 concentration with type and site, 2 moles, 3 status, 4 a context follows.
pub(super) fn measurement(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    found.sequence = Some(rest.u16()?);
    found.clock = Some(rest.clock()?);
    found.minutes_after = rest.when(bit(flags, 0), Bytes::i16)?;
    if bit(flags, 1) {
        let value = rest.sfloat()?;
        match bit(flags, 2) {
            true => found.value("glucose", value.shifted(3)?, "mmol/L"),
            false => found.value("glucose", value.shifted(5)?, "mg/dL"),
        }
        let both = u32::from(rest.u8()?);
        found
            .details
            .push(Detail::one("specimen", both & 15, words::SPECIMEN));
        found
            .details
            .push(Detail::one("body-site", both >> 4, words::GLUCOSE_SITE));
    }
    if let Some(status) = rest.when(bit(flags, 3), Bytes::u16)? {
        found
            .details
            .push(Detail::set("status", status.into(), words::METER_STATUS));
    }
    if bit(flags, 4) {
        found
            .details
            .push(Detail::one("context", 1, words::CONTEXT));
    }
    rest.end(flags >> 5)?;
    Ok(found)
}

/// 2A34. Flags: 0 carbohydrate, 1 meal, 2 tester and health, 3 exercise, 4 medication, 5 litres, 6 HbA1c, 7 more flags.
pub(super) fn context(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    found.sequence = Some(rest.u16()?);
    let later = rest.when(bit(flags, 7), Bytes::u8)?.unwrap_or(0);
    if let Some(which) = rest.when(bit(flags, 0), Bytes::u8)? {
        found.details.push(Detail::one(
            "carbohydrate",
            which.into(),
            words::CARBOHYDRATE,
        ));
        found.value("carbohydrate", rest.sfloat()?.shifted(3)?, "g");
    }
    if let Some(meal) = rest.when(bit(flags, 1), Bytes::u8)? {
        found
            .details
            .push(Detail::one("meal", meal.into(), words::MEAL));
    }
    if let Some(both) = rest.when(bit(flags, 2), Bytes::u8)? {
        let both = u32::from(both);
        found
            .details
            .push(Detail::one("tester", both & 15, words::TESTER));
        found
            .details
            .push(Detail::one("health", both >> 4, words::HEALTH));
    }
    if bit(flags, 3) {
        let seconds = rest.u16()?;
        found.value("exercise-duration", Number::counted(seconds, 1, 0)?, "s");
        let share = rest.u8()?;
        found.value("exercise-intensity", Number::scaled(share.into(), 0)?, "%");
    }
    if let Some(which) = rest.when(bit(flags, 4), Bytes::u8)? {
        found
            .details
            .push(Detail::one("medication", which.into(), words::MEDICATION));
        match bit(flags, 5) {
            true => found.value("medication", rest.sfloat()?.shifted(3)?, "mL"),
            false => found.value("medication", rest.sfloat()?.shifted(6)?, "mg"),
        }
    }
    if let Some(share) = rest.when(bit(flags, 6), Bytes::sfloat)? {
        found.value("hba1c", share, "%");
    }
    rest.end(later.into())?;
    Ok(found)
}

/// 2AA7: one record after another, each with its size.
pub(super) fn continuous(bytes: &[u8]) -> Result<Vec<Measurement>, Refusal> {
    let mut rest = bytes;
    let mut records = Vec::new();
    while let Some(size) = rest.first() {
        let (record, behind) = rest
            .split_at_checked(usize::from(*size).max(1))
            .ok_or(BAD_SIZE)?;
        records.push(continuous_record(record)?);
        rest = behind;
    }
    match records.is_empty() {
        true => Err(BAD_SIZE),
        false => Ok(records),
    }
}

/// Flags: 0 trend, 1 quality, 5 warnings, 6 calibration and temperature, 7 status. Two bytes more are a checksum.
fn continuous_record(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    rest.u8()?;
    let flags = u16::from(rest.u8()?);
    found.value("glucose", rest.sfloat()?, "mg/dL");
    found.minutes_after = Some(i16::try_from(rest.u16()?).unwrap_or(i16::MAX));
    for (at, what, words) in [
        (7, "status", words::SENSOR_STATUS),
        (6, "calibration", words::SENSOR_CALIBRATION),
        (5, "warning", words::SENSOR_WARNING),
    ] {
        if let Some(status) = rest.when(bit(flags, at), Bytes::u8)? {
            found.details.push(Detail::set(what, status.into(), words));
        }
    }
    if let Some(trend) = rest.when(bit(flags, 0), Bytes::sfloat)? {
        found.value("glucose-trend", trend, "mg/dL/min");
    }
    if let Some(quality) = rest.when(bit(flags, 1), Bytes::sfloat)? {
        found.value("glucose-quality", quality, "%");
    }
    match rest.left() {
        0 => Ok(found),
        2 => {
            check(bytes, rest.u16()?)?;
            Ok(found)
        }
        _ => Err(BAD_SIZE),
    }
}

/// 2AAA: the device's clock, its zone in quarters of an hour (-128 not known), summer time (255 not known), a checksum.
pub(super) fn session_start(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    found.clock = Some(rest.clock()?);
    let (zone, summer) = (rest.u8()?.cast_signed(), rest.u8()?);
    found.zone_minutes = match (zone, summer) {
        (-48..=56, 0 | 2 | 4 | 8) => Some(i16::from(zone) * 15 + i16::from(summer) * 15),
        _ => None,
    };
    if rest.left() == 2 {
        check(bytes, rest.u16()?)?;
    }
    rest.end(0)?;
    Ok(found)
}

/// CRC-16/MCRF4XX over all but the last two bytes.
fn check(bytes: &[u8], given: u16) -> Result<(), Refusal> {
    let covered = bytes
        .split_last_chunk::<2>()
        .map_or(bytes, |(before, _)| before);
    match checksum(covered) == given {
        true => Ok(()),
        false => Err(BAD_CHECKSUM),
    }
}

/// The polynomial 0x1021 reflected, from 0xFFFF.
pub(super) fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |sum, byte| {
        (0..8).fold(sum ^ u16::from(*byte), |sum, _| {
            sum >> 1 ^ if sum & 1 == 1 { 0x8408 } else { 0 }
        })
    })
}
