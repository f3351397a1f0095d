//! Heart rate (2A37), blood pressure (2A35), temperature (2A1C), oximetry (2A5E, 2A5F).

use super::Measurement;
use super::bytes::{Bytes, bit};
use super::number::Number;
use super::words::{self, Detail};
use crate::record::json::Refusal;

/// 2A37. Flags: 0 value in 16 bits, 1 contact detected, 2 contact supported, 3 energy, 4 RR intervals to the end.
pub(super) fn heart_rate(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    let rate = match bit(flags, 0) {
        true => rest.u16()?,
        false => rest.u8()?.into(),
    };
    found.value("heart-rate", Number::scaled(rate.into(), 0)?, "/min");
    let contact = flags >> 1 & 3;
    found
        .details
        .push(Detail::one("contact", contact.into(), words::CONTACT));
    if let Some(energy) = rest.when(bit(flags, 3), Bytes::u16)? {
        found.value("energy-expended", Number::scaled(energy.into(), 0)?, "kJ");
    }
    if bit(flags, 4) {
        found.value("rr-interval", rr_interval(rest.u16()?)?, "ms");
    }
    while bit(flags, 4) && rest.left() > 0 {
        found.value("rr-interval", rr_interval(rest.u16()?)?, "ms");
    }
    rest.end(flags >> 5)?;
    Ok(found)
}

/// 1/1024 of a second is 0.9765625 ms exactly; zeros at the end say nothing.
fn rr_interval(count: u16) -> Result<Number, Refusal> {
    let exact = Number::scaled(i64::from(count) * 9_765_625, -7)?;
    Ok(match exact {
        Number::Exact(value) => Number::Exact(value.trimmed()),
        absent => absent,
    })
}

/// 2A35. Flags: 0 kPa, 1 time, 2 pulse, 3 user, 4 status.
pub(super) fn blood_pressure(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    let unit = if bit(flags, 0) { "kPa" } else { "mm[Hg]" };
    for what in ["systolic", "diastolic", "mean-pressure"] {
        found.value(what, rest.sfloat()?, unit);
    }
    found.clock = rest.when(bit(flags, 1), Bytes::clock)?;
    if let Some(pulse) = rest.when(bit(flags, 2), Bytes::sfloat)? {
        found.value("pulse", pulse, "/min");
    }
    found.user = rest.when(bit(flags, 3), Bytes::u8)?;
    if let Some(status) = rest.when(bit(flags, 4), Bytes::u16)? {
        let marks = u32::from(status & !0b11000);
        let range = u32::from(status >> 3 & 3);
        found
            .details
            .push(Detail::set("status", marks, words::PRESSURE_STATUS));
        found
            .details
            .push(Detail::one("pulse-range", range, words::PULSE_RANGE));
    }
    rest.end(flags >> 5)?;
    Ok(found)
}

/// 2A1C. Flags: 0 Fahrenheit, 1 time, 2 body site.
pub(super) fn temperature(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    let unit = if bit(flags, 0) { "[degF]" } else { "Cel" };
    found.value("body-temperature", rest.float()?, unit);
    found.clock = rest.when(bit(flags, 1), Bytes::clock)?;
    if let Some(site) = rest.when(bit(flags, 2), Bytes::u8)? {
        found.details.push(Detail::one(
            "body-site",
            site.into(),
            words::TEMPERATURE_SITE,
        ));
    }
    rest.end(flags >> 3)?;
    Ok(found)
}

/// 2A5E. Flags: 0 time, 1 measurement status, 2 device status, 3 pulse amplitude, 4 clock not set.
pub(super) fn spot_oximetry(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    oximetry(&mut rest, &mut found, "oxygen-saturation", "pulse")?;
    found.clock = rest.when(bit(flags, 0), Bytes::clock)?;
    oximeter_status(&mut rest, &mut found, flags >> 1)?;
    if bit(flags, 4) {
        found.details.push(Detail::one("clock", 1, words::CLOCK));
    }
    rest.end(flags >> 5)?;
    Ok(found)
}

/// 2A5F. Flags: 0 fast values, 1 slow values, 2 measurement status, 3 device status, 4 pulse amplitude.
pub(super) fn continuous_oximetry(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let (mut rest, mut found) = begin(bytes);
    let flags = u16::from(rest.u8()?);
    oximetry(&mut rest, &mut found, "oxygen-saturation", "pulse")?;
    if bit(flags, 0) {
        oximetry(
            &mut rest,
            &mut found,
            "oxygen-saturation-fast",
            "pulse-fast",
        )?;
    }
    if bit(flags, 1) {
        oximetry(
            &mut rest,
            &mut found,
            "oxygen-saturation-slow",
            "pulse-slow",
        )?;
    }
    oximeter_status(&mut rest, &mut found, flags >> 2)?;
    rest.end(flags >> 5)?;
    Ok(found)
}

fn oximetry(
    rest: &mut Bytes<'_>,
    found: &mut Measurement,
    saturation: &'static str,
    pulse: &'static str,
) -> Result<(), Refusal> {
    found.value(saturation, rest.sfloat()?, "%");
    found.value(pulse, rest.sfloat()?, "/min");
    Ok(())
}

/// Three fields in both: measurement status, device and sensor status, pulse amplitude index.
fn oximeter_status(
    rest: &mut Bytes<'_>,
    found: &mut Measurement,
    flags: u16,
) -> Result<(), Refusal> {
    if let Some(status) = rest.when(bit(flags, 0), Bytes::u16)? {
        found
            .details
            .push(Detail::set("status", status.into(), words::OXIMETRY_STATUS));
    }
    if let Some(status) = rest.when(bit(flags, 1), Bytes::u24)? {
        found
            .details
            .push(Detail::set("device-status", status, words::OXIMETER_STATUS));
    }
    if let Some(amplitude) = rest.when(bit(flags, 2), Bytes::sfloat)? {
        found.value("pulse-amplitude", amplitude, "%");
    }
    Ok(())
}

pub(super) fn begin(bytes: &[u8]) -> (Bytes<'_>, Measurement) {
    let found = Measurement {
        raw: bytes.to_vec(),
        ..Measurement::default()
    };
    (Bytes::new(bytes), found)
}
