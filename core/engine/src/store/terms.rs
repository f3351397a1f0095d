//! Words that many rows share (kinds, code systems, codes, names, units), each stored once and named by a number.
//!
//! An observation repeats some 200 bytes of them; as numbers they take 12, and an index over a number is half as long.

use crate::error::Result;
use rusqlite::{Connection, OptionalExtension};
use std::collections::HashMap;

/// Interns terms within one transaction. Not kept longer: a rollback would leave numbers that name nothing.
pub(super) struct Terms<'c> {
    connection: &'c Connection,
    known: HashMap<String, i64>,
}

impl<'c> Terms<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            known: HashMap::new(),
        }
    }

    /// The number of a term, new or not.
    pub(super) fn intern(&mut self, text: &str) -> Result<i64> {
        if let Some(term) = self.known.get(text) {
            return Ok(*term);
        }
        let term = match find_term(self.connection, text)? {
            Some(term) => term,
            None => self.insert(text)?,
        };
        self.known.insert(text.to_owned(), term);
        Ok(term)
    }

    /// The number of a term that may be absent.
    pub(super) fn intern_optional(&mut self, text: Option<&str>) -> Result<Option<i64>> {
        text.map(|text| self.intern(text)).transpose()
    }

    fn insert(&self, text: &str) -> Result<i64> {
        self.connection
            .prepare_cached("INSERT INTO term(text) VALUES(?1)")?
            .execute([text])?;
        Ok(self.connection.last_insert_rowid())
    }
}

/// The number of a term, if any row has used it.
pub(super) fn find_term(connection: &Connection, text: &str) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached("SELECT term FROM term WHERE text = ?1")?;
    Ok(select.query_row([text], |row| row.get(0)).optional()?)
}
