//! Hours, days, weeks and months in a person's time zone, right across changes of the clock.
//!
//! A day lasts 23 hours when the clock goes forward and 25 when it goes back; a week begins on Monday. Rules of time zones are part of
//! the build (the tz database inside `jiff`), so that every device draws the same chart.

use crate::error::{Error, Result};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::ops::Range;

/// Most periods of one chart: ten years of hours.
pub const MAX_PERIODS: usize = 100_000;
const MINUTE: i64 = 60_000;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Every {
    /// An hour, as the clock on the wall shows it.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday.
    Week,
    /// From the first of the month.
    Month,
    /// Everything asked for is one period.
    All,
}

/// A time zone this build knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// By its name in the tz database: `Europe/Paris`.
    pub fn named(name: &str) -> Result<Self> {
        TimeZone::get(name).map(Self).map_err(|_| {
            Error::Invalid("this time zone is not known: name one such as Europe/Paris or UTC")
        })
    }

    /// The civil day an instant lies in.
    fn date(&self, instant: i64) -> Result<Date> {
        let instant = Timestamp::from_millisecond(instant).map_err(|_| OUT_OF_RANGE)?;
        Ok(instant.to_zoned_datetime(self.0.clone()).date())
    }

    /// When a civil day begins.
    fn midnight(&self, date: Date) -> Result<i64> {
        let zoned = date
            .to_zoned_datetime(self.0.clone())
            .map_err(|_| OUT_OF_RANGE)?;
        Ok(zoned.timestamp().as_millisecond())
    }

    /// When the civil day `YYYY-MM-DD` begins, and when the next one does.
    pub fn day(&self, text: &str) -> Result<Range<i64>> {
        const BAD: Error = Error::Invalid("a day is written YYYY-MM-DD");
        let date: Date = text.parse().map_err(|_| BAD)?;
        let next = date.tomorrow().map_err(|_| BAD)?;
        Ok(self.midnight(date)?..self.midnight(next)?)
    }

    /// Date, hour and minute on the wall, and minutes east of UTC.
    pub fn wall(&self, instant: i64) -> (String, i16) {
        let Ok(instant) = Timestamp::from_millisecond(instant) else {
            return (String::new(), 0);
        };
        let zoned = instant.to_zoned_datetime(self.0.clone());
        let minutes = zoned.offset().seconds() / 60;
        let text = zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string();
        (text, i16::try_from(minutes).unwrap_or_default())
    }

    /// Where the periods that touch `span` begin, and where the last of them ends.
    pub fn bounds(&self, every: Every, span: &Range<i64>) -> Result<Vec<i64>> {
        if span.start >= span.end {
            return Ok(Vec::new());
        }
        match every {
            Every::All => Ok(vec![span.start, span.end]),
            Every::Hour => self.hours(span),
            _ => self.civil(every, span),
        }
    }

    fn hours(&self, span: &Range<i64>) -> Result<Vec<i64>> {
        let start = Timestamp::from_millisecond(span.start).map_err(|_| OUT_OF_RANGE)?;
        let offset = i64::from(self.0.to_offset(start).seconds()) * 1_000;
        let hour = 60 * MINUTE;
        let first = (span.start + offset).div_euclid(hour) * hour - offset;
        let count = span
            .end
            .saturating_sub(first)
            .div_euclid(hour)
            .saturating_add(2);
        if usize::try_from(count).is_ok_and(|count| count > MAX_PERIODS) {
            return Err(TOO_MANY);
        }
        let mut bounds: Vec<i64> = (0..count)
            .map(|at| first + at * hour)
            .take_while(|bound| *bound < span.end)
            .collect();
        bounds.extend(bounds.last().map(|last| last + hour));
        Ok(bounds)
    }

    fn civil(&self, every: Every, span: &Range<i64>) -> Result<Vec<i64>> {
        let day = self.date(span.start)?;
        let mut date = match every {
            Every::Week => {
                let back = day.weekday().to_monday_zero_offset();
                day.checked_sub(i64::from(back).days())
                    .map_err(|_| OUT_OF_RANGE)?
            }
            Every::Month => day.first_of_month(),
            _ => day,
        };
        let step = match every {
            Every::Week => 7.days(),
            Every::Month => 1.months(),
            _ => 1.days(),
        };
        let mut bounds = vec![self.midnight(date)?];
        while bounds.last().is_some_and(|last| *last < span.end) {
            if bounds.len() > MAX_PERIODS {
                return Err(TOO_MANY);
            }
            date = date.checked_add(step).map_err(|_| OUT_OF_RANGE)?;
            bounds.push(self.midnight(date)?);
        }
        Ok(bounds)
    }
}

/// Date and time of day at UTC, with milliseconds where there are any.
pub fn utc_wall(instant: i64) -> String {
    let Ok(instant) = Timestamp::from_millisecond(instant) else {
        return String::new();
    };
    let zoned = instant.to_zoned_datetime(TimeZone::UTC);
    match instant.as_millisecond().rem_euclid(1_000) {
        0 => zoned.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
        millis => format!("{}.{millis:03}", zoned.strftime("%Y-%m-%dT%H:%M:%S")),
    }
}

const OUT_OF_RANGE: Error = Error::Invalid("a time lies outside the calendar");
const TOO_MANY: Error = Error::TooLarge("a chart may have 100,000 periods: ask for longer ones");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn lengths(zone: &str, every: Every, from: &str, to: &str) -> Vec<i64> {
        let zone = Zone::named(zone).unwrap();
        let span = zone.day(from).unwrap().start..zone.day(to).unwrap().start;
        let bounds = zone.bounds(every, &span).unwrap();
        bounds
            .windows(2)
            .map(|pair| (pair[1] - pair[0]) / HOUR)
            .collect()
    }

    #[test]
    fn days_follow_the_clock() {
        // The last Sundays of March and October 2026.
        assert_eq!(
            lengths("Europe/Paris", Every::Day, "2026-03-28", "2026-03-31"),
            [24, 23, 24]
        );
        assert_eq!(
            lengths("Europe/Paris", Every::Day, "2026-10-24", "2026-10-27"),
            [24, 25, 24]
        );
        assert_eq!(
            lengths("UTC", Every::Day, "2026-03-28", "2026-03-31"),
            [24, 24, 24]
        );
        // Lord Howe Island moves by half an hour.
        let howe = Zone::named("Australia/Lord_Howe").unwrap();
        let day = howe.day("2026-04-05").unwrap();
        assert_eq!(day.end - day.start, 24 * HOUR + HOUR / 2);
    }

    #[test]
    fn hours_weeks_and_months() {
        assert_eq!(
            lengths("Europe/Paris", Every::Hour, "2026-03-29", "2026-03-30").len(),
            23
        );
        assert_eq!(
            lengths("Europe/Paris", Every::Week, "2026-03-25", "2026-04-01"),
            [167, 168]
        );
        assert_eq!(
            lengths("Europe/Paris", Every::Month, "2026-02-10", "2026-04-01"),
            [672, 743]
        );
        assert_eq!(lengths("UTC", Every::All, "2026-02-10", "2026-02-12"), [48]);
        assert!(lengths("UTC", Every::Day, "2026-02-10", "2026-02-10").is_empty());
    }

    #[test]
    fn what_is_not_known_or_too_much_is_refused() {
        assert!(Zone::named("Europe/Lutetia").is_err());
        assert!(Zone::named("../../etc/passwd").is_err());
        let utc = Zone::named("UTC").unwrap();
        for day in ["2026-02-30", "2026", "", "2026-01-01T10:00:00"] {
            let _ = utc.day(day);
        }
        assert!(utc.day("2026-02-30").is_err());
        assert!(matches!(
            utc.bounds(Every::Hour, &(0..400_000 * HOUR)),
            Err(Error::TooLarge(_))
        ));
        assert!(utc.bounds(Every::Day, &(i64::MIN..i64::MAX)).is_err());
    }

    #[test]
    fn the_wall_shows_the_offset() {
        let paris = Zone::named("Europe/Paris").unwrap();
        assert_eq!(
            paris.wall(1_795_451_845_000),
            ("2026-11-23T17:37:25".to_owned(), 60)
        );
        assert_eq!(paris.wall(i64::MAX), (String::new(), 0));
    }
}
