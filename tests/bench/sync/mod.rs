//! The sync bench: what crosses the network and what it costs to write and read it, beside Automerge, Loro, Yrs, zstd and the AEAD on
//! the same entries in the same run. `tests/bench/references` measures those; it is built on demand.
//!
//! Two forms of the same entries: notes (the patient layer: Automerge documents) and imported Observations (the source layer).

mod children;
mod data;
mod phones;
mod references;

use crate::Line;
use crate::child::{Numbers, run_child};
use carnet_tests::measure::resident_kib;
use carnet_tests::paths::scale;
use carnet_tests::relays::{Connection, RelayProgram};
use references::References;
use std::path::Path;

/// A form of the entries: its name, and the file whose zstd is the measure of its bytes.
struct Form {
    name: &'static str,
    title: &'static str,
    plain: &'static str,
}

const FORMS: [Form; 2] = [
    Form {
        name: "notes",
        title: "notes",
        plain: "entries.ndjson",
    },
    Form {
        name: "resources",
        title: "Observations",
        plain: "observations.ndjson",
    },
];

/// The child's side; whether there is such a child.
pub fn serve(arguments: &[&str]) -> bool {
    match arguments {
        ["sync-found", folder, url, anchors] => {
            children::found(Path::new(folder), url, Path::new(anchors))
        }
        ["sync-write-notes", folder, url, count] => {
            children::write_notes(Path::new(folder), url, count.parse().expect("a count"))
        }
        ["sync-write-resources", folder, url, file] => {
            children::write_resources(Path::new(folder), url, Path::new(file))
        }
        ["sync-receive", folder, url, name] => children::receive(Path::new(folder), url, name),
        ["sync-bootstrap", folder, url, name] => children::bootstrap(Path::new(folder), url, name),
        ["sync-compact", folder, url] => children::compact(Path::new(folder), url),
        ["sync-pair", folder, url] => children::pair(Path::new(folder), url),
        ["sync-compare", folder, url, name] => children::compare(Path::new(folder), url, name),
        ["sync-wire", folder, url] => children::wire(Path::new(folder), url),
        _ => return false,
    }
    true
}

/// All lines.
pub fn lines(scratch: &Path) -> Vec<Line> {
    let count = scale("CARNET_BENCH_ENTRIES", 100_000);
    let references = References::build();
    data::generate(scratch, count);
    let relay = RelayProgram::start(&scratch.join("relay"));
    let mut lines = Vec::new();
    for form in FORMS {
        lines.extend(form_lines(scratch, &relay.url(), &form, count, &references));
    }
    lines.extend(wire_lines(scratch, &relay.url(), &references));
    relay.stop();
    lines.push(idle_relay(&scratch.join("relay")));
    lines
}

/// Both phones and the reference on one form of the entries.
fn form_lines(
    scratch: &Path,
    url: &str,
    form: &Form,
    count: u64,
    references: &References,
) -> Vec<Line> {
    let folder = scratch.join(form.name);
    std::fs::create_dir(&folder).expect("a folder");
    let (folder, anchors) = (text(&folder), text(&scratch.join("anchors.ndjson")));
    let plain = text(&scratch.join(form.plain));
    run_child(&["sync-found", &folder, url, &anchors]);
    let written = match form.name {
        "notes" => run_child(&["sync-write-notes", &folder, url, &count.to_string()]),
        _ => run_child(&["sync-write-resources", &folder, url, &plain]),
    };
    let applied = run_child(&["sync-receive", &folder, url, "b"]);
    let compacted = run_child(&["sync-compact", &folder, url]);
    let boot = std::thread::scope(|scope| {
        let pairing = scope.spawn(|| run_child(&["sync-pair", &folder, url]));
        let boot = run_child(&["sync-bootstrap", &folder, url, "c"]);
        pairing.join().expect("a pairing");
        boot
    });
    for name in ["b", "c"] {
        let same = run_child(&["sync-compare", &folder, url, name]);
        assert_eq!(
            same["same"], 1.0,
            "phone {name} does not show what phone a shows"
        );
    }
    let raw = references.run(&["raw", &plain]);
    println!(
        "{}: {count} entries; written in {:.1} s CPU, {:.2} MB pushed in {:.0} envelopes; vault {:.1} MB",
        form.title,
        written["cpu"],
        written["sent"] / 1e6,
        written["pushed"],
        written["disk"] / 1e6
    );
    println!(
        "{}: snapshot of {:.2} MB in {:.0} pieces made in {:.1} s CPU; vault {:.1} MB after it, {:.1} MB on the new phone",
        form.title,
        compacted["sealed"] / 1e6,
        compacted["pieces"],
        compacted["cpu"],
        compacted["disk"] / 1e6,
        boot["disk"] / 1e6
    );
    println!(
        "{}: plain NDJSON under zstd-3 {:.2} MB at {:.0} MB/s, back at {:.0} MB/s; XChaCha20-Poly1305 {:.0} MB/s",
        form.title,
        raw["zstd_bytes"] / 1e6,
        raw["zstd_rate"] / 1e6,
        raw["unzstd_rate"] / 1e6,
        raw["aead_rate"] / 1e6
    );
    let mut lines = vec![bytes_line(form, &boot, &raw)];
    if form.name == "notes" {
        let entries = text(&scratch.join("entries.ndjson"));
        lines[0].reference = sizes(&references.run(&["sizes", &entries]));
        lines.push(rate_line(
            "bulk apply",
            &applied,
            &references.run(&["apply", &entries]),
            count,
        ));
        lines.push(rate_line(
            "bootstrap",
            &boot,
            &references.run(&["load", &entries]),
            count,
        ));
    } else {
        lines.push(own_rate_line("bulk apply of Observations", &applied, count));
        lines.push(own_rate_line("bootstrap of Observations", &boot, count));
    }
    lines.push(memory_line(form, "bulk apply", &applied));
    lines.push(memory_line(form, "bootstrap", &boot));
    lines
}

fn bytes_line(form: &Form, boot: &Numbers, raw: &Numbers) -> Line {
    let ratio = boot["received"] / raw["zstd_bytes"];
    Line {
        what: match form.name {
            "notes" => "bootstrap bytes, notes / zstd-3 of the NDJSON",
            _ => "bootstrap bytes, Observations / zstd-3",
        },
        measured: format!(
            "{:.2} MB in {:.0} requests",
            boot["received"] / 1e6,
            boot["requests"]
        ),
        reference: format!(
            "zstd-3 of the plain NDJSON {:.2} MB",
            raw["zstd_bytes"] / 1e6
        ),
        ratio: Some(ratio),
        target: "<= 1.15 x reference",
        reached: ratio <= 1.15,
    }
}

/// What others make of the same entries, as shares of the plain NDJSON under zstd-3.
fn sizes(numbers: &Numbers) -> String {
    let share = |name: &str| numbers[name] / numbers["zstd3"];
    format!(
        "automerge {:.2} x (shards {:.2}), loro {:.2} (+zstd {:.2}), yrs+zstd {:.2}, sealed singly {:.1}",
        share("automerge_one"),
        share("automerge_shards"),
        share("loro"),
        share("loro_zstd"),
        share("yrs_zstd"),
        share("sealed_single")
    )
}

fn rate_line(what: &str, ours: &Numbers, plain: &Numbers, count: u64) -> Line {
    let (rate, reference) = (count as f64 / ours["cpu"], count as f64 / plain["cpu"]);
    let ratio = rate / reference;
    Line {
        what: match what {
            "bulk apply" => "bulk apply of notes",
            _ => "bootstrap of notes",
        },
        measured: format!("{rate:.0} entries/s ({:.2} s CPU)", ours["cpu"]),
        reference: format!("plain Automerge + plain SQLite {reference:.0}/s"),
        ratio: Some(ratio),
        target: ">= 0.50 x reference",
        reached: ratio >= 0.5,
    }
}

fn own_rate_line(what: &'static str, ours: &Numbers, count: u64) -> Line {
    let rate = count as f64 / ours["cpu"];
    Line {
        what,
        measured: format!("{rate:.0} entries/s ({:.2} s CPU)", ours["cpu"]),
        reference: "of them, notes are compared above".to_owned(),
        ratio: None,
        target: ">= 6,000/s",
        reached: rate >= 6_000.0,
    }
}

fn memory_line(form: &Form, what: &str, ours: &Numbers) -> Line {
    let above = (ours["peak_kib"] - ours["base_kib"]) / 1024.0;
    Line {
        what: match (form.name, what) {
            ("notes", "bulk apply") => "bulk apply of notes: peak memory",
            ("notes", _) => "bootstrap of notes: peak memory",
            (_, "bulk apply") => "bulk apply of Observations: peak memory",
            _ => "bootstrap of Observations: peak memory",
        },
        measured: format!("{above:.0} MB above the open vault"),
        reference: format!("the open vault itself {:.0} MB", ours["base_kib"] / 1024.0),
        ratio: None,
        target: "<= 64 MB",
        reached: above <= 64.0,
    }
}

fn wire_lines(scratch: &Path, url: &str, references: &References) -> Vec<Line> {
    let folder = text(&scratch.join("notes"));
    let ours = run_child(&["sync-wire", &folder, url]);
    let theirs = references.run(&["wire", &text(&scratch.join("entries.ndjson"))]);
    let batch = theirs["sync_batch"] / 50.0;
    vec![
        entry_line(
            "one new Observation on the wire, both ways",
            ours["one_resource"],
            theirs["sync_one"],
            640.0,
        ),
        entry_line(
            "one new note on the wire, both ways",
            ours["one_note"],
            theirs["sync_one"],
            640.0,
        ),
        entry_line(
            "fifty Observations in a batch, each",
            ours["batch_resources"],
            batch,
            160.0,
        ),
        entry_line(
            "fifty notes of ten fields in a batch, each",
            ours["batch"],
            batch,
            160.0,
        ),
        Line {
            what: "nothing to do, both ways, session included",
            measured: format!(
                "{:.0} B in {:.0} requests",
                ours["idle"], ours["idle_requests"]
            ),
            reference: "-".to_owned(),
            ratio: None,
            target: "<= 1,000 B",
            reached: ours["idle"] <= 1_000.0,
        },
        Line {
            what: "exchanges for push and pull of a backlog",
            measured: format!(
                "{:.0} for {:.2} MB ({:.0} requests with the session)",
                ours["exchanges"],
                ours["backlog"] / 1e6,
                ours["round_trip_requests"]
            ),
            reference: format!(
                "automerge {:.0} messages for one entry",
                theirs["sync_one_messages"]
            ),
            ratio: None,
            target: "1, up to 4 MiB",
            reached: ours["exchanges"] <= 1.0 && ours["backlog"] <= f64::from(4 << 20),
        },
    ]
}

fn entry_line(what: &'static str, ours: f64, theirs: f64, most: f64) -> Line {
    Line {
        what,
        measured: format!("{ours:.0} B"),
        reference: format!("automerge sync {theirs:.0} B, not encrypted"),
        ratio: Some(ours / theirs),
        target: if most > 200.0 { "<= 640 B" } else { "<= 160 B" },
        reached: ours <= most,
    }
}

/// A relay that holds all of the above, started again, asked once.
fn idle_relay(data: &Path) -> Line {
    let relay = RelayProgram::start(data);
    let mut connection = Connection::open(relay.address()).expect("a connection");
    let answer = connection.request("GET", "/healthz", None, &[]);
    assert_eq!(answer.expect("an answer").0, 200);
    let megabytes = resident_kib(relay.id()).expect("a relay that lives") as f64 / 1024.0;
    Line {
        what: "idle relay: resident memory",
        measured: format!("{megabytes:.1} MB"),
        reference: "-".to_owned(),
        ratio: None,
        target: "<= 30 MB",
        reached: megabytes <= 30.0,
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
