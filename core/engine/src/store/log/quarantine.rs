//! Quarantine: envelopes that could not be merged yet. Never skipped, never dropped; retried when keys, rosters or chains
//! advance (INV-8).

use super::read_author;
use crate::error::{Error, Result};
use carnet_wire::{Author, EnvelopeId, MailboxId};
use rusqlite::{Connection, params};

/// Most bytes the quarantine may hold: a relay that invents envelopes cannot fill the disk.
pub const MAX_QUARANTINE_BYTES: u64 = 256 << 20;

/// Why an envelope could not be merged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldFor {
    /// It does not open, or is of a version or suite this build does not know.
    Unopenable,
    /// Its kind or content is newer than this build.
    Unknown,
    /// Its author is not, or not yet, a member who may write there.
    Unauthorised,
    /// An earlier change of its author has not arrived.
    Gap,
    /// Its author wrote another change at the same place.
    Fork,
    /// Its content breaks a rule or limit.
    Refused,
    /// Its author had lost the right to write without knowing: an owner may adopt it.
    Beyond,
}

impl HeldFor {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Unopenable,
        Self::Unknown,
        Self::Unauthorised,
        Self::Gap,
        Self::Fork,
        Self::Refused,
        Self::Beyond,
    ];

    /// The stable word for reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unopenable => "unopenable",
            Self::Unknown => "unknown",
            Self::Unauthorised => "unauthorised",
            Self::Gap => "gap",
            Self::Fork => "fork",
            Self::Refused => "refused",
            Self::Beyond => "beyond",
        }
    }

    fn number(self) -> i64 {
        Self::ALL
            .iter()
            .position(|reason| *reason == self)
            .map_or(0, |at| at as i64)
    }

    fn from_number(number: i64) -> Self {
        usize::try_from(number)
            .ok()
            .and_then(|at| Self::ALL.get(at).copied())
            .unwrap_or(Self::Unknown)
    }
}

/// An envelope in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Its id.
    pub envelope: EnvelopeId,
    /// The mailbox it came from.
    pub mailbox: MailboxId,
    /// Why.
    pub reason: HeldFor,
}

/// Where a change belongs: which log, whose chain, which number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which log.
    pub log: i64,
    /// Whose chain.
    pub author: Author,
    /// Which number.
    pub seq: u64,
}

/// Puts an envelope in quarantine, or updates the reason of one that is there. `place` is known where it could be opened.
pub fn hold(
    conn: &Connection,
    mailbox: MailboxId,
    bytes: &[u8],
    reason: HeldFor,
    place: Option<&Place>,
) -> Result<()> {
    let envelope = EnvelopeId::derive(bytes);
    // A number beyond what a database holds is of a chain that never was: it is kept without its place.
    let place = place.filter(|place| i64::try_from(place.seq).is_ok());
    let log = place.map(|place| place.log);
    let device = place.map(|place| place.author.device.0);
    let incarnation = place.map(|place| place.author.incarnation.0);
    let seq = place.map(|place| place.seq);
    // Before the limit: what is there already takes no more room, and must be able to wait on in a full quarantine.
    let there = conn
        .prepare_cached(
            "UPDATE quarantine SET reason = ?2, log = ?3, device = ?4, incarnation = ?5, seq = ?6 WHERE envelope = ?1",
        )?
        .execute(params![
            envelope.as_ref(),
            reason.number(),
            log,
            device,
            incarnation,
            seq
        ])?;
    if there > 0 {
        return Ok(());
    }
    let held: u64 = conn
        .prepare_cached("SELECT bytes FROM quarantine_size")?
        .query_row([], |row| row.get(0))?;
    if held + bytes.len() as u64 > MAX_QUARANTINE_BYTES {
        return Err(Error::TooLarge(
            "the quarantine is full: this relay sends what no device of this record wrote",
        ));
    }
    conn.prepare_cached("INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            envelope.as_ref(),
            mailbox.as_ref(),
            reason.number(),
            bytes,
            log,
            device,
            incarnation,
            seq
        ])?;
    Ok(())
}

/// The places of what is held for a log, sorted, none twice: what is here and waits.
pub fn held_places(conn: &Connection, log: i64) -> Result<Vec<Place>> {
    let mut query = conn.prepare_cached(
        "SELECT DISTINCT device, incarnation, seq FROM quarantine WHERE log = ?1 AND seq IS NOT NULL",
    )?;
    let rows = query.query_map([log], |row| {
        Ok(Place {
            log,
            author: read_author(row, 0)?,
            seq: row.get(2)?,
        })
    })?;
    let mut places = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    places.sort_unstable();
    Ok(places)
}

/// How many envelopes of each mailbox are held, by reason.
pub fn held_by_mailbox(conn: &Connection) -> Result<Vec<(MailboxId, HeldFor, u64)>> {
    let mut query = conn.prepare_cached(
        "SELECT mailbox, reason, count(*) FROM quarantine GROUP BY mailbox, reason ORDER BY mailbox, reason",
    )?;
    let rows = query.query_map([], |row| {
        Ok((
            MailboxId(row.get(0)?),
            HeldFor::from_number(row.get(1)?),
            row.get(2)?,
        ))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether an envelope is in quarantine.
pub fn is_held(conn: &Connection, envelope: EnvelopeId) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM quarantine WHERE envelope = ?1")?
        .exists([envelope.as_ref()])?)
}

/// Whether an envelope of a mailbox waits for an earlier change.
pub fn has_gap(conn: &Connection, mailbox: MailboxId) -> Result<bool> {
    Ok(conn
        .prepare_cached("SELECT 1 FROM quarantine WHERE mailbox = ?1 AND reason = ?2")?
        .exists(params![mailbox.as_ref(), HeldFor::Gap.number()])?)
}

/// The bytes of an envelope in quarantine.
pub fn held_bytes(conn: &Connection, envelope: EnvelopeId) -> Result<Vec<u8>> {
    Ok(conn
        .prepare_cached("SELECT bytes FROM quarantine WHERE envelope = ?1")?
        .query_row([envelope.as_ref()], |row| row.get(0))?)
}

/// Some of what waits for something (a key, a roster, an earlier change, a newer build) behind row `after`, with its row.
/// A fork or a refusal does not heal by itself.
pub fn waiting(conn: &Connection, after: i64, most: usize) -> Result<Vec<(i64, Held)>> {
    let mut query = conn.prepare_cached(
        "SELECT envelope, mailbox, reason, rowid FROM quarantine WHERE rowid > ?1 AND reason NOT IN (?2, ?3)
         ORDER BY rowid LIMIT ?4",
    )?;
    let passed = [HeldFor::Fork.number(), HeldFor::Refused.number()];
    let rows = query.query_map(params![after, passed[0], passed[1], most as i64], |row| {
        let held = Held {
            envelope: EnvelopeId(row.get(0)?),
            mailbox: MailboxId(row.get(1)?),
            reason: HeldFor::from_number(row.get(2)?),
        };
        Ok((row.get(3)?, held))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The envelopes held for one reason, with their mailboxes.
pub fn held_for(conn: &Connection, reason: HeldFor) -> Result<Vec<(MailboxId, EnvelopeId)>> {
    let mut query = conn.prepare_cached(
        "SELECT mailbox, envelope FROM quarantine WHERE reason = ?1 ORDER BY rowid",
    )?;
    let rows = query.query_map([reason.number()], |row| {
        Ok((MailboxId(row.get(0)?), EnvelopeId(row.get(1)?)))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many envelopes are in quarantine, by reason.
pub fn held_counts(conn: &Connection) -> Result<Vec<(HeldFor, u64)>> {
    let mut query = conn.prepare_cached(
        "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason",
    )?;
    let rows = query.query_map([], |row| {
        Ok((HeldFor::from_number(row.get(0)?), row.get(1)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes an envelope out of quarantine.
pub fn release(conn: &Connection, envelope: EnvelopeId) -> Result<()> {
    conn.execute(
        "DELETE FROM quarantine WHERE envelope = ?1",
        [envelope.as_ref()],
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::{author, database};
    use super::*;

    const BOX: MailboxId = MailboxId([4; 32]);

    #[test]
    fn what_is_held_keeps_its_place_and_takes_a_new_reason() {
        let conn = database();
        hold(&conn, BOX, b"one", HeldFor::Gap, None).unwrap();
        hold(&conn, BOX, b"two", HeldFor::Fork, None).unwrap();
        hold(&conn, BOX, b"one", HeldFor::Refused, None).unwrap();
        hold(&conn, BOX, b"three", HeldFor::Unauthorised, None).unwrap();
        hold(&conn, BOX, b"four", HeldFor::Unopenable, None).unwrap();
        assert_eq!(
            held_counts(&conn).unwrap()[1..],
            [
                (HeldFor::Unauthorised, 1),
                (HeldFor::Fork, 1),
                (HeldFor::Refused, 1)
            ]
        );
        assert!(!has_gap(&conn, BOX).unwrap());
        // Neither a fork nor a refusal waits for anything.
        let held = waiting(&conn, 0, 9).unwrap();
        assert_eq!(
            held.iter().map(|(_, held)| held.reason).collect::<Vec<_>>(),
            [HeldFor::Unauthorised, HeldFor::Unopenable]
        );
        let (row, first) = held[0];
        assert_eq!(held_bytes(&conn, first.envelope).unwrap(), b"three");
        assert_eq!(waiting(&conn, 0, 1).unwrap(), held[..1]);
        assert_eq!(waiting(&conn, row, 9).unwrap(), held[1..]);
        release(&conn, first.envelope).unwrap();
        assert_eq!(waiting(&conn, 0, 9).unwrap(), held[1..]);
    }

    #[test]
    fn what_could_be_opened_is_known_by_its_place() {
        let conn = database();
        let log = crate::store::log::ensure_log(
            &conn,
            carnet_wire::RecordId([1; 32]),
            carnet_wire::CompartmentId([2; 16]),
            "general",
        )
        .unwrap();
        let place = |seq| Place {
            log,
            author: author(7),
            seq,
        };
        hold(&conn, BOX, b"a", HeldFor::Gap, Some(&place(9))).unwrap();
        hold(&conn, BOX, b"b", HeldFor::Gap, Some(&place(4))).unwrap();
        // Sealed twice by two holders: one place.
        hold(&conn, BOX, b"c", HeldFor::Gap, Some(&place(4))).unwrap();
        hold(&conn, BOX, b"d", HeldFor::Unopenable, None).unwrap();
        hold(&conn, BOX, b"e", HeldFor::Gap, Some(&place(u64::MAX))).unwrap();
        assert_eq!(held_places(&conn, log).unwrap(), [place(4), place(9)]);
        assert_eq!(
            held_by_mailbox(&conn).unwrap(),
            [(BOX, HeldFor::Unopenable, 1), (BOX, HeldFor::Gap, 4)]
        );
    }

    #[test]
    fn every_reason_survives_the_database() {
        let conn = database();
        for (at, reason) in HeldFor::ALL.into_iter().enumerate() {
            hold(&conn, BOX, &[at as u8], reason, None).unwrap();
        }
        let counts = held_counts(&conn).unwrap();
        assert_eq!(counts, HeldFor::ALL.map(|reason| (reason, 1)));
    }

    /// The limit is compared with a number that is kept: summing up what is there made 16,000 invented envelopes cost 25 s.
    #[test]
    fn the_size_is_known_without_looking_at_all() {
        let conn = database();
        let size = || -> (u64, u64) {
            conn.query_row(
                "SELECT bytes, (SELECT coalesce(sum(length(bytes)), 0) FROM quarantine) FROM quarantine_size",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .unwrap()
        };
        assert_eq!(size(), (0, 0));
        hold(&conn, BOX, b"one", HeldFor::Gap, None).unwrap();
        hold(&conn, BOX, b"one", HeldFor::Fork, None).unwrap();
        hold(&conn, BOX, b"three", HeldFor::Gap, None).unwrap();
        assert_eq!(size(), (8, 8));
        release(&conn, EnvelopeId::derive(b"one")).unwrap();
        release(&conn, EnvelopeId::derive(b"two")).unwrap();
        assert_eq!(size(), (5, 5));
    }
}
