//! How values look to people: dates, decimals, sizes. Display only: nothing here is ever stored or exported.

use crate::language::Language;
use carnet::vault::ListRow;

#[rustfmt::skip]
const MONTHS: [(&str, &str); 12] = [
    ("janvier", "January"), ("février", "February"), ("mars", "March"), ("avril", "April"), ("mai", "May"), ("juin", "June"),
    ("juillet", "July"), ("août", "August"), ("septembre", "September"), ("octobre", "October"), ("novembre", "November"), ("décembre", "December"),
];

/// A FHIR date or dateTime taken apart, as far as it goes.
struct When<'a> {
    year: &'a str,
    month: Option<&'a str>,
    day: Option<&'a str>,
    time: Option<&'a str>,
    offset: Option<&'a str>,
}

fn take_apart(text: &str) -> Option<When<'_>> {
    let (date, clock) = match text.split_once('T') {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next(), parts.next());
    let numeric = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|c| c.is_ascii_digit())
    };
    let sound = numeric(year, 4)
        && month.is_none_or(|part| numeric(part, 2))
        && day.is_none_or(|part| numeric(part, 2))
        && parts.next().is_none()
        && (clock.is_none() || day.is_some());
    let (time, offset) = clock.map_or((None, None), split_offset);
    sound.then_some(When {
        year,
        month,
        day,
        time,
        offset,
    })
}

fn split_offset(clock: &str) -> (Option<&str>, Option<&str>) {
    let at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (time, offset) = clock.split_at_checked(at).unwrap_or((clock, ""));
    (Some(time), (!offset.is_empty()).then_some(offset))
}

fn day_of(when: &When<'_>, language: Language) -> Option<String> {
    let year = when.year;
    let Some(month) = when.month else {
        return Some(year.to_owned());
    };
    let number: usize = month.parse().ok()?;
    let (fr, en) = MONTHS.get(number.checked_sub(1)?)?;
    Some(match (when.day, language) {
        (Some(day), Language::Fr) => format!("{day}/{month}/{year}"),
        (Some(day), Language::En) => format!("{year}-{month}-{day}"),
        (None, Language::Fr) => format!("{fr} {year}"),
        (None, Language::En) => format!("{en} {year}"),
    })
}

/// A date as a list shows it: as partial as it was written, with hour and minute, in the time zone it came with.
pub fn when(text: &str, language: Language) -> String {
    let shown = take_apart(text).and_then(|when| {
        let day = day_of(&when, language)?;
        let minute = when.time.and_then(|time| time.get(..5));
        Some(minute.map_or(day.clone(), |minute| format!("{day} {minute}")))
    });
    shown.unwrap_or_else(|| clean(text))
}

/// A date with everything that was written: seconds and offset too.
pub fn when_in_full(text: &str, language: Language) -> String {
    let shown = take_apart(text).and_then(|when| {
        let day = day_of(&when, language)?;
        let time = when.time.map(|time| format!(" {time}")).unwrap_or_default();
        let offset = match when.offset {
            Some("Z") => " UTC".to_owned(),
            Some(offset) => format!(" ({offset})"),
            None => String::new(),
        };
        Some(clean(&format!("{day}{time}{offset}")))
    });
    shown.unwrap_or_else(|| clean(text))
}

/// A device's clock, in milliseconds since 1970, as RFC 3339 in UTC.
pub fn timestamp(millis: i64) -> String {
    let seconds = millis.div_euclid(1000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The same for people, to the minute.
pub fn recorded(millis: i64, language: Language) -> String {
    format!("{} UTC", when(&timestamp(millis), language))
}

/// Days since 1970-01-01 to a proleptic Gregorian date (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// A date a person typed, in FHIR's form: `2021`, `2021-03`, `2021-03-12`, or in French also `12/03/2021`, `03/2021`.
pub fn date_from(typed: &str, language: Language) -> Option<String> {
    let typed = typed.trim();
    let turned = match language {
        Language::Fr => typed.rsplit('/').collect::<Vec<_>>().join("-"),
        Language::En => typed.to_owned(),
    };
    let when = take_apart(&turned).filter(|when| when.time.is_none())?;
    let month = when.month.map_or(Some(1), |month| month.parse().ok());
    let day = when.day.map_or(Some(1), |day| day.parse().ok());
    let year: u32 = when.year.parse().ok()?;
    exists(year, month?, day?).then_some(turned)
}

fn exists(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

/// A value as written, with a decimal comma in French where the whole value is a decimal.
pub fn decimal(text: &str, language: Language) -> String {
    match language {
        Language::Fr if is_decimal(text, '.') => text.replacen('.', ",", 1),
        _ => clean(text),
    }
}

/// A decimal a person typed with the comma of their language, in FHIR's form; anything else unchanged.
pub fn decimal_from(typed: &str, language: Language) -> String {
    match language {
        Language::Fr if is_decimal(typed, ',') => typed.replacen(',', ".", 1),
        _ => typed.to_owned(),
    }
}

fn is_decimal(text: &str, point: char) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    unsigned
        .split_once(point)
        .is_some_and(|(whole, fraction)| digits(whole) && digits(fraction))
}

/// A value with its comparator and unit: `< 1,0 mg/L`.
pub fn quantity(row: &ListRow, language: Language) -> String {
    let value = row.value.as_deref().map(|value| decimal(value, language));
    let parts = [
        row.comparator.as_deref().map(clean),
        value,
        row.unit.as_deref().map(clean),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The name of a row in the language, else in the other, else its code.
pub fn display(row: &ListRow, language: Language) -> Option<&str> {
    let (first, second) = match language {
        Language::Fr => (&row.display_fr, &row.display_en),
        Language::En => (&row.display_en, &row.display_fr),
    };
    let name = first.as_deref().or(second.as_deref());
    name.or(row.code.as_deref())
}

/// A number with its thousands apart: by a no-break space in French, a comma in English.
pub fn integer(number: u64, language: Language) -> String {
    let separator = match language {
        Language::Fr => '\u{202f}',
        Language::En => ',',
    };
    let digits = number.to_string();
    let mut shown = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(separator);
        }
        shown.push(digit);
    }
    shown
}

/// A size: `12 kB`, `3.4 MB`, in French `12 ko`, `3,4 Mo`.
pub fn size(bytes: u64, language: Language) -> String {
    let units = match language {
        Language::Fr => ["o", "ko", "Mo", "Go"],
        Language::En => ["B", "kB", "MB", "GB"],
    };
    let (unit, scale) = match bytes {
        0..1_000 => return format!("{bytes} {}", units[0]),
        1_000..1_000_000 => (units[1], 1_000),
        1_000_000..1_000_000_000 => (units[2], 1_000_000),
        _ => (units[3], 1_000_000_000),
    };
    let tenths = u128::from(bytes) * 10 / scale;
    let text = format!("{}.{}", tenths / 10, tenths % 10);
    format!("{} {unit}", decimal(&text, language))
}

/// A time to wait, rounded up: the same abbreviations in both languages.
pub fn duration(seconds: u32) -> String {
    match seconds {
        0..120 => format!("{seconds}\u{a0}s"),
        120..7_200 => format!("{}\u{a0}min", seconds.div_ceil(60)),
        _ => format!("{}\u{a0}h", seconds.div_ceil(3_600)),
    }
}

/// Text that came from a file, made safe for a terminal: what could move the cursor, set colours or turn the direction
/// of reading becomes a visible mark, so that a record cannot draw over what Carnet says.
pub fn clean(text: &str) -> String {
    let safe = |c: char| match c {
        '\n' | '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{En, Fr};

    #[test]
    fn dates_follow_the_language_and_stay_partial() {
        for (written, fr, en) in [
            ("2021", "2021", "2021"),
            ("2021-03", "mars 2021", "March 2021"),
            ("2021-03-12", "12/03/2021", "2021-03-12"),
            (
                "2021-03-12T14:05:09.5+01:00",
                "12/03/2021 14:05",
                "2021-03-12 14:05",
            ),
            (
                "2021-03-12T14:05:09Z",
                "12/03/2021 14:05",
                "2021-03-12 14:05",
            ),
            ("2021-13", "2021-13", "2021-13"),
            ("hier", "hier", "hier"),
            ("2021-03-12T", "12/03/2021", "2021-03-12"),
            ("2021-03-12Té", "12/03/2021", "2021-03-12"),
            ("", "", ""),
        ] {
            assert_eq!(when(written, Fr), fr, "{written}");
            assert_eq!(when(written, En), en, "{written}");
        }
    }

    #[test]
    fn a_full_date_keeps_its_offset() {
        assert_eq!(
            when_in_full("2021-03-12T14:05:09+01:00", Fr),
            "12/03/2021 14:05:09 (+01:00)"
        );
        assert_eq!(
            when_in_full("2021-03-12T14:05:09Z", En),
            "2021-03-12 14:05:09 UTC"
        );
        assert_eq!(
            when_in_full("2021-03-12T14:05:09-05:00", En),
            "2021-03-12 14:05:09 (-05:00)"
        );
        assert_eq!(when_in_full("2021-03", Fr), "mars 2021");
    }

    #[test]
    fn device_clocks_are_utc() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(1_709_210_096_789), "2024-02-29T12:34:56Z");
        assert_eq!(timestamp(-1), "1969-12-31T23:59:59Z");
        assert_eq!(recorded(1_709_210_096_789, Fr), "29/02/2024 12:34 UTC");
        assert!(!timestamp(i64::MAX).is_empty());
        assert!(!timestamp(i64::MIN).is_empty());
    }

    #[test]
    fn typed_dates() {
        for (typed, language, date) in [
            ("2021", Fr, Some("2021")),
            ("03/2021", Fr, Some("2021-03")),
            ("12/03/2021", Fr, Some("2021-03-12")),
            ("12/03/2021", En, None),
            (" 2021-03-12 ", En, Some("2021-03-12")),
            ("2024-02-29", En, Some("2024-02-29")),
            ("2023-02-29", En, None),
            ("2021-00", En, None),
            ("2021-1-2", En, None),
            ("2021-01-02T10:00", En, None),
            ("yesterday", En, None),
        ] {
            assert_eq!(date_from(typed, language).as_deref(), date, "{typed}");
        }
    }

    #[test]
    fn decimals_take_a_comma_in_french_and_keep_their_digits() {
        for (written, fr) in [
            ("1.20", "1,20"),
            ("-0.5", "-0,5"),
            ("12", "12"),
            ("1.2.3", "1.2.3"),
            ("v1.2", "v1.2"),
            (".5", ".5"),
        ] {
            assert_eq!(decimal(written, Fr), fr);
            assert_eq!(decimal(written, En), written);
        }
        assert_eq!(decimal_from("6,80", Fr), "6.80");
        assert_eq!(decimal_from("6,80", En), "6,80");
        assert_eq!(decimal_from("oui, non", Fr), "oui, non");
    }

    #[test]
    fn quantities_and_names_of_a_row() {
        let row = crate::json::tests::row();
        assert_eq!(quantity(&row, Fr), "< 1,0 mg/L");
        assert_eq!(quantity(&row, En), "< 1.0 mg/L");
        assert_eq!(display(&row, Fr), Some("Protéine C réactive"));
        let mut bare = row;
        bare.display_fr = None;
        assert_eq!(display(&bare, Fr), Some("C reactive protein"));
        bare.display_en = None;
        assert_eq!(display(&bare, Fr), Some("1988-5"));
    }

    #[test]
    fn numbers_and_sizes() {
        assert_eq!(integer(1_234_567, En), "1,234,567");
        assert_eq!(integer(1_234_567, Fr), "1\u{202f}234\u{202f}567");
        assert_eq!(integer(12, Fr), "12");
        assert_eq!(size(999, Fr), "999 o");
        assert_eq!(size(3_450_000, Fr), "3,4 Mo");
        assert_eq!(size(3_450_000, En), "3.4 MB");
        assert_eq!(size(u64::MAX, En), "18446744073.7 GB");
    }

    #[test]
    fn a_record_cannot_draw_on_the_terminal() {
        assert_eq!(
            clean("a\u{1b}[31mb\r\nc\u{202e}d\u{9b}e"),
            "a\u{fffd}[31mb\u{fffd} c\u{fffd}d\u{fffd}e"
        );
        assert_eq!(clean("Pénicilline – œdème"), "Pénicilline – œdème");
        assert_eq!(when("\u{1b}[2J", Fr), "\u{fffd}[2J");
    }

    #[test]
    fn a_wait_is_rounded_up() {
        let waits = [0, 90, 121, 7_200, 7_201].map(duration);
        let expected = ["0 s", "90 s", "3 min", "2 h", "3 h"];
        assert_eq!(waits, expected.map(|text| text.replace(' ', "\u{a0}")));
    }
}
