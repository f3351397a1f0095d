//! The carers' view: what others wrote about each person since this device last looked, and how long ago each phone was heard of.
//!
//! The mark is this device's own and never leaves it: whoever cares for somebody does not show the others when they looked.
//! One mark for each record, so that looking at one person does not make another's news old. How old the news are is said
//! honestly: nothing new from a phone that has not been heard of for days means nothing.

use super::keyring::Keyring;
use crate::error::Result;
use crate::record::view::ListRow;
use crate::store::log;
use crate::store::news::{self, Piece};
use carnet_wire::{DeviceId, RecordId};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Setting: the last change that was here when this device looked, and when that was.
const LOOKED: &str = "looked at ";

pub use crate::store::news::What as NewsKind;

/// What is new in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Whose record.
    pub record: RecordId,
    /// When this device looked last, in milliseconds since 1970; none for never.
    pub since: Option<i64>,
    /// What others wrote, newest arrival first.
    pub pieces: Vec<NewsPiece>,
    /// Whether there is more than was asked for.
    pub more: bool,
    /// The others' devices, and when each was last heard of, longest ago first.
    pub heard: Vec<Heard>,
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewsPiece {
    /// What it is.
    pub kind: NewsKind,
    /// About which item, as it is now.
    pub row: ListRow,
    /// Which device wrote it.
    pub device: DeviceId,
    /// Its name, where it is known.
    pub device_name: Option<String>,
    /// When, in milliseconds since 1970 by that device's clock.
    pub at: i64,
    /// The note, or the value.
    pub text: Option<String>,
}

/// When a device was last heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which.
    pub device: DeviceId,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// When something of it came here, in milliseconds since 1970 by this device's clock.
    pub at: i64,
}

/// What is new in a record, `limit` pieces at most.
pub fn news(conn: &Connection, keyring: &Keyring, record: RecordId, limit: usize) -> Result<News> {
    super::members::known(keyring, record)?;
    let (mark, since) = looked(conn, record)?.unzip();
    let own = keyring.author.device;
    let (pieces, more) = news::since(conn, record, own, mark.unwrap_or(0), limit)?;
    Ok(News {
        record,
        since,
        pieces: pieces
            .into_iter()
            .map(|piece| describe(keyring, piece))
            .collect(),
        more,
        heard: heard(conn, keyring, record)?,
    })
}

fn describe(keyring: &Keyring, piece: Piece) -> NewsPiece {
    NewsPiece {
        kind: piece.what,
        row: piece.row,
        device: piece.device,
        device_name: keyring.name_of(piece.device),
        at: piece.at,
        text: piece.text,
    }
}

/// Notes that this device has looked at everything that is here of a record.
pub fn look(tx: &Connection, record: RecordId, now: i64) -> Result<()> {
    let mark = news::last_change(tx)?;
    let value = [mark.to_be_bytes(), now.to_be_bytes()].concat();
    log::set_meta(tx, &format!("{LOOKED}{record}"), &value)
}

fn looked(conn: &Connection, record: RecordId) -> Result<Option<(i64, i64)>> {
    let value = log::meta(conn, &format!("{LOOKED}{record}"))?;
    let parts = value.as_deref().and_then(|value| {
        let (mark, at) = value.split_first_chunk::<8>()?;
        Some((
            i64::from_be_bytes(*mark),
            i64::from_be_bytes(at.try_into().ok()?),
        ))
    });
    Ok(parts)
}

/// Of every other device that belongs to a member: when anything of it came here, in any compartment and life.
fn heard(conn: &Connection, keyring: &Keyring, record: RecordId) -> Result<Vec<Heard>> {
    let (roster, known) = super::members::known(keyring, record)?;
    let belongs = |device: DeviceId| {
        let accounts = known.members.iter();
        let mut accounts = accounts.filter_map(|member| roster.account(member.account));
        accounts.any(|account| account.devices.contains_key(&device))
    };
    let mut latest: BTreeMap<DeviceId, i64> = BTreeMap::new();
    for (log, _) in keyring.logs_of(record) {
        for tip in log::tips(conn, log)? {
            let device = tip.author.device;
            let at = log::heard(conn, log, &tip.author)?;
            if let Some(at) = at.filter(|_| device != keyring.author.device && belongs(device)) {
                let entry = latest.entry(device).or_insert(at);
                *entry = at.max(*entry);
            }
        }
    }
    let mut heard: Vec<Heard> = latest
        .into_iter()
        .map(|(device, at)| Heard {
            device,
            name: keyring.name_of(device),
            at,
        })
        .collect();
    heard.sort_by_key(|heard| (heard.at, heard.device));
    Ok(heard)
}
