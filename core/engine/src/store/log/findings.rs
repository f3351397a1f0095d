//! Findings: what was found wrong with what came, since when, and when it was healed. Rows; the vault decides what is
//! found and when it is healed.
//!
//! Of one kind and subject one finding is open at most. A healed one stays to be looked up, [`MAX_HEALED`] of them.

use crate::error::Result;
use carnet_wire::{Author, CompartmentId, DeviceId, Incarnation, RecordId, Seen};
use rusqlite::{Connection, OptionalExtension, Row, params};

/// Healed findings that are kept: a relay that misbehaves with every sync must not fill the disk.
pub const MAX_HEALED: u64 = 200;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Later changes of a device are here, earlier ones are not.
    Gap,
    /// Another device has seen changes of a device that are not here.
    Omission,
    /// The device that brought this one in had seen changes that the relay does not give.
    BelowFloor,
    /// A device signed two histories.
    Fork,
    /// The relay no longer has what it had, and does not say so.
    RelayRolledBack,
    /// The relay was put back from a backup, and says so.
    RelayRestored,
    /// The relay says that there is more and does not give it.
    Withheld,
    /// Envelopes that do not open lie in a mailbox.
    Unreadable,
    /// This device was put back to an earlier state.
    DeviceRestored,
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know; nothing to do.
    Notice,
    /// Something is missing.
    Warning,
    /// Somebody or something does not tell the truth.
    Alarm,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Gap,
        Self::Omission,
        Self::BelowFloor,
        Self::Fork,
        Self::RelayRolledBack,
        Self::RelayRestored,
        Self::Withheld,
        Self::Unreadable,
        Self::DeviceRestored,
    ];

    /// The stable word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Omission => "omission",
            Self::BelowFloor => "below-floor",
            Self::Fork => "fork",
            Self::RelayRolledBack => "relay-rolled-back",
            Self::RelayRestored => "relay-restored",
            Self::Withheld => "withheld",
            Self::Unreadable => "unreadable",
            Self::DeviceRestored => "device-restored",
        }
    }

    /// How much it matters.
    pub fn severity(self) -> Severity {
        match self {
            Self::RelayRestored | Self::DeviceRestored => Severity::Notice,
            Self::Gap | Self::Omission | Self::BelowFloor | Self::Withheld | Self::Unreadable => {
                Severity::Warning
            }
            Self::Fork | Self::RelayRolledBack => Severity::Alarm,
        }
    }

    fn number(self) -> i64 {
        Self::ALL
            .iter()
            .position(|kind| *kind == self)
            .map_or(0, |at| at as i64)
    }

    fn from_number(number: i64) -> Self {
        let at = usize::try_from(number).ok();
        at.and_then(|at| Self::ALL.get(at).copied())
            .unwrap_or(Self::Gap)
    }
}

/// What a finding says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What was found.
    pub kind: FindingKind,
    /// Tells findings of one kind apart.
    pub subject: Vec<u8>,
    /// Which log.
    pub log: Option<i64>,
    /// Whose changes.
    pub device: Option<DeviceId>,
    /// Who has them.
    pub witness: Option<DeviceId>,
    /// Which relay.
    pub relay: Option<String>,
    /// The first number concerned; 0 where there is none.
    pub first: u64,
    /// The last number concerned.
    pub last: u64,
    /// How many changes are missing, or were.
    pub missing: u64,
}

impl Found {
    /// A finding about a relay.
    pub fn of_relay(kind: FindingKind, url: &str) -> Self {
        Self {
            kind,
            subject: url.as_bytes().to_vec(),
            log: None,
            device: None,
            witness: None,
            relay: Some(url.to_owned()),
            first: 0,
            last: 0,
            missing: 0,
        }
    }

    /// A finding about this device itself.
    pub fn of_device(kind: FindingKind, device: DeviceId) -> Self {
        Self {
            subject: device.0.to_vec(),
            relay: None,
            device: Some(device),
            ..Self::of_relay(kind, "")
        }
    }
}

/// A finding as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFinding {
    /// Its number: later ones are higher.
    pub number: i64,
    /// What it says.
    pub found: Found,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// When it was healed.
    pub healed: Option<i64>,
}

/// Opens a finding, or brings the open one of its kind and subject up to date. Writes nothing when nothing is new.
pub fn open_finding(conn: &Connection, found: &Found, now: i64) -> Result<()> {
    let first = clamped(found.first);
    let (last, missing) = (clamped(found.last), clamped(found.missing));
    conn.prepare_cached(
        "INSERT INTO finding (kind, subject, log, device, witness, relay, first, last, missing, since)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (kind, subject) WHERE healed IS NULL DO UPDATE SET
           witness = excluded.witness, first = excluded.first, last = excluded.last, missing = excluded.missing",
    )?
    .execute(params![
        found.kind.number(),
        found.subject,
        found.log,
        found.device.map(|device| device.0),
        found.witness.map(|device| device.0),
        found.relay,
        first,
        last,
        missing,
        now
    ])?;
    Ok(())
}

/// A member may claim any number; a database holds those below 2^63.
fn clamped(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Marks the open finding of a kind and subject as healed.
pub fn heal_finding(conn: &Connection, kind: FindingKind, subject: &[u8], now: i64) -> Result<()> {
    conn.execute(
        "UPDATE finding SET healed = ?3 WHERE kind = ?1 AND subject = ?2 AND healed IS NULL",
        params![kind.number(), subject, now],
    )?;
    conn.execute(
        "DELETE FROM finding WHERE healed IS NOT NULL AND finding NOT IN
           (SELECT finding FROM finding WHERE healed IS NOT NULL ORDER BY finding DESC LIMIT ?1)",
        [MAX_HEALED],
    )?;
    Ok(())
}

/// The open finding of a kind and subject, or the last healed one.
pub fn last_finding(
    conn: &Connection,
    kind: FindingKind,
    subject: &[u8],
) -> Result<Option<StoredFinding>> {
    let mut query = conn.prepare_cached(
        "SELECT * FROM finding WHERE kind = ?1 AND subject = ?2 ORDER BY healed IS NULL DESC, finding DESC LIMIT 1",
    )?;
    let found = query.query_row(params![kind.number(), subject], read_finding);
    Ok(found.optional()?)
}

/// Every finding, open ones first, the newest first among each.
pub fn findings(conn: &Connection) -> Result<Vec<StoredFinding>> {
    let mut query =
        conn.prepare_cached("SELECT * FROM finding ORDER BY healed IS NOT NULL, finding DESC")?;
    let rows = query.query_map([], read_finding)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn read_finding(row: &Row<'_>) -> rusqlite::Result<StoredFinding> {
    Ok(StoredFinding {
        number: row.get(0)?,
        found: Found {
            kind: FindingKind::from_number(row.get(1)?),
            subject: row.get(2)?,
            log: row.get(3)?,
            device: row.get::<_, Option<[u8; 32]>>(4)?.map(DeviceId),
            witness: row.get::<_, Option<[u8; 32]>>(5)?.map(DeviceId),
            relay: row.get(6)?,
            first: row.get(7)?,
            last: row.get(8)?,
            missing: row.get(9)?,
        },
        since: row.get(10)?,
        healed: row.get(11)?,
    })
}

/// A position another device vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// The record, or the account as a record.
    pub record: RecordId,
    /// The compartment.
    pub compartment: CompartmentId,
    /// Whose chain, and how far.
    pub seen: Seen,
    /// Who vouched.
    pub witness: DeviceId,
}

/// Remembers what another device had seen.
pub fn set_floor(conn: &Connection, floor: &Floor) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO floor VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        floor.record.as_ref(),
        floor.compartment.as_ref(),
        floor.seen.author.device.as_ref(),
        floor.seen.author.incarnation.as_ref(),
        clamped(floor.seen.seq),
        floor.witness.as_ref()
    ])?;
    Ok(())
}

/// What was vouched for and may not have been reached.
pub fn floors(conn: &Connection) -> Result<Vec<Floor>> {
    let mut query = conn.prepare_cached(
        "SELECT device, incarnation, record, compartment, seq, witness FROM floor",
    )?;
    let rows = query.query_map([], |row| {
        Ok(Floor {
            record: RecordId(row.get(2)?),
            compartment: CompartmentId(row.get(3)?),
            seen: Seen {
                author: Author {
                    device: DeviceId(row.get(0)?),
                    incarnation: Incarnation(row.get(1)?),
                },
                seq: row.get(4)?,
            },
            witness: DeviceId(row.get(5)?),
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Forgets a floor that was reached.
pub fn drop_floor(conn: &Connection, floor: &Floor) -> Result<()> {
    conn.execute(
        "DELETE FROM floor WHERE record = ?1 AND compartment = ?2 AND device = ?3 AND incarnation = ?4",
        params![
            floor.record.as_ref(),
            floor.compartment.as_ref(),
            floor.seen.author.device.as_ref(),
            floor.seen.author.incarnation.as_ref()
        ],
    )?;
    Ok(())
}

/// Whether chains of others moved since [`hear`] was last called.
pub fn is_news(conn: &Connection, own: &Author) -> Result<bool> {
    Ok(conn
        .prepare_cached(
            "SELECT 1 FROM chain c JOIN author a USING (author) LEFT JOIN heard h USING (log, author)
             WHERE h.seq IS NOT c.seq AND NOT (a.device = ?1 AND a.incarnation = ?2) LIMIT 1",
        )?
        .exists(params![own.device.as_ref(), own.incarnation.as_ref()])?)
}

/// Notes for every chain of others that moved that it was heard of now.
pub fn hear(conn: &Connection, own: &Author, now: i64) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO heard SELECT c.log, c.author, c.seq, ?3 FROM chain c JOIN author a USING (author)
           LEFT JOIN heard h USING (log, author)
           WHERE h.seq IS NOT c.seq AND NOT (a.device = ?1 AND a.incarnation = ?2)
         ON CONFLICT DO UPDATE SET seq = excluded.seq, at = excluded.at",
    )?
    .execute(params![
        own.device.as_ref(),
        own.incarnation.as_ref(),
        now
    ])?;
    Ok(())
}

/// When an author was last heard of in a log.
pub fn heard(conn: &Connection, log: i64, author: &Author) -> Result<Option<i64>> {
    let mut query = conn.prepare_cached(
        "SELECT at FROM heard JOIN author USING (author) WHERE log = ?1 AND device = ?2 AND incarnation = ?3",
    )?;
    let found = query.query_row(
        params![log, author.device.as_ref(), author.incarnation.as_ref()],
        |row| row.get(0),
    );
    Ok(found.optional()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::ensure_log;
    use super::super::tests::{author, change, database};
    use super::*;
    use carnet_wire::ChangeId;

    #[test]
    fn one_finding_of_a_kind_and_subject_is_open_and_counts_are_brought_up_to_date() {
        let conn = database();
        let mut found = Found::of_relay(FindingKind::RelayRolledBack, "https://r");
        open_finding(&conn, &found, 5).unwrap();
        (found.missing, found.last) = (3, u64::MAX);
        open_finding(&conn, &found, 9).unwrap();
        open_finding(
            &conn,
            &Found::of_relay(FindingKind::Withheld, "https://r"),
            9,
        )
        .unwrap();
        let all = findings(&conn).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!((all[1].since, all[1].found.missing), (5, 3));
        heal_finding(&conn, found.kind, &found.subject, 11).unwrap();
        let last = last_finding(&conn, found.kind, &found.subject)
            .unwrap()
            .unwrap();
        assert_eq!(
            (last.healed, last.found.relay.as_deref()),
            (Some(11), Some("https://r"))
        );
        open_finding(&conn, &found, 12).unwrap();
        let last = last_finding(&conn, found.kind, &found.subject)
            .unwrap()
            .unwrap();
        assert_eq!((last.healed, last.since), (None, 12));
        assert_eq!(findings(&conn).unwrap().len(), 3);
    }

    #[test]
    fn healed_findings_do_not_pile_up_and_open_ones_are_kept() {
        let conn = database();
        open_finding(&conn, &Found::of_relay(FindingKind::Fork, "open"), 0).unwrap();
        for at in 0..MAX_HEALED as i64 + 20 {
            let found = Found::of_relay(FindingKind::Withheld, "https://r");
            open_finding(&conn, &found, at).unwrap();
            heal_finding(&conn, found.kind, &found.subject, at).unwrap();
        }
        let all = findings(&conn).unwrap();
        assert_eq!(all.len() as u64, MAX_HEALED + 1);
        assert_eq!(all[0].found.kind, FindingKind::Fork);
        assert_eq!(all[1].since, MAX_HEALED as i64 + 19);
    }

    #[test]
    fn every_kind_survives_the_database_and_has_a_word_of_its_own() {
        let conn = database();
        let mut words = std::collections::BTreeSet::new();
        for kind in FindingKind::ALL {
            open_finding(&conn, &Found::of_device(kind, DeviceId([1; 32])), 0).unwrap();
            words.insert(kind.word());
        }
        let kinds: Vec<_> = findings(&conn)
            .unwrap()
            .into_iter()
            .rev()
            .map(|one| one.found.kind)
            .collect();
        assert_eq!(kinds, FindingKind::ALL);
        assert_eq!(words.len(), FindingKind::ALL.len());
    }

    #[test]
    fn others_are_heard_of_when_their_chains_move() {
        let conn = database();
        let log = ensure_log(&conn, RecordId([1; 32]), CompartmentId([2; 16]), "general").unwrap();
        change(&conn, log, 1, 1, ChangeId([0; 32]), 1).unwrap();
        assert!(!is_news(&conn, &author(1)).unwrap());
        let first = change(&conn, log, 2, 1, ChangeId([0; 32]), 1).unwrap();
        assert!(is_news(&conn, &author(1)).unwrap());
        hear(&conn, &author(1), 10).unwrap();
        assert!(!is_news(&conn, &author(1)).unwrap());
        hear(&conn, &author(1), 20).unwrap();
        assert_eq!(heard(&conn, log, &author(2)).unwrap(), Some(10));
        change(&conn, log, 2, 2, first, 2).unwrap();
        hear(&conn, &author(1), 30).unwrap();
        assert_eq!(heard(&conn, log, &author(2)).unwrap(), Some(30));
        assert_eq!(heard(&conn, log, &author(1)).unwrap(), None);
    }

    #[test]
    fn a_floor_is_kept_until_it_is_reached() {
        let conn = database();
        let floor = Floor {
            record: RecordId([1; 32]),
            compartment: CompartmentId([2; 16]),
            seen: Seen {
                author: author(2),
                seq: 4,
            },
            witness: DeviceId([3; 32]),
        };
        set_floor(&conn, &floor).unwrap();
        assert_eq!(floors(&conn).unwrap(), [floor]);
        drop_floor(&conn, &floor).unwrap();
        assert!(floors(&conn).unwrap().is_empty());
    }
}
