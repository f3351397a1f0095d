//! How far long files of samples were read: only a help after a kill. Without it a file is read from its beginning, and adds
//! nothing.

use crate::error::Result;
use rusqlite::{Connection, OptionalExtension};

/// Files that may wait to be read on; the one that waits longest is forgotten beyond that.
const MAX_READINGS: i64 = 16;

/// A place in a file, and what its reader remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Bytes of the file before it.
    pub offset: u64,
    /// In the reader's own form.
    pub memory: Vec<u8>,
}

/// How far a file was read; none when it was not begun, or ended.
pub fn reached(connection: &Connection, log: i64, file: &[u8; 32]) -> Result<Option<Reached>> {
    let mut select = connection
        .prepare_cached("SELECT place, memory FROM reading WHERE log = ?1 AND file = ?2")?;
    let found = select.query_row((log, file), |row| {
        Ok(Reached {
            offset: row.get(0)?,
            memory: row.get(1)?,
        })
    });
    Ok(found.optional()?)
}

/// Notes how far a file was read.
pub fn put_reached(
    connection: &Connection,
    log: i64,
    file: &[u8; 32],
    reached: &Reached,
    now: i64,
) -> Result<()> {
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO reading(log, file, place, memory, at) VALUES(?1, ?2, ?3, ?4, ?5)",
    )?;
    put.execute((log, file, reached.offset, &reached.memory, now))?;
    let mut forget = connection.prepare_cached(
        "DELETE FROM reading WHERE rowid NOT IN (SELECT rowid FROM reading ORDER BY at DESC, rowid DESC LIMIT ?1)",
    )?;
    forget.execute([MAX_READINGS])?;
    Ok(())
}

/// Forgets a file that was read to its end.
pub fn forget_reached(connection: &Connection, log: i64, file: &[u8; 32]) -> Result<()> {
    connection
        .prepare_cached("DELETE FROM reading WHERE log = ?1 AND file = ?2")?
        .execute((log, file))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::testing::{Room, log_of, of_texts, written};
    use super::*;

    fn at(offset: u64) -> Reached {
        Reached {
            offset,
            memory: vec![7; 3],
        }
    }

    #[test]
    fn a_place_moves_on_and_ends_with_its_file() {
        let room = Room::new();
        let change = written(1, 1, 1, of_texts(&[]));
        room.store
            .write(|tx| {
                let log = log_of(tx, &change);
                let file = [1; 32];
                assert_eq!(reached(tx, log, &file)?, None);
                put_reached(tx, log, &file, &at(10), 1)?;
                put_reached(tx, log, &file, &at(20), 2)?;
                assert_eq!(reached(tx, log, &file)?, Some(at(20)));
                assert_eq!(reached(tx, log, &[2; 32])?, None);
                forget_reached(tx, log, &file)?;
                assert_eq!(reached(tx, log, &file)?, None);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn files_never_read_to_their_end_do_not_pile_up() {
        let room = Room::new();
        let change = written(1, 1, 1, of_texts(&[]));
        room.store
            .write(|tx| {
                let log = log_of(tx, &change);
                for file in 0..20 {
                    put_reached(tx, log, &[file; 32], &at(1), i64::from(file))?;
                }
                assert_eq!(reached(tx, log, &[3; 32])?, None);
                assert_eq!(reached(tx, log, &[4; 32])?, Some(at(1)));
                Ok(())
            })
            .unwrap();
    }
}
