//! Reading a generated Apple Health export beside merely tokenising the same bytes with the same XML crate. What is measured
//! is the reader: bytes in, checked samples in batches out; what the record does with them is another line.

use crate::Line;
use crate::child::{Numbers, run_child, tell, tell_cost};
use carnet::source::apple::read_apple;
use carnet::source::series::Found;
use carnet_tests::apple::{SOURCES, write_export};
use carnet_tests::measure::own_cpu;
use carnet_tests::paths::scale;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::ops::ControlFlow;
use std::path::Path;

/// The child's side; whether the subject is one of this file.
pub fn serve(arguments: &[&str]) -> bool {
    match arguments {
        ["apple", file] => read(Path::new(file)),
        ["apple-tokens", file] => tokenise(Path::new(file)),
        _ => return false,
    }
    true
}

/// `CARNET_BENCH_RECORDS=5000000` makes it the gigabyte of the design.
pub fn lines(scratch: &Path) -> Vec<Line> {
    let records = scale("CARNET_BENCH_RECORDS", 500_000);
    let file = scratch.join("export.xml");
    let mut out = BufWriter::new(File::create(&file).expect("a file"));
    let answers = write_export(&mut out, records, 1).expect("an export");
    drop(out);
    let bytes = file.metadata().map_or(0, |file| file.len()) as f64;
    let name = file.to_string_lossy();
    let (reader, tokens) = (best("apple", &name), best("apple-tokens", &name));
    assert_eq!(
        reader["samples"] as u64, answers.records,
        "every record is a sample"
    );
    assert_eq!(
        reader["sources"] as usize,
        SOURCES.len(),
        "every device is one"
    );
    println!("export: {} records, {:.0} MB", answers.records, bytes / 1e6);
    let rate = |numbers: &Numbers| bytes / 1e6 / numbers["cpu"];
    let (ratio, peak) = (rate(&reader) / rate(&tokens), reader["peak_kib"] / 1024.0);
    vec![
        Line {
            what: "Apple Health export: reading into samples",
            measured: format!("{:.0} MB/s ({:.2} s CPU)", rate(&reader), reader["cpu"]),
            reference: format!("quick-xml merely tokenising {:.0} MB/s", rate(&tokens)),
            ratio: Some(ratio),
            target: ">= 0.30 x reference",
            reached: ratio >= 0.3,
        },
        Line {
            what: "Apple Health export: peak memory",
            measured: format!("{peak:.0} MB"),
            reference: format!("{:.0} MB", tokens["peak_kib"] / 1024.0),
            ratio: None,
            target: "<= 100 MB",
            reached: peak <= 100.0,
        },
    ]
}

fn best(subject: &str, file: &str) -> Numbers {
    let rounds = (0..scale("CARNET_BENCH_ROUNDS", 3)).map(|_| run_child(&[subject, file]));
    let best = rounds.reduce(|best, next| {
        if next["cpu"] < best["cpu"] {
            next
        } else {
            best
        }
    });
    best.expect("at least one round")
}

fn read(file: &Path) {
    let (mut samples, mut sources) = (0_u64, BTreeSet::new());
    let from = own_cpu();
    let summary = read_apple(File::open(file).expect("the export"), None, &mut |found| {
        if let Found::Batch(batch) = found {
            samples += batch.samples.len() as u64;
            sources.insert(batch.source.key);
        }
        ControlFlow::Continue(())
    });
    tell_cost(from);
    assert!(summary.expect("the export").refused.is_empty());
    tell("samples", samples as f64);
    tell("sources", sources.len() as f64);
}

fn tokenise(file: &Path) {
    use quick_xml::events::Event;
    let from = own_cpu();
    let input = BufReader::with_capacity(256 << 10, File::open(file).expect("the export"));
    let mut xml = quick_xml::Reader::from_reader(input);
    let config = xml.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let (mut buffer, mut events) = (Vec::new(), 0_u64);
    loop {
        buffer.clear();
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Eof) => break,
            Ok(_) => events += 1,
            // The broken DTD: what stands behind it is read on.
            Err(_) if events < 10 => events += 1,
            Err(error) => panic!("{error}"),
        }
    }
    tell_cost(from);
    tell("events", events as f64);
}
