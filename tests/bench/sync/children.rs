//! Carnet's side: what one phone does, each in a process of its own.

use super::data;
use super::phones::{Phone, Traffic};
use crate::child::{tell, tell_cost, tell_disk};
use carnet::record::ids::ResourceId;
use carnet::vault::{Filter, NewEdit};
use carnet_tests::dice::Dice;
use carnet_tests::measure::{own_cpu, own_peak_kib, own_resident_kib};
use std::path::Path;
use std::time::{Duration, Instant};

/// Notes of one change where entries are written in batches: one envelope carries them.
const BATCH: usize = 50;

/// A person's first phone `a`, the resources that notes are about, and a second phone `b`; both have synced.
pub fn found(folder: &Path, url: &str, anchors: &Path) {
    let a = Phone::create(folder, "a", url);
    import(&a, anchors);
    a.sync();
    let b = a.introduce(folder, "b");
    b.sync();
    a.sync();
    b.sync();
    // The fields of notes refer to resources: without them nothing could be written below.
    assert_eq!(anchors_of(&b).len(), data::ANCHORS as usize);
}

fn import(phone: &Phone, file: &Path) {
    let report = phone.vault.import(phone.record(), &[file.to_owned()], None);
    let refused: usize = report
        .expect("an import")
        .files
        .iter()
        .map(|file| file.rejected.len())
        .sum();
    assert_eq!(refused, 0, "the generated resources are refused");
}

fn anchors_of(phone: &Phone) -> Vec<ResourceId> {
    let filter = Filter {
        record: Some(phone.record()),
        limit: Some(data::ANCHORS as u32),
        ..Filter::default()
    };
    let rows = phone.vault.list(&filter).expect("rows");
    rows.iter().map(|row| row.id).collect()
}

/// Phone `a` writes all entries as notes, fifty in a change, and pushes them.
pub fn write_notes(folder: &Path, url: &str, count: u64) {
    let a = Phone::open(folder, "a", url);
    let on = anchors_of(&a);
    let from = own_cpu();
    write(&a, &on, 1, count);
    tell_cost(from);
    push(&a, folder);
}

/// Writes entries of a seed as notes in batches.
fn write(phone: &Phone, on: &[ResourceId], seed: u64, count: u64) {
    let mut batch = Vec::with_capacity(BATCH);
    for (number, entry) in data::entries(seed, count).enumerate() {
        // Entries of one batch belong to resources of one category, as what a person writes at one time mostly does.
        let on = on[number / BATCH % on.len()];
        batch.push(NewEdit::Note {
            on,
            text: entry.text(),
        });
        if batch.len() == BATCH || number as u64 + 1 == count {
            phone.vault.edit_all(&batch).expect("written notes");
            batch.clear();
        }
    }
}

/// Phone `a` imports all entries as resources and pushes them.
pub fn write_resources(folder: &Path, url: &str, file: &Path) {
    let a = Phone::open(folder, "a", url);
    let from = own_cpu();
    import(&a, file);
    tell_cost(from);
    push(&a, folder);
}

fn push(a: &Phone, folder: &Path) {
    let (report, traffic) = a.sync();
    tell("pushed", report.sent as f64);
    tell("sent", traffic.sent as f64);
    tell_disk(&folder.join("a"));
}

/// A phone that was away gets everything: bulk apply.
pub fn receive(folder: &Path, url: &str, name: &str) {
    let phone = Phone::open(folder, name, url);
    tell("base_kib", own_resident_kib() as f64);
    let from = own_cpu();
    let (report, traffic) = phone.sync();
    tell("cpu", own_cpu() - from);
    tell("peak_kib", own_peak_kib() as f64);
    tell("pulled", report.received as f64);
    tell("received", traffic.received as f64);
    tell("requests", traffic.requests as f64);
    tell_disk(&folder.join(name));
}

/// Phone `a` makes a snapshot and sends it; `b`, which has everything, acknowledges it; `a` hears that and lets the relay retire
/// what it covers.
pub fn compact(folder: &Path, url: &str) {
    let (a, b) = (Phone::open(folder, "a", url), Phone::open(folder, "b", url));
    let from = own_cpu();
    let report = a.vault.compact(a.record(), None).expect("a snapshot");
    tell("cpu", own_cpu() - from);
    tell("pieces", report.pieces as f64);
    tell("sealed", report.bytes as f64);
    // There and back twice: the snapshot, its acknowledgement, the retirement, and what follows from it.
    for _ in 0..2 {
        a.sync();
        b.sync();
    }
    a.sync();
    tell_disk(&folder.join("a"));
}

/// A new phone joins and gets everything: bootstrap. It leaves its code for [`pair`] in a file.
pub fn bootstrap(folder: &Path, url: &str, name: &str) {
    tell("base_kib", own_resident_kib() as f64);
    let from = own_cpu();
    let (phone, joined) = Phone::join(folder, name, url, &mut |code| {
        let part = folder.join("code.part");
        std::fs::write(&part, code).expect("a file");
        std::fs::rename(&part, folder.join("code")).expect("a file");
    });
    let (_, rest) = phone.sync();
    tell("cpu", own_cpu() - from);
    tell("peak_kib", own_peak_kib() as f64);
    tell("received", (joined.received + rest.received) as f64);
    tell("requests", (joined.requests + rest.requests) as f64);
    tell_disk(&folder.join(name));
}

/// Phone `a` lets the phone in whose code lies in the file.
pub fn pair(folder: &Path, url: &str) {
    let a = Phone::open(folder, "a", url);
    let started = Instant::now();
    let code = loop {
        match std::fs::read_to_string(folder.join("code")) {
            Ok(code) => break code,
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
        assert!(started.elapsed() < Duration::from_secs(60), "no code");
    };
    a.vault.pair(&code).expect("a pairing");
    a.sync();
}

/// Two phones have the same record.
pub fn compare(folder: &Path, url: &str, name: &str) {
    let (a, other) = (
        Phone::open(folder, "a", url),
        Phone::open(folder, name, url),
    );
    let same = a.vault.fingerprint().expect("a") == other.vault.fingerprint().expect("another");
    tell("same", f64::from(u8::from(same)));
}

/// Small syncs between two phones that have everything: bytes and requests of each kind.
pub fn wire(folder: &Path, url: &str) {
    let (a, b) = (Phone::open(folder, "a", url), Phone::open(folder, "b", url));
    let on = anchors_of(&a);
    a.sync();
    b.sync();
    a.sync();
    let (_, idle) = a.sync();
    tell("idle", idle.bytes() as f64);
    tell("idle_requests", idle.requests as f64);
    // Above what the same sync costs with nothing to say; the longest of several, because padding makes steps.
    let mut dice = Dice::new(5);
    let (mut note, mut resource) = (0, 0);
    let file = folder.join("one.ndjson");
    for seed in 20..40 {
        for entry in data::entries(seed, 1) {
            let on = *dice.pick(&on);
            a.vault.annotate(on, entry.note()).expect("a note");
        }
        note = note.max(a.sync().1.bytes() - idle.bytes());
        data::write_lines(&file, data::entries(seed, 1), data::Entry::observation);
        import(&a, &file);
        resource = resource.max(a.sync().1.bytes() - idle.bytes());
    }
    tell("one_note", note as f64);
    tell("one_resource", resource as f64);
    write(&a, &on, 7, BATCH as u64);
    let (report, batch) = a.sync();
    assert_eq!(report.sent, 1, "fifty notes are one envelope");
    let each = |traffic: Traffic| (traffic.bytes() - idle.bytes()) as f64 / BATCH as f64;
    tell("batch", each(batch));
    data::write_lines(
        &file,
        data::entries(41, BATCH as u64),
        data::Entry::observation,
    );
    import(&a, &file);
    let (report, batch) = a.sync();
    assert_eq!(report.sent, 1, "fifty resources are one envelope");
    tell("batch_resources", each(batch));
    b.sync();
    round_trip(&a, &b, folder);
}

/// Both phones have written up to two megabytes; how many exchanges until `b` has pushed its own and pulled the other's.
fn round_trip(a: &Phone, b: &Phone, folder: &Path) {
    let file = folder.join("backlog.ndjson");
    for (phone, seed) in [(a, 8), (b, 9)] {
        data::write_lines(&file, data::entries(seed, 12_000), data::Entry::observation);
        import(phone, &file);
    }
    a.sync();
    let (report, traffic) = b.sync();
    assert!(report.sent > 0 && report.received > 0);
    tell("backlog", traffic.bytes() as f64);
    tell("exchanges", traffic.exchanges as f64);
    tell("round_trip_requests", traffic.requests as f64);
}
