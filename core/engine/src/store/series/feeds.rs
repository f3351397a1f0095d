//! Feeds: what each stream of a platform (a type of HealthKit, Health Connect, a meter) has read, on this device.
//!
//! Rule: a window that could not be read stays in `unread`, with the reason and since when, until a read covers it. A token moves in
//! the transaction that keeps what it stands for. When a token dies the window from where it had `reached` is unread, and the
//! next read goes by time.

use crate::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};
use std::ops::Range;

/// Longest name of a feed, in bytes.
const MAX_NAME: usize = 256;
/// Longest token of a platform.
const MAX_TOKEN: usize = 1 << 20;
/// Most windows of one feed that wait; the oldest two become one beyond that, so nothing is lost.
const MAX_UNREAD: usize = 1_000;

/// Why a window could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The phone was locked.
    Locked,
    /// The platform allowed no more reads for now.
    Quota,
    /// The platform's token had expired, so what changed since is not known.
    TokenExpired,
    /// The system stopped the app.
    Interrupted,
    /// The person has not allowed it, or not any more.
    NotAllowed,
    /// The device was out of reach.
    Unreachable,
}

impl Reason {
    /// All, in the order of their numbers in the database.
    pub const ALL: [Self; 6] = [
        Self::Locked,
        Self::Quota,
        Self::TokenExpired,
        Self::Interrupted,
        Self::NotAllowed,
        Self::Unreachable,
    ];
}

/// A window that waits to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Of which time, milliseconds since 1970 UTC.
    pub window: Range<i64>,
    /// Why it was not read: what was said first.
    pub reason: Reason,
    /// Since when it waits, by this device's clock.
    pub since: i64,
}

/// A feed and what it has to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    /// Its name, chosen by the app: the platform and the type.
    pub name: String,
    /// Whether a token says where to go on. Without one the next read goes by time.
    pub has_token: bool,
    /// Up to when it has read; none before the first.
    pub reached: Option<i64>,
    /// When it last read something, by this device's clock.
    pub at: i64,
    /// What waits, the oldest first.
    pub unread: Vec<Unread>,
}

fn number(connection: &Connection, log: i64, name: &str, now: i64) -> Result<i64> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "a feed needs a name of at most 256 bytes without control characters",
        ));
    }
    let mut insert = connection.prepare_cached(
        "INSERT INTO feed(log, name, at) VALUES(?1, ?2, ?3) \
         ON CONFLICT(log, name) DO UPDATE SET name = excluded.name RETURNING feed",
    )?;
    Ok(insert.query_row((log, name, now), |row| row.get(0))?)
}

/// The platform's token of a feed.
pub fn feed_token(connection: &Connection, log: i64, name: &str) -> Result<Option<Vec<u8>>> {
    let mut select =
        connection.prepare_cached("SELECT token FROM feed WHERE log = ?1 AND name = ?2")?;
    let found: Option<Option<Vec<u8>>> =
        select.query_row((log, name), |row| row.get(0)).optional()?;
    Ok(found.flatten())
}

/// Moves a feed's token and time of reading.
pub fn reach(
    connection: &Connection,
    log: i64,
    name: &str,
    token: Option<&[u8]>,
    now: i64,
) -> Result<()> {
    if token.is_some_and(|token| token.len() > MAX_TOKEN) {
        return Err(Error::TooLarge("a platform's token may have 1 MiB"));
    }
    let feed = number(connection, log, name, now)?;
    let mut update = connection
        .prepare_cached("UPDATE feed SET token = coalesce(?2, token), at = ?3 WHERE feed = ?1")?;
    update.execute((feed, token, now))?;
    Ok(())
}

/// Says that a window was read: what waited of it waits no more.
pub fn cover(
    connection: &Connection,
    log: i64,
    name: &str,
    window: &Range<i64>,
    now: i64,
) -> Result<()> {
    let feed = number(connection, log, name, now)?;
    let left: Vec<Unread> = unread(connection, feed)?
        .into_iter()
        .flat_map(|unread| cut(unread, window))
        .collect();
    put_unread(connection, feed, left)?;
    let mut update = connection.prepare_cached(
        "UPDATE feed SET reached = max(coalesce(reached, ?2), ?2) WHERE feed = ?1",
    )?;
    update.execute((feed, window.end))?;
    Ok(())
}

/// What is left of a window that waits.
fn cut(unread: Unread, read: &Range<i64>) -> Vec<Unread> {
    let Unread {
        window,
        reason,
        since,
    } = unread;
    let before = window.start..window.end.min(read.start);
    let after = window.start.max(read.end)..window.end;
    [before, after]
        .into_iter()
        .filter(|part| part.start < part.end)
        .map(|window| Unread {
            window,
            reason,
            since,
        })
        .collect()
}

/// Remembers a window that could not be read. With an expired token the window goes back to where the feed had reached, and
/// the token is forgotten.
pub fn note_unread(
    connection: &Connection,
    log: i64,
    name: &str,
    window: Range<i64>,
    reason: Reason,
    now: i64,
) -> Result<()> {
    if window.start > window.end {
        return Err(Error::Invalid("a window ends before it begins"));
    }
    let feed = number(connection, log, name, now)?;
    let mut window = window;
    if reason == Reason::TokenExpired {
        let mut select = connection.prepare_cached("SELECT reached FROM feed WHERE feed = ?1")?;
        let reached: Option<i64> = select.query_row([feed], |row| row.get(0))?;
        window.start = window.start.min(reached.unwrap_or(window.start));
        connection
            .prepare_cached("UPDATE feed SET token = NULL WHERE feed = ?1")?
            .execute([feed])?;
    }
    let mut waiting = unread(connection, feed)?;
    // What waits already keeps its reason and its age; only the rest is new.
    let mut fresh = vec![Unread {
        window,
        reason,
        since: now,
    }];
    for known in &waiting {
        fresh = fresh
            .into_iter()
            .flat_map(|unread| cut(unread, &known.window))
            .collect();
    }
    waiting.extend(fresh);
    put_unread(connection, feed, waiting)
}

fn unread(connection: &Connection, feed: i64) -> Result<Vec<Unread>> {
    let mut select = connection.prepare_cached(
        "SELECT first, last, reason, since FROM unread WHERE feed = ?1 ORDER BY first",
    )?;
    let rows = select.query_map([feed], |row| {
        let reason: usize = row.get(2)?;
        Ok(Unread {
            window: row.get(0)?..row.get(1)?,
            reason: Reason::ALL
                .get(reason)
                .copied()
                .unwrap_or(Reason::Interrupted),
            since: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn put_unread(connection: &Connection, feed: i64, mut waiting: Vec<Unread>) -> Result<()> {
    waiting.sort_by_key(|unread| unread.window.start);
    let mut joined: Vec<Unread> = Vec::new();
    let too_many = waiting.len().saturating_sub(MAX_UNREAD);
    for (at, next) in waiting.into_iter().enumerate() {
        match joined.last_mut() {
            Some(last)
                if at <= too_many && too_many > 0
                    || (last.reason == next.reason && last.window.end >= next.window.start) =>
            {
                last.window.end = last.window.end.max(next.window.end);
                last.since = last.since.min(next.since);
            }
            _ => joined.push(next),
        }
    }
    connection
        .prepare_cached("DELETE FROM unread WHERE feed = ?1")?
        .execute([feed])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO unread(feed, first, last, reason, since) VALUES(?1, ?2, ?3, ?4, ?5)",
    )?;
    for next in joined {
        let Unread { window, since, .. } = next;
        insert.execute((feed, window.start, window.end, next.reason as i64, since))?;
    }
    Ok(())
}

/// The feeds of a log and what they have to read.
pub fn feeds(connection: &Connection, log: i64) -> Result<Vec<Feed>> {
    let mut select = connection.prepare_cached(
        "SELECT feed, name, token IS NOT NULL, reached, at FROM feed WHERE log = ?1 ORDER BY name",
    )?;
    let rows = select.query_map([log], |row| {
        let feed = Feed {
            name: row.get(1)?,
            has_token: row.get(2)?,
            reached: row.get(3)?,
            at: row.get(4)?,
            unread: Vec::new(),
        };
        Ok((row.get(0)?, feed))
    })?;
    let mut found = Vec::new();
    for row in rows.collect::<rusqlite::Result<Vec<(i64, Feed)>>>()? {
        let (number, feed) = row;
        found.push(Feed {
            unread: unread(connection, number)?,
            ..feed
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::testing::{Room, log_of, of_texts, written};
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn with_feed(work: impl FnOnce(&Connection, i64)) {
        let room = Room::new();
        let change = written(1, 1, 1, of_texts(&[]));
        room.store
            .write(|tx| {
                work(tx, log_of(tx, &change));
                Ok(())
            })
            .unwrap();
    }

    fn waiting(connection: &Connection, log: i64) -> Vec<(i64, i64, Reason, i64)> {
        let feeds = feeds(connection, log).unwrap();
        let unread = feeds.iter().flat_map(|feed| &feed.unread);
        unread
            .map(|one| {
                (
                    one.window.start / HOUR,
                    one.window.end / HOUR,
                    one.reason,
                    one.since,
                )
            })
            .collect()
    }

    fn hours(from: i64, to: i64) -> Range<i64> {
        from * HOUR..to * HOUR
    }

    #[test]
    fn what_was_not_read_waits_until_it_is() {
        with_feed(|conn, log| {
            note_unread(conn, log, "steps", hours(1, 3), Reason::Locked, 100).unwrap();
            note_unread(conn, log, "steps", hours(2, 6), Reason::Quota, 200).unwrap();
            assert_eq!(
                waiting(conn, log),
                [(1, 3, Reason::Locked, 100), (3, 6, Reason::Quota, 200)]
            );
            cover(conn, log, "steps", &hours(2, 4), 300).unwrap();
            assert_eq!(
                waiting(conn, log),
                [(1, 2, Reason::Locked, 100), (4, 6, Reason::Quota, 200)]
            );
            cover(conn, log, "steps", &hours(0, 9), 400).unwrap();
            assert!(waiting(conn, log).is_empty());
            assert_eq!(feeds(conn, log).unwrap()[0].reached, Some(9 * HOUR));
        });
    }

    #[test]
    fn an_expired_token_opens_the_window_since_the_last_read() {
        with_feed(|conn, log| {
            reach(conn, log, "steps", Some(b"token"), 1).unwrap();
            cover(conn, log, "steps", &hours(0, 5), 1).unwrap();
            assert_eq!(feed_token(conn, log, "steps").unwrap().unwrap(), b"token");
            note_unread(conn, log, "steps", hours(40, 41), Reason::TokenExpired, 2).unwrap();
            assert_eq!(waiting(conn, log), [(5, 41, Reason::TokenExpired, 2)]);
            assert_eq!(feed_token(conn, log, "steps").unwrap(), None);
            assert!(!feeds(conn, log).unwrap()[0].has_token);
        });
    }

    #[test]
    fn a_read_without_a_new_token_keeps_the_old_one() {
        with_feed(|conn, log| {
            reach(conn, log, "steps", Some(b"one"), 1).unwrap();
            reach(conn, log, "steps", None, 2).unwrap();
            assert_eq!(feed_token(conn, log, "steps").unwrap().unwrap(), b"one");
            assert_eq!(feed_token(conn, log, "sleep").unwrap(), None);
            assert!(reach(conn, log, "a\nb", None, 2).is_err());
            assert!(reach(conn, log, "", None, 2).is_err());
        });
    }

    #[test]
    fn windows_beyond_the_limit_become_one_and_lose_nothing() {
        with_feed(|conn, log| {
            for at in 0..(MAX_UNREAD as i64 + 20) {
                note_unread(
                    conn,
                    log,
                    "steps",
                    hours(2 * at, 2 * at + 1),
                    Reason::Quota,
                    at,
                )
                .unwrap();
            }
            let waiting = waiting(conn, log);
            assert!(waiting.len() <= MAX_UNREAD);
            assert_eq!(waiting[0].0, 0);
            assert_eq!(waiting.last().unwrap().1, 2 * (MAX_UNREAD as i64 + 19) + 1);
        });
    }
}
