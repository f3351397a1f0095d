//! What Bluetooth health devices send: the bytes of a characteristic in, measurements out. Pure: the platform talks to the
//! device, this room reads.
//!
//! The rules, from the Bluetooth SIG's characteristic tables and ISO/IEEE 11073-20601:
//! * All numbers are little-endian. A field is there when its flag says so, in the order of the table.
//! * SFLOAT and FLOAT are decimals and stay decimals; their special values are **absent with a reason**, never zero
//!   ([`number`]). So are the "measurement unsuccessful" values of scales.
//! * Fewer bytes than the flags announce is a refusal, and so are more, unless a flag of a later version is set: then what
//!   follows is not known and is left.
//! * A Date Time has no zone. It is kept as the device said it; [`clock`] says when it may become an instant.
//! * What is measured on a control solution, in demonstration or in test is decoded and shown, and is nobody's sample.
//!
//! A device may be hostile, or somebody else's: nothing here trusts a length, and everything a device says is marked with
//! the device it came from.

mod bytes;
pub mod clock;
mod glucose;
pub mod number;
pub mod observation;
pub mod records;
pub mod samples;
mod scale;
mod vitals;
mod words;

#[cfg(test)]
mod tests;

pub use clock::{ClockTime, Reception};
pub use number::Number;
pub use words::{Detail, detail_words, quantity_names};

use crate::record::json::Refusal;

/// Most bytes of one notification: the largest attribute value of the Bluetooth Core Specification (Vol 3, Part F, 3.2.9).
pub const MAX_BYTES: usize = 512;

const UNKNOWN: Refusal = Refusal(
    "this Bluetooth characteristic is not one of the health profiles Carnet reads: see `carnet ble decode --help`",
);
const TOO_MANY_BYTES: Refusal =
    Refusal("a Bluetooth characteristic has at most 512 bytes: give one notification at a time");

/// The characteristics this build reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Characteristic {
    /// 2A18.
    Glucose,
    /// 2A34.
    GlucoseContext,
    /// 2A35.
    BloodPressure,
    /// 2A37.
    HeartRate,
    /// 2A1C.
    Temperature,
    /// 2A9D.
    Weight,
    /// 2A9C.
    BodyComposition,
    /// 2A5E.
    SpotOximetry,
    /// 2A5F.
    ContinuousOximetry,
    /// 2AA7.
    ContinuousGlucose,
    /// 2AAA.
    GlucoseSessionStart,
    /// 2A52.
    Records,
    /// 2A08.
    DateTime,
}

impl Characteristic {
    /// All, with their assigned numbers.
    pub const ALL: [(Self, u16); 13] = [
        (Self::DateTime, 0x2a08),
        (Self::Glucose, 0x2a18),
        (Self::Temperature, 0x2a1c),
        (Self::GlucoseContext, 0x2a34),
        (Self::BloodPressure, 0x2a35),
        (Self::HeartRate, 0x2a37),
        (Self::Records, 0x2a52),
        (Self::SpotOximetry, 0x2a5e),
        (Self::ContinuousOximetry, 0x2a5f),
        (Self::BodyComposition, 0x2a9c),
        (Self::Weight, 0x2a9d),
        (Self::ContinuousGlucose, 0x2aa7),
        (Self::GlucoseSessionStart, 0x2aaa),
    ];

    /// From `2A37`, `0x2A37` or `00002a37-0000-1000-8000-00805f9b34fb`.
    pub fn from_uuid(text: &str) -> Result<Self, Refusal> {
        let text = text.trim().to_ascii_lowercase();
        let long = text
            .strip_prefix("0000")
            .and_then(|rest| rest.strip_suffix("-0000-1000-8000-00805f9b34fb"));
        let short = long.or_else(|| text.strip_prefix("0x")).unwrap_or(&text);
        let number = Some(short).filter(|digits| digits.len() == 4);
        let number = number.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let found = Self::ALL
            .iter()
            .find(|(_, assigned)| Some(*assigned) == number);
        found.map(|(one, _)| *one).ok_or(UNKNOWN)
    }

    /// The assigned number.
    pub fn number(self) -> u16 {
        let found = Self::ALL.iter().find(|(one, _)| *one == self);
        found.map_or(0, |(_, number)| *number)
    }
}

/// One number of a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity {
    /// What: `systolic`, `heart-rate`; one of [`quantity_names`].
    pub what: &'static str,
    /// How much, or why there is none.
    pub value: Number,
    /// UCUM.
    pub unit: &'static str,
}

/// What one record of a device says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measurement {
    /// Its numbers, in the order of the table.
    pub values: Vec<Quantity>,
    /// The device's own clock, if it gave one.
    pub clock: Option<ClockTime>,
    /// Minutes after `clock`, where a device counts from one (glucose), or after the session's start (continuous glucose).
    pub minutes_after: Option<i16>,
    /// Minutes east of UTC, where the device knows (2AAA only).
    pub zone_minutes: Option<i16>,
    /// The number of the record on its device.
    pub sequence: Option<u16>,
    /// Which user of the device; 255 is one it does not know.
    pub user: Option<u8>,
    /// Contact, status, body site and the like.
    pub details: Vec<Detail>,
    /// The bytes, which are part of its identity.
    pub raw: Vec<u8>,
}

/// What a characteristic held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// One measurement; several in a notification of continuous glucose.
    Measurements(Vec<Measurement>),
    /// What the device answers to a request for records.
    Answer(records::Answer),
}

/// Reads the bytes of one notification, indication or read.
pub fn decode(characteristic: Characteristic, bytes: &[u8]) -> Result<Decoded, Refusal> {
    if bytes.len() > MAX_BYTES {
        return Err(TOO_MANY_BYTES);
    }
    let one = match characteristic {
        Characteristic::Glucose => glucose::measurement(bytes)?,
        Characteristic::GlucoseContext => glucose::context(bytes)?,
        Characteristic::BloodPressure => vitals::blood_pressure(bytes)?,
        Characteristic::HeartRate => vitals::heart_rate(bytes)?,
        Characteristic::Temperature => vitals::temperature(bytes)?,
        Characteristic::SpotOximetry => vitals::spot_oximetry(bytes)?,
        Characteristic::ContinuousOximetry => vitals::continuous_oximetry(bytes)?,
        Characteristic::Weight => scale::weight(bytes)?,
        Characteristic::BodyComposition => scale::composition(bytes)?,
        Characteristic::GlucoseSessionStart => glucose::session_start(bytes)?,
        Characteristic::DateTime => clock::date_time(bytes)?,
        Characteristic::ContinuousGlucose => {
            return Ok(Decoded::Measurements(glucose::continuous(bytes)?));
        }
        Characteristic::Records => return Ok(Decoded::Answer(records::answer(bytes)?)),
    };
    Ok(Decoded::Measurements(vec![one]))
}

impl Measurement {
    fn value(&mut self, what: &'static str, value: Number, unit: &'static str) {
        self.values.push(Quantity { what, value, unit });
    }

    /// A record of a continuous sensor counts its minutes from the start of the session (2AAA): with it, it has a time.
    pub fn in_session(self, start: &Self) -> Self {
        Self {
            clock: start.clock,
            zone_minutes: start.zone_minutes,
            ..self
        }
    }

    /// The number with this name.
    pub fn get(&self, what: &str) -> Option<&Quantity> {
        self.values.iter().find(|quantity| quantity.what == what)
    }

    /// Whether a detail has this word.
    pub fn says(&self, what: &str, word: &str) -> bool {
        let found = self.details.iter().find(|detail| detail.what == what);
        found.is_some_and(|detail| detail.words.contains(&word))
    }
}

/// Decodes arbitrary bytes as every characteristic, and maps what came out: the entry of the fuzz target. `false` means that
/// a promise is broken.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    let reception = Reception {
        received: 1_795_451_845_000,
        offset: 60,
        device_clock: None,
    };
    let source = samples::source("", "", "", "aa:bb");
    Characteristic::ALL.iter().all(|(characteristic, _)| {
        let Ok(Decoded::Measurements(all)) = decode(*characteristic, bytes) else {
            return true;
        };
        all.iter().all(|one| {
            let batches = samples::batches(*characteristic, one, &source, &reception);
            let drafts = observation::drafts(*characteristic, one, &source, &reception);
            batches.iter().all(|batch| batch.check().is_ok()) && drafts.is_ok()
        })
    })
}
