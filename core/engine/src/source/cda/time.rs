//! Points and intervals in time, as precise as they were written and no more.
//!
//! HL7 writes `20240104160527+0100`, cut at any length. A year, a month and a day become FHIR's partial dates. A time of day
//! with its offset becomes an instant with that offset, never moved to another. A time of day *without* an offset cannot be
//! said in FHIR, and guessing one would move what happened: the day stands in the resource, and the time as written beside
//! it, in the extension [`LOCAL_TIME`], which the rows of views show.

use super::tree::Element;
use crate::record::time::{LOCAL_TIME, is_date};
use serde_json::{Map, Value, json};

/// A point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// As FHIR writes it.
    pub fhir: String,
    /// The day and time of day, when it came without an offset.
    pub local: Option<String>,
}

/// When something was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// At a point, as precise as it is.
    At(Time),
    /// Between two, one of which may be missing.
    Between(Option<Time>, Option<Time>),
}

impl When {
    /// The point, or the beginning.
    pub fn start(&self) -> Option<&Time> {
        match self {
            Self::At(time) => Some(time),
            Self::Between(start, end) => start.as_ref().or(end.as_ref()),
        }
    }
}

/// Reads an HL7 timestamp; `None` for what is none.
pub fn parse(text: &str) -> Option<Time> {
    let zone_at = text.find(['+', '-', 'Z']).unwrap_or(text.len());
    let (clock, zone) = text.split_at_checked(zone_at)?;
    let (digits, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    if !digits
        .bytes()
        .chain(fraction.bytes())
        .all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let offset = offset_of(zone);
    if !zone.is_empty() && offset.is_none() {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to);
    let day = match digits.len() {
        4 => part(0, 4)?.to_owned(),
        6 => format!("{}-{}", part(0, 4)?, part(4, 6)?),
        8 | 10 | 12 | 14 => format!("{}-{}-{}", part(0, 4)?, part(4, 6)?, part(6, 8)?),
        _ => return None,
    };
    let second = match (part(12, 14), fraction) {
        (Some(second), "") => second.to_owned(),
        (Some(second), fraction) => format!("{second}.{fraction}"),
        // FHIR asks for seconds and lets them be filled with zeros.
        (None, _) => "00".to_owned(),
    };
    let time = match (part(8, 10), part(10, 12), offset) {
        (None, ..) => Time {
            fhir: day,
            local: None,
        },
        (Some(hour), None, _) => Time {
            local: Some(format!("{day}T{hour}")),
            fhir: day,
        },
        (Some(hour), Some(minute), Some(offset)) => Time {
            fhir: format!("{day}T{hour}:{minute}:{second}{offset}"),
            local: None,
        },
        (Some(hour), Some(minute), None) => {
            let clock = format!("{day}T{hour}:{minute}");
            let seconds = part(12, 14)
                .map(|_| format!(":{second}"))
                .unwrap_or_default();
            Time {
                fhir: day,
                local: Some(clock + &seconds),
            }
        }
    };
    let local_is_good = time
        .local
        .as_deref()
        .is_none_or(|local| is_date(local) || digits.len() == 10);
    (is_date(&time.fhir) && local_is_good).then_some(time)
}

/// `+0100`, `-05`, `Z` as FHIR writes them.
fn offset_of(zone: &str) -> Option<String> {
    if zone == "Z" {
        return Some(zone.to_owned());
    }
    let digits: String = zone.chars().filter(|c| *c != ':').collect();
    let sign = digits.get(..1).filter(|sign| matches!(*sign, "+" | "-"))?;
    let hour = digits.get(1..3)?;
    let minute = digits
        .get(3..)
        .filter(|rest| !rest.is_empty())
        .unwrap_or("00");
    let all = hour.bytes().chain(minute.bytes());
    let well_formed = minute.len() == 2 && all.into_iter().all(|byte| byte.is_ascii_digit());
    well_formed.then(|| format!("{sign}{hour}:{minute}"))
}

/// The point in an element's `value`; marks the element when it is one.
pub fn point(element: &Element<'_, '_>) -> Option<Time> {
    let time = parse(element.peek("value")?)?;
    element.mark_read();
    Some(time)
}

/// The point or interval of a `TS` or `IVL_TS`.
pub fn when(element: &Element<'_, '_>) -> Option<When> {
    if let Some(time) = point(element) {
        return Some(When::At(time));
    }
    let bound = |name: &str| element.at(name).and_then(|bound| point(&bound));
    match (bound("low"), bound("high"), bound("center")) {
        (None, None, None) => None,
        (None, None, Some(center)) => Some(When::At(center)),
        (start, end, _) => Some(When::Between(start, end)),
    }
}

/// Writes a point as the member `name`.
pub fn put_time(map: &mut Map<String, Value>, name: &str, time: Option<&Time>) {
    let Some(time) = time else { return };
    map.insert(name.to_owned(), json!(time.fhir));
    if let Some(local) = &time.local {
        let extension = json!({"extension": [{"url": LOCAL_TIME, "valueString": local}]});
        map.insert(format!("_{name}"), extension);
    }
}

/// A Period.
pub fn period(start: Option<&Time>, end: Option<&Time>) -> Value {
    let mut map = Map::new();
    put_time(&mut map, "start", start);
    put_time(&mut map, "end", end);
    Value::Object(map)
}

/// Writes a point as `…DateTime`, an interval as `…Period`.
pub fn put_when(map: &mut Map<String, Value>, stem: &str, when: Option<&When>) {
    match when {
        None => (),
        Some(When::At(time)) => put_time(map, &format!("{stem}DateTime"), Some(time)),
        Some(When::Between(start, end)) => {
            map.insert(
                format!("{stem}Period"),
                period(start.as_ref(), end.as_ref()),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn is(text: &str, fhir: &str, local: Option<&str>) {
        let time = parse(text).unwrap();
        assert_eq!(
            (time.fhir.as_str(), time.local.as_deref()),
            (fhir, local),
            "{text}"
        );
    }

    #[test]
    fn precision_and_offset_stay_as_written() {
        is("2012", "2012", None);
        is("201208", "2012-08", None);
        is("20120806", "2012-08-06", None);
        is("20210401171000+0100", "2021-04-01T17:10:00+01:00", None);
        is("20210401171000.5-0330", "2021-04-01T17:10:00.5-03:30", None);
        is("202104011710Z", "2021-04-01T17:10:00Z", None);
        is("20210401171000+01:00", "2021-04-01T17:10:00+01:00", None);
        is("202104011710+02", "2021-04-01T17:10:00+02:00", None);
    }

    #[test]
    fn a_time_without_zone_is_kept_beside_its_day() {
        is("20210401171005", "2021-04-01", Some("2021-04-01T17:10:05"));
        is("202104011710", "2021-04-01", Some("2021-04-01T17:10"));
        is("2021040117", "2021-04-01", Some("2021-04-01T17"));
        is("2021040117+0100", "2021-04-01", Some("2021-04-01T17"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for wrong in [
            "",
            "20",
            "20211",
            "20211301",
            "2021-04-01",
            "hier",
            "20210401250000",
            "202104011710001",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn members_say_what_is_known() {
        let mut map = Map::new();
        put_when(
            &mut map,
            "effective",
            parse("20210401171005").map(When::At).as_ref(),
        );
        let local =
            json!({"extension": [{"url": LOCAL_TIME, "valueString": "2021-04-01T17:10:05"}]});
        assert_eq!(map.get("effectiveDateTime"), Some(&json!("2021-04-01")));
        assert_eq!(map.get("_effectiveDateTime"), Some(&local));
        put_when(
            &mut map,
            "performed",
            Some(&When::Between(None, parse("2020"))),
        );
        assert_eq!(map.get("performedPeriod"), Some(&json!({"end": "2020"})));
    }
}
