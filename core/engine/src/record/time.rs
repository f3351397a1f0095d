//! FHIR dates as written, and the order of the versions of one resource.
//!
//! A date is never completed and never moved to another offset. Only `meta.lastUpdated`, which FHIR requires to be a full
//! instant, is turned into a point in time, and only to order versions.

use super::ids::ContentHash;

/// The extension that keeps a day and time of day without an offset, beside the day alone: FHIR wants an offset with every
/// time of day, and a source that wrote none leaves none to guess.
pub const LOCAL_TIME: &str = "urn:carnet:local-time";

/// Whether a text is a FHIR `date`, `dateTime` or `instant`. A time without a zone is accepted: many sources write one, and
/// what it means is shown, not guessed.
pub fn is_date(text: &str) -> bool {
    let (day, time) = match text.split_once('T') {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let mut parts = day.split('-');
    let year = parts.next().and_then(|part| number(part, 4));
    let month = parts.next().map(|part| number(part, 2));
    let date = parts.next().map(|part| number(part, 2));
    let within = |part: Option<Option<u32>>, most: u32| {
        part.is_none_or(|value| value.is_some_and(|value| (1..=most).contains(&value)))
    };
    year.is_some()
        && within(month, 12)
        && within(date, 31)
        && parts.next().is_none()
        && time.is_none_or(|time| date.is_some() && split_time(time).is_some())
}

fn number(text: &str, width: usize) -> Option<u32> {
    let well_formed = text.len() == width && text.bytes().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| text.parse().ok()).flatten()
}

/// Seconds of the day, nanoseconds, and the offset in minutes where there is one.
fn split_time(text: &str) -> Option<(u32, u32, Option<i32>)> {
    let clock_end = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at_checked(clock_end)?;
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2).filter(|hour| *hour <= 24)?;
    let minute = number(parts.next()?, 2).filter(|minute| *minute < 60)?;
    let (second, nanos) = match parts.next() {
        Some(second) => split_second(second)?,
        None => (0, 0),
    };
    let offset = match zone {
        "" => None,
        _ => Some(split_zone(zone)?),
    };
    parts
        .next()
        .is_none()
        .then_some((hour * 3600 + minute * 60 + second, nanos, offset))
}

fn split_second(text: &str) -> Option<(u32, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let second = number(whole, 2).filter(|second| *second <= 60)?;
    let digits = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    digits.then(|| {
        (
            second,
            nanos.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')),
        )
    })
}

fn split_zone(text: &str) -> Option<i32> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hour, minute) = text.get(1..)?.split_once(':')?;
    let minutes = number(hour, 2)?
        .checked_mul(60)?
        .checked_add(number(minute, 2)?)?;
    i32::try_from(minutes).ok().map(|minutes| sign * minutes)
}

/// Seconds since 1970 and nanoseconds of a full instant with its offset; `None` for anything less.
pub fn parse_instant(text: &str) -> Option<(i64, u32)> {
    let (day, time) = text.split_once('T').filter(|_| is_date(text))?;
    let (second, nanos, offset) = split_time(time)?;
    let mut parts = day.split('-').filter_map(|part| part.parse::<i64>().ok());
    let days = days_since_1970(parts.next()?, parts.next()?, parts.next()?);
    Some((
        days * 86_400 + i64::from(second) - i64::from(offset?) * 60,
        nanos,
    ))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (Howard Hinnant's `days_from_civil`).
pub fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The day of the Gregorian calendar that lies so many days after 1970-01-01: year, month, day (Hinnant's `civil_from_days`).
pub fn day_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = (from_march + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

/// A FHIR `instant`: milliseconds since 1970 UTC as the clocks show it at an offset of minutes east of UTC.
pub fn write_instant(at: i64, offset: i16) -> String {
    let local = at.saturating_add(i64::from(offset) * 60_000);
    let (year, month, day) = day_of(local.div_euclid(86_400_000));
    let rest = local.rem_euclid(86_400_000);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, millis) = (rest / 1_000 % 60, rest % 1_000);
    let fraction = match millis {
        0 => String::new(),
        _ => format!(".{millis:03}"),
    };
    let sign = if offset < 0 { '-' } else { '+' };
    let (east, past) = (offset.unsigned_abs() / 60, offset.unsigned_abs() % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{sign}{east:02}:{past:02}"
    )
}

/// The place of a version among the versions of one resource: the greatest is the current one.
///
/// A total order on every device: `meta.lastUpdated` as an instant, then `meta.versionId` as a number, then the causal
/// counter of the change that brought it, then its content. What is absent or unreadable stands below what is present, so
/// that the order has no cycles. No clock of ours takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionKey {
    last_updated: Option<(i64, u32)>,
    version: Option<u128>,
    lamport: u64,
    content: ContentHash,
}

impl VersionKey {
    /// The place of the version with these marks.
    pub fn new(
        last_updated: Option<&str>,
        version: Option<&str>,
        lamport: u64,
        content: ContentHash,
    ) -> Self {
        let digits = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        Self {
            last_updated: last_updated.and_then(parse_instant),
            version: version.filter(digits).and_then(|text| text.parse().ok()),
            lamport,
            content,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn partial_dates_and_offsets_are_dates() {
        for good in [
            "2019",
            "2019-02",
            "2019-02-28",
            "2019-02-28T10:00",
            "2019-02-28T10:00:00",
            "2019-02-28T10:00:00.123456Z",
            "2021-04-01T17:10:00+01:00",
            "0001-01-01T24:00:00-12:30",
        ] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "19",
            "2019-13",
            "2019-00",
            "2019-1-1",
            "2019-02-32",
            "2019-02-28T",
            "2019-02T10:00",
            "2019-02-28 10:00",
            "IGNORED_FIELD",
            "2019-02-28T10:00:00.Z",
            "2019-02-28T10:60:00Z",
            "20190228",
            "2019-02-28T10:00:00+0100",
            "２019",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn instants_keep_their_offset_into_account() {
        assert_eq!(parse_instant("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(
            parse_instant("2000-03-01T01:00:00.5+01:00"),
            Some((951_868_800, 500_000_000))
        );
        assert_eq!(
            parse_instant("2026-11-23T16:37:25.000Z"),
            Some((1_795_451_845, 0))
        );
        assert_eq!(parse_instant("1969-12-31T23:59:59Z"), Some((-1, 0)));
        for partial in ["2019", "2019-02-28", "2019-02-28T10:00:00", "IGNORED_FIELD"] {
            assert_eq!(parse_instant(partial), None);
        }
    }

    #[test]
    fn instants_are_written_at_their_offset() {
        assert_eq!(write_instant(0, 0), "1970-01-01T00:00:00+00:00");
        assert_eq!(
            write_instant(951_868_800_500, -90),
            "2000-02-29T22:30:00.500-01:30"
        );
        assert_eq!(write_instant(-1, 60), "1970-01-01T00:59:59.999+01:00");
    }

    fn key(last_updated: Option<&str>, version: Option<&str>, lamport: u64) -> VersionKey {
        VersionKey::new(last_updated, version, lamport, ContentHash([0; 16]))
    }

    #[test]
    fn later_updates_win_then_higher_versions_then_causal_order() {
        let early = Some("2020-01-01T10:00:00+02:00");
        let late = Some("2020-01-01T09:00:00Z");
        assert!(key(late, Some("1"), 0) > key(early, Some("2"), 9));
        assert!(key(late, Some("10"), 0) > key(late, Some("9"), 9));
        assert!(key(late, Some("9"), 0) > key(late, Some("b7"), 9));
        assert!(key(None, None, 2) > key(None, Some("x"), 1));
        assert!(key(early, None, 0) > key(None, Some("9"), 9));
        let content = |byte| VersionKey::new(None, None, 0, ContentHash([byte; 16]));
        assert!(content(2) > content(1));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(at in -62_000_000_000_000_i64..250_000_000_000_000, offset in -1080_i16..=1080) {
            let read = parse_instant(&write_instant(at, offset)).unwrap();
            prop_assert_eq!(read.0 * 1000 + i64::from(read.1 / 1_000_000), at);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,30}", date in "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})") {
            let _ = (is_date(&text), parse_instant(&text));
            prop_assert_eq!(is_date(&date), parse_instant(&date).is_some());
        }
    }
}
