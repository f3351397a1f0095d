//! The least an app does besides merging: one row per entry in a plain SQLite table with the indexes its lists need.

use crate::entry::Entry;
use rusqlite::{Connection, params};
use std::path::PathBuf;

/// A plain database in a scratch folder, as durable and with as much memory as a vault gives itself.
pub struct Projection {
    database: Connection,
    folder: PathBuf,
}

impl Projection {
    /// An empty one.
    pub fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("references-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let database = Connection::open(folder.join("plain.db")).expect("a database");
        let set = |name, value: &str| database.pragma_update(None, name, value).expect("a setting");
        set("journal_mode", "WAL");
        set("synchronous", "FULL");
        database
            .pragma_update(None, "cache_size", -(48 << 10))
            .expect("a setting");
        database
            .execute_batch(
                "CREATE TABLE entry(id TEXT PRIMARY KEY, category TEXT, code TEXT, at INTEGER, value REAL, unit TEXT, status TEXT,
                     author TEXT, text TEXT);
                 CREATE INDEX entry_at ON entry(at);
                 CREATE INDEX entry_code ON entry(code, at);",
            )
            .expect("the schema");
        Self { database, folder }
    }

    /// Writes a row for each entry in one durable transaction.
    pub fn write(&mut self, entries: &[Entry]) {
        let batch = self.database.transaction().expect("a transaction");
        for entry in entries {
            let text = |name: &str| {
                let found = entry.texts.iter().find(|(known, _)| *known == name);
                found.map(|(_, text)| text.as_str())
            };
            let words = format!(
                "{} {}",
                text("display").unwrap_or_default(),
                text("note").unwrap_or_default()
            );
            let mut into = batch
                .prepare_cached("INSERT INTO entry VALUES(?,?,?,?,?,?,?,?,?)")
                .expect("a statement");
            into.execute(params![
                entry.id,
                text("cat"),
                text("code"),
                entry.at,
                entry.value,
                text("unit"),
                text("status"),
                text("author"),
                words
            ])
            .expect("a row");
        }
        batch.commit().expect("a commit");
    }
}

impl Drop for Projection {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
