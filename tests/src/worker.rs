//! A second process that opens a vault, as a background worker does beside the app.
//!
//! ```text
//! carnet-worker write VAULT ANCHORS NAME COUNT    COUNT write transactions, one in five a note; says `wrote N`
//! carnet-worker full VAULT ANCHORS FILE           imports FILE; if that fails, reads all the same; says what happened
//! carnet-worker sync VAULT ANCHORS RELAY SECONDS  syncs until the deadline; says what came of it, in what time and memory
//! ```

use carnet::Vault;
use carnet::sync::HttpTransport;
use carnet::vault::Filter;
use carnet_tests::devices::host_in;
use carnet_tests::measure::{own_peak_kib, own_resident_kib};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write", vault, anchors, name, count] => {
            write(&open(vault, anchors), name, count.parse().expect("a count"))
        }
        ["full", vault, anchors, file] => {
            full(Path::new(vault), Path::new(anchors), Path::new(file))
        }
        ["sync", vault, anchors, relay, seconds] => sync(
            (Path::new(vault), Path::new(anchors)),
            relay,
            Duration::from_secs(seconds.parse().expect("seconds")),
        ),
        _ => panic!(
            "write VAULT ANCHORS NAME COUNT | full VAULT ANCHORS FILE | sync VAULT ANCHORS RELAY SECONDS"
        ),
    }
}

fn open(vault: &str, anchors: &str) -> Vault {
    Vault::open(Path::new(vault), host_in(Path::new(anchors))).expect("the vault opens")
}

fn write(vault: &Vault, name: &str, count: u64) {
    let record = vault.persons().expect("persons")[0].record;
    let file: PathBuf = std::env::temp_dir().join(format!("{name}-{}.ndjson", std::process::id()));
    let started = Instant::now();
    for number in 0..count {
        if number % 5 == 4 {
            let rows = vault
                .list(&Filter {
                    limit: Some(1),
                    ..Filter::default()
                })
                .expect("rows");
            let on = rows.first().expect("a row").id;
            vault
                .annotate(on, &format!("{name} {number}"))
                .expect("a note");
            continue;
        }
        let resource = format!(
            r#"{{"resourceType":"Observation","id":"{name}-{number}","status":"final","code":{{"text":"x"}}}}"#
        );
        std::fs::write(&file, resource).expect("a file");
        let report = vault
            .import(record, std::slice::from_ref(&file), None)
            .expect("an import");
        assert_eq!(report.files[0].new, 1, "not imported");
    }
    let _ = std::fs::remove_file(&file);
    println!("wrote {count} in {:.1} s", started.elapsed().as_secs_f64());
}

/// Writes fail at some point, by the environment's doing. Every failure is an error, none a panic, and reading goes on.
fn full(vault: &Path, anchors: &Path, file: &Path) {
    let vault = match Vault::open(vault, host_in(anchors)) {
        Ok(vault) => vault,
        Err(error) => return println!("open {error:?}"),
    };
    let record = vault.persons().expect("persons")[0].record;
    let before = vault
        .list(&Filter::default())
        .expect("reading before")
        .len();
    match vault.import(record, &[file.to_path_buf()], None) {
        Ok(_) => println!("import ok"),
        Err(error) => println!("import {error:?}"),
    }
    let rows = vault
        .list(&Filter::default())
        .expect("reading on a full disk");
    assert!(rows.len() >= before, "reading on a full disk shows less");
    let detail = vault
        .detail(rows[0].id)
        .expect("one resource on a full disk");
    assert!(!detail.original.is_empty());
    println!("read {}", rows.len());
}

/// Whatever the relay does, the call ends and the process lives.
fn sync((vault, anchors): (&Path, &Path), relay: &str, deadline: Duration) {
    let mut host = host_in(anchors);
    host.transport = Arc::new(HttpTransport::new(&[]).expect("a network"));
    let vault = Vault::open(vault, host).expect("the vault opens");
    // An exchange with nobody sets up what every sync needs.
    let _ = vault.sync(Some("http://127.0.0.1:9"), None, None);
    let (before, started) = (own_resident_kib(), Instant::now());
    let outcome = match vault.sync(Some(relay), Some(deadline), None) {
        Ok(report) => format!("{report:?}"),
        Err(error) => format!("{error:?}"),
    };
    let grown = own_peak_kib().saturating_sub(before);
    let took = started.elapsed().as_millis();
    println!("{grown} KiB {took} ms {outcome}");
}
