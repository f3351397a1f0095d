//! Hostile files: whatever is imported, the program ends in bounded time and memory, says what it refused, panics never, and
//! the vault is as sound as before.

use carnet_tests::commands::{Outcome, Phone, Running};
use carnet_tests::paths::scratch;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Most memory an import may take, in KiB.
const MAX_KIB: u64 = 200 << 10;
const MAX_TIME: Duration = Duration::from_secs(60);

/// Imports a file that promises nothing good.
fn import(phone: &Phone, file: &Path) -> Outcome {
    let mut command = phone.command(["import".as_ref(), file.as_os_str(), "--json".as_ref()]);
    let outcome = Running::start(&mut command).finish(MAX_TIME);
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    println!(
        "{name}: exit {:?}, {:.1} s CPU, {} MB",
        outcome.code,
        outcome.cpu.as_secs_f64(),
        outcome.peak_kib >> 10
    );
    assert!(outcome.code.is_some(), "{name}: killed by a signal");
    assert_ne!(
        outcome.code,
        Some(101),
        "{name}: a panic: {}",
        outcome.stderr
    );
    assert!(
        !outcome.stderr.contains("panicked"),
        "{name}: {}",
        outcome.stderr
    );
    assert!(
        outcome.peak_kib < MAX_KIB,
        "{name}: {} MB",
        outcome.peak_kib >> 10
    );
    outcome
}

fn rejections(outcome: &Outcome) -> u64 {
    outcome.json()["totals"]["rejected"]
        .as_u64()
        .expect("a count")
}

fn assert_refused(phone: &Phone, folder: &Path, name: &str, bytes: &[u8]) {
    let file = folder.join(name);
    std::fs::write(&file, bytes).expect("a file");
    let outcome = import(phone, &file);
    if outcome.is_ok() {
        let report = outcome.json();
        assert!(
            report["files"][0]["reason"].is_string(),
            "{name}: accepted: {report}"
        );
        assert_only_kept(&report, name);
    }
}

/// Nothing but documents: bytes kept as they came.
fn assert_only_kept(report: &serde_json::Value, name: &str) {
    let kinds = report["totals"]["by_kind"].as_object().expect("kinds");
    let understood = kinds.keys().find(|kind| *kind != "DocumentReference");
    assert_eq!(understood, None, "{name}: {report}");
}

#[test]
fn malformed_files_are_refused_with_a_reason() {
    let scratch = scratch();
    let folder = scratch.path();
    let phone = Phone::with_vault(folder.join("a"));
    let observation = |value: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"x","status":"final","valueQuantity":{{"value":{value}}}}}"#
        )
    };
    let deep = |open: &str, close: &str| {
        format!(
            r#"{{"resourceType":"Observation","id":"d","extension":{}{}}}"#,
            open.repeat(100_000),
            close.repeat(100_000)
        )
    };
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(observation("1").encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let cases: [(&str, Vec<u8>); 12] = [
        ("deep-arrays.json", deep("[", "]").into_bytes()),
        ("deep-objects.json", deep(r#"{"a":"#, "}").replace("\"extension\":{\"a\":}", "\"a\":1").into_bytes()),
        ("deep-unclosed.json", vec![b'['; 5_000_000]),
        ("number-of-a-million-digits.json", observation(&"9".repeat(1_000_000)).into_bytes()),
        ("lone-surrogate.json", br#"{"resourceType":"Observation","id":"\ud800","status":"final"}"#.to_vec()),
        ("duplicate-keys.json", br#"{"resourceType":"Observation","id":"a","id":"b","status":"final"}"#.to_vec()),
        ("empty.json", Vec::new()),
        ("blank.json", b" \n\t ".to_vec()),
        ("utf-16.json", utf16),
        ("not-utf-8.json", b"{\"resourceType\":\"Observation\",\"id\":\"\xff\xfe\"}".to_vec()),
        ("cut.json", br#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Obs"#.to_vec()),
        ("binary.json", (0..=255).cycle().take(100_000).collect()),
    ];
    for (name, bytes) in cases {
        assert_refused(&phone, folder, name, &bytes);
    }
    phone.verify().expect_ok("verify");
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let file = scratch.path().join("bom.json");
    std::fs::write(&file, "\u{feff}{\"resourceType\":\"Observation\",\"id\":\"x\",\"status\":\"final\",\"code\":{\"text\":\"x\"}}").expect("a file");
    assert_eq!(
        import(&phone, &file).expect_ok("import").json()["totals"]["new"],
        1
    );
}

#[test]
fn one_bad_entry_does_not_spoil_the_others() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let good = |id: u32| {
        format!(
            r#"{{"resource":{{"resourceType":"Observation","id":"g{id}","status":"final","code":{{"text":"x"}}}}}}"#
        )
    };
    let bad = [
        r#"{"resource":{"resourceType":"Observation","id":"b","id":"b2"}}"#,
        r#"{"resource":{"resourceType":7}}"#,
        r#"{"resource":[]}"#,
        r#"{"resource":{"id":"none"}}"#,
    ];
    let entries: Vec<String> = bad
        .iter()
        .enumerate()
        .flat_map(|(n, bad)| [(*bad).to_owned(), good(n as u32)])
        .collect();
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#,
        entries.join(",")
    );
    let file = scratch.path().join("mixed.json");
    std::fs::write(&file, bundle).expect("a file");
    let outcome = import(&phone, &file).expect_ok("import");
    // The fifth is the file itself, kept because of what could not be read.
    assert_eq!(outcome.json()["totals"]["new"], 5, "{}", outcome.stdout);
    assert_eq!(rejections(&outcome), 4, "{}", outcome.stdout);
    assert_eq!(
        outcome.json()["files"][0]["rejected"][0]["where"],
        "entry[0]"
    );
}

/// 1 GB of zeros in 1 MB, and 1 GB of one string in a resource: neither is unpacked into memory.
#[test]
fn bombs_are_refused_in_bounded_memory() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let bomb = |name: &str, head: &[u8], filler: u8| {
        let file = scratch.path().join(name);
        let mut out = GzEncoder::new(File::create(&file).expect("a file"), Compression::fast());
        out.write_all(head).expect("bytes");
        let block = vec![filler; 1 << 20];
        for _ in 0..1_000 {
            out.write_all(&block).expect("bytes");
        }
        out.finish().expect("an end");
        file
    };
    for file in [
        bomb("zeros.ndjson.gz", b"", 0),
        bomb("zeros.json.gz", b"", 0),
        bomb(
            "string.ndjson.gz",
            br#"{"resourceType":"Observation","id":""#,
            b'a',
        ),
        bomb("spaces.json.gz", br#"{"resourceType":"Bundle","#, b' '),
        bomb("lines.ndjson.gz", b"", b'\n'),
    ] {
        let outcome = import(&phone, &file);
        if outcome.is_ok() {
            assert_only_kept(&outcome.json(), &file.to_string_lossy());
        }
    }
    phone.verify().expect_ok("verify");
}

/// A million small bad lines: the report stays short enough to be read into memory.
#[test]
fn a_million_bad_lines_end() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let file = scratch.path().join("bad-lines.ndjson");
    std::fs::write(&file, "{}\n".repeat(1_000_000)).expect("a file");
    let outcome = import(&phone, &file);
    if outcome.is_ok() {
        let report = outcome.json();
        assert_eq!(report["files"][0]["result"], "kept", "{report}");
    }
}
