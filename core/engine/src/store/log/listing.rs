//! What each relay was seen to hold, as runs of numbers, and with it what this device has and a relay lacks.
//!
//! A run is noted when the relay lists a change or acknowledges one, in the transaction that moves the cursor. It says
//! nothing of who may read the change, and it is not a promise: a relay that is read again from the start is believed anew.

use super::{Place, ensure_author, read_author};
use crate::error::Result;
use carnet_wire::{Author, EnvelopeId, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// Numbers `first` to `last` of an author, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
}

/// Runs per author, joined where they touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs(BTreeMap<Author, Vec<Run>>);

impl Runs {
    /// Adds numbers `first` to `last` of an author.
    pub fn add(&mut self, author: Author, first: u64, last: u64) {
        let runs = self.0.entry(author).or_default();
        let mut joined = Run { first, last };
        let mut kept = Vec::with_capacity(runs.len() + 1);
        for run in runs.drain(..) {
            let apart = run.last < joined.first.saturating_sub(1)
                || run.first > joined.last.saturating_add(1);
            if apart {
                kept.push(run);
            } else {
                joined.first = joined.first.min(run.first);
                joined.last = joined.last.max(run.last);
            }
        }
        kept.push(joined);
        kept.sort_unstable();
        *runs = kept;
    }

    /// Every run, by author and number.
    pub fn iter(&self) -> impl Iterator<Item = (&Author, &Run)> {
        self.0
            .iter()
            .flat_map(|(author, runs)| runs.iter().map(move |run| (author, run)))
    }

    /// What is in `1..=upto` of an author and in none of the runs.
    pub fn missing(&self, author: &Author, upto: u64) -> Vec<Run> {
        let mut next = 1;
        let mut missing = Vec::new();
        for run in self.0.get(author).into_iter().flatten() {
            if run.first > upto {
                break;
            }
            if run.first > next {
                missing.push(Run {
                    first: next,
                    last: run.first - 1,
                });
            }
            if run.last >= upto {
                return missing;
            }
            next = next.max(run.last + 1);
        }
        if next <= upto {
            missing.push(Run {
                first: next,
                last: upto,
            });
        }
        missing
    }

    /// Whether a number of an author is in a run.
    pub fn holds(&self, author: &Author, seq: u64) -> bool {
        let mut runs = self.0.get(author).into_iter().flatten();
        runs.any(|run| (run.first..=run.last).contains(&seq))
    }

    /// The first number of an author, from 1, that is in no run.
    pub fn first_missing(&self, author: &Author) -> u64 {
        let first = self.0.get(author).and_then(|runs| runs.first());
        let first = first.filter(|run| run.first <= 1);
        first.map_or(1, |run| run.last.saturating_add(1))
    }

    /// Adds everything that is in `other`.
    pub fn extend(&mut self, other: &Self) {
        for (author, run) in other.iter() {
            self.add(*author, run.first, run.last);
        }
    }

    /// The runs that are here and not in `other`.
    fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (Author, Run)> + 'a {
        self.iter().flat_map(move |(author, run)| {
            let missing = other.missing(author, run.last).into_iter();
            let inside = missing.filter(move |missing| missing.last >= run.first);
            inside.map(move |missing| {
                let first = missing.first.max(run.first);
                let last = missing.last;
                (*author, Run { first, last })
            })
        })
    }

    /// How many numbers are here and not in `other`.
    pub fn beyond(&self, other: &Self) -> u64 {
        self.without(other)
            .map(|(_, run)| run.last - run.first + 1)
            .sum()
    }

    /// Adds to `to` what is here and not in `other`.
    pub fn add_beyond(&self, other: &Self, to: &mut Self) {
        for (author, run) in self.without(other) {
            to.add(author, run.first, run.last);
        }
    }
}

/// Notes that a relay lists changes in a mailbox. What is known already is not written again.
pub fn list(conn: &Connection, relay: i64, mailbox: MailboxId, runs: &Runs) -> Result<()> {
    for (author, run) in runs.iter() {
        let author = ensure_author(conn, author)?;
        list_run(conn, relay, mailbox, author, *run)?;
    }
    Ok(())
}

fn list_run(
    conn: &Connection,
    relay: i64,
    mailbox: MailboxId,
    author: i64,
    run: Run,
) -> Result<()> {
    let (mut first, mut last) = (run.first, run.last);
    let near = {
        let mut query = conn.prepare_cached(
            "SELECT first, last FROM listed
             WHERE relay = ?1 AND mailbox = ?2 AND author = ?3 AND first <= ?5 + 1 AND last >= ?4 - 1",
        )?;
        let rows = query.query_map(
            params![relay, mailbox.as_ref(), author, first, last],
            |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)),
        )?;
        rows.collect::<rusqlite::Result<Vec<_>>>()?
    };
    if near.iter().any(|near| near.0 <= first && last <= near.1) {
        return Ok(());
    }
    for near in near {
        conn.prepare_cached(
            "DELETE FROM listed WHERE relay = ?1 AND mailbox = ?2 AND author = ?3 AND first = ?4",
        )?
        .execute(params![relay, mailbox.as_ref(), author, near.0])?;
        (first, last) = (first.min(near.0), last.max(near.1));
    }
    conn.prepare_cached("INSERT INTO listed VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![relay, mailbox.as_ref(), author, first, last])?;
    Ok(())
}

/// What a relay was seen to hold in one mailbox.
pub fn listed_in(conn: &Connection, relay: i64, mailbox: MailboxId) -> Result<Runs> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, first, last FROM listed JOIN author USING (author)
         WHERE relay = ?1 AND mailbox = ?2",
    )?;
    collect(query.query(params![relay, mailbox.as_ref()])?)
}

/// What a relay was seen to hold of a log, whatever the mailbox.
pub fn listed(conn: &Connection, relay: i64, log: i64) -> Result<Runs> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, first, last FROM listed JOIN author USING (author)
         WHERE relay = ?1 AND mailbox IN (SELECT mailbox FROM epoch WHERE log = ?2)",
    )?;
    collect(query.query(params![relay, log])?)
}

fn collect(mut rows: rusqlite::Rows<'_>) -> Result<Runs> {
    let mut runs = Runs::default();
    while let Some(row) = rows.next()? {
        runs.add(read_author(row, 0)?, row.get(2)?, row.get(3)?);
    }
    Ok(runs)
}

/// Forgets what a mailbox was seen to hold, for what a reading from its start has just shown.
pub fn list_anew(conn: &Connection, relay: i64, mailbox: MailboxId, runs: &Runs) -> Result<()> {
    conn.execute(
        "DELETE FROM listed WHERE relay = ?1 AND mailbox = ?2",
        params![relay, mailbox.as_ref()],
    )?;
    list(conn, relay, mailbox, runs)
}

/// The place of the change an envelope of this device carries, if it sealed it.
pub fn own_place(conn: &Connection, envelope: EnvelopeId) -> Result<Option<Place>> {
    place(conn, "outbox.envelope = ?1", envelope.as_ref())
}

/// The place of the change in a row of the outbox.
pub fn outbox_place(conn: &Connection, outbox: i64) -> Result<Option<Place>> {
    place(conn, "outbox.outbox = ?1", outbox)
}

fn place(conn: &Connection, which: &str, value: impl rusqlite::ToSql) -> Result<Option<Place>> {
    let mut query = conn.prepare_cached(&format!(
        "SELECT device, incarnation, log, seq FROM outbox JOIN change USING (change) JOIN author USING (author)
         WHERE {which}"
    ))?;
    let found = query.query_row([value], |row| {
        Ok(Place {
            author: read_author(row, 0)?,
            log: row.get(2)?,
            seq: row.get(3)?,
        })
    });
    Ok(found.optional()?)
}

/// The envelope this device sealed a change into, if it still keeps it.
pub fn own_envelope(conn: &Connection, change: i64) -> Result<Option<(MailboxId, Vec<u8>)>> {
    let mut query = conn.prepare_cached(
        "SELECT mailbox, bytes FROM outbox WHERE change = ?1 ORDER BY outbox DESC",
    )?;
    let found = query.query_row([change], |row| Ok((MailboxId(row.get(0)?), row.get(1)?)));
    Ok(found.optional()?)
}

/// A change and its place, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Local number.
    pub change: i64,
    /// Where it belongs.
    pub place: Place,
}

/// The changes of a run of an author that are kept whole, at most `most`.
pub fn kept(
    conn: &Connection,
    log: i64,
    author: &Author,
    run: Run,
    most: usize,
) -> Result<Vec<Kept>> {
    let mut query = conn.prepare_cached(
        "SELECT change, seq FROM change JOIN author USING (author)
         WHERE log = ?1 AND device = ?2 AND incarnation = ?3 AND seq BETWEEN ?4 AND ?5 AND length(header) > 0
         ORDER BY seq LIMIT ?6",
    )?;
    let rows = query.query_map(
        params![
            log,
            author.device.as_ref(),
            author.incarnation.as_ref(),
            run.first,
            run.last,
            most as i64
        ],
        |row| {
            Ok(Kept {
                change: row.get(0)?,
                place: Place {
                    log,
                    author: *author,
                    seq: row.get(1)?,
                },
            })
        },
    )?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The last reading of a mailbox from its start for a suspicion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audit {
    /// What was suspected.
    pub suspicion: [u8; 32],
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// How often for this suspicion.
    pub times: u32,
}

/// The last reading of a mailbox for a suspicion.
pub fn audited(conn: &Connection, relay: i64, mailbox: MailboxId) -> Result<Option<Audit>> {
    let mut query = conn.prepare_cached(
        "SELECT suspicion, at, times FROM audited WHERE relay = ?1 AND mailbox = ?2",
    )?;
    let found = query.query_row(params![relay, mailbox.as_ref()], |row| {
        Ok(Audit {
            suspicion: row.get(0)?,
            at: row.get(1)?,
            times: row.get(2)?,
        })
    });
    Ok(found.optional()?)
}

/// Notes that a mailbox was read again for a suspicion.
pub fn set_audited(
    conn: &Connection,
    relay: i64,
    mailbox: MailboxId,
    suspicion: &[u8; 32],
    now: i64,
) -> Result<()> {
    conn.execute(
        "INSERT INTO audited VALUES (?1, ?2, ?3, ?4, 1) ON CONFLICT DO UPDATE SET
           times = CASE suspicion WHEN excluded.suspicion THEN times + 1 ELSE 1 END,
           suspicion = excluded.suspicion, at = excluded.at",
        params![relay, mailbox.as_ref(), suspicion, now],
    )?;
    Ok(())
}

/// How far an author's changes were sent again to a relay for somebody who lacks them.
pub fn resent(conn: &Connection, relay: i64, log: i64, author: &Author) -> Result<u64> {
    let mut query = conn.prepare_cached(
        "SELECT last FROM resent JOIN author USING (author)
         WHERE relay = ?1 AND log = ?2 AND device = ?3 AND incarnation = ?4",
    )?;
    let found = query.query_row(
        params![
            relay,
            log,
            author.device.as_ref(),
            author.incarnation.as_ref()
        ],
        |row| row.get(0),
    );
    Ok(found.optional()?.unwrap_or(0))
}

/// Notes that an author's changes up to `last` were sent again.
pub fn set_resent(conn: &Connection, relay: i64, place: &Place) -> Result<()> {
    let author = ensure_author(conn, &place.author)?;
    conn.execute(
        "INSERT INTO resent VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET last = max(last, excluded.last)",
        params![relay, place.log, author, place.seq],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{author, change, database};
    use super::super::{Place, enqueue, ensure_log, ensure_relay};
    use super::*;
    use carnet_wire::{ChangeId, CompartmentId, RecordId};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const BOX: MailboxId = MailboxId([4; 32]);

    fn run(first: u64, last: u64) -> Run {
        Run { first, last }
    }

    #[test]
    fn what_a_relay_lacks_is_what_is_in_no_run() {
        let mut runs = Runs::default();
        assert_eq!(runs.missing(&author(1), 3), [run(1, 3)]);
        assert_eq!(runs.missing(&author(1), 0), []);
        runs.add(author(1), 2, 3);
        runs.add(author(1), 6, 6);
        assert_eq!(
            runs.missing(&author(1), 8),
            [run(1, 1), run(4, 5), run(7, 8)]
        );
        assert_eq!(runs.missing(&author(1), 5), [run(1, 1), run(4, 5)]);
        runs.add(author(1), 1, u64::MAX);
        assert_eq!(runs.missing(&author(1), u64::MAX), []);
        assert_eq!(runs.iter().count(), 1);
    }

    #[test]
    fn a_change_this_device_sealed_is_found_by_its_envelope_and_its_row() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        change(&conn, log, 7, 1, ChangeId([0; 32]), 1).unwrap();
        enqueue(&conn, 1, BOX, b"sealed").unwrap();
        let place = Place {
            log,
            author: author(7),
            seq: 1,
        };
        assert_eq!(
            own_place(&conn, EnvelopeId::derive(b"sealed")).unwrap(),
            Some(place)
        );
        assert_eq!(outbox_place(&conn, 1).unwrap(), Some(place));
        assert_eq!(outbox_place(&conn, 2).unwrap(), None);
        let sealed = own_envelope(&conn, 1).unwrap().unwrap();
        assert_eq!(sealed, (BOX, b"sealed".to_vec()));
        let kept = kept(&conn, log, &author(7), run(1, 9), 5).unwrap();
        assert_eq!(kept[0].place, place);
        conn.execute("UPDATE change SET header = x''", []).unwrap();
        assert!(
            super::kept(&conn, log, &author(7), run(1, 9), 5)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_reading_from_the_start_replaces_what_was_believed() {
        let conn = database();
        let relay = ensure_relay(&conn, "r").unwrap().number;
        let mut before = Runs::default();
        before.add(author(1), 1, 9);
        list(&conn, relay, BOX, &before).unwrap();
        let mut after = Runs::default();
        after.add(author(1), 1, 4);
        assert_eq!((before.beyond(&after), after.beyond(&before)), (5, 0));
        let mut more = after.clone();
        before.add_beyond(&after, &mut more);
        assert_eq!(more, before);
        list_anew(&conn, relay, BOX, &after).unwrap();
        assert_eq!(listed_in(&conn, relay, BOX).unwrap(), after);
    }

    #[test]
    fn suspicions_and_what_was_sent_again_are_remembered() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        let relay = ensure_relay(&conn, "r").unwrap().number;
        assert_eq!(audited(&conn, relay, BOX).unwrap(), None);
        for (suspicion, at, times) in [(1, 5, 1), (2, 6, 1), (2, 7, 2)] {
            let suspicion = [suspicion; 32];
            set_audited(&conn, relay, BOX, &suspicion, at).unwrap();
            let audit = Audit {
                suspicion,
                at,
                times,
            };
            assert_eq!(audited(&conn, relay, BOX).unwrap(), Some(audit));
        }
        for seq in [3, 2] {
            let author = author(1);
            set_resent(&conn, relay, &Place { log, author, seq }).unwrap();
        }
        assert_eq!(resent(&conn, relay, log, &author(1)).unwrap(), 3);
        assert_eq!(resent(&conn, relay, log, &author(2)).unwrap(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the order, the rows hold exactly the numbers that were noted, in as few runs as there can be.
        #[test]
        fn runs_are_the_set_of_their_numbers(adds in prop::collection::vec((1_u64..40, 0_u64..6), 0..30)) {
            let conn = database();
            let relay = ensure_relay(&conn, "r").unwrap().number;
            let (mut numbers, mut runs) = (BTreeSet::new(), Runs::default());
            for (first, more) in adds {
                numbers.extend(first..=first + more);
                runs.add(author(1), first, first + more);
                let mut one = Runs::default();
                one.add(author(1), first, first + more);
                list(&conn, relay, BOX, &one).unwrap();
            }
            let found: BTreeSet<u64> = runs.iter().flat_map(|(_, run)| run.first..=run.last).collect();
            prop_assert_eq!(&found, &numbers);
            prop_assert_eq!(&listed_in(&conn, relay, BOX).unwrap(), &runs);
            let ends = numbers.iter().filter(|number| !numbers.contains(&(*number + 1))).count();
            prop_assert_eq!(runs.iter().count(), ends);
            let rows: usize = conn.query_row("SELECT count(*) FROM listed", [], |row| row.get(0)).unwrap();
            prop_assert_eq!(rows, ends);
            let missing: u64 = runs.missing(&author(1), 50).iter().map(|run| run.last - run.first + 1).sum();
            prop_assert_eq!(missing, 50 - numbers.len() as u64);
        }
    }
}
