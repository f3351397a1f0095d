//! The device's clock: a date and time without a zone (2A08), and when it becomes an instant.
//!
//! A device does not know where it is, may never have been set, and keeps summer time in winter. So a stored reading is
//! placed by **how long ago** it was on the device's own clock: the platform reads that clock when it connects, and
//! `instant = received − (device clock now − device clock then)`. That is right even on a device that is hours wrong, as long as
//! nobody set it in between; when the two clocks differ by more than [`MAX_DRIFT_SECONDS`] that cannot be known, and the
//! reading is marked. Without the device's clock its time is read in the phone's zone, and marked. A reading that has no
//! whole date gets the instant of its reception, and is marked. Nothing is dropped, the clock as given is kept.

use super::Measurement;
use super::bytes::Bytes;
use crate::record::json::Refusal;
use crate::record::time::days_since_1970;
use core::fmt;

/// Most that a device's clock may differ from the phone's before its readings are marked.
pub const MAX_DRIFT_SECONDS: i64 = 120;

const NO_TIME: Refusal =
    Refusal("the device's date or time does not exist: set the device's clock");

/// A date and time as a device says it; 0 in the date is "not known".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClockTime {
    /// Year, if known.
    pub year: Option<u16>,
    /// Month, if known.
    pub month: Option<u8>,
    /// Day, if known.
    pub day: Option<u8>,
    /// Hour.
    pub hour: u8,
    /// Minute.
    pub minute: u8,
    /// Second.
    pub second: u8,
}

/// When and where the phone got a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reception {
    /// The phone's clock: milliseconds since 1970 UTC.
    pub received: i64,
    /// The phone's offset: minutes east of UTC.
    pub offset: i16,
    /// What the device's clock said then, if it was read.
    pub device_clock: Option<ClockTime>,
}

/// An instant, and whether to believe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Milliseconds since 1970 UTC.
    pub at: i64,
    /// Whether the device's clock could not be trusted.
    pub unsure: bool,
}

impl ClockTime {
    pub(super) fn from_bytes(bytes: [u8; 7]) -> Result<Self, Refusal> {
        let [low, high, month, day, hour, minute, second] = bytes;
        let year = u16::from_le_bytes([low, high]);
        let year_fine = year == 0 || (1582..=9999).contains(&year);
        let date_fine = month <= 12 && day <= days_in(year, month);
        if !year_fine || !date_fine || hour > 23 || minute > 59 || second > 59 {
            return Err(NO_TIME);
        }
        Ok(Self {
            year: Some(year).filter(|year| *year > 0),
            month: Some(month).filter(|month| *month > 0),
            day: Some(day).filter(|day| *day > 0),
            hour,
            minute,
            second,
        })
    }

    /// The date, if it is whole.
    pub fn date(&self) -> Option<String> {
        let (year, month, day) = (self.year?, self.month?, self.day?);
        Some(format!("{year:04}-{month:02}-{day:02}"))
    }

    /// Seconds since 1970 on the device's own clock, if the date is whole.
    fn seconds(&self) -> Option<i64> {
        let days = days_since_1970(self.year?.into(), self.month?.into(), self.day?.into());
        let hours = days * 24 + i64::from(self.hour);
        Some((hours * 60 + i64::from(self.minute)) * 60 + i64::from(self.second))
    }
}

/// The month is not checked where the year or the month is not known.
fn days_in(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap || year == 0 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl fmt::Display for ClockTime {
    /// `2024-01-15T08:30:00`; `?` for what is not known.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.year {
            Some(year) => write!(out, "{year:04}")?,
            None => out.write_str("????")?,
        }
        for part in [self.month, self.day] {
            match part {
                Some(part) => write!(out, "-{part:02}")?,
                None => out.write_str("-??")?,
            }
        }
        write!(
            out,
            "T{:02}:{:02}:{:02}",
            self.hour, self.minute, self.second
        )
    }
}

impl Reception {
    /// Seconds by which the device's clock is ahead of the phone's; none where it was not read or has no whole date.
    pub fn drift(&self) -> Option<i64> {
        let here = self.received.div_euclid(1000) + i64::from(self.offset) * 60;
        Some(self.device_clock?.seconds()? - here)
    }

    /// When a measurement was taken, by the rule above.
    pub fn place(&self, measurement: &Measurement) -> Placed {
        let Some(clock) = measurement.clock else {
            return self.now(measurement.minutes_after.is_some());
        };
        let after = i64::from(measurement.minutes_after.unwrap_or(0)) * 60;
        let Some(then) = clock.seconds().map(|seconds| seconds + after) else {
            return self.now(true);
        };
        let zone = measurement.zone_minutes.unwrap_or(self.offset);
        let (at, unsure) = match (measurement.zone_minutes, self.drift(), self.device_clock) {
            (None, Some(drift), Some(now)) => {
                let ago = now.seconds().unwrap_or(then) - then;
                let at = self.received.div_euclid(1000) - ago;
                (at, drift.abs() > MAX_DRIFT_SECONDS)
            }
            (zoned, ..) => (then - i64::from(zone) * 60, zoned.is_none()),
        };
        let at = at * 1000;
        Placed {
            at,
            unsure: unsure || at > self.received + MAX_DRIFT_SECONDS * 1000,
        }
    }

    fn now(&self, unsure: bool) -> Placed {
        Placed {
            at: self.received,
            unsure,
        }
    }
}

/// Reads 2A08.
pub(super) fn date_time(bytes: &[u8]) -> Result<Measurement, Refusal> {
    let mut rest = Bytes::new(bytes);
    let clock = rest.clock()?;
    rest.end(0)?;
    Ok(Measurement {
        clock: Some(clock),
        raw: bytes.to_vec(),
        ..Measurement::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn clock(year: u16, month: u8, day: u8, hour: u8, minute: u8) -> ClockTime {
        let [low, high] = year.to_le_bytes();
        ClockTime::from_bytes([low, high, month, day, hour, minute, 0]).unwrap()
    }

    /// 2024-01-15T08:30:00+01:00.
    const RECEIVED: i64 = 1_705_303_800_000;

    fn place(device_clock: Option<ClockTime>, taken: Option<ClockTime>) -> (i64, bool) {
        let reception = Reception {
            received: RECEIVED,
            offset: 60,
            device_clock,
        };
        let placed = reception.place(&Measurement {
            clock: taken,
            ..Measurement::default()
        });
        ((placed.at - RECEIVED) / 60_000, placed.unsure)
    }

    #[test]
    fn a_clock_that_is_right_places_a_stored_reading() {
        let now = Some(clock(2024, 1, 15, 8, 31));
        assert_eq!(place(now, Some(clock(2024, 1, 15, 7, 31))), (-60, false));
        assert_eq!(place(now, None), (0, false));
    }

    #[test]
    fn a_clock_that_is_wrong_still_says_how_long_ago() {
        let never_set = Some(clock(2010, 1, 1, 0, 40));
        assert_eq!(
            place(never_set, Some(clock(2010, 1, 1, 0, 10))),
            (-30, true)
        );
    }

    #[test]
    fn a_clock_nobody_read_and_a_date_nobody_knows_are_marked() {
        assert_eq!(place(None, Some(clock(2024, 1, 15, 8, 20))), (-10, true));
        assert_eq!(place(None, Some(clock(0, 1, 15, 8, 20))), (0, true));
        let future = Some(clock(2024, 1, 15, 9, 30));
        assert_eq!(place(Some(clock(2024, 1, 15, 8, 30)), future), (60, true));
    }

    #[test]
    fn what_is_not_known_is_shown_as_such() {
        assert_eq!(clock(2024, 1, 15, 8, 30).to_string(), "2024-01-15T08:30:00");
        assert_eq!(clock(0, 4, 0, 20, 41).to_string(), "????-04-??T20:41:00");
        assert_eq!(clock(0, 4, 17, 20, 41).date(), None);
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        let date = |year: u16, month, day, hour| {
            let [low, high] = year.to_le_bytes();
            ClockTime::from_bytes([low, high, month, day, hour, 0, 0]).is_ok()
        };
        assert!(date(2024, 2, 29, 0) && date(0, 2, 29, 0) && date(2000, 2, 29, 23));
        assert!(!date(2023, 2, 29, 0) && !date(1900, 2, 29, 0) && !date(2024, 4, 31, 0));
        assert!(!date(2024, 13, 1, 0) && !date(2024, 1, 1, 24) && !date(1200, 1, 1, 0));
    }
}
