//! Scales: weight (2A9D) and body composition (2A9C). 0xFFFF in the first field is "measurement unsuccessful".

use super::Measurement;
use super::bytes::{Bytes, bit};
use super::number::Number;
use super::vitals::begin;
use super::words::{self, Detail};
use crate::record::json::Refusal;

/// 2A9D. Flags: 0 imperial, 1 time, 2 user, 3 body mass index and height.
pub(super) fn weight(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    let imperial = bit(flags, 0);
    mass(&mut rest, &mut found, "weight", imperial)?;
    found.clock = rest.when(bit(flags, 1), Bytes::clock)?;
    found.user = rest.when(bit(flags, 2), Bytes::u8)?;
    if bit(flags, 3) {
        let index = rest.u16()?;
        found.value("body-mass-index", Number::counted(index, 1, 1)?, "kg/m2");
        height(&mut rest, &mut found, imperial)?;
    }
    rest.end(flags >> 4)?;
    Ok(found)
}

/// 2A9C. Flags: 0 imperial, 1 time, 2 user, 3 to 11 the fields below, 12 several packets.
pub(super) fn composition(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = rest.u16()?;
    let imperial = bit(flags, 0);
    let fat = rest.u16()?;
    found.value("body-fat", Number::counted(fat, 1, 1)?, "%");
    found.clock = rest.when(bit(flags, 1), Bytes::clock)?;
    found.user = rest.when(bit(flags, 2), Bytes::u8)?;
    if let Some(energy) = rest.when(bit(flags, 3), Bytes::u16)? {
        found.value("basal-metabolism", Number::counted(energy, 1, 0)?, "kJ/d");
    }
    if let Some(share) = rest.when(bit(flags, 4), Bytes::u16)? {
        found.value("muscle-share", Number::counted(share, 1, 1)?, "%");
    }
    for (at, what) in [
        (5, "muscle-mass"),
        (6, "fat-free-mass"),
        (7, "soft-lean-mass"),
        (8, "water-mass"),
    ] {
        if bit(flags, at) {
            mass(&mut rest, &mut found, what, imperial)?;
        }
    }
    if let Some(ohm) = rest.when(bit(flags, 9), Bytes::u16)? {
        found.value("impedance", Number::counted(ohm, 1, 1)?, "Ohm");
    }
    if bit(flags, 10) {
        mass(&mut rest, &mut found, "weight", imperial)?;
    }
    if bit(flags, 11) {
        height(&mut rest, &mut found, imperial)?;
    }
    if bit(flags, 12) {
        found
            .details
            .push(Detail::one("packets", 1, words::PACKETS));
    }
    rest.end(flags >> 13)?;
    Ok(found)
}

/// In 5 g, or in hundredths of a pound.
fn mass(
    rest: &mut Bytes<'_>,
    found: &mut Measurement,
    what: &'static str,
    imperial: bool,
) -> Result<(), Refusal> {
    let count = rest.u16()?;
    match imperial {
        true => found.value(what, Number::counted(count, 1, 2)?, "[lb_av]"),
        false => found.value(what, Number::counted(count, 5, 3)?, "kg"),
    }
    Ok(())
}

/// In millimetres, or in tenths of an inch.
fn height(rest: &mut Bytes<'_>, found: &mut Measurement, imperial: bool) -> Result<(), Refusal> {
    let count = rest.u16()?;
    match imperial {
        true => found.value("height", Number::counted(count, 1, 1)?, "[in_i]"),
        false => found.value("height", Number::counted(count, 1, 3)?, "m"),
    }
    Ok(())
}
