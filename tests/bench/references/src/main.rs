//! What Carnet's sync is measured beside, on the same entries in the same run: Automerge, Loro and Yrs as their documentation uses
//! them, plain SQLite, raw zstd and raw AEAD. Prints `name number` lines; `tests/bench/run sync` builds and reads it.
//!
//! ```text
//! references sizes ENTRIES.ndjson     bytes of the whole, in each library's most compact form
//! references wire  ENTRIES.ndjson     Automerge's own sync protocol: one new entry, fifty new entries
//! references apply ENTRIES.ndjson     CPU of applying changes of fifty entries, and of a row each in plain SQLite
//! references load  ENTRIES.ndjson     CPU of loading saved documents, and of a row each in plain SQLite
//! references raw   FILE               zstd level 3 and XChaCha20-Poly1305 over a file
//! ```

mod automerge_side;
mod entry;
mod others;
mod projection;
mod raw;

use entry::Entry;

/// Entries of one document where documents are sharded as Carnet shards them.
const SHARD: usize = 2_000;
/// Entries of one change where entries are written in batches.
const BATCH: usize = 50;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sizes", file] => sizes(file),
        ["wire", file] => automerge_side::wire(&Entry::read_all(file)),
        ["apply", file] => automerge_side::apply(&Entry::read_all(file)),
        ["load", file] => automerge_side::load(&Entry::read_all(file)),
        ["raw", file] => raw::measure(&std::fs::read(file).expect("a file")),
        other => panic!("no such measurement: {other:?}"),
    }
}

fn sizes(file: &str) {
    let entries = Entry::read_all(file);
    let text = std::fs::read(file).expect("a file");
    tell("entries", entries.len() as f64);
    tell("plain", text.len() as f64);
    tell("zstd3", raw::zstd3(&text).len() as f64);
    automerge_side::sizes(&entries);
    others::loro(&entries);
    others::yrs(&entries);
}

/// Prints one number.
fn tell(name: &str, number: f64) {
    println!("{name} {number}");
}

/// CPU seconds of this process.
fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
