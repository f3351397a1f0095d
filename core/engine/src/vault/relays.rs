//! Several relays: each has cursors and acknowledgements of its own, and what came by one is given to the others.
//!
//! Invariant: a relay that fails keeps nobody from the others, and is not remembered in place of one that works.

use super::brake::Brake;
use super::open::Unlocked;
use super::sync::RELAY;
use super::{SyncReport, paths};
use crate::error::{Error, Result};
use crate::store::log;
use carnet_wire::Canonical;
use rusqlite::Connection;

/// Setting: the relays beside the first.
const OTHERS: &str = "relays";
/// Most relays of one vault: each is asked at every sync.
const MAX_RELAYS: usize = 8;

const NO_RELAY: Error = Error::NotFound("a relay: name one to sync with");
const ONE_FAILED: &str = "a relay could not be synced with: the others have everything";

/// The relays this vault syncs with, the first one first.
pub fn remembered(conn: &Connection) -> Result<Vec<String>> {
    let first = log::meta(conn, RELAY)?.and_then(|bytes| String::from_utf8(bytes).ok());
    let mut relays: Vec<String> = first.into_iter().collect();
    if let Some(others) = log::meta(conn, OTHERS)? {
        for other in Vec::<String>::from_canonical(&others)? {
            if !relays.contains(&other) {
                relays.push(other);
            }
        }
    }
    Ok(relays)
}

/// The local numbers of the relays that are remembered, as far as anything is kept of them.
pub fn numbers(conn: &Connection) -> Result<Vec<i64>> {
    let mut numbers = Vec::new();
    for url in remembered(conn)? {
        numbers.push(log::relay(conn, &url)?.number);
    }
    numbers.retain(|number| *number > 0);
    Ok(numbers)
}

/// Remembers these and no others.
pub fn remember(conn: &Connection, relays: &[String]) -> Result<()> {
    if let Some((first, others)) = relays.split_first() {
        log::set_meta(conn, RELAY, first.as_bytes())?;
        log::set_meta(conn, OTHERS, &others.to_vec().to_canonical())?;
    }
    Ok(())
}

/// Syncs with the relays named, or with those remembered. When one brought something, each is asked once more: it may
/// lack what came.
pub fn sync_all(
    open: &Unlocked,
    named: &[String],
    brake: &Brake<'_>,
    exchange: &dyn Fn(&str) -> Result<SyncReport>,
) -> Result<SyncReport> {
    let before = open.store.read(remembered)?;
    let relays = match named {
        [] => before.clone(),
        named => clean(named),
    };
    if relays.is_empty() {
        return Err(NO_RELAY);
    }
    if relays.len() > MAX_RELAYS {
        return Err(Error::TooLarge("relays: eight at most"));
    }
    let mut total = SyncReport {
        complete: true,
        ..SyncReport::default()
    };
    let mut serving = Vec::new();
    let mut failed = None;
    for url in &relays {
        match exchange(url) {
            Ok(report) => {
                add(&mut total, report);
                serving.push(url.clone());
            }
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    if serving.is_empty() {
        return Err(failed.unwrap_or(NO_RELAY));
    }
    if total.received > 0 && serving.len() > 1 {
        for url in &serving {
            if brake.check(total.sent + total.received)? {
                total.complete = false;
                break;
            }
            // It served a moment ago: should it fail now, the next sync goes on.
            match exchange(url) {
                Ok(report) => add(&mut total, report),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(_) => total.complete = false,
            }
        }
    }
    if failed.is_some() {
        total.complete = false;
        paths::notice(&mut total, ONE_FAILED);
    }
    keep(open, named, &relays, &serving, &before)?;
    Ok(total)
}

/// Remembers those that were named, but for new ones that did not serve: a mistyped address must not stay.
fn keep(
    open: &Unlocked,
    named: &[String],
    relays: &[String],
    serving: &[String],
    before: &[String],
) -> Result<()> {
    let known = |url: &&String| serving.contains(*url) || before.contains(*url);
    let now: Vec<String> = relays.iter().filter(known).cloned().collect();
    match named.is_empty() || now == before {
        true => Ok(()),
        false => open.write(|tx| remember(tx, &now)),
    }
}

fn clean(named: &[String]) -> Vec<String> {
    let mut relays = Vec::new();
    for url in named {
        let url = url.trim_end_matches('/').to_owned();
        if !relays.contains(&url) {
            relays.push(url);
        }
    }
    relays
}

fn add(total: &mut SyncReport, report: SyncReport) {
    total.sent += report.sent;
    total.received += report.received;
    total.stored += report.stored;
    total.quarantined = report.quarantined;
    total.bytes_sent += report.bytes_sent;
    total.bytes_received += report.bytes_received;
    total.round_trips += report.round_trips;
    total.complete &= report.complete;
    // What is open now stands in the last report; what one relay healed is not said by the next.
    total.findings.retain(|finding| finding.healed.is_some());
    total.findings.extend(report.findings);
    report
        .notices
        .into_iter()
        .for_each(|word| paths::notice(total, word));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sync_tests::{FakeRelay, Phone};
    use super::*;
    use std::cell::RefCell;

    const A: &str = "https://a.test";
    const B: &str = "https://b.test";

    fn urls(urls: &[&str]) -> Vec<String> {
        urls.iter().map(|url| (*url).to_owned()).collect()
    }

    /// Syncs with relays of which `down` do not answer; returns which were asked.
    fn sync(
        phone: &Phone,
        named: &[&str],
        down: &[&str],
        received: u64,
    ) -> (Vec<String>, Result<SyncReport>) {
        let asked = RefCell::new(Vec::new());
        let open = phone.vault.unlocked().unwrap();
        let outcome = sync_all(&open, &urls(named), &Brake::new(None, None), &|url| {
            asked.borrow_mut().push(url.to_owned());
            match down.contains(&url) {
                true => Err(Error::Offline),
                false => Ok(SyncReport {
                    received: if asked.borrow().len() == 1 {
                        received
                    } else {
                        0
                    },
                    complete: true,
                    round_trips: 1,
                    ..SyncReport::default()
                }),
            }
        });
        (asked.into_inner(), outcome)
    }

    #[test]
    fn relays_named_are_remembered_in_place_of_those_before() {
        let phone = Phone::found(&FakeRelay::new());
        assert!(matches!(
            sync(&phone, &[], &[], 0).1,
            Err(Error::NotFound(_))
        ));
        let (asked, report) = sync(&phone, &[A, "https://b.test/", A], &[], 0);
        assert_eq!(asked, [A, B]);
        assert_eq!(report.unwrap().round_trips, 2);
        assert_eq!(phone.vault.relays().unwrap(), [A, B]);
        assert_eq!(phone.vault.relay().unwrap().as_deref(), Some(A));
        let before = phone.bytes();
        assert_eq!(sync(&phone, &[], &[], 0).0, [A, B]);
        assert!(before == phone.bytes(), "nothing to do wrote");
        sync(&phone, &[B], &[], 0).1.unwrap();
        assert_eq!(phone.vault.relays().unwrap(), [B]);
        let many: Vec<String> = (0..9).map(|at| format!("https://{at}.test")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(matches!(
            sync(&phone, &many, &[], 0).1,
            Err(Error::TooLarge(_))
        ));
    }

    #[test]
    fn one_that_fails_keeps_nobody_from_the_others_and_a_mistyped_one_does_not_stay() {
        let phone = Phone::found(&FakeRelay::new());
        let (_, report) = sync(&phone, &[A, B], &[B], 0);
        let report = report.unwrap();
        assert!(!report.complete && report.notices == [ONE_FAILED]);
        assert_eq!(phone.vault.relays().unwrap(), [A]);
        sync(&phone, &[A, B], &[], 0).1.unwrap();
        // One that served before is not forgotten for being down.
        sync(&phone, &[A, B], &[A], 0).1.unwrap();
        assert_eq!(phone.vault.relays().unwrap(), [A, B]);
        assert!(matches!(
            sync(&phone, &["https://typo.test"], &["https://typo.test"], 0).1,
            Err(Error::Offline)
        ));
        assert_eq!(phone.vault.relays().unwrap(), [A, B]);
    }

    #[test]
    fn what_one_brought_the_others_are_asked_about_once_more() {
        let phone = Phone::found(&FakeRelay::new());
        assert_eq!(sync(&phone, &[A, B], &[], 3).0, [A, B, A, B]);
        assert_eq!(sync(&phone, &[A], &[], 3).0, [A]);
    }
}
