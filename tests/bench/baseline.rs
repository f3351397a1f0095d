//! The reference of the import: parse the same bytes with serde_json, put the text and the same searchable columns in a plain
//! SQLite table with the same indexes and full text, in batches of the same size, as durable as the vault.

use crate::child::{tell_cost, tell_disk};
use carnet::record::change::{CHANGE_BATCH_BYTES, CHANGE_BATCH_ITEMS};
use carnet_tests::measure::own_cpu;
use rusqlite::{Connection, Transaction, params};
use serde_json::Value;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

const SCHEMA: &str = "
    CREATE TABLE resource(resource INTEGER PRIMARY KEY, id TEXT NOT NULL, patient TEXT, kind TEXT NOT NULL, category TEXT,
        code TEXT, date TEXT, text TEXT NOT NULL);
    CREATE UNIQUE INDEX resource_id ON resource(id, patient);
    CREATE INDEX resource_date ON resource(patient, date);
    CREATE INDEX resource_kind ON resource(patient, kind, date);
    CREATE INDEX resource_category ON resource(patient, category, date);
    CREATE INDEX resource_code ON resource(patient, code, date) WHERE code IS NOT NULL;
    CREATE VIRTUAL TABLE search USING fts5(words, content='', contentless_delete=1, detail=none,
        tokenize='unicode61 remove_diacritics 2');
";

/// Imports `record.ndjson` of this folder into `plain/plain.db`.
pub fn import(folder: &Path) {
    let target = folder.join("plain");
    let _ = std::fs::remove_dir_all(&target);
    std::fs::create_dir(&target).expect("a folder");
    let from = own_cpu();
    let mut database = Connection::open(target.join("plain.db")).expect("a database");
    database
        .pragma_update(None, "journal_mode", "WAL")
        .expect("WAL");
    database
        .pragma_update(None, "synchronous", "FULL")
        .expect("FULL");
    // As much memory, and as rare checkpoints, as the vault gives itself.
    database
        .pragma_update(None, "cache_size", -(48 << 10))
        .expect("a cache");
    database
        .pragma_update(None, "wal_autocheckpoint", 4_000)
        .expect("checkpoints");
    database.execute_batch(SCHEMA).expect("the schema");
    let record = File::open(folder.join("record.ndjson")).expect("the record");
    insert_all(&mut database, BufReader::with_capacity(1 << 16, record));
    drop(database);
    tell_cost(from);
    tell_disk(&target);
}

fn insert_all(database: &mut Connection, mut lines: impl BufRead) {
    let mut line = String::new();
    let mut ended = false;
    while !ended {
        let batch = database.transaction().expect("a transaction");
        let (mut items, mut bytes) = (0, 0);
        while items < CHANGE_BATCH_ITEMS && bytes < CHANGE_BATCH_BYTES {
            line.clear();
            if lines.read_line(&mut line).expect("a line") == 0 {
                ended = true;
                break;
            }
            insert(&batch, line.trim_end());
            (items, bytes) = (items + 1, bytes + line.len());
        }
        batch.commit().expect("a commit");
    }
}

fn insert(batch: &Transaction, text: &str) {
    let value: Value = serde_json::from_str(text).expect("JSON");
    let kind = value["resourceType"].as_str().unwrap_or_default();
    let id = format!("{kind}/{}", value["id"].as_str().unwrap_or_default());
    let patient = first_text(&value, &["/subject/reference", "/patient/reference"]);
    let code = first_text(
        &value,
        &[
            "/code/coding/0/code",
            "/medicationCodeableConcept/coding/0/code",
            "/vaccineCode/coding/0/code",
            "/type/0/coding/0/code",
        ],
    );
    let category = first_text(&value, &["/category/0/coding/0/code"]);
    let date = first_text(
        &value,
        &[
            "/effectiveDateTime",
            "/onsetDateTime",
            "/authoredOn",
            "/occurrenceDateTime",
            "/period/start",
            "/performedPeriod/start",
            "/recordedDate",
            "/date",
        ],
    );
    let mut words = String::new();
    collect_words(&value, &mut words);
    let mut into = batch
        .prepare_cached("INSERT INTO resource(id, patient, kind, category, code, date, text) VALUES(?,?,?,?,?,?,?)")
        .expect("a statement");
    into.execute(params![id, patient, kind, category, code, date, text])
        .expect("a row");
    let row = batch.last_insert_rowid();
    let mut index = batch
        .prepare_cached("INSERT INTO search(rowid, words) VALUES(?,?)")
        .expect("a statement");
    index.execute(params![row, words]).expect("words");
}

fn first_text<'a>(value: &'a Value, paths: &[&str]) -> Option<&'a str> {
    paths.iter().find_map(|path| value.pointer(path)?.as_str())
}

/// What people read and would search for.
fn collect_words(value: &Value, words: &mut String) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text)
                        if matches!(
                            name.as_str(),
                            "display" | "text" | "conclusion" | "description" | "title"
                        ) =>
                    {
                        words.push_str(text);
                        words.push(' ');
                    }
                    _ => collect_words(member, words),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_words(item, words)),
        _ => {}
    }
}
