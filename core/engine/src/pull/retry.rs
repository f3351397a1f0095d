//! When a busy or failing server may be asked again.
//!
//! It says so itself (`Retry-After`, in seconds or as an HTTP date), or the waits double from one second. A wait of more than
//! [`LONGEST_WAIT`] is not waited for: the run stops there and goes on another time. Who waits adds some chance, so that
//! the phones a server turned away do not come back together.

use crate::host::HttpResponse;
use std::time::{Duration, UNIX_EPOCH};

/// The longest pause inside a run.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest pause that a server is granted at all.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 3_600);
/// How often one request is tried.
pub const TRIES: u32 = 6;

/// How long to wait after the `tries`-th failure.
pub fn pause(response: Option<&HttpResponse>, tries: u32, now: i64) -> Duration {
    let asked = response
        .and_then(|response| response.header("retry-after"))
        .and_then(|value| retry_after(value, now));
    let doubling = Duration::from_secs(1 << tries.saturating_sub(1).min(6));
    asked.unwrap_or(doubling).min(LONGEST_PAUSE)
}

/// Reads `Retry-After` at `now` (milliseconds since 1970).
fn retry_after(value: &str, now: i64) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = millis(value)?;
    Some(Duration::from_millis(
        u64::try_from(until.saturating_sub(now)).unwrap_or(0),
    ))
}

/// Reads an HTTP date, as milliseconds since 1970.
pub fn millis(date: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(date.trim()).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn after(value: &str, now: i64) -> Duration {
        let response = HttpResponse {
            headers: vec![("retry-after".to_owned(), value.to_owned())],
            ..HttpResponse::default()
        };
        pause(Some(&response), 1, now)
    }

    #[test]
    fn the_server_says_how_long_in_seconds_or_by_date() {
        assert_eq!(after("120", 0), Duration::from_secs(120));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let at = 784_111_777_000;
        assert_eq!(millis(date), Some(at));
        assert_eq!(after(date, at - 5_000), Duration::from_secs(5));
        assert_eq!(after(date, at + 5_000), Duration::ZERO);
    }

    #[test]
    fn nonsense_is_the_same_as_nothing_and_no_server_is_granted_more_than_a_day() {
        for nonsense in ["", "soon", "-5", "1.5", "99999999999999999999999", "é"] {
            assert_eq!(after(nonsense, 0), Duration::from_secs(1), "{nonsense}");
        }
        assert_eq!(after("18446744073709551615", 0), LONGEST_PAUSE);
        assert_eq!(after("Fri, 31 Dec 9999 23:59:59 GMT", 0), LONGEST_PAUSE);
    }

    #[test]
    fn without_a_word_the_waits_double() {
        let waits: Vec<u64> = (1..=4)
            .map(|tries| pause(None, tries, 0).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8]);
        assert_eq!(pause(None, u32::MAX, 0), Duration::from_secs(64));
    }
}
