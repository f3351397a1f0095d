#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::super::bundle::base_of;
use super::super::items::{NESTED, NOT_A_KIND, PATCH};
use super::super::{Document, Draft, fuzz_one};
use super::*;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::io::{self, Write};

struct Found {
    summary: Summary,
    drafts: Vec<Draft>,
    refused: Vec<(String, &'static str)>,
    documents: Vec<Document>,
    deleted: Vec<String>,
}

fn found_in(input: impl Read, name: &str) -> Found {
    let (mut drafts, mut refused, mut documents, mut deleted) = (vec![], vec![], vec![], vec![]);
    let mut sink = |outcome| {
        match outcome {
            Outcome::Draft(draft) => drafts.push(*draft),
            Outcome::Refused(item) => refused.push((item.location, item.reason)),
            Outcome::Document(document) => documents.push(document),
            Outcome::Deleted(item) => deleted.push(item.key),
        }
        ControlFlow::Continue(())
    };
    let summary = read_fhir(input, name, &mut sink).unwrap();
    Found {
        summary,
        drafts,
        refused,
        documents,
        deleted,
    }
}

fn found(text: &str) -> Found {
    found_in(text.as_bytes(), "file.json")
}

fn places(found: &Found) -> Vec<&str> {
    found
        .drafts
        .iter()
        .map(|draft| draft.location.as_str())
        .collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn entry(id: &str) -> String {
    format!(
        r#"{{"fullUrl":"http://a.fr/Patient/{id}","resource":{{"resourceType":"Patient","id":"{id}"}}}}"#
    )
}

fn bundle(kind: &str, entries: &[String]) -> String {
    format!(
        r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#,
        entries.join(",")
    )
}

#[test]
fn a_single_resource_keeps_its_bytes() {
    let text = "{\n  \"resourceType\" : \"Patient\",\r\n\t\"id\":\"1\" , \"x\":1.0\n}";
    let found = found(&format!("\n {text} \n"));
    assert_eq!(found.drafts.first().unwrap().text, text);
    assert_eq!(
        (places(&found), found.summary.format),
        (vec!["file"], "fhir-json")
    );
    assert_eq!(
        found.summary.hash,
        *blake3::hash(format!("\n {text} \n").as_bytes()).as_bytes()
    );
}

#[test]
fn every_type_of_bundle_gives_its_entries() {
    for kind in [
        "collection",
        "searchset",
        "transaction",
        "batch",
        "history",
        "document",
        "message",
        "batch-response",
    ] {
        let found = found(&bundle(kind, &[entry("1"), entry("2")]));
        assert_eq!(
            (places(&found), found.refused.len()),
            (vec!["entry[0]", "entry[1]"], 0)
        );
        assert_eq!(
            found.drafts.first().unwrap().text,
            r#"{"resourceType":"Patient","id":"1"}"#
        );
        assert_eq!(
            found.drafts.first().unwrap().full_url.as_deref(),
            Some("http://a.fr/Patient/1")
        );
    }
}

#[test]
fn members_may_come_in_any_order() {
    let sorted = format!(
        r#"{{"entry":[{}],"id":"b","link":[],"resourceType":"Bundle","type":"collection"}}"#,
        [entry("1"), entry("2")].join(", ")
    );
    assert_eq!(places(&found(&sorted)), ["entry[0]", "entry[1]"]);
    // A List has entries too, and is one resource.
    let list = r#"{"entry":[{"item":{"reference":"Patient/1"}},{"item":{"reference":"Patient/2"}}],"id":"l","resourceType":"List"}"#;
    let found = found(list);
    assert_eq!(
        (places(&found), found.drafts.first().unwrap().text.as_str()),
        (vec!["file"], list)
    );
}

#[test]
fn an_entry_that_is_bad_costs_itself_only() {
    let bad = [
        r#"{"resource":{"resourceType":"Patient","id":"x","id":"y"}}"#,
        r#"{"resource":{"resourceType":"Patient","id":"\ud800"}}"#,
        r#"{"resource":{"id":"x"}}"#,
        "{}",
        "null",
        r#"{"resource":{"resourceType":"Patient","x":[1,]}}"#,
        r#"{"resource":{"resourceType":"OperationOutcome"}}"#,
    ];
    let entries: Vec<String> = bad
        .iter()
        .map(|text| (*text).to_owned())
        .chain([entry("1")])
        .collect();
    let found = found(&bundle("collection", &entries));
    assert_eq!(places(&found), ["entry[7]"]);
    let refused: Vec<&str> = found
        .refused
        .iter()
        .map(|(place, _)| place.as_str())
        .collect();
    assert_eq!(
        refused,
        [
            "entry[0]", "entry[1]", "entry[2]", "entry[3]", "entry[4]", "entry[5]"
        ]
    );
    assert_eq!(
        found.summary.warnings,
        ["1 messages of the server left out"]
    );
}

#[test]
fn what_is_too_deep_alone_is_refused_inside_a_bundle_too() {
    let deep = |depth: usize| {
        format!(
            r#"{{"resource":{{"resourceType":"Basic","x":{}{}}}}}"#,
            "[".repeat(depth - 1),
            "]".repeat(depth - 1)
        )
    };
    let found = found(&bundle("collection", &[deep(64), deep(65)]));
    assert_eq!(
        (places(&found), found.refused.first().unwrap().1),
        (vec!["entry[0]"], json::TOO_DEEP.0)
    );
}

#[test]
fn searches_histories_and_batches_say_more_than_resources() {
    let entries = [
        r#"{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome"}}"#.to_owned(),
        r#"{"fullUrl":"http://a.fr/Patient/9","request":{"method":"DELETE","url":"Patient/9"}}"#.to_owned(),
        r#"{"request":{"method":"GET","url":"Patient/9"}}"#.to_owned(),
        r#"{"request":{"method":"PATCH","url":"Patient/9"},"resource":{"resourceType":"Parameters"}}"#.to_owned(),
        entry("9"),
    ];
    let found = found(&bundle("history", &entries));
    assert_eq!(
        (places(&found), &found.deleted),
        (vec!["entry[4]"], &vec!["http://a.fr/Patient/9".to_owned()])
    );
    assert!(
        found
            .drafts
            .first()
            .unwrap()
            .resource
            .aliases
            .contains(found.deleted.first().unwrap())
    );
    assert_eq!(found.refused, [("entry[3]".to_owned(), PATCH)]);
    assert_eq!(found.summary.warnings.len(), 3);
}

#[test]
fn a_servers_answer_names_its_entries() {
    let text = r#"{"resourceType":"Bundle","link":[{"relation":"self","url":"http://a.fr/r4/Patient?_count=5"}],"entry":[{"resource":{"resourceType":"Patient","id":"1"}}]}"#;
    let draft = found(text).drafts.pop().unwrap();
    assert_eq!(draft.full_url.as_deref(), Some("http://a.fr/r4/Patient/1"));
    for (url, base) in [
        ("http://h/fhir/Patient/1/$everything", "http://h/fhir"),
        ("https://h/_history", "https://h"),
        ("https://h/x?y", "https://h/x"),
    ] {
        assert_eq!(base_of(url).as_deref(), Some(base));
    }
    let other = r#"{"resourceType":"Bundle","meta":{"source":"urn:clinic#1"},"entry":[{"resource":{"resourceType":"Patient","id":"1"}}]}"#;
    assert_eq!(found(other).drafts.pop().unwrap().issuer, "urn:clinic");
}

#[test]
fn bundles_in_bundles_are_flattened_to_a_depth() {
    let wrap = |inner: String| format!(r#"{{"resource":{}}}"#, bundle("collection", &[inner]));
    let two = wrap(entry("1"));
    assert_eq!(
        places(&found(&bundle(
            "batch-response",
            std::slice::from_ref(&two)
        ))),
        ["entry[0].entry[0]"]
    );
    let five = (0..4).fold(two, |inner, _| wrap(inner));
    let found = found(&bundle("collection", &[five]));
    assert_eq!(
        (places(&found).len(), found.refused.first().unwrap().1),
        (0, NESTED)
    );
}

const LINES: &str = "{\"resourceType\":\"Patient\",\"id\":\"1\"}\r\n\n{\"resourceType\":\"Patient\",\"id\":\"2\"\n{\"resourceType\":\"Patient\",\"id\":\"3\"} x\nnonsense\n{\"resourceType\":\"Patient\",\"id\":\"4\"}";

#[test]
fn a_bad_line_costs_itself_only() {
    for name in ["a.ndjson", "a.bin"] {
        let found = found_in(LINES.as_bytes(), name);
        assert_eq!(places(&found), ["line 1", "line 4", "line 6"]);
        let refused: Vec<&str> = found
            .refused
            .iter()
            .map(|(place, _)| place.as_str())
            .collect();
        assert_eq!(
            (refused, found.summary.format),
            (vec!["line 3", "line 4", "line 5"], "fhir-ndjson")
        );
    }
}

#[test]
fn a_bad_first_line_costs_itself_only() {
    let lines =
        "{\"resourceType\":\"Patient\",\"id\"\n{\"resourceType\":\"Patient\",\"id\":\"3\"}\n";
    assert_eq!(places(&found_in(lines.as_bytes(), "a.json")), ["line 2"]);
    let cut_at_comma =
        "{\"resourceType\":\"Patient\",\n{\"resourceType\":\"Patient\",\"id\":\"3\"}\n";
    assert_eq!(
        places(&found_in(cut_at_comma.as_bytes(), "a.ndjson.gz")),
        ["line 2"]
    );
}

#[test]
fn entries_on_their_own_lines_are_still_one_bundle() {
    let text = format!(
        "{{\"resourceType\":\"Bundle\",\"entry\":[\n{},\n{}\n]}}\n",
        entry("1"),
        entry("2")
    );
    assert_eq!(
        places(&found_in(text.as_bytes(), "a.ndjson")),
        ["entry[0]", "entry[1]"]
    );
}

#[test]
fn bundles_may_stand_on_lines_and_resources_in_an_array() {
    let text = format!(
        "{}\n{}\n",
        bundle("collection", &[entry("1")]),
        bundle("collection", &[entry("2"), entry("3")])
    );
    assert_eq!(
        places(&found(&text)),
        ["line 1 entry[0]", "line 2 entry[0]", "line 2 entry[1]"]
    );
    let array = "[{\"resourceType\":\"Patient\"}, {\"resourceType\":\"Flag\"} ,5]";
    let found = found(array);
    assert_eq!(
        (places(&found), found.refused.len()),
        (vec!["[0]", "[1]"], 1)
    );
}

#[test]
fn compressed_files_are_read_through_all_their_members() {
    let file = [
        gzip(b"{\"resourceType\":\"Patient\",\"id\":\"1\"}\n"),
        gzip(b"{\"resourceType\":\"Patient\",\"id\":\"2\"}\n"),
    ]
    .concat();
    let found = found_in(&file[..], "x.ndjson.gz");
    assert_eq!(
        (places(&found), found.summary.format),
        (vec!["line 1", "line 2"], "fhir-ndjson-gz")
    );
    assert_eq!(found.summary.hash, *blake3::hash(&file).as_bytes());
}

#[test]
fn a_file_that_ends_early_keeps_what_came_before() {
    let text = bundle("collection", &[entry("1"), entry("2")]);
    let cut = text.get(..text.len() - 12).unwrap();
    let found = found(cut);
    assert_eq!(
        (places(&found), &found.refused),
        (vec!["entry[0]"], &vec![("entry[1]".to_owned(), CUT)])
    );
    let file = gzip(text.as_bytes());
    let found = found_in(file.get(..file.len() - 9).unwrap(), "x");
    assert_eq!(found.refused.last().unwrap().1, DAMAGED);
}

fn only_refusal(bytes: &[u8], name: &str) -> &'static str {
    let found = found_in(bytes, name);
    assert!(found.drafts.is_empty() && found.documents.is_empty());
    assert_eq!(
        (
            found.refused.len(),
            found.refused.first().unwrap().0.as_str(),
            found.summary.format
        ),
        (1, "file", "unknown")
    );
    assert_eq!(found.summary.hash, *blake3::hash(bytes).as_bytes());
    found.refused.first().unwrap().1
}

#[test]
fn what_is_not_fhir_json_is_refused_in_a_word() {
    assert_eq!(only_refusal(b"", "x"), EMPTY);
    assert_eq!(only_refusal(b" \r\n\t ", "x.ndjson"), EMPTY);
    assert_eq!(only_refusal(&gzip(b""), "x"), EMPTY);
    assert_eq!(only_refusal(b"\xff\xfe{\0}\0", "x"), UTF_16);
    assert_eq!(only_refusal(b"\xfe\xff\0{\0}", "x"), UTF_16);
    assert_eq!(only_refusal(b"<Patient/>", "x"), NOT_JSON);
    assert_eq!(only_refusal(b"%PDF-1.7", "x.ndjson"), NOT_JSON);
    assert_eq!(only_refusal(b"{}", "x"), NOT_A_KIND);
    assert_eq!(only_refusal(b"{\"a\":1", "x"), CUT);
    assert_eq!(only_refusal(b"{\"a\":\"\xff\"}", "x"), NOT_UTF_8);
    assert_eq!(only_refusal(b"{\"a\":1]", "x"), MALFORMED.0);
    assert_eq!(only_refusal(b"\x1f\x8b\x08nonsense", "x"), DAMAGED);
}

#[test]
fn a_byte_order_mark_is_no_obstacle() {
    let found = found_in(&b"\xef\xbb\xbf{\"resourceType\":\"Patient\"}"[..], "x");
    assert_eq!(
        found.drafts.first().unwrap().text,
        "{\"resourceType\":\"Patient\"}"
    );
}

/// Bytes that are never held in memory.
struct Endless {
    head: &'static [u8],
    filler: u8,
    left: u64,
    tail: &'static [u8],
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.head.is_empty() {
            return self.head.read(buffer);
        }
        if self.left == 0 {
            return self.tail.read(buffer);
        }
        let count = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        buffer.get_mut(..count).unwrap().fill(self.filler);
        self.left -= count as u64;
        Ok(count)
    }
}

#[test]
fn hostile_shapes_are_refused_in_bounded_time() {
    let nested = Endless {
        head: b"{\"resourceType\":\"Patient\",\"x\":",
        filler: b'[',
        left: 1_000_000,
        tail: b"",
    };
    assert_eq!(found_in(nested, "x").refused.first().unwrap().1, CUT);
    let deep = format!(
        "{{\"resourceType\":\"Patient\",\"x\":{}{}}}",
        "[".repeat(1_000_000),
        "]".repeat(1_000_000)
    );
    assert_eq!(found(&deep).refused.first().unwrap().1, json::TOO_DEEP.0);
    let number = Endless {
        head: b"{\"resourceType\":\"Patient\",\"x\":",
        filler: b'7',
        left: 1_000_000,
        tail: b"}",
    };
    assert_eq!(
        found_in(number, "x").refused.first().unwrap().1,
        json::NUMBER_TOO_LONG.0
    );
    let zeros = Endless {
        head: b"",
        filler: 0,
        left: 100 << 20,
        tail: b"",
    };
    assert_eq!(
        found_in(zeros, "x.ndjson").refused.first().unwrap().1,
        NOT_JSON
    );
}

#[test]
fn zeros_that_were_compressed_end_fast() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(
        &mut Endless {
            head: b"",
            filler: 0,
            left: 200 << 20,
            tail: b"",
        },
        &mut encoder,
    )
    .unwrap();
    assert_eq!(only_refusal(&encoder.finish().unwrap(), "x"), NOT_JSON);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    io::copy(
        &mut Endless {
            head: b"{\"a\":\"",
            filler: b'0',
            left: 200 << 20,
            tail: b"\"}",
        },
        &mut encoder,
    )
    .unwrap();
    assert_eq!(only_refusal(&encoder.finish().unwrap(), "x"), EXPANDS);
}

#[test]
fn a_huge_entry_is_skipped_and_the_rest_read() {
    let huge = Endless {
        head: b"{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Binary\",\"data\":\"",
        filler: b'A',
        left: 40 << 20,
        tail: b"\"}},{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"1\"}}]}",
    };
    let found = found_in(huge, "x");
    assert_eq!(
        (places(&found), &found.refused),
        (vec!["entry[1]"], &vec![("entry[0]".to_owned(), TOO_LARGE)])
    );
    let one = Endless {
        head: b"{\"resourceType\":\"Binary\",\"data\":\"",
        filler: b'A',
        left: 40 << 20,
        tail: b"\"}",
    };
    assert_eq!(found_in(one, "x").refused, [("file".to_owned(), TOO_LARGE)]);
}

#[test]
fn other_releases_are_kept_as_documents() {
    let text = bundle(
        "collection",
        &[
            r#"{"resource":{"resourceType":"MedicationOrder","id":"1"}}"#.to_owned(),
            entry("1"),
        ],
    );
    let found = found(&text);
    let document = found.documents.first().unwrap();
    assert_eq!(
        (document.location.as_str(), document.text.as_str()),
        ("entry[0]", r#"{"resourceType":"MedicationOrder","id":"1"}"#)
    );
    assert_eq!((places(&found).len(), found.summary.warnings.len()), (1, 1));
}

#[test]
fn the_sink_may_stop_the_reading() {
    let mut seen = 0;
    let text = bundle("collection", &[entry("1"), entry("2"), entry("3")]);
    let mut sink = |_| {
        seen += 1;
        if seen == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let summary = read_fhir(text.as_bytes(), "x", &mut sink).unwrap();
    assert_eq!((seen, summary.stopped, summary.hash), (2, true, [0; 32]));
}

#[test]
fn a_failing_file_is_an_error() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut sink = |_| ControlFlow::Continue(());
    let begins: &[u8] = b"{\"resourceType\":";
    assert!(read_fhir(begins.chain(Failing), "x", &mut sink).is_err());
}

/// A reader that cuts its chunks where it likes.
struct Chunks<'a>(&'a [u8], usize);

impl Read for Chunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.1);
        self.0.read(buffer.get_mut(..most).unwrap())
    }
}

proptest! {
    #[test]
    fn how_the_bytes_arrive_does_not_matter(size in 1_usize..40, at in 0_usize..400, byte: u8) {
        let text = format!("{LINES}\n{}", bundle("collection", &[entry("7"), entry("8")]));
        let mut bytes = text.into_bytes();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        let (whole, chunked) = (found_in(&bytes[..], "x"), found_in(Chunks(&bytes, size), "x"));
        prop_assert_eq!(whole.drafts, chunked.drafts);
        prop_assert_eq!(whole.refused, chunked.refused);
        prop_assert_eq!(whole.summary, chunked.summary);
    }

    #[test]
    fn any_bytes_are_read_to_their_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(fuzz_one(&bytes));
    }

    #[test]
    fn any_json_like_text_is_read_to_its_end(text in "([\\{\\}\\[\\]\":,\n 0a\\\\]|\"resourceType\":|\"Bundle\"|\"entry\":|\"resource\":|\"Patient\"|\"id\"){0,40}") {
        prop_assert!(fuzz_one(text.as_bytes()));
    }
}
