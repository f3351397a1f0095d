//! Subjects in processes of their own. A child prints `name number` lines; the parent reads them.

use crate::{baseline, documents, readers, relay, subject, sync};
use carnet_tests::measure::{own_cpu, own_peak_kib};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a child measured.
pub type Numbers = BTreeMap<String, f64>;

/// Runs a child and reads its numbers.
pub fn run_child(arguments: &[&str]) -> Numbers {
    let program = std::env::current_exe().expect("this program");
    let output = Command::new(program)
        .arg("child")
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("a child");
    assert!(output.status.success(), "the child {arguments:?} failed");
    read_numbers(&output.stdout)
}

/// Reads `name number` lines.
pub fn read_numbers(output: &[u8]) -> Numbers {
    let text = std::str::from_utf8(output).expect("UTF-8");
    let pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs
        .map(|(name, number)| (name.to_owned(), number.parse().expect("a number")))
        .collect()
}

/// The child's side.
pub fn serve(arguments: &[&str]) {
    match arguments {
        ["import", folder] => subject::import(Path::new(folder)),
        ["first-page", folder] => subject::first_page(Path::new(folder)),
        ["queries", folder] => subject::queries(Path::new(folder)),
        ["baseline", folder] => baseline::import(Path::new(folder)),
        ["echo", address] => relay::serve_echo(address),
        other => assert!(
            documents::serve(other) || readers::serve(other) || sync::serve(other),
            "no such child: {other:?}"
        ),
    }
}

/// Prints one number.
pub fn tell(name: &str, number: f64) {
    println!("{name} {number}");
}

/// Prints the CPU seconds since `from` and the peak memory of this process.
pub fn tell_cost(from: f64) {
    tell("cpu", own_cpu() - from);
    tell("peak_kib", own_peak_kib() as f64);
}

/// Prints the size of everything below a folder.
pub fn tell_disk(folder: &Path) {
    let sizes = carnet_tests::paths::files_below(folder);
    let bytes: u64 = sizes
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|file| file.len())
        .sum();
    tell("disk", bytes as f64);
}
